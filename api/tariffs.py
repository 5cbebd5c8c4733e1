"""GET /v1/tariffs: what a kWh costs and how much CO2 it stands for, by time."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from analytics.tariff import (
    Band,
    Plan,
    Steps,
    Term,
    What,
    days_told,
    hours_told,
    months_told,
)
from analytics.tariffs import Broken
from api.house import House, Rooms
from api.problems import BadQueryError
from api.shapes import Page, example
from api.tables import AS_TABLE, Tables
from api.times import utc

router = APIRouter(prefix="/v1", tags=["energy"], route_class=Tables)


class PriceSeriesOut(BaseModel):
    """Prices out of a file."""

    file: str = Field(examples=["day-ahead-2026.csv"])
    start: str = Field(description="from when on a price is known", examples=["2025-12-31T23:00Z"])
    end: str = Field(description="until when", examples=["2026-12-31T23:00:00Z"])
    count: int = Field(description="prices", examples=[35_040])
    least: float = Field(description="the least of them, per kWh", examples=[-0.0124])
    most: float = Field(description="the most of them, per kWh", examples=[0.4105])


class BandOut(BaseModel):
    """Times of one price; of bands that hold at a time the first one counts. null: any."""

    name: str = Field(examples=["night"])
    price: float = Field(description="per kWh; of CO2: g per kWh", examples=[0.2214])
    series: PriceSeriesOut | None = Field(description="prices that come on top of it")
    days: str | None = Field(examples=["mon-fri"])
    hours: str | None = Field(description="of the local clock", examples=["22:00-24:00"])
    months: str | None = Field(examples=["10-12"])


class StandingOut(BaseModel):
    """What is paid for each meter, whatever flows."""

    amount: float = Field(examples=[96.0])
    per: str = Field(description="day, month or year", examples=["year"])


class TermOut(BaseModel):
    """Local days over which nothing changes."""

    since: str = Field(description="the first day", examples=["2026-01-01"])
    until: str | None = Field(
        description="the day after the last; null: not known yet", examples=["2027-01-01"]
    )
    vat_percent: float = Field(description="of the value-added tax", examples=[19.0])
    standing: list[StandingOut]
    bands: list[BandOut]


class TariffOut(BaseModel):
    """A file of the tariff folder: what it says, or why it can't be used."""

    model_config = example(
        name="example-day-night",
        file="example-day-night.toml",
        what="tariff",
        title="Example: day and night (invented prices)",
        tenant=None,
        zone="Europe/Berlin",
        currency="EUR",
        direction="import",
        prices="net",
        terms=[
            {
                "since": "2026-01-01",
                "until": None,
                "vat_percent": 19.0,
                "standing": [{"amount": 96.0, "per": "year"}],
                "bands": [
                    {
                        "name": "night",
                        "price": 0.2214,
                        "series": None,
                        "days": None,
                        "hours": "00:00-06:00, 22:00-24:00",
                        "months": None,
                    }
                ],
            }
        ],
        error=None,
    )
    name: str | None = Field(description="how it is asked for; null: the file is broken")
    file: str
    what: str | None = Field(description="tariff, or co2")
    title: str | None
    tenant: str | None = Field(description="who alone sees it; null: everybody")
    zone: str | None = Field(description="of its days and hours")
    currency: str | None
    direction: str | None = Field(description="import, or export: what flows that way is paid for")
    prices: str | None = Field(description="net, or gross: with VAT in them")
    terms: list[TermOut]
    error: str | None = Field(description="what is wrong with the file, by line and field")


@router.get("/tariffs", dependencies=AS_TABLE)
def tariffs(
    rooms: Rooms,
    what: Annotated[
        What | None, Query(description="tariffs or CO2 intensities only", examples=["tariff"])
    ] = None,
) -> Page[TariffOut]:
    """Every tariff and CO2 intensity with its bands, by name; then files that can't be used."""
    known = rooms.tariffs.known()
    items = [_out(plan) for plan in known.plans if what in (None, plan.what)]
    items += [_broken(one) for one in known.broken]
    note = (
        None if items else "no file is in the tariff folder; docs/tariffs.md says what goes there"
    )
    return Page(items=items, next=None, note=note)


def plan_of(rooms: House, parameter: str, name: str, what: What) -> Plan:
    """Return a tariff or intensity by its name.

    Raises BadQueryError that says which there are, or that its file is broken.
    """
    known = rooms.tariffs.known()
    found = [plan for plan in known.plans if plan.what is what]
    plan = next((one for one in found if one.name == name), None)
    if plan is None:
        names = ", ".join(one.name for one in found[:20]) or "none is there"
        broken = ", ".join(one.file for one in known.broken[:5])
        more = f"; broken: {broken}, see /v1/tariffs" if broken else ""
        raise BadQueryError(parameter, f"one that /v1/tariffs lists ({names}{more})", name)
    return plan


def _out(plan: Plan) -> TariffOut:
    is_tariff = plan.what is What.TARIFF
    return TariffOut(
        name=plan.name,
        file=plan.file,
        what=plan.what.value,
        title=plan.title or None,
        tenant=plan.tenant,
        zone=plan.zone,
        currency=plan.currency or None,
        direction=plan.direction.value if is_tariff else None,
        prices=("gross" if plan.gross else "net") if is_tariff else None,
        terms=[_term(one) for one in plan.terms],
        error=None,
    )


def _term(term: Term) -> TermOut:
    return TermOut(
        since=term.since.isoformat(),
        until=None if term.until is None else term.until.isoformat(),
        vat_percent=float(term.vat_percent),
        standing=[StandingOut(amount=float(s.amount), per=s.per.value) for s in term.standing],
        bands=[_band(one) for one in term.bands],
    )


def _band(band: Band) -> BandOut:
    return BandOut(
        name=band.name,
        price=float(band.price),
        series=None if band.steps is None else _series(band.steps),
        days=days_told(band.days) or None,
        hours=hours_told(band.hours) or None,
        months=months_told(band.months) or None,
    )


def _series(steps: Steps) -> PriceSeriesOut:
    return PriceSeriesOut(
        file=steps.file,
        start=utc(int(steps.start_ns[0])),
        end=utc(int(steps.end_ns[-1])),
        count=len(steps.value),
        least=float(min(steps.value)),
        most=float(max(steps.value)),
    )


def _broken(one: Broken) -> TariffOut:
    nothing = dict.fromkeys(
        ("name", "what", "title", "tenant", "zone", "currency", "direction", "prices")
    )
    return TariffOut(**nothing, file=one.file, terms=[], error="; ".join(one.faults))
