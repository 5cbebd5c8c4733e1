"""Time as devices state it, read to the nanosecond and not trusted.

Everything here returns int64-sized UTC nanoseconds since 1970 (a Python int, so that a year 9999
does not overflow before it is judged).
"""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ingest.errors import PayloadError
from ingest.reading import Quality

SECOND_NS = 1_000_000_000
EARLIEST_NS = 946_684_800 * SECOND_NS
"""2000-01-01T00:00Z. A device that says less has a clock that was never set."""

AHEAD_NS_MAX = 24 * 3600 * SECOND_NS
"""A day: wide enough for a clock that runs in local time as if it were UTC (14 h at most)."""

_EPOCH = datetime(1970, 1, 1)  # naive on purpose: the calendar's plain arithmetic
_SECOND = timedelta(seconds=1)
_ZULU = frozenset(("Z", "z", "+00:00", "-00:00"))


def judged(time_ns: int, received_ns: int) -> tuple[int, Quality]:
    """Return the time to store and how far it may be trusted.

    A time before 2000, or more than 24 hours after the receipt, can't be true: the time of
    receipt takes its place, marked SUSPECT. Any other past is legitimate history.
    """
    if EARLIEST_NS <= time_ns <= received_ns + AHEAD_NS_MAX:
        return time_ns, Quality.MEASURED
    return received_ns, Quality.SUSPECT


def rfc3339_ns(text: str) -> int:
    """Return an instant of RFC 3339, exactly: up to 9 digits of fraction, further ones are cut.

    "T" may be a space, and the offset may lack its colon. A leap second is the second after.
    Errors  PayloadError when the text is not such an instant, or has no offset.
    """
    end = -6 if text.endswith("+00:00") else -1 if text.endswith("Z") else None
    if end is not None and text[19:20] == ".":  # what network servers send
        digits = text[20:end]
        if len(digits) <= 9 and digits.isascii() and digits.isdigit():
            return _second_ns(text[:19]) + int(digits.ljust(9, "0"))
    fraction_ns, end = _fraction_ns(text)
    offset = text[end:]
    if offset in _ZULU:
        return _second_ns(text[:19]) + fraction_ns
    return _second_ns(text[:19]) + fraction_ns - _offset_s(text, offset) * SECOND_NS


def local_ns(text: str, zone: tzinfo, received_ns: int) -> int:
    """Return the instant of a wall-clock time; with an offset or Z it is read as RFC 3339.

    Ambiguous (the hour that comes twice in autumn): of the two instants, the one nearer to the
    receipt; a message that comes hours late is therefore taken as of the second pass.
    Nonexistent (the hour that spring leaves out): the clock has not been put forward yet, so the
    offset from before the change holds.
    Errors  PayloadError as in rfc3339_ns.
    """
    fraction_ns, end = _fraction_ns(text)
    if end != len(text):
        return rfc3339_ns(text)
    first, second = _passes_ns(text[:19], zone)
    if first != second and abs(received_ns - second) < abs(received_ns - first):
        return second + fraction_ns
    return first + fraction_ns


def _fraction_ns(text: str) -> tuple[int, int]:
    """Return the fraction of a second in ns, and where the text goes on after it."""
    if text[19:20] not in {".", ","}:
        return 0, 19
    end, size = 20, len(text)
    while end < size and text[end] in "0123456789":
        end += 1
    if end == 20:
        raise _wrong(text)
    return int(text[20 : min(end, 29)].ljust(9, "0")), end


@lru_cache(maxsize=4096)
def _second_ns(text: str) -> int:
    """Return "2022-07-18T09:34:15" as if it were UTC, in ns."""
    since = _calendar(text) - _EPOCH
    return (since.days * 86_400 + since.seconds) * SECOND_NS


def _calendar(text: str) -> datetime:
    if (
        len(text) != 19
        or text[4] + text[7] + text[13] + text[16] != "--::"
        or text[10] not in "Tt "
    ):
        raise _wrong(text)
    leap = text[17:] == "60"
    try:
        moment = datetime.fromisoformat(text[:17] + "59" if leap else text)
        return moment + _SECOND if leap else moment
    except (ValueError, OverflowError) as error:
        raise _wrong(text) from error


@lru_cache(maxsize=4096)
def _passes_ns(text: str, zone: tzinfo) -> tuple[int, int]:
    """Return both instants that a wall-clock time can mean; mostly they are one.

    Folds are those of PEP 495, where a time in a gap has the offset from before it at fold 0.
    """
    naive = _calendar(text)
    local_s = (naive - _EPOCH) // _SECOND
    before, after = (
        naive.replace(tzinfo=zone, fold=fold).utcoffset() or timedelta() for fold in (0, 1)
    )
    first = (local_s - before // _SECOND) * SECOND_NS
    if after >= before:  # a gap, or nothing special
        return first, first
    return first, (local_s - after // _SECOND) * SECOND_NS


def _offset_s(text: str, offset: str) -> int:
    """Return "+01:00" or "+0100" in seconds east of Greenwich."""
    digits = offset[1:3] + offset[-2:]
    plain = offset[:1] in {"+", "-"} and len(digits) == 4 and digits.isascii() and digits.isdigit()
    if not plain or not (len(offset) == 5 or (len(offset) == 6 and offset[3] == ":")):
        raise _wrong(text)
    hours, minutes = int(digits[:2]), int(digits[2:])
    if hours > 23 or minutes > 59:
        raise _wrong(text)
    seconds = hours * 3600 + minutes * 60
    return -seconds if offset[0] == "-" else seconds


def _wrong(text: str) -> PayloadError:
    return PayloadError("time", 'an instant like "2026-03-29T01:30:00.25+01:00"', text)


def iso(time_ns: int) -> str:
    """Return an instant as people write it, in UTC, with as many digits as it needs."""
    seconds, rest = divmod(time_ns, SECOND_NS)
    moment = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return moment + (f".{rest:09d}".rstrip("0") if rest else "") + "Z"


def zone(name: str) -> tzinfo:
    """Return the zone of an IANA name or a fixed offset such as +10:00.

    Raises ValueError that says what was expected.
    """
    if match := re.fullmatch(r"([+-])(\d{2}):?([0-5]\d)", name.strip()):
        ahead = timedelta(hours=int(match[2]), minutes=int(match[3]))
        if ahead < timedelta(hours=24):
            return timezone(ahead if match[1] == "+" else -ahead)
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(
            "expected a zone such as Europe/Berlin or an offset such as +01:00,"
            f' found "{name[:60]}"'
        ) from None
