"""Silence: a gap that the rhythm of what came before does not explain.

From the last 32 gaps between arrivals, once there are 8,

    limit = max(5 * median, 3 * (90 % quantile), floor)

and a longer gap is a silence. It does not enter the ring, so that an outage does not teach that
outages are usual. But eight silences in a row are a new rhythm: the ring is forgotten, and learns
anew. Medians of an even number of gaps are rounded down to a whole ns; the quantile is the smallest
gap that at least 90 % do not exceed. All of it is in whole numbers, exact.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from kernels.groups import checked, grown
from kernels.jit import (
    FLOATS_OUT,
    INT,
    INTS,
    INTS2_OUT,
    INTS_OUT,
    Floats,
    Ints,
    ints,
    kernel,
)

RING = 32
WARM_UP = 8  # gaps
MEDIANS, QUANTILES = 5, 3
SILENCES_MAX = 8
FOREVER = int(np.iinfo(np.int64).max)

SEEN, GAPS, LAST, LIMIT, MEDIAN, SILENCES = 0, 1, 2, 3, 4, 5


@dataclass(frozen=True, slots=True)
class Silences:
    """Silences as columns of one length.

    start_ns  the last arrival before; end_ns the first after
    expected_ns  the median gap before
    score     gap / limit, above 1
    """

    slot: Ints
    start_ns: Ints
    end_ns: Ints
    expected_ns: Ints
    score: Floats

    def __len__(self) -> int:
        return len(self.slot)


class Limits(NamedTuple):
    """The last arrival of each slot (0 if none), and how long after it silence begins.

    limit_ns is the largest int64 while the slot warms up: nothing is silence then.
    """

    last_ns: Ints
    limit_ns: Ints


@dataclass(frozen=True, slots=True)
class State:
    """What is remembered of each slot.

    ring  (slots, 32) int64  the last gaps; gap number i lies at i % 32
    whole (slots, 6) int64   SEEN (0 or 1), GAPS in the ring ever, LAST arrival, LIMIT (0: warms
                             up), MEDIAN, SILENCES in a row
    """

    ring: Ints
    whole: Ints

    def __len__(self) -> int:
        return len(self.ring)

    @staticmethod
    def empty(slots: int) -> "State":
        """Return a state that has seen nothing."""
        return State(np.zeros((slots, RING), np.int64), np.zeros((slots, 6), np.int64))

    def grown(self, slots: int) -> "State":
        """Return a copy with room for more slots; the new ones have seen nothing."""
        return State(grown(self.ring, slots), grown(self.whole, slots))

    def reset(self, slots: Ints) -> None:
        """Forget these slots."""
        self.ring[slots] = 0
        self.whole[slots] = 0


def fold(state: State, slot: Ints, offsets: Ints, time_ns: Ints, floor_ns: int) -> Silences:
    """Follow arrivals; return the silences that one of them ended, by group and time.

    Shapes  slot (g,), offsets (g+1,) int64; time_ns (n,), distinct and rising in a slot and later
            than all that it had before. state changes in place.
    floor_ns  the limit is never below it; the same in every call
    Result  the same events and the same state, however the arrivals are cut into batches.
    Errors  ValueError for shapes, offsets, slots or a floor that cannot be.
    """
    time_ns = ints(time_ns)
    groups = checked(slot, offsets, len(state), len(time_ns))
    if floor_ns < 0:
        raise ValueError(f"floor_ns: expected zero or more, found {floor_ns}")
    whole, score = np.empty((len(time_ns), 4), np.int64), np.empty(len(time_ns))
    found = _fold(
        *(state.ring, state.whole, *groups, time_ns, int(floor_ns)),
        *(np.empty(RING, np.int64), whole, score),
    )
    where, start_ns, end_ns, expected_ns = (c.copy() for c in whole[:found].T)
    return Silences(where, start_ns, end_ns, expected_ns, score[:found].copy())


def limits(state: State) -> Limits:
    """Return what each slot's silence is judged by, so that a caller with a clock can say: now."""
    limit_ns = state.whole[:, LIMIT]
    return Limits(state.whole[:, LAST].copy(), np.where(limit_ns > 0, limit_ns, FOREVER))


@kernel()
def _times(gap_ns: int, factor: int) -> int:
    """Return the product, or FOREVER where int64 can't hold it."""
    return FOREVER if gap_ns > FOREVER // factor else gap_ns * factor


@kernel()
def _learn(ring: Ints, now: Ints, floor_ns: int, room: Ints) -> None:
    """Write the ring's median and limit."""
    n = min(now[GAPS], RING)
    for i in range(n):  # insertion sort
        gap_ns = ring[i]
        j = i
        while j > 0 and room[j - 1] > gap_ns:
            room[j] = room[j - 1]
            j -= 1
        room[j] = gap_ns
    half = n // 2
    median = room[half]
    if n % 2 == 0:
        median = room[half - 1] + (room[half] - room[half - 1]) // 2
    quantile = room[(9 * n + 9) // 10 - 1]
    now[MEDIAN] = median
    now[LIMIT] = max(_times(median, MEDIANS), _times(quantile, QUANTILES), floor_ns, 1)


@kernel(
    INT(
        *(INTS2_OUT, INTS2_OUT, INTS, INTS, INTS, INT),
        *(INTS_OUT, INTS2_OUT, FLOATS_OUT),
    )
)
def _fold(
    rings: Ints,
    whole: Ints,
    slot: Ints,
    offsets: Ints,
    time_ns: Ints,
    floor_ns: int,
    room: Ints,
    out_whole: Ints,
    out_score: Floats,
) -> int:
    found = 0
    for group in range(len(slot)):
        s = slot[group]
        ring = rings[s]
        now = whole[s]
        for i in range(offsets[group], offsets[group + 1]):
            t = time_ns[i]
            gap_ns = t - now[LAST]
            if now[SEEN] == 0:
                now[SEEN] = 1
            elif now[LIMIT] > 0 and gap_ns > now[LIMIT]:
                out_whole[found, 0] = s
                out_whole[found, 1] = now[LAST]
                out_whole[found, 2] = t
                out_whole[found, 3] = now[MEDIAN]
                out_score[found] = gap_ns / now[LIMIT]
                found += 1
                now[SILENCES] += 1
                if now[SILENCES] == SILENCES_MAX:
                    now[SILENCES] = 0
                    now[GAPS] = 0
                    now[LIMIT] = 0
            else:
                ring[now[GAPS] % RING] = gap_ns
                now[GAPS] += 1
                now[SILENCES] = 0
                if now[GAPS] >= WARM_UP:
                    _learn(ring, now, floor_ns, room)
            now[LAST] = t
    return found
