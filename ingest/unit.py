"""Units as messages spell them, and the way from each to the one unit of a quantity.

Spellings are in lower case. What is ambiguous there is left out: "mw" and "mwh" may be milli or
mega (SPELLED tells the cased ones apart), "mhz" too, and "current_a" may be phase a.
"""

from typing import NamedTuple

from ingest.quantity import QUANTITIES


class Scale(NamedTuple):
    """The way to the canonical unit: (value + shift) · num / den."""

    shift: float = 0.0
    num: float = 1.0
    den: float = 1.0


SAME = Scale()


def _power_of(*units: tuple[str, float, float]) -> dict[str, Scale]:
    return {unit: Scale(0.0, num, den) for words, num, den in units for unit in words.split()}


_TEMPERATURES = {
    **dict.fromkeys(("c", "cel", "celsius", "degc", "°c", "deg_c"), SAME),
    **dict.fromkeys(("f", "fahrenheit", "degf", "°f", "deg_f"), Scale(-32.0, 5.0, 9.0)),
    **dict.fromkeys(("k", "kelvin"), Scale(-273.15)),
}
_ENERGY = _power_of(
    ("wh", 1, 1),
    ("kwh", 1000, 1),
    ("megawh", 1e6, 1),
    ("gwh", 1e9, 1),
    ("milliwh", 1, 1000),
    ("j ws", 1, 3600),
    ("kj", 5, 18),
    ("mj", 2500, 9),
    ("gj", 2.5e6, 9),
)
_SHARE = _power_of(("percent pct perc % %rh rh", 1, 1))
_DUST = _power_of(("ug_m3 ugm3 µg/m³ μg/m³ µg/m3 ug/m3", 1, 1), ("mg_m3 mg/m3 mg/m³", 1000, 1))
_VOLUME = _power_of(
    ("m3 m³ cbm", 1, 1),
    ("l liter litre liters litres", 1, 1000),
    ("ml", 1, 1e6),
    ("ft3 ft³ cuft", 0.028316846592, 1),
)
_LENGTH = _power_of(("m meter metre", 1, 1), ("cm", 1, 100), ("mm", 1, 1000), ("km", 1000, 1))

# 1 mmHg is 133.322387415 Pa, 1 inHg is 25.4 mmHg, 1 psi is 6894.757293168 Pa (NIST SP 811, B.8).
UNITS: dict[str, dict[str, Scale]] = {
    "Cel": _TEMPERATURES,
    "Wh": _ENERGY,
    "var.h": _power_of(("varh", 1, 1), ("kvarh", 1000, 1)),
    "VA.h": _power_of(("vah", 1, 1), ("kvah", 1000, 1)),
    "W": _power_of(("w watt watts", 1, 1), ("kw", 1000, 1), ("megaw", 1e6, 1), ("milliw", 1, 1000)),
    "var": _power_of(("var", 1, 1), ("kvar", 1000, 1)),
    "VA": _power_of(("va", 1, 1), ("kva", 1000, 1)),
    "V": _power_of(("v volt volts", 1, 1), ("mv", 1, 1000), ("kv", 1000, 1), ("uv", 1, 1e6)),
    "A": _power_of(("amp amps ampere", 1, 1), ("ma", 1, 1000)),
    "Hz": _power_of(("hz", 1, 1)),
    "m3": _VOLUME,
    "m3/h": _power_of(
        ("m3h m3_h m3/h m³/h", 1, 1),
        ("lh l_h lph l/h", 1, 1000),
        ("lpm l_min l/min", 3, 50),
        ("l_s l/s", 18, 5),
    ),
    "%": _SHARE,
    "[ppm]": _power_of(("ppm", 1, 1)),
    "[ppb]": _power_of(("ppb", 1, 1)),
    "ug/m3": _DUST,
    "dB": _power_of(("db dba db_a db(a)", 1, 1)),
    "dB[mW]": _power_of(("dbm", 1, 1)),
    "hPa": _power_of(
        ("hpa mbar", 1, 1),
        ("pa", 1, 100),
        ("kpa", 10, 1),
        ("bar", 1000, 1),
        ("mmhg", 1.33322387415, 1),
        ("inhg", 33.8638864034, 1),
        ("psi", 68.94757293168, 1),
    ),
    "lx": _power_of(("lx lux", 1, 1), ("klx", 1000, 1)),
    "m": _LENGTH,
    "mm": _power_of(("mm", 1, 1), ("inch", 25.4, 1)),
    "m/s": _power_of(("ms m_s mps m/s", 1, 1), ("kmh km_h kph km/h", 5, 18)),
    "deg": _power_of(("deg °", 1, 1)),
    "K": _power_of(("k kelvin", 1, 1)),
    "Pa": _power_of(("pa", 1, 1), ("hpa mbar", 100, 1), ("kpa", 1000, 1)),
    "kg/h": _power_of(("kg_h kg/h", 1, 1), ("t_h t/h", 1000, 1)),
    "s": _power_of(("s sec seconds", 1, 1), ("min minutes", 60, 1), ("h hours", 3600, 1)),
    "W/m2": _power_of(("w_m2 wm2 w/m2 w/m²", 1, 1)),
    "uS/cm": _power_of(("us_cm uscm us/cm µs/cm μs/cm", 1, 1), ("ds_m ms_cm ds/m ms/cm", 1000, 1)),
    "[pH]": _power_of(("ph", 1, 1)),
    "[NTU]": _power_of(("ntu", 1, 1)),
}
"""How each spelling of a unit leads to the canonical one, by canonical unit."""

SPELLED = {
    "mWh": "milliwh",
    "MWh": "megawh",
    "mW": "milliw",
    "MW": "megaw",
    "GWh": "gwh",
    "kWh": "kwh",
    "Wh": "wh",
    "kvarh": "kvarh",
    "kVArh": "kvarh",
    "kVAh": "kvah",
    "kVA": "kva",
    "kW": "kw",
    "kVAr": "kvar",
    "VAr": "var",
    "hPa": "hpa",
    "kPa": "kpa",
    "Pa": "pa",
    "mmHg": "mmhg",
    "inHg": "inhg",
    "mV": "mv",
    "kV": "kv",
    "mA": "ma",
    "MJ": "mj",
    "GJ": "gj",
    "kJ": "kj",
    "dBm": "dbm",
    "dBA": "dba",
    "dB": "db",
    "Hz": "hz",
}
"""Units whose capitals matter, and the word that stands for each in the tables above."""


def scaled(value: float, scale: Scale) -> float:
    """Return the value in the canonical unit.

    Rounded to 15 significant digits, which every decimal of up to 15 digits survives exactly:
    1.001 kWh is 1001 Wh, not 1000.9999999999999.
    """
    if scale is SAME or scale == SAME:
        return float(value)
    exact = (value + scale.shift) * scale.num / scale.den
    return float(f"{exact:.15g}")


def scale_of(quantity: str, unit: str) -> Scale | None:
    """Return the way from a stated unit to the quantity's; None for a unit it does not know."""
    canonical = QUANTITIES[quantity].unit
    if unit == canonical:
        return SAME
    spelled = SPELLED.get(unit, unit.strip().lower())
    return UNITS.get(canonical, {}).get(spelled)
