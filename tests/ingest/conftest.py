"""What tests of the ingest room share."""

import pytest
from script_bench import Bench


@pytest.fixture(scope="module")
def bench():
    """A host of JavaScript codecs to which a test adds scripts as it goes."""
    bench = Bench()
    yield bench
    bench.host.close()
