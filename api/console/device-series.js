/** The series of a device: newest values with small charts, and the chosen one large. */

import { collect, ms, now, rfc3339 } from "./api.js";
import { seriesKey } from "./city.js";
import { byId, el, place, setAttribute, setText, showState } from "./dom.js";
import { savePicture, saveTable } from "./download.js";
import { figure } from "./figure.js";
import { isGap, load, Track } from "./history.js";
import { draw, loadPlotly, Painter } from "./plot.js";
import { rank, seriesName, valueText } from "./quantities.js";
import { age, dayText, number, t, timeText, tn, tOr } from "./text.js";

const HOUR = 3600e3;
const DAY = 24 * HOUR;
const [WIDTH, HEIGHT] = [200, 40];
const PENDING_MAX = 5000;
const OLD_MS = 10_000; // the axis moves on this often though nothing comes

/** Each period: how long it is, windows of the small charts, and those that history.js takes. */
export const PERIODS = {
  __proto__: null,
  day: { ms: DAY, every: "15m", everyMs: HOUR / 4, large: "1m" },
  week: { ms: 7 * DAY, every: "1h", everyMs: HOUR, large: "15m" },
  month: { ms: 30 * DAY, every: "1h", everyMs: HOUR, large: "1h" },
};

/** The panel; `wanted` and `want` read and write the address: period, quantity and channel. */
export class DeviceSeries {
  #list = null;
  #tracks = new Map(); // series key → Track of the small chart
  #cards = new Map();
  #track = null;
  #loading = null;
  #waiting = new Set(); // lists of readings that came while an answer was on its way
  #hover = null;
  #wired = false;
  #paintedAt = 0;

  constructor(city, id, { wanted, want }) {
    Object.assign(this, { city, id, wanted, want });
    this.node = byId("plot");
    this.painter = new Painter(() => this.#paint());
    new ResizeObserver(() => this.painter.request()).observe(this.node);
    byId("png").addEventListener("click", () => {
      this.#save(() => savePicture(this.node, this.#file()));
    });
    byId("csv").addEventListener("click", () => this.#saveTable("windows"));
    byId("csv-readings").addEventListener("click", () => this.#saveTable("readings"));
  }

  /** Return the series that are known, the most telling first; empty before they are fetched. */
  get list() {
    return this.#list ?? [];
  }

  /** Return [startMs, endMs] of the period that is chosen, ending now. */
  range() {
    const endMs = now();
    return { startMs: endMs - PERIODS[this.wanted().period].ms, endMs };
  }

  /** Fetch the series and their charts; `quietly` leaves what is there until the answer is. */
  async load(quietly = false) {
    this.#loading?.abort();
    const loading = new AbortController();
    this.#loading = loading;
    const { signal } = loading;
    const box = byId("series-state");
    if (!quietly) {
      this.#tracks.clear();
      this.#track = null;
      this.#hover = null;
      if (!this.#list) showState(box, "loading", t("device.series.loading"));
      this.render();
    }
    try {
      const of = { device: this.id };
      const [series, latest] = await Promise.all([
        collect("v1/series", of, { signal }),
        collect("v1/latest", of, { signal }),
      ]);
      for (const item of latest.items) this.city.addLatest(item);
      this.#list = series.items.sort(
        (a, b) =>
          rank(a.quantity) - rank(b.quantity) ||
          a.quantity.localeCompare(b.quantity) ||
          (a.channel ?? "").localeCompare(b.channel ?? ""),
      );
      showState(box, this.#list.length ? null : "empty", t("device.series.none"));
      this.render();
      if (this.#list.length === 0) return;
      await Promise.all([this.#loadSmall(signal), this.#loadLarge(signal, quietly)]);
    } catch (error) {
      if (error.name === "AbortError" || (quietly && this.#list)) return; // the next round asks
      showState(box, "error", error.message, { label: t("shell.retry"), run: () => this.load() });
    }
    this.render();
  }

  async #loadSmall(signal) {
    const { every, everyMs } = PERIODS[this.wanted().period];
    const { startMs, endMs } = this.range();
    const start = rfc3339(Math.floor(startMs / everyMs) * everyMs);
    const query = { device: this.id, start, end: rfc3339(endMs), every, limit: 10_000 };
    const heard = this.#listen();
    const { items } = await collect("v1/windows", query, { signal }).finally(heard.end);
    const parts = new Map();
    for (const item of items) {
      const key = seriesKey(item);
      if (!parts.has(key)) parts.set(key, []);
      parts.get(key).push(item);
    }
    for (const one of this.#list) {
      const key = seriesKey(one);
      this.#tracks.set(key, Track.ofWindows(parts.get(key) ?? [], one.kind, everyMs));
      heard.into(this.#tracks.get(key), key);
    }
  }

  /**
   * Note what comes while an answer is on its way, so that none of it is missed.
   *
   * A reading that is in the answer as well counts twice in the mean of its window until the next
   * round; without this its line would stop short of it until then.
   */
  #listen() {
    const seen = new Map(this.list.map((one) => [seriesKey(one), this.#latest(one)?.timeMs ?? 0]));
    const readings = [];
    this.#waiting.add(readings);
    return {
      into: (track, key) => {
        for (const one of readings) {
          if (seriesKey(one) !== key) continue;
          track.add(ms(one.time), one.value, one.quality, seen.get(key) ?? 0);
        }
      },
      end: () => this.#waiting.delete(readings),
    };
  }

  async #loadLarge(signal, quietly) {
    const one = this.chosen();
    const box = byId("plot-state");
    const heard = this.#listen();
    if (!quietly) showState(box, "loading", t("chart.loading"));
    try {
      const [track] = await Promise.all([
        load({ ...one, device: this.id }, this.range(), signal),
        loadPlotly().catch(() => Promise.reject(new Error(t("chart.plotly")))),
      ]).finally(heard.end);
      if (signal.aborted || seriesKey(this.chosen()) !== seriesKey(one)) return; // another is wanted
      heard.into(track, seriesKey(one));
      this.#track = track;
    } catch (error) {
      if (error.name === "AbortError" || signal.aborted || quietly) return;
      const run = () => this.#loadLarge(signal, false).then(() => this.render());
      showState(box, "error", error.message, { label: t("shell.retry"), run });
      return;
    }
    showState(box, this.#track.points.length ? null : "empty", t("chart.empty"));
    this.painter.request();
  }

  /** Return the series that is chosen: the address's, else the most telling one. */
  chosen() {
    const key = seriesKey(this.wanted());
    return this.list.find((one) => seriesKey(one) === key) ?? this.list[0] ?? null;
  }

  async #choose(one) {
    this.want({ quantity: one.quantity, channel: one.channel ?? "" });
    this.#track = null;
    this.#hover = null;
    this.render();
    await this.#loadLarge(this.#loading.signal, false);
    this.render();
  }

  /** Take a live reading of this device. */
  hear(reading) {
    const key = seriesKey(reading);
    if (!this.list.some((one) => seriesKey(one) === key)) {
      if (this.#list) this.load(true); // a series that is new
      return;
    }
    const chosen = seriesKey(this.chosen()) === key;
    for (const readings of this.#waiting) if (readings.length < PENDING_MAX) readings.push(reading);
    for (const track of [this.#tracks.get(key), chosen ? this.#track : null]) {
      track?.add(ms(reading.time), reading.value, reading.quality, 0);
    }
    if (chosen && this.#track) {
      showState(byId("plot-state"), this.#track.points.length ? null : "empty", t("chart.empty"));
      this.painter.request();
    }
  }

  /** Anomalies changed: draw them. */
  touch() {
    if (this.#track) this.painter.request();
  }

  /** Let ages grow, and the axis move on. */
  tick() {
    for (const [key, card] of this.#cards) this.#fill(card, key);
    if (this.#track && performance.now() - this.#paintedAt > OLD_MS) this.painter.request();
  }

  /** Write everything anew. */
  render() {
    const { period } = this.wanted();
    for (const button of document.querySelectorAll("[data-period]")) {
      setAttribute(button, "aria-pressed", String(button.dataset.period === period));
    }
    const one = this.chosen();
    place(byId("cards"), this.list.map((series) => this.#card(series, series === one)));
    byId("big").hidden = !one;
    if (!one) return;
    setText(byId("big-title"), seriesName(one));
    const energy = byId("big-energy");
    energy.hidden = one.kind !== "register" || !["Wh", "m3"].includes(one.unit);
    const asked = new URLSearchParams({ device: this.id, quantity: one.quantity });
    setAttribute(energy, "href", `energy#${asked}`);
    const span = t(`device.${period}.last`);
    setAttribute(this.node, "aria-label", t("chart.label", { series: seriesName(one), span }));
    this.#renderNote(one);
    this.painter.request();
  }

  #latest(one) {
    return this.city.devices.get(this.id)?.latest.get(seriesKey(one)) ?? null;
  }

  #card(one, isChosen) {
    const key = seriesKey(one);
    let card = this.#cards.get(key);
    if (!card) {
      card = { one, line: null };
      card.name = el("span", { class: "card-name" });
      card.value = el("strong", { class: "card-value" });
      card.age = el("span", { class: "quiet" });
      const view = { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none" };
      card.svg = svg("svg", { ...view, "aria-hidden": "true" });
      card.path = svg("path", { "vector-effect": "non-scaling-stroke" });
      card.svg.append(card.path);
      card.empty = el("span", { class: "card-empty quiet" });
      const choose = () => this.#choose(card.one);
      const box = el("span", { class: "card-plot" }, card.svg, card.empty);
      const parts = [card.name, card.value, box, card.age];
      card.button = el("button", { type: "button", class: "card", on: { click: choose } }, ...parts);
      card.node = el("li", {}, card.button);
      this.#cards.set(key, card);
    }
    card.one = one;
    setText(card.name, seriesName(one));
    const obis = one.obis ? ` · OBIS ${one.obis}` : "";
    setAttribute(card.button, "title", `${one.quantity}${obis}`);
    setAttribute(card.button, "aria-pressed", String(isChosen));
    this.#fill(card, key);
    return card.node;
  }

  #fill(card, key) {
    const latest = this.#latest(card.one);
    setText(card.value, latest ? valueText(latest.value, latest.unit, latest.quantity) : "–");
    setAttribute(card.value, "data-quality", latest?.quality ?? null);
    const doubt = latest && latest.quality !== "measured" ? latest.quality : "";
    const quality = doubt && tOr(`quality.${doubt}`, doubt);
    const old = latest ? t("device.new", { age: age(now() - latest.timeMs) }) : "";
    setText(card.age, [old, quality].filter(Boolean).join(" · "));
    const track = this.#tracks.get(key);
    const { startMs, endMs } = this.range();
    const points = track ? track.points.filter((point) => point.t >= startMs) : [];
    const line = pathOf(points, track?.everyMs, startMs, endMs);
    if (line !== card.line) setAttribute(card.path, "d", line);
    card.line = line;
    setText(card.empty, track && points.length === 0 ? t("device.old") : "");
  }

  #renderNote(one) {
    const words = [];
    const text = (value) => valueText(value, one.unit, one.quantity);
    if (this.#hover) {
      const { t: atMs, v, lo, hi, n } = this.#hover;
      words.push(t("chart.at", { time: timeText(atMs, now()) }), text(v));
      words.push(tn("chart.window", n, { min: text(lo), max: text(hi) }));
    } else {
      const { startMs } = this.range();
      const points = (this.#track?.points ?? []).filter((point) => point.t >= startMs);
      if (points.length) {
        const low = text(points.reduce((least, point) => Math.min(least, point.lo), Infinity));
        const high = text(points.reduce((most, point) => Math.max(most, point.hi), -Infinity));
        const period = t(`device.${this.wanted().period}.last`);
        words.push(t("device.range", { period, low, high }));
      }
      const facts = { n: number(one.count), first: dayText(ms(one.first)) };
      words.push(t("device.count.readings", facts));
    }
    setText(byId("big-note"), words.join(" · "));
  }

  async #paint() {
    const one = this.chosen();
    if (!this.#track || !one || !window.Plotly) return;
    this.#paintedAt = performance.now();
    const near = this.city
      .anomaliesOf(this.id)
      .filter((each) => !each.quantity || seriesKey(each) === seriesKey(one));
    const facts = { track: this.#track, series: one, anomalies: near, node: this.node };
    const { traces, layout } = figure({ ...facts, range: this.range() });
    layout.dragmode = false;
    layout.xaxis.fixedrange = true;
    await draw(this.node, traces, layout);
    if (!this.#hover) this.#renderNote(one);
    if (!this.#wired && this.node.on) this.#wire();
  }

  #wire() {
    this.#wired = true;
    const look = (point) => {
      this.#hover = point;
      if (this.chosen()) this.#renderNote(this.chosen());
    };
    const nearest = ({ points: [point] }) => this.#track?.nearest(point.x) ?? null;
    this.node.on("plotly_hover", (event) => look(nearest(event)));
    this.node.on("plotly_unhover", () => look(null));
  }

  #file() {
    const one = this.chosen();
    const parts = ["emscher", this.id, one.quantity, one.channel, this.wanted().period];
    return parts.filter(Boolean).join("-").replace(/[^\w.-]+/g, "_");
  }

  #saveTable(what) {
    const { quantity, channel } = this.chosen();
    const { startMs, endMs } = this.range();
    const every = what === "windows" ? PERIODS[this.wanted().period].large : "";
    const span = { start: rfc3339(startMs), end: rfc3339(endMs), format: "csv" };
    const facts = { device: this.id, quantity, channel, every, ...span };
    const query = new URLSearchParams(Object.entries(facts).filter(([, value]) => value));
    this.#save(() => saveTable(`v1/${what}?${query}`, `${this.#file()}-${what}.csv`));
  }

  async #save(run) {
    const box = byId("save-state");
    box.hidden = true;
    try {
      await run();
    } catch (error) {
      box.hidden = false;
      setText(box, error.message);
    }
  }
}

function svg(tag, attributes) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

/** Return the line of points as the data of an SVG path, broken at gaps; "" without any. */
function pathOf(points, everyMs, startMs, endMs) {
  if (points.length === 0) return "";
  const low = points.reduce((least, point) => Math.min(least, point.v), Infinity);
  const high = points.reduce((most, point) => Math.max(most, point.v), -Infinity);
  const x = (t_) => (((t_ - startMs) / (endMs - startMs)) * WIDTH).toFixed(1);
  const share = (v) => (high > low ? (v - low) / (high - low) : 0.5);
  const y = (v) => (HEIGHT - 2 - share(v) * (HEIGHT - 4)).toFixed(1);
  const parts = points.map((point, at) => {
    const starts = at === 0 || isGap(points, at, everyMs);
    const alone = starts && (at === points.length - 1 || isGap(points, at + 1, everyMs));
    return `${starts ? "M" : "L"}${x(point.t)} ${y(point.v)}${alone ? "h0.1" : ""}`;
  });
  return parts.join("");
}
