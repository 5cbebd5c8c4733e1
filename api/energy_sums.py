"""GET /v1/energy/sums: what flowed through many registers together, by what they have in common."""

from collections.abc import Iterator
from itertools import islice
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Query
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from analytics.calendar import PERIODS_MAX, By, edges
from analytics.energy import Period, energies
from analytics.sums import Sum, summed
from api.against import Against, AgainstOut, compared, told
from api.house import House, Rooms
from api.paging import Cursor, Limit, place, word
from api.problems import BadQueryError
from api.readings import End, Start
from api.registers import Chosen, Per, grouped
from api.shapes import Page, example
from api.tables import AS_TABLE, Tables
from api.times import asked_span, asked_zone, local
from ingest.quantity import quantity as known_quantity
from ingest.store import SeriesSpan

router = APIRouter(prefix="/v1", tags=["energy"], route_class=Tables)


class EnergySumOut(BaseModel):
    """What flowed through the registers of a group in [start, end)."""

    model_config = example(
        group="Hörde",
        start="2026-03-01T00:00:00+01:00",
        end="2026-04-01T00:00:00+02:00",
        value=812_340.0,
        unit="Wh",
        quality="measured",
        status="W",
        coverage=0.998,
        provisional=False,
        uncertainty=1250.0,
        meters=31,
        missing=1,
        corrections=2,
        area_m2=8400.0,
        per_m2=96.7,
        against=None,
    )
    group: str | None = Field(description="tenant, district, sector, site or device; null: none")
    start: str
    end: str
    value: float | None = Field(description="of the registers of which anything is known")
    unit: str
    quality: str | None = Field(description="the worst of them")
    status: str | None = Field(description="the same as a German metering operator writes it")
    coverage: float = Field(description="the mean of all, 0 of those that are missing")
    provisional: bool = Field(description="later readings may still change it")
    uncertainty: float | None = Field(description="the sum of theirs; null: nothing limits it")
    meters: int = Field(description="registers that are in the sum")
    missing: int = Field(description="registers of which nothing is known in the period")
    corrections: int = Field(description="how many steps of registers were corrected")
    area_m2: float | None = Field(description="heated floor area of the sites; null: not all known")
    per_m2: float | None = Field(description="value by that area")
    against: AgainstOut | None = Field(description="the same period of the other time")


@router.get("/energy/sums", dependencies=AS_TABLE)
def energy_sums(
    rooms: Rooms,
    chosen: Chosen,
    per: Annotated[
        Per, Query(description="what registers are put together by", examples=["district"])
    ] = Per.ALL,
    start: Start = None,
    end: End = None,
    by: Annotated[By, Query(description="calendar period", examples=["month"])] = By.MONTH,
    tz: Annotated[
        str | None,
        Query(description="zone of the periods, and of plain times", examples=["Europe/Berlin"]),
    ] = None,
    against: Against = None,
    limit: Limit = 1000,
    cursor: Cursor = None,
) -> Page[EnergySumOut]:
    """What flowed through all registers of a quantity together, group by group.

    Where a device has a register of the whole and others of its tariffs, the whole counts. What
    each register adds is what /v1/energy says of it.
    """
    where = rooms.where if tz is None else asked_zone(tz)
    groups = grouped(rooms, chosen, per)
    registers = [span for group in groups.values() for span in group.spans]
    if not registers:
        return Page(items=[], next=None, note=f"no register of {chosen.quantity} is there")
    first, last = min(one.first_ns for one in registers), max(one.last_ns for one in registers)
    start_ns, end_ns = asked_span(start, end, where, (first, last))
    if end_ns <= start_ns:
        return Page(items=[], next=None, note="the span that is asked for is empty")
    try:
        edges_ns = edges(start_ns, end_ns, by, where)
    except ValueError:
        most = f"a period that fits into the span at most {PERIODS_MAX} times, or a shorter span"
        raise BadQueryError("by", most, by.value) from None
    after = ("", -1) if cursor is None else place(cursor, tuple[str, int])
    unit = known_quantity(chosen.quantity).unit
    names = [name for name in sorted(groups) if name >= after[0]]
    found = _sums(rooms, {name: groups[name].spans for name in names}, edges_ns)
    page = list(islice(((g, one) for g, one in found if (g, one.start_ns) > after), limit + 1))
    others: dict[tuple[str, int], Sum | Period | None] = {}
    if against is not None:
        for name in dict.fromkeys(name for name, _ in page[:limit]):

            def ask(edges_ns: NDArray[np.int64], name: str = name) -> list[Sum]:
                return summed(_energies(rooms, groups[name].spans, edges_ns))

            same = compared(edges_ns, start_ns, against, where, ask)
            others |= {(name, at): one for at, one in zip(edges_ns.tolist(), same, strict=False)}
    items = [
        _out(
            name or None,
            (local(one.start_ns, where), local(one.end_ns, where)),
            one,
            unit,
            groups[name].area_m2,
            told(one.value, others.get((name, one.start_ns)), where),
        )
        for name, one in page[:limit]
    ]
    more = word(page[limit - 1][0], page[limit - 1][1].start_ns) if len(page) > limit else None
    return Page(items=items, next=more, note=None)


def _sums(
    rooms: House, groups: dict[str, list[SeriesSpan]], edges_ns: NDArray[np.int64]
) -> Iterator[tuple[str, Sum]]:
    """Yield the sums of each group, group by group as they are asked for."""
    for group, spans in groups.items():
        for one in summed(_energies(rooms, spans, edges_ns)):
            yield group, one


def _energies(
    rooms: House, spans: list[SeriesSpan], edges_ns: NDArray[np.int64]
) -> Iterator[list[Period]]:
    """Yield what each register says of the periods."""
    return energies(rooms.store, spans, edges_ns, rooms.where, lambda series: rooms.facts(*series))


def _out(
    group: str | None,
    told: tuple[str, str],
    one: Sum,
    unit: str,
    area: float | None,
    other: AgainstOut | None,
) -> EnergySumOut:
    return EnergySumOut(
        group=group,
        start=told[0],
        end=told[1],
        value=one.value,
        unit=unit,
        quality=None if one.quality is None else one.quality.word,
        status=None if one.quality is None else one.quality.letter(provisional=one.provisional),
        coverage=one.coverage,
        provisional=one.provisional,
        uncertainty=one.uncertainty,
        meters=one.meters,
        missing=one.missing,
        corrections=one.corrections,
        area_m2=area,
        per_m2=None if area is None or one.value is None else one.value / area,
        against=other,
    )
