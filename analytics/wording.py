"""How values, times and spans are told to a person, in one short form each."""

from datetime import tzinfo

from analytics.calendar import to_datetime

_UNITS = {"Cel": "°C", "[ppm]": "ppm", "[ppb]": "ppb", "ug/m3": "µg/m³", "m3": "m³"}
_UNITS |= {"m3/h": "m³/h", "deg": "°", "dB[mW]": "dBm", "1": ""}
_SECOND_NS = 1_000_000_000


def told(value: float, unit: str) -> str:
    """Return a value with its unit as people write it: "21.5 °C"."""
    number = f"{value:.6g}"
    if "e" in number:
        number = f"{value:.0f}" if abs(value) >= 1 else f"{value:.3g}"
    return f"{number} {_UNITS.get(unit, unit)}".strip()


def clock(time_ns: int, where: tzinfo) -> str:
    """Return a time as a local date and clock: "2026-03-01 14:03"."""
    return to_datetime(time_ns, where).strftime("%Y-%m-%d %H:%M:%S").removesuffix(":00")


def lasting(span_ns: int) -> str:
    """Return a span in its two largest parts: "2 h 10 min", "45 s"."""
    seconds = span_ns / _SECOND_NS
    if float(few := f"{seconds:.3g}") < 60:  # not 60 s for what is nearly a minute
        return f"{few} s"
    whole = round(seconds)
    days, hours = divmod(whole // 3600, 24)
    minutes, rest = divmod(whole % 3600, 60)
    parts = [(days, "d"), (hours, "h"), (minutes, "min"), (rest, "s")]
    first = next(i for i, (count, _) in enumerate(parts) if count)
    return " ".join(f"{count} {word}" for count, word in parts[first : first + 2] if count)
