"""ChirpStack v4 uplinks as a network server publishes them, written by hand from its documents."""

import base64
import json
from datetime import UTC, datetime

APPLICATION = "17c82e96-be03-4f38-aef3-f83d48582d97"


def rfc3339(time_ns: int) -> str:
    """Return UTC ns as ChirpStack writes it."""
    whole = datetime.fromtimestamp(time_ns // 10**9, UTC)
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{time_ns % 10**9:09d}+00:00"


def uplink(
    dev_eui: str,
    payload: bytes,
    time: str,
    *,
    f_port: int = 5,
    f_cnt: int = 1,
    profile: str = "ELSYS ERS",
) -> tuple[str, bytes]:
    """Return topic and message of one uplink."""
    event = {
        "deduplicationId": f"{dev_eui}-{f_cnt}-{time}",
        "time": time,
        "deviceInfo": {
            "tenantName": "Dortmund",
            "applicationId": APPLICATION,
            "deviceProfileName": profile,
            "deviceName": f"device-{dev_eui}",
            "devEui": dev_eui,
        },
        "fCnt": f_cnt,
        "fPort": f_port,
        "data": base64.b64encode(payload).decode(),
        "rxInfo": [{"gatewayId": "0016c001f153a14c", "rssi": -57, "snr": 10.5}],
    }
    topic = f"application/{APPLICATION}/device/{dev_eui}/event/up"
    return topic, json.dumps(event).encode()


def elsys_temperature(celsius: float) -> bytes:
    """Return an ELSYS payload: type 0x01, temperature in 0.1 °C, big-endian and signed."""
    return b"\x01" + round(celsius * 10).to_bytes(2, "big", signed=True)
