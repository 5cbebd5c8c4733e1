"""Noise by day, evening and night: energetic means, and Lden.

A reading is the level of the time since the reading before it, of at most gap_ns; it belongs to the
part of the day, and to the period, in which the middle of that time lies. With levels L of day,
evening and night

    Lden = 10 lg((12 10^(L_day/10) + 4 10^((L_evening + 5)/10) + 8 10^((L_night + 10)/10)) / 24)

Source: Directive 2002/49/EC, annex I; 34. BImSchV: day 6-18, evening 18-22, night 22-6.
"""

from typing import NamedTuple

import numpy as np

from kernels.groups import HOUR_NS, check_edges, check_same
from kernels.jit import (
    FLOATS,
    FLOATS2_OUT,
    INT,
    INTS,
    INTS2_OUT,
    NOTHING,
    Floats,
    Ints,
    floats,
    ints,
    kernel,
)
from kernels.profile import Clock

DAY, EVENING, NIGHT = 0, 1, 2
DAY_FROM, EVENING_FROM, NIGHT_FROM = 6, 18, 22
HOURS = np.array([12.0, 4.0, 8.0])
PENALTY = np.array([0.0, 5.0, 10.0])


class Levels(NamedTuple):
    """Levels of k periods.

    level (k, 3)  energetic mean of day, evening and night, dB; NaN where nothing was heard
    lden (k,)     dB; NaN unless all three are known
    covered_ns (k, 3)  for how long each was heard
    """

    level: Floats
    lden: Floats
    covered_ns: Ints


def levels(time_ns: Ints, level_db: Floats, gap_ns: int, edges_ns: Ints, clock: Clock) -> Levels:
    """Return the levels of the periods between the edges.

    Shapes  time_ns (n,), strictly rising; level_db (n,), dB; edges_ns (k+1,), strictly rising.
    clock   the local clock, which tells day from night
    NaN     and infinite readings are no measurements; the time before them was not heard.
    Errors  ValueError for unequal lengths or edges that do not rise.
    """
    time_ns, level_db, edges_ns = ints(time_ns), floats(level_db), ints(edges_ns)
    check_same(time_ns=len(time_ns), level_db=len(level_db))
    check_edges(edges_ns)
    k = max(len(edges_ns) - 1, 0)
    power, covered_ns = np.zeros((k, 3)), np.zeros((k, 3), np.int64)
    clocks = ints(clock.at_ns), ints(clock.shift_ns)
    _levels(time_ns, level_db, int(gap_ns), edges_ns, *clocks, power, covered_ns)
    with np.errstate(divide="ignore", invalid="ignore"):
        level = 10 * np.log10(power / covered_ns)
        lden = 10 * np.log10((HOURS * 10 ** ((level + PENALTY) / 10)).sum(axis=1) / HOURS.sum())
    return Levels(level, lden, covered_ns)


@kernel(NOTHING(INTS, FLOATS, INT, INTS, INTS, INTS, FLOATS2_OUT, INTS2_OUT))
def _levels(
    time_ns: Ints,
    level_db: Floats,
    gap_ns: int,
    edges_ns: Ints,
    at_ns: Ints,
    shift_ns: Ints,
    power: Floats,
    covered_ns: Ints,
) -> None:
    """Add up power times time, and time."""
    k = 0
    for i in range(1, len(time_ns)):
        span_ns = time_ns[i] - time_ns[i - 1]
        if span_ns > gap_ns or not np.isfinite(level_db[i]):
            continue
        middle = time_ns[i - 1] + span_ns // 2
        while k + 1 < len(edges_ns) and middle >= edges_ns[k + 1]:
            k += 1
        if k + 1 >= len(edges_ns):
            break
        if middle < edges_ns[k]:
            continue
        c = len(at_ns) - 1
        while c > 0 and at_ns[c] > middle:
            c -= 1
        hour = (middle + shift_ns[c]) // HOUR_NS % 24
        part = NIGHT
        if DAY_FROM <= hour < EVENING_FROM:
            part = DAY
        elif EVENING_FROM <= hour < NIGHT_FROM:
            part = EVENING
        power[k, part] += 10.0 ** (level_db[i] / 10.0) * span_ns
        covered_ns[k, part] += span_ns
