"""What waits to be sent on one way: tried again with growing waits, bounded, given up at last."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from gateway.errors import DeliveryError
from gateway.notify_rules import Way
from gateway.notify_words import Message
from ingest.derived import SECOND_NS

PAUSES_S = (5, 30, 120, 600, 1800, 3600)
WAITING_MAX = 200

log = structlog.get_logger("emscher.gateway")

Send = Callable[[Way, Message, int], None]


@dataclass(slots=True)
class _Waits:
    message: Message
    tries: int = 0


class Outbox:
    """The messages of one way, in order. One thread uses it; others may read its counts.

    sent, failed  messages since the start
    error         why the last try failed, in a sentence; None: it did not
    """

    def __init__(self, way: Way, send: Send) -> None:
        self.way, self._send = way, send
        self._waiting: deque[_Waits] = deque()
        self._failures, self._next_ns = 0, 0
        self.sent = self.failed = 0
        self.error: str | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, message: Message) -> Message | None:
        """Take a message; return the oldest, given up, where too many wait."""
        self._waiting.append(_Waits(message))
        if len(self._waiting) <= WAITING_MAX:
            return None
        oldest = self._waiting.popleft().message
        self._give_up(oldest, f"more than {WAITING_MAX} messages wait")
        return oldest

    def next_ns(self) -> int | None:
        """Return when there is something to do; None: nothing waits."""
        return self._next_ns if self._waiting else None

    def turn(self, now_ns: int) -> tuple[Message | None, list[Message]]:
        """Try the first message; return it if it was sent, and what is given up.

        One that fails goes behind the others, so that it alone can't hold them up. A failed try
        counts for all that wait, since mostly it is the way that is down.
        """
        first = self._waiting[0]
        try:
            self._send(self.way, first.message, now_ns)
        except DeliveryError as fault:
            return None, self._failed(str(fault), now_ns)
        self._waiting.popleft()
        if self.error is not None:
            log.info("notifications get through again", to=self.way.name)
        self._failures, self._next_ns, self.error = 0, 0, None
        self.sent += 1
        return first.message, []

    def _failed(self, why: str, now_ns: int) -> list[Message]:
        if self.error is None:
            log.warning("a notification waits: it is tried again", to=self.way.name, why=why)
        self.error = why
        self._next_ns = now_ns + PAUSES_S[min(self._failures, len(PAUSES_S) - 1)] * SECOND_NS
        self._failures += 1
        self._waiting.rotate(-1)
        for one in self._waiting:
            one.tries += 1
        given_up = [one for one in self._waiting if one.tries > len(PAUSES_S)]
        for one in given_up:
            self._waiting.remove(one)
            self._give_up(one.message, why)
        return [one.message for one in given_up]

    def _give_up(self, message: Message, why: str) -> None:
        self.failed += 1
        log.error("a notification is given up", to=self.way.name, why=why, subject=message.subject)
