"""What was made public: a row for each total of a day, added once and never changed."""

import json
from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import Connection, insert, select

from ingest.catalog.tables import PUBLISHED


class Published(NamedTuple):
    """One total of a day.

    day       the local date, such as 2026-03-01
    kind      "site" (of a public one), "district" (its homes) or "rest" (homes of small districts)
    tenant, name   whose; the site's id or the district's name, "" for the rest
    value     in the quantity's unit · homes: how many at least; 0 of a site · at: when, UTC ns
    """

    day: str
    quantity: str
    kind: str
    tenant: str
    name: str
    value: float
    homes: int
    at: int


def published(
    connection: Connection, quantity: str, first: str = "", last: str = "9999"
) -> list[Published]:
    """Return what was told of a quantity on the days from first to last, by day and part."""
    table = PUBLISHED.c
    found = connection.execute(
        select(table.day, table.quantity, table.part, table.value, table.households, table.at)
        .where(table.quantity == quantity, table.day >= first, table.day <= last)
        .order_by(table.day, table.part)
    )
    rows = []
    for day, of, part, value, homes, at in found:
        kind, tenant, name = json.loads(part)
        rows.append(Published(day, of, kind, tenant, name, value, homes, at))
    return rows


def days_published(connection: Connection, quantity: str) -> set[str]:
    """Return the days of which anything was told."""
    asked = select(PUBLISHED.c.day).where(PUBLISHED.c.quantity == quantity).distinct()
    return set(connection.execute(asked).scalars())


def publish(connection: Connection, rows: Iterable[Published]) -> None:
    """Keep totals for good; CatalogError (of the transaction) for one that was told already."""
    made = [
        {
            "day": one.day,
            "quantity": one.quantity,
            "part": json.dumps([one.kind, one.tenant, one.name], ensure_ascii=False),
            "value": one.value,
            "households": one.homes,
            "at": one.at,
        }
        for one in rows
    ]
    if made:
        connection.execute(insert(PUBLISHED), made)
