"""The system page in a real browser: sources, ledger, throughput, and what is wrong in words."""

import time
from dataclasses import replace
from types import SimpleNamespace

import pytest
from api_town import Town, served, until
from playwright.sync_api import expect
from test_api_browser import MINUTE_NS, PATIENCE_MS, browser, page  # noqa: F401

from api.app import create_app


def source(**more):
    """Return a broker that is well, unless told otherwise."""
    now_ns = time.time_ns()
    facts = {"name": "embedded", "url": "mqtt://127.0.0.1:1883", "connected": True,
             "since_ns": now_ns - 30 * MINUTE_NS, "messages": 1200, "bytes": 961_000,
             "last_ns": now_ns, "connections": 1, "at_most_once": (), "error": None}  # fmt: skip
    return SimpleNamespace(**(facts | more))


@pytest.fixture
def running(tmp_path):
    town = Town(tmp_path)
    started_ns = time.time_ns() - 90 * MINUTE_NS
    town.house = replace(town.house, now_ns=time.time_ns, started_ns=started_ns)
    town.app = create_app(town.house)
    town.sources = [source()]
    town.tell("sensor", "temperature", [time.time_ns()], [20.0])
    town.uplink("tele/broken/SENSOR", b"{", time.time_ns())
    with served(town) as url:
        yield town, url
    town.store.close()


def numbers(page, box: str) -> list[str]:  # noqa: F811
    return page.locator(f"{box} dd").all_inner_texts()


def test_an_operator_sees_that_all_is_well_and_what_comes(running, page):  # noqa: F811
    town, url = running
    page.goto(f"{url}/system")
    expect(page.locator("#verdict")).to_contain_text("All well", timeout=PATIENCE_MS)
    expect(page.locator("#about")).to_contain_text("Version 1.2.3, up for 90")
    expect(page.locator(".source")).to_contain_text("961 kB")
    expect(page.locator(".source .word")).to_have_text("connected")
    expect(page.locator("#ledger-verdict")).to_have_text("adds up", timeout=PATIENCE_MS)
    assert numbers(page, "#ledger") == ["2", "1", "0", "1"]
    expect(page.locator("#run-state")).to_contain_text("Nothing was reprocessed")
    until(lambda: town.feed.listeners)
    town.tell("sensor", "temperature", [time.time_ns()], [21.0])
    expect(page.locator("#ledger dd").first).to_have_text("3", timeout=PATIENCE_MS)
    page.locator("#plot .scatterlayer .trace path").first.wait_for(state="attached")
    expect(page.locator("#rate")).not_to_have_text("–")


def test_what_is_wrong_is_said_in_words_and_in_german(running, page):  # noqa: F811
    town, url = running
    lost = {"connected": False, "last_ns": None, "error": "connection refused"}
    plain = ("zigbee2mqtt/#", "<img src=x>")
    town.sources = [source(), source(name="city", url="mqtt://b", at_most_once=plain, **lost)]
    town.fault = "the disk is full"
    town.live.behind_s = 42.0
    page.goto(f"{url}/system")
    expect(page.locator("#verdict")).to_have_text("3 problems", timeout=PATIENCE_MS)
    problems = page.locator("#problems li")
    expect(problems.nth(0)).to_contain_text("Broker mqtt://b: connection refused")
    expect(problems.nth(1)).to_contain_text("Nothing is acknowledged until it does again")
    expect(problems.nth(2)).to_contain_text("42 s behind")
    expect(page.locator(".source").nth(1)).to_contain_text("zigbee2mqtt/#")
    assert page.locator(".source img").count() == 0
    page.get_by_role("button", name="Deutsch").click()
    expect(page.locator("#verdict")).to_have_text("3 Störungen")
    expect(problems.nth(1)).to_contain_text("Der Speicher nimmt keine Werte an: the disk is full")
    town.fault, town.sources, town.live.behind_s = None, [source()], 0.0
    expect(page.locator("#verdict")).to_contain_text("Alles in Ordnung", timeout=PATIENCE_MS)
    expect(problems).to_have_count(0)


def test_a_reprocessing_is_told_of(running, page):  # noqa: F811
    town, url = running
    town.past.reprocess("sensor", 0, time.time_ns(), True)
    until(lambda: not town.past.last_run().running)
    page.goto(f"{url}/system")
    expect(page.locator("#run-word")).to_have_text(
        "done · a trial: nothing is changed", timeout=PATIENCE_MS
    )
    expect(page.locator("#run dd").first).to_have_text("sensor")


def test_a_restart_begins_the_rate_anew_and_a_lost_feed_is_not_zero(running, page):  # noqa: F811
    _, url = running
    page.goto(f"{url}/system")
    found = page.evaluate(
        """async () => {
          const { Throughput } = await import("/console/throughput.js");
          const real = Date.now;
          let at = 1e12;
          Date.now = () => at;
          const [node, state, figure] = ["div", "div", "p"].map((n) => document.createElement(n));
          const one = new Throughput(node, state, figure);
          const rates = () => one.points().map((point) => point && Math.round(point.rate));
          const told = [];
          one.live(true);
          for (let s = 0; s < 4; s += 1, at += 1000) { one.take(s * 10); one.tick(); }
          told.push(rates());
          one.live(false);
          one.live(true);
          at += 5000;
          one.take(30);
          for (let s = 0; s < 2; s += 1) { at += 1000; one.tick(); }
          told.push(rates());
          one.take(5);
          told.push(rates());
          Date.now = real;
          return told;
        }"""
    )
    assert found == [[10, 10, 10], [10, 10, 10, None, 0, 0], []]


def test_the_page_fits_a_phone(running, page):  # noqa: F811
    town, url = running
    town.sources = [source(url="mqtts://" + "a-long-name." * 6 + "example:8883")]
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{url}/system")
    expect(page.locator(".source")).to_have_count(1, timeout=PATIENCE_MS)
    for name in ("English", "Deutsch"):
        page.get_by_role("button", name=name).click()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
