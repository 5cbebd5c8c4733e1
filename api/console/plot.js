/**
 * Drawing with Plotly, which the server takes from its Python wheel.
 *
 * Time axes are plain numbers (ms) with ticks of our own, since Plotly knows no time zones and a
 * local time that runs twice in autumn must not run back on the screen. Nothing from the wire is
 * given to Plotly unescaped: it reads a small HTML of its own in texts.
 */

import { clockText, dayText, language, zoneOffset } from "./text.js";

const SOURCE = "console/plotly.min.js";
const MINUTE = 60e3;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const TICKS = [
  ...[1, 2, 5, 10, 15, 30].map((s) => s * 1000),
  ...[1, 2, 5, 10, 15, 30].map((m) => m * MINUTE),
  ...[1, 2, 3, 6, 12].map((h) => h * HOUR),
  ...[1, 2, 7, 14, 28].map((d) => d * DAY),
];
/** Parts side by side need colours that also differ in lightness. */
export const SHADES = ["#2f6fb3", "#e08a1e", "#4b9b6e", "#8a5fb0", "#c2504a", "#7d8794", "#c9b23c", "#57b3c4"];
const TICK_PX = 88;
const BUSY_SHARE = 0.25; // drawing may take this share of the time, and no more
const CONFIG = { displayModeBar: false, responsive: false, doubleClick: false, showTips: false };

let loading = null;

/** Return Plotly, fetched once; a failed fetch may be tried again. */
export function loadPlotly() {
  loading ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = SOURCE;
    script.onload = () => (window.Plotly ? resolve(window.Plotly) : reject(new Error(SOURCE)));
    script.onerror = () => {
      script.remove();
      reject(new Error(SOURCE));
    };
    document.head.append(script);
  }).catch((error) => {
    loading = null;
    throw error;
  });
  return loading;
}

/** Return text that Plotly shows as it is. */
export function escape(text) {
  return String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** Return a colour of the style sheet, as it is in the light or dark of this moment. */
export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/** Return {tickvals, ticktext} for [startMs, endMs] on an axis of some px, in the site's zone. */
export function timeTicks(startMs, endMs, px) {
  const wanted = Math.max(2, Math.floor(px / TICK_PX));
  const step = TICKS.find((size) => (endMs - startMs) / size <= wanted) ?? TICKS.at(-1);
  const tickvals = [];
  const ticktext = [];
  const first = Math.ceil((startMs + zoneOffset(startMs)) / step) * step;
  let day = null;
  for (let local = first; tickvals.length < 50; local += step) {
    const guess = local - zoneOffset(startMs);
    const at = local - zoneOffset(guess);
    if (at > endMs) break;
    const name = dayText(at);
    const clock = step >= DAY ? "" : clockText(at, step < MINUTE);
    tickvals.push(at);
    ticktext.push(name === day ? clock : [clock, name].filter(Boolean).join("<br>"));
    day = name;
  }
  return { tickvals, ticktext };
}

/** Return the layout that all charts share. */
export function layoutOf(node, { y, x, margin = {} }) {
  const { fontFamily: family } = getComputedStyle(document.body);
  const [ink, quiet, line] = [colour("ink"), colour("quiet"), colour("line")];
  const axis = {
    color: quiet,
    gridcolor: line,
    linecolor: line,
    zeroline: false,
    ticks: "",
    fixedrange: true,
    tickfont: { size: 11 },
  };
  const exact = { exponentformat: "none", separatethousands: true };
  return {
    width: node.clientWidth,
    height: node.clientHeight,
    margin: { l: 8, r: 10, t: 8, b: 34, pad: 2, ...margin },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family, color: ink, size: 12 },
    separators: language() === "de" ? ",." : ".,",
    showlegend: false,
    hoverlabel: {
      bgcolor: colour("panel"),
      bordercolor: colour("line-strong"),
      font: { family, color: ink, size: 12 },
      align: "left",
    },
    xaxis: { ...axis, ...x },
    yaxis: { ...axis, ...exact, automargin: true, nticks: 6, ...y },
  };
}

/** Draw a figure into a node with a size; a node without one (hidden) is left alone. */
export async function draw(node, traces, layout) {
  const plotly = await loadPlotly();
  if (!node.clientWidth || !node.clientHeight) return;
  await plotly.react(node, traces, layout, CONFIG);
}

/** Return a colour of the style sheet (there as #rrggbb) with an opacity. */
export function faint(name, share) {
  const hex = colour(name).slice(1);
  const [r, g, b] = [0, 2, 4].map((at) => Number.parseInt(hex.slice(at, at + 2), 16));
  return `rgba(${r},${g},${b},${share})`;
}

/**
 * Calls `paint` in animation frames when asked to: many requests make one drawing, and drawings
 * leave most of the time to everything else however slow the machine is.
 */
export class Painter {
  #asked = false;
  #restUntil = 0;

  constructor(paint) {
    this.paint = paint;
  }

  request() {
    if (this.#asked) return;
    this.#asked = true;
    const rest = this.#restUntil - performance.now();
    if (rest > 4) setTimeout(() => requestAnimationFrame(() => this.#run()), rest);
    else requestAnimationFrame(() => this.#run());
  }

  async #run() {
    this.#asked = false;
    const begun = performance.now();
    try {
      await this.paint();
    } catch (error) {
      console.warn(`a chart could not be drawn: ${error.message}`); // the panel says so, too
    }
    const spent = performance.now() - begun;
    this.#restUntil = performance.now() + spent * (1 / BUSY_SHARE - 1);
  }
}
