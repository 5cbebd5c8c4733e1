"""The catalog: what people know of tenants, sites, devices, meters and series.

Readings lie in the store; here is what no message says: where a device stands and whose it is,
which meter it reads and when that was exchanged. SQLite in the data folder by default, PostgreSQL
by URL.
"""

from ingest.catalog.book import Catalog, open_catalog
from ingest.catalog.check import checked
from ingest.catalog.errors import CatalogError
from ingest.catalog.files import exported, geojson, imported
from ingest.catalog.nouns import NOUNS, Field, Noun
from ingest.catalog.people import Deed, KeyRow, add_key, deeds, keys, note, revoke_key
from ingest.catalog.watch import CatalogWatch

__all__ = [
    "NOUNS",
    "Catalog",
    "CatalogError",
    "CatalogWatch",
    "Deed",
    "Field",
    "KeyRow",
    "Noun",
    "add_key",
    "checked",
    "deeds",
    "exported",
    "geojson",
    "imported",
    "keys",
    "note",
    "open_catalog",
    "revoke_key",
]
