"""Kernels beside peers in the same run: a rate of each, and how many times the kernel's it is.

Peers that are not installed are skipped, and named; none of them is needed to run Emscher. To have
all, in an environment of their own that sees Emscher's too:

    python -m venv /tmp/peers
    .venv/bin/python -c "import site; print(site.getsitepackages()[0])" \
        > $(echo /tmp/peers/lib/python3*/site-packages)/emscher.pth
    /tmp/peers/bin/pip install bottleneck numbagg pandas river stumpy
    /tmp/peers/bin/python -m pytest tests/bench/bench_peers.py --full-size

Small: 100 series of 1,000 readings. Full size: 10,000 series of 1,000, then 1,000,000 of 10.
"""

import importlib
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import numba
import numpy as np
import pytest

from kernels import bounds, changes, flatline, novelty, rolling, spike, steady, windows

ROOT = Path(__file__).parents[2]
NS = 10**9
WIDTH_NS = 900 * NS
ROUNDS = 3
GAUGES = (windows, spike, flatline, changes, bounds)
ALL = (*GAUGES, steady)  # which is asked of registers only


def best(call, setup=lambda: ()):
    """Return the least seconds of a few calls, the first of which only warms up."""
    spent = []
    for _ in range(ROUNDS + 1):
        given = setup()
        since = time.perf_counter()
        call(*given)
        spent.append(time.perf_counter() - since)
    return min(spent[1:])


def told(capsys, title, readings, ours_s, peers_s):
    """Print the rates, the peers' with how many times faster the kernel is."""
    with capsys.disabled():
        print(f"\n{title}: {readings / ours_s / 1e6:.3g} million/s")
        for name, spent_s in peers_s.items():
            ratio = f"ahead {spent_s / ours_s:.3g} times"
            print(f"  {name}: {readings / spent_s / 1e6:.3g} million/s, {ratio}")


def peer(name, capsys):
    """Return a peer's module; None where it is not installed, which is printed."""
    try:
        return importlib.import_module(name)
    except ImportError as missing:
        with capsys.disabled():
            print(f"\n{name}: skipped, {missing}")
        return None


def noisy(series, n):
    """Return slot, offsets, time_ns, value of sensors that are read about once a minute."""
    draw = np.random.default_rng(1)
    time_ns = np.tile(np.arange(n) * 60 * NS + 1_700_000_000 * NS, series)
    time_ns += draw.integers(0, 10 * NS, series * n)
    value = draw.normal(20, 2, series * n).round(1)
    return np.arange(series), np.arange(series + 1) * n, time_ns, value


@pytest.fixture(scope="module")
def rows(full_size):
    return noisy(10_000 if full_size else 100, 1_000)


def keyed(rows):
    """Return the series and the window of each row, and one number for both."""
    slot, offsets, time_ns, _ = rows
    series = np.repeat(slot, np.diff(offsets))
    window = time_ns // WIDTH_NS
    return series, window, (series * 4096 + (window - window.min())).astype(np.int64)


def test_windows(rows, capsys):
    """Count, min, max, mean and last of windows of a quarter of an hour; one thread for all."""
    _, offsets, time_ns, value = rows
    series, window, key = keyed(rows)
    made = windows.windows(offsets, time_ns, value, WIDTH_NS)
    ours = best(lambda: windows.windows(offsets, time_ns, value, WIDTH_NS))
    peers = {}

    def by_bincount():
        number = np.cumsum(np.concatenate(([0], (np.diff(key) != 0)))).astype(np.int64)
        count = np.bincount(number)
        return count, np.bincount(number, weights=value) / count

    np.testing.assert_allclose(by_bincount()[1], made.mean)
    peers["numpy.bincount (count and mean only)"] = best(by_bincount)

    con = duckdb.connect()
    con.execute("SET threads = 1")
    con.register("given", {"series": series, "time_ns": time_ns, "value": value})
    con.execute("CREATE TABLE readings AS SELECT * FROM given")
    query = (
        "SELECT series, time_ns // 900000000000 AS w, count(*), min(value), max(value),"
        " avg(value), arg_max(value, time_ns) FROM readings GROUP BY ALL"
    )
    assert len(con.execute(query).fetchnumpy()["w"]) == len(made)
    peers["DuckDB, one thread"] = best(lambda: con.execute(query).fetchnumpy())
    con.close()

    if numbagg := peer("numbagg", capsys):
        number = np.cumsum(np.concatenate(([0], (np.diff(key) != 0)))).astype(np.int64)

        def by_numbagg():
            return [
                one(value, number)
                for one in (
                    *(numbagg.group_nancount, numbagg.group_nanmin, numbagg.group_nanmax),
                    *(numbagg.group_nanmean, numbagg.group_nanlast),
                )
            ]

        np.testing.assert_allclose(by_numbagg()[3], made.mean)
        peers["numbagg, given the windows' numbers"] = best(by_numbagg)
    if pd := peer("pandas", capsys):
        frame = pd.DataFrame({"series": series, "window": window, "value": value})

        def by_pandas():
            grouped = frame.groupby(["series", "window"], sort=False)["value"]
            return grouped.agg(["count", "min", "max", "mean", "last"])

        assert len(by_pandas()) == len(made)
        peers["pandas"] = best(by_pandas)
    told(capsys, "windows", len(value), ours, peers)


def states(slots, of):
    """Return the modules with a state of each that has seen nothing."""
    return [(module, module.State.empty(slots)) for module in of]


def fold_all(known, rows):
    """Fold rows into each."""
    for module, state in known:
        module.fold(state, *rows, *([WIDTH_NS] if module is windows else []))


def size_of(state):
    """Return the bytes that a state holds for each series."""
    held = sum(getattr(state, name).nbytes for name in type(state).__slots__)
    return held / len(state)


def test_windows_and_all_detectors(rows, capsys):
    """Windows, spikes, flatlines, shifts and bursts, bounds, flow: one thread, empty states."""
    for title, of in (
        ("windows and all detectors", ALL),
        ("windows and all detectors of gauges", GAUGES),
    ):
        ours = best(lambda known: fold_all(known, rows), lambda of=of: [states(len(rows[0]), of)])
        told(capsys, title, len(rows[3]), ours, {})


def test_a_million_series(full_size, capsys):
    """Ten more readings of each of a million series (small: of 10,000), into warm states."""
    rows = noisy(1_000_000 if full_size else 10_000, 10)
    known = states(len(rows[0]), ALL)
    fold_all(known, rows)

    def later():
        rows[2][:] += 600 * NS
        return ()

    for title, of in (
        ("windows of many series", [windows]),
        ("windows and all detectors of gauges, many series", GAUGES),
        ("windows and all detectors, many series", ALL),
    ):
        asked = known[: len(of)]
        ours = best(lambda asked=asked: fold_all(asked, rows), later)
        told(capsys, title, len(rows[3]), ours, {})
        with capsys.disabled():
            print(f"  state: {sum(size_of(state) for _, state in asked):.0f} bytes a series")


@pytest.mark.parametrize(
    ("title", "of"), [("windows", [windows]), ("windows and all detectors", ALL)]
)
def test_two_cores(rows, capsys, title, of):
    """The kernels release the GIL: two threads, each with half of the series."""
    slot, offsets, time_ns, value = rows
    half = len(slot) // 2
    cut = offsets[half]
    parts = [
        (slot[:half], offsets[: half + 1], time_ns[:cut], value[:cut]),
        (slot[half:] - half, offsets[half:] - cut, time_ns[cut:], value[cut:]),
    ]
    with ThreadPoolExecutor(2) as pool:
        both = best(
            lambda *known: list(pool.map(fold_all, known, parts)),
            lambda: [states(len(part[0]), of) for part in parts],
        )
    one = best(lambda known: fold_all(known, rows), lambda: [states(len(slot), of)])
    told(capsys, f"{title}, two threads", len(value), both, {"one thread": one})


def test_rolling_median_and_mad(full_size, capsys):
    """The exact median and MAD of the last 96."""
    n = 1_000_000 if full_size else 50_000
    value = np.random.default_rng(1).normal(20, 2, n).round(1)
    one = (np.zeros(1, np.int64), np.array([0, n]), value)

    def fold(state):
        return rolling.fold(state, *one)

    ours = best(fold, lambda: (rolling.State.empty(1),))
    peers = {}
    few = n // 20
    view = np.lib.stride_tricks.sliding_window_view(value[:few], 96)

    def by_numpy():
        median = np.median(view, axis=1)
        return median, np.median(np.abs(view - median[:, None]), axis=1)

    found = rolling.fold(rolling.State.empty(1), *one)
    np.testing.assert_array_equal(by_numpy()[0], found.median[95:few])
    np.testing.assert_array_equal(by_numpy()[1], found.mad[95:few])
    peers["numpy, exact"] = best(by_numpy) * n / len(view)
    if bottleneck := peer("bottleneck", capsys):
        peers["bottleneck, the median only"] = best(lambda: bottleneck.move_median(value, 96))
    told(capsys, "rolling median and MAD", n, ours, peers)


def test_novelty(full_size, capsys):
    """One long stream, reading by reading for the peers; the kernel looks at the last 4,000."""
    n = 20_000 if full_size else 2_000
    value = np.random.default_rng(1).normal(20, 2, n)
    time_ns = np.arange(n) * 300 * NS
    one = (np.zeros(1, np.int64), np.array([0, n]), time_ns, value)
    ours = best(lambda: novelty.fold(novelty.State.empty(1), *one))
    peers = {}
    few = 2_000
    if anomaly := peer("river.anomaly", capsys):

        def by_river():
            trees = anomaly.HalfSpaceTrees(seed=1, limits={"x": (10, 30)})
            for v in value[:few].tolist():
                trees.score_one({"x": v})
                trees.learn_one({"x": v})

        peers["river HalfSpaceTrees"] = best(by_river) * n / few
    if stumpy := peer("stumpy", capsys):
        threads = numba.get_num_threads()
        numba.set_num_threads(1)  # it takes all, and waits for them busily where others work too
        for held in (1_000, novelty.RING):
            stream = stumpy.stumpi(np.random.default_rng(2).normal(20, 2, held), m=32, egress=True)

            def by_stumpy(stream=stream):
                for v in value[:200].tolist():
                    stream.update(v)

            peers[f"stumpy stumpi, of the last {held:,}"] = best(by_stumpy) * n / 200
        numba.set_num_threads(threads)
    told(capsys, "novelty", n, ours, peers)


FIRST = """
import time
since = time.perf_counter()
from kernels import {module}
{call}
print(time.perf_counter() - since)
"""


@pytest.mark.parametrize(
    ("what", "module", "call"),
    [
        (
            "windows",
            "windows",
            "windows.fold(windows.State.empty(1), [0], [0, 2], [0, 60], [1.0, 2.0], 60)",
        ),
        ("all kernels", "warm", "warm.warm()"),
    ],
)
def test_from_first_import_to_first_result(what, module, call, tmp_path, capsys):
    """A process with an empty cache, and the next one."""
    code = FIRST.format(module=module, call=call)
    given = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-c", code]
    cold, cached = (
        float(subprocess.check_output(command, cwd=ROOT, env=given, text=True)) for _ in range(2)
    )
    with capsys.disabled():
        print(f"\nfirst import to first result, {what}: {cold:.1f} s cold, {cached:.2f} s cached")
    assert cached < cold
