"""Small makers: every vector of theirs, field by field; truncation, any bytes, names."""

import json
from contextlib import suppress
from math import isclose, isfinite
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.codecs import keller, sensecap, single_frames, small_records, strega
from ingest.errors import PayloadError

CODECS = (*single_frames.CODECS, *small_records.CODECS, keller, sensecap, *strega.CODECS)
BY_NAME = {codec.NAME: codec for codec in CODECS}
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
}
# Where a name is another thing for one maker.
PLACES_OF = {
    ("stmicroelectronics", "pressure"): ("pressure", "", 1),
    ("stmicroelectronics", "batteryVoltage"): ("battery_voltage", "", 1000),
    ("terabee", "batteryVoltage"): ("battery_voltage", "", 1000),
    ("makerfabs", "Bat"): ("battery_voltage", "", 1),
    ("smartrural", "battery"): ("battery_voltage", "", 1),
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
    for name, value in _flat(data).items():
        place = PLACES_OF.get((uplink["vendor"], name)) or PLACES.get(name, (name, "", 1))
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


def _values(name: str, hexed: str, f_port: int) -> dict[tuple[str, str], float]:
    found = BY_NAME[name].decode(bytes.fromhex(hexed), f_port)
    return {(one.quantity, one.channel): one.value for one in found}


@pytest.mark.parametrize(
    ("names", "claimed"),
    [
        ("temperatur keller", None),  # a cellar
        ("keller adt1 box", "keller"),
        ("oyster 3", None),
        ("digital matter oyster", "digital-matter-oyster"),
        ("sensecap t1000", None),
        ("sensecap s2103", "seeed-sensecap"),
        ("ellenex pls2 l v6", "ellenex-v6"),
        ("ellenex pts2 l", "ellenex-pressure"),
        ("atomsenses as 202", None),
        ("atomsenses as203", "atomsenses-as203"),
    ],
)
def test_names_are_claimed_only_where_the_frame_is_known(names, claimed):
    words = frozenset(names.split())
    assert [one.NAME for one in CODECS if one.matches(words, "")] == ([claimed] if claimed else [])


def test_sensecap_reads_the_example_of_its_guide():
    # S2104; the guide's example of the S2105 has a checksum that is not its own.
    assert _values("seeed-sensecap", "010610245e0000010710bcb10000a3d9", 2) == {
        ("temperature", "soil"): 24.1,
        ("soil_moisture", ""): 45.5,
    }


def test_sensecap_brings_units_to_ours_and_keeps_channels_apart():
    payload = bytes.fromhex("010c10b400000001051050431b06021310f049020001551010270000")
    checksum = sensecap._crc_kermit(payload).to_bytes(2, "little")
    assert _values("seeed-sensecap", (payload + checksum).hex(), 2) == {
        ("conductivity", ""): 180.0,
        ("pressure", ""): 1024.5,
        ("distance", "2"): 1.5,
        ("measurement.4181", ""): 10.0,
    }


def test_sensecap_reads_the_battery_among_the_measurements():
    found = _values("seeed-sensecap", "00070064000500010610b45f0000010710a41f00003259", 2)
    assert found[("battery_level", "")] == 100.0
    assert found[("temperature", "soil")] == 24.5


def test_sensecap_refuses_a_wrong_checksum():
    with pytest.raises(PayloadError, match="checksum"):
        _values("seeed-sensecap", "01011098530000010210a87a0000af52", 2)


def test_terabee_leaves_out_what_it_could_not_measure_and_refuses_a_failed_sensor():
    assert ("distance", "") not in _values("terabee-level-xl", "ffffff0e1000", 1)
    assert ("levelPercentage", "") not in _values("terabee-level-xl", "ffffff0e1000", 1)
    with pytest.raises(PayloadError, match="distance_sensor"):
        _values("terabee-level-xl", "05dc000e1008", 1)


def test_develiot_leaves_out_a_temperature_that_is_switched_off():
    found = _values("develiot-rwmr", "112000000000000000d400", 12)
    assert ("temperature", "") not in found
    assert found[("pulse_register", "1")] == 32


def test_micropelt_scales_the_users_value_by_its_mode():
    base = "47191b3c3c06757b15{:02x}25"
    value = ("User_Value", "")
    scaled = [
        _values("micropelt-mlr003", base.format(mode), 1).get(value) for mode in (0, 1, 2, 3, 5)
    ]
    assert scaled == [37.0, 18.5, 18.5, 9.25, None]
    assert _values("micropelt-mlr003", base.format(0) + "50", 1)[("Used_Temperature", "")] == 20.0
    assert _values("micropelt-mlr003", "10" * 6, 2) == {}


def test_micropelt_gives_a_set_point_below_zero_and_no_unknown_one():
    place = ("Set_Point_Temperature_Value", "")
    assert _values("micropelt-mlrtps", "5800960c", 1)[place] == -4
    assert place not in _values("micropelt-mlrtps", "58009607", 1)


def test_oyster_reads_short_positions_and_statistics():
    found = _values("digital-matter-oyster", "cecded2d17472bbe04", 4)
    assert found[("latitude", "")] == pytest.approx(-1_192_498 * 256e-7)
    assert found[("longitude", "")] == pytest.approx(4_658_989 * 256e-7)
    assert found[("headingDeg", "")] == 135
    assert found[("speedKmph", "")] == 25
    assert found[("manDown", "")] == 1
    assert found[("battery_voltage", "")] == 4.75
    told = _values("digital-matter-oyster", "f5ffffffffffffff050301", 3)
    assert told[("initialBatV", "")] == 4.5
    assert told[("txCount", "")] == 32 * 2047
    assert told[("aveGpsFailS", "")] == 511
    assert told[("aveGpsFreshenS", "")] == 5
    assert told[("wakeupsPerTrip", "")] == 3
    assert told[("uptimeWeeks", "")] == 2
    assert _values("digital-matter-oyster", "810103", 2) == {}


def test_oyster_marks_the_position_of_a_failed_fix_as_an_old_one():
    found = _values("digital-matter-oyster", "85a8c5ebd8763f0b0301be", 1)
    assert ("latitude", "") not in found
    assert found[("cached.latitudeDeg", "")] == pytest.approx(-33.9367803)


def test_senseclimate_refuses_what_would_be_below_zero():
    with pytest.raises(PayloadError, match="temperature"):
        _values("southerniot-senseclimate", "fb46", 1)


def test_strega_reads_counter_and_analog_input_and_mains_power():
    report = b"\x70000" + b"\x31" + b"#\x80\x00\x80\x00" + b"C00012cV01f4"
    found = _values("strega-motorized-valve", report.hex(), 4)
    assert found[("temperature", "")] == 42.5
    assert found[("humidity", "")] == 50
    assert found[("pulse_register", "")] == 300
    assert found[("voltage", "analog")] == 0.5
    assert found[("Actuator", "")] == 1
    assert found[("Power", "")] == 1
    assert ("battery_level", "") not in found


def test_strega_reads_the_counter_of_an_answer_and_nothing_of_a_setting():
    assert _values("strega-emitter", b"@180000ff".hex(), 24) == {("pulse_register", ""): 255.0}
    assert _values("strega-emitter", b"@1901f4".hex(), 25) == {("voltage", "analog"): 0.5}
    assert _values("strega-emitter", b"@09C".hex(), 9) == {}
    with pytest.raises(PayloadError):
        _values("strega-emitter", b"@18ff".hex(), 24)
    with pytest.raises(PayloadError):
        _values("strega-emitter", b"31x82".hex(), 4)


def test_keller_leaves_out_infinity_and_refuses_unknown_channels():
    assert _values("keller", "01030002" + "7f800000", 1) == {}
    counted = _values("keller", "01064000" + "42280000", 1)
    assert counted == {("Counter input", ""): 42.0}
    with pytest.raises(PayloadError, match="channels"):
        _values("keller", "01030100" + "42280000", 1)
    with pytest.raises(PayloadError, match="function"):
        _values("keller", "0b030002" + "42280000", 1)


def test_tekzipark_reads_the_sensors_own_values_on_its_second_port():
    found = _values("tekzitel-tekzipark", "a8f663ff02030405060700010a"[:24], 2)
    assert found[("temperature", "")] == -10
    assert found[("Deflection_X", "")] == -1
    assert found[("D_Reflection", "")] == 1
    with pytest.raises(PayloadError):
        _values("tekzitel-tekzipark", "a82d63b000", 1)


def test_a_grain_probe_tells_resistance_and_no_probe_that_is_missing():
    found = _values("smartrural-grain-probe", "0e5503271013880000000 0".replace(" ", ""), 2)
    assert found[("Res_Channel1", "")] == 100
    assert found[("Res_Channel2", "")] == 50
    assert ("temperature", "1") not in _values(
        "smartrural-grain-probe", "0e55017fff086700000000", 2
    )
    with pytest.raises(PayloadError, match="live"):
        _values("smartrural-grain-probe", "0e55410862086700000000", 2)


def test_ellenex_maps_of_other_things_are_refused():
    for wrong in ("a0ff", "80", "a1614c6161", "a1016161", "bf614c", "bf614cf5ff", "19"):
        with pytest.raises(PayloadError):
            _values("ellenex-v6", wrong, 15)
    assert _values("ellenex-v6", "a2616118646176190cf8", 15) == {
        ("Ellenex.a", ""): 100.0,
        ("battery_voltage", ""): 3.32,
    }
