"""ChirpStack v3 and LoRa Server before it: JSON, JSON v3 and protobuf.

Source: ChirpStack Application Server v3 documentation, "Event types", and its protobuf definition
as/integration/integration.proto.

Topics `application/{number}/device/{DevEUI}/event/{name}` are those of v4 too, and come here from
there; this format's own are the older `…/device/{DevEUI}/{name}`, `…/device/{DevEUI}/rx` and
`…/node/{DevEUI}/rx`. The operator of the server chooses one of three encodings:

- JSON: bytes as base64 (devEUI, devAddr, gatewayID), `objectJSON` a string of JSON;
- JSON v3: devEUI, devAddr and gatewayID as hex, `object` an object;
- protobuf.

Time: a gateway's, where it tells one, since it heard the uplink, the best-hearing gateway first;
one that lies after `publishedAt` has a wrong clock, and `publishedAt` counts. Neither is always
there, and then there is none.
Repeats: v3 numbers nothing. An uplink is known by its frame counter and a digest of the whole
message, which holds the random uplink ids and the concentrators' clocks.
"""

import binascii
import hashlib
import re
from base64 import b64decode
from functools import lru_cache
from typing import Any

import msgspec

from ingest.clock import EARLIEST_NS, rfc3339_ns
from ingest.errors import PayloadError
from ingest.formats import chirpstack_event, chirpstack_v3_protobuf
from ingest.formats.setup import Setup
from ingest.reading import Envelope, Json, Measurement, Message
from ingest.uplink import Pending, Uplink, best, message

NAME = "chirpstack_v3"
BY_TOPIC = True

EVENTS = frozenset(("up", "join", "status", "ack", "txack", "error", "location", "integration"))
_OLDER = EVENTS | {"rx"}
_HEX = re.compile(r"[0-9a-fA-F]*")
_MAINS, _UNKNOWN_BATTERY, _FULL_BATTERY = 0, 255, 254


class _Heard(msgspec.Struct, rename={"snr": "loRaSNR"}, gc=False):
    time: str | None = None
    rssi: float | None = None
    snr: float | None = None


_NAMES = {
    "dev_eui": "devEUI",
    "device_name": "deviceName",
    "node_name": "nodeName",
    "device_profile_name": "deviceProfileName",
    "published_at": "publishedAt",
    "f_cnt": "fCnt",
    "f_port": "fPort",
    "object_json": "objectJSON",
    "rx_info": "rxInfo",
    "dev_addr": "devAddr",
    "gateway_id": "gatewayID",
    "battery_level": "batteryLevel",
    "external_power_source": "externalPowerSource",
    "battery_level_unavailable": "batteryLevelUnavailable",
    "integration_name": "integrationName",
    "event_type": "eventType",
}


class _Event(msgspec.Struct, rename=_NAMES):
    """The fields of every event; each has some of them."""

    dev_eui: str
    device_name: str = ""
    node_name: str = ""  # before LoRa App Server 0.15
    device_profile_name: str = ""
    tags: dict[str, str] | None = None
    published_at: str | None = None
    time: str | None = None
    rx_info: list[_Heard] | None = None
    f_cnt: int = 0
    f_port: chirpstack_event.Port = 0
    data: bytes | None = None
    object: msgspec.Raw = msgspec.Raw(b"")
    object_json: str | None = None
    margin: chirpstack_event.Decibel = 0
    battery: int | None = None
    battery_level: float | None = None
    external_power_source: bool = False
    battery_level_unavailable: bool = False
    dev_addr: str | None = None
    acknowledged: bool = False
    gateway_id: str | None = None
    type: str | None = None
    error: str | None = None
    location: dict[str, Any] | None = None
    integration_name: str | None = None
    event_type: str | None = None


_EVENT = msgspec.json.Decoder(_Event)
_TREE = msgspec.json.Decoder()


def claims(topic: str, payload: bytes, setup: Setup) -> bool:
    """Say yes to the topics that only v3 and its forerunners have, whatever the payload."""
    del payload, setup
    found = _place(topic)
    return found is not None and chirpstack_event.place(topic) is None


def read(envelope: Envelope, setup: Setup) -> Message | Pending:
    """Return the message of an event.

    Errors  PayloadError when the bytes are not that event, when the DevEUI is neither hex nor
            base64 or not the topic's, when the time is none, or when no codec is known.
    """
    place = chirpstack_event.place(envelope.topic) or _place(envelope.topic)
    if place is None or place[1] not in _OLDER:
        raise PayloadError(
            "ChirpStack event",
            "a topic that ends in one of " + " ".join(sorted(EVENTS)),
            envelope.topic,
        )
    topic_eui, name = place
    name = "up" if name == "rx" else name
    if chirpstack_event.is_json(envelope.payload):
        event = _of_json(envelope.payload)
    else:
        event = _of_protobuf(envelope.payload, name)
    device = chirpstack_event.device_of(_hex(event.dev_eui, "DevEUI"), topic_eui)
    time = _time(event)
    if name == "up":
        return _uplink(envelope, device, event, time, setup)
    time_ns = None if time is None else rfc3339_ns(time)
    if name == "status":
        found, state = _status(event)
    else:
        found, state = [], {name: _facts(event, name, time)}
    return Message(
        device,
        time_ns,
        found,
        state,
        name=event.device_name or event.node_name,
        model=event.device_profile_name,
        format=NAME,
    )


def _uplink(
    envelope: Envelope, device: str, event: _Event, time: str | None, setup: Setup
) -> Message | Pending:
    rssi, snr = best((one.rssi, one.snr) for one in event.rx_info or ())
    digest = hashlib.blake2b(envelope.payload, digest_size=16).hexdigest()
    return message(
        Uplink(
            NAME,
            device,
            event.data or b"",
            event.f_port,
            envelope.received_ns,
            None if time is None else rfc3339_ns(time),
            time or "",
            event.device_name or event.node_name,
            event.device_profile_name,
            " ".join(event.tags.values()) if event.tags else "",
            _object(event),
            rssi,
            snr,
            f"{event.f_cnt}/{digest}",
            f_cnt=event.f_cnt,
        ),
        setup,
    )


def _time(event: _Event) -> str | None:
    """Return when it was heard, as text; see the module's words on time."""
    stated = [one.time for one in sorted(event.rx_info or (), key=_hearing) if one.time]
    if event.time:
        stated.append(event.time)
    possible = (one for one in stated if rfc3339_ns(one) >= EARLIEST_NS)
    heard, published = next(possible, None), event.published_at
    if heard is None:
        return published or next(iter(stated), None)
    if published and rfc3339_ns(heard) > rfc3339_ns(published) >= EARLIEST_NS:
        return published
    return heard


def _hearing(one: _Heard) -> tuple[float, float]:
    """Return what sorts the gateway that heard best first."""
    return -(one.snr or 0.0), -(one.rssi or 0.0)


def _object(event: _Event) -> dict[str, Json] | None:
    """Return the server's decoded fields."""
    text = event.object_json.encode() if event.object_json else bytes(event.object)
    if not text:
        return None
    try:
        found = _TREE.decode(text)
    except msgspec.DecodeError as error:
        raise PayloadError("objectJSON", "a string of JSON", str(error)) from error
    if found is not None and not isinstance(found, dict):
        raise PayloadError("ChirpStack object", "a JSON object", type(found).__name__)
    return found


def _status(event: _Event) -> tuple[list[Measurement], dict[str, Json]]:
    """Return margin and battery; older servers give LoRaWAN's own number of 0 to 255."""
    level, external = event.battery_level, event.external_power_source
    unknown = event.battery_level_unavailable
    if level is None and event.battery is not None:
        external, unknown = event.battery == _MAINS, event.battery == _UNKNOWN_BATTERY
        level = round(100 * event.battery / _FULL_BATTERY, 1)
    return chirpstack_event.status(event.margin, level or 0.0, external=external, unknown=unknown)


def _facts(event: _Event, name: str, time: str | None) -> dict[str, Json]:
    """Return the state that an event tells."""
    facts: dict[str, Json] = {"time": time}
    if name == "join":
        facts["dev_addr"] = event.dev_addr and _hex(event.dev_addr, "DevAddr")
    elif name == "ack":
        facts |= {"acknowledged": event.acknowledged, "f_cnt_down": event.f_cnt}
    elif name == "txack":
        gateway = event.gateway_id and _hex(event.gateway_id, "gateway id")
        facts |= {"gateway_id": gateway, "f_cnt_down": event.f_cnt}
    elif name == "error":
        facts |= {"type": event.type or "UNKNOWN", "error": event.error}
    elif name == "location":
        told = event.location or {}  # the JSON writes zeros, protobuf can't
        facts |= {key: fact for key, fact in told.items() if fact and fact != "UNKNOWN"}
    else:
        facts |= {"integration": event.integration_name, "event_type": event.event_type}
    return facts


def _of_json(payload: bytes) -> _Event:
    try:
        return _EVENT.decode(payload)
    except msgspec.MsgspecError as error:
        raise PayloadError(
            "JSON", "an event of ChirpStack: with deviceInfo (v4) or devEUI (v3)", str(error)
        ) from error


def _of_protobuf(payload: bytes, name: str) -> _Event:
    known = chirpstack_v3_protobuf.fields(payload, name)
    heard = [_Heard(*one) for one in known.pop("rx_info", ())]
    return _Event(**{"dev_eui": "", "rx_info": heard, **known})


def _hex(text: str, what: str) -> str:
    """Return an id in hex, lower case, whether it came as hex or as base64."""
    if len(text) % 2 == 0 and _HEX.fullmatch(text):
        return text.lower()
    try:
        return b64decode(text, validate=True).hex()
    except (binascii.Error, ValueError) as error:
        raise PayloadError(what, "hex digits or base64", text) from error


@lru_cache(maxsize=65_536)
def _place(topic: str) -> tuple[str, str] | None:
    """Return the DevEUI as the topic spells it, and the event's name; None for another topic."""
    levels = topic.split("/")[-5:]
    if len(levels) != 5 or levels[0] != "application" or levels[4] not in _OLDER:
        return None
    if levels[2] == "device" or (levels[2] == "node" and levels[4] == "rx"):
        return levels[3], levels[4]
    return None
