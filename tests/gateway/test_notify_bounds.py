"""What waits to be told, and what is remembered, are bounded."""

import os
from datetime import UTC

from gateway.notify_desk import HELD_MAX, Desk
from gateway.notify_memory import KEEP_NS, TOLD_MAX, Memory
from gateway.notify_rules import Rule
from ingest.derived import HOUR_NS, SECOND_NS, Anomaly

NOON_NS = 1_772_362_800 * SECOND_NS


def test_a_full_desk_says_what_it_forgot():
    desk = Desk(Rule("slow", ("ops",), after_ns=HOUR_NS), UTC)
    for n in range(HELD_MAX + 3):
        desk.take(
            Anomaly(str(n), "d", "", "", "spike", NOON_NS, None, 1.0, None, None, "x@1", "Odd.")
        )
    assert len(desk) == HELD_MAX
    assert desk.due(NOON_NS).lost == 3
    assert desk.due(NOON_NS).lost == 0


def test_a_memory_is_bounded_by_age_and_number(tmp_path):
    memory = Memory(tmp_path)
    memory.begin(["r"], 0)
    memory.add("r", "w", ["old"], NOON_NS)
    memory.add("r", "w", (str(n) for n in range(TOLD_MAX + 5)), NOON_NS + KEEP_NS)
    memory.save(NOON_NS + KEEP_NS + 1)
    again = Memory(tmp_path)
    assert not again.has("r", "w", "old")
    assert not again.has("r", "w", "0")
    assert again.has("r", "w", str(TOLD_MAX + 4))
    assert os.listdir(tmp_path) == ["notified.json"]
