"""A small run with a truth made by hand, sent to a running Emscher, and scored over its API."""

import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from playwright.sync_api import sync_playwright
from running_emscher import Emscher, eventually, free_port, started
from typer.testing import CliRunner
from uplinks import rfc3339, uplink

from fleet import elsys, tasmota
from fleet.score import Score, score_run
from fleet.score_commands import score_app
from fleet.score_page import page
from fleet.score_source import Emscher as Source
from fleet.truth import Truth, TruthWriter

CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
START_NS = 1_772_319_600 * 10**9  # 2026-03-01T00:00+01:00
QUARTER_NS = 900 * 10**9
DAYS = 3
QUARTERS = DAYS * 96
ZONE = ZoneInfo("Europe/Berlin")
CHANNELS: list[dict[str, object]] = [
    {"label": "rooms", "quantity": "temperature", "channel": "", "register": "", "step": 0.1},
    {"label": "rooms", "quantity": "humidity", "channel": "", "register": "", "step": 1.0},
    {"label": "homes", "quantity": "active_energy_import", "channel": "", "register": "import",
     "step": 1.0},
    {"label": "homes", "quantity": "active_power", "channel": "", "register": "", "step": 1.0},
    {"label": "plugs", "quantity": "temperature", "channel": "", "register": "", "step": 0.1},
]  # fmt: skip


@dataclass
class Run:
    """Devices, what they send, and what is true of it."""

    devices: list[dict[str, object]] = field(default_factory=list)
    faults: list[dict[str, object]] = field(default_factory=list)
    samples: list[tuple[Any, ...]] = field(default_factory=list)
    energy: list[tuple[Any, ...]] = field(default_factory=list)
    messages: list[tuple[str, bytes]] = field(default_factory=list)

    def device(self, name: str, label: str, *, flow: str = "", timeless: bool = False) -> int:
        """Add a device and return its number."""
        self.devices.append(
            {"device": name, "name": f"name-{name}", "kind": "x", "label": label, "flow": flow,
             "city": "Schwerte", "district": "Mitte", "network": "x", "feeder": -1,
             "own_clock": not timeless, "timeless": timeless}
        )  # fmt: skip
        return len(self.devices) - 1

    def fault(self, kind: str, device: int, start_ns: int, end_ns: int, quantity: str = "") -> int:
        """Add a fault and return its number."""
        self.faults.append(
            {"number": len(self.faults), "kind": kind, "device": device,
             "device_id": self.devices[device]["device"], "quantity": quantity, "channel": "",
             "start_ns": start_ns, "end_ns": end_ns, "size": 1.0, "text": kind}
        )  # fmt: skip
        return len(self.faults) - 1

    def sampled(self, device: int, channel: int, at_ns: int, value: float, **more: int) -> None:
        """Add a true sample."""
        copies, fault = more.get("copies", 1), more.get("fault", -1)
        self.samples.append((device, channel, at_ns, at_ns, value, value, copies, fault))

    def room(self, name: str, *, faulty: bool = False) -> None:
        """Add a sensor of a room; a faulty one spikes, falls silent, and sends garbage once."""
        rng, device = random.Random(name), self.device(name, "rooms")
        times = [START_NS + k * QUARTER_NS for k in range(QUARTERS)]
        fault = {}
        if faulty:
            spike = self.fault("spike", device, times[80], times[80], "temperature")
            silence = self.fault("silence", device, times[150], times[170])
            garbage = self.fault("garbage", device, times[200], times[200])
            fault = {80: spike, 200: garbage, **dict.fromkeys(range(150, 170), silence)}
            drift = self.fault("drift", device, times[250], times[260], "humidity")
            assert drift == len(self.faults) - 1  # nobody finds it
        for k, at_ns in enumerate(times):
            number = fault.get(k, -1)
            celsius = 65.0 if faulty and k == 80 else round(21 + rng.gauss(0, 0.4), 1)
            percent = round(45 + rng.gauss(0, 2))
            gone = number >= 0 and k != 80
            for channel, value in ((0, celsius), (1, float(percent))):
                self.sampled(device, channel, at_ns, value, copies=1 - gone, fault=number)
            data = elsys.encode({"temperature": celsius, "humidity": percent})
            message = uplink(name, data, rfc3339(at_ns), f_cnt=k)
            if not gone:
                self.messages.append(message)
            elif k == 200:
                self.messages.append((message[0], message[1][:40]))

    def home(self, name: str) -> None:
        """Add a household's meter, read at each quarter, which climbs by whole Wh."""
        rng, device = random.Random(name), self.device(name, "homes", flow="household")
        register = 123_456
        for k in range(QUARTERS + 1):
            at_ns, power = START_NS + k * QUARTER_NS, rng.randrange(80, 3000)
            fields: tasmota.Fields = {"Total_in": tasmota.kwh(register), "Power_curr": power}
            sent = tasmota.sensor(
                name, time_ns=at_ns, group="SML", fields=fields, zone=ZONE, with_offset=True
            )
            self.messages.append((sent.topic, sent.payload))
            self.sampled(device, 2, at_ns, float(register))
            self.sampled(device, 3, at_ns, float(power))
            if k < QUARTERS:
                self.energy.append((device, 0, at_ns, power / 4, float(power // 4)))
                register += power // 4

    def plug(self, name: str) -> None:
        """Add a device that states no time."""
        device = self.device(name, "plugs", timeless=True)
        for k in range(20):
            value = (200 + k % 7) / 10
            self.messages.append((f"shellies/{name}/sensor/temperature", f"{value}".encode()))
            self.sampled(device, 4, START_NS + k * QUARTER_NS, value)

    def write(self, folder: Path, *, end: bool = True) -> Path:
        """Write the truth, and return its folder."""
        span = {"start_ns": START_NS, "end_ns": START_NS + DAYS * 96 * QUARTER_NS}
        writer = TruthWriter(folder, "", {"scenario": "by hand", "seed": 1, **span})
        writer.devices(self.devices)
        writer.channels(CHANNELS)
        writer.faults(self.faults)
        writer.samples(*map(list, zip(*self.samples, strict=True)))
        if self.energy:
            writer.energy(*map(list, zip(*self.energy, strict=True)))
        if end:
            writer.close({"messages": len(self.messages)})
        return folder


@pytest.fixture(scope="module")
def emscher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emscher]:
    """One Emscher for all tests of this module; each brings devices of its own."""
    yield from started(Emscher(tmp_path_factory.mktemp("score") / "data"))


def taken_in(emscher: Emscher, run: Run) -> None:
    """Send a run and wait until all of it has ended, one way or another."""
    before = emscher.received()
    emscher.publish(run.messages)
    eventually("all ended", lambda: emscher.received() == before + len(run.messages))
    eventually("all is analysed", lambda: emscher.get("/v1/health")["live"]["behind_commits"] == 0)


def scored(emscher: Emscher, folder: Path) -> Score:
    return score_run(Truth(folder), Source(f"http://127.0.0.1:{emscher.http}"), batch_rows=700)


def command(*options: object) -> Any:
    """Run the command as a user does, in a wide terminal."""
    return CliRunner().invoke(score_app, [str(one) for one in options], env={"COLUMNS": "200"})


@pytest.fixture(scope="module")
def perfect(emscher: Emscher, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Send a run of which everything arrives, and return its truth."""
    run = Run()
    run.room("a81758fffe000001", faulty=True)
    run.room("a81758fffe000002")
    run.home("home-1")
    run.home("home-2")
    run.plug("plug-1")
    taken_in(emscher, run)
    return run.write(tmp_path_factory.mktemp("perfect") / "truth")


def test_a_perfect_run_has_no_fault(emscher: Emscher, perfect: Path) -> None:
    """Lost 0, duplicated 0, each day's energy exact, what can be found is found."""
    score = scored(emscher, perfect)
    total = score.readings.total
    expected = 2 * (2 * QUARTERS - 21) + 4 * (QUARTERS + 1) + 20
    assert (total.expected, total.right, total.faults, total.unexpected) == (
        expected, expected, 0, 0,
    ), score.readings.examples  # fmt: skip
    assert score.verdict == "lost 0, duplicated 0"
    assert score.faultless
    assert (score.readings.strange_series, score.readings.missing_devices) == (4, 0)
    assert [note for note in score.notes if "(rssi, snr)" not in note] == []
    (flow,) = score.energy.flows
    assert (flow.flow, flow.direction, flow.unit) == ("household", "import", "Wh")
    assert (flow.meters, flow.days, flow.exact, flow.unknown) == (2, 6, 6, 0)
    assert flow.error == pytest.approx(0, abs=1e-6)
    assert flow.metered > 10_000
    assert [(one.quality, one.days) for one in flow.qualities] == [("measured", 6)]
    recall = {one.kind: (one.found, one.faults) for one in score.anomalies.kinds}
    assert recall == {"spike": (1, 1), "silence": (1, 1), "garbage": (1, 1), "drift": (0, 1)}
    refused = score.anomalies.quarantine
    assert refused.garbage == refused.known == 1
    for one in score.anomalies.detections:
        assert one.false_alarms == 0, score.anomalies


def test_the_command_tells_a_person_and_a_program(
    emscher: Emscher, perfect: Path, tmp_path: Path
) -> None:
    """A table, a file of JSON, a page; status 0 in strict mode."""
    url = f"http://127.0.0.1:{emscher.http}"
    figures, page_file = tmp_path / "score.json", tmp_path / "score.html"
    ran = command(perfect, "--url", url, "--json", figures, "--html", page_file, "--strict")
    assert ran.exit_code == 0, ran.output
    assert "lost 0, duplicated 0" in ran.output
    told = json.loads(figures.read_text())
    assert told["verdict"] == "lost 0, duplicated 0"
    assert told["faultless"] is True
    assert told["readings"]["total"]["lost"] == 0
    assert told["facts"]["scenario"] == "by hand"
    text = page_file.read_text(encoding="utf-8")
    assert '<h1 class="good">lost 0, duplicated 0</h1>' in text
    assert not re.search(r'<(script|link|img)[^>]+(src|href)="(?!data:)', text)


def test_each_mutation_is_counted(emscher: Emscher, tmp_path: Path) -> None:
    """A reading removed, doubled, changed, shifted: one each, of the device that it befell."""
    run = Run()
    removed, changed, shifted, doubled = (
        "a81758fffe000011", "a81758fffe000012", "a81758fffe000013", "plug-2",
    )  # fmt: skip
    for name in (removed, changed, shifted):
        run.room(name)
    run.plug(doubled)
    at = {name: QUARTERS * n + 33 for n, name in enumerate((removed, changed, shifted))}
    at_ns = START_NS + 33 * QUARTER_NS
    run.messages.append(run.messages[-1])
    wrong = elsys.encode({"temperature": 99.9, "humidity": 99})
    run.messages[at[changed]] = uplink(changed, wrong, rfc3339(at_ns), f_cnt=33)
    topic, late = run.messages[at[shifted]]
    late = late.replace(rfc3339(at_ns).encode(), rfc3339(at_ns + 60 * 10**9).encode())
    run.messages[at[shifted]] = (topic, late)
    del run.messages[at[removed]]
    taken_in(emscher, run)
    truth = run.write(tmp_path / "truth")
    score = scored(emscher, truth)
    total = score.readings.total
    assert total.expected == 3 * 2 * QUARTERS + 20
    told = {one.name: one.counts for one in score.readings.worst}
    assert told.keys() == {removed, changed, shifted, doubled}
    # A message of a room has two readings.
    assert (told[removed].lost, told[removed].right) == (2, 2 * QUARTERS - 2)
    assert (told[changed].wrong_value, told[changed].right) == (2, 2 * QUARTERS - 2)
    assert (told[shifted].wrong_time, told[shifted].right) == (2, 2 * QUARTERS - 2)
    assert (told[doubled].duplicated, told[doubled].right) == (1, 20)
    assert (total.lost, total.duplicated, total.wrong_value, total.wrong_time) == (2, 1, 2, 2)
    assert total.unexpected == 0
    assert score.verdict.startswith("lost 2, duplicated 1; 2 with a wrong value")
    examples = {(one.what, one.device): one for one in score.readings.examples}
    assert examples["lost", removed].time_ns == at_ns
    assert examples["wrong_value", changed].stored in {99.9, 99.0}
    url = f"http://127.0.0.1:{emscher.http}"
    assert command(truth, "--url", url).exit_code == 0
    page_file = tmp_path / "score.html"
    ran = command(truth, "--url", url, "--strict", "--html", page_file)
    assert ran.exit_code == 1
    assert "lost 2, duplicated 1" in ran.output
    text = page_file.read_text(encoding="utf-8")
    assert '<h1 class="bad">lost 2, duplicated 1;' in text
    assert "Devices with the most faults" in text
    hostile = msgspec.structs.replace(score, facts={"scenario": "</p><b>"}, folder="<i>")
    shown = page(hostile).split("<script", 1)[0]
    assert "</p><b>" not in shown
    assert "<i>" not in shown
    assert "&lt;i&gt;" in shown


def test_wrong_energy_is_told_by_meter_and_day(emscher: Emscher, tmp_path: Path) -> None:
    """A day on which 500 Wh more were metered than the register says, and none else."""
    run = Run()
    run.home("home-11")
    run.home("home-12")
    device, way, start_ns, true, metered = run.energy[96 + 7]
    run.energy[96 + 7] = (device, way, start_ns, true, metered + 500)
    taken_in(emscher, run)
    energy = scored(emscher, run.write(tmp_path / "truth")).energy
    (flow,) = energy.flows
    assert (flow.days, flow.exact) == (6, 5)
    assert flow.error == pytest.approx(-500)
    assert (energy.worst[0].device, energy.worst[0].exact) == ("home-11", 2)
    off = [day for day in energy.days if abs(day[3] or 0) > 1]
    assert [(day[0], day[2]) for day in off] == [("home-11", "2026-03-02")]


def test_errors_say_what_to_do(emscher: Emscher, perfect: Path, tmp_path: Path) -> None:
    """Nobody there, a run that has not ended, a truth of other devices, an address that is none."""
    url = f"http://127.0.0.1:{emscher.http}"
    ran = command(perfect, "--url", f"http://127.0.0.1:{free_port()}")
    assert ran.exit_code == 1
    assert "emscher up" in ran.output
    run = Run()
    run.room("a81758fffe0000ff")
    ran = command(run.write(tmp_path / "killed", end=False), "--url", url)
    assert ran.exit_code == 1
    assert "has not ended" in ran.output
    ran = command(run.write(tmp_path / "others"), "--url", url)
    assert ran.exit_code == 1
    assert "is this the Emscher" in ran.output
    ran = command(perfect, "--url", "localhost:8000")
    assert ran.exit_code == 1
    assert "http://HOST:PORT" in ran.output


def test_an_empty_store_is_told(perfect: Path, tmp_path: Path) -> None:
    """Rather than a score of nothing."""
    for empty in started(Emscher(tmp_path / "data")):
        ran = command(perfect, "--url", f"http://127.0.0.1:{empty.http}")
        assert ran.exit_code == 1
        assert "no reading yet" in ran.output


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_needs_nobody(
    emscher: Emscher, perfect: Path, tmp_path: Path, scheme: Any
) -> None:
    """In a browser without a network it draws its pictures, in both schemes and on paper."""
    url, page_file = f"http://127.0.0.1:{emscher.http}", tmp_path / "score.html"
    assert command(perfect, "--url", url, "--html", page_file).exit_code == 0
    asked: list[str] = []
    wrong: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        context = browser.new_context(color_scheme=scheme, offline=True)
        shown = context.new_page()
        shown.on("request", lambda request: asked.append(request.url))
        shown.on("pageerror", lambda error: wrong.append(str(error)))
        shown.on("console", lambda m: wrong.append(m.text) if m.type == "error" else None)
        shown.goto(page_file.as_uri())
        shown.wait_for_function("document.querySelectorAll('.figure .main-svg').length >= 3")
        ink = shown.evaluate("getComputedStyle(document.querySelector('.xtick text')).fill")
        ground = shown.evaluate("getComputedStyle(document.body).backgroundColor")
        texts = shown.inner_text("body")
        shown.emulate_media(media="print")
        shown.evaluate("dispatchEvent(new Event('beforeprint'))")
        shown.wait_for_function("document.querySelector('.main-svg').clientWidth === 640")
        paper = (
            shown.evaluate("getComputedStyle(document.querySelector('.xtick text')).fill"),
            shown.evaluate("getComputedStyle(document.body).backgroundColor"),
        )
        assert len(shown.pdf()) > 20_000
        browser.close()
    light = {"light": ("rgb(26, 29, 33)", "rgb(255, 255, 255)")}
    assert (ink, ground) == light.get(scheme, ("rgb(232, 235, 238)", "rgb(20, 23, 26)"))
    assert paper == ("rgb(0, 0, 0)", "rgb(255, 255, 255)")
    assert "lost 0, duplicated 0" in texts
    assert "1 of 1" in texts
    assert [one for one in asked if not one.startswith(("file:", "data:", "blob:"))] == []
    assert wrong == []
