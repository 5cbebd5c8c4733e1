"""Level shifts and noise bursts equal their twin, and are what people would call so."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_rows import CUTS, NS, batches, events, grouped

from kernels import changes
from kernels.changes import BURST, SHIFT

HOUR = 3600 * NS
QUARTER = HOUR // 4
DAY = 24 * HOUR
ALL = np.arange(3)


class Twin:
    """One series, by the definition."""

    def __init__(self):
        self.seen, self.found = [], []
        self.step, self.shift, self.shifts, self.held = 0.0, None, 0, None
        self.last = (0.0, 0.0)
        self.sizes, self.noise, self.burst, self.counted = [], 0.0, None, 0
        self.blocks = [0.0, 0.0]

    def usual(self, old, new, span):
        """Return the largest that is usual."""
        return max(old + min(1.0, span / (14 * DAY)) * (new - old), new)

    def take(self, t, v):
        """Follow one reading."""
        self.seen.append((t, v))
        if len(self.seen) == 1:
            return
        t0, v0 = self.seen[-2]
        size = abs(v - v0)
        young = t - self.seen[0][0] < 36 * HOUR or len(self.seen) <= 64
        if self.held:
            self.hold(v)
        elif not young and self.step > 0 and size > 3 * self.step:
            self.held = [t, v0, v - v0, 1]
        else:
            self.step = self.usual(self.step, size, t - t0)
        if self.shift and t - self.shift[0] > 7 * DAY:
            self.end_shift(t)
        self.sizes.append((t, min(size, *self.last)))
        self.last = (size, self.last[0])
        if len(self.sizes) >= 16:
            self.flutter(t, young)

    def hold(self, v):
        """Look whether a large step stays."""
        at, base, jump, count = self.held
        stays = (v - base > 0) == (jump > 0) and abs(v - base) >= 0.6 * abs(jump)
        self.held = [at, base, jump, count + 1] if stays else None
        if not stays or count + 1 < 5:
            return
        self.held = None
        if self.shift and (jump > 0) != (self.shift[2] > self.shift[1]):
            self.end_shift(at)
        elif not self.shift:
            self.shift = (at, base, v, abs(jump) / self.step)
            self.shifts += 1
            self.step = max(self.step, (0.25 if self.shifts == 1 else 0.4) * abs(jump))

    def end_shift(self, t):
        """Note a shift."""
        start, base, level, ratio = self.shift
        self.found.append((SHIFT, start, t, level, base, ratio))
        self.shift = None

    def flutter(self, t, young):
        """Look at the mean of 16 steps."""
        mean = sum(self.ring()) / 16
        if self.burst:
            self.burst[1] = max(self.burst[1], mean)
            start, peak = self.burst
            over = mean < 1.25 * self.noise
            if over or t - start > 2 * DAY:
                self.found.append((BURST, start, t, peak, self.noise, peak / self.noise))
                self.burst = None
                self.noise = self.noise if over else peak
                return
        elif not young and self.noise > 0 and mean > 2.5 * self.noise:
            self.burst = [self.sizes[-8][0], mean]
            self.blocks = [0.0, 0.0]
        else:
            self.blocks[1] = max(self.blocks[1], mean)
        if len(self.seen) % 16 == 0:
            if not self.burst:
                self.noise = self.usual(self.noise, self.blocks[0], t - self.counted)
            self.blocks = [self.blocks[1], 0.0]
            self.counted = t

    def ring(self):
        """Return the last 16 steps in the order in which they lie in the kernel's ring."""
        n = len(self.sizes)
        return [s for _, s in sorted(
            ((k + 1) % 16, self.sizes[k][1]) for k in range(n - 16, n)
        )]  # fmt: skip


@st.composite
def series(draw):
    """Draw a noisy series with steps, spikes, bursts and holes."""
    noise = np.random.default_rng(draw(st.integers(0, 2**32)))
    values = list(noise.normal(20, 0.3, draw(st.integers(100, 300))))
    for kind in draw(st.lists(st.sampled_from("sjbqn"), max_size=8)):
        level = values[-1]
        if kind == "s":
            values += [level + 30.0]
        elif kind == "j":
            values += list(level + noise.choice([-9, 9]) + noise.normal(0, 0.3, 60))
        elif kind == "b":
            values += list(level + noise.normal(0, 4, 40))
        elif kind == "q":
            values += list(level + noise.normal(0, 0.3, 200))
        else:
            values += [math.nan]
    step_ns = draw(st.sampled_from([QUARTER, HOUR, 6 * HOUR]))
    return [(i * step_ns, float(v)) for i, v in enumerate(values)]


@given(st.fixed_dictionaries({slot: series() for slot in (2, 0)}), CUTS)
def test_equals_its_twin(drawn, cuts):
    """The events and the state are those of one batch and of the twin."""
    state, whole = changes.State.empty(3), changes.State.empty(3)
    found = [e for b in batches(drawn, cuts) for e in events(changes.fold(state, *grouped(b)))]
    assert sorted(found) == events(changes.fold(whole, *grouped(drawn)))
    for name in changes.State.__slots__:
        np.testing.assert_array_equal(getattr(state, name), getattr(whole, name))
    for slot, rows in drawn.items():
        twin = Twin()
        for t, v in rows:
            if math.isfinite(v):
                twin.take(t, v)
        mine = [tuple(row) for s, *row in sorted(found) if s == slot]
        assert [row[:3] for row in mine] == sorted(row[:3] for row in twin.found)
        for row, other in zip(mine, sorted(twin.found), strict=True):
            assert row[3:] == pytest.approx(other[3:], rel=1e-9)
        still = [(SHIFT, twin.shift[0])] if twin.shift else []
        still += [(BURST, twin.burst[0])] if twin.burst else []
        assert [row[:2] for row in events(changes.open_changes(state, ALL), slot)] == still


def told(values, step_ns=QUARTER):
    """Return the ended and the open events of slot 1 that sees these values."""
    state = changes.State.empty(3)
    rows = {1: [(i * step_ns, float(v)) for i, v in enumerate(values)]}
    ended = events(changes.fold(state, *grouped(rows)), 1)
    return ended, events(changes.open_changes(state, ALL), 1)


def quiet(n, level=20.0, seed=1):
    """Return n noisy values."""
    return list(level + np.random.default_rng(seed).normal(0, 0.3, n))


def test_a_level_that_jumps_stays_and_comes_back():
    """Told as one event, from the jump to the way back; open meanwhile."""
    ended, still = told([*quiet(300), *quiet(50, 30)])
    assert ended == []
    assert [(row[0], row[1]) for row in still] == [(SHIFT, 300 * QUARTER)]
    ended, still = told([*quiet(300), *quiet(50, 30), *quiet(50)])
    assert [row[:3] for row in ended] == [(SHIFT, 300 * QUARTER, 350 * QUARTER)]
    assert ended[0][3] == pytest.approx(30, abs=1.5)
    assert ended[0][4] == pytest.approx(20, abs=1.5)
    assert still == []


def test_a_spike_is_none_and_an_old_level_is_usual():
    """One value, or four; a new level after a week."""
    for length in (1, 2, 3, 4):
        assert told([*quiet(300), *quiet(length, 40), *quiet(50)]) == ([], [])
    ended, still = told([*quiet(300), *quiet(800, 30)])
    assert [row[0] for row in ended] == [SHIFT]
    assert ended[0][2] - ended[0][1] > 7 * DAY
    assert still == []


def test_values_that_flutter():
    """Six hours of it; not the first day and a half of a series."""
    flutter = list(20 + np.random.default_rng(2).normal(0, 4, 24))
    ended, _ = told([*quiet(300), *flutter, *quiet(60)])
    assert [row[0] for row in ended if row[0] == BURST] == [BURST]
    (burst,) = [row for row in ended if row[0] == BURST]
    assert abs(burst[1] - 300 * QUARTER) <= 8 * QUARTER
    assert told([*quiet(60), *flutter, *quiet(20)]) == ([], [])


@pytest.mark.parametrize("values", [[], [5.0], [5.0] * 900, list(range(900))])
def test_nothing_is_told_of(values):
    """None, one, all equal, a ramp."""
    assert told(values) == ([], [])


def test_slots_grow_and_are_forgotten():
    """A grown state goes on, a reset one begins."""
    rows = grouped({0: [(i * QUARTER, v) for i, v in enumerate([*quiet(300), *quiet(20, 30)])]})
    state = changes.State.empty(1)
    changes.fold(state, *rows)
    state = state.grown(2)
    assert len(changes.open_changes(state, np.arange(2))) == 1
    state.reset(np.array([0]))
    assert len(changes.open_changes(state, np.arange(2))) == 0
