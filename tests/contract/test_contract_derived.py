"""Windows, anomalies and quarantine: put, replaced, taken back, paged, bounded."""

import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store_adapters import ADAPTERS, commit, refusal

from ingest.derived import Anomaly, Derived, Windows

NO_SPANS = (np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0, np.int64))


def _windows(*rows):
    """Return windows of (series, width, start, mean)."""
    columns = list(zip(*rows, strict=True)) or [(), (), (), ()]
    series, width, start = (np.array(column, dtype=np.int64) for column in columns[:3])
    mean = np.array(columns[3], dtype=np.float64)
    count = np.ones(len(mean), np.int64)
    return Windows(series.astype(np.int32), width, start, count, mean, mean, mean, mean)


def _spans(*rows):
    series, start, end = (np.array(column, np.int64) for column in zip(*rows, strict=True))
    return series.astype(np.int32), start, end


def _anomaly(name, start_ns, end_ns=None, device="d", score=0.5):
    return Anomaly(
        name, device, "temperature", "", "spike", start_ns, end_ns, score, 1.0, None, "spike@1", "…"
    )


def _starts(store, series=0, width=10):
    found = store.windows([series], width, -(2**62), 2**62)
    return list(zip(found.start_ns.tolist(), found.mean.tolist(), strict=True))


def test_what_is_done_again_replaces_what_started_there_and_nothing_else(store):
    store.put_derived(
        Derived(
            _windows((0, 10, 0, 1.0), (0, 10, 10, 2.0), (0, 10, 20, 3.0), (1, 10, 10, 4.0)),
            NO_SPANS,
        )
    )
    store.put_derived(Derived(_windows((0, 10, 10, 9.0)), _spans((0, 5, 20), (7, 0, 99))))
    assert _starts(store) == [(0, 1.0), (10, 9.0), (20, 3.0)]
    assert _starts(store, series=1) == [(10, 4.0)]
    assert _starts(store, width=11) == []
    store.put_derived(Derived(Windows.none(), _spans((0, 0, 21))))
    assert _starts(store) == []


def test_a_window_that_changes_when_it_is_made_again_is_a_revision_more(store):
    def told():
        return store.windows([0], 10, 0, 99).revision.tolist()

    store.put_derived(Derived(_windows((0, 10, 0, 1.0), (0, 10, 10, 2.0)), NO_SPANS))
    assert told() == [0, 0]
    for again in (5.0, 6.0, 6.0):  # the last time it comes to the same
        both = _windows((0, 10, 0, 1.0), (0, 10, 10, again), (0, 10, 20, 1.0))
        store.put_derived(Derived(both, _spans((0, 0, 30))))
    assert told() == [0, 2, 0]
    store.put_derived(Derived(Windows.none(), _spans((0, 10, 20))))
    store.put_derived(Derived(_windows((0, 10, 10, 7.0)), _spans((0, 10, 20))))
    assert told() == [0, 0, 0], "what was gone begins anew"


def test_windows_are_found_by_start_half_open(store):
    store.put_derived(Derived(_windows(*((0, 10, k * 10, float(k)) for k in range(5))), NO_SPANS))
    assert store.windows([0], 10, 10, 30).start_ns.tolist() == [10, 20]


def test_derived_things_outlive_a_restart_with_how_far_they_reach(opened):
    store = opened()
    found = _anomaly("a", 5, 9)
    store.put_derived(Derived(_windows((0, 10, 0, 1.5)), NO_SPANS, [found], through=17))
    store.close()
    again = opened()
    assert again.derived_through() == 17
    assert again.anomalies() == [found]
    assert _starts(again) == [(0, 1.5)]


def test_an_anomaly_is_one_by_its_id_and_can_be_taken_back(store):
    store.put_derived(Derived(Windows.none(), NO_SPANS, [_anomaly("a", 5), _anomaly("b", 6)]))
    store.put_derived(Derived(Windows.none(), NO_SPANS, [_anomaly("a", 5, 8, score=0.9)], ["b"]))
    (left,) = store.anomalies()
    assert (left.id, left.end_ns, left.score) == ("a", 8, 0.9)
    twice = [_anomaly("c", 1), _anomaly("c", 1, 2)]
    store.put_derived(Derived(Windows.none(), NO_SPANS, twice, ["nobody"]))
    assert [(one.id, one.end_ns) for one in store.anomalies()] == [("a", 8), ("c", 2)]
    assert store.anomaly("c") == _anomaly("c", 1, 2)
    assert store.anomaly("b") is None


def test_anomalies_that_touch_a_span_are_found_also_open_ones_and_instants(store):
    store.put_derived(
        Derived(
            Windows.none(),
            NO_SPANS,
            [
                _anomaly("before", 0, 9),
                _anomaly("instant", 10, 10),
                _anomaly("across", 5, 15),
                _anomaly("open", 3, None, device="e"),
                _anomaly("behind", 20, 21),
            ],
        )
    )

    def ids(**asked):
        return [one.id for one in store.anomalies(**asked)]

    assert ids(start_ns=10, end_ns=20) == ["instant", "across", "open"]
    assert ids(open_only=True) == ["open"]
    assert ids(devices=["e", "nobody"]) == ["open"]
    assert ids(devices=[]) == []
    assert ids(limit=2) == ["behind", "instant"]


@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda adapter: adapter.name)
def test_paging_shows_every_anomaly_once_however_many_start_together(adapter, tmp_path):
    store = adapter.open(tmp_path)
    turn = iter(range(1, 1000))

    @settings(max_examples=25, deadline=None)
    @given(starts=st.lists(st.integers(0, 3), max_size=12), page=st.integers(1, 5))
    def pages(starts, page):
        gone = [one.id for one in store.anomalies()]
        now = next(turn)
        found = [_anomaly(f"{now}-{k:02}", start) for k, start in enumerate(starts)]
        store.put_derived(Derived(Windows.none(), NO_SPANS, found, gone))
        seen, after = [], None
        while part := store.anomalies(after=after, limit=page):
            assert len(part) <= page
            seen += part
            after = (part[-1].start_ns, part[-1].id)
        assert seen == store.anomalies()
        assert sorted(seen, key=lambda one: one.id) == found
        assert [one.start_ns for one in seen] == sorted(starts, reverse=True)

    pages()
    store.close()


def test_a_refusal_keeps_its_whole_message_and_shows_as_much_as_is_asked(store):
    payload = os.urandom(200_000)
    store.append(commit(refusals=[refusal(payload, topic="täglich/\udc80", received_ns=42)]))
    store.append(commit(refusals=[refusal(b"")]))
    empty, big = store.quarantined(payload_bytes=10)
    assert (empty.size, empty.payload) == (0, b"")
    assert (big.size, big.payload) == (200_000, payload[:10])
    assert (big.received_ns, big.rule, big.expected) == (42, "JSON", "an object")
    assert big.topic == "täglich/?"
    assert store.quarantined(payload_bytes=None)[1].payload == payload
    whole = store.quarantined_one(big.id)
    assert whole is not None
    assert whole.payload == payload
    assert store.quarantined_one(big.id + 1_000) is None


def test_refusals_are_paged_newest_first(store):
    for k in range(3):
        store.append(commit(refusals=[refusal(b"%d" % (3 * k + i)) for i in range(3)]))
    seen, before = [], None
    while part := store.quarantined(before=before, limit=2):
        seen += [one.payload for one in part]
        before = part[-1].id
    assert seen == [b"%d" % k for k in range(8, -1, -1)]


@pytest.mark.parametrize("size", [0, 100, 40_000, 300_000])
def test_quarantine_is_bounded_in_bytes_and_the_oldest_go_first(opened, size):
    """Empty messages count as well: a flood of them must not fill the disk either."""
    bound = 200_000
    store = opened(quarantine_bytes_max=bound)
    many = 600 if size < 1000 else 12
    numbers = set()
    at_once = many // 12
    for k in range(0, many, at_once):
        come = [b"%07d" % i + b"x" * max(0, size - 7) for i in range(k, k + at_once)]
        store.append(commit(refusals=[refusal(one) for one in come]))
        numbers |= {one.id for one in store.quarantined(limit=1)}
    kept = store.quarantined(limit=many, payload_bytes=7)
    assert sum(one.size for one in kept) <= bound
    assert len(kept) * 500 <= bound, "what is kept beside the bytes counts too"
    assert [one.payload for one in kept] == [
        b"%07d" % k for k in range(many - 1, many - 1 - len(kept), -1)
    ]
    assert size > bound or sum(one.size + 600 for one in kept) > bound // 2, "drops too much"
    assert store.counts().quarantined == many, "the counters still know of all"
    store.close()
    again = opened(quarantine_bytes_max=bound)
    assert [one.id for one in again.quarantined(limit=many)] == [one.id for one in kept]
    again.append(commit(refusals=[refusal(b"one more")]))
    assert again.quarantined(limit=1)[0].id not in numbers, "a number is never given twice"
