"""Real servers that take line protocol: InfluxDB 1.6.7 behind nginx, and VictoriaMetrics.

Debian's InfluxDB lacks /api/v2/write, so nginx passes it on to /write, as the documentation of
InfluxDB 1.8 says that it means. They run until `end_all`, which the tests' conftest calls: a worker
of pytest-xdist ends without running what is registered with atexit.
"""

import atexit
import json
import shutil
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable
from functools import cache
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from ingest.store import Server

PATIENCE_S = 30.0
_ENDS: list[Callable[[], None]] = []
_INFLUX = """
reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
  dir = "{folder}/meta"
[data]
  dir = "{folder}/data"
  wal-dir = "{folder}/wal"
  query-log-enabled = false
  max-series-per-database = {series}
  max-values-per-tag = {values}
[monitor]
  store-enabled = false
[http]
  bind-address = "127.0.0.1:{port}"
  auth-enabled = {auth}
  log-enabled = false
  max-body-size = 25000000
"""
_NGINX = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_max_body_size {body};
    client_body_temp_path {folder};
    proxy_temp_path {folder};
    fastcgi_temp_path {folder};
    uwsgi_temp_path {folder};
    scgi_temp_path {folder};
    server {{
        listen 127.0.0.1:{port};
        location = /api/v2/write {{
            rewrite ^ /write?db=$arg_bucket&precision=$arg_precision? break;
            proxy_pass http://127.0.0.1:{influx};
        }}
        location / {{ proxy_pass http://127.0.0.1:{influx}; proxy_buffering off; }}
    }}
}}
"""


def _ending(end: Callable[[], None]) -> None:
    _ENDS.append(end)
    atexit.register(end)


def end_all() -> None:
    """End every server; again is harmless."""
    while _ENDS:
        _ENDS.pop()()


def free_port() -> int:
    """Return a port of this machine that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(url: str) -> None:
    """Wait until something answers there."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            urlopen(url, timeout=5).close()
            return
        except OSError:
            assert time.monotonic() < deadline, f"{url} never answered"
            time.sleep(0.05)


class Influx:
    """An InfluxDB 1.6.7 with nginx before it; it can be stopped and started again."""

    def __init__(
        self, *, auth: bool = False, series: int = 1_000_000, values: int = 0, body: str = "20m"
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="influx-"))
        self.port, self.direct = free_port(), free_port()
        facts = {"folder": self.folder, "port": self.direct, "rpc": free_port()}
        config = _INFLUX.format(**facts, series=series, values=values, auth=str(auth).lower())
        (self.folder / "influx.conf").write_text(config)
        front = _NGINX.format(folder=self.folder, port=self.port, influx=self.direct, body=body)
        (self.folder / "nginx.conf").write_text(front)
        self._nginx = subprocess.Popen(
            [
                shutil.which("nginx") or "/usr/sbin/nginx",
                "-p", self.folder, "-c", self.folder / "nginx.conf",
                "-e", self.folder / "nginx.log",
            ],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self._influx: subprocess.Popen[bytes] | None = None
        _ending(self.close)
        self.start()

    @property
    def url(self) -> str:
        """Where nginx listens."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start InfluxDB and wait until it answers through nginx."""
        self._influx = subprocess.Popen(
            ["influxd", "-config", self.folder / "influx.conf"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        answers(f"{self.url}/ping")

    def stop(self, *, kill: bool = False) -> None:
        """Stop InfluxDB; nginx stays and says that it is not there."""
        if self._influx is not None:
            (self._influx.kill if kill else self._influx.terminate)()
            self._influx.wait(PATIENCE_S)
            self._influx = None

    def close(self) -> None:
        """End both and forget what is stored."""
        self.stop(kill=True)
        if self._nginx.poll() is None:
            self._nginx.terminate()
            self._nginx.wait(PATIENCE_S)
        shutil.rmtree(self.folder, ignore_errors=True)

    def query(self, text: str, database: str = "", **more: str) -> list[dict]:
        """Return what InfluxDB itself answers to InfluxQL."""
        fields = urlencode({"q": text, "db": database, "epoch": "ns", **more}).encode()
        with urlopen(Request(f"{self.url}/query", fields), timeout=120) as answer:
            found = json.load(answer)["results"][0]
        assert "error" not in found, found
        return found.get("series", [])

    def database(self) -> Server:
        """Return a server with a new database in it."""
        name = f"emscher-{uuid.uuid4().hex[:12]}"
        self.query(f'CREATE DATABASE "{name}"')
        return Server(self.url, name)


@cache
def influx() -> Influx:
    """Return the InfluxDB of this process."""
    return Influx()


@cache
def victoria() -> str:
    """Return the address of a VictoriaMetrics of this process."""
    folder, port = tempfile.mkdtemp(prefix="victoria-"), free_port()
    server = subprocess.Popen(
        [
            "victoria-metrics", f"-storageDataPath={folder}", f"-httpListenAddr=127.0.0.1:{port}",
            "-retentionPeriod=100y", "-search.latencyOffset=0s",
        ],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip

    def end() -> None:
        server.kill()
        server.wait(PATIENCE_S)
        shutil.rmtree(folder, ignore_errors=True)

    _ending(end)
    answers(f"http://127.0.0.1:{port}/health")
    return f"http://127.0.0.1:{port}"
