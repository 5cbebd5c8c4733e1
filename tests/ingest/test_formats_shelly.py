import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.clock import rfc3339_ns
from ingest.decode import Decoder
from ingest.errors import PayloadError
from ingest.formats import shelly
from ingest.reading import Envelope, Message

RECEIVED_NS = rfc3339_ns("2026-11-01T12:00:00Z")
PRO_3EM = "shellypro3em-a0dd6c9ef474"


@pytest.fixture
def decoder() -> Decoder:
    return Decoder(formats=(shelly,))


def _read(decoder: Decoder, topic: str, payload: object, *, retained: bool = False) -> Message:
    data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return decoder.decode(Envelope("test", topic, data, RECEIVED_NS, retained=retained))


def _notify(decoder: Decoder, params: object, device: str = PRO_3EM) -> Message:
    frame = {"src": device, "dst": f"{device}/events", "method": "NotifyStatus", "params": params}
    return _read(decoder, f"{device}/events/rpc", frame)


def _values(message: Message) -> dict[tuple[str, str], float]:
    values = {(one.quantity, one.channel): one.value for one in message.measurements}
    assert len(values) == len(message.measurements), "two values in one place"
    return values


def test_three_phases_with_their_time_to_the_last_digit(decoder):
    message = _read(
        decoder,
        f"{PRO_3EM}/events/rpc",
        b'{"src":"shellypro3em-a0dd6c9ef474","dst":"shellypro3em-a0dd6c9ef474/events",'
        b'"method":"NotifyStatus","params":{"ts":1771064815.123456789,"em:0":{"id":0,'
        b'"a_current":4.029,"a_voltage":236.1,"a_act_power":951.2,"a_aprt_power":951.9,"a_pf":1,'
        b'"a_freq":50,"b_current":4.027,"b_act_power":-951.1,"c_voltage":236.2,"n_current":null,'
        b'"total_current":12.083,"total_act_power":2484.782,"total_aprt_power":2486.7,'
        b'"user_calibrated_phase":[],"errors":["phase_sequence"]}}}',
    )
    assert (message.device, message.time_ns) == (PRO_3EM, 1_771_064_815_123_456_789)
    assert _values(message) == {
        ("current", "L1"): 4.029,
        ("voltage", "L1"): 236.1,
        ("active_power", "L1"): 951.2,
        ("apparent_power", "L1"): 951.9,
        ("power_factor", "L1"): 1.0,
        ("frequency", "L1"): 50.0,
        ("current", "L2"): 4.027,
        ("active_power", "L2"): -951.1,
        ("voltage", "L3"): 236.2,
        ("current", ""): 12.083,
        ("active_power", ""): 2484.782,
        ("apparent_power", ""): 2486.7,
    }
    assert message.state == {"em:0.errors": ["phase_sequence"]}


def test_energies_are_wh_already_and_ret_is_export(decoder):
    message = _notify(
        decoder,
        {
            "ts": 1771064820,
            "emdata:0": {
                "id": 0,
                "a_total_act_energy": 123456.78,
                "a_total_act_ret_energy": 0.5,
                "b_total_act_energy": None,
                "total_act": 300000.25,
                "total_act_ret": 12.5,
            },
        },
    )
    assert message.time_ns == 1_771_064_820_000_000_000
    assert _values(message) == {
        ("active_energy_import", "L1"): 123456.78,
        ("active_energy_export", "L1"): 0.5,
        ("active_energy_import", ""): 300000.25,
        ("active_energy_export", ""): 12.5,
    }


def test_a_plug_in_part_and_without_amounts_of_minutes(decoder):
    device = "shellyplusplugs-c049ef8b3a44"
    message = _notify(
        decoder,
        {
            "ts": 1771064815.5,
            "switch:0": {
                "id": 0,
                "aenergy": {
                    "by_minute": [10.5, 20.0, 30.1],
                    "minute_ts": 1771064760,
                    "total": 88.1,
                },
                "ret_aenergy": {"by_minute": [0, 0, 0], "minute_ts": 1771064760, "total": 2.25},
                "apower": 8.9,
            },
        },
        device,
    )
    assert _values(message) == {
        ("active_energy_import", "0"): 88.1,
        ("active_energy_export", "0"): 2.25,
        ("active_power", "0"): 8.9,
    }
    later = _notify(decoder, {"ts": 1.5, "switch:0": {"id": 0, "output": False}}, device)
    assert _values(later) == {("digital_output", "0"): 0.0}


def test_em1_and_em1data_share_their_channel(decoder):
    message = _notify(
        decoder,
        {
            "ts": 1771064815.5,
            "em1:1": {"id": 1, "current": 22.7, "act_power": 5080.3, "calibration": "factory"},
            "em1data:1": {"id": 1, "total_act_energy": 6644.9, "total_act_ret_energy": 2595.26},
            "pm1:0": {"id": 0, "voltage": 230.1, "apower": 1.5, "freq": 50.02},
        },
    )
    assert _values(message) == {
        ("current", "1"): 22.7,
        ("active_power", "1"): 5080.3,
        ("active_energy_import", "1"): 6644.9,
        ("active_energy_export", "1"): 2595.26,
        ("voltage", ""): 230.1,
        ("active_power", ""): 1.5,
        ("frequency", ""): 50.02,
    }


def test_the_full_status_of_a_battery_device_that_just_woke(decoder):
    message = _read(
        decoder,
        "shellyplusht-b8d61a8b17cc/events/rpc",
        {
            "src": "shellyplusht-b8d61a8b17cc",
            "dst": "shellyplusht-b8d61a8b17cc/events",
            "method": "NotifyFullStatus",
            "params": {
                "ts": 1680962879.62,
                "ble": {},
                "cloud": {"connected": False},
                "devicepower:0": {
                    "id": 0,
                    "battery": {"V": 5.43, "percent": 90},
                    "external": {"present": None},
                },
                "humidity:0": {"id": 0, "rh": 42.2},
                "illuminance:0": {"id": 0, "lux": 120, "illumination": "dim"},
                "temperature:0": {"id": 0, "tC": 19.8, "tF": 67.6},
                "temperature:100": {"id": 100, "tC": None, "tF": None},
                "temperature:101": {"id": 101, "tC": 55.5, "tF": 131.9},
                "sys": {"mac": "B8D61A8B17CC", "unixtime": None, "uptime": 3, "ram_free": 164244},
                "wifi": {"sta_ip": "192.168.3.183", "status": "got ip", "rssi": -61},
            },
        },
    )
    assert message.time_ns == 1_680_962_879_620_000_000
    assert _values(message) == {
        ("battery_voltage", ""): 5.43,
        ("battery_level", ""): 90.0,
        ("humidity", ""): 42.2,
        ("illuminance", ""): 120.0,
        ("temperature", ""): 19.8,
        ("temperature", "101"): 55.5,
        ("rssi", ""): -61.0,
    }
    assert message.state == {
        "cloud.connected": False,
        "illuminance:0.illumination": "dim",
        "sys.mac": "B8D61A8B17CC",
        "wifi.sta_ip": "192.168.3.183",
        "wifi.status": "got ip",
    }


@pytest.mark.parametrize(
    ("component", "status", "expected"),
    [
        (
            "switch:2",
            {"temperature": {"tC": 47.1, "tF": 116.8}},
            ("temperature", "2.internal", 47.1),
        ),
        ("cover:0", {"apower": 3.5, "source": "init"}, ("active_power", "cover:0", 3.5)),
        ("light:1", {"apower": 4.5}, ("active_power", "light:1", 4.5)),
        ("light:1", {"brightness": 44}, ("light:1.brightness", "", 44.0)),
        ("input:0", {"state": True}, ("digital_input", "0", 1.0)),
        ("input:2", {"counts": {"total": 77, "xtotal": 7.7}}, ("pulse_register", "2", 77.0)),
        ("input:0", {"freq": 12}, ("input:0.freq", "", 12.0)),
        ("voltmeter:100", {"voltage": 4.2}, ("voltage", "voltmeter:100", 4.2)),
        ("flood:0", {"alarm": True, "mute": None}, ("water_leak", "", 1.0)),
        ("smoke:0", {"alarm": False}, ("smoke:0.alarm", "", 0.0)),
        ("bthomesensor:200", {"value": 22.5}, ("bthomesensor:200.value", "", 22.5)),
        ("wifi", {"rssi": -60, "ssid": "K1"}, ("rssi", "", -60.0)),
    ],
)
def test_components(decoder, component, status, expected):
    message = _read(decoder, f"home/kitchen/status/{component}", {"id": 0, **status})
    assert message.measurements[0][:3] == (expected[0], expected[2], expected[1])
    assert (message.device, message.time_ns) == ("home/kitchen", None)


def test_a_prefix_keeps_the_name_of_its_device(decoder):
    switch = {"switch:0": {"apower": 1.0}}
    frame = {"src": PRO_3EM, "method": "NotifyStatus", "params": {"ts": 1.0, **switch}}
    assert _read(decoder, "a/b/status/switch:0", switch["switch:0"]).device == "a/b"
    assert _read(decoder, "a/b/events/rpc", frame).device == "a/b"
    assert _read(decoder, "c/events/rpc", frame).device == PRO_3EM
    restarted = Decoder(formats=(shelly,), facts=decoder.memory.unsaved())
    assert _read(restarted, "c/status/switch:0", switch["switch:0"]).device == PRO_3EM
    assert _read(restarted, "a/b/events/rpc", frame).device == "a/b"
    exchanged = {**frame, "src": "shellypro3em-000000000001"}
    assert _read(restarted, "c/events/rpc", exchanged).device == "shellypro3em-000000000001"
    assert _read(restarted, "c/status/switch:0", switch["switch:0"]).device[-1] == "1"


def test_the_usual_prefix_needs_no_memory(decoder):
    _notify(decoder, {"ts": 1.0, "em:0": {"a_voltage": 230}})
    _read(decoder, f"{PRO_3EM}/status/em:0", {"a_voltage": 230})
    assert decoder.memory.unsaved() == []


def test_online_commands_and_logs_are_no_readings(decoder):
    assert _read(decoder, f"{PRO_3EM}/online", b"true").state == {"online": True}
    assert _read(decoder, f"{PRO_3EM}/command/switch:0", b"on").state == {"command": "on"}
    assert _read(decoder, f"{PRO_3EM}/debug/log", b"shelly_notification 163 ...").state == {}
    request = {"id": 1, "src": "me", "method": "Switch.Set", "params": {"id": 0, "on": True}}
    message = _read(decoder, f"{PRO_3EM}/rpc", request)
    assert (message.device, message.state) == (PRO_3EM, {"command": "Switch.Set"})
    with pytest.raises(PayloadError, match="format"):
        _read(decoder, "plant/online", b"true")
    _read(decoder, "plant/status/switch:0", {"apower": 1})
    assert _read(decoder, "plant/online", b"false").state == {"online": False}


def test_events_are_state(decoder):
    frame = {
        "src": "shellyplusi4-a8032ab1fe78",
        "method": "NotifyEvent",
        "params": {
            "ts": 1771064815.25,
            "events": [{"component": "input:0", "id": 0, "event": "btn_down", "ts": 1771064815.25}],
        },
    }
    message = _read(decoder, "shellyplusi4-a8032ab1fe78/events/rpc", frame)
    assert (message.measurements, message.state) == ([], {"input:0.event": "btn_down"})


def test_an_answer_to_get_status_is_a_reading(decoder):
    answer = {
        "id": 1,
        "src": PRO_3EM,
        "dst": "user_1",
        "result": {"em:0": {"total_act_power": 5.5}, "sys": {"unixtime": 1771064815}},
    }
    message = _read(decoder, "user_1/rpc", answer)
    assert (message.device, message.time_ns) == (PRO_3EM, 1_771_064_815_000_000_000)
    assert _values(message) == {("active_power", ""): 5.5}
    single = {"id": 2, "src": PRO_3EM, "result": {"id": 0, "apower": 5.5}}
    assert not _read(decoder, "user_1/rpc", single).measurements


def test_a_retained_status_is_not_news(decoder):
    message = _read(decoder, "home/plug/status/switch:0", {"apower": 5.5}, retained=True)
    assert (message.measurements, message.state) == ([], {"retained active_power.0": 5.5})


@pytest.mark.parametrize(
    ("payload", "rule"),
    [
        (b"", "JSON"),
        (b"[]", "JSON"),
        ({"src": 5}, "JSON"),
        ({"src": "x", "method": "NotifyStatus"}, "JSON"),
        ({"src": "x", "method": "NotifyStatus", "params": {"ts": "now"}}, "ts"),
        ({"src": "x", "method": "NotifyStatus", "params": {"em:0": 5}}, "status of em:0"),
        ({"src": "x", "method": "Reboot", "params": {}}, "method"),
        ({"src": "x", "method": "NotifyEvent", "params": {"events": 1}}, "events"),
    ],
)
def test_wrong_frames_say_why(decoder, payload, rule):
    with pytest.raises(PayloadError) as refused:
        _read(decoder, f"{PRO_3EM}/events/rpc", payload)
    assert refused.value.rule == rule


_NAMES = st.sampled_from(
    ["em:0", "switch:0", "ts", "sys", "aenergy", "total", "id", "events", "src", "params", "result"]
) | st.text(max_size=8)
_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=4),
    max_leaves=12,
)
_METHODS = st.sampled_from(["NotifyStatus", "NotifyFullStatus", "NotifyEvent", "Switch.Set"])


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(["x/events/rpc", "x/status/switch:0", "x/rpc", f"{PRO_3EM}/online"]),
    st.binary(max_size=40)
    | _ANY.map(lambda one: json.dumps(one).encode())
    | st.fixed_dictionaries({"src": st.just("x"), "method": _METHODS, "params": _ANY}).map(
        lambda one: json.dumps(one).encode()
    ),
    st.booleans(),
)
def test_anything_is_a_message_or_refused(topic, payload, retained):
    envelope = Envelope("test", topic, payload, RECEIVED_NS, retained=retained)
    (found,) = Decoder(formats=(shelly,)).decode_all([envelope])
    assert isinstance(found, Message) or found.rule != "decoder fault", found
