"""The console's files, /docs, /openapi.json and /metrics, and the headers on all of them."""

import gzip
import re
import socket
from pathlib import Path
from types import SimpleNamespace

import pytest
from api_town import NOON_NS, problem_of, served
from prometheus_client.parser import text_string_to_metric_families

import api.console
from api.server import listening_on

FOLDER = Path(api.console.__file__).with_name("console")
TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
}


@pytest.mark.parametrize("name", [path.name for path in sorted(FOLDER.iterdir())])
def test_every_file_of_the_console_is_served_as_what_it_is(client, name):
    answer = client.get(f"/console/{name}", headers={"accept-encoding": "identity"})
    assert answer.content == (FOLDER / name).read_bytes()
    assert answer.headers["content-type"] == TYPES[Path(name).suffix]
    assert "content-encoding" not in answer.headers


@pytest.mark.parametrize("path", ["/", "/docs", "/console/main.js", "/console/plotly.min.js"])
def test_a_file_is_packed_for_those_who_take_it_and_sent_once(client, path):
    plain = client.get(path, headers={"accept-encoding": "identity"})
    packed = client.get(path, headers={"accept-encoding": "gzip, br"})
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.content == plain.content
    assert int(packed.headers["content-length"]) < len(plain.content) / 2
    again = client.get(path, headers={"if-none-match": f'"other", {plain.headers["etag"]}'})
    assert (again.status_code, again.content) == (304, b"")
    assert client.get(path, headers={"if-none-match": '"other"'}).status_code == 200


def test_a_file_that_has_changed_has_another_tag(tmp_path):
    path = tmp_path / "a.js"
    path.write_text("1")
    before = api.console._content(path, 1)
    path.write_text("22")
    assert api.console._content(path, 2) != before
    assert api.console._content(path, 2)[0] == b"22"


def test_a_page_is_small_before_its_charts(client):
    page = client.get("/").text
    names = re.findall(r'(?:href|src)="(console/[^"]+)"', page)
    assert names
    assert not re.search(r"<script(?![^>]*src=)", page)
    modules = sum(len(gzip.compress(path.read_bytes())) for path in FOLDER.iterdir())
    assert modules < 150_000


@pytest.mark.parametrize(
    "name",
    ["..", ".", "%2e%2e", "..%2fapp.py", "..%2f..%2fpyproject.toml", "%2fetc%2fpasswd", "x" * 400,
     "%00", "main.js%00", "%ff", "nothing.js", "..%5capp.py"],
)  # fmt: skip
def test_nothing_but_the_console_lies_in_its_folder(client, name):
    answer = client.get(f"/console/{name}")
    if answer.url.path.startswith("/console"):
        problem_of(answer, 404)


def test_a_path_that_climbs_is_refused_by_the_real_server(known):
    import http.client

    with served(known) as url:
        connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)
        for path in ("/console/../app.py", "/console/..%2fapp.py", "/../emscher.py"):
            connection.request("GET", path)  # sent as it stands
            answer = connection.getresponse()
            assert answer.status == 404
            assert b"import" not in answer.read()
        connection.close()


@pytest.mark.parametrize(
    "path",
    ["/", "/docs", "/openapi.json", "/metrics", "/v1/latest", "/v1/readings", "/nothing",
     "/console/main.js"],
)  # fmt: skip
def test_every_answer_carries_the_security_headers(client, path):
    headers = client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    policy = headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "script-src" not in policy  # so that scripts come from here only, and none inline
    assert "frame-ancestors 'none'" in policy


def test_a_stream_carries_them_too(town):
    import httpx

    with served(town) as url, httpx.stream("GET", f"{url}/v1/live", timeout=10) as answer:
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "content-security-policy" in answer.headers


def test_metrics_are_what_prometheus_reads(known, client):
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    families = {one.name: one for one in text_string_to_metric_families(answer.text)}
    values = {
        (sample.name, *sample.labels.values()): sample.value
        for family in families.values()
        for sample in family.samples
    }
    counts = known.store.counts()
    assert values["emscher_received_total",] == counts.received
    assert values["emscher_messages_total", "quarantined"] == counts.quarantined
    assert values["emscher_readings_total",] == counts.readings
    assert values["emscher_store_ok",] == 1
    assert families["emscher_messages"].type == "counter"
    assert all(family.documentation for family in families.values())


def test_an_answer_is_not_held_back_by_the_network(town):
    """What is accepted sends at once: head and body are two writes."""
    with (
        listening_on("x", "127.0.0.1", 0) as listening,
        socket.create_connection(listening.getsockname()),
        listening.accept()[0] as accepted,
    ):
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_metrics_follow_health(town):
    town.sources = [
        SimpleNamespace(name='b"\n', url="mqtt://b", connected=False, since_ns=NOON_NS, messages=0,
                        error="refused", bytes=0, last_ns=None, connections=0, at_most_once=())
    ]  # fmt: skip
    town.fault = "full"
    town.live.still = {"a", "b"}
    text = town.client().get("/metrics").text
    values = {
        sample.name: (sample.value, sample.labels)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert values["emscher_source_connected"] == (0, {"source": 'b"\n'})
    assert values["emscher_store_ok"][0] == 0
    assert values["emscher_silent_devices"][0] == 2


def test_the_document_describes_every_route_with_examples_and_problems(client):
    document = client.get("/openapi.json").json()
    schemas = document["components"]["schemas"]
    paths = set(document["paths"])
    named = {"health", "counters", "devices", "series", "readings", "latest", "windows", "energy"}
    named |= {"anomalies", "quarantine", "live"}
    assert {f"/v1/{name}" for name in named} | {"/metrics"} <= paths
    # GET asks, POST changes something.
    routes = [(path, route) for path, item in document["paths"].items() for route in item.values()]
    for path, route in routes:
        assert route["description"], path
        for status in ("422", "default"):
            content = route["responses"][status]["content"]["application/problem+json"]
            assert {"type", "title", "status"} <= set(content["schema"]["properties"]), path
        (kind, content), *tables = route["responses"]["200"]["content"].items()
        asked = {one["name"] for one in route.get("parameters", ())}
        assert len(tables) == (3 if "format" in asked else 0), path
        schema = content["schema"]
        schema = schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
        example = content.get("example") or schema["examples"][0]
        if kind == "application/json":
            assert list(example) == list(schema["properties"]), path
        for one in route.get("parameters", []):
            assert one["description"], (path, one["name"])
            whole = one["schema"].get("examples") or one["schema"]["anyOf"][0].get("examples")
            assert whole or one["name"] == "cursor", (path, one["name"])


def test_examples_show_the_nulls_of_the_answers(client):
    schemas = client.get("/openapi.json").json()["components"]["schemas"]
    assert schemas["ReadingOut"]["examples"][0]["channel"] is None
    assert schemas["Page_ReadingOut_"]["examples"][0]["items"][0]["channel"] is None


def test_the_examples_of_readings_have_the_keys_of_real_answers(client):
    schemas = client.get("/openapi.json").json()["components"]["schemas"]
    names = {"latest": "LatestOut", "anomalies": "AnomalyOut", "series": "SeriesOut"}
    names |= {"quarantine": "QuarantineOut", "devices": "DeviceOut"}
    for path, name in names.items():
        item = client.get(f"/v1/{path}").json()["items"][0]
        assert list(schemas[name]["examples"][0]) == list(item)


def test_the_page_of_the_api_fetches_nothing_from_elsewhere(client):
    text = client.get("/docs").text + client.get("/console/docs.js").text
    assert not re.search(r"(?:src|href|fetch\()=?[\"']?https?://", text)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*words.js")), ids=lambda path: path.name)
def test_no_word_of_the_console_is_told_twice(path):
    """The second of two words under one key would stand where the first is meant."""
    languages = re.split(r"\b(?:en|de)(?:: | = )\{\n", path.read_text(encoding="utf-8"))[1:]
    assert len(languages) == 2
    for words in languages:
        keys = re.findall(r'^ +"?([\w.]+)"?:', words, re.MULTILINE)
        assert len(keys) > 3
        assert sorted(keys) == sorted(set(keys))
