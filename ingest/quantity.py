"""The quantities that Emscher knows: one name each, the same in code, store and API.

Units are UCUM codes (https://ucum.org); energy quantities carry their OBIS code (IEC 62056-61,
as A-B:C.D.E without the medium). A register only climbs; a gauge goes up and down; a count is
what happened since the message before; a state is on or off.
"""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """How values of a quantity behave in time, and so what may be computed from them."""

    GAUGE = "gauge"
    REGISTER = "register"
    COUNT = "count"
    STATE = "state"


@dataclass(frozen=True, slots=True)
class Quantity:
    """A quantity: its name, its one unit, how it behaves, and whether zero is a usual rest."""

    name: str
    unit: str
    kind: Kind = Kind.GAUGE
    obis: str | None = None
    rests_at_zero: bool = False  # a long run of zeros is the night, not a stuck sensor


def _table(*rows: Quantity) -> dict[str, Quantity]:
    return {row.name: row for row in rows}


_G, _R, _C, _S = Kind.GAUGE, Kind.REGISTER, Kind.COUNT, Kind.STATE

QUANTITIES = _table(
    Quantity("active_energy_import", "Wh", _R, "1.8.0"),
    Quantity("active_energy_export", "Wh", _R, "2.8.0"),
    Quantity("reactive_energy_import", "var.h", _R, "3.8.0"),
    Quantity("reactive_energy_export", "var.h", _R, "4.8.0"),
    Quantity("apparent_energy", "VA.h", _R, "9.8.0"),
    Quantity("active_power", "W", _G, "16.7.0", rests_at_zero=True),
    Quantity("reactive_power", "var", _G, "3.7.0", rests_at_zero=True),
    Quantity("apparent_power", "VA", _G, "9.7.0", rests_at_zero=True),
    Quantity("voltage", "V", _G, "12.7.0", rests_at_zero=True),
    Quantity("current", "A", _G, "11.7.0", rests_at_zero=True),
    Quantity("power_factor", "1", _S, "13.7.0"),
    Quantity("frequency", "Hz", _G, "14.7.0"),
    Quantity("gas_volume", "m3", _R),
    Quantity("water_volume", "m3", _R),
    Quantity("heat_energy", "Wh", _R),
    Quantity("heat_volume", "m3", _R),
    Quantity("heat_power", "W", _G, rests_at_zero=True),
    Quantity("cooling_energy", "Wh", _R),
    Quantity("temperature_difference", "K"),
    Quantity("flow", "m3/h", _G, rests_at_zero=True),
    Quantity("mass_flow", "kg/h", _G, rests_at_zero=True),
    Quantity("on_time", "s", _R),
    Quantity("operating_time", "s", _R),
    Quantity("temperature", "Cel"),
    Quantity("dew_point", "Cel"),
    Quantity("humidity", "%"),
    Quantity("co2", "[ppm]"),
    Quantity("tvoc", "[ppb]"),
    Quantity("iaq", "1"),
    Quantity("pm1", "ug/m3", rests_at_zero=True),
    Quantity("pm2_5", "ug/m3", rests_at_zero=True),
    Quantity("pm10", "ug/m3", rests_at_zero=True),
    Quantity("no2", "ug/m3", rests_at_zero=True),
    Quantity("o3", "ug/m3", rests_at_zero=True),
    Quantity("noise_laeq", "dB"),
    Quantity("noise_peak", "dB"),
    Quantity("pressure", "hPa"),
    Quantity("differential_pressure", "Pa"),
    Quantity("illuminance", "lx", rests_at_zero=True),
    Quantity("solar_irradiance", "W/m2", rests_at_zero=True),
    Quantity("uv_index", "1", rests_at_zero=True),
    Quantity("soil_moisture", "%"),
    Quantity("conductivity", "uS/cm"),
    Quantity("ph", "[pH]"),
    Quantity("turbidity", "[NTU]"),
    Quantity("level", "m", rests_at_zero=True),
    Quantity("distance", "m"),
    Quantity("rainfall", "mm", _C),
    Quantity("wind_speed", "m/s", rests_at_zero=True),
    Quantity("wind_direction", "deg"),
    Quantity("occupancy", "1", _S),
    Quantity("people_count", "1", _C),
    Quantity("motion", "1", _C),
    Quantity("contact", "1", _S),  # 1: closed
    Quantity("water_leak", "1", _S),
    Quantity("pulse_count", "1", _C),
    Quantity("pulse_register", "1", _R),
    Quantity("acceleration", "1", _S),
    Quantity("acceleration_g", "[g]", _S),
    Quantity("angular_velocity", "deg/s", _S),
    Quantity("latitude", "deg", _S),
    Quantity("longitude", "deg", _S),
    Quantity("altitude", "m", _S),
    Quantity("digital_input", "1", _S),
    Quantity("digital_output", "1", _S),
    Quantity("analog_input", "1"),
    Quantity("analog_output", "1"),
    Quantity("battery_voltage", "V", _S),
    Quantity("battery_level", "%", _S),
    Quantity("low_battery", "1", _S),
    Quantity("link_margin", "dB", _S),
    Quantity("rssi", "dB[mW]", _S),
    Quantity("snr", "dB", _S),
)
"""Battery, RSSI and SNR are states here: kept and shown, but a steady battery is no fault."""


def quantity(name: str) -> Quantity:
    """Return the quantity of that name; a vendor's own field is a state without a unit."""
    return QUANTITIES.get(name) or Quantity(name, "", Kind.STATE)
