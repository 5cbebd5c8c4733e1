"""Sparkplug B on the wire: its protobuf messages, and the value of a metric by its datatype.

Source: Eclipse Sparkplug 3.0.0, section 6.4 "Sparkplug B payload" (6.4.16 "Datatype details",
6.4.17 arrays), and sparkplug_b.proto of Eclipse Tahu for the field numbers.

- Signed integers travel in unsigned fields as two's complement; senders extend the sign to the
  field's 32 or 64 bits or do not, and both are read.
- A float of 32 bits becomes the decimal that it is written with: 88.3.
- Arrays are packed in little endian; their elements are numbered from 1.
- A data set is read as numbers named by their columns, numbered by row where it has several.
- Bytes, files and property sets have no value here.
"""

import struct
import zlib
from collections.abc import Iterator
from math import isfinite
from typing import Any, NamedTuple

from ingest.clock import iso
from ingest.errors import PayloadError
from ingest.formats.protobuf import messages, parsed, shortest

MS_NS = 1_000_000
ELEMENTS_MAX = 4096
_COMPRESSED = "SPBV1.0_COMPRESSED"
_UNPACKED_BYTES_MAX = 4 << 20

_VALUE = ("int_value", "long_value", "float_value", "double_value", "boolean_value", "string_value")
_SCALARS = dict(zip(_VALUE, ("uint32", "uint64", "float", "double", "bool", "string"), strict=True))


def _scalars(first: int) -> dict[int, tuple[str, str]]:
    return {first + at: field for at, field in enumerate(_SCALARS.items())}


TYPES = messages(
    "sparkplug_b",
    {
        "Payload": {
            1: ("timestamp", "uint64"),
            2: ("metrics", "repeated Metric"),
            3: ("seq", "uint64"),
            4: ("uuid", "string"),
            5: ("body", "bytes"),
        },
        "Metric": {
            1: ("name", "string"),
            2: ("alias", "uint64"),
            3: ("timestamp", "uint64"),
            4: ("datatype", "uint32"),
            5: ("is_historical", "bool"),
            6: ("is_transient", "bool"),
            7: ("is_null", "bool"),
            9: ("properties", "PropertySet"),
            **_scalars(10),
            16: ("bytes_value", "bytes"),
            17: ("dataset_value", "DataSet"),
            18: ("template_value", "Template"),
        },
        "PropertySet": {1: ("keys", "repeated string"), 2: ("values", "repeated PropertyValue")},
        "PropertyValue": {1: ("type", "uint32"), 2: ("is_null", "bool"), **_scalars(3)},
        "DataSet": {
            1: ("num_of_columns", "uint64"),
            2: ("columns", "repeated string"),
            3: ("types", "repeated uint32"),
            4: ("rows", "repeated Row"),
        },
        "Row": {1: ("elements", "repeated DataSetValue")},
        "DataSetValue": _scalars(1),
        "Template": {2: ("metrics", "repeated Metric"), 5: ("is_definition", "bool")},
    },
)

_SIGNED = {1: 8, 2: 16, 3: 32, 4: 64}
_UNSIGNED = {5: 8, 6: 16, 7: 32, 8: 64}
FLOAT, DOUBLE, BOOLEAN, DATE_TIME = 9, 10, 11, 13
_TEXTS = frozenset((12, 14, 15))  # String, Text, UUID
DATA_SET, TEMPLATE = 16, 19
_OPAQUE = frozenset((17, 18, 20, 21))  # Bytes, File, PropertySet, PropertySetList
_ARRAYS = {22: "b", 23: "h", 24: "i", 25: "q", 26: "B", 27: "H", 28: "I", 29: "Q", 30: "f", 31: "d"}
_BOOLEANS, _STRINGS, _DATE_TIMES = 32, 33, 34
_LAST = 34
NUMBERS = frozenset((*_SIGNED, *_UNSIGNED, FLOAT, DOUBLE, BOOLEAN, *_ARRAYS, _BOOLEANS))

Scalar = float | bool | str


class Part(NamedTuple):
    """A value of a metric: what to add to the metric's name, which of several, and the value."""

    name: str
    place: str
    value: Scalar


def unpacked(data: bytes) -> Any:
    """Return a payload, unpacked where it is a compressed one.

    Errors  PayloadError when it is no protobuf, or its body no GZIP or DEFLATE of at most 4 MiB.
    """
    payload = parsed(TYPES["Payload"], data, "a Sparkplug B payload")
    if payload.uuid != _COMPRESSED:
        return payload
    unpacker = zlib.decompressobj(47)  # finds out itself whether it is GZIP or DEFLATE
    try:
        body = unpacker.decompress(payload.body, _UNPACKED_BYTES_MAX)
    except zlib.error as error:
        raise PayloadError("Sparkplug body", "GZIP or DEFLATE", str(error)) from error
    if not unpacker.eof:
        raise PayloadError(
            "Sparkplug body", f"a whole one of at most {_UNPACKED_BYTES_MAX} bytes", "another"
        )
    inner = parsed(TYPES["Payload"], body, "the unpacked Sparkplug B payload")
    if not inner.HasField("seq") and payload.HasField("seq"):
        inner.seq = payload.seq
    return inner


def parts(metric: Any, datatype: int, name: str) -> Iterator[Part]:
    """Yield the values of a metric that is not null: one, or those of an array or a data set.

    Not for templates, whose members are metrics.
    Errors  PayloadError when the value is not of the datatype, or there is none.
    """
    if datatype == DATA_SET:
        yield from _table(metric.dataset_value, name)
    elif datatype in _ARRAYS or datatype in {_BOOLEANS, _STRINGS, _DATE_TIMES}:
        if not metric.HasField("bytes_value"):
            raise _wrong(name, "an array in bytes_value", "none")
        for place, value in enumerate(_array(metric.bytes_value, datatype, name), 1):
            if place > ELEMENTS_MAX:
                raise _wrong(name, f"at most {ELEMENTS_MAX} elements", "more")
            yield Part("", str(place), value)
    elif datatype not in _OPAQUE:
        yield Part("", "", scalar(metric, datatype, name))


def scalar(holder: Any, datatype: int, name: str) -> Scalar:
    """Return the value that a metric, a property or an element of a data set holds.

    Errors  PayloadError when it holds none, or not one of the datatype.
    """
    fields = [field for field in _VALUE if holder.HasField(field)]
    if len(fields) != 1:
        raise _wrong(name, "one value", " and ".join(fields) or "none")
    field = fields[0]
    value = getattr(holder, field)
    whole = field in {"int_value", "long_value"}
    if whole and datatype in _SIGNED:
        return _signed(value, _SIGNED[datatype], 32 if field == "int_value" else 64, name)
    if whole and datatype in _UNSIGNED:
        if value >> _UNSIGNED[datatype]:
            raise _wrong(name, f"{_UNSIGNED[datatype]} bits", value)
        return int(value)
    if whole and datatype == DATE_TIME:
        return _date(value, name)
    if field == "float_value" and datatype in {FLOAT, DOUBLE}:
        return shortest(value) if isfinite(value) else float(value)
    if field == "double_value" and datatype in {FLOAT, DOUBLE}:
        return float(value)
    if field == "boolean_value" and datatype == BOOLEAN:
        return bool(value)
    if field == "string_value" and datatype in _TEXTS:
        return str(value)
    raise _wrong(name, f"a value of datatype {datatype}", field)


def known(datatype: int) -> bool:
    """Say whether Sparkplug 3.0 knows a datatype."""
    return 0 < datatype <= _LAST


def plain_type(metric: Any) -> int:
    """Return the datatype that the value's own field leaves no doubt about; 0: it does not."""
    if metric.HasField("double_value"):
        return DOUBLE
    if metric.HasField("float_value"):
        return FLOAT
    if metric.HasField("boolean_value"):
        return BOOLEAN
    if metric.HasField("string_value"):
        return 12
    if metric.HasField("dataset_value"):
        return DATA_SET
    return TEMPLATE if metric.HasField("template_value") else 0


def _signed(value: int, bits: int, width: int, name: str) -> int:
    """Return two's complement of so many bits, alone or with its sign extended to the field."""
    if bits > width:  # an Int64 in 32 bits: the sign would be lost
        if value >> (width - 1):
            raise _wrong(name, "an Int64 in long_value", "int_value")
        return value
    if value >= (1 << width) - (1 << (bits - 1)):
        return value - (1 << width)
    if value >> bits:
        raise _wrong(name, f"a signed integer of {bits} bits", value)
    return value - (1 << bits) if value >> (bits - 1) else value


def _date(value: int, name: str) -> str:
    try:
        return iso(value * MS_NS)
    except (ValueError, OverflowError, OSError) as error:
        raise _wrong(name, "a DateTime in ms", value) from error


def _table(table: Any, name: str) -> Iterator[Part]:
    columns, types = list(table.columns), list(table.types)
    if len(types) != len(columns):
        raise _wrong(name, f"{len(columns)} types of columns", len(types))
    if len(columns) * len(table.rows) > ELEMENTS_MAX:
        raise _wrong(name, f"at most {ELEMENTS_MAX} values in a data set", "more")
    for number, row in enumerate(table.rows, 1):
        if len(row.elements) != len(columns):
            raise _wrong(name, f"{len(columns)} values in a row", len(row.elements))
        place = str(number) if len(table.rows) > 1 else ""
        for column, datatype, element in zip(columns, types, row.elements, strict=True):
            if any(element.HasField(field) for field in _VALUE):  # none: it is null
                yield Part(column, place, scalar(element, datatype, f"{name}.{column}"))


def _array(data: bytes, datatype: int, name: str) -> Iterator[Scalar]:
    if datatype == _BOOLEANS:
        yield from _bits(data, name)
        return
    if datatype == _STRINGS:
        if data and not data.endswith(b"\0"):
            raise _wrong(name, "strings that end in zero", data[-8:].hex())
        try:
            yield from data.decode("utf-8").split("\0")[:-1]
        except UnicodeDecodeError as error:
            raise _wrong(name, "strings in UTF-8", str(error)) from error
        return
    code = "q" if datatype == _DATE_TIMES else _ARRAYS[datatype]
    layout = struct.Struct(f"<{code}")
    if len(data) % layout.size:
        raise _wrong(name, f"elements of {layout.size} bytes", f"{len(data)} bytes")
    for (value,) in layout.iter_unpack(data):
        if datatype == _DATE_TIMES:
            yield _date(value, name)
        else:
            yield shortest(value) if code == "f" and isfinite(value) else value


def _bits(data: bytes, name: str) -> Iterator[bool]:
    """Yield booleans: their number in four bytes, then bits, the first one highest."""
    count = int.from_bytes(data[:4], "little")
    if len(data) < 4 or len(data) != 4 + (count + 7) // 8:
        raise _wrong(name, "a number of booleans, and as many bits", f"{len(data)} bytes")
    for at in range(count):
        yield bool(data[4 + at // 8] >> (7 - at % 8) & 1)


def _wrong(name: str, expected: str, found: object) -> PayloadError:
    return PayloadError(f"Sparkplug metric {name}", expected, found)
