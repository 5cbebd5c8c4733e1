"""The text that IEC 62056-21 readouts and DSMR P1 telegrams share: data sets in parentheses.

Source: IEC 62056-21, 6.3 and 6.5 (identification and data message), and DSMR P1 Companion
Standard 5.0.2, 6.2 (which is mode D of it).

A telegram is "/", three letters of the maker, a mark, a name, a line end; then data sets; then
"!". A data set is an address and one or more groups: 1.8.0(001234.5*kWh), 1.6.1(1.2*kW)(21050712).
A line may hold several data sets, and a data set may go on in the next line.
"""

import re
from typing import NamedTuple

from ingest.errors import PayloadError

BLOCKS_MAX = 64
BLOCK_BYTES_MAX = 65_536
DATASETS_MAX = 4096

HEADER = re.compile(rb"/([A-Za-z]{3}[^\r\n/!()]{1,64})\r?\n")
_END = re.compile(rb"(?<=[\r\n\x02])!(?=[0-9A-Fa-f]{0,4}[ \t]*(?:[\r\n\x00\x03]|\Z))")
_PLACE = re.compile(r"[\s\x02]*([0-9A-Za-z][0-9A-Za-z.:*&_-]{0,31})[ \t]*(?=\()")
_GROUP = re.compile(r"\s*\(([^()]*)\)")
_REST = re.compile(r"[\s\x02]*")
_NUMBER = re.compile(r"\s*([+-]?\d{1,24})(?:[.,](\d{1,24}))?\s*")


class Block(NamedTuple):
    """A telegram in its bytes: the header's text, the bytes from "/" to "!", and what follows.

    body  where the data sets begin in `raw`
    """

    header: str
    raw: bytes
    body: int
    tail: bytes


class Group(NamedTuple):
    """What stands in one pair of parentheses; the unit is "" where there is none."""

    text: str
    unit: str

    @property
    def number(self) -> float | None:
        """The text as a number; None if it is none."""
        match = _NUMBER.fullmatch(self.text)
        return float(f"{match[1]}.{match[2] or 0}") if match else None


class Dataset(NamedTuple):
    """A data set: its address, mostly an OBIS code, and its groups."""

    code: str
    groups: tuple[Group, ...]


class Blocks(NamedTuple):
    """The whole telegrams of a payload, and why other parts of it are none."""

    blocks: tuple[Block, ...]
    faults: tuple[PayloadError, ...]


def blocks(payload: bytes) -> Blocks:
    """Return the telegrams in a payload, in their order; what lies between is passed over.

    Errors  PayloadError when there is no whole one, or more than 64.
    """
    headers = list(HEADER.finditer(payload))[: BLOCKS_MAX + 1]
    if len(headers) > BLOCKS_MAX:
        raise PayloadError("telegrams", f"at most {BLOCKS_MAX} in a payload", "more")
    found: list[Block] = []
    faults: list[PayloadError] = []
    for nth, header in enumerate(headers):
        next_ = headers[nth + 1].start() if nth + 1 < len(headers) else len(payload)
        last = _END.search(payload, header.end(), next_)
        end = last.start() if last else -1
        if end < 0 or end - header.start() > BLOCK_BYTES_MAX:
            told = f"{next_ - header.start()} bytes without one; the telegram is cut short"
            faults.append(PayloadError("telegram", 'a line with "!" at its end', told))
            continue
        raw, tail = payload[header.start() : end + 1], payload[end + 1 : next_]
        body = header.end() - header.start()
        found.append(Block(header[1].decode("latin-1").strip(), raw, body, tail))
    if not found:
        none = PayloadError("telegram", 'a line like "/ESY5Q3DA1004" at its start', "none")
        raise faults[0] if faults else none
    return Blocks(tuple(found), tuple(faults))


def datasets(block: Block) -> tuple[Dataset, ...]:
    """Return the data sets of a telegram, in their order.

    Errors  PayloadError for a line that is no data set, no data set at all, or more than 4,096.
    """
    text = _text(block.raw[block.body : -1])
    found: list[Dataset] = []
    at = 0
    while (at := _end(_REST, text, at)) < len(text):
        place = _PLACE.match(text, at)
        if place is None:
            raise PayloadError("data set", "an address and a value in parentheses", text[at:][:60])
        if len(found) >= DATASETS_MAX:
            raise PayloadError("data sets", f"at most {DATASETS_MAX} in a telegram", "more")
        at = place.end()
        groups: list[Group] = []
        while (group := _GROUP.match(text, at)) is not None:
            value, star, unit = group[1].rpartition("*")
            groups.append(Group(value, unit.strip()) if star else Group(unit, ""))
            at = group.end()
        if not groups:
            raise PayloadError("data set", f"a value in parentheses for {place[1]}", text[at:][:60])
        found.append(Dataset(place[1], tuple(groups)))
    if not found:
        raise PayloadError("data sets", "at least one", "none")
    return tuple(found)


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    return match.end() if match else at


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")
