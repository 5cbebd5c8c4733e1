"""What an OBIS code of a meter telegram means as one of our quantities.

Source: IEC 62056-61 and DIN EN 13757-1 (value groups A to F), VDE-AR-N 4400 (German use).

`ingest.meaning` knows the codes of a present value (1-0:1.8.0, 1-0:16.7.0, 1-0:32.7.0). Here are
beside them: energy, reactive and apparent power of the phases, the currents of all phases and of
the neutral, the registers of gas (7), heat (5, 6) and water (8, 9), and historical values: group F
other than 255 is a former billing period, never the present register.

What has no meaning keeps its code as its name and the value as the meter states it. Demand
(D = 4, 5, 6), load profiles (D = 29), angles (81.7.x), quadrants, absolute and net sums are such.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from ingest.errors import PayloadError
from ingest.meaning import OBIS_REGISTERS, Meaning, meaning
from ingest.quantity import QUANTITIES
from ingest.reading import Measurement, Quality
from ingest.unit import SAME, Scale, scale_of, scaled

PRESENT = 255
"""Group F of a value that is not historical."""

_CODE = re.compile(
    r"(?:(\d{1,3})-(\d{1,3}):)?([0-9A-Z]{1,3})\.([0-9A-Z]{1,3})"
    r"(?:\.(\d{1,3}))?(?:[*&](\d{1,3}))?"
)
_PHASES = {1: "L1", 2: "L2", 3: "L3"}
_EXPORTED = Scale(0.0, -1.0)
_NOW: dict[int, tuple[str, str, Scale]] = {
    4: ("reactive_power", "export", _EXPORTED),
    11: ("current", "", SAME),
    12: ("voltage", "", SAME),
    91: ("current", "N", SAME),
    **{20 * n + 3: ("reactive_power", f"L{n}", SAME) for n in (1, 2, 3)},
    **{20 * n + 4: ("reactive_power", f"L{n} export", _EXPORTED) for n in (1, 2, 3)},
    **{20 * n + 9: ("apparent_power", f"L{n}", SAME) for n in (1, 2, 3)},
}
_ELECTRICITY = 1
_MEDIA: dict[tuple[int, int], tuple[str, str]] = {
    (6, 1): ("heat_energy", ""),
    (7, 3): ("gas_volume", ""),
    (8, 1): ("water_volume", ""),
    (9, 1): ("water_volume", "hot"),
}


class Obis(NamedTuple):
    """The value groups of a code. A and B are None in the short form "1.8.0", E in "F.F"."""

    a: int | None
    b: int | None
    c: str
    d: str
    e: int | None
    f: int


class Reading(NamedTuple):
    """A number of a telegram: its code, its value, the unit that stands by it.

    Unit "" is the code's base unit (Wh); None: nobody knows it, so the code stays the name.
    """

    code: str
    value: float
    unit: str | None
    time_ns: int | None = None
    quality: Quality = Quality.MEASURED


@lru_cache(maxsize=4096)
def obis(code: str) -> Obis | None:
    """Return the value groups of "1-0:1.8.0*255", "1.8.0", "1.8.0&01" or "F.F"; else None."""
    match = _CODE.fullmatch(code)
    if match is None:
        return None
    a, b, c, d, e, f = match.groups()
    return Obis(
        None if a is None else int(a),
        None if b is None else int(b),
        c,
        d,
        None if e is None else int(e),
        PRESENT if f is None else int(f),
    )


@lru_cache(maxsize=4096)
def sense(code: str, unit: str | None) -> Meaning:
    """Return what a code in a unit means; the code itself, unscaled, where it is none of ours."""
    own = Meaning(code, "", SAME)
    groups = obis(code)
    if unit is None or groups is None or groups.f != PRESENT or not (groups.c + groups.d).isdigit():
        return own
    c, d, tariff = int(groups.c), int(groups.d), groups.e or 0
    if groups.a not in {None, _ELECTRICITY}:
        medium = _MEDIA.get((groups.a or 0, c))
        present = d in {0, 1, 8} and medium is not None and bool(unit)
        return (_scaled(*medium, SAME, unit, tariff) or own) if present and medium else own
    if d == 8 and 20 < c < 80 and c % 20 in OBIS_REGISTERS:
        return _scaled(OBIS_REGISTERS[c % 20], _PHASES[c // 20], SAME, unit or "Wh", tariff) or own
    if d == 7 and tariff == 0 and c in _NOW:
        return _scaled(*_NOW[c], unit, tariff) or own
    found = meaning(f"1-0:{c}.{d}.{tariff}", unit)
    return found if found.quantity in QUANTITIES else own


def measurements(readings: Iterable[Reading]) -> list[Measurement]:
    """Return the readings of one meter as measurements.

    Two codes of one meaning at one time: the first keeps it, the other stays under its own code
    (1-1:1.8.0 beside 1-0:1.8.0), so that neither hides the other.
    Errors  PayloadError when one code comes twice for one time with two values.
    """
    return list(_placed(readings))


def _placed(readings: Iterable[Reading]) -> Iterator[Measurement]:
    taken: set[tuple[str, str, int | None]] = set()
    told: dict[tuple[str, int | None], Reading] = {}
    for one in readings:
        before = told.setdefault((one.code, one.time_ns), one)
        if before.value != one.value:
            raise PayloadError("OBIS code", "each code once", f"{one.code} twice")
        if before is not one:
            continue  # the same again
        quantity, channel, scale = sense(one.code, one.unit)
        place = quantity, channel, one.time_ns
        if place in taken:
            quantity, channel, scale = one.code, "", SAME
            place = quantity, channel, one.time_ns
        taken.add(place)
        value = scaled(one.value, scale) + 0.0  # no export is 0, not -0
        yield Measurement(quantity, value, channel, one.time_ns, one.quality)


def _scaled(quantity: str, channel: str, sign: Scale, unit: str, tariff: int) -> Meaning | None:
    scale = scale_of(quantity, unit) if unit else SAME
    if scale is None:
        return None
    if tariff:
        channel = f"{channel}.T{tariff}" if channel else f"T{tariff}"
    return Meaning(quantity, channel, Scale(scale.shift, scale.num * sign.num, scale.den))
