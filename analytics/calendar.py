"""Calendar periods in a zone, as edges on the UTC time line.

A local day has 23, 24 or 25 hours; its edges are the instants at which the local date changes.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from enum import StrEnum
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

PERIODS_MAX = 50_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR_NS = 3_600_000_000_000
_DECEMBER = 12


class By(StrEnum):
    """The calendar periods that a planner asks for."""

    QUARTER_HOUR = "quarter_hour"
    HOUR = "hour"
    DAY = "day"
    MONTH = "month"
    YEAR = "year"


_LEAST_NS = {
    By.QUARTER_HOUR: _HOUR_NS // 4,
    By.HOUR: _HOUR_NS,
    By.DAY: 24 * _HOUR_NS,
    By.MONTH: 24 * 28 * _HOUR_NS,
    By.YEAR: 24 * 365 * _HOUR_NS,
}
"""How long a period is at least, but for days on which clocks are put forward."""


def to_ns(moment: datetime) -> int:
    """Return an aware datetime as UTC ns, exactly."""
    since = moment.astimezone(UTC) - _EPOCH
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1_000


def to_datetime(time_ns: int, where: tzinfo = UTC) -> datetime:
    """Return UTC ns as a datetime in a zone, cut to microseconds."""
    return (_EPOCH + timedelta(microseconds=time_ns // 1_000)).astimezone(where)


def edges(start_ns: int, end_ns: int, by: By, where: tzinfo) -> NDArray[np.int64]:
    """Return the edges of the periods that cover [start_ns, end_ns), clipped to it: (k+1,) ns.

    Raises ValueError when the span is empty or holds more than PERIODS_MAX periods.
    """
    if end_ns <= start_ns:
        raise ValueError("expected an end after the start")
    step_ns = _LEAST_NS[by]
    if (end_ns - start_ns) // step_ns > PERIODS_MAX:
        raise ValueError(f"expected at most {PERIODS_MAX} periods: ask for a shorter span")
    inner = _inner_of_clock if by in {By.QUARTER_HOUR, By.HOUR} else _inner_dates
    return np.array([start_ns, *inner(start_ns, end_ns, by, where), end_ns], dtype=np.int64)


def _inner_dates(start_ns: int, end_ns: int, by: By, where: tzinfo) -> Iterator[int]:
    inner = _next_date(start_ns, by, where)
    while inner < end_ns:
        yield inner
        inner = _next_date(inner, by, where)


def _inner_of_clock(start_ns: int, end_ns: int, by: By, where: tzinfo) -> Iterator[int]:
    """Yield the full hours, or quarters of them, of the local clock within (start_ns, end_ns)."""
    step_ns, at_ns = _LEAST_NS[by], start_ns
    while True:
        ahead_ns = ahead_of_utc(at_ns, where)
        next_ns = ((at_ns + ahead_ns) // step_ns + 1) * step_ns - ahead_ns
        if next_ns >= end_ns:
            return
        # A day without a shift of the clock is laid out whole, another one step by step.
        until_ns = min(at_ns + 24 * _HOUR_NS, end_ns)
        even = ahead_of_utc(until_ns, where) == ahead_ns
        steps = range(next_ns, until_ns if even else next_ns + 1, step_ns)
        yield from steps
        at_ns = steps[-1]


def ahead_of_utc(time_ns: int, where: tzinfo) -> int:
    """Return by how much a zone's clock is ahead of UTC at an instant, ns."""
    ahead = to_datetime(time_ns, where).utcoffset() or timedelta(0)
    return (ahead.days * 86_400 + ahead.seconds) * 1_000_000_000


def _next_date(time_ns: int, by: By, where: tzinfo) -> int:
    """Return the instant at which the next local day, month or year begins."""
    today = to_datetime(time_ns, where).date()
    while True:
        today = _following(today, by)
        begins_ns = midnight_ns(today, where)
        if begins_ns > time_ns:
            return begins_ns


def share(start_ns: int, end_ns: int, by: By, where: tzinfo) -> Fraction:
    """Return how many local days, months or years [start_ns, end_ns) is, exactly.

    Part of one counts by its share of that one's own length, so that a day of 23 hours is a whole
    day, and the shares of spans that follow one another add up. An empty span is 0.
    """
    if end_ns <= start_ns:
        return Fraction(0)
    first, last = _begin(start_ns, by, where), _begin(end_ns, by, where)
    return (
        _ordinal(last, by)
        - _ordinal(first, by)
        + (_into(end_ns, last, by, where) - _into(start_ns, first, by, where))
    )


def _begin(time_ns: int, by: By, where: tzinfo) -> date:
    """Return the first date of the local day, month or year that an instant lies in."""
    today = to_datetime(time_ns, where).date()
    if by is By.DAY:
        return today
    return today.replace(day=1) if by is By.MONTH else date(today.year, 1, 1)


def _ordinal(first: date, by: By) -> Fraction:
    if by is By.DAY:
        return Fraction(first.toordinal())
    return Fraction(first.year if by is By.YEAR else first.year * _DECEMBER + first.month)


def _into(time_ns: int, first: date, by: By, where: tzinfo) -> Fraction:
    """Return how far an instant is into the period that begins on a date, 0 to 1."""
    begins_ns, ends_ns = midnight_ns(first, where), midnight_ns(_following(first, by), where)
    return Fraction(time_ns - begins_ns, ends_ns - begins_ns)


def midnight_ns(day: date, where: tzinfo) -> int:
    """Return the instant at which a local date begins, UTC ns."""
    # A midnight that the clock skips (fold 0) is the instant of the skip.
    return to_ns(datetime(day.year, day.month, day.day, tzinfo=where))


def _following(day: date, by: By) -> date:
    if by is By.DAY:
        return day + timedelta(days=1)
    if by is By.YEAR or day.month == _DECEMBER:
        return date(day.year + 1, 1, 1)
    return date(day.year, day.month + 1, 1)
