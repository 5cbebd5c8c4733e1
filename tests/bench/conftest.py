"""Benchmarks run small by default; `--full-size` makes them a city's."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that every benchmark may ask for."""
    parser.addoption("--full-size", action="store_true", help="benchmark at a city's size")


@pytest.fixture(scope="session")
def full_size(request: pytest.FixtureRequest) -> bool:
    """Whether to run at a city's size."""
    return bool(request.config.getoption("--full-size"))
