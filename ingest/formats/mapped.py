"""JSON, bare numbers and CSV of one's own: the operator says in emscher.toml what they mean.

    [[mapping]]
    topic = "city/{device}/weather/+"    # an MQTT filter; a level may have a name
    device = "{device}"                  # a text with topic levels and paths; else the whole topic
    time = "meta.ts"                     # RFC 3339, wall clock, or s, ms, us, ns since 1970
    [mapping.readings]
    "data.t" = "temperature"             # in the quantity's own unit
    "data.e" = { quantity = "active_energy_import", unit = "kWh", channel = "L1" }
    "list[*].v" = { quantity = "co2", channel = "{list[*].name}" }

- **topic** may have "+" and "#"; "{name}" is a level, or a part of one, to be used in texts. The
  first mapping whose topic fits reads the message.
- **device**, **channel** are texts with places (`mapped_path`). A channel that is nothing but a
  path with [*] needs no braces. Without a channel, elements of an array are numbered from 1 and
  those of an object have their keys.
- **time** is a path; a reading may have one of its own. The unit of a number is told by its size
  (`epoch`) unless `time_unit` says it. A wall clock without an offset is in the zone of the setup.
- **unit** is converted exactly; **factor** multiplies first (0.1 for tenths, −1 to turn a sign).
- **separator** makes lines of CSV: each line is read as an array of its cells, "[0]" the first.
- A quantity that is none of ours is kept under its name, unless it looks like a slip of the pen.

What a mapping does not name is not read, and a path that a message lacks is skipped; a message in
which nothing is found is refused. Numbers may be texts ("21.5", "21,5"); true, on, false and off
are 1 and 0; null, "", nan, "n/a", "unknown" and "unavailable" are no value.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from math import isfinite
from typing import NamedTuple

from msgspec.structs import replace

from ingest.clock import local_ns
from ingest.errors import PayloadError
from ingest.formats.decimals import parsed
from ingest.formats.epoch import UNIT_NS, exact_ns
from ingest.formats.mapped_path import Index, Path, Text, Tree, filled, shown, text_with_places
from ingest.formats.mapped_path import path as path_of
from ingest.formats.mapped_rule import Rule, rules, topic_pattern
from ingest.formats.setup import Setup
from ingest.reading import Envelope, Measurement, Message
from ingest.unit import scaled

_FOUND_MAX = 4096
_KNOWN_MAX = 65_536
_LINES_MAX = 4096
_NUMBER = re.compile(r"[+-]?(?:\d+[.,]?\d*|[.,]\d+)(?:[eE][+-]?\d{1,4})?", re.ASCII)
_NONE = frozenset(("", "null", "none", "nan", "n/a", "na", "unknown", "unavailable", "-", "--"))
_WORDS = {"true": 1.0, "on": 1.0, "false": 0.0, "off": 0.0}
_EUI = re.compile(r"[0-9A-Fa-f]{16}")
_CHARS_MAX = 64


@dataclass(frozen=True, slots=True)
class TopicMapping:
    """What the messages of some topics mean, as the operator wrote it.

    Errors  ValueError that names the key, what was expected and what was found.
    """

    topic: str
    readings: Mapping[str, object]
    device: str = "{topic}"
    time: str = ""
    time_unit: str = ""
    separator: str = ""
    pattern: re.Pattern[str] = field(init=False, repr=False)
    names: Text = field(init=False, repr=False)
    rules: tuple[Rule, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Check every key and keep what it says, ready for use."""
        for key in ("topic", "device", "time", "time_unit", "separator"):
            if not isinstance(getattr(self, key), str):
                raise ValueError(f"{key}: expected a text, found {getattr(self, key)!r}")
        pattern, levels = topic_pattern(self.topic)
        try:
            names = text_with_places(self.device, levels)
        except ValueError as error:
            raise ValueError(f"device: {error}") from error
        if not self.device:
            raise ValueError("device: expected a text with places like {name}, found nothing")
        if self.time_unit and self.time_unit not in UNIT_NS:
            known = ", ".join(UNIT_NS)
            raise ValueError(f"time_unit: expected one of {known}, found {self.time_unit!r}")
        if self.separator and (len(self.separator) > 1 or self.separator in "\r\n.0123456789-+"):
            raise ValueError(f"separator: expected a character, found {self.separator!r}")
        try:
            time = path_of(self.time) if self.time else None
        except ValueError as error:
            raise ValueError(f"time: {error}") from error
        object.__setattr__(self, "pattern", pattern)
        object.__setattr__(self, "names", names)
        object.__setattr__(self, "rules", rules(self.readings, levels, time, names))


def mappings(tables: list[dict[str, object]]) -> tuple[TopicMapping, ...]:
    """Return the mappings of the parsed emscher.toml, its list `mapping`.

    Errors  ValueError that names the mapping by number and topic, the key, and what is wrong.
    """
    known = ("topic", "readings", "device", "time", "time_unit", "separator")
    found: list[TopicMapping] = []
    for number, table in enumerate(tables, 1):
        where = f"mapping {number} ({table.get('topic', 'no topic')})"
        for key in table:
            if key not in known:
                raise ValueError(f"{where}: expected the keys {', '.join(known)}, found {key!r}")
        for key in ("topic", "readings"):
            if key not in table:
                raise ValueError(f"{where}: expected the key {key}, found none")
        try:
            found.append(TopicMapping(**table))  # type: ignore[arg-type]  # it checks them itself
        except ValueError as error:
            raise ValueError(f"{where}, {error}") from error
    return tuple(found)


class _Value(NamedTuple):
    device: str
    time_ns: int | None
    measurement: Measurement


class Mapped:
    """The format of the operator's own mappings; it stands before all others."""

    NAME = "mapped"
    BY_TOPIC = True

    def __init__(self, mappings: tuple[TopicMapping, ...]) -> None:
        self._mappings = mappings
        self._known: dict[str, tuple[TopicMapping, dict[str, str]] | None] = {}

    def claims(self, topic: str, payload: bytes, setup: Setup) -> bool:
        """Say yes to a topic that a mapping fits."""
        del payload, setup
        return self._mapping(topic) is not None

    def read(self, envelope: Envelope, setup: Setup) -> Message:
        """Return the message of the first device that is named; the others are in `others`.

        Errors  PayloadError when the payload is not what the mapping says, or has nothing of it.
        """
        known = self._mapping(envelope.topic)
        if known is None:
            raise PayloadError("mapping", "a topic that a mapping fits", envelope.topic)
        mapping, levels = known
        setup.note(f"mapping: the one of {mapping.topic}")
        of: dict[str, list[_Value]] = {}
        trees = list(_trees(mapping, envelope.payload))
        for tree in trees:
            for value in _values(mapping, levels, tree, envelope, setup):
                of.setdefault(value.device, []).append(value)
        if not of:
            wanted = ", ".join(rule.path.text for rule in mapping.rules)
            there = shown(trees[0].root) if trees else "nothing"
            raise PayloadError("mapping", f"a value at {wanted}", there)
        first, *others = (self._message(device, values) for device, values in of.items())
        return replace(first, others=tuple(others)) if others else first

    def _message(self, device: str, values: list[_Value]) -> Message:
        times = {value.time_ns for value in values}
        shared = times.pop() if len(times) == 1 else None
        found: list[Measurement] = []
        taken: set[tuple[str, str, int | None]] = set()
        for value in values:
            one = value.measurement
            place = (one.quantity, one.channel, value.time_ns)
            if place in taken:
                raise PayloadError(
                    "mapping", "each quantity and channel once at a time", " ".join(place[:2])
                )
            taken.add(place)
            found.append(one if shared is not None else one._replace(time_ns=value.time_ns))
        return Message(device, shared, found, format=self.NAME)

    def _mapping(self, topic: str) -> tuple[TopicMapping, dict[str, str]] | None:
        """Return the first mapping that fits a topic, and the levels that it names."""
        if topic in self._known:
            return self._known[topic]
        known = None
        for mapping in self._mappings:
            match = mapping.pattern.fullmatch(topic)
            if match is not None:
                known = mapping, {**match.groupdict(), "topic": topic}
                break
        if len(self._known) >= _KNOWN_MAX:
            self._known.clear()
        self._known[topic] = known
        return known


def _trees(mapping: TopicMapping, payload: bytes) -> Iterator[Tree]:
    """Yield what the payload holds: one tree of JSON or a bare text, or one for each CSV line."""
    if not mapping.separator:
        if all(not rule.path.steps for rule in mapping.rules) and payload[:1] not in b'"{[':
            yield Tree(_text(payload))
        else:
            yield Tree(parsed(payload, "the JSON of a mapping"))
        return
    for number, line in enumerate(_text(payload).splitlines()):
        if number >= _LINES_MAX:
            raise PayloadError("mapping", f"at most {_LINES_MAX} lines", "more")
        if line.strip():
            cells = (cell.strip() for cell in line.split(mapping.separator))
            yield Tree([cell[1:-1] if _is_quoted(cell) else cell for cell in cells])


def _text(payload: bytes) -> str:
    try:
        return payload.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PayloadError("mapping", "text in UTF-8", str(error)) from error


def _is_quoted(cell: str) -> bool:
    return len(cell) > 1 and cell[0] == cell[-1] == '"'


def _values(
    mapping: TopicMapping, levels: dict[str, str], tree: Tree, envelope: Envelope, setup: Setup
) -> Iterator[_Value]:
    count = 0
    for rule in mapping.rules:
        for indices, node in tree.all(rule.path):
            number = _number(node, rule.path)
            if number is None:
                continue
            count += 1
            if count > _FOUND_MAX:
                raise PayloadError("measurements", f"at most {_FOUND_MAX}", "more")
            device = filled(mapping.names, levels, tree, indices, "device")
            channel = _channel(rule, levels, tree, indices)
            value = scaled(scaled(number, rule.factor), rule.scale)
            time_ns = None
            if rule.time is not None:
                stated = tree.at(rule.time, indices[: rule.time.stars])
                time_ns = _time_ns(stated, mapping.time_unit, rule.time, envelope, setup)
            yield _Value(
                device.lower() if _EUI.fullmatch(device) else device,
                time_ns,
                Measurement(rule.quantity, value, channel),
            )


def _channel(rule: Rule, levels: dict[str, str], tree: Tree, indices: tuple[Index, ...]) -> str:
    if rule.channel is not None:
        return filled(rule.channel, levels, tree, indices, f"channel of {rule.path.text}")
    return ".".join(str(one + 1) if isinstance(one, int) else one for one in indices)


def _number(node: object, path: Path) -> float | None:
    """Return a value as a number; None for what says that there is none.

    Errors  PayloadError for what is no number.
    """
    if isinstance(node, str):
        word = node.strip().lower()
        if word in _NONE:
            return None
        if word in _WORDS:
            return _WORDS[word]
        if len(word) > _CHARS_MAX or not _NUMBER.fullmatch(word):
            raise PayloadError(f"value of {path.text}", "a number", node)
        node = Decimal(word.replace(",", "."))
    if not isinstance(node, int | float | Decimal):
        raise PayloadError(f"value of {path.text}", "a number", shown(node))
    try:
        number = float(node)
    except OverflowError:
        number = float("inf")
    if not isfinite(number):
        raise PayloadError(f"value of {path.text}", "a finite number", str(node)[:40])
    return number


def _time_ns(stated: object, unit: str, path: Path, envelope: Envelope, setup: Setup) -> int | None:
    """Return a time that the message states; None: it states none."""
    if stated is None:
        return None
    if isinstance(stated, str):
        text = stated.strip()
        if len(text) > _CHARS_MAX or not _NUMBER.fullmatch(text):
            return local_ns(text, setup.zone, envelope.received_ns)
        stated = Decimal(text.replace(",", "."))
    if isinstance(stated, bool) or not isinstance(stated, int | Decimal):
        raise PayloadError(f"time at {path.text}", "a time as a text or a number", shown(stated))
    return exact_ns(stated, UNIT_NS.get(unit))
