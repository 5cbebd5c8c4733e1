"""The same periods of another time: March against last March, this week against the one before.

A period is compared with that of the same name on the calendar. The way from one span to the other
is told in whole months where that is what lies between their starts (the 31st is then the last day
of a shorter month), else in days. Local clocks are compared with local clocks, so a day of 23 hours
stands against one of 24, and an hour that the other day did not have against nothing.
"""

from calendar import monthrange
from datetime import datetime, tzinfo

import numpy as np
from numpy.typing import NDArray

from analytics.calendar import to_datetime, to_ns


def shifted(
    edges_ns: NDArray[np.int64], start_ns: int, against_ns: int, where: tzinfo
) -> NDArray[np.int64]:
    """Return the edges (k+1,) moved by what lies between two starts on the local calendar.

    They do not fall; two are the same where the other time has no such hour.
    """
    start, against = (
        to_datetime(one, where).replace(tzinfo=None, fold=0) for one in (start_ns, against_ns)
    )
    months = 12 * (against.year - start.year) + against.month - start.month
    whole = _later(start, months) == against
    days = against - start
    found = []
    for edge in edges_ns.tolist():
        local = to_datetime(edge, where)
        plain = local.replace(tzinfo=None, fold=0)
        moved = _later(plain, months) if whole else plain + days
        moved = moved.replace(tzinfo=where, fold=local.fold)
        found.append(to_ns(moved))
    return np.maximum.accumulate(np.array(found, dtype=np.int64))


def _later(moment: datetime, months: int) -> datetime:
    """Return the same day and clock some months later; the last day where there is no such day."""
    years, month = divmod(moment.month - 1 + months, 12)
    year = moment.year + years
    day = min(moment.day, monthrange(year, month + 1)[1])
    return moment.replace(year=year, month=month + 1, day=day)


def distinct(edges_ns: NDArray[np.int64]) -> tuple[NDArray[np.int64], list[int | None]]:
    """Return the edges without those that are the same, and which period each one became."""
    rising = np.unique(edges_ns)
    place = np.searchsorted(rising, edges_ns[:-1]).tolist()
    empty = (np.diff(edges_ns) == 0).tolist()
    return rising, [None if none else at for at, none in zip(place, empty, strict=True)]
