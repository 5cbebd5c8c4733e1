"""Level shifts and noise bursts: how a series moves from reading to reading, against how it did.

A **level shift** is a step larger than three times the largest that was usual, after which the next
four readings stay: each on the same side, and at least 60 % of the step away from where it was. It
ends with a step back of that kind, or after 7 days, when the new level is usual.

A **noise burst** is a stretch in which the mean of the last 16 flutters is more than 2.5 times the
largest that it usually is. A flutter is the smallest of three steps in a row: a jump is none,
nor is a spike. It ends when the mean is back below 1.25 times, or after 2 days.

What is usual is the largest step (the largest mean of 16 flutters), which falls back by the share
dt / 14 days of the distance with every reading. Steps of a shift do not count, and means of a burst
do not: a mean counts 16 to 32 readings after it came, so that the beginning of a burst does not
hide the rest. A second shift of a size within the memory makes its size usual. Nothing is told
before 36 hours and 64 readings have been seen.
A value that is NaN or infinite is passed over as if it had not come.
"""

from dataclasses import dataclass

import numpy as np

from kernels.groups import HOUR_NS, check_slots, checked, grown
from kernels.jit import (
    FLOATS,
    FLOATS2,
    FLOATS2_OUT,
    INT,
    INTS,
    INTS2,
    INTS2_OUT,
    Floats,
    Ints,
    floats,
    ints,
    kernel,
)

STEPS = 16
LARGE, STAYS, CONFIRMED = 3.0, 0.6, 5
NOISY, QUIET = 2.5, 1.25
MEMORY_NS = 14 * 24 * HOUR_NS
WARM_UP_NS, WARM_UP = 36 * HOUR_NS, 64
SHIFT_MAX_NS, BURST_MAX_NS = 168 * HOUR_NS, 48 * HOUR_NS
AGAIN, USUAL = 0.25, 0.4  # of a shift's size: what is usual after the first, and after the second

SHIFT, BURST = 0, 1  # the kinds

# whole: readings seen, the first and the last time, readings of the step that is being looked at
# (0: none) and its time, since when a shift and a burst last (-1: none), shifts ever,
# when means were counted last
SEEN, FIRST, LAST, PENDING, AT, SHIFTED, BURSTING, SHIFTS, COUNTED = 0, 1, 2, 3, 4, 5, 6, 7, 8
# real: the last value, the largest usual step and mean of steps; of the step that is looked at:
# from where, and how large; of the shift: from where, to where; of the burst: the largest mean;
# how many times the usual step the shift's was; the largest mean of the block of 16 readings before
# and of the present one; the sizes of the last two steps
VALUE, STEP, NOISE, BASE, JUMP, FROM, TO, PEAK = 0, 1, 2, 3, 4, 5, 6, 7
RATIO, BEFORE, NOW, SIZE, SIZE_BEFORE = 8, 9, 10, 11, 12


@dataclass(frozen=True, slots=True)
class Changes:
    """Events as columns of one length.

    kind      SHIFT or BURST
    end_ns    -1 while it lasts
    value     the new level, or the burst's largest mean step
    expected  the level before, or the largest mean step that is usual
    ratio     the step over what was usual, or value over expected
    """

    slot: Ints
    kind: Ints
    start_ns: Ints
    end_ns: Ints
    value: Floats
    expected: Floats
    ratio: Floats

    def __len__(self) -> int:
        return len(self.slot)


@dataclass(frozen=True, slots=True)
class State:
    """What is remembered of each slot.

    whole (slots, 9) int64 · real (slots, 13) float64
    steps (slots, 16) float64, times (slots, 16) int64  the last flutters, and when they were
    """

    whole: Ints
    real: Floats
    steps: Floats
    times: Ints

    def __len__(self) -> int:
        return len(self.whole)

    @staticmethod
    def empty(slots: int) -> "State":
        """Return a state that has seen nothing."""
        return State(
            *(np.zeros((slots, 9), np.int64), np.zeros((slots, 13))),
            *(np.zeros((slots, STEPS)), np.zeros((slots, STEPS), np.int64)),
        )

    def grown(self, slots: int) -> "State":
        """Return a copy with room for more slots; the new ones have seen nothing."""
        return State(
            *(grown(self.whole, slots), grown(self.real, slots)),
            *(grown(self.steps, slots), grown(self.times, slots)),
        )

    def reset(self, slots: Ints) -> None:
        """Forget these slots."""
        for column in (self.whole, self.real, self.steps, self.times):
            column[slots] = 0


def fold(state: State, slot: Ints, offsets: Ints, time_ns: Ints, value: Floats) -> Changes:
    """Follow rows; return what ended, by group and time.

    Shapes  slot (g,), offsets (g+1,) int64; time_ns, value (n,); a slot's rows rise in time and
            are later than all that it had before. state changes in place.
    Result  the same events and the same state, however the rows are cut into batches.
    Errors  ValueError for shapes, offsets or slots that cannot be.
    """
    time_ns, value = ints(time_ns), floats(value)
    groups = checked(slot, offsets, len(state), len(time_ns), len(value))
    room = 2 * len(time_ns)
    whole, real = np.empty((room, 4), np.int64), np.empty((room, 3))
    known = (state.whole, state.real, state.steps, state.times)
    ended = _fold(*known, *groups, time_ns, value, whole, real)
    return _changes(whole[:ended], real[:ended])


def open_changes(state: State, slots: Ints) -> Changes:
    """Return what lasts in these slots; the end_ns is -1."""
    slots = ints(slots)
    check_slots(slots, len(state))
    whole, real = np.empty((2 * len(slots), 4), np.int64), np.empty((2 * len(slots), 3))
    found = _open(state.whole, state.real, slots, whole, real)
    return _changes(whole[:found], real[:found])


def _changes(whole: Ints, real: Floats) -> Changes:
    """Return the columns, copied out of the room that was held for the worst case."""
    return Changes(*(c.copy() for c in whole.T), *(c.copy() for c in real.T))


@kernel()
def _give(
    slot: int, kind: int, end_ns: int, now: Ints, facts: Floats, whole: Ints, real: Floats
) -> None:
    """Write an event."""
    whole[0] = slot
    whole[1] = kind
    whole[2] = now[SHIFTED] if kind == SHIFT else now[BURSTING]
    whole[3] = end_ns
    if kind == SHIFT:
        real[0] = facts[TO]
        real[1] = facts[FROM]
        real[2] = facts[RATIO]
    else:
        real[0] = facts[PEAK]
        real[1] = facts[NOISE]
        real[2] = facts[PEAK] / facts[NOISE]


@kernel()
def _usual(old: float, new: float, share: float) -> float:
    """Return the largest that is usual, after one more."""
    return max(old + share * (new - old), new)


@kernel()
def _noise(t: int, young: bool, now: Ints, facts: Floats, steps: Floats, times: Ints) -> int:
    """Look at the mean of the last flutters; return 1 where a burst has ended, 2 by its age."""
    mean = 0.0
    for k in range(STEPS):
        mean += steps[k]
    mean /= STEPS
    if now[BURSTING] != -1:
        facts[PEAK] = max(facts[PEAK], mean)
        if mean < QUIET * facts[NOISE]:
            return 1
        if t - now[BURSTING] > BURST_MAX_NS:
            return 2
    elif not young and facts[NOISE] > 0.0 and mean > NOISY * facts[NOISE]:
        now[BURSTING] = times[(now[SEEN] + STEPS // 2) % STEPS]
        facts[PEAK] = mean
        facts[BEFORE] = 0.0
        facts[NOW] = 0.0
    else:
        facts[NOW] = max(facts[NOW], mean)
    if now[SEEN] % STEPS == 0:
        share = min(1.0, (t - now[COUNTED]) / MEMORY_NS)
        if now[BURSTING] == -1:
            facts[NOISE] = _usual(facts[NOISE], facts[BEFORE], share)
        facts[BEFORE] = facts[NOW]
        facts[NOW] = 0.0
        now[COUNTED] = t
    return 0


@kernel()
def _quiet_rows(
    now: Ints,
    facts: Floats,
    steps: Floats,
    times: Ints,
    time_ns: Ints,
    value: Floats,
    first: int,
    stop: int,
) -> int:
    """Take in rows while nothing happens, as nearly always; return the first at which it may.

    What `_row` makes of such a row, with what it knows in registers instead of the state's cells.
    """
    seen, last, counted = now[SEEN], now[LAST], now[COUNTED]
    before_v, usual, noise = facts[VALUE], facts[STEP], facts[NOISE]
    size_1, size_2 = facts[SIZE], facts[SIZE_BEFORE]
    before, most = facts[BEFORE], facts[NOW]
    i = first
    while i < stop:
        v = value[i]
        t = time_ns[i]
        if not np.isfinite(v):
            break
        size = abs(v - before_v)
        young = t - now[FIRST] < WARM_UP_NS or seen < WARM_UP
        if not young and usual > 0.0 and size > LARGE * usual:
            break
        place = seen % STEPS
        steps[place] = min(size, size_1, size_2)  # `_row` would write the same there
        mean = 0.0
        for k in range(STEPS):
            mean += steps[k]
        mean /= STEPS
        if not young and noise > 0.0 and mean > NOISY * noise:
            break
        times[place] = t
        usual = _usual(usual, size, min(1.0, (t - last) / MEMORY_NS))
        size_2 = size_1
        size_1 = size
        seen += 1
        most = max(most, mean)
        if seen % STEPS == 0:
            noise = _usual(noise, before, min(1.0, (t - counted) / MEMORY_NS))
            before = most
            most = 0.0
            counted = t
        last = t
        before_v = v
        i += 1
    now[SEEN], now[LAST], now[COUNTED] = seen, last, counted
    facts[VALUE], facts[STEP], facts[NOISE] = before_v, usual, noise
    facts[SIZE], facts[SIZE_BEFORE] = size_1, size_2
    facts[BEFORE], facts[NOW] = before, most
    return i


@kernel()
def _row(
    s: int,
    t: int,
    v: float,
    now: Ints,
    facts: Floats,
    steps: Floats,
    times: Ints,
    out_whole: Ints,
    out_real: Floats,
) -> int:
    """Take in any row; return how many events it ended, at most two."""
    ended = 0
    if now[SEEN] == 0:
        now[SEEN] = 1
        now[FIRST] = t
        now[LAST] = t
        now[SHIFTED] = -1
        now[BURSTING] = -1
        facts[VALUE] = v
        return 0
    step = v - facts[VALUE]
    size = abs(step)
    share = min(1.0, (t - now[LAST]) / MEMORY_NS)
    young = t - now[FIRST] < WARM_UP_NS or now[SEEN] < WARM_UP
    if now[PENDING] > 0:
        away = v - facts[BASE]
        if (away > 0.0) == (facts[JUMP] > 0.0) and abs(away) >= STAYS * abs(facts[JUMP]):
            now[PENDING] += 1
        else:
            now[PENDING] = 0  # it was a spike
        if now[PENDING] == CONFIRMED:
            now[PENDING] = 0
            ratio = abs(facts[JUMP]) / facts[STEP]
            back = now[SHIFTED] != -1
            if back and (facts[JUMP] > 0.0) != (facts[TO] > facts[FROM]):
                _give(s, SHIFT, now[AT], now, facts, out_whole[ended], out_real[ended])
                ended += 1
                now[SHIFTED] = -1
            elif not back:
                now[SHIFTED] = now[AT]
                facts[FROM] = facts[BASE]
                facts[TO] = v
                facts[RATIO] = ratio
                now[SHIFTS] += 1
                part = AGAIN if now[SHIFTS] == 1 else USUAL
                facts[STEP] = max(facts[STEP], part * abs(facts[JUMP]))
    elif not young and facts[STEP] > 0.0 and size > LARGE * facts[STEP]:
        now[PENDING] = 1
        now[AT] = t
        facts[BASE] = facts[VALUE]
        facts[JUMP] = step
    else:
        facts[STEP] = _usual(facts[STEP], size, share)
    if now[SHIFTED] != -1 and t - now[SHIFTED] > SHIFT_MAX_NS:
        _give(s, SHIFT, t, now, facts, out_whole[ended], out_real[ended])
        ended += 1
        now[SHIFTED] = -1
    place = now[SEEN] % STEPS
    steps[place] = min(size, facts[SIZE], facts[SIZE_BEFORE])
    facts[SIZE_BEFORE] = facts[SIZE]
    facts[SIZE] = size
    times[place] = t
    now[SEEN] += 1
    if now[SEEN] > STEPS:
        over = _noise(t, young, now, facts, steps, times)
        if over > 0:
            _give(s, BURST, t, now, facts, out_whole[ended], out_real[ended])
            ended += 1
            now[BURSTING] = -1
            if over == 2:
                facts[NOISE] = facts[PEAK]
    now[LAST] = t
    facts[VALUE] = v
    return ended


@kernel(
    INT(
        *(INTS2_OUT, FLOATS2_OUT, FLOATS2_OUT, INTS2_OUT, INTS, INTS, INTS, FLOATS),
        *(INTS2_OUT, FLOATS2_OUT),
    )
)
def _fold(
    wholes: Ints,
    reals: Floats,
    rings: Floats,
    whens: Ints,
    slot: Ints,
    offsets: Ints,
    time_ns: Ints,
    value: Floats,
    out_whole: Ints,
    out_real: Floats,
) -> int:
    ended = 0
    for group in range(len(slot)):
        s = slot[group]
        now, facts, steps, times = wholes[s], reals[s], rings[s], whens[s]
        i, stop = offsets[group], offsets[group + 1]
        while i < stop:
            quiet = now[PENDING] == 0 and now[SHIFTED] == -1 and now[BURSTING] == -1
            if quiet and now[SEEN] >= STEPS:
                i = _quiet_rows(now, facts, steps, times, time_ns, value, i, stop)
            if i < stop:
                if np.isfinite(value[i]):
                    ended += _row(
                        *(s, time_ns[i], value[i], now, facts, steps, times),
                        *(out_whole[ended:], out_real[ended:]),
                    )
                i += 1
    return ended


@kernel(INT(INTS2, FLOATS2, INTS, INTS2_OUT, FLOATS2_OUT))
def _open(wholes: Ints, reals: Floats, slots: Ints, out_whole: Ints, out_real: Floats) -> int:
    found = 0
    for s in slots:
        for kind in (SHIFT, BURST):
            since = wholes[s, SHIFTED] if kind == SHIFT else wholes[s, BURSTING]
            if wholes[s, SEEN] > 0 and since != -1:
                _give(s, kind, -1, wholes[s], reals[s], out_whole[found], out_real[found])
                found += 1
    return found
