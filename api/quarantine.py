"""What was refused and why, and how it is tried again."""

import base64
from typing import Annotated

from fastapi import APIRouter, Path, Query

from api.house import Whole
from api.paging import Cursor, Limit, place, word
from api.problems import NotFoundError
from api.shapes import Page, QuarantineOut, RetriedOut
from api.tables import AS_TABLE, Tables
from api.times import utc
from ingest.store import Quarantined

router = APIRouter(prefix="/v1", tags=["operation"], route_class=Tables)


@router.get("/quarantine", dependencies=AS_TABLE)
def quarantine(rooms: Whole, limit: Limit = 100, cursor: Cursor = None) -> Page[QuarantineOut]:
    """Messages that could not be understood, the newest first, each with the first 1024 bytes."""
    before = None if cursor is None else place(cursor, tuple[int])[0]
    found = rooms.store.quarantined(before=before, limit=limit + 1)
    more = len(found) > limit
    found = found[:limit]
    return Page(
        items=[_refusal_out(refusal) for refusal in found],
        next=word(found[-1].id) if more else None,
    )


@router.post("/quarantine/retry")
def retry(
    rooms: Whole,
    rule: Annotated[
        str | None, Query(description="only those refused by this rule", examples=["payload codec"])
    ] = None,
) -> RetriedOut:
    """Decode refused messages again: those that are understood now leave quarantine.

    For after a codec was added or a setting changed. Their readings keep their own times, and the
    counters add up all the while.
    """
    found = rooms.retry(rule)
    return RetriedOut(tried=found.tried, released=found.released)


@router.get("/quarantine/{number}")
def quarantined(
    rooms: Whole, number: Annotated[int, Path(ge=1, lt=2**63, description="its id", examples=[1])]
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
