import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.clock import rfc3339_ns
from ingest.decode import Decoder
from ingest.errors import PayloadError
from ingest.formats import chirpstack_v3, chirpstack_v3_protobuf, chirpstack_v4
from ingest.formats.setup import Setup
from ingest.reading import Envelope, Message, Quality

RECEIVED_NS = rfc3339_ns("2021-06-01T12:00:00Z")
EUI = "a81758fffe04a1b2"
EUI_BASE64 = base64.b64encode(bytes.fromhex(EUI)).decode()
HEARD = "2021-06-01T11:59:58.123456789Z"
PUBLISHED = "2021-06-01T11:59:58.400Z"
DECODER = Decoder(formats=(chirpstack_v4, chirpstack_v3))
TYPES = chirpstack_v3_protobuf._TYPES


def _json(**fields: object) -> dict[str, object]:
    """Return an uplink of an ELSYS sensor as the JSON marshaler writes it."""
    return {
        "applicationID": "7",
        "applicationName": "hall",
        "deviceName": "garden-sensor",
        "deviceProfileName": "ELSYS ERS",
        "devEUI": EUI_BASE64,
        "rxInfo": [
            {"gatewayID": "AwMDAwMDAwM=", "time": None, "rssi": -48, "loRaSNR": -2.5},
            {"gatewayID": "AwMDAwMDAwQ=", "time": HEARD, "rssi": -57, "loRaSNR": 9},
        ],
        "txInfo": {"frequency": 868100000, "modulation": "LORA"},
        "adr": True,
        "dr": 1,
        "fCnt": 10,
        "fPort": 5,
        "data": base64.b64encode(bytes.fromhex("0100e20229")).decode(),
        "objectJSON": "",
        "tags": {"place": "roof"},
        "confirmedUplink": False,
        "devAddr": "AFE5Qg==",
        "publishedAt": PUBLISHED,
        **fields,
    }


def _decode(event: object, name: str = "up", topic: str = "") -> Message:
    payload = event if isinstance(event, bytes) else json.dumps(event).encode()
    topic = topic or f"application/7/device/{EUI}/event/{name}"
    return DECODER.decode(Envelope("test", topic, payload, RECEIVED_NS))


def _values(message: Message) -> dict[tuple[str, str], float]:
    return {(one.quantity, one.channel): one.value for one in message.measurements}


def _stamp(text: str) -> dict[str, int]:
    seconds, nanos = divmod(rfc3339_ns(text), 10**9)
    return {"seconds": seconds, "nanos": nanos}


def _wire(name: str, **fields: object) -> bytes:
    """Return an event as protobuf; the application's number is its first field."""
    message = TYPES[name](dev_eui=bytes.fromhex(EUI), device_name="garden-sensor", **fields)
    return b"\x08\x07\x12\x04hall" + message.SerializeToString()


def test_an_uplink_in_json():
    message = _decode(_json())
    assert (message.device, message.format) == (EUI, "chirpstack_v3")
    assert (message.name, message.model) == ("garden-sensor", "ELSYS ERS")
    assert message.time_ns == rfc3339_ns(HEARD)
    assert _values(message) == {
        ("temperature", ""): 22.6,
        ("humidity", ""): 41.0,
        ("rssi", ""): -57.0,
        ("snr", ""): 9.0,
    }


def test_an_uplink_in_json_v3_has_hex_and_an_object():
    event = _json(devEUI=EUI.upper(), object={"temperature": 21.5, "rssi": -9})
    assert _values(_decode(event)) == {
        ("temperature", ""): 21.5,
        ("rssi", "device"): -9.0,
        ("rssi", ""): -57.0,
        ("snr", ""): 9.0,
    }


def test_the_object_is_a_string_of_json():
    values = _values(_decode(_json(objectJSON='{"energy_kwh": 1.001, "deviceInfo": {"a": 1}}')))
    assert values["active_energy_import", ""] == 1001.0
    assert values["deviceInfo.a", ""] == 1.0


@pytest.mark.parametrize("nothing", ["", "null", "{}"])
def test_an_empty_object_counts_as_none(nothing):
    assert ("humidity", "") in _values(_decode(_json(objectJSON=nothing)))


def test_an_object_with_a_key_of_v4_is_still_v3():
    event = _json(devEUI=EUI, object={"deviceInfo": 3, "temperature": 21.5})
    assert _values(_decode(event))["deviceInfo", ""] == 3.0


def test_an_uplink_in_protobuf_is_the_same_message():
    heard = [{"rssi": -48, "snr": -2.5}, {"rssi": -57, "snr": 9.0, "time": _stamp(HEARD)}]
    wire = _wire(
        "up",
        rx_info=heard,
        f_cnt=10,
        f_port=5,
        data=bytes.fromhex("0100e20229"),
        dev_addr=bytes.fromhex("00513942"),
        tags={"place": "roof"},
        published_at=_stamp(PUBLISHED),
        device_profile_name="ELSYS ERS",
    )
    as_json, as_protobuf = _decode(_json()), _decode(wire)
    assert as_protobuf.measurements == as_json.measurements
    assert as_protobuf.time_ns == as_json.time_ns
    assert (as_protobuf.device, as_protobuf.name) == (as_json.device, as_json.name)
    assert (as_protobuf.model, as_protobuf.format) == (as_json.model, as_json.format)


def test_a_protobuf_uplink_of_zeros_and_its_object():
    wire = _wire("up", object_json='{"co2": 0}', rx_info=[{}])
    message = _decode(wire)
    assert _values(message) == {("co2", ""): 0.0}
    assert message.time_ns is None


def test_zeros_that_are_left_out():
    left_out = {"fCnt", "fPort", "dr", "adr", "rxInfo", "tags", "objectJSON", "data"}
    message = _decode({k: v for k, v in _json().items() if k not in left_out})
    assert message.measurements == []
    assert message.time_ns == rfc3339_ns(PUBLISHED)


@pytest.mark.parametrize(
    ("times", "published", "wanted"),
    [
        ([None, HEARD], PUBLISHED, HEARD),
        ([None, None], PUBLISHED, PUBLISHED),
        ([None, None], None, None),
        (["2021-06-01T11:59:58Z", HEARD], PUBLISHED, HEARD),  # the second heard better
        (["2021-06-01T11:59:58Z", None], PUBLISHED, "2021-06-01T11:59:58Z"),
        ([None, "2021-06-01T11:00:00Z"], PUBLISHED, "2021-06-01T11:00:00Z"),  # came late
        ([None, "2021-06-01T13:00:00Z"], PUBLISHED, PUBLISHED),  # heard after it was published
        (["1970-01-01T00:00:09Z", HEARD], PUBLISHED, HEARD),
        (["2021-06-01T11:59:58Z", "1970-01-01T00:00:09Z"], None, "2021-06-01T11:59:58Z"),
        ([None, "1970-01-01T00:00:09Z"], PUBLISHED, PUBLISHED),
        ([None, HEARD], "0001-01-01T00:00:00Z", HEARD),
    ],
)
def test_which_time_is_the_time_of_sampling(times, published, wanted):
    heard = [
        {"time": time, "rssi": -50, "loRaSNR": snr} for time, snr in zip(times, (1, 2), strict=True)
    ]
    message = _decode(_json(rxInfo=heard, publishedAt=published))
    assert message.time_ns == (None if wanted is None else rfc3339_ns(wanted))


def test_a_gateway_without_a_clock_alone_is_suspect():
    heard = [{"time": "1970-01-01T00:00:09Z", "rssi": -50}]
    message = _decode(_json(rxInfo=heard, publishedAt=None))
    assert message.time_ns == RECEIVED_NS
    assert {one.quality for one in message.measurements} == {Quality.SUSPECT}


def test_what_makes_an_uplink_one():
    first, again = _decode(_json()), _decode(_json())
    assert first.key == again.key
    assert first.key.startswith("10/")
    others = [_json(fCnt=11), _json(rxInfo=[]), _json(devAddr="AFE5Qw==")]
    assert len({_decode(one).key for one in others} | {first.key}) == 4


@pytest.mark.parametrize(
    "topic",
    [
        f"application/7/device/{EUI}/rx",
        f"application/7/node/{EUI}/rx",
        f"city/application/7/device/{EUI.upper()}/up",
        f"city/application/7/device/{EUI}/event/up",
    ],
)
def test_older_topics(topic):
    event = _json(devEUI=EUI, nodeName="old", deviceName="")
    message = _decode(event, topic=topic)
    assert (message.device, message.name) == (EUI, "old")
    assert ("temperature", "") in _values(message)


@pytest.mark.parametrize(
    ("topic", "wanted"),
    [
        (f"application/7/device/{EUI}/rx", True),
        (f"application/7/node/{EUI}/rx", True),
        (f"application/7/device/{EUI}/error", True),
        (f"application/7/device/{EUI}/event/up", False),
        (f"application/7/device/{EUI}/tx", False),
        (f"application/7/node/{EUI}/join", False),
        (f"application/7/device/{EUI}/command/down", False),
        ("application/7", False),
        ("", False),
    ],
)
def test_only_topics_that_v4_has_not_are_claimed(topic, wanted):
    assert chirpstack_v3.claims(topic, b"", Setup()) is wanted


JOIN = {"devEUI": EUI, "deviceName": "garden-sensor", "publishedAt": PUBLISHED}
AT = {"time": PUBLISHED}


@pytest.mark.parametrize(
    ("name", "fields", "wire", "state"),
    [
        ("join", {"devAddr": "AFE5Qg=="}, {"dev_addr": bytes.fromhex("00513942")},
         {"dev_addr": "00513942"}),
        ("join", {"devAddr": "00513942"}, {"dev_addr": bytes.fromhex("00513942")},
         {"dev_addr": "00513942"}),
        ("ack", {"acknowledged": True, "fCnt": 12}, {"acknowledged": True, "f_cnt": 12},
         {"acknowledged": True, "f_cnt_down": 12}),
        ("ack", {"acknowledged": False, "fCnt": 0}, {}, {"acknowledged": False, "f_cnt_down": 0}),
        ("txack", {"gatewayID": "AwMDAwMDAwM=", "fCnt": 12},
         {"gateway_id": b"\3" * 8, "f_cnt": 12},
         {"gateway_id": "03" * 8, "f_cnt_down": 12}),
        ("error", {"type": "UPLINK_MIC", "error": "invalid MIC", "fCnt": 3},
         {"type": 7, "error": "invalid MIC", "f_cnt": 3},
         {"type": "UPLINK_MIC", "error": "invalid MIC"}),
        ("location", {"location": {"latitude": 52.37, "longitude": 4.91, "altitude": 0,
                                   "source": "UNKNOWN", "accuracy": 0}},
         {"location": {"latitude": 52.37, "longitude": 4.91}},
         {"latitude": 52.37, "longitude": 4.91}),
        ("location", {"location": {"latitude": 52.37, "source": "GPS"}},
         {"location": {"latitude": 52.37, "source": 1}}, {"latitude": 52.37, "source": "GPS"}),
        ("integration", {"integrationName": "loracloud", "eventType": "x", "objectJSON": "{}"},
         {"integration_name": "loracloud", "event_type": "x"},
         {"integration": "loracloud", "event_type": "x"}),
    ],
)  # fmt: skip
def test_an_event_that_measures_nothing_is_state(name, fields, wire, state):
    as_json = _decode(JOIN | fields, name)
    assert as_json.measurements == []
    told = as_json.state[name]
    assert rfc3339_ns(told.pop("time")) == rfc3339_ns(PUBLISHED)
    assert told == state
    as_protobuf = _decode(_wire(name, published_at=_stamp(PUBLISHED), **wire), name)
    assert as_protobuf.state[name] == state | {"time": "2021-06-01T11:59:58.400+00:00"}
    assert (as_protobuf.device, as_protobuf.time_ns) == (as_json.device, as_json.time_ns)


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({"margin": 6, "batteryLevel": 75.5}, {"link_margin": 6.0, "battery_level": 75.5}),
        ({}, {"link_margin": 0.0, "battery_level": 0.0}),
        ({"externalPowerSource": True}, {"link_margin": 0.0}),
        ({"batteryLevelUnavailable": True, "batteryLevel": 0}, {"link_margin": 0.0}),
        ({"margin": 6, "battery": 127}, {"link_margin": 6.0, "battery_level": 50.0}),
        ({"margin": 6, "battery": 0}, {"link_margin": 6.0}),
        ({"margin": 6, "battery": 255}, {"link_margin": 6.0}),
        ({"margin": 6, "battery": 182, "batteryLevel": 71.65},
         {"link_margin": 6.0, "battery_level": 71.65}),
    ],
)  # fmt: skip
def test_status_measures_margin_and_battery(fields, wanted):
    message = _decode(JOIN | fields, "status")
    assert {one.quantity: one.value for one in message.measurements} == wanted
    assert message.state["external_power_source"] == (
        fields.get("externalPowerSource", False) or fields.get("battery") == 0
    )


def test_status_in_protobuf():
    message = _decode(_wire("status", margin=-6, battery_level=88.3), "status")
    assert {one.quantity: one.value for one in message.measurements} == {
        "link_margin": -6.0,
        "battery_level": 88.3,
    }


@pytest.mark.parametrize(
    ("event", "name", "rule"),
    [
        (b"{}", "up", "JSON"),
        (b'{"devEUI":5}', "up", "JSON"),
        (b"[1]", "error", "JSON"),
        (_json(devEUI="AgICAgICAgI="), "up", "DevEUI"),
        (_json(devEUI="a81758"), "up", "DevEUI"),
        (_json(devEUI="!"), "up", "DevEUI"),
        (_json(objectJSON="{"), "up", "objectJSON"),
        (_json(objectJSON="[1]"), "up", "ChirpStack object"),
        (_json(fPort=256), "up", "JSON"),
        (_json(publishedAt="yesterday", rxInfo=[]), "up", "time"),
        (JOIN | {"devAddr": "x"}, "join", "DevAddr"),
        (_wire("up", f_port=256), "up", "FPort"),
        (_wire("up", published_at={"seconds": 2**60}), "up", "time"),
        (_wire("up", data=b"\x3f"), "up", "ELSYS type"),
        (_wire("up", data=b"\1\0\xe2")[:-2], "up", "protobuf"),
    ],
)
def test_broken_events_are_refused(event, name, rule):
    with pytest.raises(PayloadError) as caught:
        _decode(event, name)
    assert caught.value.rule.startswith(rule)


FIELDS = [
    *("publishedAt", "time", "fPort", "fCnt", "data", "object", "objectJSON", "rxInfo", "margin"),
    *("battery", "location", "tags", "error", "devAddr", "gatewayID", "type", "deviceName"),
]
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
TREES = LEAVES | st.lists(LEAVES, max_size=2) | st.dictionaries(st.text(max_size=3), LEAVES)
NAMES = st.sampled_from(sorted(chirpstack_v3._OLDER))


@settings(max_examples=300)
@given(st.dictionaries(st.sampled_from(FIELDS), TREES, max_size=5), NAMES)
def test_any_json(event, name):
    assert _is_message_or_refused(json.dumps({"devEUI": EUI, **event}).encode(), name)


@settings(max_examples=300)
@given(st.binary(max_size=100), NAMES, st.booleans())
def test_any_bytes(payload, name, begun):
    head = b"\x22\x08" + bytes.fromhex(EUI) if begun else b""
    assert _is_message_or_refused(head + payload, name)


def _is_message_or_refused(payload: bytes, name: str) -> bool:
    try:
        message = _decode(payload, topic=f"application/7/device/{EUI}/{name}")
    except PayloadError as error:
        return error.rule != "decoder fault"
    return message.device == EUI
