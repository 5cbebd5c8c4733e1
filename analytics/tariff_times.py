"""When which price of a plan holds: a span of time cut wherever the price changes.

Local clocks decide. A band from 02:00 to 03:00 has no time at all on the day on which clocks go
forward, and two hours on that on which they go back.
"""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from analytics.register import clock_of
from analytics.tariff import ALL_DAYS, Plan, Term

PIECES_MAX = 50_000
_LOOKED_AT_MAX = 4_000_000
_MINUTE_NS = 60 * 10**9
_DAY_NS = 24 * 60 * _MINUTE_NS
_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Pieces:
    """A span of time as k pieces, in each of which one price holds.

    edges_ns (k+1,)  the span's bounds, and the instants between at which the price changes
    term, band, step (k,)  numbers within the plan, the term and the band's series; term -1: the
                           plan does not hold there; step -1: no price of a series is there
    """

    edges_ns: NDArray[np.int64]
    term: NDArray[np.int64]
    band: NDArray[np.int64]
    step: NDArray[np.int64]

    def of(self, time_ns: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return in which piece each time lies, (n,); those outside are of the nearest."""
        place = np.searchsorted(self.edges_ns, time_ns, side="right") - 1
        return np.clip(place, 0, len(self.term) - 1)


def pieces(plan: Plan, start_ns: int, end_ns: int) -> Pieces:
    """Return [start_ns, end_ns), which is not empty, as pieces of one price each.

    Raises ValueError for more than PIECES_MAX pieces.
    """
    spans = [plan.span_ns(term) for term in plan.terms]
    bounds = [at for span in spans for at in span if at is not None]
    edges_ns = np.unique(
        _within(start_ns, end_ns, [np.array([start_ns, end_ns], np.int64), np.array(bounds),
                                   *_clock_edges(plan, start_ns, end_ns), *_step_edges(plan)])
    )  # fmt: skip
    begins_ns = edges_ns[:-1]
    term = np.full(len(begins_ns), -1)
    for n, (since_ns, until_ns) in enumerate(spans):
        holds = begins_ns >= since_ns
        term[holds & (begins_ns < until_ns) if until_ns is not None else holds] = n
    band, step = np.full_like(term, -1), np.full_like(term, -1)
    day, minute = _clock(plan, begins_ns)
    for n, one in enumerate(plan.terms):
        own = np.flatnonzero(term == n)
        band[own] = _bands(plan, one, day[own], minute[own])
        for k, each in enumerate(one.bands):
            if each.steps is not None:
                mine = own[band[own] == k]
                step[mine] = each.steps.at(begins_ns[mine])
    changes = np.ones(len(term), bool)
    changes[1:] = (np.diff(term) != 0) | (np.diff(band) != 0) | (np.diff(step) != 0)
    kept = np.flatnonzero(changes)
    if len(kept) > PIECES_MAX:
        raise ValueError(f"expected at most {PIECES_MAX} changes of the price, found {len(kept)}")
    edges_ns = np.append(begins_ns[kept], end_ns)
    return Pieces(edges_ns, term[kept], band[kept], step[kept])


def _within(start_ns: int, end_ns: int, parts: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    whole = np.concatenate([part.astype(np.int64) for part in parts])
    return whole[(whole >= start_ns) & (whole <= end_ns)]


def _step_edges(plan: Plan) -> list[NDArray[np.int64]]:
    series = [band.steps for term in plan.terms for band in term.bands if band.steps is not None]
    return [edges for one in series for edges in (one.start_ns, one.end_ns)]


def _minutes(plan: Plan) -> NDArray[np.int64]:
    """Return the minutes of a local day at which anything may change, 0 first."""
    return np.array(sorted({at for term in plan.terms for at in term.minutes()}), np.int64)


def _clock_edges(plan: Plan, start_ns: int, end_ns: int) -> list[NDArray[np.int64]]:
    """Return the instants at which a local clock shows a minute that counts, or is changed."""
    minutes = _minutes(plan)
    if (end_ns - start_ns) // _DAY_NS * len(minutes) > _LOOKED_AT_MAX:
        raise ValueError("expected a shorter span, or fewer bands")
    clock = clock_of(plan.where, np.array([start_ns, end_ns], np.int64))
    found = [clock.at_ns]
    until_ns = np.append(clock.at_ns[1:], end_ns)
    for from_ns, to_ns, shift_ns in zip(
        clock.at_ns.tolist(), until_ns.tolist(), clock.shift_ns.tolist(), strict=True
    ):
        first, last = (from_ns + shift_ns) // _DAY_NS, (to_ns + shift_ns) // _DAY_NS
        days = np.arange(first, last + 1, dtype=np.int64)
        local_ns = (days[:, None] * _DAY_NS + minutes[None, :] * _MINUTE_NS).ravel() - shift_ns
        found.append(local_ns[(local_ns >= from_ns) & (local_ns < to_ns)])
    return found


def _clock(plan: Plan, time_ns: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the local day (since 1970) and minute of rising times."""
    clock = clock_of(plan.where, time_ns)
    place = np.maximum(np.searchsorted(clock.at_ns, time_ns, side="right") - 1, 0)
    local_ns = time_ns + clock.shift_ns[place]
    return local_ns // _DAY_NS, local_ns % _DAY_NS // _MINUTE_NS


def _bands(
    plan: Plan, term: Term, day: NDArray[np.int64], minute: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the band that counts at each local day and minute."""
    minutes = np.array(term.minutes(), np.int64)
    table = np.array(
        [
            [
                [term.band_at(month, kind, at) for at in minutes.tolist()]
                for kind in range(len(ALL_DAYS))
            ]
            for month in range(1, 13)
        ]
    )
    distinct, back = np.unique(day, return_inverse=True)
    dates = [_EPOCH + timedelta(days=one) for one in distinct.tolist()]
    month = np.array([one.month - 1 for one in dates], np.int64)[back]
    kind = np.array([plan.day_of(one) for one in dates], np.int64)[back]
    return table[month, kind, np.searchsorted(minutes, minute, side="right") - 1]
