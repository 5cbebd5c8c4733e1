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
_DEAF_DBM = -122
_KEPT_MAX = 200_000
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
        self._kept: dict[int, Heard] = {}
        places = np.arange(min(_REACHED, gateways), dtype=np.int64)
        zero = np.zeros(len(keys), np.int64)
        draws = uniforms(self._keys[:, None], places)
        self.confirmed = uniforms(keys_of(keys, 21), zero) < confirmed
        dbm = -70 - (44 * draws).astype(np.int64) - 6 * places
        nearest = (uniforms(self._keys, zero + 8) * gateways).astype(np.int64)
        dr = np.zeros(len(keys), np.int64)
        for needed, rate in reversed(_NEEDS_DBM):
            dr[dbm.max(axis=1) > needed] = rate
        self.reach = Reach((nearest[:, None] + places) % gateways, dbm, dr)

    def lost(self, which: NDArray[np.intp], frame: Ints) -> NDArray[np.bool_]:
        """Return which uplinks nobody heard; a confirmed one is sent again once; (n,) -> (n,)."""
        once = uniforms(self._keys[which], frame * 64 + 1) < self._loss
        again = uniforms(self._keys[which], frame * 64 + 2) < self._loss
        return np.asarray(once & (again | ~self.confirmed[which]))

    def heard(self, which: NDArray[np.intp], frame: Ints) -> list[tuple[Heard, ...]]:
        """Return by which gateways each uplink was heard, the best first; (n,) -> n."""
        places = np.arange(self.reach.dbm.shape[1], dtype=np.int64)
        draws = uniforms(self._keys[which][:, None], frame[:, None] * 64 + 8 + places)
        dbm = self.reach.dbm[which] + (draws * 7).astype(np.int64) - 3
        hears = (draws * 1000 % 1.0 < 0.7) & (dbm > _DEAF_DBM)
        hears[:, 0] = True
        channel = (draws[:, :1] * 997 % 1.0 * 8).astype(np.int64)
        codes = (self.reach.gateways[which] * 256 - dbm) * 8 + channel
        order = np.argsort(np.where(hears, -dbm, 999), axis=1, kind="stable")
        sorted_codes = np.take_along_axis(codes, order, axis=1).tolist()
        kept, made = self._kept, self._made
        return [
            tuple([kept.get(code) or made(code) for code in row[:count]])
            for row, count in zip(sorted_codes, hears.sum(axis=1).tolist(), strict=True)
        ]

    def _made(self, code: int) -> Heard:
        """Return what a gateway, a strength and a channel make, and keep it: there are few."""
        if len(self._kept) > _KEPT_MAX:
            self._kept.clear()
        rest, channel = divmod(code, 8)
        gateway, strength = divmod(rest, 256)
        found = Heard(self._ids[gateway], -strength, _snr(-strength), channel)
        self._kept[code] = found
        return found

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
