"""People work on anomalies: what they say stays, in order, and decides how one is handled."""

import json
from dataclasses import replace

import pytest
from api_town import HOUR_NS, METER, NOON_NS, anomaly, every, problem_of, served, until
from catalog_town import catalogued
from starlette.testclient import TestClient
from test_api_feed import Reader

from api.app import create_app
from ingest.errors import StoreUnavailable


@pytest.fixture
def worked(town, tmp_path):
    """Return a town with a catalog and nine anomalies, three of them at each hour."""
    town.anomalies(
        *(anomaly(f"id{k}", NOON_NS + k // 3 * HOUR_NS, NOON_NS + 9 * HOUR_NS) for k in range(8)),
        anomaly("open", NOON_NS, None, kind="silence", quantity="", value=None, device=METER),
    )
    with catalogued(town, tmp_path, {METER: "school"}):
        yield town


def say(client, id, kind, note="", **more):
    return client.post(f"/v1/anomalies/{id}/remarks", json={"kind": kind, "note": note, **more})


def test_a_new_anomaly_has_no_remarks_and_keeps_its_own_facts(worked):
    client = worked.client()
    one = client.get("/v1/anomalies/open").json()
    (listed,) = client.get("/v1/anomalies?kind=silence").json()["items"]
    assert one == listed | {"said": []}
    assert (listed["handling"], listed["remarks"], listed["end"]) == ("new", 0, None)


def test_each_step_is_kept_with_its_author_and_time_and_the_last_step_decides(worked):
    client = worked.client()
    steps = [
        ("comment", "odd", "new"),
        ("acknowledge", "", "acknowledged"),
        ("comment", "battery?", "acknowledged"),
        ("close", "battery changed", "closed"),
        ("comment", "watch it", "closed"),
        ("reopen", "again", "new"),
        ("acknowledge", "", "acknowledged"),
    ]
    for count, (kind, note, handling) in enumerate(steps, 1):
        body = say(client, "open", kind, f"  {note} ").json()
        assert (body["handling"], body["remarks"], body["end"]) == (handling, count, None)
        assert client.get("/v1/anomalies/open").json() == body
        (listed,) = client.get("/v1/anomalies?kind=silence").json()["items"]
        assert listed == {name: value for name, value in body.items() if name != "said"}
    assert [(one["kind"], one["note"]) for one in body["said"]] == [step[:2] for step in steps]
    assert {(one["author"], one["at"]) for one in body["said"]} == {
        ("somebody", "2026-03-01T12:00:00Z")
    }


@pytest.mark.parametrize(
    ("before", "kind", "words"),
    [
        ([], "reopen", "reopen: expected a closed anomaly, found new"),
        (["close"], "close", "close: expected an anomaly that is not closed yet, found closed"),
        (["close"], "acknowledge", "acknowledge: expected an anomaly that is not closed; reopen"),
        (["acknowledge"], "reopen", "reopen: expected a closed anomaly, found acknowledged"),
    ],
)
def test_a_step_that_does_not_fit_is_refused_and_nothing_is_added(worked, before, kind, words):
    client = worked.client()
    for step in before:
        say(client, "open", step)
    said = problem_of(say(client, "open", kind), 409)
    assert said.startswith(words)
    assert not before or f"(last: {before[-1]} by somebody, 2026-03-01T12:00:00Z)" in said
    assert client.get("/v1/anomalies/open").json()["remarks"] == len(before)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"kind": "shrug"}', "kind: expected 'acknowledge', 'comment', 'close' or 'reopen'"),
        (b'{"kind": "comment"}', "a note with the comment's words"),
        (b'{"kind": "comment", "note": "  "}', "a note with the comment's words"),
        (b'{"kind": "close", "who": "me"}', "who: expected "),
        (b'{"kind": "close", "note": "a\\u0000b"}', "note: expected"),
        (b'{"kind": "close", "note": "\\ud800"}', "expected"),
        (json.dumps({"kind": "close", "note": "x" * 2001}).encode(), "at most 2000"),
        (b'{"kind"', 'body: expected JSON, found "'),
        (b"", "body: expected a value, found none"),
        (b"[]", "expected"),
    ],
)
def test_a_bad_body_is_refused_with_a_sentence(worked, body, words):
    client = worked.client()
    headers = {"Content-Type": "application/json"}
    answer = client.post("/v1/anomalies/open/remarks", content=body, headers=headers)
    assert words in problem_of(answer, 422)
    assert client.get("/v1/anomalies/open").json()["said"] == []


def test_an_anomaly_that_is_not_there_is_a_404(worked):
    client = worked.client()
    for answer in (client.get("/v1/anomalies/none"), say(client, "none", "close")):
        assert problem_of(answer, 404) == "there is no anomaly none; /v1/anomalies lists them"


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_lists_by_handling_lose_nothing_and_keep_the_order_page_by_page(worked, limit):
    client = worked.client()
    for id, step in {"id1": "acknowledge", "id4": "close", "id6": "close", "id7": "close"}.items():
        assert say(client, id, step).status_code == 200
    say(client, "id2", "comment", "hm")
    whole = every(client, "/v1/anomalies", limit=limit)
    assert [one["id"] for one in whole] == [
        "id6", "id7", "id3", "id4", "id5", "id0", "id1", "id2", "open"
    ]  # fmt: skip
    for handling, ids in {
        "new": ["id3", "id5", "id0", "id2", "open"],
        "acknowledged": ["id1"],
        "closed": ["id6", "id7", "id4"],
    }.items():
        found = every(client, "/v1/anomalies", limit=limit, handling=handling)
        assert [one["id"] for one in found] == ids
        assert found == [one for one in whole if one["handling"] == handling]
    assert every(client, "/v1/anomalies", limit=limit, handling="closed", kind="silence") == []


def test_a_change_is_told_to_the_feed(worked):
    with served(worked) as url:
        reader = Reader(url, anomalies="true", snapshot="false")
        until(lambda: worked.feed.listeners)
        say(worked.client(), "open", "acknowledge")
        told = reader.reach("anomaly")
    assert (told["id"], told["handling"], told["remarks"]) == ("open", "acknowledged", 1)
    assert reader.ended.wait(20)


def test_without_the_catalog_lists_come_and_changes_wait(worked):
    class Away:
        def asked(self, ask):
            raise StoreUnavailable("the catalog can't be asked: no route")

    house = replace(worked.house, catalog=Away())
    client = TestClient(create_app(house), raise_server_exceptions=False)
    items = every(client, "/v1/anomalies")
    assert len(items) == 9
    assert {(one["handling"], one["remarks"]) for one in items} == {(None, None)}
    one = client.get("/v1/anomalies/open").json()
    assert (one["handling"], one["said"]) == (None, None)
    for answer in (say(client, "open", "close"), client.get("/v1/anomalies?handling=new")):
        assert problem_of(answer, 503).startswith("the catalog can't be asked")
