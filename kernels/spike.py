"""Spikes: readings that leave all that is usual at once, and come back.

A spike is an excursion of at most 4 readings. Each value is judged by the ring, the last 64 values
that were no spike, and by the envelope, the least and the most that the series had in the last
weeks. It is an outlier if

    |v - median| / scale > 8   and   v lies beyond the envelope by more than the margin

where scale is the largest of 1.4826 MAD, the smallest step between neighbours in the ring (the
resolution), and a floor against rounding; the margin is half the ring's range, or a quarter of the
envelope's where that is more. Where a slot is erratic (a power, a flow, a light: it shows what
somebody switched on) it is the whole of the envelope's, and nothing is judged for two days. A ring
holds a night, or four minutes, and would alarm every morning; the envelope knows the days. Among
values that are all equal there is no scale; then it is the last step that was seen between ordinary
readings, or 1 % of the level, and zeros that never moved are not judged.

Outliers in a row are one run, judged by what was there before its first. It is open at once. If
one to four of them are followed by a value that is none, they were a spike, and neither ring nor
envelope sees them, so that the next one like it is found as well. A fifth makes the run a change of
level: there was no spike, and its values enter both.

What a series does again and again (a machine that runs for minutes) is told three times, not for
ever: a run is no event if each of its values is at most 1.25 times as high, on the same side, as
three of the last 8 peaks. A peak counts for so long only as 384 values enter after it.

The envelope falls back towards the ring's range: with every value that enters by the share
dt / 14 days of the distance, where dt is the time since the one before.

Source: Hampel 1974, JASA 69:383-393, doi:10.1080/01621459.1974.10482962 (MAD; 1.4826 makes it a
standard deviation where the noise is normal). Deviation: the condition on the envelope.
A value that is NaN or infinite is passed over as if it had not come.
"""

from dataclasses import dataclass

import numpy as np

from kernels.groups import check_slots, checked, grown
from kernels.jit import (
    BOOLS,
    FLOATS,
    FLOATS2,
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

RING = 64
WARM_UP = 24  # values below which none is judged
Z_MIN = 8.0
BEYOND = 0.5  # of the ring's range
BEYOND_ENVELOPE = 0.25  # of the envelope's range
BEYOND_ERRATIC = 1.0
WARM_UP_ERRATIC_NS = 2 * 86_400 * 10**9
RUN_MAX = 4  # readings of a spike
PEAKS = 8  # spikes whose peaks are remembered
PEAKS_WITHIN = 384  # values that entered since
PEAKS_MIN = 3  # that make a height usual
HEIGHT_MAX = 1.25  # times such a peak's height
ENVELOPE_NS = 14 * 86_400 * 10**9
MAD_TO_DEVIATION = 1.4826
FLOOR = 1e-9  # of the median: less is rounding
FLOOR_OF_EQUALS = 0.01
Z_MAX = 1e300  # what a score beyond float64 is written as

# whole: values that entered the ring, outliers of the open run (0: none), its start, whether one of
# them is unusual, the time of the last value that entered, spikes ever, the time of the first value
SEEN, RUN, START, UNUSUAL, LAST, SPIKES, FIRST = 0, 1, 2, 3, 4, 5, 6
# real: last usual step; the ring's least and most, the envelope's; what the open run is judged by
STEP, LOW, HIGH, LEAST, MOST, EXPECTED, SCALE = 0, 1, 2, 3, 4, 5, 6


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

    ring  (slots, 64) float64  the last values that entered; number i lies at i % 64
    held  (slots, 4) float64   the values of the open run
    peak  (slots, 8) float64   the last spikes' peaks; number i lies at i % 8
    at    (slots, 8) int64     and how many values had entered then
    whole (slots, 7) int64     SEEN, RUN, START, UNUSUAL, LAST, SPIKES, FIRST
    real  (slots, 7) float64   STEP, LOW, HIGH, LEAST, MOST, EXPECTED, SCALE
    erratic (slots,)           set by the caller; a reset keeps it
    """

    ring: Floats
    held: Floats
    peak: Floats
    at: Ints
    whole: Ints
    real: Floats
    erratic: Bools

    def __len__(self) -> int:
        return len(self.ring)

    @staticmethod
    def empty(slots: int) -> "State":
        """Return a state that has seen nothing."""
        return State(
            *(np.zeros((slots, RING)), np.zeros((slots, RUN_MAX)), np.zeros((slots, PEAKS))),
            *(np.zeros((slots, PEAKS), np.int64), np.zeros((slots, 7), np.int64)),
            *(np.zeros((slots, 7)), np.zeros(slots, np.bool_)),
        )

    def grown(self, slots: int) -> "State":
        """Return a copy with room for more slots; the new ones have seen nothing."""
        return State(
            *(grown(self.ring, slots), grown(self.held, slots), grown(self.peak, slots)),
            *(grown(self.at, slots), grown(self.whole, slots), grown(self.real, slots)),
            grown(self.erratic, slots),
        )

    def reset(self, slots: Ints) -> None:
        """Forget these slots."""
        for column in (self.ring, self.held, self.peak, self.at, self.whole, self.real):
            column[slots] = 0


def fold(state: State, slot: Ints, offsets: Ints, time_ns: Ints, value: Floats) -> Spikes:
    """Judge rows and remember them; return the spikes that ended, by group and time.

    Shapes  slot (g,), offsets (g+1,) int64; time_ns, value (n,); a slot's rows rise in time and
            are later than all that it had before. state changes in place.
    Result  the same events and the same state, however the rows are cut into batches.
    Errors  ValueError for shapes, offsets or slots that cannot be.
    """
    time_ns, value = ints(time_ns), floats(value)
    where, bounds = checked(slot, offsets, len(state), len(time_ns), len(value))
    whole, real = np.empty((len(time_ns), 3), np.int64), np.empty((len(time_ns), 3))
    known = (state.ring, state.held, state.peak, state.at, state.whole, state.real)
    ended = _fold(*known, state.erratic, where, bounds, time_ns, value, np.empty(RING), whole, real)
    return _spikes(whole[:ended], real[:ended])


def open_spikes(state: State, slots: Ints) -> Spikes:
    """Return the spikes of these slots that no reading has ended yet; their end_ns is -1.

    One that was open and is neither open nor ended now has turned out to be a change of level.
    """
    slots = ints(slots)
    check_slots(slots, len(state))
    whole, real = np.empty((len(slots), 3), np.int64), np.empty((len(slots), 3))
    found = _open(state.held, state.whole, state.real, slots, whole, real)
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
def _measure(ring: Floats, seen: int, facts: Floats, room: Floats) -> None:
    """Write the ring's median and scale as facts; the scale is 0 where there is none. n >= 1."""
    n = min(seen, RING)
    room[:n] = ring[:n]
    _sort(room, n)
    median = _median(room, n)
    level = abs(median)
    facts[EXPECTED] = median
    if room[0] == room[n - 1]:
        facts[SCALE] = max(facts[STEP], FLOOR_OF_EQUALS * level)
        return
    for i in range(n):
        room[i] = abs(room[i] - median)
    _sort(room, n)
    deviation = MAD_TO_DEVIATION * _median(room, n)
    facts[SCALE] = max(deviation, _resolution(ring, seen), FLOOR * level)


@kernel()
def _is_beyond(v: float, facts: Floats, share: float) -> bool:
    """Return whether v lies beyond the envelope by more than the margin."""
    least, most = facts[LEAST], facts[MOST]
    if least <= v <= most:  # as nearly all are
        return False
    margin = max(BEYOND * (facts[HIGH] - facts[LOW]), share * (most - least))
    return bool(v > most + margin or v < least - margin)


@kernel()
def _is_usual(v: float, peak: Floats, at: Ints, now: Ints, facts: Floats) -> bool:
    """Return whether enough of the last spikes were as high as this, or nearly."""
    expected = facts[EXPECTED]
    height = abs(v - expected)
    as_high = 0
    for i in range(min(now[SPIKES], PEAKS)):
        recent = now[SEEN] - at[i] <= PEAKS_WITHIN
        same_side = (peak[i] > expected) == (v > expected)
        if recent and same_side and height <= HEIGHT_MAX * abs(peak[i] - expected):
            as_high += 1
    return as_high >= PEAKS_MIN


@kernel()
def _peak(held: Floats, run: int, expected: float) -> float:
    """Return the first of the run's values that is farthest from the expected one."""
    peak = held[0]
    for i in range(1, run):
        if abs(held[i] - expected) > abs(peak - expected):
            peak = held[i]
    return float(peak)


@kernel()
def _enter(ring: Floats, now: Ints, facts: Floats, time_ns: int, v: float) -> None:
    """Put a value into the ring and the envelope."""
    seen = now[SEEN]
    place = seen % RING
    leaving = ring[place]
    ring[place] = v
    now[SEEN] = seen + 1
    if seen == 0:
        facts[LOW] = facts[HIGH] = facts[LEAST] = facts[MOST] = v
        now[LAST] = now[FIRST] = time_ns
        return
    low = min(facts[LOW], v)
    high = max(facts[HIGH], v)
    if seen >= RING and (leaving == facts[LOW] or leaving == facts[HIGH]):
        low = v
        high = v
        for i in range(RING):
            low = min(low, ring[i])
            high = max(high, ring[i])
    facts[LOW] = low
    facts[HIGH] = high
    share = min(1.0, (time_ns - now[LAST]) / ENVELOPE_NS)
    facts[LEAST] = min(facts[LEAST] + share * (low - facts[LEAST]), low)
    facts[MOST] = max(facts[MOST] + share * (high - facts[MOST]), high)
    now[LAST] = time_ns


@kernel()
def _give(
    slot: int, end_ns: int, held: Floats, now: Ints, facts: Floats, whole: Ints, real: Floats
) -> None:
    """Write an event."""
    expected = facts[EXPECTED]
    peak = _peak(held, now[RUN], expected)
    whole[0] = slot
    whole[1] = now[START]
    whole[2] = end_ns
    real[0] = peak
    real[1] = expected
    real[2] = min(abs(peak - expected) / facts[SCALE], Z_MAX)


@kernel(
    INT(
        *(FLOATS2_OUT, FLOATS2_OUT, FLOATS2_OUT, INTS2_OUT, INTS2_OUT, FLOATS2_OUT, BOOLS),
        *(INTS, INTS, INTS, FLOATS, FLOATS_OUT, INTS2_OUT, FLOATS2_OUT),
    )
)
def _fold(
    rings: Floats,
    helds: Floats,
    peaks: Floats,
    ats: Ints,
    whole: Ints,
    real: Floats,
    erratic: Bools,
    slot: Ints,
    offsets: Ints,
    time_ns: Ints,
    value: Floats,
    room: Floats,
    out_whole: Ints,
    out_real: Floats,
) -> int:
    ended = 0
    for group in range(len(slot)):
        s = slot[group]
        ring = rings[s]
        held = helds[s]
        peak = peaks[s]
        at = ats[s]
        now = whole[s]
        facts = real[s]
        share = BEYOND_ERRATIC if erratic[s] else BEYOND_ENVELOPE
        for i in range(offsets[group], offsets[group + 1]):
            v = value[i]
            if not np.isfinite(v):
                continue
            run = now[RUN]
            outlier = False
            ready = now[SEEN] >= WARM_UP and (
                not erratic[s] or time_ns[i] - now[FIRST] >= WARM_UP_ERRATIC_NS
            )
            if (ready or run > 0) and _is_beyond(v, facts, share):
                if run == 0:
                    _measure(ring, now[SEEN], facts, room)
                far = abs(v - facts[EXPECTED])
                outlier = facts[SCALE] > 0.0 and far / facts[SCALE] > Z_MIN
            if outlier and run < RUN_MAX:
                if run == 0:
                    now[START] = time_ns[i]
                    now[UNUSUAL] = 0
                if not _is_usual(v, peak, at, now, facts):
                    now[UNUSUAL] = 1
                held[run] = v
                now[RUN] = run + 1
                continue
            if outlier:  # one too many: a change of level
                for k in range(run):
                    _enter(ring, now, facts, time_ns[i], held[k])
            else:
                if run > 0 and now[UNUSUAL] == 1:
                    _give(s, time_ns[i], held, now, facts, out_whole[ended], out_real[ended])
                    ended += 1
                if run > 0:
                    place = now[SPIKES] % PEAKS
                    peak[place] = _peak(held, run, facts[EXPECTED])
                    at[place] = now[SEEN]
                    now[SPIKES] += 1
                if now[SEEN] > 0:
                    step = abs(v - ring[(now[SEEN] - 1) % RING])
                    if step > 0.0:
                        facts[STEP] = step
            now[RUN] = 0
            _enter(ring, now, facts, time_ns[i], v)
    return ended


@kernel(INT(FLOATS2, INTS2, FLOATS2, INTS, INTS2_OUT, FLOATS2_OUT))
def _open(
    held: Floats, whole: Ints, real: Floats, slots: Ints, out_whole: Ints, out_real: Floats
) -> int:
    found = 0
    for s in slots:
        if whole[s, RUN] > 0 and whole[s, UNUSUAL] == 1:
            _give(s, -1, held[s], whole[s], real[s], out_whole[found], out_real[found])
            found += 1
    return found
