"""Old readings of gauges go, and no figure that was made of them changes."""

from contextlib import closing

import numpy as np
import pytest

from analytics.degree_days import Kind, weather
from analytics.energy import energy
from analytics.environment import series_of
from analytics.live import Live
from analytics.retention import forget_old
from analytics.windows import read_days, read_windows
from ingest.clock import rfc3339_ns
from ingest.formats.setup import BERLIN
from ingest.intake import Committed
from ingest.reading import Rows, Series
from ingest.store import Commit, open_store

S = 10**9
HOUR = 3600 * S
DAY = 24 * HOUR
START = rfc3339_ns("2026-03-27T00:00:00Z")  # over the night in which clocks are put forward
NOW = START + 5 * DAY
GAUGE, METER, OLD = (
    Series("a", "temperature"),
    Series("a", "active_energy_import"),
    Series("b", "co2"),
)


class House:
    """A store with four days of a device, and the analysis over it."""

    def __init__(self, folder):
        self.store = open_store("embedded", folder)
        self.live = self._live()

    def _live(self):
        live = Live(self.store, BERLIN, lambda found: None, now_ns=lambda: NOW)
        live.start()
        return live

    def put(self, series, times, values):
        n = len(times)
        number = self.store.number(series)
        rows = Rows.of([number] * n, times, values, times, [0] * n)
        receipt = self.store.append(Commit(rows, np.zeros(n, np.int32), 1))
        self.live.offer(Committed(receipt.commit, rows, self.store.counts(), [], 0))

    def settle(self):
        """Finish the analysis and begin another, as after a restart."""
        self.live.stop(30)
        assert self.live.lag() == 0
        self.live = self._live()

    def close(self):
        self.live.stop(30)
        self.store.close()

    def figures(self, since=START):
        found = {}
        for series in (GAUGE, METER, OLD):
            number = self.store.number(series)
            for width in (60 * S, 900 * S, HOUR):
                found[series, width] = _plain(read_windows(self.store, number, width, since, NOW))
            days, ends = read_days(self.store, number, since, NOW, BERLIN)
            found[series, "days"] = _plain(days), ends.tolist()
        edges = START + np.arange(0, 4 * 24 + 1) * HOUR
        found["energy"] = energy(self.store, self.store.number(METER), edges)
        found["odd"] = sorted(self.store.anomalies(), key=lambda one: one.id)
        return found


def _plain(windows):
    names = ("start_ns", "count", "min", "max", "mean", "last")
    return [getattr(windows, name).tolist() for name in names]


@pytest.fixture
def house(tmp_path):
    made = House(tmp_path)
    times = START + np.arange(0, 4 * 24 * 12) * 300 * S
    k = np.arange(len(times))
    warm = 20 + np.sin(k / 40) + (k * 7919 % 13) / 100
    warm[[300, 900]] += 40
    made.put(GAUGE, times, warm)
    made.put(METER, times, 1000 + np.cumsum(k * 31 % 7).astype(float))
    made.put(OLD, START + np.arange(100) * 60 * S, 400 + k[:100] % 5)
    made.settle()
    with closing(made):
        yield made


def test_no_figure_changes_when_old_readings_go(house):
    """Windows, days over a clock change, energy, anomalies: before, after, and after a restart."""
    before, counts = house.figures(), house.store.counts()
    assert len(before["odd"]) >= 2
    gone = forget_old(house.store, 2 * DAY, NOW)
    dropped = 3 * DAY
    assert gone == dropped // (300 * S) + 60, "of the one that ended, all but its last hour"
    assert len(house.store.scan([house.store.number(METER)], START, NOW)) == 4 * 24 * 12
    for _ in range(2):
        after = house.figures()
        days = after.pop((GAUGE, "days"))
        expected = before[GAUGE, "days"]
        assert days[0][:4] == expected[0][:4]
        assert days[0][4] == pytest.approx(expected[0][4], rel=1e-13)  # means of means
        assert days[1] == expected[1]
        assert after == {key: value for key, value in before.items() if key != (GAUGE, "days")}
        house.settle()
    assert house.store.counts() == counts, "what was received does not change"
    assert forget_old(house.store, 2 * DAY, NOW) == 0


def test_the_degree_days_of_dropped_readings_stay(house):
    """Of four local days, one of 23 hours, whose readings mostly go."""

    def known():
        return weather(house.store, series_of(house.store, *GAUGE[:2]), Kind.HEATING, BERLIN)

    house.put(GAUGE, START + np.arange(0, 4 * 24 * 12) * 300 * S + S, np.full(4 * 24 * 12, -9.0))
    house.settle()
    before = known()
    assert (before.daily[:4] > 14).all()
    assert forget_old(house.store, 2 * DAY, NOW) > 0
    after = known()
    assert after.first == before.first
    np.testing.assert_allclose(after.daily, before.daily, rtol=1e-12)


def test_what_comes_late_for_dropped_hours_is_stored_and_changes_no_window(house):
    forget_old(house.store, 2 * DAY, NOW)
    before = house.figures()
    house.put(GAUGE, [START + HOUR + S], [99.0])
    house.put(GAUGE, [NOW - 2 * DAY + HOUR + S], [21.0])
    house.settle()
    after = house.figures()
    assert after[GAUGE, HOUR][0] == before[GAUGE, HOUR][0]
    assert max(after[GAUGE, HOUR][3]) == max(before[GAUGE, HOUR][3])
    assert sum(after[GAUGE, HOUR][1]) == sum(before[GAUGE, HOUR][1]) + 1, (
        "where they are, it counts"
    )


def test_it_goes_on_by_itself(tmp_path):
    house = House(tmp_path)
    house.put(GAUGE, START + np.arange(1000) * 60 * S, np.arange(1000.0) % 7)
    house.settle()
    house.live.stop(30)
    house.live = Live(house.store, BERLIN, lambda found: None, now_ns=lambda: NOW, keep_ns=2 * DAY)
    house.live.start()
    for _ in range(200):
        if house.store.series()[0].count < 1000:
            break
        house.live._stopping.wait(0.05)
    assert house.store.series()[0].count == 40, "the last hour stays open"
    house.close()


def test_without_a_limit_nothing_goes(house):
    assert forget_old(house.store, None, NOW) == 0
