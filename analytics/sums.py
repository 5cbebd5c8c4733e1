"""What flowed through many registers together, by period.

A sum says of how many registers it is: one of which nothing is known adds nothing, and is counted
as missing. The parts of a sum are exactly what /v1/energy says of each register.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from analytics.energy import Period
from ingest.reading import Quality
from ingest.store import SeriesSpan


@dataclass(slots=True)
class Sum:
    """A period of a group.

    value        in the registers' unit; None: of no register anything is known
    quality      the worst of those that are in it
    coverage     the mean over all registers, 0 of those that are missing
    uncertainty  the sum of theirs: they may all be wrong to one side; None: nothing limits it
    meters, missing  registers of which something is known, and nothing
    corrections  how many steps were corrected in it
    """

    start_ns: int
    end_ns: int
    value: float | None = None
    quality: Quality | None = None
    coverage: float = 0.0
    provisional: bool = False
    uncertainty: float | None = 0.0
    meters: int = 0
    missing: int = 0
    corrections: int = 0
    parts: list[float] = field(default_factory=list)


def summed(registers: Iterable[Sequence[Period]]) -> list[Sum]:
    """Return the sums over registers, whose periods are the same; nothing: there are none."""
    found: list[Sum] = []
    for periods in registers:
        if not found:
            found = [Sum(one.start_ns, one.end_ns) for one in periods]
        for one, whole in zip(periods, found, strict=True):
            _add(whole, one)
    for whole in found:
        if whole.meters:
            # To the last bit the same in whatever order the registers come.
            whole.value = math.fsum(whole.parts)
            whole.coverage /= whole.meters + whole.missing
        else:
            whole.uncertainty = None
        whole.parts.clear()
    return found


def _add(whole: Sum, one: Period) -> None:
    if one.value is None or one.quality is None:
        whole.missing += 1
        return
    whole.meters += 1
    whole.parts.append(one.value)
    whole.quality = one.quality if whole.quality is None else max(whole.quality, one.quality)
    whole.coverage += one.coverage
    whole.provisional |= one.provisional
    whole.corrections += len(one.corrections)
    if whole.uncertainty is not None:
        known = one.uncertainty is not None
        whole.uncertainty = whole.uncertainty + (one.uncertainty or 0.0) if known else None


def whole_of(spans: Iterable[SeriesSpan], quantity: str) -> list[SeriesSpan]:
    """Return a device's register that counts all of a quantity, or else those of its tariffs."""
    own = [span for span in spans if span.series.quantity == quantity]
    return [span for span in own if not span.series.channel] or own
