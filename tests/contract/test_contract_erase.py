"""Erasing a device: nothing of it is left, in memory or in a file, and nothing else is gone."""

import os
import threading

import numpy as np
import pytest
from store_adapters import Row, commit, everything, lying, named, refusal

from ingest.derived import Anomaly, Derived, Windows
from ingest.device import Device
from ingest.erasure import mentions
from ingest.memory import Fact
from ingest.reading import Series
from ingest.store import Commit

SECRET = os.urandom(300)
GONE, KEPT = "geheim-7f3a", "other"


def _filled(store):
    """Fill a store with two devices that have everything."""
    gone, kept = numbers = named(store, GONE, KEPT)
    rows = [Row(n, at, 20.0 + at) for n in numbers for at in (10, 20, 30)]
    devices = [Device(name, name, first_ns=1, last_ns=2) for name in (GONE, KEPT)]
    refusals = [
        refusal(b'{"id": "geheim-7f3a"}'),
        refusal(b"x", topic="geheim-7f3a/up", received_ns=50),
        refusal(b'{"id": "geheim-7f3a9"}'),
        refusal(b'{"id": "geheim-7f3a"}' + SECRET),  # no compression hides these bytes
    ]
    made = commit(rows, messages=6, refusals=refusals, devices=devices)
    facts = [Fact("homie", GONE, {"a": 1}), Fact("homie", KEPT, {"of": "geheim-7f3ax"})]
    store.append(Commit(**{f: getattr(made, f) for f in made.__slots__} | {"facts": facts}))
    store.append(commit([Row(gone, 10, 99.0, received_ns=200), Row(kept, 10, 98.0, 200)]))
    start = np.array([0, 25, 0], np.int64)
    one = np.ones(3)
    series = np.array([gone, gone, kept], np.int32)
    windows = Windows(series, np.full(3, 5, np.int64), start, np.ones(3, np.int64), *[one] * 4)
    none = np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0, np.int64)
    store.put_derived(Derived(windows, none, [_odd("a", GONE, 5), _odd("b", KEPT, 5)]))
    store.put_derived(Derived(Windows.none(), none, [_odd("c", GONE, 25)]))
    return gone, kept


def _odd(id, device, start_ns):
    facts = (device, "temperature", "", "spike", start_ns, None, 0.5, 1.0, None, "spike@1", "…")
    return Anomaly(id, *facts)


def _files(folder):
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def test_a_device_is_erased_and_another_one_stays(opened, tmp_path):
    store = opened()
    gone, kept = _filled(store)
    counts, others = store.counts(), [row for row in everything(store) if row[0] == kept]
    trial = store.erase(GONE, None, mentions(GONE), trial=True)
    assert (trial.readings, trial.overwritten, trial.windows) == (3, 1, 2)
    assert (sorted(trial.anomalies), trial.refused) == (["a", "c"], 3)
    assert SECRET in _files(tmp_path)
    assert trial.announcements == [("homie", GONE)]
    assert len(everything(store)) == 6
    assert store.erase(GONE, None, mentions(GONE)) == trial
    for again in (False, True):
        if again:  # after a restart, too
            store.close()
            store = opened()
        look = store
        assert everything(look) == others
        assert [span.series.device for span in look.series()] == [KEPT]
        assert [device.id for device in look.devices()] == [KEPT]
        assert look.device(GONE) is None
        assert lying(look.latest(GONE)) == []
        assert len(look.history(gone)) == 0
        assert len(look.history(kept)) == 1
        assert len(look.windows([gone, kept], 5, 0, 100)) == 1
        assert [one.id for one in look.anomalies()] == ["b"]
        assert [one.payload for one in look.quarantined()] == [b'{"id": "geheim-7f3a9"}']
        assert [fact.name for fact in look.facts()] == [KEPT]
        assert look.counts() == counts, "what was received was received"
    store.close()
    left = _files(tmp_path)
    assert SECRET not in left
    assert left.count(b"geheim-7f3a") == left.count(b"geheim-7f3ax") + left.count(b"geheim-7f3a9")


def test_only_what_is_older_goes(store):
    gone, kept = _filled(store)
    found = store.erase(GONE, 25, mentions(GONE))
    assert (found.readings, found.overwritten, found.windows) == (2, 1, 1)
    assert (found.anomalies, found.refused, found.announcements) == (["a"], 2, [])
    assert [(row[0], row[1]) for row in everything(store)] == [
        (gone, 30), (kept, 10), (kept, 20), (kept, 30)
    ]  # fmt: skip
    assert store.device(GONE) is not None
    (span,) = store.series(GONE)
    assert (span.last_ns, span.count) == (30, 1)
    assert store.erase(GONE, 25, mentions(GONE)).readings == 0, "twice is once"


def test_a_device_that_goes_on_appears_anew_and_old_news_of_it_do_not_come_back(store):
    gone, _ = _filled(store)
    store.erase(GONE, None, mentions(GONE))
    one = np.ones(1)
    late = Windows(
        np.array([gone], np.int32), np.array([5]), np.array([0]), np.ones(1, np.int64), *[one] * 4
    )
    none = np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0, np.int64)
    store.put_derived(Derived(late, none, [_odd("z", GONE, 5)]))  # it was being made meanwhile
    assert len(store.windows([gone], 5, 0, 100)) == 0
    assert store.anomaly("z") is None
    number = store.number(Series(GONE, "temperature"))
    assert number != gone
    device = Device(GONE, "new", first_ns=5, last_ns=6)
    store.append(commit([Row(number, 40, 1.0)], devices=[device]))
    assert [(span.number, span.count) for span in store.series(GONE)] == [(number, 1)]
    assert store.device(GONE).name == "new"
    store.put_derived(Derived(Windows.none(), none, [_odd("z", GONE, 45)]))
    assert store.anomaly("z") is not None


def test_who_asks_and_writes_meanwhile_is_answered(store):
    gone, kept = _filled(store)
    wrong, stop = [], threading.Event()

    def ask():
        while not stop.is_set():
            try:
                rows = store.scan([gone, kept], 0, 100)
                assert len(rows) in (3, 6)
                store.anomalies()
            except Exception as fault:
                wrong.append(fault)
                return

    def write():
        for k in range(30):
            try:
                store.append(commit([Row(kept, 1_000 + k, 1.0)]))
            except Exception as fault:
                wrong.append(fault)

    threads = [threading.Thread(target=ask) for _ in range(3)] + [threading.Thread(target=write)]
    for thread in threads:
        thread.start()
    store.erase(GONE, None, mentions(GONE))
    threads[-1].join()
    stop.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(store.scan([kept], 0, 10_000)) == 33


@pytest.mark.parametrize(
    ("topic", "payload", "told"),
    [
        ("a/0018b20000000001/up", b"", True),
        ("A/0018B20000000001/UP", b"", True),
        ("a", b'{"devEUI":"ABiyAAAAAAE="}', True),
        ("a", bytes.fromhex("0018b20000000001"), True),
        ("a", bytes.fromhex("0100000000b21800"), True),
        ("a/x0018b20000000001", b"", False),
        ("a", b"0018b200000000012", False),
        ("a", b"0018b20000000002", False),
    ],
)
def test_a_deveui_is_known_in_each_of_its_forms(topic, payload, told):
    assert mentions("0018b20000000001")(topic, payload) is told
