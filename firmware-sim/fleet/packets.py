"""MQTT 3.1.1 packets as a client that only publishes needs them.

Source: OASIS MQTT Version 3.1.1, sections 2.2 (fixed header), 3.1 (CONNECT), 3.2 (CONNACK),
3.3 (PUBLISH), 3.4 (PUBACK), 3.12 to 3.14 (PINGREQ, PINGRESP, DISCONNECT).
"""

from fleet.errors import EncodingError

CONNACK, PUBACK, PINGRESP = 2, 4, 13  # the kinds that a broker sends to a publisher
ID_MAX = 65_535
PINGREQ = b"\xc0\x00"
DISCONNECT = b"\xe0\x00"
_TEXT_MAX = 65_535
_LENGTH_MAX = 268_435_455
_CLEAN_SESSION, _PASSWORD, _USERNAME = 0x02, 0x40, 0x80


def connect(
    client_id: str,
    username: str | None = None,
    password: str | None = None,
    keepalive_s: int = 60,
) -> bytes:
    """Return a CONNECT for a clean session; a keepalive of 0 turns the broker's watch off."""
    if not 0 <= keepalive_s <= 65_535:
        raise EncodingError(f"keepalive: expected 0 to 65535 s, found {keepalive_s}")
    flags, told = _CLEAN_SESSION, _text("client id", client_id)
    if username is not None:
        flags |= _USERNAME
        told += _text("user name", username)
        if password is not None:
            flags |= _PASSWORD
            told += _text("password", password)
    elif password is not None:
        raise EncodingError("password: expected a user name with it, found none")
    head = b"\x00\x04MQTT\x04" + bytes((flags,)) + keepalive_s.to_bytes(2, "big")
    return b"\x10" + _length(len(head) + len(told)) + head + told


def publish(
    topic: str, payload: bytes, qos: int = 0, *, retain: bool = False, packet_id: int = 0
) -> bytes:
    """Return a PUBLISH of QoS 0 or 1. Errors: EncodingError for what MQTT can't carry.

    packet_id  1 to 65535 for QoS 1; 0 leaves a place for one, at `id_place`
    """
    name = _text("topic", topic)
    if not topic or "+" in topic or "#" in topic:
        raise EncodingError(f"topic: expected a name without + and #, found {topic[:60]!r}")
    if qos not in (0, 1) or not 0 <= packet_id <= ID_MAX:
        raise EncodingError(f"expected QoS 0 or 1 and an id to 65535, found {qos} and {packet_id}")
    if qos:
        name += packet_id.to_bytes(2, "big")
    first = bytes((0x30 | qos << 1 | retain,))
    return first + _length(len(name) + len(payload)) + name + payload


def id_place(packet: bytes) -> int:
    """Return where in a PUBLISH of QoS 1 the two bytes of its id stand."""
    at = 1
    while packet[at] & 0x80:
        at += 1
    return at + 3 + int.from_bytes(packet[at + 1 : at + 3], "big")


def puback(packet_id: int) -> bytes:
    """Return the PUBACK for a PUBLISH with that id."""
    if not 1 <= packet_id <= ID_MAX:
        raise EncodingError(f"packet id: expected 1 to 65535, found {packet_id}")
    return b"\x40\x02" + packet_id.to_bytes(2, "big")


def split(data: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """Return the whole packets in data as (kind, what follows the length), and the rest.

    Errors  EncodingError where a length takes more than four bytes: this is no MQTT
    """
    packets, at = [], 0
    while at + 2 <= len(data):
        length, shift, head = 0, 0, at + 1
        while head < len(data):
            byte = data[head]
            length |= (byte & 0x7F) << shift
            head, shift = head + 1, shift + 7
            if byte < 0x80:
                break
            if shift > 21:
                raise EncodingError(f"expected MQTT, found {data[at : at + 8].hex(' ')}")
        else:
            break
        if head + length > len(data):
            break
        packets.append((data[at] >> 4, data[head : head + length]))
        at = head + length
    return packets, data[at:]


def _text(what: str, text: str) -> bytes:
    """Return a text with its length before it (section 1.5.3)."""
    try:
        raw = text.encode()
    except UnicodeEncodeError as error:
        raise EncodingError(f"{what}: expected text, found {text[:60]!r}") from error
    if len(raw) > _TEXT_MAX or "\0" in text:
        raise EncodingError(
            f"{what}: expected up to {_TEXT_MAX} bytes of text without NUL, "
            f"found {len(raw)} bytes: {text[:60]!r}"
        )
    return len(raw).to_bytes(2, "big") + raw


def _length(length: int) -> bytes:
    """Return the remaining length, seven bits a byte, the lowest first (section 2.2.3)."""
    if length < 0x80:
        return bytes((length,))
    if length < 0x4000:
        return bytes((length & 0x7F | 0x80, length >> 7))
    if length > _LENGTH_MAX:
        raise EncodingError(f"packet: expected up to {_LENGTH_MAX} bytes, found {length}")
    digits = bytearray()
    while length >= 0x80:
        digits.append(length & 0x7F | 0x80)
        length >>= 7
    digits.append(length)
    return bytes(digits)
