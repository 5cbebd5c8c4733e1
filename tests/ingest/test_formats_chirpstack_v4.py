import base64
import copy
import json
from pathlib import Path

import pytest

from ingest.clock import rfc3339_ns
from ingest.decode import Decoder
from ingest.errors import PayloadError
from ingest.formats import chirpstack_v4
from ingest.formats.setup import Setup
from ingest.reading import Envelope, Measurement, Message, Quality

VECTORS = Path(__file__).parents[1] / "vectors"
EVENTS = {
    one["event"]: one["json"]
    for one in json.loads((VECTORS / "chirpstack_v4_events.json").read_text("utf-8"))
}
UPLINKS = [
    json.loads(line) for line in (VECTORS / "elsys_uplinks.jsonl").read_text("utf-8").splitlines()
]
RECEIVED_NS = rfc3339_ns("2026-06-01T12:00:00Z")
ELSYS_EUI = "a81758fffe04a1b2"


def _event(name: str, **changes: object) -> dict[str, object]:
    return copy.deepcopy(EVENTS[name]) | changes


def _info(event: dict[str, object], **changes: object) -> dict[str, object]:
    return event | {"deviceInfo": {**event["deviceInfo"], **changes}}


def _envelope(event: object, name: str = "up", eui: str | None = None, topic: str = "") -> Envelope:
    eui = eui or event["deviceInfo"]["devEui"]
    topic = topic or f"application/7/device/{eui}/event/{name}"
    payload = event if isinstance(event, bytes) else json.dumps(event).encode()
    return Envelope("test", topic, payload, RECEIVED_NS)


def _uplink(payload: str, **info: object) -> dict[str, object]:
    event = _info(_event("up", fPort=5), devEui=ELSYS_EUI, **info)
    return event | {"data": base64.b64encode(bytes.fromhex(payload)).decode()}


def _decode(envelope: Envelope, **codecs: str) -> Message:
    return Decoder(codecs_by_name=codecs).decode(envelope)


def _values(message: Message) -> dict[tuple[str, str], float]:
    return {(one.quantity, one.channel): one.value for one in message.measurements}


@pytest.mark.parametrize("uplink", UPLINKS, ids=lambda uplink: uplink["hex"])
def test_an_elsys_uplink_end_to_end(uplink):
    message = _decode(_envelope(_uplink(uplink["hex"])))
    assert message.device == ELSYS_EUI
    assert message.time_ns == rfc3339_ns("2022-07-18T09:34:15.775023242Z")
    assert message.key == "3ac7e3c4-4401-4b8d-9386-a5c902f9202d"
    assert (message.name, message.model) == ("Test device", "Test device-profile")
    assert message.format == "chirpstack_v4"
    values = _values(message)
    wanted = uplink["expected"]["data"]
    assert values["temperature", ""] == wanted["temperature"]
    assert values["humidity", ""] == wanted["humidity"]
    assert (values["rssi", ""], values["snr", ""]) == (-36.0, 10.5)


@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("join", {"dev_addr": "00189440"}),
        ("ack", {"acknowledged": True, "f_cnt_down": 3}),
        ("txack", {"gateway_id": "0016c001f153a14c", "f_cnt_down": 2}),
        ("log", {"level": "ERROR", "code": "UPLINK_MIC",
                 "description": "MIC of join-request is invalid, make sure keys are correct"}),
        ("location", {"latitude": 37.344214, "longitude": -8.839375, "altitude": 2}),
        ("integration", {"integration": "loracloud", "event_type": "modem_UplinkResponse"}),
    ],
)  # fmt: skip
def test_an_event_that_measures_nothing_is_state(name, state):
    event = EVENTS[name]
    message = _decode(_envelope(event, name))
    assert message.measurements == []
    assert message.state == {name: state | {"time": event["time"]}}
    assert message.device == event["deviceInfo"]["devEui"]
    assert message.time_ns == rfc3339_ns(event["time"])
    assert message.key == event.get("deduplicationId")


def test_every_event_of_the_vectors_is_tested():
    assert set(EVENTS) == chirpstack_v4._EVENTS


def test_status_measures_margin_and_battery():
    message = _decode(_envelope(EVENTS["status"], "status"))
    assert _values(message) == {("link_margin", ""): 10.0, ("battery_level", ""): 88.3}
    assert message.state["battery_level"] == 88.3


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({}, {"link_margin": 0.0, "battery_level": 0.0}),
        ({"externalPowerSource": True}, {"link_margin": 0.0}),
        ({"batteryLevelUnavailable": True}, {"link_margin": 0.0}),
    ],
)
def test_status_of_zeros_that_are_left_out(changes, wanted):
    event = {k: v for k, v in EVENTS["status"].items() if k not in {"margin", "batteryLevel"}}
    message = _decode(_envelope(event | changes, "status"))
    assert {one.quantity: one.value for one in message.measurements} == wanted


def test_the_example_uplink_has_no_codec_and_says_what_to_do():
    with pytest.raises(PayloadError) as caught:
        _decode(_envelope(EVENTS["up"]))
    assert caught.value.rule == "payload codec"
    assert "set one for it (emscher codec list shows" in str(caught.value)


def test_zeros_that_are_left_out_and_an_uplink_without_payload():
    event = {k: v for k, v in EVENTS["up"].items() if k not in {"data", "fPort", "dr", "rxInfo"}}
    message = _decode(_envelope(event))
    assert message.measurements == []


def test_the_best_gateway_is_the_one_of_the_highest_snr():
    heard = [
        {"rssi": -36, "snr": -2.5},
        {"rssi": -90},  # snr 0 is left out
        {"rssi": -70},
        {"snr": 9.0},  # no rssi: it says nothing
    ]
    values = _values(_decode(_envelope(_uplink("0229") | {"rxInfo": heard})))
    assert (values["rssi", ""], values["snr", ""]) == (-70.0, 0.0)


def test_the_networks_object_outranks_recognition():
    event = _uplink("0229") | {
        "object": {"air": {"temperature": 21.5}, "energy_kwh": 1.001, "rssi": -80, "door": "open"}
    }
    values = _values(_decode(_envelope(event)))
    assert values == {
        ("temperature", ""): 21.5,
        ("active_energy_import", ""): 1001.0,
        ("rssi", "device"): -80.0,
        ("rssi", ""): -36.0,
        ("snr", ""): 10.5,
    }


@pytest.mark.parametrize("nothing", [None, {}])
def test_an_empty_object_counts_as_none(nothing):
    assert ("humidity", "") in _values(_decode(_envelope(_uplink("0229") | {"object": nothing})))


@pytest.mark.parametrize("name", ["Test device-profile", ELSYS_EUI, ELSYS_EUI.upper()])
def test_a_codec_that_is_set_outranks_everything(name):
    event = _uplink("016700ff") | {"object": {"temperature": 99}}
    values = _values(_decode(_envelope(event), **{name: "cayenne"}))
    assert values["temperature", "1"] == 25.5
    assert ("temperature", "") not in values


@pytest.mark.parametrize(
    ("info", "channel"),
    [
        ({"deviceProfileName": "Cayenne LPP"}, "1"),
        ({"deviceName": "my-lpp-node"}, "1"),
        ({"tags": {"codec": "cayenne"}}, "1"),
        ({}, ""),  # by the prefix of the DevEUI: ELSYS
    ],
)
def test_recognition(info, channel):
    payload = "0167 00ff" if channel else "0100ff"
    values = _values(_decode(_envelope(_uplink(payload, **info))))
    assert values["temperature", channel] == 25.5


def test_an_older_value_has_its_own_time():
    message = _decode(_envelope(_uplink("0100e2" + "413c00e1")))
    now = message.time_ns
    assert message.measurements[:2] == [
        Measurement("temperature", 22.6),
        Measurement("temperature", 22.5, "", now - 60_000_000_000),
    ]


@pytest.mark.parametrize("time", ["1970-01-01T00:00:07Z", "2200-01-01T00:00:00Z"])
def test_an_impossible_time_is_the_receipts_and_suspect(time):
    message = _decode(_envelope(_uplink("0100e2" + "413c00e1") | {"time": time}))
    assert message.time_ns == RECEIVED_NS
    assert {one.quality for one in message.measurements} == {Quality.SUSPECT}


def test_a_topic_may_have_a_prefix_and_capitals():
    topic = f"city/north/application/7/device/{ELSYS_EUI.upper()}/event/up"
    assert _decode(_envelope(_uplink("0229"), topic=topic)).device == ELSYS_EUI


@pytest.mark.parametrize(
    "topic",
    ["", "application/7/device/x/event", "application/7/device/x/command/down", "tele/x/SENSOR"],
)
def test_other_topics_are_not_claimed(topic):
    assert not chirpstack_v4.claims(topic, b"{}", Setup())


@pytest.mark.parametrize(
    ("event", "rule"),
    [
        (b"", "JSON"),
        (b"\xff\xfe", "JSON"),
        (b"[]", "JSON"),
        (b'{"deviceInfo":{}}', "JSON"),
        (b'{"deviceInfo":{"devEui":"a81758fffe04a1b2"},"fPort":"5"}', "JSON"),
        (b'{"deviceInfo":{"devEui":"a81758fffe04a1b2"},"data":"?"}', "JSON"),
        (b'{"deviceInfo":{"devEui":"a81758fffe04a1b2"},"data":"AQ==","time":NaN}', "JSON"),
        (b'{"deviceInfo":{"devEui":"a81758fffe04a1b2"},"object":' + b"[" * 9999 + b"}",
         "nesting"),
        (b'{"deviceInfo":{"devEui":"a81758fffe04a1b2"},"object":[1]}', "ChirpStack object"),
        (b'{"deviceInfo":{"devEui":"a81758fffe04a1b2"},"time":"yesterday"}', "time"),
        (b'{"deviceInfo":{"devEui":"a81758fffe04a1b3"}}', "DevEUI"),
        (b'{"deviceInfo":{"devEui":"qBdY//4EobI="}}', "DevEUI"),
    ],
)  # fmt: skip
def test_broken_events_are_refused(event, rule):
    with pytest.raises(PayloadError) as caught:
        _decode(_envelope(event, eui=ELSYS_EUI))
    assert caught.value.rule == rule


def test_an_unknown_event_is_refused_by_name():
    with pytest.raises(PayloadError, match="ack integration join location log status txack up"):
        _decode(_envelope(EVENTS["up"], "news"))
