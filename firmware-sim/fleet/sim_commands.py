"""`emscher sim`: simulated cities, their streams, and the truth behind them."""

import asyncio
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from fleet.commands import Address, CaOption, CertOption, KeyOption, speed_of, tls_of
from fleet.errors import BrokerAbsentError, FleetError
from fleet.message import SECOND_NS, rfc3339, time_ns_of
from fleet.score_commands import score

if TYPE_CHECKING:
    from fleet.publisher import Broker
    from fleet.sending import Progress as Sending
    from fleet.sending import Sent
    from fleet.sim_run import Run

out = Console()
err = Console(stderr=True)

_Scenario = Annotated[
    str, typer.Argument(help="A shipped scenario (`emscher sim list`) or a TOML file.")
]
_From = Annotated[
    str | None,
    typer.Option("--from", metavar="TIME", help="Start: RFC 3339, or now. Else the scenario's."),
]
_Seed = Annotated[int | None, typer.Option(help="Another seed than the scenario's.")]
_Truth = Annotated[
    Path | None, typer.Option(help="Write what is true into this folder, which must be empty.")
]


def sim_app(address_of: Callable[[str], Address]) -> typer.Typer:
    """Return the commands; address_of reads a broker's URL and ends with what is wrong with it."""
    app = typer.Typer(
        help="Simulate a city whose truth is known: publish it, write it down, score against it.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
    )
    app.command("list")(list_scenarios)
    app.command()(write)
    app.command()(truth)
    app.command()(score)

    @app.command()
    def run(
        scenario: _Scenario,
        broker: Annotated[
            str, typer.Option(metavar="URL", help="The broker to publish to.")
        ] = "mqtt://127.0.0.1:1883",
        speed: Annotated[
            str, typer.Option(help="1 is real time, 60 makes an hour a minute; or max.")
        ] = "max",
        rate: Annotated[
            float | None, typer.Option(min=0.001, help="At most so many messages a second.")
        ] = None,
        clients: Annotated[
            int, typer.Option(min=1, max=1000, help="Connections; a device keeps to one.")
        ] = 1,
        qos: Annotated[int, typer.Option(min=0, max=1, help="MQTT quality of service.")] = 1,
        ca: CaOption = None,
        cert: CertOption = None,
        key: KeyOption = None,
        start: _From = None,
        seed: _Seed = None,
        truth: _Truth = None,
    ) -> None:
        """Publish a scenario over MQTT, with a progress bar; Ctrl-C ends it in order.

        With --speed 1 --from now it lives as a city does.

        A run that is stopped early leaves its truth unfinished.
        """
        address = address_of(broker)

        def work() -> None:
            from fleet.publisher import Broker
            from fleet.sim_run import Run

            if rate is not None and speed != "max":
                raise FleetError(
                    f"--speed, --rate: expected one of them, found {speed} and {rate:g}"
                )
            to = Broker(
                address.host, address.port, address.username, address.password,
                tls=tls_of(address, ca, cert, key),
            )  # fmt: skip
            pace = {"speed": speed_of(speed), "rate": rate}
            made = Run(scenario, start_ns=_start_ns(start), seed=seed, truth=truth)
            try:
                ended = _published(made, to, pace, clients=clients, qos=qos)
            except BrokerAbsentError:  # nothing was sent
                made.discard()
                raise
            if ended:
                _told_truth(truth, made.finish())
            else:
                _say("stopped before the end" + (f"; {truth} is unfinished" if truth else ""))

        _guarded(work)

    return app


def list_scenarios(
    kinds: Annotated[bool, typer.Option("--kinds", help="The kinds of devices instead.")] = False,
    faults: Annotated[bool, typer.Option("--faults", help="The kinds of faults instead.")] = False,
) -> None:
    """List the scenarios that come with Emscher; or what one of your own can be made of."""
    from fleet.faults import FAULTS
    from fleet.kinds import KINDS
    from fleet.scenario import parsed, shipped

    table = Table(box=None, pad_edge=False)
    if kinds:
        for heading in ("kind", "what it is", "tells"):
            table.add_column(heading)
        for kind in KINDS.values():
            told = dict.fromkeys(channel.quantity for channel in kind.channels)
            table.add_row(kind.name, kind.text, ", ".join(told))
    elif faults:
        for heading in ("fault", "what happens", "size"):
            table.add_column(heading)
        for name, fault in FAULTS.items():
            size = f"{fault.size:g} {fault.does}" if fault.size else ""
            table.add_row(name, fault.text, size)
    else:
        for heading in ("scenario", "what it is", "devices", "length", "faults"):
            table.add_column(heading)
        for name, text in shipped().items():
            one = parsed(text, name)
            devices = sum(part.count for part in one.fleet)
            count = sum(fault.count for fault in one.fault)
            table.add_row(name, one.title, f"{devices:,}", one.length, str(count))
    out.print(table)


def write(
    scenario: _Scenario,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The recording: .emrec, .jsonl or .jsonl.gz.")
    ],
    start: _From = None,
    seed: _Seed = None,
    truth: _Truth = None,
) -> None:
    """Write a scenario's messages to a recording, which `emscher replay` publishes."""

    def work() -> None:
        from fleet.recording import write_recording
        from fleet.sim_run import Run, cleared

        if output.exists():
            raise FleetError(f"--output: expected a file that does not exist, found {output}")
        if not output.name.endswith((".emrec", ".jsonl", ".jsonl.gz")):
            raise FleetError(f"--output: expected .emrec, .jsonl or .jsonl.gz, found {output.name}")
        if not output.parent.is_dir():
            raise FleetError(f"--output: expected a folder, found none at {output.parent}")
        bar = _Bar("writing")
        run = Run(scenario, start_ns=_start_ns(start), seed=seed, truth=truth, progress=bar.show)
        with bar, cleared(output):
            write_recording(output, run.messages())
        facts = run.finish()
        _say(f"{output}: {facts['messages']:,} messages of {len(run.simulation):,} devices")
        _told_truth(truth, facts)

    _guarded(work)


def truth(
    scenario: _Scenario,
    output: Annotated[Path, typer.Option("--output", "-o", help="A folder, new or empty.")],
    start: _From = None,
    seed: _Seed = None,
) -> None:
    """Write only the truth of a scenario: samples, energy, faults, as Parquet and JSON Lines."""

    def work() -> None:
        from fleet.sim_run import Run

        bar = _Bar("simulating")
        run = Run(scenario, start_ns=_start_ns(start), seed=seed, truth=output, progress=bar.show)
        with bar:
            for _ in run.messages():
                pass
        _told_truth(output, run.finish())

    _guarded(work)


def _published(
    run: "Run", broker: "Broker", pace: dict[str, float | None], *, clients: int, qos: int
) -> bool:
    """Publish a run with a bar, and return whether it came to its end."""
    from fleet.stream import publish_stream

    begin_ns, end_ns = run.simulation.start_ns, run.simulation.end_ns
    _say(
        f"{run.simulation.scenario.title}: {len(run.simulation):,} devices,"
        f" about {run.expected:,} messages, from {rfc3339(begin_ns)}"
    )
    began = time.monotonic()

    async def work() -> tuple["Sent", bool]:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)

        def told(now: "Sending") -> None:
            share = max(now.time_ns - begin_ns, 0) / (end_ns - begin_ns)
            rate = now.acknowledged / max(time.monotonic() - began, 1e-9)
            late = f", {now.lag_s:.0f} s behind" if now.lag_s > 1 else ""
            note = now.waiting or f"{rate:,.0f}/s{late}"
            bar.show(share, now.acknowledged, note)

        sent = await publish_stream(
            broker, run.messages(), clients=clients, qos=qos, speed=pace["speed"],
            rate=pace["rate"], stop=stop, progress=told, keep_on=True,
        )  # fmt: skip
        return sent, not stop.is_set()

    bar = _Bar("publishing")
    with bar:
        sent, ended = asyncio.run(work())
    again = f", {sent.reconnects} times connected again" if sent.reconnects else ""
    _say(
        f"{sent.acknowledged:,} messages acknowledged by {broker.address} in {sent.seconds:,.0f} s"
        f" ({sent.acknowledged / max(sent.seconds, 1e-9):,.0f}/s{again})"
    )
    return ended


class _Bar:
    """A bar of the share that is done, with the number of messages."""

    def __init__(self, what: str) -> None:
        self._bar = Progress(
            TextColumn(what), BarColumn(), TaskProgressColumn(),
            TextColumn("{task.fields[made]:,} messages"), TextColumn("{task.fields[note]}"),
            TimeRemainingColumn(), console=err,
        )  # fmt: skip

        self._task = self._bar.add_task("", total=1.0, made=0, note="", start=False)

    def show(self, share: float, made: int, note: str = "") -> None:
        """Show the share that is done; the bar is there from the first time on."""
        if not self._bar.live.is_started:
            self._bar.start()
            self._bar.start_task(self._task)
        self._bar.update(self._task, completed=share, made=made, note=note)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        if self._bar.live.is_started:
            self._bar.stop()


def _told_truth(folder: Path | None, facts: object) -> None:
    if folder is not None and isinstance(facts, dict):
        _say(
            f"{folder}: the truth of {facts['samples']:,} samples"
            f" ({facts['lost']:,} never arrive); compare with `emscher sim score {folder}`"
        )


def _start_ns(text: str | None) -> int | None:
    if text is None:
        return None
    if text == "now":
        return time.time_ns() // SECOND_NS * SECOND_NS
    try:
        return time_ns_of(text)
    except ValueError as error:
        raise FleetError(f"--from: {error}, or now") from error


def _say(sentence: str) -> None:
    out.print(sentence, markup=False, highlight=False, soft_wrap=True)


def _guarded(work: Callable[[], None]) -> None:
    try:
        work()
    except (FleetError, ValueError, OSError) as error:
        _fail(str(error))


def _fail(text: str) -> NoReturn:
    err.print(f"error: {text}", style="red", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(1)
