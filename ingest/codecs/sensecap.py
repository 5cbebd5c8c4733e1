"""Seeed SenseCAP sensors (S2101 to S2105, LoRa-E5 development kit): records and a checksum.

Source: Seeed, "SenseCAP S210X LoRaWAN Sensor: User Guide", chapter 9 (packet parsing), and
"SenseCAP API: list of measurement IDs" (units). A record has seven bytes, little-endian: channel,
number, value. Numbers from 0x1001 on are measurements, a signed value times 1000; those below are
the device's state: 0x0007 is the battery in percent and the interval in minutes. The payload ends
in the CRC-16 (KERMIT) of all bytes before. A measurement without a quantity of ours keeps the
maker's name, or "measurement." and its number. Channel 1 is the device's own sensor.
"""

import struct

from ingest.errors import PayloadError
from ingest.reading import Measurement

NAME = "seeed-sensecap"

_RECORD = struct.Struct("<BHi")
_CRC_SIZE = 2
_VALUES = {
    0x1001: ("temperature", 1000, ""),
    0x1002: ("humidity", 1000, ""),
    0x1003: ("illuminance", 1000, ""),
    0x1004: ("co2", 1000, ""),
    0x1005: ("pressure", 100_000, ""),  # in Pa
    0x1006: ("temperature", 1000, "soil"),
    0x1007: ("soil_moisture", 1000, ""),
    0x1008: ("wind_direction", 1000, ""),
    0x1009: ("wind_speed", 1000, ""),
    0x100A: ("ph", 1000, ""),
    0x100B: ("Light Quantum", 1000, ""),  # umol/m2/s
    0x100C: ("conductivity", 1, ""),  # in dS/m
    0x100D: ("Dissolved Oxygen", 1000, ""),  # mg/L
    0x100E: ("soil_moisture", 1000, "vwc"),
    0x100F: ("conductivity", 1, ""),
    0x1010: ("temperature", 1000, "soil"),
    0x1011: ("Rainfall Hourly", 1000, ""),  # mm/h: how hard it rains, no amount
    0x1013: ("distance", 100_000, ""),  # in cm
    0x1015: ("level", 100_000, ""),  # in cm
    0x1016: ("NH3", 1000, ""),  # ppm
    0x1017: ("H2S", 1000, ""),  # ppm
    0x1018: ("flow", 1000, ""),
    0x1019: ("Total Flow", 1000, ""),  # m3 of something
    0x101B: ("conductivity", 1000, "water"),  # in uS/cm
    0x101C: ("temperature", 1000, "water"),
    0x101D: ("Soil Heat Flux", 1000, ""),  # W/m2
    0x101F: ("solar_irradiance", 1000, ""),
}
"""By measurement id: our name or the maker's, what the raw number is divided by, our channel."""
_BATTERY = 0x0007
_STATES = frozenset((*range(7), 0x0120, 0x0121, 0x0122))
_MEASURED = range(0x1001, 0x2000)


_NODES = frozenset(("loradevelopkit", *(f"s210{number}" for number in range(1, 6))))


def matches(words: frozenset[str], dev_eui: str) -> bool:
    """Recognise a sensor by its model's name; other SenseCAP products have other formats."""
    return not words.isdisjoint(_NODES)


def decode(payload: bytes, f_port: int) -> list[Measurement]:
    """Return what was measured and the battery; versions, numbers and settings give nothing.

    Errors  PayloadError for another length, a wrong checksum, or a record of unknown number.
    """
    records, rest = divmod(len(payload) - _CRC_SIZE, _RECORD.size)
    if rest or records < 1:
        raise PayloadError(
            "SenseCAP length", "7 bytes for each value, and 2", f"{len(payload)}: {payload.hex()}"
        )
    if _crc_kermit(payload[:-_CRC_SIZE]) != int.from_bytes(payload[-_CRC_SIZE:], "little"):
        raise PayloadError("SenseCAP checksum", "CRC-16 of all bytes before it", payload.hex())
    found: list[Measurement] = []
    for channel, kind, value in _RECORD.iter_unpack(payload[:-_CRC_SIZE]):
        place = "" if channel < 2 else str(channel)
        if kind == _BATTERY:
            found.append(Measurement("battery_level", float(value & 0xFFFF)))
        elif kind in _MEASURED:
            name, divisor, own = _VALUES.get(kind, (f"measurement.{kind}", 1000, ""))
            named = f"{own}.{place}" if own and place else own or place
            found.append(Measurement(name, value / divisor, named))
        elif kind not in _STATES:
            raise PayloadError("SenseCAP value", "a number of 0x1001 to 0x1fff", f"0x{kind:04x}")
    return found


def _crc_kermit(data: bytes) -> int:
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x8408 if crc & 1 else 0)
    return crc
