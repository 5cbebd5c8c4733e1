"""The adapters that the contract suite runs over, and short ways to speak to a store."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from influx_servers import influx

from ingest.device import Device
from ingest.reading import Envelope, Quality, Rows, Series
from ingest.store import Commit, Refusal, Server, Store
from ingest.store.embedded import EmbeddedStore
from ingest.store.influx import InfluxStore

ALWAYS = (-(2**63), 2**63 - 1)


class Adapter(NamedTuple):
    """A way to open a store in a folder, with bounds on what it remembers."""

    name: str
    open: Callable[..., Store]


def _embedded(folder: Path, **bounds: int) -> Store:
    return EmbeddedStore(folder / "emscher.duckdb", **bounds)


def _influx(folder: Path, **bounds: int) -> Store:
    """The folder remembers which database is its own, so that another process finds it."""
    told = folder / "influx.json"
    if not told.exists():
        told.write_text(json.dumps(influx().database()._asdict()))
    server = Server(**json.loads(told.read_text()))
    return InfluxStore(folder / "emscher-books.duckdb", server, **bounds)


ADAPTERS = [Adapter("embedded", _embedded), Adapter("influx", _influx)]


class Row(NamedTuple):
    """One reading of a commit; `message` says which message brought it."""

    series: int
    time_ns: int
    value: float
    received_ns: int = 100
    quality: int = Quality.MEASURED
    message: int = 0


def commit(
    rows: Sequence[Row] = (),
    *,
    messages: int | None = None,
    repeats: int = 0,
    refusals: Sequence[Refusal] = (),
    devices: Sequence[Device] = (),
    keys: Sequence[bytes] = (),
) -> Commit:
    """Return a commit of these rows; as many messages as the rows name, unless told."""
    columns = [[row[k] for row in rows] for k in range(5)]
    message = np.array([row.message for row in rows], dtype=np.int32)
    if messages is None:
        messages = int(message.max(initial=-1)) + 1
    return Commit(
        Rows.of(columns[0], columns[1], columns[2], columns[3], columns[4]),
        message, messages, repeats, list(refusals), list(devices), list(keys),
    )  # fmt: skip


def refusal(payload: bytes, topic: str = "a/b", received_ns: int = 7) -> Refusal:
    """Return a refused message."""
    return Refusal(Envelope("test", topic, payload, received_ns), "JSON", "an object", "nonsense")


def named(store: Store, *names: str) -> list[int]:
    """Return the numbers of temperature series of these devices."""
    return [store.number(Series(name, "temperature")) for name in names]


def lying(rows: Rows) -> list[tuple[int, int, float, int, int]]:
    """Return rows as tuples, in their order: series, time, value, receipt, quality."""
    return list(
        zip(
            rows.series.tolist(),
            rows.time_ns.tolist(),
            rows.value.tolist(),
            rows.received_ns.tolist(),
            rows.quality.tolist(),
            strict=True,
        )
    )


def everything(store: Store) -> list[tuple[int, int, float, int, int]]:
    """Return all readings of a store."""
    return lying(store.scan(None, *ALWAYS))
