"""What is odd, and how people handle it (what they say of it is in remarks.py)."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Annotated

from fastapi import APIRouter, Query

from api.devices import OneDevice, OneQuantity
from api.house import House, Rooms, unheard
from api.paging import Cursor, Limit, place, word
from api.readings import ALL_NS, Zone
from api.shapes import AnomalyOut, Page, anomaly_out
from api.tables import AS_TABLE, Tables
from api.times import asked_span, asked_zone
from ingest.catalog import Catalog, Handled, Handling, handled
from ingest.derived import Anomaly
from ingest.errors import StoreUnavailable
from ingest.store import Source

router = APIRouter(prefix="/v1", tags=["anomalies"], route_class=Tables)


@router.get("/anomalies", dependencies=AS_TABLE)
def anomalies(
    rooms: Rooms,
    start: Annotated[
        str | None, Query(description="RFC 3339", examples=["2026-03-01T00:00Z"])
    ] = None,
    end: Annotated[
        str | None, Query(description="RFC 3339", examples=["2026-03-02T00:00Z"])
    ] = None,
    device: OneDevice = None,
    quantity: OneQuantity = None,
    kind: Annotated[
        str | None, Query(description="such as spike, silence or imbalance", examples=["silence"])
    ] = None,
    open: Annotated[bool, Query(description="only those that last", examples=[True])] = False,
    handling: Annotated[
        Handling | None,
        Query(description="only those that people handle so", examples=["acknowledged"]),
    ] = None,
    tz: Zone = None,
    limit: Limit = 1000,
    cursor: Cursor = None,
) -> Page[AnomalyOut]:
    """Anomalies that touch [start, end), the newest first.

    `end` says whether it lasts, by the readings; `handling` what people made of it, which is
    another thing: an anomaly may be over and new, or last and be closed.
    """
    where = rooms.where if tz is None else asked_zone(tz)
    span_ns = asked_span(start, end, where, ALL_NS)
    after = None if cursor is None else place(cursor, tuple[int, str])
    behind = _behind(rooms.store, span_ns, device, open, after, limit + 1)
    fitting: Iterator[Anomaly] = (
        anomaly
        for anomaly in behind
        if kind in (None, anomaly.kind) and quantity in (None, anomaly.quantity)
    )
    if handling is not None:
        fitting = _handled_so(rooms, fitting, handling, limit + 1)
    found = list(islice(fitting, limit + 1))
    more = len(found) > limit
    found = found[:limit]
    how = _handled(rooms, [anomaly.id for anomaly in found])
    return Page(
        items=[
            anomaly_out(anomaly, None if how is None else how.get(anomaly.id, Handled()))
            for anomaly in found
        ],
        next=word(found[-1].start_ns, found[-1].id) if more else None,
        note=None if found else unheard(rooms, device),
    )


def _handled(rooms: House, ids: Sequence[str]) -> Mapping[str, Handled] | None:
    """Return how anomalies are handled; None while the catalog is away: lists still come."""
    try:
        return asked_handled(rooms, ids)
    except StoreUnavailable:
        return None


def asked_handled(rooms: House, ids: Sequence[str]) -> Mapping[str, Handled]:
    """Return how those anomalies are handled that people spoke of; StoreUnavailable: not now."""

    def ask(catalog: Catalog) -> dict[str, Handled]:
        with catalog.changing() as connection:
            return handled(connection, ids)

    return rooms.catalog.asked(ask) if ids else {}


def _handled_so(
    rooms: House, anomalies: Iterator[Anomaly], handling: Handling, at_once: int
) -> Iterator[Anomaly]:
    """Yield those that are handled so; StoreUnavailable while nobody can tell which they are."""
    while some := list(islice(anomalies, at_once)):
        how = asked_handled(rooms, [anomaly.id for anomaly in some])
        for anomaly in some:
            if how.get(anomaly.id, Handled()).handling is handling:
                yield anomaly


def _behind(
    source: Source,
    span_ns: tuple[int, int],
    device: str | None,
    open_only: bool,
    after: tuple[int, str] | None,
    at_once: int,
) -> Iterator[Anomaly]:
    """Yield the anomalies behind a place, so many at once as they are asked for."""
    while True:
        found = source.anomalies(
            start_ns=span_ns[0],
            end_ns=span_ns[1],
            devices=None if device is None else [device],
            open_only=open_only,
            after=after,
            limit=at_once,
        )
        yield from found
        if len(found) < at_once:
            return
        after = (found[-1].start_ns, found[-1].id)
