"""Energy beside the weather that it was used in: by the degree day, and as in a normal year.

    normalised = base + (energy - base) * degree days of a normal period / degree days of this one

`base` is what does not depend on the weather, such as hot water. Heating degree days are Gt20/15
(Gradtagzahl), cooling degree days are above 24 degC, both by local day.

Source: VDI 3807 part 1 (witterungsbereinigter Verbrauch); VDI 2067.
"""

from calendar import monthrange
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta, tzinfo
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from analytics.calendar import By, edges, midnight_ns, to_datetime
from analytics.energy import Period
from analytics.environment import degree_days
from analytics.sums import Sum, summed
from ingest.derived import HOUR_NS
from ingest.store import SeriesSpan, Source

DAYS_MIN = 0.9
"""Of fewer days of a period nothing is said of the whole of it."""
MONTH_DAYS_MIN = 0.5
"""The same of each month of a year: a missing January is less than a tenth of the days only."""
ENERGY_MIN = 0.9
"""Share of a period of which the energy must be known."""
YEARS_MAX = 60
_YEAR_FIRST = 1678  # what int64 ns can tell
_MONTHS = 12
_DAY = timedelta(days=1)


class Kind(StrEnum):
    """Which degree days."""

    HEATING = "heating"
    COOLING = "cooling"


DAILY_MIN = {Kind.HEATING: 2.0, Kind.COOLING: 0.1}
"""Degree days a day, K d, below which a period has too few of them to divide by."""


class Reason(StrEnum):
    """Why there is no normalised consumption."""

    NO_ENERGY = "no_energy"
    ENERGY_IN_PART = "energy_in_part"
    DAYS_MISSING = "days_missing"
    FEW_DEGREE_DAYS = "few_degree_days"
    PERIOD_CUT = "period_cut"
    NO_REFERENCE = "no_reference"


class Told(NamedTuple):
    """Degree days of a span of days, K d.

    known    of the days that are known; None: no day is
    whole    of all days, each missing one as the mean of its month; None: too few days are known
    days, covered  how many days there are, and how many are known
    """

    known: float | None
    whole: float | None
    days: int
    covered: int


@dataclass(frozen=True, slots=True)
class Weather:
    """Degree days of one local day after the other (k,), K d; NaN: not known."""

    first: date
    daily: NDArray[np.float64]

    @property
    def end(self) -> date:
        """The day after the last."""
        return self.first + len(self.daily) * _DAY

    def told(self, start: date, end: date) -> Told:
        """Return the degree days of the local dates [start, end)."""
        parts = [self.counted(*dates) for dates in _by_month(start, end)]
        days, covered = sum(one[0] for one in parts), sum(one[1] for one in parts)
        known = sum(one[2] for one in parts) if covered else None
        enough = covered and covered >= DAYS_MIN * days
        enough = enough and all(k >= MONTH_DAYS_MIN * n for n, k, _ in parts)
        whole = sum(total * n / k for n, k, total in parts) if enough else None
        return Told(known, whole, days, covered)

    def counted(self, start: date, end: date) -> tuple[int, int, float]:
        """Return how many days there are, how many are known, and the sum of those."""
        lo, hi = ((day - self.first).days for day in (start, end))
        own = self.daily[max(lo, 0) : max(hi, 0)]
        known = own[np.isfinite(own)]
        return hi - lo, len(known), float(known.sum())


class Normal(NamedTuple):
    """A normal year: degree days of each month, K d, and the years that they are the mean of."""

    months: tuple[float, ...]
    years: tuple[int, ...]


class Reference(NamedTuple):
    """The degree days of a normal year and of its months, K d; None: not known."""

    year: float | None
    months: tuple[float, ...] | None

    def of(self, start: date, end: date) -> float | None:
        """Return those of a whole month or year."""
        if (end - start).days > monthrange(start.year, start.month)[1]:
            return self.year
        return None if self.months is None else self.months[start.month - 1]


@dataclass(frozen=True, slots=True)
class Base:
    """What does not depend on the weather: a share of the energy, or so much a day."""

    share: float = 0.0
    per_day: float | None = None

    def of(self, energy: float, days: int) -> float:
        """Return it for a period, never more than its energy."""
        return self.share * energy if self.per_day is None else min(self.per_day * days, energy)


@dataclass(frozen=True, slots=True)
class Normalised:
    """A period of a group, and what its energy would have been in normal weather.

    known           share of the period that the energy is of, the mean over its registers
    degree_days     those of the period · reference  of the same period of a normal year
    base            part of the energy that is not scaled
    per_degree_day  the rest by the degree day · value  normalised; None: `reason` says why
    """

    energy: Sum
    known: float
    degree_days: Told
    reference: float | None
    base: float | None
    per_degree_day: float | None
    value: float | None
    reason: Reason | None


def days_around(start_ns: int, end_ns: int, where: tzinfo) -> tuple[int, int]:
    """Return the span of whole local days that [start_ns, end_ns) touches, UTC ns."""
    last = to_datetime(end_ns, where).date()
    if midnight_ns(last, where) < end_ns:
        last += _DAY
    return midnight_ns(to_datetime(start_ns, where).date(), where), midnight_ns(last, where)


def weather(source: Source, span: SeriesSpan, kind: Kind, where: tzinfo) -> Weather:
    """Return the degree days of all local days of a series of temperatures (the last YEARS_MAX)."""
    last = to_datetime(span.last_ns, where).date()
    earliest = midnight_ns(date(max(last.year - YEARS_MAX, _YEAR_FIRST), 1, 1), where)
    first_ns = max(span.first_ns, earliest)
    # Where readings were dropped, their windows go further back than they do.
    old = source.windows([span.number], HOUR_NS, earliest, first_ns).start_ns
    if len(old):
        first_ns = int(old.min())
    start_ns, end_ns = days_around(first_ns, span.last_ns + 1, where)
    edges_ns = edges(start_ns, end_ns, By.DAY, where)
    found = degree_days(source, span.number, edges_ns)
    daily = found.heating if kind is Kind.HEATING else found.cooling
    return Weather(to_datetime(start_ns, where).date(), daily)


def normal(known: Weather) -> Normal | None:
    """Return the mean of the whole years that are known; None: none is."""
    months, years = [], []
    for year in range(known.first.year, known.end.year + 1):
        first, end = date(year, 1, 1), date(year + 1, 1, 1)
        inside = known.first <= first and end <= known.end
        if inside and known.told(first, end).whole is not None:
            years.append(year)
            parts = (known.counted(*dates) for dates in _by_month(first, end))
            months.append([total * n / k for n, k, total in parts])
    if not years:
        return None
    return Normal(tuple(float(one) for one in np.mean(months, axis=0)), tuple(years))


def reference(given: Sequence[float] | None, at_hand: Normal | None) -> Reference:
    """Return the normal year that is meant.

    given  twelve months, or one year, whose months are then in proportion to those at hand; None:
           the mean of the years at hand
    """
    months = None if at_hand is None else at_hand.months
    if given is None:
        return Reference(None if months is None else sum(months), months)
    if len(given) == _MONTHS:
        return Reference(sum(given), tuple(given))
    (year,) = given
    if months is None or not sum(months):
        return Reference(year, None)
    return Reference(year, tuple(year * one / sum(months) for one in months))


def normalised(
    registers: Iterable[Sequence[Period]],
    known: Weather,
    kind: Kind,
    normal_year: Reference,
    base: Base,
    where: tzinfo,
) -> list[Normalised]:
    """Return the periods of registers together; periods begin and end with local days."""
    shares: list[NDArray[np.float64]] = []

    def heard() -> Iterator[Sequence[Period]]:
        for periods in registers:
            shares.append(np.array([_share(one) for one in periods]))
            yield periods

    sums = summed(heard())
    total: NDArray[np.float64] = np.sum(shares, axis=0) if shares else np.empty(0)
    return [
        _normalised(one, share / max(one.meters, 1), known, kind, normal_year, base, where)
        for one, share in zip(sums, total.tolist(), strict=True)
    ]


def _share(one: Period) -> float:
    """Return the share of the period that its energy is of."""
    if one.value is None:
        return 0.0
    return (one.known_to_ns - one.known_from_ns) / (one.end_ns - one.start_ns)


def _normalised(
    energy: Sum,
    share: float,
    known: Weather,
    kind: Kind,
    normal_year: Reference,
    base: Base,
    where: tzinfo,
) -> Normalised:
    start, end = (to_datetime(ns, where).date() for ns in (energy.start_ns, energy.end_ns))
    told = known.told(start, end)
    target = normal_year.of(start, end) if _is_whole(start, end) else None
    rest = None if energy.value is None else base.of(energy.value, told.days)
    reason = _unfit(energy, share, told, kind)
    if reason is not None or energy.value is None or rest is None or not told.whole:
        return Normalised(energy, share, told, target, rest, None, None, reason)
    rate = (energy.value - rest) / told.whole
    if target is None:
        why = Reason.NO_REFERENCE if _is_whole(start, end) else Reason.PERIOD_CUT
        return Normalised(energy, share, told, None, rest, rate, None, why)
    return Normalised(energy, share, told, target, rest, rate, rest + rate * target, None)


def _unfit(energy: Sum, share: float, told: Told, kind: Kind) -> Reason | None:
    """Return why energy and degree days of a period can't be divided; None: they can."""
    if energy.value is None:
        return Reason.NO_ENERGY
    if share < ENERGY_MIN:
        return Reason.ENERGY_IN_PART
    if told.whole is None:
        return Reason.DAYS_MISSING
    if told.whole < DAILY_MIN[kind] * told.days:
        return Reason.FEW_DEGREE_DAYS
    return None


def _is_whole(start: date, end: date) -> bool:
    """Return whether [start, end) is a whole month or year, and not a part of one."""
    whole_year = start == date(start.year, 1, 1) and end == date(start.year + 1, 1, 1)
    return whole_year or (start.day == 1 and end == _next_month(start))


def _by_month(start: date, end: date) -> Iterator[tuple[date, date]]:
    """Yield [start, end) cut where months begin."""
    while start < end:
        cut = min(_next_month(start), end)
        yield start, cut
        start = cut


def _next_month(day: date) -> date:
    return day.replace(day=1) + timedelta(days=monthrange(day.year, day.month)[1])
