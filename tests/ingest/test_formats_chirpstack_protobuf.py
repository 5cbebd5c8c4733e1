import base64
import copy
import json
from pathlib import Path

import pytest
from google.protobuf import json_format
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.clock import rfc3339_ns
from ingest.decode import Decoder
from ingest.errors import PayloadError
from ingest.formats import chirpstack_protobuf, chirpstack_v4
from ingest.reading import Envelope, Message

peer = pytest.importorskip("chirpstack_api.integration.integration_pb2")
common = pytest.importorskip("chirpstack_api.common.common_pb2")

VECTORS = Path(__file__).parents[1] / "vectors"
EVENTS = {
    one["event"]: one["json"]
    for one in json.loads((VECTORS / "chirpstack_v4_events.json").read_text("utf-8"))
}
KINDS = {
    "up": peer.UplinkEvent,
    "join": peer.JoinEvent,
    "ack": peer.AckEvent,
    "txack": peer.TxAckEvent,
    "log": peer.LogEvent,
    "status": peer.StatusEvent,
    "location": peer.LocationEvent,
}
RECEIVED_NS = rfc3339_ns("2026-06-01T12:00:00Z")
ELSYS_EUI = "a81758fffe04a1b2"
DECODER = Decoder(formats=(chirpstack_v4,))


def _decode(payload: bytes, name: str, eui: str) -> Message:
    topic = f"application/7/device/{eui}/event/{name}"
    return DECODER.decode(Envelope("test", topic, payload, RECEIVED_NS))


def _uplink(**changes: object) -> dict[str, object]:
    event = copy.deepcopy(EVENTS["up"])
    event["deviceInfo"]["devEui"] = ELSYS_EUI
    event["data"] = base64.b64encode(bytes.fromhex("0100e20229")).decode()
    return event | changes


def _both(event: dict[str, object], name: str) -> tuple[Message, Message]:
    """Return what JSON and protobuf of the same event are read as."""
    wire = json_format.ParseDict(event, KINDS[name]()).SerializeToString()
    eui = event["deviceInfo"]["devEui"]
    return _decode(json.dumps(event).encode(), name, eui), _decode(wire, name, eui)


@pytest.mark.parametrize("name", sorted(KINDS.keys() - {"up"}))
def test_an_event_is_the_same_in_json_and_in_protobuf(name):
    as_json, as_protobuf = _both(EVENTS[name], name)
    assert as_protobuf == as_json
    assert as_protobuf.time_ns == rfc3339_ns(EVENTS[name]["time"])


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"object": {"door": "open", "energy_kwh": 1.001, "l": [1, {"a": 2}], "temperature": 21.5}},
        {"object": {}},
        {"rxInfo": [{"rssi": -90, "snr": -7.2}, {"rssi": -80, "snr": -7.25}, {"rssi": -20}]},
        {"rxInfo": []},
        {"fPort": 0, "dr": 0},
        {"time": "2022-07-18T09:34:15+00:00"},
        {"time": "2022-07-18T09:34:15.775+00:00"},
    ],
)
def test_an_uplink_is_the_same_in_json_and_in_protobuf(changes):
    as_json, as_protobuf = _both(_uplink(**changes), "up")
    assert as_protobuf == as_json
    assert as_protobuf.measurements
    assert as_protobuf.key == "3ac7e3c4-4401-4b8d-9386-a5c902f9202d"


def test_time_and_digits_of_a_protobuf_uplink():
    _, message = _both(_uplink(rxInfo=[{"rssi": -90, "snr": -7.2}]), "up")
    assert message.time_ns == 1658136855775023242
    assert {one.quantity: one.value for one in message.measurements} == {
        "temperature": 22.6,
        "humidity": 41.0,
        "rssi": -90.0,
        "snr": -7.2,
    }


def test_a_tag_names_the_codec_in_protobuf_too():
    event = _uplink(data=base64.b64encode(bytes.fromhex("016700ff")).decode())
    event["deviceInfo"] |= {"tags": {"codec": "cayenne"}, "devEui": "0101010101010101"}
    as_json, as_protobuf = _both(event, "up")
    assert as_protobuf == as_json
    assert as_protobuf.measurements[0].value == 25.5


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("status", {"margin": 0, "batteryLevel": 0}),
        ("status", {"margin": -32, "externalPowerSource": True}),
        ("status", {"batteryLevelUnavailable": True}),
        ("ack", {"acknowledged": False, "fCntDown": 0}),
        ("log", {"level": "INFO", "code": "UNKNOWN"}),
        ("log", {"level": "WARNING", "code": "EXPIRED"}),
        ("location", {"location": {"latitude": 51.5, "source": "GEO_RESOLVER_TDOA"}}),
        ("location", {"location": {"longitude": 7.25, "accuracy": 12.3}}),
    ],
)
def test_zeros_and_enums_are_the_same_in_both(name, changes):
    event = EVENTS[name] | changes
    message = json_format.ParseDict(event, KINDS[name]())
    sent = json_format.MessageToDict(message)  # without what is zero, as the server sends it
    sent["time"] = event["time"]
    as_json, as_protobuf = _both(sent, name)
    assert as_protobuf.measurements == as_json.measurements
    assert as_protobuf.state == as_json.state


def test_the_integration_event():
    """The newest definition has lost it; older servers send it."""
    event = EVENTS["integration"]
    info = json_format.ParseDict(event["deviceInfo"], peer.DeviceInfo())
    wire = peer.JoinEvent(
        deduplication_id=event["deduplicationId"], device_info=info, dev_addr="loracloud"
    )
    wire.time.FromJsonString(event["time"])
    rest = b"\x2a\x14modem_UplinkResponse"
    message = _decode(wire.SerializeToString() + rest, "integration", info.dev_eui)
    as_json = _decode(json.dumps(event).encode(), "integration", info.dev_eui)
    assert message == as_json


@pytest.mark.parametrize(
    ("kind", "ours"),
    [
        *((kind.DESCRIPTOR, name) for name, kind in KINDS.items()),
        (peer.DeviceInfo.DESCRIPTOR, "DeviceInfo"),
        (common.Location.DESCRIPTOR, "Location"),
        (peer.UplinkEvent.DESCRIPTOR.fields_by_name["rx_info"].message_type, "Heard"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_our_numbers_are_the_makers(kind, ours):
    fields = chirpstack_protobuf._TYPES[ours].DESCRIPTOR.fields
    assert fields
    for field in fields:
        theirs = kind.fields_by_name[field.name]
        enum = theirs.enum_type is not None
        assert (field.number, field.is_repeated) == (theirs.number, theirs.is_repeated)
        assert field.type == (field.TYPE_INT32 if enum else theirs.type)


@pytest.mark.parametrize(
    ("names", "enum"),
    [
        (chirpstack_protobuf._LEVELS, peer.LogLevel),
        (chirpstack_protobuf._CODES, peer.LogCode),
        (chirpstack_protobuf._SOURCES, common.LocationSource),
    ],
)
def test_our_words_are_the_makers(names, enum):
    assert list(names) == [enum.Name(number) for number in sorted(enum.values())]


def test_a_word_of_a_newer_server_is_its_number():
    assert chirpstack_protobuf.spelled(("A", "B"), 7) == "7"
    assert chirpstack_protobuf.spelled(("A", "B"), -1) == "-1"


@pytest.mark.parametrize(
    ("wire", "rule"),
    [
        (peer.UplinkEvent(deduplication_id="x"), "ChirpStack event"),
        (peer.UplinkEvent(deduplication_id="x", device_info={"dev_eui": "12"}), "DevEUI"),
        (peer.UplinkEvent(device_info={"dev_eui": "a81758fffe04a1b3"}), "DevEUI"),
        (peer.UplinkEvent(device_info={"dev_eui": ELSYS_EUI}, f_port=256), "FPort"),
        (peer.UplinkEvent(device_info={"dev_eui": ELSYS_EUI}, data=b"\x3f"), "ELSYS type"),
        (peer.UplinkEvent(device_info={"dev_eui": ELSYS_EUI}, time={"nanos": 2_000_000_000}),
         "time"),
        (peer.UplinkEvent(device_info={"dev_eui": ELSYS_EUI}, time={"seconds": 2**62}), "time"),
    ],
)  # fmt: skip
def test_broken_protobuf_is_refused(wire, rule):
    with pytest.raises(PayloadError) as caught:
        _decode(wire.SerializeToString(), "up", ELSYS_EUI)
    assert caught.value.rule.startswith(rule)


def test_a_protobuf_event_cut_short_is_refused_everywhere():
    wire = json_format.ParseDict(_uplink(), peer.UplinkEvent()).SerializeToString()
    refused = 0
    for size in range(1, len(wire)):
        try:
            _decode(wire[:size], "up", ELSYS_EUI)
        except PayloadError:
            refused += 1
    assert refused > len(wire) * 0.8  # the rest ends between two fields that may be absent


def test_json_with_blanks_before_it():
    payload = b"\n  " + json.dumps(_uplink()).encode()
    assert _decode(payload, "up", ELSYS_EUI).device == ELSYS_EUI


@settings(max_examples=300)
@given(
    st.binary(max_size=200)
    | st.tuples(st.sampled_from([b"\x0a\x01x", b"\x1a", b"\x22\x08"]), st.binary(max_size=60)).map(
        b"".join
    ),
    st.sampled_from(sorted(chirpstack_v4._EVENTS | {"error", "news"})),
)
def test_any_bytes(payload, name):
    assert _is_message_or_refused(payload, name)


FIELDS = [
    *("time", "deduplicationId", "fPort", "data", "object", "rxInfo", "margin", "location"),
    *("tags", "error", "objectJSON", "publishedAt", "devAddr", "gatewayID", "battery", "type"),
]
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
TREES = LEAVES | st.lists(LEAVES, max_size=2) | st.dictionaries(st.text(max_size=3), LEAVES)


@settings(max_examples=300)
@given(
    st.dictionaries(
        st.sampled_from(FIELDS),
        TREES,
        max_size=5,
    ),
    st.sampled_from(sorted(chirpstack_v4._EVENTS | {"error"})),
    st.sampled_from([{}, {"deviceInfo": {"devEui": ELSYS_EUI}}, {"devEUI": ELSYS_EUI}]),
)
def test_any_json(event, name, whose):
    assert _is_message_or_refused(json.dumps(event | whose).encode(), name)


def _is_message_or_refused(payload: bytes, name: str) -> bool:
    try:
        return _decode(payload, name, ELSYS_EUI).device == ELSYS_EUI
    except PayloadError as error:
        return error.rule != "decoder fault"
