"""The embedded store: DuckDB, one file, one writer.

Source: "DuckDB: an Embeddable Analytical Database", SIGMOD 2019, doi:10.1145/3299869.3320212, and
what was measured for docs/decisions/0003.

How (series, time) stays unique without a key: the newest time of every series is kept in memory.
A row later than that is new for certain; only the others are looked up.
"""

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import astuple
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import structlog
from numpy.typing import NDArray

from ingest.derived import Derived
from ingest.device import Device
from ingest.reading import Rows, Series
from ingest.store.erasing import Erasing, Left
from ingest.store.file import File
from ingest.store.judgement import Judgement, Stored, judged, near
from ingest.store.keys import Keys
from ingest.store.latest import Latest
from ingest.store.port import Commit, Counts, Outcome, Receipt, Refusal, tally
from ingest.store.schema import prepare, text
from ingest.store.writing import legible, put, put_devices, put_facts, put_windows

_KEYS_MAX = 2_000_000
_QUARANTINE_BYTES_MAX = 512 * 2**20
_REFUSAL_BYTES = 512  # what a refusal takes beside its message: even empty ones must not pile up

log = structlog.get_logger("emscher.ingest")


class EmbeddedStore(Erasing):
    """DuckDB behind the store port (store/port.py); the reading half is in store/questions.py."""

    def __init__(
        self,
        path: Path,
        *,
        keys_max: int = _KEYS_MAX,
        quarantine_bytes_max: int = _QUARANTINE_BYTES_MAX,
    ) -> None:
        super().__init__(File(path))
        self._keys_max = keys_max
        self._quarantine_bytes_max = quarantine_bytes_max
        self._refused_bytes = self._refused = 0
        try:
            self._begin()
        except BaseException:
            self._file.close()  # or the file would stay locked until the fault is forgotten
            raise

    def _begin(self) -> None:
        """Take the file as it lies: make what is missing, and learn what is kept in memory."""
        self._write, self._derive = self._file.cursor(), self._file.cursor()
        with self._file.told():
            prepare(self._write)
            self._load()

    def _load(self) -> None:
        def all_of(sql: str) -> list[tuple[Any, ...]]:
            # To the last row: a result that is not read to its end keeps its snapshot, and with
            # it the log of everything that is written after.
            return self._write.execute(sql).fetchall()

        lying = [Series(*names) for _, *names in all_of("SELECT * FROM series ORDER BY number")]
        # Numbers that were given and not yet written stay as they are.
        for number, series in enumerate(lying[len(self._names) :], len(self._names)):
            self._names.append(series)
            self._numbers[series] = number
            self._of_device.setdefault(series.device, []).append(number)
        self._numbered = len(lying)
        self._latest = self._lying_latest(len(self._names))
        devices = [
            Device(*(*facts, json.loads(state)))
            for *facts, state in all_of("SELECT * FROM devices")
        ]
        self._devices = {device.id: device for device in devices}
        ((self._commit, *counts, self._refused),) = all_of("SELECT * FROM counts")
        self._counts = Counts(*counts)
        self._forgotten = dict(all_of("SELECT * FROM forgotten"))
        self._keys = self._lying_keys()
        self._refused_bytes = self._refused_size()

    def _refused_size(self) -> int:
        ((size,),) = self._write.execute(_REFUSED_BYTES).fetchall()
        return int(size)

    def _lying_keys(self) -> Keys:
        """Return the identities that are stored, read some thousands at a time."""
        keys = Keys(self._keys_max)
        found = self._write.execute(
            "SELECT commit_id, list(key) FROM keys GROUP BY commit_id ORDER BY commit_id"
        )
        while rows := found.fetchmany(1000):
            for commit, part in rows:
                keys.add(map(bytes, part), commit)
        return keys

    def _mend(self) -> None:
        """Open the file again if DuckDB has given it up; StoreUnavailable: not yet."""
        if self._file.broken:
            with self._lock, self._derived_lock:
                if self._file.broken:
                    self._write.close()
                    self._derive.close()
                    self._file.reopen()
                    self._begin()
                    self._file.broken = False
                    log.warning("the store was opened again", path=str(self._file.path))

    def number(self, series: Series) -> int:
        """Return the number of a series, giving it the next one at first sight."""
        number = self._numbers.get(series)
        if number is None:
            # As it will be read back, or it would be another series after the next start.
            series = Series(*map(text, series))
            with self._names_lock:
                number = self._numbers.setdefault(series, len(self._names))
                if number == len(self._names):
                    self._names.append(series)
                    self._of_device.setdefault(series.device, []).append(number)
        return number

    def known(self, keys: Iterable[bytes]) -> set[bytes]:
        """Return those of the keys that an earlier commit brought."""
        return {key for key in keys if key in self._keys}

    def append(self, commit: Commit) -> Receipt:
        """Judge the rows, then write readings, refusals, devices and counters in one commit."""
        self._mend()
        with self._lock:
            names = len(self._names)
            self._latest.grow(names)
            found = judged(commit.rows, self._latest.time_ns, self._stored)
            added = tally(found.outcome, commit)
            counts, number = self._counts.plus(added), self._commit + 1
            keys = [key for key in dict.fromkeys(commit.keys) if key not in self._keys]
            fresh, written = found.outcome == Outcome.NEW, found.outcome != Outcome.SAME
            touched, newest = self._latest.after(commit.rows, found.lying, fresh, written)
            self._lay(commit.rows, found, number)
            with self._file.transaction(self._write):
                self._put_series(names)
                self._put_rows(commit.rows, found, number)
                self._put_latest(touched, newest)
                put_devices(self._write, commit.devices)
                put_facts(self._write, commit.facts, number)
                refused_bytes = self._put_refusals(commit)
                forgotten = self._put_keys(keys, number)
                self._put_counts(number, counts, len(commit.refusals))
            # Only now: a commit that failed must leave no trace in memory either.
            self._numbered = names
            self._commit, self._counts = number, counts
            self._latest.take(touched, newest)
            for device in commit.devices:
                self._devices[text(device.id)] = legible(device)
                self._erased_devices.discard(text(device.id))
            self._refused_bytes = refused_bytes
            self._refused += len(commit.refusals)
            if forgotten is not None:
                self._keys.forget(forgotten)
            if keys:
                self._keys.add(keys, number)
        self._checkpoint_if_due()
        return Receipt(number, found.outcome, added)

    def _lying_latest(self, slots: int) -> Latest:
        """Return what is newest of so many series, as it is stored."""
        return Latest.loaded(self._write, slots)

    def _lay(self, rows: Rows, found: Judgement, number: int) -> None:
        """Put readings where the commit itself does not reach; here it reaches everything."""

    def _put_latest(self, touched: NDArray[np.int32], newest: dict[str, NDArray[Any]]) -> None:
        """Write what is newest; here one look at the readings tells it."""

    def _stored(self, series: NDArray[np.int32], time_ns: NDArray[np.int64]) -> Stored:
        """Return value and quality of what lies at these series and times, where anything does."""
        found: Stored = {}
        for group in near(time_ns):
            span = [int(time_ns[group].min()), int(time_ns[group].max())]
            with self._file.told():
                asked = {"series": series[group], "time_ns": time_ns[group]}
                self._write.register("asked", asked)
                rows = self._write.execute(
                    "SELECT series, time_ns, value, quality FROM readings"
                    " JOIN asked USING (series, time_ns) WHERE time_ns BETWEEN ? AND ?",
                    span,
                ).fetchall()
                self._write.unregister("asked")
            found |= {(number, at): (value, quality) for number, at, value, quality in rows}
        return found

    def _put_series(self, names: int) -> None:
        fresh = self._names[self._numbered : names]
        put(self._write, "series", [(self._numbered + i, *one) for i, one in enumerate(fresh)])

    def _put_rows(self, rows: Rows, found: Judgement, number: int) -> None:
        write = self._write
        if found.replacing.any():
            write.register("fixed", _columns(rows.take(found.replacing), number))
            fixed_ns = rows.time_ns[found.replacing]
            span = [int(fixed_ns.min()), int(fixed_ns.max())]
            write.execute(
                "INSERT INTO superseded SELECT r.*, ? FROM readings r"
                " SEMI JOIN fixed USING (series, time_ns) WHERE r.time_ns BETWEEN ? AND ?",
                [number, *span],
            )
            write.execute(
                "DELETE FROM readings USING fixed WHERE readings.series = fixed.series"
                " AND readings.time_ns = fixed.time_ns AND readings.time_ns BETWEEN ? AND ?",
                span,
            )
            write.unregister("fixed")
        if found.lying.any():
            write.register("fresh", _columns(rows.take(found.lying), number))
            write.execute("INSERT INTO readings SELECT * FROM fresh")
            write.unregister("fresh")
        self._put_outdated(rows, found, number)

    def _put_outdated(self, rows: Rows, found: Judgement, number: int) -> None:
        """Put rows that another one of the same commit has overwritten into the history."""
        if found.outdated.any():
            self._write.register("outdated", _columns(rows.take(found.outdated), number))
            self._write.execute(f"INSERT INTO superseded SELECT *, {number} FROM outdated")
            self._write.unregister("outdated")

    def _put_refusals(self, commit: Commit) -> int:
        """Write refusals, drop the oldest beyond the bound, and return the bytes that lie there."""
        rows = [
            (number, *map(text, (r.envelope.source, r.envelope.topic)), r.envelope.received_ns,
             *map(text, (r.rule, r.expected, r.found)), r.envelope.payload, r.envelope.retained)
            for number, r in enumerate(commit.refusals, self._refused + 1)
        ]  # fmt: skip
        put(self._write, "quarantine", rows)
        size = self._refused_bytes + sum(map(_size, commit.refusals))
        if commit.released:
            ((freed,),) = self._write.execute(
                f"SELECT coalesce(sum({_REFUSAL_SIZE}), 0)::BIGINT FROM quarantine"
                " WHERE id IN (SELECT unnest(?))",
                [commit.released],
            ).fetchall()
            self._write.execute(
                "DELETE FROM quarantine WHERE id IN (SELECT unnest(?))", [commit.released]
            )
            size -= freed
        if size <= self._quarantine_bytes_max:
            return size
        # A tenth at a time: finding the oldest costs a pass over the table.
        oldest = self._write.execute(f"SELECT id, {_REFUSAL_SIZE} FROM quarantine ORDER BY id")
        last = 0
        while size > self._quarantine_bytes_max * 9 // 10:
            last, length = oldest.fetchone() or (last, size)
            size -= length
        oldest.fetchall()
        self._write.execute("DELETE FROM quarantine WHERE id <= ?", [last])
        return size

    def _put_keys(self, keys: list[bytes], number: int) -> int | None:
        """Write the keys; return the last commit whose keys are forgotten, if any are."""
        put(self._write, "keys", [(key, number) for key in keys])
        last = self._keys.forgetting(len(keys))
        if last is not None:
            self._write.execute("DELETE FROM keys WHERE commit_id <= ?", [last])
        return last

    def _put_counts(self, number: int, counts: Counts, refusals: int) -> None:
        self._write.execute(
            "UPDATE counts SET commit_id = ?, stored = ?, duplicate = ?, quarantined = ?,"
            " readings = ?, corrections = ?, refused = ?",
            [number, *astuple(counts), self._refused + refusals],
        )

    def put_derived(self, derived: Derived) -> None:
        """Write windows and anomalies in one commit."""
        self._mend()
        derived = self._without_erased(derived)
        with self._derived_lock, self._file.transaction(self._derive):
            con = self._derive
            put_windows(con, derived)
            gone = [a.id for a in derived.anomalies] + derived.retracted
            if gone:
                con.execute("DELETE FROM anomalies WHERE id IN (SELECT unnest(?))", [gone])
            found = {text(a.id): a for a in derived.anomalies}
            rows = [
                tuple(text(fact) if isinstance(fact, str) else fact for fact in astuple(a))
                for a in found.values()
            ]
            put(con, "anomalies", rows)
            con.execute("UPDATE derived SET through = ?", [derived.through])
        self._checkpoint_if_due()

    def forget(self, series: NDArray[np.int32], before_ns: NDArray[np.int64]) -> int:
        """Drop the readings of series[k] before before_ns[k], and return how many."""
        self._mend()
        return self._forget(series, before_ns, self._latest.without)

    def _forget(self, series: NDArray[np.int32], before_ns: NDArray[np.int64], left: Left) -> int:
        with self._lock:
            gone = self._drop(series, before_ns)
            newest = left(series, before_ns, gone)
            with self._file.transaction(self._write):
                con = self._write
                con.register("old", {"series": series, "before_ns": before_ns})
                for table in ("readings", "superseded"):
                    con.execute(
                        f"DELETE FROM {table} USING old WHERE {table}.series = old.series"
                        f" AND {table}.time_ns < old.before_ns"
                    )
                con.execute("DELETE FROM forgotten USING old WHERE forgotten.series = old.series")
                con.execute("INSERT INTO forgotten SELECT * FROM old")
                con.unregister("old")
                self._put_latest(series, newest)
            self._forgotten.update(zip(series.tolist(), before_ns.tolist(), strict=True))
            self._latest.take(series, newest)
        self._checkpoint_if_due()
        return int(gone.sum())

    def _drop(self, series: NDArray[np.int32], before_ns: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return how many readings of each series are older; drop them where they lie elsewhere."""
        gone = np.zeros(len(series), np.int64)
        with self._asking() as cursor:
            asked = {"place": np.arange(len(series)), "series": series, "before_ns": before_ns}
            cursor.register("old", asked)
            found = cursor.execute(
                "SELECT place, count(*) AS count FROM readings r JOIN old ON r.series = old.series"
                " AND time_ns < before_ns GROUP BY place"
            ).fetchnumpy()
        gone[found["place"]] = found["count"]
        return gone

    def _checkpoint_if_due(self) -> None:
        """Write the log into the file when it is long; both writers wait meanwhile."""
        if self._file.checkpoint_is_due():
            with self._lock, self._derived_lock:
                if self._file.checkpoint_is_due():
                    self._file.checkpoint()

    def close(self) -> None:
        """Write what is in flight and let go of the file."""
        with self._lock, self._derived_lock:
            for con in (self._write, self._derive):
                with suppress(duckdb.Error):  # a connection that was given up is closed enough
                    con.close()
            self._file.close()


_REFUSAL_SIZE = f"octet_length(payload) + strlen(topic) + {_REFUSAL_BYTES}"
_REFUSED_BYTES = f"SELECT coalesce(sum({_REFUSAL_SIZE}), 0)::BIGINT FROM quarantine"


def _size(refusal: Refusal) -> int:
    """Return what a refusal counts in the bound of the quarantine: as _REFUSAL_SIZE has it."""
    topic = text(refusal.envelope.topic).encode()
    return len(refusal.envelope.payload) + len(topic) + _REFUSAL_BYTES


def _columns(rows: Rows, number: int) -> dict[str, NDArray[np.generic]]:
    return {
        "series": rows.series,
        "time_ns": rows.time_ns,
        "value": rows.value,
        "received_ns": rows.received_ns,
        "quality": rows.quality,
        "commit_id": np.full(len(rows), number, dtype=np.int64),
    }
