"""The events of ChirpStack v4, whether they came as JSON or as protobuf, and what they mean.

Source: ChirpStack v4 documentation, "Integrations: event types", and its protobuf definition
integration/integration.proto, of which the JSON is the canonical mapping: a field of value zero
may be absent (fCnt, fPort, dr, snr, margin, batteryLevel).

How an uplink's payload is decoded says `ingest.uplink`; the network's own result is `object`.
The other events bring state and no measurements, but `status` brings the battery and the margin.
"""

import re
from functools import lru_cache
from typing import Annotated, Any

import msgspec

from ingest.clock import rfc3339_ns
from ingest.errors import PayloadError
from ingest.formats.setup import Setup
from ingest.reading import Envelope, Json, Measurement, Message
from ingest.uplink import Pending, Uplink, best, message

NAME = "chirpstack_v4"
EVENTS = frozenset(("up", "join", "status", "ack", "txack", "log", "location", "integration"))
_HEX16 = re.compile(r"[0-9a-f]{16}")

Decibel = Annotated[int, msgspec.Meta(ge=-32768, le=32767)]
Counter = Annotated[int, msgspec.Meta(ge=0, lt=1 << 32)]
Port = Annotated[int, msgspec.Meta(ge=0, le=255)]


class DeviceInfo(msgspec.Struct, rename="camel", gc=False):
    """Whose event it is."""

    dev_eui: str
    device_profile_name: str = ""
    device_name: str = ""
    tags: dict[str, str] | None = None


class Heard(msgspec.Struct, gc=False):
    """How one gateway heard an uplink."""

    rssi: Decibel | None = None
    snr: float = 0.0


class Event(msgspec.Struct, rename="camel"):
    """What every event has; without `device_info` it is not of ChirpStack v4."""

    device_info: DeviceInfo | None = None
    time: str | None = None
    deduplication_id: str | None = None


class Up(Event, rename="camel"):
    """An uplink."""

    f_port: Port = 0
    f_cnt: Counter = 0
    data: bytes = b""
    object: msgspec.Raw = msgspec.Raw(b"")
    rx_info: list[Heard] | None = None


class Status(Event, rename="camel"):
    """What a device said of its battery and of how well it hears."""

    margin: Decibel = 0
    battery_level: float = 0.0
    external_power_source: bool = False
    battery_level_unavailable: bool = False


class Told(Event, rename="camel"):
    """The fields of the events that are only state; each event has some of them."""

    dev_addr: str | None = None
    acknowledged: bool = False
    f_cnt_down: int = 0
    gateway_id: str | None = None
    level: str = "INFO"
    code: str = "UNKNOWN"
    description: str | None = None
    integration_name: str | None = None
    event_type: str | None = None
    location: dict[str, Any] | None = None


def read_up(
    envelope: Envelope, topic_eui: str, event: Up, decoded: dict[str, Json] | None, setup: Setup
) -> Message | Pending:
    """Return the message of an uplink; `decoded` is the network's own result.

    Errors  PayloadError when the DevEUI is not sixteen hex digits or not the topic's, when the
            time is none, or when no codec is known.
    """
    info = _info(event)
    rssi, snr = best((one.rssi, one.snr) for one in event.rx_info or ())
    return message(
        Uplink(
            NAME,
            device_of(info.dev_eui, topic_eui),
            event.data,
            event.f_port,
            envelope.received_ns,
            None if event.time is None else rfc3339_ns(event.time),
            event.time or "",
            info.device_name,
            info.device_profile_name,
            " ".join(info.tags.values()) if info.tags else "",
            decoded,
            rssi,
            snr,
            event.deduplication_id,
            f_cnt=event.f_cnt,
        ),
        setup,
    )


def read_status(event: Status, topic_eui: str) -> Message:
    """Return margin and battery, unless the device hangs on the mains or can't tell."""
    found, state = status(
        event.margin,
        event.battery_level,
        external=event.external_power_source,
        unknown=event.battery_level_unavailable,
    )
    return _message(event, topic_eui, found, state)


def status(
    margin: int, battery_level: float, *, external: bool, unknown: bool
) -> tuple[list[Measurement], dict[str, Json]]:
    """Return what a device's status measures, and what of it is kept as state."""
    found = [Measurement("link_margin", float(margin))]
    state: dict[str, Json] = {"margin": margin, "external_power_source": external}
    if not external and not unknown:
        found.append(Measurement("battery_level", battery_level))
        state["battery_level"] = battery_level
    return found, state


def read_told(event: Told, topic_eui: str, name: str) -> Message:
    """Return the state that an event of that name tells."""
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


@lru_cache(maxsize=65_536)
def place(topic: str) -> tuple[str, str] | None:
    """Return the DevEUI as the topic spells it, and the event's name; None for another topic."""
    levels = topic.split("/")[-6:]
    if len(levels) != 6 or levels[::2] != ["application", "device", "event"]:
        return None
    return levels[3], levels[5]


@lru_cache(maxsize=65_536)
def device_of(dev_eui: str, topic_eui: str) -> str:
    """Return the DevEUI in lower case; PayloadError unless it is one, and the topic's."""
    device = dev_eui.lower()
    if not _HEX16.fullmatch(device):
        raise PayloadError("DevEUI", "16 hex digits in the event", dev_eui)
    if topic_eui.lower() != device:
        raise PayloadError("DevEUI", f"{topic_eui}, as in the topic", dev_eui)
    return device


def is_json(payload: bytes) -> bool:
    """Say whether this is JSON and no protobuf; blanks before it are JSON's.

    A newline and a brace could begin a first field of 123 bytes, and no event has one so long.
    """
    return payload[:1] == b"{" or payload.lstrip(b" \t\r\n")[:1] == b"{"


def _message(
    event: Event, topic_eui: str, found: list[Measurement], state: dict[str, Json]
) -> Message:
    info = _info(event)
    return Message(
        device_of(info.dev_eui, topic_eui),
        None if event.time is None else rfc3339_ns(event.time),
        found,
        state,
        event.deduplication_id,
        info.device_name,
        info.device_profile_name,
        NAME,
    )


def _info(event: Event) -> DeviceInfo:
    if event.device_info is None:
        raise PayloadError("ChirpStack event", "the deviceInfo of the device", "none")
    return event.device_info
