"""Devices come into the catalog by themselves, at their first message."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import structlog

from ingest.catalog.book import Catalog
from ingest.catalog.errors import CatalogError
from ingest.errors import StoreUnavailable
from ingest.intake import Committed
from ingest.meter import RegisterFacts
from ingest.place import Placed, Site
from ingest.store.port import Source

_PAUSE_S = 5.0
_STOP_S = 2.0
_FEEDERS_S = 60.0

T = TypeVar("T")
log = structlog.get_logger("emscher.ingest")


class CatalogWatch:
    """Follows the intake, and never holds it up: a catalog that is away catches up later.

    opened  opens the catalog; it may take its time, or say that it can't now
    fault  what keeps it from following now, in a sentence; None: nothing
    """

    def __init__(
        self, opened: Callable[[], Catalog], store: Source, *, pause_s: float = _PAUSE_S
    ) -> None:
        self._opened, self._store, self._pause_s = opened, store, pause_s
        self._catalog: Catalog | None = None
        self._fresh: set[str] = set()
        self._changed = threading.Event()
        self._ended = threading.Event()
        self._opened_once = threading.Event()
        self._thread = threading.Thread(target=self._run, name="emscher-catalog", daemon=True)
        self._bounds: dict[tuple[str, ...], tuple[float | None, float | None]] | None = None
        self._feeders: dict[str, list[str]] = {}
        self._feeders_until_s = 0.0
        self.fault: str | None = None

    def start(self) -> None:
        """Begin with all devices that the store knows."""
        self._fresh.update(device.id for device in self._store.devices())
        self._changed.set()
        self._thread.start()

    def committed(self, committed: Committed) -> None:
        """Take note of the devices of a commit; never waits."""
        if committed.devices:
            self._fresh.update(device.id for device in committed.devices)
            self._changed.set()

    def facts(self, device: str, quantity: str, channel: str) -> RegisterFacts:
        """Return what people know of a register's meters.

        Raises StoreUnavailable while the catalog can't be asked: without it figures may be wrong.
        """
        return self.asked(lambda catalog: catalog.facts(device, quantity, channel))

    def sites(self) -> list[Site]:
        """Return every site, by id; StoreUnavailable as above."""
        return self.asked(lambda catalog: catalog.sites())

    def placed(self) -> dict[str, Placed]:
        """Return where each device is that has a tenant or a site; StoreUnavailable as above."""
        return self.asked(lambda catalog: catalog.placed())

    def asked(self, ask: Callable[[Catalog], T]) -> T:
        """Return what `ask` answers, given the catalog; StoreUnavailable as above."""
        self._opened_once.wait(_PAUSE_S)
        try:
            if self._catalog is None:
                raise CatalogError(self.fault or "the catalog is not open yet")
            return ask(self._catalog)
        except CatalogError as fault:
            raise StoreUnavailable(f"the catalog can't be asked: {fault}") from fault

    def limits(self, device: str, quantity: str, channel: str) -> tuple[float | None, float | None]:
        """Return below and above what no value of a series is true, as of the start."""
        if self._bounds is None:
            self._opened_once.wait(_PAUSE_S)
            rows = [] if self._catalog is None else self._catalog.rows("series")
            keys = ("device", "quantity", "channel")
            self._bounds = {
                tuple(row[key] for key in keys): (row["lowest"], row["highest"]) for row in rows
            }
        return self._bounds.get((device, quantity, channel), (None, None))

    def feeders(self) -> Mapping[str, Sequence[str]]:
        """Return the devices behind each station, as of a minute ago at most."""
        now_s = time.monotonic()
        if self._catalog is not None and now_s >= self._feeders_until_s:
            self._feeders_until_s = now_s + _FEEDERS_S
            try:
                self._feeders = self._catalog.feeders()
            except CatalogError as fault:
                log.warning("which station feeds what can't be asked", why=str(fault))
        return self._feeders

    def stop(self) -> None:
        """Finish what is noted, as far as that goes at once; the rest comes at the next start."""
        self._ended.set()
        self._changed.set()
        self._thread.join(_STOP_S)
        if self._catalog is not None:
            self._catalog.close()

    def _run(self) -> None:
        known: set[str] = set()
        while True:
            self._changed.wait()
            self._changed.clear()
            todo = self._taken() - known
            try:
                if self._catalog is None:
                    self._catalog = self._opened()
                    self._opened_once.set()
                if todo:
                    self._catalog.meet(sorted(todo))
                    known |= todo
                if self.fault is not None:
                    log.info("the catalog is there again")
                self.fault = None
            except CatalogError as fault:
                if self.fault is None:
                    log.warning("new devices wait for the catalog", why=str(fault))
                self.fault = str(fault)
                self._fresh.update(todo)
                self._ended.wait(self._pause_s)  # not sooner, however many devices come
                self._changed.set()
            if self._ended.is_set():
                return

    def _taken(self) -> set[str]:
        taken: set[str] = set()
        while self._fresh:
            taken.add(self._fresh.pop())
        return taken
