"""The inbox: what has arrived and is not yet durable. Bounded in messages and in bytes.

What came with one reading of a socket stays together, so the bounds may be passed by as much.

When it is full, the reading of the socket waits for room, and so does the broker: it is the
back-pressure. Nothing is ever dropped here.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from ingest.reading import Envelope


class Parcel(NamedTuple):
    """Envelopes that came together, and how to tell their broker that all of them are safe."""

    envelopes: Sequence[Envelope]
    acknowledge: Callable[[], None]


class Inbox:
    """A bounded queue between the brokers' network threads and the one that commits."""

    def __init__(self, messages_max: int = 20_000, bytes_max: int = 64 * 2**20) -> None:
        self._queue: deque[Parcel] = deque()
        self._messages = self._bytes = 0
        self._messages_max = messages_max
        self._bytes_max = bytes_max
        self._closed = False
        self._changed = threading.Condition()

    def __len__(self) -> int:
        """Return how many messages are here."""
        return self._messages

    def await_room(self, patience_s: float) -> bool:
        """Wait for room, no longer than that; True also when it has closed: `put` says so."""
        if not self._full():
            return True
        with self._changed:
            return self._changed.wait_for(lambda: self._closed or not self._full(), patience_s)

    def put(self, parcel: Parcel) -> bool:
        """Add a parcel, waiting for room; False when the inbox has closed: then do not wait."""
        with self._changed:
            while not self._closed and self._full():
                self._changed.wait()
            if self._closed:
                return False
            self._queue.append(parcel)
            self._messages += len(parcel.envelopes)
            self._bytes += _size(parcel)
            if len(self._queue) == 1:
                self._changed.notify_all()
            return True

    def take(self, messages_max: int, bytes_max: int) -> list[Parcel]:
        """Return what has arrived, oldest first, waiting for the first one.

        At most so many messages and bytes (one parcel always). Empty: closed and all taken.
        """
        taken: list[Parcel] = []
        messages = size = 0
        with self._changed:
            while not self._queue and not self._closed:
                self._changed.wait()
            while self._queue:
                count, length = len(self._queue[0].envelopes), _size(self._queue[0])
                if taken and (messages + count > messages_max or size + length > bytes_max):
                    break
                taken.append(self._queue.popleft())
                messages += count
                size += length
            self._messages -= messages
            self._bytes -= size
            self._changed.notify_all()
        return taken

    def close(self) -> None:
        """Take nothing more in; what is here can still be taken out."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _full(self) -> bool:
        return self._messages >= self._messages_max or self._bytes >= self._bytes_max


def _size(parcel: Parcel) -> int:
    return sum(len(one.payload) for one in parcel.envelopes)
