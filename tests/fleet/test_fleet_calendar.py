"""The simulator's calendar against zone data and against calendars known by hand."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.calendar import (
    DAY_S,
    SATURDAY,
    SUNDAY,
    WORKDAY,
    LocalTime,
    day_type,
    days_since_1970,
    holidays,
    is_school_holiday,
    offset_s,
)  # fmt: skip

BERLIN = ZoneInfo("Europe/Berlin")
BEGIN, END = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) for year in (2000, 2038))
EASTER = {  # Sundays, from almanacs
    2000: (4, 23), 2008: (3, 23), 2011: (4, 24), 2019: (4, 21), 2024: (3, 31), 2025: (4, 20),
    2026: (4, 5), 2027: (3, 28), 2037: (4, 5),
}  # fmt: skip
HOLIDAYS = {  # from calendars of North Rhine-Westphalia
    2017: ("01-01", "04-14", "04-17", "05-01", "05-25", "06-05", "06-15", "10-03", "10-31",
           "11-01", "12-25", "12-26"),
    2024: ("01-01", "03-29", "04-01", "05-01", "05-09", "05-20", "05-30", "10-03", "11-01",
           "12-25", "12-26"),
    2025: ("01-01", "04-18", "04-21", "05-01", "05-29", "06-09", "06-19", "10-03", "11-01",
           "12-25", "12-26"),
    2026: ("01-01", "04-03", "04-06", "05-01", "05-14", "05-25", "06-04", "10-03", "11-01",
           "12-25", "12-26"),
    2027: ("01-01", "03-26", "03-29", "05-01", "05-06", "05-17", "05-27", "10-03", "11-01",
           "12-25", "12-26"),
}  # fmt: skip


def _zone_offset(time_s):
    return int(datetime.fromtimestamp(time_s, BERLIN).utcoffset().total_seconds())


def _day(text):
    return days_since_1970(date.fromisoformat(text))


def test_clocks_are_those_of_berlin_every_six_hours_for_38_years():
    times = np.arange(BEGIN, END, 6 * 3600 + 7, dtype=np.int64)
    assert offset_s(times).tolist() == [_zone_offset(int(one)) for one in times]


@pytest.mark.parametrize("year", range(2000, 2038))
def test_clocks_change_at_one_utc_to_the_second(year):
    changes = np.array(
        [
            time_s
            for month in (3, 10)
            for day in range(25, 32)
            for time_s in (int(datetime(year, month, day, 1, tzinfo=UTC).timestamp()),)
        ]
    )
    times = np.sort(np.concatenate([changes - 1, changes, changes + 1]))
    assert offset_s(times).tolist() == [_zone_offset(int(one)) for one in times]


@pytest.mark.parametrize("year", range(2000, 2038))
def test_local_time_is_that_of_berlin_every_quarter_of_an_hour_about_the_changes(year):
    for month, day in ((1, 1), (3, 24), (7, 1), (10, 24), (12, 31)):
        moment = datetime(year, month, day, tzinfo=UTC)
        for _ in range(9 * 96):
            ours, theirs = moment.astimezone(LocalTime()), moment.astimezone(BERLIN)
            assert ours.isoformat() == theirs.isoformat()
            assert (ours.fold, ours.dst(), ours.tzname()) == (
                theirs.fold, theirs.dst(), theirs.tzname()
            )  # fmt: skip
            assert ours.astimezone(UTC) == moment
            moment += timedelta(minutes=15)


@given(st.lists(st.integers(BEGIN, END - 1), max_size=20))
def test_the_offset_of_a_moment_needs_no_order(times):
    expected = [_zone_offset(one) for one in times]
    assert offset_s(np.array(times, np.int64)).tolist() == expected


@pytest.mark.parametrize("year", EASTER)
def test_easter_is_where_almanacs_have_it(year):
    sunday = days_since_1970(date(year, *EASTER[year]))
    assert {sunday - 2, sunday + 1, sunday + 39, sunday + 50, sunday + 60} <= holidays(year)


@pytest.mark.parametrize("year", HOLIDAYS)
def test_holidays_are_those_of_north_rhine_westphalia(year):
    assert holidays(year) == {_day(f"{year}-{day}") for day in HOLIDAYS[year]}


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("2026-03-26", WORKDAY),  # a Thursday
        ("2026-03-27", WORKDAY),
        ("2026-03-28", SATURDAY),
        ("2026-03-29", SUNDAY),
        ("2026-03-30", WORKDAY),
        ("2026-04-03", SUNDAY),  # Good Friday
        ("2026-10-03", SUNDAY),  # a holiday on a Saturday
        ("2026-10-31", SATURDAY),  # Reformation Day is none in NRW
        ("2026-12-24", WORKDAY),
        ("2000-02-29", WORKDAY),
        ("1970-01-01", SUNDAY),
    ],
)
def test_day_types(day, expected):
    assert day_type(_day(day)) == expected


@given(st.dates(date(2000, 1, 1), date(2037, 12, 31)))
def test_a_day_that_is_no_holiday_has_the_type_of_its_weekday(day):
    number = days_since_1970(day)
    assert date.fromordinal(number + date(1970, 1, 1).toordinal()) == day
    if number in holidays(day.year):
        assert day_type(number) == SUNDAY
    else:
        assert day_type(number) == max(WORKDAY, day.weekday() - 4)


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("2026-03-20", False), ("2026-03-22", True), ("2026-04-11", True), ("2026-04-12", False),
        ("2026-07-05", False), ("2026-07-06", True), ("2026-08-18", True), ("2026-08-19", False),
        ("2026-10-12", True), ("2026-11-02", False), ("2026-12-23", True), ("2027-01-06", True),
        ("2027-01-07", False),
    ],
)  # fmt: skip
def test_school_holidays_of_the_model(day, expected):
    assert is_school_holiday(_day(day)) is expected


@pytest.mark.parametrize("year", range(2024, 2030))
def test_schools_are_closed_for_about_as_long_as_the_law_says(year):
    first = days_since_1970(date(year, 1, 1))
    closed = sum(is_school_holiday(first + day) for day in range(365))
    assert 75 <= closed <= 100  # 75 weekdays a year are 15 weeks


def test_a_day_has_86400_seconds():
    assert DAY_S == 24 * 3600
