"""Shelly devices of the first generation: shellies/{id}/…, one topic for each value.

Source: Shelly Gen1 API Reference, "MQTT support", and the topics of each device there.

    emeter/{n}/power, voltage, current, pf, reactive_power     what is now
    emeter/{n}/total, total_returned                           registers in Wh
    relay/{n}, relay/{n}/power, relay/{n}/energy               energy is a register in Watt-minutes
    roller/{n}/…, light/{n}/…, sensor/…, ext_temperature/{n}, adc/{n}, input/{n}, temperature, …
    online, announce, info, command, …                         state

relay/{n}/energy counts from the device's start on; 60 Watt-minutes are 1 Wh. emeter/{n}/energy and
returned_energy count what `total` counts, and start anew with the device; they stay under their
own names, so that they are not taken for the register. Channels are Shelly's numbers; the three
inputs of a 3EM are its phases L1, L2, L3. Temperatures are in °C, the device's usual setting.

Nothing here has a time, and a retained value is old: it becomes state. `info` is the whole status
at once and repeats what the topics say: of it only the battery and the reception are read, and
they too are left out when their sensor says that it is not valid.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from ingest.errors import PayloadError
from ingest.formats.bare import news, number_in, placed, shown, text_of, told, tree
from ingest.formats.setup import Setup
from ingest.meaning import fields
from ingest.quantity import QUANTITIES
from ingest.reading import Envelope, Json, Measurement, Message
from ingest.unit import SAME, Scale, scaled

NAME = "shelly_gen1"
BY_TOPIC = True

_WATT_MINUTES = Scale(0.0, 1.0, 60.0)
_PARTS_OF_A_DEVICE = (
    "relay roller light white color emeter emeter_n sensor input input_event longpush adc"
    " ext_temperature ext_temperature_f ext_humidity ext_switch thermostat valve"
)
_PARTS = frozenset(_PARTS_OF_A_DEVICE.split())
_PART_OR_SUBJECT = (
    "online announce info command status settings temperature temperature_f temperature_status"
    " overtemperature voltage power energy ext_temperatures ext_humidities ext_switches"
)
_SUBJECTS = frozenset(_PART_OR_SUBJECT.split())

_POWER = ("active_power", SAME)
_ENERGY = ("active_energy_import", _WATT_MINUTES)
_QUANTITIES: dict[str, tuple[str, Scale]] = {
    "emeter//power": _POWER,
    "emeter//reactive_power": ("reactive_power", SAME),
    "emeter//voltage": ("voltage", SAME),
    "emeter//current": ("current", SAME),
    "emeter//pf": ("power_factor", SAME),
    "emeter//total": ("active_energy_import", SAME),
    "emeter//total_returned": ("active_energy_export", SAME),
    "emeter_n//current": ("current", SAME),
    **{f"{part}//power": _POWER for part in ("relay", "roller", "light", "white", "color")},
    **{f"{part}//energy": _ENERGY for part in ("relay", "roller", "light", "white", "color")},
    **{f"{part}//": ("digital_output", SAME) for part in ("relay", "light", "white", "color")},
    "relay/power": _POWER,
    "relay/energy": _ENERGY,
    "power": _POWER,
    "energy": _ENERGY,
    "voltage": ("voltage", SAME),
    "temperature": ("temperature", SAME),
    "sensor/temperature": ("temperature", SAME),
    "sensor/humidity": ("humidity", SAME),
    "sensor/lux": ("illuminance", SAME),
    "sensor/battery": ("battery_level", SAME),
    "sensor/flood": ("water_leak", SAME),
    "ext_temperature//": ("temperature", SAME),
    "ext_humidity//": ("humidity", SAME),
    "adc//": ("voltage", SAME),
    "input//": ("digital_input", SAME),
    "ext_switch//": ("digital_input", SAME),
}
"""Quantity and scale of a topic behind the device, its number cut out."""

_WORDS = {"on": 1.0, "off": 0.0, "true": 1.0, "false": 0.0, "open": 1.0, "close": 0.0}
_ON_OR_OFF = frozenset(("digital_output", "digital_input", "water_leak"))
_REPEATED = re.compile(r"temperature_f|ext_temperature_f/.*|ext_(temperature|humiditie|switche)s")
_INFO = {
    "bat.value": "battery_level",
    "bat.voltage": "battery_voltage",
    "wifi_sta.rssi": "rssi",
}


class _Topic(NamedTuple):
    """A topic taken apart: shellies/{device}/{kind, number cut out} and its channel."""

    device: str
    rest: str
    kind: str
    channel: str


def claims(topic: str, payload: bytes, setup: Setup) -> bool:
    """Say yes to shellies/…."""
    del payload, setup
    return _parsed(topic) is not None


def read(envelope: Envelope, setup: Setup) -> Message:
    """Return what one topic of a device says.

    Errors  PayloadError when a topic that has a number or a state says neither.
    """
    del setup
    topic = _parsed(envelope.topic)
    if topic is None:
        raise PayloadError("Shelly topic", "shellies/DEVICE/…", envelope.topic)
    payload = envelope.payload
    if not topic.rest or topic.rest == "announce":
        return _announced(topic, payload)
    if topic.rest == "info":
        return news(_informed(topic, payload), envelope)
    if topic.rest.endswith("command"):
        return Message(topic.device, None, [], {"command": told(payload)}, format=NAME)
    if topic.kind not in _QUANTITIES:
        return news(_unnamed(topic, payload), envelope)
    if not payload or payload == b"null":
        return Message(topic.device, None, [], format=NAME)
    quantity, scale = _QUANTITIES[topic.kind]
    text = text_of(payload)
    value = _WORDS.get(text.lower()) if quantity in _ON_OR_OFF else None
    value = number_in(text) if value is None else value
    if value is None:
        if quantity == "digital_output":  # "overpower"
            return Message(topic.device, None, [], {topic.rest: told(payload)}, format=NAME)
        raise PayloadError(f"value of {topic.rest}", "a bare number", shown(payload))
    found = [Measurement(quantity, scaled(value, scale), topic.channel)]
    return news(Message(topic.device, None, found, format=NAME), envelope)


def _announced(topic: _Topic, payload: bytes) -> Message:
    """Return what a device says of itself; on shellies/announce it names itself."""
    if topic.rest == "" and topic.device != "announce":  # shellies/command
        return Message("shellies", None, [], {topic.device: told(payload)}, format=NAME)
    told_of = tree(payload, "what a device says of itself")
    if not isinstance(told_of, dict):
        raise PayloadError("announcement of a Shelly", "an object", shown(payload))
    named = told_of.get("id")
    device = topic.device if topic.rest else named
    if not isinstance(device, str):
        raise PayloadError("announcement of a Shelly", "id, a text", shown(payload))
    state = {key: one for key, one in told_of.items() if not isinstance(one, dict | list)}
    model = told_of.get("model")
    return Message(
        device, None, [], state, model=model if isinstance(model, str) else "", format=NAME
    )


def _informed(topic: _Topic, payload: bytes) -> Message:
    """Return of the whole status what no topic of its own tells."""
    status = tree(payload, "the status of the device")
    if not isinstance(status, dict):
        raise PayloadError("info", "an object", shown(payload))
    valid = {
        key: one
        for key, one in status.items()
        if not (isinstance(one, dict) and one.get("is_valid") is False)
    }
    read_of_it = {key: one for key, one in valid.items() if key in {"bat", "wifi_sta"}}
    found = [
        Measurement(_INFO[name], value) for name, value, _ in fields(read_of_it) if name in _INFO
    ]
    update = status.get("update")
    firmware = update.get("old_version") if isinstance(update, dict) else None
    state: dict[str, Json] = {} if firmware is None else {"firmware": firmware}
    return Message(topic.device, None, found, state, format=NAME)


def _unnamed(topic: _Topic, payload: bytes) -> Message:
    """Return a topic without a quantity: its numbers under its name, everything else as state."""
    if _REPEATED.fullmatch(topic.rest):  # in °F, or all of them at once: said before
        return Message(topic.device, None, [], format=NAME)
    known = told(payload)
    if topic.rest in _SUBJECTS and topic.rest not in {"overtemperature", "status"}:
        return Message(topic.device, None, [], {topic.rest: known}, format=NAME)
    if isinstance(known, dict | list):
        tree_of_it = known if isinstance(known, dict) else {str(n): v for n, v in enumerate(known)}
        found = [
            (name, Measurement(name, value))
            for name, value in (
                (f"{topic.rest}.{one.name}", one.value) for one in fields(tree_of_it)
            )
        ]
        return Message(topic.device, None, placed(found), format=NAME)
    value = number_in(text_of(payload))
    if value is None and isinstance(known, bool):
        value = float(known)
    name = topic.rest if topic.rest not in QUANTITIES else f"{topic.rest} (unknown)"
    if value is None:
        return Message(topic.device, None, [], {topic.rest: known}, format=NAME)
    return Message(topic.device, None, [Measurement(name, value)], format=NAME)


@lru_cache(maxsize=65_536)
def _parsed(topic: str) -> _Topic | None:
    levels = topic.split("/")
    if levels[0] != "shellies" or len(levels) < 2:
        return None
    if len(levels) == 2:
        return _Topic(levels[1], "", "", "") if levels[1] in {"announce", "command"} else None
    # An operator's own name for a device may hold levels: its parts begin with the first known one.
    starts = (n for n in range(2, len(levels)) if levels[n] in _PARTS or levels[n] in _SUBJECTS)
    start = next(starts, 2)
    device, rest = "/".join(levels[1:start]), levels[start:]
    if not device:
        return None
    numbered = len(rest) > 1 and rest[1].isascii() and rest[1].isdigit()
    channel = rest[1] if numbered else ""
    kind = f"{rest[0]}//{'/'.join(rest[2:])}" if numbered else "/".join(rest)
    if rest[0] == "emeter" and "shellyem3" in device and channel in {"0", "1", "2"}:
        channel = f"L{int(channel) + 1}"
    elif rest[0] == "emeter_n":
        kind, channel = f"emeter_n//{rest[-1]}", "N"
    elif rest[0].startswith("ext_"):
        channel = f"external.{channel}"
    elif rest[0] == "roller" and channel:
        channel = f"roller.{channel}"
    elif rest == ["temperature"]:
        channel = "internal"
    return _Topic(device, "/".join(rest), kind, channel)
