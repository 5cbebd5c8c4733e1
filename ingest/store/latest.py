"""What is newest of every series, in memory: the answer to "latest", and the test for "late"."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from ingest.reading import Rows

NEVER_NS = np.iinfo(np.int64).min


@dataclass(slots=True)
class Latest:
    """Columns by series number: the newest reading, the first time, the count, the last receipt.

    `time_ns` is NEVER_NS where nothing is stored. Written by one thread, read by any, under `lock`.
    """

    time_ns: NDArray[np.int64]
    value: NDArray[np.float64]
    received_ns: NDArray[np.int64]
    quality: NDArray[np.uint8]
    first_ns: NDArray[np.int64]
    heard_ns: NDArray[np.int64]
    count: NDArray[np.int64]
    lock: threading.Lock = field(default_factory=threading.Lock)

    @staticmethod
    def empty(slots: int) -> "Latest":
        """Return columns for so many series, with nothing stored."""
        return Latest(
            np.full(slots, NEVER_NS, np.int64),
            np.zeros(slots, np.float64),
            np.zeros(slots, np.int64),
            np.zeros(slots, np.uint8),
            np.full(slots, np.iinfo(np.int64).max, np.int64),
            np.full(slots, NEVER_NS, np.int64),
            np.zeros(slots, np.int64),
        )

    @staticmethod
    def loaded(con: duckdb.DuckDBPyConnection, slots: int) -> "Latest":
        """Return what the readings table says, by one pass over it."""
        latest = Latest.empty(slots)
        # (series, time) is unique, so joining what is newest is right, and thrice as fast as
        # arg_max of three columns.
        found = con.execute(
            "SELECT n.*, r.value, r.received_ns, r.quality FROM (SELECT series, max(time_ns) AS"
            " time_ns, min(time_ns) AS first_ns, count(*) AS count FROM readings GROUP BY series) n"
            " JOIN readings r USING (series, time_ns)"
        ).fetchnumpy()
        for name in ("time_ns", "value", "received_ns", "quality", "first_ns", "count"):
            getattr(latest, name)[found["series"]] = found[name]
        heard = con.execute(
            "SELECT series, max(received_ns) AS heard_ns FROM (SELECT series, received_ns FROM"
            " readings UNION ALL SELECT series, received_ns FROM superseded) GROUP BY series"
        ).fetchnumpy()
        latest.heard_ns[heard["series"]] = heard["heard_ns"]
        return latest

    def grow(self, slots: int) -> None:
        """Make room for at least so many series (doubling, so that this is seldom)."""
        have = len(self.time_ns)
        if slots <= have:
            return
        more = Latest.empty(max(slots, 2 * have) - have)
        with self.lock:
            for name in _COLUMNS:
                setattr(self, name, np.concatenate([getattr(self, name), getattr(more, name)]))

    def after(
        self,
        rows: Rows,
        lying: NDArray[np.bool_],
        fresh: NDArray[np.bool_],
        written: NDArray[np.bool_],
    ) -> tuple[NDArray[np.int32], dict[str, NDArray[Any]]]:
        """Return the series that a commit touches, and their columns once it is written.

        `lying` rows are in the table now, `fresh` are new there, `written` are there or history.
        """
        touched, place = np.unique(rows.series, return_inverse=True)
        columns = {name: getattr(self, name)[touched] for name in _COLUMNS}
        # Not those that were there already: a broker's repetition is no sign of life.
        np.maximum.at(columns["heard_ns"], place[written], rows.received_ns[written])
        columns["count"] += np.bincount(place[fresh], minlength=len(touched))
        order = np.lexsort((rows.time_ns, place))
        order = order[lying[order]]
        if len(order):
            of, time_ns = place[order], rows.time_ns[order]
            np.minimum.at(columns["first_ns"], of, time_ns)
            ends = np.append(np.flatnonzero(np.diff(of)), len(of) - 1)
            ends = ends[time_ns[ends] >= columns["time_ns"][of[ends]]]
            for name in ("time_ns", "value", "received_ns", "quality"):
                columns[name][of[ends]] = getattr(rows, name)[order[ends]]
        return touched, columns

    def take(self, touched: NDArray[np.int32], columns: Mapping[str, NDArray[Any]]) -> None:
        """Know these columns of these series from now on."""
        with self.lock:
            for name, column in columns.items():
                getattr(self, name)[touched] = column

    def without(
        self, series: NDArray[np.int32], before_ns: NDArray[np.int64], gone: NDArray[np.int64]
    ) -> dict[str, NDArray[Any]]:
        """Return the columns of these series once so many readings before these times have gone."""
        columns = {name: getattr(self, name)[series] for name in _COLUMNS}
        columns["count"] -= gone
        columns["first_ns"] = np.where(gone > 0, before_ns, columns["first_ns"])
        return columns

    def emptied(
        self, series: NDArray[np.int32], before_ns: NDArray[np.int64], gone: NDArray[np.int64]
    ) -> dict[str, NDArray[Any]]:
        """Return the same where a series of which nothing is left was never there."""
        columns, never = self.without(series, before_ns, gone), Latest.empty(len(series))
        nothing = columns["count"] <= 0
        return {
            name: np.where(nothing, getattr(never, name), column)
            for name, column in columns.items()
        }

    def rows(self, numbers: Sequence[int] | None = None) -> Rows:
        """Return the newest reading of every series (of these) that has one, by number."""
        with self.lock:
            at = self._known(numbers)
            return Rows.of(
                at, self.time_ns[at], self.value[at], self.received_ns[at], self.quality[at]
            )

    def spans(self, numbers: Sequence[int] | None = None) -> list[tuple[int, int, int, int]]:
        """Return number, first and newest time, and count of every series (of these) with any."""
        with self.lock:
            at = self._known(numbers)
            columns = (at, self.first_ns[at], self.time_ns[at], self.count[at])
        return list(zip(*(column.tolist() for column in columns), strict=True))

    def _known(self, numbers: Sequence[int] | None) -> NDArray[np.intp]:
        if numbers is None:
            return np.flatnonzero(self.time_ns != NEVER_NS)
        at = np.array(numbers, dtype=np.intp)
        at = at[at < len(self.time_ns)]  # a number may be given and nothing be stored yet
        known: NDArray[np.intp] = at[self.time_ns[at] != NEVER_NS]
        return known


_COLUMNS = ("time_ns", "value", "received_ns", "quality", "first_ns", "heard_ns", "count")
