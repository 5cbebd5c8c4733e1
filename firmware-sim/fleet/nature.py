"""Noise, sun and weather as pure functions of key and time.

A generator that is drawn from step by step would give other values after a restart. Here every
value follows from a 64-bit key and an index or a time, so any moment can be asked for, in any
order, and a device that is started again fits onto its own past.
Source: mixing function SplitMix64 (Steele, Lea, Flood 2014, OOPSLA, doi:10.1145/2660193.2660195,
section 4); declination after Cooper 1969 (Solar Energy 12(3):333-346,
doi:10.1016/0038-092X(69)90047-4). The equation of time (16 minutes at most) is left out.
"""

import math
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from fleet.message import SECOND_NS

Floats = NDArray[np.float64]
_MASK = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15
_FIRST, _SECOND = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
DAY_S = 86_400


def key_of(*parts: object) -> int:
    """Return the 64-bit key that the parts name, the same on every machine."""
    text = "/".join(str(part) for part in parts)
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")


def uniform(key: int, index: int) -> float:
    """Return a number in [0, 1) that key and index decide."""
    z = (key + (index + 1) * _GOLDEN) & _MASK
    z = ((z ^ (z >> 30)) * _FIRST) & _MASK
    z = ((z ^ (z >> 27)) * _SECOND) & _MASK
    return float((z ^ (z >> 31)) >> 11) * 2.0**-53


def uniforms(key: int, indexes: NDArray[np.int64]) -> Floats:
    """Return `uniform(key, i)` for every index: shapes (n,) -> (n,)."""
    z = np.uint64(key) + (indexes.astype(np.uint64) + np.uint64(1)) * np.uint64(_GOLDEN)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(_FIRST)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(_SECOND)
    return ((z ^ (z >> np.uint64(31))) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def jitter(key: int, time_ns: int) -> float:
    """Return a sensor's noise at a moment: mean 0, standard deviation 1, within ±3.5."""
    return sum(uniform(key ^ time_ns, i) for i in range(4)) * math.sqrt(3.0) - 2.0 * math.sqrt(3.0)


def drift(key: int, time_s: float, period_s: float) -> float:
    """Return a smooth wandering value in [-1, 1] that turns about once a period."""
    index = math.floor(time_s / period_s)
    share = time_s / period_s - index
    blend = (1.0 - math.cos(math.pi * share)) / 2.0
    here, there = uniform(key, index), uniform(key, index + 1)
    return 2.0 * (here + (there - here) * blend) - 1.0


def drifts(key: int, times_s: Floats, period_s: float) -> Floats:
    """Return `drift` for every time: shapes (n,) -> (n,)."""
    index = np.floor(times_s / period_s)
    blend = (1.0 - np.cos(np.pi * (times_s / period_s - index))) / 2.0
    whole = index.astype(np.int64)
    here, there = uniforms(key, whole), uniforms(key, whole + 1)
    return np.asarray(2.0 * (here + (there - here) * blend) - 1.0)


def sun_height(times_s: Floats, latitude: float, longitude: float) -> Floats:
    """Return the sine of the sun's elevation, 0 below the horizon; shapes (n,) -> (n,).

    times_s  UTC seconds since 1970; latitude, longitude in degrees, north and east positive
    """
    day_of_year = (times_s / DAY_S) % 365.25 + 1.0
    declination = np.radians(23.45) * np.sin(2.0 * np.pi * (284.0 + day_of_year) / 365.0)
    hour = (times_s % DAY_S) / 3600.0 + longitude / 15.0
    angle = np.radians(15.0 * (hour - 12.0))
    phi = math.radians(latitude)
    height = math.sin(phi) * np.sin(declination) + math.cos(phi) * np.cos(declination) * np.cos(
        angle
    )
    return np.asarray(np.maximum(height, 0.0))


class Weather:
    """The weather of one place, the same for all devices there."""

    def __init__(self, key: int, *, latitude: float, longitude: float) -> None:
        """Take the key that decides it, and where the place lies (degrees)."""
        self._key, self.latitude, self.longitude = key, latitude, longitude

    def temperature(self, time_ns: int) -> float:
        """Outdoor air temperature, Cel: season, hour of day, fronts, gusts."""
        time_s = time_ns / SECOND_NS
        season = 10.5 - 8.5 * math.cos(2 * math.pi * ((time_s / DAY_S) % 365.25 - 18) / 365.25)
        solar_hour = (time_s % DAY_S) / 3600 + self.longitude / 15
        day = 3.2 * math.cos(2 * math.pi * (solar_hour - 15) / 24)
        fronts = 4.0 * drift(self._key, time_s, 2.5 * DAY_S)
        return season + day + fronts + 0.4 * drift(self._key + 1, time_s, 1800)

    def humidity(self, time_ns: int) -> float:
        """Relative humidity, %: high in cool nights."""
        time_s = time_ns / SECOND_NS
        solar_hour = (time_s % DAY_S) / 3600 + self.longitude / 15
        day = -11 * math.cos(2 * math.pi * (solar_hour - 15) / 24)
        return min(99.0, max(25.0, 74 + day + 14 * drift(self._key + 2, time_s, 20_000)))

    def pressure(self, time_ns: int) -> float:
        """Air pressure at the station, hPa."""
        return 1004 + 13 * drift(self._key + 3, time_ns / SECOND_NS, 3 * DAY_S)

    def clearness(self, times_s: Floats) -> Floats:
        """Share of the clear sky's light that arrives, 0.12 … 1; shapes (n,) -> (n,)."""
        slow = drifts(self._key + 4, times_s, 0.7 * DAY_S)
        quick = drifts(self._key + 5, times_s, 900)
        return np.asarray(np.clip(0.62 + 0.45 * slow + 0.22 * quick, 0.12, 1.0))

    def illuminance(self, time_ns: int) -> float:
        """Light outdoors, lx: 0 at night, up to 100,000 in June at noon."""
        times_s = np.array([time_ns / SECOND_NS])
        height = sun_height(times_s, self.latitude, self.longitude)
        return float((115_000 * height**1.2 * self.clearness(times_s))[0])
