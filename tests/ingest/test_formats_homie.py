import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.clock import rfc3339_ns
from ingest.decode import Decoder
from ingest.errors import PayloadError
from ingest.formats import homie
from ingest.reading import Envelope, Message

RECEIVED_NS = rfc3339_ns("2026-11-01T12:00:00Z")
DESCRIPTION = {
    "homie": "5.0",
    "name": "Meter in hall 2",
    "version": 7,
    "nodes": {
        "mains": {
            "name": "Mains",
            "properties": {
                "energy-import": {"datatype": "float", "unit": "kWh"},
                "power": {"datatype": "integer", "unit": "W"},
                "relay": {"datatype": "boolean", "settable": True},
                "mode": {"datatype": "enum", "format": "eco,full"},
                "pulses": {"datatype": "integer", "unit": "#"},
            },
        },
        "air": {"properties": {"temperature": {"datatype": "float", "unit": "°F"}}},
    },
}


class _Wire:
    """A decoder that remembers, and what is sent to it."""

    def __init__(self) -> None:
        self.decoder = Decoder(formats=(homie,))

    def send(self, topic: str, payload: object, *, retained: bool = False) -> Message:
        text = payload if isinstance(payload, str) else json.dumps(payload)
        envelope = Envelope("test", topic, text.encode(), RECEIVED_NS, retained=retained)
        return self.decoder.decode(envelope)

    def only(self, topic: str, payload: str) -> tuple[str, str, float]:
        (one,) = self.send(topic, payload).measurements
        return one.quantity, one.channel, one.value


@pytest.fixture
def wire() -> _Wire:
    return _Wire()


@pytest.fixture
def four() -> _Wire:
    """A Homie 4 device, announced as the convention shows it."""
    wire = _Wire()
    for topic, payload in {
        "$homie": "4.0.0",
        "$name": "Super car",
        "$nodes": "engine,doors",
        "engine/$name": "Car engine",
        "engine/$properties": "speed,temperature,energy,on",
        "engine/speed/$datatype": "float",
        "engine/speed/$unit": "rpm",
        "engine/temperature/$name": "Engine temperature",
        "engine/temperature/$datatype": "float",
        "engine/temperature/$unit": "°F",
        "engine/energy/$unit": "kWh",
        "engine/energy/$datatype": "float",
        "engine/on/$datatype": "boolean",
        "engine/colour/$datatype": "color",
        "$state": "ready",
    }.items():
        wire.send(f"homie/super-car/{topic}", payload, retained=True)
    return wire


def test_homie_4_units_are_learned(four):
    assert four.only("homie/super-car/engine/temperature", "212") == (
        "temperature",
        "engine",
        100.0,
    )
    assert four.only("homie/super-car/engine/energy", "1.001") == (
        "active_energy_import",
        "engine",
        1001.0,
    )
    assert four.only("homie/super-car/engine/speed", "2500.5") == ("engine.speed", "", 2500.5)
    assert four.only("homie/super-car/engine/on", "true") == ("engine.on", "", 1.0)
    assert four.send("homie/super-car/engine/colour", "1,2,3").state == {"engine/colour": "1,2,3"}
    message = four.send("homie/super-car/engine/temperature", "212")
    assert (message.device, message.time_ns) == ("homie/super-car", None)


def test_a_retained_value_is_not_news(four):
    message = four.send("homie/super-car/engine/temperature", "212", retained=True)
    assert (message.measurements, message.state) == ([], {"retained temperature.engine": 100.0})


def test_a_restart_forgets_nothing(four):
    four.decoder = Decoder(formats=(homie,), facts=four.decoder.memory.unsaved())
    assert four.only("homie/super-car/engine/temperature", "212") == (
        "temperature",
        "engine",
        100.0,
    )


def test_a_name_and_the_states_of_a_device(wire):
    assert wire.send("homie/super-car/$name", "Super car").name == "Super car"
    for word in ("init", "ready", "disconnected", "sleeping", "lost", "alert"):
        message = wire.send("homie/super-car/$state", word)
        assert (message.measurements, message.state) == ([], {"$state": word})
    assert wire.send("homie/super-car/$fw/version", "1.0.0").state == {"$fw/version": "1.0.0"}


def test_homie_5(wire):
    message = wire.send("homie/5/meter-2/$description", DESCRIPTION, retained=True)
    assert (message.device, message.name) == ("homie/5/meter-2", "Meter in hall 2")
    assert wire.only("homie/5/meter-2/mains/energy-import", "1.001") == (
        "active_energy_import",
        "mains",
        1001.0,
    )
    assert wire.only("homie/5/meter-2/mains/power", "-42") == ("active_power", "mains", -42.0)
    assert wire.only("homie/5/meter-2/mains/relay", "false") == ("mains.relay", "", 0.0)
    assert wire.only("homie/5/meter-2/mains/pulses", "7") == ("mains.pulses", "", 7.0)
    assert wire.only("homie/5/meter-2/air/temperature", "68") == ("temperature", "air", 20.0)
    assert wire.send("homie/5/meter-2/mains/mode", "eco").state == {"mains/mode": "eco"}
    assert wire.send("homie/5/meter-2/$state", "lost").state == {"$state": "lost"}
    wire.send("homie/5/meter-2/$description", "")
    with pytest.raises(PayloadError, match="announcement"):
        wire.send("homie/5/meter-2/mains/pulses", "7")


def test_a_description_with_lists(wire):
    nodes = [{"id": "a", "properties": [{"id": "co2", "datatype": "integer", "unit": "ppm"}]}]
    wire.send("homie/5/x/$description", {"homie": "5.0", "nodes": nodes})
    assert wire.only("homie/5/x/a/co2", "417") == ("co2", "a", 417.0)


def test_another_base_is_learned(wire):
    with pytest.raises(PayloadError, match="format"):
        wire.send("city/lamp/a/humidity", "50")
    wire.send("city/lamp/$homie", "4.0.0")
    assert wire.only("city/lamp/a/humidity", "50") == ("humidity", "a", 50.0)
    wire.send("town/5/lamp/$description", DESCRIPTION)
    assert wire.only("town/5/lamp/mains/power", "5") == ("active_power", "mains", 5.0)


def test_a_value_that_nobody_described(wire):
    assert wire.only("homie/x/air/humidity", "50.5") == ("humidity", "air", 50.5)
    for name, payload in [("energy", "5"), ("speed", "5"), ("mode", "eco")]:
        with pytest.raises(PayloadError) as refused:
            wire.send(f"homie/x/air/{name}", payload)
        assert refused.value.rule == "announcement"
    wire.send("homie/x/air/speed/$datatype", "float")
    assert wire.only("homie/x/air/speed", "5") == ("air.speed", "", 5.0)


def test_recommended_units_beyond_ours(wire):
    for unit, value in (("gal", "100"), ("L", "378.5411784")):
        wire.send("homie/x/main/water/$datatype", "float")
        wire.send("homie/x/main/water/$unit", unit)
        assert wire.only("homie/x/main/water", value) == ("water_volume", "main", 0.3785411784)


def test_arrays_of_homie_3(wire):
    wire.send("homie/x/plugs/energy/$datatype", "float")
    wire.send("homie/x/plugs/energy/$unit", "Wh")
    assert wire.only("homie/x/plugs_1/energy", "5") == ("active_energy_import", "plugs_1", 5.0)


def test_statistics_and_commands(wire):
    assert wire.only("homie/x/$stats/battery", "80") == ("battery_level", "", 80.0)
    assert wire.only("homie/x/$stats/cputemp", "48") == ("temperature", "chip", 48.0)
    assert not wire.send("homie/x/$stats/uptime", "120").measurements
    message = wire.send("homie/x/light/power/set", "true")
    assert (message.measurements, message.state) == ([], {"command": {"light/power": True}})
    assert not wire.send("homie/$broadcast/alert", "fire").measurements


@pytest.mark.parametrize("payload", ["nan", "1,5", "TRUE", "12 W"])
def test_a_value_that_is_not_of_its_type(four, payload):
    for name in ("temperature", "on"):
        with pytest.raises(PayloadError, match=f"value of engine/{name}"):
            four.send(f"homie/super-car/engine/{name}", payload)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["5", "x", "a", "temperature", "$unit", "$description", "$datatype", "set", ""]
        ),
        min_size=1,
        max_size=5,
    ),
    st.binary(max_size=30)
    | st.recursive(
        st.none() | st.integers() | st.text(max_size=4),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["nodes", "properties", "id", "unit", "name"]), inner)
        ),
        max_leaves=9,
    ).map(lambda one: json.dumps(one).encode()),
    st.booleans(),
)
def test_anything_is_a_message_or_refused(levels, payload, retained):
    decoder = Decoder(formats=(homie,))
    topic = "/".join(["homie", *levels])
    for _ in range(2):
        envelope = Envelope("test", topic, payload, RECEIVED_NS, retained=retained)
        (found,) = decoder.decode_all([envelope])
        assert isinstance(found, Message) or found.rule != "decoder fault", found
