"""The DuckDB file of the embedded store: opened, asked, and opened again when DuckDB gives it up.

Source: DuckDB 2.0. A commit returns after fdatasync(2) of the write-ahead log (seen with strace). A
checkpoint that can't write (a full disk) raises FatalException and makes the whole database refuse
every further call until it is opened again; nothing that was committed is lost by that. So
checkpoints are not left to DuckDB, which makes them inside a commit: they are made between commits,
and only while there is room for one.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb
import structlog

from ingest.errors import StoreUnavailable

CHECKPOINT_BYTES = 16 * 2**20
"""The size of the write-ahead log from which a checkpoint is due."""

# Without a limit DuckDB keeps what it wrote in memory until four fifths of the machine are full. A
# question that needs more spills to a folder beside the file.
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "checkpoint_threshold": "1TB",
    "memory_limit": "128MB",
}
_URGENT = 4  # so many times as long, and the checkpoint waits for readers; before, it makes way

log = structlog.get_logger("emscher.ingest")


class File:
    """One open file. `broken` says that DuckDB has given it up: `reopen` it, then clear `broken`.

    Raises StoreUnavailable when it can't be opened, saying what is in the way.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.broken = False
        self._wal = path.with_name(path.name + ".wal")
        self._con = _opened(path)

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """Return a connection of its own to the same database; its user closes it."""
        with self.told():
            return self._con.cursor()

    @contextmanager
    def told(self) -> Iterator[None]:
        """Turn what DuckDB says when it can't do something now into StoreUnavailable."""
        try:
            yield
        except (duckdb.IOException, duckdb.OperationalError) as fault:
            raise StoreUnavailable(f"the embedded store can't do this now: {fault}") from fault
        except duckdb.FatalException as fault:
            self.broken = True
            raise StoreUnavailable(f"the embedded store must be opened again: {fault}") from fault

    @contextmanager
    def transaction(self, con: duckdb.DuckDBPyConnection) -> Iterator[None]:
        """Commit what happens inside, or nothing of it."""
        with self.told():
            con.execute("BEGIN")
            try:
                yield
                con.execute("COMMIT")
            except BaseException:
                # Where COMMIT itself failed there is nothing to roll back, and a database that
                # was given up says so of the ROLLBACK too: the first fault is the one to tell.
                with suppress(duckdb.Error):
                    con.execute("ROLLBACK")
                raise

    def reopen(self) -> None:
        """Let go of the file and open it anew; every cursor made before is of no use any more."""
        with suppress(duckdb.Error):
            self._con.close()
        self._con = _opened(self.path)
        try:
            self._con.execute("SELECT 1").fetchall()
        except duckdb.Error as fault:  # a reader still holds what was given up: soon it will not
            raise StoreUnavailable(f"the embedded store is being opened again: {fault}") from fault

    def rewrite(self) -> None:
        """Write the file anew, so that it holds no byte of what was deleted, and open it.

        The caller sees to it that nobody reads meanwhile; every cursor is of no use any more. A
        kill leaves the old file or the new one.
        """
        size, free = self.path.stat().st_size, shutil.disk_usage(self.path.parent).free
        if free < 1.2 * size:
            raise StoreUnavailable(
                f"the store can't be written anew: expected {1.2 * size / 1e6:.0f} MB of room,"
                f" found {free / 1e6:.0f} MB"
            )
        fresh = self.path.with_name(f"{self.path.name}.new")
        for old in (fresh, fresh.with_name(f"{fresh.name}.wal")):
            old.unlink(missing_ok=True)
        with self.told():
            self._con.execute("FORCE CHECKPOINT")
            ((own,),) = self._con.execute("SELECT current_database()").fetchall()
            told = str(fresh).replace("'", "''")
            self._con.execute(f"ATTACH '{told}' AS fresh")
            try:
                self._con.execute(f'COPY FROM DATABASE "{own}" TO fresh')
            finally:
                self._con.execute("DETACH fresh")  # or the next try would find it in its way
        self._con.close()
        with fresh.open("rb") as file:
            os.fsync(file.fileno())
        fresh.replace(self.path)
        self._con = _opened(self.path)

    def checkpoint_is_due(self) -> bool:
        """Return whether the log has grown enough, and the disk has room to write it out."""
        size = self._log_bytes()
        return size >= CHECKPOINT_BYTES and shutil.disk_usage(self.path.parent).free > 2 * size

    def checkpoint(self) -> None:
        """Write the log into the file. What can't be written now stays in the log, as safe.

        While a reader looks at an older state that is impossible, and the next try is soon.
        """
        force = "FORCE " if self._log_bytes() >= _URGENT * CHECKPOINT_BYTES else ""
        try:
            self._con.execute(f"{force}CHECKPOINT")
        except duckdb.TransactionException as fault:
            log.debug("a checkpoint of the store made way for a reader", why=str(fault))
        except duckdb.Error as fault:
            self.broken = self.broken or isinstance(fault, duckdb.FatalException)
            log.warning("a checkpoint of the store failed; nothing is lost", why=str(fault))

    def close(self) -> None:
        """Write out what the log holds, where there is room, and let go of the file."""
        if shutil.disk_usage(self.path.parent).free > 2 * self._log_bytes():
            self.checkpoint()
        with suppress(duckdb.Error):
            self._con.close()

    def _log_bytes(self) -> int:
        try:
            return self._wal.stat().st_size
        except FileNotFoundError:
            return 0


def _opened(path: Path) -> duckdb.DuckDBPyConnection:
    try:
        return duckdb.connect(str(path), config=_CONFIG)
    except duckdb.Error as fault:
        holder = "lock" in str(fault).lower()
        hint = (
            "another Emscher uses this folder: stop it, or choose another --data folder"
            if holder
            else "if the file is no store, move it away; if the disk is full, make room"
        )
        raise StoreUnavailable(f"can't open the store {path}: {hint} ({fault})") from fault
