"""Whole steps as decimals, against fractions."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.digits import decimal, steps_of


@given(st.integers(-(10**24), 10**24), st.integers(0, 9))
def test_every_place_is_written(steps, places):
    text = decimal(steps, places)
    assert Fraction(text) == Fraction(steps, 10**places)
    assert len(text.partition(".")[2]) == places


@pytest.mark.parametrize(
    ("steps", "places", "text"),
    [(-5, 2, "-0.05"), (0, 1, "0.0"), (0, 0, "0"), (100, 2, "1.00"), (-100, 0, "-100")],
)
def test_signs_and_zeros(steps, places, text):
    assert decimal(steps, places) == text


@given(st.integers(0, 10**24), st.integers(1, 10**6))
def test_steps_are_rounded_to_the_nearest(value, step):
    steps = steps_of(value, step)
    assert abs(Fraction(value, step) - steps) <= Fraction(1, 2)


def test_halves_go_upwards():
    assert [steps_of(value, 10) for value in (-15, -5, 4, 5, 15)] == [-1, 0, 0, 1, 2]
