"""Rows of many series as groups, the form that the kernels take."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ingest.reading import Quality, Rows

T = TypeVar("T")
ROWS_AT_ONCE = 2_000_000
"""Rows that are held in memory at a time: some 60 MB. Each part costs a look at all that is stored,
so they should not be small either."""


@dataclass(frozen=True, slots=True)
class Groups:
    """Rows by (series, time): group k is rows offsets[k]:offsets[k+1], all of series slot[k].

    slot (g,) int64 · offsets (g+1,) int64
    """

    rows: Rows
    slot: NDArray[np.int64]
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.slot)

    def only(self, which: NDArray[np.bool_]) -> "Groups":
        """Return the groups that a mask (g,) picks, with their rows."""
        if which.all():
            return self
        return grouped(self.rows.take(np.repeat(which, np.diff(self.offsets))))

    @property
    def rejected(self) -> NDArray[np.bool_]:
        """Whether a row of the group was rejected since it was taken in, (g,)."""
        marked = self.rows.quality == Quality.REJECTED
        return np.add.reduceat(marked, self.offsets[:-1]) > 0

    @property
    def first_ns(self) -> NDArray[np.int64]:
        """The time of each group's first row, (g,)."""
        return self.rows.time_ns[self.offsets[:-1]]

    @property
    def last_ns(self) -> NDArray[np.int64]:
        """The time of each group's last row, (g,)."""
        return self.rows.time_ns[self.offsets[1:] - 1]


def valid(rows: Rows) -> Rows:
    """Return the rows that count: what was rejected is kept, and nothing is made of it."""
    kept = rows.quality != Quality.REJECTED
    return rows if kept.all() else rows.take(kept)


def grouped(rows: Rows) -> Groups:
    """Return rows that lie by (series, time) as groups."""
    n = len(rows)
    if n == 0:
        return Groups(rows, np.empty(0, np.int64), np.zeros(1, np.int64))
    starts = np.flatnonzero(np.diff(rows.series)) + 1
    offsets = np.concatenate(([0], starts, [n])).astype(np.int64)
    return Groups(rows, rows.series[offsets[:-1]].astype(np.int64), offsets)


def sorted_rows(parts: list[Rows]) -> Rows:
    """Return all rows by (series, time); of equal series and time the one that came last."""
    rows = Rows.joined(parts)
    rows = rows.take(np.lexsort((rows.time_ns, rows.series)))  # stable: later parts stay behind
    last = np.ones(len(rows), dtype=bool)
    last[:-1] = (np.diff(rows.series) != 0) | (np.diff(rows.time_ns) != 0)
    return rows.take(last)


def in_parts(items: Sequence[T], rows: Sequence[int]) -> Iterator[list[T]]:
    """Yield the items in parts of about ROWS_AT_ONCE rows; rows[k] is how many items[k] has."""
    part: list[T] = []
    held = 0
    for item, count in zip(items, rows, strict=True):
        if part and held + count > ROWS_AT_ONCE:
            yield part
            part, held = [], 0
        part.append(item)
        held += count
    if part:
        yield part
