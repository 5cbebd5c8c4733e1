"""Novelty: how unlike all that a stream did before its newest reading is, on one scale for any.

Three looks at the last 4,000 readings, each the distance to the nearest of them:

    value   |v - w|
    course  the sum of |v - w| over the last 8 readings, and of how far apart the times of day are
            (on the circle, in running standard deviations): the left nearest neighbour
    level   the difference of mean and standard deviation over the last 16 readings

A tenth of the running standard deviation is added to each, so that an exact repeat is no riddle.
What a distance is worth is learnt from the stream itself: ln(distance) is compared with the maxima
of the last 60 blocks of 100 readings, by their mean and their standard deviation (drawn towards 0.5
with the weight of 8 blocks). The largest of the three counts, less 0.6 ln(n / 1500): in a long
stream the largest of many chances is no news. The score is that as a share of 1, 0.5 at the
threshold; an alarm is a score of at least 0.5 after a pause of 60 readings, or 3 % of all.

Source: docs/decisions/0020 (what was tried, what it reaches). Left nearest neighbour: Yeh et al.
2016, Matrix Profile I, doi:10.1109/ICDM.2016.0179, without its normalisation.
A value that is NaN or infinite is passed over: its score is NaN, and nothing remembers it.
"""

from dataclasses import dataclass

import numpy as np

from kernels.groups import checked, grown
from kernels.jit import (
    BOOLS_OUT,
    BYTES_OUT,
    FLOATS,
    FLOATS2_OUT,
    FLOATS_OUT,
    INT,
    INTS,
    INTS2_OUT,
    NOTHING,
    Bools,
    Bytes,
    Floats,
    Ints,
    floats,
    ints,
    kernel,
)

RING = 4000
LAGS, LEVEL = 8, 16
NEAR_VALUE, NEAR_COURSE, NEAR_LEVEL = 4, 8, 32  # the newest readings are no neighbours
FLOOR = 0.1
BLOCK, BLOCKS = 100, 60
SPREAD, SPREAD_BLOCKS, SPREAD_MORE = 0.5, 8.0, 0.1
LEAST, MOST = -4.0, 12.0
PER_LOG, LOG_FROM, LOG_AT = 0.6, 150, 1500
THRESHOLD = 0.45
REPEAT = 1e-9  # of the running deviation: what is nearer is the same, and no news
PAUSE, PAUSE_SHARE = 60, 0.03
DAY_NS = 86_400 * 10**9

VALUE, COURSE, STANDING = 0, 1, 2  # which of the looks is the largest
LOOKS = 3

_HELD = RING + LEVEL + 1  # readings that are needed behind the newest
_ROOM = 2 * _HELD
# whole: readings in the room, readings ever, the last alarm; then blocks and readings in the
# present block, of each look
_USED, _SEEN, _ALARM, _BLOCKS, _IN_BLOCK = 0, 1, 2, 3, 6
_WHOLE = 9
# real: running mean and sum of squares; the present block's maximum of each look
_MEAN, _SQUARES, _MAXIMUM = 0, 1, 2
_REAL = 5


@dataclass(frozen=True, slots=True)
class Novelty:
    """The judgement of n readings.

    score (n,)        0 to 1, 0.5 and more is beyond the threshold; NaN for what is no number
    alarm (n,)        where somebody should be told
    look (n,) uint8   VALUE, COURSE or STANDING: which was the largest
    nearest (n,)      the nearest value of the last 4,000, NaN where there is none
    """

    score: Floats
    alarm: Bools
    look: Bytes
    nearest: Floats

    def __len__(self) -> int:
        return len(self.score)


@dataclass(frozen=True, slots=True)
class State:
    """What is remembered of each slot: some 360 kB, so this is for chosen series.

    rows    (slots, 5 * 8034)  values, cosine and sine of the time of day, means, deviations
    near    (slots, 4001)      the courses' distances, by lag
    maxima  (slots, 180)       of the last 60 blocks, of each look
    """

    rows: Floats
    near: Floats
    maxima: Floats
    whole: Ints
    real: Floats

    def __len__(self) -> int:
        return len(self.whole)

    @staticmethod
    def empty(slots: int) -> "State":
        """Return a state that has seen nothing."""
        return State(
            *(np.zeros((slots, 5 * _ROOM)), np.zeros((slots, RING + 1))),
            np.zeros((slots, LOOKS * BLOCKS)),
            *(np.zeros((slots, _WHOLE), np.int64), np.zeros((slots, _REAL))),
        )

    def grown(self, slots: int) -> "State":
        """Return a copy with room for more slots; the new ones have seen nothing."""
        return State(
            *(grown(self.rows, slots), grown(self.near, slots), grown(self.maxima, slots)),
            *(grown(self.whole, slots), grown(self.real, slots)),
        )

    def reset(self, slots: Ints) -> None:
        """Forget these slots."""
        for column in (self.rows, self.near, self.maxima, self.whole, self.real):
            column[slots] = 0


def fold(
    state: State, slot: Ints, offsets: Ints, time_ns: Ints, value: Floats, longest: int = 2**62
) -> Novelty:
    """Judge readings and remember them, in the order in which they come.

    Shapes   slot (g,), offsets (g+1,) int64; time_ns, value (n,). state changes in place. Times are
             used for the time of day only; they need not rise.
    longest  a stream counts as at most so long: what never ends shall not grow deaf
    Result   the same however the rows are cut into batches.
    Errors   ValueError for shapes, offsets or slots that cannot be, or longest below 1.
    """
    time_ns, value = ints(time_ns), floats(value)
    groups = checked(slot, offsets, len(state), len(time_ns), len(value))
    if longest < 1:
        raise ValueError(f"longest: expected at least one reading, found {longest}")
    n = len(time_ns)
    turn = (time_ns % DAY_NS) / DAY_NS * (2 * np.pi)
    found = Novelty(np.full(n, np.nan), np.zeros(n, np.bool_), np.zeros(n, np.uint8), np.empty(n))
    _fold(
        *(state.rows, state.near, state.maxima),
        state.whole,
        state.real,
        *groups,
        *(value, np.cos(turn), np.sin(turn)),
        int(longest),
        found.score,
        found.alarm,
        found.look,
        found.nearest,
    )
    return found


@kernel()
def _room(rows: Floats, near: Floats, now: Ints) -> None:
    """Move what is needed to the front of the room, and add the courses up anew.

    So rounding in their running sums never lives for longer than a room.
    """
    kept = _HELD
    start = now[_USED] - kept
    for column in range(5):
        base = column * _ROOM
        for i in range(kept):
            rows[base + i] = rows[base + start + i]
    now[_USED] = kept
    at = kept - 1
    for g in range(1, RING + 1):
        total = 0.0
        for k in range(LAGS):
            total += abs(rows[at - k] - rows[at - k - g])
        near[g] = total


@kernel()
def _worth(x: float, look: int, maxima: Floats, now: Ints, facts: Floats) -> float:
    """Return how far ln(distance) x lies above the blocks' maxima, and remember it."""
    n = min(now[_BLOCKS + look], BLOCKS)
    found = LEAST
    if n > 0:
        base = look * BLOCKS
        mean = 0.0
        for i in range(n):
            mean += maxima[base + i]
        mean /= n
        squares = 0.0
        for i in range(n):
            squares += (maxima[base + i] - mean) ** 2
        weight = SPREAD_BLOCKS
        spread = np.sqrt((squares + weight * SPREAD * SPREAD) / (n + weight))
        found = min(max((x - mean) / (spread + SPREAD_MORE), LEAST), MOST)
    if now[_IN_BLOCK + look] == 0 or x > facts[_MAXIMUM + look]:
        facts[_MAXIMUM + look] = x
    now[_IN_BLOCK + look] += 1
    if now[_IN_BLOCK + look] == BLOCK:
        maxima[look * BLOCKS + now[_BLOCKS + look] % BLOCKS] = facts[_MAXIMUM + look]
        now[_BLOCKS + look] += 1
        now[_IN_BLOCK + look] = 0
    return float(found)


@kernel()
def _level(rows: Floats, at: int) -> None:
    """Write mean and deviation of the last readings up to `at`."""
    n = min(at + 1, LEVEL)
    mean = 0.0
    for i in range(at - n + 1, at + 1):
        mean += rows[i]
    mean /= n
    squares = 0.0
    for i in range(at - n + 1, at + 1):
        squares += (rows[i] - mean) ** 2
    rows[3 * _ROOM + at] = mean
    rows[4 * _ROOM + at] = np.sqrt(squares / n)


@kernel()
def _courses(rows: Floats, near: Floats, at: int, far: int) -> None:
    """Bring the courses' distances up to the reading `at`, for the lags up to `far`."""
    v = rows[at]
    for g in range(1, far + 1):
        near[g] += abs(v - rows[at - g])
    old = at - LAGS
    if old >= 0:
        v = rows[old]
        for g in range(1, min(far, old) + 1):
            near[g] -= abs(v - rows[old - g])


@kernel()
def _nearest(rows: Floats, near: Floats, at: int, far: int, spread: float, out: Floats) -> int:
    """Write the distance of each look, -1 where there is none yet; return the nearest value's lag.

    far  lags that there are; those beyond it, or too near, are no neighbours
    """
    v = rows[at]
    best = np.inf
    lag = 0
    for g in range(NEAR_VALUE + 1, far + 1):
        x = abs(v - rows[at - g])
        if x < best:
            best = x
            lag = g
    out[VALUE] = best if lag > 0 else -1.0
    c = rows[_ROOM + at]
    s = rows[2 * _ROOM + at]
    best = np.inf
    for g in range(NEAR_COURSE + 1, min(far, at - LAGS + 1) + 1):
        turned = abs(c - rows[_ROOM + at - g]) + abs(s - rows[2 * _ROOM + at - g])
        best = min(best, near[g] + spread * turned)
    out[COURSE] = max(best, 0.0) if best < np.inf else -1.0
    m = rows[3 * _ROOM + at]
    d = rows[4 * _ROOM + at]
    best = np.inf
    for g in range(NEAR_LEVEL + 1, min(far, at - LEVEL) + 1):
        best = min(best, abs(m - rows[3 * _ROOM + at - g]) + abs(d - rows[4 * _ROOM + at - g]))
    out[STANDING] = best if best < np.inf else -1.0
    return lag


@kernel(
    NOTHING(
        *(FLOATS2_OUT, FLOATS2_OUT, FLOATS2_OUT, INTS2_OUT, FLOATS2_OUT),
        *(INTS, INTS, FLOATS, FLOATS, FLOATS, INT),
        *(FLOATS_OUT, BOOLS_OUT, BYTES_OUT, FLOATS_OUT),
    )
)
def _fold(
    rows: Floats,
    near: Floats,
    maxima: Floats,
    whole: Ints,
    real: Floats,
    slot: Ints,
    offsets: Ints,
    value: Floats,
    cosine: Floats,
    sine: Floats,
    longest: int,
    score: Floats,
    alarm: Bools,
    look: Bytes,
    nearest: Floats,
) -> None:
    distance = np.empty(LOOKS)
    for group in range(len(slot)):
        own = rows[slot[group]]
        now = whole[slot[group]]
        facts = real[slot[group]]
        for i in range(offsets[group], offsets[group + 1]):
            v = value[i]
            nearest[i] = np.nan
            if not np.isfinite(v):
                continue
            if now[_USED] == _ROOM:
                _room(own, near[slot[group]], now)
            at = now[_USED]
            own[at] = v
            own[_ROOM + at] = cosine[i]
            own[2 * _ROOM + at] = sine[i]
            now[_USED] += 1
            now[_SEEN] += 1
            seen = now[_SEEN]
            step = v - facts[_MEAN]
            facts[_MEAN] += step / seen
            facts[_SQUARES] += step * (v - facts[_MEAN])
            spread = np.sqrt(max(facts[_SQUARES], 0.0) / seen)
            far = min(at, RING)
            _level(own, at)
            _courses(own, near[slot[group]], at, far)
            lag = _nearest(own, near[slot[group]], at, far, spread, distance)
            if lag > 0:
                nearest[i] = own[at - lag]
            most = LEAST
            for k in range(LOOKS):
                d = distance[k] + FLOOR * spread
                if distance[k] >= 0.0 and d > 0.0:
                    worth = _worth(np.log(d), k, maxima[slot[group]], now, facts)
                    if worth > most and distance[k] > REPEAT * spread:
                        most = worth
                        look[i] = k
            length = min(seen, longest)
            beyond = most - PER_LOG * np.log(max(length, LOG_FROM) / LOG_AT) - THRESHOLD
            score[i] = 1.0 / (1.0 + np.exp(-beyond))
            pause = max(float(PAUSE), PAUSE_SHARE * length)
            if beyond >= 0.0 and (now[_ALARM] == 0 or seen - now[_ALARM] > pause):
                alarm[i] = True
                now[_ALARM] = seen
