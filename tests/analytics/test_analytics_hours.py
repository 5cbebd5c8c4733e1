"""What is seen by hours: sensors against their peers, days, stations and what is behind them."""

from datetime import date, timedelta

import numpy as np
import pytest
from derived_rows import (
    BERLIN,
    DAY,
    EPOCH,
    HOUR,
    Announced,
    append,
    live,
    memory_store,
    stored,
)

from analytics import peers
from analytics.balance import BalanceWatch
from analytics.days import DayWatch
from analytics.holidays import Day, easter, kind_of
from analytics.peers import PeerWatch
from ingest.derived import Derived, Windows
from ingest.device import Device
from ingest.reading import Rows, Series
from ingest.store import Commit

IMPORT = "active_energy_import"


def fill(store, columns, model="ELSYS ERS", step_ns=HOUR, from_ns=EPOCH):
    """Store {Series: values}, a reading each step; return nothing."""
    devices = [Device(series.device, model=model, first_ns=1, last_ns=1) for series in columns]
    rows = [
        (store.number(series), from_ns + i * step_ns, float(v), from_ns + i * step_ns, 0)
        for series, values in columns.items()
        for i, v in enumerate(values)
        if np.isfinite(v)
    ]
    made = Rows.of(*zip(*rows, strict=True))
    store.append(Commit(made, np.zeros(len(made), np.int32), 1, devices=devices))


def hourly(store):
    """Store and return the windows of an hour of all gauges, one reading in each."""
    rows = store.scan(None, -(2**62), 2**62)
    n = len(rows)
    made = Windows(
        *(rows.series, np.full(n, HOUR), rows.time_ns // HOUR * HOUR, np.ones(n, np.int64)),
        *(rows.value, rows.value, rows.value, rows.value),
    )
    nothing = np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0, np.int64)
    store.put_derived(Derived(made, nothing, through=store.last_commit()))
    return made


def all_found(watch, windows, standing=None):
    """Return what stands after looking at everything, by start."""
    standing = {} if standing is None else standing
    watch.update(windows)
    while watch.due:
        found = watch.look()
        standing |= {one.id: one for one in found.changed}
        for gone in found.retracted:
            standing.pop(gone)
    return sorted(standing.values(), key=lambda one: one.start_ns)


def street(n=360, members=7):
    """Return {Series: values} of sensors that see the same weather."""
    draw = np.random.default_rng(2)
    common = 10 + 6 * np.sin(2 * np.pi * np.arange(n) / 24) + np.cumsum(draw.normal(0, 0.4, n))
    return {
        Series(f"air-{k}", "temperature"): common + draw.normal(0, 2) + draw.normal(0, 0.2, n)
        for k in range(members)
    }


def test_a_sensor_that_drifts_leaves_its_peers():
    air = street()
    air[Series("air-3", "temperature")][200:260] += np.linspace(0, 10, 60)
    with memory_store() as store:
        fill(store, air)
        windows = hourly(store)
        watch = PeerWatch(store, BERLIN)
        (one,) = all_found(watch, windows)
        assert (one.device, one.kind, one.end_ns) == ("air-3", "leaves_peers", EPOCH + 260 * HOUR)
        assert EPOCH + 200 * HOUR < one.start_ns < EPOCH + 225 * HOUR
        assert "above what its 6 peers showed" in one.text
        store.put_derived(
            Derived(Windows.none(), _nothing(), anomalies=[one], through=store.last_commit())
        )
        again = PeerWatch(store, BERLIN)
        assert all_found(again, windows, {one.id: one}) == [one], "nothing new after a restart"


def _nothing():
    return np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0, np.int64)


@pytest.mark.parametrize(
    ("quantity", "members", "model"),
    [("temperature", 4, "ELSYS ERS"), ("active_power", 7, "a plug"), ("temperature", 7, "")],
)
def test_who_has_no_peers_leaves_none(quantity, members, model):
    """Too few of them, what anybody may switch on, and devices whose model nobody knows."""
    air = {
        Series(series.device, quantity): values
        for series, values in street(members=members).items()
    }
    air[Series("air-3", quantity)][200:260] += 30
    with memory_store() as store:
        fill(store, air, model)
        assert all_found(PeerWatch(store, BERLIN), hourly(store)) == []


def test_groups_are_the_same_whoever_speaks_first_after_a_restart(monkeypatch):
    """More than are compared at once: by their numbers, not by who is heard first."""
    monkeypatch.setattr(peers, "GROUP_MAX", 5)
    with memory_store() as store:
        fill(store, street(40, 12))
        windows = hourly(store)
        made = []
        mixed = np.random.default_rng(1).permutation(len(windows))
        for order in (np.arange(len(windows)), mixed):
            watch = PeerWatch(store, BERLIN)
            for at in np.array_split(order, 40):
                watch.update(windows.take(at))
            made.append([part.members for parts in watch._groups.values() for part in parts])
        assert made[0] == made[1] == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9], [10, 11]]


def test_what_is_told_as_a_level_shift_is_not_told_twice():
    air = street()
    air[Series("air-3", "temperature")][200:240] += 30
    with memory_store() as store:
        fill(store, air)
        with live(store):
            store.settled()
        kinds = [(one.device, one.kind) for one in stored(store) if one.kind != "silence"]
        assert kinds == [("air-3", "level_shift")]


def test_a_stream_without_a_pause_does_not_keep_them_from_being_seen():
    """Readings of another device are offered faster than they can be taken in."""
    air = street()
    air[Series("air-3", "temperature")][200:260] += np.linspace(0, 10, 60)
    announced, busy = Announced(), Series("busy", "co2")
    with memory_store() as store:
        fill(store, air)
        with live(store, announce=announced) as running:
            for second in range(3000):
                running.offer(append(store, [(busy, EPOCH + second * 10**9, 400.0)]))
                if any(one.kind == "leaves_peers" for one in announced.changed):
                    return
    pytest.fail("3,000 commits went by, and nobody looked")


def register(flows):
    """Return the readings of a register through which these amounts flow."""
    return np.concatenate([[100_000.0], 100_000.0 + np.cumsum(flows)])


def weeks(days, seed=1):
    """Return hourly flows of an office that rests at weekends and holidays: (24 * days,) Wh."""
    draw = np.random.default_rng(seed)
    hour, day = np.arange(24 * days) % 24, np.arange(24 * days) // 24
    rests = [kind_of(date(2026, 3, 1) + timedelta(days=k)) for k in range(days)]
    open_ = (hour >= 7) & (hour < 17) & (np.array(rests)[day] == Day.WORKDAY)
    return (400 + 4000 * open_) * draw.uniform(0.9, 1.1, 24 * days)


def of_days(flows):
    """Return what stands after all days of one meter were looked at."""
    meter = Series("office", IMPORT)
    with memory_store() as store:
        fill(store, {meter: register(flows)})
        windows = hourly(store)
        watch, standing = DayWatch(store, BERLIN), {}
        for upto in range(EPOCH, EPOCH + len(flows) * HOUR + DAY, DAY):
            seen = windows.take((windows.start_ns >= upto - DAY) & (windows.start_ns < upto))
            found = all_found(watch, seen, standing)
        return found


def test_a_workday_on_which_nobody_comes():
    flows = weeks(28)
    flows[24 * 22 : 24 * 23] = 400  # Monday, 23 March
    (one,) = of_days(flows)
    assert (one.kind, one.device, one.quantity) == ("day_shape", "office", IMPORT)
    assert (one.end_ns - one.start_ns, one.start_ns) == (DAY, EPOCH + 22 * DAY - HOUR)
    assert "took another course on Mon 2026-03-23 than on such days before" in one.text
    assert one.value < 0.4 * one.expected


def test_days_that_stay_unlike_are_one_event():
    flows = weeks(34)
    for day in (22, 23, 24, 25):
        flows[24 * day : 24 * (day + 1)] *= 3
    (one, *others) = [a for a in of_days(flows) if a.kind == "day_shape"]
    assert "and 3 more like it" in one.text
    assert others == []


def test_more_in_an_hour_than_ever():
    flows = weeks(14)
    flows[24 * 10 + 9] = 30_000
    (one,) = [a for a in of_days(flows) if a.kind == "rate"]
    assert one.start_ns == EPOCH + (24 * 10 + 9) * HOUR
    assert one.value == pytest.approx(30_000)
    assert "30000 Wh through in an hour" in one.text


def test_a_usual_office_is_no_news():
    assert of_days(weeks(42)) == []


def grid(days=21, homes=6):
    """Return {Series: register} of homes and of the station that feeds them."""
    draw = np.random.default_rng(5)
    flows = [draw.gamma(2, 200, 24 * days) for _ in range(homes)]
    columns = {Series(f"home-{k}", IMPORT): flow for k, flow in enumerate(flows)}
    columns[Series("station", IMPORT)] = np.sum(flows, axis=0) * 1.02 + 300
    return columns


def imbalances(columns, feeders=None):
    """Return what stands after the station was looked at."""
    homes = [series.device for series in columns if series.device != "station"]
    with memory_store() as store:
        fill(store, {series: register(flow) for series, flow in columns.items()})
        known = {"station": homes} if feeders is None else feeders
        return all_found(BalanceWatch(store, BERLIN, lambda: known), hourly(store))


def test_what_no_meter_counts_is_missed_at_the_station():
    columns = grid()
    assert imbalances(columns) == []
    columns[Series("home-2", IMPORT)][24 * 14 : 24 * 16] *= 0.2
    (one,) = imbalances(columns)
    assert (one.kind, one.device) == ("imbalance", "station")
    assert EPOCH + 14 * DAY < one.start_ns < EPOCH + 15 * DAY
    assert EPOCH + 16 * DAY < one.end_ns < EPOCH + 17 * DAY
    assert "more than usual beyond what the 6 meters behind it counted" in one.text
    assert one.value == pytest.approx(0.8 * 48 * 400, rel=0.4)


def test_a_station_that_the_catalog_does_not_know_is_not_balanced():
    columns = grid()
    columns[Series("home-2", IMPORT)][24 * 14 : 24 * 16] = 0
    assert imbalances(columns, feeders={}) == []


def test_sun_that_flows_back_is_no_imbalance():
    """The station counts one way only; by day more comes back than is taken."""
    columns = grid()
    sun = np.tile(np.maximum(np.sin((np.arange(24) - 6) / 12 * np.pi), 0) * 4000, 21)
    columns[Series("home-1", "active_energy_export")] = sun
    columns[Series("station", IMPORT)] = np.maximum(columns[Series("station", IMPORT)] - sun, 300)
    assert imbalances(columns) == []


@pytest.mark.parametrize(
    ("day", "kind"),
    [
        (date(2026, 4, 3), Day.SUNDAY),  # Good Friday
        (date(2026, 4, 4), Day.SATURDAY),
        (date(2026, 4, 6), Day.SUNDAY),
        (date(2026, 5, 14), Day.SUNDAY),  # Ascension
        (date(2026, 6, 4), Day.SUNDAY),  # Corpus Christi
        (date(2026, 11, 1), Day.SUNDAY),
        (date(2026, 12, 24), Day.WORKDAY),
        (date(2026, 3, 8), Day.SUNDAY),
        (date(2026, 3, 9), Day.WORKDAY),
    ],
)
def test_holidays_are_like_sundays(day, kind):
    assert kind_of(day) is kind


def test_easter_of_years_that_are_printed():
    """From almanacs, with the earliest and the latest there can be."""
    assert [easter(year) for year in (1818, 1943, 2000, 2024, 2025, 2026, 2038)] == [
        *(date(1818, 3, 22), date(1943, 4, 25), date(2000, 4, 23), date(2024, 3, 31)),
        *(date(2025, 4, 20), date(2026, 4, 5), date(2038, 4, 25)),
    ]
