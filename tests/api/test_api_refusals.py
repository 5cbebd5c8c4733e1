"""Whatever is asked: an answer, or a problem document that says what was expected and found."""

import json

import pytest
from api_town import METER, SCHOOL, Town, fill, problem_of
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from ingest.errors import StoreUnavailable

PATHS = ["health", "counters", "devices", "series", "latest", "readings", "windows", "energy",
         "energy/heatmap", "energy/explain", "energy/cost", "energy/degree-days", "tariffs",
         "anomalies", "messages", "meters", "quality",
         "quarantine"]  # fmt: skip


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("/v1/readings", "device: expected a value, found none"),
        ("/v1/windows", "device: expected a value, found none"),
        ("/v1/energy", "device: expected a value, found none"),
        ("/v1/energy/explain", "device: expected a value, found none"),
        ("/v1/messages", "device: expected a value, found none"),
        ("/v1/messages?device=x&limit=101", "limit: expected less than or equal to 100"),
        ("/v1/messages?device=x&cursor=1", "cursor: expected the `next` of a page before"),
        ("/v1/meters", "device: expected a value, found none"),
        ("/v1/latest?limit=0", 'limit: expected greater than or equal to 1, found "0"'),
        ("/v1/latest?limit=10001", 'limit: expected less than or equal to 10000, found "10001"'),
        ("/v1/latest?limit=many", 'limit: expected a valid integer, found "many"'),
        ("/v1/anomalies?open=perhaps", 'open: expected a valid boolean, found "perhaps"'),
        ("/v1/quarantine/0", 'number: expected greater than or equal to 1, found "0"'),
        ("/v1/windows?device=x&every=1w", "every: expected a width such as 1m, 15m or 1h"),
        ("/v1/windows?device=x&every=24h", "every: expected a width such as 1m, 15m or 1h"),
        ("/v1/windows?device=x&every=0m", "every: expected a width such as 1m, 15m or 1h"),
        ("/v1/readings?device=x&tz=Mars", "tz: expected a zone such as Europe/Berlin"),
        ("/v1/readings?device=x&start=1600-01-01", "start: expected a year from 1678 to 2261"),
        ("/v1/energy?device=x&strat=2026-01-01", "parameter: expected one of against, by, channel"),
        ("/v1/health?verbose=1", 'parameter: expected no parameter at all, found "verbose"'),
        ("/v1/energy/heatmap?show=heat", "show: expected 'power' or 'energy'"),
        ("/v1/energy/heatmap?start=2020-01-01", "start, end: expected a span of 1 to 400 days"),
        ("/v1/latest?device=a&device=b", "device: expected one value"),
    ],
)
def test_a_bad_parameter_is_refused_with_what_was_expected_and_found(client, url, said):
    detail = problem_of(client.get(url), 422)
    assert detail.startswith(said)
    assert "found" in detail


def test_several_faults_are_told_at_once(client):
    answer = client.get("/v1/windows?limit=x&cursor=")
    assert problem_of(answer, 422).count("expected") == 2
    assert [e["parameter"] for e in answer.json()["errors"]] == ["device", "limit"]


def test_what_is_not_there_is_a_404_that_says_where_to_look(client):
    assert problem_of(client.get("/v2/readings"), 404).endswith("/docs lists what can be asked")
    assert "/v1/quarantine lists them" in problem_of(client.get("/v1/quarantine/77"), 404)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "DELETE"])
def test_a_method_that_is_not_offered_is_a_problem(client, method, path):
    answer = client.request(method, f"/v1/{path}")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET"
    assert answer.headers["content-type"] == "application/problem+json"
    if method != "HEAD":
        assert problem_of(answer, 405) == f"method: expected GET, found {method}"


def test_a_store_that_can_not_answer_now_is_a_503_with_a_time_to_come_back(town, monkeypatch):
    def unavailable(*args, **more):
        raise StoreUnavailable("the disk is gone")

    monkeypatch.setattr(town.store, "scan", unavailable)
    town.tell("d", "co2", [0], [1.0])
    answer = town.client().get("/v1/readings?device=d")
    assert problem_of(answer, 503) == "the disk is gone; try again soon"
    assert answer.headers["retry-after"] == "2"


def test_our_own_fault_is_a_problem_without_its_secrets_and_with_the_headers(town, monkeypatch):
    def broken():
        raise RuntimeError("secret")

    monkeypatch.setattr(town.store, "counts", broken)
    with capture_logs() as log:
        answer = town.client().get("/v1/counters")
    assert [(entry["path"], str(entry["exc_info"])) for entry in log] == [
        ("/v1/counters", "secret")
    ]
    assert problem_of(answer, 500) == "Emscher failed to answer; its log says why"
    assert "secret" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.fixture(scope="module")
def described(tmp_path_factory):
    """Return (method, path, parameters) of every documented route but the endless one."""
    town = fill(Town(tmp_path_factory.mktemp("fuzz")))
    document = town.client().get("/openapi.json").json()
    yield (
        town.client(),
        [
            (method, path, operation.get("parameters", []))
            for path, item in document["paths"].items()
            for method, operation in item.items()
            if path not in ("/v1/live", "/v1/audit")  # endless, and in need of a catalog
        ],
    )
    town.store.close()


WORTHY = st.sampled_from(
    [METER, SCHOOL, "temperature", "active_energy_import", "", "1", "0", "-1", "10000", "true",
     "2026-03-28", "2026-03-29T02:30:00", "2261-12-31T23:59:59.999999999Z", "1678-01-01", "hour",
     "year", "1s", "1d", "1mo", "1y", "23h", "999999s", "Europe/Berlin", "+14:00",
     "America/Sao_Paulo", "WzBd", "WzAsMF0", "9" * 30, "NaN", "\x00",
     "\ud800".encode("utf-8", "surrogatepass").hex()]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_no_query_at_all_is_a_fault_of_the_server(described, data):
    client, routes = described
    method, path, parameters = data.draw(st.sampled_from(routes))
    value = st.one_of(WORTHY, WORTHY, st.text(max_size=20))
    query = {
        one["name"]: data.draw(value)
        for one in parameters
        if one["in"] == "query" and data.draw(st.integers(0, 2))
    }
    if query.get("device") not in (None, SCHOOL) and data.draw(st.booleans()):
        query["device"] = METER  # most questions shall reach the store
    path = path.replace("{id}", data.draw(st.sampled_from(["id1", "open", "x", "%00"])))
    path = path.replace("{number}", data.draw(st.sampled_from(["1", "0", "x", "9" * 30])))
    answer = client.request(method, path, params=query)
    assert answer.status_code < 500, answer.text
    if answer.status_code != 200:
        problem_of(answer, answer.status_code)
    elif path != "/metrics":
        json.loads(answer.content, parse_constant=pytest.fail)
