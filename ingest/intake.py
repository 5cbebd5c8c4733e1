"""The intake: envelopes in, durable readings out.

Every envelope ends as exactly one of stored, duplicate, quarantined, and `accept` returns only
when that is on disk. What is known by its readings (series, time, value) the store recognises.
A message whose readings carry the time of receipt, or that carries none, would be new each time;
it is known by its key instead, which is kept in the same commit. So is a frame that several
gateways heard: each of them states a time and a signal of its own.

A limit: a message with neither a time nor an identity, that equals one of the last 2,000,000 such,
and that was on its way when the connection broke, is taken for that one. Nothing in MQTT tells
the two apart: a broker may number its messages anew when it starts again.
"""

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace

import structlog

from ingest.archive import Archive
from ingest.columns import Columns
from ingest.decode import Decoder
from ingest.device import Device
from ingest.erasure import Erasure, erase
from ingest.errors import ANNOUNCEMENT, PayloadError, StoreUnavailable
from ingest.express import Express
from ingest.frames import NAME as FRAMES
from ingest.frames import FrameBook
from ingest.reading import Envelope, Measurement, Message, Rows, Series
from ingest.reprocess import Reprocessed, as_commit, changes, decoded
from ingest.store.port import Commit, Counts, Outcome, Quarantined, Receipt, Refusal, Store

_RETRIED_AT_ONCE = 500
_TRIED_ALWAYS = (
    1000  # so many are tried at every announcement: it takes some hundredths of a second
)
_PAUSE_MAX = 256

log = structlog.get_logger("emscher.ingest")


@dataclass(frozen=True, slots=True)
class Committed:
    """What a commit changed, told to whoever watches.

    rows     readings that are new or corrected, as they came
    counts   the counters over the whole life of the store
    devices  devices that are new or have changed
    refused  how many messages of this commit went to quarantine
    """

    commit: int
    rows: Rows
    counts: Counts
    devices: list[Device]
    refused: int


@dataclass(frozen=True, slots=True)
class Retried:
    """What came of decoding refused messages again: how many were tried, and understood now."""

    tried: int
    released: int


class Intake:
    """Decodes, recognises repeats, and commits: one call at a time, from any thread.

    archive  takes the messages that are understood; None: they are not kept
    """

    def __init__(
        self,
        store: Store,
        decoder: Decoder,
        watchers: Sequence[Callable[[Committed], None]] = (),
        archive: Archive | None = None,
    ) -> None:
        self._store = store
        self._decoder = decoder
        self._watchers = tuple(watchers)
        self._archive = archive
        self.frames = FrameBook(decoder.memory.of(FRAMES))
        self._lock = threading.Lock()
        # What was read to be decoded again must not come back after its device was erased.
        self._again = threading.Lock()
        self._waiting = True  # whether a refusal may be waiting for an announcement
        self._pause, self._resting = 1, 0  # how many announcements to let pass

    def accept(self, envelopes: Sequence[Envelope]) -> Committed:
        """Make these messages durable, whole or not at all.

        Returns what changed. Raises StoreUnavailable when nothing was written: offer the same
        envelopes again later.
        """
        with self._lock:
            columns = Columns()
            read = self._decoder.read_all(envelopes)
            for envelope, found in zip(envelopes, read, strict=True):
                if isinstance(found, Express):
                    self._add_express(columns, envelope, found)
                elif isinstance(found, PayloadError):
                    self._refuse(columns, envelope, found)
                else:
                    self._add(columns, envelope, found)
            committed = self._commit(columns)
        announced = any(fact.format != FRAMES for fact in columns.facts)
        if announced and self._waiting:
            self._retry_waiting()
        return committed

    def refuse(self, envelope: Envelope, error: PayloadError) -> Committed:
        """Put one envelope into quarantine without looking into it."""
        with self._lock:
            columns = Columns()
            self._refuse(columns, envelope, error)
            return self._commit(columns)

    def retry(self, rule: str | None = None) -> Retried:
        """Decode refused messages (of one rule) again, and take in those that are understood now.

        They leave quarantine in the commit that brings their readings, so that the counters add
        up at every instant. Raises StoreUnavailable; what was taken in until then stays so.
        """
        tried = released = after = 0
        while True:
            with self._lock:
                waiting = self._store.refused(after=after, rule=rule, limit=_RETRIED_AT_ONCE)
                if not waiting:
                    return Retried(tried, released)
                after = waiting[-1].id
                tried += len(waiting)
                released += self._release(waiting)

    def reprocess(
        self,
        decoder: Decoder,
        device: str | None,
        start_ns: int,
        end_ns: int,
        *,
        trial: bool = False,
        progress: Callable[[Reprocessed, int], bool] = lambda found, at_ns: True,
    ) -> Reprocessed:
        """Decode what the archive holds of [start_ns, end_ns) again (reprocess.py says how).

        decoder   reads with the codecs of now; it is not the one that reads what arrives
        device    one device; None: all
        trial     only say what would change
        progress  is told what came of it so far, and the receipt that it has come to; False: stop
        Raises StoreUnavailable; what was changed until then stays so.
        """
        found = Reprocessed()
        with self._again:
            for part in self._again_of(start_ns, end_ns):
                said, messages, refused = decoded(part, decoder, self._store, device)
                with self._lock:  # what lies there must not change under what is to be written
                    rows, changed = changes(said, self._store)
                    if len(rows) and not trial:
                        commit = as_commit(rows)
                        self._tell(commit, self._store.append(commit))
                found = found.plus(changed._replace(messages=messages, refused=refused))
                if not progress(found, part[-1].received_ns):
                    break
        return found

    def _again_of(self, start_ns: int, end_ns: int) -> Iterator[Sequence[Envelope]]:
        """Yield what the archive holds of [start_ns, end_ns), some messages at a time."""
        for block in self._archive.read(start_ns, end_ns) if self._archive else ():
            for at in range(0, len(block), _RETRIED_AT_ONCE):
                yield block[at : at + _RETRIED_AT_ONCE]

    def erase(
        self,
        fresh: Callable[[], Decoder],
        device: str,
        before_ns: int | None = None,
        *,
        trial: bool = False,
    ) -> Erasure:
        """Erase what is kept of a device (erasure.py says what); messages wait meanwhile.

        fresh  makes a decoder; it is not the one that reads what arrives

        Raises StoreUnavailable, also while messages are decoded again: what was read for that would
        come back. What was erased until then stays so.
        """
        if not self._again.acquire(blocking=False):
            raise StoreUnavailable("messages are being decoded again; erase when that is over")
        try:
            with self._lock:
                found = erase(self._store, self._archive, fresh, device, before_ns, trial=trial)
                if not trial and before_ns is None:
                    self.frames.erase(device)
                    self._decoder.memory.erase(found.of_store.announcements)
                return found
        finally:
            self._again.release()

    def _retry_waiting(self) -> None:
        """Try what waited for an announcement, now that there was one.

        Where many wait in vain, the tries become rarer, so that they don't hold up the intake.
        """
        if self._resting > 0:
            self._resting -= 1
            return
        self._waiting = False
        try:
            retried = self.retry(ANNOUNCEMENT)
            self._waiting = self._waiting or retried.released < retried.tried
            vain = retried.tried > _TRIED_ALWAYS and not retried.released
            self._pause = min(2 * self._pause, _PAUSE_MAX) if vain else 1
            self._resting = self._pause if vain else 0
        except StoreUnavailable as fault:  # the batch itself is stored; `retry` can be asked for
            log.warning("messages that waited for an announcement stay refused", why=str(fault))

    def _release(self, waiting: Sequence[Quarantined]) -> int:
        """Take in those refusals that can be decoded now, and return how many."""
        columns = Columns()
        envelopes = [
            Envelope(one.source, one.topic, one.payload, one.received_ns, retained=one.retained)
            for one in waiting
        ]
        decoded = self._decoder.decode_all(envelopes)
        for one, envelope, found in zip(waiting, envelopes, decoded, strict=True):
            if not isinstance(found, PayloadError):
                columns.released.append(one.id)
                self._add(columns, envelope, found, known=False)
        if columns.released:
            columns.frames.clear()  # their numbers are of long ago
            self._commit(columns)
        return len(columns.released)

    def _commit(self, columns: Columns) -> Committed:
        columns.facts = self._decoder.memory.unsaved()
        commit = columns.commit()
        with self._archive.holding(columns.archived) if self._archive else nullcontext():
            receipt = self._store.append(commit)
        memory = self._decoder.memory
        memory.saved(columns.facts)
        if columns.frames:
            newest_ns = columns.archived[-1].received_ns
            for device, account in self.frames.note(columns.frames, newest_ns):
                memory.learn(FRAMES, device, [*account])
        return self._tell(commit, receipt)

    def _tell(self, commit: Commit, receipt: Receipt) -> Committed:
        committed = Committed(
            receipt.commit,
            commit.rows.take(receipt.outcome != Outcome.SAME),
            self._store.counts(),
            commit.devices,
            len(commit.refusals),
        )
        for watch in self._watchers:
            try:
                watch(committed)
            except Exception:  # it is stored: offering it again would only count it twice
                log.exception("a watcher of the intake failed", commit=committed.commit)
        return committed

    def _refuse(self, columns: Columns, envelope: Envelope, error: PayloadError) -> None:
        if not self._repeats(columns, _own_key(envelope), _sent_before(envelope)):
            why = (str(error.rule), _words(error.expected), _words(error.found))
            columns.refusals.append(Refusal(envelope, *why))
            self._waiting = self._waiting or error.rule == ANNOUNCEMENT

    def _add_express(self, columns: Columns, envelope: Envelope, found: Express) -> None:
        """Add an uplink of a device that is known as it is; another one the ordinary way."""
        known = found.known
        device = self._store.device(known.device)
        if known.met is None or known.met is not device or known.device in columns.devices:
            # The device may be new, or have changed: what the ordinary way leaves as it is, is met.
            self._add(columns, envelope, found.message())
            known.met = None if known.device in columns.devices else device
            return
        numbers = known.numbers.get(found.names)
        if numbers is None:
            number = self._store.number
            numbers = [number(Series(known.device, *field)) for field in found.fields()]
            known.numbers[found.names] = numbers
        columns.series += numbers
        columns.value += found.values
        columns.run(len(numbers), found.time_ns, envelope.received_ns)
        columns.archived.append(envelope)
        columns.frames.append((known.device, found.f_cnt))
        columns.messages += 1

    def _add(
        self, columns: Columns, envelope: Envelope, message: Message, *, known: bool = True
    ) -> None:
        """Add a message to the commit; `known` False: it was refused, so it was here before."""
        received_ns = envelope.received_ns
        parts = [
            part
            for part in (message, *message.others)
            if not (part.key_alone and self._seen(columns, _key("", part.device, part.key or "")))
        ]
        if not parts:
            columns.repeats += 1
            return
        # From the receipt on: where a time was too far ahead the receipt's took its place, and
        # when the message comes again later, its own time may have become a possible one.
        timeless = not any(part.measurements for part in parts) or any(
            _time_ns(part, measured, received_ns) >= received_ns
            for part in parts
            for measured in part.measurements
        )
        if timeless and not message.key_alone:
            named = message.key is not None
            # With the topic: an uplink and what the network says of it share one identity.
            identity = (envelope.topic, message.device, message.key or "")
            key = _key(*identity) if named else _own_key(envelope)
            if self._repeats(columns, key, named or (known and _sent_before(envelope))):
                return
        number = self._store.number
        for part in parts:
            sampled_ns = received_ns if part.time_ns is None else part.time_ns
            for quantity, value, channel, time_ns, quality in part.measurements:
                columns.series.append(number(Series(part.device, quantity, channel)))
                columns.value.append(value)
                at_ns = sampled_ns if time_ns is None else time_ns
                columns.run(1, at_ns, received_ns, quality)
            self._meet(columns, envelope, part)
        columns.archived.append(envelope)
        if message.f_cnt is not None:
            columns.frames.append((message.device, message.f_cnt))
        columns.messages += 1

    def _repeats(self, columns: Columns, key: bytes, tells: bool) -> bool:
        """Return whether this message was here before, as far as its key tells; remember the key.

        Without a key of its own, only a message that the broker marks as sent again, or as kept
        for new subscribers, is a repeat: a device may well say the same thing twice.
        """
        if tells and self._seen(columns, key):
            columns.repeats += 1
            return True
        columns.keys[key] = None
        return False

    def _seen(self, columns: Columns, key: bytes) -> bool:
        """Return whether the key is known; from now on it is."""
        if key in columns.keys or self._store.known([key]):
            return True
        columns.keys[key] = None
        return False

    def _meet(self, columns: Columns, envelope: Envelope, message: Message) -> None:
        known = columns.devices.get(message.device) or self._store.device(message.device)
        if known is None:
            known = Device(message.device, first_ns=envelope.received_ns)
        met = replace(
            known,
            name=message.name or known.name,
            model=message.model or known.model,
            format=message.format or known.format,
            source=envelope.source or known.source,
            state={**known.state, **message.state},
        )
        # Most messages tell nothing new about their device, and then nothing is written for it.
        if met != known or known.last_ns == 0 or not message.measurements:
            columns.devices[message.device] = replace(met, last_ns=envelope.received_ns)


def _key(*parts: str | bytes) -> bytes:
    made = hashlib.blake2b(digest_size=16)
    for part in parts:
        raw = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        made.update(len(raw).to_bytes(8, "big") + raw)
    return made.digest()


def _time_ns(message: Message, measured: Measurement, received_ns: int) -> int:
    """Return when something was sampled: its own time, else the message's, else the receipt's."""
    if measured.time_ns is not None:
        return measured.time_ns
    return received_ns if message.time_ns is None else message.time_ns


def _sent_before(envelope: Envelope) -> bool:
    """Return whether the broker says that this may have come before."""
    return envelope.redelivered or envelope.retained


def _own_key(envelope: Envelope) -> bytes:
    return _key(envelope.topic, envelope.payload)


def _words(fact: object) -> str:
    text = fact if isinstance(fact, str) else repr(fact)
    return text if len(text) <= 500 else text[:499] + "…"
