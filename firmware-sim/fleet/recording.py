"""Recordings: the messages of a file, in its order. Two formats, known by their content.

`.emrec`          blocks with checksums, compressed; survives a kill: see fleet.emrec
`.jsonl[.gz]`     JSON Lines, gzipped or not, one MQTT message a line: see fleet.jsonlines

Messages are best in the order of time; one that is older than the one before it is sent at once.
"""

import gzip
import io
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from fleet import emrec, jsonlines
from fleet.errors import RecordingError
from fleet.message import Message

GZIP = b"\x1f\x8b"
_BLOCK_MESSAGES = 4096


class Recording:
    """A recording that has been read through once: each message is valid, and they are counted.

    Iterating reads the file again, bit by bit, so a long recording needs no memory.
    notes  sentences about what could not be read: a torn end, damage that was skipped
    """

    def __init__(self, path: Path, *, skip_damaged: bool = False) -> None:
        """Check every message.

        skip_damaged  .emrec only: go on behind damaged bytes and say so in the notes
        Errors        RecordingError naming file and line, or file and offset in bytes
        """
        self.path = path
        self.notes: list[str] = []
        self._skip_damaged = skip_damaged
        self.start_ns, self.end_ns, self._length, self.retained = 0, 0, 0, 0
        for message in self._messages(self.notes):
            if self._length == 0:
                self.start_ns = self.end_ns = message.time_ns
            self.start_ns = min(self.start_ns, message.time_ns)
            self.end_ns = max(self.end_ns, message.time_ns)
            self._length += 1
            self.retained += message.retain
        if self._length == 0:
            told = "; ".join(["", *self.notes])
            raise RecordingError(f"{path}: expected at least one message, found none{told}")

    def __len__(self) -> int:
        """Return how many messages it holds."""
        return self._length

    def __iter__(self) -> Iterator[Message]:
        """Yield the messages in the order of the file."""
        return self._messages([])

    def _messages(self, notes: list[str]) -> Iterator[Message]:
        with self.path.open("rb") as file:
            in_blocks = emrec.is_emrec(file.read(len(emrec.MAGIC)))
            if in_blocks:
                yield from self._of_blocks(file, notes)
        if not in_blocks:
            yield from self._of_lines()

    def _of_blocks(self, file: IO[bytes], notes: list[str]) -> Iterator[Message]:
        for found in emrec.scan(file, str(self.path)):
            if isinstance(found, emrec.Block):
                yield from emrec.rows(found, str(self.path))
                continue
            place = f"{self.path}, {found.size} bytes at byte {found.offset}"
            if found.torn:
                notes.append(f"{place}: {found.reason}; this torn end is left out")
            elif self._skip_damaged:
                notes.append(f"{place}: {found.reason}; what they held is lost and left out")
            else:
                raise RecordingError(
                    f"{place}: expected a block as it was written, found damage: {found.reason}; "
                    "--skip-damaged reads all the others"
                )

    def _of_lines(self) -> Iterator[Message]:
        with opened(self.path) as file:
            number = 0
            try:
                for number, line in enumerate(file, 1):  # noqa: B007  # used in the error below
                    if line.strip():
                        yield jsonlines.message(line)
            except ValueError as error:
                raise RecordingError(f"{self.path}, line {number}: {error}") from error
            except (OSError, EOFError, zlib.error) as error:
                raise RecordingError(
                    f"{self.path}, after line {number}: expected a whole file, found {error}"
                ) from error


def write_recording(path: Path, messages: Iterable[Message]) -> int:
    """Write messages in the format of the name's end, and return how many they were.

    .emrec, else JSON Lines; gzipped where the name ends in .gz. The same messages make the same
    bytes: the gzip header carries no time and no name.
    """
    count = 0
    with path.open("wb") as raw:
        if path.suffix == emrec.SUFFIX:
            raw.write(emrec.head())
            for some in _batched(messages):
                raw.write(emrec.block(some))
                count += len(some)
            return count
        packed = gzip.GzipFile("", "wb", fileobj=raw, mtime=0) if path.suffix == ".gz" else None
        file: IO[bytes] = packed or raw  # type: ignore[assignment]  # both take bytes
        for message in messages:
            file.write(jsonlines.line(message))
            count += 1
        if packed is not None:
            packed.close()
    return count


def opened(path: Path) -> IO[bytes]:
    """Return a file opened for reading, unzipped if its content is gzip; the caller closes it."""
    raw = path.open("rb")
    head = raw.read(2)
    raw.seek(0)
    if head != GZIP:
        return raw
    raw.close()
    return io.BufferedReader(gzip.open(path, "rb"))


def _batched(messages: Iterable[Message]) -> Iterator[list[Message]]:
    some: list[Message] = []
    for message in messages:
        some.append(message)
        if len(some) == _BLOCK_MESSAGES:
            yield some
            some = []
    if some:
        yield some
