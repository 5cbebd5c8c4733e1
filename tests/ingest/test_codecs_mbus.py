import json
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.codecs import mbus
from ingest.errors import PayloadError

UPLINKS = [
    json.loads(line)
    for line in (Path(__file__).parents[1] / "vectors" / "mbus_uplinks.jsonl")
    .read_text("utf-8")
    .splitlines()
]
ELVACO = [uplink for uplink in UPLINKS if uplink["vendor"] == "elvaco"]
GATEWAY = next(uplink for uplink in UPLINKS if uplink["device"] == "m-bus-gateway")

# The vendor's name -> our place, and how many of our units one of the vendor's is.
PLACES = {
    "energy": ("heat_energy", "", 1000),
    "volume": ("heat_volume", "", 1),
    "power": ("heat_power", "", 1000),
    "flow": ("flow", "", 1),
    "flow_temperature": ("temperature", "supply", 1),
    "return_temperature": ("temperature", "return", 1),
    "serial": ("fabrication_number", "", 1),
    "error_flag": ("error_flags", "", 1),
}
# Two values that the vendor's decoders print in the wrong base: the number of a meter is BCD
# (EN 13757-3, VIF 78h), and flags are a number of bits, not the digits of its hex.
VENDOR_IS_WRONG = {
    ("cmi4130", "serial", 277899033): 10906719,
    ("cmi4140", "error_flag", 10000): 0x10000,
}


def _values(payload, f_port=2):
    found = mbus.decode(bytes.fromhex(payload), f_port)
    values = {(one.quantity, one.channel, one.time_ns): one.value for one in found}
    assert len(values) == len(found), "two values in one place"
    return values


@pytest.mark.parametrize("uplink", ELVACO, ids=lambda uplink: uplink["hex"])
def test_values_of_elvaco_are_those_of_the_vendors_codec(uplink):
    wanted = {}
    for name, value in uplink["expected"]["data"].items():
        quantity, channel, size = PLACES[name]
        right = VENDOR_IS_WRONG.get((uplink["device"], name, value), value)
        wanted[quantity, channel, None] = pytest.approx(right * size, rel=1e-9)
    assert _values(uplink["hex"], uplink["f_port"]) == wanted


def test_values_of_the_gateway_are_those_of_the_vendors_codec():
    got = _values(GATEWAY["hex"], 10)
    data = GATEWAY["expected"]["data"]
    first, second, failed = data["frames"]
    assert got == {
        ("battery_level", "", None): data["battery_pct"],
        ("active_energy_import", "21211208", _ns(first)): first["measurement"]["value"],
        ("active_energy_import", "21211208.2", _ns(second)): second["measurement"]["value"],
        ("meter_status", "21211208", _ns(failed)): 2.0,
    }


def _ns(frame):
    return frame["frame_unixtime"] * 10**9


def test_all_six_uplinks_are_there():
    assert (len(ELVACO), len(UPLINKS)) == (5, 6)


def test_the_enhanced_identification_decides_the_medium():
    water = "1e 0413e8030000 0779 82253269a5114007"
    assert _values(water) == {
        ("water_volume", "", None): 1.0,
        ("fabrication_number", "", None): 69322582.0,
    }


def test_values_in_an_error_state_keep_their_own_name():
    got = _values("0f 0406 01000000 322d 4b00 0c78 19679010")
    assert got["heat_power.error", "", None] == 7500.0
    assert ("heat_power", "", None) not in got


def test_a_second_tariff_and_a_storage_number_stay_apart():
    got = _values("1a 0406 01000000 842006 02000000 4406 03000000")
    assert got == {
        ("heat_energy", "", None): 1000.0,
        ("heat_energy", "T2", None): 2000.0,
        ("heat_energy.storage1", "", None): 3000.0,
    }


@pytest.mark.parametrize(
    ("unit", "wanted"),
    [("kWh", 1234500.0), ("Wh", 1234.5), ("GJ", 342916666.666667), ("MCal", 1435723.5)],
)
def test_the_json_formats(unit, wanted):
    text = f'{{"E":1234.5,"U":"{unit}","ID":87654321}}'
    got = _values((b"\x17" + text.encode()).hex())
    assert got == {
        ("heat_energy", "", None): pytest.approx(wanted, rel=1e-14),
        ("fabrication_number", "", None): 87654321.0,
    }


@pytest.mark.parametrize(
    "text", ["{", '{"E":1}', '{"E":"1","U":"kWh"}', '{"E":1,"U":"apples"}', '{"E":[1],"U":"kWh"}']
)
def test_wrong_json_is_refused(text):
    with pytest.raises(PayloadError):
        mbus.decode(b"\x17" + text.encode(), 2)


def _frame(serial, time_s, record, medium=7, status=0, kind=0x16):
    head = struct.pack("<HIB", kind, time_s, 8) + bytes.fromhex(serial)[::-1]
    return head + bytes([medium, status]) + bytes.fromhex(record)


def test_meters_behind_one_gateway_stay_apart():
    payload = (
        bytes([0xC9, 0x13, 1, 2, 3, 4, 99, 0])
        + struct.pack("<HIHB", 0, 1_700_000_000, 75, 0x21)
        + _frame("11111111", 1_700_000_001, "0c13 45230100")
        + _frame("22222222", 1_700_000_002, "0c13 99000000", kind=0x1016)
        + _frame("11111111", 1_700_000_003, "4c13 01000000", status=1)
    )
    assert _values(payload.hex(), 10) == {
        ("battery_level", "", None): 100.0,
        ("water_volume", "11111111", 1_700_000_001 * 10**9): 12.345,
        ("water_volume", "22222222", 1_700_000_002 * 10**9): 0.099,
        ("water_volume.storage1", "11111111", 1_700_000_003 * 10**9): 0.001,
        ("meter_status", "11111111", 1_700_000_003 * 10**9): 1.0,
        ("meter_status", "22222222", 1_700_000_002 * 10**9): 0.0,
    }


@pytest.mark.parametrize(
    ("payload", "f_port"),
    [
        ("", 2),
        ("15", 2),
        ("15 2f2f2f", 2),
        ("40 0406 01000000", 2),
        ("15 0406 010000", 2),
        ("a0", 10),
        ("a0e3", 10),
        ("a0e0 1700", 10),
        ("a0e0 1600 00", 10),
        ("a0e0 1600 00000000 00 11111111 07 00 0f 1234", 10),
        ("a0e0 1600 00000000 00 11111111 07 00 0c13 1234", 10),
        ("a0e0 00", 2),
    ],
)
def test_broken_payloads_are_refused(payload, f_port):
    with pytest.raises(PayloadError):
        mbus.decode(bytes.fromhex(payload), f_port)


@pytest.mark.parametrize("uplink", UPLINKS, ids=lambda uplink: uplink["hex"][:12])
def test_a_payload_cut_anywhere_never_gives_a_value_that_is_not_there(uplink):
    payload = bytes.fromhex(uplink["hex"])
    whole = mbus.decode(payload, uplink["f_port"])
    places = {(one.quantity, one.channel, one.time_ns, one.value) for one in whole}
    refused = 0
    for size in range(len(payload)):
        try:
            found = mbus.decode(payload[:size], uplink["f_port"])
        except PayloadError:
            refused += 1
            continue
        assert {
            (one.quantity, one.channel, one.time_ns, one.value)
            for one in found
            if one.quantity != "meter_status"
        } <= places
    assert refused > len(payload) * 3 // 4


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=80), st.sampled_from([2, 10]))
def test_any_bytes_give_measurements_or_a_payload_error(payload, f_port):
    try:
        found = mbus.decode(payload, f_port)
    except PayloadError:
        return
    assert all(isinstance(one.value, float) for one in found)


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("elvaco module", True),
        ("cmi4110", True),
        ("cmi4140std", True),
        ("iot factory m bus gateway", True),
        ("iot factory metering node", False),
        ("bus stop m 4", False),
        ("elsys ers", False),
    ],
)
def test_words_that_name_the_devices(words, wanted):
    assert mbus.matches(frozenset(words.split()), "a81758ffff000000") is wanted
