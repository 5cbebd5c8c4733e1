"""A register's amounts spread over periods, so that the periods add up.

U, the unwrapped register, is the running sum of the amounts. What lies between two edges is the
difference of U at them, whatever the edges are; so neighbouring periods share nothing and lose
nothing: the sum of all periods is U(last edge) - U(first edge).

Between two good readings U is a straight line. Before the first and after the last good reading
nothing is known and nothing is claimed: U is NaN there.

Source: Neumaier 1974, ZAMM 54(1):39-51, doi:10.1002/zamm.19740540106 (the running sum).
"""

from typing import NamedTuple

import numpy as np

from kernels.groups import HOUR_NS, check_edges, check_same
from kernels.jit import (
    BOOLS,
    BOOLS_OUT,
    FLOAT,
    FLOATS,
    FLOATS_OUT,
    INT,
    INTS,
    INTS_OUT,
    NOTHING,
    Bools,
    Floats,
    Ints,
    bools,
    floats,
    ints,
    kernel,
)


class Doubt(NamedTuple):
    """How far U may lie from what `at_edges` says of k edges, (k,) each."""

    below: Floats
    above: Floats


class AtEdges(NamedTuple):
    """U at k edges: u (k,) float64, NaN where unknown; exact (k,) bool: a good reading is there."""

    u: Floats
    exact: Bools


def cumulative(amount: Floats, good: Bools) -> Floats:
    """Return U (n,), the compensated running sum of the good readings' amounts.

    amount (n,) >= 0 and finite where good (n,). U never falls; a reading that is not good has the U
    of the one before it (0 before the first).
    Raises ValueError for unequal lengths.
    """
    amount, good = floats(amount), bools(good)
    check_same(amount=len(amount), good=len(good))
    u = np.empty(len(amount))
    _cumulative(amount, good, u)
    return u


def at_edges(time_ns: Ints, u: Floats, good: Bools, edges_ns: Ints) -> AtEdges:
    """Return U at each edge, on the straight line between the good readings around it.

    Shapes  time_ns, u, good (n,), times strictly rising; edges_ns (k,), strictly rising.
    Result  within the two readings' values, and rising with the edges; NaN before the first and
            after the last good reading.
    Errors  ValueError for unequal lengths or edges that do not rise.
    """
    time_ns, u, good, edges_ns = ints(time_ns), floats(u), bools(good), ints(edges_ns)
    check_same(time_ns=len(time_ns), u=len(u), good=len(good))
    check_edges(edges_ns)
    found = AtEdges(np.full(len(edges_ns), np.nan), np.zeros(len(edges_ns), np.bool_))
    where = np.flatnonzero(good)
    _at_edges(time_ns[where], u[where], edges_ns, *found)
    return found


def doubt_at_edges(
    time_ns: Ints, u: Floats, good: Bools, rate_max: float, edges_ns: Ints, at: Floats
) -> Doubt:
    """Return what the readings around each edge, and the most that can flow, leave open.

    rate_max  units per hour; where a step itself is steeper, its own slope counts; inf: only the
              readings limit it
    at (k,)   U at the edges as it is told
    Result    0 where a reading lies at the edge, and where U is NaN. Otherwise as `at_edges`.
    """
    time_ns, u, good, edges_ns = ints(time_ns), floats(u), bools(good), ints(edges_ns)
    at = floats(at)
    check_same(time_ns=len(time_ns), u=len(u), good=len(good))
    check_same(edges_ns=len(edges_ns), at=len(at))
    check_edges(edges_ns)
    found = Doubt(np.zeros(len(edges_ns)), np.zeros(len(edges_ns)))
    where = np.flatnonzero(good)
    _doubt(time_ns[where], u[where], float(rate_max) / HOUR_NS, edges_ns, at, *found)
    return found


def coverage(time_ns: Ints, good: Bools, gap_ns: int, edges_ns: Ints) -> Floats:
    """Return the share (k-1,) of each period that lies between good readings not over a gap apart.

    Shapes  time_ns, good (n,), times strictly rising; edges_ns (k,), strictly rising.
    Result  0 to 1, from whole nanoseconds: exactly 1 where all is covered.
    Errors  ValueError for unequal lengths or edges that do not rise.
    """
    steps, edges_ns = _steps(time_ns, good, edges_ns)
    covered_ns = np.zeros(max(len(edges_ns) - 1, 0), np.int64)
    _overlap(steps, 0, int(gap_ns), edges_ns, covered_ns)
    return covered_ns / np.diff(edges_ns)


def over_gap(time_ns: Ints, good: Bools, gap_ns: int, edges_ns: Ints) -> Bools:
    """Return for each period (k-1,) whether a step longer than gap_ns lies in it, wholly or partly.

    Such a period holds energy whose course is not known. Arguments and errors as in `coverage`.
    """
    steps, edges_ns = _steps(time_ns, good, edges_ns)
    spread_ns = np.zeros(max(len(edges_ns) - 1, 0), np.int64)
    _overlap(steps, int(gap_ns) + 1, np.iinfo(np.int64).max, edges_ns, spread_ns)
    return spread_ns > 0


def _steps(time_ns: Ints, good: Bools, edges_ns: Ints) -> tuple[Ints, Ints]:
    """Return the times of the good readings, and the checked edges."""
    time_ns, good, edges_ns = ints(time_ns), bools(good), ints(edges_ns)
    check_same(time_ns=len(time_ns), good=len(good))
    check_edges(edges_ns)
    return time_ns[good], edges_ns


@kernel(NOTHING(FLOATS, BOOLS, FLOATS_OUT))
def _cumulative(amount: Floats, good: Bools, u: Floats) -> None:
    s = 0.0
    carry = 0.0
    so_far = 0.0
    for i in range(len(amount)):
        if good[i]:
            a = amount[i]
            t = s + a
            if s >= a:
                carry += (s - t) + a
            else:
                carry += (a - t) + s
            s = t
            so_far = max(so_far, s + carry)  # rounding may step back by a last bit
        u[i] = so_far


@kernel(NOTHING(INTS, FLOATS, INTS, FLOATS_OUT, BOOLS_OUT))
def _at_edges(time_ns: Ints, u: Floats, edges_ns: Ints, out: Floats, exact: Bools) -> None:
    """All readings here are good."""
    n = len(time_ns)
    i = 0  # the first reading at or after the edge
    for k in range(len(edges_ns)):
        edge = edges_ns[k]
        while i < n and time_ns[i] < edge:
            i += 1
        if i == n:
            break
        if time_ns[i] == edge:
            out[k] = u[i]
            exact[k] = True
        elif i > 0:
            share = (edge - time_ns[i - 1]) / (time_ns[i] - time_ns[i - 1])
            between = u[i - 1] + (u[i] - u[i - 1]) * share
            out[k] = min(max(between, u[i - 1]), u[i])


@kernel(NOTHING(INTS, FLOATS, FLOAT, INTS, FLOATS, FLOATS_OUT, FLOATS_OUT))
def _doubt(
    time_ns: Ints,
    u: Floats,
    rate: float,
    edges_ns: Ints,
    at: Floats,
    below: Floats,
    above: Floats,
) -> None:
    """All readings here are good."""
    n = len(time_ns)
    i = 0
    for k in range(len(edges_ns)):
        edge = edges_ns[k]
        while i < n and time_ns[i] < edge:
            i += 1
        if i == n:
            break
        if time_ns[i] == edge or i == 0:
            continue
        before = edge - time_ns[i - 1]
        after = time_ns[i] - edge
        rise = u[i] - u[i - 1]
        most = max(rate, rise / (before + after))
        low = max(u[i - 1], u[i] - most * after)
        high = min(u[i], u[i - 1] + most * before)
        below[k] = max(at[k] - low, 0.0)
        above[k] = max(high - at[k], 0.0)


@kernel(NOTHING(INTS, INT, INT, INTS, INTS_OUT))
def _overlap(
    time_ns: Ints, shortest_ns: int, longest_ns: int, edges_ns: Ints, overlap_ns: Ints
) -> None:
    """Add up each period's time within steps of such lengths."""
    i = 1
    for k in range(len(edges_ns) - 1):
        start = edges_ns[k]
        end = edges_ns[k + 1]
        while i < len(time_ns) and time_ns[i] <= start:
            i += 1
        j = i
        while j < len(time_ns) and time_ns[j - 1] < end:
            span_ns = time_ns[j] - time_ns[j - 1]
            if shortest_ns <= span_ns <= longest_ns:
                overlap_ns[k] += min(time_ns[j], end) - max(time_ns[j - 1], start)
            j += 1
        i = max(j - 1, 1)
