"""GET /v1/public/…: what the cities show to everybody, without a key.

Totals are those that were told (opened.py); places are those that the catalog calls public. All
who ask are told the same, whatever key they show.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field
from starlette.requests import HTTPConnection

from analytics.grouping import valid
from analytics.windows import read_windows
from api.house import House
from api.opened import QUANTITIES, SETTLED_DAYS
from api.paging import Cursor, Limit, place, word
from api.problems import BadQueryError, NotFoundError
from api.readings import End, Start
from api.shapes import Page, example
from api.tables import AS_TABLE, Tables
from api.times import asked_span, utc
from ingest.catalog import Catalog, Published, published
from ingest.place import Site
from ingest.quantity import quantity as known_quantity
from ingest.store import SeriesSpan

router = APIRouter(prefix="/v1/public", tags=["public"], route_class=Tables)

MEASURED = (
    *("temperature", "humidity", "pressure", "rainfall", "wind_speed", "wind_direction"),
    *("solar_irradiance", "uv_index", "illuminance", "soil_moisture"),
    *("pm1", "pm2_5", "pm10", "no2", "o3", "noise_laeq", "co2"),
    *("level", "conductivity", "ph", "turbidity"),
)
"""What is shown of public places: the environment, nothing of how a device is or who is there."""
_HOUR_NS = 3_600_000_000_000
_DAY_NS = 24 * _HOUR_NS
HOURS_DAYS_MAX = 31
_MONTHS = 12


class Over(StrEnum):
    """The periods of public totals."""

    DAY = "day"
    MONTH = "month"
    YEAR = "year"


def _open_house(asked: HTTPConnection) -> House:
    house: House = asked.app.state.house
    if not house.public:
        raise NotFoundError(
            "nothing is open to the public here; the setting `public` opens it (docs/citizens.md)"
        )
    return house


Open = Annotated[House, Depends(_open_house)]


class PublicTotalOut(BaseModel):
    """What flowed in a part of the city in [start, end)."""

    model_config = example(
        kind="district",
        tenant="dortmund",
        name="Hörde",
        quantity="active_energy_import",
        start="2026-03-01",
        end="2026-04-01",
        value=812_000.0,
        unit="Wh",
        homes_at_least=30,
        days=31,
        of_days=31,
    )
    kind: str = Field(
        description="district: its homes; rest: the homes of districts that are too small by"
        " themselves; site: one public place"
    )
    tenant: str
    name: str | None = Field(description="of the district or place; null: the rest")
    quantity: str
    start: str = Field(description="first local day")
    end: str = Field(description="the day after the last")
    value: float = Field(description="the sum of the days that were told, rounded each")
    unit: str
    homes_at_least: int | None = Field(
        description="homes that are in it every day, in steps of five; null: of a place"
    )
    days: int = Field(description="days that are in the sum")
    of_days: int = Field(description="days that the period has")


class PublicValueOut(BaseModel):
    """The newest value of something that is measured at a place."""

    model_config = example(quantity="pm2_5", value=7.2, unit="ug/m3", time="2026-03-01T12:00:00Z")
    quantity: str
    value: float
    unit: str
    time: str


class PublicSiteOut(BaseModel):
    """A public place, and what is measured there now."""

    model_config = example(
        id="hoerde-school",
        tenant="dortmund",
        name="Grundschule Hörde",
        district="Hörde",
        sector="school",
        latitude=51.49,
        longitude=7.51,
        latest=[PublicValueOut.model_json_schema()["examples"][0]],
    )
    id: str
    tenant: str
    name: str
    district: str
    sector: str
    latitude: float | None = Field(description="WGS 84, degrees north")
    longitude: float | None = Field(description="WGS 84, degrees east")
    latest: list[PublicValueOut]


class PublicHourOut(BaseModel):
    """An hour of a quantity at a place, of one of its sensors."""

    model_config = example(
        sensor=1,
        start="2026-03-01T12:00:00Z",
        end="2026-03-01T13:00:00Z",
        min=4.1,
        mean=5.0,
        max=6.2,
        unit="Cel",
        count=6,
    )
    sensor: int = Field(description="which of those that measure it there, from 1")
    start: str
    end: str
    min: float
    mean: float
    max: float
    unit: str
    count: int = Field(description="readings")


@router.get("/totals", dependencies=AS_TABLE)
def public_totals(
    house: Open,
    quantity: Annotated[
        str, Query(description="which registers", examples=["active_energy_import"])
    ] = "active_energy_import",
    by: Annotated[Over, Query(description="calendar period", examples=["month"])] = Over.MONTH,
    start: Annotated[
        str | None,
        Query(description="first day; all there are if left out", examples=["2026-03-01"]),
    ] = None,
    end: Annotated[
        str | None, Query(description="the day after the last", examples=["2026-04-01"])
    ] = None,
    limit: Limit = 1000,
    cursor: Cursor = None,
) -> Page[PublicTotalOut]:
    """What flowed through the homes of each district, and each public place, as told to everybody.

    Every home is in one part at most, and there is no total above the parts. Each part has at least
    five homes, and none of them has more than half of it. A day is told once, some days after its
    end, and never changed; months and years are sums of such days.
    """
    if quantity not in QUANTITIES:
        raise BadQueryError("quantity", f"one of {', '.join(QUANTITIES)}", quantity)
    first, last = _day("start", start, date.min), _day("end", end, date.max)
    after = ("", "", "", "") if cursor is None else place(cursor, tuple[str, str, str, str])

    def ask(catalog: Catalog) -> list[Published]:
        with catalog.changing() as connection:
            until = (last - timedelta(days=1) if last > date.min else last).isoformat()
            return published(connection, quantity, first.isoformat(), until)

    groups: dict[tuple[str, str, str, str], list[Published]] = defaultdict(list)
    for row in house.catalog.asked(ask):
        groups[_begin(row.day, by).isoformat(), row.kind, row.tenant, row.name].append(row)
    names = {site.id: site.name for site in house.sites()}
    at = sorted(one for one in groups if one > after)
    items = [_total(quantity, one, groups[one], by, names) for one in at[:limit]]
    note = None
    if not items and cursor is None:
        note = (
            f"nothing is told of {quantity} in this time: a day is told {SETTLED_DAYS} days after"
            " its end, of at least five homes together"
        )
    return Page(items=items, next=word(*at[limit - 1]) if len(at) > limit else None, note=note)


@router.get("/sites", dependencies=AS_TABLE)
def public_sites(house: Open, limit: Limit = 1000, cursor: Cursor = None) -> Page[PublicSiteOut]:
    """Every public place, with the newest value of each quantity that is measured there."""
    after = "" if cursor is None else place(cursor, tuple[str])[0]
    found = sorted((s for s in house.sites() if s.public and s.id > after), key=lambda s: s.id)
    rows = valid(house.store.latest())
    told = zip(rows.value.tolist(), rows.time_ns.tolist(), strict=True)
    newest = dict(zip(rows.series.tolist(), told, strict=True))
    spans = _measured(house, {site.id for site in found[:limit]})
    items = [
        PublicSiteOut(
            id=site.id,
            tenant=site.tenant,
            name=site.name,
            district=site.district,
            sector=site.sector,
            latitude=site.latitude,
            longitude=site.longitude,
            latest=list(_latest([s for s in spans[site.id] if s.number in newest], newest)),
        )
        for site in found[:limit]
    ]
    note = None if items or cursor else "no place of the catalog is public"
    return Page(items=items, next=word(items[-1].id) if len(found) > limit else None, note=note)


@router.get("/hours", dependencies=AS_TABLE)
def public_hours(
    house: Open,
    site: Annotated[str, Query(description="a public place", examples=["hoerde-school"])],
    quantity: Annotated[str, Query(description="what is measured there", examples=["temperature"])],
    start: Start = None,
    end: End = None,
) -> Page[PublicHourOut]:
    """A quantity at a public place by the hour; the last seven days if no time is given."""
    if quantity not in MEASURED:
        raise BadQueryError("quantity", f"one of {', '.join(MEASURED)}", quantity)
    about = next((one for one in house.sites() if one.public and one.id == site), None)
    if about is None:
        raise NotFoundError(f"there is no public place {site[:80]}; /v1/public/sites lists them")
    now_ns = house.now_ns()
    span_ns = asked_span(start, end, house.where, (now_ns - 7 * _DAY_NS, now_ns))
    if span_ns[1] - span_ns[0] > HOURS_DAYS_MAX * _DAY_NS:
        days = (span_ns[1] - span_ns[0]) / _DAY_NS
        raise BadQueryError("start", f"at most {HOURS_DAYS_MAX} days", f"{days:.1f} days")
    spans = [one for one in _measured(house, {site})[site] if one.series.quantity == quantity]
    items = [one for n, span in enumerate(spans, 1) for one in _hours(house, n, span, span_ns)]
    note = None if items else f"{about.name} told no {quantity} in this time"
    return Page(items=items, next=None, note=note)


def _total(
    quantity: str,
    at: tuple[str, str, str, str],
    rows: Sequence[Published],
    by: Over,
    names: dict[str, str],
) -> PublicTotalOut:
    begin = date.fromisoformat(at[0])
    end = _end(begin, by)
    _, kind, tenant, name = at
    return PublicTotalOut(
        kind=kind,
        tenant=tenant,
        name=names.get(name, name) if kind == "site" else name or None,
        quantity=quantity,
        start=begin.isoformat(),
        end=end.isoformat(),
        value=round(sum(row.value for row in rows), 6),
        unit=known_quantity(quantity).unit,
        homes_at_least=None if kind == "site" else min(row.homes for row in rows),
        days=len(rows),
        of_days=(end - begin).days,
    )


def _begin(day: str, by: Over) -> date:
    found = date.fromisoformat(day)
    if by is Over.DAY:
        return found
    return found.replace(day=1) if by is Over.MONTH else found.replace(month=1, day=1)


def _end(begin: date, by: Over) -> date:
    if by is Over.DAY:
        return begin + timedelta(days=1)
    if by is Over.YEAR or begin.month == _MONTHS:
        return date(begin.year + 1, 1, 1)
    return begin.replace(month=begin.month + 1)


def _day(name: str, text: str | None, default: date) -> date:
    if text is None:
        return default
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadQueryError(name, "a day such as 2026-03-01", text) from None


def _measured(house: House, sites: set[str]) -> dict[str, list[SeriesSpan]]:
    """Return what is measured at each of the sites, by quantity and number."""
    placed = house.placed()
    found: dict[str, list[SeriesSpan]] = defaultdict(list)
    for span in house.store.series():
        at: Site | None = placed[span.series.device].site if span.series.device in placed else None
        if at is not None and at.id in sites and span.series.quantity in MEASURED:
            found[at.id].append(span)
    for spans in found.values():
        spans.sort(key=lambda one: (MEASURED.index(one.series.quantity), one.number))
    return found


def _latest(
    spans: Sequence[SeriesSpan], newest: dict[int, tuple[float, int]]
) -> Iterator[PublicValueOut]:
    """Yield the newest value of each quantity; of several sensors that of the newest."""
    for quantity in dict.fromkeys(span.series.quantity for span in spans):
        of = [newest[s.number] for s in spans if s.series.quantity == quantity]
        value, time_ns = max(of, key=lambda one: one[1])
        unit = known_quantity(quantity).unit
        yield PublicValueOut(quantity=quantity, value=value, unit=unit, time=utc(time_ns))


def _hours(
    house: House, sensor: int, span: SeriesSpan, span_ns: tuple[int, int]
) -> Iterator[PublicHourOut]:
    made = read_windows(house.store, span.number, _HOUR_NS, *span_ns)
    columns = made.start_ns, made.min, made.mean, made.max, made.count
    for at_ns, low, mean, high, count in zip(*(one.tolist() for one in columns), strict=True):
        yield PublicHourOut(
            sensor=sensor,
            start=utc(at_ns),
            end=utc(at_ns + _HOUR_NS),
            min=low,
            mean=mean,
            max=high,
            unit=known_quantity(span.series.quantity).unit,
            count=count,
        )
