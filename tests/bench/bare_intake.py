"""The least that an intake can be: paho, one decoder, one codec, DuckDB; the peer of bench_ingest.

Run as `python bare_intake.py PORT FOLDER`. It takes ChirpStack uplinks of Cayenne LPP (two values)
and what the gateway heard, commits them in groups and acknowledges afterwards. No devices, no
duplicates, no late readings, no quarantine, no archive, no analysis, no API. It prints how many
messages are stored, four times a second.
"""

import base64
import sys
import threading
import time
from collections import deque

import duckdb
import msgspec
import numpy as np
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from ingest.clock import rfc3339_ns


class Heard(msgspec.Struct):
    """One gateway."""

    rssi: int = 0
    snr: float = 0.0


class Info(msgspec.Struct, rename="camel"):
    """Whose it is."""

    dev_eui: str = ""


class Up(msgspec.Struct, rename="camel"):
    """An uplink."""

    device_info: Info
    time: str
    data: str = ""
    rx_info: list[Heard] = []


def main(port: int, folder: str) -> None:
    """Take messages until killed."""
    decode = msgspec.json.Decoder(Up).decode
    store = duckdb.connect(f"{folder}/bare.duckdb")
    store.execute("CREATE TABLE r (series INTEGER, time_ns BIGINT, value DOUBLE, received BIGINT)")
    waiting: deque[paho.MQTTMessage] = deque()
    client = paho.Client(
        CallbackAPIVersion.VERSION2, client_id="bare", clean_session=False, manual_ack=True
    )
    client.on_connect = lambda *_: client.subscribe("application/#", 1)
    client.on_message = lambda _, __, message: waiting.append(message)
    client.connect("127.0.0.1", port)
    client.loop_start()
    numbers: dict[tuple[str, int], int] = {}
    stored = [0]

    def tell() -> None:
        while True:
            print(stored[0], flush=True)
            time.sleep(0.25)

    threading.Thread(target=tell, daemon=True).start()
    while True:
        batch = [waiting.popleft() for _ in range(min(len(waiting), 4000))]
        if not batch:
            time.sleep(0.001)
            continue
        series, times, values = [], [], []
        for message in batch:
            up = decode(message.payload)
            eui, at = up.device_info.dev_eui, rfc3339_ns(up.time)
            raw = base64.b64decode(up.data)
            found = [*raw[:4], up.rx_info[0].rssi, up.rx_info[0].snr]
            for place, value in enumerate(found):
                series.append(numbers.setdefault((eui, place), len(numbers)))
                times.append(at)
                values.append(float(value))
        columns = {
            "series": np.array(series, np.int32), "time_ns": np.array(times, np.int64),
            "value": np.array(values), "received": np.full(len(series), time.time_ns()),
        }  # fmt: skip
        store.register("fresh", columns)
        store.execute("INSERT INTO r SELECT * FROM fresh")
        for message in batch:
            client.ack(message.mid, message.qos)
        stored[0] += len(batch)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
