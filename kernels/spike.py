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

import numpy as np

from kernels.groups import check_slots, checked
from kernels.jit import (
    BOOLS,
    FLOATS,
    FLOATS2,
    FLOATS2_OUT,
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
from kernels.spike_state import PEAKS, RING, RUN_MAX, Spikes, State

__all__ = ["Spikes", "State", "fold", "open_spikes"]

WARM_UP = 24  # values below which none is judged
Z_MIN = 8.0
BEYOND = 0.5  # of the ring's range
BEYOND_ENVELOPE = 0.25  # of the envelope's range
BEYOND_ERRATIC = 1.0
WARM_UP_ERRATIC_NS = 2 * 86_400 * 10**9
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
    ended = _fold(*known, state.erratic, where, bounds, time_ns, value, whole, real)
    return Spikes.of(whole[:ended], real[:ended])


def open_spikes(state: State, slots: Ints) -> Spikes:
    """Return the spikes of these slots that no reading has ended yet; their end_ns is -1.

    One that was open and is neither open nor ended now has turned out to be a change of level.
    """
    slots = ints(slots)
    check_slots(slots, len(state))
    whole, real = np.empty((len(slots), 3), np.int64), np.empty((len(slots), 3))
    found = _open(state.held, state.whole, state.real, slots, whole, real)
    return Spikes.of(whole[:found], real[:found])


@kernel()
def _median(ordered: Floats, n: int) -> float:
    half = n // 2
    if n % 2 == 1:
        return float(ordered[half])
    return float(0.5 * ordered[half - 1] + 0.5 * ordered[half])


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
def _measure(ring: Floats, seen: int, facts: Floats) -> None:
    """Write the ring's median and scale as facts; the scale is 0 where there is none. n >= 1."""
    n = min(seen, RING)
    ordered = np.sort(ring[:n])
    median = _median(ordered, n)
    level = abs(median)
    facts[EXPECTED] = median
    if ordered[0] == ordered[n - 1]:
        facts[SCALE] = max(facts[STEP], FLOOR_OF_EQUALS * level)
        return
    deviation = MAD_TO_DEVIATION * _median(np.sort(np.abs(ordered - median)), n)
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
        low = ring.min()
        high = ring.max()
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


@kernel()
def _suffixes(ring: Floats, seen: int, sign: float, back: Floats) -> None:
    """Write for each value of a full ring, oldest first, the least of it and all later ones.

    Of sign * value, so that -1 gives the most.
    """
    least = np.inf
    for k in range(RING - 1, -1, -1):
        v = sign * ring[(seen + k) % RING]
        least = v if v < least else least
        back[k] = least


@kernel()
def _usual_rows(
    ring: Floats,
    now: Ints,
    facts: Floats,
    time_ns: Ints,
    value: Floats,
    i: int,
    stop: int,
    beyond: float,
    back: Floats,
) -> int:
    """Enter rows as `_row` does up to the first that is beyond the envelope, and return that one.

    The ring's least and most are those of a queue: of what was there when one of them left (`back`,
    oldest first), and of what has come since.
    """
    seen, last, step = now[SEEN], now[LAST], facts[STEP]
    low, high, least, most = facts[LOW], facts[HIGH], facts[LEAST], facts[MOST]
    before = ring[(seen - 1) % RING]
    low_at = high_at = seen - RING  # nothing of `back` is true yet
    since_low = since_high = np.inf
    while i < stop:
        v = value[i]
        if not least <= v <= most:
            margin = max(BEYOND * (high - low), beyond * (most - least))
            if not (np.isfinite(v) and least - margin <= v <= most + margin):
                break
        t = time_ns[i]
        size = abs(v - before)
        before = v
        step = size if size > 0.0 else step
        place = seen % RING
        leaving = ring[place]
        ring[place] = v
        seen += 1
        since_low = v if v < since_low else since_low
        since_high = -v if -v < since_high else since_high
        if seen > RING and leaving == low:
            if seen - low_at >= RING:
                _suffixes(ring, seen, 1.0, back[0])
                low_at = seen
                since_low = np.inf
            low = min(back[0, seen - low_at], since_low)
        else:
            low = v if v < low else low
        if seen > RING and leaving == high:
            if seen - high_at >= RING:
                _suffixes(ring, seen, -1.0, back[1])
                high_at = seen
                since_high = np.inf
            high = -min(back[1, seen - high_at], since_high)
        else:
            high = v if v > high else high
        if least != low or most != high:
            share = min(1.0, (t - last) / ENVELOPE_NS)
            least = min(least + share * (low - least), low)
            most = max(most + share * (high - most), high)
        last = t
        i += 1
    now[SEEN], now[LAST], facts[STEP] = seen, last, step
    facts[LOW], facts[HIGH], facts[LEAST], facts[MOST] = low, high, least, most
    return i


@kernel()
def _row(
    ring: Floats,
    held: Floats,
    peak: Floats,
    at: Ints,
    now: Ints,
    facts: Floats,
    erratic: bool,
    s: int,
    t: int,
    v: float,
    out_whole: Ints,
    out_real: Floats,
) -> int:
    """Take in any row; return how many events it ended."""
    run = now[RUN]
    outlier = False
    ended = 0
    ready = now[SEEN] >= WARM_UP and (not erratic or t - now[FIRST] >= WARM_UP_ERRATIC_NS)
    if (ready or run > 0) and _is_beyond(v, facts, BEYOND_ERRATIC if erratic else BEYOND_ENVELOPE):
        if run == 0:
            _measure(ring, now[SEEN], facts)
        far = abs(v - facts[EXPECTED])
        outlier = facts[SCALE] > 0.0 and far / facts[SCALE] > Z_MIN
    if outlier and run < RUN_MAX:
        if run == 0:
            now[START] = t
            now[UNUSUAL] = 0
        if not _is_usual(v, peak, at, now, facts):
            now[UNUSUAL] = 1
        held[run] = v
        now[RUN] = run + 1
        return 0
    if outlier:  # one too many: a change of level
        for k in range(run):
            _enter(ring, now, facts, t, held[k])
    else:
        if run > 0 and now[UNUSUAL] == 1:
            _give(s, t, held, now, facts, out_whole, out_real)
            ended = 1
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
    _enter(ring, now, facts, t, v)
    return ended


@kernel(
    INT(
        *(FLOATS2_OUT, FLOATS2_OUT, FLOATS2_OUT, INTS2_OUT, INTS2_OUT, FLOATS2_OUT, BOOLS),
        *(INTS, INTS, INTS, FLOATS, INTS2_OUT, FLOATS2_OUT),
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
    out_whole: Ints,
    out_real: Floats,
) -> int:
    ended = 0
    back = np.empty((2, RING))
    for group in range(len(slot)):
        s = slot[group]
        ring, now, facts = rings[s], whole[s], real[s]
        beyond = BEYOND_ERRATIC if erratic[s] else BEYOND_ENVELOPE
        i, stop = offsets[group], offsets[group + 1]
        while i < stop:
            if now[RUN] == 0 and now[SEEN] > 0:
                i = _usual_rows(ring, now, facts, time_ns, value, i, stop, beyond, back)
            if i < stop:
                if np.isfinite(value[i]):
                    ended += _row(
                        *(ring, helds[s], peaks[s], ats[s], now, facts, erratic[s]),
                        *(s, time_ns[i], value[i], out_whole[ended], out_real[ended]),
                    )
                i += 1
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
