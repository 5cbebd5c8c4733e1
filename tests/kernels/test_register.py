"""Every step of a register has a name, and the amounts add up to its change."""

import gzip
import math
from dataclasses import replace
from pathlib import Path

import naive_register as naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_rows import NS, grouped, timed

from kernels import limits, register
from kernels.register import (
    COUNTS,
    COUNTS_NOT,
    EXCHANGE,
    EXCHANGE_UNREAD,
    GAP,
    GLITCH,
    PLAIN,
    REJECTED,
    RESET,
    ROLLOVER,
    STEEP,
    UNEXPLAINED_DOWN,
    UNEXPLAINED_UP,
    Limits,
)

HOUR = 3600 * NS
QUARTER = HOUR // 4
VECTORS = Path(__file__).parent.parent / "vectors"

VALUES = st.sampled_from([0.0, 0.5, 1.0, 2.0, 99.0, 99.5, 100.0, 101.0, 5102.0, math.nan]) | (
    st.floats(0, 200)
)
REGISTERS = timed(VALUES, steps_max=7, unit_ns=HOUR // 2, max_size=60)
LIMITS = st.builds(
    Limits,
    gap_ns=st.sampled_from([0, HOUR, 3 * HOUR]),
    rate_max=st.sampled_from([0.0, 1.0, 20.0, 1e4, math.inf]),
    dip_readings=st.integers(0, 4),
    dip_ns=st.sampled_from([0, HOUR, 5 * HOUR, 10**17]),
    jump_max=st.sampled_from([0.0, 20.0, 200.0, math.inf]),
    step=st.sampled_from([0.0, 0.5]),
    widths=st.sampled_from([(), (100.0,), (100.0, 5200.0)]),
)
SWAPS = st.sampled_from([0.0] * 12 + [93.6, -3.0, math.nan])
WORDS = st.sampled_from([0] * 9 + [COUNTS, COUNTS_NOT])
USUAL = Limits(HOUR, 20.0, dip_readings=3, dip_ns=HOUR // 2, jump_max=20.0, widths=(1e5,))


def judged(rows, limits, swap=None, said=None):
    """Return the judgement of [(time, value)]."""
    return register.judge(*grouped({0: rows})[2:], limits, swap=swap, said=said)


def quarters(*values):
    """Return the values as rows, a quarter of an hour apart."""
    return [(i * QUARTER, float(v)) for i, v in enumerate(values)]


def tuples(found):
    """Return the judgement as the twin has it."""
    names = ("amount", "correction", "doubt", "kind", "good", "over_gap", "provisional")
    return list(zip(*(getattr(found, name).tolist() for name in names), strict=True))


@st.composite
def known(draw):
    """Draw rows, and what people know of them."""
    rows = draw(REGISTERS)
    n = len(rows)
    swap = draw(st.lists(SWAPS, min_size=n, max_size=n))
    return rows, np.array(swap), np.array(draw(st.lists(WORDS, min_size=n, max_size=n)), np.uint8)


@given(known(), LIMITS)
def test_equals_its_twin(all_known, limits):
    """The same judgement of every reading, to the bit."""
    rows, swap, said = all_known
    found = tuples(judged(rows, limits, swap, said))
    assert found == naive.judge(rows, limits, swap.tolist(), said.tolist())


@given(known(), LIMITS)
def test_identity(all_known, limits):
    """Between good readings a, b: sum of amounts == v(b) - v(a) + sum of corrections; none < 0."""
    rows, swap, said = all_known
    found = judged(rows, limits, swap, said)
    value = np.array([v for _, v in rows])
    assert (found.amount >= 0).all()
    assert (found.doubt >= 0).all()
    assert not found.amount[~found.good].any()
    assert not found.correction[~found.good].any()
    good = np.flatnonzero(found.good)
    steps = np.diff(value[good]) + found.correction[good[1:]]
    np.testing.assert_allclose(found.amount[good[1:]], steps, rtol=1e-12, atol=1e-10)
    if len(good):
        last = good[-1]
        change = math.fsum([value[last], -value[good[0]], *found.correction])
        assert math.fsum(found.amount) == pytest.approx(change, rel=1e-12, abs=1e-9)


@given(known(), LIMITS, st.integers(0, 60))
def test_only_provisional_judgements_change(all_known, limits, length):
    """What is not provisional stays, to the bit, whatever comes after."""
    rows, swap, said = all_known
    before = tuples(judged(rows[:length], limits, swap[:length], said[:length]))
    after = tuples(judged(rows, limits, swap, said))
    assert [a for a, b in zip(after, before, strict=False) if not b[-1]] == [
        b for b in before if not b[-1]
    ]


@given(REGISTERS, LIMITS, st.integers(-(10**17), 10**17))
def test_the_time_of_day_does_not_matter(rows, limits, shift):
    """The same register at another time is judged alike."""
    assert tuples(judged([(t + shift, v) for t, v in rows], limits)) == tuples(judged(rows, limits))


UP, DOWN = UNEXPLAINED_UP, UNEXPLAINED_DOWN


@pytest.mark.parametrize(
    ("values", "amounts", "kinds", "correction"),
    [
        ((100, 101, 101), [0, 1, 0], [PLAIN] * 3, 0),
        ((100, 101, 0, 102, 103), [0, 1, 0, 1, 1], [PLAIN, PLAIN, GLITCH, PLAIN, PLAIN], 0),
        ((100, 0, 5000, 101), [0, 0, 0, 1], [PLAIN, GLITCH, GLITCH, PLAIN], 0),
        ((100, 101, 0.4, 0.9), [0, 1, 0.4, 0.5], [PLAIN, PLAIN, RESET, PLAIN], 101),
        ((100, 102, 60, 61), [0, 2, 2, 1], [PLAIN, PLAIN, DOWN, PLAIN], 44),
        ((100, 60), [0, 0], [PLAIN, DOWN], 40),
        ((100, math.nan, 101, math.inf), [0, 0, 1, 0], [PLAIN, REJECTED, PLAIN, REJECTED], 0),
        ((math.nan, 7), [0, 0], [REJECTED, PLAIN], 0),
        ((5, 5, 5), [0, 0, 0], [PLAIN] * 3, 0),
        ((5, -1, -1), [0, 0, 0], [PLAIN, DOWN, PLAIN], 6),
        ((99_999.5, 0.3, 0.8), [0, 0.8, 0.5], [PLAIN, ROLLOVER, PLAIN], 1e5),
        ((99_990, 4, 5), [0, 4, 1], [PLAIN, RESET, PLAIN], 99_990),  # 14 is more than can flow
        ((100, 101, 5102, 102.5), [0, 1, 0, 1.5], [PLAIN, PLAIN, GLITCH, PLAIN], 0),
        ((100, 101, 5102, 5900, 102.5), [0, 1, 0, 0, 1.5], [0, 0, GLITCH, GLITCH, 0], 0),
        ((100, 101, 5102, 5103), [0, 1, 1, 1], [PLAIN, PLAIN, UP, PLAIN], -5000),
        ((0, 5102, 5103), [0, 0, 1], [PLAIN, UP, PLAIN], -5102),
    ],
)
def test_worked_examples(values, amounts, kinds, correction):
    """The cases of the energy rules: kWh, quarter hours, 20 kW at most."""
    found = judged(quarters(*values), USUAL)
    np.testing.assert_allclose(found.amount, amounts, rtol=1e-12)
    assert found.kind.tolist() == kinds
    assert found.correction.sum() == pytest.approx(correction)


def test_an_exchange_goes_on_from_what_both_meters_showed():
    """100, then end 100.6 and start 7.0, then 7.3: 0.9 flowed; unread: as much as usually does."""
    found = judged(quarters(98, 100, 7.3, 8), USUAL, swap=[0, 0, 93.6, 0])
    assert found.kind.tolist() == [PLAIN, PLAIN, EXCHANGE, PLAIN]
    np.testing.assert_allclose(found.amount, [0, 2, 0.9, 0.7])
    np.testing.assert_allclose(found.correction, [0, 0, 93.6, 0])
    for gain in (math.nan, 90.0):  # not known; not possible
        found = judged(quarters(98, 100, 7.3, 8), USUAL, swap=[0, 0, gain, 0])
        assert found.kind.tolist() == [PLAIN, PLAIN, EXCHANGE_UNREAD, PLAIN]
        np.testing.assert_allclose(found.amount, [0, 2, 2, 0.7])
    found = judged(quarters(98, 100, math.nan, 7.3), USUAL, swap=[0, 0, 93.6, 0])
    assert found.kind.tolist() == [PLAIN, PLAIN, REJECTED, EXCHANGE]


def test_a_person_decides():
    """A jump that flowed, a climb that did not, a drop that was a reset, and one that was none."""
    jump, drop = quarters(100, 101, 5102, 5103), quarters(100, 101, 60, 61)
    assert judged(jump, USUAL, said=[0, 0, COUNTS, 0]).amount.tolist() == [0, 1, 5001, 1]
    assert judged(jump, USUAL, said=[0, COUNTS_NOT, 0, 0]).kind[1] == UNEXPLAINED_UP
    assert judged(drop, USUAL, said=[0, 0, COUNTS, 0]).amount.tolist() == [0, 1, 60, 1]
    reset = quarters(100, 101, 0.5, 1)
    assert judged(reset, USUAL, said=[0, 0, COUNTS_NOT, 0]).amount.tolist() == [0, 1, 1, 0.5]


def test_a_climb_between_what_was_seen_and_what_can_be_counts_in_doubt():
    """It is told, and its whole amount is the doubt."""
    found = judged(quarters(100, 101, 109, 110), replace(USUAL, jump_max=50.0))
    assert found.kind.tolist() == [PLAIN, PLAIN, STEEP, PLAIN]
    assert (found.amount[2], found.doubt[2], found.correction[2]) == (8, 8, 0)


def test_a_coarse_register_may_tick_at_once():
    """Whole kWh, read again a second after: the resolution is allowed for."""
    rows = [(0, 100.0), (QUARTER, 101.0), (QUARTER + NS, 102.0), (2 * QUARTER, 102.0)]
    assert STEEP in judged(rows, replace(USUAL, rate_max=1.0, jump_max=1e9)).kind
    coarse = replace(USUAL, rate_max=1.0, jump_max=1e9, step=1.0)
    assert not judged(rows, coarse).kind.any()


def test_a_long_glitch_ends_with_a_leap():
    """Ten hours told as a thousandth of it; and a reset that climbs past its old value is one."""
    limits = replace(USUAL, dip_ns=12 * HOUR)
    value = np.arange(5000.0, 5100.0)
    value[20:60] /= 1000
    found = judged(quarters(*value), limits)
    assert found.kind[20:60].tolist() == [GLITCH] * 40
    assert found.amount.sum() == 99
    value = np.concatenate([np.arange(6.0), np.arange(0.0, 40.0)])
    found = judged(quarters(*value), limits)
    assert found.kind[6] == RESET
    assert found.amount.sum() == 5 + 39


def test_doubt_is_what_can_have_flowed():
    """A reset leaves what came before it open; an estimate, all that can flow."""
    assert judged(quarters(100, 101, 0.4, 0.9), USUAL).doubt.tolist() == [0, 0, 4.6, 0]
    assert judged(quarters(100, 102, 60, 61), USUAL).doubt.tolist() == [0, 0, 3, 0]


def test_gap_keeps_its_amount():
    """100, three lost, 108: all of the 8, told as a gap; a reset over a gap stays a reset."""
    found = judged([(0, 100.0), (4 * QUARTER + 1, 108.0), (12 * QUARTER, 3.0)], USUAL)
    assert found.kind.tolist() == [PLAIN, GAP, RESET]
    assert found.over_gap.tolist() == [False, True, True]
    assert found.amount.tolist() == [0, 8, 3]


def test_a_step_at_the_end_is_provisional_until_enough_was_seen():
    """It is final after so many readings and so much time, and when the register is back."""
    assert judged(quarters(100, 0), USUAL).provisional.tolist() == [False, True]
    assert judged(quarters(100, 0, 0, 0), USUAL).provisional.tolist() == [False, *[True] * 3]
    assert not judged(quarters(100, 0, 0, 0, 0), USUAL).provisional.any()
    long = replace(USUAL, dip_ns=9 * HOUR)
    assert judged(quarters(100, 0, 0, 0, 0), long).provisional.tolist() == [False, *[True] * 4]
    assert not judged(quarters(100, 0, 101), USUAL).provisional.any()
    assert judged(quarters(100, 5000), USUAL).provisional.tolist() == [False, True]


def test_estimate_looks_back_a_day_only():
    """The typical rate of an unexplained step is that of the last 96 plain steps."""
    values = [*range(0, 500, 5), *np.arange(496, 592, 1.0), 100, 100, 100, 100, 100]
    found = judged(quarters(*values), USUAL)
    drop = int(np.flatnonzero(found.kind == UNEXPLAINED_DOWN)[0])
    assert found.amount[drop] == pytest.approx(1.0)


def test_no_readings_and_one():
    """Nothing is judged; a single reading is good and nothing flowed."""
    assert len(judged([], USUAL)) == 0
    assert tuples(judged([(5, 7.0)], USUAL)) == [(0, 0, 0, PLAIN, True, False, False)]


@pytest.mark.parametrize("name", ["gap_ns", "rate_max", "dip_readings", "dip_ns", "step"])
@pytest.mark.parametrize("limit", [-1, math.nan])
def test_wrong_limits_are_named(name, limit):
    """An error names the limit."""
    with pytest.raises(ValueError, match=name):
        judged([], replace(USUAL, **{name: limit}))


def test_unequal_columns():
    """An error names the lengths."""
    with pytest.raises(ValueError, match="time_ns 1, value 2"):
        register.judge(np.zeros(1), np.zeros(2), USUAL)


def household(column):
    """Return a year of half hours of a real house: 1 consumption, 2 solar power."""
    with gzip.open(VECTORS / "household_pv_30min.csv.gz", "rt") as file:
        return np.array([float(line.split(",")[column]) for line in list(file)[1:]])


@pytest.mark.parametrize("column", [1, 2])
@pytest.mark.parametrize("days", [7, 30])
def test_a_real_household_is_judged_plain_by_what_any_of_its_weeks_teaches(column, days):
    """Hardly a step of a year is steeper, and none by the five times at which it would not count.

    Weeks in which the panels were hardly lit teach less; they still know a step from a jump.
    """
    amounts = household(column)
    time_ns, value, n = np.arange(len(amounts)) * HOUR // 2, np.cumsum(amounts), days * 48
    for a in range(0, len(amounts) - n, max(n, 240)):
        learnt = limits.rate_max_learnt(time_ns[a : a + n], value[a : a + n])
        by = replace(USUAL, rate_max=learnt, jump_max=max(5 * learnt, 50.0), widths=())
        found = register.judge(time_ns, value, by)
        assert set(np.unique(found.kind)) <= {PLAIN, STEEP}
        assert (found.kind[a : a + n] == STEEP).sum() <= 2
        assert found.amount.sum() == pytest.approx(value[-1] - value[0])


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ((100, 101, 102, 103, 104, 50, 51, 52, 53, 54), UNEXPLAINED_DOWN),
        ((100, 101, 102, 103, 104, 1, 2, 3, 4, 5), RESET),
        ((100, 101, 0.4, 0.9), RESET),
        ((100, 40), RESET),  # nothing is known of it
    ],
)
def test_a_few_readings_tell_a_reset_from_a_step(values, kind):
    """With no more than these to learn from: what is left after the drop must be able to flow."""
    rows = quarters(*map(float, values))
    learnt = limits.rate_max_learnt(*grouped({0: rows})[2:])
    found = judged(rows, replace(USUAL, rate_max=learnt, jump_max=math.inf))
    assert set(found.kind.tolist()) == {PLAIN, kind}


@pytest.mark.parametrize("column", [1, 2])
def test_a_reset_of_a_real_household_is_one_after_two_days(column):
    """Wherever in two days of a year it begins again from zero, by what these days teach."""
    amounts = household(column)
    for start in range(0, len(amounts) - 96, 96 * 7):
        value = 5000 + np.cumsum(amounts[start : start + 96])
        if value[-1] - value[0] < 1:  # nothing flows in these days
            continue
        for at in (30, 50, 80):
            began = np.where(np.arange(96) < at, value, value - value[at - 1])
            time_ns = np.arange(96) * HOUR // 2
            learnt = limits.rate_max_learnt(time_ns, began)
            by = replace(USUAL, rate_max=learnt, jump_max=math.inf)
            assert register.judge(time_ns, began, by).kind[at] == RESET
