"""What formats learned from announcements, and later messages can't be understood without.

Some senders say once what they will send (a Sparkplug birth, a Home Assistant configuration, a
vzlogger identifier) and from then on only values. What was learned is written in the commit of
the message that told it, and read back at a start, so a restart forgets nothing.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ingest.reading import Json

_FACTS_MAX = 500_000


class Fact(NamedTuple):
    """One thing learned: the format that knows it, its name there, and what is known."""

    format: str
    name: str
    value: Json


class Memory:
    """Facts by format and name. One thread uses it.

    facts_max  beyond it the facts that were learned first are forgotten; what is forgotten here
               stays stored, and is known again after a start
    """

    def __init__(self, facts: Iterable[Fact] = (), *, facts_max: int = _FACTS_MAX) -> None:
        self._facts_max = facts_max
        self._known: dict[str, dict[str, Json]] = {}
        self._count = 0
        self._unsaved: dict[tuple[str, str], Fact] = {}
        for fact in facts:
            self._put(fact)

    def get(self, format_name: str, name: str) -> Json:
        """Return what is known under that name; None: nothing."""
        known = self._known.get(format_name)
        return None if known is None else known.get(name)

    def of(self, format_name: str) -> Mapping[str, Json]:
        """Return all that a format has learned, by name."""
        return self._known.get(format_name, {})

    def learn(self, format_name: str, name: str, value: Json) -> None:
        """Know this from now on; None: forget it. What is known already costs nothing."""
        if self.get(format_name, name) != value:
            fact = Fact(format_name, name, value)
            self._put(fact)
            self._unsaved[format_name, name] = fact

    def erase(self, facts: Iterable[tuple[str, str]]) -> None:
        """Know nothing of these (format, name) any more, nor store them."""
        for format_name, name in facts:
            self._put(Fact(format_name, name, None))
            self._unsaved.pop((format_name, name), None)

    def unsaved(self) -> list[Fact]:
        """Return what was learned and has not been stored yet."""
        return list(self._unsaved.values())

    def saved(self, facts: Iterable[Fact]) -> None:
        """Take note that these are stored now."""
        for fact in facts:
            if self._unsaved.get((fact.format, fact.name)) is fact:
                del self._unsaved[fact.format, fact.name]

    def _put(self, fact: Fact) -> None:
        known = self._known.setdefault(fact.format, {})
        self._count -= known.pop(fact.name, None) is not None
        if fact.value is None:
            return
        known[fact.name] = fact.value
        self._count += 1
        if self._count > self._facts_max:
            largest = max(self._known.values(), key=len)
            del largest[next(iter(largest))]
            self._count -= 1
