"""Quantiles are within 1 % of the reading of their rank; merged sketches are those of the whole."""

import math
from fractions import Fraction

import naive
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kernels import sketch

NAN = math.nan
ANY = st.floats(-1e6, 1e6) | st.floats() | st.integers(-30, 30).map(float)
MANY = st.lists(ANY, max_size=60)
SHARES = st.lists(st.integers(0, 1000), max_size=5)
TINY = 2.3e-308


def of(values):
    """Return the sketch of values."""
    found = sketch.Sketch.empty()
    sketch.add(found, np.array(values, float))
    return found


def state(one):
    """Return all that a sketch holds."""
    return one.bucket.tolist(), one.whole.tolist(), one.real.tolist()


def assert_within(found, values, shares):
    """Compare quantiles with the readings of their ranks, by the promise of the kernel."""
    for q, value in zip(shares, found.tolist(), strict=True):
        exact = naive.quantile(values, Fraction(q, 1000))
        if math.isnan(exact):
            assert math.isnan(value)
            continue
        same_sign = [abs(v) for v in values if math.isfinite(v) and (v > 0) == (exact > 0)]
        least = max(3e-18 * max(same_sign), TINY)
        assert abs(value - exact) <= max(sketch.ALPHA * abs(exact), least)
        if q in (0, 1000):
            assert value == exact


@given(MANY, SHARES)
@example([1e-300, 1.0, 1e300, -1e-200, -1e200, 0.0], list(range(0, 1001, 100)))
@example([1.7976931348623157e308, 1.79e308, 1.75e308, 5e-324], [0, 250, 500, 750, 1000])
def test_quantiles_are_near_the_reading_of_their_rank(values, shares):
    """Any values of either sign, with collapsed buckets too."""
    assert_within(sketch.quantile(of(values), np.array(shares) / 1000), values, shares)


@given(st.lists(st.floats(1e-3, 1e12) | st.floats(-1e9, -1e-6), min_size=1, max_size=60), SHARES)
def test_quantiles_are_within_one_percent(values, shares):
    """What measures: within 1 % of the reading itself, nothing else."""
    found = sketch.quantile(of(values), np.array(shares) / 1000)
    for q, value in zip(shares, found.tolist(), strict=True):
        exact = naive.quantile(values, Fraction(q, 1000))
        assert abs(value - exact) <= 0.01 * abs(exact)


@given(st.lists(MANY, max_size=4), st.randoms())
def test_any_parts_in_any_order_give_the_counts_of_the_whole(parts, chance):
    """Added or merged, to the last bit."""
    whole = state(of([v for part in parts for v in part]))
    chance.shuffle(parts)
    merged, added = sketch.Sketch.empty(), sketch.Sketch.empty()
    for part in parts:
        other = of(part)
        before = state(other)
        sketch.merge(merged, other)
        assert state(other) == before
        sketch.add(added, np.array(part, float))
    assert state(merged) == state(added) == whole


@given(st.lists(MANY, max_size=5), SHARES)
def test_groups_are_as_their_sketches(groups, shares):
    """Many windows at once give the same as one sketch after the other."""
    offsets = np.cumsum([0, *(len(group) for group in groups)])
    values = np.array([v for group in groups for v in group], float)
    q = np.array(shares) / 1000
    found = sketch.quantiles(offsets, values, q)
    assert found.shape == (len(groups), len(shares))
    for row, group in zip(found, groups, strict=True):
        np.testing.assert_array_equal(row, sketch.quantile(of(group), q))


def test_nothing_and_what_is_no_number():
    """No value has no quantile."""
    for values in ([], [NAN, math.inf, -math.inf]):
        one = of(values)
        assert one.count == 0
        assert np.isnan(sketch.quantile(one, np.array([0, 0.5, 1]))).all()


@pytest.mark.parametrize("value", [21.5, -21.5, 0.0, 5e-324, -1e308, 1.0])
def test_values_that_are_all_equal_are_told_exactly(value):
    """One, or a thousand: the least and the greatest are known."""
    for n in (1, 1000):
        one = of([value] * n)
        assert one.count == n
        assert sketch.quantile(one, np.array([0, 0.01, 0.5, 1])).tolist() == [value] * 4


def test_what_is_far_below_the_greatest_falls_into_the_lowest_bucket():
    """Far: seventeen digits. Those above it keep their 1 %, and nothing is lost."""
    values = [10.0**k for k in range(-300, 301)]
    one = of(values)
    assert one.count == len(values)
    found = sketch.quantile(one, np.linspace(0, 1, 601))
    for exact, value in zip(values[-17:], found.tolist()[-17:], strict=True):
        assert value == pytest.approx(exact, rel=0.01)
    assert 0 < found[300] < 3e-18 * 1e300
    assert found[0] == 1e-300


def test_ranks_are_those_of_decimal_shares():
    """0.07 is a little more than 7/100 in float64, and still means the 7th of 100."""
    found = sketch.quantile(of(range(1, 101)), np.array([0.01, 0.07, 0.29, 0.57, 0.95]))
    np.testing.assert_allclose(found, [1, 7, 29, 57, 95], rtol=0.01)


def test_reset_forgets():
    """As if nothing had come."""
    one = of([1.0, -1.0, 0.0])
    one.reset()
    assert state(one) == state(sketch.Sketch.empty())


def test_wrong_arguments_are_named():
    """An error says what was expected and what was found."""
    for q in ([1.1], [-0.1], [NAN], [[0.5]]):
        with pytest.raises(ValueError, match="q: expected shares from 0 to 1"):
            sketch.quantile(of([1.0]), np.array(q))
    with pytest.raises(ValueError, match="offsets"):
        sketch.quantiles(np.array([0, 2]), np.ones(1), np.array([0.5]))
