"""What flows through meters: the shape of days, weeks and years, and that order doesn't matter."""

from datetime import date
from functools import lru_cache

import numpy as np
import pytest

from fleet.calendar import days_since_1970
from fleet.chance import key_of
from fleet.days import Days
from fleet.flows import ELECTRIC, FLOWS
from fleet.weather import Climate, Weather

STEP_S = 900
DAYS = Days(Weather(5, Climate()), STEP_S)
KEYS = [key_of("meter", number) for number in range(40)]
MONDAY = days_since_1970(date(2026, 3, 2))
"""Of a week in March that has neither holidays nor a clock change."""


def _flow(name, day, keys=KEYS, days=DAYS):
    """Return what flows, shape (keys, 96)."""
    return np.array([FLOWS[name](key, days.day(day)) for key in keys])


@lru_cache(maxsize=32)
def _week(name):
    """Return what flows by local hour, all keys together, shape (7, 24)."""
    found = [_flow(name, MONDAY + day).sum(axis=0) for day in range(-1, 8)]
    local = np.concatenate(found)[96 - 4 : -96 - 4].reshape(7, 24, 4)  # Berlin is UTC+1
    return local.mean(axis=2)


@lru_cache(maxsize=32)
def _year(name, count=6):
    """Return the days of a year, every fifth, and the sums of these days, Wh or l, by key."""
    first = MONDAY - 60
    days = range(first, first + 365, 5)
    sums = np.array([_flow(name, day, KEYS[:count]).sum(axis=1) for day in days])
    return np.array(days), sums * STEP_S / 3600


def _mean_temperature(days):
    return np.array([DAYS.day(int(day)).temperature.mean() for day in days])


@pytest.mark.parametrize("name", FLOWS)
def test_a_flow_is_whole_numbers_of_the_step(name):
    found = FLOWS[name](KEYS[0], DAYS.day(MONDAY))
    assert found.dtype == np.int64
    assert found.shape == (96,)


@pytest.mark.parametrize("name", FLOWS)
def test_key_and_day_are_enough(name):
    """In any order, after whatever else, of any object with that weather."""
    fresh = Days(Weather(5, Climate()), STEP_S)
    order = (MONDAY + 9, MONDAY, MONDAY + 4, MONDAY + 200, MONDAY + 4)
    there = {day: _flow(name, day, KEYS[:3]) for day in sorted(order)}
    for day in order:
        assert np.array_equal(_flow(name, day, KEYS[2::-1], fresh), there[day][::-1])


@pytest.mark.parametrize("name", FLOWS)
def test_keys_make_other_meters(name):
    summer = 60 if name in {"solar", "solar_park"} else 0
    found = _flow(name, MONDAY + summer)
    assert len({row.tobytes() for row in found}) > 10


@pytest.mark.parametrize("name", sorted(FLOWS.keys() - {"solar", "solar_park", "prosumer"}))
def test_only_panels_feed_in(name):
    for day in (0, 6, 100, 200):
        assert (_flow(name, MONDAY + day) >= 0).all()


@pytest.mark.parametrize("name", ["solar", "solar_park"])
def test_panels_give_nothing_at_night_and_never_take(name):
    for day in (0, 50, 110, 290):
        found, sun = _flow(name, MONDAY + day), DAYS.day(MONDAY + day).sun
        assert (found <= 0).all()
        assert (found[:, sun == 0.0] == 0).all()
        assert (found[:, sun > 0.2] < 0).all()


def test_a_prosumer_is_a_household_behind_panels():
    day = MONDAY + 100
    both = _flow("prosumer", day)
    assert np.array_equal(both, _flow("household", day) + _flow("solar", day))
    assert (both < 0).any()
    assert (both > 0).any()


def test_households_have_an_evening_peak_and_sleep_at_night():
    by_hour = _week("household").mean(axis=0)
    assert int(by_hour.argmax()) in {17, 18, 19, 20}
    assert by_hour[18:20].mean() > 2.5 * by_hour[1:5].mean()
    assert (by_hour[1:5] > 0).all()


@pytest.mark.parametrize("name", ["school", "office", "industry"])
def test_work_is_done_on_workdays(name):
    week = _week(name)
    workdays, sunday = week[:5, 8:15], week[6, 8:15]
    assert (workdays.mean(axis=1) > 1.5 * sunday.mean()).all()
    assert week[:5, 9:14].mean() > 1.5 * week[:5, 0:4].mean()
    spread = week[:5].sum(axis=1)
    assert spread.max() < 1.1 * spread.min()


@pytest.mark.parametrize("name", ["school", "office"])
def test_work_rests_on_holidays(name):
    easter_monday = MONDAY + 35
    still = _flow(name, easter_monday)[:, 28:52].mean()
    assert still < 0.5 * _flow(name, MONDAY)[:, 28:52].mean()


def test_school_holidays_close_schools_and_no_offices():
    in_holidays, before = MONDAY + 28, MONDAY + 14  # 30 March is within the Easter holidays
    ratio = {
        name: _flow(name, in_holidays)[:, 28:52].mean() / _flow(name, before)[:, 28:52].mean()
        for name in ("school", "office")
    }
    assert ratio["school"] < 0.5
    assert 0.8 < ratio["office"] < 1.2


def test_pools_open_later_on_sundays():
    week = _week("pool")
    assert week[0, 7] > 1.2 * week[6, 7]
    assert week[:, 1:5].mean() > 0.5 * week[:, 10:16].mean()  # pumps never rest


def test_wall_boxes_charge_in_the_evening():
    by_hour = _week("ev_charger").mean(axis=0)
    assert by_hour[17:22].mean() > 4 * by_hour[0:6].mean()
    assert _flow("ev_charger", MONDAY).max() in {11_004, 3_704, 11_000}


@pytest.mark.parametrize("step_s", [60, 900])
def test_a_car_charges_on_after_midnight(step_s):
    """3.7 and 11 kW are kept until the battery is full, whatever UTC day it is by then."""
    days = Days(Weather(5, Climate()), step_s)
    keys = [key_of("car", number) for number in range(200)]
    evening, night = (_flow("ev_charger", MONDAY + day, keys, days) for day in (0, 1))
    late = evening[:, -1] > 1000
    assert late.sum() >= 5
    assert (night[late, 0] > 0).all()
    goes_on = night[late, 0] == evening[late, -1]
    assert goes_on.mean() > 0.7  # the others are full within the first step
    assert (night[~late, 0] == 4).all()


def test_street_lights_burn_in_the_dark_only():
    for day in (0, 110, 290):
        found, sun = _flow("street_light", MONDAY + day), DAYS.day(MONDAY + day).sun
        assert (found[:, sun > 0.03] == 6).all()
        assert (found[:, sun == 0.0] > 500).all()
    week = _week("street_light")
    assert np.allclose(week[:, 2] - 6 * 40, (week[:, 22] - 6 * 40) / 2, rtol=0.01)


def test_nobody_draws_water_at_three_in_the_morning():
    by_hour = _week("water")
    assert by_hour[:, 3].max() <= 0.005 * by_hour[:, 6:9].mean()
    assert int(by_hour.mean(axis=0).argmax()) in {6, 7, 8, 18, 19}


def test_heat_and_gas_follow_the_cold():
    for name in ("heat", "gas", "heat_pump"):
        days, sums = _year(name)
        warmth = _mean_temperature(days)
        assert np.corrcoef(warmth, sums.sum(axis=1))[0, 1] < -0.9
        winter, summer = sums[warmth < 5].mean(), sums[warmth > 18].mean()
        assert winter > 3 * summer


def test_warmer_weather_takes_less_heat():
    warm = Days(Weather(5, Climate(warmer=4.0)), STEP_S)
    for name in ("heat", "gas"):
        assert _flow(name, MONDAY, days=warm).sum() < 0.9 * _flow(name, MONDAY).sum()


def test_heat_is_turned_down_at_night():
    taken, cold = np.zeros(96), np.zeros(96)
    for day in range(MONDAY - 50, MONDAY - 10):
        taken += _flow("heat", day, KEYS[:10]).sum(axis=0)
        cold += 15.0 - DAYS.day(day).temperature
    per_kelvin = taken / cold
    night, day = per_kelvin[0:16], per_kelvin[40:60]  # 1 to 5, 11 to 16 o'clock
    assert night.mean() == pytest.approx(0.55 * day.mean(), rel=0.05)


@pytest.mark.parametrize(
    ("name", "low", "high"),  # kWh or m3 a year, of each and of all on average
    [
        ("household", 900, 6_500), ("school", 10_000, 90_000), ("office", 15_000, 260_000),
        ("pool", 350_000, 1_400_000), ("industry", 150_000, 4_500_000),
        ("heat_pump", 2_500, 14_000), ("ev_charger", 800, 5_500), ("street_light", 3_000, 23_000),
        ("heat", 12_000, 110_000), ("gas", 1_500, 12_000), ("water", 25, 260),
    ],
)  # fmt: skip
def test_a_year_has_a_plausible_sum(name, low, high):
    _, sums = _year(name)
    each = sums.sum(axis=0) * 5 / 1000
    assert low < each.min()
    assert each.max() < high


def test_panels_give_what_panels_in_the_ruhr_give():
    _, sums = _year("solar", 20)
    each = -sums.sum(axis=0) * 5 / 1000
    assert 2_000 < each.min() < each.max() < 15_000  # 3 to 12 kWp of 700 to 1,200 kWh each


def test_electric_flows_are_those_behind_a_station():
    assert FLOWS.keys() - ELECTRIC == {"heat", "gas", "water"}


@pytest.mark.parametrize("step_s", [60, 300, 900])
def test_appliances_use_the_same_energy_in_any_step(step_s):
    """Uses are cut into steps with their share, so that a day's water is the same to the litre."""
    days = Days(Weather(5, Climate()), step_s)
    found = _flow("water", MONDAY, days=days).sum() * step_s / 3600
    fine = _flow("water", MONDAY, days=Days(Weather(5, Climate()), 60)).sum() / 60
    assert found == pytest.approx(fine, rel=0.01)


@pytest.mark.parametrize("step_s", [0, -900, 7 * 60, 86_401])
def test_a_step_that_divides_no_day_is_refused(step_s):
    with pytest.raises(ValueError, match=rf"step: expected seconds .*, found {step_s}"):
        Days(Weather(5, Climate()), step_s)
