"""History inside one message: every element at its own time, the newest not told twice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.clock import rfc3339_ns
from ingest.errors import PayloadError
from ingest.formats.setup import BERLIN
from ingest.history import instant_ns, measured

NOW = rfc3339_ns("2026-03-01T12:00:00Z")
ELEVEN = rfc3339_ns("2026-03-01T11:00:00Z")


def _told(tree) -> list[tuple]:
    return [(m.quantity, m.channel, m.value, m.time_ns) for m in measured(tree, BERLIN, NOW)]


@pytest.mark.parametrize(
    "time",
    ["2026-03-01T11:00:00Z", "2026-03-01 12:00:00", 1772362800, 1772362800000, 1772362800.0,
     1772362800000000, 1772362800000000000],
)  # fmt: skip
def test_records_get_their_own_times(time):
    tree = {"battery_voltage": 3.6, "records": [{"time": time, "temperature": 20.5}]}
    assert _told(tree) == [
        ("battery_voltage", "", 3.6, None), ("temperature", "", 20.5, ELEVEN),
    ]  # fmt: skip


def test_named_samples_are_understood_and_the_newest_counts_once():
    tree = {
        "samples": [
            {"variable": "humidity_1", "value": 53, "date": "2026-03-01T11:00:00.000Z"},
            {"variable": "CO2", "value": 410, "unit": "ppm", "date": "2026-03-01T11:00:00Z"},
        ],
        "humidity_1": 53,
    }
    assert _told(tree) == [("humidity", "1", 53, ELEVEN), ("co2", "", 410, ELEVEN)]


def test_a_list_with_a_name_of_its_own_keeps_it():
    tree = {"soil": [{"ts": 1772362800, "temperature": 8.0}]}
    assert _told(tree) == [("temperature", "soil", 8.0, ELEVEN)]


def test_an_object_may_state_its_time():
    assert _told({"time": "2026-03-01T11:00:00Z", "air": {"temperature": 20}}) == [
        ("temperature", "", 20, ELEVEN)
    ]


@pytest.mark.parametrize("time", ["noon", 17, None, True, 1e300, ""])
def test_what_is_no_time_leaves_the_list_as_it_is(time):
    found = _told({"records": [{"time": time, "temperature": 20.5}]})
    assert {at for *_, at in found} == {None}
    assert 20.5 in [value for _, _, value, _ in found]


def test_elements_without_a_time_are_numbered_as_ever():
    assert _told({"temperature": [20.5, 21.0]}) == [
        ("temperature", "1", 20.5, None), ("temperature", "2", 21.0, None),
    ]  # fmt: skip


def test_the_bounds_of_seconds_and_milliseconds():
    assert instant_ns(1_000_000_000, BERLIN, NOW) == 10**18
    assert instant_ns(99_999_999_999, BERLIN, NOW) == 99_999_999_999 * 10**9
    assert instant_ns(100_000_000_000, BERLIN, NOW) == 10**17
    assert instant_ns(10**19, BERLIN, NOW) is None
    assert instant_ns(999_999_999, BERLIN, NOW) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["time", "2026"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["time", "records", "value", "variable", "co2"]), inner)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["time", "records", "samples", "temperature"]), JSON))
def test_any_object_is_read_or_refused(tree):
    try:
        found = measured(tree, BERLIN, NOW)
    except PayloadError:
        return
    assert all(isinstance(one.value, float | int) for one in found)
