"""What is odd, and what was refused."""

import base64
from typing import Annotated

from fastapi import APIRouter, Path, Query

from api.house import Rooms
from api.paging import Cursor, Limit, place, word
from api.problems import NotFoundError
from api.readings import Zone
from api.shapes import AnomalyOut, Page, QuarantineOut, anomaly_out
from api.times import asked_ns, asked_zone, utc
from ingest.store import Quarantined

router = APIRouter(prefix="/v1", tags=["anomalies"])


@router.get("/anomalies")
def anomalies(
    rooms: Rooms,
    start: Annotated[str | None, Query(description="RFC 3339")] = None,
    end: Annotated[str | None, Query(description="RFC 3339")] = None,
    device: Annotated[str | None, Query(description="only of this device")] = None,
    open: Annotated[bool, Query(description="only those that last")] = False,
    tz: Zone = None,
    limit: Limit = 1000,
    cursor: Cursor = None,
) -> Page[AnomalyOut]:
    """Anomalies that touch [start, end), the newest first."""
    where = rooms.where if tz is None else asked_zone(tz)
    after = None
    if cursor is not None:
        after_ns, after_id = place(cursor, int, str)
        after = (int(after_ns), str(after_id))
    found = rooms.store.anomalies(
        start_ns=None if start is None else asked_ns("start", start, where),
        end_ns=None if end is None else asked_ns("end", end, where),
        devices=None if device is None else [device],
        open_only=open,
        after=after,
        limit=limit + 1,
    )
    more = len(found) > limit
    found = found[:limit]
    return Page(
        items=[anomaly_out(anomaly) for anomaly in found],
        next=word(found[-1].start_ns, found[-1].id) if more else None,
    )


@router.get("/quarantine", tags=["operation"])
def quarantine(rooms: Rooms, limit: Limit = 100, cursor: Cursor = None) -> Page[QuarantineOut]:
    """Messages that could not be understood, the newest first, each with the first 1024 bytes."""
    before = None if cursor is None else int(place(cursor, int)[0])
    found = rooms.store.quarantined(before=before, limit=limit + 1)
    more = len(found) > limit
    found = found[:limit]
    return Page(
        items=[_refusal_out(refusal) for refusal in found],
        next=word(found[-1].id) if more else None,
    )


@router.get("/quarantine/{number}", tags=["operation"])
def quarantined(
    rooms: Rooms, number: Annotated[int, Path(ge=1, lt=2**63, description="its id")]
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
