"""Consumption beside the weather: degree days of periods, and what a normal one would have needed.

Source: VDI 3807 part 1 (consumption of buildings is compared by 20/15 degree days); the degree days
of a local day are those of analytics/environment.py.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import tzinfo
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from analytics.calendar import By, edges, to_datetime
from analytics.environment import Figures, figures
from ingest.store import Source

KNOWN_MIN = 0.9
"""What share of a period's days must have a temperature, to scale by them."""
LEAST = {By.MONTH: 30.0, By.YEAR: 300.0}
"""So many degree days, K.d, must a period have: few of them say nothing of consumption."""
YEARS_MIN = 2


class Weather(StrEnum):
    """What is needed against the weather."""

    HEATING = "heating"
    COOLING = "cooling"


_FIGURES = {
    Weather.HEATING: "heating_degree_days_20_15",
    Weather.COOLING: "cooling_degree_days_24",
}


class Degrees(NamedTuple):
    """Degree days of a period: the sum, K.d, over the days that are known, and their count.

    whole  whether it is a whole month or year, not one that a span has cut
    """

    start_ns: int
    value: float
    days: int
    of_days: int
    whole: bool

    @property
    def is_known(self) -> bool:
        """Whether enough days are known to scale by them."""
        return self.of_days > 0 and self.days >= KNOWN_MIN * self.of_days


class Normal(NamedTuple):
    """Consumption at normal weather; value None: why says why not."""

    value: float | None
    why: str | None = None


def degrees(
    source: Source, device: str, what: Weather, edges_ns: NDArray[np.int64], by: By, where: tzinfo
) -> list[Degrees]:
    """Return the degree days of the periods, months or years, between edges (k+1,)."""
    daily = figures(source, device, Figures.DEGREE_DAYS, int(edges_ns[0]), int(edges_ns[-1]), where)
    days = [one for one in daily if one.kind == _FIGURES[what]]
    found = []
    for start_ns, end_ns in zip(edges_ns[:-1].tolist(), edges_ns[1:].tolist(), strict=True):
        own = [one.value for one in days if start_ns <= one.start_ns < end_ns]
        known = [value for value in own if value is not None]
        of_days = len(edges(start_ns, end_ns, By.DAY, where)) - 1
        whole = _begins(start_ns, by, where) and _begins(end_ns, by, where)
        found.append(Degrees(start_ns, float(sum(known)), len(known), of_days, whole))
    return found


def references(past: Sequence[Degrees], by: By, where: tzinfo) -> dict[int, float]:
    """Return the degree days of a normal period, from at least two years that are known.

    By the month of the year, 1 to 12; of years there is one, under 0.
    """
    of: dict[int, list[float]] = defaultdict(list)
    for one in past:
        if one.whole and one.is_known:
            month = to_datetime(one.start_ns, where).month if by is By.MONTH else 0
            of[month].append(one.value)
    return {at: sum(values) / len(values) for at, values in of.items() if len(values) >= YEARS_MIN}


def normal(
    value: float | None, own: Degrees, reference: float | None, by: By, base: float
) -> Normal:
    """Return what a period would have needed at normal weather.

    base  the share, 0 to 1, that does not depend on the weather and is not scaled
    """
    if value is None:
        return Normal(None, "nothing is known of what flowed")
    if not own.whole:
        return Normal(None, f"it is not a whole {by.value}")
    if not own.is_known:
        return Normal(
            None,
            f"{own.days} of {own.of_days} days have a temperature, {KNOWN_MIN:.0%} are needed",
        )
    if own.value < LEAST[by]:
        return Normal(
            None, f"{own.value:.0f} degree days say too little, {LEAST[by]:.0f} are needed"
        )
    if reference is None:
        return Normal(None, f"fewer than {YEARS_MIN} years are known to compare with")
    return Normal(value * (base + (1.0 - base) * reference / own.value))


def _begins(at_ns: int, by: By, where: tzinfo) -> bool:
    """Return whether a month or a year begins at an instant."""
    at = to_datetime(at_ns, where)
    first = at.day == 1 and (by is By.MONTH or at.month == 1)
    return first and (at.hour, at.minute, at.second, at.microsecond) == (0, 0, 0, 0)
