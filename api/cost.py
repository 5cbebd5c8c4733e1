"""GET /v1/energy/cost: what energy costs by a tariff, and the CO2 that it stands for."""

from collections.abc import Iterator
from datetime import tzinfo
from decimal import Decimal
from fractions import Fraction
from itertools import islice
from typing import Annotated

from fastapi import APIRouter, Query

from analytics.calendar import PERIODS_MAX, By, edges
from analytics.cost import Carbon, Cost, Part, costs, rounded
from analytics.energy import unwrappeds
from analytics.register import Unwrapped
from analytics.tariff import Plan, What
from analytics.tariff_times import Pieces, pieces
from api.cost_shapes import ByQualityOut, CarbonOut, CostOut, CostPage, CostPartOut
from api.house import House, Rooms
from api.paging import Cursor, Limit, place, word
from api.problems import BadQueryError
from api.readings import End, Start
from api.registers import Choice, Per, grouped
from api.sites import District, Sector, Tenant
from api.tables import AS_TABLE, Tables
from api.tariffs import plan_of
from api.times import asked_span, asked_zone, local
from ingest.reading import Quality
from ingest.store import SeriesSpan

router = APIRouter(prefix="/v1", tags=["energy"], route_class=Tables)

WORK_MAX = 4_000_000
"""Registers times changes of price, at once: some seconds, and 100 MB."""
_WH, _G = 1000, 1000  # in a kWh, in a kg


@router.get("/energy/cost", dependencies=AS_TABLE)
def energy_cost(
    rooms: Rooms,
    tariff: Annotated[
        str, Query(description="its name, of /v1/tariffs", examples=["example-day-night"])
    ],
    co2: Annotated[
        str | None,
        Query(description="name of a CO2 intensity, of /v1/tariffs", examples=["example-co2"]),
    ] = None,
    tenant: Tenant = None,
    district: District = None,
    sector: Sector = None,
    site: Annotated[
        str | None, Query(description="only of this site", examples=["hoerde-school"])
    ] = None,
    device: Annotated[
        str | None, Query(description="only of these devices, by commas", examples=["m-1,m-2"])
    ] = None,
    per: Annotated[
        Per, Query(description="what registers are put together by", examples=["site"])
    ] = Per.ALL,
    start: Start = None,
    end: End = None,
    by: Annotated[By, Query(description="calendar period", examples=["month"])] = By.MONTH,
    tz: Annotated[
        str | None,
        Query(description="zone of the periods, and of plain times", examples=["Europe/Berlin"]),
    ] = None,
    digits: Annotated[
        int, Query(ge=0, le=6, description="of money, after the point", examples=[2])
    ] = 2,
    limit: Limit = 1000,
    cursor: Cursor = None,
) -> CostPage:
    """What the energy of registers costs, group by group, with its bands and standing charges.

    The registers are those of imported energy, for a tariff of export those of exported energy. The
    kWh are those of /v1/energy, cut wherever the tariff's price changes by the clock of the
    tariff's zone. Money is computed exactly and rounded once, at the end.
    """
    where = rooms.where if tz is None else asked_zone(tz)
    plan = plan_of(rooms, "tariff", tariff, What.TARIFF)
    carbon = None if co2 is None else plan_of(rooms, "co2", co2, What.CO2)
    page = CostPage(
        items=[],
        next=None,
        note=None,
        tariff=plan.name,
        currency=plan.currency,
        direction=plan.direction.value,
        intensity=None if carbon is None else carbon.name,
    )
    quantity = plan.direction.quantity
    groups = grouped(rooms, Choice(quantity, tenant, district, sector, site, device), per)
    registers = [span for group in groups.values() for span in group.spans]
    if not registers:
        page.note = f"no register of {quantity} is there"
        return page
    known = min(one.first_ns for one in registers), max(one.last_ns for one in registers)
    start_ns, end_ns = asked_span(start, end, where, known)
    if end_ns <= start_ns:
        page.note = "the span that is asked for is empty"
        return page
    try:
        edges_ns = edges(start_ns, end_ns, by, where)
    except ValueError:
        most = f"a period that fits into the span at most {PERIODS_MAX} times, or a shorter span"
        raise BadQueryError("by", most, by.value) from None
    span_ns = max(start_ns, known[0]), min(end_ns, known[1])
    if span_ns[0] >= span_ns[1]:
        span_ns = start_ns, start_ns + 1  # nothing is known there, whatever it costs
    prices = plan, _pieces(plan, span_ns, where)
    intensities = None if carbon is None else (carbon, _pieces(carbon, span_ns, where))
    count = len(edges_ns) + len(prices[1].term)
    count += 0 if intensities is None else len(intensities[1].term)
    if count * len(registers) > WORK_MAX:
        most = f"fewer registers or a shorter span: at most {WORK_MAX} registers times periods"
        raise BadQueryError("start, end", most, f"{len(registers)} times {count}")
    after = ("", -1) if cursor is None else place(cursor, tuple[str, int])

    def found() -> Iterator[tuple[str, Cost]]:
        for name in sorted(one for one in groups if one >= after[0]):
            registers = _unwrapped(rooms, groups[name].spans)
            for one in costs(registers, edges_ns, prices, intensities):
                if (name, one.energy.start_ns) > after:
                    yield name, one

    asked = list(islice(found(), limit + 1))
    page.items = [_out(name or None, one, digits, where) for name, one in asked[:limit]]
    if len(asked) > limit:
        page.next = word(asked[limit - 1][0], asked[limit - 1][1].energy.start_ns)
    page.note = _note(plan, page.items)
    return page


def _pieces(plan: Plan, span_ns: tuple[int, int], where: tzinfo) -> Pieces:
    try:
        return pieces(plan, *span_ns)
    except ValueError as fault:
        span = f"{local(span_ns[0], where)} to {local(span_ns[1], where)}"
        raise BadQueryError("start, end", f"a shorter span ({fault})", span) from None


def _unwrapped(rooms: House, spans: list[SeriesSpan]) -> Iterator[tuple[str, Unwrapped]]:
    wholes = unwrappeds(rooms.store, spans, rooms.where, lambda series: rooms.facts(*series))
    for span, whole in zip(spans, wholes, strict=True):
        yield span.series.device, whole


def _note(plan: Plan, items: list[CostOut]) -> str | None:
    """Return a word about what has no price, and when the tariff has one."""
    unpriced = sum(one.unpriced_kwh for one in items)
    if not unpriced:
        return None
    until = plan.terms[-1].until
    end = "" if until is None else f" until before {until}"
    return (
        f"{unpriced:.3f} kWh have no price, and are in no total: {plan.name} holds from"
        f" {plan.terms[0].since}{end}, where it has a price; /v1/tariffs says more"
    )


def _out(group: str | None, cost: Cost, digits: int, where: tzinfo) -> CostOut:
    energy = cost.energy
    parts = [_part(one, digits) for one in cost.parts]
    net, total = rounded(cost.net, digits), rounded(cost.net + cost.vat, digits)
    rest = total - sum((_amount(one, digits) for one in cost.parts), Decimal(0))
    known = bool(parts)
    return CostOut(
        group=group,
        start=local(energy.start_ns, where),
        end=local(energy.end_ns, where),
        kwh=None if energy.value is None else energy.value / _WH,
        net=float(net) if known else None,
        vat=float(total - net) if known else None,
        total=float(total) if known else None,
        rounding=float(rest) if known else None,
        parts=parts,
        unpriced_kwh=cost.unpriced_wh / _WH,
        spread_kwh=cost.divided_wh / _WH,
        spread_share=min(cost.divided_wh / energy.value, 1.0) if energy.value else None,
        by_quality=ByQualityOut(
            **{
                one.word: cost.by_quality[one] / _WH
                for one in Quality
                if one is not Quality.REJECTED
            }
        ),
        co2=None if cost.carbon is None else _carbon(cost.carbon),
        quality=None if energy.quality is None else energy.quality.word,
        status=None
        if energy.quality is None
        else energy.quality.letter(provisional=energy.provisional),
        coverage=energy.coverage,
        provisional=energy.provisional,
        uncertainty_kwh=None if energy.uncertainty is None else energy.uncertainty / _WH,
        meters=energy.meters,
        missing=energy.missing,
        corrections=energy.corrections,
    )


def _amount(part: Part, digits: int) -> Decimal:
    return rounded(part.net + part.vat, digits)


def _part(part: Part, digits: int) -> CostPartOut:
    net, amount = rounded(part.net, digits), _amount(part, digits)
    is_energy = part.kind == "energy"
    return CostPartOut(
        kind=part.kind,
        name=part.name,
        since=part.since.isoformat(),
        kwh=_float(part.wh / _WH) if is_energy else None,
        count=None if is_energy else _float(part.count),
        price=None if part.price is None else _float(part.price),
        net=float(net),
        vat=float(amount - net),
        amount=float(amount),
        spread_kwh=part.divided_wh / _WH if is_energy else None,
    )


def _carbon(carbon: Carbon) -> CarbonOut:
    mean = carbon.grams * _WH / carbon.wh if carbon.wh else None
    return CarbonOut(
        kg=_float(carbon.grams / _G),
        g_per_kwh=None if mean is None else _float(mean),
        unknown_kwh=carbon.unknown_wh / _WH,
        spread_kwh=carbon.divided_wh / _WH,
    )


def _float(exact: Fraction) -> float:
    return float(exact)
