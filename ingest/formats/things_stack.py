"""The Things Stack v3: v3/{application}[@{tenant}]/devices/{device}/…, also behind a prefix.

Source: The Things Stack documentation, "Integrations: data formats", "MQTT", and its API
reference, ApplicationUp. Zeros, falses and empties are left out of the JSON, so what is absent is
zero: f_port, f_cnt, rssi, snr.

Device: its DevEUI. Where a message has none (a device without one, a refused downlink), it is the
DevEUI that the device had in an earlier message, the one in its id ("eui-…"), or application/id.

Time: `uplink_message.received_at`, when the network server got the uplink. It is one clock for all
gateways, milliseconds after the radio. `received_at` of the event is later by the application
server's work; `settings.time` and `rx_metadata[].time` are clocks of gateways, which may be set or
not; they count only where no server tells a time. `settings.timestamp` counts a gateway's µs.

Payload: `normalized_payload` before `decoded_payload`, and see `ingest.uplink`. Normalised fields
have fixed units (`battery` is in V). Its elements may have times of their own; elements of one
time that bring the same field are numbered: the second's channel is "2".

Repeats: an uplink is known by its session, its frame counter and the time at the network server,
which a second delivery has too. Without the time, a device that counts from zero again would lose
its new messages.

`simulated: true` is set by the stack for uplinks that a person typed in. Nothing was measured
there, so it is kept as state and brings no readings.

Kept as state: joins, downlinks, locations, service data, warnings of the codec, the last battery
percentage. Left out knowingly, because it differs with every message and would be written every
time: airtime, correlation ids, the metadata of Packet Broker (its rssi and snr count).
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Any, Optional, cast

import msgspec

from ingest.clock import rfc3339_ns
from ingest.errors import PayloadError
from ingest.formats.setup import Setup
from ingest.reading import Envelope, Json, Message
from ingest.uplink import Pending, Uplink, best, message

NAME = "things_stack"
BY_TOPIC = True

_HEX16 = re.compile(r"[0-9a-f]{16}")
_EUI_ID = re.compile(r"eui-([0-9a-f]{16})")
_Port = Annotated[int, msgspec.Meta(ge=0, le=255)]


class _Application(msgspec.Struct, gc=False):
    application_id: str = ""


class _Ids(msgspec.Struct, gc=False):
    device_id: str = ""
    application_ids: _Application | None = None
    dev_eui: str | None = None
    dev_addr: str | None = None


class _Version(msgspec.Struct, gc=False):
    brand_id: str = ""
    model_id: str = ""


class _Heard(msgspec.Struct, gc=False):
    time: str | None = None
    rssi: float | None = None
    channel_rssi: float | None = None
    snr: float = 0.0


class _Settings(msgspec.Struct, gc=False):
    time: str | None = None


class _Battery(msgspec.Struct, gc=False):
    value: float = 0.0


class _Uplink(msgspec.Struct):
    session_key_id: str | None = None
    f_port: _Port = 0
    f_cnt: int = 0
    frm_payload: bytes = b""
    decoded_payload: dict[str, Any] | None = None
    decoded_payload_warnings: list[str] | None = None
    normalized_payload: dict[str, Any] | list[dict[str, Any]] | None = None
    normalized_payload_warnings: list[str] | None = None
    rx_metadata: list[_Heard] | None = None
    settings: _Settings | None = None
    received_at: str | None = None
    locations: dict[str, Any] | None = None
    version_ids: _Version | None = None
    attributes: dict[str, str] | None = None
    last_battery_percentage: _Battery | None = None


class _Join(msgspec.Struct, gc=False):
    received_at: str | None = None


class _Downlink(msgspec.Struct):
    f_port: int = 0
    f_cnt: int = 0


class _Failed(msgspec.Struct):
    downlink: _Downlink | None = None
    error: dict[str, Any] | None = None


class _Location(msgspec.Struct):
    service: str = ""
    location: dict[str, Any] | None = None


class _Service(msgspec.Struct):
    service: str = ""


class _Association(msgspec.Struct):
    """An answer of the stack's API about application packages; it measures nothing."""

    end_device_ids: _Ids | None = None


class _Event(msgspec.Struct):
    """An ApplicationUp: whose it is, and one of the messages below."""

    end_device_ids: _Ids | None = None
    received_at: str | None = None
    simulated: bool = False
    uplink_message: _Uplink | None = None
    uplink_normalized: _Uplink | None = None
    join_accept: _Join | None = None
    downlink_queued: _Downlink | None = None
    downlink_sent: _Downlink | None = None
    downlink_ack: _Downlink | None = None
    downlink_nack: _Downlink | None = None
    downlink_failed: _Failed | None = None
    downlink_queue_invalidated: dict[str, Any] | None = None
    location_solved: _Location | None = None
    service_data: _Service | None = None
    downlinks: list[_Downlink] | None = None
    ids: _Association | None = None
    associations: list[dict[str, Any]] | None = None
    result: Optional["_Event"] = None
    payload: Optional["_Event"] = None
    data: Optional["_Event"] = None


_EVENT = msgspec.json.Decoder(_Event)
_DOWNLINKS = ("downlink_queued", "downlink_sent", "downlink_ack", "downlink_nack")


def claims(topic: str, payload: bytes, setup: Setup) -> bool:
    """Say yes to every topic of a device of The Things Stack, whatever the payload."""
    del payload, setup
    return _place(topic) is not None


def read(envelope: Envelope, setup: Setup) -> Message | Pending:
    """Return the message of an event.

    Errors  PayloadError when the bytes are not that event, when a time is none, or when no codec
            is known for an uplink.
    """
    place = _place(envelope.topic)
    if place is None:
        raise PayloadError(
            "topic of The Things Stack",
            "v3/{application}[@{tenant}]/devices/{device}/up and the like",
            envelope.topic,
        )
    event = _decoded(envelope.payload)
    ids = event.end_device_ids or (event.ids and event.ids.end_device_ids) or _Ids()
    device = _device(ids, *place, setup)
    uplink = event.uplink_message or event.uplink_normalized
    if uplink is not None:
        return _uplink(envelope, event, uplink, device, ids.device_id or place[1], setup)
    state = _state(event, ids)
    told = (event.ids, event.associations, event.downlinks)
    if not state and all(one is None for one in told):
        raise PayloadError(
            "event of The Things Stack",
            "an uplink_message, join_accept, downlink_…, location_solved or service_data",
            envelope.payload[:80].decode("utf-8", "replace"),
        )
    time = event.received_at
    return Message(
        device,
        None if time is None else rfc3339_ns(time),
        state=state,
        name=ids.device_id or place[1],
        format=NAME,
    )


def _uplink(
    envelope: Envelope, event: _Event, uplink: _Uplink, device: str, name: str, setup: Setup
) -> Message | Pending:
    time = _time(event, uplink)
    time_ns = None if time is None else rfc3339_ns(time)
    model = uplink.version_ids or _Version()
    key = _key(event, uplink)
    if event.simulated:
        setup.note("uplink: simulated, so nothing was measured; kept as state")
        state: dict[str, Json] = {"simulated": {"time": time, "f_port": uplink.f_port}}
        return Message(device, time_ns, [], state, key, name, model.model_id, NAME)
    heard = uplink.rx_metadata or ()
    rssi, snr = best((_rssi(one), one.snr) for one in heard)
    tags = (model.brand_id, model.model_id, *(uplink.attributes or {}).values())
    return message(
        Uplink(
            NAME,
            device,
            uplink.frm_payload,
            uplink.f_port,
            envelope.received_ns,
            time_ns,
            time or "",
            name,
            model.model_id,
            " ".join(tag for tag in tags if tag),
            _fields(uplink, time),
            rssi,
            snr,
            key,
            _uplink_state(uplink),
            f_cnt=uplink.f_cnt,
        ),
        setup,
    )


def _time(event: _Event, uplink: _Uplink) -> str | None:
    """Return when it was heard, as text; see the module's words on time."""
    settings = uplink.settings or _Settings()
    nearest = sorted(uplink.rx_metadata or (), key=lambda one: -one.snr)
    gateways = (one.time for one in nearest)
    stated = (uplink.received_at, event.received_at, settings.time, *gateways)
    return next((one for one in stated if one), None)


def _key(event: _Event, uplink: _Uplink) -> str | None:
    """Return what makes the uplink one; None where nothing tells two of them apart."""
    stated = uplink.received_at or event.received_at
    if not uplink.session_key_id and not stated:
        return None
    return f"{uplink.session_key_id or ''}/{uplink.f_cnt}/{stated or ''}"


def _rssi(one: _Heard) -> float | None:
    return one.channel_rssi if one.rssi is None else one.rssi


def _uplink_state(uplink: _Uplink) -> dict[str, Json]:
    """Return what an uplink tells beside its payload."""
    state: dict[str, Json] = {}
    warnings = [
        *(uplink.decoded_payload_warnings or ()),
        *(uplink.normalized_payload_warnings or ()),
    ]
    if warnings:
        state["codec_warnings"] = cast(list[Json], warnings)
    if uplink.locations:
        state["locations"] = uplink.locations
    if uplink.last_battery_percentage is not None:
        state["battery_level"] = uplink.last_battery_percentage.value
    return state


def _fields(uplink: _Uplink, time: str | None) -> Mapping[str, Json] | None:
    """Return the stack's own decoded fields, normalised ones if there are any."""
    normalized = uplink.normalized_payload
    if not normalized:
        return uplink.decoded_payload
    elements = [normalized] if isinstance(normalized, dict) else normalized
    elements = [_in_volts(one) for one in elements]
    if len(elements) == 1:
        return elements[0]
    if any("time" in one for one in elements):
        told: dict[str, Any] = {} if time is None else {"time": time}
        return {"records": [told | one for one in elements]}
    together: dict[str, Any] = {}
    for number, one in enumerate(elements, 1):
        merged = _merged(together, one)
        together = {**together, str(number): one} if merged is None else merged
    return together


def _in_volts(normalized: dict[str, Any]) -> dict[str, Any]:
    """Return the element with its battery named after its unit, which the schema fixes."""
    return {"battery_voltage" if key == "battery" else key: one for key, one in normalized.items()}


def _merged(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any] | None:
    """Return both as one object; None when they bring the same field."""
    both = dict(first)
    for key, value in second.items():
        if key not in both:
            both[key] = value
        elif isinstance(both[key], dict) and isinstance(value, dict):
            inner = _merged(both[key], value)
            if inner is None:
                return None
            both[key] = inner
        else:
            return None
    return both


def _state(event: _Event, ids: _Ids) -> dict[str, Json]:
    """Return the state that an event without an uplink tells."""
    told: dict[str, Json] = {"time": event.received_at}
    if event.join_accept is not None:
        joined = event.join_accept.received_at or event.received_at
        return {"join": {"time": joined, "dev_addr": ids.dev_addr and ids.dev_addr.lower()}}
    for name in _DOWNLINKS:
        down: _Downlink | None = getattr(event, name)
        if down is not None:
            return {name: told | {"f_port": down.f_port, "f_cnt_down": down.f_cnt}}
    if event.downlink_failed is not None:
        error = event.downlink_failed.error or {}
        return {"downlink_failed": told | {"error": error.get("message_format", error.get("name"))}}
    if event.downlink_queue_invalidated is not None:
        return {"downlink_queue_invalidated": told}
    if event.location_solved is not None:
        solved = event.location_solved
        return {"location": told | {"service": solved.service} | (solved.location or {})}
    if event.service_data is not None:
        return {"service_data": told | {"service": event.service_data.service}}
    return {}


def _device(ids: _Ids, application: str, device_id: str, setup: Setup) -> str:
    """Return the DevEUI, as told now, as learned before, or from the id; else application/id."""
    own = ids.device_id or device_id
    place = f"{application}/{own}"
    eui = (ids.dev_eui or "").lower()
    if _HEX16.fullmatch(eui):
        setup.memory.learn(NAME, place, eui)
        return eui
    known = setup.memory.get(NAME, place)
    if isinstance(known, str):
        return known
    spelled = _EUI_ID.fullmatch(own)
    return spelled[1] if spelled else place


def _decoded(payload: bytes) -> _Event:
    """Return the event, taken out of what storage, event streams and cloud bridges put round it."""
    try:
        event = _EVENT.decode(payload)
    except msgspec.MsgspecError as error:
        raise PayloadError("JSON", "an event of The Things Stack v3", str(error)) from error
    if event.end_device_ids is None:
        return event.result or event.payload or event.data or event
    return event


@lru_cache(maxsize=65_536)
def _place(topic: str) -> tuple[str, str] | None:
    """Return the application (with its tenant) and the device's id; None for another topic."""
    levels = topic.split("/")
    for at, level in enumerate(levels[:-3]):
        if (
            level == "v3"
            and levels[at + 2] == "devices"
            and levels[at + 1]
            and len(levels) > at + 4
        ):
            return levels[at + 1], levels[at + 3]
    return None
