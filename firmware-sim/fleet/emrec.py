"""The format of `.emrec` recordings: blocks of messages that stand alone, one after the other.

All numbers are little-endian; docs/recordings.md describes the same for other readers.

    file    magic 8 bytes, version u32, then blocks
    block   mark 4 bytes, bytes packed u32, bytes unpacked u32, messages u32, first and last time
            (least and greatest, i64, UTC ns), CRC-32 of the packed bytes u32, CRC-32 of the 36
            bytes so far u32, then the packed bytes: zlib (RFC 1950) over rows
    row     time i64 (UTC ns), marks u8 (bits 0-1: QoS, bit 2: retain), bytes of the topic u16,
            bytes of the payload u32, topic in UTF-8, payload

A block is whole or it isn't: a writer that is killed leaves whole blocks and at most one torn one
at the end. Behind damaged bytes a reader finds the next block by its mark and header's CRC.
"""

import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import IO, NamedTuple

from fleet.errors import RecordingError
from fleet.message import Message

MAGIC = b"\x89EMREC\r\n"  # like PNG's: a transfer as text breaks it, and it is no UTF-8
VERSION = 1
SUFFIX = ".emrec"
_HEAD = struct.Struct("<8sI")
_MARK = b"\xb5EMB"
_BLOCK = struct.Struct("<4sIIIqqI")
_CRC = struct.Struct("<I")
_ROW = struct.Struct("<qBHI")
_QOS_BITS, _RETAIN_BIT = 3, 4
_HEADER_BYTES = _BLOCK.size + _CRC.size
_UNPACKED_MAX = 512 << 20  # an MQTT payload is 256 MiB at most; a block ends with the first MiB
_CHUNK = 1 << 20
_WILD = frozenset("+#\0")
_TOPIC_BYTES_MAX = 65_535
_PAYLOAD_BYTES_MAX = 268_435_455  # MQTT 3.1.1, section 2.2.3
HEAD_BYTES = _HEAD.size


class Block(NamedTuple):
    """A block that is whole: where it lies in the file and what its header says."""

    offset: int
    size: int  # bytes in the file, with its header
    messages: int
    first_ns: int
    last_ns: int
    unpacked_bytes: int
    packed: bytes


class Fault(NamedTuple):
    """Bytes that are no whole block: the torn end of the file, or damage somewhere in it."""

    offset: int
    size: int
    torn: bool
    reason: str


def head() -> bytes:
    """Return the first bytes of a file."""
    return _HEAD.pack(MAGIC, VERSION)


def is_emrec(begin: bytes) -> bool:
    """Return whether a file that begins so is an .emrec, or one that was cut in its first bytes."""
    return bool(begin) and begin[: len(MAGIC)] == MAGIC[: len(begin)]


def block(messages: Sequence[Message]) -> bytes:
    """Return one block of messages. Errors: RecordingError for what the format can't carry."""
    if not messages:
        raise RecordingError("a block of a recording: expected at least one message, found none")
    rows = b"".join(_row(message) for message in messages)
    if len(rows) > _UNPACKED_MAX:
        raise RecordingError(
            f"a block of a recording: expected {_UNPACKED_MAX} bytes at most, found {len(rows)}"
        )
    packed = zlib.compress(rows, 6)
    times = [message.time_ns for message in messages]
    header = _BLOCK.pack(
        _MARK, len(packed), len(rows), len(messages), min(times), max(times), zlib.crc32(packed)
    )
    return header + _CRC.pack(zlib.crc32(header)) + packed


def scan(file: IO[bytes], name: str) -> Iterator[Block | Fault]:
    """Yield what a file holds, in its order; every byte behind the head belongs to one of them.

    Errors  RecordingError for a file that isn't an .emrec, or is one of another version
    """
    size = file.seek(0, 2)
    file.seek(0)
    begin = file.read(HEAD_BYTES)
    if not is_emrec(begin):
        raise RecordingError(f"{name}: expected an .emrec recording, found {begin[:8]!r}")
    if len(begin) < HEAD_BYTES:
        yield Fault(0, len(begin), True, "the file ends in its first 12 bytes")
        return
    version = _HEAD.unpack(begin)[1]
    if version != VERSION:
        raise RecordingError(
            f"{name}: expected version {VERSION} of the format, found {version}; "
            "a newer Emscher may have written it"
        )
    at = HEAD_BYTES
    while at < size:
        found = _block_at(file, at, size)
        yield found
        at += found.size


def rows(found: Block, name: str) -> Iterator[Message]:
    """Yield the messages of a block. Errors: RecordingError with the offset, for a false writer."""
    opener = zlib.decompressobj()
    try:
        data = opener.decompress(found.packed, found.unpacked_bytes + 1)
    except zlib.error as error:
        raise _false(found, name, f"zlib data, found {error}") from error
    if len(data) != found.unpacked_bytes or not opener.eof or opener.unused_data:
        raise _false(found, name, f"{found.unpacked_bytes} bytes of rows, found {len(data)}")
    at = 0
    for _ in range(found.messages):
        if at + _ROW.size > len(data):
            raise _false(found, name, f"{found.messages} rows, found their end at byte {at}")
        time_ns, marks, topic_bytes, payload_bytes = _ROW.unpack_from(data, at)
        middle = at + _ROW.size + topic_bytes
        at = middle + payload_bytes
        try:
            topic = data[middle - topic_bytes : middle].decode()
        except UnicodeDecodeError as error:
            raise _false(found, name, f"a topic in UTF-8, found {error}") from error
        if at > len(data) or not topic or not _WILD.isdisjoint(topic):
            raise _false(found, name, f"a row with a topic without wildcards, found {topic[:60]!r}")
        if marks & ~(_QOS_BITS | _RETAIN_BIT) or marks & 3 > 1:
            raise _false(found, name, f"QoS 0 or 1 and retain as marks, found {marks:#04x}")
        yield Message(time_ns, topic, data[middle:at], marks & 3, bool(marks & _RETAIN_BIT))
    if at != len(data):
        raise _false(
            found, name, f"{found.messages} rows and no more, found {len(data) - at} bytes"
        )


def _row(message: Message) -> bytes:
    topic = message.topic.encode()
    if not 0 < len(topic) <= _TOPIC_BYTES_MAX or not _WILD.isdisjoint(message.topic):
        raise RecordingError(
            f"a message of a recording: expected a topic of 1 to {_TOPIC_BYTES_MAX} bytes without "
            f"+ and # and NUL, found {message.topic[:60]!r}"
        )
    if len(message.payload) > _PAYLOAD_BYTES_MAX:
        raise RecordingError(
            f"a message of a recording: expected a payload of {_PAYLOAD_BYTES_MAX} bytes at most, "
            f"found {len(message.payload)}"
        )
    if message.qos not in (0, 1) or not -(1 << 63) <= message.time_ns < 1 << 63:
        raise RecordingError(
            f"a message of a recording: expected QoS 0 or 1 and a time of 64 bits of ns, "
            f"found {message.qos} and {message.time_ns}"
        )
    marks = message.qos | (_RETAIN_BIT if message.retain else 0)
    fixed = _ROW.pack(message.time_ns, marks, len(topic), len(message.payload))
    return fixed + topic + message.payload


def _block_at(file: IO[bytes], at: int, size: int) -> Block | Fault:
    file.seek(at)
    header = file.read(_HEADER_BYTES)
    if len(header) < _HEADER_BYTES:
        return Fault(at, size - at, True, "the file ends in the header of a block")
    if not _is_header(header):
        after = _next_header(file, at + 1, size)
        return Fault(at, after - at, False, "no header of a block with its CRC is there")
    _, packed_bytes, unpacked_bytes, count, first_ns, last_ns, crc = _BLOCK.unpack_from(header)
    whole = _HEADER_BYTES + packed_bytes
    if at + whole > size:
        return Fault(
            at, size - at, True, f"the file ends in a block of {whole} bytes, {count} messages"
        )
    packed = file.read(packed_bytes)
    if len(packed) < packed_bytes:
        return Fault(at, size - at, True, "the file became shorter while it was read")
    if zlib.crc32(packed) != crc:
        return Fault(at, whole, False, f"the CRC of a block of {count} messages is wrong")
    return Block(at, whole, count, first_ns, last_ns, unpacked_bytes, packed)


def _is_header(header: bytes) -> bool:
    if header[:4] != _MARK or len(header) < _HEADER_BYTES:
        return False
    (crc,) = _CRC.unpack_from(header, _BLOCK.size)
    unpacked_bytes: int = _BLOCK.unpack_from(header)[2]
    return zlib.crc32(header[: _BLOCK.size]) == crc and unpacked_bytes <= _UNPACKED_MAX


def _next_header(file: IO[bytes], at: int, size: int) -> int:
    """Return the offset of the next header from `at` on, or the size of the file."""
    while at < size:
        file.seek(at)
        chunk = file.read(_CHUNK + _HEADER_BYTES)
        found = chunk.find(_MARK)
        while 0 <= found < _CHUNK:
            if _is_header(chunk[found : found + _HEADER_BYTES]):
                return at + found
            found = chunk.find(_MARK, found + 1)
        at += _CHUNK
    return size


def _false(found: Block, name: str, expected: str) -> RecordingError:
    return RecordingError(
        f"{name}, block at byte {found.offset}: expected {expected}; its CRC is right, so whatever "
        "wrote it wrote it so"
    )
