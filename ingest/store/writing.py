"""Statements that the embedded store writes with, for whatever is not a reading."""

import json
from dataclasses import replace
from typing import Any

import duckdb

from ingest.derived import Derived
from ingest.device import Device
from ingest.memory import Fact
from ingest.store.schema import text


def put(con: duckdb.DuckDBPyConnection, table: str, rows: list[tuple[Any, ...]]) -> None:
    """Insert rows in one statement: one for each row would take a hundred times as long."""
    if rows:
        columns = ", ".join("unnest(?)" for _ in rows[0])
        con.execute(
            f"INSERT INTO {table} SELECT {columns}",
            [list(column) for column in zip(*rows, strict=True)],
        )


WINDOW = ("series", "width_ns", "start_ns", "count", "min", "max", "mean", "last", "revision")
_FACTS = WINDOW[:-1]


def put_windows(con: duckdb.DuckDBPyConnection, derived: Derived) -> None:
    """Write windows in place of those that were made again; what has changed is a revision more."""
    series, start_ns, end_ns = derived.redone
    was = {}
    if len(series):
        con.register("redone", {"series": series, "from_ns": start_ns, "to_ns": end_ns})
        bounds = [int(start_ns.min()), int(end_ns.max())]
        there = (
            "windows.series = redone.series AND start_ns >= from_ns AND start_ns < to_ns"
            " AND start_ns BETWEEN ? AND ?"
        )
        was = con.execute(
            f"SELECT {', '.join(f'windows.{name}' for name in WINDOW)} FROM windows"
            f" SEMI JOIN redone ON {there}",
            bounds,
        ).fetchnumpy()
        if len(was["series"]):
            con.execute(f"DELETE FROM windows USING redone WHERE {there}", bounds)
        con.unregister("redone")
    if not len(derived.windows):
        return
    con.register("fresh", {name: getattr(derived.windows, name) for name in _FACTS})
    if was and len(was["series"]):
        con.register("was", was)
        changed = " OR ".join(f"was.{name} != fresh.{name}" for name in _FACTS[3:])
        same = " AND ".join(f"was.{name} = fresh.{name}" for name in _FACTS[:3])
        con.execute(
            f"INSERT INTO windows SELECT fresh.*, coalesce(was.revision + ({changed})::INTEGER, 0)"
            f" FROM fresh LEFT JOIN was ON {same}"
        )
        con.unregister("was")
    else:
        con.execute("INSERT INTO windows SELECT *, 0 FROM fresh")
    con.unregister("fresh")


def put_devices(con: duckdb.DuckDBPyConnection, devices: list[Device]) -> None:
    """Write devices over those of the same id."""
    told = {one.id: one for one in map(legible, devices)}
    if told:
        con.execute("DELETE FROM devices WHERE id IN (SELECT unnest(?))", [list(told)])
        rows = [
            (
                d.id,
                d.name,
                d.model,
                d.format,
                d.source,
                d.first_ns,
                d.last_ns,
                json.dumps(state),
            )
            for d in told.values()
            for state in [dict(d.state)]
        ]
        put(con, "devices", rows)


def put_facts(con: duckdb.DuckDBPyConnection, facts: list[Fact], number: int) -> None:
    """Write what was announced over what is there; a value of None is forgotten."""
    newest = {(text(one.format), text(one.name)): one.value for one in facts}
    if newest:
        formats, names = zip(*newest, strict=True)
        con.execute(
            "DELETE FROM facts WHERE (format, name) IN (SELECT unnest(?), unnest(?))",
            [list(formats), list(names)],
        )
        rows = [
            (*place, json.dumps(value), number)
            for place, value in newest.items()
            if value is not None
        ]
        put(con, "facts", rows)


def legible(device: Device) -> Device:
    """Return the device as it will be read back."""
    return replace(
        device,
        id=text(device.id),
        name=text(device.name),
        model=text(device.model),
        format=text(device.format),
        source=text(device.source),
    )
