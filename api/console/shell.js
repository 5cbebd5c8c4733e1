/** What every page of the console has: the way to the others, and its language. */

import { get, post } from "./api.js";
import { byId, el, setAttribute, setText } from "./dom.js";
import { addWords, language, onLanguage, setLanguage, t, translate } from "./text.js";

const PAGES = {
  live: "./",
  device: "device",
  energy: "energy",
  anomalies: "anomalies",
  quality: "quality",
  system: "system",
};

addWords({
  en: {
    "nav.label": "Pages",
    "nav.live": "Live",
    "shell.skip": "Skip to the content",
    "shell.retry": "Try again",
    "nav.device": "Devices",
    "nav.energy": "Energy",
    "nav.anomalies": "Anomalies",
    "nav.quality": "Data quality",
    "nav.system": "System",
    "me.open": "Open to everybody at this machine: there is no key yet (emscher key add).",
    "me.signedIn": "Signed in as {name}",
    "me.tenant": "Signed in as {name} of {tenant}",
    "me.out": "Sign out",
  },
  de: {
    "nav.label": "Seiten",
    "nav.live": "Live",
    "shell.skip": "Zum Inhalt springen",
    "shell.retry": "Noch einmal versuchen",
    "nav.device": "Geräte",
    "nav.energy": "Energie",
    "nav.anomalies": "Auffälliges",
    "nav.quality": "Datenqualität",
    "nav.system": "System",
    "me.open": "Offen für alle an diesem Rechner: Es gibt noch keinen Schlüssel (emscher key add).",
    "me.signedIn": "Angemeldet als {name}",
    "me.tenant": "Angemeldet als {name} von {tenant}",
    "me.out": "Abmelden",
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
  speakPage(() => (page === "live" ? t("title") : `${t(`nav.${page}`)} · Emscher`), render);
  showMe();
}

/** Fill what a page says, in its language, now and whenever that changes; then `render`. */
export function speakPage(title, render) {
  const buttons = document.querySelectorAll("[data-language]");
  for (const button of buttons) {
    button.addEventListener("click", () => setLanguage(button.dataset.language));
  }
  const speak = () => {
    translate(document);
    document.title = title();
    for (const button of buttons) {
      setAttribute(button, "aria-pressed", String(button.dataset.language === language()));
    }
    render();
  };
  onLanguage(speak);
  speak();
}

/** Say who one is here: with a way to sign out, or that everybody may all. */
async function showMe() {
  let me;
  try {
    me = await get("v1/me");
  } catch {
    return; // the page itself says that the server does not answer
  }
  const words = el("span", {});
  const out = el("button", { type: "button", class: "sign-out", on: { click: signOut } });
  const line = el("p", { id: "me", class: "me", "data-open": String(me.open) }, words);
  if (me.signed_in) line.append(" ", out);
  const speak = () => {
    const key = me.open ? "me.open" : me.tenant ? "me.tenant" : "me.signedIn";
    setText(words, t(key, me));
    setText(out, t("me.out"));
  };
  onLanguage(speak);
  speak();
  if (me.open || me.signed_in) document.querySelector("header").append(line);
}

async function signOut() {
  await post("v1/logout");
  location.assign("login");
}
