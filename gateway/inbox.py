"""The inbox: what has arrived and is not yet durable. Bounded in messages and in bytes.

When it is full, `put` waits. That stops the reading of the socket, and so the broker: it is the
back-pressure. Nothing is ever dropped here.
"""

import threading
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from ingest.reading import Envelope


class Arrival(NamedTuple):
    """An envelope and how to tell its broker that it is safe."""

    envelope: Envelope
    acknowledge: Callable[[], None]


class Inbox:
    """A bounded queue between the brokers' network threads and the one that commits."""

    def __init__(self, messages_max: int = 20_000, bytes_max: int = 64 * 2**20) -> None:
        self._queue: deque[Arrival] = deque()
        self._bytes = 0
        self._messages_max = messages_max
        self._bytes_max = bytes_max
        self._closed = False
        self._changed = threading.Condition()

    def __len__(self) -> int:
        return len(self._queue)

    def put(self, arrival: Arrival) -> bool:
        """Add an arrival, waiting for room; False when the inbox has closed: then do not wait."""
        with self._changed:
            while not self._closed and self._full():
                self._changed.wait()
            if self._closed:
                return False
            self._queue.append(arrival)
            self._bytes += len(arrival.envelope.payload)
            if len(self._queue) == 1:
                self._changed.notify_all()
            return True

    def take(self, messages_max: int, bytes_max: int) -> list[Arrival]:
        """Return what has arrived, oldest first, waiting for the first one.

        At most so many messages and bytes (one message always). Empty: closed and all taken.
        """
        taken: list[Arrival] = []
        size = 0
        with self._changed:
            while not self._queue and not self._closed:
                self._changed.wait()
            while self._queue and len(taken) < messages_max:
                length = len(self._queue[0].envelope.payload)
                if taken and size + length > bytes_max:
                    break
                taken.append(self._queue.popleft())
                size += length
            self._bytes -= size
            self._changed.notify_all()
        return taken

    def close(self) -> None:
        """Take nothing more in; what is here can still be taken out."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _full(self) -> bool:
        return len(self._queue) >= self._messages_max or self._bytes >= self._bytes_max
