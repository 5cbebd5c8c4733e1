"""The live feed: what is told to whom, and what a slow or lost reader costs (nothing)."""

import asyncio
import contextlib
import json
import queue
import threading

import httpx
import pytest
from api_town import NOON_NS, Town, anomaly, served, until
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from analytics.live import Live
from analytics.oddities import Found
from api import feed as feeds
from api.feed import RING_MAX, Feed, Form, Wanted, event
from ingest.place import Placed, Site


class Reader:
    """A client of /v1/live in a thread of its own; `next` waits for one event."""

    def __init__(self, url: str, last_id: str = "", **query: str) -> None:
        self.events: queue.Queue = queue.Queue()
        self.headers: dict = {}
        self.ended = threading.Event()
        self._client = httpx.Client(timeout=30)
        self.id = ""
        headers = {"Last-Event-ID": last_id} if last_id else {}
        asked = {"params": query, "headers": headers}
        self._stream = self._client.stream("GET", f"{url}/v1/live", **asked)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        until(lambda: self.headers)

    def _read(self) -> None:
        with contextlib.suppress(httpx.HTTPError), self._client, self._stream as answer:
            self.headers = dict(answer.headers)
            kind = ""
            for line in answer.iter_lines():
                if line.startswith("id: "):
                    self.id = line[4:]
                elif line.startswith("event: "):
                    kind = line[7:]
                elif line.startswith("data: "):
                    self.events.put((kind, json.loads(line[6:])))
        self.ended.set()

    def next(self) -> tuple[str, dict]:
        return self.events.get(timeout=20)

    def reach(self, kind: str) -> dict:
        """Return the next event of a kind, passing over the others."""
        while True:
            found, body = self.next()
            if found == kind:
                return body


@pytest.fixture
def listen(town):
    """Return a way to listen to the town over real HTTP; every stream must end with the server."""
    readers = []
    with served(town) as url:

        def listen(**query: str) -> Reader:
            before = town.feed.listeners
            readers.append(Reader(url, **query))
            until(lambda: town.feed.listeners > before)
            return readers[-1]

        listen.url = url
        yield listen
    for reader in readers:
        assert reader.ended.wait(10), "a stream outlives its server"


def test_the_feed_begins_with_the_counters_and_goes_on_with_readings(town, listen):
    reader = listen()
    assert reader.headers["content-type"].startswith("text/event-stream")
    assert reader.headers["cache-control"] == "no-store"
    kind, counters = reader.next()
    assert (kind, counters["received"]) == ("counters", 0)
    assert reader.next() == ("snapshot", {"readings": 0, "anomalies": 0})
    town.tell("d", "temperature", [NOON_NS, NOON_NS + 1], [20.0, 21.0], "2")
    kind, device = reader.next()
    assert (kind, device["id"]) == ("device", "d")
    assert reader.next() == (
        "reading",
        {
            "device": "d",
            "quantity": "temperature",
            "channel": "2",
            "time": "2026-03-01T12:00:00Z",
            "value": 20.0,
            "unit": "Cel",
            "quality": "measured",
        },
    )
    assert reader.next()[1]["value"] == 21.0
    assert reader.next()[0] == "counters"


def test_an_uplink_through_the_intake_is_on_the_feed(town, listen):
    reader = listen()
    town.uplink("tele/plug/SENSOR", b'{"Time":"2026-03-01T13:00:00","ENERGY":{"Power":42}}')
    reading = reader.reach("reading")
    assert (reading["device"], reading["quantity"], reading["value"]) == (
        "plug",
        "active_power",
        42,
    )


def test_anomalies_and_their_retraction_are_told(town, listen):
    reader = listen(device="a81758fffe0546b2")
    town.teller.found(Found([anomaly("one", NOON_NS, None)], []))
    told = reader.reach("anomaly")
    assert (told["id"], told["end"]) == ("one", None)
    town.teller.found(Found([], ["one"]))
    assert reader.reach("retracted") == {"id": "one"}


@pytest.mark.parametrize(
    ("query", "kinds"),
    [
        ({}, ["retracted", "device", "d1 co2", "d1 voltage", "d2 co2", "d1 odd", "d1 still"]),
        ({"device": "d1"}, ["retracted", "device", "d1 co2", "d1 voltage", "d1 odd", "d1 still"]),
        ({"quantity": "co2"}, ["retracted", "device", "d1 co2", "d2 co2", "d1 odd", "d1 still"]),
        ({"device": "d2", "quantity": "voltage"}, ["retracted"]),
        ({"anomalies_only": True}, ["retracted", "d1 odd", "d1 still"]),
        ({"anomalies_only": True, "device": "d2"}, ["retracted"]),
        ({"counters_only": True}, []),
        ({"quantity": "voltage"}, ["retracted", "device", "d1 voltage", "d1 still"]),
    ],
)
def test_filters_let_pass_what_concerns_them(query, kinds):
    wanted = Wanted(**query)
    events = {
        "retracted": event("retracted", {"id": "x"}),
        "device": event("device", {}, "d1"),
        "d1 co2": event("reading", {}, "d1", "co2"),
        "d1 voltage": event("reading", {}, "d1", "voltage"),
        "d2 co2": event("reading", {}, "d2", "co2"),
        "d1 odd": event("anomaly", {"id": "a"}, "d1", "co2"),
        "d1 still": event("anomaly", {"id": "b"}, "d1", ""),
    }
    assert [name for name, one in events.items() if wanted.takes(one, {})] == kinds
    assert wanted.takes(event("counters", {}), {}) is not wanted.anomalies_only


def test_a_filter_is_kept_over_http(town, listen):
    reader = listen(device="d2", quantity="co2")
    for device in ("d1", "d2"):
        for quantity in ("humidity", "co2"):
            town.tell(device, quantity, [NOON_NS], [1.0])
    reading = reader.reach("reading")
    assert (reading["device"], reading["quantity"]) == ("d2", "co2")


async def test_a_slow_reader_is_dropped_down_to_the_newest_values_and_told_how_many(monkeypatch):
    monkeypatch.setattr(feeds, "_PAUSE_S", 0.0)
    monkeypatch.setattr(feeds, "RING_MAX", 500)
    feed = Feed()
    slow, quick = feed.join(Wanted())[0], feed.join(Wanted())[0]
    slow_stream, quick_stream = feed.listen(slow, Form.SSE), feed.listen(quick, Form.SSE)
    got = b""
    for first in range(0, 1200, 100):
        feed.tell([event("reading", {"n": first + k}, f"d{k % 3}") for k in range(100)])
        got += await anext(quick_stream)  # this one keeps up: the slow one does not hold it back
    numbers = [json.loads(line[6:])["n"] for line in got.splitlines() if line.startswith(b"data")]
    assert numbers == list(range(1200))
    told = (await anext(slow_stream)).splitlines()
    bodies = [json.loads(line[6:]) for line in told if line.startswith(b"data")]
    assert bodies == [{"dropped": 1197}, {"n": 1197}, {"n": 1198}, {"n": 1199}]
    await slow_stream.aclose()
    await quick_stream.aclose()
    assert feed.listeners == 0


async def test_a_quiet_feed_says_that_it_is_there(monkeypatch):
    monkeypatch.setattr(feeds, "KEEPALIVE_S", 0.01)
    feed = Feed()
    stream = feed.listen(feed.join(Wanted())[0], Form.SSE)
    assert await anext(stream) == b""
    assert await anext(stream) == b""
    await stream.aclose()


async def test_closing_the_feed_ends_every_stream():
    feed = Feed()
    streams = [feed.listen(feed.join(Wanted())[0], Form.SSE) for _ in range(3)]
    ends = [asyncio.ensure_future(anext(stream, None)) for stream in streams]
    await asyncio.sleep(0)
    feed.close()
    assert await asyncio.gather(*ends) == [None] * 3
    assert feed.listeners == 0


async def test_changes_are_told_once_for_all_who_want_the_same():
    feed = Feed()
    listeners = [feed.join(Wanted(device="d"))[0] for _ in range(3)]
    feed.tell([event("reading", {"n": 1}, "d"), event("reading", {"n": 2}, "other")])
    chunks = [await anext(feed.listen(one, Form.SSE)) for one in listeners]
    assert b'"n":1' in chunks[0]
    assert b'"n":2' not in chunks[0]
    assert chunks[1] is chunks[0]
    assert chunks[2] is chunks[0]
    feed.close()


@pytest.mark.parametrize(
    ("wanted", "devices"),
    [
        (Wanted(tenant="dortmund"), ["d1", "d2"]),
        (Wanted(district="Hörde"), ["d1"]),
        (Wanted(only="schwerte"), ["s1"]),
        (Wanted(only="schwerte", tenant="dortmund"), []),
        (Wanted(only="dortmund", device="s1"), []),
    ],
)
async def test_listeners_are_told_of_their_tenant_and_district_only(wanted, devices):
    places = {
        "d1": Placed("dortmund", Site("a", "dortmund", "A", district="Hörde")),
        "d2": Placed("dortmund", None),
        "s1": Placed("schwerte", None),
    }
    feed = Feed(lambda: places)
    everything, _ = feed.join(Wanted())
    listener, _ = feed.join(wanted)
    feed.tell([event("reading", {"d": d}, d) for d in ("d1", "d2", "s1", "nobody knows")])
    assert (await anext(feed.listen(everything, Form.SSE))).count(b"data") == 4
    chunk = feed._chunk(listener, Form.SSE)
    told = [json.loads(line[6:])["d"] for line in chunk.splitlines() if line.startswith(b"data")]
    assert told == devices
    feed.close()


def test_who_comes_back_gets_exactly_what_it_missed(town, listen):
    town.tell("d", "co2", [NOON_NS], [1.0])
    first = listen()
    first.reach("snapshot")
    town.tell("d", "co2", [NOON_NS + 1], [2.0])
    assert first.reach("reading")["value"] == 2.0
    last_id = first.id
    town.tell("d", "co2", [NOON_NS + 2], [3.0])
    town.tell("e", "co2", [NOON_NS + 2], [4.0])
    again = listen(last_id=last_id)
    seen = [again.reach("reading")["value"] for _ in range(2)]
    assert seen == [3.0, 4.0]
    town.tell("d", "co2", [NOON_NS + 3], [5.0])
    assert again.reach("reading")["value"] == 5.0


@pytest.mark.parametrize("last_id", ["nonsense", "00000000-5", "-", "\u00e9".encode().hex()])
def test_an_id_that_is_not_known_gives_a_snapshot(town, listen, last_id):
    town.tell("d", "co2", [NOON_NS], [1.0])
    reader = listen(last_id=last_id)
    assert reader.next() == ("gap", {"dropped": None})
    assert reader.next()[1]["value"] == 1.0
    assert reader.reach("snapshot") == {"readings": 1, "anomalies": 0}


def test_the_snapshot_is_told_first_and_then_every_change_once(town, listen):
    """Readings come all the while: each value is in the snapshot or after it, never in both."""
    stop = threading.Event()
    told = []

    def write():
        for k in range(3000):
            if stop.is_set():
                return
            town.tell("d", "co2", [NOON_NS + k], [float(k)])
            told.append(k)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(5):
            reader = listen()
            kind, body = reader.next()
            value = body["value"] if kind == "reading" else -1.0
            while kind != "snapshot":
                kind, body = reader.next()
            for _ in range(20):
                after = reader.reach("reading")["value"]
                assert after == value + 1
                value = after
    finally:
        stop.set()
        writer.join(20)


def test_the_same_comes_over_a_websocket(town, listen):
    town.tell("d", "co2", [NOON_NS], [1.0])
    address = listen.url.replace("http", "ws") + "/v1/live?quantity=co2"
    with connect(address) as socket:
        frame = json.loads(socket.recv(timeout=20))
        assert [one["event"] for one in frame["events"]] == ["reading", "counters", "snapshot"]
        town.tell("d", "co2", [NOON_NS + 1], [2.0])
        town.tell("d", "humidity", [NOON_NS + 1], [50.0])
        frame = json.loads(socket.recv(timeout=20))
        assert frame["events"][0]["data"]["value"] == 2.0
        last_id = frame["id"]
    town.tell("d", "co2", [NOON_NS + 2], [3.0])
    with connect(f"{address}&last_event_id={last_id}") as socket:
        values = []
        while 3.0 not in values:
            events = json.loads(socket.recv(timeout=20))["events"]
            values += [one["data"]["value"] for one in events if one["event"] == "reading"]
        assert values == [3.0]
    until(lambda: town.feed.listeners == 0)


def test_a_wrong_question_over_a_websocket_is_refused_with_a_sentence(listen):
    with pytest.raises(InvalidStatus) as refused:
        connect(listen.url.replace("http", "ws") + "/v1/live?devise=d")
    assert refused.value.response.status_code == 422
    assert "expected one of" in refused.value.response.body.decode()


def test_a_stream_over_http_ends_when_the_server_ends(town):
    with served(town) as url:
        reader = Reader(url)
        assert reader.next()[0] == "counters"
    assert reader.ended.wait(10)


def test_a_reader_that_leaves_is_forgotten(town, listen):
    for _ in range(5):
        with httpx.stream("GET", f"{listen.url}/v1/live", timeout=10) as answer:
            lines = answer.iter_lines()  # without this name it ends at once, and the stream too
            next(lines)
            assert town.feed.listeners == 1
        until(lambda: town.feed.listeners == 0)


def test_a_reader_that_never_reads_slows_nobody_and_is_bounded(town, listen):
    with httpx.stream("GET", f"{listen.url}/v1/live", timeout=30):  # connected, and reads nothing
        until(lambda: town.feed.listeners == 1)
        reader = listen(device="last")
        for k in range(60):
            times = range(NOON_NS + k * 2000, NOON_NS + k * 2000 + 2000)
            town.tell("d", "co2", list(times), [1.0] * 2000)
        town.tell("last", "co2", [NOON_NS], [7.0])
        assert reader.reach("reading")["value"] == 7.0
        assert len(town.feed._ring) <= RING_MAX


def test_a_flood_is_told_as_the_last_of_each_series(town, listen):
    reader = listen()
    town.tell("d", "co2", list(range(NOON_NS, NOON_NS + 5000)), list(range(5000)))
    assert reader.reach("reading")["value"] == 4999
    assert reader.reach("counters")["readings"] == 5000


def test_nothing_is_made_when_nobody_listens(town, monkeypatch):
    monkeypatch.setattr(town.feed, "tell", pytest.fail)
    town.tell("d", "co2", [NOON_NS], [1.0])
    town.teller.found(Found([anomaly("one", NOON_NS, None)], ["two"]))


def test_what_the_live_analysis_finds_comes_over_the_feed(tmp_path):
    town = Town(tmp_path)
    minute = 60 * 10**9
    live = Live(town.store, town.house.where, town.teller.found)
    with served(town) as url:
        reader = Reader(url, anomalies="true")
        until(lambda: town.feed.listeners)
        live.start()
        values = [20.0 + (k % 7) / 10 for k in range(120)] + [85.0] + [20.3, 20.1] * 10
        times = [NOON_NS + k * minute for k in range(len(values))]
        live.offer(town.tell("d", "temperature", times, values))
        told = reader.reach("anomaly")
        assert (told["device"], told["kind"], told["value"]) == ("d", "spike", 85.0)
        until(lambda: live.lag() == 0)
    live.stop(10)
    assert reader.ended.wait(10)
    town.store.close()
