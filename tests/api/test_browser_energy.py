"""The energy page in a real browser: March against last March over the change of clocks."""

import numpy as np
import pytest
from api_town import HOUR_NS, Town, served
from playwright.sync_api import expect
from test_api_browser import browser, page  # noqa: F401

from ingest.clock import rfc3339_ns

MARCH = "#start=2026-03-01&end=2026-04-01&by=day&against=2025-03-01"


@pytest.fixture
def marches(tmp_path):
    """Serve a meter that counts 100 Wh an hour last March and 200 Wh in this one."""
    town = Town(tmp_path)
    first, second = rfc3339_ns("2025-02-28T23:00:00Z"), rfc3339_ns("2026-02-28T23:00:00Z")
    hours = np.arange(744)
    town.tell("meter", "active_energy_import", first + HOUR_NS * hours, hours * 100.0)
    town.tell("meter", "active_energy_import", second + HOUR_NS * hours, 1e6 + hours * 200.0)
    for name in ("water-1", "water-2"):
        town.tell(name, "water_volume", second + HOUR_NS * hours, hours * 0.1)
    with served(town) as url:
        yield url
    town.store.close()


def test_march_is_compared_with_last_march_over_the_change_of_clocks(marches, page):  # noqa: F811
    page.goto(f"{marches}/energy{MARCH}")
    rows = page.locator("#sums-body tr")
    expect(rows).to_have_count(31)
    # 29 March 2026 has 23 hours of 200 Wh, 29 March 2025 has 24 of 100 Wh.
    expect(rows.nth(28)).to_contain_text("4.60 kWh")
    expect(rows.nth(28)).to_contain_text("2.40 kWh")
    expect(rows.nth(28)).to_contain_text("+91.7")
    page.locator("#heat-plot .heatmaplayer image").first.wait_for(state="attached")
    with page.expect_download() as table:
        page.locator("#sums-csv").click()
    assert table.value.suggested_filename == "emscher-active_energy_import-2026-03-01-day.csv"
    assert len(table.value.path().read_text().splitlines()) == 32
    with page.expect_download() as picture:
        page.locator("#heat-png").click()
    assert picture.value.suggested_filename == "emscher-heat-2026-03-01.png"
    assert picture.value.path().read_bytes().startswith(b"\x89PNG")
    # Each March has 743 hours.
    expect(page.locator("#totals")).to_contain_text("148.60 kWh")
    expect(page.locator("#totals")).to_contain_text("74.30 kWh")
    expect(page.locator("#totals")).to_contain_text("+100.0")
    page.locator("#load-plot .scatterlayer .trace path").first.wait_for(state="attached")
    expect(page.locator("#load-facts")).to_contain_text("Base load")
    expect(page.locator("#load-facts")).to_contain_text("200 W, ")
    with page.expect_download() as curve:
        page.locator("#load-csv").click()
    assert curve.value.suggested_filename == "emscher-active_energy_import-2026-03-01-load.csv"
    lines = curve.value.path().read_text().splitlines()
    assert lines[0] == "share,power,unit"
    assert lines[-1].startswith("1,200")
    rows.nth(28).get_by_role("link").click()
    expect(rows).to_have_count(23)
    page.go_back()
    expect(rows).to_have_count(31)
    page.get_by_role("button", name="Deutsch").click()
    expect(page.locator("#sums-title")).to_have_text("Energie je Zeitraum")
    expect(rows.nth(28)).to_contain_text("4,60 kWh")


def test_a_phone_shows_it_without_scrolling_sideways(marches, page):  # noqa: F811
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{marches}/energy{MARCH}")
    expect(page.locator("#sums-body tr")).to_have_count(31)
    page.locator("#heat-plot .heatmaplayer image").first.wait_for(state="attached")
    wide = """[...document.querySelectorAll("main *")].filter((one) => !one.closest(".wide, svg")
      && one.getBoundingClientRect().right > 390.5).map((one) => one.outerHTML.slice(0, 90))"""
    assert page.evaluate(wide) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    for control in page.locator("input, select").all():
        assert control.evaluate("node => node.labels.length") == 1


def test_spans_that_are_often_asked_for_follow_the_local_calendar(marches, page):  # noqa: F811
    page.goto(f"{marches}/energy{MARCH}")
    expect(page.locator("#presets button")).to_have_count(6)
    script = "today => import('/console/energy-presets.js').then((one) => one.presets(today))"
    sunday = page.evaluate(script, "2026-03-29")
    assert sunday["today"] == {"start": "2026-03-29", "end": "2026-03-30", "by": "hour"}
    assert sunday["week"] == {"start": "2026-03-23", "end": "2026-03-30", "by": "day"}
    assert sunday["lastMonth"] == {"start": "2026-02-01", "end": "2026-03-01", "by": "day"}
    new_year = page.evaluate(script, "2027-01-01")
    assert new_year["week"]["start"] == "2026-12-28"
    assert new_year["lastMonth"] == {"start": "2026-12-01", "end": "2027-01-01", "by": "day"}
    assert new_year["thisYear"]["start"] == "2027-01-01"
    assert new_year["lastYear"] == {"start": "2026-01-01", "end": "2027-01-01", "by": "month"}
    button = page.get_by_role("button", name="Last year")
    button.focus()
    page.keyboard.press("Enter")
    expect(button).to_have_attribute("aria-pressed", "true")
    expect(button).to_be_focused()
    assert "by=month" in page.url
    assert "against" not in page.url
    expect(page.locator("#sums-body tr")).to_have_count(12)
    page.go_back()
    expect(page.locator("#sums-body tr")).to_have_count(31)


def test_groups_lie_upon_each_other_period_by_period(marches, page):  # noqa: F811
    chosen = "quantity=water_volume&start=2026-03-01&end=2026-04-01&by=day&per=device"
    page.goto(f"{marches}/energy#{chosen}")
    page.locator("#sums-plot .legend .traces").first.wait_for(state="attached")
    expect(page.locator("#sums-plot .barlayer .trace")).to_have_count(2)
    expect(page.locator("#sums-plot .barlayer .point")).to_have_count(62)
    expect(page.locator("#sums-plot .xtick").first).to_have_text("2026-03-01")
