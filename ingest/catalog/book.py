"""The catalog as an object: opened, asked, changed; every change is checked as a whole."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple

from alembic import command
from alembic.config import Config
from alembic.util.exc import CommandError
from sqlalchemy import Connection, Engine, create_engine, event, insert, make_url, select, update
from sqlalchemy.exc import ArgumentError, IntegrityError, SQLAlchemyError

from ingest.catalog.errors import CatalogError
from ingest.catalog.nouns import NOUNS, Noun, Value
from ingest.catalog.tables import ANSWERS, DEVICES, METERS, SITES, TENANTS
from ingest.meter import Answer, Meter, RegisterFacts
from ingest.place import Placed, Site

_MIGRATIONS = Path(__file__).with_name("migrations")
_BUSY_S = 10
_AT_ONCE = 500

Row = Mapping[str, Any]


class Changed(NamedTuple):
    """What a change did, row by row."""

    added: int = 0
    changed: int = 0
    same: int = 0

    def plus(self, other: "Changed") -> "Changed":
        """Return the sum, number by number."""
        return Changed(*(a + b for a, b in zip(self, other, strict=True)))


def open_catalog(url: str, data: Path) -> "Catalog":
    """Open the catalog and bring it to this version's layout.

    url  of SQLAlchemy: postgresql://user:password@host/database; "" is SQLite in the data folder
    Raises CatalogError that says what stands in the way, without the password.
    """
    try:
        place = make_url(url) if url else make_url(f"sqlite:///{data / 'catalog.sqlite'}")
    except ArgumentError:
        raise CatalogError(
            "catalog: expected a URL such as postgresql://user:password@host/database"
        ) from None
    if place.drivername in ("postgres", "postgresql"):
        place = place.set(drivername="postgresql+pg8000")
    shown = place.render_as_string(hide_password=True)
    engine = None
    try:
        if place.get_backend_name() == "sqlite":
            data.mkdir(parents=True, exist_ok=True)
            engine = create_engine(place, connect_args={"timeout": _BUSY_S})
            event.listen(engine, "connect", _sqlite)
        else:
            engine = create_engine(place, pool_pre_ping=True)
        _upgrade(engine)
    except (CommandError, SQLAlchemyError, OSError, ModuleNotFoundError) as fault:
        if engine is not None:
            engine.dispose()
        if not isinstance(fault, CommandError):
            raise CatalogError(f"the catalog {shown} can't be opened: {_reason(fault)}") from fault
        raise CatalogError(
            f"the catalog {shown} is of a newer Emscher ({fault}): use that one, or another catalog"
        ) from fault
    return Catalog(engine, shown)


def _sqlite(connection: Any, record: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA secure_delete = ON")  # what is erased leaves no bytes
    cursor.close()


def _upgrade(engine: Engine) -> None:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _breaks_a_reference(fault: SQLAlchemyError) -> bool:
    """Return whether a change was against a rule of the tables; pg8000 has no class for that."""
    told = getattr(getattr(fault, "orig", None), "args", ())
    state = told[0].get("C", "") if told and isinstance(told[0], dict) else ""
    return isinstance(fault, IntegrityError) or state.startswith("23")


def _reason(fault: Exception) -> str:
    told = getattr(fault, "orig", None) or fault
    words = told.args[0].get("M") if told.args and isinstance(told.args[0], dict) else told
    return " ".join(str(words).split())[:300]


class Catalog:
    """Rows by noun. Any thread may use it. Whatever fails is CatalogError and changes nothing."""

    def __init__(self, engine: Engine, shown: str) -> None:
        self._engine = engine
        self.shown = shown

    def close(self) -> None:
        """Let go of the connections."""
        self._engine.dispose()

    @contextmanager
    def changing(self) -> Iterator[Connection]:
        """Give one transaction; whatever fails in it is CatalogError and changes nothing."""
        try:
            with self._engine.begin() as connection:
                yield connection
        except SQLAlchemyError as fault:
            if _breaks_a_reference(fault):
                raise CatalogError(
                    "what it refers to is not in the catalog, or something still refers to it:"
                    f" {_reason(fault)}"
                ) from fault
            raise CatalogError(f"the catalog {self.shown}: {_reason(fault)}") from fault

    def rows(self, noun: str) -> list[dict[str, Any]]:
        """Return every row of a noun, by its key."""
        about = NOUNS[noun]
        order = [about.table.c[key.name] for key in about.keys]
        with self.changing() as connection:
            found = connection.execute(select(about.table).order_by(*order)).mappings()
            return [dict(row) for row in found]

    def put(self, noun: str, rows: Iterable[Mapping[str, Value]]) -> Changed:
        """Add rows, or change those that are there; all of them or none.

        A row holds its key and the columns to set; a new one takes defaults for the rest.
        """
        with self.changing() as connection:
            return self._put(connection, NOUNS[noun], rows)

    def begin(self, rows: Mapping[str, Sequence[Mapping[str, Value]]]) -> bool:
        """Do as `put_all` in a catalog without tenants; False: it has some, and stays as it is."""
        with self.changing() as connection:
            if connection.execute(select(TENANTS.c.id).limit(1)).first() is not None:
                return False
            for name, noun in NOUNS.items():
                self._put(connection, noun, rows.get(name, ()))
            return True

    def put_all(self, rows: Mapping[str, Sequence[Mapping[str, Value]]]) -> dict[str, Changed]:
        """Do as `put` for several nouns at once, all or nothing, in the order that they need."""
        with self.changing() as connection:
            return {
                name: self._put(connection, noun, rows[name])
                for name, noun in NOUNS.items()
                if name in rows
            }

    def _put(
        self, connection: Connection, noun: Noun, rows: Iterable[Mapping[str, Value]]
    ) -> Changed:
        names = [key.name for key in noun.keys]
        found = connection.execute(select(noun.table)).mappings()
        there = {tuple(row[name] for name in names): dict(row) for row in found}
        done = Changed()
        fresh, made = list[dict[str, Value]](), set[int]()
        for row in rows:
            key = tuple(row[name] for name in names)
            known = there.get(key)
            if known is None:
                whole = {field.name: field.default for field in noun.others} | dict(row)
                _complete(noun, whole)
                there[key] = whole
                fresh.append(whole)
                made.add(id(whole))
                done = done.plus(Changed(added=1))
                continue
            news = {name: value for name, value in row.items() if known[name] != value}
            if not news:
                done = done.plus(Changed(same=1))
                continue
            known.update(news)
            if id(known) not in made:
                where = [noun.table.c[name] == row[name] for name in names]
                connection.execute(update(noun.table).where(*where).values(**news))
            done = done.plus(Changed(changed=1))
        for at in range(0, len(fresh), _AT_ONCE):
            connection.execute(insert(noun.table), fresh[at : at + _AT_ONCE])
        return done

    def remove(self, noun: str, key: Mapping[str, Value]) -> bool:
        """Remove a row; False: there is none. CatalogError while something refers to it."""
        table = NOUNS[noun].table
        with self.changing() as connection:
            where = [table.c[name] == value for name, value in key.items()]
            return connection.execute(table.delete().where(*where)).rowcount > 0

    def meet(self, devices: Iterable[str]) -> int:
        """Know devices from now on, and return how many were new; others stay as they are."""
        with self.changing() as connection:
            known = set(connection.execute(select(DEVICES.c.id)).scalars())
            nothing = {"name": "", "site": None, "tenant": None, "feeder": None, "note": ""}
            fresh = [{"id": one, **nothing} for one in dict.fromkeys(devices) if one not in known]
            for at in range(0, len(fresh), _AT_ONCE):
                connection.execute(insert(DEVICES), fresh[at : at + _AT_ONCE])
            return len(fresh)

    def exchange(
        self,
        key: tuple[str, str, str],
        at_ns: int,
        *,
        serial: str,
        last: float | None,
        first: float | None,
    ) -> Row:
        """Record that the meter of a series was exchanged for another, and return the new one.

        key    device, quantity, channel · last, first  what the old and the new one showed
        Raises CatalogError when no meter is there that was installed before.
        """
        device, quantity, channel = key
        place = (
            METERS.c.device == device,
            METERS.c.quantity == quantity,
            METERS.c.channel == channel,
        )
        with self.changing() as connection:
            order = METERS.c.installed.desc()
            found = connection.execute(select(METERS).where(*place).order_by(order)).mappings()
            old = found.first()
            if old is None:
                raise CatalogError(
                    f"no meter of {quantity} {channel}".rstrip() + f" is known at {device}: set it"
                    " first (`emscher catalog set meters …`)"
                )
            if old["installed"] >= at_ns or (old["removed"] or at_ns) > at_ns:
                raise CatalogError(
                    "an exchange must be later than the one before; the last meter there was"
                    f" installed or removed later ({old['serial'] or 'without a serial number'})"
                )
            connection.execute(
                update(METERS)
                .where(*place, METERS.c.installed == old["installed"])
                .values(removed=at_ns, last_register=last)
            )
            fresh = dict(old) | {
                "installed": at_ns, "removed": None, "serial": serial,
                "first_register": first, "last_register": None,
            }  # fmt: skip
            connection.execute(insert(METERS), [fresh])
            return fresh

    def facts(self, device: str, quantity: str, channel: str) -> RegisterFacts:
        """Return what people know of the meters of a register, and what they decided of it."""
        of = {"device": device, "quantity": quantity, "channel": channel}
        with self.changing() as connection:
            meters = connection.execute(
                select(METERS).filter_by(**of).order_by(METERS.c.installed)
            ).mappings()
            answers = connection.execute(
                select(ANSWERS).filter_by(**of).order_by(ANSWERS.c.said)
            ).mappings()
            return RegisterFacts(
                tuple(
                    Meter(
                        *(row["installed"], row["removed"], row["serial"], row["multiplier"]),
                        *(row["first_register"], row["last_register"]),
                        *(row["power_max"], row["width"]),
                    )
                    for row in meters
                ),
                tuple(
                    Answer(row["at"], row["counts"], row["author"], row["said"], row["note"])
                    for row in answers
                ),
            )

    def feeders(self) -> dict[str, list[str]]:
        """Return the devices behind each station, by the station's id."""
        with self.changing() as connection:
            rows = connection.execute(
                select(DEVICES.c.feeder, DEVICES.c.id)
                .where(DEVICES.c.feeder.is_not(None))
                .order_by(DEVICES.c.id)
            )
            found: dict[str, list[str]] = {}
            for feeder, device in rows:
                found.setdefault(feeder, []).append(device)
            return found

    def sites(self) -> list[Site]:
        """Return every site, by id."""
        with self.changing() as connection:
            rows = connection.execute(select(SITES).order_by(SITES.c.id)).mappings()
            return [Site(**{one.name: row[one.name] for one in fields(Site)}) for row in rows]

    def placed(self) -> dict[str, Placed]:
        """Return where each device is that has a tenant or a site."""
        sites = {site.id: site for site in self.sites()}
        with self.changing() as connection:
            found = connection.execute(select(DEVICES.c.id, DEVICES.c.tenant, DEVICES.c.site))
            return {
                device: Placed(sites[at].tenant, sites[at]) if at in sites else Placed(own)
                for device, own, at in found
                if own or at
            }


def _complete(noun: Noun, row: Mapping[str, Value]) -> None:
    """Raise CatalogError where a new row lacks what it can't be without."""
    missing = [
        field.name
        for field in noun.others
        if row[field.name] in ("", None) and not noun.table.c[field.name].nullable
        and field.name in ("tenant", "name") and noun.name in ("tenants", "sites")
    ]  # fmt: skip
    if missing:
        key = " ".join(str(row[one.name]) for one in noun.keys)
        raise CatalogError(f"{noun.name} {key}: expected {' and '.join(missing)}, found none")
