"""Shelly devices of the second generation and later: Plus, Pro, Gen3, Gen4.

Source: Shelly API documentation, "Gen2+ Device API": "Notifications", "RPC Protocol", "MQTT", and
the status of the components EM, EMData, EM1, EM1Data, PM1, Switch, Cover, Light, Input,
Temperature, Humidity, Illuminance, Voltmeter, DevicePower, Flood, Smoke, BTHome and WiFi.

Topics, behind a prefix that is the device's id unless the operator set another:
    events/rpc              NotifyStatus (only what changed), NotifyFullStatus, NotifyEvent
    status/{component}:{n}  the whole status of one component, without a time
    online, announce, debug/log, command, rpc   state, or nothing

Energies are registers in Wh; those that hold "ret" are what was returned to the grid. by_minute
and minute_ts are left out knowingly: amounts of the last minutes in mWh, not registers; so are the
"data" events of EMData, minute amounts too. null is no value, and no zero.

Channels: phases a, b, c are L1, L2, L3, the neutral conductor is N, sums have none. What a device
has several of (switch, em1, input) has the number that Shelly gives it, other components that
meter have their own name ("cover:0"); the temperature inside of a switch is "0.internal".

The device is `src`, the hardware's id. A status topic does not tell it: there the device is the
prefix, unless notifications of that prefix have told their id before. What a prefix was called
first, it is called for good (setup.memory), so that no series changes its device when both kinds
of messages are switched on. `ts` is read exactly, digit by digit.
"""

import re
from collections.abc import Iterator, Mapping

import msgspec

from ingest.clock import SECOND_NS
from ingest.errors import PayloadError
from ingest.formats.bare import decimal_ns, news, placed, shown, told, tree, typed
from ingest.formats.setup import Setup
from ingest.meaning import fields
from ingest.reading import Envelope, Json, Measurement, Message

NAME = "shelly"
BY_TOPIC = True

_ID = re.compile(r"shelly[a-z0-9]+-[0-9a-f]{6,12}", re.ASCII | re.IGNORECASE)
_COMPONENT = re.compile(r"[a-z][a-z0-9_]{1,31}:\d{1,5}", re.ASCII)
_NULL = msgspec.Raw(b"null")

_ALONE = (
    "sys wifi eth cloud mqtt ws ble bthome script schedule webhook modbus knx matter zigbee ht_ui"
    " plugs_ui plugpm_ui plusrgbwpm_ui ui wall_display http sntp kvs dali cury"
)
_SYSTEM = frozenset(_ALONE.split())
"""Components that measure nothing: what they say is state."""

_VOLATILE = (
    "uptime time unixtime ram_size ram_free ram_min_free fs_size fs_free mem_used mem_peak mem_free"
    " cpu last_sync_ts cfg_rev kvs_rev schedule_rev webhook_rev utc_offset"
)
_RESTLESS = frozenset(_VOLATILE.split())
"""Fields of the system that always change, or say nothing to an operator."""

_PHASES = {"a": "L1", "b": "L2", "c": "L3", "n": "N", "total": ""}
_EM = {
    "act_power": "active_power",
    "aprt_power": "apparent_power",
    "voltage": "voltage",
    "current": "current",
    "pf": "power_factor",
    "freq": "frequency",
}
_EMDATA = {
    "total_act_energy": "active_energy_import",
    "total_act_ret_energy": "active_energy_export",
    "act": "active_energy_import",  # behind "total_"
    "act_ret": "active_energy_export",
}
_METERED = {
    **_EM,
    "apower": "active_power",
    "aenergy.total": "active_energy_import",
    "ret_aenergy.total": "active_energy_export",
    "output": "digital_output",
    "temperature.tC": "temperature",
    "total_act_energy": "active_energy_import",
    "total_act_ret_energy": "active_energy_export",
}
_FIELDS: dict[str, dict[str, str]] = {
    **dict.fromkeys(("switch", "pm1", "em1", "em1data", "cover", "light"), _METERED),
    **dict.fromkeys(("rgb", "rgbw", "cct", "rgbcct"), _METERED),
    "temperature": {"tC": "temperature"},
    "humidity": {"rh": "humidity"},
    "illuminance": {"lux": "illuminance"},
    "voltmeter": {"voltage": "voltage"},
    "devicepower": {"battery.V": "battery_voltage", "battery.percent": "battery_level"},
    "flood": {"alarm": "water_leak"},
    "input": {"state": "digital_input", "counts.total": "pulse_register"},
    "wifi": {"rssi": "rssi"},
    "bthomedevice": {"battery": "battery_level", "rssi": "rssi"},
    "blutrv": {"battery": "battery_level", "rssi": "rssi", "current_C": "temperature"},
    "thermostat": {"current_C": "temperature", "current_humidity": "humidity"},
}
_SINGLE = frozenset(
    ("pm1", "temperature", "humidity", "illuminance", "devicepower", "flood", "thermostat")
)
"""Components whose number 0 is the device itself; others of them are add-ons."""

_NUMBERED = frozenset(("switch", "em1", "em1data", "input"))
_NO_READING = re.compile(
    r"(ret_)?aenergy\.(by_minute.*|minute_ts)|counts\.(by_minute.*|xby_minute.*|minute_ts)|id"
    r"|.*tF|.*current_F|.*target_F|timer_.*|move_.*|transition\..*|last_.*_ts|last_updated_ts"
    r"|packet_id|steps.*"
)


class _Frame(msgspec.Struct):
    """A frame of RPC: a notification, a request, or a response. Only what is read of it."""

    src: str | None = None
    method: str | None = None
    params: msgspec.Raw = _NULL
    result: msgspec.Raw = _NULL
    error: msgspec.Raw = _NULL


_FRAME = msgspec.json.Decoder(_Frame)
_PARAMS = msgspec.json.Decoder(dict[str, msgspec.Raw])


def claims(topic: str, payload: bytes, setup: Setup) -> bool:
    """Say yes by the topic: its last levels, or a prefix that is an id or was met before."""
    del payload
    parts = _parts(topic)
    if parts is None:
        return False
    prefix, what = parts
    if what in {"online", "announce", "command", "debug/log"}:
        above, _, own_name = prefix.rpartition("/")
        if above != "shellies" and _ID.fullmatch(own_name):  # there, it is the first generation's
            return True
        return setup.memory.get(NAME, prefix) is not None
    return True


def read(envelope: Envelope, setup: Setup) -> Message:
    """Return what a device says of its components.

    Errors  PayloadError when a notification or a status is not as documented.
    """
    parts = _parts(envelope.topic)
    if parts is None:
        raise PayloadError("Shelly topic", "…/events/rpc or …/status/COMPONENT", envelope.topic)
    prefix, what = parts
    if what in {"events/rpc", "rpc"}:
        return news(_framed(envelope, setup, prefix, what), envelope)
    device = _device(prefix, None, setup)
    if what.startswith("status/"):
        status = tree(envelope.payload, f"the status of {what[7:]}")
        found, state = _components({what[7:]: status})
        return news(Message(device, None, found, state, format=NAME), envelope)
    if what == "debug/log":
        return Message(device, None, [], format=NAME)
    word = what.split("/")[0]
    return Message(device, None, [], {word: told(envelope.payload)}, format=NAME)


def _framed(envelope: Envelope, setup: Setup, prefix: str, what: str) -> Message:
    frame = typed(_FRAME, envelope.payload, "a frame of Shelly's RPC")
    if what == "rpc" and frame.method is not None:  # somebody asks the device
        state: dict[str, Json] = {"command": frame.method[:128]}
        return Message(_device(prefix, None, setup), None, [], state, format=NAME)
    if what == "rpc":
        return _answered(frame, envelope)
    device = _device(prefix, frame.src, setup)
    params = typed(_PARAMS, bytes(frame.params), "params, an object of components")
    stamp = bytes(params.pop("ts", _NULL))
    time_ns = None if stamp == b"null" else decimal_ns(stamp.decode(), SECOND_NS, "ts")
    whole = {name: tree(bytes(raw), f"{name} as JSON") for name, raw in params.items()}
    if frame.method == "NotifyEvent":
        return Message(device, time_ns, [], _events(whole), format=NAME)
    if frame.method not in {"NotifyStatus", "NotifyFullStatus"}:
        raise PayloadError("method", "NotifyStatus, NotifyFullStatus or NotifyEvent", frame.method)
    found, state = _components(whole)
    return Message(device, time_ns, found, state, format=NAME)


def _answered(frame: _Frame, envelope: Envelope) -> Message:
    """Return what a device answers: of Shelly.GetStatus all components, of others nothing.

    A single component's status does not tell which component it is.
    """
    if not frame.src:
        raise PayloadError("RPC frame", "src, method or result", shown(envelope.payload))
    result = tree(bytes(frame.result), "result as JSON")
    if frame.error != _NULL:
        state: dict[str, Json] = {"rpc error": told(bytes(frame.error))}
        return Message(frame.src, None, [], state, format=NAME)
    if not isinstance(result, dict):
        return Message(frame.src, None, [], format=NAME)
    system = result.get("sys")
    now = system.get("unixtime") if isinstance(system, dict) else None
    time_ns = now * SECOND_NS if isinstance(now, int) and now > 0 else None
    found, state = _components(result)
    return Message(frame.src, time_ns, found, state, format=NAME)


def _events(params: Mapping[str, Json]) -> dict[str, Json]:
    """Return the names of events by component: {"input:0.event": "btn_down"}."""
    events = params.get("events")
    if not isinstance(events, list):
        raise PayloadError("events", "a list of events", events)
    named: dict[str, Json] = {}
    for event in events:
        if isinstance(event, dict) and isinstance(event.get("event"), str):
            named[f"{event.get('component', 'device')}.event"[:128]] = event["event"]
    return named


def _components(whole: Mapping[str, Json]) -> tuple[list[Measurement], dict[str, Json]]:
    """Return what components measured, and what they say of themselves."""
    found: list[tuple[str, Measurement]] = []
    state: dict[str, Json] = {}
    for name, status in whole.items():
        if status is None or not _is_component(name):
            continue
        if not isinstance(status, dict):
            raise PayloadError(f"status of {name}", "an object", status)
        kind, _, number = name.partition(":")
        state |= _told_by(name, kind, status)
        found += _measured(name, kind, number, status)
    return placed(found), state


def _measured(
    name: str, kind: str, number: str, status: dict[str, Json]
) -> Iterator[tuple[str, Measurement]]:
    for field, value, _ in fields(status):
        own_name = f"{name}.{field}"
        if kind in {"em", "emdata"}:
            phase, _, what = field.partition("_")
            quantity = (_EM if kind == "em" else _EMDATA).get(what)
            if quantity and phase in _PHASES:
                later = (number if number != "0" else "", _PHASES[phase])
                yield own_name, Measurement(quantity, value, ".".join(filter(None, later)))
                continue
        quantity = _FIELDS.get(kind, {}).get(field)
        if quantity:
            inside = "internal" if field == "temperature.tC" else ""
            channel = ".".join(filter(None, (_channel(name, kind, number), inside)))
            yield own_name, Measurement(quantity, value, channel)
        elif kind not in _SYSTEM and not _NO_READING.fullmatch(field):
            yield own_name, Measurement(own_name, value)


def _channel(name: str, kind: str, number: str) -> str:
    if kind in _SINGLE and number == "0":
        return ""
    return number if kind in _SINGLE or kind in _NUMBERED or not number else name


def _told_by(name: str, kind: str, status: dict[str, Json]) -> dict[str, Json]:
    """Return what is worth knowing beside the numbers: texts, errors, the system's settings."""
    if kind in _SYSTEM:
        return {
            f"{name}.{field}": value
            for field, value in status.items()
            if field not in _RESTLESS and field not in _FIELDS.get(kind, {})
        }
    return {
        f"{name}.{field}": value
        for field, value in status.items()
        if (isinstance(value, str) and field != "source") or field == "errors"
    }


def _is_component(name: str) -> bool:
    return name in _SYSTEM or _COMPONENT.fullmatch(name) is not None


def _device(prefix: str, source: str | None, setup: Setup) -> str:
    """Return the name of the device behind a prefix; what it was called first, it stays."""
    known = setup.memory.get(NAME, prefix)
    if isinstance(known, str) and (not source or known in {source, prefix}):
        return known
    name = source or prefix
    if name != prefix or not _ID.fullmatch(prefix):
        setup.memory.learn(NAME, prefix, name)
    return name


def _parts(topic: str) -> tuple[str, str] | None:
    """Return the prefix and the rest of a topic, or None for one that is not Shelly's."""
    levels = topic.split("/")
    if len(levels) < 2:
        return None
    last, before = levels[-1], levels[-2]
    if len(levels) > 2:
        component = _COMPONENT.fullmatch(last) is not None
        if (
            (before == "events" and last == "rpc")
            or (before == "status" and (component or last in _SYSTEM))
            or (before == "command" and component)
            or (before == "debug" and last == "log")
        ):
            return "/".join(levels[:-2]), f"{before}/{last}"
    if last in {"online", "rpc", "announce", "command"}:
        return "/".join(levels[:-1]), last
    return None
