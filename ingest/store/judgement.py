"""What each row of a commit is to the store: new, the same again, or a correction."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ingest.reading import Rows
from ingest.store.port import Outcome

Stored = dict[tuple[int, int], tuple[float, int]]
"""(series, time_ns) -> (value, quality) of readings that lie in the store."""

_APART_NS = 3600 * 10**9
_GROUPS_MAX = 8


class Judgement(NamedTuple):
    """Each row's outcome (n,) uint8, and (n,) bool: which rows are to lie in the table, which in
    its history, and which of the lying ones replace one that lies there."""

    outcome: NDArray[np.uint8]
    lying: NDArray[np.bool_]
    outdated: NDArray[np.bool_]
    replacing: NDArray[np.bool_]


def judged(
    rows: Rows,
    newest_ns: NDArray[np.int64],
    stored: Callable[[NDArray[np.int32], NDArray[np.int64]], Stored],
) -> Judgement:
    """Judge the rows in their order, the last one of an instant winning.

    newest_ns  by series number; a row later than that is new for certain
    stored     is asked for what lies at these series and times, for the other rows only
    """
    n = len(rows)
    outcome = np.full(n, Outcome.NEW, dtype=np.uint8)
    lying, none = np.ones(n, dtype=bool), np.zeros(n, dtype=bool)
    order = np.lexsort((np.arange(n), rows.time_ns, rows.series))
    series, time_ns = rows.series[order], rows.time_ns[order]
    again = np.zeros(n, dtype=bool)
    again[1:] = (series[1:] == series[:-1]) & (time_ns[1:] == time_ns[:-1])
    late = time_ns <= newest_ns[series]
    if not again.any() and not late.any():
        return Judgement(outcome, lying, none, none)
    there = stored(series[late & ~again], time_ns[late & ~again])
    replacing = np.zeros(n, dtype=bool)
    # Only what is late, or comes more than once here, is worth a look of its own.
    doubtful = late | again
    doubtful[:-1] |= again[1:]
    standing: tuple[float, int] | None = None
    holder, here = -1, False
    picked = (order[doubtful].tolist(), again[doubtful].tolist())
    for i, more in zip(*picked, strict=True):
        if not more:
            standing = there.get((int(rows.series[i]), int(rows.time_ns[i])))
            holder, here = -1, standing is not None
        said = (float(rows.value[i]), int(rows.quality[i]))
        if said == standing:
            outcome[i], lying[i] = Outcome.SAME, False
            continue
        if standing is not None:
            outcome[i] = Outcome.CORRECTED
            if holder >= 0:
                lying[holder] = False
        standing, holder, replacing[i] = said, i, here
    outdated = (outcome != Outcome.SAME) & ~lying
    return Judgement(outcome, lying, outdated, replacing & lying)


def near(time_ns: NDArray[np.int64]) -> list[NDArray[np.intp]]:
    """Return index arrays that part times into a few groups, cut at the widest gaps.

    Readings lie about as they came, so a short span of time is found without a look at the rest.
    """
    if not len(time_ns):
        return []
    order = np.argsort(time_ns, kind="stable")
    gaps = np.diff(time_ns[order])
    widest = np.argsort(gaps)[-(_GROUPS_MAX - 1) :]
    cuts = np.sort(widest[gaps[widest] > _APART_NS]) + 1
    return np.split(order, cuts)
