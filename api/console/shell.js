/** What every page of the console has: the way to the others, and its language. */

import { byId, el, setAttribute } from "./dom.js";
import { addWords, language, onLanguage, setLanguage, t, translate } from "./text.js";

const PAGES = { live: "./", device: "device", energy: "energy", anomalies: "anomalies", quality: "quality", system: "system" };

addWords({
  en: {
    "nav.label": "Pages",
    "nav.live": "Live",
    "nav.device": "Device",
    "nav.energy": "Energy",
    "nav.anomalies": "Anomalies",
    "nav.quality": "Data quality",
    "nav.system": "System",
    "shell.skip": "Skip to the content",
    "shell.retry": "Try again",
    "shell.noscript": "This page needs JavaScript.",
  },
  de: {
    "nav.label": "Seiten",
    "nav.live": "Live",
    "nav.device": "Gerät",
    "nav.energy": "Energie",
    "nav.anomalies": "Auffälliges",
    "nav.quality": "Datenqualität",
    "nav.system": "System",
    "shell.skip": "Zum Inhalt springen",
    "shell.retry": "Noch einmal",
    "shell.noscript": "Diese Seite braucht JavaScript.",
  },
});

/**
 * Fill `<nav id="nav">` and the buttons with `data-language`, and call `render` now and whenever
 * the language changes. `page` is the key of this page.
 */
export function startShell(page, render) {
  const links = Object.entries(PAGES).map(([name, href]) =>
    el("a", { href, "data-t": `nav.${name}`, "aria-current": name === page ? "page" : null }),
  );
  byId("nav").replaceChildren(...links);
  const buttons = document.querySelectorAll("[data-language]");
  for (const button of buttons) {
    button.addEventListener("click", () => setLanguage(button.dataset.language));
  }
  const speak = () => {
    translate(document);
    document.title = page === "live" ? t("title") : `${t(`nav.${page}`)} · Emscher`;
    for (const button of buttons) {
      setAttribute(button, "aria-pressed", String(button.dataset.language === language()));
    }
    render();
  };
  onLanguage(speak);
  speak();
}
