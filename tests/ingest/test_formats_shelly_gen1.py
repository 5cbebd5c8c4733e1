import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.clock import rfc3339_ns
from ingest.decode import Decoder
from ingest.errors import PayloadError
from ingest.formats import shelly, shelly_gen1
from ingest.reading import Envelope, Message

RECEIVED_NS = rfc3339_ns("2026-11-01T12:00:00Z")


def _read(topic: str, payload: object, *, retained: bool = False) -> Message:
    data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    decoder = Decoder(formats=(shelly, shelly_gen1))
    return decoder.decode(Envelope("test", topic, data, RECEIVED_NS, retained=retained))


@pytest.mark.parametrize(
    ("topic", "payload", "expected"),
    [
        ("shellyem-B9F355/emeter/0/power", b"-1234.56", ("active_power", "0", -1234.56)),
        ("shellyem-B9F355/emeter/1/voltage", b"231.06", ("voltage", "1", 231.06)),
        ("shellyem-B9F355/emeter/1/reactive_power", b"5.5", ("reactive_power", "1", 5.5)),
        ("shellyem-B9F355/emeter/0/total", b"123456.7", ("active_energy_import", "0", 123456.7)),
        ("shellyem-B9F355/emeter/0/total_returned", b"1.5", ("active_energy_export", "0", 1.5)),
        ("shellyem-B9F355/emeter/0/energy", b"900", ("emeter/0/energy", "", 900.0)),
        ("shellyem3-3494546EDE5F/emeter/2/current", b"0.42", ("current", "L3", 0.42)),
        ("shellyem3-3494546EDE5F/emeter/0/pf", b"0.98", ("power_factor", "L1", 0.98)),
        ("shelly1pm-ABC123/relay/0/power", b"59.75", ("active_power", "0", 59.75)),
        ("shelly1pm-ABC123/relay/0/energy", b"60", ("active_energy_import", "0", 1.0)),
        ("shelly1pm-ABC123/relay/0/energy", b"123", ("active_energy_import", "0", 2.05)),
        ("shelly1pm-ABC123/relay/0", b"on", ("digital_output", "0", 1.0)),
        ("shelly1pm-ABC123/input/0", b"0", ("digital_input", "0", 0.0)),
        ("shelly1pm-ABC123/temperature", b"41.72", ("temperature", "internal", 41.72)),
        ("shelly1pm-ABC123/overtemperature", b"0", ("overtemperature", "", 0.0)),
        ("shelly1-ABC123/ext_temperature/1", b"5.5", ("temperature", "external.1", 5.5)),
        ("shellyswitch25-1/roller/0/power", b"80", ("active_power", "roller.0", 80.0)),
        ("shellyswitch25-1/roller/0/pos", b"55", ("roller/0/pos", "", 55.0)),
        ("shellyht-D6A1B2/sensor/temperature", b"21.25", ("temperature", "", 21.25)),
        ("shellyht-D6A1B2/sensor/humidity", b"44.5", ("humidity", "", 44.5)),
        ("shellyht-D6A1B2/sensor/battery", b"91", ("battery_level", "", 91.0)),
        ("shellyflood-1/sensor/flood", b"true", ("water_leak", "", 1.0)),
        ("shellydw-1/sensor/lux", b"12", ("illuminance", "", 12.0)),
        ("shellyuni-1/adc/0", b"12.1", ("voltage", "0", 12.1)),
        ("plant/hall 2/emeter/0/total", b"7", ("active_energy_import", "0", 7.0)),
    ],
)
def test_topics(topic, payload, expected):
    message = _read(f"shellies/{topic}", payload)
    assert [(one.quantity, one.channel, one.value) for one in message.measurements] == [expected]
    assert (message.time_ns, message.format) == (None, "shelly_gen1")
    assert topic.startswith(message.device)


@pytest.mark.parametrize(
    ("topic", "payload", "state"),
    [
        ("shelly1-1/online", b"true", {"online": True}),
        ("shelly1-1/relay/0", b"overpower", {"relay/0": "overpower"}),
        ("shelly1-1/relay/0/command", b"on", {"command": "on"}),
        ("shellydw-1/sensor/state", b"open", {"sensor/state": "open"}),
        ("shellyswitch25-1/roller/0", b"stop", {"roller/0": "stop"}),
        ("shellyht-1/sensor/temperature", b"null", {}),
        ("shelly1-1/temperature_f", b"70", {}),
    ],
)
def test_what_is_no_reading(topic, payload, state):
    message = _read(f"shellies/{topic}", payload)
    assert (message.measurements, dict(message.state)) == ([], state)


def test_announcements_and_info():
    about = {"id": "shelly1-B929CC", "model": "SHSW-1", "mac": "84F3EBB929CC", "new_fw": False}
    message = _read("shellies/announce", about)
    assert (message.device, message.model, message.measurements) == ("shelly1-B929CC", "SHSW-1", [])
    assert _read("shellies/shelly1-B929CC/announce", about).device == "shelly1-B929CC"
    assert _read("shellies/command", b"announce").device == "shellies"
    status = {
        "wifi_sta": {"rssi": -71, "ssid": "x"},
        "bat": {"value": 77, "voltage": 2.89},
        "emeters": [{"power": 5, "total": 6}],
        "update": {"old_version": "20230913"},
    }
    message = _read("shellies/shellyht-1/info", status)
    assert {one.quantity: one.value for one in message.measurements} == {
        "rssi": -71.0,
        "battery_level": 77.0,
        "battery_voltage": 2.89,
    }
    status["bat"]["is_valid"] = False
    assert len(_read("shellies/shellyht-1/info", status).measurements) == 1


def test_a_retained_value_is_not_news():
    message = _read("shellies/shellyem-1/emeter/0/total", b"55.5", retained=True)
    assert (message.measurements, message.state) == ([], {"retained active_energy_import.0": 55.5})


def test_the_second_generation_under_the_same_prefix_is_not_ours():
    assert _read("shellies/hall/status/switch:0", {"apower": 1.5}).format == "shelly"


@pytest.mark.parametrize("payload", [b"nan", b"12,5", b"hello", b"1e999"])
def test_a_register_that_is_no_number_is_refused(payload):
    with pytest.raises(PayloadError):
        _read("shellies/shellyem-1/emeter/0/total", payload)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(
        ["announce", "x/info", "x/emeter/0/total", "x/relay/0", "x/status", "x/a/b", "x/sensor/q"]
    ),
    st.binary(max_size=30)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["id", "bat", "value", "wifi_sta", ""]), inner)
        ),
        max_leaves=8,
    ).map(lambda one: json.dumps(one).encode()),
    st.booleans(),
)
def test_anything_is_a_message_or_refused(topic, payload, retained):
    envelope = Envelope("test", f"shellies/{topic}", payload, RECEIVED_NS, retained=retained)
    (found,) = Decoder(formats=(shelly_gen1,)).decode_all([envelope])
    assert isinstance(found, Message) or found.rule != "decoder fault", found
