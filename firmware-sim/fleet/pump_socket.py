"""One connection of the pump: its window of ids, and acknowledgements read in bulk."""

import asyncio
from typing import cast

import numpy as np
import numpy.typing as npt

from fleet.errors import EncodingError
from fleet.packets import CONNACK, DISCONNECT, ID_MAX, PINGREQ, PINGRESP, PUBACK, split

_BUFFER_BYTES = 1 << 18  # that wait for the kernel to take them
_PUBACK_HEAD = 0x4002
Ids = npt.NDArray[np.int64]


class PumpSocket(asyncio.Protocol):
    """An MQTT connection. Ids are given in the order 1, 2, … 65535, 1, …

    window        the most that may be unacknowledged
    acknowledged  how many messages of QoS 1 were
    refusal       the code of the CONNACK; None: none came yet
    failure       why the connection ended; None while it stands
    """

    def __init__(self, window: int) -> None:
        self.window = window
        self.acknowledged = 0
        self.refusal: int | None = None
        self.failure: Exception | None = None
        self.is_flushed = False  # the broker has read all that was sent before the ping
        self.heard_s = asyncio.get_running_loop().time()
        self.transport: asyncio.Transport | None = None
        self._woken = asyncio.Event()
        self._is_full, self._is_pinged = False, False
        self._rest = b""
        self._open = np.zeros(ID_MAX + 1, np.bool_)  # by id: sent and not acknowledged
        self._first, self._next = 0, 0  # serial numbers: the oldest open one, the next one

    @property
    def unacknowledged(self) -> int:
        """How many messages of QoS 1 were sent and are not acknowledged."""
        return self._next - self.acknowledged

    @property
    def room(self) -> int:
        """How many messages of QoS 1 may be sent now."""
        return self.window - (self._next - self._first)

    @property
    def is_full(self) -> bool:
        """Whether the kernel has to take some of what was written first."""
        return self._is_full

    @property
    def is_waiting(self) -> bool:
        """Whether it is the broker's turn."""
        pinged = self._is_pinged and not self.is_flushed
        return bool(self.unacknowledged or self._is_full or self.refusal is None or pinged)

    def send(self, packets: bytearray, places: Ids) -> None:
        """Write packets, with fresh ids at the places where ids stand."""
        if len(places):
            if not self.unacknowledged:
                self.heard_s = asyncio.get_running_loop().time()
            ids = (self._next + np.arange(len(places))) % ID_MAX + 1
            view = np.frombuffer(packets, np.uint8)
            view[places] = ids >> 8
            view[places + 1] = ids & 0xFF
            self._open[ids] = True
            self._next += len(places)
        self.write(packets)

    def write(self, packets: bytes | bytearray) -> None:
        """Write bytes."""
        if self.transport is not None:
            self.transport.write(packets)

    async def flush(self) -> None:
        """Wait until the broker has acknowledged all of QoS 1, and read all of QoS 0.

        It answers in order, so that an answer to a ping says that all before it has been read.
        """
        while self.unacknowledged:
            await self.change()
        self._is_pinged = True
        self.heard_s = asyncio.get_running_loop().time()
        self.write(PINGREQ)
        while not self.is_flushed:
            await self.change()

    async def leave(self) -> None:
        """Take leave, and wait until the connection has ended."""
        self.write(DISCONNECT)
        if self.transport is not None:
            self.transport.close()
        while self.failure is None:
            await self._woken.wait()
            self._woken.clear()

    def wake(self) -> None:
        """Let whoever waits look again."""
        self._woken.set()

    async def change(self) -> None:
        """Wait until something may have changed. Errors: the failure, once there is one."""
        if self.failure is None:
            await self._woken.wait()
        self._woken.clear()
        if self.failure is not None:
            raise self.failure

    def fail(self, error: Exception) -> None:
        """End the connection for a reason of our own."""
        self.failure = self.failure or error
        if self.transport is not None:
            self.transport.abort()
        self.wake()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take note of the connection."""
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(_BUFFER_BYTES)

    def connection_lost(self, exc: Exception | None) -> None:
        """Take note of its end."""
        self.failure = self.failure or exc or ConnectionResetError("the broker closed it")
        self.wake()

    def pause_writing(self) -> None:
        """Take note that enough waits to be written."""
        self._is_full = True
        self.heard_s = asyncio.get_running_loop().time()

    def resume_writing(self) -> None:
        """Take note that more can be written."""
        self._is_full = False
        self._progress()

    def data_received(self, data: bytes) -> None:
        """Read what the broker says: acknowledgements, almost always, many at once."""
        if self._rest:
            data = self._rest + data
        words = np.frombuffer(data, ">u2", len(data) // 4 * 2)
        if (words[::2] == _PUBACK_HEAD).all():
            self._acknowledge(words[1::2].astype(np.int64))
            self._read(data[len(words) * 2 :])
        else:
            self._read(data)
        self._progress()

    def _progress(self) -> None:
        self.heard_s = asyncio.get_running_loop().time()
        self.wake()

    def _read(self, data: bytes) -> None:
        try:
            packets, self._rest = split(data)
        except EncodingError as error:
            self.fail(error)
            return
        for kind, body in packets:
            if kind == CONNACK and len(body) == 2:
                self.refusal = body[1]
            elif kind == PUBACK and len(body) == 2:
                self._acknowledge(np.array([int.from_bytes(body, "big")], np.int64))
            elif kind == PINGRESP:
                self.is_flushed = True
            else:
                self.fail(EncodingError(f"expected PUBACK or PINGRESP, found kind {kind}"))

    def _acknowledge(self, ids: Ids) -> None:
        """Close these ids; one that isn't open, or comes twice, counts for nothing."""
        fresh = np.unique(ids[self._open[ids]])
        self._open[fresh] = False
        self.acknowledged += len(fresh)
        while self._first < self._next:
            at = self._first % ID_MAX
            piece = self._open[at + 1 : at + 1 + min(self._next - self._first, ID_MAX - at)]
            oldest = int(piece.argmax())
            if piece[oldest]:
                self._first += oldest
                return
            self._first += len(piece)
