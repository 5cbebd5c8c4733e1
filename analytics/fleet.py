"""Which rows are of which device: a slot for each device, whatever it measures."""

import numpy as np
from numpy.typing import NDArray

from analytics.grouping import Groups
from ingest.store import Source


class Fleet:
    """The devices that were met, each with a number from 0 on. One thread uses it."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._slots: dict[str, int] = {}
        self.names: list[str] = []
        self._device_of = np.empty(0, np.int64)  # by series number; -1: not asked for yet

    def __len__(self) -> int:
        return len(self.names)

    def __contains__(self, device: str) -> bool:
        return device in self._slots

    def slot(self, device: str) -> int:
        """Return the slot of a device, a new one at its first sight."""
        slot = self._slots.setdefault(device, len(self.names))
        if slot == len(self.names):
            self.names.append(device)
        return slot

    def slots_of(self, groups: Groups) -> NDArray[np.int64]:
        """Return the device's slot of each row, (n,)."""
        top = int(groups.slot.max(initial=-1)) + 1
        if top > len(self._device_of):
            more = np.full(max(top, 2 * len(self._device_of)) - len(self._device_of), -1)
            self._device_of = np.concatenate([self._device_of, more])
        for number in groups.slot[self._device_of[groups.slot] < 0].tolist():
            self._device_of[number] = self.slot(self._source.name_of(number).device)
        return np.repeat(self._device_of[groups.slot], np.diff(groups.offsets))


def offsets_of(slot: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return where each run of equal slots begins, and the end: (g+1,)."""
    starts = np.flatnonzero(np.diff(slot)) + 1
    return np.concatenate(([0], starts, [len(slot)])).astype(np.int64)
