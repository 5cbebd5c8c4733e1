"""GET /v1/energy/heatmap: days by quarter-hours, as a planner looks at a load profile."""

import math
from datetime import tzinfo
from enum import StrEnum
from itertools import pairwise
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Query
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from analytics.calendar import By, edges, to_datetime, to_ns
from analytics.energy import energies
from analytics.sums import Sum, summed
from api.house import Rooms
from api.problems import BadQueryError, NotFoundError
from api.readings import End, Start
from api.registers import Chosen, Per, grouped
from api.shapes import example
from api.times import asked_span, asked_zone, local
from ingest.quantity import quantity as known_quantity

router = APIRouter(prefix="/v1", tags=["energy"])

DAYS_MAX = 400
_DAY_NS = 24 * 3_600_000_000_000
_HOUR_NS = 3_600_000_000_000
_POWERS = {"Wh": "W", "m3": "m3/h"}


class Show(StrEnum):
    """What is told of each quarter-hour."""

    POWER = "power"
    ENERGY = "energy"


DAY: dict[str, object] = {
    "day": "2026-03-29",
    "start": "2026-03-29T00:00:00+01:00",
    "end": "2026-03-30T00:00:00+02:00",
    "clock": ["00:00", "00:15", "00:30"],
    "values": [400.0, 380.0, None],
    "qualities": ["measured", "estimated", None],
    "energy": 195.0,
    "quality": "estimated",
    "coverage": 0.99,
    "provisional": False,
    "incomplete": 1,
    "corrections": 0,
}


class HeatDayOut(BaseModel):
    """A local day: as many entries as it has quarter-hours, 92 to 100, in the order of time."""

    model_config = example(**DAY)
    day: str
    start: str
    end: str
    clock: list[str] = Field(
        description="the local clock at the start of each entry: without 02:00 to 02:45 in spring,"
        " with them twice in autumn, so 03:00 stands under 03:00 by this and not by its place"
    )
    values: list[float | None] = Field(description="one of each quarter-hour; null: not known")
    qualities: list[str | None] = Field(
        description="the worst of each one's registers; estimated: the registers tell less often"
        " than every quarter-hour, and the value lies between their readings"
    )
    energy: float | None = Field(description="of the whole day: exactly the sum of its entries")
    quality: str | None = Field(description="the worst of the day")
    coverage: float = Field(description="share of the day between readings close enough")
    provisional: bool = Field(description="later readings may still change it")
    incomplete: int = Field(description="entries of which not all registers are known")
    corrections: int = Field(description="how many steps of registers were corrected")


class HeatMapOut(BaseModel):
    """Days by quarter-hours of registers together."""

    model_config = example(registers=12, unit="W", energy_unit="Wh", tz="Europe/Berlin", days=[DAY])
    registers: int = Field(description="how many are added up")
    unit: str = Field(description="of the values")
    energy_unit: str = Field(description="of each day's energy")
    tz: str = Field(description="whose days and clocks these are")
    days: list[HeatDayOut]


@router.get("/energy/heatmap")
def energy_heatmap(
    rooms: Rooms,
    chosen: Chosen,
    start: Start = None,
    end: End = None,
    show: Annotated[
        Show,
        Query(description="mean power of each quarter-hour, or its energy", examples=["power"]),
    ] = Show.POWER,
    tz: Annotated[
        str | None,
        Query(description="zone of the days, and of plain times", examples=["Europe/Berlin"]),
    ] = None,
) -> HeatMapOut:
    """Mean power (or energy) of every quarter-hour of registers together, a row a local day.

    Whole days: all that [start, end) touches, at most 400. What each quarter-hour says is what
    /v1/energy/sums?by=quarter_hour says of it, which has the same as a table.
    """
    where = rooms.where if tz is None else asked_zone(tz)
    group = grouped(rooms, chosen, Per.ALL).get("all")
    if group is None:
        raise NotFoundError(f"no register of {chosen.quantity} is there")
    known = min(one.first_ns for one in group.spans), max(one.last_ns for one in group.spans)
    start_ns, end_ns = asked_span(start, end, where, known)
    days_ns = _days(start_ns, end_ns, where)
    quarters_ns = edges(int(days_ns[0]), int(days_ns[-1]), By.QUARTER_HOUR, where)
    found = summed(
        energies(
            rooms.store,
            group.spans,
            np.union1d(quarters_ns, days_ns),
            rooms.where,
            lambda series: rooms.facts(*series),
        )
    )
    unit = known_quantity(chosen.quantity).unit
    cut = np.searchsorted([one.start_ns for one in found], days_ns).tolist()
    return HeatMapOut(
        registers=len(group.spans),
        unit=_POWERS[unit] if show is Show.POWER else unit,
        energy_unit=unit,
        tz=str(where),
        days=[_row(found[first:behind], where, show) for first, behind in pairwise(cut)],
    )


def _days(start_ns: int, end_ns: int, where: tzinfo) -> NDArray[np.int64]:
    """Return the edges of the whole local days that a span touches: (days + 1,) ns."""
    asked = f"{local(start_ns, where)} to {local(end_ns, where)}"
    if not 0 < end_ns - start_ns <= (DAYS_MAX + 1) * _DAY_NS:
        raise BadQueryError("start, end", f"a span of 1 to {DAYS_MAX} days", asked)
    first = to_datetime(start_ns, where).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    # A day more than is asked for, which ends the last one.
    found = edges(to_ns(first), end_ns + 2 * _DAY_NS, By.DAY, where)
    found = found[: int(np.searchsorted(found, end_ns)) + 1]
    if len(found) > DAYS_MAX + 1:
        raise BadQueryError("start, end", f"a span of 1 to {DAYS_MAX} days", asked)
    return found


def _row(entries: list[Sum], where: tzinfo, show: Show) -> HeatDayOut:
    start_ns, end_ns = entries[0].start_ns, entries[-1].end_ns
    values = [one.value for one in entries]
    qualities = [one.quality for one in entries if one.quality is not None]
    told = [one for one in values if one is not None]
    covered = math.fsum(one.coverage * (one.end_ns - one.start_ns) for one in entries)
    return HeatDayOut(
        day=str(to_datetime(start_ns, where).date()),
        start=local(start_ns, where),
        end=local(end_ns, where),
        clock=[to_datetime(one.start_ns, where).strftime("%H:%M") for one in entries],
        values=values if show is Show.ENERGY else [_power(one) for one in entries],
        qualities=[None if one.quality is None else one.quality.word for one in entries],
        energy=math.fsum(told) if told else None,
        quality=max(qualities).word if qualities else None,
        coverage=covered / (end_ns - start_ns),
        provisional=any(one.provisional for one in entries),
        incomplete=sum(one.missing > 0 for one in entries),
        corrections=sum(one.corrections for one in entries),
    )


def _power(one: Sum) -> float | None:
    return None if one.value is None else one.value * _HOUR_NS / (one.end_ns - one.start_ns)
