"""MQTT packets of our own, byte by byte those that paho writes."""

import contextlib
import socket
import threading

import paho.mqtt.client as paho
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paho.mqtt.enums import CallbackAPIVersion

from fleet import packets
from fleet.errors import EncodingError

TOPICS = ["a", "application/1/device/0102030405060708/event/up", "straße/ü", "x" * 65_535]
SIZES = [0, 1, 100, 121, 122, 123, 127, 128, 129, 600, 16_377, 16_384, 70_000, 2_097_152]


class Listener:
    """Takes one connection, answers like a broker, and keeps every byte."""

    def __init__(self, wanted):
        """wanted: how many packets end it."""
        self.heard, self._wanted = b"", wanted
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self):
        taken, _ = self._server.accept()
        with taken, self._server:
            taken.settimeout(20)
            rest, count = b"", 0
            while count < self._wanted:
                data = taken.recv(1 << 16)
                assert data, "the client left too early"
                self.heard += data
                whole, rest = packets.split(rest + data)
                count += len(whole)
                for kind, body in whole:
                    if kind == 1:
                        # CONNACK, and a message for the client to acknowledge
                        taken.sendall(b"\x20\x02\x00\x00" + b"\x32\x06\x00\x01t\xab\xcdx")
                    elif kind == 3:
                        with contextlib.suppress(IndexError):
                            place = 2 + int.from_bytes(body[:2], "big")
                            taken.sendall(b"\x40\x02" + body[place : place + 2])
                    elif kind == 12:
                        taken.sendall(b"\xd0\x00")

    def join(self):
        self._thread.join(20)
        assert not self._thread.is_alive(), "the client never sent all"
        return self.heard


def test_publishes_of_every_length_are_pahos():
    """PUBLISH of QoS 0 and 1 around each border of the length's bytes, PUBACK, DISCONNECT."""
    told = [
        (topic, bytes(size), qos, retain)
        for topic, size in [*((TOPICS[1], size) for size in SIZES), *((t, 9) for t in TOPICS)]
        for qos, retain in ((1, False), (1, True))
    ]
    listener = Listener(wanted=len(told) + 3)
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id="me", clean_session=True)
    acknowledged = threading.Event()
    client.on_message = lambda *_: acknowledged.set()
    client.connect("127.0.0.1", listener.port, keepalive=60)
    client.loop_start()
    assert acknowledged.wait(20)
    for topic, payload, qos, retain in told:
        client.publish(topic, payload, qos, retain).wait_for_publish(20)
    client.disconnect()
    heard = listener.join()
    client.loop_stop()
    ours = [
        packets.publish(topic, payload, qos, retain=retain, packet_id=number)
        for number, (topic, payload, qos, retain) in enumerate(told, 1)
    ]
    expected = [packets.connect("me"), packets.puback(0xABCD), *ours, packets.DISCONNECT]
    assert heard == b"".join(expected)


@pytest.mark.parametrize(
    ("client_id", "username", "password", "keepalive_s"),
    [
        ("", None, None, 60),
        ("emscher-0", "anna", None, 5),
        ("emscher-0", "änna", "p@ss/wörd:x", 65_535),
        ("x" * 300, "", "", 0),
    ],
)
def test_a_greeting_is_pahos(client_id, username, password, keepalive_s):
    listener = Listener(wanted=3)
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=True)
    if username is not None:
        client.username_pw_set(username, password)
    connected = threading.Event()
    client.on_message = lambda *_: connected.set()
    client.connect("127.0.0.1", listener.port, keepalive=keepalive_s)
    client.loop_start()
    assert connected.wait(20)
    client.publish("t", b"plain", 0).wait_for_publish(20)
    listener.join()
    client.disconnect()
    client.loop_stop()
    greeting = packets.connect(client_id, username, password, keepalive_s)
    rest = [packets.publish("t", b"plain"), packets.puback(0xABCD)]
    assert listener.heard in {greeting + b"".join(rest), greeting + b"".join(rest[::-1])}


@settings(deadline=None)
@given(
    st.text(st.characters(exclude_characters="+#\0", exclude_categories=["Cs"]), min_size=1),
    st.binary(max_size=20_000),
)
def test_the_place_of_the_id_is_found(topic, payload):
    packet = packets.publish(topic, payload, 1, packet_id=0xBEEF)
    place = packets.id_place(packet)
    assert packet[place : place + 2] == b"\xbe\xef"
    assert packet[place + 2 :] == payload
    [(kind, body)], rest = packets.split(packet)
    assert (kind, body[2 : 2 + len(topic.encode())], rest) == (3, topic.encode(), b"")


@settings(deadline=None)
@given(st.lists(st.binary(max_size=300), max_size=8), st.integers(0, 2000))
def test_packets_are_taken_apart_wherever_they_are_cut(payloads, at):
    whole = b"".join(packets.publish("t", payload) for payload in payloads)
    first, rest = packets.split(whole[:at])
    second, left = packets.split(rest + whole[at:])
    assert [body[3:] for _, body in first + second] == payloads
    assert left == b""


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: packets.publish("a/+/b", b""), r"without \+ and #"),
        (lambda: packets.publish("", b""), "found ''"),
        (lambda: packets.publish("x" * 65_536, b""), "found 65536 bytes"),
        (lambda: packets.publish("a\0", b""), "without NUL"),
        (lambda: packets.publish("a\ud800", b""), "expected text"),
        (lambda: packets.publish("a", b"", 2), "found 2 and 0"),
        (lambda: packets.publish("a", b"", 1, packet_id=65_536), "found 1 and 65536"),
        (lambda: packets.publish("a", bytes(268_435_456)), "up to 268435455 bytes"),
        (lambda: packets.puback(0), "found 0"),
        (lambda: packets.connect("a", None, "secret"), "a user name with it"),
        (lambda: packets.connect("a", keepalive_s=70_000), "found 70000"),
        (lambda: packets.split(b"\x30\xff\xff\xff\xff\x01"), "expected MQTT"),
    ],
)
def test_what_mqtt_cannot_carry_is_refused(call, says):
    with pytest.raises(EncodingError, match=says):
        call()
