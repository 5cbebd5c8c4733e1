"""ChirpStack v4 events in protobuf, on the topics of `chirpstack` and with the same content.

Source: ChirpStack v4, api/proto/integration/integration.proto (UplinkEvent, JoinEvent,
StatusEvent, AckEvent, DeviceInfo), gw/gw.proto (UplinkRxInfo, UplinkTxInfo).
"""

from functools import lru_cache
from typing import NamedTuple

from fleet.chirpstack import (
    REGION,
    device_info,
    event_id,
    queue_item,
    status_fields,
    topic,
)
from fleet.message import SECOND_NS, Message
from fleet.network import (
    BANDWIDTH_HZ,
    CACHED,
    EU868_HZ,
    FASTEST_DR,
    Identity,
    Uplink,
    checked,
    checked_counter,
    dev_addr_of,
    uplink_ids,
)
from fleet.protobuf_writer import (
    LENGTH,
    VARINT,
    blob,
    entry,
    integer,
    message,
    real,
    tag,
    text,
    varint,
)

NAME = "chirpstack_protobuf"

_CRC_OK, _CR_4_5 = 2, 1
_INFO_FIELDS = {
    "tenantId": 1,
    "tenantName": 2,
    "applicationId": 3,
    "applicationName": 4,
    "deviceProfileId": 5,
    "deviceProfileName": 6,
    "deviceName": 7,
    "devEui": 8,
}
_TAGS = 9


class _Constant(NamedTuple):
    """What all events of a device share."""

    topic: str
    info: bytes
    frame: bytes  # info, and what all uplinks share


def uplink(identity: Identity, up: Uplink) -> Message:
    """Return the `up` event of a frame. Errors: EncodingError; see `network.checked`."""
    time_ns, f_cnt, f_port, data, dr, heard, confirmed, _ = checked(up)
    head, _, frame = _constant(identity)
    own, numbers = uplink_ids(identity, up)
    parts = [
        _OWN,
        own.encode(),
        _time(time_ns),
        frame,
        _DATA_RATES[dr],
        _F_CNT + varint(f_cnt) if f_cnt else b"",
        _F_PORTS[f_port],
        _CONFIRMED if confirmed else b"",
        blob(10, data),
    ]
    for (gateway, rssi, snr, channel), number in zip(heard, numbers, strict=True):
        content = (
            _gateway(gateway)
            + (_NUMBER + varint(number) if number else b"")
            + _levels(rssi, snr)
            + _CHANNELS[channel]
        )
        parts += (_HEARD, varint(len(content)), content)
    parts.append(_SENT[heard[0].channel][dr])
    return Message(time_ns, f"{head}up", b"".join(parts))


def join(identity: Identity, time_ns: int, dev_addr: str) -> Message:
    """Return the `join` event."""
    rest = text(4, dev_addr) + text(7, REGION["region_config_id"])
    return _event(identity, "join", time_ns, rest)


def status(
    identity: Identity,
    time_ns: int,
    *,
    margin: int,
    battery_level: float | None,
    external_power: bool = False,
) -> Message:
    """Return the `status` event; see `chirpstack.status`."""
    fields = status_fields(margin, battery_level, external_power)
    rest = (
        integer(5, int(fields["margin"]))
        + integer(6, int(fields["externalPowerSource"]))
        + integer(7, int(fields["batteryLevelUnavailable"]))
        + real(8, fields["batteryLevel"])
    )
    return _event(identity, "status", time_ns, rest)


def ack(identity: Identity, time_ns: int, f_cnt_down: int, acknowledged: bool) -> Message:
    """Return the `ack` event of a confirmed downlink."""
    rest = (
        text(4, queue_item(identity, f_cnt_down))
        + integer(5, acknowledged)
        + integer(6, checked_counter(f_cnt_down))
    )
    return _event(identity, "ack", time_ns, rest)


def _event(identity: Identity, event: str, time_ns: int, rest: bytes) -> Message:
    constant = _constant(identity)
    head = text(1, event_id(identity, event, time_ns)) + _time(time_ns) + constant.info
    return Message(time_ns, f"{constant.topic}{event}", head + rest)


def _time(time_ns: int) -> bytes:
    seconds, rest_ns = divmod(time_ns, SECOND_NS)
    if not rest_ns:
        return message(2, _seconds(seconds))
    content = _seconds(seconds) + _NANOS + varint(rest_ns)
    return _TIME + varint(len(content)) + content


@lru_cache(maxsize=1024)
def _seconds(seconds: int) -> bytes:
    return integer(1, seconds)


@lru_cache(maxsize=4096)
def _levels(rssi: int, snr: float) -> bytes:
    return integer(6, rssi) + real(7, snr)


@lru_cache(maxsize=CACHED)
def _constant(identity: Identity) -> _Constant:
    told = device_info(identity)
    fields = [text(number, str(told.get(name, ""))) for name, number in _INFO_FIELDS.items()]
    tags = [entry(_TAGS, key, value) for key, value in sorted(identity.tags.items())]
    info = message(3, b"".join(fields + tags))
    return _Constant(
        topic(identity, ""), info, info + text(4, dev_addr_of(identity)) + integer(5, True)
    )


@lru_cache(maxsize=65_536)
def _gateway(gateway_id: str) -> bytes:
    return text(1, gateway_id)


def _sent(channel: int, dr: int) -> bytes:
    """Return `tx_info`, how the device sent, and the region that follows it."""
    lora = integer(1, BANDWIDTH_HZ) + integer(2, 12 - dr) + integer(5, _CR_4_5)
    sent = integer(1, EU868_HZ[channel]) + message(2, message(3, lora))
    return message(13, sent) + text(16, REGION["region_config_id"])


_OWN = tag(1, LENGTH) + varint(36)
_TIME, _NANOS = tag(2, LENGTH), tag(2, VARINT)
_F_CNT, _NUMBER, _HEARD = tag(7, VARINT), tag(2, VARINT), tag(12, LENGTH)
_CONFIRMED = integer(9, True)
_F_PORTS = [integer(8, f_port) for f_port in range(256)]
_DATA_RATES = [integer(6, dr) for dr in range(FASTEST_DR + 1)]
_SENT = [[_sent(channel, dr) for dr in range(FASTEST_DR + 1)] for channel in range(len(EU868_HZ))]
_RECEIVED = b"".join(entry(15, key, value) for key, value in REGION.items()) + integer(16, _CRC_OK)
_CHANNELS = [integer(8, channel) + _RECEIVED for channel in range(len(EU868_HZ))]
