"""Data records of M-Bus: how DIF, DIFE, VIF, VIFE and the data behind them become a value.

Source: EN 13757-3:2013, "Data information block", "Value information block" and annex A (types A
to J); "The M-Bus: A Documentation", rev. 4.8, 6.3 "Variable data structure" and 8.4.

A record stands by itself, so this also reads records that come without a frame, as LoRaWAN
payloads do. Numbers are little-endian; the old mode 2 (CI 76h, 77h) sends them big-endian.

What is no value stays visible: a BCD number with digits above 9, an integer that is the lowest of
its size (type B: "invalid"), a NaN, an invalid clock, a VIFE that reports an error. The record
then has the value None and says why in `fault`.
"""

from typing import NamedTuple

from ingest.errors import PayloadError
from ingest.meters.mbus_units import (
    ALTERNATE,
    COMBINABLE_EXTENSION,
    DATE,
    FLAGS,
    IDENTIFIER,
    MAIN,
    NUMBER,
    PLAIN,
    PRIMARY,
    RECORD_ERRORS,
    VENDOR,
    Sense,
    combinable,
    reserved,
)
from ingest.meters.mbus_values import CLOCKS, Value, bcd, float32, integer, scaled_integer

CHAIN_MAX = 10
"""DIFEs, and VIFEs, that one record may have (EN 13757-3)."""

FUNCTIONS = ("instantaneous", "maximum", "minimum", "error")
MANUFACTURER, MORE = "manufacturer", "more"


class Record(NamedTuple):
    """One data record.

    function   "instantaneous", "maximum", "minimum", "error" (the value while the meter is in an
               error state); "manufacturer" for the maker's own block that ends a telegram, "more"
               for such a block of a telegram that is followed by another
    storage    0 is the present, higher numbers are history
    name, unit what was measured; the unit's UCUM code
    value      None when there is none, see fault; a BCD identifier is text, with its zeros
    kind       of mbus_units: "number", "plain", "date", "identifier", "flags"
               or "vendor"
    modifiers  words of combinable VIFEs that change the meaning: "L1", "future", "per_hour"
    vendor     VIFEs that only the maker can read; None: there is no such part
    fault      why there is no value
    at         the byte at which the record starts
    """

    function: str
    storage: int
    tariff: int
    subunit: int
    name: str
    unit: str
    value: Value
    kind: str = NUMBER
    modifiers: tuple[str, ...] = ()
    vendor: bytes | None = None
    fault: str = ""
    at: int = 0


class _Reader:
    """The bytes of the records, and where we are in them."""

    def __init__(self, data: bytes, at: int, big: bool) -> None:
        self.data, self.at, self.start, self.big = data, at, at, big

    def byte(self, what: str) -> int:
        """Return the next byte, which is `what`."""
        if self.at >= len(self.data):
            raise self.wrong(f"a byte of {what}", "the end; the record is cut short")
        self.at += 1
        return self.data[self.at - 1]

    def take(self, size: int, what: str) -> bytes:
        """Return the next bytes, lowest first whatever the mode."""
        left = len(self.data) - self.at
        if left < size:
            raise self.wrong(
                f"{size} bytes of {what}", f"{left} bytes to the end; the record is cut short"
            )
        self.at += size
        part = self.data[self.at - size : self.at]
        return part[::-1] if self.big else part

    def wrong(self, expected: object, found: object) -> PayloadError:
        """Return the error of this record."""
        return PayloadError(f"M-Bus record at byte {self.start}", expected, found)


class _Meaning(NamedTuple):
    """A value information block, read to its end."""

    sense: Sense
    modifiers: tuple[str, ...]
    vendor: bytes | None
    fault: str
    signed: bool


def records(data: bytes, big: bool = False) -> list[Record]:
    """Return the data records of an application layer's body; idle fillers (2Fh) are no records.

    Errors  PayloadError for a record that is cut short, a chain of more than ten DIFEs or VIFEs,
            or a reserved code where the length of what follows can't be known.
    """
    found: list[Record] = []
    at = 0
    while at < len(data):
        if data[at] == 0x2F:
            at += 1
            continue
        record, at = record_at(data, at, big)
        found.append(record)
    return found


def record_at(data: bytes, at: int, big: bool = False) -> tuple[Record, int]:
    """Return the record that starts at a byte, and the place after it.

    Errors  as in records
    """
    reader = _Reader(data, at, big)
    dif = reader.byte("DIF")
    if dif & 0x0F == 0x0F:
        return _special(reader, dif), len(data)
    storage, tariff, subunit = _difes(reader, dif)
    meaning = _meaning(reader)
    value, fault = _value(reader, dif & 0x0F, meaning)
    sense = meaning.sense
    return Record(
        FUNCTIONS[dif >> 4 & 3],
        storage,
        tariff,
        subunit,
        sense.name,
        sense.unit,
        None if meaning.fault else value,
        sense.kind,
        meaning.modifiers,
        meaning.vendor,
        meaning.fault or fault,
        at,
    ), reader.at


def _special(reader: _Reader, dif: int) -> Record:
    if dif not in {0x0F, 0x1F}:
        raise reader.wrong(
            "a DIF of data, or 0Fh, 1Fh, 2Fh", f"{dif:02X}h, which no meter's answer may hold"
        )
    rest = reader.data[reader.at :]
    function = MORE if dif == 0x1F else MANUFACTURER
    return Record(
        function, 0, 0, 0, "manufacturer_data", "1", rest, VENDOR, (), None, "", reader.start
    )


def _difes(reader: _Reader, dif: int) -> tuple[int, int, int]:
    """Return storage number, tariff and subunit, of which each DIFE adds higher bits."""
    storage, tariff, subunit = dif >> 6 & 1, 0, 0
    more, count = dif & 0x80, 0
    while more:
        dife = reader.byte("DIFE")
        if count == CHAIN_MAX:
            raise reader.wrong(f"at most {CHAIN_MAX} DIFEs", "more of them")
        storage |= (dife & 0x0F) << (1 + 4 * count)
        tariff |= (dife >> 4 & 3) << (2 * count)
        subunit |= (dife >> 6 & 1) << count
        more, count = dife & 0x80, count + 1
    return storage, tariff, subunit


def _meaning(reader: _Reader) -> _Meaning:
    """Read the VIF and its VIFEs; which of them are left tells whether a vendor's follow."""
    vif = reader.byte("VIF")
    sense = PRIMARY.get(vif & 0x7F)
    codes: list[int] = []
    if vif & 0x7F == 0x7C:
        sense = _plain_text(reader)
    more = vif & 0x80
    while more:
        vife = reader.byte("VIFE")
        if len(codes) == CHAIN_MAX:
            raise reader.wrong(f"at most {CHAIN_MAX} VIFEs", "more of them")
        codes.append(vife & 0x7F)
        more = vife & 0x80
    if vif in {0xFB, 0xFD}:
        table, letters = (MAIN, "fd") if vif == 0xFD else (ALTERNATE, "fb")
        code = codes.pop(0)
        sense = table.get(code) or reserved(letters, code)
        if vif == 0xFD and code == 0x7D and codes:
            sense = reserved("fdfd", codes.pop(0))
    if vif & 0x7F == 0x7F:
        return _Meaning(Sense("vendor", kind=VENDOR), (), bytes(codes), "", True)
    return _modified(sense or reserved("", vif & 0x7F), codes)


def _plain_text(reader: _Reader) -> Sense:
    """Return a sense that the meter spells out; the text comes last character first."""
    size = reader.byte("the VIF text's length")
    text = reader.take(size, "the VIF's text")[::-1].decode("latin-1")
    if not text.isprintable() or not text.strip():
        raise reader.wrong("a VIF text of printable characters", text)
    return Sense(text.strip(), kind=PLAIN)


def _modified(sense: Sense, codes: list[int]) -> _Meaning:
    """Apply combinable VIFEs, up to a 7Fh after which the maker's own begin."""
    modifiers: list[str] = []
    vendor: bytes | None = None
    fault, signed, place = "", True, 0
    while place < len(codes):
        code, place = codes[place], place + 1
        if code == 0x7F:
            vendor = bytes(codes[place:])
            break
        if code == 0x7C and place < len(codes):
            word = COMBINABLE_EXTENSION.get(codes[place], f"vife_fc{codes[place]:02x}")
            place += 1
            if word in {"type_c", "type_d"}:
                signed = False
                sense = sense._replace(kind=FLAGS) if word == "type_d" else sense
            else:
                modifiers.append(word)
        elif code in RECORD_ERRORS:
            fault = RECORD_ERRORS[code]
        else:
            change = combinable(code)
            if change.sense is not None:
                sense = change.sense._replace(name=sense.name)
            sense = sense._replace(num=sense.num * change.num, den=sense.den * change.den)
            modifiers += [change.name] if change.name else []
    return _Meaning(sense, tuple(modifiers), vendor, fault, signed)


_INTEGER_SIZES = {1: 1, 2: 2, 3: 3, 4: 4, 6: 6, 7: 8}
_BCD_SIZES = {9: 1, 10: 2, 11: 3, 12: 4, 14: 6}


def _value(reader: _Reader, field: int, meaning: _Meaning) -> tuple[Value, str]:
    """Return the value of a data field (the low nibble of the DIF), or why there is none."""
    kind = meaning.sense.kind
    if field in {0, 8}:
        return None, "no data"
    if field == 0x0D:
        return _variable(reader, meaning)
    if field == 5:
        return float32(reader.take(4, "data"), meaning.sense)
    if field in _BCD_SIZES:
        return bcd(reader.take(_BCD_SIZES[field], "data"), meaning.sense)
    raw = reader.take(_INTEGER_SIZES[field], "data")
    if kind == DATE and len(raw) in CLOCKS:
        return CLOCKS[len(raw)](raw)
    return integer(raw, meaning.sense, meaning.signed)


def _variable(reader: _Reader, meaning: _Meaning) -> tuple[Value, str]:
    """Data whose first byte (LVAR) says what it is: text, BCD or binary."""
    lvar = reader.byte("LVAR")
    if lvar <= 0xBF:
        return reader.take(lvar, "text")[::-1].decode("latin-1"), ""
    if 0xC0 <= lvar <= 0xC9 or 0xD0 <= lvar <= 0xD9:
        raw = reader.take(lvar & 0x0F, "BCD digits")
        text = raw[::-1].hex() or "0"
        if meaning.sense.kind == IDENTIFIER:
            return text.upper(), ""
        if not text.isdigit():
            return None, f"{text.upper()} is no BCD number"
        return scaled_integer(-int(text) if lvar >= 0xD0 else int(text), meaning.sense), ""
    if 0xE0 <= lvar <= 0xEF:
        raw = reader.take(lvar & 0x0F, "binary data")
        if not raw or len(raw) > 8:
            return raw, ""
        return integer(raw, meaning.sense, meaning.signed)
    sizes = {**{code: 4 * (code - 0xEC) for code in range(0xF0, 0xF5)}, 0xF5: 48, 0xF6: 64}
    if lvar not in sizes:
        raise reader.wrong("an LVAR of EN 13757-3 (00h-C9h, D0h-D9h, E0h-F6h)", f"{lvar:02X}h")
    return reader.take(sizes[lvar], "binary data"), ""
