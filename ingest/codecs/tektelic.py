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

from collections.abc import Callable
from dataclasses import dataclass, field

from ingest.codecs.frames import Frame, Tlv, cut_short
from ingest.codecs.single_frames import in_decimals
from ingest.codecs.tektelic_registers import (
    AIR_REGISTERS,
    ASSET_REGISTERS,
    CORE,
    FARM_REGISTERS,
    FREEZER_REGISTERS,
    MEMO,
    TRANSCEIVER_REGISTERS,
    state,
    table,
)
from ingest.errors import PayloadError
from ingest.reading import Measurement

_VALUES, _BEACONS, _REGISTERS, _ANSWERS = 10, 25, 100, 101


@dataclass(frozen=True, eq=False)
class Model:
    """A model's codec.

    words      alternatives, each the words that must all be there
    values     reads FPort 10: records, or a frame of its own
    registers  on FPort 100
    beacons    it lists beacons on FPort 25
    unless     words of sister models
    """

    NAME: str
    words: tuple[str, ...]
    values: Callable[[bytes], list[Measurement]] = field(repr=False)
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
            return self.values(payload)
        if f_port == _REGISTERS:
            return self.registers.decode(payload)
        if f_port == _ANSWERS:
            return _answered(payload)
        if f_port == _BEACONS and self.beacons:
            return _beacons(payload)
        raise PayloadError(f"{self.NAME} FPort", "10, 100 or 101", f_port)


def _doctor(payload: bytes) -> list[Measurement]:
    """Return the values of an eDoctor: one frame, or one byte that is its battery."""
    frame = _DOCTOR_BATTERY if len(payload) == _DOCTOR_BATTERY.size else _DOCTOR
    return [
        one._replace(value=in_decimals(one.value, 2))
        if one.quantity in ("battery_level", "temperature")
        else one
        for one in frame.whole(payload, "tektelic-edoctor")
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


_VECTOR = "s16 acceleration_g:x /1000; s16 acceleration_g:y /1000; s16 acceleration_g:z /1000"
_CLIMATE = "0367 s16 temperature /10\n 0468 u8 humidity /2\n"
_CELL = "00ff s16 battery_voltage /100\n"
_CELL_FINE = "00ba u16 battery_voltage /1000\n"
_LIFE = "00d3 u8 battery_level\n 00bd u16 rem_batt_days\n"
_MCU = "0b67 s16 temperature:mcu /10\n"
_PROBE = (
    state("0e00", "external_connector_state")
    + "0f04 u16 external_connector_count\n 1102 s16 external_connector_analog_mv /1000\n"
)
_SEEN = state("0a00", "motion") + "0d04 u16 motion_event_count\n"

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

_ROOM = table(
    "Smart Room",
    _OF_EVENTS,
    _CELL,
    _CELL_FINE,
    _CLIMATE,
    _MCU,
    _SEEN,
    _PROBE,
    state("0100", "reed_state"),
    state("0200", "light_detected"),
    state("0900", "water_leak"),
    state("0c00", "impact_alarm"),
    f"""
    0502 s16 acceleration_g:magnitude /1000
    0771 {_VECTOR}
    0804 u16 reed_count
    1002 u8 light_intensity
    """,
)
_AIR = table(
    "Breeze",
    _CELL_FINE,
    _CLIMATE,
    _SEEN,
    state("0200", "light_state"),
    """
    00d3 u8 battery_level
    11d3 u8 battery_level:display
    0be4 u16 co2
    0ee4 u16 co2:raw
    0c73 u16 pressure /10
    1002 u16 illuminance /10
    """,
)
_TRANSCEIVER = table(
    "Industrial Transceiver",
    _CELL,
    _CLIMATE,
    state("0101", "digital_output:1"),
    state("0201", "digital_output:2"),
    state("0500", "digital_input:1"),
    """
    0602 u16 input_2 /1000000
    0702 u16 input_3 /1000
    0804 u16 input_1_count
    0967 s16 temperature:mcu /10
    """,
)
_FARM = table(
    "Clover",
    _CELL,
    state("0900", "light_detected"),
    state("0a00", "orientation_alarm"),
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
_ASSET = table(
    "Sparrow",
    state("0000", "accel_alarm_status"),
    f"""
    00ba u8 _; .7 eos_alert; .0-6 battery_voltage +250 /100
    0067 s16 temperature /10
    0468 u8 humidity /2
    0071 {_VECTOR}
    """,
)
_TRACKER = table(
    "Stork",
    _LIFE,
    _CLIMATE,
    f"""
    0095 u8 _; .0-1 failed_gnss_geo; .2 failed_wifi_geo; .3 failed_ble_geo; .4 failed_duty_cycle_geo
    0071 {_VECTOR}
    """,
)
_FREEZER = table("Tundra", _CELL, _CLIMATE, _MCU, _PROBE)
_HEART = table("eBeat", "0367 s16 temperature:onboard /10")
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

CODECS: tuple[Model, ...] = (
    Model(
        "tektelic-smart-room",
        ("tektelic smart room", "tektelic comfort", "tektelic vivid", "tektelic home"),
        _ROOM.decode,
        CORE,
        unless=frozenset(("co2", "breeze")),
    ),
    Model(
        "tektelic-breeze",
        ("tektelic breeze", "tektelic smart room co2"),
        _AIR.decode,
        AIR_REGISTERS,
    ),
    Model(
        "tektelic-industrial-transceiver",
        ("tektelic industrial transceiver",),
        _TRANSCEIVER.decode,
        TRANSCEIVER_REGISTERS,
    ),
    Model(
        "tektelic-clover",
        ("tektelic clover", "tektelic kiwi", "tektelic agriculture"),
        _FARM.decode,
        FARM_REGISTERS,
    ),
    Model(
        "tektelic-sparrow",
        ("tektelic sparrow", "tektelic pelican"),
        _ASSET.decode,
        ASSET_REGISTERS,
        beacons=True,
    ),
    Model("tektelic-stork", ("tektelic stork",), _TRACKER.decode, CORE),
    Model(
        "tektelic-tundra",
        ("tektelic tundra",),
        _FREEZER.decode,
        FREEZER_REGISTERS,
    ),
    Model("tektelic-memo", ("tektelic memo", "tektelic t0006086"), MEMO.decode, MEMO),
    Model("tektelic-edoctor", ("tektelic edoctor", "tektelic t0006923"), _doctor, CORE),
    Model("tektelic-ebeat", ("tektelic ebeat", "tektelic t0007405"), _HEART.decode, CORE),
)
"""In the order in which they are asked; a name is of one of them."""
