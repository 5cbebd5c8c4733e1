"""How fast each format is read, on one core: `pytest tests/bench/bench_formats.py`.

Each is told as messages a second, beside a peer in the same run: the standard library's JSON parser
over the same bytes, which is where a flow or a script of one's own begins before it has decoded
anything. Line protocol has a plain cut at its blanks, commas and equals signs for a peer.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ingest.clock import rfc3339_ns
from ingest.decode import Decoder
from ingest.reading import Envelope

VECTORS = Path(__file__).parents[1] / "vectors"
NOW = rfc3339_ns("2026-06-01T12:00:00Z")
TIMES = 200
SLICES = 15


def _json(name: str, *path: str | int) -> object:
    tree = json.loads((VECTORS / name).read_text(encoding="utf-8"))
    for step in path:
        tree = tree[step]
    return tree


def _bytes(tree: object) -> bytes:
    return json.dumps(tree).encode()


EUI = "a81758fffe04a1b2"
UP = {
    "deduplicationId": "3ac7e3c4-4401-4b8d-9386-a5c902f9202d",
    "time": "2026-06-01T11:59:58.775023242+00:00",
    "deviceInfo": {"deviceProfileName": "ELSYS ERS CO2", "devEui": EUI, "deviceName": "room 1"},
    "fCnt": 10,
    "fPort": 5,
    "rxInfo": [{"gatewayId": "0016c001f153a14c", "rssi": -96, "snr": 7.5}],
}
FIELDS = {"temperature": 22.6, "humidity": 41, "light": 39, "motion": 6, "co2": 776, "vdd": 2296}
DATA = "AQDiAikEACcFBgYDCAcI+A=="
LINE = b"weather,station=north temperature=22.6,humidity=41i,co2=776i 1780315198000000000"
MESSAGES: dict[str, tuple[str, bytes, int]] = {
    "chirpstack_v4 native": (
        f"application/1/device/{EUI}/event/up", _bytes({**UP, "data": DATA}), 8),
    "chirpstack_v4 decoded": (
        f"application/1/device/{EUI}/event/up", _bytes({**UP, "object": FIELDS}), 8),
    "things_stack native": (
        f"v3/city@ttn/devices/eui-{EUI}/up",
        _bytes({
            "end_device_ids": {"device_id": f"eui-{EUI}", "dev_eui": EUI.upper()},
            "received_at": "2026-06-01T11:59:58.775023242Z",
            "uplink_message": {
                "f_port": 5, "frm_payload": DATA, "received_at": "2026-06-01T11:59:58.775023242Z",
                "version_ids": {"brand_id": "elsys", "model_id": "ers-co2"},
                "rx_metadata": [{"gateway_ids": {"gateway_id": "north"}, "rssi": -96, "snr": 7.5}],
            },
        }), 8),
    "tasmota": (
        "tele/plug/SENSOR",
        _bytes({"Time": "2026-06-01T13:59:56", "ENERGY": {
            "TotalStartTime": "2022-03-20T15:20:48", "Total": 514.153, "Yesterday": 1.495,
            "Today": 0.537, "Power": 56, "Factor": 0.61, "Voltage": 234, "Current": 0.392}}), 5),
    "shelly": (
        "shellyplus1pm-a8032abe54dc/events/rpc",
        _bytes({"src": "shellyplus1pm-a8032abe54dc", "dst": "x", "method": "NotifyStatus",
                "params": {"ts": 1780315198.25, "switch:0": {
                    "id": 0, "apower": 8.9, "voltage": 237.5, "current": 0.118,
                    "aenergy": {"total": 6.532, "by_minute": [45.1], "minute_ts": 1780315198}}}}),
        4),
    "zigbee2mqtt": ("zigbee2mqtt/kitchen", _bytes(FIELDS), 6),
    "senml": (
        "sensors/north",
        _bytes([{"bn": "urn:dev:ow:10e2073a01080063:", "bt": 1780315198, "n": "temperature",
                 "u": "Cel", "v": 22.6}, {"n": "humidity", "u": "%RH", "v": 41}]), 2),
    "line_protocol": ("telegraf/north", LINE, 3),
}  # fmt: skip


def _cut(line: str) -> dict[str, float]:
    _, fields, _ = line.split(" ")
    told = (field.split("=") for field in fields.split(","))
    return {name: float(value.rstrip("i")) for name, value in told}


def _rate(run: Callable[[], object]) -> float:
    """Return runs a second: the best of several slices, since others use the machine as well."""
    best = float("inf")
    for _ in range(SLICES):
        began = time.perf_counter()
        for _ in range(TIMES):
            run()
        best = min(best, time.perf_counter() - began)
    return TIMES / best


@pytest.mark.parametrize("name", MESSAGES)
def test_format(benchmark, name):
    """Read one message again and again; the topic is known after the first, as in a city."""
    topic, payload, wanted = MESSAGES[name]
    decoder = Decoder()
    envelope = Envelope("bench", topic, payload, NOW)
    assert len(decoder.decode(envelope).measurements) == wanted
    peer = _rate(lambda: json.loads(payload) if payload[:1] in b"{[" else _cut(payload.decode()))
    benchmark.pedantic(decoder.decode, (envelope,), rounds=TIMES, warmup_rounds=10)
    rate = _rate(lambda: decoder.decode(envelope))
    benchmark.extra_info["messages_per_s"] = round(rate)
    benchmark.extra_info["times_of_parsing_alone"] = round(peer / rate, 2)
