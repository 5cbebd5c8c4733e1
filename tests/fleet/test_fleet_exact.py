"""Sine, cosine and exponential of the simulator against those of the C library."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.exact import cosine, exponential, sine

TURNS = st.floats(-50_000, 50_000)


def _one(function, x):
    return float(function(np.array([x]))[0])


def _angle(turns):
    """Return the angle in radians, folded exactly, so that the library sees a small one."""
    return 2 * math.pi * math.fmod(turns, 1.0)


@given(TURNS)
def test_sine_and_cosine_are_those_of_the_library(turns):
    assert _one(sine, turns) == pytest.approx(math.sin(_angle(turns)), abs=1e-9)
    assert _one(cosine, turns) == pytest.approx(math.cos(_angle(turns)), abs=1e-9)


@given(TURNS)
def test_sine_and_cosine_lie_on_the_circle(turns):
    assert _one(sine, turns) ** 2 + _one(cosine, turns) ** 2 == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize(
    ("turns", "expected"),
    [(0.0, 0.0), (0.25, 1.0), (0.5, 0.0), (0.75, -1.0), (1 / 12, 0.5), (-1 / 12, -0.5), (20.25, 1)],
)
def test_sine_of_turns_known_by_hand(turns, expected):
    assert _one(sine, turns) == pytest.approx(expected, abs=1e-10)


@given(st.floats(-700, 700))
def test_the_exponential_is_that_of_the_library(x):
    assert _one(exponential, x) == pytest.approx(math.exp(x), rel=1e-9)


@given(st.floats(-300, 300), st.floats(-300, 300))
def test_the_exponential_turns_sums_into_products(x, y):
    product = _one(exponential, x) * _one(exponential, y)
    assert _one(exponential, x + y) == pytest.approx(product, rel=1e-9)


def test_every_bit_is_pinned():
    """Another machine, library or numpy must give these very bits."""
    at = np.array([0.1, 0.3, -7.77, 20_539.123])
    assert [one.hex() for one in sine(at).tolist()] == SINES
    assert [one.hex() for one in exponential(at[:3]).tolist()] == EXPONENTIALS


def test_shapes_are_kept():
    at = np.linspace(-2.0, 2.0, 24).reshape(4, 6)
    assert sine(at).shape == cosine(at).shape == exponential(at).shape == (4, 6)
    assert np.array_equal(sine(at).reshape(-1), sine(at.reshape(-1)))


SINES = [
    "0x1.2cf2304755a5ep-1",
    "0x1.e6f0e13445036p-1",
    "0x1.fbf675480a59dp-1",
    "0x1.6575f01388d26p-1",
]
EXPONENTIALS = ["0x1.1aec7b35a00d4p+0", "0x1.599058c8c1a90p+0", "0x1.bab902c420358p-12"]
