"""The demo city: repeatable, plausible, continuous over restarts, alive on a real broker."""

import asyncio
import time
from collections import defaultdict
from itertools import pairwise

import pytest

from fleet.demo import demo_catalog, demo_messages, run_demo
from fleet.message import Message
from fleet.scenario import load
from fleet.simulation import Simulation
from ingest.decode import Decoder
from ingest.reading import Envelope

SECOND_NS = 1_000_000_000
HOUR_NS = 3600 * SECOND_NS
DAY_NS = 24 * HOUR_NS
NOON_NS = 1_767_870_000 * SECOND_NS  # 2026-01-08, a Thursday, 12:00 in Dortmund
DEVICES = 34


def _readings(messages):
    """Return what Emscher reads in the messages: (device, quantity, channel) -> [(time, value)]."""
    found = defaultdict(list)
    decoder = Decoder()
    for message in messages:
        envelope = Envelope("test", message.topic, message.payload, NOON_NS + DAY_NS)
        read = decoder.decode(envelope)
        for one in read.measurements:
            place = read.device, one.quantity, one.channel
            found[place].append((one.time_ns or read.time_ns, one.value))
    return found


def test_the_same_seed_makes_the_same_bytes_and_another_does_not():
    span = (NOON_NS, NOON_NS + 2 * HOUR_NS)
    assert list(demo_messages(*span, seed=5)) == list(demo_messages(*span, seed=5))
    assert list(demo_messages(*span, seed=5)) != list(demo_messages(*span, seed=6))


def test_spans_that_overlap_agree_and_spans_that_touch_join():
    cut_ns = NOON_NS + 2 * HOUR_NS
    whole = list(demo_messages(NOON_NS, NOON_NS + 4 * HOUR_NS))
    later = list(demo_messages(cut_ns, NOON_NS + 6 * HOUR_NS))
    assert [m for m in whole if m.time_ns >= cut_ns] == [
        m for m in later if m.time_ns < NOON_NS + 4 * HOUR_NS
    ]
    assert [*demo_messages(NOON_NS, cut_ns), *(m for m in later if m.time_ns < whole[-1].time_ns)][
        :50
    ] == whole[:50]


def test_messages_come_in_the_order_of_time_and_from_every_device():
    messages = list(demo_messages(NOON_NS, NOON_NS + 13 * HOUR_NS))
    assert all(a.time_ns <= b.time_ns for a, b in pairwise(messages))
    assert all(NOON_NS <= m.time_ns < NOON_NS + 13 * HOUR_NS for m in messages)
    assert len({message.topic.replace("/status", "/up") for message in messages}) == DEVICES
    assert len(messages) > 31 * 13 * 4
    dense = sum(1 for _ in demo_messages(NOON_NS, NOON_NS + 60 * SECOND_NS, period="3s"))
    assert dense > 12 * 18, "meters and the faster of the radio devices"


def test_registers_climb_through_history_restart_and_life():
    history = _readings(demo_messages(NOON_NS - DAY_NS, NOON_NS))
    live = _readings(
        demo_messages(NOON_NS - 60 * SECOND_NS, NOON_NS + 180 * SECOND_NS, period="4s")
    )
    meters = [place for place in live if place[1].startswith("active_energy")]
    assert len(meters) >= 14
    for place in meters:
        values = [value for _, value in history[place]] + [
            value for time_ns, value in live[place] if time_ns >= NOON_NS
        ]
        assert values == sorted(values), place


def test_readings_are_plausible():
    limits = {
        "temperature": (-15, 90),
        "humidity": (20, 100),
        "co2": (380, 2_500),
        "noise_laeq": (35, 90),
        "pm2_5": (0.3, 60),
        "pressure": (975, 1_035),
        "illuminance": (0, 65_535),
        "active_power": (-12_000, 60_000),
        "voltage": (220, 240),
    }
    seen = defaultdict(set)
    for (_, quantity, _), values in _readings(demo_messages(NOON_NS, NOON_NS + DAY_NS)).items():
        for _, value in values:
            low, high = limits.get(quantity, (-200, 1e9))
            assert low <= value <= high, (quantity, value)
            seen[quantity].add(round(value))
    assert seen.keys() >= limits.keys()
    assert max(seen["co2"]) > 800, "a full classroom"
    assert min(seen["active_power"]) < -100, "sun on the roofs"
    assert min(seen["illuminance"]) == 0, "night"


def test_the_first_minutes_show_every_kind_of_fault():
    demo = load("demo")
    rows = Simulation(demo, NOON_NS).fault_rows()
    early = {row["kind"]: row for row in rows if row["start_ns"] <= NOON_NS + 160 * SECOND_NS}
    assert early.keys() == {"spike", "stuck", "silence", "garbage"}
    assert len({row["device"] for row in early.values()}) == 4
    assert early["spike"]["start_ns"] == NOON_NS + 35 * SECOND_NS
    others = [Simulation(demo, NOON_NS, part=part).fault_rows() for part in (1, 2)]
    assert others[0] != others[1], "the next hours have others"


class Watch:
    """A caller's report and clock; time runs fast while the city sleeps."""

    def __init__(self):
        self.told, self.now_ns = [], NOON_NS

    def clock_ns(self):
        return self.now_ns

    async def sleep(self, seconds):
        self.now_ns += int(seconds * SECOND_NS)
        await asyncio.sleep(0.001)

    def stages(self):
        return [progress.stage for progress in self.told]


def _run(nats, watch, stop, **more):
    return asyncio.create_task(
        run_demo(
            host=nats.host,
            port=nats.port,
            stop=stop,
            seed=1,
            clock_ns=watch.clock_ns,
            sleep=watch.sleep,
            report=watch.told.append,
            **{"history_s": 4 * 3600, **more},
        )
    )


async def test_the_city_tells_its_history_lives_and_breaks(nats, listening, until):
    watch, stop = Watch(), asyncio.Event()
    async with listening(nats) as heard:
        demo = _run(nats, watch, stop)
        await until(lambda: watch.stages().count("fault") >= 4, 90)
        stop.set()
        began_s = time.monotonic()
        await demo
        assert time.monotonic() - began_s < 2
    history = [p for p in watch.told if p.stage == "history"]
    expected = list(demo_messages(NOON_NS - 4 * HOUR_NS, NOON_NS))
    total = len(expected)
    assert history[-1].sent == history[-1].total == total
    assert heard[:total] == [(m.topic, m.payload) for m in expected]
    assert watch.stages()[: len(history)] == ["history"] * len(history)
    seconds = (watch.now_ns - NOON_NS) / SECOND_NS
    meters = [topic for topic, _ in heard[total:] if topic.startswith("tele/")]
    assert len(meters) == pytest.approx(8 * seconds / 4, rel=0.25)


async def test_the_city_waits_for_a_broker_and_comes_back_to_it(nats, listening, until):
    nats.stop()
    watch, stop = Watch(), asyncio.Event()
    demo = _run(nats, watch, stop)
    await until(lambda: watch.stages().count("waiting") >= 3)
    assert "start it" in watch.told[0].text
    nats.start()
    await until(lambda: "fault" in watch.stages(), 30)
    nats.stop()
    before = watch.stages().count("waiting")
    await until(lambda: watch.stages().count("waiting") >= before + 2, 30)
    nats.start()
    async with listening(nats) as heard:
        back_ns = watch.now_ns
        await until(lambda: len(heard) > 50, 30)
    stop.set()
    await asyncio.wait_for(demo, 3)
    told = [
        time_ns
        for values in _readings(Message(0, *one) for one in heard[-50:]).values()
        for time_ns, _ in values
    ]
    assert max(told) < watch.now_ns + 60 * SECOND_NS, "it goes on now, not two hours later"
    assert max(told) > back_ns - 60 * SECOND_NS
    history = [p for p in watch.told if p.stage == "history"]
    assert [p.sent for p in history].count(history[-1].total) == 1, "told once, not again"


async def test_stop_ends_a_city_that_waits_or_has_just_begun(nats):
    nats.stop()
    for delay_s in (0.0, 0.05, 0.5):
        stop = asyncio.Event()
        task = asyncio.create_task(run_demo(host=nats.host, port=nats.port, stop=stop))
        await asyncio.sleep(delay_s)
        stop.set()
        await asyncio.wait_for(task, 4)


def test_every_device_that_speaks_has_a_site_in_the_demos_catalog():
    told = demo_catalog()
    sites = {row["id"]: row for row in told["sites"]}
    at = {row["id"]: sites[row["site"]] for row in told["devices"]}
    heard = _readings(demo_messages(NOON_NS - DAY_NS, NOON_NS))
    assert {device for device, _, _ in heard} <= set(at)
    assert len(at) == DEVICES
    assert {row["id"] for row in told["tenants"]} == {site["tenant"] for site in sites.values()}
    assert all(51 < s["latitude"] < 52 and 7 < s["longitude"] < 8 for s in sites.values())
    assert {site["sector"] for site in sites.values()} >= {"school", "housing", "grid"}
