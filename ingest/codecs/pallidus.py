"""Pallidus MR1: a time, a byte that says what follows, and that.

Source: the codec that the maker publishes in the LoRaWAN device repository
(TheThingsNetwork/lorawan-devices, `vendor/pallidus`). Messages 0x26 and 0x36 on FPort 1 to 4 carry
measurements, at the device's own time: GPS seconds less 17 leap seconds. Answers to commands
(FPort 1 to 3) carry no measurement. The maker computes a dew point and a heat index from what is
here, so those are left out. The activities of a message have no times of their own; they are
channels "1", "2" … The small numbers for CO2, white light and activity are floating-point numbers
of the maker's own kinds.
"""

from collections.abc import Callable

from ingest.codecs.frames import Frame, cut_short
from ingest.errors import PayloadError
from ingest.reading import Measurement

NAME = "pallidus-mr1"

_SECOND = 1_000_000_000
_GPS_EPOCH, _LEAP_SECONDS = 315_964_800, 17
_KINDS = (0x26, 0x36)
_PORTS = range(1, 5)
_ANSWERS = range(1, 4)
_HEAD_SIZE = 6  # kind, time, flags
_ACTIVITY = 0x80

_CLIMATE = "s16 temperature /256\n {} u16 humidity *100 /65535"


def matches(words: frozenset[str], dev_eui: str) -> bool:
    """Recognise the model by its maker and number."""
    return words.issuperset(("pallidus", "mr1"))


def decode(payload: bytes, f_port: int) -> list[Measurement]:
    """Return what the payload says; an answer says nothing.

    Errors  PayloadError for another FPort, an unknown message, or a value cut short.
    """
    if f_port not in _PORTS:
        raise PayloadError(f"{NAME} FPort", "1 to 4", f_port)
    if not payload:
        raise cut_short(NAME, 0, _HEAD_SIZE, 0)
    if payload[0] not in _KINDS:
        if f_port in _ANSWERS:
            return []
        raise PayloadError(f"{NAME} message", "0x26 or 0x36", f"0x{payload[0]:02x}")
    if len(payload) < _HEAD_SIZE:
        raise cut_short(NAME, 0, _HEAD_SIZE, len(payload))
    seconds = int.from_bytes(payload[1:5]) + _GPS_EPOCH - _LEAP_SECONDS
    return [
        one._replace(time_ns=seconds * _SECOND) for one in _values(payload, payload[0] == _KINDS[0])
    ]


def _values(payload: bytes, first: bool) -> list[Measurement]:
    flags, at = payload[5], _HEAD_SIZE
    found: list[Measurement] = []
    for bit, old, new in _PARTS:
        if not flags & bit:
            continue
        frame = old if first else new
        if at + frame.size > len(payload):
            raise cut_short(NAME, at, frame.size, len(payload) - at)
        for one in frame.read(payload, at):
            kind = _SPECIAL.get(one.quantity)
            found.append(kind(int(one.value)) if kind else one)
        at += frame.size
    if not flags & _ACTIVITY:
        if at != len(payload):
            raise PayloadError(f"{NAME} length", f"{at} bytes", payload.hex())
        return found
    if (len(payload) - at) % 2:
        raise PayloadError(f"{NAME} activities", "two bytes each", payload.hex())
    for number, place in enumerate(range(at, len(payload), 2)):
        raw = int.from_bytes(payload[place : place + 2])
        found.append(Measurement("activity", _small(raw), str(number + 1)))
    return found


def _unsigned(raw: int) -> float:
    """Return a number of 4 bits of exponent and 12 of mantissa, below 1."""
    return float((raw & 0xFFF) / 4096 * 2.0 ** ((raw >> 12) - 15))


def _small(raw: int) -> float:
    """Return a number of a sign, 4 bits of exponent and 11 of mantissa, between -1 and 1."""
    size = (raw & 0x7FF) / 2048 * 2.0 ** ((raw >> 11 & 0xF) - 15)
    return float(-size if raw & 0x8000 else size)


_NOT_A_NUMBER = 0x7F


def _lux(raw: int) -> Measurement:
    """Return a light of a sign, 7 bits of exponent and 16 of mantissa."""
    exponent, mantissa = raw >> 16 & 0x7F, raw & 0xFFFF
    if exponent == _NOT_A_NUMBER:
        raise PayloadError(f"{NAME} light", "a number", f"0x{raw:06x}")
    size = (mantissa + (0x10000 if exponent else 0)) / 0x10000 * 2.0 ** (max(exponent, 1) - 63)
    return Measurement("illuminance", float(-size if raw & 0x800000 else size))


def _co2(raw: int) -> Measurement:
    return Measurement("co2", _unsigned(raw) * 40_000)


def _white(raw: int) -> Measurement:
    return Measurement("irradiance.White", _unsigned(raw) * 2.0**24)


_SPECIAL: dict[str, Callable[[int], Measurement]] = {
    "_co2": _co2,
    "_lux": _lux,
    "_white": _white,
}


def _same(table: str) -> tuple[Frame, Frame]:
    return Frame(table), Frame(table)


_PARTS: tuple[tuple[int, Frame, Frame], ...] = (
    (0x01, *_same("s16 battery_voltage /4096")),
    (0x02, *_same("x4")),
    (0x04, *_same("u16 _co2")),
    (0x08, *_same("u8 boot")),
    (0x10, Frame(_CLIMATE.format("u16 pressure /25\n")), Frame(_CLIMATE.format(""))),
    (0x20, Frame("u16 _white"), Frame("u24 _lux")),
    (
        0x40,
        *_same("""
            u16 pellets_total:1
            u8 pellets_delta:1
            u16 pellets_total:2
            u8 pellets_delta:2
        """),
    ),
)
