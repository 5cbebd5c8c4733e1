"""The rolling median and MAD are those of NumPy, to the bit, however the rows are cut."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels import rolling

HUGE, TINY = 1.7976931348623157e308, 5e-324
VALUES = st.one_of(
    st.floats(-1e6, 1e6),
    st.sampled_from([0.0, 1.0, 1.5, -2.0, math.nan, math.inf, -math.inf]),
)
ANY = st.floats() | st.sampled_from([HUGE, -HUGE, HUGE / 2, TINY, -TINY, 3 * TINY])


def median_of(window):
    """Return NumPy's median; where that overflowed, of halves."""
    with np.errstate(over="ignore"):
        median = np.median(window)
    return float(median if np.isfinite(median) else 2 * np.median(window / 2))


def twin(values, width):
    """Return (median, mad, count) after each value, by sorting the window anew."""
    window, found = [], []
    for v in values:
        if math.isfinite(v):
            window = [*window, v][-width:]
        if not window:
            found.append((math.nan, math.nan, 0))
            continue
        median = median_of(np.array(window))
        with np.errstate(over="ignore"):
            deviation = np.abs(np.array(window) - median)
            found.append((median, median_of(deviation), len(window)))
    return found


def rows_of(made):
    """Return (median, mad, count) of each row."""
    return list(zip(made.median.tolist(), made.mad.tolist(), made.count.tolist(), strict=True))


def after(values, width, cuts=()):
    """Return the same of the kernel, for one of two slots, in so many batches."""
    state = rolling.State.empty(2, width)
    found = []
    for part in np.split(np.array(values, float), sorted(cuts)):
        made = rolling.fold(state, np.array([1]), np.array([0, len(part)]), part)
        found += rows_of(made)
    assert state.seen[0] == 0
    return found


def same(found, other):
    """Whether both are equal, NaN being NaN; not which sign a zero has."""
    return np.array_equal(np.array(found), np.array(other), equal_nan=True)


@settings(deadline=None)
@given(st.lists(VALUES, max_size=150), st.integers(1, 20), st.data())
def test_it_is_the_median_of_the_sorted_window(values, width, data):
    cuts = data.draw(st.lists(st.integers(0, len(values)), max_size=4))
    assert same(after(values, width, cuts), twin(values, width))


@settings(deadline=None)
@given(st.lists(ANY, max_size=60), st.integers(1, 9))
def test_to_the_bit_from_the_least_number_to_the_largest(values, width):
    with np.errstate(all="ignore"):
        found = after(values, width)
    assert same(found, twin(values, width))
    assert all(
        math.isfinite(median) and math.isfinite(mad) for median, mad, count in found if count
    )


@settings(deadline=None)
@given(
    st.lists(st.lists(st.tuples(st.integers(0, 3), st.lists(VALUES, max_size=9)), max_size=5)),
    st.integers(1, 9),
)
def test_series_that_take_turns_are_as_if_each_had_come_alone(batches, width):
    """Also one that has several groups in a batch, and a state that grows between batches."""
    state = rolling.State.empty(4, width)
    values, found = {}, {}
    for batch in batches:
        slot = np.array([s for s, _ in batch], np.int64)
        offsets = np.cumsum([0, *(len(part) for _, part in batch)])
        rows = rows_of(rolling.fold(state, slot, offsets, [v for _, part in batch for v in part]))
        for (s, part), a in zip(batch, offsets[:-1], strict=True):
            values.setdefault(s, []).extend(part)
            found.setdefault(s, []).extend(rows[a : a + len(part)])
        state = state.grown(len(state) + 1)
    for s, alone in values.items():
        assert same(found[s], twin(alone, width))


def test_the_width_of_a_day_over_noise_steps_and_ties():
    draw = np.random.default_rng(1)
    for values in (
        draw.normal(20, 2, 800),
        draw.normal(20, 2, 800).round(0),
        np.cumsum(draw.normal(0, 1, 800)),
        np.repeat([1.0, 5.0, 1.0], 250),
    ):
        assert same(after(values, 96), twin(values, 96))


def test_series_do_not_touch_each_other():
    draw = np.random.default_rng(2)
    value = draw.normal(0, 1, 60)
    state = rolling.State.empty(1, 7).grown(3)
    rows = rows_of(rolling.fold(state, np.array([2, 0]), np.array([0, 25, 60]), value))
    assert same(rows[:25], twin(value[:25], 7))
    assert same(rows[25:], twin(value[25:], 7))
    state.reset(np.array([2]))
    again = rolling.fold(state, np.array([2]), np.array([0, 1]), value[:1])
    assert (again.median[0], again.mad[0], again.count[0]) == (value[0], 0.0, 1)


def test_what_is_huge_does_not_overflow_into_the_median():
    """NumPy's own would: it adds the middle two before it halves them."""
    with np.errstate(over="ignore"):
        assert np.median([1.6e308, 1.7e308]) == math.inf
        assert after([1.6e308, 1.7e308], 4)[1] == pytest.approx((1.65e308, 0.05e308, 2))
        assert after([-1.7e308, 1.7e308], 4)[1] == (0.0, 1.7e308, 2)
        assert after([-1.7e308, 1.7e308, 1.7e308], 4)[2][1] == 0.0
        assert after([-1.7e308, 1.7e308, 0.0, 1.7e308], 4)[3] == (0.85e308, 0.85e308, 4)
        assert after([-1.7e308, -1.7e308, 1.7e308], 3)[2] == (-1.7e308, 0.0, 3)


def test_half_of_the_least_number_is_not_lost():
    assert after([TINY, TINY], 2)[1] == (TINY, 0.0, 2)


def test_a_value_that_is_none_gives_what_stands():
    rows = after([math.nan, 4.0, math.inf, 2.0, -math.inf], 2)
    assert same(rows, [(math.nan, math.nan, 0), (4, 0, 1), (4, 0, 1), (3, 1, 2), (3, 1, 2)])


def test_a_row_of_no_group_has_no_result():
    found = rolling.fold(rolling.State.empty(1), np.array([0]), np.array([1, 2]), np.ones(3))
    assert same(rows_of(found), [(math.nan, math.nan, 0), (1, 0, 1), (math.nan, math.nan, 0)])


def test_nothing_gives_nothing():
    nothing = np.empty(0)
    assert len(rolling.fold(rolling.State.empty(1), np.array([0]), np.zeros(2, int), nothing)) == 0
    assert len(rolling.fold(rolling.State.empty(0), [], np.zeros(1, int), nothing)) == 0


@pytest.mark.parametrize(
    ("slot", "offsets", "value", "said"),
    [
        ([1], [0, 1], [0.0], "slot: expected 0 to 0, found 1 to 1"),
        ([-1], [0, 1], [0.0], "slot: expected 0 to 0, found -1 to -1"),
        ([0, 0], [0, 1], [0.0], "slot: expected one for each of the 1 groups"),
        ([0], [0, 2], [0.0], "offsets: expected rising numbers from 0 to 1, found 0 to 2"),
        ([0, 0], [0, 1, 0], [0.0], "offsets: expected rising numbers"),
        ([0], [[0, 1]], [0.0], "offsets: expected g\\+1 row numbers"),
        ([0], [0, 1], [[0.0]], "value: expected one dimension, found shape \\(1, 1\\)"),
    ],
)
def test_what_can_not_be_is_refused_and_changes_nothing(slot, offsets, value, said):
    state = rolling.State.empty(1)
    with pytest.raises(ValueError, match=said):
        rolling.fold(state, slot, offsets, value)
    assert state.seen[0] == 0


def test_a_window_holds_a_value():
    with pytest.raises(ValueError, match="width: expected 1 or more, found 0"):
        rolling.State.empty(1, 0)
