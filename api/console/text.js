/** Language, numbers and times: how the page speaks. */

import { WORDS } from "./words.js";

/** Energy days are cut in the site's zone, so every time is shown there, wherever one sits. */
export const ZONE = "Europe/Berlin";
const REMEMBERED = "emscher.language";
const LOCALES = { en: "en-GB", de: "de-DE" };

let chosen = remembered() ?? (String(navigator.language).startsWith("de") ? "de" : "en");
const listeners = [];
const formats = new Map();

function remembered() {
  try {
    const found = localStorage.getItem(REMEMBERED);
    return Object.hasOwn(WORDS, found ?? "") ? found : null;
  } catch {
    return null; // storage may be forbidden; then the browser's language decides each time
  }
}

/** Return the page's language, "en" or "de". */
export function language() {
  return chosen;
}

/** Call `listener` whenever the language changes. */
export function onLanguage(listener) {
  listeners.push(listener);
}

/** Switch the page's language and remember it where the browser allows that. */
export function setLanguage(next) {
  if (!Object.hasOwn(WORDS, next) || next === chosen) return;
  chosen = next;
  try {
    localStorage.setItem(REMEMBERED, next);
  } catch {
    // Only the memory is lost: the page still changes its language now.
  }
  for (const listener of listeners) listener();
}

/** Add the words of one page: {en: {key: words}, de: {…}}; each page loads only its own. */
export function addWords(words) {
  for (const [name, own] of Object.entries(words)) Object.assign(WORDS[name], own);
}

/** Return a sentence of the page's language with its facts filled in. */
export function t(key, facts = {}) {
  const words = WORDS[chosen][key] ?? WORDS.en[key] ?? key;
  return words.replace(/\{(\w+)\}/g, (whole, name) => String(facts[name] ?? whole));
}

/** Return a sentence about `n` things: its singular lies under the key with ".one". */
export function tn(key, n, facts = {}) {
  const one = `${key}.one`;
  const single = one in WORDS[chosen] && format(Intl.PluralRules, {}).select(n) === "one";
  return t(single ? one : key, { n: number(n), ...facts });
}

/** Return the words of a key if there are any, else the fallback (a word that the server sent). */
export function tOr(key, fallback) {
  return WORDS[chosen][key] ?? fallback;
}

function format(kind, options) {
  const key = `${chosen} ${kind.name} ${JSON.stringify(options)}`;
  let found = formats.get(key);
  if (!found) {
    found = new kind(LOCALES[chosen], options);
    formats.set(key, found);
  }
  return found;
}

/** Return a number in the page's language, with between `least` and `most` fraction digits. */
export function number(value, least = 0, most = least) {
  const options = { minimumFractionDigits: least, maximumFractionDigits: Math.max(least, most) };
  return format(Intl.NumberFormat, options).format(value === 0 ? 0 : value); // no "-0"
}

/** Return a share between 0 and 1 in per cent, rounded down: 99.9 % must not read as complete. */
export function percent(share) {
  return `${number(Math.floor(share * 100 + 1e-9))}\u00a0%`;
}

/** Return a length of time in the units that matter: 12 s, 3 min, 1 h 40 min, 14 h, 4 d. */
export function age(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 100) return `${s}\u00a0s`;
  if (s < 100 * 60) return `${Math.floor(s / 60)}\u00a0min`;
  if (s < 10 * 3600) {
    return `${Math.floor(s / 3600)}\u00a0h ${Math.floor((s % 3600) / 60)}\u00a0min`;
  }
  if (s < 48 * 3600) return `${Math.floor(s / 3600)}\u00a0h`;
  return `${number(Math.floor(s / 86400))}\u00a0${chosen === "de" ? "Tage" : "d"}`;
}

/** Return a point in time (ms) in the site's zone: today the clock, else the day before it. */
export function timeText(ms, now, seconds = false) {
  const clock = clockText(ms, seconds);
  return dayKey(ms) === dayKey(now) ? clock : `${dayText(ms)} ${clock}`;
}

/** Return the clock of a time (ms) in the site's zone. */
export function clockText(ms, seconds = false) {
  const options = { hour: "2-digit", minute: "2-digit", timeZone: ZONE, hourCycle: "h23" };
  if (seconds) options.second = "2-digit";
  return format(Intl.DateTimeFormat, options).format(ms);
}

/** Return the day of a time (ms) in the site's zone, short. */
export function dayText(ms) {
  const options = { weekday: "short", day: "numeric", month: "short", timeZone: ZONE };
  return format(Intl.DateTimeFormat, options).format(ms);
}

function dayKey(ms) {
  const options = { year: "numeric", month: "numeric", day: "numeric", timeZone: ZONE };
  return format(Intl.DateTimeFormat, options).format(ms);
}

/** Return how far the site's zone is from UTC at a time, in ms. */
export function zoneOffset(ms) {
  const quarter = Math.floor(ms / 900e3);
  const key = `offset ${quarter}`;
  let found = formats.get(key);
  if (found === undefined) {
    if (formats.size > 5000) formats.clear();
    const name = new Intl.DateTimeFormat("en", { timeZone: ZONE, timeZoneName: "longOffset" })
      .formatToParts(quarter * 900e3)
      .find((part) => part.type === "timeZoneName").value;
    const [, sign, hours, minutes] = /GMT(?:([+-])(\d\d):(\d\d))?/.exec(name);
    found = (sign === "-" ? -1 : 1) * (Number(hours ?? 0) * 60 + Number(minutes ?? 0)) * 60e3;
    formats.set(key, found);
  }
  return found;
}

/** Give every element with `data-t` (text) or `data-t-label` (aria-label) the page's words. */
export function translate(root) {
  document.documentElement.lang = chosen;
  document.title = t("title");
  for (const node of root.querySelectorAll("[data-t]")) node.textContent = t(node.dataset.t);
  for (const node of root.querySelectorAll("[data-t-label]")) {
    node.setAttribute("aria-label", t(node.dataset.tLabel));
    if (node.tagName === "INPUT") node.setAttribute("placeholder", t(node.dataset.tLabel));
  }
}
