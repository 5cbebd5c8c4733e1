import gzip
import json
import re
from contextlib import suppress
from math import isfinite
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingest.codecs import netvox
from ingest.errors import PayloadError

UPLINKS = [
    json.loads(line)
    for line in gzip.decompress(
        (Path(__file__).parents[1] / "vectors" / "uplinks_netvox.jsonl.gz").read_bytes()
    ).splitlines()
]
REPORTS = [
    one for one in UPLINKS if one["f_port"] in (6, 22) and "SWver" not in one["expected"]["data"]
]
SILENT = [one for one in UPLINKS if one not in REPORTS]

# The vendor's name -> our place, and how many of the vendor's units make one of ours.
PLACES = {
    "Volt": ("battery_voltage", "", 1),
    "Temp": ("temperature", "", 1),
    "Tempera": ("temperature", "", 1),
    "Temperature": ("temperature", "", 1),
    "Temp1": ("temperature", "1", 1),
    "Temp2": ("temperature", "2", 1),
    "TempPH": ("temperature", "ph", 1),
    "TempNTU": ("temperature", "ntu", 1),
    "TempLDO": ("temperature", "ldo", 1),
    "TemperaturewithPH": ("temperature", "ph", 1),
    "TemperaturewithNTU": ("temperature", "ntu", 1),
    "SoildTemp5TE": ("temperature", "5te", 1),
    "Soil_Temp": ("temperature", "soil", 1),
    "Soil_Temperature": ("temperature", "soil", 1),
    "Humi": ("humidity", "", 1),
    "Humidity": ("humidity", "", 1),
    "Illuminance": ("illuminance", "", 1),
    "Occupy": ("occupancy", "", 1),
    "CarOnOff": ("occupancy", "", 1),
    "WaterLeak": ("water_leak", "", 1),
    "WaterLeak_1": ("water_leak", "1", 1),
    "WaterLeak_2": ("water_leak", "2", 1),
    "TankLeakAlarm": ("water_leak", "tank", 1),
    "PulseCount": ("pulse_count", "", 1),
    "ADCRaw": ("voltage", "adc", 1000),
    "ADCRawValue1": ("voltage", "adc1", 1000),
    "ADCRawValue2": ("voltage", "adc2", 1000),
    "FineCurrent": ("current", "fine", 1000),
    "Current_1": ("current", "1", 1000),
    "Current_2": ("current", "2", 1000),
    "FineCurrent_1": ("current", "fine1", 1000),
    "FineCurrent_2": ("current", "fine2", 1000),
    "Rssi": ("rssi", "device", 1),
    "Snr": ("snr", "device", 1),
    "Distance": ("distance", "", 1000),
    "Depth": ("level", "", 1000),
    "WaterLevel": ("level", "", 1000),
    "water": ("level", "", 1000),
    "AirPressure": ("pressure", "", 1),
    "Atomsphere": ("pressure", "", 1),
    "WindSpeed": ("wind_speed", "", 1),
    "WindDirection": ("wind_direction", "", 1),
    "PM1_0": ("pm1", "", 1),
    "PM2_5": ("pm2_5", "", 1),
    "PM25": ("pm2_5", "", 1),
    "PM10": ("pm10", "", 1),
    "PM1_0_CF": ("pm1", "cf1", 1),
    "PM2_5_CF": ("pm2_5", "cf1", 1),
    "PM10_CF": ("pm10", "cf1", 1),
    "CO2": ("co2", "", 1),
    "CO2_0_1": ("co2", "", 1),
    "TVOC": ("tvoc", "", 1),
    "TVOC_VOC": ("tvoc", "", 1),
    "Soil_VWC": ("soil_moisture", "", 1),
    "EC5SoildHumi": ("soil_moisture", "ec5", 1),
    "SoildHumi5TE": ("soil_moisture", "5te", 1),
    "Energy": ("active_energy_import", "", 1),
    "Vol": ("voltage", "", 1),
    "Power": ("active_power", "", 1),
    "Current": ("current", "", 1000),
    # the same thing under another of the vendor's names
    "PM0_3UM": ("um0_3", "", 1),
    "PM0_5UM": ("um0_5", "", 1),
    "PM1_0UM": ("um1_0", "", 1),
    "PM2_5UM": ("um2_5", "", 1),
    "PM5_0UM": ("um5_0", "", 1),
    "PM10UM": ("um10", "", 1),
    "LDODO": ("LDO_DO", "", 1),
    "LDOSat": ("LDO_Sat", "", 1),
    "VOC_0_1": ("VOC", "", 1),
    "Soli_EC": ("Soil_EC", "", 1),
    "BreakerTYpe": ("BreakerType", "", 1),
    "BphaseCurrent": ("BPhaseCurrent", "", 1),
    "AphaseVoltage": ("APhaseVoltage", "", 1),
}
# Where a name is another thing for one device, by (device, report type or None, name).
_RAW = ("Current", "Voltage", "Power", "Energy")
PLACES_OF = {
    **{("rp02", None, name): (name, "", 1) for name in _RAW},
    **{(device, 1, name): (place, "cf1", 1)
       for device in ("ra0715", "r726xx")
       for name, place in (("PM1_0", "pm1"), ("PM2_5", "pm2_5"), ("PM10", "pm10"))},
    **{(device, None, f"Current{n}"): ("current", str(n), 1000)
       for device, inputs in (("r900nac3", (1, 2, 3)), ("r900ndc", (1, 2)))
       for n in inputs},
    ("r718nl3", None, "Current1"): ("current", "1", 1000),
    ("r718pb", 8, "Tempera"): ("temperature", "ph", 1),
    ("r718pb", 9, "Tempera"): ("temperature", "ntu", 1),
    ("r718pb", 9, "Soil_VWC"): ("soil_moisture", "ec5", 1),
    ("r718pb", 10, "Soil_VWC"): ("soil_moisture", "5te", 1),
    ("r718pb", 10, "Soil_Temp"): ("temperature", "5te", 1),
    ("r718pb", 10, "Soil_EC"): ("EC5TE", "", 1),
    ("r718pb", 11, "Tempera"): ("temperature", "ldo", 1),
}  # fmt: skip
# Words that the vendor's codec puts in place of a code.
WORDS = {
    "ON": 1, "On": 1, "OFF": 0, "Off": 0, "Leak": 1, "NoLeak": 0, "noLeak": 0, "Alarm": 1,
    "NoAlarm": 0, "No alarm": 0, "alarm": 1, "noalarm": 0, "Normal": 0, "No warning": 0,
    "Success": 0, "others": 0, "fuctionkey1": 1, "fuctionkey2": 2,
}  # fmt: skip
LEFT_OUT = {
    "Device": "the device type in words",
    "SensorUnit": "tells what TVOC_VOC is: in ppb it is our tvoc",
}


def _codec(device: str):
    words = frozenset(("netvox", device))
    return next(one for one in netvox.CODECS if one.matches(words, ""))


def _values(uplink: dict) -> dict[tuple[str, str], float]:
    found = _codec(uplink["device"]).decode(bytes.fromhex(uplink["hex"]), uplink["f_port"])
    values = {(one.quantity, one.channel): one.value for one in found}
    assert len(values) == len(found), "two values in one place"
    assert all(one.time_ns is None for one in found)
    return values


def _number(value: object) -> float | None:
    """Return the vendor's value as a number; None where it says that there is no sensor."""
    if isinstance(value, str):
        if value == "NoSensor":
            return None
        if value in WORDS:
            return WORDS[value]
        return float(re.fullmatch(r"(-?[\d.]+)(℃|%|mA|mm|pH|ntu|mg/L)", value)[1])
    return float(value)


def _wanted(uplink: dict) -> dict[tuple[str, str], float]:
    report = bytes.fromhex(uplink["hex"])[2 if uplink["f_port"] == 6 else 3]
    wanted = {}
    for name, value in uplink["expected"]["data"].items():
        if name in LEFT_OUT:
            continue
        device = uplink["device"]
        place = PLACES_OF.get((device, report, name)) or PLACES_OF.get((device, None, name))
        quantity, channel, units = place or PLACES.get(name, (name, "", 1))
        number = _number(value)
        if number is not None:
            wanted[quantity, channel] = number / units
    return wanted


@pytest.mark.parametrize("uplink", REPORTS, ids=lambda one: f"{one['device']}-{one['hex']}")
def test_values_are_those_of_the_vendors_codec(uplink):
    found = _values(uplink)
    low = found.pop(("low_battery", ""), None)
    assert low == (0 if ("battery_voltage", "") in found else None)
    assert found == pytest.approx(_wanted(uplink), rel=1e-6)


@pytest.mark.parametrize("uplink", SILENT, ids=lambda one: f"{one['device']}-{one['hex']}")
def test_versions_and_answers_hold_no_measurements(uplink):
    assert _values(uplink) == {}


def test_all_vectors_are_there():
    assert (len(UPLINKS), len(REPORTS), len({one["device"] for one in UPLINKS})) == (526, 150, 91)
    assert not any(one["expected"].get("errors") for one in UPLINKS)


@pytest.mark.parametrize(
    ("payload", "f_port", "message"),
    [
        ("", 6, "Netvox report: expected at least 3 bytes, found 0 bytes"),
        ("020b012406701a9e000000", 6, "Netvox version: expected 0x01, found 0x02"),
        ("01fe012406701a9e000000", 6, "Netvox device type: .* found 0xfe"),
        ("010b072406701a9e000000", 6, "report type of R711 .*: expected one of 0x00, 0x01"),
        ("010b012406701a9e0000", 6, "expected 11 bytes, found 10 bytes"),
        ("010b012406701a9e00000000", 6, "expected 11 bytes, found 12 bytes"),
        ("010b000a0b2019112800", 6, "version packet: expected 11 bytes"),
        ("0301090178070804 4c00", 22, "expected 11 bytes, found 10 bytes"),
        ("03010900640b201911", 22, "version packet: expected 10 bytes"),
        ("830b000000000000000000", 7, "answer of R711 .*: expected one of 0x81, 0x82, found 0x83"),
        ("810b00", 7, "expected 11 bytes"),
        ("8101", 23, "expected at least 4 bytes"),
        ("", 13, "FPort 13 .*: expected one of 0x81, 0x82, found no bytes"),
        ("8400000000000000000000", 14, "calibration"),
        ("4a0000010003aabb", 33, "expected 9 bytes, found 8"),
        ("81000100000000000000", 16, "expected 11 or 12 bytes, found 10"),
        ("00", 1, "Netvox FPort"),
    ],
)
def test_wrong_payloads_are_refused(payload, f_port, message):
    with pytest.raises(PayloadError, match=message):
        _codec("r718a").decode(bytes.fromhex(payload), f_port)


def test_every_payload_that_is_cut_short_is_refused():
    for uplink in UPLINKS:
        payload, codec = bytes.fromhex(uplink["hex"]), _codec(uplink["device"])
        whole = 4 if uplink["f_port"] == 23 else len(payload)  # answers there state no size
        for size in range(whole):
            with pytest.raises(PayloadError):
                codec.decode(payload[:size], uplink["f_port"])


@pytest.mark.parametrize(
    ("words", "dev_eui", "name"),
    [
        ("netvox", "", "netvox"), ("r718a", "", "netvox"), ("r718n37", "", "netvox"),
        ("r72616", "", "netvox"), ("ra0715", "", "netvox"), ("r718ec", "", "netvox-r718ec"),
        ("netvox rp02rh", "00137a1000000001", "netvox-rp02"), ("", "00137a1000000001", "netvox"),
        ("r718pb15a", "", "netvox"), ("r31504", "", "netvox"), ("r900pd01o1", "", "netvox"),
        ("netvox r211", "", "netvox"), ("ra08b01", "", "netvox"), ("r311fa1 sensor", "", "netvox"),
        ("r211", "", None), ("ra10", "", None), ("r718", "", None), ("em300 th", "", None),
        ("rak7200", "a8404100000000ff", None), ("r712x", "", None),
    ],
)  # fmt: skip
def test_recognising_netvox(words, dev_eui, name):
    words = frozenset(words.split())
    found = [one.NAME for one in netvox.CODECS if one.matches(words, dev_eui)]
    assert (found[0] if found else None) == name


@pytest.mark.parametrize("codec", netvox.CODECS, ids=lambda one: one.NAME)
def test_every_report_of_every_device_can_be_read(codec):
    for kind, device in (*codec.devices.items(), *netvox.R900.items()):
        head, port = (bytes((1, kind)), 6) if kind < 256 else (b"\3" + kind.to_bytes(2), 22)
        for report in device.reports:
            for filler in (b"\0", b"\1", b"\xff"):
                size = 8 if port == 6 else device.reports[report][0].frame.size
                codec.decode(head + bytes((report,)) + filler * size, port)


@settings(max_examples=300)
@given(st.binary(max_size=32), st.sampled_from((*range(24), 32, 33, 85, 255)))
@example(b"\x4a" * 6, 33)
def test_any_bytes_on_any_port_are_read_or_refused(payload, f_port):
    for codec in netvox.CODECS:
        with suppress(PayloadError):
            codec.decode(payload, f_port)


_KNOWN = [(kind, one) for kind, device in netvox.DEVICES.items() for one in device.reports]


@settings(max_examples=300)
@given(st.sampled_from(_KNOWN), st.binary(min_size=8, max_size=8))
def test_any_data_of_a_known_report_are_finite_numbers_in_places_of_their_own(known, data):
    found = netvox.CODECS[-1].decode(bytes((1, *known)) + data, 6)
    assert all(isfinite(one.value) for one in found)
    assert len({(one.quantity, one.channel) for one in found}) == len(found)
