"""Frames of small makers: ESP32-Paxcounter ("packed"), NOAH trash bin, and TTN's example of wind.

Source: the decoders in TheThingsNetwork/lorawan-devices (`vendor/opensource`, `vendor/noah`,
`vendor/example`), and "Payload format" of ESP32-Paxcounter (docs/payloadformat.md) for its units.

- Paxcounter: `pax` is what was counted on Wi-Fi and Bluetooth together, devices and not people.
  Its clock and its version are left out; PM10 and PM25 come without a unit, and keep their names.
  The uptime's two words are joined by OR, as the maker's decoder does in effect.
- NOAH: the fill level is in percent, a number of MCCI's kind. What `voltage` is told in, the maker
  does not say.
- Wind: 0 to 3 are north, east, south and west; the speed is in knots of 0.5144 m/s.
"""

from ingest.codecs.frames import Frame
from ingest.codecs.mcci_formats import sflt16
from ingest.codecs.single_frames import Single
from ingest.errors import PayloadError
from ingest.reading import Measurement

_COUNTED = ("wifi", "ble")
_PLACE = "s32 latitude /1000000\ns32 longitude /1000000\n"
_FIX = _PLACE + "u8 sats\nu16 hdop /100\ns16 altitude\n"
_WIFI, _BLE = "u16 wifi\n", "u16 ble\n"
_CELL = "u16 battery_voltage /1000 !0\n"
_CONFIG = """
    u8 loradr
    u8 txpower
    s16 rssilimit
    u8 sendcycle
    u8 wifichancycle
    u8 blescantime
    u16 sleepcycle
    u8 _
    .7 flags.adr
    .6 flags.screensaver
    .5 flags.screen
    .4 flags.countermode
    .3 flags.blescan
    .2 flags.antenna
    u8 _
    .7 payloadmask.battery
    .6 payloadmask.sensor3
    .5 payloadmask.sensor2
    .4 payloadmask.sensor1
    .3 payloadmask.gps
    .2 payloadmask.bme
    .0 payloadmask.counter
    x10
"""


def _little(*layouts: str) -> tuple[Frame, ...]:
    return tuple(Frame(layout, "little") for layout in layouts)


def _pax(found: list[Measurement]) -> list[Measurement]:
    """Add what was counted together, where anything was; join the uptime's words."""
    counts = [one.value for one in found if one.quantity in _COUNTED]
    if counts:
        return [*found, Measurement("pax", sum(counts))]
    uptime = 0
    for one in found:
        uptime |= int(one.value) if one.quantity == "uptime" else 0
    told = [one for one in found if one.quantity != "uptime"]
    return told if told == found else [*told, Measurement("uptime", float(uptime))]


_SPEED_OF_KNOT, _QUARTER = 0.5144, 90.0
_DIRECTIONS = 4


def _wind(found: list[Measurement]) -> list[Measurement]:
    if found[0].value >= _DIRECTIONS:
        raise PayloadError("Wind sensor direction", "0 to 3", int(found[0].value))
    return found


def _bin(found: list[Measurement]) -> list[Measurement]:
    return [
        one
        if one.quantity == "voltage_as_sent"
        else one._replace(value=sflt16(int(one.value)) * 100)
        for one in found
    ]


CODECS: tuple[Single, ...] = (
    Single(
        "paxcounter",
        ("paxcounter",),
        {
            1: _little(
                _WIFI,
                _WIFI + _BLE,
                _WIFI + _BLE + "u16 PM10\nu16 PM25",
                _PLACE + _WIFI,
                _PLACE + _WIFI + _BLE,
                _WIFI + _FIX,
                _WIFI + _BLE + _FIX,
            ),
            2: _little(
                _CELL + "u32 uptime:low\nu32 uptime:high\nu8 temperature:cpu\n"
                "u32 memory\nu8 reset0\nu32 restarts"
            ),
            3: _little(_CONFIG),
            4: _little(_PLACE, _FIX),
            5: _little("u8 button"),
            7: _little("s16> temperature /100\nu16 pressure /10\nu16 humidity /100\nu16 iaq /100"),
            8: _little(_CELL),
            9: _little("u8 timesync_seqno", "x4\nu8 timestatus"),
            10: _little("u16 ens"),
        },
        finish=_pax,
    ),
    Single(
        "noah-trashbin",
        ("noah trashbin", "noah trash"),
        {0: _little("u16 temperature\nu16 voltage_as_sent\nu16 level_percent")},
        finish=_bin,
    ),
    Single(
        "example-windsensor",
        ("example windsensor",),
        {1: (Frame(f"u8 wind_direction\nu8 wind_speed *{_SPEED_OF_KNOT}"),)},
        finish=lambda found: [
            one._replace(value=one.value * _QUARTER) if one.quantity == "wind_direction" else one
            for one in _wind(found)
        ],
    ),
)
