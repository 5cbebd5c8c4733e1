"""Users, passwords and certificates, at a real mosquitto; and what is said when they are wrong."""

import subprocess

import pytest
from gateway_brokers import Ledger, free_port, publisher, until

from gateway.address import Address, broker_address
from gateway.inbox import Inbox
from gateway.mqtt import MqttSource


@pytest.fixture
def guarded(tmp_path, mosquitto):
    """A mosquitto that lets in nobody but anna."""
    file = tmp_path / "passwords"
    file.touch(mode=0o600)
    subprocess.run(["mosquitto_passwd", "-b", file, "anna", "p@ss/word:x"], check=True)
    return mosquitto("allow_anonymous false", f"password_file {file}")


def _error(gateway):
    def told():
        (health,) = gateway.health()
        return health.error if health.error != "not connected yet" else None

    return until("an error is told", told)


def test_user_and_password_of_the_url_let_us_in(guarded, gateway):
    ledger = Ledger()
    address = broker_address(f"mqtt://anna:p%40ss%2Fword%3Ax@127.0.0.1:{guarded.port}")
    started = gateway(guarded.port, ledger, address=address)
    with publisher(guarded.port, user="anna", password="p@ss/word:x") as publish:
        until("it is heard", lambda: publish("a/b", b"x") or ledger.taken)
    (health,) = started.health()
    assert health.connected
    assert health.error is None
    assert "word" not in health.url


@pytest.mark.parametrize("user", ["", "anna:wrong@", "bert:p%40ss@"])
def test_whoever_is_not_let_in_is_told_what_to_look_at(guarded, gateway, user):
    """The sentence stays while it is tried again and again: it is no lost connection."""
    address = broker_address(f"mqtt://{user}127.0.0.1:{guarded.port}")
    started = gateway(guarded.port, Ledger(), address=address)
    error = _error(started)
    assert error.startswith("the broker refuses the connection (Not authorized)")
    assert "user and password" in error
    tries = []

    def again():
        (health,) = started.health()
        tries.append((health.connected, health.error))
        return len(tries) > 100

    until("it was looked at often", again)
    assert set(tries) == {(False, error)}


def test_tls_with_an_authority_that_this_machine_trusts(certified, gateway, monkeypatch):
    """SSL_CERT_FILE names one of one's own, as for every program that uses OpenSSL."""
    broker, ca = certified
    monkeypatch.setenv("SSL_CERT_FILE", str(ca))
    address = broker_address(f"mqtts://127.0.0.1:{broker.port}")
    started = gateway(broker.port, Ledger(), address=address)
    until("it is connected", lambda: started.health()[0].connected)


# paho leaves the socket of a failed handshake to the garbage collector.
@pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning")
def test_a_certificate_that_nobody_vouches_for_is_refused_and_named(certified, gateway):
    broker, _ = certified
    address = broker_address(f"mqtts://127.0.0.1:{broker.port}")
    started = gateway(broker.port, Ledger(), address=address)
    error = _error(started)
    assert "can't be trusted: unable to get local issuer" in error
    assert "ca= names" in error
    assert not started.health()[0].connected


@pytest.mark.parametrize(
    ("host", "word"), [("127.0.0.1", "refused"), ("no-such-host.invalid", "can't be reached")]
)
def test_a_broker_that_is_not_there_is_told_with_the_reason(gateway, host, word):
    started = gateway(0, Ledger(), address=Address(host, free_port()))
    error = _error(started)
    assert error.startswith("the broker can't be reached: ")
    assert word in error
    assert "no reason" not in error


def test_a_source_tells_from_the_start_that_it_is_not_connected():
    source = MqttSource("test", Address("127.0.0.1", 1), "x", Inbox(), clock_ns=lambda: 42)
    health = source.health()
    assert (health.connected, health.since_ns, health.messages) == (False, 42, 0)
    assert health.error == "not connected yet"
