"""The simulator's weather: by its physics, not by its formulas."""

from datetime import UTC, datetime

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.weather import Climate, Weather, sun_height

WEATHER = Weather(11, Climate())
HOUR, DAY = 3600.0, 86_400.0
METHODS = ("temperature", "humidity", "pressure", "clearness", "light", "rain", "wind")
BOUNDS = {
    "temperature": (-20, 40), "humidity": (22, 100), "pressure": (985, 1025),
    "clearness": (0.1, 1), "light": (0, 1100), "rain": (0, 30), "wind": (0, 12),
}  # fmt: skip


def _at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def _day(text, step=60.0):
    return _at(text) + np.arange(0.0, DAY, step)


def _year(step=1800.0):
    return _at("2026-01-01") + np.arange(0.0, 365 * DAY, step)


@pytest.mark.parametrize(
    ("day", "rises", "sets"),  # in Dortmund, UTC, from almanacs, geometric and without refraction
    [
        ("2026-03-20", 5.6, 17.6),
        ("2026-06-21", 3.3, 19.7),
        ("2026-09-23", 5.4, 17.4),
        ("2026-12-21", 7.6, 15.3),
    ],
)
def test_the_sun_rises_and_sets_when_almanacs_say(day, rises, sets):
    up = np.flatnonzero(sun_height(_day(day)) > 0.0) / 60.0
    # the equation of time, up to a quarter of an hour, is left out
    assert up[0] == pytest.approx(rises, abs=0.4)
    assert up[-1] == pytest.approx(sets, abs=0.4)


@pytest.mark.parametrize(
    ("day", "degrees"), [("2026-06-21", 61.9), ("2026-12-21", 15.1), ("2026-03-20", 38.5)]
)
def test_the_sun_stands_as_high_at_noon_as_the_latitude_makes_it(day, degrees):
    highest = float(np.degrees(np.arcsin(sun_height(_day(day)).max())))
    assert highest == pytest.approx(degrees, abs=0.7)


def test_there_is_no_light_at_night_and_much_in_june():
    times = _year()
    light, sun = WEATHER.light(times), sun_height(times)
    assert (light[sun <= 0.0] == 0.0).all()
    assert (light[sun > 0.0] > 0.0).all()
    june = WEATHER.light(_at("2026-06-01") + np.arange(0.0, 30 * DAY, 900.0))
    assert 750 < june.max() < 1000


def test_a_year_has_the_light_and_warmth_of_the_ruhr():
    times = _year()
    assert 850 < float(WEATHER.light(times).sum()) * 0.5 / 1000 < 1250  # kWh/m2, DWD: about 1,000
    assert float(WEATHER.temperature(times).mean()) == pytest.approx(10.7, abs=0.8)
    wet = float(WEATHER.rain(times).sum()) * 0.5  # mm
    assert 400 < wet < 1600  # DWD: about 900


def test_seasons_and_afternoons_are_warmer():
    january = WEATHER.temperature(_at("2026-01-01") + np.arange(0.0, 31 * DAY, HOUR))
    july = WEATHER.temperature(_at("2026-07-01") + np.arange(0.0, 31 * DAY, HOUR))
    assert float(july.mean() - january.mean()) > 11.0
    by_hour = july.reshape(31, 24).mean(axis=0)
    assert by_hour[13:17].mean() - by_hour[1:5].mean() > 4.0


def test_nights_are_damp():
    by_hour = WEATHER.humidity(_year(HOUR)).reshape(365, 24).mean(axis=0)
    assert by_hour[2:5].mean() > by_hour[12:16].mean() + 8.0


@pytest.mark.parametrize("method", METHODS)
def test_values_stay_within_what_the_ruhr_has(method):
    low, high = BOUNDS[method]
    found = getattr(WEATHER, method)(_year())
    assert low <= found.min() < found.max() <= high


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=30)
@given(times=st.lists(st.floats(0, 2.1e9), min_size=2, max_size=8))
def test_a_moment_is_enough(method, times):
    """One at a time or all together, in any order, of any object with that seed."""
    at = np.array(times)
    together = getattr(WEATHER, method)(at)
    again = getattr(Weather(11, Climate()), method)
    alone = [float(again(at[place : place + 1])[0]) for place in reversed(range(len(at)))]
    assert alone[::-1] == together.tolist()


@pytest.mark.parametrize("method", METHODS)
def test_seeds_make_other_weather(method):
    other = Weather(12, Climate())
    found = [getattr(one, method)(_at("2026-05-01") + 10 * HOUR + np.arange(0.0, 60 * DAY, DAY))
             for one in (WEATHER, other)]  # fmt: skip
    assert not np.array_equal(*found)


def test_climate_shifts_the_weather():
    times = _year(6 * HOUR)
    warm = Weather(11, Climate(warmer=3.0))
    assert np.allclose(warm.temperature(times) - WEATHER.temperature(times), 3.0)
    clear, dark = (Weather(11, Climate(cloud=cloud)) for cloud in (0.0, 1.0))
    assert clear.light(times).sum() > 1.5 * dark.light(times).sum()
    assert clear.rain(times).sum() < dark.rain(times).sum()


@pytest.mark.parametrize(
    ("key", "value"), [("cloud", -0.1), ("cloud", 1.1), ("warmer", 21), ("warmer", -21)]
)
def test_what_is_no_climate_is_refused(key, value):
    with pytest.raises(msgspec.ValidationError, match=rf"`{key}`: expected .*, found {value}"):
        msgspec.convert({key: value}, Climate)
