"""Moving from one store to another: all of it, compared, and harmless to do again."""

import pytest
from influx_proxy import FailingProxy, Fault
from influx_servers import Influx, influx
from store_adapters import ADAPTERS, Row, commit, lying, named, refusal
from typer.testing import CliRunner

from emscher import app
from ingest.device import Device
from ingest.errors import StoreUnavailable
from ingest.reading import Series
from ingest.store import Server, open_store
from ingest.store.copying import copied, digest
from ingest.store.influx_setup import checks, prepared

S = 10**9
NOW = 1_780_315_200 * S
PAIRS = [(a, b) for a in ADAPTERS for b in ADAPTERS if a is not b]


def _fill(store):
    a, b, c = named(store, "a", "b,c d='e'", "never")
    device = Device("a", "Attic", "M", "tasmota", "s", 1, 2, {"on": True})
    rows = [Row(a, NOW + k * S, k / 7, NOW + k * S + 5, k % 4 // 3 * 3) for k in range(2000)]
    store.append(commit([*rows, Row(b, NOW, 1.5)], devices=[device], refusals=[refusal(b"\0x")]))
    store.append(commit([Row(a, NOW + S, 7.0, 99), Row(b, NOW, 2.5, 98)]))
    store.append(commit([Row(a, NOW + S, 8.0, 100)], refusals=[refusal(b"y")]))
    return a, b, c


def _facts(store):
    found = {
        span.series: (
            span.first_ns, span.last_ns, span.count, digest(store, span.number),
            [row[1:] for row in lying(store.history(span.number))],
        )
        for span in store.series()
    }  # fmt: skip
    refused = [(one.payload, one.rule) for one in store.refused(limit=10)]
    return found, store.devices(), refused


@pytest.mark.parametrize(("source", "target"), PAIRS, ids=[f"{a.name}-{b.name}" for a, b in PAIRS])
def test_all_of_it_is_there_and_again_changes_nothing(tmp_path, source, target):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    one, two = source.open(tmp_path / "one"), target.open(tmp_path / "two")
    _fill(one)
    named(two, "z")  # numbers differ
    told = []
    for _ in range(2):
        found = copied(one, two, lambda done, total: told.append((done, total)))
        assert (found.series, found.readings, found.devices) == (2, 2001, 1)
        assert _facts(one) == _facts(two)
    assert found.refusals == 0
    assert told[2] == (2, 2)
    counts = two.counts()
    assert (counts.stored, counts.duplicate, counts.quarantined) == (0, 0, 2)
    assert (counts.readings, counts.corrections) == (2001, 3)
    one.close()
    two.close()


def test_what_was_cut_off_is_done_again_and_what_differs_is_told(tmp_path):
    proxy = FailingProxy(influx().url)
    one = open_store("embedded", tmp_path / "one")
    two = open_store("influx", tmp_path, influx().database()._replace(url=proxy.url))
    try:
        a, _, _ = _fill(one)
        proxy.fail_writes(None, Fault(passed=True))
        with pytest.raises(StoreUnavailable, match="can't be reached"):
            copied(one, two, lambda *_: None)
        two.append(commit([Row(two.number(Series("a", "temperature")), NOW - S, 1.0)]))
        with pytest.raises(StoreUnavailable, match="a temperature is not the same in the copy"):
            copied(one, two, lambda *_: None)
        one.append(commit([Row(a, NOW - S, 1.0)]))
        copied(one, two, lambda *_: None)
        assert _facts(one)[0] == _facts(two)[0]
    finally:
        one.close()
        two.close()
        proxy.close()


def test_influxdb_is_made_ready_and_looked_at(tmp_path):
    server = Server(influx().url, 'made "here"')
    assert [good for good, _ in checks(server)] == [True, False]
    assert "store init" in list(checks(server))[-1][1]
    for _ in range(2):
        steps = list(prepared(server, 30))
        assert steps[0].endswith("is InfluxDB 1.6.7~rc0")
        assert "it keeps readings for 30 days" in steps
    (found,) = influx().query(r'SHOW RETENTION POLICIES ON "made \"here\""')
    assert ["autogen", "720h0m0s"] in [row[:2] for row in found["values"]]
    assert [text for good, text in checks(server) if good][-1] == "0 series lie there"
    store = open_store("influx", tmp_path, server)
    store.append(commit([Row(*named(store, "a"), NOW + 200 * 86400 * S, 1.0)]))
    store.close()
    assert list(checks(server))[-1] == (True, "1 series lie there")


def test_a_server_that_is_none_is_told(tmp_path):
    (found,) = checks(Server("http://127.0.0.1:1", "x"))
    assert not found[0]
    assert "can't be reached" in found[1]
    with pytest.raises(StoreUnavailable, match="can't be reached"):
        list(prepared(Server("http://127.0.0.1:1", "x")))
    locked = Influx(auth=True)
    try:
        locked.query("CREATE USER root WITH PASSWORD 'secret' WITH ALL PRIVILEGES")
        with pytest.raises(StoreUnavailable, match="influx_token"):
            list(prepared(Server(locked.url, "x")))
    finally:
        locked.close()


def _said(*words):
    done = CliRunner().invoke(app, ["store", *words], env={"COLUMNS": "200"})
    return done.exit_code, " ".join(done.output.split())


def test_the_commands(tmp_path):
    store = open_store("embedded", tmp_path)
    _fill(store)
    before = _facts(store)
    store.close()
    where = ("--url", influx().url, "--bucket", "by-command")
    forth = ("copy", "--from", "embedded", "--to", "influx", "--data", str(tmp_path), *where)
    back = ("copy", "--from", "influx", "--to", "embedded", "--data", str(tmp_path), *where)
    code, told = _said(*forth)
    assert code == 1, told
    assert "InfluxDB at" in told
    code, told = _said("init", *where, "--keep-days", "3650")
    assert code == 0, told
    assert "Ready." in told
    for _ in range(2):
        code, told = _said(*forth)
        assert code == 0, told
        assert "2001 readings of 2 series, 1 devices" in told
    (tmp_path / "emscher.duckdb").unlink()
    code, told = _said(*back)
    assert code == 0, told
    again = open_store("embedded", tmp_path)
    assert _facts(again) == before
    again.close()
    assert _said("copy", "--from", "influx", "--to", "influx")[0] == 1
    assert _said("init", "--url", "nowhere")[0] == 1
