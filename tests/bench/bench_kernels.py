"""The kernels' speed in readings per second, windows beside NumPy and Polars in the same run.

Small: 100 series of 1,000 readings. Full size: 10,000 series of 1,000, and a batch of one reading
of each. `extra_info` holds the rates; each is printed as it was measured.
"""

import numpy as np
import polars as pl
import pytest

from kernels import (
    bounds,
    changes,
    energy,
    flatline,
    limits,
    novelty,
    register,
    rhythm,
    spike,
    spread,
    steady,
    windows,
)

NS = 10**9
WIDTH_NS = 900 * NS


@pytest.fixture(scope="module")
def rows(full_size):
    """Return slot, offsets, time_ns, value: noisy sensors, about a reading a minute."""
    series, n = (10_000, 1_000) if full_size else (100, 1_000)
    draw = np.random.default_rng(1)
    time_ns = np.tile(np.arange(n) * 60 * NS + 1_700_000_000 * NS, series)
    time_ns += draw.integers(0, 10 * NS, series * n)  # no clock is exact
    value = draw.normal(20, 2, series * n).round(1)
    return np.arange(series), np.arange(series + 1) * n, time_ns, value


def measured(benchmark, readings, call, setup=None):
    """Benchmark a call on fresh state where it has one, print and return its result."""
    result = benchmark.pedantic(call, setup=setup, rounds=5, warmup_rounds=1)
    if benchmark.stats is not None:  # none with --benchmark-disable
        rate = readings / benchmark.stats.stats.min
        benchmark.extra_info["readings_per_s"] = round(rate)
        print(f"\n{benchmark.name}: {rate / 1e6:.1f} million readings/s")
    return result


def fresh(module, rows, *rest):
    """Return a setup that gives a fold its empty state and the rows."""
    return lambda: ((module.State.empty(len(rows[0])), *rows, *rest), {})


@pytest.mark.benchmark(group="windows")
def test_windows(benchmark, rows):
    """All windows of the rows at once."""
    _, offsets, time_ns, value = rows
    found = measured(
        benchmark, len(value), lambda: windows.windows(offsets, time_ns, value, WIDTH_NS)
    )
    assert found.count.sum() == len(value)


@pytest.mark.benchmark(group="windows")
def test_windows_fold(benchmark, rows):
    """The same from an empty streaming state."""
    found = measured(benchmark, len(rows[3]), windows.fold, fresh(windows, rows, WIDTH_NS))
    assert 0 < found.count.sum() < len(rows[3])


@pytest.mark.benchmark(group="windows")
def test_windows_by_polars(benchmark, rows):
    """Polars' group_by over the same columns, on all cores, sums not compensated."""
    slot, offsets, time_ns, value = rows
    frame = pl.DataFrame(
        {
            "slot": np.repeat(slot, np.diff(offsets)).astype(np.int32),
            "time_ns": time_ns,
            "value": value,
        }
    )
    v = pl.col("value")
    query = frame.lazy().group_by(
        "slot", (pl.col("time_ns") // WIDTH_NS).alias("window"), maintain_order=True
    )
    lazy = query.agg(
        *(v.count().alias("count"), v.min().alias("min"), v.max().alias("max")),
        *(v.mean().alias("mean"), v.last().alias("last")),
    )
    found = measured(benchmark, len(value), lazy.collect)
    assert (
        found["count"].to_list()
        == windows.windows(offsets, time_ns, value, WIDTH_NS).count.tolist()
    )


@pytest.mark.benchmark(group="windows")
def test_windows_by_numpy(benchmark, rows):
    """NumPy's reduceat where the window changes, sums by bincount."""
    slot, offsets, time_ns, value = rows
    series = np.repeat(slot, np.diff(offsets))

    def by_numpy():
        window = time_ns // WIDTH_NS
        new = np.empty(len(window), np.bool_)
        new[0] = True
        new[1:] = (window[1:] != window[:-1]) | (series[1:] != series[:-1])
        first = np.flatnonzero(new)
        number = np.cumsum(new) - 1
        count = np.bincount(number)
        mean = np.bincount(number, weights=value) / count
        low, high = np.minimum.reduceat(value, first), np.maximum.reduceat(value, first)
        return count, low, high, mean, value[np.append(first[1:], len(value)) - 1]

    count, low, *_ = measured(benchmark, len(value), by_numpy)
    found = windows.windows(offsets, time_ns, value, WIDTH_NS)
    np.testing.assert_array_equal(count, found.count)
    np.testing.assert_array_equal(low, found.min)


@pytest.mark.benchmark(group="a reading of each series")
def test_windows_of_a_small_batch(benchmark, rows):
    """What a group commit folds: one reading of each series into warm state."""
    slot, offsets, time_ns, value = rows
    state = windows.State.empty(len(slot))
    last = offsets[1:] - 1
    one = (slot, np.arange(len(slot) + 1), time_ns[last], value[last])
    found = measured(benchmark, len(slot), lambda: windows.fold(state, *one, WIDTH_NS))
    assert len(found) == 0


@pytest.mark.benchmark(group="detectors")
@pytest.mark.parametrize(
    "detector",
    [spike, flatline, changes, bounds, steady],
    ids=["spike", "flatline", "changes", "bounds", "steady"],
)
def test_detectors(benchmark, rows, detector):
    """Each detector of single series over noisy ones."""
    found = measured(benchmark, len(rows[3]), detector.fold, fresh(detector, rows))
    assert len(found) < len(rows[3]) / 1000


@pytest.mark.benchmark(group="detectors")
def test_rhythm(benchmark, rows):
    """Silence over arrivals of one rhythm."""
    setup = fresh(rhythm, rows[:3], NS)
    assert len(measured(benchmark, len(rows[2]), rhythm.fold, setup)) == 0


@pytest.mark.benchmark(group="register")
def test_register_to_days(benchmark, full_size):
    """A year of quarter hours of one register: judged, learnt, cut into days."""
    n = 35_040 if full_size else 3_504
    time_ns = np.arange(n) * WIDTH_NS
    value = np.cumsum(np.random.default_rng(1).exponential(100, n))
    edges = np.arange(0, time_ns[-1], 86_400 * NS)

    def to_days():
        gap_ns = 3 * limits.typical_gap(time_ns)
        step = limits.resolution(value)
        rate_max = limits.rate_max_learnt(time_ns, value, step, gap_ns // 3)
        by = register.Limits(gap_ns, rate_max, 4, 86_400 * NS, 5 * rate_max, step)
        found = register.judge(time_ns, value, by)
        u = spread.cumulative(found.amount, found.good)
        spread.coverage(time_ns, found.good, gap_ns, edges)
        return np.diff(spread.at_edges(time_ns, u, found.good, edges).u)

    days = measured(benchmark, n, to_days)
    total = value[(len(edges) - 1) * 96] - value[0]
    assert days.sum() == pytest.approx(total, rel=1e-12)


@pytest.mark.benchmark(group="register")
def test_energy(benchmark, rows):
    """Energy from power."""
    time_ns = np.arange(len(rows[3])) * NS
    edges = np.array([0, time_ns[-1]])
    found = measured(
        benchmark, len(time_ns), lambda: energy.energy_between(time_ns, rows[3], NS, edges)
    )
    assert found.covered_ns[0] == time_ns[-1]


@pytest.mark.benchmark(group="register")
def test_register_to_quarter_hours(benchmark, rows):
    """A register, read every minute, ten times: judged by known limits, cut into quarter hours."""
    n = len(rows[3]) // 10
    time_ns = np.arange(n) * 60 * NS
    value = np.cumsum(np.abs(rows[3][:n]))
    edges = np.arange(0, time_ns[-1], WIDTH_NS)
    by = register.Limits(150 * NS, 1e5, 4, 86_400 * NS, 1e6)

    def to_quarters():
        for _ in range(10):
            found = register.judge(time_ns, value, by)
            u = spread.cumulative(found.amount, found.good)
            at = spread.at_edges(time_ns, u, found.good, edges).u
        return np.diff(at)

    quarters = measured(benchmark, 10 * n, to_quarters)
    assert quarters.sum() == pytest.approx(value[(len(edges) - 1) * 15] - value[0], rel=1e-12)


@pytest.mark.benchmark(group="novelty")
def test_novelty(benchmark, rows):
    """The novelty score of one long stream."""
    n = 20_000
    value, time_ns = rows[3][:n], np.arange(n) * 300 * NS
    groups = (np.zeros(1, np.int64), np.array([0, n]))
    found = measured(
        benchmark,
        n,
        lambda: novelty.fold(novelty.State.empty(1), *groups, time_ns, value),
    )
    assert found.alarm.sum() < n / 1000
