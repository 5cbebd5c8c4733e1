"""`emscher codec`, as a person uses it."""

import json

import pytest
from typer.testing import CliRunner

from emscher import app
from ingest import codec_commands

CODEC = """
function decodeUplink(input) {
  if (input.fPort !== 1) return {errors: ['unknown FPort', 'x']};
  console.log('seen', input.bytes.length);
  return {data: {t: input.bytes[0], when: input.recvTime}, warnings: ['weak']};
}
function normalizeUplink(input) { return {data: {air: {temperature: input.data.t}}}; }
"""
EXAMPLE = {
    "description": "five degrees",
    "input": {"fPort": 1, "bytes": [5], "recvTime": "2020-01-01T00:00:00Z"},
    "output": {"data": {"t": 5, "when": "2020-01-01T00:00:00Z"}, "warnings": ["weak"]},
    "normalizedOutput": {"data": [{"air": {"temperature": 5}}]},
}
REFUSED = {"input": {"fPort": 2, "bytes": [5]}, "output": {"errors": ["unknown FPort", "x"]}}


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(codec_commands.out, "width", 200)
    (tmp_path / "acme.js").write_text(CODEC, encoding="utf-8")

    def command(*args):
        return CliRunner().invoke(app, ["codec", *args])

    return command


def _kept(tmp_path, example, **changes):
    path = tmp_path / "examples.json"
    whole = {"uplinkDecoder": {"fileName": "acme.js", "examples": [{**example, **changes}]}}
    path.write_text(json.dumps({**whole, "downlinkEncoder": {"examples": [{}]}}))
    return str(path)


def test_examples_of_a_device_repository_are_read(run, tmp_path):
    for example in (EXAMPLE, REFUSED):
        done = run("test", "acme.js", "--examples", _kept(tmp_path, example))
        assert done.exit_code == 0, done.output
        assert "payloads: 1, not as expected: 0" in done.output


DIFFERENT = {
    "data": ({"output": {"data": {"t": 6}}}, "t: expected 6, found 5"),
    "a warning": (
        {"output": {**EXAMPLE["output"], "warnings": ["low"]}},
        "warnings: expected low, found weak",
    ),
    "no error": ({"output": {"errors": ["bad"]}}, "errors: expected bad, found none"),
    "the normalised form": (
        {"normalizedOutput": {"data": {"air": {"temperature": 7}}}},
        "normalized[0].air.temperature: expected 7, found 5",
    ),
    "another error": (
        {**REFUSED, "output": {"errors": ["bad"]}},
        "errors: expected bad, found unknown FPort; x",
    ),
    "an error for data": (
        {**EXAMPLE, "input": REFUSED["input"]},
        "refused the payload: expected one that it knows, found unknown FPort; x",
    ),
}


@pytest.mark.parametrize("what", DIFFERENT)
def test_what_differs_from_an_example_is_told(run, tmp_path, what):
    changes, words = DIFFERENT[what]
    done = run("test", "acme.js", "--examples", _kept(tmp_path, EXAMPLE, **changes))
    assert done.exit_code == 1
    assert "✗ five degrees 05 on FPort" in done.output
    assert words in done.output
    assert "payloads: 1, not as expected: 1" in done.output


UNREADABLE = {
    "examples.yaml": ("uplinkDecoder:\n  fileName: acme.js\n", "YAML is not read; make JSON of it"),
    "none.json": ('{"examples": []}', "there is no example of an uplink in it"),
    "lines.jsonl": ('{"f_port": 1, "hex": "05", "expected": {}}\n{]', "line 2: no JSON"),
    "lacking.json": ('{"examples": [{"input": {"fPort": 1}, "output": {}}]}', "lacks 'bytes'"),
    "other.json": ('{"a": 1}', "an example lacks 'expected'"),
    "list.json": ("[3]", "an example can't be read"),
    "large.json": ('{"input": {"fPort": 1, "bytes": [300]}, "output": {}}', "range(0, 256)"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_is_no_example_is_said(run, tmp_path, name):
    text, words = UNREADABLE[name]
    (tmp_path / name).write_text(text)
    done = run("test", "acme.js", "--examples", name)
    assert done.exit_code == 1
    assert words in " ".join(done.output.split())


def test_one_payload_is_shown_with_all_that_the_codec_said(run):
    for spelled in ("05", "0x05", "05 06", "05:06", "05-06"):
        done = run("test", "acme.js", "--hex", spelled)
        assert done.exit_code == 0, done.output
        assert '"t": 5' in done.output
    for words in ('normalised: {"air": {"temperature": 5}}', "warning: weak", "log: seen 2"):
        assert words in done.output
    done = run("test", "acme.js", "--hex", "5")
    assert done.exit_code == 1
    assert "expected pairs of hex digits, found '5'" in done.output
    assert "Give --hex or --examples" in run("test", "acme.js").output


def test_a_file_may_have_any_name_when_it_is_tried_out(run, tmp_path):
    (tmp_path / "DL-KL66 (f0=15383.72,k=46.4859).js").write_text(CODEC)
    done = run("test", "DL-KL66 (f0=15383.72,k=46.4859).js", "--hex", "05")
    assert done.exit_code == 0, done.output


def test_an_old_script_that_is_no_utf_8_keeps_its_umlauts(run, tmp_path):
    text = "function decodeUplink() { return {data: {größe: 1}} }"
    (tmp_path / "old.js").write_bytes(text.encode("cp1252"))
    assert '"größe": 1' in run("test", "old.js", "--hex", "00").output
    assert run("add", "old", "old.js").exit_code == 0
    kept = tmp_path / "emscher-data" / "codecs" / "old.js"
    assert kept.read_text(encoding="utf-8") == text


def test_the_list_shows_what_can_be_used_and_what_can_not(run, tmp_path):
    assert "acme is kept" in run("add", "acme", "acme.js").output
    assert "acme replaces the one that was kept" in run("add", "acme", "acme.js").output
    (tmp_path / "emscher-data" / "codecs" / "broken.js").write_text("function Decoder( {")
    done = run("list")
    assert done.exit_code == 0, done.output
    assert "decodeUplink and normalizeUplink" in done.output
    assert "can't be used: SyntaxError" in done.output
    assert "one that was added: acme broken" in run("remove", "acm").output
    assert run("remove", "../codecs/acme").exit_code == 1
    assert run("remove", "broken").exit_code == 0
