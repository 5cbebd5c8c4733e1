"""GET /v1/energy/degree-days: energy by the degree day, and as it were in a normal year."""

import math
from collections.abc import Iterator
from datetime import tzinfo
from itertools import islice
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from analytics.calendar import PERIODS_MAX, By, edges
from analytics.degree_days import (
    Base,
    Kind,
    Normalised,
    days_around,
    normal,
    normalised,
    reference,
    weather,
)
from analytics.energy import energies
from analytics.environment import series_of
from api.degree_days_shapes import Calendar, DegreeDaysOut, DegreeDaysPage
from api.house import House, Rooms, unheard
from api.paging import Cursor, Limit, place, word
from api.problems import BadQueryError
from api.readings import End, Start
from api.registers import Chosen, Per, grouped
from api.tables import AS_TABLE, Tables
from api.times import asked_span, asked_zone, local
from ingest.quantity import quantity as known_quantity

router = APIRouter(prefix="/v1", tags=["energy"], route_class=Tables)

_MONTHS = 12
_YEAR_MAX = 20_000.0  # K d; there is no colder place
_FINITE = Field(allow_inf_nan=False)


@router.get("/energy/degree-days", dependencies=AS_TABLE)
def energy_degree_days(
    rooms: Rooms,
    chosen: Chosen,
    temperature: Annotated[
        str,
        Query(description="device that measures the temperature outside", examples=["roof-1"]),
    ],
    channel: Annotated[
        str | None,
        Query(description="its channel; the first by name if left out", examples=["external"]),
    ] = None,
    kind: Annotated[
        Kind, Query(description="heating (20/15) or cooling (24)", examples=["heating"])
    ] = Kind.HEATING,
    per: Annotated[
        Per, Query(description="what registers are put together by", examples=["site"])
    ] = Per.ALL,
    start: Start = None,
    end: End = None,
    by: Annotated[
        Calendar, Query(description="calendar period", examples=["month"])
    ] = Calendar.MONTH,
    tz: Annotated[
        str | None,
        Query(description="zone of days and periods, and of plain times", examples=["+01:00"]),
    ] = None,
    reference_year: Annotated[
        str | None,
        Query(
            alias="reference",
            description="degree days of a normal year, K d: one number, or twelve by commas for"
            " January to December; the mean of the whole years at hand if left out",
            examples=["3500"],
        ),
    ] = None,
    base_load: Annotated[
        float | None,
        _FINITE,
        Query(
            ge=0,
            le=1,
            description="share of the energy that does not depend on the weather",
            examples=[0.15],
        ),
    ] = None,
    base_load_per_day: Annotated[
        float | None,
        _FINITE,
        Query(
            ge=0,
            le=1e15,
            description="the same as so much a day, in the register's unit, for each group",
            examples=[12000],
        ),
    ] = None,
    limit: Limit = 1000,
    cursor: Cursor = None,
) -> DegreeDaysPage:
    """Energy of registers by the degree day, and normalised to the weather of a normal year.

    The energy is that of /v1/energy/sums, and the degree days are those of /v1/environment. The
    span is widened to whole local days.
    """
    where = rooms.where if tz is None else asked_zone(tz)
    given = None if reference_year is None else _reference(reference_year)
    if base_load is not None and base_load_per_day is not None:
        expected = "a share or an amount a day, not both"
        raise BadQueryError("base_load, base_load_per_day", expected, base_load_per_day)
    groups = grouped(rooms, chosen, per)
    unit = known_quantity(chosen.quantity).unit
    page = DegreeDaysPage(
        items=[], next=None, note=None, temperature=temperature, kind=kind, reference_years=None
    )
    registers = [span for group in groups.values() for span in group.spans]
    outside = series_of(rooms.store, temperature, "temperature", channel)
    if not registers:
        page.note = f"no register of {chosen.quantity} is there"
        return page
    if outside is None:
        page.note = _no_temperature(rooms, temperature, channel)
        return page
    first, last = min(one.first_ns for one in registers), max(one.last_ns for one in registers)
    start_ns, end_ns = asked_span(start, end, where, (first, last))
    if end_ns <= start_ns:
        page.note = "the span that is asked for is empty"
        return page
    try:
        edges_ns = edges(*days_around(start_ns, end_ns, where), By(by.value), where)
    except ValueError:
        most = f"a period that fits into the span at most {PERIODS_MAX} times, or a shorter span"
        raise BadQueryError("by", most, by.value) from None
    known = weather(rooms.store, outside, kind, where)
    at_hand = normal(known)
    if at_hand is not None and (given is None or len(given) == 1):
        page.reference_years = ", ".join(str(year) for year in at_hand.years)
    base = Base(base_load or 0.0, base_load_per_day)
    after = ("", -1) if cursor is None else place(cursor, tuple[str, int])

    def found() -> Iterator[tuple[str, Normalised]]:
        for name in sorted(one for one in groups if one >= after[0]):
            told = energies(
                *(rooms.store, groups[name].spans, edges_ns, rooms.where),
                lambda series: rooms.facts(*series),
            )
            for one in normalised(told, known, kind, reference(given, at_hand), base, where):
                if (name, one.energy.start_ns) > after:
                    yield name, one

    asked = list(islice(found(), limit + 1))
    page.items = [_out(name or None, one, unit, where) for name, one in asked[:limit]]
    if len(asked) > limit:
        page.next = word(asked[limit - 1][0], asked[limit - 1][1].energy.start_ns)
    return page


def _reference(typed: str) -> list[float]:
    """Return the degree days of a year or of twelve months as a person typed them."""
    try:
        found = [float(one) for one in typed.split(",")]
    except ValueError:
        found = []
    good = all(math.isfinite(one) and one >= 0 for one in found)
    if len(found) in (1, _MONTHS) and good and 0 < sum(found) <= _YEAR_MAX:
        return found
    expected = (
        f"degree days of a normal year, above 0 and at most {_YEAR_MAX:.0f} K d: one number, or"
        " twelve by commas"
    )
    raise BadQueryError("reference", expected, typed)


def _no_temperature(rooms: House, device: str, channel: str | None) -> str:
    """Return a word about a device without the temperature that is asked for."""
    of = "" if channel is None else f' in its channel "{channel[:80]}"'
    return unheard(rooms, device) or f'"{device[:80]}" measures no temperature{of}'


def _out(group: str | None, one: Normalised, unit: str, where: tzinfo) -> DegreeDaysOut:
    energy, told = one.energy, one.degree_days
    quality = energy.quality
    return DegreeDaysOut(
        group=group,
        start=local(energy.start_ns, where),
        end=local(energy.end_ns, where),
        value=energy.value,
        unit=unit,
        degree_days=told.known,
        days=told.days,
        days_covered=told.covered,
        degree_days_whole=told.whole,
        per_degree_day=one.per_degree_day,
        base=one.base,
        reference=one.reference,
        normalised=one.value,
        reason=one.reason,
        known=one.known,
        quality=None if quality is None else quality.word,
        status=None if quality is None else quality.letter(provisional=energy.provisional),
        coverage=energy.coverage,
        provisional=energy.provisional,
        uncertainty=energy.uncertainty,
        meters=energy.meters,
        missing=energy.missing,
        corrections=energy.corrections,
    )
