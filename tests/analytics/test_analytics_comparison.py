"""Periods of another time are those of the same name on the local calendar."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from derived_rows import BERLIN, HOUR
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.calendar import By, edges, to_datetime, to_ns
from analytics.comparison import distinct, shifted


def local(*parts, where=BERLIN):
    """Return a moment of the local clock as ns."""
    return to_ns(datetime(*parts, tzinfo=where))


def names(edges_ns, where=BERLIN):
    """Return edges as the local calendar calls them."""
    return [to_datetime(one, where).strftime("%Y-%m-%d %H:%M") for one in edges_ns.tolist()]


@pytest.mark.parametrize(
    ("start", "end", "by", "against", "first", "last"),
    [
        # March against last March: 31 days each, the clock change on another day.
        ((2026, 3, 1), (2026, 4, 1), By.DAY, (2025, 3, 1), "2025-03-01 00:00", "2025-04-01 00:00"),
        ((2026, 1, 1), (2027, 1, 1), By.MONTH, (2025, 1, 1), "2025-01-01 00:00",
         "2026-01-01 00:00"),
        # A week against the one before, over the clock change.
        ((2026, 3, 30), (2026, 4, 6), By.DAY, (2026, 3, 23), "2026-03-23 00:00",
         "2026-03-30 00:00"),
        # The end of February of a leap year.
        ((2024, 2, 28), (2024, 3, 1), By.DAY, (2023, 2, 28), "2023-02-28 00:00",
         "2023-03-01 00:00"),
    ],
)  # fmt: skip
def test_days_and_months_keep_their_names(start, end, by, against, first, last):
    asked = edges(local(*start), local(*end), by, BERLIN)
    other = shifted(asked, local(*start), local(*against), BERLIN)
    assert len(other) == len(asked)
    assert (names(other)[0], names(other)[-1]) == (first, last)


def test_a_day_that_the_other_year_lacks_is_empty():
    """29 February against the year before: nothing, and the days around it are whole."""
    asked = edges(local(2024, 2, 28), local(2024, 3, 2), By.DAY, BERLIN)
    other = shifted(asked, local(2024, 2, 28), local(2023, 2, 28), BERLIN)
    assert names(other) == [
        "2023-02-28 00:00", "2023-02-28 00:00", "2023-03-01 00:00", "2023-03-02 00:00",
    ]  # fmt: skip
    rising, place = distinct(other)
    assert place == [None, 0, 1]
    assert len(rising) == 3


def test_hours_of_a_day_of_23_against_one_of_24_and_back():
    """An hour that does not exist is empty; the one before it stands against two."""
    short = edges(local(2026, 3, 29), local(2026, 3, 30), By.HOUR, BERLIN)
    whole = shifted(short, local(2026, 3, 29), local(2026, 3, 22), BERLIN)
    assert len(short) == 24
    assert set(np.diff(whole).tolist()) == {HOUR, 2 * HOUR}
    long = edges(local(2026, 3, 22), local(2026, 3, 23), By.HOUR, BERLIN)
    back = shifted(long, local(2026, 3, 22), local(2026, 3, 29), BERLIN)
    assert (np.diff(back) >= 0).all()
    _, place = distinct(back)
    assert place.count(None) == 1


@settings(deadline=None)
@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2030, 1, 1)),
    st.integers(-800, 800),
    st.sampled_from([By.HOUR, By.DAY, By.MONTH]),
    st.sampled_from([BERLIN, UTC, ZoneInfo("America/New_York")]),
)
def test_the_other_edges_never_fall_and_begin_where_they_were_asked_to(moment, days, by, where):
    start_ns = to_ns(moment.replace(tzinfo=where))
    against_ns = start_ns + days * 24 * HOUR
    asked = edges(start_ns, start_ns + 70 * 24 * HOUR, by, where)
    other = shifted(asked, start_ns, against_ns, where)
    assert (np.diff(other) >= 0).all()
    assert abs(int(other[0]) - against_ns) <= HOUR
