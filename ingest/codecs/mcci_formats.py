"""What a format of MCCI is: flags, and the fields that they announce (the formats: `mcci.py`).

Source: "Understanding MCCI Catena data sent on port 1 format 0x21", "Data Formats"
(mcci-catena/MCCI-Catena-4430, `extra/`), and of the 24-bit float MCCI's decoder of port 6.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from ingest.codecs.frames import Frame, cut_short
from ingest.errors import PayloadError
from ingest.reading import Measurement

Number = Callable[[int], float | None]


def uflt16(raw: int) -> float:
    """Return MCCI's unsigned float in [0, 1): 4 bits of exponent, 12 of fraction."""
    return float((raw & 0xFFF) / 4096 * 2.0 ** ((raw >> 12) - 15))


def sflt16(raw: int) -> float:
    """Return MCCI's signed float in (-1, 1): sign, 4 bits of exponent, 11 of fraction."""
    value = (raw & 0x7FF) / 2048 * 2.0 ** ((raw >> 11 & 0xF) - 15)
    return float(-value if raw & 0x8000 and value else value)


def sflt24(raw: int) -> float | None:
    """Return a float of sign, 7 bits of exponent, 16 of mantissa; None: it is no number."""
    exponent, mantissa = raw >> 16 & 0x7F, raw & 0xFFFF
    if exponent == 0x7F:
        return None
    value = (mantissa + (0x10000 if exponent else 0)) / 0x10000 * 2.0 ** (max(exponent, 1) - 63)
    return float(-value if raw & 0x800000 and value else value)


class Part(NamedTuple):
    """A field: its flag (0: it is always there), its frame, and how its numbers are floats."""

    flag: int
    frame: Frame
    number: Number | None = None
    scale: float = 1.0


def part(flag: int, layout: str, number: Number | None = None, scale: float = 1.0) -> Part:
    """Return a field whose lines are parted by semicolons."""
    return Part(flag, Frame(layout.replace(";", "\n")), number, scale)


class Format(NamedTuple):
    """A format: bytes before its flags, groups of fields that begin with flags, and the rest.

    tail  what every two bytes after the fields are, and how they are floats
    more  whether bytes may follow that no flag announces
    last  what one such byte is
    """

    head: int
    groups: tuple[tuple[Part, ...], ...]
    tail: str = ""
    number: Number | None = None
    more: bool = False
    last: str = ""
    finish: Callable[[list[Measurement], bytes], list[Measurement]] | None = None


def read(name: str, form: Format, payload: bytes) -> list[Measurement]:
    """Return the values of a payload of a format.

    Fields stand in the order of their flags. So what a flag above the known ones announces comes
    last, and is passed over.
    Errors  PayloadError for any other flag that the format does not have, or another length.
    """
    found: list[Measurement] = []
    at, more = form.head, form.more
    for group in form.groups:
        if at >= len(payload):
            raise cut_short(name, at, 1, len(payload) - at)
        flags = payload[at]
        at += 1
        known = sum({one.flag for one in group})
        if flags & ~known:
            is_above = flags & ~known > known and group is form.groups[-1] and not form.tail
            if not is_above or at == len(payload):
                raise PayloadError(f"{name} flags", f"none but {known:02x}h", f"{flags:02x}h")
            more = True
        for one in group:
            if one.flag and not flags & one.flag:
                continue
            if at + one.frame.size > len(payload):
                raise cut_short(name, at, one.frame.size, len(payload) - at)
            found += _numbers(one, payload, at)
            at += one.frame.size
    if form.tail:
        found += _tail(name, form, payload, at)
    elif form.last and at + 1 == len(payload):
        found.append(Measurement(form.last, float(payload[at])))
    elif at != len(payload) and not more:
        raise PayloadError(f"{name} length", f"{at} bytes", f"{len(payload)}: {payload.hex()}")
    return form.finish(found, payload) if form.finish else found


def _numbers(field: Part, payload: bytes, at: int) -> Iterator[Measurement]:
    for one in field.frame.read(payload, at):
        if field.number is None:
            yield one
            continue
        value = field.number(int(one.value))
        if value is not None:
            yield one._replace(value=value * field.scale)


def _tail(name: str, form: Format, payload: bytes, at: int) -> Iterator[Measurement]:
    if (len(payload) - at) % 2:
        raise PayloadError(f"{name} {form.tail}", "two bytes each", payload[at:].hex())
    for count, place in enumerate(range(at, len(payload), 2), 1):
        raw = int.from_bytes(payload[place : place + 2])
        value = form.number(raw) if form.number else raw
        if value is not None:
            yield Measurement(form.tail, float(value), str(count))
