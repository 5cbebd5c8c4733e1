"""A sensor that leaves its peers: hour by hour, against the median of those of its kind.

With x the hourly mean of a sensor and m the median over all of the group that have one,

    d = x - m,   r = d - (what d usually is),   s = (what |r| usually is)

"Usually" is a running mean of at most the last 72 hours, to which an hour adds at most 3 s. A
sensor is out in an hour if

    |r| > 6 s   and   |r| > 3 * (the median of |r| over the group)

the latter because a storm parts them all. Six hours out in a row, to one side, are an event, which
begins with the first of them and ends with the first hour in which |r| < 3 s. What is out is not
learnt from; after 14 days it is what is usual. Warm-up: 36 hours with 5 peers at least.
"""

from dataclasses import dataclass

import numpy as np

from kernels.jit import (
    FLOATS2,
    FLOATS2_OUT,
    INT,
    INTS2_OUT,
    Floats,
    Ints,
    floats,
    kernel,
)

PEERS_MIN = 5
WARM_UP, MEMORY = 36, 72
OUT, AGAINST_PEERS, BACK, CLIP = 6.0, 3.0, 3.0, 3.0
RUN = 6
LEARNT = 14 * 24
FLOOR = 1e-3  # of a value's size: less is rounding


@dataclass(frozen=True, slots=True)
class Events:
    """Events as columns of one length.

    member      column of the sensor
    start, end  the first row that is out, and the first that is not; end is -1 while it lasts
    peak        the farthest r, in the values' unit
    value, expected  the sensor's hour then, and what its peers and its habit let expect
    scale       s at the start
    """

    member: Ints
    start: Ints
    end: Ints
    peak: Floats
    value: Floats
    expected: Floats
    scale: Floats

    def __len__(self) -> int:
        return len(self.member)


def leaving(hours: Floats) -> Events:
    """Return when members left their peers, by member and start.

    Shapes  hours (h, m): hourly means by hour and member, NaN where there is none; infinities
            count as none.
    Errors  ValueError for another number of dimensions.
    """
    hours = floats(hours)
    if hours.ndim != 2:
        raise ValueError(f"hours: expected (hours, members), found {hours.ndim} dimensions")
    h, m = hours.shape
    if h == 0 or m < PEERS_MIN:
        none_i, none_f = np.empty(0, np.int64), np.empty(0)
        return Events(none_i, none_i, none_i, none_f, none_f, none_f, none_f)
    most = (h // RUN + 1) * m
    whole, real = np.empty((most, 3), np.int64), np.empty((most, 4))
    state = np.zeros((m, 10))
    n = _leaving(hours, state, whole, real)
    order = np.lexsort((whole[:n, 1], whole[:n, 0]))
    return Events(*(c[order].copy() for c in whole[:n].T), *(c[order].copy() for c in real[:n].T))


# of a member: hours learnt, usual d, usual |r|; hours out in a row, the first of them, whether it
# is told; the farthest r with value and expectation, the scale at the start
SEEN, USUAL, SPREAD, OUTS, FROM, TOLD, PEAK, VALUE, EXPECTED, SCALE = range(10)


@kernel()
def _median(room: Floats, n: int) -> float:
    """Return the median of the first n, which are sorted for it."""
    part = np.sort(room[:n])
    half = n // 2
    if n % 2 == 1:
        return float(part[half])
    return float(0.5 * part[half - 1] + 0.5 * part[half])


@kernel()
def _give(member: int, end: int, now: Floats, whole: Ints, real: Floats) -> None:
    """Write an event."""
    whole[0] = member
    whole[1] = int(now[FROM])
    whole[2] = end
    real[0] = now[PEAK]
    real[1] = now[VALUE]
    real[2] = now[EXPECTED]
    real[3] = now[SCALE]


@kernel(INT(FLOATS2, FLOATS2_OUT, INTS2_OUT, FLOATS2_OUT))
def _leaving(hours: Floats, state: Floats, whole: Ints, real: Floats) -> int:
    found = 0
    members = hours.shape[1]
    room = np.empty(members)
    for hour in range(hours.shape[0]):
        n = 0
        for k in range(members):
            if np.isfinite(hours[hour, k]):
                room[n] = hours[hour, k]
                n += 1
        if n < PEERS_MIN:
            continue
        middle = _median(room, n)
        warm = 0
        for k in range(members):
            if np.isfinite(hours[hour, k]) and state[k, SEEN] >= WARM_UP:
                room[warm] = abs(hours[hour, k] - middle - state[k, USUAL])
                warm += 1
        apart = _median(room, warm) if warm > 0 else 0.0
        for k in range(members):
            x = hours[hour, k]
            if not np.isfinite(x):
                continue
            now = state[k]
            r = x - middle - now[USUAL]
            s = max(now[SPREAD], FLOOR * abs(middle))
            far = abs(r) > OUT * s and abs(r) > AGAINST_PEERS * apart
            out = now[SEEN] >= WARM_UP and s > 0.0 and far
            goes_on = now[OUTS] > 0.0 and (r > 0.0) == (now[PEAK] > 0.0)
            if now[TOLD] == 1.0:
                out = goes_on and abs(r) >= BACK * s
            if now[OUTS] > 0.0 and not (out and goes_on):
                if now[TOLD] == 1.0:
                    _give(k, hour, now, whole[found], real[found])
                    found += 1
                now[OUTS] = 0.0
                now[TOLD] = 0.0
            if out:
                if now[OUTS] == 0.0:
                    now[FROM] = hour
                    now[PEAK] = 0.0
                    now[SCALE] = s
                now[OUTS] += 1.0
                if abs(r) > abs(now[PEAK]):
                    now[PEAK] = r
                    now[VALUE] = x
                    now[EXPECTED] = x - r
                if now[OUTS] >= RUN:
                    now[TOLD] = 1.0
                if hour - now[FROM] > LEARNT:
                    _give(k, hour, now, whole[found], real[found])
                    found += 1
                    now[SEEN] = 0.0
                    now[USUAL] = 0.0
                    now[SPREAD] = 0.0
                    now[OUTS] = 0.0
                    now[TOLD] = 0.0
                continue
            share = 1.0 / min(now[SEEN] + 1.0, MEMORY)
            if now[SEEN] >= WARM_UP and s > 0.0:
                r = min(max(r, -CLIP * s), CLIP * s)
            if now[SEEN] > 0.0:
                now[SPREAD] += share * (abs(r) - now[SPREAD])
            now[USUAL] += share * r
            now[SEEN] += 1.0
    for k in range(members):
        if state[k, TOLD] == 1.0:
            _give(k, -1, state[k], whole[found], real[found])
            found += 1
    return found
