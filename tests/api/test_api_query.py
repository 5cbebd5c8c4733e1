"""`emscher query`: every noun, every form; it and its like send the key that they are given."""

import json

import polars as pl
import pytest
from api_town import METER, SCHOOL, Town, fill, served
from catalog_town import catalogued
from typer.testing import CliRunner

import emscher
from api import client as asking_client


@pytest.mark.parametrize(
    "command",
    [
        ["query", "devices"],
        ["query", "health"],
        ["quarantine", "list"],
        ["quarantine", "retry"],
        ["quarantine", "show", "1"],
        ["origin", "d", "co2", "2026-03-01"],
        ["reprocess"],
    ],
)
@pytest.mark.parametrize("by_option", [True, False])
def test_the_key_goes_along(monkeypatch, command, by_option):
    sent = []

    def urlopen(request, timeout):
        sent.append(request.get_header("Authorization"))
        raise OSError("nobody is there")

    monkeypatch.setattr(asking_client, "urlopen", urlopen)
    told = {} if by_option else {"EMSCHER_KEY": "emscher_abc"}
    option = ["--key", "emscher_abc"] if by_option else []
    done = CliRunner().invoke(emscher.app, [*command, *option], env=told)
    assert done.exit_code == 1
    assert "nobody is there" in done.stderr
    assert sent == ["Bearer emscher_abc"]


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    """Serve a filled town that has a catalog; yield its address."""
    folder = tmp_path_factory.mktemp("query")
    town = fill(Town(folder))
    with catalogued(town, folder, {METER: "hall", SCHOOL: "school"}), served(town) as url:
        yield url


def ask(url, *words):
    return CliRunner().invoke(emscher.app, ["query", *words, "--url", url], env={"COLUMNS": "160"})


def test_every_noun_is_answered_as_a_table(town):
    span = ["--start", "2026-03-28", "--end", "2026-03-30"]
    for words, told in {
        ("health",): "store",
        ("counters",): "received",
        ("devices",): METER,
        ("sites",): "Grundschule",
        ("series", "--device", METER): "active_power",
        ("latest",): "humidity",
        ("readings", "--device", SCHOOL, "--quantity", "co2"): "▁",
        ("windows", "--device", SCHOOL, "--every", "1h"): "mean",
        ("energy", "--device", METER, "--by", "day", *span): "2300",
        ("energy", "--device", METER, "--by", "day", "--against", "2026-03-29", *span): "2300",
        ("sums", "--per", "district", "--by", "day", *span): "Innenstadt",
        ("load", "--site", "hall", *span): "peak",
        ("environment", "--device", SCHOOL, "--figure", "degree_days"): "heating",
        ("quality", "--start", "2026-03-28"): "coverage",
        ("anomalies",): "silence",
        ("quarantine",): "reason",
    }.items():
        done = ask(town, *words)
        assert done.exit_code == 0, (words, done.output)
        assert told in done.stdout, (words, done.stdout)


def test_a_file_holds_the_whole_collection_in_the_form_of_its_name(town, tmp_path):
    words = "readings", "--device", METER, "--quantity", "active_energy_import"
    read = {"csv": pl.read_csv, "arrow": pl.read_ipc, "parquet": pl.read_parquet}
    for form, reader in read.items():
        path = tmp_path / f"readings.{form}"
        done = ask(town, *words, "-o", str(path))
        assert (done.exit_code, done.stdout) == (0, "")
        assert done.stderr == f"{path}: {path.stat().st_size} bytes are written\n"
        assert reader(path)["value"].to_list() == [1_000 + k * 100.0 for k in range(97)]
    path = tmp_path / "three.json"
    assert ask(town, *words, "-o", str(path), "--limit", "3").exit_code == 0
    assert len(json.loads(path.read_text())["items"]) == 3
    done = ask(town, *words, "--format", "csv", "--limit", "2")
    assert len(done.stdout.splitlines()) == 3
    assert sorted(one.name for one in tmp_path.iterdir()) == [
        "readings.arrow", "readings.csv", "readings.parquet", "three.json"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["devices", "-o", "x.txt"], "-o: expected a name that ends in .json, .csv"),
        (["devices", "-o", "x.csv", "--format", "table"], "found table"),
        (["load", "--format", "csv"], "load is no collection"),
        (["devices", "-o", "/nowhere/x.csv"], "can't be written"),
        (["latest", "--per", "site"], "refuses the question: parameter: expected"),
        (["energy", "--format", "csv"], "refuses the question: device"),
    ],
)
def test_what_does_not_go_together_is_told(town, words, told):
    done = ask(town, *words)
    assert done.exit_code == 1
    assert told in done.stderr
    assert not done.stdout
