"""Reading and checking a tariff, or a CO2 intensity: a TOML file, and CSVs beside it.

Source: docs/tariffs.md has every field.
"""

import re
from datetime import UTC, date, tzinfo
from decimal import Decimal
from pathlib import Path
from typing import Any

from analytics.calendar import By
from analytics.tariff import (
    ALL_DAYS,
    ALL_MONTHS,
    DAY_MINUTES,
    DAYS,
    HOLIDAY,
    Band,
    Direction,
    Plan,
    Standing,
    Steps,
    Term,
    What,
)
from analytics.tariff_series import read_steps
from analytics.tariff_toml import MISSING, Document, Fields, TariffError
from ingest.clock import zone

NAME = r"[a-z0-9][a-z0-9-]{0,63}"
BYTES_MAX = 1_000_000
TERMS_MAX, BANDS_MAX = 100, 50
REGION = "DE-NW"
_LEAST = Decimal(-1_000_000)
_ALL_HOURS: tuple[tuple[int, int], ...] = ((0, DAY_MINUTES),)
_YEAR_MINUTES = 366 * DAY_MINUTES
_MONTHS = [str(n) for n in range(13)]
_YEARS = range(1970, 2200)
_HOURS = re.compile(r"([01]\d|2[0-4]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)")
_HOURS_EXPECTED = 'a list of hours such as ["22:00-06:00"]'
_DAYS_EXPECTED = f'a list of days such as ["mon-fri"], out of {", ".join(DAYS)}'
_MONTHS_EXPECTED = 'a list of months such as [1, 2, 3] or ["10-12"]'


def read_plan(path: Path) -> Plan:
    """Return the plan of a TOML file. Raises TariffError that says all that is wrong with it."""
    try:
        if path.stat().st_size > BYTES_MAX:
            raise TariffError(f"the file: expected at most {BYTES_MAX // 1000} kB, found more")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as fault:
        raise TariffError(f"the file: expected one that can be read ({fault.strerror})") from None
    except UnicodeDecodeError:
        raise TariffError("the file: expected text in UTF-8, found other bytes") from None
    document = Document(text)
    plan = _plan(document.root, path)
    document.check()
    return plan


def _plan(root: Fields, path: Path) -> Plan:
    what = What(root.one_of("what", list(What), What.TARIFF))
    name = root.like("name", NAME, 'a name of a-z, 0-9 and "-", such as "day-night"', needed=True)
    title = root.text("title")
    tenant = root.text("tenant")
    where_name, where = _zone(root)
    region = root.one_of("holidays", [REGION], "")
    dates = root.days("holiday_dates")
    currency, direction, gross = "", Direction.IMPORT, False
    if what is What.TARIFF:
        currency = root.like("currency", "[A-Z]{3}", 'three letters such as "EUR"', needed=True)
        direction = Direction(root.one_of("direction", list(Direction), "import", needed=True))
    tables = root.tables("term", TERMS_MAX)
    if what is What.TARIFF:
        taxed = any(one.has("vat_percent") for one in tables)
        gross = root.one_of("prices", ["net", "gross"], "net", needed=taxed) == "gross"
    holidays = bool(region or dates)
    terms = [_term(one, what, where, path.parent, holidays) for one in tables]
    root.done()
    _in_order(tables, terms)
    return Plan(
        what=what,
        name=name,
        file=path.name,
        zone=where_name,
        where=where,
        terms=tuple(terms),
        title=title,
        tenant=tenant or None,
        holidays=bool(region),
        dates=dates,
        currency=currency,
        direction=direction,
        gross=gross,
    )


def _zone(root: Fields) -> tuple[str, tzinfo]:
    expected = 'a zone such as "Europe/Berlin"'
    name = root.like("zone", r"[\w+/:-]{1,64}", expected, needed=True)
    try:
        return name, zone(name) if name else UTC
    except ValueError:
        root.wrong("zone", expected, name)
        return name, UTC


def _term(fields: Fields, what: What, where: tzinfo, folder: Path, holidays: bool) -> Term:
    since, until = fields.day("from", needed=True), fields.day("until")
    for key, day in (("from", since), ("until", until)):
        if day is not None and day.year not in _YEARS:
            fields.wrong(key, f"a year from {_YEARS[0]} to {_YEARS[-1]}", day)
    since = since or date.min
    if until is not None and until <= since:
        fields.wrong("until", f"a day after from ({since}): the first one that is not in it", until)
    if what is What.CO2:
        steps = _steps(fields, "g_per_kwh", where, folder)
        alone = steps is None and not fields.has("series")
        grams = fields.number("g_per_kwh", Decimal(0), Decimal(10_000), needed=alone)
        fields.done()
        return Term(since, until, (Band("co2", grams, steps),))
    vat = fields.number("vat_percent", Decimal(0), Decimal(100))
    standing = tuple(
        Standing(fields.number(key, Decimal(0)), per)
        for per in (By.DAY, By.MONTH, By.YEAR)
        if (key := f"standing_per_{per.value}") and _known(fields, key)
    )
    tables = fields.tables("band", BANDS_MAX)
    term = Term(
        since,
        until,
        tuple(_band(one, where, folder, holidays) for one in tables),
        standing,
        vat,
    )
    fields.done()
    if fields.sound:
        _all_times(fields, tables, term, holidays)
    return term


def _known(fields: Fields, key: str) -> bool:
    """Return whether a field is there; it may be, in any case."""
    if not fields.has(key):
        fields.number(key, Decimal(0))
        return False
    return True


def _band(fields: Fields, where: tzinfo, folder: Path, holidays: bool) -> Band:
    name = fields.text("name", needed=True)
    steps = _steps(fields, "price", where, folder)
    price = fields.number("price", _LEAST, needed=steps is None and not fields.has("series"))
    days = fields.listed("days", _DAYS_EXPECTED, _days, ALL_DAYS)
    if fields.has("days") and HOLIDAY in days and not holidays:
        fields.wrong("days", f'holidays = "{REGION}" or holiday_dates at the top of the file for'
                     ' days with "holiday"', MISSING)  # fmt: skip
    hours = fields.listed("hours", _HOURS_EXPECTED, _hours, _ALL_HOURS)
    months = fields.listed("months", _MONTHS_EXPECTED, _months, ALL_MONTHS)
    fields.done()
    return Band(name, price, steps, days, hours, months)


def _steps(fields: Fields, column: str, where: tzinfo, folder: Path) -> Steps | None:
    """Return the series of a table, where it has one that can be used."""
    if not fields.has("series"):
        for key in ("series_holds_minutes", "series_per"):
            if fields.has(key):
                fields.wrong("series", f"a CSV for {key}")
    file = fields.like("series", r"[\w][\w. -]{0,99}\.csv", "the name of a CSV beside this file")
    needed = fields.has("series")
    holds = fields.whole("series_holds_minutes", 1, _YEAR_MINUTES, needed=needed)
    per = "kWh"
    if column == "price":
        per = fields.one_of("series_per", ["kWh", "MWh"], "kWh")
    if not file or not holds:
        return None
    try:
        return read_steps(folder / file, column, where, holds, Decimal(1000 if per == "MWh" else 1))
    except TariffError as error:
        for fault in error.faults:
            fields.beside("series", fault)
        return None


def _days(words: list[Any]) -> frozenset[int] | None:
    return _spans(words, list(DAYS))


def _months(words: list[Any]) -> frozenset[int] | None:
    found = _spans([str(one) for one in words], _MONTHS)
    return None if found is None or 0 in found else found


def _spans(words: list[Any], names: list[str]) -> frozenset[int] | None:
    """Return the numbers of names and of spans of them, "mon-fri"; None for anything else."""
    found: set[int] = set()
    for word in words:
        first, _, last = str(word).partition("-")
        if first not in names or (last or first) not in names:
            return None
        low, high = names.index(first), names.index(last or first)
        if low > high or not isinstance(word, str):
            return None
        found.update(range(low, high + 1))
    return frozenset(found)


def _hours(words: list[Any]) -> tuple[tuple[int, int], ...] | None:
    """Return spans of hours in minutes of the day; one over midnight is two of the same day."""
    found: list[tuple[int, int]] = []
    for word in words:
        match = _HOURS.fullmatch(word) if isinstance(word, str) else None
        if match is None:
            return None
        first, end = (60 * int(match[n]) + int(match[n + 1]) for n in (1, 3))
        if max(first, end) > DAY_MINUTES or first in (end, DAY_MINUTES):
            return None
        found += [(first, end)] if first < end else [(0, end), (first, DAY_MINUTES)]
    return tuple(sorted(span for span in found if span[0] < span[1]))


def _all_times(fields: Fields, tables: list[Fields], term: Term, holidays: bool) -> None:
    """Refuse a term that has no band for some time, and a band that never counts."""
    used: set[int] = set()
    for month in sorted(ALL_MONTHS):
        for day in sorted(ALL_DAYS if holidays else ALL_DAYS - {HOLIDAY}):
            for minute in term.minutes():
                band = term.band_at(month, day, minute)
                if band < 0:
                    when = f"{DAYS[day]}, month {month}, {minute // 60:02}:{minute % 60:02}"
                    fields.wrong("band", "a band for every time of the year", f"none for {when}")
                    return
                used.add(band)
    for n, table in enumerate(tables):
        if n not in used:
            table.wrong("", "times that no band before it has", "none")


def _in_order(tables: list[Fields], terms: list[Term]) -> None:
    """Refuse terms that overlap or are not in their order."""
    for n in range(1, len(terms)):
        before = terms[n - 1]
        if before.until is None:
            tables[n - 1].wrong("until", "the end of this term, as another follows")
        elif terms[n].since < before.until:
            expected = f"{before.until} or later, as the term before ends there"
            tables[n].wrong("from", expected, terms[n].since)
