"""The catalog: what people know of tenants, sites, devices, meters and series.

Readings lie in the store; here is what no message says: where a device stands and whose it is,
which meter it reads and when that was exchanged. SQLite in the data folder by default, PostgreSQL
by URL.
"""

from ingest.catalog.book import Catalog, open_catalog
from ingest.catalog.check import checked
from ingest.catalog.disclosed import Published, days_published, publish, published
from ingest.catalog.errors import CatalogError
from ingest.catalog.files import exported, geojson, imported
from ingest.catalog.forgetting import forget_device, forget_remarks
from ingest.catalog.nouns import NOUNS, Field, Noun
from ingest.catalog.people import Deed, KeyRow, add_key, deeds, keys, note, revoke_key
from ingest.catalog.remarks import (
    Handled,
    Handling,
    Remark,
    Say,
    handled,
    handling_of,
    remark,
    remarks_of,
)
from ingest.catalog.watch import CatalogWatch

__all__ = [
    "NOUNS",
    "Catalog",
    "CatalogError",
    "CatalogWatch",
    "Deed",
    "Field",
    "Handled",
    "Handling",
    "KeyRow",
    "Noun",
    "Published",
    "Remark",
    "Say",
    "add_key",
    "checked",
    "days_published",
    "deeds",
    "exported",
    "forget_device",
    "forget_remarks",
    "geojson",
    "handled",
    "handling_of",
    "imported",
    "keys",
    "note",
    "open_catalog",
    "publish",
    "published",
    "remark",
    "remarks_of",
    "revoke_key",
]
