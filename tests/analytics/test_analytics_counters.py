"""Steps of registers and wrong clocks, told as they come, and the same after a restart."""

import numpy as np
import pytest
from derived_rows import BERLIN, DAY, EPOCH, HOUR, MINUTE, NS, append, live, memory_store, stored

from analytics.clocks import ClockWatch
from analytics.counters import CounterWatch
from analytics.energy import energy
from analytics.fleet import Fleet
from analytics.grouping import grouped
from ingest.meter import Answer, Meter, RegisterFacts
from ingest.reading import Quality, Rows, Series
from ingest.store import Commit

QUARTER = HOUR // 4
METER = Series("meter", "active_energy_import")


def stepping(n, start=50_000.0, by=250.0):
    """Return the register of a house: a quarter of a kilowatt-hour each quarter of an hour."""
    return (start + by * np.arange(n)).tolist()


def rows_of(values, series=METER, from_ns=EPOCH):
    """Return readings, one each quarter of an hour."""
    return [(series, from_ns + i * QUARTER, float(v)) for i, v in enumerate(values)]


def watched(readings, batches=1, facts=None, restart_at=None):
    """Return the anomalies that stand after readings in so many batches, by start."""
    with memory_store() as store:
        watch = CounterWatch(store, BERLIN, facts)
        standing = {}
        store.anomalies = lambda **asked: [
            one for one in standing.values() if not asked.get("open_only") or one.end_ns is None
        ]
        for k, part in enumerate(np.array_split(np.arange(len(readings)), batches)):
            if k == restart_at:
                watch = CounterWatch(store, BERLIN, facts)
            found = watch.update(grouped(append(store, [readings[i] for i in part]).rows))
            standing |= {one.id: one for one in found.changed}
            for gone in found.retracted:
                standing.pop(gone)
        return sorted(standing.values(), key=lambda one: one.start_ns)


@pytest.mark.parametrize("batches", [1, 5, 150])
def test_a_register_that_begins_again_is_told_at_once(batches):
    values = [*stepping(40), *stepping(110, 3.0)]
    (one,) = watched(rows_of(values), batches)
    assert (one.kind, one.start_ns, one.end_ns) == (
        *("register_reset", EPOCH + 40 * QUARTER),
        EPOCH + 40 * QUARTER,
    )
    assert one.text.startswith("active_energy_import of meter: The register fell from 59750 Wh")


def test_what_only_climbs_is_nothing():
    assert watched(rows_of(stepping(300)), 30) == []
    power = Series("meter", "active_power")
    assert watched(rows_of([5.0, 1.0] * 30, power), 6) == [], "a gauge may fall"


@pytest.mark.parametrize("restart_at", [None, 20, 40, 41])
def test_a_glitch_is_open_until_it_has_recovered(restart_at):
    """While the next readings may still explain it, it lasts; then it is over, and one event."""
    values = stepping(60)
    values[40] = 1e9
    seen = watched(rows_of(values[:41]), 41)
    assert [one.end_ns for one in seen] == [None]
    (one,) = watched(rows_of(values), 60, restart_at=restart_at)
    assert (one.kind, one.start_ns, one.end_ns) == (
        *("register_glitch", EPOCH + 40 * QUARTER),
        EPOCH + 40 * QUARTER,
    )


def test_a_fall_over_a_restart_is_seen():
    values = [*stepping(40), *stepping(40, 3.0)]
    (one,) = watched(rows_of(values), 2, restart_at=1)
    assert one.kind == "register_reset"


def test_a_reading_that_comes_late_takes_back_what_it_explains():
    """A jump of a day is explained by the readings between."""
    values = stepping(200, by=10_000.0)
    readings = rows_of(values)
    late = [*readings[:90], *readings[110:], *readings[90:110]]
    assert watched(late, 20) == watched(readings, 20) == []


def test_what_people_know_is_used():
    values = [*stepping(40), *stepping(40, 12_000.0)]
    (asked,) = watched(rows_of(values), 8)
    assert asked.kind == "register_unexplained"
    assert asked.text.endswith("Somebody should decide whether it flowed.")
    at_ns = EPOCH + 39 * QUARTER + MINUTE
    meters = (Meter(0, at_ns, last_register=59_800.0), Meter(at_ns, first_register=11_990.0))
    (told,) = watched(rows_of(values), 8, lambda *register: RegisterFacts(meters))
    assert told.kind == "register_exchange"
    said = RegisterFacts(answers=(Answer(EPOCH + 40 * QUARTER, False, "Meier", 1),))
    (settled,) = watched(rows_of(values), 8, lambda *register: said)
    assert "decide" not in settled.text


NUMBER = Series("meter", "fabrication_number")


@pytest.mark.parametrize(
    ("numbers", "kind"),
    [
        ([11] * 40 + [12] * 40, "register_exchange"),
        ([11] * 40 + [12] + [11] * 39, "register_unexplained"),
        ([11] * 80, "register_unexplained"),
    ],
)
def test_another_number_on_the_meter_is_an_exchange(numbers, kind):
    """If it comes again; a number that comes once was misread."""
    values = [*stepping(40), *stepping(40, 12_000.0)]
    both = [
        reading
        for pair in zip(rows_of(numbers, NUMBER), rows_of(values), strict=True)
        for reading in pair
    ]
    (one,) = watched(both, 80)
    assert one.kind == kind
    with memory_store() as store:
        append(store, both)
        edges_ns = EPOCH + QUARTER * np.array([0, 79])
        (whole,) = energy(store, store.number(METER), edges_ns)
        (found,) = whole.corrections
        assert f"register_{found.kind}" == kind
        assert found.asked


def test_the_live_analysis_tells_them():
    values = [*stepping(40), *stepping(40, 3.0)]
    with memory_store() as store:
        with live(store) as running:
            for reading in rows_of(values):
                running.offer(append(store, [reading]))
        assert [one.kind for one in stored(store)] == ["register_reset"]


def receive(store, readings):
    """Commit [(series, time_ns, received_ns, quality)]; return the rows."""
    columns = [(store.number(s), t, 20.0, came, q) for s, t, came, q in readings]
    rows = Rows.of(*zip(*columns, strict=True))
    receipt = store.append(Commit(rows, np.zeros(len(rows), np.int32), 1))
    return rows.take(receipt.outcome != 1)


def by_clock(lags_s, restart_at=None, quality=Quality.MEASURED):
    """Return the anomalies of a device that speaks each quarter with these lags, one a batch."""
    with memory_store() as store:
        watch, standing = ClockWatch(store, BERLIN, Fleet(store)), {}
        store.anomalies = lambda **asked: [one for one in standing.values() if one.end_ns is None]
        for i, lag_s in enumerate(lags_s):
            if i == restart_at:
                watch = ClockWatch(store, BERLIN, Fleet(store))
            came = EPOCH + i * QUARTER
            worth = quality if lag_s == 0 else Quality.MEASURED
            both = [(Series("box", name), came - lag_s * NS, came, worth) for name in "ab"]
            rows = receive(store, both)
            rows = rows.take(np.lexsort((rows.time_ns, rows.series)))
            standing |= {one.id: one for one in watch.update(grouped(rows)).changed}
        return list(standing.values())


@pytest.mark.parametrize("restart_at", [None, 10, 21, 25, 33])
def test_a_clock_that_is_wrong_for_a_while(restart_at):
    """An hour and more ahead for two and a half hours; told once, also over a restart."""
    (one,) = by_clock([2] * 20 + [-4998] * 10 + [2] * 10, restart_at)
    assert (one.kind, one.device, one.quantity, one.value) == ("clock_fault", "box", "", 5000)
    assert one.start_ns == EPOCH + 19 * QUARTER - 2 * NS
    assert one.end_ns == EPOCH + 30 * QUARTER - 2 * NS
    assert one.text == (
        "box has a clock that was 1 h 23 min ahead from 2026-03-01 05:44:58 to 2026-03-01 08:29:58."
    )


def test_a_clock_that_is_wrong_now():
    (one,) = by_clock([2] * 20 + [4002] * 5)
    assert one.end_ns is None
    assert one.text == "box has a clock that is 1 h 6 min behind since 2026-03-01 05:44:58."


def test_times_that_can_not_be():
    """What the intake could not believe has the time of receipt, and is marked."""
    (one,) = by_clock([2] * 5 + [0] * 4 + [2] * 2, quality=Quality.SUSPECT)
    assert one.start_ns == EPOCH + 4 * QUARTER - 2 * NS
    assert one.end_ns == EPOCH + 9 * QUARTER - 2 * NS
    assert "told times that can't be from" in one.text
    assert by_clock([2] * 5 + [0] * 4 + [2] * 2) == [], "a receipt at once is no fault"


def test_what_is_retried_later_says_nothing_of_clocks():
    """It has the old time of receipt, behind which the device has spoken since."""
    with memory_store() as store:
        watch = ClockWatch(store, BERLIN, Fleet(store))
        series = Series("box", "a")
        for i in range(30):
            came = EPOCH + i * QUARTER
            watch.update(grouped(receive(store, [(series, came, came, Quality.MEASURED)])))
        old = [(series, EPOCH - DAY + k, EPOCH + k * QUARTER, Quality.MEASURED) for k in range(5)]
        assert watch.update(grouped(receive(store, old))).changed == []
