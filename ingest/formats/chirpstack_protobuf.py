"""ChirpStack v4, protobuf: the same events on the same topics as the JSON, and the same messages.

Source: ChirpStack v4, integration/integration.proto, gw/gw.proto and common/common.proto. Only
the fields that Emscher reads stand in the tables. The server's clock and the decoded `object`
come through exactly; 32-bit floats (snr, battery) are read as the digits that they stand for.
"""

from typing import Any

from ingest.errors import PayloadError
from ingest.formats.chirpstack_event import (
    DeviceInfo,
    Heard,
    Status,
    Told,
    Up,
    read_status,
    read_told,
    read_up,
)
from ingest.formats.protobuf import messages, parsed, shortest, time_text, tree
from ingest.formats.setup import Setup
from ingest.reading import Envelope, Json, Message
from ingest.uplink import Pending

_HEAD = {
    1: ("deduplication_id", "string"),
    2: ("time", "Timestamp"),
    3: ("device_info", "DeviceInfo"),
}
_TYPES = messages(
    "chirpstack_v4",
    {
        "DeviceInfo": {
            6: ("device_profile_name", "string"),
            7: ("device_name", "string"),
            8: ("dev_eui", "string"),
            9: ("tags", "map<string,string>"),
        },
        "Heard": {6: ("rssi", "int32"), 7: ("snr", "float")},
        "Location": {
            1: ("latitude", "double"),
            2: ("longitude", "double"),
            3: ("altitude", "double"),
            4: ("source", "int32"),
            5: ("accuracy", "float"),
        },
        "up": {
            **_HEAD,
            7: ("f_cnt", "uint32"),
            8: ("f_port", "uint32"),
            10: ("data", "bytes"),
            11: ("object", "Struct"),
            12: ("rx_info", "repeated Heard"),
        },
        "join": {**_HEAD, 4: ("dev_addr", "string")},
        "ack": {**_HEAD, 5: ("acknowledged", "bool"), 6: ("f_cnt_down", "uint32")},
        "txack": {
            2: ("time", "Timestamp"),
            3: ("device_info", "DeviceInfo"),
            5: ("f_cnt_down", "uint32"),
            6: ("gateway_id", "string"),
        },
        "log": {
            1: ("time", "Timestamp"),
            2: ("device_info", "DeviceInfo"),
            3: ("level", "int32"),
            4: ("code", "int32"),
            5: ("description", "string"),
        },
        "status": {
            **_HEAD,
            5: ("margin", "int32"),
            6: ("external_power_source", "bool"),
            7: ("battery_level_unavailable", "bool"),
            8: ("battery_level", "float"),
        },
        "location": {**_HEAD, 4: ("location", "Location")},
        "integration": {
            **_HEAD,
            4: ("integration_name", "string"),
            5: ("event_type", "string"),
        },
    },
)
_LEVELS = ("INFO", "WARNING", "ERROR")
_CODES = (
    "UNKNOWN",
    "DOWNLINK_PAYLOAD_SIZE",
    "UPLINK_CODEC",
    "DOWNLINK_CODEC",
    "OTAA",
    "UPLINK_F_CNT_RESET",
    "UPLINK_MIC",
    "UPLINK_F_CNT_RETRANSMISSION",
    "DOWNLINK_GATEWAY",
    "RELAY_NEW_END_DEVICE",
    "F_CNT_DOWN",
    "EXPIRED",
)
_SOURCES = (
    "UNKNOWN",
    "GPS",
    "CONFIG",
    "GEO_RESOLVER_TDOA",
    "GEO_RESOLVER_RSSI",
    "GEO_RESOLVER_GNSS",
    "GEO_RESOLVER_WIFI",
)
_TEXTS = ("dev_addr", "gateway_id", "description", "integration_name", "event_type")
_PORT_MAX = 255


def read(envelope: Envelope, topic_eui: str, name: str, setup: Setup) -> Message | Pending:
    """Return the message of an event of that name; the caller knows that it is one of v4's.

    Errors  PayloadError as `chirpstack_v4.read` raises it.
    """
    wire = parsed(_TYPES[name], envelope.payload, f"the event {name!r} of ChirpStack")
    head: dict[str, Any] = {
        "device_info": _info(wire),
        "time": time_text(wire.time) if wire.HasField("time") else None,
        "deduplication_id": getattr(wire, "deduplication_id", "") or None,
    }
    if name == "up":
        heard = [
            Heard(one.rssi if one.HasField("rssi") else None, shortest(one.snr))
            for one in wire.rx_info
        ]
        event = Up(
            **head, f_port=port(wire.f_port), f_cnt=wire.f_cnt, data=wire.data, rx_info=heard
        )
        decoded = tree(wire.object) if wire.HasField("object") else None
        return read_up(envelope, topic_eui, event, decoded, setup)
    if name == "status":
        status = Status(
            **head,
            margin=wire.margin,
            battery_level=shortest(wire.battery_level),
            external_power_source=wire.external_power_source,
            battery_level_unavailable=wire.battery_level_unavailable,
        )
        return read_status(status, topic_eui)
    return read_told(_told(wire, head), topic_eui, name)


def location(wire: Any) -> dict[str, Json]:
    """Return a Location as the JSON mapping writes it: without what is zero."""
    facts: dict[str, Json] = {
        "latitude": wire.latitude,
        "longitude": wire.longitude,
        "altitude": wire.altitude,
        "source": spelled(_SOURCES, wire.source) if wire.source else None,
        "accuracy": shortest(wire.accuracy),
    }
    return {name: fact for name, fact in facts.items() if fact}


def spelled(names: tuple[str, ...], number: int) -> str:
    """Return the name of an enum's number; the number itself where a newer server has more."""
    return names[number] if 0 <= number < len(names) else str(number)


def port(number: int) -> int:
    """Return an FPort; PayloadError when it is none."""
    if number > _PORT_MAX:
        raise PayloadError("FPort", f"0 to {_PORT_MAX}", number)
    return number


def _info(wire: Any) -> DeviceInfo | None:
    if not wire.HasField("device_info"):
        return None
    info = wire.device_info
    return DeviceInfo(info.dev_eui, info.device_profile_name, info.device_name, dict(info.tags))


def _told(wire: Any, head: dict[str, Any]) -> Told:
    """Return the fields that this event has, as the JSON would have them."""
    told = Told(**head)
    names = wire.DESCRIPTOR.fields_by_name
    for name in _TEXTS:
        if name in names:
            setattr(told, name, getattr(wire, name) or None)
    for name in ("acknowledged", "f_cnt_down"):
        if name in names:
            setattr(told, name, getattr(wire, name))
    if "level" in names:
        told.level, told.code = spelled(_LEVELS, wire.level), spelled(_CODES, wire.code)
    if "location" in names:
        told.location = location(wire.location)
    return told
