"""A source at real brokers: what arrives while we are away, and when it may be acknowledged."""

import socket
import time

import pytest
from gateway_brokers import PUBACK, PUBLISH, Ledger, publisher, seeded, until

from gateway.address import Address
from gateway.inbox import Inbox
from gateway.mqtt import MqttSource
from gateway.session import client_id


@pytest.fixture(params=["mosquitto", "nats"])
def port(request):
    """The port of a real broker of each kind."""
    if request.param == "mosquitto":
        return request.getfixturevalue("mosquitto")().port
    return request.getfixturevalue("nats").address.port


def _of(ledger, topic):
    return [one.payload for one in ledger.taken if one.topic == topic]


def test_what_is_published_while_we_are_away_arrives_when_we_are_back(port, listening, gateway):
    before, after = Ledger(), Ledger()
    assert listening(port, before).drain(10)
    with publisher(port) as publish:
        for k in range(20):
            publish("a/b", b"%d" % k)
    assert _of(before, "a/b") == []
    gateway(port, after)
    until("all are here", lambda: len(_of(after, "a/b")) == 20)
    assert _of(after, "a/b") == [b"%d" % k for k in range(20)]


def test_nothing_is_acknowledged_before_it_is_safe(port, proxied, listening):
    """The connection breaks while the store holds: the broker sends the message again."""
    ledger, proxy = Ledger(), proxied(port)
    listening(proxy.port, ledger, publish_at=port)
    _settle(proxy)
    ledger.open.clear()
    ledger.entered.clear()
    with publisher(port) as publish:
        publish("a/b", b"precious")
        assert ledger.entered.wait(10)
        acknowledged = len(proxy.seen(PUBACK))
        connections = proxy.connections
        proxy.cut()
        until("it is back", lambda: proxy.connections > connections)
        back = proxy.connections
        until("it is sent again", lambda: proxy.seen(PUBLISH, back))
        assert len(proxy.seen(PUBACK)) == acknowledged
        ledger.open.set()
        until("both came in", lambda: len(_of(ledger, "a/b")) >= 2)
    assert set(_of(ledger, "a/b")) == {b"precious"}
    first, *again = [one for one in ledger.taken if one.topic == "a/b"]
    assert not first.redelivered
    assert all(one.redelivered for one in again)
    assert all(one.received_ns > first.received_ns for one in again)


def test_an_acknowledgement_goes_only_to_the_connection_that_its_message_came_by(
    mosquitto, proxied, listening
):
    """On another one, the same number may stand for a message that is not yet safe."""
    ledger, proxy = Ledger(), proxied(mosquitto().port)
    port = proxy._broker_port
    listening(proxy.port, ledger, publish_at=port)
    _settle(proxy)
    ledger.open.clear()
    ledger.entered.clear()
    with publisher(port) as publish:
        publish("a/b", b"held")
        assert ledger.entered.wait(10)
        connections = proxy.connections
        proxy.cut()
        until("it is back and has it again", lambda: proxy.seen(PUBLISH, connections + 1))
        publish("a/b", b"more")
        until("more is here", lambda: len(proxy.seen(PUBLISH, connections + 1)) == 2)
        ledger.open.set()
        until("all is acknowledged", lambda: len(proxy.seen(PUBACK, connections + 1)) >= 2)
        publish("a/b", b"end")
        until("the end is acknowledged", lambda: len(proxy.seen(PUBACK, connections + 1)) >= 3)
    for connection in range(1, proxy.connections + 1):
        sent = proxy.seen(PUBLISH, connection)
        told = proxy.seen(PUBACK, connection)
        assert told == [mid for mid in sent if mid is not None][: len(told)]
    assert len(proxy.seen(PUBACK, connections + 1)) == 3
    assert _of(ledger, "a/b") == [b"held", b"held", b"more", b"end"]


def test_many_are_acknowledged_in_the_order_in_which_they_came(port, proxied, listening):
    ledger, proxy = Ledger(), proxied(port)
    listening(proxy.port, ledger, publish_at=port)
    with publisher(port) as publish:
        for k in range(200):
            publish("a/b", b"%d" % k)
    # What is under way may still be before the proxy: all is acknowledged once all is here.
    until("all is here", lambda: len(_of(ledger, "a/b")) == 200)
    _settle(proxy)
    assert proxy.seen(PUBACK) == _numbers(proxy)
    assert _of(ledger, "a/b") == [b"%d" % k for k in range(200)]


def _settle(proxy):
    until("all is acknowledged", lambda: len(proxy.seen(PUBACK)) == len(_numbers(proxy)))


def _numbers(proxy):
    return [mid for mid in proxy.seen(PUBLISH) if mid is not None]


def test_qos_0_is_taken_as_it_comes_and_never_acknowledged(port, proxied, listening):
    ledger, proxy = Ledger(), proxied(port)
    listening(proxy.port, ledger, publish_at=port)
    with publisher(port) as publish:
        publish("a/b", b"zero", qos=0)
        publish("a/b", b"one", qos=1)
    until("both are here", lambda: len(_of(ledger, "a/b")) == 2)
    _settle(proxy)
    assert proxy.seen(PUBACK) == _numbers(proxy)


def test_what_the_broker_kept_is_marked(port, gateway):
    ledger = Ledger()
    with publisher(port) as publish:
        publish("a/kept", b"old", retain=True)
        gateway(port, ledger)
        until("it is here", lambda: _of(ledger, "a/kept"))
        publish("a/new", b"new")
        until("the new one too", lambda: _of(ledger, "a/new"))
    assert {one.payload: one.retained for one in ledger.taken} == {b"old": True, b"new": False}


@pytest.mark.parametrize("kind", ["mosquitto", "nats"])
def test_a_broker_that_comes_back_is_subscribed_again(request, kind, listening):
    """Also one that has forgotten us: a mosquitto that keeps nothing."""
    if kind == "mosquitto":
        broker = request.getfixturevalue("mosquitto")("allow_anonymous true", "persistence false")
        port = broker.port
    else:
        broker = request.getfixturevalue("nats")
        port = broker.address.port
    ledger = Ledger()
    gateway = listening(port, ledger)
    broker.stop()
    (health,) = until(
        "it is missed", lambda: not gateway.health()[0].connected and gateway.health()
    )
    assert health.error
    broker.start()
    (health,) = until("it is back", lambda: gateway.health()[0].connected and gateway.health())
    assert health.error is None
    with publisher(port) as publish:

        def heard():
            publish("a/b", b"again")
            return _of(ledger, "a/b")

        until("it is heard again", heard)


def test_a_store_that_holds_stops_the_reading_and_nothing_is_lost(mosquitto):
    """The inbox is full, so the socket is not read; later all comes, in order."""
    port = mosquitto().port
    inbox = Inbox(messages_max=5)
    source = MqttSource("test", Address("127.0.0.1", port), "full-test", inbox)
    source.start()
    taken = []
    try:
        with publisher(port) as publish:
            until("it listens", lambda: publish("probe", b"probe") or len(inbox))
            for k in range(100):
                publish("a/b", b"%d" % k)
            until("it is full", lambda: len(inbox) >= 5)
            time.sleep(0.05)  # time to take more, if it would
            full = len(inbox)
            time.sleep(0.3)
            assert len(inbox) == full < 100
            while b"99" not in taken:
                for parcel in inbox.take(2, 10**6):
                    taken += [one.payload for one in parcel.envelopes]
                    parcel.acknowledge()
    finally:
        inbox.close()
        source.stop()
    assert [one for one in taken if one != b"probe"] == [b"%d" % k for k in range(100)]


@pytest.mark.parametrize("seed", range(4))
def test_whatever_the_network_does_every_message_is_taken(mosquitto, proxied, listening, seed):
    """Packets are lost, late and cut off at random; QoS 1 means: at least once."""
    port = mosquitto().port
    ledger, proxy = Ledger(), proxied(port)
    gateway = listening(proxy.port, ledger, publish_at=port)
    proxy.fault = seeded(seed, 0.08)
    with publisher(port) as publish:
        for k in range(150):
            publish("a/b", b"%d" % k)
    until("the network has had its way", lambda: proxy.connections > 1)
    proxy.fault = lambda packet: ""
    proxy.cut()  # what was lost on a connection that still stands is sent again on the next one
    wanted = {b"%d" % k for k in range(150)}
    until("every message is here", lambda: wanted <= set(_of(ledger, "a/b")))
    assert any(one.redelivered for one in ledger.taken), "else nothing was lost on the way"
    assert gateway.drain(10)


def test_leaving_hands_what_was_not_stored_to_the_next_session(port, listening, gateway):
    ledger, after = Ledger(), Ledger()
    leaving = listening(port, ledger)
    ledger.closed = True
    with publisher(port) as publish:
        for k in range(10):
            publish("a/b", b"%d" % k)
    until("it holds", leaving.store_fault)
    until("all ten are here", lambda: leaving.waiting() + 1 >= 10 or ledger.offers > 3)
    assert not leaving.drain(0.05)
    assert _of(ledger, "a/b") == []
    gateway(port, after)
    wanted = {b"%d" % k for k in range(10)}
    until("the next one has them", lambda: set(_of(after, "a/b")) == wanted)


def test_leaving_does_not_wait_for_a_broker_that_does_not_answer(stack):
    """A connection that is being tried takes its time; whoever pressed Ctrl-C has none."""
    deaf = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
    port = deaf.getsockname()[1]
    for _ in range(4):  # fill the queue of connections that wait to be taken
        waiting = stack.enter_context(socket.socket())
        waiting.setblocking(False)
        waiting.connect_ex(("127.0.0.1", port))
    source = MqttSource("test", Address("127.0.0.1", port), "deaf-test", Inbox())
    source.start()
    begin = time.monotonic()
    source.stop(patience_s=0.1)
    assert time.monotonic() - begin < 3, "paho itself waits for 5 s"


def test_the_client_id_of_a_folder_stays_the_same_and_no_two_are_equal(tmp_path):
    """The broker's session hangs on it; two installations at one broker must not share it."""
    (tmp_path / "b").mkdir()
    first = client_id(tmp_path)
    assert client_id(tmp_path) == first
    assert client_id(tmp_path / "b") != first
    assert 1 <= len(first) <= 23, "what every broker of MQTT 3.1.1 must accept"
    assert first.replace("-", "").isalnum()
    (tmp_path / "mqtt-client-id").write_text("")  # as a crash may leave it
    assert client_id(tmp_path) == client_id(tmp_path) != ""
