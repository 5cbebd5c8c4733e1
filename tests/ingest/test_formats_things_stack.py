import base64
import copy
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.clock import rfc3339_ns
from ingest.decode import Decoder
from ingest.errors import PayloadError
from ingest.formats import things_stack
from ingest.formats.setup import Setup
from ingest.reading import Envelope, Message

VECTORS = Path(__file__).parents[1] / "vectors"
EVENTS = [
    one["json"] for one in json.loads((VECTORS / "things_stack_events.json").read_text("utf-8"))
]
RECEIVED_NS = rfc3339_ns("2026-06-01T12:00:00Z")
EUI = "a81758fffe04a1b2"
HEARD = "2026-06-01T11:59:58.448769590Z"
SERVED = "2026-06-01T11:59:58.668892406Z"
TOPIC = "v3/hall@ttn/devices/roof-1/up"
IDS = {
    "device_id": "roof-1",
    "application_ids": {"application_id": "hall"},
    "dev_eui": EUI.upper(),
    "join_eui": "800000000000000C",
    "dev_addr": "009C0D6F",
}


def _uplink(*without: str, **changes: object) -> dict[str, object]:
    """Return the uplink of an ELSYS sensor, with these fields of its message changed."""
    message = {
        "session_key_id": "AW+poh7YEnPnhTgVoA5a2A==",
        "f_port": 5,
        "f_cnt": 13,
        "frm_payload": base64.b64encode(bytes.fromhex("0100e20229")).decode(),
        "rx_metadata": [
            {"gateway_ids": {"gateway_id": "g1"}, "time": "2026-06-01T11:59:59Z",
             "timestamp": 1453994219, "rssi": -3, "channel_rssi": -3, "snr": 9.5},
            {"gateway_ids": {"gateway_id": "packetbroker"}, "packet_broker": {"message_id": "1"},
             "rssi": -90, "channel_rssi": -90, "snr": -4.2},
        ],
        "settings": {"data_rate": {"lora": {"bandwidth": 125000}}, "timestamp": 1453994219,
                     "time": "2026-06-01T11:59:59Z"},
        "received_at": HEARD,
        "consumed_airtime": "1.482752s",
    }  # fmt: skip
    message = {key: one for key, one in (message | changes).items() if key not in without}
    return {"end_device_ids": IDS, "received_at": SERVED, "uplink_message": message}


def _decode(event: object, topic: str = TOPIC, decoder: Decoder | None = None) -> Message:
    payload = event if isinstance(event, bytes) else json.dumps(event).encode()
    decoder = decoder or Decoder(formats=(things_stack,))
    return decoder.decode(Envelope("test", topic, payload, RECEIVED_NS))


def _values(message: Message) -> dict[tuple[str, str], float]:
    return {(one.quantity, one.channel): one.value for one in message.measurements}


def test_an_uplink():
    message = _decode(_uplink())
    assert (message.device, message.name, message.format) == (EUI, "roof-1", "things_stack")
    assert message.time_ns == rfc3339_ns(HEARD)
    assert message.key == f"AW+poh7YEnPnhTgVoA5a2A==/13/{HEARD}"
    assert message.state == {}
    assert _values(message) == {
        ("temperature", ""): 22.6,
        ("humidity", ""): 41.0,
        ("rssi", ""): -3.0,
        ("snr", ""): 9.5,
    }


@pytest.mark.parametrize("event", EVENTS, ids=range(len(EVENTS)))
def test_every_message_of_the_documentation_is_understood(event):
    """One brings text that no codec knows; the others are read."""
    event = copy.deepcopy(event)
    if event.get("uplink_message", {}).get("frm_payload") == "VGVtcGVyYXR1cmUgPSAwLjA=":
        with pytest.raises(PayloadError, match="payload codec"):
            _decode(event)
        event["uplink_message"]["decoded_payload"] = {"temperature": 0}
    message = _decode(event)
    assert message.format == "things_stack"
    told = event.get("payload") or event.get("result") or event
    assert bool(message.measurements) == ("uplink_message" in told)
    known = {"join_accept", "downlink_ack", "downlink_failed"} & told.keys()
    assert {name.replace("join_accept", "join") for name in known} == message.state.keys()


def test_the_documented_uplinks_say_what_they_mean():
    text = copy.deepcopy(EVENTS[9])
    text["uplink_message"]["decoded_payload"] = {"temperature": 0}
    first, text, stored = (_decode(event) for event in (EVENTS[0], text, EVENTS[12]))
    assert first.time_ns == rfc3339_ns("2020-01-15T16:02:10.448769590Z")
    assert first.device == "hall@ttn/my-motion-sensor-1"  # its DevEUI is blacked out
    assert _values(first)["temperature", ""] == 6.0
    assert text.time_ns == rfc3339_ns("2019-01-29T13:02:34.981Z")  # only a gateway tells a time
    assert (text.device, text.key) == ("4200000000000000", "AWiZpAyXrAfEkUNkBljRoA==/0/")
    assert _values(stored)["occupancy", ""] == 1.0


def test_zeros_falses_and_empties_are_left_out():
    event = _uplink("f_port", "f_cnt", "frm_payload", "rx_metadata", "settings")
    message = _decode(event)
    assert message.measurements == []
    assert message.key == f"AW+poh7YEnPnhTgVoA5a2A==/0/{HEARD}"
    event = _uplink(rx_metadata=[{"snr": -9.5, "rssi": -100}, {"channel_rssi": -70}])
    values = _values(_decode(event))
    assert (values["rssi", ""], values["snr", ""]) == (-70.0, 0.0)


@pytest.mark.parametrize(
    ("event", "wanted"),
    [
        (_uplink(), HEARD),
        (_uplink("received_at"), SERVED),
        (_uplink("received_at") | {"received_at": None}, "2026-06-01T11:59:59Z"),
        (_uplink("received_at", "settings") | {"received_at": None}, "2026-06-01T11:59:59Z"),
        (_uplink("received_at", "settings", "rx_metadata") | {"received_at": None}, None),
    ],
)
def test_of_the_three_times_the_network_servers_counts(event, wanted):
    message = _decode(event)
    assert message.time_ns == (None if wanted is None else rfc3339_ns(wanted))


def test_a_simulated_uplink_is_no_measurement():
    message = _decode(_uplink(decoded_payload={"temperature": 99}) | {"simulated": True})
    assert message.measurements == []
    assert message.state == {"simulated": {"time": HEARD, "f_port": 5}}
    assert _decode(_uplink() | {"simulated": False}).measurements


def test_normalised_before_decoded():
    event = _uplink(
        decoded_payload={"temperature": 99},
        normalized_payload=[{"air": {"temperature": 21.5, "relativeHumidity": 40}, "battery": 3.6}],
    )
    values = _values(_decode(event))
    assert values["temperature", ""] == 21.5
    assert values["humidity", ""] == 40.0
    assert values["battery_voltage", ""] == 3.6
    assert len(values) == 5


def test_a_normalised_object_that_is_no_list():
    values = _values(_decode(_uplink(normalized_payload={"soil": {"moisture": 31}})))
    assert values["soil_moisture", ""] == 31.0


def test_normalised_elements_of_one_time():
    event = _uplink(
        normalized_payload=[
            {"air": {"temperature": 21.5}, "soil": {"depth": 10, "moisture": 31}},
            {"air": {"relativeHumidity": 40}},
            {"soil": {"depth": 30, "moisture": 35}},
        ]
    )
    values = _values(_decode(event))
    assert values["temperature", ""] == 21.5
    assert values["humidity", ""] == 40.0
    assert (values["soil_moisture", ""], values["soil_moisture", "3"]) == (31.0, 35.0)


def test_normalised_elements_with_times_of_their_own():
    earlier = "2026-06-01T11:00:00Z"
    event = _uplink(
        normalized_payload=[
            {"air": {"temperature": 21.5}},
            {"time": earlier, "air": {"temperature": 20.5}},
        ]
    )
    found = [one for one in _decode(event).measurements if one.quantity == "temperature"]
    assert [(one.value, one.time_ns) for one in found] == [
        (21.5, rfc3339_ns(HEARD)),
        (20.5, rfc3339_ns(earlier)),
    ]


def test_the_event_of_a_normalised_uplink():
    event = _uplink(normalized_payload={"air": {"temperature": 21.5}})
    event["uplink_normalized"] = event.pop("uplink_message")
    message = _decode(event, TOPIC + "/normalized")
    assert message.time_ns == rfc3339_ns(HEARD)
    assert _values(message)["temperature", ""] == 21.5


@pytest.mark.parametrize("nothing", [None, {}, []])
def test_nothing_normalised_is_not_there(nothing):
    event = _uplink(normalized_payload=nothing, decoded_payload={"co2": 410})
    assert _values(_decode(event))["co2", ""] == 410.0


def test_the_model_names_the_codec():
    payload = base64.b64encode(bytes.fromhex("016700ff")).decode()
    event = _uplink(frm_payload=payload, version_ids={"brand_id": "acme", "model_id": "lpp"})
    event["end_device_ids"] = IDS | {"dev_eui": "0101010101010101"}
    message = _decode(event)
    assert message.model == "lpp"
    assert _values(message)["temperature", "1"] == 25.5
    event = _uplink(frm_payload=payload, version_ids={"model_id": "ers"})
    decoder = Decoder(codecs_by_name={"ers": "cayenne"}, formats=(things_stack,))
    values = _values(_decode(event, decoder=decoder))
    assert values["temperature", "1"] == 25.5


def test_warnings_places_and_battery_are_state():
    event = _uplink(
        decoded_payload={"co2": 410},
        decoded_payload_warnings=["old firmware"],
        normalized_payload_warnings=["no co2"],
        locations={"user": {"latitude": 51.5, "longitude": 7.4, "source": "SOURCE_REGISTRY"}},
        last_battery_percentage={"f_cnt": 3, "value": 98.4, "received_at": HEARD},
    )
    assert _decode(event).state == {
        "codec_warnings": ["old firmware", "no co2"],
        "locations": event["uplink_message"]["locations"],
        "battery_level": 98.4,
    }


def test_two_uplinks_of_the_same_counter_are_two():
    keys = {
        _decode(_uplink()).key,
        _decode(_uplink(f_cnt=14)).key,
        _decode(_uplink(received_at="2026-06-01T11:59:30Z")).key,
        _decode(_uplink(session_key_id="AX")).key,
        _decode(_uplink(decoded_payload={"a": 1})).key,  # the first, told again
    }
    assert len(keys) == 4
    nameless = _uplink("received_at", "session_key_id") | {"received_at": None}
    assert _decode(nameless).key is None


def test_a_device_without_a_deveui():
    decoder = Decoder(formats=(things_stack,))
    bare = {key: one for key, one in IDS.items() if key != "dev_eui"}
    failed = {"end_device_ids": bare, "downlink_failed": {"error": {"name": "too_long"}}}
    assert _decode(failed, decoder=decoder).device == "hall@ttn/roof-1"
    _decode(_uplink(), decoder=decoder)
    message = _decode(failed, decoder=decoder)
    assert message.device == EUI
    assert message.state == {"downlink_failed": {"time": None, "error": "too_long"}}
    other = _decode(failed, TOPIC.replace("hall@", "depot@"), decoder)
    assert other.device == "depot@ttn/roof-1"
    known = {"end_device_ids": bare | {"device_id": f"eui-{EUI}"}, "join_accept": {}}
    assert _decode(known).device == EUI


@pytest.mark.parametrize(
    ("told", "state"),
    [
        ({"join_accept": {"session_key_id": "AX", "received_at": HEARD}},
         {"join": {"time": HEARD, "dev_addr": "009c0d6f"}}),
        *(({f"downlink_{name}": {"f_port": 15, "f_cnt": 11, "frm_payload": "vu8="}},
           {f"downlink_{name}": {"time": SERVED, "f_port": 15, "f_cnt_down": 11}})
          for name in ("queued", "sent", "ack", "nack")),
        ({"downlink_queue_invalidated": {"downlinks": []}},
         {"downlink_queue_invalidated": {"time": SERVED}}),
        ({"service_data": {"service": "lora-cloud", "data": {"a": 1}}},
         {"service_data": {"time": SERVED, "service": "lora-cloud"}}),
        ({"location_solved": {"service": "geo", "location": {"latitude": 51.5, "accuracy": 9}}},
         {"location": {"time": SERVED, "service": "geo", "latitude": 51.5, "accuracy": 9}}),
        ({"downlinks": [{"f_port": 15, "frm_payload": "vu8="}]}, {}),
    ],
)  # fmt: skip
def test_other_events_are_state(told, state):
    message = _decode({"end_device_ids": IDS, "received_at": SERVED, **told})
    assert (message.device, message.measurements, message.state) == (EUI, [], state)
    assert message.time_ns == rfc3339_ns(SERVED)


@pytest.mark.parametrize(
    ("topic", "wanted"),
    [
        ("v3/app1/devices/dev1/up", True),
        ("v3/app1@tenant1/devices/dev1/down/queued", True),
        ("city/v3/app1/devices/dev1/service/data", True),
        ("v3/app1/devices/dev1", False),
        ("v3/app1/gateways/dev1/up", False),
        ("v3//devices/dev1/up", False),
        ("v2/app1/devices/dev1/up", False),
        ("application/7/device/0101010101010101/event/up", False),
        ("", False),
    ],
)
def test_which_topics_are_claimed(topic, wanted):
    assert things_stack.claims(topic, b"", Setup()) is wanted


@pytest.mark.parametrize(
    ("event", "rule"),
    [
        (b"", "JSON"),
        (b"[]", "JSON"),
        (b"\xff", "JSON"),
        ({}, "event of The Things Stack"),
        ({"end_device_ids": IDS}, "event of The Things Stack"),
        ({"end_device_ids": IDS, "uplink_mesage": {}}, "event of The Things Stack"),
        (_uplink(f_port=256), "JSON"),
        (_uplink(frm_payload="?"), "JSON"),
        (_uplink(received_at="now"), "time"),
        (_uplink(normalized_payload=[1]), "JSON"),
        (_uplink(frm_payload="Pw=="), "ELSYS type"),
        (b'{"result":' * 9999 + b"1" + b"}" * 9999, "nesting"),
    ],
)
def test_broken_events_are_refused(event, rule):
    with pytest.raises(PayloadError) as caught:
        _decode(event)
    assert caught.value.rule.startswith(rule)


def test_what_round_it_stands_is_taken_off():
    for wrapper in ("result", "payload", "data"):
        assert _decode({wrapper: _uplink(), "name": "x"}).measurements


FIELDS = [
    *("f_port", "f_cnt", "frm_payload", "decoded_payload", "normalized_payload", "rx_metadata"),
    *("settings", "received_at", "locations", "version_ids", "last_battery_percentage"),
    *("session_key_id", "decoded_payload_warnings", "attributes"),
]
KINDS = [
    *("uplink_message", "uplink_normalized", "join_accept", "downlink_ack", "downlink_failed"),
    *("location_solved", "service_data", "ids", "associations", "result", "news"),
]
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
TREES = LEAVES | st.lists(LEAVES, max_size=2) | st.dictionaries(st.text(max_size=3), LEAVES)
OBJECTS = st.dictionaries(st.text(max_size=3), LEAVES | TREES, max_size=3)
FUZZED = Decoder(formats=(things_stack,))


@settings(max_examples=300)
@given(
    st.sampled_from(KINDS),
    st.dictionaries(st.sampled_from(FIELDS), TREES | OBJECTS | st.lists(OBJECTS), max_size=4),
    st.booleans(),
)
def test_any_json(kind, fields, simulated):
    event = {"end_device_ids": IDS, kind: fields, "simulated": simulated}
    assert _is_message_or_refused(json.dumps(event).encode())


@settings(max_examples=200)
@given(st.binary(max_size=100))
def test_any_bytes(payload):
    assert _is_message_or_refused(payload)


def _is_message_or_refused(payload: bytes) -> bool:
    try:
        return _decode(payload, decoder=FUZZED).format == "things_stack"
    except PayloadError as error:
        return error.rule != "decoder fault"
