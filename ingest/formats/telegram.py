"""Raw telegrams of meters, as bridges from a serial port to MQTT publish them, on any topic.

SML in bytes, hex or base64; DSMR P1 and IEC 62056-21 as text; M-Bus in bytes, hex or base64. What a
payload is, its shape says, never its topic; JSON, numbers and other texts are not claimed.

The device is the number that the telegram states: an SML server id or a serial number as DIN
43863-5 spells it ("1EMH0012345678"), else as it stands there. A telegram that states none is named
by its topic. Several telegrams in one payload: each keeps its own time; where those of one meter
state none, the last of each value counts, since nobody knows when the others were. Further meters
(a P1 meter's gas and water) are devices of their own.
"""

import base64
import re
from typing import NamedTuple

from ingest.errors import PayloadError
from ingest.formats.setup import Setup
from ingest.meters import datasets, iec62056, mbus, p1, sml
from ingest.meters.sml_transport import END, START
from ingest.reading import Envelope, Json, Measurement, Message

NAME = "telegram"
BY_TOPIC = False

PAYLOAD_BYTES_MAX = 262_144
_NUMBER_CHARS_MAX = 24  # a text of digits only, and no longer, is a number

_HEX_HEAD = re.compile(rb"\s*(?:0x)?(?:[0-9A-Fa-f]{2}[ :,\-\r\n]*){8}")
_HEX_APART = re.compile(rb"[\s:,\-]+|0x")
_BASE64 = re.compile(rb"\s*[A-Za-z0-9+/]{10}[A-Za-z0-9+/\r\n]+={0,2}\s*")
_VALUE = re.compile(rb"[0-9A-Z]\.[0-9A-Z]{1,3}(?:\.\d{1,3})?(?:[*&]\d{1,3})?\(")
_LINES = re.compile(
    rb"(?:^|[\r\n\x02])(?:\d-\d{1,2}:)?[0-9A-Z]{1,2}\.[0-9A-Z]{1,2}(?:\.\d{1,3})?(?:[*&]\d{1,3})?"
    rb"\([^()\r\n]*\)[^\r\n]*[\r\n]+(?:\d-\d{1,2}:)?[0-9A-Z]{1,2}\.[0-9A-Z]{1,2}[^\r\n(]*\("
)

_MBUS_SILENCE = b"\xe5\x00\xff"
_RADIO_C = frozenset((0x08, 0x18, 0x28, 0x38, 0x44, 0x46, 0x48))
_RADIO_CI = frozenset((0x70, 0x71, 0x72, 0x78, 0x79, 0x7A, 0x7B, 0x8C, 0x8D, 0x8E, 0x8F, 0x90))
_NUMBERS_AT = (4, 7, 11)
"""Where an M-Bus number may stand: in a radio address, and after the CI of a wired, radio frame."""


class _Meter(NamedTuple):
    """What one telegram says of one meter; device None: it states no number."""

    device: str | None
    time_ns: int | None
    measurements: list[Measurement]
    state: dict[str, Json]
    model: str


def claims(topic: str, payload: bytes, setup: Setup) -> bool:
    """Say whether a payload has the shape of a telegram, whole or cut."""
    del topic, setup
    if len(payload) < 8 or payload[:1] in (b"{", b"["):
        return START in payload
    return _is_bytes(payload) or _is_text(payload) or _unpacked(payload) is not None


def read(envelope: Envelope, setup: Setup) -> Message:
    """Return the meters of a payload, the first as the message and the rest as its `others`.

    Errors  PayloadError when no telegram in the payload is whole and right.
    """
    payload = envelope.payload
    if len(payload) > PAYLOAD_BYTES_MAX:
        raise PayloadError("telegram", f"at most {PAYLOAD_BYTES_MAX} bytes", len(payload))
    if not _is_bytes(payload) and not _is_text(payload):
        unpacked = _unpacked(payload)
        if unpacked is not None:
            setup.note(f"hex or base64: the text stands for {len(unpacked)} bytes")
            payload = unpacked
    if _is_sml(payload):
        meters, faults = _sml(payload, setup)
    elif _is_text(payload):
        meters, faults = _text(payload, setup, envelope.received_ns)
    elif _is_mbus(payload):
        meters, faults = _mbus(payload, setup, envelope.received_ns)
    else:
        raise PayloadError("telegram", "SML, DSMR P1, IEC 62056-21 or M-Bus", payload[:40])
    for fault in faults:
        setup.note(f"left out: {fault}")
    return _message(meters, envelope.topic, setup)


def _is_sml(payload: bytes) -> bool:
    """Say whether bytes have the transport's escapes, or begin with a message without transport."""
    if START in payload or END in payload:
        return True
    if payload[:1] != b"\x76" or len(payload) < 2:
        return False
    after = 1 + payload[1]  # the transaction id, its length byte included
    return 1 <= payload[1] <= 15 and payload[after : after + 1] == b"\x62"


def _is_mbus(payload: bytes) -> bool:
    """Say whether bytes begin like a long frame of the wired bus, or are one radio frame."""
    wired = payload.lstrip(_MBUS_SILENCE)[:4]
    if len(wired) == 4 and wired[0] == wired[3] == 0x68 and wired[1] == wired[2]:
        return True
    if len(payload) < 12 or payload[0] != len(payload) - 1:
        return False
    maker = int.from_bytes(payload[2:4], "little")
    letters = all(1 <= maker >> shift & 31 <= 26 for shift in (0, 5, 10))
    return payload[1] in _RADIO_C and letters and maker < 1 << 15 and payload[10] in _RADIO_CI


def _is_bytes(payload: bytes) -> bool:
    return _is_sml(payload) or _is_mbus(payload)


def _is_text(payload: bytes) -> bool:
    """Say whether a payload has an identification line and data sets, or lines of data sets."""
    if payload[:1] in (b"{", b"[", b'"') or b"(" not in payload:
        return False
    header = datasets.HEADER.search(payload)
    if header is not None and _VALUE.search(payload, header.end()):
        return True
    return _LINES.search(payload) is not None


def _unpacked(payload: bytes) -> bytes | None:
    """Return the telegram that hex or base64 holds; None where they hold none."""
    raw: bytes | None = None
    if len(payload) < _NUMBER_CHARS_MAX and payload.strip().isdigit():
        return None
    if _HEX_HEAD.match(payload):
        try:
            raw = bytes.fromhex(_HEX_APART.sub(b"", payload).decode("ascii"))
        except ValueError:
            raw = None
    elif _BASE64.fullmatch(payload):
        try:
            raw = base64.b64decode(b"".join(payload.split()), validate=True)
        except ValueError:
            raw = None
    return raw if raw is not None and _is_bytes(raw) else None


def _sml(payload: bytes, setup: Setup) -> tuple[list[_Meter], tuple[PayloadError, ...]]:
    found = sml.readouts(payload)
    meters: list[_Meter] = []
    for readout in found.readouts:
        state = sml.state(readout)
        mended = sml.mended(readout)
        if mended:
            state["corrected"] = [*mended]
            setup.note(f"DZG meter: {', '.join(mended)} was marked as signed, read as unsigned")
        device = sml.server_name(readout.server) if readout.server.strip(b"\0") else None
        time_ns = None if readout.time is None else readout.time.ns
        meters.append(_Meter(device, time_ns, sml.measurements(readout), state, ""))
    setup.note(f"SML: {len(meters)} list(s) of values")
    return meters, found.faults


def _text(
    payload: bytes, setup: Setup, received_ns: int
) -> tuple[list[_Meter], tuple[PayloadError, ...]]:
    blocks, faults = datasets.blocks(payload)
    meters: list[_Meter] = []
    wrong = list(faults)
    for block in blocks:
        try:
            if p1.is_p1(block):
                meters += _p1(block, setup, received_ns)
            else:
                meters.append(_iec62056(block, setup, received_ns))
        except PayloadError as fault:
            wrong.append(fault)
    if not meters:
        raise wrong[0]
    return meters, tuple(wrong)


def _p1(block: datasets.Block, setup: Setup, received_ns: int) -> list[_Meter]:
    told = p1.telegram(block)
    setup.note(f"DSMR P1 of {told.header}, {'CRC right' if told.checked else 'without a CRC'}")
    main, *others = p1.meters(told, setup.zone, received_ns)
    return [_Meter(*main, told.header), *(_Meter(*other, "") for other in others)]


def _iec62056(block: datasets.Block, setup: Setup, received_ns: int) -> _Meter:
    told = iec62056.telegram(block)
    check = "block check right" if told.checked else "without a block check"
    setup.note(f"IEC 62056-21 readout of {told.identification}, {check}")
    return _Meter(
        iec62056.device(told),
        iec62056.time_ns(told, setup.zone, received_ns),
        iec62056.measurements(told, setup.zone, received_ns),
        iec62056.state(told),
        told.identification,
    )


def _mbus(
    payload: bytes, setup: Setup, received_ns: int
) -> tuple[list[_Meter], tuple[PayloadError, ...]]:
    """Return the meters of M-Bus frames; a frame that no one can read does not hide another."""
    meters: list[_Meter] = []
    wrong: list[PayloadError] = []
    told: list[mbus.Telegram] = []
    for frame in mbus.frames(payload):
        try:
            told.append(mbus.telegram(frame, _key(frame, setup)))
        except PayloadError as fault:
            wrong.append(fault)
    for one in mbus.joined(told):
        device = f"{one.manufacturer}{one.serial}" if one.serial.strip("0") else None
        measured = mbus.measurements(one, setup.zone, received_ns)
        meters.append(_Meter(device, None, measured, mbus.state(one), ""))
    if not meters:
        raise wrong[0] if wrong else PayloadError("M-Bus frames", "one with data", "none")
    setup.note(f"M-Bus: {len(told)} telegram(s) with data")
    return meters, tuple(wrong)


def _key(frame: bytes, setup: Setup) -> bytes | None:
    """Return the key that the operator gave for the meter's number ("12345678"), if there is."""
    numbers = (frame[at : at + 4][::-1].hex() for at in _NUMBERS_AT)
    return next((setup.keys[number] for number in numbers if number in setup.keys), None)


def _message(meters: list[_Meter], topic: str, setup: Setup) -> Message:
    """Return the meters as a message and its others, one for each device, in their order."""
    by_device: dict[str, list[_Meter]] = {}
    for meter in meters:
        by_device.setdefault(meter.device or topic, []).append(meter)
    messages = [_joined(device, told, setup) for device, told in by_device.items()]
    if not messages:
        return Message(topic, None, format=NAME)
    first, *others = messages
    return Message(
        first.device,
        first.time_ns,
        first.measurements,
        first.state,
        model=first.model,
        format=NAME,
        others=tuple(others),
    )


def _joined(device: str, told: list[_Meter], setup: Setup) -> Message:
    """Return all that telegrams say of one device; each value at its own time."""
    last = told[-1]
    if len(told) == 1:
        return Message(
            device, last.time_ns, last.measurements, last.state, model=last.model, format=NAME
        )
    setup.note(f"{device}: {len(told)} telegrams; of values without a time the last counts")
    found: dict[tuple[str, str, int | None], Measurement] = {}
    state: dict[str, Json] = {}
    for meter in told:
        state |= meter.state
        for one in meter.measurements:
            own = one._replace(time_ns=meter.time_ns if one.time_ns is None else one.time_ns)
            found[own.quantity, own.channel, own.time_ns] = own
    return Message(device, last.time_ns, list(found.values()), state, model=last.model, format=NAME)
