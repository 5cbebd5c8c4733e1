"""What each channel of each Milesight series holds: one block a series, one line a channel.

Source: Milesight, user guides of the products, chapter "Uplink Packet" ("Device Communication
Protocol"), and the tables of payloads that Milesight publishes for its sensors.

A block begins with "name < parent | words": the codec's name, the block that it adds to and
replaces lines of, and patterns of which each must match a word of the device (its product name).
A line is the channel's id and its type in hex, and the fields of ingest/codecs/frames.py, parted
by ";". All numbers are little-endian.

    03,05 01      several ids of one meaning; {} in a field is 1 for the first, 2 for the second …
    20 ce[4=01]   only if byte 4 after the type (from 0) is that; [0&f0=00] masks it first. Lines
                  of one type are tried in their order; several values with "," count {} as above
    @; …          begins with the time of sampling, seconds since 1970, u32: a value of the past
    10 e4#0region byte 0 (after a time) says which of several it is: the channel is "region1" …
    ff 0e modbus:6 …   a Modbus channel, counted from 6, and what follows its value
    20 ce two_inputs   a function of ingest/codecs/milesight.py reads it

Quantities are ours where the meaning is certain, and else the maker's names: `total_current` is
in A·h, `conductivity` in uS/cm, `hcho` in mg/m3; `tvoc_level` is the index from 0 to 5 that an
AM300 gives unless it is set to `tvoc_ug_m3`. Of switches, doors and alarms 1 is on, open,
triggered.

Traps: 0xffff is a failed reading only where a line says so; elsewhere it is −0.1 °C.
"""

_ALARM = ".0 current_threshold_alarm{0}; .1 current_threshold_alarm_release{0};"
_ALARM += " .2 current_over_range_alarm{0}; .3 current_over_range_alarm_release{0}"
_ONE, _EACH = _ALARM.format(""), _ALARM.format(":{}")
_SWITCHES = "; ".join(f".{n} switch:{n + 1}" for n in range(8))

CHANNELS = f"""
milesight |
  01 75 u8 battery_level
  03 67 s16 temperature /10
  04 68 u8 humidity /2
  83 67 s16 temperature /10; u8 temperature_alarm
  84 68 u8 humidity /2; u8 humidity_alarm
  83 d7 s16 temperature /10; s16 temperature_change /10; u8 temperature_alarm
  93 67 s16 temperature /10; s16 temperature_mutation /10; u8 temperature_alarm
  94 68 u8 humidity /2; u8 humidity_mutation /2; u8 humidity_alarm
  b3 67 u8 temperature_sensor_status
  b4 68 u8 humidity_sensor_status
  06 65 u16 illuminance; u16 infrared_and_visible; u16 infrared
  05 6a u16 motion
  06 cb u8 light_level
  07 7d u16 co2
  06,09 73 u16 pressure /10
  03,04 82 u16 distance /1000
  83,84 82 u16 distance /1000; u8 distance_alarm
  03 7b u16 pressure:pipe *10
  03 94 u32 illuminance
  03 77 u16 level /100
  04 ca u16 soil_moisture /100
  05 7f u16 conductivity
  03 74 u16 voltage /10
  04 80 u32 active_power
  05 81 u8 power_factor /100
  06 83 u32 active_energy_import
  07 c9 u16 current /1000
  03 00 u8 state:3
  04 00 u8 state:4
  05 00 u8 state:5
  06 00 u8 state:6
  07 00 u8 state:7
  ff 19 modbus:-1
  ff 15 fault:-1

milesight-am102 < milesight | am102l?
  20 ce @; s16 temperature /10; u8 humidity /2

milesight-am103 < milesight | am103l?
  20 ce @; s16 temperature /10; u8 humidity /2; u16 co2

milesight-am104 < milesight | am10[47]
  08 7d u16 tvoc

milesight-am300 < milesight |
  05 00 u8 motion
  08 7d u16 tvoc_level /100
  08 e6 u16 tvoc_ug_m3
  0a 7d u16 hcho /100
  0b 7d u16 pm2_5
  0c 7d u16 pm10
  0d 7d u16 o3_ppm /100
  0e 01 u8 buzzer

milesight-am307 < milesight-am300 | am307l?
  20 ce @; s16 temperature /10; u16 humidity /2; u8 motion; u8 light_level; u16 co2
    u16 tvoc_level /100; u16 pressure /10
  21 ce @; s16 temperature /10; u16 humidity /2; u8 motion; u8 light_level; u16 co2
    u16 tvoc_ug_m3; u16 pressure /10

milesight-am308 < milesight-am300 | am308l?
  20 ce @; s16 temperature /10; u16 humidity /2; u8 motion; u8 light_level; u16 co2
    u16 tvoc_level /100; u16 pressure /10; u16 pm2_5; u16 pm10
  21 ce @; s16 temperature /10; u16 humidity /2; u8 motion; u8 light_level; u16 co2
    u16 tvoc_ug_m3; u16 pressure /10; u16 pm2_5; u16 pm10

milesight-am319-o3 < milesight-am300 | am319l? o3
  20 ce @; s16 temperature /10; u16 humidity /2; u8 motion; u8 light_level; u16 co2
    u16 tvoc_level /100; u16 pressure /10; u16 pm2_5; u16 pm10; u16 o3_ppm /100
  21 ce @; s16 temperature /10; u16 humidity /2; u8 motion; u8 light_level; u16 co2
    u16 tvoc_ug_m3; u16 pressure /10; u16 pm2_5; u16 pm10; u16 o3_ppm /100

milesight-am319 < milesight-am300 | am319l?
  20 ce @; s16 temperature /10; u16 humidity /2; u8 motion; u8 light_level; u16 co2
    u16 tvoc_level /100; u16 pressure /10; u16 pm2_5; u16 pm10; u16 hcho /100
  21 ce @; s16 temperature /10; u16 humidity /2; u8 motion; u8 light_level; u16 co2
    u16 tvoc_ug_m3; u16 pressure /10; u16 pm2_5; u16 pm10; u16 hcho /100

milesight-em300-th < milesight | em3[02]0 th
  20 ce[7=00] @; s16 temperature /10; u8 humidity /2; x1
  20 ce @; s16 temperature /10; u8 humidity /2

milesight-em300-mcs < milesight | em300 mcs
  06 00 u8 magnet_status
  20 ce @; s16 temperature /10; u8 humidity /2; u8 magnet_status

milesight-em300-leak < milesight | em300 [sz]ld
  05 00 u8 water_leak
  20 ce @; s16 temperature /10; u8 humidity /2; u8 water_leak

milesight-em300-mld < milesight | em300 mld
  05 00 u8 water_leak

milesight-em300-di < milesight | em300 di
  05 00 u8 digital_input:1
  05 c8 u32 pulse_register:1
  06 e1 u16 water_conv /10; u16 pulse_conv /10; f32 water
  85 00 u8 digital_input:1; u8 digital_input_alarm:1
  86 e1 u16 water_conv /10; u16 pulse_conv /10; f32 water; u8 water_alarm
  20 ce[7=01] @; s16 temperature /10; u8 humidity /2; x1; u8 digital_input:1; x4
  20 ce[7=02] @; s16 temperature /10; u8 humidity /2; x2; u32 pulse_register:1
  21 ce[8=01] @; s16 temperature /10; u8 humidity /2; u8 alarm; x1; u8 digital_input:1; x8
  21 ce[8=02] @; s16 temperature /10; u8 humidity /2; u8 alarm; x2
    u16 water_conv /10; u16 pulse_conv /10; f32 water

milesight-em310-udl < milesight | em310 udl
  04 00 u8 position

milesight-tilt < milesight | em3[12]0 tilt
  03 d4 s16 angle:x /100; s16 angle:y /100; s16 angle:z /100
    u8 _; .0 angle_alarm:x; .1 angle_alarm:y; .2 angle_alarm:z

milesight-em400 < milesight | em400
  05 00 u8 position

milesight-em410 < milesight | em410
  03 67 s16 temperature /10 !-1 !-2
  04 82 s16 distance /1000 !-1 !-2 !-3
  05 00 u8 position
  06 c7 s16 radar_signal_rssi /100
  84 82 s16 distance /1000 !-1 !-2 !-3; u8 distance_alarm
  94 82 s16 distance /1000 !-1 !-2 !-3; s16 distance_mutation /1000; u8 distance_alarm
  b4 82 s16 distance /1000 !-1 !-2 !-3; u8 distance_exception
  20 ce @; s16 distance /1000 !-1 !-2 !-3; s16 temperature /10 !-1 !-2; x2; u8 event

milesight-em500-co2 < milesight | em500 co2
  05 7d u16 co2
  20 ce @; u16 co2; u16 pressure /10; s16 temperature /10; u8 humidity /2

milesight-em500-lgt < milesight | em500 lgt
  20 ce @; u32 illuminance

milesight-em500-pp < milesight | em500 pp
  20 ce @; u16 pressure:pipe *10

milesight-em500-pt100 < milesight | em500 pt100
  20 ce @; s16 temperature /10

milesight-em500-smt < milesight | em500 smtc?
  04 68 u8 soil_moisture /2
  20 ce @; u16 conductivity; s16 temperature /10; u16 soil_moisture /100

milesight-em500-swl < milesight | em500 swl
  20 ce @; u16 level /100

milesight-em500-udl < milesight | em500 udl
  20 ce @; u16 distance /1000

milesight-ct10x < milesight | ct10[135]
  03 97 u32 total_current /100
  04 98 u16 current /100 !0xffff
  09 67 s16 temperature /10 !-1 !-3
  84 98 u16 current:max /100 !0xffff; u16 current:min /100 !0xffff; u16 current /100 !0xffff
    u8 _; {_ONE}
  89 67 s16 temperature /10 !-1 !-3; u8 temperature_alarm

milesight-ct3xx < milesight | ct3(03|05|10)
  03,05,07 97 u32 total_current:{{}} /100
  04,06,08 99 u16 current:{{}} /10 !0xffff
  09 67 s16 temperature /10 !-1 !-3
  84,86,88 99 u16 current:{{}}.max /10 !0xffff; u16 current:{{}}.min /10 !0xffff
    u16 current:{{}} /10 !0xffff; u8 _; {_EACH}
  89 67 s16 temperature /10 !-1 !-3; u8 temperature_alarm

milesight-ws101 < milesight | ws101
  ff 2e u8 button

milesight-ws1x6 < milesight | ws1[35]6
  ff 34 u8 button

milesight-ws201 < milesight | ws201
  04 d6 u8 remaining

milesight-ws202 < milesight | ws202
  03 00 u8 motion
  04 00 u8 light

milesight-ws203 < milesight | ws203
  05 00 u8 occupancy
  20 ce @; u8 report_type; u8 occupancy; s16 temperature /10; u8 humidity /2

milesight-ws301 < milesight | ws301
  03 00 u8 door
  04 00 u8 uninstalled

milesight-ws302 < milesight | ws302
  05 5b u8 frequency_weighting; u16 laf /10; u16 noise_laeq /10; u16 lafmax /10

milesight-ws303 < milesight | ws303
  03 00 u8 water_leak

milesight-ws50x < milesight | ws50[1-6]
  ff 29 u8 _; .0 switch:1; .1 switch:2; .2 switch:3
    .4 switch_change:1; .5 switch_change:2; .6 switch_change:3
  08 29 u8 _; .0 switch:1; .1 switch:2; .2 switch:3
    .4 switch_change:1; .5 switch_change:2; .6 switch_change:3

milesight-ws51x < milesight | ws5(1[35]|2[3-8]|2x)
  08 70 u8 _; .0 switch

milesight-ws558 < milesight | ws558
  08 31 u8 _; {_SWITCHES}

milesight-gs101 < milesight | gs101
  05 8e u8 gas_alarm
  06 01 u8 valve
  07 01 u8 relay
  ff 3f u8 gas_event
  ff 7d u32 life_remain

milesight-gs301 < milesight | gs301
  02 67 s16 temperature /10
  03 68 u8 humidity /2
  04 7d u16 nh3 /100 !0xfffe !0xffff
  05 7d u16 h2s /100 !0xfffe !0xffff
  06 7d u16 h2s /1000 !0xfffe !0xffff
  07 ea x5  # result of a calibration

milesight-at101 < milesight | at101
  04,84 88 s32 latitude /1000000 !-1; s32 longitude /1000000 !-1
    u8 _; .0-3 motion_status; .4-7 geofence_status
  05 00 u8 position
  06 d9[1=ff] x9  # no access point was heard in time
  06 d9 x8; u8 _; .0-3 motion_status  # an access point's MAC is a text
  07 00 u8 tamper
  20 ce @; s32 longitude /1000000 !-1; s32 latitude /1000000 !-1

milesight-ts101 < milesight | ts101
  93 d7 s16 temperature /10; s16 temperature_mutation /100; u8 temperature_alarm
  20 ce @; s16 temperature /10

milesight-ts201-v2 < milesight | (ts201)?v2 ts201(v2)?
  20 ce[4=02] @; x1; s16 temperature /10; u8 humidity /2; u8 event
  20 ce @; x1; s16 temperature /10; x1; u8 event

milesight-ts201 < milesight | ts201

milesight-ts30x < milesight | ts30[12x]
  03,04 67 s16 temperature:{{}} /10
  03,04 00 u8 magnet_status:{{}}
  83,84 67 s16 temperature:{{}} /10; u8 temperature_alarm:{{}}
  93,94 d7 s16 temperature:{{}} /10; s16 temperature_mutation:{{}} /100
    u8 temperature_alarm:{{}}
  20 ce two_inputs

milesight-wt101 < milesight | wt101
  04 67 s16 temperature:setpoint /10
  05 92 u8 valve_opening
  06 00 u8 tamper
  07 00 u8 window_open
  08 e5 u8 motor_calibration_result
  09 90 u16 motor_stroke
  0a 00 u8 freeze_protection
  0b 90 u16 motor_position

milesight-wt201 < milesight | wt201
  04 67 s16 temperature:setpoint /10
  05 e7 u8 _; .0-1 temperature_control_mode; .4-7 temperature_control_status
  06 e8 u8 _; .0-1 fan_mode; .2-3 fan_status
  07 bc u8 _; .0-3 plan_event
  08 8e u8 system_status
  09 68 u8 humidity /2
"""
