"""How fast the analysis follows the commits: `pytest tests/bench/bench_analytics.py`.

One step of it takes what a group commit brought: windows of three widths, spikes, flatlines and
silences. Small: 200 series; full size: 10,000. Four series belong to a device.
"""

from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from analytics.fleet import Fleet
from analytics.grouping import grouped
from analytics.oddities import SeriesWatch
from analytics.silence import DeviceWatch
from analytics.windows import WindowBook
from ingest.reading import Rows, Series
from ingest.store import Commit
from ingest.store.embedded import EmbeddedStore

NS = 10**9
START_NS = 1_772_323_200 * NS
QUANTITIES = ("temperature", "humidity", "co2", "active_energy_import")


class City:
    """Many series in a store, and the three watchers of their readings."""

    def __init__(self, series: int) -> None:
        self.series, self.beat = series, 0
        self.draw = np.random.default_rng(1)
        self.store = EmbeddedStore(Path(":memory:"))
        for i in range(series):
            self.store.number(Series(f"device {i // 4}", QUANTITIES[i % 4]))
        where = ZoneInfo("Europe/Berlin")
        self.book = WindowBook(self.store)
        self.oddities = SeriesWatch(self.store, where)
        self.silences = DeviceWatch(self.store, where, lambda: START_NS, Fleet(self.store))
        first = self.rows(1)
        self.store.append(Commit(first, np.zeros(len(first), np.int32), 1))
        self.follow(first)

    def rows(self, beats: int) -> Rows:
        """Return the next readings of every series, a minute apart, by (series, time)."""
        n = self.series * beats
        at = np.tile(np.arange(self.beat, self.beat + beats), self.series)
        self.beat += beats
        time_ns = START_NS + at * 60 * NS
        value = self.draw.normal(20, 2, n).round(1)
        number = np.repeat(np.arange(self.series), beats)
        return Rows.of(number, time_ns, value, time_ns, np.zeros(n))

    def follow(self, rows: Rows) -> int:
        """Do what one step does with rows; return how many windows closed."""
        groups = grouped(rows)
        windows, _ = self.book.update(groups)
        self.oddities.update(groups)
        self.silences.update(groups)
        return len(windows)


@pytest.fixture(scope="module")
def city(full_size):
    """Return a city whose every series has spoken for two hours."""
    made = City(10_000 if full_size else 200)
    made.follow(made.rows(120))
    yield made
    made.store.close()


@pytest.mark.benchmark(group="follow")
@pytest.mark.parametrize("beats", [1, 10])
def test_follow(benchmark, city, beats):
    """One reading of every series, as a busy second has it, and ten, as catching up has it."""
    windows = benchmark.pedantic(
        city.follow, setup=lambda: ((city.rows(beats),), {}), rounds=10, warmup_rounds=1
    )
    assert windows >= city.series * beats
    if benchmark.stats is not None:  # none with --benchmark-disable
        rate = city.series * beats / benchmark.stats.stats.min
        benchmark.extra_info["rows_per_s"] = round(rate)
        print(f"\n{benchmark.name}: {rate / 1e6:.2f} million rows/s")
