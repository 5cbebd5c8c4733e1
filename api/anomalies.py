"""What is odd."""

from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, Query

from api.devices import OneDevice, OneQuantity
from api.house import Rooms, unheard
from api.paging import Cursor, Limit, place, word
from api.readings import ALL_NS, Zone
from api.shapes import AnomalyOut, Page, anomaly_out
from api.tables import AS_TABLE, Tables
from api.times import asked_span, asked_zone
from ingest.derived import Anomaly
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
    tz: Zone = None,
    limit: Limit = 1000,
    cursor: Cursor = None,
) -> Page[AnomalyOut]:
    """Anomalies that touch [start, end), the newest first."""
    where = rooms.where if tz is None else asked_zone(tz)
    span_ns = asked_span(start, end, where, ALL_NS)
    after = None if cursor is None else place(cursor, tuple[int, str])
    found: list[Anomaly] = []
    for anomaly in _behind(rooms.store, span_ns, device, open, after, limit + 1):
        if kind in (None, anomaly.kind) and quantity in (None, anomaly.quantity):
            found.append(anomaly)
            if len(found) > limit:
                break
    more = len(found) > limit
    found = found[:limit]
    return Page(
        items=[anomaly_out(anomaly) for anomaly in found],
        next=word(found[-1].start_ns, found[-1].id) if more else None,
        note=None if found else unheard(rooms, device),
    )


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
