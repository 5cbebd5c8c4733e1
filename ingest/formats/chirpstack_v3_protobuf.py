"""ChirpStack v3, protobuf: the events' fields, named and spelled as JSON v3 would have them.

Source: ChirpStack v3, as/integration/integration.proto, gw/gw.proto and common/common.proto. Only
the fields that Emscher reads stand in the tables. What they mean says `chirpstack_v3`.
"""

from typing import Any

from ingest.errors import PayloadError
from ingest.formats.chirpstack_protobuf import location, port, spelled
from ingest.formats.protobuf import messages, parsed, shortest, time_text

_EUI_BYTES = 8

_HEAD = {3: ("device_name", "string"), 4: ("dev_eui", "bytes")}
_TYPES = messages(
    "chirpstack_v3",
    {
        "Own": {4: ("dev_eui", "bytes")},
        "Heard": {2: ("time", "Timestamp"), 5: ("rssi", "int32"), 6: ("snr", "double")},
        "Location": {
            1: ("latitude", "double"),
            2: ("longitude", "double"),
            3: ("altitude", "double"),
            4: ("source", "int32"),
            5: ("accuracy", "uint32"),
        },
        "up": {
            **_HEAD,
            5: ("rx_info", "repeated Heard"),
            9: ("f_cnt", "uint32"),
            10: ("f_port", "uint32"),
            11: ("data", "bytes"),
            12: ("object_json", "string"),
            13: ("tags", "map<string,string>"),
            15: ("dev_addr", "bytes"),
            16: ("published_at", "Timestamp"),
            18: ("device_profile_name", "string"),
        },
        "join": {
            **_HEAD,
            5: ("dev_addr", "bytes"),
            6: ("rx_info", "repeated Heard"),
            10: ("published_at", "Timestamp"),
        },
        "ack": {
            **_HEAD,
            5: ("acknowledged", "bool"),
            6: ("f_cnt", "uint32"),
            8: ("published_at", "Timestamp"),
        },
        "txack": {
            **_HEAD,
            5: ("f_cnt", "uint32"),
            7: ("gateway_id", "bytes"),
            9: ("published_at", "Timestamp"),
        },
        "error": {
            **_HEAD,
            5: ("type", "int32"),
            6: ("error", "string"),
            7: ("f_cnt", "uint32"),
            9: ("published_at", "Timestamp"),
        },
        "status": {
            **_HEAD,
            5: ("margin", "int32"),
            6: ("external_power_source", "bool"),
            7: ("battery_level_unavailable", "bool"),
            8: ("battery_level", "float"),
            10: ("published_at", "Timestamp"),
        },
        "location": {
            **_HEAD,
            5: ("location", "Location"),
            9: ("published_at", "Timestamp"),
        },
        "integration": {
            **_HEAD,
            6: ("integration_name", "string"),
            7: ("event_type", "string"),
            9: ("published_at", "Timestamp"),
        },
    },
)
_ERRORS = (
    "UNKNOWN",
    "DOWNLINK_PAYLOAD_SIZE",
    "DOWNLINK_FCNT",
    "UPLINK_CODEC",
    "DOWNLINK_CODEC",
    "OTAA",
    "UPLINK_FCNT_RESET",
    "UPLINK_MIC",
    "UPLINK_FCNT_RETRANSMISSION",
    "DOWNLINK_GATEWAY",
)


def is_own(payload: bytes, topic_eui: str) -> bool:
    """Say whether this is protobuf of v3: its fourth field is the topic's DevEUI, eight bytes.

    No event of v4 has that: a device address, an id of the queue or a location stands there.
    """
    try:
        own = parsed(_TYPES["Own"], payload, "an event")
    except PayloadError:
        return False
    return len(own.dev_eui) == _EUI_BYTES and own.dev_eui.hex() == topic_eui.lower()


def fields(payload: bytes, name: str) -> dict[str, Any]:
    """Return the fields that are there: ids in hex, times as text, enums as words.

    rx_info  (time, rssi, snr) of each gateway
    Errors   PayloadError when the bytes are not that event.
    """
    wire = parsed(_TYPES[name], payload, f"the event {name!r} of ChirpStack v3")
    known: dict[str, Any] = {}
    for field, value in wire.ListFields():
        known[field.name] = _plain(field.name, value)
    return known


def _plain(name: str, value: Any) -> Any:
    if name == "rx_info":
        return [_heard(one) for one in value]
    if name == "published_at":
        return time_text(value)
    if name == "tags":
        return dict(value)
    if name == "location":
        return location(value)
    if name == "battery_level":
        return shortest(value)
    if name == "type":
        return spelled(_ERRORS, value)
    if name == "f_port":
        return port(value)
    return value.hex() if isinstance(value, bytes) and name != "data" else value


def _heard(wire: Any) -> tuple[str | None, float | None, float]:
    time = time_text(wire.time) if wire.HasField("time") else None
    return time, float(wire.rssi) if wire.HasField("rssi") else None, wire.snr
