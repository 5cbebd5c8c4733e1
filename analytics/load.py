"""The load of registers: peak, base and duration curve, out of what flowed in each quarter-hour.

The quarter-hour is the measuring period of the German electricity market. Power is its mean over a
quarter-hour. Only quarter-hours of which all registers are known count; `known` says how many.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from analytics.sums import Sum

QUARTER_H = 0.25
SHARES = (0.0, 0.01, 0.02, 0.05, *(tenth / 10 for tenth in range(1, 10)), 0.95, 0.98, 0.99, 1.0)
BASE_SHARE = 0.95
"""The base load is what is reached in 95 % of the quarter-hours."""


@dataclass(frozen=True, slots=True)
class Load:
    """Figures of a span: powers in the unit's own per hour (W of Wh, m3/h of m3).

    energy       what flowed in the known quarter-hours
    peak         the most of a quarter-hour, peak_ns when it began
    base, mean   what is reached in 95 % of them; the mean
    factor       mean / peak, 0…1; hours: energy / peak, for how long the peak would take
    duration     the power that is reached in each of SHARES of the known time
    known        share of the span's quarter-hours that count
    """

    energy: float
    peak: float
    peak_ns: int
    base: float
    mean: float
    factor: float | None
    hours: float | None
    duration: tuple[float, ...]
    known: float


def load_of(quarters: Sequence[Sum]) -> Load | None:
    """Return the load of quarter-hours; None: of none of them all registers are known.

    Quarter-hours that a span cuts at its ends are left out.
    """
    whole = [one for one in quarters if one.end_ns - one.start_ns == _QUARTER_NS]
    known = [one for one in whole if one.value is not None and not one.missing]
    if not known:
        return None
    powers = [(one.value or 0.0) / QUARTER_H for one in known]
    peak_at = max(range(len(known)), key=lambda k: (powers[k], -k))
    energy, peak = math.fsum(one.value or 0.0 for one in known), powers[peak_at]
    ordered = sorted(powers, reverse=True)
    return Load(
        energy=energy,
        peak=peak,
        peak_ns=known[peak_at].start_ns,
        base=_reached(ordered, BASE_SHARE),
        mean=energy / (len(known) * QUARTER_H),
        factor=energy / (len(known) * QUARTER_H) / peak if peak else None,
        hours=energy / peak if peak else None,
        duration=tuple(_reached(ordered, share) for share in SHARES),
        known=len(known) / len(whole),
    )


_QUARTER_NS = 900_000_000_000


def _reached(ordered: Sequence[float], share: float) -> float:
    """Return what is reached in a share of the time; 0: in one quarter-hour."""
    return ordered[max(math.ceil(share * len(ordered) - 1e-9), 1) - 1]
