"""Decentlab: every vector agrees with the maker's decoder; any bytes are read or refused."""

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.codecs import CODECS, decentlab
from ingest.errors import PayloadError

PATH = Path(__file__).resolve().parents[1] / "vectors" / "uplinks_decentlab.jsonl"
ROWS = [json.loads(line) for line in PATH.read_text(encoding="utf-8").splitlines()]
NOT_CLAIMED = {"dl-dlr2-008-2000"}  # its bridge formula is not in the data sheet that we have

# The maker's field, in the maker's unit -> (quantity, channel, what ours is for 1 of theirs).
MEANING = {
    "battery_voltage": ("battery_voltage", "", 1),
    "air_temperature": ("temperature", "", 1), "air_humidity": ("humidity", "", 1),
    "surface_temperature": ("temperature", "surface", 1),
    "temperature_pt1000": ("temperature", "", 1),
    "sensor_temperature": ("temperature", "sensor", 1),
    "head_temperature": ("temperature", "head", 1),
    "temperature_electronics": ("temperature", "electronics", 1),
    "soil_temperature": ("temperature", "soil", 1),
    "volumetric_water_content": ("soil_moisture", "", 100),
    "incoming_radiation": ("solar_irradiance", "incoming", 1),
    "reflected_radiation": ("solar_irradiance", "reflected", 1),
    "total_solar_radiation": ("solar_irradiance", "", 1),
    "maximum_wind_speed": ("wind_speed", "maximum", 1),
    "north_wind_speed": ("wind_speed", "north", 1),
    "east_wind_speed": ("wind_speed", "east", 1),
    "water_depth": ("level", "", 0.001), "barometric_pressure": ("pressure", "", 0.01),
    "pressure": ("pressure", "water", 1000), "co2_concentration": ("co2", "", 1),
    "total_voc": ("tvoc", "", 1), "current": ("current", "", 0.001),
    "frequency": ("frequency", "wire", 1), "distance": ("distance", "", 0.001),
    "precipitation": ("rainfall", "", 1),
    "cumulative_precipitation": ("cumulative_precipitation_mm", "", 1),
    "precipitation_interval": ("precipitation_interval_s", "", 1),
    "turbidity_in_ntu": ("turbidity", "", 1), "turbidity_in_fnu": ("turbidity_fnu", "", 1),
    "turbidity_in_mg_l": ("turbidity_mg_l", "", 1),
    "oxygen_concentration": ("oxygen_concentration_mg_l", "", 1),
    "oxygen_concentration_alt": ("oxygen_concentration_ppm", "", 1),
    "fruit_size": ("fruit_size_mm", "", 1), "reliability": ("reliability_db", "", 1),
    "total_acquisition_time": ("total_acquisition_time_ms", "", 1),
}  # fmt: skip
LEFT_OUT = {
    "albedo",  # computed from the two radiations that are given
    "sensor_id",  # a serial number
    "weight", "elongation", "strain",  # from constants of the single device
}  # fmt: skip


def _codec(row):
    words = frozenset(row["device"].split("-"))
    found = [one for one in decentlab.CODECS if one.matches(words, "")]
    return max(found, key=lambda one: len(one.words)) if found else None


def _wanted(name, unit):
    if name == "electrical_conductivity":
        return "conductivity", "", 1000 if unit.startswith("m") else 1
    if name.startswith("distance_"):
        return "distance", name.removeprefix("distance_"), 0.001
    field, _, level = name.partition("_at_level_")
    if level:
        return {"moisture": "soil_moisture"}.get(field, field), f"level{level}", 1
    return MEANING.get(name, (name, "", 1))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['device']} {row['hex'][:14]}")
def test_every_vector(row):
    codec = _codec(row)
    if row["device"] in NOT_CLAIMED:
        assert codec is None
        return
    found = codec.decode(bytes.fromhex(row["hex"]), row["f_port"])
    ours = {(one.quantity, one.channel): one.value for one in found}
    assert len(ours) == len(found)
    for name, told in row["expected"]["data"].items():
        if not isinstance(told, dict) or name in LEFT_OUT:
            continue
        quantity, channel, factor = _wanted(name, told.get("unit") or "")
        value = ours.pop((quantity, channel))
        assert math.isclose(value, told["value"] * factor, rel_tol=1e-6, abs_tol=1e-9), name
    assert ours == {}


def test_most_vectors_are_claimed():
    assert sum(_codec(row) is not None for row in ROWS) == len(ROWS) - 2


def test_names_are_told_apart():
    def names(words):
        return [one.NAME for one in CODECS if one.matches(frozenset(words.split()), "")]

    assert names("dl ctd10b") == ["decentlab-ctd10b"]
    assert names("decentlab dl sht35 001") == ["decentlab-sht35"]
    assert names("ctd10") == names("dl") == []


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["device"])
def test_a_cut_payload_is_refused(row):
    codec, payload = _codec(row), bytes.fromhex(row["hex"])
    for size in range(len(payload)) if codec else ():
        with pytest.raises(PayloadError):
            codec.decode(payload[:size], 1)


@given(
    st.sampled_from(decentlab.CODECS), st.binary(max_size=90), st.booleans(), st.integers(0, 255)
)
def test_any_bytes_are_read_or_refused(codec, noise, begun, f_port):
    try:
        found = codec.decode(b"\x02" + noise if begun else noise, f_port)
    except PayloadError:
        return
    assert all(math.isfinite(one.value) for one in found)
