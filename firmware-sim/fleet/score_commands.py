"""`score`: compare what a running Emscher has with the truth of a simulated run."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from fleet.errors import FleetError
from fleet.message import SECOND_NS

if TYPE_CHECKING:
    from fleet.score import Score

score_app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Compare what a running Emscher has with the truth of a simulated run.",
)
_err = Console(stderr=True)


@score_app.command("score")
def score(
    truth: Annotated[
        Path, typer.Argument(metavar="TRUTH", help="Folder that a simulated run wrote.")
    ],
    url: Annotated[str, typer.Option(help="Where Emscher answers.")] = "http://127.0.0.1:8000",
    json: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write all figures as JSON.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write a page for people.")
    ] = None,
    grace: Annotated[
        float, typer.Option(min=0, help="Minutes by which a detection may miss its fault.")
    ] = 60.0,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict", help="End with status 1 when readings are lost, doubled or changed."
        ),
    ] = False,
) -> None:
    """Compare what Emscher stored, computed and found with what was really so.

    Score when all is taken in, over a store that held none of its devices before.
    """
    from fleet.score_page import page
    from fleet.score_table import show

    out = Console()
    try:
        found = _scored(truth, url, grace)
        show(out, found)
        if json is not None:
            json.write_bytes(msgspec.json.format(as_json(found), indent=1) + b"\n")
        if html is not None:
            html.write_text(page(found), encoding="utf-8")
    except (FleetError, OSError) as error:
        _err.print(str(error), style="red", soft_wrap=True, markup=False, highlight=False)
        raise typer.Exit(1) from None
    if strict and not found.faultless:
        raise typer.Exit(1)


def as_json(score: "Score") -> bytes:
    """Return all figures of a score, its verdict and its notes as JSON."""
    figures = msgspec.to_builtins(score)
    told = {"verdict": score.verdict, "faultless": score.faultless, "notes": score.notes}
    return msgspec.json.encode({**told, **figures})


def _scored(folder: Path, url: str, grace_min: float) -> "Score":
    from fleet.score import score_run
    from fleet.score_source import Emscher
    from fleet.truth import Truth

    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), console=_err,
        transient=True,
    )  # fmt: skip
    with bar:
        task = bar.add_task("opening the truth", total=None)

        def told(what: str, done: int, total: int) -> None:
            bar.update(task, description=what, completed=done, total=total)

        grace_ns = round(grace_min * 60 * SECOND_NS)
        return score_run(Truth(folder), Emscher(url), grace_ns=grace_ns, progress=told)
