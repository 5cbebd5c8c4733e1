"""The rows of keys and of the audit log: who may ask, and who did what."""

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import insert, select, update

from ingest.catalog.book import Catalog
from ingest.catalog.errors import CatalogError
from ingest.catalog.tables import AUDIT, KEYS


class KeyRow(NamedTuple):
    """One key. `hash` is that of its secret; times are UTC ns, None: never."""

    id: str
    name: str
    hash: str
    scope: str
    tenant: str | None
    created: int
    expires: int | None = None
    revoked: int | None = None


class Deed(NamedTuple):
    """One line of the audit log: when (UTC ns), who, of which tenant, did what, how it ended."""

    at: int
    who: str
    tenant: str | None
    did: str
    about: str
    outcome: str


def keys(catalog: Catalog) -> list[KeyRow]:
    """Return every key there ever was, the oldest first."""
    with catalog.changing() as connection:
        rows = connection.execute(select(KEYS).order_by(KEYS.c.created, KEYS.c.id)).mappings()
        return [KeyRow(**{name: row[name] for name in KeyRow._fields}) for row in rows]


def add_key(catalog: Catalog, key: KeyRow) -> None:
    """Keep a new key; CatalogError where its tenant is not known."""
    known = {row["id"] for row in catalog.rows("tenants")}
    if key.tenant is not None and key.tenant not in known:
        there = ", ".join(sorted(known)) or "none: `emscher catalog set tenants ID name=…` adds one"
        raise CatalogError(f'tenant: expected one of the catalog ({there}), found "{key.tenant}"')
    with catalog.changing() as connection:
        connection.execute(insert(KEYS), [key._asdict()])


def revoke_key(catalog: Catalog, id: str, at_ns: int) -> bool:
    """End a key now; False: there is none with this id that is not revoked already."""
    with catalog.changing() as connection:
        standing = (KEYS.c.id == id, KEYS.c.revoked.is_(None))
        found = connection.execute(update(KEYS).where(*standing).values(revoked=at_ns))
        return found.rowcount > 0


def note(catalog: Catalog, deeds: Iterable[Deed]) -> None:
    """Add lines to the audit log."""
    rows = [deed._asdict() for deed in deeds]
    with catalog.changing() as connection:
        if rows:
            connection.execute(insert(AUDIT), rows)


def deeds(
    catalog: Catalog, limit: int, *, before: int | None = None, tenant: str | None = None
) -> list[tuple[int, Deed]]:
    """Return the newest lines of the audit log, each with its number.

    before  only lines of smaller numbers, for paging · tenant: only what its keys did
    """
    with catalog.changing() as connection:
        asked = select(AUDIT).order_by(AUDIT.c.number.desc()).limit(limit)
        if before is not None:
            asked = asked.where(AUDIT.c.number < before)
        if tenant is not None:
            asked = asked.where(AUDIT.c.tenant == tenant)
        rows = connection.execute(asked).mappings()
        return [(row["number"], Deed(**{name: row[name] for name in Deed._fields})) for row in rows]
