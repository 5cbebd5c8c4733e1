"""Flatlines: a sensor that repeats one value for longer than it ever does.

A run of exactly equal values is a flatline from the reading on at which its length reaches

    limit = max(16, 3 * (longest run before it) + 1)

once the series has changed 12 times, so that it has shown how it moves. A run that was a flatline
does not count as one of the runs before: a sensor that stuck once may not stick for three times as
long the next time. Where a slot rests at zero (a PV plant at night, a rain gauge), runs of zeros
never count, neither as flatlines nor as runs before.

A value that is NaN or infinite is passed over as if it had not come.
"""

from dataclasses import dataclass

import numpy as np

from kernels.groups import check_slots, checked, grown
from kernels.jit import (
    BOOLS,
    FLOATS,
    FLOATS2_OUT,
    FLOATS_OUT,
    INT,
    INTS,
    INTS2,
    INTS2_OUT,
    Bools,
    Floats,
    Ints,
    floats,
    ints,
    kernel,
)

RUN_MIN = 16
TIMES = 3
WARM_UP = 12  # changes

LENGTH, START, LONGEST, CHANGES = 0, 1, 2, 3  # length 0: nothing seen yet


@dataclass(frozen=True, slots=True)
class Flatlines:
    """Flatlines as columns of one length.

    start_ns  the first reading of the run; end_ns the first that differs, -1 while that is to come
    length    readings in the run so far
    value     what it repeats
    score     length / limit, 1 or more
    """

    slot: Ints
    start_ns: Ints
    end_ns: Ints
    length: Ints
    value: Floats
    score: Floats

    def __len__(self) -> int:
        return len(self.slot)


@dataclass(frozen=True, slots=True)
class State:
    """What is remembered of each slot.

    whole (slots, 4) int64  LENGTH and START (ns) of the present run, LONGEST run before, CHANGES
    last  (slots,) float64  the value of the present run
    rests_at_zero (slots,)  set by the caller; a reset keeps it
    """

    whole: Ints
    last: Floats
    rests_at_zero: Bools

    def __len__(self) -> int:
        return len(self.whole)

    @staticmethod
    def empty(slots: int) -> "State":
        """Return a state that has seen nothing, and whose slots do not rest at zero."""
        return State(np.zeros((slots, 4), np.int64), np.zeros(slots), np.zeros(slots, np.bool_))

    def grown(self, slots: int) -> "State":
        """Return a copy with room for more slots; the new ones are as in `empty`."""
        return State(
            grown(self.whole, slots), grown(self.last, slots), grown(self.rests_at_zero, slots)
        )

    def reset(self, slots: Ints) -> None:
        """Forget what these slots have seen."""
        self.whole[slots] = 0
        self.last[slots] = 0


def fold(state: State, slot: Ints, offsets: Ints, time_ns: Ints, value: Floats) -> Flatlines:
    """Follow rows; return the flatlines that ended, by group and time.

    Shapes  slot (g,), offsets (g+1,) int64; time_ns, value (n,); a slot's rows rise in time and
            are later than all that it had before. state changes in place.
    Result  the same events and the same state, however the rows are cut into batches.
    Errors  ValueError for shapes, offsets or slots that cannot be.
    """
    time_ns, value = ints(time_ns), floats(value)
    groups = checked(slot, offsets, len(state), len(time_ns), len(value))
    whole, real = np.empty((len(time_ns), 4), np.int64), np.empty((len(time_ns), 2))
    ended = _fold(
        *(state.whole, state.last, state.rests_at_zero, *groups, time_ns, value, whole, real)
    )
    return _flatlines(whole[:ended], real[:ended])


def open_flatlines(state: State, slots: Ints) -> Flatlines:
    """Return the flatlines of these slots that no reading has ended yet; their end_ns is -1."""
    slots = ints(slots)
    check_slots(slots, len(state))
    whole, real = np.empty((len(slots), 4), np.int64), np.empty((len(slots), 2))
    found = _open(state.whole, state.last, state.rests_at_zero, slots, whole, real)
    return _flatlines(whole[:found], real[:found])


def _flatlines(whole: Ints, real: Floats) -> Flatlines:
    """Return the columns, copied out of the room that was held for the worst case."""
    return Flatlines(*(c.copy() for c in whole.T), *(c.copy() for c in real.T))


@kernel()
def _limit(run: Ints) -> int:
    """Return the length at which the present run is a flatline."""
    return int(max(RUN_MIN, TIMES * run[LONGEST] + 1))


@kernel()
def _is_flat(run: Ints, value: float, rests_at_zero: bool) -> bool:
    if rests_at_zero and value == 0.0:
        return False
    return bool(run[CHANGES] >= WARM_UP and run[LENGTH] >= _limit(run))


@kernel()
def _give(
    slot: int, end_ns: int, run: Ints, value: float, out_whole: Ints, out_real: Floats
) -> None:
    """Write an event."""
    out_whole[0] = slot
    out_whole[1] = run[START]
    out_whole[2] = end_ns
    out_whole[3] = run[LENGTH]
    out_real[0] = value
    out_real[1] = run[LENGTH] / _limit(run)


@kernel(INT(INTS2_OUT, FLOATS_OUT, BOOLS, INTS, INTS, INTS, FLOATS, INTS2_OUT, FLOATS2_OUT))
def _fold(
    whole: Ints,
    last: Floats,
    rests_at_zero: Bools,
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
        run = whole[s]
        rests = rests_at_zero[s]
        for i in range(offsets[group], offsets[group + 1]):
            v = value[i]
            if not np.isfinite(v):
                continue
            if run[LENGTH] > 0 and v == last[s]:
                run[LENGTH] += 1
                continue
            if run[LENGTH] > 0:
                if _is_flat(run, last[s], rests):
                    _give(s, time_ns[i], run, last[s], out_whole[ended], out_real[ended])
                    ended += 1
                elif not (rests and last[s] == 0.0):
                    run[LONGEST] = max(run[LONGEST], run[LENGTH])
                run[CHANGES] += 1
            run[LENGTH] = 1
            run[START] = time_ns[i]
            last[s] = v
    return ended


@kernel(INT(INTS2, FLOATS, BOOLS, INTS, INTS2_OUT, FLOATS2_OUT))
def _open(
    whole: Ints,
    last: Floats,
    rests_at_zero: Bools,
    slots: Ints,
    out_whole: Ints,
    out_real: Floats,
) -> int:
    found = 0
    for s in slots:
        if _is_flat(whole[s], last[s], rests_at_zero[s]):
            _give(s, -1, whole[s], last[s], out_whole[found], out_real[found])
            found += 1
    return found
