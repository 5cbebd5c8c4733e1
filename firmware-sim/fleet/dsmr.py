"""DSMR P1 telegrams of version 5, as the customer port of a Dutch meter pushes every second.

Source: Netbeheer Nederland, "P1 Companion Standard" 5.0.2, chapters 5 (telegram, CRC-16 over "/" to
"!") and 6 (objects, their order and formats; timestamps YYMMDDhhmmss with S for summer and W for
winter time). Gas is M-Bus channel 1, a meter of device type 3 with the time of its last reading.

Registers are whole Wh and litres, which is exactly what the wire has: kWh and m3 with three places.
"""

import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache, lru_cache
from typing import NamedTuple

from fleet.errors import EncodingError
from fleet.message import SECOND_NS

_UNIX = datetime(1970, 1, 1, tzinfo=UTC)
_QUARTER_S = 900  # clocks are put forward and back at whole quarters of an hour
_WH_MAX, _LITRES_MAX, _WATTS_MAX = 999_999_999, 99_999_999, 99_999
_VOLT_TENTHS_MAX, _AMPERES_MAX = 9_999, 999
_POLYNOMIAL = 0xA001  # CRC-16/ARC, mirrored
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
    values: list[object] = [_stamp(time_ns, zone)]
    for register in (*import_wh, *export_wh):
        values += divmod(register, 1000)
    values += (tariff, *divmod(max(total_w, 0), 1000), *divmod(max(-total_w, 0), 1000))
    for phase in phases:
        _within("V/10", phase.volt_tenths, _VOLT_TENTHS_MAX)
        values += divmod(phase.volt_tenths, 10)
    for phase in phases:
        _within("A", phase.amperes, _AMPERES_MAX)
        values.append(phase.amperes)
    for sign in (1, -1):
        for phase in phases:
            _within("power in W", abs(phase.power_w), _WATTS_MAX)
            values += divmod(max(sign * phase.power_w, 0), 1000)
    if gas is not None:
        _within("gas in litres", gas.litres, _LITRES_MAX)
        values += (_stamp(gas.time_ns, zone), *divmod(gas.litres, 1000))
    body = (_template(meter) % tuple(values)).encode("ascii")
    return b"%b%04X\r\n" % (body, _crc(body))


@lru_cache(maxsize=65_536)
def _template(meter: Meter) -> str:
    """Return the telegram from "/" to "!" with a place for every value that changes."""
    if meter.phases not in {1, 3}:
        raise EncodingError(f"DSMR {meter.number}: expected 1 or 3 phases, found {meter.phases}")
    codes = _CODES[: meter.phases]
    kilo = "%02d.%03d*kW"
    lines = [
        f"/{_plain(meter.identification).replace('%', '%%')}",
        "",
        "1-3:0.2.8(50)",
        "0-0:1.0.0(%s)",
        f"0-0:96.1.1({_hex(meter.number)})",
        *(f"1-0:{code}(%06d.%03d*kWh)" for code in ("1.8.1", "1.8.2", "2.8.1", "2.8.2")),
        "0-0:96.14.0(%04d)",
        f"1-0:1.7.0({kilo})",
        f"1-0:2.7.0({kilo})",
        "0-0:96.7.21(00000)",  # power failures, long ones, and their log: none since it was set up
        "0-0:96.7.9(00000)",
        "1-0:99.97.0()",
        *(f"1-0:{volt}.32.0(00000)" for volt, *_ in codes),  # sags and swells
        *(f"1-0:{volt}.36.0(00000)" for volt, *_ in codes),
        "0-0:96.13.0()",
        *(f"1-0:{volt}.7.0(%03d.%01d*V)" for volt, *_ in codes),
        *(f"1-0:{ampere}.7.0(%03d*A)" for _, ampere, *_ in codes),
        *(f"1-0:{imported}.7.0({kilo})" for *_, imported, _ in codes),
        *(f"1-0:{exported}.7.0({kilo})" for *_, exported in codes),
    ]
    if meter.gas_number is not None:
        lines += [
            "0-1:24.1.0(003)",
            f"0-1:96.1.0({_hex(meter.gas_number)})",
            "0-1:24.2.1(%s)(%05d.%03d*m3)",
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


def _stamp(time_ns: int, zone: tzinfo) -> str:
    """Return a moment as the meter's clock shows it: "230701120000S"."""
    second = time_ns // SECOND_NS
    offset, mark = _clock(second // _QUARTER_S, zone)
    local = _UNIX + timedelta(seconds=second + offset)
    return (
        f"{local.year % 100:02d}{local.month:02d}{local.day:02d}"
        f"{local.hour:02d}{local.minute:02d}{local.second:02d}{mark}"
    )


@lru_cache(maxsize=4096)
def _clock(quarter: int, zone: tzinfo) -> tuple[int, str]:
    """Return what the clock is ahead of UTC in a quarter of an hour, in s, and S or W."""
    local = (_UNIX + timedelta(seconds=quarter * _QUARTER_S)).astimezone(zone)
    ahead = local.utcoffset() or timedelta()
    return ahead // timedelta(seconds=1), "S" if local.dst() else "W"


@cache
def _pairs() -> tuple[int, ...]:
    """Return the CRC of every two bytes, lower byte first, so that two take one look."""
    rows = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ _POLYNOMIAL if crc & 1 else crc >> 1
        rows.append(crc)
    firsts = [rows[low] for low in range(256)]
    return tuple(
        firsts_crc >> 8 ^ rows[(firsts_crc ^ high) & 0xFF]
        for high in range(256)
        for firsts_crc in firsts
    )


def _crc(data: bytes) -> int:
    """Return CRC-16/ARC; a leading zero byte, which does not change it, makes the number even."""
    table, crc = _pairs(), 0
    if len(data) % 2:
        data = b"\0" + data
    for pair in struct.unpack(f"<{len(data) // 2}H", data):
        crc = table[crc ^ pair]
    return crc
