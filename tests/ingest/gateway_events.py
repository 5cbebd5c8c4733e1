"""What the tests of one format share."""

import base64
import json

from ingest import lorawan
from ingest.clock import rfc3339_ns
from ingest.decode import Decoder
from ingest.formats import lorawan_gateway
from ingest.reading import Envelope, Message

RECEIVED_NS = rfc3339_ns("2026-06-01T12:00:00Z")
HEARD = "2026-06-01T11:59:58.123456789Z"
GATEWAY = "0016c001f153a14c"
ADDRESS = "26011bda"
EUI = "a81758fffe04a1b2"
NWK, APP, SERVING = (bytes(range(at, at + 16)) for at in (1, 50, 100))
KEYS = {f"{ADDRESS}/nwk": NWK, f"{ADDRESS}/app": APP, f"{ADDRESS}/eui": bytes.fromhex(EUI)}
ELSYS = bytes.fromhex("0100e20229")


def _phy(payload: bytes = ELSYS, f_cnt: int = 7, f_port: int = 5, kind: int = 0x40) -> bytes:
    """Return a frame of the device as it goes over the air."""
    counted = (f_cnt & 0xFFFF).to_bytes(2, "little")
    head = bytes((kind,)) + bytes.fromhex(ADDRESS)[::-1] + b"\x80" + counted + bytes((f_port,))
    key = APP if f_port else NWK
    signed = head + lorawan.decrypted(lorawan.parse(head + payload + bytes(4)), key, f_cnt)
    return signed + lorawan.mic_data(lorawan.parse(signed + bytes(4)), NWK, f_cnt)


def _up(phy: bytes | None = None, **rx: object) -> dict[str, object]:
    """Return an uplink event of version 4."""
    return {
        "phyPayload": base64.b64encode(_phy() if phy is None else phy).decode(),
        "txInfo": {"frequency": 868100000, "modulation": {"lora": {"bandwidth": 125000}}},
        "rxInfo": {
            "gatewayId": GATEWAY,
            "uplinkId": 4217106255,
            "gwTime": HEARD,
            "rssi": -36,
            "snr": 10.5,
            "context": "E3OWOQ==",
            "crcStatus": "CRC_OK",
            **rx,
        },
    }


def _decoder(keys: dict[str, bytes] = KEYS, **more: object) -> Decoder:
    return Decoder(formats=(lorawan_gateway,), keys=keys, **more)


def _decode(
    event: object, name: str = "event/up", decoder: Decoder | None = None, gateway: str = GATEWAY
) -> Message:
    payload = event if isinstance(event, bytes) else json.dumps(event).encode()
    topic = f"eu868/gateway/{gateway}/{name}"
    return (decoder or _decoder()).decode(Envelope("test", topic, payload, RECEIVED_NS))


def _values(message: Message) -> dict[str, float]:
    return {one.quantity: one.value for one in message.measurements}


READ = {"temperature": 22.6, "humidity": 41.0, "rssi": -36.0, "snr": 10.5}


def _packet(phy: bytes, **more: object) -> dict[str, object]:
    data = base64.b64encode(phy).decode().rstrip("=")
    return {"tmst": 3512348611, "stat": 1, "rssi": -36, "lsnr": 10.5, "data": data, **more}
