"""What flowed through a register in each hour, as far as it was measured."""

from datetime import tzinfo

import numpy as np
from numpy.typing import NDArray

from analytics.energy import Period, periods
from analytics.grouping import valid
from analytics.register import unwrapped
from analytics.serials import with_serials
from ingest.derived import HOUR_NS
from ingest.meter import RegisterFacts
from ingest.quantity import quantity
from ingest.reading import Quality
from ingest.store import Source

COVERED = 0.5
"""The share of an hour that must lie between readings."""
_TRUE = frozenset((Quality.MEASURED, Quality.ESTIMATED))


def measured_flows(
    source: Source,
    number: int,
    edges_ns: NDArray[np.int64],
    where: tzinfo,
    facts: RegisterFacts,
) -> NDArray[np.float64]:
    """Return what flowed between the edges (k+1,), as (k,); NaN where it was not measured.

    Only the readings of that span, and of an hour around it, are asked for.
    """
    series = source.name_of(number)
    unit, known = quantity(series.quantity).unit, with_serials(source, series, facts)
    span = edges_ns[:1] - HOUR_NS, edges_ns[-1:] + HOUR_NS
    rows = valid(source.within(np.array([number], np.int32), *span))
    found = periods(unwrapped(rows, unit, where, known), edges_ns, unit)
    return np.array([_measured(one) for one in found])


def _measured(one: Period) -> float:
    """Return what flowed; NaN where it was not measured. What is steep counts as it stands."""
    steep = bool(one.corrections) and all(c.kind == "steep" for c in one.corrections)
    if one.value is None or one.coverage <= COVERED or not (one.quality in _TRUE or steep):
        return float(np.nan)
    return one.value
