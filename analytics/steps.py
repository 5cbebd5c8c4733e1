"""The steps of a register between two good readings, and what of them lies within periods.

A period that holds a few measured steps and half of another is "estimated" as a whole. Here its
parts are told apart: only of the step that its edge divides is the course not known.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analytics.energy import at_edges, worth_of
from analytics.register import Unwrapped
from ingest.reading import Quality


@dataclass(frozen=True, slots=True)
class Steps:
    """The good readings of a register; step k leads to reading k, and step 0 is empty.

    time_ns, u (n,)  when, and the cumulative flow · quality (n,)  of the step, edges aside
    """

    whole: Unwrapped
    time_ns: NDArray[np.int64]
    u: NDArray[np.float64]
    quality: NDArray[np.int64]

    def divided(self, cuts_ns: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which steps (n,) one of the cuts (c,) divides; one at a reading divides none.

        When within such a step its amount flowed, before the cut or after it, nobody read: it is
        laid out by the straight line, or in a gap by the typical week.
        """
        found = np.zeros(len(self.time_ns), bool)
        end = np.searchsorted(self.time_ns, cuts_ns)  # the reading that ends the step
        inside = (end > 0) & (end < len(self.time_ns))
        end, cuts_ns = end[inside], cuts_ns[inside]
        found[end[self.time_ns[end] != cuts_ns]] = True
        return found

    def flows(self, edges_ns: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return what flowed in each period between the edges (k+1,), as `periods` says it: (k,).

        0 where nothing is known.
        """
        if len(self.time_ns) < 2:
            return np.zeros(len(edges_ns) - 1)
        known_ns = np.clip(edges_ns, self.time_ns[0], self.time_ns[-1])
        found: NDArray[np.float64] = np.diff(at_edges(self.whole, known_ns).u)
        return found

    def within(self, edges_ns: NDArray[np.int64], which: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return what of some steps lies in each period: edges_ns (k+1,), which (c,n): (c,k)."""
        if len(self.time_ns) < 2:
            return np.zeros((len(which), len(edges_ns) - 1))
        known_ns = np.clip(edges_ns, self.time_ns[0], self.time_ns[-1])
        last = np.maximum(np.searchsorted(self.time_ns, known_ns), 1)
        into = at_edges(self.whole, known_ns).u - self.u[last - 1]
        so_far = np.cumsum(np.where(which, np.diff(self.u, prepend=self.u[:1]), 0.0), axis=1)
        at = so_far[:, last - 1] + np.where(which[:, last], into, 0.0)
        found: NDArray[np.float64] = np.maximum(np.diff(at, axis=1), 0.0)
        return found


def steps_of(whole: Unwrapped) -> Steps:
    """Return the steps of a register."""
    good = whole.judged.good
    time_ns = whole.rows.time_ns[good]
    quality = worth_of(whole)[good]
    over_gap = np.diff(time_ns, prepend=time_ns[:1]) > whole.gap_ns
    quality[over_gap] = np.maximum(quality[over_gap], Quality.SUBSTITUTED)
    return Steps(whole, time_ns, whole.u[good], quality)
