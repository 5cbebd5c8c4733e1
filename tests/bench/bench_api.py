"""What an answer of the API costs, beside the bare DuckDB query for the same facts.

Small: 1,000 series. Full size: 100,000 too. Each series has one reading, one meter has a year of
quarter hours. Both sides are asked in this process, so no network is in the numbers: `api` is
routing, validation, store, arithmetic and JSON; `duckdb` is one SQL statement fetched as tuples.
"""

import contextlib
import sys
from pathlib import Path
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import duckdb
import numpy as np
import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.feed import Feed
from api.house import House
from ingest.clock import rfc3339_ns
from ingest.device import Device
from ingest.reading import Rows, Series
from ingest.store import Commit, open_store

METER = "meter"
QUARTER_NS = 900 * 10**9
FROM_NS = rfc3339_ns("2025-12-31T23:00:00Z")
QUARTERS = 365 * 96
BARE = (
    "SELECT series, time_ns, value, received_ns, quality FROM readings"
    " WHERE series = ? AND time_ns >= ? AND time_ns < ? ORDER BY time_ns LIMIT ?"
)


def _put(store, names, series, time_ns, value):
    """Store rows of these devices in one commit."""
    n = len(series)
    rows = Rows.of(series, time_ns, value, time_ns, np.zeros(n))
    devices = [Device(name, name, first_ns=FROM_NS, last_ns=FROM_NS) for name in names]
    store.append(Commit(rows, np.zeros(n, np.int32), messages=1, devices=devices))


@pytest.fixture(scope="module", params=[1_000, 100_000])
def city(request, tmp_path_factory, full_size):
    """Return a client, a DuckDB cursor and the meter's series number in a city of so many."""
    if request.param > 1_000 and not full_size:
        pytest.skip("100,000 series are made with --full-size")
    folder = tmp_path_factory.mktemp("city")
    store = open_store("embedded", folder)
    names = [f"device-{k:06}" for k in range(request.param)]
    numbers = [store.number(Series(name, "temperature")) for name in names]
    _put(store, names[:1_000], numbers, np.full(len(names), FROM_NS), np.arange(len(names)))
    year_ns = FROM_NS + np.arange(QUARTERS + 1) * QUARTER_NS
    register = np.cumsum(np.random.default_rng(1).integers(0, 500, QUARTERS + 1)).astype(float)
    meter = store.number(Series(METER, "active_energy_import"))
    _put(store, [METER], np.full(QUARTERS + 1, meter), year_ns, register)
    live = SimpleNamespace(fault=None, lag=lambda: 0, lag_s=lambda: 0.0, silent=set)
    house = House(
        store=store,
        live=live,
        feed=Feed(),
        sources=list,
        store_fault=lambda: None,
        waiting=lambda: 0,
        retry=lambda rule: None,
        now_ns=lambda: FROM_NS,
        started_ns=FROM_NS,
        where=ZoneInfo("Europe/Berlin"),
        version="bench",
    )
    with TestClient(create_app(house)) as client, contextlib.closing(store):
        copy = _copied(store, folder)
        yield SimpleNamespace(client=client, bare=copy, meter=meter, series=request.param + 1)
        copy.close()


def _copied(store, folder: Path) -> duckdb.DuckDBPyConnection:
    """Return a bare DuckDB with the same readings, laid by time as they came."""
    con = duckdb.connect(str(folder / "bare.duckdb"))
    con.execute(
        "CREATE TABLE readings (series INTEGER, time_ns BIGINT, value DOUBLE, received_ns BIGINT,"
        " quality UTINYINT)"
    )
    rows = store.scan(None, -(2**63) + 1, 2**63 - 1)
    names = ("series", "time_ns", "value", "received_ns", "quality")
    con.register("fresh", {name: getattr(rows, name) for name in names})
    con.execute("INSERT INTO readings SELECT * FROM fresh")
    return con


def measured(benchmark, call):
    """Benchmark a call, print its median, and return its result."""
    result = benchmark.pedantic(call, rounds=9, warmup_rounds=2)
    if benchmark.stats is not None:  # none with --benchmark-disable
        median_ms = benchmark.stats.stats.median * 1e3
        sys.stdout.write(f"\n{benchmark.name}: {median_ms:.2f} ms\n")
    return result


def asked(benchmark, city, path, **query):
    """Benchmark one question to the API and return its items."""
    answer = measured(benchmark, lambda: city.client.get(path, params=query))
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


@pytest.mark.benchmark(group="latest, a page of 1,000")
def test_latest_by_api(benchmark, city):
    """The newest reading of 1,000 series out of all."""
    assert len(asked(benchmark, city, "/v1/latest", limit=1000)) == 1000


@pytest.mark.benchmark(group="latest, a page of 1,000")
def test_latest_by_duckdb(benchmark, city):
    """The same out of all readings."""
    sql = "SELECT series, max(time_ns), arg_max(value, time_ns) FROM readings"
    sql += " GROUP BY series ORDER BY series LIMIT 1000"
    assert len(measured(benchmark, lambda: city.bare.execute(sql).fetchall())) == 1000


@pytest.mark.benchmark(group="latest of one device")
def test_latest_of_a_device_by_api(benchmark, city):
    """The newest reading of one device."""
    assert len(asked(benchmark, city, "/v1/latest", device=METER)) == 1


@pytest.mark.benchmark(group="series of one device")
def test_series_of_a_device_by_api(benchmark, city):
    """What one device tells."""
    assert asked(benchmark, city, "/v1/series", device=METER)[0]["count"] == QUARTERS + 1


@pytest.mark.benchmark(group="readings of a day")
def test_a_day_of_readings_by_api(benchmark, city):
    """96 readings."""
    span = {"start": "2026-06-01", "end": "2026-06-02"}
    assert len(asked(benchmark, city, "/v1/readings", device=METER, **span)) == 96


@pytest.mark.benchmark(group="readings of a day")
def test_a_day_of_readings_by_duckdb(benchmark, city):
    """The same."""
    start_ns = rfc3339_ns("2026-05-31T22:00:00Z")
    args = [city.meter, start_ns, start_ns + 96 * QUARTER_NS, 1000]
    assert len(measured(benchmark, lambda: city.bare.execute(BARE, args).fetchall())) == 96


@pytest.mark.benchmark(group="readings, a page of 10,000")
def test_ten_thousand_readings_by_api(benchmark, city):
    """The largest page."""
    assert len(asked(benchmark, city, "/v1/readings", device=METER, limit=10_000)) == 10_000


@pytest.mark.benchmark(group="readings, a page of 10,000")
def test_ten_thousand_readings_by_duckdb(benchmark, city):
    """The same."""
    args = [city.meter, FROM_NS, 2**62, 10_000]
    assert len(measured(benchmark, lambda: city.bare.execute(BARE, args).fetchall())) == 10_000


@pytest.mark.benchmark(group="hours of a week")
def test_a_week_of_hours_by_api(benchmark, city):
    """Windows, made from the readings since none are stored here."""
    span = {"start": "2026-06-01", "end": "2026-06-08", "every": "1h"}
    assert len(asked(benchmark, city, "/v1/windows", device=METER, **span)) == 168


@pytest.mark.benchmark(group="hours of a week")
def test_a_week_of_hours_by_duckdb(benchmark, city):
    """The same by GROUP BY."""
    sql = (
        "SELECT time_ns // 3600000000000, count(*), min(value), max(value), avg(value),"
        " arg_max(value, time_ns) FROM readings WHERE series = ? AND time_ns >= ? AND time_ns < ?"
        " GROUP BY 1 ORDER BY 1"
    )
    start_ns = rfc3339_ns("2026-05-31T22:00:00Z")
    args = [city.meter, start_ns, start_ns + 168 * 4 * QUARTER_NS]
    assert len(measured(benchmark, lambda: city.bare.execute(sql, args).fetchall())) == 168


@pytest.mark.benchmark(group="energy of a year by day")
def test_a_year_of_energy_by_api(benchmark, city):
    """365 days of a register read every 15 min, judged, with quality and coverage."""
    assert len(asked(benchmark, city, "/v1/energy", device=METER, by="day")) == 365


@pytest.mark.benchmark(group="energy of a year by day")
def test_a_year_of_energy_by_duckdb(benchmark, city):
    """Differences summed by day of UTC, judging nothing."""
    sql = (
        "SELECT time_ns // 86400000000000, sum(step) FROM (SELECT time_ns, value - lag(value)"
        " OVER (ORDER BY time_ns) AS step FROM readings WHERE series = ?) GROUP BY 1 ORDER BY 1"
    )
    found = measured(benchmark, lambda: city.bare.execute(sql, [city.meter]).fetchall())
    assert len(found) == 366
