"""Zigbee2MQTT: {base}/{name}, a JSON object for each device; the base is "zigbee2mqtt" mostly.

Source: Zigbee2MQTT documentation, "MQTT topics and messages", "Exposes", "Device-Availability",
"Settings" (last_seen, output, cache_state).

A name may hold spaces, umlauts and "/". {base}/bridge/devices, which the broker keeps, tells of
every device its address, model and "exposes"; names, units and the words of switches are learned
from it. Another base is recognised by its bridge topics.

Units: the learned one, else the convention: energy in kWh, power in W, temperature in °C. Of a
battery device `voltage` is the battery's, in mV. What has no unit there and no convention (voc,
distance, level) stays under its own name. `linkquality` is none of our quantities.
Phases: "power_phase_b" is L2; endpoints: "power_l2" is L2, "power_left" stays vendor's own.

Time: `last_seen` as ISO 8601 or in ms since 1970, else none. Zigbee2MQTT sends all that it knows
of a device in each message, so a value may be older than the message. A retained message without
last_seen is old and becomes state.

/set and /get are commands. A group is no device: its messages repeat what its members say. With
"output: attribute" the topic is {base}/{name}/{attribute} and its value bare: it is read once
the name is known from bridge/devices, and refused with the rule "announcement" until then.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from ingest.clock import rfc3339_ns
from ingest.errors import ANNOUNCEMENT, PayloadError
from ingest.formats.bare import decimal_ns, fits, news, number_in, placed, shown, told, tree
from ingest.formats.setup import Setup
from ingest.meaning import Meaning, fields, meaning
from ingest.quantity import QUANTITIES
from ingest.reading import Envelope, Json, Measurement, Message
from ingest.unit import SAME, scale_of, scaled

NAME = "zigbee2mqtt"
BY_TOPIC = True

_BASE = "zigbee2mqtt"
_BRIDGE = "bridge"
_TELLING = frozenset(("devices", "info"))
"""Bridge topics by which a base is recognised that is not called zigbee2mqtt."""

_COMMANDS = frozenset(("set", "get"))
_MILLISECOND_NS = 1_000_000
_LEARNED_MAX = 400  # properties of one device

_OURS = {
    "energy": ("active_energy_import", "", "kWh"),
    "consumed_energy": ("active_energy_import", "", "kWh"),
    "produced_energy": ("active_energy_export", "", "kWh"),
    "energy_produced": ("active_energy_export", "", "kWh"),
    "ac_frequency": ("frequency", "", "Hz"),
    "power_apparent": ("apparent_power", "", "VA"),
    "power_reactive": ("reactive_power", "", "var"),
    "battery": ("battery_level", "", "%"),
    "presence": ("occupancy", "", ""),
    "local_temperature": ("temperature", "", "°C"),
    "device_temperature": ("temperature", "internal", "°C"),
    "illuminance_lux": ("illuminance", "", "lx"),
}
"""Properties with a name of their own: quantity, channel, unit by convention."""

_MANY_UNITS = "voc voc_parts level water_level distance battery_voltage rain rainfall moisture"
_UNIT_FIRST = frozenset(_MANY_UNITS.split())
"""Properties whose unit differs from device to device."""

_PHASES = {"a": "L1", "b": "L2", "c": "L3"}
_APART = frozenset(("last_seen", "update", "device", "elapsed", "update_available"))


class _Known(NamedTuple):
    """What bridge/devices told: address, model, units, and the words for on and off."""

    address: str = ""
    model: str = ""
    units: Mapping[str, Json] = {}
    words: Mapping[str, Json] = {}


def claims(topic: str, payload: bytes, setup: Setup) -> bool:
    """Say yes to topics of a base: zigbee2mqtt, or one whose bridge was heard of."""
    del payload
    return _split(topic, setup) is not None


def read(envelope: Envelope, setup: Setup) -> Message:
    """Return what a device, or the bridge, says.

    Errors  PayloadError for a device's message that is no JSON object, and for a list of devices
            that is none.
    """
    parts = _split(envelope.topic, setup)
    if parts is None:
        raise PayloadError("Zigbee2MQTT topic", "zigbee2mqtt/NAME", envelope.topic)
    base, name = parts
    if name == _BRIDGE or name.startswith(f"{_BRIDGE}/"):
        return _of_bridge(base, name.partition("/")[2], envelope.payload, setup)
    return _of_device(base, name, envelope, setup)


def _of_device(base: str, name: str, envelope: Envelope, setup: Setup) -> Message:
    payload = envelope.payload
    levels = name.split("/")
    known = _known(f"{base}/{name}", setup)
    if known is None and len(levels) > 1:
        if levels[-1] == "availability":
            name = "/".join(levels[:-1])
            return _message(base, name, None, [], {"availability": _availability(payload)}, setup)
        for command in (levels[-1], levels[-2]):
            if command in _COMMANDS and (cut := levels.index(command)) > 0:
                owner = "/".join(levels[:cut])
                return _command(base, owner, payload, setup)
        attribute = _attribute(base, levels, envelope, setup)
        if attribute is not None:
            return attribute
    if not payload:  # a device was removed, or its retained message cleared
        return _message(base, name, None, [], {}, setup)
    whole = tree(payload, f"a JSON object of {name}")
    if not isinstance(whole, dict):
        raise _not_known(base, name, payload)
    if _is_group(base, name, setup):
        return Message(f"{base}/{_BRIDGE}", None, [], format=NAME)
    found, state = _measured(whole, known or _Known())
    time_ns = _time_ns(whole.get("last_seen"))
    return news(_message(base, name, time_ns, found, state, setup), envelope)


def _attribute(base: str, levels: list[str], envelope: Envelope, setup: Setup) -> Message | None:
    """Return {base}/{name}/{attribute} read, if the name is known and the value is no object."""
    owner, attribute = "/".join(levels[:-1]), levels[-1]
    known = _known(f"{base}/{owner}", setup)
    payload = envelope.payload
    if known is None or payload.lstrip().startswith(b"{"):
        return None
    text = told(payload)
    if attribute == "last_seen":
        return _message(base, owner, None, [], {"last_seen": text}, setup)
    if isinstance(text, str) and (number := number_in(text.strip())) is not None:
        text = number
    found, state = _measured({attribute: text}, known)
    return news(_message(base, owner, None, found, state, setup), envelope)


def _message(
    base: str,
    name: str,
    time_ns: int | None,
    found: list[Measurement],
    state: dict[str, Json],
    setup: Setup,
) -> Message:
    known = _known(f"{base}/{name}", setup) or _Known()
    if known.address:
        state["ieee_address"] = known.address
    return Message(
        f"{base}/{name}", time_ns, found, state, name=name, model=known.model, format=NAME
    )


def _command(base: str, name: str, payload: bytes, setup: Setup) -> Message:
    """Return a command, which somebody else sent, as state of the device that it goes to."""
    if _is_group(base, name, setup):
        return Message(f"{base}/{_BRIDGE}", None, [], format=NAME)
    return _message(base, name, None, [], {"command": told(payload)}, setup)


def _availability(payload: bytes) -> Json:
    said = told(payload)
    return said.get("state") if isinstance(said, dict) else said


def _measured(whole: dict[str, Json], known: _Known) -> tuple[list[Measurement], dict[str, Json]]:
    """Return a device's numbers, understood, and its words."""
    found: list[tuple[str, Measurement]] = []
    state: dict[str, Json] = {}
    battery = "battery" in whole or known.units.get("voltage") == "mV"
    for field, value in whole.items():
        if field in _APART:
            if field == "update" and isinstance(value, dict):
                state["update"] = value.get("state")
        elif isinstance(value, dict | list):
            found += [
                (one.name, Measurement(one.name, one.value)) for one in fields({field: value})
            ]
        elif isinstance(value, str):
            switched = _switched(field, value, known)
            if switched is None:
                state[field] = value
            else:
                found.append((field, switched))
        else:
            raw = "illuminance_lux" in whole and field == "illuminance"
            found += _number(field, value, known, raw=raw, battery=battery)
    return placed(found), state


def _number(
    field: str, value: Json, known: _Known, *, raw: bool, battery: bool
) -> Iterator[tuple[str, Measurement]]:
    """Yield a number, or true or false; null is none.

    raw      the field's unit is the sensor's own
    battery  the device has a battery, and its voltage is that battery's
    """
    for one in fields({field: value}):
        sense = Meaning(f"{field}_raw", "", SAME) if raw else _sense(field, known, battery)
        if not fits(value, sense.quantity):
            sense = Meaning(field if field not in QUANTITIES else f"{field}_flag", "", SAME)
        yield field, Measurement(sense.quantity, scaled(one.value, sense.scale), sense.channel)


def _sense(field: str, known: _Known, battery: bool) -> Meaning:
    told_unit = known.units.get(field)
    unit = told_unit if isinstance(told_unit, str) else ""
    if field == "voltage" and battery and unit in {"", "mV"}:
        return meaning("battery_voltage", "mV")
    bare, phase = field, ""
    head, _, letter = field.rpartition("_phase_")
    if head and letter in _PHASES:
        bare, phase = head, _PHASES[letter]
    if bare in _OURS:
        quantity, channel, usual = _OURS[bare]
        scale = scale_of(quantity, unit or usual) if unit or usual else SAME
        sense = meaning(field, unit) if scale is None else Meaning(quantity, channel, scale)
    elif bare in _UNIT_FIRST and not unit:
        return Meaning(field if field not in QUANTITIES else f"{field}_raw", "", SAME)
    else:
        sense = meaning(bare, unit, "kWh")
    if sense.quantity not in QUANTITIES:
        return Meaning(field, "", SAME)
    return Meaning(sense.quantity, ".".join(filter(None, (phase, sense.channel))), sense.scale)


def _switched(field: str, value: str, known: _Known) -> Measurement | None:
    """Return a word as 1 or 0: one that bridge/devices explained, or the state of a switch."""
    word = known.words.get(field)
    if isinstance(word, list) and value in word:
        on = float(word.index(value) == 0)
    elif value in {"ON", "OFF"} and (field == "state" or field.startswith("state_")):
        on = float(value == "ON")
    else:
        return None
    if field != "state" and not field.startswith("state_"):
        return Measurement(field, on)
    return Measurement("digital_output", on, field[6:])


def _time_ns(last_seen: Json) -> int | None:
    if last_seen is None:
        return None
    if isinstance(last_seen, str):
        return rfc3339_ns(last_seen)
    if isinstance(last_seen, int | float) and not isinstance(last_seen, bool):
        return decimal_ns(repr(last_seen), _MILLISECOND_NS, "last_seen")
    raise PayloadError("last_seen", "a time as ISO 8601 or in ms since 1970", last_seen)


def _of_bridge(base: str, subject: str, payload: bytes, setup: Setup) -> Message:
    """Return what the bridge says of itself, and learn what it says of its devices."""
    device = f"{base}/{_BRIDGE}"
    if subject == "devices":
        number = _learn_devices(base, payload, setup) if payload else 0
        _learn_base(base, number > 0, setup)
        return Message(device, None, [], {"devices": number}, format=NAME)
    if subject == "groups":
        names = _named(tree(payload, "a list of groups")) if payload else []
        setup.memory.learn(NAME, f"groups {base}", dict.fromkeys(names[:4096], True))
        return Message(device, None, [], {"groups": len(names)}, format=NAME)
    said = told(payload)
    if subject == "state":
        said = _availability(payload)
    elif subject == "info":
        whole = tree(payload, "what the bridge says of itself") if payload else None
        about = whole if isinstance(whole, dict) else {}
        _learn_base(base, "coordinator" in about, setup)
        said = about.get("version")
    elif subject not in {"health", "event"} and not subject.startswith("response/"):
        return Message(device, None, [], format=NAME)  # logs, definitions, requests
    return Message(device, None, [], {subject[:128] or "state": said}, format=NAME)


def _learn_base(base: str, sure: bool, setup: Setup) -> None:
    """Learn that all topics of a base are Zigbee2MQTT's, if it is sure that its bridge spoke."""
    if base != _BASE and sure:
        setup.memory.learn(NAME, f"base {base}", True)


def _learn_devices(base: str, payload: bytes, setup: Setup) -> int:
    """Learn names, models and units of a list of devices, and return how many there are."""
    devices = tree(payload, "the list of devices")
    if not isinstance(devices, list):
        raise PayloadError("bridge/devices", "a list of devices", shown(payload))
    count = 0
    for one in devices:
        name = one.get("friendly_name") if isinstance(one, dict) else None
        if not isinstance(one, dict) or not isinstance(name, str) or not name:
            continue
        if not isinstance(one.get("ieee_address"), str):
            continue
        if one.get("type") == "Coordinator":
            continue
        told_of = one.get("definition")
        definition = told_of if isinstance(told_of, dict) else {}
        words = [definition.get("vendor"), definition.get("model")]
        units: dict[str, Json] = {}
        switches: dict[str, Json] = {}
        for exposed in _exposed(definition.get("exposes"), 0):
            part = exposed.get("property")
            if not isinstance(part, str) or len(units) + len(switches) >= _LEARNED_MAX:
                continue
            unit, on, off = (exposed.get(key) for key in ("unit", "value_on", "value_off"))
            if isinstance(unit, str):
                units[part] = unit
            elif isinstance(on, str) and isinstance(off, str):
                switches[part] = [on, off]
        fact: dict[str, Json] = {
            "address": one.get("ieee_address"),
            "model": " ".join(word for word in words if isinstance(word, str)),
            "units": units,
            "words": switches,
        }
        setup.memory.learn(NAME, f"{base}/{name}", fact)
        count += 1
    return count


def _exposed(exposes: Json, depth: int) -> Iterator[dict[str, Json]]:
    """Yield every property of a list of exposes; a switch or a light has its own in features."""
    if not isinstance(exposes, list) or depth > 3:
        return
    for one in exposes:
        if isinstance(one, dict) and one.get("type") != "composite":
            yield one
            yield from _exposed(one.get("features"), depth + 1)


def _named(listed: Json) -> list[str]:
    if not isinstance(listed, list):
        raise PayloadError("bridge/groups", "a list of groups", listed)
    names = (one.get("friendly_name") for one in listed if isinstance(one, dict))
    return [name for name in names if isinstance(name, str)]


def _known(topic: str, setup: Setup) -> _Known | None:
    fact = setup.memory.get(NAME, topic)
    if not isinstance(fact, dict):
        return None
    address, model, units, words = (fact.get(key) for key in _Known._fields)
    return _Known(
        address if isinstance(address, str) else "",
        model if isinstance(model, str) else "",
        units if isinstance(units, dict) else {},
        words if isinstance(words, dict) else {},
    )


def _is_group(base: str, name: str, setup: Setup) -> bool:
    groups = setup.memory.get(NAME, f"groups {base}")
    return isinstance(groups, dict) and name in groups


def _not_known(base: str, name: str, payload: bytes) -> PayloadError:
    return PayloadError(
        ANNOUNCEMENT,
        f"a JSON object on {base}/{name}, or, with output: attribute, to know its device from"
        f" {base}/bridge/devices: restart Zigbee2MQTT, which sends that list",
        shown(payload),
    )


def _split(topic: str, setup: Setup) -> tuple[str, str] | None:
    """Return base and name of a topic, or None for one that is not Zigbee2MQTT's."""
    levels = topic.split("/")
    if levels[0] == _BASE and len(levels) > 1 and levels[1]:
        return _BASE, "/".join(levels[1:])
    for cut in range(1, min(len(levels), 5)):
        base = "/".join(levels[:cut])
        if levels[cut] == _BRIDGE and len(levels) == cut + 2 and levels[-1] in _TELLING:
            return base, "/".join(levels[cut:])
        if setup.memory.get(NAME, f"base {base}") is not None and levels[cut]:
            return base, "/".join(levels[cut:])
    return None
