"""A town with a catalog: sites in three districts, one of them without a place."""

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from api_town import Town

from api.app import create_app
from ingest.catalog import Catalog, CatalogWatch, open_catalog

SITES = [
    {"id": "school", "tenant": "dortmund", "name": "Grundschule", "district": "Hörde",
     "sector": "school", "latitude": 51.49, "longitude": 7.50},
    {"id": "hall", "tenant": "dortmund", "name": "Rathaus", "district": "Innenstadt",
     "sector": "office", "latitude": 51.51, "longitude": 7.46},
    {"id": "pool", "tenant": "dortmund", "name": "Südbad", "district": "Hörde",
     "sector": "pool", "latitude": 51.50, "longitude": 7.51},
    {"id": "somewhere", "tenant": "dortmund", "name": "Irgendwo", "district": "Eving",
     "sector": "office"},
]  # fmt: skip


@contextlib.contextmanager
def catalogued(town: Town, folder: Path, at: dict[str, str]) -> Iterator[Catalog]:
    """Give a town a catalog in which devices stand at sites; yield it, and close it at the end."""
    catalog = open_catalog("", folder)
    catalog.put("tenants", [{"id": "dortmund", "name": "Dortmund"}])
    catalog.put("sites", SITES)
    catalog.put("devices", [{"id": device, "site": site} for device, site in at.items()])
    watch = CatalogWatch(lambda: open_catalog("", folder), town.store)
    watch.start()
    town.house = replace(town.house, catalog=watch)
    town.app = create_app(town.house)
    try:
        yield catalog
    finally:
        watch.stop()
        catalog.close()
