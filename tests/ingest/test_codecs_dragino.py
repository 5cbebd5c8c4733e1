"""Dragino: the vectors agree with the maker's decoders, and any bytes are read or refused."""

import json
import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.codecs import CODECS, dragino
from ingest.errors import PayloadError

PATH = Path(__file__).resolve().parents[1] / "vectors" / "uplinks_dragino.jsonl"
ROWS = [json.loads(line) for line in PATH.read_text(encoding="utf-8").splitlines()]
BY_NAME = {codec.NAME.removeprefix("dragino-"): codec for codec in dragino.CODECS}

# The maker's field -> (quantity, channel, what ours is for 1 of theirs).
MEANING = {
    "BatV": ("battery_voltage", "", 1), "Bat": ("battery_voltage", "", 1),
    "Bat_V": ("battery_voltage", "", 1), "BAT_V": ("battery_voltage", "", 1),
    "Bat_mV": ("battery_voltage", "", 0.001), "Bat_status": ("Bat_status", "", 1),
    "TempC_SHT": ("temperature", "", 1), "Hum_SHT": ("humidity", "", 1),
    "TempC_DS": ("temperature", "external", 1), "TempC_DS18B20": ("temperature", "probe", 1),
    "temp_DS18B20": ("temperature", "probe", 1),
    "water_SOIL": ("soil_moisture", "", 1), "temp_SOIL": ("temperature", "soil", 1),
    "TEMP_SOIL": ("temperature", "soil", 1), "conduct_SOIL": ("conductivity", "", 1),
    "Soil_dielectric_constant": ("Soil_dielectric_constant", "", 1),
    "Raw_water_SOIL": ("Raw_water_SOIL", "", 1), "Raw_conduct_SOIL": ("Raw_conduct_SOIL", "", 1),
    "PH1_SOIL": ("ph", "soil", 1), "N_SOIL": ("nitrogen", "", 1), "P_SOIL": ("phosphorus", "", 1),
    "K_SOIL": ("potassium", "", 1), "Lidar_distance": ("distance", "", 0.01),
    "Lidar_signal": ("lidar_signal", "", 1), "Lidar_temp": ("temperature", "lidar", 1),
    "Distance": ("distance", "", 0.001),
    **{f"distance{n}_cm": ("distance", str(n), 0.01) for n in range(1, 5)},
    "EXTI_Trigger": ("EXTI_Trigger", "", 1),
    "CO2_ppm": ("co2", "", 1), "TVOC_ppb": ("tvoc", "", 1), "Alarm_status": ("alarm", "", 1),
    "DOOR_OPEN_STATUS": ("door_open", "", 1), "DOOR_OPEN_TIMES": ("door_open_times", "", 1),
    "LAST_DOOR_OPEN_DURATION": ("last_door_open_duration_min", "", 1), "ALARM": ("alarm", "", 1),
    "AVI1_V": ("voltage", "1", 1), "AVI2_V": ("voltage", "2", 1),
    "ACI1_mA": ("current", "1", 0.001), "ACI2_mA": ("current", "2", 0.001),
    **{f"DI{n}_status": ("digital_input", str(n), 1) for n in range(1, 4)},
    **{f"DO{n}_status": ("digital_output", f"DO{n}", 1) for n in range(1, 4)},
    **{f"RO{n}_status": ("digital_output", f"RO{n}", 1) for n in range(1, 3)},
    "Temp_Channel1": ("temperature", "1", 1), "Temp_Channel2": ("temperature", "2", 1),
    **{name: (name, "", 1) for name in ("TDC", "DISALARM", "KEEP_STATUS", "KEEP_TIME",
                                        "TRIGGER_MODE", "Stop_Timer", "Alarm_Timer")},
}  # fmt: skip
WORDS = {"H": 1, "L": 0, "ON": 1, "OFF": 0, "TRUE": 1, "FALSE": 0}
FLAG, MODEL = "a flag of the message itself", "says what the device is"
LEFT_OUT = {
    "Ext": "the kind of the fields that follow",
    "Systimestamp": "the time of the readings, tested for itself",
    **dict.fromkeys(("Hardware_flag", "Interrupt_flag", "Sensor_flag", "Message_type"), FLAG),
    **dict.fromkeys(("i_flag", "s_flag", "mes_type", "Mod", "MOD"), FLAG),
    **dict.fromkeys(("Work_mode", "Ext_sensor"), FLAG),
    **dict.fromkeys(("Hardware_mode", "Node_type", "Sensor_Model"), MODEL),
    **dict.fromkeys(("Firmware_Version", "Freq_Band", "Sub_Band"), MODEL),
}
NO_SENSOR = 327.67
# The LHT52's settings as a weather station's: a type 0x0b of 136 bytes, of which 4 are there. The
# maker's decoder reads two of them, since it never looks at the length.
NO_WEATHER = "wsc1-l"
# Four bytes: the maker's decoder tells no battery, but has it in the same place in all payloads.
NO_DISTANCE = "ldds20"


def _codec(row):
    words = frozenset(row["device"].split("-"))
    return next(one for one in dragino.CODECS if one.matches(words, ""))


def _values(name, text, f_port=2):
    found = BY_NAME[name].decode(bytes.fromhex(text), f_port)
    values = {(one.quantity, one.channel): one.value for one in found}
    assert len(values) == len(found)
    return {(q if not c else f"{q}:{c}"): value for (q, c), value in values.items()}


def _is_refused(row):
    return bool(row["expected"].get("errors")) or row["device"] == NO_WEATHER


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['device']} {row['f_port']}")
def test_every_vector(row):
    payload = bytes.fromhex(row["hex"])
    if _is_refused(row):
        with pytest.raises(PayloadError):
            _codec(row).decode(payload, row["f_port"])
        return
    found = _codec(row).decode(payload, row["f_port"])
    if row["device"] == NO_DISTANCE:
        assert [one[:2] for one in found] == [("battery_voltage", 3.612)]
        return
    ours = {(one.quantity, one.channel): one.value for one in found}
    for name, told in row["expected"]["data"].items():
        if name in LEFT_OUT:
            continue
        quantity, channel, factor = MEANING[name]
        number = float(WORDS.get(told, told))
        if number == NO_SENSOR:
            assert (quantity, channel) not in ours
        else:
            value = ours.pop((quantity, channel))
            assert math.isclose(value, number * factor, rel_tol=1e-6, abs_tol=1e-12), name
    assert not ours


def test_the_normalized_values_of_the_vectors():
    by_device = {}
    for row in ROWS:
        if row["normalized"]:
            found = _codec(row).decode(bytes.fromhex(row["hex"]), row["f_port"])
            ours = {(one.quantity, one.channel): one.value for one in found}
            by_device[row["device"], row["f_port"]] = row["normalized"]["data"], ours
    air, soil = (by_device["lse01", 2][0][0][part] for part in ("air", "soil"))
    ours = by_device["lse01", 2][1]
    assert ours["temperature", "probe"] == air["temperature"]
    assert ours["temperature", "soil"] == soil["temperature"]
    assert ours["soil_moisture", ""] == soil["moisture"]
    assert ours["conductivity", ""] == soil["ec"] * 1000
    assert ours["battery_voltage", ""] == by_device["lse01", 2][0][0]["battery"]
    # LHT52: an absent probe is 327.67 degrees outdoors to the maker, and its battery's mV are V.
    indoors, ours = by_device["lht52", 2][0][0]["air"], by_device["lht52", 2][1]
    assert ours == {
        ("temperature", ""): indoors["temperature"],
        ("humidity", ""): indoors["relativeHumidity"],
    }
    told, ours = by_device["lht52", 5]
    assert ours == {("battery_voltage", ""): told[0]["battery"] / 1000}
    assert len(by_device) == 3


def test_every_vector_has_one_codec_which_the_registry_finds():
    for row in ROWS:
        words = frozenset(("dragino", *row["device"].split("-")))
        claimed = [one for one in CODECS if one.matches(words, "a840410000000001")]
        assert claimed == [_codec(row)]
    assert len(ROWS) == 30


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("lht65", "LHT65N E31F"), ("lht65", "LHT65N PIR"),
        ("lht65n-vib", "LHT65N VIB"), ("lsn50", "LSN50 v2"),
        ("lsn50", "LSN50v2 S31"), ("lsn50v2-d2x", "LSN50v2 D23"), ("d2x", "D20 LB"),
        ("s31", "S31B LB"), ("sn50v3", "SN50 v3 LB"), ("lt-22222-l", "LT 33222 L"),
        ("cpl03", "CPL01 LB"), ("cpl01", "CPL01"), ("lwl03a", "WL03A LS"), ("ps", "PS LB"),
        ("lse01-121", "lse01 121"), ("lse01", "lse01 114"), ("se01", "SE01 LB"),
        ("dds75-3", "DDS75 3 LB"), ("dds", "DDS75 LB"), ("lwl02", "LWL01"),
    ],
)  # fmt: skip
def test_names_of_models(name, words):
    claimed = [one for one in CODECS if one.matches(frozenset(words.lower().split()), "")]
    assert claimed[0] is BY_NAME[name]


@pytest.mark.parametrize(
    "words",
    ["ps", "se01", "s31", "d20", "22222", "lt", "RS485 LN", "LTC2 LB", "DDS75 NB", "lds40"],
)
def test_names_that_are_not_claimed(words):
    named = frozenset(words.lower().split())
    assert not [one for one in dragino.CODECS if one.matches(named, "")]


def test_the_devices_own_time_is_that_of_the_readings():
    found = BY_NAME["lht52"].decode(bytes.fromhex("08cd02207fff0161cd4edd"), 2)
    assert {one.time_ns for one in found} == {1640845021 * 10**9}
    unset = BY_NAME["lht52"].decode(bytes.fromhex("08cd02207fff0100000e10"), 2)
    assert {one.time_ns for one in unset} == {None}


def test_the_manuals_temperatures_below_zero():
    assert _values("lht52", "f5c602207fff0161cd4edd")["temperature"] == pytest.approx(-26.18)
    soil = "0d3b00f107a5{}006400"
    assert _values("lse01", soil.format("0105"))["temperature:soil"] == 2.61
    assert _values("lse01", soil.format("ff7e"))["temperature:soil"] == -1.29
    assert _values("wsc1-l", "0602fff5")["temperature"] == pytest.approx(-1.0)


def test_external_sensors_of_lht65():
    head = "cbc6008200f2"
    assert _values("lht65", head + "0800010203")["pulse_register:external"] == 66051
    assert _values("lht65", head + "05012c7fff")["illuminance:external"] == 300
    assert _values("lht65", head + "0605dc7fff")["voltage:external"] == 1.5
    assert _values("lht65", head + "0401017fff")["digital_input:external"] == 1
    both = _values("lht65", head + "0b0abe01f4")
    assert (both["temperature:external"], both["humidity:external"]) == (27.5, 50.0)
    assert _values("lht65", "cbc628ff64010f1b16030e") == {"battery_voltage": 3.014, "Bat_status": 3}
    with pytest.raises(PayloadError, match="kind that is documented"):
        _values("lht65", head + "037fff7fff")


def test_an_external_sensor_of_lht65_that_is_gone_tells_nothing():
    assert "temperature:external" in _values("lht65", "cbc6008200f2010abeffff")
    assert "temperature:external" not in _values("lht65", "cbc6008200f2810abeffff")


def test_lht65_with_its_own_time():
    found = BY_NAME["lht65"].decode(bytes.fromhex("0abe0082c0f20961cd4edd"), 2)
    assert [one[:3] for one in found] == [
        ("temperature", 27.5, "external"),
        ("temperature", 1.3, ""),
        ("humidity", 24.2, ""),
        ("Bat_status", 3.0, ""),
    ]
    assert {one.time_ns for one in found} == {1640845021 * 10**9}


@pytest.mark.parametrize("f_port", [2, 3])
def test_a_log_of_lht65_as_its_manual_has_it(f_port):
    text = "7fff0898014641600660f7" + "7fff088e014b4160066169"
    found = BY_NAME["lht65"].decode(bytes.fromhex(text), f_port)
    assert [(one.quantity, one.value, one.time_ns) for one in found] == [
        ("temperature", 22.0, 0x600660F7 * 10**9),
        ("humidity", 32.6, 0x600660F7 * 10**9),
        ("temperature", 21.9, 0x60066169 * 10**9),
        ("humidity", 33.1, 0x60066169 * 10**9),
    ]
    assert BY_NAME["lht65"].decode(bytes(11), f_port) == []


def test_logs_are_refused_where_an_entry_has_no_time_or_is_none():
    entry = "7fff08980146{}{}"
    with pytest.raises(PayloadError, match="time"):
        BY_NAME["lht65"].decode(bytes.fromhex(entry.format("41", "00000000")), 3)
    with pytest.raises(PayloadError, match="entry"):
        BY_NAME["lht65"].decode(bytes.fromhex(entry.format("01", "600660f7")), 3)
    with pytest.raises(PayloadError, match="entries of 11 bytes"):
        BY_NAME["lht65"].decode(b"", 3)


def test_log_of_lht52_has_the_external_sensor_first():
    values = _values("lht52", "0abe08cd02200161cd4edd", 3)
    assert values == {"temperature:external": 27.5, "temperature": 22.53, "humidity": 54.4}


def test_ltc2_without_a_probe_and_as_a_log():
    assert _values("ltc2", "0e3c010a22800161cd4edd") == {
        "battery_voltage": 3.644,
        "temperature:1": 25.94,
    }
    log = "0e64410b49800160a06ee8" + "0e61410b3f800160a07398"
    found = BY_NAME["ltc2"].decode(bytes.fromhex(log), 2)
    told = [(one.value, one.time_ns) for one in found if one.quantity == "temperature"]
    assert told == [(28.89, 0x60A06EE8 * 10**9), (28.79, 0x60A07398 * 10**9)]
    resistance = _values("ltc2", "0e3c032b1c2b1c61cd4edd")
    assert (resistance["Res_Channel1"], resistance["Res_Channel2"]) == (110.36, 110.36)


def test_distances_that_are_none():
    for millimetres, size in (("0000", 8), ("0014", 8), ("0013", 5), ("0014", 5)):
        text = ("0d0a" + millimetres + "00000000")[: 2 * size]
        assert "distance" not in _values("ldds", text)
    assert _values("ldds", "0d0a07e900")["distance"] == 2.025
    assert _values("ldds", "8d0a07e900000001")["battery_voltage"] == 3.338


def test_four_soil_probes():
    values = _values("se0x", "0ce400f10a" + "07a5ff7e0064" + "0" * 12 + "03e8010501f4" + "0" * 12)
    assert values == {
        "battery_voltage": 3.3, "temperature:probe": 24.1,
        "soil_moisture:1": 19.57, "temperature:1": -1.29, "conductivity:1": 100,
        "soil_moisture:3": 10.0, "temperature:3": 2.61, "conductivity:3": 500,
    }  # fmt: skip
    raw = _values("se0x", "0ce400f188" + "0376010add7f" + "0" * 36)
    assert raw["Soil_dielectric_constant:1"] == 88.6
    assert len(raw) == 5


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['device']} {row['hex'][:8]}")
def test_a_cut_payload_is_refused_or_is_a_shorter_frame(row):
    codec, payload = _codec(row), bytes.fromhex(row["hex"])
    shorter = {"dragino-ldds": {4, 5}}.get(codec.NAME, set())
    for size in set(range(len(payload))) - shorter:
        with pytest.raises(PayloadError):
            codec.decode(payload[:size], row["f_port"])


@settings(max_examples=400)
@given(
    st.sampled_from(dragino.CODECS),
    st.one_of(st.binary(max_size=24), st.binary(min_size=11, max_size=11)),
    st.data(),
)
def test_any_bytes_are_read_or_refused(codec, noise, data):
    f_port = data.draw(st.one_of(st.sampled_from(sorted(codec.ports)), st.integers(0, 255)))
    try:
        found = codec.decode(noise, f_port)
    except PayloadError:
        return
    assert all(math.isfinite(one.value) for one in found)
    inner = {"TIME", "MOD", "pulses", "probe", "range", "upper", "lower", "period", "high", "in_ms"}
    assert not inner & {one.quantity for one in found}
