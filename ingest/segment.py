"""The blocks of the archive's files: messages packed, written and read.

A block is:

    block     head: "EMSG", packed bytes u32, messages u32, first and last receipt i64 (UTC ns),
              CRC-32 of the packed bytes u32, CRC-32 of the head so far u32; all little-endian
              then the packed bytes: Zstandard (RFC 8878) over MessagePack of columns: sources and
              topics (each once), and for each message: source, topic, receipt, flags, payload
"""

import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec
import structlog
import zstandard

from ingest.reading import Envelope

_MARK = b"EMSG"
_HEAD = struct.Struct("<4sIIqqI")
_CRC = struct.Struct("<I")
HEAD_BYTES = _HEAD.size + _CRC.size
_SMALL_BYTES = 1 << 16
_BLOCK_BYTES, _BLOCK_MESSAGES = 4 << 20, 8192

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


def packed(envelopes: Sequence[Envelope], packer: zstandard.ZstdCompressor) -> tuple[bytes, Place]:
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


def told(place: Place, file: BinaryIO) -> list[Envelope]:
    """Return the messages of a block; where it can't be read, the log tells it."""
    try:
        return _unpacked(place, file)
    except (OSError, ValueError) as fault:
        log.warning("a block of the archive can't be read", why=str(fault))
        return []


def _unpacked(place: Place, file: BinaryIO) -> list[Envelope]:
    """Return the messages of a block; ValueError names the block that is broken."""
    where = f"{place.segment} at byte {place.at}"
    file.seek(place.at + HEAD_BYTES)
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


def looked_through(path: Path) -> list[Place]:
    """Return the blocks of a segment by their heads; what is no whole block is passed over."""
    places: list[Place] = []
    size, at = path.stat().st_size, 0
    with path.open("rb") as file:
        while at + HEAD_BYTES <= size:
            file.seek(at)
            head = file.read(HEAD_BYTES)
            mark, length, messages, first_ns, last_ns, crc = _HEAD.unpack_from(head)
            sound = mark == _MARK and zlib.crc32(head[:-4]) == _CRC.unpack_from(head, _HEAD.size)[0]
            if not sound:
                found = _next_mark(file, at + 1)
                if found is None:
                    break
                log.warning("bytes of the archive are passed over", path=str(path), at=at)
                at = found
                continue
            if at + HEAD_BYTES + length > size:
                break  # a kill cut it short: its commit never came about
            places.append(Place(path, at, length, messages, first_ns, last_ns, crc))
            at += HEAD_BYTES + length
    return places


def _next_mark(file: BinaryIO, start: int) -> int | None:
    """Return where the next mark of a block stands."""
    file.seek(start)
    found = file.read().find(_MARK)
    return None if found < 0 else start + found


def end_of(blocks: Sequence[Place]) -> int:
    """Return where the next block of a segment belongs."""
    return max((place.at + HEAD_BYTES + place.size for place in blocks), default=0)


def is_loose(blocks: Sequence[Place]) -> bool:
    """Return whether a segment has blocks that would be better off together."""
    small = sum(place.size < _SMALL_BYTES and place.messages < _BLOCK_MESSAGES for place in blocks)
    return small > 1 and small * _SMALL_BYTES > end_of(blocks)


def gathered(path: Path, blocks: Sequence[Place]) -> Iterator[list[Envelope]]:
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


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
