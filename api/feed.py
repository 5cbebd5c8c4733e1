"""The live feed: every change told to every listener, over server-sent events or WebSocket.

Source: WHATWG HTML, section 9.2 "Server-sent events". A change is serialised once. All listeners
read from one ring of the last changes, each from its own place, so that none costs memory of its
own and none can hold up another or the intake. A listener that falls behind the ring is dropped
down to the newest value of whatever changed meanwhile, and is told so; so is one that comes back
with the id of the last event that it had.
"""

import asyncio
import contextlib
import secrets
import time
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import islice

import msgspec
import structlog

from ingest.errors import StoreUnavailable
from ingest.place import NOWHERE, Placed

RING_MAX = 20_000
KEEPALIVE_S = 15.0
RESUME_S = 300.0  # so long changes are kept for whoever was here and may come back
PLACES_S = 2.0
_PAUSE_S = 0.02
_PAUSE_EACH_S = 0.0002  # the more listen, the larger and fewer the writes
_SETTLED_S = 5.0
log = structlog.get_logger("emscher.api")


class Form(Enum):
    """How events go over the wire."""

    SSE = "sse"
    WEBSOCKET = "websocket"


@dataclass(frozen=True, slots=True)
class Event:
    """One change, and what a listener may filter it by.

    kind    reading, anomaly, retracted, counters, device, gap, snapshot; device and quantity "":
            it has none · body: JSON · commit: that brought it, 0: none did
    about   what it is the newest of
    """

    kind: str
    device: str
    quantity: str
    body: bytes
    about: tuple[str, ...]
    commit: int = 0

    def wire(self, form: Form, id: str = "") -> bytes:
        """Return it as it goes over the wire."""
        kind = self.kind.encode()
        if form is Form.WEBSOCKET:
            return b'{"event":"' + kind + b'","data":' + self.body + b"}"
        head = b"id: " + id.encode() + b"\n" if id else b""
        return head + b"event: " + kind + b"\ndata: " + self.body + b"\n\n"


def event(
    kind: str, body: Mapping[str, object], device: str = "", quantity: str = "", commit: int = 0
) -> Event:
    """Return an event with its body as JSON."""
    about: tuple[str, ...] = (kind,)
    if kind == "reading":
        about = (kind, device, quantity, str(body.get("channel") or ""))
    elif kind in ("anomaly", "retracted"):
        about = ("anomaly", str(body["id"]))
    elif kind == "device":
        about = (kind, device)
    return Event(kind, device, quantity, msgspec.json.encode(body), about, commit)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a listener wants to hear; None: all. `only`: the tenant whose part it may see at all."""

    device: str | None = None
    quantity: str | None = None
    anomalies_only: bool = False
    counters_only: bool = False
    tenant: str | None = None
    district: str | None = None
    only: str | None = None

    @property
    def placed(self) -> bool:
        """Whether it matters where devices are."""
        return (self.tenant, self.district, self.only) != (None, None, None)

    def takes(self, one: Event, where: Mapping[str, Placed]) -> bool:
        """Return whether the filters let an event pass; `where` each device is."""
        if not one.kind:  # its device was erased
            return False
        if one.kind == "counters":
            return not self.anomalies_only and self.only is None
        if self.counters_only:
            return False
        at = where.get(one.device, NOWHERE)
        if self.only is not None and at.tenant != self.only:
            return False
        if one.kind == "retracted":  # whoever was never told of it has nothing to forget
            return True
        if self.anomalies_only and one.kind != "anomaly":
            return False
        if self.device is not None and one.device != self.device:
            return False
        if self.tenant is not None and at.tenant != self.tenant:
            return False
        if self.district is not None and (at.site is None or at.site.district != self.district):
            return False
        # An anomaly of a whole device concerns each of its quantities.
        return self.quantity is None or one.quantity in ("", self.quantity)


@dataclass(eq=False, slots=True)
class Listener:
    """One reader of the feed: what it wants, and up to which change it has it.

    known  whether a change was in the snapshot that this listener got; until `settled_s`
    """

    wanted: Wanted = field(default_factory=Wanted)
    at: int = 0
    known: Callable[[Event], bool] | None = None
    settled_s: float = 0.0


class Feed:
    """The listeners, and the way to them from any thread.

    places  asks where each device is; StoreUnavailable while nobody knows
    """

    def __init__(self, places: Callable[[], Mapping[str, Placed]] | None = None) -> None:
        self._places, self._where, self._where_s = places, dict[str, Placed](), 0.0
        self._listeners: list[Listener] = []
        self._left_s: float | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ticker: asyncio.Task[None] | None = None
        self._closed = False
        self._news, self._fresh, self._quiet = asyncio.Event(), asyncio.Event(), -1
        self._begin()

    def _begin(self) -> None:
        """Number anew: what went before is not known here."""
        self._epoch, self._head = secrets.token_hex(4), 0
        self._ring: deque[Event] = deque(maxlen=RING_MAX)
        self._newest: OrderedDict[tuple[str, ...], tuple[int, Event]] = OrderedDict()
        self._chunks: dict[tuple[Wanted, int, Form], bytes] = {}

    @property
    def listeners(self) -> int:
        """How many listen."""
        return len(self._listeners)

    @property
    def wanted(self) -> bool:
        """Whether changes need to be told: somebody listens, or may come back."""
        left_s = self._left_s
        return bool(self._listeners) or (
            left_s is not None and time.monotonic() - left_s < RESUME_S
        )

    def tell(self, events: Sequence[Event]) -> None:
        """Hand events to everyone who wants them. May be called from any thread; never waits."""
        loop = self._loop
        if loop is not None and self.wanted and events and not loop.is_closed():
            loop.call_soon_threadsafe(self._deliver, events)

    def close(self) -> None:
        """End every stream; called in the event loop's thread."""
        self._closed = True
        self._news.set()
        if self._ticker is not None:
            self._ticker.cancel()

    def forget(self, device: str) -> None:
        """Tell nobody any more what was told of a device. May be called from any thread."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._forget, device)

    def _forget(self, device: str) -> None:
        nothing = event("", {})
        for at, one in enumerate(self._ring):
            if one.device == device:
                self._ring[at] = nothing
        for about in [about for about, (_, one) in self._newest.items() if one.device == device]:
            del self._newest[about]
        self._chunks.clear()

    def join(self, wanted: Wanted, last_id: str | None = None) -> tuple[Listener, bool]:
        """Let somebody listen from now on; called in the event loop's thread.

        Returns the listener, and whether it goes on behind `last_id`, the last event that it had
        (False: it needs to be told how things are). Whoever joins must `leave`.
        """
        self._loop = asyncio.get_running_loop()
        if not self.wanted:
            self._begin()
        epoch, _, number = (last_id or "").partition("-")
        resumed = epoch == self._epoch and number.isdecimal() and int(number) <= self._head
        listener = Listener(wanted, int(number) if resumed else self._head)
        self._listeners.append(listener)
        if self._ticker is None or self._ticker.done():
            self._news, self._fresh = asyncio.Event(), asyncio.Event()
            self._where_s = 0.0
            self._ticker = asyncio.create_task(self._tick())
        self._fresh.set()
        return listener, resumed

    def leave(self, listener: Listener) -> None:
        """Let somebody go; again does nothing."""
        if listener in self._listeners:
            self._listeners.remove(listener)
            self._left_s = time.monotonic()

    def settle(self, listener: Listener, known: Callable[[Event], bool]) -> None:
        """Pass over what a snapshot has told already: for a while, as it may be on its way."""
        listener.known, listener.settled_s = known, time.monotonic() + _SETTLED_S

    def id_of(self, listener: Listener) -> str:
        """Return the id of the change up to which a listener has everything."""
        return f"{self._epoch}-{listener.at}"

    async def listen(self, listener: Listener, form: Form) -> AsyncIterator[bytes]:
        """Yield what changes, many changes at a time; b"" where nothing did for a while."""
        try:
            while not self._closed:
                news = self._news
                head = self._head
                chunk = self._chunk(listener, form) if listener.at < head else b""
                if chunk or listener.at == head == self._quiet:
                    yield chunk
                if self._head == head and not self._closed:
                    await news.wait()
        finally:
            self.leave(listener)

    async def _tick(self) -> None:
        """Tell the listeners of changes, not more often than pays; and that nothing changes."""
        while self._listeners:
            self._quiet = -1
            try:
                await asyncio.wait_for(self._fresh.wait(), KEEPALIVE_S)
            except TimeoutError:
                self._quiet = self._head
            self._fresh.clear()
            if any(one.wanted.placed for one in self._listeners):
                await self._look()
            self._chunks.clear()
            news, self._news = self._news, asyncio.Event()
            news.set()
            await asyncio.sleep(_PAUSE_S + _PAUSE_EACH_S * len(self._listeners))

    async def _look(self) -> None:
        """Ask where devices are, if that was a while ago; what is not known is shown to nobody."""
        if self._places is None or time.monotonic() - self._where_s < PLACES_S:
            return
        try:
            self._where = dict(await asyncio.to_thread(self._places))
        except StoreUnavailable as fault:
            log.warning("the live feed does not know where devices are", why=str(fault))
        self._where_s = time.monotonic()

    def _deliver(self, events: Iterable[Event]) -> None:
        for one in events:
            self._head += 1
            self._ring.append(one)
            self._newest[one.about] = (self._head, one)
            self._newest.move_to_end(one.about)
        if self._ticker is not None:
            self._fresh.set()

    def _chunk(self, listener: Listener, form: Form) -> bytes:
        """Return what a listener wants of the changes since its place; made once for all alike."""
        known = listener.known
        if known is not None and time.monotonic() > listener.settled_s:
            known = listener.known = None
        key = (listener.wanted, listener.at, form)
        chunk = self._chunks.get(key) if known is None else None
        if chunk is None:
            found = self._since(listener.at, listener.wanted)
            if known is not None:
                found = [(number, one) for number, one in found if not known(one)]
            chunk = self._packed(found, form)
            if known is None:
                self._chunks[key] = chunk
        listener.at = self._head
        return chunk

    def _since(self, at: int, wanted: Wanted) -> list[tuple[int, Event]]:
        """Return the changes behind a place with their numbers, or the newest of each thing."""
        first = self._head - len(self._ring)
        gap: list[tuple[int, Event]] = []
        if at >= first:
            found = list(enumerate(islice(self._ring, at - first, None), at + 1))
        else:
            found = []
            for number, one in reversed(self._newest.values()):
                if number <= at:
                    break
                found.append((number, one))
            found.reverse()
            passed = self._head - at - len(found) if wanted == Wanted() else None
            gap = [(at, event("gap", {"dropped": passed}))]
        where = self._where
        return gap + [(number, one) for number, one in found if wanted.takes(one, where)]

    def _packed(self, found: Sequence[tuple[int, Event]], form: Form) -> bytes:
        if not found:
            return b""
        if form is Form.SSE:
            epoch = self._epoch
            return b"".join(one.wire(form, f"{epoch}-{number}") for number, one in found)
        events = b",".join(one.wire(form) for _, one in found)
        return b'{"id":"%s-%d","events":[%s]}' % (self._epoch.encode(), self._head, events)


@contextlib.asynccontextmanager
async def listening(
    feed: Feed, wanted: Wanted, last_id: str | None
) -> AsyncIterator[tuple[Listener, bool]]:
    """Join, and leave at the end."""
    listener, resumed = feed.join(wanted, last_id)
    try:
        yield listener, resumed
    finally:
        feed.leave(listener)
