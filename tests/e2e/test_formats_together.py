"""Several kinds of senders on one broker, understood without configuration, from outside."""

import json
from pathlib import Path

from running_emscher import Emscher, eventually

EUI = "a81758fffe04a1b2"
CODEC = """
function decodeUplink(input) {
  if (input.bytes[0] === 66) for (;;);
  return {data: {temperature: input.bytes[0] / 10}};
}
"""


def chirpstack(data: str, key: str) -> tuple[str, bytes]:
    """Return an uplink of a device that only the added script can decode."""
    event = {
        "deduplicationId": key,
        "time": "2026-03-01T12:00:00Z",
        "deviceInfo": {"devEui": EUI, "deviceProfileName": "ACME TH"},
        "fPort": 2,
        "data": data,
    }
    return f"application/7/device/{EUI}/event/up", json.dumps(event).encode()


def test_each_is_understood_and_what_waited_is_taken_in(tmp_path: Path) -> None:
    """Shelly, vzlogger before its id, The Things Stack, line protocol, P1, a script that hangs."""
    data = tmp_path / "data"
    (data / "codecs").mkdir(parents=True)
    (data / "codecs" / "acme-th.js").write_text(CODEC, encoding="utf-8")
    shelly = {
        "src": "shellyplus1pm-a8032ab12345",
        "method": "NotifyStatus",
        "params": {"ts": 1772366400.12, "switch:0": {"id": 0, "aenergy": {"total": 1234.5}}},
    }
    things = {
        "end_device_ids": {"device_id": "dev1", "dev_eui": "0011223344556677"},
        "received_at": "2026-03-01T12:00:00Z",
        "uplink_message": {"f_port": 1, "decoded_payload": {"temperature": 4.5}},
    }
    messages = [
        ("shellyplus1pm-a8032ab12345/events/rpc", json.dumps(shelly).encode()),
        ("vz/chn0/raw", b"5000.5"),
        ("v3/app@ttn/devices/dev1/up", json.dumps(things).encode()),
        ("telegraf", b"weather,host=roof humidity=82 1772366400000000000"),
        chirpstack("ZA==", "1"),
        chirpstack("Qg==", "2"),
        ("nothing/known", b"hello"),
    ]
    emscher = Emscher(data)
    try:
        emscher.start()
        emscher.publish(messages)
        eventually("all have ended", lambda: emscher.received() == len(messages))
        assert emscher.get("/v1/counters")["quarantined"] == 3
        rules = {one["topic"]: one["rule"] for one in emscher.items("/v1/quarantine")}
        assert rules["vz/chn0/raw"] == "announcement"
        assert rules["nothing/known"] == "format"
        emscher.publish([("vz/chn0/id", b"1-0:1.8.0*255")])
        eventually("it is taken in", lambda: emscher.get("/v1/counters")["quarantined"] == 2)
        emscher.kill()
        emscher.start()
        emscher.publish([("vz/chn0/raw", b"5001.5")])  # what was announced is known again
        eventually("it is stored", lambda: emscher.received() == len(messages) + 2)
        found = {
            (one["device"], one["quantity"]): one["value"] for one in emscher.items("/v1/latest")
        }
        assert found == {
            ("shellyplus1pm-a8032ab12345", "active_energy_import"): 1234.5,
            ("vz", "active_energy_import"): 5001.5,
            ("0011223344556677", "temperature"): 4.5,
            ("roof", "humidity"): 82.0,
            (EUI, "temperature"): 10.0,
        }
        counters = emscher.get("/v1/counters")
        assert counters["received"] == counters["stored"] + counters["quarantined"]
        assert emscher.interrupt() == 0, emscher.log.read_text()
    finally:
        emscher.close()
