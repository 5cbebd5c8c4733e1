"""Decentlab payloads against the maker's examples, and read back by Emscher."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.decentlab import F_PORT, encode, products
from fleet.errors import EncodingError
from ingest.codecs import decentlab

DERIVED = {"dielectric_permittivity", "illuminance"}
PRODUCTS = {
    "dl-atm22": "DL-ATM22",
    "dl-iam": "DL-IAM",
    "dl-mbx": "DL-MBX",
    "dl-par": "DL-PAR",
    "dl-sht35-001": "DL-SHT35",
    "dl-trs11": "DL-TRS11",
    "dl-trs12": "DL-TRS12",
}
CASES = [
    case
    for line in (Path(__file__).parents[1] / "vectors" / "uplinks_decentlab.jsonl")
    .read_text()
    .splitlines()
    if (case := json.loads(line))["device"] in PRODUCTS
]


def _read(product, payload):
    words = frozenset(product.lower().split("-"))
    codec = next(one for one in decentlab.CODECS if one.matches(words, ""))
    return {(one.quantity, one.channel): one.value for one in codec.decode(payload, F_PORT)}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['device']}-{case['hex']}")
def test_the_makers_uplinks_encode_to_their_bytes(case):
    data = dict(case["expected"]["data"])
    version, device_id = data.pop("protocol_version"), data.pop("device_id")
    values = {name: one["value"] for name, one in data.items() if name not in DERIVED}
    assert version == 2
    assert encode(PRODUCTS[case["device"]], device_id, values).hex() == case["hex"]


def test_every_product_with_an_uplink_has_been_met():
    assert {case["device"] for case in CASES} == PRODUCTS.keys()
    assert len(CASES) >= 15


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        # the three examples that Decentlab publishes with the decoder of DL-PM
        (
            {
                "battery_voltage": 3.109,
                "pm1_0_mass_concentration": 3.7, "pm2_5_mass_concentration": 3.9,
                "pm4_mass_concentration": 3.9, "pm10_mass_concentration": 3.9,
                "typical_particle_size": 501, "pm0_5_number_concentration": 26.3,
                "pm1_0_number_concentration": 30.0, "pm2_5_number_concentration": 30.1,
                "pm4_number_concentration": 30.1, "pm10_number_concentration": 30.1,
                "air_temperature": 175.72 * 26_557 / 65_536 - 46.85,
                "air_humidity": 125 * 24_973 / 65_536 - 6,
                "barometric_pressure": 96_800,
            },
            "021b50000f0c25002500270027002701f50107012c012d012d012d67bd618dbd10",
        ),
        (
            {
                "battery_voltage": 3.109, "air_temperature": 24.357, "air_humidity": 41.632,
                "barometric_pressure": 96_800,
            },
            "021b50000d0c2567bd618dbd10",
        ),
        ({"battery_voltage": 3.109}, "021b5000010c25"),
    ],
)  # fmt: skip
def test_particles_as_in_the_makers_examples(values, expected):
    assert encode("DL-PM", 6992, values).hex() == expected


def _steps(low, high, per_unit):
    return st.integers(low, high).map(lambda step: step / per_unit)


@given(
    temperature=st.floats(-40, 100),
    humidity=st.floats(0, 100),
    pressure=st.integers(15_000, 65_000),
    lux=st.floats(0, 100_000),
    co2=st.integers(0, 10_000),
    voc=st.integers(0, 65_535),
)
def test_emscher_reads_indoor_air(temperature, humidity, pressure, lux, co2, voc):
    payload = encode(
        "DL-IAM",
        3005,
        {
            "air_temperature": temperature, "air_humidity": humidity,
            "barometric_pressure": 2 * pressure, "illuminance": lux, "co2_concentration": co2,
            "co2_sensor_status": 0, "raw_ir_reading": 37_844, "total_voc": voc,
        },
    )  # fmt: skip
    found = _read("DL-IAM", payload)
    assert found["temperature", ""] == pytest.approx(temperature, abs=175 / 65535 / 2 + 1e-9)
    assert found["humidity", ""] == pytest.approx(humidity, abs=100 / 65535 / 2 + 1e-9)
    assert found["pressure", ""] == pytest.approx(pressure / 50)
    assert found["illuminance", ""] == pytest.approx(lux, abs=0.78)
    assert found["co2", ""] == co2
    assert found["tvoc", ""] == voc
    assert ("battery_voltage", "") not in found


@given(
    moisture=st.floats(0, 0.7),
    temperature=_steps(-400, 600, 10),
    conductivity=st.integers(0, 20_000),
    volt=_steps(2000, 3600, 1000),
)
def test_emscher_reads_the_soil(moisture, temperature, conductivity, volt):
    values = {
        "volumetric_water_content": moisture,
        "soil_temperature": temperature,
        "electrical_conductivity": conductivity,
        "battery_voltage": volt,
    }
    found = _read("DL-TRS12", encode("DL-TRS12", 4307, values))
    assert found["soil_moisture", ""] == pytest.approx(100 * moisture, abs=0.002)
    assert found["temperature", "soil"] == temperature
    assert found["conductivity", ""] == conductivity
    assert found["battery_voltage", ""] == volt


@given(speed=_steps(0, 3000, 100), direction=_steps(0, 3599, 10), celsius=_steps(-400, 600, 10))
def test_emscher_reads_the_wind(speed, direction, celsius):
    names = products()["DL-ATM22"]
    values = dict.fromkeys(names, 0.0) | {
        "wind_speed": speed,
        "wind_direction": direction,
        "air_temperature": celsius,
    }
    found = _read("DL-ATM22", encode("DL-ATM22", 1, values))
    assert found["wind_speed", ""] == speed
    assert found["wind_direction", ""] == direction
    assert found["temperature", ""] == celsius


@pytest.mark.parametrize(
    ("product", "device_id", "values", "says"),
    [
        ("DL-XXX", 1, {}, "found 'DL-XXX'"),
        ("DL-IAM", 65_536, {}, "device id"),
        ("DL-IAM", -1, {}, "device id"),
        ("DL-IAM", 1, {"air_temperature": 20.0}, "air_temperature, air_humidity together"),
        ("DL-IAM", 1, {"temperature": 20.0}, "found temperature"),
        ("DL-MBX", 1, {"illuminance": 20.0}, "found illuminance"),
        ("DL-IAM", 1, {"illuminance": 1.0, "ambient_light_infrared": 0}, "found both"),
        ("DL-IAM", 1, {"illuminance": 102_000.0}, "ambient_light_visible_infrared"),
        ("DL-SHT35", 1, {"battery_voltage": 65.536}, "battery_voltage: expected 0…65.535"),
        ("DL-SHT35", 1, {"battery_voltage": -0.001}, "battery_voltage"),
        ("DL-SHT35", 1, {"battery_voltage": float("nan")}, "battery_voltage"),
        ("DL-SHT35", 1, {"battery_voltage": float("inf")}, "battery_voltage"),
        ("DL-SHT35", 1, {"air_temperature": -45.1, "air_humidity": 5}, "-45…130"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(product, device_id, values, says):
    with pytest.raises(EncodingError, match=says):
        encode(product, device_id, values)
