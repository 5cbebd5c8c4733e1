/** Bars of what a register counted, by hour or by day, each showing how sure it is. */

import { collect, ms, now, rfc3339 } from "./api.js";
import { byId, el, setAttribute, setText, showState } from "./dom.js";
import { colour, draw, escape, layoutOf, Painter } from "./plot.js";
import { scale, seriesName, valueText } from "./quantities.js";
import { clockText, dayText, percent, t, tOr, ZONE, zoneOffset } from "./text.js";

const HOUR = 3600e3;
const DAY = 24 * HOUR;
const EVERY_MS = 30_000;
const PERIODS = { hour: 24, day: 14 };
/** Quality → [colour, pattern]: colour-blind people tell them by the pattern. */
const LOOKS = {
  __proto__: null,
  measured: ["accent", ""],
  estimated: ["accent", "/"],
  provisional: ["accent", "."],
  substituted: ["silence", "x"],
  suspect: ["warn", "-"],
  rejected: ["bad", "+"],
};

/** The bars below the line of a register; hidden for every other series. */
export class Energy {
  #series = null;
  #by = "hour";
  #periods = [];
  #loading = null;
  #askedAt = 0;

  constructor() {
    this.section = byId("energy");
    this.node = byId("energy-plot");
    this.painter = new Painter(() => this.#paint());
    for (const button of document.querySelectorAll("[data-by]")) {
      button.addEventListener("click", () => {
        this.#by = button.dataset.by;
        this.#load();
      });
    }
    new ResizeObserver(() => this.painter.request()).observe(this.node);
  }

  /** Show the bars of a register, or nothing if the series is none. */
  show(series) {
    this.#series = series?.kind === "register" ? series : null;
    this.section.hidden = this.#series === null;
    this.#periods = [];
    this.#loading?.abort();
    if (this.#series) this.#load();
  }

  /** Ask again from time to time. */
  tick() {
    if (this.#series && performance.now() - this.#askedAt > EVERY_MS) this.#load(true);
  }

  /** Write everything anew. */
  render() {
    if (this.#series) this.#renderHead();
    this.painter.request();
  }

  async #load(quietly = false) {
    this.#askedAt = performance.now();
    this.#loading?.abort();
    const loading = new AbortController();
    this.#loading = loading;
    const box = byId("energy-state");
    if (!quietly) showState(box, "loading", t("energy.loading"));
    const { device, quantity, channel } = this.#series;
    const query = { device, quantity, channel: channel || null, by: this.#by, tz: ZONE };
    const range = { start: rfc3339(this.#start()), end: rfc3339(now()) };
    try {
      const options = { signal: loading.signal };
      const { items } = await collect("v1/energy", { ...query, ...range }, options);
      this.#periods = items;
      const known = items.some((item) => typeof item.value === "number");
      showState(box, known ? null : "empty", t("energy.empty"));
    } catch (error) {
      if (error.name === "AbortError") return;
      if (quietly && this.#periods.length) return; // the next round asks again
      this.#periods = [];
      showState(box, "error", error.message, { label: t("retry"), run: () => this.#load() });
    }
    this.render();
  }

  #start() {
    const back = now() - (PERIODS[this.#by] - 1) * (this.#by === "hour" ? HOUR : DAY);
    if (this.#by === "hour") return Math.floor(back / HOUR) * HOUR;
    const midnight = Math.floor((back + zoneOffset(back)) / DAY) * DAY;
    return midnight - zoneOffset(midnight - zoneOffset(back));
  }

  #renderHead() {
    for (const button of document.querySelectorAll("[data-by]")) {
      setAttribute(button, "aria-pressed", String(button.dataset.by === this.#by));
    }
    const known = this.#periods.filter((item) => typeof item.value === "number");
    const total = known.reduce((sum, item) => sum + item.value, 0);
    const unit = known[0]?.unit ?? "";
    const words = known.length ? t("energy.total", { value: valueText(total, unit) }) : "";
    setText(byId("energy-total"), words);
    const facts = { series: seriesName(this.#series), by: t(`energy.${this.#by}`) };
    setAttribute(this.node, "aria-label", `${t("energy.chart", facts)}. ${words}`);
    const qualities = new Set(known.map((item) => item.quality ?? "measured"));
    const keys = [...qualities].map((quality) => {
      const swatch = el("span", { class: "swatch", "data-quality": quality });
      return el("li", {}, swatch, tOr(`quality.${quality}`, quality));
    });
    byId("energy-legend").replaceChildren(...keys);
  }

  async #paint() {
    if (!this.#series || this.#periods.length === 0) return;
    const values = this.#periods.map((item) => item.value);
    const most = Math.max(0, ...values.filter((value) => typeof value === "number"));
    const { factor, sign, digits } = scale(this.#periods[0].unit, most);
    const looks = this.#periods.map((item) => LOOKS[item.quality ?? "measured"] ?? LOOKS.suspect);
    const trace = {
      type: "bar",
      x: this.#periods.map((_, at) => at),
      y: values.map((value) => (typeof value === "number" ? value * factor : null)),
      marker: {
        color: looks.map(([name]) => colour(name)),
        pattern: {
          shape: looks.map(([, shape]) => shape),
          fillmode: "replace",
          bgcolor: colour("panel"),
          size: 6,
        },
        line: { color: looks.map(([name]) => colour(name)), width: 1 },
      },
      hovertext: this.#periods.map((item) => this.#hover(item)),
      hoverinfo: "text",
      textposition: "none",
    };
    const blank = this.#periods.map((_, at) => at).filter((at) => typeof values[at] !== "number");
    const unknown = {
      type: "scatter",
      mode: "markers",
      x: blank,
      y: blank.map(() => 0),
      marker: { symbol: "x-thin", size: 7, line: { width: 1.5, color: colour("quiet") } },
      cliponaxis: false,
      hovertext: blank.map((at) => this.#hover(this.#periods[at])),
      hoverinfo: "text",
    };
    const y = {
      ticksuffix: sign ? ` ${sign}` : "",
      rangemode: "tozero",
      hoverformat: `.${digits}f`,
      nticks: 4,
    };
    const layout = layoutOf(this.node, { x: { ...this.#ticks(), range: this.#range() }, y });
    await draw(this.node, [trace, unknown], { ...layout, bargap: 0.25, hovermode: "closest" });
  }

  #range() {
    return [-0.6, this.#periods.length - 0.4];
  }

  #ticks() {
    const every = Math.max(1, Math.ceil((this.#periods.length * 62) / this.node.clientWidth));
    const at = this.#periods.map((_, index) => index).filter((index) => index % every === 0);
    const words = at.map((index) => {
      const start = ms(this.#periods[index].start);
      return this.#by === "hour" ? clockText(start) : dayText(start);
    });
    return { tickvals: at, ticktext: words, showgrid: false };
  }

  #hover(item) {
    const [start, end] = [ms(item.start), ms(item.end)];
    const day = dayText(start);
    const when = this.#by === "hour" ? `${day}, ${clockText(start)}–${clockText(end)}` : day;
    const known = typeof item.value === "number";
    const value = known ? valueText(item.value, item.unit) : t("energy.unknown");
    const quality = item.quality ? tOr(`quality.${item.quality}`, item.quality) : null;
    const share = t("energy.coverage", { share: percent(item.coverage ?? 0) });
    const sure = [quality, share].filter(Boolean).join(", ");
    const lines = [when, `<b>${escape(value)}</b>`, escape(sure)];
    for (const { kind, value: amount, at, note } of item.corrections ?? []) {
      const name = tOr(`correction.${kind}`, kind);
      const time = at ? ` ${clockText(ms(at))}` : "";
      const words = [valueText(amount, item.unit), note].filter(Boolean).join(", ");
      lines.push(escape(`${name}${time}: ${words}`));
    }
    return lines.join("<br>");
  }
}
