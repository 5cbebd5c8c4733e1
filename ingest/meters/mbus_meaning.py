"""What M-Bus records mean for a city: our quantities, their channels and their times.

Source: EN 13757-3:2013, "Data information block" (storage number, tariff, subunit) and "Device type
identification"; OMS Specification, vol. 2, annex B for the VIFEs that mark what flows out (3Ch) or
in (3Bh).

The medium decides what a register counts: the energy of an electricity meter is
`active_energy_import`, of a heat or cooling meter `heat_energy` (channel "cooling" for a cooling
meter); a volume is `water_volume`, `gas_volume`, or the heat carrier's `heat_volume`.

What has none of our quantities keeps the standard's word, in the unit of UNIT_OF, below. So does
what only looks like one of them:
- the energy or power of a subunit of an electricity or heat meter ("energy", channel "unit1"): for
  many makers that is reactive energy or export, and the standard does not say;
- a maximum or minimum ("flow.max"), and a value with a VIFE that changes it ("volume.per_hour");
- history without a date ("water_volume.storage1").
History with a date belongs to the series itself, at its own time. A date alone is its first
moment. Dates in the future are due dates to come, and those before 2000 were never set: neither
is a time of anything that was measured.

Two records that would share a place are told apart by their order: the second gets the channel
"2". A value that failed takes part in the count, so that its neighbours keep their names.
"""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, tzinfo
from typing import NamedTuple

from ingest.clock import AHEAD_NS_MAX, EARLIEST_NS, local_ns
from ingest.meters.mbus_records import MANUFACTURER, MORE, Record
from ingest.meters.mbus_units import DATE, FLAGS, NUMBER, PLAIN, VENDOR
from ingest.quantity import QUANTITIES
from ingest.reading import Measurement
from ingest.unit import SAME, Scale, scaled

MEDIA: dict[int, str] = {
    0x00: "other",
    0x01: "oil",
    0x02: "electricity",
    0x03: "gas",
    0x04: "heat (outlet)",
    0x05: "steam",
    0x06: "warm water",
    0x07: "water",
    0x08: "heat cost allocator",
    0x09: "compressed air",
    0x0A: "cooling (outlet)",
    0x0B: "cooling (inlet)",
    0x0C: "heat (inlet)",
    0x0D: "heat and cooling",
    0x0E: "bus or system",
    0x0F: "unknown",
    0x10: "irrigation water",
    0x11: "water data logger",
    0x12: "gas data logger",
    0x13: "gas converter",
    0x14: "calorific value",
    0x15: "hot water",
    0x16: "cold water",
    0x17: "dual water",
    0x18: "pressure",
    0x19: "A/D converter",
    0x1A: "smoke detector",
    0x1B: "room sensor",
    0x1C: "gas detector",
    0x20: "breaker (electricity)",
    0x21: "valve (gas or water)",
    0x25: "customer unit",
    0x28: "waste water",
    0x29: "garbage",
    0x2A: "carbon dioxide",
    0x31: "communication controller",
    0x32: "unidirectional repeater",
    0x33: "bidirectional repeater",
    0x36: "radio converter (system side)",
    0x37: "radio converter (meter side)",
}
"""Device types, which the standard called media before."""

ELECTRICITY, HEAT, COOLING, WATER, GAS = "electricity", "heat", "cooling", "water", "gas"

_FAMILY = {
    **dict.fromkeys((0x02, 0x20), ELECTRICITY),
    **dict.fromkeys((0x04, 0x0C, 0x0D), HEAT),
    **dict.fromkeys((0x0A, 0x0B), COOLING),
    **dict.fromkeys((0x06, 0x07, 0x10, 0x11, 0x15, 0x16, 0x17), WATER),
    **dict.fromkeys((0x03, 0x12, 0x13), GAS),
}
_REGISTERS = {
    (ELECTRICITY, "energy"): "active_energy_import",
    (ELECTRICITY, "power"): "active_power",
    (HEAT, "energy"): "heat_energy",
    (HEAT, "power"): "heat_power",
    (HEAT, "volume"): "heat_volume",
    (COOLING, "energy"): "heat_energy",
    (COOLING, "power"): "heat_power",
    (COOLING, "volume"): "heat_volume",
    (WATER, "volume"): "water_volume",
    (GAS, "volume"): "gas_volume",
}
"""What the medium decides."""

_ANYWHERE = {
    "reactive_energy": ("reactive_energy_import", ""),
    "flow_temperature": ("temperature", "supply"),
    "return_temperature": ("temperature", "return"),
    "external_temperature": ("temperature", "external"),
}
_EXPORT = {
    "active_energy_import": "active_energy_export",
    "reactive_energy_import": "reactive_energy_export",
}
_PHASES = frozenset(("L1", "L2", "L3", "N", "L1-L2", "L2-L3", "L3-L1"))
_CONDITIONS = {"uncorrected": "uncorrected", "base_conditions": "base"}
_AT_EXTREME = {"maximum": "max", "minimum": "min"}
DURATIONS = frozenset(("on_time", "operating_time"))

UNIT_OF: dict[str, tuple[str, Scale]] = {
    "J": ("Wh", Scale(0.0, 1.0, 3600.0)),
    "J/h": ("W", Scale(0.0, 1.0, 3600.0)),
    "m3/min": ("m3/h", Scale(0.0, 60.0)),
    "m3/s": ("m3/h", Scale(0.0, 3600.0)),
    "bar": ("hPa", Scale(0.0, 1000.0)),
    "[degF]": ("Cel", Scale(-32.0, 5.0, 9.0)),
}
"""Units of records that become another unit here; all others stay (UCUM, as in mbus_units)."""

_DIFFERENCE = Scale(0.0, 5.0, 9.0)
"""A difference of temperatures has no zero to shift: 9 degF are 5 K."""

_THREE_PHASES = {b"\x00": "", b"\x01": "L1", b"\x02": "L2", b"\x03": "L3"}
_PHASES_OF = dict.fromkeys(("EMU", "FIN", "SBC"), _THREE_PHASES)
"""Makers whose manuals give the VIFE after FFh as the phase, 0 being all three together: EMU
Professional, Saia-Burgess ALE3, and the Finder 7E, which is the same meter."""

_REACTIVE_SUBUNIT = frozenset(("FIN", "SBC"))
"""Makers whose manuals give the power of subunit 1 as reactive power."""


class _Place(NamedTuple):
    quantity: str
    channel: tuple[str, ...]


class _Time(NamedTuple):
    """A date record: where it stands, what it dates, and the moment."""

    at: int
    storage: int
    function: str
    time_ns: int


def measured(
    records: Sequence[Record],
    medium: int | None,
    manufacturer: str = "",
    zone: tzinfo | None = None,
    received_ns: int = 0,
    prefix: str = "",
    sampled_ns: Sequence[int] | None = None,
    errors: bool = False,
) -> list[Measurement]:
    """Return the measurements of one meter's records.

    medium       device type (0..FFh); None: not known
    zone         where the meter's clock hangs; None: history then has no date
    received_ns  when the telegram came, UTC ns
    prefix       goes before every channel: the meter's serial, where a message has several
    sampled_ns   when each record was sampled, UTC ns, where the message says so
    errors       keep values of an error state too, as "flow.error"
    Errors       none; what can't be understood stays under the standard's word
    """
    media = _media_of(records, medium)
    times = list(_times(records, zone, received_ns)) if zone is not None else []
    order: dict[tuple[str, str, int], int] = {}
    taken: dict[tuple[str, str, int | None], float] = {}
    found: list[Measurement] = []
    for nth, one in enumerate(records):
        if one.kind not in {NUMBER, PLAIN, FLAGS, VENDOR} or one.function in {MANUFACTURER, MORE}:
            continue
        family = _FAMILY.get(media.get(one.subunit, media[0]) or 0, "")
        place = _place(one, family, manufacturer, errors)
        quantity, channel = place.quantity, ".".join(filter(None, (prefix, *place.channel)))
        count = order[quantity, channel, one.storage] = (
            order.get((quantity, channel, one.storage), 0) + 1
        )
        if count > 1:
            channel = f"{channel}.{count}" if channel else str(count)
        if not _is_measured(one, errors):
            continue
        value = _in_unit(one)
        now_ns = sampled_ns[nth] if sampled_ns is not None else None
        time_ns = _time_of(nth, one, times) if one.storage else now_ns
        if one.storage and (
            time_ns is None or taken.get((quantity, channel, time_ns), value) != value
        ):
            quantity, time_ns = f"{quantity}.storage{one.storage}", now_ns
        if (quantity, channel, time_ns) not in taken:
            taken[quantity, channel, time_ns] = value
            found.append(Measurement(quantity, value, channel, time_ns))
    return found


def _is_measured(one: Record, errors: bool) -> bool:
    """Say whether a record has a number that counts; an error state's may be how long it lasts."""
    if isinstance(one.value, bool) or not isinstance(one.value, int | float):
        return False
    return one.function != "error" or errors or one.name in DURATIONS


def _media_of(records: Sequence[Record], medium: int | None) -> dict[int, int | None]:
    """Return the medium of each subunit; a record "medium" (FD 09h) says it for its own."""
    media: dict[int, int | None] = {0: medium}
    for one in records:
        if one.name == "medium" and one.subunit and isinstance(one.value, int):
            media[one.subunit] = one.value
        elif one.subunit and one.subunit not in media and _FAMILY.get(medium or 0) in _DUBIOUS:
            media[one.subunit] = None
    return media


_DUBIOUS = frozenset((ELECTRICITY, HEAT, COOLING))
"""Media whose subunits may count something else."""


def _place(one: Record, family: str, manufacturer: str, errors: bool) -> _Place:
    """Return the quantity of a record, and the parts of its channel."""
    name = one.name
    subunit = f"unit{one.subunit}" if one.subunit else ""
    if one.subunit == 1 and name == "power" and manufacturer in _REACTIVE_SUBUNIT:
        name, subunit = "reactive_power", ""
    quantity, side = _ANYWHERE.get(name, (_REGISTERS.get((family, name), name), ""))
    if one.kind == PLAIN:  # the meter's own word, which may happen to be one of ours
        quantity, side = f"text.{name}" if name in QUANTITIES else name, ""
    if family == COOLING and quantity != name:
        side = COOLING
    phases, words = [], []
    for word in one.modifiers:
        if word in _PHASES:
            phases.append(word)
        elif word in _CONDITIONS and quantity in {"gas_volume", "water_volume"}:
            phases.append(_CONDITIONS[word])
        elif word == "negative" and quantity in _EXPORT:
            quantity = _EXPORT[quantity]
        elif word != "positive":
            words.append(word)
    if one.kind == VENDOR:
        words.append((one.vendor or b"").hex())
    elif one.vendor is not None:
        phase = _PHASES_OF.get(manufacturer, {}).get(one.vendor)
        if phase is None:
            words.append(f"vendor{one.vendor.hex()}")
        else:
            phases.append(phase)
    if one.function in _AT_EXTREME:
        words.append(_AT_EXTREME[one.function])
    elif one.function == "error" and (errors or name in DURATIONS):
        words.append("error")
    tariff = f"T{one.tariff}" if one.tariff else ""
    return _Place(".".join(filter(None, (quantity, *words))), (side, *phases, tariff, subunit))


def _in_unit(one: Record) -> float:
    """Return the value in the unit that UNIT_OF gives for the record's."""
    assert isinstance(one.value, int | float)
    if one.unit == "[degF]" and one.name == "temperature_difference":
        return scaled(one.value, _DIFFERENCE)
    return scaled(one.value, UNIT_OF.get(one.unit, ("", SAME))[1])


def _times(records: Sequence[Record], zone: tzinfo, received_ns: int) -> Iterator[_Time]:
    """Yield the moments that date a storage number, without dues to come and clocks never set."""
    for at, one in enumerate(records):
        value = one.value
        if one.kind != DATE or not one.storage or one.modifiers or not isinstance(value, date):
            continue
        moment = value if isinstance(value, datetime) else datetime(*value.timetuple()[:3])
        time_ns = local_ns(moment.isoformat(timespec="seconds"), zone, received_ns)
        if EARLIEST_NS <= time_ns <= received_ns + AHEAD_NS_MAX:
            yield _Time(at, one.storage, one.function, time_ns)


def _time_of(nth: int, one: Record, times: list[_Time]) -> int | None:
    """Return the moment of the record's storage number.

    The moment of the same function comes first (the time of a maximum), then that of the period.
    Of several, it is the last one before the record, else the first after it.
    """
    mine = [moment for moment in times if moment.storage == one.storage]
    for function in (one.function, "instantaneous"):
        same = [moment for moment in mine if moment.function == function]
        before = [moment for moment in same if moment.at < nth]
        if same:
            return (before[-1] if before else same[0]).time_ns
    return None
