"""Schemathesis asks what the description of the API allows, and what it forbids, and looks at every
answer: is its status, its type and its body one that the description names?
"""

from types import SimpleNamespace

import pytest
import schemathesis
from api_town import METER, SCHOOL, Town, fill
from catalog_town import catalogued
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from api.app import create_app

ASKED = [
    (method.upper(), path)
    for path, methods in create_app(SimpleNamespace(version="0")).openapi()["paths"].items()
    for method in methods
    if path != "/v1/live"  # it does not end; tests of its own ask it
]


@pytest.fixture(scope="module")
def described(tmp_path_factory):
    """Return the description of a filled town that is read from the town itself."""
    folder = tmp_path_factory.mktemp("schema")
    town = fill(Town(folder))
    with catalogued(town, folder, {METER: "hall", SCHOOL: "school"}):
        yield schemathesis.openapi.from_asgi("/openapi.json", town.app)


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize(("method", "path"), ASKED)
def test_every_answer_is_as_described(described, method, path, mode):
    @given(case=described[path][method].as_strategy(generation_mode=mode))
    @settings(
        max_examples=15,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def ask(case):
        # What a time, a zone or a cursor is no JSON Schema can say: those are refused with a word.
        case.call_and_validate(excluded_checks=[positive_data_acceptance])

    try:
        ask()
    except Unsatisfiable:
        assert mode is GenerationMode.NEGATIVE  # there is nothing that could be wrong
