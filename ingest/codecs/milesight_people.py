"""What the channels of Milesight's VS and UC series hold: people, presence, inputs, Modbus.

Source and form: as in ingest/codecs/milesight_channels.py. COMMANDS are the series whose frames
have one byte, the command, before each value.
"""


def _each(field: str, first: int, last: int) -> str:
    """Return a field once for each number; {} is the number."""
    return "; ".join(field.replace("{}", str(n)) for n in range(first, last + 1))


def _bits(field: str, count: int) -> str:
    """Return a field for each of the lowest bits, numbered from 1."""
    return "; ".join(f".{bit} {field}{bit + 1}" for bit in range(count))


_REGIONS = f"u16 _; {_bits('region_enable:region', 10)}; u16 _; {_bits('occupancy:region', 10)}"
_PEOPLE, _CHILDREN = "u8 people_count:region{}", "u8 child_count:region{}"

CHANNELS = f"""
milesight-vs121 < milesight | vs121
  04 c9 regions_told
  05 cc u16 people_in; u16 people_out
  06 cd u8 people_count_max
  07 d5 {_each(_PEOPLE, 1, 8)}
  08 d5 {_each(_PEOPLE, 9, 16)}
  09,0a,0b,0c da u16 flow_to_a:from{{}}; u16 flow_to_b:from{{}}; u16 flow_to_c:from{{}}
    u16 flow_to_d:from{{}}

milesight-vs13x < milesight | vs13[2-5]
  03,06,09,0c d2 u32 total_in:line{{}}
  04,07,0a,0d d2 u32 total_out:line{{}}
  05,08,0b,0e cc u16 period_in:line{{}}; u16 period_out:line{{}}
  11,14,17,1a d2 u32 child_total_in:line{{}}
  12,15,18,1b d2 u32 child_total_out:line{{}}
  13,16,19,1c cc u16 child_period_in:line{{}}; u16 child_period_out:line{{}}
  0f e3 {_each(_PEOPLE, 1, 4)}
  1d e3 {_each(_CHILDREN, 1, 4)}
  10 e4#0region x1; u16 avg_dwell; u16 max_dwell
  1e e4#0region x1; u16 child_avg_dwell; u16 child_max_dwell
  50 fc x1; u8 alarm_node; u8 occlusion_alarm
  20 ce[4=03,06,09,0c] @; x1; u32 total_in:line{{}}
  20 ce[4=04,07,0a,0d] @; x1; u32 total_out:line{{}}
  20 ce[4=05,08,0b,0e] @; x1; u16 period_in:line{{}}; u16 period_out:line{{}}
  20 ce[4=11,14,17,1a] @; x1; u32 child_total_in:line{{}}
  20 ce[4=12,15,18,1b] @; x1; u32 child_total_out:line{{}}
  20 ce[4=13,16,19,1c] @; x1; u16 child_period_in:line{{}}; u16 child_period_out:line{{}}
  20 ce[4=10]#1region @; x2; u16 avg_dwell
  20 ce[4=20]#1region @; x2; u16 max_dwell
  20 ce[4=0f] @; x1; {_each(_PEOPLE, 1, 4)}
  20 ce[4=1d] @; x1; {_each(_CHILDREN, 1, 4)}

milesight-vs321 < milesight | vs321
  03 67 s16 temperature /10 !-1
  04 68 u8 humidity /2 !0xff
  05 fd u16 people_count
  06 fe {_REGIONS}
  07 ff u8 illuminance_status
  08 f4 x1; u8 detection_status
  0a ef u32 timestamp
  20 ce[4=00] @; x1; u16 people_count
  20 ce[4=01] @; x1; {_REGIONS}

milesight-vs330 < milesight | vs330
  02 82 u16 distance /1000
  03 8e u8 occupancy
  04 8e u8 calibration_status

milesight-vs34x < milesight | vs34[01]
  03 00 u8 occupancy

milesight-vs35x < milesight | vs35[01]
  04 cc u16 total_in; u16 total_out
  05 cc u16 period_in; u16 period_out
  84 cc u16 total_in; u16 total_out; u8 total_count_alarm
  85 cc u16 period_in; u16 period_out; u8 period_count_alarm
  0a ef u32 timestamp
  ff cc u8 power_status
  20 ce[4=00] @; x1; u16 period_in; u16 period_out
  20 ce[4=01] @; x1; u16 period_in; u16 period_out; u16 total_in; u16 total_out

milesight-vs370 < milesight | vs370
  03 00 u8 occupancy
  04 00 u8 illuminance_status

milesight-vs373 < milesight | vs373
  03 f8 u8 detection_status; u8 target_status; u16 use_time_now; u16 use_time_today
  07 b0 u8 detection_status; u8 target_status; u24 use_time_now; u24 use_time_today
  04 f9 {_each("u8 occupancy:region{} -1 *-1", 1, 4)}  # 1 is vacant here
  05 fa {_each("u16 out_of_bed_time:region{}", 1, 4)}
  06 fb u16 alarm_id; u8 alarm_type; u8 alarm_status; u8 alarm_region
  08 b1 u8 respiratory_status; u16 respiratory_rate /100
  09 b2 {_each("u8 region_type:region{}", 1, 6)}
  0a b3 regions_occupied
  0b b4 {_each("u24 out_of_bed_time:region{}", 1, 3)}
  0c b4 {_each("u24 out_of_bed_time:region{}", 4, 6)}
  20 ce @; u16 alarm_id; u8 alarm_type; u8 alarm_status; u8 alarm_region

milesight-uc100 < milesight | uc100

milesight-uc11xx < milesight | uc11\\d\\d
  01,02,03,04 00 u8 digital_input:{{}}
  01,02,03,04 c8 u32 pulse_register:{{}}
  09,0a 01 u8 digital_output:{{}}
  ff 0e modbus:24
  ff 15 x1  # which channel could not be read

milesight-uc300 < milesight | uc300
  03,04,05,06 00 u8 digital_input:{{}}
  03,04,05,06 c8 u32 pulse_register:{{}}
  07,08 01 u8 digital_output:{{}}
  09,0a 67 s16 temperature:pt100_{{}} /10
  09,0a e2 f16 temperature:pt100_{{}}; f16 temperature:pt100_{{}}.max
    f16 temperature:pt100_{{}}.min; f16 temperature:pt100_{{}}.avg
  0b,0c 02 u32 analog_input:adc{{}} /100
  0d,0e 02 u32 analog_input:adv{{}} /100
  0b,0c e2 f16 analog_input:adc{{}}; f16 analog_input:adc{{}}.max
    f16 analog_input:adc{{}}.min; f16 analog_input:adc{{}}.avg
  0d,0e e2 f16 analog_input:adv{{}}; f16 analog_input:adv{{}}.max
    f16 analog_input:adv{{}}.min; f16 analog_input:adv{{}}.avg

milesight-uc50x < milesight | uc50[12x]
  03,04 00 u8 digital_input:{{}}
  03,04 01 u8 digital_output:{{}}
  03,04 c8 u32 pulse_register:{{}}
  83,84 c8 u32 pulse_register:{{}}; u8 pulse_alarm:{{}}
  93,94 c8 u32 pulse_register:{{}}; u32 pulse_change:{{}}; u8 pulse_alarm:{{}}
  05,06 02 s16 analog_input:{{}} /1000; s16 analog_input:{{}}.min /1000
    s16 analog_input:{{}}.max /1000; s16 analog_input:{{}}.avg /1000
  05,06 e2 f16 analog_input:{{}}; f16 analog_input:{{}}.min; f16 analog_input:{{}}.max
    f16 analog_input:{{}}.avg
  85,86 e2 f16 analog_input:{{}}; f16 analog_input:{{}}.min; f16 analog_input:{{}}.max
    f16 analog_input:{{}}.avg; u8 analog_alarm:{{}}
  95,96 e2 f16 analog_input:{{}}; f16 analog_input:{{}}.min; f16 analog_input:{{}}.max
    f16 analog_input:{{}}.avg; f32 analog_change:{{}}; u8 analog_alarm:{{}}
  08 db x37  # SDI-12: a text
  ff 0e modbus:6
  ff 15 fault:6
  80 0e modbus:6 u8 modbus_alarm
  90 0e modbus:6 x4; u8 modbus_alarm

milesight-uc51x < milesight | uc51[12x]
  03,05 01 u8 valve:{{}}
  04,06 c8 u32 pulse_register:{{}}
"""

COMMANDS = """
milesight-gs601 | gs601
  00 u8 battery_level
  01 u8 vaping_index
  02[0&fe=10] u8 vaping_index_alarm; u8 vaping_index
  02 u8 vaping_index_alarm
  03 u16 pm1
  04[0&fe=10] u8 pm1_alarm; u16 pm1
  04 u8 pm1_alarm
  05 u16 pm2_5
  06[0&fe=10] u8 pm2_5_alarm; u16 pm2_5
  06 u8 pm2_5_alarm
  07 u16 pm10
  08[0&fe=10] u8 pm10_alarm; u16 pm10
  08 u8 pm10_alarm
  09 s16 temperature /10
  0a[0&fe=10] u8 temperature_alarm; s16 temperature /10
  0a u8 temperature_alarm
  0b u16 humidity /10
  0c u8 humidity_alarm
  0d u16 tvoc_ug_m3
  0e[0&fe=10] u8 tvoc_alarm; u16 tvoc_ug_m3
  0e u8 tvoc_alarm
  0f u8 tamper
  10 u8 tamper_alarm
  11 u8 buzzer
  12 u8 occupancy
  20,21,22,23,24,25,26,27,28,29,2a f32 tvoc_raw:{}a; f32 tvoc_raw:{}b
  2b u32 pm_sensor_working_time
  60 x3
  61,62,63,65,67,68 x1
  64,69,6a,6b,6c,6d x6
  66 x2

milesight-wt303 | wt303
  01 s16 temperature /100
  02 u16 humidity /10
  03 s16 temperature:setpoint /100
  04 u8 temperature_data_source
  05 u8 _; .0-3 temperature_control_status; .4-7 temperature_control_mode
  06 u8 valve_status
  07 u8 _; .0-3 fan_status; .4-7 fan_mode
  08 u8 plan_id
  09[0&f0=00] u8 temperature_alarm
  09 u8 temperature_alarm; s16 temperature /100
  0a u8 humidity_alarm
  0b u8 setpoint_alarm
  10 u32 _; .0 relay:gl; .1 relay:gm; .2 relay:gh; .3 relay:valve_1; .4 relay:valve_2
  67 u8 system_status
  68 u8 temperature_control_mode
  72 u8 fan_mode
  63,64,65,69 x1
  66,6a,6b,6c,75 x2
  60,62,6f,74,79,7a x3
  6d,6e,70,73,77,78 x4
  76 x6
"""
"""Series whose frames have one byte, the command, before each value. Lines of x are settings."""
