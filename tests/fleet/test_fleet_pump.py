"""The pump: packets made before, ids patched in, acknowledgements read in bulk."""

import asyncio
from functools import lru_cache

import pytest
from fleet_brokers import hearing, mosquitto, numbers, stopping, stream, until
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet import packets
from fleet.broker import Broker
from fleet.errors import BrokerLostError, EncodingError
from fleet.message import Message
from fleet.pump import prepare, pump
from fleet.pump_socket import PumpSocket
from fleet.recording import Recording, write_recording
from fleet.sending import share_of


@pytest.fixture
def broker(tmp_path):
    """A mosquitto; `.at` is where it listens."""
    with mosquitto(tmp_path) as started:
        started.at = Broker("127.0.0.1", started.port)
        yield started


@pytest.mark.parametrize(
    ("clients", "qos", "window"),
    [(1, 0, 100), (1, 1, 1), (5, 1, 100), (5, 0, 9), (3, None, 65_535)],
)
async def test_everything_arrives_once_and_each_device_in_order(broker, clients, qos, window):
    messages = [m._replace(qos=i % 2) for i, m in enumerate(stream(3_000, devices=40))]
    with hearing(broker.port) as heard:
        sent = await pump(broker.at, messages, clients=clients, qos=qos, window=window)
        await until(lambda: len(heard) >= 3_000)
    assert (sent.acknowledged, sent.unacknowledged) == (3_000, 0)
    assert numbers(heard) == numbers((m.topic, m.payload) for m in messages)


async def test_ids_begin_again_after_65535(broker):
    ready = prepare(stream(70_000))
    with hearing(broker.port) as heard:
        sent = await pump(broker.at, ready, window=65_535)
        await until(lambda: len(heard) >= 70_000, seconds=60)
    assert sent.acknowledged == 70_000
    assert [int(payload) for _, payload in heard] == list(range(70_000))


async def test_a_recording_can_be_pumped(broker, tmp_path):
    path = tmp_path / "city.jsonl.gz"
    write_recording(path, stream(300))
    with hearing(broker.port) as heard:
        assert (await pump(broker.at, prepare(Recording(path)))).acknowledged == 300
        await until(lambda: len(heard) >= 300)


@pytest.mark.parametrize("qos", [0, 1])
@pytest.mark.parametrize("rate", [None, 2_000.0])
async def test_a_stop_ends_repeating_with_an_exact_count(broker, qos, rate):
    """QoS 0 is known to have arrived at the end only, so that a clock must stop it."""
    stop = asyncio.Event()
    if qos == 0:
        asyncio.get_running_loop().call_later(0.8, stop.set)
    with hearing(broker.port) as heard:
        sent = await pump(
            broker.at,
            stream(70),
            clients=2,
            qos=qos,
            repeat=True,
            rate=rate,
            stop=stop,
            progress=stopping(stop, 100),
        )
        await until(lambda: len(heard) >= sent.acknowledged, seconds=60)
        await asyncio.sleep(0.1)
        assert len(heard) == sent.acknowledged
    assert sent.unacknowledged == 0
    assert sent.acknowledged >= (100 if qos else 1)
    if rate is not None:
        assert sent.acknowledged <= rate * sent.seconds + 2


async def test_a_rate_is_kept(broker):
    told = []
    sent = await pump(broker.at, stream(600), clients=2, rate=1_000.0, progress=told.append)
    assert sent.acknowledged == told[-1].acknowledged == 600
    assert 0.55 < sent.seconds < 5


async def test_a_broker_that_dies_is_reported_with_the_count(broker):
    told, stop = [], asyncio.Event()

    async def death():
        await until(lambda: told and told[-1].acknowledged > 100)
        await asyncio.to_thread(broker.stop)

    dying = asyncio.create_task(death())
    with pytest.raises(BrokerLostError, match=r"broke.*; \d{3,} messages were acknowledged"):
        await pump(
            broker.at,
            stream(1_000),
            repeat=True,
            rate=3_000.0,
            clients=2,
            stop=stop,
            progress=told.append,
        )
    await dying


async def test_senseless_wishes_are_refused_before_connecting():
    nowhere = Broker("127.0.0.1", 1)
    for wrong in (
        {"clients": 0}, {"window": 0}, {"window": 65_536}, {"rate": 0.0}, {"repeat": True},
        {"qos": 0},
    ):  # fmt: skip
        with pytest.raises(ValueError, match="expected"):
            await pump(nowhere, prepare(stream(2)), **wrong)
    with pytest.raises(EncodingError, match="without"):
        await pump(nowhere, [Message(0, "a/#", b"")])


@given(
    st.lists(
        st.tuples(st.integers(0, 30), st.integers(0, 1), st.binary(max_size=400)), max_size=60
    ),
    st.integers(1, 5),
)
def test_each_client_gets_the_packets_of_its_devices(rows, clients):
    messages = [Message(0, f"tele/m{device}/SENSOR", body, qos) for device, qos, body in rows]
    ready = prepare(messages)
    assert len(ready) == len(messages)
    for number in range(clients):
        part = ready.of_client(number, clients)
        own = [m for m in messages if share_of(m.topic) % clients == number]
        made = [packets.publish(m.topic, m.payload, m.qos) for m in own]
        assert part.blob == b"".join(made)
        cuts = [part.blob[a:b] for a, b in zip(part.starts, part.starts[1:], strict=False)]
        assert cuts == made
        places = [
            at + packets.id_place(packet) if m.qos else -1
            for m, packet, at in zip(own, made, part.starts.tolist(), strict=False)
        ]
        assert part.ids.tolist() == places


class Wire:
    """A transport that keeps what is written."""

    def __init__(self):
        self.written, self.is_aborted = b"", False

    def set_write_buffer_limits(self, high):
        """Take note of nothing."""

    def write(self, data):
        self.written += bytes(data)

    def abort(self):
        self.is_aborted = True


_prepared = lru_cache(lambda count: prepare(stream(count)))


def _sent(count, window=65_535, before=0):
    """Return a socket that has sent so many messages, and the ids that they got."""
    one, wire = PumpSocket(window), Wire()
    one.connection_made(wire)
    for size in (before, count):
        ready = _prepared(size)
        one.send(bytearray(ready.blob), ready.ids)
        if size == before:
            one.data_received(b"".join(packets.puback(i % 65_535 + 1) for i in range(size)))
            wire.written = b""
    return one, _ids(wire.written)


def _ids(written):
    whole, rest = packets.split(written)
    assert rest == b""
    return [int.from_bytes(b[2 + b[1] : 4 + b[1]], "big") for _, b in whole]


@pytest.mark.parametrize("before", [0, 65_530])
@settings(deadline=None, max_examples=20)
@given(data=st.data())
def test_acknowledgements_may_come_in_any_order_and_pieces(before, data):
    """Also twice, also with an answer to a ping between them; each counts once."""

    async def run():
        one, ids = _sent(40, before=before)
        assert ids == [(before + i) % 65_535 + 1 for i in range(40)]
        order = data.draw(st.permutations(ids + ids[:5]))
        told = [packets.puback(number) for number in order]
        told.insert(data.draw(st.integers(0, len(told))), b"\xd0\x00")
        stream_ = b"".join(told)
        while stream_:
            size = data.draw(st.integers(1, 60))
            one.data_received(stream_[:size])
            stream_ = stream_[size:]
        assert one.acknowledged == before + 40
        assert (one.unacknowledged, one.room, one.is_flushed) == (0, 65_535, True)

    asyncio.run(run())


async def test_the_oldest_open_message_holds_the_window():
    one, ids = _sent(40, window=50)
    assert one.room == 10
    one.data_received(b"".join(map(packets.puback, ids[1:])))
    assert (one.acknowledged, one.unacknowledged, one.room) == (39, 1, 10)
    one.data_received(packets.puback(ids[0]))
    assert (one.acknowledged, one.room) == (40, 50)
    one.data_received(packets.puback(ids[3]) + packets.puback(7_777))
    assert (one.acknowledged, one.room) == (40, 50)


async def test_what_is_no_answer_ends_the_connection():
    one, _ = _sent(3)
    one.data_received(packets.publish("a", b"b"))
    assert one.transport.is_aborted
    with pytest.raises(EncodingError, match="expected PUBACK"):
        await one.change()
