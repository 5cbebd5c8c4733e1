"""A sensor gets stuck, and somebody is told: once, also across a new start."""

import json
import random
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from running_emscher import Emscher, eventually
from uplinks import elsys_temperature, rfc3339, uplink

STEP_NS = 600 * 10**9
DEVICE = "a81758fffe0546b2"


class Hook(BaseHTTPRequestHandler):
    """Notes what comes."""

    def do_POST(self) -> None:
        self.server.came.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *told) -> None:
        """Say nothing."""


@pytest.fixture
def hook():
    """An HTTP server that takes whatever is told."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Hook) as server:
        server.came = []
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_stuck_sensor_is_told_once_also_across_a_new_start(tmp_path, hook) -> None:
    """What the analysis finds reaches a webhook by the rules, and /v1/health counts it."""
    (tmp_path / "emscher.toml").write_text('notify = "notify.toml"\n', encoding="utf-8")
    (tmp_path / "notify.toml").write_text(
        'link = "https://console.example"\n'
        '[[rule]]\nname = "stuck"\nkinds = ["flatline"]\nafter = "30 min"\nto = ["ops"]\n'
        '[[to]]\nname = "ops"\nkind = "webhook"\n'
        f'url = "http://127.0.0.1:{hook.server_port}/"\n',
        encoding="utf-8",
    )
    rng, start_ns = random.Random(7), time.time_ns() - 120 * STEP_NS
    values = [round(21 + rng.gauss(0, 0.4), 1) for _ in range(80)] + [21.3] * 40
    stream = [
        uplink(DEVICE, elsys_temperature(value), rfc3339(start_ns + i * STEP_NS), f_cnt=i)
        for i, value in enumerate(values)
    ]
    emscher = Emscher(tmp_path / "data")
    try:
        emscher.start()
        emscher.publish(stream)
        eventually("it is told", lambda: hook.came)
        assert emscher.interrupt() == 0
        emscher.start()
        (lasting,) = eventually("it lasts", lambda: emscher.items("/v1/anomalies", open="true"))
        time.sleep(3)
        told = emscher.get("/v1/health")["notifications"]
    finally:
        emscher.close()
    (body,) = hook.came
    (item,) = body["anomalies"]
    assert (item["id"], item["device"], item["kind"]) == (lasting["id"], DEVICE, "flatline")
    assert item["link"] == f"https://console.example/anomalies#id={lasting['id']}"
    assert (told["sent"], told["failed"], told["to"][0]["name"]) == (0, 0, "ops")


def test_a_wrong_file_keeps_it_from_starting_and_says_why(tmp_path) -> None:
    """A rule that can't be read would tell nobody, and nobody would know."""
    (tmp_path / "emscher.toml").write_text('notify = "notify.toml"\n', encoding="utf-8")
    (tmp_path / "notify.toml").write_text('[[rule]]\nname = "x"\n', encoding="utf-8")
    emscher = Emscher(tmp_path / "data")
    try:
        emscher.launch()
        assert emscher.process is not None
        assert emscher.process.wait(60) == 1
    finally:
        emscher.close()
    assert 'notify.toml: rule "x": to: expected a list of texts' in emscher.log.read_text()
