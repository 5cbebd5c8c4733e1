"""Replay through a real nats-server: order, rhythm, acknowledgement, loss."""

import asyncio
import socket
import time
from pathlib import Path

import pytest

from fleet.errors import BrokerAbsentError, BrokerLostError, RecordingError, TableError
from fleet.message import Message
from fleet.recording import Recording, write_recording
from fleet.replay import ReplayOptions, open_replay, replay
from fleet.rounds import Moved
from fleet.topics import TopicMap

HOUSE = Path(__file__).parents[1] / "vectors" / "household_pv_30min.csv.gz"
SECOND_NS = 1_000_000_000


def _stream(count, step_ns=SECOND_NS):
    return [Message(i * step_ns, f"tele/m{i % 7}/SENSOR", str(i).encode()) for i in range(count)]


class Clock:
    """A clock that stands still but for sleeps."""

    def __init__(self):
        self.now_s, self.sleeps_s = 100.0, []

    def __call__(self):
        return self.now_s

    async def sleep(self, seconds):
        self.sleeps_s.append(seconds)
        self.now_s += seconds
        await asyncio.sleep(0)


async def test_everything_arrives_once_and_in_order(nats, listening, until):
    messages = _stream(3_000)
    told = []
    async with listening(nats) as heard:
        sent = await replay(
            messages, host=nats.host, port=nats.port, progress=lambda *facts: told.append(facts)
        )
        await until(lambda: len(heard) >= 3_000)
    assert sent == 3_000
    assert [payload for _, payload in heard] == [message.payload for message in messages]
    assert [topic for topic, _ in heard[:7]] == [message.topic for message in messages[:7]]
    assert told[-1] == (3_000, 3_000, 2_999 * SECOND_NS)
    assert [facts[0] for facts in told] == sorted(facts[0] for facts in told)


@pytest.mark.parametrize("speed", [1.0, 60.0])
async def test_the_rhythm_is_kept_at_any_speed(nats, speed):
    clock = Clock()
    messages = [Message(t * SECOND_NS, "tele/a/SENSOR", b"{}") for t in (5, 6, 6, 4, 9)]
    sent = await replay(
        messages, host=nats.host, port=nats.port, speed=speed, clock=clock, sleep=clock.sleep
    )
    assert sent == 5
    assert clock.sleeps_s == pytest.approx([1 / speed, 3 / speed])


async def test_a_window_of_time_can_be_replayed(nats, listening, until):
    told = []
    async with listening(nats) as heard:
        sent = await replay(
            _stream(100),
            host=nats.host,
            port=nats.port,
            start_ns=10 * SECOND_NS,
            end_ns=20 * SECOND_NS,
            qos=0,
            progress=lambda *facts: told.append(facts),
        )
        await until(lambda: len(heard) == 10)
    assert sent == 10
    assert [payload for _, payload in heard] == [str(i).encode() for i in range(10, 20)]
    assert told[-1] == (10, 10, 19 * SECOND_NS)


async def test_stop_ends_a_slow_replay_at_once(nats):
    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(0.2, stop.set)
    began_s = time.monotonic()
    sent = await replay(
        _stream(10, step_ns=3600 * SECOND_NS), host=nats.host, port=nats.port, speed=1.0, stop=stop
    )
    assert sent == 1
    assert time.monotonic() - began_s < 3


async def test_stop_ends_a_fast_replay_with_its_count(nats, listening, until):
    stop = asyncio.Event()

    def endless():
        for message in _stream(100_000, step_ns=1):
            if message.time_ns == 2_000:
                stop.set()
            yield message

    async with listening(nats) as heard:
        sent = await replay(endless(), host=nats.host, port=nats.port, stop=stop)
        await until(lambda: len(heard) == sent)
    assert sent == 2_000


async def test_an_absent_broker_is_named_with_what_to_do():
    with socket.socket() as taken:  # bound, but it does not listen
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(BrokerAbsentError, match=rf"127\.0\.0\.1:{port}.*found: .*start it"):
            await replay(_stream(1), host="127.0.0.1", port=port)


async def test_a_broker_that_dies_is_reported_at_once_with_the_count(nats):
    def killing():
        for message in _stream(100_000, step_ns=1):
            if message.time_ns == 1_000:
                nats.stop()
            yield message

    began_s = time.monotonic()
    with pytest.raises(BrokerLostError, match=r"\d+ of the messages were acknowledged"):
        await replay(killing(), host=nats.host, port=nats.port)
    assert time.monotonic() - began_s < 10


@pytest.mark.parametrize(
    "wrong", [{"speed": 0}, {"speed": -1}, {"speed": float("inf")}, {"qos": 2}]
)
async def test_senseless_options_are_refused_before_connecting(wrong):
    with pytest.raises(ValueError, match="expected"):
        await replay(_stream(1), host="127.0.0.1", port=1, **wrong)


async def test_a_fault_of_the_source_is_not_taken_for_the_brokers(nats):
    def faulty():
        yield from _stream(3)
        raise RecordingError("line 4")

    with pytest.raises(RecordingError, match="line 4"):
        await replay(faulty(), host=nats.host, port=nats.port)


async def test_a_table_goes_through_the_broker(nats, listening, until):
    stream = open_replay(HOUSE, ReplayOptions(tz="+10:00", device="haus"))
    async with listening(nats) as heard:
        sent = await replay(
            stream, host=nats.host, port=nats.port, end_ns=stream.messages[50].time_ns
        )
        await until(lambda: len(heard) == 50)
    assert sent == 50
    assert heard[0][0] == "tele/haus/SENSOR"


def test_content_tells_recording_from_table(tmp_path):
    recording = tmp_path / "table.csv"
    write_recording(recording, _stream(3))
    opened = open_replay(recording)
    assert isinstance(opened.messages, Recording)
    assert (opened.kind, len(opened), list(opened)) == ("recording", 3, _stream(3))
    table = tmp_path / "recording.jsonl"
    table.write_bytes(HOUSE.read_bytes())
    opened = open_replay(table, ReplayOptions(tz="+10:00"))
    assert (opened.kind, len(opened)) == ("table", 17_569)
    assert "'recording', 17569 readings" in opened.notes[0]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "found ''"),
        (b"[1,2]", r"found '\[1,2\]'"),
        (b"<html>,</html>", "expected a recording .* or a table"),
        (b"hello\n", "found 'hello'"),
        (b"\x89PNG\r\n\x1a\n\xff\xd8", "UTF-8"),
        (b"\x1f\x8bnot gzip", "can be read"),
    ],
)
def test_what_is_neither_is_refused_with_what_was_found(tmp_path, content, says):
    path = tmp_path / "what.is"
    path.write_bytes(content)
    with pytest.raises(RecordingError, match=says):
        open_replay(path)


def test_a_missing_file_and_a_missing_zone_say_so(tmp_path):
    with pytest.raises(RecordingError, match="expected a file, found none"):
        open_replay(tmp_path / "absent.csv")
    with pytest.raises(TableError, match="say the zone"):
        open_replay(HOUSE)


async def test_other_topics_a_shift_and_no_retain(nats, listening, until):
    payload = b'{"Time":"1970-01-01T00:00:05"}'
    messages = [
        Message(5 * SECOND_NS, "old/a", payload, 0, True),
        Message(6 * SECOND_NS, "b", b"", 1, True),
    ]
    moved = Moved()
    async with listening(nats) as heard:
        await replay(
            messages,
            host=nats.host,
            port=nats.port,
            qos=None,
            topics=TopicMap(["old/# = new/#"]),
            shift=moved,
            keep_retain=False,
            now_ns=lambda: 1_000_000 * SECOND_NS,
        )
        await until(lambda: len(heard) == 2)
    assert sorted(heard) == [("b", b""), ("new/a", b'{"Time":"1970-01-12T13:46:39"}')]
    assert (moved.times, moved.untouched) == (1, 1)
    async with listening(nats) as heard:
        await replay(_stream(1), host=nats.host, port=nats.port)
        await until(lambda: len(heard) == 1)
    assert heard[0][1] == b"0", "nothing was retained"


async def test_a_loop_goes_on_in_the_rhythm_until_it_is_stopped(nats, listening, until):
    clock, stop = Clock(), asyncio.Event()
    totals = []

    def told(sent, total, time_ns):
        totals.append(total)
        if sent >= 10:
            stop.set()

    messages = [Message(t * SECOND_NS, "tele/a/SENSOR", b"%d" % t) for t in (0, 10, 20)]
    async with listening(nats) as heard:
        sent = await replay(
            messages, host=nats.host, port=nats.port, speed=1.0, clock=clock, sleep=clock.sleep,
            loop=True, stop=stop, progress=told,
        )  # fmt: skip
        await until(lambda: len(heard) == sent)
    assert sent >= 10
    assert [payload for _, payload in heard[:7]] == [b"0", b"10", b"20", b"0", b"10", b"20", b"0"]
    assert clock.sleeps_s[:9] == pytest.approx([10.0] * 9)
    assert set(totals) == {None}


async def test_a_loop_needs_messages_that_can_be_read_again():
    with pytest.raises(ValueError, match="found an iterator"):
        await replay(iter(_stream(2)), host="127.0.0.1", port=1, loop=True)


def test_an_emrec_is_told_with_its_span_its_retained_and_its_torn_end(tmp_path):
    path = tmp_path / "a.emrec"
    write_recording(path, [*_stream(3), Message(5 * SECOND_NS, "a", b"", 1, True)])
    path.write_bytes(path.read_bytes() + b"torn")
    opened = open_replay(path)
    assert (opened.kind, len(opened)) == ("recording", 4)
    assert opened.notes[0] == (
        "a recording of 4 messages, 1970-01-01T00:00:00+00:00 to 1970-01-01T00:00:05+00:00"
    )
    assert opened.notes[1].startswith("1 of them were retained")
    assert "4 bytes at byte" in opened.notes[2]
    assert "torn" in opened.notes[2]
