"""Windows are those of all readings at once, however they came and whatever was interrupted."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from derived_rows import BERLIN, DAY, EPOCH, HOUR, MINUTE, NS, append, memory_store, sensor
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.calendar import to_ns
from analytics.grouping import grouped
from analytics.windows import WIDTHS_NS, WindowBook, read_days, read_windows
from ingest.clock import zone
from ingest.derived import Derived
from ingest.reading import Series
from kernels import windows as kernel

SERIES = (sensor("a"), sensor("b"), Series("b", "active_energy_import"))
TIMES = st.integers(0, 3 * HOUR // (7 * NS)).map(lambda step: EPOCH - HOUR + step * 7 * NS)
READINGS = st.lists(
    st.tuples(st.sampled_from(SERIES), TIMES, st.sampled_from([0.1, 0.2, 0.3, 1e9, -7.0, 21.5])),
    max_size=30,
)
FIELDS = ("start_ns", "count", "min", "max", "mean", "last")


def columns(found):
    """Return windows as columns that compare bit for bit."""
    return {name: getattr(found, name).tolist() for name in FIELDS}


def made(values, width_ns):
    """Return the windows of {time: value}, from all of it at once."""
    time_ns = np.array(sorted(values), np.int64)
    value = np.array([values[t] for t in time_ns.tolist()])
    return kernel.windows(np.array([0, len(value)]), time_ns, value, width_ns)


def only(found, which):
    """Return the windows that a mask picks, as columns."""
    return {name: getattr(found, name)[which].tolist() for name in FIELDS}


class Analysis:
    """The analysis of a store in runs that may end at any point."""

    def __init__(self, store):
        self.store, self.through, self.book = store, 0, WindowBook(store)

    def catch_up(self, last_put_is_lost=False):
        """Take in what is stored, and store its windows unless that is lost."""
        last = self.store.last_commit()
        update = self.book.update(grouped(self.store.since(self.through, last)))
        if not last_put_is_lost:
            self.store.put_derived(Derived(*update, through=last))
        self.through = last

    def restart(self):
        """Forget all but what is stored."""
        self.through, self.book = self.store.derived_through(), WindowBook(self.store)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(READINGS, st.sampled_from(["go", "go", "wait", "restart", "lose"])), max_size=8
    ),
    st.data(),
)
def test_windows_do_not_depend_on_order_batches_or_restarts(batches, data):
    """Stored and read windows are those of all readings at once, bit for bit."""
    final = {}
    with memory_store() as store:
        analysis = Analysis(store)
        for readings, then in batches:
            append(store, readings)
            final.update(((s, t), v) for s, t, v in readings)
            if then != "wait":
                analysis.catch_up(last_put_is_lost=then == "lose")
            if then in {"restart", "lose"}:
                analysis.restart()
        waiting = data.draw(st.booleans())
        if not waiting:
            analysis.catch_up()
        for series in SERIES:
            values = {t: v for (s, t), v in final.items() if s == series}
            if not values:
                continue
            number = store.number(series)
            for width_ns in WIDTHS_NS:
                expected = made(values, width_ns)
                if not waiting:  # the last one is still open
                    lying = store.windows([number], width_ns, EPOCH - DAY, EPOCH + DAY)
                    assert columns(lying) == only(expected, slice(-1))
                found = read_windows(store, number, width_ns, EPOCH - DAY, EPOCH + DAY)
                assert columns(found) == columns(expected)


@settings(max_examples=40, deadline=None)
@given(
    st.dictionaries(TIMES, st.floats(-1e3, 1e3), min_size=1, max_size=80),
    st.sampled_from([7 * NS, 77 * NS, 13 * MINUTE, 3 * HOUR, *WIDTHS_NS]),
    st.integers(-HOUR, 2 * HOUR),
    st.integers(1, 3 * HOUR),
)
def test_any_width_and_any_span_can_be_read(values, width_ns, start, span):
    """The windows that touch the span, whole, whether their width is kept or not."""
    start_ns, end_ns = EPOCH + start, EPOCH + start + span
    with memory_store() as store:
        analysis = Analysis(store)
        half = sorted(values)[: len(values) // 2]
        append(store, [(SERIES[0], t, values[t]) for t in half])
        analysis.catch_up()
        append(store, [(SERIES[0], t, v) for t, v in values.items()])
        found = read_windows(store, 0, width_ns, start_ns, end_ns)
        expected = made(values, width_ns)
        touched = (expected.start_ns + width_ns > start_ns) & (expected.start_ns < end_ns)
        assert columns(found) == only(expected, touched)


def test_a_late_reading_moves_only_its_own_hour():
    """Only that one and the open hour are written again."""
    with memory_store() as store:
        analysis = Analysis(store)
        append(store, [(SERIES[0], EPOCH + i * MINUTE, float(i)) for i in range(600)])
        analysis.catch_up()
        append(store, [(SERIES[0], EPOCH + 90 * MINUTE + 1, 1e6)])
        windows, (_, start_ns, end_ns) = analysis.book.update(grouped(store.since(1)))
        hours = {(a - EPOCH, b - EPOCH) for a, b in zip(start_ns, end_ns, strict=True)}
        assert hours == {(HOUR, 2 * HOUR), (9 * HOUR, 10 * HOUR)}
        assert set(((windows.start_ns - EPOCH) // HOUR).tolist()) == {1, 9}


def test_no_readings_have_no_windows():
    """Neither in an empty store nor in an hour without any."""
    with memory_store() as store:
        append(store, [(SERIES[0], EPOCH, 1.0)])
        assert len(read_windows(store, 0, MINUTE, EPOCH + HOUR, EPOCH + DAY)) == 0
        assert len(read_windows(store, 0, 7 * NS, EPOCH + HOUR, EPOCH + DAY)) == 0
        days, ends_ns = read_days(store, 0, EPOCH + 5 * DAY, EPOCH + 6 * DAY, BERLIN)
        assert (len(days), len(ends_ns)) == (0, 0)


@pytest.mark.parametrize(
    ("day", "where", "hours"),
    [
        ((2026, 3, 29), BERLIN, 23),
        ((2026, 10, 25), BERLIN, 25),
        ((2026, 7, 1), BERLIN, 24),
        ((2018, 11, 4), ZoneInfo("America/Sao_Paulo"), 23),
        ((2026, 7, 1), zone("+05:30"), 24),
    ],
)
def test_days_are_the_zones_own(day, where, hours):
    """A reading every half hour from midnight to midnight, local: all in one day, none missed."""
    start_ns = to_ns(datetime(*day, tzinfo=where).astimezone(UTC))
    values = {start_ns + i * HOUR // 2: float(i) for i in range(-3, 2 * hours + 3)}
    with memory_store() as store:
        append(store, [(SERIES[0], t, v) for t, v in values.items()])
        days, ends_ns = read_days(store, 0, start_ns, start_ns + 1, where)
        assert days.start_ns.tolist() == [start_ns]
        assert ends_ns.tolist() == [start_ns + hours * HOUR]
        assert days.count.tolist() == [2 * hours]
        assert (days.min[0], days.max[0]) == (0.0, 2.0 * hours - 1)
        days, ends_ns = read_days(store, 0, start_ns - HOUR, start_ns + hours * HOUR + 1, where)
        assert days.count.tolist() == [3, 2 * hours, 3]
        assert ends_ns[:-1].tolist() == days.start_ns[1:].tolist()


def test_a_late_reading_makes_its_windows_a_revision_more():
    """One minute of the first hour changes, with its quarter and its hour; the others do not."""
    series = SERIES[0]
    with memory_store() as store:
        analysis = Analysis(store)
        append(store, [(series, EPOCH + k * 5 * MINUTE, float(k)) for k in range(30)])
        analysis.catch_up()
        append(store, [(series, EPOCH + 17 * MINUTE, 99.0)])
        analysis.catch_up()
        for width_ns, changed in zip(WIDTHS_NS, (0, 1, 1), strict=True):
            lying = store.windows([0], width_ns, EPOCH, EPOCH + DAY)
            assert lying.revision.sum() == changed
            of = lying.start_ns[lying.revision == 1]
            assert all(start <= EPOCH + 17 * MINUTE < start + width_ns for start in of.tolist())
