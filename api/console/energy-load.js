/** The load of registers together: peak and base load in numbers, and the duration curve. */

import { ms, now } from "./api.js";
import { byId, el, place } from "./dom.js";
import { colour, draw, escape, layoutOf } from "./plot.js";
import { scale, valueText } from "./quantities.js";
import { number, percent, t, timeText } from "./text.js";

/** Write the figures of an answer of /v1/energy/load; null: nothing is known. */
export function renderLoad(load) {
  if (!load) return place(byId("load-facts"), []);
  const power = (value) => valueText(value, load.power_unit);
  const facts = {
    peak: `${power(load.peak)}, ${timeText(ms(load.peak_start), now())}`,
    base: power(load.base),
    mean: power(load.mean),
    factor: load.load_factor === null ? "–" : `${number(100 * load.load_factor, 0, 1)}\u00a0%`,
    hours: load.utilisation_h === null ? "–" : `${number(load.utilisation_h, 0, 1)}\u00a0h`,
    known: percent(load.known),
  };
  const pair = ([name, text]) =>
    el("div", {}, el("dt", { text: t(`ep.load.${name}`) }), el("dd", { text }));
  place(byId("load-facts"), Object.entries(facts).map(pair));
}

/** Draw the curve: the power that is reached in a share of the quarter-hours; base load marked. */
export async function drawLoad(node, load) {
  const { factor, sign } = scale(load.power_unit, load.peak);
  const words = ({ share, power }) =>
    escape(t("ep.load.point", { share: percent(share), power: valueText(power, load.power_unit) }));
  const curve = {
    type: "scatter",
    mode: "lines+markers",
    fill: "tozeroy",
    fillcolor: colour("accent-soft"),
    line: { color: colour("accent"), width: 2 },
    marker: { size: 5, color: colour("accent") },
    x: load.duration.map((one) => one.share * 100),
    y: load.duration.map((one) => one.power * factor),
    hovertext: load.duration.map(words),
    hoverinfo: "text",
  };
  const base = load.base * factor;
  const layout = layoutOf(node, {
    x: { range: [-1, 101], ticksuffix: " %" },
    y: { ticksuffix: ` ${sign}`, rangemode: "tozero" },
  });
  const dashed = { color: colour("warn"), width: 1.5, dash: "dash" };
  layout.shapes = [{ type: "line", x0: 0, x1: 100, y0: base, y1: base, line: dashed }];
  layout.annotations = [
    {
      text: escape(t("ep.load.base")),
      x: 1,
      y: base,
      xanchor: "left",
      yanchor: "bottom",
      showarrow: false,
      font: { color: colour("warn"), size: 11 },
    },
  ];
  await draw(node, [curve], layout);
}

/** Return the curve as CSV. */
export function loadTable(load) {
  const rows = load.duration.map(({ share, power }) => `${share},${power},${load.power_unit}`);
  return ["share,power,unit", ...rows, ""].join("\n");
}
