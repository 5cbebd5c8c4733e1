"""Radio frames of wireless M-Bus, with the checksums of their blocks or without.

Source: EN 13757-4:2019, "Data link layer", frame formats A and B.

Format A: 10 bytes and a checksum, then blocks of up to 16 bytes with one each; the length byte
counts no checksum. Format B: up to 126 bytes and a checksum over all of them, then the rest with
its own; the length byte counts the checksums. Most receivers check and take them out, so a frame of
the stated length without them is a frame as well.
"""

from ingest.errors import PayloadError

_DATA = frozenset((0x44, 0x46, 0x48, 0x08, 0x18, 0x28, 0x38))
"""C fields of frames in which a meter sends data: SND-NR, SND-IR, ACC-DMD, RSP-UD."""

_FIRST, _BLOCK, _LONG_BLOCK, _CRC = 10, 16, 126, 2
_LEAST = 12
_POLYNOMIAL = 0x3D65


def content(frame: bytes) -> bytes | None:
    """Return C field, M field, A field (8 bytes in all), CI field and data; None: no radio frame.

    Errors  PayloadError for a frame of format A of which a block fails its checksum
    """
    wired = frame[:1] == b"\x68" and frame[1:2] == frame[2:3] and frame[3:4] == b"\x68"
    if len(frame) < _LEAST or frame[1] not in _DATA or wired:
        return None
    if len(frame) == frame[0] + 1:
        return (_format_b(frame) or frame)[1:]
    return _format_a(frame)


def crc(block: bytes) -> int:
    """Return the checksum of a block: CRC-16, polynomial 3D65h, from 0, inverted at the end."""
    register = 0
    for byte in block:
        register ^= byte << 8
        for _ in range(8):
            register = register << 1 ^ (_POLYNOMIAL if register & 0x8000 else 0)
            register &= 0xFFFF
    return register ^ 0xFFFF


def _is_right(block: bytes) -> bool:
    return crc(block[:-_CRC]) == int.from_bytes(block[-_CRC:], "big")


def _format_a(frame: bytes) -> bytes | None:
    """Return what follows the length byte; None where size or first block are another thing's."""
    rest = frame[0] + 1 - _FIRST
    blocks = -(-rest // _BLOCK)
    if rest <= 0 or len(frame) != _FIRST + rest + _CRC * (1 + blocks):
        return None
    if not _is_right(frame[: _FIRST + _CRC]):
        return None
    found = frame[1:_FIRST]
    for at in range(_FIRST + _CRC, len(frame), _BLOCK + _CRC):
        block = frame[at : at + _BLOCK + _CRC]
        if not _is_right(block):
            raise PayloadError(
                f"M-Bus radio block at byte {at}",
                f"checksum {crc(block[:-_CRC]):04X}h",
                block[-_CRC:].hex().upper() + "h",
            )
        found += block[:-_CRC]
    return found


def _format_b(frame: bytes) -> bytes | None:
    """Return the frame without its checksums; None where there are none."""
    whole = frame[: _LONG_BLOCK + _CRC]
    rest = frame[_LONG_BLOCK + _CRC :]
    if not _is_right(whole) or (rest and (len(rest) <= _CRC or not _is_right(rest))):
        return None
    return whole[:-_CRC] + rest[:-_CRC]
