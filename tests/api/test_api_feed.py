"""The live feed: what is told to whom, and what a slow or lost reader costs (nothing)."""

import asyncio
import contextlib
import json
import queue
import threading

import httpx
import pytest
from api_town import NOON_NS, Town, anomaly, served, until

from analytics.live import Live
from analytics.oddities import Found
from api import feed as feeds
from api.feed import EVENTS_WAITING_MAX, Feed, Listener, event


class Reader:
    """A client of /v1/live in a thread of its own; `next` waits for one event."""

    def __init__(self, url: str, **query: str) -> None:
        self.events: queue.Queue = queue.Queue()
        self.headers: dict = {}
        self.ended = threading.Event()
        self._client = httpx.Client(timeout=30)
        self._stream = self._client.stream("GET", f"{url}/v1/live", params=query)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        until(lambda: self.headers)

    def _read(self) -> None:
        with contextlib.suppress(httpx.HTTPError), self._client, self._stream as answer:
            self.headers = dict(answer.headers)
            kind = ""
            for line in answer.iter_lines():
                if line.startswith("event: "):
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
    until(lambda: town.feed.listeners)
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
    listener = Listener(**query)
    events = {
        "retracted": event("retracted", {"id": "x"}),
        "device": event("device", {}, "d1"),
        "d1 co2": event("reading", {}, "d1", "co2"),
        "d1 voltage": event("reading", {}, "d1", "voltage"),
        "d2 co2": event("reading", {}, "d2", "co2"),
        "d1 odd": event("anomaly", {}, "d1", "co2"),
        "d1 still": event("anomaly", {}, "d1", ""),
    }
    assert [name for name, one in events.items() if listener.wants(one)] == kinds
    assert listener.wants(event("counters", {})) is not listener.anomalies_only


def test_a_filter_is_kept_over_http(town, listen):
    reader = listen(device="d2", quantity="co2")
    for device in ("d1", "d2"):
        for quantity in ("humidity", "co2"):
            town.tell(device, quantity, [NOON_NS], [1.0])
    reading = reader.reach("reading")
    assert (reading["device"], reading["quantity"]) == ("d2", "co2")


async def test_a_slow_reader_loses_its_oldest_events_and_is_told_how_many():
    feed, slow, quick = Feed(), Listener(), Listener()
    slow_stream, quick_stream = feed.listen(slow, []), feed.listen(quick, [])
    await anext(slow_stream)
    await anext(quick_stream)
    got = b""
    for first in range(0, EVENTS_WAITING_MAX + 700, 100):
        feed.tell([event("reading", {"n": first + k}) for k in range(100)])
        got += await anext(quick_stream)  # this one keeps up: the slow one does not hold it back
    numbers = [json.loads(line[6:])["n"] for line in got.splitlines() if line.startswith(b"data")]
    assert numbers == list(range(EVENTS_WAITING_MAX + 700))
    assert len(slow.waiting) == EVENTS_WAITING_MAX
    batch = await anext(slow_stream)
    assert batch.startswith(b'event: gap\ndata: {"dropped":700}\n\nevent: reading\ndata: {"n":700}')
    await slow_stream.aclose()
    await quick_stream.aclose()
    assert feed.listeners == 0


async def test_a_quiet_feed_says_that_it_is_there(monkeypatch):
    monkeypatch.setattr(feeds, "KEEPALIVE_S", 0.01)
    stream = Feed().listen(Listener(), [])
    assert await anext(stream) == b"retry: 2000\n\n"
    assert await anext(stream) == b": still here\n\n"
    await stream.aclose()


async def test_closing_the_feed_ends_every_stream():
    feed = Feed()
    streams = [feed.listen(Listener(), []) for _ in range(3)]
    for stream in streams:
        await anext(stream)
    ends = [asyncio.ensure_future(anext(stream, None)) for stream in streams]
    await asyncio.sleep(0)
    feed.close()
    assert await asyncio.gather(*ends) == [None] * 3
    assert feed.listeners == 0


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
        assert all(len(one.waiting) <= EVENTS_WAITING_MAX for one in town.feed._listeners)


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
