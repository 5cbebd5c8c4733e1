/** The planners' page: what flowed where and when, beside another time; all of it in the address. */

import "./page-energy-words.js";
import { collect, get, now } from "./api.js";
import { byId, el, place, showState } from "./dom.js";
import { savePicture, saveTable, saveText } from "./download.js";
import { drawLoad, loadTable, renderLoad } from "./energy-load.js";
import { presets } from "./energy-presets.js";
import { loadCost, renderCost } from "./page-energy-cost.js";
import { deviceHref } from "./links.js";
import { SHADES, colour, draw, escape, layoutOf } from "./plot.js";
import { quantityName, scale, valueText } from "./quantities.js";
import { startShell } from "./shell.js";
import { number, percent, t, tOr, ZONE, zoneOffset } from "./text.js";

const CHOSEN = ["quantity", "tenant", "district", "sector", "site", "device", "start", "end"];
const NAMES = [...CHOSEN, "by", "per", "against"];
const PRICED = ["tenant", "district", "sector", "site", "device", "start", "end", "by", "per", "tariff", "co2"];
const PARTS = ["sums", "heat", "load"];
const BELOW = { year: "month", month: "day", day: "hour" };
let choices = null;
let answer = null;
let asking = null;

function localDay(ms) {
  return new Date(ms + zoneOffset(ms)).toISOString().slice(0, 10);
}

function state() {
  const today = localDay(now());
  const first = {
    quantity: "active_energy_import",
    start: `${today.slice(0, 8)}01`,
    end: localDay(now() + 864e5),
    by: "day",
    per: "all",
  };
  return { ...first, ...Object.fromEntries(new URLSearchParams(location.hash.slice(1))) };
}

function go(change) {
  const parts = Object.entries({ ...state(), ...change }).filter(([, value]) => value);
  location.hash = new URLSearchParams(parts).toString();
}

function query(names) {
  const found = state();
  return Object.fromEntries([...names.map((name) => [name, found[name] || null]), ["tz", ZONE]]);
}

function renderPresets() {
  const found = state();
  const buttons = Object.entries(presets(localDay(now()))).map(([name, span]) => {
    const chosen = Object.entries(span).every(([key, value]) => found[key] === value);
    const facts = { type: "button", class: "button", "data-preset": name, text: t(`ep.${name}`) };
    const press = () => go({ ...span, against: "" });
    return el("button", { ...facts, "aria-pressed": String(chosen), on: { click: press } });
  });
  const kept = document.activeElement?.dataset?.preset;
  byId("presets").replaceChildren(...buttons);
  if (kept) byId("presets").querySelector(`[data-preset="${kept}"]`)?.focus();
}

function renderChoice() {
  renderPresets();
  const found = state();
  const begun = (words) => words[0].toUpperCase() + words.slice(1);
  const field = (name, control) => el("label", {}, begun(t(`ep.${name}`)), control);
  const options = (name, values, word, none = "ep.all") => {
    const all = found[name] && !values.includes(found[name]) ? [found[name], ...values] : values;
    const items = all.map((value) => el("option", { value, text: value ? word(value) : t(none), selected: value === (found[name] ?? "") }));
    return field(name, el("select", { name }, ...items));
  };
  const same = (value) => value;
  const { sites, series, tariffs } = choices;
  const plans = (name, what) => {
    const own = tariffs.filter((one) => one.what === what);
    return options(name, ["", ...own.map((one) => one.name)], (value) => own.find((one) => one.name === value)?.title || value, "ep.without");
  };
  const distinct = (name) => ["", ...new Set(sites.map((one) => one[name]).filter(Boolean))];
  const registers = series.filter((one) => one.kind === "register" && ["Wh", "m3"].includes(one.unit));
  const devices = registers.filter((one) => one.quantity === found.quantity).map((one) => one.device);
  const word = (value) => t(`ep.${value}`);
  const input = (name) => field(name, el("input", { name, type: "date", value: found[name] ?? "" }));
  byId("choice").replaceChildren(
    options("quantity", [...new Set(registers.map((one) => one.quantity))], quantityName),
    ...["tenant", "district", "sector"].map((name) => options(name, distinct(name), same)),
    options("site", distinct("id"), (id) => sites.find((one) => one.id === id)?.name || id),
    options("device", ["", ...new Set(devices)], same),
    ...["start", "end"].map(input),
    options("by", ["hour", "day", "month", "year"], word),
    options("per", ["all", "tenant", "district", "sector", "site", "device"], word),
    input("against"),
    plans("tariff", "tariff"),
    plans("co2", "co2"),
    el("button", { class: "button", text: t("ep.show") }),
  );
}

async function load() {
  asking?.abort();
  asking = new AbortController();
  const { signal } = asking;
  answer = null;
  for (const name of PARTS) showState(byId(`${name}-state`), "loading", t("ep.loading"));
  const again = { label: t("retry"), run: load };
  try {
    choices ??= {
      sites: (await collect("v1/sites", {}, { signal })).items,
      series: (await collect("v1/series", {}, { signal })).items,
      tariffs: (await collect("v1/tariffs", {}, { signal })).items,
    };
    renderChoice();
    const sums = (await collect("v1/energy/sums", query(NAMES), { signal })).items;
    answer = { sums, heat: null, load: null };
    render();
    await loadCost(query(PRICED), signal).then(() => renderCost(periodText)).catch((error) => {
      if (error.name === "AbortError") throw error;
      showState(byId("cost-state"), "error", error.message, again);
    });
    for (const [name, path] of [["load", "v1/energy/load"], ["heat", "v1/energy/heatmap"]]) {
      await loadPart(name, path, signal, again);
    }
  } catch (error) {
    if (error.name === "AbortError") return;
    for (const name of PARTS) showState(byId(`${name}-state`), "error", error.message, again);
  }
}

/** Fetch one chart's answer; what can't be answered leaves the others standing. */
async function loadPart(name, path, signal, again) {
  try {
    answer[name] = await get(path, query(CHOSEN), signal);
    showState(byId(`${name}-state`), null);
    render();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    const box = byId(`${name}-state`);
    if (error.status === 404) showState(box, "empty", t("ep.none"));
    else showState(box, "error", error.message, again);
  }
}

const periodText = (one) => ({ year: 4, month: 7, day: 10 })[state().by]
  ? one.start.slice(0, { year: 4, month: 7, day: 10 }[state().by])
  : `${one.start.slice(0, 10)} ${one.start.slice(11, 16)} ${one.start.slice(19)}`;

function below(one) {
  const { by } = state();
  const day = one.end.slice(0, 10);
  return BELOW[by] ? { start: one.start.slice(0, 10), end: day, by: BELOW[by], against: one.against ? one.against.start.slice(0, 10) : "" } : null;
}

function render() {
  if (!answer) return;
  const csv = (names, more) => {
    const parts = Object.entries({ ...query(names), ...more, format: "csv" }).filter(([, value]) => value);
    return `v1/energy/sums?${new URLSearchParams(parts)}`;
  };
  const name = `emscher-${state().quantity}-${state().start}`;
  const own = [`${name}-${state().by}.csv`, `${name}-quarter-hours.csv`];
  const quarters = csv(CHOSEN, { by: "quarter_hour" });
  Object.assign(byId("sums-csv").dataset, { path: csv(NAMES, {}), name: own[0] });
  const priced = Object.entries({ ...query(PRICED), format: "csv" }).filter(([, value]) => value);
  Object.assign(byId("cost-csv").dataset, { path: `v1/energy/cost?${new URLSearchParams(priced)}`, name: `${name}-cost-${state().by}.csv` });
  Object.assign(byId("heat-csv").dataset, { path: quarters, name: own[1] });
  const known = answer.sums.some((one) => one.value !== null);
  showState(byId("sums-state"), known ? null : "empty", t("ep.none"));
  const columns = ["period", "group", "value", "quality", "coverage", "corrections", "m2", "other", "change"];
  byId("sums-head").replaceChildren(el("tr", {}, ...columns.map((one) => el("th", { scope: "col", text: t(`ep.${one}`) }))));
  byId("sums-body").replaceChildren(...answer.sums.map(row));
  renderTotals();
  renderLoad(answer.load);
  paint().catch((error) => showState(byId("sums-state"), "error", error.message));
}

/** All periods and groups together, beside those of the other time. */
function renderTotals() {
  const { sums } = answer;
  const total = (value) => {
    const known = sums.map(value).filter((one) => typeof one === "number");
    return known.length ? known.reduce((sum, one) => sum + one, 0) : null;
  };
  const own = total((one) => one.value);
  const other = total((one) => one.against?.value ?? null);
  const unit = sums[0]?.unit;
  const facts = { total: valueText(own, unit) };
  if (state().against) {
    // Where one of two periods is not known, the sums are not of the same time.
    const alike = sums.every((one) => (one.value === null) === ((one.against?.value ?? null) === null));
    const change = alike && other ? (own / other - 1) * 100 : null;
    facts.other = valueText(other, unit);
    facts.change = change === null ? "–" : `${change > 0 ? "+" : ""}${number(change, 1)}\u00a0%`;
  }
  const unknown = sums.filter((one) => one.value === null).length;
  if (unknown) facts["total.unknown"] = number(unknown);
  const pair = ([name, text]) => el("div", {}, el("dt", { text: t(`ep.${name}`) }), el("dd", { text }));
  place(byId("totals"), own === null ? [] : Object.entries(facts).map(pair));
}

/** A device leads to its page; a group of several has none. */
function groupOf({ group }) {
  const { per, device, quantity } = state();
  const single = per === "device" ? group : group === "all" && !device?.includes(",") && device;
  if (single) return el("a", { href: deviceHref({ device: single, quantity }), text: single });
  return group === "all" ? t("ep.all") : group || "–";
}

function row(one) {
  const deeper = below(one);
  const period = deeper
    ? el("a", { href: `#${new URLSearchParams(Object.entries({ ...state(), ...deeper }).filter(([, v]) => v))}`, text: periodText(one) })
    : periodText(one);
  const other = one.against;
  const words = other?.quality ? ` · ${tOr(`quality.${other.quality}`, other.quality)} · ${percent(other.coverage)}` : "";
  const raw = other?.change;
  const change = typeof raw === "number" ? Math.round(raw * 1000) / 1000 : null;
  const missing = one.missing ? ` · ${t("ep.more", { n: one.meters, of: one.meters + one.missing })}` : "";
  const quality = one.quality ? tOr(`quality.${one.quality}`, one.quality) : "–";
  return el("tr", {},
    el("th", { scope: "row" }, period),
    el("td", {}, groupOf(one)),
    el("td", { class: "number", text: valueText(one.value, one.unit) }),
    el("td", { text: one.provisional ? `${quality} · ${t("quality.provisional")}` : quality }),
    el("td", { text: percent(one.coverage) + missing }),
    el("td", { class: "number", text: number(one.corrections) }),
    el("td", { class: "number", text: valueText(one.per_m2, one.unit) }),
    el("td", { text: other ? valueText(other.value, one.unit) + words : "–" }),
    el("td", { class: "number", text: typeof change === "number" ? `${change > 0 ? "+" : ""}${number(change * 100, 1)}\u00a0%` : "–" }),
  );
}

async function paint() {
  const { sums, heat, load: curve } = answer;
  const most = Math.max(0, ...sums.map((one) => Math.max(one.value ?? 0, one.against?.value ?? 0)));
  const { factor, sign } = scale(sums[0]?.unit, most);
  // Groups lie upon each other, period by period; beside another time each has its own place.
  const groups = [...new Set(sums.map((one) => one.group))];
  const stacked = groups.length > 1 && !state().against;
  const places = stacked ? [...new Map(sums.map((one) => [one.start, one])).values()] : sums;
  if (stacked) places.sort((one, other) => Date.parse(one.start) - Date.parse(other.start));
  const at = new Map(places.map((one, k) => [stacked ? one.start : one, k]));
  const bars = (some, value, shade) => ({
    type: "bar", x: some.map((one) => at.get(stacked ? one.start : one)), y: some.map((one) => (value(one) === null ? null : value(one) * factor)),
    marker: { color: shade }, hoverinfo: "text", textposition: "none",
    hovertext: some.map((one) => escape(`${periodText(one)} ${one.group ?? ""}: ${valueText(value(one), one.unit)}`)),
  });
  const own = (one) => one.value;
  const each = groups.map((group, k) => ({
    ...bars(sums.filter((one) => one.group === group), own, SHADES[k % SHADES.length]), name: escape(group ?? "–"),
  }));
  const compared = state().against ? [bars(sums, (one) => one.against?.value ?? null, colour("line-strong"))] : [];
  const node = byId("sums-plot");
  const every = Math.max(1, Math.ceil(places.length / Math.max(2, node.clientWidth / 110)));
  const ticks = places.map((_, k) => k).filter((k) => k % every === 0);
  const x = { tickvals: ticks, ticktext: ticks.map((k) => escape(periodText(places[k]))) };
  const layout = layoutOf(node, { x, y: { ticksuffix: ` ${sign}`, rangemode: "tozero" } });
  if (stacked) Object.assign(layout, { barmode: "stack", showlegend: true, legend: { orientation: "h", y: -0.2 } });
  await draw(node, stacked ? each : [...compared, bars(sums, own, colour("accent"))], layout);
  if (curve && answer.load === curve) await drawLoad(byId("load-plot"), curve);
  if (!heat || answer.heat !== heat) return;
  const clocks = Array.from({ length: 96 }, (_, k) => `${String(k >> 2).padStart(2, "0")}:${String((k % 4) * 15).padStart(2, "0")}`);
  const cells = heat.days.map((day) => clocks.map((clock) => day.clock.flatMap((own, at) => (own === clock && day.values[at] !== null ? [at] : []))));
  const mean = (day, own) => own.reduce((sum, at) => sum + heat.days[day].values[at], 0) / own.length;
  const z = cells.map((line, day) => line.map((own) => (own.length ? mean(day, own) : null)));
  const text = cells.map((line, day) => line.map((own, k) => escape(`${heat.days[day].day} ${clocks[k]}: ${own.map((at) => `${valueText(heat.days[day].values[at], heat.unit)} (${tOr(`quality.${heat.days[day].qualities[at]}`, "")})`).join(" + ") || "–"}`)));
  showState(byId("heat-state"), z.flat().some((one) => one !== null) ? null : "empty", t("ep.none"));
  const place = byId("heat-plot");
  const trace = { type: "heatmap", z, x: clocks.map((_, k) => k), y: heat.days.map((day) => day.day), text, hoverinfo: "text", showscale: false, colorscale: [[0, colour("accent-soft")], [1, colour("accent")]] };
  const hours = [0, 6, 12, 18].map((h) => h * 4);
  await draw(place, [trace], layoutOf(place, { x: { tickvals: hours, ticktext: hours.map((k) => clocks[k]) }, y: { type: "category", autorange: "reversed" } }));
}

byId("choice").addEventListener("submit", (event) => {
  event.preventDefault();
  go(Object.fromEntries(new FormData(event.target)));
});
for (const name of [...PARTS, "cost"]) {
  const failed = (error) => showState(byId(`${name}-state`), "error", error.message);
  byId(`${name}-png`).addEventListener("click", () => {
    savePicture(byId(`${name}-plot`), `emscher-${name}-${state().start}`).catch(failed);
  });
  byId(`${name}-csv`).addEventListener("click", (event) => {
    const curve = name === "load" && answer?.load;
    if (curve) saveText(loadTable(curve), `emscher-${state().quantity}-${state().start}-load.csv`);
    const { path, name: file } = event.target.dataset;
    if (path) saveTable(path, file).catch(failed);
  });
}
addEventListener("hashchange", load);
addEventListener("resize", () => {
  render();
  renderCost(periodText);
});
startShell("energy", () => {
  if (choices) renderChoice();
  render();
  renderCost(periodText);
});
load();
