"""Decoded objects that hold more than one moment: records, samples, an hourly profile.

Decoders return history as a list of objects, each with a time of its own:

    {"records": [{"time": "2026-03-01T11:00:00Z", "temperature": 20.5}, …]}
    {"samples": [{"variable": "humidity_1", "value": 53, "date": 1772362800}, …]}

Each element becomes readings at its own time. A number that stands beside such a list under a name
that the list brings as well is the list's newest, told twice, and counts once. A time beside
numbers ("time", "timestamp" …) is theirs. A naive time is of the site's zone, and a number is in
s, ms, µs or ns since 1970 by its size, which can't be mistaken from 2001 to 5138.
"""

from collections.abc import Mapping
from datetime import tzinfo
from typing import NamedTuple

from ingest.clock import local_ns
from ingest.errors import PayloadError
from ingest.meaning import measurements
from ingest.reading import Json, Measurement

_TIME_NAMES = (
    *("time", "timestamp", "ts", "date", "datetime", "date_time", "dateTime", "utc", "Time"),
    *("Timestamp", "timeStamp", "time_stamp", "recorded_at", "sampled_at"),
)
_TIMES = frozenset(_TIME_NAMES)
_NAMES = ("variable", "name", "quantity", "measurement", "field", "sensor", "key", "type")
_VALUES = ("value", "val", "v")
_UNITS = ("unit", "units")
_PLAIN_WORDS = (
    "records record samples sample readings reading measurements measures history historical"
    " values data log logs datalog entries points list profile hourly daily series frames"
)
_PLAIN = frozenset(_PLAIN_WORDS.split())
_SIZES = ((1e11, 1_000_000_000), (1e14, 1_000_000), (1e17, 1000), (1e19, 1))
_EARLIEST = 1e9


class _Part(NamedTuple):
    """What was measured at one time (None: the message's), as a tree of names and numbers."""

    time_ns: int | None
    tree: dict[str, Json]


def measured(
    tree: Mapping[str, Json], zone: tzinfo, received_ns: int, register_unit: str = ""
) -> list[Measurement]:
    """Return the numbers of a decoded object as measurements, each at its own time.

    Errors  PayloadError as ingest.meaning.measurements.
    """
    if _TIMES.isdisjoint(tree) and list not in map(type, tree.values()):  # as mostly
        return measurements(tree, register_unit)
    first, *rest = _parts(dict(tree), zone, received_ns)
    listed = {name for part in rest for name in part.tree}
    now = {name: value for name, value in first.tree.items() if name not in listed}
    return [
        one if part.time_ns is None else one._replace(time_ns=part.time_ns)
        for part in (_Part(first.time_ns, now), *rest)
        for one in measurements(part.tree, register_unit)
    ]


def instant_ns(value: Json, zone: tzinfo, received_ns: int) -> int | None:
    """Return the instant that a field states, in UTC ns; None when it is no time."""
    if isinstance(value, str):
        try:
            return local_ns(value, zone, received_ns)
        except PayloadError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= _EARLIEST:
        return None
    for limit, ns in _SIZES:
        if value < limit:
            return value * ns if isinstance(value, int) else round(value * ns)
    return None


def _parts(tree: dict[str, Json], zone: tzinfo, received_ns: int) -> list[_Part]:
    """Return what is of one moment, and after it every element of the lists that have times."""
    time_ns, own = _moment(tree, zone, received_ns)
    now: dict[str, Json] = {}
    parts: list[_Part] = []
    for name, value in own.items():
        elements = _elements(value)
        if not elements:
            now[name] = value
            continue
        timed = [_moment(one, zone, received_ns) for one in elements]
        if any(at is None for at, _ in timed):
            now[name] = value
            continue
        prefix = "" if name.lower() in _PLAIN else f"{name}."
        for at, rest in timed:
            parts.append(_Part(at, {f"{prefix}{key}": one for key, one in _named(rest).items()}))
    return [_Part(time_ns, now), *parts]


def _elements(value: Json) -> list[dict[str, Json]]:
    """Return the objects of a list that holds nothing else, or nothing."""
    if not isinstance(value, list):
        return []
    found = [one for one in value if isinstance(one, dict)]
    return found if len(found) == len(value) else []


def _moment(
    tree: dict[str, Json], zone: tzinfo, received_ns: int
) -> tuple[int | None, dict[str, Json]]:
    """Return the time that an object states, and the object without it."""
    for name in _TIME_NAMES:
        if name in tree:
            at = instant_ns(tree[name], zone, received_ns)
            if at is not None:
                return at, {key: value for key, value in tree.items() if key != name}
    return None, tree


def _named(tree: dict[str, Json]) -> dict[str, Json]:
    """Return {"co2": 410} for {"variable": "co2", "value": 410}; another object as it is."""
    name = next((tree[key] for key in _NAMES if isinstance(tree.get(key), str)), None)
    value = next((key for key in _VALUES if key in tree), None)
    if not isinstance(name, str) or not name or value is None:
        return tree
    unit = next((tree[key] for key in _UNITS if isinstance(tree.get(key), str)), None)
    return {name: tree[value] if unit is None else {"value": tree[value], "unit": unit}}
