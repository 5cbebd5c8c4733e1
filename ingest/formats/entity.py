"""What an entity of Home Assistant measures: from its class, unit and name to a quantity of ours.

Source: Home Assistant developer documentation, "Sensor entity" (device classes, state classes and
their units), "Binary sensor entity"; documentation, "MQTT sensor".

The class names the quantity, the unit its scale. Without both nothing is guessed: the entity has
its object id as its name. So have energies and volumes that are no registers: state class
"measurement" or none; "total" with a last reset; and those whose name says that they count a day,
a week or a month only ("yield_day"), although they call themselves total_increasing.

What flows out is export: a name with "export", "return", "einspeisung", "feed in" or "to grid"
makes an energy active_energy_export, and a power one of the channel "export" with its sign turned,
as import is positive. Phases and tariffs in a name are channels.
"""

import re
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from ingest.meaning import UNIT_CHARS_MAX, Meaning, meaning
from ingest.quantity import QUANTITIES, Kind
from ingest.unit import SAME, UNITS, Scale, scale_of

_CLASSES = {
    "apparent_power": "apparent_power",
    "atmospheric_pressure": "pressure",
    "battery": "battery_level",
    "carbon_dioxide": "co2",
    "current": "current",
    "energy": "active_energy_import",
    "frequency": "frequency",
    "gas": "gas_volume",
    "humidity": "humidity",
    "illuminance": "illuminance",
    "moisture": "soil_moisture",
    "nitrogen_dioxide": "no2",
    "ozone": "o3",
    "pm1": "pm1",
    "pm10": "pm10",
    "pm25": "pm2_5",
    "power": "active_power",
    "power_factor": "power_factor",
    "pressure": "pressure",
    "reactive_energy": "reactive_energy_import",
    "reactive_power": "reactive_power",
    "signal_strength": "rssi",
    "temperature": "temperature",
    "volatile_organic_compounds_parts": "tvoc",
    "voltage": "voltage",
    "volume_flow_rate": "flow",
    "water": "water_volume",
    "wind_speed": "wind_speed",
    "wind_direction": "wind_direction",
    "distance": "distance",
}
_BINARY_CLASSES = {
    "occupancy": "occupancy",
    "presence": "occupancy",
    "motion": "occupancy",
    "moisture": "water_leak",
}
_FIXED_UNIT = frozenset(("humidity", "battery_level", "power_factor", "co2"))
"""Quantities of which Home Assistant knows one unit only."""

_MORE_UNITS: dict[str, dict[str, Scale]] = {
    "1": {"%": Scale(0.0, 1.0, 100.0)},
    "m3": {
        "ft³": Scale(0.0, 0.028316846592),
        "ft3": Scale(0.0, 0.028316846592),
        "ccf": Scale(0.0, 2.8316846592),
        "gal": Scale(0.0, 0.003785411784),
    },
    "m3/h": {
        "gal/min": Scale(0.0, 0.22712470704),
        "ft³/min": Scale(0.0, 1.69901079552),
        "m³/s": Scale(0.0, 3600.0),
        "m³/min": Scale(0.0, 60.0),
        "ml/s": Scale(0.0, 0.0036),
    },
    "[ppb]": {"ppm": Scale(0.0, 1000.0)},
    "m/s": {"mph": Scale(0.0, 0.44704), "kn": Scale(0.0, 1852.0, 3600.0)},
    "m": {
        "ft": Scale(0.0, 0.3048),
        "in": Scale(0.0, 0.0254),
        "yd": Scale(0.0, 0.9144),
        "mi": Scale(0.0, 1609.344),
    },
}
_WORD = re.compile(r"[^\W_]+")
_CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_OUT = frozenset(
    (
        *("export", "exported", "exports", "return", "returned", "einspeisung", "netzeinspeisung"),
        *("eingespeist", "einspeisezähler", "feedin", "injection", "injected", "rückspeisung"),
    )
)
_OUT_PAIRS = frozenset((("feed", "in"), ("to", "grid"), ("ins", "netz"), ("fed", "in")))
_IN = frozenset(("import", "imported", "bezug", "netzbezug"))
_SPANS = frozenset(
    (
        *("today", "yesterday", "day", "daily", "week", "weekly", "month", "monthly", "year"),
        *("yearly", "hour", "hourly", "session", "heute", "gestern", "tag", "tages", "monat"),
        *("woche", "jahr", "jahres", "stunde", "yieldday", "last"),
    )
)
_HEAT = frozenset(("heat", "wärme", "waerme", "heatmeter", "wärmemenge"))
_BATTERY = frozenset(("battery", "batt", "vbat", "batterie", "bat"))
_PHASES = {
    **{f"l{n}": f"L{n}" for n in (1, 2, 3)},
    **{f"phase{n}": f"L{n}" for n in (1, 2, 3)},
    **{f"phase{letter}": f"L{n}" for n, letter in enumerate("abc", 1)},
}


class Announced(NamedTuple):
    """What a configuration says of an entity, as far as it tells what is measured."""

    object_id: str
    name: str = ""
    device_class: str = ""
    unit: str = ""
    state_class: str = ""
    resets: bool = False  # it names a last reset
    binary: bool = False


@lru_cache(maxsize=8192)
def understood(entity: Announced) -> Meaning:
    """Return quantity, channel and scale; the object id where nothing of ours fits."""
    unit = entity.unit[:UNIT_CHARS_MAX]
    words = _words(f"{entity.name} {entity.object_id}")
    if entity.binary:
        quantity = _BINARY_CLASSES.get(entity.device_class)
        return Meaning(quantity, "", SAME) if quantity else _own(entity)
    if not entity.device_class:
        return _by_name(entity, words, unit)
    named = _CLASSES.get(entity.device_class)
    if named is None:
        return _own(entity)
    outward = _outward(words)
    quantity = _narrowed(named, words, outward)
    scale = _scale(quantity, unit)
    if scale is None or _no_register(quantity, entity, words):
        return _own(entity)
    channels = [_PHASES[word] for word in words if word in _PHASES]
    channels += _tariffs(words)
    if quantity == "active_power" and outward:
        channels, scale = [*channels, "export"], Scale(scale.shift, -scale.num, scale.den)
    elif quantity == "active_power" and not _IN.isdisjoint(words):
        channels.append("import")
    return Meaning(quantity, ".".join(dict.fromkeys(channels)), scale)


def _by_name(entity: Announced, words: list[str], unit: str) -> Meaning:
    """Return what the names alone mean together with the unit."""
    for name in (entity.object_id, entity.name):
        sense = meaning(name[:128], unit) if name else None
        if sense is None or sense.quantity not in QUANTITIES:
            continue
        if not _no_register(sense.quantity, entity, words):
            return sense
    return _own(entity)


def _narrowed(quantity: str, words: list[str], outward: bool) -> str:
    """Return the quantity that the words beside the class tell more exactly."""
    if quantity == "active_energy_import" and not _HEAT.isdisjoint(words):
        return "heat_energy"
    if outward and quantity in {"active_energy_import", "reactive_energy_import"}:
        return quantity.replace("import", "export")
    if quantity == "voltage" and not _BATTERY.isdisjoint(words):
        return "battery_voltage"
    return quantity


def _no_register(quantity: str, entity: Announced, words: list[str]) -> bool:
    """Return whether a quantity counts, and this entity does not count on for good."""
    kind = QUANTITIES[quantity].kind
    if kind is Kind.COUNT:
        return True  # "since the message before" is nothing that Home Assistant knows
    if kind is not Kind.REGISTER:
        return False
    counting = entity.state_class == "total_increasing" or (
        entity.state_class == "total" and not entity.resets
    )
    return not counting or not _SPANS.isdisjoint(words)


def _scale(quantity: str, unit: str) -> Scale | None:
    if not unit:
        return SAME if quantity in _FIXED_UNIT else None
    canonical = QUANTITIES[quantity].unit
    found = scale_of(quantity, unit)
    if found is None and canonical in UNITS:
        found = scale_of(quantity, unit.replace("μ", "µ"))
    return found or _MORE_UNITS.get(canonical, {}).get(unit.lower())


def _outward(words: list[str]) -> bool:
    pairs = set(pairwise(words))
    return not _OUT.isdisjoint(words) or not _OUT_PAIRS.isdisjoint(pairs)


def _tariffs(words: list[str]) -> list[str]:
    """Return "T1" for "t1", "tariff 1", "tarif1"."""
    text = " ".join(words)
    found = re.search(r"\b(?:t|tarif+ ?|ht_t)([1-9])\b", text)
    return [f"T{found[1]}"] if found else []


def _words(text: str) -> list[str]:
    """Return the words of a name in lower case, "phase a" and "phase 1" as one."""
    words = _WORD.findall(_CAPITAL.sub(" ", text).replace("_", " ").lower())
    joined: list[str] = []
    for word in words:
        if joined and joined[-1] == "phase" and f"phase{word}" in _PHASES:
            joined[-1] = f"phase{word}"
        else:
            joined.append(word)
    return joined


def _own(entity: Announced) -> Meaning:
    """Return the entity under its object id, which must not pass for a quantity of ours."""
    name = entity.object_id[:100]
    if name in QUANTITIES:
        name = f"{name} {entity.unit[:UNIT_CHARS_MAX]}".strip() if entity.unit else f"{name} value"
    return Meaning(name, "", SAME)
