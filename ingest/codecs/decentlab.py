"""Decentlab sensors (DL-…): protocol version 2, a serial number, flags, and 16-bit words.

Source: the layouts and formulas were written down from memory and hold for the uplinks in
tests/vectors/uplinks_decentlab.jsonl; they are still to be compared with Decentlab's data sheets.
The frame is version (1 byte), device id (2 bytes), flags (2 bytes), then the words of every
sensor whose flag is set; bit 0 is the first sensor, and the last one is the battery (the first in
DL-IAM). The device id is a serial number and does not tell the product, so the name of profile or
device must.

Lengths are given in m, pressures in hPa, rain in mm. What depends on a constant that is measured
for each single device (the weights of DL-KL66 and DL-DWS) is left out: the frequency is given.
DL-PR21 is taken as -1 to 10 bar, DL-PR36 as kp 8192, DL-DLR2-004 as 10 Ohm, DL-TBRG as 0.1 mm a
tip: the versions that are sold under the plain name.
"""

from collections.abc import Callable
from math import log
from typing import NamedTuple

from ingest.errors import PayloadError
from ingest.reading import Measurement

_VERSION = 2
_HEAD = 5
_HALF = 32768

_Words = tuple[int, ...]
_Formula = Callable[[_Words], float]


class Value(NamedTuple):
    """One value of a sensor: its quantity, its channel, and how its words become it."""

    quantity: str
    channel: str
    formula: _Formula


class Sensor(NamedTuple):
    """A sensor that is present or not: its number of words and its values."""

    words: int
    values: tuple[Value, ...]


def _at(place: int, divisor: float = 1.0, shift: int = 0) -> _Formula:
    return lambda x: (x[place] - shift) / divisor


def _mid(place: int, divisor: float = 1.0) -> _Formula:
    return _at(place, divisor, _HALF)


def _long(x: _Words) -> int:
    return x[0] + x[1] * 65536


def _ratio(x: _Words) -> float:
    return _long(x) / 8388608 - 1


def _share(x: _Words) -> float:
    return x[0] / _HALF - 1


def _permittivity(x: _Words) -> float:
    raw = x[0] / 10
    return (0.000000002887 * raw**3 - 0.0000208 * raw**2 + 0.05276 * raw - 43.39) ** 2


def _illuminance(x: _Words) -> float:
    return max(x[0] - 1.64 * x[1], 0.59 * x[0] - 0.86 * x[1], 0.0) * 1.5504


def _thermistor_ohm(x: _Words) -> float:
    return 1000 / (_ratio(x) / 2) - 41000


def _thermistor_cel(x: _Words) -> float:
    ln = log(_thermistor_ohm(x))
    return 1 / (0.0008271111 + 0.000208802 * ln + 0.000000080592 * ln**3) - 273.15


def _sensor(words: int, *values: tuple[str, _Formula]) -> Sensor:
    split = [(name.partition(":"), formula) for name, formula in values]
    return Sensor(words, tuple(Value(one[0], one[2], formula) for one, formula in split))


_BATTERY = _sensor(1, ("battery_voltage", _at(0, 1000)))
_SHT = _sensor(
    2,
    ("temperature", lambda x: 175 * x[0] / 65535 - 45),
    ("humidity", lambda x: 100 * x[1] / 65535),
)
_SOIL = (
    ("soil_moisture", lambda x: (0.0003879 * x[0] / 10 - 0.6956) * 100),
    ("dielectric_permittivity", _permittivity),
    ("temperature:soil", _mid(1, 10)),
)
_WIRE = _sensor(
    3,
    ("counter_reading", _at(0)),
    ("measurement_interval", _at(1, _HALF)),
    ("frequency:wire", lambda x: x[0] / x[1] * _HALF),
)


def _ctd(per_step: int) -> Sensor:
    return _sensor(
        4,
        ("level", _mid(0, 1000)),
        ("temperature", _mid(1, 10)),
        ("conductivity", lambda x: float(x[2] * per_step)),
        ("freezing_flag", _at(3)),
    )


def _profile(first: int) -> Sensor:
    values: list[tuple[str, _Formula]] = []
    for n in range(6):
        level = f"level{first + n}"
        values += [
            (f"soil_moisture:{level}", _mid(n, 100)),
            (f"temperature:{level}", _mid(6 + n, 100)),
            (f"salinity:{level}", _at(12 + n, 1, 100)),
        ]
    return _sensor(18, *values)


_DISTANCES = ("average", "minimum", "maximum", "median", "10th_percentile", "25th_percentile",
              "75th_percentile", "90th_percentile", "most_frequent_value")  # fmt: skip

PRODUCTS: dict[str, tuple[Sensor, ...]] = {
    "alb": (
        _sensor(
            2,
            ("solar_irradiance:incoming", _mid(0, 10)),
            ("solar_irradiance:reflected", _mid(1, 10)),
        ),
    ),
    "atm22": (
        _sensor(
            8,
            ("wind_speed", _mid(0, 100)),
            ("wind_direction", _mid(1, 10)),
            ("wind_speed:maximum", _mid(2, 100)),
            ("temperature", _mid(3, 10)),
            ("x_orientation_angle", _mid(4, 10)),
            ("y_orientation_angle", _mid(5, 10)),
            ("wind_speed:north", _mid(6, 100)),
            ("wind_speed:east", _mid(7, 100)),
        ),
    ),
    "blg": (
        _sensor(
            2,
            ("voltage_ratio", lambda x: _ratio(x) / 2),
            ("thermistor_resistance", _thermistor_ohm),
            ("temperature", _thermistor_cel),
        ),
    ),
    "ctd10": (_ctd(1),),
    "ctd10b": (_ctd(2),),
    "cws": (
        _sensor(
            6,
            ("temperature:surface", _mid(0, 100)),
            ("temperature", _mid(1, 100)),
            ("humidity", _mid(2, 100)),
            ("dew_point", _mid(3, 100)),
            ("angle", _mid(4)),
            ("temperature:sensor", _mid(5, 100)),
        ),
    ),
    "dlr2-004": (_sensor(1, ("current", lambda x: _share(x) * 1500 / 10 / 1000)),),
    "dlr2-005": (_sensor(2, ("voltage", lambda x: _ratio(x) * 3)),),
    "ds18": (_sensor(1, ("temperature", _mid(0, 16))),),
    "dws": (_sensor(3, ("frequency:wire", lambda x: x[0] / x[1] * _HALF)),),
    "iam": (
        _BATTERY,
        _SHT,
        _sensor(1, ("pressure", lambda x: x[0] * 2 / 100)),
        _sensor(
            2,
            ("ambient_light_visible_infrared", _at(0)),
            ("ambient_light_infrared", _at(1)),
            ("illuminance", _illuminance),
        ),
        _sensor(3, ("co2", _mid(0)), ("co2_sensor_status", _at(1)), ("raw_ir_reading", _at(2))),
        _sensor(1, ("activity_counter", _at(0))),
        _sensor(1, ("tvoc", _at(0))),
    ),
    "ifd": (_sensor(1, ("fruit_size_mm", _at(0, 100))),),
    "kl66": (_WIRE,),
    "lid": (
        _sensor(
            11,
            *((f"distance:{name}", _at(n, 1000)) for n, name in enumerate(_DISTANCES)),
            ("number_of_samples", _at(9)),
            ("total_acquisition_time_ms", _at(10, 1.024)),
        ),
    ),
    "lpw": (_sensor(2, ("potentiometer_position", lambda x: _ratio(x) * 100)),),
    "lws": (_sensor(2, ("leaf_wetness_index", _ratio)),),
    "mbx": (_sensor(2, ("distance", _at(0, 1000)), ("number_of_valid_samples", _at(1))),),
    "ntu": (
        _sensor(
            5,
            ("status", _at(0)),
            ("temperature", _mid(1, 100)),
            ("turbidity", _at(2, 10)),
            ("turbidity_fnu", _at(3, 10)),
            ("turbidity_mg_l", _at(4, 10)),
        ),
    ),
    "optod": (
        _sensor(
            5,
            ("status", _at(0)),
            ("temperature", _mid(1, 100)),
            ("oxygen_saturation", _mid(2, 100)),
            ("oxygen_concentration_mg_l", _mid(3, 100)),
            ("oxygen_concentration_ppm", _mid(4, 100)),
        ),
    ),
    "par": (_sensor(1, ("photosynthetically_active_radiation", lambda x: _share(x) * 15000)),),
    "pr21": (
        _sensor(
            2,
            ("pressure:water", lambda x: ((x[0] - 16384) / _HALF * 11 - 1) * 1000),
            ("temperature", lambda x: (x[1] - 384) / 64000 * 200 - 50),
        ),
    ),
    "pr36": (
        _sensor(
            2,
            ("pressure:water", lambda x: (x[0] - _HALF) / 8192 * 1000),
            ("temperature", _mid(1, 256)),
        ),
    ),
    "pr36ctd": (
        _sensor(
            4,
            ("pressure:water", lambda x: (x[0] - _HALF) / 8192 * 1000),
            ("temperature:electronics", _mid(1, 256)),
            ("temperature", _mid(2, 256)),
            ("conductivity", lambda x: (x[3] - _HALF) / 1024 * 1000),
        ),
    ),
    "pyr": (_sensor(1, ("solar_irradiance", lambda x: _share(x) * 15000)),),
    "rad": (
        _sensor(
            4,
            ("distance", _at(0, 1000)),
            ("temperature", _mid(1, 100)),
            ("reliability_db", _mid(2, 100)),
            ("status", _at(3)),
        ),
    ),
    "rhc": (_sensor(4, ("humidity", _at(2, 100)), ("temperature", _mid(3, 100))),),
    "sdd": (_profile(0), _profile(6)),
    "sht35": (_SHT,),
    "tbrg": (
        _sensor(
            4,
            ("rainfall", _at(0, 10)),
            ("precipitation_interval_s", _at(1)),
            ("cumulative_precipitation_mm", lambda x: (x[2] + x[3] * 65536) / 10),
        ),
    ),
    "trs11": (_sensor(2, *_SOIL),),
    "trs12": (_sensor(3, *_SOIL, ("conductivity", _at(2))),),
    "wrm": (
        _SHT,
        _sensor(
            2, ("temperature:surface", _at(0, 10, 1000)), ("temperature:head", _at(1, 10, 1000))
        ),
    ),
}
"""The sensors of each product before its battery; DL-IAM alone begins with the battery."""


class Product(NamedTuple):
    """The codec of one product."""

    NAME: str
    words: frozenset[str]
    sensors: tuple[Sensor, ...]

    def matches(self, words: frozenset[str], dev_eui: str) -> bool:
        """Recognise "DL-ATM22", as profile or device name; "dl" alone or the number is nothing."""
        del dev_eui
        return self.words <= words

    def decode(self, payload: bytes, f_port: int) -> list[Measurement]:
        """Return what the sensors that are present say.

        Errors  PayloadError for another version, unknown flags, or words missing or left over.
        """
        del f_port
        if len(payload) < _HEAD or payload[0] != _VERSION:
            found = payload[:1].hex() or "nothing"
            raise PayloadError("Decentlab frame", "version 2, device id and flags", found)
        flags = int.from_bytes(payload[3:5], "big")
        present = [one for n, one in enumerate(self.sensors) if flags >> n & 1]
        wanted = _HEAD + 2 * sum(one.words for one in present)
        if flags >> len(self.sensors) or len(payload) != wanted:
            raise PayloadError(
                f"{self.NAME} length",
                f"{wanted} bytes for the flags of {len(self.sensors)} sensors",
                f"{len(payload)} bytes, flags 0x{flags:04x}; is it another product?",
            )
        found_values: list[Measurement] = []
        at = _HEAD
        for one in present:
            end = at + 2 * one.words
            words = tuple(int.from_bytes(payload[n : n + 2], "big") for n in range(at, end, 2))
            found_values += _values(one, words)
            at = end
        return found_values


def _values(sensor: Sensor, words: _Words) -> list[Measurement]:
    """Return a sensor's values; one that its words make impossible (1/0, ln of ≤ 0) is none."""
    found = []
    for quantity, channel, formula in sensor.values:
        try:
            found.append(Measurement(quantity, formula(words), channel))
        except (ZeroDivisionError, ValueError):
            continue
    return found


CODECS = tuple(
    Product(
        f"decentlab-{name}",
        frozenset(("dl", *name.split("-"))),
        sensors if name == "iam" else (*sensors, _BATTERY),
    )
    for name, sensors in PRODUCTS.items()
)
