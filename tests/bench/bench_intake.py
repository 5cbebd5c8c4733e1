"""Messages/s from envelope to durable, by the size of the group that is committed together.

The peer is the same intake with a commit for each message: what group commit is there to beat.
"""

from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from fleet.demo import demo_messages
from ingest.decode import Decoder
from ingest.intake import Intake
from ingest.reading import Envelope
from ingest.store import open_store

SECOND_NS = 1_000_000_000
START_NS = 1_784_000_000 * SECOND_NS


@pytest.mark.parametrize("group", [1, 400, 4000])
def test_intake(benchmark: BenchmarkFixture, tmp_path: Path, group: int, full_size: bool) -> None:
    """Decode, recognise repeats, commit: a city of LoRaWAN nodes and Tasmota meters."""
    store = open_store("embedded", tmp_path)
    intake = Intake(store, Decoder())
    city = demo_messages(START_NS, START_NS + 86_400 * SECOND_NS, period="10s")

    def batch() -> tuple[tuple[list[Envelope]], dict[str, object]]:
        messages = [next(city) for _ in range(group)]
        return ([Envelope("bench", m.topic, m.payload, m.time_ns) for m in messages],), {}

    for _ in range(max(1, 200 // group)):  # devices and series are met once
        intake.accept(batch()[0][0])
    before = store.counts()
    rounds = (100 if group == 1 else 5) * (4 if full_size else 1)
    benchmark.pedantic(intake.accept, setup=batch, rounds=rounds)
    after = store.counts()
    assert after.stored - before.stored == group * rounds
    rate = group / benchmark.stats.stats.median
    readings = (after.readings - before.readings) / (after.stored - before.stored)
    benchmark.extra_info["messages_per_s"] = round(rate)
    print(f"\n  groups of {group}: {rate:,.0f} messages/s, {rate * readings:,.0f} readings/s")
    store.close()
