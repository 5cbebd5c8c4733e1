"""The page of data quality in a real browser: the worst series first, and what is in quarantine."""

import time
from dataclasses import replace

import numpy as np
import pytest
from api_town import Town, served
from playwright.sync_api import expect
from test_api_browser import MINUTE_NS, PATIENCE_MS, browser, page  # noqa: F401

from api.app import create_app
from ingest.decode import Decoder
from ingest.reading import Envelope

TASMOTA = b'{"Time":"%s","ENERGY":{"Power":12}}'


@pytest.fixture
def told(tmp_path):
    town = Town(tmp_path)
    town.house = replace(town.house, now_ns=time.time_ns)
    town.app = create_app(town.house)
    now_ns = time.time_ns()
    minutes = now_ns - np.arange(600, 0, -1) * MINUTE_NS
    town.tell("whole", "temperature", minutes, np.full(600, 20.0))
    holed = np.concatenate([minutes[:300], minutes[450:]])  # 2 h 30 min are missing
    town.tell("holed", "co2", holed, np.full(450, 500.0))
    town.tell("door", "contact", minutes[::400], [0.0, 1.0])
    before = now_ns - 3 * 24 * 60 * MINUTE_NS - np.arange(40, 0, -1) * MINUTE_NS
    town.tell("former", "humidity", before, np.full(40, 50.0))
    for k in range(3):
        town.uplink(f"tele/broken-{k}/SENSOR", b"{", now_ns)
    town.uplink("unheard/of/<img src=x>", b"\xff" + b"\x00\x01" * 900, now_ns)
    with served(town) as url:
        yield town, url
    town.store.close()


def devices(page) -> list[str]:  # noqa: F811
    return page.locator("#rows th").all_inner_texts()


def test_the_worst_series_come_first_and_lead_to_their_devices(told, page):  # noqa: F811
    _, url = told
    page.goto(f"{url}/quality")
    rows = page.locator("#rows tr")
    expect(page.locator("#series-count")).to_have_text("4 series", timeout=PATIENCE_MS)
    names = devices(page)
    assert names[:2] == ["former", "holed"]  # nothing of a day; all but 2.5 of 10 h
    assert names.index("whole") < names.index("door")  # what has no usual pause is last
    expect(rows.nth(0)).to_contain_text("0\u00a0%")
    expect(rows.nth(1)).to_contain_text("2\u00a0h 31\u00a0min")
    expect(rows.nth(1).get_by_role("link")).to_have_attribute(
        "href", "device?id=holed&quantity=co2"
    )
    page.locator("#columns [data-sort=longest]").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#columns [data-sort=longest]")).to_be_focused()
    assert "sort=longest" in page.url
    page.locator("#search").fill("co2 hol")
    expect(rows).to_have_count(1)
    page.reload()
    expect(rows).to_have_count(1, timeout=PATIENCE_MS)
    page.locator("[data-days='7']").click()
    expect(page.locator("#series-count")).to_have_text("1 of 4 series", timeout=PATIENCE_MS)
    assert "span=7" in page.url


def test_refusals_are_grouped_shown_whole_and_decoded_again(told, page):  # noqa: F811
    town, url = told
    page.goto(f"{url}/quality")
    groups = page.locator("#groups > li")
    expect(page.locator("#quarantine-count")).to_have_text("4 messages", timeout=PATIENCE_MS)
    expect(groups.first).to_contain_text("3 messages")
    broken = town.store.quarantined(limit=10)
    rule = next(one.rule for one in broken if "broken" in one.topic)
    other = groups.filter(has_text="unheard")
    page.locator("#to-quarantine").click()
    expect(page.locator("#quarantine")).to_be_focused()
    other.locator("> details > summary").click()
    other.locator(".messages summary").click()
    dump = other.locator("pre")
    expect(dump).to_contain_text("ff 00 01", timeout=PATIENCE_MS)
    assert len(dump.inner_text().splitlines()) == -(-1801 // 16)  # all of it, not the first 1024
    assert page.locator("#groups img").count() == 0
    assert "message=" in page.url

    page.locator(f'[data-retry="{rule}"]').click()
    said = page.locator("#retry-state")
    expect(said).to_contain_text("None of 3 is understood yet", timeout=PATIENCE_MS)
    decode_all = Decoder.decode_all

    def mended(self, envelopes):
        """Decode as if the three had come whole."""
        at = time.strftime("%Y-%m-%dT%H:%M:%S").encode()
        return decode_all(
            self, [Envelope(e.source, e.topic, TASMOTA % at, e.received_ns) for e in envelopes]
        )

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Decoder, "decode_all", mended)
        page.locator(f'[data-retry="{rule}"]').click()
        expect(said).to_contain_text("All 3 are understood now", timeout=PATIENCE_MS)
    expect(page.locator("#quarantine-count")).to_have_text("1 message", timeout=PATIENCE_MS)
    page.get_by_role("button", name="Deutsch").click()
    expect(said).to_contain_text("Alle 3 sind jetzt verständlich")
    page.locator("#retry-all").click()
    expect(said).to_contain_text("Noch ist keine von 1 verständlich", timeout=PATIENCE_MS)
    counts = town.store.counts()
    assert counts.received == counts.stored + counts.duplicate + counts.quarantined


def test_nothing_is_an_answer_too(tmp_path, page):  # noqa: F811
    town = Town(tmp_path)
    with served(town) as url:
        page.goto(f"{url}/quality")
        expect(page.locator("#series-state")).to_contain_text("No series", timeout=PATIENCE_MS)
        expect(page.locator("#quarantine-state")).to_contain_text("Nothing in quarantine")
        expect(page.locator("#retry-all")).to_be_hidden()
    town.store.close()


def test_the_page_fits_a_phone(told, page):  # noqa: F811
    town, url = told
    town.tell("dortmund-innenstadt-west-bibliothek-kopierer-2", "pm2_5", [time.time_ns()], [5.0])
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{url}/quality")
    expect(page.locator("#rows tr")).to_have_count(5, timeout=PATIENCE_MS)
    page.locator("#sort").select_option("device")
    assert devices(page)[0] == "door"
    for name in ("English", "Deutsch"):
        page.get_by_role("button", name=name).click()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert page.locator(".wide").evaluate("node => node.scrollWidth - node.clientWidth") <= 0
