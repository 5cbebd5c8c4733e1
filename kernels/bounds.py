"""Readings out of bounds: runs of values that can't be true, or must not be.

A run begins with the first value below `low` or above `high` of its slot, and ends with the first
one between. A bound that is NaN bounds nothing. A value that is NaN is passed over as if it had not
come; an infinite one is out of bounds.
"""

from dataclasses import dataclass

import numpy as np

from kernels.groups import check_slots, checked, grown
from kernels.jit import (
    FLOATS,
    FLOATS2_OUT,
    FLOATS_OUT,
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

COUNT, START = 0, 1


@dataclass(frozen=True, slots=True)
class Runs:
    """Runs as columns of one length.

    start_ns  the first reading out of bounds; end_ns the first within, -1 while that is to come
    length    readings in the run so far
    peak      the value that is farthest out · bound  the one that it passes
    """

    slot: Ints
    start_ns: Ints
    end_ns: Ints
    length: Ints
    peak: Floats
    bound: Floats

    def __len__(self) -> int:
        return len(self.slot)


@dataclass(frozen=True, slots=True)
class State:
    """The open run of each slot. Bounds are set by the caller; a reset keeps them.

    whole (slots, 2) int64  COUNT (0: no run is open), START
    peak, low, high (slots,) float64
    """

    whole: Ints
    peak: Floats
    low: Floats
    high: Floats

    def __len__(self) -> int:
        return len(self.whole)

    @staticmethod
    def empty(slots: int) -> "State":
        """Return a state that has seen nothing and bounds nothing."""
        none = np.full(slots, np.nan)
        return State(np.zeros((slots, 2), np.int64), np.zeros(slots), none, none.copy())

    def grown(self, slots: int) -> "State":
        """Return a copy with room for more slots; the new ones are as in `empty`."""
        return State(
            *(grown(self.whole, slots), grown(self.peak, slots)),
            *(grown(self.low, slots, np.nan), grown(self.high, slots, np.nan)),
        )

    def reset(self, slots: Ints) -> None:
        """Forget what these slots have seen."""
        self.whole[slots] = 0
        self.peak[slots] = 0


def fold(state: State, slot: Ints, offsets: Ints, time_ns: Ints, value: Floats) -> Runs:
    """Follow rows; return the runs that ended, by group and time.

    Shapes  slot (g,), offsets (g+1,) int64; time_ns, value (n,); a slot's rows rise in time and
            are later than all that it had before. state changes in place.
    Result  the same events and the same state, however the rows are cut into batches.
    Errors  ValueError for shapes, offsets or slots that cannot be.
    """
    time_ns, value = ints(time_ns), floats(value)
    groups = checked(slot, offsets, len(state), len(time_ns), len(value))
    whole, real = np.empty((len(time_ns), 4), np.int64), np.empty((len(time_ns), 2))
    known = (state.whole, state.peak, state.low, state.high)
    ended = _fold(*known, *groups, time_ns, value, whole, real)
    return _runs(whole[:ended], real[:ended])


def open_runs(state: State, slots: Ints) -> Runs:
    """Return the runs of these slots that no reading has ended yet; their end_ns is -1."""
    slots = ints(slots)
    check_slots(slots, len(state))
    whole, real = np.empty((len(slots), 4), np.int64), np.empty((len(slots), 2))
    found = _open(state.whole, state.peak, state.low, state.high, slots, whole, real)
    return _runs(whole[:found], real[:found])


def _runs(whole: Ints, real: Floats) -> Runs:
    """Return the columns, copied out of the room that was held for the worst case."""
    return Runs(*(c.copy() for c in whole.T), *(c.copy() for c in real.T))


@kernel()
def _excess(v: float, low: float, high: float) -> float:
    """Return how far a value is out of bounds, 0 or less where it is not; NaN bounds nothing."""
    below = low - v
    above = v - high
    if below > 0.0:
        return below
    return above if above > 0.0 else 0.0


@kernel()
def _give(
    slot: int,
    end_ns: int,
    run: Ints,
    peak: float,
    low: float,
    high: float,
    out_whole: Ints,
    out_real: Floats,
) -> None:
    """Write an event."""
    out_whole[0] = slot
    out_whole[1] = run[START]
    out_whole[2] = end_ns
    out_whole[3] = run[COUNT]
    out_real[0] = peak
    out_real[1] = low if peak < low else high


@kernel(
    INT(
        *(INTS2_OUT, FLOATS_OUT, FLOATS, FLOATS, INTS, INTS, INTS, FLOATS),
        *(INTS2_OUT, FLOATS2_OUT),
    )
)
def _fold(
    whole: Ints,
    peak: Floats,
    low: Floats,
    high: Floats,
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
        for i in range(offsets[group], offsets[group + 1]):
            v = value[i]
            if np.isnan(v):
                continue
            excess = _excess(v, low[s], high[s])
            if excess > 0.0:
                if run[COUNT] == 0:
                    run[START] = time_ns[i]
                    peak[s] = v
                elif excess > _excess(peak[s], low[s], high[s]):
                    peak[s] = v
                run[COUNT] += 1
            elif run[COUNT] > 0:
                _give(
                    *(s, time_ns[i], run, peak[s], low[s], high[s]),
                    *(out_whole[ended], out_real[ended]),
                )
                ended += 1
                run[COUNT] = 0
    return ended


@kernel(INT(INTS2, FLOATS, FLOATS, FLOATS, INTS, INTS2_OUT, FLOATS2_OUT))
def _open(
    whole: Ints,
    peak: Floats,
    low: Floats,
    high: Floats,
    slots: Ints,
    out_whole: Ints,
    out_real: Floats,
) -> int:
    found = 0
    for s in slots:
        if whole[s, COUNT] > 0:
            _give(s, -1, whole[s], peak[s], low[s], high[s], out_whole[found], out_real[found])
            found += 1
    return found
