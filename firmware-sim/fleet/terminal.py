"""Replay and record as a person sees them: what the file is, how it goes, what came of it."""

import asyncio
import signal
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from fleet.message import SECOND_NS, rfc3339
from fleet.publisher import Broker
from fleet.record import Heard, record
from fleet.replay import ReplayOptions, open_replay, replay
from fleet.rounds import Moved
from fleet.tape import Tape
from fleet.topics import TopicMap, checked_filter

_RATE_OVER_S = 3.0


@dataclass(frozen=True, slots=True)
class Sending:
    """How a file is sent; see fleet.replay.replay. start, end: RFC 3339 texts."""

    speed: float | None = None
    qos: int | None = 1
    start: str | None = None
    end: str | None = None
    rules: Sequence[str] = ()
    shift: bool = False
    loop: bool = False
    keep_retain: bool = True


def replay_to_terminal(
    console: Console, path: Path, broker: Broker, table: ReplayOptions, how: Sending
) -> int:
    """Publish a file and show it; return how many messages were acknowledged.

    Ctrl-C and SIGTERM stop the sending and wait for what is in flight. Errors as in fleet.replay,
    and ValueError for a start or end that is no time.
    """
    start_ns, end_ns = _ns("start", how.start), _ns("end", how.end)
    topics = TopicMap(how.rules) if how.rules else None
    moved = Moved() if how.shift else None
    stream = open_replay(path, table)
    for note in stream.notes:
        _say(console, f"  {note}")
    bar = Progress(
        TextColumn("publishing"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[at]}"),
        console=console,
    )

    async def run() -> int:
        def told(sent: int, total: int | None, time_ns: int) -> None:
            at = f"{datetime.fromtimestamp(time_ns // SECOND_NS, UTC):%Y-%m-%d %H:%M}Z"
            bar.update(task, completed=sent, total=total, at=at)

        return await replay(
            stream.messages,
            host=broker.host,
            port=broker.port,
            username=broker.username,
            password=broker.password,
            tls=broker.tls,
            speed=how.speed,
            qos=how.qos,
            start_ns=start_ns,
            end_ns=end_ns,
            topics=topics,
            shift=moved,
            loop=how.loop,
            keep_retain=how.keep_retain,
            progress=told,
            stop=_stopped_by_signals(),
        )

    with bar:
        task = bar.add_task("replay", total=None if how.loop else len(stream), at="")
        sent = asyncio.run(run())
    _say(console, f"{sent} messages were acknowledged by {broker.host}:{broker.port}.")
    if moved is not None:
        _say(console, f"{moved.sentence()}.")
    return sent


def record_to_terminal(
    console: Console,
    path: Path,
    broker: Broker,
    topics: Sequence[str],
    *,
    for_s: float | None,
    count: int | None,
    append: bool,
) -> Heard:
    """Record what a broker delivers and show it; return what was heard.

    Ctrl-C and SIGTERM end it, and what was taken is written. Errors as in fleet.record and
    fleet.tape, and TopicError.
    """
    filters = [checked_filter(topic) for topic in topics]
    tape = Tape(path, append=append)
    for note in tape.notes:
        _say(console, f"  {note}")
    bar = Progress(
        TextColumn("{task.fields[state]}"),
        TextColumn("{task.fields[told]}"),
        console=console,
        refresh_per_second=4,
    )
    rate = _Rate()

    def told(heard: Heard) -> None:
        bar.update(
            task,
            state="recording" if heard.connected else "no connection",
            told=f"{heard.messages} messages  {rate.of(heard.messages):.0f}/s  "
            f"{heard.topics} topics  {_bytes(heard.payload_bytes)} received, "
            f"{_bytes(tape.size - tape.kept)} written",
        )

    async def run() -> Heard:
        stop = _stopped_by_signals()
        return await record(
            broker, filters, tape, for_s=for_s, count=count, stop=stop, progress=told
        )

    try:
        with bar:
            task = bar.add_task("record", total=None, state="connecting", told="")
            heard = asyncio.run(run())
    finally:
        tape.close()
    for gap in heard.gaps:
        _say(console, f"  {gap}")
    _say(console, _held(path, tape.size, tape.kept, heard))
    return heard


def _held(path: Path, size: int, kept: int, heard: Heard) -> str:
    """Return what a recording holds."""
    added = " more" if kept else ""
    if heard.messages == 0:
        return f"{path}: no{added} messages came; it holds {_bytes(size)}."
    retained = (
        f", {heard.retained} of them retained by the broker from before" if heard.retained else ""
    )
    return (
        f"{path}: {heard.messages}{added} messages on {heard.topics} topics{retained}, "
        f"{rfc3339(heard.first_ns)} to {rfc3339(heard.last_ns)}; {_bytes(heard.payload_bytes)} of "
        f"payloads in {_bytes(size - kept)}."
    )


class _Rate:
    """Messages per second over the last seconds."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def of(self, count: int) -> float:
        now_s = time.monotonic()
        self._seen.append((now_s, count))
        while now_s - self._seen[0][0] > _RATE_OVER_S:
            self._seen.popleft()
        then_s, before = self._seen[0]
        return (count - before) / (now_s - then_s) if now_s > then_s else 0.0


def _stopped_by_signals() -> asyncio.Event:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    return stop


def _say(console: Console, sentence: str) -> None:
    console.print(sentence, markup=False, highlight=False, soft_wrap=True)


def _bytes(count: float) -> str:
    for unit in ("bytes", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.2f} GiB"


def _ns(name: str, text: str | None) -> int | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        expected = "expected a time such as 2026-03-01T12:00Z"
        raise ValueError(f'--{name}: {expected}, found "{text}"') from None
    whole = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return round(whole.timestamp()) * SECOND_NS
