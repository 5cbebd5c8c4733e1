"""Windows of local months and years, out of the quarter-hours that are kept."""

from datetime import tzinfo

import numpy as np
from numpy.typing import NDArray

from analytics.calendar import By, edges
from analytics.windows import WIDTHS_NS, read_windows
from ingest.derived import HOUR_NS, Windows
from ingest.store import Source

_LEAD_NS = {By.MONTH: 33 * 24 * HOUR_NS, By.YEAR: 368 * 24 * HOUR_NS}
"""Longer than any: October has an hour more than 31 days."""
_LATEST_NS = 2**63 - 1


def read_periods(
    source: Source, series: int, by: By, start_ns: int, end_ns: int, where: tzinfo
) -> tuple[Windows, NDArray[np.int64]]:
    """Return the windows of the months or years that touch [start_ns, end_ns), and their ends (k,).

    Those without a reading are left out. Exact as of now; the mean is that of the quarter-hours by
    their counts, right but for rounding. `width_ns` is the length of each.
    """
    lead_ns = _LEAD_NS[by]
    upto_ns = min(end_ns + lead_ns, _LATEST_NS)
    edges_ns = edges(max(start_ns - lead_ns, -_LATEST_NS), upto_ns, by, where)[1:-1]
    first = max(int(np.searchsorted(edges_ns, start_ns, side="right")) - 1, 0)
    last = int(np.searchsorted(edges_ns, end_ns, side="left"))
    edges_ns = edges_ns[first : last + 1]
    quarters = read_windows(source, series, WIDTHS_NS[1], int(edges_ns[0]), int(edges_ns[-1]))
    # A quarter that began before the first edge is of the month before, in zones of odd offsets.
    quarters = quarters.take(quarters.start_ns >= edges_ns[0])
    if not len(quarters):
        return Windows.none(), np.empty(0, np.int64)
    of = np.searchsorted(edges_ns, quarters.start_ns, side="right") - 1
    begins = np.flatnonzero(np.diff(of, prepend=-1))
    ends = np.append(begins[1:], len(of)) - 1
    filled = of[begins]
    count = np.add.reduceat(quarters.count, begins)
    low = np.minimum.reduceat(quarters.min, begins)
    high = np.maximum.reduceat(quarters.max, begins)
    share = quarters.count / np.repeat(count, ends - begins + 1)
    mean = np.add.reduceat(quarters.mean * share, begins)
    found = Windows(
        series=quarters.series[begins],
        width_ns=edges_ns[filled + 1] - edges_ns[filled],
        start_ns=edges_ns[filled],
        count=count,
        min=low,
        max=high,
        mean=np.clip(mean, low, high),
        last=quarters.last[ends],
    )
    return found, edges_ns[filled + 1]
