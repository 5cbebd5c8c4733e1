import struct
from binascii import crc_hqx
from datetime import UTC, datetime
from itertools import pairwise
from math import isfinite

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.codecs import CODECS, CODECS_BY_NAME, axioma, water_meters
from ingest.errors import PayloadError

HOUR_S, SECOND_NS = 3600, 1_000_000_000

# Real messages of one meter, four hours apart, newest first: each hour is told by several of them.
# Source: the tests of diwise/iot-agent (qalcosonic).
WARM = [
    "3883B268007BB06B008D0560B2B1681F806B00A50465067E06B706BB03A6028501AC00620053006300CF014E03A604",
    "F94AB26800F8A16B002006207AB16871716B00370325036103F104A50465067E06B706BB03A6028501AC0062005300",
    "B912B2680019A06B00AF05E041B16805646B00C202A10272039704370325036103F104A50465067E06B706BB03A602",
    "78DAB16800B9906B00AE05A009B1682F526B007003B104C805ED03C202A10272039704370325036103F104A5046506",
    "38A2B16800A57A6B00940560D1B068CD4F6B0058005900610050017003B104C805ED03C202A1027203970437032503",
    "F869B16800296C6B009C052099B0687A466B003704EF029701960058005900610050017003B104C805ED03C202A102",
]

# And of one without a temperature, an hour apart (the tests of a driver for the W1).
COLD = [
    "cfd5e7600038950100d0f6e6601594010004000f000b00200005001d0054002d000f000a000a000000030003000900",
    "bfc7e7600028950100c0e8e660f79301001e0004000f000b00200005001d0054002d000f000a000a00000003000300",
    "aeb9e760001c950100b0dae660e693010011001e0004000f000b00200005001d0054002d000f000a000a0000000300",
    "9eabe760001c950100a0cce660ae930100380011001e0004000f000b00200005001d0054002d000f000a000a000000",
]

# The maker's example, whose log begins within an hour; and the alarm of its table.
EXAMPLE = (
    "0ea0355d302935000054c0345de7290000b800b900b800b800b800b900b800b800b800b800b800b800b900b900b900"
)
ENHANCED = (
    "011fbfd05e30cd0f0800d4879e41865c1b42470d7283b8201608fec181981dd007f3919460218247b63178"
    "4c1c9e87b8e17600"
)
ENHANCED_LOW = (
    "01aeac986a0032170000000000000000000080038000"
    "54000e4005100048000240020000200000000000000000000000000000"
)
GWF = "02e61e490902000734ffff162fa90000200028fb"
IWM = "44742001003401000000001302"
CUBIC = (
    bytes(4) + struct.pack("<HI", 0x8180, 1_234_567) + bytes(12) + bytes((3, 200, 210, 60, 80, 90))
)


def _codec(name):
    return CODECS_BY_NAME[name]


def _by_time(payload, f_port=100):
    """Return the registers in litres by their second."""
    found = axioma.decode(bytes.fromhex(payload), f_port)
    volumes = [one for one in found if one.quantity == "water_volume"]
    assert all(one.time_ns % SECOND_NS == 0 for one in volumes)
    times = [one.time_ns // SECOND_NS for one in volumes]
    assert len(set(times)) == len(times)
    return {time_s: one.value * 1000 for time_s, one in zip(times, volumes, strict=True)}


def _states(found):
    return {one.quantity: one.value for one in found if one.quantity != "water_volume"}


@pytest.mark.parametrize(("messages", "hours"), [(WARM, 14), (COLD, 15)])
def test_messages_of_one_meter_agree_on_every_hour(messages, hours):
    registers = {}
    for message in messages:
        told = _by_time(message)
        assert len(told) == hours + 2
        sent_s = int.from_bytes(bytes.fromhex(message)[:4], "little")
        # The history ends with the last whole hour before the message.
        assert sent_s - sent_s % HOUR_S == max(time_s for time_s in told if time_s != sent_s)
        for time_s, litres in told.items():
            assert registers.setdefault(time_s, litres) == pytest.approx(litres, abs=1e-6)
    ordered = [registers[time_s] for time_s in sorted(registers)]
    assert ordered == sorted(ordered)  # also where a message's own register lies between two hours


def test_an_hour_off_would_contradict_the_registers_of_the_messages():
    registers = {}
    for message in WARM:
        registers |= _by_time(message)
    sent = {int.from_bytes(bytes.fromhex(one)[:4], "little") for one in WARM}
    shifted = {time_s + HOUR_S * (time_s not in sent): one for time_s, one in registers.items()}
    ordered = [shifted[time_s] for time_s in sorted(shifted)]
    assert ordered != sorted(ordered)


def test_the_makers_example():
    told = _by_time(EXAMPLE)
    start_s = int(datetime(2019, 7, 21, 19, tzinfo=UTC).timestamp())
    deltas = [184, 185, 184, 184, 184, 185, 184, 184, 184, 184, 184, 184, 185, 185, 185]
    wanted = {start_s + nth * HOUR_S: 10_727 + sum(deltas[:nth]) for nth in range(16)}
    wanted[0x5D35A00E] = 13_609
    assert told == pytest.approx(wanted)
    states = _states(axioma.decode(bytes.fromhex(EXAMPLE), 100))
    assert {name for name, value in states.items() if value} == {
        "status_code", "temporary_error", "water_leak"}  # fmt: skip


def test_a_water_temperature():
    found = axioma.decode(bytes.fromhex(WARM[0]), 100)
    assert [one.value for one in found if one.quantity == "temperature"] == [14.21]
    cold = bytes.fromhex(WARM[0])
    cold = cold[:9] + struct.pack("<h", -12) + cold[11:]
    assert [one.value for one in axioma.decode(cold, 100) if one.quantity == "temperature"] == [
        -0.12
    ]


def test_the_enhanced_payload_tells_the_day_before():
    told = _by_time(ENHANCED)
    times = sorted(told)
    assert times[0] == datetime(2020, 5, 28, 1, tzinfo=UTC).timestamp()
    assert times == [times[0] + nth * HOUR_S for nth in range(24)]
    assert told[times[0]] == pytest.approx(528_333)
    assert told[times[16]] == pytest.approx(560_639)
    assert told[times[23]] == pytest.approx(573_662)
    told = _by_time(ENHANCED_LOW)
    litres = [round(told[time_s]) for time_s in sorted(told)]
    used = [later - one for one, later in pairwise(litres)]
    assert litres[0] == 5938
    assert used == [0] * 5 + [14, 8, 21, 14, 21, 1, 18, 2, 9, 0, 8] + [0] * 7
    assert _by_time(ENHANCED + "2f") == _by_time(ENHANCED)


def test_hours_that_were_not_logged_give_nothing():
    payload = bytearray.fromhex(COLD[0])
    payload[17 + 2 * 3 : 17 + 2 * 4] = b"\xff\xff"
    found = axioma.decode(bytes(payload), 100)
    whole = axioma.decode(bytes.fromhex(COLD[0]), 100)
    start_s = struct.unpack_from("<I", payload, 9)[0]
    registers = [one for one in found if one.quantity == "water_volume"]
    assert registers == [one for one in whole if one.quantity == "water_volume"][:5]
    later = [one for one in found if one.quantity == "delta_volume"]
    assert [one.value for one in later] == [
        one / 1000 for one in struct.unpack_from("<11H", payload, 25)
    ]
    assert [one.time_ns for one in later] == [
        (start_s + nth * HOUR_S) * SECOND_NS for nth in range(5, 16)
    ]
    bits = bytearray.fromhex(ENHANCED)
    bits[10:12] = b"\xff\x7f"  # the first 14 bits, and one of the second number
    found = axioma.decode(bytes(bits), 100)
    assert [one.quantity for one in found].count("water_volume") == 1
    assert [one.quantity for one in found].count("delta_volume") == 22


@pytest.mark.parametrize(
    ("status", "wanted"),
    [
        (0x00, set()), (0x04, {"low_battery"}), (0x08, {"permanent_error"}),
        (0x10, {"temporary_error", "empty_pipe"}), (0x20, {"water_leak"}),
        (0x30, {"temporary_error", "water_leak"}), (0x60, {"backflow"}),
        (0x70, {"temporary_error", "backflow"}), (0x80, {"low_temperature"}),
        (0x88, {"low_temperature", "permanent_error"}),
        (0x90, {"low_temperature", "temporary_error"}), (0xB0, {"temporary_error", "burst"}),
        (0xD0, {"temporary_error", "manipulation"}),
        (0xBC, {"low_battery", "permanent_error", "temporary_error", "burst"}),
    ],
)  # fmt: skip
def test_states(status, wanted):
    message = bytearray.fromhex(EXAMPLE)
    message[4] = status
    found = axioma.decode(bytes(message), 100)
    states = _states(found)
    assert {one.time_ns for one in found if one.quantity in states} == {0x5D35A00E * SECOND_NS}
    assert states.pop("status_code") == status
    assert {name for name, value in states.items() if value} == wanted
    assert set(states.values()) <= {0, 1}
    assert len(states) == 9


@pytest.mark.parametrize(
    ("alarms", "wanted"),
    [
        (0x01, {"water_leak"}), (0x02, {"burst"}), (0x04, {"low_temperature"}),
        (0x08, {"manipulation"}), (0x88, {"manipulation"}),
        (0x30, {"no_consumption", "backflow"}),  # the maker's example
    ],
)  # fmt: skip
def test_alarms_have_bits_of_their_own(alarms, wanted):
    """As Zenner's and diwise's decoders have them; tago-io/decoders reads them as a status."""
    found = axioma.decode(bytes.fromhex("43b1315d") + bytes((alarms,)), 103)
    assert {one.time_ns for one in found} == {0x5D31B143 * SECOND_NS}
    states = _states(found)
    assert states.pop("alarm_code") == alarms
    assert {name for name, value in states.items() if value} == wanted
    assert len(states) == 6


def test_a_meter_that_was_just_installed():
    """A real message, with what the decoder of Zenner reads in it."""
    told = _by_time("41643a5e1077010000f086395e77010000" + "00" * 30)
    start_s = int(datetime(2020, 2, 4, 15, tzinfo=UTC).timestamp())
    sent_s = int(datetime(2020, 2, 5, 6, 44, 17, tzinfo=UTC).timestamp())
    assert told == {sent_s: 375, **{start_s + nth * HOUR_S: 375 for nth in range(16)}}


def test_days_instead_of_hours():
    start_s, day_s = 1_700_006_400, 86_400
    payload = struct.pack(
        "<IBIII15H", start_s + 15 * day_s + 7000, 0, 900, start_s, 100, *[50] * 15
    )
    assert set(_by_time(payload.hex())) == {
        start_s + 15 * day_s + 7000, *(start_s + nth * day_s for nth in range(16))}  # fmt: skip


def test_the_short_payload():
    payload = struct.pack("<IBIIIII", 1_700_000_000, 4, 5000, 4000, 3000, 2000, 86_400)
    found = {(one.quantity, one.channel): one.value for one in axioma.decode(payload, 100)}
    assert found["water_volume", ""] == 5
    assert [found["past_volume", nth] for nth in "123"] == [4, 3, 2]
    assert found["past_period", ""] == 86_400
    assert found["low_battery", ""] == 1


def test_settings_give_nothing():
    assert axioma.decode(bytes.fromhex("04ff891331fd17041344ff891344134d931e206201"), 101) == []


@pytest.mark.parametrize(
    ("payload", "f_port", "rule"),
    [
        (EXAMPLE, 1, "FPort"),
        ("43b1315d", 103, "alarm"),
        ("43b1315d3000", 103, "alarm"),
        ("0000000030", 103, "clock"),
        ("02" + ENHANCED[2:], 100, "version"),
        (ENHANCED[:-2] + "04", 100, "multiplier"),
        (EXAMPLE + "00", 100, "payload"),
        (EXAMPLE[:8] + "30293500000000005d" + EXAMPLE[26:], 100, "payload"),  # a log of 2019-06
        ("", 100, "payload"),
    ],
)
def test_what_is_wrong_is_refused(payload, f_port, rule):
    with pytest.raises(PayloadError) as refused:
        axioma.decode(bytes.fromhex(payload), f_port)
    assert rule in refused.value.rule


def test_a_register_of_digits():
    """The example of the maker; the codec in the device repository takes its digits as binary."""
    found = _codec("b-meters-iwm").decode(bytes.fromhex(IWM + "011b"), 1)
    assert {(one.quantity, one.value) for one in found} == {
        ("water_volume", 12.074), ("reverse_volume", 0.134), ("magnetic", 0), ("removal", 1),
        ("sensor_fraud", 0), ("water_leak", 0), ("reverse_flow", 0), ("low_battery", 0),
        ("temperature", 28.3)}  # fmt: skip
    frozen = _codec("b-meters-iwm").decode(bytes.fromhex(IWM + "8005"), 1)
    assert frozen[-1][:2] == ("temperature", -0.5)


@pytest.mark.parametrize(
    ("vif", "m3"), [("13", 99_999.999), ("14", 999_999.99), ("15", 9_999_999.9), ("16", 99_999_999)]
)
def test_the_unit_of_a_register(vif, m3):
    payload = bytes.fromhex("4499999999000000000000" + vif + "00")
    assert _codec("b-meters-iwm").decode(payload, 1)[0][:2] == ("water_volume", m3)


@pytest.mark.parametrize(
    ("name", "payload", "f_port", "rule"),
    [
        ("b-meters-iwm", IWM, 2, "FPort"),
        ("b-meters-iwm", IWM + "01", 1, "length"),
        ("b-meters-iwm", "45" + IWM[2:], 1, "application"),
        ("b-meters-iwm", IWM[:-4] + "1202", 1, "VIF"),
        ("b-meters-iwm", IWM[:-6] + "021302", 1, "medium"),
        ("b-meters-iwm", "444a200100" + IWM[10:], 1, "register"),
        ("gwf-rcm-lrw10", GWF[:-2] + "fc", 2, "CRC"),
        ("gwf-rcm-lrw10", "01" + GWF[2:], 2, "protocol"),
        ("gwf-rcm-lrw10", GWF[:14] + "04" + GWF[16:], 2, "medium"),
        ("gwf-rcm-lrw10", GWF[:22] + "18" + GWF[24:], 2, "VIF"),
        ("quandify-cubicmeter", CUBIC[:-1].hex(), 1, "length"),
        ("quandify-cubicmeter", CUBIC.hex(), 2, "FPort"),
    ],
)
def test_what_is_wrong_of_the_others_is_refused(name, payload, f_port, rule):
    with pytest.raises(PayloadError) as refused:
        _codec(name).decode(bytes.fromhex(payload), f_port)
    assert rule in refused.value.rule


def _gwf(**parts):
    at = {"medium": 7, "state": 8, "vif": 11, "flags": 16, "life": 17}
    payload = bytearray.fromhex(GWF)[:-2]
    payload[8] = 0
    for name, value in parts.items():
        payload[at[name]] = value
    whole = bytes(payload)
    whole += crc_hqx(whole, 0xFFFF).to_bytes(2, "little")
    return {one.quantity: one.value for one in _codec("gwf-rcm-lrw10").decode(whole, 2)}


def test_gwf():
    """The maker's example says that its register could not be read: there is no encoder."""
    found = _codec("gwf-rcm-lrw10").decode(bytes.fromhex(GWF), 2)
    assert {one.quantity for one in found if one.value} == {"low_battery", "encoder_missing"}
    assert "water_volume" not in {one.quantity for one in found}
    assert _gwf()["water_volume"] == 43_311
    assert _gwf(vif=0x13)["water_volume"] == 43.311
    assert _gwf(vif=0x17)["water_volume"] == 433_110
    assert _gwf(medium=3)["gas_volume"] == 43_311
    assert _gwf(flags=0x4A) | {"burst": 1, "continuous_flow": 1, "backflow": 1} == _gwf(flags=0x4A)
    assert _gwf(life=0x5C)["battery_life_semesters"] == 11
    assert _gwf(life=0x5C)["link_error"] == 1
    assert "water_volume" not in _gwf(state=0x50)
    assert _gwf(state=0x40)["encoder_bad"] == 0  # not without the bit of an error


def test_quandify():
    found = _codec("quandify-cubicmeter").decode(CUBIC, 1)
    assert {(one.quantity, one.channel): one.value for one in found} == {
        ("error_code", ""): 384, ("no_sensing", ""): 1, ("water_volume", ""): 1234.567,
        ("leak_state", ""): 3, ("water_leak", ""): 1, ("battery_voltage", "active"): 3.4,
        ("battery_voltage", ""): 3.48, ("temperature", "water.min"): 10,
        ("temperature", "water.max"): 20, ("temperature", "ambient"): 25}  # fmt: skip


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("axioma qalcosonic w1", "axioma-w1"),
        ("qalcosonic w1h", "axioma-w1"),
        ("axioma f1", "axioma-w1"),
        ("axioma qalcosonic e3", None),
        ("qalcosonic heat", None),
        ("b meters iwm lr3", "b-meters-iwm"),
        ("iwmlr4", "b-meters-iwm"),
        ("gwf rcm lrw10", "gwf-rcm-lrw10"),
        ("quandify cubicmeter 1 1", "quandify-cubicmeter"),
        ("w1", None),
        ("gwf sonico nano", None),
    ],
)
def test_meters_are_known_by_their_names(words, name):
    claims = (one for one in CODECS if one.matches(frozenset(words.split()), ""))
    assert getattr(next(claims, None), "NAME", None) == name


@pytest.mark.parametrize(
    ("name", "payload", "f_port"),
    [
        ("axioma-w1", WARM[0], 100),
        ("axioma-w1", EXAMPLE, 100),
        ("axioma-w1", ENHANCED, 100),
        ("b-meters-iwm", IWM + "011b", 1),
        ("gwf-rcm-lrw10", GWF, 2),
        ("quandify-cubicmeter", CUBIC.hex(), 1),
    ],
)
def test_a_payload_cut_anywhere_is_shorter_or_refused(name, payload, f_port):
    whole = _codec(name).decode(bytes.fromhex(payload), f_port)
    for end in range(0, len(payload), 2):
        part = bytes.fromhex(payload[:end])
        if (name == "b-meters-iwm" and end == len(IWM)) or (
            name == "axioma-w1" and len(part) in (21, 25)
        ):
            continue  # the frame without a temperature; the size of another frame
        try:
            found = _codec(name).decode(part, f_port)
        except PayloadError:
            continue
        # A log that lost its last hour still ends in the hour before the message.
        assert name == "axioma-w1"
        assert len(part) == len(payload) // 2 - 2
        assert found == whole[: len(found)]


METERS = [axioma, *water_meters.CODECS]


@given(st.sampled_from(METERS), st.binary(max_size=60), st.sampled_from([100, 103, 1, 2, 101]))
def test_any_bytes_are_read_or_refused(codec, payload, f_port):
    try:
        found = codec.decode(payload, f_port)
    except PayloadError:
        return
    assert all(isfinite(one.value) for one in found)


@given(st.sampled_from([*WARM, *COLD, EXAMPLE, ENHANCED]), st.data())
def test_a_real_payload_with_changed_bits_is_read_or_refused(message, data):
    payload = bytearray.fromhex(message)
    for _ in range(data.draw(st.integers(1, 3))):
        payload[data.draw(st.integers(0, len(payload) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        found = axioma.decode(bytes(payload), 100)
    except PayloadError:
        return
    assert all(isfinite(one.value) for one in found)
