"""The fields of one table of a TOML file; every fault names its table and key.

What is asked for is taken; `done` refuses what nobody asked for.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_UNITS_S = {"s": 1, "min": 60, "h": 3600, "d": 86_400}
_TEXT_CHARS = 500
_LIST_MAX = 1_000
_SECRET = frozenset({"password", "secret", "url", "broker"})  # they are never shown


class Fields:
    """One table, such as `[[rule]]`; `faults` takes a sentence for each thing that is wrong.

    shown  how the table is called in these sentences
    """

    def __init__(self, shown: str, table: dict[str, Any], faults: list[str]) -> None:
        self.shown, self._table, self._faults = shown, table, faults
        self._known: list[str] = []

    def wrong(self, key: str, expected: str) -> None:
        """Note a fault of a field: what was expected, and what was found."""
        if key not in self._table:
            found = "found none"
        elif key in _SECRET:
            found = "found something else, which is not shown"
        else:
            found = f"found {_told(self._table[key])}"
        self._faults.append(f"{self.shown}: {key}: expected {expected}; {found}")

    def beside(self, key: str, fault: str) -> None:
        """Note what is wrong with what a field names."""
        self._faults.append(f"{self.shown}: {key}: {fault}")

    def has(self, key: str) -> bool:
        """Return whether a field is there."""
        return key in self._table

    def _take(self, key: str) -> Any:
        self._known.append(key)
        return self._table.get(key)

    def text(self, key: str, *, needed: bool = False, expected: str = "a line of text") -> str:
        """Return a line of text; "" where there is none."""
        value = self._take(key)
        if value is None and not needed:
            return ""
        if isinstance(value, str) and value.isprintable() and 0 < len(value) <= _TEXT_CHARS:
            return value
        self.wrong(key, expected)
        return ""

    def one_of(self, key: str, choices: Sequence[str], default: str = "") -> str:
        """Return one of some words."""
        value = self._take(key)
        if value is None and default:
            return default
        if isinstance(value, str) and value in choices:
            return value
        self.wrong(key, f"one of {', '.join(choices)}")
        return default or choices[0]

    def texts(self, key: str, *, needed: bool = False) -> tuple[str, ...]:
        """Return a list of lines of text; none where the field is left out."""
        value = self._take(key)
        if value is None and not needed:
            return ()
        fits = isinstance(value, list) and 0 < len(value) <= _LIST_MAX
        if fits and all(isinstance(one, str) and one and one.isprintable() for one in value):
            return tuple(dict.fromkeys(value))
        self.wrong(key, 'a list of texts, such as ["a", "b"]')
        return ()

    def number(self, key: str, lowest: float, highest: float, default: float) -> float:
        """Return a number from lowest to highest."""
        value = self._take(key)
        if value is None:
            return default
        counts = isinstance(value, int | float) and not isinstance(value, bool)
        if counts and lowest <= value <= highest:
            return float(value)
        self.wrong(key, f"a number from {lowest:g} to {highest:g}")
        return default

    def port(self, key: str, default: int) -> int:
        """Return a port."""
        value = self._take(key)
        if value is None:
            return default
        if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 65_536:
            return value
        self.wrong(key, "a port from 1 to 65535")
        return default

    def lasting_s(self, key: str) -> int:
        """Return a length of time in seconds; 0 where there is none, a week at most."""
        value = self._take(key)
        if value is None:
            return 0
        match = re.fullmatch(r"(\d{1,6}) ?(s|min|h|d)", value) if isinstance(value, str) else None
        length_s = int(match[1]) * _UNITS_S[match[2]] if match else -1
        if 0 <= length_s <= 7 * 86_400:
            return length_s
        self.wrong(key, 'a time of at most 7 d, such as "15 min" (s, min, h, d)')
        return 0

    def hours(self, key: str) -> tuple[int, int] | None:
        """Return the minutes of the day at which hours begin and end; they may pass midnight."""
        value = self._take(key)
        if value is None:
            return None
        clock = r"([01]\d|2[0-3]):([0-5]\d)"
        match = re.fullmatch(f"{clock}-{clock}", value) if isinstance(value, str) else None
        if match:
            start, end = (60 * int(match[at]) + int(match[at + 1]) for at in (1, 3))
            if start != end:
                return start, end
        self.wrong(key, 'hours with a beginning and an end, such as "22:00-06:00"')
        return None

    def secret(self, key: str) -> str:
        """Return a secret: `key` itself, or the first line of the file that `key`_file names."""
        given, path = self.text(key), self.text(f"{key}_file")
        if given and path:
            self.beside(key, f"expected {key} or {key}_file, found both")
        if not path:
            return given
        try:
            with Path(path).open(encoding="utf-8") as file:
                first = file.readline(4096).rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as fault:
            self.beside(f"{key}_file", f"{path} can't be read: {fault}")
            return ""
        if not first:
            self.beside(f"{key}_file", f"expected a first line that is not empty; {path} has none")
        return first

    def tables(self, key: str) -> list[dict[str, Any]]:
        """Return the tables `[[key]]`, at least one."""
        value = self._take(key)
        if isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
            return value
        self.wrong(key, f"at least one table [[{key}]]")
        return []

    def done(self) -> None:
        """Refuse every field that was not asked for."""
        for key in self._table:
            if key not in self._known:
                known = ", ".join(self._known)
                self._faults.append(f"{self.shown}: {key}: expected one of {known}")


def _told(value: object) -> str:
    text = f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) <= 80 else f"{text[:79]}…"
