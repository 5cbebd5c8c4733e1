"""Periods of a register add up, however it is cut."""

import math

import naive_register as naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_rows import NS, timed

from kernels import spread

AMOUNTS = timed(st.tuples(st.floats(0, 1e7) | st.just(0.0), st.sampled_from([True, True, False])))
SHARES = st.lists(st.floats(-0.2, 1.2), max_size=12)


def columns(rows):
    """Return time_ns, amount, good."""
    return (
        np.array([t for t, _ in rows], np.int64),
        np.array([a if g else 0.0 for _, (a, g) in rows]),
        np.array([g for _, (_, g) in rows], np.bool_),
    )


def edges_of(time_ns, shares):
    """Return rising edges in and around the rows, some of them on readings."""
    if not len(time_ns):
        return np.unique(np.array([round(share * NS) for share in shares], np.int64))
    span = int(time_ns[-1] - time_ns[0])
    free = [int(time_ns[0]) + round(share * span) for share in shares]
    return np.unique(np.array(free + time_ns[:: len(time_ns) // 3 + 1].tolist(), np.int64))


@given(AMOUNTS)
def test_cumulative_is_exact_and_never_falls(rows):
    """U is the exact sum to the last bit or two."""
    _, amount, good = columns(rows)
    u = spread.cumulative(amount, good)
    assert u.tolist() == pytest.approx(
        [float(exact) for exact in naive.cumulative(amount.tolist(), good.tolist())], rel=3e-16
    )
    assert (np.diff(u) >= 0).all()


@given(AMOUNTS, SHARES)
def test_edges_equal_their_twin(rows, shares):
    """U at the edges is the straight line's, and exact where a good reading is."""
    time_ns, amount, good = columns(rows)
    u = spread.cumulative(amount, good)
    edges = edges_of(time_ns, shares)
    found = spread.at_edges(time_ns, u, good, edges)
    twin = naive.at_edges(time_ns.tolist(), u.tolist(), good.tolist(), edges.tolist())
    assert found.exact.tolist() == [exact for _, exact in twin]
    expected = [math.nan if x is None else float(x) for x, _ in twin]
    assert found.u.tolist() == pytest.approx(expected, rel=1e-14, abs=1e-300, nan_ok=True)
    assert (np.diff(found.u[~np.isnan(found.u)]) >= 0).all()


@given(AMOUNTS, SHARES)
def test_periods_telescope(rows, shares):
    """The sum of the periods is the change of U from the first edge to the last."""
    time_ns, amount, good = columns(rows)
    u = spread.cumulative(amount, good)
    at = spread.at_edges(time_ns, u, good, edges_of(time_ns, shares)).u
    known = at[~np.isnan(at)]
    if len(known):
        assert math.fsum(np.diff(known)) == pytest.approx(known[-1] - known[0], rel=1e-12)
    if good.any():
        ends = time_ns[good][[0, -1]]
        cuts = np.unique(np.concatenate([ends, edges_of(time_ns, shares)]))
        at = spread.at_edges(time_ns, u, good, cuts).u
        total = u[good][-1] - u[good][0]
        assert math.fsum(np.diff(at[~np.isnan(at)])) == pytest.approx(total, rel=1e-12)


@given(AMOUNTS, SHARES, st.integers(0, 4 * NS))
def test_coverage_and_gaps_equal_their_twins(rows, shares, gap_ns):
    """Covered time and time spread over gaps are whole ns."""
    time_ns, _, good = columns(rows)
    edges = edges_of(time_ns, shares)
    arguments = time_ns.tolist(), good.tolist(), edges.tolist()
    covered = naive.overlaps(*arguments, lambda span: span <= gap_ns)
    spread_over = naive.overlaps(*arguments, lambda span: span > gap_ns)
    shares_found = spread.coverage(time_ns, good, gap_ns, edges)
    assert shares_found.tolist() == [c / p for c, p in zip(covered, np.diff(edges), strict=True)]
    assert spread.over_gap(time_ns, good, gap_ns, edges).tolist() == [ns > 0 for ns in spread_over]


@given(AMOUNTS, SHARES, st.sampled_from([0.0, 1.0, 3.6e12, math.inf]))
def test_doubt_equals_its_twin(rows, shares, rate_max):
    """What the readings around an edge leave open, and nothing at a reading."""
    time_ns, amount, good = columns(rows)
    u = spread.cumulative(amount, good)
    edges = edges_of(time_ns, shares)
    at = spread.at_edges(time_ns, u, good, edges).u
    found = spread.doubt_at_edges(time_ns, u, good, rate_max, edges, at)
    twin = naive.doubts(
        *(time_ns.tolist(), u.tolist(), good.tolist()), rate_max, edges.tolist(), at.tolist()
    )
    size = float(u[-1]) if len(u) else 0.0
    for column, expected in zip(found, zip(*twin, strict=True), strict=False):
        assert column.tolist() == pytest.approx(list(expected), rel=1e-9, abs=1e-12 * size)


def test_the_running_sum_does_not_drift():
    """Ten thousand times 0.1 after a million is exact; a plain sum is 1e-9 off."""
    amount = np.append(1e6, np.full(10_000, 0.1))
    u = spread.cumulative(amount, np.ones(len(amount), np.bool_))
    assert u[-1] == float(naive.cumulative(amount.tolist(), [True] * len(amount))[-1])
    assert abs(np.cumsum(amount)[-1] - u[-1]) > 1e-9


def test_a_gap_is_spread_evenly_and_told():
    """100, -, -, -, 108: four periods of 2, none covered."""
    time_ns, good = np.array([0, 400]), np.ones(2, np.bool_)
    u = spread.cumulative(np.array([0.0, 8.0]), good)
    edges = np.arange(0, 401, 100)
    at = spread.at_edges(time_ns, u, good, edges)
    assert np.diff(at.u).tolist() == [2, 2, 2, 2]
    assert at.exact.tolist() == [True, False, False, False, True]
    assert spread.coverage(time_ns, good, 100, edges).tolist() == [0, 0, 0, 0]
    assert spread.over_gap(time_ns, good, 100, edges).all()
    assert spread.coverage(time_ns, good, 400, edges).tolist() == [1, 1, 1, 1]


def test_nothing_is_claimed_outside_the_readings():
    """No readings, or one: NaN but where it stands."""
    nothing = np.array([])
    assert len(spread.cumulative(nothing, nothing)) == 0
    assert np.isnan(spread.at_edges(nothing, nothing, nothing, np.array([1, 2])).u).all()
    one = spread.at_edges(np.array([5]), np.array([0.0]), np.array([True]), np.array([4, 5, 6]))
    np.testing.assert_array_equal(one.u, [np.nan, 0.0, np.nan])
    assert one.exact.tolist() == [False, True, False]
    assert spread.coverage(nothing, nothing, 5, np.array([1, 2])).tolist() == [0]
    assert len(spread.over_gap(nothing, nothing, 5, np.array([1]))) == 0


def test_wrong_arguments_are_named():
    """Unequal columns and edges that do not rise."""
    with pytest.raises(ValueError, match="amount 1, good 2"):
        spread.cumulative(np.ones(1), np.ones(2))
    with pytest.raises(ValueError, match="strictly rising"):
        spread.coverage(np.ones(1), np.ones(1), 5, np.array([2, 1]))
