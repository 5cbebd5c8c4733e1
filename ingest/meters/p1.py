"""DSMR P1: the customer port of meters from the Netherlands, Belgium, Luxembourg and many more.

Source: Netbeheer Nederland, "P1 Companion Standard" 2.2, 3.0, 4.2.2 and 5.0.2 (chapters 5 and 6);
Fluvius "e-MUCS-P1" 1.7.1; Luxmetering "P1 Port specification"; Energiforetagen "Branschrekom-
mendation lokalt kundgranssnitt" for time stamps that stay in normal time all year.

A telegram is "/" to "!", from version 4 on followed by a CRC-16/ARC in hex of all bytes from "/"
with "!". Versions 2 and 3 have none; a telegram that states a version, or a time of its own, must
have one. Leading zeros of the CRC may lack. A bridge that turned the line ends from CR LF into LF
is undone before the CRC is computed.

Time stamps are YYMMDDhhmmss and S (summer) or W (winter): with the mark, the hour that comes twice
is not ambiguous. W is the zone's standard time, all year. S outside the zone's summer time is a
contradiction; then the zone decides. Without the mark (version 2, 3) the zone's clock is meant.

Further meters (M-Bus channel n) are 0-n:24.1.0 (its kind), 0-n:96.1.0 or, in Belgium, 96.1.1 (its
number) and 0-n:24.2.1, 24.2.3 or, before version 4, 24.3.0: what it showed and when.
"""

import re
from datetime import datetime, timedelta, tzinfo
from typing import NamedTuple

from ingest.clock import SECOND_NS, iso, local_ns
from ingest.errors import PayloadError
from ingest.meters import crc, obis
from ingest.meters.datasets import Block, Dataset, datasets
from ingest.meters.iec62056 import is_measured, unit_of
from ingest.reading import Json, Measurement
from ingest.unit import scale_of, scaled

_CRC = re.compile(rb"([0-9A-Fa-f]{1,4})(?=[\s\x00]|\Z)")
_MARKS = re.compile(
    rb"(?m)^(?:1-3:0\.2\.8|0-0:(?:96\.(?:1\.[0-9]|13\.[01]|14\.0)|1\.0\.0|42\.0\.0)|0-[1-9]:24\.)\("
)
_VERSIONED = re.compile(rb"(?m)^(?:1-3:0\.2\.8|0-0:96\.1\.4|0-0:1\.0\.0)\(")
_STAMP = re.compile(r"(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)([SW]?)")
_CHILD = re.compile(r"0-([1-9]\d?):(24|96)\.(\d+)\.(\d+)")
_LOGS = frozenset(("0-0:98.1.0", "1-0:99.97.0", "0-0:99.97.0"))
_COUNTERS = re.compile(r"[01]-0:(?:96\.7\.\d+|(?:32|52|72)\.(?:32|33|36|37)\.0)")
_TEXTS = re.compile(r"\d-\d+:96\.(?:13\.\d+|1\.\d+)|0-0:42\.0\.0")
_OWN_IDS = ("0-0:96.1.1", "0-0:96.1.0", "0-0:42.0.0", "0-0:0.0.0", "1-0:0.0.0")

GAS, WATER, HEAT = "gas_volume", "water_volume", "heat_energy"
_KINDS = {
    2: ("active_energy_import", ""),
    3: (GAS, ""),
    4: (HEAT, ""),
    6: (WATER, "hot"),
    7: (WATER, ""),
    12: (HEAT, ""),
    13: (HEAT, ""),
    21: (WATER, "hot"),
}
"""Device types of M-Bus (EN 13757-7, table 13): what such a meter counts, and its channel."""


class Telegram(NamedTuple):
    """A telegram. checked: it has a CRC, and the CRC is right."""

    header: str
    datasets: tuple[Dataset, ...]
    checked: bool


class Meter(NamedTuple):
    """What a telegram says of one meter. device None: it states no number."""

    device: str | None
    time_ns: int | None
    measurements: list[Measurement]
    state: dict[str, Json]


def is_p1(block: Block) -> bool:
    """Say whether a block is a P1 telegram, and not another readout of IEC 62056-21."""
    return _CRC.match(block.tail) is not None or _MARKS.search(_body(block)) is not None


def telegram(block: Block) -> Telegram:
    """Return what a block says.

    Errors  PayloadError for a CRC that is wrong, or missing where the version has one, and for
            lines that are no data sets.
    """
    match = _CRC.match(block.tail)
    if match is None and _VERSIONED.search(_body(block)):
        raise PayloadError("P1 CRC", "4 hex digits after the !", block.tail[:8] or "nothing")
    if match is not None:
        stated = int(match[1], 16)
        raw = block.raw if b"\r" in block.raw else block.raw.replace(b"\n", b"\r\n")
        if crc.arc(raw) != stated:
            raise PayloadError("P1 CRC", f"{crc.arc(raw):04X}", match[1].decode())
    return Telegram(block.header, datasets(block), match is not None)


def meters(told: Telegram, zone: tzinfo, received_ns: int) -> tuple[Meter, ...]:
    """Return the meter itself, then its further meters that have a number of their own.

    A further meter without a number is a channel of the meter, named by its M-Bus channel.
    Errors  PayloadError when one code comes with two values.
    """
    own: list[Dataset] = []
    children: dict[str, list[Dataset]] = {}
    for one in told.datasets:
        child = _CHILD.fullmatch(one.code)
        (own if child is None else children.setdefault(child[1], [])).append(one)
    main = _main(told.header, own, zone, received_ns)
    others: list[Meter] = []
    for channel, sets in children.items():
        child_meter = _child(channel, sets, zone, received_ns)
        if child_meter.device is not None:
            others.append(child_meter)
        else:
            main.measurements.extend(
                one._replace(channel=f"{channel}.{one.channel}".rstrip("."))
                for one in child_meter.measurements
            )
            main.state.update(child_meter.state)
    return (main, *others)


def stamp_ns(text: str, zone: tzinfo, received_ns: int) -> int | None:
    """Return the instant of "200512135409S"; None for what is no date (as meters send for none)."""
    match = _STAMP.fullmatch(text.strip())
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    try:
        naive = datetime(2000 + year, month, day, hour, minute, second)
    except ValueError:
        return None
    if not match[7]:
        return local_ns(naive.isoformat(), zone, received_ns)
    passes = {_offset(naive.replace(fold=fold), zone) for fold in (0, 1)}
    seasons = {_offset(datetime(2000 + year, half, 1), zone) for half in (1, 7)}
    # Normal time all year is real; the zone's summer outside its season is not.
    offset = min(seasons) if match[7] == "W" else max(passes)
    return (naive - _EPOCH - offset) // timedelta(seconds=1) * SECOND_NS


def number_of(text: str) -> str | None:
    """Return a device's number: hex of letters and digits as these, else as it is; None for none.

    "3153414733313030303231363035" is "1SAG3100021605", as it is printed on the meter.
    """
    text = text.strip()
    return (_plain(text) or text) if text.strip("0") else None


_EPOCH = datetime(1970, 1, 1)


def _offset(naive: datetime, zone: tzinfo) -> timedelta:
    return naive.replace(tzinfo=zone).utcoffset() or timedelta()


def _body(block: Block) -> bytes:
    return block.raw[block.body :]


def _plain(text: str, least: int = 6) -> str | None:
    """Return hex of at least six letters and digits as text, None for anything else."""
    try:
        plain = bytes.fromhex(text).decode("ascii")
    except ValueError:
        return None
    return plain if len(plain) >= least and plain.isalnum() else None


def _main(header: str, sets: list[Dataset], zone: tzinfo, received_ns: int) -> Meter:
    state: dict[str, Json] = {"header": header}
    readings: list[obis.Reading] = []
    texts = {one.code: one.groups[0].text for one in sets}
    for one in sets:
        if one.code in _LOGS:
            state[one.code] = _log(one, zone, received_ns)
            continue
        found = _reading(one, zone, received_ns)
        if found is None:
            state[one.code] = _told(one)
        else:
            readings.append(found)
    device = next(filter(None, (number_of(texts.get(code, "")) for code in _OWN_IDS)), None)
    time_ns = stamp_ns(texts.get("0-0:1.0.0", ""), zone, received_ns)
    return Meter(device, time_ns, obis.measurements(readings), state)


def _reading(one: Dataset, zone: tzinfo, received_ns: int) -> obis.Reading | None:
    """Return a data set as a number: (value*unit), or (time)(value*unit)."""
    last = one.groups[-1]
    if len(one.groups) == 2 and last.unit and last.number is not None:
        time_ns = stamp_ns(one.groups[0].text, zone, received_ns)
        known = time_ns is not None
        return obis.Reading(one.code, last.number, last.unit, time_ns) if known else None
    if len(one.groups) != 1 or last.number is None:
        return None
    if _COUNTERS.fullmatch(one.code):
        return obis.Reading(one.code, last.number, None)
    if not is_measured(one) or _TEXTS.fullmatch(one.code):
        return None
    return obis.Reading(one.code, last.number, unit_of(one, last.unit))


def _told(one: Dataset) -> Json:
    """Return what a data set says that is no number; hex of a text message as text."""
    parts: list[Json] = [f"{part.text}*{part.unit}" if part.unit else part.text
                         for part in one.groups]  # fmt: skip
    if len(parts) == 1 and _TEXTS.fullmatch(one.code):
        text = one.groups[0].text
        try:
            plain = bytes.fromhex(text).decode("ascii")
        except ValueError:
            return text
        return plain if plain.isprintable() and len(plain) > 1 else text
    return parts[0] if len(parts) == 1 else parts


def _log(one: Dataset, zone: tzinfo, received_ns: int) -> list[Json]:
    """Return the rows of a log: the times before each value, the value, its unit."""
    rows: list[Json] = []
    times: list[Json] = []
    for part in one.groups:
        if part.unit:
            rows.append({"times": times, "value": part.number, "unit": part.unit})
            times = []
        elif _STAMP.fullmatch(part.text):
            time_ns = stamp_ns(part.text, zone, received_ns)
            times.append(None if time_ns is None else iso(time_ns))
    return rows


def _child(channel: str, sets: list[Dataset], zone: tzinfo, received_ns: int) -> Meter:
    """Return a further meter; device None where it states no number."""
    places = {one.code.partition(":")[2]: one for one in sets}
    kind_text = places["24.1.0"].groups[0].text if "24.1.0" in places else ""
    kind = int(kind_text) if kind_text.isascii() and kind_text.isdigit() else -1
    numbers = [places[place].groups[0].text for place in ("96.1.0", "96.1.1") if place in places]
    device = next(filter(None, map(number_of, numbers)), None)
    found: list[Measurement] = []
    state: dict[str, Json] = {}
    for one in sets:
        shown = _shown(one, zone, received_ns)
        if shown is None:
            state[one.code] = _told(one)
        else:
            found.append(_counted(one.code, *shown, kind, {row.quantity for row in found}))
    time_ns = max((one.time_ns for one in found if one.time_ns is not None), default=None)
    if device is not None:
        state["mbus_channel"] = int(channel)
    return Meter(device, time_ns, found, state)


def _shown(one: Dataset, zone: tzinfo, received_ns: int) -> tuple[float, str, int | None] | None:
    """Return value, unit and time of a reading of a further meter; None if it is none.

    Until version 3: (time)(status)(period)(count)(code)(unit)(value). A time that is no date says
    that the meter has not been read yet.
    """
    if not re.fullmatch(r"0-\d+:24\.[23]\.\d+", one.code):
        return None
    last = one.groups[-1]
    value, unit = last.number, last.unit
    if len(one.groups) >= 7 and not unit:
        unit = one.groups[5].text
    if value is None or not unit:
        return None
    if len(one.groups) == 1:
        return value, unit, None
    time_ns = stamp_ns(one.groups[0].text, zone, received_ns)
    return None if time_ns is None else (value, unit, time_ns)


def _counted(
    code: str, value: float, unit: str, time_ns: int | None, kind: int, taken: set[str]
) -> Measurement:
    """Return a reading as what its kind of meter counts, or under its code."""
    quantity, channel = _KINDS.get(kind, ("", ""))
    scale = scale_of(quantity, unit) if quantity else None
    if scale is None or quantity in taken:
        return Measurement(code, value, "", time_ns)
    return Measurement(quantity, scaled(value, scale), channel, time_ns)
