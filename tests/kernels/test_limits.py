"""What a register is judged by is learnt from its clean climbs."""

import math

import naive_register as naive
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from kernel_rows import NS, grouped

from kernels import limits

HOUR = 3600 * NS
QUARTER = HOUR // 4


@given(st.lists(st.integers(-(2**61), 2**61), unique=True).map(sorted))
@example([])
@example([5])
@example([0, 1, 4])
def test_typical_gap(times):
    """The exact median, however many."""
    assert limits.typical_gap(np.array(times, np.int64)) == naive.typical_gap(times)


@given(st.lists(st.sampled_from([0.0, 1.0, 1.5, 7.0, math.nan, math.inf])))
def test_resolution(values):
    """The smallest change; none where there is none."""
    assert limits.resolution(np.array(values)) == naive.resolution(values)


@given(
    st.integers(0, 2**32),
    st.integers(0, 120),
    st.floats(0, 0.3),
    st.sampled_from([0.0, 0.5]),
    st.sampled_from([0, HOUR // 2]),
)
def test_rate_learnt_equals_its_twin(seed, n, faults, step, rhythm):
    """The same rate from climbs with glitches of all kinds among them."""
    draw = np.random.default_rng(seed)
    value = np.cumsum(draw.exponential(1.0, n) * (draw.random(n) < 0.9))
    wrong = draw.random(n) < faults
    value[wrong] = draw.choice([0.0, 1e6, math.nan], n)[wrong]
    rows = list(zip(np.cumsum(draw.integers(1, HOUR, n)).tolist(), value.tolist(), strict=True))
    learnt = limits.rate_max_learnt(*grouped({0: rows})[2:], step, rhythm)
    assert learnt == pytest.approx(naive.rate_max_learnt(rows, step, rhythm), rel=1e-14)


def test_glitches_do_not_raise_the_rate():
    """Zeros after each boot, and spikes, are no flow."""
    value = np.arange(1000.0)
    clean = limits.rate_max_learnt(np.arange(1000) * QUARTER, value)
    value[50::100] = 0.0
    value[75::100] = 1e7
    assert clean <= limits.rate_max_learnt(np.arange(1000) * QUARTER, value) < 2 * clean


def test_a_register_that_loses_a_little_at_each_boot_teaches_no_climb():
    """100, 0, 99.9: the way back from zero is no flow, though it ends below where it was."""
    value = np.arange(1000.0) - np.arange(1000) // 50 * 0.5
    clean = limits.rate_max_learnt(np.arange(1000) * QUARTER, value)
    value[50::50] = 0.0
    assert limits.rate_max_learnt(np.arange(1000) * QUARTER, value) < 2 * clean


def test_unequal_columns():
    """An error names the lengths."""
    with pytest.raises(ValueError, match="time_ns 1, value 2"):
        limits.rate_max_learnt(np.zeros(1), np.zeros(2))
