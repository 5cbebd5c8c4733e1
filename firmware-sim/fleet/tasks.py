"""Ending tasks for certain."""

import asyncio
from typing import Any

_AGAIN_S = 0.1


async def end(*tasks: "asyncio.Future[Any]") -> None:
    """Cancel tasks and wait until they have ended; what they raise is dropped.

    One cancel is not enough: in Python 3.11 asyncio.wait_for, with which aiomqtt awaits an
    acknowledgement, loses a cancellation that comes in the same turn of the loop as the result
    (github.com/python/cpython/issues/86296). So it is repeated until it is heard. For whoever
    cancels this in turn the same holds: it is raised when all have ended, and not before.
    """
    left = set(tasks)
    cancelled: asyncio.CancelledError | None = None
    while left:
        for task in left:
            task.cancel()
        try:
            _, left = await asyncio.wait(left, timeout=_AGAIN_S)
        except asyncio.CancelledError as error:
            cancelled = error
            left = {task for task in left if not task.done()}
    await asyncio.gather(*tasks, return_exceptions=True)
    if cancelled is not None:
        raise cancelled
