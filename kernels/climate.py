"""Dew point, heat index, and degree days.

Sources: Sonntag 1990, Z. Meteorol. 70(5):340-344 (Magnus formula over water, 17.62, 243.12 degC).
Rothfusz 1990, NWS SR 90-23, with the adjustments of the US Weather Prediction Center and its plain
formula below 80 degF. VDI 3807 part 1: heating degree days Gt20/15 (room 20, heating limit 15).
"""

import numpy as np

from kernels.groups import check_same
from kernels.jit import FLOAT, FLOATS, FLOATS_OUT, NOTHING, Floats, floats, kernel


def dew_point(temperature: Floats, humidity: Floats) -> Floats:
    """Return the dew point (n,), degC, of degC (n,) and % (n,).

    NaN for no number, for 0 % and less, and above 100 %. Raises ValueError for unequal lengths.
    """
    return _both(_dew_point, temperature, humidity)


def heat_index(temperature: Floats, humidity: Floats) -> Floats:
    """Return the apparent temperature (n,), degC, in the shade, of degC (n,) and % (n,).

    NaN for no number and outside 0 to 100 %. Below 80 degF (26.7 degC) it is the plain formula's
    mean with the temperature. Raises ValueError for unequal lengths.
    """
    return _both(_heat_index, temperature, humidity)


def heating_degree_days(daily_mean: Floats, room: float = 20.0, limit: float = 15.0) -> Floats:
    """Return room - mean for each day (n,) whose mean is below the limit, else 0; K d.

    With room = limit = base these are the heating degree days of that base. NaN for no number.
    """
    daily_mean = floats(daily_mean)
    found = np.empty(len(daily_mean))
    _degree_days(daily_mean, 1.0, float(room), float(limit), found)
    return found


def cooling_degree_days(daily_mean: Floats, base: float = 24.0) -> Floats:
    """Return mean - base for each day (n,) whose mean is above the base, else 0; K d."""
    daily_mean = floats(daily_mean)
    found = np.empty(len(daily_mean))
    _degree_days(daily_mean, -1.0, float(base), float(base), found)
    return found


def _both(call: object, temperature: Floats, humidity: Floats) -> Floats:
    temperature, humidity = floats(temperature), floats(humidity)
    check_same(temperature=len(temperature), humidity=len(humidity))
    found = np.empty(len(temperature))
    call(temperature, humidity, found)  # type: ignore[operator]
    return found


@kernel(NOTHING(FLOATS, FLOATS, FLOATS_OUT))
def _dew_point(temperature: Floats, humidity: Floats, out: Floats) -> None:
    for i in range(len(out)):
        t = temperature[i]
        rh = humidity[i]
        if not np.isfinite(t) or t <= -243.0 or not (0.0 < rh <= 100.0):
            out[i] = np.nan
            continue
        gamma = np.log(rh / 100.0) + 17.62 * t / (243.12 + t)
        out[i] = 243.12 * gamma / (17.62 - gamma)


@kernel(NOTHING(FLOATS, FLOATS, FLOATS_OUT))
def _heat_index(temperature: Floats, humidity: Floats, out: Floats) -> None:
    for i in range(len(out)):
        t = temperature[i] * 1.8 + 32.0
        rh = humidity[i]
        if not np.isfinite(t) or not (0.0 <= rh <= 100.0):
            out[i] = np.nan
            continue
        found = 0.5 * (0.5 * (t + 61.0 + (t - 68.0) * 1.2 + rh * 0.094) + t)
        if found >= 80.0:
            found = -42.379 + 2.04901523 * t + 10.14333127 * rh - 0.22475541 * t * rh
            found += -0.00683783 * t * t - 0.05481717 * rh * rh + 0.00122874 * t * t * rh
            found += 0.00085282 * t * rh * rh - 0.00000199 * t * t * rh * rh
            if rh < 13.0 and 80.0 <= t <= 112.0:
                found -= (13.0 - rh) / 4.0 * np.sqrt((17.0 - abs(t - 95.0)) / 17.0)
            elif rh > 85.0 and 80.0 <= t <= 87.0:
                found += (rh - 85.0) / 10.0 * ((87.0 - t) / 5.0)
        out[i] = (found - 32.0) / 1.8


@kernel(NOTHING(FLOATS, FLOAT, FLOAT, FLOAT, FLOATS_OUT))
def _degree_days(mean: Floats, sign: float, room: float, limit: float, out: Floats) -> None:
    for i in range(len(out)):
        if not np.isfinite(mean[i]):
            out[i] = np.nan
        elif sign * (limit - mean[i]) > 0.0:
            out[i] = sign * (room - mean[i])
        else:
            out[i] = 0.0
