"""The steps of one register: what flowed between two readings, and what is no flow.

A register only climbs. Where it does not, or climbs more than can flow, each reading is judged
once, in order of time, against the last good one before it, and the judgement has a name (the kinds
below). For every reading

    amount == (value - value of the last good reading) + correction, up to rounding; amount >= 0

What a drop or a steep climb is can depend on what comes after it: a glitch is one from which the
register comes back to where it was. It is looked for among the next `dip_readings` numbers, and for
`dip_ns`, whichever is longer; after more than `dip_readings` numbers only a return that is itself
no flow counts, because a register that began again at zero may climb past its old value.

Times rise strictly; the caller sees to it. A negative value is judged as any other, except that it
is never a reset or a rollover. A reset of a register that had hardly begun to count can look like a
glitch, and then counts what it stands above its old value: the smaller of the two readings of it.

Source: docs/energy.md.
"""

from dataclasses import dataclass

import numpy as np

from kernels.groups import HOUR_NS, check_same
from kernels.jit import (
    BOOLS_OUT,
    BYTES,
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
    bytes_,
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
ROLLOVER = 6  # passed its highest value and went on from zero
EXCHANGE = 7  # another meter, and it is known what both showed
EXCHANGE_UNREAD = 8  # another meter, and it is not known what both showed: amount estimated
UNEXPLAINED_UP = 9  # a climb that stays, and more than can flow: amount estimated
STEEP = 10  # a climb that stays, and steeper than what was seen: it counts as it stands, in doubt

COUNTS, COUNTS_NOT = 1, 2  # what a person said of a step, by its reading; 0: nothing

LOOK_BACK = 96  # plain steps that the typical rate is taken over: a day of quarter hours
NEAR = 0.01  # of the width: how near to its end a register is before it passes it


@dataclass(frozen=True, slots=True)
class Judgement:
    """What each of n readings means; the columns have the readings' order.

    amount (n,)       >= 0: what flowed since the last good reading; 0 for the first and for those
                      that are not good
    correction (n,)   amount - (change of the register since the last good reading)
    doubt (n,)        by how much the amount may be wrong: 0 where the register tells it, inf where
                      nothing limits it
    kind (n,) uint8   PLAIN … STEEP
    good (n,)         the register may be read here
    over_gap (n,)     the step to this reading, of any kind, is longer than the gap limit
    provisional (n,)  later readings may still change this judgement; the others are final
    """

    amount: Floats
    correction: Floats
    doubt: Floats
    kind: Bytes
    good: Bools
    over_gap: Bools
    provisional: Bools

    def __len__(self) -> int:
        return len(self.amount)

    @staticmethod
    def empty(n: int) -> "Judgement":
        """Return room for n readings."""
        return Judgement(
            *(np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n, np.uint8)),
            *(np.zeros(n, np.bool_), np.zeros(n, np.bool_), np.zeros(n, np.bool_)),
        )


@dataclass(frozen=True, slots=True)
class Limits:
    """What a register is judged by.

    gap_ns      a longer step is over a gap
    rate_max    units per hour, the most that can flow; inf where nothing is known, and then every
                drop that stays is a reset (`limits.rate_max_learnt` is better)
    jump_max    units per hour: a climb that stays is flow up to here; rate_max where that is known
                for sure, well above it where it was learnt
    dip_readings, dip_ns  how long a glitch is looked for, see above
    step        the register's resolution: a climb may be so much steeper than it was
    widths (w,) values at which the register may go on from zero, rising; none: it has no end
    """

    gap_ns: int
    rate_max: float
    dip_readings: int
    dip_ns: int
    jump_max: float = np.inf
    step: float = 0.0
    widths: tuple[float, ...] = ()


def judge(
    time_ns: Ints,
    value: Floats,
    limits: Limits,
    *,
    swap: Floats | None = None,
    said: Bytes | None = None,
) -> Judgement:
    """Judge every reading of one register.

    time_ns (n,)  strictly rising; value (n,) in any unit of amount
    swap (n,)     0: the same meter as before; else this is the first reading of another one, and
                  swap is what it takes to go on from the old one (its last value - the new one's
                  first), NaN where that is not known. An exchange whose gain is exactly 0 is none.
    said (n,)     COUNTS or COUNTS_NOT where a person has decided about the step to this reading:
                  a climb is flow, or none; a drop is a reset, or none
    Errors        ValueError for unequal lengths, or a limit that is negative or NaN.
    """
    time_ns, value = ints(time_ns), floats(value)
    n = len(time_ns)
    gains = np.zeros(n) if swap is None else floats(swap)
    words = np.zeros(n, np.uint8) if said is None else bytes_(said)
    check_same(time_ns=n, value=len(value), swap=len(gains), said=len(words))
    for name in ("gap_ns", "rate_max", "jump_max", "dip_readings", "dip_ns", "step"):
        if not getattr(limits, name) >= 0:
            raise ValueError(f"{name}: expected zero or more, found {getattr(limits, name)}")
    found = Judgement.empty(n)
    _judge(
        *(time_ns, value, gains),
        words,
        *(int(limits.gap_ns), float(limits.rate_max) / HOUR_NS, float(limits.jump_max) / HOUR_NS),
        *(int(limits.dip_readings), int(limits.dip_ns), float(limits.step)),
        np.array(limits.widths, np.float64),
        *(found.amount, found.correction, found.doubt),
        found.kind,
        *(found.good, found.over_gap, found.provisional),
    )
    return found


@kernel()
def _most(rate: float, span_ns: int, step: float) -> float:
    """Return the most that can flow in a span; an unknown rate allows all of it."""
    return rate * span_ns + step if span_ns > 0 else step


@kernel()
def _return(
    time_ns: Ints,
    value: Floats,
    i: int,
    previous: int,
    rate: float,
    step: float,
    dip_readings: int,
    dip_ns: int,
) -> int:
    """Return the reading that is back from the drop or steep climb at i; -1: none; -2: open."""
    fell = value[i] < value[previous]
    seen = 0
    before = i
    for j in range(i + 1, len(value)):
        if seen >= dip_readings and time_ns[j] - time_ns[i] > dip_ns:
            return -1
        if not np.isfinite(value[j]):
            continue
        seen += 1
        climb = value[j] - value[previous]
        if climb >= 0.0 and climb <= _most(rate, time_ns[j] - time_ns[previous], step):
            if fell:
                leap = value[j] - value[before]
                if seen <= dip_readings or leap > _most(rate, time_ns[j] - time_ns[before], step):
                    return j
            elif value[j] < value[i]:
                return j
        before = j
    end = len(value) - 1
    return -1 if seen >= dip_readings and time_ns[end] - time_ns[i] > dip_ns else -2


@kernel()
def _typical(amounts: Floats, spans_ns: Ints, steps: int) -> float:
    """Return the mean rate per ns of the last plain steps, 0 if there were none."""
    amount = 0.0
    span_ns = 0
    for i in range(max(steps - LOOK_BACK, 0), steps):  # in order of time, for the same bits
        amount += amounts[i % LOOK_BACK]
        span_ns += spans_ns[i % LOOK_BACK]
    return amount / span_ns if span_ns > 0 else 0.0


@kernel()
def _width(old: float, new: float, most: float, widths: Floats) -> float:
    """Return the width that the register passed on its way from old to new, 0 if none."""
    for m in widths:
        if old <= m and m - old <= NEAR * m and 0.0 <= new <= NEAR * m and new + (m - old) <= most:
            return float(m)
    return 0.0


@kernel(
    NOTHING(
        *(INTS, FLOATS, FLOATS, BYTES, INT, FLOAT, FLOAT, INT, INT, FLOAT, FLOATS),
        *(FLOATS_OUT, FLOATS_OUT, FLOATS_OUT, BYTES_OUT, BOOLS_OUT, BOOLS_OUT, BOOLS_OUT),
    )
)
def _judge(
    time_ns: Ints,
    value: Floats,
    swap: Floats,
    said: Bytes,
    gap_ns: int,
    rate: float,
    jump: float,
    dip_readings: int,
    dip_ns: int,
    step: float,
    widths: Floats,
    amount: Floats,
    correction: Floats,
    doubt: Floats,
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
    is_open = False  # a step before this may yet turn out to be a glitch, and this a part of it
    swapped = False
    gain = 0.0  # of the exchanges since the last good reading
    for i in range(len(value)):
        if swap[i] != 0.0:
            swapped = True
            gain += swap[i]
            back = -1
        v = value[i]
        if not np.isfinite(v):
            kind[i] = REJECTED
            continue
        provisional[i] = is_open
        if previous < 0:
            good[i] = True
            previous = i
            swapped = False
            gain = 0.0
            continue
        if i < back:
            kind[i] = GLITCH
            continue
        span_ns = time_ns[i] - time_ns[previous]
        change = v - value[previous]
        most = _most(rate, span_ns, step)
        word = said[i]
        what = PLAIN
        if swapped:
            what = EXCHANGE if change + gain >= 0.0 else EXCHANGE_UNREAD
        elif word == COUNTS:
            what = PLAIN if change >= 0.0 else RESET if v >= 0.0 else UNEXPLAINED_DOWN
        elif word == COUNTS_NOT:
            what = UNEXPLAINED_UP if change >= 0.0 else UNEXPLAINED_DOWN
        elif change < 0.0 or change > most:
            # The search is not begun anew where an earlier one has found its end already.
            at = _return(time_ns, value, i, previous, rate, step, dip_readings, dip_ns)
            if at >= 0:
                back = at
                kind[i] = GLITCH
                continue
            if at == -2:
                is_open = True
                provisional[i] = True
            if change >= 0.0:
                what = UNEXPLAINED_UP if change > _most(jump, span_ns, step) else STEEP
            elif _width(value[previous], v, most, widths) > 0.0:
                what = ROLLOVER
            else:
                what = RESET if 0.0 <= v <= most else UNEXPLAINED_DOWN
        over_gap[i] = span_ns > gap_ns
        if what == PLAIN:
            amount[i] = change
            if over_gap[i]:
                what = GAP
            else:
                plain_amounts[plain % LOOK_BACK] = change
                plain_spans_ns[plain % LOOK_BACK] = span_ns
                plain += 1
        elif what == STEEP:
            amount[i] = change
            doubt[i] = change
        elif what == RESET:
            amount[i] = v
            correction[i] = value[previous]
            doubt[i] = max(v, most - v)
        elif what == ROLLOVER:
            m = _width(value[previous], v, most, widths)
            amount[i] = v + (m - value[previous])
            correction[i] = m
        elif what == EXCHANGE:
            amount[i] = change + gain
            correction[i] = gain
        else:
            estimate = min(_typical(plain_amounts, plain_spans_ns, plain), rate) * span_ns
            amount[i] = estimate
            correction[i] = estimate - change
            doubt[i] = max(estimate, most - estimate)
        kind[i] = what
        good[i] = True
        previous = i
        swapped = False
        gain = 0.0
