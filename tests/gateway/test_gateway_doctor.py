"""Doctor looks at each thing, changes nothing, and says what to do."""

import shutil
import socket
from collections import namedtuple

import numpy as np
import pytest
from gateway_brokers import free_port

from gateway import doctor as room
from gateway.address import broker_address
from gateway.doctor import examined
from gateway.errors import BrokerError
from ingest.reading import Rows, Series
from ingest.store import Commit, open_store

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def ports():
    return f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"


def _looked(data, ports, *brokers):
    return list(examined(data, *ports, [broker_address(url) for url in brokers]))


def test_a_fit_machine_is_found_fit_and_nothing_is_made(tmp_path, ports):
    data = tmp_path / "not" / "yet"
    checks = _looked(data, ports)
    assert [check.ok for check in checks] == [True] * 5
    room_left, store, http, server, mqtt = (check.text for check in checks)
    assert "GiB free" in room_left
    assert "`emscher up` makes it" in store
    assert http == f"{ports[0]} is free for console and API"
    assert "nats-server" in server
    assert "topic with a space is refused" in server
    assert mqtt == f"{ports[1]} is free for the embedded broker"
    assert list(tmp_path.iterdir()) == []


def test_a_store_is_opened_and_counted_and_left_as_it_was(tmp_path, ports):
    store = open_store("embedded", tmp_path)
    number = store.number(Series("a", "temperature"))
    store.append(Commit(Rows.of([number], [1], [2.0], [3], [0]), np.zeros(1, np.int32), 1))
    store.close()
    assert "the store opens: 1 readings of 1 messages" in [c.text for c in _looked(tmp_path, ports)]
    store = open_store("embedded", tmp_path)
    assert store.counts().readings == 1
    store.close()


def test_what_is_in_the_way_is_named_with_the_option(tmp_path, ports, monkeypatch):
    (tmp_path / "emscher.duckdb").write_bytes(b"no store" * 999)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(2**40, 2**40, 2**20))
    taken = [socket.create_server(("127.0.0.1", int(port.rpartition(":")[2]))) for port in ports]

    def missing():
        raise BrokerError("nats-server is missing")

    monkeypatch.setattr(room, "program", missing)
    checks = _looked(tmp_path, ports)
    for listener in taken:
        listener.close()
    assert [check.ok for check in checks] == [False] * 5
    for check, word in zip(checks, ["--data", "move it away", "--http", "missing", "--mqtt"],
                           strict=True):  # fmt: skip
        assert word in check.text


def test_brokers_are_tried_instead_of_the_embedded_one(tmp_path, ports, mosquitto):
    url = f"mqtt://anna:secret@127.0.0.1:{mosquitto().port}"
    *_, reached, missed = _looked(tmp_path, ports, url, f"127.0.0.1:{free_port()}")
    assert (reached.ok, missed.ok) == (True, False)
    assert "secret" not in reached.text
    assert "is it running, and there?" in missed.text


def test_a_broker_is_logged_into_and_subscribed_at(tmp_path, ports, mosquitto, nats):
    broker = mosquitto("allow_anonymous true")
    *_, first, second = _looked(
        tmp_path, ports, f"mqtt://127.0.0.1:{broker.port}", f"mqtt://127.0.0.1:{nats.address.port}"
    )
    assert first.ok
    assert "lets us in and delivers: mosquitto version" in first.text
    assert "max_queued_messages" in first.text
    assert second.ok
    assert second.text.endswith("lets us in and delivers")


def test_what_is_wrong_with_a_broker_is_said(tmp_path, ports, mosquitto):
    (tmp_path / "nobody").write_text("")
    (tmp_path / "acl").write_text("user other\ntopic read #\n")
    strict = mosquitto("allow_anonymous false", f"password_file {tmp_path}/nobody")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        *_, refused, absent, mute, tls = _looked(
            tmp_path, ports, f"mqtt://a:b@127.0.0.1:{strict.port}", "mqtt://127.0.0.1:1",
            f"mqtt://127.0.0.1:{port}", "mqtts://127.0.0.1:1?ca=/none",
        )  # fmt: skip
    assert [check.ok for check in (refused, absent, mute, tls)] == [False] * 4
    assert "look at user and password" in refused.text
    assert "can't be reached" in absent.text
    assert "is it MQTT, and without TLS?" in mute.text
    assert "expected a file" in tls.text
    once = mosquitto("allow_anonymous true", "max_qos 0")
    *_, found = _looked(tmp_path, ports, f"mqtt://127.0.0.1:{once.port}")
    assert not found.ok
    assert "allow QoS 1" in found.text
