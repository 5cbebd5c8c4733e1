"""M-Bus data records as LoRaWAN payload: Elvaco CMi4110 … CMi4160, IoT Factory's M-Bus gateway.

Sources: Elvaco, user's manuals of CMi4110 (v1.3), CMi4111, CMi4130, CMi4140 and CMi4160, "Message
formats"; the vendor's decoder of the M-Bus gateway (TheThingsNetwork/lorawan-devices,
vendor/iot-factory). The records themselves: ingest/meters/mbus_records.py.

Elvaco: a byte that names the message format (00h standard of the CMi4110, 0Fh of the CMi4130, 15h
of the CMi4140, 1Eh of the CMi4160, …), then data records, or in the JSON formats a JSON object of
energy "E", its unit "U" and the meter's number "ID". These modules sit in heat meters: energy is
`heat_energy` unless the record of the enhanced identification (79h) names another medium.

The gateway (FPort 10): a byte of power supply and battery, a byte that says what its head holds,
then frames of one record each, with its own time and the number of the meter that it is from. The
meter's number is the first part of every channel, so that meters behind one gateway stay apart.
"""

import struct
from typing import NamedTuple

import msgspec

from ingest.errors import PayloadError
from ingest.meters.mbus import identity
from ingest.meters.mbus_meaning import measured
from ingest.meters.mbus_records import MANUFACTURER, MORE, Record, record_at, records
from ingest.reading import Measurement
from ingest.unit import Scale, scale_of, scaled

NAME = "mbus"

_GATEWAY_PORT = 10
_FORMAT_MAX = 0x3F
_HEAT = 0x04
_MODULES = ("cmi41", "cmi42")
_CALORIES = {"cal": -3, "kcal": 0, "mcal": 3, "gcal": 6}
_JSON = msgspec.json.Decoder(dict[str, float | str])
_DEVICE_INFO, _METER = 0x000, 0x016
_SECOND_NS = 1_000_000_000


def matches(words: frozenset[str], dev_eui: str) -> bool:
    """Recognise the makers' words; an address alone says nothing."""
    del dev_eui
    gateway = {"iot", "factory"} <= words and ({"m", "bus"} <= words or "mbus" in words)
    return gateway or "elvaco" in words or any(word.startswith(_MODULES) for word in words)


def decode(payload: bytes, f_port: int) -> list[Measurement]:
    """Return what the payload says; what the gateway sampled has its own time, UTC ns.

    Errors  PayloadError for a payload that is cut short or neither of the two
    """
    if f_port == _GATEWAY_PORT:
        return _gateway(payload)
    if len(payload) < 2:
        raise PayloadError("Elvaco payload", "a message format and records", f"{payload.hex()!r}")
    if payload[0] > _FORMAT_MAX:
        raise PayloadError(
            "Elvaco message format", "a byte below 40h", f"{payload[0]:02x}h; is this a CMi module?"
        )
    if payload[1] == ord("{"):
        return _json(payload[1:])
    return _records(payload)


def _records(payload: bytes) -> list[Measurement]:
    """Return the measurements of Elvaco's records, and the meter's number as one of them."""
    found = records(payload[1:])
    if not any(one.function not in {MANUFACTURER, MORE} for one in found):
        raise PayloadError("Elvaco payload", "at least one data record", payload.hex())
    medium, numbers = _HEAT, []
    for one in found:
        number = one.value
        if one.name == "enhanced_identification" and isinstance(number, int):
            who = identity(number)
            medium, number = who.medium, who.serial
        elif one.name != "fabrication_number":
            continue
        if isinstance(number, str) and number.isdigit():
            numbers.append(Measurement("fabrication_number", float(number)))
    return measured(found, medium, errors=True) + numbers[:1]


def _json(text: bytes) -> list[Measurement]:
    """Return the measurements of an object like {"E":1234,"U":"kWh","ID":87654321}."""
    try:
        said = _JSON.decode(text)
    except msgspec.DecodeError as error:
        raise PayloadError("Elvaco JSON", "an object of numbers and texts", str(error)) from error
    energy, unit = said.pop("E", None), said.pop("U", None)
    if not isinstance(energy, float) or not isinstance(unit, str):
        raise PayloadError("Elvaco JSON", 'an energy "E" and its unit "U"', text.decode("latin-1"))
    scale = scale_of("heat_energy", unit)
    if unit.lower() in _CALORIES:
        scale = Scale(0.0, 1.163, 10.0 ** -_CALORIES[unit.lower()])
    if scale is None:
        raise PayloadError("Elvaco JSON unit", "Wh, J or Cal and their thousands", unit)
    found = [Measurement("heat_energy", scaled(energy, scale))]
    found += [
        Measurement("fabrication_number" if name == "ID" else name, value)
        for name, value in said.items()
        if isinstance(value, float)
    ]
    return found


class _Sample(NamedTuple):
    record: Record
    time_ns: int


class _Head(NamedTuple):
    time_s: int
    response: int
    serial: bytes
    medium: int
    status: int


_HEAD = struct.Struct("<IB4sBB")


def _gateway(payload: bytes) -> list[Measurement]:
    """Return the battery's level and the measurements of all meters, in the order they come."""
    if len(payload) < 2:
        raise PayloadError("M-Bus gateway", "2 bytes or more", f"{len(payload)} bytes")
    at = 2 + (4 if payload[1] & 0x01 else 0) + (2 if payload[1] & 0x10 else 0)
    if at > len(payload):
        raise PayloadError("M-Bus gateway head", f"{at} bytes", f"{len(payload)} bytes")
    found: list[Measurement] = []
    if payload[0] >> 1 <= 100:
        found.append(Measurement("battery_level", float(payload[0] >> 1)))
    meters: dict[tuple[str, int], list[_Sample]] = {}
    status: dict[str, tuple[int, int]] = {}
    while payload[at:] not in {b"", b"\x00"}:  # a frame of an error ends with a zero byte
        kind = int.from_bytes(_part(payload, at, 2), "little") & 0x0FFF
        at += 2
        if kind == _DEVICE_INFO:
            _part(payload, at, 7)
            at += 7
            continue
        if kind != _METER:
            raise PayloadError(
                f"M-Bus gateway frame at byte {at - 2}", "type 000h or 016h", f"{kind:03x}h"
            )
        head = _Head(*_HEAD.unpack(_part(payload, at, _HEAD.size)))
        one, at = record_at(payload, at + _HEAD.size)
        if one.function in {MANUFACTURER, MORE}:
            raise PayloadError(
                f"M-Bus gateway record at byte {one.at}", "a record with an end", "DIF 0Fh or 1Fh"
            )
        serial, time_ns = head.serial[::-1].hex(), head.time_s * _SECOND_NS
        meters.setdefault((serial, head.medium), []).append(_Sample(one, time_ns))
        status[serial] = (head.status, time_ns)
    for (serial, medium), samples in meters.items():
        found += measured(
            [sample.record for sample in samples],
            medium,
            prefix=serial,
            sampled_ns=[sample.time_ns for sample in samples],
            errors=True,
        )
    for serial, (word, time_ns) in status.items():
        found.append(Measurement("meter_status", float(word), serial, time_ns))
    return found


def _part(payload: bytes, at: int, size: int) -> bytes:
    if len(payload) - at < size:
        raise PayloadError(
            f"M-Bus gateway frame at byte {at}", f"{size} bytes", f"{len(payload) - at} to the end"
        )
    return payload[at : at + size]
