"""Every test here that asks for `opened` or `store` runs over every adapter."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from influx_servers import end_all
from store_adapters import ADAPTERS, Adapter

from ingest.store import Store


def pytest_sessionfinish() -> None:
    """End the servers that tests have asked for."""
    end_all()


@pytest.fixture(params=ADAPTERS, ids=lambda adapter: adapter.name)
def adapter(request: pytest.FixtureRequest) -> Adapter:
    """Return one of the adapters."""
    return request.param


@pytest.fixture
def opened(adapter: Adapter, tmp_path: Path) -> Iterator[Callable[..., Store]]:
    """Return a function that opens the test's store, again and again; all are closed at the end."""
    stores: list[Store] = []

    def open_it(**bounds: int) -> Store:
        stores.append(adapter.open(tmp_path, **bounds))
        return stores[-1]

    yield open_it
    for store in stores:
        with suppress(Exception):  # most are closed by their test
            store.close()


@pytest.fixture
def store(opened: Callable[..., Store]) -> Store:
    """Return a new store."""
    return opened()
