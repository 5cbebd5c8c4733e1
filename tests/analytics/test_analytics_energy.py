"""Energy is conserved: the periods add up to the register's change and its named corrections."""

import gzip
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from derived_rows import BERLIN, EPOCH, HOUR, MINUTE, append, memory_store, sensor
from hypothesis import given, settings
from hypothesis import strategies as st
from register_rows import FUSED, QUARTER, asked, before_and_after, rows_at, rows_of

from analytics import energy
from analytics.calendar import By, edges, to_ns
from analytics.register import unwrapped
from ingest.clock import zone
from ingest.reading import Quality, Series

VECTORS = Path(__file__).parent.parent / "vectors"


@pytest.mark.parametrize(
    ("values", "amounts", "corrections", "quality"),
    [
        ((100, 101, 102), (1, 1), [], "measured"),
        ((100, 101, 0, 102, 103), (1, 0.5, 0.5, 1), [("glitch", 0)], "estimated"),
        ((100, 101, 0.4, 0.9), (1, 0.4, 0.5), [("reset", 101)], "measured"),
        ((100, None, None, None, 108), (2, 2, 2, 2), [], "substituted"),
        ((100, 101, 5102, 102.5), (1, 0.75, 0.75), [("glitch", 0)], "estimated"),
        ((100, 101, 5102, 5103), (1, 1, 1), [("unexplained", -5000)], "suspect"),
        ((99_999.5, 0.3, 0.8), (0.8, 0.5), [("rollover", 100_000)], "measured"),
        ((100, 101, 60, 61), (1, 1, 1), [("unexplained", 42)], "suspect"),
    ],
)
def test_the_worked_table(values, amounts, corrections, quality):
    """Glitch, reset, gap and unexplained step among plain quarter hours, in kWh."""
    whole = before_and_after(values)
    edges_ns = EPOCH + QUARTER * np.arange(30, 30 + len(values))
    found = asked(rows_of(whole), edges_ns, facts=FUSED)
    assert [p.value for p in found] == pytest.approx([1000 * a for a in amounts], rel=1e-9)
    named = [(c.kind, c.value) for p in found for c in p.corrections]
    assert [kind for kind, _ in named] == [kind for kind, _ in corrections]
    assert [v for _, v in named] == pytest.approx([1000 * v for _, v in corrections])
    assert max(p.quality for p in found).word == quality


@pytest.mark.parametrize(
    ("values", "kind", "at"),
    [
        ((100, 101, 102, 103, 104, 50, 51, 52, 53, 54), "unexplained", 5),
        ((100, 101, 0.4, 0.9), "reset", 2),
    ],
)
def test_a_young_register_is_judged_too(values, kind, at):
    """With no more readings than these a step down is not taken for a reset."""
    edges_ns = EPOCH + QUARTER * np.array([0, len(values) - 1])
    (period,) = asked(rows_of(values), edges_ns)
    assert [(c.kind, c.at_ns) for c in period.corrections] == [(kind, EPOCH + at * QUARTER)]


def test_a_boundary_between_two_readings_is_estimated_and_exact_in_sum():
    """7 minutes of a quarter hour on one side, 8 on the other."""
    at_ns = EPOCH + 2 * QUARTER + 7 * MINUTE
    found = asked(rows_of(range(100, 110)), [EPOCH, at_ns, EPOCH + 5 * QUARTER])
    assert [p.value for p in found] == pytest.approx([2000 + 7000 / 15, 3000 - 7000 / 15])
    assert [p.quality for p in found] == [Quality.ESTIMATED] * 2
    assert found[0].value + found[1].value == pytest.approx(5000, rel=1e-12)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (
            (100, 101, 0, 102, 103),
            "The reading 0 Wh is below 101000 Wh, after a restart, it seems: not counted.",
        ),
        (
            (100, 101, 0.4, 0.9),
            "The register fell from 101000 Wh to 400 Wh: it began again from zero."
            " What flowed in the 15 min before that and was not read is not invented.",
        ),
        (
            (100, 101, 60, 61),
            "The register fell from 101000 Wh to 60000 Wh and stayed, which can't have flowed in"
            " 15 min: 1000 Wh estimated from what usually flows.",
        ),
    ],
)
def test_a_correction_is_told_in_a_sentence(values, text):
    """What was seen, and what was made of it."""
    rows = rows_of(before_and_after(values))
    found = asked(rows, [EPOCH, int(rows.time_ns[-1])], facts=FUSED)
    assert [c.note for c in found[0].corrections] == [text]


@st.composite
def registers(draw):
    """Draw the rows of a register with faults: dips, resets, steps down, gaps."""
    seed, n = draw(st.integers(0, 2**32)), draw(st.integers(1, 150))
    rng = np.random.default_rng(seed)
    value = 1e5 + np.cumsum(rng.exponential(200, n) * (rng.random(n) < 0.9))
    for i in np.flatnonzero(rng.random(n) < draw(st.sampled_from([0, 0.03, 0.2]))).tolist():
        match rng.integers(4):
            case 0:
                value[i : i + rng.integers(1, 4)] = 0.0
            case 1:
                value[i:] -= value[i] - rng.uniform(0, 50)
            case 2:
                value[i:] = np.maximum(value[i:] - rng.uniform(0, 9e4), 0)
            case 3:
                value[i : i + 1] += 1e6
    step = rng.choice([60, 900, 901, 40_000], n, p=[0.05, 0.8, 0.1, 0.05])
    time_ns = EPOCH + np.cumsum(step) * 10**9
    return rows_at(list(zip(time_ns.tolist(), value.tolist(), strict=True)))


@st.composite
def cuts(draw, rows):
    """Draw edges: some at readings, some between or outside them."""
    times = rows.time_ns.tolist()
    anywhere = st.integers(times[0] - HOUR, times[-1] + HOUR)
    drawn = draw(st.lists(st.sampled_from(times) | anywhere, min_size=2, max_size=12, unique=True))
    return np.array(sorted(drawn), np.int64)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_the_identity(data):
    """Σ periods = v(b) − v(a) + Σ corrections in (a, b] for good readings a, b; none negative."""
    rows = data.draw(registers())
    whole = unwrapped(rows, "Wh", BERLIN)
    good = np.flatnonzero(whole.judged.good).tolist()
    if len(good) < 2:
        return
    a, b = sorted(data.draw(st.lists(st.sampled_from(good), min_size=2, max_size=2, unique=True)))
    between = data.draw(cuts(rows))
    first, last = int(rows.time_ns[a]), int(rows.time_ns[b])
    edges_ns = [first, *between[(between > first) & (between < last)].tolist(), last]
    found = asked(rows, edges_ns)
    amounts = [p.value for p in found if p.value is not None]
    assert min(amounts) >= 0
    corrections = [c for p in found for c in p.corrections]
    assert all(first < c.at_ns <= last for c in corrections)
    terms = [rows.value[b], -rows.value[a], *(c.value for c in corrections)]
    scale = max(*map(abs, terms), whole.u[-1])
    assert math.fsum(amounts) == pytest.approx(math.fsum(terms), rel=1e-12, abs=1e-12 * scale)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_additive_at_any_cut(data):
    """A finer question gives the same sum, the same corrections, no better quality."""
    rows = data.draw(registers())
    fine = data.draw(cuts(rows))
    (coarse,) = asked(rows, [fine[0], fine[-1]])
    parts = asked(rows, fine)
    known = [p.value for p in parts if p.value is not None]
    if coarse.value is None:
        assert known == []
        return
    total = float(unwrapped(rows, "Wh", BERLIN).u[-1])
    assert math.fsum(known) == pytest.approx(coarse.value, rel=1e-12, abs=1e-12 * total)
    assert [c for p in parts for c in p.corrections] == coarse.corrections
    covered = math.fsum(p.coverage * (p.end_ns - p.start_ns) for p in parts)
    assert covered == pytest.approx(coarse.coverage * (coarse.end_ns - coarse.start_ns), abs=1)
    assert any(p.provisional for p in parts) == coarse.provisional


@pytest.mark.parametrize(
    ("day", "where", "hours"),
    [
        ((2026, 3, 29), BERLIN, 23),
        ((2026, 10, 25), BERLIN, 25),
        ((2026, 10, 26), BERLIN, 24),
        ((2026, 7, 1), zone("+05:30"), 24),
    ],
)
def test_a_day_has_as_many_hours_as_its_zone_gives_it(day, where, hours):
    """1 kWh an hour over four days: the day's kWh are its hours, by day and by its hours."""
    midnight = datetime(*day, tzinfo=where)
    after = to_ns(datetime.combine(midnight.date() + timedelta(days=1), midnight.time(), where))
    start_ns = to_ns(midnight)
    first_ns = to_ns(midnight.astimezone(UTC)) - 30 * HOUR
    rows = rows_at([(first_ns + i * HOUR // 2, 500.0 * i) for i in range(4 * 48)])
    days = asked(rows, edges(start_ns - 24 * HOUR, after + 24 * HOUR, By.DAY, where))
    by_day = {p.start_ns: p for p in days}
    assert by_day[start_ns].end_ns == after == start_ns + hours * HOUR
    assert by_day[start_ns].value == pytest.approx(1000 * hours, rel=1e-12)
    found = asked(rows, edges(start_ns, after, By.HOUR, where))
    assert len(found) == hours
    assert [p.value for p in found] == pytest.approx([1000] * hours)
    assert {p.quality for p in found} == {Quality.MEASURED}


def test_the_first_and_last_period_tell_what_is_known_of_them():
    """Readings from 00:30 to 02:15: as measured, with the share of the hour that this covers."""
    values = [None, None, *range(100, 108)]
    found = asked(rows_of(values), EPOCH + HOUR * np.arange(-1, 5))
    assert [p.value for p in found] == [None, 2000, 4000, 1000, None]
    assert [p.coverage for p in found] == [0, 0.5, 1, 0.25, 0]
    assert [p.quality for p in found] == [
        *(None, Quality.MEASURED, Quality.MEASURED, Quality.MEASURED, None),
    ]


@pytest.mark.parametrize("readings", [[], [(EPOCH, 5.0)]])
def test_nothing_known_is_nothing_claimed(readings):
    """No reading, or one alone: no value, no quality, no coverage."""
    (found,) = asked(rows_at(readings), [EPOCH - HOUR, EPOCH + HOUR])
    assert (found.value, found.quality, found.coverage) == (None, None, 0.0)
    assert not found.provisional
    assert found.corrections == []


def test_coverage_is_the_time_between_readings_no_further_apart_than_the_gap_limit():
    """Quarter hours, then two and a half hours without: substituted there, sum kept."""
    values = [*range(12), *[None] * 9, *range(30, 42)]
    found = asked(rows_of(values), EPOCH + HOUR * np.arange(0, 8))
    assert [round(p.coverage, 6) for p in found] == [1, 1, 0.75, 0, 0, 0.75, 1, 1][: len(found)]
    qualities = [p.quality for p in found]
    assert qualities[:2] == [Quality.MEASURED] * 2
    assert qualities[2:6] == [Quality.SUBSTITUTED] * 4
    assert sum(p.value for p in found) == pytest.approx(1000 * (values[28] - values[0]))


@pytest.mark.parametrize("quality", [Quality.ESTIMATED, Quality.SUSPECT])
def test_a_period_is_no_better_than_the_readings_that_it_is_made_of(quality):
    """One doubtful reading touches the two periods around it, and no others."""
    qualities = np.zeros(33)
    qualities[10] = quality
    found = asked(rows_of(range(33), quality=qualities), EPOCH + QUARTER * np.arange(33))
    assert [i for i, p in enumerate(found) if p.quality != Quality.MEASURED] == [9]


def test_a_glitch_touches_the_quality_of_all_that_lies_across_it():
    """The step that passes over the glitch begins at the reading before it."""
    qualities = np.zeros(40)
    qualities[12] = Quality.SUSPECT  # the first good reading after the glitch
    values = [*range(10), 0, 0, *range(12, 40)]
    found = asked(rows_of(values, quality=qualities), EPOCH + QUARTER * np.arange(40))
    suspect = [i for i, p in enumerate(found) if p.quality == Quality.SUSPECT]
    assert suspect == [9, 10, 11]


def test_a_judgement_that_may_change_is_told():
    """A drop is provisional until four more readings and a day have come."""
    values = [*range(100, 130), 0.2, 0.4]
    found = asked(rows_of(values), EPOCH + QUARTER * np.arange(len(values)))
    assert [p.provisional for p in found] == [False] * 29 + [True] * 2
    values += [0.6 + i for i in range(100)]
    found = asked(rows_of(values), EPOCH + QUARTER * np.arange(len(values)))
    assert not any(p.provisional for p in found)


def test_it_is_asked_of_a_store():
    """The registers of a device, imported energy first, and the answer from all readings."""
    meter = [
        Series("m", q) for q in ("heat_energy", "active_energy_export", "active_energy_import")
    ]
    with memory_store() as store:
        append(store, [(sensor("m"), EPOCH, 20.0)])
        for series in meter:
            append(store, [(series, EPOCH + i * QUARTER, 1000.0 * i) for i in range(9)])
        found = energy.registers(store, "m")
        assert [s.quantity for s in found] == [
            *("active_energy_import", "active_energy_export", "heat_energy"),
        ]
        number = store.number(found[0])
        (hour,) = energy.energy(store, number, np.array([EPOCH + HOUR, EPOCH + 2 * HOUR]))
        assert (hour.value, hour.quality, hour.coverage) == (4000, Quality.MEASURED, 1)


@pytest.mark.parametrize("column", [1, 2])
def test_the_days_of_a_real_household(column):
    """A year of half hours, cut into days of Sydney: each day is the sum of its half hours."""
    with gzip.open(VECTORS / "household_pv_30min.csv.gz", "rt") as file:
        lines = [line.strip().split(",") for line in list(file)[1:]]
    amounts = np.array([float(line[column]) for line in lines]) * 1000
    where = zone("+10:00")  # the file's clock has no summer time
    start_ns = to_ns(datetime(2011, 7, 1, tzinfo=where))
    times = start_ns + np.arange(len(amounts) + 1) * HOUR // 2
    register = 5e6 + np.concatenate([[0], np.cumsum(amounts)])
    rows = rows_at(list(zip(times.tolist(), register.tolist(), strict=True)))
    found = asked(rows, edges(start_ns, int(times[-1]), By.DAY, where))
    days = amounts.reshape(-1, 48).sum(axis=1)
    assert len(found) == len(days)
    np.testing.assert_allclose([p.value for p in found], days, rtol=1e-9, atol=1e-6)
    assert {p.quality for p in found} == {Quality.MEASURED}
    assert {p.coverage for p in found} == {1.0}
    assert not any(p.corrections or p.provisional for p in found)
