"""European Air Quality Index, and the running means that the limit values want.

The index of an hour is the worst of its pollutants': 1 good, 2 fair, 3 moderate, 4 poor, 5 very
poor, 6 extremely poor; 0 where none is known. Concentrations are hourly means in ug/m3; a band's
end belongs to it, and a concentration is rounded to whole ug/m3 before it is put into a band.

Sources: European Environment Agency, European Air Quality Index, bands as revised in 2024.
Directive (EU) 2024/2881, annex IV (as 2008/50/EC, annexes VII and XI): an 8-hour mean needs 6
hours, a daily mean 18.
"""

import numpy as np

from kernels.groups import check_same
from kernels.jit import (
    BYTES_OUT,
    FLOATS,
    FLOATS2,
    FLOATS_OUT,
    INT,
    NOTHING,
    Bytes,
    Floats,
    floats,
    kernel,
)

POLLUTANTS = ("pm2_5", "pm10", "no2", "o3", "so2")
"""The columns, in their order."""
BANDS = np.array(
    [
        [5.0, 15.0, 50.0, 90.0, 140.0],
        [15.0, 45.0, 120.0, 195.0, 270.0],
        [10.0, 25.0, 60.0, 100.0, 150.0],
        [60.0, 100.0, 120.0, 160.0, 180.0],
        [20.0, 40.0, 125.0, 190.0, 275.0],
    ]
)
"""The upper ends of bands 1 to 5, ug/m3, by pollutant; band 6 has none."""


def index(concentrations: Floats) -> Bytes:
    """Return the index (n,) of hourly means (n, 5), ug/m3, in the order of POLLUTANTS.

    NaN, infinities and what rounds below 0 are not known. Raises ValueError for another width.
    """
    concentrations = floats(concentrations)
    if concentrations.ndim != 2 or concentrations.shape[1] != len(POLLUTANTS):
        raise ValueError(
            f"concentrations: expected (n, {len(POLLUTANTS)}), found {concentrations.shape}"
        )
    found = np.zeros(len(concentrations), np.uint8)
    _index(concentrations, BANDS, found)
    return found


def running_mean(hourly: Floats, hours: int, least: int) -> Floats:
    """Return the mean (n,) of each hour and the hours - 1 before it.

    hourly (n,)  means of neighbouring hours, NaN where one is missing
    least        hours that must be known; NaN otherwise, and before the first `hours` hours
    Errors       ValueError unless 1 <= least <= hours.
    """
    hourly = floats(hourly)
    check_same(hourly=hourly.size, rows=len(hourly))
    if not 1 <= least <= hours:
        raise ValueError(f"least: expected 1 to {hours}, found {least}")
    found = np.full(len(hourly), np.nan)
    _running(hourly, int(hours), int(least), found)
    return found


@kernel(NOTHING(FLOATS2, FLOATS2, BYTES_OUT))
def _index(concentrations: Floats, bands: Floats, out: Bytes) -> None:
    for i in range(len(concentrations)):
        for p in range(len(bands)):
            c = np.floor(concentrations[i, p] + 0.5)
            if not np.isfinite(c) or c < 0.0:
                continue
            band = 1
            while band <= bands.shape[1] and c > bands[p, band - 1]:
                band += 1
            out[i] = max(out[i], band)


@kernel(NOTHING(FLOATS, INT, INT, FLOATS_OUT))
def _running(hourly: Floats, hours: int, least: int, out: Floats) -> None:
    """Each mean is added up anew, so that none carries the rounding of those before."""
    for i in range(hours - 1, len(hourly)):
        total = 0.0
        known = 0
        for k in range(i - hours + 1, i + 1):
            if np.isfinite(hourly[k]):
                total += hourly[k]
                known += 1
        if known >= least:
            out[i] = total / known
