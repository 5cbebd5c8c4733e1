"""What is fed in against what is counted behind it: energy that goes missing.

Over each 24 known hours in a row (of 72 at most) L is the sum of what was fed in and not counted,
and G the sum of what flowed. L is judged by those of the 14 days before, 24 of them at least: with
their median and MAD it is off if

    |L - median| > max(1 % of G, 6 * 1.4826 MAD)

Six hours that are off in a row, to one side, are an event. It begins with the first of them and
ends with the first hour at which L is back by half. What is off is not learnt from; after 14 days
it is what is usual.

A station's own losses are nearly the same day by day, those of its lines a few percent of what
flows; meters that are read at other times differ by what flowed between, which a day evens out.
"""

from dataclasses import dataclass

import numpy as np

from kernels.groups import check_same
from kernels.jit import (
    FLOATS,
    FLOATS2_OUT,
    FLOATS_OUT,
    INT,
    INTS2_OUT,
    Floats,
    Ints,
    floats,
    kernel,
)

DAY, REACH = 24, 72
LEARNT = 14 * 24
WARM_UP = 24
OFF_MIN, OFF_MADS = 0.01, 6 * 1.4826
RUN, BACK = 6, 0.5

# of the open run
USUAL, LIMIT, FARTHEST, GROSS = range(4)


@dataclass(frozen=True, slots=True)
class Runs:
    """Events as columns of one length: hours [start, end) as rows, end -1 while it lasts.

    lost, usual  the farthest L, and what was usual before: of a day
    gross        the G of that
    amount       what went missing in these hours beyond what is usual
    limit        how far from the usual one L had to be
    """

    start: Ints
    end: Ints
    lost: Floats
    usual: Floats
    gross: Floats
    amount: Floats
    limit: Floats

    def __len__(self) -> int:
        return len(self.start)


def missing(lost: Floats, gross: Floats) -> Runs:
    """Return the runs of hours in which more (or less) goes missing than usual, by start.

    Shapes  lost, gross (h,): by hour, what was fed in less what was counted, and what flowed; NaN
            in either: not known.
    Errors  ValueError for unequal lengths.
    """
    lost, gross = floats(lost), floats(gross)
    check_same(lost=len(lost), gross=len(gross))
    h = len(lost)
    whole, real = np.empty((h // RUN + 1, 2), np.int64), np.empty((h // RUN + 1, 5))
    found = _missing(lost, gross, np.full(h, np.nan), whole, real)
    return Runs(*(c.copy() for c in whole[:found].T), *(c.copy() for c in real[:found].T))


@kernel()
def _median(values: Floats) -> float:
    """Return the median of values, one at least."""
    part = np.sort(values)
    half = len(part) // 2
    if len(part) % 2 == 1:
        return float(part[half])
    return float(0.5 * part[half - 1] + 0.5 * part[half])


@kernel()
def _of_a_day(lost: Floats, gross: Floats, hour: int) -> tuple[float, float]:
    """Return L and G over the 24 known hours up to this one; NaN where there are too few."""
    n = 0
    total = flown = 0.0
    for k in range(hour, max(hour - REACH, -1), -1):
        if n == DAY:
            break
        if np.isfinite(lost[k]) and np.isfinite(gross[k]):
            total += lost[k]
            flown += gross[k]
            n += 1
    if n < DAY:
        return np.nan, np.nan
    return total, flown


@kernel()
def _give(
    lost: Floats,
    gross: Floats,
    first: int,
    end: int,
    facts: Floats,
    whole: Ints,
    real: Floats,
) -> None:
    """Write an event."""
    amount = 0.0
    for k in range(first, len(lost) if end == -1 else end):
        if np.isfinite(lost[k]) and np.isfinite(gross[k]):
            amount += lost[k] - facts[USUAL] / DAY
    whole[0] = first
    whole[1] = end
    real[0] = facts[FARTHEST]
    real[1] = facts[USUAL]
    real[2] = facts[GROSS]
    real[3] = amount
    real[4] = facts[LIMIT]


@kernel(INT(FLOATS, FLOATS, FLOATS_OUT, INTS2_OUT, FLOATS2_OUT))
def _missing(lost: Floats, gross: Floats, days: Floats, whole: Ints, real: Floats) -> int:
    found = 0
    room, facts = np.empty(LEARNT + 1), np.zeros(4)
    off = 0  # hours off in a row
    told = False
    first = 0
    for hour in range(len(lost)):
        if not (np.isfinite(lost[hour]) and np.isfinite(gross[hour])):
            continue
        day, flown = _of_a_day(lost, gross, hour)
        if np.isnan(day):
            continue
        if off == 0:
            n = 0
            for k in range(max(0, hour - DAY - LEARNT), hour - DAY + 1):
                if np.isfinite(days[k]):
                    room[n] = days[k]
                    n += 1
            if n < WARM_UP:
                days[hour] = day
                continue
            facts[USUAL] = _median(room[:n])
            spread = OFF_MADS * _median(np.abs(room[:n] - facts[USUAL]))
            facts[LIMIT] = max(OFF_MIN * flown, spread)
        away = day - facts[USUAL]
        goes_on = off > 0 and (away > 0.0) == (facts[FARTHEST] > facts[USUAL])
        stays = abs(away) > (BACK * facts[LIMIT] if told else facts[LIMIT])
        if off > 0 and not (goes_on and stays):
            if told:
                _give(lost, gross, first, hour, facts, whole[found], real[found])
                found += 1
            off = 0
            told = False
            stays = False  # the other side is judged from the next hour on
        if not stays:
            days[hour] = day
            continue
        if off == 0:
            first = hour
            facts[FARTHEST] = day
            facts[GROSS] = flown
        off += 1
        if abs(away) > abs(facts[FARTHEST] - facts[USUAL]):
            facts[FARTHEST] = day
            facts[GROSS] = flown
        told = told or off >= RUN
        if hour - first > LEARNT:
            _give(lost, gross, first, hour, facts, whole[found], real[found])
            found += 1
            off = 0
            told = False
            days[:] = np.nan
    if told:
        _give(lost, gross, first, -1, facts, whole[found], real[found])
        found += 1
    return found
