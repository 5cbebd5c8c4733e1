"""SML, the Smart Message Language of German electricity meters, as their optical port pushes it.

Source: BSI TR-03109-1, annex "Feinspezifikation Drahtgebundene LMN-Schnittstelle, Teil b"
(SML 1.04): messages, SML_GetList.Res, SML_GetProfileList.Res, SML_Time. Units are the codes of
DLMS (IEC 62056-62, table of units). FNN, "Lastenheft EDL", for the status word. Server ids:
DIN 43863-5.

A payload is transport files (ingest/meters/sml_transport.py), or messages without transport. Each
message has its own CRC-16/X-25. Lists of values are returned as they are, scaler and unit apart;
other messages (open, close, attention, parameters) are checked and counted, not interpreted.

A time that is a secIndex counts from when the meter was started: no time of day, so None.

Meters that break the standard, and what is done:
- Holley DTZ541 and Itron OpenWay 3.HZ, older firmware: the CRC is CRC-16/KERMIT, not X-25.
  Taken if *all* CRCs of at least two messages are so; one wrong CRC is not excused by it.
- Holley: an SML_Time that is a bare number. It is a secIndex.
- DZG DVS74 and kin, see `_mended`: a positive power is read as negative.
- EMH ED300L and eHZ: power 1-0:15.7.0 has no sign; bit 5 of the status of 1-0:1.8.0 is set while
  the meter exports. Taken from EMH meters that send no 1-0:16.7.0; others keep 15.7.0 by its code.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from ingest.clock import SECOND_NS
from ingest.errors import PayloadError
from ingest.meters import crc, obis
from ingest.meters.sml_transport import END, START, Framed, split
from ingest.meters.sml_values import End, Number, Reader, Value, elements, listed, number, octets
from ingest.reading import Json, Measurement

MESSAGES_MAX = 256
SCALER_MAX = 128  # an Integer8
GET_LIST_RES, GET_PROFILE_LIST_RES = 0x0701, 0x0401

UNITS = {
    1: "a", 2: "mo", 3: "wk", 4: "d", 5: "h", 6: "min", 7: "s", 8: "deg", 9: "°C",
    11: "m", 12: "m/s", 13: "m3", 14: "m3", 15: "m3/h", 16: "m3/h", 19: "l", 20: "kg",
    23: "Pa", 24: "bar", 25: "J", 27: "W", 28: "VA", 29: "var", 30: "Wh", 31: "VAh",
    32: "varh", 33: "A", 34: "C", 35: "V", 38: "Ohm", 44: "Hz", 56: "%",
}  # fmt: skip
"""The unit codes of DLMS that meters use."""

_SEC_INDEX, _TIMESTAMP, _LOCAL = 1, 2, 3
_SERVER = re.compile(rb"[\x09\x0a]([\x01-\x09])([A-Z]{3})(.)(.{4})", re.DOTALL)
_SERIAL_MAX = 99_999_999
_OWN_IDS = ("1-0:96.1.0*255", "1-0:0.0.9*255")
_MAKER = "129-129:199.130.3*255"
_STATUS_EXPORTS = 0x20
_POWERS = frozenset(f"1-0:{c}.7.0*255" for c in (1, 16, 36, 56, 76))
_MISTAKEN_WIDTH_MAX = 3
_MISTAKEN = ((42_000_000, 48_999_999), (55_000_000, 58_999_999))
_MENDED_SERIAL = 60_000_000


class Time(NamedTuple):
    """A time as sent: a secIndex (seconds of the meter's own count), or UTC seconds since 1970."""

    seconds: int
    absolute: bool

    @property
    def ns(self) -> int | None:
        """UTC ns; None for a secIndex."""
        return self.seconds * SECOND_NS if self.absolute else None


class Entry(NamedTuple):
    """One value of a list as sent. `scaler` is a power of ten, `unit` a code of DLMS."""

    code: str
    value: Value
    unit: int | None
    scaler: int
    status: int | None
    time: Time | None


class Readout(NamedTuple):
    """One list of values of one meter."""

    server: bytes
    name: bytes | None
    time: Time | None
    entries: tuple[Entry, ...]


class Found(NamedTuple):
    """The lists of a payload in their order, and why parts of the payload are left out."""

    readouts: tuple[Readout, ...]
    faults: tuple[PayloadError, ...]


def readouts(payload: bytes) -> Found:
    """Return the lists of values of a payload, with or without transport around them.

    Errors  PayloadError when no file is whole and right; a broken one beside a good one is only
            told in `faults`.
    """
    if not framed(payload):
        return Found(tuple(_lists(payload.rstrip(b"\0") + b"\0", None)), ())
    files, faults = split(payload)
    found: list[Readout] = []
    wrong = list(faults)
    good = 0
    for file in files:
        try:
            found += _lists(file.content, file)
            good += 1
        except PayloadError as fault:
            wrong.append(fault)
    if not good:
        raise wrong[0] if wrong else _no_start(payload)
    return Found(tuple(found), tuple(wrong))


def framed(payload: bytes) -> bool:
    """Say whether bytes hold the transport's escapes; else they must be bare messages."""
    return (START in payload or END in payload) and not payload.startswith(b"\x76")


def server_name(server: bytes) -> str:
    """Return a server id as DIN 43863-5 spells it ("1EMH0012345678"), else in lower-case hex."""
    match = _SERVER.fullmatch(server)
    if match is None:
        return server.hex()
    medium, maker, block, serial = match.groups()
    number_ = int.from_bytes(serial, "big")
    if number_ > _SERIAL_MAX:
        return server.hex()
    return f"{medium[0]}{maker.decode()}{block.hex().upper()}{number_:08d}"


def measurements(readout: Readout) -> list[Measurement]:
    """Return the numbers of a list as measurements, import positive, registers in Wh.

    A value has its own time only where the list states one in UTC.
    Errors  PayloadError when one code comes with two values.
    """
    return obis.measurements(_readings(readout))


def state(readout: Readout) -> dict[str, Json]:
    """Return the texts and flags of a list by their codes; bytes that are no text are in hex."""
    told: dict[str, Json] = {}
    for entry in readout.entries:
        if isinstance(entry.value, bool):
            told[entry.code] = entry.value
        elif isinstance(entry.value, bytes):
            printable = entry.value.isascii() and entry.value.decode("latin-1").isprintable()
            told[entry.code] = entry.value.decode() if printable else entry.value.hex()
        if entry.status is not None:
            told[f"{entry.code} status"] = f"{entry.status:x}"
    return told


def mended(readout: Readout) -> list[str]:
    """Return the codes whose power the meter sent wrongly and `measurements` puts right."""
    return [one.code for one in readout.entries if _value(one, readout) != _sent(one)]


def _lists(data: bytes, file: Framed | None) -> Iterator[Readout]:
    bodies = _messages(data, file)
    for tag, body in bodies:
        if tag == GET_LIST_RES:
            yield _get_list(body)
        elif tag == GET_PROFILE_LIST_RES:
            yield _profile_list(body)


def _messages(data: bytes, file: Framed | None) -> list[tuple[int, Value]]:
    """Return tag and body of every message, their CRCs checked."""
    reader = Reader(data)
    bodies: list[tuple[int, Value]] = []
    kermit = 0
    while reader.at < len(data):
        if len(bodies) >= MESSAGES_MAX:
            raise PayloadError("SML messages", f"at most {MESSAGES_MAX} in a file", "more")
        tag, body, right = _message(reader)
        bodies.append((tag, body))
        kermit += not right
    if not bodies:
        raise PayloadError("SML file", "at least one message", "none")
    # One CRC by chance is one in 65,536; that all of a file are Kermit is no chance.
    if kermit and (kermit < len(bodies) or kermit < 2):
        raise PayloadError("SML CRC", "CRC-16/X-25 of each message", f"{kermit} without")
    if file is not None and not file.checked and not kermit:
        raise PayloadError("SML CRC", "CRC-16/X-25 of the file", "a CRC-16/KERMIT")
    return bodies


def _message(reader: Reader) -> tuple[int, Value, bool]:
    """Return tag, body, and whether its CRC is X-25 (else it is Kermit), or raise PayloadError."""
    start = reader.at
    if reader.data[start] != 0x76:
        raise PayloadError(
            f"SML message at byte {start}", "76, a list of 6", f"{reader.data[start]:02x}"
        )
    reader.at += 1
    octets(reader.value(), "SML transaction")
    number(reader.value(), "SML group")
    number(reader.value(), "SML abort on error")
    choice = elements(reader.value(1), 2, "SML message body")
    tag = number(choice[0], "SML message tag")
    content = reader.data[start : reader.at]
    stated = number(reader.value(), "SML message CRC")
    if not isinstance(reader.value(), End):
        raise PayloadError(f"SML message at byte {start}", "00 at its end", "something else")
    expected, kermit = crc.swapped(crc.x25(content)), crc.kermit(content)
    if tag is None or stated not in {expected, kermit}:
        told = "nothing" if stated is None else f"{stated:04x}"
        raise PayloadError(f"SML CRC of the message at byte {start}", f"{expected:04x}", told)
    return tag, choice[1], stated == expected


def _get_list(body: Value) -> Readout:
    parts = elements(body, 7, "SML GetList.Res")
    server, name = octets(parts[1], "SML server id"), octets(parts[2], "SML list name")
    entries = tuple(_entry(value) for value in listed(parts[4], "SML list of values"))
    if server is None:  # it may be left out of the head; most meters repeat it as a value
        told = (_octets_of(entries, code) for code in _OWN_IDS)
        server = next(filter(None, told), b"")
    return Readout(server, name, _time(parts[3]), entries)


def _octets_of(entries: tuple[Entry, ...], code: str) -> bytes:
    """Return the octet string of a code; none of them is empty."""
    return next(
        (one.value for one in entries if one.code == code and isinstance(one.value, bytes)), b""
    )


def _entry(value: Value) -> Entry:
    name, status, time, unit, scaler, reading, _ = elements(value, 7, "SML list entry")
    return Entry(
        _code(name),
        reading,
        number(unit, "SML unit"),
        _power(scaler),
        number(status, "SML status"),
        _time(time),
    )


def _profile_list(body: Value) -> Readout:
    """Return one row of a load profile; its values are of the row's own time."""
    parts = elements(body, 9, "SML GetProfileList.Res")
    when, status = _time(parts[4]), number(parts[5], "SML status")
    entries = []
    for period in listed(parts[6], "SML period list"):
        name, unit, scaler, value, _ = elements(period, 5, "SML period entry")
        entries.append(
            Entry(_code(name), value, number(unit, "SML unit"), _power(scaler), status, when)
        )
    server = octets(parts[0], "SML server id") or b""
    return Readout(server, None, _time(parts[1]), tuple(entries))


def _power(scaler: Value) -> int:
    power = number(scaler, "SML scaler") or 0
    if abs(power) > SCALER_MAX:
        raise PayloadError("SML scaler", f"a power of ten up to {SCALER_MAX}", power)
    return power


def _code(name: Value) -> str:
    raw = octets(name, "OBIS code") or b""
    if len(raw) != 6:
        raise PayloadError("OBIS code", "6 bytes", raw.hex() or "none")
    return "{}-{}:{}.{}.{}*{}".format(*raw)


def _time(value: Value) -> Time | None:
    """Return a time. The local one states UTC too, beside the offsets that lead to the clock."""
    if value is None:
        return None
    if isinstance(value, Number):
        return Time(value.value, absolute=False)
    choice, stated = elements(value, 2, "SML time")
    kind = number(choice, "SML kind of time")
    if kind == _LOCAL:
        stated = elements(stated, 3, "SML local time")[0]
    elif kind not in {_SEC_INDEX, _TIMESTAMP}:
        raise PayloadError("SML kind of time", "1, 2 or 3", kind)
    seconds = number(stated, "SML time")
    return None if seconds is None else Time(seconds, kind != _SEC_INDEX)


def _readings(readout: Readout) -> Iterator[obis.Reading]:
    exports = _exports(readout)
    for entry in readout.entries:
        value = _value(entry, readout)
        if value is None:
            continue
        code = entry.code
        if code == "1-0:15.7.0*255" and exports is not None:
            code, value = "1-0:16.7.0*255", -value if exports else value
        exact = float(f"{value}e{entry.scaler}")  # rounded once, not 0.1 times something
        unit = "" if entry.unit is None else UNITS.get(entry.unit, f"unit {entry.unit}")
        time_ns = None if entry.time is None else entry.time.ns
        yield obis.Reading(code, exact, unit, time_ns)


def _sent(entry: Entry) -> int | None:
    return entry.value.value if isinstance(entry.value, Number) else None


def _value(entry: Entry, readout: Readout) -> int | None:
    """Return the number of an entry, put right where the meter is known to send it wrongly.

    DZG meters (DVS74, DWS74) cut a positive power to as few bytes as an *unsigned* number needs,
    but mark it as signed: 356.24 W is sent as Integer16 8b28, which reads -299.12 W. Their
    negative powers are always sent in four bytes or more, so that a negative power of 1 to 3
    bytes is a positive one. DZG put it right from serial number 60000000 on. So it is put right
    here for powers of the server ids 1DZG0042000000 to 1DZG0048999999 and 1DZG0055000000 to
    1DZG0058999999 (as libsml's authors learned from DZG and from owners), and for a DZG meter
    below 60000000 that counts no export at all; others of DZG send short negative powers rightly.
    """
    sent = _sent(entry)
    if (
        sent is None
        or sent >= 0
        or entry.code not in _POWERS
        or not isinstance(entry.value, Number)
    ):
        return sent
    if entry.value.width > _MISTAKEN_WIDTH_MAX or not _mistakes_powers(readout):
        return sent
    return sent + (1 << 8 * entry.value.width)


def _mistakes_powers(readout: Readout) -> bool:
    match = _SERVER.fullmatch(readout.server)
    if match is None or match[2] != b"DZG" or match[3] != b"\0":
        return False
    serial = int.from_bytes(match[4], "big")
    if any(first <= serial <= last for first, last in _MISTAKEN):
        return True
    counts_export = any(entry.code.startswith("1-0:2.8.") for entry in readout.entries)
    return serial < _MENDED_SERIAL and not counts_export


def _exports(readout: Readout) -> bool | None:
    """Say which way the unsigned power of an EMH meter flows; None: nothing says it."""
    codes = {entry.code: entry for entry in readout.entries}
    register = codes.get("1-0:1.8.0*255")
    emh = b"EMH" in readout.server[1:5] or _octets_of(readout.entries, _MAKER) == b"EMH"
    if not emh or "1-0:16.7.0*255" in codes or register is None:
        return None
    return None if register.status is None else bool(register.status & _STATUS_EXPORTS)


def _no_start(payload: bytes) -> PayloadError:
    return PayloadError(
        "SML file", "a start sequence 1b1b1b1b01010101", f"{len(payload)} bytes without one"
    )
