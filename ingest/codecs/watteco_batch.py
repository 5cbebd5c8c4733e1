"""Watteco batch reports: many samples of several quantities, packed into a stream of bits.

Source: Watteco, "Batch report decompression" and the decoder that Watteco publishes with it
("br_uncompress"). Bits are taken from the lowest of each byte. Whole numbers come with their
highest, perhaps partial, byte first; codes of the Huffman tables come with their highest bit first.

    1 byte      bits 4-7 how many series, 3 asks for a batch, 2 no more than first samples,
                1 all series share their times
    3 + 1 bits  counter of batches, one bit of no meaning
    series      tag, time and value of the first sample; if more follow, coding type and table
    samples     their times and values, as differences to the sample before
    time        of the batch itself

A code n says how a difference is stored: 0 none, 1 to 14 in n bits, 15 the number itself. Times
are seconds of the device's own counter, so a sample is as old as the batch's time minus its own.
"""

import struct
from collections.abc import Mapping
from math import isfinite
from typing import NamedTuple

from ingest.codecs.frames import cut_short
from ingest.errors import PayloadError
from ingest.reading import Measurement

_NAME = "watteco batch"
_NS_PER_S = 1_000_000_000

_SIZES = (0, 1, 4, 4, 8, 8, 16, 16, 24, 24, 32, 32, 32)  # bits of each type of sample
_SIGNED = (3, 5, 7, 9, 11)
_TIME, _FLOAT = 10, 12
_WHOLE = 15  # the code of a number that is stored itself

_CODES = (
    "00 01 11 101 1001 10001 100001 1000001 10000001 1000000000 10000000010 10000000011"
    " 10000000100 10000000101 10000000110 10000000111",
    "1101111 11010 1100 011 111 10 00 010 110110 110111011 110111001 1101110101 1101110100"
    " 1101110000 11011100011 11011100010",
    "1001 101 00 01 11 10001 100001 1000001 10000001 1000000000 10000000010 10000000011"
    " 10000000100 10000000101 10000000110 10000000111",
)
_HUFFMAN = tuple({code: n for n, code in enumerate(codes.split())} for codes in _CODES)
_CODE_SIZE_MAX = 11
_TIMES_TABLE = 1  # of the first times and of the batch's
_ADLC, _RISING = 0, 1  # coding types: either way, only upwards; else only downwards


class Tag(NamedTuple):
    """What one series of a product holds.

    quantity, channel  as ours, or the maker's name
    step               what a difference of 1 means, in raw units
    kind               type of its samples
    divisor            raw units in one of ours
    """

    quantity: str
    channel: str
    step: float
    kind: int
    divisor: float = 1.0


class Tags(NamedTuple):
    """The series of a product by their tags, and how many bits a tag has."""

    size: int
    known: Mapping[int, Tag]


class _Series:
    """A series while it is read: the samples so far, the newest last."""

    def __init__(self, tag: Tag, time_s: int, value: float) -> None:
        self.tag = tag
        self.samples = [(time_s, value)]
        self.coding = self.table = 0


class _Bits:
    """The stream of bits, read from its start."""

    def __init__(self, payload: bytes) -> None:
        self._payload, self._at, self._end = payload, 0, len(payload) * 8

    def _bit(self) -> int:
        if self._at >= self._end:
            raise cut_short(_NAME, self._end // 8, self._end // 8 + 1, self._end // 8)
        bit = self._payload[self._at >> 3] >> (self._at & 7) & 1
        self._at += 1
        return bit

    def number(self, size: int) -> int:
        """Return a whole number of so many bits."""
        value, left = 0, size
        while left:
            chunk = left % 8 or 8
            part = 0
            for place in range(chunk):
                part |= self._bit() << place
            value = value << chunk | part
            left -= chunk
        return value

    def code(self, table: int) -> int:
        """Return which code of a Huffman table comes next."""
        if table >= len(_HUFFMAN):
            raise PayloadError(_NAME, "a Huffman table from 0 to 2", table)
        read = ""
        while len(read) < _CODE_SIZE_MAX:
            read += str(self._bit())
            code = _HUFFMAN[table].get(read)
            if code is not None:
                return code
        raise PayloadError(f"{_NAME} at bit {self._at}", f"a code of Huffman table {table}", read)

    def value(self, kind: int) -> float:
        """Return a number of a type of samples."""
        size = _SIZES[kind]
        raw = self.number(size)
        if kind == _FLOAT:
            return float(struct.unpack("<f", raw.to_bytes(4, "little"))[0])
        return raw - (1 << size) if kind in _SIGNED and raw >> size - 1 else raw

    def time(self, before_s: int, code: int) -> int:
        """Return a time that is told as what it is later than the one before."""
        if code == _WHOLE:
            return self.number(_SIZES[_TIME])
        return before_s + (self.number(code) + (1 << code) - 1 if code else 0)

    def next(self, series: _Series, code: int) -> float:
        """Return the next value of a series."""
        tag, before = series.tag, series.samples[-1][1]
        if code == _WHOLE:
            return self.value(tag.kind)
        if not code:
            return before
        raw = self.number(code)
        if series.coding == _ADLC:
            steps = raw if raw >> code - 1 else raw + 1 - (1 << code)
        else:
            steps = raw + (1 << code) - 1
            if series.coding != _RISING:
                steps = -steps
        return before + steps * tag.step


def decode(payload: bytes, tags: Tags) -> list[Measurement]:
    """Return the samples, each with minus its age in ns as its time.

    Errors  PayloadError for a tag that the product has not, a code that is none, a stream that
            ends too early, a sample that is newer than its batch.
    """
    bits = _Bits(payload)
    head = bits.number(8)
    bits.number(4)  # the counter, and a bit of no meaning
    more = not head & 4
    series: dict[int, _Series] = {}
    first, last_s = -1, 0
    for _ in range(head >> 4):
        label = _label(bits, tags)
        first = label if first < 0 else first
        last_s = bits.time(last_s, bits.code(_TIMES_TABLE) if last_s else _WHOLE)
        one = series[label] = _Series(tags.known[label], last_s, bits.value(tags.known[label].kind))
        if more:
            one.coding, one.table = bits.number(2), bits.number(2)
    if more and series:
        if head & 2:
            last_s = _shared_times(bits, tags, series, first, head >> 4)
        else:
            last_s = _own_times(bits, tags, series, last_s, head >> 4)
    batch_s = bits.time(last_s, bits.code(_TIMES_TABLE) if last_s else _WHOLE)
    return _measurements(series, batch_s)


def _label(bits: _Bits, tags: Tags) -> int:
    label = bits.number(tags.size)
    if label not in tags.known:
        raise PayloadError(f"{_NAME} tag", f"a tag of this product: {sorted(tags.known)}", label)
    return label


def _started(bits: _Bits, tags: Tags, series: Mapping[int, _Series]) -> _Series:
    label = _label(bits, tags)
    if label not in series:
        raise PayloadError(f"{_NAME} tag", f"one that has a first sample: {sorted(series)}", label)
    return series[label]


def _shared_times(
    bits: _Bits, tags: Tags, series: Mapping[int, _Series], first: int, count: int
) -> int:
    """Read the samples of series that share their times; return the last time."""
    samples = bits.number(8)
    table = bits.number(2)
    times: list[int] = []
    for nth in range(samples):
        code = bits.code(table)
        if nth == 0 and code != _WHOLE:
            times.append(series[first].samples[0][0])
        else:
            times.append(bits.time(times[-1] if times else 0, code))
    for _ in range(count):
        one = _started(bits, tags, series)
        told = False  # the first sample comes again, as a difference of nothing
        for time_s in times:
            if not bits.number(1):
                continue
            code = bits.code(one.table)
            if not code and not told:
                told = True
                continue
            one.samples.append((time_s, bits.next(one, code)))
    return times[-1] if times else 0


def _own_times(
    bits: _Bits, tags: Tags, series: Mapping[int, _Series], last_s: int, count: int
) -> int:
    """Read the samples of series that have times of their own; return the newest time."""
    for _ in range(count):
        one = _started(bits, tags, series)
        samples = bits.number(8)
        table = bits.number(2) if samples else 0
        for _ in range(samples):
            time_s = bits.time(one.samples[-1][0], bits.code(table))
            one.samples.append((time_s, bits.next(one, bits.code(one.table))))
            last_s = max(last_s, time_s)
    return last_s


def _measurements(series: Mapping[int, _Series], batch_s: int) -> list[Measurement]:
    found: list[Measurement] = []
    for label in sorted(series):
        tag = series[label].tag
        for time_s, value in series[label].samples:
            age_s = batch_s - time_s
            if age_s < 0:
                raise PayloadError(
                    f"{_NAME} time", f"samples up to {batch_s} s, the batch's time", f"{time_s} s"
                )
            if isfinite(value):
                found.append(
                    Measurement(
                        tag.quantity,
                        float(f"{value / tag.divisor:.12g}"),  # steps of 0.1 add up exactly
                        tag.channel,
                        -age_s * _NS_PER_S if age_s else None,
                    )
                )
    return found
