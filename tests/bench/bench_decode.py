"""How fast messages are decoded, on one core: `pytest tests/bench/bench_decode.py`.

The aim is 60,000 uplinks a second end to end (ChirpStack v4, ELSYS payload, eight measurements),
each with a DevEUI and a second of its own, so that no cache helps more than it does in a city.
"""

import base64
import itertools
import json

import pytest

from ingest.clock import rfc3339_ns
from ingest.codecs import CODECS_BY_NAME
from ingest.decode import Decoder
from ingest.reading import Envelope

BATCH = 2000
RECEIVED_NS = rfc3339_ns("2026-06-01T12:00:00Z")
PAYLOADS = {
    "elsys": bytes.fromhex("0100e2022904002705060603080708f8"),
    "cayenne": bytes.fromhex(
        "016700e2026852036500270480001e0583000003080674 59d8".replace(" ", "")
    ),
}


def _uplink(number: int) -> Envelope:
    eui = f"a81758fffe{number % 500:06x}"
    event = {
        "deduplicationId": f"3ac7e3c4-4401-4b8d-9386-{number:012x}",
        "time": f"2026-05-{1 + number // 86400:02d}T{number // 3600 % 24:02d}:"
        f"{number // 60 % 60:02d}:{number % 60:02d}.775023242+00:00",
        "deviceInfo": {
            "tenantId": "52f14cd4-c6f1-4fbd-8f87-4025e1d49242",
            "tenantName": "City",
            "applicationId": "17c82e96-be03-4f38-aef3-f83d48582d97",
            "applicationName": "Schools",
            "deviceProfileId": "14855bf7-d10d-4aee-b618-ebfcb64dc7ad",
            "deviceProfileName": "ELSYS ERS CO2",
            "deviceName": f"room {number % 500}",
            "devEui": eui,
            "tags": {"school": "north"},
        },
        "devAddr": "00189440",
        "adr": True,
        "dr": 5,
        "fCnt": number,
        "fPort": 5,
        "data": base64.b64encode(PAYLOADS["elsys"]).decode(),
        "rxInfo": [
            {
                "gatewayId": "0016c001f153a14c",
                "uplinkId": 4217106255,
                "rssi": -96,
                "snr": 7.5,
                "context": "E3OWOQ==",
                "metadata": {"region_name": "eu868", "region_common_name": "EU868"},
            }
        ],
        "txInfo": {
            "frequency": 867100000,
            "modulation": {
                "lora": {"bandwidth": 125000, "spreadingFactor": 7, "codeRate": "CR_4_5"}
            },
        },
    }
    topic = f"application/17c82e96-be03-4f38-aef3-f83d48582d97/device/{eui}/event/up"
    return Envelope("bench", topic, json.dumps(event).encode(), RECEIVED_NS)


def test_chirpstack_uplinks_end_to_end(benchmark):
    """Decode batches of uplinks that were not seen before."""
    numbers = itertools.count()
    decoder = Decoder()

    def fresh():
        return ([_uplink(next(numbers)) for _ in range(BATCH)],), {}

    def run(envelopes):
        return [decoder.decode(envelope) for envelope in envelopes]

    messages = benchmark.pedantic(run, setup=fresh, rounds=20, warmup_rounds=2)
    assert all(len(message.measurements) == 8 for message in messages)
    benchmark.extra_info["uplinks_per_s"] = round(BATCH / benchmark.stats.stats.median)


def test_tasmota_plugs_end_to_end(benchmark):
    """Decode a metering plug's message."""
    payload = (
        b'{"Time":"2026-05-19T20:52:56","ENERGY":{"TotalStartTime":"2022-03-20T15:20:48",'
        b'"Total":514.153,"Yesterday":1.495,"Today":0.537,"Period":0,"Power":56,'
        b'"ApparentPower":92,"ReactivePower":73,"Factor":0.61,"Voltage":234,"Current":0.392}}'
    )
    envelope = Envelope("bench", "tele/plug/SENSOR", payload, RECEIVED_NS)
    assert len(benchmark(Decoder().decode, envelope).measurements) == 7


@pytest.mark.parametrize("name", sorted(PAYLOADS))
def test_codec_alone(benchmark, name):
    """Decode a payload of six values."""
    assert len(benchmark(CODECS_BY_NAME[name].decode, PAYLOADS[name], 5)) == 6
