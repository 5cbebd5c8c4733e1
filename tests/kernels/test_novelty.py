"""The novelty score against its slow twin, and what it must and must not say."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_rows import NS
from numba import config

from kernels import novelty

STEP_NS = 300 * NS
ONE = np.zeros(1, np.int64)


def twin(time_ns, value):
    """Return (score, look) of each reading, straight from the definition."""
    turn = 2 * np.pi * (time_ns % (86_400 * NS)) / (86_400 * NS)
    c, s = np.cos(turn), np.sin(turn)
    blocks = [[], [], []]
    present = [[], [], []]
    mean = np.array([value[max(i - 15, 0) : i + 1].mean() for i in range(len(value))])
    deviation = np.array([value[max(i - 15, 0) : i + 1].std() for i in range(len(value))])
    found = []
    for i, v in enumerate(value):
        spread = value[: i + 1].std()
        past = {
            0: np.arange(max(i - 4000, 0), i - 4),
            1: np.arange(max(i - 4000, 7), i - 8),
            2: np.arange(max(i - 4000, 16), i - 32),
        }
        distances = [None, None, None]
        if len(past[0]):
            distances[0] = np.abs(v - value[past[0]]).min()
        if len(past[1]):
            j = past[1]
            course = sum(np.abs(value[i - k] - value[j - k]) for k in range(8))
            turned = np.abs(c[i] - c[j]) + np.abs(s[i] - s[j])
            distances[1] = (course + spread * turned).min()
        if len(past[2]):
            j = past[2]
            distances[2] = (np.abs(mean[i] - mean[j]) + np.abs(deviation[i] - deviation[j])).min()
        best, look = -4.0, 0
        for k, distance in enumerate(distances):
            if distance is None or distance + 0.1 * spread <= 0:
                continue
            x = math.log(distance + 0.1 * spread)
            maxima = blocks[k][-60:]
            if maxima:
                m = sum(maxima) / len(maxima)
                squares = sum((y - m) ** 2 for y in maxima)
                z = (x - m) / (math.sqrt((squares + 8 * 0.25) / (len(maxima) + 8)) + 0.1)
                z = min(max(z, -4.0), 12.0)
                if z > best and distance > 1e-9 * spread:
                    best, look = z, k
            present[k].append(x)
            if len(present[k]) == 100:
                blocks[k].append(max(present[k]))
                present[k] = []
        beyond = best - 0.6 * math.log(max(i + 1, 150) / 1500) - novelty.THRESHOLD
        found.append((1 / (1 + math.exp(-beyond)), look))
    return found


def fed(value, cuts=(), time_ns=None, **more):
    """Return the judgement of one stream that came in batches."""
    value = np.asarray(value, float)
    time_ns = np.arange(len(value)) * STEP_NS if time_ns is None else time_ns
    state, parts = novelty.State.empty(1), []
    bounds = [0, *sorted(cuts), len(value)]
    for a, b in itertools.pairwise(bounds):
        offsets = np.array([0, b - a])
        parts.append(novelty.fold(state, ONE, offsets, time_ns[a:b], value[a:b], **more))
    return novelty.Novelty(
        *(np.concatenate([getattr(p, name) for p in parts]) for name in novelty.Novelty.__slots__)
    )


LONG = 1_200 if config.DISABLE_JIT else 9_000  # as plain Python it takes a thousand times as long


def wave(n, seed=0, noise=1.0):
    """Return a daily wave with noise, a reading in 5 minutes."""
    draw = np.random.default_rng(seed)
    return 50 + 20 * np.sin(2 * np.pi * np.arange(n) / 288) + draw.normal(0, noise, n)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 700))
def test_equals_its_twin(seed, n):
    """Noise, steps and spikes: the same score of every reading, and the same look."""
    draw = np.random.default_rng(seed)
    value = wave(n, seed, draw.choice([0.0, 0.5, 5.0])) + np.cumsum(draw.random(n) < 0.01) * 20
    value[draw.random(n) < 0.01] += 200
    found = fed(value)
    scores = twin(np.arange(n) * STEP_NS, value)
    assert found.score.tolist() == pytest.approx([score for score, _ in scores], rel=1e-6)


def test_equals_its_twin_when_the_room_is_full():
    """After 8,034 readings the room is made anew; nothing is noticed of it."""
    value = wave(9_000, 3)
    value[8_500] += 80
    found = fed(value)
    scores = [score for score, _ in twin(np.arange(9_000) * STEP_NS, value)]
    assert found.score.tolist() == pytest.approx(scores, rel=1e-6)
    assert found.alarm[8_500]


@settings(max_examples=2 if config.DISABLE_JIT else 25, deadline=None)
@given(st.lists(st.integers(0, LONG), max_size=5))
def test_the_same_bits_however_it_is_cut(cuts):
    """Batches do not matter, nor do other series beside it."""
    value = wave(LONG, 5)
    whole, parts = fed(value), fed(value, cuts)
    for name in novelty.Novelty.__slots__:
        np.testing.assert_array_equal(getattr(whole, name), getattr(parts, name))
    state = novelty.State.empty(3)
    both = np.concatenate([value[:1000], value[:1000] * 2])
    offsets = np.array([0, 1000, 2000])
    time_ns = np.tile(np.arange(1000) * STEP_NS, 2)
    beside = novelty.fold(state, np.array([2, 0]), offsets, time_ns, both)
    np.testing.assert_array_equal(beside.score[:1000], whole.score[:1000])


def test_scale_and_level_do_not_matter():
    """A stream in other units, or of the other sign, has the same alarms."""
    value = wave(3_000, 7)
    value[2_500] += 90
    alarms = fed(value).alarm
    assert alarms[2_500]
    for other in (value * 1024, -value, value / 4):
        np.testing.assert_array_equal(fed(other).alarm, alarms)


@pytest.mark.parametrize(
    "value",
    [np.full(5000, 7.0), np.tile([1.0, 2.0, 3.0, 9.0], 1250), np.zeros(3), np.array([])],
    ids=["all equal", "an exact repeat", "three", "none"],
)
def test_what_repeats_is_no_news(value):
    """No alarm where nothing is new."""
    assert not fed(value).alarm.any()


def test_no_numbers_are_passed_over():
    """NaN and infinity have no score, and change nothing for the others."""
    value = wave(600, 2)
    holes = np.insert(value, [100, 300], [math.nan, math.inf])
    found, plain = fed(holes, time_ns=np.zeros(602, np.int64)), fed(value, time_ns=np.zeros(600))
    kept = np.isfinite(holes)
    assert np.isnan(found.score[~kept]).all()
    np.testing.assert_array_equal(found.score[kept], plain.score)


def test_it_says_what_is_new():
    """A value never seen; a course never seen, of values that were; a new level."""
    spike = wave(3_000, 1)
    spike[2_500] += 100
    assert fed(spike).look[2_500] == novelty.VALUE
    assert abs(fed(spike).nearest[2_500] - spike.max()) > 50
    night = wave(3_000, 1, 0.5)
    night[2_500:2_560] = night[2_500 - 144 : 2_560 - 144]
    found = fed(night)
    assert found.alarm[2_500:2_560].any()
    assert novelty.COURSE in found.look[2_500:2_560][found.alarm[2_500:2_560]]


def test_a_pause_follows_an_alarm():
    """One event, not one alarm for each of its readings."""
    value = wave(3_000, 4)
    value[2_000:2_040] += np.random.default_rng(1).normal(0, 200, 40)
    found = fed(value)
    assert len(found) == 3_000
    assert found.alarm[1_990:2_055].sum() == 1


def test_a_stream_without_end_does_not_grow_deaf():
    """The same reading late in a stream scores more where the length is capped."""
    value = wave(6_000, 9)
    assert fed(value, longest=500).score[-1] > fed(value).score[-1]
    with pytest.raises(ValueError, match="at least one reading, found 0"):
        fed(value, longest=0)


def test_slots_grow_and_are_forgotten():
    """A grown state goes on, a reset one begins."""
    value = wave(400, 1)
    state = novelty.State.empty(1)
    novelty.fold(state, ONE, np.array([0, 200]), np.arange(200) * STEP_NS, value[:200])
    state = state.grown(2)
    rest = (np.array([0, 200]), np.arange(200, 400) * STEP_NS, value[200:])
    np.testing.assert_array_equal(novelty.fold(state, ONE, *rest).score, fed(value).score[200:])
    state.reset(ONE)
    fresh = novelty.fold(state, ONE, np.array([0, 400]), np.arange(400) * STEP_NS, value)
    np.testing.assert_array_equal(fresh.score, fed(value).score)
