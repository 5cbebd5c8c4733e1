"""Readings/s into a real InfluxDB, against a writer that only sends the same lines.

`pytest tests/bench/bench_influx.py -o python_files='bench_*.py' -s`; the aim is 60 % of the peer.
"""

import sys
import time
from pathlib import Path

import numpy as np

from ingest.reading import Rows, Series
from ingest.store import Commit, open_store
from ingest.store.influx_wire import Wire

sys.path.insert(0, str(Path(__file__).parents[1] / "contract"))
from influx_servers import influx

S = 10**9
NOW = 1_780_315_200 * S
SERIES, ROWS = 5_000, 20_000


def _rows(numbers, first):
    k = np.arange(first, first + ROWS)
    value = np.round(np.random.default_rng(first).normal(20, 5, ROWS), 2)
    time_ns = NOW + k // SERIES * 60 * S
    return Rows.of(numbers[k % SERIES], time_ns, value, time_ns + 5, np.zeros(ROWS))


def test_a_store_against_bare_line_protocol(tmp_path, full_size):
    """The same points, in groups of 20,000; turn and turn about, so that both have the same day."""
    store = open_store("influx", tmp_path, influx().database())
    numbers = np.array([store.number(Series(f"d{n}", "temperature")) for n in range(SERIES)])
    bare = Wire(influx().database())
    spent = {"store": 0.0, "bare": 0.0}
    for turn in range(40 if full_size else 8):
        rows = _rows(numbers, turn * ROWS)
        lines = store._points(rows)
        began = time.perf_counter()
        bare.write(lines)
        spent["bare"] += time.perf_counter() - began
        began = time.perf_counter()
        store.append(Commit(rows, np.arange(ROWS, dtype=np.int32) // 5, ROWS // 5))
        spent["store"] += time.perf_counter() - began
    count = ROWS * (40 if full_size else 8)
    rate = {name: count / taken for name, taken in spent.items()}
    print(f"\n  store {rate['store']:,.0f} readings/s, bare line protocol {rate['bare']:,.0f}/s:"
          f" {rate['store'] / rate['bare']:.0%}")  # fmt: skip
    assert store.counts().readings == count
    store.close()
    bare.close()
