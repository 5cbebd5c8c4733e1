"""`emscher sim`, as a person uses it: what it prints, writes, publishes and refuses."""

import json
import signal
import time

import pytest
from fleet_brokers import hearing
from fleet_mosquitto import emscher, mosquitto_in, ran, until

from fleet.recording import Recording
from fleet.scenario import load
from fleet.simulation import Simulation
from fleet.truth import Truth, TruthError

SMALL = """
title = "A corner of a street"
seed = 3
start = "2026-03-02T06:00:00Z"
length = "3h"
[radio]
loss = 0.1
[[fleet]]
kind = "classroom"
count = 3
[[fleet]]
kind = "household"
count = 2
[[fault]]
kind = "garbage"
on = "household"
at = "30m"
for = "1h"
"""


@pytest.fixture
def small(tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(SMALL)
    return path


def test_the_lists_name_everything_there_is():
    for words, some in (
        ((), ("chaos", "billing-year", "100,000")),
        (("--kinds",), ("classroom", "Axioma", "active_energy_import")),
        (("--faults",), ("register_reset", "water_leak", "litres an hour")),
    ):
        code, said, complained = ran("sim", "list", *words)
        assert code == 0, complained
        assert all(one in said for one in some), said


def test_what_is_written_is_the_simulation_and_its_truth(tmp_path, small):
    output, folder = tmp_path / "small.emrec", tmp_path / "truth"
    code, said, complained = ran("sim", "write", small, "-o", output, "--truth", folder)
    assert code == 0, complained
    made = list(Simulation(load(str(small))).messages())
    assert list(Recording(output)) == made
    assert f"{len(made)} messages of 5 devices" in said
    truth = Truth(folder)
    assert truth.facts["messages"] == len(made)
    assert truth.devices.height == 5
    assert truth.samples.collect().height == 3 * 12 * 6 + 2 * 12 * 2
    assert (folder / "scenario.toml").read_text() == SMALL
    [fault] = [json.loads(line) for line in (folder / "faults.jsonl").read_text().splitlines()]
    assert fault["kind"] == "garbage"
    code, _, complained = ran("sim", "write", small, "-o", output)
    assert (code, "expected a file that does not exist" in complained) == (1, True)


def test_another_seed_and_start_are_taken(tmp_path, small):
    folder = tmp_path / "truth"
    words = ("--seed", 9, "--from", "2026-06-01T00:00:00+02:00")
    code, _, complained = ran("sim", "truth", small, "-o", folder, *words)
    assert code == 0, complained
    facts = Truth(folder).facts
    assert (facts["seed"], facts["start_ns"]) == (9, 1_780_264_800_000_000_000)


def test_a_run_reaches_the_broker_whole(tmp_path, small):
    folder = tmp_path / "truth"
    made = list(Simulation(load(str(small))).messages())
    with mosquitto_in(tmp_path) as broker, hearing(broker.port) as heard:
        to = ("--broker", f"mqtt://127.0.0.1:{broker.port}")
        code, said, complained = ran("sim", "run", small, "--clients", 3, "--truth", folder, *to)
        assert code == 0, complained
        assert f"{len(made)} messages acknowledged" in said
        assert "compare with" in said
        until("all are heard", lambda: len(heard) >= len(made))
    assert sorted(heard) == sorted((one.topic, one.payload) for one in made)
    assert Truth(folder).facts["messages"] == len(made)


def test_a_run_that_is_stopped_leaves_its_truth_unfinished(tmp_path, small):
    folder = tmp_path / "truth"
    with mosquitto_in(tmp_path) as broker:
        to = ("--broker", f"mqtt://127.0.0.1:{broker.port}")
        running = emscher("sim", "run", small, "--rate", 2, "--truth", folder, *to)
        until("it runs", (folder / "devices.parquet").exists)
        time.sleep(1.5)
        running.send_signal(signal.SIGINT)
        said, complained = running.communicate(timeout=30)
    assert running.returncode == 0, complained
    assert "stopped before the end" in said
    with pytest.raises(TruthError, match=r"run\.json"):
        Truth(folder)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("run", "nowhere"), "expected a file or one of billing-year, chaos"),
        (("run", "demo"), "expected --from TIME"),
        (("run", "chaos", "--speed", "0"), "--speed: expected a number above 0 or max"),
        (("run", "chaos", "--rate", "-1"), "--rate"),
        (("run", "chaos", "--from", "yesterday"), "--from: expected a time such as"),
        (("run", "chaos", "--broker", "mqtt://127.0.0.1:1"), "expected an MQTT broker at"),
        (("run", "chaos", "--ca", "x"), "expected a broker at mqtts://"),
        (("truth", "chaos", "-o", "."), "empty"),
        (("score", "absent"), "absent"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_explained(words, complaint):
    code, _, complained = ran("sim", *words)
    assert code != 0
    assert complaint in complained.replace("\n", " ")


@pytest.mark.parametrize("command", ["list", "run", "write", "truth", "score"])
def test_help_is_complete(command):
    code, said, _ = ran("sim", command, "--help")
    assert code == 0
    assert "Usage" in said
    assert len(said.splitlines()) > 8
