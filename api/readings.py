"""What was measured: readings as they are stored, and windows over them."""

import re
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Query

from analytics.windows import read_days, read_windows
from api.house import House, Rooms, unheard
from api.paging import Cursor, Limit, place, word
from api.problems import BadQueryError
from api.shapes import Page, ReadingOut, WindowOut, readings_out
from api.times import asked_span, asked_zone, utc
from ingest.derived import HOUR_NS, SECOND_NS
from ingest.quantity import quantity as known_quantity

router = APIRouter(prefix="/v1", tags=["readings"])

ALL_NS = (-(2**63) + 1, 2**63 - 1)
_UNITS_NS = {"s": SECOND_NS, "m": 60 * SECOND_NS, "h": HOUR_NS}
_DAY_NS = 24 * HOUR_NS

Device = Annotated[str, Query(description="the device, as it names itself")]
Quantity = Annotated[str | None, Query(description="one quantity; all if left out")]
Channel = Annotated[str | None, Query(description="one phase or input; all if left out")]
Start = Annotated[str | None, Query(description="RFC 3339; from the first reading if left out")]
End = Annotated[str | None, Query(description="RFC 3339; to the last reading if left out")]
Zone = Annotated[str | None, Query(description="for times and days without an offset")]


def numbers(rooms: House, device: str, quantity: str | None, channel: str | None) -> list[int]:
    """Return the numbers of the series that a query means."""
    return [
        span.number
        for span in rooms.store.series(device)
        if (quantity is None or span.series.quantity == quantity)
        and (channel is None or span.series.channel == channel)
    ]


@router.get("/readings")
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
    # The cursor names an instant, and how many readings of it were given already.
    given = 0
    if cursor is not None:
        start_ns, given = (int(part) for part in place(cursor, int, int))
    wanted = numbers(rooms, device, quantity, channel)
    if not wanted:
        return Page(items=[], next=None, note=unheard(rooms, device))
    rows = rooms.store.scan(wanted, start_ns, end_ns, limit=limit + given + 1)
    rows = rows.take(np.lexsort((rows.series, rows.time_ns))[given:])
    following = None
    if len(rows) > limit:
        rows = rows.take(slice(limit))
        last_ns = int(rows.time_ns[-1])
        here = int(np.count_nonzero(rows.time_ns == last_ns))
        following = word(last_ns, here + (given if last_ns == start_ns else 0))
    names = {number: rooms.store.name_of(number) for number in wanted}
    items = [ReadingOut.model_validate(one) for one in readings_out(rows, names)]
    return Page(items=items, next=following)


@router.get("/windows")
def windows(
    rooms: Rooms,
    device: Device,
    quantity: Quantity = None,
    channel: Channel = None,
    start: Start = None,
    end: End = None,
    every: Annotated[str, Query(description="1m, 15m, 1h, any Ns, Nm, Nh; 1d for days")] = "15m",
    tz: Zone = None,
    limit: Limit = 1000,
    cursor: Cursor = None,
) -> Page[WindowOut]:
    """Windows that touch [start, end), by start: count, min, max, mean, last.

    Windows of seconds, minutes and hours lie on the UTC time line, days in the zone `tz`. A window
    without a reading is left out.
    """
    where = rooms.where if tz is None else asked_zone(tz)
    start_ns, end_ns = asked_span(start, end, where, ALL_NS)
    width_ns = _width_ns(every)
    wanted = numbers(rooms, device, quantity, channel)
    # The cursor names the last window given: its start, and the place of its series.
    after = (-1, -1)
    if cursor is not None:
        began_ns, of = (int(part) for part in place(cursor, int, int))
        after, start_ns = (began_ns, of), max(start_ns, began_ns)
    first = rooms.store.scan(wanted, start_ns, end_ns, limit=1).time_ns if wanted else ()
    if not len(first):
        return Page(items=[], next=None, note=unheard(rooms, device))
    # Only as far as this page can reach: a year of minutes is not made for its first hour.
    from_ns = max(start_ns, int(first[0]))
    reach_ns = min(end_ns, from_ns + (limit + 2) * width_ns)
    found: list[tuple[int, int, int, int, float, float, float, float]] = []
    for number in wanted:
        if width_ns == _DAY_NS:
            made, ends = read_days(rooms.store, number, from_ns, reach_ns, where)
        else:
            made = read_windows(rooms.store, number, width_ns, from_ns, reach_ns)
            ends = made.start_ns + width_ns
        columns = (made.start_ns, ends, made.count, made.min, made.max, made.mean, made.last)
        found += [
            (one[0], number, *one[1:])
            for one in zip(*(column.tolist() for column in columns), strict=True)
            if (one[0], number) > after
        ]
    found.sort()
    following = None
    if len(found) > limit:
        following = word(found[limit - 1][0], found[limit - 1][1])
    elif reach_ns < end_ns and len(rooms.store.scan(wanted, reach_ns, end_ns, limit=1)):
        following = word(reach_ns - 1, -1)
    return Page(items=[_window_out(rooms, *one) for one in found[:limit]], next=following)


def _window_out(
    rooms: House,
    start_ns: int,
    number: int,
    end_ns: int,
    count: int,
    low: float,
    high: float,
    mean: float,
    last: float,
) -> WindowOut:
    series = rooms.store.name_of(number)
    return WindowOut(
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
    )


def _width_ns(every: str) -> int:
    expected = "a width such as 1m, 15m or 1h (1 s to 24 h), or 1d"
    if every == "1d":
        return _DAY_NS
    match = re.fullmatch(r"([1-9]\d{0,5})([smh])", every)
    if match is None:
        raise BadQueryError("every", expected, every)
    width_ns = int(match[1]) * _UNITS_NS[match[2]]
    if width_ns >= _DAY_NS:
        raise BadQueryError("every", expected, every)
    return width_ns
