"""What the attributes of Watteco's clusters hold, and the series in the batches of each product.

Source: Watteco, "LoRaWAN sensors: applicative layer" (clusters and attributes), the pages of the
products ("Batch report"), and the decoders that Watteco publishes for them.

CLUSTERS: cluster and attribute in hex, and the fields of ingest/codecs/frames.py after it, parted
by ";"; a "[" before them: the attribute is a string of bytes, which states its length first. An
attribute that may have two sizes has a line for each.
Numbers are big-endian. SETTINGS are attributes that are texts or settings, and so no
measurements; "*" is any attribute.

PRODUCTS: one block a product: its codec's name, patterns of which each must match a word of the
device, and words that it must not have. "analog_input = angle" is what the product's end points
(0, 1 …) call a quantity. "tags 3" is the bits of a tag in its batches; a line after it is a tag:
what it is, the raw units of a step, the type of a sample (ingest/codecs/watteco_batch.py), and the
raw units in one of ours. The last one reads the standard reports of every product. A line that
begins with four blanks continues the one before. A tag of a product that lacks the sensor for it
is never sent: the tables hold every tag of its kin.

Units: energies in Wh and var.h, `angle` in degrees (between voltage and current; of an Inclin'O
to the vertical), `differential_pressure` in Pa, shocks in g.

Trap: the energies of the smart plug (0052) and of three phases in one report (8010) are signed,
and count backwards while energy flows out. They are no registers, and keep the maker's names
"active_energy" and "reactive_energy", in Wh and var.h; cluster 800a keeps the directions apart.
"energies 1000" is how many Wh the product's unit of energy has, where that is not one.
"""

CLUSTERS = """
0006 0000 u8 digital_output
000c 0055 f32 analog_input
000f 0055 u8 digital_input
000f 0402 u32 pulse_register
0013 0055 u8 output_value
0052 0000 [s24 active_energy; s24 reactive_energy; u16 nb_samples
  s16 active_power; s16 reactive_power
0400 0000 u16 illuminance
0402 0000 s16 temperature /100
0402 0001 s16 min_temperature /100
0402 0002 s16 max_temperature /100
0403 0000 s16 pressure
0405 0000 u16 humidity /100
0405 0001 u16 min_humidity /100
0405 0002 u16 max_humidity /100
0406 0000 u8 occupancy
8005 0000 u16 _; .0 digital_input:1; .1 digital_input:2; .2 digital_input:3; .3 digital_input:4
  .4 digital_input:5; .5 digital_input:6; .6 digital_input:7; .7 digital_input:8
  .8 digital_input:9; .9 digital_input:10
8008 0000 s16 differential_pressure
800a 0000 [s32 active_energy_import; s32 active_energy_export; s32 reactive_energy_import
  s32 reactive_energy_export; s32 positive_active_power; s32 negative_active_power
  s32 positive_reactive_power; s32 negative_reactive_power
800b 0000 [s16 voltage /10; s16 current /10; s16 angle
800c 0000 u16 concentration
800d 0000 [s16 voltage:L1 /10; s16 current:L1 /10; s16 angle:L1
  s16 voltage:L2 /10; s16 current:L2 /10; s16 angle:L2
  s16 voltage:L3 /10; s16 current:L3 /10; s16 angle:L3
800f 0000 [u32 NbTriggedAcq; u16 Mean_G:X /100; u16 Max_G:X /100; u16 Dt_ms:X
  u16 Mean_G:Y /100; u16 Max_G:Y /100; u16 Dt_ms:Y
  u16 Mean_G:Z /100; u16 Max_G:Z /100; u16 Dt_ms:Z
800f 0001 [u16 NbAcq:X; u16 MinMean_G:X /100; u16 MinMax_G:X /100; u16 MinDt:X
  u16 MeanMean_G:X /100; u16 MeanMax_G:X /100; u16 MeanDt:X
  u16 MaxMean_G:X /100; u16 MaxMax_G:X /100; u16 MaxDt:X
800f 0002 [u16 NbAcq:Y; u16 MinMean_G:Y /100; u16 MinMax_G:Y /100; u16 MinDt:Y
  u16 MeanMean_G:Y /100; u16 MeanMax_G:Y /100; u16 MeanDt:Y
  u16 MaxMean_G:Y /100; u16 MaxMax_G:Y /100; u16 MaxDt:Y
800f 0003 [u16 NbAcq:Z; u16 MinMean_G:Z /100; u16 MinMax_G:Z /100; u16 MinDt:Z
  u16 MeanMean_G:Z /100; u16 MeanMax_G:Z /100; u16 MeanDt:Z
  u16 MaxMean_G:Z /100; u16 MaxMax_G:Z /100; u16 MaxDt:Z
8010 0000 [s32 active_energy:L1; s32 reactive_energy:L1
  s32 active_energy:L2; s32 reactive_energy:L2
  s32 active_energy:L3; s32 reactive_energy:L3
  s32 active_energy; s32 reactive_energy
8010 0001 [s32 active_power:L1; s32 reactive_power:L1; s32 active_power:L2; s32 reactive_power:L2
  s32 active_power:L3; s32 reactive_power:L3; s32 active_power; s32 reactive_power
8052 0000 [s16 frequency +22232 /1000; s16 frequency:min +22232 /1000
  s16 frequency:max +22232 /1000; s16 voltage /10; s16 voltage:min /10; s16 voltage:max /10
  s16 Vpeak /10; s16 Vpeak:min /10; s16 Vpeak:max /10; s16 over_voltage; s16 sag_voltage
8052 0000 [s16 frequency +22232 /1000; s16 frequency:min +22232 /1000
  s16 frequency:max +22232 /1000; s16 voltage /10; s16 voltage:min /10; s16 voltage:max /10
  s16 Vpeak /10; s16 Vpeak:min /10; s16 Vpeak:max /10; s16 over_voltage; s16 sag_voltage
  s16 brownout
"""

SETTINGS = {
    0x0000: "*",
    0x000C: "0100 8003 8004",
    0x000F: "0054 0400 0401 0403 0404",
    0x0050: "0004 00ff",
    0x8004: "*",
    0x8006: "*",
    0x800C: "0001 0002",
    0x800F: "8000",
}

CAUSE_SIZES = {0x0050: 2, 0x800A: 4, 0x800B: 2, 0x800D: 2, 0x8010: 4, 0x8052: 2}
"""Bytes of each field in the causes of a report, for attributes that are strings of bytes."""

PRODUCTS = """
watteco-vaqao | vaqao?
  concentration = iaq co2
  digital_input = violation_detection
  tags 3
  0 occupancy 1 4 1
  1 temperature 10 7 100
  2 humidity 100 6 100
  3 co2 10 6 1
  4 iaq 10 6 1
  5 illuminance 10 6 1
  6 pressure 10 6 10

watteco-inclino | inclino?
  analog_input = angle
  tags 3
  0 acceleration_g:shock 1 6 1000
  1 angle 0.1 12 1000

watteco-intenso | intenso?
  analog_input = current
  tags 2
  0 current 0.1 12 1
  1 battery_voltage 100 6 1000

watteco-ventilo | ventilo?
  tags 3
  0 differential_pressure:mean 1 7 1
  1 differential_pressure:min 1 7 1
  2 differential_pressure:max 1 7 1
  3 battery_voltage 1 6 1000
  4 temperature 10 7 100
  5 differential_pressure 1 7 1
  6 pulse_register 1 10 1
  7 digital_input 1 1 1

watteco-triphaso-kwh | triphaso? kwh
  energies 1000

watteco-triphaso | triphaso?

watteco-pulse-senso | pulse senso?
  pulse_register = pulse_register:1 pulse_register:2 pulse_register:3
  digital_input = digital_input:1 digital_input:2 digital_input:3
  tags 4
  0 pulse_register:1 1 10 1
  1 pulse_register:2 1 10 1
  2 pulse_register:3 1 10 1
  3 digital_input:1 1 1 1
  4 digital_input:2 1 1 1
  5 digital_input:3 1 1 1
  6 battery_voltage 100 6 1000
  7 multi_state 1 6 100

watteco-presso | presso?
  analog_input = analog_input:4_20_mA analog_input:0_10_V
  tags 3
  0 analog_input:4_20_mA 0.004 12 1
  1 analog_input:0_10_V 1 12 1
  2 battery_voltage 100 6 1000
  3 voltage:external 100 6 1000
  4 pulse_register 1 10 1

watteco-levo | levo?
  analog_input = analog_input:4_20_mA analog_input:0_10_V
  tags 3
  0 analog_input:4_20_mA 0.004 12 1
  1 analog_input:0_10_V 1 12 1
  2 battery_voltage 100 6 1000
  3 voltage:external 100 6 1000
  4 pulse_register 1 10 1

watteco-monito | monito?
  analog_input = analog_input:0_100_mV analog_input:0_70_V
  tags 3
  0 analog_input:0_100_mV 0.02 12 1
  1 analog_input:0_70_V 17 12 1
  2 battery_voltage 100 6 1000
  3 voltage:external 100 6 1000

watteco-torano | torano?
  pulse_register = pulse_register:1 pulse_register:2 pulse_register:3
  digital_input = digital_input:1 digital_input:2 digital_input:3
  analog_input = analog_input:4_20_mA analog_input:0_5_V_1 analog_input:0_5_V_2
    analog_input:ratiometric_0_5_V_1 analog_input:ratiometric_0_5_V_2
  tags 4
  0 pulse_register:1 1 10 1
  1 pulse_register:2 1 10 1
  2 pulse_register:3 1 10 1
  3 digital_input:1 1 1 1
  4 digital_input:2 1 1 1
  5 digital_input:3 1 1 1
  6 analog_input:4_20_mA 0.004 12 1
  7 analog_input:0_5_V_1 1 12 1
  8 analog_input:0_5_V_2 1 12 1
  9 analog_input:ratiometric_0_5_V_1 1 12 1
  10 analog_input:ratiometric_0_5_V_2 1 12 1
  11 battery_voltage 100 6 1000

watteco-smartplug | (smart)?plug
  tags 1
  0 active_energy 1 9 1

watteco-moveo | moveo?
  digital_input = violation_detection
  tags 3
  0 occupancy 1 4 1
  1 temperature 10 7 100
  2 humidity 100 6 100
  5 luminosity 10 6 100

watteco-closo | closo?
  digital_input = violation_detection open

watteco-ino | ino
  digital_input = digital_input:1 digital_input:2 digital_input:3 digital_input:4 digital_input:5
    digital_input:6 digital_input:7 digital_input:8 digital_input:9 digital_input:10
  digital_output = digital_output:1 digital_output:2 digital_output:3 digital_output:4
  pulse_register = pulse_register:1 pulse_register:2 pulse_register:3 pulse_register:4
    pulse_register:5 pulse_register:6 pulse_register:7 pulse_register:8 pulse_register:9
    pulse_register:10

watteco-fissuro | fissuro?
  analog_input = tilt distance
  temperature = acc_temperature temperature
  tags 2
  0 tilt 0.1 12 1
  1 distance 0.001 12 1
  2 temperature 10 7 100
  3 battery_voltage 20 6 1000

watteco-alto | alto?
  analog_input = tilt distance
  tags 3
  0 acceleration_g:shock 1 6 1000
  1 tilt 0.1 12 1
  2 distance 0.001 12 1
  3 magnitude 1 6 1
  4 battery_voltage 0.1 6 1000
  5 acc_temperature 0.1 7 100

watteco-hygrotempo | hygrotempo?|climo?|th
  digital_input = violation_detection
  tags 2
  0 temperature 10 7 100
  1 humidity 100 6 100
  2 battery_voltage 1 6 1000
  3 violation_detection 1 1 1

watteco-indoor-temperature | indoor temperature
  digital_input = violation_detection
  tags 2
  0 temperature 10 7 100
  1 humidity 100 6 100
  2 battery_voltage 1 6 1000
  3 violation_detection 1 1 1

watteco-tempo-outdoor | tempo? outdoor
  tags 3
  0 temperature 10 7 100
  5 battery_voltage 100 6 1000

watteco-tempo-remote-2-probes | tempo?|temperature remote 2
  temperature = temperature:1 temperature:2
  tags 3
  0 temperature:1 10 7 100
  1 temperature:2 10 7 100
  5 battery_voltage 100 6 1000

watteco-tempo-remote | tempo?|temperature remote
  tags 1
  0 temperature 10 7 100
  1 battery_voltage 100 6 1000

watteco-flasho | flasho?
  tags 1
  0 pulse_register 1 10 1
  1 battery_voltage 100 6 1000

watteco-tempo | tempo? | remote outdoor
  digital_input = violation_detection
  tags 2
  0 temperature 10 7 100

watteco-atmo | atmo?
  pulse_register = pulse_register:1 pulse_register:2
  digital_input = digital_input:1 digital_input:2
  tags 3
  0 temperature 1 7 100
  1 humidity 1 6 100
  2 pressure 1 7 1
  3 pulse_register:1 1 10 1
  4 pulse_register:2 1 10 1
  5 battery_voltage 1 6 1000

watteco |
"""
