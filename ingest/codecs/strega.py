"""STREGA valves and emitters: digits as ASCII text, a status, and what else the firmware adds.

Source: STREGA, "Smart Valve: payload description" as its published decoder reads it (V3, V4).

    byte 0     its upper four bits: 3 battery, 7 mains, 11 battery and class C, 15 mains and class C
    byte 0-3   battery in mV as four digits (the first one in the lower four bits of byte 0)
    byte 4     status, plus 0x30: valve, tamper, cable, DI0, DI1, leak, fraud, from the lowest bit
    then "#" and two numbers of 16 bits: temperature and humidity of the box
    then "C" and six hexadecimal digits: pulses; "V" and four: millivolts of the analog input

A payload that has "@" for its first byte, or after the status, answers a command. Answers 23 and 24
tell the counter, 25 the analog input (the number is two hexadecimal digits: 17, 18, 19); the rest
are settings. The motorized valve uses DI1 and the fraud bit for its limit switches (LSO, LSC).
"""

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from ingest.errors import PayloadError
from ingest.reading import Measurement

_EMPTY_MV, _MV_EACH_PERCENT = 2000, 16
_BATTERY = frozenset((0x3, 0xB))
_MAINS = frozenset((0x7, 0xF))
_HEAD_SIZE = 5
_CLIMATE_SIZE = 5
_STATUS = (("Actuator", ""), ("Tamper", ""), ("Cable", ""), ("digital_input", "0"))
_TAIL = re.compile(rb"(?:C([0-9A-Fa-f]{6}))?(?:V([0-9A-Fa-f]{4}))?")
_ANSWER = re.compile(rb"@([0-9A-Fa-f]{2})([0-9A-Fa-f]*)")
_COUNTER_ANSWERS, _ANALOG_ANSWER = frozenset((23, 24)), 25


@dataclass(frozen=True)
class Model:
    """A kind of product.

    word           recognises it beside "strega"
    first, second  what status bits 4 and 6 are: a name, and a channel
    """

    NAME: str
    word: str
    first: tuple[str, str]
    second: tuple[str, str]

    def matches(self, words: frozenset[str], dev_eui: str) -> bool:
        """Recognise the maker by its name, and the product by a word."""
        return "strega" in words and self.word in words

    def decode(self, payload: bytes, f_port: int) -> list[Measurement]:
        """Return a report; of an answer to a command what it measured, if anything.

        Errors  PayloadError for anything that is not as described above.
        """
        if payload[:1] == b"@":
            return _answered(payload)
        if len(payload) < _HEAD_SIZE:
            raise _wrong(f"at least {_HEAD_SIZE} bytes", payload)
        found = [*_power(payload), *self._status(payload)]
        rest = payload[_HEAD_SIZE:]
        if rest[:1] == b"@":
            return found + _answered(rest)
        if rest[:1] == b"#":
            if len(rest) < _CLIMATE_SIZE:
                raise _wrong("temperature and humidity after #", payload)
            warmth, damp = int.from_bytes(rest[1:3]), int.from_bytes(rest[3:5])
            found.append(Measurement("temperature", _in_cents(warmth * 165 / 65536 - 40)))
            found.append(Measurement("humidity", _in_cents(damp * 100 / 65536)))
            rest = rest[_CLIMATE_SIZE:]
        tail = _TAIL.fullmatch(rest)
        if tail is None:
            raise _wrong("#, C or V and their digits after the status", payload)
        if tail[1]:
            found.append(_counter(tail[1]))
        if tail[2]:
            found.append(_analog(tail[2]))
        return found

    def _status(self, payload: bytes) -> list[Measurement]:
        status = payload[4] - 0x30
        if not 0 <= status < 0x80:
            raise _wrong("a status of 0x30 to 0xaf in byte 4", payload)
        bits = (*_STATUS, self.first, ("water_leak", ""), self.second)
        return [
            Measurement(name, float(status >> bit & 1), channel)
            for bit, (name, channel) in enumerate(bits)
        ]


def _power(payload: bytes) -> list[Measurement]:
    kind = payload[0] >> 4
    if kind not in _BATTERY | _MAINS:
        raise _wrong("3, 7, b or f as the first digit", payload)
    found = [
        Measurement("Class", float(kind >> 3)),
        Measurement("Power", float(kind >> 2 & 1)),
    ]
    if kind in _BATTERY:
        digits = bytes((payload[0] & 0x0F | 0x30,)) + payload[1:4]
        if not digits.isdigit():
            raise _wrong("four digits of millivolts", payload)
        level = (int(digits) - _EMPTY_MV + _MV_EACH_PERCENT // 2) // _MV_EACH_PERCENT
        found.append(Measurement("battery_level", float(level)))
    return found


def _answered(payload: bytes) -> list[Measurement]:
    match = _ANSWER.match(payload)
    if match is None:
        raise _wrong("@ and the number of the command", payload)
    command = int(match[1], 16)
    if command in _COUNTER_ANSWERS:
        if len(match[2]) != 6 or match.end() != len(payload):
            raise _wrong("six digits of the counter", payload)
        return [_counter(match[2])]
    if command == _ANALOG_ANSWER:
        if len(match[2]) != 4 or match.end() != len(payload):
            raise _wrong("four digits of millivolts", payload)
        return [_analog(match[2])]
    return []


def _counter(digits: bytes) -> Measurement:
    return Measurement("pulse_register", float(int(digits, 16)))


def _analog(digits: bytes) -> Measurement:
    return Measurement("voltage", int(digits, 16) / 1000, "analog")


def _in_cents(value: float) -> float:
    return float(Decimal(repr(value)).quantize(Decimal("0.01"), ROUND_HALF_UP))


def _wrong(wanted: str, payload: bytes) -> PayloadError:
    return PayloadError("STREGA payload", wanted, payload.hex() or "no bytes")


CODECS = (
    Model("strega-emitter", "emitter", ("digital_input", "1"), ("Fraud", "")),
    Model("strega-motorized-valve", "motorized", ("LSO", ""), ("LSC", "")),
)
"""In the order in which they are asked."""
