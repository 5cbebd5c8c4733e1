import json
from zoneinfo import ZoneInfo

import pytest

from ingest.clock import rfc3339_ns
from ingest.decode import Decoder
from ingest.errors import PayloadError
from ingest.formats import tasmota
from ingest.formats.setup import Setup
from ingest.reading import Envelope, Message, Quality

RECEIVED_NS = rfc3339_ns("2026-11-01T12:00:00Z")


def _decode(
    payload: object, topic: str = "tele/plug/SENSOR", zone: str = "Europe/Berlin"
) -> Message:
    data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return Decoder(ZoneInfo(zone)).decode(Envelope("test", topic, data, RECEIVED_NS))


def _values(payload: object) -> dict[tuple[str, str], float]:
    found = _decode(payload).measurements
    values = {(one.quantity, one.channel): one.value for one in found}
    assert len(values) == len(found), "two values in one place"
    return values


def test_a_metering_plug():
    message = _decode(
        b'{"Time":"2026-07-19T20:52:56","ENERGY":{"TotalStartTime":"2022-03-20T15:20:48",'
        b'"Total":514.153,"Yesterday":1.495,"Today":0.537,"Period":0,"Power":56,'
        b'"ApparentPower":92,"ReactivePower":73,"Factor":0.61,"Voltage":234,"Current":0.392}}'
    )
    assert (message.device, message.format, message.key) == ("plug", "tasmota", None)
    assert message.time_ns == rfc3339_ns("2026-07-19T18:52:56Z")
    assert {one.quantity: one.value for one in message.measurements} == {
        "active_energy_import": 514153.0,
        "active_power": 56.0,
        "apparent_power": 92.0,
        "reactive_power": 73.0,
        "power_factor": 0.61,
        "voltage": 234.0,
        "current": 0.392,
    }
    assert message.state == {"ENERGY.TotalStartTime": "2022-03-20T15:20:48"}


def test_phases_and_the_temperature_of_the_chip():
    assert _values(
        {
            "ENERGY": {
                "Total": [2.813, 0.254],
                "ExportActive": [0.001, 0],
                "TotalTariff": [1.5, 2.5],
                "Power": [52, -5],
                "Voltage": 235,
                "Frequency": 50,
                "NewThing": 7,
                "BL09XX": {"Temperature": 46.5},
            }
        }
    ) == {
        ("active_energy_import", "1"): 2813.0,
        ("active_energy_import", "2"): 254.0,
        ("active_energy_export", "1"): 1.0,
        ("active_energy_export", "2"): 0.0,
        ("active_energy_import", "T1"): 1500.0,
        ("active_energy_import", "T2"): 2500.0,
        ("active_power", "1"): 52.0,
        ("active_power", "2"): -5.0,
        ("voltage", ""): 235.0,
        ("frequency", ""): 50.0,
        ("ENERGY.NewThing", ""): 7.0,
        ("temperature", "chip"): 46.5,
    }


def test_zeros_after_a_start_are_passed_on():
    values = _values({"ENERGY": {"Total": 0, "Power": 0}})
    assert values == {("active_energy_import", ""): 0.0, ("active_power", ""): 0.0}


@pytest.mark.parametrize(
    ("group", "wanted"),
    [
        ({"Total_in": 8.41, "Total_out": 1.001, "Power_curr": -312, "Meter_Number": "0a01"},
         {("active_energy_import", ""): 8410.0, ("active_energy_export", ""): 1001.0,
          ("active_power", ""): -312.0}),
        ({"E_in": 12345.6789, "E_out": 0, "Power": 12},
         {("active_energy_import", ""): 12345678.9, ("active_energy_export", ""): 0.0,
          ("active_power", ""): 12.0}),
        ({"1_8_0": 1.001, "2_8_0": 2, "16_7_0": 5},
         {("active_energy_import", ""): 1001.0, ("active_energy_export", ""): 2000.0,
          ("active_power", ""): 5.0}),
        ({"Power_p1": 1, "Power_p2": 2, "Power_p3": 3, "Volt_p1": 230, "total_in_t1": 7},
         {("active_power", "L1"): 1.0, ("active_power", "L2"): 2.0, ("active_power", "L3"): 3.0,
          ("voltage", "L1"): 230.0, ("active_energy_import", "T1"): 7000.0}),
        ({"energy_wh": 5, "mystery": 6, "Power_curr": 1, "Power": 2},
         {("active_energy_import", ""): 5.0, ("MT.mystery", ""): 6.0, ("active_power", ""): 1.0,
          ("MT.Power", ""): 2.0}),
    ],
)  # fmt: skip
def test_a_meter_with_the_users_own_keys(group, wanted):
    assert _values({"Time": "2026-07-19T20:52:56", "MT": group}) == wanted


def test_two_meters_of_one_reader_have_their_names_as_channels():
    assert _values({"House": {"Total_in": 1}, "Pump": {"Total_in": 2}}) == {
        ("active_energy_import", "House"): 1000.0,
        ("active_energy_import", "Pump"): 2000.0,
    }


@pytest.mark.parametrize(
    ("sensors", "wanted"),
    [
        ({"AM2301": {"Temperature": 20.5, "Humidity": 50, "DewPoint": 9.8}, "TempUnit": "C"},
         {("temperature", ""): 20.5, ("humidity", ""): 50.0, ("dew_point", ""): 9.8}),
        ({"AM2301": {"Temperature": 68, "DewPoint": 50}, "TempUnit": "F"},
         {("temperature", ""): 20.0, ("dew_point", ""): 10.0}),
        ({"BME280": {"Pressure": 1013.2, "SeaPressure": 1020}, "PressureUnit": "hPa"},
         {("pressure", ""): 1013.2, ("BME280.SeaPressure", ""): 1020.0}),
        ({"BME280": {"Pressure": 750}, "PressureUnit": "mmHg"}, {("pressure", ""): 999.9179056125}),
        ({"BME280": {"Pressure": 30}, "PressureUnit": "inHg"}, {("pressure", ""): 1015.916592102}),
        ({"SCD30": {"CarbonDioxide": 612, "eCO2": 600}},
         {("co2", ""): 612.0, ("SCD30.eCO2", ""): 600.0}),
        ({"SDS0X1": {"PM2.5": 3, "PM10": 4}}, {("pm2_5", ""): 3.0, ("pm10", ""): 4.0}),
        ({"BH1750": {"Illuminance": 300}}, {("illuminance", ""): 300.0}),
        ({"SR04": {"Distance": 12}}, {("distance", ""): 0.12}),
        ({"VL53L0X-2": {"Distance": 120}}, {("distance", "2"): 0.12}),
        ({"XYZ": {"Distance": 120}}, {("XYZ.Distance", ""): 120.0}),
        ({"COUNTER": {"C1": 3, "C2": 0, "X": 1}},
         {("pulse_register", "1"): 3.0, ("pulse_register", "2"): 0.0, ("COUNTER.X", ""): 1.0}),
        ({"DS18B20-1": {"Id": "0114", "Temperature": 20.1}}, {("temperature", "1"): 20.1}),
        ({"DS18B20-1": {"Temperature": 20.1}, "DS18B20-2": {"Temperature": 30},
          "AM2301": {"Temperature": 10}},
         {("temperature", "1"): 20.1, ("temperature", "2"): 30.0, ("temperature", ""): 10.0}),
        ({"BME280": {"Temperature": 20}, "AM2301": {"Temperature": 10, "Humidity": 40}},
         {("temperature", "BME280"): 20.0, ("temperature", "AM2301"): 10.0,
          ("humidity", ""): 40.0}),
        ({"BME280": {"Temperature": None}, "AM2301": {"Temperature": 10}},
         {("temperature", "AM2301"): 10.0}),
        ({"Switch1": "ON", "Heap": 25}, {("Heap", ""): 25.0}),
    ],
)  # fmt: skip
def test_sensors(sensors, wanted):
    assert _values(sensors) == wanted


@pytest.mark.parametrize(
    ("topic", "device"),
    [
        ("tele/plug/SENSOR", "plug"),
        ("plug/tele/SENSOR", "plug"),
        ("tele/plant/hall/SENSOR", "plant/hall"),
        ("plant/tele/hall/SENSOR", "plant/hall"),
        ("tele/tele/SENSOR", "tele"),
        ("tele/SENSOR", None),
        ("stat/plug/RESULT", None),
        ("tele/plug/OTHER", None),
        ("tele/plug/INFOx", None),
    ],
)
def test_topics(topic, device):
    assert tasmota.claims(topic, b"", Setup()) is (device is not None)
    if device is not None:
        assert _decode({}, topic).device == device


@pytest.mark.parametrize(
    ("subject", "payload", "state"),
    [
        ("LWT", b"Online", {"lwt": "Online"}),
        ("LWT", b"", {"lwt": None}),
        ("STATE", b'{"Time":"2026-07-19T20:52:56","Vcc":3.4}',
         {"state": {"Time": "2026-07-19T20:52:56", "Vcc": 3.4}}),
        ("INFO1", b'{"Info1":{"Module":"Gosund"}}', {"info1": {"Info1": {"Module": "Gosund"}}}),
        ("STATE", b"\xff", {"state": "\ufffd"}),
    ],
)  # fmt: skip
def test_state_is_no_measurement_and_no_quarantine(subject, payload, state):
    message = _decode(payload, f"tele/plug/{subject}")
    assert (message.measurements, message.state) == ([], state)


@pytest.mark.parametrize(
    ("time", "zone", "wanted"),
    [
        ("2026-07-19T20:52:56", "Europe/Berlin", "2026-07-19T18:52:56Z"),
        ("2026-07-19T20:52:56", "Europe/London", "2026-07-19T19:52:56Z"),
        ("2026-07-19T20:52:56Z", "Europe/Berlin", "2026-07-19T20:52:56Z"),
        ("2026-07-19T20:52:56+05:30", "Europe/Berlin", "2026-07-19T15:22:56Z"),
        ("2026-03-29T02:30:00", "Europe/Berlin", "2026-03-29T01:30:00Z"),
        ("2026-10-25T02:30:00", "Europe/Berlin", "2026-10-25T01:30:00Z"),
    ],
)
def test_time_is_local_unless_it_says_otherwise(time, zone, wanted):
    assert _decode({"Time": time}, zone=zone).time_ns == rfc3339_ns(wanted)


def test_a_clock_that_was_never_set():
    message = _decode({"Time": "1970-01-01T00:00:10", "ENERGY": {"Power": 5}})
    assert message.time_ns == RECEIVED_NS
    assert message.measurements[0].quality is Quality.SUSPECT


@pytest.mark.parametrize(
    ("payload", "rule"),
    [
        (b"", "JSON"),
        (b"nonsense", "JSON"),
        (b"[]", "JSON"),
        (b'{"ENERGY":{"Power":NaN}}', "JSON"),
        (b'{"Time":5}', "Time"),
        (b'{"Time":"soon"}', "time"),
        (b'{"ENERGY":{"Power":1e999}}', "JSON"),
        (b'{"A":{"x":1' + b"0" * 400 + b"}}", "number x"),
        (b'{"A":' + b"[" * 500 + b"]" * 500 + b"}", "nesting"),
    ],
)
def test_broken_messages_are_refused(payload, rule):
    with pytest.raises(PayloadError) as caught:
        _decode(payload)
    assert caught.value.rule == rule
