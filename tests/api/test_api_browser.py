"""The console and /docs in a real browser, over a real server and a store that has data."""

import shutil
import time

import numpy as np
import pytest
from api_town import SCRIPT, Town, anomaly, served, until
from playwright.sync_api import expect, sync_playwright

CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--no-first-run"]  # fmt: skip
MINUTE_NS = 60 * 10**9
PATIENCE_MS = 60_000


@pytest.fixture(scope="module")
def browser():
    """Start Chromium once."""
    if shutil.which(CHROMIUM) is None:
        pytest.fail(f"expected a Chromium at {CHROMIUM}, found none: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def lively(tmp_path):
    """Return a town whose readings end now, served, and its address."""
    town = Town(tmp_path)
    now_ns = time.time_ns()
    times = now_ns - np.arange(50, 0, -1) * MINUTE_NS
    town.tell("school", "temperature", times, 20 + np.arange(50) / 10)
    town.tell("meter", "active_energy_import", times, 5_000 + np.arange(50) * 20.0)
    town.tell(SCRIPT, "humidity", times, np.full(50, 40.0))
    town.uplink("tele/broken/SENSOR", b"{", now_ns)
    town.anomalies(
        anomaly("still", now_ns - 9 * MINUTE_NS, None, kind="silence", quantity="",
                device="school", text="school is silent")
    )  # fmt: skip
    town.live.still.add("school")
    with served(town) as url:
        yield town, url
    town.store.close()


@pytest.fixture
def page(browser):
    """Return a page that fails the test when its console tells of an error."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="en-GB")
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    wrong: list[str] = []
    page.on("console", lambda m: wrong.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("dialog", lambda dialog: wrong.append(f"dialog {dialog.message}"))
    yield page
    context.close()
    assert wrong == []


def device(page, name: str):
    """Return the button of a device in the list."""
    return page.locator("#devices-body").get_by_role("button", name=name, exact=True)


def test_the_console_shows_devices_a_chart_and_live_readings(lively, page):
    town, url = lively
    page.goto(url)
    rows = page.locator("#devices-body tr")
    expect(rows).to_have_count(3, timeout=PATIENCE_MS)
    expect(page.locator("#live")).to_have_attribute("data-state", "open", timeout=PATIENCE_MS)
    expect(page.locator("#health")).to_have_attribute("data-state", "ok")
    # What came over the wire stays text.
    assert page.locator("#devices-body img").count() == 0
    expect(device(page, SCRIPT)).to_be_visible()
    expect(page.locator("#ledger-words")).to_have_text("adds up")
    expect(page.locator("#quarantine-count")).to_have_text("1 message")

    device(page, "school").click()
    page.locator("#plot .scatterlayer .trace path").first.wait_for(state="attached")
    expect(page.locator("#now-value")).to_have_text("24.9 °C")
    until(lambda: town.feed.listeners)
    town.tell("school", "temperature", [time.time_ns()], [31.5])
    expect(page.locator("#now-value")).to_have_text("31.5 °C", timeout=PATIENCE_MS)

    device(page, "meter").click()
    page.locator("#energy-plot .bars path").first.wait_for(state="attached")
    expect(page.locator("#energy-total")).to_contain_text("980 Wh")


def test_a_retracted_anomaly_is_forgotten_and_its_device_is_up_again(lively, page):
    from analytics.oddities import Found

    town, url = lively
    page.goto(url)
    row = page.locator("#devices-body tr", has_text="school")
    expect(row).to_contain_text("silent", timeout=PATIENCE_MS)
    expect(page.locator("#anomalies-list li")).to_have_count(1)
    until(lambda: town.feed.listeners)
    town.live.still.clear()
    town.anomalies(retracted=("still",))
    town.teller.found(Found([], ["still"]))
    expect(page.locator("#anomalies-list li")).to_have_count(0, timeout=PATIENCE_MS)
    expect(row).to_contain_text("up")
    expect(page.locator("#anomalies-state")).to_have_text("Nothing odd in the last two days.")


@pytest.mark.parametrize("width", [1280, 1440, 390])
def test_a_long_name_is_readable_in_full(lively, page, width):
    town, url = lively
    name = "dortmund-innenstadt-west-bibliothek-kopierer"
    town.tell(name, "active_power", [time.time_ns()], [5.0])
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(url)
    button = device(page, name)
    button.wait_for()
    assert button.evaluate("node => node.scrollWidth - node.clientWidth") <= 1
    assert button.evaluate("node => node.scrollHeight - node.clientHeight") <= 4
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_change_of_rhythm_is_no_gap_and_a_hole_is_one(lively, page):
    _, url = lively
    page.goto(url)
    slow = [k * 900 for k in range(6)]
    quick = [slow[-1] + 500 + k * 2 for k in range(2000)]
    after_a_hole = [quick[-1] + 600 + k * 2 for k in range(20)]
    found = page.evaluate(
        """async (times) => {
          const { isGap } = await import("/console/history.js");
          const points = times.map((s) => ({ t: s * 1000 }));
          return points.map((_, at) => at).filter((at) => at > 0 && isGap(points, at, null));
        }""",
        slow + quick + after_a_hole,
    )
    assert found == [len(slow) + len(quick)]


def test_the_console_speaks_german(lively, page):
    _, url = lively
    page.goto(url)
    page.get_by_role("button", name="Deutsch").click()
    expect(page.locator("#quarantine-count")).to_have_text("1 Nachricht", timeout=PATIENCE_MS)
    expect(page.locator("#devices-title")).to_have_text("Geräte")


def test_the_page_of_the_api_lists_routes_and_asks_them(lively, page):
    _, url = lively
    page.goto(f"{url}/docs")
    routes = page.locator("details.route")
    routes.first.wait_for()
    told = routes.locator("summary code").all_inner_texts()
    assert {"GET /v1/readings", "GET /v1/energy", "GET /metrics"} <= set(told)
    readings = page.locator('[id="/v1/readings"]')
    readings.locator("summary").click()
    readings.locator("[name=device]").fill(SCRIPT)
    readings.locator("[name=limit]").fill("1")
    readings.get_by_role("button", name="Ask").click()
    answer = readings.locator("pre").first
    expect(answer).to_contain_text('"humidity"', timeout=PATIENCE_MS)
    assert page.locator("img").count() == 0
    assert "%3Cimg" in readings.locator(".asks a").get_attribute("href")
    page.locator('[id="/v1/live"] summary').click()
    page.locator('[id="/v1/live"]').get_by_role("button", name="Ask").click()
    live = page.locator('[id="/v1/live"] pre').first
    expect(live).to_contain_text("event: counters", timeout=PATIENCE_MS)
