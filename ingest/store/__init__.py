"""The store: the port (store/port.py) and the adapters behind it.

To add one: write an adapter module here that keeps the port's contract, name it in `open_store`,
and add it to the list in tests/contract.
"""

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

__all__ = [
    "Commit",
    "Counts",
    "Outcome",
    "Quarantined",
    "Receipt",
    "Refusal",
    "SeriesSpan",
    "Sink",
    "Source",
    "Store",
    "open_store",
]


def open_store(kind: str, data: Path) -> Store:
    """Open the store of that kind ("embedded") in the data folder, making it when it is new.

    Raises StoreUnavailable when it can't be opened, saying what is in the way.
    """
    if kind != "embedded":
        raise ValueError(f'store: expected "embedded", found "{kind}"')
    # The import waits until here: an adapter's library is loaded only where it is used.
    from ingest.store.embedded import EmbeddedStore  # noqa: PLC0415

    return EmbeddedStore(data / "emscher.duckdb")
