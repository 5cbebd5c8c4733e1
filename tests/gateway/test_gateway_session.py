"""What a session at a broker holds, how it is come back to, and whom it trusts."""

import itertools
import json
import socket
import threading
import time

import pytest
from gateway_brokers import Ledger, Mosquitto, publisher, until

from gateway import mqtt
from gateway.address import Address, broker_address
from gateway.errors import AddressError
from gateway.inbox import Inbox
from gateway.mqtt import MqttSource
from gateway.pump import Pump
from gateway.service import Gateway
from gateway.session import Topics


@pytest.fixture(params=["mosquitto", "nats"])
def port(request):
    if request.param == "mosquitto":
        return request.getfixturevalue("mosquitto")().port
    return request.getfixturevalue("nats").address.port


def _listened(port, topics, folder, ledger):
    """Return a gateway that is known to deliver."""
    brokers = {"b": Address("127.0.0.1", port)}
    gateway = Gateway(ledger, brokers, "session-test", topics, folder)
    gateway.start()
    with publisher(port) as publish:

        def heard():
            publish(topics[-1].replace("#", "probe"), b"probe")
            return b"probe" in ledger.payloads

        until("it listens", heard)
    return gateway


def test_topics_that_are_no_longer_wanted_are_taken_back(port, tmp_path):
    """The session at the broker would deliver them for ever."""
    gateway = _listened(port, ["a/#", "b/#"], tmp_path, Ledger())
    until("it is remembered", (tmp_path / "mqtt-topics.json").exists)
    gateway.drain(5)
    for _ in range(2):
        ledger = Ledger()
        gateway = _listened(port, ["b/#"], tmp_path, ledger)
        with publisher(port) as publish:
            publish("a/x", b"unwanted")
            publish("b/x", b"wanted")
            until("what is wanted comes", lambda held=ledger: b"wanted" in held.payloads)
        gateway.drain(5)
        if b"unwanted" not in ledger.payloads:
            break
    assert b"unwanted" not in ledger.payloads
    (held,) = json.loads((tmp_path / "mqtt-topics.json").read_text()).values()
    assert held == ["b/#"]


def test_what_is_remembered_is_of_each_broker_and_a_broken_file_is_as_none(tmp_path):
    topics = Topics(tmp_path)
    topics.remember(Address("a", 1), ["x"])
    topics.remember(Address("b", 1), ["y", "z"])
    assert Topics(tmp_path).of(Address("b", 1)) == ["y", "z"]
    (tmp_path / "mqtt-topics.json").write_text("{")
    assert topics.of(Address("a", 1)) == []
    topics.remember(Address("a", 1), ["x"])
    assert topics.of(Address("a", 1)) == ["x"]


def test_a_broker_that_forgot_the_session_is_told_of(tmp_path, capsys):
    broker = Mosquitto(tmp_path).start()
    try:
        gateway = _listened(broker.port, ["#"], tmp_path, Ledger())
        assert "forgotten" not in capsys.readouterr().out
        broker.stop()
        (tmp_path / "mosquitto.db").unlink()
        broker.start()
        until("it is connected again", lambda: gateway.health()[0].connections == 2)
        gateway.drain(5)
    finally:
        broker.stop()
    assert capsys.readouterr().out.count("the broker has forgotten our session") == 1


def _delays(monkeypatch, chance, fail):
    source = MqttSource("x", Address("127.0.0.1", 1), "x", Inbox(), chance=lambda: chance)
    told = []
    monkeypatch.setattr(source._client, "reconnect_delay_set", lambda a, b: told.append(a))
    for _ in range(8):
        fail(source)
    return told


def test_tries_come_later_each_time_and_never_in_step(monkeypatch):
    def fail(source):
        source._on_connect_fail(source._client, None)

    assert _delays(monkeypatch, 1.0, fail) == [2, 4, 8, 16, 30, 30, 30, 30]
    assert _delays(monkeypatch, 0.0, fail) == [1, 2, 4, 8, 15, 15, 15, 15]


def test_a_broker_that_takes_and_cuts_at_once_is_not_hammered(monkeypatch):
    monkeypatch.setattr(mqtt, "_RETRY_S", (0.1, 30.0))
    taken = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            try:
                while True:
                    client, _ = server.accept()
                    client.recv(1000)
                    client.sendall(b"\x20\x02\x00\x00")
                    client.close()
                    taken.append(time.monotonic())
            except OSError:
                return

        threading.Thread(target=serve, daemon=True).start()
        port = server.getsockname()[1]
        source = MqttSource("x", Address("127.0.0.1", port), "x", Inbox(), chance=lambda: 1.0)
        source.start()
        until("it has tried five times", lambda: len(taken) >= 5)
        source.stop()
    gaps = [b - a for a, b in itertools.pairwise(taken)]
    assert gaps[0] < gaps[1] < gaps[2]


def test_a_store_that_holds_for_long_keeps_the_connection(mosquitto, monkeypatch):
    """Nothing is read, and yet the broker hears that we are there."""
    monkeypatch.setattr(mqtt, "_KEEPALIVE_S", 1)
    broker = mosquitto("allow_anonymous true")
    ledger, inbox = Ledger(), Inbox(messages_max=10)
    pump = Pump(inbox, ledger)
    source = MqttSource("x", Address("127.0.0.1", broker.port), "hold-test", inbox)
    pump.start()
    source.start()
    with publisher(broker.port) as publish:
        until("it listens", lambda: publish("probe", b"probe") or ledger.taken)
        ledger.open.clear()
        for k in range(2000):
            publish("a", b"%d" % k)
        time.sleep(4)  # more than twice what a silent client is granted
        assert len(inbox) < 1500
        ledger.open.set()
        until("all is taken", lambda: b"1999" in ledger.payloads)
    assert source.health().connections == 1
    found = [one for one in ledger.payloads if one != b"probe"]
    assert found == [b"%d" % k for k in range(2000)], "once each, in order"
    source.pause()
    pump.drain(5)
    source.stop()


def test_what_comes_at_most_once_is_said(mosquitto):
    broker = mosquitto()
    ledger, inbox = Ledger(), Inbox()
    pump = Pump(inbox, ledger)
    source = MqttSource("x", Address("127.0.0.1", broker.port), "qos-test", inbox)
    pump.start()
    source.start()
    with publisher(broker.port) as publish:
        until("it listens", lambda: publish("safe/topic", b"probe") or ledger.taken)
        assert source.health().at_most_once == ()
        until("it is heard", lambda: publish("un/safe", b"x", 0) or b"x" in ledger.payloads)
    # What has arrived is counted at once, and is in the ledger a moment later.
    until("all is taken", lambda: source.health().messages == len(ledger.payloads))
    health = source.health()
    assert health.at_most_once == ("un/safe",)
    assert health.bytes == sum(map(len, ledger.payloads))
    assert health.messages == len(ledger.payloads)
    assert health.last_ns is not None
    source.pause()
    pump.drain(5)
    source.stop()


def test_a_private_authority_and_a_certificate_of_ours(mutual, gateway):
    broker, ca, cert, key = mutual
    address = broker_address(f"mqtts://localhost:{broker.port}?ca={ca}&cert={cert}&key={key}")
    started = gateway(broker.port, Ledger(), address=address)
    until("it is connected", lambda: started.health()[0].connected)


@pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning")
def test_what_is_wrong_with_tls_is_said(mutual, certified, mosquitto, gateway):
    wants, ca, _, _ = mutual
    plain, (trusting, _) = mosquitto("allow_anonymous true"), certified
    for broker, host, options, says in (
        (wants, "localhost", f"?ca={ca}", "certificate"),
        (trusting, "127.1", f"?ca={ca}", "can't be trusted"),
        (plain, "127.0.0.1", f"?ca={ca}", "speak TLS there"),
    ):
        address = broker_address(f"mqtts://{host}:{broker.port}{options}")
        started = gateway(broker.port, Ledger(), address=address)
        told = until("it is said", lambda g=started: _said(g))
        assert says in told, told
        assert not started.health()[0].connected
    blind = broker_address(f"mqtts://127.1:{trusting.port}?verify=no")
    started = gateway(trusting.port, Ledger(), address=blind)
    until("it is connected", lambda: started.health()[0].connected)


def _said(gateway):
    error = gateway.health()[0].error
    return error if error and error != "not connected yet" else None


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("?ca={folder}/none.pem", "expected a file, found none"),
        ("?ca={folder}/text", "expected certificates in PEM"),
        ("?cert={folder}/text&key={folder}/text", "expected a certificate in PEM"),
    ],
)
def test_files_that_are_none_are_named_before_anything_is_tried(tmp_path, options, says):
    (tmp_path / "text").write_text("hello")
    address = broker_address(f"mqtts://broker{options.format(folder=tmp_path)}")
    with pytest.raises(AddressError, match=says):
        MqttSource("x", address, "x", Inbox())


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("mqtts://b?ca=", "each with a value"),
        ("mqtt://b?ca=x", "known are password_file"),
        ("mqtts://b?cert=x", "cert and key go together"),
        ("mqtts://b?verify=perhaps", "each with a value"),
        ("mqtts://b?colour=red", "known are ca, cert, key, verify, password_file"),
        ("mqtt://b?password_file=x", "wants a user"),
        ("mqtt://a:b@b?password_file=x", "no password beside it"),
        ("mqtt://a@b?password_file=/none", "can't be read"),
    ],
)
def test_options_that_make_no_sense_are_refused(url, says):
    with pytest.raises(AddressError, match=says):
        broker_address(url)


def test_a_password_comes_out_of_a_file(tmp_path):
    (tmp_path / "p").write_text("s3cret word\nand more")
    address = broker_address(f"mqtt://anna@b?password_file={tmp_path}/p")
    assert (address.username, address.password) == ("anna", "s3cret word")
    assert "s3cret" not in address.shown
