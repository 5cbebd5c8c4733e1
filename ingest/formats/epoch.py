"""Epoch timestamps whose unit nobody states: seconds, milliseconds, microseconds, nanoseconds.

The four can't be confused for any time from 2000 on: that many nanoseconds are over 9.4e17, that
many microseconds over 9.4e14, milliseconds over 9.4e11, seconds over 9.4e8, and between two of
these lie three powers of ten. A number is therefore read in the finest unit in which it is a time
after 2000; one that is none in any unit is a clock that was never set, and is read as it is.
"""

from decimal import Decimal

from ingest.clock import EARLIEST_NS, SECOND_NS
from ingest.errors import PayloadError

UNIT_NS = {"s": SECOND_NS, "ms": 1_000_000, "us": 1000, "ns": 1}
_FINEST_FIRST = (1, 1000, 1_000_000, SECOND_NS)
_LATEST_NS = 1 << 70  # far beyond any date, and small enough to count with


def sized_ns(number: int) -> int:
    """Return an epoch timestamp in ns, its unit told by its size.

    An impossible one is returned as if it were ns: before 2000, so that it is judged as such.
    """
    for unit_ns in _FINEST_FIRST:
        if number * unit_ns >= EARLIEST_NS:
            return number * unit_ns
    return number


def exact_ns(number: int | float | Decimal, unit_ns: int | None = None) -> int:
    """Return an epoch timestamp in ns, to the last digit that it is written with.

    number   a float counts as the shortest decimal that it stands for: 1.001 is 1.001
    unit_ns  the unit in ns; None: told by its size, as in `sized_ns`
    Errors   PayloadError for what is no number that a clock could show.
    """
    exact = Decimal(repr(number)) if isinstance(number, float) else Decimal(number)
    if not exact.is_finite() or exact.adjusted() > 24 or len(exact.as_tuple().digits) > 40:
        raise PayloadError("time", "a number of seconds, ms, us or ns since 1970", str(number)[:40])
    if unit_ns is None:
        unit_ns = next((unit for unit in _FINEST_FIRST if exact * unit >= EARLIEST_NS), 1)
    time_ns = int(exact * unit_ns)
    if abs(time_ns) > _LATEST_NS:
        raise PayloadError("time", "a number of seconds, ms, us or ns since 1970", str(number)[:40])
    return time_ns
