"""What one register is judged by, learnt from its readings: rhythm, resolution, greatest flow."""

import numpy as np

from kernels.groups import HOUR_NS, check_same
from kernels.jit import FLOAT, FLOATS, INT, INTS, Floats, Ints, floats, ints, kernel

LEVEL_READINGS = 16  # readings on either side over which a climb must hold to be clean
REPEATED = 3
MARGIN, MARGIN_OF_FEW = 1.5, 100.0  # times, and times over the number of climbs


def typical_gap(time_ns: Ints) -> int:
    """Return the median distance of neighbouring times in ns, exactly; 0 for fewer than two.

    The median of an even number of distances is the mean of the middle two, rounded down.
    """
    gaps = np.diff(ints(time_ns))
    if len(gaps) == 0:
        return 0
    half = len(gaps) // 2
    first = half - 1 + len(gaps) % 2
    ordered = np.partition(gaps, (first, half))  # not compiled: NumPy's own is as fast
    return int(ordered[first] + (ordered[half] - ordered[first]) // 2)


def resolution(value: Floats) -> float:
    """Return the smallest change between neighbours that is not 0; 0 where nothing changes.

    A register is cut to its step, so it may seem to climb by so much more than flowed.
    """
    return float(_resolution(floats(value)))


def rate_max_learnt(time_ns: Ints, value: Floats, step: float = 0.0, rhythm_ns: int = 0) -> float:
    """Return the most that can flow, in units per hour, learnt from one register's own climbs.

    A climb is clean if it holds: none of the 16 readings before it stands above its foot, and none
    of the 16 after it below its head, so that neither a glitch's return nor a spike is taken for
    flow, however often they come. What stands farther off than the climb is high belongs to before
    a drop that stays, and doesn't count, or to after it, and ends the look. A register is cut to
    its step, so a climb's slope is that of the climb without a step, or that of the whole over the
    usual distance of readings, whichever is more.
    The result is the third steepest clean climb (the least steep of fewer), so that one or two
    errors don't count, times 1.5 + 100 / (number of climbs), the more cautious the less was seen.
    It is inf (not known) where there is no clean climb.

    Shapes  time_ns, value (n,), times rising; step in the unit of value, rhythm_ns in ns.
    Errors  ValueError for unequal lengths.
    """
    time_ns, value = ints(time_ns), floats(value)
    check_same(time_ns=len(time_ns), value=len(value))
    known = np.isfinite(value)
    return float(_rate_max(time_ns[known], value[known], float(step), int(rhythm_ns))) * HOUR_NS


@kernel(FLOAT(FLOATS))
def _resolution(value: Floats) -> float:
    smallest = 0.0
    for i in range(1, len(value)):
        step = abs(value[i] - value[i - 1])
        if np.isfinite(step) and step > 0.0 and (smallest == 0.0 or step < smallest):
            smallest = step
    return smallest


@kernel()
def _holds(value: Floats, i: int) -> bool:
    """Return whether the climb to i is clean."""
    foot = value[i - 1]
    head = value[i]
    height = head - foot
    for j in range(max(i - 1 - LEVEL_READINGS, 0), i - 1):
        if foot < value[j] <= head + height:
            return False
    for j in range(i + 1, min(i + 1 + LEVEL_READINGS, len(value))):
        if value[j] < foot - height:
            break
        if value[j] < head:
            return False
    return True


@kernel(FLOAT(INTS, FLOATS, FLOAT, INT))
def _rate_max(time_ns: Ints, value: Floats, step: float, rhythm_ns: int) -> float:
    """Return the rate per ns."""
    steepest = np.full(REPEATED, -1.0)  # falling
    climbs = 0
    for i in range(1, len(value)):
        climb = value[i] - value[i - 1]
        if not climb > 0.0 or time_ns[i] <= time_ns[i - 1]:
            continue
        climbs += 1
        span_ns = time_ns[i] - time_ns[i - 1]
        rate = max((climb - step) / span_ns, climb / max(span_ns, rhythm_ns))
        if rate <= steepest[REPEATED - 1] or not _holds(value, i):
            continue
        for k in range(REPEATED):
            if rate > steepest[k]:
                rate, steepest[k] = steepest[k], rate
    if steepest[0] < 0.0:
        return np.inf
    found = steepest[0]
    for k in range(1, REPEATED):
        if steepest[k] >= 0.0:
            found = steepest[k]
    return float((MARGIN + MARGIN_OF_FEW / climbs) * found)
