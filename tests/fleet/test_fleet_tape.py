"""Writing a recording bit by bit: nothing is overwritten, torn ends are cut, disks may be full."""

import gzip
import os

import pytest

from fleet.errors import RecordingError
from fleet.message import Message
from fleet.recording import Recording
from fleet.tape import Tape

MESSAGES = [Message(10**18 + i, f"a/{i % 4}", os.urandom(3) * 5, i % 2) for i in range(30)]
NAMES = ["a.emrec", "a.jsonl", "a.jsonl.gz"]


def _written(path, messages, **how):
    tape = Tape(path, **how)
    for at in range(0, len(messages), 7):
        tape.write(messages[at : at + 7])
    tape.write([])
    tape.close()
    assert tape.size == path.stat().st_size
    return tape.notes


@pytest.mark.parametrize("name", NAMES)
def test_a_recording_is_written_once_and_added_to_when_told(tmp_path, name):
    path = tmp_path / name
    assert _written(path, MESSAGES[:20]) == []
    before = path.read_bytes()
    with pytest.raises(RecordingError, match="found one; --append adds to it"):
        Tape(path)
    assert path.read_bytes() == before
    assert _written(path, MESSAGES[20:], append=True) == []
    assert path.read_bytes().startswith(before)
    assert list(Recording(path)) == MESSAGES


@pytest.mark.parametrize("name", NAMES)
def test_append_begins_a_file_that_is_not_there(tmp_path, name):
    assert _written(tmp_path / name, MESSAGES, append=True) == []
    assert list(Recording(tmp_path / name)) == MESSAGES


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
@pytest.mark.parametrize("cut", [1, 2, 5, 9, 30, 60])
def test_a_torn_end_of_lines_or_members_is_cut_when_appended_to(tmp_path, name, cut):
    path = tmp_path / name
    _written(path, MESSAGES)
    path.write_bytes(path.read_bytes()[:-cut])
    notes = _written(path, MESSAGES[:3], append=True)
    found = list(Recording(path))
    assert found[-3:] == MESSAGES[:3]
    kept = found[:-3]
    assert kept == MESSAGES[: len(kept)]
    assert len(kept) >= 28, "the last piece at most"
    assert ("torn and are cut off" in "".join(notes)) == (len(kept) < 30)


def test_a_member_is_cut_only_at_the_end(tmp_path):
    path = tmp_path / "a.jsonl.gz"
    _written(path, MESSAGES)
    data = bytearray(path.read_bytes())
    data[-60] ^= 255
    path.write_bytes(data)
    with pytest.raises(RecordingError, match=r"behind byte \d+: expected whole gzip data"):
        Tape(path, append=True)
    assert path.read_bytes() == data


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("notes.txt", b"", "a name that ends in"),
        ("notes.jsonl", b"shopping list\n", "line 1: expected a recording to append to"),
        ("notes.jsonl", b"shopping list", "line 1: expected a recording to append to"),
        ("notes.emrec", b"shopping list\n", "line 1: expected a recording to append to"),
        (
            "a.gz",
            gzip.compress(b"shopping list\n", mtime=0),
            "line 1: expected a recording to append to",
        ),
        ("a.gz", gzip.compress(b"x" * 1000, mtime=0)[:-5], "expected whole gzip data to append to"),
        ("a.gz", b"\x1f\x8bshopping list", "behind byte 0: expected whole gzip data"),
        ("a.parquet", b"PAR1\x00\x15PAR1", "line 1: expected a recording to append to"),
    ],
)
def test_a_file_that_is_no_recording_is_left_alone(tmp_path, name, content, says):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(RecordingError, match=says):
        Tape(path, append=True)
    assert path.read_bytes() == content


def test_a_name_that_says_no_format_makes_no_file(tmp_path):
    with pytest.raises(RecordingError, match=r"ends in \.emrec, \.jsonl, \.jsonl\.gz"):
        Tape(tmp_path / "a.txt")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(RecordingError, match="expected a file to write to"):
        Tape(tmp_path / "absent" / "a.emrec")


def test_one_tape_at_a_time(tmp_path):
    first = Tape(tmp_path / "a.emrec")
    with pytest.raises(RecordingError, match="nobody else writes to"):
        Tape(tmp_path / "a.emrec", append=True)
    first.close()
    Tape(tmp_path / "a.emrec", append=True).close()


def test_a_last_line_without_its_line_feed_is_kept(tmp_path):
    path = tmp_path / "hand.jsonl"
    path.write_text('{"time":5,"topic":"a","payload":"b"}')
    _written(path, MESSAGES[:1], append=True)
    assert list(Recording(path)) == [Message(5, "a", b"b"), MESSAGES[0]]


def test_a_full_disk_leaves_what_was_whole(tmp_path, monkeypatch):
    path = tmp_path / "a.emrec"
    tape = Tape(path)
    tape.write(MESSAGES[:10])
    before = path.read_bytes()
    real = os.pwrite

    def half(fd, data, at):
        if len(data) <= 20:
            raise OSError(28, "No space left on device")
        return real(fd, data[: len(data) // 2], at)

    monkeypatch.setattr("fleet.tape.os.pwrite", half)
    with pytest.raises(RecordingError, match="No space left on device"):
        tape.write(MESSAGES[10:])
    monkeypatch.undo()
    assert path.read_bytes() == before
    tape.write(MESSAGES[10:])
    tape.close()
    assert list(Recording(path)) == MESSAGES
