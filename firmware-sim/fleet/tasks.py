"""Ending tasks for certain."""

import asyncio
from typing import Any

_AGAIN_S = 0.1


async def end(*tasks: "asyncio.Future[Any]") -> None:
    """Cancel tasks and wait until they have ended; what they raise is dropped.

    One cancel is not enough: in Python 3.11 asyncio.wait_for, with which aiomqtt awaits an
    acknowledgement, loses a cancellation that comes in the same turn of the loop as the result
    (github.com/python/cpython/issues/86296). So it is repeated until it is heard.
    """
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=_AGAIN_S)
    await asyncio.gather(*tasks, return_exceptions=True)
