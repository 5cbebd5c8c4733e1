"""Protobuf messages from compact tables of field numbers, without generated code.

A table is a fact about a wire format: `{number: (name, type)}` for each message. Types are

- `bool bytes double fixed32 fixed64 float int32 int64 sfixed32 sfixed64 sint32 sint64 string
  uint32 uint64`; an enum is read as `int32`,
- the name of another message of the same tables,
- `Struct`, `Timestamp` and `Duration`: the well-known types,
- `repeated X` for any of these, and `map<K,V>` for scalar types.

    _TYPES = messages("weather", {
        "Report": {1: ("station", "string"), 2: ("time", "Timestamp"),
                   3: ("values", "repeated Value"), 4: ("tags", "map<string,string>")},
        "Value": {1: ("name", "string"), 2: ("number", "double"), 3: ("text", "string")},
    })
    report = parsed(_TYPES["Report"], payload, "a weather report")
    report.station, time_ns(report.time), report.values[0].HasField("number")

`HasField` answers for every single field whether it was on the wire, so the members of a `oneof`
are written as plain fields. Fields that no table names are skipped when read, as protobuf does.

Source: Protocol Buffers documentation, "Encoding" and "Editions" (edition 2023: a single field
knows whether it is present, and strings are checked to be UTF-8); google/protobuf/struct.proto
and timestamp.proto for the well-known types.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.duration_pb2 import DESCRIPTOR as _DURATION
from google.protobuf.message import DecodeError, Message
from google.protobuf.struct_pb2 import DESCRIPTOR as _STRUCT
from google.protobuf.timestamp_pb2 import DESCRIPTOR as _TIMESTAMP

from ingest.clock import SECOND_NS
from ingest.errors import PayloadError
from ingest.meaning import DEPTH_MAX
from ingest.reading import Json

_F = descriptor_pb2.FieldDescriptorProto
_SCALARS = {
    name.removeprefix("TYPE_").lower(): number
    for name, number in _F.Type.items()
    if name not in {"TYPE_ENUM", "TYPE_GROUP", "TYPE_MESSAGE"}
}
_WELL_KNOWN = frozenset(("Struct", "Timestamp", "Duration"))
_KNOWN_FILES = (_DURATION, _STRUCT, _TIMESTAMP)
_MAP = re.compile(r"map<(\w+), ?(\w+)>")


def messages(
    package: str, tables: Mapping[str, Mapping[int, tuple[str, str]]]
) -> dict[str, type[Message]]:
    """Return a class for each message of the tables, in a pool of their own.

    package  a name for errors; the same may be used twice, nothing is registered globally
    Errors   ValueError for a type that is none, TypeError where protobuf refuses the tables.
    """
    file = descriptor_pb2.FileDescriptorProto(
        name=f"{package}.proto",
        package=package,
        syntax="editions",
        edition=descriptor_pb2.Edition.EDITION_2023,
    )
    pool = descriptor_pool.DescriptorPool()
    for known in _KNOWN_FILES:
        pool.AddSerializedFile(known.serialized_pb)
        file.dependency.append(known.name)
    for name, table in tables.items():
        message = file.message_type.add(name=name)
        for number, (field, kind) in table.items():
            _add(message, number, field, kind, package, tables)
    pool.AddSerializedFile(file.SerializeToString())
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.{name}"))
        for name in tables
    }


def parsed(kind: type[Message], payload: bytes, what: str) -> Any:
    """Return the message that the bytes are, an object with the fields of its table.

    what    names the message in the error: "an uplink of ChirpStack"
    Errors  PayloadError, rule "protobuf".
    """
    try:
        return kind.FromString(payload)
    except DecodeError as error:
        head = payload[:16].hex(" ")
        raise PayloadError(
            "protobuf", f"{what} as protobuf", f"{len(payload)} bytes that are none: {head}…"
        ) from error


def time_ns(stamp: Any) -> int:
    """Return a Timestamp or a Duration in ns, exactly; PayloadError when its nanos are none."""
    if not -SECOND_NS < stamp.nanos < SECOND_NS:
        raise PayloadError("time", "less than 1,000,000,000 nanos", stamp.nanos)
    return int(stamp.seconds) * SECOND_NS + int(stamp.nanos)


def time_text(stamp: Any) -> str:
    """Return a Timestamp as RFC 3339 in UTC, with 0, 3, 6 or 9 digits of fraction and +00:00.

    This is how servers written in Rust spell the same instant in JSON.
    Errors  PayloadError for an instant outside the years 1 to 9999.
    """
    seconds, rest = divmod(time_ns(stamp), SECOND_NS)
    try:
        moment = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise PayloadError("time", "an instant of the years 1 to 9999", f"{seconds} s") from error
    fraction = f"{rest:09d}"
    while fraction.endswith("000"):
        fraction = fraction[:-3]
    dotted = f".{fraction}" if fraction else ""
    return f"{moment.replace(tzinfo=None).isoformat()}{dotted}+00:00"


def shortest(value: float) -> float:
    """Return the float whose digits are those that a 32-bit float is written with: 88.3.

    Its own bits say 88.30000305175781, which nobody measured.
    """
    return float(str(np.float32(value)))


def tree(struct: Any) -> dict[str, Json]:
    """Return a Struct as a JSON object; numbers are floats, as they were on the wire.

    Keys are sorted: a map of protobuf has no order of its own.
    Errors  PayloadError beyond 32 levels.
    """
    return _fields(struct, 0)


def _fields(struct: Any, depth: int) -> dict[str, Json]:
    fields = struct.fields
    return {key: _value(fields[key], depth + 1) for key in sorted(fields)}


def _value(value: Any, depth: int) -> Json:
    if depth > DEPTH_MAX:
        raise PayloadError("nesting", f"at most {DEPTH_MAX} levels of Struct", "more")
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return _fields(value.struct_value, depth)
    if kind == "list_value":
        return [_value(one, depth + 1) for one in value.list_value.values]
    if kind is None or kind == "null_value":
        return None
    plain: Json = getattr(value, kind)
    return plain


def _add(
    message: descriptor_pb2.DescriptorProto,
    number: int,
    name: str,
    kind: str,
    package: str,
    tables: Mapping[str, Mapping[int, tuple[str, str]]],
) -> None:
    """Add one field of a table to the description of its message."""
    repeated = kind.startswith("repeated ")
    kind = kind.removeprefix("repeated ")
    field = message.field.add(name=name, number=number, label=_F.LABEL_OPTIONAL)
    entry = _MAP.fullmatch(kind)
    if entry:
        nested = "".join(part.title() for part in name.split("_")) + "Entry"
        pair = message.nested_type.add(name=nested)
        pair.options.map_entry = True
        for place, (part, scalar) in enumerate(zip(("key", "value"), entry.groups(), strict=True)):
            _add(pair, place + 1, part, scalar, package, {})
        field.type = _F.TYPE_MESSAGE
        field.type_name = f".{package}.{message.name}.{nested}"
    elif kind in _SCALARS:
        field.type = _F.Type.ValueType(_SCALARS[kind])
    elif kind in tables:
        field.type, field.type_name = _F.TYPE_MESSAGE, f".{package}.{kind}"
    elif kind in _WELL_KNOWN:
        field.type, field.type_name = _F.TYPE_MESSAGE, f".google.protobuf.{kind}"
    else:
        raise ValueError(f"type of {message.name}.{name}: {kind!r} is no type of these tables")
    if repeated or entry:
        field.label = _F.LABEL_REPEATED
