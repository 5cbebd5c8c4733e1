"""GPS time, which has no leap seconds, and UTC, which has.

Source: IS-GPS-200, 20.3.3.5.2.4; the leap seconds are those of IERS Bulletin C. None is announced
after that of 2016; by resolution 4 of the CGPM of 2022 there will hardly be another.
"""

from bisect import bisect_left
from datetime import UTC, date, datetime

from ingest.clock import SECOND_NS

_EPOCH_S = int(datetime(1980, 1, 6, tzinfo=UTC).timestamp())
_FIRST_AFTER = (  # the day after each leap second
    *(date(year, 7, 1) for year in (1981, 1982, 1983, 1985)),
    *(date(year, 1, 1) for year in (1988, 1990, 1991)),
    *(date(year, 7, 1) for year in (1992, 1993, 1994)),
    date(1996, 1, 1),
    date(1997, 7, 1),
    *(date(year, 1, 1) for year in (1999, 2006, 2009)),
    *(date(year, 7, 1) for year in (2012, 2015)),
    date(2017, 1, 1),
)
_LEAPS_UTC_S = [
    int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) for day in _FIRST_AFTER
]
_LEAPS_GPS_S = [at - _EPOCH_S + count for count, at in enumerate(_LEAPS_UTC_S)]
"""Each leap second itself, in GPS time."""


def utc_ns(gps_ns: int) -> int:
    """Return the UTC instant of a GPS time in ns since 1980-01-06.

    A leap second is the second after it, as everywhere here.
    """
    leaps = bisect_left(_LEAPS_GPS_S, gps_ns // SECOND_NS)
    return gps_ns + (_EPOCH_S - leaps) * SECOND_NS
