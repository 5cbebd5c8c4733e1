"""Each route answers in the shape that others rely on."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from api_town import METER, NOON_NS, SCHOOL, SCRIPT, TARIFFS, every

from api.app import create_app

READING = ["device", "quantity", "channel", "time", "value", "unit", "quality"]


def test_health_is_ok_while_nothing_is_wrong(client):
    body = client.get("/v1/health").json()
    assert body == {
        "status": "ok",
        "version": "1.2.3",
        "uptime_s": 3600.0,
        "sources": [],
        "store": {"kind": "embedded", "ok": True, "error": None},
        "live": {"ready": True, "behind_commits": 0, "looks_due": 0, "lag_s": 0.0, "error": None},
        "waiting": 0,
        "publishing": None,
        "notifications": {"sent": 0, "waiting": 0, "held": 0, "failed": 0, "to": []},
        "reprocess": None,
        "problems": [],
    }


def test_health_names_every_problem(town):
    broker = SimpleNamespace(
        name="b", url="mqtt://b", connected=False, since_ns=NOON_NS, messages=3, error="refused",
        bytes=300, last_ns=NOON_NS, connections=2, at_most_once=("tele/#",),
    )  # fmt: skip
    town.sources, town.fault = [broker], "the disk is full"
    town.live.fault, town.live.behind_s = "a kernel fell", 11.0
    body = town.client().get("/v1/health").json()
    assert body["status"] == "degraded"
    assert body["problems"] == [
        "broker mqtt://b: refused",
        "store: the disk is full",
        "analysis: a kernel fell",
        "windows and anomalies are 11 s behind the readings",
    ]
    assert body["sources"][0] == {
        "name": "b",
        "url": "mqtt://b",
        "connected": False,
        "since": "2026-03-01T12:00:00Z",
        "messages": 3,
        "bytes": 300,
        "last": "2026-03-01T12:00:00Z",
        "connections": 2,
        "at_most_once": ["tele/#"],
        "error": "refused",
    }
    assert body["store"] == {"kind": "embedded", "ok": False, "error": "the disk is full"}
    assert not body["live"]["ready"]


def test_health_tells_how_each_is_who_is_told_of_anomalies(town):
    notes = [
        SimpleNamespace(name="duty", kind="email", sent=7, waiting=1, held=2, failed=3,
                        error="mail.example:587 says 535 no"),
        SimpleNamespace(name="ops", kind="webhook", sent=1, waiting=0, held=2, failed=0,
                        error=None),
    ]  # fmt: skip
    town.house = replace(town.house, notices=lambda: notes)
    town.app = create_app(town.house)
    body = town.client().get("/v1/health").json()
    told = body["notifications"]
    assert {name: told[name] for name in ("sent", "waiting", "held", "failed")} == {
        "sent": 8, "waiting": 1, "held": 4, "failed": 3,
    }  # fmt: skip
    assert told["to"][0] == vars(notes[0])
    assert body["problems"] == ["notifications to duty: mail.example:587 says 535 no"]
    text = town.client().get("/metrics").text
    assert 'emscher_notifications_sent_total{to="duty"} 7.0' in text
    assert 'emscher_notifications_failed_total{to="duty"} 3.0' in text
    assert 'emscher_notifications_waiting{to="duty"} 1.0' in text
    assert 'emscher_notifications_held{to="ops"} 2.0' in text


def test_counters_are_plain_integers_that_add_up(client):
    body = client.get("/v1/counters").json()
    assert list(body) == [
        "received", "stored", "duplicate", "quarantined", "readings", "corrections"
    ]  # fmt: skip
    assert all(type(count) is int for count in body.values())
    assert body["received"] == body["stored"] + body["duplicate"] + body["quarantined"] == 14
    assert body["quarantined"] == 5


def test_devices_come_by_id_with_their_silence(town):
    town.tell("b", "co2", [NOON_NS], [400.0])
    town.tell("a", "co2", [NOON_NS], [400.0])
    town.live.still.add("a")
    body = town.client().get("/v1/devices").json()
    assert body["next"] is None
    assert [(item["id"], item["silent"]) for item in body["items"]] == [("a", True), ("b", False)]
    assert body["items"][0] == {
        "id": "a",
        "name": "a",
        "model": "model",
        "format": "tasmota",
        "source": "test",
        "first_seen": "2026-03-01T12:00:00Z",
        "last_seen": "2026-03-01T12:00:00Z",
        "silent": True,
        "tenant": None,
        "site": None,
        "frames": None,
        "state": {},
    }


def test_series_tell_unit_kind_and_span(client):
    items = client.get("/v1/series", params={"device": METER}).json()["items"]
    assert [item["quantity"] for item in items] == [
        "active_power", "active_energy_import", "active_energy_export"
    ]  # fmt: skip
    assert items[1] == {
        "device": METER,
        "quantity": "active_energy_import",
        "channel": None,
        "unit": "Wh",
        "kind": "register",
        "obis": "1.8.0",
        "first": "2026-03-27T23:00:00Z",
        "last": "2026-03-31T23:00:00Z",
        "count": 97,
    }
    only = client.get("/v1/series", params={"quantity": "co2"}).json()["items"]
    assert [(item["device"], item["quantity"]) for item in only] == [(SCHOOL, "co2")]


def test_readings_are_readings_in_order_of_time(client):
    body = client.get("/v1/readings", params={"device": SCHOOL, "quantity": "temperature"}).json()
    assert list(body["items"][0]) == READING
    assert body["items"][0] == {
        "device": SCHOOL,
        "quantity": "temperature",
        "channel": None,
        "time": "2026-03-01T12:00:00Z",
        "value": 20.0,
        "unit": "Cel",
        "quality": "measured",
    }
    assert body["items"][1]["channel"] == "external"
    times = [item["time"] for item in body["items"]]
    assert times == sorted(times)
    assert len(times) == 80


def test_readings_keep_to_start_end_and_channel(client):
    query = {"device": SCHOOL, "quantity": "temperature", "channel": "external"}
    query |= {"start": "2026-03-01T12:15:00Z", "end": "2026-03-01T12:45:00Z"}
    items = client.get("/v1/readings", params=query).json()["items"]
    assert [item["time"][11:16] for item in items] == ["12:15", "12:30"]
    assert {item["channel"] for item in items} == {"external"}


def test_a_reading_to_the_nanosecond_is_told_and_found_to_the_nanosecond(town):
    town.tell("d", "co2", [NOON_NS + 123_456_789, NOON_NS + 123_456_790], [1.0, 2.0])
    query = {"device": "d", "start": "2026-03-01T12:00:00.123456790Z"}
    items = town.client().get("/v1/readings", params=query).json()["items"]
    assert [item["time"] for item in items] == ["2026-03-01T12:00:00.123456790Z"]


def test_latest_is_one_item_a_series(client):
    items = client.get("/v1/latest").json()["items"]
    keys = [(item["device"], item["quantity"], item["channel"]) for item in items]
    assert len(keys) == len(set(keys)) == 9
    assert list(items[0]) == [*READING, "received"]
    assert (items[0]["time"], items[0]["value"]) == ("2026-03-01T21:45:00Z", 23.9)


def test_latest_keeps_to_device_and_quantity(client):
    query = {"device": SCHOOL, "quantity": "temperature"}
    items = client.get("/v1/latest", params=query).json()["items"]
    assert [item["channel"] for item in items] == [None, "external"]
    assert len(client.get("/v1/latest", params={"device": TARIFFS}).json()["items"]) == 2


def test_a_late_reading_does_not_become_the_latest(town):
    town.tell("d", "co2", [NOON_NS], [1.0])
    town.tell("d", "co2", [NOON_NS - 1], [2.0])
    assert [i["value"] for i in town.client().get("/v1/latest").json()["items"]] == [1.0]


def test_windows_have_count_min_max_mean_last(client):
    query = {"device": SCHOOL, "quantity": "temperature", "channel": "", "every": "1h"}
    items = client.get("/v1/windows", params=query).json()["items"]
    assert items[0] == {
        "device": SCHOOL,
        "quantity": "temperature",
        "channel": None,
        "unit": "Cel",
        "start": "2026-03-01T12:00:00Z",
        "end": "2026-03-01T13:00:00Z",
        "count": 4,
        "min": 20.0,
        "max": 20.3,
        "mean": pytest.approx(20.15),
        "last": 20.3,
        "revision": 0,
    }
    query["every"] = "7m"
    assert client.get("/v1/windows", params=query).json()["items"][0]["revision"] is None
    assert [item["count"] for item in items] == [4] * 10


def test_windows_of_days_lie_in_the_zone_and_are_as_long_as_the_day(client):
    query = {"device": METER, "quantity": "active_power", "every": "1d"}
    items = client.get("/v1/windows", params=query).json()["items"]
    assert [item["count"] for item in items] == [24, 23, 24, 24, 2]
    assert (items[1]["start"], items[1]["end"]) == ("2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z")
    there = client.get("/v1/windows", params={**query, "tz": "America/New_York"}).json()["items"]
    assert there[0]["start"] == "2026-03-27T04:00:00Z"


def test_anomalies_come_newest_first_and_keep_to_the_filters(client):
    body = client.get("/v1/anomalies").json()
    assert [item["id"] for item in body["items"]] == [
        "id6", "id7", "id3", "id4", "id5", "id0", "id1", "id2", "open"
    ]  # fmt: skip
    assert list(body["items"][0]) == [
        "id", "device", "quantity", "channel", "kind", "start", "end", "score", "value",
        "expected", "detector", "text", "handling", "remarks",
    ]  # fmt: skip

    def ids(**query: str) -> list[str]:
        return [item["id"] for item in every(client, "/v1/anomalies", **query)]

    assert ids(open="true") == ids(kind="silence") == ids(device=METER) == ["open"]
    assert ids(quantity="temperature", end="2026-03-01T12:30:00Z") == ["id0", "id1", "id2"]
    assert ids(start="2026-03-02T00:00:00Z") == ["open"]
    assert [i["end"] for i in body["items"] if i["id"] == "open"] == [None]


def test_quarantine_explains_and_carries_the_first_bytes(client):
    body = client.get("/v1/quarantine").json()
    newest = body["items"][0]
    assert list(newest) == [
        "id", "topic", "source", "received", "reason", "rule", "expected", "found", "size",
        "payload_base64", "truncated",
    ]  # fmt: skip
    assert (newest["id"], newest["size"], newest["truncated"]) == (5, 2000, True)
    assert len(newest["payload_base64"]) == 1368  # 1024 bytes
    assert newest["reason"] == (
        f"{newest['rule']}: expected {newest['expected']}, found {newest['found']}"
    )
    whole = client.get("/v1/quarantine/5").json()
    assert not whole["truncated"]
    assert len(whole["payload_base64"]) == 2668


def test_refused_messages_are_tried_again(client):
    before = client.get("/v1/counters").json()
    assert client.post("/v1/quarantine/retry").json() == {"tried": 5, "released": 0}
    asked = {"rule": "no such rule"}
    assert client.post("/v1/quarantine/retry", params=asked).json() == {"tried": 0, "released": 0}
    assert client.get("/v1/counters").json() == before
    assert client.get("/v1/quarantine/retry").status_code == 422


@pytest.mark.parametrize("path", ["series", "latest", "readings", "windows", "energy", "anomalies"])
def test_an_unheard_device_gives_nothing_and_a_note(client, path):
    body = client.get(f"/v1/{path}", params={"device": "nobody"}).json()
    assert (body["items"], body["next"]) == ([], None)
    assert body["note"] == 'no device "nobody" was ever heard; /v1/devices lists those that were'


def test_a_dev_eui_in_capitals_is_told_how_it_is_spelt(client):
    body = client.get("/v1/readings", params={"device": SCHOOL.upper()}).json()
    assert body["note"].endswith(f'"{SCHOOL}" was')


def test_an_empty_answer_says_what_there_is(client):
    def note(path: str, **query: str) -> str:
        body = client.get(path, params={"device": SCHOOL, **query}).json()
        assert body["items"] == []
        return body["note"]

    has = "it has temperature, temperature external, co2"
    assert note("/v1/readings", quantity="voltage").endswith(has)
    assert note("/v1/windows", quantity="voltage").endswith(has)
    span = "from 2026-03-01T12:00:00Z to 2026-03-01T21:45:00Z"
    assert note("/v1/readings", start="2027-01-01").endswith(span)
    assert note("/v1/windows", end="2025-01-01").endswith(span)


def test_a_name_from_the_wire_is_only_data(client):
    item = next(i for i in client.get("/v1/devices").json()["items"] if i["id"] == SCRIPT)
    assert item["name"] == SCRIPT
    assert client.get("/v1/readings", params={"device": SCRIPT}).json()["items"][0]["value"] == 50
