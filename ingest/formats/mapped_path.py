"""Paths into JSON and texts with places to fill, as the operator writes them in a mapping.

A path is a small part of JSONPath (RFC 9535, sections 2.3 and 2.5):

    data.t              a key of a key; a leading "$." is allowed and says that it is no topic level
    ["a key.1"].v       any key, quoted; single quotes do as well
    list[0]  list[-1]   an element, the last one
    list[*].v           every element, or every value of an object
    .                   the payload itself

Where a path goes on into a text, the text is read as JSON. A text is a literal with places:
"{device}-{meta.line}", each the name of a topic level, "topic", or a path.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from decimal import Decimal
from typing import NamedTuple

from ingest.errors import PayloadError
from ingest.formats.decimals import parsed

Step = str | int | None
Index = str | int

_NAME = re.compile(r"[^\s.\[\]{}\"'*$]+")
_BRACKET = re.compile(
    r"\[(?:(?P<place>-?\d{1,6})|(?P<all>\*)|(?P<json>\"(?:[^\"\\]|\\.)*\")|'(?P<plain>[^']*)')\]"
)
_PLACE = re.compile(r"\{([^{}]*)\}")
_SHOWN = 20


class Path(NamedTuple):
    """A path: what was written, and its steps; None stands for [*]."""

    text: str
    steps: tuple[Step, ...]

    @property
    def stars(self) -> int:
        """How many [*] it has."""
        return self.steps.count(None)


class Text(NamedTuple):
    """A text with places: literals, names of topic levels ("{name}") and paths, in their order."""

    text: str
    parts: tuple[str | Path, ...]

    @property
    def paths(self) -> list[Path]:
        """The paths in it."""
        return [part for part in self.parts if isinstance(part, Path)]


class Tree:
    """A payload while it is read; texts in it that hold JSON are read only once."""

    def __init__(self, root: object) -> None:
        self.root = root
        self._opened: dict[str, object] = {}

    def all(self, path: Path) -> Iterator[tuple[tuple[Index, ...], object]]:
        """Yield every value at a path with what its [*] stand for; nulls are left out."""
        return self._walk(self.root, path.steps, ())

    def at(self, path: Path, indices: tuple[Index, ...]) -> object:
        """Return the value at a path whose [*] stand for these; None where there is none."""
        node, stars = self.root, iter(indices)
        for step in path.steps:
            node = self._child(node, next(stars) if step is None else step)
        return node

    def _walk(
        self, node: object, steps: tuple[Step, ...], indices: tuple[Index, ...]
    ) -> Iterator[tuple[tuple[Index, ...], object]]:
        for place, step in enumerate(steps):
            if step is None:
                for index, child in self._children(node):
                    yield from self._walk(child, steps[place + 1 :], (*indices, index))
                return
            node = self._child(node, step)
        if node is not None:
            yield indices, node

    def _child(self, node: object, step: Index) -> object:
        node = self._open(node)
        if isinstance(node, dict) and isinstance(step, str):
            return node.get(step)
        if isinstance(node, list) and isinstance(step, int) and -len(node) <= step < len(node):
            return node[step]
        return None

    def _children(self, node: object) -> Iterable[tuple[Index, object]]:
        node = self._open(node)
        if isinstance(node, dict):
            return node.items()
        return enumerate(node) if isinstance(node, list) else ()

    def _open(self, node: object) -> object:
        if not isinstance(node, str) or node.lstrip()[:1] not in {"{", "["}:
            return node
        if node not in self._opened:
            self._opened[node] = None
            with suppress(PayloadError):
                self._opened[node] = parsed(node, "JSON in a text")
        return self._opened[node]


def path(text: str) -> Path:
    """Return the path that the operator wrote.

    Errors  ValueError that shows where it can't be understood.
    """
    steps: list[Step] = []
    at = 1 if text.startswith("$") else 0
    if text in {".", "$"}:
        return Path(text, ())
    while at < len(text):
        dotted = text[at] == "."
        name = _NAME.match(text, at + dotted)
        bracket = None if dotted else _BRACKET.match(text, at)
        if name is not None and (dotted if at else not dotted):
            steps.append(name[0])
            at = name.end()
        elif bracket is not None:
            steps.append(_step(bracket))
            at = bracket.end()
        else:
            break
    if at < len(text) or not steps:
        seen = f" after {text[:at]!r}" if at else ""
        raise ValueError(
            f'path {text!r}: expected keys like a.b, ["a key"], [0] or [*]{seen},'
            f" found {text[at:] or 'nothing'!r}"
        )
    return Path(text, tuple(steps))


def text_with_places(text: str, levels: Iterable[str]) -> Text:
    """Return a text whose places are names of topic levels, "topic", or paths.

    Errors  ValueError for a brace that stands alone, and as in `path`.
    """
    known = frozenset((*levels, "topic"))
    parts: list[str | Path] = []
    at = 0
    for place in _PLACE.finditer(text):
        parts.append(text[at : place.start()])
        inner, at = place[1].strip(), place.end()
        parts.append(f"{{{inner}}}" if inner in known else path(inner))
    parts.append(text[at:])
    literals = [part for part in parts[::2] if isinstance(part, str)]
    if any("{" in part or "}" in part for part in literals):
        raise ValueError(f"text {text!r}: expected places like {{name}}, found a brace alone")
    return Text(text, tuple(part for part in parts if part))


def filled(
    text: Text, levels: Mapping[str, str], tree: Tree, indices: tuple[Index, ...], what: str
) -> str:
    """Return a text with its places filled.

    Errors  PayloadError, rule `what`, when the message has no text or number at a path.
    """
    found: list[str] = []
    for part in text.parts:
        if isinstance(part, Path):
            value = tree.at(part, indices[: part.stars])
            if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
                raise PayloadError(what, f"a text or a number at {part.text}", shown(value))
            found.append(str(value))
        else:
            found.append(levels.get(part[1:-1], part) if part[0] == "{" else part)
    return "".join(found)


def follows(inner: Path, outer: Path) -> bool:
    """Say whether every [*] of a path stands where one of the other path does."""
    if not inner.stars:
        return True
    last = max(place for place, step in enumerate(inner.steps) if step is None)
    return inner.steps[: last + 1] == outer.steps[: last + 1]


def shown(node: object) -> str:
    """Return what is there instead, for an error: the keys of an object, or the value."""
    if isinstance(node, dict):
        keys = ", ".join(str(key) for key in list(node)[:_SHOWN])
        return f"an object of {keys}" if keys else "an empty object"
    if isinstance(node, list):
        return f"an array of {len(node)}"
    return "nothing" if node is None else repr(node)[:80]


def _step(bracket: re.Match[str]) -> Step:
    if bracket["all"]:
        return None
    if bracket["place"] is not None:
        return int(bracket["place"])
    if bracket["json"] is None:
        return bracket["plain"]
    try:
        return str(json.loads(bracket["json"]))
    except ValueError as error:
        raise ValueError(f"path: {bracket['json']} is no quoted key") from error
