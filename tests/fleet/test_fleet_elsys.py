"""ELSYS payloads against the maker's own examples."""

import json
from pathlib import Path

import pytest

from fleet.elsys import encode
from fleet.errors import EncodingError
from ingest.codecs import elsys

VECTORS = Path(__file__).parents[1] / "vectors" / "elsys_uplinks.jsonl"
CASES = [json.loads(line) for line in VECTORS.read_text().splitlines()]
TWICE = "pulse1"  # one example counts pulses twice; its decoder keeps the later count


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['device']}-{case['hex']}")
def test_the_makers_examples_encode_to_their_bytes(case):
    values = list(case["expected"]["data"].items())
    if TWICE in case["expected"]["data"]:
        at = next(i for i, (name, _) in enumerate(values) if name == TWICE)
        later = values.pop(at)
        values = [*values[:at], (TWICE, 0x1101), *values[at:], later]
    assert encode(values).hex() == case["hex"]


def test_there_are_eight_examples():
    assert len(CASES) == 8


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"temperature": -0.1}, "01ffff"),
        ({"temperature": -3276.8}, "018000"),
        ({"co2": 1012, "vdd": 3606}, "0603f4070e16"),
        ({"tvoc": 500}, "1c01f4"),
        ({"x": -1, "y": 0, "z": 63}, "03ff003f"),
        ({"irInternalTemperature": 21.5, "irExternalTemperature": -4.0}, "1000d7ffd8"),
        ({"pulseAbs1": 0xFFFFFFFF}, "0bffffffff"),
        ({}, ""),
    ],
)
def test_types_and_signs(values, expected):
    assert encode(values).hex() == expected


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"temprature": 1}, "found 'temprature'"),
        ({"humidity": 256}, "humidity"),
        ({"temperature": 3276.8}, "temperature"),
        ({"co2": float("nan")}, "co2"),
        ({"co2": float("inf")}, "co2"),
        ({"soundPeak": 60}, "soundPeak, soundAvg"),
        ({"x": 1, "z": 2, "y": 3}, "x, y, z"),
        ({"y": 1}, "found 'y'"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(values, says):
    with pytest.raises(EncodingError, match=says):
        encode(values)


@pytest.mark.parametrize(
    ("values", "ages_s", "expected"),
    [
        ({"temperature": 22.6}, {"temperature": 0}, "0100e2"),
        ({"temperature": 22.6}, {"temperature": 60}, "413c00e2"),
        ({"temperature": 22.6, "humidity": 41}, {"humidity": 600}, "0100e282025829"),
        ({"co2": 455}, {"co2": 86_400}, "c60001518001c7"),
        ({"waterleak": 1}, {"waterleak": 255}, "52ff01"),
        ({"lat": 51.5136, "long": -7.4653}, {}, "0940dc0763dcfe"),
    ],
)
def test_older_values_carry_their_age(values, ages_s, expected):
    assert encode(values, ages_s).hex() == expected


def test_an_older_value_is_read_at_its_own_age():
    payload = encode({"temperature": -4.2, "co2": 455}, {"temperature": 3600})
    found = {one.quantity: (one.value, one.time_ns) for one in elsys.decode(payload, 5)}
    assert found == {"temperature": (-4.2, -3_600_000_000_000), "co2": (455.0, None)}


@pytest.mark.parametrize(
    ("ages_s", "says"),
    [
        ({"temperature": -1}, "age of 0"),
        ({"temperature": 1 << 32}, "age of 0"),
        ({"co2": 5}, "found co2"),
    ],
)
def test_an_age_that_does_not_fit_is_refused(ages_s, says):
    with pytest.raises(EncodingError, match=says):
        encode({"temperature": 20.0}, ages_s)


def test_a_position_outside_of_24_bits_is_refused():
    with pytest.raises(EncodingError, match="lat"):
        encode({"lat": 838.8608, "long": 0})
