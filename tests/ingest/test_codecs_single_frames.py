"""Small makers: every vector of theirs, field by field; truncation, any bytes, names."""

import json
from contextlib import suppress
from math import isclose, isfinite
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.codecs import keller, sensecap, single_frames, small_records, strega, twtg, vutility
from ingest.errors import PayloadError

CODECS = (
    *single_frames.CODECS,
    *small_records.CODECS,
    keller,
    sensecap,
    *strega.CODECS,
    twtg,
    vutility,
)
UPLINKS = [
    json.loads(line)
    for line in (Path(__file__).parents[1] / "vectors" / "uplinks_more_makers.jsonl")
    .read_text()
    .splitlines()
]

# The maker's name -> our quantity, channel, and how many of the maker's units make one of ours.
PLACES = {
    "battery": ("battery_level", "", 1),
    "batteryLevel": ("battery_voltage", "", 1),
    "batteryVoltage": ("battery_voltage", "", 1),
    "battery_voltage": ("battery_voltage", "", 1),
    "battery_capacity_percentage": ("battery_level", "", 1),
    "humidity_percentage": ("humidity", "", 1),
    "Battery_Voltage(mv)": ("battery_voltage", "", 1000),
    "Bat": ("battery_level", "", 1),
    "batV": ("battery_voltage", "", 1),
    "Level(m)": ("level", "", 1),
    "level": ("level_as_sent", "", 1),
    "pressure": ("pressure_as_sent", "", 1),
    "distance": ("distance", "", 1000),
    "temperature": ("temperature", "", 1),
    "Temperature": ("temperature", "", 1),
    "Temp": ("temperature", "", 1),
    "humidity": ("humidity", "", 1),
    "Humi": ("humidity", "", 1),
    "Hygro": ("humidity", "", 1),
    "co2": ("co2", "", 1),
    "tvoc": ("tvoc_as_sent", "", 1),
    "light": ("light", "", 1),
    "occupied": ("occupancy", "", 1),
    "Ambient_Temperature": ("temperature", "", 1),
    "Flow_Temperature": ("temperature", "supply", 1),
    "Beacons.0": ("Beacons", "1", 1),
    "Beacons.1": ("Beacons", "2", 1),
    "pulseCounter1": ("pulse_register", "1", 1),
    "pulseCounter2": ("pulse_register", "2", 1),
    "RSSI": ("rssi", "device", 1),
    "SNR": ("snr", "device", 1),
    "latitudeDeg": ("latitude", "", 1),
    "longitudeDeg": ("longitude", "", 1),
    "latitude": ("latitude", "", 1),
    "longitude": ("longitude", "", 1),
    "altitude": ("altitude", "", 1),
    "accelerationOnX": ("acceleration_g", "x", 1000),
    "accelerationOnY": ("acceleration_g", "y", 1000),
    "accelerationOnZ": ("acceleration_g", "z", 1000),
    "P1": ("pressure", "P1", 0.001),
    "PBaro": ("pressure", "PBaro", 0.001),
    "Pd (P1-PBaro)": ("differential_pressure", "P1-PBaro", 1e-5),
    "TBaro": ("temperature", "TBaro", 1),
    "TOB1": ("temperature", "TOB1", 1),
    "temperatures.0": ("temperature", "1", 1),
    "temperatures.1": ("temperature", "2", 1),
    "DI0": ("digital_input", "0", 1),
    "DI1": ("digital_input", "1", 1),
    "Leak": ("water_leak", "", 1),
    "leak": ("water_leak", "", 1),
    "bat": ("battery_level", "", 1),
    "temp": ("temperature", "soil", 1),
    "pulseCount": ("pulse_register", "", 1),
    "temperatureCelsius": ("temperature", "", 1),
    **{f"voltage{phase}": ("voltage", phase, 1) for phase in ("L1", "L2", "L3")},
    **{f"current{phase}": ("current", phase, 1) for phase in ("L1", "L2", "L3")},
    "sensor_event.temperature.avg": ("temperature", "", 1),
    "sensor_event.temperature.min": ("temperature", "min", 1),
    "sensor_event.temperature.max": ("temperature", "max", 1),
}
# Where a name is another thing for one maker.
PLACES_OF = {
    ("stmicroelectronics", "pressure"): ("pressure", "", 1),
    ("stmicroelectronics", "batteryVoltage"): ("battery_voltage", "", 1000),
    ("terabee", "batteryVoltage"): ("battery_voltage", "", 1000),
    ("uradmonitor", "pressure"): ("pressure", "", 100),
    ("makerfabs", "Bat"): ("battery_voltage", "", 1),
    ("smartrural", "battery"): ("battery_voltage", "", 1),
    ("uradmonitor", "o3", "model-a3"): ("o3_ppb", "", 1),
    ("uradmonitor", "o3"): ("o3_ppm", "", 1),
    ("uradmonitor", "no2"): ("no2_ppm", "", 1),
}
WORDS = {"ON": 1, "OFF": 0, "+3": 3}
LEFT_OUT = {
    "port": "a number of the frame, not measured",
    "func": "a number of the frame, not measured",
    "ct": "the kind of connection",
    "channelCount": "how many values follow",
    "serial_number": "a name",
    "Systimestamp": "the clock of the device",
    "hardwareVersion": "a version",
    "firmwareVersion": "a version",
    "hw_rev": "a version",
    "sw_rev": "a version",
    "valid": "said by the maker's decoder of itself",
    "err": "said by the maker's decoder of itself",
    "debug": "the payload again",
    "header": "of the frame, not measured",
    "firmware_version": "a version",
    "iaq": "computed by the maker's decoder from two values that are here",
    "vt": "the status' two lowest bits again, as text",
}
FREEZING = "Freeze Protection 6°"


def _codec(uplink: dict):
    names = f"{uplink['vendor']} {uplink['device']}".lower().replace("-", " ")
    found = [one for one in CODECS if one.matches(frozenset(names.split()), "")]
    assert len(found) == 1, (names, found)
    return found[0]


def _decoded(uplink: dict) -> dict[tuple[str, str], float]:
    found = _codec(uplink).decode(bytes.fromhex(uplink["hex"]), uplink["f_port"])
    values = {(one.quantity, one.channel): one.value for one in found}
    assert len(values) == len(found)
    return values


def _flat(tree: object, name: str = "") -> dict[str, float]:
    """Return the numbers of the maker's answer, by their names; on and off are numbers too."""
    if isinstance(tree, dict):
        if "displayName" in tree:
            return _flat(tree["value"], name)
        parts = tree.items()
    elif isinstance(tree, list):
        parts = enumerate(tree)
    else:
        value = WORDS.get(tree, tree) if isinstance(tree, str) else tree
        if isinstance(value, str) and value.isdigit() and len(value) == 1:
            value = int(value)  # Strega tells bits as text
        return {name: float(value)} if isinstance(value, int | float) else {}
    found: dict[str, float] = {}
    for part, inner in parts:
        if part not in LEFT_OUT:
            found |= _flat(inner, f"{name}.{part}" if name else str(part))
    return found


def _sensecap_numbers(messages: list[dict]) -> dict[tuple[str, str], float]:
    """Return what the maker's decoder tells as a list of messages, in our places."""
    names = {4097: ("temperature", ""), 4098: ("humidity", "")}
    found = {
        names[one["measurementId"]]: one["measurementValue"]
        for one in messages
        if one["type"] == "report_telemetry"
    }
    for one in messages:
        if one["type"] == "upload_battery":
            found["battery_level", ""] = one["battery"]
    return found


def _expected(uplink: dict) -> dict[tuple[str, str], float]:
    data = uplink["expected"]["data"]
    if uplink["vendor"] == "seeed":
        return _sensecap_numbers(data["messages"])
    found = {}
    for dotted, value in _flat(data).items():
        name = dotted if dotted in PLACES else dotted.removeprefix("sensor_event.")
        own = PLACES_OF.get((uplink["vendor"], name, uplink["device"]))
        place = own or PLACES_OF.get((uplink["vendor"], name)) or PLACES.get(name, (name, "", 1))
        found[place[:2]] = value / place[2]
    if data.get("Set_Point_Temperature_Value") == FREEZING:
        found["Freeze_Protection", ""] = 1.0
    return found


def _id(uplink: dict) -> str:
    return f"{uplink['vendor']}-{uplink['device']}-{uplink['f_port']}-{uplink['hex'][:12]}"


@pytest.mark.parametrize("uplink", UPLINKS, ids=_id)
def test_every_uplink_says_what_the_maker_says(uplink):
    if uplink["expected"].get("errors"):
        with pytest.raises(PayloadError):
            _codec(uplink).decode(bytes.fromhex(uplink["hex"]), uplink["f_port"])
        return
    found, expected = _decoded(uplink), _expected(uplink)
    assert found.keys() == expected.keys()
    for place, value in expected.items():
        assert isclose(found[place], value, rel_tol=1e-6, abs_tol=1e-12), place


@pytest.mark.parametrize("uplink", UPLINKS, ids=_id)
def test_a_payload_cut_short_is_refused_or_says_a_part_of_it(uplink):
    if uplink["expected"].get("errors"):
        return
    codec, payload = _codec(uplink), bytes.fromhex(uplink["hex"])
    whole = codec.decode(payload, uplink["f_port"])
    for size in range(len(payload)):
        try:
            part = codec.decode(payload[:size], uplink["f_port"])
        except PayloadError:
            continue
        assert {one.quantity for one in part} <= {one.quantity for one in whole}


@settings(max_examples=250)
@given(st.sampled_from(CODECS), st.binary(max_size=40), st.integers(0, 255))
def test_any_bytes_are_read_or_refused(codec, payload, f_port):
    with suppress(PayloadError):
        assert all(isfinite(one.value) for one in codec.decode(payload, f_port))


@settings(max_examples=250)
@given(st.sampled_from(UPLINKS), st.data())
def test_a_changed_byte_is_read_or_refused(uplink, data):
    payload = bytearray.fromhex(uplink["hex"])
    payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    with suppress(PayloadError):
        found = _codec(uplink).decode(bytes(payload), uplink["f_port"])
        assert all(isfinite(one.value) for one in found)
