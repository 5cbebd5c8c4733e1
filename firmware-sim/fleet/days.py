"""One UTC day of the city, cut into steps: what every load needs to know, computed once for all."""

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fleet.calendar import DAY_S, SATURDAY, SUNDAY, day_type, is_school_holiday, offset_s
from fleet.exact import Floats
from fleet.weather import Weather, sun_height

Ints = NDArray[np.int64]
_KEPT = 4


@dataclass(frozen=True, slots=True)
class Day:
    """A UTC day in s steps; arrays are of shape (s,), one value a step, taken at its middle.

    number       days since 1970; step_s: the length of a step; times_s: the steps' starts, UTC
    hour         local hour of the day, 0 … 24
    workday, saturday, sunday, school   whether the local day is one (school: schools are open)
    temperature  outdoors, Cel; light: global irradiance, W/m2; sun: sine of the sun's elevation
    """

    number: int
    step_s: int
    times_s: Ints
    hour: Floats
    workday: NDArray[np.bool_]
    saturday: NDArray[np.bool_]
    sunday: NDArray[np.bool_]
    school: NDArray[np.bool_]
    temperature: Floats
    light: Floats
    sun: Floats

    @property
    def steps(self) -> int:
        """How many steps it has."""
        return DAY_S // self.step_s


class Days:
    """The days of one weather, the last few of them kept."""

    def __init__(self, weather: Weather, step_s: int) -> None:
        """step_s must divide a day. Errors: ValueError."""
        if step_s < 1 or DAY_S % step_s:
            raise ValueError(
                f"step: expected seconds that divide a day (60, 900 …), found {step_s}"
            )
        self.weather, self.step_s = weather, step_s
        self._kept: OrderedDict[int, Day] = OrderedDict()

    def day(self, number: int) -> Day:
        """Return a UTC day (days since 1970)."""
        found = self._kept.get(number)
        if found is None:
            found = self._kept[number] = self._made(number)
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return found

    def _made(self, number: int) -> Day:
        times_s = number * DAY_S + np.arange(0, DAY_S, self.step_s, dtype=np.int64)
        middles = times_s + self.step_s // 2
        local_s = middles + offset_s(middles)
        local_days = local_s // DAY_S
        first = int(local_days[0])
        which = local_days - first  # a UTC day lies in two local ones
        kind = np.array([day_type(first), day_type(first + 1)])[which]
        free = np.array([is_school_holiday(first), is_school_holiday(first + 1)])[which]
        seconds = middles.astype(np.float64)
        return Day(
            number,
            self.step_s,
            times_s,
            (local_s % DAY_S) / 3600.0,
            kind < SATURDAY,
            kind == SATURDAY,
            kind == SUNDAY,
            (kind < SATURDAY) & ~free,
            self.weather.temperature(seconds),
            self.weather.light(seconds),
            sun_height(seconds),
        )
