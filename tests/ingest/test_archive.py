"""What was understood is kept as it came, whatever happens to the process or to the disk."""

import resource
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.archive import Archive
from ingest.errors import StoreUnavailable
from ingest.reading import Envelope

S = 10**9
NOON = 1_780_315_200 * S  # 2026-06-01T12:00:00Z
ALWAYS = (-(2**63), 2**63 - 1)

ENVELOPES = st.lists(
    st.builds(
        Envelope,
        st.sampled_from(["embedded", "ä\udc80"]),
        st.text(st.characters(codec=None), max_size=8),
        st.binary(max_size=40),
        st.integers(-(2**62), 2**62),
        st.booleans(),
        st.booleans(),
    ),
    max_size=6,
)


def _some(count, at_ns=NOON, size=20):
    return [Envelope("s", f"t/{k % 3}", b"%d" % k * size, at_ns + k) for k in range(count)]


def _keep(archive, *groups):
    for group in groups:
        with archive.holding(group):
            pass


def _all(archive, start_ns=ALWAYS[0], end_ns=ALWAYS[1]):
    return [one for block in archive.read(start_ns, end_ns) for one in block]


@settings(max_examples=60, deadline=None)
@given(groups=st.lists(ENVELOPES, max_size=4))
def test_whatever_came_comes_back_byte_for_byte_and_after_a_restart(tmp_path_factory, groups):
    folder = tmp_path_factory.mktemp("archive")
    archive = Archive(folder)
    _keep(archive, *groups)
    told = sorted(map(repr, (one for group in groups for one in group)))
    for each in (archive, Archive(folder)):
        assert sorted(map(repr, _all(each))) == told
        assert each.held().messages == len(told)


def test_a_span_of_receipt_is_found_and_nothing_beside_it(tmp_path):
    archive = Archive(tmp_path)
    _keep(archive, _some(5), _some(5, NOON + 3600 * S), _some(1, NOON + 600 * S))
    assert [one.received_ns for one in _all(archive, NOON + 3, NOON + 600 * S)] == [
        NOON + 3, NOON + 4,
    ]  # fmt: skip
    assert len(list(tmp_path.glob("*.emsg"))) == 3


def test_what_was_not_stored_is_not_kept(tmp_path):
    archive = Archive(tmp_path)
    _keep(archive, _some(3))
    for _ in range(5):
        with pytest.raises(StoreUnavailable), archive.holding(_some(4)):
            raise StoreUnavailable("not now")
    _keep(archive, _some(2))
    assert len(_all(archive)) == len(_all(Archive(tmp_path))) == 5


@contextmanager
def _disk_full(size):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_says_not_now_and_leaves_no_half_block(tmp_path):
    archive = Archive(tmp_path)
    _keep(archive, _some(3))
    (segment,) = tmp_path.glob("*.emsg")
    with _disk_full(segment.stat().st_size + 20), pytest.raises(StoreUnavailable, match="archive"):
        _keep(archive, _some(4))
    assert len(_all(Archive(tmp_path))) == 3
    _keep(archive, _some(2))
    assert len(_all(archive)) == len(_all(Archive(tmp_path))) == 5


@pytest.mark.parametrize("cut", [1, 30, 45])
def test_a_block_that_a_kill_cut_short_is_written_over(tmp_path, cut):
    _keep(Archive(tmp_path), _some(3), _some(4))
    (segment,) = tmp_path.glob("*.emsg")
    segment.write_bytes(segment.read_bytes()[:-cut])
    again = Archive(tmp_path)
    assert len(_all(again)) == 3
    _keep(again, _some(2))
    assert len(_all(again)) == len(_all(Archive(tmp_path))) == 5


@pytest.mark.parametrize("at", [0, 20, 41, 60])
def test_a_broken_block_is_told_and_those_around_it_are_read(tmp_path, at, capsys):
    """In its head or in its body."""
    archive = Archive(tmp_path)
    _keep(archive, _some(3), _some(4), _some(5))
    (segment,) = tmp_path.glob("*.emsg")
    second = archive._blocks[segment][1]
    raw = bytearray(segment.read_bytes())
    raw[second.at + at] ^= 0xFF
    segment.write_bytes(raw)
    assert len(_all(Archive(tmp_path))) == 8
    assert str(segment) in capsys.readouterr().out


def test_small_blocks_of_a_segment_that_is_over_are_packed_and_stay_the_same(tmp_path):
    now = [NOON]
    archive = Archive(tmp_path, now_ns=lambda: now[0])
    for k in range(200):
        _keep(archive, _some(1, NOON + k))
    before, loose = _all(archive), archive.held().bytes
    archive.tidy()
    assert archive.held().bytes == loose, "it is still being written"
    now[0] += 3600 * S
    _keep(archive, _some(1, now[0]))
    reading = archive.read(NOON, NOON + S)
    first = next(reading)
    archive.tidy()
    assert archive.held().bytes < loose / 4
    assert [*first, *(one for block in reading for one in block)] == before, "read meanwhile"
    assert _all(archive)[:-1] == _all(Archive(tmp_path))[:-1] == before


def test_messages_go_when_their_time_is_over_and_no_sooner(tmp_path):
    now = [NOON]
    archive = Archive(tmp_path, 24 * 3600 * S, now_ns=lambda: now[0])
    _keep(archive, _some(2), _some(3, NOON + 3600 * S))
    now[0] = NOON + 24 * 3600 * S
    archive.tidy()
    assert archive.held().messages == 5
    now[0] += S
    archive.tidy()
    assert archive.held() == (3, archive.held().bytes, NOON + 3600 * S)
    assert len(_all(Archive(tmp_path))) == 3


KEEP_AND_DIE = """
import sys
import time
from pathlib import Path
from ingest.archive import Archive
from ingest.reading import Envelope
archive = Archive(Path(sys.argv[1]))
for k in range(10**6):
    with archive.holding([Envelope("s", "t", b"%d" % k, k)]):
        pass
    print(k, flush=True)
"""


def test_what_returned_is_there_after_a_kill(tmp_path):
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", KEEP_AND_DIE, str(tmp_path)], stdout=subprocess.PIPE, cwd=root
    ) as child:
        lines = [child.stdout.readline() for _ in range(50)]
        child.kill()
        lines += child.stdout.readlines()
    kept = [int(line) for line in lines if line.endswith(b"\n")]
    found = [one.received_ns for one in _all(Archive(tmp_path))]
    assert found[: len(kept)] == kept
    assert len(found) <= len(kept) + 1


def test_a_folder_that_is_none_is_told(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreUnavailable, match="archive"):
        Archive(tmp_path / "file" / "messages")


def test_it_is_tidied_by_itself(tmp_path, monkeypatch):
    monkeypatch.setattr("ingest.archive._TIDY_S", 0.01)
    archive = Archive(tmp_path, S, now_ns=lambda: NOON + 3600 * S)
    _keep(archive, _some(3))
    with archive.tidied():
        deadline = time.monotonic() + 20
        while archive.held().messages:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    assert list(tmp_path.iterdir()) == []
