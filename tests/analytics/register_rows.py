"""Registers for the tests of energy, and what is asked of them."""

import numpy as np
from derived_rows import BERLIN, EPOCH, MINUTE

from analytics import energy
from analytics.register import unwrapped
from ingest.meter import NOTHING_KNOWN, Meter, RegisterFacts
from ingest.reading import Rows

QUARTER = 15 * MINUTE
FUSED = RegisterFacts((Meter(0, power_max=20_000.0),))


def rows_of(values, step_ns=QUARTER, quality=0):
    """Return a register's rows from kWh, a step apart; None: no reading."""
    known = [(EPOCH + i * step_ns, v * 1000) for i, v in enumerate(values) if v is not None]
    return rows_at(known, quality)


def rows_at(readings, quality=0):
    """Return a register's rows from [(time_ns, Wh)]."""
    n = len(readings)
    times, values = zip(*readings, strict=True) if n else ((), ())
    return Rows.of([0] * n, times, values, times, np.broadcast_to(quality, n))


def asked(rows, edges_ns, unit="Wh", facts=NOTHING_KNOWN):
    """Return the periods of rows between edges."""
    whole = unwrapped(rows, unit, BERLIN, facts)
    return energy.periods(whole, np.asarray(edges_ns, np.int64), unit)


def before_and_after(values):
    """Return plain quarters, the values as the last of them, and plain quarters after."""
    first = next(v for v in values if v is not None)
    last = next(v for v in reversed(values) if v is not None)
    return [*(first - 30 + i for i in range(30)), *values, *(last + 1 + i for i in range(8))]
