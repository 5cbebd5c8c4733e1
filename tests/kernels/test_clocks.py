"""Wrong clocks equal their twin, however the receipts are cut."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_rows import NS

from kernels import clocks

MINUTE = 60 * NS
DAY = 86_400 * NS


def twin(receipts):
    """Return (kind, start, end, ahead) of all faults, those that last with end None."""
    found, lags, run = [], [], []
    good = since = bad = None
    ahead = 0

    def median(values):
        values = sorted(values)
        half = len(values) // 2
        if len(values) % 2:
            return values[half]
        return values[half - 1] + (values[half] - values[half - 1]) // 2

    for came, t, impossible in receipts:
        if impossible:
            bad = bad if bad is not None else good if good is not None else came
            continue
        if bad is not None:
            found.append((1, bad, t, 0))
            bad = None
        lag, usual, mad = came - t, 0, 0
        if len(lags) >= 8:
            usual = median(lags[-16:])
            mad = median([abs(one - usual) for one in lags[-16:]])
            far = abs(lag - usual) > max(10 * MINUTE, 8 * mad)
        else:
            far = lag < -MINUTE
        same = bool(run) and abs(lag - run[0][0]) <= max(MINUTE, 4 * mad)
        if run and not (far and same):
            if since is not None:
                found.append((0, since, t, ahead))
                since = None
            else:
                lags.append(run[0][0])
            run = []
        if not far:
            lags.append(lag)
            good = t
            continue
        if not run:
            begins = good if good is not None else came
        run.append((lag, came))
        if since is None and len(run) >= 3 and came - run[0][1] >= 2 * MINUTE:
            since, ahead = begins, usual - run[0][0]
        if since is not None and came - run[0][1] > 7 * DAY:
            found.append((0, since, t, ahead))
            lags, run, since = [], [], None
    if since is not None:
        found.append((0, since, None, ahead))
    if bad is not None:
        found.append((1, bad, None, 0))
    return found


def listed(found):
    """Return faults as the twin does."""
    columns = (found.kind, found.start_ns, found.end_ns, found.ahead_ns)
    return [
        (kind, start, None if end == clocks.NONE else end, ahead)
        for kind, start, end, ahead in zip(*(c.tolist() for c in columns), strict=True)
    ]


def judged(receipts, cuts=()):
    """Return the faults of one device, in so many batches."""
    state = clocks.State.empty(2)
    found = []
    for part in np.split(np.arange(len(receipts)), sorted(cuts)):
        came, t, impossible = (
            np.array([receipts[i][k] for i in part], d) for k, d in enumerate(("i8", "i8", "?"))
        )
        args = (np.array([1]), np.array([0, len(part)]), came, t, impossible)
        found += listed(clocks.fold(state, *args))
    return found + listed(clocks.open_faults(state, np.array([0, 1])))


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([1, 60, 900, 86_400]),
            st.sampled_from([0, 1, 3, 3600, -3600, -120, 5400, 90_000]),
            st.booleans(),
        ),
        max_size=60,
    ),
    st.data(),
)
def test_faults_equal_their_twin_in_any_batches(steps, data):
    """Lags that stay for a few receipts and change, impossible times now and then."""
    receipts, came = [], 10**18
    for gap, lag, odd in steps:
        for _ in range(4):
            came += gap * NS
            receipts.append((came, came - lag * NS, odd and lag == 3))
    cuts = data.draw(st.lists(st.integers(0, len(receipts)), max_size=4))
    assert judged(receipts, cuts) == twin(receipts)


def live(n, lag_s=2, from_ns=10**18, every=15 * MINUTE):
    """Return receipts of a device that speaks every quarter of an hour."""
    return [(from_ns + i * every, from_ns + i * every - lag_s * NS, False) for i in range(n)]


def test_an_hour_ahead_is_a_wrong_clock_until_it_is_set():
    before, wrong = live(20), live(8, -3598, 10**18 + 20 * 15 * MINUTE)
    after = live(5, 2, 10**18 + 28 * 15 * MINUTE)
    (fault,) = judged([*before, *wrong, *after])
    assert fault == (0, before[-1][1], after[0][1], 3600 * NS)
    (still,) = judged([*before, *wrong])
    assert still[2] is None


def test_what_was_held_up_is_no_wrong_clock():
    """A day offline, then all at once; and a network that answers late once."""
    held = [(10**18 + DAY, 10**18 + i * 15 * MINUTE, False) for i in range(20, 90)]
    held = [(came + i * NS, t, bad) for i, (came, t, bad) in enumerate(held)]
    assert judged([*live(20), *held, *live(10, 2, 10**18 + 2 * DAY)]) == []
    late = [(10**18 + 21 * 15 * MINUTE, 10**18 + 20 * 15 * MINUTE, False)]
    assert judged([*live(20), *late, *live(5, 2, 10**18 + 22 * 15 * MINUTE)]) == []


def test_a_clock_from_the_future_is_wrong_from_the_first():
    (fault,) = judged(live(5, -600))
    assert fault == (0, 10**18, None, 600 * NS)
    assert judged(live(40, 7200)) == [], "what is always two hours old is usual"


def test_after_a_week_a_clock_is_as_it_is():
    wrong = live(800, -3598, 10**18 + 20 * 15 * MINUTE)
    found = judged([*live(20), *wrong])
    assert [one[2] is None for one in found] == [False, True], "and again ahead of the receipt"
    slow = live(800, 3602, 10**18 + 20 * 15 * MINUTE)
    assert [one[2] is None for one in judged([*live(20), *slow])] == [False]


def test_shapes_that_can_not_be_are_refused():
    state = clocks.State.empty(1).grown(2)
    state.reset(np.array([0]))
    one = np.zeros(1, np.int64)
    with pytest.raises(ValueError, match="impossible"):
        clocks.fold(state, one, np.array([0, 1]), one, one, np.zeros(2, bool))
    assert judged([]) == []
    assert len(clocks.open_faults(state, np.array([0, 1]))) == 0
