"""A mosquitto of our own, and the command line in a process of its own."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fleet_brokers

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 30.0


def until(what: str, holds: Callable[[], Any]) -> Any:
    """Return what `holds` gives once it is true; fail with `what` when it never is."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := holds()):
        assert time.monotonic() < deadline, f"never came true: {what}"
        time.sleep(0.01)
    return found


class Mosquitto(fleet_brokers.Mosquitto):
    """A broker that anyone may use, can be stopped, and started again at the same port."""

    host = "127.0.0.1"

    def __init__(self, folder: Path, *lines: str) -> None:
        super().__init__(folder, "allow_anonymous true", *lines)

    def start(self) -> "Mosquitto":
        super().start()
        return self


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
