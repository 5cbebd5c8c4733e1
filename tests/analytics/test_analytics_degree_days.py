"""Energy by the degree day: by hand, against Polars, and over a real meter's years."""

import csv
import gzip
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest
from derived_rows import BERLIN, HOUR, append, memory_store

from analytics.calendar import By, edges, midnight_ns
from analytics.degree_days import (
    Base,
    Kind,
    Reason,
    Reference,
    Weather,
    days_around,
    normal,
    normalised,
    reference,
    weather,
)
from analytics.energy import Period, energy
from analytics.environment import degree_days, series_of
from ingest.reading import Quality, Rows, Series
from ingest.store import Commit

VECTORS = Path(__file__).parents[1] / "vectors"
CHICAGO = ZoneInfo("America/Chicago")
DAY = timedelta(days=1)
OUTSIDE, METER = Series("roof", "temperature"), Series("m", "active_energy_import")


def year_of(per_day, year=2025):
    """Return the weather of one year with the same degree days each day."""
    first, end = date(year, 1, 1), date(year + 1, 1, 1)
    return Weather(first, np.full((end - first).days, float(per_day)))


def heard(value, first, end, share=1.0, where=BERLIN):
    """Return a period of a register of which a share is known from its start on."""
    start_ns, end_ns = midnight_ns(first, where), midnight_ns(end, where)
    known_ns = start_ns + int(share * (end_ns - start_ns))
    quality = None if value is None else Quality.MEASURED
    return Period(start_ns, end_ns, value, quality, share, False, 0.0, start_ns, known_ns)


def one(period, known, *, kind=Kind.HEATING, ref=None, base=None):
    """Return what is made of a single period."""
    ref = ref or reference(None, normal(known))
    (found,) = normalised([[period]], known, kind, ref, base or Base(), BERLIN)
    return found


def store_hours(store, series, times_ns, values):
    """Store a reading of each time in one commit."""
    n = len(times_ns)
    rows = Rows.of([store.number(series)] * n, times_ns, values, times_ns, [0] * n)
    store.append(Commit(rows, np.zeros(n, np.int32), 1))


def test_a_month_by_hand():
    """January: 31 days at 5 degC are 31 x 15 K d; a normal one has 500."""
    january = heard(93_000.0, date(2025, 1, 1), date(2025, 2, 1))
    ref = Reference(3000.0, (500.0, *[0.0] * 11))
    found = one(january, year_of(15), ref=ref)
    assert found.degree_days == (465.0, 465.0, 31, 31)
    assert found.per_degree_day == pytest.approx(200.0)
    assert (found.reference, found.base, found.reason) == (500.0, 0.0, None)
    assert found.value == pytest.approx(100_000.0)


@pytest.mark.parametrize(
    ("base", "kept"),
    [(Base(share=0.2), 18_600.0), (Base(per_day=1_000.0), 31_000.0), (Base(per_day=9e9), 93_000.0)],
)
def test_what_does_not_depend_on_the_weather_is_not_scaled(base, kept):
    january = heard(93_000.0, date(2025, 1, 1), date(2025, 2, 1))
    found = one(january, year_of(15), ref=Reference(None, (930.0,) * 12), base=base)
    assert found.base == pytest.approx(kept)
    assert found.per_degree_day == pytest.approx((93_000.0 - kept) / 465)
    assert found.value == pytest.approx(kept + 2 * (93_000.0 - kept))


@pytest.mark.parametrize(
    ("missing", "reason"),
    [(0, None), (3, None), (4, Reason.DAYS_MISSING), (31, Reason.DAYS_MISSING)],
)
def test_nine_of_ten_days_must_be_known(missing, reason):
    known = year_of(10)
    known.daily[:missing] = np.nan
    found = one(
        heard(1000.0, date(2025, 1, 1), date(2025, 2, 1)), known, ref=Reference(1.0, (620.0,) * 12)
    )
    told = found.degree_days
    assert told.known == (None if missing == 31 else 10.0 * (31 - missing))
    assert (told.days, told.covered) == (31, 31 - missing)
    assert told.whole == (pytest.approx(310.0) if reason is None else None), "missing as the mean"
    assert found.value == (pytest.approx(2000.0) if reason is None else None)
    assert found.reason is reason


def test_a_year_fills_each_month_by_itself_and_needs_half_of_each():
    known = year_of(0)
    months = np.array([(known.first + k * DAY).month for k in range(365)])
    known.daily[:] = months
    lost = [k for k in range(365) if months[k] == 12][:15]
    known.daily[lost] = np.nan
    told = known.told(date(2025, 1, 1), date(2026, 1, 1))
    assert told.whole == pytest.approx(months.sum())
    assert told.known == pytest.approx(months.sum() - 15 * 12)
    known.daily[months == 12] = np.nan
    told = known.told(date(2025, 1, 1), date(2026, 1, 1))
    assert told.covered > 0.9 * told.days
    assert told.whole is None, "a year without its December"
    assert normal(known) is None


@pytest.mark.parametrize(
    ("kind", "per_day", "reason"),
    [
        (Kind.HEATING, 1.99, Reason.FEW_DEGREE_DAYS),
        (Kind.HEATING, 2.01, None),
        (Kind.COOLING, 0.09, Reason.FEW_DEGREE_DAYS),
        (Kind.COOLING, 0.11, None),
    ],
)
def test_in_summer_there_are_too_few_degree_days(kind, per_day, reason):
    july = heard(1000.0, date(2025, 7, 1), date(2025, 8, 1))
    found = one(july, year_of(per_day), kind=kind)
    assert found.reason is reason
    assert (found.value is None, found.per_degree_day is None) == (reason is not None,) * 2
    assert found.degree_days.known == pytest.approx(31 * per_day)


def test_each_reason_has_its_case():
    known = year_of(10)
    whole = date(2025, 1, 1), date(2025, 2, 1)
    assert one(heard(None, *whole), known).reason is Reason.NO_ENERGY
    part = one(heard(5.0, *whole, share=0.89), known)
    assert (part.reason, part.known) == (Reason.ENERGY_IN_PART, pytest.approx(0.89))
    assert one(heard(5.0, *whole, share=0.91), known).reason is None
    cut = one(heard(5.0, date(2025, 1, 2), date(2025, 2, 1)), known)
    assert (cut.reason, cut.value, cut.reference) == (Reason.PERIOD_CUT, None, None)
    assert cut.per_degree_day == pytest.approx(5.0 / 300), "which needs no normal year"
    bare = one(heard(5.0, *whole), known, ref=Reference(3000.0, None))
    assert (bare.reason, bare.per_degree_day) == (Reason.NO_REFERENCE, pytest.approx(5.0 / 310))
    assert normalised([], known, Kind.HEATING, Reference(None, None), Base(), BERLIN) == []


def test_the_known_share_is_of_the_registers_that_are_in_the_sum():
    whole = date(2025, 1, 1), date(2025, 2, 1)
    registers = [[heard(5.0, *whole)], [heard(None, *whole)], [heard(7.0, *whole, share=0.9)]]
    known = year_of(10)
    (found,) = normalised(
        registers, known, Kind.HEATING, reference(None, normal(known)), Base(), BERLIN
    )
    assert found.known == pytest.approx(0.95)
    assert (found.energy.value, found.energy.missing, found.reason) == (12.0, 1, None)
    assert found.value == pytest.approx(12.0)


def test_the_normal_year_is_the_mean_of_whole_years_or_what_is_given():
    """Two whole years, with 29 February in one, and half of a third."""
    first, end = date(2024, 1, 1), date(2026, 7, 1)
    daily = [10.0 if k < 366 else 20.0 for k in range((end - first).days)]
    found = normal(Weather(first, np.array(daily)))
    assert found.years == (2024, 2025)
    assert found.months[:3] == pytest.approx((465.0, (290 + 560) / 2, 465.0))
    own = reference(None, found)
    assert own.year == pytest.approx(sum(found.months))
    assert own.of(date(2026, 2, 1), date(2026, 3, 1)) == pytest.approx(425.0)
    assert own.of(date(2026, 1, 1), date(2027, 1, 1)) == own.year
    scaled = reference([own.year / 2], found)
    assert scaled.months == pytest.approx([one / 2 for one in found.months])
    twelve = reference([float(k) for k in range(12)], None)
    assert (twelve.year, twelve.of(date(2026, 3, 1), date(2026, 4, 1))) == (66.0, 2.0)
    assert reference([3000.0], None) == (3000.0, None)
    assert reference([10.0], normal(year_of(0))) == (10.0, None), "no proportion of nothing"
    assert normal(Weather(date(2025, 1, 2), np.ones(364))) is None


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 29), 23), (date(2025, 10, 26), 25)])
def test_days_of_23_and_25_hours(day, hours):
    """Of the hours 0, 1, 2 … degC the mean is half of the last; all of the day's hours count."""
    edges_ns = np.array([midnight_ns(day, BERLIN), midnight_ns(day + DAY, BERLIN)])
    times = np.arange(edges_ns[0], edges_ns[1], HOUR)
    assert len(times) == hours
    with memory_store() as store:
        append(store, [(OUTSIDE, int(t), float(k)) for k, t in enumerate(times)])
        found = degree_days(store, store.number(OUTSIDE), edges_ns)
        assert found.share.tolist() == [1.0]
        assert found.heating.tolist() == [20 - (hours - 1) / 2]
        assert found.cooling.tolist() == [0.0]
    with memory_store() as store:  # three quarters of the day, and an hour less than that
        need = -(-hours * 3 // 4)
        append(store, [(OUTSIDE, int(t), 5.0) for t in times[: need - 1]])
        number = store.number(OUTSIDE)
        assert np.isnan(degree_days(store, number, edges_ns).heating).all()
        append(store, [(OUTSIDE, int(times[need - 1]), 5.0)])
        assert degree_days(store, number, edges_ns).heating.tolist() == [15.0]


@contextmanager
def generated(where, first, end, seed=7):
    """Open a store with three random temperatures an hour, with holes; yield it and a frame."""
    draw = np.random.default_rng(seed)
    start_ns, end_ns = midnight_ns(first, where), midnight_ns(end, where)
    times = np.arange(start_ns, end_ns, 20 * HOUR // 60)
    phase = (times - start_ns) / (365.25 * 24 * HOUR) * 2 * np.pi
    values = 11 - 13 * np.cos(phase) + draw.normal(0, 3, len(times))
    keep = draw.random(len(times)) < 0.97
    for hole in draw.integers(0, len(times) - 40, 40):
        keep[hole : hole + 40] = False
    times, values = times[keep], values[keep]
    with memory_store() as store:
        store_hours(store, OUTSIDE, times, values)
        frame = pl.DataFrame({"time": times, "value": values}).with_columns(
            pl.from_epoch("time", "ns").dt.replace_time_zone("UTC")
        )
        yield store, frame.with_columns(pl.col("time").dt.convert_time_zone(str(where)))


@pytest.mark.parametrize("where", [BERLIN, CHICAGO, ZoneInfo("Asia/Kolkata")])
def test_the_degree_days_of_months_are_those_of_polars(where):
    first, end = date(2024, 1, 1), date(2026, 1, 1)
    with generated(where, first, end) as (store, frame):
        span = series_of(store, "roof", "temperature")
        for kind in Kind:
            known = weather(store, span, kind, where)
            days = golden(frame, kind, where)
            for (year, month), own in days.group_by("year", "month"):
                after = date(year + month // 12, month % 12 + 1, 1)
                told = known.told(date(year, month, 1), after)
                value = own["degree_days"]
                assert told.covered == value.count()
                assert told.known == pytest.approx(value.sum(), rel=1e-12)
                whole = value.mean() * told.days if value.count() >= 0.9 * told.days else None
                assert told.whole == (whole if whole is None else pytest.approx(whole, rel=1e-12))


def golden(frame, kind, where):
    """Return degree days by local day as Polars has them; null: not three quarters are known."""
    degrees = pl.col("mean")
    heating = pl.when(degrees < 15).then(20 - degrees).otherwise(0.0)
    cooling = pl.when(degrees > 24).then(degrees - 24).otherwise(0.0)
    start = pl.col("time").dt.truncate("1d")
    hour = (pl.col("time") - start).dt.total_hours()
    days = frame.group_by(start.alias("day")).agg(
        mean=pl.col("value").mean(), hours=hour.n_unique()
    )
    lengths = {
        day: (midnight_ns(day.date() + DAY, where) - midnight_ns(day.date(), where)) / HOUR
        for day in days["day"]
    }
    length = pl.Series([lengths[day] for day in days["day"]])
    made = heating if kind is Kind.HEATING else cooling
    return days.with_columns(
        year=pl.col("day").dt.year(),
        month=pl.col("day").dt.month(),
        degree_days=pl.when(pl.col("hours") >= 0.75 * length).then(made),
    )


def vector(name):
    """Return the rows of a meter as [(start, kWh)] without those that are not known."""
    with gzip.open(VECTORS / name, "rt") as file:
        told = [
            (datetime.fromisoformat(row["start"]), row["value"]) for row in csv.DictReader(file)
        ]
    return [(start, float(value)) for start, value in told if value not in ("", "nan")]


def test_a_real_meters_months_by_the_degree_day_over_clock_changes():
    """Hours are stored; months of the days that came with them, and of Polars' weather, are met.

    The vectors hold no temperatures, so those are generated.
    """
    hours = vector("il-electricity-cdd-hdd-hourly.csv.gz")
    days = vector("il-electricity-cdd-hdd-daily.csv.gz")
    first, end = date(2016, 1, 1), date(2018, 1, 1)
    with generated(CHICAGO, first, end, seed=11) as (store, frame):
        start_ns = [int(start.timestamp()) * 10**9 for start, _ in hours]
        counted = 1000 * np.concatenate([[0.0], np.cumsum([kwh for _, kwh in hours])])
        store_hours(store, METER, [*start_ns, start_ns[-1] + HOUR], counted)
        edges_ns = edges(midnight_ns(first, CHICAGO), midnight_ns(end, CHICAGO), By.MONTH, CHICAGO)
        told = energy(store, store.number(METER), edges_ns, CHICAGO)
        span = series_of(store, "roof", "temperature")
        known = weather(store, span, Kind.HEATING, CHICAGO)
        ref = reference(None, normal(known))
        found = normalised([told], known, Kind.HEATING, ref, Base(share=0.4), CHICAGO)
    assert normal(known).years == (2016, 2017)
    kwh = pl.DataFrame(
        [(start.year, start.month, value) for start, value in days],
        schema=["year", "month", "kwh"], orient="row",
    ).group_by("year", "month").agg(pl.col("kwh").sum())  # fmt: skip
    weathers = (
        golden(frame, Kind.HEATING, CHICAGO)
        .group_by("year", "month")
        .agg(whole=pl.col("degree_days").mean() * pl.len(), days=pl.len())
    )
    months = kwh.join(weathers, on=["year", "month"]).sort("year", "month")
    normals = dict(months.group_by("month").agg(pl.col("whole").mean()).iter_rows())
    compared = 0
    for own, one in zip(months.iter_rows(named=True), found, strict=True):
        assert one.energy.value == pytest.approx(1000 * own["kwh"], abs=31 * 50)
        if one.reason is not None:
            assert one.reason is Reason.FEW_DEGREE_DAYS or one.degree_days.whole is None
            continue
        rest = 0.6 * one.energy.value
        golden_value = 0.4 * one.energy.value + rest * normals[own["month"]] / own["whole"]
        assert one.value == pytest.approx(golden_value, rel=1e-9)
        compared += 1
    assert compared >= 10


def test_a_span_is_widened_to_whole_local_days():
    midnight = midnight_ns(date(2026, 3, 29), BERLIN)
    after = midnight_ns(date(2026, 3, 30), BERLIN)
    assert after - midnight == 23 * HOUR
    assert days_around(midnight, after, BERLIN) == (midnight, after)
    assert days_around(midnight + 1, after - 1, BERLIN) == (midnight, after)
    assert days_around(midnight, after + 1, BERLIN)[1] == after + 24 * HOUR
