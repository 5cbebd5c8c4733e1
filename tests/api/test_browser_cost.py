"""What energy costs, on the energy page in a real browser."""

from dataclasses import replace

import numpy as np
import pytest
from api_town import HOUR_NS, Town, served
from playwright.sync_api import expect
from test_api_browser import browser, page  # noqa: F401

from analytics.tariffs import EXAMPLES, Tariffs
from api.app import create_app
from ingest.clock import rfc3339_ns

MARCH = "#start=2026-03-01&end=2026-04-01&by=month"


@pytest.fixture
def priced(tmp_path):
    """Serve a meter that counts 1 kWh an hour in March 2026, with the example tariff."""
    town = Town(tmp_path)
    first = rfc3339_ns("2026-02-28T23:00:00Z")
    hours = np.arange(744)
    town.tell("meter", "active_energy_import", first + HOUR_NS * hours, hours * 1000.0)
    town.house = replace(town.house, tariffs=Tariffs([EXAMPLES]))
    town.app = create_app(town.house)
    with served(town) as url:
        yield url
    town.store.close()


def test_a_tariff_is_chosen_and_its_bands_stand_in_the_table(priced, page):  # noqa: F811
    """March has 743 hours, 31 nights of 8 hours less the one that clocks skip, 9 weekend days."""
    page.goto(f"{priced}/energy{MARCH}")
    expect(page.locator("#sums-body tr")).to_have_count(1)
    expect(page.locator("#cost")).to_be_hidden()
    page.get_by_label("Tariff").select_option("example-day-night")
    page.get_by_label("CO₂ intensity").select_option("example-co2")
    page.get_by_role("button", name="Show").click()
    row = page.locator("#cost-body tr")
    expect(row).to_have_count(1)
    # hours by price, and the standing charge, with 19 % VAT
    night, weekend, day = 31 * 8 - 1, 9 * 16, 22 * 16
    assert night + weekend + day == 743
    expect(row).to_contain_text("65.08 EUR")  # 54.6858 with VAT
    expect(row).to_contain_text("247.00 kWh")
    expect(row).to_contain_text("42.53 EUR")  # 35.7408
    expect(row).to_contain_text("118.58 EUR")  # 99.6512
    expect(row).to_contain_text("9.69 EUR")  # 96 EUR by the year, 743 of its 8,760 hours
    expect(row).to_contain_text("235.88 EUR")
    expect(row).to_contain_text("267.5 kg")  # 743 * 360 g = 267.48 kg
    page.locator("#cost-plot .barlayer .point").first.wait_for(state="attached")
    assert page.locator("#cost-head .band-shade").count() == 4
    with page.expect_download() as table:
        page.locator("#cost-csv").click()
    name = "emscher-active_energy_import-2026-03-01-cost-month.csv"
    assert table.value.suggested_filename == name
    assert "EUR" in table.value.path().read_text().splitlines()[1]
    with page.expect_download() as picture:
        page.locator("#cost-png").click()
    assert picture.value.path().read_bytes().startswith(b"\x89PNG")
    assert "tariff=example-day-night" in page.url, "every view has its own address"
    page.get_by_role("button", name="Deutsch").click()
    expect(page.locator("#cost-title")).to_have_text("Kosten und CO₂ je Zeitraum")
    expect(row).to_contain_text("118,58 EUR")
    expect(page.locator("#cost-head")).to_contain_text("Grundpreis (je Jahr)")


def test_a_phone_shows_the_cost_without_scrolling_sideways(priced, page):  # noqa: F811
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{priced}/energy{MARCH}&tariff=example-day-night&co2=example-co2")
    expect(page.locator("#cost-body tr")).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    for control in page.locator("input, select").all():
        assert control.evaluate("node => node.labels.length") == 1


def test_a_tariff_that_is_gone_is_told(priced, browser):  # noqa: F811
    plain = browser.new_page(locale="en-GB")  # its console tells of the refusal
    plain.goto(f"{priced}/energy{MARCH}&tariff=none")
    expect(plain.locator("#cost-state")).to_contain_text("tariff: expected one that /v1/tariffs")
    expect(plain.locator("#sums-body tr")).to_have_count(1)
    plain.close()
