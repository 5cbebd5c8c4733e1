"""Milesight sensors (AM, EM, CT, WS, VS, GS, AT, TS, WT, UC series): channel id, type, value.

Source: Milesight, user guides of the products, chapter "Uplink Packet", and the tables of payloads
that Milesight publishes for its sensors. The layouts are in
ingest/codecs/milesight_channels.py and milesight_people.py.

Most pairs of id and type mean the same everywhere, and the codec "milesight" reads those of any
device. Where series give a pair different meanings, a series has a codec of its own (`05 00` is a
leak, a movement, an input or a tilt), known by the words of the product's name. What the common
codec can't tell apart it calls `state` of that channel.

Values of the past (types 0xce) carry the device's own time. What the device says of itself
(versions, serial number) and answers to settings (ids 0xf8, 0xf9, 0xfe and 0xff) are checked for
length and give no measurement. A pair that comes twice for one time counts once, the last.
"""

import re
import struct
from collections.abc import Callable, Iterator, Mapping
from itertools import product
from math import isfinite
from typing import Literal, NamedTuple

from ingest.codecs.frames import Frame, cut_short
from ingest.codecs.milesight_answers import (
    ANSWERS,
    ANSWERS_OF,
    COMMAND_FACTS,
    EXTENDED_ANSWERS,
    FACTS,
)
from ingest.codecs.milesight_channels import CHANNELS
from ingest.codecs.milesight_people import CHANNELS as PEOPLE
from ingest.codecs.milesight_people import COMMANDS
from ingest.errors import PayloadError
from ingest.reading import Measurement

_OUI = "24e124"
_MAKER = re.compile(r"milesight|ursalink")
_PRODUCT = re.compile(
    r"am(10[2-7]|30[78]|319)l?|em(300|310|320|400|410|500)|vs(121|13[2-5]|321|330|34[01]|35[01]|37[03])"
    r"|ws(10[13]|136|156|20[1-3]|30[1-3]|50[1-6]|51[35]|52[3-8x]|558)|uc(100|11\d\d|300|50[12x]|51[12x])"
)
"""Products that are known without the maker's name; the rest are named too plainly."""

_HEAD = re.compile(r"(?P<name>\S+)(?: < (?P<parent>\S+))? \|(?P<words>.*)")
_LINE = re.compile(
    r"  (?P<ids>[0-9a-f,]+)(?: (?P<types>[0-9a-f]{2}(?:,[0-9a-f]{2})*))?"
    r"(?:\[(?P<at>\d+)(?:&(?P<mask>[0-9a-f]{2}))?=(?P<is>[0-9a-f,]+)\])?"
    r"(?:#(?P<nth>\d)(?P<prefix>[a-z]+))? (?P<fields>.+)"
)
_NS_PER_S = 1_000_000_000

_MODBUS_SIZE = (1, 1, 2, 2, 4, 4, 4, 4, 4, 4, 4, 4)
_MODBUS_FLOATS = (5, 7)
_PACKED_MIN = 8
"""A Modbus size is at most 4; where it is packed with the type, as size * 8 + type, at least 8."""

_INPUT_TEMPERATURES, _INPUT_MAGNETS = (1, 2, 3, 4), (5, 6)


class Value(NamedTuple):
    """One layout of a channel: for which payloads it is, and what stands in it.

    at, mask, value  the byte of the value that says so; a mask of 0: for any
    timed            it begins with the time of sampling
    counted, prefix  that byte of it counts the channels of this name; "": none does
    """

    at: int
    mask: int
    value: int
    timed: bool
    counted: int
    prefix: str
    frame: Frame

    def read(self, payload: bytes, at: int, name: str) -> tuple[int, list[Measurement]]:
        """Return where the value ends, and what it says.

        Errors  PayloadError for a value that is cut short, or a value of the past without a time.
        """
        start = at + 4 * self.timed
        end = start + self.frame.size
        if end > len(payload):
            raise cut_short(name, at, end - at, len(payload) - at)
        channel = f"{self.prefix}{payload[start + self.counted]}" if self.prefix else ""
        found = self.frame.read(payload, start, channel)
        if self.timed:
            found = _at(found, payload, at, name)
        return end, found


Reader = Callable[[bytes, int, str], tuple[int, list[Measurement]]]


class Series(NamedTuple):
    """The codec of one series: its table, and by which words it is known.

    patterns  each must match a word; none: every Milesight device
    answers   sizes of the answers to settings by id and type
    """

    NAME: str
    patterns: tuple[re.Pattern[str], ...]
    key_size: int
    table: Mapping[bytes, Reader | tuple[Value, ...]]
    answers: Mapping[bytes, int]

    def matches(self, words: frozenset[str], dev_eui: str) -> bool:
        """Recognise Milesight by its IEEE prefix or its names, and a series by its product's."""
        if not (
            dev_eui.startswith(_OUI)
            or any(_MAKER.fullmatch(word) or _PRODUCT.fullmatch(word) for word in words)
        ):
            return False
        return all(any(one.fullmatch(word) for word in words) for one in self.patterns)

    def decode(self, payload: bytes, f_port: int) -> list[Measurement]:
        """Return what the payload says; values of the past at the device's own times.

        Errors  PayloadError for an unknown channel or a value cut short; it names the byte.
        """
        del f_port  # the port is configurable and says nothing
        found: dict[tuple[str, str, int | None], Measurement] = {}
        at = 0
        while at < len(payload):
            at, values = self._next(payload, at)
            for one in values:
                found[one.quantity, one.channel, one.time_ns] = one
        return list(found.values())

    def _next(self, payload: bytes, at: int) -> tuple[int, list[Measurement]]:
        key = payload[at : at + self.key_size]
        start = at + self.key_size
        if len(key) < self.key_size:
            raise cut_short(self.NAME, at, self.key_size, len(key))
        entry = self.table.get(key)
        if entry is None:
            return self._past_answer(payload, start, key), []
        if callable(entry):
            return entry(payload, start, self.NAME)
        for value in entry:
            if not value.mask:
                return value.read(payload, start, self.NAME)
            if start + value.at >= len(payload):
                if not entry[-1].mask:  # the shorter one is left
                    continue
                raise cut_short(self.NAME, start, value.at + 1, len(payload) - start)
            if payload[start + value.at] & value.mask == value.value:
                return value.read(payload, start, self.NAME)
        raise PayloadError(
            f"{self.NAME} at byte {start}",
            f"a kind of 0x{key.hex()} that Milesight documents",
            f"0x{payload[start + entry[-1].at]:02x} in byte {start + entry[-1].at}",
        )

    def _past_answer(self, payload: bytes, at: int, key: bytes) -> int:
        """Return the place after an answer to a setting, or raise PayloadError."""
        size = self.answers.get(key)
        if key[1:] == b"\x1a" and key[0] >= 0xFE and at < len(payload):
            size = 3 if payload[at] == 2 else 1  # a calibration, by hand with its value
        if size is None:
            raise PayloadError(
                f"{self.NAME} at byte {at - self.key_size}",
                "a channel of this series; name the product in the device profile (EM300-TH, UC50x)"
                " if it is another",
                f"0x{key.hex()}",
            )
        if at + size > len(payload):
            raise cut_short(self.NAME, at, size, len(payload) - at)
        return at + size


def _at(found: list[Measurement], payload: bytes, at: int, name: str) -> list[Measurement]:
    """Return the values with the time that stands at a byte."""
    seconds = int.from_bytes(payload[at : at + 4], "little")
    if not seconds:
        raise PayloadError(
            f"{name} history at byte {at}", "the time of the value", "0: set the device's clock"
        )
    return [one._replace(time_ns=seconds * _NS_PER_S) for one in found]


def _modbus(offset: int, tail: Frame | None) -> Reader:
    """Return the reader of a Modbus channel that is counted from a number.

    The channel's id is followed by the size and the type of the value (bit 7: with a sign), or by
    both in one byte (size in bits 3 to 7, type in bits 0 to 2).
    """

    def read(payload: bytes, at: int, name: str) -> tuple[int, list[Measurement]]:
        if at + 2 > len(payload):
            raise cut_short(name, at, 2, len(payload) - at)
        number, size, start = payload[at] - offset, payload[at + 1], at + 2
        if size >= _PACKED_MIN:
            size, kind = size >> 3, size & 7
        elif start < len(payload):
            kind, start = payload[start], start + 1
        else:
            raise cut_short(name, start, 1, 0)
        signed, kind = bool(kind & 0x80), kind & 0x7F
        if kind >= len(_MODBUS_SIZE) or size != _MODBUS_SIZE[kind]:
            raise PayloadError(
                f"{name} Modbus value at byte {at}",
                "a type from 0 to 11 in the size that it has",
                f"type {kind} in {size} bytes",
            )
        end = start + size + (tail.size if tail else 0)
        if end > len(payload):
            raise cut_short(name, start, end - start, len(payload) - start)
        raw = payload[start : start + size]
        value = float(int.from_bytes(raw, "little", signed=signed))
        if kind in _MODBUS_FLOATS:
            value = float(struct.unpack("<f", raw)[0])
        found = [Measurement("modbus", value, str(number))] if isfinite(value) else []
        return end, found + (tail.read(payload, start + size, str(number)) if tail else [])

    return read


def _fault(offset: int, tail: Frame | None) -> Reader:
    """Return the reader of "this Modbus channel could not be read"."""
    del tail

    def read(payload: bytes, at: int, name: str) -> tuple[int, list[Measurement]]:
        if at >= len(payload):
            raise cut_short(name, at, 1, 0)
        return at + 1, [Measurement("modbus_fault", 1.0, str(payload[at] - offset))]

    return read


def _regions(layout: str, order: Literal["big", "little"], people: str) -> Reader:
    """Return the reader of a count of regions and a bit for each: whether someone is in it."""
    frame = Frame(layout, "little")

    def read(payload: bytes, at: int, name: str) -> tuple[int, list[Measurement]]:
        end = at + frame.size
        if end > len(payload):
            raise cut_short(name, at, frame.size, len(payload) - at)
        size = 2 if people else 4
        bits = int.from_bytes(payload[end - size : end], order)
        count = payload[end - size - 1]
        if count > size * 8:
            raise PayloadError(f"{name} regions at byte {at}", f"at most {size * 8}", count)
        found = [Measurement(people, float(payload[at]))] if people else []
        return end, found + [
            Measurement("occupancy", float(bits >> bit & 1), f"region{bit + 1}")
            for bit in range(count)
        ]

    return read


def _two_inputs(payload: bytes, at: int, name: str) -> tuple[int, list[Measurement]]:
    """Read a past value of both inputs of a TS30x: a time, what each is, and each in two bytes."""
    end = at + 9
    if end > len(payload):
        raise cut_short(name, at, 9, len(payload) - at)
    found: list[Measurement] = []
    for nth, kind in enumerate((payload[at + 4] >> 4, payload[at + 4] & 0x0F), 1):
        raw = payload[at + 3 + 2 * nth : at + 5 + 2 * nth]
        if kind in _INPUT_TEMPERATURES:
            degrees = int.from_bytes(raw, "little", signed=True) / 10
            found.append(Measurement("temperature", degrees, str(nth)))
        elif kind in _INPUT_MAGNETS:
            found.append(Measurement("magnet_status", float(raw[0]), str(nth)))
    return end, _at(found, payload, at, name)


_READERS: dict[str, Callable[[int, Frame | None], Reader]] = {"modbus": _modbus, "fault": _fault}
_WHOLE: dict[str, Reader] = {
    "regions_told": _regions("u8 _\nu8 _\nu16 _", "big", "people_count"),
    "regions_occupied": _regions("u8 _\nu32 _", "little", ""),
    "two_inputs": _two_inputs,
}


def _frame(fields: str, order: Literal["big", "little"] = "little") -> Frame:
    return Frame(fields.replace(";", "\n"), order)


def _entries(block: list[str]) -> Iterator[tuple[bytes, Reader | Value]]:
    """Return the channels of a block's lines, each by its key.

    Errors  ValueError for a line that is none: a mistake in the table, found at import.
    """
    for line in block:
        match = _LINE.fullmatch(line)
        if match is None:
            raise ValueError(f"milesight: expected a channel, found {line!r}")
        fields = match["fields"].partition("#")[0].strip()
        types = (match["types"] or "").split(",")
        for nth, (number, kind) in enumerate(product(match["ids"].split(","), types), 1):
            key = bytes.fromhex(number + kind)
            if fields in _WHOLE:
                yield key, _WHOLE[fields]
                continue
            reader, _, rest = fields.partition(":")
            if reader in _READERS:
                offset, _, tail = rest.partition(" ")
                yield key, _READERS[reader](int(offset), _frame(tail) if tail else None)
                continue
            mask = int(match["mask"] or "ff", 16) if match["is"] else 0
            for case, is_ in enumerate((match["is"] or "0").split(","), 1):
                named = fields.replace("{}", str(case if match["is"] else nth))
                timed = named.startswith("@;")
                yield (
                    key,
                    Value(
                        int(match["at"] or 0),
                        mask,
                        int(is_, 16),
                        timed,
                        int(match["nth"] or 0),
                        match["prefix"] or "",
                        _frame(named.removeprefix("@;")),
                    ),
                )


def _table(block: list[str]) -> dict[bytes, Reader | tuple[Value, ...]]:
    table: dict[bytes, Reader | tuple[Value, ...]] = {}
    for key, entry in _entries(block):
        before = table.get(key, ())
        if isinstance(entry, Value):
            table[key] = (*(before if isinstance(before, tuple) else ()), entry)
        else:
            table[key] = entry
    return table


def _blocks(text: str) -> Iterator[tuple[re.Match[str], list[str]]]:
    """Return each block's head and its lines; a line that goes on is joined to the one before."""
    for block in text.strip().split("\n\n"):
        head, *lines = re.sub(r"\n {4,}", "; ", block).splitlines()
        match = _HEAD.fullmatch(head)
        if match is None:
            raise ValueError(f'milesight: expected "name < parent | words", found {head!r}')
        yield match, lines


def _sizes(answers: Mapping[int, str], ids: tuple[int, ...], more: int) -> dict[bytes, int]:
    return {
        bytes((one, int(kind, 16))): size + more
        for size, kinds in answers.items()
        for kind in kinds.split()
        for one in ids
    }


def _series() -> tuple[Series, ...]:
    """Return all series, the common one last: it is asked when no other recognises the device."""
    answers = _sizes(ANSWERS, (0xFE, 0xFF), 0)
    answers |= _sizes(EXTENDED_ANSWERS, (0xF8,), 1) | _sizes(EXTENDED_ANSWERS, (0xF9,), 0)
    tables: dict[str, dict[bytes, Reader | tuple[Value, ...]]] = {
        "": _table(FACTS.splitlines()[1:])
    }
    made: list[Series] = []
    for head, lines in _blocks(CHANNELS + PEOPLE):
        name, words = head["name"], head["words"].split()
        tables[name] = {**tables[head["parent"] or ""], **_table(lines)}
        if words or name == "milesight":
            own = {
                bytes((one, kind)): size
                for kind, size in ANSWERS_OF.get(name, {}).items()
                for one in (0xFE, 0xFF)
            }
            patterns = tuple(re.compile(word) for word in words)
            made.append(Series(name, patterns, 2, tables[name], {**answers, **own}))
    facts = _table(COMMAND_FACTS.splitlines()[1:])
    for head, lines in _blocks(COMMANDS):
        patterns = tuple(re.compile(word) for word in head["words"].split())
        made.append(Series(head["name"], patterns, 1, {**facts, **_table(lines)}, {}))
    return (*made[1:], made[0])


CODECS = _series()
