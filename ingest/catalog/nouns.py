"""What the catalog knows, column by column: how a person writes each, and what it may be."""

import math
import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Table

from ingest.catalog import tables
from ingest.clock import iso, local_ns, zone
from ingest.errors import PayloadError

Value = str | float | int | bool | None
_SLUG = re.compile(r"[a-z0-9][a-z0-9_.-]{0,62}")
_TEXT_CHARS_MAX = 500
_YES, _NO = frozenset(("yes", "ja", "true", "1")), frozenset(("no", "nein", "false", "0", ""))
_MEDIA = ("", "electricity", "heat", "water", "hot water", "gas", "cooling", "oil", "other")
_DAY_CHARS = 10


class Field(NamedTuple):
    """One column: its name, how text becomes its value and back, and what is said of it.

    parse  raises ValueError that says what was expected; default: for a row that leaves it out
    """

    name: str
    parse: Callable[[str], Value]
    about: str
    default: Value = ""
    show: Callable[[Any], str] = str


class Noun(NamedTuple):
    """One kind of row: its table, the columns that tell one from another, and all the others."""

    name: str
    table: Table
    keys: tuple[Field, ...]
    others: tuple[Field, ...]

    @property
    def fields(self) -> tuple[Field, ...]:
        """All columns, the keys first."""
        return self.keys + self.others

    def row(self, texts: Mapping[str, str]) -> dict[str, Value]:
        """Return a row of what a person wrote; ValueError, a sentence a line, when it is none.

        Columns that are not given are left out: they stay what they are, or become the default.
        """
        faults = [
            f"{name}: expected one of {', '.join(one.name for one in self.fields)}"
            for name in texts
            if name not in {one.name for one in self.fields}
        ]
        found: dict[str, Value] = {}
        for field in self.fields:
            text = texts.get(field.name)
            if text is None and field in self.others:
                continue
            try:
                found[field.name] = field.parse((text or "").strip())
            except ValueError as error:
                faults.append(f'{field.name}: {error}, found "{(text or "")[:60]}"')
        if faults:
            raise ValueError("\n".join(faults))
        return found

    def shown(self, row: Mapping[str, Any]) -> dict[str, str]:
        """Return a row as a person writes it."""
        return {
            field.name: "" if row[field.name] is None else field.show(row[field.name])
            for field in self.fields
        }


def _slug(text: str) -> str:
    if not _SLUG.fullmatch(text):
        raise ValueError("expected a short name of a-z, 0-9, - _ and .")
    return text


def _maybe_slug(text: str) -> str | None:
    return _slug(text) if text else None


def _text(text: str) -> str:
    if len(text) > _TEXT_CHARS_MAX or any(unicodedata.category(one)[0] == "C" for one in text):
        raise ValueError(
            f"expected at most {_TEXT_CHARS_MAX} characters, and no control characters"
        )
    return text


def _named(text: str) -> str:
    if not text:
        raise ValueError("expected a name")
    return _text(text)


def _maybe_named(text: str) -> str | None:
    return _text(text) or None


def _number(text: str) -> float | None:
    """Return a number, also one with a German comma; None where nothing is written."""
    if not text:
        return None
    plain = text.replace(",", ".") if text.count(",") == 1 and "." not in text else text
    try:
        found = float(plain)
    except ValueError:
        found = math.nan
    if not math.isfinite(found) or "_" in text:
        raise ValueError("expected a number such as 51.5 or 51,5, without thousands' marks")
    return found


def _between(low: float, high: float) -> Callable[[str], float | None]:
    def parse(text: str) -> float | None:
        found = _number(text)
        if found is not None and not low <= found <= high:
            raise ValueError(f"expected a number from {low:g} to {high:g}")
        return found

    return parse


def _multiplier(text: str) -> float:
    found = 1.0 if not text else _number(text)
    if found is None or found <= 0:
        raise ValueError("expected a number above 0 (the ratio of the transformers)")
    return found


def _above(text: str) -> float | None:
    found = _number(text)
    if found is not None and found <= 0:
        raise ValueError("expected a number above 0, in the quantity's unit")
    return found


def _yes(text: str) -> bool:
    if text.lower() not in _YES | _NO:
        raise ValueError("expected yes or no")
    return text.lower() in _YES


def _zone(text: str) -> str:
    zone(text or "Europe/Berlin")
    return text or "Europe/Berlin"


def _medium(text: str) -> str:
    if text not in _MEDIA:
        raise ValueError(f"expected one of {', '.join(one for one in _MEDIA if one)}")
    return text


def _time(text: str) -> int:
    """Return a time in UTC ns; one without an offset, or a day, is read in Europe/Berlin."""
    typed = f"{text}T00:00:00" if len(text) == _DAY_CHARS else text
    try:
        if len(typed) == len("2026-03-01T12:00"):
            typed += ":00"
        datetime.fromisoformat(typed)
        return local_ns(typed, zone("Europe/Berlin"), 0)
    except (ValueError, PayloadError):
        raise ValueError(
            "expected a time such as 2026-03-01 or 2026-03-01T12:00:00+01:00"
        ) from None


def _maybe_time(text: str) -> int | None:
    return _time(text) if text else None


def _show_number(value: float) -> str:
    return f"{value:.15g}" if float(f"{value:.15g}") == value else repr(value)


def _show_yes(value: bool) -> str:
    return "yes" if value else "no"


_SERIES_KEYS = (
    Field("device", _named, "the device, as it names itself"),
    Field("quantity", _named, "its quantity, such as active_energy_import"),
    Field("channel", _text, "its channel, where the quantity has several"),
)
NOUNS: dict[str, Noun] = {
    noun.name: noun
    for noun in (
        Noun(
            "tenants",
            tables.TENANTS,
            (Field("id", _slug, "a short name"),),
            (Field("name", _named, "how people call it"),),
        ),
        Noun(
            "sites",
            tables.SITES,
            (Field("id", _slug, "a short name"),),
            (
                Field("tenant", _slug, "whose it is: the id of a tenant"),
                Field("name", _named, "how people call it"),
                Field("district", _text, "the part of the city"),
                Field("sector", _text, "what it is for: school, household, street …"),
                Field("address", _text, "street and number"),
                Field("latitude", _between(-90, 90), "degrees north (WGS 84)", None, _show_number),
                Field("longitude", _between(-180, 180), "degrees east", None, _show_number),
                Field("zone", _zone, "its time zone", "Europe/Berlin"),
                Field("area_m2", _between(0, 1e9), "heated floor area in m²", None, _show_number),
                Field("public", _yes, "whether everybody may see it", False, _show_yes),
            ),
        ),
        Noun(
            "devices",
            tables.DEVICES,
            (Field("id", _named, "as it names itself"),),
            (
                Field("name", _text, "how people call it"),
                Field("site", _maybe_slug, "where it is: the id of a site", None),
                Field("tenant", _maybe_slug, "whose it is while it has no site", None),
                Field("feeder", _maybe_named, "the station that feeds it: a device's id", None),
                Field("note", _text, "whatever helps the next one"),
            ),
        ),
        Noun(
            "meters",
            tables.METERS,
            (*_SERIES_KEYS, Field("installed", _time, "since when it counts there", show=iso)),
            (
                Field("removed", _maybe_time, "until when", None, iso),
                Field("serial", _text, "the number on its plate"),
                Field("medium", _medium, "electricity, heat, water, gas …"),
                Field("multiplier", _multiplier, "ratio of transformers", 1.0, _show_number),
                Field("first_register", _number, "what it showed at first", None, _show_number),
                Field("last_register", _number, "what it showed at last", None, _show_number),
                Field("power_max", _above, "the most that can flow: W or m³/h", None, _show_number),
                Field("width", _above, "where it begins again at 0", None, _show_number),
            ),
        ),
        Noun(
            "answers",
            tables.ANSWERS,
            (
                *_SERIES_KEYS,
                Field("at", _time, "the reading that ends the step", show=iso),
                Field("said", _time, "when it was decided", show=iso),
            ),
            (
                Field("counts", _yes, "whether the step flowed", False, _show_yes),
                Field("author", _text, "who decided"),
                Field("note", _text, "why"),
            ),
        ),
        Noun(
            "series",
            tables.SERIES,
            _SERIES_KEYS,
            (
                Field("label", _text, "how people call it"),
                Field("lowest", _number, "below it a value can't be true", None, _show_number),
                Field("highest", _number, "above it a value can't be true", None, _show_number),
            ),
        ),
    )
}
"""In the order in which they need each other."""
