"""Recordings: what is written is read again, and a broken line is named."""

import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.errors import RecordingError
from fleet.message import Message
from fleet.recording import Recording, write_recording

GOOD = '{"time":"2026-03-01T12:00:00Z","topic":"tele/a/SENSOR","payload":"{}"}'
MESSAGES = [
    Message(1_772_366_400_000_000_000, "tele/a/SENSOR", '{"Zähler":1}'.encode()),
    Message(1_772_366_400_123_456_789, "tele/b/SENSOR", b"\x00\xff\xfe", 0, True),
    Message(1_772_366_401_000_000_000, "tele/c/SENSOR", b""),
]


@pytest.mark.parametrize("name", ["day.jsonl", "day.jsonl.gz", "day.gz"])
def test_what_is_written_is_read_again(tmp_path, name):
    path = tmp_path / name
    assert write_recording(path, MESSAGES) == 3
    recording = Recording(path)
    assert list(recording) == MESSAGES
    assert list(recording) == MESSAGES, "a second time"
    assert len(recording) == 3
    assert (recording.start_ns, recording.end_ns) == (MESSAGES[0].time_ns, MESSAGES[2].time_ns)


def test_gzip_is_known_by_content_and_repeats_its_bytes(tmp_path):
    zipped, again, plain = tmp_path / "a.gz", tmp_path / "b.gz", tmp_path / "c.jsonl"
    for path in (zipped, again, plain):
        write_recording(path, MESSAGES)
    assert zipped.read_bytes() == again.read_bytes()
    assert gzip.decompress(zipped.read_bytes()) == plain.read_bytes()
    misnamed = zipped.rename(tmp_path / "d.jsonl")
    assert list(Recording(misnamed)) == MESSAGES


@given(
    st.lists(
        st.builds(
            Message,
            time_ns=st.integers(-(10**18), 4 * 10**18),
            topic=st.text(
                st.characters(exclude_characters="+#\0", exclude_categories=["Cs"]),
                min_size=1,
                max_size=40,
            ),
            payload=st.binary(max_size=60),
            qos=st.sampled_from([0, 1]),
            retain=st.booleans(),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_any_message_survives(tmp_path_factory, messages):
    path = tmp_path_factory.mktemp("any") / "any.jsonl"
    write_recording(path, messages)
    assert list(Recording(path)) == messages


def test_integer_times_defaults_and_blank_lines(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('\n{"time":7,"topic":"t","payload_base64":"AP8="}\n\n')
    assert list(Recording(path)) == [Message(7, "t", b"\x00\xff", 1, False)]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{", "expected a JSON object"),
        ("[1]", "expected a JSON object"),
        ('{"time":1,"topic":"a"}', 'expected either "payload"'),
        ('{"time":1,"topic":"a","payload":{"a":1}}', "quoted text"),
        ('{"time":1,"topic":"a","payload":"x","payload_base64":"eA=="}', "expected either"),
        ('{"time":1,"topic":"a","payload_base64":"?"}', "base64"),
        ('{"topic":"a","payload":"x"}', '"time"'),
        ('{"time":1.5,"topic":"a","payload":"x"}', '"time"'),
        ('{"time":true,"topic":"a","payload":"x"}', '"time"'),
        ('{"time":"2026-03-01T12:00:00","topic":"a","payload":"x"}', "with an offset"),
        ('{"time":1,"topic":"","payload":"x"}', '"topic"'),
        ('{"time":1,"topic":"a/#","payload":"x"}', "without"),
        ('{"time":1,"topic":"a","payload":"x","qos":2}', '"qos"'),
        ('{"time":1,"topic":"a","payload":"x","qos":true}', '"qos"'),
        ('{"time":1,"topic":"a","payload":"x","retain":1}', '"retain"'),
        ('{"time":1,"topic":"a","payload":"x","QoS":1}', "QoS"),
    ],
)
def test_a_broken_line_is_named_before_anything_is_sent(tmp_path, line, says):
    path = tmp_path / "broken.jsonl"
    path.write_text(f"{GOOD}\n{line}\n")
    with pytest.raises(RecordingError, match=says) as caught:
        Recording(path)
    assert f"{path}, line 2: expected" in str(caught.value)


def test_bytes_that_are_no_text_are_an_error_of_their_line(tmp_path):
    path = tmp_path / "broken.jsonl"
    path.write_bytes(GOOD.encode() + b"\n\xff\xfe{}\n")
    with pytest.raises(RecordingError, match="line 2"):
        Recording(path)


def test_a_cut_gzip_and_an_empty_file_are_errors(tmp_path):
    whole = gzip.compress(("\n".join([GOOD] * 1000)).encode())
    path = tmp_path / "cut.gz"
    path.write_bytes(whole[:-20])
    with pytest.raises(RecordingError, match="whole file"):
        Recording(path)
    path.write_text("\n \n")
    with pytest.raises(RecordingError, match="at least one message"):
        Recording(path)


def test_a_line_is_as_documented(tmp_path):
    path = tmp_path / "a.jsonl"
    write_recording(path, MESSAGES[1:2])
    assert json.loads(path.read_text()) == {
        "time": "2026-03-01T12:00:00.123456789+00:00",
        "topic": "tele/b/SENSOR",
        "payload_base64": "AP/+",
        "qos": 0,
        "retain": True,
    }
