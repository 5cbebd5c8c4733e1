"""Pepperl+Fuchs WILSEN (node, sonic distance, sonic level, valve): elements with a length each.

Source: the decoder that the maker publishes (TheThingsNetwork/lorawan-devices,
`vendor/pepperl-fuchs/wilsen.js`, both versions in that repository).

An element is its length, two bytes that say what it is, and its value, big-endian; the length
counts both. An element that the maker does not know, or one that is shorter than its value, is
refused. FPort is not told by the maker.

- Serial and part numbers, names, revisions and mere acknowledgements are left out.
- States and settings that are enumerations keep the maker's numbers: a sensor's target is 0 or 1
  (7: not asked, 8: short circuit, 9: not connected, 10: no valid current), a valve is 1 when open
  (2: undefined, 3: not connected, 7: not asked). F303h, 255: the network chooses.
- The maker tells the temperature to a tenth of a degree; so do we.
"""

from ingest.codecs.frames import Frame, cut_short
from ingest.codecs.single_frames import in_decimals
from ingest.errors import PayloadError
from ingest.reading import Measurement

NAME = "pepperl-fuchs-wilsen"
_WHOLE = """
    0201 f32 temperature
    0b01 u16 distance /100
    0b02 u16 distance /1000
    0b06 u8 fillinglvl
    0b07 u8 amplitude
    0b08 u16 level:water_body /1000
    0c01 u8 valve; x1
    0c02 u8 valve_status; .0-3 valve_1_status; .4-7 valve_2_status
    0c03 u16 sensor_details; .0-3 sensor_1_details; .4-7 sensor_2_details; .8-11 sensor_3_details
    0c03+ .12-15 sensor_4_details
    0c04 u8 sensor_status; .0-3 sensor_1_status; .4-7 sensor_2_status
    3101 u16 lora_count
    3102 u16 gps_count
    3103 u32 us_sensor_count
    3104 u32 sensing_count
    5001 s32 latitude /1000000
    5002 s32 longitude /1000000
    5101 u8 battery_voltage /10
    f202 u32 gps_acquisition_interval
    f203 u32 gps_next_acquisition
    f204 u8 gps_accuracy_mode
    f205 u8 gps_message_type
    f206 u8 gps_number_of_transmission
    f301 u8 lora_message_type
    f302 u8 lora_number_of_transmission
    f303 u8 lora_spreading_factor !255
    f305 u32 lora_transmission_interval
    f306 u32 lora_next_transmission
    f309 u8 lora_sub_band
    f401 u8 us_beam_width
    f402 u8 us_user_defined_burst_length
    f403 u8 us_user_defined_transmitting_power
    f404 u8 us_user_defined_sensitivity
    f405 u16 us_full_distance
    f406 u16 us_empty_distance
    f408 u8 us_evaluation_method
    f409 u8 us_measurements_per_sequence
    f40a u16 us_at_intervals_of
    f40c u8 us_post_processing_filter
    f40d u8 us_additional_measurement
    f40e u8 water_body_level_active
    f40f u16 distance_to_water_body_ground
    f601 u8 valve_monitoring_message_type
    f602 u32 valve_monitoring_interval
    f701 u8 valve_1_open_signal
    f703 u8 valve_1_trigger_event
    f704 u8 valve_1_message_type
    f705 u8 valve_1_num_of_transmission
    f706 u32 valve_1_monitoring_interval
    f707 u8 valve_2_open_signal
    f709 u8 valve_2_trigger_event
    f70a u8 valve_2_message_type
    f70b u8 valve_2_num_of_transmission
    f70c u32 valve_2_monitoring_interval
    f801 u8 sensor_1_output_logic
    f803 u8 sensor_1_trigger_event
    f804 u8 sensor_1_message_type
    f805 u8 sensor_1_num_of_transmission
    f806 u32 sensor_1_monitoring_interval
    f807 u8 sensor_2_output_logic
    f809 u8 sensor_2_trigger_event
    f80a u8 sensor_2_message_type
    f80b u8 sensor_2_num_of_transmission
    f80c u32 sensor_2_monitoring_interval
"""
_SWITCHES = {
    0xF101: "ble_enable",
    0xF201: "gps_acquisition_active",
    0xF304: "lora_data_transmission_active",
    0xF307: "lora_downlink_config",
    0xF308: "lora_downlink_config_ack",
    0xF407: "us_measurement_sequence_active",
    0xF40B: "us_application_filter_active",
    0xF702: "valve_1_event_driven_transmission",
    0xF708: "valve_2_event_driven_transmission",
    0xF802: "sensor_1_event_driven_transmission",
    0xF808: "sensor_2_event_driven_transmission",
}
_NOT_MEASURED = frozenset(
    (
        *(0x2A25, 0x2A26),
        *(0xF102, 0xF103, 0xF104, 0xF105, 0xF108, 0xF109, 0xF207),
        *(0xF501, 0xF502, 0xF503),
    )
)
_KEY, _TEMPERATURE = 2, 0x0201


def _elements() -> dict[int, Frame]:
    layouts: dict[int, str] = {}
    for line in filter(None, map(str.strip, _WHOLE.splitlines())):
        key, _, layout = line.partition(" ")
        number = int(key.rstrip("+"), 16)
        layouts[number] = layouts.get(number, "") + "\n" + layout.replace(";", "\n")
    return {
        **{number: Frame(layout) for number, layout in layouts.items()},
        **{number: Frame(f"u8 {name}") for number, name in _SWITCHES.items()},
    }


_ELEMENTS = _elements()


def matches(words: frozenset[str], dev_eui: str) -> bool:
    """Recognise the product's name."""
    del dev_eui
    return "wilsen" in words


def decode(payload: bytes, f_port: int) -> list[Measurement]:
    """Return what the elements say.

    Errors  PayloadError for an element that the maker does not know, or that is cut short.
    """
    del f_port
    if not payload:
        raise cut_short("WILSEN", 0, 1, 0)
    found: list[Measurement] = []
    at = 0
    while at < len(payload):
        length = payload[at]
        if length < _KEY:
            raise PayloadError(f"WILSEN length at byte {at}", f"{_KEY} or more", length)
        at += 1
        if at + length > len(payload):
            raise cut_short("WILSEN", at, length, len(payload) - at)
        found += _element(payload[at : at + length], at)
        at += length
    return found


def _element(element: bytes, at: int) -> list[Measurement]:
    number = int.from_bytes(element[:_KEY])
    if number in _NOT_MEASURED:
        return []
    frame = _ELEMENTS.get(number)
    if frame is None:
        raise PayloadError(
            f"WILSEN at byte {at}", "an element that the maker knows", f"{number:04x}h"
        )
    if len(element) - _KEY != frame.size:
        raise PayloadError(
            f"WILSEN element {number:04x}h", f"{frame.size} bytes", element[_KEY:].hex()
        )
    values = frame.read(element, _KEY)
    if number in _SWITCHES:
        return [one._replace(value=float(one.value > 0)) for one in values]
    if number == _TEMPERATURE:
        return [one._replace(value=in_decimals(one.value, 1)) for one in values]
    return values
