"""Each way in which readings can go wrong is counted, and nothing else is."""

import random

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.score_readings import DAY_NS, WHAT, Compared, ReadingCounts, compare

START_NS = 1_772_366_400 * 10**9
NOW_NS = START_NS + 30 * DAY_NS
MINUTE_NS = 60 * 10**9
DATED, TIMELESS = 0, 1
Row = tuple[int, int, int, float]
SENT: dict[str, type[pl.DataType]] = {
    "device": pl.Int32, "channel": pl.Int32, "time_ns": pl.Int64, "stated_ns": pl.Int64,
    "sent": pl.Float64, "copies": pl.Int8, "step": pl.Float64, "timeless": pl.Boolean,
}  # fmt: skip
STORED: dict[str, type[pl.DataType]] = {
    "device": pl.Int32, "channel": pl.Int32, "time_ns": pl.Int64, "value": pl.Float64
}  # fmt: skip


def sample(
    at: int, value: float, *, device: int = DATED, channel: int = 0, stated_ns: int | None = None,
    copies: int = 1,
) -> tuple[int, int, int, int, float, int, float, bool]:  # fmt: skip
    time_ns = START_NS + at * MINUTE_NS
    stated = time_ns if stated_ns is None else stated_ns
    return device, channel, time_ns, stated, value, copies, 0.1, device == TIMELESS


def run() -> tuple[list[tuple], list[Row]]:
    """Return what two devices sent, and what a faultless receiver stores of it."""
    sent, stored = [], []
    for device in (DATED, TIMELESS):
        for channel in (0, 1):
            for at in range(50):
                value = (at * 7 % 23 + channel * 100) / 10
                sent.append(sample(at, value, device=device, channel=channel))
                receipt = START_NS + at * MINUTE_NS + (137 * 10**6 if device == TIMELESS else 0)
                # As a decoder computes it, not as the sender did.
                stored.append((device, channel, receipt, (at * 7 % 23 + channel * 100) * 0.1))
    return sent, stored


def compared(sent: list[tuple], stored: list[Row], now_ns: int = NOW_NS) -> ReadingCounts:
    """Return the counts over all series, after a look whether they add up."""
    found = compare(
        pl.DataFrame(sent, schema=SENT, orient="row"),
        pl.DataFrame(stored, schema=STORED, orient="row"),
        now_ns,
    )
    counts = ReadingCounts(**found.counts.select(pl.col(what).sum() for what in WHAT).to_dicts()[0])
    fine = counts.right + counts.wrong_value + counts.wrong_time
    assert counts.expected == fine + counts.lost
    assert len(stored) == fine + counts.duplicated + counts.unexpected
    told = found.examples.group_by("what").len().to_dicts()
    for one in told:
        assert one["len"] <= getattr(counts, one["what"])
    return counts


def test_a_faultless_run_has_no_fault() -> None:
    """Nothing lost, nothing doubled."""
    counts = compared(*run())
    assert counts == ReadingCounts(expected=200, right=200)
    assert counts.faults == 0


@pytest.mark.parametrize("at", [0, 77, 120, 199])
def test_a_removed_reading_is_lost(at: int) -> None:
    """Wherever it was."""
    sent, stored = run()
    del stored[at]
    assert compared(sent, stored) == ReadingCounts(expected=200, right=199, lost=1)


@pytest.mark.parametrize("at", [0, 77, 120, 199])
def test_a_doubled_reading_is_doubled(at: int) -> None:
    """At the same instant, and for a device without a clock also at another one."""
    sent, stored = run()
    twin = stored[at]
    expected = ReadingCounts(expected=200, right=200, duplicated=1)
    assert compared(sent, [*stored, twin]) == expected
    if twin[0] == TIMELESS:
        late = (*twin[:2], twin[2] + 7 * MINUTE_NS, twin[3])
        assert compared(sent, [*stored, late]) == expected


@pytest.mark.parametrize("at", [0, 77, 120, 199])
def test_a_changed_value_is_wrong(at: int) -> None:
    """By one step already."""
    sent, stored = run()
    device, channel, time_ns, value = stored[at]
    # Of a device without a clock only the count of each value is known.
    stored[at] = (device, channel, time_ns, value + (0.1 if device == DATED else 50))
    assert compared(sent, stored) == ReadingCounts(expected=200, right=199, wrong_value=1)


@pytest.mark.parametrize("shift_ns", [2_000, 10**9, -90 * MINUTE_NS, 40 * DAY_NS])
def test_a_shifted_reading_is_at_a_wrong_time(shift_ns: int) -> None:
    """By two microseconds already."""
    sent, stored = run()
    device, channel, time_ns, value = stored[13]
    stored[13] = (device, channel, time_ns + shift_ns, value)
    assert compared(sent, stored) == ReadingCounts(expected=200, right=199, wrong_time=1)


def test_a_time_that_a_float_rounded_is_the_time() -> None:
    """Seconds as a float tell a time of today to a quarter of a microsecond."""
    sent, stored = run()
    rough = [(d, c, int(float(t / 1e9) * 1e9), v) for d, c, t, v in stored]
    moved = [(d, c, t + 238, v) for d, c, t, v in stored]
    for told in (rough, moved):
        assert compared(sent, told) == ReadingCounts(expected=200, right=200)


def test_a_reading_that_nobody_sent_is_unexpected() -> None:
    """In a series that is known; series that aren't are not judged here."""
    sent, stored = run()
    stored.append((DATED, 0, START_NS + 1234, 999.9))
    assert compared(sent, stored) == ReadingCounts(expected=200, right=200, unexpected=1)


def test_what_was_never_delivered_is_not_expected() -> None:
    """And what was delivered twice is expected once."""
    sent = [sample(0, 1.0, copies=0), sample(1, 2.0, copies=2), sample(2, 3.0)]
    stored = [(DATED, 0, START_NS + at * MINUTE_NS, at + 1.0) for at in (1, 2)]
    assert compared(sent, stored) == ReadingCounts(expected=2, right=2)
    # Stored a second time, when the second copy came:
    stored.append((DATED, 0, START_NS + MINUTE_NS + 20 * 10**9, 2.0))
    assert compared(sent, stored) == ReadingCounts(expected=2, right=2, duplicated=1)


def test_an_impossible_time_gives_way_to_the_receipts() -> None:
    """Before 2000, or more than a day ahead of the receipt."""
    receipt_ns = NOW_NS - 5 * MINUTE_NS
    sent = [sample(0, 1.5, stated_ns=77), sample(1, 2.5, stated_ns=NOW_NS + 3 * DAY_NS)]
    stored = [(DATED, 0, receipt_ns, 1.5), (DATED, 0, receipt_ns + 1, 2.5)]
    assert compared(sent, stored) == ReadingCounts(expected=2, right=2)
    assert compared(sent, stored[:1]) == ReadingCounts(expected=2, right=1, lost=1)
    believed = [(DATED, 0, 77, 1.6), (DATED, 0, NOW_NS + 3 * DAY_NS, 2.5)]
    assert compared(sent, believed).wrong_value == 1


def test_a_time_ahead_of_the_sampling_may_be_history_by_now() -> None:
    """A run that is sent weeks after its time: two days ahead of it lie in the past."""
    ahead_ns = START_NS + 2 * DAY_NS
    sent = [sample(0, 1.5, stated_ns=ahead_ns)]
    for time_ns in (ahead_ns, NOW_NS):
        assert compared(sent, [(DATED, 0, time_ns, 1.5)]) == ReadingCounts(expected=1, right=1)
    assert compared(sent, []) == ReadingCounts(expected=1, lost=1)


def test_samples_of_one_instant_share_a_reading() -> None:
    """A clock that was put back tells an instant twice; one of the values can be kept."""
    sent = [sample(0, 1.5), sample(60, 2.5, stated_ns=START_NS)]
    for value in (1.5, 2.5):
        counts = compared(sent, [(DATED, 0, START_NS, value)])
        assert counts == ReadingCounts(expected=1, right=1, same_instant=1)
    assert compared(sent, [(DATED, 0, START_NS, 3.5)]).wrong_value == 1
    assert compared(sent, []).lost == 1


def test_nothing_sent_and_nothing_stored_compare() -> None:
    """Empty sides are no special case."""
    sent, stored = run()
    assert compared(sent, []) == ReadingCounts(expected=200, lost=200)
    assert compared([], stored) == ReadingCounts(unexpected=200)
    assert compared([], []) == ReadingCounts()


def test_large_registers_are_told_to_their_step() -> None:
    """A step more or less of a register of a terawatt-hour is seen; rounding isn't."""
    total = 987_654_321_012.0
    one = (*sample(0, total)[:6], 1.0, False)
    fine = (DATED, 0, START_NS, total / 1000 * 1000.0000000000001)
    assert compared([one], [fine]).right == 1
    assert compared([one], [(DATED, 0, START_NS, total + 1)]).wrong_value == 1


@settings(max_examples=60, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(0, 6), st.integers(0, 6), st.integers(0, 6))
def test_mutations_are_counted_together(
    rng: random.Random, removed: int, changed: int, added: int
) -> None:
    """Any number of each, anywhere in the run; the order of what is stored means nothing."""
    sent, stored = run()
    chosen = rng.sample(range(200), removed + changed)
    for at in chosen[:changed]:
        device, channel, time_ns, value = stored[at]
        stored[at] = (device, channel, time_ns, value + 70)
    new = [(DATED, 0, START_NS + 5 * DAY_NS + k, 500.0 + k) for k in range(added)]
    kept = [row for at, row in enumerate(stored) if at not in chosen[changed:]] + new
    rng.shuffle(kept)
    counts = compared(sent, kept)
    series = [(stored[at][0], stored[at][1]) for at in chosen]
    if len({one for one in series if one[0] == TIMELESS}) == sum(d == TIMELESS for d, _ in series):
        assert counts.wrong_value == changed
        assert counts.lost == removed
    # Without a clock, one that is lost and one that is changed can't be told apart.
    assert counts.wrong_value + counts.lost == changed + removed
    assert counts.duplicated == 0
    assert counts.unexpected == added


def test_comparisons_of_several_batches_are_one() -> None:
    """Counts stay apart by series; of the examples a few are kept."""
    parts = []
    for device in (DATED, TIMELESS):
        sent = [sample(at, 1.0, device=device) for at in range(30)]
        parts.append(
            compare(
                pl.DataFrame(sent, schema=SENT, orient="row"), pl.DataFrame(schema=STORED), NOW_NS
            )
        )
    whole = Compared.joined(parts)
    assert whole.counts.select("device", "lost").rows() == [(DATED, 30), (TIMELESS, 30)]
    assert whole.examples.height == 20
