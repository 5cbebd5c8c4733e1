"""Configurations of Home Assistant's discovery, spelled out and learned.

Source: Home Assistant documentation, "MQTT": "MQTT discovery" and its lists of abbreviations.

Facts in setup.memory:
    "topic T"    the entities that read topic T, by a key of their own
    "config C"   the topics that configuration C announced, to forget them with it
    "place D"    which entity of device D has which series, for good
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from ingest.errors import PayloadError
from ingest.formats.bare import shown, tree
from ingest.formats.entity import Announced, understood
from ingest.formats.setup import Setup
from ingest.reading import Json
from ingest.unit import SAME, Scale

PREFIX = "homeassistant"

_SOME = (
    "alarm_control_panel binary_sensor button camera climate cover device device_automation"
    " device_tracker event fan humidifier image lawn_mower light lock notify number scene select"
    " sensor siren switch tag text update vacuum valve water_heater"
)
COMPONENTS = frozenset(_SOME.split())
"""Levels that name a component; "device" announces several at once."""

_FULL = {
    "avty": "availability",
    "avty_t": "availability_topic",
    "cmd_t": "command_topic",
    "cmps": "components",
    "cns": "connections",
    "dev": "device",
    "dev_cla": "device_class",
    "ids": "identifiers",
    "json_attr_t": "json_attributes_topic",
    "lrst_val_tpl": "last_reset_value_template",
    "lrst_t": "last_reset_topic",
    "mdl": "model",
    "mf": "manufacturer",
    "o": "origin",
    "p": "platform",
    "pl_off": "payload_off",
    "pl_on": "payload_on",
    "stat_cla": "state_class",
    "stat_t": "state_topic",
    "t": "topic",
    "uniq_id": "unique_id",
    "unit_of_meas": "unit_of_measurement",
    "val_tpl": "value_template",
}
_ENTITIES_MAX = 1000  # of one topic, and of one configuration
_TEXT_MAX = 400
_TOPIC_MAX = 1024


class Entity(NamedTuple):
    """What is known of one entity, of one of its topics.

    role   "sensor", "binary_sensor", or "state" for other components' values; "availability",
           "command", "attributes" for topics that bring no value
    scale  shift, num and den of the way to the quantity's unit
    """

    role: str
    device: str
    object_id: str
    name: str = ""
    model: str = ""
    template: str = ""
    quantity: str = ""
    channel: str = ""
    on: str = "ON"
    off: str = "OFF"
    scale: Scale = SAME


def entities_of(fact: Mapping[str, Json]) -> Iterator[Entity]:
    """Yield the entities that a topic's fact holds."""
    *plain, _ = Entity("", "", "")._asdict().items()
    for one in fact.values():
        if isinstance(one, dict):
            scale = one.get("scale")
            way = (
                [n for n in scale if isinstance(n, int | float)] if isinstance(scale, list) else []
            )
            texts = [str(one.get(field, usual)) for field, usual in plain]
            yield Entity._make([*texts, Scale(*way)])


def learn(format_name: str, topic: str, path: list[str], payload: bytes, setup: Setup) -> None:
    """Learn one configuration in the place of what it said before; an empty one says nothing.

    path  component, node if there is one, and object, from the topic
    Errors  PayloadError when it is no JSON object.
    """
    announced: dict[str, dict[str, Entity]] = {}
    if payload.strip():
        config = tree(payload, "a discovery configuration, a JSON object")
        if not isinstance(config, dict):
            raise PayloadError("discovery configuration", "a JSON object", shown(payload))
        parts = list(_components(_spelled(config), path))
        if len(parts) > _ENTITIES_MAX:
            raise PayloadError("components", f"at most {_ENTITIES_MAX}", len(parts))
        for component, object_id, options in parts:
            _add(format_name, announced, topic, path, component, object_id, options, setup)
    memory = setup.memory
    before = memory.get(format_name, f"config {topic}")
    for old in before if isinstance(before, list) else []:
        if isinstance(old, str) and old not in announced:
            _change(format_name, old, topic, {}, setup)
    for one, entities in announced.items():
        _change(format_name, one, topic, entities, setup)
    topics: list[Json] = list(announced)
    memory.learn(format_name, f"config {topic}", topics or None)
    setup.note(f"{topic} announces {len(announced)} topics")


def _change(
    format_name: str, topic: str, config: str, entities: dict[str, Entity], setup: Setup
) -> None:
    """Put the entities of one configuration into the fact of a topic."""
    known = setup.memory.get(format_name, f"topic {topic}")
    mine = config.replace(" ", "%20")
    kept: dict[str, Json] = {
        key: one
        for key, one in (known.items() if isinstance(known, dict) else ())
        if key.partition(" ")[0] != mine
    }
    plain = Entity("", "", "")._asdict()
    for key, entity in entities.items():
        if len(kept) >= _ENTITIES_MAX and key not in kept:
            if entity.role == "availability":
                continue  # the will of a gateway of a thousand devices
            raise PayloadError("entities of a topic", f"at most {_ENTITIES_MAX}", "more")
        kept[key] = {
            field: list(value) if isinstance(value, tuple) else value
            for field, value in entity._asdict().items()
            if field in {"role", "device", "object_id"} or value != plain[field]
        }
    setup.memory.learn(format_name, f"topic {topic}", kept or None)


def _components(
    config: dict[str, Json], path: list[str]
) -> Iterator[tuple[str, str, dict[str, Json]]]:
    """Yield component, object id and options of each entity that a configuration announces."""
    if path[0] != "device":
        yield path[0], path[-1], config
        return
    several = config.get("components")
    if not isinstance(several, dict):
        raise PayloadError("components", "an object of components", several)
    shared = {key: one for key, one in config.items() if key not in {"components", "origin"}}
    for key, one in several.items():
        options = _spelled(one) if isinstance(one, dict) else {}
        component = options.get("platform")
        if isinstance(component, str) and len(options) > 1:  # alone, it says: no longer there
            yield component, key, {**shared, **options}


def _add(
    format_name: str,
    announced: dict[str, dict[str, Entity]],
    config_topic: str,
    path: list[str],
    component: str,
    object_id: str,
    options: dict[str, Json],
    setup: Setup,
) -> None:
    """Add the topics of one entity to what its configuration announces."""
    device, name, model = _device(options.get("device"), path)
    base = options.get("~")
    key = f"{config_topic.replace(' ', '%20')} {object_id}"

    def put(topic: Json, entity: Entity) -> None:
        where = _topic(topic, base)
        if where and entity.role == "availability":  # the device's, however many entities it has
            announced.setdefault(where, {})[f" availability of {device}"] = entity
        elif where:
            announced.setdefault(where, {})[f"{key} {entity.role}"] = entity

    plain = Entity("state", device, object_id[:100], name, model)
    template = _text(options.get("value_template"))
    if component in {"sensor", "binary_sensor"}:
        entity = _understood(format_name, plain, component, options, key, path, setup)
        put(options.get("state_topic"), entity._replace(template=template))
    else:
        put(options.get("state_topic"), plain._replace(template=template))
    put(options.get("command_topic"), plain._replace(role="command"))
    put(options.get("json_attributes_topic"), plain._replace(role="attributes"))
    put(options.get("last_reset_topic"), plain._replace(role="attributes"))
    several = options.get("availability")
    listed = several if isinstance(several, list) else [several]
    spelled = [_spelled(one).get("topic") for one in listed if isinstance(one, dict)]
    for topic in (options.get("availability_topic"), *spelled):
        put(topic, plain._replace(role="availability"))


def _understood(
    format_name: str,
    plain: Entity,
    component: str,
    options: dict[str, Json],
    key: str,
    path: list[str],
    setup: Setup,
) -> Entity:
    """Return the entity with its series: the plain one for the first, the object's for others."""
    last_reset = {"last_reset_value_template", "last_reset_topic"}
    sense = understood(
        Announced(
            plain.object_id,
            _text(options.get("name")),
            _text(options.get("device_class")),
            _text(options.get("unit_of_measurement")),
            _text(options.get("state_class")),
            not last_reset.isdisjoint(options),
            component == "binary_sensor",
        )
    )
    held = setup.memory.get(format_name, f"place {plain.device}")
    places: dict[str, Json] = dict(held) if isinstance(held, dict) else {}
    node = "/".join(path[1:-1])
    channels = (sense.channel, plain.object_id, f"{node}/{plain.object_id}", key)
    channel = next(one for one in channels if places.get(f"{sense.quantity} {one}", key) == key)
    places[f"{sense.quantity} {channel}"] = key
    setup.memory.learn(format_name, f"place {plain.device}", places)
    on, off = options.get("payload_on", "ON"), options.get("payload_off", "OFF")
    return plain._replace(
        role=component,
        quantity=sense.quantity,
        channel=channel[:100],
        scale=sense.scale,
        on=_word(on),
        off=_word(off),
    )


def _device(device: Json, path: list[str]) -> tuple[str, str, str]:
    """Return the id, name and model of the device that an entity belongs to."""
    about = _spelled(device) if isinstance(device, dict) else {}
    name, model = _text(about.get("name")), _text(about.get("model"))
    ids = about.get("identifiers")
    first = ids[0] if isinstance(ids, list) and ids else ids
    if isinstance(first, str | int) and str(first):
        return str(first)[:128], name, model
    connections = about.get("connections")
    if isinstance(connections, list) and connections:
        last = connections[0]
        if isinstance(last, list) and len(last) == 2 and isinstance(last[1], str) and last[1]:
            return last[1][:128], name, model
    return f"{PREFIX}/{path[1]}"[:128], name, model


def _topic(topic: Json, base: Json) -> str:
    """Return a topic with "~" at its start or end spelled out; "" for none."""
    if not isinstance(topic, str):
        return ""
    if isinstance(base, str) and topic.startswith("~"):
        topic = base + topic[1:]
    elif isinstance(base, str) and topic.endswith("~"):
        topic = topic[:-1] + base
    return topic if len(topic) <= _TOPIC_MAX else ""


def _spelled(options: Mapping[str, Json]) -> dict[str, Json]:
    """Return options under their full names."""
    return {_FULL.get(key, key): one for key, one in options.items()}


def _text(value: Json) -> str:
    return value[:_TEXT_MAX] if isinstance(value, str) else ""


def _word(value: Json) -> str:
    """Return a payload_on or payload_off as the text that a template makes of it."""
    return value[:128] if isinstance(value, str) else str(value)[:128]
