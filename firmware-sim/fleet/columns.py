"""Which of a meter's columns means what."""

from collections.abc import Mapping
from dataclasses import dataclass

from fleet.errors import TableError
from fleet.sheets import Grid

_TIME = ("time", "start", "dt", "timestamp", "datetime", "date", "zeit", "zeitpunkt", "von", "ts")
_AMOUNTS = {
    "Total_in": (
        "gc", "value", "consumption", "import", "kwh", "wh", "mwh", "energy", "usage", "load",
        "verbrauch", "bezug", "wert", "import_kwh", "energy_kwh", "consumption_kwh",
    ),
    "Total_out": (
        "gg", "generation", "export", "pv", "solar", "feed_in", "feedin", "einspeisung",
        "erzeugung", "export_kwh", "generation_kwh", "pv_kwh",
    ),
}  # fmt: skip
_REGISTERS = {
    "Total_in": (
        "total_in", "import_register", "register", "reading", "meter_reading", "1.8.0",
        "zaehlerstand", "zählerstand", "stand",
    ),
    "Total_out": ("total_out", "export_register", "2.8.0"),
}  # fmt: skip
_ROLES = {
    "import": ("Total_in", False),
    "export": ("Total_out", False),
    "import_register": ("Total_in", True),
    "export_register": ("Total_out", True),
}


@dataclass(frozen=True, slots=True)
class Columns:
    """Which column is which: the time, and register key (Total_in, Total_out) -> column."""

    time: str
    values: Mapping[str, str]
    of_registers: bool

    def sentence(self, tz: str | None, unit: str) -> str:
        """Return how the table was understood, for a person to check."""
        meaning = {"Total_in": "import", "Total_out": "export"}
        what = "register readings" if self.of_registers else "amounts of the interval that starts"
        parts = ", ".join(f"{meaning[key]} = {column!r}" for key, column in self.values.items())
        zone = f"in {tz} where they carry no offset" if tz else "with their own offset"
        return f"time = {self.time!r} ({zone}); {parts}: {what} there, in {unit}"


def guess_columns(grid: Grid, given: Mapping[str, str] | None) -> Columns:
    """Return the columns that are given, or those whose names say what they are."""
    names = grid.frame.columns
    if given is not None:
        return _given(grid, given)
    time = time_column(grid)
    for table, of_registers in ((_REGISTERS, True), (_AMOUNTS, False)):
        values = {
            key: name
            for key, words in table.items()
            for name in [_first(names, words, time)]
            if name is not None
        }
        if time is not None and values:
            return Columns(time, values, of_registers)
    raise TableError(
        f"{grid.names}: expected a time column (such as {', '.join(_TIME[:4])}) and a "
        f"value column (such as value, import, GC; export, pv, GG; or total_in), found "
        f"{', '.join(map(repr, names))}; say which is which, such as time=…, import=…"
    )


def time_column(grid: Grid) -> str | None:
    """Return the column whose name says that it is the time, or None."""
    names: list[str] = grid.frame.columns
    time = next((name for name in names if name.strip().lower() in _TIME), None)
    if time is None and names and names[0].strip() == "":
        return names[0]  # an index that was written without a name
    return time


def _given(grid: Grid, given: Mapping[str, str]) -> Columns:
    names = grid.frame.columns
    roles = {role: column for role, column in given.items() if role != "time"}
    wrong = [role for role in roles if role not in _ROLES]
    kinds = {_ROLES[role][1] for role in roles if role in _ROLES}
    if wrong or "time" not in given or len(kinds) != 1:
        raise TableError(
            "columns: expected time and one or both of import, export (amounts), or of "
            f"import_register, export_register (readings), found {', '.join(given) or 'none'}"
        )
    for role, column in given.items():
        if column not in names:
            raise TableError(
                f"{grid.names}: expected the column {column!r} for {role}, "
                f"found {', '.join(map(repr, names))}"
            )
    values = {_ROLES[role][0]: column for role, column in roles.items()}
    return Columns(given["time"], values, kinds.pop())


def _first(names: list[str], words: tuple[str, ...], time: str | None) -> str | None:
    """Return the column whose name comes first among the words."""
    by_word = {name.strip().lower(): name for name in names if name != time}
    return next((by_word[word] for word in words if word in by_word), None)
