"""Times inside payloads, moved; and the rounds of a replay."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet import chirpstack, tasmota
from fleet.errors import RecordingError
from fleet.message import Message, rfc3339, time_ns_of
from fleet.moved import moved
from fleet.network import Heard, Identity, Uplink
from fleet.rounds import Moved, Rounds, Span, span_of

AT = time_ns_of("2026-03-01T12:00:00Z")
S = 1_000_000_000


@pytest.mark.parametrize(
    ("payload", "after", "times"),
    [
        ('{"Time":"2026-03-01T12:00:00"}', '{"Time":"2026-03-02T12:00:01"}', 1),
        ('{"t":"2026-03-01T12:00:00Z"}', '{"t":"2026-03-02T12:00:01Z"}', 1),
        ('{"t":"2026-03-01t12:00:00.123456789+01:00"}',
         '{"t":"2026-03-02t12:00:01.123456789+01:00"}', 1),
        ('["2026-03-01 11:59:59.5","2026-03-01 23:59:59Z"]',
         '["2026-03-02 12:00:00.5","2026-03-03 00:00:00Z"]', 2),
        ('{"ts":1772366400,"ts2":1772366400}', '{"ts":1772452801,"ts2":1772366400}', 1),
        ('{"ts" : 1772366400123 , "v":1}', '{"ts" : 1772452801123 , "v":1}', 1),
        ('{"timestamp":1772366400.25}', '{"timestamp":1772452801.25}', 1),
        ('{"Time":1772366400000000}', '{"Time":1772452801000000}', 1),
        ('[{"time":1772366400000000000}]', '[{"time":1772452801000000000}]', 1),
        ('{"ts":17723664001}', None, 0),
        ('{"counter":1772366400}', None, 0),
        ('{"ts":"1772366400"}', None, 0),
        ('{"built":"2019-01-01T00:00:00Z","until":"2099-01-01T00:00:00Z"}', None, 0),
        ('{"ts":1000000000}', None, 0),
        ('{"day":"2026-02-30T12:00:00Z","date":"2026-03-01"}', None, 0),
        ('{"text":"at 2026-03-01T12:00:00Z it rained"}', None, 0),
        ("", None, 0),
    ],
)  # fmt: skip
def test_what_is_known_for_a_time_is_moved_and_nothing_else(payload, after, times):
    expected = payload if after is None else after
    assert moved(payload.encode(), 86_401, AT) == (expected.encode(), times)


@given(st.binary(max_size=300), st.integers(-(10**9), 10**9))
def test_bytes_without_quotes_stay(payload, by_s):
    bare = payload.replace(b'"', b"")
    assert moved(bare, by_s, AT) == (bare, 0)


@given(
    st.integers(-300 * 86_400, 300 * 86_400), st.integers(0, S - 1), st.integers(-(10**8), 10**8)
)
def test_moving_there_and_back_gives_the_same_bytes(off_s, rest_ns, by_s):
    text = rfc3339(AT + off_s * S + rest_ns)
    payload = json.dumps({"time": text, "ts": AT // 10**6 + off_s * 1000, "v": 5}).encode()
    there, times = moved(payload, by_s, AT)
    assert times == 2
    found = json.loads(there)
    assert time_ns_of(found["time"]) == AT + (off_s + by_s) * S + rest_ns
    assert found["ts"] == AT // 10**6 + (off_s + by_s) * 1000
    assert moved(there, -by_s, AT + by_s * S) == (payload, 2)


def test_the_messages_of_the_city_are_moved():
    identity = Identity("70b3d50000000001", "a", "ELSYS ERS", "city", "rooms")
    heard = (Heard("0016c001f1500001", -80, 7.5),)
    up = chirpstack.uplink(identity, Uplink(AT, 7, 5, b"\x01\x00\xe2", 5, heard))
    later, times = moved(up.payload, 3600, AT)
    assert times == 1
    event = json.loads(up.payload)
    assert json.loads(later) == {**event, "time": "2026-03-01T13:00:00+00:00"}
    assert tasmota.topic("a") == "tele/a/SENSOR"


def _messages(*seconds):
    return [
        Message(s * S, f"t/{i}", json.dumps({"Time": rfc3339(s * S)}).encode())
        for i, s in enumerate(seconds)
    ]


def _times(messages):
    return [time_ns_of(json.loads(m.payload)["Time"]) // S for m in messages]


def _rounds(messages, speed, now_s, **how):
    now = iter(now_s)
    return Rounds(
        lambda: iter(messages), span_of(messages), speed, lambda: int(next(now) * S), **how
    )


@pytest.mark.parametrize(
    ("speed", "first_s"),
    [
        (1.0, 5000),  # the first message is of now
        (0.5, 5000),
        (2.0, 5000 - 50),  # 100 s are sent in 50 s: the last one is of the moment it is sent
        (100.0, 5000 - 99),
        (None, 5000 - 100),  # a history that ends now
    ],
)
def test_shifted_to_now_no_time_lies_in_the_future(speed, first_s):
    sent = list(_rounds(_messages(100, 130, 200), speed, [5000.7], moved=Moved()))
    assert _times(sent) == [first_s, first_s + 30, first_s + 100]
    assert [m.time_ns // S for m in sent] == [first_s, first_s + 30, first_s + 100]
    for message in sent:
        due_s = 5000.7 + (message.time_ns // S - first_s) / (speed or 1e12)
        assert message.time_ns / S <= due_s


def test_what_a_shift_did_is_counted_and_said():
    moving = Moved()
    messages = [*_messages(100, 130), Message(131 * S, "b", b"\x01\x02")]
    list(_rounds(messages, 1.0, [5000], moved=moving))
    assert (moving.messages, moving.untouched, moving.times) == (2, 1, 2)
    assert moving.sentence().startswith("2 times inside 2 payloads were moved; 1 payloads hold")


def test_a_loop_keeps_the_rhythm_and_begins_again():
    sent = iter(_rounds(_messages(0, 10, 20), 1.0, [], loop=True))
    assert [next(sent).time_ns // S for _ in range(8)] == [0, 10, 20, 30, 40, 50, 60, 70]
    one = iter(_rounds(_messages(7), None, [], loop=True))
    assert [next(one).time_ns // S for _ in range(3)] == [7, 8, 9]
    assert list(_rounds([], 1.0, [], loop=True)) == []


def test_each_round_of_a_shifted_loop_is_of_its_own_now():
    sent = iter(_rounds(_messages(0, 10, 20), 1.0, [1000, 1030, 1060], loop=True, moved=Moved()))
    assert _times([next(sent) for _ in range(7)]) == [1000, 1010, 1020, 1030, 1040, 1050, 1060]


def test_a_file_that_became_empty_does_not_spin():
    rounds = Rounds(lambda: iter(()), Span(3, 0, 5), None, lambda: 0, loop=True)
    with pytest.raises(RecordingError, match="found none"):
        list(rounds)
