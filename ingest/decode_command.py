"""`emscher decode`: one message explained; and the decoder that the settings ask for."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from datetime import tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, Protocol

import typer
from rich.console import Console

from ingest.errors import PayloadError

if TYPE_CHECKING:
    from ingest.recipe import Recipe


class Settings(Protocol):
    """What is asked of the settings (gateway/settings.py)."""

    data: Path
    codecs: dict[str, str]
    mapping: list[dict[str, Any]]
    lorawan_keys: dict[str, str]

    @property
    def where(self) -> tzinfo:
        """The zone of clocks without an offset."""


def recipe_of(settings: Settings) -> "Recipe":
    """Return how a decoder is made by these settings."""
    from ingest.recipe import Recipe  # noqa: PLC0415 (it brings every format along)

    told = (settings.where, settings.codecs, settings.mapping, settings.lorawan_keys)
    return Recipe(*told, settings.data / "codecs")


@contextlib.contextmanager
def codecs_told() -> Iterator[None]:
    """End with a sentence where a codec can't be used, or does not exist."""
    try:
        yield
    except (PayloadError, OSError, ValueError) as error:
        _fail(f"codecs: {error}")


def _fail(sentence: str) -> NoReturn:
    Console(stderr=True).print(sentence, style="red", soft_wrap=True, markup=False)
    raise typer.Exit(1)


def decode_command(settings_from: Callable[..., Settings]) -> Callable[..., None]:
    """Return the command; settings_from reads the settings, and ends where they can't be used."""

    def decode(
        message: Annotated[
            str,
            typer.Argument(
                metavar="HEX|FILE|-", help="Bytes in hex, a file, JSON, or - for stdin."
            ),
        ],
        topic: Annotated[str, typer.Option(help="The topic on which it came.")] = "",
        format_: Annotated[
            str | None, typer.Option("--format", help="Read it by this format.")
        ] = None,
        codec: Annotated[
            str | None, typer.Option(help="It is the payload of an uplink: read it by this codec.")
        ] = None,
        port: Annotated[int, typer.Option(min=0, max=255, help="--codec: the uplink's FPort.")] = 1,
        data: Annotated[Path | None, typer.Option(help="Folder whose codecs are used.")] = None,
    ) -> None:
        """Explain a message: every step, field, unit and time, or why it is refused.

        Stores nothing.
        """
        from ingest.explain import explain, explain_payload, given  # noqa: PLC0415 (as above)

        settings, out = settings_from(data=data), Console()
        recipe = recipe_of(settings)
        try:
            told = given(message, sys.stdin.buffer.read() if message == "-" else None, topic)
            if codec is not None:
                scripts = recipe.scripts()
                understood = explain_payload(
                    out, told, codec, port, scripts, settings.where, time.time_ns()
                )
            else:
                notes: list[str] = []
                with codecs_told():
                    reader = recipe.decoder(only=format_, notes=notes)
                with contextlib.closing(reader) as decoder:
                    understood = explain(out, told, decoder, notes, time.time_ns())
        except (PayloadError, OSError) as error:
            _fail(str(error))
        if not understood:
            raise typer.Exit(1)

    return decode
