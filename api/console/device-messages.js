/** The messages of a device as they came: their bytes, what they say now, how they were read. */

import { get, ms, now } from "./api.js";
import { seriesKey } from "./city.js";
import { byId, el, place, setAttribute, setText, showState } from "./dom.js";
import { seriesName, valueText } from "./quantities.js";
import { bytesFrom, dump, readable } from "./quarantine.js";
import { number, t, timeText, tn, tOr } from "./text.js";

const AT_ONCE = 20;
const WAIT_MS = 5000; // messages that come together are asked for once
const READS_MAX = 200;

/** The panel; `units()` gives the series with units, `onSteps` gets how the newest was read. */
export class DeviceMessages {
  #items = [];
  #rows = new Map(); // key → {node, view}
  #next = null;
  #note = null;
  #loaded = false;
  #failure = null;
  #timer = null;

  constructor(id, { units, onSteps }) {
    Object.assign(this, { id, units, onSteps });
    byId("messages-more").addEventListener("click", () => this.#loadOlder());
  }

  /** Fetch the newest; those that are shown stay. */
  async load() {
    clearTimeout(this.#timer);
    this.#timer = null;
    try {
      const page = await get("v1/messages", { device: this.id, limit: AT_ONCE });
      const known = new Set(this.#items.map(keyOf));
      const fresh = page.items.filter((item) => !known.has(keyOf(item)));
      // Where the answer reaches none of those shown, there may be others between.
      const joined = fresh.length < page.items.length;
      if (!joined) this.#next = page.next;
      this.#items = joined ? [...fresh, ...this.#items] : page.items;
      this.#note = page.note;
      this.#failure = null;
      this.onSteps(this.#items[0]?.steps ?? []);
    } catch (error) {
      this.#failure = error;
    }
    this.#loaded = true;
    this.render();
  }

  async #loadOlder() {
    const button = byId("messages-more");
    button.disabled = true;
    try {
      const query = { device: this.id, limit: AT_ONCE, cursor: this.#next };
      const page = await get("v1/messages", query);
      this.#items = [...this.#items, ...page.items];
      this.#next = page.next;
      this.#failure = null;
    } catch (error) {
      this.#failure = error;
    }
    button.disabled = false;
    this.render();
  }

  /** A reading came: its message is there soon. */
  hear() {
    this.#timer ??= setTimeout(() => this.load(), WAIT_MS);
  }

  /** Write everything anew, as after a change of language: what is open stays so. */
  speak() {
    for (const row of this.#rows.values()) this.#fill(row);
    this.render();
  }

  /** Show what is known. */
  render() {
    const rows = new Map();
    for (const item of this.#items) {
      const key = keyOf(item);
      rows.set(key, this.#rows.get(key) ?? this.#row(item));
    }
    this.#rows = rows;
    place(byId("messages"), [...rows.values()].map((row) => row.node));
    const n = this.#items.length;
    setText(byId("messages-count"), n ? t("device.messages.count", { n: number(n) }) : "");
    byId("messages-more").hidden = this.#next === null || n === 0;
    const box = byId("messages-state");
    if (this.#failure?.status === 404) showState(box, "empty", t("device.messages.off"));
    else if (this.#failure) {
      const action = { label: t("shell.retry"), run: () => this.load() };
      showState(box, "error", this.#failure.message, action);
    } else if (!this.#loaded) showState(box, "loading", t("device.messages.loading"));
    else showState(box, n ? null : "empty", t("device.messages.none"));
  }

  #row(item) {
    const bytes = bytesFrom(item.payload_base64);
    const text = readable(bytes);
    const tree = text === null ? undefined : parsed(text);
    const view = tree !== undefined ? "json" : text !== null ? "text" : "hex";
    const row = { item, bytes, text, tree, view };
    row.topic = el("span", { class: "topic" });
    row.when = el("span", { class: "when" });
    row.reason = el("span", { class: "reason" });
    row.body = el("div", { class: "details" });
    const head = el("summary", {}, row.topic, row.when, row.reason);
    row.details = el("details", {}, head, row.body);
    row.details.addEventListener("toggle", () => this.#fill(row));
    row.node = el("li", {}, row.details);
    this.#fill(row);
    return row;
  }

  #fill(row) {
    const { item } = row;
    setText(row.topic, item.topic || t("quarantine.notopic"));
    const size = tn("bytes", item.size);
    setText(row.when, `${timeText(ms(item.received), now(), true)} · ${size}`);
    setText(row.reason, item.error === null ? "" : t("device.refused", { why: item.error }));
    if (!row.details.open) return;
    row.body.replaceChildren(this.#reads(item), steps(item), this.#payload(row));
  }

  #reads(item) {
    const head = el("h3", { text: t("device.reads") });
    if (item.reads.length === 0) {
      return el("div", {}, head, el("p", { class: "quiet", text: t("device.reads.none") }));
    }
    const units = new Map(this.units().map((one) => [seriesKey(one), one.unit]));
    const columns = ["column.quantity", "device.value", "device.time", "device.quality"];
    const heads = columns.map((key) => {
      const kind = key === "device.value" ? "number" : null;
      return el("th", { scope: "col", class: kind, text: t(key) });
    });
    const rows = item.reads.slice(0, READS_MAX).map((one) => {
      const name = one.device === this.id ? seriesName(one) : `${one.device} · ${seriesName(one)}`;
      const unit = one.device === this.id ? units.get(seriesKey(one)) : "";
      return el(
        "tr",
        {},
        el("th", { scope: "row", text: name }),
        el("td", { class: "number", text: valueText(one.value, unit, one.quantity) }),
        el("td", { text: timeText(ms(one.time), now(), true) }),
        el("td", { text: tOr(`quality.${one.quality}`, one.quality) }),
      );
    });
    const parts = [el("thead", {}, el("tr", {}, ...heads)), el("tbody", {}, ...rows)];
    const table = el("table", { class: "plain reads", "aria-label": t("device.reads") }, ...parts);
    return el("div", {}, head, el("div", { class: "wide" }, table));
  }

  #payload(row) {
    const views = ["json", "text", "hex"].filter(
      (view) => view === "hex" || (view === "text" ? row.text !== null : row.tree !== undefined),
    );
    const pre = el("pre", { tabindex: 0, "aria-label": t("quarantine.payload") });
    const show = (view) => {
      row.view = view;
      const shown = {
        json: () => JSON.stringify(row.tree, null, 2),
        text: () => row.text,
        hex: () => dump(row.bytes),
      };
      pre.textContent = shown[view]();
      for (const button of buttons) {
        setAttribute(button, "aria-pressed", String(button.dataset.view === view));
      }
    };
    const buttons = views.map((view) => {
      const facts = { type: "button", "data-view": view, text: t(`device.view.${view}`) };
      return el("button", { ...facts, on: { click: () => show(view) } });
    });
    const group = { class: "switch", role: "group", "aria-label": t("device.view") };
    const choice = el("div", group, ...buttons);
    const name = el("h3", { text: t("quarantine.payload") });
    const head = el("div", { class: "bytes-head" }, name, choice);
    if (row.bytes.length === 0) return el("p", { class: "quiet", text: t("quarantine.nobytes") });
    show(row.view);
    return el("div", {}, head, pre);
  }
}

function steps(item) {
  const list = item.steps.map((step) => el("li", { text: step }));
  if (list.length === 0) return "";
  const head = el("h3", { text: t("device.steps") });
  return el("div", {}, head, el("ul", { class: "notes" }, ...list));
}

function keyOf({ received, topic, payload_base64: payload }) {
  return `${received} ${topic} ${payload}`;
}

/** Return what JSON says, undefined where the text is none or only a bare word. */
function parsed(text) {
  try {
    const tree = JSON.parse(text);
    return typeof tree === "object" && tree !== null ? tree : undefined;
  } catch {
    return undefined; // it is shown as text
  }
}
