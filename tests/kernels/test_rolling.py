"""The rolling median and MAD are those of NumPy, to the bit, however the rows are cut."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels import rolling

VALUES = st.one_of(
    st.floats(-1e6, 1e6).map(lambda v: v if abs(v) > 1e-300 else 0.0),  # half of less is rounded
    st.sampled_from([0.0, 1.0, 1.5, -2.0, math.nan, math.inf, -math.inf]),
)


def twin(values, width):
    """Return (median, mad, count) after each value, by sorting the window anew."""
    window, found = [], []
    for v in values:
        if math.isfinite(v):
            window = [*window, v][-width:]
        if not window:
            found.append((math.nan, math.nan, 0))
            continue
        median = float(np.median(window))
        found.append((median, float(np.median(np.abs(np.array(window) - median))), len(window)))
    return found


def after(values, width, cuts=()):
    """Return the same of the kernel, for one of two slots, in so many batches."""
    state = rolling.State.empty(2, width)
    found = []
    for part in np.split(np.array(values, float), sorted(cuts)):
        made = rolling.fold(state, np.array([1]), np.array([0, len(part)]), part)
        found += zip(made.median.tolist(), made.mad.tolist(), made.count.tolist(), strict=True)
    assert state.seen[0] == 0
    return found


def same(found, other):
    """Whether both are equal, NaN being NaN."""
    return np.array_equal(np.array(found), np.array(other), equal_nan=True)


@settings(deadline=None)
@given(st.lists(VALUES, max_size=150), st.integers(1, 20), st.data())
def test_it_is_the_median_of_the_sorted_window(values, width, data):
    cuts = data.draw(st.lists(st.integers(0, len(values)), max_size=4))
    assert same(after(values, width, cuts), twin(values, width))


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
    both = rolling.fold(state, np.array([2, 0]), np.array([0, 25, 60]), value)
    rows = list(zip(both.median, both.mad, both.count, strict=True))
    assert same(rows[:25], twin(value[:25], 7))
    assert same(rows[25:], twin(value[25:], 7))
    state.reset(np.array([2]))
    again = rolling.fold(state, np.array([2]), np.array([0, 1]), value[:1])
    assert (again.median[0], again.mad[0], again.count[0]) == (value[0], 0.0, 1)


def test_what_is_huge_does_not_overflow_into_the_median():
    """NumPy's own would: it adds the middle two before it halves them."""
    assert after([1.6e308, 1.7e308], 4)[1] == pytest.approx((1.65e308, 0.05e308, 2))
    assert after([-1.7e308, 1.7e308], 4)[1] == (0.0, 1.7e308, 2)
    assert after([-1.7e308, 1.7e308, 1.7e308], 4)[2][1] == 0.0


def test_nothing_gives_nothing_and_what_can_not_be_is_refused():
    nothing = np.empty(0)
    assert len(rolling.fold(rolling.State.empty(1), np.array([0]), np.zeros(2, int), nothing)) == 0
    with pytest.raises(ValueError, match="width: expected 1 or more, found 0"):
        rolling.State.empty(1, 0)
    with pytest.raises(ValueError, match="slot"):
        rolling.fold(rolling.State.empty(1), np.array([1]), np.array([0, 1]), np.zeros(1))
