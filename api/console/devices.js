/** The list of devices: what is up, odd and silent, with the newest values and their age. */

import { now } from "./api.js";
import { byId, el, place, setAttribute, setText, showState } from "./dom.js";
import { rank, seriesName, valueText } from "./quantities.js";
import { age, number, t, tn } from "./text.js";

const PAGE = 150; // rows shown at first, and how many more each press of the button brings
const REST_MAX = 4; // values beside the leading one
const STATES = ["silent", "odd", "up"];
const RESORT_MS = 2000;

/** The list: search, filter, sort, pick. */
export class Devices {
  #rows = new Map(); // device id → row
  #dirty = new Set();
  #shown = PAGE;
  #filter = "all";
  #search = "";
  #sort = { by: "state", up: true };
  #picked = null;
  #orderedAt = 0;
  #loaded = false;
  #failure = null;

  constructor(city, { onPick, onRetry, onOrder = () => {} }) {
    Object.assign(this, { city, onPick, onRetry, onOrder });
    this.body = byId("devices-body");
    this.table = byId("devices-table");
    this.input = byId("search");
    this.input.addEventListener("input", () => this.#seek(this.input.value));
    this.input.addEventListener("keydown", (event) => this.#onSearchKey(event));
    this.body.addEventListener("click", (event) => this.#onClick(event));
    this.body.addEventListener("keydown", (event) => this.#onRowKey(event));
    for (const button of document.querySelectorAll("[data-filter]")) {
      button.addEventListener("click", () => this.#show(button.dataset.filter));
    }
    for (const button of document.querySelectorAll("[data-sort]")) {
      button.addEventListener("click", () => this.#sortBy(button.dataset.sort));
    }
    byId("devices-more").addEventListener("click", () => {
      this.#shown += PAGE;
      this.order();
    });
  }

  /** Say that the devices are here (or why not); until then the list says that it loads. */
  loaded(failure = null) {
    this.#loaded = true;
    this.#failure = failure;
    this.render();
  }

  /** Remember that a device changed; `flush` shows it with the next frame. */
  touch(id) {
    this.#dirty.add(id);
  }

  /** Show what changed since the last frame. */
  flush() {
    for (const id of this.#dirty) {
      const row = this.#rows.get(id);
      if (row?.node.isConnected) this.#fill(row, this.city.devices.get(id));
    }
    this.#dirty.clear();
  }

  /** Let the ages grow, and now and then bring the order up to date. */
  tick() {
    for (const row of this.#rows.values()) {
      if (row.node.isConnected) this.#fillAge(row, this.city.devices.get(row.id));
    }
    this.#renderFilters();
    // Rows must not jump from under the pointer or the keyboard.
    const inUse = this.body.matches(":hover") || this.body.contains(document.activeElement);
    if (!inUse && performance.now() - this.#orderedAt >= RESORT_MS) this.order();
  }

  /** Mark the picked device. */
  mark(id) {
    const before = this.#rows.get(this.#picked);
    if (before) setAttribute(before.button, "aria-current", null);
    this.#picked = id;
    const row = this.#rows.get(id);
    if (row) setAttribute(row.button, "aria-current", "true");
  }

  /** Write everything anew, as after a change of language. */
  render() {
    for (const row of this.#rows.values()) this.#fill(row, this.city.devices.get(row.id));
    this.#renderFilters();
    this.order();
  }

  /** Return the devices that search and filter leave. */
  matching() {
    return [...this.city.devices.values()].filter((device) => this.#matches(device));
  }

  /** Put the rows that match into their order. */
  order() {
    this.#orderedAt = performance.now();
    const matching = this.matching();
    const keys = new Map(matching.map((device) => [device, this.#sortKey(device)]));
    const sign = this.#sort.up ? 1 : -1;
    matching.sort(
      (a, b) => sign * compare(keys.get(a), keys.get(b)) || compare(nameKey(a), nameKey(b)),
    );
    const visible = matching.slice(0, this.#shown).map((device) => this.#row(device).node);
    const kept = this.body.contains(document.activeElement) ? document.activeElement : null;
    place(this.body, visible);
    if (kept && document.activeElement !== kept) kept.focus({ preventScroll: true });
    this.#renderMore(matching.length - visible.length);
    this.#renderState(this.city.devices.size, matching.length);
    for (const header of this.table.querySelectorAll("th[data-column]")) {
      const sorted = header.dataset.column === this.#sort.by;
      const direction = this.#sort.up ? "ascending" : "descending";
      setAttribute(header, "aria-sort", sorted ? direction : null);
    }
  }

  #renderMore(left) {
    const more = byId("devices-more");
    more.hidden = left <= 0;
    setText(more, t("devices.more", { n: number(Math.min(left, PAGE)) }));
  }

  #renderState(all, matching) {
    const box = byId("devices-state");
    this.table.hidden = matching === 0;
    if (this.#failure && all === 0) {
      showState(box, "error", this.#failure.message, { label: t("retry"), run: this.onRetry });
    } else if (!this.#loaded) showState(box, "loading", t("devices.loading"));
    else if (all === 0) showState(box, "empty", t("devices.empty"));
    else if (matching === 0) {
      const action = { label: t("devices.reset"), run: () => this.#reset() };
      showState(box, "empty", tn("devices.nomatch", all), action);
    } else showState(box, null);
  }

  #renderFilters() {
    const counts = { all: this.city.devices.size, up: 0, odd: 0, silent: 0 };
    const known = this.#loaded && (counts.all > 0 || !this.#failure);
    for (const device of this.city.devices.values()) counts[this.city.stateOf(device)] += 1;
    for (const [name, count] of Object.entries(counts)) {
      const button = document.querySelector(`[data-filter="${name}"]`);
      setText(button.querySelector(".tile-count"), known ? number(count) : "–");
      setAttribute(button, "aria-pressed", String(this.#filter === name));
      setAttribute(button, "data-some", count > 0 ? "" : null);
    }
  }

  #row(device) {
    let row = this.#rows.get(device.id);
    if (row) {
      if (!row.node.isConnected) this.#fill(row, device); // out of sight, it was left alone
      return row;
    }
    row = { id: device.id, rest: "" };
    row.state = el("span", { class: "badge" });
    row.button = el("button", { type: "button", class: "device-name", "data-id": device.id });
    row.identity = el("span", { class: "device-id" });
    row.model = el("td", { class: "model" });
    row.main = el("span", { class: "main-value" });
    row.more = el("span", { class: "rest-values" });
    row.age = el("td", { class: "age" });
    row.node = el(
      "tr",
      { "data-id": device.id },
      el("td", { class: "state-cell" }, row.state),
      el("th", { scope: "row", class: "name-cell" }, row.button, row.identity),
      row.model,
      el("td", { class: "values" }, row.main, row.more),
      row.age,
    );
    this.#rows.set(device.id, row);
    this.#fill(row, device);
    if (device.id === this.#picked) setAttribute(row.button, "aria-current", "true");
    return row;
  }

  #fill(row, device) {
    const state = this.city.stateOf(device);
    setAttribute(row.state, "data-state", state);
    setText(row.state, t(`state.${state}`));
    setText(row.button, device.name);
    setAttribute(row.button, "title", device.name);
    setText(row.identity, device.name === device.id ? "" : device.id);
    setText(row.model, device.model);
    setAttribute(row.model, "title", device.model || null);
    const [main, ...rest] = this.city.valuesOf(device);
    setText(row.main, main ? valueText(main.value, main.unit, main.quantity) : "–");
    setAttribute(row.main, "title", main ? seriesName(main) : null);
    setAttribute(row.main, "data-quality", main?.quality ?? null);
    const words = rest.slice(0, REST_MAX).map(
      (value) => `${seriesName(value)} ${valueText(value.value, value.unit, value.quantity)}`,
    );
    if (rest.length > REST_MAX) words.push(`+${rest.length - REST_MAX}`);
    setText(row.more, [main ? seriesName(main) : "", ...words].filter(Boolean).join(" · "));
    this.#fillAge(row, device);
  }

  #fillAge(row, device) {
    setText(row.age, device.heardMs ? age(now() - device.heardMs) : t("never"));
  }

  #matches(device) {
    if (this.#filter !== "all" && this.city.stateOf(device) !== this.#filter) return false;
    if (!this.#search) return true;
    const values = [...device.latest.values()];
    const names = values.map((value) => `${value.quantity} ${seriesName(value)}`);
    const hay = [device.name, device.id, device.model, device.source, ...names].join(" ");
    const text = hay.toLowerCase();
    return this.#search.split(/\s+/).every((word) => text.includes(word));
  }

  #sortKey(device) {
    switch (this.#sort.by) {
      case "name":
        return [nameKey(device)];
      case "model":
        return [device.model.toLowerCase()];
      case "age":
        return [-device.heardMs];
      case "value": {
        const [main] = this.city.valuesOf(device);
        return main ? [rank(main.quantity), main.quantity, -main.value] : [Infinity, "", 0];
      }
      default:
        return [STATES.indexOf(this.city.stateOf(device))];
    }
  }

  #seek(text) {
    this.#search = text.trim().toLowerCase();
    this.#shown = PAGE;
    this.order();
    this.onOrder();
  }

  #show(filter) {
    this.#filter = filter === this.#filter ? "all" : filter;
    this.#shown = PAGE;
    this.#renderFilters();
    this.order();
    this.onOrder();
  }

  #reset() {
    this.input.value = "";
    this.#search = "";
    this.#show("all");
    this.input.focus();
  }

  #sortBy(column) {
    this.#sort = { by: column, up: this.#sort.by === column ? !this.#sort.up : true };
    this.order();
  }

  #onClick(event) {
    const row = event.target.closest("tr[data-id]");
    if (row && !String(getSelection())) this.onPick(row.dataset.id);
  }

  #onSearchKey(event) {
    if (event.key === "Escape" && this.input.value) {
      this.input.value = "";
      this.#seek("");
    } else if (event.key === "ArrowDown") {
      event.preventDefault();
      this.body.querySelector(".device-name")?.focus();
    }
  }

  #onRowKey(event) {
    const step = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
    const row = step && event.target.closest("tr");
    if (!row) return;
    event.preventDefault();
    const next = row[step]?.querySelector(".device-name");
    if (next) next.focus();
    else if (event.key === "ArrowUp") this.input.focus();
  }
}

const NATURAL = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

function nameKey(device) {
  return device.name;
}

function compare(a, b) {
  if (!Array.isArray(a)) return NATURAL.compare(a, b);
  for (let at = 0; at < a.length; at += 1) {
    const order = typeof a[at] === "string" ? NATURAL.compare(a[at], b[at]) : a[at] - b[at];
    if (order) return order;
  }
  return 0;
}
