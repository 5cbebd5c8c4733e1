"""How much energy (or gas, water, heat) flowed in each period, by one register.

Computed when it is asked for, from all readings of the register, so that the answer depends on
nothing but them: not on the question's span, nor on when anything arrived. For every span

    sum of the periods = change of the register + sum of the corrections

to 1 part in 10^12 of all that the register has counted. A correction at the very end of a span
counts for it, and one at its start does not.

Source: docs/energy.md says how each step of a register is judged.
"""

from bisect import bisect_right
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from analytics.grouping import valid
from analytics.wording import lasting, told
from ingest.quantity import Kind, quantity
from ingest.reading import Quality, Rows, Series
from ingest.store import Source
from kernels import register, spread

GAP_RHYTHMS = 2.5
DIP_READINGS = 4
DIP_NS = 6 * 3_600_000_000_000
# What nothing in a city's grid exceeds: a register that falls may have begun again from zero only
# if what it shows now could have flowed since. 10 MW; 1,000 m3 an hour.
RATE_CEILING = {"Wh": 10e6, "m3": 1e3}
_CORRECTIONS = {
    register.RESET: "reset",
    register.GLITCH: "glitch",
    register.UNEXPLAINED_DOWN: "unexplained",
    register.REJECTED: "glitch",
}
ALWAYS_NS = int(np.iinfo(np.int64).max)


@dataclass(frozen=True, slots=True)
class Correction:
    """What was added to the register's change so that the amounts come out right.

    at_ns: the reading at which it shows, the end of the step
    value  in the register's unit; 0 where only readings were rejected
    """

    kind: str
    value: float
    at_ns: int
    note: str


@dataclass(frozen=True, slots=True)
class Period:
    """What flowed in [start_ns, end_ns).

    value     in the register's unit, never negative; None: nothing is known of this period
    coverage  share of the period between measured readings no further apart than the gap limit
    provisional  later readings may still change the judgement of one in this period
    """

    start_ns: int
    end_ns: int
    value: float | None
    quality: Quality | None
    coverage: float
    provisional: bool
    corrections: list[Correction] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Unwrapped:
    """A register whose steps have been judged: the judgement, and what flowed since its start.

    gap_ns: the gap limit · rate_max: units per hour, the most that can flow · u (n,): cumulative
    """

    rows: Rows
    judged: register.Judgement
    u: NDArray[np.float64]
    gap_ns: int
    rate_max: float


def registers(source: Source, device: str) -> list[Series]:
    """Return the registers of a device that have readings, the import of active energy first."""
    found = [
        span.series
        for span in source.series(device)
        if quantity(span.series.quantity).kind is Kind.REGISTER
        and quantity(span.series.quantity).unit in RATE_CEILING
    ]
    return sorted(found, key=lambda s: (s.quantity != "active_energy_import", s))


def unwrapped(rows: Rows, unit: str) -> Unwrapped:
    """Judge all readings of one register, given by time."""
    time_ns, value = rows.time_ns, rows.value
    gap_ns = int(GAP_RHYTHMS * register.typical_gap(time_ns))
    learnt = register.rate_max_learnt(time_ns, value)
    rate_max = min(learnt, RATE_CEILING.get(unit, float("inf")))
    judged = register.judge(
        time_ns,
        value,
        gap_ns=gap_ns,
        rate_max=rate_max,
        dip_readings=DIP_READINGS,
        dip_ns=DIP_NS,
    )
    return Unwrapped(rows, judged, spread.cumulative(judged.amount, judged.good), gap_ns, rate_max)


def energy(source: Source, number: int, edges_ns: NDArray[np.int64]) -> list[Period]:
    """Return what one register says of the periods between the edges (k+1,), k periods."""
    series = source.name_of(number)
    unit = quantity(series.quantity).unit
    whole = unwrapped(valid(source.scan([number], -ALWAYS_NS, ALWAYS_NS)), unit)
    return periods(whole, edges_ns, unit)


def periods(whole: Unwrapped, edges_ns: NDArray[np.int64], unit: str) -> list[Period]:
    """Return the periods between the edges, with quality, coverage and corrections."""
    time_ns, judged = whole.rows.time_ns, whole.judged
    good_ns = time_ns[judged.good]
    if not len(good_ns):
        return [Period(int(a), int(b), None, None, 0.0, False) for a, b in pairwise(edges_ns)]
    # What is known of a period that the readings only partly reach is told, with its coverage.
    known_ns = np.clip(edges_ns, good_ns[0], good_ns[-1])
    distinct_ns, back = np.unique(known_ns, return_inverse=True)
    at = spread.at_edges(time_ns, whole.u, judged.good, distinct_ns)
    amount = np.diff(at.u[back])
    exact = at.exact[back]
    touched = np.diff(known_ns) > 0
    covered = spread.coverage(time_ns, judged.good, whole.gap_ns, edges_ns)
    over_gap = spread.over_gap(time_ns, judged.good, whole.gap_ns, edges_ns)
    marked = _marked(whole, edges_ns)
    corrections = _corrections(whole, unit)
    at_ns = [correction.at_ns for correction in corrections]
    found = []
    for k in range(len(edges_ns) - 1):
        start_ns, end_ns = int(edges_ns[k]), int(edges_ns[k + 1])
        if not touched[k]:
            found.append(Period(start_ns, end_ns, None, None, 0.0, False))
            continue
        quality = Quality.MEASURED if exact[k] and exact[k + 1] else Quality.ESTIMATED
        quality = max(quality, Quality(int(marked.quality[k])))
        if over_gap[k]:
            quality = max(quality, Quality.SUBSTITUTED)
        # It shows at the reading that ends the step, so it belongs to what ends there.
        mine = corrections[bisect_right(at_ns, start_ns) : bisect_right(at_ns, end_ns)]
        found.append(
            Period(
                start_ns,
                end_ns,
                float(amount[k]),
                quality,
                float(covered[k]),
                bool(marked.provisional[k]),
                mine,
            )
        )
    return found


@dataclass(frozen=True, slots=True)
class _Marks:
    quality: NDArray[np.int64]
    provisional: NDArray[np.bool_]


def _marked(whole: Unwrapped, edges_ns: NDArray[np.int64]) -> _Marks:
    """Return for each period what the steps that touch it make of its quality, and how final."""
    judged, time_ns = whole.judged, whole.rows.time_ns
    count = len(edges_ns) - 1
    marks = _Marks(np.zeros(count, np.int64), np.zeros(count, bool))
    worth = np.zeros(len(time_ns), np.int64)
    worth[judged.good] = whole.rows.quality[judged.good]
    worth[judged.kind == register.UNEXPLAINED_DOWN] = Quality.SUSPECT
    good_ns = time_ns[judged.good]
    for i in np.flatnonzero((worth > 0) | judged.provisional).tolist():
        # The step to reading i begins at the last good reading before it; it may reach over edges.
        before = max(int(np.searchsorted(good_ns, time_ns[i])) - 1, 0)
        first = int(np.searchsorted(edges_ns, good_ns[before], side="right")) - 1
        last = int(np.searchsorted(edges_ns, time_ns[i], side="left"))
        where = slice(max(first, 0), max(min(last, count), 0))
        marks.quality[where] = np.maximum(marks.quality[where], worth[i])
        marks.provisional[where] |= bool(judged.provisional[i])
    return marks


def _corrections(whole: Unwrapped, unit: str) -> list[Correction]:
    judged, rows = whole.judged, whole.rows
    found = []
    good = np.flatnonzero(judged.good)
    odd = np.isin(judged.kind, list(_CORRECTIONS))
    for i in np.flatnonzero(odd).tolist():
        before = good[np.searchsorted(good, i) - 1] if len(good) and good[0] < i else None
        note = _note(whole, i, None if before is None else int(before), unit)
        found.append(
            Correction(
                _CORRECTIONS[int(judged.kind[i])],
                float(judged.correction[i]),
                int(rows.time_ns[i]),
                note,
            )
        )
    return found


def _note(whole: Unwrapped, i: int, before: int | None, unit: str) -> str:
    kind, value = int(whole.judged.kind[i]), float(whole.rows.value[i])
    shown = told(value, unit)
    if before is None or kind == register.REJECTED:
        return f"The reading {shown} is no value of a register; it is not counted."
    old = told(float(whole.rows.value[before]), unit)
    if kind == register.GLITCH:
        return f"The reading {shown} lies below {old} and the register came back: not counted."
    span = lasting(int(whole.rows.time_ns[i] - whole.rows.time_ns[before]))
    if kind == register.RESET:
        return (
            f"The register fell from {old} to {shown}: it began again from zero."
            f" What flowed in the {span} before that and was not read is not invented."
        )
    return (
        f"The register fell from {old} to {shown} and stayed, more than can have flowed in {span}:"
        f" {told(float(whole.judged.amount[i]), unit)} estimated from the steps before."
    )
