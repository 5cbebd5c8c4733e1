"""MCCI and the other makers: what their documents say and no vector shows."""

import pytest

from ingest.codecs import CODECS_BY_NAME
from ingest.errors import PayloadError


def _told(name: str, hexed: str, f_port: int):
    return CODECS_BY_NAME[name].decode(bytes.fromhex(hexed), f_port)


def _values(name: str, hexed: str, f_port: int) -> dict[tuple[str, str], float]:
    found = _told(name, hexed, f_port)
    values = {(one.quantity, one.channel): one.value for one in found}
    assert len(values) == len(found)
    return values


def _one(name: str, hexed: str, f_port: int) -> tuple[str, str, float]:
    (only,) = _values(name, hexed, f_port).items()
    return (*only[0], only[1])


@pytest.mark.parametrize(
    ("name", "hexed", "f_port"),
    [
        ("yobiiq-em2101", "010400000000", 12),  # no such port
        ("yobiiq-em2101", "01ff00", 1),  # no such register
        ("yobiiq-em2101", "0104000000", 1),
        ("yobiiq-em2101", "01040000000001", 1),
        ("yobiiq-em2101", "", 1),
        ("yobiiq-em2101", "02", 1),  # neither "succeeded" nor "failed"
        ("yobiiq-em2101", "010102", 11),  # neither open nor closed
        ("yobiiq-sd1001", "01005f02", 8),
        ("yobiiq-sd1001", "080001", 8),
        ("yobiiq-opentherm", "dd0155000000", 1),  # neither there nor missing
        ("yobiiq-rm200", "021a01", 1),  # another channel
        ("yobiiq-dsmr", "dd18ffffffff", 1),
        ("mcci-catena", "1480", 1),  # a flag that nobody explains, and nothing after it
        ("mcci-catena", "140118", 1),
        ("mcci-catena", "1401180000", 1),
        ("mcci-catena-modbus", "00180000", 4),  # half a register
        ("pepperl-fuchs-wilsen", "030c040006", 1),
        ("pepperl-fuchs-wilsen", "00", 1),
        ("pepperl-fuchs-wilsen", "0309090000", 1),
        ("aquascope-aqm", "060200aa", 1),
        ("aquascope-aqm", "070100", 1),
        ("aquascope-bvs", "200000", 10),
        ("enless-tx600", "0000810311000000", 1),
        ("nwave-nps405", "d11f3456", 10),
        ("nwave-ncc405", "00", 7),
        ("paxcounter", "070003", 1),
        ("example-windsensor", "0420", 1),
        ("moko-lw001-bgpro", "211ec001470000", 1),
        ("iot-factory", "00e3b48af7010c0000ec7165010000", 10),
        ("iot-factory", "00e2ff0f00ec7165", 10),
    ],
)
def test_what_the_maker_does_not_document_is_refused(name, hexed, f_port):
    with pytest.raises(PayloadError):
        _told(name, hexed, f_port)


@pytest.mark.parametrize(
    ("name", "hexed", "f_port", "expected"),
    [
        ("mcci-catena", "1401f800", 1, {("battery_voltage", ""): -0.5}),
        (
            "mcci-catena",
            "157d42d421f59b5e5fc1000001c1f91bec",
            1,
            {
                ("battery_voltage", ""): 4.1767578125,
                ("boot", ""): 33,
                ("temperature", ""): -10.39453125,
                ("pressure", ""): 966.36,
                ("humidity", ""): 75.390625,
                ("illuminance", ""): 0,
                ("temperature", "water"): 1.75390625,
                ("temperature", "soil"): -6.89453125,
                ("humidity", "soil"): 92.1875,
            },
        ),
        (
            "mcci-catena",
            "17fd3c055316ee61f19400a7db91ebf703",
            1,
            {
                ("battery_voltage", ""): 3.751220703125,
                ("boot", ""): 83,
                ("temperature", ""): 22.9296875,
                ("pressure", ""): 1002.92,
                ("humidity", ""): 57.8125,
                ("illuminance", ""): 167,
                ("iaq", ""): 92.53125,
                ("log_r_gas", ""): 5.982421875,
                ("iaqQuality", ""): 3,
            },
        ),
        ("mcci-catena", "1130f91bf91bec", 1, {  # the maker's decoder forgets these signs
            ("temperature", "water"): -6.89453125,
            ("temperature", "soil"): -6.89453125,
            ("humidity", "soil"): 92.1875,
        }),
        ("mcci-catena", "107f0000", 4, {}),  # light that is no number
        ("mcci-catena-modbus", "0018000007", 4, {
            ("registers", "1"): 0x1800,
            ("registers", "2"): 7,
        }),
        ("mcci-4811", "1900", 1, {("ModbusError", ""): 0, ("mainDemand", ""): 0}),
        ("mcci-4811", "1904ffff", 1, {("ModbusError", ""): -1}),
        ("mcci-catena-4430", "21407c3dffff7fff", 1, {
            ("activity", "avg"): 0.52978515625,
            ("activity", "min"): -0.99951171875,
            ("activity", "max"): 0.99951171875,
        }),
        ("mcci-catena-4430", "26000000000400" + "00", 3, {("co2", ""): 0}),
        ("mcci-4931", "0100", 3, {}),
    ],
)  # fmt: skip
def test_mcci_reads_the_examples_of_its_documents(name, hexed, f_port, expected):
    assert _values(name, hexed, f_port) == expected


def test_mcci_reads_the_newer_examples_of_its_codecs():
    board = _values(
        "mcci-catena", "7d30234f192049829f97ae0301c550312 4bf54c839".replace(" ", ""), 2
    )
    assert board["irradiance.UV", ""] == 50512
    assert (board["humidity", ""], board["voltage", "bus"]) == (62.109375, 3.0712890625)
    assert _values("mcci-catena-modbus", "0d28182d10149999", 4) == {
        ("battery_voltage", ""): 2.505859375,
        ("boot", ""): 45,
        ("temperature", ""): 16.078125,
        ("humidity", ""): 60,
    }
    assert _values("mcci-catena-4610", "1a1d28181119209f97479ed0", 1)["illuminance", ""] == 414.8125
    animals = _values(
        "mcci-catena-4610", "365514a6f2f93b2c091616ad87000000000000000000de4bef05f7f5feeff432", 2
    )
    assert animals["activity", "1"] == -0.049163818359375
    assert animals["activity", "5"] == -0.26220703125
    assert (animals["illuminance", ""], animals["temperature", ""]) == (0, 22.0859375)
    sequence = _values("mcci-4917", "357f002a549f481230000516001400180" + "08ccc", 1)
    assert (sequence["sequenceNumber", ""], sequence["temperature", "flex"]) == (42, 24)
    maple = _values(
        "mcci-4931",
        "3703fd3b330a1900999962ed140015000708001e00013f06a400190001"
        "1e001e0006ce8800018a9800549f481200",
        1,
    )
    assert (maple["p_1_mV", ""], maple["p_1", ""], maple["p_2", ""]) == (1.875, 31.25, 31.25)
    assert (maple["rainCount", ""], maple["rainPerHour", ""]) == (394, 112.5)
    assert maple["sap_1_GallonsPerTapPerHour", ""] == 56.25
    assert (maple["sdCardPresence", ""], maple["sdCardWorking", ""], maple["state", ""]) == (
        1,
        1,
        0,
    )
    assert (maple["temperature", "soil_2"], maple["soil_2_VMC", ""]) == (17, 0.25)


def test_mcci_time_is_gps_time_with_all_leap_seconds():
    found = _told("mcci-catena-4430", "224ad506db0800", 3)
    # The maker subtracts 17 leap seconds and tells 23:01:30; since 2017 there are 18.
    assert found[0].time_ns == 1571439689 * 10**9


def test_wilsen_reads_settings_that_it_answers_with():
    hexed = "03f30101 03f303ff 06f30500000e10 03f407ff 04f40503e8 0af1080041424344000000"
    assert _values("pepperl-fuchs-wilsen", hexed, 1) == {
        ("lora_message_type", ""): 1,
        ("lora_transmission_interval", ""): 3600,
        ("us_measurement_sequence_active", ""): 1,
        ("us_full_distance", ""): 1000,
    }


def test_aquascope_reads_what_its_decoder_names():
    assert _values("aquascope-aqm", "0701003c0005 06110064 04080003 0b01020007", 1) == {
        ("water_flows", ""): 0,
        ("conumption_time", ""): 60,
        ("conumption_liter", ""): 5,
        ("consumption", ""): 100,
        ("c_litertranslation", ""): 3,
        ("alarm_status", ""): 1,
        ("alarm_type", ""): 2,
        ("alarm_value", ""): 7,
    }
    assert _values("aquascope-aqs", "070300640002", 1) == {
        ("pc", ""): 3,
        ("diff", ""): 100,
        ("elevation", ""): 2,
    }
    assert _one("aquascope-aqs", "070f", 1) == ("water_flows", "", 1)
    assert _values("aquascope-ran", "0601fff6 06810003 0b0102ffec", 10) == {
        ("temperature", ""): -1,
        ("rainlevel", ""): 1.5,
        ("a_status", ""): 1,
        ("a_type", ""): 2,
        ("a_value", ""): -2,
    }
    # The maker's decoder multiplies the upper byte by 255, and has no sign.
    assert _values("aquascope-flo", "0064fffe", 16) == {
        ("battery_level", ""): 100,
        ("temperature", ""): -2,
    }


def test_enless_second_temperature_has_a_sign_as_the_first():
    found = _values("enless-tx600", "0000bd0c0a01fff6ffec00080008", 1)
    assert (found["temperature", "1"], found["temperature", "2"]) == (-1, -2)
    assert found["alarm_status.temperature_2.low", ""] == 1
    assert (found["battery_level", ""], found["msg_type", ""]) == (50, 0)
    mains = _values("enless-tx600", "0000dc100a0100e0000000000008", 1)
    assert (mains["temperature", "1"], mains["battery_level", ""]) == (22.4, 50)
    air = _values("enless-tx600", "000077051101 00e3011f001400000028 0000", 1)
    assert (air["tvoc", ""], air["humidity", ""]) == (2, 28.7)
    assert air["alarm_status.humidity.low", ""] == air["alarm_status.voc.low", ""] == 1
    voc = _values("enless-tx600", "00006d0513010100012003e8000000200004", 1)
    assert (voc["tvoc", ""], voc["alarm_status.voc.low", ""]) == (100, 1)
    assert voc["battery_level", ""] == 75


@pytest.mark.parametrize(
    ("code", "minutes", "error"),
    [(89, 89, 0), (90, 90, 4), (119, 235, 4), (120, 240, 59), (126, 600, 59)],
)
def test_nwave_tells_how_long_the_state_before_lasted(code, minutes, error):
    found = _values("nwave-nps405", f"{code << 1:02x}", 1)
    assert found["occupancy", ""] == 0
    assert found["previous_state_duration", ""] == minutes
    assert found["previous_state_duration_error", ""] == error


def test_nwave_overflows_and_starts():
    found = _values("nwave-nps405", "ff", 1)
    assert found["previous_state_duration_overflow", ""] == 1
    assert ("previous_state_duration_error", "") not in found
    assert _values("nwave-nps405", "0204090401", 3) == {("occupancy", ""): 1}
    assert _told("nwave-nps405", "d01f345678", 10) == []
    tag = _values("nwave-nps405", "d1201f345678", 10)  # the newer codec's example
    assert (tag["tag_battery_voltage", ""], tag["previous_state_duration", ""]) == (3.2, 160)


def test_paxcounter_reads_its_other_frames():
    found = _values("paxcounter", "0700 65ca0603 05196f00 05 c600 42ff", 1)
    assert (found["pax", ""], found["altitude", ""]) == (7, -190)
    assert _values("paxcounter", "fff61027401f1027", 7)["temperature", ""] == -0.1
    assert _values("paxcounter", "0000", 8) == {}  # no battery probe
    assert _values("paxcounter", "05", 9) == {("timesync_seqno", ""): 5}


def test_moko_reads_its_other_ports():
    head = "21e2c0"
    fix = _told("moko-lw001-bgpro", head + "00 07e60803090f1f00 07 0102030405 06c9", 2)
    heard = next(one for one in fix if one.quantity == "rssi")
    assert (heard.channel, heard.value) == ("01:02:03:04:05:06", -55)
    assert heard.time_ns == 1659518131 * 10**9
    assert next(one for one in fix if one.quantity == "temperature").value == -30
    failed = _values("moko-lw001-bgpro", head + "08 05 ff 01020304", 3)
    assert ("pdop", "") not in failed
    assert (failed["fix_false_reason", ""], failed["gps_cn", "4"]) == (8, 4)
    assert _values("moko-lw001-bgpro", head + "0005", 5)["shake_num", ""] == 5
    last = _values("moko-lw001-bgpro", "21c1 1227888e 443aa050 0c", 12)
    assert last["battery_voltage", ""] == 3.4  # the maker reads it from the latitude
    assert last["latitude", ""] == 30.458075


def test_iot_factory_reads_its_other_frames():
    time = "00ec7165"
    hexed = (
        "c3e2"
        f"0300{time} 40420f00 c0bdf0ff 6400 0500 0c a5"
        f"0700{time} 01 6400 2d01 fb 32"
        f"0a10 02 {time} 10270000"
        f"0f10{time} 01 9cff"
        f"1110{time}"
        f"2100{time} 03 01"
        f"0c00{time} 01 e8030000 00"
    )
    found = {(one.quantity, one.channel): one.value for one in _told("iot-factory", hexed, 10)}
    assert found["external_power", ""] == 1
    assert (found["latitude", ""], found["longitude", ""]) == (10, -10)
    assert (found["hdop", ""], found["used_sat", ""], found["in_movement", ""]) == (1.2, 5, 1)
    assert found["distance", "upper"] == 1
    assert ("distance", "side") not in found  # beyond 3 m the maker tells "unknown"
    assert (found["temperature", ""], found["waste_pct", ""]) == (-5, 50)
    assert (found["mA", "2"], found["4_20mA_reason", ""]) == (10000, 1)
    assert (found["temperature", "1"], found["sos_reason", ""]) == (-10, 1)
    assert (found["contact", "3"], found["voltage", "1"]) == (0, 1)
