"""Air quality, noise, dew point, heat index, degree days: published and hand-made cases."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_rows import NS

from kernels import air_quality, climate, noise
from kernels.profile import Clock

HOUR = 3600 * NS
UTC = Clock(np.zeros(1, np.int64), np.zeros(1, np.int64))
NAN = math.nan


@pytest.mark.parametrize(
    ("row", "index"),
    [
        ([5, 15, 10, 60, 20], 1),
        ([5.4, NAN, NAN, NAN, NAN], 1),
        ([5.5, NAN, NAN, NAN, NAN], 2),
        ([NAN, 46, NAN, NAN, NAN], 3),
        ([3, 10, 99, 20, NAN], 4),
        ([NAN, NAN, NAN, 180, NAN], 5),
        ([NAN, NAN, NAN, NAN, 276], 6),
        ([141, 1, 1, 1, 1], 6),
        ([NAN] * 5, 0),
        ([math.inf, -3, NAN, NAN, NAN], 0),
    ],
)
def test_the_worst_pollutant_is_the_index(row, index):
    """Bands' ends belong to them; what is not known does not count."""
    assert air_quality.index(np.array([row], float)).tolist() == [index]


def test_index_shapes():
    """None at all, and another number of pollutants."""
    assert len(air_quality.index(np.empty((0, 5)))) == 0
    with pytest.raises(ValueError, match=r"expected \(n, 5\)"):
        air_quality.index(np.zeros((2, 4)))


@given(
    st.lists(st.floats(0, 500) | st.just(NAN), max_size=40), st.integers(1, 10), st.integers(1, 10)
)
def test_running_means_equal_their_twin(hourly, hours, least):
    """The mean of what is known, where enough is."""
    least = min(least, hours)
    found = air_quality.running_mean(np.array(hourly), hours, least)
    for i, value in enumerate(found.tolist()):
        known = [c for c in hourly[max(i - hours + 1, 0) : i + 1] if not math.isnan(c)]
        if i < hours - 1 or len(known) < least:
            assert math.isnan(value)
        else:
            assert value == pytest.approx(math.fsum(known) / len(known), rel=1e-12, abs=1e-12)


def test_a_running_mean_needs_hours():
    """More known hours than there are can't be asked for."""
    with pytest.raises(ValueError, match="expected 1 to 8, found 9"):
        air_quality.running_mean(np.zeros(3), 8, 9)


@pytest.mark.parametrize(
    ("temperature", "humidity", "dew"),
    [(20, 100, 20), (20, 50, 9.26), (25, 60, 16.7), (0, 80, -3.0), (30, 20, 4.6)],
)
def test_dew_points(temperature, humidity, dew):
    """Tables of the formula, to a tenth of a degree."""
    (found,) = climate.dew_point(np.array([temperature]), np.array([humidity]))
    assert found == pytest.approx(dew, abs=0.06)


def test_a_dew_point_never_lies_above_the_temperature():
    """Nor is there one without humidity, or with too much of it."""
    t, rh = (a.ravel() for a in np.meshgrid(np.linspace(-40, 60, 41), np.linspace(1, 100, 34)))
    assert (climate.dew_point(t, rh) <= t + 1e-9).all()
    odd = climate.dew_point(np.array([20, 20, NAN, 20]), np.array([0, 101, 50, NAN]))
    assert np.isnan(odd).all()
    with pytest.raises(ValueError, match="temperature 1, humidity 2"):
        climate.dew_point(np.zeros(1), np.zeros(2))


@pytest.mark.parametrize(
    ("fahrenheit", "humidity", "feels"),
    [(80, 40, 80), (90, 50, 95), (100, 40, 109), (86, 90, 105), (96, 65, 121), (110, 40, 136)],
)
def test_heat_index_meets_the_weather_service_table(fahrenheit, humidity, feels):
    """The table of the US National Weather Service, whole degrees Fahrenheit."""
    (found,) = climate.heat_index(np.array([(fahrenheit - 32) / 1.8]), np.array([humidity]))
    assert round(found * 1.8 + 32) == pytest.approx(feels, abs=1)


def test_heat_index_of_cool_and_dry_air():
    """Below 80 degF the plain formula; very dry heat is taken down."""
    cool, dry, plain = climate.heat_index(np.array([15.0, 35.0, 35.0]), np.array([50.0, 5.0, 13.0]))
    assert cool == pytest.approx(14.43, abs=0.01)
    assert dry < plain
    assert np.isnan(climate.heat_index(np.array([NAN, 30.0]), np.array([50.0, 101.0]))).all()


def test_degree_days():
    """20/15: the difference to 20 on days below 15; cooling above 24."""
    mean = np.array([-5.0, 14.9, 15.0, 20.0, 26.5, NAN])
    heating = climate.heating_degree_days(mean)
    np.testing.assert_allclose(heating, [25, 5.1, 0, 0, 0, NAN])
    np.testing.assert_allclose(climate.heating_degree_days(mean, 15, 15), [20, 0.1, 0, 0, 0, NAN])
    np.testing.assert_allclose(climate.cooling_degree_days(mean), [0, 0, 0, 0, 2.5, NAN])


def day_of(day, evening, night, step=HOUR // 4):
    """Return a day's readings with one level for each part."""
    time_ns = np.arange(-step, 24 * HOUR + 1, step)
    hour = (time_ns - 1) // HOUR % 24
    awake = np.where(hour < 18, day, evening)
    level = np.where((hour >= 6) & (hour < 22), awake, night)
    return time_ns, level.astype(float)


EDGES = np.array([0, 24 * HOUR])


def test_lden_of_a_constant_level():
    """60 dB all day are 66.4 dB Lden; each part keeps its level."""
    found = noise.levels(*day_of(60, 60, 60), HOUR, EDGES, UTC)
    np.testing.assert_allclose(found.level, [[60, 60, 60]])
    by_hand = 10 * math.log10((12 * 10**6 + 4 * 10**6.5 + 8 * 10**7) / 24)
    assert found.lden[0] == pytest.approx(by_hand)
    assert found.lden[0] == pytest.approx(66.4, abs=0.05)
    assert found.covered_ns.tolist() == [[12 * HOUR, 4 * HOUR, 8 * HOUR]]


def test_levels_are_energetic_means_by_time():
    """Half the time at 60 and half at 70 dB is 67.4 dB, whatever the number of readings."""
    time_ns = np.array([0, 1 * HOUR, 2 * HOUR, 2 * HOUR + HOUR // 2, 3 * HOUR, 4 * HOUR])
    level = np.array([0, 60.0, 60.0, 70.0, 70.0, 70.0])
    found = noise.levels(time_ns, level, HOUR, EDGES, UTC)
    assert found.level[0, noise.NIGHT] == pytest.approx(67.4, abs=0.01)
    assert np.isnan(found.lden[0])  # day and evening were not heard


def test_the_local_clock_tells_day_from_night():
    """Two hours ahead, what was heard at 05:00 UTC was heard by day."""
    ahead = Clock(np.zeros(1, np.int64), np.full(1, 2 * HOUR))
    time_ns, level = np.array([4 * HOUR, 5 * HOUR]), np.array([50.0, 50.0])
    parts = [
        noise.levels(time_ns, level, HOUR, EDGES, c).covered_ns[0].tolist() for c in (UTC, ahead)
    ]
    assert parts == [[0, 0, HOUR], [HOUR, 0, 0]]


def test_a_clock_that_is_put_forward_within_the_day():
    """One hour ahead, from 05:00 UTC on two; what is heard behind the last edge is of no period."""
    clock = Clock(np.array([0, 5 * HOUR]), np.array([HOUR, 2 * HOUR]))
    time_ns = np.array([3, 4, 5, 6, 7, 23, 24, 25, 26]) * HOUR
    found = noise.levels(time_ns, np.full(9, 50.0), HOUR, EDGES, clock)
    # 04:30 is 05:30 on the clock, 05:30 is 07:30; 23:30 is 01:30 of the next night.
    assert found.covered_ns[0].tolist() == [2 * HOUR, 0, 3 * HOUR]


def test_gaps_and_no_numbers_are_not_heard():
    """And readings outside of the periods are of none."""
    time_ns = np.array([-9 * HOUR, -8 * HOUR, 1 * HOUR, 2 * HOUR, 3 * HOUR, 30 * HOUR])
    level = np.array([50, 50, 50, NAN, 50.0, 50])
    found = noise.levels(time_ns, level, HOUR, EDGES, UTC)
    assert found.covered_ns.sum() == HOUR
    nothing = noise.levels(np.array([]), np.array([]), HOUR, EDGES, UTC)
    assert np.isnan(nothing.lden).all()
    assert len(noise.levels(time_ns, level, HOUR, np.array([5]), UTC).lden) == 0
