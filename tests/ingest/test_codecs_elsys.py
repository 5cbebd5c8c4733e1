import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.codecs import elsys
from ingest.errors import PayloadError
from ingest.reading import Measurement

UPLINKS = [
    json.loads(line)
    for line in (Path(__file__).parents[1] / "vectors" / "elsys_uplinks.jsonl")
    .read_text("utf-8")
    .splitlines()
]

# The vendor's name -> our place, and how many of the vendor's units make one of ours.
PLACES = {
    "temperature": ("temperature", "", 1),
    "humidity": ("humidity", "", 1),
    "x": ("acceleration", "x", 1),
    "y": ("acceleration", "y", 1),
    "z": ("acceleration", "z", 1),
    "light": ("illuminance", "", 1),
    "motion": ("motion", "", 1),
    "occupancy": ("occupancy", "", 1),
    "pressure": ("pressure", "", 1),
    "soundPeak": ("noise_peak", "", 1),
    "soundAvg": ("noise_laeq", "", 1),
    "waterleak": ("water_leak", "", 1),
    "pulse1": ("pulse_count", "1", 1),
}


def _values(payload: str) -> dict[tuple[str, str], float]:
    found = elsys.decode(bytes.fromhex(payload), 5)
    values = {(one.quantity, one.channel): one.value for one in found}
    assert len(values) == len(found), "two values in one place"
    return values


@pytest.mark.parametrize("uplink", UPLINKS, ids=lambda uplink: uplink["hex"])
def test_values_are_those_of_the_vendors_codec(uplink):
    wanted = {
        PLACES[name][:2]: value / PLACES[name][2]
        for name, value in uplink["expected"]["data"].items()
    }
    assert _values(uplink["hex"]) == pytest.approx(wanted, rel=1e-9)


def test_all_eight_uplinks_are_there():
    assert len(UPLINKS) == 8


@pytest.mark.parametrize(
    ("payload", "wanted"),
    [
        ("01ffce", {("temperature", ""): -5.0}),
        ("038001ff", {("acceleration", "x"): -128, ("acceleration", "y"): 1,
                      ("acceleration", "z"): -1}),
        ("060308", {("co2", ""): 776}),
        ("070e3a", {("battery_voltage", ""): 3.642}),
        ("0803e8", {("voltage", "analog1"): 1.0}),
        ("0970e207e84affffff", None),
        ("0bffffffff", {("pulse_register", "1"): 4294967295}),
        ("0cff9c", {("temperature", "external"): -10.0}),
        ("0d01", {("digital_input", "1"): 1}),
        ("0e04d2", {("distance", ""): 1.234}),
        ("0f07", {("motion", "acceleration"): 7}),
        ("1000fafff6", {("temperature", "ir_internal"): 25.0,
                        ("temperature", "ir_external"): -1.0}),
        ("1102", {("occupancy", ""): 2}),
        ("14000f75d5", {("pressure", ""): 1013.205}),
        ("160005", {("pulse_count", "2"): 5}),
        ("1700000005", {("pulse_register", "2"): 5}),
        ("1807d0", {("voltage", "analog2"): 2.0}),
        ("1900641900c8", {("temperature", "external2"): 10.0,
                          ("temperature", "external2.2"): 20.0}),
        ("1a01", {("digital_input", "2"): 1}),
        ("1bfff0bdc0", {("voltage", "load_cell"): -1.0}),
        ("1c00fa", {("tvoc", ""): 250}),
        ("1d32", {("iaq", ""): 50}),
        ("1e01", {("generic_bool", ""): 1}),
        ("1fff", {("generic_int8", ""): -1}),
        ("20ff00", {("generic_int16", ""): -256}),
        ("2200d7", {("temperature", "setpoint"): 21.5}),
        ("2301", {("fan_speed", ""): 1}),
        ("2428", {("humidity", "external"): 40}),
        ("3b02ffff0229", {("humidity", ""): 41}),
        ("3c000000010229", {("humidity", ""): 41}),
        ("3d000000010229", {("humidity", ""): 41}),
        ("3e0507010805090229", {("humidity", ""): 41}),
        ("", {}),
        ("0229022a", {("humidity", ""): 42}),
    ],
)  # fmt: skip
def test_each_type(payload, wanted):
    if wanted is None:  # 3 bytes are cut: 8 of 6 bytes is a type that does not exist
        with pytest.raises(PayloadError, match="at byte 7"):
            _values(payload)
    else:
        assert _values(payload) == pytest.approx(wanted)


def test_position_is_low_byte_first_and_signed():
    # 51.5142 N, 7.4653 W: 515142 is 07dc46, -74653 is fedc63
    assert _values("0946dc0763dcfe") == {("latitude", ""): 51.5142, ("longitude", ""): -7.4653}


def test_grid_eye_is_a_reference_and_64_differences():
    values = _values("13" + "14" + "".join(f"{n:02x}" for n in range(64)))
    assert len(values) == 64
    assert values["temperature", "grid_eye.1"] == 20.0
    assert values["temperature", "grid_eye.64"] == 26.3


@pytest.mark.parametrize(
    ("payload", "age_s"), [("410a00e2", 10), ("81010000e2", 256), ("c10001000000e2", 65536)]
)
def test_time_offset_is_minus_the_age(payload, age_s):
    assert elsys.decode(bytes.fromhex(payload), 5) == [
        Measurement("temperature", 22.6, "", -age_s * 1_000_000_000)
    ]


def test_one_type_at_two_ages_is_two_values():
    found = elsys.decode(bytes.fromhex("0100e2" + "413c00e1" + "410000e0"), 5)
    # an offset of zero is no offset: the last value of that moment stands
    assert found == [
        Measurement("temperature", 22.4),
        Measurement("temperature", 22.5, "", -60_000_000_000),
    ]


@pytest.mark.parametrize(
    ("payload", "sentence"),
    [
        ("0100", "ELSYS value at byte 0: expected 2 bytes after type 0x01, found 1 bytes"),
        ("022901", "ELSYS value at byte 2"),
        ("00", "ELSYS type at byte 0"),
        ("0229ff00e2", "ELSYS type at byte 2"),
        ("8100", "ELSYS time offset at byte 0: expected 2 bytes of offset"),
        ("3e", "ELSYS settings at byte 0"),
        ("3e0501", "ELSYS settings at byte 0: expected a length byte and 5 bytes"),
        ("3b", "ELSYS byte array at byte 0"),
    ],
)
def test_errors_name_the_byte(payload, sentence):
    with pytest.raises(PayloadError) as caught:
        elsys.decode(bytes.fromhex(payload), 5)
    assert str(caught.value).startswith(sentence)


@pytest.mark.parametrize(
    ("words", "eui", "yes"),
    [
        ({"elsys"}, "0" * 16, True),
        ({"ers", "co2"}, "0" * 16, True),
        ({"ers2"}, "0" * 16, True),
        ({"emsdesk"}, "0" * 16, False),
        ({"systems"}, "0" * 16, False),
        (set(), "a81758fffe000001", True),
    ],
)
def test_recognition(words, eui, yes):
    assert elsys.matches(frozenset(words), eui) is yes


@given(st.binary(max_size=80), st.integers(0, 255))
def test_any_bytes_decode_or_are_refused(payload, f_port):
    try:
        found = elsys.decode(payload, f_port)
    except PayloadError:
        return
    places = [(one.quantity, one.channel, one.time_ns) for one in found]
    assert len(places) == len(set(places))
    assert all(type(one.value) is float for one in found)
