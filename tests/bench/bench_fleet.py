"""How fast uplinks are made and published, on one core: `pytest tests/bench/bench_fleet.py -s`.

Publishing: packets that were made before (the pump), against aiomqtt and against paho with its
thread, all in one run, into a sink that keeps nothing and into mosquitto. The aim is 50,000
distinct uplinks a second from one core, so that the load generator is never what is measured.
Beside the rate stands that by the sender's own processor time: what it could do if nothing else
held it up.

Making: a simulated town of LoRaWAN sensors and meters, live, against json.dumps of the same events
as dicts that stand ready: what a simulator of templates and dicts has to do at the very least.
"""

import asyncio
import json
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from fleet.broker import Broker
from fleet.publisher import IN_FLIGHT
from fleet.pump import prepare, pump
from fleet.scenario import parsed
from fleet.simulation import Simulation
from fleet.speech import spoken
from fleet.stream import publish_stream

SINK = Path(__file__).with_name("mqtt_sink.py")
MOSQUITTO = "/usr/sbin/mosquitto"
TOWN = """
title = "Sensors and meters"
seed = 3
start = "2026-02-10T00:00:00Z"
length = "30d"
fleet = [
    { kind = "classroom", count = 300 },
    { kind = "street_air", count = 100 },
    { kind = "meeting_room", count = 100, network = "things_stack" },
    { kind = "heat", count = 100 },
    { kind = "water", count = 200 },
    { kind = "household", count = 200 },
]
"""


@pytest.fixture(scope="module")
def uplinks(full_size):
    """Messages of the town, each one different."""
    count = 50_000 if full_size else 6_000
    made = Simulation(parsed(TOWN, "bench")).messages()
    return [message for message, _ in zip(made, range(count), strict=False)]


@pytest.fixture(params=["sink", "mosquitto"])
def port(request, tmp_path):
    """Where a process of its own takes what is published."""
    if request.param == "sink":
        told = [sys.executable, SINK]
        with subprocess.Popen(told, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as sink:
            yield int(sink.stdout.readline())
            sink.stdin.close()
        return
    with Mosquitto(tmp_path) as found:
        yield found


class Mosquitto:
    """A mosquitto without subscribers, for as long as it is entered."""

    def __init__(self, folder):
        self._folder = folder

    def __enter__(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        config = self._folder / "mosquitto.conf"
        config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nlog_type none\n")
        self._process = subprocess.Popen([MOSQUITTO, "-c", config])
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return port
            except OSError:
                time.sleep(0.05)
        raise AssertionError("mosquitto never answered")

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait(20)


def with_paho(port, messages, qos):
    """Publish with paho's own thread, a bounded number in flight, until all are acknowledged."""
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.max_inflight_messages_set(IN_FLIGHT)
    free, done, left = threading.Semaphore(IN_FLIGHT), threading.Event(), [len(messages)]

    def published(*_):
        free.release()
        left[0] -= 1
        if not left[0]:
            done.set()

    client.on_publish = published
    client.connect("127.0.0.1", port)
    client.loop_start()
    began_s = time.perf_counter()
    for message in messages:
        free.acquire()
        client.publish(message.topic, message.payload, qos)
    assert done.wait(600)
    took_s = time.perf_counter() - began_s
    client.disconnect()
    client.loop_stop()
    return took_s


def with_aiomqtt(port, messages, qos):
    """Publish with the stream of this package."""
    sent = asyncio.run(publish_stream(Broker("127.0.0.1", port), iter(messages), qos=qos))
    assert sent.acknowledged == len(messages)
    return sent.seconds


def pumped(port, ready, qos):
    """Publish packets that were made before."""
    sent = asyncio.run(pump(Broker("127.0.0.1", port), ready, qos=qos))
    assert sent.acknowledged == len(ready)
    return sent.seconds


def rates(send, count):
    """Return (messages a second, messages a second of the sender's processor time)."""
    began_s = time.process_time()
    took_s = send()
    return count / took_s, count / (time.process_time() - began_s)


@pytest.mark.parametrize("qos", [0, 1])
def test_publishing(uplinks, port, qos, full_size):
    """The pump, aiomqtt and paho, with the same uplinks."""
    began_s = time.perf_counter()
    ready = prepare(uplinks, qos)
    prepared = len(uplinks) / (time.perf_counter() - began_s)
    few = uplinks if full_size else uplinks[:3_000]
    turns = [rates(lambda: pumped(port, ready, qos), len(ready)) for _ in range(5)]
    found = {
        "pump": (max(one[0] for one in turns), max(one[1] for one in turns)),
        "aiomqtt": rates(lambda: with_aiomqtt(port, few, qos), len(few)),
        "paho": rates(lambda: with_paho(port, few, qos), len(few)),
    }
    size = len(ready.blob) / len(ready)
    print(f"\n  QoS {qos}, {len(ready)} uplinks of {size:.0f} bytes, prepared {prepared:,.0f}/s")
    for name, (rate, by_core) in found.items():
        ratio = rate / found["aiomqtt"][0]
        print(f"  {name:8} {rate:9,.0f}/s  {by_core:9,.0f}/core-s  {ratio:6.1f} times aiomqtt")
    assert found["pump"][0] > 2 * found["aiomqtt"][0]
    assert found["pump"][0] > 2 * found["paho"][0]


def test_making(full_size, monkeypatch):
    """Messages a second of a whole simulation, physics, truth and all; and of the bytes alone."""
    encoding_s = 0.0

    def timed(group, rows, lost):
        nonlocal encoding_s
        began_s = time.process_time()
        made = list(spoken(group, rows, lost))
        encoding_s += time.process_time() - began_s
        return made

    monkeypatch.setattr("fleet.simulation.spoken", timed)
    simulation = Simulation(parsed(TOWN, "bench"))
    count, messages = 50_000 if full_size else 8_000, []
    began_s, used_s = time.perf_counter(), time.process_time()
    for batch in simulation.batches():
        messages += batch.messages
        if len(messages) >= count:
            break
    took_s, used_s = time.perf_counter() - began_s, time.process_time() - used_s
    events = [json.loads(m.payload) for m in messages if m.payload[:1] == b"{"]
    assert len(events) > len(messages) / 2
    again_s = time.process_time()
    for event in events:
        json.dumps(event).encode()
    again_s = time.process_time() - again_s
    live, bytes_only = len(messages) / used_s, len(messages) / encoding_s
    dumped = len(events) / again_s
    rate = len(messages) / took_s
    print(f"\n  {len(messages)} messages of {len(simulation)} devices: {rate:,.0f}/s")
    print(f"  all of it           {live:9,.0f}/core-s  {live / dumped:.2f} times json.dumps")
    print(f"  payload and event   {bytes_only:9,.0f}/core-s  {bytes_only / dumped:.2f} times")
    print(f"  json.dumps of dicts {dumped:9,.0f}/core-s  ({len(events)} events, nothing else made)")
