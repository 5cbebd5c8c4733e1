"""The archive: every message that was understood, as it came, so that it can be read again.

A segment is a file for ten minutes of receipt, `20261126T1230.emsg`: a row of blocks, one for each
group commit, and each of them is on disk before the commit that it belongs to. So whatever is
stored has its message here. The other way round a kill may leave a message here whose commit never
came about: its broker sends it again, and then it is here twice, which does no harm.

    block     head: "EMSG", packed bytes u32, messages u32, first and last receipt i64 (UTC ns),
              CRC-32 of the packed bytes u32, CRC-32 of the head so far u32; all little-endian
              then the packed bytes: Zstandard (RFC 8878) over MessagePack of columns: sources and
              topics (each once), and for each message: source, topic, receipt, flags, payload

Blocks of single messages compress badly, so a segment that is over is packed anew, many messages to
a block. What is broken (a bad disk) is told and passed over; the blocks around it are read.
"""

import os
import re
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec
import structlog
import zstandard

from ingest.errors import StoreUnavailable
from ingest.reading import Envelope

SEGMENT_S = 600
_SECOND_NS = 1_000_000_000
_MARK = b"EMSG"
_HEAD = struct.Struct("<4sIIqqI")
_CRC = struct.Struct("<I")
_HEAD_BYTES = _HEAD.size + _CRC.size
_NAME = re.compile(r"\d{8}T\d{4}\.emsg")
_WRITTEN_LEVEL, _PACKED_LEVEL = 1, 9
_SMALL_BYTES = 1 << 16
_BLOCK_BYTES, _BLOCK_MESSAGES = 4 << 20, 8192
_LAST_S = 9_000_000_000  # 2255: what a name can tell, whatever a receipt says
_TIDY_S = 60.0

log = structlog.get_logger("emscher.ingest")


class _Columns(msgspec.Struct, array_like=True):
    """Messages as they are packed; receipts are told from the first one on."""

    sources: list[bytes]
    topics: list[bytes]
    source: list[int]
    topic: list[int]
    received_ns: list[int]
    flags: bytes
    payloads: list[bytes]


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(tuple[int, _Columns])


class Place(NamedTuple):
    """Where a block lies, and what it holds."""

    segment: Path
    at: int
    size: int
    messages: int
    first_ns: int
    last_ns: int
    crc: int


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
        self._blocks: dict[Path, list[Place]] = {}
        self._open: tuple[Path, int] | None = None  # the segment that is written, and its end
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for path in folder.glob("*.new"):  # what a kill left of packing anew
                path.unlink()
            for path in sorted(folder.glob("*.emsg")):
                if _NAME.fullmatch(path.name):
                    self._blocks[path] = _looked_through(path)
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
        block, facts = _packed(envelopes, self._packer)
        path = self._segment(envelopes[0].received_ns)
        try:
            if self._open is None or self._open[0] != path:
                self._open = (path, _end_of(self._blocks.get(path, [])))
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
            sum(place.size + _HEAD_BYTES for place in places),
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
                        one for one in _told(place, file) if start_ns <= one.received_ns < end_ns
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
            if path < current and path.exists() and _is_loose(blocks)
        )
        for path, blocks in over:
            if self._open is None or self._open[0] != path:
                self._pack(path, blocks)
                return

    def _pack(self, path: Path, blocks: list[Place]) -> None:
        """Write a segment anew with larger blocks; a kill leaves the old one or the new one."""
        packer = zstandard.ZstdCompressor(level=_PACKED_LEVEL)
        fresh, places = path.with_suffix(".new"), list[Place]()
        try:
            with fresh.open("wb") as file:
                for envelopes in _gathered(path, blocks):
                    block, facts = _packed(envelopes, packer)
                    places.append(facts._replace(segment=path, at=file.tell()))
                    file.write(block)
                file.flush()
                os.fdatasync(file.fileno())
            with self._lock:
                fresh.replace(path)
                self._blocks[path] = places
            _sync_folder(self._folder)
        except (OSError, ValueError) as fault:
            fresh.unlink(missing_ok=True)
            log.warning("a segment of the archive stays as it is", path=str(path), why=str(fault))


def _packed(envelopes: Sequence[Envelope], packer: zstandard.ZstdCompressor) -> tuple[bytes, Place]:
    """Return a block, and what a Place says of it but for the segment."""
    sources: dict[bytes, int] = {}
    topics: dict[bytes, int] = {}
    base = envelopes[0].received_ns
    columns = _Columns(
        [],
        [],
        [sources.setdefault(_bytes(one.source), len(sources)) for one in envelopes],
        [topics.setdefault(_bytes(one.topic), len(topics)) for one in envelopes],
        [one.received_ns - base for one in envelopes],
        bytes(one.redelivered | one.retained << 1 for one in envelopes),
        [one.payload for one in envelopes],
    )
    columns.sources, columns.topics = list(sources), list(topics)
    packed = packer.compress(_ENCODER.encode((base, columns)))
    times = [one.received_ns for one in envelopes]
    crc, first_ns, last_ns = zlib.crc32(packed), min(times), max(times)
    head = _HEAD.pack(_MARK, len(packed), len(envelopes), first_ns, last_ns, crc)
    place = Place(Path(), 0, len(packed), len(envelopes), first_ns, last_ns, crc)
    return head + _CRC.pack(zlib.crc32(head)) + packed, place


def _told(place: Place, file: BinaryIO) -> list[Envelope]:
    """Return the messages of a block; where it can't be read, the log tells it."""
    try:
        return _unpacked(place, file)
    except (OSError, ValueError) as fault:
        log.warning("a block of the archive can't be read", why=str(fault))
        return []


def _unpacked(place: Place, file: BinaryIO) -> list[Envelope]:
    """Return the messages of a block; ValueError names the block that is broken."""
    where = f"{place.segment} at byte {place.at}"
    file.seek(place.at + _HEAD_BYTES)
    packed = file.read(place.size)
    if zlib.crc32(packed) != place.crc:
        raise ValueError(f"{where}: expected {place.size} bytes with their checksum, found others")
    try:
        base, columns = _DECODER.decode(zstandard.ZstdDecompressor().decompress(packed))
        sources = [raw.decode("utf-8", "surrogatepass") for raw in columns.sources]
        topics = [raw.decode("utf-8", "surrogatepass") for raw in columns.topics]
        return [
            Envelope(sources[s], topics[t], payload, base + at, bool(f & 1), bool(f & 2))
            for s, t, payload, at, f in zip(
                columns.source, columns.topic, columns.payloads, columns.received_ns,
                columns.flags, strict=True,
            )
        ]  # fmt: skip
    except (zstandard.ZstdError, msgspec.MsgspecError, IndexError) as fault:
        raise ValueError(f"{where}: expected packed messages, found {fault}") from fault


def _looked_through(path: Path) -> list[Place]:
    """Return the blocks of a segment by their heads; what is no whole block is passed over."""
    places: list[Place] = []
    size, at = path.stat().st_size, 0
    with path.open("rb") as file:
        while at + _HEAD_BYTES <= size:
            file.seek(at)
            head = file.read(_HEAD_BYTES)
            mark, length, messages, first_ns, last_ns, crc = _HEAD.unpack_from(head)
            sound = mark == _MARK and zlib.crc32(head[:-4]) == _CRC.unpack_from(head, _HEAD.size)[0]
            if not sound:
                found = _next_mark(file, at + 1)
                if found is None:
                    break
                log.warning("bytes of the archive are passed over", path=str(path), at=at)
                at = found
                continue
            if at + _HEAD_BYTES + length > size:
                break  # a kill cut it short: its commit never came about
            places.append(Place(path, at, length, messages, first_ns, last_ns, crc))
            at += _HEAD_BYTES + length
    return places


def _next_mark(file: BinaryIO, start: int) -> int | None:
    """Return where the next mark of a block stands."""
    file.seek(start)
    found = file.read().find(_MARK)
    return None if found < 0 else start + found


def _end_of(blocks: Sequence[Place]) -> int:
    return max((place.at + _HEAD_BYTES + place.size for place in blocks), default=0)


def _is_loose(blocks: Sequence[Place]) -> bool:
    """Return whether a segment has blocks that would be better off together."""
    small = sum(place.size < _SMALL_BYTES and place.messages < _BLOCK_MESSAGES for place in blocks)
    return small > 1 and small * _SMALL_BYTES > _end_of(blocks)


def _gathered(path: Path, blocks: Sequence[Place]) -> Iterator[list[Envelope]]:
    """Yield the messages of blocks, many at a time."""
    held: list[Envelope] = []
    size = 0
    with path.open("rb") as file:
        for place in blocks:
            found = _unpacked(place, file)
            held += found
            size += sum(len(one.payload) for one in found)
            if size >= _BLOCK_BYTES or len(held) >= _BLOCK_MESSAGES:
                yield held
                held, size = [], 0
    if held:
        yield held


def _sync_folder(folder: Path) -> None:
    """Make the names of new files durable."""
    place = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(place)
    finally:
        os.close(place)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
