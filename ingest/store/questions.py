"""The reading half of the embedded store: each question is one statement, on a cursor of its own.

Cursors share the database and see what was committed when they began; any thread may ask.
"""

import json
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from ingest.derived import Anomaly, Windows
from ingest.device import Device
from ingest.memory import Fact
from ingest.reading import Rows, Series
from ingest.store.file import File
from ingest.store.judgement import near
from ingest.store.latest import NEVER_NS, Latest
from ingest.store.port import Counts, Quarantined, SeriesSpan
from ingest.store.schema import text
from ingest.store.writing import WINDOW

_READING = "series, time_ns, value, received_ns, quality"


class Questions(ABC):
    """What the store answers (store/port.py, Source)."""

    def __init__(self, file: File) -> None:
        self._file = file
        self._names: list[Series] = []
        self._numbers: dict[Series, int] = {}
        self._of_device: dict[str, list[int]] = {}
        self._names_lock = threading.Lock()
        self._devices: dict[str, Device] = {}
        self._latest = Latest.empty(0)
        self._counts = Counts()
        self._forgotten: dict[int, int] = {}
        self._commit = 0
        self._readers = 0
        self._alone = threading.Condition()

    @abstractmethod
    def _mend(self) -> None:
        """Open the file again if DuckDB has given it up: the writing half knows how."""

    @contextmanager
    def _asking(self) -> Iterator[duckdb.DuckDBPyConnection]:
        self._mend()
        with self._alone:
            self._readers += 1
        try:
            with self._file.told(), self._file.cursor() as cursor:
                yield cursor
        finally:
            with self._alone:
                self._readers -= 1
                self._alone.notify_all()

    def _rows(self, sql: str, *args: object) -> Rows:
        with self._asking() as cursor:
            return _as_rows(cursor.execute(sql, args).fetchnumpy())

    def _all(self, sql: str, *args: object) -> list[tuple[Any, ...]]:
        with self._asking() as cursor:
            return cursor.execute(sql, args).fetchall()

    def counts(self) -> Counts:
        """Return the counters over the whole life of the store."""
        return self._counts

    def last_commit(self) -> int:
        """Return the number of the last commit; 0 before the first."""
        return self._commit

    def device(self, name: str) -> Device | None:
        """Return a device by its id, with its state as of its last change."""
        return self._devices.get(name) or self._devices.get(text(name))

    def devices(self) -> list[Device]:
        """Return every device, by id, with the time of its last word."""
        heard: dict[str, int] = {}
        for series, at in zip(list(self._names), self._latest.heard_ns.tolist(), strict=False):
            heard[series.device] = max(at, heard.get(series.device, NEVER_NS))
        found = [
            replace(device, last_ns=max(device.last_ns, heard.get(device.id, NEVER_NS)))
            for device in list(self._devices.values())
        ]
        return sorted(found, key=lambda device: device.id)

    def facts(self) -> list[Fact]:
        """Return what messages announced, in the order in which it was learned."""
        found = self._all("SELECT format, name, value FROM facts ORDER BY commit_id, rowid")
        return [Fact(format_name, name, json.loads(value)) for format_name, name, value in found]

    def name_of(self, number: int) -> Series:
        """Return the series of a number that this store has given."""
        return self._names[number]

    def series(self, device: str | None = None) -> list[SeriesSpan]:
        """Return every series that has readings (of a device), by number."""
        numbers = None if device is None else self._of_device.get(device, [])
        return [
            SeriesSpan(number, self._names[number], *span)
            for number, *span in self._latest.spans(numbers)
        ]

    def scan(
        self,
        series: Sequence[int] | None,
        start_ns: int,
        end_ns: int,
        *,
        limit: int | None = None,
        newest: bool = False,
    ) -> Rows:
        """Return the readings in [start_ns, end_ns), by (series, time)."""
        sql = f"SELECT {_READING} FROM readings WHERE time_ns >= ? AND time_ns < ?"
        args: list[object] = [start_ns, end_ns]
        if series is not None and len(series) == 1:
            sql += " AND series = ?"
            args.append(int(series[0]))
        elif series is not None:
            sql += " AND series IN (SELECT unnest(?))"
            args.append([int(number) for number in series])
        if limit is not None:
            sql += f" ORDER BY time_ns {'DESC' if newest else 'ASC'}, series LIMIT ?"
            args.append(limit)
            return self._rows(f"SELECT * FROM ({sql}) ORDER BY series, time_ns", *args)
        return self._rows(sql + " ORDER BY series, time_ns", *args)

    def since(self, commit: int, upto: int | None = None, *, series: int | None = None) -> Rows:
        """Return the readings that came with later commits (upto this one), by (series, time)."""
        sql, args = f"SELECT {_READING} FROM readings WHERE commit_id > ?", [commit]
        for fact, bound in (("commit_id <= ?", upto), ("series = ?", series)):
            if bound is not None:
                sql += f" AND {fact}"
                args.append(bound)
        return self._rows(f"{sql} ORDER BY series, time_ns", *args)

    def within(
        self, series: NDArray[np.int32], start_ns: NDArray[np.int64], end_ns: NDArray[np.int64]
    ) -> Rows:
        """Return the readings of series[k] in [start_ns[k], end_ns[k]), by (series, time)."""
        asked = {"series": series, "start_ns": start_ns, "end_ns": end_ns}
        bounds = [int(start_ns.min(initial=0)), int(end_ns.max(initial=0))]
        with self._asking() as cursor:
            cursor.register("asked", asked)
            found = cursor.execute(
                "SELECT r.series, time_ns, value, received_ns, quality FROM readings r JOIN asked a"
                " ON r.series = a.series AND time_ns >= start_ns AND time_ns < end_ns"
                " WHERE time_ns >= ? AND time_ns < ? ORDER BY r.series, time_ns",
                bounds,
            ).fetchnumpy()
        return _as_rows(found)

    def newest_before(
        self, series: NDArray[np.int32], time_ns: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Return for each series the time of its newest reading before time_ns[k], or that."""
        asked = {"place": np.arange(len(series)), "series": series, "before_ns": time_ns}
        with self._asking() as cursor:
            cursor.register("asked", asked)
            found = cursor.execute(
                "SELECT place, max(time_ns) AS newest FROM readings r JOIN asked a"
                " ON r.series = a.series AND time_ns < before_ns GROUP BY place"
            ).fetchnumpy()
        newest = time_ns.copy()
        newest[found["place"]] = found["newest"]
        return newest

    def at(self, series: NDArray[np.int32], time_ns: NDArray[np.int64]) -> Rows:
        """Return what lies at these series and times, both (k,), where anything does; any order."""
        parts = [Rows.of([], [], [], [], [])]
        for group in near(time_ns):
            bounds = [int(time_ns[group].min()), int(time_ns[group].max())]
            with self._asking() as cursor:
                cursor.register("asked", {"series": series[group], "time_ns": time_ns[group]})
                found = cursor.execute(
                    f"SELECT {_READING} FROM readings SEMI JOIN asked USING (series, time_ns)"
                    " WHERE time_ns BETWEEN ? AND ?",
                    bounds,
                ).fetchnumpy()
            parts.append(_as_rows(found))
        return Rows.joined(parts)

    def received(self, start_ns: int, end_ns: int, series: Sequence[int] | None = None) -> Rows:
        """Return the readings that were received in [start_ns, end_ns), by (series, time)."""
        sql = f"SELECT {_READING} FROM readings WHERE received_ns >= ? AND received_ns < ?"
        args: list[object] = [start_ns, end_ns]
        if series is not None:
            sql += " AND series IN (SELECT unnest(?))"
            args.append([int(number) for number in series])
        return self._rows(f"{sql} ORDER BY series, time_ns", *args)

    def forgotten_ns(self, series: NDArray[np.int32]) -> NDArray[np.int64]:
        """Return for each series the time before which readings were dropped, or int64's least."""
        known = self._forgotten
        return np.array([known.get(one, NEVER_NS) for one in series.tolist()], np.int64)

    def history(self, series: int) -> Rows:
        """Return the values of a series that were overwritten, by time and then as they came."""
        where = "WHERE series = ? ORDER BY time_ns, replaced_by, rowid"
        return self._rows(f"SELECT {_READING} FROM superseded {where}", series)

    def latest(self, device: str | None = None) -> Rows:
        """Return the newest reading by sampling time of every series that has one, by number."""
        return self._latest.rows(None if device is None else self._of_device.get(device, []))

    def windows(self, series: Sequence[int], width_ns: int, start_ns: int, end_ns: int) -> Windows:
        """Return the stored windows of a width that start in [start_ns, end_ns)."""
        with self._asking() as cursor:
            found = cursor.execute(
                f"SELECT {', '.join(WINDOW)} FROM windows WHERE series IN (SELECT unnest(?))"
                " AND width_ns = ? AND start_ns >= ? AND start_ns < ? ORDER BY series, start_ns",
                [[int(number) for number in series], width_ns, start_ns, end_ns],
            ).fetchnumpy()
        return Windows(*(np.asarray(found[name]) for name in WINDOW))

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
        """Return anomalies that touch [start_ns, end_ns), newest start first, then by id."""
        facts: list[tuple[str, list[object]]] = []
        if start_ns is not None:
            # An event of one instant (end = start) touches a span that starts there.
            facts.append(("(end_ns IS NULL OR end_ns >= ?)", [start_ns]))
        if end_ns is not None:
            facts.append(("start_ns < ?", [end_ns]))
        if devices is not None:
            facts.append(("device IN (SELECT unnest(?))", [list(devices)]))
        if open_only:
            facts.append(("end_ns IS NULL", []))
        if after is not None:
            facts.append(("(start_ns < ? OR (start_ns = ? AND id > ?))", [after[0], *after]))
        where = f"WHERE {' AND '.join(sql for sql, _ in facts)}" if facts else ""
        args = [arg for _, part in facts for arg in part]
        if limit is not None:
            args.append(limit)
        order = "ORDER BY start_ns DESC, id" + (" LIMIT ?" if limit is not None else "")
        found = self._all(f"SELECT * FROM anomalies {where} {order}", *args)
        return [Anomaly(*row) for row in found]

    def anomaly(self, id: str) -> Anomaly | None:
        """Return the anomaly of this id; None: there is none, or it was retracted."""
        found = self._all("SELECT * FROM anomalies WHERE id = ?", text(id))
        return Anomaly(*found[0]) if found else None

    def quarantined(
        self, *, before: int | None = None, limit: int = 100, payload_bytes: int | None = 1024
    ) -> list[Quarantined]:
        """Return refusals, newest first, with the first `payload_bytes` of each message."""
        where = "" if before is None else "WHERE id < ?"
        args: list[object] = [limit] if before is None else [before, limit]
        return self._refusals(f"{where} ORDER BY id DESC LIMIT ?", args, payload_bytes)

    def refused(self, *, after: int = 0, rule: str | None = None, limit: int) -> list[Quarantined]:
        """Return refusals (of one rule) beyond that number with their whole messages, by number."""
        of_rule, args = ("", []) if rule is None else (" AND rule = ?", [rule])
        where = f"WHERE id > ?{of_rule} ORDER BY id LIMIT ?"
        return self._refusals(where, [after, *args, limit], None)

    def quarantined_one(self, number: int) -> Quarantined | None:
        """Return one refusal with its whole message."""
        return next(iter(self._refusals("WHERE id = ?", [number], None)), None)

    def _refusals(
        self, tail: str, args: list[object], payload_bytes: int | None
    ) -> list[Quarantined]:
        shown = "payload" if payload_bytes is None else f"payload[1:{int(payload_bytes)}]"
        found = self._all(
            "SELECT id, source, topic, received_ns, rule, expected, found, octet_length(payload),"
            f" {shown}, retained FROM quarantine {tail}",
            *args,
        )
        return [
            Quarantined(*(*facts, bytes(payload), bool(retained)))
            for *facts, payload, retained in found
        ]

    def derived_through(self) -> int:
        """Return the last commit that stored windows and anomalies take into account."""
        return int(self._all("SELECT through FROM derived")[0][0])


def _as_rows(found: dict[str, NDArray[Any]]) -> Rows:
    names = ("series", "time_ns", "value", "received_ns", "quality")
    return Rows.of(*(found[name] for name in names))
