"""Replay: publish a recorded stream again, in its own rhythm, faster, or as fast as it goes."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

import aiomqtt
import msgspec

from fleet.emrec import is_emrec
from fleet.errors import BrokerLostError, RecordingError
from fleet.message import SECOND_NS, Message, rfc3339
from fleet.publisher import Broker, Tls, connected, publish_all
from fleet.recording import Recording, opened
from fleet.rounds import Moved, Rounds, Span, span_of
from fleet.tasks import end

_HEAD_BYTES = 4096
_REPORT_S = 0.1


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """How a file is read. See fleet.table.load_meter and fleet.sensor.load_sensor.

    kind        None: the content decides between a recording and the table of a meter; "meter",
                "sensor", "elsys": a table, as such a device
    quantities  of a sensor: only these
    skip_damaged  of an .emrec: go on behind damage
    """

    tz: str | None = None
    columns: Mapping[str, str] | None = None
    unit: str = "kWh"
    device: str | None = None
    kind: str | None = None
    quantities: Sequence[str] = ()
    skip_damaged: bool = False


@dataclass(frozen=True, slots=True)
class Stream:
    """What a file holds: messages to iterate, their number, and sentences about how it was read."""

    kind: str  # "recording" or "table"
    messages: Recording | list[Message]
    notes: list[str]

    def __iter__(self) -> Iterator[Message]:
        """Yield the messages."""
        return iter(self.messages)

    def __len__(self) -> int:
        """Return how many messages there are."""
        return len(self.messages)


def open_replay(path: Path, options: ReplayOptions | None = None) -> Stream:
    """Return the messages of a recording or of a table; its content decides which it is.

    Errors  RecordingError, TableError: what was expected and found, with file and line.
    """
    chosen = options or ReplayOptions()
    begin, head = _first_line(path)
    table = begin[:4] == b"PAR1"
    if chosen.kind is None and not table and (is_emrec(begin) or _is_recording(head)):
        recording = Recording(path, skip_damaged=chosen.skip_damaged)
        notes = [
            f"a recording of {len(recording)} messages, {rfc3339(recording.start_ns)} to "
            f"{rfc3339(recording.end_ns)}"
        ]
        if recording.retained:
            notes.append(
                f"{recording.retained} of them were retained, and are published as retained: the "
                "broker keeps them for whoever comes later"
            )
        return Stream("recording", recording, [*notes, *recording.notes])
    mark = head[:1]
    if not table and mark != "{" and (mark in ("", "[", "<") or not any(m in head for m in ",;\t")):
        raise RecordingError(
            f"{path}, line 1: expected a recording (.emrec, or JSON Lines: each line an object "
            "with time, topic and payload) or a table (CSV with a line of column names, Parquet, "
            f"or JSON Lines of one object a row), found {head[:60]!r}"
        )
    return _table(path, chosen)


def _table(path: Path, chosen: ReplayOptions) -> Stream:
    from fleet.sensor import load_sensor  # noqa: PLC0415  # polars takes its time to load
    from fleet.table import load_meter  # noqa: PLC0415

    kind = chosen.kind or "meter"
    if kind == "meter":
        found = load_meter(
            path, tz=chosen.tz, columns=chosen.columns, unit=chosen.unit, device=chosen.device
        )
    else:
        found = load_sensor(
            path,
            kind,
            tz=chosen.tz,
            quantities=chosen.quantities,
            columns=chosen.columns,
            device=chosen.device,
        )
    word = "meter" if kind == "meter" else f"sensor ({kind})"
    notes = [f"a table as the {word} {found.device!r}, {len(found.messages)} readings"]
    return Stream("table", found.messages, [*notes, *found.notes])


def _is_recording(head: str) -> bool:
    """Return whether a first line is one of a recording; a broken object is taken for one."""
    if not head.startswith("{"):
        return False
    try:
        keys = msgspec.json.decode(head.encode())
    except msgspec.DecodeError:
        return True
    return not {"topic", "payload", "payload_base64"}.isdisjoint(keys)


async def replay(
    messages: Iterable[Message],
    *,
    host: str,
    port: int,
    speed: float | None = None,
    qos: int | None = 1,
    username: str | None = None,
    password: str | None = None,
    tls: Tls | None = None,
    start_ns: int | None = None,
    end_ns: int | None = None,
    topics: Callable[[str], str] | None = None,
    shift: Moved | None = None,
    loop: bool = False,
    keep_retain: bool = True,
    progress: Callable[[int, int | None, int], None] | None = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    now_ns: Callable[[], int] = time.time_ns,
    stop: asyncio.Event | None = None,
) -> int:
    """Publish the messages in order and return how many the broker acknowledged.

    speed     1 keeps the recorded rhythm, 60 makes an hour a minute; None: as fast as it goes,
              with a bounded number unacknowledged
    qos       for every message; None: each message's own
    start_ns, end_ns  only messages of [start, end), by their recorded times
    topics    a topic's new name, such as fleet.topics.TopicMap
    shift     given: times are moved to now, see fleet.rounds; it counts what that did
    loop      again and again until stopped, with the usual pause between two rounds
    keep_retain  False: nothing is published as retained
    progress  told (acknowledged, total or None, the message's time), ten times a second at most
    stop      set: nothing more is sent, what is in flight is waited for, and the count returned
    Errors    ValueError for a speed or qos that makes no sense; BrokerAbsentError;
              BrokerLostError, which says how many were acknowledged
    """
    if speed is not None and not 0 < speed < float("inf"):
        raise ValueError(f"speed: expected a number above 0, or none for full speed, found {speed}")
    if qos not in (0, 1, None):
        raise ValueError(f"qos: expected 0 or 1, found {qos}")
    if (loop or shift is not None) and isinstance(messages, Iterator):
        raise ValueError("loop, shift: expected messages that can be read again, found an iterator")

    def once() -> Iterator[Message]:
        return _between(messages, start_ns, end_ns, qos, keep_retain)

    run = _Run(speed, progress, clock, sleep, stop or asyncio.Event())
    whole = start_ns is None and end_ns is None
    if loop or shift is not None or (not whole and isinstance(messages, Sized)):
        span = span_of(once())
        run.total = None if loop else span.count
    else:
        run.total = len(messages) if isinstance(messages, Sized) else None
        span = Span(1, 0, 0)  # only a loop and a shift look at it
    wanted = iter(
        Rounds(once, span, speed, now_ns, loop=loop, topics=topics, moved=shift)
        if loop or shift is not None or topics is not None
        else once()
    )

    async def work(client: aiomqtt.Client) -> None:
        pace = None if speed is None else run.pace
        await publish_all(client, run.until_stopped(wanted), pace=pace, acknowledged=run.count)

    try:
        await connected(Broker(host, port, username, password, tls), work)
    except BrokerLostError as error:
        raise BrokerLostError(
            f"{error}; {run.sent} of {run.total or 'the'} messages were acknowledged; "
            "replay again when the broker is back: repeating is harmless"
        ) from error
    run.finish()
    return run.sent


class _Run:
    """A replay on its way: its rhythm, its count, what it tells the caller."""

    def __init__(
        self,
        speed: float | None,
        progress: Callable[[int, int | None, int], None] | None,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        stop: asyncio.Event,
    ) -> None:
        self._speed, self._progress, self._stop = speed, progress, stop
        self._clock, self._sleep = clock, sleep
        self._origin: tuple[float, int] | None = None
        self._told_s = clock()
        self._last_ns = 0
        self.sent = 0
        self.total: int | None = None

    def until_stopped(self, messages: Iterator[Message]) -> Iterator[Message]:
        """Yield the messages until the replay is to stop."""
        return takewhile(lambda _: not self._stop.is_set(), messages)

    async def pace(self, message: Message) -> bool:
        """Wait until the message is due; False when the replay is to stop."""
        if self._speed is not None:
            now_s = self._clock()
            if self._origin is None:
                self._origin = (now_s, message.time_ns)
            began_s, first_ns = self._origin
            due_s = began_s + (message.time_ns - first_ns) / SECOND_NS / self._speed
            if due_s > now_s:
                await self._wait(due_s - now_s)
        return not self._stop.is_set()

    async def _wait(self, pause_s: float) -> None:
        """Sleep, or wake early to stop."""
        sleeping = asyncio.ensure_future(self._sleep(pause_s))
        ending = asyncio.ensure_future(self._stop.wait())
        try:
            await asyncio.wait({sleeping, ending}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await end(sleeping, ending)

    def count(self, message: Message) -> None:
        """Take note of an acknowledged message."""
        self.sent += 1
        self._last_ns = message.time_ns
        now_s = self._clock()
        if self._progress is not None and now_s - self._told_s >= _REPORT_S:
            self._told_s = now_s
            self._progress(self.sent, self.total, message.time_ns)

    def finish(self) -> None:
        """Tell the final count."""
        if self._progress is not None:
            self._progress(self.sent, self.total, self._last_ns)


def _between(
    messages: Iterable[Message],
    start_ns: int | None,
    end_ns: int | None,
    qos: int | None,
    keep_retain: bool,
) -> Iterator[Message]:
    for message in messages:
        if start_ns is not None and message.time_ns < start_ns:
            continue
        if end_ns is not None and message.time_ns >= end_ns:
            continue
        retain = message.retain and keep_retain
        if (qos is None or qos == message.qos) and retain == message.retain:
            yield message
        else:
            yield message._replace(qos=message.qos if qos is None else qos, retain=retain)


def _first_line(path: Path) -> tuple[bytes, str]:
    """Return the first bytes, and the first line that isn't blank, as far as it shows the kind."""
    try:
        with opened(path) as file:
            head = file.read(_HEAD_BYTES)
    except FileNotFoundError as error:
        raise RecordingError(f"{path}: expected a file, found none") from error
    except (OSError, EOFError) as error:
        raise RecordingError(f"{path}: expected a file that can be read, found {error}") from error
    if is_emrec(head) or head[:4] == b"PAR1":
        return head, ""
    try:
        text = head.decode("utf-8-sig", "strict" if len(head) < _HEAD_BYTES else "ignore")
    except UnicodeDecodeError as error:
        raise RecordingError(f"{path}: expected text in UTF-8, found {error}") from error
    return head, next((line for line in text.splitlines() if line.strip()), "")
