"""ChirpStack v4, JSON: application/{id}/device/{devEui}/event/{name}, also behind a prefix.

Source: ChirpStack v4 documentation, "Integrations: event types", and its protobuf definition
integration/integration.proto, of which the JSON is the canonical mapping: a field of value zero
may be absent (fCnt, fPort, dr, snr, margin, batteryLevel).

How an uplink's payload is decoded says `ingest.uplink`; the network's own result is `object`.
The other events bring state and no measurements, but `status` brings the battery and the margin.
"""

import re
from functools import lru_cache
from typing import Annotated, Any, TypeVar

import msgspec

from ingest.clock import rfc3339_ns
from ingest.errors import PayloadError
from ingest.formats.setup import Setup
from ingest.reading import Envelope, Json, Measurement, Message
from ingest.uplink import Pending, Uplink, best, message

NAME = "chirpstack_v4"
BY_TOPIC = True

_EVENTS = frozenset(("up", "join", "status", "ack", "txack", "log", "location", "integration"))
_HEX16 = re.compile(r"[0-9a-f]{16}")


_Decibel = Annotated[int, msgspec.Meta(ge=-32768, le=32767)]
_Port = Annotated[int, msgspec.Meta(ge=0, le=255)]


class _DeviceInfo(msgspec.Struct, rename="camel", gc=False):
    dev_eui: str
    device_profile_name: str = ""
    device_name: str = ""
    tags: dict[str, str] | None = None


class _Heard(msgspec.Struct, gc=False):
    rssi: _Decibel | None = None
    snr: float = 0.0


class _Event(msgspec.Struct, rename="camel"):
    device_info: _DeviceInfo
    time: str | None = None
    deduplication_id: str | None = None


class _Up(_Event, rename="camel"):
    f_port: _Port = 0
    data: bytes = b""
    object: msgspec.Raw = msgspec.Raw(b"")
    rx_info: list[_Heard] | None = None


class _Status(_Event, rename="camel"):
    margin: _Decibel = 0
    battery_level: float = 0.0
    external_power_source: bool = False
    battery_level_unavailable: bool = False


class _Told(_Event, rename="camel"):
    """The fields of the events that are only state; each event has some of them."""

    dev_addr: str | None = None
    acknowledged: bool = False
    f_cnt_down: int = 0
    gateway_id: str | None = None
    level: str | None = None
    code: str | None = None
    description: str | None = None
    integration_name: str | None = None
    event_type: str | None = None
    location: dict[str, Any] | None = None


_UP = msgspec.json.Decoder(_Up)
_STATUS = msgspec.json.Decoder(_Status)
_TOLD = msgspec.json.Decoder(_Told)
_OBJECT = msgspec.json.Decoder()
_E = TypeVar("_E", bound=_Event)


def claims(topic: str, payload: bytes, setup: Setup) -> bool:
    """Say yes to every event topic, whatever the payload."""
    del payload, setup
    return _place(topic) is not None


def read(envelope: Envelope, setup: Setup) -> Message | Pending:
    """Return the message of an event.

    Errors  PayloadError when the JSON is not that of the event, when the DevEUI is not sixteen
            hex digits or not the topic's, when the time is none, or when no codec is known.
    """
    place = _place(envelope.topic)
    if place is None or place[1] not in _EVENTS:
        raise PayloadError(
            "ChirpStack event",
            "a topic that ends in one of " + " ".join(sorted(_EVENTS)),
            envelope.topic,
        )
    eui, name = place
    if name == "up":
        return _read_up(envelope, eui, setup)
    if name == "status":
        return _read_status(_decoded(_STATUS, envelope.payload), eui)
    return _read_told(_decoded(_TOLD, envelope.payload), eui, name)


def _read_up(envelope: Envelope, topic_eui: str, setup: Setup) -> Message | Pending:
    event = _decoded(_UP, envelope.payload)
    info = event.device_info
    rssi, snr = best((one.rssi, one.snr) for one in event.rx_info or ())
    return message(
        Uplink(
            NAME,
            _device(info.dev_eui, topic_eui),
            event.data,
            event.f_port,
            envelope.received_ns,
            None if event.time is None else rfc3339_ns(event.time),
            event.time or "",
            info.device_name,
            info.device_profile_name,
            " ".join(info.tags.values()) if info.tags else "",
            _object(event.object),
            rssi,
            snr,
            event.deduplication_id,
        ),
        setup,
    )


def _object(raw: msgspec.Raw) -> dict[str, Json] | None:
    """Return the network's decoded fields."""
    tree = _OBJECT.decode(raw) if raw else None
    if tree is not None and not isinstance(tree, dict):
        raise PayloadError("ChirpStack object", "a JSON object", type(tree).__name__)
    return tree


def _read_status(event: _Status, topic_eui: str) -> Message:
    found = [Measurement("link_margin", float(event.margin))]
    state: dict[str, Json] = {
        "margin": event.margin,
        "external_power_source": event.external_power_source,
    }
    if not event.external_power_source and not event.battery_level_unavailable:
        found.append(Measurement("battery_level", event.battery_level))
        state["battery_level"] = event.battery_level
    return _message(event, topic_eui, found, state)


def _read_told(event: _Told, topic_eui: str, name: str) -> Message:
    facts: dict[str, Json] = {"time": event.time}
    if name == "join":
        facts["dev_addr"] = event.dev_addr
    elif name == "ack":
        facts |= {"acknowledged": event.acknowledged, "f_cnt_down": event.f_cnt_down}
    elif name == "txack":
        facts |= {"gateway_id": event.gateway_id, "f_cnt_down": event.f_cnt_down}
    elif name == "log":
        facts |= {"level": event.level, "code": event.code, "description": event.description}
    elif name == "location":
        facts |= event.location or {}
    else:
        facts |= {"integration": event.integration_name, "event_type": event.event_type}
    return _message(event, topic_eui, [], {name: facts})


def _message(
    event: _Event, topic_eui: str, found: list[Measurement], state: dict[str, Json]
) -> Message:
    info = event.device_info
    return Message(
        _device(info.dev_eui, topic_eui),
        None if event.time is None else rfc3339_ns(event.time),
        found,
        state,
        event.deduplication_id,
        info.device_name,
        info.device_profile_name,
        NAME,
    )


def _decoded(decoder: msgspec.json.Decoder[_E], payload: bytes) -> _E:
    try:
        return decoder.decode(payload)
    except msgspec.MsgspecError as error:
        raise PayloadError(
            "JSON", "an event of ChirpStack v4 with its deviceInfo", str(error)
        ) from error


@lru_cache(maxsize=65_536)
def _place(topic: str) -> tuple[str, str] | None:
    """Return the DevEUI as the topic spells it, and the event's name; None for another topic."""
    levels = topic.split("/")[-6:]
    if len(levels) != 6 or levels[::2] != ["application", "device", "event"]:
        return None
    return levels[3], levels[5]


@lru_cache(maxsize=65_536)
def _device(dev_eui: str, topic_eui: str) -> str:
    device = dev_eui.lower()
    if not _HEX16.fullmatch(device):
        raise PayloadError("DevEUI", "16 hex digits in deviceInfo.devEui", dev_eui)
    if topic_eui.lower() != device:
        raise PayloadError("DevEUI", f"{topic_eui}, as in the topic", dev_eui)
    return device
