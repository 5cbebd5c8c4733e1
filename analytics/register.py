"""One register unwrapped: its readings, judged with what people know of its meters.

Source: docs/energy.md says how each step of a register is judged.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from analytics.calendar import ahead_of_utc, to_datetime, to_ns
from ingest.derived import HOUR_NS
from ingest.meter import NOTHING_KNOWN, Meter, RegisterFacts
from ingest.reading import Rows
from kernels import limits, profile, register, spread

GAP_RHYTHMS = 2.5
DIP_READINGS = 4
DIP_NS = 24 * HOUR_NS
MICROSECOND_NS = 1000
EXCHANGE_NS = 36 * HOUR_NS
"""How far the time that was written down for an exchange may be from when it happened."""

# What nothing in a city's grid exceeds: a register that falls may have begun again from zero only
# if what it shows now could have flowed since. 10 MW; 1,000 m3 an hour.
RATE_CEILING = {"Wh": 10e6, "m3": 1e3}
# A climb that stays is taken for flow up to here, even if nothing like it was seen before: what a
# house's connection can take (the first charging car, a filled pool), or five times what was seen.
JUMP_FLOOR = {"Wh": 50e3, "m3": 5.0}
JUMP_TIMES = 5.0
# Where registers end: digits of a display (in Wh, kWh, m3 …) and the widths of counters.
_DIGITS = {"Wh": range(5, 14), "m3": range(2, 10)}
_COUNTS = (2**16, 2**24, 2**32)
_SCALES = {"Wh": (1.0, 10.0, 100.0, 1000.0), "m3": (0.001, 0.01, 0.1, 1.0)}


@dataclass(frozen=True, slots=True)
class Unwrapped:
    """A register whose steps have been judged: the judgement, and what flowed since its start.

    rows      all readings; their values are multiplied by the ratio of the transformers
    u (n,)    cumulative flow
    rate_max  units per hour, the most that can flow; is_known: people told it
    profile   the typical week, where there is one
    settled   rows about which a person has decided
    multiplier (n,)  the ratio of the transformers at each row
    """

    rows: Rows
    judged: register.Judgement
    u: NDArray[np.float64]
    limits: register.Limits
    is_known: bool
    profile: profile.Profile | None
    settled: NDArray[np.bool_]
    multiplier: NDArray[np.float64]

    @property
    def gap_ns(self) -> int:
        """The gap limit."""
        return self.limits.gap_ns

    @property
    def rate_max(self) -> float:
        """The most that can flow, in units per hour."""
        return self.limits.rate_max


def unwrapped(
    rows: Rows, unit: str, where: tzinfo = UTC, facts: RegisterFacts = NOTHING_KNOWN
) -> Unwrapped:
    """Judge all readings of one register, given by time.

    where  the zone of the typical week · facts  what people know of its meters
    """
    meters = facts.meters
    made = _exchanges(rows, unit, meters)
    value = rows.value * made.multiplier
    time_ns = rows.time_ns
    known = _known_limits(rows, value, unit, meters, made)
    said, settled = _said(time_ns, facts)
    judged = register.judge(time_ns, value, known.limits, swap=made.swap, said=said)
    rows = Rows(rows.series, time_ns, value, rows.received_ns, rows.quality)
    course = judged.good & ~judged.over_gap & np.isin(judged.kind, (register.PLAIN,))
    week = profile.learn(time_ns, judged.amount, course, clock_of(where, time_ns))
    if week is not None:
        _estimate(time_ns, judged, week, known.limits.rate_max)
    u = spread.cumulative(judged.amount, judged.good)
    return Unwrapped(rows, judged, u, known.limits, known.is_known, week, settled, made.multiplier)


@dataclass(frozen=True, slots=True)
class _Known:
    limits: register.Limits
    is_known: bool


@dataclass(frozen=True, slots=True)
class _Made:
    """Exchanges put to their readings: what to go on with (n,), and the ratio of each reading."""

    swap: NDArray[np.float64]
    multiplier: NDArray[np.float64]


def _known_limits(
    rows: Rows, value: NDArray[np.float64], unit: str, meters: tuple[Meter, ...], made: _Made
) -> _Known:
    """Return what the register is judged by: what people told, else what it shows itself."""
    time_ns = rows.time_ns
    ceiling = RATE_CEILING.get(unit, np.inf)
    rhythm_ns = limits.typical_gap(time_ns)
    step = limits.resolution(value)
    told = [meter.power_max for meter in meters if meter.power_max is not None]
    ratios = sorted(set(made.multiplier.tolist())) or [1.0]
    widths = {meter.width * meter.multiplier for meter in meters if meter.width is not None}
    if not widths:
        widths = {width * ratio for width in _widths(unit) for ratio in ratios}
    if told:
        rate_max = jump_max = max(told)
    else:
        rate_max = min(limits.rate_max_learnt(time_ns, value, step, rhythm_ns), ceiling)
        jump_max = min(max(JUMP_TIMES * rate_max, JUMP_FLOOR.get(unit, 0.0)), ceiling)
    return _Known(
        register.Limits(
            gap_ns=int(GAP_RHYTHMS * rhythm_ns),
            rate_max=rate_max,
            dip_readings=DIP_READINGS,
            dip_ns=DIP_NS,
            jump_max=jump_max,
            step=step,
            widths=tuple(sorted(widths)),
        ),
        bool(told),
    )


def _widths(unit: str) -> list[float]:
    counts = [count * scale for count in _COUNTS for scale in _SCALES.get(unit, ())]
    return [*(10.0**digits for digits in _DIGITS.get(unit, ())), *counts]


def _exchanges(rows: Rows, unit: str, meters: tuple[Meter, ...]) -> _Made:
    """Put each exchange to the reading that is the first of the new meter."""
    n = len(rows)
    made = _Made(np.zeros(n), np.ones(n))
    if not meters:
        return made
    made.multiplier[:] = meters[0].multiplier
    known = np.flatnonzero(np.isfinite(rows.value))
    time_ns, value = rows.time_ns[known], rows.value[known]
    rhythm_ns = limits.typical_gap(time_ns)
    rate = limits.rate_max_learnt(time_ns, value, limits.resolution(value), rhythm_ns)
    rate = min(rate, RATE_CEILING.get(unit, np.inf))
    after = 1
    for old, new in pairwise(meters):
        place, gain = _placed(time_ns, value, rate, old, new, after)
        if place is None:
            continue
        at, after = int(known[place]), place + 1
        made.multiplier[at:] = new.multiplier
        made.swap[at] = gain if gain != 0.0 else np.nextafter(0.0, 1.0)
    return made


def _placed(
    time_ns: NDArray[np.int64],
    value: NDArray[np.float64],
    rate: float,
    old: Meter,
    new: Meter,
    after: int,
) -> tuple[int | None, float]:
    """Return the first reading of the new meter, and old end - new start (NaN where unknown).

    The step that the two registers fit into counts, the nearest to the time that was written down;
    else the nearest drop; else the step that holds that time.
    """
    at_ns = new.installed_ns
    end, start = old.last_register, new.first_register
    if len(time_ns) < 2:
        return None, 0.0
    before, now = value[:-1], value[1:]
    away_ns = np.maximum(np.maximum(time_ns[:-1] - at_ns, at_ns - time_ns[1:]), 0)
    open_ = (away_ns <= EXCHANGE_NS) & (np.arange(1, len(value)) >= after)
    if end is not None and start is not None:
        amount = (end - before) + (now - start)
        span_h = np.diff(time_ns) / HOUR_NS
        fits = open_ & (end >= before) & (now >= start) & (amount <= rate * span_h)
        if fits.any():
            # Of those at the same distance the one with the least left to flow.
            best = np.lexsort((np.where(fits, amount, np.inf), np.where(fits, away_ns, 2**62)))[0]
            return int(best) + 1, end * old.multiplier - start * new.multiplier
    drops = open_ & (now < before)
    inside = open_ & (away_ns == 0) & (time_ns[1:] >= at_ns) & (time_ns[:-1] < at_ns)
    if drops.any():
        best = int(np.argmin(np.where(drops, away_ns, 2**62)))
    elif inside.any():
        best = int(np.flatnonzero(inside)[0])
    else:
        return None, 0.0
    both = end is not None and start is not None
    consistent = both and end >= before[best] and now[best] >= start
    gain = end * old.multiplier - start * new.multiplier if consistent else np.nan  # type: ignore[operator]
    return best + 1, float(gain)


def _said(
    time_ns: NDArray[np.int64], facts: RegisterFacts
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Return what was said of each reading's step, the last word about each."""
    said = np.zeros(len(time_ns), np.uint8)
    for answer in sorted(facts.answers, key=lambda one: one.said_ns):
        at = int(np.searchsorted(time_ns, answer.at_ns))
        # A person's clock may cut below a microsecond.
        if at < len(time_ns) and time_ns[at] - answer.at_ns < MICROSECOND_NS:
            said[at] = register.COUNTS if answer.counts else register.COUNTS_NOT
    return said, said > 0


def _estimate(
    time_ns: NDArray[np.int64], judged: register.Judgement, week: profile.Profile, rate_max: float
) -> None:
    """Put what usually flows at that time of the week in place of the kernel's plain estimate."""
    estimated = (register.UNEXPLAINED_DOWN, register.UNEXPLAINED_UP, register.EXCHANGE_UNREAD)
    good = np.flatnonzero(judged.good)
    for place in np.flatnonzero(np.isin(judged.kind[good], estimated)).tolist():
        i, before = good[place], good[place - 1]
        most = rate_max * float(time_ns[i] - time_ns[before]) / HOUR_NS
        usual = float(profile.usual(week, time_ns[[before, i]])[0])
        amount = min(usual, most)
        judged.correction[i] += amount - judged.amount[i]
        judged.amount[i] = amount
        judged.doubt[i] = max(amount, most - amount)


def clock_of(where: tzinfo, time_ns: NDArray[np.int64]) -> profile.Clock:
    """Return the shifts of a zone's clock from the first to the last of these times."""
    if not len(time_ns):
        return profile.Clock(np.zeros(1, np.int64), np.zeros(1, np.int64))
    first_ns, last_ns = int(time_ns[0]), int(time_ns[-1])
    at, shift = [first_ns], [ahead_of_utc(first_ns, where)]
    for year in range(to_datetime(first_ns).year, to_datetime(last_ns).year + 1):
        for at_ns, ahead_ns in _shifts(where, year):
            if first_ns < at_ns <= last_ns:
                at.append(at_ns)
                shift.append(ahead_ns)
    return profile.Clock(np.array(at), np.array(shift))


@lru_cache(4096)
def _shifts(where: tzinfo, year: int) -> tuple[tuple[int, int], ...]:
    """Return when a zone's clock shifts in a year of UTC, and how far it is ahead from then on."""
    day, end = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
    found = []
    while day < end:
        later = day + timedelta(days=1)
        ahead_ns = ahead_of_utc(to_ns(later), where)
        if ahead_ns != ahead_of_utc(to_ns(day), where):
            found.append((to_ns(_changes(day, later, where)), ahead_ns))
        day = later
    return tuple(found)


def _changes(low: datetime, high: datetime, where: tzinfo) -> datetime:
    """Return when the shift changes between two moments at which it differs, to the second."""
    before = ahead_of_utc(to_ns(low), where)
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        same = ahead_of_utc(to_ns(middle), where) == before
        low, high = (middle, high) if same else (low, middle)
    return high.replace(microsecond=0)
