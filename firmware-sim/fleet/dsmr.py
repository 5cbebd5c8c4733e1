"""DSMR P1 telegrams of version 5, as the customer port of a Dutch meter pushes every second.

Source: Netbeheer Nederland, "P1 Companion Standard" 5.0.2, chapters 5 (telegram, CRC-16 over "/" to
"!") and 6 (objects, their order and formats; timestamps YYMMDDhhmmss with S for summer and W for
winter time). Gas is M-Bus channel 1, a meter of device type 3 with the time of its last reading.

Registers are whole Wh and litres, which is exactly what the wire has: kWh and m3 with three places.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import NamedTuple

from fleet.errors import EncodingError
from fleet.message import SECOND_NS

_UNIX = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE_S = 60
_WH_MAX, _LITRES_MAX, _WATTS_MAX = 999_999_999, 99_999_999, 99_999
_VOLT_TENTHS_MAX, _AMPERES_MAX = 9_999, 999
_POLYNOMIAL = 0xA001  # CRC-16/ARC, mirrored
_SUMMER, _WINTER = "S", "W"
_SLOT = re.compile(r"%(?:0?([123])d|(c))|%%")
_CODES = ((32, 31, 21, 22), (52, 51, 41, 42), (72, 71, 61, 62))  # V, A, import, export of a phase


@dataclass(frozen=True, slots=True)
class Meter:
    """A meter at its connection.

    identification  what follows the "/": three letters, "5", and the maker's text
    number          the electricity meter's printed number
    gas_number      the gas meter's; None: there is none
    phases          1 or 3
    """

    identification: str
    number: str
    gas_number: str | None = None
    phases: int = 3


class Phase(NamedTuple):
    """One phase: V/10, whole A, and W, negative while exporting."""

    volt_tenths: int
    amperes: int
    power_w: int


class Gas(NamedTuple):
    """The gas meter's register in litres, and when it was read (UTC ns; hourly in most meters)."""

    litres: int
    time_ns: int


def encode(
    meter: Meter,
    zone: tzinfo,
    *,
    time_ns: int,
    tariff: int,
    import_wh: tuple[int, int],
    export_wh: tuple[int, int],
    phases: tuple[Phase, ...],
    gas: Gas | None = None,
) -> bytes:
    """Return the telegram of a moment, which is cut to its second.

    tariff     1 (low) or 2 (normal), the one that counts now
    import_wh  registers 1.8.1 and 1.8.2; export_wh 2.8.1 and 2.8.2
    phases     as many as the meter has; total power is their sum, by the direction it has
    gas        where and only where the meter has a gas number
    Errors     EncodingError for a value that the format can't hold, other phases than the
               meter's, or gas without a gas meter
    """
    if len(phases) != meter.phases or (gas is None) != (meter.gas_number is None):
        raise EncodingError(
            f"DSMR {meter.number}: expected {meter.phases} phase(s) and "
            f"{'no gas' if meter.gas_number is None else 'gas'}, found {len(phases)} and {gas}"
        )
    if tariff not in {1, 2}:
        raise EncodingError(f"DSMR tariff: expected 1 or 2, found {tariff}")
    for register in (*import_wh, *export_wh):
        _within("register in Wh", register, _WH_MAX)
    total_w = sum(phase.power_w for phase in phases)
    _within("power in W", abs(total_w), _WATTS_MAX)
    shape = _shape(meter)
    values = [*_stamp(time_ns, zone)]
    for register in (*import_wh, *export_wh):
        thousands, rest = divmod(register, 1000)
        values += (thousands // 1000, thousands % 1000, rest)
    values.append(tariff)
    values += divmod(total_w, 1000) if total_w > 0 else (0, 0)
    values += divmod(-total_w, 1000) if total_w < 0 else (0, 0)
    for phase in phases:
        _within("V/10", phase.volt_tenths, _VOLT_TENTHS_MAX)
        values += divmod(phase.volt_tenths, 10)
    for phase in phases:
        _within("A", phase.amperes, _AMPERES_MAX)
        values.append(phase.amperes)
    watts = [phase.power_w for phase in phases]
    _within("power in W", max(map(abs, watts)), _WATTS_MAX)
    for one in watts:
        values += divmod(one, 1000) if one > 0 else (0, 0)
    for one in watts:
        values += divmod(-one, 1000) if one < 0 else (0, 0)
    if gas is not None:
        _within("gas in litres", gas.litres, _LITRES_MAX)
        thousands, rest = divmod(gas.litres, 1000)
        values += (*_stamp(gas.time_ns, zone), thousands // 1000, thousands % 1000, rest)
    crc = shape.crc
    for table, value in zip(shape.tables, values, strict=True):
        crc ^= table[value]
    return (shape.template % (*values, crc)).encode("ascii")


class _Shape:
    """A meter's telegram with a slot for every value, and what each value does to the CRC.

    A CRC that begins with 0 is linear: the CRC of the telegram is that of the telegram with zeros
    in all slots, XORed with what each slot's value adds at its distance from the end.
    """

    __slots__ = ("crc", "tables", "template")

    def __init__(self, meter: Meter) -> None:
        body = _template(meter)
        self.template = body + "%04X\r\n"
        zeros = _SLOT.sub(_at_rest, body).encode("ascii")
        self.crc = _crc(zeros)
        impulses, tables = _impulses(len(zeros)), []
        shift = 0  # how much longer the template is than zeros, up to here
        for slot in _SLOT.finditer(body):
            text = _at_rest(slot)
            if text != "%":
                start = slot.start() - shift
                tables.append(_effects(text, tuple(impulses[start : start + len(text)])))
            shift += len(slot[0]) - len(text)
        self.tables = tuple(tables)


@lru_cache(maxsize=65_536)
def _shape(meter: Meter) -> _Shape:
    return _Shape(meter)


def _at_rest(slot: re.Match[str]) -> str:
    """Return what a slot holds at rest: zeros, or the mark of summer; "%" for no slot at all."""
    return "0" * int(slot[1]) if slot[1] else _SUMMER if slot[2] else "%"


@lru_cache(maxsize=4096)
def _effects(
    at_rest: str, impulses: tuple[tuple[int, ...], ...]
) -> dict[int, int] | tuple[int, ...]:
    """Return what each value of a slot adds to the CRC: by number, or by the ordinal of a mark."""
    if at_rest == _SUMMER:
        flip = ord(_SUMMER) ^ ord(_WINTER)
        return {ord(_SUMMER): 0, ord(_WINTER): _added(flip, impulses[0])}
    effects: tuple[int, ...] = (0,)
    for impulse in impulses:
        effects = tuple(
            higher ^ _added(digit, impulse) for higher in effects for digit in range(10)
        )
    return effects


def _added(flips: int, impulse: tuple[int, ...]) -> int:
    """Return what flipped bits of a byte add to the CRC."""
    crc = 0
    for bit, effect in enumerate(impulse):
        if flips >> bit & 1:
            crc ^= effect
    return crc


@lru_cache(maxsize=64)
def _impulses(size: int) -> list[tuple[int, ...]]:
    """Return, for every byte of a telegram of that size, what each of its bits adds to the CRC."""
    found, now = [], [_crc(bytes((1 << bit,))) for bit in range(8)]
    for _ in range(size):
        found.append(tuple(now))
        now = [_fed(crc, 0) for crc in now]
    return found[::-1]


def _template(meter: Meter) -> str:
    """Return the telegram from "/" to "!" with slots of one to three digits, or a letter."""
    if meter.phases not in {1, 3}:
        raise EncodingError(f"DSMR {meter.number}: expected 1 or 3 phases, found {meter.phases}")
    codes = _CODES[: meter.phases]
    kilo, stamp = "%02d.%03d*kW", "%03d%03d%03d%03d%c"
    lines = [
        f"/{_plain(meter.identification).replace('%', '%%')}",
        "",
        "1-3:0.2.8(50)",
        f"0-0:1.0.0({stamp})",
        f"0-0:96.1.1({_hex(meter.number)})",
        *(f"1-0:{code}(%03d%03d.%03d*kWh)" for code in ("1.8.1", "1.8.2", "2.8.1", "2.8.2")),
        "0-0:96.14.0(000%1d)",
        f"1-0:1.7.0({kilo})",
        f"1-0:2.7.0({kilo})",
        "0-0:96.7.21(00000)",  # power failures, long ones, and their log: none since it was set up
        "0-0:96.7.9(00000)",
        "1-0:99.97.0()",
        *(f"1-0:{volt}.32.0(00000)" for volt, *_ in codes),  # sags and swells
        *(f"1-0:{volt}.36.0(00000)" for volt, *_ in codes),
        "0-0:96.13.0()",
        *(f"1-0:{volt}.7.0(%03d.%1d*V)" for volt, *_ in codes),
        *(f"1-0:{ampere}.7.0(%03d*A)" for _, ampere, *_ in codes),
        *(f"1-0:{imported}.7.0({kilo})" for *_, imported, _ in codes),
        *(f"1-0:{exported}.7.0({kilo})" for *_, exported in codes),
    ]
    if meter.gas_number is not None:
        lines += [
            "0-1:24.1.0(003)",
            f"0-1:96.1.0({_hex(meter.gas_number)})",
            f"0-1:24.2.1({stamp})(%02d%03d.%03d*m3)",
        ]
    return "\r\n".join((*lines, "!"))


def _plain(text: str) -> str:
    if not text.isascii() or not text.isprintable() or not text:
        raise EncodingError(f"DSMR identification: expected printable ASCII, found {text!r}")
    return text


def _hex(number: str) -> str:
    """Return a meter's number as the telegram has it: the hex of its letters and digits."""
    return _plain(number).encode("ascii").hex().upper()


def _within(what: str, value: int, most: int) -> None:
    if not 0 <= value <= most:
        raise EncodingError(f"DSMR {what}: expected 0 to {most}, found {value}")


def _stamp(time_ns: int, zone: tzinfo) -> tuple[int, int, int, int, int]:
    """Return a moment as the meter's clock shows it: 260701122030 in threes, and ord of S or W."""
    minute, second = divmod(time_ns // SECOND_NS, _MINUTE_S)
    first, middle, last, mark = _clock(minute, zone)
    return first, middle, last // 1000, last % 1000 + second, mark


@lru_cache(maxsize=4096)
def _clock(minute: int, zone: tzinfo) -> tuple[int, int, int, int]:
    """Return year, month and half a day in threes, the rest with 00 s, and ord of S or W."""
    local = (_UNIX + timedelta(minutes=minute)).astimezone(zone)
    day = local.year % 100 * 10_000 + local.month * 100 + local.day
    clock = local.hour * 10_000 + local.minute * 100
    return day // 1000, day % 1000, clock, ord(_SUMMER if local.dst() else _WINTER)


def _crc(data: bytes) -> int:
    """Return CRC-16/ARC, bit by bit: only what stays the same in a meter's telegrams needs it."""
    crc = 0
    for byte in data:
        crc = _fed(crc, byte)
    return crc


def _fed(crc: int, byte: int) -> int:
    """Return the CRC after one more byte."""
    crc ^= byte
    for _ in range(8):
        crc = crc >> 1 ^ _POLYNOMIAL if crc & 1 else crc >> 1
    return crc
