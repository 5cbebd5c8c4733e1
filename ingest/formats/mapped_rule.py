"""What an operator's mapping says of topics and readings, checked word by word.

Everything wrong is a ValueError that names the key, what was expected and what was found.
"""

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from difflib import get_close_matches
from typing import NamedTuple

from ingest.formats.mapped_path import Path, Text, follows, path, text_with_places
from ingest.meaning import meaning
from ingest.quantity import QUANTITIES
from ingest.unit import SAME, UNITS, Scale, scale_of

_NAMED = re.compile(r"\{([A-Za-z_]\w*)\}", re.ASCII)
_NAME_CHARS_MAX = 128
_KEYS = ("quantity", "unit", "channel", "factor", "time")
_ALIKE = 0.8


class Rule(NamedTuple):
    """One reading of a mapping.

    channel  None: what the [*] of the path stand for
    factor   applied first; then `scale` leads to the quantity's unit
    """

    path: Path
    quantity: str
    channel: Text | None
    factor: Scale
    scale: Scale
    time: Path | None


def topic_pattern(topic: str) -> tuple[re.Pattern[str], tuple[str, ...]]:
    """Return the pattern of an MQTT filter, and the names of its levels.

    Source: MQTT 5.0, section 4.7 (wildcards; "a/#" also means "a"; none leads to "$…").
    Errors  ValueError for a wildcard in a wrong place, a brace alone, and a name used twice.
    """
    levels = topic.split("/")
    names: list[str] = []
    patterns: list[str] = []
    for place, level in enumerate(levels):
        if level == "#" and place == len(levels) - 1:
            break
        if level == "+":
            patterns.append("[^/]*")
            continue
        literals = _NAMED.split(level)
        if any(sign in literal for literal in literals[::2] for sign in "+#{}"):
            raise ValueError(
                'topic: expected "+" and "{name}" as a level, and "#" as the last one,'
                f" found {level!r}"
            )
        names += literals[1::2]
        patterns.append(
            "".join(
                f"(?P<{part}>[^/]+?)" if at % 2 else re.escape(part)
                for at, part in enumerate(literals)
            )
        )
    if not topic or "\0" in topic:
        raise ValueError(f"topic: expected an MQTT topic filter, found {topic!r}")
    if len(set(names)) < len(names) or "topic" in names:
        raise ValueError(
            f"topic: expected names that are used once, and not topic, found {topic!r}"
        )
    pattern = "/".join(patterns)
    if levels[-1] == "#":
        pattern = f"{pattern}(?:/.*)?" if patterns else ".*"
    guard = r"(?!\$)" if levels[0][:1] in {"+", "#", "{"} else ""
    return re.compile(guard + pattern, re.DOTALL), tuple(names)


def rules(
    readings: object, levels: Iterable[str], time: Path | None, device: Text
) -> tuple[Rule, ...]:
    """Return the readings of a mapping.

    levels  names of topic levels
    time    where the mapping has its time
    Errors  ValueError, also where a [*] of device, time or channel has no counterpart.
    """
    if not isinstance(readings, Mapping) or not readings:
        raise ValueError(f"readings: expected paths and quantities, found {readings!r}")
    found: list[Rule] = []
    places: dict[tuple[str, str], str] = {}
    for written, told in readings.items():
        key = f'readings."{written}"'
        try:
            rule = _rule(written, told, tuple(levels), time)
        except ValueError as error:
            raise ValueError(f"{key}: {error}") from error
        _check_stars(key, rule, device)
        if not rule.path.stars and (rule.channel is None or not rule.channel.paths):
            place = rule.quantity, "" if rule.channel is None else rule.channel.text
            rival = places.setdefault(place, key)
            if rival != key:
                raise ValueError(
                    f"{key}: expected another channel, as {rival} is {' '.join(place).strip()} too"
                )
        found.append(rule)
    return tuple(found)


def _rule(written: str, told: object, levels: tuple[str, ...], time: Path | None) -> Rule:
    table = {"quantity": told} if isinstance(told, str) else told
    if not isinstance(table, Mapping):
        raise ValueError(f"expected a quantity, or a table with {', '.join(_KEYS)}; found {told!r}")
    for key in table:
        if key not in _KEYS:
            raise ValueError(f"expected the keys {', '.join(_KEYS)}, found {key!r}")
    for key in ("quantity", "unit", "channel", "time"):
        if not isinstance(table.get(key, ""), str):
            raise ValueError(f"{key}: expected a text, found {table[key]!r}")
    quantity, unit = _quantity(table.get("quantity", "")), table.get("unit", "")
    own_time = table.get("time")
    return Rule(
        path(written),
        quantity,
        _channel(table.get("channel"), levels),
        _factor(table.get("factor", 1)),
        _scale(quantity, unit),
        path(own_time) if own_time else time,
    )


def _quantity(name: str) -> str:
    if name in QUANTITIES:
        return name
    if not name or len(name) > _NAME_CHARS_MAX or not name.isprintable():
        raise ValueError(f"quantity: expected a name, found {name!r}")
    meant = meaning(name, "", "Wh").quantity
    alike = get_close_matches(name.lower(), QUANTITIES, 1, _ALIKE)
    near = [meant] if meant in QUANTITIES else alike
    if near:
        raise ValueError(f"quantity: unknown quantity {name!r}; did you mean {near[0]!r}?")
    return name


def _scale(quantity: str, unit: str) -> Scale:
    if not unit:
        return SAME
    if quantity not in QUANTITIES:
        raise ValueError(f"unit: {quantity!r} is no quantity of ours and has none, found {unit!r}")
    scale = scale_of(quantity, unit)
    if scale is None:
        canonical = QUANTITIES[quantity].unit
        known = ", ".join(dict.fromkeys((canonical, *UNITS.get(canonical, {}))))
        raise ValueError(f"unit: expected one of {known} for {quantity}, found {unit!r}")
    return scale


def _factor(factor: object) -> Scale:
    """Return a factor as a fraction: 0.1 is 1/10, which a double is not."""
    usable = isinstance(factor, int | float) and not isinstance(factor, bool)
    if not isinstance(factor, int | float) or not usable or not 1e-30 < abs(factor) < 1e30:
        raise ValueError(f"factor: expected a number other than 0, found {factor!r}")
    num, den = Decimal(repr(factor)).as_integer_ratio()
    return SAME if num == den else Scale(0.0, float(num), float(den))


def _channel(channel: str | None, levels: tuple[str, ...]) -> Text | None:
    if channel is None:
        return None
    bare = "[*]" in channel and "{" not in channel
    return text_with_places(f"{{{channel}}}" if bare else channel, levels)


def _check_stars(key: str, rule: Rule, device: Text) -> None:
    places = [("device", one) for one in device.paths]
    places += [("channel", one) for one in ([] if rule.channel is None else rule.channel.paths)]
    places += [] if rule.time is None else [("time", rule.time)]
    for what, place in places:
        if not follows(place, rule.path):
            raise ValueError(
                f"{key}: expected each [*] of the {what} {place.text!r} where the path has one"
            )
