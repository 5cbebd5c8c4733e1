"""Arwin, Laird and Ezurio, MClimate, TEKTELIC, Adeunis and Pallidus: every vector of theirs,
field by field; truncation, any bytes, names. What documents add is in the files beside this one.
"""

import json
from contextlib import suppress
from datetime import datetime
from math import isclose, isfinite
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.codecs import CODECS as ALL
from ingest.codecs import adeunis, arwin, laird, mclimate, pallidus, tektelic
from ingest.errors import PayloadError

CODECS = (
    *arwin.CODECS,
    *laird.CODECS,
    *mclimate.CODECS,
    *tektelic.CODECS,
    *adeunis.CODECS,
    pallidus,
)
UPLINKS = [
    json.loads(line)
    for line in (Path(__file__).parents[1] / "vectors" / "uplinks_climate_makers.jsonl")
    .read_text()
    .splitlines()
]
Told = list[tuple[str, str, float, int | None]]

# The maker's name -> our quantity, channel, and how many of the maker's units make one of ours.
PLACES = {
    "battery": ("battery_level", "", 1),
    "pm1.0": ("pm1", "", 1),
    "pm2.5": ("pm2_5", "", 1),
    "pm1.0 Threshold": ("pm1.0_Threshold", "", 1),
    "pm2.5 Threshold": ("pm2.5_Threshold", "", 1),
    "pm10 Threshold": ("pm10_Threshold", "", 1),
    "inputStatus": ("contact", "", 1),
    "phase_A_V": ("voltage", "L1", 1),
    "phase_B_V": ("voltage", "L2", 1),
    "phase_C_V": ("voltage", "L3", 1),
    "freq": ("frequency", "", 1),
    "backup_batt": ("battery_level", "", 1),
    "active_pow": ("active_power", "", 1),
    "active_energy": ("active_energy_import", "", 0.001),
    "voltage": ("battery_voltage", "", 1),  # Laird
    "batteryVoltage": ("battery_voltage", "", 1),
    "sensorTemperature": ("temperature", "", 1),
    "relativeHumidity": ("humidity", "", 1),
    "CO2": ("co2", "", 1),
    "ppm": ("co2", "", 1),
    "lux": ("illuminance", "", 1),
    "pir": ("motion", "", 1),
    "motorOpenness": ("valveOpenness", "", 1),  # an older name of it
    "internalTemperature": ("temperature", "internal", 1),
    "energy_kWh": ("active_energy_import", "", 0.001),
    "power_W": ("active_power", "", 1),
    "acVoltage_V": ("voltage", "", 1),
    "acCurrent_mA": ("current", "", 1000),
    "ambient_temperature": ("temperature", "", 1),
    "onboard_temperature": ("temperature", "onboard", 1),
    "relative_humidity": ("humidity", "", 1),
    "light_intensity": ("illuminance", "", 1),
    "barometric_pressure": ("pressure", "", 1),
    "co2_pressure_compensated": ("co2", "", 1),
    "rem_batt_capacity_sensor": ("battery_level", "", 1),
    "motion_event_state": ("motion", "", 255),
    "change_output_states.output1": ("digital_output", "1", 1),
    "change_output_states.output2": ("digital_output", "2", 1),
    "ble.mode.averaging_mode": ("averaging_mode", "", 1),
    "ble.mode.number_of_devices": ("number_of_devices", "", 1),
    "acceleration.x": ("acceleration_g", "x", 1),
    "acceleration.y": ("acceleration_g", "y", 1),
    "acceleration.z": ("acceleration_g", "z", 1),
    "Vbat": ("battery_voltage", "", 1),
    "tempC": ("temperature", "", 1),
    "rh": ("humidity", "", 1),
    **{f"activity.{one}": ("activity", str(one + 1), 1) for one in range(5)},
    **{f"pellets.{one}.Total": ("pellets_total", str(one + 1), 1) for one in range(2)},
    **{f"pellets.{one}.Delta": ("pellets_delta", str(one + 1), 1) for one in range(2)},
    "status.lowBattery": ("low_battery", "", 1),
    "status.configurationDone": ("configurationDone", "", 1),
    "status.configurationInconsistency": ("configurationInconsistency", "", 1),
    "presenceDetectedWhenSending": ("occupancy", "", 1),
    "presence.values.0": ("presence", "", 1),
    "presence.values.1": ("presence", "t-1", 1),
    "luminosity.values.0": ("luminosity", "", 1),
    "luminosity.values.1": ("luminosity", "t-1", 1),
}
WORDS = {
    "on": 1,
    "ON": 1,
    "enable": 1,
    "open": 0,  # as a contact
    "None": 0,
    "NH3": 1,
    "True": 1,
    "False": 0,
    "Alkaline": 1,
    "Lithium": 2,
    "Door Sensor": 0,
    "Pushbutton": 1,
    "80-100%": 5,
    "T/H,CO2,PMx,Gas1": 0b11101,  # as its bits are sent
    "29.00": 29,
}
LEFT_OUT = {
    "event": "told bit by bit, see EVENTS",
    "channel": "in the channel of the values, see _arwin",
    "phase": "in the channel of the values, see _arwin",
    "firmwareVersion": "a version",
    "msgType": "the kind of the message",
    "options": "told bit by bit, see OPTIONS",
    "numberOfReadings": "how many follow",
    "readings": "see _laird",
    "timestamp": "the time of the readings, see _laird",
    "releaseDate": "a version",
    "releaseNumber": "a version",
    "partNumber": "a version",
    "targetTemperatureFloat": "the target temperature again",
    "port": "the FPort",
    "raw": "the payload again",
    "time": "the time of the values, see _expected",
    "tDewC": "computed by the maker's decoder from two values that are here",
    "frameCounter": "a counter of frames",
    "hardwareError": "never set by the maker's decoder",
    "decodingInfo": "said by the maker's decoder of itself",
    "type": "the kind of the message",
    "unit": "of the values beside it",
}
# Where the maker's decoder is wrong: the value that the bytes hold, and why.
MAKERS_SLIP = {
    ("t0006086", "seconds_per_core_tick"): (60, "its table has no factor, so it tells 0"),
    ("t0008375-stork", "temperature"): (24.7, "it rounds 24.7 to whole degrees"),
}
EVENTS = {
    "lrs10701": {
        "heartbeat/button": "event_heartbeat",
        "T/H": "event_temperature_humidity",
        "CO2": "event_co2",
        "EC1": "event_gas1",
        "EC2": "event_gas2",
        "TVOC": "event_tvoc",
        "PMx": "event_pm",
    },
    "lrs20100": {
        "heartbeat": "event_heartbeat",
        "temperature_high": "event_temperature_high",
        "temperature_low": "event_temperature_low",
        "humidity_high": "event_humidity_high",
        "humidity_low": "event_humidity_low",
    },
    "lrs20310": {"heartbeat": "event_heartbeat", "water_leak_alert": "water_leak"},
    "lrs20600": {"heartbeat": "event_heartbeat"},
    "lrs2m001-4xxx": {
        "heartbeat/button": "event_heartbeat",
        "backup_power": "event_backup_power",
        "ph_C_under_V": "event_under_voltage:L3",
        "ph_C_over_V": "event_over_voltage:L3",
        "ph_B_under_V": "event_under_voltage:L2",
        "ph_B_over_V": "event_over_voltage:L2",
        "ph_A_under_V": "event_under_voltage:L1",
        "ph_A_over_V": "event_over_voltage:L1",
        "power_meter_not_found": "event_power_meter_not_found",
        "backup_batt_low": "event_backup_batt_low",
    },
}
PHASE_EVENTS = {"over_current": "event_over_current", "heartbeat/button": "event_heartbeat"}
OPTIONS = {
    "Sensor request for server time": "request_server_time",
    "Sensor configuration error": "configuration_error",
    "Sensor alarm flag": "alarm",
    "Sensor reset flag": "reset",
    "Sensor fault flag": "fault",
}
NOTIFICATIONS = {"Open": 1, "Closed": 2, "Resend": 4, "Cancel": 8}


def _codec(uplink: dict):
    names = f"{uplink['vendor']} {uplink['device']}".lower().replace("-", " ")
    found = [one for one in ALL if one.matches(frozenset(names.split()), "")]
    assert len(found) == 1, (names, found)
    assert found[0] in CODECS
    return found[0]


def _port(uplink: dict) -> int:
    return uplink["f_port"] if uplink["f_port"] is not None else 2  # ChirpStack's tell none


def _decoded(uplink: dict) -> Told:
    found = _codec(uplink).decode(bytes.fromhex(uplink["hex"]), _port(uplink))
    return sorted((one.quantity, one.channel, one.value, one.time_ns) for one in found)


def _flat(tree: object, name: str = "") -> dict[str, float]:
    """Return the numbers of the maker's answer, by their names; on and off are numbers too."""
    if isinstance(tree, dict | list):
        parts = tree.items() if isinstance(tree, dict) else enumerate(tree)
        found: dict[str, float] = {}
        for part, inner in parts:
            if part not in LEFT_OUT:
                found |= _flat(inner, f"{name}.{part}" if name else str(part))
        return found
    value = WORDS[tree] if isinstance(tree, str) else tree
    assert isinstance(value, int | float), (name, tree)
    return {name: float(value)}


def _time_ns(told: dict) -> int:
    text = f"{told['year']} {told['month']} {told['day']} +0000"
    day = datetime.strptime(text, "%Y %B %d %z").timestamp()
    return int(day + told["hours"] * 3600 + told["minutes"] * 60 + told["seconds"]) * 10**9


def _arwin(uplink: dict, data: dict) -> tuple[str, Told]:
    """Return the channel of the values, and the events."""
    channel, events = "", EVENTS[uplink["device"]]
    if "phase" in data:
        channel = f"{data['channel']}.L{'ABC'.index(data['phase']) + 1}"
        events = PHASE_EVENTS
    told: Told = []
    if "event" in data:
        said = set(filter(None, data["event"].split(",")))
        assert said <= events.keys()
        for label, place in events.items():
            quantity, _, own = place.partition(":")
            told.append((quantity, own or channel, float(label in said), None))
    return channel, told


def _laird(data: dict) -> Told:
    """Return the flags and the readings of a message, each reading with its time."""
    said = set(data["options"]) - {"None"}
    assert said <= OPTIONS.keys()
    told: Told = [(name, "", float(label in said), None) for label, name in OPTIONS.items()]
    one_time = _time_ns(data["timestamp"]) if "timestamp" in data else None
    for number, reading in enumerate(data.get("readings", ())):
        when = _time_ns(reading["timestamp"]) if "timestamp" in reading else one_time
        channel = "" if "timestamp" in reading else str(number + 1)
        told += [
            (name, channel, reading[name], when)
            for name in ("temperature", "humidity")
            if name in reading
        ]
    return told


def _expected(uplink: dict) -> Told:
    data = uplink["expected"]["data"]
    data = dict(data["bytes"] if uplink["vendor"] == "adeunis" else data)
    channel, when, told = "", None, []
    if uplink["vendor"] == "arwin-technology":
        channel, told = _arwin(uplink, data)
    if uplink["vendor"] in ("laird", "ezurio"):
        told = _laird(data)
        if "timestamp" in data and "readings" not in data:
            when = _time_ns(data["timestamp"])
        if "state" in data:
            told.append(("contact", "", float(data.pop("state") == "Closed"), None))
        if "loraNotificationOptions" in data:
            bits = sum(NOTIFICATIONS[one] for one in data.pop("loraNotificationOptions"))
            told.append(("loraNotificationOptions", "", float(bits), None))
    if uplink["vendor"] == "pallidus":
        when = int(datetime.fromisoformat(data["time"]).timestamp()) * 10**9
        data["illuminance"] = data.pop("lux")
    if data.get("thermistorProperlyConnected") is False:
        assert data.pop("extThermistorTemperature") == 0  # the maker's "none"
    for name, value in _flat(data).items():
        quantity, own, scale = PLACES.get(name, (name, "", 1))
        slip = MAKERS_SLIP.get((uplink["device"], name))
        told.append((quantity, own or channel, slip[0] if slip else value / scale, when))
    return sorted(told)


def _id(uplink: dict) -> str:
    return f"{uplink['vendor']}-{uplink['device']}-{uplink['f_port']}-{uplink['hex'][:12]}"


@pytest.mark.parametrize("uplink", UPLINKS, ids=_id)
def test_every_uplink_says_what_the_maker_says(uplink):
    found, expected = _decoded(uplink), _expected(uplink)
    assert [(one[0], one[1], one[3]) for one in found] == [
        (one[0], one[1], one[3]) for one in expected
    ]
    for ours, theirs in zip(found, expected, strict=True):
        assert isclose(ours[2], theirs[2], rel_tol=1e-6, abs_tol=1e-12), (ours, theirs)


@pytest.mark.parametrize("uplink", [one for one in UPLINKS if one["normalized"]], ids=_id)
def test_our_quantities_are_those_that_the_maker_normalizes_to(uplink):
    found = {(one[0], one[1]): one[2] for one in _decoded(uplink)}
    ours: dict[str, float] = {}
    for said in uplink["normalized"]["data"]:
        ours |= said.get("air", {})
        if "battery" in said:
            ours["battery"] = said["battery"]
        if "action" in said:
            ours["motion"] = float(said["action"]["motion"]["detected"])
    places = {
        "temperature": ("temperature", ""),
        "relativeHumidity": ("humidity", ""),
        "battery": ("battery_voltage", ""),
        "motion": ("motion", ""),
        # A state: 1 says that there is light, and is no number of lux.
        "lightIntensity": ("light_detected", ""),
    }
    assert ours
    for name, value in ours.items():
        assert found[places[name]] == pytest.approx(value), name


@pytest.mark.parametrize("uplink", UPLINKS, ids=_id)
def test_a_payload_cut_short_is_refused_or_says_a_part_of_it(uplink):
    codec, payload = _codec(uplink), bytes.fromhex(uplink["hex"])
    whole = codec.decode(payload, _port(uplink))
    for size in range(len(payload)):
        try:
            part = codec.decode(payload[:size], _port(uplink))
        except PayloadError:
            continue
        assert {one.quantity for one in part} <= {one.quantity for one in whole}


@pytest.mark.parametrize("uplink", UPLINKS, ids=_id)
def test_an_fport_that_carries_nothing_is_refused(uplink):
    codec = _codec(uplink)
    if codec in mclimate.CODECS:  # the maker does not tie them to one
        return
    with pytest.raises(PayloadError):
        codec.decode(bytes.fromhex(uplink["hex"]), 223)


@settings(max_examples=400)
@given(st.sampled_from(CODECS), st.binary(max_size=48), st.integers(0, 255))
def test_any_bytes_are_read_or_refused(codec, payload, f_port):
    with suppress(PayloadError):
        assert all(isfinite(one.value) for one in codec.decode(payload, f_port))


@settings(max_examples=400)
@given(st.sampled_from(UPLINKS), st.data())
def test_a_changed_byte_is_read_or_refused(uplink, data):
    payload = bytearray.fromhex(uplink["hex"])
    payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    with suppress(PayloadError):
        found = _codec(uplink).decode(bytes(payload), _port(uplink))
        assert all(isfinite(one.value) for one in found)


@pytest.mark.parametrize(
    ("names", "claimed"),
    [
        ("senso8 lrs20100", "arwin-lrs20100"),
        ("lrs2m001 4p3p", "arwin-lrs2m001"),
        ("lrs2m001 4xxx", "arwin-lrs2m001-4xxx"),
        ("laird rs191", "laird-rs1xx"),
        ("ezurio rs1xx temp rh sensor", "laird-rs1xx-climate"),
        ("rs1xx ext temp rtd", "laird-rs1xx-rtd"),
        ("ezurio rs26x int temp sensor", "ezurio-rs26x"),
        ("mclimate vicki trv", "mclimate-vicki"),
        ("mclimate co2 display lite", "mclimate-co2-display-lite"),
        ("mclimate co2 pir lite sensor", "mclimate-co2-pir-lite"),
        ("mclimate ht sensor", "mclimate-ht-sensor"),
        ("ht sensor", None),
        ("co2 sensor", None),
        ("tektelic smart room sensor co2", "tektelic-breeze"),
        ("tektelic kiwi", "tektelic-clover"),
        ("comfort sensor", None),
        ("adeunis temp", "adeunis-temp"),
        ("adeunis comfort co2", None),  # frames of its own
        ("adeunis", None),
        ("wood pellets mr1", None),
    ],
)
def test_names_are_claimed_only_where_the_frame_is_known(names, claimed):
    words = frozenset(names.split())
    assert [one.NAME for one in CODECS if one.matches(words, "")] == ([claimed] if claimed else [])
