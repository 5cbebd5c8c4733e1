"""GET /v1/energy/load: peak, base and duration curve of registers together."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from analytics.calendar import PERIODS_MAX, By, edges
from analytics.energy import energies
from analytics.load import SHARES, load_of
from analytics.sums import summed
from api.house import Rooms
from api.problems import BadQueryError, NotFoundError
from api.readings import End, Start
from api.registers import Chosen, Per, grouped
from api.shapes import example
from api.times import asked_span, asked_zone, local
from ingest.quantity import quantity as known_quantity

router = APIRouter(prefix="/v1", tags=["energy"])

_POWERS = {"Wh": "W", "m3": "m3/h"}


class DurationOut(BaseModel):
    """A point of the duration curve."""

    share: float = Field(description="of the known quarter-hours, 0 to 1", examples=[0.05])
    power: float = Field(description="what is reached in that share of them", examples=[41200.0])


class LoadOut(BaseModel):
    """The load of registers together, out of quarter-hours of which all of them are known."""

    model_config = example(
        registers=12,
        start="2026-01-01T00:00:00+01:00",
        end="2027-01-01T00:00:00+01:00",
        unit="Wh",
        power_unit="W",
        energy=104_530_000.0,
        peak=52_300.0,
        peak_start="2026-01-14T07:45:00+01:00",
        base=4_100.0,
        mean=11_932.0,
        load_factor=0.228,
        utilisation_h=1998.7,
        known=0.998,
        duration=[{"share": 0.0, "power": 52_300.0}, {"share": 1.0, "power": 3_900.0}],
    )
    registers: int = Field(description="how many are added up")
    start: str
    end: str
    unit: str
    power_unit: str
    energy: float = Field(description="what flowed in the known quarter-hours")
    peak: float = Field(description="the most of a quarter-hour, as power")
    peak_start: str = Field(description="when that quarter-hour began")
    base: float = Field(description="what is reached in 95 % of the quarter-hours")
    mean: float
    load_factor: float | None = Field(description="mean by peak; null: nothing flowed")
    utilisation_h: float | None = Field(description="for how long the peak would take for it all")
    known: float = Field(description="share of the quarter-hours that count")
    duration: list[DurationOut] = Field(description="the duration curve, from the peak on")


@router.get("/energy/load")
def energy_load(
    rooms: Rooms,
    chosen: Chosen,
    start: Start = None,
    end: End = None,
    tz: Annotated[
        str | None,
        Query(description="zone of plain times, and of the answer", examples=["Europe/Berlin"]),
    ] = None,
) -> LoadOut:
    """Peak, base, load factor, hours of use and duration curve of registers together.

    Out of quarter-hours; a year at most.
    """
    where = rooms.where if tz is None else asked_zone(tz)
    group = grouped(rooms, chosen, Per.ALL).get("all")
    if group is None:
        raise NotFoundError(f"no register of {chosen.quantity} is there")
    first, last = (
        min(one.first_ns for one in group.spans),
        max(one.last_ns for one in group.spans),
    )
    start_ns, end_ns = asked_span(start, end, where, (first, last))
    try:
        edges_ns = edges(start_ns, end_ns, By.QUARTER_HOUR, where)
    except ValueError:
        span = f"{local(start_ns, where)} to {local(end_ns, where)}"
        most = f"a span of 1 to {PERIODS_MAX} quarter-hours"
        raise BadQueryError("start, end", most, span) from None
    found = energies(
        rooms.store, group.spans, edges_ns, rooms.where, lambda series: rooms.facts(*series)
    )
    load = load_of(summed(found))
    if load is None:
        raise NotFoundError(
            "there is no quarter-hour in this span of which all registers are known"
        )
    unit = known_quantity(chosen.quantity).unit
    return LoadOut(
        registers=len(group.spans),
        start=local(start_ns, where),
        end=local(end_ns, where),
        unit=unit,
        power_unit=_POWERS[unit],
        energy=load.energy,
        peak=load.peak,
        peak_start=local(load.peak_ns, where),
        base=load.base,
        mean=load.mean,
        load_factor=load.factor,
        utilisation_h=load.hours,
        known=load.known,
        duration=[
            DurationOut(share=share, power=power)
            for share, power in zip(SHARES, load.duration, strict=True)
        ],
    )
