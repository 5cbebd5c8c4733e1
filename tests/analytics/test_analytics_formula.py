"""Formulas are read as they are meant, and refused with where and why."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.formula import KINDS, FormulaError, Operand, combined, read
from analytics.sums import Sum
from ingest.reading import Quality

A, B, C = (Operand("device", name) for name in ("a", "b-1", "c"))
D, T = Operand("district", "Hörde"), Operand("tenant", "x")
NAMED = {"own": "site:school - device:a", "twice": "2 * meter:own", "all": "meter:twice + device:a"}


@pytest.mark.parametrize(
    ("text", "factors"),
    [
        ("device:a", {A: 1}),
        ("device:a + device:b-1 - device:c", {A: 1, B: 1, C: -1}),
        ("- device:a", {A: -1}),
        ("device:a - 0.5 * (device:b-1 - 2*device:c)", {A: 1, B: -0.5, C: 1}),
        ("device:a - (device:b-1 - (device:c))", {A: 1, B: -1, C: 1}),
        ("device:a + device:a", {A: 2}),
        ('site:"Haus (alt) 1"/heat_energy', {Operand("site", "Haus (alt) 1", "heat_energy"): 1}),
        ("device:a/water_volume", {Operand("device", "a", "water_volume"): 1}),
        (
            "district:Hörde - tenant:x",
            {Operand("district", "Hörde"): 1, Operand("tenant", "x"): -1},
        ),
        ("meter:own", {Operand("site", "school"): 1, A: -1}),
        ("meter:all", {Operand("site", "school"): 2, A: -1}),
    ],
)
def test_a_formula_comes_to_a_factor_for_each_operand(text, factors):
    assert read(text, NAMED) == factors


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "column 1: expected an operand such as device:m-7 or site:school, or a bracket"),
        ("device:a +", 'column 11: expected an operand'),
        ("device:a device:c", "column 10: expected + or - between blanks, or the end"),
        ("2", "column 2: expected * and an operand behind a number, found the end"),
        ("(device:a", "column 10: expected ), found the end"),
        ("device:a )", 'column 10: expected + or - between blanks, or the end, found ")"'),
        ("house:a", "column 1: expected one of device, site"),
        ("device:a * device:c", 'expected + or - between blanks, or the end, found "* device:c"'),
        ("meter:none", "expected the name of a formula (all, own, twice)"),
        ("meter:round", "meter:round is made of itself (round)"),
        ("meter:one", "meter:one: meter:two: meter:one is made of itself (one of two)"),
        ("meter:bad", "meter:bad: column 1: expected an operand"),
        ("(" * 50 + "device:a" + ")" * 50, "expected at most 40 brackets in one another"),
        (" + ".join(f"device:{k}" for k in range(51)), "expected at most 50 operands"),
        ("device:" + "a" * 1000, "expected at most 1000 characters, found 1007"),
    ],
)  # fmt: skip
def test_what_is_no_formula_is_told_with_its_place(text, said):
    more = {"round": "meter:round", "one": "meter:two", "two": "meter:one", "bad": "+"}
    named = NAMED if text == "meter:none" else NAMED | more
    with pytest.raises(FormulaError) as told:
        read(text, named)
    assert said in str(told.value)


NAMES = st.text(st.characters(exclude_characters='"', exclude_categories=["Cs"]), min_size=1,
                max_size=8)  # fmt: skip
OPERANDS = st.builds(Operand, st.sampled_from(KINDS[:-1]), NAMES, st.sampled_from([None, "co2"]))


@given(st.lists(st.tuples(st.sampled_from("+-"), st.integers(1, 99), OPERANDS), min_size=1,
                max_size=9))  # fmt: skip
def test_what_is_written_is_read(parts):
    text = " ".join(f"{sign} {factor} * {operand}" for sign, factor, operand in parts)
    expected = {}
    for sign, factor, operand in parts:
        expected[operand] = expected.get(operand, 0) + (factor if sign == "+" else -factor)
    assert read(text.removeprefix("+ ")) == expected


def _sum(value, quality, coverage, uncertainty, missing=0):
    more = {"uncertainty": uncertainty, "missing": missing, "corrections": 2}
    return Sum(0, 1, value, quality, coverage, **more)


def test_quality_is_the_worst_and_nothing_is_claimed_without_an_operand():
    factors = {A: 1.0, B: -2.0}
    sums = {A: _sum(10.0, Quality.MEASURED, 1.0, 1.0), B: _sum(7.0, Quality.ESTIMATED, 0.5, 3.0)}
    made = combined(factors, sums)
    assert (made.value, made.quality, made.coverage) == (-4.0, Quality.ESTIMATED, 0.5)
    assert (made.uncertainty, made.missing, made.corrections) == (7.0, 0, 4)
    made = combined(factors, sums | {B: _sum(None, None, 0.0, None)})
    assert (made.value, made.quality, made.uncertainty, made.unknown) == (None, None, None, [B])
    made = combined(factors, sums | {A: _sum(10.0, Quality.MEASURED, 1.0, None)})
    assert (made.value, made.uncertainty) == (-4.0, None)


def test_a_register_that_is_missing_leaves_the_uncertainty_open():
    sums = {
        A: _sum(10.0, Quality.MEASURED, 1.0, 0.0),
        B: _sum(3.0, Quality.MEASURED, 0.5, 0.0, missing=1),
    }
    made = combined({A: 1.0, B: -1.0}, sums)
    assert (made.value, made.uncertainty, made.missing) == (7.0, None, 1)


def test_formulas_in_one_another_are_read_once_and_not_for_ever():
    double = {f"m{k}": f"meter:m{k + 1} + meter:m{k + 1}" for k in range(39)} | {"m39": "device:a"}
    assert read("meter:m0", double) == {A: 2.0**39}
    chain = {f"m{k}": f"meter:m{k + 1}" for k in range(2000)} | {"m2000": "device:a"}
    with pytest.raises(FormulaError, match="at most 40 formulas in one another"):
        read("meter:m0", chain)
