"""Yobiiq, MCCI, Pepperl+Fuchs, Aqua-Scope, Enless, Nwave and small makers: every vector.

Each is compared field by field; then truncation, changed and any bytes, and names.
"""

import json
import re
from contextlib import suppress
from math import isclose, isfinite
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.codecs import (
    CODECS,
    aquascope,
    enless,
    mcci,
    more_frames,
    nwave,
    pepperl_fuchs,
    trackers,
    yobiiq,
    yobiiq_gateways,
    yobiiq_meters,
)
from ingest.errors import PayloadError

OURS = (
    *yobiiq.CODECS,
    *yobiiq_meters.CODECS,
    *yobiiq_gateways.CODECS,
    *mcci.CODECS,
    pepperl_fuchs,
    *aquascope.CODECS,
    enless,
    *nwave.CODECS,
    *more_frames.CODECS,
    *trackers.CODECS,
)
UPLINKS = [
    json.loads(line)
    for line in (Path(__file__).parents[1] / "vectors" / "uplinks_city_makers.jsonl")
    .read_text()
    .splitlines()
]

# By maker: the maker's name -> our quantity, channel, and how many of theirs make one of ours.
PLACES: dict[str, dict[str, tuple[str, str, float]]] = {
    "yobiiq": {
        **{
            f"active{way}L{phases}T{tariff}": (f"active_energy_{way[6:].lower()}", f"T{tariff}", 1)
            for way in ("EnergyImport", "EnergyExport")
            for phases in ("1", "123")
            for tariff in (1, 2)
        },
        "voltageL1N": ("voltage", "L1", 1),
        "currentL1": ("current", "L1", 1000),
        "activePowerL1": ("active_power", "L1", 1),
        "digitalInputStatus": ("digital_input", "", 1),
        "batteryLevelInPercentage": ("battery_level", "", 1),
        "lowBatteryAlarm": ("low_battery", "", 1),
    },
    "mcci": {
        **dict.fromkeys(("vBat", "Vbat", "vbat"), ("battery_voltage", "", 1)),
        **dict.fromkeys(("vBus", "Vbus", "vbus"), ("voltage", "bus", 1)),
        **dict.fromkeys(("Vsys", "vsys"), ("voltage", "system", 1)),
        **dict.fromkeys(("t", "tempC"), ("temperature", "", 1)),
        "rh": ("humidity", "", 1),
        "p": ("pressure", "", 1),
        "lux": ("illuminance", "", 1),
        "pm.1.0": ("pm1", "", 1),
        "pm.2.5": ("pm2_5", "", 1),
        "pm.10": ("pm10", "", 1),
        "tvoc": ("tvoc_as_sent", "", 1),
        "tProbeOne": ("temperature", "probe_1", 1),
        "tProbeTwo": ("temperature", "probe_2", 1),
        "soil_1_TempC": ("temperature", "soil_1", 1),
        **{f"activity.{place}": ("activity", str(place + 1), 1) for place in range(6)},
        **{
            f"pellets.{place}.{what}": (f"pellets.{what}", str(place + 1), 1)
            for place in range(2)
            for what in ("Total", "Delta")
        },
    },
    "pepperl-fuchs": {
        "battery_vol": ("battery_voltage", "", 1),
        "temp": ("temperature", "", 1),
        "proxx": ("distance", "", 100),
        "proxx_mm": ("distance", "", 1000),
        "water_body_level_mm": ("level", "water_body", 1000),
    },
    "aquascope": {"leak": ("water_leak", "", 1), "battery": ("battery_level", "", 1)},
    "enless-wireless": {
        "values.temperature": ("temperature", "", 1),
        "values.temperature_1": ("temperature", "1", 1),
        "values.temperature_2": ("temperature", "2", 1),
        "values.humidity": ("humidity", "", 1),
        "values.Humidity": ("humidity", "", 1),
        "values.voc": ("tvoc", "", 1),
        "values.co2": ("co2", "", 1),
        "values.current": ("current", "", 1000),
        "states.battery": ("battery_level", "", 1),
        "states.msg_type": ("msg_type", "", 1),
        "states.status.msg_type": ("msg_type", "", 1),
        **{f"values.pulse_{one}": ("pulse_register", one, 1) for one in ("ch1", "ch2", "oc")},
        **{f"states.status.pulse_{one}": ("contact", one, 1) for one in ("ch1", "ch2", "oc")},
        **{f"states.status.debounce_ch{n}": (f"debounce_ch{n}", "", 1) for n in (1, 2, 3)},
    },
    "nwave": {"occupied": ("occupancy", "", 1)},
    "opensource": {
        "voltage": ("battery_voltage", "", 1000),
        "cputemp": ("temperature", "cpu", 1),
        "air": ("iaq", "", 1),
    },
    "example": {
        "direction": ("wind_direction", "", 1),
        "speed": ("wind_speed", "", 1 / 0.5144),
    },
    "moko": {
        "ic_temperature": ("temperature", "device", 1),
        "lat": ("latitude", "", 1),
        "lon": ("longitude", "", 1),
    },
    "noah": {
        "temp": ("temperature", "", 1),
        "voltage": ("voltage_as_sent", "", 1),
        "level": ("level_percent", "", 1),
    },
}
STATES = {
    **{"AC Power Off": 0, "AC Power On": 1, "LOW": 0, "HIGH": 1, "OPEN": 0, "CLOSED": 1},
    **{"Normal": 0, "Alarm": 1, "Pushed": 1, "normal": 0, "alarm": 1},
    **{"Due to too high current limit": 1, "By reset from the Lora network": 2},
    "Current reset count is less than the reset amount": 1,
    **{"No target detected": 0, "Low": 0, "High": 1, "Open": 1, "Not connected": 9},
    **{"N": 0, "Y": 1, "On": 1, "Off": 0, "open": 0, "closed": 1},
    **{"enabled": 1, "disabled": 0, "25%": 25, "100%": 100, "power_on": 2},
    **{"ble_cmd_restart": 1, "period mode": 1, "gps": 2, "work_mode_fix": 0},
}
STATES_OF = {
    ("pepperl-fuchs", "valve_2_status", "Not connected"): 3,
    ("example", "direction", "N"): 0,
    ("example", "direction", "E"): 90,
}
VERSION, COMPUTED = "a version or a name", "computed by the maker's decoder from what is here"
LEFT_OUT = {
    **dict.fromkeys(("hardwareVersion", "firmwareVersion", "firmware_version"), VERSION),
    **dict.fromkeys(("codecVersion", "firmware_ver", "fw_version", "version"), VERSION),
    **dict.fromkeys(("deviceModel", "genericModel", "productCode", "manufacturer"), VERSION),
    **dict.fromkeys(("deviceSerialNumber", "deviceClass", "serial_nr", "id", "tag_id"), VERSION),
    **dict.fromkeys(
        ("tDewC", "tDew", "tHeatIndexC", "tHeatIndex", "aqi", "aqi_partial", "battery_health"),
        COMPUTED,
    ),
    "timestamp": "the clock of the device, at the moment of sending",
    "dataloggerTimestamp": "the time of the values; tested by itself",
    "time": "the time of the values, or the clock of the device",
    "utc_time": "the time of the values; tested by itself",
    "mac": "a command of the network",
    "fPort": "the port again",
    "port": "the port again",
    "format": "of the frame",
    "bytes": "the payload again",
    "payload": "the payload again",
    "info": "the answer to a command",
    "warning": "the answer to a command",
    "error": "always none",
    "unit": "the unit of a value",
    "type": "of the frame",
    "pack_type": "of the frame",
    "seq_counter": "of the frame",
    "reserved": "bits without a meaning",
}
NOT_OF_MAKER = {
    "battery_level": "the decoder overwrites it with the state of the inputs",
}
WRONG_AT_MAKER = {
    # An older decoder, which has no sign; the same bytes with the newer one say -2.7.
    ("enless-wireless", "tx-trh-amb-600-021", "temperature"): -2.7,
}


def _codec(uplink: dict):
    words = frozenset(re.split(r"[^a-z0-9]+", f"{uplink['vendor']} {uplink['device']}".lower()))
    found = [one for one in OURS if one.matches(words, "")]
    assert len(found) == 1, (words, found)
    assert next(one for one in CODECS if one.matches(words, "")) is found[0]
    return found[0]


def _decode(uplink: dict, payload: bytes | None = None):
    raw = bytes.fromhex(uplink["hex"]) if payload is None else payload
    return _codec(uplink).decode(raw, uplink["f_port"])


def _flat(vendor: str, tree: object, name: str = "") -> dict[str, float]:
    """Return the maker's numbers by their dotted names; no text may be left unexplained."""
    if isinstance(tree, dict):
        parts = tree.items()
        if set(tree) in ({"data", "unit"}, {"value", "unit"}):
            return {name: float(tree.get("data", tree.get("value")))}
    elif isinstance(tree, list):
        parts = ((str(place), one) for place, one in enumerate(tree))
    elif isinstance(tree, str):
        number = STATES_OF.get((vendor, name, tree), STATES.get(tree))
        if number is None:
            number = float(tree.removesuffix("°C"))
        return {name: float(number)}
    else:
        return {name: float(tree)}
    found: dict[str, float] = {}
    for part, inner in parts:
        if part not in LEFT_OUT:
            found |= _flat(vendor, inner, f"{name}.{part}" if name else part)
    return found


def _expected(uplink: dict) -> dict[tuple[str, str], float]:
    vendor = uplink["vendor"]
    found = {}
    for name, value in _flat(vendor, uplink["expected"]["data"]).items():
        quantity, channel, divisor = PLACES[vendor].get(name, (name, "", 1))
        wrong = WRONG_AT_MAKER.get((vendor, uplink["device"], quantity))
        found[quantity, channel] = value / divisor if wrong is None else wrong
    return found


def _id(uplink: dict) -> str:
    return f"{uplink['vendor']}-{uplink['device']}-{uplink['f_port']}-{uplink['hex'][:12]}"


PLAIN = [one for one in UPLINKS if one["vendor"] != "iot-factory"]
GOOD = [one for one in UPLINKS if not one["expected"].get("errors")]


@pytest.mark.parametrize("uplink", PLAIN, ids=_id)
def test_every_uplink_says_what_the_maker_says(uplink):
    if uplink["expected"].get("errors"):
        with pytest.raises(PayloadError):
            _decode(uplink)
        return
    told = _decode(uplink)
    found = {(one.quantity, one.channel): one.value for one in told}
    assert len(found) == len(told)
    expected = _expected(uplink)
    if uplink["vendor"] == "enless-wireless" and "status" in uplink["expected"]["data"]["states"]:
        for quantity in NOT_OF_MAKER:
            assert found.pop((quantity, "")) == 100
    assert found.keys() == expected.keys()
    for place, value in expected.items():
        assert isclose(found[place], value, rel_tol=1e-6, abs_tol=1e-12), place


IOT_PLACES = {
    "counter": ("pulse_register", 1),
    "mV": ("voltage", 1000),
    "input_status": ("input_status", 1),
    "pin_state": ("digital_input", 1),
    "is_movement": ("is_movement", 1),
    "in_movement": ("in_movement", 1),
}
IOT_STATES = {"input_error": 3, "high": 1, "low": 0}
IOT_LEFT_OUT = {"frame_isotime", "frame_unixtime", "reason", "type", "pin_number", "wifi_ap_list"}


@pytest.mark.parametrize("uplink", [one for one in UPLINKS if one not in PLAIN], ids=_id)
def test_iot_factory_says_every_frame_with_its_time(uplink):
    data = uplink["expected"]["data"]
    expected = {
        ("battery_level", "", None): data["battery_pct"],
        ("external_power", "", None): float(data["type_power"] != "battery"),
    }
    for frame in data["frames"]:
        time_ns, pin = frame["frame_unixtime"] * 10**9, str(frame.get("pin_number", ""))
        assert frame["reason"] == "regular"
        for one in frame.get("wifi_ap_list", ()):
            expected["rssi", one["mac"], time_ns] = one["rssi"]
            expected["is_home_network", one["mac"], time_ns] = float(one["is_home_network"])
        for name in frame.keys() - IOT_LEFT_OUT:
            quantity, divisor = IOT_PLACES[name]
            value = IOT_STATES.get(frame[name], frame[name])
            expected[quantity, pin, time_ns] = value / divisor
    found = {(one.quantity, one.channel, one.time_ns): one.value for one in _decode(uplink)}
    assert found == expected


def test_normalized_values_are_ours():
    for uplink in UPLINKS:
        for said in (uplink["normalized"] or {}).get("data", ()):
            found = {one.quantity: one.value for one in _decode(uplink)}
            position = said.get("position", {})
            for name, quantity in (("latitude", "latitude"), ("longitude", "longitude")):
                assert position.get(name, found.get(quantity)) == found.get(quantity)
            if "battery" in said:
                assert said["battery"] == found["battery_voltage"]
            if "action" in said:
                motion = said["action"]["motion"]
                assert (motion["detected"], motion["count"]) == (
                    bool(found["motion_state"]),
                    found["motion_count"],
                )
            if "wind" in said:
                assert said["wind"]["speed"] == pytest.approx(found["wind_speed"])
                assert said["wind"]["direction"] == found["wind_direction"]


# Where the maker's own format may end earlier: a run of records, or bytes that nobody explains.
SHORTER = {"yobiiq", "aquascope", "pepperl-fuchs", "iot-factory", "opensource", "nwave", "mcci"}


@pytest.mark.parametrize("uplink", GOOD, ids=_id)
def test_a_payload_cut_short_is_refused_or_says_a_part_of_it(uplink):
    payload = bytes.fromhex(uplink["hex"])
    whole = {(one.quantity, one.channel) for one in _decode(uplink)}
    for size in range(len(payload)):
        if (uplink["vendor"], uplink["f_port"]) == ("yobiiq", 0):
            continue
        try:
            part = _decode(uplink, payload[:size])
        except PayloadError:
            continue
        assert uplink["vendor"] in SHORTER, size
        if uplink["vendor"] != "opensource":  # a length there is a layout of its own
            # A last byte of Model 4931 is its state; in the vector more than one byte follows.
            assert {(one.quantity, one.channel) for one in part} <= whole | {("state", "")}


@settings(max_examples=300)
@given(st.sampled_from(OURS), st.binary(max_size=60), st.integers(0, 255))
def test_any_bytes_are_read_or_refused(codec, payload, f_port):
    with suppress(PayloadError):
        for one in codec.decode(payload, f_port):
            assert isfinite(one.value)
            assert one.time_ns is None or one.time_ns > 0


@settings(max_examples=300)
@given(st.sampled_from(GOOD), st.data())
def test_changed_bytes_are_read_or_refused(uplink, data):
    payload = bytearray.fromhex(uplink["hex"])
    for _ in range(data.draw(st.integers(1, 3))):
        payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    with suppress(PayloadError):
        assert all(isfinite(one.value) for one in _decode(uplink, bytes(payload)))


@pytest.mark.parametrize(
    ("names", "claimed"),
    [
        ("em4301 ct", "yobiiq-em4301"),
        ("iq em2101 electricity meter", "yobiiq-em2101"),
        ("iq sd 1001", "yobiiq-sd1001"),
        ("sd 1001", None),
        ("yobiiq iq dsmr lrw", "yobiiq-dsmr"),
        ("dsmr reader", None),
        ("iq opentherm lrw", "yobiiq-opentherm"),
        ("iq rm200 lrw", "yobiiq-rm200"),
        ("catena4612", "mcci-catena"),
        ("mcci catena 4801", "mcci-catena-modbus"),
        ("room 4801", None),
        ("model4841", "mcci-4841"),
        ("wilsen sonic level", "pepperl-fuchs-wilsen"),
        ("sonic level", None),
        ("aqua scope flo", "aquascope-flo"),
        ("flo", None),
        ("tx temp 600 031", "enless-tx600"),
        ("tx 600", None),
        ("nps405sm", "nwave-nps405"),
        ("parking sensor", None),
        ("esp32 paxcounter", "paxcounter"),
        ("lw001 bg pro", "moko-lw001-bgpro"),
        ("lw001 bg", None),
        ("iot factory asset tracker", "iot-factory"),
        ("iot factory m bus gateway", None),
        ("windsensor", None),
    ],
)
def test_names_are_claimed_only_where_the_frame_is_known(names, claimed):
    words = frozenset(names.split())
    assert [one.NAME for one in OURS if one.matches(words, "")] == ([claimed] if claimed else [])
