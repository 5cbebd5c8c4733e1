"""The fields of a TOML file, each checked where it stands; every fault names its line and field."""

import re
import tomllib
from collections.abc import Callable, Collection
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeVar

T = TypeVar("T")
Path_ = tuple[str | int, ...]
_TEXT_CHARS = 200
_PLACES = 10  # digits after the point, and 10^6 at most: more is a slip
_LARGEST = Decimal(1_000_000)
_TABLE = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(#.*)?$")
_KEY = re.compile(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")


class TariffError(Exception):
    """A file can't be used; `faults` has a sentence for each thing that is wrong with it."""

    def __init__(self, *faults: str) -> None:
        super().__init__(*faults)
        self.faults = faults

    def __str__(self) -> str:
        return "; ".join(self.faults)


class Document:
    """A TOML file: its fields, where each stands, and what was found wrong so far."""

    def __init__(self, text: str) -> None:
        """Read it. Raises TariffError where it is no TOML."""
        try:
            # Numbers stay as they are written: no price goes through a binary fraction.
            found = tomllib.loads(text, parse_float=Decimal)
        except ValueError as fault:
            said = str(fault)
            place = re.search(r" \(at (?:line (\d+), column \d+|end of document)\)$", said)
            line = place[1] if place and place[1] else str(text.count("\n") + 1)
            what = said[: place.start()] if place else said
            raise TariffError(f"line {line}: expected TOML, found something else: {what}") from None
        self.faults: list[str] = []
        self._lines = _lines(text)
        self.root = Fields(self, found, ())

    def line(self, path: Path_) -> int:
        """Return the line on which a field stands, or else that which it belongs to."""
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 1)

    def wrong(self, path: Path_, expected: str, found: object) -> None:
        """Note a fault."""
        self.faults.append(
            f"line {self.line(path)}: {_told(path)}: expected {expected}, {_found(found)}"
        )

    def beside(self, path: Path_, fault: str) -> None:
        """Note what is wrong with a file that a field names."""
        self.faults.append(f"line {self.line(path)}: {_told(path)}: {fault}")

    def check(self) -> None:
        """Raise TariffError where anything was found wrong."""
        if self.faults:
            raise TariffError(*self.faults)


class Missing:
    """Stands for a field that is not there."""


MISSING = Missing()


class Fields:
    """One table. What is asked for is taken; `done` refuses what nobody asked for."""

    def __init__(self, document: Document, table: dict[str, Any], path: Path_) -> None:
        self._document, self._table, self.path = document, table, path
        self._known: list[str] = []

    def wrong(self, key: str, expected: str, found: object = MISSING) -> None:
        """Note a fault of a field, or ("") of the table as a whole."""
        self._document.wrong((*self.path, key) if key else self.path, expected, found)

    def beside(self, key: str, fault: str) -> None:
        """Note what is wrong with a file that a field names."""
        self._document.beside((*self.path, key), fault)

    @property
    def sound(self) -> bool:
        """Whether nothing was found wrong so far, anywhere in the file."""
        return not self._document.faults

    def has(self, key: str) -> bool:
        """Return whether a field is there."""
        return key in self._table

    def _take(self, key: str, expected: str, needed: bool, good: Callable[[Any], T | None],
              default: T) -> T:  # fmt: skip
        """Return what `good` makes of a field; it returns None for what is wrong."""
        self._known.append(key)
        if key not in self._table:
            if needed:
                self.wrong(key, expected)
            return default
        found = good(self._table[key])
        if found is None:
            self.wrong(key, expected, self._table[key])
            return default
        return found

    def text(self, key: str, *, needed: bool = False) -> str:
        """Return a line of text."""

        def good(value: Any) -> str | None:
            fits = isinstance(value, str) and value.isprintable() and value.strip() == value
            return value if fits and 0 < len(value) <= _TEXT_CHARS else None

        return self._take(key, f"a line of 1 to {_TEXT_CHARS} characters", needed, good, "")

    def like(self, key: str, pattern: str, expected: str, *, needed: bool = False) -> str:
        """Return a text that a pattern fits wholly."""

        def good(value: Any) -> str | None:
            return value if isinstance(value, str) and re.fullmatch(pattern, value) else None

        return self._take(key, expected, needed, good, "")

    def one_of(
        self, key: str, choices: Collection[str], default: str, *, needed: bool = False
    ) -> str:
        """Return one of some words."""

        def good(value: Any) -> str | None:
            return value if isinstance(value, str) and value in choices else None

        return self._take(key, " or ".join(f'"{one}"' for one in choices), needed, good, default)

    def number(self, key: str, low: Decimal, high: Decimal = _LARGEST, *, needed: bool = False
               ) -> Decimal:  # fmt: skip
        """Return a number from low to high, exactly as it is written."""
        expected = f"a number from {low} to {high} with at most {_PLACES} decimals, such as 0.25"

        def good(value: Any) -> Decimal | None:
            if isinstance(value, bool) or not isinstance(value, int | Decimal):
                return None
            number = decimal_of(str(value))
            return number if number is not None and low <= number <= high else None

        return self._take(key, expected, needed, good, Decimal(0))

    def whole(self, key: str, low: int, high: int, *, needed: bool = False) -> int:
        """Return a whole number from low to high."""

        def good(value: Any) -> int | None:
            fits = isinstance(value, int) and not isinstance(value, bool)
            return value if fits and low <= value <= high else None

        return self._take(key, f"a whole number from {low} to {high}", needed, good, 0)

    def day(self, key: str, *, needed: bool = False) -> date | None:
        """Return a date; None: it is not there."""

        def good(value: Any) -> date | None:
            return value if _is_date(value) else None

        return self._take(key, "a date such as 2026-01-01, without quotes", needed, good, None)

    def days(self, key: str) -> frozenset[date]:
        """Return a list of dates."""

        def good(value: Any) -> frozenset[date] | None:
            fits = isinstance(value, list) and all(_is_date(one) for one in value)
            return frozenset(value) if fits else None

        expected = "a list of dates such as [2026-12-24, 2026-12-31]"
        return self._take(key, expected, False, good, frozenset())

    def listed(
        self, key: str, expected: str, good: Callable[[list[Any]], T | None], default: T
    ) -> T:
        """Return what `good` makes of a list that is not empty; it returns None for a wrong one."""

        def whole(value: Any) -> T | None:
            return good(value) if isinstance(value, list) and value else None

        return self._take(key, expected, False, whole, default)

    def tables(self, key: str, most: int, *, needed: bool = True) -> "list[Fields]":
        """Return the tables of a list, `[[key]]`."""

        def good(value: Any) -> list[Fields] | None:
            fits = isinstance(value, list) and all(isinstance(one, dict) for one in value)
            if not fits or not 0 < len(value) <= most:
                return None
            return [
                Fields(self._document, one, (*self.path, key, n)) for n, one in enumerate(value)
            ]

        where = ".".join(str(one) for one in (*self.path, key) if isinstance(one, str))
        return self._take(key, f"1 to {most} tables [[{where}]]", needed, good, [])

    def done(self) -> None:
        """Refuse the fields that nobody asked for: a misspelt one must not be ignored."""
        for key, value in self._table.items():
            if key not in self._known:
                self.wrong(key, f"one of {', '.join(self._known)}", value)


def decimal_of(text: str) -> Decimal | None:
    """Return a number as it is written; None: it is none, too large, or has too many decimals."""
    if not re.fullmatch(r"[+-]?\d{1,7}(\.\d{1,10})?", text):
        return None
    number = Decimal(text)
    return number if abs(number) <= _LARGEST else None


def _is_date(value: object) -> bool:
    return isinstance(value, date) and not isinstance(value, datetime)


def _told(path: Path_) -> str:
    """Return a field as words: term 2, band 1, price."""
    words: list[str] = []
    for one in path:
        if isinstance(one, int):
            words[-1] += f" {one + 1}"
        else:
            words.append(one)
    return ", ".join(words) or "the file"


def _found(found: object) -> str:
    if found is MISSING:
        return "found none"
    if isinstance(found, dict):
        return "found a table"
    text = str([str(one) for one in found]) if isinstance(found, list) else str(found)
    return f'found "{text[:80]}"'


def _lines(text: str) -> dict[Path_, int]:
    """Return the line of each table and field, by its path.

    tomllib says nothing of where a thing stands. What is written in ways that people rarely use
    (a table within braces) is found by the line of what it is in.
    """
    found: dict[Path_, int] = {}
    counts: dict[Path_, int] = {}
    table: Path_ = ()
    quote = ""  # which kind of text over several lines is open
    for number, line in enumerate(text.splitlines(), 1):
        if quote:
            quote = "" if quote in line else quote
            continue
        for kind in ('"""', "'''"):
            if line.count(kind) % 2:
                quote = kind
        head, key = _TABLE.match(line), _KEY.match(line)
        if key is None and head is not None:
            table = _placed(_names(head[2]), counts, new=head[1] == "[[")
            found.setdefault(table, number)
        elif key is not None:
            found.setdefault((*table, *_names(key[1])), number)
    return found


def _names(text: str) -> list[str]:
    return [one.strip().strip("\"'") for one in text.split(".")]


def _placed(names: list[str], counts: dict[Path_, int], *, new: bool) -> Path_:
    """Return the path of a table's head: into the last of each list of tables on its way."""
    path: Path_ = ()
    for place, name in enumerate(names):
        path = (*path, name)
        if new and place == len(names) - 1:
            counts[path] = counts.get(path, -1) + 1
        if path in counts:
            path = (*path, counts[path])
    return path
