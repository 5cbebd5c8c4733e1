"""Energy by the degree day over HTTP: figures by hand, reasons, tables, who sees which weather."""

import contextlib
import io
from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest
from api_town import BERLIN, HOUR_NS, Town, every, problem_of
from starlette.testclient import TestClient

from analytics.calendar import midnight_ns
from api.app import create_app
from api.sight import narrowed
from ingest.catalog import CatalogWatch, open_catalog
from ingest.place import Placed

PATH = "/v1/energy/degree-days"
FIRST, END = date(2025, 1, 1), date(2026, 4, 1)
HEAT = "heat_energy"
ASKED = {"temperature": "roof", "quantity": HEAT, "start": "2025-01-01", "end": "2026-04-01"}


def degrees(time_ns):
    """Return 5 degC in 2025 (15 K d a day), 0 in 2026 (20), and 20 in July."""
    summer = midnight_ns(date(2025, 7, 1), BERLIN), midnight_ns(date(2025, 8, 1), BERLIN)
    later = midnight_ns(date(2026, 1, 1), BERLIN)
    found = np.where(time_ns >= later, 0.0, 5.0)
    found[(time_ns >= summer[0]) & (time_ns < summer[1])] = 20.0
    return found


@contextlib.contextmanager
def opened(folder):
    """Open a town of two schools that are heated with 10 and 20 kW, and its weather."""
    town = Town(folder)
    start_ns, end_ns = midnight_ns(FIRST, BERLIN), midnight_ns(END, BERLIN)
    hours = np.arange(start_ns, end_ns + HOUR_NS, HOUR_NS)
    for n, device in enumerate(("north-heat", "south-heat"), 1):
        town.tell(device, HEAT, hours, 10_000.0 * n * np.arange(len(hours)))
    # In February 2026 a sensor on the roof is away for four days (24 of 28), in March for two.
    times = hours[:-1]
    for month, days in ((2, 4), (3, 2)):
        hole = (
            midnight_ns(date(2026, month, 10), BERLIN),
            midnight_ns(date(2026, month, 10 + days), BERLIN),
        )
        times = times[(times < hole[0]) | (times >= hole[1])]
    town.tell("roof", "temperature", times, degrees(times))
    town.tell("roof", "temperature", times, np.full(len(times), 28.0), "sun")
    catalog = open_catalog("", folder)
    catalog.put("tenants", [{"id": "dortmund", "name": "Dortmund"}])
    sites = [{"id": one, "tenant": "dortmund", "name": one} for one in ("north", "south")]
    catalog.put("sites", sites)
    catalog.put("devices", [{"id": f"{one}-heat", "site": one} for one in ("north", "south")])
    watch = CatalogWatch(lambda: open_catalog("", folder), town.store)
    watch.start()
    try:
        town.house = replace(town.house, catalog=watch)
        yield town
    finally:
        watch.stop()
        catalog.close()
        town.store.close()


@pytest.fixture(scope="module")
def heated(tmp_path_factory):
    with opened(tmp_path_factory.mktemp("heated")) as town:
        yield town


@pytest.fixture(scope="module")
def client(heated):
    return TestClient(create_app(heated.house), raise_server_exceptions=False)


def asked(client, **query):
    answer = client.get(PATH, params={**ASKED, **query})
    assert answer.status_code == 200, answer.text
    return answer.json()


def months(client, **query):
    return {one["start"][:7]: one for one in asked(client, **query)["items"]}


def test_months_by_hand_over_both_clock_changes(client):
    """30 kW together; a normal month is that of 2025, the only whole year."""
    page = asked(client)
    assert (page["reference_years"], page["kind"], page["temperature"]) == (
        "2025", "heating", "roof",
    )  # fmt: skip
    found = months(client)
    assert len(found) == 15
    for month, hours in (("2025-01", 744), ("2025-03", 743), ("2025-10", 745)):
        one = found[month]
        assert (one["value"], one["unit"]) == (pytest.approx(30_000.0 * hours), "Wh")
        assert (one["degree_days"], one["days"], one["days_covered"]) == (465.0, 31, 31)
        assert one["per_degree_day"] == pytest.approx(30_000.0 * hours / 465)
        assert one["normalised"] == pytest.approx(one["value"]), "2025 is the normal year"
    january = found["2026-01"]
    assert (january["degree_days"], january["reference"]) == (620.0, 465.0)
    assert january["normalised"] == pytest.approx(30_000.0 * 744 * 465 / 620)
    assert (january["reason"], january["known"], january["meters"]) == (None, 1.0, 2)


def test_what_can_not_be_said_has_its_reason(client):
    found = months(client)
    july, february, march = found["2025-07"], found["2026-02"], found["2026-03"]
    assert (july["degree_days"], july["normalised"], july["per_degree_day"]) == (0.0, None, None)
    assert july["reason"] == "few_degree_days"
    assert (february["degree_days"], february["days_covered"]) == (24 * 20.0, 24)
    assert (february["degree_days_whole"], february["normalised"]) == (None, None)
    assert february["reason"] == "days_missing"
    assert (march["degree_days"], march["days_covered"]) == (29 * 20.0, 29)
    assert march["degree_days_whole"] == pytest.approx(620.0)
    assert march["normalised"] == pytest.approx(30_000.0 * 743 * 465 / 620)
    (cut,) = asked(client, start="2026-01-10T12:00", end="2026-01-20")["items"]
    assert (cut["start"], cut["days"]) == ("2026-01-10T00:00:00+01:00", 10), "whole days"
    assert (cut["reason"], cut["degree_days"]) == ("period_cut", 200.0)
    assert cut["per_degree_day"] == pytest.approx(30_000.0 * 240 / 200)
    late = months(client, start="2026-03-01", end="2026-06-01")
    assert late["2026-05"]["reason"] == "no_energy"
    before = months(client, start="2024-12-17", end="2025-02-01", reference="3000")
    assert before["2024-12"]["reason"] == "no_energy"


def test_years_and_groups_and_a_normal_year_of_ones_own(client):
    year_2025 = 334 * 15.0  # July has none
    old, new = asked(client, by="year", reference="2505")["items"]
    assert (old["days"], old["degree_days"], old["reference"]) == (365, year_2025, 2505.0)
    assert old["normalised"] == pytest.approx(old["value"] / 2)
    assert new["reason"] == "period_cut"
    found = months(client, reference="2505")
    assert found["2026-01"]["reference"] == pytest.approx(465 / 2)
    twelve = asked(client, reference=",".join(["310"] * 12))
    assert twelve["reference_years"] is None
    assert {one["reference"] for one in twelve["items"]} == {310.0}
    groups = asked(client, per="site", start="2026-01-01", end="2026-02-01")["items"]
    values = [(one["group"], one["normalised"]) for one in groups]
    assert values == [
        ("north", pytest.approx(10_000.0 * 744 * 0.75)),
        ("south", pytest.approx(20_000.0 * 744 * 0.75)),
    ]
    alone = months(client, device="south-heat")["2026-01"]
    assert alone["normalised"] == values[1][1]


def test_hot_water_is_not_scaled(client):
    value = 30_000.0 * 744
    share = months(client, base_load=0.2)["2026-01"]
    assert share["base"] == pytest.approx(0.2 * value)
    assert share["normalised"] == pytest.approx(0.2 * value + 0.8 * value * 0.75)
    daily = months(client, base_load_per_day=240_000)["2026-01"]
    assert daily["base"] == pytest.approx(31 * 240_000.0)
    assert daily["per_degree_day"] == pytest.approx((value - 31 * 240_000.0) / 620)


def test_cooling_and_a_channel(client):
    hot = months(client, kind="cooling", channel="sun")["2025-07"]
    assert (hot["degree_days"], hot["reason"]) == (31 * 4.0, None)
    assert months(client, kind="cooling")["2025-07"]["degree_days"] == 0.0


def test_the_energy_is_that_of_the_sums(client):
    span = {"start": ASKED["start"], "end": ASKED["end"], "quantity": HEAT, "by": "month"}
    sums = client.get("/v1/energy/sums", params=span).json()["items"]
    shared = ("start", "end", "value", "quality", "status", "coverage", "meters", "uncertainty")
    found = asked(client)["items"]
    assert [[one[name] for name in shared] for one in found] == [
        [one[name] for name in shared] for one in sums
    ]


@pytest.mark.parametrize("limit", [1, 7])
def test_pages_and_tables_are_the_whole(client, limit):
    query = {**ASKED, "per": "site"}
    whole = asked(client, per="site")["items"]
    assert every(client, PATH, **query, limit=limit) == whole
    answer = client.get(PATH, params={**query, "format": "parquet"})
    table = pl.read_parquet(io.BytesIO(answer.content))
    assert table["normalised"].to_list() == [one["normalised"] for one in whole]
    assert table["reason"].to_list() == [one["reason"] for one in whole]
    assert set(table["reference_years"]) == {"2025"}


def test_the_weather_of_another_tenant_is_as_unknown(heated):
    """The roof is nobody's: dortmund sees its own registers, and no temperature."""

    def seen(**more):
        placed = {**heated.house.placed(), **more}
        house = narrowed(heated.house, "dortmund", placed)
        client = TestClient(create_app(house), raise_server_exceptions=False)
        unknown = asked(client, temperature="never-there")
        return asked(client), unknown

    hidden, unknown = seen(roof=Placed("schwerte", None))
    assert hidden["items"] == unknown["items"] == []
    assert hidden["note"] == unknown["note"].replace("never-there", "roof")
    assert hidden["note"].startswith('no device "roof" was ever heard')
    assert hidden["reference_years"] is None
    own, _ = seen(roof=Placed("dortmund", None))
    assert len(own["items"]) == 15


def test_nothing_is_said_in_words(client):
    assert asked(client, temperature="north-heat")["note"].endswith("measures no temperature")
    said = asked(client, channel="cellar")["note"]
    assert said == '"roof" measures no temperature in its channel "cellar"'
    assert asked(client, device="x")["note"] == f"no register of {HEAT} is there"
    assert asked(client, end="2025-01-01")["note"] == "the span that is asked for is empty"


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"reference": "0"}, "reference: expected degree days of a normal year, above 0"),
        ({"reference": "1,2"}, "reference: expected degree days of a normal year"),
        ({"reference": "-1"}, "reference: expected degree days of a normal year"),
        ({"reference": "nan"}, "reference: expected degree days of a normal year"),
        ({"reference": "3.500,00"}, "reference: expected degree days of a normal year"),
        ({"base_load": "1.1"}, "base_load: expected less than or equal to 1"),
        ({"base_load": "nan"}, "base_load: expected"),
        ({"base_load_per_day": "-1"}, "base_load_per_day: expected greater than or equal to 0"),
        (
            {"base_load": "0.1", "base_load_per_day": "5"},
            "base_load, base_load_per_day: expected a share or an amount a day, not both",
        ),
        ({"by": "day"}, "by: expected 'month' or 'year'"),
        ({"kind": "warm"}, "kind: expected 'heating' or 'cooling'"),
        ({"quantity": "temperature"}, "quantity: expected a register"),
        ({"cursor": "x"}, "cursor: expected the `next` of a page before"),
    ],
)
def test_what_is_wrong_is_refused(client, query, said):
    answer = client.get(PATH, params={**ASKED, **query})
    assert problem_of(answer, 422).startswith(said)


def test_a_temperature_must_be_named(client):
    assert problem_of(client.get(PATH), 422).startswith("temperature: expected a value")
