"""A year of a city's meters at 15 minutes: the planners' questions, to Emscher and to InfluxDB.

Small: 50 meters, 1.75 million readings. Full size: 1,000 meters, 35 million. The questions to
Emscher are HTTP requests to the application in this process, out of the embedded store; those to
InfluxDB 1.6.7 are InfluxQL over HTTP to a server of its own here, which holds the same readings.
What InfluxQL answers is the difference of a register's last and first value in each period: no
gap, reset or exchange is judged there, and energy between two readings at midnight is lost.

`pytest tests/bench/bench_year.py -o python_files='bench_*.py' -s [--full-size]`
"""

import contextlib
import gc
import os
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from urllib.request import Request, urlopen
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from starlette.testclient import TestClient

import emscher
from api.app import create_app
from api.feed import Feed
from api.house import House
from ingest.clock import rfc3339_ns
from ingest.device import Device
from ingest.reading import Rows, Series
from ingest.store import Commit, open_store

sys.path.insert(0, str(Path(__file__).parents[1] / "contract"))
from influx_servers import influx

FROM_NS = rfc3339_ns("2025-12-31T23:00:00Z")
TO_NS = rfc3339_ns("2026-12-31T23:00:00Z")
QUARTER_NS = 900 * 10**9
QUARTERS = 365 * 96
SPAN = f"time >= {FROM_NS} AND time < {TO_NS}"


@pytest.fixture(scope="module")
def year(tmp_path_factory, full_size):
    """Return a client of Emscher and a database of InfluxDB with the same year."""
    meters = 1_000 if full_size else 50
    folder = tmp_path_factory.mktemp("year")
    store = open_store("embedded", folder)
    server = influx().database()
    time_ns = FROM_NS + np.arange(QUARTERS + 1) * QUARTER_NS
    ends = [f" {at}\n" for at in time_ns.tolist()]
    begun = time.monotonic()
    for k in range(meters):
        name = f"meter-{k:04}"
        used = np.random.default_rng(k).integers(0, 500, QUARTERS + 1)
        register = np.cumsum(used).astype(float)
        number = store.number(Series(name, "active_energy_import"))
        rows = Rows.of(np.full(QUARTERS + 1, number), time_ns, register, time_ns, 0 * used)
        devices = [Device(name, name, first_ns=FROM_NS, last_ns=TO_NS)]
        store.append(Commit(rows, np.zeros(QUARTERS + 1, np.int32), messages=1, devices=devices))
        head = f"energy,device={name} value="
        lines = "".join(f"{head}{v}{end}" for v, end in zip(register.tolist(), ends, strict=True))
        asked = Request(f"{influx().url}/write?db={server.bucket}&precision=ns", lines.encode())
        urlopen(asked, timeout=60).close()
        if k % 50 == 49:  # it takes a while
            print(f"  {k + 1} meters in {time.monotonic() - begun:.0f} s", flush=True)
    live = SimpleNamespace(fault=None, lag=lambda: 0, lag_s=lambda: 0.0, silent=set)
    house = House(
        store=store,
        live=live,
        feed=Feed(),
        sources=list,
        store_fault=lambda: None,
        waiting=lambda: 0,
        retry=lambda rule: None,
        now_ns=lambda: TO_NS,
        started_ns=FROM_NS,
        where=ZoneInfo("Europe/Berlin"),
        version="bench",
    )
    # As `emscher up` does: what stands is not looked through again at each answer.
    gc.collect()
    gc.freeze()
    gc.set_threshold(*emscher.COLLECTED)
    with TestClient(create_app(house)) as client, contextlib.closing(store):
        yield SimpleNamespace(client=client, database=server.bucket, meters=meters)


def _spent(asks: dict, rounds: int) -> dict[str, float]:
    """Return the median time of each side, asked turn and turn about after a first time."""
    times: dict[str, list[float]] = {name: [] for name in asks}
    for turn in range(rounds + 1):
        for name, ask in asks.items():
            begun = time.perf_counter()
            ask()
            if turn:
                times[name].append(time.perf_counter() - begun)
    return {name: float(np.median(of)) for name, of in times.items()}


def _compare(what: str, year, path: str, query: dict, influxql: str, rounds: int = 5) -> None:
    items: list = []
    peers: list = []

    def emscher() -> None:
        answer = year.client.get(path, params=query)
        assert answer.status_code == 200, answer.text
        items[:] = answer.json()["items"]

    def peer() -> None:
        peers[:] = influx().query(influxql, year.database)

    spent = _spent({"emscher": emscher, "influx": peer}, rounds)
    told = sum(len(one["values"]) for one in peers)
    print(
        f"\n{what}, {year.meters} meters: emscher {spent['emscher'] * 1e3:.1f} ms"
        f" ({len(items)} items), InfluxDB {spent['influx'] * 1e3:.1f} ms ({told} values),"
        f" ratio {spent['influx'] / spent['emscher']:.1f} ({os.cpu_count()} cores)"
    )
    assert items
    assert told


def test_daily_energy_of_all_meters_together(year):
    """Aim: under 0.5 s with 1,000 meters."""
    query = {"by": "day", "start": "2026-01-01", "end": "2027-01-01"}
    sql = (
        "SELECT sum(d) FROM (SELECT spread(value) AS d FROM energy"
        f" WHERE {SPAN} GROUP BY time(1d), device) WHERE {SPAN} GROUP BY time(1d)"
    )
    _compare("daily energy of all", year, "/v1/energy/sums", query, sql, rounds=3)


def test_a_year_of_one_meter_by_the_hour(year):
    """Aim: under 20 ms."""
    query = {"device": "meter-0007", "by": "hour", "start": "2026-01-01", "end": "2027-01-01"}
    sql = f"SELECT spread(value) FROM energy WHERE device='meter-0007' AND {SPAN} GROUP BY time(1h)"
    _compare("one meter's year by the hour", year, "/v1/energy", query, sql)


def test_the_newest_of_all(year):
    """Aim: under 20 ms for 1,000."""
    sql = "SELECT last(value) FROM energy GROUP BY device"
    _compare("newest of all", year, "/v1/latest", {"limit": 1000}, sql)
