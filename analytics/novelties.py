"""Novelty of chosen series: what they show is unlike all that they showed lately."""

from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase

import numpy as np

from analytics.detectors import Event, Feed, Slots
from analytics.wording import told
from ingest.quantity import Kind, Quantity
from kernels import novelty

LONGEST = 12_000
"""A live stream has no end: it counts as a recording of so many readings."""


class Novelties:
    """Readings unlike all that a chosen series did lately; each series costs 360 kB."""

    kind = "novelty"
    version = 1

    def __init__(self, chosen: Sequence[str]) -> None:
        """chosen: patterns of "DEVICE QUANTITY", such as "meter-* active_power"."""
        self._chosen = tuple(chosen)
        self._own: dict[int, int] = {}
        self._state = novelty.State.empty(0)

    def meet(
        self, slot: int, measured: Quantity, limits: tuple[float, float], device: str = ""
    ) -> bool:
        """Look at the gauges that are chosen."""
        name = f"{device} {measured.name}"
        if measured.kind is not Kind.GAUGE or not any(fnmatchcase(name, p) for p in self._chosen):
            return False
        self._own.setdefault(slot, len(self._own))
        if len(self._own) > len(self._state):
            self._state = self._state.grown(max(2 * len(self._state), len(self._own)))
        return True

    def grow(self, slots: int) -> None:
        """Room is made for each chosen series when it is met."""

    def reset(self, slots: Slots) -> None:
        """Forget."""
        own = [self._own[slot] for slot in slots.tolist() if slot in self._own]
        self._state.reset(np.array(own, np.int64))

    def fold(self, feed: Feed) -> list[tuple[int, int, float, float, int, float]]:
        """Return (slot, time, score, value, look, nearest) of each alarm."""
        slot, offsets, time_ns, value = feed
        own = np.array([self._own[one] for one in slot.tolist()], np.int64)
        found = novelty.fold(self._state, own, offsets, time_ns, value, LONGEST)
        at = np.flatnonzero(found.alarm)
        of = slot[np.searchsorted(offsets, at, side="right") - 1]
        columns = (of, time_ns[at], found.score[at], value[at], found.look[at], found.nearest[at])
        return list(zip(*(column.tolist() for column in columns), strict=True))

    def still_open(self, slots: Slots) -> list[tuple[int, int, float, float, int, float]]:
        """An alarm is an instant: nothing lasts."""
        return []

    def told(
        self, found: list[tuple[int, int, float, float, int, float]], unit: Callable[[int], str]
    ) -> Iterator[Event]:
        """Say what is new: the value, the course, or level and spread."""
        for slot, at_ns, score, value, look, nearest in found:
            u = unit(slot)
            new = {
                novelty.VALUE: f"showed {told(value, u)}, never seen lately; {told(nearest, u)}"
                " comes nearest",
                novelty.COURSE: f"took a course to {told(value, u)} unlike all lately",
                novelty.STANDING: "took a level and spread unlike all lately,"
                f" now {told(value, u)}",
            }[look]
            yield Event(slot, at_ns, at_ns, round(score, 4), value, nearest, f"{new}, at {{}}.")
