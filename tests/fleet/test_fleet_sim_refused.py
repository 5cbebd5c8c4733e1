"""`emscher sim` where it can't begin: nothing is left behind, and nothing is drawn."""

import pytest
from fleet_brokers import free_port
from typer.testing import CliRunner

import emscher as front

SMALL = """
title = "A room"
start = "2026-03-02T06:00:00Z"
length = "1h"
[[fleet]]
kind = "classroom"
count = 1
"""


@pytest.fixture
def sim(tmp_path):
    """Return (status, output, errors) of `emscher sim` with a scenario of one room."""
    scenario = tmp_path / "room.toml"
    scenario.write_text(SMALL)

    def ran(command, *words):
        told = [str(word) for word in words]
        result = CliRunner().invoke(front.app, ["sim", command, str(scenario), *told])
        return result.exit_code, result.stdout, result.stderr

    return ran


def test_an_absent_broker_leaves_the_folder_of_the_truth_to_the_next_run(sim, tmp_path):
    folder = tmp_path / "truth"
    for _ in range(2):
        broker = f"mqtt://127.0.0.1:{free_port()}"
        code, _, complained = sim("run", "--broker", broker, "--truth", folder)
        assert code == 1
        assert "nobody listens there" in complained
        assert not folder.exists()


def test_a_speed_and_a_rate_are_refused_before_anything_is_written(sim, tmp_path):
    code, _, complained = sim("run", "--speed", 60, "--rate", 10, "--truth", tmp_path / "truth")
    assert code == 1
    assert "--speed, --rate: expected one of them, found 60 and 10" in complained
    assert not (tmp_path / "truth").exists()


@pytest.mark.parametrize("command", ["write", "truth"])
def test_what_is_refused_draws_no_bar(sim, tmp_path, command):
    code, _, complained = sim(command, "-o", tmp_path / "new.emrec", "--from", "yesterday")
    assert code == 1
    assert complained.startswith("error: --from: expected a time such as")


def test_a_path_is_told_as_it_is_and_in_one_line(sim, tmp_path):
    path = tmp_path / ("[red]" + "long" * 30 + ".jsonl")
    code, said, _ = sim("write", "-o", path)
    assert code == 0
    assert said.startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("x.txt", "--output: expected .emrec, .jsonl or .jsonl.gz, found x.txt"),
        ("absent/x.emrec", "--output: expected a folder, found none at"),
    ],
)
def test_a_recording_has_a_name_that_says_what_it_is_and_a_folder(sim, tmp_path, name, complaint):
    code, _, complained = sim("write", "-o", tmp_path / name)
    assert code == 1
    assert complaint in complained.replace("\n", " ")
    assert not (tmp_path / name).exists()
