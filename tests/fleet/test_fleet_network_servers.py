"""Events of network servers, read by ChirpStack's own protobuf classes and by Emscher."""

import base64
import json
from dataclasses import replace
from pathlib import Path

import pytest
from chirpstack_api.integration import integration_pb2
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st

from fleet import chirpstack, chirpstack_protobuf, elsys, things_stack
from fleet.errors import EncodingError
from fleet.message import time_ns_of
from fleet.network import Heard, Identity, Uplink, airtime_us, dev_addr_of
from ingest.decode import Decoder
from ingest.reading import Envelope

VECTORS = Path(__file__).parents[1] / "vectors"
IDENTITY = Identity(
    dev_eui="02aa000000000001",
    name="dortmund-hoerde-schule-co2",
    profile="ELSYS ERS CO2",
    tenant="Dortmund",
    application="dortmund-sensors",
    tags={"district": 'Hörde "Süd"', "building": "Schule"},
    brand="elsys",
    model="ers-co2",
)
NEAR = Heard("02bb000000000001", -97, 5.25, 1)
FAR = Heard("02bb000000000002", -119, -7.0, 1)
TIME_NS = 1_774_958_400_123_000_000
UPLINK = Uplink(TIME_NS, 70_000, 5, elsys.encode({"temperature": 22.6, "co2": 455}), 3, (NEAR, FAR))
SERVERS = (chirpstack, chirpstack_protobuf, things_stack)
WIRES = {
    "up": integration_pb2.UplinkEvent,
    "join": integration_pb2.JoinEvent,
    "status": integration_pb2.StatusEvent,
    "ack": integration_pb2.AckEvent,
}

names = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
identities = st.builds(
    replace, st.just(IDENTITY), name=names, profile=names, tags=st.dictionaries(names, names)
)
heard = st.builds(
    Heard,
    st.sampled_from([NEAR.gateway_id, FAR.gateway_id]),
    st.integers(-140, 0),
    st.integers(-80, 60).map(lambda quarter: quarter / 4),
    st.integers(0, 7),
)
uplinks = st.builds(
    Uplink,
    st.integers(0, 4_000_000_000_000_000_000),
    st.integers(0, 0xFFFFFFFF),
    st.integers(0, 255),
    st.binary(max_size=51),
    st.integers(0, 5),
    st.lists(heard, min_size=1, max_size=15).map(tuple),
    st.booleans(),
    st.integers(0, 3),
)


def _read(message, decoder=None):
    decoder = decoder or Decoder()
    return decoder.decode(
        Envelope("test", message.topic, message.payload, message.time_ns + 1_000_000_000)
    )


def _values(message):
    return {(one.quantity, one.channel): one.value for one in message.measurements}


def _pair(event, *args, **named):
    """Return the same event in JSON and in protobuf, each as ChirpStack's class reads it."""
    texts, wire = (
        getattr(server, event)(IDENTITY, *args, **named)
        for server in (chirpstack, chirpstack_protobuf)
    )
    kind = WIRES["up" if event == "uplink" else event]
    assert texts.topic == wire.topic
    return json_format.Parse(texts.payload, kind()), kind.FromString(wire.payload)


@given(identity=identities, up=uplinks)
def test_json_and_protobuf_are_one_uplink_to_chirpstacks_own_classes(identity, up):
    text, wire = chirpstack.uplink(identity, up), chirpstack_protobuf.uplink(identity, up)
    event = integration_pb2.UplinkEvent.FromString(wire.payload)
    assert json_format.Parse(text.payload, integration_pb2.UplinkEvent()) == event
    assert len(event.SerializeToString()) == len(wire.payload)  # nothing twice, no zeros
    assert (event.f_cnt, event.f_port, event.data, event.dr, event.confirmed) == (
        up.f_cnt, up.f_port, up.data, up.dr, up.confirmed,
    )  # fmt: skip
    assert event.time.ToNanoseconds() == up.time_ns
    assert [(one.gateway_id, one.rssi, one.snr, one.channel) for one in event.rx_info] == [
        tuple(one) for one in up.heard
    ]
    assert dict(event.device_info.tags) == identity.tags


def test_the_bytes_are_those_of_chirpstacks_own_classes():
    payload = chirpstack_protobuf.uplink(IDENTITY, UPLINK).payload
    event = integration_pb2.UplinkEvent.FromString(payload)
    assert event.SerializeToString(deterministic=True) == payload


@given(identity=identities, up=uplinks)
def test_the_template_writes_what_json_would(identity, up):
    text = chirpstack.uplink(identity, up).payload.decode()
    assert json.dumps(json.loads(text), ensure_ascii=False, separators=(",", ":")) == text


@given(up=uplinks, tags=st.dictionaries(names, names))
def test_the_template_of_the_things_stack_writes_what_json_would(up, tags):
    message = things_stack.uplink(replace(IDENTITY, tags=tags), up)
    text = message.payload.decode()
    event = json.loads(text)
    assert json.dumps(event, ensure_ascii=False, separators=(",", ":")) == text
    body = event["uplink_message"]
    assert body.get("f_cnt", 0) == up.f_cnt
    assert body.get("f_port", 0) == up.f_port
    assert base64.b64decode(body.get("frm_payload", "")) == up.data
    assert time_ns_of(body["received_at"]) == up.time_ns
    assert up.time_ns < time_ns_of(event["received_at"]) < up.time_ns + 300_000_000
    assert [(one.get("rssi", 0), one.get("snr", 0)) for one in body["rx_metadata"]] == [
        (one.rssi, one.snr) for one in up.heard
    ]
    assert float(body["consumed_airtime"][:-1]) * 1e6 == pytest.approx(
        airtime_us(up.dr, len(up.data))
    )
    assert body["settings"]["data_rate"]["lora"]["spreading_factor"] == 12 - up.dr


@pytest.mark.parametrize(
    ("event", "args", "named"),
    [
        ("join", (TIME_NS, "00abcdef"), {}),
        ("status", (TIME_NS,), {"margin": -7, "battery_level": 88.3}),
        ("status", (TIME_NS,), {"margin": 0, "battery_level": None}),
        ("status", (TIME_NS,), {"margin": 31, "battery_level": 50.0, "external_power": True}),
        ("ack", (TIME_NS, 0, False), {}),
        ("ack", (TIME_NS, 17, True), {}),
    ],
)
def test_other_events_of_chirpstack_are_the_same_in_both(event, args, named):
    text, wire = _pair(event, *args, **named)
    assert text == wire
    assert wire.device_info.dev_eui == IDENTITY.dev_eui
    assert wire.time.ToNanoseconds() == TIME_NS


def test_a_status_tells_a_level_or_why_it_has_none():
    def told(**named):
        return _pair("status", TIME_NS, margin=3, **named)[1]

    level = told(battery_level=88.3)
    assert level.battery_level == pytest.approx(88.19)
    assert not level.external_power_source
    assert not level.battery_level_unavailable
    assert told(battery_level=None).battery_level_unavailable
    mains = told(battery_level=None, external_power=True)
    assert mains.external_power_source
    assert not mains.battery_level_unavailable


@pytest.mark.parametrize(
    ("rest_ns", "decimals"),
    [(0, ""), (500_000_000, ".500"), (1_000, ".000001"), (1, ".000000001")],
)
def test_chirpstack_writes_as_many_decimals_as_a_time_needs(rest_ns, decimals):
    assert chirpstack.time_text(TIME_NS // 10**9 * 10**9 + rest_ns) == (
        f"2026-03-31T12:00:00{decimals}+00:00"
    )


@pytest.mark.parametrize("event", ["join", "status", "ack"])
def test_events_have_the_fields_of_real_ones(event):
    real = next(
        one["json"]
        for one in json.loads((VECTORS / "chirpstack_v4_events.json").read_text())
        if one["event"] == event
    )
    ours = {
        "join": lambda: chirpstack.join(IDENTITY, TIME_NS, "00189440"),
        "status": lambda: chirpstack.status(IDENTITY, TIME_NS, margin=10, battery_level=88.3),
        "ack": lambda: chirpstack.ack(IDENTITY, TIME_NS, 3, True),
    }[event]()
    told = json.loads(ours.payload)
    assert real.keys() <= told.keys()
    assert real["deviceInfo"].keys() <= told["deviceInfo"].keys()
    assert ours.topic.endswith(f"/device/{IDENTITY.dev_eui}/event/{event}")


@pytest.mark.parametrize("server", SERVERS)
def test_emscher_reads_an_uplink_that_two_gateways_heard(server):
    message = _read(server.uplink(IDENTITY, UPLINK))
    assert (message.device, message.name, message.time_ns) == (
        IDENTITY.dev_eui, IDENTITY.name, TIME_NS,
    )  # fmt: skip
    found = _values(message)
    assert found["temperature", ""] == 22.6
    assert found["co2", ""] == 455
    assert found["rssi", ""] == NEAR.rssi
    assert found["snr", ""] == NEAR.snr


@pytest.mark.parametrize("server", SERVERS)
def test_a_copy_is_another_message_and_a_repeated_history_is_the_same(server):
    copy = UPLINK._replace(copy=1, time_ns=TIME_NS + 2_000_000_000)
    sent = [server.uplink(IDENTITY, up) for up in (UPLINK, UPLINK, copy)]
    assert sent[0] == sent[1]
    keys = [_read(one).key for one in sent]
    assert keys[0] == keys[1] != keys[2]


@pytest.mark.parametrize("server", SERVERS)
def test_emscher_reads_a_join(server):
    address = dev_addr_of(IDENTITY, 2)
    message = _read(server.join(IDENTITY, TIME_NS, address))
    assert message.device == IDENTITY.dev_eui
    assert message.state["join"]["dev_addr"] == address
    assert time_ns_of(message.state["join"]["time"]) == TIME_NS


@pytest.mark.parametrize("server", [chirpstack, chirpstack_protobuf])
def test_emscher_reads_status_and_acknowledgement(server):
    message = _read(server.status(IDENTITY, TIME_NS, margin=-7, battery_level=88.3))
    assert _values(message) == {("link_margin", ""): -7.0, ("battery_level", ""): 88.19}
    for acknowledged in (True, False):
        told = _read(server.ack(IDENTITY, TIME_NS, 17, acknowledged)).state["ack"]
        assert (told["acknowledged"], told["f_cnt_down"]) == (acknowledged, 17)


def test_the_things_stack_acknowledges_on_topics_of_its_own():
    assert things_stack.status(IDENTITY, TIME_NS, margin=3, battery_level=50.0) is None
    for acknowledged, place, kind in (
        (True, "ack", "downlink_ack"),
        (False, "nack", "downlink_nack"),
    ):
        sent = things_stack.ack(IDENTITY, TIME_NS, 17, acknowledged, f_port=15, data=b"\xbe\xef")
        assert sent.topic == (f"v3/dortmund-sensors@dortmund/devices/{IDENTITY.name}/down/{place}")
        told = _read(sent).state[kind]
        assert (told["f_port"], told["f_cnt_down"]) == (15, 17)
        event = json.loads(sent.payload)
        assert event[kind]["frm_payload"] == "vu8="
    with pytest.raises(EncodingError, match="f_port"):
        things_stack.ack(IDENTITY, TIME_NS, 17, True, f_port=0)


@pytest.mark.parametrize(
    ("kind", "ours", "of_the_operator"),
    [
        ("join_accept", things_stack.join(IDENTITY, TIME_NS, "01497ecc"), {"attributes"}),
        (
            "downlink_ack",
            things_stack.ack(IDENTITY, TIME_NS, 1, True, data=b"\xbe\xef"),
            {"correlation_ids"},
        ),
    ],
)
def test_messages_of_the_things_stack_have_the_fields_of_real_ones(kind, ours, of_the_operator):
    events = [one["json"] for one in json.loads((VECTORS / "things_stack_events.json").read_text())]
    real = next(one for one in events if kind in one and "received_at" in one)
    told = json.loads(ours.payload)
    assert real.keys() <= told.keys()
    assert real["end_device_ids"].keys() <= told["end_device_ids"].keys()
    assert real[kind].keys() - of_the_operator <= told[kind].keys()


def test_an_uplink_of_the_things_stack_has_the_fields_of_a_real_one():
    events = json.loads((VECTORS / "things_stack_events.json").read_text())
    real = events[0]["json"]["payload"]["uplink_message"]
    event = json.loads(things_stack.uplink(IDENTITY, UPLINK).payload)
    told = event["uplink_message"]
    assert real.keys() - {"decoded_payload"} <= told.keys()
    assert real["rx_metadata"][0].keys() - {"uplink_token"} <= told["rx_metadata"][0].keys()
    assert real["settings"].keys() - {"coding_rate"} <= told["settings"].keys()
    assert told["version_ids"]["model_id"] == "ers-co2"
    assert told["attributes"] == IDENTITY.tags
    ids = event["end_device_ids"]
    assert ids["dev_eui"] == IDENTITY.dev_eui.upper()
    assert ids["dev_addr"] == dev_addr_of(IDENTITY).upper()


@pytest.mark.parametrize(
    ("name", "device"),
    [
        ("raum-1", "raum-1"),
        ("Raum 1", "eui-02aa000000000001"),
        ("hörde", "eui-02aa000000000001"),
        ("a--b", "eui-02aa000000000001"),
        ("ab", "eui-02aa000000000001"),
        ("a" * 36, "a" * 36),
        ("a" * 37, "eui-02aa000000000001"),
    ],
)
def test_a_device_is_called_by_its_name_where_that_is_an_id(name, device):
    identity = replace(IDENTITY, name=name)
    assert things_stack.device_id(identity) == device
    assert things_stack.uplink(identity, UPLINK).topic.split("/")[3] == device


def test_applications_and_tenants_are_spelled_as_ids():
    assert things_stack.spelled_id("Stadtwerke  Schwerte (Süd)") == "stadtwerke-schwerte-sued"
    assert len(things_stack.spelled_id("x" * 50)) == 36
    with pytest.raises(EncodingError, match="three letters"):
        things_stack.spelled_id("–!–")


def test_the_times_and_tokens_of_the_things_stack():
    event = json.loads(things_stack.uplink(IDENTITY, UPLINK).payload)
    assert event["uplink_message"]["received_at"] == "2026-03-31T12:00:00.123Z"
    token = event["correlation_ids"][0].removeprefix("gs:uplink:")
    digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    number = 0
    for digit in token:
        number = number * 32 + digits.index(digit)
    assert number >> 80 == TIME_NS // 1_000_000
    counts = [one["timestamp"] for one in event["uplink_message"]["rx_metadata"]]
    later = json.loads(
        things_stack.uplink(IDENTITY, UPLINK._replace(time_ns=TIME_NS + 5_000_000)).payload
    )
    again = [one["timestamp"] for one in later["uplink_message"]["rx_metadata"]]
    assert [(b - a) % (1 << 32) for a, b in zip(counts, again, strict=True)] == [5000, 5000]
