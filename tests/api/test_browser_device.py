"""The page of a device in a real browser: found, read, heard, taken home, and told when unknown."""

import re
import time
from dataclasses import replace

import numpy as np
import pytest
from api_town import SCRIPT, Town, anomaly, served, until
from catalog_town import catalogued
from playwright.sync_api import expect
from test_api_browser import MINUTE_NS, PATIENCE_MS, browser, page  # noqa: F401

from analytics.oddities import Found

HOUR_NS = 60 * MINUTE_NS
SIDEWAYS = """[...document.querySelectorAll("main *")].filter((one) => !one.closest(".wide, svg")
  && one.getBoundingClientRect().right > 390.5).map((one) => one.outerHTML.slice(0, 90))"""


def tasmota(at_ns: int, total: float, power: float) -> bytes:
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at_ns / 1e9))
    return b'{"Time":"%s","ENERGY":{"Total":%.3f,"Power":%d}}' % (at.encode(), total, power)


def lines(least: int) -> re.Pattern[str]:
    """Return what matches a path of at least so many lines, without a gap."""
    return re.compile(rf"^M[^LM]*(L[^LM]*){{{least},}}$")


@pytest.fixture
def house(tmp_path):
    """Serve a plug with ten hours of messages and an exchange, a sensor, and a strange name."""
    town = Town(tmp_path)
    town.house = replace(town.house, now_ns=time.time_ns)
    now_ns = time.time_ns() // 10**9 * 10**9
    for k in range(60, 0, -1):  # every 10 min: 10 h
        at_ns = now_ns - k * 10 * MINUTE_NS
        town.uplink("tele/plug/SENSOR", tasmota(at_ns, 100 - k / 10, 600 - k), at_ns)
    days = now_ns - np.arange(86, 26, -1) * HOUR_NS
    town.tell("plug", "temperature", days, np.full(60, 21.5))
    town.tell(SCRIPT, "humidity", [now_ns], [40.0])
    town.tell("a81758fffe0546b2", "co2", [now_ns - HOUR_NS], [400.0])
    town.anomalies(
        anomaly("hot", now_ns - 3 * HOUR_NS, now_ns - 2 * HOUR_NS, device="plug", text="too hot"),
        anomaly("other", now_ns - HOUR_NS, None, device="a81758fffe0546b2", text="not of it"),
    )
    of = {"device": "plug", "quantity": "active_energy_import", "channel": ""}
    with catalogued(town, tmp_path, {"plug": "school"}) as catalog:
        catalog.put("meters", [of | {"installed": now_ns - 900 * HOUR_NS, "serial": "1ESY1160"}])
        catalog.exchange(
            tuple(of.values()), now_ns - 600 * HOUR_NS, serial="1ESY2201", last=88_000.0, first=0.0
        )
        with served(town) as url:
            yield town, url
    town.store.close()


def test_a_device_shows_where_it_is_its_series_and_what_was_said_of_it(house, page):  # noqa: F811
    _, url = house
    page.goto(f"{url}/device?id=plug")
    cards = page.locator("#cards button")
    expect(cards).to_have_count(3, timeout=PATIENCE_MS)
    assert page.title() == "plug · Emscher"
    facts = page.locator("#facts")
    for said in ("Grundschule", "Hörde", "dortmund", "tasmota", "format: tasmota, by its topic"):
        expect(facts).to_contain_text(said, timeout=PATIENCE_MS)
    expect(cards.nth(0)).to_contain_text("Power")
    expect(cards.nth(0)).to_contain_text("599 W")
    expect(cards.nth(0)).to_have_attribute("aria-pressed", "true")
    expect(cards.nth(0).locator("path")).to_have_attribute("d", lines(20), timeout=PATIENCE_MS)
    page.locator("#plot .scatterlayer .trace path").first.wait_for(state="attached")
    expect(page.locator("#big-note")).to_contain_text("lowest 540 W, highest 599 W")
    expect(cards.nth(1)).to_contain_text("nothing in this time")  # it is of before

    odd = page.locator("#anomalies-list a")
    expect(odd).to_have_count(1)
    expect(odd).to_contain_text("too hot")
    expect(odd).to_have_attribute("href", "anomalies#state=ended&days=1&device=plug&id=hot")
    expect(page.locator("#quality-rows tr")).to_have_count(3)
    expect(page.locator("#quality-rows tr").filter(has_text="Power")).to_contain_text("60")
    expect(page.locator("#meters-rows tr")).to_have_count(2, timeout=PATIENCE_MS)
    expect(page.locator("#meters-rows tr").first).to_contain_text("1ESY1160")
    expect(page.locator("#meters-rows tr").first).to_contain_text("88.00 kWh")
    expect(page.locator("#meters-rows tr").last).to_contain_text("is there")
    odd.click()
    expect(page.locator("#one-text")).to_have_text("too hot", timeout=PATIENCE_MS)
    expect(page.locator("#one-device")).to_have_attribute(
        "href", "device?id=plug&quantity=temperature"
    )


def test_the_address_keeps_device_period_and_series(house, page):  # noqa: F811
    _, url = house
    page.goto(f"{url}/device?id=plug")
    temperature = page.locator("#cards button").filter(has_text="Temperature")
    temperature.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#big-title")).to_have_text("Temperature")
    expect(page.locator("#plot-state")).to_contain_text("No readings", timeout=PATIENCE_MS)
    page.get_by_role("button", name="Week").click()
    expect(page.locator("#plot-state")).to_be_hidden(timeout=PATIENCE_MS)
    asked = "id=plug&period=week&quantity=temperature"
    assert page.url == f"{url}/device?{asked}"
    page.reload()
    expect(page.locator("#big-title")).to_have_text("Temperature", timeout=PATIENCE_MS)
    expect(temperature).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("button", name="Week")).to_have_attribute("aria-pressed", "true")
    expect(temperature.locator("path")).to_have_attribute("d", lines(40))
    with page.expect_download() as table:
        page.locator("#csv-readings").click()
    assert table.value.suggested_filename == "emscher-plug-temperature-week-readings.csv"
    assert len(table.value.path().read_text().splitlines()) == 61
    with page.expect_download() as table:
        page.locator("#csv").click()
    assert table.value.path().read_text().startswith("device,quantity,channel,unit,start,end,count")
    page.locator("#plot .scatterlayer .trace path").first.wait_for(state="attached")
    with page.expect_download() as picture:
        page.locator("#png").click()
    assert picture.value.path().read_bytes().startswith(b"\x89PNG")


def test_a_message_opens_with_its_bytes_and_what_it_says(house, page):  # noqa: F811
    _, url = house
    page.goto(f"{url}/device?id=plug")
    rows = page.locator("#messages > li")
    expect(rows).to_have_count(20, timeout=PATIENCE_MS)
    expect(rows.first).to_contain_text("tele/plug/SENSOR")
    rows.first.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(rows.first.locator(".reads")).to_contain_text("599 W")
    expect(rows.first.locator(".reads")).to_contain_text("99.90 kWh")
    expect(rows.first).to_contain_text("format: tasmota, by its topic")
    expect(rows.first.locator("pre")).to_contain_text('"Power": 599')
    rows.first.get_by_role("button", name="Hex").click()
    expect(rows.first.locator("pre")).to_contain_text("0000  7b 22 54 69 6d 65 22 3a")
    rows.first.get_by_role("button", name="Text").click()
    expect(rows.first.locator("pre")).to_contain_text('"ENERGY":{"Total":99.900,"Power":599}')
    page.locator("#messages-more").click()
    expect(rows).to_have_count(40, timeout=PATIENCE_MS)
    page.locator("#messages-more").click()
    expect(rows).to_have_count(60, timeout=PATIENCE_MS)
    expect(rows.first.locator("details")).to_have_attribute("open", "")


def test_what_comes_is_seen_at_once(house, page):  # noqa: F811
    town, url = house
    page.goto(f"{url}/device?id=plug")
    power = page.locator("#cards button").first
    expect(power).to_contain_text("599 W", timeout=PATIENCE_MS)
    expect(page.locator("#badge")).to_have_text("up")
    expect(page.locator("#messages > li")).to_have_count(20, timeout=PATIENCE_MS)
    until(lambda: town.feed.listeners)
    now_ns = time.time_ns() // 10**9 * 10**9
    town.uplink("tele/plug/SENSOR", tasmota(now_ns, 100.1, 777), now_ns)
    town.tell("a81758fffe0546b2", "co2", [now_ns], [999.0])
    expect(power).to_contain_text("777 W", timeout=PATIENCE_MS)
    expect(page.locator("#big-note")).to_contain_text("highest 777 W", timeout=PATIENCE_MS)
    first = page.locator("#messages > li").first
    first.locator("summary").click()
    town.tell("plug", "co2", [now_ns], [417.0])  # a series that is new
    expect(page.locator("#cards button").filter(has_text="417 ppm")).to_be_visible(
        timeout=PATIENCE_MS
    )
    assert page.locator("#cards").get_by_text("999").count() == 0
    expect(page.locator("#messages-count")).to_have_text("21 shown", timeout=PATIENCE_MS)
    mute = anomaly("mute", now_ns, None, kind="silence", quantity="", device="plug", text="mute")
    town.anomalies(mute)
    town.teller.found(Found([mute], []))
    expect(page.locator("#badge")).to_have_text("silent", timeout=PATIENCE_MS)
    expect(page.locator("#anomalies-list a")).to_have_count(2)
    expect(page.locator("#anomalies-list a").first).to_have_attribute(
        "href", "anomalies#device=plug&id=mute"
    )


def test_an_unknown_device_is_told_and_the_one_that_was_meant_offered(house, page):  # noqa: F811
    _, url = house
    page.goto(f"{url}/device?id=A81758FFFE0546B2")
    state = page.locator("#head-state")
    expect(state).to_contain_text("No device “A81758FFFE0546B2” was ever heard")
    expect(page.locator("#rest")).to_be_hidden()
    state.get_by_role("link", name="a81758fffe0546b2").click()
    expect(page.locator("#cards button")).to_have_count(1, timeout=PATIENCE_MS)
    # It has no message and no meter: that is said, too, or left out.
    expect(page.locator("#messages-state")).to_contain_text("No message of it is kept")
    expect(page.locator("#meters")).to_be_hidden()
    page.goto(f"{url}/device?id=%3Cimg src=x onerror=alert(1)%3Ex")
    expect(state).to_contain_text("<img src=x")
    state.get_by_role("link", name="Search").click()
    expect(page.locator("#all-state")).to_contain_text("No device fits", timeout=PATIENCE_MS)


def test_without_an_id_there_is_a_list_to_search(house, page):  # noqa: F811
    town, url = house
    town.live.still.add("a81758fffe0546b2")
    page.goto(f"{url}/energy")
    page.get_by_role("link", name="Devices").click()
    rows = page.locator("#all-rows tr")
    expect(rows).to_have_count(3, timeout=PATIENCE_MS)
    expect(rows.filter(has_text="a81758")).to_contain_text("silent")
    expect(rows.filter(has_text="plug")).to_contain_text("Grundschule")
    assert page.locator("#all-rows img").count() == 0
    page.keyboard.press("/")
    expect(page.locator("#find")).to_be_focused()
    page.keyboard.type("hörde")
    expect(rows).to_have_count(1)
    expect(page.locator("#all-count")).to_have_text("1 of 3 devices")
    assert page.url.endswith("/device?q=h%C3%B6rde")
    page.reload()
    expect(rows).to_have_count(1, timeout=PATIENCE_MS)
    rows.get_by_role("link").click()
    expect(page.locator("#name")).to_have_text("plug")
    page.go_back()
    expect(rows).to_have_count(1, timeout=PATIENCE_MS)


def test_an_error_is_told_and_can_be_tried_again(house, page):  # noqa: F811
    _, url = house
    page.route("**/v1/devices?*", lambda route: route.fulfill(status=200, body="nothing"))
    page.goto(f"{url}/device?id=plug")
    expect(page.locator("#head-state")).to_contain_text("not JSON", timeout=PATIENCE_MS)
    page.unroute("**/v1/devices?*")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("#cards button")).to_have_count(3, timeout=PATIENCE_MS)


def test_a_phone_shows_it_in_german_without_scrolling_sideways(house, page):  # noqa: F811
    _, url = house
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{url}/device?id=plug")
    expect(page.locator("#messages > li")).to_have_count(20, timeout=PATIENCE_MS)
    page.locator("#messages summary").first.click()
    page.get_by_role("button", name="Deutsch").click()
    expect(page.locator("#cards button").first).to_contain_text("Leistung")
    expect(page.locator("#messages-title")).to_have_text("Nachrichten, wie sie kamen")
    expect(page.locator("#messages .reads")).to_contain_text("99,90")
    expect(page.locator("#big-note")).to_contain_text("niedrigster 540", timeout=PATIENCE_MS)
    assert page.evaluate("document.documentElement.lang") == "de"
    page.locator("#plot .scatterlayer .trace path").first.wait_for(state="attached")
    for path in ("/device?id=plug", "/device"):
        page.goto(f"{url}{path}")
        page.locator("#cards button, #all-rows tr").first.wait_for()
        assert page.evaluate(SIDEWAYS) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        tall = "[...document.querySelectorAll('#meters-rows tr')].map((row) => row.offsetHeight)"
        assert max(page.evaluate(tall), default=0) < 60  # not a letter a line
        untold = page.evaluate("document.body.innerText.match(/\\b[a-z]+\\.[a-z.]+\\b/g)")
        assert not untold, "words that the page has no language for"
