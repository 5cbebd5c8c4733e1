"""Tables of a sensor: each row becomes the message that a sensor of a chosen kind would have sent.

sensor   a Tasmota device with the drivers that measure those quantities; digits stay as they are
elsys    an ELSYS sensor behind ChirpStack; values are rounded to the payload's steps

A column is taken for the quantity that its name says, in the quantity's unit (both are shown);
what is missing in a row is left out of its message, and a row without any value sends nothing.
Source: Tasmota documentation, "JSON status responses" (drivers' groups and keys); fleet.elsys.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from hashlib import blake2b
from pathlib import Path

from fleet import chirpstack, elsys
from fleet.columns import time_column
from fleet.errors import EncodingError, TableError
from fleet.message import SECOND_NS, Message, rfc3339
from fleet.network import Heard, Identity, Uplink
from fleet.rows import times_ns
from fleet.sheets import Grid, read_grid
from fleet.table import MISSING, Meter, device_name


@dataclass(frozen=True, slots=True)
class Quantity:
    """How a quantity's column may be called, its unit, and its place in each kind's message.

    group, key  of Tasmota's JSON, "" where it has none; elsys: the payload's name and how many of
                its steps' units make one of ours, "" where it has none
    """

    words: tuple[str, ...]
    unit: str
    group: str = ""
    key: str = ""
    elsys: str = ""
    per_unit: int = 1


QUANTITIES = {
    "temperature": Quantity(
        ("temp", "t", "temperatur", "temperature_c", "temp_c", "lufttemperatur"),
        "°C", "BME280", "Temperature", "temperature",
    ),
    "humidity": Quantity(
        ("hum", "rh", "luftfeuchte", "luftfeuchtigkeit", "feuchte", "humidity_percent"),
        "%", "BME280", "Humidity", "humidity",
    ),
    "pressure": Quantity(
        ("luftdruck", "press", "barometer", "pressure_hpa"),
        "hPa", "BME280", "Pressure", "pressure",
    ),
    "co2": Quantity(("co2_ppm", "carbon_dioxide"), "ppm", "SCD40", "CarbonDioxide", "co2"),
    "illuminance": Quantity(
        ("light", "lux", "lx", "helligkeit", "illuminance_lx"), "lx", "BH1750", "Illuminance",
        "light",
    ),
    "pm2_5": Quantity(("pm25", "pm2.5", "feinstaub"), "µg/m³", "SDS0X1", "PM2.5"),
    "pm10": Quantity((), "µg/m³", "SDS0X1", "PM10"),
    "active_power": Quantity(("power", "power_w", "leistung"), "W", "ENERGY", "Power"),
    "voltage": Quantity(("spannung", "voltage_v"), "V", "ENERGY", "Voltage"),
    "current": Quantity(("strom", "current_a"), "A", "ENERGY", "Current"),
    "motion": Quantity(("bewegung", "movements"), "", elsys="motion"),
    "occupancy": Quantity(("belegung", "occupied"), "", elsys="occupancy"),
    "water_leak": Quantity(("waterleak", "leak"), "", elsys="waterleak"),
    "battery_voltage": Quantity(("vdd", "battery_v"), "V", elsys="vdd", per_unit=1000),
}  # fmt: skip

_Values = list[tuple[str, Decimal]]
_PORT = 5  # the FPort of ELSYS sensors as they come from the factory


def load_sensor(
    path: Path,
    kind: str,
    *,
    tz: str | None,
    quantities: Sequence[str] = (),
    columns: Mapping[str, str] | None = None,
    device: str | None = None,
) -> Meter:
    """Read a CSV, Parquet or JSON Lines file (gzipped or not) as a sensor.

    kind        "sensor" or "elsys", see above
    tz          zone of times without an offset: an IANA name or a fixed offset such as +10:00
    quantities  only these; () all that the columns' names say
    columns     "time" or a quantity -> the table's column, where its name doesn't say so
    device      the sensor's name; None: the file's
    Errors      TableError, naming the file, the line (or row) and the column where there is one
    """
    if kind not in _KINDS:
        raise TableError(f"as: expected meter, {', '.join(_KINDS)}, found {kind!r}")
    able = [name for name in QUANTITIES if _can(kind, QUANTITIES[name])]
    wanted = _wanted(kind, able, quantities, columns or {})
    grid = read_grid(path)
    time, chosen = _chosen(grid, wanted, columns or {}, named=bool(quantities))
    name = device_name(path, device)
    send = _KINDS[kind](name)
    at_ns = times_ns(grid, time, tz)
    cells = {quantity: grid.column(column) for quantity, column in chosen.items()}
    messages: list[Message] = []
    missing, empty = 0, 0
    for row, time_ns in enumerate(at_ns):
        values: _Values = []
        for quantity, column in chosen.items():
            text = cells[quantity][row]
            if text.lower() not in MISSING:
                values.append((quantity, _number(grid, row, column, text)))
        missing += len(chosen) - len(values)
        if not values:
            empty += 1
            continue
        try:
            messages.append(send(time_ns, len(messages), values))
        except EncodingError as error:
            raise TableError(f"{grid.where(row)}: {error}") from error
    notes = [_sentence(kind, time, tz, chosen)]
    left = [column for column in grid.frame.columns if column not in (time, *chosen.values())]
    if left:
        notes.append(f"not sent: {', '.join(map(repr, left))}")
    if missing:
        notes.append(f"{missing} values are missing in the table; {empty} rows have none at all")
    if not messages:
        raise TableError(f"{path}: expected a row with a value, found none")
    return Meter(name, messages, notes, {}, missing)


def _can(kind: str, quantity: Quantity) -> bool:
    return bool(quantity.key if kind == "sensor" else quantity.elsys)


def _wanted(
    kind: str, able: Sequence[str], quantities: Sequence[str], columns: Mapping[str, str]
) -> list[str]:
    named = [*quantities, *(role for role in columns if role != "time")]
    wrong = [name for name in named if name not in able]
    if wrong:
        raise TableError(
            f"quantities of {kind!r}: expected of {', '.join(able)}, found {', '.join(wrong)}"
        )
    return list(dict.fromkeys(named)) if quantities else list(able)


def _chosen(
    grid: Grid, wanted: Sequence[str], columns: Mapping[str, str], *, named: bool
) -> tuple[str, dict[str, str]]:
    """Return the column of the time, and that of each quantity."""
    names: list[str] = grid.frame.columns
    for role, column in columns.items():
        if column not in names:
            raise TableError(
                f"{grid.names}: expected the column {column!r} for {role}, "
                f"found {', '.join(map(repr, names))}"
            )
    time = columns.get("time") or time_column(grid)
    by_word = {name.strip().lower(): name for name in reversed(names) if name != time}
    chosen = {}
    for quantity in wanted:
        words = (quantity, *QUANTITIES[quantity].words)
        found = columns.get(quantity) or next((by_word[w] for w in words if w in by_word), None)
        if found is not None:
            chosen[quantity] = found
    lacking = [quantity for quantity in wanted if named and quantity not in chosen]
    if time is None or not chosen or lacking:
        what = "time" if time is None else ", ".join(lacking) or "a quantity"
        raise TableError(
            f"{grid.names}: expected a column for {what}, such as "
            f"{', '.join(lacking or wanted[:3])}; found {', '.join(map(repr, names))}; say which "
            "is which, such as time=…, temperature=…"
        )
    return time, chosen


def _number(grid: Grid, row: int, column: str, text: str) -> Decimal:
    plain = {"true": "1", "false": "0"}.get(text.lower(), text)
    try:
        value = Decimal(plain.replace(",", ".") if grid.decimal_comma else plain)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or abs(value.adjusted()) > 30:
        raise TableError(
            f"{grid.where(row)}: expected a number in column {column!r}, found {text!r}"
        )
    return value


def _sentence(kind: str, time: str, tz: str | None, chosen: Mapping[str, str]) -> str:
    zone = f"in {tz} where they carry no offset" if tz else "with their own offset"
    parts = ", ".join(
        f"{quantity} = {column!r}" + (f" in {unit}" if (unit := QUANTITIES[quantity].unit) else "")
        for quantity, column in chosen.items()
    )
    steps = "" if kind == "sensor" else ", rounded to the steps of the payload"
    return f"time = {time!r} ({zone}); {parts}{steps}"


def _tasmota(device: str) -> Callable[[int, int, _Values], Message]:
    topic = f"tele/{device}/SENSOR"

    def send(time_ns: int, count: int, values: _Values) -> Message:
        groups: dict[str, list[str]] = {}
        for quantity, value in values:
            place = QUANTITIES[quantity]
            groups.setdefault(place.group, []).append(f'"{place.key}":{value:f}')
        parts = "".join(f',"{name}":{{{",".join(of)}}}' for name, of in groups.items())
        units = ',"PressureUnit":"hPa","TempUnit":"C"' if "BME280" in groups else ""
        time = rfc3339(time_ns // SECOND_NS * SECOND_NS)
        return Message(time_ns, topic, f'{{"Time":"{time}"{parts}{units}}}'.encode())

    return send


def _elsys(device: str) -> Callable[[int, int, _Values], Message]:
    digits = blake2b(f"table/{device}".encode(), digest_size=8).hexdigest()
    identity = Identity(
        dev_eui=f"02{digits[2:]}",  # locally administered: it is nobody's
        name=device,
        profile="ELSYS ERS",
        tenant="replay",
        application="tables",
    )
    heard = (Heard(gateway_id=f"02{digits[2:14]}fe", rssi=-80, snr=8.5),)

    def send(time_ns: int, count: int, values: _Values) -> Message:
        payload = elsys.encode(
            [(QUANTITIES[name].elsys, float(value * QUANTITIES[name].per_unit))
             for name, value in values]
        )  # fmt: skip
        frame = Uplink(time_ns, f_cnt=count, f_port=_PORT, data=payload, dr=5, heard=heard)
        return chirpstack.uplink(identity, frame)

    return send


_KINDS: dict[str, Callable[[str], Callable[[int, int, _Values], Message]]] = {
    "sensor": _tasmota,
    "elsys": _elsys,
}
