"""The parts that a figure of energy is made of: the steps of a register between two readings.

The figure of [a, b) is U(b) - U(a). Cut at every reading in between, each part is U's change from
one reading to the next, so that the parts add up to the figure but for the rounding of float64:
to 1 part in 10^12 of all that the register has counted.

Source: docs/energy.md says how each step of a register is judged.
"""

from dataclasses import dataclass

import numpy as np

from analytics.corrections import Correction, corrections_of, step_name
from analytics.energy import Period, periods
from analytics.register import Unwrapped
from ingest.reading import Quality

REJECTED_MAX = 20
"""So many of the readings that were not counted are named in a part; its correction counts all."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A reading, and the ratio of the transformers that it is multiplied by: by it value counts."""

    time_ns: int
    value: float
    multiplier: float
    quality: Quality
    received_ns: int


@dataclass(frozen=True, slots=True)
class Part:
    """What one step of the register adds to a figure.

    first, last  the two readings of the step · step  what it is: "climb", "gap", "reset", …
    amount       what flowed between the two, wherever the figure's span begins and ends
    inside       what of it falls into the span, with its own quality and uncertainty
    corrections  all of the step: amount = change of the register + their sum
    rejected     the readings between the two that were not counted, the first REJECTED_MAX
    """

    first: Reading
    last: Reading
    step: str
    amount: float
    inside: Period
    corrections: list[Correction]
    rejected: list[Reading]


@dataclass(frozen=True, slots=True)
class Explained:
    """A figure and the parts of it, from the cursor on.

    figure   of the whole span · count  of all its parts
    next_ns  where the part begins that follows those given; None: that was all
    """

    figure: Period
    count: int
    parts: list[Part]
    next_ns: int | None


def explained(
    whole: Unwrapped, unit: str, start_ns: int, end_ns: int, from_ns: int, limit: int
) -> Explained:
    """Return what the figure of [start_ns, end_ns) is made of, at most `limit` parts by time.

    from_ns  where the first part to be told begins: start_ns, or the next_ns of a call before
    """
    figure = periods(whole, np.array([start_ns, end_ns], np.int64), unit)[0]
    good = np.flatnonzero(whole.judged.good)
    good_ns = whole.rows.time_ns[good]
    low_ns, high_ns = figure.known_from_ns, figure.known_to_ns
    if figure.value is None:
        return Explained(figure, 0, [], None)
    inner_ns = good_ns[(good_ns > low_ns) & (good_ns < high_ns)]
    begin_ns = max(low_ns, from_ns)
    cuts_ns = np.array([begin_ns, *inner_ns[inner_ns > begin_ns], high_ns], np.int64)
    following = int(cuts_ns[limit]) if len(cuts_ns) > limit + 1 else None
    cuts_ns = cuts_ns[: limit + 1]
    if begin_ns >= high_ns:
        return Explained(figure, len(inner_ns) + 1, [], None)
    corrections = corrections_of(whole, unit)
    at_ns = np.array([one.at_ns for one in corrections], np.int64)
    found = []
    last_at = np.searchsorted(good_ns, cuts_ns[1:]).tolist()
    for inside, at in zip(periods(whole, cuts_ns, unit), last_at, strict=True):
        first, last = int(good[at - 1]), int(good[at])
        own = np.searchsorted(at_ns, [good_ns[at - 1], good_ns[at]], side="right").tolist()
        between = range(first + 1, min(last, first + 1 + REJECTED_MAX))
        found.append(
            Part(
                _reading(whole, first),
                _reading(whole, last),
                step_name(int(whole.judged.kind[last])),
                float(whole.judged.amount[last]),
                inside,
                corrections[slice(*own)],
                [_reading(whole, i) for i in between],
            )
        )
    return Explained(figure, len(inner_ns) + 1, found, following)


def _reading(whole: Unwrapped, i: int) -> Reading:
    rows, ratio = whole.rows, float(whole.multiplier[i])
    return Reading(
        int(rows.time_ns[i]),
        float(rows.value[i]) / ratio,
        ratio,
        Quality(int(rows.quality[i])),
        int(rows.received_ns[i]),
    )
