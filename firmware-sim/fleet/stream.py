"""Publishing a stream that may have no end: paced, over many clients, past a broker's absence."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from itertools import count
from typing import NamedTuple

import aiomqtt

from fleet.errors import BrokerAbsentError, BrokerLostError
from fleet.message import SECOND_NS, Message
from fleet.publisher import IN_FLIGHT, Broker, connected, publish
from fleet.sending import Progress, Sent, share_of
from fleet.tasks import end

_PAUSES_S = (0.25, 0.5, 1.0, 2.0, 5.0)
_REPORT_S = 0.1
_CHUNK, _CHUNK_S = 256, 0.05  # of messages made ahead, and the time that may take
_LANES = 1024  # over all clients


async def publish_stream(
    broker: Broker,
    messages: Iterator[Message],
    *,
    clients: int = 1,
    qos: int | None = None,
    speed: float | None = None,
    rate: float | None = None,
    keep_on: bool = False,
    stop: asyncio.Event | None = None,
    progress: Callable[[Progress], None] | None = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> Sent:
    """Publish the messages and return what came of it, when all are acknowledged.

    messages  are made in a thread, a little ahead, so that making them holds nothing up
    clients   connections; a device's messages go through one of them, in order
    qos       0 or 1 for every message; None: each message's own
    speed     1 keeps the times of the messages, 60 makes an hour a minute
    rate      messages a second, whatever their times; neither: as fast as it goes
    keep_on   make a lost connection again, with growing pauses, and send again what was not
              acknowledged: of QoS 1, nothing is lost, and some may come twice
    stop      set: nothing more is sent, what is in flight is waited for
    progress  told ten times a second, and at the end
    Errors    ValueError for numbers that make no sense; BrokerAbsentError at the beginning;
              BrokerLostError, which says how many were acknowledged; what `messages` raises
    """
    if not 1 <= clients <= 10_000:
        raise ValueError(f"clients: expected 1 to 10000, found {clients}")
    if qos not in (0, 1, None):
        raise ValueError(f"qos: expected 0 or 1, found {qos}")
    for name, value in (("speed", speed), ("rate", rate)):
        if value is not None and not 0 < value < float("inf"):
            raise ValueError(f"{name}: expected a number above 0, or none, found {value}")
    if speed is not None and rate is not None:
        raise ValueError(f"expected a speed or a rate, found both: {speed} and {rate}")
    pace = _Pace(speed, rate, clock)
    stream = _Stream(broker, qos, pace, keep_on, stop or asyncio.Event(), clock, sleep)
    return await stream.run(messages, clients, progress)


class _Item(NamedTuple):
    """A message on its way, and when it is due by the clock; 0 where there is no pace."""

    message: Message
    due_s: float


class _Pace:
    """When each message is due."""

    def __init__(self, speed: float | None, rate: float | None, clock: Callable[[], float]) -> None:
        self._speed, self._rate, self._clock = speed, rate, clock
        self._began_s, self._first_ns, self._number = 0.0, 0, 0
        self.is_kept = speed is not None or rate is not None

    def due_s(self, message: Message) -> float:
        """Return when the next message is due, by the clock; 0.0 where there is no pace."""
        if not self.is_kept:
            return 0.0
        if self._number == 0:
            self._began_s, self._first_ns = self._clock(), message.time_ns
        number = self._number
        self._number += 1
        if self._rate is not None:
            return self._began_s + number / self._rate
        assert self._speed is not None
        return self._began_s + (message.time_ns - self._first_ns) / SECOND_NS / self._speed


class _Stream:
    """A stream on its way: its clients, its counts."""

    def __init__(
        self,
        broker: Broker,
        qos: int | None,
        pace: _Pace,
        keep_on: bool,
        stop: asyncio.Event,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self.broker, self.qos, self.pace, self.keep_on = broker, qos, pace, keep_on
        self.stop, self.clock, self.sleep = stop, clock, sleep
        self.acknowledged, self.reconnects = 0, 0
        self.last_ns, self.lag_s, self.lag_max_s = 0, 0.0, 0.0
        self.began_s, self.ended_s = 0.0, 0.0
        self._clients: list[_Client] = []
        self._missing, self._complete = 0, asyncio.Event()
        self._making: asyncio.Task[_Chunk] | None = None

    async def run(
        self,
        messages: Iterator[Message],
        clients: int,
        progress: Callable[[Progress], None] | None,
    ) -> Sent:
        """Publish all, or until stop."""
        lanes = max(4, min(IN_FLIGHT, _LANES // clients))
        self._clients = [_Client(self, number, lanes) for number in range(clients)]
        self._missing = clients
        for client in self._clients:
            client.task = asyncio.create_task(client.keep())
        sharing = asyncio.create_task(self._share(messages))
        stopping = asyncio.create_task(self._stopping(sharing))
        telling = asyncio.create_task(self._telling(progress))
        working = {sharing, *(client.task for client in self._clients if client.task)}
        try:
            done, _ = await asyncio.wait(working, return_when=asyncio.FIRST_EXCEPTION)
            for task in done:
                if not task.cancelled():
                    task.result()
        except BrokerLostError as error:
            raise BrokerLostError(
                f"{error}; {self.acknowledged} messages were acknowledged"
            ) from error
        finally:
            await end(stopping, telling, *working)
            if self._making is not None:  # a thread can't be cancelled, and has the messages
                await asyncio.wait({self._making})
        if progress is not None:
            progress(self._progress())
        seconds = max(0.0, self.ended_s - self.began_s)
        left = sum(client.unacknowledged for client in self._clients)
        return Sent(self.acknowledged, left, seconds, self.lag_max_s, self.reconnects)

    async def _share(self, messages: Iterator[Message]) -> None:
        """Give each message to the client of its device when it is due."""
        of_topic: dict[str, _Client] = {}
        chunk = await self._make(messages)
        await self._complete.wait()
        while True:
            following = None
            if not chunk.is_last:
                following = self._making = asyncio.create_task(asyncio.to_thread(_made, messages))
            for message in chunk.messages:
                client = of_topic.get(message.topic)
                if client is None:
                    client = self._clients[share_of(message.topic) % len(self._clients)]
                    of_topic[message.topic] = client
                due_s = self.pace.due_s(message)
                if self.pace.is_kept:
                    pause_s = due_s - self.clock()
                    if pause_s > 0:
                        await self.sleep(pause_s)
                await client.give(_Item(message, due_s))
            if chunk.error is not None:
                raise chunk.error
            if following is None:
                break
            chunk = await asyncio.shield(following)
        for client in self._clients:
            await client.give(None)

    async def _make(self, messages: Iterator[Message]) -> "_Chunk":
        self._making = asyncio.create_task(asyncio.to_thread(_made, messages))
        return await asyncio.shield(self._making)

    async def _stopping(self, sharing: "asyncio.Task[None]") -> None:
        await self.stop.wait()
        await end(sharing)
        for client in self._clients:
            client.wind_up()

    async def _telling(self, progress: Callable[[Progress], None] | None) -> None:
        while progress is not None:
            await asyncio.sleep(_REPORT_S)
            progress(self._progress())

    def _progress(self) -> Progress:
        waiting = next((one.waiting for one in self._clients if one.waiting), "")
        left = sum(client.unacknowledged for client in self._clients)
        lag_s = self.lag_s
        if self.pace.is_kept:
            due_s = [client.oldest_s for client in self._clients if client.oldest_s is not None]
            if due_s:
                lag_s = max(lag_s, self.clock() - min(due_s))
        return Progress(self.acknowledged, left, self.last_ns, lag_s, waiting)

    def is_there(self) -> None:
        """Take note of a client that is connected for the first time; the last begins the pace."""
        self._missing -= 1
        if not self._missing:
            self.began_s = self.ended_s = self.clock()
            self._complete.set()

    def goes(self, item: _Item) -> None:
        """Take note of a message that goes out now."""
        self.last_ns = item.message.time_ns
        if self.pace.is_kept:
            self.lag_s = max(0.0, self.clock() - item.due_s)
            self.lag_max_s = max(self.lag_max_s, self.lag_s)

    def arrived(self) -> None:
        """Take note of an acknowledgement."""
        self.acknowledged += 1
        self.ended_s = self.clock()


class _Client:
    """One connection, the messages that wait for it and those that it has not acknowledged."""

    def __init__(self, stream: _Stream, number: int, lanes: int) -> None:
        self._stream, self._number, self._lanes = stream, number, lanes
        self._waiting: asyncio.Queue[_Item | None] = asyncio.Queue(IN_FLIGHT)
        self._due_s: deque[float] = deque()  # of what is in _waiting
        self._sent: dict[int, _Item] = {}  # not acknowledged, in the order of sending
        self._again: deque[tuple[int, _Item]] = deque()  # the same of a connection that is lost
        self._numbers = count()
        self._is_pausing, self._was_there = False, False
        self.waiting = ""
        self.task: asyncio.Task[None] | None = None

    @property
    def unacknowledged(self) -> int:
        """How many were sent and are not acknowledged."""
        return len(self._sent) + len(self._again)

    @property
    def oldest_s(self) -> float | None:
        """When the first message that waits to be sent was due; None: none waits."""
        if self._again:
            return self._again[0][1].due_s
        return self._due_s[0] if self._due_s else None

    async def give(self, item: _Item | None) -> None:
        """Let a message wait for its turn; None: it was the last."""
        if item is not None:
            self._due_s.append(item.due_s)
        await self._waiting.put(item)

    def wind_up(self) -> None:
        """Send nothing more; what is in flight is waited for unless the connection is lost.

        A connection that is being made is not cancelled: aiomqtt would leave its socket open.
        """
        while not self._waiting.empty():
            self._waiting.get_nowait()
        self._due_s.clear()
        self._waiting.put_nowait(None)
        if self._is_pausing and self.task is not None:
            self.task.cancel()

    async def keep(self) -> None:
        """Be connected until all is sent."""
        stream, failures = self._stream, 0
        while True:
            try:
                await connected(stream.broker, self._session, self._number)
                return
            except (BrokerAbsentError, BrokerLostError) as error:
                if not (self._was_there and stream.keep_on):
                    raise
                if stream.stop.is_set():
                    return
                self.waiting = f"{error}; again soon"
                failures = 0 if isinstance(error, BrokerLostError) else failures + 1
            self._is_pausing = True
            await stream.sleep(_PAUSES_S[min(failures, len(_PAUSES_S) - 1)])
            self._is_pausing = False

    async def _session(self, client: aiomqtt.Client) -> None:
        if self._was_there:
            self._stream.reconnects += 1
        else:
            self._stream.is_there()
        self._was_there, self.waiting = True, ""
        self._again.extendleft(reversed(self._sent.items()))
        self._sent.clear()
        lanes = [asyncio.create_task(self._lane(client)) for _ in range(self._lanes)]
        try:
            await asyncio.gather(*lanes)
        finally:
            await end(*lanes)

    async def _lane(self, client: aiomqtt.Client) -> None:
        """Publish one message after the other; all lanes together keep a window full."""
        while True:
            if self._again:
                if self._stream.stop.is_set():
                    return
                number, item = self._again.popleft()
            else:
                following = await self._waiting.get()
                if following is None:
                    self._waiting.put_nowait(None)  # for the next lane
                    return
                number, item = next(self._numbers), following
                if self._due_s:
                    self._due_s.popleft()
                if self._stream.stop.is_set():
                    continue
            # No await since the message was taken: the order on the wire is that of the stream.
            self._sent[number] = item
            self._stream.goes(item)
            message, qos = item.message, self._stream.qos
            if qos is not None and qos != message.qos:
                message = message._replace(qos=qos)
            await publish(client, message)
            del self._sent[number]
            self._stream.arrived()


class _Chunk(NamedTuple):
    messages: list[Message]
    is_last: bool
    error: Exception | None


def _made(messages: Iterator[Message]) -> _Chunk:
    """Take some messages: many, or as many as come in a short while."""
    chunk: list[Message] = []
    until_s = time.monotonic() + _CHUNK_S
    try:
        for message in messages:
            chunk.append(message)
            if len(chunk) == _CHUNK or time.monotonic() >= until_s:
                return _Chunk(chunk, False, None)
    except Exception as error:
        return _Chunk(chunk, True, error)
    return _Chunk(chunk, True, None)
