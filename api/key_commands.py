"""`emscher key`: who may ask, and what they did."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Protocol

import typer
from rich.console import Console
from rich.table import Table

from api.keys import Scope, new_key
from ingest.clock import iso

if TYPE_CHECKING:
    from ingest.catalog import Catalog, KeyRow

_Data = Annotated[Path | None, typer.Option(help="Folder of everything that is kept.")]
_DAY_NS = 24 * 3600 * 10**9
_HELP = (
    "Keys: who may ask, for which tenant, how far, and until when. As soon as there is one, nobody"
    " is answered without. Works while Emscher runs, and while it does not."
)


class Settings(Protocol):
    """What is asked of the settings (gateway/settings.py)."""

    data: Path
    catalog: str


def key_app(settings_from: Callable[..., Settings]) -> typer.Typer:
    """Return the commands; settings_from reads the settings, and ends where they can't be used."""
    app = typer.Typer(help=_HELP, no_args_is_help=True, pretty_exceptions_enable=False)
    out, err = Console(), Console(stderr=True)

    @contextmanager
    def opened(data: Path | None) -> "Iterator[Catalog]":
        from ingest.catalog import CatalogError, open_catalog  # noqa: PLC0415 (it is large)

        settings = settings_from(data=data)
        try:
            catalog = open_catalog(settings.catalog, settings.data)
            try:
                yield catalog
            finally:
                catalog.close()
        except (CatalogError, ValueError) as error:
            err.print(str(error), style="red", soft_wrap=True, markup=False)
            raise typer.Exit(1) from None

    @app.command()
    def add(
        name: Annotated[str, typer.Argument(help="Whose key it is, for people.")],
        scope: Annotated[
            Scope,
            typer.Option(
                help="read: ask all · write: remarks, retry, reprocess too ·"
                " admin: erase, audit log too."
            ),
        ] = Scope.READ,
        tenant: Annotated[
            str | None, typer.Option(help="Only this tenant's devices; all without it.")
        ] = None,
        days: Annotated[
            int | None, typer.Option(min=1, max=36_525, help="It ends after so many days.")
        ] = None,
        data: _Data = None,
    ) -> None:
        """Make a key, and print its text: once, nobody can show it again."""
        from ingest.catalog import Deed, add_key, note  # noqa: PLC0415 (as above)

        now_ns = time.time_ns()
        expires = None if days is None else now_ns + days * _DAY_NS
        if not name.strip():
            raise typer.BadParameter("expected a name, found none", param_hint="NAME")
        with opened(data) as catalog:
            key, text = new_key(name.strip(), scope, tenant, now_ns, expires)
            add_key(catalog, key)
            note(catalog, [Deed(now_ns, "command", tenant, f"key add {key.id}", key.name, scope)])
        out.print(f"Key {key.id} of {key.name}, {_may(key)}. Keep this, it is shown only now:")
        typer.echo(text)

    @app.command("list")
    def list_(data: _Data = None) -> None:
        """List every key there ever was; not their texts, which are kept nowhere."""
        from ingest.catalog import keys  # noqa: PLC0415 (as above)

        with opened(data) as catalog:
            found = keys(catalog)
        if not found:
            out.print("There are no keys: this machine alone is answered, and without one.")
            return
        table = Table("id", "name", "scope", "tenant", "made", "state")
        for key in found:
            table.add_row(
                *(key.id, key.name, key.scope, key.tenant or "all", iso(key.created)), _state(key)
            )
        out.print(table)

    @app.command()
    def revoke(
        id: Annotated[str, typer.Argument(help="The id of a key, as `list` shows it.")],
        data: _Data = None,
    ) -> None:
        """End a key: nobody is answered with it any more, three seconds from now at the latest."""
        from ingest.catalog import Deed, note, revoke_key  # noqa: PLC0415 (as above)

        now_ns = time.time_ns()
        with opened(data) as catalog:
            if not revoke_key(catalog, id, now_ns):
                raise ValueError(f'expected the id of a key that stands, found "{id}"')
            note(catalog, [Deed(now_ns, "command", None, f"key revoke {id}", "", "done")])
        out.print(f"Key {id} is revoked.")

    @app.command()
    def audit(
        limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many lines.")] = 50,
        data: _Data = None,
    ) -> None:
        """Show who changed what, and whose key was refused; the newest first."""
        from ingest.catalog import deeds  # noqa: PLC0415 (as above)

        with opened(data) as catalog:
            found = deeds(catalog, limit)
        if not found:
            out.print("Nothing yet.")
            return
        table = Table("at", "who", "tenant", "did", "about", "outcome")
        for _, deed in found:
            table.add_row(iso(deed.at), *(one or "" for one in deed[1:]))
        out.print(table)

    return app


def _may(key: "KeyRow") -> str:
    until = "" if key.expires is None else f", until {_day(key.expires)}"
    return f"{key.scope} for {key.tenant or 'all tenants'}{until}"


def _state(key: "KeyRow") -> str:
    if key.revoked is not None:
        return f"revoked {_day(key.revoked)}"
    if key.expires is None:
        return "stands"
    return f"{'ended' if key.expires <= time.time_ns() else 'until'} {_day(key.expires)}"


def _day(time_ns: int) -> str:
    return datetime.fromtimestamp(time_ns / 1e9).astimezone().date().isoformat()
