"""What a kWh counts for, by time: a tariff's money, or the CO2 of the electricity behind it.

A plan holds over terms, one after the other, each of which begins and ends with a local day. A term
has bands; of those that hold at a local time the first one counts. A band has a fixed price, and
may have a series of prices on top of it.

Source: docs/tariffs.md.
"""

from dataclasses import dataclass, field
from datetime import date, tzinfo
from decimal import Decimal
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from analytics.calendar import By, midnight_ns
from analytics.holidays import holidays

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun", "holiday")
HOLIDAY = DAYS.index("holiday")
DAY_MINUTES = 24 * 60
ALL_DAYS = frozenset(range(len(DAYS)))
ALL_MONTHS = frozenset(range(1, 13))


class What(StrEnum):
    """What a plan says of a kWh."""

    TARIFF = "tariff"
    CO2 = "co2"


class Direction(StrEnum):
    """Which way the energy flows that a tariff is for."""

    IMPORT = "import"
    EXPORT = "export"

    @property
    def quantity(self) -> str:
        """The register that counts it."""
        return f"active_energy_{self.value}"


@dataclass(frozen=True, slots=True)
class Steps:
    """A series of prices out of a file: value k holds in [start_ns[k], end_ns[k]).

    start_ns, end_ns (n,) int64, rising, one after the other; between two there may be none
    """

    file: str
    start_ns: NDArray[np.int64]
    end_ns: NDArray[np.int64]
    value: tuple[Decimal, ...]

    def at(self, time_ns: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return which value holds at each time (k,); -1: none is known."""
        place = np.searchsorted(self.start_ns, time_ns, side="right") - 1
        within = (place >= 0) & (time_ns < self.end_ns[np.maximum(place, 0)])
        return np.where(within, place, -1)


@dataclass(frozen=True, slots=True)
class Band:
    """Times of one price per kWh (of CO2: g per kWh): what holds of all three counts.

    days    0 to 6 Monday to Sunday, 7 a holiday, which is none of the others
    hours   [from, to) in minutes of the local day · months  1 to 12
    steps   prices that come on top of `price`
    """

    name: str
    price: Decimal
    steps: Steps | None = None
    days: frozenset[int] = ALL_DAYS
    hours: tuple[tuple[int, int], ...] = ((0, DAY_MINUTES),)
    months: frozenset[int] = ALL_MONTHS

    def holds(self, month: int, day: int, minute: int) -> bool:
        """Return whether this band holds at a minute of such a local day."""
        return (
            month in self.months
            and day in self.days
            and any(first <= minute < end for first, end in self.hours)
        )


@dataclass(frozen=True, slots=True)
class Standing:
    """What is paid for each meter and each local day, month or year, whatever flows."""

    amount: Decimal
    per: By


@dataclass(frozen=True, slots=True)
class Term:
    """A time over which a plan does not change: local days from `since` until before `until`.

    until        None: it has no end yet
    vat_percent  of the value-added tax; 0: none
    """

    since: date
    until: date | None
    bands: tuple[Band, ...]
    standing: tuple[Standing, ...] = ()
    vat_percent: Decimal = Decimal(0)

    def band_at(self, month: int, day: int, minute: int) -> int:
        """Return the number of the band that counts at a minute of such a day; -1: none does."""
        found = (n for n, band in enumerate(self.bands) if band.holds(month, day, minute))
        return next(found, -1)

    def minutes(self) -> list[int]:
        """Return the minutes of a local day at which a band may begin, 0 first."""
        inner = {at for band in self.bands for span in band.hours for at in span}
        return sorted({0, *inner} - {DAY_MINUTES})


@dataclass(frozen=True, slots=True)
class Plan:
    """A tariff, or the CO2 intensity of electricity, as a file says it.

    name        how it is asked for · title  what people call it · file  where it stands
    zone        the zone of its days and hours · where  the same, ready to use
    tenant      who alone sees it; None: everybody
    holidays    whether the public holidays of North Rhine-Westphalia are "holiday"
    dates       further days that are
    currency    ISO 4217; "" of CO2 · gross  prices and standing charges have the VAT in them
    """

    what: What
    name: str
    file: str
    zone: str
    where: tzinfo
    terms: tuple[Term, ...]
    title: str = ""
    tenant: str | None = None
    holidays: bool = False
    dates: frozenset[date] = field(default_factory=frozenset)
    currency: str = ""
    direction: Direction = Direction.IMPORT
    gross: bool = False

    def day_of(self, day: date) -> int:
        """Return which of DAYS a local date is, as its number."""
        if day in self.dates or (self.holidays and day in holidays(day.year)):
            return HOLIDAY
        return day.weekday()

    def span_ns(self, term: Term) -> tuple[int, int | None]:
        """Return a term as [start, end) in UTC ns; end None: it has none."""
        end = None if term.until is None else midnight_ns(term.until, self.where)
        return midnight_ns(term.since, self.where), end


def months_told(months: frozenset[int]) -> str:
    """Return months as people write them in a plan: "1-3, 11"; all of them: ""."""
    return _told(months, ALL_MONTHS, [str(n) for n in range(13)])


def days_told(days: frozenset[int]) -> str:
    """Return days as people write them in a plan: "mon-fri, holiday"; all of them: ""."""
    return _told(days, ALL_DAYS, list(DAYS), apart=HOLIDAY)


def hours_told(hours: tuple[tuple[int, int], ...]) -> str:
    """Return hours as people write them in a plan: "00:00-06:00, 22:00-24:00"; all of them: ""."""
    if hours == ((0, DAY_MINUTES),):
        return ""
    return ", ".join(f"{_clock(first)}-{_clock(end)}" for first, end in hours)


def _told(chosen: frozenset[int], whole: frozenset[int], names: list[str], apart: int = -1) -> str:
    if chosen == whole:
        return ""
    runs: list[list[int]] = []
    for n in sorted(chosen):
        if runs and n == runs[-1][1] + 1 and n != apart:
            runs[-1][1] = n
        else:
            runs.append([n, n])
    return ", ".join(
        names[first] if first == last else f"{names[first]}-{names[last]}" for first, last in runs
    )


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
