"""Homie 3, 4 and 5: {base}/{device}/{node}/{property}, one bare value on each topic.

Source: The Homie Convention, versions 3.0.1, 4.0.0 and 5.0 ("Topology", "Payload", "Properties",
"Device Lifecycle"), and its legacy statistics extension ($stats).

Versions 3 and 4 describe a property topic by topic ({property}/$datatype, $unit, $name …), version
5 at once in {device}/$description, a JSON document, behind {base}/5. Types and units are learned
from them. The base is "homie"; under another one, a device is known by its $homie or $description.

Homie keeps every value on the broker, and states no time. A retained value is therefore not news:
it becomes state ("retained temperature.engine"), not a reading. A value that comes as it is
published is a reading at the time of its receipt.

The channel is the node ("engine"), so that equal properties of two nodes stay apart. Booleans are
1 and 0; strings, enums, colours and times are state. A value whose type nobody told is read if the
property's name alone has a meaning ("humidity"), else refused with the rule "announcement".
A property under $stats (signal, battery, cputemp …) is the device's own. /set topics are commands.
"""

from collections.abc import Iterator
from typing import NamedTuple

from ingest.errors import ANNOUNCEMENT, PayloadError
from ingest.formats.bare import fits, news, number_in, shown, text_of, told, tree
from ingest.formats.setup import Setup
from ingest.meaning import UNIT_CHARS_MAX, meaning
from ingest.quantity import QUANTITIES
from ingest.reading import Envelope, Json, Measurement, Message
from ingest.unit import SAME, Scale, scaled

NAME = "homie"
BY_TOPIC = True

_BASE = "homie"
_LEVELS_OF_BASE_MAX = 4
_NUMERIC = frozenset(("integer", "float"))
_TEXTS = frozenset(("string", "enum", "color", "datetime", "duration", "json"))
_LEARNED = frozenset(("$datatype", "$unit"))
_SELF = frozenset((("$homie",), ("$description",)))
_PROPERTIES_MAX = 4096
_STATS = {"battery": "battery_level", "cputemp": "temperature"}
_WORDS = {"true": 1.0, "false": 0.0}
_UNITS = {"gal": ("l", Scale(0.0, 3.785411784)), "ft": ("m", Scale(0.0, 0.3048))}
"""Homie's recommended units that no quantity of ours knows: the one that it knows, and the way."""


class _Place(NamedTuple):
    """A topic taken apart: the device with its base, and the levels behind it."""

    device: str
    rest: tuple[str, ...]


def claims(topic: str, payload: bytes, setup: Setup) -> bool:
    """Say yes to topics under homie/, and to those of devices that announced themselves."""
    del payload
    return _place(topic, setup) is not None


def read(envelope: Envelope, setup: Setup) -> Message:
    """Return a property's value, or what a device says of itself.

    Errors  PayloadError for a value that is not of its type, a description that is none, and, with
            the rule "announcement", for a value that nobody described.
    """
    place = _place(envelope.topic, setup)
    if place is None:
        raise PayloadError("Homie topic", "homie/DEVICE/NODE/PROPERTY", envelope.topic)
    device, rest = place
    payload = envelope.payload
    if device.endswith("/$broadcast"):
        return Message(device.rpartition("/")[0], None, [], {"broadcast": told(payload)})
    if rest[0].startswith("$"):
        return news(_of_device(place, payload, setup), envelope)
    attributes = [level for level in rest if level.startswith("$")]
    if attributes:
        return _attribute(place, attributes[0], payload, setup)
    if rest[-1] == "set":
        state: dict[str, Json] = {"command": {"/".join(rest[:-1]): told(payload)}}
        return Message(device, None, [], state, format=NAME)
    if len(rest) < 2:
        raise PayloadError("Homie topic", "homie/DEVICE/NODE/PROPERTY", envelope.topic)
    return news(_value(place, payload, setup), envelope)


def _of_device(place: _Place, payload: bytes, setup: Setup) -> Message:
    """Return an attribute of the device, and learn the base and the description."""
    device, rest = place
    if rest[0] in {"$homie", "$description"} and not device.startswith(f"{_BASE}/"):
        setup.memory.learn(NAME, f"device {device}", True)
    if rest[0] == "$description":
        return _described(device, payload, setup)
    if rest[0] == "$stats" and len(rest) == 2:
        value = number_in(text_of(payload))
        if value is not None and rest[1] in _STATS:
            quantity = _STATS[rest[1]]
            channel = "chip" if quantity == "temperature" else ""
            return Message(device, None, [Measurement(quantity, value, channel)], format=NAME)
        if rest[1] in {"uptime", "freeheap", "interval", "cpuload"}:
            return Message(device, None, [], format=NAME)  # they always change, and tell nothing
        if value is not None:
            return Message(device, None, [Measurement(f"$stats.{rest[1]}", value)], format=NAME)
    if rest[0] == "$log":
        return Message(device, None, [], format=NAME)
    text = text_of(payload)[:128]
    name = text if rest == ("$name",) and text.isprintable() else ""
    return Message(device, None, [], {"/".join(rest)[:128]: text}, name=name, format=NAME)


def _described(device: str, payload: bytes, setup: Setup) -> Message:
    """Learn the properties of a Homie 5 device at once; an empty description forgets them."""
    if not payload:
        setup.memory.learn(NAME, device, None)
        return Message(device, None, [], {"$description": None}, format=NAME)
    about = tree(payload, "the description of a Homie 5 device")
    if not isinstance(about, dict):
        raise PayloadError("$description", "a JSON object", shown(payload))
    properties: dict[str, Json] = {}
    for node_id, node in _members(about.get("nodes")):
        for property_id, one in _members(node.get("properties")):
            if len(properties) >= _PROPERTIES_MAX:
                raise PayloadError("$description", f"at most {_PROPERTIES_MAX} properties", "more")
            properties[f"{node_id}/{property_id}"] = [
                _text(one.get("datatype")),
                _text(one.get("unit"))[:UNIT_CHARS_MAX],
            ]
    setup.memory.learn(NAME, device, properties)
    state: dict[str, Json] = {"homie": _text(about.get("homie"))}
    if isinstance(about.get("parent"), str):
        state["parent"] = about["parent"]
    name = _text(about.get("name"))
    return Message(device, None, [], state, name=name if name.isprintable() else "", format=NAME)


def _members(listed: Json) -> Iterator[tuple[str, dict[str, Json]]]:
    """Yield ids and what they stand for: an object by id, or a list of objects that hold theirs."""
    if isinstance(listed, dict):
        yield from ((key, one) for key, one in listed.items() if isinstance(one, dict))
    elif isinstance(listed, list):
        for one in listed:
            if isinstance(one, dict) and isinstance(one.get("id"), str):
                yield _text(one["id"]), one


def _attribute(place: _Place, attribute: str, payload: bytes, setup: Setup) -> Message:
    """Learn type and unit of a property; other attributes of nodes and properties are dropped."""
    device, rest = place
    if len(rest) == 3 and attribute == rest[-1] and attribute in _LEARNED:
        name = f"{device}/{rest[0]}/{rest[1]}"
        known = setup.memory.get(NAME, name)
        datatype, unit = known if isinstance(known, list) else ("", "")
        text = text_of(payload)[:UNIT_CHARS_MAX]
        fact: list[Json] = [text, unit] if attribute == "$datatype" else [datatype, text]
        setup.memory.learn(NAME, name, fact)
    return Message(device, None, [], format=NAME)


def _value(place: _Place, payload: bytes, setup: Setup) -> Message:
    device, (node, *names) = place
    name = "/".join(names)
    text = text_of(payload)
    datatype, unit = _type_of(device, node, name, setup)
    if datatype in _TEXTS:
        state: dict[str, Json] = {f"{node}/{name}"[:128]: text[:1000]}
        return Message(device, None, [], state, format=NAME)
    if not text:  # the retained value was cleared
        return Message(device, None, [], format=NAME)
    value = None if datatype in _NUMERIC else _WORDS.get(text)
    flag = value is not None
    value = number_in(text) if value is None and datatype != "boolean" else value
    quantity, channel, scale = _sense(name, unit, flag)
    if not datatype and (quantity not in QUANTITIES or value is None):
        raise PayloadError(
            ANNOUNCEMENT,
            f"to know type and unit of {node}/{name} from {device}/{node}/{name}/$datatype or from"
            f" {device}/$description, which the broker keeps: restart the device, if they are gone",
            shown(payload),
        )
    if value is None:
        raise PayloadError(f"value of {node}/{name}", f"a value of type {datatype}", shown(payload))
    if quantity not in QUANTITIES:
        found = Measurement(f"{node}.{name}", value)
    else:
        found = Measurement(quantity, scaled(value, scale), ".".join(filter(None, (node, channel))))
    return Message(device, None, [found], format=NAME)


def _sense(name: str, unit: str, flag: bool) -> tuple[str, str, Scale]:
    known, first = _UNITS.get(unit, (unit, SAME))
    if known == "#":  # a count of something
        known = ""
    sense = meaning(name, known)
    if flag and not fits(True, sense.quantity):
        return name, "", SAME
    if first is not SAME:
        num = first.num * sense.scale.num
        return sense.quantity, sense.channel, Scale(sense.scale.shift, num, sense.scale.den)
    return sense.quantity, sense.channel, sense.scale


def _type_of(device: str, node: str, name: str, setup: Setup) -> tuple[str, str]:
    """Return datatype and unit, "" for what is not known."""
    described = setup.memory.get(NAME, device)
    known = described.get(f"{node}/{name}") if isinstance(described, dict) else None
    if known is None:
        array = node.rpartition("_")[0]  # an array of Homie 3: "lights_1" is one of "lights"
        known = setup.memory.get(NAME, f"{device}/{node}/{name}")
        known = known or (setup.memory.get(NAME, f"{device}/{array}/{name}") if array else None)
    if not isinstance(known, list):
        return "", ""
    datatype, unit = known
    return _text(datatype), _text(unit)


def _text(value: Json) -> str:
    return value[:128] if isinstance(value, str) else ""


def _place(topic: str, setup: Setup) -> _Place | None:
    levels = topic.split("/")
    for cut in range(1, min(len(levels) - 1, _LEVELS_OF_BASE_MAX + 1)):
        base = "/".join(levels[:cut])
        rest = tuple(levels[cut + 1 :])
        if base == _BASE and levels[cut] == "5" and cut + 1 < len(levels) - 1:
            return _Place(f"{base}/5/{levels[cut + 1]}", tuple(levels[cut + 2 :]))
        device = f"{base}/{levels[cut]}"
        if (
            base == _BASE
            or (rest in _SELF and levels[0] != "$SYS")
            or setup.memory.get(NAME, f"device {device}") is not None
        ):
            return _Place(device, rest) if levels[cut] and any(rest) else None
    return None
