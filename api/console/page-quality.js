/** Data quality: how complete each series is. What could not be read lies in refused.js. */

import "./page-quality-words.js";
import { collect, get, ms, now, rfc3339 } from "./api.js";
import { byId, el, place, setAttribute, setText, showState } from "./dom.js";
import { deviceHref } from "./links.js";
import { qualityCells } from "./quality-row.js";
import { seriesName } from "./quantities.js";
import { Refused } from "./refused.js";
import { startShell } from "./shell.js";
import { number, t } from "./text.js";

const DAY = 86400e3;
const SHOWN = 25; // rows at first, and how many more each press of the button brings
const WAIT_MS = 150; // while somebody types
const DEFAULTS = { span: "1", sort: "coverage", q: "", part: "", rule: "", message: "" };
/** Columns in order: how bad a series is by each, the worst highest; null: does not apply. */
const COLUMNS = {
  device: null,
  quantity: null,
  coverage: (item) => (item.coverage === null ? -Infinity : -item.coverage),
  count: (item) => (item.expected === null ? -Infinity : item.expected - item.count),
  longest: (item) => (item.longest ? ms(item.longest.end) - ms(item.longest.start) : -Infinity),
  late: (item) => item.late,
  suspect: (item) => item.suspect,
  rejected: (item) => item.rejected,
};
const NATURAL = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

let items = [];
let names = new Map(); // device id → its name
let shown = SHOWN;
let loading = true;
let failure = null;
let asking = null; // aborts the answers that nobody waits for any more
let typing = null;

function wanted() {
  const found = { ...DEFAULTS, ...Object.fromEntries(new URLSearchParams(location.hash.slice(1))) };
  if (!["1", "7", "31"].includes(found.span)) found.span = DEFAULTS.span;
  if (!Object.hasOwn(COLUMNS, found.sort)) found.sort = DEFAULTS.sort;
  return found;
}

function want(changes) {
  const all = Object.entries({ ...wanted(), ...changes });
  const parts = all.filter(([name, value]) => value && value !== DEFAULTS[name]);
  history.replaceState(null, "", `#${new URLSearchParams(parts)}`);
}

const refused = new Refused({ wanted, want });

async function refresh() {
  asking?.abort();
  const mine = new AbortController();
  asking = mine;
  const end = now();
  const query = { start: rfc3339(end - Number(wanted().span) * DAY), end: rfc3339(end) };
  [items, loading, failure] = [[], true, null];
  render();
  try {
    for (let cursor = null; ; ) {
      const page = await get("v1/quality", { ...query, cursor }, mine.signal);
      items = [...items, ...page.items];
      cursor = page.next;
      if (cursor === null) break;
      render();
    }
  } catch (error) {
    if (error.name === "AbortError") return;
    failure = error;
  }
  loading = false;
  render();
}

async function learnNames() {
  try {
    const found = await collect("v1/devices");
    names = new Map(found.items.map((item) => [item.id, item.name || item.id]));
    render();
  } catch (error) {
    console.info(`v1/devices: ${error.message}`); // ids stand for names until the next load
  }
}

function nameOf(item) {
  return names.get(item.device) ?? item.device;
}

function ordered() {
  const { sort, q } = wanted();
  const words = q.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = (item) => {
    const hay = `${nameOf(item)} ${item.device} ${item.quantity} ${seriesName(item)}`.toLowerCase();
    return words.every((word) => hay.includes(word));
  };
  const byName = (a, b) =>
    NATURAL.compare(nameOf(a), nameOf(b)) || NATURAL.compare(seriesName(a), seriesName(b));
  const bad = COLUMNS[sort];
  if (sort === "quantity") {
    const byQuantity = (a, b) => NATURAL.compare(seriesName(a), seriesName(b)) || byName(a, b);
    return items.filter(fits).sort(byQuantity);
  }
  const far = (a, b) => (a === b ? 0 : b > a ? 1 : -1); // infinities have no difference
  return items.filter(fits).sort((a, b) => (bad ? far(bad(a), bad(b)) : 0) || byName(a, b));
}

function render() {
  const { span, sort, q } = wanted();
  for (const button of document.querySelectorAll("[data-days]")) {
    setAttribute(button, "aria-pressed", String(button.dataset.days === span));
  }
  if (document.activeElement !== byId("search")) byId("search").value = q;
  renderColumns(sort);
  const found = ordered();
  byId("series").hidden = found.length === 0;
  place(byId("rows"), found.slice(0, shown).map(rowOf));
  const left = found.length - Math.min(shown, found.length);
  byId("more").hidden = left === 0;
  setText(byId("more"), t("quality.more", { n: number(Math.min(left, SHOWN)) }));
  const facts = { n: number(found.length), all: number(items.length) };
  const key = found.length < items.length ? "quality.count.some" : "quality.count";
  setText(byId("series-count"), loading ? "" : t(key, facts));
  renderTotals();
  const box = byId("series-state");
  if (failure) {
    showState(box, "error", failure.message, { label: t("shell.retry"), run: refresh });
  } else if (loading) {
    const word = items.length ? "quality.loading.some" : "quality.loading";
    showState(box, "loading", t(word, { n: number(items.length) }));
  } else if (items.length === 0) showState(box, "empty", t("quality.empty"));
  else showState(box, found.length ? null : "empty", t("quality.nomatch"));
}

function renderColumns(sort) {
  const heads = Object.keys(COLUMNS).map((name) => {
    const sorted = name === sort ? (COLUMNS[name] ? "descending" : "ascending") : null;
    const press = { type: "button", "data-sort": name, on: { click: () => sortBy(name) } };
    if (name === "coverage" && sorted) return head(name, "ascending", press); // the least is worst
    return head(name, sorted, press);
  });
  const kept = document.activeElement?.dataset?.sort;
  byId("columns").replaceChildren(...heads);
  if (kept) byId("columns").querySelector(`[data-sort="${kept}"]`)?.focus();
  if (document.activeElement === byId("sort")) return; // a list must not close while it is read
  const options = Object.keys(COLUMNS).map((name) =>
    el("option", { value: name, text: t(`column.${name}`), selected: name === sort }),
  );
  byId("sort").replaceChildren(...options);
}

function head(name, sorted, press) {
  const kind = isNumber(name) ? "number" : name === "device" ? "device" : null;
  const button = el("button", { ...press, text: t(`column.${name}`) });
  return el("th", { scope: "col", class: kind, "aria-sort": sorted }, button);
}

function isNumber(name) {
  return !["device", "quantity", "longest"].includes(name);
}

function renderTotals() {
  const counted = items.filter((item) => item.coverage !== null);
  const sum = (name) => items.reduce((all, item) => all + item[name], 0);
  const holes = counted.filter((item) => item.gaps > 0).length;
  const totals = [
    ["quality.all", items.length],
    ["quality.whole", counted.length - holes],
    ["quality.holes", holes],
    ["quality.uncounted", items.length - counted.length],
    ...["late", "suspect", "rejected"].map((name) => [`column.${name}`, sum(name)]),
  ];
  const pair = ([key, n]) => {
    const value = el("dd", { text: number(n) });
    return el("div", {}, el("dt", { text: t(key) }), value);
  };
  place(byId("totals"), items.length ? totals.map(pair) : []);
}

function rowOf(item) {
  const link = el("a", { href: deviceHref(item), text: nameOf(item) });
  return el("tr", {}, el("th", { scope: "row", class: "device" }, link), ...qualityCells(item));
}

function sortBy(name) {
  want({ sort: name });
  shown = SHOWN;
  render();
}

function showRefused() {
  byId("quarantine").scrollIntoView();
  byId("quarantine").focus({ preventScroll: true });
}

startShell("quality", () => {
  render();
  refused.render();
});
for (const button of document.querySelectorAll("[data-days]")) {
  button.addEventListener("click", () => {
    want({ span: button.dataset.days });
    shown = SHOWN;
    refresh();
  });
}
byId("sort").addEventListener("change", (event) => sortBy(event.target.value));
byId("search").addEventListener("input", (event) => {
  clearTimeout(typing);
  typing = setTimeout(() => {
    want({ q: event.target.value.trim() });
    shown = SHOWN;
    render();
  }, WAIT_MS);
});
byId("more").addEventListener("click", () => {
  shown += SHOWN;
  render();
});
byId("to-quarantine").addEventListener("click", showRefused);
addEventListener("hashchange", () => {
  shown = SHOWN;
  refresh();
  refused.render();
});
await Promise.all([refresh(), learnNames(), refused.load()]);
if (wanted().part === "quarantine") showRefused();
