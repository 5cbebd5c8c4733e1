"""Whatever comes, in whatever commits: every adapter agrees with a dict."""

import itertools
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store_adapters import ADAPTERS, Row, commit, everything, lying, refusal
from store_model import Model, plain

from ingest.reading import Series

SERIES = 3
TIMES = st.sampled_from([-5, 0, 1, 2, 3, 7_200_000_000_000, 900_000_000_000_000])
ROWS = st.builds(
    Row,
    series=st.integers(0, SERIES - 1),
    time_ns=TIMES,
    value=st.sampled_from([1.0, 2.0, -3.5]),
    received_ns=st.integers(0, 9),
    quality=st.sampled_from([0, 3]),
    message=st.integers(0, 3),
)


@st.composite
def commits(draw):
    """A commit of up to four messages, some without readings, with repeats and refusals."""
    rows = draw(st.lists(ROWS, max_size=8))
    rows.sort(key=lambda row: row.message)
    least = max((row.message for row in rows), default=-1) + 1
    return rows, commit(
        rows,
        messages=least + draw(st.integers(0, 1)),
        repeats=draw(st.integers(0, 2)),
        refusals=[refusal(b"x")] * draw(st.integers(0, 2)),
    )


STEPS = st.lists(st.one_of(commits(), st.just("reopen")), max_size=8)
SPANS = st.tuples(TIMES, TIMES)


def _named(store):
    for number in range(SERIES):
        assert store.number(Series(f"d{number}", "temperature")) == number


def _agree(store, model):
    assert store.counts() == model.counts
    assert store.counts().received == sum(
        (model.counts.stored, model.counts.duplicate, model.counts.quarantined)
    )
    assert store.last_commit() == model.commits
    assert everything(store) == plain(model.scan(None, -(2**62), 2**62))
    assert lying(store.latest()) == plain(model.latest())
    by_series = itertools.groupby(sorted(model.rows), key=lambda at: at[0])
    spans = [
        (number, times[0], times[-1], len(times))
        for number, group in by_series
        for times in [[at for _, at in group]]
    ]
    assert [(s.number, s.first_ns, s.last_ns, s.count) for s in store.series()] == spans
    for number in range(SERIES):
        assert lying(store.history(number)) == plain(model.overwritten(number))


@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda adapter: adapter.name)
@settings(max_examples=25, deadline=None)
@given(steps=STEPS)
def test_any_commits_leave_what_a_dict_would_hold(adapter, steps):
    """New, same, corrected, late, twice in a batch; with restarts between; counters included."""
    with TemporaryDirectory() as folder:
        store, model = adapter.open(Path(folder)), Model()
        _named(store)
        for step in steps:
            if step == "reopen":
                store.close()
                store = adapter.open(Path(folder))
                _named(store)
                continue
            rows, one = step
            before = model.counts
            receipt = store.append(one)
            assert receipt.outcome.tolist() == model.append(rows, one)
            assert receipt.commit == model.commits
            assert before.plus(receipt.added) == model.counts
            _agree(store, model)
        store.close()
        store = adapter.open(Path(folder))
        _agree(store, model)
        store.close()


@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda adapter: adapter.name)
@settings(max_examples=20, deadline=None)
@given(
    batches=st.lists(commits(), min_size=1, max_size=4),
    span=SPANS,
    picked=st.sets(st.integers(0, SERIES - 1)),
    limit=st.integers(1, 4),
)
def test_every_question_is_answered_as_from_a_dict(adapter, batches, span, picked, limit):
    """scan, since, within, newest_before and times, for any span and any series."""
    with TemporaryDirectory() as folder:
        store, model = adapter.open(Path(folder)), Model()
        _named(store)
        for rows, one in batches:
            store.append(one)
            model.append(rows, one)
        _ask(store, model, (min(span), max(span)), sorted(picked), limit)
        store.close()


def _ask(store, model, span, picked, limit):
    start_ns, end_ns = span
    found = model.scan(picked, start_ns, end_ns)
    assert lying(store.scan(picked, start_ns, end_ns)) == plain(found)
    by_time = sorted(found, key=lambda row: (row.time_ns, row.series))
    first = sorted(by_time[:limit], key=lambda row: row[:2])
    assert lying(store.scan(picked, start_ns, end_ns, limit=limit)) == plain(first)
    last = store.scan(picked, start_ns, end_ns, limit=limit, newest=True)
    newest_first = sorted(by_time, key=lambda row: (-row.time_ns, row.series))
    assert lying(last) == plain(sorted(newest_first[:limit], key=lambda row: row[:2]))
    for after in range(model.commits + 1):
        assert lying(store.since(after)) == plain(model.since(after, model.commits))
        assert lying(store.since(after, after + 1)) == plain(model.since(after, after + 1))
        only = [row for row in model.since(after, model.commits) if row.series == 1]
        assert lying(store.since(after, series=1)) == plain(only)
    asked = np.array(picked, dtype=np.int32)
    starts, ends = np.full(len(asked), start_ns), np.full(len(asked), end_ns)
    assert lying(store.within(asked, starts, ends)) == plain(found)
    newest = [
        max((at for number, at in model.rows if number == one and at < end_ns), default=end_ns)
        for one in picked
    ]
    assert store.newest_before(asked, ends).tolist() == newest
