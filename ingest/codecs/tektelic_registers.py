"""TEKTELIC's registers, as a sensor tells them on FPort 100: a byte, and a value.

Source: the codecs that the maker publishes (TektelicCommunications/data-converters, and
TheThingsNetwork/lorawan-devices, `vendor/tektelic`). Of the models whose registers differ, those
of Breeze, Sparrow, Industrial Transceiver, Clover and Tundra are here as far as the maker's
decoders were at hand; the others have what all share. Identities, keys and versions are passed
over ("x8"), and so are registers whose every bit switches one report on.
"""

from collections.abc import Mapping

from ingest.codecs.frames import Frame, Tlv


def table(name: str, *tables: str) -> Tlv:
    """Return the records of tables whose lines are a key in hex, and fields after ";"."""
    frames: dict[bytes, Frame] = {}
    for line in "\n".join(tables).split("\n"):
        key, _, fields = line.strip().partition(" ")
        if key:
            frames[bytes.fromhex(key)] = Frame(fields.replace(";", "\n"))
    return Tlv(f"TEKTELIC {name}", frames)


def state(key: str, name: str) -> str:
    """Return the row of a register that holds one bit."""
    return f"{key} u8 _; .0 {name}\n"


RADIO = """
    00 x8
    01 x8
    02 x16
    03 x4
    04 x16
    05 x16
    10 x2
    11 u16 _; .3 adr; .2 duty_cycle; .1 sync_word; .0 confirm_mode
    12 u16 _; .8-11 dr_number; .0-3 tx_power
    13 u32 rx2_frequency; u8 rx2_dr_number
    19 x2
    1a x2
    20 u32 seconds_per_core_tick
    71 x7
"""


def registers(name: str, ticks: Mapping[int, str], more: str = "") -> Tlv:
    """Return a model's registers: how many ticks lie between reports, and others."""
    every = "\n".join(f"{one:02x} u16 ticks_per_{what}" for one, what in ticks.items())
    return table(f"{name} registers", RADIO, every, more)


CORE = registers("common", {})
AIR_REGISTERS = registers(
    "Breeze",
    {
        **{0x21: "battery", 0x22: "temperature", 0x23: "humidity", 0x25: "light"},
        **{0x26: "co2", 0x27: "pressure", 0x28: "pir"},
    },
    """
    2a u8 ble_display_whitelisting_enabled
    2b u8 ble_display_language
    2c x6
    30 u16 co2_sample_period; u8 co2_num_subsamples
    31 u16 co2_threshold_level
    32 u8 _; .0-3 co2_static_iir_recall_factor; .4 co2_dynamic_iir_enabled
    33 u8 co2_calibration_type; u8 co2_calibration_period; u16 co2_calibration_target
    34 u8 _; .0 co2_raw_reported; .1 co2_pressure_compensated_reported
    38 u8 _; .0-4 pressure_iir_recall_factor
    39 u32 temp_rh_sample_period_idle
    3a u32 temp_rh_sample_period_active
    3b s8 temp_threshold_high; s8 temp_threshold_low
    3c u8 _; .0 temp_thresholds_enabled
    3d u8 rh_threshold_high; u8 rh_threshold_low
    3e u8 _; .0 rh_thresholds_enabled
    40 x1
    47 u16 light_sample_period; u8 light_num_subsamples
    48 u16 light_threshold_level /10
    49 x1
    4a u8 light_subsample_processing
    4b u8 light_iir_recall_factor
    50 u16 pir_grace_period
    51 u16 pir_threshold_count
    52 u16 pir_threshold_period
    53 x1
    54 u8 post_turn_on_hold_off; u8 post_disturbance_hold_off
    66 u8 _; .0 drm_enabled
    67 u8 _; .4-7 drm_request_update_period
    68 x3
    69 u32 seconds_per_core_tick_inactive
    6a u16 co2_sample_period_inactive; u8 co2_num_subsample_inactive
    6f u8 response_format
    """,
)
ASSET_REGISTERS = registers(
    "Sparrow",
    {0x21: "battery", 0x24: "accelerometer", 0x25: "ble", 0x28: "temperature"},
    """
    2a x2
    2b x1
    2c x1
    40 u8 _; .7 power_on; .2 z_axis_enable; .1 y_axis_enable; .0 x_axis_enable
    41 u8 _; .0-2 sample_rate; .4-5 measurement_range
    42 u16 event_count_threshold
    43 u16 event_period
    44 u16 threshold
    45 u16 grace_period
    46 u8 _; .1 ble_enable; .0 acceleration_alarm_enable
    50 u8 _; .7 averaging_mode; .0-6 number_of_devices
    51 u8 scan_duration_event_based; u8 scan_duration_periodic
    52 u16 scan_interval
    53 u16 scan_window
    54 x9
    55 x9
    56 x9
    57 x9
    60 u32 sample_period_idle
    61 u32 sample_period_active
    """,
)
MEMO = registers("Memo", {0x21: "battery"})
TRANSCEIVER_REGISTERS = registers(
    "Industrial Transceiver",
    {
        **{0x21: "digital_input", 0x22: "temperature", 0x23: "humidity", 0x24: "input1"},
        **{0x25: "input2", 0x26: "input3", 0x27: "mcu_temperature", 0x28: "output1"},
        0x29: "output2",
    },
)
FARM_REGISTERS = registers(
    "Clover",
    {
        **{0x21: "battery", 0x22: "temperature", 0x23: "humidity", 0x24: "light"},
        **{0x25: "input1", 0x26: "input2", 0x27: "input3", 0x28: "input4"},
        **{0x29: "watermark1", 0x2A: "watermark2", 0x2C: "accelerometer"},
        **{0x2D: "orientation_alarm", 0x2E: "mcu_temperature", 0x2F: "pressure"},
    },
)
FREEZER_REGISTERS = registers(
    "Tundra",
    {
        **{0x21: "battery", 0x22: "temperature", 0x23: "humidity"},
        **{0x27: "mcu_temperature", 0x29: "ext_probe"},
    },
)
