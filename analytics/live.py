"""After each commit: windows and all that is odd, stored and told to whoever listens.

All of it is a function of the stored readings. So this may lag, be killed, or lose its place: it
asks the store what it has missed, and arrives at the same result.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Protocol

import numpy as np
import structlog

from analytics.balance import BalanceWatch, Feeders
from analytics.clocks import ClockWatch
from analytics.counters import CounterWatch, Facts
from analytics.days import DayWatch
from analytics.detectors import Limits
from analytics.fleet import Fleet
from analytics.grouping import ROWS_AT_ONCE, grouped, sorted_rows
from analytics.oddities import Found, SeriesWatch
from analytics.peers import PeerWatch
from analytics.remembered import remembered
from analytics.retention import forget_old
from analytics.silence import DeviceWatch
from analytics.windows import WindowBook
from ingest.derived import SECOND_NS, Derived, Windows
from ingest.errors import StoreUnavailable
from ingest.intake import Committed
from ingest.reading import Rows
from ingest.store import Store
from kernels.warm import warm

_ROWS_WAITING_MAX = 500_000
_COMMITS_AT_ONCE = 500
_SWEEP_S = 1.0
_FORGET_S = 3600.0
_PAUSES_S = (0.2, 1.0, 5.0)
_OTHERS_SHARE = 9

log = structlog.get_logger("emscher.analytics")


class HourWatch(Protocol):
    """Looks at stored hours of the last weeks, when there are new ones."""

    @property
    def due(self) -> int:
        """How much there is to look at."""

    def update(self, windows: Windows) -> None:
        """Take note of new windows, which are stored already."""

    def look(self) -> Found:
        """Look at the next that is due."""


@dataclass(frozen=True, slots=True)
class Known:
    """What people know, and the analysis is told.

    limits  below and above what no value of a series is true
    facts   the meters of a register
    feeders the devices behind each station
    chosen  patterns of "DEVICE QUANTITY" of the series whose novelty is told
    """

    limits: Limits | None = None
    facts: Facts | None = None
    feeders: Feeders | None = None
    chosen: Sequence[str] = ()


class Live:
    """The one thread that keeps what is derived up with what is stored.

    known     what people know of series and meters
    keep_ns   readings of gauges that are older are dropped, once they are in windows; None: none
    announce  is told what was found, after it is stored: anomalies that are new or have changed,
              and the ids of those that are disproved
    """

    def __init__(
        self,
        store: Store,
        where: tzinfo,
        announce: Callable[[Found], None],
        known: Known = Known(),
        *,
        now_ns: Callable[[], int] = time.time_ns,
        keep_ns: int | None = None,
    ) -> None:
        self._keep_ns, self._forgot_ns = keep_ns, 0
        self._known = known
        self._store, self._where, self._announce, self._now_ns = store, where, announce, now_ns
        self._waiting: deque[tuple[int, Rows]] = deque()
        self._rows_waiting = 0
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="emscher-live", daemon=True)
        self._waiting_since_ns: int | None = None
        self._begin()
        self.fault: str | None = None

    def _begin(self) -> None:
        """Start from what is stored, knowing nothing else."""
        self._windows = WindowBook(self._store)
        known, fleet = self._known, Fleet(self._store)
        facts = remembered(known.facts)
        self._series = SeriesWatch(self._store, self._where, known.limits, known.chosen)
        self._counters = CounterWatch(self._store, self._where, facts)
        self._devices = DeviceWatch(self._store, self._where, self._now_ns, fleet)
        self._clocks = ClockWatch(self._store, self._where, fleet)
        self._by_hours: tuple[HourWatch, ...] = (
            DayWatch(self._store, self._where, facts),
            BalanceWatch(self._store, self._where, known.feeders, facts),
            PeerWatch(self._store, self._where),
        )
        self._through = self._store.derived_through()
        spans = self._store.series()
        self._to_load = deque((span.number, span.count, span.series.device) for span in spans)
        with self._changed:
            self._behind = True
            self._waiting.clear()
            self._rows_waiting = 0
        if self._waiting_since_ns is None and self.lag():
            self._waiting_since_ns = self._now_ns()
        self._swept_ns, self._look_after_s = 0, 0.0

    def start(self) -> None:
        """Make the kernels ready, and begin to follow the commits."""
        warm()
        self._thread.start()

    def offer(self, committed: Committed) -> None:
        """Take note of a commit; never waits. Too many waiting: they are read back later."""
        with self._changed:
            if self._waiting_since_ns is None:
                self._waiting_since_ns = self._now_ns()
            if self._rows_waiting + len(committed.rows) > _ROWS_WAITING_MAX:
                self._behind = True
                self._waiting.clear()
                self._rows_waiting = 0
            if not self._behind:
                self._waiting.append((committed.commit, committed.rows))
                self._rows_waiting += len(committed.rows)
            self._changed.notify()

    def stop(self, patience_s: float) -> None:
        """Finish what has been committed, as far as the patience goes; the rest comes next time."""
        self._stopping.set()
        with self._changed:
            self._changed.notify()
        self._thread.join(patience_s)

    def lag(self) -> int:
        """Return how many commits are stored and not yet taken into account."""
        return self._store.last_commit() - self._through

    def lag_s(self) -> float:
        """Return for how long the oldest of those commits has waited."""
        since_ns = self._waiting_since_ns
        return 0.0 if since_ns is None else max(self._now_ns() - since_ns, 0) / SECOND_NS

    def due(self) -> int:
        """Return how many looks at hours and days are due."""
        return sum(watch.due for watch in self._by_hours)

    def silent(self) -> set[str]:
        """Return the devices that are silent now."""
        return self._devices.silent()

    def _run(self) -> None:
        failures = 0
        while True:
            try:
                if failures:
                    self._begin()
                if not self._step():
                    return
                failures = 0
                self.fault = None
            except Exception as fault:
                if not isinstance(fault, StoreUnavailable):
                    log.exception("the analysis has stumbled; it starts again from the store")
                self.fault = str(fault)
                if self._stopping.wait(_PAUSES_S[min(failures, len(_PAUSES_S) - 1)]):
                    return
                failures += 1

    def _step(self) -> bool:
        """Do what there is to do next; False when stopped and nothing is left."""
        rows, through = self._take()
        found = Found()
        groups = grouped(rows)
        windows, redone = self._windows.update(groups)
        if len(groups):
            found.add(self._series.update(groups))
            found.add(self._counters.update(groups))
            found.add(self._devices.update(groups))
            found.add(self._clocks.update(groups))
        elif (due := self._due()) is not None:
            found.add(self._looked(due))
        elif self._stopping.is_set() and through == self._through and self._has_all():
            return False
        elif self._to_load:
            found.add(self._load())
        elif self._now_ns() - self._forgot_ns >= _FORGET_S * SECOND_NS:
            self._forgot_ns = self._now_ns()
            forget_old(self._store, self._keep_ns, self._now_ns())
        # A stream without a pause leaves them a tenth of the time.
        their_turn = len(groups) and time.monotonic() >= self._look_after_s
        if their_turn and (due := self._due()) is not None:
            found.add(self._looked(due))
        if self._now_ns() - self._swept_ns >= _SWEEP_S * SECOND_NS and not self._to_load:
            self._swept_ns = self._now_ns()
            found.add(self._devices.sweep())
        if len(groups) or through != self._through or found.changed or found.retracted:
            self._store.put_derived(
                Derived(windows, redone, found.changed, found.retracted, through)
            )
            self._through = through
            for watch in self._by_hours:
                watch.update(windows)
            with self._changed:
                waits = self._behind or self._waiting
                self._waiting_since_ns = self._now_ns() if waits else None
            if found.changed or found.retracted:
                self._announce(found)
        return True

    def _looked(self, watch: HourWatch) -> Found:
        """Look at the next that is due, and note how long that took."""
        since_s = time.monotonic()
        found = watch.look()
        now_s = time.monotonic()
        self._look_after_s = now_s + _OTHERS_SHARE * (now_s - since_s)
        return found

    def _due(self) -> HourWatch | None:
        """Return one of those that look at whole hours, and have some to look at."""
        return next((watch for watch in self._by_hours if watch.due), None)

    def _has_all(self) -> bool:
        """Return whether nothing is offered or to be read up: it may have come since the look."""
        with self._changed:
            return not self._behind and not self._waiting

    def _take(self) -> tuple[Rows, int]:
        """Return the rows of the next commits, by (series, time), and the last of the commits."""
        with self._changed:
            if not self._behind:
                if not self._waiting and not self._stopping.is_set():
                    idle = not self._to_load and self._due() is None
                    self._changed.wait(_SWEEP_S if idle else 0)
                taken, self._waiting = self._waiting, deque()
                self._rows_waiting = 0
                if not taken:
                    return Rows.of([], [], [], [], []), self._through
                # A commit that was read from the store may be offered after that, too.
                through = max(taken[-1][0], self._through)
                return sorted_rows([rows for _, rows in taken]), through
            last = self._store.last_commit()
            through = min(last, self._through + _COMMITS_AT_ONCE)
            if through == last:
                # From here on commits are offered; one that comes twice does no harm.
                self._behind = False
        return self._store.since(self._through, through), through

    def _load(self) -> Found:
        """Learn some of the series and devices that have not spoken since the start."""
        numbers: list[int] = []
        devices: list[str] = []
        rows = 0
        while self._to_load and (not rows or rows + self._to_load[0][1] <= ROWS_AT_ONCE):
            number, count, device = self._to_load.popleft()
            numbers.append(number)
            devices.append(device)
            rows += count
        found = self._series.rebuild(np.array(self._series.unknown(numbers), dtype=np.int64))
        unknown = self._devices.unknown(list(dict.fromkeys(devices)))
        found.add(self._devices.rebuild(unknown))
        return found
