"""Dragino: what its manuals and decoders say of models and modes that no vector shows."""

import pytest

from ingest.codecs import dragino
from ingest.errors import PayloadError

BY_NAME = {codec.NAME.removeprefix("dragino-"): codec for codec in dragino.CODECS}


def _values(name, text, f_port=2):
    found = BY_NAME[name].decode(bytes.fromhex(text), f_port)
    values = {(one.quantity, one.channel): one.value for one in found}
    assert len(values) == len(found)
    return {(q if not c else f"{q}:{c}"): value for (q, c), value in values.items()}


def test_lidar_and_its_log():
    assert _values("lds12", "0d5c00eb0b1801b103fb01")["temperature:lidar"] == -5
    log = _values("lds12", "02000b1801b1fb61cd4edd", 3)
    assert log == {
        "EXTI_Trigger": 0, "digital_input": 1, "distance": 2.84, "lidar_signal": 433,
        "temperature:lidar": -5,
    }  # fmt: skip


def test_leaf_and_earth():
    leaf = _values("lms01", "0d2300f101f4fff5000001")
    assert (leaf["Leaf_Moisture"], leaf["temperature:leaf"]) == (50.0, -1.0)
    assert _values("sph01", "0d2300f10254fff5000001")["temperature:soil"] == -1.0
    three = _values("dds75-3", "0ce400f1" + "03e807d00bb8" + "10")
    assert [three[f"distance:{n}"] for n in (1, 2, 3)] == [1.0, 2.0, 3.0]
    four = _values("dds04", "4ce403160318031a031501")
    assert (four["exti_trigger"], four["digital_input"]) == (1, 0)
    assert _values("trackerd", "4ce465", 7)["alarm"] == 1


def test_distance_log():
    found = BY_NAME["dds"].decode(bytes.fromhex("0d0a07e900eb0161cd4edd"), 3)
    assert [one[:4] for one in found] == [
        ("battery_voltage", 3.338, "", 1640845021 * 10**9),
        ("distance", 2.025, "", 1640845021 * 10**9),
        ("temperature", 23.5, "probe", 1640845021 * 10**9),
    ]


def test_answers_to_commands_tell_nothing():
    assert _values("ldds04", "034a03160318031a031502") == {}
    assert len(_values("ldds04", "0d4a03160318031a031502")) == 6
    assert _values("llds12", "0d5c00000b1801b1001e02") == {}


def test_limits_of_laq4():
    values = _values("laq4", "0d077c0a230a5a000005dc")
    assert values == {
        "SHTEMPMIN": 10, "SHTEMPMAX": 35, "SHTHUMMIN": 10, "SHTHUMMAX": 90, "CO2MIN": 0,
        "CO2MAX": 1500,
    }  # fmt: skip


def test_vibration_counts_are_of_four_bytes():
    assert _values("lht65n-vib", "0ce4050001020300000002") == {
        "battery_voltage": 3.3, "alarm": 1, "vib_count": 66051, "operating_time": 120,
    }  # fmt: skip
    mode_2 = _values("lht65n-vib", "0ce4080000000508cd0220")
    assert (mode_2["temperature"], mode_2["humidity"]) == (22.53, 54.4)


def test_doors_leaks_and_both():
    leak = _values("lwl02", "4b880200000500001101", 10)
    assert leak == {
        "battery_voltage": 2.952, "water_leak": 1, "water_leak_times": 5,
        "last_water_leak_duration_min": 17,
    }  # fmt: skip
    both = _values("lds02", "cb880300000000000000", 10)
    assert (both["door_open"], both["water_leak"], both["alarm"]) == (1, 1, 0)


def test_doors_with_a_time_and_their_log():
    live = "03000005000011" + "61cd4edd"
    values = _values("lds03a", live)
    assert values == {
        "door_open": 1, "alarm": 1, "door_open_times": 5, "last_door_open_duration": 17,
    }  # fmt: skip
    found = BY_NAME["lds03a"].decode(bytes.fromhex(live * 2), 3)
    assert len(found) == 8
    assert {one.time_ns for one in found} == {1640845021 * 10**9}
    two = _values("ds03a", live + "02000007000009")
    assert (two["door_open:1"], two["door_open:2"], two["door_open_times:2"]) == (1, 0, 7)
    assert _values("lwl03a", live)["water_leak"] == 1


def test_pulses_of_cpl01_and_cpl03():
    closed = _values("cpl01", "0600000500001161cd4edd")
    assert closed == {
        "contact": 1, "alarm": 1, "CALCULATE_FLAG": 1, "pulse_register": 5,
        "last_disconnect_duration": 17,
    }  # fmt: skip
    assert _values("cpl01", "0100000500001161cd4edd")["contact"] == 0
    three = _values("cpl03", "0800000100000200000305")
    assert [three[f"pulse_register:{pin}"] for pin in ("pa8", "pa4", "pb15")] == [1, 2, 3]
    assert [three[f"roc_flag:{pin}"] for pin in ("pa8", "pa4", "pb15")] == [1, 0, 1]
    assert _values("cpl03", "2800000100000200000305")["pulse_count:pa8"] == 1
    assert _values("cpl03", "2000000100000261cd4edd")["pulse_count"] == 1
    edges = _values("cpl03", "24", 7)
    assert (edges["contact:pa4"], edges["EXTI_Trigger:pb15"], edges["contact:pa8"]) == (1, 1, 0)
    with pytest.raises(PayloadError):
        _values("cpl03", "0800000100000261cd4edd", 3)


def test_water_of_sw3l():
    total = _values("sw3l", "02000011d700ff61cd4edd")
    assert total == {
        "alarm": 1, "calculate_flag": 0, "pulse_register": 4567, "water_volume": 0.0101,
    }  # fmt: skip
    last = _values("sw3l", "00000011d701ff61cd4edd")
    assert (last["pulse_count"], last["Water_flow_value"]) == (4567, 10.1)
    wider = _values("sw3l", "04000011d700ff61cd4edd")
    assert "water_volume" not in wider
    found = BY_NAME["sw3l"].decode(bytes.fromhex("0000ff" + "000011d7" + "61cd4edd"), 3)
    assert ("pulse_register", 4567.0) in [one[:2] for one in found]


def test_modes_of_the_controllers():
    count = _values("lt-22222-l", "fffffffe00000002a3ff42")
    assert (count["pulse_register:1"], count["pulse_register:2"]) == (0xFFFFFFFE, 2)
    assert (count["digital_output:DO1"], count["digital_output:DO2"]) == (0, 0)
    assert (count["digital_output:RO1"], count["digital_output:RO2"]) == (1, 0)
    assert count["First_status"] == 1
    loops = _values("lt-22222-l", "000000051310130000ff43")
    assert (loops["pulse_register:1"], loops["current:1"]) == (5, 0.00488)
    assert _values("lt-22222-l", "000000050000000900ff44")["pulse_register:AVI"] == 9
    mixed = _values("lt-22222-l", "04abfb54131000070cff45")
    assert (mixed["voltage:2"], mixed["pulse_register:1"]) == (-1.196, 7)
    trigger = _values("lt-22222-l", "80400a0000000000000146")
    on = {name for name, value in trigger.items() if value}
    assert on == {"AV1L_flag", "AV1H_status", "DI2_status", "DI1_status", "Mode_status"}
    with pytest.raises(PayloadError):
        _values("lt-22222-l", "80400a0000000000000181")


def test_pressure_probes():
    depth = _values("ps", "0ce400051388000000")
    assert depth["level"] == pytest.approx(0.3125)
    assert (depth["current"], depth["battery_voltage"]) == (0.005, 3.3)
    gauge = _values("ps", "0ce401011388138804")
    assert gauge["pressure"] == pytest.approx(375)  # 0.0375 MPa
    assert (gauge["voltage"], gauge["digital_input:IN2"]) == (5.0, 1)
    assert _values("ps", "0ce401080fa0000000")["pressure"] == 0
    assert _values("ps", "0ce401092ee0000000")["pressure"] == 0
    assert "pressure" not in _values("ps", "0ce401090fa0000000")
    assert _values("ps", "0ce4020a32c8000000")["differential_pressure"] == pytest.approx(12.5)
    assert _values("ps", "0ce40205138800000000010000")["pulse_register"] == 65536
    assert _values("ps", "0005138800000061cd4edd", 3)["level"] == pytest.approx(0.3125)


def test_weather_station():
    values = _values(
        "wsc1-l",
        "0002014e" "0103002a03" "02030e1008" "0302012c" "040101" "05020190"
        "060200fb" "070201b3" "08022774" "09020005" "0a02000c" "0b020010" "0c020064"
        "0d020bb8" "a1021234",
    )  # fmt: skip
    assert values == {
        "battery_voltage": pytest.approx(334 / 30), "wind_speed": 4.2, "wind_speed_level": 3,
        "wind_direction": 360.0, "illuminance": 3000, "rain_snow": 1, "co2": 400,
        "temperature": 25.1, "humidity": 43.5, "pressure": 1010.0, "rain_gauge": 0.5,
        "pm2_5": 12, "pm10": 16, "PAR": 100, "solar_irradiance": 300.0, "A1": 0x1234,
    }  # fmt: skip


def test_trackers():
    place = "0158d7d5" + "06cb3f0c"
    values = _values("lgt92", place + "4ce4" + "65" + "ff9c" + "0064" + "78" + "04b0")
    assert values["latitude"] == pytest.approx(22.599637)
    assert values["longitude"] == pytest.approx(113.983244)
    assert (values["alarm"], values["battery_voltage"], values["MD"]) == (1, 3.3, 1)
    assert (values["Roll"], values["Pitch"], values["hdop"]) == (-1.0, 1.0, 1.2)
    assert values["altitude"] == 12.0
    for nowhere in ("0000000000000000", "0fffffff0fffffff"):
        assert "latitude" not in _values("lgt92", nowhere + "0ce465ff9c0064")
    equator = _values("trackerd", "00000000" + "06cb3f0c" + "0ce4" + "30", 3)
    assert (equator["latitude"], equator["Transport"]) == (0, 1)
    inside = _values("trackerd", place + "0ce4" + "30" + "0220" + "ff9c")
    assert (inside["humidity"], inside["temperature"]) == (54.4, -10.0)


NODE = "0ce400eb04d2"  # 3.3 V, 23.5 degrees, 1.234 V


def test_modes_of_lsn50():
    air = _values("lsn50", NODE + "83" + "00fb01b3")
    assert air == {
        "battery_voltage": 3.3, "temperature:1": 23.5, "voltage:ch0": 1.234,
        "digital_input": 1, "EXTI_Trigger": 1, "contact": 1, "temperature": 25.1, "humidity": 43.5,
    }  # fmt: skip
    assert _values("lsn50", NODE + "00" + "012c0000")["illuminance"] == 300
    assert _values("lsn50", NODE + "00" + "7fffffff").keys() == air.keys() - {
        "temperature",
        "humidity",
    }
    far = _values("lsn50", NODE + "04" + "0316ffff")
    assert far["distance"] == 0.79
    assert "Distance_signal_strength" not in far
    assert "distance" not in _values("lsn50", NODE + "04" + "00000001")
    inputs = _values("lsn50", "03e807d00bb8" + "08" + "00fb01b321")
    assert (inputs["voltage:ch1"], inputs["battery_voltage"]) == (2.0, 3.3)
    probes = _values("lsn50", NODE + "0c" + "ff9c7fff")
    assert probes["temperature:2"] == -10.0
    assert "temperature:3" not in probes
    assert _values("lsn50", NODE + "10" + "2345fffe")["Weight"] == -0x20000 + 0x2345
    assert _values("lsn50", NODE + "14" + "fffffffe")["pulse_register"] == 0xFFFFFFFE
    edges = _values("lsn50", NODE + "98" + "11100000")
    assert (edges["contact:1"], edges["contact:2"], edges["contact:3"]) == (1, 1, 0)
    assert edges["EXTI_Trigger:3"] == 1
    assert _values("lsn50", NODE + "1c" + "03e807d0")["voltage:ch4"] == 2.0
    counts = _values("lsn50", "0ce400eb00ec" + "20" + "7fff" + "00000001" + "00000002")
    assert (counts["temperature:2"], counts["pulse_register:2"]) == (23.6, 2)
    limits = _values("lsn50", "0ce400ebf628" + "7c" + "f6280a5a")
    assert (limits["TempC1MIN"], limits["SHTHUMMAX"]) == (-10, 90)
    assert _values("lsn50", "01ff0180000384", 5) == {"tdc_time": 900}
    with pytest.raises(PayloadError):
        _values("lsn50", NODE + "24" + "00000000")


def test_further_modes_of_sn50v3():
    rate = _values("sn50v3", NODE + "26" + "03e800fa")
    assert (rate["frequency"], rate["Dutycycle"]) == (1, 25.0)
    assert _values("sn50v3", NODE + "24" + "03e800fa")["frequency"] == 1000
    assert _values("sn50v3", NODE + "24" + "00000000")["frequency"] == 0
    fine = _values("sn50v3", NODE + "28" + "0abe0000")
    assert fine["temperature:tmp117"] == 27.5
    counted = _values("sn50v3", "0ce400fb01b3" + "2c" + "00000007")
    assert (counted["temperature"], counted["humidity"]) == (25.1, 43.5)
    assert counted["pulse_register"] == 7
    assert _values("sn50v3", NODE + "00" + "00fb01b3")["voltage:1"] == 1.234
    assert _values("sn50v3", "1c010001ff0ce4", 5) == {"battery_voltage": 3.3}


def test_probes_made_of_nodes():
    text = NODE + "0d" + "ff9cffff"
    old, new = _values("lsn50v2-d2x", text), _values("d2x", text)
    assert old == {
        "battery_voltage": 3.3, "temperature:1": 23.5, "temperature:2": -10.0, "alarm": 1,
    }  # fmt: skip
    assert new["temperature:2"] == -10.0
    log = _values("d2x", "00ebff9c7fff" + "42" + "61cd4edd", 3)
    assert log == {
        "temperature:1": 23.5, "temperature:2": -10.0, "digital_input": 1, "EXTI_Trigger": 0,
    }  # fmt: skip
    found = BY_NAME["s31"].decode(bytes.fromhex("0ce4" + "61cd4edd" + "80" + "ff9c01b3"), 2)
    assert {one.time_ns for one in found} == {1640845021 * 10**9}
    assert ("temperature", -10.0, "") in [one[:3] for one in found]
    assert _values("s31", "0000" + "ff9c01b3" + "40" + "61cd4edd", 3)["humidity"] == 43.5
