"""Cayenne Low Power Payload: channel, type, big-endian value, one after the other.

Source: myDevices, "Cayenne Low Power Payload" 1.0, data types; types from 116 on as in the
extended table that the ChirpStack, The Things Network and ElectronicCats libraries share.
"""

import struct
from collections.abc import Iterable
from typing import NamedTuple

from fleet.errors import EncodingError


class _Type(NamedTuple):
    code: int
    layout: str  # struct, big-endian
    per_unit: int  # wire steps of one unit


_POSITION = ">24-bit"
_POSITION_STEPS = (10_000, 10_000, 100)
TYPES = {
    "digital_input": _Type(0, ">B", 1),
    "digital_output": _Type(1, ">B", 1),
    "analog_input": _Type(2, ">h", 100),
    "analog_output": _Type(3, ">h", 100),
    "generic": _Type(100, ">I", 1),
    "illuminance": _Type(101, ">H", 1),  # lx
    "presence": _Type(102, ">B", 1),
    "temperature": _Type(103, ">h", 10),  # Cel
    "humidity": _Type(104, ">B", 2),  # %
    "accelerometer": _Type(113, ">hhh", 1000),  # g
    "barometer": _Type(115, ">H", 10),  # hPa
    "voltage": _Type(116, ">H", 100),  # V
    "current": _Type(117, ">H", 1000),  # A
    "frequency": _Type(118, ">I", 1),  # Hz
    "percentage": _Type(120, ">B", 1),
    "altitude": _Type(121, ">h", 1),  # m
    "concentration": _Type(125, ">H", 1),  # ppm
    "power": _Type(128, ">H", 1),  # W
    "distance": _Type(130, ">I", 1000),  # m
    "energy": _Type(131, ">I", 1000),  # kWh: the wire counts Wh
    "direction": _Type(132, ">H", 1),  # degrees
    "unixtime": _Type(133, ">I", 1),
    "gyrometer": _Type(134, ">hhh", 100),  # degrees/s
    "colour": _Type(135, ">BBB", 1),
    "gps": _Type(136, _POSITION, 1),  # degrees, degrees, m
    "switch": _Type(142, ">B", 1),
}


def encode(values: Iterable[tuple[int, str, float | tuple[float, ...]]]) -> bytes:
    """Return the payload of (channel, type name, value in the type's unit), in the order given.

    Types of several axes take a tuple. Errors: EncodingError for an unknown type, a channel
    outside 0…255 or a value that doesn't fit.
    """
    payload = bytearray()
    for channel, name, value in values:
        kind = TYPES.get(name)
        if kind is None:
            raise EncodingError(f"Cayenne LPP: expected one of {', '.join(TYPES)}, found {name!r}")
        axes = value if isinstance(value, tuple) else (value,)
        try:
            payload += bytes((channel, kind.code))
            payload += _packed(kind, axes)
        except (struct.error, ValueError, OverflowError) as error:
            raise EncodingError(
                f"Cayenne LPP {name}: expected a channel of 0…255 and what fits "
                f"{kind.layout[1:]!r} in steps of 1/{kind.per_unit}, found {channel}, {value}"
            ) from error
    return bytes(payload)


def _packed(kind: _Type, axes: tuple[float, ...]) -> bytes:
    if kind.layout != _POSITION:
        return struct.pack(kind.layout, *(round(axis * kind.per_unit) for axis in axes))
    steps = [round(axis * by) for axis, by in zip(axes, _POSITION_STEPS, strict=True)]
    return b"".join(step.to_bytes(3, "big", signed=True) for step in steps)
