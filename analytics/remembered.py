"""What people know of meters, remembered while the catalog is away.

An operator must hear of a silent device although a database is down. So the analysis goes on with
what it was told last, or with nothing; figures that are billed on are asked for with the catalog
there (api/energy.py), and wait for it.
"""

import time
from collections.abc import Callable

import structlog

from analytics.counters import Facts
from ingest.errors import StoreUnavailable
from ingest.meter import NOTHING_KNOWN, RegisterFacts

AGAIN_S = 30.0
"""How long a catalog that is away is not asked again."""

log = structlog.get_logger("emscher.analytics")


def remembered(ask: Facts | None, clock_s: Callable[[], float] = time.monotonic) -> Facts:
    """Return facts that never fail: as told now, else as told last, else nothing."""
    told: dict[tuple[str, str, str], RegisterFacts] = {}
    away_until_s = float("-inf")

    def facts(device: str, quantity: str, channel: str) -> RegisterFacts:
        nonlocal away_until_s
        register = device, quantity, channel
        if ask is not None and clock_s() >= away_until_s:
            try:
                told[register] = ask(*register)
            except StoreUnavailable as fault:
                away_until_s = clock_s() + AGAIN_S
                log.warning("meters are judged by what was known of them last", why=str(fault))
        return told.get(register, NOTHING_KNOWN)

    return facts
