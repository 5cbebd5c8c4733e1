"""Windows with statistics beside them: the shapes, and how they are filled."""

from collections.abc import Iterable
from typing import Annotated

import numpy as np
from fastapi import Query
from pydantic import BaseModel, Field

from analytics.statistics import PERCENTS, hold_of, statistics
from api.house import House
from api.shapes import WindowOut, example

WithStatistics = Annotated[
    bool,
    Query(
        description="also the sum, the variance, the mean over time and percentiles of each window",
        examples=[True],
    ),
]


class PercentilesOut(BaseModel):
    """So many percent of the readings are not above this; within 1 % of a reading of the window."""

    model_config = example(p05=21.4, p25=21.4, p50=21.5, p75=21.6, p95=21.6, p99=21.6)
    p05: float = Field(description="5 % of the readings", examples=[21.4])
    p25: float = Field(description="25 %, the lower quartile", examples=[21.4])
    p50: float = Field(description="50 %, the median", examples=[21.5])
    p75: float = Field(description="75 %, the upper quartile", examples=[21.6])
    p95: float = Field(description="95 % of the readings", examples=[21.6])
    p99: float = Field(description="99 % of the readings", examples=[21.6])


_WINDOW = WindowOut.model_json_schema()["examples"][0]
_PERCENTILES = PercentilesOut.model_json_schema()["examples"][0]


class WindowStatisticsOut(WindowOut):
    """A window, with statistics if they are asked for; else they are left out.

    null where nothing is known: of one reading there is no variance, of readings that were dropped
    (`keep_readings`) there is nothing.
    """

    model_config = example(
        **_WINDOW,
        sum=64.5,
        variance=0.01,
        time_weighted_mean=21.52,
        covered=0.8,
        percentiles=_PERCENTILES,
    )
    sum: float | None = Field(
        default=None, description="of the readings, in their unit", examples=[64.5]
    )
    variance: float | None = Field(
        default=None, description="of the sample, in the unit's square", examples=[0.01]
    )
    time_weighted_mean: float | None = Field(
        default=None,
        description="each value by the time for which it held: until the next reading, for 2.5"
        " times the series' typical interval at most; the last one before the window holds on",
        examples=[21.52],
    )
    covered: float | None = Field(
        default=None,
        description="share of the window in which a value held, 0 to 1; nothing holds into the"
        " future",
        examples=[0.8],
    )
    percentiles: PercentilesOut | None = Field(
        default=None,
        description="by nearest rank, each within 1 % of the reading of that rank",
        examples=[_PERCENTILES],
    )


def tell_statistics(
    rooms: House,
    items: list[WindowStatisticsOut],
    places: Iterable[tuple[int, int, int]],
    end_ns: int,
) -> None:
    """Put the statistics of windows into them.

    places  (number of the series, start_ns, end_ns) of each item; of one series by start
    end_ns  the end of the question, which says whose rhythm counts on every page of it
    """
    columns = np.array(list(places), np.int64).reshape(-1, 3)
    for number in np.unique(columns[:, 0]).tolist():
        own = np.flatnonzero(columns[:, 0] == number)
        hold = hold_of(rooms.store, number, end_ns, rooms.now_ns())
        found = statistics(rooms.store, number, columns[own, 1], columns[own, 2], hold)
        for row, at in enumerate(own.tolist()):
            item = items[at]
            item.sum = _known(found.sum[row])
            item.variance = _known(found.variance[row])
            item.time_weighted_mean = _known(found.time_weighted_mean[row])
            item.covered = _known(found.covered[row])
            item.percentiles = _percentiles(found.percentiles[row].tolist())


def _percentiles(told: list[float]) -> PercentilesOut | None:
    if not np.isfinite(told).all():
        return None
    return PercentilesOut(**{f"p{p:02}": value for p, value in zip(PERCENTS, told, strict=True)})


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
