"""M-Bus telegrams, wired and wireless: from the bytes on the bus to a meter's measurements.

Source: EN 13757-2:2018 (frames of the wired bus), EN 13757-3:2013 (application layer), EN 13757-4
(wireless frames), EN 13757-7 (encryption), OMS Specification, vol. 2; the parts up to 2001 are in
"The M-Bus: A Documentation", rev. 4.8.

`frames` cuts a payload into frames, `telegram` reads one, `joined` puts together what a meter cut
into several, `measurements` and `state` say what it means. Wired frames come as on the bus (68h …
16h), wireless ones from their length byte, with the checksums of the radio blocks or without.

Encrypted telegrams of mode 5 are read with their key; of all other modes, and without a key, they
are refused. A configuration word with a mode that is not defined is the "signature" of old wired
meters and means nothing. Compact frames (CI 79h, 7Bh) leave out what their values are, and are
refused too.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, tzinfo
from typing import NamedTuple

from ingest.errors import PayloadError
from ingest.meters.mbus_fixed import fixed
from ingest.meters.mbus_meaning import DURATIONS, MEDIA, measured
from ingest.meters.mbus_radio import content as radio_content
from ingest.meters.mbus_records import MORE, Record, records
from ingest.meters.mbus_security import opened
from ingest.meters.mbus_units import DATE, FLAGS, IDENTIFIER, PLAIN
from ingest.reading import Json, Measurement

__all__ = ["Telegram", "frames", "joined", "measurements", "records", "state", "telegram"]

_NOISE = frozenset((0xE5, 0x00, 0xFF))
_START, _SHORT, _STOP = 0x68, 0x10, 0x16

_LONG, _FIXED, _BARE, _BRIEF = 0x72, 0x73, 0x78, 0x7A
_EXTENDED = {0x8C: 2, 0x8E: 10}
"""Extended link layers in the clear, and how long they are; the true CI field follows."""

_MODE_2 = {0x76: _LONG, 0x77: _FIXED}
_REFUSED = {
    0x71: "an alarm report, without measurements",
    0x79: "a compact frame, whose layout went in an earlier telegram",
    0x7B: "a compact frame, whose layout went in an earlier telegram",
    0x69: "the layout of compact frames, without values",
    0x6A: "the layout of compact frames, without values",
    0x8D: "an encrypted link layer",
    0x8F: "an encrypted link layer",
    0x90: "an authentication and fragmentation layer",
}
_REPORTS = (
    "unspecified error",
    "unimplemented CI field",
    "buffer too long",
    "too many records",
    "premature end of record",
    "more than 10 DIFEs",
    "more than 10 VIFEs",
    "reserved error 7",
    "application too busy",
    "too many readouts",
)
_APPLICATION = ("", "application busy", "application error", "abnormal condition")
_STATUS = {
    0x04: "power low",
    0x08: "permanent error",
    0x10: "temporary error",
    0x20: "vendor status bit 5",
    0x40: "vendor status bit 6",
    0x80: "vendor status bit 7",
}


@dataclass(frozen=True, slots=True)
class Telegram:
    """One telegram of a meter, read.

    manufacturer  its three letters; "" where the telegram does not say
    serial        the identification number, eight digits, as text with its zeros
    version, medium, access  generation, device type (MEDIA), access number; None: not said
    status        the status byte; bits 0-1 application, 2 power low, 3 permanent error,
                  4 temporary error, 5-7 the maker's
    records       its data records, in order
    more_follows  the meter has a further telegram to tell
    """

    manufacturer: str
    serial: str
    version: int | None
    medium: int | None
    access: int | None
    status: int
    records: tuple[Record, ...]
    more_follows: bool = False


class _Link(NamedTuple):
    """What the link layer of a radio frame says about its sender: M field and A field."""

    address: bytes  # manufacturer, identification number, version, type: 8 bytes as sent


def frames(payload: bytes) -> list[bytes]:
    """Return the frames with data in a payload of one or more; single bytes and requests go.

    Acknowledgements (E5h), idle lines (00h, FFh), short frames (a master's requests) and control
    frames have no data and are passed over.
    Errors  PayloadError for a frame that is cut short, fails its checksum or is none at all.
    """
    if radio_content(payload) is not None:
        return [payload]
    found: list[bytes] = []
    at = 0
    while at < len(payload):
        first = payload[at]
        if first in _NOISE:
            at += 1
        elif first == _SHORT:
            _checked(payload[at : at + 5], 1, 3, at)
            at += 5
        elif first == _START:
            size = _long_size(payload, at)
            frame = payload[at : at + size]
            _checked(frame, 4, size - 2, at)
            if size > 9:
                found.append(frame)
            at += size
        else:
            raise PayloadError(
                f"M-Bus frame at byte {at}",
                "a start byte 68h or 10h",
                f"{first:02X}h; is this M-Bus?",
            )
    return found


def telegram(frame: bytes, key: bytes | None = None) -> Telegram:
    """Return what one frame says, wired or wireless; `key` opens encryption of mode 5.

    Errors  PayloadError for a broken frame, a meter's error report, a frame without measurements,
            a broken record, and for encrypted content without its key ("encrypted, mode 5").
    """
    radio = radio_content(frame)
    if radio is not None:
        return _application(radio[9], radio[10:], _Link(radio[1:9]), key)
    cut = frames(frame)
    if len(cut) != 1 or len(cut[0]) != len(frame):
        raise PayloadError("M-Bus frame", "one long frame", f"{len(cut)} in {len(frame)} bytes")
    if frame[4] & 0x40:
        raise PayloadError(
            "M-Bus C field", "a meter's answer (08h, 18h, 28h, 38h)", f"{frame[4]:02X}h, a request"
        )
    return _application(frame[6], frame[7:-2], None, key)


def joined(told: Iterable[Telegram]) -> list[Telegram]:
    """Join telegrams of one meter that belong together: those that say that more follows.

    A meter with much to say cuts its readout into telegrams and asks for the next to be fetched;
    only together do they say what it measured. What stands between them stays in its order.
    """
    whole: list[Telegram] = []
    for one in told:
        before = whole[-1] if whole else None
        if before is not None and before.more_follows and _who(before) == _who(one):
            whole[-1] = replace(
                one, status=before.status | one.status, records=before.records + one.records
            )
        else:
            whole.append(one)
    return whole


def _who(told: Telegram) -> tuple[str, str, int | None, int | None]:
    return told.manufacturer, told.serial, told.version, told.medium


def measurements(told: Telegram, zone: tzinfo, received_ns: int) -> list[Measurement]:
    """Return the measurements of a telegram; those of history carry their own time, UTC ns.

    zone  where the meter's clock hangs; received_ns  when the telegram came, UTC ns
    """
    return measured(told.records, told.medium, told.manufacturer, zone, received_ns)


def state(told: Telegram) -> dict[str, Json]:
    """Return what the meter says about itself: who it is, how it is, and values that failed."""
    said: dict[str, Json] = {}
    for one in told.records:
        if one.storage or one.subunit or one.modifiers or one.function != "instantaneous":
            continue
        if isinstance(one.value, datetime) and one.name == "datetime":
            said.setdefault("clock", one.value.isoformat())
        elif isinstance(one.value, date):
            said.setdefault(one.name, one.value.isoformat())
        elif one.kind == IDENTIFIER and isinstance(one.value, str | int):
            said.setdefault(one.name, one.value)
        elif one.kind != DATE and isinstance(one.value, str):
            said.setdefault(one.name, one.value.strip())
    facts: dict[str, Json] = {
        "manufacturer": told.manufacturer,
        "serial": told.serial,
        "medium": MEDIA.get(told.medium, f"{told.medium:02X}h") if told.medium is not None else "",
        "version": told.version,
    }
    said.update({name: fact for name, fact in facts.items() if fact not in {"", None}})
    said["status"] = told.status
    said["alarms"] = _alarms(told)
    if told.more_follows:
        said["more_follows"] = True
    return said


def _alarms(told: Telegram) -> list[Json]:
    """Return the words of the status byte, of error flags, and of values that are none."""
    words: list[Json] = [_APPLICATION[told.status & 3]] if told.status & 3 else []
    words += [word for bit, word in _STATUS.items() if told.status & bit]
    for one in told.records:
        where = one.name + (f" of storage {one.storage}" if one.storage else "")
        if one.kind == FLAGS and one.name == "error_flags" and one.value:
            words.append(f"{where}: {one.value:#x}" if isinstance(one.value, int) else where)
        elif one.function == "error" and one.kind not in {DATE, FLAGS}:
            if one.name in DURATIONS:
                continue  # it says how long an error lasted
            words.append(f"{where} in error state: {one.fault or _shown(one)}")
        elif one.fault and one.fault != "no data" and one.kind not in {DATE, PLAIN}:
            words.append(f"{where}: {one.fault}")
    return words


def _shown(one: Record) -> str:
    return one.value.hex() if isinstance(one.value, bytes) else f"{one.value} {one.unit}"


def _long_size(payload: bytes, at: int) -> int:
    """Return how long the long frame is that starts there, or raise PayloadError."""
    head = payload[at : at + 4]
    rule = f"M-Bus frame at byte {at}"
    if len(head) < 4:
        raise PayloadError(rule, "a head of 4 bytes", f"{len(head)} bytes to the end")
    if head[1] != head[2] or head[3] != _START or head[1] < 3:
        raise PayloadError(rule, "68h, twice the same length of 3 or more, 68h", head.hex(" "))
    size = head[1] + 6
    if len(payload) - at < size:
        raise PayloadError(
            rule, f"{size} bytes", f"{len(payload) - at} to the end; the frame is cut short"
        )
    return size


def _checked(frame: bytes, start: int, end: int, at: int) -> None:
    """Check the sum over a frame's bytes from start to end, and the stop byte."""
    rule = f"M-Bus frame at byte {at}"
    if len(frame) != end + 2:
        raise PayloadError(rule, f"{end + 2} bytes", f"{len(frame)} bytes to the end")
    total = sum(frame[start:end]) & 0xFF
    if total != frame[end]:
        raise PayloadError(rule, f"checksum {total:02X}h", f"{frame[end]:02X}h")
    if frame[end + 1] != _STOP:
        raise PayloadError(rule, "stop byte 16h", f"{frame[end + 1]:02X}h")


def _application(ci: int, body: bytes, link: _Link | None, key: bytes | None) -> Telegram:
    """Read the application layer, which its CI field announces."""
    if link is not None and ci in _EXTENDED and len(body) > _EXTENDED[ci]:
        skip = _EXTENDED[ci]
        return _application(body[skip], body[skip + 1 :], link, key)
    big = ci in _MODE_2
    ci = _MODE_2.get(ci, ci)
    if ci == 0x70:
        code = body[0] if body else 0
        report = _REPORTS[code] if code < len(_REPORTS) else f"error {code:02X}h"
        raise PayloadError("M-Bus answer", "measurements", f"the meter reports: {report}")
    if ci == _FIXED:
        return _of_fixed(body, big)
    if ci == _BARE:
        return _told(_Head(link.address if link else b"", None, 0), records(body, big))
    if ci == _LONG:
        _need(body, 12)
        serial, maker = _ordered(body[0:4], big), _ordered(body[4:6], big)
        head = _Head(maker + serial + body[6:8], body[8], body[9])
        word, content = _ordered(body[10:12], big), body[12:]
    elif ci == _BRIEF:
        _need(body, 4)
        head = _Head(link.address if link else b"", body[0], body[1])
        word, content = body[2:4], body[4:]
    else:
        found = _REFUSED.get(ci, "which holds no meter's data records")
        raise PayloadError(
            "M-Bus CI field", "72h, 73h, 76h, 77h, 78h or 7Ah", f"{ci:02X}h, {found}"
        )
    plain = opened(int.from_bytes(word, "little"), content, head.address, head.access or 0, key)
    return _told(head, records(plain, big))


class _Head(NamedTuple):
    """Who speaks (8 bytes of address, or none where the frame does not say), and how it is."""

    address: bytes
    access: int | None
    status: int


def _told(head: _Head, found: list[Record]) -> Telegram:
    more = bool(found) and found[-1].function == MORE
    if not head.address:
        return Telegram("", "", None, None, head.access, head.status, tuple(found), more)
    who = _identity(head.address)
    return Telegram(
        who.manufacturer,
        who.serial,
        who.version,
        who.medium,
        head.access,
        head.status,
        tuple(found),
        more,
    )


def _of_fixed(body: bytes, big: bool) -> Telegram:
    """Return a telegram of the fixed structure; it names no maker and no version."""
    _need(body, 16)
    if len(body) != 16:
        raise PayloadError("M-Bus fixed structure", "16 bytes", f"{len(body)} bytes")
    serial = _ordered(body[0:4], big)[::-1].hex().upper()
    medium, found = fixed(body, big)
    return Telegram("", serial, None, medium, body[4], body[5] & 0xFC, found)


def _ordered(part: bytes, big: bool) -> bytes:
    """Return bytes lowest first, whatever the mode."""
    return part[::-1] if big else part


def _need(body: bytes, size: int) -> None:
    if len(body) < size:
        raise PayloadError("M-Bus header", f"{size} bytes", f"{len(body)} bytes; it is cut short")


class Identity(NamedTuple):
    """Who a meter is: eight digits, three letters, generation, and device type (MEDIA)."""

    serial: str
    manufacturer: str
    version: int
    medium: int


def identity(number: int) -> Identity:
    """Return who an enhanced identification (VIF 79h) of 8 bytes names; its value as a number."""
    raw = number.to_bytes(8, "little")
    return _identity(raw[4:6] + raw[0:4] + raw[6:8])


def _identity(address: bytes) -> Identity:
    """Return who an address names: maker, number, generation and type, 2 + 4 + 1 + 1 bytes."""
    maker = int.from_bytes(address[:2], "little")
    letters = "".join(chr(64 + (maker >> shift & 31)) for shift in (10, 5, 0))  # "@" stands for 0
    return Identity(address[5:1:-1].hex().upper(), letters, address[6], address[7])
