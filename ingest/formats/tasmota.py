"""Tasmota telemetry: tele/{name}/SENSOR, or any order of the levels that FullTopic sets.

Source: Tasmota documentation, "MQTT", "JSON status responses", "Commands" (FullTopic, TelePeriod,
SetOption8, SetOption24, SetOption52) and "Smart Meter Interface".

A topic is Tasmota's when one level is "tele" and the last is one of its telemetry subjects; the
device is named by the other levels ("tele/plant/hall/SENSOR" is "plant/hall").

`Time` is the wall clock of the device unless it has an offset (SetOption52), see clock.local_ns.
ENERGY: Total and ExportActive are registers in kWh; a list has a channel for each phase or relay,
"1", "2", …. Today, Yesterday and Period are left out knowingly: they are amounts of Total, cut at
the device's own midnight; days are computed from the register. Zeros right after a start are
passed on as they are; they are judged later, against what came before.
Groups of the Smart Meter Interface have the user's names and keys: they are read by
`ingest.meaning`, registers in kWh, as the interface's own examples scale them.
A number in a group's name is its channel ("DS18B20-2" is "2"); groups that would still share a
place get their whole names as channels. One sensor alone has none.
STATE, LWT, INFOn and the like are state and bring no measurements; LWT is the bare word.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import msgspec

from ingest.clock import local_ns
from ingest.errors import PayloadError
from ingest.formats.setup import Setup
from ingest.meaning import NAME_CHARS_MAX, UNIT_CHARS_MAX, Meaning, fields, meaning
from ingest.quantity import QUANTITIES
from ingest.reading import Envelope, Json, Measurement, Message
from ingest.unit import SAME, Scale, scaled

NAME = "tasmota"
BY_TOPIC = True

_SUBJECT = re.compile(
    r"SENSOR|STATE|LWT|RESULT|MARGINS|UPTIME|HASS_STATE|WAKEUP|EVENT|BATTERY"
    r"|INFO\d*|STATUS\d*"
)
_JSON = msgspec.json.Decoder()
_KWH = Scale(0.0, 1000.0)
_ENERGY = {
    "Total": ("active_energy_import", "kWh"),
    "ImportActive": ("active_energy_import", "kWh"),
    "ExportActive": ("active_energy_export", "kWh"),
    "ImportReactive": ("reactive_energy_import", "kvarh"),
    "ExportReactive": ("reactive_energy_export", "kvarh"),
    "Power": ("active_power", ""),
    "ApparentPower": ("apparent_power", ""),
    "ReactivePower": ("reactive_power", ""),
    "Factor": ("power_factor", ""),
    "Voltage": ("voltage", ""),
    "Current": ("current", ""),
    "Frequency": ("frequency", ""),
}
_AMOUNTS = frozenset(("Today", "Yesterday", "Period", "TodayTariff", "YesterdayTariff"))
_TARIFFS = "TotalTariff"
_UNIT_OF = {"TempUnit": "C", "PressureUnit": "hPa", "SpeedUnit": "m/s"}
_UNIT_KEY = {
    "temperature": "TempUnit",
    "dew_point": "TempUnit",
    "pressure": "PressureUnit",
    "wind_speed": "SpeedUnit",
}
_CHIPS = frozenset(("ESP32", "BL09XX", "CSE7766"))
"""Groups whose temperature is that of a chip on the board."""

_DISTANCE_UNIT = {"SR04": "cm", "ME007": "cm", "VL53L0X": "mm", "VL53L1X": "mm", "TOF10120": "mm"}
_NUMBER = re.compile(r"[-_](\d{1,3})$")


class _Found(NamedTuple):
    """A number of a group, understood; value None is a sensor that did not answer (null)."""

    group: str
    name: str
    sense: Meaning
    value: float | None


def claims(topic: str, payload: bytes, setup: Setup) -> bool:
    """Say yes by the topic alone."""
    del payload, setup
    return _device(topic) is not None


def read(envelope: Envelope, setup: Setup) -> Message:
    """Return the message of a telemetry topic.

    Errors  PayloadError when a SENSOR message is no JSON object, or its Time is no time.
    """
    device = _device(envelope.topic)
    if device is None:
        raise PayloadError("Tasmota topic", "levels tele, a name and a subject", envelope.topic)
    subject = envelope.topic.rpartition("/")[2]
    if subject != "SENSOR":
        return _state_only(envelope, setup, device, subject)
    tree = _object(envelope.payload)
    state: dict[str, Json] = {}
    return Message(
        device, _time_ns(tree, setup, envelope), _measured(tree, state), state, format=NAME
    )


def _state_only(envelope: Envelope, setup: Setup, device: str, subject: str) -> Message:
    """Return STATE and the like, whatever they hold: a word, an object, or nothing."""
    try:
        told: Json = _JSON.decode(envelope.payload) if envelope.payload else None
    except (msgspec.MsgspecError, UnicodeDecodeError):
        told = envelope.payload.decode("utf-8", "replace")
    time_ns = _time_ns(told, setup, envelope) if isinstance(told, dict) else None
    return Message(device, time_ns, [], {subject.lower(): told}, format=NAME)


def _object(payload: bytes) -> dict[str, Json]:
    try:
        tree = _JSON.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise PayloadError("JSON", "the JSON object of a SENSOR message", str(error)) from error
    if not isinstance(tree, dict):
        raise PayloadError("JSON", "an object of sensors", f"{type(tree).__name__}")
    return tree


def _time_ns(tree: dict[str, Json], setup: Setup, envelope: Envelope) -> int | None:
    stated = tree.get("Time")
    if stated is None:
        return None
    if not isinstance(stated, str):
        raise PayloadError("Time", 'a text like "2026-03-29T01:30:00"', stated)
    return local_ns(stated, setup.zone, envelope.received_ns)


def _measured(tree: dict[str, Json], state: dict[str, Json]) -> list[Measurement]:
    units = {key: str(tree.get(key, usual))[:UNIT_CHARS_MAX] for key, usual in _UNIT_OF.items()}
    found: list[_Found] = []
    for group, content in tree.items():
        if group in units or group == "Time":
            continue
        if isinstance(content, dict):
            found += _group(group, content, units, state)
        elif isinstance(content, str):
            state[group] = content  # "Switch1": "ON"
        else:
            found += _plain({group: content}, "", units)
    return _placed(found)


def _group(
    group: str, content: dict[str, Json], units: dict[str, str], state: dict[str, Json]
) -> Iterator[_Found]:
    """Yield the numbers of one group; its texts (an address, a start time) go to the state."""
    state |= {f"{group}.{key}": text for key, text in content.items() if isinstance(text, str)}
    if group == "ENERGY":
        yield from _energy(content, units, state)
    elif group == "COUNTER":
        yield from _counters(content)
    else:
        yield from _plain(content, group, units)


def _energy(
    content: dict[str, Json], units: dict[str, str], state: dict[str, Json]
) -> Iterator[_Found]:
    for key, value in content.items():
        if key in _AMOUNTS:
            continue
        if isinstance(value, dict):
            yield from _group(key, value, units, state)  # the chip's own temperature
            continue
        for one in fields({key: value}):
            part = one.name[len(key) + 1 :]  # "" or the number in the list
            name = f"ENERGY.{one.name}"
            if key == _TARIFFS:
                sense = Meaning("active_energy_import", f"T{part or 1}", _KWH)
            elif key in _ENERGY:
                quantity, unit = _ENERGY[key]
                sense = Meaning(quantity, part, _KWH if unit else SAME)
            else:
                sense = Meaning(name, "", SAME)
            yield _Found("", name, sense, one.value)


def _counters(content: dict[str, Json]) -> Iterator[_Found]:
    """Yield the pulse counters: C1 counts on through restarts, so it is a register."""
    for one in fields(content):
        number = one.name.removeprefix("C")
        name = f"COUNTER.{one.name}"
        known = number.isascii() and number.isdigit() and one.name.startswith("C")
        sense = Meaning("pulse_register", number, SAME) if known else Meaning(name, "", SAME)
        yield _Found("", name, sense, one.value)


def _plain(content: dict[str, Json], group: str, units: dict[str, str]) -> Iterator[_Found]:
    """Yield the numbers of a sensor, or of a meter that the user named.

    A unit that the message states for all its sensors, or that the driver always uses, serves
    the fields that name none. A field without a meaning has its full name, group and all.
    """
    for one in fields(content):
        yield _Found(group, *_sense(one.name, one.unit, group, units), one.value)
    for key, value in content.items():
        if value is None and len(key) <= NAME_CHARS_MAX:
            yield _Found(group, *_sense(key, "", group, units), None)


def _sense(field: str, unit: str, group: str, units: dict[str, str]) -> tuple[str, Meaning]:
    """Return the full name and the meaning of a field."""
    if field == "Distance" and not unit:
        unit = _DISTANCE_UNIT.get(_NUMBER.sub("", group), "")
    sense = meaning(field, unit, "kWh")
    if sense.scale is SAME and not unit:
        unit = units.get(_UNIT_KEY.get(sense.quantity, ""), "")
        sense = meaning(field, unit, "kWh") if unit else sense
    name = f"{group}.{field}" if group else field
    if sense.quantity in QUANTITIES:
        return name, sense
    return name, Meaning(f"{group}.{sense.quantity}" if group else sense.quantity, "", SAME)


def _placed(found: list[_Found]) -> list[Measurement]:
    """Give every number its channel, so that no two share a place.

    A silent sensor takes part, so that its neighbour does not change channels meanwhile.
    """
    groups: dict[tuple[str, str], set[str]] = {}
    for one in found:
        groups.setdefault(_place(one, ""), set()).add(one.group)
    taken: set[tuple[str, str]] = set()
    placed: list[Measurement] = []
    for one in found:
        if one.value is None:
            continue
        place = _place(one, "")
        if len(groups[place]) > 1:
            place = _place(one, one.group)
        value = scaled(one.value, one.sense.scale)
        if place in taken:
            place, value = (one.name, ""), one.value
        taken.add(place)
        placed.append(Measurement(place[0], value, place[1]))
    return placed


def _place(one: _Found, group: str) -> tuple[str, str]:
    """Return quantity and channel; a group that is given goes before the field's own channel."""
    quantity, channel, _ = one.sense
    if quantity not in QUANTITIES:
        return quantity, channel
    numbered = _NUMBER.search(one.group)
    if one.group in _CHIPS and quantity == "temperature":
        group = group or "chip"
    elif numbered:
        group = group or numbered[1]
    return quantity, ".".join(filter(None, (group, channel)))


@lru_cache(maxsize=65_536)
def _device(topic: str) -> str | None:
    """Return the device of a topic, or None for a topic that is not Tasmota's telemetry."""
    levels = topic.split("/")
    if len(levels) < 3 or "tele" not in levels[:-1] or not _SUBJECT.fullmatch(levels[-1]):
        return None
    levels.pop()
    levels.remove("tele")
    return "/".join(levels)
