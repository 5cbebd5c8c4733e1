"""`emscher record` and `emscher replay`: what is given on the command line, checked and handed on.

The front door knows how a broker's URL is read; `add_commands` is told.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn, Protocol

import typer
from rich.console import Console

from fleet.errors import FleetError

if TYPE_CHECKING:
    from fleet.broker import Tls

out = Console()
err = Console(stderr=True)
_HERE = "mqtt://127.0.0.1:1883"
_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s?)?", re.ASCII)
_FILES = "The recording: .emrec, .jsonl or .jsonl.gz. It must not exist, unless --append."
_UrlOption = Annotated[
    str,
    typer.Option(
        "--broker", metavar="URL", help="mqtt://host, or mqtts://user:password@host:8883 for TLS."
    ),
]
CaOption = Annotated[
    Path | None,
    typer.Option(help="mqtts: file of the certificates that are trusted, beside none else."),
]
CertOption = Annotated[Path | None, typer.Option(help="mqtts: our own certificate (PEM).")]
KeyOption = Annotated[Path | None, typer.Option(help="mqtts: the key of --cert (PEM).")]


class Address(Protocol):
    """A broker's address, as the front door reads it from a URL."""

    @property
    def host(self) -> str:
        """Name or number."""

    @property
    def port(self) -> int:
        """TCP port."""

    @property
    def tls(self) -> bool:
        """Whether it is mqtts."""

    @property
    def username(self) -> str | None:
        """Who we are."""

    @property
    def password(self) -> str | None:
        """What proves it."""


def add_commands(app: typer.Typer, address_of: Callable[[str], Address]) -> None:
    """Add both commands to the command line.

    address_of  reads a URL; what it raises says what was expected, and is told as it is
    """

    @app.command()
    def record(
        topics: Annotated[
            list[str], typer.Argument(metavar="TOPIC…", help="Filters; + and # as MQTT has them.")
        ],
        output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help=_FILES)],
        url: _UrlOption = _HERE,
        duration: Annotated[
            str | None,
            typer.Option("--for", metavar="DURATION", help="End after so long: 90s, 15m, 1h30m."),
        ] = None,
        count: Annotated[
            int | None, typer.Option(min=1, help="End after so many messages.")
        ] = None,
        append: Annotated[
            bool, typer.Option("--append", help="Add to a recording that exists.")
        ] = False,
        ca: CaOption = None,
        cert: CertOption = None,
        key: KeyOption = None,
    ) -> None:
        """Record what a broker delivers (QoS 1), until Ctrl-C, --for or --count.

        What was received is on the disk a second later at most, and stays readable whatever ends
        this. What the broker had retained from before is marked so.
        """
        from fleet.publisher import Broker
        from fleet.terminal import record_to_terminal

        try:
            address = address_of(url)
            seconds = None if duration is None else _seconds(duration)
            broker = Broker(
                address.host, address.port, address.username, address.password,
                tls_of(address, ca, cert, key),
            )  # fmt: skip
            record_to_terminal(
                out, output, broker, topics, for_s=seconds, count=count, append=append
            )
        except _TOLD as error:
            _fail(error)

    @app.command()
    def replay(
        file: Annotated[
            Path,
            typer.Argument(
                help="A recording (.emrec, JSON Lines) or a table (CSV, Parquet, JSON Lines of one"
                " object a row); .gz too."
            ),
        ],
        url: _UrlOption = _HERE,
        speed: Annotated[
            str, typer.Option(help="1 is the recorded rhythm, 60 makes an hour a minute; or max.")
        ] = "max",
        start: Annotated[
            str | None, typer.Option(help="Only from this time on (RFC 3339).")
        ] = None,
        end: Annotated[str | None, typer.Option(help="Only before this time (RFC 3339).")] = None,
        shift_to_now: Annotated[
            bool,
            typer.Option(
                "--shift-to-now",
                help="Move the times to now, none into the future: also those inside payloads that"
                " can be known for times (RFC 3339 texts; Unix time under names such as ts). Times"
                " in binary payloads stay; how many were moved is told.",
            ),
        ] = False,
        rules: Annotated[
            list[str] | None,
            typer.Option(
                "--map",
                metavar="RULE",
                help="Other topics: 'old/# = new/#', or 'replayed/{topic}'; the first that fits.",
            ),
        ] = None,
        loop: Annotated[
            bool, typer.Option("--loop", help="Again and again, until Ctrl-C.")
        ] = False,
        qos: Annotated[str, typer.Option(help="0, 1, or recorded: each message's own.")] = "1",
        no_retain: Annotated[
            bool, typer.Option("--no-retain", help="Publish nothing as retained.")
        ] = False,
        skip_damaged: Annotated[
            bool, typer.Option("--skip-damaged", help=".emrec: go on behind damaged bytes.")
        ] = False,
        as_: Annotated[
            str | None,
            typer.Option(
                "--as",
                metavar="KIND",
                help="Table: the device it becomes. meter; sensor[:QUANTITY,…] (Tasmota, digits as"
                " they are); elsys[:QUANTITY,…] (LoRaWAN behind ChirpStack).",
            ),
        ] = None,
        tz: Annotated[
            str | None, typer.Option(help="Table: zone of its times, Europe/Berlin or +10:00.")
        ] = None,
        unit: Annotated[str, typer.Option(help="Table of a meter: Wh, kWh or MWh.")] = "kWh",
        device: Annotated[
            str | None, typer.Option(help="Table: name of the device it becomes.")
        ] = None,
        column: Annotated[
            list[str] | None,
            typer.Option(
                metavar="WHAT=NAME",
                help="Table: which column is time, import, export (amounts), import_register or"
                " export_register (readings), or a sensor's quantity. Guessed and shown if left"
                " out.",
            ),
        ] = None,
        ca: CaOption = None,
        cert: CertOption = None,
        key: KeyOption = None,
    ) -> None:
        """Publish a recording or a table over MQTT; it ends when all is acknowledged."""
        from fleet.publisher import Broker
        from fleet.replay import ReplayOptions
        from fleet.terminal import Sending, replay_to_terminal

        try:
            address = address_of(url)
            kind, _, quantities = (as_ or "").partition(":")
            table = ReplayOptions(
                tz=tz,
                columns=_pairs(column or []),
                unit=unit,
                device=device,
                kind=_kind(kind, quantities) if as_ is not None else None,
                quantities=[one.strip() for one in quantities.split(",") if one.strip()],
                skip_damaged=skip_damaged,
            )
            how = Sending(
                speed=speed_of(speed),
                qos=_qos(qos),
                start=start,
                end=end,
                rules=rules or [],
                shift=shift_to_now,
                loop=loop,
                keep_retain=not no_retain,
            )
            broker = Broker(
                address.host, address.port, address.username, address.password,
                tls_of(address, ca, cert, key),
            )  # fmt: skip
            replay_to_terminal(out, file, broker, table, how)
        except _TOLD as error:
            _fail(error)


_TOLD = (FleetError, ValueError, OSError)


def tls_of(address: Address, ca: Path | None, cert: Path | None, key: Path | None) -> "Tls | None":
    """Return how to speak TLS, or None. Errors: ValueError, naming the option."""
    from fleet.broker import Tls

    if not address.tls:
        if ca or cert or key:
            raise ValueError("--ca, --cert, --key: expected a broker at mqtts://, found mqtt://")
        return None
    if key is not None and cert is None:
        raise ValueError("--key: expected --cert too, found none")
    return Tls(ca, cert, key)


def _seconds(text: str) -> float:
    match = _DURATION.fullmatch(text.strip())
    days, hours, minutes, seconds = match.groups() if match else (None,) * 4
    whole = 86_400 * int(days or 0) + 3600 * int(hours or 0) + 60 * int(minutes or 0)
    total = whole + float(seconds or 0)
    if total <= 0:
        raise ValueError(f'--for: expected a duration such as 90s, 15m or 1h30m, found "{text}"')
    return total


def speed_of(text: str) -> float | None:
    """Return the speed of a replay or run, None for max. Errors: ValueError, naming the option."""
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed < float("inf"):
        raise ValueError(f'--speed: expected a number above 0 or max, found "{text}"')
    return speed


def _qos(text: str) -> int | None:
    if text not in ("0", "1", "recorded"):
        raise ValueError(f'--qos: expected 0, 1 or recorded, found "{text}"')
    return None if text == "recorded" else int(text)


def _kind(kind: str, quantities: str) -> str:
    if kind not in ("meter", "sensor", "elsys") or (kind == "meter" and quantities):
        found = f"{kind}:{quantities}" if quantities else kind
        raise ValueError(
            f'--as: expected meter, sensor[:quantity,…] or elsys[:quantity,…], found "{found}"'
        )
    return kind


def _pairs(columns: list[str]) -> dict[str, str] | None:
    wrong = [one for one in columns if "=" not in one]
    if wrong:
        raise ValueError(f'--column: expected WHAT=NAME, found "{wrong[0]}"')
    return dict(one.split("=", 1) for one in columns) or None


def _fail(error: Exception) -> NoReturn:
    """Tell a person what is wrong, and end."""
    err.print(str(error), style="red", soft_wrap=True, markup=False)
    raise typer.Exit(1)
