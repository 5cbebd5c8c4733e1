"""Milesight payloads: channel id, channel type, little-endian value, one after the other.

Source: Milesight, payload definitions of each product (SensorDecoders, README of AM103, AM107,
AM300_v2, EM300-TH, EM300-MCS, EM300-SLD, EM310-UDL, EM320-TH, EM500-SMT, EM500-SMTC, EM500-UDL,
WS301, VS133). Field names, units and words are those of the maker's decoders. Uplinks come on
FPort 85.
"""

import struct
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

from fleet.errors import EncodingError

F_PORT = 85
Value = float | str


class _Channel(NamedTuple):
    head: bytes  # channel id and channel type
    names: tuple[str, ...]  # several values in one channel, in wire order
    layout: str  # struct, without the byte order
    per_unit: int = 1  # wire steps of one unit
    words: tuple[str, ...] = ()  # what 0, 1, … mean


class _Plan(NamedTuple):
    """How the values of some names make a payload."""

    layout: struct.Struct
    slots: tuple[bytes | int, ...]  # heads, and zeros where the values go
    places: tuple[tuple[int, int, dict[Value, int]], ...]  # slot, steps of a unit, words
    channels: tuple[_Channel, ...]


class _History(NamedTuple):
    """A value of the past: seconds since 1970, 32 bits, then these fields."""

    names: tuple[str, ...]
    layout: str
    per_unit: tuple[int, ...]
    padding: int = 0  # bytes at the end that are reserved


def _one(head: str, name: str, layout: str, per_unit: int = 1) -> _Channel:
    return _Channel(bytes.fromhex(head), (name,), layout, per_unit)


def _word(head: str, name: str, *words: str) -> _Channel:
    return _Channel(bytes.fromhex(head), (name,), "B", 1, words)


def _group(head: str, layout: str, *names: str) -> _Channel:
    return _Channel(bytes.fromhex(head), names, layout)


_BATTERY = _one("0175", "battery", "B")  # %
_TEMPERATURE = _one("0367", "temperature", "h", 10)  # Cel
_HUMIDITY = _one("0468", "humidity", "B", 2)  # %
_CO2 = _one("077d", "co2", "H")  # ppm
_PRESSURE = _one("0973", "pressure", "H", 10)  # hPa
_AIR = (_BATTERY, _TEMPERATURE, _HUMIDITY)
_AM300 = (
    *_AIR,
    _word("0500", "pir", "idle", "trigger"),
    _one("06cb", "light_level", "B"),  # 0 … 5
    _CO2,
    _one("087d", "tvoc", "H", 100),  # index of 0 … 5
    _one("08e6", "tvoc_ug_m3", "H"),  # the maker's `tvoc` too, where the device is set to ug/m3
    _PRESSURE,
)
_DUST = (_one("0b7d", "pm2_5", "H"), _one("0c7d", "pm10", "H"))  # ug/m3
_PAST_AIR = ("temperature", "humidity", "pir", "light_level", "co2", "tvoc", "pressure")
_LINES = tuple(
    channel
    for at, line in zip((3, 6, 9, 12), (1, 2, 3, 4), strict=True)
    for channel in (
        _one(f"{at:02x}d2", f"line_{line}_total_in", "I"),
        _one(f"{at + 1:02x}d2", f"line_{line}_total_out", "I"),
        _group(f"{at + 2:02x}cc", "HH", f"line_{line}_period_in", f"line_{line}_period_out"),
    )
)
_PRODUCTS: dict[str, tuple[_Channel, ...]] = {
    "AM103": (*_AIR, _CO2),
    "AM107": (
        *_AIR,
        _one("056a", "activity", "H"),
        _group("0665", "HHH", "illumination", "infrared_and_visible", "infrared"),  # lx, counts
        _CO2,
        _one("087d", "tvoc", "H"),  # ppb
        _PRESSURE,
    ),
    "AM307": _AM300,
    "AM308": (*_AM300, *_DUST),
    "AM319": (*_AM300, _one("0a7d", "hcho", "H", 100), *_DUST),  # mg/m3
    "EM300-TH": _AIR,
    "EM300-MCS": (*_AIR, _word("0600", "magnet_status", "close", "open")),
    "EM300-SLD": (*_AIR, _word("0500", "water", "normal", "leak")),
    "EM310-UDL": (
        _BATTERY,
        _one("0382", "distance", "H"),  # mm
        _word("0400", "position", "normal", "tilt"),
    ),
    "EM320-TH": _AIR,
    "EM500-SMT": (
        _BATTERY,
        _TEMPERATURE,
        _one("0468", "moisture", "B", 2),  # %
        _one("057f", "ec", "H"),  # uS/cm
    ),
    "EM500-SMTC": (
        _BATTERY,
        _TEMPERATURE,
        _one("04ca", "moisture", "H", 100),  # %
        _one("057f", "ec", "H"),  # uS/cm
    ),
    "EM500-UDL": (_BATTERY, _one("0382", "distance", "H")),  # mm
    "WS301": (
        _BATTERY,
        _word("0300", "door", "close", "open"),
        _word("0400", "install", "yes", "no"),
    ),
    "VS133": (*_LINES, _group("0fe3", "BBBB", *(f"region_{n}_count" for n in (1, 2, 3, 4)))),
}
_PAST_HEAD = bytes.fromhex("20ce")
_PAST = {
    "AM307": _History(_PAST_AIR, "hHBBHHH", (10, 2, 1, 1, 1, 100, 10)),
    "AM308": _History((*_PAST_AIR, "pm2_5", "pm10"), "hHBBHHHHH", (10, 2, 1, 1, 1, 100, 10, 1, 1)),
    "EM300-TH": _History(("temperature", "humidity"), "hB", (10, 2), padding=1),
    "EM320-TH": _History(("temperature", "humidity"), "hB", (10, 2)),
    "EM500-SMTC": _History(("ec", "temperature", "moisture"), "HhH", (1, 10, 100)),
    "EM500-UDL": _History(("distance",), "H", (1,)),
}
_BY_NAME = {
    product: {channel.names[0]: channel for channel in channels}
    for product, channels in _PRODUCTS.items()
}


def products() -> dict[str, tuple[str, ...]]:
    """Return the names of the values that each product can send."""
    return {
        product: tuple(name for channel in channels for name in channel.names)
        for product, channels in _PRODUCTS.items()
    }


def encode(product: str, values: Mapping[str, Value] | Iterable[tuple[str, Value]]) -> bytes:
    """Return the payload of a product's values, in the order given.

    values  name -> value in the maker's unit, or the maker's word ("open"); the names of a group
            (illumination infrared_and_visible infrared, a line's period_in period_out, the four
            region counts) follow each other
    Errors  EncodingError for an unknown product, name or word, a broken group, or a value that
            doesn't fit.
    """
    if isinstance(values, Mapping):
        names, told = tuple(values), list(values.values())
    else:
        pairs = list(values)
        names, told = tuple(name for name, _ in pairs), [value for _, value in pairs]
    plan = _plan(product, names)
    slots = list(plan.slots)
    try:
        for (at, per_unit, words), value in zip(plan.places, told, strict=True):
            slots[at] = words[value] if words else round(value * per_unit)
        return plan.layout.pack(*slots)
    except (struct.error, ValueError, OverflowError, TypeError, KeyError):
        return _one_by_one(product, plan, told)  # it tells which value doesn't fit


@lru_cache(maxsize=1024)
def _plan(product: str, names: tuple[str, ...]) -> _Plan:
    """Return how these names are laid out; EncodingError as `encode` raises it for names."""
    known = _BY_NAME.get(product)
    if known is None:
        raise EncodingError(f"Milesight: expected one of {', '.join(_PRODUCTS)}, found {product!r}")
    channels: list[_Channel] = []
    slots: list[bytes | int] = []
    places: list[tuple[int, int, dict[Value, int]]] = []
    at = 0
    while at < len(names):
        channel = known.get(names[at])
        if channel is None:
            raise EncodingError(
                f"Milesight {product}: expected one of {', '.join(known)}, found {names[at]!r}"
            )
        group = names[at : at + len(channel.names)]
        if group != channel.names:
            raise EncodingError(
                f"Milesight {product}: expected {', '.join(channel.names)} one after the other, "
                f"found {', '.join(group)}"
            )
        channels.append(channel)
        words: dict[Value, int] = {word: step for step, word in enumerate(channel.words)}
        slots.append(channel.head)
        for _ in group:
            places.append((len(slots), channel.per_unit, words))
            slots.append(0)
        at += len(group)
    layout = "".join(f"{len(channel.head)}s{channel.layout}" for channel in channels)
    return _Plan(struct.Struct(f"<{layout}"), tuple(slots), tuple(places), tuple(channels))


def encode_past(product: str, rows: Iterable[tuple[int, Mapping[str, float]]]) -> bytes:
    """Return the payload of stored values, as a device sends them after a time out of reach.

    rows    (seconds since 1970, UTC; every value that the product stores)
    Errors  EncodingError for a product that stores nothing, a missing name, or a value that
            doesn't fit.
    """
    past = _PAST.get(product)
    if past is None:
        raise EncodingError(f"Milesight: expected one of {', '.join(_PAST)}, found {product!r}")
    payload = bytearray()
    for seconds, values in rows:
        if values.keys() != set(past.names):
            raise EncodingError(
                f"Milesight {product}: expected {', '.join(past.names)}, "
                f"found {', '.join(sorted(values))}"
            )
        try:
            steps = [
                round(values[name] * per_unit)
                for name, per_unit in zip(past.names, past.per_unit, strict=True)
            ]
            payload += _PAST_HEAD + struct.pack(f"<I{past.layout}", seconds, *steps)
        except (struct.error, ValueError, OverflowError) as error:
            raise EncodingError(
                f"Milesight {product}: expected what fits {past.layout!r} in steps of 1/"
                f"{past.per_unit}, found {dict(values)} at {seconds}"
            ) from error
        payload += bytes(past.padding)
    return bytes(payload)


def _one_by_one(product: str, plan: _Plan, told: list[Value]) -> bytes:
    payload, at = bytearray(), 0
    for channel in plan.channels:
        payload += channel.head
        payload += _packed(product, channel, told[at : at + len(channel.names)])
        at += len(channel.names)
    return bytes(payload)


def _packed(product: str, channel: _Channel, values: list[Value]) -> bytes:
    try:
        steps = [
            _word_step(product, channel, value) if channel.words else _number_step(channel, value)
            for value in values
        ]
        return struct.pack(f"<{channel.layout}", *steps)
    except (struct.error, ValueError, OverflowError) as error:
        raise EncodingError(
            f"Milesight {product} {channel.names[0]}: expected what fits {channel.layout!r} in "
            f"steps of 1/{channel.per_unit}, found {values}"
        ) from error


def _number_step(channel: _Channel, value: Value) -> int:
    if isinstance(value, str):
        raise ValueError("a word in place of a number")
    return round(value * channel.per_unit)


def _word_step(product: str, channel: _Channel, value: Value) -> int:
    if value not in channel.words:
        raise EncodingError(
            f"Milesight {product} {channel.names[0]}: expected {' or '.join(channel.words)}, "
            f"found {value!r}"
        )
    return channel.words.index(str(value))
