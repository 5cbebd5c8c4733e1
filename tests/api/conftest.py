import contextlib

import pytest
from api_town import Town, fill


@pytest.fixture(scope="session")
def known(tmp_path_factory):
    """Return a filled town that no test changes."""
    town = fill(Town(tmp_path_factory.mktemp("town")))
    with contextlib.closing(town.store):
        yield town


@pytest.fixture(scope="session")
def client(known):
    """Return a client of the filled town."""
    return known.client()


@pytest.fixture
def town(tmp_path):
    """Return an empty town for one test."""
    town = Town(tmp_path)
    with contextlib.closing(town.store):
        yield town
