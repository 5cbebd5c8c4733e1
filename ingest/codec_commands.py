"""`emscher codec`: the makers' JavaScript codecs, added, listed, tried out, removed."""

import json
import math
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from ingest.codecs import CODECS_BY_NAME, scripts_in
from ingest.codecs.script import Answer, Job, Script, ScriptHost, checked
from ingest.errors import PayloadError

codec_app = typer.Typer(
    help="Payload codecs: list those that are there, add a maker's JavaScript, try it out.",
    no_args_is_help=True,
)
_Data = Annotated[Path, typer.Option(help="Folder of everything that is kept.")]
_DATA = Path("emscher-data")
_TRIED_AT = "2026-01-01T00:00:00Z"
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
        source = file.read_text(encoding="utf-8")
        if name in CODECS_BY_NAME:
            raise PayloadError("codec name", "a name that no codec of Emscher has", name)
        entry = checked(name, source)
        folder = data / "codecs"
        folder.mkdir(parents=True, exist_ok=True)
        fresh = folder / f".{name}.js.new"
        fresh.write_text(source, encoding="utf-8")
        fresh.replace(folder / f"{name}.js")
    except (PayloadError, OSError, UnicodeDecodeError) as error:
        raise _failed(error) from None
    out.print(f"{name} is kept; its entry point is {entry}.", highlight=False)
    out.print(
        "Use it for a device profile or a DevEUI in emscher.toml, then start Emscher again:\n\n"
        f'    [codecs]\n    "name of the profile" = "{name}"\n\n'
        'What was refused is tried again by: emscher quarantine retry --rule "payload codec"',
        highlight=False,
        markup=False,
    )


@codec_app.command("list")
def list_codecs(data: _Data = _DATA) -> None:
    """List the codecs that can be set, Emscher's own and those that were added."""
    table = Table("name", "kind", "entry point", box=None)
    for name in CODECS_BY_NAME:
        table.add_row(name, "Emscher's own", "")
    try:
        for name, script in scripts_in(data / "codecs").items():
            table.add_row(name, "JavaScript, added", checked(name, script.source))
    except (PayloadError, OSError) as error:
        raise _failed(error) from None
    out.print(table)


@codec_app.command("remove")
def remove(name: Annotated[str, typer.Argument(help="Its name.")], data: _Data = _DATA) -> None:
    """Remove a codec that was added."""
    path = data / "codecs" / f"{name}.js"
    if "/" in name or not path.is_file():
        raise _failed(PayloadError("codec", f"one that is in {data / 'codecs'}", name))
    path.unlink()
    out.print(f"{name} is removed.", highlight=False)


@codec_app.command("test")
def try_out(
    file: Annotated[Path, typer.Argument(help="The codec.js.")],
    examples: Annotated[
        list[Path] | None,
        typer.Option(
            help="Examples: JSON Lines with f_port, hex, expected; or JSON with"
            ' "examples": [{"input": {"fPort", "bytes"}, "output": {"data"}}].'
        ),
    ] = None,
    hex_: Annotated[str | None, typer.Option("--hex", help="One payload, in hex.")] = None,
    port: Annotated[int, typer.Option(min=0, max=255, help="--hex: its FPort.")] = 1,
) -> None:
    """Run a codec on a payload, or on examples, and show where it differs from what is expected."""
    try:
        source = file.read_text(encoding="utf-8")
        entry = checked(file.stem, source)
        cases = [case for path in examples or [] for case in _cases(path)]
        if hex_ is not None:
            cases.append({"payload": bytes.fromhex(hex_), "port": port, "time": _TRIED_AT})
    except (PayloadError, OSError, ValueError) as error:
        raise _failed(error) from None
    out.print(f"entry point: {entry}", highlight=False)
    host = ScriptHost({"tested": Script("tested", source)})
    try:
        jobs = [Job("tested", one["payload"], one["port"], one["time"]) for one in cases]
        answers = host.run(jobs)
    finally:
        host.close()
    failed = sum(not _shown(case, answer) for case, answer in zip(cases, answers, strict=True))
    out.print(f"{len(cases)} payloads, {failed} not as expected", highlight=False)
    if failed:
        raise typer.Exit(1)


def _cases(path: Path) -> list[dict[str, Any]]:
    """Return the examples of a file; ValueError when it holds none that can be read."""
    text = path.read_text(encoding="utf-8")
    try:
        whole = json.loads(text)
        rows = whole["examples"] if isinstance(whole, dict) and "examples" in whole else [whole]
    except json.JSONDecodeError:
        rows = [json.loads(line) for line in text.splitlines() if line.strip()]
    return [_case(row, path) for row in rows if row.get("type", "uplink") == "uplink"]


def _case(row: dict[str, Any], path: Path) -> dict[str, Any]:
    try:
        if "input" in row:
            given, wanted = row["input"], row.get("output") or {}
            payload, port = bytes(given["bytes"]), int(given["fPort"])
            time = given.get("recvTime") or _TRIED_AT
        else:
            payload, port = bytes.fromhex(row["hex"]), int(row["f_port"])
            wanted, time = row.get("expected") or {}, row.get("recv_time") or _TRIED_AT
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: an example can't be read: {error!r}") from None
    case = {"payload": payload, "port": port, "time": time, "wanted": wanted}
    return {**case, "name": row.get("description", "")}


def _shown(case: dict[str, Any], answer: Answer | PayloadError) -> bool:
    """Print what differs from what is expected, or all of it where nothing is expected."""
    title = f"{case.get('name', '')} {case['payload'].hex()} on FPort {case['port']}".strip()
    wanted = case.get("wanted")
    if isinstance(answer, PayloadError):
        if wanted is not None and wanted.get("errors"):
            return True
        out.print(f"✗ {title}\n    {answer}", markup=False, highlight=False, soft_wrap=True)
        return False
    if wanted is None:
        out.print_json(json.dumps(answer.data))
        for one in answer.normalized:
            out.print("normalised:", json.dumps(one), markup=False, highlight=False)
        return True
    differing = list(_different("", wanted.get("data"), answer.data))
    if differing:
        out.print(f"✗ {title}", markup=False, highlight=False, soft_wrap=True)
        for line in differing:
            out.print(f"    {line}", markup=False, highlight=False, soft_wrap=True)
    return not differing


def _different(place: str, wanted: object, found: object) -> list[str]:
    """Return a line for each field in which two JSON values differ."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        keys = dict.fromkeys([*wanted, *found])
        return [
            line
            for key in keys
            for line in _different(f"{place}.{key}", wanted.get(key), found.get(key))
        ]
    if isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        pairs = enumerate(zip(wanted, found, strict=True))
        return [line for at, pair in pairs for line in _different(f"{place}[{at}]", *pair)]
    numbers = all(isinstance(one, int | float) for one in (wanted, found))
    if numbers and math.isclose(wanted, found, rel_tol=1e-6):  # type: ignore[arg-type]
        return []
    if wanted == found:
        return []
    return [f"{place[1:]}: expected {json.dumps(wanted)}, found {json.dumps(found)}"]


def _failed(error: Exception) -> typer.Exit:
    err.print(str(error), style="red", soft_wrap=True, markup=False)
    return typer.Exit(1)
