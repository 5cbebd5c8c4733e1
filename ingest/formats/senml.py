"""SenML (RFC 8428) in JSON or CBOR, on any topic, with the units of RFC 8798.

Recognised by its shape: an array of records with names (`n`, `bn`) and values; a single JSON
object with nothing but SenML's fields counts as one record. Packs are resolved by `senml_pack`.

- **Device** is the first part of the resolved name, in this order: the URN of a `urn:dev:` name,
  without components after it ("urn:dev:ow:10e2073a01080063:voltage"); what stands before the last
  "/"; the base name, where the record adds to it; what stands before the last separator, if a
  quantity that we know follows; the whole name. A name that is itself a quantity ("temperature")
  belongs to the MQTT topic.
- **Quantity** is what `ingest.meaning` makes of the rest of the name with the record's unit. If
  that is nothing, a unit that only one quantity has says it (Cel, %RH, V, lx …) and the rest of the
  name is the channel. Energy and volume are never told by their unit alone: Wh may be a register or
  an amount. All else keeps the rest of its name, or "value", as the vendor's own quantity.
- **Sums** (`s`): power integrated over time is a register of energy (W gives J); any other sum is
  kept as "….sum" in the unit times a second.
- Texts and data are state, booleans are 0 and 1.
- Of two records of one time that mean the same, the one under our own name, else the first, has
  the place; the other stays under its own name.

"C" is a coulomb and "m" a metre, as the registry has it.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

import msgspec
from msgspec.structs import replace

from ingest.errors import PayloadError
from ingest.formats.senml_pack import LABELS, Record, from_cbor, from_json, resolved
from ingest.formats.setup import Setup
from ingest.meaning import Meaning, meaning
from ingest.quantity import QUANTITIES
from ingest.reading import Envelope, Json, Measurement, Message
from ingest.unit import SAME, Scale, scale_of, scaled

NAME = "senml"
BY_TOPIC = False

_SHAPE = re.compile(rb"\s*+(?:\[\s*+)?\{")
_NAMED = re.compile(rb'"b?n"\s*:')
_VALUED = re.compile(rb'"(?:v|vs|vb|vd|s)"\s*:')
_CBOR = re.compile(
    rb"(?:\xd9\xd9\xf7)?"  # the tag that says: this is CBOR
    rb"(?:[\x81-\x97\x9f]|\x98.|\x99..)"  # an array
    rb"(?:[\xa1-\xb7\xbf]|\xb8.)"  # of maps
    rb"[\x00-\x08\x20-\x25\x61-\x77]",  # with the labels of RFC 8428, section 6
    re.DOTALL,
)
_JSON = msgspec.json.Decoder()
_URN = re.compile(r"urn:dev:[a-z0-9]+:[A-Za-z0-9.\-]+")
_SEPARATORS = "/:._-"

_SPELLED: dict[str, tuple[tuple[str, Scale], ...]] = {
    "m3/s": (("m3/h", Scale(0.0, 3600.0)),),
    "m/h": (("m/s", Scale(0.0, 1.0, 3600.0)),),
    "%EL": (("%", SAME),),
    "/": (("%", Scale(0.0, 100.0)), ("1", SAME)),
    "/100": (("%", SAME),),
    "/1000": (("%", Scale(0.0, 1.0, 10.0)),),
    "count": (("1", SAME),),
    "MHz": (("Hz", Scale(0.0, 1e6)),),
    "vars": (("varh", Scale(0.0, 1.0, 3600.0)),),
    "VAs": (("VAh", Scale(0.0, 1.0, 3600.0)),),
    "kg/m3": (("ug/m3", Scale(0.0, 1e9)),),
    "Bspl": (("dB", Scale(0.0, 10.0)),),
    "dBW": (("dBm", Scale(30.0)),),
    "pH": (("[pH]", SAME),),
    "S/m": (("uS/cm", Scale(0.0, 1e4)),),
    "NTU": (("[NTU]", SAME),),
    "lat": (("deg", SAME),),
    "lon": (("deg", SAME),),
    "C": (),
    "F": (),
}
"""Units of SenML that `ingest.unit` spells otherwise, or would take for another."""

_OF_UNIT = {
    **dict.fromkeys(("Cel", "K"), "temperature"),
    **dict.fromkeys(("W", "kW"), "active_power"),
    **dict.fromkeys(("VA", "kVA"), "apparent_power"),
    **dict.fromkeys(("var", "kvar"), "reactive_power"),
    **dict.fromkeys(("V", "mV"), "voltage"),
    **dict.fromkeys(("A", "mA"), "current"),
    **dict.fromkeys(("Hz", "MHz"), "frequency"),
    **dict.fromkeys(("Pa", "hPa"), "pressure"),
    **dict.fromkeys(("m3/s", "l/s"), "flow"),
    "%RH": "humidity",
    "%EL": "battery_level",
    "lx": "illuminance",
    "W/m2": "solar_irradiance",
    "pH": "ph",
    "NTU": "turbidity",
    "lat": "latitude",
    "lon": "longitude",
}
_SUMS = {
    **dict.fromkeys(("W", "kW"), "active_energy_import"),
    **dict.fromkeys(("var", "kvar"), "reactive_energy_import"),
    **dict.fromkeys(("VA", "kVA"), "apparent_energy"),
}


def claims(topic: str, payload: bytes, setup: Setup) -> bool:
    """Say yes to a pack in JSON, also one that is cut off, and to one in CBOR."""
    del topic, setup
    if _SHAPE.match(payload):
        return bool(_NAMED.search(payload) and _VALUED.search(payload)) and _is_pack(payload)
    if not _CBOR.match(payload):
        return False
    try:
        return _are_records(from_cbor(payload))
    except PayloadError:
        return False


def read(envelope: Envelope, setup: Setup) -> Message:
    """Return the message of the first device of a pack; the others are in `others`.

    Errors  PayloadError when the pack breaks a rule of SenML, or says nothing.
    """
    payload = envelope.payload
    records = from_json(payload) if _SHAPE.match(payload) else from_cbor(payload)
    found = resolved(records, envelope.received_ns)
    if not found:
        raise PayloadError("SenML", "a record with a value", f"{len(records)} without any")
    of: dict[str, list[tuple[str, Record]]] = {}
    for record in found:
        device, rest = _split(record.name, record.base, envelope.topic)
        of.setdefault(device, []).append((rest, record))
    setup.note(f"records: {len(found)} of {len(of)} devices")
    first, *others = (_message(device, records) for device, records in of.items())
    return replace(first, others=tuple(others)) if others else first


def _is_pack(payload: bytes) -> bool:
    try:
        tree = _JSON.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return payload.lstrip()[:1] == b"["
    if isinstance(tree, dict):
        return tree.keys() <= LABELS and _are_records([tree])
    return isinstance(tree, list) and _are_records(tree)


def _are_records(records: Sequence[object]) -> bool:
    """Say whether these are records with SenML's fields, and one of them has a name."""
    named = False
    for one in records:
        if not isinstance(one, Mapping) or LABELS.isdisjoint(one):
            return False
        named = named or "n" in one or "bn" in one
    return named


def _split(name: str, base: int, topic: str) -> tuple[str, str]:
    """Return the device of a resolved name, and what of the name remains."""
    urn = _URN.match(name)
    if urn is not None and (urn.end() == len(name) or name[urn.end()] in _SEPARATORS):
        return urn[0], name[urn.end() :].strip(_SEPARATORS)
    whole = name.rstrip(_SEPARATORS)
    slash = whole.rfind("/")
    if slash > 0:
        return name[:slash].rstrip(_SEPARATORS), whole[slash + 1 :]
    if 0 < base < len(name):
        return name[:base].rstrip(_SEPARATORS), name[base:].strip(_SEPARATORS)
    if _known(whole):
        return topic, whole
    at = max(whole.rfind(separator) for separator in _SEPARATORS)
    if at > 0 and _known(whole[at + 1 :]):
        return whole[:at].rstrip(_SEPARATORS), whole[at + 1 :]
    return whole, ""


def _known(name: str) -> bool:
    return meaning(name, "", "Wh").quantity in QUANTITIES


def _message(device: str, records: list[tuple[str, Record]]) -> Message:
    """Return the message of one device, with one time where all its records have the same."""
    times = {record.time_ns for _, record in records}
    shared = times.pop() if len(times) == 1 else None
    state: dict[str, Json] = {}
    found: list[Measurement] = []
    taken: set[tuple[str, str, int | None]] = set()
    for rest, record in sorted(records, key=lambda one: one[0] not in QUANTITIES):
        time_ns = record.time_ns if shared is None else None
        vendor = rest or (f"value_{record.unit}" if record.unit else "value")
        for sense, own, value in _senses(rest, vendor, record, state):
            place = (sense.quantity, sense.channel, record.time_ns)
            if place in taken and sense.quantity in QUANTITIES and own not in QUANTITIES:
                found.append(Measurement(own, value, "", time_ns))
                continue
            taken.add(place)
            number = scaled(value, sense.scale)
            found.append(Measurement(sense.quantity, number, sense.channel, time_ns))
    return Message(device, shared, found, state, format=NAME)


def _senses(
    rest: str, vendor: str, record: Record, state: dict[str, Json]
) -> list[tuple[Meaning, str, float]]:
    """Return the numbers of a record with their meanings; a text goes to the state."""
    found: list[tuple[Meaning, str, float]] = []
    if isinstance(record.value, str):
        state[vendor] = record.value
    elif record.value is not None:
        sense = _sense(rest, record.unit) or Meaning(_unlike_ours(vendor, record.unit), "", SAME)
        found.append((sense, vendor, float(record.value)))
    if record.sum is not None:
        found.append((_sum_sense(rest, vendor, record.unit), f"{vendor}.sum", record.sum))
    return found


def _unlike_ours(vendor: str, unit: str) -> str:
    """Return a name under which a value in a unit that is not ours can't pass for ours."""
    return f"{vendor}_{unit or 'value'}" if vendor in QUANTITIES else vendor


@lru_cache(maxsize=8192)
def _sense(rest: str, unit: str) -> Meaning | None:
    """Return what a record's number means; None where nobody knows."""
    spellings = _SPELLED.get(unit, ((unit, SAME),))
    for spelled, scale in spellings:
        sense = meaning(rest, spelled) if rest else None
        if sense is None or sense.quantity not in QUANTITIES:
            continue
        both = _joined(scale, sense.scale)
        if both is not None:
            return Meaning(sense.quantity, sense.channel, both)
    quantity = _OF_UNIT.get(unit)
    if quantity is None:
        return None
    spelled, scale = spellings[0]
    outer = scale_of(quantity, spelled)
    both = None if outer is None else _joined(scale, outer)
    return None if both is None else Meaning(quantity, rest, both)


def _sum_sense(rest: str, vendor: str, unit: str) -> Meaning:
    quantity = _SUMS.get(unit)
    if quantity is None:
        return Meaning(f"{vendor}.sum", "", SAME)
    power = _sense(rest, unit)
    channel = rest if power is None else power.channel
    return Meaning(quantity, channel, Scale(0.0, 1000.0 if unit[0] == "k" else 1.0, 3600.0))


def _joined(first: Scale, then: Scale) -> Scale | None:
    """Return both conversions as one; None where they can't be one."""
    if first == SAME:
        return then
    if then == SAME:
        return first
    if first.shift or then.shift:
        return None
    return Scale(0.0, first.num * then.num, first.den * then.den)
