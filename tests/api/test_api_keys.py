"""Keys and tenants: who is let in, and that nobody sees what is another's."""

import time
from dataclasses import replace

import httpx
import pytest
from api_town import NOON_NS, Town, anomaly, fill, problem_of, served
from starlette.testclient import TestClient

from api.app import create_app
from api.feed import Feed
from api.gate import Guard, Rate
from api.keys import KeyRing, Scope, Sessions, new_key
from api.live import Teller
from ingest.catalog import CatalogWatch, add_key, deeds, keys, note, open_catalog, revoke_key

DAY_NS = 24 * 3600 * 10**9


class Gated:
    """A town of two tenants behind the gate, and keys to it."""

    def __init__(self, folder) -> None:
        self.town = fill(Town(folder))
        self.town.tell("geheim-meter", "active_energy_import", [NOON_NS, NOON_NS + 10**9], [1.0, 2])
        self.town.anomalies(anomaly("geheim-odd", NOON_NS, None, device="geheim-meter"))
        self.catalog = open_catalog("", folder)
        self.catalog.put("tenants", [{"id": t, "name": t} for t in ("dortmund", "schwerte")])
        site = {"tenant": "schwerte", "name": "geheim", "district": "geheim-district"}
        self.catalog.put("sites", [{"id": "geheim-site", **site}])
        self.catalog.put("devices", [{"id": "geheim-meter", "site": "geheim-site"}])
        self.catalog.put("devices", [{"id": "meter-1", "tenant": "dortmund"}])
        self.watch = CatalogWatch(lambda: open_catalog("", folder), self.town.store)
        self.watch.start()
        feed = Feed(self.watch.placed)
        self.teller = self.town.teller = Teller(feed, self.town.store)
        self.town.feed = feed
        house = replace(self.town.house, catalog=self.watch, feed=feed)
        self.ring = KeyRing(lambda: self.watch.asked(keys), clock_s=lambda: self.clock_s)
        self.clock_s = 0.0
        self.guard = Guard(self.ring, Sessions(b"s" * 32), self._note, rate=Rate(0), wrong=Rate(0))
        self.town.app = self.app = create_app(house, self.guard)

    def _note(self, deed) -> None:
        self.watch.asked(lambda catalog: note(catalog, [deed]))

    def key(self, scope=Scope.READ, tenant=None, expires_ns=None) -> str:
        row, text = new_key("anna", scope, tenant, time.time_ns(), expires_ns)
        add_key(self.catalog, row)
        self.clock_s += 10
        return text

    def client(self, key: str = "") -> TestClient:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        base = "http://localhost"
        return TestClient(self.app, base, raise_server_exceptions=False, headers=headers)

    def close(self) -> None:
        self.watch.stop()
        self.catalog.close()
        self.town.store.close()


@pytest.fixture
def gated(tmp_path):
    gated = Gated(tmp_path)
    yield gated
    gated.close()


def test_without_keys_only_this_machine_is_answered(gated):
    assert gated.client().get("/v1/devices").status_code == 200
    assert gated.client().get("/v1/me").json()["open"] is True
    other = gated.client().get("/v1/devices", headers={"Host": "emscher.example"})
    assert "expected Host 127.0.0.1" in problem_of(other, 403)


def test_with_a_key_nobody_is_answered_without_one(gated):
    key = gated.key()
    answer = gated.client().get("/v1/devices")
    assert "expected one" in problem_of(answer, 401)
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert gated.client(key).get("/v1/devices").status_code == 200
    assert gated.client(key[:-1] + "~").get("/v1/devices").status_code == 401
    assert gated.client().get("/").status_code == 200
    assert gated.client().get("/v1/health").json()["sources"] == []


def test_a_key_ends_when_it_is_revoked_or_its_time_is_over(gated):
    key, old = gated.key(), gated.key(expires_ns=1)
    assert gated.client(old).get("/v1/devices").status_code == 401
    assert revoke_key(gated.catalog, key.split("_")[1], 1)
    gated.clock_s += 10
    assert gated.client(key).get("/v1/devices").status_code == 401


def test_each_scope_may_what_it_says_and_changes_are_noted(gated):
    read, write, admin = (gated.key(scope) for scope in (Scope.READ, Scope.WRITE, Scope.ADMIN))
    path, said = "/v1/anomalies/open/remarks", {"kind": "acknowledge"}
    assert "scope write" in problem_of(gated.client(read).post(path, json=said), 403)
    told = gated.client(write).post(path, json=said)
    assert told.json()["said"][0]["author"] == "anna"
    assert gated.client(write).get("/v1/audit").status_code == 403
    noted = gated.client(admin).get("/v1/audit").json()["items"]
    assert [one["outcome"] for one in noted if one["did"].endswith("remarks")] == ["200"]
    assert len(deeds(gated.catalog, 100)) == len(noted)


def test_a_sign_in_holds_as_long_as_its_key(gated):
    key = gated.key()
    client = gated.client()
    assert client.post("/v1/login", json={"key": "wrong"}).status_code == 401
    assert client.post("/v1/login", json={"key": key}).json()["name"] == "anna"
    assert client.get("/v1/devices").status_code == 200
    evil = client.post("/v1/logout", headers={"Origin": "https://evil.example"})
    assert "Origin" in problem_of(evil, 403)
    revoke_key(gated.catalog, key.split("_")[1], 1)
    gated.clock_s += 10
    assert client.get("/v1/devices").status_code == 401


def test_a_tenant_sees_nothing_of_another_in_any_route(gated):
    client = gated.client(gated.key(Scope.ADMIN, "dortmund"))
    whole = gated.client(gated.key(Scope.ADMIN))
    paths = whole.get("/openapi.json").json()["paths"]
    seen = 0
    for path, item in paths.items():
        if path == "/v1/live" or "get" not in item:
            continue
        asked = path.replace("{id}", "geheim-odd").replace("{number}", "1")
        names = {one["name"] for one in item["get"].get("parameters", [])}
        for device in (None, "geheim-meter"):
            query = {"device": device, "quantity": "active_energy_import", "site": "geheim-site",
                     "time": "2026-03-01T12:00:00Z"}  # fmt: skip
            query = {k: v for k, v in query.items() if k in names and (device or k != "device")}
            if device is None:
                query.pop("site", None)
            told = client.get(asked, params=query).text
            for word in ("geheim-odd", "geheim-meter", "geheim-site"):
                if word not in asked and word not in query.values():
                    assert word not in told, (path, query)
            seen += "geheim" in whole.get(asked, params=query).text
    assert seen > 5  # who may see the whole house does see it
    assert client.get("/v1/anomalies/geheim-odd").status_code == 404
    assert client.get("/v1/readings?device=geheim-meter").json()["items"] == []
    assert client.get("/v1/energy?device=geheim-meter").json()["items"] == []
    assert client.get("/v1/counters").status_code == 403
    assert client.get("/v1/quarantine").status_code == 403
    assert client.get("/metrics").status_code == 403


def test_a_tenant_hears_nothing_of_another_in_the_feed(gated):
    key = gated.key(Scope.READ, "dortmund")
    headers = {"Authorization": f"Bearer {key}"}
    with (
        served(gated.town) as url,
        httpx.stream("GET", f"{url}/v1/live", headers=headers, timeout=20) as answer,
    ):
        lines = answer.iter_lines()
        heard = ""
        while "event: snapshot" not in heard:
            heard += next(lines) + "\n"
        gated.town.tell("geheim-meter", "co2", [NOON_NS], [1.0])
        gated.town.tell("meter-1", "co2", [NOON_NS], [2.0])
        while '"co2"' not in heard:
            heard += next(lines) + "\n"
    assert "geheim" not in heard
    assert "meter-1" in heard


def test_who_asks_too_often_is_told_when_to_come_again(gated):
    key = gated.key()
    gated.guard.rate = Rate(0.25, lambda: 0.0)
    assert gated.client(key).get("/v1/devices").status_code == 200
    answer = gated.client(key).get("/v1/devices")
    assert "come again in 4 s" in problem_of(answer, 429)
    assert answer.headers["retry-after"] == "4"


def test_a_tenants_admin_erases_its_own_devices_and_nobody_elses(gated):
    admin = gated.client(gated.key(Scope.ADMIN, "dortmund"))
    before = gated.town.store.device("geheim-meter")
    for query in ({}, {"trial": "true"}, {"before": "2026-06-01"}):
        assert problem_of(admin.delete("/v1/devices/geheim-meter", params=query), 404)
    assert gated.town.store.device("geheim-meter") == before
    assert admin.delete("/v1/devices/meter-1", params={"trial": "true"}).status_code == 200
    assert gated.client(gated.key(Scope.WRITE)).delete("/v1/devices/meter-1").status_code == 403
    assert gated.client().delete("/v1/devices/meter-1").status_code == 401
    assert admin.delete("/v1/devices/meter-1").json()["readings"] > 0
    assert gated.town.store.device("meter-1") is None
    done = admin.get("/v1/audit").json()["items"][0]
    assert (done["did"], done["outcome"]) == ("DELETE /v1/devices/meter-1", "200")
