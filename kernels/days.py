"""Days that take another course than those before them, and hours in which more flows than ever.

**A day.** Days are of kinds (workdays, Saturdays, Sundays). Of each hour of a day,

    z = |x - median| / (1.4826 MAD + floor)

with median and MAD over the same hour of the last 20 days of its kind (4 at least), and a floor of
a tenth of what those medians span, or a twentieth of their size. D is the mean of the hours' z, at
most 10 of each; 20 hours are needed. A day is unlike the others if

    D > 1.5   and   D > 2.5 * (the largest D of the last 20 days)

with 4 such days at least. An unlike day enters the days that are compared with, but not their D.

**An hour.** It holds more than ever if x > 2 * (the largest of the last 28 days), once 7 days were
seen. Hours of that kind in a row are one run, judged by what was there before it.

NaN is an hour of which nothing is known; infinities count as that.
"""

from dataclasses import dataclass

import numpy as np

from kernels.groups import check_same
from kernels.jit import (
    FLOATS,
    FLOATS2,
    FLOATS2_OUT,
    INT,
    INTS,
    INTS2_OUT,
    NOTHING,
    Bools,
    Floats,
    Ints,
    floats,
    ints,
    kernel,
)

HOURS = 24
ALIKE, ALIKE_MIN = 20, 4
HOURS_MIN = 20
Z_MOST = 10.0
UNLIKE, BEYOND = 1.5, 2.5
FLOOR_OF_SPAN, FLOOR_OF_SIZE = 0.1, 0.05
MAD_TO_DEVIATION = 1.4826
RATE_DAYS, RATE_WARM_UP, RATE_TIMES = 28, 7 * 24, 2.0


@dataclass(frozen=True, slots=True)
class Days:
    """What was found of each of n days.

    unlike    1 where a day took another course
    distance  D; NaN where it can't be said
    beyond    D over the largest before; 0 where there is none
    hour      the hour that differs most, -1: none
    usual     the median of that hour
    """

    unlike: Bools
    distance: Floats
    beyond: Floats
    hour: Ints
    usual: Floats

    def __len__(self) -> int:
        return len(self.unlike)


@dataclass(frozen=True, slots=True)
class Runs:
    """Runs of hours that hold more than ever: [start, end) as rows, end -1: it lasts.

    peak  the most of an hour in it · before  the most of an hour in the 28 days before it
    """

    start: Ints
    end: Ints
    peak: Floats
    before: Floats

    def __len__(self) -> int:
        return len(self.start)


def unlike(hours: Floats, kind: Ints) -> Days:
    """Compare each day with those before it.

    Shapes  hours (n, 24), what each hour of the day had; kind (n,): a number for days
            that are alike.
    Errors  ValueError for other shapes.
    """
    hours, kind = floats(hours), ints(kind)
    if hours.ndim != 2 or hours.shape[1] != HOURS:
        raise ValueError(f"hours: expected (days, {HOURS}), found {hours.shape}")
    check_same(hours=len(hours), kind=len(kind))
    out = np.full((len(hours), 5), np.nan)
    _unlike(hours, kind, out)
    hour = np.where(np.isfinite(out[:, 3]), out[:, 3], -1).astype(np.int64)
    return Days(out[:, 0] == 1.0, out[:, 1].copy(), out[:, 2].copy(), hour, out[:, 4].copy())


def more_than_ever(hours: Floats) -> Runs:
    """Return the runs of hours (n,) that hold more than twice what any did in 28 days before."""
    hours = floats(hours)
    whole, real = np.empty((len(hours), 2), np.int64), np.empty((len(hours), 2))
    found = _more(hours, whole, real)
    return Runs(*(c.copy() for c in whole[:found].T), *(c.copy() for c in real[:found].T))


@kernel()
def _median(values: Floats) -> float:
    """Return the median of values, one at least."""
    part = np.sort(values)
    half = len(part) // 2
    if len(part) % 2 == 1:
        return float(part[half])
    return float(0.5 * part[half - 1] + 0.5 * part[half])


@kernel(NOTHING(FLOATS2, INTS, FLOATS2_OUT))
def _unlike(hours: Floats, kind: Ints, out: Floats) -> None:
    room = np.empty(ALIKE)
    middle, spread = np.empty(HOURS), np.empty(HOURS)
    for day in range(len(hours)):
        low = high = np.nan
        for hour in range(HOURS):
            n = 0
            other = day - 1
            while other >= 0 and n < ALIKE:
                x = hours[other, hour]
                if kind[other] == kind[day] and np.isfinite(x):
                    room[n] = x
                    n += 1
                other -= 1
            middle[hour] = np.nan
            if n < ALIKE_MIN:
                continue
            middle[hour] = _median(room[:n])
            spread[hour] = MAD_TO_DEVIATION * _median(np.abs(room[:n] - middle[hour]))
            low = middle[hour] if np.isnan(low) else min(low, middle[hour])
            high = middle[hour] if np.isnan(high) else max(high, middle[hour])
        if np.isnan(low):
            continue
        floor = max(FLOOR_OF_SPAN * (high - low), FLOOR_OF_SIZE * max(abs(low), abs(high)))
        n = 0
        total = worst = 0.0
        for hour in range(HOURS):
            x = hours[day, hour]
            if np.isnan(middle[hour]) or not np.isfinite(x):
                continue
            far = abs(x - middle[hour])
            scale = spread[hour] + floor
            z = min(far / scale, Z_MOST) if scale > 0.0 else (Z_MOST if far > 0.0 else 0.0)
            total += z
            n += 1
            if far > worst or n == 1:
                worst = far
                out[day, 3] = hour
                out[day, 4] = middle[hour]
        if n < HOURS_MIN:
            continue
        distance = total / n
        out[day, 1] = distance
        before = 0.0
        seen = 0
        other = day - 1
        while other >= 0 and seen < ALIKE:
            if np.isfinite(out[other, 1]) and out[other, 0] != 1.0:
                before = max(before, out[other, 1])
                seen += 1
            other -= 1
        out[day, 2] = distance / before if before > 0.0 else 0.0
        if seen >= ALIKE_MIN and distance > UNLIKE and distance > BEYOND * before:
            out[day, 0] = 1.0


@kernel(INT(FLOATS, INTS2_OUT, FLOATS2_OUT))
def _more(hours: Floats, whole: Ints, real: Floats) -> int:
    found = 0
    start = -1
    most = 0.0
    for i in range(len(hours)):
        x = hours[i]
        if not np.isfinite(x):
            continue
        if start == -1:
            most = 0.0
            seen = 0
            for k in range(max(0, i - RATE_DAYS * HOURS), i):
                if np.isfinite(hours[k]):
                    most = max(most, hours[k])
                    seen += 1
            if seen < RATE_WARM_UP or most <= 0.0 or x <= RATE_TIMES * most:
                continue
            start = i
            whole[found, 0] = i
            real[found, 0] = x
            real[found, 1] = most
        elif x > RATE_TIMES * most:
            real[found, 0] = max(real[found, 0], x)
        else:
            whole[found, 1] = i
            found += 1
            start = -1
    if start != -1:
        whole[found, 1] = -1
        found += 1
    return found
