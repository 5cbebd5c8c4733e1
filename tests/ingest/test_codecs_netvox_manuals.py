import pytest

from ingest.codecs import netvox
from ingest.errors import PayloadError

ON_MAINS = ("r718pa8", "r718pa10", "r718ubd", "ra08d")  # a battery of 0 is none


def _codec(device: str):
    words = frozenset(("netvox", device))
    return next(one for one in netvox.CODECS if one.matches(words, ""))


# Payloads of the user manuals (chapter 5, "Example of Uplink"), and of layouts told in its tables.
@pytest.mark.parametrize(
    ("device", "payload", "wanted"),
    [
        ("r718a", "010b012406701a9e000000",
         "battery_voltage 3.6, temperature 16.48, humidity 68.14"),
        ("r718a", "010b019fff391a9e000000",
         "battery_voltage 3.1, low_battery 1, temperature -1.99, humidity 68.14"),
        ("r718b2", "011401a0ff39ff36000000",
         "battery_voltage 3.2, low_battery 1, temperature:1 -19.9, temperature:2 -20.2"),
        ("r718ct2", "0117019fff39fec5000000",
         "battery_voltage 3.1, low_battery 1, temperature:1 -19.9, temperature:2 -31.5"),
        ("r718ce4", "013c022400fdff39000000",
         "battery_voltage 3.6, temperature:3 25.3, temperature:4 -19.9"),
        ("r718ka", "01220123074e0000000000",
         "battery_voltage 3.5, current 0.007, current:fine 0.0078"),
        ("r718n1", "0149012403e80100000000", "battery_voltage 3.6, current 1, Multiplier 1"),
        ("r718n1", "01490124fde80a00000000", "battery_voltage 3.6, current 650, Multiplier 10"),
        ("r718n3", "014a019f05dd05d405de01",
         "battery_voltage 3.1, low_battery 1, current:1 1.501, Current2 1492, Current3 1502,"
         " Multiplier1 1"),
        ("r718n3", "014a029f01010000000000",
         "battery_voltage 3.1, low_battery 1, Multiplier2 1, Multiplier3 1"),
        ("r718n3", "014a032405dd05d405de39",
         "battery_voltage 3.6, current:1 7.505, current:2 14.92, current:3 150.2,"
         " Multiplier1 5, Multiplier2 10, Multiplier3 100"),
        ("r718n3", "014a04240a000000000000",
         "battery_voltage 3.6, LowCurrent1Alarm 0, HighCurrent1Alarm 1, LowCurrent2Alarm 0,"
         " HighCurrent2Alarm 1, LowCurrent3Alarm 0, HighCurrent3Alarm 0"),
        ("r718nl3", "0199022401010000000300",
         "battery_voltage 3.6, Multiplier2 1, Multiplier3 1, illuminance 3"),
        ("r718nl1", "0198012403e80a000000c8",
         "battery_voltage 3.6, current 10, Multiplier 10, illuminance 200"),
        ("r718h2", "013f012400c80003000000",
         "battery_voltage 3.6, pulse_count:1 200, pulse_count:2 3"),
        ("r718mbc", "012c019f00000022000000",
         "battery_voltage 3.1, low_battery 1, WorkDurationTime 34"),
        ("r718pe", "01b101240001f419000000",
         "battery_voltage 3.6, Status 0, distance 0.5, FillLevel 25"),
        ("r718y", "01ac0124001e0116000000",
         "battery_voltage 3.6, DiffPressure 3, temperature 27.8"),
        ("r718y", "01ac0124ffe20116000000",
         "battery_voltage 3.6, DiffPressure -3, temperature 27.8"),
        ("r718pa8", "0157080002 26092effff00", "PH 5.5, temperature:ph 23.5"),
        ("r720flt", "01d4019f00000168010000",
         "battery_voltage 3.1, low_battery 1, ReplenishWaterCount 360, FaultAlarm 1,"
         " water_leak:tank 0"),
        ("r313la", "01aa011e01080400000000", "battery_voltage 3, Status 1, RawSenseData 2052"),
        ("r313cb", "0156019700010000000000",
         "battery_voltage 2.3, low_battery 1, status1 0, status2 1"),
        ("r816b01", "0173010000000006000001",
         "OnOff 0, active_energy_import 6, OverCurrentAlarm 0, DashCurrentAlarm 0,"
         " PowerOffAlarm 1"),
        ("r816b", "01730200db006400160000", "voltage 219, current 0.1, active_power 22"),
        ("r809a", "010e0101ffffffff010100",
         "OnOff 1, active_energy_import 4294967295, OverCurrentAlarm 1, DashCurrentAlarm 1,"
         " PowerOffAlarm 0"),
        ("ra02c", "0111011c01010000000000", "battery_voltage 2.8, COAlarm 1, HighTempAlarm 1"),
        ("ra02a", "010a011c0001ff9c000000",
         "battery_voltage 2.8, FireAlarm 0, HighTempAlarm 1, temperature -10"),
        ("ra02g", "01d7012401000100000000",
         "battery_voltage 3.6, IncenseSmokeAlarm 1, HighSoundAlarm 0, ShockTamperAlarm 1,"
         " PowerOffAlarm 0"),
        ("r718ea", "019a0124f6055aff9c0000",
         "battery_voltage 3.6, AngleX -10, AngleY 5, AngleZ 90, temperature -10"),
        ("r718eb", "01c80124ff9c0032038400",
         "battery_voltage 3.6, AngleX -10, AngleY 5, AngleZ 90"),
        ("r720c", "0170012400018bcdff9c00",
         "battery_voltage 3.6, pressure 1013.25, temperature -1"),
        ("r720e", "01a50124006409ea177001",
         "battery_voltage 3.6, TVOC_VOC 100, temperature 25.38, humidity 60"),
        ("r31501", "01d2011c084900120adc6a",
         "battery_voltage 2.8, FunctionEnable 2121, BinarySensorReport 18, temperature 27.8,"
         " humidity 53"),
        ("r31501", "01d2012400010005ff9c64",
         "battery_voltage 3.6, FunctionEnable 1, BinarySensorReport 5, temperature -1,"
         " humidity 50"),
        ("r31501", "01d2012400080005ffffff",
         "battery_voltage 3.6, FunctionEnable 8, BinarySensorReport 5"),
        ("r31503", "01d2022401f40000000000", "battery_voltage 3.6, illuminance 500"),
        ("r315la", "01dd0124010101f4020000",
         "battery_voltage 3.6, VModbusID 1, Status 1, distance 0.5, LowDistanceAlarm 0,"
         " HighDistanceAlarm 1"),
        ("r602b", "0169010384019f00000000",
         "HeartBeatTime 900, WarningStatus 1, battery_voltage 3.1, low_battery 1"),
        ("r603", "01de0124010001000000 00",
         "battery_voltage 3.6, WarningStatus 1, DCPowerFailureAlarm 1"),
        ("r718ma", "01260124ffcef6001e0000",
         "battery_voltage 3.6, rssi:device -50, snr:device -10, HeartInterval 30"),
        ("r831d", "01b0010100010001000000",
         "Relay_1 1, Relay_2 0, Relay_3 1, Input_1 0, Input_2 1, Input_3 0"),
        ("ra10", "0171010100000000000000", "OnOff 1"),
        ("r718ec", "011c0124b340b2c06a3e01",
         "battery_voltage 3.6, AccelerationX 5.59375, AccelerationY -5.5625,"
         " AccelerationZ 0.228516, ActiveStatus 1"),
        ("r313fa1", "01c7011e6a3e883e1f4100",
         "battery_voltage 3, AccelerationX 0.228516, AccelerationY 0.265625,"
         " AccelerationZ 9.9375"),
        ("r313fa1", "01c70212422b42c7440000", "VelocityX 36.5, VelocityY 42.75, VelocityZ 1592"),
        ("ra08b01", "01a0019f097a151f020c01",
         "battery_voltage 3.1, low_battery 1, temperature 24.26, humidity 54.07, co2 524,"
         " occupancy 1"),
        ("ra08b01", "01a0029f0001870f000032",
         "battery_voltage 3.1, low_battery 1, pressure 1001.11, illuminance 50"),
        ("ra08b01", "01a0039fffffffff000007", "battery_voltage 3.1, low_battery 1, tvoc 7"),
        ("ra08d", "01a00400000affffffff00", "HCHO 10"),
        ("ra08d", "01a0050000000001000000", "ThresholdAlarm 1"),
        ("r718ubd", "01bb02000001870f000032", "pressure 1001.11, illuminance 50"),
        ("r718ubd", "01bb030000110011ffff00", "pm2_5 17, pm10 17"),
        ("r718pa10", "0157090007d009e2ffff00", "NTU 200, temperature:ntu 25.3"),
        ("r718waa", "01be012409ea1a90010000",
         "battery_voltage 3.6, temperature 25.38, humidity 68, Status 1"),
        ("r720g", "01b5012402625a00f60a5a",
         "battery_voltage 3.6, latitude 40, AngleX -10, AngleY 10, AngleZ 90"),
        ("r720g", "01b50224fd9da60008ff9c",
         "battery_voltage 3.6, longitude -40, HDop 8, altitude -100"),
        ("r720g", "01b50224ffffffff08ffff", "battery_voltage 3.6, HDop 8"),
        ("rb02c", "01a7012400000100000000", "battery_voltage 3.6, Key_1 0, Key_2 0, Key_3 1"),
        ("r718ijk", "015c012401072ee04e0000",
         "battery_voltage 3.6, digital_input 1, current 0.007, voltage:adc 12,"
         " current:fine 0.0078"),
        ("r718e", "011c0124807f80ff c07f00", "battery_voltage 3.6"),
    ],
)  # fmt: skip
def test_payloads_of_the_manuals(device, payload, wanted):
    values = {}
    for part in wanted.split(", "):
        place, value = part.split()
        quantity, _, channel = place.partition(":")
        values[quantity, channel] = float(value)
    if ("battery_voltage", "") in values or device in ON_MAINS:
        values.setdefault(("low_battery", ""), 0)
    found = _codec(device).decode(bytes.fromhex(payload), 6)
    assert {(one.quantity, one.channel): one.value for one in found} == values


def test_the_sibling_of_a_device_type_is_told_by_its_name():
    status = bytes.fromhex("019c011309080019010900")
    assert [one.quantity for one in _codec("rp02").decode(status, 6)][:2] == [
        "BreakerRS485Addr", "BreakerType",
    ]  # fmt: skip
    with pytest.raises(PayloadError, match="0x8a"):
        _codec("r718ad").decode(bytes.fromhex("8a9c038407080100140100"), 7)
    with pytest.raises(PayloadError, match="one of 0x00, 0x01, 0x02, found 0x03"):
        _codec("r718e").decode(bytes.fromhex("011c0324ff9c0032038400"), 6)
    angles = {one.quantity: one.value for one in _codec("r718ec").decode(
        bytes.fromhex("011c0324ff9c0032038409"), 6
    )}  # fmt: skip
    assert (angles["AngleX"], angles["AngleZ"]) == (-0.5, 4.5)
    assert (angles["LowAngleXAlarm"], angles["HighAngleYAlarm"]) == (1, 1)


@pytest.mark.parametrize(
    ("payload", "f_port", "wanted"),
    [
        ("030111017fff9c044c05 01", 22, {
            "battery_voltage": 12.7, "low_battery": 0, "temperature": -1, "humidity": 11,
            "LowTemperatureAlarm": 1, "HighTemperatureAlarm": 0, "LowHumidityAlarm": 1,
            "HighHumidityAlarm": 0, "ShockTamperAlarm": 1,
        }),
        ("03010f0124 0bb8 ff9c 01f4 20 00", 22, {
            "battery_voltage": 3.6, "low_battery": 0, "soil_moisture": 30, "temperature": -1,
            "Soil_EC": 0.5, "LowSoil_VWCAlarm": 0, "HighSoil_VWCAlarm": 0,
            "LowSoil_TemperatureAlarm": 0, "HighSoil_TemperatureAlarm": 0, "LowSoil_ECAlarm": 0,
            "HighSoil_ECAlarm": 1, "ShockTamperAlarm": 0,
        }),
        ("030100 01 a4 0186a0 02 01", 22, {
            "battery_voltage": 3.6, "low_battery": 1, "current": 100, "LowCurrent1Alarm": 0,
            "HighCurrent1Alarm": 1, "ShockTamperAlarm": 1,
        }),
    ],
)  # fmt: skip
def test_the_r900_series(payload, f_port, wanted):
    found = _codec("r900a01o1").decode(bytes.fromhex(payload), f_port)
    assert {one.quantity: one.value for one in found} == wanted


def test_six_inputs_and_their_alarms():
    payload = bytes.fromhex("03010201 24 000001 000002 000003 000004 000005 000006 0801 00")
    found = {(m.quantity, m.channel): m.value for m in _codec("r900nac6").decode(payload, 22)}
    assert [found["current", str(n)] for n in range(1, 7)] == [n / 1000 for n in range(1, 7)]
    assert found["LowCurrent1Alarm", ""] == found["HighCurrent6Alarm", ""] == 1
    assert sum(value for (name, _), value in found.items() if name.endswith("Alarm")) == 2


@pytest.mark.parametrize(
    ("payload", "f_port"),
    [
        ("831b000000000000000000", 7),  # R718DB: SetRestoreReportRsp
        ("8351000000000000000000", 7),  # R313FC: SetR313FTypeRsp
        ("9fff000000000000000000", 7),  # any device: SetLastMessageResendtimeRsp
        ("810001000000000000000000", 16),
        ("82000100000fa5000003ed", 16),
        ("820000012c03", 32),
    ],
)
def test_answers_of_the_manuals_hold_no_measurements(payload, f_port):
    assert _codec("netvox").decode(bytes.fromhex(payload), f_port) == []
