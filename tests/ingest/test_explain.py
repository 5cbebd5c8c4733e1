"""`emscher decode` and `emscher codec`, as a person uses them."""

import base64
import json

import pytest
from typer.testing import CliRunner

from emscher import app

ELSYS = "0100e20229"
CODEC = """
function decodeUplink(input) {
  if (input.fPort !== 2) return {errors: ["unknown FPort " + input.fPort]};
  return {data: {temperature: ((input.bytes[0] << 8) | input.bytes[1]) / 10}};
}
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def invoke(*args: str, stdin: bytes | None = None):
        return CliRunner().invoke(app, list(args), input=stdin, env={"COLUMNS": "200"})

    return invoke


def test_a_message_is_explained(run):
    done = run("decode", "--topic", "tele/plug/SENSOR", '{"ENERGY":{"Total":12.345}}')
    assert done.exit_code == 0, done.output
    for word in ("tasmota", "plug", "active_energy_import", "12345", "Wh"):
        assert word in done.output


def test_a_refusal_says_what_was_expected_and_found(run):
    done = run("decode", "--topic", "tele/plug/SENSOR", "{broken")
    assert done.exit_code == 1
    for word in ("refused", "rule", "expected", "found"):
        assert word in done.output


def test_bytes_of_no_format_name_the_codecs_that_read_them(run):
    done = run("decode", ELSYS)
    assert done.exit_code == 1
    assert "elsys" in done.output
    assert "--codec NAME" in done.output


def test_a_codec_reads_a_payload(run):
    done = run("decode", "--codec", "elsys", "--port", "5", ELSYS)
    assert done.exit_code == 0, done.output
    assert "22.6" in done.output
    assert "humidity" in done.output
    assert run("decode", "--codec", "nobody", ELSYS).exit_code == 1
    assert run("decode", "--codec", "elsys", "ff").exit_code == 1


def test_files_stdin_recordings_and_refused_messages_are_read(run, tmp_path):
    payload = b'{"ENERGY":{"Power":230}}'
    line = {"topic": "tele/plug/SENSOR", "payload_base64": base64.b64encode(payload).decode()}
    (tmp_path / "line.json").write_text(json.dumps(line), encoding="utf-8")
    for done in (
        run("decode", "line.json"),
        run("decode", "-", stdin=json.dumps(line).encode()),
        run("decode", "--topic", "tele/plug/SENSOR", payload.hex()),
    ):
        assert done.exit_code == 0, done.output
        assert "230" in done.output
    assert run("decode", "no-such-file").exit_code == 1


def test_one_format_can_be_made_to_read(run):
    done = run(
        "decode", "--format", "tasmota", "--topic", "tele/x/SENSOR", '{"ENERGY":{"Power":1}}'
    )
    assert done.exit_code == 0, done.output
    done = run("decode", "--format", "nothing", "{}")
    assert done.exit_code == 1
    assert "tasmota" in done.output


def test_a_codec_is_added_tried_used_and_removed(run, tmp_path):
    (tmp_path / "acme.js").write_text(CODEC, encoding="utf-8")
    done = run("codec", "test", "acme.js", "--hex", "00e2", "--port", "2")
    assert done.exit_code == 0, done.output
    assert "22.6" in done.output
    assert run("codec", "add", "acme", "acme.js").exit_code == 0
    assert "acme" in run("codec", "list").output
    done = run("decode", "--codec", "acme", "--port", "2", "00e2")
    assert done.exit_code == 0, done.output
    assert "temperature" in done.output
    done = run("decode", "--codec", "acme", "--port", "3", "00e2")
    assert done.exit_code == 1
    assert "unknown FPort 3" in done.output
    assert run("codec", "remove", "acme").exit_code == 0
    assert run("codec", "remove", "acme").exit_code == 1
    assert run("decode", "--codec", "acme", "--port", "2", "00e2").exit_code == 1


def test_examples_show_where_a_codec_differs(run, tmp_path):
    (tmp_path / "acme.js").write_text(CODEC, encoding="utf-8")
    good = {"f_port": 2, "hex": "00e2", "expected": {"data": {"temperature": 22.6}}}
    bad = {"f_port": 2, "hex": "00e2", "expected": {"data": {"temperature": 23, "humidity": 4}}}
    (tmp_path / "good.jsonl").write_text(json.dumps(good), encoding="utf-8")
    (tmp_path / "bad.jsonl").write_text(json.dumps(bad), encoding="utf-8")
    assert run("codec", "test", "acme.js", "--examples", "good.jsonl").exit_code == 0
    done = run("codec", "test", "acme.js", "--examples", "bad.jsonl")
    assert done.exit_code == 1
    assert "temperature: expected 23, found 22.6" in done.output
    assert "humidity: expected 4, found null" in done.output


def test_what_is_no_codec_is_not_kept(run, tmp_path):
    (tmp_path / "no.js").write_text("function nothing() {}", encoding="utf-8")
    assert run("codec", "add", "no", "no.js").exit_code == 1
    assert run("codec", "add", "no", "missing.js").exit_code == 1
    (tmp_path / "acme.js").write_text(CODEC, encoding="utf-8")
    assert run("codec", "add", "elsys", "acme.js").exit_code == 1
    assert not (tmp_path / "emscher-data" / "codecs" / "no.js").exists()
