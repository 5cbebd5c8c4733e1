"""Decentlab payloads: version, device id, flags, and the words of the sensors that are flagged.

Source: Decentlab, the decoders published for each product (decentlab-decoders). All numbers are
big-endian, 16 bits; bit n of the flags says that the words of the product's n-th sensor are
there. Names and units are those of the maker's decoder. Uplinks come on FPort 1.

What the decoder derives is left out here: the permittivity of soil. `illuminance` stands for the
two light channels of a light without infrared, as LEDs are: the infrared channel is 0.
"""

import struct
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from fleet.errors import EncodingError

F_PORT = 1
_VERSION = 2
_WORD_MAX = 0xFFFF


class _Word(NamedTuple):
    """A value: word = (value + shift) * steps / unit."""

    name: str
    shift: float = 0.0
    steps: float = 1
    unit: float = 1


_Sensor = tuple[_Word, ...]


def _signed(name: str, steps: int) -> _Word:
    """Return a value that is counted from 32768, in steps of a unit."""
    return _Word(name, 32768 / steps, steps)


_BATTERY = (_Word("battery_voltage", steps=1000),)  # V
_AIR = (  # Sensirion SHT35: Cel, %
    _Word("air_temperature", 45, 65535, 175),
    _Word("air_humidity", 0, 65535, 100),
)
_AIR_SHT21 = (
    _Word("air_temperature", 46.85, 65536, 175.72),
    _Word("air_humidity", 6, 65536, 125),
)
_PRESSURE = (_Word("barometric_pressure", 0, 1, 2),)  # Pa
_LIGHT = (_Word("ambient_light_visible_infrared"), _Word("ambient_light_infrared"))
_LUX_PER_COUNT = 1.5504  # without infrared
_WATER = _Word("volumetric_water_content", 0.6956, 10, 0.0003879)  # m3/m3
_SOIL = _signed("soil_temperature", 10)  # Cel
_PRODUCTS: dict[str, tuple[_Sensor, ...]] = {
    "DL-ATM22": (
        (
            _signed("wind_speed", 100),  # m/s
            _signed("wind_direction", 10),  # degrees
            _signed("maximum_wind_speed", 100),
            _signed("air_temperature", 10),  # Cel
            _signed("x_orientation_angle", 10),  # degrees
            _signed("y_orientation_angle", 10),
            _signed("north_wind_speed", 100),
            _signed("east_wind_speed", 100),
        ),
        _BATTERY,
    ),
    "DL-IAM": (
        _BATTERY,
        _AIR,
        _PRESSURE,
        _LIGHT,
        (
            _signed("co2_concentration", 1),  # ppm
            _Word("co2_sensor_status"),
            _Word("raw_ir_reading"),
        ),
        (_Word("activity_counter"),),
        (_Word("total_voc"),),  # ppb
    ),
    "DL-MBX": ((_Word("distance"), _Word("number_of_valid_samples")), _BATTERY),  # mm
    "DL-PAR": ((_Word("photosynthetically_active_radiation", 15_000, 32_768, 15_000),), _BATTERY),
    "DL-PM": (
        _BATTERY,
        (
            *(
                _Word(f"pm{size}_mass_concentration", steps=10)
                for size in ("1_0", "2_5", "4", "10")
            ),
            _Word("typical_particle_size"),  # nm
            *(
                _Word(f"pm{size}_number_concentration", steps=10)  # 1/cm3
                for size in ("0_5", "1_0", "2_5", "4", "10")
            ),
        ),
        _AIR_SHT21,
        _PRESSURE,
    ),
    "DL-SHT35": (_AIR, _BATTERY),
    "DL-TRS11": ((_WATER, _SOIL), _BATTERY),
    "DL-TRS12": ((_WATER, _SOIL, _Word("electrical_conductivity")), _BATTERY),  # uS/cm
}


def products() -> dict[str, tuple[str, ...]]:
    """Return the names of the values that each product can send."""
    return {
        product: tuple(word.name for sensor in sensors for word in sensor)
        for product, sensors in _PRODUCTS.items()
    }


def encode(product: str, device_id: int, values: Mapping[str, float]) -> bytes:
    """Return the payload of a product's values; a sensor without values is not flagged.

    device_id  0 … 65535, the number on the device's label
    values     name -> value in the maker's unit, in any order; a sensor has all of its values or
               none of them
    Errors     EncodingError for an unknown product or name, an incomplete sensor, or a value that
               doesn't fit.
    """
    sensors = _PRODUCTS.get(product)
    if sensors is None:
        raise EncodingError(f"Decentlab: expected one of {', '.join(_PRODUCTS)}, found {product!r}")
    if not 0 <= device_id <= _WORD_MAX:
        raise EncodingError(f"Decentlab device id: expected 0…{_WORD_MAX}, found {device_id}")
    if "illuminance" in values and _LIGHT in sensors:
        values = _as_counts(values)
    layout, flags, words = _plan(product, tuple(values))
    steps = [_step(product, word, values[word.name]) for word in words]
    return layout.pack(_VERSION, device_id, flags, *steps)


@lru_cache(maxsize=1024)
def _plan(product: str, names: tuple[str, ...]) -> tuple[struct.Struct, int, tuple[_Word, ...]]:
    """Return layout, flags and words; EncodingError as `encode` raises it for names."""
    sensors, flags = _PRODUCTS[product], 0
    words: list[_Word] = []
    for at, sensor in enumerate(sensors):
        there = [word.name for word in sensor if word.name in names]
        if not there:
            continue
        if len(there) < len(sensor):
            raise EncodingError(
                f"Decentlab {product}: expected {', '.join(word.name for word in sensor)} "
                f"together, found {', '.join(there)}"
            )
        flags |= 1 << at
        words += sensor
    known = {word.name for sensor in sensors for word in sensor}
    if not set(names) <= known:
        raise EncodingError(
            f"Decentlab {product}: expected some of {', '.join(sorted(known))}, "
            f"found {', '.join(sorted(set(names) - known))}"
        )
    return struct.Struct(f">BHH{len(words)}H"), flags, tuple(words)


def _as_counts(values: Mapping[str, float]) -> dict[str, float]:
    """Return the values with the two light channels in place of the illuminance."""
    rest = {name: value for name, value in values.items() if name != "illuminance"}
    twice = [word.name for word in _LIGHT if word.name in rest]
    if twice:
        raise EncodingError(f"Decentlab: expected illuminance or {twice[0]}, found both")
    light = (values["illuminance"] / _LUX_PER_COUNT, 0.0)
    return rest | {word.name: count for word, count in zip(_LIGHT, light, strict=True)}


def _step(product: str, word: _Word, value: float) -> int:
    exact = (value + word.shift) * word.steps / word.unit
    # A comparison with NaN is false, so that it is refused as well.
    if -1 <= exact <= _WORD_MAX + 1 and 0 <= (step := round(exact)) <= _WORD_MAX:
        return step
    least, most = (at * word.unit / word.steps - word.shift for at in (0, _WORD_MAX))
    raise EncodingError(
        f"Decentlab {product} {word.name}: expected {least:g}…{most:g}, found {value}"
    )
