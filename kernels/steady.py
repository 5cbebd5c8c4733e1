"""Flow without a break: a register that climbs from reading to reading longer than it ever did.

What is used by people stops now and then; what leaks does not. An unbroken run of climbs is told
from the reading on at which it has lasted

    limit = max(16 h, 2 * (longest run before it))

once the register has been seen for three days and has stood still 6 times. A run that was told does
not count as one of the runs before. A fall (a reset, an exchange) and a gap of more than 3 hours
end a run, and are no breaks.

The smallest rate of a run is given with it: of all that flowed, what never stopped.
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

RUN_MIN_NS = 16 * HOUR_NS
TIMES = 2
WARM_UP_NS = 72 * HOUR_NS
BREAKS_MIN = 6
GAP_NS = 3 * HOUR_NS

# whole: whether a value was seen, its time, the run's start (-1: none), the longest run, breaks,
# the first time; real: the last value, the run's smallest rate per ns
SEEN, LAST, START, LONGEST, BREAKS, FIRST = 0, 1, 2, 3, 4, 5
VALUE, RATE = 0, 1


@dataclass(frozen=True, slots=True)
class Runs:
    """Runs as columns of one length.

    start_ns  since when it flows; end_ns the reading at which it had stopped, -1: it flows on
    rate      the smallest rate in it, units per hour
    longest_ns  the longest run before it
    """

    slot: Ints
    start_ns: Ints
    end_ns: Ints
    longest_ns: Ints
    rate: Floats

    def __len__(self) -> int:
        return len(self.slot)


@dataclass(frozen=True, slots=True)
class State:
    """What is remembered of each slot: whole (slots, 6) int64, real (slots, 2) float64."""

    whole: Ints
    real: Floats

    def __len__(self) -> int:
        return len(self.whole)

    @staticmethod
    def empty(slots: int) -> "State":
        """Return a state that has seen nothing."""
        return State(np.zeros((slots, 6), np.int64), np.zeros((slots, 2)))

    def grown(self, slots: int) -> "State":
        """Return a copy with room for more slots; the new ones have seen nothing."""
        return State(grown(self.whole, slots), grown(self.real, slots))

    def reset(self, slots: Ints) -> None:
        """Forget these slots."""
        self.whole[slots] = 0
        self.real[slots] = 0


def fold(state: State, slot: Ints, offsets: Ints, time_ns: Ints, value: Floats) -> Runs:
    """Follow the readings of registers; return the runs that ended, by group and time.

    Shapes  slot (g,), offsets (g+1,) int64; time_ns, value (n,); a slot's rows rise in time and
            are later than all that it had before. state changes in place.
    Result  the same events and the same state, however the rows are cut into batches.
    Errors  ValueError for shapes, offsets or slots that cannot be.
    """
    time_ns, value = ints(time_ns), floats(value)
    groups = checked(slot, offsets, len(state), len(time_ns), len(value))
    whole, real = np.empty((len(time_ns), 4), np.int64), np.empty((len(time_ns), 1))
    ended = _fold(state.whole, state.real, *groups, time_ns, value, whole, real)
    return _runs(whole[:ended], real[:ended])


def open_runs(state: State, slots: Ints) -> Runs:
    """Return the runs of these slots that are told and go on; their end_ns is -1."""
    slots = ints(slots)
    check_slots(slots, len(state))
    whole, real = np.empty((len(slots), 4), np.int64), np.empty((len(slots), 1))
    found = _open(state.whole, state.real, slots, whole, real)
    return _runs(whole[:found], real[:found])


def _runs(whole: Ints, real: Floats) -> Runs:
    """Return the columns, copied out of the room that was held for the worst case."""
    slot, start_ns, end_ns, longest_ns = (c.copy() for c in whole.T)
    return Runs(slot, start_ns, end_ns, longest_ns, real[:, 0] * HOUR_NS)


@kernel()
def _is_long(now: Ints) -> bool:
    """Return whether the present run is told."""
    span_ns = now[LAST] - now[START]
    ready = now[LAST] - now[FIRST] >= WARM_UP_NS and now[BREAKS] >= BREAKS_MIN
    return bool(ready and span_ns >= max(RUN_MIN_NS, TIMES * now[LONGEST]))


@kernel()
def _give(slot: int, end_ns: int, now: Ints, rate: float, whole: Ints, real: Floats) -> None:
    """Write an event."""
    whole[0] = slot
    whole[1] = now[START]
    whole[2] = end_ns
    whole[3] = now[LONGEST]
    real[0] = rate


@kernel(INT(INTS2_OUT, FLOATS2_OUT, INTS, INTS, INTS, FLOATS, INTS2_OUT, FLOATS2_OUT))
def _fold(
    whole: Ints,
    real: Floats,
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
        now = whole[s]
        facts = real[s]
        for i in range(offsets[group], offsets[group + 1]):
            v = value[i]
            if not np.isfinite(v):
                continue
            t = time_ns[i]
            if now[SEEN] == 0:
                now[SEEN] = 1
                now[FIRST] = t
                now[START] = -1
            else:
                climb = v - facts[VALUE]
                span_ns = t - now[LAST]
                if climb > 0.0 and span_ns <= GAP_NS:
                    if now[START] == -1:
                        now[START] = now[LAST]
                        facts[RATE] = climb / span_ns
                    facts[RATE] = min(facts[RATE], climb / span_ns)
                else:
                    if now[START] != -1:
                        if _is_long(now):
                            _give(s, t, now, facts[RATE], out_whole[ended], out_real[ended])
                            ended += 1
                        else:
                            now[LONGEST] = max(now[LONGEST], now[LAST] - now[START])
                    now[START] = -1
                    if climb == 0.0:
                        now[BREAKS] += 1
            now[LAST] = t
            facts[VALUE] = v
    return ended


@kernel(INT(INTS2, FLOATS2, INTS, INTS2_OUT, FLOATS2_OUT))
def _open(whole: Ints, real: Floats, slots: Ints, out_whole: Ints, out_real: Floats) -> int:
    found = 0
    for s in slots:
        now = whole[s]
        if now[SEEN] == 1 and now[START] != -1 and _is_long(now):
            _give(s, -1, now, real[s, RATE], out_whole[found], out_real[found])
            found += 1
    return found
