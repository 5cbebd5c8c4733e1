"""A line of a JSON Lines recording: one MQTT message.

    {"time": "2026-03-01T12:00:00Z", "topic": "tele/a/SENSOR", "payload": "{…}", "qos": 1}

time     RFC 3339 with an offset, or an integer of UTC ns
topic    a topic without wildcards
payload  text (published as UTF-8), or else payload_base64 for any bytes
qos      0 or 1, 1 where it is missing; retain: true or false, false where it is missing
"""

import base64
import binascii

import msgspec

from fleet.message import Message, rfc3339, time_ns_of

_TOPIC_BYTES_MAX = 65_535  # MQTT 3.1.1, section 1.5.3
_KEYS = frozenset({"time", "topic", "payload", "payload_base64", "qos", "retain"})


def line(message: Message) -> bytes:
    """Return a message as a line, with its line feed."""
    fields: dict[str, object] = {"time": rfc3339(message.time_ns), "topic": message.topic}
    try:
        fields["payload"] = message.payload.decode()
    except UnicodeDecodeError:
        fields["payload_base64"] = base64.b64encode(message.payload).decode("ascii")
    fields["qos"] = message.qos
    if message.retain:
        fields["retain"] = True
    return msgspec.json.encode(fields) + b"\n"


def message(text: bytes) -> Message:
    """Return the message of a line, or raise ValueError with what was expected and found."""
    try:
        fields = msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise ValueError(f"expected a JSON object, found {_short(text)} ({error})") from error
    if not isinstance(fields, dict):
        raise ValueError(f"expected a JSON object, found {_short(text)}")
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


def _short(raw: bytes) -> str:
    text = raw.decode("utf-8", "replace").strip()
    return repr(text if len(text) <= 60 else text[:59] + "…")
