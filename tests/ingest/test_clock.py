from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.clock import AHEAD_NS_MAX, EARLIEST_NS, iso, judged, local_ns, rfc3339_ns
from ingest.errors import PayloadError
from ingest.reading import Quality

BERLIN = ZoneInfo("Europe/Berlin")
S = 1_000_000_000
NOW = rfc3339_ns("2026-06-01T12:00:00Z")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2022-07-18T09:34:15.775023242+00:00", 1658136855775023242),
        ("2022-07-18T11:34:15.775023242+02:00", 1658136855775023242),
        ("2022-07-18t09:34:15.5z", 1658136855500000000),
        ("2022-07-18 09:34:15Z", 1658136855 * S),
        ("2022-07-18T04:04:15-0530", 1658136855 * S),
        ("2022-07-18T09:34:15.0000000019Z", 1658136855 * S + 1),
        ("2016-12-31T23:59:60Z", 1483228800 * S),
        ("1969-12-31T23:59:59.999999999Z", -1),
        ("9999-12-31T23:59:59Z", 253402300799 * S),
    ],
)
def test_rfc3339_to_the_nanosecond(text, wanted):
    assert rfc3339_ns(text) == wanted


@pytest.mark.parametrize(
    "text",
    ["", "now", "2022-07-18", "2022-07-18T09:34:15", "2022-W29-1T09:34:15Z", "2022-13-18T09:34:15Z",
     "2022-07-18T09:34:15.Z", "2022-07-18T24:34:15Z", "2022-07-18T09:34:15+1:00",
     "2022-07-18T09:34:15+24:00", "2022-07-18T09:34:15+01:60", "2022-07-18T09:34:15Z ",
     "2022-07-18T09:34:15 Europe/Berlin", "२०२२-07-18T09:34:15Z", "2022-07-18T09:34:15+0١:00",
     "9999-12-31T23:59:60Z"],
)  # fmt: skip
def test_what_is_no_instant_is_refused(text):
    with pytest.raises(PayloadError, match="expected an instant like"):
        rfc3339_ns(text)


@given(
    st.datetimes(datetime(1700, 1, 1), datetime(2250, 1, 1)),
    st.integers(0, 999_999_999),
    st.integers(-23 * 60, 23 * 60),
)
def test_agrees_with_the_library_and_keeps_the_nanosecond(moment, ns, offset_min):
    moment = moment.replace(microsecond=0, tzinfo=UTC)
    local = moment + timedelta(minutes=offset_min)
    sign = "+" if offset_min >= 0 else "-"
    hours, minutes = divmod(abs(offset_min), 60)
    text = f"{local:%Y-%m-%dT%H:%M:%S}.{ns:09d}{sign}{hours:02d}:{minutes:02d}"
    whole_s = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)
    assert rfc3339_ns(text) == whole_s * S + ns
    assert rfc3339_ns(iso(whole_s * S + ns)) == whole_s * S + ns


@given(st.text(max_size=40))
def test_any_text_is_an_instant_or_refused(text):
    for read in (rfc3339_ns, lambda text: local_ns(text, BERLIN, NOW)):
        try:
            found = read(text)
        except PayloadError:
            continue
        assert type(found) is int


def test_wall_clock_in_summer_and_winter():
    assert local_ns("2026-07-01T12:00:00", BERLIN, NOW) == rfc3339_ns("2026-07-01T10:00:00Z")
    assert local_ns("2026-01-01T12:00:00.5", BERLIN, NOW) == rfc3339_ns("2026-01-01T11:00:00.5Z")


def test_an_offset_outranks_the_zone():
    assert local_ns("2026-07-01T12:00:00Z", BERLIN, NOW) == rfc3339_ns("2026-07-01T12:00:00Z")
    assert local_ns("2026-07-01T12:00:00+01:00", BERLIN, NOW) == rfc3339_ns("2026-07-01T11:00:00Z")


@pytest.mark.parametrize("received", ["2026-10-25T00:30:02Z", "2026-10-25T01:30:02Z"])
def test_the_hour_that_comes_twice_is_the_one_nearer_to_the_receipt(received):
    heard = rfc3339_ns(received)
    assert local_ns("2026-10-25T02:30:00", BERLIN, heard) == heard - 2 * S


def test_the_hour_that_comes_twice_read_late_is_the_second():
    late = rfc3339_ns("2026-10-25T09:00:00Z")
    assert local_ns("2026-10-25T02:30:00", BERLIN, late) == rfc3339_ns("2026-10-25T01:30:00Z")


def test_the_hour_that_is_left_out_has_the_offset_from_before():
    assert local_ns("2026-03-29T02:30:00", BERLIN, NOW) == rfc3339_ns("2026-03-29T01:30:00Z")


@pytest.mark.parametrize(
    ("time_ns", "possible"),
    [
        (NOW, True),
        (EARLIEST_NS, True),
        (EARLIEST_NS - 1, False),
        (0, False),
        (NOW + AHEAD_NS_MAX, True),
        (NOW + AHEAD_NS_MAX + 1, False),
        (rfc3339_ns("2200-01-01T00:00:00Z"), False),
        (rfc3339_ns("2001-05-05T00:00:00Z"), True),
        (-(2**80), False),
    ],
)
def test_judgement(time_ns, possible):
    wanted = (time_ns, Quality.MEASURED) if possible else (NOW, Quality.SUSPECT)
    assert judged(time_ns, NOW) == wanted
