import gzip
import json
import math
import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.clock import rfc3339_ns
from ingest.decode import Decoder
from ingest.errors import PayloadError
from ingest.formats import sparkplug
from ingest.formats.sparkplug_metric import TYPES
from ingest.reading import Envelope, Message, Quality

NOW = rfc3339_ns("2026-06-01T12:00:00Z")
NOW_MS = NOW // 10**6
PLANT = "spBv1.0/city"
TYPE_OF = {
    "Int8": 1, "Int16": 2, "Int32": 3, "Int64": 4, "UInt8": 5, "UInt16": 6, "UInt32": 7,
    "UInt64": 8, "Float": 9, "Double": 10, "Boolean": 11, "String": 12, "DateTime": 13,
    "Text": 14, "UUID": 15, "DataSet": 16, "Bytes": 17, "File": 18, "Template": 19,
}  # fmt: skip


def _metric(name="", kind=0, properties=None, **fields):
    metric = TYPES["Metric"](**fields)
    if name:
        metric.name = name
    if kind:
        metric.datatype = TYPE_OF.get(kind, kind)
    for key, value in (properties or {}).items():
        metric.properties.keys.append(key)
        metric.properties.values.add(
            **({"type": 12, "string_value": value} if isinstance(value, str) else
               {"type": 3, "int_value": value})
        )  # fmt: skip
    return metric


def _payload(*metrics, seq=None, timestamp=NOW_MS, **fields) -> bytes:
    payload = TYPES["Payload"](metrics=metrics, **fields)
    if seq is not None:
        payload.seq = seq
    if timestamp is not None:
        payload.timestamp = timestamp
    return payload.SerializeToString()


class Plant:
    """A decoder, and the topics of one edge node."""

    def __init__(self, facts=()):
        self.decoder = Decoder(formats=(sparkplug,), facts=facts)

    def says(self, kind: str, *metrics, device: str = "", **fields) -> Message:
        topic = f"{PLANT}/{kind}/node1" + (f"/{device}" if device else "")
        return self.raw(topic, _payload(*metrics, **fields))

    def raw(self, topic: str, payload: bytes) -> Message:
        return self.decoder.decode(Envelope("test", topic, payload, NOW))


def _values(message: Message) -> dict[tuple[str, str], float]:
    values = {(one.quantity, one.channel): one.value for one in message.measurements}
    assert len(values) == len(message.measurements)
    return values


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


def _table(rows, types=(10, 12), columns=("temperature", "note")):
    return TYPES["DataSet"](
        num_of_columns=len(columns), columns=columns, types=types,
        rows=[{"elements": row} for row in rows],
    )  # fmt: skip


def test_data_sets():
    row = [{"double_value": 21.5}, {"string_value": "ok"}]
    one = Plant().says("NDATA", _metric("Room", "DataSet", dataset_value=_table([row])))
    assert _values(one) == {("temperature", "Room"): 21.5}
    assert one.state == {"Room/note": "ok"}
    second = [{"double_value": 1}, {}]
    two = Plant().says("NDATA", _metric("Room", "DataSet", dataset_value=_table([row, second])))
    assert _values(two) == {("temperature", "Room.1"): 21.5, ("temperature", "Room.2"): 1.0}
    for broken in (_table([row[:1]]), _table([row], types=(10,))):
        with pytest.raises(PayloadError, match="Sparkplug metric Room"):
            Plant().says("NDATA", _metric("Room", "DataSet", dataset_value=broken))


@pytest.mark.parametrize(
    ("name", "unit", "wanted"),
    [
        ("temperature", "", ("temperature", "", 1.0)),
        ("Boiler/Temperature", "K", ("temperature", "Boiler", -272.15)),
        ("Hall 2/L1/Voltage", "V", ("voltage", "Hall 2.L1", 1.0)),
        ("Hall/Power_L1", "kW", ("active_power", "Hall.L1", 1000.0)),
        ("Hall/energy", "", ("Hall/energy", "", 1.0)),
        ("Hall/energy", "bananas", ("Hall/energy", "", 1.0)),
        ("temperature", "bananas", ("temperature_bananas", "", 1.0)),
        ("Outputs/LED", "", ("Outputs/LED", "", 1.0)),
    ],
)
def test_names_and_units(name, unit, wanted):
    metric = _metric(name, "Int8", {"engUnit": unit}, int_value=1)
    (found,) = Plant().says("NDATA", metric).measurements
    assert (found.quantity, found.channel, found.value) == wanted


def test_bad_and_stale_values_are_suspect():
    for code, quality in ((0, Quality.SUSPECT), (500, Quality.SUSPECT), (192, Quality.MEASURED)):
        metric = _metric("temp", "Int8", {"Quality": code}, int_value=1)
        (found,) = Plant().says("NDATA", metric).measurements
        assert found.quality is quality


def test_two_metrics_of_one_meaning_are_told_apart_for_ever():
    plant = Plant()
    both = _metric("temp", 1, int_value=1), _metric("temperature", 1, int_value=2)
    wanted = {("temp", ""): 1.0, ("temperature", ""): 2.0}
    assert _values(plant.says("NBIRTH", *both, seq=0)) == wanted
    assert _values(plant.says("NDATA", both[0], seq=1)) == {("temp", ""): 1.0}
    assert _values(plant.says("NDATA", both[1], seq=2)) == {("temperature", ""): 2.0}
    without_birth = Plant().says("NDATA", *both)
    assert len(_values(without_birth)) == 2


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress])
def test_compressed_payloads(pack):
    inner = _payload(_metric("temp", 1, int_value=1), seq=4)
    outer = _payload(uuid="SPBV1.0_COMPRESSED", body=pack(inner), timestamp=None)
    assert _values(Plant().raw(f"{PLANT}/NDATA/n", outer)) == {("temperature", ""): 1.0}
    for body in (b"junk", pack(inner)[:-6], pack(bytes(5 << 20))):
        with pytest.raises(PayloadError, match="Sparkplug body"):
            Plant().raw(f"{PLANT}/NDATA/n", _payload(uuid="SPBV1.0_COMPRESSED", body=body))


@pytest.mark.parametrize(
    ("topic", "payload", "rule"),
    [
        ("spBv1.0/g/NDATA", b"", "Sparkplug topic"),
        ("spBv1.0/g/NBIRTH/n/d", b"", "Sparkplug topic"),
        ("spBv1.0/g/XDATA/n", b"", "Sparkplug topic"),
        ("spBv1.0/g/NDATA/n", b"\xff\xff", "protobuf"),
        ("spBv1.0/g/NDATA/n", b'{"a": 1}', "protobuf"),
        ("spBv1.0/g/NDATA/n", _payload(_metric(alias=None, int_value=1)), "Sparkplug metric"),
        ("spBv1.0/g/NDATA/n", _payload(seq=256), "Sparkplug seq"),
        ("spBv1.0/g/NBIRTH/n", _payload(_metric("x", int_value=1)), "Sparkplug metric x"),
        ("spBv1.0/g/NBIRTH/n",
         _payload(_metric("x", 1, alias=1, int_value=1), _metric("y", 1, alias=1, int_value=1)),
         "Sparkplug birth"),
    ],
)  # fmt: skip
def test_what_is_none_of_sparkplug_is_refused(topic, payload, rule):
    with pytest.raises(PayloadError, match=rule):
        Plant().raw(topic, payload)


def test_templates_end_somewhere():
    metric = _metric("x", "Int8", int_value=1)
    for _ in range(30):
        metric = _metric("t", "Template", template_value=TYPES["Template"](metrics=[metric]))
    with pytest.raises(PayloadError, match="nesting"):
        Plant().says("NDATA", metric)


METRICS = st.builds(
    lambda name, kind, fields: _metric(name, kind, **fields),
    st.sampled_from(["", "temp", "bdSeq", "a/power", "é"]),
    st.integers(0, 36),
    st.fixed_dictionaries(
        {},
        optional={
            "alias": st.integers(0, 3),
            "timestamp": st.integers(0, 2**64 - 1),
            "is_null": st.booleans(),
            "is_historical": st.booleans(),
            "int_value": st.integers(0, 2**32 - 1),
            "long_value": st.integers(0, 2**64 - 1),
            "float_value": st.floats(width=32),
            "double_value": st.floats(),
            "boolean_value": st.booleans(),
            "string_value": st.text(max_size=3),
            "bytes_value": st.binary(max_size=12),
            "dataset_value": st.just(_table([[{"double_value": 1}, {}]])),
        },
    ),
)
KINDS = ("NBIRTH", "NDATA", "NDEATH", "NCMD", "DBIRTH", "DDATA", "DDEATH", "DCMD")


@settings(max_examples=200)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(KINDS),
            st.lists(METRICS, max_size=3),
            st.none() | st.integers(0, 300),
            st.none() | st.binary(max_size=20),
        ),
        max_size=4,
    )
)
def test_any_payload_is_a_message_or_refused(messages):
    plant = Plant()
    for kind, metrics, seq, junk in messages:
        topic = f"{PLANT}/{kind}/node1" + ("/dev" if kind.startswith("D") else "")
        try:
            plant.raw(topic, _payload(*metrics, seq=seq) if junk is None else junk)
        except PayloadError as error:
            rule = error.rule
        else:
            rule = ""
        assert rule != "decoder fault"
