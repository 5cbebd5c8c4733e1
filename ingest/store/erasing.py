"""What the embedded store keeps of a device, and erasing it: the statements."""

import threading
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from ingest.derived import Derived
from ingest.reading import Series
from ingest.store.file import File
from ingest.store.port import Erased
from ingest.store.questions import Questions
from ingest.store.schema import text

Left = Callable[[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]], dict[str, NDArray[Any]]]
_ALWAYS_NS = 2**63 - 2

_MANY = 1000


@dataclass(frozen=True, slots=True)
class Kept:
    """Rows of a device: how many there are, and which ones are known by a number or a name.

    before_ns  only what is older; None: all
    """

    series: list[int]
    device: str
    before_ns: int | None
    found: Erased
    refused: list[int]
    facts: list[tuple[str, str]]


def kept(
    con: duckdb.DuckDBPyConnection,
    series: Sequence[int],
    device: str,
    before_ns: int | None,
    names: Callable[[str, bytes], bool],
) -> Kept:
    """Return what is kept of a device but for its readings, whose count the caller knows."""
    own, end_ns = list(series), 2**63 - 1 if before_ns is None else before_ns

    def count(table: str, at: str) -> int:
        sql = f"SELECT count(*) FROM {table} WHERE series IN (SELECT unnest(?)) AND {at} < ?"
        ((found,),) = con.execute(sql, [own, end_ns]).fetchall()
        return int(found)

    asked = con.execute(
        "SELECT id FROM anomalies WHERE device = ? AND start_ns < ?", [device, end_ns]
    )
    anomalies = [id for (id,) in asked.fetchall()]
    refused: list[int] = []
    asked = con.execute("SELECT id, topic, payload FROM quarantine WHERE received_ns < ?", [end_ns])
    while rows := asked.fetchmany(_MANY):
        refused += [id for id, topic, payload in rows if names(topic or "", bytes(payload or b""))]
    facts: list[tuple[str, str]] = []
    if before_ns is None:
        told = con.execute("SELECT format, name, value FROM facts").fetchall()
        facts = sorted({(f, n) for f, n, value in told if names(n, value.encode())})
    found = Erased(
        readings=0,
        overwritten=count("superseded", "time_ns"),
        windows=count("windows", "start_ns"),
        anomalies=anomalies,
        refused=len(refused),
        announcements=facts,
    )
    return Kept(own, device, before_ns, found, refused, facts)


def remove(con: duckdb.DuckDBPyConnection, what: Kept, tables: Sequence[str] = ()) -> None:
    """Delete what was found, in the caller's transaction. tables: more that have series."""
    end_ns = 2**63 - 1 if what.before_ns is None else what.before_ns
    own = "series IN (SELECT unnest(?))"
    con.execute(f"DELETE FROM windows WHERE {own} AND start_ns < ?", [what.series, end_ns])
    con.execute("DELETE FROM anomalies WHERE id IN (SELECT unnest(?))", [what.found.anomalies])
    con.execute("DELETE FROM quarantine WHERE id IN (SELECT unnest(?))", [what.refused])
    if what.before_ns is not None:
        return
    for format_name, name in what.facts:
        con.execute("DELETE FROM facts WHERE format = ? AND name = ?", [format_name, name])
    con.execute("DELETE FROM devices WHERE id = ?", [what.device])
    for table in ("forgotten", *tables):
        con.execute(f"DELETE FROM {table} WHERE {own}", [what.series])
    # Numbers are places, so that of an erased series stays, under a name that says nothing.
    for number in what.series:
        con.execute(
            "UPDATE series SET device = ?, quantity = '', channel = '' WHERE number = ?",
            [nobody(number), number],
        )


def nobody(number: int) -> str:
    """Return what a series that was erased is called."""
    return f"(erased {number})"


class Erasing(Questions):
    """The part of the store that erases."""

    _beside: tuple[str, ...] = ()  # further tables that have series
    _write: duckdb.DuckDBPyConnection
    _derive: duckdb.DuckDBPyConnection
    _refused_bytes: int

    def __init__(self, file: File) -> None:
        super().__init__(file)
        self._lock, self._derived_lock = threading.Lock(), threading.Lock()
        self._erased, self._erased_devices = set[int](), set[str]()

    @abstractmethod
    def _forget(self, series: NDArray[np.int32], before_ns: NDArray[np.int64], left: Left) -> int:
        """Drop readings before times, and return how many. left: what becomes of the newest."""

    @abstractmethod
    def _refused_size(self) -> int:
        """Return how many bytes the quarantine has."""

    def erase(
        self,
        device: str,
        before_ns: int | None,
        names: Callable[[str, bytes], bool],
        *,
        trial: bool = False,
    ) -> Erased:
        """Erase what is kept of a device (before a time), and write the file anew without it."""
        self._mend()
        numbers = np.array(self._of_device.get(device, []), np.int32)
        end_ns = np.full(len(numbers), _ALWAYS_NS if before_ns is None else before_ns, np.int64)
        with self._asking() as cursor:
            what = kept(cursor, numbers.tolist(), device, before_ns, names)
        if trial:
            readings = sum(len(self.scan([n], -(2**63) + 1, int(end_ns[0]))) for n in numbers)
            return replace(what.found, readings=readings)
        readings = self._forget(numbers, end_ns, self._latest.emptied) if len(numbers) else 0
        with self._lock, self._derived_lock:
            with self._file.transaction(self._write):
                remove(self._write, what, self._beside)
                self._refused_bytes = self._refused_size()
            if before_ns is None:
                self._forget_names(device, numbers.tolist())
            self._rewrite()
        return replace(what.found, readings=readings)

    def _forget_names(self, device: str, numbers: list[int]) -> None:
        self._devices.pop(device, None)
        with self._names_lock:
            self._of_device.pop(device, None)
            for number in numbers:
                self._numbers.pop(self._names[number], None)
                self._names[number] = Series(nobody(number), "", "")
                self._forgotten.pop(number, None)
        self._erased.update(numbers)
        self._erased_devices.add(device)

    def _rewrite(self) -> None:
        """Write the file anew while nobody reads it; whoever asks waits for so long."""
        with self._alone:
            while self._readers:
                self._alone.wait()
            self._write.close()
            self._derive.close()
            try:
                self._file.rewrite()
            finally:
                self._write, self._derive = self._file.cursor(), self._file.cursor()

    def _without_erased(self, derived: Derived) -> Derived:
        """Return what was made before its device was erased, without that device."""
        if not self._erased_devices:
            return derived
        windows = derived.windows
        left = ~np.isin(windows.series, list(self._erased))
        anomalies = [a for a in derived.anomalies if text(a.device) not in self._erased_devices]
        return replace(derived, windows=windows.take(left), anomalies=anomalies)
