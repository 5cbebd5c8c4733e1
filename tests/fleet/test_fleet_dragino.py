"""Dragino payloads against the maker's examples, and read back by Emscher."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.dragino import F_PORT, MODELS, encode, encode_status
from fleet.errors import EncodingError
from ingest.codecs import dragino

VECTORS = [
    json.loads(line)
    for line in (Path(__file__).parents[1] / "vectors" / "uplinks_dragino.jsonl")
    .read_text()
    .splitlines()
]
OF_THE_DECODER = {"Bat_status", "Ext_sensor", "Work_mode", "Hardware_flag"}  # no values of a sensor
NAMES = {  # device of the vectors -> model
    "laq4": "LAQ4",
    "ldds75": "LDDS75",
    "lht65n": "LHT65N",
    "llds12": "LLDS12",
    "lse01-114": "LSE01",
}
CASES = [case for case in VECTORS if case["device"] in NAMES and "data" in case["expected"]]


def _read(model, payload):
    words = frozenset(("dragino", model.lower()))
    codec = next(one for one in dragino.CODECS if one.matches(words, ""))
    return {(one.quantity, one.channel): one.value for one in codec.decode(payload, F_PORT)}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["device"])
def test_the_makers_uplinks_encode_to_their_bytes(case):
    data = {
        name: float(value) if name.startswith(("Temp", "temp", "water")) else value
        for name, value in case["expected"]["data"].items()
        if name not in OF_THE_DECODER
    }
    assert encode(NAMES[case["device"]], data).hex() == case["hex"]


def test_every_model_with_an_uplink_has_been_met():
    assert {case["device"] for case in CASES} == NAMES.keys()


@pytest.mark.parametrize(
    ("model", "values", "expected"),
    [
        # worked out by hand from the maker's decoders
        ("LHT65N", {"BatV": 3.062, "TempC_SHT": -0.05, "Hum_SHT": 58.0, "TempC_DS": 27.81},
         "cbf6fffb0244010add7fff"),
        ("LHT65N", {"BatV": 2.6, "TempC_SHT": 20, "Hum_SHT": 50.0}, "8a2807d001f4007fff7fff"),
        ("LHT65N", {"BatV": 2.45, "TempC_SHT": 20, "Hum_SHT": 50.0, "TempC_DS": None},
         "099207d001f4017fff7fff"),
        ("LHT65N", {"BatV": 3.0, "TempC_SHT": 20, "Hum_SHT": 50.0, "ILL_lx": 65_535},
         "cbb807d001f405ffff7fff"),
        ("LHT65N", {"BatV": 3.0, "TempC_SHT": 20, "Hum_SHT": 50.0, "ADC_V": 1.234},
         "cbb807d001f40604d27fff"),
        ("LHT65N", {"BatV": 3.0, "TempC_SHT": 20, "Hum_SHT": 50.0, "Exit_count": 70_000},
         "cbb807d001f40800011170"),
        ("LHT65N", {"BatV": 3.0, "TempC_SHT": None, "Hum_SHT": 50.0, "TempC_TMP117": -12.34},
         "cbb87fff01f402fb2e7fff"),
        ("LHT65N", {"BatV": 3.0, "TempC_SHT": 20, "Hum_SHT": 50.0, "TempC_DS": -1.5,
                    "Systimestamp": 0x69CBB6C0}, "ff6a07d0c1f40969cbb6c0"),
        ("LSE01", {"Bat": 3.625, "TempC_DS18B20": None, "water_SOIL": 19.57, "temp_SOIL": -1.29,
                   "conduct_SOIL": 28_200, "Interrupt_flag": 1, "Sensor_flag": 1},
         "0e297fff07a5ff7e6e2811"),
        ("LDDS75", {"Bat": 3.4, "Distance": 0, "Sensor_flag": 0}, "0d480000007fff00"),
        ("LAQ4", {"Bat_V": 3.335, "Alarm_status": "FALSE", "TVOC_ppb": 18, "CO2_ppm": 523,
                  "TempC_SHT": -2.5, "Hum_SHT": 43.5}, "0d07040012020bffe701b3"),
        ("LLDS12", {"Bat": 3.42, "Lidar_distance": 284.0, "Lidar_signal": 433, "Lidar_temp": -3},
         "0d5c7fff0b1801b100fd01"),
        ("SW3L", {"Total_pulse": 4_000_000_000, "Data_time": 0x60F7D9AB, "Calculate_flag": 1},
         "04ee6b2800000060f7d9ab"),
        ("SW3L", {"Last_pulse": 450, "Data_time": 1, "Calculate_flag": 2, "Alarm": "TRUE"},
         "0a000001c2010000000001"),
    ],
)  # fmt: skip
def test_frames_worked_out_by_hand(model, values, expected):
    assert encode(model, values).hex() == expected


def test_the_status_of_a_device():
    assert encode_status(0x11, "1.2.0", 3_300).hex() == "11012001ff0ce4"
    known = next(one for one in VECTORS if one["device"] == "lht52" and one["f_port"] == 5)
    assert encode_status(11, "8.8.1", 1, band=0, sub_band=37).hex() == "0b08810025" + "0001"
    assert known["hex"] == "0b880100250001"  # the same places, with a firmware of four digits
    for firmware in ("1.2", "1.2.10", "a.b.x"):
        with pytest.raises(EncodingError, match="firmware"):
            encode_status(0x11, firmware, 3_300)
    with pytest.raises(EncodingError, match="status"):
        encode_status(0x11, "1.2.0", 65_536)


def _steps(low, high, per_unit):
    return st.integers(low, high).map(lambda step: step / per_unit)


@given(
    volt=_steps(2000, 3600, 1000),
    celsius=_steps(-4000, 12_500, 100),
    humidity=_steps(0, 1000, 10),
    probe=st.none() | _steps(-5500, 12_500, 100),
)
def test_emscher_reads_an_lht65n(volt, celsius, humidity, probe):
    values = {"BatV": volt, "TempC_SHT": celsius, "Hum_SHT": humidity, "TempC_DS": probe}
    found = _read("LHT65N", encode("LHT65N", values))
    assert found["battery_voltage", ""] == volt
    assert found["temperature", ""] == celsius
    assert found["humidity", ""] == humidity
    assert found.get(("temperature", "external")) == probe


@given(
    probe=st.none() | _steps(-550, 1250, 10),
    water=_steps(0, 10_000, 100),
    celsius=_steps(-4000, 8000, 100),
    conductivity=st.integers(0, 20_000),
)
def test_emscher_reads_the_soil(probe, water, celsius, conductivity):
    values = {
        "Bat": 3.3,
        "TempC_DS18B20": probe,
        "water_SOIL": water,
        "temp_SOIL": celsius,
        "conduct_SOIL": conductivity,
    }
    found = _read("LSE01", encode("LSE01", values))
    assert found.get(("temperature", "probe")) == probe
    assert found["soil_moisture", ""] == water
    assert found["temperature", "soil"] == celsius
    assert found["conductivity", ""] == conductivity


@given(
    co2=st.integers(400, 8000),
    voc=st.integers(0, 65_535),
    celsius=_steps(-400, 1250, 10),
    alarm=st.booleans(),
)
def test_emscher_reads_air_quality(co2, voc, celsius, alarm):
    values = {
        "Bat_V": 3.3,
        "CO2_ppm": co2,
        "TVOC_ppb": voc,
        "TempC_SHT": celsius,
        "Hum_SHT": 50.0,
        "Alarm_status": "TRUE" if alarm else "FALSE",
    }
    found = _read("LAQ4", encode("LAQ4", values))
    assert found["co2", ""] == co2
    assert found["tvoc", ""] == voc
    assert found["temperature", ""] == celsius
    assert found["alarm", ""] == alarm


@given(centimetres=_steps(0, 12_000, 10), signal=st.integers(0, 65_535))
def test_emscher_reads_a_lidar(centimetres, signal):
    values = {
        "Bat": 3.3,
        "Lidar_distance": centimetres,
        "Lidar_signal": signal,
        "Lidar_temp": -20,
    }
    found = _read("LLDS12", encode("LLDS12", values))
    assert found["distance", ""] == pytest.approx(centimetres / 100)
    assert found["lidar_signal", ""] == signal
    assert found["temperature", "lidar"] == -20


AIR = {"BatV": 3.0, "TempC_SHT": 20.0, "Hum_SHT": 50.0}


@pytest.mark.parametrize(
    ("model", "values", "says"),
    [
        ("LHT99", {}, "found 'LHT99'"),
        ("LHT65N", {"TempC_SHT": 20.0, "Hum_SHT": 50.0}, "BatV: expected 0…16.383, found no value"),
        ("LHT65N", {**AIR, "BatV": 16.384}, "BatV"),
        ("LHT65N", {**AIR, "Hum_SHT": 409.6}, "Hum_SHT"),
        ("LHT65N", {**AIR, "Hum_SHT": float("nan")}, "Hum_SHT"),
        ("LHT65N", {**AIR, "TempC_SHT": 327.68}, "TempC_SHT"),
        ("LHT65N", {**AIR, "TempC_SHT": -327.69}, "TempC_SHT"),
        ("LHT65N", {**AIR, "TempC_SHT": "warm"}, "found 'warm'"),
        ("LHT65N", {**AIR, "ILL_lx": 1, "ADC_V": 1.0}, "nothing more, found ADC_V"),
        ("LHT65N", {**AIR, "CO2_ppm": 455}, "nothing more, found CO2_ppm"),
        ("LAQ4", {"Bat_V": 3.0, "Alarm_status": "MAYBE"}, "FALSE or TRUE, found 'MAYBE'"),
        ("SW3L", {"Calculate_flag": 3}, "0, 1 or 2, found 3"),
        ("SW3L", {"Data_time": 5}, "Total_pulse"),
        ("LLDS12", {"Bat": 3.0, "Lidar_distance": 6553.6}, "Lidar_distance"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(model, values, says):
    with pytest.raises(EncodingError, match=says):
        encode(model, values)


def test_the_models():
    assert MODELS == ("LHT65N", "LSE01", "LDDS75", "LAQ4", "LLDS12", "SW3L")
