"""GET /v1/energy/explain: the readings, steps and messages that a figure of energy is made of."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from analytics.energy import unwrapped_of
from analytics.explained import Part, Reading, explained
from api.energy import chosen_register, corrections_out, letter_of
from api.energy_shapes import CorrectionOut
from api.house import House, Rooms
from api.paging import Cursor, Limit, place, word
from api.readings import Device, End, Start
from api.shapes import Page, example
from api.tables import AS_TABLE, Tables
from api.times import asked_span, asked_zone, local, utc
from ingest.quantity import quantity as known_quantity
from ingest.reading import Series

router = APIRouter(prefix="/v1", tags=["energy"], route_class=Tables)

_FIRST: dict[str, object] = {
    "time": "2026-03-01T11:45:00Z",
    "value": 90_344_500.0,
    "multiplier": 1.0,
    "quality": "measured",
    "received": "2026-03-01T11:45:01.5Z",
    "message": "/v1/readings/origin?device=meter-7&quantity=active_energy_import"
    "&channel=&time=2026-03-01T11%3A45%3A00Z",
}


class RegisterReadingOut(BaseModel):
    """A reading of a register, and where to find the message that brought it."""

    model_config = example(**_FIRST)
    time: str
    value: float = Field(description="what the register showed")
    multiplier: float = Field(description="ratio of the transformers: value counts so many times")
    quality: str
    received: str
    message: str | None = Field(description="path to its message; null: no messages are kept")


class PartOut(BaseModel):
    """What a step of the register, from one reading to the next, adds to the figure."""

    model_config = example(
        start="2026-03-01T12:50:00+01:00",
        end="2026-03-01T13:00:00+01:00",
        value=120.0,
        share=0.666667,
        amount=180.0,
        step="climb",
        quality="estimated",
        status="E",
        coverage=1.0,
        uncertainty=60.0,
        provisional=False,
        method=None,
        first=_FIRST,
        last={**_FIRST, "time": "2026-03-01T12:00:00Z", "value": 90_344_680.0},
        corrections=[],
        rejected=[],
    )
    start: str = Field(description="the part of the step that falls into the span: from here")
    end: str = Field(description="to here")
    value: float = Field(description="what of the step falls into the span; these add up")
    share: float | None = Field(description="value by amount; null: nothing flowed")
    amount: float = Field(description="what flowed between the two readings")
    step: str = Field(
        description="climb, gap, reset, rollover, exchange, unexplained or steep: docs/energy.md"
    )
    quality: str
    status: str
    coverage: float
    uncertainty: float | None
    provisional: bool
    method: str | None = Field(description="how a gap's sum was spread: profile or linear")
    first: RegisterReadingOut
    last: RegisterReadingOut
    corrections: list[CorrectionOut] = Field(
        description="of the whole step: amount = change of the register + these"
    )
    rejected: list[RegisterReadingOut] = Field(
        description="readings in between that were not counted, the first 20"
    )


class ExplainedPage(Page[PartOut]):
    """The parts of a figure, and the figure beside them."""

    device: str = Field(examples=["meter-7"])
    quantity: str | None = Field(examples=["active_energy_import"])
    channel: str | None
    unit: str | None = Field(default=None, examples=["Wh"])
    span_start: str | None = Field(default=None, examples=["2026-03-01T00:00:00+01:00"])
    span_end: str | None = Field(default=None, examples=["2026-03-02T00:00:00+01:00"])
    value: float | None = Field(
        default=None, description="of the whole span, as /v1/energy tells it", examples=[9340.0]
    )
    parts: int = Field(default=0, description="how many it has on all pages", examples=[97])
    rate_max: float | None = Field(
        default=None,
        description="the most that can flow, by which steps are judged: units per hour",
        examples=[20_000.0],
    )
    rate_told: bool | None = Field(
        default=None, description="people told it; else it was learnt", examples=[True]
    )
    gap_s: float | None = Field(
        default=None, description="readings further apart are a gap", examples=[2250.0]
    )


@router.get("/energy/explain", dependencies=AS_TABLE)
def explain_energy(
    rooms: Rooms,
    device: Device,
    start: Start = None,
    end: End = None,
    tz: Annotated[
        str | None,
        Query(description="zone of plain times, and of the answer", examples=["Europe/Berlin"]),
    ] = None,
    quantity: Annotated[
        str | None,
        Query(
            description="which register; the import of active energy if left out",
            examples=["active_energy_import"],
        ),
    ] = None,
    channel: Annotated[
        str | None, Query(description="which tariff or input of it", examples=["1"])
    ] = None,
    limit: Limit = 1000,
    cursor: Cursor = None,
) -> ExplainedPage:
    """What a figure of /v1/energy is made of: every step of the register, with both its readings.

    The parts of all pages add up to the figure of the span but for the rounding of float64: to
    1 part in 10^12 of all that the register has counted.
    """
    where = rooms.where if tz is None else asked_zone(tz)
    span, note = chosen_register(rooms, device, quantity, channel)
    page = ExplainedPage(
        items=[], next=None, note=note, device=device, quantity=quantity, channel=channel
    )
    if span is None:
        return page
    series = span.series
    page.quantity, page.channel = series.quantity, series.channel or None
    page.unit = known_quantity(series.quantity).unit
    start_ns, end_ns = asked_span(start, end, where, (span.first_ns, span.last_ns))
    if end_ns <= start_ns:
        page.note = (
            "nothing is asked for that is known: the register was read"
            f" from {utc(span.first_ns)} to {utc(span.last_ns)}"
        )
        return page
    whole = unwrapped_of(rooms.store, span.number, rooms.where, rooms.facts(*series))
    from_ns = start_ns if cursor is None else max(start_ns, place(cursor, tuple[int])[0])
    found = explained(whole, page.unit, start_ns, end_ns, from_ns, limit)
    page.span_start, page.span_end = local(start_ns, where), local(end_ns, where)
    page.value, page.parts = found.figure.value, found.count
    page.rate_max = whole.rate_max if whole.rate_max < float("inf") else None
    page.rate_told, page.gap_s = whole.is_known, whole.gap_ns / 1e9
    page.next = None if found.next_ns is None else word(found.next_ns)
    for part in found.parts:
        inside = part.inside
        if inside.quality is None or inside.value is None:
            continue  # the span ends where nothing is known; `explained` gives no such part
        page.items.append(
            PartOut(
                start=local(inside.start_ns, where),
                end=local(inside.end_ns, where),
                value=inside.value,
                share=_share(part),
                amount=part.amount,
                step=part.step,
                quality=inside.quality.word,
                status=letter_of(inside) or "",
                coverage=inside.coverage,
                uncertainty=inside.uncertainty,
                provisional=inside.provisional,
                method=inside.method,
                first=_reading(rooms, series, part.first),
                last=_reading(rooms, series, part.last),
                corrections=corrections_out(part.corrections, where),
                rejected=[_reading(rooms, series, one) for one in part.rejected],
            )
        )
    return page


def _share(part: Part) -> float | None:
    if part.amount == 0.0 or part.inside.value is None:
        return None
    whole = (part.inside.start_ns, part.inside.end_ns) == (part.first.time_ns, part.last.time_ns)
    return 1.0 if whole else part.inside.value / part.amount


def _reading(rooms: House, series: Series, one: Reading) -> RegisterReadingOut:
    asked = {"device": series.device, "quantity": series.quantity, "channel": series.channel}
    link = f"/v1/readings/origin?{urlencode({**asked, 'time': utc(one.time_ns)})}"
    return RegisterReadingOut(
        time=utc(one.time_ns),
        value=one.value,
        multiplier=one.multiplier,
        quality=one.quality.word,
        received=utc(one.received_ns),
        message=None if rooms.past is None else link,
    )
