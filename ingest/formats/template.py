"""The plain part of Home Assistant's value templates: pick a value, and convert it.

Source: Home Assistant documentation, "Templating" ("Processing incoming data": value, value_json)
and the filters float, int, round, default and is_defined.

    {{ value }}   {{ value_json.a.b }}   {{ value_json['a']["b"][0] | float(0) | round(2) }}

Everything beyond (arithmetic, conditions, calls) is not understood, and nothing is guessed of it.
A default that stands for a missing value is not taken: it would be a reading that nobody measured.
"""

import math
import re
from functools import lru_cache
from typing import NamedTuple

from ingest.errors import PayloadError
from ingest.formats.bare import number_in, shown, text_of, tree
from ingest.reading import Json

_CHARS_MAX = 400
_STEP = r"\.[A-Za-z_]\w*|\[\s*(?:'[^'\\]*'|\"[^\"\\]*\"|\d{1,4})\s*\]"
_FILTER = (
    r"\|\s*(?:float|int|round|default|is_defined)\b"
    r"(?:\(\s*(?:-?\d{1,9}(?:\.\d{0,9})?|'[^']*'|\"[^\"]*\"|none|None)?\s*\))?"
)
_TEMPLATE = re.compile(
    r"\s*\{\{-?\s*(value_json|value)((?:" + _STEP + r")*)\s*((?:" + _FILTER + r"\s*)*)-?\}\}\s*"
)
_STEPS = re.compile(_STEP)
_FILTERS = re.compile(_FILTER)


class Template(NamedTuple):
    """Where a value is, and what is done with it.

    steps    keys and places in the JSON of the payload; None: the payload itself is the value
    filters  "float", "int", or "round" with its number of digits, in their order
    """

    steps: tuple[str | int, ...] | None
    filters: tuple[tuple[str, int], ...]


@lru_cache(maxsize=8192)
def parsed(text: str) -> Template | None:
    """Return a template understood; None for one that is beyond the plain part."""
    if not text.strip():
        return Template(None, ())
    match = _TEMPLATE.fullmatch(text) if len(text) <= _CHARS_MAX else None
    if match is None or (match[1] == "value" and match[2]):
        return None
    steps = tuple(_step(step[0]) for step in _STEPS.finditer(match[2]))
    filters: list[tuple[str, int]] = []
    for one in _FILTERS.finditer(match[3]):
        name, _, argument = one[0][1:].strip().partition("(")
        name, argument = name.strip(), argument.rstrip(") ")
        if name == "round":
            if argument and not argument.isdigit():
                return None
            filters.append((name, min(int(argument or 0), 15)))
        elif name in {"float", "int"}:
            filters.append((name, 0))
    return Template(None if match[1] == "value" else steps, tuple(filters))


def _step(text: str) -> str | int:
    if text[0] == ".":
        return text[1:]
    inner = text[1:-1].strip()
    return int(inner) if inner.isdigit() else inner[1:-1]


def picked(template: Template, payload: bytes) -> Json:
    """Return the value that a template makes of a payload; None where there is none.

    Errors  PayloadError when the template wants JSON and the payload is none.
    """
    if template.steps is None:
        value: Json = text_of(payload)
    else:
        value = tree(payload, "JSON, as its Home Assistant configuration says")
        for step in template.steps:
            if isinstance(value, dict) and isinstance(step, str):
                value = value.get(step)
            elif isinstance(value, list) and isinstance(step, int) and step < len(value):
                value = value[step]
            else:
                return None
    return _filtered(value, template, payload) if template.filters else value


def _filtered(value: Json, template: Template, payload: bytes) -> Json:
    number = number_in(value.strip()) if isinstance(value, str) else value
    if number is None or isinstance(number, dict | list):
        return None
    try:
        for name, digits in template.filters:
            if name == "int":
                number = math.trunc(number)
            elif name == "round":
                number = round(float(number), digits)
            else:
                number = float(number)
    except OverflowError as error:
        raise PayloadError("number", "a finite number", shown(payload)) from error
    return number
