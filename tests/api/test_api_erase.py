"""Erasing a person's device: by the API and by one command, and that it stays erased."""

import json
from dataclasses import replace

import numpy as np
import pytest
from api_town import BERLIN, HOUR_NS, NOON_NS, Town, anomaly, problem_of, served
from typer.testing import CliRunner

import emscher
from api.app import create_app
from ingest.catalog import CatalogWatch, Say, open_catalog, remark
from ingest.decode import Decoder

GONE, KEPT = "geheim-plug", "other-plug"


def energy(total, at):
    told = {"Time": f"2026-03-01T{at:02}:00:00", "ENERGY": {"Total": total, "Power": 230}}
    return json.dumps(told).encode()


class Home:
    """A town whose devices sent messages, with a catalog that knows them."""

    def __init__(self, folder) -> None:
        self.folder, self.town = folder, Town(folder)
        for device in (GONE, KEPT):
            for hour in range(4):
                received_ns = NOON_NS + hour * HOUR_NS
                topic = f"tele/{device}/SENSOR"
                self.town.uplink(topic, energy(10.0 + hour, 12 + hour), received_ns)
        self.town.uplink(f"tele/{GONE}/SENSOR", b"{broken", NOON_NS)
        self.town.uplink(f"tele/{KEPT}/SENSOR", b"{broken", NOON_NS)
        self.town.anomalies(
            anomaly("a", NOON_NS, None, device=GONE), anomaly("b", NOON_NS, None, device=KEPT)
        )
        self.catalog = open_catalog("", folder)
        self.catalog.put("tenants", [{"id": "dortmund", "name": "Dortmund"}])
        site = {"tenant": "dortmund", "name": "Haus", "district": "Hörde"}
        self.catalog.put("sites", [{"id": "haus", **site}])
        self.catalog.put("devices", [{"id": name, "site": "haus"} for name in (GONE, KEPT)])
        with self.catalog.changing() as connection:
            for id in ("a", "b"):
                remark(connection, id, kind=Say.CLOSE, author="anna", note="", at_ns=1)
        self.watch = CatalogWatch(lambda: open_catalog("", folder), self.town.store)
        self.watch.start()
        self.town.house = replace(self.town.house, catalog=self.watch)
        self.town.app = create_app(self.town.house)

    def messages(self) -> list[bytes]:
        return [one.payload for block in self.town.archive.read(0, 2**62) for one in block]

    def close(self) -> None:
        self.watch.stop()
        self.catalog.close()
        self.town.store.close()


@pytest.fixture
def home(tmp_path):
    home = Home(tmp_path)
    yield home
    home.close()


def test_all_of_a_device_goes_and_nothing_brings_it_back(home):
    client = home.town.client()
    assert len(home.messages()) == 8
    asked = client.delete(f"/v1/devices/{GONE}", params={"trial": True}).json()
    numbers = {name: asked[name] for name in ("readings", "messages", "shared", "refused")}
    assert numbers == {"readings": 8, "messages": 4, "shared": 0, "refused": 1}
    assert (asked["anomalies"], asked["remarks"], asked["catalog"]) == (1, 1, 1)
    assert len(home.messages()) == 8, "a trial"
    assert client.get("/v1/anomalies/a").json()["handling"] == "closed"
    done = client.delete(f"/v1/devices/{GONE}").json()
    assert done == asked | {"trial": False}
    assert "audit log" in " ".join(done["left"])
    assert len(home.messages()) == 4
    for path in ("devices", "latest", "series", "anomalies", "quarantine"):
        text = client.get(f"/v1/{path}").text
        assert "geheim" not in text, path
        assert "other" in text, path
    assert [one["id"] for one in home.catalog.rows("devices")] == [KEPT]
    assert problem_of(client.delete(f"/v1/devices/{GONE}"), 404).startswith("no device")
    # Reading everything again finds nothing of it, and neither does a new start.
    home.town.intake.reprocess(Decoder(BERLIN), None, 0, 2**62)
    home.town.intake.retry()
    assert home.town.store.device(GONE) is None
    home.close()
    kept = [path for path in home.folder.rglob("*") if path.is_file()]
    assert kept
    for path in kept:
        assert b"geheim" not in path.read_bytes(), path.name


def test_what_is_older_than_a_time_goes(home):
    client = home.town.client()
    found = client.delete(
        f"/v1/devices/{GONE}", params={"before": "2026-03-01T14:30:00+01:00"}
    ).json()
    assert found["before"] == "2026-03-01T13:30:00Z"
    # Tasmota tells local time: 12:00 and 13:00 are 11:00Z and 12:00Z, and 14:00 is 13:00Z.
    assert (found["readings"], found["messages"], found["catalog"]) == (6, 3, 0)
    left = client.get("/v1/readings", params={"device": GONE, "quantity": "active_power"}).json()
    assert [one["time"] for one in left["items"]] == ["2026-03-01T14:00:00Z"]
    answer = client.delete(f"/v1/devices/{GONE}", params={"before": "soon"})
    assert problem_of(answer, 422).startswith("before: expected a time")


def test_messages_that_come_afterwards_are_kept(home):
    home.town.client().delete(f"/v1/devices/{GONE}")
    home.town.uplink(f"tele/{GONE}/SENSOR", energy(20.0, 20), NOON_NS + 9 * HOUR_NS)
    assert len(home.messages()) == 5
    assert len(home.town.store.series(GONE)) == 2
    numbers = [span.number for span in home.town.store.series(GONE)]
    assert len(home.town.store.scan(numbers, 0, 2**62)) == 2


def test_one_command_erases_and_asks_first(home):
    run = CliRunner()
    with served(home.town) as url:
        words = ["erase", GONE, "--url", url]
        trial = run.invoke(emscher.app, [*words, "--trial"])
        assert trial.exit_code == 0
        assert "Nothing was erased" in trial.stdout
        refused = run.invoke(emscher.app, words, input="n\n")
        assert refused.exit_code == 1
        assert home.town.store.device(GONE) is not None
        done = run.invoke(emscher.app, words, input="y\n")
        assert done.exit_code == 0, done.output
        assert f"{GONE} is erased." in done.stdout
        assert "backups" in done.stdout
        again = run.invoke(emscher.app, [*words, "--yes"])
        assert again.exit_code == 1
        assert "no device" in again.stderr


def test_memory_of_announcements_and_frames_goes_too(home):
    frames = home.town.intake.frames
    frames.note([(GONE, 1), (GONE, 3), (KEPT, 1)], NOON_NS)
    home.town.client().delete(f"/v1/devices/{GONE}")
    assert frames.of(GONE) is None
    assert frames.of(KEPT) is not None
    assert np.array(frames.total()).tolist() == [1, 0]


def test_what_is_being_decoded_again_is_not_erased_in_between(home):
    intake, said = home.town.intake, []

    def progress(found, at_ns):
        said.append(problem_of(home.town.client().delete(f"/v1/devices/{GONE}"), 503))
        return True

    intake.reprocess(Decoder(BERLIN), None, 0, 2**62, progress=progress)
    assert said
    assert said[0].startswith("messages are being decoded again; erase when that is over")
    assert home.town.client().delete(f"/v1/devices/{GONE}").json()["messages"] == 4


def test_a_retry_lets_no_erasure_between_reading_and_storing(home, monkeypatch):
    intake, store = home.town.intake, home.town.store
    refused, held = store.refused, []

    def reading(**asked):
        held.append(intake._lock.locked())
        return refused(**asked)

    monkeypatch.setattr(store, "refused", reading)
    intake.retry()
    assert held
    assert all(held)
