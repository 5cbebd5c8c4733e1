"""ELSYS sensor payloads: a type byte and its big-endian value, one after the other.

A value may be older than its message: then bits 6-7 of the type byte say how many bytes of time
offset follow it (1: one, 2: two, 3: four), in seconds. Positions are little-endian, 24 bits.
Source: ELSYS, "Sensor payload" (elsys.se/public/documents/Sensor_payload.pdf), table of types.
Field names and units are those of the maker's published decoder.
"""

import struct
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from fleet.errors import EncodingError


class _Field(NamedTuple):
    type_byte: int
    names: tuple[str, ...]  # several values under one type byte, in wire order
    layout: str  # struct, big-endian
    per_unit: int  # wire steps of one unit


_POSITION = "<24-bit"
_FIELDS = (
    _Field(0x01, ("temperature",), ">h", 10),  # Cel
    _Field(0x02, ("humidity",), ">B", 1),  # %
    _Field(0x03, ("x", "y", "z"), ">bbb", 1),  # 63 = 1 g
    _Field(0x04, ("light",), ">H", 1),  # lx
    _Field(0x05, ("motion",), ">B", 1),  # movements since the message before
    _Field(0x06, ("co2",), ">H", 1),  # ppm
    _Field(0x07, ("vdd",), ">H", 1),  # mV
    _Field(0x08, ("analog1",), ">H", 1),  # mV
    _Field(0x09, ("lat", "long"), _POSITION, 10_000),  # degrees
    _Field(0x0A, ("pulse1",), ">H", 1),
    _Field(0x0B, ("pulseAbs1",), ">I", 1),
    _Field(0x0C, ("externalTemperature",), ">h", 10),  # Cel
    _Field(0x0D, ("digital",), ">B", 1),
    _Field(0x0E, ("distance",), ">H", 1),  # mm
    _Field(0x0F, ("accMotion",), ">B", 1),
    _Field(0x10, ("irInternalTemperature", "irExternalTemperature"), ">hh", 10),  # Cel
    _Field(0x11, ("occupancy",), ">B", 1),
    _Field(0x12, ("waterleak",), ">B", 1),
    _Field(0x14, ("pressure",), ">I", 1000),  # hPa
    _Field(0x15, ("soundPeak", "soundAvg"), ">BB", 1),  # dB
    _Field(0x16, ("pulse2",), ">H", 1),
    _Field(0x17, ("pulseAbs2",), ">I", 1),
    _Field(0x18, ("analog2",), ">H", 1),  # mV
    _Field(0x19, ("externalTemperature2",), ">h", 10),  # Cel
    _Field(0x1A, ("digital2",), ">B", 1),
    _Field(0x1B, ("analogUv",), ">i", 1),  # uV
    _Field(0x1C, ("tvoc",), ">H", 1),  # ppb
)
_BY_FIRST_NAME = {field.names[0]: field for field in _FIELDS}


def encode(
    values: Mapping[str, float] | Iterable[tuple[str, float]],
    ages_s: Mapping[str, int] | None = None,
) -> bytes:
    """Return the payload of the values, in the order given.

    values  name -> value in the maker's unit, or pairs where a name comes twice; the names of a
            group (x y z, lat long, soundPeak soundAvg, the two infrared temperatures) follow
            each other.
    ages_s  by how many seconds a value is older than the message, under its group's first name
    Errors  EncodingError for an unknown name, a broken group or a value that doesn't fit.
    """
    pairs = list(values.items() if isinstance(values, Mapping) else values)
    if ages_s and not ages_s.keys() <= {name for name, _ in pairs} & _BY_FIRST_NAME.keys():
        raise EncodingError(
            f"ELSYS ages: expected some of {', '.join(name for name, _ in pairs)}, "
            f"found {', '.join(ages_s)}"
        )
    payload = bytearray()
    at = 0
    while at < len(pairs):
        field = _BY_FIRST_NAME.get(pairs[at][0])
        if field is None:
            raise EncodingError(
                f"ELSYS: expected one of {', '.join(_BY_FIRST_NAME)}, found {pairs[at][0]!r}"
            )
        group = pairs[at : at + len(field.names)]
        if tuple(name for name, _ in group) != field.names:
            raise EncodingError(
                f"ELSYS: expected {', '.join(field.names)} one after the other, "
                f"found {', '.join(name for name, _ in group)}"
            )
        age_s = ages_s.get(field.names[0], 0) if ages_s else 0
        payload += _head(field, age_s) if age_s else bytes((field.type_byte,))
        payload += _packed(field, [value for _, value in group])
        at += len(group)
    return bytes(payload)


def _head(field: _Field, age_s: int) -> bytes:
    """Return the type byte and a time offset of the fewest bytes that hold it."""
    for flag, size in ((1, 1), (2, 2), (3, 4)):
        if 0 <= age_s < 1 << 8 * size:
            return bytes((flag << 6 | field.type_byte,)) + age_s.to_bytes(size, "big")
    raise EncodingError(f"ELSYS {field.names[0]}: expected an age of 0…4294967295 s, found {age_s}")


def _packed(field: _Field, values: list[float]) -> bytes:
    try:
        if field.layout == _POSITION:
            steps = [round(value * field.per_unit) for value in values]
            return b"".join(step.to_bytes(3, "little", signed=True) for step in steps)
        return struct.pack(field.layout, *(round(value * field.per_unit) for value in values))
    except (struct.error, ValueError, OverflowError) as error:
        raise EncodingError(
            f"ELSYS {field.names[0]}: expected what fits {field.layout[1:]!r} in steps of "
            f"1/{field.per_unit}, found {values}"
        ) from error
