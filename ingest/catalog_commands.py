"""`emscher catalog`: what people know of tenants, sites, devices, meters and series."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Protocol

import typer
from rich.console import Console
from rich.table import Table

from ingest.clock import iso

if TYPE_CHECKING:
    from ingest.catalog import Catalog, Field


class Settings(Protocol):
    """What is asked of the settings (gateway/settings.py)."""

    data: Path
    catalog: str


class What(StrEnum):
    """The nouns of the catalog."""

    TENANTS = "tenants"
    SITES = "sites"
    DEVICES = "devices"
    METERS = "meters"
    SERIES = "series"
    ANSWERS = "answers"


_Data = Annotated[Path | None, typer.Option(help="Folder of everything that is kept.")]
_Noun = Annotated[What, typer.Argument(metavar="NOUN", help=", ".join(What))]
_Key = Annotated[list[str], typer.Argument(metavar="KEY…", help="Its key, in the order of `list`.")]
_HELP = (
    "Tenants, sites, devices, meters and series: whose, where, and which. Works while Emscher runs,"
    " and while it does not."
)


def catalog_app(settings_from: Callable[..., Settings]) -> typer.Typer:
    """Return the commands; settings_from reads the settings, and ends where they can't be used."""
    app = typer.Typer(help=_HELP, no_args_is_help=True, pretty_exceptions_enable=False)
    out, err = Console(), Console(stderr=True)

    @contextmanager
    def opened(data: Path | None) -> "Iterator[Catalog]":
        from ingest.catalog import CatalogError, open_catalog  # noqa: PLC0415 (SQLAlchemy is large)

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

    @app.command("list")
    def list_(
        noun: _Noun,
        data: _Data = None,
        as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
    ) -> None:
        """List all of a kind, by key."""
        from ingest.catalog import NOUNS  # noqa: PLC0415

        with opened(data) as catalog:
            rows = catalog.rows(noun)
            shown = [NOUNS[noun].shown(row) for row in rows]
        if as_json:
            typer.echo(json.dumps(shown, ensure_ascii=False))
            return
        if not shown:
            out.print(f"No {noun} are in the catalog.")
            return
        table = Table()
        for field in NOUNS[noun].fields:
            table.add_column(field.name, overflow="fold")
        for row in shown:
            table.add_row(*row.values())
        out.print(table)

    @app.command("set")
    def set_(
        noun: _Noun,
        key: _Key,
        to: Annotated[
            list[str] | None, typer.Option("--to", metavar="COLUMN=VALUE", help="What to set.")
        ] = None,
        data: _Data = None,
    ) -> None:
        """Add one, or change it.

        emscher catalog set sites town-hall --to tenant=dortmund --to name=Rathaus
        """
        from ingest.catalog import NOUNS  # noqa: PLC0415

        with opened(data) as catalog:
            about = NOUNS[noun]
            texts = _keyed(about.keys, key)
            for one in to or []:
                name, mark, value = one.partition("=")
                if not mark or name in texts:
                    raise ValueError(
                        f"--to: expected COLUMN=VALUE with one of"
                        f" {', '.join(field.name for field in about.others)}; found {one!r}"
                    )
                texts[name] = value
            done = catalog.put(noun, [about.row(texts)])
        word = "added" if done.added else "changed" if done.changed else "as it was"
        out.print(f"{' '.join(key)} is {word}.", highlight=False)

    @app.command()
    def remove(noun: _Noun, key: _Key, data: _Data = None) -> None:
        """Take one out; not while something refers to it. Its readings stay where they are."""
        from ingest.catalog import NOUNS  # noqa: PLC0415

        with opened(data) as catalog:
            about = NOUNS[noun]
            if not catalog.remove(noun, {
                field.name: field.parse(text)
                for field, text in zip(about.keys, _keyed(about.keys, key).values(), strict=True)
            }):  # fmt: skip
                raise ValueError(f"{noun}: there is no {' '.join(key)}")
        out.print(f"{' '.join(key)} is no longer in the catalog.", highlight=False)

    @app.command()
    def assign(
        device: Annotated[
            list[str], typer.Argument(metavar="DEVICE…", help="As they call themselves.")
        ],
        site: Annotated[str, typer.Option(help="The id of a site.")],
        data: _Data = None,
    ) -> None:
        """Say where devices are."""
        from ingest.catalog import NOUNS  # noqa: PLC0415

        with opened(data) as catalog:
            rows = [NOUNS["devices"].row({"id": one, "site": site}) for one in device]
            done = catalog.put("devices", rows)
        out.print(f"{done.added + done.changed} devices are at {site} now, {done.same} were there.")

    @app.command()
    def exchange(
        device: Annotated[str, typer.Argument(help="The device that reads the meter.")],
        quantity: Annotated[str, typer.Argument(help="Such as active_energy_import.")],
        at: Annotated[str, typer.Option(help="When: 2026-03-01, or with a time.")],
        serial: Annotated[str, typer.Option(help="The number on the new meter's plate.")],
        last: Annotated[str, typer.Option(help="What the old meter showed at last.")] = "",
        first: Annotated[str, typer.Option(help="What the new meter showed at first.")] = "0",
        channel: Annotated[str, typer.Option(help="Where the quantity has several.")] = "",
        data: _Data = None,
    ) -> None:
        """Record that a meter was exchanged for another."""
        from ingest.catalog import NOUNS  # noqa: PLC0415

        with opened(data) as catalog:
            told = {"device": device, "quantity": quantity, "channel": channel, "installed": at}
            told |= {"first_register": first, "last_register": last, "serial": serial}
            row = NOUNS["meters"].row(told)
            new = catalog.exchange(
                (device, quantity, channel),
                int(row["installed"] or 0),
                serial=serial,
                last=_float(row["last_register"]),
                first=_float(row["first_register"]),
            )
        shown = NOUNS["meters"].shown(new)
        out.print(f"From {shown['installed']} on it is {serial}.", highlight=False)

    @app.command()
    def answer(
        device: Annotated[str, typer.Argument(help="The device that reads the meter.")],
        quantity: Annotated[str, typer.Argument(help="Such as active_energy_import.")],
        at: Annotated[str, typer.Option(help="The step's time, as the correction tells it.")],
        counts: Annotated[bool, typer.Option("--counts/--counts-not", help="Whether this flowed.")],
        author: Annotated[str, typer.Option(help="Who decided.")],
        note: Annotated[str, typer.Option(help="Why.")] = "",
        channel: Annotated[str, typer.Option(help="Where the quantity has several.")] = "",
        data: _Data = None,
    ) -> None:
        """Decide about a step of a register that Emscher asks about; the last word holds.

        A jump upwards flowed (--counts) or did not; a drop was a new beginning from zero, or not.
        """
        from ingest.catalog import NOUNS  # noqa: PLC0415

        told = {"device": device, "quantity": quantity, "channel": channel, "at": at, "note": note}
        told |= {"said": iso(time.time_ns()), "author": author, "counts": "yes" if counts else "no"}
        with opened(data) as catalog:
            catalog.put("answers", [NOUNS["answers"].row(told)])
        word = "counts" if counts else "does not count"
        out.print(f"The step at {at} {word} from now on; the past is recomputed.", highlight=False)

    @app.command("import")
    def import_(
        file: Annotated[
            list[Path], typer.Argument(metavar="FILE…", help="CSV, or GeoJSON of sites.")
        ],
        as_: Annotated[What | None, typer.Option("--as", help="What a CSV file holds.")] = None,
        data: _Data = None,
    ) -> None:
        """Take in files, all or nothing; again changes nothing. What is not in them stays.

        CSV in UTF-8 with a header; the file's name says what it holds (sites.csv).
        """
        from ingest.catalog import imported  # noqa: PLC0415

        with opened(data) as catalog:
            done = imported(catalog, file, as_)
        for noun, found in done.items():
            out.print(
                f"{noun}: {found.added} added, {found.changed} changed, {found.same} as they were",
                highlight=False,
            )

    @app.command()
    def export(
        to: Annotated[Path, typer.Argument(metavar="FOLDER|FILE.geojson", help="Where to.")],
        data: _Data = None,
    ) -> None:
        """Write a CSV file for each kind into a folder, or the sites as GeoJSON."""
        from ingest.catalog import exported, geojson  # noqa: PLC0415

        with opened(data) as catalog:
            if to.suffix.lower() == ".geojson":
                tree = geojson(catalog)
                try:
                    to.write_text(json.dumps(tree, ensure_ascii=False, indent=1), "utf-8")
                except OSError as fault:
                    raise ValueError(f"{to} can't be written: {fault.strerror}") from None
                out.print(f"{len(tree['features'])} sites are in {to}.", highlight=False)
                return
            for path, count in exported(catalog, to):
                out.print(f"{count} {path.stem} are in {path}", highlight=False)

    @app.command()
    def check(data: _Data = None) -> None:
        """Say what is missing, or does not go together. Exit code 1 where something is."""
        from ingest.catalog import checked  # noqa: PLC0415

        with opened(data) as catalog:
            found = list(checked(catalog))
        for one in found:
            out.print(f"• {one}", highlight=False, soft_wrap=True)
        if found:
            raise typer.Exit(1)
        out.print("Nothing is missing.")

    return app


def _keyed(fields: "tuple[Field, ...]", key: list[str]) -> dict[str, str]:
    if len(key) > len(fields) or len(key) < len(fields) - (len(fields) > 1):
        raise ValueError(
            f"key: expected {' '.join(field.name.upper() for field in fields)}; found"
            f" {' '.join(key)}"
        )
    if len(key) < len(fields):  # the channel is left out
        at = [field.name for field in fields].index("channel")
        key = [*key[:at], "", *key[at:]]
    return dict(zip((field.name for field in fields), key, strict=True))


def _float(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
