import json

import pytest
from gateway_events import EUI, GATEWAY, _decode, _decoder, _packet, _phy, _up
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.errors import PayloadError
from ingest.formats import lorawan_gateway
from ingest.formats.setup import Setup


@pytest.mark.parametrize(
    ("topic", "wanted"),
    [
        (f"gateway/{GATEWAY}/event/up", True),
        (f"city/eu868/gateway/{GATEWAY.upper()}/event/stats", True),
        (f"eu868/gateway/{GATEWAY}/state/conn", True),
        (f"eu868/gateway/{GATEWAY}/command/down", False),
        (f"eu868/gateway/{GATEWAY}/event/news", False),
        (f"eu868/gateway/{GATEWAY}/state/up", False),
        ("gateway/kitchen/event/up", False),
        ("zigbee2mqtt/gateway", False),
        ("", False),
    ],
)
def test_which_topics_are_claimed(topic, wanted):
    assert lorawan_gateway.claims(topic, b"", Setup()) is wanted


@pytest.mark.parametrize(
    ("event", "rule"),
    [
        (b"", "gateway uplink"),
        (b"\xff", "protobuf"),
        ({}, "gateway uplink"),
        ({"phyPayload": "?"}, "JSON"),
        (_up(b""), "LoRaWAN version"),
        (_up(b"\x40\1"), "LoRaWAN frame length"),
        (_up(gwTime="noon"), "time"),
        (_up(timeSinceGpsEpoch="1 s"), "time since the GPS epoch"),
        (_up(timeSinceGpsEpoch="999999999999s"), "time"),
        ({"rxpk": [{"data": "?"}]}, "data of a packet"),
        ({"rxpk": [_packet(_phy(), tmms=-(10**15))]}, "time"),
        (_up(_phy(b"\x3f")), "ELSYS type"),
    ],
)
def test_broken_events_are_refused(event, rule):
    with pytest.raises(PayloadError) as caught:
        _decode(event)
    assert caught.value.rule.startswith(rule)


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
OBJECTS = st.dictionaries(
    st.sampled_from(["gwTime", "time", "rssi", "snr", "timeSinceGpsEpoch", "tmms", "data", "stat"]),
    LEAVES,
    max_size=4,
)
NAMES = st.sampled_from([*(f"event/{name}" for name in lorawan_gateway._EVENTS), "state/conn"])
FUZZED = _decoder()


@settings(max_examples=300)
@given(
    st.dictionaries(
        st.sampled_from(["rxInfo", "rxpk", "stat", "time", "location", "metadata", "state"]),
        OBJECTS | LEAVES | st.lists(OBJECTS, max_size=3),
        max_size=4,
    ),
    NAMES,
    st.booleans(),
)
def test_any_json(event, name, ours):
    event = (_up() if ours else {}) | event
    assert _is_message_or_refused(json.dumps(event).encode(), name)


@settings(max_examples=300)
@given(st.binary(max_size=80), NAMES, st.booleans())
def test_any_bytes(payload, name, begun):
    head = b"\x0a" + bytes((len(_phy()),)) + _phy() if begun else b""
    assert _is_message_or_refused(head + payload, name)


@settings(max_examples=200)
@given(st.binary(max_size=60))
def test_any_frame(phy):
    assert _is_message_or_refused(json.dumps(_up(phy)).encode(), "event/up")


def _is_message_or_refused(payload: bytes, name: str) -> bool:
    try:
        return _decode(payload, name, FUZZED).device in {GATEWAY, EUI}
    except PayloadError as error:
        return error.rule != "decoder fault"
