"""What formats with a topic for each value share: bare numbers, times as numbers, old values.

Many senders publish one number on one topic, keep it on the broker (retained) and state no time.
Such a kept value is not news: it may be an hour or a year old. It must not become a reading at
the time of its receipt, so `news` turns it into state, where it can be seen as what it is.
"""

import re
from decimal import Decimal
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from ingest.errors import PayloadError
from ingest.quantity import QUANTITIES
from ingest.reading import Envelope, Json, Measurement, Message

STATE_BYTES_MAX = 4096
"""What is longer is not kept as state: a device's state is read and written whole."""

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)
_TIME = re.compile(r"\d{1,17}(?:\.\d{1,20})?(?:[eE]\+?\d{1,2})?", re.ASCII)
_TREE: "msgspec.json.Decoder[Json]" = msgspec.json.Decoder()
_FROM_ON_OR_OFF = frozenset(
    ("occupancy", "contact", "water_leak", "motion", "digital_input", "digital_output")
)
_T = TypeVar("_T")


def tree(payload: bytes, what: str) -> Json:
    """Return the JSON of a payload; `what` says in words what was expected of it.

    Errors  PayloadError when it is none.
    """
    return typed(_TREE, payload, what)


def typed(decoder: "msgspec.json.Decoder[_T]", payload: bytes, what: str) -> _T:
    """Return what a decoder makes of a payload, or raise PayloadError."""
    try:
        return decoder.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise PayloadError("JSON", what, f"{error}: {shown(payload)}") from error


def text_of(payload: bytes) -> str:
    """Return a payload as text without white space around it; what is no UTF-8 is replaced."""
    return payload.decode("utf-8", "replace").strip()


def shown(payload: bytes) -> str:
    """Return the beginning of a payload, for the words of an error."""
    return payload[:80].decode("utf-8", "replace") if payload else "an empty payload"


def told(payload: bytes) -> Json:
    """Return a payload as state: its JSON, else its text; only its size when it is long."""
    if len(payload) > STATE_BYTES_MAX:
        return f"{len(payload)} bytes"
    try:
        return _TREE.decode(payload) if payload else None
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return payload.decode("utf-8", "replace")


def number_in(text: str) -> float | None:
    """Return a number that is written out in a text; None for any other text.

    Errors  PayloadError beyond the range of a float.
    """
    if not _NUMBER.fullmatch(text):
        return None
    value = float(text)
    if value - value != 0:
        raise PayloadError("number", "a finite number", text)
    return value


def number_of(payload: bytes, what: str) -> float:
    """Return the bare number that a payload is, or raise PayloadError."""
    value = number_in(text_of(payload)) if len(payload) <= STATE_BYTES_MAX else None
    if value is None:
        raise PayloadError("number", f"a bare number, {what}", shown(payload))
    return value


def decimal_ns(text: str, unit_ns: int, what: str) -> int:
    """Return a time since 1970 in ns, exactly; what is finer than 1 ns is cut.

    text     a JSON number as it was sent ("1656491512.41")
    unit_ns  1_000_000_000 for seconds, 1_000_000 for milliseconds
    Errors  PayloadError when it is none, or beyond 17 digits.
    """
    if not _TIME.fullmatch(text) or (since := Decimal(text)).adjusted() > 17:
        raise PayloadError(what, "a time since 1970 as a number", text)
    return int(since * unit_ns)


def news(message: Message, envelope: Envelope) -> Message:
    """Return the message, what is old in it without a date turned into state.

    Measurements of a retained message that has no time are named "retained QUANTITY.CHANNEL".
    """
    if not envelope.retained or message.time_ns is not None or not message.measurements:
        return message
    old: dict[str, Json] = {
        f"retained {one.quantity}.{one.channel}".rstrip("."): one.value
        for one in message.measurements
    }
    return replace(message, measurements=[], state={**message.state, **old})


def placed(found: list[tuple[str, Measurement]]) -> list[Measurement]:
    """Return measurements of which no two share a place.

    found  (the vendor's own name, what it means and its value); of two with one meaning the
           second keeps the vendor's name and loses its channel, so that neither hides the other
    """
    taken: set[tuple[str, str]] = set()
    kept: list[Measurement] = []
    for name, meant in found:
        one = meant
        if (meant.quantity, meant.channel) in taken:
            one = Measurement(f"{name} (2)" if name in QUANTITIES else name, meant.value)
        if (one.quantity, one.channel) not in taken:
            taken.add((one.quantity, one.channel))
            kept.append(one)
    return kept


def fits(value: Json, quantity: str) -> bool:
    """Return whether a value can be of that quantity: true is no rainfall and no volume of gas."""
    return not isinstance(value, bool) or quantity in _FROM_ON_OR_OFF
