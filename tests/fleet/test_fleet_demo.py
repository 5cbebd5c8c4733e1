"""The demo city: repeatable, plausible, continuous over restarts, alive on a real broker."""

import asyncio
import base64
import json
import random
import time
from collections import defaultdict
from itertools import islice, pairwise

import pytest

from fleet.city import city
from fleet.demo import demo_messages, run_demo
from fleet.demo_faults import Breakage, Fault, plan

SECOND_NS = 1_000_000_000
HOUR_NS = 3600 * SECOND_NS
STEP_NS = 900 * SECOND_NS
NOON_NS = 1_780_484_400 * SECOND_NS  # 2026-06-03, a Wednesday, 13:00 in Dortmund


def _by_device(messages):
    found = defaultdict(list)
    for message in messages:
        found[message.topic].append(message)
    return found


def test_the_same_seed_makes_the_same_bytes_and_another_does_not():
    span = (NOON_NS, NOON_NS + 3 * HOUR_NS, STEP_NS)
    assert list(demo_messages(*span, 5)) == list(demo_messages(*span, 5))
    assert list(demo_messages(*span, 5)) != list(demo_messages(*span, 6))


def test_spans_that_overlap_agree_and_spans_that_touch_join():
    whole = list(demo_messages(NOON_NS, NOON_NS + 6 * HOUR_NS, STEP_NS, 1))
    later = list(demo_messages(NOON_NS + 2 * HOUR_NS + 7, NOON_NS + 9 * HOUR_NS, STEP_NS, 1))
    cut = NOON_NS + 2 * HOUR_NS + 7, NOON_NS + 6 * HOUR_NS
    assert [m for m in whole if m.time_ns >= cut[0]] == [m for m in later if m.time_ns < cut[1]]
    halves = [(NOON_NS, cut[0]), (cut[0], cut[1])]
    assert [m for a, b in halves for m in demo_messages(a, b, STEP_NS, 1)] == whole


def test_messages_come_in_the_order_of_time_each_device_once_a_step():
    messages = list(demo_messages(NOON_NS, NOON_NS + 4 * HOUR_NS, STEP_NS, 1))
    assert all(a.time_ns <= b.time_ns for a, b in pairwise(messages))
    assert all(NOON_NS <= m.time_ns < NOON_NS + 4 * HOUR_NS for m in messages)
    devices = _by_device(messages)
    assert len(devices) == 24
    assert {len(of) for of in devices.values()} == {16}
    assert all(m.qos == 1 and not m.retain for m in messages)


def test_a_history_can_be_as_dense_as_seconds():
    messages = list(demo_messages(NOON_NS, NOON_NS + 60 * SECOND_NS, 3 * SECOND_NS, 1))
    assert len(messages) == 24 * 20


def test_names_and_identities_are_what_they_should_be():
    devices = city(1)
    names = [device.name for device in devices]
    assert len(set(names)) == len(names) == 24
    lora = [device.identity for device in devices if hasattr(device, "identity")]
    assert len({identity.dev_eui for identity in lora}) == len(lora) == 16
    for identity in lora:
        first = int(identity.dev_eui[:2], 16)
        assert first & 0b11 == 0b10, "locally administered, not a group"
        assert identity.tags["tenant"] == identity.name.split("-")[0]
        assert identity.tags["district"]
    assert sum(identity.profile.startswith("ELSYS ") for identity in lora) == 10
    assert {name.split("-")[0] for name in names} == {"dortmund", "schwerte"}
    assert not any(
        " " in message.topic for message in demo_messages(NOON_NS, NOON_NS + STEP_NS, STEP_NS, 1)
    )


def test_registers_climb_through_history_restart_and_life():
    first, again = city(1), city(1)
    for one, other in zip(first, again, strict=True):
        for key in ("Total_in", "Total_out", "Total", "energy"):
            if key not in one.measure(NOON_NS):
                continue
            times_ns = range(NOON_NS - 48 * HOUR_NS, NOON_NS, STEP_NS)
            history = [one.measure(t)[key] for t in times_ns]
            live = [other.measure(NOON_NS + i * 3 * SECOND_NS)[key] for i in range(100)]
            assert history + live == sorted(history + live), (one.name, key)
            assert history[0] < live[-1], (one.name, key)


def test_readings_are_plausible():
    limits = {
        "temperature": (5, 36),
        "humidity": (20, 100),
        "co2": (380, 2_200),
        "light": (0, 1_500),
        "soundAvg": (40, 85),
        "pressure": (980, 1_025),
        "illuminance": (0, 65_535),
        "power": (500, 19_000),
        "Power": (0, 1_500),
        "Power_curr": (-9_500, 12_000),
        "voltage1": (220, 240),
        "Voltage": (220, 240),
    }
    seen = defaultdict(set)
    for device in city(1):
        for t in range(NOON_NS - 48 * HOUR_NS, NOON_NS, STEP_NS):
            for key, value in device.measure(t).items():
                low, high = limits.get(key, (0, 1e9))
                assert low <= value <= high, (device.name, key, value)
                seen[key].add(round(value))
    assert seen.keys() >= limits.keys()
    assert max(seen["co2"]) > 900, "a full classroom"
    assert min(seen["Power_curr"]) < -2_000, "sun on the roofs"
    assert min(seen["illuminance"]) == 0, "night"


def test_healthy_sensors_do_not_look_stuck():
    for device in city(1):
        values = [device.measure(NOON_NS + i * 3 * SECOND_NS) for i in range(40)]
        for key in {"temperature", "co2", "soundAvg", "Power_curr"} & values[0].keys():
            rounded = [round(v[key], 1 if key == "temperature" else 0) for v in values]
            same = max(_runs(rounded))
            assert same < 12, (device.name, key, rounded)


def _runs(values):
    run = 1
    for before, after in pairwise(values):
        run = run + 1 if before == after else 1
        yield run


def test_the_first_minutes_show_every_kind_of_fault():
    names = [device.name for device in city(1)]
    faults = list(islice(plan(random.Random(1), names, names[:8]), 40))
    assert [fault.at_s for fault in faults] == sorted(fault.at_s for fault in faults)
    early = {fault.kind: fault for fault in faults if fault.at_s <= 130}
    assert early.keys() == {"spike", "stuck", "silent", "garbage"}
    assert len({fault.device for fault in early.values()}) == 4
    assert early["spike"].at_s == 35
    assert (early["silent"].at_s, early["silent"].for_s) == (130, 60)
    gaps = [b.at_s - a.at_s for a, b in pairwise(faults[4:])]
    assert min(gaps) >= 25
    assert max(gaps) <= 80
    assert all(fault.device in fault.sentence for fault in faults)


def test_faults_change_what_they_should_and_then_end():
    device = city(1)[0]
    faults = [
        Fault(10, "stuck", device.name, 20),
        Fault(40, "spike", device.name, 0),
        Fault(50, "silent", device.name, 15),
        Fault(80, "garbage", device.name, 0),
        Fault(1e9, "spike", device.name, 0),
    ]
    breakage = Breakage(random.Random(1), iter(faults))

    def at(second):
        breakage.begin(second)
        return breakage.message(device, NOON_NS + second * SECOND_NS, second, second)

    def data(message):
        return base64.b64decode(json.loads(message.payload)["data"])

    healthy = {
        second: data(
            device.message(
                NOON_NS + second * SECOND_NS, second, device.measure(NOON_NS + second * SECOND_NS)
            )
        )
        for second in (9, 10, 13, 31, 43, 66)
    }
    assert data(at(9)) == healthy[9]
    assert data(at(10)) == healthy[10], "it stays at its first value"
    assert data(at(13)) == healthy[10] != healthy[13]
    assert data(at(31)) == healthy[31]
    spike = int.from_bytes(data(at(40))[1:3], "big") / 10
    assert spike > 45
    assert data(at(43)) == healthy[43]
    assert at(50) is None
    assert at(64) is None
    assert data(at(66)) == healthy[66]
    garbage = at(80)
    assert garbage.topic.endswith("/event/up")
    with pytest.raises((ValueError, KeyError, TypeError)):
        data(garbage)


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
        await until(lambda: watch.stages().count("fault") >= 8, 60)
        stop.set()
        began_s = time.monotonic()
        await demo
        assert time.monotonic() - began_s < 2
    history = [p for p in watch.told if p.stage == "history"]
    assert history[-1].sent == history[-1].total == 24 * 16
    expected = list(demo_messages(NOON_NS - 4 * HOUR_NS, NOON_NS, STEP_NS, 1))
    assert heard[: 24 * 16] == [(m.topic, m.payload) for m in expected]
    life = heard[24 * 16 :]
    assert len({topic for topic, _ in life}) == 24
    assert watch.stages()[: len(history)] == ["history"] * len(history)
    seconds = (watch.now_ns - NOON_NS) / SECOND_NS
    assert len(life) == pytest.approx(24 * seconds / 3.5, rel=0.25)


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
        await until(lambda: len(heard) > 50, 30)
    stop.set()
    await asyncio.wait_for(demo, 3)
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
