"""Chance as a pure function of key and index: any moment can be asked for, in any order.

A generator that is drawn from step by step would give other values after a restart, or when one
device more is simulated. Here every draw follows from a 64-bit key and an index.
Source: mixing function SplitMix64 (Steele, Lea, Flood 2014, OOPSLA, doi:10.1145/2660193.2660195,
section 4).
"""

from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from fleet.exact import Floats

Keys = NDArray[np.uint64]
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_UNIT = 2.0**-53
_MASK = (1 << 64) - 1
_ONE = np.uint64(1)
_SIGMA_4 = 1.7320508075688772  # of the sum of four draws, to make its deviation 1


def key_of(*parts: object) -> int:
    """Return the 64-bit key that the parts name, the same on every machine."""
    text = "/".join(str(part) for part in parts)
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")


def keys_of(keys: Keys, stream: int) -> Keys:
    """Return the keys of an independent stream of draws; shapes (n,) -> (n,)."""
    return _mixed(keys + np.uint64((stream + 1) * int(_SECOND) & _MASK))


def uniforms(keys: Keys, index: NDArray[np.int64]) -> Floats:
    """Return draws from [0, 1), each decided by a key and an index; shapes broadcast."""
    return np.asarray(
        (_mixed(keys + (index.astype(np.uint64) + _ONE) * _GOLDEN) >> np.uint64(11)).astype(
            np.float64
        )
        * _UNIT
    )


def noise(keys: Keys, index: NDArray[np.int64]) -> Floats:
    """Return a sensor's noise: mean 0, deviation 1, within ±3.5; shapes broadcast."""
    four = index.astype(np.int64) * 4
    total = uniforms(keys, four)
    for place in (1, 2, 3):
        total = total + uniforms(keys, four + place)
    return np.asarray((total - 2.0) * _SIGMA_4)


def wander(keys: Keys, times_s: Floats, period_s: float) -> Floats:
    """Return a smooth value in [-1, 1] that turns about once a period; shapes broadcast."""
    at = times_s / period_s
    index = np.floor(at)
    share = at - index
    blend = share * share * (3.0 - 2.0 * share)
    whole = index.astype(np.int64)
    here = uniforms(keys, whole)
    return np.asarray(2.0 * (here + (uniforms(keys, whole + 1) - here) * blend) - 1.0)


def _mixed(z: Keys) -> Keys:
    z = (z ^ (z >> np.uint64(30))) * _FIRST
    z = (z ^ (z >> np.uint64(27))) * _SECOND
    return z ^ (z >> np.uint64(31))
