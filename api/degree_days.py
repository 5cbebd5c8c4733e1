"""GET /v1/energy/degree-days: consumption beside the weather, and at normal weather."""

from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from analytics.calendar import PERIODS_MAX, By, edges, to_datetime
from analytics.degree_days import YEARS_MIN, Weather, degrees, normal, references
from analytics.energy import energies
from analytics.sums import summed
from api.house import House, Rooms, unheard
from api.problems import BadQueryError, NotFoundError
from api.readings import End, Start
from api.registers import Chosen, Per, grouped
from api.shapes import Page, example
from api.tables import AS_TABLE, Tables
from api.times import asked_span, asked_zone, local
from ingest.derived import HOUR_NS
from ingest.quantity import quantity as known_quantity

router = APIRouter(prefix="/v1", tags=["energy"], route_class=Tables)


class Over(StrEnum):
    """The periods that are compared by degree days."""

    MONTH = "month"
    YEAR = "year"


class DegreeDaysOut(BaseModel):
    """What flowed in [start, end), the weather, and what normal weather would have taken."""

    model_config = example(
        start="2026-01-01T00:00:00+01:00",
        end="2026-02-01T00:00:00+01:00",
        value=11_200_000.0,
        unit="Wh",
        quality="measured",
        coverage=1.0,
        degree_days=560.0,
        days=31,
        of_days=31,
        per_degree_day=20_000.0,
        reference=520.0,
        normalised=10_400_000.0,
        why=None,
    )
    start: str
    end: str
    value: float | None = Field(description="what flowed, as /v1/energy/sums says")
    unit: str
    quality: str | None
    coverage: float
    degree_days: float = Field(description="K.d, over the days that have a temperature")
    days: int = Field(description="local days that have a temperature")
    of_days: int
    per_degree_day: float | None = Field(description="value by degree_days; null: too few")
    reference: float | None = Field(description="K.d of a normal period")
    normalised: float | None = Field(description="what flowed, scaled to the reference")
    why: str | None = Field(description="why it is not")


@router.get("/energy/degree-days", dependencies=AS_TABLE)
def energy_degree_days(
    rooms: Rooms,
    chosen: Chosen,
    temperature: Annotated[
        str, Query(description="the device that measures outdoors", examples=["weather-1"])
    ],
    what: Annotated[
        Weather, Query(description="heating (20/15) or cooling (24)", examples=["heating"])
    ] = Weather.HEATING,
    by: Annotated[Over, Query(description="calendar period", examples=["month"])] = Over.MONTH,
    start: Start = None,
    end: End = None,
    tz: Annotated[
        str | None,
        Query(description="zone of days and periods", examples=["Europe/Berlin"]),
    ] = None,
    reference: Annotated[
        float | None,
        Query(gt=0, le=20_000, description="K.d of a normal year, by=year", examples=[3400]),
    ] = None,
    base: Annotated[
        float,
        Query(ge=0, le=1, description="share that weather does not change", examples=[0.2]),
    ] = 0.0,
) -> Page[DegreeDaysOut]:
    """What flowed through registers by month or year, beside the degree days of that time.

    Normalised is what would have flowed at the degree days of a normal period: those that are
    given, or the mean of the years (for a month: of that month) of which the temperature is known.
    """
    if reference is not None and by is not Over.YEAR:
        raise BadQueryError("reference", "none unless by=year", reference)
    where = rooms.where if tz is None else asked_zone(tz)
    group = grouped(rooms, chosen, Per.ALL).get("all")
    if group is None:
        raise NotFoundError(f"no register of {chosen.quantity} is there")
    past_ns = _measured(rooms, temperature)
    known = min(s.first_ns for s in group.spans), max(s.last_ns for s in group.spans)
    start_ns, end_ns = asked_span(start, end, where, known)
    if end_ns <= start_ns:
        return Page(items=[], next=None, note="the span that is asked for is empty")
    period = By(by.value)
    try:
        edges_ns = edges(start_ns, end_ns, period, where)
        own = degrees(rooms.store, temperature, what, edges_ns, period, where)
        past_edges = edges(*past_ns, period, where)
        past = degrees(rooms.store, temperature, what, past_edges, period, where)
    except ValueError:
        most = f"a span of at most {PERIODS_MAX} days"
        raise BadQueryError("start", most, start or "none") from None
    normals = {0: reference} if reference is not None else references(past, period, where)
    sums = summed(
        energies(
            rooms.store, group.spans, edges_ns, rooms.where, lambda series: rooms.facts(*series)
        )
    )
    unit = known_quantity(chosen.quantity).unit
    items = []
    for one, weather in zip(sums, own, strict=True):
        month = to_datetime(one.start_ns, where).month if by is Over.MONTH else 0
        usual = normals.get(month)
        found = normal(one.value, weather, usual, period, base)
        each = one.value is not None and weather.is_known and weather.value > 0
        items.append(
            DegreeDaysOut(
                start=local(one.start_ns, where),
                end=local(one.end_ns, where),
                value=one.value,
                unit=unit,
                quality=None if one.quality is None else one.quality.word,
                coverage=one.coverage,
                degree_days=weather.value,
                days=weather.days,
                of_days=weather.of_days,
                per_degree_day=(one.value or 0.0) / weather.value if each else None,
                reference=usual,
                normalised=found.value,
                why=found.why,
            )
        )
    note = None
    if not normals:
        note = f"fewer than {YEARS_MIN} years of temperature are known: nothing can be normalised"
    return Page(items=items, next=None, note=note)


def _measured(rooms: House, device: str) -> tuple[int, int]:
    """Return from when to when a device measures temperature; NotFoundError: it does not."""
    spans = [s for s in rooms.store.series(device) if s.series.quantity == "temperature"]
    if not spans:
        said = unheard(rooms, device) or f'"{device[:80]}" measures no temperature'
        raise NotFoundError(f"temperature: {said}")
    first = min(spans, key=lambda one: one.series.channel)  # as /v1/environment takes it
    # The hour of the last reading is over with it: a record that ends with a month holds it whole.
    return first.first_ns, (first.last_ns // HOUR_NS + 1) * HOUR_NS
