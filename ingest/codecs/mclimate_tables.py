"""What MClimate's devices report, and what they answer to the byte of a command.

Source: MClimate/mclimate-payload-helper (`src/decoders`), and the codecs that the maker publishes
(TheThingsNetwork/lorawan-devices, `vendor/mclimate`). A byte means different things to different
models, so each has its own tables. Lists, schedules and versions are passed over ("x4").
"""

from ingest.codecs.frames import Frame


def answers(table: str) -> dict[int, Frame]:
    """Return the frames of a table whose lines are a command's byte, and fields after ";"."""
    found: dict[int, Frame] = {}
    for line in table.split("\n"):
        command, _, fields = line.strip().partition(" ")
        if command:
            found[int(command, 16)] = Frame(fields.replace(";", "\n"))
    return found


COMMON = answers("""
    04 x2
    12 u8 keepAliveTime
    19 u8 joinRetryPeriod *5 /60
    1b u8 uplinkType
    1d u8 watchDogParams:wdpC; u8 watchDogParams:wdpUc
    a0 x4
    a4 u8 region
""")
ZONES = answers("""
    1f u16 boundaryLevels:good_medium; u16 boundaryLevels:medium_bad
    21 u16 autoZeroValue
    25 u8 measurePeriod:good_zone; u8 measurePeriod:medium_zone; u8 measurePeriod:bad_zone
    2b u8 autoZeroPeriod
""")
SHOWN = answers("""
    14 u8 childLock
    34 u8 displayRefreshPeriod
    3d u8 pirSensorStatus
    3f u8 pirSensorSensitivity
    41 u8 currentTemperatureVisibility
    43 u8 humidityVisibility
    45 u8 lightIntensityVisibility
    47 u8 pirInitPeriod
    49 u8 pirMeasurementPeriod
    4b u16 pirCheckPeriod
    4d u16 pirBlindPeriod
    80 u8 measurementBlindTime
    83 u8 _; .2 imagesVisibility:chart; .1 imagesVisibility:digital_value; .0 imagesVisibility:emoji
""")
OCCUPIED = answers("""
    2f u8 uplinkSendingOnButtonPress
    37 u8 pirSensorState
    39 u16 occupancyTimeout
    3d u8 pirSensorStatus
    3f u8 pirSensorSensitivity
    49 u8 pirMeasurementPeriod
    4b u8 pirCheckPeriod
    4d u8 pirBlindPeriod
""")
VICKI = answers("""
    05 u8 targetTemperatureStep /10
    13 x4
    14 u8 childLock
    15 u8 temperatureRangeSettings:min; u8 temperatureRangeSettings:max
    16 u8 internalAlgoParams:period; u8 internalAlgoParams:pFirstLast; u8 internalAlgoParams:pNext
    17 u8 internalAlgoTdiffParams:warm; u8 internalAlgoTdiffParams:cold
    18 u8 operationalMode
    1f u8 primaryOperationalMode
    21 x6
    23 x4
    25 x31
    27 u8 OVAC
    28 u8 manualTargetTemperatureUpdate
    29 u8 proportionalAlgoParams:coefficient; u8 proportionalAlgoParams:period
    2b u8 algoType
    34 u8 childLockBehavior
    36 u24 proportionalGain /131072
    3d u24 integralGain /131072
    3f u16 integralValue /10
    40 u8 piRunPeriod
    42 u8 tempHysteresis /10
    44 u16 extSensorTemperature /10
    46 u8 openWindow_enabled; u8 openWindow_duration *5; u8 openWindow_delta /10
    48 u8 forceAttach
    4a x3
    4b x1
    4d u16 maxAllowedIntegralValue /10
    50 x2
    52 u16 targetTemperatureFloat /10
    53 u8 targetTemperatureStep /10
    54 u8 temperatureOffset -28 *0.176
    56 u8 displayTemperatureUnits
    58 x2
    5a x41
    5c x4
    5e x4
    60 s8 deviceTimeZone
    62 u8 autoSetpointRestoreStatus *10
    64 u8 ledIndicationDuration /2
    66 u16 offlineTargetTemperature /10
    68 u8 internalAlgoTemporaryState
    6a x12
    6e u8 timeRequestByMACcommand
""")
SETPOINT = answers("""
    2f u8 targetTemperature
    30 u8 manualTargetTemperatureUpdate
    32 u8 heatingStatus
    36 u8 sendTargetTempDelay
    38 u8 automaticHeatingStatus
    3a u8 sensorMode
    4f u8 temperatureHysteresis /10
    51 u16 targetTemperature /10
    53 u8 targetTemperatureStep /10
    54 u16 manualTargetTemperatureUpdate /10
""")
FAN_COIL = answers(
    """
    05 u8 targetTemperatureStep /10
    14 u8 keysLock
    15 u8 temperatureRangeSettings:min; u8 temperatureRangeSettings:max
    17 x4
    2f u8 targetTemperature
    30 u16 manualTargetTemperatureUpdate /10
    32 u8 valveOpenCloseTime
    34 u8 displayRefreshPeriod
    36 u8 extAutomaticTemperatureControl
    3e u16 extSensorTemperature /10
    44 u16 extSensorTemperature /10
    49 u8 ecmVoltageRange:min /10; u8 ecmVoltageRange:max /10
    51 u8 frostProtection:threshold; u8 frostProtection:setpoint
    53 u8 targetTemperatureStep /10
    5b x2
    65 x2
    6b u8 deltaTemperature1 /10
    6d u8 deltaTemperature2 /10; u8 deltaTemperature3 /10
    74 u8 ntcTemperature; u8 automaticChangeover
    77 x4
"""
    + "\n".join(
        f"{command} u8 {name}"
        for command, name in {
            **{"18": "operationalMode", "45": "fanSpeed", "47": "fanSpeedLimit"},
            **{"4b": "ecmStartUpTime", "4d": "ecmRelay", "4f": "frostProtection"},
            **{"55": "allowedOperationalModes", "57": "coolingSetpointNotOccupied"},
            **{"59": "heatingSetpointNotOccupied", "5d": "fanSpeedNotOccupied"},
            **{"5f": "automaticChangeover", "61": "wiringDiagram", "63": "occFunction"},
            **{"69": "returnOfPowerOperation", "6e": "frostProtectionStatus"},
            **{"70": "occupancySensorStatusSetPoint", "71": "occupancySensorStatus"},
            **{"72": "dewPointSensorStatus", "73": "filterAlarm", "75": "powerModuleStatus"},
            **{"79": "fanOffDelayTime", "7b": "additionalFanMode"},
            **{"7c": "internalTemperatureSensorError", "7d": "externalTemperatureSensorError"},
        }.items()
    )
)
SWITCHED = answers("""
    1f u8 overheatingThresholds:trigger; u8 overheatingThresholds:recovery
    21 u16 overvoltageThresholds:trigger; u8 overvoltageThresholds:recovery
    23 u8 overcurrentThreshold
    25 u16 overpowerThreshold
    54 u8 relayStateChangeReason
    56 x3
    58 x3
    5a u8 afterOverheatingProtectionRecovery
    5c u8 ledIndicationMode
    5d u8 manualChangeRelayState
    5f u8 relayRecoveryState
    60 u8 overheatingEvents; u8 overheatingTemperature
    61 u8 overvoltageEvents; u16 overvoltage
    62 u8 overcurrentEvents; u16 overcurrent
    63 u8 overpowerEvents; u16 overpower
    70 u16 overheatingRecoveryTime
    71 u16 overvoltageRecoveryTime
    72 u8 overcurrentRecoveryTemp
    73 u8 overpowerRecoveryTemp
    a6 x1
    b1 u8 relayState
""")
PRESSED = answers("""
    1f u8 sendEventLater
    b1 u24 singlePressEventCounter
    b2 u24 doublePressEventCounter
    b3 u24 triplePressEventCounter
""")
# What happened (3a, 3b, 40) is said by the report after it.
PIR_MINI = answers("""
    1f u8 lightSensorState
    22 u8 ledBrightness
    37 u8 pirSensorState
    39 u16 occupancyTimeout
    3d u8 pirDemoMode
    3f u8 pirOperationMode
    42 u16 pirBlindTime
    44 u8 pirCounterResetFlag
    3a x0
    3b x0
    40 x0
""")
FLOODED = answers("""
    04 x2
    06 u8 alarmDuration
    07 x2
    09 u8 floodEventSendTime
    10 u8 floodAlarmTime
    11 u8 workingVoltage *8 +200 /1000
    12 u16 keepAliveTime
    14 u8 floodEventUplinkType
    19 u8 joinRetryPeriod *5 /60
    1b u8 uplinkType
    1d u8 watchDogParams:wdpC; u8 watchDogParams:wdpUc
""")
VALVED = answers("""
    04 x2
    07 x2
    0e u16 openingTime; u16 closingTime
    0f u8 emergencyOpenings
    10 u8 floodAlarmTime
    11 u8 workingVoltage *8 +200 /1000
    12 u8 keepAliveTime
    13 u8 deviceFloodSensor
    16 u8 joinRetryPeriod *5 /60
    18 u8 uplinkType
    1a u8 watchDogParams:wdpC; u8 watchDogParams:wdpUc
""")
NOTIFIED = answers("""
    23 u8 notifyPeriod:good_zone; u8 notifyPeriod:medium_zone; u8 notifyPeriod:bad_zone
    27 x9
    29 x15
""")

# Reports

WARM = "u16 temperature -400 /10\n u8 humidity *100 /256\n"
WARM_10 = "u16 _\n .0-9 temperature -400 /10\n .2 _\n u8 humidity *100 /256\n"
CELL_8 = "u8 battery_voltage +200 *8 /1000\n"
CELL_255 = "u8 battery_voltage +185.45454545454547 *2200 /255000\n"  # 1.6 to 3.8 V
CO2 = "u8 co2_low\n u8 _\n .3-7 co2_high\n .0-2 powerSourceStatus\n u16 illuminance\n"
THERMISTOR = "u16 _\n .0-{} temperature:thermistor /10\n .10 thermistorDisconnected\n"
ROUNDED = {"temperature": 2, "humidity": 2, "battery_voltage": 2}


def vicki_report(temperature: str) -> Frame:
    """Return the keep-alive frame of Vicki, whose temperature stands in one of two ways."""
    return Frame(f"""
        u8 reason
        u8 targetTemperature
        u8 {temperature}
        u8 humidity *100 /256
        u8 position_low
        u8 range_low
        u8 _
        .4-7 position_high
        .0-3 range_high
        u8 _
        .4-7 battery_voltage +20 /10
        .3 openWindow
        .2 highMotorConsumption
        .1 lowMotorConsumption
        .0 brokenSensor
        u8 _
        .7 childLock
        .6 calibrationFailed
        .5 attachedBackplate
        .4 perceiveAsOnline
        .3 antiFreezeProtection
    """)


RELAY = Frame("""
    u8 _
    m8 temperature:internal
    u32 active_energy_import
    u16 active_power
    u8 voltage
    u16 current /1000
    u8 relayState
""")
AIR = Frame("""
    x1
    u24 _
    .15-23 sAQI *16
    .10-14 AQI *16
    .0-9 CO2eq *32
    u8 VOC *4
    u8 humidity *4 /10
    u24 _
    .13-23 pressure +750 *40 /100
    .2-11 temperature -400 /10
    .0-1 accuracy_aqi
    u8 battery_voltage +200 *8 /1000
""")
THERMOSTAT = f"x1\n {WARM} u16 battery_voltage /1000\n {{}} u8 powerSourceStatus\n"
LIGHT_PIR = "u16 illuminance\n u8 _\n .0 motion"

FLOOD_HEAD = """
    u8 _
    .5-7 reason
    .3 boxTamper
    .1 water_leak
"""
FLOOD_REPORTS = {
    2: Frame(FLOOD_HEAD + "u8 battery_voltage *16 /1000"),
    3: Frame(FLOOD_HEAD + "u8 battery_voltage *16 /1000\n u8 temperature"),
}
VALVE_REPORTS = {
    2: Frame("""
        u8 temperature:water /2
        u8 _
        .7 valveState
        .0-6 temperature -20 /2
    """),
    5: Frame(
        FLOOD_HEAD
        + """
        .2 floodDetectionWireState
        .0 magnet
        u8 _
        .7 alarmValidated
        .6 manualOpenIndicator
        .5 manualCloseIndicator
        u8 closeTime
        u8 openTime
        u8 battery_voltage +200 *8 /1000
    """
    ),
}
