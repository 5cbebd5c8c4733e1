"""M-Bus: data records, the long frames of the wired bus, and records alone in LoRaWAN payloads.

Source: EN 13757-3:2013, "Variable data structure", "Data information block", "Value information
block", annex A for data of types A (BCD), B (integer), F (date and time) and G (date);
EN 13757-2 for the long frame 68 L L 68 … CS 16; Elvaco, "CMi4110 user's manual", "Message formats".

A record is made of a VIF function (unit and power of ten) and a coding: `bcd`, `integer`,
`moment`, `day`. Values are whole steps of that power of ten; `fleet.mbus_meters` knows what heat,
water and gas meters send.
"""

import re
from datetime import date, datetime
from functools import lru_cache

from fleet.errors import EncodingError

NOW, MAXIMUM, MINIMUM, ERROR = 0, 1, 2, 3
"""What a value is: instantaneous, extreme, or of an error state."""

HEAT, COLD_WATER, WARM_WATER, WATER, GAS, ELECTRICITY = 0x04, 0x16, 0x06, 0x07, 0x03, 0x02
"""Device types ("media")."""

FABRICATION_NUMBER, MOMENT, DAY, ERROR_FLAGS = b"\x78", b"\x6d", b"\x6c", b"\xfd\x17"
ON_TIME_H, OPERATING_TIME_H = b"\x22", b"\x26"

_INTEGER_FIELDS = {1: 1, 2: 2, 3: 3, 4: 4, 6: 6, 8: 7}  # bytes -> data field of the DIF
_BCD_FIELDS = {2: 0x9, 4: 0xA, 6: 0xB, 8: 0xC, 12: 0xE}  # digits -> data field
_MAKER = re.compile(r"[A-Z]{3}", re.ASCII)
_LENGTH_MAX = 0xFF
_CI_VARIABLE, _C_RSP_UD = 0x72, 0x08
_HOUR_IS_SUMMER, _YEAR_FIRST, _YEAR_LAST = 0x80, 2000, 2099


def energy_wh(power: int) -> bytes:
    """Return the VIF of energy in 10**power Wh, -3 to 4."""
    return _vif("energy", 0x00, power, -3, 4)


def volume_m3(power: int) -> bytes:
    """Return the VIF of volume in 10**power m3, -6 to 1."""
    return _vif("volume", 0x10, power, -6, 1)


def power_w(power: int) -> bytes:
    """Return the VIF of power in 10**power W, -3 to 4."""
    return _vif("power", 0x28, power, -3, 4)


def flow_m3h(power: int) -> bytes:
    """Return the VIF of volume flow in 10**power m3/h, -6 to 1."""
    return _vif("volume flow", 0x38, power, -6, 1)


def flow_temperature(power: int) -> bytes:
    """Return the VIF of the supply's temperature in 10**power Cel, -3 to 0."""
    return _vif("flow temperature", 0x58, power, -3, 0)


def return_temperature(power: int) -> bytes:
    """Return the VIF of the return's temperature in 10**power Cel, -3 to 0."""
    return _vif("return temperature", 0x5C, power, -3, 0)


def temperature_difference(power: int) -> bytes:
    """Return the VIF of supply less return in 10**power K, -3 to 0."""
    return _vif("temperature difference", 0x60, power, -3, 0)


def integer(
    vif: bytes, value: int, size: int = 4, *, storage: int = 0, tariff: int = 0,
    subunit: int = 0, function: int = NOW,
) -> bytes:  # fmt: skip
    """Return a record of type B: a signed integer of 1, 2, 3, 4, 6 or 8 bytes."""
    if size not in _INTEGER_FIELDS:
        raise EncodingError(f"M-Bus integer: expected 1, 2, 3, 4, 6 or 8 bytes, found {size}")
    try:
        data = value.to_bytes(size, "little", signed=True)
    except OverflowError as error:
        raise EncodingError(
            f"M-Bus {vif.hex()}: expected what fits {size} signed bytes, found {value}"
        ) from error
    return _head(vif, _INTEGER_FIELDS[size], storage, tariff, subunit, function) + data


def bcd(
    vif: bytes, value: int, digits: int = 8, *, storage: int = 0, tariff: int = 0,
    subunit: int = 0, function: int = NOW,
) -> bytes:  # fmt: skip
    """Return a record of type A: 2, 4, 6, 8 or 12 decimal digits, without a sign."""
    if digits not in _BCD_FIELDS:
        raise EncodingError(f"M-Bus BCD: expected 2, 4, 6, 8 or 12 digits, found {digits}")
    data = _digits(f"{vif.hex()}", value, digits)
    return _head(vif, _BCD_FIELDS[digits], storage, tariff, subunit, function) + data


def moment(local: datetime, *, storage: int = 0, is_valid: bool = True) -> bytes:
    """Return a record of type F: the meter's clock to the minute, with its mark of summer time.

    local     what the clock shows; its `dst()` sets the mark, None sets none
    is_valid  False: the meter says that its clock was never set
    """
    hour = local.hour | (_HOUR_IS_SUMMER if local.dst() else 0)
    data = bytes((local.minute | (0 if is_valid else 0x80), hour)) + _date(local)
    return _head(MOMENT, _INTEGER_FIELDS[4], storage, 0, 0, NOW) + data


def day(local: date, *, storage: int = 0) -> bytes:
    """Return a record of type G: a date."""
    return _head(DAY, _INTEGER_FIELDS[2], storage, 0, 0, NOW) + _date(local)


def header(
    serial: int, maker: str, *, version: int, medium: int, access: int, status: int = 0
) -> bytes:
    """Return the fixed header of 12 bytes that begins a variable data structure.

    serial   eight decimal digits; maker  three capital letters (FLAG Association)
    medium   device type, as HEAT; access  counts the answers, 0 to 255
    status   0 when all is well; 0x04 battery low, 0x08 permanent, 0x10 temporary error
    """
    try:
        rest = bytes((version, medium, access, status, 0, 0))  # signature: not encrypted
    except ValueError as error:
        raise EncodingError(
            "M-Bus header: expected version, medium, access number and status of one byte each, "
            f"found {version}, {medium}, {access}, {status}"
        ) from error
    return _digits("serial", serial, 8) + _letters(maker) + rest


def frame(address: int, head: bytes, records: bytes) -> bytes:
    """Return the long frame (RSP_UD, CI 72h) with which a meter answers on the wired bus.

    address  primary address, 0 to 250; 253 where secondary addressing is used
    head     of `header`; records  one after the other
    Errors   EncodingError for more than 255 bytes of content
    """
    length = 3 + len(head) + len(records)
    if not 0 <= address <= 0xFF or length > _LENGTH_MAX:
        raise EncodingError(
            f"M-Bus frame: expected an address of one byte and at most {_LENGTH_MAX} bytes of "
            f"content, found {address} and {length}"
        )
    content = bytes((_C_RSP_UD, address, _CI_VARIABLE)) + head + records
    start = bytes((0x68, length, length, 0x68))
    return start + content + bytes((sum(content) & 0xFF, 0x16))


@lru_cache(maxsize=4096)
def _head(vif: bytes, field: int, storage: int, tariff: int, subunit: int, function: int) -> bytes:
    """Return DIF, DIFEs and VIF: DIFEs carry what storage, tariff and subunit have beyond it."""
    if min(storage, tariff, subunit) < 0 or not 0 <= function <= ERROR:
        raise EncodingError(
            "M-Bus record: expected storage, tariff and subunit of 0 or more and a function of 0 "
            f"to 3, found {storage}, {tariff}, {subunit}, {function}"
        )
    coded = [function << 4 | (storage & 1) << 6 | field]
    storage >>= 1
    while storage or tariff or subunit:
        coded[-1] |= 0x80
        coded.append((subunit & 1) << 6 | (tariff & 3) << 4 | storage & 0xF)
        storage, tariff, subunit = storage >> 4, tariff >> 2, subunit >> 1
    return bytes(coded) + vif


def _vif(what: str, base: int, power: int, least: int, most: int) -> bytes:
    if not least <= power <= most:
        raise EncodingError(f"M-Bus {what}: expected a power of {least} to {most}, found {power}")
    return bytes((base | power - least,))


def _digits(what: str, value: int, digits: int) -> bytes:
    text = f"{value:0{digits}d}"
    if value < 0 or len(text) > digits:
        raise EncodingError(f"M-Bus {what}: expected 0 to {10**digits - 1}, found {value}")
    return bytes.fromhex(text)[::-1]


@lru_cache(maxsize=256)
def _letters(maker: str) -> bytes:
    if _MAKER.fullmatch(maker) is None:
        raise EncodingError(f"M-Bus maker: expected three capital letters, found {maker!r}")
    first, second, third = (ord(letter) - 64 for letter in maker)
    return (first << 10 | second << 5 | third).to_bytes(2, "little")


def _date(local: date) -> bytes:
    """Return day and month with the year's two halves in their upper bits."""
    if not _YEAR_FIRST <= local.year <= _YEAR_LAST:
        raise EncodingError(f"M-Bus date: expected 2000 to 2099, found {local.year}")
    year = local.year - _YEAR_FIRST
    return bytes(((year & 0x07) << 5 | local.day, (year & 0x78) << 1 | local.month))
