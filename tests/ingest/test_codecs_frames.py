import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.codecs.frames import Frame, Tlv
from ingest.errors import PayloadError
from ingest.reading import Measurement


def _values(frame: Frame, payload: str, **more) -> list[tuple]:
    return [(m.quantity, m.channel, m.value) for m in frame.read(bytes.fromhex(payload), **more)]


def test_a_frame_reads_types_scales_and_channels():
    frame = Frame("""
        u8  humidity            /2
        s16 temperature:probe   /10 !0x7fff
        u8  temperature         -40          # after an offset
        x2
        u24 pulse_register      *10
    """)
    assert frame.size == 9
    assert _values(frame, "64ff3850ffff000102") == [
        ("humidity", "", 50.0),
        ("temperature", "probe", -20.0),
        ("temperature", "", 40.0),
        ("pulse_register", "", 2580.0),
    ]
    assert ("temperature", "probe", 3276.7) not in _values(frame, "647fff50ffff000102")


def test_bits_are_of_the_integer_above():
    frame = Frame("u8 _\n.0 water_leak\n.4-7 level_step\nu8 status")
    assert _values(frame, "a107") == [
        ("water_leak", "", 1.0), ("level_step", "", 10.0), ("status", "", 7.0),
    ]  # fmt: skip


def test_bits_with_a_sign():
    frame = Frame("u32 _\n.10-31s active_power /10\n.0-9 power_factor /1000")
    assert _values(frame, "9d3a1b52") == [
        ("active_power", "", -161829.8), ("power_factor", "", 0.85),
    ]  # fmt: skip
    assert _values(frame, "1504ff6b")[0] == ("active_power", "", 34438.3)


@pytest.mark.parametrize(
    ("line", "payload", "value"),
    [
        ("u16< a", "0102", 513), ("u16> a", "0102", 258), ("s24 a", "ffffff", -1),
        ("u40 a", "0000000100", 256), ("m16 a", "8001", -1), ("m16 a", "0001", 1),
        ("d16 a", "1234", 1234), ("d16< a", "1234", 3412), ("f32 a", "3f800000", 1),
        ("b16 a", "3f80", 1), ("b16< a", "b2c0", -5.5625),
        ("f16 a", "c500", -5), ("f16< a", "8f42", 3.279296875),
        ("u64 a", "0000000000000001", 1), ("s64 a", "ffffffffffffffff", -1),
        ("u16 a +5 *2 /10", "0005", 2),
    ],
)  # fmt: skip
def test_every_type(line, payload, value):
    assert _values(Frame(line), payload) == [("a", "", value)]


def test_what_is_no_number_is_no_measurement():
    assert _values(Frame("f32 a\nf32< b"), "7fc000000000807f") == []
    assert _values(Frame("d8 a\nd8 b"), "ff12") == [("b", "", 12)]


def test_a_repeated_frame_gets_a_channel():
    assert _values(Frame("u8 a\nu8 b:x"), "0102", channel="2") == [("a", "2", 1), ("b", "2.x", 2)]


@pytest.mark.parametrize("table", ["u16", "q16 a", "u16 a b", "u16 a /x", ".1"])
def test_a_wrong_table_is_found_when_it_is_made(table):
    with pytest.raises(ValueError, match=r"frame|could not"):
        Frame(table)


def test_the_whole_payload_must_be_the_frame():
    frame = Frame("u8 a")
    assert frame.whole(b"\x07\x02", "acme", 1) == [Measurement("a", 2.0)]
    with pytest.raises(PayloadError, match=r"acme length: expected 1 bytes, found 2 bytes: 0102"):
        frame.whole(b"\x01\x02", "acme")


def test_keys_lead_to_frames():
    tlv = Tlv(
        "acme", {b"\x01\x75": Frame("u8 battery_level"), b"\x03\x67": Frame("s16< temperature /10")}
    )
    found = tlv.decode(bytes.fromhex("01755c03673401"))
    assert found == [Measurement("battery_level", 92.0), Measurement("temperature", 30.8)]
    with pytest.raises(PayloadError, match=r"acme at byte 3: expected a type .* found 0x0401"):
        tlv.decode(bytes.fromhex("01755c040101"))
    with pytest.raises(PayloadError, match=r"acme at byte 2: expected 2 bytes, found 1 to the end"):
        tlv.decode(bytes.fromhex("036734"))
    with pytest.raises(ValueError, match=r"keys of one size"):
        Tlv("acme", {b"\x01": Frame("u8 a"), b"\x01\x02": Frame("u8 a")})


@given(st.lists(st.integers(-32768, 32767), min_size=4, max_size=4))
def test_the_fast_way_and_the_slow_way_agree(numbers):
    payload = struct.pack(">4h", *numbers)
    fast = Frame("\n".join(f"s16 q{n} /{10**n}" for n in range(4)))
    slow = Frame("\n".join(f"s16 q{n} /{10**n} !99999" for n in range(4)))
    assert fast.read(payload) == slow.read(payload)
