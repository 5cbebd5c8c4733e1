"""The messages of LoRaWAN gateways as they are on the wire, JSON and protobuf, old and new.

Source: see `lorawan_gateway`. Version 3 of ChirpStack and version 4 differ in names (`loRaSNR`,
`snr`) and in field numbers; both are read, also from one gateway.
"""

import binascii
import re
from base64 import b64decode
from typing import Any, NamedTuple

import msgspec

from ingest import gps
from ingest.clock import SECOND_NS, rfc3339_ns
from ingest.errors import PayloadError
from ingest.formats.chirpstack_protobuf import location, spelled
from ingest.formats.protobuf import messages, parsed, shortest, time_ns
from ingest.reading import Json

_DURATION = re.compile(r"(\d{1,12})(?:\.(\d{1,9}))?s")
_BAD_CRC = 1
_STATES = ("OFFLINE", "ONLINE")
_LATEST_NS = 253_402_300_799 * SECOND_NS  # the last second of the year 9999


class Heard(NamedTuple):
    """A frame as one gateway heard it; `intact` False: its checksum was wrong."""

    phy: bytes
    time_ns: int | None
    rssi: float | None
    snr: float | None
    intact: bool


_RX_NAMES = {
    "gw_time": "gwTime",
    "gps": "timeSinceGpsEpoch",
    "gps_v3": "timeSinceGPSEpoch",
    "snr_v3": "loRaSNR",
    "crc_status": "crcStatus",
}


class _Rx(msgspec.Struct, rename=_RX_NAMES, gc=False):
    gw_time: str | None = None
    time: str | None = None
    gps: str | None = None
    gps_v3: str | None = None
    rssi: float | None = None
    snr: float | None = None
    snr_v3: float | None = None
    crc_status: str | None = None


class _Packet(msgspec.Struct, gc=False):
    """A packet as the packet forwarder itself tells it; `tmms` is GPS time in ms."""

    data: str
    time: str | None = None
    tmms: int | None = None
    stat: int = 1
    rssi: float | None = None
    lsnr: float | None = None


class _Up(msgspec.Struct, rename="camel"):
    phy_payload: bytes | None = None
    rx_info: _Rx | None = None
    rxpk: list[_Packet] | None = None
    stat: dict[str, Any] | None = None


class _Stats(msgspec.Struct, rename={"meta_data": "metaData", "config_version": "configVersion"}):
    time: str | None = None
    location: dict[str, Any] | None = None
    config_version: str | None = None
    metadata: dict[str, Any] | None = None
    meta_data: dict[str, Any] | None = None
    stat: dict[str, Any] | None = None


class _Conn(msgspec.Struct):
    state: str = _STATES[0]


_UP = msgspec.json.Decoder(_Up)
_STATS = msgspec.json.Decoder(_Stats)
_CONN = msgspec.json.Decoder(_Conn)
_TYPES = messages(
    "gw",
    {
        "Up": {1: ("phy_payload", "bytes"), 3: ("rx_info_legacy", "RxV3"), 5: ("rx_info", "RxV4")},
        "RxV3": {
            2: ("time", "Timestamp"),
            3: ("time_since_gps_epoch", "Duration"),
            5: ("rssi", "int32"),
            6: ("lora_snr", "double"),
            17: ("crc_status", "int32"),
        },
        "RxV4": {
            3: ("gw_time", "Timestamp"),
            4: ("time_since_gps_epoch", "Duration"),
            6: ("rssi", "int32"),
            7: ("snr", "float"),
            16: ("crc_status", "int32"),
        },
        "Stats": {
            2: ("time", "Timestamp"),
            3: ("location", "Location"),
            4: ("config_version", "string"),
            10: ("metadata", "map<string,string>"),
        },
        "Location": {
            1: ("latitude", "double"),
            2: ("longitude", "double"),
            3: ("altitude", "double"),
            4: ("source", "int32"),
            5: ("accuracy", "float"),
        },
        "Conn": {2: ("state", "int32")},
    },
)


def heard(payload: bytes) -> list[Heard]:
    """Return the frames of an uplink event; none where the forwarder tells only of itself.

    Errors  PayloadError when the bytes are neither JSON nor protobuf of such an event.
    """
    if not payload.startswith(b"{"):
        return [_of_protobuf(payload)]
    event = _decoded(_UP, payload, "an uplink of a gateway with its phyPayload")
    if event.rxpk is not None:
        return [_of_packet(one) for one in event.rxpk]
    if event.stat is not None:
        return []
    if event.phy_payload is None:
        raise PayloadError("gateway uplink", "a phyPayload", "none")
    rx = event.rx_info or _Rx()
    stated = rx.gw_time or rx.time
    since = rx.gps or rx.gps_v3
    return [
        Heard(
            event.phy_payload,
            _instant(None if since is None else _duration_ns(since), stated),
            rx.rssi,
            rx.snr if rx.snr is not None else rx.snr_v3,
            rx.crc_status != "BAD_CRC",
        )
    ]


def stats(payload: bytes) -> tuple[int | None, dict[str, Json]]:
    """Return when a gateway told its statistics, and what of them stays the same for long."""
    if not payload.startswith(b"{"):
        told = parsed(_TYPES["Stats"], payload, "statistics of a gateway")
        at = time_ns(told.time) if told.HasField("time") else None
        return at, _facts(location(told.location), told.config_version, dict(told.metadata))
    event = _decoded(_STATS, payload, "statistics of a gateway")
    if event.stat is not None:
        return None, {}
    facts = _facts(event.location, event.config_version, event.metadata or event.meta_data)
    return None if event.time is None else rfc3339_ns(event.time), facts


def connection(payload: bytes) -> str:
    """Return "ONLINE" or "OFFLINE"; the latter is zero, and so may be left out."""
    if not payload.startswith(b"{"):
        told = parsed(_TYPES["Conn"], payload, "the connection of a gateway")
        return spelled(_STATES, told.state)
    state: str = _decoded(_CONN, payload, "the connection of a gateway").state
    return state


def is_forwarders(payload: bytes) -> bool:
    """Say whether this is the packet forwarder's own JSON."""
    return payload.startswith(b'{"rxpk"') or payload.startswith(b'{"stat"')


def _of_protobuf(payload: bytes) -> Heard:
    told = parsed(_TYPES["Up"], payload, "an uplink of a gateway")
    if not told.phy_payload:
        raise PayloadError("gateway uplink", "a phyPayload", "none")
    newer = told.HasField("rx_info")
    rx = told.rx_info if newer else told.rx_info_legacy
    clock = "gw_time" if newer else "time"
    since = time_ns(rx.time_since_gps_epoch) if rx.HasField("time_since_gps_epoch") else None
    at = _instant(since, None)
    if at is None and rx.HasField(clock):
        at = _possible(time_ns(getattr(rx, clock)))
    rssi = float(rx.rssi) if rx.HasField("rssi") else None
    snr = shortest(rx.snr) if newer else rx.lora_snr
    return Heard(told.phy_payload, at, rssi, snr, rx.crc_status != _BAD_CRC)


def _of_packet(packet: _Packet) -> Heard:
    padded = packet.data + "=" * (-len(packet.data) % 4)  # the forwarder may leave it out
    try:
        phy = b64decode(padded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise PayloadError("data of a packet", "base64", packet.data) from error
    since = None if packet.tmms is None else packet.tmms * 1_000_000
    return Heard(phy, _instant(since, packet.time), packet.rssi, packet.lsnr, packet.stat >= 0)


def _instant(gps_ns: int | None, clock: str | None) -> int | None:
    """Return when it was heard: GPS time is exact, the gateway's clock is what it is set to."""
    if gps_ns:
        return _possible(gps.utc_ns(gps_ns))
    return None if not clock else rfc3339_ns(clock)


def _possible(at_ns: int) -> int:
    if not 0 <= at_ns <= _LATEST_NS:
        raise PayloadError("time", "an instant from 1970 to 9999", f"{at_ns} ns")
    return at_ns


def _duration_ns(text: str) -> int:
    match = _DURATION.fullmatch(text)
    if match is None:
        raise PayloadError("time since the GPS epoch", 'seconds like "1342662940.5s"', text)
    return int(match[1]) * SECOND_NS + int((match[2] or "").ljust(9, "0"))


def _facts(
    place: dict[str, Any] | None, version: str | None, metadata: dict[str, Any] | None
) -> dict[str, Json]:
    facts: dict[str, Json] = {
        "location": place or None,
        "config_version": version or None,
        "metadata": metadata or None,
    }
    return {name: fact for name, fact in facts.items() if fact is not None}


def _decoded(decoder: msgspec.json.Decoder[Any], payload: bytes, what: str) -> Any:
    try:
        return decoder.decode(payload)
    except msgspec.MsgspecError as error:
        raise PayloadError("JSON", what, str(error)) from error
