"""Commands about single messages: `emscher origin`, `reprocess` and `quarantine`.

They ask a running Emscher.
"""

import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from api.client import HERE, AskError, Key, Url, failed, get

_PAGE = 100
_POLL_S = 0.3
_DUMPED_BYTES = 2048
_LISTED = ("id", "received", "topic", "size", "reason")

quarantine_app = typer.Typer(
    help="Messages that could not be understood, kept with the reason.", no_args_is_help=True
)
_Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
_Rule = Annotated[
    str | None, typer.Option(help='Only what this rule refused, such as "payload codec".')
]
_Topic = Annotated[str | None, typer.Option(help="Only topics that contain this text.")]


def origin(
    device: Annotated[str, typer.Argument(help="The device, as it names itself.")],
    quantity: Annotated[str, typer.Argument(help="One of its quantities, such as co2.")],
    time_: Annotated[str, typer.Argument(metavar="TIME", help="When it was sampled (RFC 3339).")],
    channel: Annotated[str | None, typer.Option(help="Where the quantity has several.")] = None,
    tz: Annotated[str | None, typer.Option(help="Zone of a plain time.")] = None,
    url: Url = HERE,
    key: Key = None,
    as_json: _Json = False,
) -> None:
    """Show the message behind a reading, as it came, and those of the values that it replaced."""
    asked = {"device": device, "quantity": quantity, "time": time_, "channel": channel, "tz": tz}
    try:
        found = get(f"{url.rstrip('/')}/v1/readings/origin", _given(asked), key)
    except AskError as error:
        raise failed(error) from None
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False))
        return
    out = Console()
    for one in (found, *found["replaced"]):
        reading = one["reading"]
        told = f"{reading['value']:g} {reading['unit']}".strip()
        head = "" if one is found else "before that: "
        out.print(
            f"{head}[bold]{told}[/] at {reading['time']}, {reading['quality']}, received"
            f" {one['received']}",
            highlight=False,
        )
        if one["message"] is None:
            out.print(f"  {one['note']}")
            continue
        _show_message(out, one["message"])


def reprocess(
    device: Annotated[str | None, typer.Option(help="Only this device; all without it.")] = None,
    since: Annotated[str | None, typer.Option(help="Received from this time on.")] = None,
    until: Annotated[str | None, typer.Option(help="Received before this time.")] = None,
    tz: Annotated[str | None, typer.Option(help="Zone of plain times.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
    url: Url = HERE,
    key: Key = None,
) -> None:
    """Decode kept messages again, with the codecs of now: after a codec was mended.

    Values that come out otherwise are corrected and keep their history; readings that no longer
    come out are rejected. No message is counted again, and doing it twice changes nothing.
    """
    place = f"{url.rstrip('/')}/v1/reprocess"
    asked = {"device": device, "since": since, "until": until, "tz": tz}
    if dry_run:
        asked["trial"] = "true"
    try:
        run = get(place, _given(asked), key, method="POST")
        with Progress(transient=True) as shown:
            task = shown.add_task("Decoding again", total=None)
            while run["running"]:
                time.sleep(_POLL_S)
                run = get(place, {}, key)
                reached = run["reached"] or "the beginning"
                shown.update(task, description=f"{run['messages']} messages, up to {reached}")
    except AskError as error:
        raise failed(error) from None
    would = "would be " if dry_run else ""
    typer.echo(
        f"{run['messages']} messages were decoded again: {run['changed']} readings {would}changed,"
        f" {run['added']} {would}added, {run['rejected']} {would}rejected."
    )
    if run["refused"]:
        typer.echo(f"{run['refused']} messages can't be decoded now; their readings stay.")
    if run["error"]:
        raise failed(AskError(f"it ended early: {run['error']}"))


@quarantine_app.command("list")
def list_(
    rule: _Rule = None,
    topic: _Topic = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    url: Url = HERE,
    key: Key = None,
    as_json: _Json = False,
) -> None:
    """List what is in quarantine, the newest first."""
    try:
        found = list(_refused(url, key, rule, topic, limit))
    except AskError as error:
        raise failed(error) from None
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False))
        return
    out = Console()
    if not found:
        out.print("Nothing is in quarantine." if rule is topic is None else "Nothing of that kind.")
        return
    table = Table()
    for column in _LISTED:
        table.add_column(column, overflow="fold")
    for one in found:
        table.add_row(*(str(one[column]) for column in _LISTED))
    out.print(table)
    out.print("`emscher quarantine show ID` shows one whole.")


@quarantine_app.command("show")
def show(
    number: Annotated[int, typer.Argument(metavar="ID", min=1, help="Its id in the list.")],
    url: Url = HERE,
    key: Key = None,
    as_json: _Json = False,
) -> None:
    """Show one refused message whole: why, from where, and its bytes."""
    try:
        found = get(f"{url.rstrip('/')}/v1/quarantine/{number}", {}, key)
    except AskError as error:
        raise failed(error) from None
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False))
        return
    out = Console()
    out.print(f"[bold]{found['rule']}[/]", highlight=False)
    for name in ("expected", "found", "topic", "source", "received"):
        out.print(f"  {name:9}", end="")
        out.print(str(found[name]), markup=False, highlight=False, soft_wrap=True)
    _dump(out, base64.b64decode(found["payload_base64"]))
    out.print("`emscher quarantine retry` tries all again, after a codec or a setting was mended.")


@quarantine_app.command("export")
def export(
    to: Annotated[Path, typer.Argument(metavar="FILE", help="JSON lines; - for the terminal.")],
    rule: _Rule = None,
    topic: _Topic = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 100_000,
    url: Url = HERE,
    key: Key = None,
) -> None:
    """Write refused messages to a file, one JSON object a line, whole and in base64."""
    count = 0
    try:
        lines = _lines(url, key, rule, topic, limit)
        if str(to) == "-":
            for line in lines:
                typer.echo(line)
            return
        with to.open("w", encoding="utf-8") as file:
            for line in lines:
                file.write(f"{line}\n")
                count += 1
    except AskError as error:
        raise failed(error) from None
    except OSError as error:
        raise failed(AskError(f"{to} can't be written: {error.strerror}")) from None
    typer.echo(f"{count} messages are in {to}.")


@quarantine_app.command("retry")
def retry(rule: _Rule = None, url: Url = HERE, key: Key = None) -> None:
    """Decode refused messages again, after a codec was added or a setting changed.

    What is understood now is stored with its own time and leaves quarantine.
    """
    try:
        found = get(
            f"{url.rstrip('/')}/v1/quarantine/retry", _given({"rule": rule}), key, method="POST"
        )
    except AskError as error:
        raise failed(error) from None
    typer.echo(
        f"{found['tried']} refused messages were tried again, {found['released']} are understood"
        " now and stored."
    )


def _given(asked: dict[str, str | None]) -> dict[str, str]:
    return {name: text for name, text in asked.items() if text is not None}


def _refused(
    url: str, key: str | None, rule: str | None, topic: str | None, limit: int
) -> Iterator[dict[str, Any]]:
    """Yield refusals of that rule and topic, page by page."""
    query = {"limit": str(_PAGE)}
    count = 0
    while True:
        page = get(f"{url.rstrip('/')}/v1/quarantine", query, key)
        for one in page["items"]:
            if (rule is None or one["rule"] == rule) and (topic is None or topic in one["topic"]):
                yield one
                count += 1
                if count == limit:
                    return
        if page["next"] is None:
            return
        query["cursor"] = page["next"]


def _lines(
    url: str, key: str | None, rule: str | None, topic: str | None, limit: int
) -> Iterator[str]:
    for one in _refused(url, key, rule, topic, limit):
        whole = (
            get(f"{url.rstrip('/')}/v1/quarantine/{one['id']}", {}, key)
            if one["truncated"]
            else one
        )
        yield json.dumps(whole, ensure_ascii=False)


def _show_message(out: Console, message: dict[str, Any]) -> None:
    out.print(f"  on [bold]{message['topic']}[/] from {message['source']}", highlight=False)
    if not message["sure"]:
        out.print("  it no longer brings this reading; `emscher reprocess` would say so of all")
    if message["error"]:
        out.print(f"  it can't be decoded now: {message['error']}", markup=False)
    _dump(out, base64.b64decode(message["payload_base64"]))


def _dump(out: Console, payload: bytes) -> None:
    """Print bytes as text where they are, else as people print them: sixteen to a line, in hex."""
    part, rest = payload[:_DUMPED_BYTES], len(payload) - _DUMPED_BYTES
    try:
        text = part.decode()
    except UnicodeDecodeError:
        text = "\0"
    if all(char.isprintable() or char in "\r\n\t" for char in text):
        out.print(f"  {text}", markup=False, highlight=False, soft_wrap=True)
    else:
        for at in range(0, len(part), 16):
            row = part[at : at + 16]
            shown = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
            line = f"  {at:06x}  {row.hex(' '):47}  {shown}"
            out.print(line, markup=False, highlight=False, soft_wrap=True)
    if rest > 0:
        out.print(f"  … and {rest} bytes more (--json has all)")
