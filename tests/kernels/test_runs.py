"""Values out of bounds, and flow that does not stop, equal their twins."""

import math
from itertools import groupby, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_rows import CUTS, NS, batches, events, grouped, timed

from kernels import bounds, steady

HOUR = 3600 * NS
ALL = np.arange(3)
VALUES = st.sampled_from([-5.0, 0.0, 50.0, 100.0, 101.0, 250.0, math.nan, math.inf, -math.inf])
SERIES = st.fixed_dictionaries({slot: timed(VALUES) for slot in (2, 0)})
CLIMBS = timed(st.sampled_from([0, 0, 1, 1, 2, -50, math.nan]), steps_max=4, unit_ns=HOUR)


def runs_out(rows, low, high):
    """Return (start, end, length, peak, bound) of runs out of bounds; end -1: open."""
    rows = [(t, v) for t, v in rows if not math.isnan(v)]
    found = []
    for out, group in groupby(enumerate(rows), key=lambda row: not low <= row[1][1] <= high):
        members = list(group)
        if not out:
            continue
        after = members[-1][0] + 1
        end = rows[after][0] if after < len(rows) else -1
        peak = max((v for _, (_, v) in members), key=lambda v: max(low - v, v - high))
        bound = low if peak < low else high
        found.append((members[0][1][0], end, len(members), peak, bound))
    return found


@given(SERIES, CUTS)
def test_runs_out_of_bounds_equal_their_twin(series, cuts):
    """The events and the state are those of one batch and of the twin."""
    state, whole = bounds.State.empty(3), bounds.State.empty(3)
    for one in (state, whole):
        one.low[:], one.high[:] = 0.0, 100.0
    found = [e for b in batches(series, cuts) for e in events(bounds.fold(state, *grouped(b)))]
    assert sorted(found) == events(bounds.fold(whole, *grouped(series)))
    for slot, rows in series.items():
        twin = runs_out(rows, 0.0, 100.0)
        assert [tuple(row) for s, *row in sorted(found) if s == slot] == [
            event for event in twin if event[1] != -1
        ]
        still = events(bounds.open_runs(state, ALL), slot)
        assert still == [event for event in twin if event[1] == -1]


def test_a_bound_that_is_none_bounds_nothing():
    """NaN on either side, or on both; a reset keeps the bounds."""
    rows = grouped({1: [(0, -1e9), (1, 1e9), (2, 0.0)]})
    for low, high, count in [(math.nan, math.nan, 0), (0.0, math.nan, 1), (math.nan, 0.0, 1)]:
        state = bounds.State.empty(2)
        state.low[1], state.high[1] = low, high
        for _ in range(2):
            assert len(bounds.fold(state, *rows)) == count
            state.reset(np.array([1]))
    grown = bounds.State.empty(1).grown(3)
    assert np.isnan(grown.low).all()
    assert np.isnan(grown.high).all()


def unbroken(rows):
    """Return (start, end, longest before, rate an hour) of long runs; end -1: open."""
    rows = [(t, v) for t, v in rows if math.isfinite(v)]
    found, longest, breaks, start, rate = [], 0, 0, None, 0.0

    def is_long(upto):
        ready = upto - rows[0][0] >= 72 * HOUR and breaks >= 6
        return ready and upto - start >= max(16 * HOUR, 2 * longest)

    for (t0, v0), (t, v) in pairwise(rows):
        if v > v0 and t - t0 <= 3 * HOUR:
            slope = (v - v0) / (t - t0)
            rate = slope if start is None else min(rate, slope)
            start = t0 if start is None else start
            continue
        if start is not None:
            if is_long(t0):
                found.append((start, t, longest, rate * HOUR))
            else:
                longest = max(longest, t0 - start)
        start = None
        breaks += v == v0
    if start is not None and is_long(rows[-1][0]):
        found.append((start, -1, longest, rate * HOUR))
    return found


@given(st.fixed_dictionaries({slot: st.lists(CLIMBS, max_size=4) for slot in (2, 0)}), CUTS)
def test_flow_without_a_break_equals_its_twin(parts, cuts):
    """The events and the state are those of one batch and of the twin."""
    series = {}
    for slot, drawn in parts.items():
        rows, t, level = [], 0, 0.0
        for part in drawn:
            steady_on = len(part) % 2 * 40  # a long run now and then
            for step in [*(step for _, step in part), *[1.0] * steady_on]:
                t += HOUR
                level = max(level + step, 0.0) if math.isfinite(step) else level
                rows.append((t, level if math.isfinite(step) else step))
        series[slot] = rows
    state, whole = steady.State.empty(3), steady.State.empty(3)
    found = [e for b in batches(series, cuts) for e in events(steady.fold(state, *grouped(b)))]
    assert sorted(found) == events(steady.fold(whole, *grouped(series)))
    for name in steady.State.__slots__:
        np.testing.assert_array_equal(getattr(state, name), getattr(whole, name))
    for slot, rows in series.items():
        twin = unbroken(rows)
        mine = [tuple(row) for s, *row in sorted(found) if s == slot]
        mine += events(steady.open_runs(state, ALL), slot)
        assert [row[:3] for row in mine] == [row[:3] for row in twin]
        assert [row[3] for row in mine] == pytest.approx([row[3] for row in twin], rel=1e-12)


def household(days, leak_from=None, leak_hours=0):
    """Return the hourly register of a house that sleeps from 23 to 6, with a leak of 40 l/h."""
    rows, level = [], 5.0
    for hour in range(24 * days):
        awake = 6 <= hour % 24 < 23 and hour % 3 == 0
        leaks = leak_from is not None and leak_from <= hour < leak_from + leak_hours
        level += (0.1 if awake else 0.0) + (0.04 if leaks else 0.0)
        rows.append((hour * HOUR, level))
    return rows


def test_a_leak_is_told_and_a_household_is_not():
    """Two days of a leak after a week; nothing in a month without."""
    state = steady.State.empty(2)
    assert len(steady.fold(state, *grouped({1: household(30)}))) == 0
    assert len(steady.open_runs(state, np.array([1]))) == 0
    state = steady.State.empty(2)
    (event,) = events(steady.fold(state, *grouped({1: household(12, 170, 48)})), 1)
    assert event[:2] == (169 * HOUR, 218 * HOUR)
    assert event[3] == pytest.approx(0.04)
    state = steady.State.empty(2)
    assert len(steady.fold(state, *grouped({1: household(9, 170, 48)}))) == 0
    (open_,) = events(steady.open_runs(state, np.arange(2)), 1)
    assert open_[:2] == (169 * HOUR, -1)
    state.reset(np.array([1]))
    assert len(steady.open_runs(state, np.arange(2))) == 0


def test_what_never_stops_is_no_leak():
    """A baker's oven, a pool: a register that never stood still is not known to be able to."""
    rows = [(hour * HOUR, float(hour)) for hour in range(500)]
    state = steady.State.empty(2)
    assert len(steady.fold(state, *grouped({1: rows}))) == 0
    assert len(steady.open_runs(state, np.array([1]))) == 0
    grown = steady.State.empty(1).grown(2)
    assert len(steady.open_runs(grown, np.arange(2))) == 0
