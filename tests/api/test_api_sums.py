"""Sums over many registers are the sums of what each of them says, group by group."""

import contextlib
import io
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from api_town import HOUR_NS, METER, METER_FROM_NS, Town, every, problem_of
from starlette.testclient import TestClient

from api.app import create_app
from ingest.catalog import CatalogWatch, open_catalog
from ingest.errors import StoreUnavailable

HOMES = {"home-1": "north", "home-2": "north", "home-3": "south", "home-4": None}
IMPORT = "active_energy_import"
DAYS = 6
SPAN = {"start": "2026-03-28", "end": "2026-04-03", "by": "day"}


@contextlib.contextmanager
def street(folder):
    """Open a town of four meters, over the night in which clocks go forward, and its catalog."""
    town = Town(folder)
    draw = np.random.default_rng(3)
    for n, device in enumerate(HOMES):
        values = 1000.0 * n + np.cumsum(draw.integers(0, 900, 24 * DAYS))
        times = METER_FROM_NS + HOUR_NS * np.arange(24 * DAYS)
        late = 30 if device == "home-3" else 0  # it was put in on the second day
        town.tell(device, IMPORT, times[late:].tolist(), values[late:].tolist())
    catalog = open_catalog("", folder)
    catalog.put("tenants", [{"id": "dortmund", "name": "Dortmund"}])
    catalog.put(
        "sites",
        [
            {"id": "north", "tenant": "dortmund", "name": "N", "district": "Eving",
             "sector": "household", "area_m2": 200.0},
            {"id": "south", "tenant": "dortmund", "name": "S", "district": "Hörde",
             "sector": "school"},
        ],
    )  # fmt: skip
    catalog.put("devices", [{"id": one, "site": site} for one, site in HOMES.items() if site])
    watch = CatalogWatch(lambda: open_catalog("", folder), town.store)
    watch.start()
    try:
        town.house = replace(town.house, catalog=watch)
        yield TestClient(create_app(town.house), raise_server_exceptions=False)
    finally:
        watch.stop()
        catalog.close()
        town.store.close()


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    with street(tmp_path_factory.mktemp("street")) as found:
        yield found


def sums(client, **query):
    """Return the sums as {(group, start): item}."""
    items = client.get("/v1/energy/sums", params={**SPAN, **query}).json()["items"]
    return {(one["group"], one["start"]): one for one in items}


def alone(client, device):
    """Return what a device's own register says, by start."""
    items = client.get("/v1/energy", params={**SPAN, "device": device}).json()["items"]
    return {one["start"]: one for one in items}


def test_all_together_are_the_sum_of_each(client):
    """Over a day of 23 hours, and one of which a meter knows nothing yet."""
    own = [alone(client, device) for device in HOMES]
    whole = sums(client)
    assert len(whole) == DAYS
    for (group, start), one in whole.items():
        parts = [each[start] for each in own if each[start]["value"] is not None]
        assert group == "all"
        assert one["value"] == pytest.approx(sum(part["value"] for part in parts), rel=1e-12)
        assert (one["meters"], one["missing"]) == (len(parts), len(HOMES) - len(parts))
        assert one["uncertainty"] == pytest.approx(sum(part["uncertainty"] for part in parts))
    first = whole["all", "2026-03-28T00:00:00+01:00"]
    assert (first["missing"], first["meters"]) == (1, 3)
    assert first["coverage"] == pytest.approx(0.75, abs=0.02)


@pytest.mark.parametrize(
    ("per", "groups"),
    [
        ("tenant", {None: ["home-4"], "dortmund": ["home-1", "home-2", "home-3"]}),
        ("district", {None: ["home-4"], "Eving": ["home-1", "home-2"], "Hörde": ["home-3"]}),
        ("sector", {None: ["home-4"], "household": ["home-1", "home-2"], "school": ["home-3"]}),
        ("site", {None: ["home-4"], "north": ["home-1", "home-2"], "south": ["home-3"]}),
        ("device", {one: [one] for one in HOMES}),
    ],
)
def test_groups_hold_their_own_registers(client, per, groups):
    found = sums(client, per=per)
    assert {group for group, _ in found} == set(groups)
    for (group, start), one in found.items():
        values = [alone(client, device)[start]["value"] for device in groups[group]]
        known = [value for value in values if value is not None]
        assert one["value"] == (pytest.approx(sum(known), rel=1e-12) if known else None)
    parts = [one["value"] or 0.0 for one in found.values()]
    whole = [one["value"] for one in sums(client).values()]
    assert sum(parts) == pytest.approx(sum(whole), rel=1e-12), "groups leave nothing out"


def test_by_the_square_metre_where_the_area_is_known(client):
    found = sums(client, per="site")
    for (site, _), one in found.items():
        assert one["area_m2"] == (200.0 if site == "north" else None)
        known = site == "north"
        assert one["per_m2"] == (pytest.approx(one["value"] / 200) if known else None)


@pytest.mark.parametrize(
    ("query", "devices"),
    [
        ({"district": "Eving"}, ["home-1", "home-2"]),
        ({"sector": "school"}, ["home-3"]),
        ({"site": "south"}, ["home-3"]),
        ({"tenant": "dortmund", "district": "Hörde"}, ["home-3"]),
    ],
)
def test_only_those_that_are_asked_for(client, query, devices):
    assert {group for group, _ in sums(client, per="device", **query)} == set(devices)


@pytest.mark.parametrize("limit", [1, 4, 7])
def test_pages_together_are_the_whole(client, limit):
    query = {**SPAN, "per": "district"}
    whole = client.get("/v1/energy/sums", params={**query, "limit": 1000}).json()
    assert whole["next"] is None
    assert every(client, "/v1/energy/sums", **query, limit=limit) == whole["items"]


def test_nothing_and_what_is_wrong_are_said_in_words(client):
    none = client.get("/v1/energy/sums?tenant=nobody").json()
    assert (none["items"], none["note"]) == ([], f"no register of {IMPORT} is there")
    said = problem_of(client.get("/v1/energy/sums?quantity=temperature"), 422)
    assert said.startswith("quantity: expected a register of energy, gas, water or heat")
    hours = "/v1/energy/sums?by=hour&start=1900-01-01&end=2026-01-01"
    assert problem_of(client.get(hours), 422).startswith("by: expected a period that fits")
    assert "per: expected" in problem_of(client.get("/v1/energy/sums?per=street"), 422)


def test_sums_and_sites_are_tables_too(client):
    answer = client.get("/v1/energy/sums", params={**SPAN, "per": "site", "format": "parquet"})
    assert len(pl.read_parquet(io.BytesIO(answer.content))) == 3 * DAYS
    table = pl.read_csv(io.BytesIO(client.get("/v1/sites?format=csv").content))
    assert table["id"].to_list() == ["north", "south"]


def test_sites_and_where_devices_are(client):
    sites = client.get("/v1/sites").json()["items"]
    assert [(one["id"], one["district"], one["devices"]) for one in sites] == [
        ("north", "Eving", 2), ("south", "Hörde", 1),
    ]  # fmt: skip
    assert [one["id"] for one in every(client, "/v1/sites", limit=1)] == ["north", "south"]
    assert client.get("/v1/sites?sector=pool").json()["note"].startswith("no such site")
    devices = {one["id"]: one for one in client.get("/v1/devices").json()["items"]}
    assert (devices["home-1"]["tenant"], devices["home-1"]["site"]) == ("dortmund", "north")
    assert (devices["home-4"]["tenant"], devices["home-4"]["site"]) == (None, None)


def test_while_the_catalog_is_away_devices_are_still_seen(tmp_path):
    class Away:
        def _away(self, *asked):
            raise StoreUnavailable("the catalog can't be asked: it is away")

        facts = sites = placed = _away

    town = Town(tmp_path)
    town.tell(METER, IMPORT, [METER_FROM_NS], [1.0])
    client = TestClient(
        create_app(replace(town.house, catalog=Away())), raise_server_exceptions=False
    )
    assert client.get("/v1/devices").json()["items"][0]["tenant"] is None
    assert "the catalog can't be asked" in problem_of(client.get("/v1/sites"), 503)
    assert problem_of(client.get("/v1/energy/sums"), 503)
    town.store.close()


def test_the_load_is_that_of_the_quarter_hours(client):
    """Computed anew from /v1/energy by the quarter of an hour."""
    span = {"start": "2026-03-29", "end": "2026-04-02"}
    found = client.get("/v1/energy/load", params={**span, "district": "Eving"}).json()
    together = np.zeros(4 * 24 * 4 - 4)  # a day of 23 hours
    for device in ("home-1", "home-2"):
        query = {**span, "device": device, "by": "quarter_hour"}
        quarters = client.get("/v1/energy", params=query).json()["items"]
        assert len(quarters) == len(together)
        together += [one["value"] for one in quarters]
    powers = np.sort(together * 4)[::-1]
    assert (found["registers"], found["known"]) == (2, 1.0)
    assert found["energy"] == pytest.approx(together.sum())
    assert (found["peak"], found["power_unit"]) == (pytest.approx(powers[0]), "W")
    assert found["base"] == pytest.approx(powers[int(np.ceil(0.95 * len(powers))) - 1])
    assert found["mean"] == pytest.approx(powers.mean())
    assert found["load_factor"] == pytest.approx(powers.mean() / powers[0])
    assert found["utilisation_h"] == pytest.approx(together.sum() / powers[0])
    curve = {one["share"]: one["power"] for one in found["duration"]}
    assert (curve[0.0], curve[1.0]) == (pytest.approx(powers[0]), pytest.approx(powers[-1]))
    assert list(curve.values()) == sorted(curve.values(), reverse=True)


def test_only_quarter_hours_of_which_all_registers_are_known_count(client):
    """home-3 was put in 30 hours later than the others."""
    span = {"start": "2026-03-28", "end": "2026-03-30"}
    found = client.get("/v1/energy/load", params=span).json()
    assert found["registers"] == 4
    assert found["known"] == pytest.approx((47 - 30) / 47)
    alone = client.get("/v1/energy/load", params={**span, "device": "home-1, home-2"}).json()
    assert (alone["registers"], alone["known"]) == (2, 1.0)
    early = {"start": "2026-03-28", "end": "2026-03-29", "device": "home-3"}
    said = problem_of(client.get("/v1/energy/load", params=early), 404)
    assert said == "there is no quarter-hour in this span of which all registers are known"
    assert problem_of(client.get("/v1/energy/load?site=x"), 404).startswith("no register of")
    long = "/v1/energy/load?start=2020-01-01&end=2026-01-01"
    assert problem_of(client.get(long), 422).startswith("start, end: expected a span of 1 to")


def test_sums_are_compared_with_those_of_another_time(client):
    """Three days with the three before them, group by group and page by page."""
    asked = {"start": "2026-03-31", "end": "2026-04-03", "by": "day", "per": "site"}
    before = sums(client, per="site")
    items = client.get("/v1/energy/sums", params={**asked, "against": "2026-03-28"}).json()["items"]
    assert len(items) == 9
    for one in items:
        other = before[one["group"], one["against"]["start"]]
        assert one["against"]["value"] == other["value"]
        assert one["against"]["coverage"] == other["coverage"]
        known = other["value"]
        change = None if not known else (one["value"] - known) / known
        assert one["against"]["change"] == (change if change is None else pytest.approx(change))
    query = {**asked, "against": "2026-03-28"}
    assert every(client, "/v1/energy/sums", **query, limit=2) == items
    table = client.get("/v1/energy/sums", params={**query, "format": "csv"})
    assert "against_value" in pl.read_csv(io.BytesIO(table.content)).columns
