"""The exact median of the last values, and their MAD: the median of how far they are from it.

The last `width` finite values of a slot are kept twice: in the order in which they came, and
sorted. A new value takes the place of the oldest by shifting what lies between the two. The
deviations from the median rise to both sides of it, so that their median is found between two
sorted runs by bisection, without sorting them.

Of an even number the median is the mean of the middle two, (a + b) / 2, to the bit what np.median
gives. Deviation: where a + b is beyond 1.8e308 NumPy's is infinite, and here it is a / 2 + b / 2,
so that median and MAD are finite, whatever the values. (Halves alone would round what is below
4e-308.) Which sign a zero has is not said. While there are fewer than `width` values it is the
median of those. A value that is NaN or infinite is passed over as if it had not come; its row gives
what stands.

Source: Hampel 1974, JASA 69:383-393, doi:10.1080/01621459.1974.10482962 (MAD, here without the
factor that makes it a standard deviation).
"""

from dataclasses import dataclass

import numpy as np

from kernels.groups import checked, grown
from kernels.jit import (
    FLOATS,
    FLOATS2_OUT,
    FLOATS_OUT,
    INTS,
    INTS_OUT,
    NOTHING,
    Floats,
    Ints,
    floats,
    kernel,
)

WIDTH = 96


@dataclass(frozen=True, slots=True)
class Rolling:
    """What stands after each row, (n,), in the unit of the values.

    NaN and a count of 0 before a slot's first value, and for rows that belong to no group.
    """

    median: Floats
    mad: Floats
    count: Ints

    def __len__(self) -> int:
        return len(self.count)


@dataclass(frozen=True, slots=True)
class State:
    """What is remembered of each slot.

    ring     (slots, width) float64  the last values; number i lies at i % width
    ordered  (slots, width) float64  the same, sorted
    seen     (slots,) int64          values ever
    """

    ring: Floats
    ordered: Floats
    seen: Ints

    def __len__(self) -> int:
        return len(self.seen)

    @staticmethod
    def empty(slots: int, width: int = WIDTH) -> "State":
        """Return a state that has seen nothing. ValueError for a width below 1."""
        if width < 1:
            raise ValueError(f"width: expected 1 or more, found {width}")
        ring = np.zeros((slots, width))
        return State(ring, ring.copy(), np.zeros(slots, np.int64))

    def grown(self, slots: int) -> "State":
        """Return a copy with room for more slots; the new ones have seen nothing."""
        ring, ordered = grown(self.ring, slots), grown(self.ordered, slots)
        return State(ring, ordered, grown(self.seen, slots))

    def reset(self, slots: Ints) -> None:
        """Forget these slots."""
        self.seen[slots] = 0


def fold(state: State, slot: Ints, offsets: Ints, value: Floats) -> Rolling:
    """Take in rows; return what stands after each.

    Shapes  slot (g,), offsets (g+1,) int64; value (n,), a slot's rows in their order. state changes
            in place.
    Result  the same, however the rows are cut into batches.
    Errors  ValueError for shapes, offsets or slots that cannot be.
    """
    value = floats(value)
    if value.ndim != 1:
        raise ValueError(f"value: expected one dimension, found shape {value.shape}")
    n = len(value)
    groups = checked(slot, offsets, len(state), n)
    found = Rolling(np.full(n, np.nan), np.full(n, np.nan), np.zeros(n, np.int64))
    _fold(
        *(state.ring, state.ordered, state.seen, *groups, value),
        *(found.median, found.mad, found.count),
    )
    return found


@kernel()
def _place(ordered: Floats, n: int, v: float) -> int:
    """Return how many of the first n are below v."""
    low, high = 0, n
    while low < high:
        middle = (low + high) // 2
        if ordered[middle] < v:
            low = middle + 1
        else:
            high = middle
    return low


@kernel()
def _put(ordered: Floats, n: int, v: float) -> None:
    """Put one more value in, behind n."""
    at = _place(ordered, n, v)
    for i in range(n, at, -1):
        ordered[i] = ordered[i - 1]
    ordered[at] = v


@kernel()
def _swap(ordered: Floats, n: int, old: float, v: float) -> None:
    """Put a value in the place of another."""
    at = _place(ordered, n, old)
    while at + 1 < n and ordered[at + 1] < v:
        ordered[at] = ordered[at + 1]
        at += 1
    while at > 0 and ordered[at - 1] > v:
        ordered[at] = ordered[at - 1]
        at -= 1
    ordered[at] = v


@kernel()
def _mean(a: float, b: float) -> float:
    """Return the mean of two, halving first only where their sum overflows."""
    total = a + b
    if np.isfinite(total):
        return float(0.5 * total)
    return float(0.5 * a + 0.5 * b)


@kernel()
def _mad(ordered: Floats, n: int, median: float) -> float:
    """Return the median deviation of n >= 1 sorted values.

    Of the k + 1 smallest deviations `left` lie to the left of the median, nearest first, and the
    others to the right: bisected so that none that is left out is smaller than one that is in.
    """
    k = (n - 1) // 2
    lefts = n // 2 if n % 2 == 0 else n // 2 + 1  # values to the left, with a middle one
    low, high = max(0, k + 1 - (n - lefts)), min(k + 1, lefts)
    while low < high:
        left = (low + high) // 2
        right = k + 1 - left
        # One more to the left is nearer than the last one to the right.
        if median - ordered[lefts - 1 - left] < ordered[lefts + right - 1] - median:
            low = left + 1
        else:
            high = left
    left, right = low, k + 1 - low
    last = -np.inf
    if left > 0:
        last = median - ordered[lefts - left]
    if right > 0:
        last = max(last, ordered[lefts + right - 1] - median)
    if n % 2 == 1:
        return float(last)
    following = np.inf
    if left < lefts:
        following = median - ordered[lefts - 1 - left]
    if right < n - lefts:
        following = min(following, ordered[lefts + right] - median)
    return float(_mean(last, following))


@kernel(
    NOTHING(
        *(FLOATS2_OUT, FLOATS2_OUT, INTS_OUT, INTS, INTS, FLOATS),
        *(FLOATS_OUT, FLOATS_OUT, INTS_OUT),
    )
)
def _fold(
    rings: Floats,
    ordereds: Floats,
    seens: Ints,
    slot: Ints,
    offsets: Ints,
    value: Floats,
    median: Floats,
    mad: Floats,
    count: Ints,
) -> None:
    width = rings.shape[1]
    for group in range(len(slot)):
        s = slot[group]
        ring, ordered, seen = rings[s], ordereds[s], seens[s]
        place = seen % width
        for i in range(offsets[group], offsets[group + 1]):
            v = value[i]
            if np.isfinite(v):
                if seen < width:
                    _put(ordered, seen, v)
                else:
                    _swap(ordered, width, ring[place], v)
                ring[place] = v
                seen += 1
                place = place + 1 if place + 1 < width else 0
            n = min(seen, width)
            count[i] = n
            if n == 0:
                continue
            middle = ordered[n // 2]
            if n % 2 == 0:
                middle = _mean(ordered[n // 2 - 1], middle)
            median[i] = middle
            mad[i] = _mad(ordered, n, middle)
        seens[s] = seen
