"""Which registers a question about many of them means, and how they are put together."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, NamedTuple

from fastapi import Depends, Query

from analytics.register import RATE_CEILING
from analytics.sums import whole_of
from api.house import House
from api.problems import BadQueryError
from api.sites import District, Sector, Tenant, is_of
from ingest.place import NOWHERE, Placed, Site
from ingest.quantity import Kind
from ingest.quantity import quantity as known_quantity
from ingest.store import SeriesSpan

REGISTERS_MAX = 2_000


class Per(StrEnum):
    """What registers are put together by."""

    ALL = "all"
    TENANT = "tenant"
    DISTRICT = "district"
    SECTOR = "sector"
    SITE = "site"
    DEVICE = "device"


class Choice(NamedTuple):
    """Which registers are meant; None: all."""

    quantity: str
    tenant: str | None
    district: str | None
    sector: str | None
    site: str | None
    device: str | None


def _choice(
    tenant: Tenant = None,
    district: District = None,
    sector: Sector = None,
    site: Annotated[
        str | None, Query(description="only of this site", examples=["hoerde-school"])
    ] = None,
    device: Annotated[
        str | None, Query(description="only of these devices, by commas", examples=["m-1,m-2"])
    ] = None,
    quantity: Annotated[
        str, Query(description="which registers", examples=["active_energy_import"])
    ] = "active_energy_import",
) -> Choice:
    return Choice(quantity, tenant, district, sector, site, device)


Chosen = Annotated[Choice, Depends(_choice)]


class Group(NamedTuple):
    """Registers that are put together, and the sites that they are at (None: at none)."""

    spans: list[SeriesSpan]
    sites: set[Site | None]

    @property
    def area_m2(self) -> float | None:
        """The area of all sites together; None where that of one is not known."""
        areas = [None if site is None else site.area_m2 for site in self.sites]
        known = [area for area in areas if area]
        return sum(known) if len(known) == len(areas) else None


def grouped(rooms: House, choice: Choice, per: Per) -> dict[str, Group]:
    """Return the registers of each group, by its name; "" where nobody told it.

    Raises BadQueryError for a quantity that is no register, and for too many registers.
    """
    about = known_quantity(choice.quantity)
    if about.kind is not Kind.REGISTER or about.unit not in RATE_CEILING:
        expected = "a register of energy, gas, water or heat, such as active_energy_import"
        raise BadQueryError("quantity", expected, choice.quantity)
    placed = rooms.placed()
    devices = None if choice.device is None else {one.strip() for one in choice.device.split(",")}
    groups: dict[str, Group] = {}
    for device, spans in _by_device(rooms.store.series(), choice.quantity).items():
        at = placed.get(device, NOWHERE)
        if (devices is None or device in devices) and _is_meant(at, choice):
            group = groups.setdefault(_name(per, device, at), Group([], set()))
            group.spans.extend(whole_of(spans, choice.quantity))
            group.sites.add(at.site)
    count = sum(len(group.spans) for group in groups.values())
    if count > REGISTERS_MAX:
        expected = f"a choice of at most {REGISTERS_MAX} registers"
        raise BadQueryError("tenant, district, sector, site or device", expected, count)
    return groups


def _by_device(spans: Iterable[SeriesSpan], quantity: str) -> dict[str, list[SeriesSpan]]:
    found: dict[str, list[SeriesSpan]] = {}
    for span in spans:
        if span.series.quantity == quantity:
            found.setdefault(span.series.device, []).append(span)
    return found


def _is_meant(at: Placed, choice: Choice) -> bool:
    return (
        choice.tenant in (None, at.tenant)
        and choice.site in (None, at.site.id if at.site else None)
        and is_of(at.site, choice.district, choice.sector)
    )


def _name(per: Per, device: str, at: Placed) -> str:
    """Return what a device is put together by."""
    site = at.site
    return {
        Per.ALL: "all",
        Per.DEVICE: device,
        Per.TENANT: at.tenant or "",
        Per.DISTRICT: site.district if site else "",
        Per.SECTOR: site.sector if site else "",
        Per.SITE: site.id if site else "",
    }[per]
