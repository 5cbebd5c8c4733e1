"""Times as people type them into a query, and as answers give them: RFC 3339."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo
from functools import cache

from analytics.calendar import to_ns
from api.problems import BadQueryError
from ingest.clock import zone

_SECOND_NS = 1_000_000_000
_SECONDS_CHARS = len("2026-03-01T12:00:00")
_EPOCH = datetime(1970, 1, 1)  # without a zone, so that it is told without one
_EARLIEST, _LATEST = 1678, 2261  # what int64 ns can tell
_EXPECTED = "a time such as 2026-03-01T12:00:00Z, 2026-03-01T13:00:00+01:00 or 2026-03-01"


def asked_ns(name: str, text: str, where: tzinfo) -> int:
    """Return a time of a query as UTC ns; one without an offset is read in the zone `where`.

    Raises BadQueryError that names the parameter, what was expected and what was found.
    """
    # In a query "+" means a blank; whoever forgets to escape it still means an offset.
    typed = re.sub(r" (\d{2}:?\d{2})$", r"+\1", text.strip())
    try:
        moment = datetime.fromisoformat(typed)
    except ValueError:
        raise BadQueryError(name, _EXPECTED, text) from None
    if not _EARLIEST <= moment.year <= _LATEST:
        raise BadQueryError(name, f"a year from {_EARLIEST} to {_LATEST}", text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=where)
    fraction = re.search(r"[.,]\d{6}(\d{1,3})", typed)  # below a microsecond
    return to_ns(moment) + (int(fraction[1].ljust(3, "0")) if fraction else 0)


def asked_span(
    start: str | None, end: str | None, where: tzinfo, default: tuple[int, int]
) -> tuple[int, int]:
    """Return [start, end) of a query in ns, with defaults for what is left out.

    A span that lies wholly outside of the defaults is empty, which is no fault of the query.
    """
    start_ns = default[0] if start is None else asked_ns("start", start, where)
    end_ns = default[1] if end is None else asked_ns("end", end, where)
    if start is not None and end is not None and end_ns < start_ns:
        raise BadQueryError("end", f"a time not before start ({start[:80]})", end)
    return start_ns, max(start_ns, end_ns)


def asked_zone(name: str) -> tzinfo:
    """Return the zone of a query, or raise BadQueryError."""
    try:
        return zone(name.replace(" ", "+") if re.fullmatch(r" \d{2}:?\d{2}", name) else name)
    except ValueError:
        expected = "a zone such as Europe/Berlin, or an offset such as +01:00"
        raise BadQueryError("tz", expected, name) from None


def utc(time_ns: int) -> str:
    """Return UTC ns as RFC 3339 with as many digits as it needs: 0, 3, 6 or 9."""
    seconds, rest_ns = divmod(time_ns, _SECOND_NS)
    return f"{(_EPOCH + timedelta(seconds=seconds)).isoformat()}{_fraction(rest_ns)}Z"


def local(time_ns: int, where: tzinfo) -> str:
    """Return UTC ns as RFC 3339 in a zone, with its offset at that time, to the ns."""
    seconds, rest_ns = divmod(time_ns, _SECOND_NS)
    text = datetime.fromtimestamp(seconds, where).isoformat()
    if rest_ns == 0:
        return text
    # What stands behind the seconds is the offset, "+00:53:28" in a zone's early days.
    return f"{text[:_SECONDS_CHARS]}{_fraction(rest_ns)}{text[_SECONDS_CHARS:]}"


def told_in(where: tzinfo) -> Callable[[int], str]:
    """Return `local` of a zone, which tells each time of a long answer once."""
    return cache(lambda time_ns: local(time_ns, where))


def _fraction(rest_ns: int) -> str:
    if rest_ns == 0:
        return ""
    digits = f"{rest_ns:09d}"
    for keep in (3, 6):
        if not digits[keep:].strip("0"):
            return "." + digits[:keep]
    return "." + digits
