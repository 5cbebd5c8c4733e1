"""Packets come in any pieces, and each message comes out once, whole, in its order."""

import itertools
import socket
import struct
import threading

import pytest
from gateway_brokers import until
from hypothesis import given, settings
from hypothesis import strategies as st
from paho.mqtt.enums import MQTTErrorCode

from gateway.bulk import BulkClient, Delivery

CONNACK = b"\x20\x02\x01\x00"


def _publish(topic: bytes, payload: bytes, mid: int = 0, flags: int = 0) -> bytes:
    body = struct.pack("!H", len(topic)) + topic
    body += struct.pack("!H", mid) if mid else b""
    body += payload
    length, told = len(body), b""
    while True:
        length, digit = length >> 7, length & 127
        told += bytes([digit | (128 if length else 0)])
        if not length:
            break
    return bytes([0x30 | flags | (2 if mid else 0)]) + told + body


class _Wire:
    """A client whose socket is one end of a pair; the other end is the broker's."""

    def __init__(self):
        self.found: list[Delivery] = []
        self.room = True
        self.client = BulkClient("bulk-test", self.found.extend, lambda: self.room)
        ours, self.broker = socket.socketpair()
        ours.setblocking(False)
        self.client._sock = ours

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client._sock_close()
        self.broker.close()

    def read(self, data: bytes = b"") -> MQTTErrorCode:
        self.broker.sendall(data)
        return self.client.loop_read()


MESSAGES = st.lists(
    st.tuples(
        st.sampled_from(["a", "b/c", "ä/€", "x" * 200]),
        st.one_of(st.binary(max_size=5), st.binary(min_size=120, max_size=140)),
        st.integers(0, 3),
        st.sampled_from([0, 1, 8, 9]),
    ),
    max_size=12,
)


@settings(max_examples=150, deadline=None)
@given(messages=MESSAGES, cuts=st.lists(st.integers(0, 600), max_size=8), ping=st.booleans())
def test_however_the_bytes_are_cut_the_messages_are_the_same(messages, cuts, ping):
    """With packets of paho's own between them."""
    packets = [
        _publish(topic.encode(), payload, mid, flags if mid else flags & 1)
        for topic, payload, mid, flags in messages
    ]
    if ping:
        packets.insert(len(packets) // 2, b"\xd0\x00")
    data = b"".join(packets)
    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    with _Wire() as wire:
        wire.client._ping_t = 5.0
        for start, end in itertools.pairwise(edges):
            assert wire.read(data[start:end]) == MQTTErrorCode.MQTT_ERR_SUCCESS
        assert wire.found == [
            Delivery(topic, payload, mid, bool(mid and flags & 8), bool(flags & 1))
            for topic, payload, mid, flags in messages
        ]
        assert wire.client._ping_t == (0.0 if ping else 5.0), "paho hears of its own packets"


@pytest.mark.parametrize(
    "data",
    [
        _publish(b"t", b"x", mid=1, flags=4),  # QoS 3
        bytes([0x34]) + _publish(b"t", b"x", mid=1)[1:],  # QoS 2, which is not subscribed to
        b"\x30\x01x",  # no room for a topic's length
        b"\x30\x04\x00\x09tt",  # a topic that is longer than the packet
        b"\x32\x03\x00\x01t",  # QoS 1 without a number
        _publish(b"t", b"x", mid=1)[:5] + b"\x00\x00" + b"x",  # number 0
        b"\x30\xff\xff\xff\xff\x01",  # a length of five bytes
        b"\xf0\x00",  # no packet of MQTT 3.1.1
    ],
    ids=["qos3", "qos2", "short", "topic", "no-mid", "mid0", "length", "kind"],
)
def test_what_breaks_the_protocol_ends_the_connection(data):
    with _Wire() as wire:
        assert wire.read(data) > 0
        assert wire.found == []
        assert wire.client._sock is None


def test_a_topic_that_is_no_text_is_delivered_all_the_same():
    with _Wire() as wire:
        wire.read(_publish(b"a/\xff", b"x"))
        assert [one.topic for one in wire.found] == ["a/\ufffd"]


def test_half_a_packet_of_a_lost_connection_is_not_the_beginning_of_the_next():
    with _Wire() as wire:
        wire.read(_publish(b"t", b"lost" * 100)[:50])
        wire.broker.close()
        assert wire.client.loop_read() > 0
        ours, wire.broker = socket.socketpair()
        ours.setblocking(False)
        wire.client._sock = ours
        wire.read(_publish(b"t", b"new"))
        assert [one.payload for one in wire.found] == [b"new"]


def test_without_room_nothing_is_read_and_the_connection_is_not_taken_for_dead():
    with _Wire() as wire:
        wire.room = False
        client = wire.client
        client._ping_t = client._last_bytes_received = 1.0
        wire.read(_publish(b"t", b"x"))
        assert wire.found == []
        assert client._ping_t == 0.0
        assert client._last_bytes_received > 1.0
        wire.room = True
        wire.read()
        assert [one.payload for one in wire.found] == [b"x"]


def test_acknowledgements_are_one_write_in_their_order():
    with _Wire() as wire:
        wire.client.acknowledge([])
        wire.client.acknowledge([7, 65_535, 256])
        wire.client.loop_write()
        assert wire.broker.recv(100) == b"\x40\x02\x00\x07\x40\x02\xff\xff\x40\x02\x01\x00"


def test_paho_connects_and_subscribes_as_ever():
    """The inner names that bulk reading leans on mean what they meant."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        found: list[Delivery] = []
        client = BulkClient("bulk-test", found.extend, lambda: True)
        granted = threading.Event()
        client.on_connect = lambda *_: client.subscribe("#", 1)
        client.on_subscribe = lambda *_: granted.set()
        client.connect_async("127.0.0.1", server.getsockname()[1])
        client.loop_start()
        broker, _ = server.accept()
        with broker:
            assert broker.recv(1000)[0] == 0x10
            broker.sendall(CONNACK)
            subscribe = broker.recv(1000)
            assert subscribe[0] == 0x82
            broker.sendall(b"\x90\x03" + subscribe[2:4] + b"\x01" + _publish(b"t", b"x", mid=3))
            assert granted.wait(20)
            until("it is delivered", lambda: found)
            client.acknowledge([3])
            assert broker.recv(4) == b"\x40\x02\x00\x03"
            client.disconnect()
        client.loop_stop()
