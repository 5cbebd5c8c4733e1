"""ChirpStack v4 uplink events, as its MQTT integration publishes them in JSON.

Source: ChirpStack documentation, "Integrations: Events", event `up` (protobuf UplinkEvent in its
JSON mapping, which leaves out every field that holds its zero value).
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b

from fleet.message import Message, rfc3339

_EU868_HZ = (868_100_000, 868_300_000, 868_500_000, 867_100_000, 867_300_000, 867_500_000)
_FASTEST_DR = 5  # EU868: DR0 = SF12 … DR5 = SF7, RP002 "EU863-870 data rate"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a device is to the network server: what `deviceInfo` says of it.

    dev_eui  16 lower-case hex digits
    profile  the device profile's name, such as "ELSYS ERS CO2"
    """

    dev_eui: str
    name: str
    profile: str
    tenant: str
    application: str
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Radio:
    """How an uplink was received: gateway, signal (dBm, dB), data rate and channel (EU868)."""

    gateway_id: str
    rssi: int
    snr: float
    dr: int = _FASTEST_DR
    channel: int = 0


def topic(identity: Identity) -> str:
    """Return the topic on which the device's uplinks are published."""
    application = _uuid("application", identity.application)
    return f"application/{application}/device/{identity.dev_eui}/event/up"


def uplink(
    identity: Identity, *, time_ns: int, f_cnt: int, f_port: int, data: bytes, radio: Radio
) -> Message:
    """Return the `up` event of one LoRaWAN frame.

    The deduplication id is made from DevEUI and time, so that a repeated history repeats its ids,
    as a broker's redelivery would.
    """
    event = {
        "deduplicationId": _uuid("uplink", identity.dev_eui, str(time_ns), str(f_cnt)),
        "time": rfc3339(time_ns),
        "deviceInfo": _device_info(identity),
        "devAddr": "00" + _digest("address", identity.dev_eui)[:6],
        "adr": True,
        "dr": radio.dr,
        "fCnt": f_cnt & 0xFFFFFFFF,
        "fPort": f_port,
        "confirmed": False,
        "data": base64.b64encode(data).decode("ascii"),
        "rxInfo": [
            _without_zeros(
                {
                    "gatewayId": radio.gateway_id,
                    "uplinkId": int(_digest("up", identity.dev_eui, str(time_ns))[:8], 16),
                    "rssi": radio.rssi,
                    "snr": radio.snr,
                    "channel": radio.channel,
                    "crcStatus": "CRC_OK",
                }
            )
        ],
        "txInfo": {
            "frequency": _EU868_HZ[radio.channel % len(_EU868_HZ)],
            "modulation": {
                "lora": {
                    "bandwidth": 125_000,
                    "spreadingFactor": 12 - radio.dr,
                    "codeRate": "CR_4_5",
                }
            },
        },
    }
    text = json.dumps(_without_zeros(event), ensure_ascii=False, separators=(",", ":"))
    return Message(time_ns, topic(identity), text.encode())


def _device_info(identity: Identity) -> dict[str, object]:
    return _without_zeros(
        {
            "tenantId": _uuid("tenant", identity.tenant),
            "tenantName": identity.tenant,
            "applicationId": _uuid("application", identity.application),
            "applicationName": identity.application,
            "deviceProfileId": _uuid("profile", identity.profile),
            "deviceProfileName": identity.profile,
            "deviceName": identity.name,
            "devEui": identity.dev_eui,
            "tags": dict(identity.tags),
        }
    )


def _without_zeros(fields: Mapping[str, object]) -> dict[str, object]:
    """Return the fields that the protobuf JSON mapping writes: those that aren't zero or empty."""
    return {name: value for name, value in fields.items() if value}


def _digest(*parts: str) -> str:
    return blake2b("/".join(parts).encode(), digest_size=16).hexdigest()


def _uuid(*parts: str) -> str:
    """Return a UUID (version 8 of RFC 9562, custom) that depends on nothing but the parts."""
    digits = _digest(*parts)
    return f"{digits[:8]}-{digits[8:12]}-8{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"
