"""Frames that a device sent and nobody brought, by the gaps of its frame counter.

A LoRaWAN device numbers its uplinks (LoRaWAN 1.0.4, section 4.3.1.5, FCnt). A number that is left
out was lost between the device and us: in the air, at the network server, or at a broker that
delivers at most once. A number that comes late fills its gap; one that comes again counts once.

The account is saved every ten minutes of a device's life, so a kill may forget ten minutes of it;
frames that came meanwhile are never counted as missed.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ingest.reading import Json

NAME = "frames"
_DEVICES_MAX = 200_000
_WINDOW = 64  # how many numbers back one may come late
_GAP_MAX = 16_384  # a longer leap is a counter that began anew (LoRaWAN 1.0, MAX_FCNT_GAP)
_SHORT = 1 << 16
_SAVED_NS = 600 * 1_000_000_000
_ALL = (1 << _WINDOW) - 1


class Frames(NamedTuple):
    """Uplinks of a device that came, and those of which only a gap came."""

    heard: int
    missed: int


class FrameBook:
    """The accounts of devices. One thread notes, any may ask.

    saved  what `due` gave in an earlier life, by device
    """

    def __init__(self, saved: Mapping[str, Json] | None = None) -> None:
        # device -> [last number, heard, missed, the last 64 as bits, when saved]; -1: not yet
        self._of: dict[str, list[int]] = {}
        for device, told in (saved or {}).items():
            if isinstance(told, list) and len(told) == 2 and all(type(n) is int for n in told):
                self._of[device] = [-1, *told, 0, 0]  # type: ignore[list-item]

    def of(self, device: str) -> Frames | None:
        """Return the account of a device; None: it sent no frame that has a number."""
        found = self._of.get(device)
        return None if found is None else Frames(found[1], found[2])

    def erase(self, device: str) -> None:
        """Forget the account of a device."""
        self._of.pop(device, None)

    def total(self) -> Frames:
        """Return the sum over all devices."""
        found = list(self._of.values())
        return Frames(sum(one[1] for one in found), sum(one[2] for one in found))

    def note(
        self, frames: Iterable[tuple[str, int]], received_ns: int
    ) -> list[tuple[str, list[int]]]:
        """Take note of (device, frame counter), in order; return accounts that are to be saved."""
        due = []
        known = self._of
        for device, f_cnt in frames:
            one = known.get(device)
            if one is None:
                if len(known) >= _DEVICES_MAX:
                    del known[next(iter(known))]
                one = known[device] = [-1, 0, 0, 0, 0]
            _count(one, f_cnt)
            if received_ns - one[4] >= _SAVED_NS:
                one[4] = received_ns
                due.append((device, [one[1], one[2]]))
        return due


def _count(one: list[int], f_cnt: int) -> None:
    last, ahead = one[0], f_cnt - one[0]
    if last >= _SHORT - _GAP_MAX and ahead < -_WINDOW and last < _SHORT and f_cnt < _GAP_MAX:
        ahead += _SHORT  # sixteen bits have gone round
    if last < 0 or ahead > _GAP_MAX or ahead <= -_WINDOW:  # the first one, or a counter begun anew
        one[0], one[3] = f_cnt, 1
        one[1] += 1
    elif ahead > 0:
        one[0] = f_cnt
        one[1] += 1
        one[2] += ahead - 1
        one[3] = (one[3] << ahead | 1) & _ALL if ahead < _WINDOW else 1
    elif not one[3] >> -ahead & 1:
        one[3] |= 1 << -ahead
        one[1] += 1
        one[2] -= one[2] > 0
