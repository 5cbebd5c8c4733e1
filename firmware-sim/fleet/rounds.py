"""What a replay sends: the recorded messages with other topics and times, once or again and again.

Shifted to now means: no time lies in the future when it is sent. At the recorded rhythm the first
message is of now; faster than that, the last one is of the moment at which it is sent, and those
before it have the recorded distance to it (at full speed: a history that ends now).
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from fleet.errors import RecordingError
from fleet.message import SECOND_NS, Message
from fleet.moved import moved


@dataclass(frozen=True, slots=True)
class Span:
    """How many messages there are, and from when to when (UTC ns; 0 where there are none)."""

    count: int
    first_ns: int
    last_ns: int

    @property
    def round_ns(self) -> int:
        """From the first message to the first of the next round: the usual pause is between."""
        length_ns = self.last_ns - self.first_ns
        if self.count < 2 or length_ns == 0:
            return length_ns + SECOND_NS
        return length_ns + length_ns // (self.count - 1)


def span_of(messages: Iterable[Message]) -> Span:
    """Return the span of messages, which are read through once."""
    count, first_ns, last_ns = 0, 0, 0
    for message in messages:
        first_ns = message.time_ns if count == 0 else min(first_ns, message.time_ns)
        last_ns = message.time_ns if count == 0 else max(last_ns, message.time_ns)
        count += 1
    return Span(count, first_ns, last_ns)


@dataclass(slots=True)
class Moved:
    """What a shift did: messages with a time that was moved, those without, and the times."""

    messages: int = 0
    untouched: int = 0
    times: int = 0

    def sentence(self) -> str:
        """Return it for a person."""
        return (
            f"{self.times} times inside {self.messages} payloads were moved; "
            f"{self.untouched} payloads hold none that can be known for one and are as recorded"
        )


@dataclass(slots=True)
class Rounds:
    """How the messages of one reading become those that are sent.

    once     gives the messages of one round, each time it is called
    topics   a topic's new name; None: as recorded
    moved    given: times are moved to now, see above; it counts what that did
    speed    of the replay, None: as fast as it goes
    """

    once: Callable[[], Iterator[Message]]
    span: Span
    speed: float | None
    now_ns: Callable[[], int]
    loop: bool = False
    topics: Callable[[str], str] | None = None
    moved: Moved | None = None

    def __iter__(self) -> Iterator[Message]:
        """Yield the messages; their times keep the rhythm over all rounds."""
        by_s = self._by_s() if self.moved is not None else 0
        later_ns = by_s * SECOND_NS
        while self.span.count:
            count = 0
            for message in self.once():
                count += 1
                yield self._sent(message, by_s, later_ns)
            if not self.loop:
                return
            if count == 0:
                raise RecordingError("replay: expected the messages of the first round, found none")
            by_s = self._by_s() if self.moved is not None else 0
            later_ns += self.span.round_ns

    def _by_s(self) -> int:
        """Return by how many seconds the times of a round that begins now are moved."""
        length_ns = self.span.last_ns - self.span.first_ns
        sending_ns = 0 if self.speed is None else int(length_ns / self.speed)
        return (self.now_ns() - self.span.first_ns + min(0, sending_ns - length_ns)) // SECOND_NS

    def _sent(self, message: Message, by_s: int, later_ns: int) -> Message:
        payload, topic = message.payload, message.topic
        if self.moved is not None:
            payload, times = moved(payload, by_s, message.time_ns)
            self.moved.times += times
            self.moved.messages += times > 0
            self.moved.untouched += times == 0
        if self.topics is not None:
            topic = self.topics(topic)
        return message._replace(time_ns=message.time_ns + later_ns, topic=topic, payload=payload)
