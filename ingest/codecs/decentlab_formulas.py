"""What Decentlab's sensors compute from their words, and the probes that several products share.

Source: the decoders that Decentlab publishes for each device, for the scales and coefficients;
the equation of a sensor that its own maker states names that maker below.

A formula takes the 16-bit words of one sensor and returns a value. It raises ValueError or
ZeroDivisionError where there is none: no wire swings, or no thermistor is connected.
"""

from collections.abc import Callable, Sequence
from math import log
from typing import NamedTuple

Words = Sequence[int]
Formula = Callable[[Words], float]


class Value(NamedTuple):
    """One value of a sensor: quantity, channel, and its formula over the sensor's words."""

    quantity: str
    channel: str
    of: Formula


class Sensor(NamedTuple):
    """A sensor: how many words it sends, and what is computed from them."""

    size: int
    values: tuple[Value, ...]


def sensor(size: int, **values: Formula | dict[str, Formula]) -> Sensor:
    """Return a sensor; a quantity with several channels is a dict of formulas by channel."""
    listed: list[Value] = []
    for quantity, given in values.items():
        formulas = given if isinstance(given, dict) else {"": given}
        listed += [Value(quantity, channel, of) for channel, of in formulas.items()]
    return Sensor(size, tuple(listed))


def u(at: int, div: float = 1, less: float = 0, mul: float = 1) -> Formula:
    """Return a word as it stands: (word - less) · mul / div."""
    return lambda x: (x[at] - less) * mul / div


def s(at: int, div: float = 1, mul: float = 1) -> Formula:
    """Return a word that counts from 32768 up and down."""
    return u(at, div, 32_768, mul)


def long(at: int, div: float = 1) -> Formula:
    """Return two words, the low one first."""
    return lambda x: (x[at] + x[at + 1] * 65_536) / div


def ratio(x: Words, at: int = 0) -> float:
    """Return a reading of the 24-bit converter: -1 to 1 of its reference."""
    return (x[at] + x[at + 1] * 65_536) / 8_388_608 - 1


def bridge(mul: float, div: float = 1) -> Formula:
    """Return a reading of the 24-bit converter, times mul / div."""
    return lambda x: ratio(x) * mul / div


def short_ratio(mul: float) -> Formula:
    """Return a reading of the 16-bit converter, as a part of its reference."""
    return lambda x: (x[0] / 32_768 - 1) * mul


def levels(size: int, first: int, make: Callable[[int], Formula]) -> dict[str, Formula]:
    """Return the formulas of a probe with several levels, by channel; make takes 0, 1, …"""
    return {str(first + place): make(place) for place in range(size)}


def topp(x: Words) -> float:
    """Return soil moisture in % of volume from permittivity · 50 (Topp et al. 1980, eq. 7)."""
    e = x[0] / 50
    return (0.0000043 * e**3 - 0.00055 * e**2 + 0.0292 * e - 0.053) * 100


def teros_permittivity(x: Words) -> float:
    """Return the permittivity of a TEROS 11 or 12 (METER, TEROS 11/12 manual)."""
    raw = x[0] / 10
    return float((2.887e-9 * raw**3 - 2.080e-5 * raw**2 + 5.276e-2 * raw - 43.39) ** 2)


def teros_moisture(x: Words) -> float:
    """Return soil moisture in % of volume, for mineral soil (the same manual)."""
    return (3.879e-4 * (x[0] / 10) - 0.6956) * 100


def illuminance(x: Words) -> float:
    """Return lx from the two diodes of the light sensor: visible and infrared, infrared."""
    return max(x[0] - 1.64 * x[1], 0.59 * x[0] - 0.86 * x[1], 0.0) * 1.5504


def albedo(x: Words) -> float:
    """Return reflected by incoming radiation; 0 where one of them is none (Decentlab)."""
    incoming, reflected = x[0] - 32_768, x[1] - 32_768
    return reflected / incoming if incoming > 0 and reflected > 0 else 0.0


def globe_ohm(x: Words) -> float:
    """Return the resistance of the DL-BLG's thermistor, in a half bridge with 41 kiloohms."""
    return 1000 / (ratio(x) / 2) - 41_000


def globe_celsius(x: Words) -> float:
    """Return the temperature of the DL-BLG's thermistor (Steinhart and Hart 1968)."""
    ln = log(globe_ohm(x))
    return 1 / (0.0008271111 + 0.000208802 * ln + 0.000000080592 * ln**3) - 273.15


def pt100_ohm(x: Words) -> float:
    """Return the resistance of a PT100 in a bridge with 2000 ohms, at half the range."""
    part = ratio(x) / 2
    return part * 2000 / (1 - part)


def pt100_celsius(x: Words) -> float:
    """Return the temperature of a PT100, by the parabola of Decentlab."""
    ohm = pt100_ohm(x)
    return -244.83 + 2.3419 * ohm + 0.0010664 * ohm**2


def pt1000_ohm(x: Words) -> float:
    """Return the resistance of a PT1000 in a bridge with 2000 ohms."""
    part = ratio(x)
    return part * 2000 / (1 - part)


def pt1000_celsius(x: Words) -> float:
    """Return the temperature of a PT1000, by the parabola of Decentlab."""
    ohm = pt1000_ohm(x)
    return -245.18 + 0.23469 * ohm + 0.0000104876 * ohm**2


def hertz(x: Words) -> float:
    """Return the frequency of a vibrating wire: its count, over a time in 1/32768 s."""
    return x[0] / x[1] * 32_768


def dendrometer_b(x: Words) -> float:
    """Return the second way of a DL-ZN2 in um: it is told against the first."""
    return (ratio(x) - ratio(x, 2)) * 20_000


BATTERY = sensor(1, battery_voltage=u(0, 1000))

SHT35 = sensor(2, temperature=u(0, 65_535, 45 * 65_535 / 175, 175), humidity=u(1, 65_535, 0, 100))
SHT21 = sensor(
    2,
    temperature=lambda x: 175.72 * x[0] / 65_536 - 46.85,
    humidity=lambda x: 125 * x[1] / 65_536 - 6,
)
BAROMETER = sensor(1, pressure=u(0, 100, 0, 2))


def pulses(channel: str = "") -> Sensor:
    """Return a counter: pulses since the last frame, over how many seconds, and pulses ever."""
    return sensor(
        4,
        pulse_count={channel: u(0)},
        pulse_interval={channel: u(1)},
        pulse_register={channel: long(2)},
    )


def keller(pressure_min: float, pressure_max: float) -> Sensor:
    """Return a Keller series 21 or 26 probe (D line): its range is 16384 to 49152."""
    span = pressure_max - pressure_min
    return sensor(
        2,
        pressure=lambda x: ((x[0] - 16_384) / 32_768 * span + pressure_min) * 1000,
        temperature=lambda x: (x[1] - 384) * 0.003125 - 50,
    )


def keller_36(per_bar: float) -> Sensor:
    """Return a Keller series 36 probe that sends so many steps a bar."""
    return sensor(2, pressure=s(0, per_bar, 1000), temperature=s(1, 256))


def keller_36_ctd(per_bar: float, per_ms: float) -> Sensor:
    """Return a Keller series 36 CTD probe: steps a bar, and steps a mS/cm."""
    return sensor(
        4,
        pressure=s(0, per_bar, 1000),
        temperature={"electronics": s(1, 256), "pt1000": s(2, 256)},
        conductivity=s(3, per_ms, 1000),
    )


def hydros(conductivity_factor: int) -> Sensor:
    """Return a METER CTD-10 or HYDROS 21; the DL-CTD10B sends half the conductivity."""
    return sensor(
        4,
        level=s(0, 1000),
        temperature=s(1, 10),
        conductivity=u(2, mul=conductivity_factor),
        freezing_flag=u(3),
    )


def profile(first: int) -> Sensor:
    """Return six levels of a soil probe, the first of which has this number."""
    return sensor(
        18,
        soil_moisture=levels(6, first, lambda n: s(n, 100)),
        temperature=levels(6, first, lambda n: s(6 + n, 100)),
        salinity=levels(6, first, lambda n: u(12 + n, 1, 100)),
    )


WIRE: dict[str, Formula | dict[str, Formula]] = {
    "counter_reading": u(0),
    "measurement_interval": u(1, 32_768),
    "frequency": {"wire": hertz},
}


def wire(**values: Formula) -> Sensor:
    """Return a vibrating wire, and what its constants make of its frequency."""
    return sensor(3, **WIRE, **values)


def strain(f0: float, k: float) -> Sensor:
    """Return a DL-KL66 with the frequency without load in Hz and the factor of its data sheet."""

    def weight(x: Words) -> float:
        return (hertz(x) ** 2 - f0**2) * k / 1_000_000

    def elongation(x: Words) -> float:
        return weight(x) * -1.5 / 1000 * 9.8067

    return wire(weight=weight, elongation=elongation, strain=lambda x: elongation(x) / 0.066)


def scales(f0_squared: float, s: float, m0: float) -> Sensor:
    """Return a DL-DWS with the constants of its data sheet."""
    return sensor(
        3, frequency={"wire": hertz}, weight=lambda x: (hertz(x) ** 2 - f0_squared) * s + m0
    )
