"""A load generator: packets that were made before, written as fast as the broker takes them."""

import asyncio
from collections.abc import Callable, Sequence

import numpy as np

from fleet.broker import Broker, absent
from fleet.errors import BrokerLostError
from fleet.message import Message
from fleet.packets import ID_MAX, connect
from fleet.prepared import Prepared, prepare
from fleet.pump_socket import PumpSocket
from fleet.sending import Progress, Sent

__all__ = ["Prepared", "prepare", "pump"]

WINDOW = 8192  # unacknowledged messages of QoS 1 for each client
_CHUNK_BYTES = 1 << 17
_PATIENCE_S = 30.0
_WATCH_S = 0.1
_TICK_S = 0.005  # the shortest wait for a message that is not due yet


async def pump(
    broker: Broker,
    messages: Sequence[Message] | Prepared,
    *,
    clients: int = 1,
    qos: int | None = None,
    repeat: bool = False,
    rate: float | None = None,
    window: int = WINDOW,
    stop: asyncio.Event | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Sent:
    """Publish the messages and return when the broker has read and acknowledged them all.

    clients   connections; a device's messages go through one of them, in order
    qos       0 or 1 for every message; None: each message's own, or as they were prepared
    repeat    begin again at the end, until stop
    rate      messages a second over all clients; None: as fast as it goes
    window    unacknowledged messages of QoS 1 for each client, 1 to 65535
    stop      set: nothing more is sent, and what is in flight is waited for
    progress  told ten times a second, and at the end; its time_ns stays 0
    Errors    ValueError for what makes no sense; BrokerAbsentError; BrokerLostError, which says
              how many messages of QoS 1 were acknowledged
    """
    if not 1 <= clients <= 10_000 or not 1 <= window <= ID_MAX:
        raise ValueError(
            f"expected clients from 1 to 10000 and a window to {ID_MAX}, found {clients}, {window}"
        )
    if rate is not None and not 0 < rate < float("inf"):
        raise ValueError(f"rate: expected a number above 0, or none, found {rate}")
    if isinstance(messages, Prepared):
        ready = messages
        if qos is not None and ((ready.ids >= 0) != (qos == 1)).any():
            raise ValueError(f"qos: expected messages prepared with qos={qos}, found others")
    else:
        ready = prepare(messages, qos)
    ending = stop or asyncio.Event()
    if repeat and stop is None:
        raise ValueError("repeat: expected an event to stop it, found none")
    run = _Pump(broker, ready, clients, repeat, rate, window, ending)
    return await run.run(progress)


class _Line:
    """One client: its packets, its connection, how far it has come."""

    def __init__(self, part: Prepared, share: float, window: int) -> None:
        self.part, self.share = part, share
        self.socket = PumpSocket(window)
        self.sent, self.behind = 0, 0.0
        # How many messages of QoS 1 there are before each message.
        self._before = np.concatenate([[0], np.cumsum(part.ids >= 0)])

    def write(self, at: int, most: int) -> int:
        """Write messages from one on, as many as fit; return how many, 0: the window is full."""
        starts, before = self.part.starts, self._before
        past = int(np.searchsorted(starts, starts[at] + _CHUNK_BYTES, "right")) - 1
        within = int(np.searchsorted(before, before[at] + self.socket.room, "right")) - 1
        past = min(max(past, at + 1), within, at + most)
        if past <= at:
            return 0
        first, end = int(starts[at]), int(starts[past])
        places = self.part.ids[at:past]
        chunk = bytearray(memoryview(self.part.blob)[first:end])
        self.socket.send(chunk, places[places >= 0] - first)
        self.sent += past - at
        return past - at

    @property
    def acknowledged(self) -> int:
        """How many messages have arrived: QoS 0 by the ping at the end, QoS 1 each by itself."""
        turns, rest = divmod(self.sent, max(1, len(self.part)))
        with_ids = turns * int(self._before[-1]) + int(self._before[rest])
        plain = self.sent - with_ids
        return self.socket.acknowledged + (plain if self.socket.is_flushed else 0)


class _Pump:
    """A run of all clients."""

    def __init__(
        self,
        broker: Broker,
        ready: Prepared,
        clients: int,
        repeat: bool,
        rate: float | None,
        window: int,
        stop: asyncio.Event,
    ) -> None:
        self._broker, self._repeat, self._rate = broker, repeat, rate
        self._window, self._stop = window, stop
        parts = [ready.of_client(number, clients) for number in range(clients)]
        self._lines = [_Line(part, len(part) / max(1, len(ready)), window) for part in parts]
        self._lag_max_s = 0.0

    async def run(self, progress: Callable[[Progress], None] | None) -> Sent:
        """Connect all, send, and wait for the last acknowledgement."""
        clock = asyncio.get_running_loop().time
        watching = asyncio.create_task(self._watch(progress))
        stopping = asyncio.create_task(self._stopping())
        work: list[asyncio.Task[None]] = []
        try:
            for number, line in enumerate(self._lines):
                await self._connect(number, line)
            began_s = clock()
            work = [asyncio.create_task(self._send(line, began_s)) for line in self._lines]
            await asyncio.gather(*work)
            ended_s = clock()
        finally:
            for task in (watching, stopping, *work):
                task.cancel()
            await asyncio.gather(watching, stopping, *work, return_exceptions=True)
            for line in self._lines:
                if line.socket.transport is not None:
                    line.socket.transport.abort()
        told = self._told()
        if progress is not None:
            progress(told)
        left = sum(line.sent for line in self._lines) - told.acknowledged
        return Sent(told.acknowledged, left, ended_s - began_s, self._lag_max_s)

    async def _connect(self, number: int, line: _Line) -> None:
        loop, broker, socket_ = asyncio.get_running_loop(), self._broker, line.socket
        context = None if broker.tls is None else broker.tls.context()
        hello = connect(broker.identifier(number), broker.username, broker.password, keepalive_s=0)
        try:
            await loop.create_connection(
                lambda: socket_,
                broker.host,
                broker.port,
                ssl=context,
                server_hostname=broker.host if context else None,
            )
            socket_.write(hello)
            while socket_.refusal is None:
                await socket_.change()
        except (OSError, UnicodeError) as error:
            raise absent(broker, error) from error
        if socket_.refusal:
            raise absent(broker, socket_.refusal)

    async def _send(self, line: _Line, began_s: float) -> None:
        try:
            await self._send_all(line, began_s)
            await line.socket.flush()
        except Exception as error:
            total = sum(one.acknowledged for one in self._lines)
            raise BrokerLostError(
                f"the connection to the MQTT broker at {self._broker.address} broke: "
                f"{str(error) or type(error).__name__}; {total} messages were acknowledged"
            ) from error
        await line.socket.leave()

    async def _send_all(self, line: _Line, began_s: float) -> None:
        at, total, socket_ = 0, len(line.part), line.socket
        clock = asyncio.get_running_loop().time
        while at < total and not self._stop.is_set():
            if socket_.failure is not None:
                raise socket_.failure
            most = total - at
            if self._rate is not None:
                rate = self._rate * line.share
                ahead = (clock() - began_s) * rate + 1 - line.sent
                line.behind = max(0.0, ahead - 1) / rate
                if ahead < 1:
                    await asyncio.sleep(min(max((1 - ahead) / rate, _TICK_S), _WATCH_S))
                    continue
                most = min(most, int(ahead))
                self._lag_max_s = max(self._lag_max_s, line.behind)
            # A window that is almost full would make many small chunks.
            if socket_.is_full or socket_.room < min(most, self._window // 4):
                await socket_.change()
                continue
            count = line.write(at, most)
            if not count:
                await socket_.change()
                continue
            at += count
            if at == total and self._repeat:
                at = 0
            await asyncio.sleep(0)

    async def _stopping(self) -> None:
        await self._stop.wait()
        for line in self._lines:
            line.socket.wake()

    async def _watch(self, progress: Callable[[Progress], None] | None) -> None:
        """Tell how far it is, and end a connection on which nothing moves."""
        clock = asyncio.get_running_loop().time
        while True:
            await asyncio.sleep(_WATCH_S)
            if progress is not None:
                progress(self._told())
            for line in self._lines:
                one = line.socket
                if one.transport and one.is_waiting and clock() - one.heard_s > _PATIENCE_S:
                    one.fail(TimeoutError(f"nothing moved for {_PATIENCE_S:.0f} s"))

    def _told(self) -> Progress:
        acknowledged = sum(line.acknowledged for line in self._lines)
        left = sum(line.socket.unacknowledged for line in self._lines)
        lag_s = max((line.behind for line in self._lines), default=0.0)
        return Progress(acknowledged, left, 0, lag_s)
