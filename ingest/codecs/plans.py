"""Layouts that were seen before: a device sends the same fields in the same order all its life.

Type-length-value payloads are read field by field. What was read once is kept as a plan: where the
type bytes stand, and one struct for all values. A payload whose length and type bytes are those of
a plan is read in one go, at a third of the cost. Plans change nothing but the time: they are made
from what the slow way found, and tests hold both to the same result.
"""

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from operator import itemgetter, truediv
from typing import NamedTuple

from ingest.reading import Measurement, Quality

_PLANS_MAX = 512
_ALIKE_MAX = 8
_made = partial(tuple.__new__, Measurement)  # a third of the time of calling Measurement
_UNTIMED, _ALL_MEASURED = repeat(None), repeat(Quality.MEASURED)  # without end, so never used up

Field = tuple[str, str, float]
"""Quantity, channel and divisor of one plain value."""


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """One layout: where its type bytes stand, what they are, and what the values are.

    names  quantities and channels of the values, in their order
    """

    marks: Callable[[bytes], object]
    expected: object
    unpack: Callable[[bytes], tuple[float, ...]]
    names: tuple[tuple[str, ...], tuple[str, ...]]
    divisors: tuple[float, ...]


class Part(NamedTuple):
    """A run of a payload: its type bytes, then its values as struct letters, then its fields."""

    marks: int
    layout: str
    fields: Sequence[Field]


class Plans:
    """The plans of one format; bounded, and forgotten all at once when there are too many.

    order  ">" for big-endian values, "<" for little-endian ones
    """

    def __init__(self, order: str) -> None:
        self._order = order
        self._by_size: dict[int, list[Plan]] = {}
        self._count = 0

    def read(self, payload: bytes) -> list[Measurement] | None:
        """Return the measurements of a payload laid out as one that was seen; None: none was."""
        found = self.columns(payload)
        if found is None:
            return None
        quantities, channels = found[0].names
        rows = zip(quantities, found[1], channels, _UNTIMED, _ALL_MEASURED, strict=False)
        return list(map(_made, rows))

    def columns(self, payload: bytes) -> tuple[Plan, list[float]] | None:
        """Return the plan of a payload laid out as one that was seen, and its values."""
        for plan in self._by_size.get(len(payload), ()):
            if plan.marks(payload) == plan.expected:
                return plan, list(map(truediv, plan.unpack(payload), plan.divisors))
        return None

    def learn(self, payload: bytes, parts: Sequence[Part]) -> None:
        """Keep the layout of a payload that consists of these parts, in this order."""
        layout, places, fields = self._order, list[int](), list[Field]()
        at = 0
        for part in parts:
            places += range(at, at + part.marks)
            told = part.layout if part.fields else f"{struct.calcsize('>' + part.layout)}x"
            layout += "x" * part.marks + told
            fields += part.fields
            at = struct.calcsize(layout)
        if at != len(payload) or len(places) < 2 or not fields:
            return
        if self._count >= _PLANS_MAX:
            self._by_size.clear()
            self._count = 0
        alike = self._by_size.setdefault(len(payload), [])
        if len(alike) < _ALIKE_MAX:
            marks = itemgetter(*places)
            unpack = struct.Struct(layout).unpack
            names, channels, divisors = zip(*fields, strict=True)
            alike.append(Plan(marks, marks(payload), unpack, (names, channels), divisors))
            self._count += 1
