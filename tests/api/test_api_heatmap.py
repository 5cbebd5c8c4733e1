"""Days by quarter-hours: golden values by hand, days of 23 and 25 hours, hourly registers."""

import math

import numpy as np
import pytest
from api_town import Town, problem_of

from ingest.clock import rfc3339_ns

IMPORT = "active_energy_import"
QUARTER_NS = 900 * 10**9
SPRING_NS = rfc3339_ns("2026-03-27T23:00:00Z")  # three days: 24, 23 and 24 hours
AUTUMN_NS = rfc3339_ns("2026-10-23T22:00:00Z")  # 24, 25 and 24 hours


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """Return a client of a meter that counts k Wh in the k-th quarter-hour, and slower ones."""
    town = Town(tmp_path_factory.mktemp("heat"))
    steps = np.arange(285 + 6 * 4)
    for name, start_ns in (("spring", SPRING_NS), ("autumn", AUTUMN_NS)):
        times = start_ns + QUARTER_NS * steps
        town.tell(name, IMPORT, times, 1000.0 + np.cumsum(steps))
    hours = SPRING_NS + 4 * QUARTER_NS * np.arange(72)
    town.tell("hourly", IMPORT, hours, 100.0 * np.arange(72))
    town.tell("water", "water_volume", hours[:25], 2.0 * np.arange(25))
    yield town.client()
    town.store.close()


def heat(client, **query):
    """Return the answer to a question."""
    answer = client.get("/v1/energy/heatmap", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize(
    ("device", "start", "end", "counts", "clocks"),
    [
        ("spring", "2026-03-28", "2026-03-31", [96, 92, 96], ["01:45", "03:00"]),
        ("autumn", "2026-10-24", "2026-10-27", [96, 100, 96], ["02:45", "02:00"]),
    ],
)
def test_a_row_has_the_quarter_hours_of_its_day_and_loses_none(
    client, device, start, end, counts, clocks
):
    found = heat(client, device=device, start=start, end=end, show="energy")
    assert (found["unit"], found["tz"], found["registers"]) == ("Wh", "Europe/Berlin", 1)
    assert [len(row["values"]) for row in found["days"]] == counts
    first = 1
    for row, count in zip(found["days"][:2], counts[:2], strict=True):
        # The quarter-hours count 1, 2, 3 … Wh from the first midnight on.
        assert row["values"] == pytest.approx(list(range(first, first + count)))
        assert row["energy"] == math.fsum(row["values"])
        assert row["energy"] == pytest.approx(sum(range(first, first + count)), rel=1e-12)
        assert (row["quality"], row["coverage"], row["incomplete"]) == ("measured", 1.0, 0)
        first += count
    clock = found["days"][1]["clock"]
    at = clock.index(clocks[0])
    assert clock[at : at + 2] == clocks
    assert clock.count("02:00") == {92: 0, 100: 2}[counts[1]]
    assert (clock[0], clock[-1]) == ("00:00", "23:45")
    for row in found["days"]:
        query = {"device": device, "start": row["start"], "end": row["end"], "by": "day"}
        (day,) = client.get("/v1/energy", params=query).json()["items"]
        assert row["energy"] == pytest.approx(day["value"], rel=1e-12)
        assert row["coverage"] == pytest.approx(day["coverage"])


def test_power_is_the_energy_by_a_quarter_of_an_hour(client):
    found = heat(client, device="spring", start="2026-03-28T13:00", end="2026-03-28T14:00")
    (row,) = found["days"]  # the whole day
    assert found["unit"] == "W"
    assert row["values"][:3] == pytest.approx([4.0, 8.0, 12.0])
    assert (row["day"], row["start"]) == ("2026-03-28", "2026-03-28T00:00:00+01:00")


def test_an_hourly_register_is_marked_as_estimated_between_its_hours(client):
    (row,) = heat(client, device="hourly", start="2026-03-28", end="2026-03-29")["days"]
    assert row["values"] == pytest.approx([100.0] * 96)
    assert set(row["qualities"]) == {"estimated"}
    assert row["energy"] == pytest.approx(2400.0)


def test_water_is_told_in_cubic_metres_an_hour(client):
    found = heat(client, quantity="water_volume", start="2026-03-28", end="2026-03-29")
    assert (found["unit"], found["energy_unit"]) == ("m3/h", "m3")
    assert found["days"][0]["values"][0] == pytest.approx(2.0)


def test_what_is_not_known_is_null_and_registers_that_are_missing_are_counted(client):
    found = heat(client, start="2026-03-27", end="2026-04-02", device="spring,hourly")
    before, first, *_, behind = found["days"]
    assert set(before["values"]) == set(behind["values"]) == {None}
    assert (before["energy"], before["quality"], before["coverage"]) == (None, None, 0.0)
    assert (first["incomplete"], found["registers"]) == (0, 2)
    assert first["values"][0] == pytest.approx(104.0)
    assert any(row["incomplete"] for row in found["days"][3:])


def test_days_are_those_of_the_zone(client):
    found = heat(client, device="spring", start="2026-03-28", end="2026-03-30", tz="UTC")
    assert [len(row["values"]) for row in found["days"]] == [96, 96]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("start=2025-01-01&end=2026-03-01", "start, end: expected a span of 1 to 400 days"),
        ("start=2026-03-01&end=2026-03-01", "start, end: expected a span of 1 to 400 days"),
        ("quantity=temperature", "quantity: expected a register"),
        ("tz=Mars", "tz: expected a zone"),
    ],
)
def test_what_cannot_be_drawn_is_refused(client, query, said):
    assert problem_of(client.get(f"/v1/energy/heatmap?{query}"), 422).startswith(said)


def test_as_many_days_as_are_allowed_are_answered(client):
    query = {"device": "spring", "start": "2025-03-01", "end": "2026-04-05"}
    assert len(heat(client, **query)["days"]) == 400
    refused = client.get("/v1/energy/heatmap", params=query | {"end": "2026-04-06"})
    assert "1 to 400 days" in problem_of(refused, 422)


def test_nothing_there_is_a_404(client):
    answer = client.get("/v1/energy/heatmap?quantity=gas_volume")
    assert problem_of(answer, 404) == "no register of gas_volume is there"
