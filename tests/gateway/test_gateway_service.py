"""The gateway with the real intake and the real store: everything once, whatever happens."""

import json

import pytest
from gateway_brokers import publisher, seeded, until

from gateway.address import Address
from gateway.service import Gateway
from ingest.decode import Decoder
from ingest.intake import Intake
from ingest.store import open_store

MINUTES = 120


def _message(k):
    fields = {"Temperature": k / 8}
    time = f"2026-06-01T{10 + k // 60:02}:{k % 60:02}:00"
    return json.dumps({"Time": time, "DS18B20": fields, "TempUnit": "C"}).encode()


def _session(folder, proxy, port, minutes, fault, *, last):
    """Run a gateway for a while over a bad network, then break off; return the counters."""
    store = open_store("embedded", folder)
    where = {"test": Address("127.0.0.1", proxy.port)}
    gateway = Gateway(Intake(store, Decoder()), where, "service-test", ["tele/#"])
    gateway.start()
    with publisher(port) as publish:
        until("it listens", lambda: publish("tele/x/LWT", b"1") or store.counts().received)
        proxy.fault = fault
        for k in minutes:
            publish("tele/plug/SENSOR", _message(k))
            publish("tele/plug/SENSOR", b"{garbage %d" % k)
        if last:
            proxy.fault = lambda packet: ""
            proxy.cut()
            until("all are stored", lambda: store.counts().readings == MINUTES)
            until("all garbage is kept", lambda: store.counts().quarantined == MINUTES)
    # As after a kill: what was taken in is not acknowledged, and nobody waits for it.
    gateway._inbox.close()
    proxy.cut()
    gateway.drain(0)
    counts = store.counts()
    store.close()
    return counts


@pytest.mark.parametrize("seed", [1, 2])
def test_each_reading_is_stored_once_over_a_bad_network_and_a_sudden_end(
    tmp_path, mosquitto, proxied, monkeypatch, seed
):
    """What is acknowledged is stored, and what is sent again is known again."""
    monkeypatch.setattr("gateway.mqtt._RETRY_S", (0.05, 0.1))
    port = mosquitto().port
    proxy = proxied(port)
    half = MINUTES // 2
    before = _session(tmp_path, proxy, port, range(half), seeded(seed, 0.1), last=False)
    after = _session(tmp_path, proxy, port, range(half, MINUTES), seeded(-seed, 0.1), last=True)
    assert before.received <= after.received
    store = open_store("embedded", tmp_path)
    found = store.scan(None, 0, 2**62)
    assert found.value.tolist() == [k / 8 for k in range(MINUTES)]
    assert len(set(found.time_ns.tolist())) == MINUTES
    assert store.counts() == after
    assert (after.quarantined, after.corrections) == (MINUTES, 0)
    store.close()


def test_a_drain_ends_with_everything_stored_and_can_be_asked_for_again(tmp_path, nats):
    store = open_store("embedded", tmp_path / "store")
    where = {"nats": nats.address, "gone": Address("127.0.0.1", 1)}
    gateway = Gateway(Intake(store, Decoder()), where, "service-test", ["tele/#"])
    gateway.start()
    with publisher(nats.address.port) as publish:
        until("it listens", lambda: publish("tele/x/LWT", b"1") or store.counts().received)
        for k in range(50):
            publish("tele/plug/SENSOR", _message(k))
    until("all are stored", lambda: store.counts().readings == 50)
    assert gateway.drain(10)
    assert gateway.drain(10)
    assert gateway.waiting() == 0
    assert gateway.store_fault() is None
    assert store.counts().readings == 50
    assert [one.name for one in gateway.health()] == ["nats", "gone"]
    assert "can't be reached" in gateway.health()[1].error
    store.close()
