"""The steps of one register: what flowed between two readings, and what is no flow.

A register only climbs. Where it does not, each reading is judged once, in order of time, against
the last good one before it, and the judgement has a name (the kinds below). For every reading
amount == (value - value of the last good reading) + correction, up to rounding, and amount >= 0.

Told apart here are climb, gap, reset, glitch and unexplained step down; a further kind is one more
branch in `_judge`. A climb steeper than rate_max counts as it stands.

Times rise strictly and registers are not negative; the caller sees to both. A negative value is
judged as any other, except that it never is a reset. A glitch is a drop from which the register
comes back to where it was; a true reset of a register that had hardly begun to count can look the
same, and then counts what it stood above its old value: the smaller of the two readings of it.
"""

from dataclasses import dataclass

import numpy as np

from kernels.groups import check_same
from kernels.jit import (
    BOOLS_OUT,
    BYTES_OUT,
    FLOAT,
    FLOATS,
    FLOATS_OUT,
    INT,
    INTS,
    NOTHING,
    Bools,
    Bytes,
    Floats,
    Ints,
    floats,
    ints,
    kernel,
)

PLAIN = 0  # climb, or no change
GAP = 1  # climb across more than the gap limit: its amount is true, its course is not known
RESET = 2  # began again from zero: amount is the new value, and what came before it is not invented
GLITCH = 3  # rejected: the register was back soon after; no amount, no correction
UNEXPLAINED_DOWN = 4  # any other drop that stays: amount estimated
REJECTED = 5  # no number: NaN or infinite

LOOK_BACK = 96  # plain steps that the typical rate is taken over: a day of quarter hours
HOUR_NS = 3_600_000_000_000

LEVEL_READINGS = 16  # readings on either side over which a climb must hold to be clean
REPEATED = 3
MARGIN, MARGIN_OF_FEW = 4.0, 20.0  # times, and times over the number of clean climbs


@dataclass(frozen=True, slots=True)
class Judgement:
    """What each of n readings means; the columns have the readings' order.

    amount (n,)       >= 0: what flowed since the last good reading; 0 for the first and for those
                      that are not good
    correction (n,)   amount - (change of the register since the last good reading)
    kind (n,) uint8   PLAIN, GAP, RESET, GLITCH, UNEXPLAINED_DOWN or REJECTED
    good (n,)         the register may be read here
    over_gap (n,)     the step to this reading, of any kind, is longer than the gap limit
    provisional (n,)  later readings may still change this judgement; the others are final
    """

    amount: Floats
    correction: Floats
    kind: Bytes
    good: Bools
    over_gap: Bools
    provisional: Bools

    def __len__(self) -> int:
        return len(self.amount)


def judge(
    time_ns: Ints,
    value: Floats,
    *,
    gap_ns: int,
    rate_max: float,
    dip_readings: int,
    dip_ns: int,
) -> Judgement:
    """Judge every reading of one register.

    time_ns (n,)  strictly rising; value (n,) in any unit of amount
    gap_ns        a longer step is over a gap
    rate_max      units per hour, the most that can flow; inf where nothing is known, and then every
                  drop that stays is a reset (`rate_max_learnt` is better)
    dip_readings, dip_ns  a drop is a glitch if one of so many numbers after it, no later than that
                  after it, is back at a possible value
    Errors        ValueError for unequal lengths, or a limit that is negative or NaN.
    """
    time_ns, value = ints(time_ns), floats(value)
    check_same(time_ns=len(time_ns), value=len(value))
    limits = {"gap_ns": gap_ns, "rate_max": rate_max, "dip_readings": dip_readings}
    for name, limit in {**limits, "dip_ns": dip_ns}.items():
        if not limit >= 0:
            raise ValueError(f"{name}: expected zero or more, found {limit}")
    n = len(time_ns)
    found = Judgement(
        *(np.zeros(n), np.zeros(n), np.zeros(n, np.uint8)),
        *(np.zeros(n, np.bool_), np.zeros(n, np.bool_), np.zeros(n, np.bool_)),
    )
    _judge(
        *(time_ns, value, int(gap_ns), float(rate_max) / HOUR_NS, int(dip_readings), int(dip_ns)),
        *(found.amount, found.correction, found.kind, found.good),
        *(found.over_gap, found.provisional),
    )
    return found


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


def rate_max_learnt(time_ns: Ints, value: Floats) -> float:
    """Return the most that can flow, in units per hour, learnt from one register's own climbs.

    A climb is clean if it holds: none of the 16 readings before it stands above its foot, and none
    of the 16 after it below its head, so that neither a glitch's return nor a spike is taken for
    flow, however often they come. What stands farther off than the climb is high belongs to before
    a drop that stays, and doesn't count, or to after it, and ends the look.
    The result is the third steepest clean climb (the least steep of fewer), so that one or two
    errors don't count, times 4 + 20 / (number of clean climbs), the more cautious the less was
    seen. It is inf (not known) where there is no clean climb.

    It is for judging drops: whether a register that shows so much less can have begun again from
    zero and counted up to that since. Too high a rate lets a doubtful drop pass as a reset; too low
    a one makes a reset an unexplained step, of which a person is asked. It is no limit for climbs:
    a load of another order than all before (a first charging car after a month of standby) exceeds
    it until its third step. Three exchanges to a higher register within the data would raise it; a
    coarse register, read again at once after it ticked, has honest steps as steep as the readings
    are close.
    """
    time_ns, value = ints(time_ns), floats(value)
    check_same(time_ns=len(time_ns), value=len(value))
    known = np.isfinite(value)
    return float(_rate_max(time_ns[known], value[known])) * HOUR_NS


@kernel()
def _recovery(
    time_ns: Ints,
    value: Floats,
    i: int,
    previous: int,
    rate: float,
    dip_readings: int,
    dip_ns: int,
) -> int:
    """Return the reading that is back from the drop at i, -1 if none, -2 if that is still open."""
    seen = 0
    for j in range(i + 1, len(value)):
        if time_ns[j] - time_ns[i] > dip_ns:
            return -1
        if not np.isfinite(value[j]):
            continue
        if seen == dip_readings:
            return -1
        seen += 1
        climb = value[j] - value[previous]
        if climb >= 0.0 and climb <= rate * (time_ns[j] - time_ns[previous]):
            return j
    return -1 if seen == dip_readings else -2


@kernel()
def _typical(amounts: Floats, spans_ns: Ints, steps: int) -> float:
    """Return the mean rate per ns of the last plain steps, 0 if there were none."""
    amount = 0.0
    span_ns = 0
    for i in range(max(steps - LOOK_BACK, 0), steps):  # in order of time, for the same bits
        amount += amounts[i % LOOK_BACK]
        span_ns += spans_ns[i % LOOK_BACK]
    return amount / span_ns if span_ns > 0 else 0.0


@kernel(
    NOTHING(
        *(INTS, FLOATS, INT, FLOAT, INT, INT),
        *(FLOATS_OUT, FLOATS_OUT, BYTES_OUT, BOOLS_OUT, BOOLS_OUT, BOOLS_OUT),
    )
)
def _judge(
    time_ns: Ints,
    value: Floats,
    gap_ns: int,
    rate: float,
    dip_readings: int,
    dip_ns: int,
    amount: Floats,
    correction: Floats,
    kind: Bytes,
    good: Bools,
    over_gap: Bools,
    provisional: Bools,
) -> None:
    plain_amounts = np.empty(LOOK_BACK)
    plain_spans_ns = np.empty(LOOK_BACK, np.int64)
    plain = 0
    previous = -1
    back = -1  # where the register is back from the glitch that is being passed over
    is_open = False  # a drop before this may yet turn out to be a glitch, and this a part of it
    for i in range(len(value)):
        v = value[i]
        if not np.isfinite(v):
            kind[i] = REJECTED
            continue
        provisional[i] = is_open
        if previous < 0:
            good[i] = True
            previous = i
            continue
        change = v - value[previous]
        span_ns = time_ns[i] - time_ns[previous]
        if change < 0.0 and i >= back:
            back = _recovery(time_ns, value, i, previous, rate, dip_readings, dip_ns)
            if back == -2:
                is_open = True
                provisional[i] = True
        if i < back:
            kind[i] = GLITCH
            continue
        if change >= 0.0:
            amount[i] = change
            if span_ns > gap_ns:
                kind[i] = GAP
            else:
                plain_amounts[plain % LOOK_BACK] = change
                plain_spans_ns[plain % LOOK_BACK] = span_ns
                plain += 1
        elif v >= 0.0 and v <= rate * span_ns:
            kind[i] = RESET
            amount[i] = v
            correction[i] = value[previous]
        else:
            kind[i] = UNEXPLAINED_DOWN
            amount[i] = min(_typical(plain_amounts, plain_spans_ns, plain), rate) * span_ns
            correction[i] = amount[i] - change
        over_gap[i] = span_ns > gap_ns
        good[i] = True
        previous = i


@kernel(FLOAT(INTS, FLOATS))
def _rate_max(time_ns: Ints, value: Floats) -> float:
    """Return the rate per ns."""
    steepest = np.zeros(REPEATED)  # falling
    clean = 0
    for i in range(1, len(value)):
        foot = value[i - 1]
        head = value[i]
        if head <= foot or time_ns[i] <= time_ns[i - 1]:
            continue
        holds = True
        height = head - foot
        for j in range(max(i - 1 - LEVEL_READINGS, 0), i - 1):
            holds = holds and not (foot < value[j] <= head + height)
        for j in range(i + 1, min(i + 1 + LEVEL_READINGS, len(value))):
            if value[j] < foot - height:
                break
            holds = holds and value[j] >= head
        if not holds:
            continue
        clean += 1
        rate = (head - foot) / (time_ns[i] - time_ns[i - 1])
        for k in range(REPEATED):
            if rate > steepest[k]:
                rate, steepest[k] = steepest[k], rate
    if clean == 0:
        return np.inf
    return float((MARGIN + MARGIN_OF_FEW / clean) * steepest[min(clean, REPEATED) - 1])
