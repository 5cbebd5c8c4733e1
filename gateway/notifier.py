"""The thread that tells people of anomalies, by the rules of a file (gateway/notify_rules.py).

It is told of anomalies after they are stored, and never holds up who tells it. What it misses, in
a flood or while Emscher is down, it reads from the store. What was told is in a file, so each
anomaly is told once per rule and receiver, also across restarts. A crash between a yes of the other
side and the file's next line tells one message twice, with the same id.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from typing import Protocol

import structlog

from gateway.address import Address
from gateway.notify_desk import MINUTE_NS, Desk
from gateway.notify_memory import Memory
from gateway.notify_outbox import Outbox, Send
from gateway.notify_rules import Mqtt, Notify, Rule, read_notify
from gateway.notify_ways import send
from gateway.notify_words import Message, Told, message
from gateway.settings import Settings
from ingest.derived import HOUR_NS, SECOND_NS, Anomaly
from ingest.errors import StoreUnavailable
from ingest.place import NOWHERE, Placed
from ingest.store import Source

OLD_NS = 30 * 24 * HOUR_NS
OVER_NS = 2 * 24 * HOUR_NS
INBOX_MAX = 10_000
_PAGE = 1_000
_AGAIN_NS = 5 * SECOND_NS
_PLACES_NS = MINUTE_NS

log = structlog.get_logger("emscher.gateway")


class FoundAnomalies(Protocol):
    """What a look at the readings found (the analysis' Found has these)."""

    @property
    def changed(self) -> Sequence[Anomaly]:
        """Anomalies that are new or have changed; they are stored."""

    @property
    def retracted(self) -> Sequence[str]:
        """Ids of those that later readings have disproved."""


@dataclass(frozen=True, slots=True)
class Notice:
    """How one receiver is.

    sent, failed  messages since the start; a failed one was given up
    waiting       messages that are to be tried (again)
    held          anomalies that wait: to last, for the end of quiet hours, or of a burst
    error         why the last try failed, in a sentence; None: it did not
    """

    name: str
    kind: str
    sent: int
    waiting: int
    held: int
    failed: int
    error: str | None


class Notifier:
    """Tells who is to be told. `step` is one round; the thread does one after the other.

    folder  where it is remembered what was told
    source  the store
    placed  where devices are; may raise StoreUnavailable
    where   the zone of quiet hours, and of times in messages
    """

    def __init__(
        self,
        notify: Notify,
        folder: Path,
        source: Source,
        placed: Callable[[], Mapping[str, Placed]],
        where: tzinfo,
        *,
        now_ns: Callable[[], int] = time.time_ns,
        send: Send = send,
    ) -> None:
        self._link, self._source, self._where, self._now_ns = notify.link, source, where, now_ns
        self._desks = [Desk(rule, where) for rule in notify.rules]
        self._boxes = {way.name: Outbox(way, send) for way in notify.ways}
        self._memory = Memory(folder)
        self._memory.begin([rule.name for rule in notify.rules], now_ns())
        self._unsaved, self._save_fault = True, False
        self._under_way: set[tuple[str, str, str]] = set()  # rule, way, anomaly: in an outbox
        self._ask_places = placed
        self._places: Mapping[str, Placed] | None = None
        self._places_until_ns = 0
        self._inbox: deque[tuple[Sequence[Anomaly], Sequence[str]]] = deque()
        self._in_inbox = 0
        self._behind_ns: int | None = now_ns()  # from when on the store is to be read
        self._changed = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="emscher-notifier", daemon=True)

    def topics(self, brokers: Iterable[Address]) -> frozenset[str]:
        """Return the topics that are told at one of these brokers: they are no readings."""
        there = {(one.host, one.port) for one in brokers}
        ways = (box.way for box in self._boxes.values())
        return frozenset(
            way.topic
            for way in ways
            if isinstance(way, Mqtt) and (way.address.host, way.address.port) in there
        )

    def start(self) -> None:
        """Begin with what the store has."""
        if self._desks:
            self._thread.start()

    def found(self, found: FoundAnomalies) -> None:
        """Take note of anomalies that were stored; never waits. Too many: they are read later."""
        if not self._desks:
            return
        with self._changed:
            self._in_inbox += len(found.changed) + len(found.retracted)
            if self._in_inbox > INBOX_MAX:
                self._fall_behind(self._now_ns())
            else:
                self._inbox.append((tuple(found.changed), tuple(found.retracted)))
            self._changed.notify()

    def stop(self, patience_s: float) -> None:
        """End after the message that is being sent; the others are told after the next start."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        if self._thread.ident is not None:
            self._thread.join(patience_s)

    def notices(self) -> list[Notice]:
        """Return how each receiver is, in the order of the file."""
        return [
            Notice(
                box.way.name,
                box.way.kind,
                box.sent,
                len(box),
                sum(len(desk) for desk in self._desks if box.way.name in desk.rule.to),
                box.failed,
                box.error,
            )
            for box in self._boxes.values()
        ]

    def step(self) -> float:
        """Take what was found, hand out what is due, send one message a way; seconds to rest."""
        now_ns = self._now_ns()
        self._take(now_ns)
        for desk in self._desks:
            self._hand_out(desk, now_ns)
        for box in self._boxes.values():
            next_ns = box.next_ns()
            if next_ns is not None and next_ns <= now_ns and not self._stopping:
                self._send_one(box, now_ns)
        self._save(now_ns)
        now_ns = self._now_ns()
        times = [desk.next_ns(now_ns) for desk in self._desks]
        times += [box.next_ns() for box in self._boxes.values()]
        times += [self._behind_ns, now_ns + MINUTE_NS]
        return max(0, min(at for at in times if at is not None) - now_ns) / SECOND_NS

    def _run(self) -> None:
        rest_s = 0.0
        while True:
            with self._changed:
                if not self._inbox and not self._stopping and rest_s > 0:
                    self._changed.wait(rest_s)
                if self._stopping:
                    return
            try:
                rest_s = self.step()
            except Exception:
                log.exception("the notifications have stumbled; they begin again from the store")
                with self._changed:
                    self._fall_behind(self._now_ns() + _AGAIN_NS)
                rest_s = _AGAIN_NS / SECOND_NS

    def _fall_behind(self, until_ns: int) -> None:
        """Have the store read, not before that time. Called with the lock."""
        self._behind_ns = until_ns
        self._inbox.clear()
        self._in_inbox = 0

    def _take(self, now_ns: int) -> None:
        """Put what was found on the desks; read it from the store where some was missed."""
        with self._changed:
            found, self._inbox = self._inbox, deque()
            self._in_inbox = 0
            read = self._behind_ns is not None and self._behind_ns <= now_ns
            if read:
                self._behind_ns = None
        complete = True
        try:
            if read:
                for desk in self._desks:
                    desk.clear()
                complete &= self._sort(self._stored(now_ns), now_ns)
            for changed, retracted in found:
                for desk in self._desks:
                    for id in retracted:
                        desk.forget(id)
                complete &= self._sort(changed, now_ns)
        except StoreUnavailable:
            complete = False
        if not complete:
            with self._changed:
                self._behind_ns = now_ns + _AGAIN_NS

    def _stored(self, now_ns: int) -> Iterator[Anomaly]:
        """Yield the stored anomalies that may still be told; StoreUnavailable."""
        after: tuple[int, str] | None = None
        while True:
            page = self._source.anomalies(start_ns=now_ns - OVER_NS, after=after, limit=_PAGE)
            for one in page:
                if one.start_ns < now_ns - OLD_NS:  # newest start first
                    return
                yield one
            if len(page) < _PAGE:
                return
            after = (page[-1].start_ns, page[-1].id)

    def _sort(self, anomalies: Iterable[Anomaly], now_ns: int) -> bool:
        """Put each on the desks whose rule wants it; False: some can't be judged now."""
        complete = True
        for one in anomalies:
            places = self._placed(now_ns)
            name = self._name(one.device)
            placed = NOWHERE if places is None else places.get(one.device, NOWHERE)
            for desk in self._desks:
                if desk.rule.by_place and places is None:
                    complete = False
                elif self._is_news(desk.rule, one, now_ns) and desk.rule.wants(one, name, placed):
                    desk.take(one)
                else:
                    desk.forget(one.id)
        return complete

    def _is_news(self, rule: Rule, one: Anomaly, now_ns: int) -> bool:
        """Return whether somebody is yet to be told: it is not old, nor over before the rule."""
        if one.start_ns < now_ns - OLD_NS:
            return False
        over_ns = max(self._memory.since_ns(rule.name), now_ns - OVER_NS)
        if one.end_ns is not None and one.end_ns < over_ns:
            return False
        return any(self._lacks(rule, way, one) for way in rule.to)

    def _lacks(self, rule: Rule, way: str, one: Anomaly) -> bool:
        told = self._memory.has(rule.name, way, one.id)
        return not told and (rule.name, way, one.id) not in self._under_way

    def _placed(self, now_ns: int) -> Mapping[str, Placed] | None:
        """Return where devices are, as of a minute ago at most; None: it can't be asked."""
        if now_ns >= self._places_until_ns:
            try:
                self._places = self._ask_places()
                self._places_until_ns = now_ns + _PLACES_NS
            except StoreUnavailable:
                self._places, self._places_until_ns = None, now_ns + _AGAIN_NS
        return self._places

    def _name(self, device: str) -> str:
        known = self._source.device(device)
        return known.name if known else ""

    def _hand_out(self, desk: Desk, now_ns: int) -> None:
        """Make messages of what is due."""
        due, rule = desk.due(now_ns), desk.rule
        if due.lost:
            log.error("too many anomalies wait to be told", rule=rule.name, forgotten=due.lost)
        for way in rule.to:
            if due.dropped:
                self._memory.add(rule.name, way, [one.id for one in due.dropped], now_ns)
                self._unsaved = True
            for about in due.messages:
                told = [self._told(one, now_ns) for one in about if self._lacks(rule, way, one)]
                if told:
                    self._put(
                        way, message(rule.name, told, self._link, self._where, now_ns), now_ns
                    )

    def _told(self, one: Anomaly, now_ns: int) -> Told:
        places = self._placed(now_ns) or {}
        return Told(one, self._name(one.device), places.get(one.device, NOWHERE))

    def _put(self, way: str, made: Message, now_ns: int) -> None:
        self._under_way.update((made.rule, way, id) for id in made.ids)
        given_up = self._boxes[way].put(made)
        if given_up is not None:
            self._done(way, given_up, now_ns)

    def _send_one(self, box: Outbox, now_ns: int) -> None:
        sent, given_up = box.turn(now_ns)
        for made in [*([sent] if sent else []), *given_up]:
            self._done(box.way.name, made, now_ns)
            self._save(now_ns)

    def _done(self, way: str, made: Message, now_ns: int) -> None:
        """Note that a message was sent or given up: its anomalies are not told again."""
        self._memory.add(made.rule, way, made.ids, now_ns)
        self._under_way.difference_update((made.rule, way, id) for id in made.ids)
        self._unsaved = True

    def _save(self, now_ns: int) -> None:
        if not self._unsaved:
            return
        try:
            self._memory.save(now_ns)
        except OSError as fault:
            if not self._save_fault:
                log.error("what was told can't be written down: after a new start it would be told"
                          " again", why=str(fault))  # fmt: skip
            self._save_fault = True
        else:
            self._unsaved = self._save_fault = False


def notifier_of(
    settings: Settings, source: Source, placed: Callable[[], Mapping[str, Placed]]
) -> Notifier:
    """Return who tells by the file of the settings; without one, nobody is told. NotifyError."""
    notify = read_notify(Path(settings.notify)) if settings.notify else Notify((), ())
    return Notifier(notify, settings.data, source, placed, settings.where)
