"""`emscher doctor`: whether Emscher can run here."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from gateway.address import broker_address

if TYPE_CHECKING:
    from gateway.settings import Settings


def doctor_command(settings_from: "Callable[..., Settings]") -> Callable[..., None]:
    """Return the command; settings_from reads the settings, and ends where they can't be used."""

    def doctor(
        data: Annotated[
            Path | None, typer.Option(help="Folder of everything that is kept.")
        ] = None,
        broker: Annotated[
            list[str] | None, typer.Option(metavar="URL", help="Brokers to try.")
        ] = None,
    ) -> None:
        """Look whether Emscher can run here, and say what to do where it can't. Changes nothing."""
        from gateway.doctor import examined  # noqa: PLC0415 (it opens what it looks at)

        settings, out = settings_from(data=data, broker=broker or None), Console()
        brokers = [broker_address(url) for url in settings.broker]
        healthy = True
        places = (settings.data, settings.http, settings.mqtt, brokers)
        for check in examined(*places, settings.server, settings.topics):
            healthy &= check.ok
            mark = "[green]ok [/]" if check.ok else "[red]no [/]"
            out.print(mark, check.text, soft_wrap=True, highlight=False)
        if not healthy:
            raise typer.Exit(1)
        out.print("Emscher can run here.")

    return doctor
