"""ELSYS sensors (ERS, EMS, ELT, ESM): a chain of type byte, time offset and value.

Source: ELSYS, "Sensor payload" (elsys.se/public/documents/Sensor_payload.pdf) and the vendor's
reference decoder. Numbers are big-endian, positions are little-endian. Bits 0-5 of the type byte
are the type; bits 6-7 are the size of a time offset that follows it: 0, 1, 2 or 4 bytes, the
seconds by which the value is older than the message.

Units: what the document gives in mV, uV or mm is returned in V and m. Acceleration stays in
counts, 63 to a g. `pulse_count` is the pulses since the message before (types 0x0A, 0x16),
`pulse_register` the pulses ever (0x0B, 0x17). An analog input is a voltage, of channel "analog1".

A type that comes twice in one payload counts once, the last, as in the vendor's decoder; only
the second external temperature is a list, and gets the channels "external2", "external2.2", ….
Settings (0x3E) hold the keys of the device: they are checked for length and passed over.
"""

import re
import struct
from collections.abc import Callable

from ingest.codecs.plans import Part, Plans
from ingest.errors import PayloadError
from ingest.reading import Measurement, Quality

NAME = "elsys"

_OUI = "a81758"
_FAMILY = re.compile(r"elsys.*|(?:ers|ems|elt|esm)(?:\d.*)?")

_MEASURED = Quality.MEASURED
_make = tuple.__new__  # half the time of calling Measurement, and this is the hottest line

_Field = tuple[str, str, int]  # quantity, channel, divisor
_Unpack = Callable[[bytes, int], tuple[int, ...]]
_Row = tuple[int, _Unpack, tuple[_Field, ...], str]  # size, reader, fields, struct letters


def _row(layout: str, *fields: _Field) -> _Row:
    reader = struct.Struct(layout)
    return reader.size, reader.unpack_from, fields, layout[1:]


def _grid_eye(payload: bytes, at: int) -> tuple[int, ...]:
    """Return 64 temperatures in tenths of a degree: one reference, and what each pixel adds."""
    reference = payload[at] * 10
    return tuple(reference + pixel for pixel in payload[at + 1 : at + 65])


def _position(payload: bytes, at: int) -> tuple[int, ...]:
    """Return latitude and longitude in 0.0001 degrees; each is 24 bits, low byte first."""
    return (
        int.from_bytes(payload[at : at + 3], "little", signed=True),
        int.from_bytes(payload[at + 3 : at + 6], "little", signed=True),
    )


_TYPES: dict[int, _Row] = {
    0x01: _row(">h", ("temperature", "", 10)),
    0x02: _row(">B", ("humidity", "", 1)),
    0x03: _row(
        ">bbb", ("acceleration", "x", 1), ("acceleration", "y", 1), ("acceleration", "z", 1)
    ),
    0x04: _row(">H", ("illuminance", "", 1)),
    0x05: _row(">B", ("motion", "", 1)),
    0x06: _row(">H", ("co2", "", 1)),
    0x07: _row(">H", ("battery_voltage", "", 1000)),
    0x08: _row(">H", ("voltage", "analog1", 1000)),
    0x09: (6, _position, (("latitude", "", 10_000), ("longitude", "", 10_000)), ""),
    0x0A: _row(">H", ("pulse_count", "1", 1)),
    0x0B: _row(">I", ("pulse_register", "1", 1)),
    0x0C: _row(">h", ("temperature", "external", 10)),
    0x0D: _row(">B", ("digital_input", "1", 1)),
    0x0E: _row(">H", ("distance", "", 1000)),
    0x0F: _row(">B", ("motion", "acceleration", 1)),
    0x10: _row(">hh", ("temperature", "ir_internal", 10), ("temperature", "ir_external", 10)),
    0x11: _row(">B", ("occupancy", "", 1)),
    0x12: _row(">B", ("water_leak", "", 1)),
    0x13: (65, _grid_eye, tuple(("temperature", f"grid_eye.{n + 1}", 10) for n in range(64)), ""),
    0x14: _row(">I", ("pressure", "", 1000)),
    0x15: _row(">BB", ("noise_peak", "", 1), ("noise_laeq", "", 1)),
    0x16: _row(">H", ("pulse_count", "2", 1)),
    0x17: _row(">I", ("pulse_register", "2", 1)),
    0x18: _row(">H", ("voltage", "analog2", 1000)),
    0x19: _row(">h", ("temperature", "external2", 10)),
    0x1A: _row(">B", ("digital_input", "2", 1)),
    0x1B: _row(">i", ("voltage", "load_cell", 1_000_000)),
    0x1C: _row(">H", ("tvoc", "", 1)),
    0x1D: _row(">B", ("iaq", "", 1)),
    0x1E: _row(">B", ("generic_bool", "", 1)),
    0x1F: _row(">b", ("generic_int8", "", 1)),
    0x20: _row(">h", ("generic_int16", "", 1)),
    0x21: _row(">B", ("display_view", "", 1)),
    0x22: _row(">h", ("temperature", "setpoint", 10)),
    0x23: _row(">B", ("fan_speed", "", 1)),
    0x24: _row(">B", ("humidity", "external", 1)),
    0x3C: _row(">I"),  # checksum of the payload's maker, not a measurement
    0x3D: _row(">I"),  # debug word of the firmware
}
_EXTERNAL_LIST = 0x19
PLANS = Plans(">")
_WITH_LENGTH = {0x3B: "byte array", 0x3E: "settings"}
_OFFSET_SIZE = (0, 1, 2, 4)
_ROWS: tuple[_Row | None, ...] = tuple(_TYPES.get(kind) for kind in range(64))


def matches(words: frozenset[str], dev_eui: str) -> bool:
    """Recognise ELSYS by its IEEE prefix, its name, or a word that begins a product's name."""
    return dev_eui.startswith(_OUI) or any(_FAMILY.fullmatch(word) for word in words)


def decode(payload: bytes, f_port: int) -> list[Measurement]:
    """Return what the payload says; a value with a time offset carries minus its age in ns.

    Errors  PayloadError for an unknown type or a value cut short; it names the byte.
    """
    del f_port  # the port is configurable and says nothing
    known = PLANS.read(payload)
    if known is not None:
        return known
    found: list[Measurement] = []
    parts: list[Part] = []
    at, size, seen, repeated = 0, len(payload), 0, False
    while at < size:
        head = payload[at]
        kind = head & 0x3F
        row = _ROWS[kind]
        if row is None:
            at = _past_length(payload, at, kind)
            continue
        start, age_ns = at + 1, None
        if head > 0x3F:
            start, age_ns = _offset(payload, at, head >> 6)
        width, unpack, fields, layout = row
        if start + width > size:
            raise _cut(at, kind, width, size - start)
        for (quantity, channel, divisor), raw in zip(fields, unpack(payload, start), strict=False):
            found.append(_make(Measurement, (quantity, raw / divisor, channel, age_ns, _MEASURED)))
        if seen >> kind & 1:
            repeated = True
        seen |= 1 << kind
        if layout and start == at + 1:
            parts.append(Part(1, layout, fields))
        at = start + width
    if repeated:
        return _last_of_each(found)
    PLANS.learn(payload, parts)  # it keeps nothing where a part is missing
    return found


def _offset(payload: bytes, at: int, flag: int) -> tuple[int, int | None]:
    """Return where the value starts and minus its age in ns (None for an age of zero)."""
    width = _OFFSET_SIZE[flag]
    start = at + 1
    if start + width > len(payload):
        raise PayloadError(
            f"ELSYS time offset at byte {at}",
            f"{width} bytes of offset after the type",
            f"{len(payload) - start} bytes to the end",
        )
    age_s = int.from_bytes(payload[start : start + width], "big")
    return start + width, -age_s * 1_000_000_000 if age_s else None


def _past_length(payload: bytes, at: int, kind: int) -> int:
    """Return the place after a part that states its own length, or raise PayloadError."""
    if payload[at] not in _WITH_LENGTH:
        raise PayloadError(
            f"ELSYS type at byte {at}",
            "a type of the ELSYS payload document (0x01-0x24, 0x3B-0x3E)",
            f"0x{kind:02x} (byte 0x{payload[at]:02x}); is this an ELSYS device?",
        )
    left = len(payload) - at - 2
    wanted = payload[at + 1] if left >= 0 else 0
    if left < wanted or left < 0:
        raise PayloadError(
            f"ELSYS {_WITH_LENGTH[kind]} at byte {at}",
            f"a length byte and {wanted} bytes",
            f"{left + 1} bytes to the end",
        )
    return at + 2 + wanted


def _cut(at: int, kind: int, width: int, left: int) -> PayloadError:
    return PayloadError(
        f"ELSYS value at byte {at}",
        f"{width} bytes after type 0x{kind:02x}",
        f"{left} bytes to the end; the payload is cut short",
    )


def _last_of_each(found: list[Measurement]) -> list[Measurement]:
    """Keep the last value of each place, and number the list of external temperatures."""
    external = _TYPES[_EXTERNAL_LIST][2][0][1]
    kept: dict[tuple[str, str, int | None], Measurement] = {}
    listed: dict[int | None, int] = {}
    for one in found:
        channel = one.channel
        if channel == external:
            nth = listed[one.time_ns] = listed.get(one.time_ns, 0) + 1
            channel = external if nth == 1 else f"{external}.{nth}"
        kept[one.quantity, channel, one.time_ns] = one._replace(channel=channel)
    return list(kept.values())
