"""InfluxDB line protocol, as Telegraf and many gateways publish it, on any topic.

Source: InfluxDB v2 documentation, "Line protocol" (the syntax is in `line_protocol_text`);
Telegraf documentation, "MQTT producer" and "MQTT consumer" for the tags `host` and `topic`.

A message is recognised by its first line: a measurement without "=", tags, and a first field with
a complete value. JSON, bare numbers, plain words and "key=value" lists have no such line.

- **Device**: the value of the first of these tags that a line has: dev_eui, device_id, device,
  meter_id, meter, sensor_id, sensor, station, node_id, node, entity_id, id, topic, host; capitals,
  "_", "-" and "." in a tag's name do not count. `topic` and `host` are Telegraf's own and name the
  relay, so they are left out where another tag names the device. A line without any of them is the
  device "measurement,tag=value,…", which is what makes a series in InfluxDB.
- **Quantity**: what `ingest.meaning` makes of "measurement.field", else of the field alone
  ("temperature value=21.5", "weather humidity=40"). Otherwise "measurement.field" is kept as the
  vendor's. A tag `unit` (also `units`, `uom`) is the unit of the line's fields.
- **Channel**: the line's other tags, by name: the bare value of channel, phase, tariff, line, port
  and input, "tag=value" of any other.
- Texts are state, booleans are 0 and 1.
- **Time**: ns, as the protocol has it. Senders with another precision say so nowhere in the line,
  and none is needed: a time after 2000 in s, ms or us is told by its size (`ingest.formats.epoch`).

Several devices in one message are several messages. Of two fields that mean the same at one time,
the first by name keeps the place, the other stays under its own name.
"""

import re
from collections.abc import Iterable

from msgspec.structs import replace

from ingest.errors import PayloadError
from ingest.formats.epoch import sized_ns
from ingest.formats.line_protocol_text import Point, Value, points
from ingest.formats.setup import Setup
from ingest.meaning import UNIT_CHARS_MAX, Meaning, meaning
from ingest.quantity import QUANTITIES
from ingest.reading import Envelope, Json, Measurement, Message
from ingest.unit import SAME, scaled

NAME = "line_protocol"
BY_TOPIC = False

_RELAYS = ("topic", "host")
_NAMING = (
    *("deveui", "deviceid", "device", "meterid", "meter", "sensorid", "sensor", "station"),
    *("nodeid", "node", "entityid", "id"),
    *_RELAYS,
)
_UNITS = ("unit", "units", "uom")
_BARE = frozenset(("channel", "phase", "tariff", "line", "port", "input"))
_APART = re.compile(r"[_.\-]")
_EUI = re.compile(r"[0-9A-Fa-f]{16}")
_HEAD_BYTES = 4096
_LINE = re.compile(
    rb"(?:[ \r\n]|#[^\n]*+\n)*+"
    rb'(?![\[{<"])(?:[^,= \\\x00-\x1f\x7f]|\\.)++'  # a measurement; no "=" in it
    rb"(?:,(?:[^,= \\\x00-\x1f\x7f]|\\.)++=(?:[^,= \\\x00-\x1f\x7f]|\\.)++)*+"
    rb" ++(?:[^,= \\\x00-\x1f\x7f]|\\.)++="  # a field's name
    rb'(?:"|(?:-?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?[iu]?|[tTfF]|true|True|TRUE|false|False|FALSE)'
    rb"(?:,| ++-?\d|[ \r]*+(?:\n|\Z)))"
)


def claims(topic: str, payload: bytes, setup: Setup) -> bool:
    """Say yes when the payload begins with a line of the protocol, as far as its first field."""
    del topic, setup
    head = payload[:_HEAD_BYTES]
    return b"=" in head and _LINE.match(head) is not None


def read(envelope: Envelope, setup: Setup) -> Message:
    """Return the message of the first device in the lines; the others are in `others`.

    Errors  PayloadError when a line breaks the protocol, or has a field twice.
    """
    found = points(envelope.payload)
    if not found:
        raise PayloadError("line protocol", "a line with a measurement and fields", "no lines")
    of: dict[str, list[tuple[Point, str, str]]] = {}
    for point in found:
        device, unit, channel = _tagged(point)
        of.setdefault(device, []).append((point, unit, channel))
    setup.note(f"lines: {len(found)} of {len(of)} devices")
    first, *others = (_message(device, lines) for device, lines in of.items())
    return replace(first, others=tuple(others)) if others else first


def _tagged(point: Point) -> tuple[str, str, str]:
    """Return the device, the unit and the channel that the tags of a line say."""
    plain = {_APART.sub("", key).lower(): key for key, _ in reversed(point.tags)}
    tags = dict(point.tags)
    naming = next((name for name in _NAMING if name in plain), None)
    if naming is None:
        series = "".join(f",{key}={tags[key]}" for key in sorted(tags) if key not in _UNITS)
        return point.measurement + series, _unit(plain, tags), ""
    device = tags[plain[naming]]
    left_out = {plain[naming], *(plain.get(name) for name in (*_RELAYS, *_UNITS))}
    channel = ".".join(
        tags[key] if key.lower() in _BARE else f"{key}={tags[key]}"
        for key in sorted(tags)
        if key not in left_out
    )
    return device.lower() if _EUI.fullmatch(device) else device, _unit(plain, tags), channel


def _unit(plain: dict[str, str], tags: dict[str, str]) -> str:
    key = next((plain[name] for name in _UNITS if name in plain), None)
    return "" if key is None else tags[key][:UNIT_CHARS_MAX]


def _message(device: str, lines: list[tuple[Point, str, str]]) -> Message:
    """Return the message of one device, with one time where all its lines have the same."""
    times = {None if point.time is None else sized_ns(point.time) for point, _, _ in lines}
    shared = times.pop() if len(times) == 1 else None
    state: dict[str, Json] = {}
    found: list[Measurement] = []
    places: set[tuple[str, str, int | None]] = set()
    for point, unit, channel in lines:
        time_ns = None if point.time is None else sized_ns(point.time)
        own_ns = None if time_ns == shared else time_ns
        for name, value, sense in _understood(point, unit, state):
            both = ".".join(filter(None, (channel, sense.channel)))
            place = (sense.quantity, both, time_ns)
            if place in places and sense.quantity in QUANTITIES:
                found.append(Measurement(name, value, channel, own_ns))
                continue
            places.add(place)
            found.append(Measurement(sense.quantity, scaled(value, sense.scale), both, own_ns))
    return Message(device, shared, found, state, format=NAME)


def _understood(
    point: Point, unit: str, state: dict[str, Json]
) -> Iterable[tuple[str, float, Meaning]]:
    """Yield the numbers of a line by name, each with its full name; its texts go to the state."""
    fields: dict[str, Value] = dict(point.fields)
    if len(fields) < len(point.fields):
        raise PayloadError("line protocol", "each field of a line once", point.measurement)
    for key in sorted(fields, key=lambda key: (key not in QUANTITIES, key)):
        name, value = f"{point.measurement}.{key}", fields[key]
        if isinstance(value, str):
            state[name] = value
        else:
            yield name, float(value), _sense(point.measurement, key, unit)


def _sense(measurement: str, key: str, unit: str) -> Meaning:
    for name in (f"{measurement}.{key}", key):
        sense = meaning(name, unit)
        if sense.quantity in QUANTITIES:
            return sense
    return Meaning(f"{measurement}.{key}", "", SAME)
