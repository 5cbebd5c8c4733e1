"""Energy from power equals its exact twin."""

import math

import naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_rows import NS, grouped, timed

from kernels.energy import energy_wh

POWER = st.floats(-1e6, 1e6) | st.sampled_from([0.0, float("nan"), float("inf")])
HOUR = 3600 * NS


@given(timed(POWER), st.integers(0, 4 * NS))
def test_equals_the_exact_sum(rows, gap_ns_max):
    """Right to the last bits of what was added up, and covered to the ns."""
    found = energy_wh(*grouped({0: rows})[2:], gap_ns_max)
    energy, covered_ns = naive.energy_wh(rows, gap_ns_max)
    size_wh = 1e6 * covered_ns / HOUR
    assert found.energy_wh == pytest.approx(float(energy), rel=1e-14, abs=1e-15 * size_wh)
    assert found.covered_ns == covered_ns


@given(timed(POWER, min_size=1), st.integers(0, 50))
def test_additive_at_any_cut(rows, cut):
    """Splitting a series at a sample neither creates nor loses covered time."""
    cut = min(cut, len(rows) - 1)
    whole = energy_wh(*grouped({0: rows})[2:], NS)
    parts = [energy_wh(*grouped({0: p})[2:], NS) for p in (rows[: cut + 1], rows[cut:])]
    assert sum(p.covered_ns for p in parts) == whole.covered_ns
    size_wh = 1e6 * whole.covered_ns / HOUR
    total = sum(p.energy_wh for p in parts)
    assert total == pytest.approx(whole.energy_wh, rel=1e-14, abs=1e-15 * size_wh)


def test_what_a_plain_sum_would_lose():
    """1 Wh stays, though 1e17 Wh came and went after it."""
    power = [1.0, 1.0, math.nan, 1e17, 1e17, math.nan, -1e17, -1e17]
    assert energy_wh(np.arange(8) * HOUR, np.array(power), HOUR) == (1.0, 3 * HOUR)


def test_known_energies():
    """None, one reading, an hour of 1 kW, a ramp, a gap."""
    assert energy_wh(np.array([]), np.array([]), 1) == (0.0, 0)
    assert energy_wh(np.array([7]), np.array([5.0]), 1) == (0.0, 0)
    assert energy_wh(np.array([0, HOUR]), np.array([1000.0, 1000.0]), HOUR) == (1000.0, HOUR)
    assert energy_wh(np.array([0, HOUR]), np.array([0.0, 1000.0]), HOUR) == (500.0, HOUR)
    assert energy_wh(np.array([0, HOUR]), np.array([1.0, 1.0]), HOUR - 1) == (0.0, 0)
    with pytest.raises(ValueError, match="time_ns 1, power_w 2"):
        energy_wh(np.zeros(1), np.zeros(2), 1)
