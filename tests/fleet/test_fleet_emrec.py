"""The .emrec format: whole blocks are read whatever happened around them."""

import re
import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet import emrec
from fleet.errors import RecordingError
from fleet.message import Message
from fleet.recording import Recording, write_recording
from fleet.tape import Tape

MESSAGES = [
    Message(1_772_366_400_000_000_000 + i * 10**8, f"tele/m{i % 3}/SENSOR", bytes([i]) * i,
            i % 2, i % 5 == 0)
    for i in range(40)
]  # fmt: skip
BLOCKS = [MESSAGES[:10], MESSAGES[10:11], MESSAGES[11:25], MESSAGES[25:]]
WHOLE = emrec.head() + b"".join(emrec.block(some) for some in BLOCKS)
ENDS = [
    len(emrec.head()) + sum(len(emrec.block(some)) for some in BLOCKS[:count])
    for count in range(len(BLOCKS) + 1)
]
ANY = st.builds(
    Message,
    time_ns=st.integers(-(2**63), 2**63 - 1),
    topic=st.text(
        st.characters(exclude_characters="+#\0", exclude_categories=["Cs"]), min_size=1, max_size=40
    ),
    payload=st.binary(max_size=200),
    qos=st.sampled_from([0, 1]),
    retain=st.booleans(),
)


def _file(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("emrec") / "a.emrec"
    path.write_bytes(data)
    return path


@given(st.lists(st.lists(ANY, min_size=1, max_size=6), min_size=1, max_size=4))
def test_any_messages_survive_as_written(tmp_path_factory, blocks):
    path = tmp_path_factory.mktemp("any") / "a.emrec"
    tape = Tape(path)
    for some in blocks:
        tape.write(some)
    tape.close()
    messages = [message for some in blocks for message in some]
    recording = Recording(path)
    assert list(recording) == messages == list(recording)
    assert (len(recording), recording.notes) == (len(messages), [])
    assert recording.start_ns == min(message.time_ns for message in messages)
    assert recording.retained == sum(message.retain for message in messages)


def test_a_file_is_as_documented():
    """Read by the page alone: what is in docs/recordings.md, and no code of ours."""
    magic, version = struct.unpack_from("<8sI", WHOLE)
    assert (magic, version) == (b"\x89EMREC\r\n", 1)
    at, found = 12, []
    while at < len(WHOLE):
        mark, packed, unpacked, count, first, last, data_crc, crc = struct.unpack_from(
            "<4sIIIqqII", WHOLE, at
        )
        assert mark == b"\xb5EMB"
        assert crc == zlib.crc32(WHOLE[at : at + 36])
        data = WHOLE[at + 40 : at + 40 + packed]
        assert data_crc == zlib.crc32(data)
        rows, here = zlib.decompress(data), 0
        assert len(rows) == unpacked
        times = []
        for _ in range(count):
            time_ns, marks, topic, payload = struct.unpack_from("<qBHI", rows, here)
            here += 15
            name = rows[here : here + topic].decode()
            here += topic
            body = rows[here : here + payload]
            here += payload
            times.append(time_ns)
            found.append(Message(time_ns, name, body, marks & 3, bool(marks & 4)))
        assert (here, min(times), max(times)) == (unpacked, first, last)
        at += 40 + packed
    assert found == MESSAGES


@given(st.integers(0, len(WHOLE)))
@settings(deadline=None, max_examples=200)
def test_a_torn_file_loses_its_last_block_at_most_and_says_so(tmp_path_factory, cut):
    path = _file(tmp_path_factory, WHOLE[:cut])
    blocks = max((i for i, end in enumerate(ENDS) if end <= cut), default=0)
    expected = [message for some in BLOCKS[:blocks] for message in some]
    if not expected:
        with pytest.raises(RecordingError, match="at least one message, found none"):
            Recording(path)
    else:
        recording = Recording(path)
        assert list(recording) == expected
        whole = cut in ENDS
        assert len(recording.notes) == (not whole)
        if not whole:
            assert f"{cut - ENDS[blocks]} bytes at byte {ENDS[blocks]}: " in recording.notes[0]
    tape = Tape(path, append=True)
    assert len(tape.notes) == (cut not in (*ENDS, 0))
    tape.write(MESSAGES[:2])
    tape.close()
    recording = Recording(path)
    assert list(recording) == expected + MESSAGES[:2], "appended behind the last whole block"
    assert recording.notes == []


@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 255))
@settings(deadline=None)
def test_one_wrong_byte_is_told_and_costs_one_block(tmp_path_factory, at, flip):
    data = bytearray(WHOLE)
    data[at] ^= flip
    path = _file(tmp_path_factory, data)
    if at < len(emrec.head()):
        with pytest.raises(RecordingError, match=r"expected .* found"):
            Recording(path)
        return
    hurt = next(i for i, end in enumerate(ENDS) if at < end) - 1
    with pytest.raises(RecordingError) as caught:
        Recording(path)
    place = f"{ENDS[hurt + 1] - ENDS[hurt]} bytes at byte {ENDS[hurt]}: "
    assert place in str(caught.value)
    assert "--skip-damaged" in str(caught.value)
    recording = Recording(path, skip_damaged=True)
    others = [m for i, some in enumerate(BLOCKS) if i != hurt for m in some]
    assert list(recording) == others
    assert place in recording.notes[0]
    tape = Tape(path, append=True)
    tape.write(MESSAGES[:1])
    tape.close()
    assert place in tape.notes[0], "damage is told, and nothing of it is cut"
    assert list(Recording(path, skip_damaged=True)) == [*others, MESSAGES[0]]


@given(
    st.lists(st.tuples(st.integers(12, len(WHOLE)), st.binary(max_size=60)), max_size=4),
    st.integers(0, 400),
)
@settings(deadline=None)
def test_any_mess_is_told_or_read_and_never_invented(tmp_path_factory, mess, cut):
    data = bytearray(WHOLE)
    for at, junk in mess:
        data[at : at + len(junk)] = junk
    path = _file(tmp_path_factory, data[: len(data) - min(cut, len(data) - 12)])
    try:
        recording = Recording(path, skip_damaged=True)
    except RecordingError as error:
        assert re.search("expected at least one message, found none", str(error))  # noqa: PT017
        return
    assert [message for message in recording if message not in MESSAGES] == []
    if len(recording) < len(MESSAGES) and len(recording) not in (10, 11, 25):
        assert recording.notes, "what is missing between blocks is told"


def _block_of(rows, **other):
    packed = other.get("packed", zlib.compress(rows))
    header = struct.pack(
        "<4sIIIqqI", b"\xb5EMB", len(packed), other.get("unpacked", len(rows)),
        other.get("count", 1), 0, 0, zlib.crc32(packed),
    )  # fmt: skip
    return emrec.head() + header + struct.pack("<I", zlib.crc32(header)) + packed


ROW = struct.pack("<qBHI", 5, 1, 1, 2) + b"tab"


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (_block_of(ROW, packed=b"no zlib"), "expected zlib data"),
        (_block_of(ROW, unpacked=7), "expected 7 bytes of rows"),
        (_block_of(ROW, unpacked=70), "expected 70 bytes of rows"),
        (_block_of(ROW, count=2), "expected 2 rows, found their end"),
        (_block_of(ROW + b"x"), "1 rows and no more, found 1 bytes"),
        (_block_of(struct.pack("<qBHI", 5, 1, 1, 9) + b"tab"), "a row with a topic"),
        (_block_of(struct.pack("<qBHI", 5, 1, 0, 2) + b"ab"), "a row with a topic"),
        (_block_of(struct.pack("<qBHI", 5, 1, 1, 2) + b"#ab"), "without wildcards"),
        (_block_of(struct.pack("<qBHI", 5, 1, 1, 2) + b"\xffab"), "a topic in UTF-8"),
        (_block_of(struct.pack("<qBHI", 5, 2, 1, 2) + b"tab"), "QoS 0 or 1"),
        (_block_of(struct.pack("<qBHI", 5, 9, 1, 2) + b"tab"), "QoS 0 or 1"),
    ],
)
def test_a_false_writer_is_named_with_the_block(tmp_path, data, says):
    path = tmp_path / "false.emrec"
    path.write_bytes(data)
    with pytest.raises(RecordingError, match=says) as caught:
        Recording(path)
    assert "block at byte 12" in str(caught.value)


def test_a_bomb_is_not_unpacked(tmp_path):
    path = tmp_path / "bomb.emrec"
    path.write_bytes(_block_of(ROW, packed=zlib.compress(bytes(50_000_000))))
    with pytest.raises(RecordingError, match=f"expected {len(ROW)} bytes of rows"):
        Recording(path)


def test_another_version_and_another_file_are_refused(tmp_path):
    path = tmp_path / "next.emrec"
    path.write_bytes(emrec.MAGIC + struct.pack("<I", 2) + WHOLE[12:])
    with pytest.raises(RecordingError, match="expected version 1 of the format, found 2"):
        Recording(path)
    with pytest.raises(RecordingError, match="expected version 1 of the format, found 2"):
        Tape(path, append=True)


@pytest.mark.parametrize(
    ("message", "says"),
    [
        (Message(2**63, "a", b""), "64 bits"),
        (Message(0, "a", b"", 2), "QoS 0 or 1"),
        (Message(0, "", b""), "a topic of 1 to 65535 bytes"),
        (Message(0, "a/#", b""), "without"),
        (Message(0, "ä" * 32_768, b""), "a topic of 1 to 65535 bytes"),
    ],
)
def test_what_the_format_cannot_carry_is_refused(message, says):
    with pytest.raises(RecordingError, match=says):
        emrec.block([message])


def test_an_empty_block_is_refused():
    with pytest.raises(RecordingError, match="at least one message"):
        emrec.block([])


def test_write_recording_goes_by_the_name(tmp_path):
    path, lines = tmp_path / "a.emrec", tmp_path / "a.jsonl"
    many = MESSAGES * 300
    assert write_recording(path, many) == write_recording(lines, iter(many)) == 12_000
    assert list(Recording(path)) == list(Recording(lines)) == many
    assert path.stat().st_size < lines.stat().st_size / 20
