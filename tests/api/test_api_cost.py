"""What energy costs, over HTTP: golden figures, the parts' sum, tables, who sees which tariff."""

import contextlib
import io
import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from api_town import HOUR_NS, METER, METER_FROM_NS, Town, every, problem_of
from starlette.testclient import TestClient

from analytics.tariffs import EXAMPLES, Tariffs
from api.app import create_app
from api.sight import narrowed
from ingest.catalog import CatalogWatch, open_catalog
from ingest.place import Placed

HEAD = """
currency = "EUR"
zone = "Europe/Berlin"
"""
NIGHT = f"""
name = "night"
{HEAD}
direction = "import"
prices = "net"
[[term]]
from = 2026-03-28
vat_percent = 19
standing_per_day = 0.10
[[term.band]]
name = "small hours"
hours = ["02:00-03:00"]
price = 0.2001
[[term.band]]
name = "rest"
price = 0.3335
"""
FEED_IN = f"""
name = "feed-in"
{HEAD}
direction = "export"
term = [{{ from = 2026-01-01, band = [{{ name = "all", price = 0.08 }}] }}]
"""
OWN = FEED_IN.replace("feed-in", "geheim").replace(HEAD, f'{HEAD}tenant = "schwerte"\n')
GRID = """
what = "co2"
name = "grid"
zone = "Europe/Berlin"
term = [{ from = 2026-01-01, g_per_kwh = 350 }]
"""
SPAN = {"start": "2026-03-28", "end": "2026-04-01", "by": "day"}
ASKED = {**SPAN, "tariff": "night", "device": METER}


@contextlib.contextmanager
def opened(folder):
    """Open a town of a meter and two homes over the night in which clocks go forward."""
    town = Town(folder)
    hours = METER_FROM_NS + HOUR_NS * np.arange(1, 98)
    town.tell(METER, "active_energy_import", hours, [1000.0 + 1000.0 * n for n in range(97)])
    town.tell(METER, "active_energy_export", hours, [500.0 * n for n in range(97)])
    for n, home in enumerate(("home-1", "home-2")):
        values = [(n + 1) * 100.0 * k for k in range(97)]
        town.tell(home, "active_energy_import", hours, values)
    catalog = open_catalog("", folder)
    catalog.put("tenants", [{"id": t, "name": t} for t in ("dortmund", "schwerte")])
    catalog.put("sites", [{"id": "s", "tenant": "dortmund", "name": "S", "district": "Eving"}])
    catalog.put("devices", [{"id": "home-1", "site": "s"}, {"id": METER, "tenant": "schwerte"}])
    watch = CatalogWatch(lambda: open_catalog("", folder), town.store)
    watch.start()
    own = folder / "tariffs"
    own.mkdir()
    for name, text in {"night": NIGHT, "feed": FEED_IN, "own": OWN, "grid": GRID}.items():
        (own / f"{name}.toml").write_text(text)
    (own / "broken.toml").write_text('name = "b"\ncurency = "EUR"\n')
    try:
        town.house = replace(town.house, catalog=watch, tariffs=Tariffs([own, EXAMPLES]))
        town.app = create_app(town.house)
        yield town
    finally:
        watch.stop()
        catalog.close()
        town.store.close()


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    with opened(tmp_path_factory.mktemp("cost")) as found:
        yield found


@pytest.fixture(scope="module")
def client(town):
    return TestClient(town.app, raise_server_exceptions=False)


def costs(client, **query):
    query = {name: value for name, value in {**ASKED, **query}.items() if value is not None}
    answer = client.get("/v1/energy/cost", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_days_around_the_clock_change_by_hand(client):
    """1 kWh an hour from 28 March 01:00 on: 22 + 1 hours, then 23 + 0, then 23 + 1."""
    page = costs(client)
    named = [page[key] for key in ("tariff", "currency", "direction", "intensity")]
    assert named == ["night", "EUR", "import", None]
    first, second, third, last = page["items"]
    assert [(p["name"], p["kwh"], p["net"], p["vat"], p["amount"]) for p in first["parts"]] == [
        ("small hours", 1.0, 0.2, 0.04, 0.24),  # 0.2001, with VAT 0.238119
        ("rest", 22.0, 7.34, 1.39, 8.73),  # 7.337, with VAT 8.73103
        ("standing charge per day", None, 0.1, 0.01, 0.11),  # 23 hours of 24; 0.0958, 0.1140
    ]
    assert (first["net"], first["vat"], first["total"], first["rounding"]) == (
        7.63, 1.45, 9.08, 0.0,  # 7.6329, 9.0832
    )  # fmt: skip
    assert first["parts"][2]["count"] == pytest.approx(23 / 24)
    assert [(p["name"], p["kwh"]) for p in second["parts"]] == [
        ("rest", 23.0), ("standing charge per day", None),
    ]  # fmt: skip
    assert second["total"] == 9.25  # (23 * 0.3335 + 0.10) * 1.19 = 9.246895
    assert [p["kwh"] for p in third["parts"]] == [1.0, 23.0, None]
    assert last["total"] == 9.49  # (0.2001 + 23 * 0.3335 + 0.1) * 1.19 = 9.485... a whole day
    assert (first["spread_kwh"], first["spread_share"], first["unpriced_kwh"]) == (0, 0, 0)
    assert first["by_quality"] == {
        "measured": 23.0, "estimated": 0.0, "substituted": 0.0, "suspect": 0.0,
    }  # fmt: skip
    assert (second["quality"], second["status"], second["coverage"]) == ("measured", "W", 1.0)


@pytest.mark.parametrize("by", ["quarter_hour", "hour", "day", "month"])
@pytest.mark.parametrize("digits", [0, 2, 6])
def test_parts_and_rounding_are_the_total_and_bands_are_the_energy(client, by, digits):
    query = {**SPAN, "by": by, "device": METER}
    energy = client.get("/v1/energy", params=query).json()["items"]
    items = costs(client, by=by, digits=digits)["items"]
    assert len(items) == len(energy)
    for one, other in zip(items, energy, strict=True):
        assert (one["start"], one["end"]) == (other["start"], other["end"])
        if other["value"] is None:
            assert (one["kwh"], one["total"], one["parts"]) == (None, None, [])
            continue
        told = sum(part["kwh"] or 0.0 for part in one["parts"]) + one["unpriced_kwh"]
        assert told * 1000 == pytest.approx(other["value"], rel=1e-12, abs=1e-6)
        assert sum(one["by_quality"].values()) == pytest.approx(told, rel=1e-12)
        amounts = sum(part["amount"] for part in one["parts"])
        assert amounts + one["rounding"] == pytest.approx(one["total"], abs=1e-9)
        assert one["net"] + one["vat"] == pytest.approx(one["total"], abs=1e-9)
        for part in one["parts"]:
            assert part["net"] + part["vat"] == pytest.approx(part["amount"], abs=1e-9)
            assert round(part["amount"], digits) == part["amount"]
        for name in ("quality", "status", "coverage", "provisional"):
            assert one[name] == other[name]


def test_rounding_is_told(client):
    """Without digits each of the parts is rounded away, and the total keeps what they are."""
    query = {"device": "home-1", "by": "hour", "start": "2026-03-28T02:00", "digits": 2}
    (one, *_) = costs(client, **query, end="2026-03-28T03:00")["items"]
    # 0.1 kWh: 0.02001 and 0.00417 of the day, with VAT 0.0238 and 0.0050: 0.02 + 0.00 and 0.03
    assert ([part["amount"] for part in one["parts"]], one["total"]) == ([0.02, 0.0], 0.03)
    assert one["rounding"] == 0.01


def test_what_is_exported_is_income(client):
    (one,) = costs(client, tariff="feed-in", by="month", end="2026-03-29", device=METER)["items"]
    assert (one["kwh"], one["total"]) == (11.5, -0.92)
    assert one["parts"][0]["price"] == -0.08


def test_groups_and_their_standing_charges(client):
    items = costs(client, per="device", by="year", device="home-1,home-2,meter-1")["items"]
    assert [one["group"] for one in items] == ["home-1", "home-2", METER]
    together = costs(client, by="year", device="home-1,home-2,meter-1")["items"][0]
    assert together["meters"] == 3
    for name in ("kwh", "net"):
        assert sum(one[name] for one in items) == pytest.approx(together[name], abs=0.02)
    counts = [one["parts"][-1]["count"] for one in (*items, together)]
    assert sum(counts[:3]) == pytest.approx(counts[3])
    assert {one["group"] for one in costs(client, per="district", device=None)["items"]} == {
        None, "Eving",
    }  # fmt: skip
    assert costs(client, district="Eving", device=None, by="year")["items"][0]["meters"] == 1


def test_the_carbon_beside_it(client):
    page = costs(client, co2="grid", by="month")
    assert page["intensity"] == "grid"
    one = page["items"][0]
    assert one["co2"] == {
        "kg": one["kwh"] * 0.35, "g_per_kwh": 350.0, "unknown_kwh": 0.0, "spread_kwh": 0.0,
    }  # fmt: skip


def test_what_has_no_price_is_told(client, tmp_path, town):
    query = {"tariff": "night", "device": METER, "start": "2026-03-27", "end": "2026-03-28"}
    (one,) = client.get("/v1/energy/cost", params={**query, "by": "day"}).json()["items"]
    assert (one["total"], one["parts"], one["co2"]) == (None, [], None)
    before = NIGHT.replace("2026-03-28", "2026-03-29").replace('"night"', '"late"')
    (tmp_path / "late.toml").write_text(before)
    house = replace(town.house, tariffs=Tariffs([tmp_path]))
    page = costs(TestClient(create_app(house)), tariff="late", by="month")
    assert page["items"][0]["unpriced_kwh"] == 23.0
    assert page["note"].startswith("23.000 kWh have no price, and are in no total: late holds from")


@pytest.mark.parametrize("limit", [1, 3])
def test_pages_together_are_the_whole(client, limit):
    query = {**ASKED, "device": "home-1,home-2", "per": "device"}
    whole = client.get("/v1/energy/cost", params=query).json()["items"]
    assert every(client, "/v1/energy/cost", **query, limit=limit) == whole
    assert len(whole) == 8


def test_costs_and_tariffs_are_tables_too(client):
    query = {**ASKED, "format": "parquet", "co2": "grid"}
    table = pl.read_parquet(io.BytesIO(client.get("/v1/energy/cost", params=query).content))
    assert table["total"].to_list()[1:3] == [9.25, 9.49]
    assert table["currency"].unique().to_list() == ["EUR"]
    assert json.loads(table["parts"][0])[0]["name"] == "small hours"
    assert table["co2_kg"][1] == pytest.approx(23 * 0.35)
    listed = pl.read_csv(io.BytesIO(client.get("/v1/tariffs?format=csv").content))
    assert "night" in listed["name"].to_list()


def test_tariffs_are_listed_with_their_bands_and_what_is_broken(client):
    items = {one["name"]: one for one in client.get("/v1/tariffs").json()["items"]}
    assert set(items) == {
        "night", "feed-in", "geheim", "grid", "example-day-night", "example-co2", None,
    }  # fmt: skip
    (term,) = items["night"]["terms"]
    assert term["bands"][0] == {
        "name": "small hours", "price": 0.2001, "series": None, "days": None,
        "hours": "02:00-03:00", "months": None,
    }  # fmt: skip
    assert (term["vat_percent"], term["standing"]) == (19.0, [{"amount": 0.1, "per": "day"}])
    assert (items["night"]["prices"], items["grid"]["prices"]) == ("net", None)
    broken = items[None]
    assert broken["file"] == "broken.toml"
    assert "line 2: curency: expected one of what, name," in broken["error"]
    only = client.get("/v1/tariffs?what=co2").json()["items"]
    assert [one["name"] for one in only] == ["example-co2", "grid", None]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        (
            {"tariff": "none"},
            "tariff: expected one that /v1/tariffs lists (example-day-night, ",
        ),
        ({"tariff": "grid"}, "tariff: expected one that /v1/tariffs lists"),
        (
            {"co2": "night"},
            "co2: expected one that /v1/tariffs lists (example-co2, grid; broken: ",
        ),
        ({"digits": 7}, "digits: expected less than or equal to 6"),
        ({"by": "hour", "start": "1900-01-01"}, "by: expected a period that fits"),
        ({"quantity": "heat_energy"}, "parameter: expected one of by, co2, cursor"),
    ],
)
def test_what_is_wrong_is_told_in_words(client, query, said):
    answer = client.get("/v1/energy/cost", params={**ASKED, **query})
    assert problem_of(answer, 422).startswith(said)


def test_nothing_is_said_in_words(client):
    none = costs(client, device="nobody")
    assert (none["items"], none["note"]) == ([], "no register of active_energy_import is there")
    outside = costs(client, start="2030-01-01", end="2030-01-03")
    assert [one["total"] for one in outside["items"]] == [None, None]
    assert problem_of(client.get("/v1/energy/cost?device=x"), 422).startswith("tariff: expected a")


@pytest.mark.parametrize(("tenant", "sees"), [("dortmund", False), ("schwerte", True)])
def test_a_tenants_tariff_is_not_there_for_others(town, tenant, sees):
    placed = {METER: Placed("schwerte"), "home-1": Placed("dortmund")}
    app = create_app(narrowed(town.house, tenant, placed))
    client = TestClient(app, raise_server_exceptions=False)
    answer = client.get("/v1/tariffs")
    names = [one["name"] for one in answer.json()["items"]]
    assert ("geheim" in names) is sees
    assert "feed-in" in names, "what is for everybody is there"
    assert None not in names, "whose a broken file is, nobody knows"
    asked = client.get("/v1/energy/cost", params={**ASKED, "tariff": "geheim"})
    if sees:
        assert asked.json()["items"][0]["total"] < 0
    else:
        assert "geheim" not in problem_of(asked, 422).replace('found "geheim"', "")
        assert costs(client)["items"] == [], "nor is the meter"
