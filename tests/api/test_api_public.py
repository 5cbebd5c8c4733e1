"""What everybody may see: totals that tell nothing of one home, however one asks and computes."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from api_town import HOUR_NS, Town, every, problem_of
from starlette.testclient import TestClient

from analytics.disclosure import HOMES_MIN, Home, hides_each, parts
from api.app import create_app
from api.guarding import guard_of
from api.keys import Scope, new_key
from api.opened import Opener
from ingest.catalog import CatalogWatch, add_key, open_catalog
from ingest.clock import rfc3339_ns

FIRST_NS = rfc3339_ns("2026-03-27T00:00:00+01:00")  # the 29th has 23 hours
DAYS = 5
NOW_NS = rfc3339_ns("2026-04-03T12:00:00+02:00")
DISTRICTS = {"Hörde": 6, "Eving": 3, "Brackel": 3}


class City:
    """Homes that each use a constant power (W), one public school, and a catalog of them."""

    def __init__(self, folder) -> None:
        self.town = Town(folder)
        self.watts: dict[str, float] = {}
        self.catalog = open_catalog("", folder)
        self.catalog.put("tenants", [{"id": "dortmund", "name": "Dortmund"}])
        for district, count in DISTRICTS.items():
            for k in range(count):
                self.home(f"{district}-{k}", district, 200.0 + 10 * k)
        self.home("school", "Hörde", 5_000.0, public=True)
        self.town.tell("school", "temperature", FIRST_NS + np.arange(3) * HOUR_NS, [20.0, 21, 22])
        self.town.tell("school", "occupancy", [FIRST_NS], [1.0])
        self.town.tell("Hörde-0", "temperature", [FIRST_NS], [19.0])
        self.watch = CatalogWatch(lambda: open_catalog("", folder), self.town.store)
        self.watch.start()
        now = {"now_ns": lambda: NOW_NS}
        self.house = replace(self.town.house, catalog=self.watch, public=True, **now)
        self.opener = Opener(self.house)

    def home(self, id: str, district: str, watts: float, **facts: object) -> None:
        site = {"id": id, "tenant": "dortmund", "name": id, "district": district}
        self.catalog.put("sites", [site | facts])
        self.catalog.put("devices", [{"id": id, "site": id}])
        self.use(id, watts)

    def use(self, id: str, watts: float) -> None:
        self.watts[id] = watts
        at = np.arange(DAYS * 24)  # the 23 hours of the 29th, so one hour into the 1st
        self.town.tell(id, "active_energy_import", FIRST_NS + at * HOUR_NS, at * watts)

    def client(self) -> TestClient:
        return TestClient(create_app(self.house), raise_server_exceptions=False)

    def totals(self, **query) -> list[dict]:
        return every(self.client(), "/v1/public/totals", **query)


@pytest.fixture
def city(tmp_path):
    city = City(tmp_path)
    yield city
    city.watch.stop()
    city.catalog.close()


def kwh(found: list[dict], **facts) -> list[float]:
    return [one["value"] / 1000 for one in found if facts.items() <= one.items()]


def test_days_are_told_by_district_and_small_districts_together(city):
    assert city.opener.look() == 0, "one look proves nothing"
    assert city.opener.look() == 4
    days = city.totals(by="day")
    # Six homes of 200 to 250 W; the last Sunday of March has 23 hours.
    assert kwh(days, name="Hörde", kind="district") == [32, 31, 32, 32]
    assert [one["start"] for one in days if one["kind"] == "rest"] == [
        "2026-03-28", "2026-03-29", "2026-03-30", "2026-03-31"
    ]  # fmt: skip
    assert kwh(days, kind="rest") == [30, 29, 30, 30]
    assert kwh(days, kind="site") == [120, 115, 120, 120]
    assert {(one["kind"], one["homes_at_least"]) for one in days} == {
        ("district", 5), ("rest", 5), ("site", None)
    }  # fmt: skip
    assert {one["name"] for one in days} == {"Hörde", None, "school"}
    march = [one for one in city.totals(by="month") if one["start"] == "2026-03-01"]
    assert kwh(march, kind="district") == [sum(kwh(days, name="Hörde", kind="district"))]
    assert {(one["days"], one["of_days"]) for one in march} == {(4, 31)}
    assert [one["end"] for one in city.totals(by="year")] == ["2027-01-01"] * 3


def test_what_was_told_is_never_told_otherwise(city):
    city.opener.look()
    city.opener.look()
    before = city.totals(by="day")
    # A home more, another one's readings corrected, a third that moves: no day may show it.
    city.home("Hörde-new", "Hörde", 900.0)
    city.use("Hörde-1", 7.0)
    city.catalog.put("sites", [{"id": "Eving-0", "district": "Hörde"}])
    for _ in range(3):
        assert city.opener.look() == 0
    assert city.totals(by="day") == before
    again = Opener(city.house)  # nor after a restart
    again.look()
    again.look()
    assert city.totals(by="day") == before


def test_an_import_that_still_runs_is_waited_for(city):
    city.opener.look()
    city.use("Hörde-1", 150.0)
    assert city.opener.look() == 0
    assert city.opener.look() == 4


def test_no_sum_or_difference_of_figures_is_one_home(city):
    """All that an attacker can add and subtract of a day, against what each home used."""
    city.opener.look()
    city.opener.look()
    by_day: dict[str, list[float]] = {}
    for by in ("day", "month", "year"):
        for one in city.totals(by=by):
            if one["kind"] != "site":
                by_day.setdefault(one["start"] + by, []).append(one["value"])
    homes = [watts for id, watts in city.watts.items() if id != "school"]
    for key, values in by_day.items():
        # Per watt: hours of the day, or of the days that were told.
        hours = {"2026-03-29day": 23}.get(key, 24 if key.endswith("day") else 95)
        made = {abs(a - b) for a, b in combinations([0.0, *values], 2)} | {sum(values)}
        whole = sum(homes) * hours
        for value in made:
            near = [w for w in homes if abs(value - w * hours) < 1_000]
            assert not near, (key, value, near)
            left = whole - value  # should the city's consumption be known from elsewhere
            assert not [w for w in homes if abs(left - w * hours) < 1_000], (key, value)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([1, 1, 1, 1, 1], True),
        ([1, 1, 1, 1], False),
        ([1, 1, 1, 1, 0], False),
        ([5, 1, 1, 1, 1, 1], True),
        ([5.1, 1, 1, 1, 1, 1], False),
        ([45, 41, 5, 5, 4], False),
        ([45, 40, 5, 5, 5], True),
    ],
)
def test_a_part_hides_each_of_its_homes(values, told):
    assert hides_each([value * 10_000.0 for value in values]) is told


def test_every_home_is_in_one_part_at_most_and_none_is_small():
    rng = np.random.default_rng(7)
    for _ in range(300):
        n = int(rng.integers(0, 40))
        watts = (1 << np.arange(n)).astype(float)  # each subset has a sum of its own
        watts = rng.permutation(watts) if n % 2 else rng.uniform(1_000, 9_000, n) * 1_000
        at = [(str(rng.integers(2)), str(rng.integers(5))) for _ in range(n)]
        homes = [Home(*where, w) for where, w in zip(at, watts.tolist(), strict=True)]
        found = parts(homes, "Wh")
        assert sum(part.value for part in found) <= sum(watts) + 1_000 * len(found)
        keys = [(part.tenant, part.district) for part in found]
        assert len(keys) == len(set(keys))
        for part in found:
            own = [home.value for home in homes if home[:2] == (part.tenant, part.district)]
            if part.district is None:
                named = {one.district for one in found if one.tenant == part.tenant}
                own = [
                    home.value
                    for home in homes
                    if home.tenant == part.tenant and home.district not in named
                ]
            assert part.value == pytest.approx(sum(own), abs=501)
            assert len(own) >= part.homes >= HOMES_MIN


def test_places_show_the_environment_and_nothing_of_homes(city):
    client = city.client()
    (school,) = every(client, "/v1/public/sites")
    assert school["id"] == "school"
    assert [(one["quantity"], one["value"]) for one in school["latest"]] == [("temperature", 22.0)]
    span = {"start": "2026-03-27", "end": "2026-03-28"}
    asked = {"site": "school", "quantity": "temperature", **span}
    hours = client.get("/v1/public/hours", params=asked).json()["items"]
    assert [(one["sensor"], one["mean"]) for one in hours] == [(1, 20.0), (1, 21.0), (1, 22.0)]
    for site in ("Hörde-0", "nowhere"):
        said = problem_of(client.get("/v1/public/hours", params={**asked, "site": site}), 404)
        assert said.startswith("there is no public place")
    for quantity in ("occupancy", "active_energy_import"):
        answer = client.get("/v1/public/hours", params={**asked, "quantity": quantity})
        assert problem_of(answer, 422).startswith("quantity: expected one of temperature")
    long = client.get("/v1/public/hours", params={**asked, "end": "2026-05-01"})
    assert "at most 31 days" in problem_of(long, 422)
    assert "a day such as" in problem_of(client.get("/v1/public/totals?start=noon"), 422)


@pytest.mark.parametrize("path", ["/v1/public/totals", "/v1/public/sites", "/v1/public/hours"])
def test_it_is_open_without_a_key_only_where_the_city_says_so(city, path, tmp_path):
    class Settings:
        catalog, data, rate_limit, first_key, http = "", tmp_path, 50, "", "127.0.0.1:8000"
        oidc_issuer = ""

    row, text = new_key("a city's", Scope.READ, "dortmund", NOW_NS)
    add_key(city.catalog, row)
    query = {"site": "school", "quantity": "temperature"} if path.endswith("hours") else {}
    guard = guard_of(Settings(), "127.0.0.1", city.watch)
    shown = []
    for headers in ({}, {"Authorization": f"Bearer {text}"}):
        client = TestClient(create_app(city.house, guard), base_url="http://127.0.0.1:8000")
        answer = client.get(path, params=query, headers=headers)
        assert answer.status_code == 200
        shown.append(answer.json())
        shut = replace(city.house, public=False)
        client = TestClient(create_app(shut, guard), base_url="http://127.0.0.1:8000")
        said = problem_of(client.get(path, params=query, headers=headers), 404)
        assert said.startswith("nothing is open to the public here")
    assert shown[0] == shown[1]
    client = TestClient(create_app(city.house, guard), base_url="http://127.0.0.1:8000")
    assert client.get("/city").status_code == 200
    assert client.get("/v1/devices").status_code == 401
    assert client.post(path).status_code == 401
