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
from ingest.derived import HOUR_NS
from ingest.reading import Rows
from ingest.store import Source
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


def _rows(source: Source, device: str, quantity: str, start_ns: int, end_ns: int) -> Rows | None:
    """Return the readings of a quantity, None where the device has none of it."""
    numbers = [
        (span.series.channel, span.number)
        for span in source.series(device)
        if span.series.quantity == quantity
    ]
    if not numbers:
        return None
    return valid(source.scan([min(numbers)[1]], start_ns, end_ns))


def _means(
    source: Source, device: str, quantity: str, edges_ns: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Return the mean of each period, and the share of its hours in which something was read."""
    rows = _rows(source, device, quantity, int(edges_ns[0]), int(edges_ns[-1]))
    if rows is None:
        return None
    made = windows.windows_at(rows.time_ns, rows.value, edges_ns)
    heard = np.unique(rows.time_ns // HOUR_NS * HOUR_NS)
    of = np.searchsorted(edges_ns, np.maximum(heard, edges_ns[0]), side="right") - 1
    hours = np.bincount(of[(of >= 0) & (of < len(made))], minlength=len(made))
    share = np.minimum(hours * HOUR_NS / np.diff(edges_ns), 1.0)
    return made.mean, share


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
    found = _means(source, device, "temperature", edges_ns)
    if found is None:
        return
    mean, share = found
    daily = np.where(share >= COVERED_MIN, mean, np.nan)
    heating, cooling = climate.heating_degree_days(daily), climate.cooling_degree_days(daily)
    for k in range(len(edges_ns) - 1):
        span = int(edges_ns[k]), int(edges_ns[k + 1])
        yield Figure("heating_degree_days_20_15", *span, _known(heating[k]), "K.d", float(share[k]))
        yield Figure("cooling_degree_days_24", *span, _known(cooling[k]), "K.d", float(share[k]))


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
