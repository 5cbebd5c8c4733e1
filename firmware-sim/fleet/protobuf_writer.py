"""Protocol Buffers on the wire: tags, varints, fixed-width numbers and lengths.

Source: Protocol Buffers documentation, "Encoding". A field of value zero is left out, as proto3
does; messages and oneof members that must stay present are written with `message`.
"""

import struct
from functools import lru_cache

VARINT, LENGTH, FIXED32 = 0, 2, 5
_FLOAT = struct.Struct("<f")


def varint(value: int) -> bytes:
    """Return the base-128 form of a number; a negative one as the 64 bits of its complement."""
    if 0 <= value < 0x80:
        return _SHORT[value]
    rest = value & 0xFFFFFFFFFFFFFFFF
    found = bytearray()
    while rest > 0x7F:
        found.append(rest & 0x7F | 0x80)
        rest >>= 7
    found.append(rest)
    return bytes(found)


@lru_cache(maxsize=1024)
def tag(field: int, kind: int) -> bytes:
    """Return what stands before a field's value; kind: VARINT, LENGTH or FIXED32."""
    return varint(field << 3 | kind)


def integer(field: int, value: int) -> bytes:
    """Return an int32, int64, uint32, uint64, bool or enum field; empty for zero."""
    return tag(field, VARINT) + varint(value) if value else b""


def blob(field: int, value: bytes) -> bytes:
    """Return a bytes field; empty for no bytes."""
    return message(field, value) if value else b""


def text(field: int, value: str) -> bytes:
    """Return a string field in UTF-8; empty for no characters."""
    return message(field, value.encode()) if value else b""


def real(field: int, value: float) -> bytes:
    """Return a float field of 32 bits; empty for zero."""
    return tag(field, FIXED32) + _FLOAT.pack(value) if value else b""


def message(field: int, content: bytes) -> bytes:
    """Return an embedded message's field, also where it is empty."""
    return tag(field, LENGTH) + varint(len(content)) + content


def entry(field: int, key: str, value: str) -> bytes:
    """Return one entry of a map<string, string>; both sides are always written."""
    return message(field, message(1, key.encode()) + message(2, value.encode()))


_SHORT = [bytes((value,)) for value in range(0x80)]
