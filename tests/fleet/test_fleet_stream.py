"""A stream through a real mosquitto: order, pace, acknowledgement, absence, and a stop."""

import asyncio
import signal
import time

import pytest
from fleet_brokers import SECOND_NS, hearing, mosquitto, numbers, stopping, stream, until

from fleet.broker import Broker
from fleet.errors import BrokerLostError, RecordingError
from fleet.message import Message
from fleet.sending import device_of, share_of
from fleet.stream import publish_stream


class Clock:
    """A clock that stands still but for sleeps, and may jump in one of them."""

    def __init__(self, jump=None):
        """jump: (which sleep, seconds that it takes longer)."""
        self.now_s, self.sleeps_s, self._jump = 100.0, [], jump

    def __call__(self):
        return self.now_s

    async def sleep(self, seconds):
        for _ in range(10):  # what was given out before goes out before
            await asyncio.sleep(0)
        self.sleeps_s.append(seconds)
        self.now_s += seconds
        if self._jump is not None and len(self.sleeps_s) == self._jump[0]:
            self.now_s += self._jump[1]


@pytest.fixture
def broker(tmp_path):
    """A mosquitto; `.at` is where it listens."""
    with mosquitto(tmp_path) as started:
        started.at = Broker("127.0.0.1", started.port)
        yield started


@pytest.mark.parametrize("clients", [1, 4, 40])
@pytest.mark.parametrize("qos", [0, 1])
async def test_everything_arrives_once_and_each_device_in_order(broker, clients, qos):
    messages = stream(2_000, devices=31)
    with hearing(broker.port) as heard:
        sent = await publish_stream(broker.at, iter(messages), clients=clients, qos=qos)
        await until(lambda: len(heard) >= 2_000)
    assert (sent.acknowledged, sent.unacknowledged, sent.reconnects) == (2_000, 0, 0)
    assert sent.seconds > 0
    assert numbers(heard) == numbers((m.topic, m.payload) for m in messages)


async def test_one_client_keeps_the_order_of_all(broker):
    messages = stream(500)
    with hearing(broker.port) as heard:
        await publish_stream(broker.at, iter(messages))
        await until(lambda: len(heard) >= 500)
    assert [int(payload) for _, payload in heard] == list(range(500))


@pytest.mark.parametrize("speed", [1.0, 60.0])
async def test_the_rhythm_is_that_of_the_messages(broker, speed):
    clock = Clock()
    messages = [Message(t * SECOND_NS, "tele/a/SENSOR", b"{}") for t in (5, 6, 6, 4, 9)]
    sent = await publish_stream(
        broker.at, iter(messages), speed=speed, clock=clock, sleep=clock.sleep
    )
    assert sent.acknowledged == 5
    assert clock.sleeps_s == pytest.approx([1 / speed, 3 / speed])
    assert sent.lag_s == pytest.approx(2 / speed), "the message of t=4 came after that of t=6"


async def test_the_rate_is_kept_whatever_the_times(broker):
    clock = Clock()
    sent = await publish_stream(
        broker.at, iter(stream(50, step_ns=0)), rate=10.0, clock=clock, sleep=clock.sleep
    )
    assert sent.acknowledged == 50
    assert clock.sleeps_s == pytest.approx([0.1] * 49)


async def test_a_lag_is_told_and_caught_up(broker):
    """The third sleep takes 5 s too long: five messages are sent at once, the first 5 s late."""
    clock, told = Clock(jump=(3, 5.0)), []
    sent = await publish_stream(
        broker.at,
        iter(stream(12)),
        speed=1.0,
        clock=clock,
        sleep=clock.sleep,
        progress=told.append,
    )
    assert sent.lag_s == pytest.approx(5.0)
    assert clock.sleeps_s == pytest.approx([1.0] * 6)
    assert told[-1].acknowledged == 12
    assert told[-1].time_ns == 11 * SECOND_NS
    assert told[-1].lag_s == pytest.approx(0.0)


async def test_a_broker_that_stands_still_shows_as_lag(broker):
    told = []

    def note(progress):
        told.append(progress)
        if len(told) == 2:
            broker.signal(signal.SIGSTOP)
        elif len(told) == 12:
            broker.signal(signal.SIGCONT)

    sent = await publish_stream(broker.at, iter(stream(2_000)), rate=1_000.0, progress=note)
    assert sent.acknowledged == 2_000
    assert max(progress.lag_s for progress in told) > 0.3
    assert max(progress.unacknowledged for progress in told) >= 128


async def test_a_broker_that_goes_and_comes_back_loses_nothing(broker):
    """Each device's messages come in order, but for those that come twice."""
    messages, told = stream(3_000, devices=13), []
    is_back = asyncio.Event()

    async def absence():
        await until(lambda: told and told[-1].acknowledged > 300)
        await asyncio.to_thread(broker.stop)
        await until(lambda: told[-1].waiting)
        await asyncio.sleep(0.5)
        await asyncio.to_thread(broker.start)
        is_back.set()

    away = asyncio.create_task(absence())
    with hearing(broker.port) as heard:
        sent = await publish_stream(
            broker.at,
            iter(messages),
            clients=3,
            rate=1_500.0,
            keep_on=True,
            progress=told.append,
        )
        await away
        await until(lambda: len({payload for _, payload in heard}) == 3_000)
    assert (sent.acknowledged, sent.unacknowledged) == (3_000, 0)
    assert sent.reconnects == 3
    assert any("broke" in progress.waiting or "found" in progress.waiting for progress in told)
    for topic, found in numbers(heard).items():
        first = list(dict.fromkeys(found))
        assert first == sorted(first), topic


async def test_a_broker_that_dies_is_reported_with_the_count(broker):
    told = []

    async def death():
        await until(lambda: told and told[-1].acknowledged > 100)
        await asyncio.to_thread(broker.stop)

    dying = asyncio.create_task(death())
    with pytest.raises(BrokerLostError, match=r"broke.*; \d{3,} messages were acknowledged"):
        await publish_stream(
            broker.at, iter(stream(100_000)), rate=1_000.0, progress=told.append, clients=2
        )
    await dying


@pytest.mark.parametrize(("clients", "pace"), [(1, {}), (3, {}), (3, {"rate": 800.0})])
async def test_a_stop_is_prompt_and_the_count_exact(broker, clients, pace):
    stop = asyncio.Event()
    with hearing(broker.port) as heard:
        sent = await publish_stream(
            broker.at,
            iter(stream(100_000)),
            clients=clients,
            stop=stop,
            progress=stopping(stop, 100),
            **pace,
        )
        await until(lambda: len(heard) >= sent.acknowledged)
        await asyncio.sleep(0.2)
        assert 100 <= sent.acknowledged < 100_000
        assert sent.unacknowledged == 0
        assert len(heard) == sent.acknowledged
    for found in numbers(heard).values():
        assert found == list(range(found[0], found[0] + 7 * len(found), 7))


async def test_a_stop_ends_a_long_wait_for_the_next_message(broker):
    stop = asyncio.Event()
    began_s = time.monotonic()
    messages = stream(10, step_ns=3600 * SECOND_NS)
    sent = await publish_stream(
        broker.at, iter(messages), speed=1.0, stop=stop, progress=stopping(stop, 1)
    )
    assert (sent.acknowledged, sent.unacknowledged) == (1, 0)
    assert time.monotonic() - began_s < 15


async def test_a_stop_ends_the_wait_for_a_broker_that_is_gone(broker):
    stop, told = asyncio.Event(), []

    async def death():
        await until(lambda: told and told[-1].acknowledged > 50)
        await asyncio.to_thread(broker.stop)
        await until(lambda: told[-1].waiting)
        stop.set()

    dying = asyncio.create_task(death())
    sent = await publish_stream(
        broker.at,
        iter(stream(100_000)),
        rate=500.0,
        keep_on=True,
        stop=stop,
        progress=told.append,
    )
    await dying
    assert sent.acknowledged > 50
    assert sent.reconnects == 0


async def test_a_fault_of_the_source_is_not_taken_for_the_brokers(broker):
    def faulty():
        yield from stream(3)
        raise RecordingError("line 4")

    with pytest.raises(RecordingError, match="line 4"):
        await publish_stream(broker.at, faulty(), keep_on=True)


@pytest.mark.parametrize(
    "wrong",
    [{"speed": 0}, {"rate": -1}, {"speed": float("inf")}, {"qos": 2}, {"clients": 0},
     {"speed": 1, "rate": 1}],
)  # fmt: skip
async def test_senseless_numbers_are_refused_before_connecting(wrong):
    with pytest.raises(ValueError, match="expected"):
        await publish_stream(Broker("127.0.0.1", 1), iter(stream(1)), **wrong)


@pytest.mark.parametrize(
    ("device", "topics"),
    [
        ("application/a-1/device/0102", ["event/up", "event/join", "event/status"]),
        ("v3/app@tenant/devices/eui-01", ["up", "join", "down/queued"]),
        ("haus/keller", ["events/rpc", "status/em:0", "online"]),
        ("vzlogger/house-1", ["chn0/raw", "chn12/id"]),
        ("p1/house-1", ["telegram"]),
    ],
)
def test_all_topics_of_a_device_go_together(device, topics):
    assert {device_of(f"{device}/{topic}") for topic in topics} == {device}


def test_devices_are_told_apart():
    tasmota = {device_of(f"{prefix}/a/{what}") for prefix in ("tele", "stat") for what in "xy"}
    assert tasmota == {"a"}
    assert device_of("sml/house-1") == "sml/house-1"
    shares = [share_of(f"tele/house-{number}/SENSOR") % 4 for number in range(1_000)]
    assert min(shares.count(client) for client in range(4)) > 200
    assert share_of("tele/house-1/SENSOR") == 2881967008  # zlib.crc32(b"house-1")
