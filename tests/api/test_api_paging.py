"""Paging to the end gives the unpaged answer, whatever the page size and whatever comes late."""

import pytest
from api_town import HOUR_NS, METER, NOON_NS, SCHOOL, every, problem_of
from hypothesis import given, settings
from hypothesis import strategies as st

COLLECTIONS = [
    ("/v1/devices", {}),
    ("/v1/series", {}),
    ("/v1/series", {"device": SCHOOL}),
    ("/v1/latest", {}),
    ("/v1/latest", {"quantity": "active_energy_import"}),
    ("/v1/readings", {"device": SCHOOL}),
    ("/v1/readings", {"device": SCHOOL, "start": "2026-03-01T12:10:00Z", "channel": ""}),
    ("/v1/windows", {"device": SCHOOL, "every": "1h"}),
    ("/v1/windows", {"device": SCHOOL, "every": "7m", "start": "2026-03-01T12:10:00Z"}),
    ("/v1/windows", {"device": METER, "every": "1d"}),
    # Most of these minutes hold nothing.
    ("/v1/windows", {"device": METER, "every": "1m", "quantity": "active_power"}),
    ("/v1/anomalies", {}),
    ("/v1/anomalies", {"quantity": "temperature", "kind": "spike"}),
    ("/v1/quarantine", {}),
    ("/v1/energy", {"device": METER, "by": "hour"}),
    ("/v1/energy", {"device": METER, "by": "day"}),
]


@pytest.mark.parametrize(("path", "query"), COLLECTIONS)
@pytest.mark.parametrize("limit", [1, 3, 7])
def test_the_pages_together_are_the_whole(client, path, query, limit):
    whole = client.get(path, params={**query, "limit": 10_000}).json()
    assert whole["next"] is None
    assert len(whole["items"]) > 2
    assert every(client, path, **query, limit=limit) == whole["items"]


@pytest.mark.parametrize(("path", "query"), COLLECTIONS)
def test_a_page_that_holds_all_has_no_next(client, path, query):
    items = client.get(path, params={**query, "limit": 10_000}).json()["items"]
    assert client.get(path, params={**query, "limit": len(items)}).json()["next"] is None
    assert client.get(path, params={**query, "limit": len(items) - 1}).json()["next"] is not None


def test_a_reading_that_comes_late_between_two_pages_shifts_none(town):
    for channel in "abc":
        town.tell("d", "co2", [NOON_NS, NOON_NS + HOUR_NS], [1.0, 2.0], channel)
    client = town.client()
    first = client.get("/v1/readings", params={"device": "d", "limit": 2}).json()
    town.tell("d", "co2", [NOON_NS - HOUR_NS, NOON_NS], [0.0, 0.0], "late")
    items = first["items"] + every(client, "/v1/readings", device="d", cursor=first["next"])
    keys = [(item["channel"], item["time"]) for item in items]
    assert len(keys) == len(set(keys)) == 7  # the six of before and the late one at noon


def test_a_page_of_windows_is_full_also_where_readings_are_rare(client):
    query = {"device": METER, "quantity": "active_power", "every": "1m", "limit": 50}
    assert len(client.get("/v1/windows", params=query).json()["items"]) == 50


@given(st.one_of(st.text(), st.text("WzAsLD=_-", min_size=1)))
@settings(max_examples=30, deadline=None)
def test_a_cursor_that_is_none_is_told_so(client, cursor):
    for path, query in COLLECTIONS:
        answer = client.get(path, params={**query, "cursor": cursor})
        if answer.status_code != 200:
            assert problem_of(answer, 422).startswith("cursor: expected the `next` of a page")


@pytest.mark.parametrize(
    "made",
    [
        "[" * 40_000,
        "[1e400,0]",
        f"[{2**63},0]",
        f"[0,{-(2**63) - 1}]",
        '["\\ud800"]',
        "[null]",
        "1",
    ],
)
def test_a_cursor_made_by_hand_is_refused(client, made):
    import base64

    cursor = base64.urlsafe_b64encode(made.encode()).decode()
    for path, query in COLLECTIONS:
        problem_of(client.get(path, params={**query, "cursor": cursor}), 422)


@pytest.mark.parametrize("number", [-(2**63), -1, 0, 10**9, 2**63 - 1])
def test_a_cursor_that_points_anywhere_is_no_fault_of_the_server(client, number):
    from api.paging import word

    for path, query in COLLECTIONS:
        for made in ((number,), (number, number), (number, "x")):
            answer = client.get(path, params={**query, "cursor": word(*made)})
            assert answer.status_code in (200, 422), answer.text
