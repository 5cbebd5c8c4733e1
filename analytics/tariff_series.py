"""A CSV of prices (or CO2 intensities) by time: one line each time, from when it holds."""

import csv
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from pathlib import Path

import numpy as np

from analytics.calendar import to_ns
from analytics.tariff import Steps
from analytics.tariff_toml import TariffError, decimal_of

ROWS_MAX = 200_000
BYTES_MAX = 20_000_000
_FAULTS_MAX = 10
_YEARS = range(1970, 2200)
_MINUTE_NS = 60 * 10**9
_TIME = "a time such as 2026-03-29T01:00:00+01:00"


def read_steps(
    path: Path, column: str, where: tzinfo, holds_minutes: int, per: Decimal = Decimal(1)
) -> Steps:
    """Return the steps of a CSV with the columns `time` and `column`, by comma or semicolon.

    where          zone of times without an offset
    holds_minutes  for how long a value holds, where the next one doesn't come before
    per            the kWh that a value is for

    Raises TariffError that names the lines, the first _FAULTS_MAX of them.
    """
    rows = _rows(path)
    head = rows[0][1] if rows else []
    told = ",".join(head)[:80]
    if head != ["time", column]:
        raise TariffError(
            f'{path.name}: line 1: expected the columns time,{column}, found "{told}"'
        )
    faults: list[str] = []
    starts: list[int] = []
    values: list[Decimal] = []
    for line, row in rows[1:]:
        if not row:
            continue
        try:
            time_ns, value = _row(row, column, where)
            if starts and time_ns <= starts[-1]:
                raise _WrongError("time", "a later time than that of the line before", row[0])
        except _WrongError as wrong:
            faults.append(f"{path.name}: line {line}: {wrong}")
            if len(faults) == _FAULTS_MAX:
                break
            continue
        starts.append(time_ns)
        values.append(value / per)
    if not faults and not starts:
        faults.append(f"{path.name}: line 2: expected a time and a value, found none")
    if faults:
        raise TariffError(*faults)
    start_ns = np.array(starts, np.int64)
    following = np.append(start_ns[1:], np.iinfo(np.int64).max)
    return Steps(
        path.name,
        start_ns,
        np.minimum(start_ns + holds_minutes * _MINUTE_NS, following),
        tuple(values),
    )


class _WrongError(Exception):
    def __init__(self, field: str, expected: str, found: str) -> None:
        super().__init__(f'{field}: expected {expected}, found "{found[:80]}"')


def _rows(path: Path) -> list[tuple[int, list[str]]]:
    """Return the lines of a file with their numbers."""
    try:
        if path.stat().st_size > BYTES_MAX:
            raise TariffError(f"{path.name}: expected at most {BYTES_MAX // 10**6} MB, found more")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as fault:
        raise TariffError(f"{path.name}: expected a file, found none ({fault.strerror})") from None
    except UnicodeDecodeError:
        raise TariffError(f"{path.name}: expected text in UTF-8, found other bytes") from None
    lines = text.splitlines()
    if len(lines) > ROWS_MAX + 1:
        raise TariffError(f"{path.name}: expected at most {ROWS_MAX} lines, found {len(lines)}")
    by = ";" if lines and ";" in lines[0] else ","
    reader = csv.reader(lines, delimiter=by)
    return [(reader.line_num, [cell.strip() for cell in row]) for row in reader]


def _row(row: list[str], column: str, where: tzinfo) -> tuple[int, Decimal]:
    if len(row) != 2:
        raise _WrongError("the line", f"a time and a {column}", ",".join(row))
    value = decimal_of(row[1])
    if value is None:
        raise _WrongError(column, "a number with a point, such as 0.0843", row[1])
    return _time_ns(row[0], where), value


def _time_ns(text: str, where: tzinfo) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise _WrongError("time", _TIME, text) from None
    if moment.year not in _YEARS:
        raise _WrongError("time", f"a year from {_YEARS[0]} to {_YEARS[-1]}", text)
    if moment.tzinfo is None:
        early, late = (to_ns(moment.replace(tzinfo=where, fold=fold)) for fold in (0, 1))
        there = moment.replace(tzinfo=where).astimezone(UTC).astimezone(where)
        if early != late or there.replace(tzinfo=None) != moment:
            # As clocks change: the time is there twice, or not at all.
            raise _WrongError("time", f"{_TIME}, with its offset, as clocks change here", text)
        return early
    return to_ns(moment)
