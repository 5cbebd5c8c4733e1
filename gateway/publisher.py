"""What Emscher knows, published over MQTT for others to follow (docs/mqtt.md).

Values are kept by topic, so that a broker that is slow or away costs a bounded memory and is told
the newest when it is there; what happens (anomalies, energy of an hour) waits in a bounded row.
The intake and the analysis only hand things over: they never wait for a broker.
"""

import asyncio
import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import aiomqtt
import structlog

from gateway.address import Address, broker_address
from gateway.outgoing import PREFIX, Flowed, Outgoing
from gateway.session import client_id
from gateway.tls import context, unreached
from ingest.derived import Anomaly
from ingest.errors import StoreUnavailable
from ingest.place import Placed
from ingest.reading import Quality, Rows, Series

VALUES_MAX = 200_000
EVENTS_MAX = 10_000
_PLACES_S = 5.0
_PAUSES_S = (0.5, 1.0, 2.0, 5.0, 10.0)
_ACK_S = 20.0
_IN_FLIGHT = 64

log = structlog.get_logger("emscher.gateway")


@dataclass(frozen=True, slots=True)
class Publishing:
    """How publishing goes, since the start.

    waiting  values and events that the broker does not have yet
    dropped  events that did not wait: there were too many
    error    what is wrong, in a sentence; None: nothing
    """

    url: str
    connected: bool
    published: int
    waiting: int
    dropped: int
    error: str | None


class Source(Protocol):
    """What is asked of the store."""

    def name_of(self, number: int) -> Series:
        """Return the series of a number."""

    def latest(self, device: str | None = None) -> Rows:
        """Return the newest reading of every series."""


class Publisher:
    """Publishes to one broker, from `run` until its `stop`. Whoever hands over is of any thread.

    places     where devices are, which decides the tenant in the topic; StoreUnavailable: not now
    prefix     what all topics begin with
    discovery  where Home Assistant looks for descriptions; "": none are published
    """

    def __init__(
        self,
        address: Address,
        store: Source,
        places: Callable[[], Mapping[str, Placed]],
        *,
        prefix: str = PREFIX,
        discovery: str = "",
        client_id: str = "emscher",
        pauses_s: Sequence[float] = _PAUSES_S,
    ) -> None:
        self._address, self._store, self._places = address, store, places
        self._client_id, self._prefix = client_id, prefix
        self._out = Outgoing(prefix, discovery)
        self._pauses_s = pauses_s
        self._lock = threading.Lock()
        self._values: dict[int, tuple[float, int, int]] = {}
        self._events: deque[Anomaly | str | Flowed] = deque()
        self._where_s = -_PLACES_S
        self._loop: asyncio.AbstractEventLoop | None = None
        self._news = asyncio.Event()
        self._connected, self._error = False, "not connected yet"
        self._published = self._dropped = 0

    def health(self) -> Publishing:
        """Return how it goes."""
        with self._lock:
            waiting = len(self._values) + len(self._events)
        error = None if self._connected else self._error
        shown = self._address.shown
        return Publishing(shown, self._connected, self._published, waiting, self._dropped, error)

    # What is handed over

    def readings(self, rows: Rows) -> None:
        """Take readings that were stored; of a series only the newest is published."""
        columns = (rows.series, rows.time_ns, rows.value, rows.quality)
        with self._lock:
            values = self._values
            for number, at_ns, value, worth in zip(*(c.tolist() for c in columns), strict=True):
                known = values.get(number)
                if worth != Quality.REJECTED and (known is None or known[1] <= at_ns):
                    if known is None and len(values) >= VALUES_MAX:
                        self._dropped += 1
                        continue
                    values[number] = (value, at_ns, worth)
        self._wake()

    def anomalies(self, changed: Iterable[Anomaly], retracted: Iterable[str]) -> None:
        """Take anomalies that are new or have changed, and ids of those that were disproved."""
        self._add([*retracted, *changed])

    def flowed(self, hours: Iterable[tuple[Series, int, int, float, str, float]]) -> None:
        """Take what flowed in hours that are over (Flowed)."""
        self._add([Flowed(*hour) for hour in hours])

    def _add(self, events: Sequence[Anomaly | str | Flowed]) -> None:
        with self._lock:
            self._events.extend(events)
            while len(self._events) > EVENTS_MAX:
                self._events.popleft()
                self._dropped += 1
        self._wake()

    def _wake(self) -> None:
        loop = self._loop
        if loop is not None and not loop.is_closed():
            with contextlib.suppress(RuntimeError):  # it is closing
                loop.call_soon_threadsafe(self._news.set)

    # What is sent

    async def run(self, stop: asyncio.Event) -> None:
        """Publish until `stop`; a broker that is away is tried again with growing pauses."""
        self._loop, self._news = asyncio.get_running_loop(), asyncio.Event()
        ended = asyncio.create_task(stop.wait())
        failures = 0
        try:
            while not stop.is_set():
                begun = time.monotonic()
                work = asyncio.create_task(self._session(ended))
                try:
                    await work
                except (aiomqtt.MqttError, OSError) as fault:
                    self._lost(fault)
                if time.monotonic() - begun > self._pauses_s[-1]:
                    failures = 0
                pause_s = self._pauses_s[min(failures, len(self._pauses_s) - 1)]
                failures += 1
                await asyncio.wait([ended], timeout=pause_s)
        finally:
            ended.cancel()
            self._connected, self._loop = False, None

    def _lost(self, fault: Exception) -> None:
        cause = fault if isinstance(fault, OSError) else fault.__cause__ or fault.__context__
        if self._connected:
            error = f"the connection was lost: {fault}"
        elif isinstance(cause, OSError):
            error = unreached(cause, self._address.tls)
        else:
            error = f"the broker refuses us: {fault}"
        if self._connected or error != self._error:  # told once, however often it is tried
            log.warning("nothing is published now", broker=self._address.shown, why=error)
        self._connected, self._error = False, error

    async def _session(self, ended: "asyncio.Task[bool]") -> None:
        address = self._address
        will = aiomqtt.Will(self._out.status_topic, b"offline", qos=1, retain=True)
        client = aiomqtt.Client(
            address.host,
            address.port,
            username=address.username,
            password=address.password,
            identifier=f"{self._client_id}-publisher",
            tls_context=context(address) if address.tls else None,
            will=will,
            max_inflight_messages=_IN_FLIGHT,
        )
        client.pending_calls_threshold = 4 * _IN_FLIGHT
        async with client:
            await client.publish(self._out.status_topic, b"online", qos=1, retain=True)
            self._connected = True
            log.info("publishing", broker=address.shown, topics=f"{self._prefix}/#")
            # What is retained may be of before: all that is known is told anew.
            self._out.describe_again()
            self.readings(await asyncio.to_thread(self._store.latest))
            lost = asyncio.create_task(_until_lost(client))
            try:
                while not ended.done() and not lost.done():
                    self._news.clear()
                    sent = await self._send(client)
                    if not sent:
                        news = asyncio.create_task(self._news.wait())
                        await asyncio.wait([news, ended, lost], return_when="FIRST_COMPLETED")
                        news.cancel()
                if lost.done():
                    lost.result()
                await client.publish(self._out.status_topic, b"offline", qos=1, retain=True)
            finally:
                lost.cancel()

    async def _send(self, client: aiomqtt.Client) -> int:
        """Publish some of what waits, and return how many messages; what fails waits again."""
        await self._look()
        with self._lock:
            events = [self._events.popleft() for _ in range(min(len(self._events), _IN_FLIGHT))]
            numbers = list(self._values)[: 4 * _IN_FLIGHT]
            values = {number: self._values.pop(number) for number in numbers}
        messages = [one for event in events for one in self._out.event(event)]
        for number, told in values.items():
            messages.extend(self._out.value(self._store.name_of(number), *told))
        try:
            for at in range(0, len(messages), _IN_FLIGHT):
                some = messages[at : at + _IN_FLIGHT]
                await asyncio.gather(
                    *(
                        client.publish(m.topic, m.payload, qos=1, retain=m.retain, timeout=_ACK_S)
                        for m in some
                    )
                )
                self._published += len(some)
        except BaseException:
            with self._lock:
                self._events.extendleft(reversed(events))
                for number, told in values.items():
                    self._values.setdefault(number, told)
            raise
        return len(messages)

    async def _look(self) -> None:
        if time.monotonic() - self._where_s < _PLACES_S:
            return
        self._where_s = time.monotonic()
        try:
            self._out.where = await asyncio.to_thread(self._places)
        except StoreUnavailable as fault:
            log.warning("the publisher does not know where devices are", why=str(fault))


async def _until_lost(client: aiomqtt.Client) -> None:
    """Wait for the end of the connection; MqttError says how it ended."""
    async for _ in client.messages:
        continue


class Settings(Protocol):
    """What is asked of the settings (settings.py)."""

    data: Path
    publish: str
    publish_prefix: str
    publish_discovery: str


def publisher_of(
    settings: Settings, store: Source, places: Callable[[], Mapping[str, Placed]]
) -> Publisher | None:
    """Return the publisher that the settings want; None: nothing is to be published."""
    if not settings.publish:
        return None
    return Publisher(
        broker_address(settings.publish),
        store,
        places,
        prefix=settings.publish_prefix,
        discovery=settings.publish_discovery,
        client_id=client_id(settings.data),
    )
