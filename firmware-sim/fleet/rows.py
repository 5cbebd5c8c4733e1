"""The times of a table's rows: with an offset, or local in a zone with its clock changes."""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fleet.errors import TableError
from fleet.message import SECOND_NS
from fleet.sheets import Grid

_UNIX = datetime(1970, 1, 1, tzinfo=UTC)
_OFFSET = re.compile(r"(?:UTC)?([+-])(\d{1,2})(?::?(\d\d))?", re.ASCII)
_UNIX_TIME = re.compile(r"(\d{10}|\d{13}|\d{16}|\d{19})(?:\.(\d*))?", re.ASCII)
_GERMAN = re.compile(r"(\d\d)\.(\d\d)\.(\d{4})(.*)", re.ASCII | re.DOTALL)


def zone_of(name: str) -> tzinfo:
    """Return the zone of an IANA name or of a fixed offset such as +10:00 or UTC+1."""
    fixed = _OFFSET.fullmatch(name.strip())
    if fixed is not None:
        sign, hours, minutes = fixed.groups()
        ahead = timedelta(hours=int(hours), minutes=int(minutes or 0))
        if ahead < timedelta(hours=24):
            return timezone(-ahead if sign == "-" else ahead)
    try:
        return ZoneInfo(name.strip())
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise TableError(
            f"zone: expected a name such as Europe/Berlin or an offset such as +10:00, "
            f"found {name!r}"
        ) from error


def times_ns(grid: Grid, column: str, tz: str | None) -> list[int]:
    """Return the rows' times in UTC ns, each later than the one before.

    A local hour that a clock change repeats is read as its second pass where its first would not
    be later than the row before. Errors: TableError naming the line, for a text that is no time,
    a local time that a clock change skips, a missing zone, and a step back or a repetition.
    """
    zone = zone_of(tz) if tz is not None else None
    times: list[int] = []
    for row, text in enumerate(grid.column(column)):
        moment = _moment(grid, row, text)
        if moment.tzinfo is None:
            if zone is None:
                raise TableError(
                    f"{grid.where(row)}: expected a time with its offset, found {text!r}; "
                    "say the zone of the file's times, such as Europe/Berlin or +10:00"
                )
            moment = moment.replace(tzinfo=zone)
            if moment.astimezone(UTC).astimezone(zone).replace(fold=0) != moment:
                raise TableError(
                    f"{grid.where(row)}: expected a local time that exists in {tz}, found "
                    f"{text!r}, which the clock change skips; the file may be in a fixed offset"
                )
        time_ns = _ns(moment)
        if times and time_ns <= times[-1]:
            time_ns = _ns(moment.replace(fold=1))
        if times and time_ns <= times[-1]:
            raise TableError(
                f"{grid.where(row)}: expected a time after that of the row before, found {text!r}"
            )
        times.append(time_ns)
    return times


def _moment(grid: Grid, row: int, text: str) -> datetime:
    german = _GERMAN.fullmatch(text)
    if german is not None:
        day, month, year, rest = german.groups()
        text = f"{year}-{month}-{day}{rest}"
    unix = _UNIX_TIME.fullmatch(text)
    if unix is not None:  # s, ms, us or ns, as the number of digits says
        microseconds = int((unix[1] + (unix[2] or "")).ljust(19, "0")[:19]) // 1000
        return _UNIX + timedelta(microseconds=microseconds)
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise TableError(
            f"{grid.where(row)}: expected a time such as 2026-03-01 12:00 or "
            f"2026-03-01T12:00:00+01:00, or Unix time, found {text!r}"
        ) from error


def _ns(moment: datetime) -> int:
    microseconds = (moment - _UNIX) // timedelta(microseconds=1)
    return microseconds * (SECOND_NS // 1_000_000)
