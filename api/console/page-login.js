/** Signing in: a key is exchanged for a cookie that no script can read. */

import { post } from "./api.js";
import { byId, setAttribute, setText } from "./dom.js";
import { addWords, language, onLanguage, setLanguage, t, translate } from "./text.js";

addWords({
  en: {
    "login.title": "Sign in",
    "login.key": "Your key",
    "login.in": "Sign in",
    "login.help": "Whoever runs this Emscher makes keys with emscher key add. A sign-in holds for twelve hours.",
  },
  de: {
    "login.title": "Anmelden",
    "login.key": "Ihr Schlüssel",
    "login.in": "Anmelden",
    "login.help": "Schlüssel macht, wer dieses Emscher betreibt, mit emscher key add. Eine Anmeldung gilt zwölf Stunden.",
  },
});

/** Return where to go on: a page of this console that was asked for, else the live one. */
function onward() {
  const next = new URLSearchParams(location.search).get("next") ?? "";
  const page = new URL(next || "./", location.href);
  return page.origin === location.origin ? page.href : "./";
}

async function signIn(event) {
  event.preventDefault();
  const said = byId("login-said");
  said.hidden = true;
  try {
    await post("v1/login", {}, { key: byId("key").value.trim() });
    location.assign(onward());
  } catch (error) {
    setText(said, error.message);
    said.hidden = false;
    byId("key").select();
  }
}

function speak() {
  translate(document);
  document.title = `${t("login.title")} · Emscher`;
  for (const button of document.querySelectorAll("[data-language]")) {
    setAttribute(button, "aria-pressed", String(button.dataset.language === language()));
  }
}

for (const button of document.querySelectorAll("[data-language]")) {
  button.addEventListener("click", () => setLanguage(button.dataset.language));
}
onLanguage(speak);
speak();
byId("login").addEventListener("submit", signIn);
byId("key").focus();
