"""When a rule's anomalies are told: what must last, quiet hours, and bursts. Arithmetic only.

An anomaly passes three doors, one after the other: it must have lasted for `after`, it must not be
in quiet hours, and there must be room in the minute. What comes out is lists: one for each message.
"""

from collections import deque
from datetime import UTC, datetime, timedelta, tzinfo
from typing import NamedTuple

from gateway.notify_rules import Rule
from ingest.derived import SECOND_NS, Anomaly

BURST = 5
MINUTE_NS = 60 * SECOND_NS
HELD_MAX = 10_000


class Due(NamedTuple):
    """Messages to send, each about these anomalies; and what is never told, being in quiet hours.

    lost  how many were forgotten because too many waited
    """

    messages: list[list[Anomaly]]
    dropped: list[Anomaly]
    lost: int = 0


class Desk:
    """Where the anomalies of one rule wait. One thread uses it."""

    def __init__(self, rule: Rule, where: tzinfo) -> None:
        self.rule, self._where = rule, where
        self._held: dict[str, Anomaly] = {}
        self._morning: set[str] = set()  # those that waited for the end of quiet hours
        self._told_ns: deque[int] = deque(maxlen=BURST)  # when the last were told
        self._burst_until_ns: int | None = None
        self._lost = 0

    def __len__(self) -> int:
        return len(self._held)

    def take(self, anomaly: Anomaly) -> None:
        """Hold an anomaly, or what has become of it."""
        self._held[anomaly.id] = anomaly
        if len(self._held) > HELD_MAX:
            del self._held[next(iter(self._held))]
            self._lost += 1

    def forget(self, id: str) -> None:
        """Drop an anomaly that was none."""
        self._held.pop(id, None)

    def clear(self) -> None:
        """Drop all, as it comes again; what has waited through quiet hours is remembered."""
        self._held.clear()

    def due(self, now_ns: int) -> Due:
        """Return what is to be told now; it is held no longer."""
        lost, self._lost = self._lost, 0
        ripe = self._ripe(now_ns)
        if not ripe:
            if self._burst_until_ns is not None and now_ns >= self._burst_until_ns:
                self._burst_until_ns = None
            return Due([], [], lost)
        quiet = self.rule.quiet
        if quiet is not None and quiet.holds(_minute(now_ns, self._where)):
            if not quiet.later:
                return Due([], self._released(ripe), lost)
            self._burst_until_ns = None  # the morning makes one message of them anyway
            self._morning.update(one.id for one in ripe)
            return Due([], [], lost)
        messages = []
        morning = [one for one in ripe if one.id in self._morning]
        if morning:
            messages.append(self._told(morning, now_ns))
        rest = [one for one in ripe if one.id not in self._morning]
        self._morning.clear()
        return Due(messages + self._in_turn(rest, now_ns), [], lost)

    def next_ns(self, now_ns: int) -> int | None:
        """Return when to ask again at the latest; None: when something comes."""
        if not self._held:
            return None
        times = [
            one.start_ns + self.rule.after_ns
            for one in self._held.values()
            if one.start_ns + self.rule.after_ns > now_ns
        ]
        if len(times) < len(self._held):  # some are ripe: they wait for a burst or a morning
            burst_ns = self._burst_until_ns
            times.append(now_ns + MINUTE_NS if burst_ns is None else burst_ns)
        return max(min(times), now_ns)

    def _ripe(self, now_ns: int) -> list[Anomaly]:
        """Return what has lasted for long enough; what ended before that is forgotten."""
        ripe, over = [], []
        for one in self._held.values():
            last_ns = now_ns if one.end_ns is None else one.end_ns
            if last_ns - one.start_ns >= self.rule.after_ns:
                ripe.append(one)
            elif one.end_ns is not None:
                over.append(one.id)
        for id in over:
            del self._held[id]
        return sorted(ripe, key=lambda one: one.start_ns)

    def _in_turn(self, ripe: list[Anomaly], now_ns: int) -> list[list[Anomaly]]:
        """Return a message for each, or for a burst one when its minute is over."""
        if self._burst_until_ns is None:
            recent = [then for then in self._told_ns if then > now_ns - MINUTE_NS]
            if len(recent) + len(ripe) <= BURST:
                return [self._told([one], now_ns) for one in ripe]
            self._burst_until_ns = (recent[0] if recent else now_ns) + MINUTE_NS
        if not ripe or now_ns < self._burst_until_ns:
            return []
        self._burst_until_ns = None
        return [self._told(ripe, now_ns)]

    def _told(self, ones: list[Anomaly], now_ns: int) -> list[Anomaly]:
        self._told_ns.extend([now_ns] * min(len(ones), BURST))
        return self._released(ones)

    def _released(self, ones: list[Anomaly]) -> list[Anomaly]:
        for one in ones:
            del self._held[one.id]
        return ones


def _minute(now_ns: int, where: tzinfo) -> int:
    """Return the minute of the local day; exact at the ends of quiet hours."""
    local = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=now_ns // SECOND_NS)).astimezone(
        where
    )
    return 60 * local.hour + local.minute
