"""Tumbling windows of event time: count, min, max, mean, last.

Windows of a fixed width lie on multiples of it since 1970 UTC, before 1970 too, and are half-open.
A window's mean comes from a compensated sum, is never outside [min, max], and has the same bits
however its rows were cut into batches, because a batch only goes on where the one before stopped.

Source: Neumaier 1974, ZAMM 54(1):39-51, doi:10.1002/zamm.19740540106 (improved Kahan-Babuska sum).
NaN and infinity are no measurements; the caller leaves them out, and a row that has one is passed
over as if it had not come.
"""

from dataclasses import dataclass

import numpy as np

from kernels.groups import check_edges, check_offsets, check_same, check_slots, checked, grown
from kernels.jit import (
    BOOL,
    FLOATS,
    FLOATS2,
    FLOATS2_OUT,
    INT,
    INTS,
    INTS2,
    INTS2_OUT,
    NOTHING,
    Floats,
    Ints,
    floats,
    ints,
    kernel,
)

START, COUNT = 0, 1
MIN, MAX, SUM, CARRY, LAST = 0, 1, 2, 3, 4
MEAN = 2  # of a row that is given out, in place of the sum


@dataclass(frozen=True, slots=True)
class Windows:
    """Windows as columns of one length. A mean is (slot's sum) / count."""

    slot: Ints
    start_ns: Ints
    count: Ints
    min: Floats
    max: Floats
    mean: Floats
    last: Floats

    def __len__(self) -> int:
        return len(self.slot)


@dataclass(frozen=True, slots=True)
class State:
    """The open window of each slot, for one width.

    whole (slots, 2) int64    start (ns), count; count 0: no window is open
    real  (slots, 5) float64  min, max, sum, the sum's compensation, last
    """

    whole: Ints
    real: Floats

    def __len__(self) -> int:
        return len(self.whole)

    @staticmethod
    def empty(slots: int) -> "State":
        """Return a state without open windows."""
        return State(np.zeros((slots, 2), np.int64), np.zeros((slots, 5)))

    def grown(self, slots: int) -> "State":
        """Return a copy with room for more slots; the new ones are empty."""
        return State(grown(self.whole, slots), grown(self.real, slots))

    def reset(self, slots: Ints) -> None:
        """Forget the open windows of these slots."""
        self.whole[slots] = 0
        self.real[slots] = 0


def fold(
    state: State, slot: Ints, offsets: Ints, time_ns: Ints, value: Floats, width_ns: int
) -> Windows:
    """Fold rows into the open windows; return those that a later row closed, by group and start.

    Shapes  slot (g,), offsets (g+1,) int64; time_ns, value (n,); a slot's rows rise in time and
            are later than all that it had before. state changes in place.
    Errors  ValueError for shapes, offsets, slots or a width that cannot be.
    """
    time_ns, value = ints(time_ns), floats(value)
    groups = checked(slot, offsets, len(state), len(time_ns), len(value))
    whole, real = _room(len(time_ns))
    closed = _fold(
        *(state.whole, state.real, *groups, time_ns, value),
        *(_width(width_ns), False, whole, real),
    )
    return _windows(whole[:closed], real[:closed])


def close(state: State, slots: Ints) -> Windows:
    """Return the open windows of these slots as they stand now; the state stays as it is.

    A slot without an open window gives none. To end a window for good, `reset` its slot after.
    """
    slots = ints(slots)
    check_slots(slots, len(state))
    whole, real = _room(len(slots))
    closed = _close(state.whole, state.real, slots, whole, real)
    return _windows(whole[:closed], real[:closed])


def windows(offsets: Ints, time_ns: Ints, value: Floats, width_ns: int) -> Windows:
    """Return every window of these rows, by group and start; slot is the group's number.

    The same bits as `fold` from an empty state and then `close`.
    """
    offsets, time_ns, value = ints(offsets), ints(time_ns), floats(value)
    check_offsets(offsets, len(time_ns), len(value))
    state = State.empty(len(offsets) - 1)
    whole, real = _room(len(time_ns))
    closed = _fold(
        *(state.whole, state.real, np.arange(len(state)), offsets, time_ns, value),
        *(_width(width_ns), True, whole, real),
    )
    return _windows(whole[:closed], real[:closed])


def windows_at(time_ns: Ints, value: Floats, edges_ns: Ints) -> Windows:
    """Return the k windows between k+1 edges, of one series: calendar days, months, any.

    Shapes  time_ns, value (n,), rising; edges_ns (k+1,), strictly rising.
    Empty   a window without a row has count 0 and NaN; rows outside the edges are not counted.
    Slot    is the window's number; `start_ns` is its edge.
    Errors  ValueError for unequal lengths or edges that do not rise.
    """
    time_ns, value, edges_ns = ints(time_ns), floats(value), ints(edges_ns)
    check_same(time_ns=len(time_ns), value=len(value))
    check_edges(edges_ns)
    k = max(len(edges_ns) - 1, 0)
    whole, real = np.empty((k, 3), np.int64), np.empty((k, 4))
    _at(time_ns, value, edges_ns, whole, real)
    return _windows(whole, real)


def _width(width_ns: int) -> int:
    if width_ns <= 0:
        raise ValueError(f"width_ns: expected a positive number of ns, found {width_ns}")
    return int(width_ns)


def _room(rows: int) -> tuple[Ints, Floats]:
    """Return the room for as many windows as rows can close: one each at most."""
    return np.empty((rows, 3), np.int64), np.empty((rows, 4))


def _windows(whole: Ints, real: Floats) -> Windows:
    """Return the columns, copied out of the room that was held for the worst case."""
    return Windows(*(c.copy() for c in whole.T), *(c.copy() for c in real.T))


@kernel()
def _error(a: float, b: float, total: float) -> float:
    """Return what rounding lost of total = a + b (Knuth's TwoSum: without a branch).

    To the bit Neumaier's carry, which looks which of the two is the larger to save two operations.
    """
    of_b = total - a
    return (a - (total - of_b)) + (b - of_b)


@kernel()
def _row(
    slot: int,
    start_ns: int,
    count: int,
    low: float,
    high: float,
    total: float,
    carry: float,
    last: float,
    out_whole: Ints,
    out_real: Floats,
) -> None:
    """Write a window as slot, start, count (3,) and min, max, mean, last (4,)."""
    out_whole[0] = slot
    out_whole[1] = start_ns
    out_whole[2] = count
    if np.isfinite(total):  # beyond 1.8e308 the compensation is NaN
        total += carry
    out_real[MIN] = low
    out_real[MAX] = high
    out_real[MEAN] = min(max(total / count, low), high)
    out_real[3] = last


@kernel(INT(INTS2_OUT, FLOATS2_OUT, INTS, INTS, INTS, FLOATS, INT, BOOL, INTS2_OUT, FLOATS2_OUT))
def _fold(
    whole: Ints,
    real: Floats,
    slot: Ints,
    offsets: Ints,
    time_ns: Ints,
    value: Floats,
    width_ns: int,
    ends: bool,
    out_whole: Ints,
    out_real: Floats,
) -> int:
    """Fold; where the groups end with their rows, give their last windows too.

    An open window's numbers are locals, in registers: through the state's cells each row would wait
    for the row before it to be written.
    """
    closed = 0
    for group in range(len(slot)):
        s = slot[group]
        count, start = whole[s, COUNT], whole[s, START]
        low, high, last = real[s, MIN], real[s, MAX], real[s, LAST]
        total, carry = real[s, SUM], real[s, CARRY]
        for i in range(offsets[group], offsets[group + 1]):
            v = value[i]
            if not np.isfinite(v):
                continue
            t = time_ns[i]
            # Spares the division, which costs most; over 292 years the difference is negative.
            if count > 0 and 0 <= t - start < width_ns:
                low = v if v < low else low
                high = v if v > high else high
                before = total
                total = before + v
                carry += _error(before, v, total)
                last = v
                count += 1
                continue
            if count > 0:
                _row(
                    *(s, start, count, low, high, total, carry, last),
                    *(out_whole[closed], out_real[closed]),
                )
                closed += 1
            start = t // width_ns * width_ns
            low = high = total = last = v
            carry = 0.0
            count = 1
        if ends and count > 0:
            _row(
                *(s, start, count, low, high, total, carry, last),
                *(out_whole[closed], out_real[closed]),
            )
            closed += 1
        whole[s, COUNT], whole[s, START] = count, start
        real[s, MIN], real[s, MAX], real[s, LAST] = low, high, last
        real[s, SUM], real[s, CARRY] = total, carry
    return closed


@kernel(INT(INTS2, FLOATS2, INTS, INTS2_OUT, FLOATS2_OUT))
def _close(whole: Ints, real: Floats, slots: Ints, out_whole: Ints, out_real: Floats) -> int:
    closed = 0
    for s in slots:
        count = whole[s, COUNT]
        if count > 0:
            _row(
                *(s, whole[s, START], count, real[s, MIN], real[s, MAX]),
                *(real[s, SUM], real[s, CARRY], real[s, LAST]),
                *(out_whole[closed], out_real[closed]),
            )
            closed += 1
    return closed


@kernel(NOTHING(INTS, FLOATS, INTS, INTS2_OUT, FLOATS2_OUT))
def _at(time_ns: Ints, value: Floats, edges_ns: Ints, out_whole: Ints, out_real: Floats) -> None:
    i = 0
    while i < len(time_ns) and len(edges_ns) > 0 and time_ns[i] < edges_ns[0]:
        i += 1
    for k in range(len(edges_ns) - 1):
        count = 0
        low = high = total = carry = last = 0.0
        while i < len(time_ns) and time_ns[i] < edges_ns[k + 1]:
            v = value[i]
            i += 1
            if not np.isfinite(v):
                continue
            if count == 0:
                low = high = v
            low = v if v < low else low
            high = v if v > high else high
            before = total
            total = before + v
            carry += _error(before, v, total)
            last = v
            count += 1
        if count > 0:
            _row(
                *(k, edges_ns[k], count, low, high, total, carry, last),
                *(out_whole[k], out_real[k]),
            )
        else:
            out_whole[k, 0] = k
            out_whole[k, 1] = edges_ns[k]
            out_whole[k, 2] = 0
            out_real[k] = np.nan
