"""Payloads of the ultrasonic water meters QALCOSONIC W1 of Axioma Metering.

Source: Axioma Metering, "Ultrasonic water meter QALCOSONIC W1: LoRa payload (long) 'Extended'"
(V01.8, 2020-04-06), and its sibling "Enhanced", by way of decoders of running meters: those of
diwise/iot-agent, tago-io/decoders, and the LoRaWAN device repository (vendor/axioma).

Little-endian; volumes are litres, times UTC seconds since 1970.
FPort 100: `extended` and `enhanced`; FPort 103: `alarm`.
"""

import struct
from collections.abc import Sequence

from fleet.errors import EncodingError

VALUES_PORT, ALARM_PORT = 100, 103
ENHANCED_HOURS, EXTENDED_HOURS_USUAL = 23, 15

LOW_BATTERY, PERMANENT_ERROR, TEMPORARY_ERROR = 0x04, 0x08, 0x10
LEAKAGE, BACKFLOW, LOW_TEMPERATURE, BURST = 0x20, 0x60, 0x80, 0xA0
"""The status byte: three flags, and in its upper three bits one event of a list."""

_HOUR_S, _DAY_S = 3600, 86_400
_EXTENDED, _WARM = struct.Struct("<IBIII"), struct.Struct("<IBIhII")
_ENHANCED, _ALARM = struct.Struct("<BIBI"), struct.Struct("<IB")
_NOT_LOGGED = 0xFFFF
_DELTA_BITS = 14
_NOT_LOGGED_ENHANCED = (1 << _DELTA_BITS) - 1


def extended(
    *,
    time_s: int,
    status: int,
    litres: int,
    log_time_s: int,
    log_litres: int,
    deltas: Sequence[int | None],
    temperature_hundredths: int | None = None,
) -> bytes:
    """Return an "extended" payload: the register now, a register of the log, the hours after it.

    litres                  the register at time_s
    log_time_s, log_litres  the oldest register of the log, at a whole hour
    deltas                  litres used in each hour after it; None: an hour that was not logged
    temperature_hundredths  water temperature in 0.01 Cel, of the meters that send it
    Errors                  EncodingError for a log time that is no whole hour, or lies after
                            time_s, and for a value out of its range
    """
    if log_time_s % _HOUR_S or log_time_s > time_s:
        raise EncodingError(
            f"Axioma log: expected a whole hour before {time_s}, found {log_time_s}"
        )
    try:
        if temperature_hundredths is None:
            head = _EXTENDED.pack(time_s, status, litres, log_time_s, log_litres)
        else:
            head = _WARM.pack(
                time_s, status, litres, temperature_hundredths, log_time_s, log_litres
            )
    except struct.error as error:
        raise EncodingError(
            "Axioma extended: expected times and litres of 32 bits, a status byte and a "
            f"temperature within ±327 Cel, found {time_s}, {status}, {litres}, "
            f"{temperature_hundredths}, {log_time_s}, {log_litres}"
        ) from error
    return head + struct.pack(f"<{len(deltas)}H", *_checked(deltas, _NOT_LOGGED))


def enhanced(
    *, time_s: int, status: int, litres_at_one: int, deltas: Sequence[int | None]
) -> bytes:
    """Return an "enhanced" payload of 51 bytes: yesterday, by the meter's clock.

    litres_at_one  the register at 01:00 of the day before time_s
    deltas         litres used in the 23 hours after that; None: an hour that was not logged
    Errors         EncodingError for another number of hours, or a value out of its range
    """
    if len(deltas) != ENHANCED_HOURS:
        raise EncodingError(
            f"Axioma enhanced: expected {ENHANCED_HOURS} hours, found {len(deltas)}"
        )
    try:
        head = _ENHANCED.pack(1, time_s, status, litres_at_one)
    except struct.error as error:
        raise EncodingError(
            "Axioma enhanced: expected a time and litres of 32 bits and a status byte, "
            f"found {time_s}, {litres_at_one}, {status}"
        ) from error
    bits = 0
    for delta in reversed(_checked(deltas, _NOT_LOGGED_ENHANCED)):
        bits = bits << _DELTA_BITS | delta
    return head + bits.to_bytes((ENHANCED_HOURS * _DELTA_BITS + 7) // 8, "little")


def alarm(*, time_s: int, status: int) -> bytes:
    """Return an alarm (FPort 103): the status byte changed at that time.

    Errors  EncodingError for a time or a status out of its range
    """
    try:
        return _ALARM.pack(time_s, status)
    except struct.error as error:
        raise EncodingError(
            f"Axioma alarm: expected a time of 32 bits and a byte, found {time_s}, {status}"
        ) from error


def log_start(time_s: int, hours: int = EXTENDED_HOURS_USUAL) -> int:
    """Return when an extended log of so many hours begins, so that it ends with the last hour."""
    return time_s - time_s % _HOUR_S - hours * _HOUR_S


def day_start(time_s: int) -> int:
    """Return 01:00 UTC of the day before, where an enhanced log begins."""
    return time_s - time_s % _DAY_S - _DAY_S + _HOUR_S


def _checked(deltas: Sequence[int | None], absent: int) -> list[int]:
    """Return the litres of each hour as numbers of the wire; `absent` stands for None."""
    for nth, delta in enumerate(deltas):
        if delta is not None and not 0 <= delta < absent:
            raise EncodingError(
                f"Axioma hour {nth + 1}: expected 0 to {absent - 1} litres, found {delta}"
            )
    return [absent if delta is None else delta for delta in deltas]
