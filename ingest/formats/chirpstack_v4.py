"""ChirpStack v4, JSON: application/{id}/device/{devEui}/event/{name}, also behind a prefix.

Source: ChirpStack v4 documentation, "Integrations: event types", and its protobuf definition
integration/integration.proto, of which the JSON is the canonical mapping: a field of value zero
may be absent (fCnt, fPort, dr, snr, margin, batteryLevel).

An uplink's payload is decoded by, in this order:
1. the codec that the operator set for the DevEUI or for the device profile,
2. the network's own decoder, when the event carries its result in `object`,
3. a codec that recognises the profile's or the device's name, a tag, or the DevEUI.
An uplink without a payload (a heartbeat) needs none. `rssi` and `snr` are those of the gateway
that heard best, by SNR and then by RSSI, as ChirpStack itself ranks them.
The other events bring state and no measurements, but `status` brings the battery and the margin.
"""

import re
from functools import lru_cache
from typing import Annotated, Any, TypeVar

import msgspec

from ingest.clock import rfc3339_ns
from ingest.codecs import CODECS, CODECS_BY_NAME, Codec
from ingest.errors import PayloadError
from ingest.formats.setup import Setup
from ingest.meaning import measurements
from ingest.reading import Envelope, Json, Measurement, Message

NAME = "chirpstack_v4"

_EVENTS = frozenset(("up", "join", "status", "ack", "txack", "log", "location", "integration"))
_HEX16 = re.compile(r"[0-9a-f]{16}")
_WORD = re.compile(r"[^\W_]+")
_NAMES_CHARS_MAX = 512
_RADIO = frozenset(("rssi", "snr"))


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


def claims(topic: str, payload: bytes) -> bool:
    """Say yes to every event topic, whatever the payload."""
    del payload
    return _place(topic) is not None


def read(envelope: Envelope, setup: Setup) -> Message:
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
        return _read_up(envelope.payload, eui, setup)
    if name == "status":
        return _read_status(_decoded(_STATUS, envelope.payload), eui)
    return _read_told(_decoded(_TOLD, envelope.payload), eui, name)


def _read_up(payload: bytes, topic_eui: str, setup: Setup) -> Message:
    event = _decoded(_UP, payload)
    info = event.device_info
    device = _device(info.dev_eui, topic_eui)
    time_ns = None if event.time is None else rfc3339_ns(event.time)
    found = _measured(event, info, device, setup)
    for place, one in enumerate(found):
        if one.time_ns is not None:  # from a codec, it is minus the age
            own_ns = None if time_ns is None else time_ns + one.time_ns
            found[place] = one._replace(time_ns=own_ns)
    if event.rx_info:
        best = _best(event.rx_info)
        if best.rssi is not None:
            found.append(Measurement("rssi", float(best.rssi)))
            found.append(Measurement("snr", best.snr))
    return Message(
        device,
        time_ns,
        found,
        {},
        event.deduplication_id,
        info.device_name,
        info.device_profile_name,
        NAME,
    )


def _measured(event: _Up, info: _DeviceInfo, device: str, setup: Setup) -> list[Measurement]:
    if setup.codecs:
        chosen = setup.codecs.get(device) or setup.codecs.get(info.device_profile_name)
        if chosen is not None:
            return CODECS_BY_NAME[chosen].decode(event.data, event.f_port)
    if event.object:
        tree = _OBJECT.decode(event.object)
        if tree:
            return _from_object(tree)
    if not event.data:
        return []
    tags = " ".join(info.tags.values()) if info.tags else ""
    names = f"{info.device_profile_name} {info.device_name} {tags}"
    codec = _recognised(names[:_NAMES_CHARS_MAX], device)
    if codec is None:
        raise PayloadError(
            "payload codec",
            f"a codec for the profile {info.device_profile_name!r}; set one of "
            f"{' '.join(CODECS_BY_NAME)} for it, or a decoder in ChirpStack's device profile",
            f"no codec, and no decoded object in the event of {device}",
        )
    return codec.decode(event.data, event.f_port)


def _from_object(tree: object) -> list[Measurement]:
    """Return the network's decoded fields; what the device says of its radio is of the device."""
    if not isinstance(tree, dict):
        raise PayloadError("ChirpStack object", "a JSON object", type(tree).__name__)
    return [
        one._replace(channel=one.channel or "device") if one.quantity in _RADIO else one
        for one in measurements(tree)
    ]


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


def _best(heard: list[_Heard]) -> _Heard:
    if len(heard) == 1:
        return heard[0]
    return max(heard, key=lambda one: (one.rssi is not None, one.snr, one.rssi or 0))


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


@lru_cache(maxsize=16_384)
def _recognised(names: str, device: str) -> Codec | None:
    words = frozenset(_WORD.findall(names.lower()))
    return next((codec for codec in CODECS if codec.matches(words, device)), None)
