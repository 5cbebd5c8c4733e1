"""TEKTELIC: records on FPort 10, registers on FPort 100, answers to writes on FPort 101.

Source: the codecs that the maker publishes (TektelicCommunications/data-converters, and
TheThingsNetwork/lorawan-devices, `vendor/tektelic`): Smart Room and Home, Comfort and Vivid, Smart
Room CO2 and Breeze, Industrial Transceiver, Clover, Kiwi and Agriculture, Sparrow and Pelican,
Stork, Tundra, Memo, eDoctor; of eBeat the temperature only.

A record is a channel, a type and a value; what a pair of them means depends on the model. States
are sent as 0 and 255 (or 1), and are 0 and 1 here. A register is a byte and a value: settings, in
the maker's names and units. Keys, identities and versions are passed over. Soil numbers stay as
they are sent (Hz, mV): what the maker computes from them needs the probe's calibration.

What a table can't say:
- Sparrow and Pelican list the beacons that they hear on FPort 25; `rssi` has a beacon's identity
  as its channel.
- Memo sends its registers on FPort 10 too.
- eDoctor sends one frame without records; a frame of one byte is its battery alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ingest.codecs.frames import Frame, Tlv, cut_short
from ingest.codecs.single_frames import in_decimals
from ingest.errors import PayloadError
from ingest.reading import Measurement

_VALUES, _BEACONS, _REGISTERS, _ANSWERS = 10, 25, 100, 101


@dataclass(frozen=True, eq=False)
class Model:
    """A model's codec.

    words      alternatives, each the words that must all be there
    records    on FPort 10
    registers  on FPort 100
    beacons    it lists beacons on FPort 25
    unless     words of sister models
    """

    NAME: str
    words: tuple[str, ...]
    records: Tlv = field(repr=False)
    registers: Tlv = field(repr=False)
    beacons: bool = False
    unless: frozenset[str] = frozenset()

    def matches(self, words: frozenset[str], dev_eui: str) -> bool:
        """Recognise the model by its words; the DevEUI says nothing."""
        named = any(words.issuperset(one.split()) for one in self.words)
        return named and words.isdisjoint(self.unless)

    def decode(self, payload: bytes, f_port: int) -> list[Measurement]:
        """Return what the payload says; an answer to a write says nothing.

        Errors  PayloadError for another FPort, an unknown record, or a value cut short.
        """
        if not payload:
            raise cut_short(self.NAME, 0, 1, 0)
        if f_port == _VALUES:
            return self._values(payload)
        if f_port == _REGISTERS:
            return self.registers.decode(payload)
        if f_port == _ANSWERS:
            return _answered(payload)
        if f_port == _BEACONS and self.beacons:
            return _beacons(payload)
        raise PayloadError(f"{self.NAME} FPort", "10, 100 or 101", f_port)

    def _values(self, payload: bytes) -> list[Measurement]:
        return self.records.decode(payload)


class Doctor(Model):
    """eDoctor, whose values on FPort 10 are one frame."""

    def _values(self, payload: bytes) -> list[Measurement]:
        frame = _DOCTOR_BATTERY if len(payload) == _DOCTOR_BATTERY.size else _DOCTOR
        return [
            one._replace(value=in_decimals(one.value, 2))
            if one.quantity in ("battery_level", "temperature")
            else one
            for one in frame.whole(payload, self.NAME)
        ]


def _answered(payload: bytes) -> list[Measurement]:
    """Check a list of answers: a downlink's counter, and the registers that it may not write."""
    at = 0
    while at < len(payload):
        if at + 2 > len(payload) or at + 2 + payload[at + 1] > len(payload):
            raise cut_short("TEKTELIC answer", at, 2, len(payload) - at)
        at += 2 + payload[at + 1]
    return []


_BEACON_SIZES = {0x0A: 6, **dict.fromkeys(range(0xB0, 0xB4), 3)}


def _beacons(payload: bytes) -> list[Measurement]:
    """Return how strongly each beacon was heard, under its identity."""
    identity = _BEACON_SIZES.get(payload[0])
    if identity is None:
        raise PayloadError("TEKTELIC beacons", "0x0a or 0xb0 to 0xb3", f"0x{payload[0]:02x}")
    if (len(payload) - 1) % (identity + 1):
        raise PayloadError("TEKTELIC beacons", f"{identity + 1} bytes each", payload.hex())
    return [
        Measurement(
            "rssi",
            float(int.from_bytes(payload[at + identity : at + identity + 1], signed=True)),
            payload[at : at + identity].hex(),
        )
        for at in range(1, len(payload), identity + 1)
    ]


def _table(name: str, *tables: str) -> Tlv:
    """Return the records of tables whose lines are a key in hex, and fields after ";"."""
    frames: dict[bytes, Frame] = {}
    for line in "\n".join(tables).split("\n"):
        key, _, fields = line.strip().partition(" ")
        if key:
            frames[bytes.fromhex(key)] = Frame(fields.replace(";", "\n"))
    return Tlv(f"TEKTELIC {name}", frames)


def _state(key: str, name: str) -> str:
    return f"{key} u8 _; .0 {name}\n"


_VECTOR = "s16 acceleration_g:x /1000; s16 acceleration_g:y /1000; s16 acceleration_g:z /1000"
_CLIMATE = "0367 s16 temperature /10\n 0468 u8 humidity /2\n"
_CELL = "00ff s16 battery_voltage /100\n"
_CELL_FINE = "00ba u16 battery_voltage /1000\n"
_LIFE = "00d3 u8 battery_level\n 00bd u16 rem_batt_days\n"
_MCU = "0b67 s16 temperature:mcu /10\n"
_PROBE = (
    _state("0e00", "external_connector_state")
    + "0f04 u16 external_connector_count\n 1102 s16 external_connector_analog_mv /1000\n"
)
_SEEN = _state("0a00", "motion") + "0d04 u16 motion_event_count\n"

# Of any channel: the types 0x10 to 0x17 are statistics of its events.
_STATISTICS = {
    0x10: "duration_total",
    0x11: "duration_min",
    0x12: "duration_max",
    0x13: "duration_sd",
    0x14: "count",
    0x15: "duration_max",
    0x16: "duration_sd",
    0x17: "count",
}
_OF_EVENTS = "\n".join(
    f"{channel:02x}{kind:02x} u16 {name}:{channel}"
    for channel in range(256)
    for kind, name in _STATISTICS.items()
)

_ROOM = _table(
    "Smart Room",
    _OF_EVENTS,
    _CELL,
    _CELL_FINE,
    _CLIMATE,
    _MCU,
    _SEEN,
    _PROBE,
    _state("0100", "reed_state"),
    _state("0200", "light_detected"),
    _state("0900", "water_leak"),
    _state("0c00", "impact_alarm"),
    f"""
    0502 s16 acceleration_g:magnitude /1000
    0771 {_VECTOR}
    0804 u16 reed_count
    1002 u8 light_intensity
    """,
)
_AIR = _table(
    "Breeze",
    _CELL_FINE,
    _CLIMATE,
    _SEEN,
    _state("0200", "light_state"),
    """
    00d3 u8 battery_level
    11d3 u8 battery_level:display
    0be4 u16 co2
    0ee4 u16 co2:raw
    0c73 u16 pressure /10
    1002 u16 illuminance /10
    """,
)
_TRANSCEIVER = _table(
    "Industrial Transceiver",
    _CELL,
    _CLIMATE,
    _state("0101", "digital_output:1"),
    _state("0201", "digital_output:2"),
    _state("0500", "digital_input:1"),
    """
    0602 u16 input_2 /1000000
    0702 u16 input_3 /1000
    0804 u16 input_1_count
    0967 s16 temperature:mcu /10
    """,
)
_FARM = _table(
    "Clover",
    _CELL,
    _state("0900", "light_detected"),
    _state("0a00", "orientation_alarm"),
    f"""
    00d3 u8 _; .0-6 battery_level
    00bd u16 rem_batt_days
    0104 u16 input1_frequency
    0202 u16 input2_voltage
    0302 u16 input3_voltage
    0367 s16 temperature:input3 /10
    0402 u16 input4_voltage
    0467 s16 temperature:input4 /10
    0504 u16 input5_frequency
    0604 u16 input6_frequency
    0965 u16 illuminance
    0a71 {_VECTOR}
    0b67 s16 temperature /10
    0b68 u8 humidity /2
    0c67 s16 temperature:mcu /10
    0d73 u16 pressure /10
    """,
)
_ASSET = _table(
    "Sparrow",
    _state("0000", "accel_alarm_status"),
    f"""
    00ba u8 _; .7 eos_alert; .0-6 battery_voltage +250 /100
    0067 s16 temperature /10
    0468 u8 humidity /2
    0071 {_VECTOR}
    """,
)
_TRACKER = _table(
    "Stork",
    _LIFE,
    _CLIMATE,
    f"""
    0095 u8 _; .0-1 failed_gnss_geo; .2 failed_wifi_geo; .3 failed_ble_geo; .4 failed_duty_cycle_geo
    0071 {_VECTOR}
    """,
)
_FREEZER = _table("Tundra", _CELL, _CLIMATE, _MCU, _PROBE)
_HEART = _table("eBeat", "0367 s16 temperature:onboard /10")
_DOCTOR_BATTERY = Frame("u8 battery_level *0.391304348 +1.5555555524")
_DOCTOR = Frame("""
    u8 battery_level *0.391304348 +1.5555555524
    u8 temperature:body +600 /20
    u8 respiratory_rate
    u16 _
    .15 ua_mode_active
    .14 rest_mode_status
    .8-11 ce
    .0-7 csc
    u8 _
    .7 af
    .0-6 position
    u8 heart_rate
    x2
""")

# Registers

_RADIO = """
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


def _registers(name: str, ticks: Mapping[int, str], more: str = "") -> Tlv:
    """Return a model's registers: how many ticks lie between reports, and others."""
    every = "\n".join(f"{one:02x} u16 ticks_per_{what}" for one, what in ticks.items())
    return _table(f"{name} registers", _RADIO, every, more)


_CORE = _registers("common", {})
_AIR_REGISTERS = _registers(
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
_ASSET_REGISTERS = _registers(
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
_MEMO = _registers("Memo", {0x21: "battery"})

CODECS: tuple[Model, ...] = (
    Model(
        "tektelic-smart-room",
        ("tektelic smart room", "tektelic comfort", "tektelic vivid", "tektelic home"),
        _ROOM,
        _CORE,
        unless=frozenset(("co2", "breeze")),
    ),
    Model(
        "tektelic-breeze",
        ("tektelic breeze", "tektelic smart room co2"),
        _AIR,
        _AIR_REGISTERS,
    ),
    Model(
        "tektelic-industrial-transceiver",
        ("tektelic industrial transceiver",),
        _TRANSCEIVER,
        _registers(
            "Industrial Transceiver",
            {
                **{0x21: "digital_input", 0x22: "temperature", 0x23: "humidity", 0x24: "input1"},
                **{0x25: "input2", 0x26: "input3", 0x27: "mcu_temperature", 0x28: "output1"},
                0x29: "output2",
            },
        ),
    ),
    Model(
        "tektelic-clover",
        ("tektelic clover", "tektelic kiwi", "tektelic agriculture"),
        _FARM,
        _registers(
            "Clover",
            {
                **{0x21: "battery", 0x22: "temperature", 0x23: "humidity", 0x24: "light"},
                **{0x25: "input1", 0x26: "input2", 0x27: "input3", 0x28: "input4"},
                **{0x29: "watermark1", 0x2A: "watermark2", 0x2C: "accelerometer"},
                **{0x2D: "orientation_alarm", 0x2E: "mcu_temperature", 0x2F: "pressure"},
            },
        ),
    ),
    Model(
        "tektelic-sparrow",
        ("tektelic sparrow", "tektelic pelican"),
        _ASSET,
        _ASSET_REGISTERS,
        beacons=True,
    ),
    Model("tektelic-stork", ("tektelic stork",), _TRACKER, _CORE),
    Model(
        "tektelic-tundra",
        ("tektelic tundra",),
        _FREEZER,
        _registers(
            "Tundra",
            {
                **{0x21: "battery", 0x22: "temperature", 0x23: "humidity"},
                **{0x27: "mcu_temperature", 0x29: "ext_probe"},
            },
        ),
    ),
    Model("tektelic-memo", ("tektelic memo", "tektelic t0006086"), _MEMO, _MEMO),
    Doctor("tektelic-edoctor", ("tektelic edoctor", "tektelic t0006923"), _HEART, _CORE),
    Model("tektelic-ebeat", ("tektelic ebeat", "tektelic t0007405"), _HEART, _CORE),
)
"""In the order in which they are asked; a name is of one of them."""
