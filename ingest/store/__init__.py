"""The store: the port (store/port.py) and the adapters behind it.

To add one: write an adapter module here that keeps the port's contract, name it in `open_store`,
and add it to the list in tests/contract.
"""

from collections.abc import Iterator
from pathlib import Path

from ingest.store.port import (
    Commit,
    Counts,
    Outcome,
    Quarantined,
    Receipt,
    Refusal,
    SeriesSpan,
    Sink,
    Source,
    Store,
)
from ingest.store.server import Server

__all__ = [
    "Commit",
    "Counts",
    "Outcome",
    "Quarantined",
    "Receipt",
    "Refusal",
    "SeriesSpan",
    "Server",
    "Sink",
    "Source",
    "Store",
    "checked_server",
    "open_store",
]


def checked_server(server: Server) -> Iterator[tuple[bool, str]]:
    """Look whether readings can be written to InfluxDB and asked for; yield what was found."""
    from ingest.store.influx_setup import checks  # noqa: PLC0415

    return checks(server)


def open_store(kind: str, data: Path, server: Server | None = None) -> Store:
    """Open a store in the data folder, making it when it is new.

    kind    "embedded", or "influx": readings in InfluxDB (`server`), the books in the folder
    Raises StoreUnavailable when it can't be opened, saying what is in the way.
    """
    # The imports wait until here: an adapter's library is loaded only where it is used.
    if kind == "influx" and server is not None:
        from ingest.store.influx import InfluxStore  # noqa: PLC0415

        return InfluxStore(data / "emscher-books.duckdb", server)
    if kind != "embedded":
        raise ValueError(f'store: expected "embedded", or "influx" with a server, found "{kind}"')
    from ingest.store.embedded import EmbeddedStore  # noqa: PLC0415

    return EmbeddedStore(data / "emscher.duckdb")
