"""Times as people type them."""

import contextlib
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from api_town import BERLIN, problem_of
from hypothesis import given, settings
from hypothesis import strategies as st

from api.problems import BadQueryError
from api.times import asked_ns, asked_span, asked_zone, local, utc
from ingest.clock import rfc3339_ns

NOON = rfc3339_ns("2026-03-01T12:00:00Z")


@pytest.mark.parametrize(
    "typed",
    [
        "2026-03-01T12:00:00Z",
        "2026-03-01T12:00Z",
        "2026-03-01T13:00:00+01:00",
        "2026-03-01T13:00:00 01:00",  # a "+" that nobody escaped
        "2026-03-01T13:00:00 0100",
        "2026-03-01T13:00:00",
        "2026-03-01 13:00",
        " 2026-03-01T13 ",
        "2026-03-01T07:00:00-05:00",
        "20260301T120000Z",
    ],
)
def test_every_usual_way_to_write_a_time_means_the_same(typed):
    assert asked_ns("start", typed, BERLIN) == NOON


def test_a_date_is_its_midnight_in_the_zone():
    assert asked_ns("start", "2026-07-01", BERLIN) == rfc3339_ns("2026-06-30T22:00:00Z")
    assert asked_ns("start", "2026-07-01", UTC) == rfc3339_ns("2026-07-01T00:00:00Z")


@pytest.mark.parametrize(
    ("typed", "rest_ns"),
    [(".5Z", 500_000_000), (".000000001Z", 1), (".1234567Z", 123_456_700),
     (",123456789Z", 123_456_789), (".12345678901Z", 123_456_789)],
)  # fmt: skip
def test_digits_reach_down_to_the_nanosecond(typed, rest_ns):
    assert asked_ns("start", "2026-03-01T12:00:00" + typed, BERLIN) == NOON + rest_ns


@pytest.mark.parametrize(
    "typed",
    ["", "yesterday", "2026-13-01", "2026-02-30", "12:00", "1700000000", "2026-03-01T25:00",
     "0001-01-01", "1677-12-31", "2262-01-01", "9999-12-31T23:59:59-23:59", "\x00",
     "２０２６-03-01x", "2026-03-01T12:00:00+99:00"],
)  # fmt: skip
def test_what_is_no_time_is_refused_with_what_was_expected_and_found(typed):
    with pytest.raises(BadQueryError, match=r"^end: expected .*found"):
        asked_ns("end", typed, BERLIN)


@settings(deadline=None)
@given(
    st.datetimes(datetime(1678, 1, 2), datetime(2261, 12, 30)),
    st.integers(-23 * 60, 23 * 60),
    st.integers(0, 999),
)
def test_what_was_told_is_understood_to_the_nanosecond(moment, ahead_min, rest_ns):
    zone = timezone(timedelta(minutes=ahead_min))
    time_ns = asked_ns("start", moment.replace(tzinfo=zone).isoformat(), BERLIN) + rest_ns
    assert asked_ns("start", utc(time_ns), BERLIN) == time_ns
    assert asked_ns("start", local(time_ns, BERLIN), UTC) == time_ns
    assert rfc3339_ns(utc(time_ns)) == time_ns


@settings(deadline=None)
@given(st.text())
def test_any_text_is_a_time_or_a_bad_query(typed):
    with contextlib.suppress(BadQueryError):
        assert -(2**63) < asked_ns("start", typed, BERLIN) < 2**63


@settings(deadline=None)
@given(st.text(max_size=40))
def test_any_text_is_a_zone_or_a_bad_query(typed):
    with contextlib.suppress(BadQueryError):
        assert datetime(2026, 1, 1, tzinfo=asked_zone(typed)).utcoffset() is not None


@pytest.mark.parametrize("typed", ["../../etc/passwd", "/etc/localtime", "Europe", "", "x" * 5000])
def test_a_zone_is_no_way_to_files(typed):
    with pytest.raises(BadQueryError, match="tz: expected a zone"):
        asked_zone(typed)


def test_an_offset_is_a_zone_also_with_its_plus_unescaped():
    assert asked_zone(" 10:00") == asked_zone("+10:00") == timezone(timedelta(hours=10))
    assert asked_zone("America/Chicago") == ZoneInfo("America/Chicago")


def test_only_a_span_that_was_asked_for_backwards_is_a_fault():
    with pytest.raises(BadQueryError, match="end: expected a time not before start"):
        asked_span("2026-03-02", "2026-03-01", BERLIN, (0, NOON))
    start_ns, end_ns = asked_span("2030-01-01", None, BERLIN, (0, NOON))
    assert start_ns == end_ns
    assert asked_span(None, "1990-01-01", BERLIN, (NOON, NOON + 1)) == (NOON, NOON)


def test_a_plain_time_is_read_in_the_zone_of_the_query(client):
    query = {"device": "a81758fffe0546b2", "quantity": "co2", "start": "2026-03-01T12:00:00"}
    first = client.get("/v1/readings", params={**query, "tz": "UTC"}).json()["items"][0]
    assert first["time"] == "2026-03-01T12:00:00Z"
    query["end"] = "2026-03-01T14:00:00"  # an hour earlier in UTC
    items = client.get("/v1/readings", params=query).json()["items"]
    assert items[-1]["time"] == "2026-03-01T12:30:00Z"


def test_a_plus_that_nobody_escaped_still_means_an_offset(client):
    url = "/v1/readings?device=a81758fffe0546b2&limit=1&start=2026-03-01T14:00:00+01:00"
    assert client.get(url).json()["items"][0]["time"] == "2026-03-01T13:00:00Z"


@pytest.mark.parametrize("path", ["readings", "windows", "energy", "anomalies"])
def test_every_route_refuses_what_is_no_time(client, path):
    query = {"device": "meter-1", "start": "yesterday"}
    said = problem_of(client.get(f"/v1/{path}", params=query), 422)
    assert said.startswith("start: expected a time such as ")
    assert said.endswith('found "yesterday"')
    query = {"device": "meter-1", "start": "2026-03-02", "end": "2026-03-01"}
    assert "not before start" in problem_of(client.get(f"/v1/{path}", params=query), 422)
