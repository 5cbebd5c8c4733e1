"""Dragino: the vectors agree with the maker's decoders, and any bytes are read or refused."""

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.codecs import dragino
from ingest.errors import PayloadError

PATH = Path(__file__).resolve().parents[1] / "vectors" / "uplinks_dragino.jsonl"
ROWS = [json.loads(line) for line in PATH.read_text(encoding="utf-8").splitlines()]

# The maker's field -> (quantity, channel, what ours is for 1 of theirs).
MEANING = {
    "BatV": ("battery_voltage", "", 1), "Bat": ("battery_voltage", "", 1),
    "Bat_V": ("battery_voltage", "", 1), "BAT_V": ("battery_voltage", "", 1),
    "TempC_SHT": ("temperature", "", 1), "Hum_SHT": ("humidity", "", 1),
    "TempC_DS": ("temperature", "external", 1), "TempC_DS18B20": ("temperature", "probe", 1),
    "water_SOIL": ("soil_moisture", "", 1), "temp_SOIL": ("temperature", "soil", 1),
    "TEMP_SOIL": ("temperature", "soil", 1), "conduct_SOIL": ("conductivity", "", 1),
    "PH1_SOIL": ("ph", "soil", 1), "N_SOIL": ("nitrogen", "", 1), "P_SOIL": ("phosphorus", "", 1),
    "K_SOIL": ("potassium", "", 1), "Lidar_distance": ("distance", "", 0.01),
    "Lidar_signal": ("lidar_signal", "", 1), "Lidar_temp": ("temperature", "lidar", 1),
    "CO2_ppm": ("co2", "", 1), "TVOC_ppb": ("tvoc", "", 1),
    "DOOR_OPEN_STATUS": ("door_open", "", 1), "DOOR_OPEN_TIMES": ("door_open_times", "", 1),
    "LAST_DOOR_OPEN_DURATION": ("last_door_open_duration_min", "", 1), "ALARM": ("alarm", "", 1),
    "AVI1_V": ("voltage", "1", 1), "AVI2_V": ("voltage", "2", 1),
    "ACI1_mA": ("current", "1", 0.001), "ACI2_mA": ("current", "2", 0.001),
    "Temp_Channel1": ("temperature", "1", 1), "Temp_Channel2": ("temperature", "2", 1),
}  # fmt: skip
# Flags of the message, kinds of sensor, and the clock, which is the time of the readings.
LEFT_OUT = {"Ext", "Systimestamp", "Hardware_flag", "Interrupt_flag", "Sensor_flag",
            "Message_type", "MOD", "Bat_status"}  # fmt: skip
RAW = "ce2900f107a5099b6e2890"  # bit 7 of the last byte: raw values to a newer firmware
NO_SENSOR = 327.67


def _codec(row):
    words = frozenset(row["device"].split("-"))
    return next((one for one in dragino.CODECS if one.matches(words, "")), None)


CLAIMED = [row for row in ROWS if _codec(row)]


@pytest.mark.parametrize("row", CLAIMED, ids=lambda row: f"{row['device']} {row['f_port']}")
def test_every_vector(row):
    payload = bytes.fromhex(row["hex"])
    if row["expected"].get("errors") or row["hex"] in {RAW, "cbf60b0d0376010add7fff"}:
        with pytest.raises(PayloadError):
            _codec(row).decode(payload, row["f_port"])
        return
    found = _codec(row).decode(payload, row["f_port"])
    if row["f_port"] in {4, 5}:
        assert found == []
        return
    ours = {(one.quantity, one.channel): one.value for one in found}
    for name, told in row["expected"]["data"].items():
        if name in LEFT_OUT or (name not in MEANING and isinstance(told, str)):
            continue
        quantity, channel, factor = MEANING[name]
        if float(told) == NO_SENSOR:
            assert (quantity, channel) not in ours
        else:
            value = ours.pop((quantity, channel))
            assert math.isclose(value, float(told) * factor, rel_tol=1e-6), name
    assert set(ours) <= {("alarm", "")}  # the maker gives LAQ4's as a text


def test_how_many_vectors_are_claimed():
    assert len(CLAIMED) == 20


def test_the_devices_own_time_is_that_of_the_readings():
    (codec,) = [one for one in dragino.CODECS if one.NAME == "dragino-lht52"]
    found = codec.decode(bytes.fromhex("08cd02207fff0161cd4edd"), 2)
    assert {one.time_ns for one in found} == {1640845021 * 10**9}


def test_external_sensors_of_lht65():
    (codec,) = [one for one in dragino.CODECS if one.NAME == "dragino-lht65"]
    found = codec.decode(bytes.fromhex("cbc6008200f20800010203"), 2)
    assert found[-1][:3] == ("pulse_register", 66051.0, "external")
    with pytest.raises(PayloadError, match="kind of frame"):
        codec.decode(bytes.fromhex("cbc6008200f2097fff7fff"), 2)


@pytest.mark.parametrize("row", CLAIMED, ids=lambda row: f"{row['device']} {row['hex'][:8]}")
def test_a_cut_payload_is_refused(row):
    codec, payload = _codec(row), bytes.fromhex(row["hex"])
    for size in range(len(payload)):
        with pytest.raises(PayloadError):
            codec.decode(payload[:size], codec.port)


@given(st.sampled_from(dragino.CODECS), st.binary(max_size=14), st.integers(0, 255))
def test_any_bytes_are_read_or_refused(codec, noise, f_port):
    for port in (codec.port, f_port):
        try:
            found = codec.decode(noise, port)
        except PayloadError:
            continue
        assert all(math.isfinite(one.value) for one in found)
