"""MClimate, TEKTELIC, Adeunis and Pallidus: what the examples of their codecs say, beyond the
vectors, and what is refused.
"""

import pytest

from ingest.codecs import CODECS_BY_NAME
from ingest.errors import PayloadError


def _found(codec: str, payload: str, f_port: int):
    return CODECS_BY_NAME[codec].decode(bytes.fromhex(payload), f_port)


def _values(codec: str, payload: str, f_port: int) -> dict[tuple[str, str], float]:
    found = _found(codec, payload, f_port)
    values = {(one.quantity, one.channel): one.value for one in found}
    assert len(values) == len(found)
    return values


def _holds(values: dict[tuple[str, str], float], expected: dict[str, float]) -> None:
    for place, value in expected.items():
        quantity, _, channel = place.partition(":")
        assert values[quantity, channel] == pytest.approx(value), place


# MClimate: the examples of its codec files.


@pytest.mark.parametrize(
    ("codec", "payload", "expected"),
    [
        (
            "mclimate-ht-pir-lite",
            "8102797de201",
            {
                "occupancy": 0,
                "temperature": 23.3,
                "humidity": 48.83,
                "battery_voltage": 3.55,
                "pirTriggerCount": 1,
            },
        ),
        (
            "mclimate-ht-pir-lite",
            "39003c120a8106797de201",
            {"occupancyTimeout": 60, "keepAliveTime": 10, "temperature": 23.3, "occupancy": 1},
        ),
        (
            "mclimate-pir-mini",
            "0102888002f1c80101af",
            {
                "temperature": 24.8,
                "humidity": 50,
                "illuminance": 753,
                "battery_voltage": 3.33,
                "occupancy": 1,
                "pirTriggerCount": 431,
            },
        ),
        ("mclimate-pir-mini", "3a0102809903e1cc010012", {"humidity": 59.77, "pirTriggerCount": 18}),
        ("mclimate-16ads", "011c01", {"temperature:internal": 28, "relayState": 1}),
        ("mclimate-16ads", "018500", {"temperature:internal": -5, "relayState": 0}),
        ("mclimate-co2-sensor", "120a010271027384ed", {"keepAliveTime": 10, "co2": 625}),
        (
            "mclimate-wireless-thermostat",
            "810267980c3000d701029100",
            {"targetTemperature": 21.5, "powerSourceStatus": 1, "illuminance": 657, "motion": 0},
        ),
        ("mclimate-ht-sensor", "01027473f100fa", {"temperature:thermistor": 25.0}),
        (
            "mclimate-button",
            "01ed00fa02",
            {"battery_voltage": 3.5, "temperature:thermistor": 25, "pressEvent": 2},
        ),
        (
            "mclimate-open-close",
            "20ed0400000102" + "01",
            {"event": 32, "counter": 258, "status": 1, "thermistorProperlyConnected": 0},
        ),
        ("mclimate-melissa", "01150000ea600064e6", {"active_power": 100, "voltage": 230}),
        ("mclimate-flood-sensor", "42e1", {"water_leak": 1, "battery_voltage": 3.6, "reason": 2}),
        ("mclimate-flood-sensor", "1200" + "3c00e114", {"keepAliveTime": 60, "temperature": 20}),
        ("mclimate-t-valve", "28c6", {"temperature:water": 20, "valveState": 1, "temperature": 25}),
        ("mclimate-t-valve", "4a800506ed", {"boxTamper": 1, "water_leak": 1, "closeTime": 5}),
    ],
)
def test_mclimate_reads_reports_and_answers_before_them(codec, payload, expected):
    _holds(_values(codec, payload, 2), expected)


def test_mclimate_vicki_measures_temperature_in_two_ways():
    assert _values("mclimate-vicki", "811d8c78fa2c01f080", 2)["temperature", ""] == 19.71
    assert _values("mclimate-vicki", "011d2078fa2c01f080", 2)["temperature", ""] == -19.38
    # the valve is told as closed where the motor has no range yet
    assert _values("mclimate-vicki", "011d5a7800000000" + "80", 2)["valveOpenness", ""] == 0


def test_mclimate_tells_no_light_where_the_sensor_is_off_and_no_probe_where_there_is_none():
    off = _values("mclimate-pir-mini", "01028880ffffc80101af", 2)
    assert ("illuminance", "") not in off
    assert ("temperature", "thermistor") not in _values("mclimate-button", "01ed04fa02", 2)


def test_mclimate_answers_may_come_alone():
    assert _values("mclimate-fan-coil-thermostat", "120a", 2) == {("keepAliveTime", ""): 10}


@pytest.mark.parametrize(
    ("codec", "payload"),
    [
        ("mclimate-vicki", "ff1d5a78fa2c01f080"),
        ("mclimate-vicki", "011d5a78fa2c01f08000"),
        ("mclimate-vicki", "12"),
        ("mclimate-flood-sensor", "00"),
        ("mclimate-flood-sensor", "ff0000e114"),
        ("mclimate-co2-sensor", ""),
    ],
)
def test_mclimate_refuses_what_it_does_not_know(codec, payload):
    with pytest.raises(PayloadError):
        _found(codec, payload, 2)


# TEKTELIC


@pytest.mark.parametrize(
    ("codec", "payload", "f_port", "expected"),
    [
        (
            "tektelic-smart-room",
            "00ff012c" + "010001" + "0502fc18" + "0900ff" + "0b67ff38" + "0d040003",
            10,
            {
                "battery_voltage": 3.0,
                "reed_state": 1,
                "acceleration_g:magnitude": -1,
                "water_leak": 1,
                "temperature:mcu": -20,
                "motion_event_count": 3,
            },
        ),
        ("tektelic-smart-room", "0e10000a", 10, {"duration_total:14": 10}),
        ("tektelic-breeze", "0ee401f4" + "11d350" + "10020064", 10, {"co2:raw": 500}),
        (
            "tektelic-industrial-transceiver",
            "0500ff" + "06022710" + "07021388" + "0804000a",
            10,
            {"digital_input:1": 1, "input_2": 0.01, "input_3": 5, "input_1_count": 10},
        ),
        ("tektelic-sparrow", "00bad0" + "0067ffec", 10, {"eos_alert": 1, "battery_voltage": 3.3}),
        ("tektelic-sparrow", "0a" + "a0b3ccd358e6" + "a4", 25, {"rssi:a0b3ccd358e6": -92}),
        (
            "tektelic-sparrow",
            "b1" + "010203" + "c4" + "040506" + "b0",
            25,
            {"rssi:010203": -60, "rssi:040506": -80},
        ),
        ("tektelic-stork", "00d364" + "00bd0100", 10, {"battery_level": 100, "rem_batt_days": 256}),
        ("tektelic-clover", "0a71fc18000003e8" + "0d732710", 10, {"acceleration_g:z": 1}),
        ("tektelic-breeze", "2000000e10" + "260001", 100, {"ticks_per_co2": 1}),
        (
            "tektelic-edoctor",
            "ea" + "8c" + "10" + "8305" + "85" + "48" + "0000",
            10,
            {
                "battery_level": 92.17,
                "temperature:body": 37,
                "respiratory_rate": 16,
                "ua_mode_active": 1,
                "ce": 3,
                "csc": 5,
                "af": 1,
                "position": 5,
                "heart_rate": 72,
            },
        ),
    ],
)
def test_tektelic_reads_records_registers_and_beacons(codec, payload, f_port, expected):
    _holds(_values(codec, payload, f_port), expected)


def test_tektelic_answers_to_writes_carry_nothing():
    assert _values("tektelic-stork", "0500" + "060120", 101) == {}
    with pytest.raises(PayloadError):
        _found("tektelic-stork", "0502", 101)


@pytest.mark.parametrize(
    ("codec", "payload", "f_port"),
    [
        ("tektelic-smart-room", "036700", 10),
        ("tektelic-breeze", "036700e0" + "7777", 10),
        ("tektelic-stork", "0ab3", 25),  # it lists no beacons
        ("tektelic-sparrow", "0aa0b3", 25),
        ("tektelic-sparrow", "77", 25),
        ("tektelic-edoctor", "ea8c", 10),
        ("tektelic-clover", "", 10),
    ],
)
def test_tektelic_refuses_what_it_does_not_know(codec, payload, f_port):
    with pytest.raises(PayloadError):
        _found(codec, payload, f_port)


# Adeunis


@pytest.mark.parametrize(
    ("codec", "payload", "expected"),
    [
        (
            "adeunis-comfort",
            "4c20" + "00fa32" + "fff63c",
            {"temperature": 25, "humidity": 50, "temperature:t-1": -1, "humidity:t-1": 60},
        ),
        ("adeunis-comfort", "4d20" + "10" + "01f432", {"alarmTemperature": 1, "alarmHumidity": 0}),
        (
            "adeunis-delta-p",
            "5320" + "0064" + "ff9c",
            {"differential_pressure": 100, "differential_pressure:t-1": -100},
        ),
        ("adeunis-temp", "5730" + "00fa0032" + "00f00028", {"temperature:2.t-1": 4}),
        ("adeunis-temp", "5830" + "0100fa" + "020032", {"alarmStatus:2": 2, "temperature:2": 5}),
        ("adeunis-temp", "4300" + "0200fa" + "120032", {"temperature:1": 25, "temperature:2": 5}),
        (
            "adeunis-analog",
            "4220" + "01" + "1e8480" + "02" + "061a80",
            {"analog_volts:A": 2, "analog_milliamperes:B": 4},
        ),
        (
            "adeunis-dry-contacts",
            "4020" + "0001" + "0002" + "0003" + "0004" + "41",
            {"pulse_count:D": 4, "contact:A": 1, "contact:B": 0, "contact:D": 1},
        ),
        ("adeunis-pulse", "4622" + "00015c4f" + "0000f74a", {"pulse_register:A": 89167}),
        ("adeunis-pulse", "3020" + "15" + "00c80064000a0005", {"last24hMax:A": 200}),
        ("adeunis-motion", "4e20" + "0005" + "000332", {"globalCounterValue": 5, "luminosity": 50}),
        ("adeunis-motion", "5120" + "01" + "00000010" + "0002", {"digital_input:1": 1}),
        ("adeunis-motion", "5d22" + "0132", {"alarmPresence": 1, "low_battery": 1}),
    ],
)
def test_adeunis_reads_the_frames_of_its_codecs(codec, payload, expected):
    _holds(_values(codec, payload, 1), expected)


def test_adeunis_gives_the_newest_value_the_time_that_stands_at_the_end():
    found = _found("adeunis-temp", "5704" + "00fa" + "00f0" + "00000e10", 1)
    told = {one.channel: one.time_ns for one in found if one.quantity == "temperature"}
    assert told == {"1": (1_356_998_400 + 3600) * 10**9, "1.t-1": None}


def test_adeunis_tells_nothing_of_a_probe_that_is_not_there():
    assert ("temperature", "1") not in _values("adeunis-temp", "4300" + "028000" + "120032", 1)
    assert ("temperature", "2") not in _values("adeunis-temp", "4300" + "0100fa" + "100032", 1)
    assert not any(
        one.startswith("analog") for one, _ in _values("adeunis-analog", "4220" + "00" * 8, 1)
    )


@pytest.mark.parametrize(
    ("codec", "payload", "f_port"),
    [
        ("adeunis-motion", "5c80011e320020", 2),
        ("adeunis-motion", "5c80011e3200", 1),
        ("adeunis-motion", "5c8001", 1),
        ("adeunis-motion", "ff80", 1),
        ("adeunis-temp", "5804" + "0100fa", 1),
        ("adeunis-pulse", "46220001", 1),
    ],
)
def test_adeunis_refuses_what_it_does_not_know(codec, payload, f_port):
    with pytest.raises(PayloadError):
        _found(codec, payload, f_port)


# Pallidus


def test_pallidus_reads_both_kinds_of_message():
    found = _values(
        "pallidus-mr1", "26" + "14a6f2f9" + "34" + "aa3d" + "1600" + "61a8" + "8000" + "f800", 2
    )
    _holds(
        found,
        {
            "co2": 40_000 * 2621 / 4096 / 32,
            "temperature": 22,
            "pressure": 1000,
            "humidity": 50.00076,
            "irradiance.White": 2.0**23,
        },
    )
    assert _values("pallidus-mr1", "36" + "14a6f2f9" + "20" + "3f8000", 2)["illuminance", ""] == 1.5
    assert _values("pallidus-mr1", "00", 3) == {}  # an answer


@pytest.mark.parametrize(
    ("payload", "f_port"),
    [
        ("3614a6f2f9", 2),
        ("3614a6f2f9013b", 2),
        ("3614a6f2f9013b2c00", 2),
        ("3614a6f2f980de", 2),
        ("3614a6f2f9207f0000", 2),  # an infinite light
        ("00", 4),
        ("3614a6f2f900", 5),
    ],
)
def test_pallidus_refuses_what_it_does_not_know(payload, f_port):
    with pytest.raises(PayloadError):
        _found("pallidus-mr1", payload, f_port)
