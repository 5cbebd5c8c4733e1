"""What a vendor's field means: its quantity, its channel, and the way to the quantity's unit.

The rules, in this order:
1. One of our own quantity names is that quantity in its canonical unit, as it is; what follows
   it after a dot is its channel ("active_power.L1"). Names that makers use with several units
   ("distance", "level", "no2") are ours only with a unit, else they stay theirs.
2. An OBIS code (IEC 62056-61: "1-0:1.8.0*255", "1.8.0", "1_8_0") is what the code says. Registers
   are in Wh, the code's base unit, unless the caller says otherwise.
3. The words of the name ("TempC_SHT", "Total_in", "energy_kwh", "air.co2") must *all* be
   understood: one known noun, and beside it only units of that quantity, channels, and words
   without weight. One word more ("temperature_alarm", "power_max"), and the field is not ours.
4. Everything else stays under the vendor's own dotted name, as it is and without a unit.

The tables of words are in ingest/words.py. Nothing is guessed from a value. A register of energy
needs a unit, in its name or from the caller; "battery" and "vdd" alone may be V, mV or % and stay
the vendor's; so do units in lower case that may be milli or mega ("MWh" and "mWh" are told apart,
"mwh" is not).

Booleans become 0 and 1. Strings are ignored, also those that look like numbers: they are serial
numbers and versions more often than measurements.
"""

import math
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from ingest.errors import PayloadError
from ingest.quantity import QUANTITIES
from ingest.reading import Json, Measurement
from ingest.unit import SAME, SPELLED, UNITS, Scale, scale_of, scaled
from ingest.words import (
    CHANNELS,
    ENERGY_UNITS,
    NEEDS_UNIT,
    NOUN_WORDS,
    NOUNS,
    NUMBERABLE,
    WEIGHTLESS,
)

DEPTH_MAX = 32
FIELDS_MAX = 4096
NAME_CHARS_MAX = 128  # also what keeps the cache of meanings small, whatever is sent
UNIT_CHARS_MAX = 16


class Meaning(NamedTuple):
    """A field understood; for a field that is not, the vendor's name, no channel and SAME."""

    quantity: str
    channel: str
    scale: Scale


class Field(NamedTuple):
    """A number found in a message: its dotted name, its value, and the unit that stands by it."""

    name: str
    value: float
    unit: str


_KEPT_FIELDS_MAX = 64
_NESTED = frozenset((dict, list))
_OBIS = re.compile(
    r"(?:^|[^\d])(?:\d+-\d+[:_])?(\d{1,2})[._](\d{1,2})[._](\d{1,3})(?:[*]255)?$"
)  # another group F is a former period
OBIS_REGISTERS = {
    1: "active_energy_import",
    2: "active_energy_export",
    3: "reactive_energy_import",
    4: "reactive_energy_export",
    9: "apparent_energy",
}
_EXPORTED = Scale(0.0, -1.0)
_OBIS_NOW: dict[int, tuple[str, str, Scale]] = {
    16: ("active_power", "", SAME),
    1: ("active_power", "import", SAME),
    2: ("active_power", "export", _EXPORTED),
    3: ("reactive_power", "", SAME),
    9: ("apparent_power", "", SAME),
    13: ("power_factor", "", SAME),
    14: ("frequency", "", SAME),
    **{20 * n + 16: ("active_power", f"L{n}", SAME) for n in (1, 2, 3)},
    **{20 * n + 1: ("active_power", f"L{n} import", SAME) for n in (1, 2, 3)},
    **{20 * n + 2: ("active_power", f"L{n} export", _EXPORTED) for n in (1, 2, 3)},
    **{20 * n + 11: ("current", f"L{n}", SAME) for n in (1, 2, 3)},
    **{20 * n + 12: ("voltage", f"L{n}", SAME) for n in (1, 2, 3)},
    **{20 * n + 13: ("power_factor", f"L{n}", SAME) for n in (1, 2, 3)},
}

_SPELLING = re.compile("(" + "|".join(sorted(SPELLED, key=lambda word: -len(word))) + r")(?![a-z])")
_PM25 = re.compile(r"(?i)pm[._ ]?2[.,_]?5(?!\d)")
_PM1 = re.compile(r"(?i)pm[._ ]?1[.,_]0(?!\d)|pm[. _]1(?![\d.,_])")
_PM10 = re.compile(r"(?i)pm[._ ]10(?!\d)")
_HEATING = re.compile(r"(?i)(?<![a-z])flow(?=[_ .]?temp)")
_CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_APART = re.compile(r"[\W_]+")
_NUMBERED = re.compile(r"([a-z]{2,})(\d{1,2})")


@lru_cache(maxsize=8192)
def meaning(name: str, unit: str = "", register_unit: str = "") -> Meaning:
    """Return what a field means.

    name           dotted, as the vendor writes it ("air.co2", "1-0:1.8.0*255")
    unit           the unit that the message itself states for it, "" for none
    register_unit  the unit of registers of energy that name none ("kWh"); "" if nobody knows
    """
    bare = _PM1.sub("pm1", _PM25.sub("pm2_5", _PM10.sub("pm10", name.removesuffix(".value"))))
    bare = _HEATING.sub("supply", bare)  # the flow of a heating circuit, and not how fast
    found = _ours(bare, unit) or _obis(bare, unit, register_unit)
    # One of our names in a unit that is not ours must not pass for ours.
    own = f"{name}_{unit or 'as_sent'}" if name in QUANTITIES else name
    return found or _worded(bare, unit, register_unit) or Meaning(own, "", SAME)


def fields(tree: Mapping[str, Json]) -> Iterator[Field]:
    """Yield every number in a JSON object, in its order.

    An array's elements are numbered from 1. {"value": 21.5, "unit": "°C"} is one field.
    Errors  PayloadError beyond 32 levels, 4,096 fields, 128 characters of dotted name, or the
            range of a float.
    """
    if len(tree) <= FIELDS_MAX and _NESTED.isdisjoint(map(type, tree.values())):
        for name, told in tree.items():
            value = told if type(told) is float and math.isfinite(told) else number(told, name)
            if value is not None:
                if len(name) > NAME_CHARS_MAX:
                    raise _too_long(name)
                yield Field(name, value, "")
        return
    for count, field in enumerate(_walk(dict(tree), "", 0), 1):
        if count > FIELDS_MAX:
            raise PayloadError("number of fields", f"at most {FIELDS_MAX}", "more")
        if len(field.name) > NAME_CHARS_MAX:
            raise _too_long(field.name)
        yield field


def _too_long(name: str) -> PayloadError:
    return PayloadError("field name", f"at most {NAME_CHARS_MAX} characters", name)


def measurements(tree: Mapping[str, Json], register_unit: str = "") -> list[Measurement]:
    """Return the numbers of a JSON object as measurements.

    Two fields of one meaning: the one under our own name keeps it, else the first by name; the
    other stays under the vendor's name, so that neither hides the other.
    Errors  PayloadError as in `fields`, and when two fields have one dotted name.
    """
    found = list(fields(tree))
    named = tuple((name, unit) for name, _, unit in found)
    work_out = _senses if len(named) <= _KEPT_FIELDS_MAX else _senses.__wrapped__
    senses = work_out(named, register_unit)
    return [
        Measurement(quantity, value if scale is SAME else scaled(value, scale), channel)
        for (_, value, _), (quantity, channel, scale) in zip(found, senses, strict=True)
    ]


@lru_cache(maxsize=2048)
def _senses(named: tuple[tuple[str, str], ...], register_unit: str) -> tuple[Meaning, ...]:
    """Return what the fields of one object mean, each by its name and unit.

    A device sends the same fields all its life, so this is worked out once; of very many fields it
    is not kept, so that nobody can fill the memory with names.
    """
    keeper: dict[tuple[str, str], str] = {}
    understood: dict[str, Meaning] = {}
    for name, unit in named:
        if name in understood:
            raise PayloadError("field name", "each dotted name once", f"{name} twice")
        sense = understood[name] = meaning(name, unit, register_unit)
        place = sense.quantity, sense.channel
        rival = keeper.setdefault(place, name)
        if (name != sense.quantity, name) < (rival != sense.quantity, rival):
            keeper[place] = name
    return tuple(
        sense if keeper[sense.quantity, sense.channel] == name else Meaning(name, "", SAME)
        for name, sense in understood.items()
    )


def steps(tree: Mapping[str, Json], register_unit: str = "") -> list[str]:
    """Return a line for each number of a JSON object: what it is taken for, and why not more."""
    told = []
    for name, value, unit in fields(tree):
        sense = meaning(name, unit, register_unit)
        stated = f"{name} = {value:.15g}" + (f" {unit}" if unit else "")
        if sense.quantity in QUANTITIES:
            channel = f" channel {sense.channel}" if sense.channel else ""
            ours = f"{scaled(value, sense.scale):.15g} {QUANTITIES[sense.quantity].unit}"
            told.append(f"{stated} → {sense.quantity}{channel}, {ours}")
        else:
            told.append(f"{stated} → kept under its own name; no quantity of ours is certain")
    return told


def number(value: Json, name: str) -> float | None:
    """Return a JSON value as a float: 0 or 1 for a boolean, None for what is no number."""
    if isinstance(value, bool | int | float):
        try:
            exact = float(value)
        except OverflowError:
            exact = math.inf
        if math.isfinite(exact):
            return exact
        raise PayloadError(f"number {name}", "a finite number", str(value)[:40])
    return None


def _walk(node: Json, name: str, depth: int) -> Iterator[Field]:
    if depth > DEPTH_MAX:
        raise PayloadError("nesting", f"at most {DEPTH_MAX} levels of JSON", f"more at {name}")
    if isinstance(node, dict):
        if node.keys() == {"value", "unit"} and isinstance(node["unit"], str):
            value = number(node["value"], name)
            if value is not None:
                yield Field(name, value, node["unit"][:UNIT_CHARS_MAX])
            return
        for key, child in node.items():
            yield from _walk(child, f"{name}.{key}" if name else key, depth + 1)
    elif isinstance(node, list):
        for place, child in enumerate(node, 1):
            yield from _walk(child, f"{name}.{place}", depth + 1)
    else:
        value = number(node, name)
        if value is not None:
            yield Field(name, value, "")


def _ours(name: str, unit: str) -> Meaning | None:
    quantity, _, channel = name.partition(".")
    if quantity not in QUANTITIES or (not unit and quantity in NEEDS_UNIT):
        return None
    words = _words(channel)
    scale = scale_of(quantity, unit) if unit else SAME
    if scale is None or not CHANNELS.keys() >= set(words):
        return None
    return Meaning(quantity, ".".join(CHANNELS[word] for word in words), scale)


def _obis(name: str, unit: str, register_unit: str) -> Meaning | None:
    match = _OBIS.search(name)
    if match is None:
        return None
    group, what, tariff = (int(part) for part in match.groups())
    if what == 8 and group in OBIS_REGISTERS:
        quantity = OBIS_REGISTERS[group]
        scale = _register_scale(quantity, unit or register_unit or "Wh")
        channel = f"T{tariff}" if tariff else ""
        return None if scale is None else Meaning(quantity, channel, scale)
    if what != 7 or tariff or group not in _OBIS_NOW:
        return None
    quantity, channel, sign = _OBIS_NOW[group]
    scale = scale_of(quantity, unit) if unit else SAME
    if scale is None:
        return None
    if sign is _EXPORTED:
        scale = Scale(scale.shift, -scale.num, scale.den)
    return Meaning(quantity, channel, scale)


def _register_scale(quantity: str, unit: str) -> Scale | None:
    """Return the scale of a register; "kWh" serves the reactive and apparent ones as well."""
    found = scale_of(quantity, unit)
    if found is None and unit in {"Wh", "kWh"}:
        return Scale(0.0, 1000.0 if unit == "kWh" else 1.0)
    return found


def _worded(name: str, unit: str, register_unit: str) -> Meaning | None:
    words = _words(name)
    spans = [
        (start, end)
        for start in range(len(words))
        for end in range(start + 1, min(start + 4, len(words)) + 1)
        if "_".join(words[start:end]) in NOUNS
    ]
    for start, end in sorted(spans, key=lambda span: (span[0] - span[1], span[0])):
        noun = "_".join(words[start:end])
        rest = _rest(words[:start] + words[end:], NOUNS[noun])
        if rest is not None:
            return _settled(noun, *rest, unit, register_unit)
    return None


def _settled(
    noun: str, channel: str, stated: Scale | None, unit: str, register_unit: str
) -> Meaning | None:
    """Decide the scale: the unit that the message states, else the name's, else the usual one."""
    quantity = NOUNS[noun]
    if unit:
        stated = scale_of(quantity, unit)
        return None if stated is None else Meaning(quantity, channel, stated)
    if noun.endswith(("_mv", "_v")) and quantity == "battery_voltage":
        stated = UNITS["V"][noun.rsplit("_", 1)[1]]
    if stated is None and QUANTITIES[quantity].unit in ENERGY_UNITS and noun not in NEEDS_UNIT:
        stated = _register_scale(quantity, register_unit) if register_unit else None
        return None if stated is None else Meaning(quantity, channel, stated)
    if stated is None and noun in NEEDS_UNIT:
        return None
    return Meaning(quantity, channel, stated or SAME)


def _words(name: str) -> list[str]:
    """Cut a name into lower-case words: "TempC_SHT" is temp, c, sht; "temp1" is temp, 1."""
    spelled = _SPELLING.sub(lambda unit: f"_{SPELLED[unit[1]]}_", name)
    words: list[str] = []
    for word in _APART.split(_CAPITAL.sub("_", spelled).lower()):
        numbered = _NUMBERED.fullmatch(word)
        if numbered and word not in NOUN_WORDS and numbered[1] in NUMBERABLE:
            words += numbered.groups()
        elif word:
            words.append(word)
    return words


def _rest(words: list[str], quantity: str) -> tuple[str, Scale | None] | None:
    """Return the channel and the scale of the words beside the noun; None if one is not known."""
    units = UNITS.get(QUANTITIES[quantity].unit, {})
    channels: list[str] = []
    scale: Scale | None = None
    at = 0
    while at < len(words):
        pair = "_".join(words[at : at + 2])
        if scale is None and pair != words[at] and pair in units:
            scale, at = units[pair], at + 2
            continue
        word = words[at]
        if scale is None and word in units:
            scale = units[word]
        elif word in CHANNELS:
            channels.append(CHANNELS[word])
        elif word not in WEIGHTLESS:
            return None
        at += 1
    return ".".join(channels), scale
