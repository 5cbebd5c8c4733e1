"""ChirpStack v4 events, as its MQTT integration publishes them in JSON.

Source: ChirpStack documentation, "Integrations: Events" (protobuf messages of
integration/integration.proto in their JSON mapping, which leaves out every field that holds its
zero value). Times have as many decimals as they need, of 0, 3, 6 and 9.
"""

import json
from binascii import b2a_base64
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from fleet.message import Message
from fleet.network import (
    BANDWIDTH_HZ,
    CACHED,
    EU868_HZ,
    FASTEST_DR,
    Identity,
    Uplink,
    checked,
    checked_counter,
    checked_margin,
    clock_text,
    dev_addr_of,
    uplink_ids,
    uuid_of,
    wire_battery,
)

NAME = "chirpstack"
REGION = {"region_common_name": "EU868", "region_config_id": "eu868"}


class _Constant(NamedTuple):
    """What all events of a device share: the topic up to the event's name, and the device."""

    topic: str
    info: str
    frame: str  # info, and what all uplinks share


def uplink(identity: Identity, up: Uplink) -> Message:
    """Return the `up` event of a frame. Errors: EncodingError; see `network.checked`."""
    time_ns, f_cnt, f_port, data, dr, heard, confirmed, _ = checked(up)
    head, _, frame = _constant(identity)
    own, numbers = uplink_ids(identity, up)
    received = ",".join(
        [
            f'{{"gatewayId":{_quoted(gateway)}{_number("uplinkId", number)}{_rssi(rssi)}'
            f"{_snr(snr)}{_CHANNELS[channel]}{_RECEIVED}"
            for (gateway, rssi, snr, channel), number in zip(heard, numbers, strict=True)
        ]
    )
    packed = b2a_base64(data, newline=False).decode("ascii")
    text = (
        f'{{"deduplicationId":"{own}","time":"{time_text(time_ns)}"{frame}{_DATA_RATES[dr]}'
        f"{_number('fCnt', f_cnt)}{_number('fPort', f_port)}{_CONFIRMED if confirmed else ''}"
        f"{_DATA % packed if packed else ''}"
        f',"rxInfo":[{received}],"txInfo":{_SENT[heard[0].channel][dr]}{_REGION_CONFIG}'
    )
    return Message(time_ns, f"{head}up", text.encode())


def join(identity: Identity, time_ns: int, dev_addr: str) -> Message:
    """Return the `join` event."""
    return _event(identity, "join", time_ns, {"devAddr": dev_addr, **_REGION_FIELD})


def status(
    identity: Identity,
    time_ns: int,
    *,
    margin: int,
    battery_level: float | None,
    external_power: bool = False,
) -> Message:
    """Return the `status` event.

    margin         dB; battery_level: percent, or None where the device can't tell
    external_power  the device hangs on the mains; then battery_level doesn't count
    """
    return _event(identity, "status", time_ns, status_fields(margin, battery_level, external_power))


def ack(identity: Identity, time_ns: int, f_cnt_down: int, acknowledged: bool) -> Message:
    """Return the `ack` event of a confirmed downlink."""
    fields = {
        "queueItemId": queue_item(identity, f_cnt_down),
        "acknowledged": acknowledged,
        "fCntDown": checked_counter(f_cnt_down),
    }
    return _event(identity, "ack", time_ns, fields)


def status_fields(
    margin: int, battery_level: float | None, external_power: bool
) -> dict[str, int | float | bool]:
    """Return the fields of a `status` event as ChirpStack has them; see `status`."""
    known = battery_level is not None and not external_power
    return {
        "margin": checked_margin(margin),
        "externalPowerSource": external_power,
        "batteryLevelUnavailable": battery_level is None and not external_power,
        "batteryLevel": wire_battery(battery_level) if battery_level is not None and known else 0.0,
    }


def device_info(identity: Identity) -> dict[str, object]:
    """Return `deviceInfo`, without what is empty; tags in the order of their names."""
    return _without_zeros(
        {
            "tenantId": uuid_of("tenant", identity.tenant),
            "tenantName": identity.tenant,
            "applicationId": uuid_of("application", identity.application),
            "applicationName": identity.application,
            "deviceProfileId": uuid_of("profile", identity.profile),
            "deviceProfileName": identity.profile,
            "deviceName": identity.name,
            "devEui": identity.dev_eui,
            "tags": dict(sorted(identity.tags.items())),
        }
    )


def topic(identity: Identity, event: str) -> str:
    """Return the topic on which the device's events of that name are published."""
    application = uuid_of("application", identity.application)
    return f"application/{application}/device/{identity.dev_eui}/event/{event}"


def event_id(identity: Identity, event: str, time_ns: int) -> str:
    """Return the deduplication id of an event that is no uplink."""
    return uuid_of(event, identity.dev_eui, str(time_ns))


def queue_item(identity: Identity, f_cnt_down: int) -> str:
    """Return the id under which a downlink stood in the queue."""
    return uuid_of("queue", identity.dev_eui, str(f_cnt_down))


def time_text(time_ns: int) -> str:
    """Return a time in RFC 3339 with 0, 3, 6 or 9 decimals."""
    clock, decimals = clock_text(time_ns)
    if decimals == "000000000":
        return f"{clock}+00:00"
    if decimals.endswith("000"):
        decimals = decimals[:3] if decimals.endswith("000000") else decimals[:6]
    return f"{clock}.{decimals}+00:00"


def _event(identity: Identity, event: str, time_ns: int, fields: Mapping[str, object]) -> Message:
    rest = _text(_without_zeros(fields))[1:]
    text = (
        f'{{"deduplicationId":"{event_id(identity, event, time_ns)}",'
        f'"time":"{time_text(time_ns)}"{_constant(identity).info}'
        f"{',' if len(rest) > 1 else ''}{rest}"
    )
    return Message(time_ns, f"{_constant(identity).topic}{event}", text.encode())


@lru_cache(maxsize=CACHED)
def _constant(identity: Identity) -> _Constant:
    info = f',"deviceInfo":{_text(device_info(identity))}'
    frame = f'{info},"devAddr":"{dev_addr_of(identity)}","adr":true'
    return _Constant(topic(identity, ""), info, frame)


def _without_zeros(fields: Mapping[str, object]) -> dict[str, object]:
    """Return the fields that the protobuf JSON mapping writes: those that aren't zero or empty."""
    return {name: value for name, value in fields.items() if value}


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _number(name: str, value: int) -> str:
    return f',"{name}":{value}' if value else ""


@lru_cache(maxsize=4096)
def _rssi(rssi: int) -> str:
    return _number("rssi", rssi)


@lru_cache(maxsize=4096)
def _snr(snr: float) -> str:
    return f',"snr":{float(snr)!r}' if snr else ""


@lru_cache(maxsize=65_536)
def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _sent(channel: int, dr: int) -> str:
    """Return `txInfo`: how the device sent."""
    lora = {"bandwidth": BANDWIDTH_HZ, "spreadingFactor": 12 - dr, "codeRate": "CR_4_5"}
    return _text({"frequency": EU868_HZ[channel], "modulation": {"lora": lora}})


_SENT = [[_sent(channel, dr) for dr in range(FASTEST_DR + 1)] for channel in range(len(EU868_HZ))]
_CHANNELS = [_number("channel", channel) for channel in range(len(EU868_HZ))]
_DATA_RATES = [_number("dr", dr) for dr in range(FASTEST_DR + 1)]
_RECEIVED = f',"metadata":{_text(REGION)},"crcStatus":"CRC_OK"}}'
_CONFIRMED = ',"confirmed":true'
_DATA = ',"data":"%s"'
_REGION_FIELD = {"regionConfigId": REGION["region_config_id"]}
_REGION_CONFIG = f",{_text(_REGION_FIELD)[1:]}"
