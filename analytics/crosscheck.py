"""Energy out of power, where a meter sends both: the second way to the same figure.

The trapezoidal rule over the readings of active power, import and export apart. A span longer than
the gap limit is not bridged; so a figure is given only for periods that are seen nearly whole.
"""

import numpy as np
from numpy.typing import NDArray

from analytics.grouping import valid
from analytics.register import GAP_RHYTHMS
from ingest.reading import Series
from ingest.store import Source
from kernels import energy as kernel
from kernels import limits

COVERED_MIN = 0.99
_OF = {"active_energy_import": "active_power", "active_energy_export": "active_power"}
_OF |= {"heat_energy": "heat_power"}


def by_power(source: Source, register: Series, edges_ns: NDArray[np.int64]) -> list[float | None]:
    """Return the energy (Wh) of each period (k) between the edges (k+1,), out of power.

    None where the meter tells no power, or less than 99 % of the period is seen. Power is of the
    same channel; where a register of one tariff has none of its own, there is nothing to compare.
    """
    none: list[float | None] = [None] * (len(edges_ns) - 1)
    power = _OF.get(register.quantity)
    spans = [
        span
        for span in source.series(register.device)
        if span.series.quantity == power and span.series.channel == register.channel
    ]
    if not spans:
        return none
    # A span that crosses the first or the last edge counts with the part inside.
    lead_ns = int(edges_ns[-1] - edges_ns[0]) // 8 + 3_600_000_000_000
    number = spans[0].number
    rows = valid(source.scan([number], int(edges_ns[0]) - lead_ns, int(edges_ns[-1]) + lead_ns))
    gap_ns = int(GAP_RHYTHMS * limits.typical_gap(rows.time_ns))
    found = kernel.energy_between(rows.time_ns, rows.value, gap_ns, edges_ns)
    out = register.quantity == "active_energy_export"
    amount = found.export_wh if out else found.import_wh
    seen = found.covered_ns >= COVERED_MIN * np.diff(edges_ns)
    return [float(a) if whole else None for a, whole in zip(amount, seen, strict=True)]
