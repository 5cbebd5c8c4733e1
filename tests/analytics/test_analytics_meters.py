"""What people know of meters, the typical week, and how sure a figure is."""

import math
from datetime import datetime

import numpy as np
import pytest
from derived_rows import BERLIN, EPOCH, HOUR, MINUTE
from register_rows import QUARTER, asked, before_and_after, rows_at, rows_of

from analytics.calendar import to_ns
from ingest.meter import Answer, Meter, RegisterFacts
from ingest.reading import Quality


def weeks(shape, days=28, base=5e6):
    """Return the rows of a register that takes shape(hour of the week) kWh in each local hour."""
    start = to_ns(datetime(2026, 3, 2, tzinfo=BERLIN))  # a Monday
    taken = np.array([shape(k % 168) for k in range(24 * days)]) * 1000
    times = start + HOUR * np.arange(24 * days + 1)
    return rows_at(list(zip(times.tolist(), (base + np.cumsum([0, *taken])).tolist(), strict=True)))


def test_a_gap_is_filled_by_the_typical_week_and_keeps_its_sum():
    """Two days lost in the third week, over a night and a morning: as on other such days."""
    rows = weeks(lambda hour: 0.2 if hour % 24 < 6 else 1.0 if hour < 120 else 2.0, days=26)
    lost = np.ones(len(rows), bool)
    lost[24 * 18 + 4 : 24 * 20 + 2] = False  # from Friday to Sunday
    kept = rows.take(lost)
    edges_ns = rows.time_ns[24 * 18 : 24 * 20 + 3]
    hours = np.array([p.value for p in asked(kept, edges_ns)])
    truth = np.array([p.value for p in asked(rows, edges_ns)])
    np.testing.assert_allclose(hours, truth, rtol=1e-9)
    found = asked(kept, edges_ns)
    assert {p.method for p in found[4:50]} == {"profile"}
    assert {p.quality for p in found[4:50]} == {Quality.SUBSTITUTED}
    time_ns = kept.time_ns
    few = (time_ns > rows.time_ns[24 * 17]) & (time_ns < rows.time_ns[24 * 21])
    short = asked(kept.take(few), edges_ns)
    assert {p.method for p in short[4:50]} == {"linear"}
    assert math.fsum(p.value for p in short) == pytest.approx(truth.sum(), rel=1e-12)


def test_an_estimate_takes_what_usually_flows_at_that_hour():
    """A drop that stays, in the small hours: as little as in other nights, not the mean."""
    rows = weeks(lambda hour: 0.2 if hour % 24 < 6 else 1.0)
    value = rows.value.copy()
    value[24 * 20 + 3 :] -= 3e6
    night = rows.time_ns[24 * 20 + 2 : 24 * 20 + 4]
    (found,) = asked(rows_at(list(zip(rows.time_ns.tolist(), value.tolist(), strict=True))), night)
    assert found.value == pytest.approx(200)
    assert [(c.kind, c.asked) for c in found.corrections] == [("unexplained", True)]
    assert found.uncertainty >= 200


def test_an_exchange_in_the_catalog_is_no_riddle():
    """100 kWh, end 100.6, start 7.0, then 7.3: 0.9 flowed, whatever hour was written down."""
    values = [*range(70, 101), 7.3, *range(8, 30)]
    at = EPOCH + 31 * QUARTER
    for wrong in (-QUARTER // 2, -20 * HOUR, 20 * HOUR):
        facts = RegisterFacts(
            (
                Meter(0, at + wrong, "A", last_register=100_600.0),
                Meter(at + wrong, None, "B", first_register=7_000.0),
            )
        )
        found = asked(rows_of(values), EPOCH + QUARTER * np.arange(29, 34), facts=facts)
        assert [p.value for p in found] == pytest.approx([1000, 900, 700, 1000])
        (correction,) = [c for p in found for c in p.corrections]
        assert (correction.kind, correction.asked) == ("exchange", False)
        assert correction.value == pytest.approx(93_600)
        assert {p.quality for p in found} == {Quality.MEASURED}


def test_an_exchange_that_was_not_read_is_asked_about():
    """It is known that there was one, and not what both showed."""
    values = [*range(70, 101), 7.3, *range(8, 30)]
    at = EPOCH + 31 * QUARTER
    facts = RegisterFacts((Meter(0, at), Meter(at)))
    (found,) = asked(rows_of(values), EPOCH + QUARTER * np.array([30, 31]), facts=facts)
    assert found.value == pytest.approx(1000)
    assert found.quality == Quality.SUSPECT
    assert [(c.kind, c.asked) for c in found.corrections] == [("exchange", True)]


def test_transformers_multiply_what_flows():
    """A ratio of 40 before, and of 20 after the exchange: what flows is what was metered."""
    values = [*range(70, 101), *range(8, 30)]
    at = EPOCH + 30 * QUARTER + MINUTE
    facts = RegisterFacts(
        (
            Meter(0, at, multiplier=40.0, last_register=100_500.0),
            Meter(at, multiplier=20.0, first_register=7_000.0),
        )
    )
    found = asked(rows_of(values), EPOCH + QUARTER * np.arange(29, 33), facts=facts)
    assert [p.value for p in found] == pytest.approx([40_000, 20_000 + 20_000, 20_000])
    edges_ns = [EPOCH, EPOCH + QUARTER * (len(values) - 1)]
    (whole,) = asked(rows_of(values), edges_ns, facts=facts)
    terms = [29e3 * 20, -70e3 * 40, *(c.value for c in whole.corrections)]
    assert whole.value == pytest.approx(math.fsum(terms), rel=1e-12)


def test_a_persons_answer_holds_and_the_last_word_counts():
    """A jump of 5,000 kWh did flow after all; then it did not."""
    values = before_and_after((100, 101, 5102, 5103))
    at = EPOCH + 32 * QUARTER
    edges_ns = EPOCH + QUARTER * np.arange(31, 33)
    yes, no = (Answer(at, counts, "Meier", said) for counts, said in ((True, 1), (False, 2)))
    for answers, amount, quality in [
        ((), 1e6, Quality.SUSPECT),
        ((yes,), 5.001e6, Quality.MEASURED),
        ((no, yes), 1e6, Quality.ESTIMATED),
    ]:
        facts = RegisterFacts((Meter(0, power_max=20_000.0),), answers)
        (found,) = asked(rows_of(values), edges_ns, facts=facts)
        assert found.value == pytest.approx(amount if amount > 1e6 else 1000)
        assert found.quality == quality
        assert not any(c.asked for c in found.corrections) or not answers


@pytest.mark.parametrize(("late_ns", "holds"), [(0, True), (999, True), (1000, False), (-1, False)])
def test_an_answer_is_of_the_reading_that_its_time_names(late_ns, holds):
    """A person's clock may have cut the time to the microsecond, and means that reading."""
    rows = rows_of(before_and_after((100, 101, 5102, 5103)))
    rows.time_ns[32] += late_ns
    said = (Answer(EPOCH + 32 * QUARTER, True, "Meier", 1),)
    facts = RegisterFacts((Meter(0, power_max=20_000.0),), said)
    edges_ns = EPOCH + QUARTER * np.array([31, 33])
    (found,) = asked(rows, edges_ns, facts=facts)
    assert (found.value > 5e6) == holds


def test_the_uncertainty_is_what_the_readings_leave_open():
    """Nothing where both ends were read; between readings what the fuse lets through."""
    at_ns = EPOCH + 2 * QUARTER + 7 * MINUTE
    edges_ns = [EPOCH, EPOCH + QUARTER, at_ns, EPOCH + 3 * QUARTER]
    facts = RegisterFacts((Meter(0, power_max=6_000.0),))
    found = asked(rows_of(range(100, 110)), edges_ns, facts=facts)
    assert found[0].uncertainty == 0
    # 1 kWh in the quarter; 700 Wh can flow in 7 minutes, 800 in 8: between 200 and 700, told 467.
    assert found[1].uncertainty == pytest.approx(1000 * (7 / 15 - 0.2))
    assert found[2].uncertainty == pytest.approx(found[1].uncertainty)


def test_what_is_known_of_a_period_is_told():
    """The value is of what lies between the first and the last reading."""
    found = asked(rows_of([None, None, *range(100, 108)]), EPOCH + HOUR * np.array([-1, 0, 1]))
    assert (found[0].known_from_ns, found[0].known_to_ns) == (EPOCH - HOUR, EPOCH - HOUR)
    assert (found[1].known_from_ns, found[1].known_to_ns) == (EPOCH + HOUR // 2, EPOCH + HOUR)
