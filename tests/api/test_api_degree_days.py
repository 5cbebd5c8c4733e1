"""Consumption beside degree days: by hand, over two winters and a change of clocks."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from api_town import HOUR_NS, Town, problem_of

from analytics.calendar import to_ns

BERLIN = ZoneInfo("Europe/Berlin")
MARCH = 31
# Mean outdoor temperatures of the days of January to April, by year.
WARM, COLD = 10.0, 0.0


def midnight(year, month, day):
    return to_ns(datetime(year, month, day, tzinfo=BERLIN))


@pytest.fixture
def winters(tmp_path):
    """Return a town where 2025 was warm and 2026 cold, with a meter of 2026."""
    town = Town(tmp_path)
    for year, degrees in ((2025, WARM), (2026, COLD)):
        times = np.arange(midnight(year, 1, 1), midnight(year, 5, 1), HOUR_NS)
        town.tell("weather", "temperature", times, np.full(len(times), degrees))
    times = np.arange(midnight(2026, 1, 1), midnight(2026, 5, 1) + 1, HOUR_NS)
    town.tell("m-1", "heat_energy", times, np.arange(len(times)) * 1000.0)
    town.tell("dumb", "co2", times[:2], [1.0, 2.0])
    return town


def asked(town, **query):
    first = {"temperature": "weather", "quantity": "heat_energy"}
    span = {"start": "2026-01-01", "end": "2026-05-01"}
    answer = town.client().get("/v1/energy/degree-days", params=first | span | query)
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


def test_months_are_scaled_to_the_mean_of_the_years(winters):
    months = asked(winters)
    assert [one["start"][:7] for one in months] == ["2026-01", "2026-02", "2026-03", "2026-04"]
    march = months[2]
    # 31 days at 0 °C are 20 K each; in 2025, at 10 °C, they were 10 K each. March has 743 hours.
    assert (march["degree_days"], march["days"], march["of_days"]) == (620.0, MARCH, MARCH)
    assert march["value"] == pytest.approx(743_000.0)
    assert march["reference"] == pytest.approx((620 + 310) / 2)
    assert march["per_degree_day"] == pytest.approx(743_000 / 620)
    assert march["normalised"] == pytest.approx(743_000 * 0.75)
    assert march["why"] is None
    for share, normal in ((1, 743_000), (0.2, 743_000 * (0.2 + 0.8 * 0.75))):
        assert asked(winters, base=share)[2]["normalised"] == pytest.approx(normal)


def test_a_year_is_scaled_to_a_normal_one_that_is_given(winters):
    times = np.arange(midnight(2024, 1, 1), midnight(2025, 1, 1) + 1, 6 * HOUR_NS)
    hours = np.arange(midnight(2024, 1, 1), midnight(2025, 1, 1), HOUR_NS)
    winters.tell("leap", "temperature", hours, np.full(len(hours), 10.0))
    winters.tell("m-3", "heat_energy", times, np.arange(len(times)) * 1000.0)
    span = {"temperature": "leap", "device": "m-3", "start": "2024-01-01", "by": "year"}
    (year,) = asked(winters, **span, end="2025-01-01", reference=1830)
    assert (year["degree_days"], year["days"], year["of_days"]) == (3660.0, 366, 366)
    assert year["normalised"] == pytest.approx(year["value"] / 2)
    (part,) = asked(winters, **span, end="2024-12-31", reference=1830)
    assert (part["normalised"], part["why"]) == (None, "it is not a whole year")


def test_what_can_not_be_scaled_says_why(winters):
    (march,) = asked(winters, start="2026-03-01", end="2026-04-01", what="cooling")
    assert march["degree_days"] == 0.0
    assert march["per_degree_day"] is None
    assert march["why"] == "0 degree days say too little, 30 are needed"
    found = asked(winters, start="2025-12-01", end="2026-02-01")
    assert found[0]["why"] == "nothing is known of what flowed"
    later = asked(winters, start="2026-04-01", end="2026-06-01")
    assert later[1]["days"] == 0
    alone = Town(winters.archive._folder.parent / "alone")
    times = np.arange(midnight(2026, 1, 1), midnight(2026, 2, 1) + 1, HOUR_NS)
    gap = times[(times < midnight(2026, 1, 5)) | (times >= midnight(2026, 1, 12))]
    alone.tell("weather", "temperature", gap, gap * 0.0)
    alone.tell("full", "temperature", times, times * 0.0)
    alone.tell("m-1", "heat_energy", times, np.arange(len(times)) * 1000.0)
    (january,) = asked(alone, end="2026-02-01")
    assert january["why"] == "24 of 31 days have a temperature, 90% are needed"
    assert january["degree_days"] == 24 * 20
    (january,) = asked(alone, end="2026-02-01", temperature="full")
    assert january["why"] == "fewer than 2 years are known to compare with"
    assert january["per_degree_day"] == pytest.approx(january["value"] / 620)


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ({"temperature": "nobody"}, 404, 'temperature: no device "nobody" was ever heard'),
        ({"temperature": "dumb"}, 404, 'temperature: "dumb" measures no temperature'),
        ({"quantity": "gas_volume"}, 404, "no register of gas_volume"),
        ({"reference": 100}, 422, "reference: expected none unless by=year"),
        ({"by": "year", "reference": 0}, 422, "reference: expected greater than 0"),
        ({"base": 2}, 422, "base: expected less than or equal to 1"),
        ({"by": "day"}, 422, "by: expected 'month' or 'year'"),
    ],
)
def test_what_is_asked_for_wrongly_is_told(winters, query, status, said):
    first = {"temperature": "weather", "quantity": "heat_energy"}
    answer = winters.client().get("/v1/energy/degree-days", params=first | query)
    assert problem_of(answer, status).startswith(said)


def test_days_of_23_and_25_hours_are_days(winters):
    town = winters
    begin = datetime(2026, 10, 24, tzinfo=BERLIN)
    times = np.arange(to_ns(begin), to_ns(begin + timedelta(days=3)), HOUR_NS)
    town.tell("autumn", "temperature", times, np.full(len(times), 5.0))
    town.tell("m-2", "heat_energy", times, np.arange(len(times)) * 1000.0)
    (october,) = asked(
        town, temperature="autumn", device="m-2", start="2026-10-24", end="2026-10-27"
    )
    assert (october["degree_days"], october["days"]) == (45.0, 3)
