"""`emscher query`: one question to a running Emscher, answered as a table, JSON or a file."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Annotated, Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import typer
from rich.console import Console
from rich.progress import DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.table import Table

_TIMEOUT_S = 30
_CHANGE_TIMEOUT_S = 600  # a full quarantine takes its time
_PAGE = 10_000
_ITEMS = 100
_CHUNK = 1 << 16
_BARS = "▁▂▃▄▅▆▇█"


class What(StrEnum):
    """What can be asked for."""

    HEALTH = "health"
    COUNTERS = "counters"
    DEVICES = "devices"
    SITES = "sites"
    SERIES = "series"
    LATEST = "latest"
    READINGS = "readings"
    WINDOWS = "windows"
    ENERGY = "energy"
    SUMS = "sums"
    LOAD = "load"
    ENVIRONMENT = "environment"
    QUALITY = "quality"
    ANOMALIES = "anomalies"
    QUARANTINE = "quarantine"


class Form(StrEnum):
    """How an answer is told."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    ARROW = "arrow"
    PARQUET = "parquet"


_PATHS = {What.SUMS: "energy/sums", What.LOAD: "energy/load"}
_ONE = (What.HEALTH, What.COUNTERS, What.LOAD)
_UNPAGED = (What.ENVIRONMENT,)
_COLUMNS = {
    What.DEVICES: ("id", "name", "model", "last_seen", "silent"),
    What.SITES: ("id", "tenant", "name", "district", "sector", "area_m2", "public", "devices"),
    What.SERIES: ("device", "quantity", "channel", "unit", "count", "first", "last"),
    What.LATEST: ("device", "quantity", "channel", "value", "unit", "time", "quality"),
    What.READINGS: ("time", "quantity", "channel", "value", "unit", "quality"),
    What.WINDOWS: ("start", "quantity", "channel", "count", "min", "mean", "max", "last", "unit"),
    What.ENERGY: ("start", "end", "value", "unit", "quality", "coverage", "corrections"),
    What.SUMS: (
        "group",
        "start",
        "end",
        "value",
        "unit",
        "quality",
        "coverage",
        "meters",
        "missing",
    ),
    What.ENVIRONMENT: ("start", "end", "kind", "value", "unit", "coverage", "word"),
    What.QUALITY: (
        "device",
        "quantity",
        "channel",
        "count",
        "coverage",
        "gaps",
        "late",
        "rejected",
    ),
    What.ANOMALIES: ("start", "end", "kind", "score", "text"),
    What.QUARANTINE: ("id", "received", "topic", "size", "reason"),
}
_CHARTED = {
    What.READINGS: "value",
    What.WINDOWS: "mean",
    What.ENERGY: "value",
    What.SUMS: "value",
    What.ENVIRONMENT: "value",
}
_WHICH = "Sites and sums"


Url = Annotated[str, typer.Option(help="Where Emscher answers.", envvar="EMSCHER_URL")]
Key = Annotated[str | None, typer.Option(help="Key of a tenant, emscher_….", envvar="EMSCHER_KEY")]
HERE = "http://127.0.0.1:8000"


class AskError(Exception):
    """The question was not answered; the text says why, and what to do."""


def query(
    what: Annotated[What, typer.Argument(help="What to ask for.")],
    device: Annotated[str | None, typer.Option(help="The device, as it names itself.")] = None,
    quantity: Annotated[str | None, typer.Option(help="One quantity, such as co2.")] = None,
    start: Annotated[str | None, typer.Option(help="From this time on (RFC 3339).")] = None,
    end: Annotated[str | None, typer.Option(help="Before this time (RFC 3339).")] = None,
    by: Annotated[
        str | None, typer.Option(help="energy, sums: quarter_hour, hour, day, month or year.")
    ] = None,
    every: Annotated[str | None, typer.Option(help="windows: 1m, 15m, 1h, 1d …")] = None,
    against: Annotated[
        str | None, typer.Option(help="energy, sums: beside the time that begins then.")
    ] = None,
    tz: Annotated[str | None, typer.Option(help="Zone of periods and of plain times.")] = None,
    figure: Annotated[
        str | None, typer.Option(help="environment: air_quality, noise, degree_days or comfort.")
    ] = None,
    tenant: Annotated[
        str | None, typer.Option(help="Only of this tenant.", rich_help_panel=_WHICH)
    ] = None,
    district: Annotated[
        str | None, typer.Option(help="Only of this district.", rich_help_panel=_WHICH)
    ] = None,
    sector: Annotated[
        str | None, typer.Option(help="Only of this sector.", rich_help_panel=_WHICH)
    ] = None,
    site: Annotated[
        str | None, typer.Option(help="Only of this site.", rich_help_panel=_WHICH)
    ] = None,
    per: Annotated[
        str | None,
        typer.Option(
            help="Sums of each: tenant, district, sector, site or device.", rich_help_panel=_WHICH
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            min=1, help="At most so many items: 100 unless told, but all of them in a file."
        ),
    ] = None,
    form: Annotated[
        Form | None,
        typer.Option("--format", help="How to tell it. With -o: as the file's name ends."),
    ] = None,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Write it to this file.")] = None,
    url: Url = HERE,
    key: Key = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
) -> None:
    """Ask a running Emscher: what is there, what was measured, what flowed, what is odd.

    emscher query sums --per district --by month --start 2026-01-01

    emscher query readings --device household -o readings.parquet
    """
    asked = {
        **{"device": device, "quantity": quantity, "start": start, "end": end, "by": by},
        **{"every": every, "against": against, "tz": tz, "figure": figure, "tenant": tenant},
        **{"district": district, "sector": sector, "site": site, "per": per},
    }
    try:
        chosen = _form(Form.JSON if as_json else form, out)
        if chosen in (Form.CSV, Form.ARROW, Form.PARQUET):
            _save(url.rstrip("/"), what, chosen, out, limit, key, asked)
            return
        answer = ask(url.rstrip("/"), what, limit or _ITEMS, key, **asked)
    except AskError as error:
        raise failed(error) from None
    if chosen is Form.TABLE:
        show(Console(), what, answer)
    elif out is None:
        typer.echo(json.dumps(answer, ensure_ascii=False))
    else:
        out.write_text(json.dumps(answer, ensure_ascii=False) + "\n", encoding="utf-8")


def _form(form: Form | None, out: Path | None) -> Form:
    """Return how an answer is to be told; AskError where that does not go together."""
    endings = {".json": Form.JSON, ".csv": Form.CSV, ".arrow": Form.ARROW, ".parquet": Form.PARQUET}
    if form is None and out is not None:
        form = endings.get(out.suffix)
        if form is None:
            raise AskError(f'-o: expected a name that ends in {", ".join(endings)}, found "{out}"')
    if form is Form.TABLE and out is not None:
        raise AskError("--format: expected json, csv, arrow or parquet for a file, found table")
    if form in (Form.ARROW, Form.PARQUET) and out is None and sys.stdout.isatty():
        raise AskError(f"--format {form.value}: expected a file (-o FILE) or a pipe for its bytes")
    return form or Form.TABLE


def _save(
    url: str,
    what: What,
    form: Form,
    out: Path | None,
    limit: int | None,
    key: str | None,
    asked: dict[str, str | None],
) -> None:
    """Write a whole collection as one table, into a file only when all of it came."""
    if what in _ONE:
        raise AskError(f"--format: {what.value} is no collection: expected json or table")
    query = {name: text for name, text in asked.items() if text is not None}
    query["format"] = form.value
    if limit is not None:
        query["limit"] = str(limit)
    place = f"{url}/v1/{_PATHS.get(what, what.value)}"
    columns = TextColumn("{task.description}"), DownloadColumn(), TransferSpeedColumn()
    err = Console(stderr=True)
    shown = Progress(*columns, console=err, transient=True, disable=not err.is_terminal)
    with opened(place, query, key) as response, shown:
        task = shown.add_task(f"{what.value} → {out}", total=None)
        if out is None:
            for piece in _pieces(response, place):
                sys.stdout.buffer.write(piece)
            return
        part = out.with_name(f"{out.name}.part")
        try:
            with part.open("wb") as file:
                for piece in _pieces(response, place):
                    shown.advance(task, file.write(piece))
            size = part.stat().st_size
            part.replace(out)
            typer.echo(f"{out}: {size} bytes are written", err=True)
        except OSError as fault:
            raise AskError(f"-o: {out} can't be written ({fault.strerror or fault})") from None
        finally:
            part.unlink(missing_ok=True)


def _pieces(response: HTTPResponse, place: str) -> Iterator[bytes]:
    try:
        while piece := response.read(_CHUNK):
            yield piece
    except (HTTPException, OSError) as fault:
        raise AskError(f"the answer of {place} broke off ({fault})") from None


def failed(error: AskError) -> typer.Exit:
    """Tell a person why there is no answer, and return how to end."""
    Console(stderr=True).print(str(error), style="red", soft_wrap=True, markup=False)
    return typer.Exit(1)


def ask(
    url: str, what: What, limit: int, key: str | None = None, **asked: str | None
) -> dict[str, Any]:
    """Return what Emscher at `url` answers, at most `limit` items over as many pages as it takes.

    Raises AskError when it can't be reached or refuses the question.
    """
    query = {name: text for name, text in asked.items() if text is not None}
    place = f"{url}/v1/{_PATHS.get(what, what.value)}"
    if what in _ONE or what in _UNPAGED:
        return get(place, query, key)
    items: list[dict[str, Any]] = []
    while True:
        page = min(_PAGE, limit - len(items))
        answer = get(place, {**query, "limit": str(page)}, key)
        items += answer["items"]
        if answer["next"] is None or len(items) >= limit:
            return {**answer, "items": items}
        query["cursor"] = answer["next"]


def show(console: Console, what: What, answer: dict[str, Any]) -> None:
    """Print an answer as a table, with a line of bars where values follow each other."""
    if "items" not in answer:
        table = Table(show_header=False)
        for name, value in answer.items():
            table.add_row(
                name, _bars([one["power"] for one in value]) if name == "duration" else _cell(value)
            )
        console.print(table)
        return
    items = answer["items"]
    if not items:
        console.print(answer.get("note") or "Nothing.")
        return
    table = Table()
    for column in _COLUMNS[what]:
        numeric = isinstance(items[0].get(column), float)
        table.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for item in items:
        table.add_row(*(_cell(item.get(column)) for column in _COLUMNS[what]))
    console.print(table)
    if charted := _CHARTED.get(what):
        console.print(_bars([item[charted] for item in items]), soft_wrap=True)
    if answer["next"] is not None:
        console.print(f"There is more: ask for more than {len(items)} with --limit.")


def get(
    url: str, query: dict[str, str], key: str | None = None, *, method: str = "GET"
) -> dict[str, Any]:
    """Return the JSON that lies at a URL; AskError says why there is none."""
    with opened(url, query, key, method=method) as response:
        try:
            answer: dict[str, Any] = json.load(response)
        except (HTTPException, OSError) as fault:
            raise AskError(f"the answer of {url} broke off ({fault})") from None
        except ValueError:
            raise AskError(f"what answers at {url} is not Emscher: it sent no JSON") from None
        return answer


@contextmanager
def opened(
    url: str, query: dict[str, str], key: str | None = None, *, method: str = "GET"
) -> Iterator[HTTPResponse]:
    """Give the answer that lies at a URL, its body unread; AskError says why there is none."""
    full = f"{url}?{urlencode(query)}" if query else url
    if not full.startswith(("http://", "https://")):
        raise AskError(f'--url: expected http://HOST:PORT, found "{url}"')
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    asked = Request(full, headers=headers, method=method)
    try:
        response: HTTPResponse = urlopen(
            asked, timeout=_TIMEOUT_S if method == "GET" else _CHANGE_TIMEOUT_S
        )
    except HTTPError as error:
        try:
            detail = json.load(error).get("detail", error.reason)
        except ValueError:
            detail = error.reason
        raise AskError(f"Emscher refuses the question: {detail}") from None
    except (URLError, HTTPException, OSError) as error:
        reason = getattr(error, "reason", error)
        raise AskError(
            f"no Emscher answers at {url} ({reason}): start it with `emscher up`, or say where it"
            " is with --url"
        ) from None
    with response:
        yield response


def _cell(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.6g}" if abs(value) < 1e6 else f"{value:.1f}"
    if isinstance(value, list) and value and isinstance(value[0], dict) and "note" in value[0]:
        return "; ".join(f"{one['kind']} {one['value']:+.6g}" for one in value)
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False) if value else ""
    return str(value)


def _bars(values: list[float | None]) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return ""
    low, high = min(known), max(known)
    scale = (len(_BARS) - 1) / (high - low) if high > low else 0.0
    return "".join(" " if v is None else _BARS[round((v - low) * scale)] for v in values)
