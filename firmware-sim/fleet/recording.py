"""Recordings: JSON Lines, optionally gzipped, one MQTT message a line.

    {"time": "2026-03-01T12:00:00Z", "topic": "tele/a/SENSOR", "payload": "{…}", "qos": 1}

time     RFC 3339 with an offset, or an integer of UTC ns
topic    a topic without wildcards
payload  text (published as UTF-8), or else payload_base64 for any bytes
qos      0 or 1, 1 where it is missing; retain: true or false, false where it is missing
Lines are best in the order of time; a message that is older than the one before it is sent at once.
"""

import base64
import binascii
import gzip
import io
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

import msgspec

from fleet.errors import RecordingError
from fleet.message import Message, rfc3339, time_ns_of

_GZIP = b"\x1f\x8b"
_TOPIC_BYTES_MAX = 65_535  # MQTT 3.1.1, section 1.5.3
_KEYS = frozenset({"time", "topic", "payload", "payload_base64", "qos", "retain"})


class Recording:
    """A recording that has been read through once: each line is valid, and they are counted.

    Iterating reads the file again, line by line, so a long recording needs no memory.
    """

    def __init__(self, path: Path) -> None:
        """Check every line. Errors: RecordingError naming file and line."""
        self.path = path
        self.start_ns, self.end_ns, self._length = 0, 0, 0
        for message in self:
            if self._length == 0:
                self.start_ns = self.end_ns = message.time_ns
            self.start_ns = min(self.start_ns, message.time_ns)
            self.end_ns = max(self.end_ns, message.time_ns)
            self._length += 1
        if self._length == 0:
            raise RecordingError(f"{path}: expected at least one message, found none")

    def __len__(self) -> int:
        """Return how many messages it holds."""
        return self._length

    def __iter__(self) -> Iterator[Message]:
        """Yield the messages in the order of the lines."""
        with opened(self.path) as file:
            number = 0
            try:
                for number, line in enumerate(file, 1):  # noqa: B007  # used in the error below
                    if line.strip():
                        yield _message(line)
            except ValueError as error:
                raise RecordingError(f"{self.path}, line {number}: {error}") from error
            except (OSError, EOFError, zlib.error) as error:
                raise RecordingError(
                    f"{self.path}, after line {number}: expected a whole file, found {error}"
                ) from error


def write_recording(path: Path, messages: Iterable[Message]) -> int:
    """Write messages, gzipped where the name ends in .gz, and return how many they were.

    The same messages make the same bytes: the gzip header carries no time and no name.
    """
    count = 0
    with path.open("wb") as raw:
        packed = gzip.GzipFile("", "wb", fileobj=raw, mtime=0) if path.suffix == ".gz" else None
        file: IO[bytes] = packed or raw  # type: ignore[assignment]  # both take bytes
        for message in messages:
            file.write(_line(message))
            count += 1
        if packed is not None:
            packed.close()
    return count


def opened(path: Path) -> IO[bytes]:
    """Return a file opened for reading, unzipped if its content is gzip; the caller closes it."""
    raw = path.open("rb")
    head = raw.read(2)
    raw.seek(0)
    if head != _GZIP:
        return raw
    raw.close()
    return io.BufferedReader(gzip.open(path, "rb"))


def _line(message: Message) -> bytes:
    fields: dict[str, object] = {"time": rfc3339(message.time_ns), "topic": message.topic}
    try:
        fields["payload"] = message.payload.decode()
    except UnicodeDecodeError:
        fields["payload_base64"] = base64.b64encode(message.payload).decode("ascii")
    fields["qos"] = message.qos
    if message.retain:
        fields["retain"] = True
    return msgspec.json.encode(fields) + b"\n"


def _message(line: bytes) -> Message:
    """Return the message of a line, or raise ValueError with what was expected and found."""
    try:
        fields = msgspec.json.decode(line)
    except msgspec.DecodeError as error:
        raise ValueError(f"expected a JSON object, found {_short(line)} ({error})") from error
    if not isinstance(fields, dict):
        raise ValueError(f"expected a JSON object, found {_short(line)}")
    unknown = fields.keys() - _KEYS
    if unknown:
        raise ValueError(f"expected keys of {sorted(_KEYS)}, found {sorted(unknown)}")
    qos, retain = fields.get("qos", 1), fields.get("retain", False)
    if isinstance(qos, bool) or qos not in (0, 1):
        raise ValueError(f'expected "qos" to be 0 or 1, found {qos!r}')
    if not isinstance(retain, bool):
        raise ValueError(f'expected "retain" to be true or false, found {retain!r}')
    topic = _topic(fields.get("topic"))
    return Message(_time_ns(fields.get("time")), topic, _payload(fields), qos, retain)


def _time_ns(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str):
        return time_ns_of(value)
    raise ValueError(f'expected "time" to be RFC 3339 or an integer of ns, found {value!r}')


def _topic(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f'expected "topic" to be a text that isn\'t empty, found {value!r}')
    if any(mark in value for mark in "+#\0") or len(value.encode()) > _TOPIC_BYTES_MAX:
        raise ValueError(
            f'expected "topic" without + and # and NUL, of {_TOPIC_BYTES_MAX} bytes at most, '
            f"found {_short(value.encode())}"
        )
    return value


def _payload(fields: dict[str, object]) -> bytes:
    text, encoded = fields.get("payload"), fields.get("payload_base64")
    if isinstance(text, str) and encoded is None:
        return text.encode()
    if isinstance(encoded, str) and text is None:
        try:
            return base64.b64decode(encoded, validate=True)
        except binascii.Error as error:
            raise ValueError(f'expected "payload_base64" to be base64, found {error}') from error
    raise ValueError(
        'expected either "payload" (a text; JSON goes in as a quoted text) or "payload_base64", '
        f"found payload {text!r:.60}, payload_base64 {encoded!r:.60}"
    )


def _short(line: bytes) -> str:
    text = line.decode("utf-8", "replace").strip()
    return repr(text if len(text) <= 60 else text[:59] + "…")
