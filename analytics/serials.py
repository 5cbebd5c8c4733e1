"""Exchanges of meters that nobody wrote down, by the number that a meter sends with its register.

Bridges of M-Bus meters send its fabrication number beside what it shows. When another number comes,
and comes again, another meter is there; what both showed at the exchange is not known.
"""

from dataclasses import replace

import numpy as np

from analytics.grouping import valid
from ingest.meter import Meter, RegisterFacts
from ingest.reading import Series
from ingest.store import Source

NUMBER = "fabrication_number"
_EVER_NS = (-(2**63) + 1, 2**63 - 1)


def with_serials(source: Source, register: Series, told: RegisterFacts) -> RegisterFacts:
    """Return what people know of a register's meters, or else what their numbers show."""
    if told.meters:
        return told
    own = [span for span in source.series(register.device) if span.series.quantity == NUMBER]
    if not own:
        return told
    rows = valid(source.scan([own[0].number], *_EVER_NS))
    meters = _meters(rows.time_ns.tolist(), rows.value.tolist())
    return replace(told, meters=meters) if meters[1:] else told


def _meters(time_ns: list[int], number: list[float]) -> tuple[Meter, ...]:
    """Return the meters in their order; a number that comes only once is a fault, and no meter."""
    if not number:
        return ()
    changed = np.flatnonzero(np.diff(number) != 0).tolist()
    found = [Meter(0, serial=f"{number[0]:.0f}")]
    for at in changed:
        new = number[at + 1]
        again = number[at + 2 : at + 3] == [new]
        if again and f"{new:.0f}" != found[-1].serial:
            found[-1] = replace(found[-1], removed_ns=time_ns[at + 1])
            found.append(Meter(time_ns[at + 1], serial=f"{new:.0f}"))
    return tuple(found)
