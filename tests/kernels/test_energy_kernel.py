"""Energy from power equals its exact twin, whatever the edges."""

import math

import naive_register as naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_rows import NS, grouped, timed

from kernels.energy import energy_between

POWER = st.floats(-1e6, 1e6) | st.sampled_from([0.0, float("nan"), float("inf")])
HOUR = 3600 * NS
SHARES = st.lists(st.floats(-0.2, 1.2), min_size=2, max_size=8)


def edges_of(rows, shares):
    """Return rising edges in and around the rows, some of them on readings."""
    times = [t for t, _ in rows] or [0]
    span = times[-1] - times[0] + NS
    free = [times[0] + round(share * span) for share in shares]
    return np.unique(np.array(free + times[:: len(times) // 3 + 1], np.int64))


@given(timed(POWER), st.integers(0, 4 * NS), SHARES)
def test_equals_the_exact_sum(rows, gap_ns_max, shares):
    """Right to the last bits of what was added up, and covered to the ns."""
    edges = edges_of(rows, shares)
    found = energy_between(*grouped({0: rows})[2:], gap_ns_max, edges)
    twin = naive.energies(rows, gap_ns_max, edges.tolist())
    assert found.covered_ns.tolist() == [covered for *_, covered in twin]
    for k, (imported, exported, covered) in enumerate(twin):
        size_wh = 1e6 * covered / HOUR
        near = {"rel": 1e-9, "abs": 1e-13 * size_wh}
        assert found.import_wh[k] == pytest.approx(float(imported), **near)
        assert found.export_wh[k] == pytest.approx(float(exported), **near)


@given(timed(POWER, min_size=1), SHARES)
def test_additive_at_any_cut(rows, shares):
    """Edges neither create nor lose energy or covered time."""
    edges = edges_of(rows, shares)
    columns = grouped({0: rows})[2:]
    parts, whole = (energy_between(*columns, NS, e) for e in (edges, edges[[0, -1]][: len(edges)]))
    if len(edges) < 2:
        return
    assert parts.covered_ns.sum() == whole.covered_ns[0]
    size_wh = 1e6 * whole.covered_ns[0] / HOUR
    for name in ("import_wh", "export_wh"):
        total = getattr(parts, name).sum()
        assert total == pytest.approx(getattr(whole, name)[0], rel=1e-9, abs=1e-13 * size_wh)


def test_what_a_plain_sum_would_lose():
    """1 Wh stays, though 1e17 Wh came after it."""
    power = [1.0, 1.0, math.nan, 1e17, 1e17, math.nan, -1e17, -1e17]
    found = energy_between(np.arange(8) * HOUR, np.array(power), HOUR, np.array([0, 8 * HOUR]))
    assert (found.import_wh[0], found.export_wh[0]) == (1e17 + 1.0, 1e17)
    assert found.covered_ns[0] == 3 * HOUR


@pytest.mark.parametrize(
    ("times", "power", "gap", "energy"),
    [
        ([], [], 1, (0, 0, 0)),
        ([7], [5.0], 1, (0, 0, 0)),
        ([0, HOUR], [1000.0, 1000.0], HOUR, (1000, 0, HOUR)),
        ([0, HOUR], [0.0, 1000.0], HOUR, (500, 0, HOUR)),
        ([0, HOUR], [-1000.0, 1000.0], HOUR, (250, 250, HOUR)),
        ([0, HOUR], [1.0, 1.0], HOUR - 1, (0, 0, 0)),
        ([-HOUR, HOUR], [1000.0, 3000.0], 2 * HOUR, (2500, 0, HOUR)),
    ],
)
def test_known_energies(times, power, gap, energy):
    """None, one reading, an hour of 1 kW, a ramp, both ways, a gap, across the edge."""
    found = energy_between(np.array(times), np.array(power), gap, np.array([0, HOUR]))
    assert tuple(float(column[0]) for column in found) == energy


def test_wrong_arguments_are_named():
    """Unequal columns and edges that do not rise."""
    with pytest.raises(ValueError, match="time_ns 1, power_w 2"):
        energy_between(np.zeros(1), np.zeros(2), 1, np.zeros(1))
    with pytest.raises(ValueError, match="strictly rising"):
        energy_between(np.zeros(1), np.zeros(1), 1, np.array([1, 1]))
