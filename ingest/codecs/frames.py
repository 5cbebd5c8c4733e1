"""The engine of the native codecs: a payload's layout is a table, and a table is text.

A frame is one line a field, in the order of the bytes:

    u8  _                               a byte that is read and told by its bits below
    .0      water_leak                  bit 0 of the integer above
    .4-7    alarm_level                 bits 4 to 7 of it
    .4-7s   trend                       the same, the highest of them being the sign
    u16 battery_voltage    /1000        (raw + add) * mul / div, in this order, exactly
    s16 temperature:probe  /10 !0x7fff  the channel after a colon; raw values that mean "none"
    u8  temperature        -40
    x2                                  two bytes that are passed over

Types: u8 s8 u16 s16 u24 s24 u32 s32 u40 u48 u64 s64, f16 f32 f64 (IEEE 754), m8 m16 m24 m32 (the
highest bit is the sign, the rest the magnitude), d8 … d64 (BCD, two digits a byte), b16 (the upper
half of an f32, "bfloat16"). The frame says the order of bytes; a type that ends in "<" is
little-endian, in ">" big-endian, whatever the frame.
A name that is one of our quantities is given in its unit; any other is the vendor's own.
"#" begins a comment. A NaN, a BCD digit beyond 9 or a raw value after "!" is no measurement.

What can't be a table (a batch that is compressed, a list whose length stands in a byte) is a
function of its own, which uses frames for its parts.
"""

import re
import struct
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Literal, NamedTuple

from ingest.errors import PayloadError
from ingest.reading import Measurement, Quality

Order = Literal["big", "little"]
_MEASURED = Quality.MEASURED
_make = tuple.__new__  # half the time of calling Measurement, and this is the hottest line

_STRUCT = {
    "u8": "B", "s8": "b", "u16": "H", "s16": "h", "u32": "I", "s32": "i", "u64": "Q", "s64": "q",
    "f16": "e", "f32": "f", "f64": "d",
}  # fmt: skip
_LINE = re.compile(
    r"(?:(?P<type>[usfmdb]\d+)(?P<order>[<>])?|x(?P<skip>\d+)"
    r"|\.(?P<low>\d+)(?:-(?P<high>\d+)(?P<sign>s)?)?)"
    r"(?:\s+(?P<name>[^\s:]+)(?::(?P<channel>\S+))?)?(?P<rest>(?:\s+[-+*/!]\S+)*)"
)


class Value(NamedTuple):
    """One value of a frame: where its raw number stands and what becomes of it."""

    place: int
    quantity: str
    channel: str
    add: float
    mul: float
    div: float
    absent: frozenset[float]
    low: int
    mask: int
    sign: int


class Frame:
    """A run of bytes of one layout, as the module's docstring describes it.

    order  of bytes, where a type does not say
    Errors  ValueError when the table itself is wrong: a mistake in Emscher, found at import.
    """

    def __init__(self, table: str, order: Order = "big") -> None:
        self._parts: list[tuple[str, int, Order]] = []  # type, bytes, order
        values: list[Value] = []
        for line in table.splitlines():
            text = line.partition("#")[0].strip()
            if text:
                values += self._line(text, order)
        self.size = sum(size for _, size, _ in self._parts)
        self.quantities = frozenset(value.quantity for value in values)
        self._values = tuple(values)
        orders = {end for kind, _, end in self._parts if kind in _STRUCT}
        self._unpack = None
        if len(orders) <= 1 and all(kind in _STRUCT or kind == "x" for kind, _, _ in self._parts):
            layout = "".join(_STRUCT.get(kind, f"{size}x") for kind, size, _ in self._parts)
            self._unpack = struct.Struct((">", "<")["little" in orders] + layout).unpack_from
        self._plain: tuple[tuple[str, str, float], ...] | None = None
        told = [kind for kind, _, _ in self._parts if kind != "x"]
        plain = len(values) == len(told) and not any(kind[0] == "f" for kind in told)
        if self._unpack and plain and all(_is_plain(one, at) for at, one in enumerate(values)):
            self._plain = tuple((v.quantity, v.channel, v.div) for v in values)

    def read(self, payload: bytes, at: int = 0, channel: str = "") -> list[Measurement]:
        """Return the values of the frame that begins at a byte; the bytes must be there.

        channel  goes before the field's own channel, for frames that repeat ("1", "2" …)
        """
        if self._plain is not None and self._unpack is not None and not channel:
            return [
                _make(Measurement, (quantity, raw / div, own, None, _MEASURED))
                for (quantity, own, div), raw in zip(
                    self._plain, self._unpack(payload, at), strict=True
                )
            ]
        raws = self._unpack(payload, at) if self._unpack else self._raws(payload, at)
        found: list[Measurement] = []
        for place, quantity, own, add, mul, div, absent, low, mask, sign in self._values:
            raw = raws[place]
            if raw is None:
                continue
            if mask:
                raw = (int(raw) >> low & mask ^ sign) - sign
            if raw in absent or not isfinite(raw):
                continue
            named = f"{channel}.{own}" if channel and own else channel or own
            value = (raw + add) * mul / div
            found.append(_make(Measurement, (quantity, value, named, None, _MEASURED)))
        return found

    def whole(self, payload: bytes, name: str, at: int = 0) -> list[Measurement]:
        """Return the values of a payload that is this frame from a byte on, and nothing more.

        Errors  PayloadError for any other length.
        """
        if len(payload) - at != self.size:
            raise PayloadError(
                f"{name} length",
                f"{at + self.size} bytes",
                f"{len(payload)} bytes: {payload.hex()}",
            )
        return self.read(payload, at)

    def _raws(self, payload: bytes, at: int) -> Sequence[float | None]:
        raws: list[float | None] = []
        for kind, size, order in self._parts:
            if kind != "x":
                raws.append(_raw(kind, payload[at : at + size], order))
            at += size
        return raws

    def _line(self, text: str, order: Order) -> list[Value]:
        match = _LINE.fullmatch(text)
        if match is None:
            raise ValueError(
                f"frame: expected TYPE NAME[:CHANNEL] [±N] [*N] [/N] [!N], found {text}"
            )
        low, mask, sign = 0, 0, 0
        if match["skip"]:
            self._parts.append(("x", int(match["skip"]), order))
            return []
        if match["type"]:
            kind = match["type"]
            end: Order = order
            if match["order"]:
                end = "little" if match["order"] == "<" else "big"
            self._parts.append((kind, int(kind[1:]) // 8, end))
        else:
            low = int(match["low"])
            mask = (2 << int(match["high"] or low) - low) - 1
            sign = (mask + 1) // 2 if match["sign"] else 0
        name = match["name"]
        if name is None:
            raise ValueError(f'frame: expected a name or "_", found {text}')
        if name == "_":
            return []
        add, mul, div, absent = 0.0, 1.0, 1.0, set()
        for part in match["rest"].split():
            number = 0.0 if part[0] == "!" else _number(part[1:])
            if part[0] in "+-":
                add = number if part[0] == "+" else -number
            elif part[0] == "*":
                mul = number
            elif part[0] == "/":
                div = number
            else:
                absent |= {_number(one) for one in part[1:].split(",")}
        place = sum(kind != "x" for kind, _, _ in self._parts) - 1
        channel = match["channel"] or ""
        return [Value(place, name, channel, add, mul, div, frozenset(absent), low, mask, sign)]


class Tlv:
    """Frames that follow each other, each after a key that says which one it is.

    name    of the format, for its errors
    frames  by key, of one size each (b"\\x01\\x75")
    Errors  ValueError when keys differ in size.
    """

    def __init__(self, name: str, frames: Mapping[bytes, Frame]) -> None:
        sizes = {len(key) for key in frames}
        if len(sizes) != 1:
            raise ValueError(f"{name}: expected keys of one size, found {sorted(sizes)}")
        self.name = name
        self.frames = dict(frames)
        self._key_size = sizes.pop()

    def decode(self, payload: bytes, at: int = 0) -> list[Measurement]:
        """Return the values of all frames from a byte to the end.

        Errors  PayloadError for an unknown key or a frame cut short; it names the byte.
        """
        found: list[Measurement] = []
        while at < len(payload):
            key = payload[at : at + self._key_size]
            frame = self.frames.get(key)
            if frame is None:
                raise PayloadError(
                    f"{self.name} at byte {at}", "a type that the format knows", f"0x{key.hex()}"
                )
            at += self._key_size
            if at + frame.size > len(payload):
                raise cut_short(self.name, at, frame.size, len(payload) - at)
            found += frame.read(payload, at)
            at += frame.size
        return found


def cut_short(name: str, at: int, wanted: int, left: int) -> PayloadError:
    """Return the error of a payload that ends too early."""
    return PayloadError(
        f"{name} at byte {at}", f"{wanted} bytes", f"{max(left, 0)} to the end; it is cut short"
    )


def _is_plain(value: Value, at: int) -> bool:
    return value.place == at and not (value.add or value.absent or value.mask or value.mul != 1)


def _raw(kind: str, raw: bytes, order: Order) -> float | None:
    """Return the number that stands in some bytes; None for BCD that is none."""
    if kind[0] == "f":
        layout = (">" if order == "big" else "<") + _STRUCT[kind]
        return float(struct.unpack(layout, raw)[0])
    if kind[0] == "b":
        upper = raw if order == "big" else raw[::-1]
        return float(struct.unpack(">f", upper + b"\0\0")[0])
    if kind[0] == "d":
        digits = (raw if order == "big" else raw[::-1]).hex()
        return int(digits) if digits.isdigit() else None
    number = int.from_bytes(raw, order, signed=kind[0] == "s")
    if kind[0] == "m":
        sign = 1 << 8 * len(raw) - 1
        return sign - number if number & sign else number
    return number


def _number(text: str) -> float:
    """Return a table's number, whole where it is whole, so that the arithmetic stays exact."""
    try:
        return int(text, 0)
    except ValueError:
        return float(text)
