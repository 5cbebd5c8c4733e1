"""The store port: what every store promises, whatever is behind it.

The contract: *returned means durable; repeating is harmless; for one series and one instant the
last write wins; a scan sees every append that returned before it.* `tests/contract` holds every
adapter to it.

Traps, for whoever writes the next adapter:
- A value that is overwritten is not gone: it is kept as history (`history`).
- The counters belong to the same commit as the readings that they count, or a crash parts them.
- `append` judges each row itself (new, same, corrected), since only the store knows what is there.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ingest.derived import Anomaly, Derived, Windows
from ingest.device import Device
from ingest.memory import Fact
from ingest.reading import Envelope, Rows, Series


class Outcome(IntEnum):
    """What a row was to the store."""

    NEW = 0
    SAME = 1  # the same value and quality at the same instant: nothing written
    CORRECTED = 2  # another value or quality there: written, the older one kept as history


@dataclass(frozen=True, slots=True)
class Refusal:
    """A message that could not be understood, and why, in a person's words."""

    envelope: Envelope
    rule: str
    expected: str
    found: str


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A refusal as it is kept: with its number and as many bytes as were asked for.

    retained  the broker had kept the message: it may be older than its receipt
    """

    id: int
    source: str
    topic: str
    received_ns: int
    rule: str
    expected: str
    found: str
    size: int
    payload: bytes
    retained: bool = False


@dataclass(frozen=True, slots=True)
class Counts:
    """How every message ended, and what came of it; received is their sum at every instant."""

    stored: int = 0
    duplicate: int = 0
    quarantined: int = 0
    readings: int = 0
    corrections: int = 0

    @property
    def received(self) -> int:
        """Messages that ended, one way or another."""
        return self.stored + self.duplicate + self.quarantined

    def plus(self, other: "Counts") -> "Counts":
        """Return the sum, counter by counter."""
        return Counts(
            self.stored + other.stored,
            self.duplicate + other.duplicate,
            self.quarantined + other.quarantined,
            self.readings + other.readings,
            self.corrections + other.corrections,
        )


@dataclass(frozen=True, slots=True)
class Commit:
    """One group commit: everything that becomes durable together.

    rows, message  readings, and for each (n,) int32 the message of this commit that it came with
    messages       how many messages were understood (0…messages-1 are named in `message`)
    repeats        messages known by their key to be here already
    refusals       messages for quarantine
    devices        devices that are new or have changed
    keys           identities of messages whose readings do not tell them apart
    facts          what messages announced; one whose value is None is forgotten
    released       numbers of refusals that are among these messages now: they leave quarantine
    again          its messages were counted when they first came: only their readings count now
    """

    rows: Rows
    message: NDArray[np.int32]
    messages: int
    repeats: int = 0
    refusals: list[Refusal] = field(default_factory=list)
    devices: list[Device] = field(default_factory=list)
    keys: list[bytes] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    released: list[int] = field(default_factory=list)
    again: bool = False


@dataclass(frozen=True, slots=True)
class Receipt:
    """What an append did: its number, each row's outcome (n,) uint8, and the counts it added."""

    commit: int
    outcome: NDArray[np.uint8]
    added: Counts


@dataclass(frozen=True, slots=True)
class SeriesSpan:
    """A series and what is stored of it: first and last sampling time (UTC ns), and how many."""

    number: int
    series: Series
    first_ns: int
    last_ns: int
    count: int


@dataclass(frozen=True, slots=True)
class Erased:
    """What a store has erased of a device.

    overwritten    values that later ones had replaced · windows: stored ones
    anomalies      their ids · refused: messages of the quarantine
    announcements  (format, name) of what messages had announced
    """

    readings: int
    overwritten: int
    windows: int
    anomalies: list[str]
    refused: int
    announcements: list[tuple[str, str]]


class Sink(Protocol):
    """Where readings go."""

    def number(self, series: Series) -> int:
        """Return the store's number of a series, giving it one at first sight (0, 1, 2 …)."""

    def known(self, keys: Iterable[bytes]) -> set[bytes]:
        """Return those of the keys that an earlier commit brought."""

    def append(self, commit: Commit) -> Receipt:
        """Make a commit durable, whole or not at all; StoreUnavailable: not at all, try again."""

    def put_derived(self, derived: Derived) -> None:
        """Write windows and anomalies in one commit; StoreUnavailable as above."""

    def forget(self, series: NDArray[np.int32], before_ns: NDArray[np.int64]) -> int:
        """Drop the readings of series[k] before before_ns[k], both (k,), and return how many.

        It is remembered (`forgotten_ns`); what is derived from them stays.
        """

    def erase(
        self,
        device: str,
        before_ns: int | None,
        names: Callable[[str, bytes], bool],
        *,
        trial: bool = False,
    ) -> Erased:
        """Erase all that is kept of a device, or what is older than a time; its bytes, too.

        names  whether a topic and a payload name the device, for refusals and announcements
        trial  count only

        StoreUnavailable: not now; ask again, and what went already counts no more.
        """

    def close(self) -> None:
        """Write what is in flight and let go of the store; later calls are errors."""


class Source(Protocol):
    """Where answers come from. Every method may be called from any thread."""

    def counts(self) -> Counts:
        """Return the counters over the whole life of the store."""

    def devices(self) -> list[Device]:
        """Return every device, by id."""

    def device(self, name: str) -> Device | None:
        """Return a device by its id; None: never heard of."""

    def facts(self) -> list[Fact]:
        """Return what messages announced, in the order in which it was learned."""

    def series(self, device: str | None = None) -> list[SeriesSpan]:
        """Return every series that has readings (of a device), by number."""

    def name_of(self, number: int) -> Series:
        """Return the series of a number that this store has given."""

    def scan(
        self,
        series: Sequence[int] | None,
        start_ns: int,
        end_ns: int,
        *,
        limit: int | None = None,
        newest: bool = False,
    ) -> Rows:
        """Return the readings in [start_ns, end_ns), by (series, time).

        series  numbers; None: all · limit: at most so many, the first by time, or with `newest`
        the last by time.
        """

    def since(self, commit: int, upto: int | None = None, *, series: int | None = None) -> Rows:
        """Return the readings that came with later commits (upto this one), by (series, time)."""

    def within(
        self, series: NDArray[np.int32], start_ns: NDArray[np.int64], end_ns: NDArray[np.int64]
    ) -> Rows:
        """Return the readings of series[k] in [start_ns[k], end_ns[k]), by (series, time).

        All three are (k,); the spans of one series must not overlap.
        """

    def newest_before(
        self, series: NDArray[np.int32], time_ns: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Return for each series the time of its newest reading before time_ns[k], or that."""

    def at(self, series: NDArray[np.int32], time_ns: NDArray[np.int64]) -> Rows:
        """Return what lies at these series and times, both (k,), where anything does; any order."""

    def received(self, start_ns: int, end_ns: int, series: Sequence[int] | None = None) -> Rows:
        """Return the readings that were received in [start_ns, end_ns), by (series, time)."""

    def forgotten_ns(self, series: NDArray[np.int32]) -> NDArray[np.int64]:
        """Return for each series the time before which readings were dropped, or int64's least."""

    def history(self, series: int) -> Rows:
        """Return the values of a series that were overwritten, by time and then as they came."""

    def latest(self, device: str | None = None) -> Rows:
        """Return the newest reading by sampling time of every series (of a device), by number."""

    def windows(self, series: Sequence[int], width_ns: int, start_ns: int, end_ns: int) -> Windows:
        """Return the stored windows of a width that start in [start_ns, end_ns).

        By (series, start).
        """

    def anomalies(
        self,
        *,
        start_ns: int | None = None,
        end_ns: int | None = None,
        devices: Sequence[str] | None = None,
        open_only: bool = False,
        after: tuple[int, str] | None = None,
        limit: int | None = None,
    ) -> list[Anomaly]:
        """Return anomalies that touch [start_ns, end_ns), newest start first.

        after: only those behind this (start_ns, id) in that order, for paging.
        """

    def anomaly(self, id: str) -> Anomaly | None:
        """Return the anomaly of this id; None: there is none, or it was retracted."""

    def quarantined(
        self, *, before: int | None = None, limit: int = 100, payload_bytes: int | None = 1024
    ) -> list[Quarantined]:
        """Return refusals, newest first, with the first `payload_bytes` of each message."""

    def refused(self, *, after: int = 0, rule: str | None = None, limit: int) -> list[Quarantined]:
        """Return refusals (of one rule) beyond that number with their whole messages, by number."""

    def quarantined_one(self, number: int) -> Quarantined | None:
        """Return one refusal with its whole message."""

    def derived_through(self) -> int:
        """Return the last commit that stored windows and anomalies take into account."""

    def last_commit(self) -> int:
        """Return the number of the last commit; 0 before the first."""


class Store(Sink, Source, Protocol):
    """A store is both ends."""


def tally(outcome: NDArray[np.uint8], commit: Commit) -> Counts:
    """Return what a commit adds to the counters.

    A message is a duplicate when it brought readings and every one of them was there already.
    One that is released from quarantine was counted there, and no longer is.
    """
    readings = int(np.count_nonzero(outcome == Outcome.NEW))
    corrections = int(np.count_nonzero(outcome == Outcome.CORRECTED))
    if commit.again:
        refused = len(commit.refusals)
        return Counts(quarantined=refused, readings=readings, corrections=corrections)
    carried = np.zeros(commit.messages, dtype=bool)
    fresh = np.zeros(commit.messages, dtype=bool)
    carried[commit.message] = True
    fresh[commit.message[outcome != Outcome.SAME]] = True
    duplicate = int(np.count_nonzero(carried & ~fresh))
    return Counts(
        stored=commit.messages - duplicate,
        duplicate=duplicate + commit.repeats,
        quarantined=len(commit.refusals) - len(commit.released),
        readings=readings,
        corrections=corrections,
    )
