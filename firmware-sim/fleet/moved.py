"""Times inside payloads, moved by a number of seconds; every other byte stays as it is.

Moved is what can be known for a time where it stands:
- a text in quotes that is a whole RFC 3339 time, also one without an offset,
- a number of Unix time in s, ms, us or ns under one of the usual names (ts, time, timestamp …),
both only within a year of the moment at which the message was recorded, so that a firmware's date
or an installation's stays. The form is kept: separator, decimals, offset.
Not moved are times in binary payloads, in base64 or hex, in counts since another epoch, and what
follows from a time (energy of "today"). A local time without an offset moves by the same seconds,
which is an hour off across a clock change.
"""

import re
from datetime import UTC, datetime, timedelta

from fleet.message import SECOND_NS

# Both begin with a quote as it is, which is what makes the search fast.
_TEXT = re.compile(
    rb'"(\d{4}-\d\d-\d\d)([Tt ])(\d\d:\d\d:\d\d)(?=(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:?\d\d)?")'
)
_NUMBER = re.compile(
    rb'("(?i:ts|tst|time|timestamp|epoch|unixtime|utc|measured_at|received_at|sent_at)"\s*:\s*)'
    rb"(\d{10,19})(?=(?:\.\d+)?\s*[,}\]])"
)
_PER_SECOND = {10: 1, 13: 1000, 16: 1_000_000, 19: 1_000_000_000}  # by the number of digits
_NEAR_S = 366 * 86_400
_UNIX = datetime(1970, 1, 1, tzinfo=UTC)


def moved(payload: bytes, by_s: int, recorded_ns: int) -> tuple[bytes, int]:
    """Return the payload with its times moved by whole seconds, and how many they were.

    recorded_ns  when the message was recorded; times further than a year from it stay
    """
    near_s, count = recorded_ns // SECOND_NS, 0

    def text(match: re.Match[bytes]) -> bytes:
        nonlocal count
        date, separator, clock = match.groups()
        try:
            moment = datetime.fromisoformat(f"{date.decode()}T{clock.decode()}+00:00")
            later = moment + timedelta(seconds=by_s)
        except (ValueError, OverflowError):
            return match[0]  # 2026-02-30, or a year that a date can't have
        if abs((moment - _UNIX) // timedelta(seconds=1) - near_s) > _NEAR_S:
            return match[0]
        count += 1
        day, hour = later.strftime("%Y-%m-%d"), later.strftime("%H:%M:%S")
        return b'"' + day.encode() + separator + hour.encode()

    def number(match: re.Match[bytes]) -> bytes:
        nonlocal count
        per_second = _PER_SECOND.get(len(match[2]))
        if per_second is None or abs(int(match[2]) // per_second - near_s) > _NEAR_S:
            return match[0]
        count += 1
        return match[1] + str(int(match[2]) + by_s * per_second).encode()

    return _NUMBER.sub(number, _TEXT.sub(text, payload)), count
