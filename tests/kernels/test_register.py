"""Every step of a register has a name, and the amounts add up to its change."""

import gzip
import math
from pathlib import Path

import naive
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from kernel_rows import NS, grouped, timed

from kernels import register
from kernels.register import GAP, GLITCH, PLAIN, REJECTED, RESET, UNEXPLAINED_DOWN

HOUR = 3600 * NS
QUARTER = HOUR // 4
VECTORS = Path(__file__).parent.parent / "vectors"

VALUES = st.sampled_from([0.0, 0.5, 1.0, 2.0, 99.0, 100.0, 101.0, 101.5, 5102.0, math.nan]) | (
    st.floats(0, 200)
)
REGISTERS = timed(VALUES, steps_max=7, unit_ns=HOUR // 2, max_size=60)
LIMITS = st.fixed_dictionaries(
    {
        "gap_ns": st.sampled_from([0, HOUR, 3 * HOUR]),
        "rate_max": st.sampled_from([0.0, 1.0, 20.0, 1e4, math.inf]),
        "dip_readings": st.integers(0, 4),
        "dip_ns": st.sampled_from([0, HOUR, 5 * HOUR, 10**17]),
    }
)
USUAL = {"gap_ns": HOUR, "rate_max": 20.0, "dip_readings": 3, "dip_ns": 6 * HOUR}


def judged(rows, **limits):
    """Return the judgement of [(time, value)]."""
    return register.judge(*grouped({0: rows})[2:], **limits)


def quarters(*values):
    """Return the values as rows, a quarter of an hour apart."""
    return [(i * QUARTER, v) for i, v in enumerate(values)]


def tuples(found):
    """Return the judgement as the twin has it."""
    return list(
        zip(
            *(c.tolist() for c in (found.amount, found.correction, found.kind)),
            *(c.tolist() for c in (found.good, found.over_gap, found.provisional)),
            strict=True,
        )
    )


@given(REGISTERS, LIMITS)
def test_equals_its_twin(rows, limits):
    """The same judgement of every reading, to the bit."""
    assert tuples(judged(rows, **limits)) == naive.judge(rows, **limits)


@given(REGISTERS, LIMITS)
def test_identity(rows, limits):
    """Between good readings a, b: sum of amounts == v(b) - v(a) + sum of corrections; none < 0."""
    found = judged(rows, **limits)
    value = np.array([v for _, v in rows])
    assert (found.amount >= 0).all()
    assert not found.amount[~found.good].any()
    assert not found.correction[~found.good].any()
    good = np.flatnonzero(found.good)
    steps = np.diff(value[good]) + found.correction[good[1:]]
    np.testing.assert_allclose(found.amount[good[1:]], steps, rtol=1e-12, atol=1e-11)
    if len(good):
        last = good[-1]
        change = math.fsum([value[last], -value[good[0]], *found.correction])
        assert math.fsum(found.amount) == pytest.approx(change, rel=1e-12, abs=1e-9)


@given(REGISTERS, LIMITS, st.integers(0, 60))
def test_only_provisional_judgements_change(rows, limits, length):
    """What is not provisional stays, to the bit, whatever comes after."""
    before, after = (tuples(judged(part, **limits)) for part in (rows[:length], rows))
    assert [a for a, b in zip(after, before, strict=False) if not b[-1]] == [
        b for b in before if not b[-1]
    ]


@pytest.mark.parametrize(
    ("values", "amounts", "kinds", "correction"),
    [
        ((100, 101, 101), [0, 1, 0], [PLAIN] * 3, 0),
        ((100, 101, 0, 102, 103), [0, 1, 0, 1, 1], [PLAIN, PLAIN, GLITCH, PLAIN, PLAIN], 0),
        ((100, 0, 5000, 101), [0, 0, 0, 1], [PLAIN, GLITCH, GLITCH, PLAIN], 0),
        ((100, 101, 0.4, 0.9), [0, 1, 0.4, 0.5], [PLAIN, PLAIN, RESET, PLAIN], 101),
        ((100, 102, 60, 61), [0, 2, 2, 1], [PLAIN, PLAIN, UNEXPLAINED_DOWN, PLAIN], 44),
        ((100, 60), [0, 0], [PLAIN, UNEXPLAINED_DOWN], 40),
        ((100, math.nan, 101, math.inf), [0, 0, 1, 0], [PLAIN, REJECTED, PLAIN, REJECTED], 0),
        ((math.nan, 7), [0, 0], [REJECTED, PLAIN], 0),
        ((5, 5, 5), [0, 0, 0], [PLAIN] * 3, 0),
        ((5, -1, -1), [0, 0, 0], [PLAIN, UNEXPLAINED_DOWN, PLAIN], 6),
    ],
)
def test_worked_examples(values, amounts, kinds, correction):
    """The cases of the energy rules: kWh, quarter hours, 20 kW at most."""
    found = judged(quarters(*values), **USUAL)
    np.testing.assert_allclose(found.amount, amounts, rtol=1e-12)
    assert found.kind.tolist() == kinds
    assert found.correction.sum() == pytest.approx(correction)


def test_gap_keeps_its_amount():
    """100, three lost, 108: all of the 8, told as a gap; a reset over a gap stays a reset."""
    found = judged([(0, 100.0), (4 * QUARTER + 1, 108.0), (12 * QUARTER, 3.0)], **USUAL)
    assert found.kind.tolist() == [PLAIN, GAP, RESET]
    assert found.over_gap.tolist() == [False, True, True]
    assert found.amount.tolist() == [0, 8, 3]


def test_a_drop_at_the_end_is_provisional_until_enough_was_seen():
    """It is final after so many readings, or so much time, and when the register is back."""
    assert judged(quarters(100, 0), **USUAL).provisional.tolist() == [False, True]
    assert judged(quarters(100, 0, 0, 0), **USUAL).provisional.tolist() == [False, *[True] * 3]
    assert not judged(quarters(100, 0, 0, 0, 0), **USUAL).provisional.any()
    assert not judged([(0, 100.0), (QUARTER, 0.0), (9 * HOUR, 0.0)], **USUAL).provisional.any()
    assert not judged(quarters(100, 0, 101), **USUAL).provisional.any()


def test_a_dip_lasts_as_long_as_it_may():
    """A register that is back at the last moment dipped; a moment later, it was reset."""
    limits = {**USUAL, "dip_ns": HOUR}
    dip, late = (judged([(0, 9.0), (HOUR, 1.0), (2 * HOUR + ns, 10.0)], **limits) for ns in (0, 1))
    assert dip.kind.tolist() == [PLAIN, GLITCH, GAP]
    assert late.kind.tolist() == [PLAIN, RESET, GAP]


def test_estimate_looks_back_a_day_only():
    """The typical rate of an unexplained step is that of the last 96 plain steps."""
    values = [*range(0, 500, 5), *np.arange(496, 592, 1.0), 100, 100, 100, 100, 100]
    found = judged(quarters(*values), **USUAL)
    drop = int(np.flatnonzero(found.kind == UNEXPLAINED_DOWN)[0])
    assert found.amount[drop] == pytest.approx(1.0)


def test_no_readings_and_one():
    """Nothing is judged; a single reading is good and nothing flowed."""
    assert len(judged([], **USUAL)) == 0
    assert tuples(judged([(5, 7.0)], **USUAL)) == [(0, 0, PLAIN, True, False, False)]


@pytest.mark.parametrize("name", ["gap_ns", "rate_max", "dip_readings", "dip_ns"])
@pytest.mark.parametrize("limit", [-1, math.nan])
def test_wrong_limits_are_named(name, limit):
    """An error names the limit."""
    with pytest.raises(ValueError, match=name):
        judged([], **{**USUAL, name: limit})


def test_unequal_columns():
    """An error names the lengths."""
    with pytest.raises(ValueError, match="time_ns 1, value 2"):
        register.judge(np.zeros(1), np.zeros(2), **USUAL)
    with pytest.raises(ValueError, match="time_ns 1, value 2"):
        register.rate_max_learnt(np.zeros(1), np.zeros(2))


@given(st.lists(st.integers(-(2**61), 2**61), unique=True).map(sorted))
@example([])
@example([5])
@example([0, 1, 4])
def test_typical_gap(times):
    """The exact median, however many."""
    assert register.typical_gap(np.array(times, np.int64)) == naive.typical_gap(times)


@given(st.integers(0, 2**32), st.integers(0, 120), st.floats(0, 0.3))
def test_rate_learnt_equals_its_twin(seed, n, faults):
    """The same rate from climbs with glitches of all kinds among them."""
    draw = np.random.default_rng(seed)
    value = np.cumsum(draw.exponential(1.0, n) * (draw.random(n) < 0.9))
    wrong = draw.random(n) < faults
    value[wrong] = draw.choice([0.0, 1e6, math.nan], n)[wrong]
    rows = list(zip(np.cumsum(draw.integers(1, HOUR, n)).tolist(), value.tolist(), strict=True))
    learnt = register.rate_max_learnt(*grouped({0: rows})[2:])
    assert learnt == pytest.approx(naive.rate_max_learnt(rows), rel=1e-14)


def test_glitches_do_not_raise_the_rate():
    """Zeros after each boot, and spikes, are no flow."""
    value = np.arange(1000.0)
    clean = register.rate_max_learnt(np.arange(1000) * QUARTER, value)
    value[50::100] = 0.0
    value[75::100] = 1e7
    assert clean <= register.rate_max_learnt(np.arange(1000) * QUARTER, value) < 2 * clean


@pytest.mark.parametrize("column", [1, 2])
@pytest.mark.parametrize("days", [7, 30])
def test_no_climb_of_a_real_household_is_above_what_any_of_its_days_teach(column, days):
    """A year of consumption and of solar power, learnt from any stretch of it."""
    with gzip.open(VECTORS / "household_pv_30min.csv.gz", "rt") as file:
        amounts = np.array([float(line.split(",")[column]) for line in list(file)[1:]])
    time_ns, value, n = np.arange(len(amounts)) * HOUR // 2, np.cumsum(amounts), days * 48
    steepest = 2 * amounts.max()
    starts = range(0, len(amounts) - n, max(n, 240))
    learnt = [register.rate_max_learnt(time_ns[a : a + n], value[a : a + n]) for a in starts]
    assert min(learnt) > steepest
    found = register.judge(
        *(time_ns, value), gap_ns=HOUR, rate_max=max(learnt), dip_readings=3, dip_ns=HOUR
    )
    assert not found.kind.any()


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ((100, 101, 102, 103, 104, 50, 51, 52, 53, 54), UNEXPLAINED_DOWN),
        ((100, 101, 102, 103, 104, 99, 100, 101, 102, 103), UNEXPLAINED_DOWN),
        ((100, 101, 102, 103, 104, 1, 2, 3, 4, 5), RESET),
        ((100, 101, 0.4, 0.9), RESET),
        ((100, 101, 60, 61), UNEXPLAINED_DOWN),
        ((100, 40), RESET),  # nothing is known of it
    ],
)
def test_a_few_readings_tell_a_reset_from_a_step(values, kind):
    """With no more than these to learn from: what is left after the drop must be able to flow."""
    rows = quarters(*map(float, values))
    learnt = register.rate_max_learnt(*grouped({0: rows})[2:])
    found = judged(rows, **{**USUAL, "rate_max": learnt})
    assert set(found.kind.tolist()) == {PLAIN, kind}


@pytest.mark.parametrize("column", [1, 2])
def test_a_reset_of_a_real_household_is_one_after_two_days(column):
    """Wherever in two days of a year it begins again from zero, by what these days teach."""
    with gzip.open(VECTORS / "household_pv_30min.csv.gz", "rt") as file:
        amounts = np.array([float(line.split(",")[column]) for line in list(file)[1:]])
    for start in range(0, len(amounts) - 96, 96 * 7):
        value = 5000 + np.cumsum(amounts[start : start + 96])
        if value[-1] - value[0] < 1:  # nothing flows in these days
            continue
        for at in (30, 50, 80):
            began = np.where(np.arange(96) < at, value, value - value[at - 1])
            time_ns = np.arange(96) * HOUR // 2
            learnt = register.rate_max_learnt(time_ns, began)
            found = judged(list(zip(time_ns, began, strict=True)), **{**USUAL, "rate_max": learnt})
            assert found.kind[at] == RESET


def test_a_register_that_loses_a_little_at_each_boot_teaches_no_climb():
    """100, 0, 99.9: the way back from zero is no flow, though it ends below where it was."""
    value = np.arange(1000.0) - np.arange(1000) // 50 * 0.5
    clean = register.rate_max_learnt(np.arange(1000) * QUARTER, value)
    value[50::50] = 0.0
    assert register.rate_max_learnt(np.arange(1000) * QUARTER, value) < 2 * clean
