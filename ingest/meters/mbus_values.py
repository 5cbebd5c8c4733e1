"""Values of M-Bus records: the data types of EN 13757-3:2013, annex A, from their raw bytes.

Each function takes the bytes lowest first and returns the value, or None and why there is none.
Types A (BCD), B and C (integers), F, G, I and J (clocks), H (float32).
"""

import struct
from collections.abc import Callable
from datetime import date, datetime, time

from ingest.meters.mbus_units import FLAGS, IDENTIFIER, NUMBER, PLAIN, Sense

Value = float | int | str | bytes | datetime | date | time | None


def integer(raw: bytes, sense: Sense, signed: bool = True) -> tuple[Value, str]:
    """Type B, signed, whose lowest number is "invalid"; bits and identifiers have no sign."""
    signed = signed and sense.kind not in {FLAGS, IDENTIFIER}
    number = int.from_bytes(raw, "little", signed=signed)
    if signed and number == -(1 << (8 * len(raw) - 1)):
        return None, f"the number {raw[::-1].hex()} means invalid"
    return scaled_integer(number, sense), ""


def scaled_integer(number: int, sense: Sense) -> float | int:
    """Scale an integer with one rounding at most: the division of two integers is exact to it."""
    if sense.kind not in {NUMBER, PLAIN}:
        return number
    return number * sense.num / sense.den


def float32(raw: bytes, sense: Sense) -> tuple[Value, str]:
    """Type H: a float32, read as the shortest decimal number that is this float32."""
    bits = int.from_bytes(raw, "little")
    if bits >> 23 & 0xFF == 0xFF:
        return None, "not a number"
    (number,) = struct.unpack("<f", raw)
    for digits in range(6, 10):
        short = float(f"{number:.{digits}g}")
        try:
            if struct.pack("<f", short) == raw:
                number = short
                break
        except OverflowError:
            continue
    return number if sense.num == sense.den == 1 else float(
        f"{number * sense.num / sense.den:.15g}"
    ), ""


def bcd(raw: bytes, sense: Sense) -> tuple[Value, str]:
    """Type A: the highest digit is F for a negative number; A to E mark an error."""
    text = raw[::-1].hex()
    if sense.kind == IDENTIFIER:
        return text.upper(), ""
    sign, digits = ("-", text[1:]) if text.startswith("f") else ("", text)
    if not digits.isdigit():
        return None, f"{text.upper()} is no BCD number"
    return scaled_integer(int(sign + digits), sense), ""


_INVALID = "the meter's clock says that it is invalid"


def _date(raw: bytes) -> tuple[Value, str]:
    """Type G: a date; a day, month or year out of the calendar means "every"."""
    word = int.from_bytes(raw, "little")
    return _calendar(_year(word >> 5 & 7 | word >> 9 & 0x78, 0), word >> 8 & 15, word & 31)


def _date_time(raw: bytes) -> tuple[Value, str]:
    """Type F: date and time to the minute."""
    word = int.from_bytes(raw, "little")
    if word & 0x80:
        return None, _INVALID
    year = _year(word >> 21 & 7 | word >> 25 & 0x78, word >> 13 & 3)
    return _calendar(year, word >> 24 & 15, word >> 16 & 31, (word >> 8 & 31, word & 63, 0))


def _date_time_seconds(raw: bytes) -> tuple[Value, str]:
    """Type I: date and time to the second."""
    if raw[1] & 0x80:
        return None, _INVALID
    year = _year(raw[3] >> 5 | raw[4] >> 1 & 0x78, 0)
    return _calendar(year, raw[4] & 15, raw[3] & 31, (raw[2] & 31, raw[1] & 63, raw[0] & 63))


def _time(raw: bytes) -> tuple[Value, str]:
    """Type J: the time of a day."""
    hour, minute, second = raw[2] & 31, raw[1] & 63, raw[0] & 63
    if hour > 23 or minute > 59 or second > 59:
        return None, f"{hour:02}:{minute:02}:{second:02} is no time of day"
    return time(hour, minute, second), ""


def _year(two_digits: int, hundreds: int) -> int:
    """Return the year; old meters leave the hundreds at 0 and mean 2000 to 2080 (annex A)."""
    if hundreds == 0 and two_digits <= 80:
        return 2000 + two_digits
    return 1900 + 100 * hundreds + two_digits


def _calendar(
    year: int, month: int, day: int, clock: tuple[int, int, int] | None = None
) -> tuple[Value, str]:
    try:
        if clock is None:
            return date(year, month, day), ""
        return datetime(year, month, day, *clock), ""
    except ValueError:
        text = f"{year}-{month:02}-{day:02}"
        if clock is not None:
            text += f" {clock[0]:02}:{clock[1]:02}:{clock[2]:02}"
        return None, f"{text} is no certain point in time"


CLOCKS: dict[int, Callable[[bytes], tuple[Value, str]]] = {
    2: _date,
    3: _time,
    4: _date_time,
    6: _date_time_seconds,
}
"""How a clock is read, by its size in bytes."""
