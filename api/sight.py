"""A house as one tenant may see it: whatever a route asks, others' devices are not there.

The separation lies here and not in the routes, so that a new route can't forget it. A device is a
tenant's by the catalog; one that nobody placed is seen only by those who see the whole house.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import NoReturn, TypeVar

import numpy as np
from numpy.typing import NDArray

from analytics.tariffs import Known as Plans
from api.house import Catalog, House, Live, Tariffs
from api.problems import ForbiddenError, NotFoundError
from ingest.catalog import Catalog as Book
from ingest.derived import Anomaly, Windows
from ingest.device import Device
from ingest.erasure import Erasure
from ingest.frames import Frames
from ingest.memory import Fact
from ingest.meter import NOTHING_KNOWN, RegisterFacts
from ingest.place import Placed, Site
from ingest.reading import Rows, Series
from ingest.store import Counts, Quarantined, SeriesSpan, Source

T = TypeVar("T")
_FRESH_S = 2.0
_WHOLE = "this is about the whole installation: expected a key without a tenant, found one of"


class Sights:
    """Houses of tenants, from where devices were at most two seconds ago."""

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._clock_s = clock_s
        self._placed: tuple[float, Mapping[str, Placed]] | None = None

    def __call__(self, house: House, tenant: str) -> House:
        """Return the house as a tenant sees it; StoreUnavailable while the catalog is away."""
        now_s = self._clock_s()
        known = self._placed
        if known is None or now_s - known[0] > _FRESH_S:
            known = self._placed = (now_s, house.placed())
        return narrowed(house, tenant, known[1])


def narrowed(house: House, tenant: str, placed: Mapping[str, Placed]) -> House:
    """Return the house as this tenant sees it; `placed` says whose each device is now."""
    devices = frozenset(device for device, at in placed.items() if at.tenant == tenant)

    def refuse(*asked: object) -> NoReturn:
        raise ForbiddenError(f"{_WHOLE} {tenant}")

    def erase(device: str, before_ns: int | None, trial: bool) -> Erasure:
        if device not in devices:
            raise NotFoundError(f'no device "{device[:80]}" is there')
        return house.erase(device, before_ns, trial)

    def frames(device: str) -> Frames | None:
        return house.frames(device) if device in devices else None

    return replace(
        house,
        store=SeenStore(house.store, devices, tenant),
        live=_SeenLive(house.live, devices),
        sources=lambda: [],
        retry=refuse,
        frames=frames,
        erase=erase,
        all_frames=refuse,
        catalog=_SeenCatalog(house.catalog, devices, tenant),
        tenant=tenant,
        tariffs=_SeenTariffs(house.tariffs, tenant),
    )


class SeenStore:
    """What a store holds of some devices (a Source)."""

    def __init__(self, store: Source, devices: frozenset[str], tenant: str) -> None:
        self._store, self._devices, self._tenant = store, devices, tenant

    def _whole(self) -> ForbiddenError:
        return ForbiddenError(f"{_WHOLE} {self._tenant}")

    def _own(self, number: int) -> bool:
        return self._store.name_of(number).device in self._devices

    def _numbers(self, series: Sequence[int] | None) -> list[int]:
        """Return those of the series that are seen; None: all of them."""
        if series is None:
            return [span.number for span in self.series()]
        return [number for number in series if self._own(number)]

    def _mask(self, series: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Return which of the series (k,) are seen."""
        known = {number: self._own(number) for number in set(series.tolist())}
        return np.array([known[number] for number in series.tolist()], dtype=bool)

    def _none(self) -> Rows:
        return self._store.scan([], 0, 0)

    def _of(self, rows: Rows) -> Rows:
        return rows.take(np.flatnonzero(self._mask(rows.series)))

    def counts(self) -> Counts:
        """Refuse: messages are counted over the whole house."""
        raise self._whole()

    def devices(self) -> list[Device]:
        """Return every device that is seen, by id."""
        return [device for device in self._store.devices() if device.id in self._devices]

    def device(self, name: str) -> Device | None:
        """Return a device by its id; None: never heard of, or not seen."""
        return self._store.device(name) if name in self._devices else None

    def facts(self) -> list[Fact]:
        """Refuse: announcements are of the whole house."""
        raise self._whole()

    def series(self, device: str | None = None) -> list[SeriesSpan]:
        """Return every series that is seen and has readings (of a device), by number."""
        if device is not None:
            return self._store.series(device) if device in self._devices else []
        return [one for one in self._store.series() if one.series.device in self._devices]

    def name_of(self, number: int) -> Series:
        """Return the series of a number that this store has given."""
        return self._store.name_of(number)

    def scan(
        self,
        series: Sequence[int] | None,
        start_ns: int,
        end_ns: int,
        *,
        limit: int | None = None,
        newest: bool = False,
    ) -> Rows:
        """Return the readings in [start_ns, end_ns) of the series that are seen."""
        numbers = self._numbers(series)
        return self._store.scan(numbers, start_ns, end_ns, limit=limit, newest=newest)

    def since(self, commit: int, upto: int | None = None, *, series: int | None = None) -> Rows:
        """Return the seen readings that came with later commits."""
        return self._of(self._store.since(commit, upto, series=series))

    def within(
        self, series: NDArray[np.int32], start_ns: NDArray[np.int64], end_ns: NDArray[np.int64]
    ) -> Rows:
        """Return the readings of series[k] in [start_ns[k], end_ns[k]), where it is seen."""
        seen = self._mask(series)
        return self._store.within(series[seen], start_ns[seen], end_ns[seen])

    def newest_before(
        self, series: NDArray[np.int32], time_ns: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Return for each series the time of its newest reading before time_ns[k], or that."""
        seen, found = self._mask(series), time_ns.copy()
        found[seen] = self._store.newest_before(series[seen], time_ns[seen])
        return found

    def at(self, series: NDArray[np.int32], time_ns: NDArray[np.int64]) -> Rows:
        """Return what lies at these series and times, where they are seen."""
        seen = self._mask(series)
        return self._store.at(series[seen], time_ns[seen])

    def received(self, start_ns: int, end_ns: int, series: Sequence[int] | None = None) -> Rows:
        """Return the seen readings that were received in [start_ns, end_ns)."""
        return self._store.received(start_ns, end_ns, self._numbers(series))

    def forgotten_ns(self, series: NDArray[np.int32]) -> NDArray[np.int64]:
        """Return for each series the time before which readings were dropped."""
        found = np.full(len(series), np.iinfo(np.int64).min, np.int64)
        seen = self._mask(series)
        found[seen] = self._store.forgotten_ns(series[seen])
        return found

    def history(self, series: int) -> Rows:
        """Return the values of a series that were overwritten; none where it is not seen."""
        return self._store.history(series) if self._own(series) else self._none()

    def latest(self, device: str | None = None) -> Rows:
        """Return the newest reading of every series that is seen (of a device), by number."""
        if device is not None and device not in self._devices:
            return self._none()
        rows = self._store.latest(device)
        return rows if device is not None else self._of(rows)

    def windows(self, series: Sequence[int], width_ns: int, start_ns: int, end_ns: int) -> Windows:
        """Return the stored windows of the series that are seen."""
        return self._store.windows(self._numbers(series), width_ns, start_ns, end_ns)

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
        """Return the anomalies of devices that are seen, newest start first."""
        asked = self._devices if devices is None else self._devices.intersection(devices)
        if not asked:
            return []
        return self._store.anomalies(
            start_ns=start_ns,
            end_ns=end_ns,
            devices=sorted(asked),
            open_only=open_only,
            after=after,
            limit=limit,
        )

    def anomaly(self, id: str) -> Anomaly | None:
        """Return an anomaly by its id; None: there is none, or its device is not seen."""
        found = self._store.anomaly(id)
        return found if found is not None and found.device in self._devices else None

    def quarantined(
        self, *, before: int | None = None, limit: int = 100, payload_bytes: int | None = 1024
    ) -> list[Quarantined]:
        """Refuse: nobody knows whose a message is that was not understood."""
        raise self._whole()

    def refused(self, *, after: int = 0, rule: str | None = None, limit: int) -> list[Quarantined]:
        """Refuse, as above."""
        raise self._whole()

    def quarantined_one(self, number: int) -> Quarantined | None:
        """Refuse, as above."""
        raise self._whole()

    def derived_through(self) -> int:
        """Return the last commit that stored windows and anomalies take into account."""
        return self._store.derived_through()

    def last_commit(self) -> int:
        """Return the number of the last commit."""
        return self._store.last_commit()


class _SeenLive:
    def __init__(self, live: Live, devices: frozenset[str]) -> None:
        self._live, self._devices = live, devices
        self.fault = live.fault

    def lag(self) -> int:
        return self._live.lag()

    def lag_s(self) -> float:
        return self._live.lag_s()

    def due(self) -> int:
        return self._live.due()

    def silent(self) -> set[str]:
        return self._live.silent() & self._devices


class _SeenCatalog:
    def __init__(self, catalog: Catalog, devices: frozenset[str], tenant: str) -> None:
        self._catalog, self._devices, self._tenant = catalog, devices, tenant

    def facts(self, device: str, quantity: str, channel: str) -> RegisterFacts:
        if device not in self._devices:
            return NOTHING_KNOWN
        return self._catalog.facts(device, quantity, channel)

    def sites(self) -> Sequence[Site]:
        return [site for site in self._catalog.sites() if site.tenant == self._tenant]

    def placed(self) -> Mapping[str, Placed]:
        found = self._catalog.placed()
        return {device: at for device, at in found.items() if at.tenant == self._tenant}

    def asked(self, ask: Callable[[Book], T]) -> T:
        return self._catalog.asked(ask)


class _SeenTariffs:
    def __init__(self, tariffs: Tariffs, tenant: str) -> None:
        self._tariffs, self._tenant = tariffs, tenant

    def known(self) -> Plans:
        """Return those that are for everybody or for this tenant.

        Whose a broken file would be is not known, and what is wrong with it names what it says.
        """
        plans = self._tariffs.known().plans
        return Plans(tuple(one for one in plans if one.tenant in (None, self._tenant)))
