/** What the chosen energy costs by a tariff, and its CO₂: stacked bands, a line, and their table. */

import { get } from "./api.js";
import { byId, el, showState } from "./dom.js";
import { colour, draw, escape, layoutOf } from "./plot.js";
import { valueText } from "./quantities.js";
import { number, t, tOr } from "./text.js";

const SHADES = ["accent", "silence", "good", "warn", "line-strong", "quiet"];
const WH = 1000; // in a kWh
const ITEMS = 10_000; // as many as one answer may have: more bars nobody sees

let answer = null;

/** Ask for the cost, or hide the panel where no tariff is chosen; throws what `get` throws. */
export async function loadCost(query, signal) {
  answer = null;
  byId("cost").hidden = !query.tariff;
  if (!query.tariff) return;
  showState(byId("cost-state"), "loading", t("ep.loading"));
  answer = await get("v1/energy/cost", { ...query, limit: ITEMS }, signal);
}

/** Show what was answered; `periodText` names a period. */
export function renderCost(periodText) {
  if (!answer) return;
  const parts = answer.items.flatMap((one) => one.parts);
  const of = (kind) => parts.filter((part) => part.kind === kind).map((part) => part.name);
  const names = [...new Set([...of("energy"), ...of("standing")])];
  const known = answer.items.some((one) => one.total !== null);
  showState(byId("cost-state"), known ? null : "empty", t("ep.noPrice"));
  const column = (...content) => el("th", { scope: "col" }, ...content);
  const carbon = Boolean(answer.intensity);
  const swatch = (name) => el("span", { class: "band-shade", style: `background: ${shade(names, name)}`, "aria-hidden": "true" });
  byId("cost-head").replaceChildren(el("tr", {},
    column(t("ep.period")),
    column(t("ep.group")),
    column(t("ep.value")),
    ...names.map((name) => column(swatch(name), ` ${partName(name)}`)),
    column(t("ep.cost.total")),
    ...(carbon ? [column(el("span", { class: "band-line", "aria-hidden": "true" }), " CO₂")] : []),
    column(t("ep.spread")),
    column(t("ep.quality")),
  ));
  byId("cost-body").replaceChildren(...answer.items.map((one) => row(one, names, carbon, periodText)));
  byId("cost-note").textContent = answer.note ?? "";
  paint(names, periodText).catch((error) => showState(byId("cost-state"), "error", error.message));
}

function shade(names, name) {
  return colour(SHADES[names.indexOf(name) % SHADES.length]);
}

const partName = (name) => tOr(`ep.part.${name}`, name);
const money = (value) => (value === null ? "–" : `${number(value, 2)}\u00a0${answer.currency}`);
const energy = (kwh) => valueText(kwh === null ? null : kwh * WH, "Wh");

/** Return what a name adds to a period; a band may be of two terms of the tariff. */
function added(one, name) {
  const own = one.parts.filter((part) => part.name === name);
  const sum = (field) => own.reduce((so, part) => so + (part[field] ?? 0), 0);
  return own.length ? { amount: sum("amount"), kwh: own[0].kwh === null ? null : sum("kwh") } : null;
}

function row(one, names, carbon, periodText) {
  const cell = (...content) => el("td", { class: "number" }, ...content);
  const small = (text) => el("div", { class: "quiet", text });
  const parts = names.map((name) => {
    const found = added(one, name);
    if (!found) return cell("–");
    return cell(money(found.amount), ...(found.kwh === null ? [] : [small(energy(found.kwh))]));
  });
  const unpriced = one.unpriced_kwh ? [small(t("ep.unpriced", { value: energy(one.unpriced_kwh) }))] : [];
  const unknown = one.co2?.unknown_kwh ? [small(t("ep.unknown", { value: energy(one.co2.unknown_kwh) }))] : [];
  const quality = one.quality ? tOr(`quality.${one.quality}`, one.quality) : "–";
  return el("tr", {},
    el("th", { scope: "row", text: periodText(one) }),
    el("td", { text: one.group === "all" ? t("ep.all") : one.group ?? "–" }),
    cell(energy(one.kwh), ...unpriced),
    ...parts,
    cell(el("strong", { text: money(one.total) })),
    ...(carbon ? [cell(one.co2 && one.kwh !== null ? `${number(one.co2.kg, 1)}\u00a0kg` : "–", ...unknown)] : []),
    cell(one.spread_share === null ? "–" : `${number(one.spread_share * 100, 1)}\u00a0%`),
    el("td", { text: one.provisional ? `${quality} · ${t("quality.provisional")}` : quality }),
  );
}

async function paint(names, periodText) {
  const { items } = answer;
  const node = byId("cost-plot");
  const x = items.map((_, at) => at);
  const label = (one, text) => escape(`${periodText(one)} ${one.group ?? ""}: ${text}`);
  const bars = names.map((name) => ({
    type: "bar", x, y: items.map((one) => added(one, name)?.amount ?? null),
    marker: { color: shade(names, name) }, hoverinfo: "text", textposition: "none",
    hovertext: items.map((one) => label(one, `${partName(name)} ${money(added(one, name)?.amount ?? null)}`)),
  }));
  const px = 30 + 7 * Math.max(...items.map((one) => periodText(one).length));
  const every = Math.max(1, Math.ceil(items.length / Math.max(2, node.clientWidth / px)));
  const tickvals = x.filter((at) => at % every === 0);
  const ticks = { tickvals, ticktext: tickvals.map((at) => escape(periodText(items[at]))) };
  const layout = layoutOf(node, { x: ticks, y: { ticksuffix: ` ${escape(answer.currency)}`, rangemode: "tozero" } });
  layout.barmode = "relative";
  if (answer.intensity) {
    bars.push({
      type: "scatter", mode: "lines+markers", yaxis: "y2", x, y: items.map((one) => (one.kwh === null ? null : one.co2.kg)),
      line: { color: colour("ink"), width: 1.5 }, marker: { size: 5 }, hoverinfo: "text",
      hovertext: items.map((one) => label(one, `CO₂ ${number(one.co2.kg, 1)} kg`)),
    });
    layout.yaxis2 = { ...layout.yaxis, overlaying: "y", side: "right", showgrid: false, tickmode: "auto", ticksuffix: " kg" };
  }
  await draw(node, bars, layout);
}
