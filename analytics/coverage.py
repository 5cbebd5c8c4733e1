"""How completely series were told of in a span: by their own usual pause, gap by gap."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ingest.reading import Quality, Rows
from ingest.store import SeriesSpan, Source

READINGS_MAX = 1_000_000
"""So many readings are looked at together; memory holds no more."""
LATE_NS = 900 * 10**9
"""What is received later than this after it was sampled came late."""
_GAP = 1.5  # usual pauses: a step up to here is one pause with its jitter, beyond it one is missing
_STEPS_MIN = 4  # fewer say nothing of what is usual
_BEFORE = 64
_NEAR = (0.8, 1.25)  # medians: of what waits for events 15 % of the steps are as near as that
_EVEN = 0.25  # of what sends by the clock and loses every other message, 25 %


@dataclass(frozen=True, slots=True)
class Coverage:
    """What was told of a series in [start_ns, end_ns), UTC ns.

    start_ns  later than asked where the series began later, where older readings were dropped, or
              where there are more than READINGS_MAX
    count     readings, of which `suspect` and `rejected` are; late: beyond LATE_NS
    usual_ns  the usual pause; None: it tells when something happens, or has told too little. Then
              nothing can be missed, and what follows is None
    expected  how many the usual pause lets expect · coverage  share of the time, 0…1
    gaps      pauses longer than 1.5 usual ones; longest  [start, end) of the longest of them
    """

    number: int
    start_ns: int
    end_ns: int
    count: int
    suspect: int
    rejected: int
    late: int
    usual_ns: int | None = None
    expected: int | None = None
    coverage: float | None = None
    gaps: int | None = None
    longest: tuple[int, int] | None = None


def coverages(
    source: Source, spans: Sequence[SeriesSpan], start_ns: int, end_ns: int
) -> list[Coverage]:
    """Return how completely each of these series was told of in [start_ns, end_ns).

    Where they have more than READINGS_MAX there together, they are looked at in smaller groups.
    """
    if not spans:
        return []
    numbers = [span.number for span in spans]
    rows = source.scan(numbers, start_ns, end_ns, limit=READINGS_MAX, newest=True)
    from_ns = start_ns
    if len(rows) == READINGS_MAX:
        if len(spans) > 1:
            half = len(spans) // 2
            parts = spans[:half], spans[half:]
            return [one for part in parts for one in coverages(source, part, start_ns, end_ns)]
        from_ns = int(rows.time_ns[0])
    kept_ns = source.forgotten_ns(np.array(numbers, np.int32)).tolist()
    found = []
    for span, kept in zip(spans, kept_ns, strict=True):
        lo, hi = np.searchsorted(rows.series, [span.number, span.number + 1])
        begins_ns = min(max(from_ns, kept, span.first_ns), end_ns)
        found.append(_of(source, span.number, rows.take(slice(lo, hi)), begins_ns, end_ns))
    return found


def _of(source: Source, number: int, rows: Rows, start_ns: int, end_ns: int) -> Coverage:
    rejected = rows.quality == Quality.REJECTED
    counts = (
        len(rows),
        int(np.count_nonzero(rows.quality == Quality.SUSPECT)),
        int(np.count_nonzero(rejected)),
        int(np.count_nonzero(rows.received_ns - rows.time_ns > LATE_NS)),
    )
    time_ns = rows.time_ns[~rejected]
    usual_ns = _usual_ns(time_ns)
    if usual_ns is None and len(time_ns) <= _STEPS_MIN:  # silent here; it has told before
        before = source.scan([number], 0, start_ns, limit=_BEFORE, newest=True)
        usual_ns = _usual_ns(np.concatenate([before.time_ns, time_ns]))
    if usual_ns is None or end_ns <= start_ns:
        return Coverage(number, start_ns, end_ns, *counts)
    # From the start to the first, from each to the next, from the last to the end.
    edges_ns = np.concatenate([[start_ns], time_ns, [end_ns]])
    steps_ns = np.diff(edges_ns)
    is_gap = steps_ns > _GAP * usual_ns
    covered_ns = np.where(is_gap, usual_ns, steps_ns)
    if is_gap[0]:
        covered_ns[0] = 0  # nothing was told at the start
    longest = int(np.argmax(steps_ns))
    return Coverage(
        *(number, start_ns, end_ns, *counts, usual_ns),
        expected=round((end_ns - start_ns) / usual_ns),
        coverage=min(float(covered_ns.sum()) / (end_ns - start_ns), 1.0),
        gaps=int(np.count_nonzero(is_gap)),
        longest=(int(edges_ns[longest]), int(edges_ns[longest + 1])) if is_gap.any() else None,
    )


def _usual_ns(time_ns: NDArray[np.int64]) -> int | None:
    """Return the usual pause between rising times, None where there is none."""
    steps_ns = np.diff(time_ns)
    if len(steps_ns) < _STEPS_MIN:
        return None
    median = float(np.median(steps_ns))
    near = (steps_ns >= _NEAR[0] * median) & (steps_ns <= _NEAR[1] * median)
    return round(median) if median > 0 and np.mean(near) >= _EVEN else None
