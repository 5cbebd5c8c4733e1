"""Dragino payloads: one big-endian frame of eleven bytes (LDDS75: eight) for each model.

Source: the decoders that Dragino publishes for LHT65N, LSE01, LDDS75, LAQ4, LLDS12 and SW3L (The
Things Network, lorawan-devices, vendor/dragino), whose field names and units these are.
Measurements come on FPort 2, the device's settings on FPort 5.

The battery stands in mV, in 14 bits. A probe that isn't plugged in sends 0x7fff. Negative
temperatures are two's complement, but those of LSE01's soil count down from 0xffff, as its manual's
example has it (FF7E is -1.29 Cel). Written from memory, and not compared with the manuals: from
which voltage on LHT65N calls its battery good, and what it sends where it has no external sensor.
"""

import struct
from collections.abc import Callable, Mapping

from fleet.errors import EncodingError

F_PORT = 2
STATUS_F_PORT = 5
Values = Mapping[str, float | str | None]

_ABSENT = 0x7FFF
_BATTERY_MAX = 0x3FFF
_BATTERY_STATUS_V = (2.50, 2.55, 2.65)  # LHT65N: ultra low, low, OK, good begin above these
_LHT65N_NOTHING = 0
_EXTERNAL: dict[str, tuple[int, str, int]] = {  # name: (kind, layout of four bytes, steps a unit)
    "TempC_DS": (1, ">hH", 100),  # Cel
    "TempC_TMP117": (2, ">hH", 100),
    "ILL_lx": (5, ">HH", 1),
    "ADC_V": (6, ">HH", 1000),
    "Exit_count": (8, ">I", 1),
}
_TIMED = 9  # the probe in place of the battery, and the device's time
_LAQ4_CO2_MODE = 1
_SW3L_TOTAL, _SW3L_LAST = 0, 1
_SW3L_FLAGS = (0, 1, 2)  # 450, 360 and 60 pulses a litre: three sizes of pipe
_NORMAL_MESSAGE = 1  # LLDS12: sent by the clock, not by an interrupt


class _Reader:
    """The values of a frame, taken by name; what is left over is unknown."""

    def __init__(self, model: str, values: Values) -> None:
        self.model, self._rest = model, dict(values)

    def has(self, name: str) -> bool:
        return name in self._rest

    def step(self, name: str, per_unit: int, bits: int, *, default: int | None = None) -> int:
        """Return a number in wire steps; a negative one as the complement of that many bits."""
        signed = bits < 0
        bits = abs(bits)
        value = self._rest.pop(name, default)
        low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
        if not isinstance(value, int | float) or not low - 1 <= value * per_unit <= high + 1:
            raise self._refused(name, f"{low / per_unit:g}…{high / per_unit:g}", value)
        found = round(value * per_unit)
        if not low <= found <= high:
            raise self._refused(name, f"{low / per_unit:g}…{high / per_unit:g}", value)
        return found & (1 << bits) - 1

    def probe(self, name: str, per_unit: int) -> int:
        """Return a temperature in 16 bits; None, or no value, is a probe that isn't there."""
        if self._rest.get(name) is None:
            self._rest.pop(name, None)
            return _ABSENT
        return self.step(name, per_unit, -16)

    def word(self, name: str, *words: str, default: str | None = None) -> int:
        value = self._rest.pop(name, default)
        if value not in words:
            raise self._refused(name, " or ".join(words), value)
        return words.index(str(value))

    def done(self) -> None:
        if self._rest:
            raise EncodingError(
                f"Dragino {self.model}: expected nothing more, found {', '.join(self._rest)}"
            )

    def _refused(self, name: str, expected: str, value: object) -> EncodingError:
        found = "no value" if value is None else repr(value)
        return EncodingError(f"Dragino {self.model} {name}: expected {expected}, found {found}")


def _lht65n(read: _Reader) -> bytes:
    timed = read.has("Systimestamp")
    if timed:
        head = read.probe("TempC_DS", 100)
        battery = _battery_status(read.step("BatV", 1000, 14) / 1000)
    else:
        volt = read.step("BatV", 1000, 14)
        head, battery = volt | _battery_status(volt / 1000) << 14, 0
    temperature = read.probe("TempC_SHT", 100)
    humidity = read.step("Hum_SHT", 10, 12) | battery << 14
    if timed:
        kind, rest = _TIMED, read.step("Systimestamp", 1, 32).to_bytes(4, "big")
    else:
        kind, rest = _external(read)
    return struct.pack(">HHHB", head, temperature, humidity, kind) + rest


def _battery_status(volt: float) -> int:
    return sum(volt > least for least in _BATTERY_STATUS_V)


def _external(read: _Reader) -> tuple[int, bytes]:
    """Return the kind of the external sensor and its four bytes."""
    for name, (kind, layout, per_unit) in _EXTERNAL.items():
        if not read.has(name):
            continue
        if layout == ">I":
            return kind, read.step(name, per_unit, 32).to_bytes(4, "big")
        step = read.probe(name, per_unit) if "h" in layout else read.step(name, per_unit, 16)
        return kind, struct.pack(">HH", step, _ABSENT)
    return _LHT65N_NOTHING, struct.pack(">HH", _ABSENT, _ABSENT)


def _lse01(read: _Reader) -> bytes:
    soil = read.step("temp_SOIL", 100, -16)  # Cel
    return struct.pack(
        ">HHHHHB",
        read.step("Bat", 1000, 14),
        read.probe("TempC_DS18B20", 10),
        read.step("water_SOIL", 100, 16),  # %
        soil - (soil >> 15),
        read.step("conduct_SOIL", 1, 16),  # uS/cm
        read.step("Sensor_flag", 1, 1, default=0) << 4
        | read.step("Interrupt_flag", 1, 4, default=0),
    )


def _ldds75(read: _Reader) -> bytes:
    return struct.pack(
        ">HHBHB",
        read.step("Bat", 1000, 14),
        read.step("Distance", 1, 16),  # mm; 0: no sensor, 20: no valid echo
        read.step("Interrupt_flag", 1, 8, default=0),
        read.probe("TempC_DS18B20", 10),
        read.step("Sensor_flag", 1, 8, default=1),
    )


def _laq4(read: _Reader) -> bytes:
    return struct.pack(
        ">HBHHHH",
        read.step("Bat_V", 1000, 14),
        _LAQ4_CO2_MODE << 2 | read.word("Alarm_status", "FALSE", "TRUE", default="FALSE"),
        read.step("TVOC_ppb", 1, 16),
        read.step("CO2_ppm", 1, 16),
        read.step("TempC_SHT", 10, -16),
        read.step("Hum_SHT", 10, 16),
    )


def _llds12(read: _Reader) -> bytes:
    return struct.pack(
        ">HHHHBBB",
        read.step("Bat", 1000, 14),
        read.probe("TempC_DS18B20", 10),
        read.step("Lidar_distance", 10, 16),  # cm; the wire counts mm
        read.step("Lidar_signal", 1, 16),
        read.step("Interrupt_flag", 1, 8, default=0),
        read.step("Lidar_temp", 1, -8),  # Cel
        read.step("Message_type", 1, 8, default=_NORMAL_MESSAGE),
    )


def _sw3l(read: _Reader) -> bytes:
    flag = read.step("Calculate_flag", 1, 6, default=0)
    if flag not in _SW3L_FLAGS:
        raise EncodingError(f"Dragino SW3L Calculate_flag: expected 0, 1 or 2, found {flag}")
    alarm = read.word("Alarm", "FALSE", "TRUE", default="FALSE")
    last = read.has("Last_pulse")
    return struct.pack(
        ">BIBBI",
        flag << 2 | alarm << 1,
        read.step("Last_pulse" if last else "Total_pulse", 1, 32),
        _SW3L_LAST if last else _SW3L_TOTAL,
        0,
        read.step("Data_time", 1, 32),  # seconds since 1970, UTC
    )


_MODELS: dict[str, Callable[[_Reader], bytes]] = {
    "LHT65N": _lht65n,
    "LSE01": _lse01,
    "LDDS75": _ldds75,
    "LAQ4": _laq4,
    "LLDS12": _llds12,
    "SW3L": _sw3l,
}
MODELS = tuple(_MODELS)


def encode(model: str, values: Values) -> bytes:
    """Return the frame of a model's values.

    LHT65N  BatV, TempC_SHT, Hum_SHT, and one of TempC_DS, TempC_TMP117, ILL_lx, ADC_V, Exit_count
            or none; with Systimestamp (seconds) the probe TempC_DS stands in the battery's place
    LSE01   Bat, TempC_DS18B20, water_SOIL, temp_SOIL, conduct_SOIL, Sensor_flag, Interrupt_flag
    LDDS75  Bat, Distance (mm), TempC_DS18B20, Interrupt_flag, Sensor_flag
    LAQ4    Bat_V, TVOC_ppb, CO2_ppm, TempC_SHT, Hum_SHT, Alarm_status
    LLDS12  Bat, TempC_DS18B20, Lidar_distance (cm), Lidar_signal, Lidar_temp, Interrupt_flag,
            Message_type
    SW3L    Total_pulse or Last_pulse, Calculate_flag, Alarm, Data_time (seconds)
    Errors  EncodingError for an unknown model, a name too many or too few, or a value that
            doesn't fit.
    """
    write = _MODELS.get(model)
    if write is None:
        raise EncodingError(f"Dragino: expected one of {', '.join(_MODELS)}, found {model!r}")
    read = _Reader(model, values)
    frame = write(read)
    read.done()
    return frame


def encode_status(
    sensor_model: int, firmware: str, bat_mv: int, *, band: int = 1, sub_band: int = 0xFF
) -> bytes:
    """Return the frame of FPort 5: what the device is, and its battery in mV.

    sensor_model  the maker's number, such as 0x11 for SW3L
    firmware      "1.2.0", one hex digit each; band 1: EU868; sub_band 255: none
    """
    digits = firmware.split(".")
    numbers = (sensor_model, band, sub_band)
    if len(digits) != 3 or not all(len(one) == 1 and one in "0123456789abcdef" for one in digits):
        raise EncodingError(f"Dragino firmware: expected such as 1.2.0, found {firmware!r}")
    if not all(0 <= one <= 0xFF for one in numbers) or not 0 <= bat_mv <= 0xFFFF:
        raise EncodingError(
            f"Dragino status: expected a model, band and sub-band of one byte and a battery of "
            f"two, found {numbers}, {bat_mv}"
        )
    version = int("".join(digits), 16)
    return struct.pack(">BHBBH", sensor_model, version, band, sub_band, bat_mv)
