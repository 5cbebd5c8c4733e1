/** Messages a second of the last minutes, out of the counters of the live feed. */

import { now } from "./api.js";
import { setAttribute, setText, showState } from "./dom.js";
import { colour, draw, faint, layoutOf, loadPlotly, Painter, timeTicks } from "./plot.js";
import { number, t } from "./text.js";

const KEPT_MS = 10 * 60e3;
const OVER_MS = 3000; // counters come about once a second; over three, their beat does not show
const SHOWN_MS_MIN = 60e3;

/** The rate as a figure and as a chart. */
export class Throughput {
  #samples = []; // {at, received}, one a second; null where the feed was lost
  #newest = null;
  #open = false;
  #painter = new Painter(() => this.#paint());

  constructor(node, state, figure) {
    Object.assign(this, { node, state, figure });
  }

  /** Take how many messages were received so far. */
  take(received) {
    if (this.#newest !== null && received < this.#newest) this.#samples = []; // a restart
    this.#newest = received;
    if (!this.#samples.at(-1)) this.tick();
  }

  /** Say whether the feed lives: without it nothing is known, which is not zero. */
  live(open) {
    if (!open && this.#open) this.#samples.push(null);
    if (!open) this.#newest = null;
    this.#open = open;
    this.render();
  }

  /** A second has gone by: without new counters no message came. */
  tick() {
    if (this.#newest === null) return;
    const at = now();
    this.#samples.push({ at, received: this.#newest });
    const old = (one) => one === null || at - one.at > KEPT_MS;
    while (this.#samples.length > 1 && old(this.#samples[0])) this.#samples.shift();
    this.render();
  }

  /** Return {at, rate} for each second of which enough is known, null where the feed was lost. */
  points() {
    const found = [];
    let first = 0;
    this.#samples.forEach((one, at) => {
      if (one === null) {
        first = at + 1;
        found.push(null);
        return;
      }
      while (first < at && one.at - this.#samples[first + 1].at >= OVER_MS) first += 1;
      const before = this.#samples[first];
      if (one.at - before.at < 500) return;
      found.push({
        at: one.at,
        rate: ((one.received - before.received) * 1000) / (one.at - before.at),
      });
    });
    return found;
  }

  render() {
    const newest = this.#newest === null ? null : this.points().at(-1);
    const text = newest ? number(newest.rate, 0, newest.rate < 10 ? 1 : 0) : "–";
    setText(this.figure, text);
    setAttribute(this.node, "aria-label", t("system.rate.chart", { rate: text }));
    const known = this.points().some((one) => one !== null);
    if (!known) showState(this.state, "loading", t("system.rate.wait"));
    else this.#show();
  }

  /** Ask for a drawing once Plotly is here: waiting for it is no drawing to rest from. */
  async #show() {
    try {
      await loadPlotly();
    } catch {
      const action = { label: t("shell.retry"), run: () => this.render() };
      return showState(this.state, "error", t("chart.plotly"), action);
    }
    showState(this.state, null);
    this.#painter.request();
  }

  async #paint() {
    const points = this.points();
    const last = points.findLast((one) => one !== null);
    if (!last) return;
    const first = points.find((one) => one !== null);
    const startMs = Math.min(first.at, last.at - SHOWN_MS_MIN);
    const rates = points.map((one) => one?.rate ?? null);
    const trace = {
      x: points.map((one) => one?.at ?? null),
      y: rates,
      mode: "lines",
      line: { color: colour("accent"), width: 2 },
      fill: "tozeroy",
      fillcolor: faint("accent", 0.14),
      hovertemplate: "%{y:.1f}<extra></extra>",
    };
    const ticks = timeTicks(startMs, last.at, this.node.clientWidth);
    const x = { range: [startMs, last.at], tickmode: "array", ...ticks };
    const y = { range: [0, Math.max(1, ...rates) * 1.1] };
    await draw(this.node, [trace], layoutOf(this.node, { x, y }));
  }
}
