"""A simulated city through the whole house: everything that was sent is there, once, and right."""

from pathlib import Path

from running_emscher import Emscher, eventually

from fleet.score import score_run
from fleet.score_source import Emscher as Source
from fleet.sim_run import Run
from fleet.truth import Truth

CITY = """
title = "Devices of every network and format, with faults of delivery"
seed = 5
start = "2026-03-28T18:00:00Z"
length = "9h"
[radio]
loss = 0.05
[[fleet]]
kind = "classroom"
count = 4
[[fleet]]
kind = "meeting_room"
count = 2
network = "things_stack"
[[fleet]]
kind = "street_noise"
count = 2
network = "chirpstack_protobuf"
[[fleet]]
kind = "household"
count = 4
[[fleet]]
kind = "heat_pump"
count = 1
[[fleet]]
kind = "household_vzlogger"
count = 1
[[fleet]]
kind = "household_dsmr"
count = 1
[[fleet]]
kind = "water"
count = 2
period = "3h"
[[fault]]
kind = "late_bulk"
on = "classroom"
at = "1h"
for = "4h"
[[fault]]
kind = "reordered"
on = "classroom"
[[fault]]
kind = "duplicate"
on = "household"
[[fault]]
kind = "dst_mistake"
on = "household"
at = "7h"
for = "2h"
[[fault]]
kind = "garbage"
on = "meeting_room"
"""


def test_nothing_of_a_simulated_city_is_lost_or_doubled(tmp_path: Path) -> None:
    """Also what comes late, twice, in another order, or with a clock that is an hour off."""
    scenario, folder = tmp_path / "city.toml", tmp_path / "truth"
    scenario.write_text(CITY)
    run = Run(str(scenario), truth=folder)
    messages = [(one.topic, one.payload) for one in run.messages()]
    run.finish()
    emscher = Emscher(tmp_path / "data")
    try:
        emscher.start()
        emscher.publish(messages)
        eventually("all ended", lambda: emscher.received() >= len(messages))
        score = score_run(Truth(folder), Source(f"http://127.0.0.1:{emscher.http}"))
    finally:
        emscher.close()
    total = score.readings.total
    assert score.verdict == "lost 0, duplicated 0", score.readings.examples
    assert total.right == total.expected > 2_000
    assert total.unexpected == 0, score.readings.examples
    assert score.anomalies.quarantine.known == score.anomalies.quarantine.garbage > 0
