"""What each Netvox device type reports: one block a layout, one line a report.

Source: Netvox, "LoRaWAN Application Command" (V1.8.6 and later, for public), "LoRaWAN Application
Devicetype V1.9", and the user manuals of the models, chapter 5 "Data Report".

A block begins with its device types in hex, the models, and the ids of the answers to commands
beyond 81 and 82 (which every device has); "< 05" takes the reports of device type 05, and the
lines below replace or add to them. A line is the report type in hex and the fields of
ingest/codecs/frames.py after it, parted by ";"; bytes after them are reserved. A line
"1[5&01=00]" is for payloads whose byte 5 (from 0), masked, is that; without "&" the whole byte.

    bat  the battery's voltage in 0.1 V in bits 0 to 6, bit 7 tells that it is low
    dc   the same, but 0 is a device on a power supply

Quantities are ours where the meaning is certain, and else the maker's names in the maker's units.
Currents beside a `Multiplier` are told in mA here, and ingest/codecs/netvox.py multiplies them.

Traps:
- The R718N3 and R718NL3 send the multiplier of inputs 2 and 3 in another message than their
  currents, so those stay `Current2` and `Current3`, mA before the multiplier.
- `pulse_count` of the R718H and R718H2 holds for their default, "clear when send". Who sets them
  to "clear when roll-over" gets a register of 16 bits instead.
- The socket's energy register is set to zero by a command (ClearEnergy).
"""

FIXED = """
01 0b 13 6e | R711 R712 R718A R718AB R720A
  1 bat; s16 temperature /100; u16 humidity /100
02 1d 7d | R311A R313A R718F R730F
  1 bat; u8 OnOff
03 07 | RB11E RB11E1 | 83 84
  1 bat; s16 temperature /100; u16 illuminance; u8 occupancy; u8 DisassembledAlarm
04 4b | R311G R311B R313B
  1 bat; u16 illuminance
05 09 0d 52 53 54 | RA07 R726 R727 RA07A R726A R727A series
  1 dc; u16 pm1:cf1 !0xffff; u16 pm2_5:cf1 !0xffff; u16 pm10:cf1 !0xffff
  2 dc; u16 pm1 !0xffff; u16 pm2_5 !0xffff; u16 pm10 !0xffff
  3 dc; u16 um0_3 !0xffff; u16 um0_5 !0xffff; u16 um1_0 !0xffff
  4 dc; u16 um2_5 !0xffff; u16 um5_0 !0xffff; u16 um10 !0xffff
  5 dc; u16 O3 /10 !0xffff; u16 CO /10 !0xffff; u16 NO /10 !0xffff
  6 dc; u16 NO2 /10 !0xffff; u16 SO2 /10 !0xffff; u16 H2S /10 !0xffff
  7 dc; u16 co2 /10 !0xffff; u16 NH3 /10 !0xffff; u16 Noise /10 !0xffff
  8 dc; u16 PH /100 !0xffff; s16 temperature:ph /100 !-1; s16 ORP !-1
  9 dc; u16 NTU /10 !0xffff; s16 temperature:ntu /100 !-1; u16 soil_moisture:ec5 /100 !0xffff
  a dc; u16 soil_moisture:5te /100 !0xffff; s16 temperature:5te /100 !-1
    u16 level /1000 !0xffff; u8 EC5TE /10 !0xff
  b dc; s16 temperature:ldo /100 !-1; u16 LDO_DO /100 !0xffff; u16 LDO_Sat /10 !0xffff
  c dc; s16 temperature /100 !-1; u16 humidity /100 !0xffff; u16 wind_speed /100 !0xffff
  d dc; u16 wind_direction !0xffff; u32 pressure /100 !0xffffffff
  e dc; u16 VOC /10 !0xffff
  f dc; u16 Nitrogen !0xffff; u16 Phosphorus !0xffff; u16 Potassium !0xffff
  10 dc; u16 soil_moisture /100 !0xffff; s16 temperature:soil /100 !-1
    u16 Soil_EC /1000 !0xffff
57 58 < 05 | R718PA R718PB series | 83 84 85 86 87 88 89 8a 8b 8c
  3 dc; u24 um0_3 !0xffffff; u16 um0_5 !0xffff; u16 um1_0 !0xffff
  6 dc; u16 NO2 /10 !0xffff; u16 SO2 !0xffff; u16 H2S /10 !0xffff
  11 dc; u16 Velocity /10 !0xffff; u16 Displacement /10 !0xffff; u16 Surface /10 !0xffff
06 46 47 86 88 | R311W R718WA2 R718WB2 R730WA2 R730WB2
  1 bat; u8 water_leak:1; u8 water_leak:2
12 32 85 87 | R718WB R718WA R730WA R730WB
  1 bat; u8 water_leak
0a | RA02A | 83 84
  1 bat; u8 FireAlarm; u8 HighTempAlarm; s16 temperature /10
0c 8f | RA07W R718WE | 83 84
  1 bat; u16 WaterLeakLocation *10
0e 73 | R809A R816B
  1 u8 OnOff; u32 active_energy_import; u8 OverCurrentAlarm; u8 DashCurrentAlarm; u8 PowerOffAlarm
  2 u16 voltage; u16 current /1000; u16 active_power
0f | R211
10 31 4d 55 | RB02I R718T R312A R312
  1 bat; u8 Alarm; u8 FunctionKeyTrigger
11 | RA02C | 83 84
  1 bat; u8 COAlarm; u8 HighTempAlarm
14 15 16 17 18 19 78 79 7a 7b 7c | R718B2, two inputs of R718C and R730C | 83 84
  1 bat; s16 temperature:1 /10; s16 temperature:2 /10
38 39 3a 3b 3c | R718CJ4 R718CK4 R718CT4 R718CR4 R718CE4 | 83 84
  1 bat; s16 temperature:1 /10; s16 temperature:2 /10
  2 bat; s16 temperature:3 /10; s16 temperature:4 /10
90 91 92 93 94 95 | R718CJ R718CK R718CT R718CR/R718CN R718CE R718B | 83 84
  1 bat; s16 temperature /10
9c | R718AD
  1 bat; s16 temperature /100
1a 1b 21 25 27 5b 82 89 8b 8d 97 9e 9f a8 a9 b7 | sensors of one state | 83 84
  1 bat; u8 status
4f < 1a | R311FA R313FA | 83 84 85 86
2f 3d 3e 43 45 4c 56 6c 7e 8a 8c 8e | sensors of two states | 83 84
  1 bat; u8 status1; u8 status2
1c | R718E | 83 84 87 88
  1 bat; b16< AccelerationX; b16< AccelerationY; b16< AccelerationZ
  2 b16< VelocityX; b16< VelocityY; b16< VelocityZ; s16 temperature /10
c7 | R311FA1 | 83 84 87 88
  1 bat; b16< AccelerationX; b16< AccelerationY; b16< AccelerationZ
  2 b16< VelocityX; b16< VelocityY; b16< VelocityZ
9a | R718EA | 83 84
  1 bat; s8 AngleX; s8 AngleY; s8 AngleZ; s16 temperature /10
c8 | R718EB | 83 84
  1 bat; s16 AngleX /10; s16 AngleY /10; s16 AngleZ /10
1e | R718G | 83 84
  1 bat; u32 illuminance
1f 7f | R718H R730H | 83 84 85 86
  1 bat; u16 pulse_count
3f 80 | R718H2 R730H2 | 83 84 85 86
  1 bat; u16 pulse_count:1; u16 pulse_count:2
20 2a 74 75 | R718IA R718IB R730IA R730IB
  1 bat; u16 voltage:adc /1000
41 42 76 77 | R718IA2 R718IB2 R730IA2 R730IB2
  1 bat; u16 voltage:adc1 /1000; u16 voltage:adc2 /1000
22 | R718KA
  1 bat; u8 current /1000; u8 current:fine /10000   # the same current twice, in 1 and 0.1 mA
44 | R718KA2
  1 bat; u8 current:1 /1000; u8 current:2 /1000; u8 current:fine1 /10000
    u8 current:fine2 /10000
23 | R718KB
  1 bat; x2; u24 Resistive
26 4e 81 | R718MA R311D R730MA
  1 bat; s16 rssi:device; s8 snr:device; u16 HeartInterval
2b 50 83 | R718MBB R311FB R730MBB | 83 84 85 86
  1 bat; u32 WorkCount
2c 51 84 | R718MBC R311FC R730MBC | 83 84 85 86
  1 bat; u32 WorkDurationTime
34 | R718X | 83 84 85 86 8b 8c
  1 bat; u8 Status; u16 distance /1000; s16 temperature /10; u8 FillLevel; u8 AngleOfInclination
b1 | R718PE | 83 84 85 86 8b 8c
  1 bat; u8 Status; u16 distance /1000; u8 FillLevel
35 36 37 5d 5e 5f 6a | RA0716 R72616 R72716 R718SA R728SA R729SA RA0716A R72616A
  1 bat; s16 temperature /100; u16 humidity /100; u16 pm2_5
48 | R718T2
  1 bat; u8 Alarm1; u8 Alarm2
49 | R718N1
  1 bat; u16 current; u8 Multiplier
98 | R718NL1
  1 bat; u16 current; u8 Multiplier; u32 illuminance
4a | R718N3
  1 bat; u16 current:1; u16 Current2; u16 Current3; u8 Multiplier1
  2 bat; u8 Multiplier2; u8 Multiplier3
  3 bat; u16 current:1; u16 current:2; u16 current:3; u8 _
    .0-1 MultiplierCode1; .2-3 MultiplierCode2; .4-5 MultiplierCode3
  4 bat; u8 _; .0 LowCurrent1Alarm; .1 HighCurrent1Alarm; .2 LowCurrent2Alarm
    .3 HighCurrent2Alarm; .4 LowCurrent3Alarm; .5 HighCurrent3Alarm
99 < 4a | R718NL3
  2 bat; u8 Multiplier2; u8 Multiplier3; u32 illuminance
ca | R718N360
  1 bat; u32 Channel_A
  2 u32 Channel_B; u32 Channel_C
5c | R718IJK
  1 bat; u8 digital_input; u8 current /1000; u16 voltage:adc /1000; u8 current:fine /10000
59 | R719A
  1 bat; u8 occupancy
5a | R311WA R313WA
  1 bat; u8 Status_1; u8 Status_2
69 | R602A R602B | 83
  1[6=00] u16 HeartBeatTime; u8 WarningStatus
  1 u16 HeartBeatTime; u8 WarningStatus; bat
6f | R720B
  1 bat; s16 temperature /100; u16 humidity /100; u8 Alarm
70 | R720C
  1 bat; u32 pressure /100; s16 temperature /100
71 | RA10
  1 u8 OnOff
72 | R718PC
9b | R718PA22 | 83 84
  1 bat; u16 level /1000; s16 temperature; u8 InstallStatus
a5 | R720E | 83
  1[10=00] bat; u16 tvoc; s16 temperature /100; u16 humidity /100
  1 bat; u16 TVOC_VOC; s16 temperature /100; u16 humidity /100   # an index, not ppb
a0 | RA08B RA08D series | 83 84 85 86 87 88 89 8a 8b 8c
  1 dc; s16 temperature /100 !-1; u16 humidity /100 !0xffff; u16 co2 !0xffff; u8 occupancy !0xff
  2 dc; u32 pressure /100 !0xffffffff; u24 illuminance !0xffffff
  3 dc; u16 pm2_5 !0xffff; u16 pm10 !0xffff; u24 tvoc !0xffffff
  4 dc; u16 HCHO !0xffff   # ppb; ozone and carbon monoxide follow, in a unit that we found nowhere
  5 dc; u32 ThresholdAlarm
a6 | RB02B
  1 bat; u8 Key_1; u8 Key_2
a7 | RB02C
  1 bat; u8 Key_1; u8 Key_2; u8 Key_3
aa | R311LA R313LA | 83 84
  1 bat; u8 Status; u16 RawSenseData
ac | R718Y
  1 bat; s16 DiffPressure /10; s16 temperature /10
ad | R831C | 83 84
  1 u8 Relay_1; u8 Relay_2; u8 Relay_3
b0 | R831D | 83 84
  1 u8 Relay_1; u8 Relay_2; u8 Relay_3; u8 Input_1; u8 Input_2; u8 Input_3
b5 | R720G | 83 84
  1 bat; s32 latitude /1000000 !-1; s8 AngleX; s8 AngleY; s8 AngleZ
  2 bat; s32 longitude /1000000 !-1; u8 HDop; s16 altitude !-1
b2 b3 | R831A R831B | 83 84
  1 u8 MotorStatus
bb | R718UB series | 83 84 85
  1 dc; s16 temperature /100 !-1; u16 humidity /100 !0xffff; u16 co2 !0xffff; u8 ShockEvent !0xff
  2 dc; u32 pressure /100 !0xffffffff; u24 illuminance !0xffffff
  3 dc; u16 pm2_5 !0xffff; u16 pm10 !0xffff; u16 tvoc !0xffff
6b bd be bf c0 c1 c2 c3 | R718WBA R718FA R718WAA R718DAA R718DBA R718TA R718VAA R718VBA
  1 bat; s16 temperature /100; u16 humidity /100; u8 Status
d2 | R315 series | 83 84 85 86 87 88 89 8a 8b 8c 8d 8e
  1[5&01=00] bat; u16 FunctionEnable; u16 BinarySensorReport
  1 bat; u16 FunctionEnable; u16 BinarySensorReport; s16 temperature /100; u8 humidity /2
  2 bat; u16 illuminance
d3 | R309
  1 bat; u8 EmergencyAlarm; u8 NoActiveAlarm
d4 | R720FLT
  1 bat; u32 ReplenishWaterCount; u8 FaultAlarm; u8 water_leak:tank
d6 | RA02D1
  1 bat; u8 LPGAlarm; u8 HighTempAlarm; s16 temperature /10
d7 | RA02G | 83 84 85 86 87 88 89 8a 8b 8c 8d
  1 bat; u8 IncenseSmokeAlarm; u8 HighSoundAlarm; u8 ShockTamperAlarm; u8 PowerOffAlarm
dd | R315LA | 83 84
  1 bat; u8 VModbusID; u8 Status; u16 distance /1000; u8 _
    .0 LowDistanceAlarm; .1 HighDistanceAlarm
de | R603 | 84 85 86 87 88 89 8a
  1 bat; u8 WarningStatus; x1; u8 DCPowerFailureAlarm
ff | any device | 9f a0
"""
"""FPort 6 and 7: a device type of one byte, and eight bytes of data."""

VARYING = """
0100 | R900NAC1 | 83 84
  1 bat; u24 current:1 /1000; u8 _; .0 LowCurrent1Alarm; .1 HighCurrent1Alarm; u8 ShockTamperAlarm
0101 | R900NAC3 | 83 84
  1 bat; u24 current:1 /1000; u24 current:2 /1000; u24 current:3 /1000; u8 _
    .0 LowCurrent1Alarm; .1 HighCurrent1Alarm; .2 LowCurrent2Alarm; .3 HighCurrent2Alarm
    .4 LowCurrent3Alarm; .5 HighCurrent3Alarm; u8 ShockTamperAlarm
0102 | R900NAC6 | 83 84
  1 bat; u24 current:1 /1000; u24 current:2 /1000; u24 current:3 /1000; u24 current:4 /1000
    u24 current:5 /1000; u24 current:6 /1000; u16 _
    .0 LowCurrent1Alarm; .1 HighCurrent1Alarm; .2 LowCurrent2Alarm; .3 HighCurrent2Alarm
    .4 LowCurrent3Alarm; .5 HighCurrent3Alarm; .6 LowCurrent4Alarm; .7 HighCurrent4Alarm
    .8 LowCurrent5Alarm; .9 HighCurrent5Alarm; .10 LowCurrent6Alarm; .11 HighCurrent6Alarm
    u8 ShockTamperAlarm
0103 | R900NDC | 83 84
  1 bat; u24 current:1 /1000; u24 current:2 /1000; u8 _; .0 LowCurrent1Alarm
    .1 HighCurrent1Alarm; .2 LowCurrent2Alarm; .3 HighCurrent2Alarm; u8 ShockTamperAlarm
0106 | R900PD01 | 83 84
  1 u16 PH /100; s16 temperature:ph /100; u16 NTU /10; s16 temperature:ntu /100
    u16 Residual /100; u16 _; .0 LowPHAlarm; .1 HighPHAlarm; .2 LowNTUAlarm; .3 HighNTUAlarm
    .4 LowResidualChlorineAlarm; .5 HighResidualChlorineAlarm; .6 LowTempWithPHAlarm
    .7 HighTempWithPHAlarm; .8 LowTempWithNTUAlarm; .9 HighTempWithNTUAlarm; u8 ShockTamperAlarm
010e < 0106 | R900PD01O1 | 83 84 85 86 87
0107 | R900PB02 | 83 84 85 86
  1 bat; u16 soil_moisture /100; s16 temperature:soil /100; u16 Soil_EC /1000; u8 _
    .0 LowSoil_VWCAlarm; .1 HighSoil_VWCAlarm; .2 LowSoil_TemperatureAlarm
    .3 HighSoil_TemperatureAlarm; .4 LowSoil_ECAlarm; .5 HighSoil_ECAlarm; u8 ShockTamperAlarm
010f < 0107 | R900PB02O1 | 83 84 85 86 87 88 89
0108 | R900PB03 | 83 84 85 86 87 88 89 8a
  1 bat; u8 Status; u16 distance /1000; u8 FillLevel; u8 _; .0 LowDistanceAlarm
    .1 HighDistanceAlarm; .2 LowFillLevelAlarm; .3 HighFillLevelAlarm; u8 ShockTamperAlarm
0110 < 0108 | R900PB03O1 | 83 84 85 86 87 88 89 8a 8b 8c 8d
0109 | R900A01 | 83 84
  1 bat; s16 temperature /100; u16 humidity /100; u8 _; .0 LowTemperatureAlarm
    .1 HighTemperatureAlarm; .2 LowHumidityAlarm; .3 HighHumidityAlarm; u8 ShockTamperAlarm
0111 < 0109 | R900A01O1 | 83 84 85 86 87
010a | R900A02 | 83 84
  1 bat; s16 temperature /100; u8 _; .0 LowTemperatureAlarm; .1 HighTemperatureAlarm
    u8 ShockTamperAlarm
0112 < 010a | R900A02O1 | 83 84 85 86 87
010b | R900A03 | 83 84
  1 bat; u8 water_leak; u8 ShockTamperAlarm
0113 < 010b | R900A03O1 | 83 84 85 86 87
"""
"""FPort 22 and 23, the R900 series: a device type of two bytes, and data as long as they are."""

RP02 = """
9c | RP02 | 83 84 85 86 87 88 89 8a 90 91 92 93 94 95 96
  1 u8 BreakerRS485Addr; u8 BreakerType; u8 BreakerProtectStatusBits_1P
    u8 AlarmStatusBits_1P; u8 Pre_TripStatusBits_1P; u8 TripStatusBits_1P
    u8 HandOrAutoControlAndSelfTestStatus
  2 u8 BreakerRS485Addr; u16 Current; u16 Voltage; u16 Power; s8 temperature
  3 u8 BreakerRS485Addr; u32 Energy; u8 Frequency; u8 PowerFactor
  4 u8 BreakerRS485Addr; u16 LeakageCurrent; u32 OnOffTotalCount
  11 u8 BreakerRS485Addr; u8 BreakerType; u16 BreakerProtectStatusBits; u16 AlarmStatusBits
    u16 PreTripStatusBits
  12 u8 BreakerRS485Addr; u16 TripStatusBits; u16 APhaseCurrent *10; u16 BPhaseCurrent *10
  13 u8 BreakerRS485Addr; u16 CPhaseCurrent *10; u16 APhaseVoltage; u16 BPhaseVoltage
    s8 temperature
  14 u8 BreakerRS485Addr; u16 CPhaseVoltage; u16 APhasePower; u16 BPhasePower; u8 Frequency
  15 u8 BreakerRS485Addr; u16 CPhasePower; u32 APhaseEnergy
  16 u8 BreakerRS485Addr; u32 BPhaseEnergy; u8 APhasePowerFactor; u8 CPhasePowerFactor
    u8 BPhasePowerFactor
  17 u8 BreakerRS485Addr; u32 CPhaseEnergy; u8 HandOrAutoControlStatus; u8 OnOffStatus
  18 u8 BreakerRS485Addr; u16 LeakageCurrent; u32 OnOffTotalCount
"""
"""The RP02 circuit breaker, whose device type is the R718AD's too.

We found no document of its units, so its electrical values keep the names and numbers of the
maker's decoder, and are no quantities of ours: energy for a bill must not rest on a guess.
"""

R718EC = """
1c | R718EC | 83 84 87 88
  1 bat; b16< AccelerationX; b16< AccelerationY; b16< AccelerationZ; u8 ActiveStatus
  2 b16< VelocityX; b16< VelocityY; b16< VelocityZ; s16 temperature /10
  3 bat; s16 AngleX *5 /1000; s16 AngleY *5 /1000; s16 AngleZ *5 /1000; u8 _
    .0 LowAngleXAlarm; .1 HighAngleXAlarm; .2 LowAngleYAlarm; .3 HighAngleYAlarm
    .4 LowAngleZAlarm; .5 HighAngleZAlarm
  4 bat; u8 _; .0 LowAccelerationXAlarm; .1 HighAccelerationXAlarm; .2 LowAccelerationYAlarm
    .3 HighAccelerationYAlarm; .4 LowAccelerationZAlarm; .5 HighAccelerationZAlarm; u8 _
    .0 LowVelocityXAlarm; .1 HighVelocityXAlarm; .2 LowVelocityYAlarm; .3 HighVelocityYAlarm
    .4 LowVelocityZAlarm; .5 HighVelocityZAlarm; u8 _; .0 LowTemperatureAlarm
    .1 HighTemperatureAlarm
"""
"""The R718EC vibration sensor, whose device type is the R718E's too, and which reports more."""
