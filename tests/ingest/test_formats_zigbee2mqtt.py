import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.clock import rfc3339_ns
from ingest.decode import Decoder
from ingest.errors import PayloadError
from ingest.formats import zigbee2mqtt
from ingest.reading import Envelope, Message

RECEIVED_NS = rfc3339_ns("2026-11-01T12:00:00Z")
PLUG, DOOR, AIR = "kitchen plug", "Haus/Tür", "air"
DEVICES = [
    {"type": "Coordinator", "friendly_name": "Coordinator", "ieee_address": "0x00"},
    {
        "ieee_address": "0x00158d0001dc126a",
        "type": "Router",
        "friendly_name": PLUG,
        "definition": {
            "model": "ZNCZ02LM",
            "vendor": "Xiaomi",
            "exposes": [
                {
                    "type": "switch",
                    "features": [
                        {
                            "type": "binary",
                            "name": "state",
                            "property": "state",
                            "value_on": "ON",
                            "value_off": "OFF",
                        }
                    ],
                },
                {"type": "numeric", "name": "power", "property": "power", "unit": "W"},
                {"type": "numeric", "name": "energy", "property": "energy", "unit": "Wh"},
                {"type": "numeric", "name": "current", "property": "current", "unit": "mA"},
            ],
        },
    },
    {
        "ieee_address": "0x00158d0001dc126b",
        "friendly_name": DOOR,
        "definition": {
            "model": "X",
            "vendor": "Y",
            "exposes": [
                {
                    "type": "binary",
                    "property": "lock",
                    "value_on": "LOCK",
                    "value_off": "UNLOCK",
                },
                {"type": "numeric", "property": "voltage", "unit": "mV"},
            ],
        },
    },
    {
        "ieee_address": "0x00158d0001dc126c",
        "friendly_name": AIR,
        "definition": {
            "model": "Z",
            "vendor": "Y",
            "exposes": [
                {"type": "numeric", "property": "voc", "unit": "ppb"},
                {"type": "numeric", "property": "temperature", "unit": "°F"},
                {"type": "numeric", "property": "pressure", "unit": "kPa"},
            ],
        },
    },
    {"friendly_name": "unknown thing", "ieee_address": "0x03", "definition": None},
]


class _Wire:
    """A decoder that remembers, and what is sent to it."""

    def __init__(self) -> None:
        self.decoder = Decoder(formats=(zigbee2mqtt,))

    def send(self, topic: str, payload: object, *, retained: bool = False) -> Message:
        data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        return self.decoder.decode(Envelope("test", topic, data, RECEIVED_NS, retained=retained))

    def values(self, topic: str, payload: object) -> dict[tuple[str, str], float]:
        found = self.send(topic, payload).measurements
        values = {(one.quantity, one.channel): one.value for one in found}
        assert len(values) == len(found), "two values in one place"
        return values


@pytest.fixture
def wire() -> _Wire:
    return _Wire()


@pytest.fixture
def told() -> _Wire:
    wire = _Wire()
    wire.send("zigbee2mqtt/bridge/devices", DEVICES, retained=True)
    return wire


def test_a_metering_plug_by_convention(wire):
    message = wire.send(
        "zigbee2mqtt/kitchen plug",
        {
            "state": "ON",
            "power": 56.25,
            "energy": 1.001,
            "voltage": 231,
            "current": 0.25,
            "power_outage_memory": True,
            "linkquality": 120,
            "update": {"state": "idle", "installed_version": 5, "latest_version": 6},
        },
    )
    assert (message.device, message.name, message.time_ns) == (
        "zigbee2mqtt/kitchen plug",
        "kitchen plug",
        None,
    )
    assert {one.quantity: one.value for one in message.measurements} == {
        "digital_output": 1.0,
        "active_power": 56.25,
        "active_energy_import": 1001.0,
        "voltage": 231.0,
        "current": 0.25,
        "power_outage_memory": 1.0,
        "linkquality": 120.0,
    }
    assert message.state == {"update": "idle"}


def test_learned_units_model_and_address(told):
    values = told.values(
        f"zigbee2mqtt/{PLUG}", {"state": "OFF", "energy": 1001, "current": 250, "power": 5}
    )
    assert values == {
        ("digital_output", ""): 0.0,
        ("active_energy_import", ""): 1001.0,
        ("current", ""): 0.25,
        ("active_power", ""): 5.0,
    }
    message = told.send(f"zigbee2mqtt/{PLUG}", {"power": 5})
    assert (message.model, message.state) == (
        "Xiaomi ZNCZ02LM",
        {"ieee_address": "0x00158d0001dc126a"},
    )
    assert told.values("zigbee2mqtt/air", {"voc": 120, "temperature": 68, "pressure": 99.5}) == {
        ("tvoc", ""): 120.0,
        ("temperature", ""): 20.0,
        ("pressure", ""): 995.0,
    }


def test_what_was_learned_survives_a_restart_and_is_small(told):
    facts = told.decoder.memory.unsaved()
    assert len(json.dumps([fact.value for fact in facts])) < len(json.dumps(DEVICES))
    told.decoder = Decoder(formats=(zigbee2mqtt,), facts=facts)
    assert told.values(f"zigbee2mqtt/{PLUG}", {"energy": 7}) == {("active_energy_import", ""): 7.0}


def test_the_voltage_of_a_battery_device_is_its_batterys_in_millivolts(told):
    assert told.values("zigbee2mqtt/motion", {"battery": 90, "voltage": 2985}) == {
        ("battery_level", ""): 90.0,
        ("battery_voltage", ""): 2.985,
    }
    assert told.values(f"zigbee2mqtt/{DOOR}", {"voltage": 3005}) == {("battery_voltage", ""): 3.005}


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (
            {"temperature": 21.5, "humidity": 44.2},
            {("temperature", ""): 21.5, ("humidity", ""): 44.2},
        ),
        ({"temperature": None, "humidity": 1}, {("humidity", ""): 1.0}),
        ({"occupancy": True, "contact": False}, {("occupancy", ""): 1.0, ("contact", ""): 0.0}),
        ({"presence": True}, {("occupancy", ""): 1.0}),
        ({"water_leak": True}, {("water_leak", ""): 1.0}),
        ({"produced_energy": 0.5}, {("active_energy_export", ""): 500.0}),
        ({"ac_frequency": 50}, {("frequency", ""): 50.0}),
        (
            {"power_phase_b": 3, "voltage_phase_c": 231, "power": 9},
            {("active_power", "L2"): 3.0, ("voltage", "L3"): 231.0, ("active_power", ""): 9.0},
        ),
        (
            {"state_l2": "ON", "power_left": 5},
            {("digital_output", "l2"): 1.0, ("power_left", ""): 5.0},
        ),
        (
            {"illuminance": 17000, "illuminance_lux": 50},
            {("illuminance_raw", ""): 17000.0, ("illuminance", ""): 50.0},
        ),
        ({"voc": 120}, {("voc", ""): 120.0}),
        ({"gas": True, "smoke": False}, {("gas", ""): 1.0, ("smoke", ""): 0.0}),
        ({"rain": True}, {("rain", ""): 1.0}),
        ({"color": {"x": 0.5, "y": 0.25}}, {("color.x", ""): 0.5, ("color.y", ""): 0.25}),
        (
            {"local_temperature": 20.5, "device_temperature": 33, "temperature": 19},
            {
                ("temperature", ""): 20.5,
                ("temperature", "internal"): 33.0,
                ("temperature (2)", ""): 19.0,
            },
        ),
    ],
)
def test_properties(wire, payload, expected):
    assert wire.values("zigbee2mqtt/x", payload) == expected


@pytest.mark.parametrize(
    ("last_seen", "instant"),
    [
        ("2026-10-31T23:59:58.123Z", "2026-10-31T23:59:58.123Z"),
        ("2026-11-01T01:59:58+02:00", "2026-10-31T23:59:58Z"),
        (1793491198123, "2026-10-31T23:59:58.123Z"),
    ],
)
def test_last_seen_in_its_variants(wire, last_seen, instant):
    message = wire.send("zigbee2mqtt/x", {"power": 5, "last_seen": last_seen}, retained=True)
    assert message.time_ns == rfc3339_ns(instant)
    assert [one.quantity for one in message.measurements] == ["active_power"]


def test_a_retained_message_without_a_time_is_not_news(wire):
    message = wire.send("zigbee2mqtt/x", {"power": 5}, retained=True)
    assert (message.measurements, message.state) == ([], {"retained active_power": 5.0})


@pytest.mark.parametrize("payload", [b"online", {"state": "online"}, b'"online"'])
def test_availability(wire, payload):
    message = wire.send("zigbee2mqtt/Haus/Tür/availability", payload)
    assert (message.device, message.state) == ("zigbee2mqtt/Haus/Tür", {"availability": "online"})


@pytest.mark.parametrize("topic", ["x/y/set", "x/y/set/state", "x/y/get", "x/y/get/power"])
def test_commands_are_no_readings(wire, topic):
    message = wire.send(f"zigbee2mqtt/{topic}", {"power": 5})
    assert (message.device, message.measurements) == ("zigbee2mqtt/x/y", [])
    assert message.state == {"command": {"power": 5}}


def test_words_that_exposes_explain_are_one_and_zero(told):
    assert told.values(f"zigbee2mqtt/{DOOR}", {"lock": "UNLOCK"}) == {("lock", ""): 0.0}
    assert told.send("zigbee2mqtt/other", {"lock": "UNLOCK"}).state["lock"] == "UNLOCK"


def test_attributes_are_read_once_the_name_is_known(wire):
    with pytest.raises(PayloadError) as refused:
        wire.send(f"zigbee2mqtt/{PLUG}/energy", b"1001")
    assert refused.value.rule == "announcement"
    wire.send("zigbee2mqtt/bridge/devices", DEVICES)
    assert wire.values(f"zigbee2mqtt/{PLUG}/energy", b"1001") == {
        ("active_energy_import", ""): 1001.0
    }
    assert wire.values(f"zigbee2mqtt/{PLUG}/state", b"ON") == {("digital_output", ""): 1.0}
    assert wire.send(f"zigbee2mqtt/{DOOR}/voltage", b"3000").device == f"zigbee2mqtt/{DOOR}"
    assert (
        wire.send(f"zigbee2mqtt/{DOOR}/availability", b"offline").state["availability"] == "offline"
    )


def test_groups_are_no_devices(wire):
    wire.send("zigbee2mqtt/bridge/groups", [{"id": 1, "friendly_name": "all/lights"}])
    for topic in ("all/lights", "all/lights/set"):
        message = wire.send(f"zigbee2mqtt/{topic}", {"state": "ON", "power": 5})
        assert (message.device, message.measurements) == ("zigbee2mqtt/bridge", [])


@pytest.mark.parametrize(
    ("subject", "payload", "state"),
    [
        ("state", {"state": "online"}, {"state": "online"}),
        ("state", b"offline", {"state": "offline"}),
        ("info", {"version": "2.1.0", "config": {"x": 1}}, {"info": "2.1.0"}),
        ("logging", {"level": "info", "message": "m"}, {}),
        ("log", {"type": "pairing"}, {}),
        ("definitions", {}, {}),
        ("extensions", [], {}),
        ("request/permit_join", {"time": 5}, {}),
        ("response/permit_join", {"status": "ok"}, {"response/permit_join": {"status": "ok"}}),
        ("event", {"type": "device_joined"}, {"event": {"type": "device_joined"}}),
    ],
)
def test_the_bridge_is_state(wire, subject, payload, state):
    message = wire.send(f"zigbee2mqtt/bridge/{subject}", payload)
    assert (message.device, message.measurements, message.state) == (
        "zigbee2mqtt/bridge",
        [],
        state,
    )


def test_another_base_is_recognised_by_its_bridge(wire):
    with pytest.raises(PayloadError, match="format"):
        wire.send("z2m/upstairs/plug", {"power": 5})
    wire.send("z2m/upstairs/bridge/devices", DEVICES)
    assert wire.send("z2m/upstairs/plug", {"power": 5}).device == "z2m/upstairs/plug"
    with pytest.raises(PayloadError, match="format"):
        wire.send("z2m/other/plug", {"power": 5})


@pytest.mark.parametrize(
    ("topic", "payload", "rule"),
    [
        ("x", b"{", "JSON"),
        ("x", b"[1]", "announcement"),
        ("x", {"last_seen": "yesterday"}, "time"),
        ("x", {"last_seen": True}, "last_seen"),
        ("bridge/devices", {}, "bridge/devices"),
        ("bridge/groups", {}, "bridge/groups"),
    ],
)
def test_wrong_messages_say_why(wire, topic, payload, rule):
    with pytest.raises(PayloadError) as refused:
        wire.send(f"zigbee2mqtt/{topic}", payload)
    assert refused.value.rule == rule


_KEYS = st.sampled_from(
    ["energy", "voltage", "battery", "last_seen", "exposes", "definition", "friendly_name", "state"]
) | st.text(max_size=6)
_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=4),
    max_leaves=12,
)
_TOPICS = ["x", "x/y", f"{PLUG}/energy", "bridge/devices", "bridge/groups", "bridge/info", "x/set"]


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(_TOPICS),
    st.binary(max_size=40) | _ANY.map(lambda one: json.dumps(one).encode()),
    st.booleans(),
)
def test_anything_is_a_message_or_refused(topic, payload, retained):
    wire = _Wire()
    wire.send("zigbee2mqtt/bridge/devices", DEVICES)
    envelope = Envelope("test", f"zigbee2mqtt/{topic}", payload, RECEIVED_NS, retained=retained)
    for _ in range(2):  # what was learned from it must do no harm either
        (found,) = wire.decoder.decode_all([envelope])
        assert isinstance(found, Message) or found.rule != "decoder fault", found
