"""The whole of Emscher under load, with its broker and the load on the same machine.

`pytest tests/bench/bench_ingest.py -o python_files='bench_*.py' -s`, --full-size for five minutes.
QoS 1, everything on: recognising repeats, archive, analysis, API. Against the least that an intake
can be (bare_intake.py: paho, one decoder, one codec, DuckDB, nothing else), in the same run.
"""

import asyncio
import datetime
import http.client
import json
import multiprocessing
import re
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from fleet.broker import Broker
from fleet.message import Message
from fleet.prepared import prepare
from fleet.pump import pump
from fleet.scenario import parsed
from fleet.simulation import Simulation

sys.path[:0] = [str(Path(__file__).parents[1] / part) for part in ("e2e", "gateway")]
from gateway_brokers import Mosquitto  # noqa: E402
from running_emscher import Emscher, eventually  # noqa: E402

BARE = Path(__file__).with_name("bare_intake.py")
ROOT = Path(__file__).parents[2]
TOWN = """
title = "Meeting rooms"
seed = 3
start = "2020-02-10T00:00:00Z"
length = "3d"
fleet = [{{ kind = "meeting_room", count = {count} }}]
"""
DAY = datetime.date(2020, 2, 10)
BROKER = ("allow_anonymous true", "max_queued_messages 0", "max_inflight_messages 4000",
          "log_type none", "persistence false")  # fmt: skip


def uplinks(devices: int, count: int) -> list[Message]:
    """Return uplinks of so many rooms, each of six readings."""
    made = Simulation(parsed(TOWN.format(count=devices), "bench")).messages()
    found: list[Message] = []
    for message in made:
        if message.topic.endswith("/up"):
            found.append(message)
            if len(found) == count:
                break
    return found


def publish(port: int, messages: list[Message], turns: int, rate: float | None) -> None:
    """Publish the messages again and again, a day later each time, in this process."""
    ready = prepare(messages, 1)
    blob = ready.blob
    for turn in range(turns):
        day = (DAY + datetime.timedelta(turn)).isoformat().encode()
        days = re.sub(rb"2020-02-1\dT", day + b"T", blob) if turn else blob
        asyncio.run(pump(Broker("127.0.0.1", port), replace(ready, blob=days), rate=rate))


def publishing(port: int, messages: list[Message], turns: int, rate: float | None = None):
    """Publish from a process of its own, which has started."""
    told = (port, messages, turns, rate)
    process = multiprocessing.get_context("fork").Process(target=publish, args=told, daemon=True)
    process.start()
    return process


def rss_mb(pid: int) -> float:
    """Return the memory that a process holds."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 / 2**20


def cpu_s(pid: int) -> float:
    """Return the processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


class Asking:
    """Asks for the latest reading of one device, again and again; keeps how long it took."""

    def __init__(self, port: int, device: str) -> None:
        self.took_ms: list[float] = []
        self._ended = threading.Event()
        self._path = f"/v1/latest?device={device}"
        self._port = port
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _work(self) -> None:
        client = http.client.HTTPConnection("127.0.0.1", self._port)
        while not self._ended.wait(0.02):
            began = time.perf_counter()
            client.request("GET", self._path)
            client.getresponse().read()
            self.took_ms.append(1e3 * (time.perf_counter() - began))
        client.close()

    def stop(self) -> list[float]:
        """Ask no more, and return the times, sorted."""
        self._ended.set()
        self._thread.join()
        return sorted(self.took_ms)


def at_rest(emscher: Emscher) -> bool:
    """Return whether the analysis is done."""
    return not emscher.get("/v1/health")["live"]["behind_commits"]


def share(times: list[float], part: float) -> float:
    """Return a percentile of sorted times."""
    return times[min(len(times) - 1, int(part * len(times)))]


@pytest.fixture(scope="module")
def town():
    """Uplinks of 2,000 rooms, each one different."""
    return uplinks(2_000, 50_000)


@pytest.fixture
def mosquitto(tmp_path):
    """A mosquitto that keeps what is not taken yet."""
    broker = Mosquitto(tmp_path, *BROKER).start()
    yield broker
    broker.stop()


def bare_rate(port: int, messages: list[Message], turns: int, folder: Path) -> float:
    """Return what the bare intake takes a second."""
    command = [sys.executable, "-P", BARE, str(port), str(folder)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, cwd=ROOT, text=True, env={"PYTHONPATH": str(ROOT)}
    ) as bare:
        assert bare.stdout is not None
        time.sleep(2)
        process = publishing(port, messages, turns)
        began = time.perf_counter()
        for line in bare.stdout:
            if int(line) >= turns * len(messages):
                break
        took = time.perf_counter() - began
        process.join()
        bare.kill()
    return turns * len(messages) / took


@pytest.mark.parametrize("kind", ["mosquitto", "embedded"])
def test_sustained(kind, tmp_path, town, full_size, request):
    """As fast as it goes; then memory and the API's answers, while it goes on."""
    turns = 150 if full_size else 8
    broker = request.getfixturevalue("mosquitto") if kind == "mosquitto" else None
    bare = bare_rate(broker.port, town, 2, tmp_path) if broker else None
    options = ["--broker", f"mqtt://127.0.0.1:{broker.port}"] if broker else []
    emscher = Emscher(tmp_path / "data", *options)
    try:
        emscher.start()
        eventually("it is ready", lambda: emscher.get("/v1/health")["sources"][0]["connected"])
        pid = emscher.process.pid
        asking = Asking(emscher.http, json.loads(town[0].payload)["deviceInfo"]["devEui"].lower())
        used = cpu_s(pid)
        process = publishing(broker.port if broker else emscher.mqtt, town, turns)
        began, wanted, held = time.perf_counter(), turns * len(town), []
        while (received := emscher.received()) < wanted:
            held.append((received, rss_mb(pid)))
            time.sleep(0.5)
        took = time.perf_counter() - began
        used = cpu_s(pid) - used
        process.join()
        times = asking.stop()
        counters = emscher.get("/v1/counters")
        eventually("all is derived", lambda: at_rest(emscher))
        settled = time.perf_counter() - began - took
    finally:
        emscher.close()
    rate = wanted / took
    half = len(held) // 2
    print(f"\n  {kind}: {rate:,.0f} uplinks/s, {counters['readings'] / took:,.0f} readings/s")
    if bare:
        print(f"  the bare intake took {bare:,.0f}/s: {rate / bare:.2f} times as many here")
    print(f"  {1e6 * used / wanted:.0f} us of processor time an uplink; memory"
          f" {held[half][1]:.0f} MB half way, {held[-1][1]:.0f} MB at the end; analysis done"
          f" {settled:.1f} s later")  # fmt: skip
    print(f"  /v1/latest of a device meanwhile: median {share(times, 0.5):.1f} ms,"
          f" p99 {share(times, 0.99):.1f} ms")  # fmt: skip
    assert counters["stored"] + counters["duplicate"] == counters["received"] >= wanted
    assert counters["readings"] == 6 * counters["stored"]


def test_from_publishing_to_the_answer(tmp_path, town, mosquitto, full_size):
    """1,000 uplinks/s, and now and then one of which is asked when it can be read."""
    emscher = Emscher(tmp_path / "data", "--broker", f"mqtt://127.0.0.1:{mosquitto.port}")
    try:
        emscher.start()
        eventually("it is ready", lambda: emscher.get("/v1/health")["sources"][0]["connected"])
        publishing(mosquitto.port, town[:8_000], 1).join()  # every device has spoken before
        eventually("they are known", lambda: emscher.received() >= 8_000 and at_rest(emscher))
        process = publishing(mosquitto.port, town[8_000 : 38_000 if full_size else 18_000], 1, 1e3)
        time.sleep(1)
        times = sorted(probed(emscher, mosquitto.port, process))
        process.join()
    finally:
        emscher.close()
    print(f"\n  {len(times)} times at 1,000 uplinks/s: median {share(times, 0.5):.1f} ms,"
          f" p99 {share(times, 0.99):.1f} ms")  # fmt: skip
    assert len(times) > 20


def probed(emscher: Emscher, port: int, process: "multiprocessing.Process") -> list[float]:
    """Publish one message after the other, and return how long each took until it was read, ms."""
    import paho.mqtt.client as paho
    from paho.mqtt.enums import CallbackAPIVersion

    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", port)
    client.loop_start()
    asking = http.client.HTTPConnection("127.0.0.1", emscher.http)
    took = []
    for k in range(100_000):
        if not process.is_alive():
            break
        payload = b'{"Time":"2026-01-01T%02d:%02d:%02dZ","ENERGY":{"Power":%d}}' % (
            k // 3600, k // 60 % 60, k % 60, k,
        )  # fmt: skip
        began = time.perf_counter()
        client.publish("tele/probe/SENSOR", payload, 1)
        while True:
            asking.request("GET", "/v1/latest?device=probe")
            items = json.loads(asking.getresponse().read())["items"]
            if items and items[0]["value"] == k:
                break
        took.append(1e3 * (time.perf_counter() - began))
        time.sleep(0.02)
    asking.close()
    client.disconnect()
    client.loop_stop()
    return took


def test_the_memory_of_many_series(tmp_path, mosquitto, full_size):
    """What Emscher holds with 100,000 series (20,000 without --full-size) that all speak."""
    devices = 17_000 if full_size else 3_400
    messages = uplinks(devices, 2 * devices)
    emscher = Emscher(tmp_path / "data", "--broker", f"mqtt://127.0.0.1:{mosquitto.port}")
    try:
        emscher.start()
        eventually("it is ready", lambda: emscher.get("/v1/health")["sources"][0]["connected"])
        empty = rss_mb(emscher.process.pid)
        publishing(mosquitto.port, messages, 4).join()
        eventually("all ended", lambda: emscher.received() >= 4 * len(messages), 600)
        eventually("all is derived", lambda: at_rest(emscher))
        full = rss_mb(emscher.process.pid)
        latest = emscher.items("/v1/latest", limit=10_000)
        series = len({(one["device"], one["quantity"]) for one in latest})
    finally:
        emscher.close()
    print(f"\n  {series} series: {full:.0f} MB, {empty:.0f} MB with none")
    assert series >= devices * 4
