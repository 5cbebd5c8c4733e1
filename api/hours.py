"""Tells the energy of each hour that is over, once, some minutes after its end."""

import asyncio
import contextlib
from collections.abc import Callable

import structlog

from analytics.closed import Closed, closed
from api.house import House
from ingest.derived import HOUR_NS
from ingest.errors import StoreUnavailable

SETTLED_NS = 300 * 10**9
"""So long after its end an hour is told: most of what comes late is in by then."""
_LOOK_S = 60.0

log = structlog.get_logger("emscher.api")


async def tell_hours(
    house: House,
    tell: Callable[[list[Closed]], None],
    stop: asyncio.Event,
    *,
    look_s: float = _LOOK_S,
) -> None:
    """Tell the last hour, and each one from now on, until `stop`."""

    def ask(start_ns: int, end_ns: int) -> list[Closed]:
        found = closed(house.store, lambda one: house.facts(*one), house.where, start_ns, end_ns)
        return list(found)

    done_ns = 0
    while not stop.is_set():
        end_ns = (house.now_ns() - SETTLED_NS) // HOUR_NS * HOUR_NS
        if end_ns > done_ns:
            try:
                tell(await asyncio.to_thread(ask, end_ns - HOUR_NS, end_ns))
                done_ns = end_ns
            except StoreUnavailable as fault:
                log.warning("the energy of the hour is told later", why=str(fault))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), look_s)
