"""A running Emscher for each test that wants one."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from running_emscher import Emscher, started


@pytest.fixture
def emscher(tmp_path: Path) -> Iterator[Emscher]:
    """Emscher with its embedded broker over an empty data folder."""
    yield from started(Emscher(tmp_path / "data"))
