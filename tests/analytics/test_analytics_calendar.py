"""Calendar edges are the instants at which the local hour, date, month or year changes."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from derived_rows import BERLIN, DAY, EPOCH, HOUR, MINUTE
from hypothesis import given
from hypothesis import strategies as st

from analytics.calendar import PERIODS_MAX, By, edges, share, to_datetime, to_ns
from analytics.wording import clock, lasting, told
from ingest.clock import zone

ZONES = [
    *(BERLIN, ZoneInfo("America/Sao_Paulo"), ZoneInfo("Australia/Lord_Howe"), UTC),
    *(ZoneInfo("Asia/Kathmandu"), ZoneInfo("America/Havana"), zone("-03:30"), zone("+14:00")),
]
MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2037, 1, 1), timezones=st.just(UTC))


def utc(*parts):
    """Return a moment of UTC as ns."""
    return to_ns(datetime(*parts, tzinfo=UTC))


def named(moment, by):
    """Return what the local calendar calls the day, month or year of a moment."""
    return (moment.year, moment.month, moment.day)[: {By.DAY: 3, By.MONTH: 2, By.YEAR: 1}[by]]


@given(MOMENTS, st.sampled_from(ZONES), st.sampled_from([By.DAY, By.MONTH, By.YEAR]))
def test_edges_are_where_the_name_changes(moment, where, by):
    """Just before an edge it is another period, and between two edges there is none."""
    start_ns = to_ns(moment)
    found = edges(start_ns, start_ns + 3 * 366 * DAY if by is By.YEAR else start_ns + 95 * DAY,
                  by, where)  # fmt: skip
    assert (np.diff(found) > 0).all()
    names = [named(to_datetime(t, where), by) for t in found.tolist()]
    before = [named(to_datetime(t - 1000, where), by) for t in found.tolist()]
    for i in range(1, len(found) - 1):
        assert before[i] == names[i - 1] != names[i]
    assert before[-1] == names[-2]


@given(MOMENTS, st.sampled_from(ZONES))
def test_hours_are_those_of_the_local_clock(moment, where):
    """Each inner edge is a full local hour or a change of the clock, 90 minutes apart at most."""
    start_ns = to_ns(moment)
    found = edges(start_ns, start_ns + 10 * DAY, By.HOUR, where)
    assert np.diff(found).max() <= 90 * MINUTE
    for t in found[1:-1].tolist():
        local, before = to_datetime(t, where), to_datetime(t - 1000, where)
        assert local.minute == 0 or local.utcoffset() != before.utcoffset()


@given(MOMENTS, st.sampled_from(ZONES))
def test_quarter_hours_are_those_of_the_local_clock(moment, where):
    """Each is a quarter of an hour, also where clocks change by half an hour."""
    start_ns = to_ns(moment)
    found = edges(start_ns, start_ns + 10 * DAY, By.QUARTER_HOUR, where)
    assert set(np.diff(found[1:-1]).tolist()) == {15 * MINUTE}
    assert all(to_datetime(t, where).minute % 15 == 0 for t in found[1:-1].tolist())


@pytest.mark.parametrize(
    ("start", "end", "by", "where", "expected"),
    [
        (
            *((2026, 3, 28, 23), (2026, 3, 30, 22), By.DAY, BERLIN),
            [(2026, 3, 28, 23), (2026, 3, 29, 22), (2026, 3, 30, 22)],
        ),
        (
            *((2026, 10, 24, 22), (2026, 10, 26, 23), By.DAY, BERLIN),
            [(2026, 10, 24, 22), (2026, 10, 25, 23), (2026, 10, 26, 23)],
        ),
        (  # the clock skips midnight: the day begins at one o'clock
            *((2018, 11, 3, 12), (2018, 11, 5, 12), By.DAY, ZoneInfo("America/Sao_Paulo")),
            [(2018, 11, 3, 12), (2018, 11, 4, 3), (2018, 11, 5, 2), (2018, 11, 5, 12)],
        ),
        (  # a whole day that this place never had
            *((2011, 12, 29, 11), (2011, 12, 31, 11), By.DAY, ZoneInfo("Pacific/Apia")),
            [(2011, 12, 29, 11), (2011, 12, 30, 10), (2011, 12, 31, 10), (2011, 12, 31, 11)],
        ),
        (
            *((2026, 1, 15), (2026, 3, 1), By.MONTH, zone("+05:30")),
            [(2026, 1, 15), (2026, 1, 31, 18, 30), (2026, 2, 28, 18, 30), (2026, 3, 1)],
        ),
        (
            *((2025, 12, 31), (2027, 1, 1), By.YEAR, BERLIN),
            [(2025, 12, 31), (2025, 12, 31, 23), (2026, 12, 31, 23), (2027, 1, 1)],
        ),
        (
            *((2026, 1, 1, 0, 10), (2026, 1, 1, 2), By.HOUR, zone("-03:30")),
            [(2026, 1, 1, 0, 10), (2026, 1, 1, 0, 30), (2026, 1, 1, 1, 30), (2026, 1, 1, 2)],
        ),
    ],
)
def test_edges(start, end, by, where, expected):
    """By hand."""
    found = edges(utc(*start), utc(*end), by, where)
    assert found.tolist() == [utc(*parts) for parts in expected]


def test_too_many_periods_are_refused():
    """So many are answered, one more is not; an empty span is refused too."""
    assert len(edges(0, PERIODS_MAX * HOUR, By.HOUR, UTC)) == PERIODS_MAX + 1
    with pytest.raises(ValueError, match="at most 50000 periods: ask for a shorter span"):
        edges(0, (PERIODS_MAX + 1) * HOUR, By.HOUR, UTC)
    with pytest.raises(ValueError, match="an end after the start"):
        edges(5, 5, By.DAY, UTC)


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "+25:00", "+1", "../etc/passwd", "a\0b"])
def test_what_is_no_zone_is_refused(name):
    """The error says what was expected and found."""
    with pytest.raises(ValueError, match=r"expected a zone such as Europe/Berlin .* found"):
        zone(name)


def test_zones():
    """By name or by offset."""
    moment = datetime(2026, 7, 1, tzinfo=UTC)
    shifts = {"Europe/Berlin": 120, "+05:30": 330, "-0330": -210, "+00:00": 0, "UTC": 0}
    for name, minutes in shifts.items():
        assert moment.astimezone(zone(name)).utcoffset() == timedelta(minutes=minutes)


@given(st.integers(-(2**62), 2**62).map(lambda t: t // 1000 * 1000))
def test_times_keep_their_microseconds(time_ns):
    """There and back, in any zone."""
    assert to_ns(to_datetime(time_ns, BERLIN)) == time_ns


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (21.5, "Cel", "21.5 °C"),
        (1234567.0, "Wh", "1234567 Wh"),
        (0.00001234, "m3", "1.23e-05 m³"),
        (-0.1 - 0.2, "W", "-0.3 W"),
        (0.97, "1", "0.97"),
        (5.0, "furlong", "5 furlong"),
    ],
)
def test_values_are_told_shortly(value, unit, text):
    """With the unit as people write it."""
    assert told(value, unit) == text


@pytest.mark.parametrize(
    ("span_ns", "text"),
    [
        (0, "0 s"),
        (1_500_000_000, "1.5 s"),
        (59_999_999_999, "1 min"),
        (60 * 10**9, "1 min"),
        (90 * 10**9, "1 min 30 s"),
        (2 * HOUR + 10 * MINUTE + 5 * 10**9, "2 h 10 min"),
        (3 * DAY, "3 d"),
        (3 * DAY + 5 * MINUTE, "3 d"),
        (400 * DAY + 2 * HOUR, "400 d 2 h"),
    ],
)
def test_spans_are_told_in_two_parts(span_ns, text):
    """The two largest."""
    assert lasting(span_ns) == text


def test_clocks_are_local():
    """Seconds only where there are some."""
    assert clock(EPOCH, BERLIN) == "2026-03-01 01:00"
    assert clock(EPOCH + 7 * 10**9, BERLIN) == "2026-03-01 01:00:07"


@given(
    st.lists(MOMENTS, min_size=3, max_size=3),
    st.sampled_from([By.DAY, By.MONTH, By.YEAR]),
    st.sampled_from(ZONES),
)
def test_shares_of_days_months_and_years_add_up_exactly(moments, by, where):
    """Wherever a span is cut; and a whole period is exactly one."""
    first, cut, last = sorted(to_ns(one) for one in moments)
    assert share(first, cut, by, where) + share(cut, last, by, where) == share(
        first, last, by, where
    )
    assert share(last, last, by, where) == share(last, first - 1, by, where) == 0
    begin, end = edges(first, first + 800 * DAY, by, where)[1:3].tolist()
    assert share(begin, end, by, where) == 1


def test_a_share_is_by_the_length_of_its_own_day():
    """Twelve hours of the day that has 23; a leap year's 29 February."""
    assert share(utc(2026, 3, 29, 10), utc(2026, 3, 29, 22), By.DAY, BERLIN) == Fraction(12, 23)
    assert share(utc(2028, 2, 28, 23), utc(2028, 2, 29, 23), By.MONTH, BERLIN) == Fraction(1, 29)
    assert share(utc(2028, 2, 28, 23), utc(2028, 2, 29, 23), By.YEAR, BERLIN) == Fraction(1, 366)
