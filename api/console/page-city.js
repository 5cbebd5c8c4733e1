/** The citizens' page: totals of homes by district, and what is measured in public places. */

import "./page-city-words.js";
import { collect, ms, now } from "./api.js";
import { byId, el, setAttribute, setText, showState } from "./dom.js";
import { savePicture, saveTable } from "./download.js";
import { SHADES, colour, draw, escape, layoutOf, timeTicks } from "./plot.js";
import { quantityName, scale, valueText } from "./quantities.js";
import { speakPage } from "./shell.js";
import { age, number, t } from "./text.js";

const QUANTITIES = [
  "active_energy_import",
  "active_energy_export",
  "heat_energy",
  "cooling_energy",
  "gas_volume",
  "water_volume",
];
const DAYS_SHOWN = 93; // the table for programs has them all
const OLD_MS = 3 * 3600e3;
const RENEWED_MS = 60e3;
let totals = null;
let places = null;
let hours = null;

function state() {
  const first = { quantity: "active_energy_import", by: "day", site: "", measured: "" };
  return { ...first, ...Object.fromEntries(new URLSearchParams(location.hash.slice(1))) };
}

function go(change) {
  const parts = Object.entries({ ...state(), ...change }).filter(([, value]) => value);
  location.hash = new URLSearchParams(parts).toString();
}

/** Ask with a box that says so meanwhile, and what went wrong; null: it did. */
async function asked(box, ask, again) {
  showState(box, "loading", t("city.loading"));
  try {
    const items = await ask();
    showState(box, null);
    return items;
  } catch (error) {
    showState(box, "error", error.message, { label: t("retry"), run: again });
    return null;
  }
}

async function items(path, query = {}) {
  return (await collect(path, query)).items;
}

/** Return the totals; of days only those of the last months that anything was told of. */
async function newest(quantity, by) {
  if (by !== "day") return items("v1/public/totals", { quantity, by });
  const months = await items("v1/public/totals", { quantity, by: "month" });
  const end = Date.parse(months.at(-1)?.end ?? "");
  if (!Number.isFinite(end)) return [];
  const start = new Date(end - DAYS_SHOWN * 864e5).toISOString().slice(0, 10);
  return items("v1/public/totals", { quantity, by, start });
}

async function loadTotals() {
  const { quantity, by } = state();
  const found = await asked(byId("totals-state"), () => newest(quantity, by), loadTotals);
  const still = state();
  if (still.quantity !== quantity || still.by !== by) return; // another was asked for meanwhile
  totals = found;
  renderTotals();
}

async function loadPlaces() {
  places = await asked(byId("places-state"), () => items("v1/public/sites"), loadPlaces);
  renderPlaces();
  if (places && state().site) await loadHours();
}

/** Show the newest values, unless somebody is about to press one of them. */
async function renewPlaces() {
  if (document.hidden || places === null) return;
  if (byId("places").contains(document.activeElement)) return;
  try {
    places = await items("v1/public/sites");
    renderPlaces();
  } catch (error) {
    console.warn(`the values are those of before: ${error.message}`);
  }
}

async function loadHours() {
  const { site, measured: quantity } = state();
  hours = null;
  byId("hours").hidden = !site;
  renderPlaces();
  if (!site) return;
  renderHours();
  const ask = () => items("v1/public/hours", { site, quantity });
  hours = await asked(byId("hours-state"), ask, loadHours);
  renderHours();
}

function partName(one) {
  const name = one.tenant.charAt(0).toUpperCase() + one.tenant.slice(1);
  return t(`city.${one.kind}`, { name: one.name ?? "", tenant: name });
}

/** Totals are told in whole kWh and tenths of m³: more digits would be made up. */
function totalText({ value, unit }) {
  if (unit === "Wh") return `${number(value / 1000, 0, 0)}\u00a0kWh`;
  return `${number(value, 1, 1)}\u00a0m³`;
}

function periodName(one) {
  return one.start.slice(0, { day: 10, month: 7, year: 4 }[state().by]);
}

function renderTotals() {
  const { quantity, by } = state();
  const options = QUANTITIES.map((value) =>
    el("option", { value, text: t(`city.q.${value}`), selected: value === quantity }),
  );
  byId("quantity").replaceChildren(...options);
  for (const button of document.querySelectorAll("[data-by]")) {
    setAttribute(button, "aria-pressed", String(button.dataset.by === by));
  }
  const some = (totals ?? []).length > 0;
  byId("totals").hidden = !some;
  for (const name of ["totals-csv", "totals-png"]) byId(name).hidden = !some;
  if (totals === null) return;
  showState(byId("totals-state"), some ? null : "empty", some ? "" : t("city.none"));
  const head = ["period", "part", "value", "homes", "days"].map((name) =>
    el("th", { scope: "col", class: name === "value" ? "number" : null, text: t(`city.${name}`) }),
  );
  byId("totals-head").replaceChildren(el("tr", {}, ...head));
  const rows = [...totals].reverse().map((one) =>
    el(
      "tr",
      {},
      el("td", { text: periodName(one) }),
      el("td", { text: partName(one) }),
      el("td", { class: "number", text: totalText(one) }),
      el("td", { text: one.homes_at_least === null ? "–" : t("city.atLeast", { n: one.homes_at_least }) }),
      el("td", { text: t("city.ofDays", { days: one.days, of: one.of_days }) }),
    ),
  );
  byId("totals-body").replaceChildren(...rows);
  drawTotals();
}

function drawTotals() {
  const node = byId("totals-plot");
  if (!totals?.length) {
    node.replaceChildren();
    return;
  }
  const periods = [...new Set(totals.map(periodName))].sort();
  const most = Math.max(...totals.map((one) => one.value));
  const { factor, sign } = scale(totals[0].unit, most);
  const parts = new Map();
  for (const one of totals) {
    const name = partName(one);
    if (!parts.has(name)) parts.set(name, new Map());
    parts.get(name).set(periodName(one), one.value * factor);
  }
  const traces = [...parts].map(([name, values], k) => ({
    type: "bar",
    name: escape(name),
    x: periods,
    y: periods.map((period) => values.get(period) ?? null),
    marker: { color: SHADES[k % SHADES.length] },
    hovertemplate: `%{x}<br>${escape(name)}: %{y:,.0f} ${escape(sign)}<extra></extra>`,
  }));
  const y = { ticksuffix: ` ${sign}`, rangemode: "tozero" };
  const layout = layoutOf(node, { x: { type: "category", nticks: 12 }, y });
  Object.assign(layout, { barmode: "stack", showlegend: true, legend: { orientation: "h", y: -0.2 } });
  draw(node, traces, layout).catch((error) => showState(byId("totals-state"), "error", error.message));
}

function renderPlaces() {
  if (places === null) return;
  const some = places.filter((one) => one.latest.length > 0);
  const none = places.length ? t("city.quietPlaces") : t("city.noplaces");
  showState(byId("places-state"), some.length ? null : "empty", none);
  byId("places").replaceChildren(...some.map(card));
}

function card(site) {
  const values = site.latest.map((one) => {
    const since = now() - ms(one.time);
    const text = valueText(one.value, one.unit, one.quantity);
    const old = since > OLD_MS;
    const picked = state().site === site.id && state().measured === one.quantity;
    return el(
      "button",
      {
        type: "button",
        class: old ? "value old" : "value",
        "aria-pressed": String(picked),
        on: { click: () => go({ site: site.id, measured: one.quantity }) },
      },
      el("span", { text: quantityName(one.quantity) }),
      el("b", { text: old ? t("city.notNow", { value: text, age: age(since) }) : text }),
    );
  });
  return el(
    "li",
    {},
    el("h3", { text: site.name }),
    el("p", { class: "where", text: site.district }),
    el("div", { class: "values" }, ...values),
  );
}

function renderHours() {
  const { site, measured } = state();
  const name = places?.find((one) => one.id === site)?.name ?? site;
  setText(byId("hours-title"), t("city.hours", { quantity: quantityName(measured), name }));
  byId("hours-csv").hidden = !hours?.length;
  if (hours === null) return;
  showState(byId("hours-state"), hours.length ? null : "empty", t("city.nohours"));
  const node = byId("hours-plot");
  if (!hours.length) {
    node.replaceChildren();
    return;
  }
  const sensors = [...new Set(hours.map((one) => one.sensor))];
  const most = Math.max(...hours.map((one) => Math.abs(one.max)));
  const { factor, sign } = scale(hours[0].unit, most);
  const traces = sensors.map((sensor, k) => {
    const own = hours.filter((one) => one.sensor === sensor);
    return {
      type: "scatter",
      mode: own.length > 48 ? "lines" : "lines+markers",
      x: own.map((one) => ms(one.start) + 18e5),
      y: own.map((one) => one.mean * factor),
      line: { color: k ? SHADES[k % SHADES.length] : colour("accent"), width: 1.8 },
      hovertemplate: `%{y:.1f} ${escape(sign)}<extra></extra>`,
    };
  });
  const range = [now() - 7 * 864e5, now()];
  const x = { ...timeTicks(...range, node.clientWidth), range };
  const layout = layoutOf(node, { x, y: { ticksuffix: ` ${sign}` } });
  draw(node, traces, layout).catch((error) => showState(byId("hours-state"), "error", error.message));
}

function save(box, work) {
  work().catch((error) => showState(byId(box), "error", error.message));
}

byId("quantity").addEventListener("change", (event) => go({ quantity: event.target.value }));
for (const button of document.querySelectorAll("[data-by]")) {
  button.addEventListener("click", () => go({ by: button.dataset.by }));
}
byId("totals-csv").addEventListener("click", () => {
  const { quantity, by } = state();
  const path = `v1/public/totals?${new URLSearchParams({ quantity, by, format: "csv" })}`;
  save("totals-state", () => saveTable(path, `${quantity}-${by}.csv`));
});
byId("totals-png").addEventListener("click", () => {
  const { quantity, by } = state();
  save("totals-state", () => savePicture(byId("totals-plot"), `${quantity}-${by}`));
});
byId("hours-csv").addEventListener("click", () => {
  const { site, measured: quantity } = state();
  const path = `v1/public/hours?${new URLSearchParams({ site, quantity, format: "csv" })}`;
  save("hours-state", () => saveTable(path, `${site}-${quantity}.csv`));
});
byId("hours-close").addEventListener("click", () => go({ site: "", measured: "" }));
let shown = state();
addEventListener("hashchange", () => {
  const before = shown;
  shown = state();
  if (before.quantity !== shown.quantity || before.by !== shown.by) {
    totals = null;
    loadTotals();
  }
  if (before.site !== shown.site || before.measured !== shown.measured) {
    loadHours();
    if (shown.site) byId("hours").focus();
  }
});
addEventListener("resize", () => {
  drawTotals();
  if (hours) renderHours();
});
speakPage(() => t("city.title"), () => {
  renderTotals();
  renderPlaces();
  if (state().site) renderHours();
});
loadTotals();
loadPlaces();
setInterval(renewPlaces, RENEWED_MS);
