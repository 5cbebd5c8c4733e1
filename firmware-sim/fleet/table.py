"""Tables of a meter: their rows become the register readings that the meter would have sent.

A row's amount belongs to the interval that starts at the row's time, as load profiles are usually
kept; the register with the sum so far is sent for the interval's end, after a first reading at the
first start. A missing amount is not zero: the reading for that end is left out and reported.
Sums are decimal, so no drift of binary fractions shows; a reading is rounded to 1 mWh when it is
written, never in the sum.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation, localcontext
from itertools import pairwise
from pathlib import Path

from fleet.columns import Columns, guess_columns
from fleet.errors import TableError
from fleet.message import SECOND_NS, Message, rfc3339
from fleet.rows import times_ns
from fleet.sheets import Grid, read_grid

_KWH_PER = {"Wh": Decimal("0.001"), "kWh": Decimal(1), "MWh": Decimal(1000)}
_MILLIWATT_HOUR = Decimal("0.000001")  # kWh
MISSING = frozenset({"", "nan", "na", "n/a", "null", "none", "-", "--"})
_EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)
_HOLE = 1.5  # rows further apart than this many usual steps leave time between them unknown
_TOPIC_MARKS = re.compile(r"[\s/+#\0]+")


@dataclass(frozen=True, slots=True)
class Meter:
    """A table as a meter's messages.

    messages  Tasmota SENSOR with an SML group, in the order of time
    notes     sentences for a person: how the columns were understood, what was left out
    totals    kWh by register key (Total_in, Total_out): the last reading
    skipped   readings left out because an amount is missing or rows are
    """

    device: str
    messages: list[Message]
    notes: list[str]
    totals: dict[str, Decimal]
    skipped: int


def load_meter(
    path: Path,
    *,
    tz: str | None,
    columns: Mapping[str, str] | None = None,
    unit: str = "kWh",
    device: str | None = None,
) -> Meter:
    """Read a CSV, Parquet or JSON Lines file (gzipped or not) as a meter.

    tz       zone of times without an offset: an IANA name or a fixed offset such as +10:00
    columns  "time", and "import", "export" (amounts) or "import_register", "export_register"
             (readings) -> the table's column; None: guessed from the names, see Meter.notes
    unit     of the values: Wh, kWh or MWh
    device   the meter's name; None: the file's
    Errors   TableError, naming the file, the line where there is one, and what was expected
    """
    if unit not in _KWH_PER:
        raise TableError(f"unit: expected one of {', '.join(_KWH_PER)}, found {unit!r}")
    grid = read_grid(path)
    chosen = guess_columns(grid, columns)
    starts_ns = times_ns(grid, chosen.time, tz)
    name = device_name(path, device)
    kept = _Readings(grid, chosen, starts_ns, _KWH_PER[unit])
    with localcontext(_EXACT):
        readings = kept.registers() if chosen.of_registers else kept.sums()
    totals: dict[str, Decimal] = {}
    for _, values in readings:
        totals.update(values)
    notes = [chosen.sentence(tz, unit), *kept.notes]
    messages = [_message(name, at_ns, values) for at_ns, values in readings]
    return Meter(name, messages, notes, totals, kept.skipped)


def device_name(path: Path, device: str | None) -> str:
    """Return the name that is given, else the file's, as one level of a topic can hold it."""
    name = _TOPIC_MARKS.sub("_", device or path.name.split(".")[0]).strip("_")
    if not name:
        raise TableError(f"device: expected a name, found {device!r}")
    return name


class _Readings:
    """Rows on their way to register readings: a list of (time, kWh by key)."""

    def __init__(
        self, grid: Grid, columns: Columns, starts_ns: Sequence[int], kwh_per_unit: Decimal
    ) -> None:
        self._grid, self._columns, self._starts_ns = grid, columns, starts_ns
        self._kwh_per_unit = kwh_per_unit
        self.skipped = 0
        self.notes: list[str] = []

    def registers(self) -> list[tuple[int, dict[str, Decimal]]]:
        """Return the rows' own register values, each at its row's time."""
        readings = []
        values = {key: self._values(column) for key, column in self._columns.values.items()}
        for row, at_ns in enumerate(self._starts_ns):
            known = {key: of[row] for key, of in values.items()}
            present = {key: value for key, value in known.items() if value is not None}
            self.skipped += len(known) - len(present)
            if present:
                readings.append((at_ns, present))
        if self.skipped:
            self.notes.append(f"{self.skipped} readings are missing in the table and left out")
        return readings

    def sums(self) -> list[tuple[int, dict[str, Decimal]]]:
        """Return the running sums of the amounts, each at its interval's end."""
        amounts = {key: self._values(column) for key, column in self._columns.values.items()}
        sums = dict.fromkeys(amounts, Decimal(0))
        readings = [(self._starts_ns[0], dict(sums))]
        ends_ns, holes = self._ends_ns()
        for row, end_ns in enumerate(ends_ns):
            present: dict[str, Decimal] = {}
            for key, of in amounts.items():
                amount = of[row]
                if amount is None:
                    self._note_missing(row, key)
                    continue
                if amount < 0:
                    raise self._negative(row, key)
                sums[key] += amount
                present[key] = sums[key]
            if present:
                readings.append((end_ns, present))
        if holes:
            self.notes.append(f"{holes} holes between rows: nothing is sent for the time in them")
        if self.skipped > 3:
            self.notes.append(f"{self.skipped} amounts are missing in all")
        return readings

    def _ends_ns(self) -> tuple[list[int], int]:
        """Return each interval's end, and how many holes lie between rows.

        The end is the next row's start; before a hole and after the last row it is a usual step on.
        """
        starts_ns = self._starts_ns
        gaps_ns = [after - before for before, after in pairwise(starts_ns)]
        if not gaps_ns:
            raise TableError(
                f"{self._grid.path}: expected two rows or more, found {len(starts_ns)}"
            )
        usual_ns = sorted(gaps_ns)[len(gaps_ns) // 2]
        hole = [gap_ns > _HOLE * usual_ns for gap_ns in gaps_ns]
        steps_ns = [usual_ns if torn else gap for gap, torn in zip(gaps_ns, hole, strict=True)]
        ends_ns = [
            start + step for start, step in zip(starts_ns, [*steps_ns, usual_ns], strict=True)
        ]
        return ends_ns, sum(hole)

    def _values(self, column: str) -> list[Decimal | None]:
        """Return a column in kWh; None where the amount is missing."""
        return [
            self._value(column, row, text) for row, text in enumerate(self._grid.column(column))
        ]

    def _value(self, column: str, row: int, text: str) -> Decimal | None:
        if text.lower() in MISSING:
            return None
        try:
            value = Decimal(text.replace(",", ".") if self._grid.decimal_comma else text)
        except InvalidOperation:
            value = Decimal("NaN")
        if not value.is_finite():
            raise TableError(
                f"{self._grid.where(row)}: expected a number in column {column!r}, found {text!r}"
            )
        return value * self._kwh_per_unit

    def _note_missing(self, row: int, key: str) -> None:
        self.skipped += 1
        if self.skipped <= 3:
            column = self._columns.values[key]
            self.notes.append(
                f"{self._grid.where(row)}: no amount in column {column!r}; "
                "the reading for its end is left out, not counted as zero"
            )

    def _negative(self, row: int, key: str) -> TableError:
        column = self._columns.values[key]
        return TableError(
            f"{self._grid.where(row)}: expected an amount of 0 or more in column {column!r}, found "
            f"{self._grid.column(column)[row]!r}; a register never falls, so give import and "
            "export in columns of their own"
        )


def _message(device: str, time_ns: int, values: Mapping[str, Decimal]) -> Message:
    """Return the reading as Tasmota sends it with SetOption52, in UTC, whole seconds."""
    registers = ",".join(f'"{key}":{_digits(value)}' for key, value in values.items())
    time = rfc3339(time_ns // SECOND_NS * SECOND_NS)
    payload = f'{{"Time":"{time}","SML":{{{registers}}}}}'
    return Message(time_ns, f"tele/{device}/SENSOR", payload.encode())


def _digits(value: Decimal) -> str:
    """Return kWh with six decimals at most and one at least."""
    whole, _, decimals = f"{value.quantize(_MILLIWATT_HOUR, context=_EXACT):f}".partition(".")
    return f"{whole}.{decimals.rstrip('0') or '0'}"
