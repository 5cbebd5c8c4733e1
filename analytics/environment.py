"""What readings of air, noise and temperature mean: indices and figures as the rules want them."""

from collections.abc import Iterator
from datetime import tzinfo
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from analytics.calendar import By, edges
from analytics.grouping import valid
from analytics.register import GAP_RHYTHMS, clock_of
from analytics.windows import WIDTHS_NS, read_windows
from ingest.derived import HOUR_NS
from ingest.reading import Rows
from ingest.store import SeriesSpan, Source
from kernels import air_quality, climate, limits, noise, windows

COVERED_MIN = 0.75
"""Less of a day than this makes no daily mean (Directive (EU) 2024/2881, annex IV)."""
LEVELS = ("unknown", "good", "fair", "moderate", "poor", "very poor", "extremely poor")


class Figures(StrEnum):
    """What can be asked of a device."""

    AIR_QUALITY = "air_quality"
    NOISE = "noise"
    DEGREE_DAYS = "degree_days"
    COMFORT = "comfort"


class Figure(NamedTuple):
    """One figure of [start_ns, end_ns); value None: too little is known."""

    kind: str
    start_ns: int
    end_ns: int
    value: float | None
    unit: str
    coverage: float
    word: str | None = None


class DegreeDays(NamedTuple):
    """Degree days of days, K d, each (k,); NaN where less than COVERED_MIN of the day is known.

    heating  20/15 · cooling  24 · share  of the day's hours in which something was read
    """

    heating: NDArray[np.float64]
    cooling: NDArray[np.float64]
    share: NDArray[np.float64]


def figures(
    source: Source, device: str, what: Figures, start_ns: int, end_ns: int, where: tzinfo
) -> list[Figure]:
    """Return the figures of a device in a span, by time.

    air_quality  the European index of each hour, and the running means that limit values want
    noise        Lden and Lnight of each local day · degree_days  of each local day
    comfort      dew point and heat index of each hour
    A quantity with several channels is taken from the first by name.
    Raises ValueError for an empty span, or one of too many periods.
    """
    by = By.DAY if what in (Figures.NOISE, Figures.DEGREE_DAYS) else By.HOUR
    edges_ns = edges(start_ns, end_ns, by, where)
    ask = {
        Figures.AIR_QUALITY: _air_quality,
        Figures.NOISE: _noise,
        Figures.DEGREE_DAYS: _degree_days,
        Figures.COMFORT: _comfort,
    }
    return sorted(ask[what](source, device, edges_ns, where), key=lambda one: one[1:3])


def series_of(
    source: Source, device: str, quantity: str, channel: str | None = None
) -> SeriesSpan | None:
    """Return a device's series of a quantity, of several channels the first by name; None: none."""
    own = [
        span
        for span in source.series(device)
        if span.series.quantity == quantity and channel in (None, span.series.channel)
    ]
    return min(own, key=lambda span: (span.series.channel, span.number), default=None)


def degree_days(source: Source, number: int, edges_ns: NDArray[np.int64]) -> DegreeDays:
    """Return the degree days of a series of temperatures between the edges of days (k+1,).

    The mean of a day is that of its quarter-hours by their counts, so that days whose readings were
    dropped are still known. Source: kernels/climate.py.
    """
    quarters = read_windows(source, number, WIDTHS_NS[1], int(edges_ns[0]), int(edges_ns[-1]))
    of, days = _places(quarters.start_ns, edges_ns), len(edges_ns) - 1
    count = np.bincount(of, quarters.count, days)
    total = np.bincount(of, quarters.count * quarters.mean, days)
    share = _shares(quarters.start_ns, edges_ns)
    known = (share >= COVERED_MIN) & (count > 0)
    daily = np.full(days, np.nan)
    daily[known] = total[known] / count[known]
    heating, cooling = climate.heating_degree_days(daily), climate.cooling_degree_days(daily)
    return DegreeDays(heating, cooling, share)


def _rows(source: Source, device: str, quantity: str, start_ns: int, end_ns: int) -> Rows | None:
    """Return the readings of a quantity, None where the device has none of it."""
    span = series_of(source, device, quantity)
    return None if span is None else valid(source.scan([span.number], start_ns, end_ns))


def _means(
    source: Source, device: str, quantity: str, edges_ns: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Return the mean of each period, and the share of its hours in which something was read."""
    rows = _rows(source, device, quantity, int(edges_ns[0]), int(edges_ns[-1]))
    if rows is None:
        return None
    made = windows.windows_at(rows.time_ns, rows.value, edges_ns)
    return made.mean, _shares(rows.time_ns, edges_ns)


def _shares(time_ns: NDArray[np.int64], edges_ns: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the share of each period's hours in which one of the times lies."""
    of = _places(time_ns, edges_ns)
    # Hours of the local day: in zones of odd offsets those of UTC lie in two days.
    hour = np.maximum(time_ns - edges_ns[of], 0) // HOUR_NS
    heard = np.unique(np.stack([of, hour]), axis=1)[0]
    hours = np.bincount(heard, minlength=len(edges_ns) - 1)
    found: NDArray[np.float64] = np.minimum(hours * HOUR_NS / np.diff(edges_ns), 1.0)
    return found


def _places(time_ns: NDArray[np.int64], edges_ns: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the period of each time; one that began before the first counts to the first."""
    found: NDArray[np.int64] = (
        np.searchsorted(edges_ns[:-1], np.maximum(time_ns, edges_ns[0]), side="right") - 1
    )
    return found


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _air_quality(
    source: Source, device: str, edges_ns: NDArray[np.int64], where: tzinfo
) -> Iterator[Figure]:
    count = len(edges_ns) - 1
    columns = np.full((count, len(air_quality.POLLUTANTS)), np.nan)
    for column, pollutant in enumerate(air_quality.POLLUTANTS):
        found = _means(source, device, pollutant, edges_ns)
        if found is not None:
            columns[:, column] = found[0]
    if np.isnan(columns).all():
        return
    index = air_quality.index(columns)
    known = np.isfinite(columns).mean(axis=1)
    ozone = air_quality.running_mean(np.ascontiguousarray(columns[:, 3]), 8, 6)
    dust = air_quality.running_mean(np.ascontiguousarray(columns[:, 1]), 24, 18)
    for k in range(count):
        span = int(edges_ns[k]), int(edges_ns[k + 1])
        level = int(index[k])
        value = float(level) if level else None
        yield Figure("european_air_quality_index", *span, value, "1", known[k], LEVELS[level])
        if np.isfinite(ozone[k]):
            yield Figure("o3_mean_8h", *span, float(ozone[k]), "ug/m3", known[k])
        if np.isfinite(dust[k]):
            yield Figure("pm10_mean_24h", *span, float(dust[k]), "ug/m3", known[k])


def _noise(
    source: Source, device: str, edges_ns: NDArray[np.int64], where: tzinfo
) -> Iterator[Figure]:
    lead_ns = HOUR_NS
    rows = _rows(source, device, "noise_laeq", int(edges_ns[0]) - lead_ns, int(edges_ns[-1]))
    if rows is None:
        return
    gap_ns = int(GAP_RHYTHMS * limits.typical_gap(rows.time_ns))
    clock = clock_of(where, rows.time_ns)
    found = noise.levels(rows.time_ns, rows.value, gap_ns, edges_ns, clock)
    length_ns = np.diff(edges_ns)
    for k in range(len(edges_ns) - 1):
        span = int(edges_ns[k]), int(edges_ns[k + 1])
        share = float(found.covered_ns[k].sum() / length_ns[k])
        night = float(found.covered_ns[k, noise.NIGHT] / (noise.HOURS[noise.NIGHT] * HOUR_NS))
        yield Figure("lden", *span, _known(found.lden[k]), "dB", min(share, 1.0))
        level = _known(found.level[k, noise.NIGHT])
        yield Figure("lnight", *span, level, "dB", min(night, 1.0))


def _degree_days(
    source: Source, device: str, edges_ns: NDArray[np.int64], where: tzinfo
) -> Iterator[Figure]:
    span = series_of(source, device, "temperature")
    if span is None:
        return
    found = degree_days(source, span.number, edges_ns)
    for k in range(len(edges_ns) - 1):
        day, share = (int(edges_ns[k]), int(edges_ns[k + 1])), float(found.share[k])
        yield Figure("heating_degree_days_20_15", *day, _known(found.heating[k]), "K.d", share)
        yield Figure("cooling_degree_days_24", *day, _known(found.cooling[k]), "K.d", share)


def _comfort(
    source: Source, device: str, edges_ns: NDArray[np.int64], where: tzinfo
) -> Iterator[Figure]:
    temperature = _means(source, device, "temperature", edges_ns)
    humidity = _means(source, device, "humidity", edges_ns)
    if temperature is None or humidity is None:
        return
    share = np.minimum(temperature[1], humidity[1])
    for name, values in (
        ("dew_point", climate.dew_point(temperature[0], humidity[0])),
        ("heat_index", climate.heat_index(temperature[0], humidity[0])),
    ):
        for k in range(len(edges_ns) - 1):
            span = int(edges_ns[k]), int(edges_ns[k + 1])
            yield Figure(name, *span, _known(values[k]), "Cel", float(share[k]))
