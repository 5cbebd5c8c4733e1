"""SML telegrams of German electricity meters, as an optical head and a serial bridge pass them on.

Source: BSI TR-03109-1, annex "Feinspezifikation Drahtgebundene LMN-Schnittstelle, Teil b"
(SML 1.04): transport protocol version 1, SML_PublicOpen.Res, SML_GetList.Res, SML_PublicClose.Res
and their binary coding; FNN, "Lastenheft EDL", for the list of values and the status word;
DIN 43863-5 for the server id. Registers are Integer64 of 0.1 Wh, powers Integer32 of 1 W.

A telegram is one file: 1b1b1b1b 01010101, three messages with a CRC-16/X-25 each, zeros up to a
multiple of four bytes, 1b1b1b1b 1a, the number of zeros, and the CRC of all of it.
"""

import re
import struct
from binascii import crc_hqx
from functools import lru_cache

from fleet.errors import EncodingError

OPEN_RES, GET_LIST_RES, CLOSE_RES = 0x0101, 0x0701, 0x0201

_START, _ESCAPE = b"\x1b\x1b\x1b\x1b\x01\x01\x01\x01", b"\x1b\x1b\x1b\x1b"
_NONE = b"\x01"  # an optional field that is left out: an empty octet string
_NUMBER = re.compile(r"([1-9])([A-Z]{3})([0-9A-F]{2})(\d{8})", re.ASCII)
_REGISTER = re.compile(r"(\d{1,3})-(\d{1,3}):(\d{1,3})\.(\d{1,3})\.(\d{1,3})\*(\d{1,3})", re.ASCII)
_WATT, _WATT_HOUR = 27, 30  # DLMS unit codes
_STATUS, _STATUS_EXPORTS = 0x0182, 0x20
_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_PHASE_CODES = ("1-0:36.7.0*255", "1-0:56.7.0*255", "1-0:76.7.0*255")
_INT32, _INT64, _UINT32 = struct.Struct(">i"), struct.Struct(">q"), struct.Struct(">I")


def encode(
    meter_id: str,
    *,
    import_wh_tenths: int,
    export_wh_tenths: int | None = None,
    power_w: int | None = None,
    phase_powers_w: tuple[int, int, int] | None = None,
    seconds_index: int,
) -> bytes:
    """Return the telegram that a meter pushes at its second `seconds_index`.

    meter_id          as DIN 43863-5 spells it: "1EMH0012345678"
    import_wh_tenths  register 1-0:1.8.0 in 0.1 Wh
    export_wh_tenths  register 1-0:2.8.0 in 0.1 Wh; None: a meter of import alone
    power_w           1-0:16.7.0, negative while exporting; None: a meter that shows none
    phase_powers_w    1-0:36.7.0, 56.7.0 and 76.7.0; they come with power_w
    seconds_index     seconds since the meter was put in operation, u32
    Errors            EncodingError for a number that is none, or a value out of its range
    """
    if phase_powers_w is not None and power_w is None:
        raise EncodingError("SML: expected power_w beside phase_powers_w, found none")
    head = _head(meter_id)
    try:
        second = _UINT32.pack(seconds_index)
        status = _STATUS | (_STATUS_EXPORTS if power_w is not None and power_w < 0 else 0)
        rows = [head.rows, head.imported, _UINT32.pack(status), head.scale]
        rows += [_register(import_wh_tenths), _NONE]
        count = 3
        if export_wh_tenths is not None:
            rows += [head.exported, _register(export_wh_tenths), _NONE]
            count += 1
        if power_w is not None:
            powers = (power_w, *(phase_powers_w or ()))
            for code, watts in zip(head.powers, powers, strict=False):
                rows += [code, _INT32.pack(watts), _NONE]
            count += len(powers)
    except struct.error as error:
        raise EncodingError(
            f"SML of {meter_id}: expected registers of 0 to 2^63-1 tenths of a Wh, powers within "
            f"32 signed bits and a second within 32 bits, found {import_wh_tenths}, "
            f"{export_wh_tenths}, {power_w}, {phase_powers_w}, {seconds_index}"
        ) from error
    listed = b"".join(
        (
            head.listed,
            second,
            bytes((0x70 + count,)),
            *rows,
            _NONE,
            _NONE,
        )  # signature, gateway time
    )
    first = seconds_index * 3
    return telegram(
        message(first, OPEN_RES, b"\x76\x01\x01\x05" + second + head.opened)
        + message(first + 1, GET_LIST_RES, listed)
        + message(first + 2, CLOSE_RES, b"\x71\x01")
    )


def message(transaction: int, tag: int, body: bytes) -> bytes:
    """Return one SML message with its CRC: group 0, never aborted on an error.

    transaction  its lowest 32 bits become the transaction id
    tag, body    SML_MessageBody: the kind of message, and the coded element that belongs to it
    """
    content = b"".join(
        (
            b"\x76\x05",
            (transaction & 0xFFFFFFFF).to_bytes(4, "big"),
            b"\x62\x00\x62\x00\x72\x63",
            tag.to_bytes(2, "big"),
            body,
        )
    )
    return b"".join((content, b"\x63", _crc(content), b"\x00"))


def telegram(messages: bytes) -> bytes:
    """Return a file of the transport protocol, version 1, around whole messages."""
    zeros = -len(messages) % 4
    content = b"".join(
        (
            _START,
            messages.replace(_ESCAPE, _ESCAPE + _ESCAPE) if _ESCAPE in messages else messages,
            bytes(zeros),
            _ESCAPE,
            bytes((0x1A, zeros)),
        )
    )
    return content + _crc(content)


def server_id(meter_id: str) -> bytes:
    """Return the ten bytes of a server id: "1EMH0012345678" is 0a 01 45 4d 48 00 00 bc 61 4e."""
    match = _NUMBER.fullmatch(meter_id)
    if match is None:
        raise EncodingError(
            "SML meter number: expected DIN 43863-5, as 1EMH0012345678 (a digit, three letters, "
            f"two hex digits, eight digits), found {meter_id!r}"
        )
    medium, maker, block, serial = match.groups()
    rest = bytes.fromhex(block) + int(serial).to_bytes(4, "big")
    return bytes((0x0A, int(medium))) + maker.encode("ascii") + rest


class _Head:
    """What is the same in every telegram of a meter, coded once."""

    __slots__ = ("exported", "imported", "listed", "opened", "powers", "rows", "scale")

    def __init__(self, meter_id: str) -> None:
        server = server_id(meter_id)
        self.opened = _octets(server) + _NONE + _NONE  # reference time, version
        self.listed = (
            b"\x77\x01"
            + _octets(server)
            + _octets(bytes.fromhex("0100620affff"))
            + b"\x72\x62\x01\x65"
        )
        self.rows = _text("1-0:96.50.1*1", server[2:5]) + _text("1-0:96.1.0*255", server)
        self.imported = b"\x77" + _code("1-0:1.8.0*255") + b"\x65"
        self.scale = b"\x01" + _unit(_WATT_HOUR, -1) + b"\x59"
        self.exported = b"\x77" + _code("1-0:2.8.0*255") + b"\x01" + self.scale
        self.powers = tuple(
            b"\x77" + _code(code) + b"\x01\x01" + _unit(_WATT, 0) + b"\x55"
            for code in ("1-0:16.7.0*255", *_PHASE_CODES)
        )


@lru_cache(maxsize=65_536)
def _head(meter_id: str) -> _Head:
    return _Head(meter_id)


def _register(wh_tenths: int) -> bytes:
    if wh_tenths < 0:
        raise struct.error
    return _INT64.pack(wh_tenths)


def _text(code: str, raw: bytes) -> bytes:
    """Return an entry that holds octets: no status, time, unit, scaler or signature."""
    return b"\x77" + _code(code) + b"\x01\x01\x01\x01" + _octets(raw) + _NONE


def _unit(unit: int, scaler: int) -> bytes:
    return bytes((0x62, unit, 0x52, scaler & 0xFF))


def _code(obis: str) -> bytes:
    match = _REGISTER.fullmatch(obis)
    if match is None:
        raise EncodingError(f"OBIS code: expected A-B:C.D.E*F, found {obis!r}")
    return _octets(bytes(int(part) for part in match.groups()))


def _octets(raw: bytes) -> bytes:
    """Return an octet string of at most 14 bytes: its TL byte counts itself."""
    return bytes((len(raw) + 1,)) + raw


def _crc(data: bytes) -> bytes:
    """Return CRC-16/X-25, low byte first, as SML sends it.

    It is the CRC of binascii.crc_hqx, which runs in C, over the bits of every byte mirrored.
    """
    mirrored = crc_hqx(data.translate(_MIRRORED), 0xFFFF) ^ 0xFFFF
    return mirrored.to_bytes(2, "big").translate(_MIRRORED)
