"""What tests of the ingest room share."""

import pytest
from catalogs import end_all
from script_bench import Bench


def pytest_sessionfinish() -> None:
    """End the database that tests have asked for."""
    end_all()


@pytest.fixture(scope="module")
def bench():
    """A host of JavaScript codecs to which a test adds scripts as it goes."""
    bench = Bench()
    yield bench
    bench.host.close()
