"""Chance by key and index: even, independent, the same everywhere, and pinned."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.chance import key_of, keys_of, noise, uniforms, wander

MANY = np.arange(200_000, dtype=np.int64)
KEY = np.array([key_of("a", "test")], np.uint64)


def _correlation(one, other):
    return float(np.corrcoef(one, other)[0, 1])


def test_draws_are_even():
    draws = uniforms(KEY, MANY)
    assert draws.min() >= 0.0
    assert draws.max() < 1.0
    counts = np.bincount((draws * 100).astype(int), minlength=100)
    expected = len(MANY) / 100
    # chi² with 99 degrees of freedom lies within 50 … 160 but for one time in 10,000
    assert 50 < float((((counts - expected) ** 2) / expected).sum()) < 160


@pytest.mark.parametrize("bit", range(1, 30))
def test_every_leading_bit_is_a_coin(bit):
    ones = (uniforms(KEY, MANY) * 2.0**bit).astype(np.int64) % 2
    assert abs(float(ones.mean()) - 0.5) < 0.006


@pytest.mark.parametrize(
    "other",
    [
        keys_of(KEY, 0), keys_of(KEY, 1), KEY + np.uint64(1), KEY ^ np.uint64(1 << 63),
        np.array([key_of("a", "tesu")], np.uint64),
    ],
    ids=["stream 0", "stream 1", "next key", "top bit", "another name"],
)  # fmt: skip
def test_neighbours_have_nothing_in_common(other):
    draws, others = uniforms(KEY, MANY), uniforms(other, MANY)
    for lag in (0, 1, 2):
        assert abs(_correlation(draws[lag:], others[: len(MANY) - lag])) < 0.01


def test_streams_are_independent_of_each_other():
    first, second = (uniforms(keys_of(KEY, number), MANY) for number in (3, 4))
    assert abs(_correlation(first, second)) < 0.01
    assert abs(_correlation(first[1:], first[:-1])) < 0.01
    assert not np.intersect1d(first, second).size


def test_a_key_and_an_index_are_enough():
    """One at a time, all together, in another order, by broadcasting: the same draws."""
    keys = np.array([key_of("device", n) for n in range(7)], np.uint64)
    index = np.array([0, 1, 99, -5, 1_774_569_600], np.int64)
    table = uniforms(keys[:, None], index)
    assert table.shape == (7, 5)
    for row, key in enumerate(keys):
        for column, place in enumerate(index):
            alone = uniforms(np.array([key]), np.array([place]))
            assert alone[0] == table[row, column]
    order = np.array([3, 0, 4, 2, 1])
    assert np.array_equal(uniforms(keys[:, None], index[order]), table[:, order])
    assert np.array_equal(uniforms(keys[::-1, None], index), table[::-1])


def test_known_values_are_pinned():
    """Another machine, Python or numpy must give these very values."""
    key = key_of("device", 231, "classroom", 0)
    assert key == PINNED["key"]
    keys = np.array([key, 0, 2**64 - 1], np.uint64)
    index = np.array([0, 1, 1_774_569_600], np.int64)
    assert keys_of(keys, 5).tolist() == PINNED["keys"]
    assert [one.hex() for one in uniforms(keys, index).tolist()] == PINNED["uniforms"]
    assert [one.hex() for one in noise(keys, index).tolist()] == PINNED["noise"]
    at = np.array([0.0, 1234.5, 1_774_569_600.25])
    assert [one.hex() for one in wander(keys, at, 900.0).tolist()] == PINNED["wander"]


def test_the_first_draw_is_that_of_splitmix64():
    """The generator's published first output for the seed 0 is 0xE220A8397B1DCDAF."""
    first = uniforms(np.zeros(1, np.uint64), np.zeros(1, np.int64))[0]
    assert first == (0xE220A8397B1DCDAF >> 11) / 2**53


def test_keys_tell_their_parts_apart():
    assert len({key_of("device", seed, n) for seed in range(40) for n in range(40)}) == 1600
    assert key_of("a", 1) == key_of("a", "1")
    assert key_of("a", 1) != key_of("a", 2)


def test_noise_has_the_mean_and_deviation_that_it_says():
    drawn = noise(KEY, MANY)
    assert abs(float(drawn.mean())) < 0.01
    assert abs(float(drawn.std()) - 1.0) < 0.01
    assert float(np.abs(drawn).max()) <= 3.5
    assert abs(_correlation(drawn[1:], drawn[:-1])) < 0.01


@given(st.floats(0, 2e9), st.floats(10, 1e6))
def test_wander_is_smooth_and_bounded(time_s, period_s):
    step = period_s / 100
    values = wander(KEY, time_s + step * np.arange(300), period_s)
    assert np.abs(values).max() <= 1.0
    # the steepest of the cubic blend is 1.5 of the range, 2, within a period
    assert np.abs(np.diff(values)).max() <= 2 * 1.5 / 100 * 1.01


def test_wander_turns_and_does_not_stay():
    values = wander(KEY, np.arange(0, 900 * 3000, 450.0), 900.0)
    assert values.min() < -0.95
    assert values.max() > 0.95
    assert abs(float(values.mean())) < 0.05


PINNED = {
    "key": 13987541393020568946,
    "keys": [6232676294213274287, 6442297861061755100, 11977149466274778222],
    "uniforms": ["0x1.5e727925f9f28p-4", "0x1.b9e279aa86e58p-2", "0x1.8f3fe684d9e10p-2"],
    "noise": ["-0x1.4ca4d6fa3ec7dp+1", "-0x1.1350e48651a1bp+0", "-0x1.0ced4e933d42ep+0"],
    "wander": ["-0x1.a86361b681836p-1", "-0x1.8ed98be117264p-2", "-0x1.3d4cbf8fc6eacp-1"],
}
