"""Emscher as its users meet it: a process, an MQTT port, an HTTP port."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

PROGRAM = Path(sys.executable).with_name("emscher")
PATIENCE_S = 60.0


def free_port() -> int:
    """Return a port of this machine that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def eventually(what: str, holds: Callable[[], Any], patience_s: float = PATIENCE_S) -> Any:
    """Return what `holds` gives once it is true; fail with `what` when it never is."""
    deadline = time.monotonic() + patience_s
    while True:
        found = holds()
        if found:
            return found
        assert time.monotonic() < deadline, f"never came true: {what} (last: {found!r})"
        time.sleep(0.05)


class Emscher:
    """One `emscher up` over a data folder; it can be ended, killed, and started again."""

    def __init__(self, data: Path, *options: str, http: int | None = None) -> None:
        self.data = data
        self.http, self.mqtt = http or free_port(), free_port()
        self.options = options
        self.log = data.parent / f"{data.name}.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> "Emscher":
        """Start the process and wait until it answers."""
        self.launch()
        eventually("emscher answers", self.answers)
        return self

    def launch(self) -> None:
        """Start the process and do not wait."""
        command = [PROGRAM, "up", "--data", self.data, "--http", f"127.0.0.1:{self.http}"]
        if "--broker" not in self.options:
            command += ["--mqtt", f"127.0.0.1:{self.mqtt}"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, *self.options],
                stdout=log,
                stderr=log,
                cwd=self.data.parent,
                start_new_session=True,
            )

    def get(self, path: str, **query: object) -> Any:
        """Return the JSON answer to a question."""
        asked = f"?{urlencode(query)}" if query else ""
        with urlopen(f"http://127.0.0.1:{self.http}{path}{asked}", timeout=30) as answer:
            return json.load(answer)

    def items(self, path: str, **query: object) -> list[dict[str, Any]]:
        """Return all items of a collection, over as many pages as it takes."""
        found: list[dict[str, Any]] = []
        while True:
            page = self.get(path, **query)
            found += page["items"]
            if page["next"] is None:
                return found
            query["cursor"] = page["next"]

    def received(self) -> int:
        """Return how many messages have ended, one way or another."""
        return int(self.get("/v1/counters")["received"])

    def kill(self) -> None:
        """kill -9, as a power cut or an impatient operator does it."""
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def interrupt(self) -> int:
        """Ctrl-C; return the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(PATIENCE_S)

    def close(self) -> None:
        """End it in any state."""
        if self.process is not None and self.process.poll() is None:
            self.kill()

    def publish(self, messages: list[tuple[str, bytes]], qos: int = 1) -> None:
        """Publish with a real client and return when the broker has acknowledged all."""
        client = paho.Client(CallbackAPIVersion.VERSION2)
        client.max_inflight_messages_set(200)
        client.connect("127.0.0.1", self.mqtt)
        client.loop_start()
        for sent in [client.publish(topic, payload, qos=qos) for topic, payload in messages]:
            sent.wait_for_publish(PATIENCE_S)
            assert sent.is_published()
        client.disconnect()
        client.loop_stop()

    def answers(self) -> bool:
        """Return whether it answers over HTTP; fail when it has ended."""
        assert self.process is not None
        code = self.process.poll()
        assert code is None, f"emscher ended with {code}:\n{self.log.read_text()}"
        try:
            return bool(self.get("/v1/health"))
        except OSError:
            return False


def nats_servers(data: Path) -> list[int]:
    """Return the processes of nats-server that run over this data folder."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes()
        except OSError:  # it ended meanwhile
            continue
        if b"nats-server" in command and str(data).encode() in command:
            found.append(int(folder.name))
    return found


def started(emscher: Emscher) -> Iterator[Emscher]:
    """Yield a running Emscher and end it afterwards."""
    try:
        yield emscher.start()
    finally:
        emscher.close()
