"""A mosquitto of our own, and the command line in a process of its own."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

MOSQUITTO = "/usr/sbin/mosquitto"
ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 30.0


def until(what: str, holds: Callable[[], Any]) -> Any:
    """Return what `holds` gives once it is true; fail with `what` when it never is."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := holds()):
        assert time.monotonic() < deadline, f"never came true: {what}"
        time.sleep(0.01)
    return found


class Mosquitto:
    """A broker that can be stopped and started again at the same port."""

    host = "127.0.0.1"

    def __init__(self, folder: Path, *lines: str) -> None:
        with socket.socket() as probe:
            probe.bind((self.host, 0))
            self.port = int(probe.getsockname()[1])
        self._config, self._log = folder / "mosquitto.conf", folder / "mosquitto.log"
        told = [f"listener {self.port} {self.host}", "allow_anonymous true", *lines]
        more = ["user root", "max_queued_messages 0", "max_inflight_messages 1000"]
        self._config.write_text("\n".join([*more, *told]) + "\n")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> "Mosquitto":
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
        if self._process is not None:
            self._process.terminate()
            self._process.wait(PATIENCE_S)
            self._process = None


@contextlib.contextmanager
def mosquitto_in(folder: Path, *lines: str) -> Iterator[Mosquitto]:
    broker = Mosquitto(folder, *lines).start()
    try:
        yield broker
    finally:
        broker.stop()


def emscher(*words: object) -> "subprocess.Popen[str]":
    """Start the command line of this tree."""
    path = os.pathsep.join([str(ROOT), str(ROOT / "firmware-sim")])
    return subprocess.Popen(
        [sys.executable, "-c", "import emscher; emscher.main()", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path, "COLUMNS": "200"},
    )


def ran(*words: object) -> tuple[int, str, str]:
    """Run the command line; return its exit code, what it said and what it complained of."""
    process = emscher(*words)
    said, complained = process.communicate(timeout=60)
    return process.returncode, said, complained
