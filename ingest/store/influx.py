"""The production store: readings in InfluxDB, and the books that count them in a file beside.

InfluxDB has no transactions, and a point that is written over is gone. So what must not be lost or
counted twice (counters, identities, quarantine, devices, values that were overwritten) lies in a
DuckDB file, the books, and a commit goes in this order:

1. values that the commit will overwrite go into the books, as `overwriting`;
2. the points go to InfluxDB, which has them on disk when it answers;
3. the books are committed: counters, devices, keys … and from `overwriting` into history.

A crash before 3 is as if the commit had never been: its messages come again, and the same points
are written again. Each point carries the number of the attempt that wrote it, and the books know
which attempts came to their end: of the others, a point is taken for what it replaced, as
`overwriting` has it, or for nothing.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest.reading import Rows
from ingest.store.embedded import EmbeddedStore
from ingest.store.influx_wire import ESCAPED, Answer, Wire, tags_of
from ingest.store.judgement import Judgement, Stored, near
from ingest.store.latest import Latest
from ingest.store.server import Server

MEASUREMENT = "readings"
_FIELDS = '"value", "quality", "received", "attempt"'
_EARLIEST, _LATEST = -(2**63) + 2, 2**63 - 2  # what InfluxDB can tell of time
_COMMITS_KEPT = 10_000
_TABLES = """
CREATE TABLE IF NOT EXISTS overwriting (
    series INTEGER NOT NULL, time_ns BIGINT NOT NULL, value DOUBLE NOT NULL,
    received_ns BIGINT NOT NULL, quality UTINYINT NOT NULL, commit_id BIGINT NOT NULL);
CREATE TABLE IF NOT EXISTS latest (
    series INTEGER NOT NULL, time_ns BIGINT NOT NULL, value DOUBLE NOT NULL,
    received_ns BIGINT NOT NULL, quality UTINYINT NOT NULL, first_ns BIGINT NOT NULL,
    heard_ns BIGINT NOT NULL, count BIGINT NOT NULL);
CREATE TABLE IF NOT EXISTS spans (
    commit_id BIGINT NOT NULL, attempt BIGINT NOT NULL, first_ns BIGINT NOT NULL,
    last_ns BIGINT NOT NULL);
CREATE TABLE IF NOT EXISTS attempts (epoch BIGINT NOT NULL, last BIGINT NOT NULL);
CREATE TABLE IF NOT EXISTS voids (attempt BIGINT NOT NULL);
"""
_EPOCH_BITS = 40  # attempts of one opening; the openings are counted above them
_LATEST_COLUMNS = (
    "time_ns", "value", "received_ns", "quality", "first_ns", "heard_ns", "count",
)  # fmt: skip


class InfluxStore(EmbeddedStore):
    """InfluxDB and the books behind the store port (store/port.py)."""

    _beside = ("latest", "overwriting")

    def __init__(self, path: Path, server: Server, **bounds: int) -> None:
        self._wire = Wire(server)
        self._tags: list[tuple[str, str, str]] = []
        self._of_tags: dict[tuple[str, str, str], int] = {}
        self._heads: list[str] = []
        try:
            super().__init__(path, **bounds)
        except BaseException:
            self._wire.close()
            raise

    def _lying_latest(self, slots: int) -> Latest:
        with self._file.transaction(self._write):
            self._write.execute(_TABLES)
            self._last_of = dict(self._write.execute("SELECT * FROM attempts").fetchall())
            epoch = max(self._last_of, default=0) + 1
            self._write.execute("INSERT INTO attempts VALUES (?, ?)", [epoch, epoch << _EPOCH_BITS])
        self._epoch, self._attempt = epoch, epoch << _EPOCH_BITS
        self._last_of[epoch] = self._attempt
        self._voids = {one for (one,) in self._write.execute("SELECT * FROM voids").fetchall()}
        self._void_now = list[int]()
        self._laid_for = 0
        latest = Latest.empty(slots)
        found = self._write.execute("SELECT * FROM latest").fetchnumpy()
        for name in _LATEST_COLUMNS:
            getattr(latest, name)[found["series"]] = found[name]
        return latest

    def close(self) -> None:
        """Let go of the books and of the server."""
        super().close()
        self._wire.close()

    # What is written

    def _stored(self, series: NDArray[np.int32], time_ns: NDArray[np.int64]) -> Stored:
        lying = self.at(series, time_ns)
        places = zip(lying.series.tolist(), lying.time_ns.tolist(), strict=True)
        said = zip(lying.value.tolist(), lying.quality.tolist(), strict=True)
        return dict(zip(places, said, strict=True))

    def _lay(self, rows: Rows, found: Judgement, number: int) -> None:
        if self._laid_for > self._commit:  # the attempt before this one came to no end
            self._void_now.append(self._attempt)
            self._voids.add(self._attempt)
        else:
            self._void_now.clear()  # written with the last commit
        self._attempt += 1
        self._laid_for = number
        if found.replacing.any():
            self._keep_overwritten(rows.take(found.replacing))
        lying = rows.take(found.lying)
        if len(lying):
            self._wire.write(self._points(lying))

    def _keep_overwritten(self, rows: Rows) -> None:
        there = set(self._all("SELECT series, time_ns FROM overwriting"))
        fresh = np.array(
            [pair not in there for pair in zip(rows.series.tolist(), rows.time_ns.tolist(),
                                               strict=True)], dtype=bool
        )  # fmt: skip
        old, commits = self._lying(rows.series[fresh], rows.time_ns[fresh])
        if not len(old):
            return
        with self._file.transaction(self._write):
            columns = {
                "series": old.series, "time_ns": old.time_ns, "value": old.value,
                "received_ns": old.received_ns, "quality": old.quality, "commit_id": commits,
            }  # fmt: skip
            self._write.register("old", columns)
            self._write.execute("INSERT INTO overwriting SELECT * FROM old")
            self._write.unregister("old")

    def _points(self, rows: Rows) -> list[str]:
        top = int(rows.series.max())
        while len(self._heads) <= top:
            self._meet(len(self._heads))
        heads = self._heads
        return [
            f"{heads[series]}value={value!r},quality={quality}i,received={received}i,"
            f"attempt={self._attempt}i {at}"
            for series, at, value, received, quality in zip(
                rows.series.tolist(),
                rows.time_ns.tolist(),
                rows.value.tolist(),
                rows.received_ns.tolist(),
                rows.quality.tolist(),
                strict=True,
            )
        ]

    def _meet(self, number: int) -> None:
        """Know the tags of a series."""
        tags = tags_of(self._names[number])
        self._tags.append(tags)
        self._of_tags[tags] = number
        channel, device, quantity = (one.translate(ESCAPED) for one in (tags[2], tags[0], tags[1]))
        told = f"{MEASUREMENT}," + (f"channel={channel}," if channel else "")
        self._heads.append(f"{told}device={device},quantity={quantity} ")

    def _put_rows(self, rows: Rows, found: Judgement, number: int) -> None:
        write = self._write
        if found.replacing.any():
            fixed = rows.take(found.replacing)
            write.register("fixed", {"series": fixed.series, "time_ns": fixed.time_ns})
            write.execute(
                "INSERT INTO superseded SELECT o.*, ? FROM overwriting o"
                " SEMI JOIN fixed USING (series, time_ns)",
                [number],
            )
            write.execute(
                "DELETE FROM overwriting USING fixed WHERE overwriting.series = fixed.series"
                " AND overwriting.time_ns = fixed.time_ns"
            )
            write.unregister("fixed")
        self._put_outdated(rows, found, number)
        write.execute("UPDATE attempts SET last = ? WHERE epoch = ?", [self._attempt, self._epoch])
        for attempt in self._void_now:
            write.execute("INSERT INTO voids VALUES (?)", [attempt])
        lying = rows.take(found.lying)
        bounds = [0, -1] if not len(lying) else [lying.time_ns.min(), lying.time_ns.max()]
        write.execute(
            "INSERT INTO spans VALUES (?, ?, ?, ?)", [number, self._attempt, *map(int, bounds)]
        )
        if number % _COMMITS_KEPT == 0:
            write.execute("DELETE FROM spans WHERE commit_id <= ?", [number - _COMMITS_KEPT])

    def _put_latest(self, touched: NDArray[np.int32], newest: dict[str, NDArray[Any]]) -> None:
        if len(touched):
            told = {name: newest[name] for name in _LATEST_COLUMNS}
            self._write.register("newest", {"series": touched, **told})
            self._write.execute("DELETE FROM latest WHERE series IN (SELECT series FROM newest)")
            self._write.execute("INSERT INTO latest SELECT * FROM newest")
            self._write.unregister("newest")

    def _drop(self, series: NDArray[np.int32], before_ns: NDArray[np.int64]) -> NDArray[np.int64]:
        where = [self._where(number) for number in series.tolist()]
        gone = np.zeros(len(series), np.int64)
        asked = [
            f'SELECT count("value") FROM {MEASUREMENT} WHERE {facts} AND time < {at}'
            for facts, at in zip(where, before_ns.tolist(), strict=True)
        ]
        for answer in self._wire.ask(asked):
            gone[answer.statement] = answer.values[0][1]
        told = zip(where, before_ns.tolist(), gone.tolist(), strict=True)
        dropped = [
            f"DELETE FROM {MEASUREMENT} WHERE {facts} AND time < {at}"
            for facts, at, count in told
            if count
        ]
        for _ in self._wire.ask(dropped):
            pass
        return gone

    def _forget_names(self, device: str, numbers: list[int]) -> None:
        where = [self._where(number) for number in numbers]
        for _ in self._wire.ask([f"DROP SERIES FROM {MEASUREMENT} WHERE {one}" for one in where]):
            pass
        super()._forget_names(device, numbers)
        while len(self._heads) <= max(numbers, default=-1):
            self._meet(len(self._heads))
        for number in numbers:
            self._of_tags.pop(self._tags[number], None)
            self._tags[number], self._heads[number] = tags_of(self._names[number]), ""

    # What is asked

    def _where(self, number: int) -> str:
        while len(self._tags) <= number:
            self._meet(len(self._tags))
        device, quantity, channel = (one.replace("'", r"\'") for one in self._tags[number])
        return (
            f"\"device\" = '{device}' AND \"quantity\" = '{quantity}' AND \"channel\" = '{channel}'"
        )

    def _select(self, where: str, start_ns: int, end_ns: int, tail: str = "") -> str:
        """Return a statement for points in [start_ns, end_ns)."""
        first, last = max(start_ns, _EARLIEST), min(end_ns - 1, _LATEST)
        facts = f"{where} AND " if where else ""
        return (
            f"SELECT {_FIELDS} FROM {MEASUREMENT} WHERE {facts}time >= {first} AND time <= {last}"
            f" GROUP BY device, quantity, channel {tail}"
        )

    def _found(self, statements: Sequence[str]) -> tuple[Rows, NDArray[np.int64]]:
        """Return what statements find, by (series, time), and the commit of each row."""
        columns: list[list[Any]] = [[], [], [], [], [], []]
        for answer in self._wire.ask(statements) if statements else ():
            number = self._number_of(answer)
            if number is None:
                continue
            for at, value, quality, received, attempt in answer.values:
                # While a point is being written, a question may find only some of its fields.
                if None in (value, quality, received, attempt):
                    continue
                for column, fact in zip(
                    columns, (number, at, value, received, quality, attempt), strict=True
                ):
                    column.append(fact)
        rows = Rows.of(*columns[:5])
        attempts = np.asarray(columns[5], dtype=np.int64)
        ended = self._ended(attempts)
        if not ended.all():
            cut = rows.take(~ended)
            before, numbers = self._overwritten(cut)
            rows = Rows.joined([rows.take(ended), before])
            attempts = np.concatenate([attempts[ended], numbers])
        order = np.lexsort((rows.time_ns, rows.series))
        return rows.take(order), attempts[order]

    def _ended(self, attempts: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which attempts came to their end."""
        last = np.zeros(max(self._last_of, default=0) + 1, np.int64)
        for epoch, number in self._last_of.items():
            last[epoch] = number
        if self._commit >= self._laid_for:
            last[self._epoch] = self._attempt
        else:
            last[self._epoch] = self._attempt - 1
        epoch = attempts >> _EPOCH_BITS
        known = (epoch > 0) & (epoch < len(last))
        ended = known & (attempts <= last[np.where(known, epoch, 0)])
        return ended & ~np.isin(attempts, list(self._voids)) if self._voids else ended

    def _overwritten(self, cut: Rows) -> tuple[Rows, NDArray[np.int64]]:
        """Return what lay there before attempts that came to no end, where anything did."""
        with self._asking() as cursor:
            cursor.register("cut", {"series": cut.series, "time_ns": cut.time_ns})
            found = cursor.execute(
                "SELECT o.* FROM overwriting o SEMI JOIN cut USING (series, time_ns)"
            ).fetchnumpy()
        names = ("series", "time_ns", "value", "received_ns", "quality")
        return Rows.of(*(found[name] for name in names)), found["commit_id"].astype(np.int64)

    def _number_of(self, answer: Answer) -> int | None:
        """Return the number of the series of an answer; None: it is somebody else's."""
        tags = answer.tags
        place = (tags.get("device", ""), tags.get("quantity", ""), tags.get("channel", ""))
        if place not in self._of_tags:
            while len(self._tags) < len(self._names):
                self._meet(len(self._tags))
        return self._of_tags.get(place)

    def _lying(
        self, series: NDArray[np.int32], time_ns: NDArray[np.int64]
    ) -> tuple[Rows, NDArray[np.int64]]:
        statements, wanted = [], set[tuple[int, int]]()
        for number in np.unique(series).tolist():
            times = np.unique(time_ns[series == number])
            wanted.update((number, at) for at in times.tolist())
            statements += [
                self._select(self._where(number), int(times[g].min()), int(times[g].max()) + 1)
                for g in near(times)
            ]
        rows, commits = self._found(statements)
        pairs = zip(rows.series.tolist(), rows.time_ns.tolist(), strict=True)
        kept = np.array([pair in wanted for pair in pairs], dtype=bool)
        return rows.take(kept), commits[kept]

    def at(self, series: NDArray[np.int32], time_ns: NDArray[np.int64]) -> Rows:
        """Return what lies at these series and times, both (k,), where anything does."""
        return self._lying(series, time_ns)[0]

    def received(self, start_ns: int, end_ns: int, series: Sequence[int] | None = None) -> Rows:
        """Return the readings that were received in [start_ns, end_ns), by (series, time)."""
        within = f'"received" >= {start_ns} AND "received" < {end_ns}'
        wheres = [within] if series is None else [
            f"{self._where(int(number))} AND {within}" for number in series
        ]  # fmt: skip
        return self._found([self._select(where, _EARLIEST, _LATEST) for where in wheres])[0]

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
        wheres = [""] if series is None else [self._where(int(number)) for number in series]
        tail = "" if limit is None else f"ORDER BY time {'DESC' if newest else 'ASC'} LIMIT {limit}"
        rows, _ = self._found([self._select(where, start_ns, end_ns, tail) for where in wheres])
        if limit is None:
            return rows
        by_time = np.lexsort((rows.series, -rows.time_ns if newest else rows.time_ns))[:limit]
        return rows.take(np.sort(by_time))

    def since(self, commit: int, upto: int | None = None, *, series: int | None = None) -> Rows:
        """Return the readings that came with later commits (upto this one), by (series, time)."""
        last = self._commit if upto is None else min(upto, self._commit)
        if last <= commit:
            return Rows.of([], [], [], [], [])
        spans = "SELECT {} FROM spans WHERE commit_id > ? AND commit_id <= ?"
        ((known, first_ns, last_ns),) = self._all(
            spans.format("count(*), min(first_ns), max(last_ns)") + " AND first_ns <= last_ns",
            *(commit, last),
        )
        ((count, first, final),) = self._all(
            spans.format("count(*), min(attempt), max(attempt)"), commit, last
        )
        if count < last - commit:  # longer ago than the books tell
            first, first_ns, last_ns = 0, _EARLIEST, _LATEST
        elif not known:
            return Rows.of([], [], [], [], [])
        where = f'"attempt" >= {first} AND "attempt" <= {final}'
        if series is not None:
            where = f"{self._where(series)} AND {where}"
        return self._found([self._select(where, first_ns, last_ns + 1)])[0]

    def within(
        self, series: NDArray[np.int32], start_ns: NDArray[np.int64], end_ns: NDArray[np.int64]
    ) -> Rows:
        """Return the readings of series[k] in [start_ns[k], end_ns[k]), by (series, time)."""
        spans = zip(series.tolist(), start_ns.tolist(), end_ns.tolist(), strict=True)
        return self._found(
            [self._select(self._where(number), start, end) for number, start, end in spans]
        )[0]

    def newest_before(
        self, series: NDArray[np.int32], time_ns: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Return for each series the time of its newest reading before time_ns[k], or that."""
        newest = time_ns.copy()
        statements = [
            self._select(self._where(number), _EARLIEST, at, "ORDER BY time DESC LIMIT 1")
            for number, at in zip(series.tolist(), time_ns.tolist(), strict=True)
        ]
        for answer in self._wire.ask(statements) if statements else ():
            newest[answer.statement] = answer.values[0][0]
        return newest
