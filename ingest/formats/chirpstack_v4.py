"""ChirpStack v4: application/{id}/device/{devEui}/event/{name}, also behind a prefix.

Source: ChirpStack v4 documentation, "Integrations: event types". What the events mean says
`chirpstack_event`; here they are told apart:

- what begins with "{" is JSON, what can be the beginning of a protobuf message is read as that
  (the network server's operator chooses one for all events),
- JSON without `deviceInfo`, and protobuf whose fourth field is the topic's DevEUI in eight bytes,
  is of ChirpStack v3, which publishes on the same topics.
"""

from typing import TypeVar

import msgspec

from ingest.errors import PayloadError
from ingest.formats import chirpstack_protobuf, chirpstack_v3, chirpstack_v3_protobuf
from ingest.formats.chirpstack_event import EVENTS as _EVENTS
from ingest.formats.chirpstack_event import (
    NAME,
    Event,
    Status,
    Told,
    Up,
    is_json,
    place,
    read_status,
    read_told,
    read_up,
)
from ingest.formats.setup import Setup
from ingest.reading import Envelope, Json, Message
from ingest.uplink import Pending

BY_TOPIC = True
_ALL_EVENTS = _EVENTS | chirpstack_v3.EVENTS

_UP = msgspec.json.Decoder(Up)
_STATUS = msgspec.json.Decoder(Status)
_TOLD = msgspec.json.Decoder(Told)
_OBJECT = msgspec.json.Decoder()
_E = TypeVar("_E", bound=Event)
_WIRE_TYPES = frozenset((0, 1, 2, 5))  # of protobuf, without the groups that nobody sends

__all__ = ["BY_TOPIC", "NAME", "claims", "read"]


def claims(topic: str, payload: bytes, setup: Setup) -> bool:
    """Say yes to every event topic, whatever the payload."""
    del payload, setup
    return place(topic) is not None


def read(envelope: Envelope, setup: Setup) -> Message | Pending:
    """Return the message of an event.

    Errors  PayloadError when the bytes are not that event, when the DevEUI is not sixteen hex
            digits or not the topic's, when the time is none, or when no codec is known.
    """
    found = place(envelope.topic)
    if found is None or found[1] not in _ALL_EVENTS:
        raise PayloadError(
            "ChirpStack event",
            "a topic that ends in one of " + " ".join(sorted(_EVENTS)),
            envelope.topic,
        )
    eui, name = found
    payload = envelope.payload
    if is_json(payload):
        if name not in _EVENTS or b'"deviceInfo"' not in payload:
            return chirpstack_v3.read(envelope, setup)
    elif _is_protobuf(payload):
        if name not in _EVENTS or chirpstack_v3_protobuf.is_own(payload, eui):
            return chirpstack_v3.read(envelope, setup)
        return chirpstack_protobuf.read(envelope, eui, name, setup)
    if name == "up":
        up = _decoded(_UP, payload)
        if up.device_info is None:
            return chirpstack_v3.read(envelope, setup)
        return read_up(envelope, eui, up, _object(up.object), setup)
    if name == "status":
        return read_status(_decoded(_STATUS, payload), eui)
    return read_told(_decoded(_TOLD, payload), eui, name)


def _is_protobuf(payload: bytes) -> bool:
    """Say whether the first byte can be a tag: a field from 1 to 15 and a type of protobuf's."""
    head = payload[0] if payload else 0
    return 8 <= head < 0x80 and head & 7 in _WIRE_TYPES


def _object(raw: msgspec.Raw) -> dict[str, Json] | None:
    """Return the network's decoded fields."""
    tree = _OBJECT.decode(raw) if raw else None
    if tree is not None and not isinstance(tree, dict):
        raise PayloadError("ChirpStack object", "a JSON object", type(tree).__name__)
    return tree


def _decoded(decoder: msgspec.json.Decoder[_E], payload: bytes) -> _E:
    try:
        return decoder.decode(payload)
    except msgspec.MsgspecError as error:
        raise PayloadError(
            "JSON", "an event of ChirpStack v4 with its deviceInfo", str(error)
        ) from error
