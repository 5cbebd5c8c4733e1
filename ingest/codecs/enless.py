"""Enless Wireless TX 600: one frame for each type, which stands in its fourth byte.

Source: the decoder that the maker publishes (TheThingsNetwork/lorawan-devices,
`vendor/enless-wireless/enlessdecoder.js`).

A frame is, big-endian: three bytes of id, the type, a counter, the firmware, the values, 16 bits of
alarms and 16 of state. The id, the counter and the firmware are left out; FPort is not told.

- The battery is told in quarters: 100, 75, 50 or 25 %. The pulse transmitters send it too; there
  the maker's decoder overwrites it.
- The maker reads the second temperature of 600-232 and 600-233 without a sign; its first one, and
  the sensor's range, have one, and so have we.
- CO2 and VOC are in tenths as in the maker's decoder. Its one example, 60.9 ppm of CO2, is less
  than there is in any air; compare with the device before you trust them.
- Inputs that are closed are `contact` 1.
"""

from ingest.codecs.frames import Frame, cut_short
from ingest.errors import PayloadError
from ingest.reading import Measurement

NAME = "enless-tx600"

_HEAD = "x6\n"
_T, _RH = "s16 temperature /10\n", "u16 humidity /10\n"
_STATE = "u16 _\n.0 msg_type\n.2-3 battery_level *-25\n"
_AIR = ("temperature", "humidity", "voc", "co2")
_INPUTS = ("pulse_ch1", "pulse_ch2", "pulse_oc")
_FULL = 100


def _alarms(*names: str) -> str:
    """Return the lines of alarms in pairs, high and low, from the lowest bit on."""
    lines = ["u16 _"]
    for place, name in enumerate(names):
        lines += [
            f".{2 * place} alarm_status.{name}.high",
            f".{2 * place + 1} alarm_status.{name}.low",
        ]
    return "\n".join(lines) + "\n"


def _frame(values: str, alarms: str, state: str = _STATE) -> Frame:
    return Frame(_HEAD + values + alarms + state)


def _pulses() -> Frame:
    values = "".join(f"u32 pulse_register:{name[6:]}\n" for name in _INPUTS)
    alarms = "u16 _\n" + "".join(
        f".{first + place} alarm_status.{name}_{kind}\n"
        for first, kind in ((0, "flow.high"), (4, "flow.low"), (8, "leak"))
        for place, name in enumerate(_INPUTS)
    )
    inputs = "".join(f".{4 + place} contact:{name[6:]}\n" for place, name in enumerate(_INPUTS))
    debounce = "".join(f".{8 + place} debounce_ch{place + 1}\n" for place in range(3))
    return _frame(values, alarms, _STATE + inputs + debounce)


_ONE = _frame("s16 temperature:1 /10\nx2\n", _alarms("temperature_1"))
_TWO = _frame(
    "s16 temperature:1 /10\ns16 temperature:2 /10\n", _alarms("temperature_1", "temperature_2")
)
_PULSES = _pulses()
_TYPES = {
    0x04: _frame(_T + _RH + "x4\n", _alarms(*_AIR[:2])),
    0x05: _frame(_T + _RH + "u16 tvoc /10\nx2\n", _alarms(*_AIR[:3])),
    0x06: _frame(_T + _RH + "u16 tvoc /10\nu16 co2 /10\n", _alarms(*_AIR)),
    0x07: _ONE,
    0x08: _PULSES,
    0x09: _PULSES,
    0x0A: _PULSES,
    0x0B: _PULSES,
    0x0C: _TWO,
    0x0D: _frame("s16 current /10000\n", _alarms("current")),
    0x0E: _frame(_T + _RH, _alarms(*_AIR[:2])),
    0x0F: _ONE,
    0x10: _ONE,
    0x11: _TWO,
}
_MODELS = frozenset((*("021", "022", "023", "232", "233"), *(f"03{last}" for last in range(1, 10))))
_TYPE_AT = 3


def matches(words: frozenset[str], dev_eui: str) -> bool:
    """Recognise the maker, or "TX 600" with the number of one of these products."""
    del dev_eui
    product = words >= {"tx", "600"} and bool(words & (_MODELS | {"pulse"}))
    return "enless" in words or product


def decode(payload: bytes, f_port: int) -> list[Measurement]:
    """Return the values, alarms and state of a frame.

    Errors  PayloadError for a type that the maker does not name, or another length.
    """
    del f_port
    if len(payload) <= _TYPE_AT:
        raise cut_short("Enless TX 600", 0, _TYPE_AT + 1, len(payload))
    frame = _TYPES.get(payload[_TYPE_AT])
    if frame is None:
        raise PayloadError("Enless TX 600 type", "04h to 11h", f"{payload[_TYPE_AT]:02x}h")
    return [
        one._replace(value=_FULL + one.value) if one.quantity == "battery_level" else one
        for one in frame.whole(payload, "Enless TX 600")
    ]
