"""GET /v1/energy: what flowed, by calendar period, with quality, coverage and corrections."""

from collections.abc import Sequence
from datetime import tzinfo
from typing import Annotated, NamedTuple

import numpy as np
from fastapi import APIRouter, Query
from numpy.typing import NDArray

from analytics.calendar import PERIODS_MAX, By, edges
from analytics.corrections import Correction
from analytics.crosscheck import by_power
from analytics.energy import Period, energy, registers
from analytics.sums import Sum
from api.against import Against, compared, told
from api.energy_shapes import CorrectionOut, EnergyOut, EnergyPage
from api.house import House, Rooms, unheard
from api.paging import Cursor, Limit, place, word
from api.problems import BadQueryError
from api.readings import Device, End, Start, told_series
from api.tables import AS_TABLE, Tables
from api.times import asked_span, asked_zone, local, told_in, utc
from ingest.quantity import quantity as known_quantity
from ingest.reading import Series
from ingest.store import SeriesSpan

router = APIRouter(prefix="/v1", tags=["energy"], route_class=Tables)


@router.get("/energy", dependencies=AS_TABLE)
def read_energy(
    rooms: Rooms,
    device: Device,
    start: Start = None,
    end: End = None,
    by: Annotated[By, Query(description="calendar period", examples=["day"])] = By.DAY,
    tz: Annotated[
        str | None,
        Query(description="zone of the periods, and of plain times", examples=["Europe/Berlin"]),
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
    against: Against = None,
    limit: Limit = 10_000,
    cursor: Cursor = None,
) -> EnergyPage:
    """What flowed through a register in each period of [start, end), clipped to it.

    The periods add up: their sum is the change of the register plus the corrections named beside
    them. Nothing is claimed before the first and after the last reading.
    """
    where = rooms.where if tz is None else asked_zone(tz)
    asked_for = chosen_register(rooms, device, quantity, channel)
    span, also = asked_for.span, asked_for.note
    if span is None:
        return EnergyPage(
            items=[], next=None, note=also, device=device, quantity=quantity, channel=channel
        )
    series = span.series
    start_ns, end_ns = asked_span(start, end, where, (span.first_ns, span.last_ns))
    from_ns = start_ns
    if cursor is not None:
        start_ns = max(start_ns, place(cursor, tuple[int])[0])
    page = EnergyPage(
        items=[],
        next=None,
        note=also,
        device=device,
        quantity=series.quantity,
        channel=series.channel or None,
    )
    if end_ns <= start_ns:
        known = f"from {utc(span.first_ns)} to {utc(span.last_ns)}"
        page.note = f"nothing is asked for that is known: the register was read {known}"
        return page
    try:
        edges_ns = edges(start_ns, end_ns, by, where)
    except ValueError:
        most = f"a period that fits into the span at most {PERIODS_MAX} times, or a shorter span"
        raise BadQueryError("by", most, by.value) from None
    if len(edges_ns) > limit + 1:
        edges_ns = edges_ns[: limit + 1]
        page.next = word(int(edges_ns[-1]))
    unit = known_quantity(series.quantity).unit
    facts = rooms.facts(*series)
    found_by_power = by_power(rooms.store, series, edges_ns)

    def ask(edges_ns: NDArray[np.int64]) -> list[Period]:
        return energy(rooms.store, span.number, edges_ns, rooms.where, facts)

    asked = ask(edges_ns)
    others: Sequence[Period | Sum | None] = [None] * len(asked)
    if against is not None:
        others = compared(edges_ns, from_ns, against, where, ask)
    at = told_in(where)
    page.items = [
        EnergyOut(
            start=at(period.start_ns),
            end=at(period.end_ns),
            value=period.value,
            unit=unit,
            quality=None if period.quality is None else period.quality.word,
            coverage=period.coverage,
            provisional=period.provisional,
            status=letter_of(period),
            uncertainty=period.uncertainty,
            known_from=at(period.known_from_ns) if period.quality is not None else None,
            known_to=at(period.known_to_ns) if period.quality is not None else None,
            method=period.method,
            by_power=power,
            against=told(period.value, other, where),
            corrections=corrections_out(period.corrections, rooms.where),
        )
        for period, power, other in zip(asked, found_by_power, others, strict=True)
    ]
    return page


class Register(NamedTuple):
    """The register that a question means; None: there is none, and the note says why."""

    span: SeriesSpan | None
    note: str | None


def chosen_register(
    rooms: House, device: str, quantity: str | None, channel: str | None
) -> Register:
    """Return which register of a device is meant, with a word where it is one of several."""
    found = registers(rooms.store, device)
    chosen = [
        series
        for series in found
        if (quantity is None or series.quantity == quantity)
        and (channel is None or series.channel == channel)
    ]
    if not chosen:
        return Register(None, unheard(rooms, device) or _no_register(device, found))
    series = chosen[0]
    # Nobody should take one tariff for the whole.
    same = [one for one in chosen if one.quantity == series.quantity]
    also = f"one of several: choose by channel among {told_series(same)}" if same[1:] else None
    return Register(next(s for s in rooms.store.series(device) if s.series == series), also)


def letter_of(period: Period) -> str | None:
    """Return a period's status as a German metering operator writes it; None: nothing is known."""
    if period.quality is None:
        return None
    return period.quality.letter(provisional=period.provisional)


def corrections_out(corrections: Sequence[Correction], where: tzinfo) -> list[CorrectionOut]:
    """Return corrections as they are told."""
    return [
        CorrectionOut(
            kind=c.kind,
            value=c.value,
            at=local(c.at_ns, where),
            note=c.note,
            count=c.count,
            asked=c.asked,
        )
        for c in corrections
    ]


def _no_register(device: str, found: list[Series]) -> str:
    if not found:
        return f'"{device}" has no register of energy, gas, water or heat'
    return f'"{device}" has no such register; it has {told_series(found)}'
