"""Public holidays of North Rhine-Westphalia, on which work rests as on a Sunday.

Source: Feiertagsgesetz NW § 2; Easter by Meeus, Astronomical Algorithms (1991), chapter 8, which
holds for every year of the Gregorian calendar.
"""

from datetime import date, timedelta
from enum import IntEnum
from functools import cache

_FIXED = ((1, 1), (5, 1), (10, 3), (11, 1), (12, 25), (12, 26))
_AFTER_EASTER = (-2, 1, 39, 50, 60)
"""Days from Easter Sunday to Good Friday, Easter Monday, Ascension, Whit Monday, Corpus Christi."""
_FRIDAY = 4


class Day(IntEnum):
    """The kinds of days that load profiles tell apart (BDEW: Werktag, Samstag, Sonntag)."""

    WORKDAY = 0
    SATURDAY = 1
    SUNDAY = 2


def easter(year: int) -> date:
    """Return Easter Sunday."""
    a, (b, c) = year % 19, divmod(year, 100)
    d, e = divmod(b, 4)
    g = (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    last = (32 + 2 * e + 2 * i - h - k) % 7
    m = (a + 11 * h + 22 * last) // 451
    month, day = divmod(h + last - 7 * m + 114, 31)
    return date(year, month, day + 1)


def kind_of(day: date) -> Day:
    """Return what a day is like: a holiday is like a Sunday."""
    if day in holidays(day.year):
        return Day.SUNDAY
    return Day(max(day.weekday() - _FRIDAY, 0))


@cache
def holidays(year: int) -> frozenset[date]:
    """Return the public holidays of a year."""
    sunday = easter(year)
    moving = (sunday + timedelta(days=after) for after in _AFTER_EASTER)
    return frozenset((*(date(year, month, day) for month, day in _FIXED), *moving))
