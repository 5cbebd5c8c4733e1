"""Sparkplug B: spBv1.0/{group}/{message type}/{edge node}[/{device}], and the state of hosts.

Source: Eclipse Sparkplug 3.0.0, sections 4 (topics), 5 (operational behaviour), 6 (payloads).

- A device is "group/node/device", the edge node itself "group/node".
- **Births** announce name, alias, datatype and engineering unit (property `engUnit`) of every
  metric, and their values are current values. An edge node's birth makes those of its devices
  void. A data metric that no birth announced is refused with the rule "announcement": the node
  must be asked for a rebirth. One that says name and datatype itself needs no birth.
- **Deaths** set the state `online` to false, a node's death also that of its devices; a node's
  death with the bdSeq of another birth is an old will, and says nothing.
- A gap in `seq` sets the node's state `sequence_gap` and `rebirth_wanted`, until its next birth.
  A message whose timestamp is older than the newest one's is a repetition and not checked. The
  sequence is not remembered over a restart: after it, any number is the first.
- **Times** are in ms, of the metric or else of the payload. Historical metrics are readings of
  their time, and no state. Transient ones are state only. A null is none.
- **Quality**: the property `Quality` with BAD (0) or STALE (500) makes a reading suspect.
- **Quantity** is what `ingest.meaning` makes of the name with the engineering unit, else of the
  name without its first parts, which become the channel ("Boiler/Temperature" is the temperature
  "Boiler"). Of two metrics of a birth that mean the same, the one under our own name, else the
  first, has the place; the other keeps its name. Members of a template are "template/member";
  template definitions have no values.
- Texts, dates, NaN and infinities are state; bytes and files are left out. `Node Control/…`,
  `Device Control/…` and commands (NCMD, DCMD) are no readings.
- A compressed payload (uuid SPBV1.0_COMPRESSED) is unpacked first.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from math import isfinite
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import msgspec
from msgspec.structs import replace

from ingest.errors import ANNOUNCEMENT, PayloadError
from ingest.formats.setup import Setup
from ingest.formats.sparkplug_metric import (
    ELEMENTS_MAX,
    MS_NS,
    NUMBERS,
    TEMPLATE,
    known,
    parts,
    plain_type,
    scalar,
    unpacked,
)
from ingest.meaning import UNIT_CHARS_MAX, Meaning, meaning
from ingest.memory import Memory
from ingest.quantity import QUANTITIES
from ingest.reading import Envelope, Json, Measurement, Message, Quality
from ingest.unit import SAME, scaled

NAME = "sparkplug"
BY_TOPIC = True

_NAMESPACE = "spBv1.0/"
_NODE = re.compile(r"([^/]+)/(NBIRTH|NDATA|NDEATH|NCMD)/([^/]+)")
_DEVICE = re.compile(r"([^/]+)/(DBIRTH|DDATA|DDEATH|DCMD)/([^/]+)/([^/]+)")
_HOST = re.compile(r"STATE/([^/]+)")
_JSON = msgspec.json.Decoder()
_CONTROL = ("Node Control/", "Device Control/")
_UNIT_KEYS = ("engUnit", "engineering_unit", "engineeringUnit", "EngUnit", "Engineering Units")
_UNTRUSTED = frozenset((0, 500))  # BAD and STALE
_DEPTH_MAX = 16
_NODES_MAX = 65_536


class _Topic(NamedTuple):
    kind: str
    node: str
    device: str  # the node itself for messages of the node


class _Found(NamedTuple):
    """A metric with its full name and what its birth or itself says of it.

    own  another metric of the birth has the place that it would take: it keeps its own name
    """

    name: str
    datatype: int
    unit: str
    own: bool
    metric: Any


class _Seen(NamedTuple):
    seq: int
    timestamp: int


_SEEN: WeakKeyDictionary[Memory, dict[str, _Seen]] = WeakKeyDictionary()
"""The newest sequence number of each node, as one decoder saw it.

It changes with every message, so it is not among the facts, each of which is a row to write.
"""


def claims(topic: str, payload: bytes, setup: Setup) -> bool:
    """Say yes to the namespace."""
    del payload, setup
    return topic.startswith(_NAMESPACE)


def read(envelope: Envelope, setup: Setup) -> Message:
    """Return the message of a node or a device, with that of its node in `others` on a gap.

    Errors  PayloadError for a topic or a payload that is none of Sparkplug, for a value that is
            not of its datatype, and, with the rule "announcement", for an unknown metric.
    """
    topic = envelope.topic.removeprefix(_NAMESPACE)
    host = _HOST.fullmatch(topic)
    if host is not None:
        return _host(host[1], envelope.payload)
    place = _place(topic)
    if place is None:
        raise PayloadError(
            "Sparkplug topic",
            "spBv1.0/group/NBIRTH NDATA NDEATH NCMD/node, DBIRTH DDATA DDEATH DCMD/node/device, or"
            " spBv1.0/STATE/host",
            envelope.topic,
        )
    if place.kind.endswith("CMD"):
        setup.note("a command; it measures nothing")
        return Message(place.device, None, format=NAME)
    payload = unpacked(envelope.payload)
    if place.kind == "NDEATH":
        return _node_death(place, payload, setup.memory)
    gap = _gap(place, payload, setup.memory)
    if place.kind == "DDEATH":
        message = Message(place.device, _time_ns(payload), [], {"online": False}, format=NAME)
    elif place.kind.endswith("BIRTH"):
        message = _birth(place, payload, setup)
    else:
        message = _read(place, payload, _flat(place, payload.metrics, setup.memory), {})
    if not gap:
        return message
    if place.node == place.device:
        return replace(message, state={**message.state, **gap})
    return replace(message, others=(Message(place.node, None, [], gap, format=NAME),))


def _host(name: str, payload: bytes) -> Message:
    """Return the state of a host application; 2.2 has the bare words ONLINE and OFFLINE."""
    try:
        told = _JSON.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        told = {b"ONLINE": True, b"OFFLINE": False}.get(payload)
    online = told.get("online") if isinstance(told, dict) else told
    if not isinstance(online, bool):
        raise PayloadError(
            "Sparkplug host state", '{"online": true, "timestamp": …}', repr(payload)
        )
    return Message(f"STATE/{name}", None, [], {"online": online}, format=NAME)


def _time_ns(payload: Any) -> int | None:
    return payload.timestamp * MS_NS if payload.HasField("timestamp") else None


def _gap(place: _Topic, payload: Any, memory: Memory) -> dict[str, Json]:
    """Return the state that a gap in the sequence gives the node; empty: there is none."""
    if not payload.HasField("seq"):
        return {}
    if payload.seq > 255:
        raise PayloadError("Sparkplug seq", "0 to 255", payload.seq)
    nodes = _SEEN.setdefault(memory, {})
    before = nodes.get(place.node)
    now = _Seen(payload.seq, payload.timestamp)
    if before is not None and place.kind != "NBIRTH":
        if now.timestamp < before.timestamp or now == before:
            return {}
        expected = (before.seq + 1) % 256
    else:
        expected = now.seq
    if len(nodes) >= _NODES_MAX:
        nodes.clear()
    nodes[place.node] = now
    if now.seq == expected:
        return {}
    gap: dict[str, Json] = {"expected": expected, "found": now.seq}
    return {"sequence_gap": gap, "rebirth_wanted": True}


def _birth(place: _Topic, payload: Any, setup: Setup) -> Message:
    """Learn what a birth announces, and return its values."""
    found = _told_apart(list(_flat(place, payload.metrics, None)))
    aliases: dict[str, Json] = {}
    metrics: dict[str, Json] = {}
    state: dict[str, Json] = {"online": True}
    fact: dict[str, Json] = {"metrics": metrics, "aliases": aliases}
    for one in found:
        metrics[one.name] = [one.datatype, one.unit, one.own]
        if one.metric.HasField("alias"):
            alias = str(one.metric.alias)
            if alias in aliases:
                raise PayloadError("Sparkplug birth", "each alias once", f"{alias} twice")
            aliases[alias] = one.name
        if one.name == "bdSeq":
            fact["bdSeq"] = int(scalar(one.metric, one.datatype, one.name))
    if place.kind == "NBIRTH":
        state |= {"rebirth_wanted": False, "sequence_gap": None}
    message = _read(place, payload, found, state)
    if place.kind == "NBIRTH":
        for device in _devices(place.node, setup.memory):
            setup.memory.learn(NAME, device, None)
    setup.memory.learn(NAME, place.device, fact)
    setup.note(f"birth: {len(metrics)} metrics, {len(aliases)} of them with an alias")
    return message


def _told_apart(found: list[_Found]) -> list[_Found]:
    """Mark the metrics of a birth that would share a place with another one.

    Here, and not in the data: that brings only what changed. One under our own name keeps the
    place, else the first.
    """
    taken: set[tuple[str, str]] = set()
    second: set[str] = set()
    for one in sorted(found, key=lambda one: one.name not in QUANTITIES):
        sense = _sense(one.name, one.unit)
        place = sense.quantity, sense.channel
        if one.datatype in NUMBERS and sense.quantity in QUANTITIES:
            if place in taken:
                second.add(one.name)
            taken.add(place)
    return [one._replace(own=one.name in second) for one in found]


def _node_death(place: _Topic, payload: Any, memory: Memory) -> Message:
    """Return the death of a node and its devices. Its time is that of the will, so it has none."""
    fact = memory.get(NAME, place.node)
    born = fact.get("bdSeq") if isinstance(fact, dict) else None
    state: dict[str, Json] = {"online": False}
    for metric in payload.metrics:
        if metric.name == "bdSeq":
            state["bdSeq"] = int(scalar(metric, metric.datatype or 8, "bdSeq"))
    if born is not None and state.get("bdSeq", born) != born:
        return Message(place.node, None, format=NAME)
    others = tuple(
        Message(device, None, [], {"online": False}, format=NAME)
        for device in _devices(place.node, memory)
    )
    return Message(place.node, None, [], state, format=NAME, others=others)


def _devices(node: str, memory: Memory) -> list[str]:
    return [name for name in memory.of(NAME) if name.startswith(f"{node}/")]


def _flat(
    place: _Topic, metrics: Any, memory: Memory | None, prefix: str = "", depth: int = 0
) -> Iterator[_Found]:
    """Yield metrics with their names, members of templates after their template.

    memory  where data metrics are looked up; None: a birth says all itself
    """
    if depth > _DEPTH_MAX:
        raise PayloadError("nesting", f"at most {_DEPTH_MAX} levels of templates", prefix)
    fact = None if memory is None else memory.get(NAME, place.device)
    born: dict[str, Any] = fact if isinstance(fact, dict) else {"metrics": {}, "aliases": {}}
    for metric in metrics:
        name = _named(place, metric, born, prefix)
        datatype, unit, own = born["metrics"].get(name, (0, "", False))
        unit = _unit(metric) or unit
        datatype = metric.datatype or datatype or (0 if memory is None else plain_type(metric))
        if not known(datatype) and not (memory is not None and metric.is_null):
            if memory is None or datatype:
                raise PayloadError(f"Sparkplug metric {name}", "a datatype", datatype)
            raise _unannounced(place, f"{name} without a datatype")
        yield _Found(name, datatype, unit, own, metric)
        template = metric.template_value
        if datatype == TEMPLATE and not metric.is_null and not template.is_definition:
            yield from _flat(place, template.metrics, memory, f"{name}/", depth + 1)


def _named(place: _Topic, metric: Any, born: dict[str, Any], prefix: str) -> str:
    """Return the name of a metric, its alias looked up."""
    if metric.name:
        return f"{prefix}{metric.name}"
    if not metric.HasField("alias"):
        raise PayloadError("Sparkplug metric", "a name or an alias", "neither")
    name = born["aliases"].get(str(metric.alias))
    if name is None:
        raise _unannounced(place, f"the alias {metric.alias}")
    return str(name)


def _unannounced(place: _Topic, what: str) -> PayloadError:
    return PayloadError(
        ANNOUNCEMENT,
        f"a metric that a birth of {place.device} announced; ask {place.node} for a rebirth"
        " (write true to Node Control/Rebirth)",
        what,
    )


def _unit(metric: Any) -> str:
    found = _properties(metric, _UNIT_KEYS)
    return found.string_value[:UNIT_CHARS_MAX] if found is not None else ""


def _quality(metric: Any) -> Quality:
    found = _properties(metric, ("Quality",))
    if found is None or not found.HasField("int_value"):
        return Quality.MEASURED
    return Quality.SUSPECT if found.int_value in _UNTRUSTED else Quality.MEASURED


def _properties(metric: Any, keys: tuple[str, ...]) -> Any:
    """Return the first property that is called like one of these; None: there is none."""
    if not metric.HasField("properties"):
        return None
    pairs = zip(metric.properties.keys, metric.properties.values, strict=False)
    return next((value for key, value in pairs if key in keys and not value.is_null), None)


def _read(
    place: _Topic, payload: Any, metrics: Iterable[_Found], state: dict[str, Json]
) -> Message:
    """Return the values of a message's metrics as readings and state."""
    shared = _time_ns(payload)
    found: list[Measurement] = []
    taken: set[tuple[str, str, int | None]] = set()
    ours_first = sorted(metrics, key=lambda one: one.name not in QUANTITIES)
    for name, datatype, unit, own, metric in ours_first:
        if metric.is_null or datatype == TEMPLATE or name.startswith(_CONTROL):
            continue
        time_ns = metric.timestamp * MS_NS if metric.HasField("timestamp") else shared
        quality = _quality(metric)
        for part in parts(metric, datatype, name):
            whole = f"{name}/{part.name}" if part.name else name
            numbered = f"{whole}.{part.place}" if part.place else whole
            value = part.value
            if name == "bdSeq" or metric.is_transient or _is_state(value):
                if not metric.is_historical:
                    state[numbered] = value if _is_json(value) else str(value)
                continue
            sense = _sense(whole, unit)
            channel = ".".join(filter(None, (sense.channel, part.place)))
            number = scaled(float(value), sense.scale)
            quantity, at = sense.quantity, (sense.quantity, channel, time_ns)
            if own or at in taken:
                quantity, channel, number = numbered, "", float(value)
            taken.add(at)
            own_ns = None if time_ns == shared else time_ns
            found.append(Measurement(quantity, number, channel, own_ns, quality))
            if len(found) > ELEMENTS_MAX:
                raise PayloadError("measurements", f"at most {ELEMENTS_MAX}", "more")
    return Message(place.device, shared, found, state, format=NAME)


def _is_state(value: float | bool | str) -> bool:
    return isinstance(value, str) or not isfinite(value)


def _is_json(value: float | bool | str) -> bool:
    return not isinstance(value, float) or isfinite(value)


@lru_cache(maxsize=8192)
def _sense(name: str, unit: str) -> Meaning:
    """Return the meaning of a metric's name, or of its last parts."""
    first, rest = "", name
    while rest:
        sense = meaning(rest.replace("/", "."), unit)
        if sense.quantity in QUANTITIES:
            return sense._replace(channel=".".join(filter(None, (first, sense.channel))))
        head, _, rest = rest.partition("/")
        first = f"{first}/{head}" if first else head
    return Meaning(f"{name}_{unit}" if name in QUANTITIES and unit else name, "", SAME)


@lru_cache(maxsize=65_536)
def _place(topic: str) -> _Topic | None:
    node = _NODE.fullmatch(topic)
    if node is not None:
        return _Topic(node[2], f"{node[1]}/{node[3]}", f"{node[1]}/{node[3]}")
    device = _DEVICE.fullmatch(topic)
    if device is None:
        return None
    return _Topic(device[2], f"{device[1]}/{device[3]}", f"{device[1]}/{device[3]}/{device[4]}")
