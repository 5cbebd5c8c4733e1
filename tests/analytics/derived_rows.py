"""Readings for the tests of analysis: stored in any order, and analysed in any number of runs.

A series is {time_ns: value}; what a store holds in the end is {Series: {time_ns: value}}.
"""

import itertools
import threading
from contextlib import contextmanager
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from analytics.live import Live
from ingest.device import Device
from ingest.intake import Committed
from ingest.reading import Rows, Series
from ingest.store import Commit
from ingest.store.embedded import EmbeddedStore

NS = 10**9
MINUTE, HOUR, DAY = 60 * NS, 3600 * NS, 86_400 * NS
EPOCH = 1_772_323_200 * NS  # 2026-03-01T00:00Z
BERLIN = ZoneInfo("Europe/Berlin")


class WatchedStore(EmbeddedStore):
    """The embedded store, and a way to wait for the analysis."""

    def __init__(self, path):
        super().__init__(path)
        self._news = threading.Condition()

    def put_derived(self, derived):
        """Write, and say so."""
        super().put_derived(derived)
        with self._news:
            self._news.notify_all()

    def settled(self):
        """Wait until the analysis has taken every commit into account; fail after a minute."""
        with self._news:
            done = self._news.wait_for(lambda: self.derived_through() == self.last_commit(), 60)
        assert done, "the analysis has not caught up in a minute"


@contextmanager
def memory_store():
    """Open the embedded store without a file."""
    store = WatchedStore(Path(":memory:"))
    try:
        yield store
    finally:
        store.close()


_LATER = itertools.count(1)


def append(store, readings, received_ns=None, names=()):
    """Commit [(series, time_ns, value)], each a message; return what a watcher of commits is told.

    received_ns  about when they were received; each a little later than those before
    """
    columns = [
        (store.number(s), t, v, received_ns + next(_LATER) if received_ns else t, 0)
        for s, t, v in readings
    ]
    rows = Rows.of(*(zip(*columns, strict=True) if columns else [[]] * 5))
    devices = [Device(id, name, first_ns=1, last_ns=1) for id, name in names]
    commit = Commit(rows, np.zeros(len(rows), np.int32), 1, devices=devices)
    receipt = store.append(commit)
    return Committed(receipt.commit, rows.take(receipt.outcome != 1), store.counts(), devices, 0)


def listed(series):
    """Return the readings of {Series: {time: value}} as a list, by time."""
    rows = [(s, t, v) for s, values in series.items() for t, v in values.items()]
    return sorted(rows, key=lambda row: row[1])


class Announced:
    """What a Live announced, and an event to wait on for each anomaly's kind."""

    def __init__(self):
        self.changed, self.retracted = [], []
        self._news = threading.Condition()

    def __call__(self, found):
        """Take note."""
        with self._news:
            self.changed += found.changed
            self.retracted += found.retracted
            self._news.notify_all()

    def wait_for(self, true):
        """Wait until true() holds; fail after a minute."""
        with self._news:
            assert self._news.wait_for(true, 60), "nothing like it was announced in a minute"


@contextmanager
def live(store, now_ns=lambda: EPOCH, announce=lambda found: None):
    """Run a Live; at the end it finishes what was committed."""
    running = Live(store, BERLIN, announce, now_ns=now_ns)
    running.start()
    try:
        yield running
    finally:
        running.stop(60)
        assert running.lag() == 0


def stored(store):
    """Return the stored anomalies in one order."""
    return sorted(store.anomalies(), key=lambda a: a.id)


def sensor(device="co2-1", quantity="temperature"):
    """Return a gauge's series."""
    return Series(device, quantity)
