"""Kamstrup's water and heat meters (flowIQ, MULTICAL): M-Bus records and profiles of hours.

Source: Kamstrup's decoder in the LoRaWAN device repository (TheThingsNetwork/lorawan-devices,
vendor/kamstrup) and its examples; EN 13757-3:2018, annex F for the inverse compact profile, and
EN 13757-7 for the head. The records themselves: ingest/meters/mbus_records.py.

    1 byte    78h no head, 7Ah a head of 4 bytes, 72h one of 12 that states the medium
    records   a date, what was measured then, and a profile: what was used in each period before it
    profile   1 byte   bits 0-3 bytes of an element, 4-5 unit of the spacing, 6-7 what elements are
              1 byte   how many units an element spans
              elements, the newest first: 1 what to take from a register to have the one before,
              2 what to add, 3 either, signed

Elements of all ones (signed: the highest bit alone) are not known, and so is all before them.
Bits of the infocode are states of their own. Left out: the module's number of configuration.

Trap: a meter states its dates without a zone; they are taken as UTC.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC

from ingest.clock import EARLIEST_NS
from ingest.codecs.frames import cut_short
from ingest.errors import PayloadError
from ingest.meters.mbus_meaning import measured
from ingest.meters.mbus_records import MANUFACTURER, MORE, Record, records
from ingest.reading import Measurement

_HEADS = {0x78: 1, 0x7A: 5, 0x72: 13}
_MEDIUM_AT, _SECURITY = 8, 0x1F
_WATER, _HEAT = 0x07, 0x04
_PROFILE = "vife_13"
_ENERGIES, _VOLUMES = 0, 2  # the upper bits of a VIF
_LATER_NS = 1 << 62  # no date is a due date to come

_SPACING_S = (1, 60, 3600, 86400)
_SPACING_MAX, _ELEMENT_MAX = 250, 4
_BACK, _FORTH, _SIGNED = 1, 2, 3
_NS_PER_S = 1_000_000_000

_WATER_STATES = (
    "dry", "backflow", "water_leak", "burst", "tamper", "low_battery", "low_ambient_temperature",
    "high_ambient_temperature",
)  # fmt: skip
_INFOCODE, _INFOCODE_HEAT = b"\x25", b"\x22"
_VENDOR = {b"\x1b": "acoustic_leak_detection", b"\x1c": "acoustic_leak_detection.last_day"}
_NO_NOISE = 4095


@dataclass(frozen=True)
class Meter:
    """The codec of a kind of meters.

    words   alternatives, each the words that must all be there
    medium  what they measure, where the head does not say it
    """

    NAME: str
    words: tuple[str, ...]
    medium: int

    def matches(self, words: frozenset[str], dev_eui: str) -> bool:
        """Recognise the maker's words; the DevEUI says nothing."""
        del dev_eui
        return any(words.issuperset(one.split()) for one in self.words)

    def decode(self, payload: bytes, f_port: int) -> list[Measurement]:
        """Return what the payload says, each at its own time, UTC ns.

        Errors  PayloadError for an encrypted payload, a record that can't be read, a profile
                without a register or a date that it begins with.
        """
        del f_port  # the maker does not say which
        size = _HEADS.get(payload[0]) if payload else None
        if size is None:
            raise PayloadError("Kamstrup head", "72h, 78h or 7Ah", payload[:1].hex() or "nothing")
        if len(payload) < size:
            raise cut_short("Kamstrup head", 0, size, len(payload))
        if size > 1 and payload[size - 1] & _SECURITY:
            raise PayloadError("Kamstrup payload", "no encryption", f"{payload[:size].hex()}")
        medium = payload[_MEDIUM_AT] if payload[0] == 0x72 else self.medium
        body = payload[size:]
        found = records(body)
        if not found or any(one.function in (MANUFACTURER, MORE) for one in found):
            raise PayloadError("Kamstrup records", "records with an end", body.hex())
        return list(_values(body, found, medium))


def _values(body: bytes, found: list[Record], medium: int) -> Iterator[Measurement]:
    dates = [one for one in found if one.kind == "date"]
    for one in found:
        if _PROFILE in one.modifiers:
            yield from _profile(body, one, found, dates, medium)
        elif one.kind == "vendor":
            yield from _vendor(one, dates)
        elif one.kind != "date":
            yield from _measured([one], dates, medium)


def _measured(told: list[Record], dates: list[Record], medium: int) -> list[Measurement]:
    return measured([*dates, *told], medium, zone=UTC, received_ns=_LATER_NS)


def _vendor(one: Record, dates: list[Record]) -> Iterator[Measurement]:
    """Return the bits of an infocode, or what the meter heard of a leak."""
    vendor = one.vendor or b""
    for told in _measured([one], dates, _WATER):
        code = int(told.value)
        if vendor == _INFOCODE:
            for nth, name in enumerate(_WATER_STATES):
                yield Measurement(name, float(code >> nth & 1), "", told.time_ns)
        elif vendor == _INFOCODE_HEAT:
            yield Measurement("infocode", told.value, "", told.time_ns)
        elif vendor in _VENDOR and code != _NO_NOISE:
            yield Measurement(_VENDOR[vendor], told.value, "", told.time_ns)


def _profile(
    body: bytes, profile: Record, found: list[Record], dates: list[Record], medium: int
) -> Iterator[Measurement]:
    """Return the registers of a profile, from the newest."""
    where = f"Kamstrup profile at byte {profile.at}"
    base = next((one for one in found if _is_base(one, profile)), None)
    start = next(iter(_measured([base], dates, medium)), None) if base else None
    if base is None or start is None or start.time_ns is None:
        raise PayloadError(where, "a register and a date before it", body.hex())
    if not isinstance(profile.value, str):
        raise PayloadError(where, "elements in a record of variable length", body.hex())
    content = profile.value.encode("latin-1")[::-1]
    if len(content) < 3:
        raise PayloadError(where, "two bytes and the elements", content.hex())
    size, mode = content[0] & 0x0F, content[0] >> 6
    count, rest = divmod(len(content) - 2, size or 1)
    if not 1 <= size <= _ELEMENT_MAX or rest or not mode:
        raise PayloadError(where, "elements of 1 to 4 bytes that are differences", content.hex())
    if not 1 <= content[1] <= _SPACING_MAX:
        raise PayloadError(where, "a spacing of 1 to 250", content[1])
    period_ns = content[1] * _SPACING_S[content[0] >> 4 & 3] * _NS_PER_S
    exponent = _exponent(body, profile, where)
    raw = round(_scaled(start.value, -exponent))
    if start.time_ns - count * period_ns < EARLIEST_NS:
        raise PayloadError(where, "periods since 2000", content.hex())
    none = 1 << 8 * size - 1 if mode == _SIGNED else (1 << 8 * size) - 1
    for nth in range(count):
        part = content[2 + nth * size : 2 + (nth + 1) * size]
        if int.from_bytes(part, "little") == none:
            return
        change = int.from_bytes(part, "little", signed=mode == _SIGNED)
        raw += change if mode == _FORTH else -change
        yield start._replace(
            value=_scaled(raw, exponent), time_ns=start.time_ns - (nth + 1) * period_ns
        )


def _is_base(one: Record, profile: Record) -> bool:
    """Say whether a profile begins with a record: it is the same but for being one value."""
    modifiers = tuple(word for word in profile.modifiers if word != _PROFILE)
    return one.modifiers == modifiers and one[:6] == profile[:6] and one.kind == profile.kind


def _exponent(body: bytes, profile: Record, where: str) -> int:
    """Return the power of ten of an element of a profile, in our unit: m3, or Wh."""
    at = profile.at
    while body[at] & 0x80:
        at += 1
    vif = body[at + 1] & 0x7F
    if vif >> 3 == _VOLUMES:
        return (vif & 7) - 6
    if vif >> 3 == _ENERGIES:
        return (vif & 7) - 3
    raise PayloadError(where, "a volume or an energy in Wh", f"VIF {vif:02x}h")


def _scaled(value: float, exponent: int) -> float:
    """Return a value times a power of ten, exactly where it can be."""
    return value * float(10**exponent) if exponent >= 0 else value / float(10**-exponent)


CODECS = (
    Meter("kamstrup-water", ("flowiq", "flowiq2200", "multical 21", "multical21"), _WATER),
    Meter("kamstrup-multical", ("multical", "multical403", "multical603", "multical803"), _HEAT),
)
"""In the order in which they are asked: a MULTICAL 21 measures water."""
