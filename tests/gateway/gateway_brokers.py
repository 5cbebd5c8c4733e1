"""Real brokers for the gateway's tests, a proxy that listens in and breaks, and who publishes."""

import contextlib
import random
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from ingest.errors import StoreUnavailable
from ingest.reading import Envelope

MOSQUITTO = "/usr/sbin/mosquitto"
PATIENCE_S = 20.0
PUBLISH, PUBACK = 3, 4


def free_port() -> int:
    """Return a port of this machine that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(what: str, holds: Callable[[], Any]) -> Any:
    """Return what `holds` gives once it is true; fail with `what` when it never is."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := holds()):
        assert time.monotonic() < deadline, f"never came true: {what}"
        time.sleep(0.005)
    return found


class Mosquitto:
    """A mosquitto of our own; its sessions and messages outlive an orderly stop."""

    host = "127.0.0.1"

    def __init__(self, folder: Path, *lines: str) -> None:
        self.port = free_port()
        self._config = folder / "mosquitto.conf"
        self._log = folder / "mosquitto.log"
        told = [
            "user root", "persistence true", f"persistence_location {folder}/",
            f"listener {self.port} {self.host}", "max_inflight_messages 500",
            "max_queued_messages 100000", *(lines or ["allow_anonymous true"]),
        ]  # fmt: skip
        self._config.write_text("\n".join(told) + "\n")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> "Mosquitto":
        """Return when it takes connections."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [MOSQUITTO, "-c", str(self._config)], stdout=log, stderr=log
            )

        def answers() -> bool:
            assert self._process is not None
            assert self._process.poll() is None, self._log.read_text()
            with contextlib.suppress(OSError):
                socket.create_connection((self.host, self.port), 1).close()
                return True
            return False

        until("mosquitto answers", answers)
        return self

    def stop(self) -> None:
        """End it in good order; harmless when it has ended."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(PATIENCE_S)
            self._process = None


@contextlib.contextmanager
def publisher(port: int, **marks: Any) -> Iterator[Callable[..., None]]:
    """Give a function (topic, payload, qos=1, retain=False) that returns when it is published."""
    client = paho.Client(CallbackAPIVersion.VERSION2)
    if "user" in marks:
        client.username_pw_set(marks["user"], marks["password"])
    client.connect("127.0.0.1", port)
    client.loop_start()

    def publish(topic: str, payload: bytes, qos: int = 1, retain: bool = False) -> None:
        client.publish(topic, payload, qos, retain).wait_for_publish(PATIENCE_S)

    yield publish
    client.disconnect()
    client.loop_stop()


class Ledger:
    """An intake that remembers what it took; `closed` makes it say "not now", `held` wait."""

    def __init__(self) -> None:
        self.taken: list[Envelope] = []
        self.refused: list[Envelope] = []
        self.batches: list[int] = []
        self.offers = 0
        self.closed = False
        self.poison: frozenset[bytes] = frozenset()
        self.open = threading.Event()
        self.open.set()
        self.entered = threading.Event()

    def accept(self, envelopes: Sequence[Envelope]) -> None:
        """Take the envelopes, once allowed to."""
        self.offers += 1
        self.entered.set()
        self.open.wait(PATIENCE_S)
        if self.closed:
            raise StoreUnavailable("the disk is full")
        if any(one.payload in self.poison for one in envelopes):
            raise ValueError("poison")
        self.taken += envelopes
        self.batches.append(len(envelopes))

    def refuse(self, envelope: Envelope, error: Exception) -> None:
        """Put one aside."""
        if self.closed:
            raise StoreUnavailable("the disk is full")
        self.refused.append(envelope)

    @property
    def payloads(self) -> list[bytes]:
        """What was taken, in order."""
        return [one.payload for one in self.taken]


class Packet(NamedTuple):
    """An MQTT packet that the proxy saw; `mid` of a QoS 1 PUBLISH or a PUBACK, else None."""

    connection: int
    to_broker: bool
    kind: int
    mid: int | None


class Proxy:
    """Stands between a client and a broker, and sees every packet.

    fault  asked with each packet once it is read: "" lets it pass, "drop" loses it, "cut" ends
           the connection, a number delays it so many seconds
    """

    def __init__(self, port: int, fault: Callable[[Packet], str | float] | None = None) -> None:
        self._broker_port = port
        self.fault = fault or (lambda packet: "")
        self.packets: list[Packet] = []
        self.connections = 0
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._threads = [threading.Thread(target=self._listen, daemon=True)]
        self._threads[0].start()

    def close(self) -> None:
        """End everything."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        for thread in self._threads:
            thread.join(PATIENCE_S)

    def cut(self) -> None:
        """Break every connection that stands."""
        for pair in self._pairs:
            _end(pair)

    def seen(self, kind: int, connection: int | None = None) -> list[int | None]:
        """Return the numbers of the packets of a kind that passed to their end."""
        return [
            one.mid
            for one in list(self.packets)
            if one.kind == kind and connection in (None, one.connection)
        ]

    def _listen(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                broker = socket.create_connection(("127.0.0.1", self._broker_port))
            except OSError:
                client.close()
                continue
            self.connections += 1
            pair = (client, broker)
            self._pairs.append(pair)
            for source, sink in (pair, pair[::-1]):
                told = (source, sink, source is client, self.connections, pair)
                self._threads.append(threading.Thread(target=self._carry, args=told, daemon=True))
                self._threads[-1].start()

    def _carry(
        self,
        source: socket.socket,
        sink: socket.socket,
        to_broker: bool,
        connection: int,
        pair: tuple[socket.socket, socket.socket],
    ) -> None:
        with contextlib.suppress(OSError), source.makefile("rb") as stream:
            while raw := _packet(stream):
                packet = _understood(raw, to_broker, connection)
                fate = self.fault(packet)
                if fate == "cut":
                    break
                if isinstance(fate, float):
                    time.sleep(fate)
                if fate != "drop":
                    self.packets.append(packet)
                    sink.sendall(raw)
        _end(pair)


def seeded(seed: int, rate: float) -> Callable[[Packet], str | float]:
    """Return a fault that drops, delays and cuts at random, the same for the same seed."""
    rng, lock = random.Random(seed), threading.Lock()

    def fault(packet: Packet) -> str | float:
        with lock:
            if packet.kind not in (PUBLISH, PUBACK) or rng.random() > rate:
                return ""
            return rng.choice(["drop", "cut", rng.random() / 20])

    return fault


def _end(pair: tuple[socket.socket, socket.socket]) -> None:
    for one in pair:
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()


def _packet(stream: Any) -> bytes:
    """Return the next whole MQTT packet; empty at the end."""
    raw = stream.read(1)
    length, shift = 0, 0
    while raw:
        byte = stream.read(1)
        if not byte:
            return b""
        raw += byte
        length |= (byte[0] & 127) << shift
        shift += 7
        if byte[0] < 128:
            body = stream.read(length)
            return raw + body if len(body) == length else b""
    return b""


def _understood(raw: bytes, to_broker: bool, connection: int) -> Packet:
    kind = raw[0] >> 4
    start = 1 + next(i for i in range(1, 5) if raw[i] < 128)
    mid = None
    if kind == PUBLISH and raw[0] & 6:
        at = start + 2 + int.from_bytes(raw[start : start + 2], "big")
        mid = int.from_bytes(raw[at : at + 2], "big")
    elif kind == PUBACK:
        mid = int.from_bytes(raw[start : start + 2], "big")
    return Packet(connection, to_broker, kind, mid)
