"""Axioma QALCOSONIC W1 and F1 water meters: the register, the hours before it, and the alarms.

Source: the layouts of Axioma Metering's "W1 Lora payload (long) extended" (V01.8), as the decoders
of running meters have them (ZennerIoT/element-parsers; diwise/iot-agent; tago-io/decoders; the
LoRaWAN device repository, vendor/axioma). Little-endian; volumes in litres, times in UTC.

    FPort 100, extended   u32 time, u8 status, u32 volume, [s16 water temperature /100], u32 time
                          of the log, u32 volume at that time, u16 … what was used in each hour
                          after it
    FPort 100, enhanced   u8 01, u32 time, u8 status, u32 volume at 01:00, 23 numbers of 14 bits of
                          what was used in each hour after it, 6 bits of a multiplier
    FPort 100, short      u32 time, u8 status, u32 volume, u32 … volumes of past periods,
                          u32 seconds in a period
    FPort 101             settings; they give no measurement
    FPort 103             u32 time, u8 alarms, whose bits are others than those of the status

A log begins with a whole hour, and ends with the last whole hour before the message: so the first
number is what was used from the hour of the log to the next one. Meters may log days instead; a
log that ends neither an hour nor a day before its message is refused. Each number becomes the
register at the end of its hour. All ones is an hour that the meter did not log: the registers
after it are not known, and what was used in those hours keeps the maker's word, "delta_volume".

Trap: the two extended payloads have the same sizes. Only one of them has a log that ends where the
message begins.

Trap: the enhanced payload does not state the day of its log. It is the day before the message, by
the meter's clock. A multiplier other than none is refused, as nobody tells what it multiplies.

Trap: the volumes of past periods have no time in the short payload, and so are no registers here.
"""

import struct
from collections.abc import Iterator, Sequence

from ingest.clock import EARLIEST_NS
from ingest.codecs.frames import cut_short
from ingest.errors import PayloadError
from ingest.reading import Measurement

NAME = "axioma-w1"

_VALUES, _SETTINGS, _ALARM = 100, 101, 103
_OTHER_METERS = frozenset(("e1", "e2", "e3", "e4", "heat", "energy"))  # of heat
_HOUR_S, _DAY_S = 3600, 86400
_NS_PER_S = 1_000_000_000
_FILLER = b"\x2f"

_EXTENDED = struct.Struct("<IBIII")
_WARM = struct.Struct("<IBIhII")
_ENHANCED = struct.Struct("<BIBI")
_ENHANCED_SIZE, _ENHANCED_HOURS = 51, 23
_SHORT_SIZES = (21, 25)
_DELTA_BITS, _MULTIPLIER_BITS = 14, 6

_BITS = ("low_battery", "permanent_error", "temporary_error")  # from bit 2 on
_ALARMS = ("water_leak", "burst", "low_temperature", "manipulation", "no_consumption", "backflow")
_EVENTS = {"water_leak": 1, "backflow": 3, "low_temperature": 4, "burst": 5, "manipulation": 6}


def matches(words: frozenset[str], dev_eui: str) -> bool:
    """Recognise the maker or the model by name, unless it is one of the heat meters."""
    del dev_eui
    return not words.isdisjoint(("axioma", "qalcosonic")) and words.isdisjoint(_OTHER_METERS)


def decode(payload: bytes, f_port: int) -> list[Measurement]:
    """Return the register, its hours and the states, each at its own time, UTC ns.

    Errors  PayloadError for another port, a size that none of the payloads has, a log whose times
            do not fit its message, a clock that was never set.
    """
    if f_port == _SETTINGS:
        return []
    if f_port == _ALARM:
        if len(payload) != 5:
            raise PayloadError("Axioma alarm", "5 bytes", f"{len(payload)}: {payload.hex()}")
        return _alarms(payload[4], _time(payload, 0))
    if f_port != _VALUES:
        raise PayloadError("Axioma FPort", "100, 101 or 103", f_port)
    if len(payload) in _SHORT_SIZES:
        return _short(payload)
    filler = payload[_ENHANCED_SIZE:]
    if len(payload) >= _ENHANCED_SIZE and filler in (b"", _FILLER):
        return _enhanced(payload)
    return _extended(payload)


def _time(payload: bytes, at: int) -> int:
    """Return the time in s that stands at a byte, or raise PayloadError."""
    if at + 4 > len(payload):
        raise cut_short("Axioma", at, 4, len(payload) - at)
    time_s = int.from_bytes(payload[at : at + 4], "little")
    if time_s * _NS_PER_S < EARLIEST_NS:
        raise PayloadError("Axioma clock", "a time that was set", f"{time_s} s since 1970")
    return time_s


def _states(status: int, time_s: int) -> list[Measurement]:
    """Return what the status says: three bits, and three more that are one event of a list."""
    time_ns = time_s * _NS_PER_S
    event = status >> 5
    found = {name: status >> 2 + nth & 1 for nth, name in enumerate(_BITS)}
    found |= {name: int(event == code) for name, code in _EVENTS.items()}
    found["empty_pipe"] = int(not event and found["temporary_error"])
    found["status_code"] = status
    return [Measurement(name, float(value), "", time_ns) for name, value in found.items()]


def _alarms(alarms: int, time_s: int) -> list[Measurement]:
    """Return what an alarm says, a bit each, from the lowest."""
    found = {name: alarms >> nth & 1 for nth, name in enumerate(_ALARMS)} | {"alarm_code": alarms}
    return [Measurement(name, float(one), "", time_s * _NS_PER_S) for name, one in found.items()]


def _register(litres: int, time_s: int) -> Measurement:
    return Measurement("water_volume", litres / 1000, "", time_s * _NS_PER_S)


def _log(
    litres: int, start_s: int, period_s: int, deltas: Sequence[int | None]
) -> list[Measurement]:
    """Return the registers of a log, from the one it starts with."""
    found, is_known = [_register(litres, start_s)], True
    for nth, delta in enumerate(deltas, 1):
        time_s = start_s + nth * period_s
        if delta is None:
            is_known = False
        elif is_known:
            litres += delta
            found.append(_register(litres, time_s))
        else:
            found.append(Measurement("delta_volume", delta / 1000, "", time_s * _NS_PER_S))
    return found


def _extended(payload: bytes) -> list[Measurement]:
    for head in (_EXTENDED, _WARM):
        size = len(payload) - head.size
        if size < 2 or (size % 2 and not payload.endswith(_FILLER)):
            continue
        time_s, status, litres, *warm, log_s, log_litres = head.unpack_from(payload)
        deltas = struct.unpack_from(f"<{size // 2}H", payload, head.size)
        start_s = log_s - log_s % _HOUR_S
        period_s = _period(time_s - start_s, len(deltas))
        if not period_s:
            continue
        _time(payload, 0)
        found = [_register(litres, time_s), *_states(status, time_s)]
        found += [Measurement("temperature", one / 100, "", time_s * _NS_PER_S) for one in warm]
        told = [None if one == 0xFFFF else one for one in deltas]
        return found + _log(log_litres, start_s, period_s, told)
    raise PayloadError(
        "Axioma payload", "a log that ends in the hour or the day of its message", payload.hex()
    )


def _period(past_s: int, count: int) -> int:
    """Return the seconds in a period of a log that began so long ago, 0 where none fits."""
    for period_s in (_HOUR_S, _DAY_S):
        if count <= past_s // period_s < count + 2:
            return period_s
    return 0


def _enhanced(payload: bytes) -> list[Measurement]:
    version, time_s, status, litres = _ENHANCED.unpack_from(payload)
    if version != 1:
        raise PayloadError("Axioma frame version", 1, version)
    _time(payload, 1)
    bits = int.from_bytes(payload[_ENHANCED.size : _ENHANCED_SIZE], "little")
    *deltas, multiplier = _numbers(bits)
    if multiplier:
        raise PayloadError("Axioma multiplier", "none", multiplier)
    start_s = time_s - time_s % _DAY_S - _DAY_S + _HOUR_S
    return _states(status, time_s) + _log(litres, start_s, _HOUR_S, deltas)


def _numbers(bits: int) -> Iterator[int | None]:
    """Return what was used in each hour, None where it is not known, and the multiplier."""
    none = (1 << _DELTA_BITS) - 1
    for _ in range(_ENHANCED_HOURS):
        yield None if bits & none == none else bits & none
        bits >>= _DELTA_BITS
    yield bits & (1 << _MULTIPLIER_BITS) - 1


def _short(payload: bytes) -> list[Measurement]:
    time_s = _time(payload, 0)
    count = (len(payload) - 5) // 4
    litres, *past, period_s = struct.unpack_from(f"<{count}I", payload, 5)
    time_ns = time_s * _NS_PER_S
    found = [_register(litres, time_s), *_states(payload[4], time_s)]
    found += [
        Measurement("past_volume", one / 1000, str(nth), time_ns) for nth, one in enumerate(past, 1)
    ]
    return [*found, Measurement("past_period", float(period_s), "", time_ns)]
