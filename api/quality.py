"""GET /v1/quality: how completely each series was told of."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from analytics.coverage import LATE_NS, Coverage, coverages
from api.devices import OneDevice, OneQuantity
from api.house import House, Rooms, unheard
from api.paging import Cursor, Limit, place, word
from api.problems import BadQueryError
from api.readings import Zone
from api.shapes import Page, example
from api.tables import AS_TABLE, Tables
from api.times import asked_span, asked_zone, utc
from ingest.quantity import quantity as known_quantity
from ingest.store import SeriesSpan

router = APIRouter(prefix="/v1", tags=["operation"], route_class=Tables)

_DAY_NS = 24 * 3600 * 10**9
DAYS_MAX = 31
READINGS_A_PAGE = 250_000  # about: a page ends here, so that none takes long


class GapOut(BaseModel):
    """A time without a reading."""

    start: str
    end: str


class QualityOut(BaseModel):
    """What was told of a series in [start, end); `start` is later where it began later."""

    model_config = example(
        device="a81758fffe0546b2",
        quantity="temperature",
        channel=None,
        kind="gauge",
        start="2026-03-01T12:00:00Z",
        end="2026-03-02T12:00:00Z",
        count=92,
        usual_s=900.0,
        expected=96,
        coverage=0.958,
        gaps=1,
        longest={"start": "2026-03-01T16:00:00Z", "end": "2026-03-01T17:15:00Z"},
        late=0,
        suspect=1,
        rejected=0,
    )
    device: str
    quantity: str
    channel: str | None
    kind: str
    start: str
    end: str
    count: int = Field(description="readings, suspect and rejected ones too")
    usual_s: float | None = Field(
        description="the usual pause, the median; null: it tells when something happens, or has"
        " told too little, and what follows is null"
    )
    expected: int | None = Field(description="how many the usual pause lets expect")
    coverage: float | None = Field(
        description="share of the time, 0 to 1: all but what is beyond one usual pause in each gap"
    )
    gaps: int | None = Field(description="pauses longer than 1.5 usual ones")
    longest: GapOut | None = Field(description="the longest gap")
    late: int = Field(description=f"received more than {LATE_NS // 60_000_000_000} minutes late")
    suspect: int
    rejected: int


@router.get("/quality", dependencies=AS_TABLE)
def quality(
    rooms: Rooms,
    start: Annotated[
        str | None, Query(description="RFC 3339; default: a day ago", examples=["2026-03-01"])
    ] = None,
    end: Annotated[
        str | None, Query(description="RFC 3339; default: now", examples=["2026-03-02"])
    ] = None,
    device: OneDevice = None,
    quantity: OneQuantity = None,
    tz: Zone = None,
    limit: Limit = 1000,
    cursor: Cursor = None,
) -> Page[QualityOut]:
    """How completely each series was told of in at most 31 days, by its own usual pause.

    A page also ends after about 250,000 readings: follow `next`.
    """
    where = rooms.where if tz is None else asked_zone(tz)
    now_ns = rooms.now_ns()
    start_ns, end_ns = asked_span(start, end, where, (now_ns - _DAY_NS, now_ns))
    end_ns = max(start_ns, min(end_ns, now_ns))  # of the future nothing is missing
    if end_ns - start_ns > DAYS_MAX * _DAY_NS:
        raise BadQueryError(
            "start", f"a span of at most {DAYS_MAX} days", f"{utc(start_ns)} to {utc(end_ns)}"
        )
    after = -1 if cursor is None else place(cursor, tuple[int])[0]
    spans = [
        span
        for span in rooms.store.series(device)
        if span.number > after
        and span.first_ns < end_ns
        and (quantity is None or span.series.quantity == quantity)
    ]
    some = _page(spans, start_ns, end_ns, limit)
    found = coverages(rooms.store, some, start_ns, end_ns)
    return Page(
        items=[_out(rooms, one) for one in found],
        next=word(some[-1].number) if len(some) < len(spans) else None,
        note=None if some else unheard(rooms, device),
    )


def _page(spans: list[SeriesSpan], start_ns: int, end_ns: int, limit: int) -> list[SeriesSpan]:
    """Return the first series with as many readings as a page may take, one at least."""
    ahead = 0.0
    for at, span in enumerate(spans[:limit]):
        inside_ns = min(end_ns, span.last_ns) - max(start_ns, span.first_ns)
        ahead += span.count * max(inside_ns, 0) / max(span.last_ns - span.first_ns, 1)
        if ahead > READINGS_A_PAGE and at:
            return spans[:at]
    return spans[:limit]


def _out(rooms: House, one: Coverage) -> QualityOut:
    series = rooms.store.name_of(one.number)
    longest = None
    if one.longest is not None:
        longest = GapOut(start=utc(one.longest[0]), end=utc(one.longest[1]))
    return QualityOut(
        device=series.device,
        quantity=series.quantity,
        channel=series.channel or None,
        kind=known_quantity(series.quantity).kind.value,
        start=utc(one.start_ns),
        end=utc(one.end_ns),
        count=one.count,
        usual_s=None if one.usual_ns is None else one.usual_ns / 1e9,
        expected=one.expected,
        coverage=None if one.coverage is None else round(one.coverage, 5),
        gaps=one.gaps,
        longest=longest,
        late=one.late,
        suspect=one.suspect,
        rejected=one.rejected,
    )
