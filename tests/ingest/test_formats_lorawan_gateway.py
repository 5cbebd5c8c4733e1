import json

import pytest
from gateway_events import (
    ADDRESS,
    APP,
    ELSYS,
    EUI,
    GATEWAY,
    HEARD,
    KEYS,
    NWK,
    READ,
    RECEIVED_NS,
    SERVING,
    _decode,
    _decoder,
    _packet,
    _phy,
    _up,
    _values,
)
from google.protobuf import json_format

from ingest import lorawan
from ingest.clock import rfc3339_ns
from ingest.codecs.script import Answer
from ingest.errors import PayloadError
from ingest.formats import lorawan_gateway, lorawan_gateway_wire
from ingest.formats.setup import Setup
from ingest.reading import Envelope, Message
from ingest.uplink import Pending


def test_an_uplink_with_the_right_keys():
    message = _decode(_up())
    assert (message.device, message.format) == (EUI, "lorawan_gateway")
    assert message.time_ns == rfc3339_ns(HEARD)
    assert message.key == f"{ADDRESS}/7/{_phy()[-4:].hex()}"
    assert message.state == {}
    assert _values(message) == READ


def test_an_uplink_of_version_3():
    event = _up()
    event["rxInfo"] = {
        "gatewayID": "ABbAAfFToUw=",
        "time": HEARD,
        "timeSinceGPSEpoch": None,
        "rssi": -36,
        "loRaSNR": 10.5,
        "crcStatus": "CRC_OK",
    }
    message = _decode(event)
    assert (message.device, message.time_ns, _values(message)) == (EUI, rfc3339_ns(HEARD), READ)


def test_protobuf_of_the_maker_is_the_same_message():
    gw = pytest.importorskip("chirpstack_api.gw.gw_pb2")
    wire = json_format.ParseDict(_up(snr=-7.2), gw.UplinkFrame()).SerializeToString()
    assert _decode(wire) == _decode(_up(snr=-7.2))
    legacy = gw.UplinkFrame(phy_payload=_phy())
    legacy.rx_info_legacy.CopyFrom(gw.UplinkRxInfoLegacy(rssi=-36, lora_snr=10.5))
    legacy.rx_info_legacy.time.FromJsonString(HEARD)
    assert _decode(legacy.SerializeToString()) == _decode(_up())
    bad = json_format.ParseDict(_up(crcStatus="BAD_CRC"), gw.UplinkFrame())
    assert _decode(bad.SerializeToString()).device == GATEWAY
    stats = gw.GatewayStats(gateway_id=GATEWAY, rx_packets_received=3, metadata={"model": "x"})
    assert _decode(stats.SerializeToString(), "event/stats").state == {
        "stats": {"metadata": {"model": "x"}}
    }
    online = gw.ConnState(gateway_id=GATEWAY, state="ONLINE")
    assert _decode(online.SerializeToString(), "state/conn").state == {"conn": "ONLINE"}


def test_our_numbers_are_the_makers():
    gw = pytest.importorskip("chirpstack_api.gw.gw_pb2")
    pairs = {
        "Up": gw.UplinkFrame,
        "RxV4": gw.UplinkRxInfo,
        "RxV3": gw.UplinkRxInfoLegacy,
        "Stats": gw.GatewayStats,
        "Conn": gw.ConnState,
    }
    for ours, theirs in pairs.items():
        for field in lorawan_gateway_wire._TYPES[ours].DESCRIPTOR.fields:
            same = theirs.DESCRIPTOR.fields_by_name[field.name]
            kind = field.TYPE_INT32 if same.enum_type else same.type
            assert (field.number, field.type) == (same.number, kind), field.name


@pytest.mark.parametrize(
    ("rx", "wanted"),
    [
        ({}, HEARD),
        ({"timeSinceGpsEpoch": "1436486418.5s"}, "2025-07-14T00:00:00.5Z"),
        ({"timeSinceGPSEpoch": "1436486418s", "gwTime": None}, "2025-07-14T00:00:00Z"),
        ({"gwTime": None}, None),
    ],
)
def test_gps_time_before_the_gateways_clock(rx, wanted):
    message = _decode(_up(**rx))
    assert message.time_ns == (None if wanted is None else rfc3339_ns(wanted))


def test_gps_time_in_protobuf():
    gw = pytest.importorskip("chirpstack_api.gw.gw_pb2")
    event = _up(timeSinceGpsEpoch="1436486418.5s")
    wire = json_format.ParseDict(event, gw.UplinkFrame()).SerializeToString()
    assert _decode(wire).time_ns == rfc3339_ns("2025-07-14T00:00:00.5Z")


def test_several_gateways_hear_one_uplink():
    first = _decode(_up())
    second = _decode(_up(rssi=-90, gwTime="2026-06-01T11:59:58.2Z"), gateway="00" * 8)
    again = _decode(_up(_phy(f_cnt=8)))
    assert (first.device, first.key) == (second.device, second.key)
    assert again.key != first.key


def test_a_device_without_a_deveui_is_called_by_its_address():
    keys = {name: key for name, key in KEYS.items() if not name.endswith("/eui")}
    decoder = _decoder(keys, codecs_by_name={ADDRESS: "elsys"})
    assert _decode(_up(), decoder=decoder).device == ADDRESS


def test_the_upper_half_of_the_counter_is_found_and_remembered():
    decoder = _decoder()
    assert _decode(_up(_phy(f_cnt=65_535)), decoder=decoder).key.startswith(f"{ADDRESS}/65535/")
    assert decoder.memory.unsaved() == []
    assert _decode(_up(_phy(f_cnt=65_537)), decoder=decoder).key.startswith(f"{ADDRESS}/65537/")
    assert decoder.memory.get("lorawan_gateway", ADDRESS) == 1
    learned = decoder.memory.unsaved()
    _decode(_up(_phy(f_cnt=65_538)), decoder=decoder)
    assert decoder.memory.unsaved() == learned
    restarted = _decoder(facts=learned)
    assert _decode(_up(_phy(f_cnt=65_539)), decoder=restarted).device == EUI
    assert _decode(_up(_phy(f_cnt=0)), decoder=decoder).device == EUI  # counts anew
    assert decoder.memory.get("lorawan_gateway", ADDRESS) == 0


def test_lorawan_1_1():
    phy = _phy()
    frame = lorawan.parse(phy)
    keys = lorawan.SessionKeys(NWK, SERVING, b"", APP)
    phy = phy[:-4] + lorawan.mic_data_11(frame, keys, 7, rate=5, channel=2)
    own = {f"{ADDRESS}/fnwk": NWK, f"{ADDRESS}/snwk": SERVING, f"{ADDRESS}/app": APP}
    own[f"{ADDRESS}/eui"] = bytes.fromhex(EUI)
    assert _values(_decode(_up(phy), decoder=_decoder(own))) == READ
    wrong = own | {f"{ADDRESS}/snwk": APP}
    assert _decode(_up(phy), decoder=_decoder(wrong)).state == {"no_key_fits": ADDRESS}


@pytest.mark.parametrize("phy", [_phy(b"\x02\x03\x05", f_port=0), _phy(b"")])
def test_a_frame_without_a_payload_tells_the_radio_only(phy):
    message = _decode(_up(phy))
    assert message.device == EUI
    assert _values(message) == {"rssi": -36.0, "snr": 10.5}


FOREIGN = bytes.fromhex("40f17dbe4900020001954378762b11ff0d")


@pytest.mark.parametrize(
    "phy",
    [
        FOREIGN,
        _phy(kind=0x60),
        bytes.fromhex("0039363463336913aa05693574323831330489c65b1304"),
        bytes.fromhex("20e3de108795f776b8037610ef7869b5b3"),
        bytes.fromhex("c000010203080706050403020105 00aabbccdd"),
        b"\xe0\x01\x02",
    ],
)
def test_frames_of_others_are_one_fact_about_the_gateway(phy):
    message = _decode(_up(phy))
    assert (message.device, message.measurements) == (GATEWAY, [])
    assert message.state == {"hears_others": True}


def test_without_keys_all_are_others():
    assert _decode(_up(), decoder=_decoder({})).state == {"hears_others": True}


def test_a_wrong_checksum_is_not_even_looked_at():
    assert _decode(_up(b"\1", crcStatus="BAD_CRC")).state == {"hears_others": True}


def test_a_wrong_mic_is_never_decrypted():
    for at in range(len(_phy())):
        wrong = bytearray(_phy())
        wrong[at] ^= 0x10
        try:
            message = _decode(_up(bytes(wrong)))
        except PayloadError as error:
            assert error.rule.startswith("LoRaWAN")  # noqa: PT017
        else:
            assert message.measurements == []
            assert message.device == GATEWAY
    no_key = _decode(_up(_phy()[:-1] + b"\0"))
    assert no_key.state == {"no_key_fits": ADDRESS}


def test_a_join_of_a_device_of_ours():
    phy = b"\0" + bytes(8) + bytes.fromhex(EUI)[::-1] + b"\1\2" + bytes(4)
    message = _decode(_up(phy))
    assert (message.device, message.measurements) == (EUI, [])
    assert message.state == {"join_request": {"time": HEARD}}


@pytest.mark.parametrize("missing", ["nwk", "app"])
def test_half_set_keys_are_told(missing):
    keys = {name: key for name, key in KEYS.items() if not name.endswith(missing)}
    wanted = "fnwk" if missing == "nwk" else "app"
    with pytest.raises(PayloadError, match=rf"LoRaWAN session key: expected {ADDRESS}/{wanted}"):
        _decode(_up(), decoder=_decoder(keys))


def test_an_unknown_payload_is_refused_as_everywhere():
    keys = KEYS | {f"{ADDRESS}/eui": bytes(8)}
    with pytest.raises(PayloadError, match="payload codec"):
        _decode(_up(), decoder=_decoder(keys))


@pytest.mark.parametrize(
    ("name", "event", "state"),
    [
        ("event/stats", {"gatewayId": GATEWAY, "time": HEARD, "rxPacketsReceived": 8,
                         "location": {"latitude": 51.5}, "configVersion": "1",
                         "metadata": {"model": "x"}},
         {"stats": {"location": {"latitude": 51.5}, "config_version": "1",
                    "metadata": {"model": "x"}}}),
        ("event/stats", {"gatewayID": "ABbAAfFToUw=", "time": HEARD, "location": None,
                         "metaData": {"a": "b"}}, {"stats": {"metadata": {"a": "b"}}}),
        ("event/stats", {"stat": {"time": "2014-01-12 08:59:28 GMT", "rxnb": 2}}, {"stats": {}}),
        ("state/conn", {"gatewayId": GATEWAY, "state": "ONLINE"}, {"conn": "ONLINE"}),
        ("state/conn", {"gatewayId": GATEWAY}, {"conn": "OFFLINE"}),
        ("event/ack", {"gatewayId": GATEWAY, "items": [{"status": "OK"}]}, {}),
        ("event/exec", b"\x00", {}),
        ("event/raw", b"\x00", {}),
        ("event/up", {"stat": {"rxnb": 2}}, {}),
    ],
)  # fmt: skip
def test_what_a_gateway_tells_of_itself(name, event, state):
    message = _decode(event, name)
    assert (message.device, message.measurements, message.state) == (GATEWAY, [], state)
    if isinstance(event, dict) and "time" in event:
        assert message.time_ns == rfc3339_ns(HEARD)


@pytest.mark.parametrize("name", ["event/up", "event/raw"])
def test_what_the_packet_forwarder_itself_tells(name):
    packets = [
        _packet(FOREIGN),
        _packet(_phy(), tmms=1436486418500, time=HEARD),
        _packet(_phy(f_cnt=8), time=HEARD),
        _packet(b"\1", stat=-1),
    ]
    message = _decode({"rxpk": packets}, name)
    assert _values(message) == READ
    assert message.time_ns == rfc3339_ns("2025-07-14T00:00:00.5Z")
    devices = [(one.device, one.state) for one in message.others]
    assert devices == [(EUI, {}), (GATEWAY, {"hears_others": True})]
    assert message.others[0].time_ns == rfc3339_ns(HEARD)


def _read(packets: list[dict[str, object]]) -> Message | Pending:
    setup = Setup(codecs={EUI: "mine"}, scripts={"mine": "mine"}, keys=KEYS)
    payload = json.dumps({"rxpk": packets}).encode()
    topic = f"gateway/{GATEWAY}/event/up"
    return lorawan_gateway.read(Envelope("test", topic, payload, RECEIVED_NS), setup)


def test_a_script_beside_other_frames():
    alone = _read([_packet(_phy())])
    assert isinstance(alone, Pending)
    assert (alone.payload, alone.f_port) == (ELSYS, 5)
    beside = _read([_packet(_phy()), _packet(FOREIGN)])
    message = beside.finish(Answer({"temperature": 21.5}, [], [], []))
    assert _values(message)["temperature"] == 21.5
    assert [one.device for one in message.others] == [GATEWAY]
    with pytest.raises(PayloadError, match="one at most whose codec is a script"):
        _read([_packet(_phy()), _packet(_phy(f_cnt=8))])
