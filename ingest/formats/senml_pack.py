"""SenML packs: from JSON or CBOR to resolved records.

Source: RFC 8428, sections 4 (labels, base fields, time), 5 (JSON), 6 (CBOR).

- A base field holds for its own record and those after it: names are joined, times, values and
  sums added (a base value to numbers only), units replaced where a record has none.
- A time below 2**28 is relative to now; the message was received now.
- A field whose label ends in "_" must be understood, and none is: such a pack is refused. Others
  that the RFC does not define are skipped, `l` and `ut` as well.
- Numbers are decimals until they are added: 1276020076.001 s is that to the nanosecond.
- A record of base fields alone is none; one with base fields and without a value has none either.

SenML streams (SensML) are arrays whose end is still to come, and so no MQTT messages; XML and EXI
are not read.
"""

import io
import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from decimal import Decimal
from math import isfinite
from typing import Any, NamedTuple

import cbor2

from ingest.clock import SECOND_NS
from ingest.errors import PayloadError
from ingest.formats.decimals import parsed
from ingest.formats.epoch import exact_ns

RECORDS_MAX = 4096
_VERSION = 10
_RELATIVE_BELOW = 1 << 28
_DEPTH_MAX = 8
_LABELS = {
    **{-1: "bver", -2: "bn", -3: "bt", -4: "bu", -5: "bv", -6: "bs"},
    **{0: "n", 1: "u", 2: "v", 3: "vs", 4: "vb", 5: "s", 6: "t", 7: "ut", 8: "vd"},
}
LABELS = frozenset(_LABELS.values()) | {"l"}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9\-:./_]*")
_BASE64URL = re.compile(r"[A-Za-z0-9_-]*={0,2}")
_VALUES = ("v", "vs", "vb", "vd")
_DIGITS_MAX = 40
_ZERO = Decimal(0)

Raw = Mapping[str, object]


class Record(NamedTuple):
    """A resolved record.

    name      the whole name
    base      how many characters of it came from the base name
    time_ns   UTC ns; None: now, which is what no time at all means
    value     a number, a text, a boolean, or data in base64url; None: only a sum
    is_data   the value is data and no text
    sum       the values integrated over time, in the unit times a second; None: none
    """

    name: str
    base: int
    unit: str
    time_ns: int | None
    value: float | str | bool | None
    is_data: bool
    sum: float | None


def from_json(payload: bytes) -> list[Raw]:
    """Return the records of a JSON pack; an object alone is a pack of one.

    Errors  PayloadError for what is no JSON, or no array of objects.
    """
    tree = parsed(payload, "a SenML pack")
    return _records([tree] if isinstance(tree, dict) else tree)


def from_cbor(payload: bytes) -> list[Raw]:
    """Return the records of a CBOR pack, with the labels of the JSON one.

    Errors  PayloadError for what is no CBOR, goes on after the pack, or is no array of maps.
    """
    stream = io.BytesIO(payload)
    try:
        tree = cbor2.CBORDecoder(stream, max_depth=_DEPTH_MAX, allow_duplicate_keys=False).decode()
    except (cbor2.CBORDecodeError, ValueError, TypeError, OverflowError, LookupError) as error:
        raise PayloadError("CBOR", "a SenML pack", str(error)) from error
    if stream.tell() != len(payload):
        rest = len(payload) - stream.tell()
        raise PayloadError("CBOR", "one SenML pack", f"{rest} bytes after it")
    return [_labelled(record) for record in _records(tree)]


def resolved(records: list[Raw], received_ns: int) -> list[Record]:
    """Return the records that have a value or a sum, with all base fields applied.

    Errors  PayloadError for a field of a wrong type, a name that is none, two values in a record,
            a version that is not ours, and a field that must be understood.
    """
    base_name, base_unit = "", ""
    base_time = base_value = base_sum = _ZERO
    version: int | None = None
    found: list[Record] = []
    for record in records:
        _check(record)
        base_name = _text(record, "bn", base_name)
        base_unit = _text(record, "bu", base_unit)
        base_time = _number(record, "bt", base_time)
        base_value = _number(record, "bv", base_value)
        base_sum = _number(record, "bs", base_sum)
        version = _version(record, version)
        value = _value(record, base_value)
        total = _float(_number(record, "s") + base_sum, "s") if "s" in record else None
        if value is None and total is None:
            continue
        name = base_name + _text(record, "n", "")
        if not _NAME.fullmatch(name):
            raise PayloadError(
                "SenML name",
                "a letter or digit, then letters, digits and - : . / _",
                name or "none",
            )
        time = base_time + _number(record, "t")
        if not time:
            time_ns = None
        elif time < _RELATIVE_BELOW:
            time_ns = received_ns + exact_ns(time, SECOND_NS)
        else:
            time_ns = exact_ns(time, SECOND_NS)
        found.append(
            Record(
                name,
                len(base_name),
                _text(record, "u", base_unit),
                time_ns,
                value,
                "vd" in record,
                total,
            )
        )
    return found


def _records(tree: object) -> list[Raw]:
    if not isinstance(tree, list | tuple):
        raise PayloadError("SenML", "an array of records", type(tree).__name__)
    if len(tree) > RECORDS_MAX:
        raise PayloadError("SenML", f"at most {RECORDS_MAX} records", len(tree))
    for record in tree:
        if not isinstance(record, Mapping):
            raise PayloadError("SenML record", "an object", type(record).__name__)
    return list(tree)


def _labelled(record: Mapping[Any, object]) -> Raw:
    """Return a CBOR record under the labels of JSON; numbers that stand for none are skipped."""
    named: dict[str, object] = {}
    for label, value in record.items():
        if isinstance(label, str):
            name: str | None = label
        elif isinstance(label, int) and not isinstance(label, bool):
            name = _LABELS.get(label)
        else:
            raise PayloadError("SenML label", "a number or a text", type(label).__name__)
        if name in named:
            raise PayloadError("SenML label", "each only once", f"{name} twice")
        if name is not None:
            named[name] = value
    return named


def _check(record: Raw) -> None:
    for label in record:
        if label.endswith("_"):
            raise PayloadError(
                "SenML field that must be understood", "one that Emscher knows", label
            )
    values = [label for label in _VALUES if label in record]
    if len(values) > 1:
        raise PayloadError("SenML record", "one value", " and ".join(values))


def _version(record: Raw, before: int | None) -> int | None:
    version = record.get("bver")
    if version is None:
        return before
    if type(version) is not int or not 0 < version <= _VERSION:
        raise PayloadError("SenML version", f"at most {_VERSION}", version)
    if before is not None and version != before:
        raise PayloadError("SenML version", f"{before} in all records", version)
    return version


def _value(record: Raw, base: Decimal) -> float | str | bool | None:
    if "v" in record:
        return _float(_number(record, "v") + base, "v")
    if "vs" in record:
        return _text(record, "vs", "")
    if "vb" in record:
        truth = record["vb"]
        if not isinstance(truth, bool):
            raise PayloadError("SenML vb", "true or false", truth)
        return truth
    if "vd" not in record:
        return None
    data = record["vd"]
    if isinstance(data, bytes):
        return urlsafe_b64encode(data).decode().rstrip("=")
    if not isinstance(data, str) or not _BASE64URL.fullmatch(data):
        raise PayloadError("SenML vd", "base64url", data)
    return data


def _text(record: Raw, label: str, default: str) -> str:
    text = record.get(label, default)
    if not isinstance(text, str):
        raise PayloadError(f"SenML {label}", "a text", type(text).__name__)
    return text


def _number(record: Raw, label: str, default: Decimal = _ZERO) -> Decimal:
    """Return a number as the decimal that it is written as."""
    value = record.get(label, default)
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise PayloadError(f"SenML {label}", "a number", type(value).__name__)
    approximate = _float(value, label)
    exact = value if isinstance(value, Decimal) else None
    if isinstance(value, int) and abs(value) < 10**_DIGITS_MAX:
        exact = Decimal(value)
    if exact is None or len(exact.as_tuple().digits) > _DIGITS_MAX or abs(exact.adjusted()) > 400:
        exact = Decimal(repr(approximate))
    return exact


def _float(value: int | float | Decimal, label: str) -> float:
    try:
        number = float(value)
    except (OverflowError, ValueError):
        number = float("inf")
    if not isfinite(number):
        raise PayloadError(f"SenML {label}", "a finite number", "another")
    return number
