"""The embedded store: DuckDB, one file, one writer.

Source: "DuckDB: an Embeddable Analytical Database", SIGMOD 2019, doi:10.1145/3299869.3320212, and
what was measured for docs/decisions/0003.

How (series, time) stays unique without a key: the newest time of every series is kept in memory.
A row later than that is new for certain; only the others are looked up.
"""

import json
import threading
from collections.abc import Iterable
from dataclasses import astuple
from pathlib import Path
from typing import NamedTuple

import duckdb
import numpy as np
from numpy.typing import NDArray

from ingest.derived import Derived
from ingest.device import Device
from ingest.errors import StoreUnavailable
from ingest.reading import Rows, Series
from ingest.store.latest import Latest
from ingest.store.port import Commit, Counts, Outcome, Receipt, tally
from ingest.store.questions import Questions
from ingest.store.schema import prepare, text, told, transaction

_KEYS_MAX = 200_000
_QUARANTINE_BYTES_MAX = 512 * 2**20


class _Judgement(NamedTuple):
    """Each row's outcome (n,) uint8; which rows are to lie in the table, and in its history (n,)
    bool; which rows replace one that lies there (n,) bool."""

    outcome: NDArray[np.uint8]
    lying: NDArray[np.bool_]
    outdated: NDArray[np.bool_]
    replacing: NDArray[np.bool_]


class EmbeddedStore(Questions):
    """DuckDB behind the store port (store/port.py); the reading half is in store/questions.py."""

    def __init__(
        self,
        path: Path,
        *,
        keys_max: int = _KEYS_MAX,
        quarantine_bytes_max: int = _QUARANTINE_BYTES_MAX,
    ) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        super().__init__(_open(path))
        with told():
            prepare(self._con)
            self._write = self._con.cursor()
            self._derive = self._con.cursor()
            self._load()
        self._lock = threading.Lock()
        self._derived_lock = threading.Lock()
        self._keys_max = keys_max
        self._quarantine_bytes_max = quarantine_bytes_max

    def _load(self) -> None:
        con = self._con
        for number, *names in con.execute("SELECT * FROM series ORDER BY number").fetchall():
            self._names.append(Series(*names))
            self._numbers[self._names[-1]] = number
        self._numbered = len(self._names)
        self._latest = Latest.loaded(con, len(self._names))
        for row in con.execute("SELECT * FROM devices").fetchall():
            self._devices[row[0]] = Device(*(*row[:7], json.loads(row[7])))
        row = con.execute("SELECT * FROM counts").fetchone() or (0, 0, 0, 0, 0, 0)
        self._commit, self._counts = row[0], Counts(*row[1:])
        keys = con.execute("SELECT key FROM keys ORDER BY commit_id").fetchall()
        self._keys: dict[bytes, None] = {bytes(key): None for (key,) in keys}
        row = con.execute(
            "SELECT coalesce(max(id), 0), coalesce(sum(octet_length(payload)), 0) FROM quarantine"
        ).fetchone() or (0, 0)
        self._refused, self._refused_bytes = int(row[0]), int(row[1])

    def number(self, series: Series) -> int:
        """Return the number of a series, giving it the next one at first sight."""
        number = self._numbers.get(series)
        if number is None:
            with self._names_lock:
                number = self._numbers.setdefault(series, len(self._names))
                if number == len(self._names):
                    self._names.append(series)
        return number

    def known(self, keys: Iterable[bytes]) -> set[bytes]:
        """Return those of the keys that an earlier commit brought."""
        return {key for key in keys if key in self._keys}

    def append(self, commit: Commit) -> Receipt:
        """Judge the rows, then write readings, refusals, devices and counters in one commit."""
        with self._lock:
            names = len(self._names)
            self._latest.grow(names)
            judged = self._judge(commit.rows)
            added = tally(judged.outcome, commit)
            counts, number = self._counts.plus(added), self._commit + 1
            keys = [key for key in dict.fromkeys(commit.keys) if key not in self._keys]
            with transaction(self._write):
                self._put_series(names)
                self._put_rows(commit.rows, judged, number)
                self._put_devices(commit.devices)
                refused_bytes = self._put_refusals(commit)
                forgotten = self._put_keys(keys, number)
                self._put_counts(number, counts)
            # Only now: a commit that failed must leave no trace in memory either.
            self._numbered = names
            self._commit, self._counts = number, counts
            self._latest.add(commit.rows, judged.lying, judged.outcome == Outcome.NEW)
            self._devices.update((device.id, device) for device in commit.devices)
            self._refused += len(commit.refusals)
            self._refused_bytes = refused_bytes
            self._keys.update(dict.fromkeys(keys))
            for key in forgotten:
                del self._keys[key]
        return Receipt(number, judged.outcome, added)

    def _judge(self, rows: Rows) -> _Judgement:
        n = len(rows)
        outcome = np.full(n, Outcome.NEW, dtype=np.uint8)
        lying, none = np.ones(n, dtype=bool), np.zeros(n, dtype=bool)
        order = np.lexsort((np.arange(n), rows.time_ns, rows.series))
        series, time_ns = rows.series[order], rows.time_ns[order]
        again = np.zeros(n, dtype=bool)
        again[1:] = (series[1:] == series[:-1]) & (time_ns[1:] == time_ns[:-1])
        late = time_ns <= self._latest.time_ns[series]
        if not again.any() and not late.any():
            return _Judgement(outcome, lying, none, none)
        stored = self._stored(series[late & ~again], time_ns[late & ~again])
        replacing = np.zeros(n, dtype=bool)
        standing: float | None = None
        holder, here = -1, False
        for i, more in zip(order.tolist(), again.tolist(), strict=True):
            if not more:
                standing = stored.get((int(rows.series[i]), int(rows.time_ns[i])))
                holder, here = -1, standing is not None
            value = float(rows.value[i])
            if value == standing:
                outcome[i], lying[i] = Outcome.SAME, False
                continue
            if standing is not None:
                outcome[i] = Outcome.CORRECTED
                if holder >= 0:
                    lying[holder] = False
            standing, holder, replacing[i] = value, i, here
        outdated = (outcome != Outcome.SAME) & ~lying
        return _Judgement(outcome, lying, outdated, replacing & lying)

    def _stored(
        self, series: NDArray[np.int32], time_ns: NDArray[np.int64]
    ) -> dict[tuple[int, int], float]:
        """Return the values that lie at these series and times, where there are any."""
        if not len(series):
            return {}
        with told():
            self._write.register("asked", {"series": series, "time_ns": time_ns})
            found = self._write.execute(
                "SELECT series, time_ns, value FROM readings JOIN asked USING (series, time_ns)"
                " WHERE time_ns BETWEEN ? AND ?",
                [int(time_ns.min()), int(time_ns.max())],
            ).fetchall()
            self._write.unregister("asked")
        return {(number, at): value for number, at, value in found}

    def _put_series(self, names: int) -> None:
        fresh = self._names[self._numbered : names]
        if fresh:
            rows = [(self._numbered + i, *map(text, one)) for i, one in enumerate(fresh)]
            self._write.executemany("INSERT INTO series VALUES (?, ?, ?, ?)", rows)

    def _put_rows(self, rows: Rows, judged: _Judgement, number: int) -> None:
        write = self._write
        if judged.replacing.any():
            write.register("fixed", _columns(rows.take(judged.replacing), number))
            here = "FROM readings r SEMI JOIN fixed USING (series, time_ns)"
            write.execute(f"INSERT INTO superseded SELECT r.*, ? {here}", [number])
            write.execute(
                "DELETE FROM readings USING fixed WHERE readings.series = fixed.series"
                " AND readings.time_ns = fixed.time_ns"
            )
            write.unregister("fixed")
        for table, which in (("readings", judged.lying), ("superseded", judged.outdated)):
            if which.any():
                write.register("fresh", _columns(rows.take(which), number))
                also = f", {number}" if table == "superseded" else ""
                write.execute(f"INSERT INTO {table} SELECT *{also} FROM fresh")
                write.unregister("fresh")

    def _put_devices(self, devices: list[Device]) -> None:
        for d in devices:
            self._write.execute("DELETE FROM devices WHERE id = ?", [d.id])
            facts = [*map(text, (d.id, d.name, d.model, d.format, d.source)), d.first_ns, d.last_ns]
            state = json.dumps(dict(d.state))
            self._write.execute("INSERT INTO devices VALUES (?,?,?,?,?,?,?,?)", [*facts, state])

    def _put_refusals(self, commit: Commit) -> int:
        """Write refusals, drop the oldest beyond the bound, and return the bytes that lie there."""
        size = self._refused_bytes + sum(len(r.envelope.payload) for r in commit.refusals)
        for number, refusal in enumerate(commit.refusals, self._refused + 1):
            came = refusal.envelope
            why = map(text, (refusal.rule, refusal.expected, refusal.found))
            self._write.execute(
                "INSERT INTO quarantine VALUES (?,?,?,?,?,?,?,?)",
                [number, text(came.source), text(came.topic), came.received_ns, *why, came.payload],
            )
        while size > self._quarantine_bytes_max:
            oldest = self._write.execute(
                "SELECT id, octet_length(payload) FROM quarantine ORDER BY id LIMIT 64"
            ).fetchall()
            if not oldest:
                return 0
            size -= sum(length for _, length in oldest)
            self._write.execute("DELETE FROM quarantine WHERE id <= ?", [oldest[-1][0]])
        return size

    def _put_keys(self, keys: list[bytes], number: int) -> list[bytes]:
        """Write the keys and return those that are old enough to be forgotten."""
        if keys:
            self._write.executemany(
                "INSERT INTO keys VALUES (?, ?)", [(key, number) for key in keys]
            )
        if len(self._keys) + len(keys) <= self._keys_max:
            return []
        # A tenth at a time: forgetting costs a pass over the table.
        old = list(self._keys)[: len(self._keys) + len(keys) - self._keys_max * 9 // 10]
        self._write.register("old", {"key": np.array(old, dtype=object)})
        self._write.execute("DELETE FROM keys WHERE key IN (SELECT key FROM old)")
        self._write.unregister("old")
        return old

    def _put_counts(self, number: int, counts: Counts) -> None:
        self._write.execute(
            "UPDATE counts SET commit_id = ?, stored = ?, duplicate = ?, quarantined = ?,"
            " readings = ?, corrections = ?",
            [number, *astuple(counts)],
        )

    def put_derived(self, derived: Derived) -> None:
        """Write windows and anomalies in one commit."""
        with self._derived_lock, transaction(self._derive):
            con = self._derive
            series, start_ns, end_ns = derived.redone
            if len(series):
                redone = {"series": series, "from_ns": start_ns, "to_ns": end_ns}
                con.register("redone", redone)
                con.execute(
                    "DELETE FROM windows USING redone WHERE windows.series = redone.series"
                    " AND start_ns >= from_ns AND start_ns < to_ns AND start_ns BETWEEN ? AND ?",
                    [int(start_ns.min()), int(end_ns.max())],
                )
                con.unregister("redone")
            w = derived.windows
            if len(w):
                fields = ("series", "width_ns", "start_ns", "count", "min", "max", "mean", "last")
                con.register("fresh", {name: getattr(w, name) for name in fields})
                con.execute("INSERT INTO windows SELECT * FROM fresh")
                con.unregister("fresh")
            gone = [a.id for a in derived.anomalies] + derived.retracted
            if gone:
                con.execute("DELETE FROM anomalies WHERE id IN (SELECT unnest(?))", [gone])
            for a in derived.anomalies:
                con.execute(
                    "INSERT INTO anomalies VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
                    [text(fact) if isinstance(fact, str) else fact for fact in astuple(a)],
                )
            con.execute("UPDATE derived SET through = ?", [derived.through])

    def close(self) -> None:
        """Write what is in flight and let go of the file."""
        with self._lock, self._derived_lock, told():
            self._con.execute("CHECKPOINT")
            for con in (self._write, self._derive, self._con):
                con.close()


def _columns(rows: Rows, number: int) -> dict[str, NDArray[np.generic]]:
    return {
        "series": rows.series,
        "time_ns": rows.time_ns,
        "value": rows.value,
        "received_ns": rows.received_ns,
        "quality": rows.quality,
        "commit_id": np.full(len(rows), number, dtype=np.int64),
    }


def _open(path: Path) -> duckdb.DuckDBPyConnection:
    try:
        return duckdb.connect(str(path))
    except duckdb.Error as fault:
        holder = "lock" in str(fault).lower()
        hint = (
            "another Emscher uses this folder: stop it, or choose another --data folder"
            if holder
            else "if the file is no store, move it away; if the disk is full, make room"
        )
        raise StoreUnavailable(f"can't open the store {path}: {hint} ({fault})") from fault
