"""Registers: exactly the integral of power, the same however they are asked for."""

from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from fleet.devices import Plug, SmlMeter
from fleet.ledger import FIRST_DAY, Ledger
from fleet.loads import Appliance, Building, Household, Panels, Together
from fleet.message import SECOND_NS
from fleet.nature import DAY_S, Weather, key_of

BERLIN = ZoneInfo("Europe/Berlin")
KEY = key_of("ledger", 3)
WEATHER = Weather(KEY, latitude=51.5, longitude=7.5)
DAY_NS = DAY_S * SECOND_NS
JUNE_NS = (FIRST_DAY + 160) * DAY_NS


def _two_way() -> Ledger:
    load = Together(Household(KEY, BERLIN, base_w=120), Panels(WEATHER, peak_w=6_000))
    return Ledger(KEY, load, import_wh=1_000, export_wh=2_000)


@pytest.mark.parametrize("start_ns", [JUNE_NS + 10 * 3600 * SECOND_NS, JUNE_NS - 1800 * SECOND_NS])
def test_the_register_is_the_integral_of_power(start_ns):
    ledger = _two_way()
    seconds = range(start_ns, start_ns + 7200 * SECOND_NS, SECOND_NS)
    powers = [ledger.power_w(t) for t in seconds]
    begin, end = ledger.energy_wns(seconds.start), ledger.energy_wns(seconds.stop)
    assert end[0] - begin[0] == sum(max(p, 0) for p in powers) * SECOND_NS
    assert end[1] - begin[1] == sum(max(-p, 0) for p in powers) * SECOND_NS
    assert len(set(powers)) > 50, "a real load flickers"


def test_parts_of_a_second_count_too():
    ledger = _two_way()
    at_ns = JUNE_NS + 7 * SECOND_NS
    power = ledger.power_w(at_ns)
    assert power > 0, "at night"
    assert ledger.energy_wns(at_ns + 333)[0] - ledger.energy_wns(at_ns)[0] == power * 333


def test_the_flicker_keeps_the_minutes_energy():
    load = Together(Household(KEY, BERLIN, base_w=120), Panels(WEATHER, peak_w=6_000))
    ledger = Ledger(KEY, load)
    whole = load.day_w(FIRST_DAY + 160) * 60
    imported, exported = np.array(
        [
            np.subtract(ledger.energy_wns(t + 60 * SECOND_NS), ledger.energy_wns(t))
            for t in range(JUNE_NS, JUNE_NS + DAY_NS, 60 * SECOND_NS)
        ]
    ).T
    np.testing.assert_array_equal(imported, np.maximum(whole, 0) * SECOND_NS)
    np.testing.assert_array_equal(exported, np.maximum(-whole, 0) * SECOND_NS)


def test_a_restart_continues_wherever_it_is_asked_first():
    times_ns = [JUNE_NS + i * 17 * 3600 * SECOND_NS + i for i in (0, 9, 3, 40, 1, 0, 25, -300, 7)]
    one = _two_way()
    asked_in_a_row = [one.energy(t) for t in times_ns]
    assert asked_in_a_row == [_two_way().energy(t) for t in times_ns]


def test_registers_never_fall_even_before_the_first_day():
    ledger = _two_way()
    times_ns = range((FIRST_DAY - 3) * DAY_NS, (FIRST_DAY + 3) * DAY_NS, 1009 * SECOND_NS)
    readings = [ledger.energy(t) for t in times_ns]
    for before, after in pairwise(readings):
        assert before.import_wh <= after.import_wh
        assert before.export_wh <= after.export_wh
    assert ledger.energy(FIRST_DAY * DAY_NS) == (1_000, 2_000)


def test_the_sun_feeds_in_by_day_and_nothing_by_night():
    ledger = _two_way()
    exports = [ledger.energy(JUNE_NS + hour * 3600 * SECOND_NS).export_wh for hour in range(25)]
    assert exports[2] == exports[0], "from two to four in the morning, local time"
    assert exports[14] - exports[8] > 5_000
    assert min(ledger.power_w(JUNE_NS + m * 60 * SECOND_NS) for m in range(1440)) < -1_000


def test_a_year_of_each_load_is_plausible():
    loads = {
        "household": (Household(KEY, BERLIN, base_w=110), 1_800, 4_500),
        "building": (
            Building(KEY, BERLIN, base_w=900, open_w=7_000, hours=(8, 16)),
            15_000,
            35_000,
        ),
        "copier": (Appliance(KEY, BERLIN, standby_w=9, run_w=640, hours=(8, 18)), 400, 1_200),
        "panels": (Panels(WEATHER, peak_w=6_000), -7_500, -4_000),
    }
    for name, (load, least_kwh, most_kwh) in loads.items():
        watts = np.concatenate([load.day_w(FIRST_DAY + day) for day in range(365)])
        assert least_kwh < watts.sum() / 60_000 < most_kwh, name
        assert watts.dtype == np.int64


def test_people_live_by_the_local_clock():
    house = Building(KEY, BERLIN, base_w=0, open_w=10_000, hours=(8.0, 16.0))
    winter, summer = house.day_w(FIRST_DAY + 13), house.day_w(FIRST_DAY + 195)  # both Wednesdays
    busy_from = [int(np.argmax(day > 4_000)) / 60 for day in (winter, summer)]
    assert busy_from[0] - busy_from[1] == pytest.approx(1.0, abs=0.15)


def test_a_meter_without_panels_has_one_register():
    ledger = Ledger(KEY, Household(KEY, BERLIN, base_w=100))
    one_way, two_way = SmlMeter("a", ledger, BERLIN), SmlMeter("b", _two_way(), BERLIN, True)
    assert b"Total_out" not in one_way.message(JUNE_NS, 0, one_way.measure(JUNE_NS)).payload
    assert b"Total_out" in two_way.message(JUNE_NS, 0, two_way.measure(JUNE_NS)).payload


@pytest.mark.parametrize(
    ("midnight_ns", "hours_before"),
    [
        ((FIRST_DAY + 10) * DAY_NS - 3600 * SECOND_NS, 24),
        (1_774_821_600 * SECOND_NS, 23),  # 2026-03-30, after the short Sunday
        (1_792_969_200 * SECOND_NS, 25),  # 2026-10-26, after the long one
    ],
)
def test_today_and_yesterday_end_at_local_midnight(midnight_ns, hours_before):
    ledger = Ledger(KEY, Appliance(KEY, BERLIN, standby_w=60, run_w=900, hours=(8, 18)))
    plug = Plug("copier", ledger, BERLIN)
    at, last = plug.measure(midnight_ns), plug.measure(midnight_ns - SECOND_NS)
    assert at["Today"] == 0
    assert last["Today"] == pytest.approx(at["Yesterday"], abs=1)
    begun_ns = midnight_ns - hours_before * 3600 * SECOND_NS
    assert at["Yesterday"] == at["Total"] - ledger.energy(begun_ns).import_wh
