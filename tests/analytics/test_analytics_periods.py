"""Months and years of a zone, out of quarter-hours, are those of all readings at once."""

from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from derived_rows import BERLIN, HOUR, append, memory_store, sensor

from analytics.calendar import By, to_ns
from analytics.periods import read_periods
from kernels import windows as kernel


def at(where, *day):
    """Return a local midnight."""
    return to_ns(datetime(*day, tzinfo=where))


@pytest.mark.parametrize(
    "where", [BERLIN, ZoneInfo("Asia/Kathmandu"), ZoneInfo("America/Sao_Paulo")]
)
@pytest.mark.parametrize("by", [By.MONTH, By.YEAR])
def test_months_and_years_are_those_of_all_readings(where, by):
    start_ns = at(where, 2024, 11, 1)
    time_ns = start_ns + np.arange(0, 600 * 24) * HOUR + 7
    time_ns = time_ns[(time_ns < at(where, 2025, 6, 1)) | (time_ns >= at(where, 2025, 8, 1))]
    value = np.random.default_rng(3).normal(20, 5, len(time_ns))
    with memory_store() as store:
        append(store, [(sensor(), int(t), v) for t, v in zip(time_ns, value, strict=True)])
        found, ends_ns = read_periods(store, 0, by, start_ns, 2**63 - 1, where)
    if by is By.MONTH:
        first = [(2024 + (10 + m) // 12, (10 + m) % 12 + 1) for m in range(21)]
        edges_ns = np.array([at(where, *month, 1) for month in first])
    else:
        edges_ns = np.array([at(where, year, 1, 1) for year in (2024, 2025, 2026, 2027)])
    expected = kernel.windows_at(time_ns, value, edges_ns)
    full = expected.count > 0
    assert found.start_ns.tolist() == expected.start_ns[full].tolist()
    assert ends_ns.tolist() == edges_ns[1:][full].tolist()
    assert found.width_ns.tolist() == (ends_ns - found.start_ns).tolist()
    for name in ("count", "min", "max", "last"):
        assert getattr(found, name).tolist() == getattr(expected, name)[full].tolist()
    np.testing.assert_allclose(found.mean, expected.mean[full], rtol=1e-12)


def test_the_months_that_a_span_touches_come_whole():
    """The last hour of the longest month, and its first."""
    with memory_store() as store:
        begins = at(BERLIN, 2025, 10, 1)
        ends = at(BERLIN, 2025, 11, 1)
        append(store, [(sensor(), t, 1.0) for t in range(begins - HOUR, ends + 2 * HOUR, HOUR)])
        for start_ns in (begins, ends - 1):
            found, ends_ns = read_periods(store, 0, By.MONTH, start_ns, start_ns + 1, BERLIN)
            assert (found.start_ns.tolist(), ends_ns.tolist()) == ([begins], [ends])
            assert found.count.tolist() == [31 * 24 + 1]
        found, _ = read_periods(store, 0, By.MONTH, ends - 1, ends + 1, BERLIN)
        assert found.count.tolist() == [31 * 24 + 1, 2]
        found, ends_ns = read_periods(store, 0, By.YEAR, at(BERLIN, 2020, 5, 5), begins, BERLIN)
        assert (len(found), len(ends_ns)) == (1, 1)
        found, ends_ns = read_periods(store, 0, By.MONTH, begins - 10**17, begins - 10**16, BERLIN)
        assert (len(found), len(ends_ns)) == (0, 0)
