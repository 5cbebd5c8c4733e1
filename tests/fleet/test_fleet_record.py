"""Recording from a real mosquitto: every byte, every instant of death, every gap told."""

import asyncio
import random
import shutil
import signal
import subprocess
import time
from collections import defaultdict

import pytest
from fleet_mosquitto import Mosquitto, emscher, mosquitto_in, ran, until

from fleet.errors import BrokerAbsentError, RecordingError, TopicError
from fleet.message import Message
from fleet.publisher import Broker, connected, publish_all
from fleet.record import _subscribe, record
from fleet.recording import Recording
from fleet.replay import replay
from fleet.tape import Tape


@pytest.fixture
def mosquitto(tmp_path):
    with mosquitto_in(tmp_path) as broker:
        yield broker


async def _publish(broker, messages):
    async def work(client):
        await publish_all(client, iter(messages), acknowledged=lambda message: None)

    await connected(Broker(broker.host, broker.port), work)


class Taking:
    """A recording that goes on beside a test, known to be subscribed."""

    def __init__(self, broker, path, topics=("#",), **how):
        self.stop, self.told, self._tape = asyncio.Event(), [], Tape(path)
        self._to = Broker(broker.host, broker.port)
        self._topics, self._how = topics, how

    async def __aenter__(self):
        self._task = asyncio.create_task(
            record(self._to, self._topics, self._tape, stop=self.stop, progress=self._tell,
                   **self._how)
        )  # fmt: skip
        await self.until(lambda: self.told and self.told[-1][0])
        return self

    def _tell(self, heard):
        self.told.append((heard.connected, heard.messages))

    async def until(self, so, seconds=20.0):
        deadline = time.monotonic() + seconds
        while not so():
            assert time.monotonic() < deadline, self.told[-1:]
            assert not self._task.done(), self._task.exception()
            await asyncio.sleep(0.02)

    async def result(self):
        return await asyncio.wait_for(self._task, 20)

    async def __aexit__(self, *_):
        self.stop.set()
        await asyncio.gather(self._task, return_exceptions=True)
        self._tape.close()


def _mixed(count):
    rng = random.Random(7)
    return [
        Message(i * 10**6, f"tele/m{i % 9}/SENSOR" if i % 3 else f"ä/{i % 4}",
                rng.randbytes(rng.choice([0, 1, 30, 700])), i % 2)
        for i in range(count)
    ]  # fmt: skip


def _wire(messages):
    """Return (payload, retain) by topic and QoS: MQTT keeps the order only within those."""
    streams = defaultdict(list)
    for message in messages:
        streams[message.topic, message.qos].append((message.payload, message.retain))
    return streams


async def test_what_is_recorded_replayed_and_recorded_again_is_the_same(mosquitto, tmp_path):
    sent = _mixed(3_000)
    paths = [tmp_path / name for name in ("first.emrec", "again.emrec", "again.jsonl.gz")]
    async with Taking(mosquitto, paths[0], count=3_000) as taking:
        await _publish(mosquitto, sent)
        heard = await taking.result()
    assert (heard.messages, heard.retained, heard.topics) == (3_000, 0, 10)
    assert heard.payload_bytes == sum(len(message.payload) for message in sent)
    first = Recording(paths[0])
    assert _wire(first) == _wire(sent)
    times = [m.time_ns for m in first]
    assert times == sorted(times)
    assert (times[0], times[-1]) == (heard.first_ns, heard.last_ns)
    assert abs(times[-1] - time.time_ns()) < 60 * 10**9
    for path in paths[1:]:
        async with Taking(mosquitto, path, count=3_000) as taking:
            sent = await replay(first, host=mosquitto.host, port=mosquitto.port, qos=None)
            assert sent == 3_000
            await taking.result()
        assert _wire(Recording(path)) == _wire(first)


async def test_what_the_broker_had_retained_is_marked(mosquitto, tmp_path):
    await _publish(mosquitto, [Message(0, "a/kept", b"old", 1, True), Message(0, "a/gone", b"x")])
    async with Taking(mosquitto, tmp_path / "a.emrec", ["a/#"]) as taking:
        await taking.until(lambda: taking.told[-1][1] == 1)
        await _publish(
            mosquitto, [Message(0, "a/kept", b"new", 1, True), Message(0, "b", b"not asked for")]
        )
        await taking.until(lambda: taking.told[-1][1] == 2)
        taking.stop.set()
        heard = await taking.result()
    assert (heard.messages, heard.retained) == (2, 1)
    recording = Recording(tmp_path / "a.emrec")
    assert [m[1:] for m in recording] == [
        ("a/kept", b"old", 1, True), ("a/kept", b"new", 1, False),
    ]  # fmt: skip
    assert recording.retained == 1


async def test_the_time_is_that_of_the_arrival_and_never_falls(mosquitto, tmp_path):
    clock = iter([100, 90, 250])
    async with Taking(
        mosquitto, tmp_path / "a.emrec", count=3, now_ns=lambda: next(clock)
    ) as taking:
        await _publish(mosquitto, [Message(0, "a", b"%d" % i) for i in range(3)])
        await taking.result()
    assert [m.time_ns for m in Recording(tmp_path / "a.emrec")] == [100, 100, 250]


async def test_it_ends_after_its_time_or_its_count(mosquitto, tmp_path):
    waited = []

    async def sleep(seconds):
        waited.append(seconds)
        await asyncio.sleep(0.3)

    async with Taking(mosquitto, tmp_path / "a.emrec", for_s=90.0, sleep=sleep) as taking:
        await _publish(mosquitto, _mixed(5))
        assert (await taking.result()).messages == 5
    assert waited == [90.0]
    async with Taking(mosquitto, tmp_path / "b.emrec", count=7) as taking:
        await _publish(mosquitto, _mixed(20))
        assert (await taking.result()).messages == 7
    assert len(Recording(tmp_path / "b.emrec")) == 7


async def test_a_lost_broker_is_waited_for_and_the_gap_is_told(mosquitto, tmp_path):
    async with Taking(mosquitto, tmp_path / "a.emrec") as taking:
        await _publish(mosquitto, _mixed(5))
        await taking.until(lambda: taking.told[-1][1] == 5)
        mosquitto.stop()
        await taking.until(lambda: not taking.told[-1][0])
        mosquitto.start()
        await taking.until(lambda: taking.told[-1][0])
        await _publish(mosquitto, _mixed(8))
        await taking.until(lambda: taking.told[-1][1] == 13)
        taking.stop.set()
        heard = await taking.result()
    assert len(heard.gaps) == 1
    assert "after message 5: what was sent meanwhile is missing" in heard.gaps[0]
    assert len(Recording(tmp_path / "a.emrec")) == 13


async def test_a_full_disk_ends_it_with_what_was_whole(mosquitto, tmp_path):
    taking = Taking(mosquitto, tmp_path / "a.emrec")
    tape, real = taking._tape, taking._tape.write

    def write(messages):
        if messages and messages[0].payload == b"too much":
            raise RecordingError("no room")
        real(messages)

    tape.write = write
    async with taking:
        await _publish(mosquitto, [Message(0, "a", b"fits")])
        await taking.until(lambda: tape.size > 12)
        await _publish(mosquitto, [Message(0, "a", b"too much")])
        with pytest.raises(RecordingError, match="no room"):
            await taking.result()
    assert [m.payload for m in Recording(tmp_path / "a.emrec")] == [b"fits"]


async def test_no_broker_and_a_refused_topic_are_errors(tmp_path):
    broker = Mosquitto(tmp_path)
    tape = Tape(tmp_path / "a.emrec")
    with pytest.raises(BrokerAbsentError, match=r"expected an MQTT broker at .* start it"):
        await record(Broker(broker.host, broker.port), ["#"], tape)
    tape.close()


class Refusing:
    """A client whose broker refuses every subscription."""

    async def subscribe(self, topic, qos):
        return (0x80,)


async def test_a_refused_topic_is_an_error():
    with pytest.raises(TopicError, match=r"'#': expected a subscription, the broker refuses"):
        await _subscribe(Refusing(), "#")


def test_the_command_records_and_says_what_it_holds(mosquitto, tmp_path):
    url, file = f"mqtt://127.0.0.1:{mosquitto.port}", tmp_path / "a.emrec"
    for number, (sign, how) in enumerate([(signal.SIGINT, []), (signal.SIGTERM, ["--append"])]):
        process = emscher("record", "tele/#", "other/+", "-o", file, "--broker", url, *how)
        _feed_until(mosquitto, process, file, number * 100)
        process.send_signal(sign)
        said, complained = process.communicate(timeout=20)
        assert process.returncode == 0, said + complained
        assert f"{len(Recording(file)) if number == 0 else ''}" in said
        assert "messages on 1 topics, 20" in said
    assert " more messages" in said
    code, _, complained = ran("record", "#", "-o", file, "--broker", url)
    assert (code, "--append adds to it" in complained) == (1, True)
    code, said, _ = ran("record", "#", "-o", tmp_path / "b.emrec", "--broker", url, "--for", "0.3s")
    assert (code, "no messages came" in said) == (0, True), said


def _feed_until(broker, process, file, first):
    """Publish until something is in the file."""
    before = file.stat().st_size if file.exists() else 12
    with subprocess.Popen(
        ["mosquitto_pub", "-p", str(broker.port), "-t", "tele/a/SENSOR", "-q", "1", "-l"],
        stdin=subprocess.PIPE,
    ) as pub:

        def grown():
            nonlocal first
            assert process.poll() is None, process.communicate()
            pub.stdin.write(b"%d\n" % first)
            pub.stdin.flush()
            first += 1
            return file.exists() and file.stat().st_size > max(before, 12)

        until("messages are in the file", grown)
        pub.stdin.close()


@pytest.mark.parametrize("after_s", [0.0, 0.13, 0.41, 0.9, 1.7])
def test_kill_9_leaves_all_but_the_last_second(mosquitto, tmp_path, after_s):
    """A stream of numbers is cut off: what is in the file has no hole, and nearly all is there."""
    url, file = f"mqtt://127.0.0.1:{mosquitto.port}", tmp_path / "a.emrec"
    process = emscher("record", "#", "-o", file, "--broker", url)
    sent_at, number = [], 0
    assert shutil.which("mosquitto_pub")
    with subprocess.Popen(
        ["mosquitto_pub", "-p", str(mosquitto.port), "-t", "n", "-q", "1", "-l"],
        stdin=subprocess.PIPE,
    ) as pub:
        killing_at = None
        deadline = time.monotonic() + 30
        while killing_at is None or time.monotonic() < killing_at:
            assert time.monotonic() < deadline
            for _ in range(20):
                pub.stdin.write(b"%d %s\n" % (number, b"x" * 200))
                sent_at.append(time.monotonic())
                number += 1
            pub.stdin.flush()
            if killing_at is None and file.exists() and file.stat().st_size > 12:
                killing_at = time.monotonic() + after_s
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        died_at = time.monotonic()
        pub.stdin.close()
    process.communicate(timeout=10)
    recording = Recording(file)
    numbers = [int(m.payload.split()[0]) for m in recording]
    assert numbers == list(range(numbers[0], numbers[-1] + 1))
    assert died_at - sent_at[numbers[-1]] < 6, "the last second is lost; more on a busy machine"
    tape = Tape(file, append=True)
    tape.write([Message(recording.end_ns, "later", b"")])
    tape.close()
    assert len(Recording(file)) == len(numbers) + 1
    assert Recording(file).notes == []
