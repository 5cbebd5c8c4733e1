"""Yobiiq: registers, units and signs, as its codecs and manuals state them."""

import pytest

from ingest.codecs import CODECS_BY_NAME
from ingest.errors import PayloadError
from ingest.reading import Quality


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
    ("register", "place", "value"),
    [
        ("04 ffffffff", ("active_energy_import", "T1"), 4294967295),
        ("05 80000000", ("active_energy_import", "T2"), 2147483648),
        ("06 000003e9", ("active_energy_export", "T1"), 1001),
        ("07 000003ea", ("active_energy_export", "T2"), 1002),
        ("08 000003eb", ("reactive_energy_import", "T1"), 1003),
        ("09 000003ec", ("reactive_energy_import", "T2"), 1004),
        ("0a 000003ed", ("reactive_energy_export", "T1"), 1005),
        ("0b 000003ee", ("reactive_energy_export", "T2"), 1006),
        ("0c 000008fd", ("voltage", "L1"), 230.1),
        ("10 fffffff6", ("current", "L1"), -0.01),
        ("14 fffffb82", ("active_power", "L1"), -1150),
        ("17 ffffcfc7", ("reactive_power", "L1"), -12345),
        ("1a 00003039", ("apparent_power", "L1"), 12345),
        ("1d 9d", ("power_factor", "L1"), -0.99),
        ("20 ff9c", ("phaseAngleL1", ""), -1),
        ("23 1389", ("frequency", ""), 50.01),
        ("24 00000480", ("totalSystemActivePower", ""), 1152),  # the maker: "kW", without a scale
        ("25 fffffffe", ("reactive_power", ""), -2),
        ("26 00000481", ("apparent_power", ""), 1153),
        ("27 00001388", ("maximumL1CurrentDemand", ""), 5000),
        ("2a fffffffd", ("averagePower", ""), -3),
        ("2b 000007e7", ("midYearOfCertification", ""), 2023),
        ("f0 2023", ("manufacturedYear", ""), 2023),
    ],
)
@pytest.mark.parametrize("model", ["yobiiq-em2101", "yobiiq-em4301"])
def test_yobiiq_meter_registers_have_their_unit_and_sign(model, register, place, value):
    quantity, channel, found = _one(model, "01" + register, 3)
    assert (quantity, channel) == place
    assert found == pytest.approx(value, rel=1e-12)


def test_yobiiq_em4301_has_three_phases_and_em2101_has_one():
    hexed = "010d000008fd 020e000008fe 030f00000001 0411000003e8 051200000bb8 0613fffffb82"
    hexed += "0715fffffffe 0816fffffffd 0918ffffffff 0a1b00000004 0b1e9d"
    found = _values("yobiiq-em4301", hexed, 1)
    assert found["voltage", "L2"] == 230.1
    assert found["active_power", ""] == -1150
    assert (found["active_power", "L2"], found["active_power", "L3"]) == (-2, -3)
    assert found["power_factor", "L2"] == -0.99
    with pytest.raises(PayloadError):
        _told("yobiiq-em2101", hexed[:12], 1)


def test_yobiiq_newer_meters_count_tens_of_watt_hours_on_their_own_channel():
    found = _told(
        "yobiiq-em4301", "dd03673b21b4 dd04000186a1 dd0c000059d8 dd1dfc7c dd24ffffffff dd23138a", 12
    )
    assert {one.time_ns for one in found} == {1731928500 * 10**9}
    assert [(one.quantity, one.channel, one.value) for one in found] == [
        ("active_energy_import", "T1", 1000010),
        ("voltage", "L1", 230),
        ("power_factor", "L1", -0.9),
        ("active_power", "system", -1),
        ("frequency", "", 50.02),
    ]
    with pytest.raises(PayloadError):  # never both layouts in one message
        _told("yobiiq-em4301", "dd04000186a1 0104000186a1", 1)


def test_yobiiq_values_beside_a_modbus_error_are_suspect():
    found = _told("yobiiq-em2101", "010400000000 0b0a04", 1)
    assert [(one.quantity, one.value, one.quality) for one in found] == [
        ("active_energy_import", 0, Quality.SUSPECT),
        ("modbusErrorCode", 4, Quality.MEASURED),
    ]
    good = _told("yobiiq-em2101", "0104000b0a00", 1)  # the same bytes at the end are a value
    assert [(one.quantity, one.value) for one in good] == [("active_energy_import", 0x000B0A00)]


def test_yobiiq_dsmr_reads_the_examples_of_its_codec():
    hexed = (
        "fffe6729d530 dd026729e2f4 dd0601eb1db8 dd080243f1fe dd0a0000009b dd0c00000000"
        "dd22000008d4 dd2600000003"
    )
    assert _values("yobiiq-dsmr", hexed, 1) == {
        ("active_energy_import", "T1"): 32185784,
        ("active_energy_import", "T2"): 38007294,
        ("active_energy_export", "T1"): 155,
        ("active_energy_export", "T2"): 0,
        ("voltage", "L1"): 226,
        ("current", "L1"): 3,
    }
    room = "fffe6729d530 dd7221 dd7108d3 dd8108d8 dd8221 ddd100000000 ddd200000000"
    assert _values("yobiiq-dsmr", room, 1)["temperature", ""] == 22.64
    assert _values("yobiiq-dsmr", "dd81ff9c", 1) == {("temperature", ""): -1}  # °C below zero
    power = _values("yobiiq-dsmr", "dd1000000064 dd1200000000 dd3200000032", 1)
    assert power == {
        ("active_power", "import"): 100,
        ("active_power", "export"): 0,
        ("active_power", "L1 export"): -50,
    }
    found = _told(
        "yobiiq-dsmr", "dd18000000026729d530000000106729d53100000020 dd506729d53000000007", 1
    )
    assert [(one.quantity, one.value, one.time_ns) for one in found] == [
        ("powerFailureEventLog", 16, 1730794800 * 10**9),
        ("powerFailureEventLog", 32, 1730794801 * 10**9),
        ("lastReadingOnChannel1", 7, 1730794800 * 10**9),
    ]


def test_yobiiq_opentherm_reads_the_examples_of_its_codec():
    hexed = (
        "dd00aa0302 dd01aa2800 dd02aa000d dd03aa1112 dd0400 dd05aa0000 dd0600 dd0900 ddfd65cce218"
    )
    found = _told("yobiiq-opentherm", hexed, 1)
    assert {one.time_ns for one in found} == {1707926040 * 10**9}
    values = {one.quantity: one.value for one in found}
    assert values["masterStatus.centralHeating"] == values["masterStatus.domesticHotWater"] == 1
    assert values["slaveStatus.centralHeatingMode"] == 1
    assert values["slaveStatus.flame"] == values["masterStatus.cooling"] == 0
    assert values["controlSetpointTemperature"] == 40
    assert (values["masterMemberIdCode"], values["slaveMemberIdCode"]) == (13, 18)
    assert values["slaveConfigurationFlags.pumpControlFunction"] == 1
    hexed = "dd1000 dd12aa0180 dd18ab172b dd1baafe80 dd13aa0a00 dd73aa120a ddc8aa0102 dd09aa0001"
    assert _values("yobiiq-opentherm", hexed, 2) == {
        ("pressure", "water"): 1500,
        ("temperature", "room"): pytest.approx(23.168, abs=1e-3),
        ("temperature", "outside"): -1.5,
        ("flow", "domestic_hot_water"): 0.6,
        ("originalEquipmentManufacturerDiagnosticCode", ""): 4618,
        ("DataPointID200", ""): 258,
        ("remoteOverrideRoomSetpoint", ""): 1,
    }
    assert _one("yobiiq-opentherm", "aafe65cce50eaa0002", 11) == ("configurationAlarm", "", 2)


def test_yobiiq_rm200_reads_the_examples_of_its_codec():
    found = _told(
        "yobiiq-rm200",
        "0101675bed04 011a01 011c00000008 011001 012a01 012c00000006 012001 017a0d3f 017b10",
        1,
    )
    assert {one.time_ns for one in found} == {1734077700 * 10**9}
    assert {(one.quantity, one.channel): one.value for one in found} == {
        ("digital_output", "1"): 1,
        ("pulse_register", "1"): 8,
        ("channel1ButtonOverrideStatus", ""): 1,
        ("digital_output", "2"): 1,
        ("pulse_register", "2"): 6,
        ("channel2ButtonOverrideStatus", ""): 1,
        ("temperature", "internal"): 33.91,
        ("humidity", "internal"): 16,
    }
    about = "ff6a0200 ff690201 ff68019c79d8 ff6b01 ff6d00 ff6c00 ff67524d323030 ff65594f4249"
    assert _values("yobiiq-rm200", about, 50) == {
        ("externalPowerStatus", ""): 1,
        ("battery_level", ""): 0,
        ("battery_voltage", ""): 0,
    }
