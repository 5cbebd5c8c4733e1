"""The catalog on SQLite and on PostgreSQL: what is told, changed, refused and found by itself."""

import contextlib
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from catalogs import postgres
from sqlalchemy import create_engine, text

from ingest.catalog import CatalogError, CatalogWatch, checked, open_catalog
from ingest.catalog.tables import METADATA
from ingest.clock import rfc3339_ns
from ingest.device import Device
from ingest.intake import Committed
from ingest.place import Placed
from ingest.reading import Rows
from ingest.store import Commit, Counts, open_store

DAY = rfc3339_ns("2026-03-01T00:00:00Z")
NOTHING = Rows.of([], [], [], [], [])


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request):
    return "" if request.param == "sqlite" else postgres()


@pytest.fixture
def catalog(url, tmp_path):
    made = open_catalog(url, tmp_path)
    yield made
    made.close()


def _town(catalog):
    catalog.put("tenants", [{"id": "dortmund", "name": "Dortmund"}])
    catalog.put(
        "sites", [{"id": "hall", "tenant": "dortmund", "name": "Rathaus", "latitude": 51.5}]
    )
    catalog.put("devices", [{"id": "m1", "site": "hall"}])
    place = {"device": "m1", "quantity": "active_energy_import", "channel": ""}
    catalog.put("meters", [{**place, "installed": DAY, "serial": "1ESY", "multiplier": 40.0}])


def test_what_is_told_is_there_after_a_restart(catalog, url, tmp_path):
    _town(catalog)
    again = open_catalog(url, tmp_path)
    (site,) = again.rows("sites")
    assert (site["name"], site["zone"], site["public"], site["latitude"], site["longitude"]) == (
        "Rathaus", "Europe/Berlin", False, 51.5, None,
    )  # fmt: skip
    (meter,) = again.rows("meters")
    assert (meter["installed"], meter["multiplier"], meter["removed"]) == (DAY, 40.0, None)
    (hall,) = again.sites()
    assert (hall.tenant, hall.name, hall.latitude, hall.public) == (
        "dortmund", "Rathaus", 51.5, False,
    )  # fmt: skip
    again.put("tenants", [{"id": "schwerte", "name": "Schwerte"}])
    again.put("devices", [{"id": "m2", "tenant": "schwerte"}, {"id": "m3"}])
    assert again.placed() == {"m1": Placed("dortmund", hall), "m2": Placed("schwerte")}
    again.close()


def test_the_steps_of_the_layout_lead_to_the_tables(catalog, url, tmp_path):
    engine = catalog._engine
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []


def test_a_catalog_of_a_newer_emscher_is_left_alone(catalog, url, tmp_path):
    with catalog._engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(CatalogError, match="is of a newer Emscher"):
        open_catalog(url, tmp_path)


def test_a_change_says_what_it_did_and_the_same_again_does_nothing(catalog):
    _town(catalog)
    rows = [{"id": "hall", "public": True}, {"id": "x", "tenant": "dortmund", "name": "X"}]
    assert catalog.put("sites", rows) == (1, 1, 0)
    assert catalog.put("sites", rows) == (0, 0, 2)
    (hall, _) = catalog.rows("sites")
    assert (hall["public"], hall["name"]) == (True, "Rathaus"), "the rest stays"
    twice = [{"id": "y", "tenant": "dortmund", "name": "Y"}, {"id": "y", "district": "Nord"}]
    assert catalog.put("sites", twice) == (1, 1, 0)
    assert catalog.rows("sites")[-1]["district"] == "Nord"


@pytest.mark.parametrize(
    ("noun", "row", "says"),
    [
        ("sites", {"id": "s", "tenant": "nobody", "name": "S"}, "not in the catalog"),
        ("sites", {"id": "s", "tenant": "dortmund"}, "expected name"),
        ("sites", {"id": "s"}, "expected tenant and name"),
        ("devices", {"id": "d", "site": "nowhere"}, "not in the catalog"),
        ("meters", {"device": "no", "quantity": "q", "channel": "", "installed": 1}, "not in"),
    ],
)
def test_what_refers_to_nothing_is_refused_and_changes_nothing(catalog, noun, row, says):
    _town(catalog)
    before = {name: catalog.rows(name) for name in ("sites", "devices", "meters")}
    with pytest.raises(CatalogError, match=says):
        catalog.put_all({"tenants": [{"id": "new", "name": "New"}], noun: [row]})
    assert {name: catalog.rows(name) for name in before} == before
    assert [one["id"] for one in catalog.rows("tenants")] == ["dortmund"]


def test_what_is_referred_to_stays(catalog):
    _town(catalog)
    with pytest.raises(CatalogError, match="still refers to it"):
        catalog.remove("sites", {"id": "hall"})
    assert not catalog.remove("sites", {"id": "other"})
    catalog.put("devices", [{"id": "m1", "site": None}])
    assert catalog.remove("sites", {"id": "hall"})


def test_an_exchange_ends_the_old_meter_and_begins_the_new(catalog):
    _town(catalog)
    key = ("m1", "active_energy_import", "")
    hour = 3600 * 10**9
    catalog.exchange(key, DAY + hour, serial="2ESY", last=1234.5, first=0.5)
    old, new = catalog.rows("meters")
    assert (old["removed"], old["last_register"], old["serial"]) == (DAY + hour, 1234.5, "1ESY")
    assert (new["installed"], new["first_register"], new["removed"]) == (DAY + hour, 0.5, None)
    assert (new["serial"], new["multiplier"]) == ("2ESY", 40.0), "the transformers stay"
    with pytest.raises(CatalogError, match="later than the one before"):
        catalog.exchange(key, DAY + hour, serial="3", last=None, first=None)
    with pytest.raises(CatalogError, match="no meter of heat_energy is known at m1"):
        catalog.exchange(("m1", "heat_energy", ""), DAY, serial="3", last=None, first=None)


def test_what_is_missing_or_does_not_go_together_is_said(catalog):
    _town(catalog)
    assert [one.partition(":")[0] for one in checked(catalog)] == ["site has no place on the map"]
    catalog.put("sites", [{"id": "hall", "longitude": 7.5}])
    assert list(checked(catalog)) == []
    catalog.put("tenants", [{"id": "schwerte", "name": "Schwerte"}])
    catalog.put("sites", [{"id": "void", "tenant": "schwerte", "name": "Void"}])
    catalog.put("devices", [{"id": f"d{k}"} for k in range(7)])
    catalog.put("devices", [{"id": "m1", "tenant": "schwerte"}])
    place = {"device": "m1", "quantity": "active_energy_import", "channel": ""}
    catalog.put("meters", [{**place, "installed": DAY + 1}, {**place, "installed": DAY + 9}])
    catalog.put("meters", [{**place, "installed": DAY + 1, "removed": DAY + 1}])
    told = "\n".join(checked(catalog))
    for words in (
        "7 devices have no site: d0, d1, d2, d3, d4, …", "site has no place on the map: void",
        "site has no device: void", "its site hall to dortmund: the site counts",
        "1ESY is still there when the next one comes", "before it was installed",
        "what both meters showed",
    ):  # fmt: skip
        assert words in told, told


def _committed(*devices):
    return Committed(1, NOTHING, Counts(), [Device(one) for one in devices], 0)


def _store(folder, *devices):
    store = open_store("embedded", folder)
    commit = Commit(NOTHING, np.zeros(0, np.int32), 1, devices=[Device(one) for one in devices])
    store.append(commit)
    return store


def _eventually(holds):
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_devices_come_by_themselves_and_nobody_overwrites_what_is_known(catalog, url, tmp_path):
    _town(catalog)
    store = _store(tmp_path / "store", "m1", "old")
    watch = CatalogWatch(lambda: open_catalog(url, tmp_path), store)
    watch.start()
    watch.committed(_committed("new", "m1"))
    watch.committed(_committed())
    _eventually(lambda: {"m1", "old", "new"} <= {one["id"] for one in catalog.rows("devices")})
    watch.committed(_committed("last"))
    watch.stop()
    found = {one["id"]: one["site"] for one in catalog.rows("devices")}
    assert found == {"m1": "hall", "old": None, "new": None, "last": None}
    store.close()


def test_a_catalog_that_is_away_holds_nothing_up_and_catches_up(tmp_path, capsys):
    store = _store(tmp_path / "store", "a")
    away = threading.Event()
    away.set()

    def opened():
        if away.is_set():
            raise CatalogError("the catalog is on holiday")
        return open_catalog("", tmp_path)

    watch = CatalogWatch(opened, store, pause_s=0.01)
    watch.start()
    _eventually(lambda: watch.fault == "the catalog is on holiday")
    watch.committed(_committed("b"))
    away.clear()
    _eventually(lambda: watch.fault is None and watch._catalog is not None)
    catalog = open_catalog("", tmp_path)
    _eventually(lambda: [one["id"] for one in catalog.rows("devices")] == ["a", "b"])
    watch.stop()
    catalog.close()
    store.close()
    told = capsys.readouterr().out
    assert told.count("new devices wait for the catalog") == 1
    assert "the catalog is there again" in told


WRITER = """
import sys
from pathlib import Path
from ingest.catalog import open_catalog
catalog = open_catalog(sys.argv[1], Path(sys.argv[2]))
for k in range(40):
    catalog.put("tenants", [{"id": f"{sys.argv[3]}-{k}", "name": "x"}])
catalog.close()
"""


def test_two_processes_write_at_once(catalog, url, tmp_path):
    root = Path(__file__).parents[2]
    children = [
        subprocess.Popen([sys.executable, "-c", WRITER, url, str(tmp_path), name], cwd=root)
        for name in ("a", "b")
    ]
    assert [child.wait(60) for child in children] == [0, 0]
    assert len(catalog.rows("tenants")) == 80


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("nonsense", "expected a URL"),
        ("postgresql://u:hidden@127.0.0.1:1/x", r"u:\*\*\*@127.0.0.1:1/x can't be opened"),
        ("sqlite:////proc/nowhere/catalog", "can't be opened"),
    ],
)
def test_a_catalog_that_can_t_be_had_is_told_without_the_password(tmp_path, url, says):
    with pytest.raises(CatalogError, match=says) as told:
        open_catalog(url, tmp_path)
    assert "hidden" not in str(told.value)


def test_a_file_that_is_no_catalog_is_left_alone(tmp_path):
    engine = create_engine(f"sqlite:///{tmp_path / 'catalog.sqlite'}")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE sites (mine TEXT)"))
    engine.dispose()
    with pytest.raises(CatalogError, match="can't be opened"):
        open_catalog("", tmp_path)


def test_stations_and_what_is_behind_them(catalog, url, tmp_path):
    """Told by a device's feeder; what does not go together is said."""
    _town(catalog)
    catalog.put("devices", [{"id": one, "feeder": "station"} for one in ("m1", "m2")])
    catalog.put("devices", [{"id": "station", "feeder": None}, {"id": "m3", "feeder": "nowhere"}])
    assert catalog.feeders() == {"station": ["m1", "m2"], "nowhere": ["m3"]}
    assert "device m3 is fed by nowhere, which is no device that is known" in list(checked(catalog))
    catalog.put("devices", [{"id": "m3", "feeder": "m3"}])
    told = [one for one in checked(catalog) if "feeds itself" in one]
    assert told == ["device m3 feeds itself: expected the station before it"]
    with contextlib.closing(open_store("embedded", tmp_path)) as store:
        watch = CatalogWatch(lambda: open_catalog(url, tmp_path), store)
        assert watch.feeders() == {}, "nobody waits for a catalog that is not open yet"
        watch.start()
        assert watch.facts("m1", "active_energy_import", "").meters, "which waits for it"
        assert watch.feeders()["station"] == ["m1", "m2"]
        watch.stop()


def test_a_catalog_is_begun_once_and_never_over_what_people_told(catalog):
    rows = {
        "devices": [{"id": "meter", "site": "hall"}],
        "sites": [{"id": "hall", "tenant": "schwerte", "name": "Rathaus"}],
        "tenants": [{"id": "schwerte", "name": "Schwerte"}],
    }
    catalog.meet(["meter", "other"])
    assert catalog.begin(rows)
    assert catalog.placed()["meter"].site.name == "Rathaus"
    catalog.put("sites", [{"id": "hall", "name": "Altes Rathaus"}])
    assert not catalog.begin(rows)
    assert catalog.placed()["meter"].site.name == "Altes Rathaus"
    assert [row["site"] for row in catalog.rows("devices")] == ["hall", None]
