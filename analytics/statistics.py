"""Statistics of windows: sum, spread, mean over time and percentiles, from the readings as stored.

Made when they are asked for, exact as of now; what was rejected does not count. Readings are taken
in parts of ROWS_AT_ONCE, and the moments and the sketch of a window that lies in several parts are
carried on from one to the next. So memory holds one part (some 60 MB, 200 MB while it is read), one
sketch (33 kB) and some 300 bytes a window, whatever the span.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from analytics.grouping import ROWS_AT_ONCE, valid
from analytics.register import GAP_RHYTHMS
from ingest.reading import Rows
from ingest.store import Source
from kernels import limits, moments, sketch

PERCENTS = (5, 25, 50, 75, 95, 99)
RHYTHM_READINGS = 10_000
_EVER_NS = (-(2**63) + 1, 2**63 - 1)


class Hold(NamedTuple):
    """For how long a reading of a series holds: gap_ns at most, and not beyond until_ns."""

    gap_ns: int
    until_ns: int


@dataclass(frozen=True, slots=True)
class Statistics:
    """Statistics of k windows as columns, in the unit of the series; NaN where nothing is known.

    count (k,), sum (k,)    of the readings in the window
    variance, std (k,)      of the sample, in the unit's square and the unit; NaN for one reading
    time_weighted_mean (k,) each value by the time for which it held; a reading holds until the next
                            one, and on from before the window, within the limits of `Hold`
    covered (k,)            share of the window's time in which a value held, 0 to 1
    percentiles (k, 6)      PERCENTS by nearest rank, within 1 % of the reading of that rank
    """

    count: NDArray[np.int64]
    sum: NDArray[np.float64]
    variance: NDArray[np.float64]
    time_weighted_mean: NDArray[np.float64]
    covered: NDArray[np.float64]
    percentiles: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.count)

    @property
    def std(self) -> NDArray[np.float64]:
        """The standard deviation of the sample (k,)."""
        return np.sqrt(self.variance)


def hold_of(source: Source, series: int, end_ns: int, now_ns: int) -> Hold:
    """Return how long readings of a series hold, in a question about what lies before end_ns.

    2.5 times the typical distance of the last RHYTHM_READINGS readings before end_ns (0: there are
    fewer than two), and not into the future: up to now, or to the newest reading if that is later.
    """
    rows = valid(source.scan([series], _EVER_NS[0], end_ns, limit=RHYTHM_READINGS, newest=True))
    newest = source.scan([series], *_EVER_NS, limit=1, newest=True)
    until_ns = max([now_ns, *(newest.time_ns + 1).tolist()])
    return Hold(int(GAP_RHYTHMS * limits.typical_gap(rows.time_ns)), until_ns)


def statistics(
    source: Source,
    series: int,
    start_ns: NDArray[np.int64],
    end_ns: NDArray[np.int64],
    hold: Hold,
    rows_at_once: int = ROWS_AT_ONCE,
) -> Statistics:
    """Return the statistics of a series in the windows [start_ns[k], end_ns[k]).

    start_ns, end_ns  (k,), rising; windows may have gaps between them and must not overlap
    Nothing is known of windows that begin where readings were dropped: all of them is NaN, count 0.
    Raises ValueError for windows that overlap, are empty or do not rise.
    """
    if np.any(end_ns <= start_ns) or np.any(start_ns[1:] < end_ns[:-1]):
        raise ValueError("windows: expected them one after the other, found some that overlap")
    # Between windows that are apart lie others, which nobody asked for.
    edges_ns = np.unique(np.concatenate([start_ns, end_ns]).astype(np.int64))
    asked = np.searchsorted(edges_ns, start_ns)
    made = moments.Moments.empty(max(len(edges_ns) - 1, 0))
    book = _Book(edges_ns)
    for rows, from_ns, until_ns in _parts(source, series, edges_ns, hold.gap_ns, rows_at_once):
        span_ns = from_ns, min(until_ns, hold.until_ns)
        part = moments.at(rows.time_ns, rows.value, edges_ns, hold.gap_ns, *span_ns)
        made = moments.merged(made, part)
        book.take(rows.take(rows.time_ns >= from_ns))
    book.close()
    made = made.take(asked)
    kept = start_ns >= source.forgotten_ns(np.array([series], np.int32))[0]
    return Statistics(
        count=np.where(kept, made.count, 0),
        sum=np.where(kept, made.sum, np.nan),
        variance=np.where(kept, made.variance, np.nan),
        time_weighted_mean=np.where(kept, made.held, np.nan),
        covered=np.where(kept, made.covered_ns / (end_ns - start_ns), np.nan),
        percentiles=np.where(kept[:, np.newaxis], book.percentiles[asked], np.nan),
    )


class _Book:
    """The percentiles of the windows between edges, as readings come in parts by time."""

    def __init__(self, edges_ns: NDArray[np.int64]) -> None:
        self._edges_ns = edges_ns
        self._shares = np.array(PERCENTS) / 100
        self.percentiles = np.full((max(len(edges_ns) - 1, 0), len(PERCENTS)), np.nan)
        self._open = -1
        self._sketch = sketch.Sketch.empty()

    def take(self, rows: Rows) -> None:
        """Take in readings that are later than all before."""
        bounds = np.searchsorted(rows.time_ns, self._edges_ns)
        filled = np.flatnonzero(np.diff(bounds))
        if not len(filled):
            return
        # The first and the last window may be cut by the part; those between them are whole.
        first, last = int(filled[0]), int(filled[-1])
        inner = bounds[first + 1 : last + 1]
        if len(inner) > 1:
            self.percentiles[first + 1 : last] = sketch.quantiles(inner, rows.value, self._shares)
        for k in dict.fromkeys((first, last)):
            if k != self._open:
                self.close()
                self._open = k
            sketch.add(self._sketch, rows.value[bounds[k] : bounds[k + 1]])

    def close(self) -> None:
        """Put down the percentiles of the window that no further reading comes into."""
        if self._open >= 0:
            self.percentiles[self._open] = sketch.quantile(self._sketch, self._shares)
            self._sketch.reset()
        self._open = -1


def _parts(
    source: Source, series: int, edges_ns: NDArray[np.int64], gap_ns: int, rows_at_once: int
) -> Iterator[tuple[Rows, int, int]]:
    """Yield (rows, from_ns, until_ns): the readings of [from_ns, until_ns), and the last before."""
    if not len(edges_ns):
        return
    from_ns, end_ns = int(edges_ns[0]), int(edges_ns[-1])
    before_ns = max(from_ns - gap_ns, _EVER_NS[0])  # what is older holds no longer
    before = source.scan([series], before_ns, from_ns, limit=rows_at_once, newest=True)
    lead = _numbers(before).take(slice(-1, None))
    is_last = False
    while not is_last:
        found = source.scan([series], from_ns, end_ns, limit=rows_at_once)
        is_last = len(found) < rows_at_once
        until_ns = end_ns if is_last else int(found.time_ns[-1]) + 1
        rows = Rows.joined([lead, _numbers(found)])
        yield rows, from_ns, until_ns
        lead, from_ns = rows.take(slice(-1, None)), until_ns


def _numbers(rows: Rows) -> Rows:
    """Return the rows that count and are numbers."""
    rows = valid(rows)
    return rows.take(np.isfinite(rows.value))
