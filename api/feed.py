"""The live feed: every change told to every listener, by server-sent events.

Source: WHATWG HTML, section 9.2 "Server-sent events". Events are made once for all listeners. A
listener that reads too slowly loses its oldest events, and is told how many; it never slows the
others, nor the intake.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import msgspec

EVENTS_WAITING_MAX = 5_000
KEEPALIVE_S = 15.0
_PAUSE_S = 0.02


@dataclass(frozen=True, slots=True)
class Event:
    """One event as it goes over the wire, and what a listener may filter it by.

    kind  reading, anomaly, retracted, counters, device, gap; device and quantity "" where it has
          none
    """

    kind: str
    device: str
    quantity: str
    wire: bytes


def event(kind: str, body: object, device: str = "", quantity: str = "") -> Event:
    """Return an event with its body as JSON."""
    wire = b"event: " + kind.encode() + b"\ndata: " + msgspec.json.encode(body) + b"\n\n"
    return Event(kind, device, quantity, wire)


@dataclass(slots=True)
class Listener:
    """One reader of the feed: what it wants, and what waits for it."""

    device: str | None = None
    quantity: str | None = None
    anomalies_only: bool = False
    counters_only: bool = False
    waiting: deque[bytes] = field(default_factory=deque)
    dropped: int = 0
    woken: asyncio.Event = field(default_factory=asyncio.Event)

    def wants(self, one: Event) -> bool:
        """Return whether the filters let an event pass; counters always do."""
        if one.kind == "counters":
            return not self.anomalies_only
        if self.counters_only:
            return False
        if one.kind == "retracted":  # whoever was never told of it has nothing to forget
            return True
        if self.anomalies_only and one.kind != "anomaly":
            return False
        if self.device is not None and one.device != self.device:
            return False
        # An anomaly of a whole device concerns each of its quantities.
        return self.quantity is None or one.quantity in ("", self.quantity)


class Feed:
    """The listeners, and the way to them from any thread."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    @property
    def listeners(self) -> int:
        """How many listen; nothing needs to be made for nobody."""
        return len(self._listeners)

    def tell(self, events: Sequence[Event]) -> None:
        """Hand events to everyone who wants them. May be called from any thread; never waits."""
        loop = self._loop
        if loop is not None and self._listeners and events and not loop.is_closed():
            loop.call_soon_threadsafe(self._deliver, events)

    def close(self) -> None:
        """End every stream; called in the event loop's thread."""
        self._closed = True
        for listener in self._listeners:
            listener.woken.set()

    async def listen(self, listener: Listener, first: Sequence[Event]) -> AsyncIterator[bytes]:
        """Yield the feed for one listener, beginning with the events of `first`."""
        self._loop = asyncio.get_running_loop()
        self._listeners.append(listener)
        try:
            yield b"retry: 2000\n\n" + b"".join(one.wire for one in first)
            while not self._closed:
                try:
                    await asyncio.wait_for(listener.woken.wait(), KEEPALIVE_S)
                except TimeoutError:
                    yield b": still here\n\n"
                    continue
                listener.woken.clear()
                if dropped := listener.dropped:
                    listener.dropped = 0
                    listener.waiting.appendleft(event("gap", {"dropped": dropped}).wire)
                batch = b"".join(listener.waiting)
                listener.waiting.clear()
                if batch:
                    yield batch
                # What comes within the next moment goes together: fewer, larger writes.
                await asyncio.sleep(_PAUSE_S)
        finally:
            self._listeners.remove(listener)

    def _deliver(self, events: Sequence[Event]) -> None:
        for listener in self._listeners:
            wanted = [one.wire for one in events if listener.wants(one)]
            if not wanted:
                continue
            listener.waiting.extend(wanted)
            excess = len(listener.waiting) - EVENTS_WAITING_MAX
            for _ in range(excess):
                listener.waiting.popleft()
            listener.dropped += max(excess, 0)
            listener.woken.set()
