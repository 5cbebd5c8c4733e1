"""A week's profile by the local clock, and what it makes of a gap."""

import naive_register as naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_rows import NS

from kernels import profile

HOUR = 3600 * NS
CLOCK = profile.Clock(np.array([0, 400 * HOUR]), np.array([HOUR, 2 * HOUR]))


def shift_ns(t):
    """Return how far the clock is ahead."""
    return HOUR if t < 400 * HOUR else 2 * HOUR


@settings(deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 9))
def test_equals_its_twin(seed, hours):
    """The mean flow of each local hour of the week, over what is known."""
    draw = np.random.default_rng(seed)
    time_ns = np.cumsum(draw.integers(1, hours * HOUR, 1500))
    amount, known = draw.exponential(1.0, 1500), draw.random(1500) < 0.8
    rows = list(zip(time_ns.tolist(), amount.tolist(), known.tolist(), strict=True))
    found = profile.learn(time_ns, amount, known, CLOCK)
    twin = naive.week(rows, shift_ns)
    days = [[twin[h + 24 * d] for d in range(7)] for h in range(24)]
    by_day = [(sum(f for f, _ in day), sum(s for _, s in day)) for day in days]
    if any(s < 2 * HOUR and by_day[h % 24][1] < 3 * HOUR for h, (_, s) in enumerate(twin)):
        assert found is None
        return
    expected = [
        float(f / s) if s >= 2 * HOUR else float(by_day[h % 24][0] / by_day[h % 24][1])
        for h, (f, s) in enumerate(twin)
    ]
    np.testing.assert_allclose(found.rate, expected, rtol=1e-9)


@given(st.lists(st.integers(0, 800 * HOUR), min_size=2, max_size=9, unique=True).map(sorted))
def test_what_usually_flows_adds_up(edges):
    """At any cut, over the change of the clock too."""
    week = profile.Profile(np.arange(168.0) / HOUR, CLOCK)
    parts = profile.usual(week, np.array(edges))
    (whole,) = profile.usual(week, np.array([edges[0], edges[-1]]))
    assert parts.sum() == pytest.approx(whole, rel=1e-12, abs=1e-9)


def test_the_same_local_hour_before_and_after_the_clock_changes():
    """Hour 9 of a day is hour 9, in winter and in summer."""
    rate = np.zeros(168)
    rate[9::24] = 1 / HOUR
    week = profile.Profile(rate, CLOCK)
    assert profile.usual(week, np.array([8 * HOUR, 9 * HOUR])).tolist() == [1.0]  # 09:00 local
    day = 20 * 24 * HOUR  # after the change
    assert profile.usual(week, day + np.array([7 * HOUR, 8 * HOUR])).tolist() == [1.0]


def test_too_little_seen_or_nothing_flows():
    """Two days do not make a week; neither does a register that stands."""
    time_ns = np.arange(48) * HOUR
    assert profile.learn(time_ns, np.ones(48), np.ones(48, bool), CLOCK) is None
    month = np.arange(24 * 40) * HOUR
    assert profile.learn(month, np.zeros(960), np.ones(960, bool), CLOCK) is None
    assert profile.learn(month, np.ones(960), np.ones(960, bool), CLOCK) is not None
    nothing = np.array([])
    assert profile.learn(nothing, nothing, nothing, CLOCK) is None
    with pytest.raises(ValueError, match="time_ns 1, amount 2"):
        profile.learn(np.zeros(1), np.zeros(2), np.zeros(1), CLOCK)
