"""What is odd, and what was refused."""

import base64
from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, Path, Query

from api.devices import OneDevice, OneQuantity
from api.house import Rooms, unheard
from api.paging import Cursor, Limit, place, word
from api.problems import NotFoundError
from api.readings import ALL_NS, Zone
from api.shapes import AnomalyOut, Page, QuarantineOut, anomaly_out
from api.times import asked_span, asked_zone, utc
from ingest.derived import Anomaly
from ingest.store import Quarantined, Source

router = APIRouter(prefix="/v1", tags=["anomalies"])


@router.get("/anomalies")
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
        str | None, Query(description="spike, flatline or silence", examples=["silence"])
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


@router.get("/quarantine", tags=["operation"])
def quarantine(rooms: Rooms, limit: Limit = 100, cursor: Cursor = None) -> Page[QuarantineOut]:
    """Messages that could not be understood, the newest first, each with the first 1024 bytes."""
    before = None if cursor is None else place(cursor, tuple[int])[0]
    found = rooms.store.quarantined(before=before, limit=limit + 1)
    more = len(found) > limit
    found = found[:limit]
    return Page(
        items=[_refusal_out(refusal) for refusal in found],
        next=word(found[-1].id) if more else None,
    )


@router.get("/quarantine/{number}", tags=["operation"])
def quarantined(
    rooms: Rooms, number: Annotated[int, Path(ge=1, lt=2**63, description="its id", examples=[1])]
) -> QuarantineOut:
    """One refused message with all of its bytes."""
    found = rooms.store.quarantined_one(number)
    if found is None:
        raise NotFoundError(f"no message {number} is in quarantine; /v1/quarantine lists them")
    return _refusal_out(found)


def _refusal_out(refusal: Quarantined) -> QuarantineOut:
    return QuarantineOut(
        id=refusal.id,
        topic=refusal.topic,
        source=refusal.source,
        received=utc(refusal.received_ns),
        reason=f"{refusal.rule}: expected {refusal.expected}, found {refusal.found}",
        rule=refusal.rule,
        expected=refusal.expected,
        found=refusal.found,
        size=refusal.size,
        payload_base64=base64.b64encode(refusal.payload).decode(),
        truncated=len(refusal.payload) < refusal.size,
    )
