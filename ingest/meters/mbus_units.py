"""What an M-Bus record measures: the value information field (VIF) and its extensions (VIFE).

Source: EN 13757-3:2013, "Value information block": the tables of the primary VIF, of the main
extension FDh, of the alternate extension FBh, of the combinable VIFE and of their extension FCh.
The codes of before 2001 are in "The M-Bus: A Documentation", rev. 4.8, 8.4.3 to 8.4.5.

Names are ours, units are UCUM codes. A factor is a fraction of integers, so that a value that was
sent as an integer is scaled without a rounding in between.
"""

from typing import NamedTuple

NUMBER, PLAIN, DATE, IDENTIFIER = "number", "plain", "date", "identifier"
FLAGS, VENDOR = "flags", "vendor"


class Sense(NamedTuple):
    """What a raw value means: value = raw · num / den, in unit.

    kind  NUMBER; PLAIN (a number whose name and unit the meter spells out); DATE (a point in time);
          IDENTIFIER (a number or text that names something); FLAGS (a field of bits, never
          negative); VENDOR (only the maker knows)
    """

    name: str
    unit: str = "1"
    num: int = 1
    den: int = 1
    kind: str = NUMBER


class Modifier(NamedTuple):
    """What a combinable VIFE makes of a value.

    name   the word by which the meaning changes; "" where it does not
    sense  what the record holds instead, a time or a duration about the value; None: the value
    num, den  a further factor
    """

    name: str
    sense: Sense | None = None
    num: int = 1
    den: int = 1


def _power(exponent: int) -> tuple[int, int]:
    """Return ten to the exponent as a fraction."""
    return (10**exponent, 1) if exponent >= 0 else (1, 10**-exponent)


def _decades(
    start: int, count: int, name: str, unit: str, exponent: int, factor: tuple[int, int] = (1, 1)
) -> dict[int, Sense]:
    """Return codes whose lowest bits raise the power of ten, from `exponent` at `start`."""
    table = {}
    for step in range(count):
        num, den = _power(exponent + step)
        table[start + step] = Sense(name, unit, num * factor[0], den * factor[1])
    return table


_SECONDS = (1, 60, 3600, 86400)


def _spans(start: int, name: str, seconds: tuple[int, ...] = _SECONDS) -> dict[int, Sense]:
    """Return codes whose lowest bits choose seconds, minutes, hours, days; all become seconds."""
    return {start + step: Sense(name, "s", size) for step, size in enumerate(seconds)}


def _named(kind: str, rows: dict[int, str]) -> dict[int, Sense]:
    return {code: Sense(name, "1", kind=kind) for code, name in rows.items()}


PRIMARY: dict[int, Sense] = {
    **_decades(0x00, 8, "energy", "Wh", -3),
    **_decades(0x08, 8, "energy", "J", 0),
    **_decades(0x10, 8, "volume", "m3", -6),
    **_decades(0x18, 8, "mass", "kg", -3),
    **_spans(0x20, "on_time"),
    **_spans(0x24, "operating_time"),
    **_decades(0x28, 8, "power", "W", -3),
    **_decades(0x30, 8, "power", "J/h", 0),
    **_decades(0x38, 8, "flow", "m3/h", -6),
    **_decades(0x40, 8, "flow", "m3/min", -7),
    **_decades(0x48, 8, "flow", "m3/s", -9),
    **_decades(0x50, 8, "mass_flow", "kg/h", -3),
    **_decades(0x58, 4, "flow_temperature", "Cel", -3),
    **_decades(0x5C, 4, "return_temperature", "Cel", -3),
    **_decades(0x60, 4, "temperature_difference", "K", -3),
    **_decades(0x64, 4, "external_temperature", "Cel", -3),
    **_decades(0x68, 4, "pressure", "bar", -3),
    0x6C: Sense("date", "1", kind=DATE),
    0x6D: Sense("datetime", "1", kind=DATE),
    0x6E: Sense("heat_cost_units"),
    **_spans(0x70, "averaging_duration"),
    **_spans(0x74, "actuality_duration"),
    **_named(
        IDENTIFIER,
        {0x78: "fabrication_number", 0x79: "enhanced_identification", 0x7A: "bus_address"},
    ),
    0x7E: Sense("any"),
}
"""The primary VIF, without its extension bit. 7Bh, 7Ch, 7Dh and 7Fh lead elsewhere."""

MAIN: dict[int, Sense] = {
    **_decades(0x00, 4, "credit", "[currency]", -3),
    **_decades(0x04, 4, "debit", "[currency]", -3),
    **_named(
        IDENTIFIER,
        {
            0x08: "transmission_count",
            0x09: "medium",
            0x0A: "manufacturer",
            0x0B: "parameter_set",
            0x0C: "model_version",
            0x0D: "hardware_version",
            0x0E: "firmware_version",
            0x0F: "software_version",
            0x10: "customer_location",
            0x11: "customer",
            0x12: "access_code_user",
            0x13: "access_code_operator",
            0x14: "access_code_system_operator",
            0x15: "access_code_developer",
            0x16: "password",
        },
    ),
    **_named(
        FLAGS,
        {
            0x17: "error_flags",
            0x18: "error_mask",
            0x19: "security_key",
            0x1A: "digital_output",
            0x1B: "digital_input",
            0x1F: "remote_control",
            0x62: "control_signal",
            0x66: "parameter_activation",
            0x67: "supplier_information",
        },
    ),
    0x1C: Sense("baud_rate", "Bd"),
    0x1D: Sense("response_delay", "1"),
    0x1E: Sense("retries", "1"),
    0x20: Sense("first_storage"),
    0x21: Sense("last_storage"),
    0x22: Sense("storage_block_size"),
    0x23: Sense("tariff_descriptor"),
    **_spans(0x24, "storage_interval"),
    0x28: Sense("storage_interval", "mo"),
    0x29: Sense("storage_interval", "a"),
    0x2A: Sense("operator_data", kind=IDENTIFIER),
    0x2B: Sense("second", "s"),
    **_spans(0x2C, "since_last_readout"),
    0x30: Sense("tariff_start", kind=DATE),
    **_spans(0x31, "tariff_duration", _SECONDS[1:]),
    **_spans(0x34, "tariff_period"),
    0x38: Sense("tariff_period", "mo"),
    0x39: Sense("tariff_period", "a"),
    0x3A: Sense("dimensionless"),
    0x3B: Sense("wireless_container", kind=IDENTIFIER),
    **_spans(0x3C, "transmission_interval"),
    **_decades(0x40, 16, "voltage", "V", -9),
    **_decades(0x50, 16, "current", "A", -12),
    0x60: Sense("reset_count"),
    0x61: Sense("cumulation_count"),
    0x63: Sense("weekday"),
    0x64: Sense("week"),
    0x65: Sense("day_change", kind=DATE),
    **_spans(0x68, "since_last_cumulation", _SECONDS[2:]),
    0x6A: Sense("since_last_cumulation", "mo"),
    0x6B: Sense("since_last_cumulation", "a"),
    **_spans(0x6C, "battery_operating_time", _SECONDS[2:]),
    0x6E: Sense("battery_operating_time", "mo"),
    0x6F: Sense("battery_operating_time", "a"),
    0x70: Sense("battery_change", kind=DATE),
    0x71: Sense("rf_level", "dB[mW]"),
    0x72: Sense("daylight_saving", kind=IDENTIFIER),
    0x73: Sense("listening_window", kind=IDENTIFIER),
    0x74: Sense("battery_remaining", "s", 86400),
    0x75: Sense("stop_count"),
    0x76: Sense("manufacturer_container", kind=IDENTIFIER),
}
"""What follows FDh."""

# 1 ft3 is 0.3048³ m3 and 1 US gallon 231 in3, both exactly (NIST SP 811, B.8). 1 kcal of the
# International Table is 1.163 Wh, exactly.
_FT3 = (28_316_846_592, 10**12)
_GALLON = (3_785_411_784, 10**12)

ALTERNATE: dict[int, Sense] = {
    **_decades(0x00, 2, "energy", "Wh", 5),
    **_decades(0x02, 2, "reactive_energy", "var.h", 3),
    **_decades(0x04, 2, "apparent_energy", "VA.h", 3),
    **_decades(0x08, 2, "energy", "J", 8),
    **_decades(0x0C, 4, "energy", "Wh", -1, (1163, 1)),
    **_decades(0x10, 2, "volume", "m3", 2),
    **_decades(0x14, 4, "reactive_power", "var", 0),
    **_decades(0x18, 2, "mass", "kg", 5),
    **_decades(0x1A, 2, "humidity", "%", -1),
    0x20: Sense("volume", "m3", *_FT3),
    0x21: Sense("volume", "m3", _FT3[0], _FT3[1] * 10),
    0x22: Sense("volume", "m3", _GALLON[0], _GALLON[1] * 10),
    0x23: Sense("volume", "m3", *_GALLON),
    0x24: Sense("flow", "m3/h", _GALLON[0] * 60, _GALLON[1] * 1000),
    0x25: Sense("flow", "m3/h", _GALLON[0] * 60, _GALLON[1]),
    0x26: Sense("flow", "m3/h", *_GALLON),
    **_decades(0x28, 2, "power", "W", 5),
    0x2A: Sense("phase_angle_voltage", "deg", 1, 10),
    0x2B: Sense("phase_angle_current", "deg", 1, 10),
    **_decades(0x2C, 4, "frequency", "Hz", -3),
    **_decades(0x30, 2, "power", "J/h", 8),
    **_decades(0x34, 4, "apparent_power", "VA", 0),
    **_decades(0x58, 4, "flow_temperature", "[degF]", -3),
    **_decades(0x5C, 4, "return_temperature", "[degF]", -3),
    **_decades(0x60, 4, "temperature_difference", "[degF]", -3),
    **_decades(0x64, 4, "external_temperature", "[degF]", -3),
    **_decades(0x70, 4, "temperature_limit", "[degF]", -3),
    **_decades(0x74, 4, "temperature_limit", "Cel", -3),
    **_decades(0x78, 8, "cumulated_power_maximum", "W", -3),
}
"""What follows FBh."""


def reserved(table: str, code: int) -> Sense:
    """Return the sense of a code that the standard keeps for later: kept, under its number."""
    return Sense(f"vif_{table}{code:02x}")


_PLAIN = {
    0x00: "",  # "no error"
    0x20: "per_second",
    0x21: "per_minute",
    0x22: "per_hour",
    0x23: "per_day",
    0x24: "per_week",
    0x25: "per_month",
    0x26: "per_year",
    0x27: "per_revolution",
    0x28: "per_input_pulse_0",
    0x29: "per_input_pulse_1",
    0x2A: "per_output_pulse_0",
    0x2B: "per_output_pulse_1",
    0x2C: "per_litre",
    0x2D: "per_m3",
    0x2E: "per_kg",
    0x2F: "per_kelvin",
    0x30: "per_kwh",
    0x31: "per_gj",
    0x32: "per_kw",
    0x33: "per_kelvin_litre",
    0x34: "per_volt",
    0x35: "per_ampere",
    0x36: "times_s",
    0x37: "times_s_per_volt",
    0x38: "times_s_per_ampere",
    0x3A: "uncorrected",
    0x3B: "positive",
    0x3C: "negative",
    0x3D: "non_metric",
    0x3E: "base_conditions",
    0x3F: "obis",
    0x40: "lower_limit",
    0x48: "upper_limit",
    0x68: "during_lower_limit_exceed",
    0x6C: "during_upper_limit_exceed",
    0x69: "leakage",
    0x6D: "overflow",
    0x7E: "future",
}

COMBINABLE_EXTENSION: dict[int, str] = {
    0x01: "L1",
    0x02: "L2",
    0x03: "L3",
    0x04: "N",
    0x05: "L1-L2",
    0x06: "L2-L3",
    0x07: "L3-L1",
    0x08: "Q1",
    0x09: "Q2",
    0x0A: "Q3",
    0x0B: "Q4",
    0x0C: "import_less_export",
    0x10: "absolute",
    0x11: "type_c",
    0x12: "type_d",
    0x13: "to_meter",
    0x14: "from_meter",
}
"""What follows FCh. "type_c" and "type_d" say that an integer has no sign."""

RECORD_ERRORS: dict[int, str] = {
    0x01: "too many DIFEs",
    0x02: "storage number not implemented",
    0x03: "unit number not implemented",
    0x04: "tariff number not implemented",
    0x05: "function not implemented",
    0x06: "data class not implemented",
    0x07: "data size not implemented",
    0x0B: "too many VIFEs",
    0x0C: "illegal VIF group",
    0x0D: "illegal VIF exponent",
    0x0E: "VIF does not fit DIF",
    0x0F: "action not implemented",
    0x15: "no data available",
    0x16: "data overflow",
    0x17: "data underflow",
    0x18: "data error",
    0x1C: "premature end of record",
}
"""VIFE by which a meter reports that it can't give the value ("record errors")."""


def combinable(code: int) -> Modifier:
    """Return what a VIFE (0..7Fh, neither a record error nor 7Ch or 7Fh) makes of the value."""
    if code in _PLAIN:
        return Modifier(_PLAIN[code])
    edge = "upper" if code & 8 else "lower"
    which = "last" if code & 4 else "first"
    if 0x70 <= code <= 0x77:
        num, den = _power(code - 0x76)
        return Modifier("", None, num, den)
    if code == 0x7D:
        return Modifier("", None, 1000)
    if 0x78 <= code <= 0x7B:
        return Modifier(f"plus_1e{code - 0x7B}")
    if code == 0x39:
        return Modifier("start", Sense("", kind=DATE))
    if code in {0x41, 0x49}:
        return Modifier(f"{edge}_limit_exceed_count", Sense(""))
    if 0x40 <= code <= 0x4F and code & 2:
        return Modifier(f"{which}_{edge}_limit_exceed_{_end(code)}", Sense("", kind=DATE))
    if 0x50 <= code <= 0x5F:
        span = Sense("", "s", _SECONDS[code & 3])
        return Modifier(f"{which}_{edge}_limit_exceed_duration", span)
    if 0x60 <= code <= 0x67:
        return Modifier(f"{which}_duration", Sense("", "s", _SECONDS[code & 3]))
    if 0x68 <= code <= 0x6F and code & 2:
        return Modifier(f"{which}_{_end(code)}", Sense("", kind=DATE))
    return Modifier(f"vife_{code:02x}")


def _end(code: int) -> str:
    return "end" if code & 1 else "begin"
