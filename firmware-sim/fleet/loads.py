"""What draws and feeds power: households, buildings, solar panels, appliances.

Each load is asked for a UTC day and answers with whole watts, one value a minute, shape (1440,)
int64, import positive. The answer depends on key and day alone. Days are computed whole, so that
vectorised mathematics gives the same bits however a moment is asked for.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from fleet.nature import DAY_S, Weather, drifts, sun_height, uniform, uniforms

MINUTES = 1440
Watts = NDArray[np.int64]
_MINUTE_OF_DAY = np.arange(MINUTES, dtype=np.int64)


class Load(Protocol):
    """Anything that can say its power of a day."""

    def day_w(self, day: int) -> Watts:
        """Return the power of each minute of the UTC day (days since 1970), W."""


class _Use(NamedTuple):
    """An appliance's habit: when it runs (local hour, ± spread), how long, how often a day."""

    watts: int
    minutes: int
    hour: float
    spread_h: float
    chance: float


_HABITS = (
    _Use(1_100, 6, 6.8, 0.6, 0.95),  # coffee
    _Use(1_900, 4, 12.5, 3.0, 0.60),  # kettle
    _Use(1_700, 30, 18.4, 0.9, 0.85),  # hob
    _Use(2_300, 40, 17.6, 1.4, 0.25),  # oven
    _Use(1_900, 26, 15.0, 4.0, 0.35),  # washing machine, heating
    _Use(280, 70, 16.0, 4.0, 0.35),  # washing machine, turning
    _Use(1_800, 24, 20.3, 1.2, 0.50),  # dishwasher
    _Use(130, 180, 20.6, 0.8, 0.90),  # television
    _Use(110, 240, 19.6, 0.6, 1.00),  # light
    _Use(160, 210, 10.5, 2.5, 0.45),  # desk
)


class Household:
    """A base load, a fridge that switches, and appliances used at their hours."""

    def __init__(self, key: int, zone: tzinfo, *, base_w: int, habits: Sequence[_Use] = _HABITS):
        """base_w is the standby load; zone says when it is evening there."""
        self._key, self._zone, self._base_w, self._habits = key, zone, base_w, habits

    def day_w(self, day: int) -> Watts:
        """See Load.day_w."""
        minute = day * MINUTES + _MINUTE_OF_DAY
        power = self._base_w + 25.0 * uniforms(self._key, minute)
        power += np.where((minute + self._key % 53) % 53 < 19, 85.0, 0.0)  # fridge
        shift = _shift_minutes(day, self._zone)
        for number, use in enumerate(self._habits):
            draw = (day * 64 + number) * 3
            if uniform(self._key + 1, draw) >= use.chance:
                continue
            hour = use.hour + (2 * uniform(self._key + 1, draw + 1) - 1) * use.spread_h
            start = max(0, round(hour * 60) - shift)
            length = round(use.minutes * (0.7 + 0.6 * uniform(self._key + 1, draw + 2)))
            power[start : start + length] += use.watts
        return power.astype(np.int64)


class Building:
    """A school, office or hall: a base at all times, more while it is open on workdays."""

    def __init__(
        self, key: int, zone: tzinfo, *, base_w: int, open_w: int, hours: tuple[float, float]
    ) -> None:
        """base_w at all times, open_w on top between the local hours, ramping over an hour."""
        self._key, self._zone = key, zone
        self._base_w, self._open_w, self._hours = base_w, open_w, hours

    def day_w(self, day: int) -> Watts:
        """See Load.day_w."""
        minute = day * MINUTES + _MINUTE_OF_DAY
        hour = (_MINUTE_OF_DAY + _shift_minutes(day, self._zone)) / 60.0
        opened, closed = self._hours
        share = np.clip(np.minimum(hour - opened, closed - hour) + 0.5, 0.0, 1.0)
        workday = 1.0 if (day + 3) % 7 < 5 else 0.12  # 1970-01-01 was a Thursday
        wander = 1.0 + 0.15 * drifts(self._key, (minute * 60).astype(np.float64), 1800)
        power = self._base_w + workday * share * self._open_w * wander
        return np.asarray(power + 0.04 * self._open_w * uniforms(self._key + 1, minute)).astype(
            np.int64
        )


class Appliance:
    """A machine on a plug: standby, and full power in runs of a few minutes in its hours."""

    def __init__(
        self, key: int, zone: tzinfo, *, standby_w: int, run_w: int, hours: tuple[float, float]
    ) -> None:
        """run_w is drawn in a share of the five-minute pieces between the local hours."""
        self._key, self._zone, self._hours = key, zone, hours
        self._standby_w, self._run_w = standby_w, run_w

    def day_w(self, day: int) -> Watts:
        """See Load.day_w."""
        minute = day * MINUTES + _MINUTE_OF_DAY
        hour = (_MINUTE_OF_DAY + _shift_minutes(day, self._zone)) / 60.0
        in_use = (hour >= self._hours[0]) & (hour < self._hours[1])
        runs = in_use & (uniforms(self._key, minute // 5) < 0.35)
        steady = self._run_w * (0.94 + 0.06 * uniforms(self._key + 1, minute))
        return np.where(runs, steady, float(self._standby_w)).astype(np.int64)


class Panels:
    """Solar panels on a roof: they feed in (negative) while the sun is up, else nothing."""

    def __init__(self, weather: Weather, *, peak_w: int) -> None:
        """peak_w is the power under full sun at right angles."""
        self._weather, self._peak_w = weather, peak_w

    def day_w(self, day: int) -> Watts:
        """See Load.day_w; zero or negative."""
        times_s = (day * DAY_S + 60 * _MINUTE_OF_DAY).astype(np.float64)
        height = sun_height(times_s, self._weather.latitude, self._weather.longitude)
        light = height**1.15 * self._weather.clearness(times_s)
        return -np.asarray(self._peak_w * 0.92 * light).astype(np.int64)


class Together:
    """Several loads behind one meter."""

    def __init__(self, *loads: Load) -> None:
        """The meter sees the sum of the loads."""
        self._loads = loads

    def day_w(self, day: int) -> Watts:
        """See Load.day_w."""
        total = np.zeros(MINUTES, dtype=np.int64)
        for load in self._loads:
            total += load.day_w(day)
        return total


def _shift_minutes(day: int, zone: tzinfo) -> int:
    """Return how far the zone's clock is ahead of UTC at that day's noon, in minutes."""
    noon = datetime(1970, 1, 1, 12, tzinfo=UTC) + timedelta(days=day)
    ahead = noon.astimezone(zone).utcoffset() or timedelta(0)
    return int(ahead.total_seconds()) // 60
