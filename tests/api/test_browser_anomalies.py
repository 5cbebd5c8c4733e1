"""The page of anomalies in a real browser: found, explained, acknowledged, seen elsewhere."""

import re
import time

import pytest
from api_town import Town, anomaly, served, until
from catalog_town import catalogued
from playwright.sync_api import expect
from test_api_browser import MINUTE_NS, PATIENCE_MS, browser, page  # noqa: F401


@pytest.fixture
def worked(tmp_path):
    town = Town(tmp_path)
    now_ns = time.time_ns()
    times = [now_ns - k * MINUTE_NS for k in range(60, 0, -1)]
    town.tell("sensor", "temperature", times, [20.0] * 50 + [85.0] + [20.0] * 9)
    town.tell("meter", "active_power", times, [100.0] * 60)
    town.anomalies(
        anomaly("hot", times[50], times[51], device="sensor", text="too hot"),
        anomaly("mute", times[40], None, kind="silence", quantity="", value=None, expected=None,
                device="meter", text="meter is silent"),
    )  # fmt: skip
    with catalogued(town, tmp_path, {"meter": "school"}), served(town) as url:
        yield town, url
    town.store.close()


def test_the_silent_device_is_acknowledged_and_a_second_page_follows(worked, page):  # noqa: F811
    town, url = worked
    page.goto(f"{url}/anomalies")
    row = page.locator("#queue button")
    expect(row).to_have_count(1, timeout=PATIENCE_MS)
    expect(row).to_contain_text("Silence")
    expect(row).to_contain_text("Grundschule")
    second = page.context.new_page()
    second.goto(f"{url}/anomalies#id=mute")
    expect(second.locator("#one-text")).to_have_text("meter is silent", timeout=PATIENCE_MS)
    until(lambda: town.feed.listeners == 2)
    page.keyboard.press("j")
    expect(page.locator("#one-text")).to_have_text("meter is silent", timeout=PATIENCE_MS)
    page.keyboard.press("a")
    for one in (page, second):
        expect(one.locator("#queue button")).to_contain_text("acknowledged", timeout=PATIENCE_MS)
        expect(one.locator("#said li")).to_have_count(1, timeout=PATIENCE_MS)
    page.locator("#note").fill("battery changed")
    page.locator("[data-say=close]").click()
    expect(second.locator("#said")).to_contain_text("battery changed", timeout=PATIENCE_MS)
    expect(second.locator("[data-say=reopen]")).to_be_visible()


def test_an_ended_one_shows_its_series_also_on_a_phone_and_in_german(worked, page):  # noqa: F811
    _, url = worked
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{url}/anomalies#state=ended&id=hot")
    page.locator("#plot .scatterlayer .trace path").first.wait_for(state="attached")
    expect(page.locator("#one-facts")).to_contain_text("85.0 °C")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    expect(page.locator("#one-device")).to_have_attribute(
        "href", re.compile("=sensor&quantity=temp")
    )
    inside = page.locator("#filters [name=device]").bounding_box()
    assert inside["x"] + inside["width"] <= 390 - 8 - 14
    page.get_by_role("button", name="Deutsch").click()
    expect(page.locator("[data-say=acknowledge]")).to_have_text("Quittieren")
    expect(page.locator("#queue button")).to_contain_text("Ausreißer")
    page.set_viewport_size({"width": 390, "height": 320})
    page.evaluate("scrollTo(0, 0)")
    expect(page.locator("#one-title")).not_to_be_in_viewport()
    page.locator("#queue button").click()
    expect(page.locator("#one-title")).to_be_in_viewport(timeout=PATIENCE_MS)
