"""The fixed data structure of the oldest M-Bus meters: two counters, and nothing else.

Source: "The M-Bus: A Documentation", rev. 4.8, 6.2 "Fixed data structure" and the
tables of its units and media in the appendix (CI 73h, 77h).
"""

from ingest.meters.mbus_records import Record
from ingest.meters.mbus_units import IDENTIFIER, Sense
from ingest.meters.mbus_values import bcd, integer

# Each unit comes in three steps of ten; names, units and the first exponent of each group.
_GROUPS = (
    (0x02, "energy", "Wh", 0, 9),
    (0x0B, "energy", "J", 3, 9),
    (0x14, "power", "W", 0, 9),
    (0x1D, "power", "J/h", 3, 9),
    (0x26, "volume", "m3", -6, 9),
    (0x2F, "flow", "m3/h", -6, 9),
)
_UNITS: dict[int, Sense] = {
    0x00: Sense("time_of_day", kind=IDENTIFIER),
    0x01: Sense("day", kind=IDENTIFIER),
    0x38: Sense("temperature", "Cel", 1, 1000),
    0x39: Sense("heat_cost_units"),
    **{
        first + step: Sense(name, unit, 10 ** max(power + step, 0), 10 ** max(-power - step, 0))
        for first, name, unit, power, count in _GROUPS
        for step in range(count)
    },
}
_SAME_BUT_HISTORIC, _WITHOUT = 0x3E, 0x3F
_MEDIA = (0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x0F, 0x03, 0x04, 0x06, 0x07, 0x08)
"""The device type of each medium; from 0Ah on they are those of mode 2."""


def fixed(body: bytes, big: bool) -> tuple[int, tuple[Record, ...]]:
    """Return the device type and the two counters of a body of 16 bytes.

    A counter that was stored on a fixed date (status bit 1) and a second counter of the unit "the
    same, but historic" have storage number 1.
    Errors  none: every combination of bits has a meaning, or is kept as reserved
    """
    status, first, second = body[5], body[6], body[7]
    if big:
        first, second = second, first
    stored = status >> 1 & 1
    records = []
    for code, at in ((first & 0x3F, 8), (second & 0x3F, 12)):
        storage = stored
        if code == _SAME_BUT_HISTORIC and at == 12:
            code, storage = first & 0x3F, 1  # noqa: PLW2901 (the code says "as the first")
        sense = _UNITS.get(code) or Sense("counter" if code == _WITHOUT else f"unit_{code:02x}")
        raw = body[at : at + 4][::-1] if big else body[at : at + 4]
        value, fault = integer(raw, sense) if status & 1 else bcd(raw, sense)
        records.append(
            Record(
                "instantaneous",
                storage,
                0,
                0,
                sense.name,
                sense.unit,
                value,
                sense.kind,
                fault=fault,
                at=at,
            )
        )
    medium = first >> 6 | second >> 4 & 0x0C
    return _MEDIA[medium] if medium < len(_MEDIA) else 0x0F, tuple(records)
