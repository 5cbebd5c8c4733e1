"""`emscher query`: one question to a running Emscher, answered as a table or as JSON."""

import json
from enum import StrEnum
from typing import Annotated, Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import typer
from rich.console import Console
from rich.table import Table

_TIMEOUT_S = 30
_RETRY_TIMEOUT_S = 600  # a full quarantine takes its time
_PAGE = 10_000
_BARS = "▁▂▃▄▅▆▇█"


class What(StrEnum):
    """What can be asked for."""

    HEALTH = "health"
    COUNTERS = "counters"
    DEVICES = "devices"
    SERIES = "series"
    LATEST = "latest"
    READINGS = "readings"
    WINDOWS = "windows"
    ENERGY = "energy"
    ANOMALIES = "anomalies"
    QUARANTINE = "quarantine"


_COLUMNS = {
    What.DEVICES: ("id", "name", "model", "last_seen", "silent"),
    What.SERIES: ("device", "quantity", "channel", "unit", "count", "first", "last"),
    What.LATEST: ("device", "quantity", "channel", "value", "unit", "time", "quality"),
    What.READINGS: ("time", "quantity", "channel", "value", "unit", "quality"),
    What.WINDOWS: ("start", "quantity", "channel", "count", "min", "mean", "max", "last", "unit"),
    What.ENERGY: ("start", "end", "value", "unit", "quality", "coverage", "corrections"),
    What.ANOMALIES: ("start", "end", "kind", "score", "text"),
    What.QUARANTINE: ("id", "received", "topic", "size", "reason"),
}
_CHARTED = {What.READINGS: "value", What.WINDOWS: "mean", What.ENERGY: "value"}


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
    by: Annotated[str | None, typer.Option(help="energy: hour, day, month or year.")] = None,
    every: Annotated[str | None, typer.Option(help="windows: 1m, 15m, 1h, 1d …")] = None,
    tz: Annotated[str | None, typer.Option(help="Zone of periods and of plain times.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many items.")] = 100,
    url: Url = HERE,
    key: Key = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Ask a running Emscher: what is there, what was measured, what flowed, what is odd."""
    asked = {"device": device, "quantity": quantity, "start": start, "end": end}
    try:
        answer = ask(url.rstrip("/"), what, limit, key, by=by, every=every, tz=tz, **asked)
    except AskError as error:
        raise failed(error) from None
    if as_json:
        typer.echo(json.dumps(answer, ensure_ascii=False))
    else:
        show(Console(), what, answer)


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
    if what in (What.HEALTH, What.COUNTERS):
        return get(f"{url}/v1/{what.value}", {}, key)
    items: list[dict[str, Any]] = []
    while True:
        page = min(_PAGE, limit - len(items))
        answer = get(f"{url}/v1/{what.value}", {**query, "limit": str(page)}, key)
        items += answer["items"]
        if answer["next"] is None or len(items) >= limit:
            return {**answer, "items": items}
        query["cursor"] = answer["next"]


def show(console: Console, what: What, answer: dict[str, Any]) -> None:
    """Print an answer as a table, with a line of bars where values follow each other."""
    if "items" not in answer:
        table = Table(show_header=False)
        for name, value in answer.items():
            table.add_row(name, _cell(value))
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
    url: str, query: dict[str, str], key: str | None = None, *, post: bool = False
) -> dict[str, Any]:
    """Return the JSON that lies at a URL; AskError says why there is none."""
    full = f"{url}?{urlencode(query)}" if query else url
    if not full.startswith(("http://", "https://")):
        raise AskError(f'--url: expected http://HOST:PORT, found "{url}"')
    try:
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        asked = Request(full, headers=headers, method="POST" if post else "GET")
        with urlopen(asked, timeout=_RETRY_TIMEOUT_S if post else _TIMEOUT_S) as response:
            answer: dict[str, Any] = json.load(response)
            return answer
    except HTTPError as error:
        try:
            detail = json.load(error).get("detail", error.reason)
        except ValueError:
            detail = error.reason
        raise AskError(f"Emscher refuses the question: {detail}") from None
    except (URLError, TimeoutError, OSError) as error:
        reason = getattr(error, "reason", error)
        raise AskError(
            f"no Emscher answers at {url} ({reason}): start it with `emscher up`, or say where it"
            " is with --url"
        ) from None
    except ValueError:
        raise AskError(f"what answers at {url} is not Emscher: it sent no JSON") from None


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
