"""Cayenne Low Power Payload: channel byte, type byte, value; everything big-endian.

Source: myDevices, "Cayenne LPP 1.0" (types 0-3, 101-104, 113, 115, 134, 136), and the extended
types in IPSO numbering of the ElectronicCats CayenneLPP library's README, which ChirpStack and
The Things Stack follow (100, 116-118, 120, 121, 125, 128, 130-133, 135, 142).

The channel number becomes the channel "1", …; a vector adds its axis, "1.x". Signs are as
documented: voltage, current and power are unsigned. ElectronicCats made voltage and current
signed in 1.6.1 (2025) under the same type numbers; a meter's 400 V would then read -255 V, so
the documented reading is kept.
Type 131 counts 0.001 kWh: it is a register in Wh that wraps at 2^32. What the format leaves open
(generic, percentage, concentration, direction, switch, unix_time) keeps the format's own name.
The same channel and type twice counts once, the last.
"""

import struct
from collections.abc import Callable

from ingest.codecs.plans import Part, Plans
from ingest.errors import PayloadError
from ingest.reading import Measurement, Quality

NAME = "cayenne"

_MEASURED = Quality.MEASURED
_make = tuple.__new__  # half the time of calling Measurement, and this is the hottest line

_Field = tuple[str, str, int]  # quantity, what follows the channel number, divisor
_Unpack = Callable[[bytes, int], tuple[int, ...]]
_Row = tuple[int, _Unpack, tuple[_Field, ...], str]  # size, reader, fields, struct letters


def _row(layout: str, *fields: _Field) -> _Row:
    reader = struct.Struct(layout)
    return reader.size, reader.unpack_from, fields, layout[1:]


def _axes(layout: str, quantity: str, axes: str, divisor: int) -> _Row:
    return _row(layout, *((quantity, f".{axis}", divisor) for axis in axes))


def _position(payload: bytes, at: int) -> tuple[int, ...]:
    return tuple(
        int.from_bytes(payload[start : start + 3], "big", signed=True)
        for start in range(at, at + 9, 3)
    )


_TYPES: dict[int, _Row] = {
    0: _row(">B", ("digital_input", "", 1)),
    1: _row(">B", ("digital_output", "", 1)),
    2: _row(">h", ("analog_input", "", 100)),
    3: _row(">h", ("analog_output", "", 100)),
    100: _row(">I", ("generic", "", 1)),
    101: _row(">H", ("illuminance", "", 1)),
    102: _row(">B", ("occupancy", "", 1)),
    103: _row(">h", ("temperature", "", 10)),
    104: _row(">B", ("humidity", "", 2)),
    113: _axes(">hhh", "acceleration_g", "xyz", 1000),
    115: _row(">H", ("pressure", "", 10)),
    116: _row(">H", ("voltage", "", 100)),
    117: _row(">H", ("current", "", 1000)),
    118: _row(">I", ("frequency", "", 1)),
    120: _row(">B", ("percentage", "", 1)),
    121: _row(">h", ("altitude", "", 1)),
    125: _row(">H", ("concentration", "", 1)),
    128: _row(">H", ("active_power", "", 1)),
    130: _row(">I", ("distance", "", 1000)),
    131: _row(">I", ("active_energy_import", "", 1)),
    132: _row(">H", ("direction", "", 1)),
    133: _row(">I", ("unix_time", "", 1)),
    134: _axes(">hhh", "angular_velocity", "xyz", 100),
    135: _axes(">BBB", "colour", "rgb", 1),
    136: (
        9,
        _position,
        (("latitude", "", 10_000), ("longitude", "", 10_000), ("altitude", "", 100)),
        "",
    ),
    142: _row(">B", ("switch", "", 1)),
}
PLANS = Plans(">")
_CHANNELS = tuple(str(number) for number in range(256))


def matches(words: frozenset[str], dev_eui: str) -> bool:
    """Recognise the format by its own name; no vendor has it to itself."""
    del dev_eui
    return any(word.startswith("cayenne") or word == "lpp" for word in words)


def decode(payload: bytes, f_port: int) -> list[Measurement]:
    """Return what the payload says.

    Errors  PayloadError for an unknown type, a value cut short or a byte left over; it names
            the byte.
    """
    del f_port  # the packed formats of ports 2 and up were never published in full
    known = PLANS.read(payload)
    if known is not None:
        return known
    found: list[Measurement] = []
    parts: list[Part] = []
    at, size = 0, len(payload)
    while at < size:
        if at + 1 == size:
            raise PayloadError(
                f"Cayenne LPP at byte {at}", "channel and type, 2 bytes", "1 byte left over"
            )
        number, kind = payload[at], payload[at + 1]
        row = _TYPES.get(kind)
        if row is None:
            raise PayloadError(
                f"Cayenne LPP type at byte {at + 1}",
                "one of " + " ".join(map(str, _TYPES)),
                f"{kind}; is this a Cayenne LPP device?",
            )
        width, unpack, fields, layout = row
        start = at + 2
        if start + width > size:
            raise PayloadError(
                f"Cayenne LPP value at byte {start}",
                f"{width} bytes for type {kind}",
                f"{size - start} bytes to the end; the payload is cut short",
            )
        channel = _CHANNELS[number]
        for (quantity, axis, divisor), raw in zip(fields, unpack(payload, start), strict=True):
            found.append(
                _make(Measurement, (quantity, raw / divisor, channel + axis, None, _MEASURED))
            )
        parts.append(Part(2, layout, [(name, channel + axis, div) for name, axis, div in fields]))
        at = start + width
    # Altitude is at home in two types (121 and 136), so it is the place that counts.
    kept = {(one.quantity, one.channel): one for one in found}
    if len(kept) < len(found):
        return list(kept.values())
    if all(part.layout for part in parts):
        PLANS.learn(payload, parts)
    return found
