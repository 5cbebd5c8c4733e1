"""GET /v1/environment: air quality, noise, degree days and comfort out of a device's readings."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from analytics.environment import Figures, figures
from api.house import Rooms, unheard
from api.problems import BadQueryError
from api.readings import Device, End, Start
from api.shapes import Page, example
from api.tables import AS_TABLE, Tables
from api.times import asked_span, asked_zone, local

router = APIRouter(prefix="/v1", tags=["environment"], route_class=Tables)


class FigureOut(BaseModel):
    """One figure of [start, end)."""

    model_config = example(
        kind="european_air_quality_index",
        start="2026-03-01T12:00:00+01:00",
        end="2026-03-01T13:00:00+01:00",
        value=2.0,
        unit="1",
        coverage=0.8,
        word="fair",
    )
    kind: str
    start: str
    end: str
    value: float | None = Field(description="null where too little is known")
    unit: str
    coverage: float = Field(description="share of the hours, or of the pollutants, that is known")
    word: str | None = Field(description="an index in words")


@router.get("/environment", dependencies=AS_TABLE)
def read_environment(
    rooms: Rooms,
    device: Device,
    figure: Annotated[
        Figures, Query(description="what is asked for", examples=["air_quality"])
    ] = Figures.AIR_QUALITY,
    start: Start = None,
    end: End = None,
    tz: Annotated[
        str | None,
        Query(description="zone of hours and days, and of plain times", examples=["Europe/Berlin"]),
    ] = None,
) -> Page[FigureOut]:
    """What readings of air, noise and temperature mean, by the hour or local day.

    Air quality: the European index of each hour, ozone over 8 hours and PM10 over 24. Noise: Lden
    and Lnight of each day. Degree days: heating (20/15) and cooling (24). Comfort: dew point and
    heat index of each hour.
    """
    where = rooms.where if tz is None else asked_zone(tz)
    spans = rooms.store.series(device)
    page = Page[FigureOut](items=[], next=None, note=None)
    if not spans:
        page.note = unheard(rooms, device) or f'"{device}" has no readings'
        return page
    known = min(span.first_ns for span in spans), max(span.last_ns for span in spans)
    start_ns, end_ns = asked_span(start, end, where, known)
    if end_ns <= start_ns:
        page.note = "nothing is asked for that is known"
        return page
    try:
        found = figures(rooms.store, device, figure, start_ns, end_ns, where)
    except ValueError as fault:
        raise BadQueryError("start", f"a shorter span ({fault})", start or "none") from None
    page.items = [
        FigureOut(
            kind=one.kind,
            start=local(one.start_ns, where),
            end=local(one.end_ns, where),
            value=one.value,
            unit=one.unit,
            coverage=one.coverage,
            word=one.word,
        )
        for one in found
    ]
    if not found:
        page.note = f'"{device}" measures nothing that {figure.value} is made of'
    return page
