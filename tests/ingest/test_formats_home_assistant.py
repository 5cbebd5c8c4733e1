import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.clock import rfc3339_ns
from ingest.decode import Decoder
from ingest.errors import PayloadError
from ingest.formats import home_assistant
from ingest.formats.entity import Announced, understood
from ingest.formats.template import parsed, picked
from ingest.reading import Envelope, Message

RECEIVED_NS = rfc3339_ns("2026-11-01T12:00:00Z")
METER = {"ids": ["meter-7", "other"], "name": "Meter", "mdl": "X3", "mf": "ACME"}


class _Wire:
    """A decoder that remembers, and what is sent to it."""

    def __init__(self) -> None:
        self.decoder = Decoder(formats=(home_assistant,))

    def send(self, topic: str, payload: object, *, retained: bool = False) -> Message:
        text = payload if isinstance(payload, str) else json.dumps(payload)
        envelope = Envelope("test", topic, text.encode(), RECEIVED_NS, retained=retained)
        return self.decoder.decode(envelope)

    def announce(self, path: str, config: object) -> None:
        message = self.send(f"homeassistant/{path}/config", config, retained=True)
        assert (message.device, message.measurements) == ("homeassistant", [])

    def values(self, topic: str, payload: object) -> list[tuple[str, str, float]]:
        found = self.send(topic, payload).measurements
        return [(one.quantity, one.channel, one.value) for one in found]


@pytest.fixture
def wire() -> _Wire:
    return _Wire()


def test_a_bare_number_with_abbreviations_and_a_base_topic(wire):
    wire.announce(
        "sensor/node/energy",
        {
            "~": "esp/meter",
            "name": "Energy",
            "stat_t": "~/energy/state",
            "unit_of_meas": "kWh",
            "dev_cla": "energy",
            "stat_cla": "total_increasing",
            "avty_t": "~/status",
            "dev": METER,
        },
    )
    message = wire.send("esp/meter/energy/state", "1.001")
    assert (message.device, message.name, message.model) == ("meter-7", "Meter", "X3")
    assert (message.time_ns, message.format) == (None, "home_assistant")
    assert message.measurements[0][:3] == ("active_energy_import", 1001.0, "")
    assert wire.send("esp/meter/status", "offline").state == {"availability": "offline"}


def test_several_values_of_one_json(wire):
    for object_id, device_class, unit in (
        ("sensorBedroomT", "temperature", "°F"),
        ("sensorBedroomH", "humidity", "%"),
    ):
        wire.announce(
            f"sensor/{object_id}",
            {
                "device_class": device_class,
                "state_topic": "bedroom/state",
                "unit_of_measurement": unit,
                "value_template": f"{{{{ value_json.{device_class} }}}}",
                "device": {"identifiers": "bedroom01ae", "name": "Bedroom"},
            },
        )
    message = wire.send("bedroom/state", {"temperature": 68.0, "humidity": 43.7})
    assert message.device == "bedroom01ae"
    assert {one.quantity: one.value for one in message.measurements} == {
        "temperature": 20.0,
        "humidity": 43.7,
    }
    assert wire.values("bedroom/state", {"humidity": None, "temperature": 32}) == [
        ("temperature", "", 0.0)
    ]


def test_a_topic_is_only_ours_after_its_announcement(wire):
    with pytest.raises(PayloadError, match="format"):
        wire.send("plant/power", "5")
    wire.announce("sensor/p", {"stat_t": "plant/power", "dev_cla": "power", "unit_of_meas": "kW"})
    assert wire.values("plant/power", "5") == [("active_power", "", 5000.0)]
    assert wire.send("plant/power", "5").device == "homeassistant/p"
    wire.decoder = Decoder(formats=(home_assistant,), facts=wire.decoder.memory.unsaved())
    assert wire.values("plant/power", "5") == [("active_power", "", 5000.0)]
    wire.announce("sensor/p", "")
    with pytest.raises(PayloadError, match="format"):
        wire.send("plant/power", "5")


def test_two_entities_of_one_meaning_keep_their_series(wire):
    config = {"dev_cla": "power", "unit_of_meas": "W", "dev": METER}
    for name in ("grid", "pv", "grid"):
        wire.announce(f"sensor/n/{name}", {**config, "stat_t": f"m/{name}"})
    assert wire.values("m/grid", "1") == [("active_power", "", 1.0)]
    assert wire.values("m/pv", "2") == [("active_power", "pv", 2.0)]
    wire.announce("sensor/n/grid", "")
    wire.announce("sensor/n/late", {**config, "stat_t": "m/late"})
    assert wire.values("m/late", "3") == [("active_power", "late", 3.0)]
    assert wire.values("m/pv", "2") == [("active_power", "pv", 2.0)]


def test_devices_announced_at_once(wire):
    config = {
        "dev": METER,
        "o": {"name": "x"},
        "stat_t": "m/all",
        "avty": [{"t": "m/lwt"}],
        "cmps": {
            "in": {
                "p": "sensor",
                "dev_cla": "energy",
                "unit_of_meas": "MWh",
                "stat_cla": "total_increasing",
                "val_tpl": "{{ value_json['total']['in'] | float }}",
            },
            "out": {
                "p": "sensor",
                "name": "Einspeisung",
                "dev_cla": "energy",
                "unit_of_meas": "kWh",
                "stat_cla": "total_increasing",
                "val_tpl": '{{ value_json["total"].out }}',
            },
            "door": {"p": "binary_sensor", "val_tpl": "{{ value_json.door }}", "pl_on": "open",
                     "pl_off": "closed"},
            "relay": {"p": "switch", "val_tpl": "{{ value_json.relay }}", "cmd_t": "m/relay/set"},
            "gone": {"p": "sensor"},
        },
    }  # fmt: skip
    wire.announce("device/meter7", config)
    message = wire.send(
        "m/all", {"total": {"in": 1.5, "out": "2.25"}, "door": "open", "relay": "ON"}
    )
    assert [one[:3] for one in message.measurements] == [
        ("active_energy_import", 1_500_000.0, ""),
        ("active_energy_export", 2250.0, ""),
        ("door", 1.0, ""),
    ]
    assert message.state == {"relay": "ON"}
    assert wire.send("m/relay/set", "OFF").state == {"command relay": "OFF"}
    assert wire.send("m/lwt", "online").state == {"availability": "online"}
    del config["cmps"]["in"]
    wire.announce("device/meter7", config)
    assert len(wire.send("m/all", {"total": {"in": 1.5, "out": 2}}).measurements) == 1


def test_an_energy_that_is_no_register_keeps_its_own_name(wire):
    for more in (
        {"stat_cla": "measurement"},
        {"stat_cla": "total", "lrst_val_tpl": "{{ value_json.reset }}"},
        {},
    ):
        config = {"dev_cla": "energy", "unit_of_meas": "kWh", "stat_t": "m/e", **more}
        wire.announce("sensor/e", config)
        assert wire.values("m/e", "5") == [("e", "", 5.0)]


def _sense(object_id: str, device_class: str, unit: str, state: str = "", name: str = ""):
    return understood(Announced(object_id, name, device_class, unit, state))[:2]


UP = "total_increasing"


@pytest.mark.parametrize(
    ("entity", "expected"),
    [
        (("e", "energy", "kWh", UP), ("active_energy_import", "")),
        (("e", "energy", "kWh", "total"), ("active_energy_import", "")),
        (("energy_returned", "energy", "Wh", UP), ("active_energy_export", "")),
        (("e", "energy", "Wh", UP, "Export L2"), ("active_energy_export", "L2")),
        (("e", "energy", "kWh", UP, "Energy to grid"), ("active_energy_export", "")),
        (("energy_tariff_1", "energy", "kWh", UP), ("active_energy_import", "T1")),
        (("yield_day", "energy", "Wh", UP), ("yield_day", "")),
        (("energy_today", "energy", "kWh", UP), ("energy_today", "")),
        (("heat_meter", "energy", "GJ", UP), ("heat_energy", "")),
        (("e", "energy", "cal", UP), ("e", "")),
        (("g", "gas", "ft³", UP), ("gas_volume", "")),
        (("g", "gas", "m³", "measurement"), ("g", "")),
        (("w", "water", "L", UP), ("water_volume", "")),
        (("p", "power", "kW", "measurement", "Power phase A"), ("active_power", "L1")),
        (("p", "power", "W", "", "Grid export"), ("active_power", "export")),
        (("t", "temperature", "K"), ("temperature", "")),
        (("temperature", "temperature", ""), ("temperature value", "")),
        (("b", "battery", "%"), ("battery_level", "")),
        (("v", "voltage", "mV", "", "Battery voltage"), ("battery_voltage", "")),
        (("p", "pressure", "inHg"), ("pressure", "")),
        (("c", "carbon_dioxide", "ppm"), ("co2", "")),
        (("d", "pm25", "µg/m³"), ("pm2_5", "")),
        (("i", "illuminance", "lx"), ("illuminance", "")),
        (("s", "signal_strength", "dBm"), ("rssi", "")),
        (("f", "volume_flow_rate", "L/min"), ("flow", "")),
        (("r", "precipitation", "mm"), ("r", "")),
        (("m", "monetary", "EUR"), ("m", "")),
        (("power", "", "W"), ("active_power", "")),
        (("x", "", "°C", "", "Temperature"), ("temperature", "")),
        (("energy", "", "kWh"), ("energy", "")),
    ],
)
def test_what_an_entity_measures(entity, expected):
    assert _sense(*entity) == expected


def test_scales_are_exact_and_export_is_negative_power(wire):
    for object_id, device_class, unit, sent, value in (
        ("export", "power", "kW", "1.25", -1250.0),
        ("pf", "power_factor", "%", "98", 0.98),
        ("gas", "gas", "ft³", "1000", 28.316846592),
        ("t", "temperature", "K", "293.15", 20.0),
    ):
        config = {"dev_cla": device_class, "unit_of_meas": unit, "stat_cla": UP, "stat_t": "x"}
        wire.announce(f"sensor/{object_id}", config)
        assert wire.values("x", sent)[0][2] == value
        wire.announce(f"sensor/{object_id}", "")


@pytest.mark.parametrize(
    ("template", "payload", "expected"),
    [
        ("", "21.5", "21.5"),
        ("{{ value }}", "21.5", "21.5"),
        ("{{ value | float | round(1) }}", "21.46", 21.5),
        ("{{value_json.a.b}}", '{"a":{"b":5}}', 5),
        ("{{ value_json['a b'][\"c\"] }}", '{"a b":{"c":5}}', 5),
        ("{{ value_json.a[1] | int }}", '{"a":[1,2.9]}', 2),
        ("{{ value_json[0] }}", "[7]", 7),
        ("{{ value_json.a | float(0) | round(2) }}", '{"a":"2.345678"}', 2.35),
        ("{{ value_json.a | default(0) }}", "{}", None),
        ("{{- value_json.a -}}", '{"a":true}', True),
    ],
)
def test_templates(template, payload, expected):
    assert picked(parsed(template), payload.encode()) == expected


@pytest.mark.parametrize(
    "template",
    [
        "{{ value_json.a / 1000 }}",
        "{{ value.a }}",
        "{{ value_json.a if value_json.b else 0 }}",
        "{{ float(value_json.a) }}",
        "{% if value %}1{% endif %}",
        "{{ value_json.a | timestamp_local }}",
        "plain",
    ],
)
def test_templates_beyond_the_plain_part_are_told_and_not_guessed(wire, template):
    assert parsed(template) is None
    config = {"dev_cla": "power", "unit_of_meas": "W", "stat_t": "x", "val_tpl": template}
    wire.announce("sensor/p", config)
    message = wire.send("x", {"a": 5})
    assert (message.measurements, message.state) == (
        [],
        {"template of p, not understood": template},
    )


@pytest.mark.parametrize(
    ("payload", "value"), [("ON", 1.0), ("OFF", 0.0), ("unavailable", None), ("", None)]
)
def test_binary_sensors(wire, payload, value):
    wire.announce("binary_sensor/garden", {"dev_cla": "motion", "stat_t": "garden/state"})
    expected = [] if value is None else [("occupancy", "", value)]
    assert wire.values("garden/state", payload) == expected


def test_a_binary_sensor_of_json_booleans(wire):
    config = {"stat_t": "g", "val_tpl": "{{ value_json.wet }}", "dev_cla": "moisture"}
    wire.announce("binary_sensor/g", {**config, "pl_on": True, "pl_off": False})
    assert wire.values("g", {"wet": True}) == [("water_leak", "", 1.0)]
    with pytest.raises(PayloadError, match="value of g"):
        wire.send("g", {"wet": "maybe"})


def test_a_retained_value_is_not_news(wire):
    wire.announce("sensor/p", {"dev_cla": "power", "unit_of_meas": "W", "stat_t": "x"})
    message = wire.send("x", "5", retained=True)
    assert (message.measurements, message.state) == ([], {"retained active_power": 5.0})


def test_states_of_other_components_and_texts(wire):
    wire.announce("select/mode", {"stat_t": "m/mode", "cmd_t": "m/mode/set"})
    assert wire.send("m/mode", "eco").state == {"mode": "eco"}
    wire.announce("sensor/phase", {"stat_t": "m/phase", "json_attr_t": "m/attributes"})
    assert wire.send("m/phase", "charging").state == {"phase": "charging"}
    assert wire.send("m/attributes", {"a": 1}).measurements == []
    assert wire.send("homeassistant/status", "online").state == {"status": "online"}
    assert wire.send("homeassistant/unheard/x/config", {}).measurements == []


def test_one_topic_of_two_devices(wire):
    for name in ("a", "b"):
        config = {"dev_cla": "power", "unit_of_meas": "W", "dev": {"ids": [name]}, "stat_t": "x"}
        wire.announce(f"sensor/{name}", {**config, "val_tpl": f"{{{{ value_json.{name} }}}}"})
    message = wire.send("x", {"a": 1, "b": 2})
    assert [(one.device, one.measurements[0].value) for one in (message, *message.others)] == [
        ("a", 1.0),
        ("b", 2.0),
    ]


def test_another_prefix_and_a_node_that_is_called_like_a_component(wire):
    config = {"stat_t": "x", "dev_cla": "power", "unit_of_meas": "W"}
    wire.send("ha/sensor/light/p/config", config)
    assert wire.send("x", "5").device == "homeassistant/light"
    with pytest.raises(PayloadError, match="format"):
        wire.send("ha/sensor/light/config", {"interval": 5})


@pytest.mark.parametrize(
    ("topic", "payload", "rule"),
    [
        ("homeassistant/sensor/x/config", "{", "JSON"),
        ("homeassistant/sensor/x/config", "[]", "discovery configuration"),
        ("homeassistant/device/x/config", {"dev": METER}, "components"),
        ("x", "12,5", "value of p"),
        ("x", "1e999", "number"),
        ("y", "5.5 W", "JSON"),
    ],
)
def test_wrong_messages_say_why(wire, topic, payload, rule):
    config = {"dev_cla": "power", "unit_of_meas": "W", "stat_t": "x"}
    wire.announce("sensor/p", config)
    wire.announce("sensor/q", {**config, "stat_t": "y", "val_tpl": "{{ value_json.a }}"})
    with pytest.raises(PayloadError) as refused:
        wire.send(topic, payload)
    assert refused.value.rule == rule


_KEYS = st.sampled_from(
    [
        "stat_t",
        "dev",
        "ids",
        "cmps",
        "p",
        "val_tpl",
        "unit_of_meas",
        "dev_cla",
        "avty",
        "~",
        "t",
        "cns",
    ]
)
_WORDS = st.sampled_from(["x", "sensor", "W", "power", "{{ value_json.a | int }}", "~/x", "switch"])
_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | _WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=6),
    max_leaves=14,
)
_BYTES = st.binary(max_size=30) | _ANY.map(lambda one: json.dumps(one).encode())


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(["sensor", "binary_sensor", "device", "switch"]),
    st.dictionaries(_KEYS, _ANY, max_size=6).map(lambda one: {"stat_t": "x", **one}),
    _BYTES,
    st.booleans(),
)
def test_anything_is_a_message_or_refused(component, config, payload, retained):
    decoder = Decoder(formats=(home_assistant,))
    topic = f"homeassistant/{component}/x/config"
    for where, what in (
        (topic, json.dumps(config).encode()),
        ("x", payload),
        (topic, payload),
        ("x", payload),
    ):
        envelope = Envelope("test", where, what, RECEIVED_NS, retained=retained)
        (found,) = decoder.decode_all([envelope])
        assert isinstance(found, Message) or found.rule != "decoder fault", found
