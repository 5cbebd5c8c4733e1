"""Yobiiq IQ-DSMR-LRW and IQ-OPENTHERM-LRW: what smart meters and boilers say, in registers.

Source: the decoders that Yobiiq publishes (TheThingsNetwork/lorawan-devices, `vendor/yobiiq`,
iq-dsmr-lrw.js and iq-opentherm-lrw.js). The units of OpenTherm are those of its protocol 2.2 as far
as memory serves; the document was not at hand. How registers stand in a payload: `yobiiq.py`.

DSMR: power is positive where it is delivered to the customer, as everywhere here. The telegram's
time is the meter's local time without a zone, and left out. The last readings of gas, heat or
water come without a unit, and keep the maker's name. The maker reads temperatures without a sign;
its manual of generic data has one, and so have we.

OpenTherm: every data point says whether the boiler has it (00h: it has not). A number of 8 bits
before and 8 after the point is told exactly, where the maker rounds to two decimals. The boiler's
clock is left out. A data point that the maker does not name is told by its number.
"""

from ingest.codecs.frames import Frame, cut_short
from ingest.codecs.yobiiq import FF, INFO, Model, registers, table
from ingest.errors import PayloadError
from ingest.reading import Measurement

_SECOND_NS = 1_000_000_000
_P1 = table(
    """
    fe x4
    00 x2
    02 x4
    06 u32 active_energy_import:T1
    08 u32 active_energy_import:T2
    0a u32 active_energy_export:T1
    0c u32 active_energy_export:T2
    0e u16 tariffIndicator
    10 s32 active_power:import
    12 s32 active_power:export *-1
    14 u32 numberOfPowerFailuresInAnyPhase
    1a u32 numberOfVoltageSagsL1
    1c u32 numberOfVoltageSagsL2
    1e u32 numberOfVoltageSagsL3
    1f u32 numberOfVoltageSwellsL1
    20 u32 numberOfVoltageSwellsL2
    21 u32 numberOfVoltageSwellsL3
    22 s32 voltage:L1 /10
    23 s32 voltage:L2 /10
    24 s32 voltage:L3 /10
    26 s32 current:L1
    28 s32 current:L2
    2a s32 current:L3
    2c s32 active_power:L1_import
    2e s32 active_power:L2_import
    30 s32 active_power:L3_import
    32 s32 active_power:L1_export *-1
    33 s32 active_power:L2_export *-1
    34 s32 active_power:L3_export *-1
    46 u16 deviceTypeOnChannel1
    56 u16 deviceTypeOnChannel2
    66 u16 deviceTypeOnChannel3
    76 u16 deviceTypeOnChannel4
    71 s16 temperature:internal /100
    72 u8 humidity:internal
    81 s16 temperature /100
    82 u8 humidity
    d1 u32 pulse_register:1
    d2 u32 pulse_register:2
    """
)
_P1_CHANNELS = frozenset((0xDD, 0xFF))
_P1_NAME = "Yobiiq IQ-DSMR"
_P1_PLAIN = registers(_P1_NAME, _P1, _P1_CHANNELS)
_FAILURES = 0x18
_READINGS = {0x50: 1, 0x60: 2, 0x70: 3, 0x80: 4}
_TIMED = 8  # bytes: seconds since 1970, and a number


def _dsmr(payload: bytes) -> list[Measurement]:
    """Return a message's values; power failures and last readings have their own times."""
    found: list[Measurement] = []
    at = 0
    while at < len(payload):
        number = payload[at + 1] if at + 1 < len(payload) else None
        plain = None if number is None else _P1.get(number)
        if plain is not None and plain.frame is not None:
            size = 2 + plain.frame.size
            found += _P1_PLAIN(payload[at : at + size])
            at += size
            continue
        if number in _READINGS and payload[at] in _P1_CHANNELS:
            names, count, at = [f"lastReadingOnChannel{_READINGS[number]}"], 1, at + 2
        elif number == _FAILURES and payload[at] in _P1_CHANNELS:
            count, at = int.from_bytes(_bytes(payload, at + 2, 4)), at + 6
            _bytes(payload, at, count * _TIMED)
            names = ["powerFailureEventLog"]
        else:
            raise PayloadError(
                f"{_P1_NAME} at byte {at}", "a register that the maker knows", payload[at:].hex()
            )
        for _ in range(count):
            part = _bytes(payload, at, _TIMED)
            time_ns = int.from_bytes(part[:4]) * _SECOND_NS or None
            found.append(Measurement(names[0], float(int.from_bytes(part[4:])), "", time_ns))
            at += _TIMED
    return [
        one._replace(channel=one.channel.replace("_", " "), value=one.value + 0.0) for one in found
    ]


def _bytes(payload: bytes, at: int, size: int) -> bytes:
    if at + size > len(payload):
        raise cut_short(_P1_NAME, at, size, len(payload) - at)
    return payload[at : at + size]


_BOUNDS = "s8 {0}.UpperTemperature; s8 {0}.LowerTemperature"


def _flags(group: str, *names: str) -> str:
    bits = (f".{bit} {group}.{name}" for bit, name in enumerate(names))
    return ";".join(("u8 _", *bits))


_MASTER = _flags(
    "masterStatus",
    "centralHeating",
    "domesticHotWater",
    "cooling",
    "outsideTemperatureCompensation",
    "centralHeating2",
)
_SLAVE = _flags(
    "slaveStatus",
    "faultIndication",
    "centralHeatingMode",
    "domesticHotWaterMode",
    "flame",
    "coolingMode",
    "centralHeating2Mode",
    "diagnosticIndication",
)
_CONFIGURATION = _flags(
    "slaveConfigurationFlags",
    "domesticHotWaterPresence",
    "controlType",
    "coolingConfig",
    "domesticHotWaterConfig",
    "pumpControlFunction",
    "centralHeating2Presence",
)
_FAULTS = _flags(
    "applicationSpecificFaultFlags",
    "serviceRequest",
    "remoteReset",
    "lowWaterPressure",
    "gasOrFlame",
    "airPressure",
    "waterOverTemperature",
)
_REMOTE = ("domesticHotWaterSetpoint", "centralHeatingSetpointMaximum")
_TRANSFER = _flags("remoteParameterTransferFlags", *_REMOTE)
_READ_WRITE = _flags("remoteParameterReadOrWriteFlags", *_REMOTE)
_PRIORITY = _flags("remoteOverrideFunction", "manualChangePriority", "programChangePriority")
_POINTS = table(
    f"""
    00 {_MASTER};{_SLAVE}
    01 s16 controlSetpointTemperature /256
    02 x1; u8 masterMemberIdCode
    03 {_CONFIGURATION}; u8 slaveMemberIdCode
    05 {_FAULTS}; u8 equipmentManufacturerFaultCode
    06 {_TRANSFER};{_READ_WRITE}
    07 s16 coolingControlSignalPercentage /256
    08 s16 controlSetpointTemperature2 /256
    0a u8 numberOfTransparentSlaveParameters; x1
    0b u8 transparentSlaveParameter.Index; u8 transparentSlaveParameter.Value
    0c u8 faultBufferSize; x1
    0d u8 faultHistoryBuffer.Index; u8 faultHistoryBuffer.Value
    0e s16 maximumRelativeModulationLevel /256
    0f u8 maximumBoilerCapacity; u8 minimumModulationLevel
    10 s16 roomSetpointTemperature /256
    11 s16 relativeModulationLevel /256
    12 s16 pressure:water *1000 /256
    13 s16 flow:domestic_hot_water *60 /256000
    14 x2
    15 x2
    16 x2
    17 s16 roomSetpointTemperature2 /256
    18 s16 temperature:room /256
    19 s16 temperature:boiler_flow /256
    1a s16 temperature:domestic_hot_water /256
    1b s16 temperature:outside /256
    1c s16 temperature:return /256
    1d s16 temperature:solar_storage /256
    1e s16 temperature:solar_collector /256
    1f s16 temperature:flow_2 /256
    20 s16 temperature:domestic_hot_water_2 /256
    21 s16 temperature:boiler_exhaust
    30 {_BOUNDS.format("domesticHotWaterSetpointAdjustmentBounds")}
    31 {_BOUNDS.format("centralHeatingWaterMaximumSetpointAdjustmentBounds")}
    32 {_BOUNDS.format("outsideTemperatureCompensationHeatCurveRatioAdjustmentBounds")}
    38 s16 domesticHotWaterSetpointTemperature /256
    39 s16 centralHeatingWaterMaximumSetpointTemperature /256
    3a s16 outsideTemperatureCompensationHeatCurveRatio /256
    64 {_PRIORITY}; x1
    73 u16 originalEquipmentManufacturerDiagnosticCode
    74 u16 numberOfStartsBurner
    75 u16 numberOfStartsCentralHeatingPump
    76 u16 numberOfStartsDomesticHotWaterPumpOrValve
    77 u16 numberOfStartsBurnerDuringDomesticHotWaterMode
    78 u16 numberOfHoursWhenBurnerOperating
    79 u16 numberOfHoursWhenCentralHeatingPumpOperating
    7a u16 numberOfHoursWhenDomesticHotWaterPumpOrValveOperating
    7b u16 numberOfHoursOfBurnerOperatingDuringDomesticHotWaterMode
    7c x2
    7d x2
    7e x2
    7f x2
    """
)
_OPENTHERM_NAME = "Yobiiq IQ-OPENTHERM"
_CHANNEL, _MISSING, _THERE = 0xDD, 0x00, frozenset((0xAA, 0xAB))
_CLOCKS = {0xFE: Frame("x4"), 0xFD: Frame("u32 dataloggerTimestamp")}
_REMOTE_COMMAND, _OVERRIDE = 0x04, 0x09
_COMMANDS = (1, 2)


def _opentherm(payload: bytes) -> list[Measurement]:
    """Return the data points that the boiler has."""
    found: list[Measurement] = []
    at = 0
    while at < len(payload):
        head = _bytes(payload, at, 3)
        if head[0] != _CHANNEL:
            raise PayloadError(f"{_OPENTHERM_NAME} at byte {at}", "channel DDh", f"{head[0]:02x}h")
        clock = _CLOCKS.get(head[1])
        if clock is not None:
            _bytes(payload, at + 2, clock.size)
            found += clock.read(payload, at + 2)
            at += 2 + clock.size
            continue
        at += 3
        if head[2] == _MISSING:
            continue
        if head[2] not in _THERE:
            raise PayloadError(
                f"{_OPENTHERM_NAME} data point", "00h, AAh or ABh before it", f"{head[2]:02x}h"
            )
        found += _point(head[1], _bytes(payload, at, 2))
        at += 2
    return found


def _point(number: int, raw: bytes) -> list[Measurement]:
    known = _POINTS.get(number)
    if known is not None and known.frame is not None:
        return known.frame.read(raw)
    value = int.from_bytes(raw)
    if number == _OVERRIDE:
        return [Measurement("remoteOverrideRoomSetpoint", float(value != 0))]
    if number == _REMOTE_COMMAND:
        if raw[0] not in _COMMANDS:
            return []
        return [
            Measurement("remoteCommand.commandCode", float(raw[0])),
            Measurement("remoteCommand.completed", float(raw[1] >> 7)),
        ]
    return [Measurement(f"DataPointID{number}", float(value))]


_OPENTHERM_ALARMS = table("""
    fe x4
    00 u8 configurationAlarm ?5
    01 u8 boilerWatchdog ?1
    02 u8 thermostatWatchdog ?1
""")
_SETTINGS = table("""
    12 u8 adr ?1
    13 u8 sf ?6
    64 s16 watchdogThermostatTimeout
    65 s16 watchdogBoilerTimeout
    66 u8 deviceOperationMode ?1
    67 u8 boilerSetpointMode ?4
    70 u8 realThermostat ?1
    71 u8 boilerCentralHeating ?1
    72 u8 boilerDomesticHotWater ?1
    73 u8 boilerCooling ?1
    74 u8 boilerOutsideTemperatureCompensation ?1
    75 u8 boilerCentralHeating2 ?1
    95 s16 outsideTemperature /100
    96 s16 dewpointOffsetTemperature /100
    97 s16 dewpointTemperature /100
    98 s16 deltaRoomTemperature /100
    99 s16 heatcurveMinimumTemperature /100
    9a s16 heatcurveMaximumTemperature /100
    9b s16 outsideTemperature1 /100
    9c s16 supplyTemperature1 /100
    9d s16 outsideTemperature2 /100
    9e s16 supplyTemperature2 /100
    9f s8 compensationFactorHigher
    a0 s8 compensationFactorLower
    a1 s8 compensationValueMinimum
    a2 s8 compensationValueMaximum
    a3 s16 calculatedHeatingCurveValue /100
    a4 s16 calculatedSetpointBoiler /100
    a5 s16 externalHeatDemand /100
""")
_STATUS = 11


def _nothing(payload: bytes) -> list[Measurement]:
    """Return nothing: the maker does not say what a status packet holds."""
    del payload
    return []


CODECS: tuple[Model, ...] = (
    Model(
        "yobiiq-dsmr",
        ("yobiiq dsmr", "iq dsmr"),
        {
            **dict.fromkeys(range(1, 11), _dsmr),
            _STATUS: _nothing,
            50: registers(_P1_NAME, INFO, FF),
        },
    ),
    Model(
        "yobiiq-opentherm",
        ("yobiiq opentherm", "iq opentherm", "yobiiq otm"),
        {
            **dict.fromkeys(range(1, 6), _opentherm),
            11: registers(_OPENTHERM_NAME, _OPENTHERM_ALARMS, frozenset((0xAA,))),
            50: registers(_OPENTHERM_NAME, INFO, FF),
            100: registers(_OPENTHERM_NAME, _SETTINGS, FF),
        },
    ),
)
