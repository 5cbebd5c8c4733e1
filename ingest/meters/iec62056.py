"""IEC 62056-21 readouts: the D0 port of electricity, gas and heat meters, modes A, B, C and D.

Source: IEC 62056-21:2002, 6.3.2 (identification), 6.3.3 (data message) and 6.5 (data sets and
block check); OBIS as in IEC 62056-61, short ("1.8.0") and long ("1-0:1.8.0*255"). VDEW
"Lastenheft Elektronische Lastgangzaehler" for the date and time of 0.9.1 and 0.9.2.

Frame: the identification line, then STX, the data sets, "!", a line end, ETX and the BCC, which is
the XOR of everything after STX up to and with ETX. Mode D and many serial bridges leave out STX,
ETX and BCC; with STX they must be whole and right. What follows the "!" otherwise is passed over.

Values: a register of energy without a unit keeps its code as its name, since it may be in Wh or in
kWh. So do historical values (1.8.0*01, 1.8.0&01, VV = group F). A value with a date in a second
group (a demand and when it was) has that time. Values without a unit that are no electrical
quantity are state: serial numbers, dates, error flags (F.F).
"""

import re
from collections.abc import Iterator
from datetime import tzinfo
from typing import NamedTuple

from ingest.clock import local_ns
from ingest.errors import PayloadError
from ingest.meters import obis
from ingest.meters.datasets import Block, Dataset, datasets
from ingest.reading import Json, Measurement

_TAIL = re.compile(rb"[\r\n]{0,2}\x03(.?)", re.DOTALL)
_STX = b"\x02"
_DIN = re.compile(r"\d[A-Z]{3}\d{10}")
_STAMP = re.compile(r"(\d\d)-?(\d\d)-?(\d\d)[ ,]?(\d\d):?(\d\d):?(\d\d)?")
_DATE = re.compile(r"\d?((?:20)?\d\d)[-.]?(\d\d)[-.]?(\d\d)")
_CLOCK = re.compile(r"\d?(\d\d):?(\d\d):?(\d\d)?")
_ID_PLACES = ("96.1.0", "96.1.255", "C.1.0", "0.0.0", "0.0.9", "C.1", "96.1.1", "C.1.1", "0.0")
_MEASURES = frozenset(("4", "5", "6", "7", "8", "9", "29"))
"""Value groups D of numbers that were measured, whether or not a unit stands by them."""

_COUNTS = frozenset(("6", "7", "8"))
"""Value groups D of service entries ("C") that count: battery and operating hours, failures."""

_SERVICE = 96
"""Value groups C from here on are about the meter: numbers there without a unit are flags."""


class Telegram(NamedTuple):
    """A readout. checked: a block check was there and right."""

    identification: str
    datasets: tuple[Dataset, ...]
    checked: bool


def telegram(block: Block) -> Telegram:
    """Return what a block says.

    Errors  PayloadError for a wrong or missing block check after STX, or lines that are no data.
    """
    checked = _check(block)
    return Telegram(block.header, datasets(block), checked)


def device(told: Telegram) -> str | None:
    """Return the meter's number as it states it; None if it states none but zeros.

    A number of DIN 43863-5 ("1ESY1336001560") goes before all others, wherever it stands.
    """
    places = {place(one.code): one.groups[0].text.strip() for one in reversed(told.datasets)}
    for text in places.values():
        if _DIN.fullmatch(text):
            return text
    for name in _ID_PLACES:
        text = places.get(name, "")
        if text.strip("0 "):
            return text
    return None


def measurements(told: Telegram, zone: tzinfo, received_ns: int) -> list[Measurement]:
    """Return the numbers of a readout, registers in Wh; `zone` is that of the meter's clock.

    Errors  PayloadError when one code comes with two values.
    """
    return obis.measurements(_readings(told, zone, received_ns))


def state(told: Telegram) -> dict[str, Json]:
    """Return the texts of a readout by their codes: numbers of devices, dates, error flags."""
    texts: dict[str, Json] = {"identification": told.identification}
    for one in told.datasets:
        if not is_measured(one):
            parts = [f"{part.text}*{part.unit}" if part.unit else part.text for part in one.groups]
            texts[one.code] = parts[0] if len(parts) == 1 else [*parts]
    return texts


def time_ns(told: Telegram, zone: tzinfo, received_ns: int) -> int | None:
    """Return the time that the meter's clock shows (0.9.1 and 0.9.2); None if it sends none."""
    places = {place(one.code): one.groups[0].text.strip() for one in told.datasets}
    if "1.0.0" in places:
        return stamp_ns(places["1.0.0"], zone, received_ns)
    date, clock = _DATE.fullmatch(places.get("0.9.2", "")), places.get("0.9.1", "")
    hour = _CLOCK.fullmatch(clock)
    if date is None or hour is None:
        return None
    return _local(date.groups(), hour.groups(), zone, received_ns)


def stamp_ns(text: str, zone: tzinfo, received_ns: int) -> int | None:
    """Return the instant of "2105071245", "210507124500" or "21-05-07 12:45"; None for others."""
    match = _STAMP.fullmatch(text.strip())
    if match is None:
        return None
    return _local(match.groups()[:3], match.groups()[3:], zone, received_ns)


def is_measured(one: Dataset) -> bool:
    """Say whether a data set is a number that was measured, not a text or a mark."""
    if one.groups[0].number is None:
        return False
    groups = obis.obis(one.code)
    if one.groups[0].unit or groups is None:
        return bool(one.groups[0].unit)
    if groups.c == "C":
        return groups.d in _COUNTS
    return groups.c.isdigit() and 0 < int(groups.c) < _SERVICE and groups.d in _MEASURES


def place(code: str) -> str:
    """Return groups C to E of a code: "0-0:96.1.255*255" is "96.1.255". Historical ones stay."""
    groups = obis.obis(code)
    if groups is None or groups.f != obis.PRESENT:
        return code
    return ".".join(str(part) for part in (groups.c, groups.d, groups.e) if part is not None)


def unit_of(one: Dataset, unit: str) -> str | None:
    """Return the unit of a number; None (nobody knows) where there is none and one is needed."""
    groups = obis.obis(one.code)
    factor = groups is not None and groups.c.isdigit() and int(groups.c) % 20 == 13
    return unit or ("" if factor else None)


def _readings(told: Telegram, zone: tzinfo, received_ns: int) -> Iterator[obis.Reading]:
    for one in told.datasets:
        value = one.groups[0].number
        if value is None or not is_measured(one):
            continue
        own = stamp_ns(one.groups[1].text, zone, received_ns) if len(one.groups) > 1 else None
        yield obis.Reading(one.code, value, unit_of(one, one.groups[0].unit), own)


def _check(block: Block) -> bool:
    """Return whether a block check is there; raise PayloadError if it is wrong or cut off."""
    framed = block.raw[block.body : block.body + 1] == _STX
    match = _TAIL.match(block.tail)
    if match is None or not match[1]:
        if framed or match is not None:
            raise PayloadError("block check", "ETX and BCC at the end", "none; it is cut short")
        return False
    bcc = 0
    for byte in block.raw[block.body + framed :] + match[0][:-1]:
        bcc ^= byte
    if bcc != match[1][0]:
        raise PayloadError("block check (BCC)", f"{bcc:02x}", match[1].hex())
    return True


def _local(
    date: tuple[str, ...], clock: tuple[str, ...], zone: tzinfo, received_ns: int
) -> int | None:
    year, month, day = date
    hour, minute, second = clock
    try:
        return local_ns(
            f"20{year[-2:]}-{month}-{day}T{hour}:{minute}:{second or '00'}", zone, received_ns
        )
    except PayloadError:
        return None  # 00-00-00: a date that was never set is no time
