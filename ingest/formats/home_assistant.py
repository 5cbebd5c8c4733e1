"""Home Assistant's discovery: {prefix}/{component}/[{node}/]{object}/config, and what it announces.

Source: Home Assistant documentation, "MQTT" ("MQTT discovery", "Discovery topic", "Single
component discovery payload", "Device discovery payload", the lists of abbreviations), "MQTT
sensor", "MQTT binary sensor".

A configuration says which topic holds which value in which unit. It is learned (setup.memory), and
from then on its topics are claimed here, unless a format with topics of its own takes them first.
It is kept on the broker; an empty one removes the entity. Entities are read as ingest/formats/
entity.py tells, their templates as template.py does; of a template beyond the plain part the
entity's state holds the text, and no value is guessed.

The device is the first identifier of the configuration's device, else the first connection, else
"homeassistant/" and the node or object. The first entity of a device with a meaning has the plain
series, every further one its object id as channel, and both keep them for good, also after one of
them was removed. Configurations themselves belong to the device "homeassistant".

Only sensors and binary sensors (ON and OFF are 1 and 0) bring readings. What other components say
is state, and so is availability; command topics are claimed too, as commands are no readings. No
value has a time, so a retained one is old and becomes state.
"""

from msgspec.structs import replace

from ingest.errors import PayloadError
from ingest.formats.bare import fits, news, number_in, placed, shown, told
from ingest.formats.discovery import COMPONENTS, PREFIX, Entity, entities_of, learn
from ingest.formats.setup import Setup
from ingest.formats.template import parsed, picked
from ingest.reading import Envelope, Json, Measurement, Message
from ingest.unit import scaled

NAME = "home_assistant"
BY_TOPIC = False

_MARKS = (b"state_topic", b"stat_t", b"components", b"cmps", b"command_topic", b"cmd_t")
_NO_VALUE = frozenset(("", "none", "null", "nan", "unknown", "unavailable"))


def claims(topic: str, payload: bytes, setup: Setup) -> bool:
    """Say yes to configurations, and to topics that one has announced."""
    if setup.memory.get(NAME, f"topic {topic}") is not None:
        return True
    if topic == f"{PREFIX}/status":
        return True
    path = _path(topic)
    if path is None:
        return False
    if topic.startswith(f"{PREFIX}/") or setup.memory.get(NAME, f"config {topic}") is not None:
        return True
    return path[0] in COMPONENTS and any(mark in payload for mark in _MARKS)


def read(envelope: Envelope, setup: Setup) -> Message:
    """Return the values of the entities of a topic, or learn a configuration.

    Errors  PayloadError when a configuration is no JSON object, or a value is not as announced.
    """
    topic = envelope.topic
    known = setup.memory.get(NAME, f"topic {topic}")
    if not isinstance(known, dict):
        if topic == f"{PREFIX}/status":
            return Message(PREFIX, None, [], {"status": told(envelope.payload)}, format=NAME)
        path = _path(topic)
        if path is not None and path[0] in COMPONENTS:
            learn(NAME, topic, path, envelope.payload, setup)
        return Message(PREFIX, None, [], format=NAME)
    by_device: dict[str, Message] = {}
    for entity in entities_of(known):
        first = by_device.setdefault(
            entity.device,
            Message(entity.device, None, [], {}, None, entity.name, entity.model, NAME),
        )
        found, state = _read(entity, envelope.payload)
        by_device[entity.device] = replace(
            first,
            measurements=[*first.measurements, *found],
            state={**first.state, **state},
            name=first.name or entity.name,
        )
    messages = [_apart(news(message, envelope)) for message in by_device.values()]
    if not messages:
        return Message(PREFIX, None, [], format=NAME)
    return replace(messages[0], others=tuple(messages[1:]))


def _path(topic: str) -> list[str] | None:
    """Return component, node if there is one, and object of a topic of configurations."""
    levels = topic.split("/")
    if levels[-1] != "config" or len(levels) < 4:
        return None
    noded = len(levels) > 4 and levels[-4] in COMPONENTS
    return levels[-4:-1] if noded else levels[-3:-1]


def _apart(message: Message) -> Message:
    """Return the message with each place once."""
    found = placed([(one.quantity, one) for one in message.measurements])
    return replace(message, measurements=found)


def _read(entity: Entity, payload: bytes) -> tuple[list[Measurement], dict[str, Json]]:
    """Return what a payload says of one entity: a measurement, a state, or nothing."""
    what = entity.object_id
    if entity.role == "availability":
        said = told(payload)
        return [], {"availability": said.get("state") if isinstance(said, dict) else said}
    if entity.role == "command":
        return [], {f"command {what}": told(payload)}
    if entity.role == "attributes":
        return [], {}
    template = parsed(entity.template)
    if template is None:
        return [], {f"template of {what}, not understood": entity.template}
    if not payload:
        return [], {}
    value = picked(template, payload)
    if value is None or (isinstance(value, str) and value.strip().lower() in _NO_VALUE):
        return [], {}
    if entity.role == "state":
        return [], {what: value if not isinstance(value, str) else value[:1000]}
    if entity.role == "binary_sensor":
        return _switched(entity, value, payload), {}
    return _measured(entity, value, payload)


def _measured(
    entity: Entity, value: Json, payload: bytes
) -> tuple[list[Measurement], dict[str, Json]]:
    if isinstance(value, str):
        number = number_in(value.strip())
        if number is None and entity.quantity == entity.object_id:
            return [], {entity.object_id: value[:1000]}  # an operating mode, a date
    elif isinstance(value, bool):
        number = float(value) if fits(value, entity.quantity) else None
    elif isinstance(value, int | float):
        number = number_in(repr(value))
    else:
        return [], {entity.object_id: told(payload)}
    if number is None:
        raise PayloadError(
            f"value of {entity.object_id}", "a number, as its configuration says", shown(payload)
        )
    return [Measurement(entity.quantity, scaled(number, entity.scale), entity.channel)], {}


def _switched(entity: Entity, value: Json, payload: bytes) -> list[Measurement]:
    """Return 1 or 0; true and false are the words that a template makes of them."""
    word = str(value)
    if word not in {entity.on, entity.off}:
        words = f"{entity.on} or {entity.off}, as its configuration says"
        raise PayloadError(f"value of {entity.object_id}", words, shown(payload))
    return [Measurement(entity.quantity, float(word == entity.on), entity.channel)]
