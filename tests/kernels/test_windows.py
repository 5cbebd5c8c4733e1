"""Windows equal their twin, whatever the batches, before 1970 too."""

import math

import naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_rows import CUTS, NS, batches, events, grouped, timed

from kernels import windows

VALUES = st.floats(-1e9, 1e9) | st.sampled_from([0.0, 0.1, math.nan, math.inf, -math.inf])
SERIES = st.fixed_dictionaries({2: timed(VALUES), 0: timed(VALUES), 3: timed(VALUES)})
WIDTHS = st.sampled_from([1, NS, 7 * NS])


@given(SERIES, CUTS, WIDTHS)
def test_any_batches_give_the_bits_of_one(series, cuts, width_ns):
    """Closed and open windows together are those of one batch, and of the twin."""
    state = windows.State.empty(4)
    found = []
    for batch in batches(series, cuts):
        found += events(windows.fold(state, *grouped(batch), width_ns))
    found += events(windows.close(state, np.arange(4)))

    slot, offsets, time_ns, value = grouped(series)
    whole = windows.windows(offsets, time_ns, value, width_ns)
    assert sorted(found) == sorted((int(slot[k]), *rest) for k, *rest in events(whole))
    for k, s in enumerate(series):
        assert events(whole, k) == naive.windows(series[s], width_ns)


@given(timed(st.floats(-1e6, 1e6), min_size=1))
def test_mean_is_the_exact_mean(rows):
    """The compensated mean is right to the last bits, and between min and max."""
    _, offsets, time_ns, value = grouped({0: rows})
    found = windows.windows(offsets, time_ns, value, 2**62)
    for start, count, low, high, mean, last in events(found, 0):
        inside = [v for t, v in rows if start <= t < start + 2**62]
        assert mean == pytest.approx(math.fsum(inside) / count, rel=1e-15, abs=1e-15 * 1e6)
        assert low <= mean <= high
        assert last == inside[-1]


@given(timed(VALUES), st.lists(st.integers(-(2 * 10**9), 3 * 10**11), unique=True, max_size=8))
def test_windows_at_edges(rows, steps):
    """Calendar windows equal their twin; those without a row say so."""
    first = rows[0][0] if rows else 0
    on_rows = [t for t, _ in rows[::3]]  # an edge that a row stands on is the one where it begins
    edges = sorted({*on_rows, *(first + step for step in steps)})
    found = windows.windows_at(*grouped({0: rows})[2:], np.array(edges, np.int64))
    expected = naive.windows_at(rows, edges)
    columns = [getattr(found, name) for name in ("start_ns", "count", "min", "max", "mean", "last")]
    assert len(found) == len(expected)
    for i, column in enumerate(columns):
        np.testing.assert_array_equal(column, [row[i] for row in expected])


def test_rows_outside_the_edges_are_not_counted():
    """A row on an edge begins a window; those before the first and from the last on are out."""
    found = windows.windows_at(np.arange(6), np.arange(6.0), np.array([2, 3, 5]))
    assert found.start_ns.tolist() == [2, 3]
    assert found.count.tolist() == [1, 2]
    assert found.last.tolist() == [2, 4]


def test_close_keeps_and_reset_forgets():
    """What is open can be read again and again, and is gone after a reset."""
    state = windows.State.empty(1)
    windows.fold(state, *grouped({0: [(-5, 1.0), (-4, 3.0)]}), 10)
    seen = events(windows.close(state, np.array([0])))
    assert seen == [(0, -10, 2, 1.0, 3.0, 2.0, 3.0)]
    assert events(windows.close(state, np.array([0]))) == seen
    state = state.grown(3)
    assert events(windows.close(state, np.arange(3))) == seen
    state.reset(np.array([0]))
    assert len(windows.close(state, np.arange(3))) == 0


def test_sums_beyond_float64_stay_in_range():
    """A sum that overflows gives a mean between min and max, not NaN."""
    with np.errstate(over="ignore", invalid="ignore"):  # what plain Python says of it
        found = windows.windows(np.array([0, 3]), np.arange(3), np.full(3, 1.7e308), 10)
    assert found.mean.tolist() == [1.7e308]


def test_no_rows():
    """Nothing in, nothing out."""
    nothing = np.array([])
    assert len(windows.windows(np.array([0]), nothing, nothing, 10)) == 0
    assert len(windows.windows_at(nothing, nothing, nothing)) == 0
    assert windows.windows_at(nothing, nothing, np.array([0, 5])).count.tolist() == [0]


def test_rows_that_may_not_be_written_to():
    """Columns of Polars and Arrow are read-only."""
    time_ns, value = np.arange(4), np.ones(4)
    time_ns.flags.writeable = value.flags.writeable = False
    assert windows.windows(np.array([0, 4]), time_ns, value, 2).count.tolist() == [2, 2]


@pytest.mark.parametrize(
    ("slot", "offsets", "time_ns", "value", "width_ns", "wrong"),
    [
        ([0], [0, 1], [1], [1.0], 0, "width_ns"),
        ([0], [0, 1], [1, 2], [1.0], 5, "equal lengths"),
        ([0], [0, 2], [1], [1.0], 5, "offsets"),
        ([0], [1, 0], [1], [1.0], 5, "offsets"),
        ([0], [], [1], [1.0], 5, "offsets"),
        ([0, 1], [0, 1], [1], [1.0], 5, "slot"),
        ([[0]], [0, 1], [1], [1.0], 5, "slot"),
        ([2], [0, 1], [1], [1.0], 5, "grow the state"),
        ([-1], [0, 1], [1], [1.0], 5, "grow the state"),
    ],
)
def test_wrong_arguments_are_named(slot, offsets, time_ns, value, width_ns, wrong):
    """An error says what was expected and what was found."""
    state = windows.State.empty(2)
    with pytest.raises(ValueError, match=wrong):
        windows.fold(state, *map(np.array, (slot, offsets, time_ns, value)), width_ns)


def test_more_wrong_arguments():
    """The other checks of the wrappers."""
    state = windows.State.empty(2)
    with pytest.raises(ValueError, match="at least 2"):
        state.grown(1)
    with pytest.raises(ValueError, match="one dimension"):
        windows.close(state, np.array([[0]]))
    with pytest.raises(ValueError, match="strictly rising"):
        windows.windows_at(np.array([1]), np.array([1.0]), np.array([5, 5]))
    with pytest.raises(ValueError, match="time_ns 1, value 2"):
        windows.windows_at(np.array([1]), np.array([1.0, 2.0]), np.array([5, 6]))


def test_readings_that_are_centuries_apart_share_no_window():
    """Their distance does not fit into int64."""
    time_ns = np.array([-8_500_000_000, -8_500_000_000 + 1, 1_772_362_800]) * 10**9
    found = windows.windows(np.array([0, 3]), time_ns, np.arange(3.0), 900 * 10**9)
    assert found.count.tolist() == [2, 1]
    state = windows.State.empty(1)
    closed = [
        len(
            windows.fold(state, np.array([0]), np.array([0, 1]), time_ns[k : k + 1], np.ones(1), 10)
        )
        for k in range(3)
    ]
    assert closed == [0, 1, 1]
