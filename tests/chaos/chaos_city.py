"""What is sent while everything breaks, what is true of it, and all that is derived from it."""

import threading
import time
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from running_emscher import Emscher, eventually

from fleet.sim_run import Run
from gateway.broker import ACK_WAIT_S

PATIENCE_S = 120.0
_IN_FLIGHT = 300
_REST_S = ACK_WAIT_S + 3.0
# Every device tells a time of its own: what is read at its receipt can't be the same twice.
_CITY = """
title = "A small city to break"
seed = 11
start = "2026-03-28T18:00:00Z"
length = "{hours}h"
[radio]
loss = 0.03
[[fleet]]
kind = "classroom"
count = 12
[[fleet]]
kind = "meeting_room"
count = 6
network = "things_stack"
[[fleet]]
kind = "street_noise"
count = 6
network = "chirpstack_protobuf"
[[fleet]]
kind = "household"
count = 12
[[fleet]]
kind = "heat"
count = 6
[[fault]]
kind = "late_bulk"
on = "classroom"
at = "1h"
for = "3h"
[[fault]]
kind = "reordered"
on = "classroom"
[[fault]]
kind = "duplicate"
on = "household"
[[fault]]
kind = "spike"
on = "classroom"
[[fault]]
kind = "stuck"
on = "meeting_room"
[[fault]]
kind = "register_reset"
on = "household"
[[fault]]
kind = "garbage"
on = "meeting_room"
"""


class City:
    """The messages of a simulated city, and the folder of its truth."""

    def __init__(self, folder: Path, hours: int) -> None:
        scenario, self.truth = folder / "city.toml", folder / "truth"
        scenario.write_text(_CITY.format(hours=hours))
        run = Run(str(scenario), truth=self.truth)
        self.messages = [(one.topic, one.payload) for one in run.messages()]
        run.finish()


class Publisher:
    """Publishes at QoS 1 over so many seconds, and counts what the broker has acknowledged.

    What was not acknowledged when a connection broke is sent again with the next one.
    """

    def __init__(self, port: int, messages: list[tuple[str, bytes]], seconds: float) -> None:
        self._messages, self._seconds = messages, seconds
        self._free = threading.Semaphore(_IN_FLIGHT)
        self.acknowledged = 0
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id="chaos-devices", clean_session=False
        )
        self._client.max_inflight_messages_set(_IN_FLIGHT)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_publish = self._published
        self._client.connect_async("127.0.0.1", port)
        self._client.loop_start()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _published(self, *_: object) -> None:
        self.acknowledged += 1
        self._free.release()

    def _work(self) -> None:
        began = time.monotonic()
        for k, (topic, payload) in enumerate(self._messages):
            due = began + self._seconds * k / len(self._messages)
            time.sleep(max(0.0, due - time.monotonic()))
            self._free.acquire()
            self._client.publish(topic, payload, 1)

    def finish(self) -> None:
        """Wait until the broker has acknowledged every message."""
        eventually(
            "every message is acknowledged by the broker",
            lambda: self.acknowledged >= len(self._messages),
            PATIENCE_S,
        )
        self._client.disconnect()
        self._client.loop_stop()


def settled(emscher: Emscher, messages: int) -> None:
    """Wait until nothing is on its way any more: all ended, and all derived.

    What was delivered and not acknowledged when Emscher was killed comes again after the broker's
    wait, and repetitions count as received too: so nothing may come for longer than that.
    """
    eventually("all ended", lambda: emscher.received() >= messages, PATIENCE_S)
    eventually("all is derived", lambda: _at_rest(emscher), PATIENCE_S)


def _at_rest(emscher: Emscher) -> bool:
    before = emscher.received()
    time.sleep(_REST_S)
    live = emscher.get("/v1/health")["live"]
    derived = live["behind_commits"] == live["looks_due"] == 0 and live["error"] is None
    return bool(derived and emscher.received() == before)


def derived(emscher: Emscher) -> dict[str, Any]:
    """Return readings and all that is derived, as the API tells it; floats to their last bit.

    Silence is left out: it is judged by a clock on the wall, not by readings alone.
    """
    found: dict[str, Any] = {}
    span = {"start": "2026-03-27T00:00:00Z", "end": "2026-04-10T00:00:00Z", "limit": 10_000}
    for device in emscher.items("/v1/devices"):
        name = device["id"]
        asked = {"device": name, **span}
        found[name, "readings"] = emscher.items("/v1/readings", **asked)
        for every in ("1m", "15m", "1h"):
            made = emscher.items("/v1/windows", every=every, **asked)
            # How often a window changed depends on what came late, and that is chance here.
            found[name, every] = [dict(one, revision=0) for one in made]
        for series in emscher.items("/v1/series", device=name):
            if series["kind"] == "register":
                for by in ("hour", "day"):
                    about = {"quantity": series["quantity"], "by": by, "device": name}
                    about |= {key: span[key] for key in ("start", "end")}
                    found[name, series["quantity"], by] = emscher.items("/v1/energy", **about)
    found["anomalies"] = sorted(
        (one for one in emscher.items("/v1/anomalies") if one["kind"] != "silence"),
        key=lambda one: one["id"],
    )
    return found
