"""Recording: subscribe to a broker and write what it delivers, with the times at which it came.

aiomqtt makes two tasks for every message that is taken from its queue; a queue of our own hands
each message on as it arrives, so that its time is that of its arrival and a fast stream is kept.
Writing is done between two messages: while the disk is slow, nothing is read, and the broker waits.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import aiomqtt

from fleet.errors import BrokerLostError, FleetError, TopicError
from fleet.message import Message
from fleet.publisher import Broker, client_of, watched
from fleet.tape import Tape
from fleet.tasks import end

_FULL_MESSAGES = 4096
_FULL_BYTES = 1 << 20
_FLUSH_S = 1.0
_RETRY_S = (1.0, 30.0)  # first and longest wait before connecting again
_REFUSED = 0x80  # MQTT 3.1.1, section 3.9.3
_TOPICS_MAX = 100_000


@dataclass(slots=True)
class Heard:
    """What a recording took so far.

    retained  those that the broker had kept from before the subscription
    topics    how many different topics; more than 100,000 are counted as 100,000
    gaps      sentences about times without a connection: what was sent then is missing
    """

    messages: int = 0
    retained: int = 0
    payload_bytes: int = 0
    first_ns: int = 0
    last_ns: int = 0
    gaps: list[str] = field(default_factory=list)
    connected: bool = False
    _topics: set[str] = field(default_factory=set)

    @property
    def topics(self) -> int:
        """How many different topics there were."""
        return len(self._topics)

    def take(self, message: Message) -> None:
        """Count one message."""
        self.first_ns = self.first_ns if self.messages else message.time_ns
        self.last_ns = message.time_ns
        self.messages += 1
        self.retained += message.retain
        self.payload_bytes += len(message.payload)
        if len(self._topics) < _TOPICS_MAX:
            self._topics.add(message.topic)


async def record(
    broker: Broker,
    topics: Sequence[str],
    tape: Tape,
    *,
    for_s: float | None = None,
    count: int | None = None,
    stop: asyncio.Event | None = None,
    progress: Callable[[Heard], None] | None = None,
    now_ns: Callable[[], int] = time.time_ns,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> Heard:
    """Subscribe at QoS 1 and write what comes until it is to end; return what was heard.

    for_s     ends so long after the subscription stood; count: after so many messages
    stop      set: nothing more is taken, what was taken is written, and the call returns
    progress  told ten times a second
    A connection that breaks is made again, and the gap is told in Heard.gaps.
    Errors    BrokerAbsentError: no first connection; TopicError: the broker refuses a filter;
              RecordingError: the file can't be written. What was written before is whole.
    """
    run = _Run(tape, count, stop or asyncio.Event(), now_ns)
    helpers = [asyncio.create_task(run.flush_often(progress))]
    try:
        await run.listen(broker, topics, for_s, sleep, helpers)
    finally:
        await end(*helpers)
        run.flush()
    if run.fault is not None:
        raise run.fault
    if progress is not None:
        progress(run.heard)
    return run.heard


class _Run:
    """A recording on its way."""

    def __init__(
        self, tape: Tape, count: int | None, stop: asyncio.Event, now_ns: Callable[[], int]
    ) -> None:
        self._tape, self._count, self._stop, self._now_ns = tape, count, stop, now_ns
        self._waiting: list[Message] = []
        self._bytes = 0
        self._lost_ns: int | None = None
        self.heard = Heard()
        self.fault: FleetError | None = None

    def take(self, message: aiomqtt.Message) -> None:
        """Keep a message as it arrives; none is older than the one before, even if the clock is."""
        if self._stop.is_set():
            return
        payload = message.payload
        assert isinstance(payload, bytes)  # aiomqtt's type serves publishing too
        kept = Message(
            max(self._now_ns(), self.heard.last_ns),
            message.topic.value,
            payload,
            min(message.qos, 1),
            message.retain,
        )
        self.heard.take(kept)
        self._waiting.append(kept)
        self._bytes += len(payload) + len(kept.topic)
        if len(self._waiting) >= _FULL_MESSAGES or self._bytes >= _FULL_BYTES:
            self.flush()
        if self._count is not None and self.heard.messages >= self._count:
            self._stop.set()

    def flush(self) -> None:
        """Write what waits. A fault ends the recording and is kept in `fault`."""
        some, self._waiting, self._bytes = self._waiting, [], 0
        if self.fault is not None:
            return
        try:
            self._tape.write(some)
        except FleetError as error:
            self.fault = error
            self._stop.set()

    async def flush_often(self, progress: Callable[[Heard], None] | None) -> None:
        """Write every second, and tell the progress ten times a second."""
        while True:
            for _ in range(10):
                await asyncio.sleep(_FLUSH_S / 10)
                if progress is not None:
                    progress(self.heard)
            self.flush()

    async def listen(
        self,
        broker: Broker,
        topics: Sequence[str],
        for_s: float | None,
        sleep: Callable[[float], Awaitable[None]],
        helpers: list["asyncio.Task[None]"],
    ) -> None:
        """Stay connected until `stop`; connect again where it breaks."""
        pause_s, longest_s = _RETRY_S

        async def subscribed(client: aiomqtt.Client) -> None:
            nonlocal pause_s
            for topic in topics:
                await _subscribe(client, topic)
            if for_s is not None and len(helpers) == 1:
                helpers.append(asyncio.create_task(self._end_after(for_s, sleep)))
            pause_s = _RETRY_S[0]
            self._connected()
            await self._stop.wait()

        first = True
        while not self._stop.is_set():
            try:
                client = client_of(broker, queue_type=_handing_to(self.take))
                await watched(broker, client, subscribed)
            except TopicError:
                raise
            except FleetError as error:
                if first and not isinstance(error, BrokerLostError):
                    raise
                self._lost()
                with suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(self._stop.wait(), pause_s)
                pause_s = min(2 * pause_s, longest_s)
            first = False
        if self._lost_ns is not None:
            self._connected()

    async def _end_after(self, for_s: float, sleep: Callable[[float], Awaitable[None]]) -> None:
        await sleep(for_s)
        self._stop.set()

    def _lost(self) -> None:
        self.heard.connected = False
        if self._lost_ns is None:
            self._lost_ns = self._now_ns()

    def _connected(self) -> None:
        self.heard.connected = True
        if self._lost_ns is not None:
            missing_s = (self._now_ns() - self._lost_ns) / 1e9
            self.heard.gaps.append(
                f"the connection was lost for {missing_s:.1f} s, after message "
                f"{self.heard.messages}: what was sent meanwhile is missing"
            )
            self._lost_ns = None


async def _subscribe(client: aiomqtt.Client, topic: str) -> None:
    granted = await client.subscribe(topic, qos=1)
    for code in granted:
        value = code if isinstance(code, int) else code.value
        if value >= _REFUSED:
            raise TopicError(f"topic {topic!r}: expected a subscription, the broker refuses it")


def _handing_to(take: Callable[[aiomqtt.Message], None]) -> "type[asyncio.Queue[aiomqtt.Message]]":
    """Return a kind of queue that keeps nothing: each message is handed on as it arrives."""

    class Handing(asyncio.Queue[aiomqtt.Message]):
        def put_nowait(self, item: aiomqtt.Message) -> None:
            take(item)

    return Handing
