"""Opens the city's totals to everybody: each day once, when it is settled, and then for good.

A day that was told is never told again with another figure, even where late readings or a meter's
exchange would change it: the difference of two answers could be one home's.
"""

import asyncio
import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import islice

import numpy as np
import structlog

from analytics.calendar import to_datetime, to_ns
from analytics.disclosure import Home, parts, rounded
from analytics.energy import Period, energies
from analytics.sums import whole_of
from api.house import House
from ingest.catalog import Catalog, Published, days_published, publish
from ingest.errors import StoreUnavailable
from ingest.place import Site
from ingest.quantity import quantity as known_quantity
from ingest.store import SeriesSpan

QUANTITIES = (
    "active_energy_import",
    "active_energy_export",
    "heat_energy",
    "cooling_energy",
    "gas_volume",
    "water_volume",
)
SETTLED_DAYS = 2
"""So many days after its end a day is told: readings that come late are in by then."""
COVERAGE_MIN = 0.95
LOOK_S = 300.0
_DAYS_AT_ONCE = 62
log = structlog.get_logger("emscher.api")


@dataclass(frozen=True, slots=True)
class _Registers:
    """The registers of a quantity, and the site of each."""

    spans: list[SeriesSpan]
    sites: list[Site]


class Opener:
    """Tells what is settled of the house's days. A day counts when two looks find it the same."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._before: dict[tuple[str, date], list[Published]] = {}
        self._nothing: set[tuple[str, date]] = set()
        self._known: tuple[object, ...] = ()

    def look(self) -> int:
        """Tell what is settled, and return how many days were; StoreUnavailable: none now."""
        house = self._house
        sites = {d: at.site for d, at in house.placed().items() if at.site is not None}
        today = to_datetime(house.now_ns(), house.where).date()
        known = (today, tuple(sorted((d, site.id, site.public) for d, site in sites.items())))
        if known != self._known:  # what told nothing may tell something now
            self._known = known
            self._nothing.clear()
        spans = [span for span in house.store.series() if span.series.device in sites]
        told = 0
        for quantity in QUANTITIES:
            found = _registers(spans, quantity, sites)
            if found.spans:
                told += self._quantity(quantity, found, today - timedelta(days=SETTLED_DAYS + 1))
        return told

    def _quantity(self, quantity: str, registers: _Registers, last: date) -> int:
        house = self._house
        began_ns = min(span.first_ns for span in registers.spans)
        first = to_datetime(began_ns, house.where).date() + timedelta(days=1)

        def ask(catalog: Catalog) -> set[str]:
            with catalog.changing() as connection:
                return days_published(connection, quantity)

        done = house.catalog.asked(ask)
        back = (last - timedelta(days=k) for k in range((last - first).days + 1))
        open_days = (
            day
            for day in back
            if day.isoformat() not in done and (quantity, day) not in self._nothing
        )
        due = list(islice(open_days, _DAYS_AT_ONCE))[::-1]
        if not due:
            return 0
        settled = []
        for day, rows in zip(due, self._rows(quantity, registers, due), strict=True):
            at = quantity, day
            if self._before.get(at) == rows:
                del self._before[at]
                if rows:
                    settled.append(rows)
                else:
                    self._nothing.add(at)
            else:
                self._before[at] = rows
        self._publish([row for rows in settled for row in rows])
        return len(settled)

    def _rows(
        self, quantity: str, registers: _Registers, days: Sequence[date]
    ) -> list[list[Published]]:
        """Return what may be told of each day."""
        house, unit = self._house, known_quantity(quantity).unit
        whole = [days[0] + timedelta(days=k) for k in range((days[-1] - days[0]).days + 2)]
        edges_ns = np.array(
            [to_ns(datetime.combine(day, time(), house.where)) for day in whole], np.int64
        )
        flowed: list[dict[Site, float | None]] = [{} for _ in whole[1:]]
        each = energies(
            house.store, registers.spans, edges_ns, house.where, lambda one: house.facts(*one)
        )
        for site, periods in zip(registers.sites, each, strict=True):
            for at, period in zip(flowed, periods, strict=True):
                value, so_far = _known(period), at.get(site, 0.0)
                at[site] = None if value is None or so_far is None else so_far + value
        by_day = dict(zip(whole, flowed, strict=False))
        return [_told(day, quantity, unit, by_day[day]) for day in days]

    def _publish(self, rows: list[Published]) -> None:
        at_ns = self._house.now_ns()

        def ask(catalog: Catalog) -> None:
            with catalog.changing() as connection:
                publish(connection, (row._replace(at=at_ns) for row in rows))

        if rows:
            self._house.catalog.asked(ask)


async def keep_open(house: House, stop: asyncio.Event, pause_s: float = LOOK_S) -> None:
    """Look for days to tell, until `stop`."""
    opener = Opener(house)
    while not stop.is_set():
        try:
            told = await asyncio.to_thread(opener.look)
        except StoreUnavailable as fault:
            log.warning("no day can be opened to the public now", why=str(fault))
        else:
            if told:
                log.info(f"{told} days of totals are open to the public")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), pause_s)


def _registers(spans: Iterable[SeriesSpan], quantity: str, sites: dict[str, Site]) -> _Registers:
    by_device: dict[str, list[SeriesSpan]] = {}
    for span in spans:
        if span.series.quantity == quantity:
            by_device.setdefault(span.series.device, []).append(span)
    found = [span for own in by_device.values() for span in whole_of(own, quantity)]
    return _Registers(found, [sites[span.series.device] for span in found])


def _known(period: Period) -> float | None:
    """Return what flowed on a day; None where the day is not known whole."""
    if period.provisional or period.coverage < COVERAGE_MIN:
        return None
    return period.value


def _told(day: date, quantity: str, unit: str, flowed: dict[Site, float | None]) -> list[Published]:
    known = [(site, value) for site, value in flowed.items() if value is not None]
    homes = [Home(site.tenant, site.district, value) for site, value in known if not site.public]
    about = day.isoformat(), quantity
    rows = [
        Published(*about, "site", site.tenant, site.id, rounded(value, unit), 0, 0)
        for site, value in known
        if site.public
    ]
    for part in parts(homes, unit):
        kind = "rest" if part.district is None else "district"
        name = part.district or ""
        rows.append(Published(*about, kind, part.tenant, name, part.value, part.homes, 0))
    return rows
