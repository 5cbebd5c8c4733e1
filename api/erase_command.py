"""`emscher erase`: erasing what is kept of a device, asked of a running Emscher."""

from typing import Annotated
from urllib.parse import quote

import typer
from rich.console import Console
from rich.table import Table

from api.client import HERE, AskError, Key, Url, failed, get

_WORDS = {
    "readings": "readings",
    "overwritten": "values that later ones had replaced",
    "windows": "stored windows",
    "anomalies": "anomalies",
    "remarks": "remarks on them",
    "messages": "messages that were kept as they came",
    "shared": "of these, messages that told of other devices too",
    "refused": "messages in quarantine that name it",
    "announcements": "announcements",
    "catalog": "rows of the catalog",
}


def erase(
    device: Annotated[str, typer.Argument(help="The device, by its id.")],
    before: Annotated[
        str | None, typer.Option(help="Only what is older than this time (RFC 3339).")
    ] = None,
    trial: Annotated[bool, typer.Option("--trial", help="Only say what would go.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask whether it is meant.")] = False,
    url: Url = HERE,
    key: Key = None,
) -> None:
    """Erase all that is kept of a device, for good: its people's right.

    Says what went, and what is out of its reach. Needs a key of the scope admin where there are
    keys. A device that goes on sending appears anew.
    """
    place = f"{url.rstrip('/')}/v1/devices/{quote(device, safe='')}"
    query = {} if before is None else {"before": before}
    out = Console()
    try:
        found = get(place, {**query, "trial": "true"}, key, method="DELETE")
        if not trial:
            if not yes:
                _table(out, found)
                older = "" if before is None else f", as far as it is older than {before},"
                typer.confirm(f"All this of {device}{older} goes for good. Erase it?", abort=True)
            found = get(place, query, key, method="DELETE")
    except AskError as error:
        raise failed(error) from None
    _table(out, found)
    out.print("Nothing was erased: this was a trial." if trial else f"{device} is erased.")
    out.print("Out of reach:")
    for one in found["left"]:
        out.print(f"  - {one}", markup=False, highlight=False, soft_wrap=True)


def _table(out: Console, found: dict[str, int]) -> None:
    table = Table(show_header=False)
    for name, word in _WORDS.items():
        table.add_row(word, str(found[name]))
    out.print(table)
