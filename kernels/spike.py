"""Spikes: readings that leave their neighbours' range at once, and come back.

Each value is judged against the 64 before it, by the median and the median absolute deviation,
which up to half of them being wrong can't move. It is an outlier if

    |v - median| / scale > 8   and   v lies beyond their range by more than half of that range

where scale is the largest of 1.4826 MAD, the smallest step between neighbours among them (the
resolution), and a floor against rounding. The second condition spares series that jump anyway.
Among values that are all equal there is no scale; then it is the last step that was seen between
ordinary readings, or 1 % of the level, and zeros that never moved are not judged.

Outliers in a row are one spike, judged by what was there before its first. All values enter the
ring, so that after 32 outliers a new level has become the usual one: that ends the spike.

Source: Hampel 1974, JASA 69:383-393, doi:10.1080/01621459.1974.10482962 (MAD; 1.4826 makes it a
standard deviation where the noise is normal). Deviation: the condition on the range.
A value that is NaN or infinite is passed over as if it had not come.
"""

from dataclasses import dataclass

import numpy as np

from kernels.groups import check_slots, checked, grown
from kernels.jit import (
    FLOATS,
    FLOATS2,
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

RING = 64
WARM_UP = 24  # values below which none is judged
Z_MIN = 8.0
BEYOND = 0.5  # of the range
RUN_MAX = 32
MAD_TO_DEVIATION = 1.4826
FLOOR = 1e-9  # of the median: less is rounding
FLOOR_OF_EQUALS = 0.01
Z_MAX = 1e300  # what a score beyond float64 is written as

SEEN, RUN, START = 0, 1, 2  # whole: values seen, outliers of the open spike (0: none), its start
STEP, EXPECTED, SCALE, LOW, HIGH, PEAK = 0, 1, 2, 3, 4, 5  # real: last usual step; the open spike


@dataclass(frozen=True, slots=True)
class Spikes:
    """Spikes as columns of one length.

    start_ns  the first outlier; end_ns the first reading after the last, -1 while that is to come
    peak      the value that is farthest from the expected one
    expected  the median before the spike
    z         |peak - expected| / scale
    """

    slot: Ints
    start_ns: Ints
    end_ns: Ints
    peak: Floats
    expected: Floats
    z: Floats

    def __len__(self) -> int:
        return len(self.slot)


@dataclass(frozen=True, slots=True)
class State:
    """What is remembered of each slot.

    ring  (slots, 64) float64  the last values; value number i lies at i % 64
    whole (slots, 3) int64     SEEN, RUN, START
    real  (slots, 6) float64   STEP, EXPECTED, SCALE, LOW, HIGH, PEAK
    """

    ring: Floats
    whole: Ints
    real: Floats

    def __len__(self) -> int:
        return len(self.ring)

    @staticmethod
    def empty(slots: int) -> "State":
        """Return a state that has seen nothing."""
        return State(np.zeros((slots, RING)), np.zeros((slots, 3), np.int64), np.zeros((slots, 6)))

    def grown(self, slots: int) -> "State":
        """Return a copy with room for more slots; the new ones have seen nothing."""
        return State(grown(self.ring, slots), grown(self.whole, slots), grown(self.real, slots))

    def reset(self, slots: Ints) -> None:
        """Forget these slots."""
        self.ring[slots] = 0
        self.whole[slots] = 0
        self.real[slots] = 0


def fold(state: State, slot: Ints, offsets: Ints, time_ns: Ints, value: Floats) -> Spikes:
    """Judge rows and remember them; return the spikes that ended, by group and time.

    Shapes  slot (g,), offsets (g+1,) int64; time_ns, value (n,); a slot's rows rise in time and
            are later than all that it had before. state changes in place.
    Result  the same events and the same state, however the rows are cut into batches.
    Errors  ValueError for shapes, offsets or slots that cannot be.
    """
    time_ns, value = ints(time_ns), floats(value)
    groups = checked(slot, offsets, len(state), len(time_ns), len(value))
    whole, real = np.empty((len(time_ns), 3), np.int64), np.empty((len(time_ns), 3))
    ended = _fold(
        *(state.ring, state.whole, state.real, *groups, time_ns, value),
        *(np.empty(RING), np.empty(2), whole, real),
    )
    return _spikes(whole[:ended], real[:ended])


def open_spikes(state: State, slots: Ints) -> Spikes:
    """Return the spikes of these slots that no reading has ended yet; their end_ns is -1."""
    slots = ints(slots)
    check_slots(slots, len(state))
    whole, real = np.empty((len(slots), 3), np.int64), np.empty((len(slots), 3))
    found = _open(state.whole, state.real, slots, whole, real)
    return _spikes(whole[:found], real[:found])


def _spikes(whole: Ints, real: Floats) -> Spikes:
    """Return the columns, copied out of the room that was held for the worst case."""
    return Spikes(*(c.copy() for c in whole.T), *(c.copy() for c in real.T))


@kernel()
def _median(ordered: Floats, n: int) -> float:
    half = n // 2
    if n % 2 == 1:
        return float(ordered[half])
    return float(0.5 * ordered[half - 1] + 0.5 * ordered[half])


@kernel()
def _sort(room: Floats, n: int) -> None:
    """Sort the first n of at most 64 in place, by insertion."""
    for i in range(1, n):
        v = room[i]
        j = i
        while j > 0 and room[j - 1] > v:
            room[j] = room[j - 1]
            j -= 1
        room[j] = v


@kernel()
def _resolution(ring: Floats, seen: int) -> float:
    """Return the smallest step that is not 0 between neighbours in the ring, or 0."""
    n = min(seen, RING)
    smallest = 0.0
    for i in range(seen - n + 1, seen):
        step = abs(ring[i % RING] - ring[(i - 1) % RING])
        if step > 0.0 and (smallest == 0.0 or step < smallest):
            smallest = step
    return smallest


@kernel()
def _measure(ring: Floats, seen: int, last_step: float, room: Floats, out: Floats) -> None:
    """Write the ring's median and scale; the scale is 0 where there is none. n >= 1."""
    n = min(seen, RING)
    room[:n] = ring[:n]
    _sort(room, n)
    median = _median(room, n)
    level = abs(median)
    if room[0] == room[n - 1]:
        scale = max(last_step, FLOOR_OF_EQUALS * level)
    else:
        for i in range(n):
            room[i] = abs(room[i] - median)
        _sort(room, n)
        scale = max(MAD_TO_DEVIATION * _median(room, n), _resolution(ring, seen), FLOOR * level)
    out[0] = median
    out[1] = scale


@kernel()
def _is_outlier(v: float, expected: float, scale: float, low: float, high: float) -> bool:
    beyond = BEYOND * (high - low)
    if not (v > high + beyond or v < low - beyond):
        return False
    return scale > 0.0 and abs(v - expected) / scale > Z_MIN


@kernel()
def _begins(
    ring: Floats, seen: int, v: float, real: Floats, room: Floats, measured: Floats
) -> bool:
    """Return whether v is an outlier among the ring; then real holds what it was judged by."""
    n = min(seen, RING)
    low = ring[0]
    high = ring[0]
    for i in range(1, n):
        low = min(low, ring[i])
        high = max(high, ring[i])
    if low <= v <= high:  # as nearly all are; spares the sorting
        return False
    _measure(ring, seen, real[STEP], room, measured)
    if not _is_outlier(v, measured[0], measured[1], low, high):
        return False
    real[EXPECTED] = measured[0]
    real[SCALE] = measured[1]
    real[LOW] = low
    real[HIGH] = high
    real[PEAK] = v
    return True


@kernel()
def _give(
    slot: int, end_ns: int, state_whole: Ints, state_real: Floats, whole: Ints, real: Floats
) -> None:
    """Write an event."""
    whole[0] = slot
    whole[1] = state_whole[START]
    whole[2] = end_ns
    real[0] = state_real[PEAK]
    real[1] = state_real[EXPECTED]
    real[2] = min(abs(state_real[PEAK] - state_real[EXPECTED]) / state_real[SCALE], Z_MAX)


@kernel(
    INT(
        *(FLOATS2_OUT, INTS2_OUT, FLOATS2_OUT, INTS, INTS, INTS, FLOATS),
        *(FLOATS_OUT, FLOATS_OUT, INTS2_OUT, FLOATS2_OUT),
    )
)
def _fold(
    rings: Floats,
    whole: Ints,
    real: Floats,
    slot: Ints,
    offsets: Ints,
    time_ns: Ints,
    value: Floats,
    room: Floats,
    measured: Floats,
    out_whole: Ints,
    out_real: Floats,
) -> int:
    ended = 0
    for group in range(len(slot)):
        s = slot[group]
        ring = rings[s]
        now = whole[s]
        facts = real[s]
        for i in range(offsets[group], offsets[group + 1]):
            v = value[i]
            if not np.isfinite(v):
                continue
            seen = now[SEEN]
            was_open = now[RUN] > 0
            if was_open:
                goes_on = now[RUN] < RUN_MAX and _is_outlier(
                    v, facts[EXPECTED], facts[SCALE], facts[LOW], facts[HIGH]
                )
                if goes_on:
                    now[RUN] += 1
                    if abs(v - facts[EXPECTED]) > abs(facts[PEAK] - facts[EXPECTED]):
                        facts[PEAK] = v
                else:
                    _give(s, time_ns[i], now, facts, out_whole[ended], out_real[ended])
                    ended += 1
                    now[RUN] = 0
            elif seen >= WARM_UP and _begins(ring, seen, v, facts, room, measured):
                now[RUN] = 1
                now[START] = time_ns[i]
            if seen > 0 and not was_open and now[RUN] == 0:
                step = abs(v - ring[(seen - 1) % RING])
                if step > 0.0:
                    facts[STEP] = step
            ring[seen % RING] = v
            now[SEEN] = seen + 1
    return ended


@kernel(INT(INTS2, FLOATS2, INTS, INTS2_OUT, FLOATS2_OUT))
def _open(whole: Ints, real: Floats, slots: Ints, out_whole: Ints, out_real: Floats) -> int:
    found = 0
    for s in slots:
        if whole[s, RUN] > 0:
            _give(s, -1, whole[s], real[s], out_whole[found], out_real[found])
            found += 1
    return found
