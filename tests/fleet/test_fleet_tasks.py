"""A task is ended even if it misses its first cancellations."""

import asyncio

from fleet.tasks import end


async def test_a_cancellation_that_is_lost_is_repeated():
    lost = 0

    async def deaf():
        nonlocal lost
        while lost < 3:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                lost += 1
        await asyncio.sleep(60)

    async def failing():
        raise ValueError("dropped")

    tasks = [asyncio.create_task(deaf()), asyncio.create_task(failing())]
    await asyncio.sleep(0)
    await asyncio.wait_for(end(*tasks), 5)
    assert lost == 3
    assert all(task.done() for task in tasks)


async def test_nothing_to_end_is_fine():
    await asyncio.wait_for(end(), 1)


async def test_who_ends_others_is_ended_after_them():
    """Cancelled while it waits, also again and again, it leaves nothing running behind."""
    lost = 0

    async def deaf():
        nonlocal lost
        while lost < 3:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                lost += 1
                await asyncio.sleep(0.01)

    task = asyncio.create_task(deaf())
    await asyncio.sleep(0)
    ending = asyncio.create_task(end(task))
    for _ in range(3):
        await asyncio.sleep(0)
        ending.cancel()
    (raised,) = await asyncio.wait_for(asyncio.gather(ending, return_exceptions=True), 5)
    assert isinstance(raised, asyncio.CancelledError)
    assert task.done()
