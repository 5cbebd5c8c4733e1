"""LoRa radio as a city has it: which gateways hear an uplink, how well, and what is lost.

A device reaches a few gateways, each with its own usual strength that wavers. The weaker the best
of them, the slower the data rate that ADR leaves it. Source: RP002-1.0.4, 2.4 "EU863-870" (a duty
cycle of 1 %); Semtech SX1276 data sheet, table "sensitivity" for what each data rate needs.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fleet.chance import Keys, key_of, keys_of, uniforms
from fleet.days import Ints
from fleet.network import FASTEST_DR, Heard, airtime_us

DUTY_CYCLE = 100
"""A device is silent a hundred times as long as it sent."""

_REACHED = 4
_NOISE_DBM = -117
_NEEDS_DBM = ((-100, 5), (-105, 4), (-110, 3), (-115, 2), (-119, 1))


class Reach(NamedTuple):
    """What n devices reach: gateways (n, 4) by number, their usual dBm (n, 4), and DR (n,)."""

    gateways: Ints
    dbm: Ints
    dr: Ints


class Radio:
    """The radio of n devices; every draw follows from device and frame."""

    def __init__(self, keys: Keys, *, seed: int, gateways: int, loss: float, confirmed: float):
        """keys (n,) of the devices; loss and confirmed are shares, see fleet.scenario."""
        self._keys = keys_of(keys, 20)
        self._loss = loss
        self._ids = [local_eui("gateway", seed, number) for number in range(gateways)]
        places = np.arange(_REACHED, dtype=np.int64)
        draws = uniforms(self._keys[:, None], places)
        self.confirmed = uniforms(keys_of(keys, 21), np.zeros(len(keys), np.int64)) < confirmed
        dbm = -70 - (44 * draws).astype(np.int64) - 6 * places
        numbers = (uniforms(self._keys[:, None], places + 8) * gateways).astype(np.int64)
        best = dbm.max(axis=1, initial=-200)
        dr = np.zeros(len(keys), np.int64)
        for needed, rate in reversed(_NEEDS_DBM):
            dr[best > needed] = rate
        self.reach = Reach(numbers, dbm, dr)

    def lost(self, which: NDArray[np.intp], frame: Ints) -> NDArray[np.bool_]:
        """Return which uplinks nobody heard; a confirmed one is sent again once; (n,) -> (n,)."""
        once = uniforms(self._keys[which], frame * 64 + 1) < self._loss
        again = uniforms(self._keys[which], frame * 64 + 2) < self._loss
        return np.asarray(once & (again | ~self.confirmed[which]))

    def heard(self, which: NDArray[np.intp], frame: Ints) -> list[tuple[Heard, ...]]:
        """Return by which gateways each uplink was heard, the best first; (n,) -> n."""
        places = np.arange(_REACHED, dtype=np.int64)
        draws = uniforms(self._keys[which][:, None], frame[:, None] * 64 + 8 + places)
        dbm = self.reach.dbm[which] + (draws * 7).astype(np.int64) - 3
        hears = (draws * 1000 % 1.0 < 0.7) & (dbm > -122)
        channel = (draws[:, 0] * 997 % 1.0 * 8).astype(np.int64)
        told = []
        numbers = self.reach.gateways[which]
        for row in range(len(which)):
            by_gateway: dict[int, int] = {}
            for place in range(_REACHED):
                if place == 0 or hears[row, place]:
                    by_gateway.setdefault(int(numbers[row, place]), int(dbm[row, place]))
            best_first = sorted(by_gateway.items(), key=lambda one: -one[1])
            told.append(
                tuple(
                    Heard(self._ids[number], strength, _snr(strength), int(channel[row]))
                    for number, strength in best_first
                )
            )
        return told

    def shortest_ns(self, size: int) -> Ints:
        """Return how far apart uplinks of that payload must be for the duty cycle, ns; (n,)."""
        by_rate = [airtime_us(rate, size) * 1000 * DUTY_CYCLE for rate in range(FASTEST_DR + 1)]
        return np.asarray(by_rate, np.int64)[self.reach.dr]


def local_eui(*parts: object) -> str:
    """Return an EUI-64 with the bit for local administration set and the group bit clear.

    So it can't be mistaken for anyone's hardware (IEEE 802, "Guidelines for Use of EUI").
    """
    eui = key_of(*parts)
    return f"{(eui | 0x02 << 56) & ~(0x01 << 56) & (1 << 64) - 1:016x}"


def _snr(dbm: int) -> float:
    return max(-20.0, min(12.0, (dbm - _NOISE_DBM) / 2))
