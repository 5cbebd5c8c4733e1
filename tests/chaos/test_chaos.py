"""Everything breaks, at random: nothing is lost, nothing is there twice, all figures are the same.

The plan of a run is printed; a failed one keeps it and Emscher's log in its folder.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
from chaos_city import City, Publisher, derived, settled
from chaos_world import Embedded, External, Plan, Server, Watch, World
from running_emscher import Emscher

from fleet.score import score_run
from fleet.score_source import Emscher as Source
from fleet.truth import Truth

_HOURS, _HOURS_A_MINUTE = 12, 12


@pytest.fixture(scope="module")
def city(tmp_path_factory, seconds):
    return City(tmp_path_factory.mktemp("city"), max(_HOURS, int(_HOURS_A_MINUTE * seconds / 60)))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, city):
    """All that is derived by an Emscher to which nothing happens."""
    emscher = Emscher(tmp_path_factory.mktemp("reference") / "data")
    try:
        emscher.start()
        emscher.publish(city.messages)
        settled(emscher, len(city.messages))
        return derived(emscher), emscher.get("/v1/counters")
    finally:
        emscher.close()


def _worlds() -> list[tuple[str, int]]:
    return [("embedded", 1), ("embedded", 2), ("external", 3), ("influx", 4)]


@pytest.mark.parametrize(("kind", "seed"), _worlds(), ids=str)
def test_nothing_is_lost_or_doubled_whatever_breaks(
    kind, seed, asked_seed, tmp_path, city, undisturbed, seconds, monkeypatch
):
    """kill -9, frozen processes, cut lines, full disks, restarted brokers, a store that fails."""
    build: dict[str, Callable[[Path], World]] = {
        "embedded": Embedded,
        "external": External,
        "influx": lambda folder: Server(folder, monkeypatch.setenv),
    }
    world = build[kind](tmp_path)
    try:
        world.start()
        plan = Plan(seed if asked_seed is None else asked_seed, world)
        watch = Watch(world.emscher)
        publisher = Publisher(world.port, city.messages, seconds)
        plan.work(seconds)
        publisher.finish()
        settled(world.emscher, len(city.messages))
        watch.stop()
        print(plan.told())
        assert watch.faults == []
        assert watch.looks > 5
        score = score_run(Truth(city.truth), Source(f"http://127.0.0.1:{world.emscher.http}"))
        assert score.verdict == "lost 0, duplicated 0", score.readings.examples
        expected, counters = undisturbed
        found = derived(world.emscher)
        differing = [key for key in expected if found.get(key) != expected[key]]
        assert (differing, found.keys()) == ([], expected.keys())
        now = world.emscher.get("/v1/counters")
        for name in ("stored", "quarantined", "readings"):
            assert now[name] == counters[name], name
        assert sum(plan.struck.values()) >= 3
    finally:
        world.close()
