"""Statistics of windows are NumPy's and Polars' over the same readings, in any number of parts."""

import math
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from derived_rows import BERLIN, DAY, EPOCH, HOUR, MINUTE, NS, append, memory_store, sensor
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.calendar import By, edges, to_ns
from analytics.grouping import ROWS_AT_ONCE
from analytics.statistics import PERCENTS, Hold, hold_of, statistics
from ingest.reading import Quality, Rows
from ingest.store import Commit

SERIES = sensor("a")
FOR_EVER = Hold(2**62, 2**62)
COLUMNS = ("count", "sum", "variance", "time_weighted_mean", "covered", "percentiles")
READINGS = st.dictionaries(
    st.integers(0, 3 * 3600).map(lambda s: EPOCH - HOUR + s * NS),
    st.floats(-1e3, 1e3),
    max_size=60,
)


def bulk(store, time_ns, value, quality=Quality.MEASURED):
    """Store many readings of the series at once."""
    n = len(value)
    rows = Rows.of(
        [store.number(SERIES)] * n, time_ns, value, time_ns, np.full(n, quality, np.uint8)
    )
    store.append(Commit(rows, np.zeros(n, np.int32), 1))


def asked(store, edges_ns, hold=FOR_EVER, rows_at_once=ROWS_AT_ONCE):
    """Return the statistics between edges."""
    edges_ns = np.array(edges_ns, np.int64)
    return statistics(store, 0, edges_ns[:-1], edges_ns[1:], hold, rows_at_once)


@settings(max_examples=60, deadline=None)
@given(READINGS, st.integers(1, 7), st.sampled_from([7 * MINUTE, HOUR, 5 * HOUR]))
def test_parts_of_any_size_give_the_same(values, rows_at_once, width_ns):
    """As if all had been read at once: counts, covered time and percentiles to the last bit."""
    edges_ns = np.arange(EPOCH - HOUR // 2, EPOCH + 3 * HOUR, width_ns)
    hold = Hold(10 * MINUTE, EPOCH + HOUR)
    with memory_store() as store:
        append(store, [(SERIES, t, v) for t, v in values.items()])
        store.number(SERIES)
        whole = asked(store, edges_ns, hold)
        parts = asked(store, edges_ns, hold, rows_at_once)
    for name in COLUMNS:
        found, expected = getattr(parts, name), getattr(whole, name)
        if name in {"count", "percentiles"}:
            np.testing.assert_array_equal(found, expected)
        else:
            np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


@settings(max_examples=40, deadline=None)
@given(READINGS, st.sampled_from([7 * MINUTE, HOUR]))
def test_statistics_are_those_of_numpy(values, width_ns):
    """Any width: sum, variance, standard deviation, percentiles of each window."""
    edges_ns = np.arange(EPOCH - HOUR, EPOCH + 3 * HOUR, width_ns)
    with memory_store() as store:
        append(store, [(SERIES, t, v) for t, v in values.items()])
        store.number(SERIES)
        found = asked(store, edges_ns)
    for k, (a, b) in enumerate(pairwise(edges_ns)):
        inside = np.array([v for t, v in sorted(values.items()) if a <= t < b])
        assert found.count[k] == len(inside)
        assert found.sum[k] == pytest.approx(math.fsum(inside), rel=1e-15, abs=1e-12)
        if len(inside) > 1:
            spread = inside.var(ddof=1), inside.std(ddof=1)
            np.testing.assert_allclose((found.variance[k], found.std[k]), spread, 1e-9, 1e-9)
        else:
            assert math.isnan(found.variance[k])
        if len(inside):
            exact = np.quantile(inside, np.array(PERCENTS) / 100, method="inverted_cdf")
            assert (np.abs(found.percentiles[k] - exact) <= 0.01 * np.abs(exact) + 1e-14).all()
        else:
            assert np.isnan(found.percentiles[k]).all()


def test_a_year_of_minutes_by_month_is_that_of_polars():
    """Calendar months of Berlin, in parts, with an outage of three days and a lying sensor."""
    start_ns, end_ns = (to_ns(datetime(y, 1, 1, tzinfo=BERLIN)) for y in (2025, 2026))
    time_ns = np.arange(start_ns, end_ns, MINUTE)
    draw = np.random.default_rng(7)
    value = 20 + 5 * np.sin(np.arange(len(time_ns)) / 9000) + draw.normal(0, 1, len(time_ns))
    out = (time_ns >= start_ns + 40 * DAY) & (time_ns < start_ns + 43 * DAY)
    rejected = draw.random(len(time_ns)) < 0.001
    edges_ns = edges(start_ns, end_ns, By.MONTH, BERLIN)
    with memory_store() as store:
        kept = ~out & ~rejected
        bulk(store, time_ns[kept], value[kept])
        bulk(store, time_ns[rejected & ~out], 1e9 + value[rejected & ~out], Quality.REJECTED)
        hold = hold_of(store, 0, end_ns, end_ns)
        found = asked(store, edges_ns, hold, 100_000)
    assert hold.gap_ns == 150 * NS
    frame = pl.DataFrame(
        {"month": np.searchsorted(edges_ns, time_ns[kept], side="right"), "value": value[kept]}
    )
    v = pl.col("value")
    quantiles = (v.quantile(p / 100, "nearest").alias(f"p{p}") for p in PERCENTS)
    totals = (v.len(), v.sum().alias("sum"), v.var().alias("variance"))
    expected = frame.group_by("month").agg(totals[0].alias("count"), *totals[1:], *quantiles)
    expected = expected.sort("month")
    assert found.count.tolist() == expected["count"].to_list()
    np.testing.assert_allclose(found.sum, expected["sum"], rtol=1e-12)
    np.testing.assert_allclose(found.variance, expected["variance"], rtol=1e-9)
    for i, p in enumerate(PERCENTS):
        np.testing.assert_allclose(found.percentiles[:, i], expected[f"p{p}"], rtol=0.0101)
    np.testing.assert_allclose(found.time_weighted_mean, found.sum / found.count, rtol=1e-3)
    assert found.covered[1] == pytest.approx(25 / 28, abs=2e-3)
    assert np.delete(found.covered, 1).tolist() == pytest.approx([1] * 11, abs=1e-3)


def test_a_value_holds_into_the_window_and_not_beyond_the_limit():
    """By hand: 10 from before, 20 for an hour, 30 for the two hours of the limit."""
    with memory_store() as store:
        readings = [(SERIES, EPOCH + t * HOUR, v) for t, v in ((-1, 10.0), (1, 20.0), (2, 30.0))]
        append(store, readings)
        found = asked(store, [EPOCH, EPOCH + 8 * HOUR, EPOCH + 9 * HOUR], Hold(2 * HOUR, 2**62))
        assert found.count.tolist() == [2, 0]
        assert found.time_weighted_mean[0] == (10 + 20 + 2 * 30) / 4
        assert found.covered.tolist() == [0.5, 0]
        assert math.isnan(found.time_weighted_mean[1])
        assert (found.sum[1], math.isnan(found.variance[1])) == (0, True)


def test_nothing_is_said_about_the_future():
    """The newest reading holds until now; one of a clock that is ahead holds not at all."""
    with memory_store() as store:
        append(store, [(SERIES, EPOCH + i * HOUR, 5.0) for i in range(4)])
        now_ns = EPOCH + 3 * HOUR + HOUR // 2
        assert hold_of(store, 0, now_ns, now_ns) == (5 * HOUR // 2, now_ns)
        span = [EPOCH, EPOCH + 8 * HOUR]
        assert asked(store, span, hold_of(store, 0, now_ns, now_ns)).covered[0] == 3.5 / 8
        early = hold_of(store, 0, span[1], EPOCH)
        assert asked(store, span, early).covered[0] == pytest.approx(3 / 8)
        assert hold_of(store, 0, EPOCH + 1, now_ns).gap_ns == 0  # one reading has no rhythm


def test_windows_that_are_apart_are_asked_for_as_one_question():
    """What lies between them does not count."""
    with memory_store() as store:
        append(store, [(SERIES, EPOCH + i * MINUTE, float(i)) for i in range(180)])
        start_ns = np.array([EPOCH, EPOCH + 2 * HOUR])
        found = statistics(store, 0, start_ns, start_ns + MINUTE * 10, FOR_EVER)
        assert found.count.tolist() == [10, 10]
        assert found.sum.tolist() == [45, 1245]
        none = np.empty(0, np.int64)
        assert len(statistics(store, 0, none, none, FOR_EVER)) == 0
        with pytest.raises(ValueError, match="overlap"):
            statistics(store, 0, start_ns, start_ns + 3 * HOUR, FOR_EVER)
        with pytest.raises(ValueError, match="overlap"):
            statistics(store, 0, start_ns, start_ns, FOR_EVER)


def test_of_readings_that_were_dropped_nothing_is_known():
    """A window that may have lost some says so; the later ones are whole."""
    with memory_store() as store:
        append(store, [(SERIES, EPOCH + i * MINUTE, float(i)) for i in range(180)])
        store.forget(np.array([0], np.int32), np.array([EPOCH + 90 * MINUTE]))
        found = asked(store, EPOCH + np.arange(4) * HOUR)
        assert found.count.tolist() == [0, 0, 60]
        assert np.isnan([found.sum[:2], found.variance[:2], found.covered[:2]]).all()
        assert np.isnan(found.percentiles[:2]).all()
        assert found.sum[2] == sum(range(120, 180))


def test_a_clock_change_has_its_own_length():
    """The day of 23 hours is covered by its 23 hours."""
    start_ns = to_ns(datetime(2026, 3, 29, tzinfo=BERLIN).astimezone(UTC))
    with memory_store() as store:
        append(store, [(SERIES, start_ns + i * HOUR, float(i)) for i in range(-3, 30)])
        edges_ns = edges(start_ns, start_ns + 23 * HOUR, By.DAY, BERLIN)
        found = asked(store, edges_ns, hold_of(store, 0, 2**62, EPOCH))
        assert (found.count.tolist(), found.covered.tolist()) == ([23], [1.0])
        assert found.time_weighted_mean[0] == pytest.approx(11)
