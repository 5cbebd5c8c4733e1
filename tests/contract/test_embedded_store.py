"""What the embedded store promises beside the contract: full disks, locks, layouts, its log."""

import itertools
import resource
import subprocess
import sys
import threading
from contextlib import contextmanager

import duckdb
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from store_adapters import ALWAYS, Row, commit, everything, lying, named, refusal

from ingest.derived import Derived, Windows
from ingest.device import Device
from ingest.errors import StoreUnavailable
from ingest.reading import Rows, Series
from ingest.store import Commit, Counts, Outcome, open_store
from ingest.store.embedded import EmbeddedStore
from ingest.store.file import File
from ingest.store.judgement import near
from ingest.store.schema import VERSION

HOLD = """
import sys, duckdb
held = duckdb.connect(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "emscher.duckdb"


@pytest.fixture
def store(path):
    made = EmbeddedStore(path)
    yield made
    made.close()


@contextmanager
def disk_full(size):
    """No file grows beyond so many bytes, as if the disk were full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def _many(number, first, count):
    """Return a commit of so many readings that no compression makes small."""
    times = np.arange(first, first + count, dtype=np.int64)
    values = np.random.default_rng(first).random(count)
    rows = Rows.of(np.full(count, number), times, values, times, np.zeros(count))
    return Commit(rows, np.zeros(count, np.int32), 1)


def _facts(store):
    return (
        everything(store), lying(store.latest()), store.counts(), store.last_commit(),
        store.devices(), store.series(), store.known([b"old", b"new"]), store.derived_through(),
        [one.payload for one in store.quarantined()],
    )  # fmt: skip


def test_a_full_disk_changes_nothing_and_the_same_commit_is_taken_later(path, store):
    (a,) = named(store, "a")
    store.append(commit([Row(a, 1, 1.0)], devices=[Device("a", first_ns=1)], keys=[b"old"]))
    before = _facts(store)
    b = store.number(Series("b", "temperature"))
    rows = [Row(a, 1, 9.0), Row(a, 2, 2.0), Row(b, 3, 3.0, message=1)]
    more = commit(
        rows, keys=[b"new"], devices=[Device("b"), Device("a", "A")], refusals=[refusal(b"x" * 99)]
    )
    log = path.with_name(path.name + ".wal")
    with disk_full(log.stat().st_size + 10):
        for _ in range(3):
            with pytest.raises(StoreUnavailable, match="store can't do this now"):
                store.append(more)
            assert _facts(store) == before
        with pytest.raises(StoreUnavailable):
            store.put_derived(Derived(Windows.none(), (np.empty(0, np.int32),) * 3, through=1))
        assert _facts(store) == before
    receipt = store.append(more)
    assert receipt.commit == 2
    assert receipt.outcome.tolist() == [Outcome.CORRECTED, Outcome.NEW, Outcome.NEW]
    after = _facts(store)
    store.close()
    again = EmbeddedStore(path)
    assert _facts(again) == after
    assert again.counts() == Counts(3, 0, 1, 3, 1)
    assert again.number(Series("b", "temperature")) == b
    again.close()


@pytest.mark.parametrize("first", ["append", "read", "derive"])
def test_a_store_that_the_database_has_given_up_opens_itself_again(path, store, first):
    """A checkpoint into a full disk invalidates the whole database until it is opened anew."""
    (a,) = named(store, "a")
    store.append(_many(a, 0, 20_000))
    store.append(commit([Row(a, 5, 5.0)], devices=[Device("a", "A", state={"x": 1})]))
    before = _facts(store)
    unwritten = store.number(Series("b", "temperature"))
    with disk_full(path.stat().st_size + 1000):
        store._file.checkpoint()
    assert store._file.broken, "else there is nothing to mend here"
    if first == "read":
        assert _facts(store) == before
    elif first == "derive":
        store.put_derived(Derived(Windows.none(), (np.empty(0, np.int32),) * 3, through=0))
        assert _facts(store) == before
    receipt = store.append(commit([Row(a, 5, 6.0), Row(unwritten, 7, 1.0)]))
    assert receipt.outcome.tolist() == [Outcome.CORRECTED, Outcome.NEW]
    assert receipt.commit == 3
    after = _facts(store)
    store.close()
    again = EmbeddedStore(path)
    assert _facts(again) == after
    assert again.name_of(unwritten) == Series("b", "temperature")
    again.close()


def test_a_store_can_be_closed_on_a_full_disk_and_keeps_everything(path):
    store = EmbeddedStore(path)
    (a,) = named(store, "a")
    store.append(_many(a, 0, 20_000))
    before = _facts(store)
    with disk_full(path.stat().st_size + 1000):
        store.close()
    again = EmbeddedStore(path)
    assert _facts(again) == before
    again.close()


def test_the_log_stays_short_whoever_writes_and_however_many_read(path, store, monkeypatch):
    """Left to the database it grows for as long as readers overlap."""
    monkeypatch.setattr("ingest.store.file.CHECKPOINT_BYTES", 2**20)
    log = path.with_name(path.name + ".wal")
    (a,) = named(store, "a")
    ended = threading.Event()

    def read() -> None:
        while not ended.is_set():
            store.scan([a], 0, 2_000)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    longest = 0
    try:
        for k in range(60):
            store.append(_many(a, k * 10_000, 10_000))
            longest = max(longest, log.stat().st_size if log.exists() else 0)
        n = 10_000
        f, i = np.random.default_rng(1).random(n), np.arange(n)
        span = (np.zeros(1, np.int32), np.zeros(1, np.int64), np.full(1, n))
        windows = Windows(np.zeros(n, np.int32), np.ones(n, np.int64), i, i, f, f, f, f)
        for _ in range(40):
            store.put_derived(Derived(windows, span))
            longest = max(longest, log.stat().st_size if log.exists() else 0)
    finally:
        ended.set()
        for reader in readers:
            reader.join()
    assert 2**20 // 2 < longest < 6 * 2**20
    assert len(store.scan([a], *ALWAYS)) == 600_000


def test_opening_a_store_leaves_no_old_state_in_sight(path, store):
    """A result that was not read to its end once kept the log from ever being written out."""
    (a,) = named(store, "a")
    store.append(_many(a, 0, 10_000))
    store.append(commit([Row(a, 0, 1.0)]))
    log = path.with_name(path.name + ".wal")
    assert log.stat().st_size > 10_000
    store._file.checkpoint()
    assert not log.exists() or log.stat().st_size < 1_000


def test_a_file_that_another_process_holds_is_told_with_what_to_do(tmp_path, path):
    open_store("embedded", tmp_path).close()
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(StoreUnavailable, match=r"another Emscher uses this folder.*--data"):
        open_store("embedded", tmp_path)
    holder.communicate()
    open_store("embedded", tmp_path).close()


def test_a_layout_of_the_future_is_refused_and_left_as_it_is(path):
    with duckdb.connect(str(path)) as con:
        con.execute("CREATE TABLE about (version INTEGER, more VARCHAR)")
        con.execute("INSERT INTO about VALUES (?, 'x')", [VERSION + 1])
    before = path.read_bytes()
    with pytest.raises(StoreUnavailable) as told:
        EmbeddedStore(path)
    assert f"layout version {VERSION + 1}, this Emscher reads versions up to {VERSION}" in str(
        told.value
    )
    assert "--data" in str(told.value)
    assert path.read_bytes() == before
    with duckdb.connect(str(path), config={"threads": "1"}) as con:  # so it was let go
        assert con.execute("SELECT table_name FROM duckdb_tables()").fetchall() == [("about",)]


def test_what_is_no_store_is_refused_and_left_as_it_is(path):
    path.write_bytes(b"no database at all" * 999)
    with pytest.raises(StoreUnavailable, match="if the file is no store, move it away"):
        EmbeddedStore(path)
    path.unlink()
    with duckdb.connect(str(path)) as con:
        con.execute("CREATE TABLE invoices (number INTEGER)")
    with pytest.raises(StoreUnavailable, match=r"no store of Emscher.*found invoices"):
        EmbeddedStore(path)
    with duckdb.connect(str(path), config={"threads": "1"}) as con:
        assert con.execute("SELECT table_name FROM duckdb_tables()").fetchall() == [("invoices",)]


def test_another_kind_of_store_is_refused_by_name(tmp_path):
    with pytest.raises(ValueError, match=r'expected "embedded".*, found "cloud"'):
        open_store("cloud", tmp_path)


@given(st.lists(st.integers(-(2**62), 2**62), max_size=40))
def test_times_are_parted_into_a_few_groups_and_none_is_forgotten(times):
    """The groups are what is looked up, each within its own span of time."""
    at = np.array(times, dtype=np.int64)
    groups = near(at)
    assert len(groups) <= 8
    assert sorted(i for group in groups for i in group.tolist()) == list(range(len(times)))
    spans = [(at[group].min(), at[group].max()) for group in groups]
    assert spans == sorted(spans)
    hour = 3600 * 10**9
    for (_, end), (start, _) in itertools.pairwise(spans):
        assert int(start) - int(end) > hour


def test_a_copy_that_fails_is_tried_again(tmp_path, monkeypatch):
    """The disk fills up while the file is written anew: it stays as it is, and goes on."""
    file = File(tmp_path / "x.duckdb")
    file.cursor().execute("CREATE TABLE t AS SELECT 1 AS a")
    con, failed = file._con, []

    class Full:
        def execute(self, sql):
            if sql.startswith("COPY") and not failed:
                failed.append(sql)
                raise duckdb.IOException("no space left on device")
            return con.execute(sql)

        def close(self):
            con.close()

    file._con = Full()
    with pytest.raises(StoreUnavailable, match="no space left"):
        file.rewrite()
    assert con.execute("SELECT a FROM t").fetchall() == [(1,)]
    file.rewrite()
    assert file._con.execute("SELECT a FROM t").fetchall() == [(1,)]
    file.close()
