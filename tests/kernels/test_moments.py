"""Moments equal their exact twin; parts of windows, cut anywhere, are those of the whole."""

import math
from fractions import Fraction
from itertools import pairwise

import naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_rows import CUTS, NS, grouped, timed

from kernels import moments

NAN = math.nan
# On a grid that float64 holds exactly, so that a spread is never lost in the readings themselves.
VALUES = st.integers(-(10**5), 10**5).map(lambda n: n / 16)
ODD = VALUES | st.sampled_from([NAN, math.inf, -math.inf])
GAPS = st.sampled_from([0, 1, NS, 2 * NS, 100 * NS])
STEPS = st.lists(st.integers(-(2 * 10**9), 6 * 10**10), unique=True, min_size=2, max_size=6)
FIELDS = ("count", "sum", "mean", "m2", "held", "covered_ns")


def edges_of(rows, steps):
    """Return edges around the rows, and on some of them."""
    first = rows[0][0] if rows else 0
    on_rows = [t for t, _ in rows[::7]]
    return np.array(sorted({*on_rows, *(first + step for step in steps)}), np.int64)


def assert_close(found, expected):
    """Compare moments with rows of the twin, or with other moments, to 1e-9 of themselves."""
    for i, name in enumerate(FIELDS):
        other = (
            getattr(expected, name).tolist()
            if isinstance(expected, moments.Moments)
            else [NAN if row[i] is None else float(row[i]) for row in expected]
        )
        np.testing.assert_allclose(getattr(found, name), other, rtol=1e-9, atol=1e-9, err_msg=name)


@given(timed(ODD), STEPS, GAPS)
def test_moments_equal_their_twin(rows, steps, gap_ns):
    """Count and covered time exactly, the others within 1e-9; the sum to its last bits."""
    edges_ns = edges_of(rows, steps)
    found = moments.at(*grouped({0: rows})[2:], edges_ns, gap_ns)
    expected = naive.moments_at(rows, edges_ns.tolist(), gap_ns)
    assert found.count.tolist() == [row[0] for row in expected]
    assert found.covered_ns.tolist() == [row[5] for row in expected]
    assert found.sum.tolist() == [float(row[1]) for row in expected]
    assert_close(found, expected)


@given(timed(ODD), STEPS, GAPS, CUTS)
def test_parts_that_are_merged_are_the_whole(rows, steps, gap_ns, cuts):
    """Wherever the rows are cut: the later part is given the last reading before it."""
    _, _, time_ns, value = grouped({0: rows})
    edges_ns = edges_of(rows, steps)
    bounds = [0, *(round(cut * len(rows)) for cut in sorted(cuts)), len(rows)]
    times = [
        moments.EVER_NS[0],
        *(int(time_ns[i]) if i < len(rows) else 2**62 for i in bounds[1:-1]),
        moments.EVER_NS[1],
    ]
    found = moments.Moments.empty(len(edges_ns) - 1)
    for (a, b), (from_ns, until_ns) in zip(pairwise(bounds), pairwise(times), strict=True):
        known = np.flatnonzero(np.isfinite(value[:a]))
        lead = int(known[-1]) if len(known) else a
        part = time_ns[lead:b], value[lead:b], edges_ns, gap_ns, from_ns, until_ns
        found = moments.merged(found, moments.at(*part))
    whole = moments.at(time_ns, value, edges_ns, gap_ns)
    assert found.count.tolist() == whole.count.tolist()
    assert found.covered_ns.tolist() == whole.covered_ns.tolist()
    assert_close(found, whole)


@given(timed(VALUES, min_size=1), STEPS, GAPS, st.integers(0, 10**10), st.integers(0, 10**11))
def test_only_what_lies_in_the_span_counts(rows, steps, gap_ns, after, span):
    """A reading before from_ns still holds; nothing is known from until_ns on."""
    edges_ns = edges_of(rows, steps)
    from_ns, until_ns = rows[0][0] + after, rows[0][0] + after + span
    found = moments.at(*grouped({0: rows})[2:], edges_ns, gap_ns, from_ns, until_ns)
    assert_close(found, naive.moments_at(rows, edges_ns.tolist(), gap_ns, from_ns, until_ns))


@given(st.lists(st.floats(-1e6, 1e6), max_size=40), st.integers(0, 40))
def test_any_two_parts_merge_to_the_whole(values, cut):
    """Any floats: the spread to 1e-9 of itself, or to what float64 leaves of the mean's square."""

    def of(part):
        return moments.at(np.arange(len(part)), np.array(part), np.array([0, 100]), 1)

    both, whole = moments.merged(of(values[:cut]), of(values[cut:])), of(values)
    lost = 1e-15 * (1 + len(values)) * max((v * v for v in values), default=0.0)
    np.testing.assert_allclose(both.m2, whole.m2, rtol=1e-9, atol=lost)
    np.testing.assert_allclose(both.mean, whole.mean, rtol=1e-9, atol=1e-9)
    exact = float(sum(map(Fraction, values), Fraction()))
    for found in (both, whole):
        assert found.sum[0] == pytest.approx(exact, rel=1e-15, abs=1e-25)


def test_variance_of_one_reading_is_not_known():
    """The sample variance, by hand."""
    found = moments.at(np.arange(6), np.array([5.0, 1, 2, 3, 4, 7]), np.array([0, 1, 5, 6, 9]), 1)
    np.testing.assert_allclose(found.variance, [NAN, 5 / 3, NAN, NAN])
    assert found.count.tolist() == [1, 4, 1, 0]
    np.testing.assert_array_equal(found.mean, [5, 2.5, 7, NAN])
    np.testing.assert_array_equal(found.take(np.array([3, 1])).mean, [NAN, 2.5])
    assert found.sum.tolist() == [5, 10, 7, 0]


def test_a_reading_holds_until_the_next_and_no_longer_than_the_gap():
    """10 holds for 3, 20 for the gap of 4 of its 7, and 30 on into the next window."""
    time_ns, value = np.array([0, 3, 10]), np.array([10.0, 20.0, 30.0])
    found = moments.at(time_ns, value, np.array([-5, 0, 12, 20, 30]), 4)
    assert found.covered_ns.tolist() == [0, 9, 2, 0]
    np.testing.assert_allclose(found.held, [NAN, (3 * 10 + 4 * 20 + 2 * 30) / 9, 30, NAN])


def test_a_rare_burst_does_not_outweigh_the_hour():
    """What the mean over time is for: ten readings of a short peak, one before, one after."""
    time_ns = np.array([0, *range(50, 60), 60]) * NS
    value = np.array([0.0, *[100.0] * 10, 0.0])
    found = moments.at(time_ns, value, np.array([0, 100 * NS]), 1000 * NS)
    assert found.mean[0] > 80
    assert found.held[0] == pytest.approx(10)


def test_centuries_without_a_reading():
    """What int64 can tell: a reading of 1678 holds for the most that is, and not until 2262."""
    time_ns = np.array([-(9 * 10**18), 9 * 10**18])
    edges_ns = np.array([-(9 * 10**18), 0, 9 * 10**18 + 5])
    found = moments.at(time_ns, np.array([1.0, 2.0]), edges_ns, 2**80)
    assert found.count.tolist() == [1, 1]
    assert found.covered_ns.tolist() == [moments.GAP_NS_MAX, 5]
    assert found.held.tolist() == [1, 2]


def test_sums_beyond_float64():
    """Infinite, and never NaN; parts of them too."""
    huge = np.full(2, 1.7e308)
    with np.errstate(over="ignore", invalid="ignore"):  # what plain Python says of it
        found = moments.at(np.arange(2), huge, np.array([0, 5]), 1)
    assert (found.sum[0], found.mean[0]) == (math.inf, 1.7e308)
    both = moments.merged(found, found)
    assert (both.sum[0], both.rest[0]) == (math.inf, 0)


def test_no_rows_and_read_only_ones():
    """Nothing in, nothing out."""
    nothing = np.array([])
    assert len(moments.at(nothing, nothing, nothing, 5)) == 0
    empty = moments.at(nothing, nothing, np.array([0, 5, 9]), 5)
    for name in (*FIELDS, "rest"):
        expected = getattr(moments.Moments.empty(2), name)
        np.testing.assert_array_equal(getattr(empty, name), expected)
    time_ns, value = np.arange(4), np.ones(4)
    time_ns.flags.writeable = value.flags.writeable = False
    assert moments.at(time_ns, value, np.array([0, 4]), 1).sum.tolist() == [4]


def test_wrong_arguments_are_named():
    """An error says what was expected and what was found."""
    one = np.array([1])
    with pytest.raises(ValueError, match="time_ns 1, value 2"):
        moments.at(one, np.ones(2), np.array([5, 6]), 1)
    with pytest.raises(ValueError, match="strictly rising"):
        moments.at(one, np.ones(1), np.array([5, 5]), 1)
    with pytest.raises(ValueError, match="gap_ns: expected 0 or more, found -1"):
        moments.at(one, np.ones(1), np.array([5, 6]), -1)
    with pytest.raises(ValueError, match="a 1, b 2"):
        moments.merged(moments.Moments.empty(1), moments.Moments.empty(2))
