"""Spikes, flatlines and silences equal their twins, whatever the batches."""

import math

import naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_rows import CUTS, NS, batches, events, grouped, stretches

from kernels import flatline, rhythm, spike

LEVELS = st.sampled_from([0.0, 20.0, 20.5, 21.0, 500.0, -1e6, 1e12, math.nan, math.inf])
SERIES = st.fixed_dictionaries({slot: stretches(LEVELS, 40) for slot in (2, 0)})
STEPS_NS = st.sampled_from([NS, 900 * NS, 86_400 * NS])
ALL = np.arange(3)
GAPS = st.sampled_from([60, 66, 300, 600, 3600, 86400]) | st.integers(50, 90)


def rows_of(*values):
    """Return the values as rows of slot 1, a second apart."""
    return {1: [(i * NS, float(v)) for i, v in enumerate(values)]}


def noise(n, level=20.0):
    """Return n noisy values."""
    return (level + np.random.default_rng(7).normal(0, 0.3, n)).round(1).tolist()


def spiked(values):
    """Return the ended and the open spikes of slot 1 that sees these values."""
    state = spike.State.empty(3)
    ended = spike.fold(state, *grouped(rows_of(*values)))
    return events(ended, 1), events(spike.open_spikes(state, ALL), 1)


def flat(values, rests_at_zero=False):
    """Return the ended and the open flatlines of slot 1 that sees these values."""
    state = flatline.State.empty(3)
    state.rests_at_zero[1] = rests_at_zero
    ended = flatline.fold(state, *grouped(rows_of(*values)))
    return events(ended, 1), events(flatline.open_flatlines(state, ALL), 1)


@st.composite
def bursts(draw):
    """Draw [(time, value)] of a quiet series with bursts of one to six wild values."""
    step_ns, noise = draw(STEPS_NS), np.random.default_rng(draw(st.integers(0, 2**32)))
    values = list(noise.normal(20, 0.3, draw(st.integers(20, 70))).round(1))
    for _ in range(draw(st.integers(0, 12))):
        height = draw(st.sampled_from([-40.0, 5.0, 30.0, 33.0, 60.0, 1e5]))
        values += [20 + height * noise.uniform(0.9, 1.1) for _ in range(draw(st.integers(1, 6)))]
        values += list(noise.normal(20, 0.3, draw(st.sampled_from([1, 5, 70, 400]))).round(1))
    return [(i * step_ns, float(v)) for i, v in enumerate(values)]


BURSTS = st.fixed_dictionaries({slot: bursts() for slot in (2, 0)})


@given(SERIES | BURSTS, CUTS, st.booleans())
def test_spikes_equal_their_twin(series, cuts, erratic):
    """The events and the state are those of one batch and of the twin."""
    state, whole = spike.State.empty(3), spike.State.empty(3)
    state.erratic[:] = whole.erratic[:] = erratic
    found = [e for b in batches(series, cuts) for e in events(spike.fold(state, *grouped(b)))]
    assert sorted(found) == events(spike.fold(whole, *grouped(series)))
    for name in spike.State.__slots__:
        np.testing.assert_array_equal(getattr(state, name), getattr(whole, name))
    for slot, rows in series.items():
        ended, still = naive.spikes(rows, erratic)
        assert [row for s, *row in sorted(found) if s == slot] == [list(e) for e in ended]
        assert events(spike.open_spikes(state, ALL), slot) == ([still] if still else [])


@given(SERIES, CUTS, st.booleans())
def test_flatlines_equal_their_twin(series, cuts, rests_at_zero):
    """The events and the state are those of one batch and of the twin."""
    state, whole = flatline.State.empty(3), flatline.State.empty(3)
    state.rests_at_zero[:] = whole.rests_at_zero[:] = rests_at_zero
    found = [e for b in batches(series, cuts) for e in events(flatline.fold(state, *grouped(b)))]
    assert sorted(found) == events(flatline.fold(whole, *grouped(series)))
    np.testing.assert_array_equal(state.whole, whole.whole)
    np.testing.assert_array_equal(state.last, whole.last)
    for slot, rows in series.items():
        ended, still = naive.flatlines(rows, rests_at_zero)
        assert [row for s, *row in sorted(found) if s == slot] == [list(e) for e in ended]
        assert events(flatline.open_flatlines(state, ALL), slot) == ([still] if still else [])


@given(
    st.lists(st.tuples(GAPS, st.integers(1, 12))),
    CUTS,
    st.sampled_from([0, 100, 10_000]),
)
def test_silences_equal_their_twin(gaps, cuts, floor_ns):
    """The events, the limits and the state are those of one batch and of the twin."""
    times = np.cumsum([5, *(gap for gap, n in gaps for _ in range(n))]).tolist()
    series = {1: [(t, 0.0) for t in times]}
    state, whole = rhythm.State.empty(3), rhythm.State.empty(3)
    found = []
    for batch in batches(series, cuts):
        found += events(rhythm.fold(state, *grouped(batch)[:3], floor_ns), 1)
    assert found == events(rhythm.fold(whole, *grouped(series)[:3], floor_ns), 1)
    np.testing.assert_array_equal(state.ring, whole.ring)
    np.testing.assert_array_equal(state.whole, whole.whole)
    expected, limit = naive.silences(times, floor_ns)
    assert found == expected
    limits = rhythm.limits(state)
    assert limits.last_ns.tolist() == [0, times[-1], 0]
    assert limits.limit_ns.tolist() == [rhythm.FOREVER, limit or rhythm.FOREVER, rhythm.FOREVER]


def test_a_spike_is_one_event_with_what_was_expected():
    """Three outliers in a row: from the first to the reading after, with the farthest of them."""
    values = [*noise(40), 90, 120, 80, *noise(5)]
    ended, still = spiked(values)
    assert [event[:3] for event in ended] == [(40 * NS, 43 * NS, 120.0)]
    assert ended[0][3] == pytest.approx(20, abs=0.2)
    assert ended[0][4] > 100
    assert still == []


def test_an_open_spike_can_be_read():
    """It has no end yet."""
    ended, still = spiked([*noise(40), 90])
    assert ended == []
    assert still[0][:3] == (40 * NS, -1, 90.0)


@pytest.mark.parametrize("length", [1, 2, 3, 4])
def test_up_to_four_readings_are_a_spike(length):
    """They are open from the first on, and end with the reading that is back."""
    values = [*noise(40), *[90.0] * length]
    assert [event[:2] for event in spiked(values)[1]] == [(40 * NS, -1)]
    ended, still = spiked([*values, 20.0])
    assert [(start, end) for start, end, *_ in ended] == [(40 * NS, (40 + length) * NS)]
    assert still == []


def test_a_new_level_is_no_spike_and_usual_then():
    """The fifth reading takes the open spike back; neither the level nor the way back alarms."""
    values = [*noise(40), *[90.0] * 4]
    assert len(spiked(values)[1]) == 1
    values.append(90.0)
    assert spiked(values) == ([], [])
    assert spiked([*values, *noise(200, level=90), *noise(200), *noise(9, level=90)]) == ([], [])


def test_the_next_spike_is_found_too():
    """Neither ring nor envelope keeps what was a spike."""
    ended, _ = spiked([*noise(40), 90.0, *noise(10), 91.0, 20.0])
    assert [start for start, *_ in ended] == [40 * NS, 51 * NS]


def test_what_happens_again_and_again_is_told_three_times():
    """A machine that runs now and then is usual; what is much higher, or on the other side, not."""
    runs = [*[2.0] * 40, *[1400.0, 1390.0, *[2.0] * 9] * 7]
    assert len(spiked(runs)[0]) == 3
    assert spiked([*runs, 1420.0]) == spiked([*runs, 900.0])
    assert [event[2] for event in spiked([*runs, 1800.0])[1]] == [1800.0]
    assert [event[2] for event in spiked([*runs, -1400.0])[1]] == [-1400.0]
    assert [event[2] for event in spiked([*runs, 1400.0, 1800.0])[1]] == [1800.0]
    assert len(spiked([*runs, *[2.0] * 400, 1420.0])[1]) == 1


def test_mornings_are_usual_from_the_second_day_on():
    """Lights of half a day: the night alone would make each morning an alarm, open or ended."""
    draw = np.random.default_rng(3)
    hour = np.arange(96 * 8) / 4 % 24
    value = np.where((hour > 7.7) & (hour < 16.2), 320.0, 2.0) + draw.normal(0, 4, len(hour))
    state, told = spike.State.empty(3), set()
    for i, v in enumerate(value.round()):
        spike.fold(state, *grouped({1: [(i * 900 * NS, v)]}))
        told |= {i // 96 for _ in spike.open_spikes(state, ALL).start_ns}
    assert told <= {0}


def test_the_envelope_forgets_in_weeks():
    """What was usual a day ago is so today, and not three months later."""
    high = [*noise(40, level=90), *noise(70)]
    for days, count in ((1, 0), (90, 1)):
        later = [(i * NS, v) for i, v in enumerate(high)]
        later += [((i + 200) * NS + i * days * 864 * NS, v) for i, v in enumerate(noise(100))]
        state = spike.State.empty(3)
        spike.fold(state, *grouped({1: [*later, (later[-1][0] + NS, 90.0)]}))
        assert len(spike.open_spikes(state, ALL)) == count


@pytest.mark.parametrize(
    "values",
    [
        [*noise(20), 500, *noise(20)],  # warming up
        [12.3] * 70 + [12.4] * 5,  # a first tick
        [0.0] * 70 + [2000.0] * 3 + [0.0] * 70 + [1900.0] * 3,  # a plug at rest, switched on
        [0.1] * 5 + [0.2] + [0.1] * 70 + [0.2],  # a tick near zero that was seen before
        [20.0, 500.0] * 40,  # jumps anyway
        [*noise(70), *np.linspace(20, 90, 300).round(1).tolist()],  # drifts away
        [5.0] * 200,
        [math.nan, math.inf] * 50,
    ],
)
def test_no_spike(values):
    """What is usual for its series is no spike."""
    assert spiked(values) == ([], [])


def test_a_wild_value_after_equal_ones_is_a_spike():
    """All equal values have a scale of 1 % of their level."""
    ended, _ = spiked([21.5] * 30 + [95.0, 21.5])
    assert [event[:4] for event in ended] == [(30 * NS, 31 * NS, 95.0, 21.5)]


def test_the_way_back_from_a_spike_does_not_teach():
    """The same wild value after 64 equal ones is a spike again."""
    ended, _ = spiked([21.5] * 30 + [95.0] + [21.5] * 70 + [95.0, 21.5])
    assert [start for start, *_ in ended] == [30 * NS, 101 * NS]


def test_the_resolution_is_that_of_the_whole_ring():
    """The oldest step of the ring counts until it leaves."""
    values = [20.0, 20.5, 30.5] + [20.5] * 21
    assert spiked([*values, 36.0])[1][0][4] == 15.5 / 0.5
    assert spiked([*values, *[20.5] * 41, 36.0]) == ([], [])


def test_scores_are_finite():
    """The largest values that there are give the largest score."""
    with np.errstate(over="ignore", invalid="ignore"):  # what plain Python says of it
        _, still = spiked([1e-300] * 12 + [-1e-300] * 12 + [1.7e308])
    assert still[0][4] == spike.Z_MAX


def test_a_stuck_sensor_is_a_flatline():
    """30 noisy readings, then one value: open from its 16th repeat, ended by the next other."""
    values = np.arange(30.0).tolist() + [7.0] * 15
    assert flat(values) == ([], [])
    assert flat([*values, 7.0]) == ([], [(30 * NS, -1, 16, 7.0, 1.0)])
    assert flat([*values, *[7.0] * 17, 8.0])[0] == [(30 * NS, 62 * NS, 32, 7.0, 2.0)]


def test_twelve_changes_show_how_a_sensor_moves():
    """With one change less nothing is said."""
    assert flat([*range(12), *[50.0] * 16])[1] != []
    assert flat([*range(11), *[50.0] * 99]) == ([], [])


def test_a_flatline_does_not_teach():
    """Stuck for 40, then again for 16: twice an event."""
    moving = np.arange(30.0).tolist()
    assert [e[2] for e in flat([*moving, *[7.0] * 40, *moving, *[7.0] * 16, 1.0])[0]] == [40, 16]


def test_runs_that_are_usual_are_no_flatline():
    """A coarse sensor that holds a value for 10 readings may hold one for 30, not for 31."""
    coarse = np.repeat(np.arange(15.0), 10).tolist()
    assert flat([*coarse, *[3.0] * 30]) == ([], [])
    assert flat([*coarse, *[3.0] * 31])[1] == [(150 * NS, -1, 31, 3.0, 1.0)]


def test_rest_at_zero():
    """Zeros are the night for one series, and a fault of another."""
    nights = [*np.arange(1.0, 30.0).tolist(), *[0.0] * 50, *np.arange(1.0, 30.0).tolist()]
    assert flat(nights, rests_at_zero=True) == ([], [])
    assert len(flat(nights)[0]) == 1
    stuck = [*nights, *[5.0] * 16]
    assert len(flat(stuck, rests_at_zero=True)[1]) == 1


def test_silence_is_told_when_it_ends():
    """A minute's rhythm: 6 minutes are silence, 5 are not; it does not teach."""
    state = rhythm.State.empty(3)
    gaps = [60] * 10 + [300, 360, 60, 360]
    times = np.cumsum([0, *gaps])
    found = rhythm.fold(state, *grouped({1: [(t * NS, 0.0) for t in times]})[:3], NS)
    assert [e[2] for e in events(found, 1)] == [60 * NS] * 2
    assert found.start_ns.tolist() == [(600 + 300) * NS, (600 + 300 + 360 + 60) * NS]
    assert found.score.tolist() == [1.2, 1.2]
    assert rhythm.limits(state).limit_ns.tolist()[1] == 300 * NS


def test_the_median_of_an_even_number_is_between():
    """Four gaps of 60 and four of 65: 62, rounded down, five times."""
    state = rhythm.State.empty(1)
    times = np.cumsum([0, 60, 65, 60, 65, 60, 65, 60, 65])
    rhythm.fold(state, np.array([0]), np.array([0, 9]), times, 0)
    assert rhythm.limits(state).limit_ns.tolist() == [5 * 62]


def test_a_new_rhythm_is_learnt():
    """Eight silences in a row are the new rhythm; then nothing is silence until it is known."""
    state = rhythm.State.empty(1)
    times = np.cumsum([0] + [60] * 10 + [3600] * 30)
    found = rhythm.fold(state, np.array([0]), np.array([0, len(times)]), times, 0)
    assert len(found) == 8
    assert rhythm.limits(state).limit_ns.tolist() == [5 * 3600]


def test_gaps_of_centuries_do_not_overflow():
    """A limit that int64 can't hold is for ever."""
    state = rhythm.State.empty(1)
    times = np.arange(-4, 5) * 10**18 * 2
    assert len(rhythm.fold(state, np.array([0]), np.array([0, 9]), times, 0)) == 0
    assert rhythm.limits(state).limit_ns.tolist() == [rhythm.FOREVER]


@pytest.mark.parametrize("room", [spike, flatline, rhythm])
def test_grown_and_reset(room):
    """Growing keeps what is known, a reset forgets it, and less room is refused."""
    state = room.State.empty(2)
    slot, offsets, time_ns, value = grouped({1: rows_of(*noise(70))[1]})
    rest = (5,) if room is rhythm else (value,)
    room.fold(state, slot, offsets, time_ns, *rest)
    larger = state.grown(5)
    assert len(larger) == 5
    arrays = [(name, getattr(larger, name)) for name in larger.__slots__]
    for name, array in arrays:
        np.testing.assert_array_equal(array[:2], getattr(state, name))
        assert not array[2:].any()
    assert any(array.any() for _, array in arrays)
    larger.reset(np.array([1]))
    assert not any(array.any() for _, array in arrays)
    with pytest.raises(ValueError, match="at least 2"):
        state.grown(1)


def test_no_rows():
    """Empty groups and no groups leave everything as it was."""
    nothing = np.array([])
    assert len(spike.fold(spike.State.empty(1), np.array([0]), np.zeros(2), nothing, nothing)) == 0
    assert len(flatline.fold(flatline.State.empty(0), nothing, np.zeros(1), nothing, nothing)) == 0
    assert len(rhythm.fold(rhythm.State.empty(1), np.array([0]), np.zeros(2), nothing, 0)) == 0


def test_wrong_floor():
    """A floor below zero is refused."""
    with pytest.raises(ValueError, match="floor_ns"):
        rhythm.fold(rhythm.State.empty(1), np.array([0]), np.zeros(2), np.array([]), -1)
