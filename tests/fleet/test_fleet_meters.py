"""What meters count: exactly what flowed, for any cut of the time."""

from functools import lru_cache
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.chance import key_of
from fleet.days import Days
from fleet.flows import FLOWS
from fleet.meters import PER_UNIT, Feeder, Meters
from fleet.weather import Climate, Weather

FIRST = 20_539  # 2026-03-27
DAY_MS = 86_400_000
NAMES = ("household", "prosumer", "school", "solar_park", "water", "heat")
WEATHER = Weather(5, Climate())
DAYS = {step_s: Days(WEATHER, step_s) for step_s in (60, 900)}
KEYS = [key_of("meter", number) for number in range(len(NAMES))]


def _meters(step_s=900, change=None, names=NAMES):
    return Meters(DAYS[step_s], KEYS[: len(names)], [FLOWS[name] for name in names], change)


@lru_cache(maxsize=256)
def _flow(meter, day, step_s=900):
    """Return what flows into a meter on a day, as its load says."""
    return FLOWS[NAMES[meter]](KEYS[meter], DAYS[step_s].day(day))


@lru_cache(maxsize=256)
def _list(meter, day, step_s):
    return _flow(meter, day, step_s).tolist()


def _by_hand(meter, step_s, begin_ms, end_ms):
    """Return (imported, exported) between two moments, summed up step by step in Python."""
    step_ms = step_s * 1000
    imported = exported = 0
    for start in range(begin_ms // step_ms * step_ms, end_ms, step_ms):
        day, since = divmod(start, DAY_MS)
        watts = _list(meter, day, step_s)[since // step_ms]
        inside = min(end_ms, start + step_ms) - max(begin_ms, start)
        imported += max(watts, 0) * inside
        exported += max(-watts, 0) * inside
    return imported, exported


def _totals(meters, meter, at_ms):
    found = meters.at(np.array([meter]), np.array([at_ms], np.int64))
    return int(found.imported[0]), int(found.exported[0])


@settings(max_examples=40, deadline=None)
@given(
    step_s=st.sampled_from([60, 900]),
    meter=st.integers(0, len(NAMES) - 1),
    cuts=st.lists(st.integers(0, 2 * DAY_MS - 1), min_size=2, max_size=6),
)
def test_a_registers_difference_is_what_flowed(step_s, meter, cuts):
    """To the last watt-millisecond, whether a cut is of today or of yesterday."""
    meters = _meters(step_s)
    meters.go_to(FIRST)
    meters.go_to(FIRST + 1)
    moments = [FIRST * DAY_MS + cut for cut in sorted(cuts)]
    told = [_totals(meters, meter, at) for at in moments]
    for (begin, end), (before, after) in zip(pairwise(moments), pairwise(told), strict=True):
        flowed = tuple(late - early for early, late in zip(before, after, strict=True))
        assert flowed == _by_hand(meter, step_s, begin, end)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 4 * DAY_MS - 1), min_size=1, max_size=30))
def test_registers_never_fall(cuts):
    meters = _meters()
    last = dict.fromkeys(range(len(NAMES)), (0, 0))
    days = iter(range(FIRST, FIRST + 4))
    today = -1
    for cut in sorted(cuts):
        at = FIRST * DAY_MS + cut
        while today < at // DAY_MS:
            today = next(days)
            meters.go_to(today)
        for meter, before in last.items():
            now = _totals(meters, meter, at)
            assert now[0] >= before[0] >= 0
            assert now[1] >= before[1] >= 0
            last[meter] = now


def test_many_moments_are_told_as_one_by_one():
    """Moments of both days together, in any order."""
    meters = _meters()
    for day in range(FIRST, FIRST + 3):
        meters.go_to(day)
    which = np.arange(200) % len(NAMES)
    at_ms = (FIRST + 1) * DAY_MS + (np.arange(200, dtype=np.int64) * 7_919_317) % (2 * DAY_MS)
    found = meters.at(which, at_ms)
    for row in range(200):
        alone = _totals(meters, which[row], int(at_ms[row]))
        assert (int(found.imported[row]), int(found.exported[row])) == alone
        day, since = divmod(int(at_ms[row]), DAY_MS)
        assert found.flow[row] == _flow(which[row], day)[since // 900_000]


def test_nothing_flowed_before_the_first_day():
    meters = _meters()
    meters.go_to(FIRST)
    for at in (FIRST * DAY_MS, FIRST * DAY_MS - 1, (FIRST - 3) * DAY_MS):
        assert _totals(meters, 0, at) == (0, 0)
    meters.go_to(FIRST + 1)
    assert _totals(meters, 0, FIRST * DAY_MS - 1) == (0, 0)


def test_midnight_is_no_seam():
    meters = _meters()
    meters.go_to(FIRST)
    midnight = (FIRST + 1) * DAY_MS
    before = _totals(meters, 0, midnight - 1)
    watts = int(_flow(0, FIRST)[-1])
    meters.go_to(FIRST + 1)
    assert _totals(meters, 0, midnight - 1) == before
    assert _totals(meters, 0, midnight) == (before[0] + watts, before[1])


def test_going_to_the_day_at_hand_changes_nothing():
    meters = _meters()
    meters.go_to(FIRST)
    found = _totals(meters, 0, FIRST * DAY_MS + 5_000_000)
    meters.go_to(FIRST)
    assert _totals(meters, 0, FIRST * DAY_MS + 5_000_000) == found


def test_days_that_are_passed_over_count_too():
    walked, jumped = _meters(), _meters()
    for day in range(FIRST, FIRST + 5):
        walked.go_to(day)
    jumped.go_to(FIRST)
    jumped.go_to(FIRST + 4)
    at_ms = (FIRST + 4) * DAY_MS + 43_200_000
    for meter in range(len(NAMES)):
        assert _totals(jumped, meter, at_ms) == _totals(walked, meter, at_ms)


def test_quarters_add_up_to_the_totals():
    meters = _meters(60)
    sums = np.zeros((len(NAMES), 2), np.int64)
    for day in range(FIRST, FIRST + 3):
        meters.go_to(day)
        found = meters.quarters()
        assert found.number == day
        assert found.true_import.shape == (len(NAMES), 96)
        assert np.array_equal(found.true_import, found.metered_import)
        assert np.array_equal(found.true_export, found.metered_export)
        for quarter in (0, 40, 95):
            begin = day * DAY_MS + quarter * 900_000
            assert (
                int(found.true_import[1, quarter]), int(found.true_export[1, quarter])
            ) == _by_hand(1, 60, begin, begin + 900_000)  # fmt: skip
        sums += np.stack([found.true_import.sum(axis=1), found.true_export.sum(axis=1)], axis=1)
    meters.go_to(FIRST + 3)
    for meter in range(len(NAMES)):
        assert _totals(meters, meter, (FIRST + 3) * DAY_MS) == tuple(sums[meter])


def test_a_meter_alone_counts_what_it_counts_among_others():
    def change(meter, day, flow):
        return flow + meter + day % 2, flow

    for changed in (None, change):
        meters, alone = _meters(change=changed), _meters(change=changed).alone(3)
        for day in (FIRST, FIRST + 1):
            meters.go_to(day)
            alone.go_to(day)
        at = (FIRST + 1) * DAY_MS + 50_000_000
        assert _totals(alone, 0, at) == _totals(meters, 3, at)
        assert np.array_equal(alone.true[0], meters.true[3])


def test_theft_is_true_and_not_metered():
    def theft(meter, day, flow):
        stolen = (flow * 0.6).astype(np.int64) if meter == 2 and day == FIRST + 1 else 0 * flow
        return flow, flow - stolen

    meters, honest = _meters(change=theft), _meters()
    for day in range(FIRST, FIRST + 3):
        meters.go_to(day)
        honest.go_to(day)
        found, right = meters.quarters(), honest.quarters()
        assert np.array_equal(found.true_import, right.true_import)
        same = found.metered_import == right.true_import
        assert same[[0, 1, 3, 4, 5]].all()
        assert same[2].all() == (day != FIRST + 1)
    assert (found.metered_import <= found.true_import).all()


def _station(behind=((0, 1), (2,)), rated=(400_000, 250_000), change=None):
    meters = _meters(change=change)
    return meters, Feeder(DAYS[900], [[(meters, one) for one in ones] for ones in behind], rated)


def _with_losses(load, rated):
    """Return a station's watts: its load, 1/600 of its size, and the copper's losses."""
    return load + rated // 600 + load * load * 11 // (rated * 1000)


def test_a_station_takes_what_is_behind_it_and_its_losses():
    _, station = _station()
    for day in (FIRST, FIRST + 1):
        station.go_to(day)
        assert np.array_equal(station.true[0], _with_losses(_flow(0, day) + _flow(1, day), 400_000))
        assert np.array_equal(station.true[1], _with_losses(_flow(2, day), 250_000))
    at = (FIRST + 1) * DAY_MS
    watts = [int(one) for one in _with_losses(_flow(2, FIRST), 250_000)]
    assert _totals(station, 1, at) == (sum(watts) * 900_000, 0)


def test_losses_are_small_and_never_negative():
    _, station = _station()
    station.go_to(FIRST)
    load = _flow(2, FIRST)
    losses = station.true[1] - load
    assert (losses >= 250_000 // 600).all()
    assert (losses <= 250_000 // 600 + 0.011 * np.abs(load) * (np.abs(load) / 250_000) + 1).all()


def test_a_station_sees_what_is_stolen_behind_it():
    def theft(meter, day, flow):
        del meter, day
        return flow, flow // 2

    _, honest = _station()
    _, station = _station(change=theft)
    for one in (honest, station):
        one.go_to(FIRST)
    assert np.array_equal(station.true, honest.true)


def test_a_station_alone_counts_what_it_counts_among_others():
    meters, station = _station()
    alone = station.alone(1)
    for day in (FIRST, FIRST + 1):
        alone.go_to(day)
    station.go_to(FIRST)  # those behind it were not touched
    station.go_to(FIRST + 1)
    assert np.array_equal(alone.true[0], station.true[1])
    at = (FIRST + 1) * DAY_MS + 12_345_678
    assert _totals(alone, 0, at) == _totals(station, 1, at)
    assert _totals(meters, 2, at) == _totals(_gone_to(FIRST + 1), 2, at)


def _gone_to(last):
    meters = _meters()
    for day in range(FIRST, last + 1):
        meters.go_to(day)
    return meters


def test_a_unit_is_a_watt_hour():
    assert PER_UNIT == 3600 * 1000
    meters = Meters(DAYS[900], [1], [lambda key, day: np.full(day.steps, key * 1000)])
    meters.go_to(FIRST)
    assert _totals(meters, 0, FIRST * DAY_MS + 3_600_000) == (1000 * PER_UNIT, 0)


@pytest.mark.parametrize("name", ["prosumer", "solar_park"])
def test_what_is_fed_in_is_exported(name):
    meters = _meters(names=(name,))
    meters.go_to(FIRST)
    flow = FLOWS[name](KEYS[0], DAYS[900].day(FIRST))
    found = meters.quarters()
    assert np.array_equal(found.true_export[0], np.maximum(-flow, 0) * 900_000)
    assert found.true_export.sum() > 0
