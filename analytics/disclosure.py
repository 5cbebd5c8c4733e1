"""What may be told to everybody of homes: totals out of which no single one can be read.

A home is a site that is not public. Its day is only told within a part: the homes of a district, or
those of all districts of a tenant that are too small by themselves. The parts of a day have no home
in common and there is no total above them, so that no part can be taken from another.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

HOMES_MIN = 5
LARGEST_MAX = 0.5
"""What share of a part one home may have: else the part is about that home."""
TWO_LARGEST_MAX = 0.85
"""The same of the two largest, of which one may know itself."""
GRAINS = {"Wh": 1_000.0, "m3": 0.1}
"""What totals are rounded to, by unit."""


class Home(NamedTuple):
    """What flowed through a home in a day, in the unit of its registers."""

    tenant: str
    district: str
    value: float


class Part(NamedTuple):
    """A total over homes of a tenant's. district None: of those that are too small by themselves.

    homes  how many there are at least, in steps of five, so that it does not tell when one joins
    """

    tenant: str
    district: str | None
    value: float
    homes: int


def parts(homes: Iterable[Home], unit: str) -> list[Part]:
    """Return the totals of a day that may be told; homes that fit into none are in none."""
    by_district: dict[tuple[str, str], list[float]] = defaultdict(list)
    for home in homes:
        by_district[home.tenant, home.district].append(home.value)
    rest: dict[str, list[float]] = defaultdict(list)
    found = []
    for (tenant, district), values in sorted(by_district.items()):
        if district and hides_each(values):
            found.append(_part(tenant, district, values, unit))
        else:
            rest[tenant].extend(values)
    found.extend(
        _part(tenant, None, values, unit) for tenant, values in rest.items() if hides_each(values)
    )
    return found


def hides_each(values: Sequence[float]) -> bool:
    """Return whether a sum of these tells nothing of a single one of them.

    A home that uses nothing hides nobody, so it does not count.
    """
    flowing = sorted((value for value in values if value > 0), reverse=True)
    whole = math.fsum(flowing)
    return (
        len(flowing) >= HOMES_MIN
        and flowing[0] <= LARGEST_MAX * whole
        and flowing[0] + flowing[1] <= TWO_LARGEST_MAX * whole
    )


def rounded(value: float, unit: str) -> float:
    """Return a value to its unit's grain, which is too coarse to tell one home's lamp from it."""
    grain = GRAINS[unit]
    return round(round(value / grain) * grain, 6)


def _part(tenant: str, district: str | None, values: list[float], unit: str) -> Part:
    homes = sum(value > 0 for value in values)
    total = rounded(math.fsum(values), unit)
    return Part(tenant, district, total, homes // HOMES_MIN * HOMES_MIN)
