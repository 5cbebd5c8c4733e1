"""How much energy (or gas, water, heat) flowed in each period, by one register.

Computed when it is asked for, from all readings of the register and what people know of its meters,
so that the answer depends on nothing but them: not on the question's span, nor on when anything
arrived. For every span

    sum of the periods = change of the register + sum of the corrections

to 1 part in 10^12 of all that the register has counted. A correction at the very end of a span
counts for it, and one at its start does not.

Source: docs/energy.md says how each step of a register is judged, and what lies between readings.
"""

import math
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from analytics.corrections import ASKED, Correction, corrections_of
from analytics.grouping import in_parts, valid
from analytics.register import RATE_CEILING, Unwrapped, unwrapped
from analytics.serials import with_serials
from ingest.derived import HOUR_NS
from ingest.meter import NOTHING_KNOWN, RegisterFacts
from ingest.quantity import Kind, quantity
from ingest.reading import Quality, Rows, Series
from ingest.store import SeriesSpan, Source
from kernels import profile, spread

ALWAYS_NS = int(np.iinfo(np.int64).max)
_QUALITIES = list(Quality)


@dataclass(frozen=True, slots=True)
class Period:
    """What flowed in [start_ns, end_ns).

    value        in the register's unit, never negative; None: nothing is known of this period
    uncertainty  by how much the value may be wrong, from what the readings and the most that can
                 flow leave open; 0: read at both ends; None: nothing limits it, or no value
    known_from_ns, known_to_ns  the part of the period that the value is of: what lies between the
                 first and the last reading; (start_ns, start_ns): none
    coverage     share of the period between measured readings no further apart than the gap limit
    method       how the sum of a gap was spread over it: "profile" or "linear"; None: no gap
    provisional  later readings may still change the judgement of one in this period
    """

    start_ns: int
    end_ns: int
    value: float | None
    quality: Quality | None
    coverage: float
    provisional: bool
    uncertainty: float | None
    known_from_ns: int
    known_to_ns: int
    method: str | None = None
    corrections: list[Correction] = field(default_factory=list)


def registers(source: Source, device: str) -> list[Series]:
    """Return the registers of a device that have readings, the import of active energy first."""
    found = [
        span.series
        for span in source.series(device)
        if quantity(span.series.quantity).kind is Kind.REGISTER
        and quantity(span.series.quantity).unit in RATE_CEILING
    ]
    return sorted(found, key=lambda s: (s.quantity != "active_energy_import", s))


def energy(
    source: Source,
    number: int,
    edges_ns: NDArray[np.int64],
    where: tzinfo = UTC,
    facts: RegisterFacts = NOTHING_KNOWN,
) -> list[Period]:
    """Return what one register says of the periods between the edges (k+1,), k periods.

    where  the zone of the register's typical week · facts  what people know of its meters
    """
    series = source.name_of(number)
    whole = unwrapped_of(source, number, where, facts)
    return periods(whole, edges_ns, quantity(series.quantity).unit)


def unwrapped_of(
    source: Source, number: int, where: tzinfo = UTC, facts: RegisterFacts = NOTHING_KNOWN
) -> Unwrapped:
    """Return a register with all its steps judged; arguments as those of `energy`."""
    rows = source.scan([number], -ALWAYS_NS, ALWAYS_NS)
    return _unwrapped(source, source.name_of(number), rows, where, facts)


def energies(
    source: Source,
    spans: Sequence[SeriesSpan],
    edges_ns: NDArray[np.int64],
    where: tzinfo,
    facts: Callable[[Series], RegisterFacts],
) -> Iterator[list[Period]]:
    """Yield what `energy` returns of each register, in their order; readings are asked for at once.

    Some 60 MB of readings are held at a time.
    """
    for span, whole in zip(spans, unwrappeds(source, spans, where, facts), strict=True):
        yield periods(whole, edges_ns, quantity(span.series.quantity).unit)


def unwrappeds(
    source: Source,
    spans: Sequence[SeriesSpan],
    where: tzinfo,
    facts: Callable[[Series], RegisterFacts],
) -> Iterator[Unwrapped]:
    """Yield each register with all its steps judged; arguments as those of `energies`."""
    for part in in_parts(spans, [span.count for span in spans]):
        rows = source.scan([span.number for span in part], -ALWAYS_NS, ALWAYS_NS)
        for span in part:
            first, end = np.searchsorted(rows.series, [span.number, span.number + 1]).tolist()
            own = rows.take(slice(first, end))
            yield _unwrapped(source, span.series, own, where, facts(span.series))


def _unwrapped(
    source: Source, series: Series, rows: Rows, where: tzinfo, facts: RegisterFacts
) -> Unwrapped:
    known = with_serials(source, series, facts)
    return unwrapped(valid(rows), quantity(series.quantity).unit, where, known)


def periods(whole: Unwrapped, edges_ns: NDArray[np.int64], unit: str) -> list[Period]:
    """Return the periods between the edges, with quality, coverage and corrections."""
    time_ns, judged = whole.rows.time_ns, whole.judged
    good_ns = time_ns[judged.good]
    if not len(good_ns):
        return [_unknown(int(a), int(b)) for a, b in pairwise(edges_ns)]
    # What is known of a period that the readings only partly reach is told, with its coverage.
    known_ns = np.clip(edges_ns, good_ns[0], good_ns[-1])
    at = at_edges(whole, known_ns)
    amount = np.diff(at.u)
    doubt = np.maximum(at.below[1:] + at.above[:-1], at.above[1:] + at.below[:-1])
    covered = spread.coverage(time_ns, judged.good, whole.gap_ns, edges_ns)
    over_gap = spread.over_gap(time_ns, judged.good, whole.gap_ns, edges_ns)
    marked = _marked(whole, edges_ns)
    corrections = corrections_of(whole, unit)
    at_ns = [correction.at_ns for correction in corrections]
    method = "linear" if whole.profile is None else "profile"
    worth = np.where(at.exact[:-1] & at.exact[1:], Quality.MEASURED, Quality.ESTIMATED)
    worth = np.maximum(worth, marked.quality)
    worth = np.maximum(worth, np.where(over_gap, Quality.SUBSTITUTED, Quality.MEASURED))
    # Nor can less than nothing flow, or more than ever can, or than the period's own slope.
    with np.errstate(invalid="ignore"):  # a boundless rate in a period of which nothing is known
        most = whole.rate_max * np.diff(known_ns) / HOUR_NS + whole.limits.step
    most = np.maximum(most, amount)
    open_ = np.minimum(doubt + marked.doubt, np.maximum(amount, most - amount))
    columns = (
        *(edges_ns[:-1], edges_ns[1:], amount, worth, covered, marked.provisional),
        *(open_, known_ns[:-1], known_ns[1:], over_gap),
    )
    found = []
    for start_ns, end_ns, value, quality, share, provisional, doubtful, from_ns, to_ns, gap in zip(
        *(column.tolist() for column in columns), strict=True
    ):
        if from_ns >= to_ns:
            found.append(_unknown(start_ns, end_ns))
            continue
        # It shows at the reading that ends the step, so it belongs to what ends there.
        mine = corrections[bisect_right(at_ns, start_ns) : bisect_right(at_ns, end_ns)]
        found.append(
            Period(
                start_ns,
                end_ns,
                value,
                _QUALITIES[quality],
                share,
                provisional,
                doubtful if math.isfinite(doubtful) else None,
                from_ns,
                to_ns,
                method if gap else None,
                mine,
            )
        )
    return found


def _unknown(start_ns: int, end_ns: int) -> Period:
    return Period(start_ns, end_ns, None, None, 0.0, False, None, start_ns, start_ns)


@dataclass(frozen=True, slots=True)
class Edges:
    """U at edges, how far it may lie above and below, and whether a reading is there."""

    u: NDArray[np.float64]
    below: NDArray[np.float64]
    above: NDArray[np.float64]
    exact: NDArray[np.bool_]


def at_edges(whole: Unwrapped, known_ns: NDArray[np.int64]) -> Edges:
    """Return U at edges within the readings: on the straight line, in gaps by the profile."""
    time_ns, judged = whole.rows.time_ns, whole.judged
    distinct_ns, back = np.unique(known_ns, return_inverse=True)
    at = spread.at_edges(time_ns, whole.u, judged.good, distinct_ns)
    u = at.u
    if whole.profile is not None:
        _profiled(whole, whole.profile, distinct_ns, at.exact, u)
    rate = whole.rate_max
    doubt = spread.doubt_at_edges(time_ns, whole.u, judged.good, rate, distinct_ns, u)
    return Edges(u[back], doubt.below[back], doubt.above[back], at.exact[back])


def _profiled(
    whole: Unwrapped,
    week: profile.Profile,
    edges_ns: NDArray[np.int64],
    exact: NDArray[np.bool_],
    u: NDArray[np.float64],
) -> None:
    """Lay U at the edges that lie within gaps so that the gap's sum follows the typical week."""
    good = np.flatnonzero(whole.judged.good)
    ends = good[1:][whole.judged.over_gap[good[1:]]]
    time_ns = whole.rows.time_ns
    for end in ends.tolist():
        begin = int(good[np.searchsorted(good, end) - 1])
        first = int(np.searchsorted(edges_ns, time_ns[begin], side="right"))
        last = int(np.searchsorted(edges_ns, time_ns[end], side="left"))
        if first >= last:
            continue
        inner = edges_ns[first:last]
        usual = profile.usual(week, np.concatenate(([time_ns[begin]], inner, [time_ns[end]])))
        share = np.cumsum(usual)
        if share[-1] <= 0.0:
            continue
        low, high = whole.u[begin], whole.u[end]
        u[first:last] = np.clip(low + (high - low) * (share[:-1] / share[-1]), low, high)


@dataclass(frozen=True, slots=True)
class _Marks:
    quality: NDArray[np.int64]
    provisional: NDArray[np.bool_]
    doubt: NDArray[np.float64]


def _marked(whole: Unwrapped, edges_ns: NDArray[np.int64]) -> _Marks:
    """Return for each period what the steps that touch it make of it: worth, finality, doubt."""
    judged, time_ns = whole.judged, whole.rows.time_ns
    count = len(edges_ns) - 1
    marks = _Marks(np.zeros(count, np.int64), np.zeros(count, bool), np.zeros(count))
    worth = worth_of(whole)
    good_ns = time_ns[judged.good]
    for i in np.flatnonzero((worth > 0) | judged.provisional | (judged.doubt > 0)).tolist():
        # The step to reading i begins at the last good reading before it; it may reach over edges.
        before = max(int(np.searchsorted(good_ns, time_ns[i])) - 1, 0)
        first = int(np.searchsorted(edges_ns, good_ns[before], side="right")) - 1
        last = int(np.searchsorted(edges_ns, time_ns[i], side="left"))
        where = slice(max(first, 0), max(min(last, count), 0))
        marks.quality[where] = np.maximum(marks.quality[where], worth[i])
        marks.provisional[where] |= bool(judged.provisional[i])
        marks.doubt[where] += judged.doubt[i]
    return marks


def worth_of(whole: Unwrapped) -> NDArray[np.int64]:
    """Return the quality (n,) of the step that ends at each reading, gaps and edges aside."""
    judged = whole.judged
    worth = np.zeros(len(whole.rows), np.int64)
    worth[judged.good] = whole.rows.quality[judged.good]
    guessed = np.isin(judged.kind, list(ASKED))
    worth[guessed] = np.where(whole.settled[guessed], Quality.ESTIMATED, Quality.SUSPECT)
    return worth
