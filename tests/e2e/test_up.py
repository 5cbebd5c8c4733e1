"""`emscher up` from outside: a real client publishes, the API answers, and every end is tried."""

import json
import shutil
import socket
import subprocess
import threading
import time
from pathlib import Path
from urllib.request import urlopen

import pytest
from running_emscher import PROGRAM, Emscher, eventually, free_port, nats_servers
from uplinks import elsys_temperature, rfc3339, uplink

NOW_NS = time.time_ns()
DEVICE = "a81758fffe0546b2"


def mosquitto_pub(port: int, topic: str, payload: bytes) -> None:
    program = shutil.which("mosquitto_pub")
    assert program is not None, "mosquitto_pub is missing: `make need` installs mosquitto-clients"
    subprocess.run(
        [program, "-p", str(port), "-q", "1", "-t", topic, "-s"],
        input=payload,
        check=True,
        timeout=30,
    )


def test_an_uplink_is_in_latest_and_on_the_live_feed(emscher: Emscher) -> None:
    """What a network server publishes is answered for at once, by both ways."""
    events: list[dict[str, object]] = []

    def listen() -> None:
        with urlopen(f"http://127.0.0.1:{emscher.http}/v1/live?device={DEVICE}") as stream:
            events.extend(
                json.loads(line[6:])
                for line in stream
                if line.startswith(b"data: {") and b'"quantity"' in line
            )

    threading.Thread(target=listen, daemon=True).start()
    eventually(
        "the feed has a listener",
        lambda: (
            b"emscher_live_listeners 1"
            in urlopen(f"http://127.0.0.1:{emscher.http}/metrics").read()
        ),
    )
    topic, payload = uplink(DEVICE, bytes.fromhex("0100e2022904002705060f0d"[:20]), rfc3339(NOW_NS))
    mosquitto_pub(emscher.mqtt, topic, payload)
    latest = eventually("the uplink is in latest", lambda: emscher.items("/v1/latest"))
    by_name = {one["quantity"]: one for one in latest}
    assert by_name["temperature"] == {
        "device": DEVICE,
        "quantity": "temperature",
        "channel": None,
        "time": by_name["temperature"]["time"],
        "value": 22.6,
        "unit": "Cel",
        "quality": "measured",
        "received": by_name["temperature"]["received"],
    }
    assert by_name["humidity"]["value"] == 41
    assert by_name["illuminance"]["value"] == 39
    assert by_name["motion"]["value"] == 6
    told = eventually("the uplink is on the feed", lambda: len(events) >= len(latest) and events)
    assert {one["quantity"] for one in told} == set(by_name)
    device = emscher.items("/v1/devices")[0]
    assert (device["id"], device["name"]) == (DEVICE, f"device-{DEVICE}")


GARBAGE = {
    "nothing at all": b"",
    "binary": bytes(range(256)),
    "a megabyte": b"x" * 2**20,
    "broken JSON": b'{"deviceInfo": {"devEui": ',
    "wrong types": b'{"deviceInfo": [1, 2], "data": 7}',
    "NaN": b'{"deviceInfo": {"devEui": "0101010101010101"}, "object": {"temperature": NaN}}',
    "no text": b'{"deviceInfo": "\xff\xfe"}',
    "deep": b"[" * 100_000,
}


def test_garbage_stops_nothing_and_is_explained(emscher: Emscher) -> None:
    """Whatever comes is counted, kept with its bytes, and told in a sentence."""
    topic = uplink(DEVICE, b"", "")[0]
    emscher.publish([(topic, payload) for payload in GARBAGE.values()])
    emscher.publish([("some/topic/of/others", b"42"), ("tele/plug/SENSOR", b'{"Time": 5}')])
    emscher.publish([uplink(DEVICE, elsys_temperature(21.5), rfc3339(NOW_NS))])
    eventually("the good one is there", lambda: emscher.items("/v1/latest", device=DEVICE))
    counters = emscher.get("/v1/counters")
    refused = emscher.items("/v1/quarantine")
    assert counters["quarantined"] == len(GARBAGE) + 2 == len(refused)
    assert counters["received"] == counters["stored"] + counters["quarantined"]
    for refusal in refused:
        assert "expected" in refusal["reason"]
        assert "found" in refusal["reason"]
    sizes = sorted(refusal["size"] for refusal in refused)
    assert sizes == sorted([*map(len, GARBAGE.values()), 2, len(b'{"Time": 5}')])
    assert emscher.get("/v1/health")["status"] == "ok"


@pytest.mark.parametrize("time_text", ["1970-01-01T00:00:12+00:00", "2200-01-01T00:00:00+00:00"])
def test_an_impossible_time_becomes_the_time_of_receipt(emscher: Emscher, time_text: str) -> None:
    """The reading is kept and marked; its redelivery is no second reading."""
    message = uplink(DEVICE, elsys_temperature(21.5), time_text)
    before = rfc3339(time.time_ns())
    emscher.publish([message])
    emscher.publish([message])
    eventually("both have ended", lambda: emscher.received() == 2)
    readings = emscher.items("/v1/readings", device=DEVICE, quantity="temperature")
    assert len(readings) == 1
    assert readings[0]["quality"] == "suspect"
    assert before[:16] <= readings[0]["time"][:16] <= rfc3339(time.time_ns())[:16]
    assert emscher.get("/v1/counters")["duplicate"] == 1


def test_ctrl_c_stores_what_was_accepted_and_ends_well(emscher: Emscher) -> None:
    """Exit code 0, the broker is gone, and after a new start everything is there."""
    sent = [
        uplink(DEVICE, elsys_temperature(20 + i / 100), rfc3339(NOW_NS + i * 10**9), f_cnt=i)
        for i in range(500)
    ]
    emscher.publish(sent)
    assert emscher.interrupt() == 0, emscher.log.read_text()
    last = emscher.log.read_text().splitlines()[-1]
    assert last.startswith("Stopped:"), "the last word is ours, and no library's"
    eventually("the broker is gone", lambda: not nats_servers(emscher.data))
    emscher.start()
    eventually("all have ended", lambda: emscher.received() >= len(sent))
    assert len(emscher.items("/v1/readings", device=DEVICE, quantity="temperature")) == 500


def test_kill_9_takes_the_broker_along(emscher: Emscher) -> None:
    """No orphan keeps the port."""
    assert nats_servers(emscher.data)
    emscher.kill()
    eventually("the broker is gone", lambda: not nats_servers(emscher.data))
    emscher.start()


def test_killed_in_mid_stream_every_acknowledged_message_is_there_once(emscher: Emscher) -> None:
    """kill -9 three times while messages stream in; then each reading is there, exactly once."""
    devices = [f"a81758fffe{i:06x}" for i in range(20)]
    acknowledged: list[tuple[str, int]] = []
    for attempt in range(4):
        batch = [(device, attempt * 100 + i) for i in range(100) for device in devices]
        sender = threading.Thread(
            target=emscher.publish,
            args=(
                [
                    uplink(
                        device,
                        elsys_temperature(15 + count / 50),
                        rfc3339(NOW_NS + count * 10**9),
                        f_cnt=count,
                    )
                    for device, count in batch
                ],
            ),
        )
        sender.start()
        sender.join()
        acknowledged += batch
        if attempt < 3:
            # The broker has them all; Emscher is somewhere in the middle.
            emscher.kill()
            emscher.start()
    eventually(
        "every message has ended",
        lambda: emscher.get("/v1/counters")["stored"] == len(acknowledged),
    )
    counters = emscher.get("/v1/counters")
    assert counters["quarantined"] == 0
    assert counters["received"] == counters["stored"] + counters["duplicate"]
    for device in devices:
        readings = emscher.items("/v1/readings", device=device, quantity="temperature")
        assert [one["value"] for one in readings] == [
            round((15 + count / 50) * 10) / 10 for count in range(400)
        ]
    # What is derived equals what the readings give, kill or no kill.
    for device in devices[:3]:
        readings = emscher.items("/v1/readings", device=device, quantity="temperature")
        for every, width in (("1m", 60), ("15m", 900), ("1h", 3600)):
            expected: dict[int, list[float]] = {}
            for i, one in enumerate(readings):
                second = NOW_NS // 10**9 + i
                expected.setdefault(second // width * width, []).append(one["value"])
            windows = emscher.items(
                "/v1/windows", device=device, quantity="temperature", every=every
            )
            assert [(one["count"], one["min"], one["max"], one["last"]) for one in windows] == [
                (len(v), min(v), max(v), v[-1]) for v in expected.values()
            ]


def test_another_broker_is_a_url(tmp_path: Path) -> None:
    """With --broker no server of our own is started, and mosquitto's messages come in."""
    program = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    assert program is not None, "mosquitto is missing: `make need` installs it"
    port = free_port()
    settings = tmp_path / "mosquitto.conf"
    settings.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n", encoding="ascii")
    with subprocess.Popen([program, "-c", settings], stderr=subprocess.DEVNULL) as mosquitto:
        emscher = Emscher(tmp_path / "data", "--broker", f"mqtt://127.0.0.1:{port}")
        try:
            emscher.start().mqtt = port
            eventually("connected", lambda: emscher.get("/v1/health")["sources"][0]["connected"])
            emscher.publish([uplink(DEVICE, elsys_temperature(21.5), rfc3339(NOW_NS))])
            eventually("it is there", lambda: emscher.items("/v1/latest"))
            assert not nats_servers(emscher.data)
            assert emscher.interrupt() == 0
        finally:
            emscher.close()
            mosquitto.terminate()


def refused(*options: str, cwd: Path, **variables: str) -> str:
    """Return what `emscher up` says when it does not start."""
    ran = subprocess.run(
        [PROGRAM, "up", *options],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=cwd,
        env={"PATH": "/usr/bin:/bin", "COLUMNS": "200", **variables},
        check=False,
    )
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "Traceback" not in ran.stderr
    return " ".join(ran.stderr.split())


def test_a_taken_port_is_named_with_its_option(emscher: Emscher, tmp_path: Path) -> None:
    """The sentence names the port and what to type."""
    http, mqtt, other = (f"127.0.0.1:{p}" for p in (emscher.http, emscher.mqtt, free_port()))
    said = refused("--data", "d", "--http", other, "--mqtt", mqtt, cwd=tmp_path)
    assert mqtt in said
    assert "--mqtt" in said
    said = refused("--data", "d", "--http", http, "--mqtt", other, cwd=tmp_path)
    assert http in said
    assert "--http" in said
    said = refused("--data", str(emscher.data), "--http", other, "--mqtt", other, cwd=tmp_path)
    assert "another Emscher uses this folder" in said


def test_a_wrong_setting_names_its_key_and_what_was_expected(tmp_path: Path) -> None:
    """On the command line, in a variable, in emscher.toml."""
    said = refused("--http", "nowhere", cwd=tmp_path)
    assert "http: expected HOST:PORT" in said
    assert "nowhere" in said
    said = refused(cwd=tmp_path, EMSCHER_MQTT="1883")
    assert "mqtt: expected HOST:PORT" in said
    said = refused(cwd=tmp_path, EMSCHER_HTPP="127.0.0.1:1")
    assert "EMSCHER_HTPP" in said
    assert "EMSCHER_HTTP" in said
    said = refused(cwd=tmp_path, EMSCHER_BROKER="mqtt://one:1, mqtt://u:secret@two:port")
    assert "broker" in said
    assert "secret" not in said
    said = refused("--broker", "http://example", cwd=tmp_path)
    assert "broker" in said
    assert "mqtt://" in said
    toml = tmp_path / "emscher.toml"
    toml.write_text('zone = "Europe/Dortmund"\n', encoding="utf-8")
    said = refused(cwd=tmp_path)
    assert "zone: expected a zone such as Europe/Berlin" in said
    assert "Europe/Dortmund" in said
    toml.write_text("colour = 1\n", encoding="utf-8")
    said = refused(cwd=tmp_path)
    assert "colour: expected one of" in said
    toml.write_text("zone = \n", encoding="utf-8")
    assert "emscher.toml" in refused(cwd=tmp_path)


def test_the_doctor_and_the_query_command(emscher: Emscher, tmp_path: Path) -> None:
    """Both speak to a person, and to a program with --json."""
    emscher.publish([uplink(DEVICE, elsys_temperature(21.5), rfc3339(NOW_NS))])
    eventually("it is there", lambda: emscher.items("/v1/latest"))
    url = f"http://127.0.0.1:{emscher.http}"

    def run(*command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [PROGRAM, *command],
            capture_output=True,
            text=True,
            timeout=60,
            cwd=tmp_path,
            check=False,
        )

    shown = run("query", "latest", "--url", url)
    assert shown.returncode == 0, shown.stderr
    assert "21.5" in shown.stdout
    told = json.loads(run("query", "readings", "--device", DEVICE, "--url", url, "--json").stdout)
    assert "temperature" in {one["quantity"] for one in told["items"]}
    wrong = run("query", "energy", "--device", DEVICE, "--by", "week", "--url", url)
    assert wrong.returncode == 1
    assert "week" in wrong.stderr or "by" in wrong.stderr
    absent = run("query", "latest", "--url", f"http://127.0.0.1:{free_port()}")
    assert absent.returncode == 1
    assert "emscher up" in absent.stderr
    held = run("doctor", "--data", str(emscher.data))
    assert held.returncode == 1
    assert "another Emscher uses this folder" in " ".join(held.stdout.split())


def test_what_is_published_before_emscher_listens_is_kept(tmp_path: Path) -> None:
    """At the very first start: as soon as the port takes a connection, nothing is lost."""
    emscher = Emscher(tmp_path / "data")
    emscher.launch()
    try:

        def port_is_open() -> bool:
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", emscher.mqtt)) == 0

        eventually("the broker takes connections", port_is_open)
        emscher.publish([uplink(DEVICE, elsys_temperature(21.5), rfc3339(NOW_NS))])
        eventually("emscher answers", emscher.answers)
        eventually("it is there", lambda: emscher.items("/v1/latest"))
    finally:
        emscher.close()
