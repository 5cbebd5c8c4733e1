/** What could not be read: where it came from, why, and its first bytes. */

import { collect, ms, now } from "./api.js";
import { byId, el, place, setText, showState } from "./dom.js";
import { number, t, timeText, tn } from "./text.js";

const SHOWN_MAX = 50;
const PAGES = 5;
const WAIT_MS = 2000; // a burst of bad messages is asked for once
const DUMP_BYTES = 256;

/** The list of quarantined messages, newest first. */
export class Quarantine {
  #items = [];
  #rows = new Map();
  #count = null;
  #loaded = false;
  #failure = null;
  #timer = null;

  constructor() {
    this.list = byId("quarantine-list");
  }

  /** Take the counter: when it moved, there is something new to fetch. */
  counted(count) {
    const moved = this.#count !== null && count !== this.#count;
    this.#count = count;
    this.#renderCount();
    if (moved && this.#timer === null) this.#timer = setTimeout(() => this.load(), WAIT_MS);
  }

  /** Fetch the newest. */
  async load() {
    clearTimeout(this.#timer);
    this.#timer = null;
    try {
      const { items } = await collect("v1/quarantine", {}, { pages: PAGES });
      items.sort((a, b) => (ms(b.received) ?? 0) - (ms(a.received) ?? 0));
      this.#items = items.slice(0, SHOWN_MAX);
      this.#failure = null;
    } catch (error) {
      this.#failure = error;
    }
    this.#loaded = true;
    this.#show();
  }

  /** Write everything anew, as after a change of language. */
  render() {
    this.#rows.clear();
    this.#show();
  }

  #show() {
    const rows = new Map();
    for (const item of this.#items) rows.set(item.id, this.#rows.get(item.id) ?? rowOf(item));
    this.#rows = rows;
    place(this.list, [...rows.values()]);
    this.#renderCount();
    const box = byId("quarantine-state");
    if (this.#failure && this.#items.length === 0) {
      const action = { label: t("retry"), run: () => this.load() };
      showState(box, "error", this.#failure.message, action);
    } else if (!this.#loaded) showState(box, "loading", t("quarantine.loading"));
    else if (this.#items.length === 0) showState(box, "empty", t("quarantine.empty"));
    else showState(box, null);
  }

  #renderCount() {
    const count = this.#count ?? (this.#loaded ? this.#items.length : null);
    const words = count === null ? "" : tn("quarantine.summary", count);
    setText(byId("quarantine-count"), words);
  }
}

function rowOf(item) {
  const received = ms(item.received);
  const head = el(
    "summary",
    {},
    el("span", { class: "topic", text: item.topic || t("quarantine.notopic") }),
    el("span", { class: "when", text: received === null ? "" : timeText(received, now(), true) }),
    el("span", { class: "reason", text: item.reason ?? "" }),
  );
  const body = el("div", { class: "details" });
  const details = el("details", {}, head, body);
  details.addEventListener("toggle", () => {
    if (details.open && !body.hasChildNodes()) body.append(factsOf(item), bytesOf(item));
  });
  return el("li", {}, details);
}

/** Return what was checked, expected and found, as a list. */
export function factsOf(item) {
  const list = el("dl");
  const facts = {
    rule: item.rule,
    expected: item.expected,
    found: item.found,
    source: item.source,
    size: tn("bytes", item.size ?? 0),
  };
  for (const [name, fact] of Object.entries(facts)) {
    if (fact === null || fact === undefined || fact === "") continue;
    const text = typeof fact === "string" ? fact : JSON.stringify(fact);
    list.append(el("dt", { text: t(`quarantine.${name}`) }), el("dd", { text }));
  }
  return list;
}

/** Return the bytes as text if they are that, else the first `most` as a dump. */
export function bytesOf(item, most = DUMP_BYTES) {
  const bytes = bytesFrom(item.payload_base64);
  if (bytes.length === 0) return el("p", { class: "quiet", text: t("quarantine.nobytes") });
  const text = readable(bytes);
  const shown = text ?? dump(bytes.subarray(0, most));
  const cut = item.truncated || (text === null && bytes.length > most);
  const n = number(text === null ? Math.min(bytes.length, most) : bytes.length);
  const label = cut ? t("quarantine.payloadCut", { n }) : t("quarantine.payload");
  const caption = el("figcaption", { text: label });
  return el("figure", {}, caption, el("pre", { tabindex: 0, text: shown }));
}

/** Return the bytes that Base64 stands for; none where it is broken. */
export function bytesFrom(base64) {
  try {
    return Uint8Array.from(atob(base64 ?? ""), (letter) => letter.charCodeAt(0));
  } catch {
    return new Uint8Array(); // the facts above still say what came
  }
}

/** Return the bytes as text if people can read them as such, else null. */
export function readable(bytes) {
  const text = new TextDecoder().decode(bytes).replace(/\uFFFD+$/, ""); // cut inside a letter
  return /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\uFFFD]/.test(text) ? null : text;
}

/** Return a hex dump, 16 bytes a line. */
export function dump(bytes) {
  const lines = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const row = [...bytes.subarray(at, at + 16)];
    const hex = row.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const text = row.map((byte) => (byte > 31 && byte < 127 ? String.fromCharCode(byte) : "."));
    lines.push(`${at.toString(16).padStart(4, "0")}  ${hex.padEnd(47)}  ${text.join("")}`);
  }
  return lines.join("\n");
}
