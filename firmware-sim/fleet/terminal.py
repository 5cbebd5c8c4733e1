"""A replay as a person sees it: what the file is, a bar while it goes, and what came of it."""

import asyncio
import signal
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from fleet.message import SECOND_NS
from fleet.publisher import Broker
from fleet.replay import ReplayOptions, open_replay, replay


def replay_to_terminal(
    console: Console,
    path: Path,
    broker: Broker,
    table: ReplayOptions,
    *,
    speed: float | None,
    start: str | None,
    end: str | None,
) -> int:
    """Publish a file and show it; return how many messages were acknowledged.

    Ctrl-C stops the sending and waits for what is in flight. Errors as in fleet.replay, and
    ValueError for a start or end that is no time.
    """
    start_ns, end_ns = _ns("start", start), _ns("end", end)
    stream = open_replay(path, table)
    for note in stream.notes:
        console.print(f"  {note}", markup=False, highlight=False, soft_wrap=True)
    bar = Progress(
        TextColumn("publishing"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[at]}"),
        console=console,
    )

    async def run() -> int:
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stop.set)

        def told(sent: int, total: int | None, time_ns: int) -> None:
            at = f"{datetime.fromtimestamp(time_ns // SECOND_NS, UTC):%Y-%m-%d %H:%M}Z"
            bar.update(task, completed=sent, total=total, at=at)

        return await replay(
            stream.messages,
            host=broker.host,
            port=broker.port,
            username=broker.username,
            password=broker.password,
            speed=speed,
            progress=told,
            stop=stop,
            start_ns=start_ns,
            end_ns=end_ns,
        )

    with bar:
        task = bar.add_task("replay", total=len(stream), at="")
        sent = asyncio.run(run())
    console.print(
        f"{sent} messages were acknowledged by {broker.host}:{broker.port}.", highlight=False
    )
    return sent


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
