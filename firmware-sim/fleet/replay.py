"""Replay: publish a recorded stream again, in its own rhythm, faster, or as fast as it goes."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sized
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

import aiomqtt

from fleet.errors import BrokerLostError, RecordingError
from fleet.message import SECOND_NS, Message
from fleet.publisher import Broker, connected, publish_all
from fleet.recording import Recording, opened
from fleet.table import load_meter
from fleet.tasks import end

_HEAD_BYTES = 4096
_REPORT_S = 0.1


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """How a table is read; a recording needs none of it. See fleet.table.load_meter."""

    tz: str | None = None
    columns: Mapping[str, str] | None = None
    unit: str = "kWh"
    device: str | None = None


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
    head = _first_line(path)
    if head.startswith("{"):
        recording = Recording(path)
        return Stream("recording", recording, [f"a recording of {len(recording)} messages"])
    if not head or head[0] in "[<" or not any(mark in head for mark in ",;\t"):
        raise RecordingError(
            f"{path}, line 1: expected a recording (JSON Lines: each line an object with time, "
            f"topic and payload) or a table (CSV with a line of column names), found {head[:60]!r}"
        )
    meter = load_meter(
        path, tz=chosen.tz, columns=chosen.columns, unit=chosen.unit, device=chosen.device
    )
    notes = [f"a table as the meter {meter.device!r}, {len(meter.messages)} readings", *meter.notes]
    return Stream("table", meter.messages, notes)


async def replay(
    messages: Iterable[Message],
    *,
    host: str,
    port: int,
    speed: float | None = None,
    qos: int | None = 1,
    username: str | None = None,
    password: str | None = None,
    start_ns: int | None = None,
    end_ns: int | None = None,
    progress: Callable[[int, int | None, int], None] | None = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    stop: asyncio.Event | None = None,
) -> int:
    """Publish the messages in order and return how many the broker acknowledged.

    speed     1 keeps the recorded rhythm, 60 makes an hour a minute; None: as fast as it goes,
              with a bounded number unacknowledged
    qos       for every message; None: each message's own
    start_ns, end_ns  only messages of [start, end)
    progress  told (acknowledged, total or None, the message's time), ten times a second at most
    stop      set: nothing more is sent, what is in flight is waited for, and the count returned
    Errors    ValueError for a speed or qos that makes no sense; BrokerAbsentError;
              BrokerLostError, which says how many were acknowledged
    """
    if speed is not None and not 0 < speed < float("inf"):
        raise ValueError(f"speed: expected a number above 0, or none for full speed, found {speed}")
    if qos not in (0, 1, None):
        raise ValueError(f"qos: expected 0 or 1, found {qos}")
    run = _Run(speed, progress, clock, sleep, stop or asyncio.Event())
    wanted = _between(messages, start_ns, end_ns, qos)
    if start_ns is None and end_ns is None:
        run.total = len(messages) if isinstance(messages, Sized) else None
    elif isinstance(messages, Sized):
        run.total = sum(1 for _ in _between(messages, start_ns, end_ns, qos))

    async def work(client: aiomqtt.Client) -> None:
        pace = None if speed is None else run.pace
        await publish_all(client, run.until_stopped(wanted), pace=pace, acknowledged=run.count)

    try:
        await connected(Broker(host, port, username, password), work)
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
    messages: Iterable[Message], start_ns: int | None, end_ns: int | None, qos: int | None
) -> Iterator[Message]:
    for message in messages:
        if start_ns is not None and message.time_ns < start_ns:
            continue
        if end_ns is not None and message.time_ns >= end_ns:
            continue
        yield message if qos is None or qos == message.qos else message._replace(qos=qos)


def _first_line(path: Path) -> str:
    """Return the first line that isn't blank, as far as it shows what the file is."""
    try:
        with opened(path) as file:
            head = file.read(_HEAD_BYTES)
    except FileNotFoundError as error:
        raise RecordingError(f"{path}: expected a file, found none") from error
    except (OSError, EOFError) as error:
        raise RecordingError(f"{path}: expected a file that can be read, found {error}") from error
    try:
        text = head.decode("utf-8-sig", "strict" if len(head) < _HEAD_BYTES else "ignore")
    except UnicodeDecodeError as error:
        raise RecordingError(f"{path}: expected text in UTF-8, found {error}") from error
    return next((line for line in text.splitlines() if line.strip()), "")
