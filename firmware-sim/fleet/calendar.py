"""Local time and day types of the Ruhr: clock changes, weekends, holidays, school holidays.

All from arithmetic, so that no machine's zone data decides a byte.
Source: Directive 2000/84/EC (clocks change at 01:00 UTC on the last Sundays of March and October);
Feiertagsgesetz NW, section 2; Easter after Meeus, "Astronomical Algorithms", chapter 8. School
holidays are a model: NRW moves its summer weeks from year to year.
"""

from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
DAY_S = 86_400
_EPOCH = date(1970, 1, 1)
_UNIX = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR = _WINTER = timedelta(hours=1)  # winter: that far ahead of UTC
WORKDAY, SATURDAY, SUNDAY = 0, 1, 2
"""Day types as load profiles know them (BDEW's H0); a holiday is a Sunday."""


def days_since_1970(day: date) -> int:
    """Return the number of a day; 1970-01-01 is 0."""
    return (day - _EPOCH).days


def offset_s(times_s: Ints) -> Ints:
    """Return how far local clocks are ahead of UTC at UTC seconds: 3600 or 7200; (n,) -> (n,)."""
    ahead = np.full(times_s.shape, 3600, dtype=np.int64)
    if times_s.size:
        years = range(_year(int(times_s.min())), _year(int(times_s.max())) + 1)
        for year in years:
            spring, autumn = _changes_s(year)
            ahead[(times_s >= spring) & (times_s < autumn)] = 7200
    return ahead


class LocalTime(tzinfo):
    """Local time of the Ruhr for datetime's own arithmetic, as ZoneInfo("Europe/Berlin") has it."""

    def utcoffset(self, when: datetime | None) -> timedelta:
        """Return how far a local time is ahead of UTC; `fold` as datetime has it."""
        if when is None:
            return _WINTER
        local_s = _seconds(when.replace(tzinfo=UTC))
        spring, autumn = _changes_s(when.year)
        is_summer = local_s - 3600 >= spring and local_s - (3600 if when.fold else 7200) < autumn
        return _WINTER + is_summer * _HOUR

    def dst(self, when: datetime | None) -> timedelta:
        """Return an hour in summer, else nothing."""
        return self.utcoffset(when) - _WINTER

    def tzname(self, when: datetime | None) -> str:
        """Return CEST or CET."""
        return "CEST" if self.dst(when) else "CET"

    def fromutc(self, when: datetime) -> datetime:
        """Return the local time of a moment whose fields are UTC."""
        time_s = _seconds(when.replace(tzinfo=UTC))
        spring, autumn = _changes_s(when.year)
        ahead = _WINTER + (spring <= time_s < autumn) * _HOUR
        return (when + ahead).replace(fold=int(autumn <= time_s < autumn + 3600))


def day_type(day: int) -> int:
    """Return WORKDAY, SATURDAY or SUNDAY of a local day (days since 1970)."""
    if day in holidays(_date(day).year):
        return SUNDAY
    weekday = (day + 3) % 7  # 1970-01-01 was a Thursday; Monday is 0
    return max(WORKDAY, weekday - 4)


@lru_cache(maxsize=64)
def holidays(year: int) -> frozenset[int]:
    """Return the public holidays of North Rhine-Westphalia, as days since 1970."""
    easter = days_since_1970(_easter(year))
    fixed = [(1, 1), (5, 1), (10, 3), (11, 1), (12, 25), (12, 26)]
    if year == 2017:
        fixed.append((10, 31))  # 500 years of the Reformation, once
    moving = (-2, 1, 39, 50, 60)  # Good Friday, Easter Monday, Ascension, Whit Monday, Corpus Chr.
    return frozenset(
        [days_since_1970(date(year, month, day)) for month, day in fixed]
        + [easter + after for after in moving]
    )


@lru_cache(maxsize=4096)
def is_school_holiday(day: int) -> bool:
    """Return whether schools are closed for holidays on a local day (a model, see above)."""
    here = _date(day)
    easter = days_since_1970(_easter(here.year))
    if -14 <= day - easter <= 6:
        return True
    if (here.month, here.day) >= (12, 23) or (here.month, here.day) <= (1, 6):
        return True
    summer = days_since_1970(date(here.year, 7, 6))
    autumn = days_since_1970(date(here.year, 10, 10))
    return 0 <= day - summer < 44 or 0 <= day - autumn < 15


def _seconds(when: datetime) -> int:
    return (when - _UNIX) // timedelta(seconds=1)


def _date(day: int) -> date:
    return _EPOCH + timedelta(days=day)


def _year(time_s: int) -> int:
    return _date(time_s // DAY_S).year


@lru_cache(maxsize=64)
def _changes_s(year: int) -> tuple[int, int]:
    """Return the UTC seconds at which summer time begins and ends."""
    return _last_sunday(year, 3) * DAY_S + 3600, _last_sunday(year, 10) * DAY_S + 3600


def _last_sunday(year: int, month: int) -> int:
    last = days_since_1970(date(year, month, 31))
    return last - (last + 4) % 7


def _easter(year: int) -> date:
    a, (b, c) = year % 19, divmod(year, 100)
    d, e = divmod(b, 4)
    g = (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    weekday = (32 + 2 * e + 2 * i - h - k) % 7
    m = (a + 11 * h + 22 * weekday) // 451
    month, day = divmod(h + weekday - 7 * m + 114, 31)
    return date(year, month, day + 1)
