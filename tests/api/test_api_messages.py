"""The message behind a reading, decoding again, and the commands that ask for both."""

import base64
import dataclasses
import json

import pytest
from api_town import HOUR_NS, NOON_NS, served, until
from typer.testing import CliRunner

from api.messages import messages
from api.sight import narrowed
from emscher import app
from ingest.decode import Decoder
from ingest.errors import PayloadError
from ingest.place import Placed
from ingest.reading import Measurement, Message

PLUG = b'{"Time":"2026-03-01T12:59:00","ENERGY":{"Total":1.5,"Power":230}}'
NOW = {"device": "plug", "quantity": "active_power", "time": "2026-03-01T11:59:00Z"}


@pytest.fixture
def plugged(town):
    """Return a town with one message of a plug and one that was refused."""
    town.uplink("tele/plug/SENSOR", PLUG)
    town.uplink("nobody/knows/this", b"\x00\x01[b]x[/b]" * 300)
    return town


class _Mended(Decoder):
    """Reads a plug's power a tenth of what it was, and its energy not at all."""

    def decode_all(self, envelopes):
        return [
            one
            if isinstance(one, PayloadError)
            else Message(
                one.device, one.time_ns, [Measurement("active_power", 23.0)], format=one.format
            )
            for one in super().decode_all(envelopes)
        ]


def test_a_reading_is_shown_with_the_message_that_brought_it(plugged):
    answer = plugged.client().get("/v1/readings/origin", params=NOW)
    assert answer.status_code == 200
    found = answer.json()
    assert found["reading"]["value"] == 230.0
    message = found["message"]
    assert base64.b64decode(message["payload_base64"]) == message["text"].encode() == PLUG
    assert (message["topic"], message["sure"], message["error"]) == ("tele/plug/SENSOR", True, None)
    assert {one["quantity"] for one in message["reads"]} == {"active_power", "active_energy_import"}
    assert found["replaced"] == []


def test_the_newest_messages_of_a_device_come_with_what_they_say_and_how_they_were_read(town):
    sent = []
    for k in range(5):
        # Two hours apart: whoever looks for them looks back step by step.
        sent.append(PLUG.replace(b"230", b"%d" % (230 + k)))
        at = NOON_NS + 2 * k * HOUR_NS
        town.uplink("tele/plug/SENSOR", sent[-1].replace(b"12:59", b"%d:59" % (12 + 2 * k)), at)
    town.uplink("tele/other/SENSOR", PLUG, NOON_NS + HOUR_NS)
    town.uplink("nobody/knows/this", b"\x00", NOON_NS + HOUR_NS)
    client = town.client()
    first = client.get("/v1/messages", params={"device": "plug", "limit": 3}).json()
    assert [one["received"] for one in first["items"]] == [
        "2026-03-01T20:00:00Z", "2026-03-01T18:00:00Z", "2026-03-01T16:00:00Z"
    ]  # fmt: skip
    newest = first["items"][0]
    assert newest["size"] == len(base64.b64decode(newest["payload_base64"])) == len(PLUG)
    assert (newest["topic"], newest["source"], newest["error"]) == (
        "tele/plug/SENSOR", "test", None
    )  # fmt: skip
    assert newest["steps"][0] == "format: tasmota, by its topic"
    powers = [one["value"] for one in newest["reads"] if one["quantity"] == "active_power"]
    assert powers == [234.0]
    asked = {"device": "plug", "limit": 3, "cursor": first["next"]}
    rest = client.get("/v1/messages", params=asked).json()
    assert [one["received"] for one in rest["items"]] == [
        "2026-03-01T14:00:00Z", "2026-03-01T12:00:00Z"
    ]  # fmt: skip
    assert rest["next"] is None


def test_a_message_that_can_t_be_read_now_says_why(plugged):
    class Strict(Decoder):
        def decode_all(self, envelopes):
            return [PayloadError("codec", "another payload", "this one") for _ in envelopes]

    plugged.past._fresh = Strict
    (one,) = plugged.client().get("/v1/messages?device=plug").json()["items"]
    assert "expected another payload" in one["error"]
    assert one["reads"] == []


def test_who_has_no_messages_is_told_why(plugged):
    client = plugged.client()
    assert "was ever heard" in client.get("/v1/messages?device=nobody").json()["note"]
    plugged.tell("bare", "co2", [NOON_NS], [400.0])
    found = client.get("/v1/messages?device=bare").json()
    assert (found["items"], found["next"]) == ([], None)
    assert "no message of it is kept" in found["note"]

    def broken():
        raise PayloadError("codec", "JavaScript", "a mistake in line 3")

    plugged.past._fresh = broken
    answer = client.get("/v1/messages?device=plug")
    assert (answer.status_code, "line 3" in answer.json()["detail"]) == (409, True)
    plugged.app.state.house = dataclasses.replace(plugged.house, past=None)
    assert client.get("/v1/messages?device=plug").status_code == 404


@pytest.mark.parametrize(
    ("changed", "status", "says"),
    [
        ({"time": "2026-03-01T11:58:00Z"}, 404, "no reading of plug is of 2026-03-01T11:58:00Z"),
        ({"quantity": "co2"}, 404, "has no such series"),
        ({"device": "nobody"}, 404, 'no device "nobody" was ever heard'),
        ({"time": "noon"}, 422, "expected a time"),
        ({"channel": "L1"}, 404, "has no such series"),
    ],
)
def test_what_is_not_there_is_said(plugged, changed, status, says):
    answer = plugged.client().get("/v1/readings/origin", params=NOW | changed)
    assert answer.status_code == status
    assert says in answer.json()["detail"]


def test_a_codec_that_can_t_be_used_is_told(plugged):
    def broken():
        raise PayloadError("codec", "JavaScript", "a mistake in line 3")

    plugged.past._fresh = broken
    answer = plugged.client().get("/v1/readings/origin", params=NOW)
    assert answer.status_code == 409
    assert "a mistake in line 3" in answer.json()["detail"]


def test_where_nothing_is_kept_that_is_said(plugged):
    plugged.app.state.house = dataclasses.replace(plugged.house, past=None)
    client = plugged.client()
    for answer in (
        client.get("/v1/readings/origin", params=NOW),
        client.post("/v1/reprocess"),
        client.get("/v1/reprocess"),
    ):
        assert answer.status_code == 404
        assert "keep_messages" in answer.json()["detail"]


def test_decoding_again_is_begun_followed_and_done_once_at_a_time(plugged):
    client = plugged.client()
    assert client.get("/v1/reprocess").status_code == 404
    plugged.past._fresh = _Mended
    begun = client.post("/v1/reprocess", params={"device": "plug", "since": "2026-03-01"})
    assert begun.status_code == 200
    until(lambda: not client.get("/v1/reprocess").json()["running"])
    found = client.get("/v1/reprocess").json()
    assert (found["messages"], found["changed"], found["rejected"]) == (1, 1, 1)
    counts = client.get("/v1/counters").json()
    assert counts["received"] == counts["stored"] + counts["quarantined"] == 2
    told = client.get("/v1/readings/origin", params=NOW).json()
    assert told["reading"]["value"] == 23.0
    assert [one["reading"]["value"] for one in told["replaced"]] == [230.0]
    run = plugged.past.last_run()
    plugged.past._run = dataclasses.replace(run, running=True)
    again = client.post("/v1/reprocess")
    assert again.status_code == 409
    assert "runs already" in again.json()["detail"]


def _said(url, *words):
    done = CliRunner().invoke(app, [*words, "--url", url], env={"COLUMNS": "200"})
    return done.exit_code, done.output


def test_the_commands_tell_a_person(plugged, tmp_path):
    plugged.past._fresh = _Mended
    with served(plugged) as url:
        code, told = _said(url, "origin", "plug", "active_power", "2026-03-01T11:59:00Z")
        assert code == 0
        assert "230 W at 2026-03-01T11:59:00Z" in told
        assert PLUG.decode() in told
        code, told = _said(url, "reprocess", "--dry-run")
        assert (code, "1 readings would be changed" in told) == (0, True), told
        code, told = _said(url, "reprocess", "--device", "plug")
        assert "1 readings changed, 0 added, 1 rejected" in told
        code, told = _said(url, "origin", "plug", "active_power", "2026-03-01T11:59:00Z")
        assert "before that: 230 W" in told
        code, told = _said(url, "origin", "plug", "active_energy_import", "2026-03-01T11:59:00Z")
        assert "rejected" in told
        assert "no longer brings this reading" in told
        code, told = _said(url, "origin", "nobody", "co2", "2026-03-01")
        assert (code, "was ever heard" in told) == (1, True)
        code, told = _said(url, "reprocess", "--since", "noon")
        assert (code, "expected a time" in told) == (1, True)


def test_quarantine_is_listed_shown_and_exported(plugged, tmp_path):
    with served(plugged) as url:
        code, told = _said(url, "quarantine", "list")
        assert code == 0
        assert "nobody/knows/this" in told
        assert "Nothing of that kind" in _said(url, "quarantine", "list", "--rule", "x")[1]
        assert "Nothing of that kind" in _said(url, "quarantine", "list", "--topic", "zz")[1]
        listed = json.loads(_said(url, "quarantine", "list", "--json", "--topic", "knows")[1])
        number = str(listed[0]["id"])
        code, told = _said(url, "quarantine", "show", number)
        assert code == 0
        assert "format" in told
        assert "000000  00 01 5b 62 5d 78 5b 2f 62 5d" in told
        assert "bytes more" in told
        assert _said(url, "quarantine", "show", "999")[0] == 1
        file = tmp_path / "refused.jsonl"
        code, told = _said(url, "quarantine", "export", str(file))
        assert "1 messages are in" in told
        (line,) = file.read_text().splitlines()
        assert base64.b64decode(json.loads(line)["payload_base64"]) == b"\x00\x01[b]x[/b]" * 300
        assert _said(url, "quarantine", "export", "-")[1].strip() == line
        assert "can't be written" in _said(url, "quarantine", "export", str(tmp_path))[1]
        assert "0 are understood" in _said(url, "quarantine", "retry")[1]


def test_metrics_tell_what_is_kept(plugged):
    told = plugged.client().get("/metrics").text
    assert "emscher_archive_messages 1.0" in told


def test_a_tenant_gets_no_message_that_tells_of_others_too(plugged):
    class Both(Decoder):
        def decode_all(self, envelopes):
            return [
                Message("plug", None, [Measurement("co2", 1.0)], others=(Message("foe", None),))
                for _ in envelopes
            ]

    placed = {"plug": Placed("dortmund")}
    for decoder, n in ((Decoder, 1), (Both, 0)):
        plugged.past._fresh = decoder
        house = narrowed(plugged.house, "dortmund", placed)
        page = messages(house, "plug", 20, None)
        assert len(page.items) == n
        assert n or "1 more tell of devices of others too" in page.note
