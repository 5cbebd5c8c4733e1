"""InfluxDB's line protocol as text: points from lines, and a line from a point.

Source: InfluxDB v2 documentation, "Line protocol"; what its words leave open is settled by the
line-protocol corpus (influxdata/line-protocol-corpus), of which every case holds here.

    measurement,tag=value,tag=value field=1.5,field=2i,field="text" 1465839830100400200

- In names and tag values a backslash escapes a comma, a space and (not in the measurement) an
  equals sign; before anything else it is itself. In strings it escapes `"` and itself.
- A string may hold line breaks. Elsewhere control characters are errors, also tabs.
- Lines end in LF or CRLF; empty lines, and lines that begin with "#", are skipped.
- A tag must have a value, and no line has a tag twice.
"""

import re
from decimal import Decimal
from math import isfinite
from typing import NamedTuple

from ingest.errors import PayloadError

LINES_MAX = 4096
_INT64_MAX = (1 << 63) - 1
_UINT64_MAX = (1 << 64) - 1
_TOKEN = r"[^,= \\\x00-\x1f\x7f]"
_NAME = re.compile(r"(?:[^, \\\x00-\x1f\x7f]|\\[, ]|\\)++")
_KEY = re.compile(rf"(?:{_TOKEN}|\\[,= ]|\\)++")
_STRING = re.compile(r'"((?:[^"\\]|\\.)*+)"', re.DOTALL)
_WORD = re.compile(r"[^, \r\n]*+")
_FLOAT = re.compile(r"-?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_INTEGER = re.compile(r"(-?\d+)i|(\d+)u")
_TIME = re.compile(r"-?\d+")
_SPACES = re.compile(r" *+")
_END = re.compile(r" *+(?:\r?\n|\r?\Z)")
_SKIP = re.compile(r"(?: *+(?:#[^\n]*+)?\r?\n| ++)*+(?:#[^\n]*+\Z)?")
_BOOLS = {
    **dict.fromkeys(("t", "T", "true", "True", "TRUE"), True),
    **dict.fromkeys(("f", "F", "false", "False", "FALSE"), False),
}
_NAME_UNESCAPED = re.compile(r"\\([, ])")
_KEY_UNESCAPED = re.compile(r"\\([,= ])")
_STRING_UNESCAPED = re.compile(r'\\(["\\])')
_NAME_ESCAPED = re.compile(r"([, ])")
_KEY_ESCAPED = re.compile(r"([,= ])")
_STRING_ESCAPED = re.compile(r'(["\\])')
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_BACKSLASHED = r"\\\1"


class Unsigned(int):
    """An integer of 64 bits without a sign, written with "u"."""


Value = float | int | Unsigned | str | bool


class Point(NamedTuple):
    """One line: tags and fields in their order; time in the line's own unit, None: none."""

    measurement: str
    tags: tuple[tuple[str, str], ...]
    fields: tuple[tuple[str, Value], ...]
    time: int | None = None


def points(payload: bytes) -> list[Point]:
    """Return the points of a message, in their order.

    Errors  PayloadError, rule "line protocol", naming the line and what was there instead; also
            for more than 4,096 lines.
    """
    try:
        text = payload.decode("utf-8")
    except UnicodeDecodeError as error:
        raise PayloadError("line protocol", "text in UTF-8", str(error)) from error
    found: list[Point] = []
    at = _after(_SKIP, text, 0)
    while at < len(text):
        if len(found) == LINES_MAX:
            raise PayloadError("line protocol", f"at most {LINES_MAX} lines in a message", "more")
        point, at = _point(text, at)
        found.append(point)
        at = _after(_SKIP, text, at)
    return found


def encoded(point: Point) -> str:
    """Return the line of a point, without the line break; tags and fields keep their order.

    Errors  ValueError for what the protocol can't say: an empty name or tag value, a control
            character or a backslash at the end of one, no fields, a number out of range.
    """
    name = _escaped("measurement", point.measurement, _NAME_ESCAPED)
    if name.startswith("#"):
        raise ValueError(f"measurement {point.measurement!r}: a line that begins with # is skipped")
    if not point.fields:
        raise ValueError(f"fields of {point.measurement!r}: expected at least one")
    tags = "".join(
        f",{_escaped('tag', key, _KEY_ESCAPED)}={_escaped(f'tag {key}', value, _KEY_ESCAPED)}"
        for key, value in point.tags
    )
    if len({key for key, _ in point.tags}) < len(point.tags):
        raise ValueError(f"tags of {point.measurement!r}: each only once")
    fields = ",".join(
        f"{_escaped('field', key, _KEY_ESCAPED)}={_written(key, value)}"
        for key, value in point.fields
    )
    if point.time is None:
        return f"{name}{tags} {fields}"
    if not -_INT64_MAX - 1 <= point.time <= _INT64_MAX:
        raise ValueError(f"time {point.time}: expected 64 bits")
    return f"{name}{tags} {fields} {point.time}"


def _after(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return at if found is None else found.end()


def _point(text: str, at: int) -> tuple[Point, int]:
    """Read one point; the text goes on after its line."""
    token = _NAME.match(text, at)
    if token is None:
        raise _wrong(text, at, "the name of a measurement")
    measurement, at = _NAME_UNESCAPED.sub(r"\1", token[0]), token.end()
    tags: dict[str, str] = {}
    while text.startswith(",", at):
        key, at = _key(text, at + 1, "the name of a tag")
        token = _KEY.match(text, at)
        if token is None:
            raise _wrong(text, at, f"a value of the tag {key}")
        if key in tags:
            raise _wrong(text, at, f"the tag {key} once")
        tags[key], at = _KEY_UNESCAPED.sub(r"\1", token[0]), token.end()
    if not text.startswith(" ", at):
        raise _wrong(text, at, "a space, and fields after it")
    at = _after(_SPACES, text, at) - 1
    fields: list[tuple[str, Value]] = []
    while not fields or text.startswith(",", at):
        key, at = _key(text, at + 1, "the name of a field")
        value, at = _value(text, at, key)
        fields.append((key, value))
    time, at = _time(text, at)
    return Point(measurement, tuple(tags.items()), tuple(fields), time), at


def _key(text: str, at: int, what: str) -> tuple[str, int]:
    token = _KEY.match(text, at)
    if token is None:
        raise _wrong(text, at, what)
    if not text.startswith("=", token.end()):
        raise _wrong(text, token.end(), f"= after {token[0]}")
    return _KEY_UNESCAPED.sub(r"\1", token[0]), token.end() + 1


def _value(text: str, at: int, key: str) -> tuple[Value, int]:
    if text.startswith('"', at):
        string = _STRING.match(text, at)
        if string is None:
            raise _wrong(text, at, f"the closing quote of {key}")
        return _STRING_UNESCAPED.sub(r"\1", string[1]), string.end()
    word = _WORD.match(text, at)
    assert word is not None  # it may be empty
    spelled = word[0]
    if spelled in _BOOLS:
        return _BOOLS[spelled], word.end()
    number = _number(spelled)
    if number is None:
        raise _wrong(text, at, f"a number, a boolean or a quoted text as {key}")
    return number, word.end()


def _number(spelled: str) -> Value | None:
    """Return a number; None for what is none, or does not fit its 64 bits."""
    integer = _INTEGER.fullmatch(spelled) if spelled.isascii() else None
    if integer is not None:
        digits = (integer[1] or integer[2]).lstrip("-").lstrip("0")
        if len(digits) > 20:
            return None
        value = -int(digits or 0) if spelled[0] == "-" else int(digits or 0)
        if integer[2] is not None:
            return Unsigned(value) if value <= _UINT64_MAX else None
        return value if -_INT64_MAX - 1 <= value <= _INT64_MAX else None
    if not spelled.isascii() or _FLOAT.fullmatch(spelled) is None:
        return None
    number = float(spelled)
    return number if isfinite(number) else None


def _time(text: str, at: int) -> tuple[int | None, int]:
    """Read the time, if there is one, and the end of the line."""
    time: int | None = None
    spaces = _after(_SPACES, text, at)
    token = _TIME.match(text, spaces) if spaces > at else None
    if token is not None:
        digits = token[0].lstrip("-").lstrip("0")
        time = int(digits[:20] or 0)
        time = -time if token[0][0] == "-" else time
        if len(digits) > 19 or not -_INT64_MAX - 1 <= time <= _INT64_MAX or not token[0].isascii():
            raise _wrong(text, spaces, "a time of 64 bits")
        at = token.end()
    end = _END.match(text, at)
    if end is None:
        after = "the end of the line" if time is not None else "a comma, a time or the line's end"
        raise _wrong(text, at, after)
    return time, end.end()


def _escaped(what: str, name: str, pattern: re.Pattern[str]) -> str:
    if not name or name.endswith("\\") or _CONTROL.search(name):
        raise ValueError(f"{what} {name!r}: expected text without control characters or a last \\")
    return pattern.sub(_BACKSLASHED, name)


def _written(key: str, value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{_STRING_ESCAPED.sub(_BACKSLASHED, value)}"'
    if isinstance(value, Unsigned):
        if 0 <= value <= _UINT64_MAX:
            return f"{int(value)}u"
    elif isinstance(value, int):
        if -_INT64_MAX - 1 <= value <= _INT64_MAX:
            return f"{value}i"
    elif isfinite(value):
        return _float_text(value)
    raise ValueError(f"field {key}: {value!r} is no finite number of 64 bits")


def _float_text(value: float) -> str:
    """Return the fewest digits that are this float; an exponent below 1e-4 and from 1e6 on."""
    sign, digits, exponent = Decimal(repr(float(value))).normalize().as_tuple()
    assert isinstance(exponent, int)  # it is finite
    power = len(digits) - 1 + exponent
    minus = "-" if sign else ""
    text = "".join(map(str, digits))
    if power < -4 or power >= 6:
        return f"{minus}{text[0]}{'.' if text[1:] else ''}{text[1:]}e{power:+03d}"
    if exponent >= 0:
        return minus + text + "0" * exponent
    text = text.rjust(1 - exponent, "0")
    return f"{minus}{text[:exponent]}.{text[exponent:]}"


def _wrong(text: str, at: int, expected: str) -> PayloadError:
    line = text.count("\n", 0, at) + 1
    found = text[at : at + 40] or "the end"
    return PayloadError(f"line protocol, line {line}", expected, found)
