"""The transport of SML: files between escape sequences, and how to find them in a byte stream.

Source: BSI TR-03109-1, annex "Feinspezifikation Drahtgebundene LMN-Schnittstelle, Teil b"
(SML 1.04), "SML Transport Protocol, version 1".

A file is 1b1b1b1b 01010101, the messages, 0 to 3 zero bytes of padding, then 1b1b1b1b 1a, the
number of padding bytes and a CRC-16/X-25 (low byte first) over everything before it. Four bytes
1b in the messages are sent twice.

A serial bridge cuts where it likes: a payload may start or end in the middle of a file, hold
several, and noise between them. What cannot be a whole file is passed over and said in `faults`.
"""

from typing import NamedTuple

from ingest.errors import PayloadError
from ingest.meters import crc

ESCAPE = b"\x1b\x1b\x1b\x1b"
START = ESCAPE + b"\x01\x01\x01\x01"
END = ESCAPE + b"\x1a"
PADDING_MAX = 3
FILES_MAX = 64
FILE_BYTES_MAX = 65_536


class Framed(NamedTuple):
    """The messages of one file, unescaped and without padding.

    checked  its CRC is X-25; False: it is the CRC "Kermit" that some Holley and Itron meters send
    """

    content: bytes
    checked: bool


class Stream(NamedTuple):
    """What a payload holds: whole files, and why the other parts of it are none."""

    files: tuple[Framed, ...]
    faults: tuple[PayloadError, ...]


def split(payload: bytes) -> Stream:
    """Return the files in a payload, in their order.

    Errors  PayloadError for more than 64 files.
    """
    files: list[Framed] = []
    faults: list[PayloadError] = []
    at = payload.find(START)
    while at >= 0:
        if len(files) + len(faults) >= FILES_MAX:
            raise PayloadError("SML files", f"at most {FILES_MAX} in a payload", "more")
        try:
            file, at = _file(payload, at)
            files.append(file)
            at = payload.find(START, at)
        except PayloadError as fault:
            faults.append(fault)
            at = payload.find(START, at + len(START))
    return Stream(tuple(files), tuple(faults))


def _file(payload: bytes, start: int) -> tuple[Framed, int]:
    """Return the file that starts here, and the place after it."""
    content = bytearray()
    at = start + len(START)
    while True:
        escape = payload.find(ESCAPE, at, start + FILE_BYTES_MAX)
        if escape < 0 or escape + 8 > len(payload):
            raise PayloadError(
                f"SML file at byte {start}",
                "an end sequence 1b1b1b1b1a with padding and CRC",
                f"{len(payload) - start} bytes without one; the file is cut short",
            )
        content += payload[at:escape]
        code = payload[escape + 4 : escape + 8]
        at = escape + 8
        if code == ESCAPE:
            content += ESCAPE
        elif code[0] == END[-1]:
            break
        else:
            raise PayloadError(
                f"SML escape at byte {escape}", "1b1b1b1b again or an end (1a)", code.hex()
            )
    padding, stated = code[1], code[2:]
    if padding > PADDING_MAX or bytes(padding) != content[len(content) - padding :]:
        raise PayloadError(f"SML padding at byte {escape}", "0 to 3 zero bytes", padding)
    raw, told = payload[start : at - 2], int.from_bytes(stated, "little")
    expected, kermit = crc.x25(raw), crc.kermit(raw)
    checked = told == expected
    if not checked and told not in {kermit, crc.swapped(kermit)}:
        want = expected.to_bytes(2, "little").hex()
        raise PayloadError(f"SML CRC at byte {at - 2}", want, stated.hex())
    return Framed(bytes(content[: len(content) - padding]), checked), at
