import struct as binary

import pytest
from google.protobuf import struct_pb2, timestamp_pb2
from hypothesis import given
from hypothesis import strategies as st

from ingest.clock import rfc3339_ns
from ingest.errors import PayloadError
from ingest.formats.protobuf import messages, parsed, shortest, time_ns, time_text, tree

TYPES = messages(
    "weather",
    {
        "Report": {
            1: ("station", "string"),
            2: ("time", "Timestamp"),
            3: ("values", "repeated Value"),
            4: ("tags", "map<string,string>"),
            5: ("object", "Struct"),
            6: ("codes", "repeated uint32"),
        },
        "Value": {1: ("name", "string"), 2: ("number", "double"), 3: ("text", "string")},
    },
)
REPORT = TYPES["Report"]


def _report(payload):
    return parsed(REPORT, payload, "a report")


def test_a_field_knows_whether_it_was_on_the_wire():
    sent = REPORT()
    sent.values.add(name="rain", number=0.0)
    got = _report(sent.SerializeToString())
    assert got.values[0].HasField("number")
    assert not got.values[0].HasField("text")
    assert not got.HasField("time")


def test_maps_and_numbers_packed_or_one_by_one():
    sent = REPORT(tags={"place": "hall", "floor": "2"}, codes=[1, 300])
    assert dict(_report(sent.SerializeToString()).tags) == {"place": "hall", "floor": "2"}
    assert list(_report(bytes.fromhex("320301ac02")).codes) == [1, 300]
    assert list(_report(bytes.fromhex("300130ac02")).codes) == [1, 300]


def test_what_no_table_names_is_skipped():
    assert _report(bytes.fromhex("0a0161") + bytes.fromhex("fa0603616263")).station == "a"


def test_two_makers_of_tables_do_not_meet():
    other = messages("weather", {"Report": {1: ("station", "uint32")}})["Report"]
    assert parsed(other, b"\x08\x07", "another").station == 7
    assert REPORT(station="x").station == "x"


@pytest.mark.parametrize("payload", [b"\xff", b"\x0a\x05ab", b"\x0a\x02\xff\xfe", b"{}"])
def test_wrong_bytes_are_refused_by_name(payload):
    with pytest.raises(PayloadError, match="protobuf: expected a report as protobuf, found"):
        _report(payload)


def test_a_type_that_is_none():
    with pytest.raises(ValueError, match=r"type of Report\.station: 'text' is no type"):
        messages("weather", {"Report": {1: ("station", "text")}})


@pytest.mark.parametrize(
    "text",
    [
        "2022-07-18T09:34:15.775023242+00:00",
        "2022-07-18T09:34:15.775+00:00",
        "2022-07-18T09:34:15.000100+00:00",
        "2022-07-18T09:34:15+00:00",
        "1969-12-31T23:59:59.500+00:00",
    ],
)
def test_an_instant_to_the_nanosecond_and_back(text):
    seconds, nanos = divmod(rfc3339_ns(text), 10**9)
    stamp = timestamp_pb2.Timestamp(seconds=seconds, nanos=nanos)
    assert time_ns(stamp) == rfc3339_ns(text)
    assert time_text(stamp) == text


def test_impossible_instants():
    with pytest.raises(PayloadError, match="less than 1,000,000,000 nanos, found 1000000000"):
        time_ns(timestamp_pb2.Timestamp(nanos=10**9))
    with pytest.raises(PayloadError, match="the years 1 to 9999"):
        time_text(timestamp_pb2.Timestamp(seconds=2**62))


def test_a_struct_is_the_json_that_it_stands_for():
    wanted = {"a": 1.5, "b": [True, None, "x", {"c": []}], "d": {}}
    struct = struct_pb2.Struct()
    struct.update(wanted)
    assert tree(struct) == wanted


def test_a_struct_too_deep_is_refused():
    struct = struct_pb2.Struct()
    inner = struct
    for _ in range(40):
        inner = inner.get_or_create_struct("a")
    with pytest.raises(PayloadError, match="nesting"):
        tree(struct)


@given(st.floats(width=32, allow_nan=False))
def test_the_shortest_digits_are_the_same_32_bits(value):
    assert _bits(shortest(value)) == _bits(value)


def _bits(value):

    return binary.pack("<f", value)


def test_the_shortest_digits():
    assert shortest(88.30000305175781) == 88.3
