"""One weather for the whole city, and the sun above it: pure functions of time.

Everyone who simulates the same seed stands in the same rain.
Source: declination after Cooper 1969 (Solar Energy 12(3):333-346,
doi:10.1016/0038-092X(69)90047-4). The equation of time (16 minutes at most) is left out. Means and
amplitudes are those of the Ruhr (DWD, climate normals 1991-2020, Essen-Bredeney), rounded.
"""

import msgspec
import numpy as np

from fleet.calendar import DAY_S
from fleet.chance import Keys, key_of, wander
from fleet.exact import Floats, cosine, sine

LATITUDE, LONGITUDE = 51.5, 7.5
_SIN_LATITUDE, _COS_LATITUDE = 0.782608156852414, 0.6225146366376195


class Climate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a scenario's weather differs: `warmer` in K, `cloud` from 0 (clear) to 1 (overcast)."""

    warmer: float = 0.0
    cloud: float = 0.5

    def __post_init__(self) -> None:
        """Refuse what is no weather."""
        if not (0.0 <= self.cloud <= 1.0):
            raise ValueError(f"`cloud`: expected 0 (clear) to 1 (overcast), found {self.cloud}")
        if not (-20.0 <= self.warmer <= 20.0):
            raise ValueError(f"`warmer`: expected -20 to 20 K, found {self.warmer}")


def sun_height(times_s: Floats) -> Floats:
    """Return the sine of the sun's elevation, 0 below the horizon; UTC seconds, (n,) -> (n,)."""
    day_of_year = times_s / DAY_S
    day_of_year = day_of_year - np.floor(day_of_year / 365.25) * 365.25 + 1.0
    # The declination is small: sin and cos of it by their own series are exact enough.
    tilt = 0.4092797096 * sine((284.0 + day_of_year) / 365.0)
    sin_tilt = tilt * (1.0 - tilt * tilt / 6.0 * (1.0 - tilt * tilt / 20.0))
    cos_tilt = 1.0 - tilt * tilt / 2.0 * (1.0 - tilt * tilt / 12.0)
    turn = times_s / DAY_S + LONGITUDE / 360.0 - 0.5
    height = _SIN_LATITUDE * sin_tilt + _COS_LATITUDE * cos_tilt * cosine(turn)
    return np.asarray(np.maximum(height, 0.0))


class Weather:
    """The weather of one seed; every method takes UTC seconds (n,) and returns (n,)."""

    def __init__(self, seed: int, climate: Climate) -> None:
        """Take the seed that decides it, and how it differs from the usual."""
        self._climate = climate
        self._keys = [np.array([key_of("weather", seed, n)], np.uint64) for n in range(8)]

    def temperature(self, times_s: Floats) -> Floats:
        """Outdoor air temperature, Cel: season, hour of the day, fronts, gusts, clouds."""
        season = 10.7 - 8.3 * cosine((times_s / DAY_S - 18.0) / 365.25)
        swing = 1.6 + 3.4 * self.clearness(times_s)
        day = swing * cosine(times_s / DAY_S + LONGITUDE / 360.0 - 15.0 / 24.0)
        fronts = 4.2 * self._wander(0, times_s, 2.5 * DAY_S)
        return season + day + fronts + 0.3 * self._wander(1, times_s, 1800) + self._climate.warmer

    def humidity(self, times_s: Floats) -> Floats:
        """Relative humidity, %: high in cool nights and when it rains."""
        day = -11.0 * cosine(times_s / DAY_S + LONGITUDE / 360.0 - 15.0 / 24.0)
        wet = 12.0 * (self.rain(times_s) > 0.0)
        found = 72.0 + day + 14.0 * self._wander(2, times_s, 20_000) + wet
        return np.asarray(np.clip(found, 22.0, 100.0))

    def pressure(self, times_s: Floats) -> Floats:
        """Air pressure at the station, hPa."""
        return 1004.0 + 13.0 * self._wander(3, times_s, 3.0 * DAY_S)

    def clearness(self, times_s: Floats) -> Floats:
        """Share of the clear sky's light that arrives, 0.1 … 1."""
        slow = self._wander(4, times_s, 0.7 * DAY_S)
        quick = self._wander(5, times_s, 900)
        middle = 1.02 - 0.8 * self._climate.cloud
        return np.asarray(np.clip(middle + 0.42 * slow + 0.2 * quick, 0.1, 1.0))

    def light(self, times_s: Floats) -> Floats:
        """Global irradiance on the level, W/m2: 0 at night, some 950 in June at noon."""
        height = sun_height(times_s)
        return np.asarray(1080.0 * height * (0.8 + 0.2 * height) * self.clearness(times_s))

    def rain(self, times_s: Floats) -> Floats:
        """Rain, mm/h: nothing most of the time."""
        wet = self._wander(6, times_s, 0.6 * DAY_S) + 0.35 * self._wander(7, times_s, 2400)
        return np.asarray(np.maximum(wet - 0.7 + 0.3 * (self._climate.cloud - 0.5), 0.0) * 6.0)

    def wind(self, times_s: Floats) -> Floats:
        """Wind, m/s."""
        slow = self._wander(3, times_s + 40_000.0, 0.9 * DAY_S)
        return np.asarray(np.maximum(3.4 + 2.6 * slow + 0.9 * self._wander(1, times_s, 600), 0.0))

    def _wander(self, number: int, times_s: Floats, period_s: float) -> Floats:
        keys: Keys = self._keys[number]
        return wander(keys, times_s, period_s)
