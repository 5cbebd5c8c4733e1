"""`emscher codec`: the makers' JavaScript codecs, added, listed, tried out, removed."""

import json
import re
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ingest.codec_examples import Example, differences, examples_in, payload_of
from ingest.codecs import CODECS_BY_NAME, scripts_in
from ingest.codecs.script import Answer, Job, Script, ScriptHost, checked
from ingest.errors import PayloadError

codec_app = typer.Typer(
    help="Payload codecs: list those that are there, add a maker's JavaScript, try it out.",
    no_args_is_help=True,
)
_Data = Annotated[Path, typer.Option(help="Folder of everything that is kept.")]
_DATA = Path("emscher-data")
out = Console()
err = Console(stderr=True)


@codec_app.command("add")
def add(
    name: Annotated[str, typer.Argument(help="What it is called in emscher.toml.")],
    file: Annotated[Path, typer.Argument(help="The maker's codec.js.")],
    data: _Data = _DATA,
) -> None:
    """Check a codec in JavaScript and keep it; a running Emscher uses it from its next start on."""
    try:
        source = _source(file)
        if name in CODECS_BY_NAME:
            raise PayloadError("codec name", "a name that no codec of Emscher has", name)
        entry = checked(name, source)
        folder = data / "codecs"
        folder.mkdir(parents=True, exist_ok=True)
        kept = folder / f"{name}.js"
        done = "replaces the one that was kept" if kept.exists() else "is kept"
        fresh = folder / f".{name}.js.new"
        fresh.write_text(source, encoding="utf-8")
        fresh.replace(kept)
    except (PayloadError, OSError) as error:
        raise _failed(error) from None
    out.print(f"{name} {done}; its entry point is {entry}.", markup=False, highlight=False)
    out.print(
        "Use it for a device profile or a DevEUI in emscher.toml, then start Emscher again:\n\n"
        f'    [codecs]\n    "name of the profile" = "{name}"\n\n'
        'What was refused is tried again by: emscher quarantine retry --rule "payload codec"',
        highlight=False,
        markup=False,
        soft_wrap=True,
    )


@codec_app.command("list")
def list_codecs(data: _Data = _DATA) -> None:
    """List the codecs that can be set, Emscher's own and those that were added."""
    table = Table("name", "kind", "entry point", box=None)
    for name in CODECS_BY_NAME:
        table.add_row(name, "Emscher's own", "")
    try:
        added = scripts_in(data / "codecs")
    except (PayloadError, OSError) as error:
        raise _failed(error) from None
    for name, script in added.items():
        try:
            entry = checked(name, script.source)
        except PayloadError as error:
            entry = escape(f"can't be used: {error.found}")
        table.add_row(name, "JavaScript, added", entry)
    out.print(table)


@codec_app.command("remove")
def remove(name: Annotated[str, typer.Argument(help="Its name.")], data: _Data = _DATA) -> None:
    """Remove a codec that was added."""
    folder = data / "codecs"
    added = sorted(path.stem for path in folder.glob("*.js"))
    if name not in added:
        there = f"one that was added: {' '.join(added)}" if added else f"one that is in {folder}"
        raise _failed(PayloadError("codec", there, name))
    (folder / f"{name}.js").unlink()
    out.print(f"{name} is removed.", markup=False, highlight=False)


@codec_app.command("test")
def try_out(
    file: Annotated[Path, typer.Argument(help="The codec.js.")],
    examples: Annotated[
        list[Path] | None,
        typer.Option(
            help="Examples as JSON, a whole or one a line: those of a device repository (its"
            " ...-codec.yaml, made JSON), or objects of f_port, hex and expected."
        ),
    ] = None,
    hex_: Annotated[str | None, typer.Option("--hex", help="One payload, in hex.")] = None,
    port: Annotated[int, typer.Option(min=0, max=255, help="--hex: its FPort.")] = 1,
) -> None:
    """Run a codec on a payload, or on examples, and show where it differs from what is expected."""
    try:
        source = _source(file)
        name = re.sub(r"[^A-Za-z0-9._-]+", "-", file.stem).strip("-._")[:64] or "codec"
        entry = checked(name, source)
        cases = [case for path in examples or [] for case in examples_in(path)]
        if hex_ is not None:
            cases.append(Example(payload_of(hex_), port))
    except (PayloadError, OSError, ValueError) as error:
        raise _failed(error) from None
    out.print(f"entry point: {entry}", highlight=False)
    if not cases:
        out.print("It can be used. Give --hex or --examples to see what it makes of a payload.")
        return
    host = ScriptHost({name: Script(name, source)})
    try:
        jobs = [Job(name, one.payload, one.f_port, one.recv_time) for one in cases]
        answers = host.run(jobs)
    finally:
        host.close()
    failed = sum(not _shown(case, answer) for case, answer in zip(cases, answers, strict=True))
    out.print(f"payloads: {len(cases)}, not as expected: {failed}", highlight=False)
    if failed:
        raise typer.Exit(1)


def _source(file: Path) -> str:
    """Return the text of a script; what is no UTF-8 is taken for the Windows code page 1252."""
    raw = file.read_bytes()
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")


def _shown(case: Example, answer: Answer | PayloadError) -> bool:
    """Print what differs from what is expected, or all of it where nothing is expected."""
    if case.wanted is None and isinstance(answer, Answer):
        out.print_json(json.dumps(answer.data))
        for one in answer.normalized:
            _say(f"normalised: {json.dumps(one, ensure_ascii=False)}")
        for text in answer.warnings:
            _say(f"warning: {text}")
        for text in answer.log:
            _say(f"log: {text}")
        return True
    lines = differences(case, answer)
    if lines:
        _say(f"✗ {case.title}")
    for line in lines:
        _say(f"    {line}")
    return not lines


def _say(text: str) -> None:
    out.print(text, markup=False, highlight=False, soft_wrap=True)


def _failed(error: Exception) -> typer.Exit:
    err.print(str(error), style="red", soft_wrap=True, markup=False)
    return typer.Exit(1)
