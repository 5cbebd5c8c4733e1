"""The 16-bit CRCs of meter telegrams, lowest bit first.

Source: the catalogue names of ITU-T V.42 / IEC 13239 (X-25), and CRC-16/ARC, CRC-16/KERMIT.
"""


def _table(polynomial: int) -> tuple[int, ...]:
    """Return the 256 steps of a CRC whose polynomial is written lowest bit first."""
    rows = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ (polynomial if crc & 1 else 0)
        rows.append(crc)
    return tuple(rows)


_CCITT = _table(0x8408)
_ARC = _table(0xA001)


def x25(data: bytes) -> int:
    """Return CRC-16/X-25: x16 + x12 + x5 + 1, start and final XOR 0xFFFF."""
    return _crc(data, _CCITT, 0xFFFF) ^ 0xFFFF


def kermit(data: bytes) -> int:
    """Return CRC-16/KERMIT: the polynomial of X-25, started at 0."""
    return _crc(data, _CCITT, 0)


def arc(data: bytes) -> int:
    """Return CRC-16/ARC: x16 + x15 + x2 + 1, started at 0."""
    return _crc(data, _ARC, 0)


def swapped(crc: int) -> int:
    """Return a 16-bit number with its two bytes exchanged."""
    return crc >> 8 | (crc & 0xFF) << 8


def _crc(data: bytes, table: tuple[int, ...], crc: int) -> int:
    for byte in data:
        crc = crc >> 8 ^ table[(crc ^ byte) & 0xFF]
    return crc
