"""What flows through meters: electricity, heat, gas and water of homes, buildings and plants.

A load is a function of a key and a day. It answers with what flows in each step of that day:
- electricity and heat: watts, import positive, feed-in negative
- gas and water: litres per hour
Whole numbers, shape (steps,), the same whenever and however often they are asked for.

The sizes are rounded from public statistics: households of some 1,300 to 5,000 kWh a year (BDEW,
Stromverbrauch im Haushalt), 120 l of water a person and day, solar plants of some 900 kWh a kWp,
heat by the difference to 15 degrees outdoors (heating limit of VDI 3807).
"""

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from fleet.calendar import DAY_S, SUNDAY, day_type, offset_s
from fleet.chance import Keys, keys_of, uniforms, wander
from fleet.days import Day, Ints
from fleet.exact import Floats

Flow = Callable[[int, Day], Ints]
"""(key, day) -> what flows in each step, shape (steps,)."""


class _Use(NamedTuple):
    """An appliance's habit: when it runs (local hour, ± spread), how long, how often a day."""

    size: float
    minutes: float
    hour: float
    spread_h: float
    chance: float


_APPLIANCES = (
    _Use(1_100, 6, 6.8, 0.8, 0.95),  # coffee
    _Use(1_900, 4, 12.5, 3.0, 0.60),  # kettle
    _Use(1_700, 30, 18.4, 1.0, 0.85),  # hob
    _Use(2_300, 40, 17.6, 1.6, 0.25),  # oven
    _Use(1_900, 26, 14.0, 5.0, 0.30),  # washing machine, heating
    _Use(280, 70, 15.0, 5.0, 0.30),  # washing machine, turning
    _Use(1_800, 24, 20.3, 1.6, 0.50),  # dishwasher
    _Use(130, 180, 20.6, 0.9, 0.90),  # television
    _Use(110, 240, 19.6, 0.8, 1.00),  # light
    _Use(160, 210, 10.5, 3.0, 0.45),  # desk
)
_WATER = (  # l/h, of one household
    _Use(480, 7, 6.9, 0.8, 0.85),  # shower
    _Use(480, 8, 7.6, 1.2, 0.60),
    _Use(420, 1.2, 6.6, 0.4, 0.95),  # flushes
    _Use(420, 1.2, 9.5, 2.0, 0.80),
    _Use(420, 1.2, 13.0, 2.0, 0.80),
    _Use(420, 1.2, 18.0, 1.5, 0.95),
    _Use(420, 1.2, 22.6, 0.9, 0.95),
    _Use(300, 4, 12.6, 1.5, 0.70),  # kitchen
    _Use(300, 6, 18.9, 1.0, 0.90),
    _Use(600, 5, 14.0, 5.0, 0.30),  # washing machine
    _Use(600, 12, 19.5, 1.5, 0.18),  # bath
)


def household(key: int, day: Day) -> Ints:
    """Return a household's watts: standby, a fridge, and appliances at their hours."""
    size = _size(key, 0.6, 1.7)
    minutes = day.times_s // 60
    power = (45.0 + 70.0 * _draw(key, 1)) * size + 25.0 * uniforms(_key(key), minutes)
    power = power + np.where((minutes + key % 53) % 53 < 19, 85.0, 0.0)
    power = power + 0.35 * size * _seasonal_light(day)
    return _whole(power + _used(key, day, _APPLIANCES, size))


def solar(key: int, day: Day) -> Ints:
    """Return a roof's feed-in as negative watts: 3 to 12 kWp in some orientation."""
    return -_whole(_panels(key, day, 3_000 + 9_000 * _draw(key, 90)))


def prosumer(key: int, day: Day) -> Ints:
    """Return a household with panels behind one two-way meter."""
    return household(key, day) + solar(key, day)


def solar_park(key: int, day: Day) -> Ints:
    """Return a plant's feed-in as negative watts: 60 to 750 kWp."""
    return -_whole(_panels(key, day, 60_000 + 690_000 * _draw(key, 90)))


def school(key: int, day: Day) -> Ints:
    """Return a school's watts: lessons on school days, cleaning, little else."""
    size = _size(key, 4_000, 20_000)
    busy = 0.75 * _open(day, 7.3, 15.8) * day.school + 0.18 * _open(day, 16.0, 19.5) * day.workday
    return _whole(size * (0.14 + busy * _wavering(key, day)) + 0.3 * _seasonal_light(day))


def office(key: int, day: Day) -> Ints:
    """Return an office's watts: workdays from seven to seven, cooling on hot days."""
    size = _size(key, 6_000, 60_000)
    busy = _open(day, 7.0, 18.8) * (day.workday + 0.1 * day.saturday)
    cooling = np.clip((day.temperature - 21.0) / 10.0, 0.0, 0.7) * busy
    return _whole(size * (0.22 + 0.6 * busy * _wavering(key, day) + cooling))


def pool(key: int, day: Day) -> Ints:
    """Return a swimming pool's watts: pumps day and night, more while it is open."""
    size = _size(key, 60_000, 180_000)
    opened = np.maximum(_open(day, 6.5, 21.5) * ~day.sunday, _open(day, 8.0, 19.0) * day.sunday)
    return _whole(size * (0.55 + 0.35 * opened * _wavering(key, day)))


def industry(key: int, day: Day) -> Ints:
    """Return a plant's watts: two shifts on workdays or three, with machines in blocks."""
    size = _size(key, 80_000, 600_000)
    if _draw(key, 2) < 0.4:
        shifts = np.where(day.sunday, 0.25, 1.0)
    else:
        shifts = _open(day, 6.0, 22.0) * (day.workday + 0.35 * day.saturday)
    blocks = 0.75 + 0.25 * np.floor(4.0 * uniforms(_key(key, 5), day.times_s // 1800)) / 3.0
    return _whole(size * (0.18 + 0.75 * shifts * blocks * _wavering(key, day)))


def heat_pump(key: int, day: Day) -> Ints:
    """Return a heat pump's watts: it runs in blocks, longer in the cold, with hot water at five."""
    size = _size(key, 1_600, 3_800)
    need = np.clip((15.0 - day.temperature) / 27.0, 0.0, 1.0)
    part = (uniforms(_key(key, 6), day.times_s // 2400) < need) * 1.0
    water = _open(day, 4.8, 5.9)
    return _whole(12.0 + size * np.maximum(part, 0.9 * water))


def ev_charger(key: int, day: Day) -> Ints:
    """Return a wall box's watts: some evenings a car charges at 3.7 or 11 kW until it is full."""
    watts = 11_000.0 if _draw(key, 3) < 0.7 else 3_700.0
    hours = 25_000.0 / watts
    habits = (
        _Use(watts, 60.0 * hours, 17.8, 2.0, 0.33),
        _Use(watts, 22.0 * hours, 8.9, 1.5, 0.12),
    )
    return _whole(4.0 + _used(key, day, habits, 1.0))


def street_light(key: int, day: Day) -> Ints:
    """Return a cabinet of street lights' watts: on while it is dark, half from one to five."""
    size = _size(key, 1_500, 6_000)
    dark = np.clip((0.03 - day.sun) / 0.03, 0.0, 1.0) * (day.sun < 0.03)
    half = np.where((day.hour >= 1.0) & (day.hour < 5.0), 0.5, 1.0)
    return _whole(6.0 + size * dark * half)


def heat(key: int, day: Day) -> Ints:
    """Return a building's heat in watts: by the cold outside, less at night, and hot water."""
    size = _size(key, 250.0, 1_400.0)
    night = np.where((day.hour >= 22.5) | (day.hour < 5.5), 0.55, 1.0)
    cold = np.clip(15.0 - day.temperature, 0.0, 35.0)
    water = 2.6 * (_open(day, 6.0, 8.5) + 0.8 * _open(day, 18.0, 21.5))
    return _whole(size * (cold * night * _wavering(key, day) + water))


def gas(key: int, day: Day) -> Ints:
    """Return a boiler's gas in l/h: it burns in blocks, 10 kWh a cubic metre."""
    size = _size(key, 1_400.0, 2_600.0)
    need = np.clip((15.0 - day.temperature) / 25.0, 0.0, 1.0) + 0.25 * _open(day, 6.0, 8.0)
    return _whole(size * (uniforms(_key(key, 6), day.times_s // 1500) < need))


def water(key: int, day: Day) -> Ints:
    """Return a home's water in l/h: showers, flushes, machines; nothing at night."""
    return _whole(_used(key, day, _WATER, _size(key, 0.7, 2.2)))


def _panels(key: int, day: Day, peak_w: float) -> Floats:
    """Return what panels give: the light, with the roof's own tilt of the day, 88 % of it."""
    tilt = 1.0 + 0.25 * (2.0 * _draw(key, 91) - 1.0) * (day.hour - 12.8) / 6.0
    return peak_w * 0.88 * day.light / 1000.0 * np.clip(tilt, 0.6, 1.3)


def _used(key: int, day: Day, habits: tuple[_Use, ...], size: float) -> Floats:
    """Return what appliances use in each step; a use shorter than a step counts with its share.

    What began the day before may go on after midnight, as a car's charging does.
    """
    total = np.zeros(day.steps)
    numbers = np.array([[day.number - 1], [day.number]]) * 64 + np.arange(len(habits))
    draws = uniforms(_key(key, 7), numbers[..., None] * 4 + np.arange(3)).tolist()
    spans = (*_spans(day.number - 1, draws[0], habits, size, DAY_S),
             *_spans(day.number, draws[1], habits, size, 0))  # fmt: skip
    for use, begin_s, end_s in spans:
        first, last = begin_s // day.step_s, min((end_s - 1) // day.step_s, day.steps - 1)
        if first >= last:
            if first < day.steps:
                total[first] += use.size * (end_s - begin_s) / day.step_s
            continue
        total[first] += use.size * ((first + 1) * day.step_s - begin_s) / day.step_s
        total[first + 1 : last] += use.size
        total[last] += use.size * min(end_s - last * day.step_s, day.step_s) / day.step_s
    return total


def _spans(
    number: int, draws: list[list[float]], habits: tuple[_Use, ...], size: float, before_s: int
) -> Iterator[tuple[_Use, int, int]]:
    """Yield which appliances run on a UTC day, from and to a second after a later day's start."""
    shift_s = _shift_s(number) + before_s
    often = min(size, 1.4) * (1.15 if day_type(number) == SUNDAY else 1.0)
    for use, (chance, when, long) in zip(habits, draws, strict=True):
        if chance < min(use.chance * often, 1.0):
            hour = use.hour + (2.0 * when - 1.0) * use.spread_h
            begin_s = max(-before_s, int(hour * 3600.0) - shift_s)
            end_s = begin_s + int(use.minutes * 60.0 * (0.7 + 0.6 * long))
            if end_s > 0:
                yield use, max(begin_s, 0), end_s


@lru_cache(maxsize=16)
def _shift_s(number: int) -> int:
    """Return how far local clocks are ahead of UTC at a UTC day's noon."""
    return int(offset_s(np.array([number * DAY_S + DAY_S // 2], np.int64))[0])


def _open(day: Day, opens: float, closes: float) -> Floats:
    """Return 1 between two local hours, ramping over half an hour at both ends."""
    ramp = np.minimum(day.hour - opens, closes - day.hour) * 2.0 + 0.5
    return np.asarray(np.clip(ramp, 0.0, 1.0))


def _wavering(key: int, day: Day) -> Floats:
    times = day.times_s.astype(np.float64)
    quick = uniforms(_key(key, 9), day.times_s // 300)
    return 0.94 + 0.12 * wander(_key(key, 8), times, 5400.0) + 0.06 * quick


def _seasonal_light(day: Day) -> Floats:
    """Return the watts of lamps in the evening while it is dark."""
    dark = (day.sun < 0.05) & (day.hour > 15.5) & (day.hour < 23.2)
    return np.asarray(180.0 * dark)


def _size(key: int, low: float, high: float) -> float:
    """Return a size that is nearer to the lower end for most, as sizes are."""
    draw = _draw(key, 0)
    return low + (high - low) * draw * (0.35 + 0.65 * draw)


@lru_cache(maxsize=1 << 14)
def _draw(key: int, number: int) -> float:
    return float(uniforms(_key(key, 4), np.array([number], np.int64))[0])


def _key(key: int, stream: int = 0) -> Keys:
    return keys_of(np.array([key], np.uint64), stream)


def _whole(values: "np.ndarray[Any, np.dtype[np.floating[Any]]]") -> Ints:
    return np.asarray(np.floor(values + 0.5), np.int64)


FLOWS: dict[str, Flow] = {
    one.__name__: one
    for one in (
        household, solar, prosumer, solar_park, school, office, pool, industry, heat_pump,
        ev_charger, street_light, heat, gas, water,
    )
}  # fmt: skip
"""Every flow by its name, as scenarios call it."""

ELECTRIC = frozenset(FLOWS) - {"heat", "gas", "water"}
"""Those that flow through a transformer station."""
