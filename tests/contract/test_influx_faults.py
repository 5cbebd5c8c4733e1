"""Whatever InfluxDB, its proxy or the network do: a sentence, nothing lost, nothing twice."""

import json
import threading
import time
from urllib.request import urlopen

import pytest
from influx_proxy import FailingProxy, Fault
from influx_servers import Influx, influx, victoria
from store_adapters import Row, commit, everything, named

from gateway.inbox import Inbox, Parcel
from gateway.pump import Pump
from ingest.decode import Decoder
from ingest.device import Device
from ingest.errors import PayloadError, StoreUnavailable
from ingest.intake import Intake
from ingest.reading import Envelope
from ingest.store import Counts, Outcome, Server
from ingest.store.influx import InfluxStore

S = 10**9
NOW = 1_780_315_200 * S


@pytest.fixture
def proxy():
    made = FailingProxy(influx().url)
    yield made
    made.close()


@pytest.fixture
def opened(tmp_path):
    stores = []

    def open_it(server, name="books"):
        stores.append(InfluxStore(tmp_path / f"{name}.duckdb", server))
        return stores[-1]

    yield open_it
    for store in stores:
        store.close()


FAULTS = {
    "asked-too-much": (Fault(429, headers=(("Retry-After", "17"),)), "it wants 17 s of rest"),
    "away": (Fault(503), "takes nothing now"),
    "broken": (Fault(500, body='{"error":"engine: fault"}'), "engine: fault"),
    "no-token": (Fault(401), "influx_token"),
    "forbidden": (Fault(403), "influx_token"),
    "no-bucket": (Fault(404, body='{"message":"bucket \\"x\\" not found"}'), "store init"),
    "cut": (Fault(), "can't be reached"),
    "answer-lost": (Fault(passed=True), "can't be reached"),
    "answer-lost-and-500": (Fault(500, passed=True), "status 500"),
    "slow": (Fault(passed=True, delay_s=1.5), "can't be reached"),
}


@pytest.mark.parametrize(("fault", "says"), FAULTS.values(), ids=FAULTS)
def test_a_write_that_fails_is_told_and_done_again(proxy, opened, fault, says):
    """New readings, a late one and a correction: as if the first try had never been."""
    server = influx().database()._replace(url=proxy.url, timeout_ms=1000)
    store = opened(server)
    a, b = named(store, "a", "b")
    store.append(commit([Row(a, NOW, 1.0), Row(b, NOW, 5.0, message=1)]))
    more = commit(
        [Row(a, NOW, 2.0, 200), Row(a, NOW - S, 3.0, 200), Row(a, NOW + S, 4.0, 200)],
        devices=[Device("a", first_ns=1)],
        keys=[b"k" * 16],
    )
    before = (store.counts(), store.last_commit(), store.devices())
    proxy.fail_writes(fault, fault)
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match=says):
            store.append(more)
        assert (store.counts(), store.last_commit(), store.devices()) == before
        assert not store.known([b"k" * 16])
    receipt = store.append(more)
    assert receipt.outcome.tolist() == [Outcome.CORRECTED, Outcome.NEW, Outcome.NEW]
    assert store.history(a).value.tolist() == [1.0]
    assert [row[1:3] for row in everything(store)] == [
        (NOW - S, 3.0), (NOW, 2.0), (NOW + S, 4.0), (NOW, 5.0),
    ]  # fmt: skip
    assert store.counts() == Counts(3, 0, 0, 4, 1)


def test_a_correction_whose_commit_was_cut_off_is_one_after_a_restart_too(proxy, opened):
    """InfluxDB holds the new value already, and the books still say which one it replaces."""
    server = influx().database()._replace(url=proxy.url)
    store = opened(server)
    a, b = named(store, "a", "b")
    store.append(commit([Row(a, NOW, 1.0), Row(b, NOW, 7.0, message=1)]))
    proxy.fail_writes(Fault(passed=True))
    with pytest.raises(StoreUnavailable):
        store.append(commit([Row(a, NOW, 2.0, 200)]))
    store.close()
    again = opened(server)
    again.append(commit([Row(b, NOW, 8.0, 300)]))  # something else comes first
    assert len(again.history(a)) == 0
    receipt = again.append(commit([Row(a, NOW, 2.0, 200)]))
    assert receipt.outcome.tolist() == [Outcome.CORRECTED]
    assert again.history(a).value.tolist() == [1.0]
    assert again.history(b).value.tolist() == [7.0]


def test_attempts_that_came_to_no_end_are_told_once_each(proxy, opened):
    """The books do not grow by what has failed once, however many commits follow."""
    store = opened(influx().database()._replace(url=proxy.url))
    (a,) = named(store, "a")
    for k in range(4):
        proxy.fail_writes(Fault(503), Fault(passed=True))
        for _ in range(2):
            with pytest.raises(StoreUnavailable):
                store.append(commit([Row(a, NOW + k * S, 1.0)]))
        for turn in range(3):
            store.append(commit([Row(a, NOW + k * S, float(turn))]))
    voids = [attempt for (attempt,) in store._all("SELECT attempt FROM voids")]
    assert len(voids) == len(set(voids)) == 8
    assert [row[2] for row in everything(store)] == [2.0] * 4


def test_questions_that_fail_are_told_and_answered_later(proxy, opened):
    store = opened(influx().database()._replace(url=proxy.url, timeout_ms=1000))
    (a,) = named(store, "a")
    store.append(commit([Row(a, NOW, 1.0)]))
    for fault, says in (FAULTS["cut"], FAULTS["away"], FAULTS["no-token"]):
        proxy.fault = lambda method, path, fault=fault: fault if path == "/query" else None
        with pytest.raises(StoreUnavailable, match=says):
            everything(store)
        with pytest.raises(StoreUnavailable, match=says):
            store.append(commit([Row(a, NOW - S, 1.0)]))
    proxy.fault = lambda method, path: (
        Fault(200, body="<html>sign in</html>") if path == "/query" else None
    )
    with pytest.raises(StoreUnavailable, match="is the address right"):
        everything(store)
    proxy.fault = lambda method, path: None
    store.append(commit([Row(a, NOW - S, 1.0)]))
    assert len(everything(store)) == 2


def test_hours_without_influxdb_cost_nothing(opened):
    """It is killed in the middle of writing; all that returned is there when it is back."""
    server = Influx()
    try:
        store = opened(server.database()._replace(timeout_ms=2000))
        (a,) = named(store, "a")
        returned, ended, held = [], threading.Event(), threading.Event()

        def work():
            k = 0
            while not ended.is_set():
                try:
                    store.append(commit([Row(a, NOW + k * S, float(k))]))
                    returned.append(k)
                    k += 1
                except StoreUnavailable:
                    held.set()
                    time.sleep(0.05)

        thread = threading.Thread(target=work)
        thread.start()
        for _ in range(2):
            while len(returned) < 20:
                time.sleep(0.01)
            server.stop(kill=True)
            assert held.wait(20)
            server.start()
            held.clear()
            returned_before = len(returned)
            while len(returned) < returned_before + 20:
                time.sleep(0.01)
        ended.set()
        thread.join(20)
        assert [row[2] for row in everything(store)] == [float(k) for k in returned]
        assert store.counts().readings == len(returned)
    finally:
        server.close()


def test_a_token_that_is_wrong_and_a_bucket_that_is_not_there(opened):
    server = Influx(auth=True)
    try:
        server.query("CREATE USER root WITH PASSWORD 'secret' WITH ALL PRIVILEGES")
        store = opened(Server(server.url, "x", token="no:body"))
        with pytest.raises(StoreUnavailable, match="refuses the token: set influx_token"):
            store.append(commit([Row(*named(store, "a"), NOW, 1.0)]))
    finally:
        server.close()
    store = opened(Server(influx().url, "never-made"), "other")
    with pytest.raises(StoreUnavailable, match="`emscher store init` makes it"):
        store.append(commit([Row(*named(store, "a"), NOW, 1.0)]))
    with pytest.raises(StoreUnavailable, match="`emscher store init` makes it"):
        everything(store)


def test_readings_of_somebody_else_are_not_mixed_with_ours(opened):
    server = influx().database()
    store = opened(server)
    (a,) = named(store, "a")
    url = f"{server.url}/write?db={server.bucket}"
    urlopen(url, b"readings,device=a,quantity=temperature value=7i %d" % NOW).close()
    with pytest.raises(StoreUnavailable, match="a bucket of its own"):
        store.append(commit([Row(a, NOW, 1.0)]))
    assert store.counts() == Counts()


def test_series_that_there_is_no_room_for_are_put_aside_and_all_others_stored(opened):
    """A flood of new names must not stop the city: its messages wait in quarantine."""
    server = Influx(series=6)
    try:
        store = opened(server.database())
        intake, inbox = Intake(store, Decoder()), Inbox()
        pump = Pump(inbox, intake)
        plug = '{"Time":"2026-06-01T12:00:%02d","ENERGY":{"Power":%d}}'
        envelopes = [
            Envelope("test", f"tele/plug{k % 9}/SENSOR", (plug % (k, k)).encode(), NOW + k * S)
            for k in range(40)
        ]
        inbox.put(Parcel(envelopes, lambda: None))
        pump.start()
        assert pump.drain(60)
        counts = store.counts()
        assert counts.received == 40
        assert counts.stored == counts.readings == len(everything(store))
        assert 20 < counts.stored < 40
        refused = store.quarantined()
        assert {one.rule for one in refused} == {"store limit"}
        assert "max-series-per-database" in refused[0].expected
    finally:
        server.close()


def test_what_is_too_large_for_a_proxy_goes_in_parts(opened):
    server = Influx(body="4k")
    try:
        store = opened(server.database())
        (a,) = named(store, "a" * 100)
        rows = [Row(a, NOW + k * S, k + 0.1234567890123) for k in range(500)]
        store.append(commit(rows))
        assert len(everything(store)) == 500
    finally:
        server.close()


def test_what_the_bucket_keeps_no_longer_is_told_and_stops_nothing(opened, capsys):
    server = influx().database()
    influx().query(
        f'ALTER RETENTION POLICY autogen ON "{server.bucket}" DURATION 2h SHARD DURATION 1h'
    )
    store = opened(server)
    (a,) = named(store, "a")
    now = time.time_ns()
    store.append(commit([Row(a, now - 9 * 3600 * S, 1.0), Row(a, now, 2.0, message=1)]))
    assert [row[2] for row in everything(store)] == [2.0]
    assert "older than the bucket keeps" in capsys.readouterr().out


def test_a_point_that_influxdb_can_t_read_is_told_as_such(proxy, opened):
    store = opened(influx().database()._replace(url=proxy.url))
    proxy.fail_writes(Fault(400, body='{"error":"unable to parse \'x\': missing fields"}'))
    with pytest.raises(PayloadError, match="a point that InfluxDB can read"):
        store.append(commit([Row(*named(store, "a"), NOW, 1.0)]))
    assert store.counts() == Counts()


def test_victoriametrics_takes_the_same_points(opened):
    store = opened(Server(victoria(), "city"))
    a, b = named(store, "a", "b c,d=e")
    store.append(commit([Row(a, NOW, 1.25), Row(b, NOW + S, -2.5, message=1)]))
    names = "match[]=%7B__name__=~%22readings_(value|attempt)%22%7D"
    url = f"{victoria()}/api/v1/export?{names}&start={NOW // S - 60}&end={NOW // S + 60}"
    urlopen(f"{victoria()}/internal/force_flush", timeout=10).close()
    deadline = time.monotonic() + 20
    while len(lines := urlopen(url, timeout=5).read().splitlines()) < 4:
        assert time.monotonic() < deadline, lines
        time.sleep(0.2)
    found = {
        (one["metric"]["__name__"], one["metric"]["device"]): (one["values"], one["timestamps"])
        for one in map(json.loads, lines)
    }
    assert found["readings_value", "a"] == ([1.25], [NOW // 10**6])
    assert found["readings_value", "b c,d=e"] == ([-2.5], [(NOW + S) // 10**6])
    assert found["readings_attempt", "a"][0] == [2**40 + 1]
