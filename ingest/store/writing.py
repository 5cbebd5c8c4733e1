"""Statements that the embedded store writes with, for whatever is not a reading."""

import json
from dataclasses import replace
from typing import Any

import duckdb

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
