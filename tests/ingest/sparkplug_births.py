"""What the tests of one format share."""

from ingest.clock import rfc3339_ns
from ingest.decode import Decoder
from ingest.formats import sparkplug
from ingest.formats.sparkplug_metric import TYPES
from ingest.reading import Envelope, Message

NOW = rfc3339_ns("2026-06-01T12:00:00Z")
NOW_MS = NOW // 10**6
PLANT = "spBv1.0/city"
TYPE_OF = {
    "Int8": 1, "Int16": 2, "Int32": 3, "Int64": 4, "UInt8": 5, "UInt16": 6, "UInt32": 7,
    "UInt64": 8, "Float": 9, "Double": 10, "Boolean": 11, "String": 12, "DateTime": 13,
    "Text": 14, "UUID": 15, "DataSet": 16, "Bytes": 17, "File": 18, "Template": 19,
}  # fmt: skip


def _metric(name="", kind=0, properties=None, **fields):
    metric = TYPES["Metric"](**fields)
    if name:
        metric.name = name
    if kind:
        metric.datatype = TYPE_OF.get(kind, kind)
    for key, value in (properties or {}).items():
        metric.properties.keys.append(key)
        metric.properties.values.add(
            **({"type": 12, "string_value": value} if isinstance(value, str) else
               {"type": 3, "int_value": value})
        )  # fmt: skip
    return metric


def _payload(*metrics, seq=None, timestamp=NOW_MS, **fields) -> bytes:
    payload = TYPES["Payload"](metrics=metrics, **fields)
    if seq is not None:
        payload.seq = seq
    if timestamp is not None:
        payload.timestamp = timestamp
    return payload.SerializeToString()


class Plant:
    """A decoder, and the topics of one edge node."""

    def __init__(self, facts=()):
        self.decoder = Decoder(formats=(sparkplug,), facts=facts)

    def says(self, kind: str, *metrics, device: str = "", **fields) -> Message:
        topic = f"{PLANT}/{kind}/node1" + (f"/{device}" if device else "")
        return self.raw(topic, _payload(*metrics, **fields))

    def raw(self, topic: str, payload: bytes) -> Message:
        return self.decoder.decode(Envelope("test", topic, payload, NOW))


def _values(message: Message) -> dict[tuple[str, str], float]:
    values = {(one.quantity, one.channel): one.value for one in message.measurements}
    assert len(values) == len(message.measurements)
    return values


def _table(rows, types=(10, 12), columns=("temperature", "note")):
    return TYPES["DataSet"](
        num_of_columns=len(columns), columns=columns, types=types,
        rows=[{"elements": row} for row in rows],
    )  # fmt: skip
