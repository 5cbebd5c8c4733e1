"""A small town behind the API: a real store with known readings, anomalies and refusals."""

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from starlette.testclient import TestClient

from api.app import create_app
from api.feed import Feed
from api.house import House
from api.live import Teller
from api.server import Server, listening_on
from ingest.archive import Archive
from ingest.clock import rfc3339_ns
from ingest.decode import Decoder
from ingest.derived import Anomaly, Derived, Windows
from ingest.device import Device
from ingest.intake import Committed, Intake
from ingest.past import Past
from ingest.reading import Envelope, Rows, Series
from ingest.store import Commit, open_store

BERLIN = ZoneInfo("Europe/Berlin")
SCHOOL, METER, TARIFFS = "a81758fffe0546b2", "meter-1", "two-tariffs"
SCRIPT = "<img src=x onerror=alert(1)>"
NOON_NS = rfc3339_ns("2026-03-01T12:00:00Z")
MINUTE_NS, HOUR_NS = 60 * 10**9, 3600 * 10**9
# The last Sunday of March 2026 has 23 hours in Berlin.
METER_FROM_NS = rfc3339_ns("2026-03-27T23:00:00Z")


class QuietLive:
    """What the live analysis tells of itself, set by hand."""

    fault: str | None = None
    behind_s = 0.0
    still: set[str]

    def __init__(self) -> None:
        self.still = set()

    def lag(self) -> int:
        return 0

    def lag_s(self) -> float:
        return self.behind_s

    def due(self) -> int:
        return 0

    def silent(self) -> set[str]:
        return self.still


class Town:
    """A house over a store in a folder, and ways to fill it."""

    def __init__(self, folder: Path, live=None) -> None:
        self.store = open_store("embedded", folder)
        self.feed = Feed()
        self.teller = Teller(self.feed, self.store)
        self.live = live or QuietLive()
        self.archive = Archive(folder / "messages")
        watchers = [self.teller.committed]
        self.intake = Intake(self.store, Decoder(BERLIN), watchers, self.archive)
        self.past = Past(self.archive, self.store, self.intake, lambda: Decoder(BERLIN))
        self.sources: list = []
        self.fault: str | None = None
        self.house = House(
            store=self.store,
            live=self.live,
            feed=self.feed,
            sources=lambda: self.sources,
            store_fault=lambda: self.fault,
            waiting=lambda: 0,
            retry=self.intake.retry,
            now_ns=lambda: NOON_NS,
            started_ns=NOON_NS - HOUR_NS,
            where=BERLIN,
            version="1.2.3",
            past=self.past,
            erase=lambda device, before_ns, trial: self.intake.erase(
                lambda: Decoder(BERLIN), device, before_ns, trial=trial
            ),
        )
        self.app = create_app(self.house)

    def begin_again(self) -> None:
        """Make what a new start makes: a feed that knows nothing of the one before."""
        self.feed = Feed()
        self.teller = Teller(self.feed, self.store)
        self.house = replace(self.house, feed=self.feed)
        self.app = create_app(self.house)

    def client(self) -> TestClient:
        return TestClient(self.app, raise_server_exceptions=False)

    def tell(self, device: str, quantity: str, times_ns, values, channel: str = "") -> Committed:
        """Store readings of one series and tell the feed, as the intake does."""
        number = self.store.number(Series(device, quantity, channel))
        n = len(times_ns)
        rows = Rows.of([number] * n, times_ns, values, times_ns, [0] * n)
        devices = []
        if self.store.device(device) is None:
            devices = [Device(device, device, "model", "tasmota", "test", NOON_NS, NOON_NS, {})]
        receipt = self.store.append(
            Commit(rows, np.zeros(n, np.int32), messages=1, devices=devices)
        )
        committed = Committed(receipt.commit, rows, self.store.counts(), devices, 0)
        self.teller.committed(committed)
        return committed

    def uplink(self, topic: str, payload: bytes, received_ns: int = NOON_NS) -> Committed:
        """Let a message go through the real intake."""
        return self.intake.accept([Envelope("test", topic, payload, received_ns)])

    def anomalies(self, *found: Anomaly, retracted: tuple[str, ...] = ()) -> None:
        none = np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0, np.int64)
        through = self.store.derived_through()  # no window is stored here
        self.store.put_derived(Derived(Windows.none(), none, list(found), list(retracted), through))


def anomaly(id: str, start_ns: int, end_ns: int | None, **more) -> Anomaly:
    """Return an anomaly of the school's temperature."""
    facts = {"device": SCHOOL, "quantity": "temperature", "channel": "", "kind": "spike"}
    facts |= {"score": 0.9, "value": 85.0, "expected": 21.5, "detector": "spike@1"}
    facts |= {"text": f"{id} is odd"}
    return Anomaly(id=id, start_ns=start_ns, end_ns=end_ns, **(facts | more))


def fill(town: Town) -> Town:
    """Fill a town with what the tests know of it."""
    quarters = NOON_NS + np.arange(40) * 15 * MINUTE_NS
    town.tell(SCHOOL, "temperature", quarters, 20 + np.arange(40) / 10)
    town.tell(SCHOOL, "temperature", quarters, 5 + np.arange(40) / 10, "external")
    town.tell(SCHOOL, "co2", quarters[::2], 400 + np.arange(20) * 10.0)
    hours = METER_FROM_NS + np.arange(97) * HOUR_NS
    town.tell(METER, "active_power", hours, np.full(97, 100.0))
    town.tell(METER, "active_energy_import", hours, 1_000 + np.arange(97) * 100.0)
    town.tell(METER, "active_energy_export", hours, 500 + np.arange(97) * 10.0)
    town.tell(TARIFFS, "active_energy_import", hours[:3], [0.0, 10.0, 20.0], "1")
    town.tell(TARIFFS, "active_energy_import", hours[:3], [0.0, 1.0, 2.0], "2")
    town.tell(SCRIPT, "humidity", [NOON_NS], [50.0])
    town.anomalies(
        *(anomaly(f"id{k}", NOON_NS + k // 3 * HOUR_NS, NOON_NS + 9 * HOUR_NS) for k in range(8)),
        anomaly("open", NOON_NS, None, kind="silence", quantity="", value=None, device=METER),
    )
    for k in range(5):
        town.uplink(f"tele/plug/SENSOR/{k}", b"\x00" * (k * 500))
    return town


@contextlib.contextmanager
def served(town: Town, port: int = 0) -> Iterator[str]:
    """Serve a town over HTTP (on a free port) by the real server; yield its address."""
    socket = listening_on("127.0.0.1", "127.0.0.1", port)
    server = Server(town.app)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [socket]}, daemon=True)
    thread.start()
    until(lambda: server.started)
    try:
        yield f"http://127.0.0.1:{socket.getsockname()[1]}"
    finally:
        town.feed.close()
        server.should_exit = True
        thread.join(10)
        assert not thread.is_alive()


def until(condition: Callable[[], object], patience_s: float = 20.0) -> None:
    """Wait until a condition of another thread holds."""
    deadline = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.005)


def every(client: TestClient, path: str, **query) -> list[dict]:
    """Return all items of a collection, page by page."""
    items: list[dict] = []
    cursor: dict = {}
    for _ in range(10_000):
        answer = client.get(path, params={**query, **cursor})
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert len(page["items"]) <= query.get("limit", 10_000)
        items += page["items"]
        if page["next"] is None:
            return items
        cursor = {"cursor": page["next"]}
    raise AssertionError("the pages never end")


def problem_of(answer, status: int) -> str:
    """Check that an answer is a problem document of this status; return its sentence."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = json.loads(answer.content)
    assert body["status"] == status
    assert body["title"]
    assert body["instance"].startswith("/")
    return body["detail"]
