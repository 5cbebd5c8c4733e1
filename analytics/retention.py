"""What is kept for ever, and what only in windows.

Registers are what is billed on: they are kept whole, so every sum of energy stays what it was, for
any period. So are counts and states. Readings of gauges (a temperature, a power) may be dropped
when they are old; their windows of 1 min, 15 min and 1 h stay, and so does what was found odd.
"""

import numpy as np
import structlog

from ingest.derived import HOUR_NS
from ingest.quantity import Kind, quantity
from ingest.store import Store

log = structlog.get_logger("emscher.analytics")


def forget_old(store: Store, keep_ns: int | None, now_ns: int) -> int:
    """Drop readings of gauges that are older, by whole hours, and return how many.

    Called when all that is stored is in windows. The hour of a series' newest reading is never
    dropped: its windows are still open.
    """
    if keep_ns is None:
        return 0
    horizon_ns = (now_ns - keep_ns) // HOUR_NS * HOUR_NS
    due = [
        (span.number, min(horizon_ns, span.last_ns // HOUR_NS * HOUR_NS))
        for span in store.series()
        if quantity(span.series.quantity).kind is Kind.GAUGE and span.first_ns < horizon_ns
    ]
    due = [(number, before_ns) for number, before_ns in due if before_ns > -HOUR_NS]
    if not due:
        return 0
    numbers, before_ns = (np.array(column) for column in zip(*due, strict=True))
    numbers = numbers.astype(np.int32)
    fresh = before_ns > store.forgotten_ns(numbers)
    gone = store.forget(numbers[fresh], before_ns[fresh]) if fresh.any() else 0
    if gone:
        log.info("old readings were dropped; their windows stay", readings=gone)
    return gone
