"""`emscher record` and `emscher replay` on the command line: options, errors, a whole round."""

import subprocess

import pytest
from fleet_mosquitto import emscher, mosquitto_in, ran, until
from typer.testing import CliRunner

import emscher as front
from fleet.commands import _seconds
from fleet.message import Message
from fleet.recording import Recording, write_recording

URL = "mqtt://127.0.0.1:1"


@pytest.fixture
def told(monkeypatch):
    """Return a function that runs a command here and gives (exit code, all that was said)."""
    monkeypatch.setenv("COLUMNS", "250")

    def run(*words):
        result = CliRunner().invoke(front.app, [str(word) for word in words])
        return result.exit_code, result.output

    return run


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("record", ["--output", "-o", "--broker", "--for", "--count", "--append", "--ca", "--cert",
                    "--key", "TOPIC", "mqtts://", ".emrec"]),
        ("replay", ["--speed", "--start", "--end", "--shift-to-now", "--map", "--loop", "--qos",
                    "--no-retain", "--skip-damaged", "--as", "--tz", "--unit", "--device",
                    "--column", "--ca", "--broker", "Parquet", "sensor[:QUANTITY", "max"]),
    ],
)  # fmt: skip
def test_help_names_every_option(told, command, options):
    code, said = told(command, "--help")
    assert code == 0
    assert [option for option in options if option not in said] == []


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--speed", "fast"], '--speed: expected a number above 0 or max, found "fast"'),
        (["--speed", "0"], "--speed: expected a number above 0"),
        (["--speed", "nan"], "--speed: expected a number above 0"),
        (["--qos", "2"], "--qos: expected 0, 1 or recorded"),
        (["--start", "noon"], "--start: expected a time such as"),
        (["--map", "a"], "map: expected a rule such as"),
        (["--as", "lamp"], "--as: expected meter, sensor"),
        (["--as", "meter:x"], '--as: expected meter, sensor[:quantity,…] or elsys[:quantity,…], '
                              'found "meter:x"'),
        (["--column", "x"], "--column: expected WHAT=NAME"),
        (["--broker", "http://a"], "--broker: expected mqtt://"),
        (["--ca", "x"], "--ca, --cert, --key: expected a broker at mqtts://"),
        (["--broker", "mqtts://a", "--ca", "absent"], "TLS: expected the CA file absent"),
        (["--broker", "mqtts://a", "--key", "x"], "--key: expected --cert too"),
        (["--broker", "mqtts://a", "--cert", "x"], "TLS: expected the certificate file x"),
        ([], "expected an MQTT broker at 127.0.0.1:1"),
    ],
)  # fmt: skip
def test_wrong_options_of_replay_are_explained(told, tmp_path, words, says):
    file = tmp_path / "a.emrec"
    write_recording(file, [Message(0, "a", b"")])
    where = [] if "--broker" in words else ["--broker", URL]
    code, said = told("replay", file, *where, *words)
    assert (code, says in said) == (1, True), said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["a#", "-o", "x.emrec"], "topic: expected levels with / between them"),
        (["#", "-o", "x.txt"], "a name that ends in .emrec, .jsonl, .jsonl.gz"),
        (["#", "-o", "x.emrec", "--for", "soon"], "--for: expected a duration such as 90s"),
        (["#", "-o", "x.emrec"], "expected an MQTT broker at 127.0.0.1:1"),
        (["#", "-o", "absent/x.emrec"], "expected a file to write to"),
    ],
)
def test_wrong_options_of_record_are_explained(told, tmp_path, monkeypatch, words, says):
    monkeypatch.chdir(tmp_path)
    code, said = told("record", *words, "--broker", URL)
    assert (code, says in said) == (1, True), said


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("0.5s", 0.5), ("15m", 900), ("1h30m", 5400), ("2d", 172_800),
     ("1d1h1m1s", 90_061)],
)  # fmt: skip
def test_durations(text, seconds):
    assert _seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "-5", "1m1h", "1w", "s", "5 s"])
def test_durations_that_are_none(text):
    with pytest.raises(ValueError, match="--for: expected a duration"):
        _seconds(text)


def _certificates(folder):
    """Make an authority, and a server's and a client's certificates of it."""

    def run(*words):
        subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, cwd=folder)

    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    key = [*curve, "-nodes", "-keyout"]
    authority = ["-subj", "/CN=test authority", "-addext", "keyUsage=critical,keyCertSign"]
    run("req", "-x509", *key, "ca.key", "-out", "ca.pem", "-days", "2", *authority)
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    signed = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names"]
    for name in ("server", "client"):
        run("req", *key, f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        run("x509", "-req", "-in", f"{name}.csr", "-days", "2", "-out", f"{name}.pem", *signed)


def test_a_whole_round_over_tls_with_certificates_of_both(tmp_path):
    _certificates(tmp_path)
    lines = [f"cafile {tmp_path}/ca.pem", f"certfile {tmp_path}/server.pem",
             f"keyfile {tmp_path}/server.key", "require_certificate true"]  # fmt: skip
    first, again = tmp_path / "first.emrec", tmp_path / "again.jsonl.gz"
    messages = [Message(i * 10**9, f"old/{i}", b"\x00%d" % i, i % 2) for i in range(50)]
    write_recording(first, messages)
    with mosquitto_in(tmp_path, *lines) as broker:
        to = ["--broker", f"mqtts://127.0.0.1:{broker.port}"]
        proof = ["--ca", tmp_path / "ca.pem", "--cert", tmp_path / "client.pem",
                 "--key", tmp_path / "client.key"]  # fmt: skip
        taking = emscher("record", "new/#", "-o", again, "--count", 50, *to, *proof)
        replays = 0

        def taken():
            nonlocal replays
            if taking.poll() is None:
                code, said, complained = ran(
                    "replay", first, "--map", "old/# = new/#", "--qos", "recorded", *to, *proof
                )
                assert code == 0, complained
                assert "50 messages were acknowledged" in said
                assert "a recording of 50 messages" in said
                replays += 1
            return taking.poll() is not None

        until("50 are recorded", taken)
        said, complained = taking.communicate(timeout=20)
        assert taking.returncode == 0, complained
        assert "50 messages on " in said
        code, _, complained = ran("replay", first, *to)
        assert code == 1
        assert "certificate that can't be trusted" in complained.replace("\n", " ")
    payloads = {(m.topic, m.payload) for m in Recording(again)}
    assert payloads <= {(f"new/{i}", b"\x00%d" % i) for i in range(50)}


def test_a_table_becomes_a_sensor_on_the_command_line(tmp_path):
    table = tmp_path / "room.csv"
    table.write_text("time,temp,co2\n2020-03-01T12:00Z,21.5,612\n2020-03-01T12:10Z,21,613\n")
    file = tmp_path / "a.emrec"
    with mosquitto_in(tmp_path) as broker:
        to = ["--broker", f"mqtt://127.0.0.1:{broker.port}"]
        taking = emscher("record", "#", "-o", file, "--for", "60s", "--count", 2, *to)

        def taken():
            if taking.poll() is None:
                code, said, complained = ran(
                    "replay", table, "--as", "sensor:temperature", "--shift-to-now", *to
                )
                assert code == 0, complained
                assert "temperature = 'temp' in °C" in said
                assert "not sent: 'co2'" in said
                assert "2 times inside 2 payloads were moved" in said
            return taking.poll() is not None

        until("two are recorded", taken)
        taking.communicate(timeout=20)
    assert [b'"Temperature":21' in m.payload for m in Recording(file)] == [True, True]
    assert b"2020" not in b"".join(m.payload for m in Recording(file))
