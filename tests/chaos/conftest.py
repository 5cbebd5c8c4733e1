"""How long, and which: `python -m pytest tests/chaos --chaos-minutes 30 --chaos-seed 7`."""

import sys
from pathlib import Path

import pytest

for folder in ("contract", "e2e", "gateway"):
    sys.path.insert(0, str(Path(__file__).parents[1] / folder))

CI_SECONDS = 12.0


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what the harness may be asked for."""
    group = parser.getgroup("chaos")
    group.addoption("--chaos-minutes", type=float, help="how long each world is disturbed")
    group.addoption("--chaos-seed", type=int, help="one plan of faults instead of those of CI")


@pytest.fixture(scope="session")
def seconds(request: pytest.FixtureRequest) -> float:
    """For how long messages come and faults happen."""
    # Without this folder on the command line pytest does not know the options.
    minutes = request.config.getoption("--chaos-minutes", default=None)
    return CI_SECONDS if minutes is None else 60.0 * minutes


@pytest.fixture(scope="session")
def asked_seed(request: pytest.FixtureRequest) -> int | None:
    """The seed that was asked for, if one was."""
    return request.config.getoption("--chaos-seed", default=None)
