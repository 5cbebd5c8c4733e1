"""`emscher store`: making InfluxDB ready, and moving from one store to another."""

from collections.abc import Callable
from contextlib import closing
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Protocol

import typer
from rich.console import Console
from rich.progress import Progress

from ingest.errors import StoreUnavailable
from ingest.store import Server, open_store


class Settings(Protocol):
    """What is asked of the settings (gateway/settings.py)."""

    data: Path

    @property
    def server(self) -> Server | None:
        """Where InfluxDB is; None where readings go into the embedded store."""


class Kind(StrEnum):
    """The stores."""

    EMBEDDED = "embedded"
    INFLUX = "influx"


_Data = Annotated[Path | None, typer.Option(help="Folder of everything that is kept.")]
_Url = Annotated[str | None, typer.Option(metavar="URL", help="Where InfluxDB is.")]
_Bucket = Annotated[str | None, typer.Option(help="Its bucket, or database[/retention].")]


def store_app(settings_from: Callable[..., Settings]) -> typer.Typer:
    """Return the commands; settings_from reads the settings, and ends where they can't be used."""
    app = typer.Typer(
        help="Where readings lie: make InfluxDB ready, move from one store to another.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
    )
    out, err = Console(), Console(stderr=True)

    def fail(fault: Exception) -> typer.Exit:
        err.print(str(fault), style="red", soft_wrap=True, markup=False)
        return typer.Exit(1)

    @app.command()
    def init(
        url: _Url = None,
        bucket: _Bucket = None,
        keep_days: Annotated[
            int | None, typer.Option(min=1, help="How long readings are kept; for ever without.")
        ] = None,
    ) -> None:
        """Make InfluxDB ready: database or bucket, retention, and the way for InfluxQL.

        Token and organisation come from EMSCHER_INFLUX_TOKEN, EMSCHER_INFLUX_ORG or emscher.toml.
        Again is harmless.
        """
        from ingest.store.influx_setup import prepared  # noqa: PLC0415 (loads the client library)

        settings = settings_from(store="influx", influx_url=url, influx_bucket=bucket)
        assert settings.server is not None  # the store is influx
        try:
            for step in prepared(settings.server, keep_days):
                out.print(step, soft_wrap=True, highlight=False)
        except StoreUnavailable as fault:
            raise fail(fault) from None
        out.print('Ready. With store = "influx" in emscher.toml, `emscher up` uses it.')

    @app.command()
    def copy(
        from_: Annotated[Kind, typer.Option("--from", help="Where the readings are.")],
        to: Annotated[Kind, typer.Option(help="Where they shall be as well.")],
        data: _Data = None,
        url: _Url = None,
        bucket: _Bucket = None,
    ) -> None:
        """Copy everything into another store, and compare it; Emscher must not run meanwhile.

        Readings with their history, devices and quarantine. What was cut off is done again, and
        what is there already is left alone.
        """
        from ingest.store.copying import copied  # noqa: PLC0415 (as above)

        if from_ is to:
            raise fail(StoreUnavailable(f"--from and --to: expected two stores, found {to} twice"))
        settings = settings_from(data=data, store="influx", influx_url=url, influx_bucket=bucket)
        servers = {Kind.EMBEDDED: None, Kind.INFLUX: settings.server}
        try:
            with (
                closing(open_store(from_, settings.data, servers[from_])) as source,
                closing(open_store(to, settings.data, servers[to])) as target,
                Progress(console=err, transient=True) as shown,
            ):
                task = shown.add_task("Series", total=None)
                found = copied(
                    source,
                    target,
                    lambda done, total: shown.update(task, completed=done, total=total),
                )
        except StoreUnavailable as fault:
            raise fail(fault) from None
        out.print(
            f"{found.readings} readings of {found.series} series, {found.devices} devices and"
            f" {found.refusals} refused messages are in the {to} store, and compared.",
            highlight=False,
        )

    return app
