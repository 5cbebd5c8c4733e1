import json
import math
import struct

import pytest
from sparkplug_births import NOW, NOW_MS, PLANT, Plant, _metric, _values

from ingest.errors import PayloadError
from ingest.formats.sparkplug_metric import TYPES
from ingest.reading import Quality


def test_bytes_by_hand():
    """Field by field as the wire has them: timestamp, one metric (name, datatype, float), seq."""
    metric = b"\x0a\x04temp" + b"\x20\x09" + b"\x65" + struct.pack("<f", 21.3)
    payload = b"\x08\xe8\x07" + b"\x12" + bytes([len(metric)]) + metric + b"\x18\x05"
    message = Plant().raw(f"{PLANT}/NDATA/node1", payload)
    assert (message.device, message.format) == ("city/node1", "sparkplug")
    assert _values(message) == {("temperature", ""): 21.3}
    assert message.measurements[0].quality is Quality.SUSPECT  # 1 s after 1970


def test_a_birth_announces_and_its_values_are_current():
    plant = Plant()
    message = plant.says(
        "DBIRTH",
        _metric("Meter/energy", "Double", {"engUnit": "kWh"}, alias=7, double_value=1.001),
        _metric("Meter/power", "Int32", {"engUnit": "W"}, alias=8, int_value=(1 << 32) - 500),
        _metric("serial", "String", alias=9, string_value="X1"),
        _metric("spare", "Float", alias=10, is_null=True),
        _metric("Device Control/Rebirth", "Boolean", boolean_value=False),
        device="meter",
        seq=1,
    )
    assert message.device == "city/node1/meter"
    assert message.time_ns == NOW
    assert message.state == {"online": True, "serial": "X1"}
    assert _values(message) == {
        ("active_energy_import", "Meter"): 1001.0,
        ("active_power", "Meter"): -500.0,
    }
    data = plant.says(
        "DDATA",
        _metric(alias=7, double_value=2.5),
        _metric(alias=8, int_value=(1 << 32) - 1, timestamp=NOW_MS - 1000, is_historical=True),
        _metric(alias=10, float_value=0.1),
        device="meter",
        seq=2,
    )
    assert _values(data) == {
        ("active_energy_import", "Meter"): 2500.0,
        ("active_power", "Meter"): -1.0,
        ("spare", ""): 0.1,
    }
    assert [one.time_ns for one in data.measurements] == [None, NOW - 10**9, None]


def test_what_was_announced_survives_a_restart():
    plant = Plant()
    plant.says("DBIRTH", _metric("temp", "Int8", alias=1, int_value=0xFF), device="a", seq=1)
    facts = plant.decoder.memory.unsaved()
    stored = [one._replace(value=json.loads(json.dumps(one.value))) for one in facts]
    message = Plant(stored).says("DDATA", _metric(alias=1, int_value=0xFE), device="a", seq=9)
    assert _values(message) == {("temperature", ""): -2.0}
    assert message.others == ()


def test_an_unknown_alias_waits_for_a_rebirth_and_can_be_read_then():
    plant = Plant()
    with pytest.raises(PayloadError) as caught:
        plant.says("DDATA", _metric(alias=1, int_value=5), device="a", seq=3)
    assert caught.value.rule == "announcement"
    assert "ask city/node1 for a rebirth" in str(caught.value)
    plant.says("NBIRTH", seq=0)
    plant.says("DBIRTH", _metric("temp", "UInt8", alias=1, int_value=1), device="a", seq=1)
    again = plant.says("DDATA", _metric(alias=1, int_value=5), device="a", timestamp=NOW_MS - 1)
    assert _values(again) == {("temperature", ""): 5.0}


def test_a_number_without_a_datatype_is_not_guessed():
    with pytest.raises(PayloadError, match="announcement"):
        Plant().says("NDATA", _metric("x", int_value=5))
    assert _values(Plant().says("NDATA", _metric("x", double_value=5))) == {("x", ""): 5.0}


def test_a_nodes_birth_makes_those_of_its_devices_void():
    plant = Plant()
    plant.says("DBIRTH", _metric("temp", "Int8", alias=1, int_value=1), device="a", seq=1)
    plant.says("NBIRTH", _metric("bdSeq", "Int64", long_value=4), seq=0)
    with pytest.raises(PayloadError, match="announcement"):
        plant.says("DDATA", _metric(alias=1, int_value=1), device="a", seq=1)


def test_sequence_gaps_and_their_end():
    plant = Plant()
    born = plant.says("NBIRTH", seq=0)
    assert born.state == {"online": True, "rebirth_wanted": False, "sequence_gap": None}
    temp = _metric("temp", "Int8", int_value=1)
    for seq in range(1, 300):
        assert plant.says("DDATA", temp, device="a", seq=seq % 256).others == ()
    (node,) = plant.says("DDATA", temp, device="a", seq=46).others
    assert node.device == "city/node1"
    assert node.state == {"sequence_gap": {"expected": 44, "found": 46}, "rebirth_wanted": True}
    assert plant.says("DDATA", temp, device="a", seq=47).others == ()
    assert plant.says("DDATA", temp, device="a", seq=47).others == ()  # the same again
    late = plant.says("DDATA", temp, device="a", seq=3, timestamp=NOW_MS - 60_000)
    assert late.others == ()  # run again from quarantine
    of_node = plant.says("NDATA", temp, seq=50)
    assert of_node.state["rebirth_wanted"] is True
    assert plant.says("NBIRTH", seq=0).state["rebirth_wanted"] is False
    assert plant.says("NDATA", temp, seq=1).state == {}


def test_deaths():
    plant = Plant()
    plant.says("NBIRTH", _metric("bdSeq", "Int64", long_value=4), seq=0)
    plant.says("DBIRTH", _metric("temp", "Int8", int_value=1), device="a", seq=1)
    gone = plant.says("DDEATH", device="a", seq=2)
    assert (gone.device, gone.state) == ("city/node1/a", {"online": False})
    old = plant.says("NDEATH", _metric("bdSeq", "Int64", long_value=3))
    assert (dict(old.state), old.others) == ({}, ())
    dead = plant.says("NDEATH", _metric("bdSeq", "Int64", long_value=4), timestamp=1)
    assert dead.time_ns is None
    assert dead.state == {"online": False, "bdSeq": 4}
    assert [(one.device, one.state) for one in dead.others] == [("city/node1/a", {"online": False})]


def test_commands_and_host_states():
    plant = Plant()
    for kind, device in (("NCMD", ""), ("DCMD", "a")):
        message = plant.says(kind, _metric("Node Control/Rebirth", 11), device=device)
        assert (message.measurements, dict(message.state)) == ([], {})
    host = plant.raw("spBv1.0/STATE/scada", b'{"online": true, "timestamp": 1}')
    assert (host.device, host.state) == ("STATE/scada", {"online": True})
    assert plant.raw("spBv1.0/STATE/scada", b"OFFLINE").state == {"online": False}
    with pytest.raises(PayloadError, match="host state"):
        plant.raw("spBv1.0/STATE/scada", b"{}")


@pytest.mark.parametrize(
    ("kind", "fields", "value"),
    [
        ("Int8", {"int_value": 0xFF}, -1), ("Int8", {"int_value": 0xFFFFFFFF}, -1),
        ("Int8", {"int_value": 127}, 127), ("Int8", {"int_value": 0x80}, -128),
        ("Int16", {"int_value": 0x8000}, -32768), ("Int16", {"int_value": 0xFFFF8000}, -32768),
        ("Int32", {"int_value": 0x80000000}, -(2**31)), ("Int32", {"int_value": 5}, 5),
        ("Int32", {"long_value": 2**64 - 5}, -5),
        ("Int64", {"long_value": 2**64 - 5}, -5), ("Int64", {"long_value": 2**62}, 2**62),
        ("Int64", {"int_value": 5}, 5),
        ("UInt8", {"int_value": 255}, 255), ("UInt16", {"int_value": 65535}, 65535),
        ("UInt32", {"int_value": 2**32 - 1}, 2**32 - 1),
        ("UInt32", {"long_value": 2**32 - 1}, 2**32 - 1),
        ("UInt64", {"long_value": 2**64 - 1}, float(2**64 - 1)),
        ("Float", {"float_value": 88.3}, 88.3), ("Double", {"double_value": 0.1}, 0.1),
        ("Boolean", {"boolean_value": True}, 1), ("Boolean", {"boolean_value": False}, 0),
        (22, {"bytes_value": b"\xff"}, -1), (23, {"bytes_value": b"\x30\x8a"}, -30160),
        (24, {"bytes_value": struct.pack("<i", -5)}, -5),
        (25, {"bytes_value": struct.pack("<q", -5)}, -5),
        (26, {"bytes_value": b"\x17"}, 23), (27, {"bytes_value": b"\x1e\x00"}, 30),
        (28, {"bytes_value": b"\x34\x00\x00\x00"}, 52), (29, {"bytes_value": bytes(8)}, 0),
        (30, {"bytes_value": struct.pack("<f", 21.3)}, 21.3),
        (31, {"bytes_value": struct.pack("<d", 0.1)}, 0.1),
    ],
)  # fmt: skip
def test_numbers_of_every_datatype(kind, fields, value):
    (found,) = Plant().says("NDATA", _metric("x", kind, **fields)).measurements
    assert found.value == value
    assert found.channel == ("1" if isinstance(kind, int) else "")


@pytest.mark.parametrize(
    ("kind", "fields", "state"),
    [
        ("String", {"string_value": "hi"}, {"x": "hi"}),
        ("Text", {"string_value": "hi"}, {"x": "hi"}),
        ("UUID", {"string_value": "hi"}, {"x": "hi"}),
        ("DateTime", {"long_value": NOW_MS}, {"x": "2026-06-01T12:00:00Z"}),
        ("Double", {"double_value": math.nan}, {"x": "nan"}),
        ("Float", {"float_value": math.inf}, {"x": "inf"}),
        ("Int8", {"int_value": 3, "is_transient": True}, {"x": 3}),
        ("String", {"string_value": "old", "is_historical": True}, {}),
        ("Bytes", {"bytes_value": b"\x00"}, {}),
        ("File", {"bytes_value": b"\x00"}, {}),
        (33, {"bytes_value": b"ABC\0hello\0"}, {"x.1": "ABC", "x.2": "hello"}),
        (34, {"bytes_value": struct.pack("<q", NOW_MS)}, {"x.1": "2026-06-01T12:00:00Z"}),
    ],
)
def test_what_is_state_or_left_out(kind, fields, state):
    message = Plant().says("NDATA", _metric("x", kind, **fields))
    assert (message.state, message.measurements) == (state, [])


def test_boolean_arrays_have_the_first_bit_highest():
    """The example of the specification, 6.4.17: twelve booleans."""
    data = b"\x0c\x00\x00\x00\x34\xd0"
    found = Plant().says("NDATA", _metric("x", 32, bytes_value=data)).measurements
    assert [int(one.value) for one in found] == [0, 0, 1, 1, 0, 1, 0, 0, 1, 1, 0, 1]


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("Int8", {"int_value": 256}), ("Int8", {"int_value": 0xFFFFFF7F}),
        ("UInt8", {"int_value": 256}), ("Int64", {"int_value": 2**32 - 1}),
        ("Int8", {}), ("Int8", {"string_value": "1"}), ("Float", {"int_value": 1}),
        ("String", {"double_value": 1}), ("DateTime", {"long_value": 2**63}),
        ("Int8", {"int_value": 1, "long_value": 1}), (35, {"int_value": 1}),
        (24, {"bytes_value": b"123"}), (32, {"bytes_value": b"\x09\x00\x00\x00\xff"}),
        (32, {"bytes_value": b"\xff\xff\xff\xff\xff"}), (32, {"bytes_value": b""}),
        (33, {"bytes_value": b"abc"}), (33, {"bytes_value": b"\xff\0"}), (22, {}),
        (22, {"bytes_value": bytes(5000)}),
    ],
)  # fmt: skip
def test_values_that_are_not_of_their_datatype_are_refused(kind, fields):
    with pytest.raises(PayloadError, match="Sparkplug metric x"):
        Plant().says("NDATA", _metric("x", kind, **fields))


def test_templates_are_flattened_with_the_types_of_their_birth():
    def pump(*members, definition=False):
        template = TYPES["Template"](metrics=members, is_definition=definition)
        return _metric("Pump1", "Template", template_value=template)

    plant = Plant()
    plant.says(
        "NBIRTH",
        _metric("_types_/Pump", "Template",
                template_value=TYPES["Template"](
                    metrics=[_metric("temperature", "Int16", int_value=9)], is_definition=True)),
        pump(_metric("temperature", "Int16", {"engUnit": "°F"}, int_value=212),
             _metric("running", "Boolean", boolean_value=True)),
        seq=0,
    )  # fmt: skip
    message = plant.says("NDATA", pump(_metric("temperature", int_value=32)), seq=1)
    assert _values(message) == {("temperature", "Pump1"): 0.0}
    assert plant.decoder.memory.get("sparkplug", "city/node1")["metrics"]["Pump1/running"] == [
        11,
        "",
        False,
    ]
