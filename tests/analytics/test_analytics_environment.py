"""Air quality, noise and degree days of a device, from its stored readings."""

import numpy as np
import pytest
from derived_rows import BERLIN, EPOCH, HOUR, append, memory_store

from analytics.environment import Figures, figures
from ingest.reading import Series

DAY = 24 * HOUR
MIDNIGHT = EPOCH - HOUR  # of Berlin


def of(found, kind):
    """Return the figures of one kind."""
    return [one for one in found if one.kind == kind]


def told(store, quantity, values, step_ns=HOUR, start_ns=MIDNIGHT):
    """Store one reading after the other."""
    series = Series("d", quantity)
    append(store, [(series, start_ns + i * step_ns, float(v)) for i, v in enumerate(values)])


def test_the_index_of_each_hour_is_that_of_its_worst_pollutant():
    with memory_store() as store:
        told(store, "pm2_5", [3] * 12 + [60] * 12)
        told(store, "o3", [110] * 24)
        found = figures(store, "d", Figures.AIR_QUALITY, MIDNIGHT, MIDNIGHT + DAY, BERLIN)
        index = of(found, "european_air_quality_index")
        assert [one.value for one in index] == [3.0] * 12 + [4.0] * 12
        assert (index[0].word, index[-1].word) == ("moderate", "poor")
        assert {one.coverage for one in index} == {0.4}
        eight = of(found, "o3_mean_8h")
        assert [one.value for one in eight] == [110.0] * 17
        assert of(found, "pm10_mean_24h") == []


def test_noise_of_a_local_day():
    with memory_store() as store:
        told(store, "noise_laeq", [60] * 97, HOUR // 4)
        day, night = figures(store, "d", Figures.NOISE, MIDNIGHT, MIDNIGHT + DAY, BERLIN)
        assert (day.kind, night.kind) == ("lden", "lnight")
        assert day.value == pytest.approx(66.4, abs=0.05)
        assert night.value == pytest.approx(60)
        assert day.coverage == pytest.approx(1, abs=0.02)


def test_degree_days_need_three_quarters_of_a_day():
    with memory_store() as store:
        told(store, "temperature", [5.0] * 24 + [28.0] * 24 + [5.0] * 10)
        found = figures(store, "d", Figures.DEGREE_DAYS, MIDNIGHT, MIDNIGHT + 3 * DAY, BERLIN)
        assert [one.value for one in of(found, "heating_degree_days_20_15")] == [15, 0, None]
        assert [one.value for one in of(found, "cooling_degree_days_24")] == [0, 4, None]
        assert [round(one.coverage, 2) for one in found[::2]] == [1, 1, 0.42]


def test_comfort_and_devices_that_measure_nothing_of_it():
    with memory_store() as store:
        told(store, "temperature", [20.0] * 3)
        span = (MIDNIGHT, MIDNIGHT + 3 * HOUR, BERLIN)
        assert figures(store, "d", Figures.COMFORT, *span) == []
        told(store, "humidity", [50.0] * 3)
        found = figures(store, "d", Figures.COMFORT, *span)
        np.testing.assert_allclose([f.value for f in of(found, "dew_point")], 9.26, atol=0.01)
        assert len(of(found, "heat_index")) == 3
        assert figures(store, "d", Figures.NOISE, *span) == []
        assert figures(store, "d", Figures.AIR_QUALITY, *span) == []
