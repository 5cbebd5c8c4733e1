"""GET /v1/sites: the places of the catalog, and what is there."""

from collections import Counter
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from api.house import Rooms
from api.paging import Cursor, Limit, place, word
from api.shapes import Page, example
from api.tables import AS_TABLE, Tables
from ingest.place import Site

router = APIRouter(prefix="/v1", tags=["devices"], route_class=Tables)

Tenant = Annotated[str | None, Query(description="only of this tenant", examples=["dortmund"])]
District = Annotated[str | None, Query(description="only of this district", examples=["Hörde"])]
Sector = Annotated[str | None, Query(description="only of this sector", examples=["school"])]


class SiteOut(BaseModel):
    """A place, as people told the catalog of it."""

    model_config = example(
        id="hoerde-school",
        tenant="dortmund",
        name="Grundschule Hörde",
        district="Hörde",
        sector="school",
        address="Am Markt 1",
        latitude=51.49,
        longitude=7.51,
        area_m2=4200.0,
        public=True,
        devices=12,
    )
    id: str
    tenant: str
    name: str
    district: str
    sector: str
    address: str
    latitude: float | None = Field(description="WGS 84, degrees north")
    longitude: float | None = Field(description="WGS 84, degrees east")
    area_m2: float | None = Field(description="heated floor area")
    public: bool = Field(description="whether everybody may see it")
    devices: int = Field(description="how many devices are there")


def is_of(site: Site | None, district: str | None, sector: str | None) -> bool:
    """Return whether a site (None: nowhere) is of a district and sector; None: of any."""
    return (district is None or (site is not None and site.district == district)) and (
        sector is None or (site is not None and site.sector == sector)
    )


@router.get("/sites", dependencies=AS_TABLE)
def sites(
    rooms: Rooms,
    tenant: Tenant = None,
    district: District = None,
    sector: Sector = None,
    limit: Limit = 1000,
    cursor: Cursor = None,
) -> Page[SiteOut]:
    """Every site, by id."""
    after = "" if cursor is None else place(cursor, tuple[str])[0]
    there = Counter(one.site.id for one in rooms.placed().values() if one.site is not None)
    found = [
        site
        for site in rooms.sites()
        if site.id > after and tenant in (None, site.tenant) and is_of(site, district, sector)
    ]
    items = [
        SiteOut(
            id=site.id,
            tenant=site.tenant,
            name=site.name,
            district=site.district,
            sector=site.sector,
            address=site.address,
            latitude=site.latitude,
            longitude=site.longitude,
            area_m2=site.area_m2,
            public=site.public,
            devices=there[site.id],
        )
        for site in found[:limit]
    ]
    note = None if items or cursor else "no such site is in the catalog (`emscher catalog`)"
    return Page(items=items, next=word(items[-1].id) if len(found) > limit else None, note=note)
