"""Every page, light and dark, wide and on a phone: for those who hear it, and those who see badly.

What a screen reader is told is asked of Chromium's own accessibility tree, and colours are those
that it has computed. Pictures of each page are left in build/screenshots.
"""

from dataclasses import replace
from pathlib import Path

import pytest
from api_town import METER, SCHOOL, Town, fill, served
from catalog_town import catalogued
from playwright.sync_api import Page
from test_api_browser import PATIENCE_MS, browser  # noqa: F401 (a fixture)

from api.app import create_app

PICTURES = Path(__file__).parents[2] / "build" / "screenshots"
PAGES = {
    "live": "",
    "energy": "energy#start=2026-03-28&end=2026-04-01&by=day",
    "devices": "device",
    "device": f"device?id={SCHOOL}",
    "anomalies": "anomalies#state=all",
    "quality": "quality",
    "system": "system",
    "login": "login",
    "city": "city",
    "docs": "docs",
}
NAMED = {"button", "link", "textbox", "searchbox", "combobox", "checkbox", "radio", "img", "table"}
CONTRAST_MIN, LARGE_MIN = 4.5, 3.0  # WCAG 2.2, 1.4.3
_LOOKS = """() => {
  const parse = (colour) => (colour.match(/[\\d.]+/g) ?? []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, k) => sum + v * [0.2126, 0.7152, 0.0722][k], 0);
  const behind = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const found = parse(getComputedStyle(at).backgroundColor);
      if (found.length === 3 || found[3] === 1) return found;
      if (found[3] > 0) return null;  // half through: what lies below is not known here
    }
    return [255, 255, 255];
  };
  const faint = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const node = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || node.closest("svg, noscript, script, :disabled")) continue;
    if (!node.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true })) continue;
    const style = getComputedStyle(node);
    const ground = behind(node);
    const ink = parse(style.color);
    if (!ground || (ink.length === 4 && ink[3] < 1)) continue;
    const [a, b] = [light(ink), light(ground)].sort((x, y) => y - x);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    faint.push([walk.currentNode.data.trim().slice(0, 40), (a + 0.05) / (b + 0.05), large]);
  }
  const ids = [...document.querySelectorAll("[id]")].map((node) => node.id);
  const levels = [...document.querySelectorAll("h1, h2, h3, h4")]
    .filter((node) => node.checkVisibility()).map((node) => Number(node.tagName[1]));
  return {
    faint, levels, lang: document.documentElement.lang, title: document.title,
    twice: ids.filter((id, k) => ids.indexOf(id) !== k),
    wide: document.documentElement.scrollWidth - innerWidth,
    landmark: document.querySelectorAll("main").length,
  };
}"""


@pytest.fixture(scope="module")
def town_url(browser, tmp_path_factory):  # noqa: F811
    """Serve a town that has something for every page."""

    folder = tmp_path_factory.mktemp("access")
    town = fill(Town(folder))
    with catalogued(town, folder, {METER: "hall", SCHOOL: "school"}) as catalog:
        catalog.put("sites", [{"id": "school", "public": True}])
        town.app = create_app(replace(town.house, public=True))
        with served(town) as url:
            yield url


def _unnamed(page: Page) -> list[str]:
    """Return what a screen reader would come upon without being told what it is."""
    tree = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")
    return [
        node["role"]["value"]
        for node in tree["nodes"]
        if not node.get("ignored")
        and node.get("role", {}).get("value") in NAMED
        and not node.get("name", {}).get("value", "").strip()
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", list(PAGES))
def test_everybody_can_use_every_page(town_url, browser, name, scheme):  # noqa: F811
    wide, phone = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
    with browser.new_context(viewport=wide, color_scheme=scheme, locale="de-DE") as context:
        page = context.new_page()
        page.goto(f"{town_url}/{PAGES[name]}", timeout=PATIENCE_MS)
        page.wait_for_timeout(1500)  # what is asked for is there, or says that it is not
        PICTURES.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=PICTURES / f"{name}-{scheme}.png")
        found = page.evaluate(_LOOKS)
        unnamed = _unnamed(page)
        page.set_viewport_size(phone)
        page.wait_for_timeout(200)
        page.screenshot(path=PICTURES / f"{name}-{scheme}-phone.png")
        narrow = page.evaluate(_LOOKS)
    assert unnamed == []
    assert found["twice"] == []
    assert (found["lang"] in ("de", "en"), bool(found["title"])) == (True, True)
    assert found["landmark"] == 1
    assert found["levels"][:1] == [1]
    steps = zip(found["levels"], found["levels"][1:], strict=False)
    assert all(after <= before + 1 for before, after in steps), found["levels"]
    assert len(found["faint"]) > 3
    faint = [
        (text, round(ratio, 2))
        for text, ratio, large in found["faint"]
        if ratio < (LARGE_MIN if large else CONTRAST_MIN)
    ]
    assert faint == []
    assert narrow["wide"] <= 0
