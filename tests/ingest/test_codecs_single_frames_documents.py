"""Small makers, by hand: what their documents say and no vector shows."""

import json
from pathlib import Path

import pytest

from ingest.codecs import keller, sensecap, single_frames, small_records, strega, twtg, vutility
from ingest.errors import PayloadError

CODECS = (
    *single_frames.CODECS,
    *small_records.CODECS,
    *strega.CODECS,
    keller,
    sensecap,
    twtg,
    vutility,
)
BY_NAME = {codec.NAME: codec for codec in CODECS}


def _values(name: str, hexed: str, f_port: int) -> dict[tuple[str, str], float]:
    found = BY_NAME[name].decode(bytes.fromhex(hexed), f_port)
    return {(one.quantity, one.channel): one.value for one in found}


def _uplink_of(device: str) -> dict:
    text = (Path(__file__).parents[1] / "vectors" / "uplinks_more_makers.jsonl").read_text()
    return next(one for one in map(json.loads, text.splitlines()) if one["device"] == device)


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


def test_voltdrop_reads_energies_and_power_factors():
    active = _values("vutility", "2a" + "00000000000f4240" + "3200", 3)
    assert active == {("active_energy_import", ""): 1e6, ("power_factor", ""): 1.0}
    apparent = _values("vutility", "2d" + "0000000000000064" + "e700", 3)
    assert apparent == {("apparent_energy", ""): 100.0, ("power_factor", ""): -0.5}
    voltages = _values("vutility", "28" + "398039803980" + "62629e" + "ff", 3)
    assert voltages[("voltage", "L1")] == 230
    assert voltages[("power_factor", "L2")] == 0.98
    assert voltages[("power_factor", "L3")] == -0.98
    assert _values("vutility", "2e" + "00" * 10, 3) == {}


def test_voltdrop_reads_the_largest_current_as_a_share_of_the_average():
    found = _values("vutility", "29" + "00a000100000" + "100000" + "7f", 3)
    assert found[("current", "L1")] == 10
    assert found[("maxCurrentL1", "")] == 15
    assert found[("maxCurrentL2", "")] == 1
    assert found[("temperature", "")] == pytest.approx(127 * 120 / 255 - 40)


def test_voltdrop_tells_what_is_wrong_with_it():
    found = _values("vutility", "2f" + "0080" + "00" * 8, 3)
    assert found[("systemErrorConditions", "phase_sequence_error")] == 1
    assert sum(found.values()) == 1


def test_hotdrop_reads_ampere_hours_and_the_span_of_the_current():
    found = _values("vutility", "32" + "00000de8" + "0078" + "6f" + "4f" + "c5" + "7d", 2)
    assert found[("ampHourAccumulation", "")] == 356
    assert found[("current", "")] == 12
    assert found[("maximumAmps", "")] == pytest.approx(25.32)
    assert found[("minimumAmps", "")] == pytest.approx(2.52)


def test_pulsedrop_refuses_the_count_of_a_meter_that_did_not_answer():
    with pytest.raises(PayloadError, match="no response"):
        _values("vutility", "1cc57d00000de800000001", 3)


def test_twtg_reads_the_state_of_the_device():
    status = (
        "24" + "0000" + "e80cf00cec0c" + "f61e14" + "02" + "05" + "50" + "f7" + "00" * 6 + "0700"
    )
    found = _values("twtg-vb", status, 15)
    assert found[("battery_voltage", "low")] == 3.304
    assert found[("battery_voltage", "high")] == 3.312
    assert found[("temperature", "base.min")] == -10
    assert found[("temperature", "base")] == 20
    assert found[("avg_rssi", "")] == -80
    assert found[("avg_snr", "")] == -9
    assert found[("event_counter", "")] == 7
    assert _values("twtg-vb", "28" + "00" * 45, 15) == {}
    with pytest.raises(PayloadError):
        _values("twtg-vb", "2500", 15)


def test_tinovi_reads_every_probe_and_refuses_what_is_left_over():
    soil, leaf = "0bb800640834001e", "02" + "1388" + "ff9c"
    payload = (
        "bf" + "50" + soil + "ff9c" + "1388" + "cb08" + "00002710" + "0000000a" + soil + "0064"
    )
    found = _values("tinovi-pm-io-5", payload + leaf, 1)
    assert found[("valv", "")] == 1
    assert found[("water_leak", "")] == 0
    assert found[("battery_level", "")] == 80
    assert found[("e25_1", "")] == 30
    assert found[("temperature", "soil_1")] == 21
    assert found[("temperature", "air")] == -1
    assert found[("humidity", "")] == 50
    assert found[("pressure", "")] == pytest.approx(1019.76)
    assert found[("illuminance", "")] == 100
    assert found[("pulse", "")] == 10
    assert found[("temperature", "leaf")] == -1
    for wrong in (payload + leaf + "00", payload + "0000", payload[:-2]):
        with pytest.raises(PayloadError):
            _values("tinovi-pm-io-5", wrong, 1)


def test_uradmonitor_reads_below_zero_and_knows_its_gases_by_their_codes():
    payload = bytearray.fromhex(_uplink_of("model-industrial")["hex"])
    payload[20] |= 0x80
    payload[29], payload[33] = 0x31, 0x00
    found = _values("uradmonitor", payload.hex(), 1)
    assert found[("temperature", "")] == -18.42
    assert found[("cl2", "")] == 0.653
    assert ("o3_ppm", "") not in found
    assert ("no2_ppm", "") not in found
