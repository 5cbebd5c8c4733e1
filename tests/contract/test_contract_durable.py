"""Returned means durable; repeating is harmless; what failed has changed nothing."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from store_adapters import ALWAYS, Row, commit, everything, lying, named, refusal

from ingest.device import Device
from ingest.reading import Series
from ingest.store import Counts, Outcome

CHILD = Path(__file__).with_name("append_and_die.py")


def test_all_is_there_after_an_orderly_end(opened):
    store = opened()
    a, b = named(store, "a", "b")
    device = Device("a", "Attic", "M1", "tasmota", "test", 5, 9, {"on": True, "volts": [1, 2.5]})
    store.append(
        commit(
            [Row(a, 1, 1.5), Row(b, 2, 2.5, message=1), Row(a, 1, 1.75, message=2)],
            repeats=3,
            refusals=[refusal(b"\0\xff")],
            devices=[device],
            keys=[b"k" * 16],
        )
    )
    before = (everything(store), store.counts(), store.series(), store.devices())
    store.close()
    again = opened()
    assert (everything(again), again.counts(), again.series(), again.devices()) == before
    assert again.device("a") == device
    assert again.known([b"k" * 16, b"l" * 16]) == {b"k" * 16}
    assert again.name_of(a) == Series("a", "temperature")
    assert named(again, "b", "a", "c") == [b, a, 2]
    assert [one.payload for one in again.quarantined()] == [b"\0\xff"]
    assert again.last_commit() == 1


@pytest.mark.parametrize("commits", [1, 7, 40])
def test_a_kill_in_mid_append_leaves_whole_commits_only(adapter, opened, tmp_path, commits):
    """Every commit that returned is there, at most one more, and each of them whole."""
    opened().close()  # a server that the store needs must not be the child's
    for _ in range(2):  # the second time on what the first has left
        child = subprocess.Popen(
            [sys.executable, str(CHILD), adapter.name, str(tmp_path)],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": f"{CHILD.parent}{os.pathsep}{CHILD.parents[2]}"},
        )
        assert child.stdout is not None
        lines = [child.stdout.readline() for _ in range(commits)]
        child.send_signal(signal.SIGKILL)
        lines += child.stdout.readlines()
        child.stdout.close()
        child.wait(10)
        whole = [int(line) for line in lines if line.endswith(b"\n")]
        store = opened()
        last = store.last_commit()
        assert last in (whole[-1], whole[-1] + 1)
        assert store.counts() == Counts(last, 0, last, 2 * last + 1, last - 1)
        (number,) = named(store, "d")
        rows = [(at, value) for _, at, value, _, _ in everything(store)]
        times = range(2, 2 * last + 2)
        assert rows == [(0, float(last)), *((at, 1.0 + at % 2) for at in times)]
        assert store.history(number).value.tolist() == [float(k) for k in range(1, last)]
        kept = [one.payload for one in store.quarantined(limit=last + 1)]
        assert kept == [b"%d" % k for k in range(last, 0, -1)]
        device = store.device("d")
        assert device is not None
        assert device.state == {"k": last}
        keys = [b"%016d" % k for k in range(1, last + 2)]
        assert store.known(keys) == set(keys[:-1])
        store.close()


def test_a_repeated_commit_changes_nothing_but_the_counters(store):
    (a,) = named(store, "a")
    one = commit([Row(a, 1, 1.0), Row(a, 2, 2.0, message=1)], keys=[b"k" * 16])
    store.append(one)
    before = (everything(store), lying(store.latest()), store.series(), store.devices())
    receipt = store.append(one)
    assert receipt.outcome.tolist() == [Outcome.SAME, Outcome.SAME]
    assert receipt.added == Counts(duplicate=2)
    assert (everything(store), lying(store.latest()), store.series(), store.devices()) == before
    assert len(store.history(a)) == 0


def test_a_repetition_is_no_sign_of_life(opened):
    """A device was last heard when it said something new, before a restart as after it."""
    store = opened()
    (a,) = named(store, "a")
    device = Device("a", first_ns=100, last_ns=100)
    store.append(commit([Row(a, 1, 1.0, received_ns=100)], devices=[device]))
    store.append(commit([Row(a, 1, 1.0, received_ns=900)]))
    assert [one.last_ns for one in store.devices()] == [100]
    store.append(commit([Row(a, 1, 2.0, received_ns=300)]))
    store.append(commit([Row(a, 1, 3.0, received_ns=200)]))
    assert [one.last_ns for one in store.devices()] == [300]
    store.close()
    assert [one.last_ns for one in opened().devices()] == [300]


def test_another_quality_at_the_same_instant_is_a_correction(store):
    """A substitute value that the meter confirms later is no substitute any more."""
    (a,) = named(store, "a")
    store.append(commit([Row(a, 1, 5.0, quality=2)]))
    receipt = store.append(commit([Row(a, 1, 5.0, quality=0)]))
    assert receipt.outcome.tolist() == [Outcome.CORRECTED]
    assert everything(store) == lying(store.latest()) == [(a, 1, 5.0, 100, 0)]
    assert store.history(a).quality.tolist() == [2]


def test_a_value_that_goes_and_comes_back_leaves_both_in_the_history(store):
    (a,) = named(store, "a")
    store.append(commit([Row(a, 1, 5.0)]))
    receipt = store.append(commit([Row(a, 1, 7.0), Row(a, 1, 5.0)]))
    assert receipt.outcome.tolist() == [Outcome.CORRECTED, Outcome.CORRECTED]
    assert store.history(a).value.tolist() == [5.0, 7.0]
    assert lying(store.latest()) == [(a, 1, 5.0, 100, 0)]


def test_a_correction_of_the_newest_reading_is_the_latest_and_a_late_one_is_not(store):
    (a,) = named(store, "a")
    store.append(commit([Row(a, 10, 1.0)]))
    store.append(commit([Row(a, 10, 2.0, received_ns=200)]))
    assert lying(store.latest()) == [(a, 10, 2.0, 200, 0)]
    store.append(commit([Row(a, 5, 9.0, received_ns=300)]))
    assert lying(store.latest()) == [(a, 10, 2.0, 200, 0)]
    (span,) = store.series()
    assert (span.first_ns, span.last_ns, span.count) == (5, 10, 2)


@pytest.mark.parametrize(
    "name", ["Zähler №1", "電力", "🔌 kitchen", "a\0b", "half \ud83d of a pair", "'; DROP TABLE x"]
)
def test_any_name_keeps_its_number_and_its_device(opened, name):
    """Also one that is no text: what is stored then is the same at every start."""
    store = opened()
    series = Series(name, "temperature", name)
    number = store.number(series)
    told = commit([Row(number, 1, 1.0)], devices=[Device(name, name=name, state={name: name})])
    store.append(told)
    found = store.device(name)
    assert found is not None
    store.close()
    again = opened()
    assert again.number(series) == number
    assert again.append(told).outcome.tolist() == [Outcome.SAME]
    assert again.device(name) == found
    assert [one.id for one in again.devices()] == [found.id]
    assert [span.series for span in again.series(again.name_of(number).device)] == [
        again.name_of(number)
    ]


def test_keys_are_remembered_over_restarts_and_the_oldest_go_first(opened):
    store = opened(keys_max=100)
    keys = [b"%016d" % k for k in range(250)]
    for k in range(0, 250, 10):
        store.append(commit(keys=keys[k : k + 10] + keys[k : k + 1]))
        assert store.known(keys[max(0, k - 80) : k + 10]) == set(keys[max(0, k - 80) : k + 10])
        assert len(store.known(keys)) <= 100
    before = store.known(keys)
    store.close()
    again = opened(keys_max=100)
    assert again.known(keys) == before
    again.append(commit(keys=[b"new"]))
    assert again.known([b"new", keys[-1]]) == {b"new", keys[-1]}
    assert len(again.known(keys)) < 100


def test_readers_see_whole_commits_and_all_that_returned_while_others_append(store):
    """Two readers and one writer at once: no half commit, nothing that went missing."""
    a, b = named(store, "a", "b")
    returned, faults, done = [0], [], threading.Event()

    def read() -> None:
        try:
            while not done.is_set():
                least = returned[0]
                rows = store.scan(None, *ALWAYS)
                assert len(rows) % 2 == 0, "half a commit"
                assert len(rows) >= 2 * least, "a commit that returned is not seen"
                assert len(store.latest()) in (0, 2)
                assert store.counts().readings >= 2 * least
                assert len(store.since(max(least - 1, 0))) >= min(least, 1) * 2
                assert {span.count for span in store.series()} <= set(range(10_000))
                store.devices()
        except Exception as fault:  # told to the test below
            faults.append(fault)

    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    for k in range(1, 150):
        devices = [Device(f"d{k}")]
        store.append(commit([Row(a, k, 1.0), Row(b, k, float(k))], devices=devices))
        returned[0] = k
    done.set()
    for thread in threads:
        thread.join()
    assert faults == []
    assert len(everything(store)) == 298


def test_old_readings_are_dropped_and_that_is_remembered(opened):
    store = opened()
    a, b, c = named(store, "a", "b", "c")
    rows = [Row(number, at, float(at)) for number in (a, b, c) for at in range(10)]
    store.append(commit(rows))
    store.append(commit([Row(a, 1, 7.0), Row(a, 8, 7.0)]))
    counts = store.counts()
    gone = store.forget(np.array([a, b], np.int32), np.array([5, 9], np.int64))
    assert gone == 14
    for turn in range(2):
        if turn:
            store.close()
        again = opened() if turn else store
        kept = [(number, at) for number, at, *_ in everything(again)]
        assert kept == [(a, at) for at in range(5, 10)] + [(b, 9)] + [(c, at) for at in range(10)]
        least = -(2**63)
        numbers = np.array([c, b, a], np.int32)
        assert again.forgotten_ns(numbers).tolist() == [least, 9, 5]
        assert [(s.first_ns, s.last_ns, s.count) for s in again.series()] == [
            (5, 9, 5), (9, 9, 1), (0, 9, 10),
        ]  # fmt: skip
        assert again.history(a).time_ns.tolist() == [8]
        assert again.counts() == counts
