"""The map of the live page in a real browser: where devices stand, how they are, picking one."""

import time

import numpy as np
import pytest
from api_town import Town, anomaly, served, until
from catalog_town import catalogued
from playwright.sync_api import expect
from test_api_browser import MINUTE_NS, PATIENCE_MS, browser, device, page  # noqa: F401

AT = {"sensor": "school", "meter": "school", "pump": "pool", "lamp": "hall", "lost": "somewhere"}


@pytest.fixture
def town(tmp_path):
    town = Town(tmp_path)
    now_ns = time.time_ns()
    times = now_ns - np.arange(20, 0, -1) * MINUTE_NS
    for name in AT:
        town.tell(name, "temperature", times, np.full(20, 20.0))
    town.anomalies(
        anomaly("hot", now_ns - 5 * MINUTE_NS, None, device="lamp"),
        anomaly("mute", now_ns - 9 * MINUTE_NS, None, kind="silence", quantity="", device="pump"),
    )
    yield town
    town.store.close()


@pytest.fixture
def placed(town, tmp_path):
    with catalogued(town, tmp_path, AT), served(town) as url:
        yield town, url


def dot(page, name: str):  # noqa: F811
    return page.locator(f'#map [data-id="{name}"]')


def middle(page, name: str) -> tuple[float, float]:  # noqa: F811
    box = dot(page, name).locator(".mark").bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_devices_stand_where_their_sites_are_with_a_shape_for_each_state(placed, page):  # noqa: F811
    town, url = placed
    page.goto(url)
    page.locator("[data-view=map]").click()
    expect(page.locator("#map .dot")).to_have_count(4, timeout=PATIENCE_MS)
    expect(page.locator("#devices-table")).to_be_hidden()
    expect(page.locator("#map-count")).to_contain_text("1 device has no place")
    assert page.locator("#map .district text").all_text_contents() == ["Hörde", "Innenstadt"]
    states = {name: dot(page, name).get_attribute("data-state") for name in ("pump", "lamp")}
    assert states == {"pump": "silent", "lamp": "odd"}
    shapes = {dot(page, n).locator(".mark").get_attribute("d") for n in ("pump", "lamp", "meter")}
    assert len(shapes) == 3
    expect(dot(page, "pump")).to_have_attribute("aria-label", "pump, silent, Südbad, Hörde")
    school, pool, hall = (middle(page, name) for name in ("meter", "pump", "lamp"))
    # 7.50, 7.51 and 7.46 degrees east; 51.49, 51.50 and 51.51 north.
    east, north = school[0] - hall[0], school[1] - hall[1]
    assert east > 0
    assert north > 0
    assert (pool[0] - hall[0]) / east == pytest.approx(5 / 4, abs=0.03)
    assert (pool[1] - hall[1]) / north == pytest.approx(1 / 2, abs=0.06)
    # 0.04 degrees of longitude are 1.245 times as long as 0.02 of latitude at 51.5 degrees north.
    assert east / north == pytest.approx(2 * np.cos(np.radians(51.5)), rel=0.05)
    until(lambda: town.feed.listeners)
    town.anomalies(anomaly("now", time.time_ns(), None, device="meter"))
    page.reload()
    expect(dot(page, "meter")).to_have_attribute("data-state", "odd", timeout=PATIENCE_MS)


def test_a_dot_picks_its_device_by_pointer_and_by_keyboard(placed, page):  # noqa: F811
    _, url = placed
    page.goto(f"{url}#view=map&device=meter")
    expect(page.locator("#chart-device")).to_have_text("meter", timeout=PATIENCE_MS)
    expect(dot(page, "meter")).to_have_attribute("aria-current", "true")
    dot(page, "lamp").click()
    expect(page.locator("#chart-device")).to_have_text("lamp", timeout=PATIENCE_MS)
    assert "view=map" in page.url
    expect(page.locator("#map-note")).to_contain_text("lamp · odd · Rathaus · Innenstadt")
    dot(page, "lamp").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(dot(page, "pump")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#chart-device")).to_have_text("pump", timeout=PATIENCE_MS)
    expect(page.locator('#map [tabindex="0"].dot')).to_have_count(1)


def test_search_and_filter_hold_on_the_map_and_a_district_is_shown_alone(placed, page):  # noqa: F811
    _, url = placed
    page.goto(f"{url}#view=map")
    dots = page.locator("#map .dot")
    expect(dots).to_have_count(4, timeout=PATIENCE_MS)
    page.locator("[data-filter=silent]").click()
    expect(dots).to_have_count(1)
    page.locator("[data-filter=all]").click()
    page.locator("[data-district=Hörde]").focus()
    page.keyboard.press("Enter")
    expect(dots).to_have_count(3)
    expect(page.locator("#map-all")).to_be_focused()
    page.keyboard.press("Enter")
    expect(dots).to_have_count(4)
    page.locator("#search").fill("lamp")
    expect(dots).to_have_count(1)
    page.locator("[data-view=list]").click()
    expect(device(page, "lamp")).to_be_visible()
    assert "view" not in page.url


def test_without_coordinates_there_is_no_map(town, page):  # noqa: F811
    with served(town) as url:
        page.goto(f"{url}#view=map")
        expect(device(page, "lamp")).to_be_visible(timeout=PATIENCE_MS)
        expect(page.locator("#view")).to_be_hidden()
        page.goto("about:blank")  # before the server ends


def test_the_map_fits_a_phone_in_both_languages(placed, page):  # noqa: F811
    _, url = placed
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{url}#view=map")
    expect(page.locator("#map .dot")).to_have_count(4, timeout=PATIENCE_MS)
    page.get_by_role("button", name="Deutsch").click()
    expect(page.locator("[data-view=map]")).to_have_text("Karte")
    expect(dot(page, "pump")).to_have_attribute("aria-label", "pump, stumm, Südbad, Hörde")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_hull_goes_around_and_neighbours_stay_apart(placed, page):  # noqa: F811
    _, url = placed
    page.goto(url)
    corners, least = page.evaluate(
        """async () => {
          const { around, hull } = await import("/console/map-geometry.js");
          const grid = [0, 1, 2].flatMap((x) => [0, 1, 2].map((y) => [x, y]));
          const dots = around([0, 0], 200);
          let least = Infinity;
          dots.forEach((a, i) => dots.slice(i + 1).forEach((b) => {
            least = Math.min(least, Math.hypot(a[0] - b[0], a[1] - b[1]));
          }));
          return [hull(grid), least];
        }"""
    )
    assert sorted(corners) == [[0, 0], [0, 2], [2, 0], [2, 2]]
    assert least > 10
