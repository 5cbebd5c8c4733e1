"""Decentlab: all 62 uplinks that the vendor's own codecs decode, its documents' other examples."""

import json
from contextlib import suppress
from math import isfinite
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.codecs import decentlab
from ingest.errors import PayloadError

UPLINKS = [
    json.loads(line)
    for line in (Path(__file__).parents[1] / "vectors" / "uplinks_decentlab.jsonl")
    .read_text()
    .splitlines()
]

# The vendor's name -> our place, and by how much the vendor's number is multiplied.
PLACES = {
    "air_temperature": ("temperature", "", 1),
    "air_humidity": ("humidity", "", 1),
    "surface_temperature": ("temperature", "surface", 1),
    "sensor_temperature": ("temperature", "sensor", 1),
    "head_temperature": ("temperature", "head", 1),
    "soil_temperature": ("temperature", "soil", 1),
    "temperature_electronics": ("temperature", "electronics", 1),
    "temperature_pt1000": ("temperature", "pt1000", 1),
    **{f"temperature_at_level_{n}": ("temperature", str(n), 1) for n in range(6)},
    **{f"moisture_at_level_{n}": ("soil_moisture", str(n), 1) for n in range(6)},
    **{f"salinity_at_level_{n}": ("salinity", str(n), 1) for n in range(6)},
    "volumetric_water_content": ("soil_moisture", "", 100),
    "barometric_pressure": ("pressure", "", 1 / 100),
    "water_depth": ("level", "", 1 / 1000),
    "distance": ("distance", "", 1 / 1000),
    **{
        f"distance_{name}": ("distance", name, 1 / 1000)
        for name in (
            "average", "minimum", "maximum", "median", "10th_percentile", "25th_percentile",
            "75th_percentile", "90th_percentile", "most_frequent_value",
        )
    },
    "maximum_wind_speed": ("wind_speed", "maximum", 1),
    "north_wind_speed": ("wind_speed", "north", 1),
    "east_wind_speed": ("wind_speed", "east", 1),
    "incoming_radiation": ("solar_irradiance", "incoming", 1),
    "reflected_radiation": ("solar_irradiance", "reflected", 1),
    "total_solar_radiation": ("solar_irradiance", "", 1),
    "co2_concentration": ("co2", "", 1),
    "total_voc": ("tvoc", "", 1),
    "activity_counter": ("motion", "", 1),
    "precipitation": ("rainfall", "", 1),
    "turbidity_in_ntu": ("turbidity", "", 1),
    "frequency": ("frequency", "wire", 1),
}  # fmt: skip
# Where the unit decides.
BY_UNIT = {
    ("electrical_conductivity", "µS⋅cm⁻¹"): ("conductivity", "", 1),
    ("electrical_conductivity", "mS⋅cm⁻¹"): ("conductivity", "", 1000),
    ("pressure", "bar"): ("pressure", "", 1000),
    ("current", "mA"): ("current", "", 1 / 1000),
}
LEFT_OUT = {
    "protocol_version": "of the frame, not measured",
    "device_id": "a serial number",
    "sensor_id": "the serial number of the probe",
}


def _codec(device: str):
    words = frozenset(device.split("-"))
    return next(one for one in decentlab.CODECS if one.matches(words, ""))


def _values(device: str, payload: str) -> dict[tuple[str, str], float]:
    found = _codec(device).decode(bytes.fromhex(payload), 1)
    values = {(one.quantity, one.channel): one.value for one in found}
    assert len(values) == len(found), "two values in one place"
    assert all(one.time_ns is None for one in found)
    return values


@pytest.mark.parametrize("uplink", UPLINKS, ids=lambda one: f"{one['device']}-{one['hex']}")
def test_values_are_those_of_the_vendors_codec(uplink):
    wanted = {}
    for name, told in uplink["expected"]["data"].items():
        if name not in LEFT_OUT:
            place = BY_UNIT.get((name, told.get("unit"))) or PLACES.get(name, (name, "", 1))
            wanted[place[:2]] = told["value"] * place[2]
    assert _values(uplink["device"], uplink["hex"]) == pytest.approx(wanted, rel=1e-6)


def test_all_vectors_are_there_and_all_are_good():
    assert (len(UPLINKS), len({one["device"] for one in UPLINKS})) == (62, 33)
    assert not any(one["expected"].get("errors") for one in UPLINKS)


# Examples of Decentlab's published decoders for products without a vector, worked out by hand.
EXAMPLES = [
    ("dl-5te", "02031c00030037027100000c60", {
        ("dielectric_permittivity", ""): 1.1, ("temperature", "soil"): 22.5,
        ("soil_moisture", ""): -2.15397767, ("conductivity", ""): 0, ("battery_voltage", ""): 3.168,
    }),
    ("dl-atm41", "02035a0003800a8000800080008009812b80148108"
        "80b4a57c820c810980027fe88056800880040bf5", {
        ("solar_irradiance", ""): 10, ("rainfall", ""): 0, ("lightning_strike_count", ""): 0,
        ("lightning_average_distance", ""): 0, ("wind_speed", ""): 0.09,
        ("wind_direction", ""): 29.9, ("wind_speed", "maximum"): 0.2, ("temperature", ""): 26.4,
        ("vapor_pressure", ""): 1.8, ("pressure", ""): 959.6, ("humidity", ""): 52.4,
        ("temperature", "sensor"): 26.5, ("x_orientation_angle", ""): 0.2,
        ("y_orientation_angle", ""): -2.4, ("compass_heading", ""): 86,
        ("wind_speed", "north"): 0.08, ("wind_speed", "east"): 0.04, ("battery_voltage", ""): 3.061,
    }),
    ("dl-atm41g2", "025ef80003805c000080008000803484b3803680e7"
        "8086a60181d680ed81c9809f8000117000010adc", {
        ("solar_irradiance", ""): 9.2, ("rainfall", ""): 0, ("lightning_strike_count", ""): 0,
        ("lightning_average_distance", ""): 0, ("wind_speed", ""): 0.52,
        ("wind_direction", ""): 120.3, ("wind_speed", "maximum"): 0.54, ("temperature", ""): 23.1,
        ("vapor_pressure", ""): 1.34, ("pressure", ""): 972.9, ("humidity", ""): 47,
        ("temperature", "sensor"): 23.7, ("tilt_angle_x_orientation", ""): 45.7,
        ("tilt_angle_y_orientation", ""): 15.9, ("conductivity", "precipitation"): 0,
        ("cumulative_precipitation", ""): 70, ("battery_voltage", ""): 2.78,
    }),
    ("dl-pm", "021b50000f0c25002500270027002701f50107012c012d012d012d67bd618dbd10", {
        ("battery_voltage", ""): 3.109, ("pm1", ""): 3.7, ("pm2_5", ""): 3.9,
        ("pm4_mass_concentration", ""): 3.9, ("pm10", ""): 3.9, ("typical_particle_size", ""): 501,
        ("pm0_5_number_concentration", ""): 26.3, ("pm1_0_number_concentration", ""): 30,
        ("pm2_5_number_concentration", ""): 30.1, ("pm4_number_concentration", ""): 30.1,
        ("pm10_number_concentration", ""): 30.1,
        ("temperature", ""): 175.72 * 0x67BD / 65_536 - 46.85,
        ("humidity", ""): 125 * 0x618D / 65_536 - 6, ("pressure", ""): 968,
    }),
    ("dl-pm", "021b50000d0c2567bd618dbd10", {
        ("battery_voltage", ""): 3.109, ("temperature", ""): 175.72 * 0x67BD / 65_536 - 46.85,
        ("humidity", ""): 125 * 0x618D / 65_536 - 6, ("pressure", ""): 968,
    }),
    ("dl-ds182", "023ca4000781775166817359990c60", {
        ("temperature", "0"): 23.4375, ("temperature", "1"): 23.1875,
        ("battery_voltage", ""): 3.168,
    }),
    ("dl-epar", "02445a000381ca0c72", {
        ("photosynthetically_active_radiation", ""): 65.51742553710938,
        ("battery_voltage", ""): 3.186,
    }),
    ("dl-zn11o", "02029900036ded00960b63", {
        ("dendrometer_position", ""): (0x966DED / 0x800000 - 1) * 20_000,
        ("battery_voltage", ""): 2.915,
    }),
]  # fmt: skip


@pytest.mark.parametrize(("device", "payload", "wanted"), EXAMPLES)
def test_examples_of_the_vendors_documents(device, payload, wanted):
    assert _values(device, payload) == pytest.approx(wanted, rel=1e-9, abs=1e-12)


def _frame(*words: int) -> str:
    flags = b"\x02\x12\x34\x00\x03"
    return (flags + b"".join(word.to_bytes(2, "big") for word in words)).hex()


@pytest.mark.parametrize(
    ("device", "words", "place", "value"),
    [
        ("dl-dlr2-002", (7, 600, 0x5678, 0x1234), ("pulse_register", ""), 0x12345678),
        ("dl-dlr2-002", (7, 600, 0x5678, 0x1234), ("pulse_count", ""), 7),
        ("dl-dlr2-003", (1,), ("digital_input", ""), 1),
        ("dl-dlr2-006", (0, 0xC0), ("potentiometer_position", ""), 0.5),
        ("dl-dlr2-009", (0, 0xAA), ("thermistor_resistance", ""), 0.328125 * 2000 / 0.671875),
        ("dl-dlr2-012", (0, 0x81), ("strain_gauge", ""), 4e6 / 128 / 64 / 2.02),
        ("dl-pr21", (49_152, 384), ("pressure", ""), 10_000),
        ("dl-pr26", (32_768, 384 + 22_400), ("pressure", ""), 500),
        ("dl-pr26", (32_768, 384 + 22_400), ("temperature", ""), 20),
        ("dl-pr36-2048", (32_768 + 2048, 0x9781), ("pressure", ""), 1000),
        ("dl-pr36", (32_768 + 8192, 0x9781), ("pressure", ""), 1000),
        ("dl-trs21", (105, 33_000), ("water_potential", ""), -10.5),
        ("dl-itst", (1215, 1190), ("temperature", "target"), 21.5),
        ("dl-ilt", (35_021,), ("temperature", "leaf"), 22.53),
        ("dl-isd", (12_345,), ("stem_size", ""), 12.345),
        ("dl-isf", (4000,) + 15 * (0,), ("sap_flow", ""), 14),
        ("dl-mes5", (0, 32_768, 1, 2, 1234), ("turbidity_in_fau", ""), 123.4),
        ("dl-pheht", (0, 32_768, 33_468, 34_768, 32_768), ("ph", ""), 7),
        ("dl-gmm", (32_768,) * 4 + (42_900,) + (32_768,) * 2, ("pressure", ""), 1013.2),
        ("dl-zn2", (0, 0x90, 0, 0x88), ("dendrometer_b_position", ""), 1250),
        ("dl-smtp", (3000,) + 15 * (32_768,), ("soil_moisture_at_depth", "0"), 1),
        ("dl-tp", 15 * (32_768,) + (33_000,), ("temperature", "15"), 2.32),
    ],
)  # fmt: skip
def test_products_without_an_example(device, words, place, value):
    found = _values(device, _frame(*words, 3000))
    assert found[place] == pytest.approx(value, rel=1e-12)
    assert found["battery_voltage", ""] == 3


def test_a_wire_without_its_constants_gives_its_frequency_and_no_weight():
    found = _values("dl-kl66", "0203d400033bf67fff3bf60c60")
    assert found["frequency", "wire"] == pytest.approx(15_350.468459120457)
    assert ("weight", "") not in found
    assert ("weight", "") not in _values("dl-dws", "0203d400033bf67fff3bf60c60")


def test_a_wire_that_does_not_swing_has_no_frequency():
    found = _values("dl-kl66-1538372-464859", _frame(0, 0, 0, 3000))
    assert found == {
        ("counter_reading", ""): 0, ("measurement_interval", ""): 0, ("battery_voltage", ""): 3,
    }  # fmt: skip


def test_albedo_at_night_is_zero_as_decentlab_defines_it():
    assert _values("dl-alb", _frame(32_768, 32_770, 3000))["albedo", ""] == 0


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (("dl", "pr36"), "decentlab-dl-pr36"),
        (("dl", "pr36", "kp", "2048"), "decentlab-dl-pr36-2048"),
        (("dl", "pr36ctd"), "decentlab-dl-pr36ctd"),
        (("decentlab", "dl", "dlr2", "004", "10"), "decentlab-dl-dlr2-004"),
        (("decentlab", "iam"), "decentlab-dl-iam"),
        (("dl", "sht35", "001"), "decentlab-dl-sht35"),
        (("iam",), None),
        (("dl", "dlr2"), None),
        (("acme", "pm", "10"), None),
    ],
)
def test_products_are_known_by_their_names(words, name):
    known = [one.NAME for one in decentlab.CODECS if one.matches(frozenset(words), "")]
    assert known[:1] == ([name] if name else [])


def test_names_are_unique():
    names = [one.NAME for one in decentlab.CODECS]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("device", "payload", "message"),
    [
        ("dl-atm22", "", "Decentlab frame: expected 02, device id, flags"),
        ("dl-atm22", "0108c900020bf5", "Decentlab frame: expected 02"),
        ("dl-atm22", "0208c900040bf5", "flags: expected at most 2 sensors"),
        ("dl-trs12", "0208c900038009812b8014810880027fe8800880040bf5", "is it another product"),
        ("dl-par", "020291000380690c6000", "expected 9 bytes for the flags 0x0003"),
    ],
)
def test_wrong_frames_are_refused_in_plain_words(device, payload, message):
    with pytest.raises(PayloadError, match=message):
        _codec(device).decode(bytes.fromhex(payload), 1)


@pytest.mark.parametrize("uplink", UPLINKS[::2], ids=lambda one: one["device"])
def test_a_payload_cut_anywhere_is_refused(uplink):
    payload = bytes.fromhex(uplink["hex"])
    for end in range(len(payload)):
        with pytest.raises(PayloadError):
            _codec(uplink["device"]).decode(payload[:end], 1)


@given(
    model=st.sampled_from(decentlab.CODECS),
    body=st.binary(max_size=60) | st.binary(min_size=22, max_size=22),
    head=st.sampled_from((b"", b"\x02\x00\x01\x00\x02", b"\x02\x00\x01\x00\x03")),
    f_port=st.integers(0, 255),
)
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_values_or_a_payload_error(model, body, head, f_port):
    with suppress(PayloadError):
        assert all(isfinite(one.value) for one in model.decode(head + body, f_port))


@given(model=st.sampled_from(decentlab.CODECS), words=st.data())
@settings(max_examples=300, deadline=None)
def test_any_words_of_the_right_length_are_finite_values(model, words):
    flags = (1 << len(model.sensors)) - 1
    size = 2 * sum(one.size for one in model.sensors)
    body = words.draw(st.binary(min_size=size, max_size=size))
    found = model.decode(b"\x02\x00\x01" + flags.to_bytes(2, "big") + body, 1)
    assert all(isfinite(one.value) for one in found)
    assert len({(one.quantity, one.channel) for one in found}) == len(found)
