"""Yobiiq's energy meters: EM2101, and EM4301, EM4301-CT and EM4302.

Source: the codecs that Yobiiq publishes (Yobiiq-BV/codecs; TheThingsNetwork/lorawan-devices,
`vendor/yobiiq`) and "Device Data" of its EM4302T (docs.yobiiq.com). How registers stand in a
payload, and what is left out: `yobiiq.py`. T1 and T2 are the tariffs.

- Energies are Wh and varh. EM4301-CT and EM4302 with newer firmware send them in steps of 10 Wh,
  on channel DDh: the channel tells the two layouts apart, and one message never has both.
- The maker calls 24h of EM2101 and EM4301 "kW" without a scale, where the newer layout has W; so
  it keeps the maker's name and number. 25h is signed, as in the newer layout.
- The maker's decoder rounds to 0.01 kvar and kVA; here is what the meter sent.
- A Modbus error says that the module could not read the meter: what comes with it is suspect.
"""

from collections.abc import Mapping

from ingest.codecs.frames import Frame
from ingest.codecs.yobiiq import (
    FF,
    INFO,
    INFO_OLD,
    LOGGER,
    Decode,
    Model,
    Register,
    registers,
    table,
)
from ingest.reading import Measurement, Quality

_RATIOS = table("""
    c1 u16 primaryCurrentTransformerRatio
    c2 u8 secondaryCurrentTransformerRatio
    d1 u32 primaryVoltageTransformerRatio
    d2 u16 secondaryVoltageTransformerRatio
""")


def _limits() -> dict[int, Register]:
    """Return the limits of the EM2101's relay, from 3Ch as fallback and from 50h as dynamic."""
    fields = (
        "u16 currentLimit{} /10",
        "u16 voltageLimit{}",
        "u16 powerLimit{}",
        "u16 deactivationDelay{}",
        "u16 activationDelay{}",
        "u16 offsetCurrent{} /10",
        "u16 offsetDelay{}",
        "u16 resetTime{}",
        "u8 resetAmount{}",
    )
    return {
        first + place: Register(Frame(one.format(kind)))
        for first, kind in ((0x3C, "Fallback"), (0x50, "Dynamic"))
        for place, one in enumerate(fields)
    }


_METER = """
    00 u32 index
    01 x4
    03 u32 dataloggerTimestamp
    04 {energy} active_energy_import:T1 {tens}
    05 {energy} active_energy_import:T2 {tens}
    06 {energy} active_energy_export:T1 {tens}
    07 {energy} active_energy_export:T2 {tens}
    08 {energy} reactive_energy_import:T1 {tens}
    09 {energy} reactive_energy_import:T2 {tens}
    0a {energy} reactive_energy_export:T1 {tens}
    0b {energy} reactive_energy_export:T2 {tens}
    0c {rms} voltage:L1 {volts}
    0d {rms} voltage:L2 {volts}
    0e {rms} voltage:L3 {volts}
    0f {rms} current:L123 /1000
    10 {rms} current:L1 /1000
    11 {rms} current:L2 /1000
    12 {rms} current:L3 /1000
    13 s32 active_power
    14 s32 active_power:L1
    15 s32 active_power:L2
    16 s32 active_power:L3
    17 s32 reactive_power:L1
    18 s32 reactive_power:L2
    19 s32 reactive_power:L3
    1a {rms} apparent_power:L1
    1b {rms} apparent_power:L2
    1c {rms} apparent_power:L3
    1d {factor} power_factor:L1 {parts}
    1e {factor} power_factor:L2 {parts}
    1f {factor} power_factor:L3 {parts}
    20 s16 phaseAngleL1 /100
    21 s16 phaseAngleL2 /100
    22 s16 phaseAngleL3 /100
    25 s32 reactive_power
    26 u32 apparent_power
"""
_OLD = table(
    _METER.format(energy="u32", tens="", rms="s32", volts="/10", factor="s8", parts="/100")
    + """
    23 s16 frequency /100
    24 u32 totalSystemActivePower
    27 s32 maximumL1CurrentDemand
    28 s32 maximumL2CurrentDemand
    29 s32 maximumL3CurrentDemand
    2a s32 averagePower
    2b u32 midYearOfCertification
    f0 d16 manufacturedYear
    f1 x2
    f2 x2
    """
)
_NEW = _RATIOS | table(
    _METER.format(energy="s32", tens="*10", rms="u32", volts="/100", factor="s16", parts="/1000")
    + """
    23 u16 frequency /100
    24 s32 active_power:system
    27 s32 totalSystemActivePowerDemand
    28 s32 totalSystemReactivePowerDemand
    29 u32 totalSystemApparentPowerDemand
    2a s32 maximumTotalSystemActivePowerDemand
    2b s32 maximumTotalSystemReactivePowerDemand
    2c u32 maximumTotalSystemApparentPowerDemand
    2d s32 maximumL1CurrentDemand
    2e s32 maximumL2CurrentDemand
    2f s32 maximumL3CurrentDemand
    30 s32 averagePower
    f0 u32 midYearOfCertification
    f1 d16 manufacturedYear
    f2 x2
    f3 x2
    f4 x4
    f5 u16 meterCode
    f6 u16 meterFaultCode
    f7 u8 deviceWatchdogFunction ?1
    f8 u16 deviceWatchdogTimeout
    f9 u8 deviceWatchdogAlarm ?1
    """
)
_ONE_PHASE = {
    number: one
    for number, one in _OLD.items()
    if number
    not in {*range(0x0D, 0x10), 0x11, 0x12, 0x13, 0x15, 0x16, 0x18, 0x19, 0x1B, 0x1C}
    | {0x1E, 0x1F, 0x21, 0x22, 0x28, 0x29}
}
_CHANNEL_NEW = 0xDD
_MODBUS = {b"\x0b\x0a": Register(Frame("u8 modbusErrorCode"))}
_NOT_OF_THE_METER = ("index", "modbusErrorCode", LOGGER)


def _meter(name: str, known: Mapping[int, Register]) -> Decode:
    """Return what reads a meter's registers, and whether Modbus failed."""
    read = registers(name, known, frozenset(range(256)) - {_CHANNEL_NEW}, _MODBUS)
    newer = registers(name, _NEW, frozenset((_CHANNEL_NEW,)))

    def decode(payload: bytes) -> list[Measurement]:
        if payload[0] == _CHANNEL_NEW:
            return newer(payload)
        found = read(payload)
        if not any(one.quantity == "modbusErrorCode" and one.value for one in found):
            return found
        return [
            one if one.quantity in _NOT_OF_THE_METER else one._replace(quality=Quality.SUSPECT)
            for one in found
        ]

    return decode


_RELAY = table("""
    01 u8 relayStatus ?1
    02 u8 digital_input ?1
""")
_RELAY_LOG = table("""
    01 u8 relaySwitchingOffReason ?3
    02 u8 relayEnableReason ?4
    03 u32 relaySwitchOffTime
    04 u32 relayEnableTime
    05 u32 currentWhenRelaySwitchingOff
    06 u32 voltageWhenRelaySwitchingOff
    07 u32 activePowerWhenRelaySwitchingOff
    08 u8 resetAmountStatus ?2
""")
_METER_ALARMS = table("""
    01 x4
    02 u8 lorawanWatchdogAlarm ?1
    03 u8 deviceWatchdogAlarm ?1
    04 u8 modbusCommunicationAlarm ?1
""")


def _em2101() -> dict[int, Decode]:
    name = "Yobiiq EM2101"
    about = INFO_OLD | _limits() | table("00 u8 relayStatus ?1")
    return {
        **dict.fromkeys(range(1, 11), _meter(name, _ONE_PHASE)),
        11: registers(name, _RELAY),
        50: registers(name, about, FF),
        60: registers(name, _RELAY_LOG, frozenset((0xFD,))),
    }


def _em4301() -> dict[int, Decode]:
    name = "Yobiiq EM4301"
    return {
        **dict.fromkeys(range(1, 11), _meter(name, _OLD)),
        11: registers(name, _METER_ALARMS, frozenset((0xAA,))),
        12: registers(name, _NEW, frozenset((_CHANNEL_NEW,))),
        50: registers(name, INFO | INFO_OLD | _RATIOS, FF),
    }


CODECS: tuple[Model, ...] = (
    Model("yobiiq-em2101", ("em2101", "yobiiq em 2101"), _em2101()),
    Model(
        "yobiiq-em4301",
        ("em4301", "em4301ct", "em4302", "em4302t", "yobiiq em 4301", "yobiiq em 4302"),
        _em4301(),
    ),
)
