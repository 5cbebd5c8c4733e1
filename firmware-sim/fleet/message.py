"""A message as it goes to the broker, and the text form of its time."""

import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

SECOND_NS = 1_000_000_000
_UNIX = datetime(1970, 1, 1, tzinfo=UTC)
_RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)


class Message(NamedTuple):
    """One MQTT message of a device, a recording or a table.

    time_ns  when it was (or is to be) sent, UTC ns; a replay keeps its rhythm by it
    qos      0 or 1
    """

    time_ns: int
    topic: str
    payload: bytes
    qos: int = 1
    retain: bool = False


def rfc3339(time_ns: int) -> str:
    """Return a time as RFC 3339 in UTC, with nine decimals where it isn't a whole second."""
    seconds, rest_ns = divmod(time_ns, SECOND_NS)
    text = (_UNIX + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{rest_ns:09d}+00:00" if rest_ns else f"{text}+00:00"


def time_ns_of(text: str) -> int:
    """Return the UTC ns of an RFC 3339 time, exactly (further decimals are cut).

    Raises ValueError with the expected form where the text is none or carries no offset.
    """
    match = _RFC3339.fullmatch(text.strip())
    if match is None:
        raise ValueError(
            f"expected a time such as 2026-03-01T12:00:00Z (RFC 3339, with an offset), "
            f"found {text[:60]!r}"
        )
    date, clock, decimals, offset = match.groups()
    moment = datetime.fromisoformat(f"{date}T{clock}{'+00:00' if offset in 'Zz' else offset}")
    seconds = (moment - _UNIX) // timedelta(seconds=1)
    return seconds * SECOND_NS + int((decimals or "").ljust(9, "0"))
