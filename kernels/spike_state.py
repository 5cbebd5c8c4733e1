"""What kernels/spike.py remembers of each series, and what it tells."""

from dataclasses import dataclass

import numpy as np

from kernels.groups import grown
from kernels.jit import Bools, Floats, Ints

RING = 64
RUN_MAX = 4  # readings of a spike
PEAKS = 8  # spikes whose peaks are remembered


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

    @staticmethod
    def of(whole: Ints, real: Floats) -> "Spikes":
        """Return the columns, copied out of the room that was held for the worst case."""
        return Spikes(*(c.copy() for c in whole.T), *(c.copy() for c in real.T))


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
