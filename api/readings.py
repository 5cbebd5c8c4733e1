"""What was measured: readings as they are stored, and windows over them."""

import re
from collections.abc import Iterable
from datetime import tzinfo
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Query
from numpy.typing import NDArray

from analytics.calendar import PERIODS_MAX, By
from analytics.periods import read_periods
from analytics.windows import WIDTHS_NS, read_days, read_windows
from api.house import House, Rooms, unheard
from api.paging import Cursor, Limit, place, word
from api.problems import BadQueryError
from api.shapes import Page, ReadingOut, readings_out
from api.statistics_shapes import WindowStatisticsOut, WithStatistics, tell_statistics
from api.tables import AS_TABLE, Tables
from api.times import asked_span, asked_zone, utc
from ingest.derived import HOUR_NS, SECOND_NS, Windows
from ingest.quantity import quantity as known_quantity
from ingest.reading import Series

router = APIRouter(prefix="/v1", tags=["readings"], route_class=Tables)

ALL_NS = (-(2**63) + 1, 2**63 - 1)
_UNITS_NS = {"s": SECOND_NS, "m": 60 * SECOND_NS, "h": HOUR_NS}
_DAY_NS = 24 * HOUR_NS
_PERIODS = {31 * _DAY_NS: By.MONTH, 366 * _DAY_NS: By.YEAR}
_CALENDAR_NS = {"1d": _DAY_NS} | dict(zip(("1mo", "1y"), _PERIODS, strict=True))

Device = Annotated[
    str, Query(description="the device, as it names itself", examples=["a81758fffe0546b2"])
]
Quantity = Annotated[
    str | None, Query(description="one quantity; all if left out", examples=["temperature"])
]
Channel = Annotated[
    str | None, Query(description="one phase or input; all if left out", examples=["L1"])
]
Start = Annotated[
    str | None,
    Query(
        description="RFC 3339; from the first reading if left out", examples=["2026-03-01T00:00Z"]
    ),
]
End = Annotated[
    str | None,
    Query(description="RFC 3339; to the last reading if left out", examples=["2026-03-02T00:00Z"]),
]
Zone = Annotated[
    str | None,
    Query(description="for times and days without an offset", examples=["Europe/Berlin"]),
]


def wanted_of(
    rooms: House, device: str, quantity: str | None, channel: str | None
) -> tuple[list[int], str | None]:
    """Return the numbers of the series that a query means, and a word for when it finds nothing."""
    spans = rooms.store.series(device)
    if not spans:
        return [], unheard(rooms, device) or f'"{device}" has told no reading yet'
    wanted = [
        span
        for span in spans
        if (quantity is None or span.series.quantity == quantity)
        and (channel is None or span.series.channel == channel)
    ]
    if not wanted:
        return [], f'"{device}" has no such series; it has {told_series(s.series for s in spans)}'
    first, last = min(s.first_ns for s in wanted), max(s.last_ns for s in wanted)
    return (
        [span.number for span in wanted],
        f"no reading in this span; there are some from {utc(first)} to {utc(last)}",
    )


def told_series(series: Iterable[Series]) -> str:
    """Return series of one device as words: quantity, and channel where it has one."""
    return ", ".join(f"{one.quantity} {one.channel}".strip() for one in series)


@router.get("/readings", dependencies=AS_TABLE)
def readings(
    rooms: Rooms,
    device: Device,
    quantity: Quantity = None,
    channel: Channel = None,
    start: Start = None,
    end: End = None,
    tz: Zone = None,
    limit: Limit = 1000,
    cursor: Cursor = None,
) -> Page[ReadingOut]:
    """Readings in [start, end), oldest first."""
    where = rooms.where if tz is None else asked_zone(tz)
    start_ns, end_ns = asked_span(start, end, where, ALL_NS)
    wanted, note = wanted_of(rooms, device, quantity, channel)
    if not wanted:
        return Page(items=[], next=None, note=note)
    # The cursor names the last reading given, so that late ones shift nothing. At its instant
    # there is at most one of each series.
    after_ns, after = start_ns, -1
    if cursor is not None:
        after_ns, after = place(cursor, tuple[int, int])
    rows = rooms.store.scan(
        wanted, max(start_ns, after_ns), end_ns, limit=limit + 1 + (len(wanted) if cursor else 0)
    )
    rows = rows.take((rows.time_ns > after_ns) | (rows.series > after))
    rows = rows.take(np.lexsort((rows.series, rows.time_ns))[: limit + 1])
    following = None
    if len(rows) > limit:
        rows = rows.take(slice(limit))
        following = word(int(rows.time_ns[-1]), int(rows.series[-1]))
    names = {number: rooms.store.name_of(number) for number in wanted}
    items = readings_out(rows, names)
    page = {"items": items, "next": following, "note": None if items else note}
    return Page[ReadingOut].model_validate(page)  # all at once: half the time of one by one


@router.get("/windows", response_model_exclude_unset=True, dependencies=AS_TABLE)
def windows(
    rooms: Rooms,
    device: Device,
    quantity: Quantity = None,
    channel: Channel = None,
    start: Start = None,
    end: End = None,
    every: Annotated[
        str,
        Query(
            description="1m, 15m, 1h, any Ns, Nm, Nh; 1d, 1mo, 1y for days, months, years",
            examples=["15m"],
        ),
    ] = "15m",
    tz: Zone = None,
    statistics: WithStatistics = False,
    limit: Limit = 1000,
    cursor: Cursor = None,
) -> Page[WindowStatisticsOut]:
    """Windows that touch [start, end), by start: count, min, max, mean, last.

    Windows of seconds, minutes and hours lie on the UTC time line; days, months and years in the
    zone `tz`. A window without a reading is left out. With `statistics` each also has the sum, the
    variance, the mean over time with the share of time that it covers, and percentiles.
    """
    where = rooms.where if tz is None else asked_zone(tz)
    start_ns, end_ns = asked_span(start, end, where, ALL_NS)
    width_ns = _width_ns(every)
    wanted, note = wanted_of(rooms, device, quantity, channel)
    if not wanted:
        return Page(items=[], next=None, note=note)
    # The cursor names the last window given: its start, and the number of its series.
    after = (ALL_NS[0], -1)
    if cursor is not None:
        after = place(cursor, tuple[int, int])
        start_ns = max(start_ns, after[0])
    ahead_ns = rooms.store.scan(wanted, start_ns, end_ns, limit=limit + 1).time_ns
    if not len(ahead_ns):
        return Page(items=[], next=None, note=None if cursor else note)
    # Only as far as this page can reach: a year of minutes is not made for its first hour. Where
    # readings are further apart than windows, they say how far that is.
    from_ns = max(start_ns, int(ahead_ns.min()))
    reach_ns = int(ahead_ns.max()) + width_ns
    if len(ahead_ns) > limit:
        reach_ns = max(reach_ns, from_ns + (limit + 2) * width_ns)
    reach_ns = min(reach_ns, end_ns)
    kept = width_ns in WIDTHS_NS
    found: list[tuple[int, int, int, int, float, float, float, float, int]] = []
    for number in wanted:
        if width_ns in _CALENDAR_NS.values():
            made, ends = _of_calendar(rooms, number, width_ns, from_ns, reach_ns, where)
        else:
            made = read_windows(rooms.store, number, width_ns, from_ns, reach_ns)
            ends = made.start_ns + width_ns
        columns = (
            *(made.start_ns, ends, made.count, made.min, made.max, made.mean, made.last),
            made.revision,
        )
        found += [
            (one[0], number, *one[1:])
            for one in zip(*(column.tolist() for column in columns), strict=True)
            if (one[0], number) > after
        ]
    found.sort()
    following = None
    if len(found) > limit:
        following = word(found[limit - 1][0], found[limit - 1][1])
    elif len(ahead_ns) > limit and len(rooms.store.scan(wanted, reach_ns, end_ns, limit=1)):
        following = word(reach_ns - 1, -1)
    items = [_window_out(rooms, kept, *one) for one in found[:limit]]
    if statistics:
        places = [(number, begins_ns, ends_ns) for begins_ns, number, ends_ns, *_ in found[:limit]]
        tell_statistics(rooms, items, places, end_ns)
    return Page(items=items, next=following, note=None)


def _of_calendar(
    rooms: House, number: int, width_ns: int, from_ns: int, reach_ns: int, where: tzinfo
) -> tuple[Windows, NDArray[np.int64]]:
    """Return days, months or years, and their ends."""
    try:
        if width_ns == _DAY_NS:
            return read_days(rooms.store, number, from_ns, reach_ns, where)
        by = _PERIODS[width_ns]
        return read_periods(rooms.store, number, by, from_ns, reach_ns, where)
    except ValueError:
        span = f"{utc(from_ns)} to {utc(reach_ns)}"
        raise BadQueryError("every", f"at most {PERIODS_MAX} periods in the span", span) from None


def _window_out(
    rooms: House,
    kept: bool,
    start_ns: int,
    number: int,
    end_ns: int,
    count: int,
    low: float,
    high: float,
    mean: float,
    last: float,
    revision: int,
) -> WindowStatisticsOut:
    series = rooms.store.name_of(number)
    return WindowStatisticsOut(
        device=series.device,
        quantity=series.quantity,
        channel=series.channel or None,
        unit=known_quantity(series.quantity).unit,
        start=utc(start_ns),
        end=utc(end_ns),
        count=count,
        min=low,
        max=high,
        mean=mean,
        last=last,
        revision=revision if kept else None,
    )


def _width_ns(every: str) -> int:
    expected = "a width such as 1m, 15m or 1h (1 s to 24 h), or 1d, 1mo or 1y"
    if every in _CALENDAR_NS:
        return _CALENDAR_NS[every]
    match = re.fullmatch(r"([1-9]\d{0,5})([smh])", every)
    if match is None:
        raise BadQueryError("every", expected, every)
    width_ns = int(match[1]) * _UNITS_NS[match[2]]
    if width_ns >= _DAY_NS:
        raise BadQueryError("every", expected, every)
    return width_ns
