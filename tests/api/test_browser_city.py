"""The citizens' page in a real browser, as somebody without a key sees it."""

import re

import pytest
from api_town import served
from playwright.sync_api import expect
from test_api_browser import browser, page  # noqa: F401 (fixtures)
from test_api_public import city  # noqa: F401 (a fixture)

from api.app import create_app

PHONE = {"width": 390, "height": 844}


@pytest.fixture
def open_city(city):  # noqa: F811
    city.opener.look()
    city.opener.look()
    city.town.app = create_app(city.house)
    with served(city.town) as url:
        yield url


def test_totals_and_places_are_shown_and_lie_in_the_address(open_city, page):  # noqa: F811
    page.goto(f"{open_city}/city")
    rows = page.locator("#totals-body tr")
    expect(rows).to_have_count(12)
    expect(rows.first).to_contain_text("2026-03-31")
    expect(page.locator("#totals-body")).to_contain_text("Hörde (Dortmund), homes")
    expect(page.locator("#totals-body")).to_contain_text("at least 5")
    page.locator("#totals-plot .barlayer .trace").first.wait_for(state="attached")
    page.get_by_role("button", name="Month").click()
    expect(rows).to_have_count(3)
    expect(page).to_have_url(re.compile(r"#quantity=active_energy_import&by=month"))
    page.reload()
    expect(rows).to_have_count(3)
    page.locator("#quantity").select_option("water_volume")
    expect(page.locator("#totals-state")).to_contain_text("Nothing is told of this yet")
    expect(page.locator("#places")).to_contain_text("22.0 °C")


def test_it_speaks_german_on_a_phone_and_a_place_opens_by_key(open_city, page):  # noqa: F811
    page.set_viewport_size(PHONE)
    page.goto(f"{open_city}/city")
    page.get_by_role("button", name="Deutsch").click()
    expect(page.locator("#totals-body")).to_contain_text("mindestens 5")
    value = page.locator("#places button").first
    value.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#hours-title")).to_have_text("Temperatur, school, letzte sieben Tage")
    expect(page.locator("#hours-state")).to_contain_text("nichts gemessen")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.get_by_role("button", name="Schließen").click()
    expect(page.locator("#hours")).to_be_hidden()


def test_where_nothing_is_open_it_says_so(city, browser):  # noqa: F811
    city.town.app = create_app(city.town.house)
    with served(city.town) as url:
        page = browser.new_page(locale="en-GB")
        page.goto(f"{url}/city")
        for name in ("totals", "places"):
            expect(page.locator(f"#{name}-state")).to_contain_text("nothing is open to the public")
        page.close()
