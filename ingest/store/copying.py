"""From one store into another: readings with their history, devices and quarantine; checked.

Counters of messages stay behind: what is copied was never received there. Windows and anomalies are
made again from the readings by whoever runs over the copy.
"""

import hashlib
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ingest.errors import StoreUnavailable
from ingest.reading import Envelope, Rows
from ingest.store.port import Commit, Quarantined, Refusal, SeriesSpan, Store

_ROWS_AT_ONCE = 50_000
_REFUSALS_AT_ONCE = 500
ALWAYS = (-(2**63) + 2, 2**63 - 2)


class Copied(NamedTuple):
    """What was copied."""

    series: int
    readings: int
    devices: int
    refusals: int


def copied(source: Store, target: Store, progress: Callable[[int, int], None]) -> Copied:
    """Copy all of it, and compare what lies there; again is harmless, and goes on from anywhere.

    progress  told series done and series in all
    Raises StoreUnavailable where a store can't, or when a series is not the same afterwards.
    """
    devices = source.devices()
    target.append(_commit(Rows.of([], [], [], [], []), devices=devices, facts=source.facts()))
    refusals = _refusals(source, target)
    spans = source.series()
    readings = 0
    for done, span in enumerate(spans):
        progress(done, len(spans))
        number = target.number(span.series)
        readings += _series(source, target, span, number)
        if digest(source, span.number) != digest(target, number):
            name = " ".join(span.series).strip()
            raise StoreUnavailable(
                f"{name} is not the same in the copy: is something else writing there? Stop it, and"
                " copy again"
            )
    progress(len(spans), len(spans))
    return Copied(len(spans), readings, len(devices), refusals)


def digest(store: Store, number: int) -> tuple[int, str]:
    """Return how many readings a series has, and a checksum over all of them."""
    made, count = hashlib.blake2b(digest_size=16), 0
    start_ns = ALWAYS[0]
    while len(rows := store.scan([number], start_ns, ALWAYS[1], limit=_ROWS_AT_ONCE)):
        for column in (rows.time_ns, rows.value, rows.received_ns, rows.quality):
            made.update(np.ascontiguousarray(column).tobytes())
        count += len(rows)
        start_ns = int(rows.time_ns[-1]) + 1
    return count, made.hexdigest()


def _series(source: Store, target: Store, span: SeriesSpan, number: int) -> int:
    """Copy one series: of an instant that was corrected, the older values first."""
    history = source.history(span.number)
    known = target.history(number)
    there = set(zip(known.time_ns.tolist(), known.value.tolist(), strict=True))
    fresh = [
        (at, value) not in there
        for at, value in zip(history.time_ns.tolist(), history.value.tolist(), strict=True)
    ]
    history = history.take(np.array(fresh, dtype=bool))
    start_ns, count = ALWAYS[0], 0
    while True:
        rows = source.scan([span.number], start_ns, ALWAYS[1], limit=_ROWS_AT_ONCE)
        if not len(rows):
            return count
        end_ns = int(rows.time_ns[-1]) + 1
        older = history.take((history.time_ns >= start_ns) & (history.time_ns < end_ns))
        both = Rows.joined([older, rows])
        both = both.take(np.argsort(both.time_ns, kind="stable"))
        both = Rows.of(
            np.full(len(both), number), both.time_ns, both.value, both.received_ns, both.quality
        )
        target.append(_commit(both))
        count += len(rows)
        start_ns = end_ns


def _refusals(source: Store, target: Store) -> int:
    """Copy what is in quarantine and not there yet."""
    there = {(one.received_ns, one.topic, one.payload) for one in _all_refused(target)}
    todo = [
        Refusal(
            Envelope(one.source, one.topic, one.payload, one.received_ns, retained=one.retained),
            *(one.rule, one.expected, one.found),
        )
        for one in _all_refused(source)
        if (one.received_ns, one.topic, one.payload) not in there
    ]
    for at in range(0, len(todo), _REFUSALS_AT_ONCE):
        part = todo[at : at + _REFUSALS_AT_ONCE]
        target.append(_commit(Rows.of([], [], [], [], []), refusals=part))
    return len(todo)


def _all_refused(store: Store) -> list[Quarantined]:
    found: list[Quarantined] = []
    while part := store.refused(after=found[-1].id if found else 0, limit=_REFUSALS_AT_ONCE):
        found += part
    return found


def _commit(rows: Rows, **more: object) -> Commit:
    return Commit(rows, np.zeros(len(rows), np.int32), 1, again=True, **more)  # type: ignore[arg-type]
