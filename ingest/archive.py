"""The archive: every message that was understood, as it came, so that it can be read again.

A segment is a file for ten minutes of receipt, `20261126T1230.emsg`: a row of blocks, one for each
group commit, and each of them is on disk before the commit that it belongs to. So whatever is
stored has its message here. The other way round a kill may leave a message here whose commit never
came about: its broker sends it again, and then it is here twice, which does no harm.
ingest/segment.py says how a block is written.

Blocks of single messages compress badly, so a segment that is over is packed anew, many messages to
a block. What is broken (a bad disk) is told and passed over; the blocks around it are read.
"""

import os
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import structlog
import zstandard

from ingest.errors import StoreUnavailable
from ingest.reading import Envelope
from ingest.segment import (
    HEAD_BYTES,
    Place,
    end_of,
    gathered,
    is_loose,
    looked_through,
    packed,
    told,
)

SEGMENT_S = 600
_SECOND_NS = 1_000_000_000
_NAME = re.compile(r"\d{8}T\d{4}\.emsg")
_WRITTEN_LEVEL, _PACKED_LEVEL = 1, 9
_LAST_S = 9_000_000_000  # 2255: what a name can tell, whatever a receipt says
_TIDY_S = 60.0

log = structlog.get_logger("emscher.ingest")


class Held(NamedTuple):
    """What an archive holds: messages, bytes on disk, and the oldest receipt (UTC ns) or None."""

    messages: int
    bytes: int
    oldest_ns: int | None


class Archive:
    """The segments of a folder. One thread writes, any may read.

    keep_ns  how long messages are kept from their receipt on; None: for ever
    """

    def __init__(
        self,
        folder: Path,
        keep_ns: int | None = None,
        *,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._folder, self._keep_ns, self._now_ns = folder, keep_ns, now_ns
        self._packer = zstandard.ZstdCompressor(level=_WRITTEN_LEVEL)
        self._lock = threading.Lock()
        self._rewriting = threading.Lock()
        self._blocks: dict[Path, list[Place]] = {}
        self._open: tuple[Path, int] | None = None  # the segment that is written, and its end
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for path in folder.glob("*.new"):  # what a kill left of packing anew
                path.unlink()
            for path in sorted(folder.glob("*.emsg")):
                if _NAME.fullmatch(path.name):
                    self._blocks[path] = looked_through(path)
        except OSError as fault:
            raise StoreUnavailable(f"the archive {folder} can't be used: {fault}") from fault

    @contextmanager
    def holding(self, envelopes: Sequence[Envelope]) -> Iterator[None]:
        """Have these messages on disk before what happens inside, and not if that fails.

        Raises StoreUnavailable when they can't be written.
        """
        if not envelopes:
            yield
            return
        place = self._write(envelopes)
        try:
            yield
        except BaseException:
            self._take_back(place)
            raise
        with self._lock:
            self._blocks.setdefault(place.segment, []).append(place)

    def _write(self, envelopes: Sequence[Envelope]) -> Place:
        block, facts = packed(envelopes, self._packer)
        path = self._segment(envelopes[0].received_ns)
        try:
            if self._open is None or self._open[0] != path:
                self._open = (path, end_of(self._blocks.get(path, [])))
            at = self._open[1]
            fresh = not path.exists()
            with path.open("w+b" if fresh else "r+b") as file:
                file.seek(at)
                file.write(block)
                file.truncate()
                file.flush()
                os.fdatasync(file.fileno())
            if fresh:
                _sync_folder(self._folder)
        except OSError as fault:
            raise StoreUnavailable(f"the archive can't write {path}: {fault}") from fault
        self._open = (path, at + len(block))
        return facts._replace(segment=path, at=at)

    def _take_back(self, place: Place) -> None:
        # The next block is written from here on, whether or not the file can be cut now.
        self._open = (place.segment, place.at)
        with suppress(OSError):
            os.truncate(place.segment, place.at)

    def _segment(self, received_ns: int) -> Path:
        second = min(max(received_ns // _SECOND_NS, 0), _LAST_S)
        begin = datetime.fromtimestamp(second // SEGMENT_S * SEGMENT_S, UTC)
        return self._folder / f"{begin:%Y%m%dT%H%M}.emsg"

    def held(self) -> Held:
        """Return how much is here."""
        with self._lock:
            places = [place for blocks in self._blocks.values() for place in blocks]
        return Held(
            sum(place.messages for place in places),
            sum(place.size + HEAD_BYTES for place in places),
            min((place.first_ns for place in places), default=None),
        )

    def read(self, start_ns: int, end_ns: int) -> Iterator[list[Envelope]]:
        """Yield what was received in [start_ns, end_ns), by segments, a block at a time.

        A block that can't be read is told in the log and passed over.
        """
        with self._lock:
            segments = sorted(self._blocks)
        for path in segments:
            with self._lock:
                places = [
                    place
                    for place in self._blocks.get(path, ())
                    if place.last_ns >= start_ns and place.first_ns < end_ns
                ]
                # Opened here, it is read to its end even if it is packed anew meanwhile.
                file = path.open("rb") if places else None
            if file is None:
                continue
            with file:
                for place in places:
                    found = [
                        one for one in told(place, file) if start_ns <= one.received_ns < end_ns
                    ]
                    if found:
                        yield found

    @contextmanager
    def tidied(self) -> Iterator["Archive"]:
        """Drop and pack what is due once a minute, beside what happens inside."""
        ended = threading.Event()

        def work() -> None:
            while not ended.wait(_TIDY_S):
                self.tidy()

        threading.Thread(target=work, name="emscher-archive", daemon=True).start()
        try:
            yield self
        finally:
            ended.set()

    def tidy(self) -> None:
        """Drop what is kept no longer, and pack one segment that is over anew."""
        with self._rewriting:
            self._tidy()

    def _tidy(self) -> None:
        now_ns = self._now_ns()
        with self._lock:
            segments = sorted(self._blocks.items())
        current = self._segment(now_ns)
        for path, blocks in segments:
            if self._keep_ns is not None and all(
                place.last_ns < now_ns - self._keep_ns for place in blocks
            ):
                with self._lock:
                    del self._blocks[path]
                    path.unlink(missing_ok=True)
        over = (
            (path, blocks)
            for path, blocks in segments
            if path < current and path.exists() and is_loose(blocks)
        )
        for path, blocks in over:
            if self._open is None or self._open[0] != path:
                self._pack(path, blocks)
                return

    def _pack(self, path: Path, blocks: list[Place]) -> None:
        """Write a segment anew with larger blocks."""
        try:
            self._write_anew(path, gathered(path, blocks))
        except (OSError, ValueError) as fault:
            log.warning("a segment of the archive stays as it is", path=str(path), why=str(fault))

    def _write_anew(self, path: Path, parts: Iterable[Sequence[Envelope]]) -> None:
        """Put messages in place of a segment; a kill leaves the old one or the new one."""
        packer = zstandard.ZstdCompressor(level=_PACKED_LEVEL)
        fresh, places = path.with_suffix(".new"), list[Place]()
        try:
            with fresh.open("wb") as file:
                for envelopes in parts:
                    block, facts = packed(envelopes, packer)
                    places.append(facts._replace(segment=path, at=file.tell()))
                    file.write(block)
                file.flush()
                os.fdatasync(file.fileno())
            with self._lock:
                if places:
                    fresh.replace(path)
                    self._blocks[path] = places
                else:
                    path.unlink()
                    del self._blocks[path]
            _sync_folder(self._folder)
        finally:
            fresh.unlink(missing_ok=True)

    def erase(
        self, theirs: Callable[[Sequence[Envelope]], Sequence[bool]], *, trial: bool = False
    ) -> int:
        """Drop the messages that `theirs` says True of, and return how many; trial: count only.

        The caller sees to it that nothing is written meanwhile. Raises StoreUnavailable where a
        segment can't be written anew; those before it are.
        """
        gone = 0
        with self._rewriting:
            with self._lock:
                segments = sorted(self._blocks.items())
            for path, blocks in segments:
                try:
                    gone += self._erase(path, blocks, theirs, trial)
                except (OSError, ValueError) as fault:
                    raise StoreUnavailable(f"the archive can't write {path}: {fault}") from fault
        return gone

    def _erase(
        self,
        path: Path,
        blocks: list[Place],
        theirs: Callable[[Sequence[Envelope]], Sequence[bool]],
        trial: bool,
    ) -> int:
        marks = [list(theirs(envelopes)) for envelopes in gathered(path, blocks)]
        count = sum(map(sum, marks))
        if not count or trial:
            return count
        left = (
            [one for one, is_theirs in zip(envelopes, mark, strict=True) if not is_theirs]
            for envelopes, mark in zip(gathered(path, blocks), marks, strict=True)
        )
        self._write_anew(path, (some for some in left if some))
        if self._open is not None and self._open[0] == path:
            self._open = None  # the next message goes behind what is left
        return count


def _sync_folder(folder: Path) -> None:
    """Make the names of new files durable."""
    place = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(place)
    finally:
        os.close(place)
