"""Noise, sun and weather: the same however they are asked for, and plausible."""

import math
import statistics
from itertools import pairwise

import numpy as np
import pytest

from fleet.nature import (
    DAY_S,
    Weather,
    drift,
    drifts,
    jitter,
    key_of,
    sun_height,
    uniform,
    uniforms,
)

KEY = key_of("test", 1)
DORTMUND = {"latitude": 51.5, "longitude": 7.5}
MIDSUMMER_S, MIDWINTER_S = 20_625 * DAY_S, 20_443 * DAY_S  # 2026-06-21, 2025-12-21


def test_one_number_and_many_are_the_same():
    indexes = np.array([-3, -1, 0, 1, 7, 2**40], dtype=np.int64)
    assert uniforms(KEY, indexes).tolist() == [uniform(KEY, int(i)) for i in indexes]
    times_s = np.linspace(-1e5, 1e9, 50)
    np.testing.assert_allclose(
        drifts(KEY, times_s, 900), [drift(KEY, t, 900) for t in times_s], rtol=0, atol=1e-12
    )


def test_numbers_are_even_and_keys_differ():
    numbers = uniforms(KEY, np.arange(100_000))
    assert numbers.min() >= 0
    assert numbers.max() < 1
    assert numbers.mean() == pytest.approx(0.5, abs=0.005)
    assert np.histogram(numbers, 10)[0].min() > 9_500
    other = uniforms(key_of("test", 2), np.arange(100_000))
    assert abs(np.corrcoef(numbers, other)[0, 1]) < 0.015


def test_jitter_has_mean_zero_and_deviation_one():
    values = [jitter(KEY, 1_780_000_000_000_000_000 + 3_000_000_000 * i) for i in range(20_000)]
    assert statistics.fmean(values) == pytest.approx(0, abs=0.03)
    assert statistics.pstdev(values) == pytest.approx(1, abs=0.03)
    assert max(map(abs, values)) < 3.5


def test_a_drift_is_smooth_and_bounded():
    values = [drift(KEY, t, 600) for t in range(0, 20_000)]
    assert max(map(abs, values)) <= 1
    assert max(abs(b - a) for a, b in pairwise(values)) < math.pi / 600


def test_the_sun_of_dortmund():
    noon, midnight = 11.5 * 3600, 23.5 * 3600  # local solar time is half an hour ahead of UTC
    heights = sun_height(
        np.array([MIDSUMMER_S + noon, MIDWINTER_S + noon, MIDSUMMER_S + midnight]), **DORTMUND
    )
    assert np.degrees(np.arcsin(heights[:2])) == pytest.approx([61.95, 15.05], abs=0.2)
    assert heights[2] == 0


def test_the_weather_stays_within_reason_all_year():
    weather = Weather(KEY, **DORTMUND)
    times_ns = [(MIDWINTER_S + hour * 3600) * 10**9 for hour in range(0, 8760, 7)]
    temperatures = [weather.temperature(t) for t in times_ns]
    assert -12 < min(temperatures) < 3
    assert 22 < max(temperatures) < 38
    assert all(20 <= weather.humidity(t) <= 100 for t in times_ns)
    assert all(985 <= weather.pressure(t) <= 1020 for t in times_ns)
    light = [weather.illuminance(t) for t in times_ns]
    assert min(light) == 0
    assert 60_000 < max(light) < 115_000
