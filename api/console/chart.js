/** The picked device and series: its newest value, its line, and where something was odd. */

import { collect, ms, now } from "./api.js";
import { seriesKey } from "./city.js";
import { byId, el, place, setAttribute, setText, showState } from "./dom.js";
import { Energy } from "./energy.js";
import { figure } from "./figure.js";
import { load } from "./history.js";
import { deviceHref } from "./links.js";
import { draw, loadPlotly, Painter } from "./plot.js";
import { rank, seriesName, valueText } from "./quantities.js";
import { age, t, timeText, tn, tOr } from "./text.js";

const SPANS = { "15m": 15 * 60e3, "1h": 3600e3, "24h": 24 * 3600e3, "2d": 48 * 3600e3 };
const PENDING_MAX = 5000;
const AGAIN_MS = 60_000; // windows are fetched anew this often, so that late data come in

/** The chart panel. */
export class Chart {
  #device = null;
  #series = null;
  #list = [];
  #chips = new Map();
  #span = "1h";
  #view = null; // {startMs, endMs} where the operator looks at the past; null follows the present
  #track = null;
  #pending = [];
  #seenMs = 0;
  #loading = null;
  #loadedAt = 0;
  #busy = false;
  #choosing = false;
  #hover = null;
  #wired = false;

  /** `onChange` gets what is picked, for the address bar. */
  constructor(city, { onChange }) {
    Object.assign(this, { city, onChange });
    this.node = byId("plot");
    this.energy = new Energy();
    this.painter = new Painter(() => this.#paint());
    for (const button of document.querySelectorAll("[data-span]")) {
      button.addEventListener("click", () => this.#setSpan(button.dataset.span));
    }
    byId("follow").addEventListener("click", () => this.#follow());
    new ResizeObserver(() => this.painter.request()).observe(this.node);
    this.render();
  }

  /** Choose the span ("15m", "1h", "24h", "2d") before anything is picked. */
  presetSpan(span) {
    if (Object.hasOwn(SPANS, span)) this.#span = span;
  }

  /** Show a device: the wanted series, or its most telling one; `view` looks at the past. */
  async pick(id, wanted = null, view = null) {
    const device = this.city.devices.get(id);
    if (!device) return;
    if (device !== this.#device) this.#chips.clear();
    this.#device = device;
    this.#series = null;
    this.#list = this.city.valuesOf(device);
    this.#choosing = true;
    showState(byId("plot-state"), "loading", t("chart.loading"));
    this.render();
    await this.#readSeries();
    if (this.#device !== device) return; // another one was picked meanwhile
    this.#choosing = false;
    this.#choose(wanted, view);
  }

  /** Learn the device's series and their kinds; without an answer its newest values suffice. */
  async #readSeries() {
    const device = this.#device;
    try {
      const { items } = await collect("v1/series", { device: device.id });
      if (this.#device === device) this.#merge(items);
    } catch (error) {
      console.warn(`series of the picked device: ${error.message}`);
    }
  }

  #merge(items) {
    const known = new Map(this.city.valuesOf(this.#device).map((one) => [seriesKey(one), one]));
    for (const item of items) {
      const series = { ...known.get(seriesKey(item)), ...item, channel: item.channel || null };
      known.set(seriesKey(item), series);
    }
    this.#list = [...known.values()].sort(
      (a, b) =>
        rank(a.quantity) - rank(b.quantity) ||
        String(a.quantity).localeCompare(String(b.quantity)) ||
        String(a.channel ?? "").localeCompare(String(b.channel ?? "")),
    );
  }

  #isPicked(one) {
    return this.#series !== null && seriesKey(one) === seriesKey(this.#series);
  }

  #choose(wanted, view) {
    const same = (one) => seriesKey(one) === seriesKey(wanted);
    const match = wanted?.quantity && this.#list.find(same);
    const chosen = match || (wanted?.quantity ? wanted : this.#list[0]) || null;
    this.#series = chosen && { ...chosen, device: this.#device.id };
    this.#view = view;
    this.#track = null;
    this.#hover = null;
    this.onChange({ device: this.#device.id, series: this.#series, span: this.#span });
    this.render();
    if (this.#series) this.#load();
    else this.energy.show(null);
  }

  /** Look at an anomaly: its series, with room before and after it. */
  lookAt(anomaly) {
    const length = (anomaly.endMs ?? now()) - anomaly.startMs;
    const room = Math.max(length * 0.5, SPANS["15m"]);
    const view = { startMs: anomaly.startMs - room, endMs: (anomaly.endMs ?? now()) + room };
    view.endMs = Math.min(view.endMs, now());
    return this.pick(anomaly.device, anomaly.quantity ? anomaly : null, view);
  }

  /** Take a live reading; those of other series are not ours. */
  hear(reading) {
    if (reading.device !== this.#device?.id) return;
    if (!this.#series) {
      if (!this.#choosing) this.pick(reading.device);
      return;
    }
    if (!this.#isPicked(reading)) return;
    if (this.#busy && this.#pending.length < PENDING_MAX) this.#pending.push(reading);
    if (!this.#track) return;
    this.#track.add(ms(reading.time), reading.value, reading.quality, this.#seenMs);
    if (!this.#view) this.painter.request();
  }

  /** Fetch again what is on the screen, as after a loss of the feed. */
  reload() {
    if (this.#series) this.#load(true);
  }

  /** Keep the present in sight. */
  tick() {
    this.#renderNow();
    this.energy.tick();
    const news = this.#device && !this.#choosing && this.#device.latest.size > this.#list.length;
    if (news) this.#readSeries().then(() => this.render());
    if (this.#view || !this.#track) return;
    this.#track.prune(now() - 1.5 * SPANS[this.#span]);
    if (this.#track.everyMs && performance.now() - this.#loadedAt > AGAIN_MS) this.#load(true);
    this.painter.request();
  }

  /** Anomalies changed: draw them. */
  touch() {
    if (this.#track) this.painter.request();
  }

  /** Write the newest values beside the names of the series. */
  flush() {
    for (const [key, chip] of this.#chips) {
      const value = this.#device?.latest.get(key);
      if (value) setText(chip.value, valueText(value.value, value.unit, value.quantity));
    }
    this.#renderNow();
  }

  /** Write everything anew, as after a change of language or light. */
  render() {
    for (const button of document.querySelectorAll("[data-span]")) {
      const pressed = button.dataset.span === this.#span && !this.#view;
      setAttribute(button, "aria-pressed", String(pressed));
    }
    byId("follow").hidden = !this.#view;
    byId("chart-tools").hidden = !this.#device;
    const device = this.#device;
    if (device) {
      const facts = { ...this.#series, device: device.id };
      setAttribute(byId("chart-more"), "href", deviceHref(facts));
    }
    setText(byId("chart-device"), device?.name ?? t("chart"));
    const id = device?.name === device?.id ? null : device.id;
    const facts = device && [id, device.model, device.format];
    setText(byId("chart-facts"), facts ? facts.filter(Boolean).join(" · ") : "");
    this.#renderChips();
    this.flush();
    this.#renderState();
    this.energy.render();
    if (this.#series) {
      const words = { series: seriesName(this.#series), span: t(`span.${this.#span}`) };
      setAttribute(this.node, "aria-label", t("chart.label", words));
    }
    this.painter.request();
  }

  #renderChips() {
    const nodes = this.#list.map((one) => {
      const key = seriesKey(one);
      let chip = this.#chips.get(key);
      if (!chip) {
        const [name, value] = [el("span"), el("span", { class: "chip-value" })];
        const choose = () => this.#choose(one, null);
        const attributes = { type: "button", class: "chip", on: { click: choose } };
        const node = el("button", attributes, name, value);
        chip = { node, name, value };
        this.#chips.set(key, chip);
      }
      setText(chip.name, seriesName(one));
      const title = one.obis ? `${one.quantity} · OBIS ${one.obis}` : one.quantity;
      setAttribute(chip.node, "title", title);
      setAttribute(chip.node, "aria-pressed", String(this.#isPicked(one)));
      return chip.node;
    });
    place(byId("chips"), nodes);
  }

  #renderNow() {
    const [value, note] = [byId("now-value"), byId("now-note")];
    const latest = this.#series && this.#device.latest.get(seriesKey(this.#series));
    if (this.#hover && this.#series) this.#renderHover(value, note);
    else if (latest) {
      setText(value, valueText(latest.value, latest.unit, latest.quantity));
      const quality = tOr(`quality.${latest.quality}`, latest.quality ?? "");
      const words = [seriesName(latest), t("chart.newest"), age(now() - latest.timeMs), quality];
      setText(note, words.filter(Boolean).join(" · "));
    } else {
      setText(value, this.#series ? "–" : "");
      setText(note, this.#series ? seriesName(this.#series) : "");
    }
    setAttribute(byId("now"), "data-hover", this.#hover ? "" : null);
  }

  #renderHover(value, note) {
    const { unit, quantity } = this.#series;
    const point = this.#hover;
    setText(value, valueText(point.v, unit, quantity));
    const words = [t("chart.at", { time: timeText(point.t, now(), true) })];
    if (this.#track?.everyMs) {
      const [min, max] = [point.lo, point.hi].map((one) => valueText(one, unit, quantity));
      words.push(tn("chart.window", point.n, { min, max }));
    } else words.push(tOr(`quality.${point.quality}`, point.quality ?? ""));
    setText(note, [seriesName(this.#series), ...words].join(" · "));
  }

  #setSpan(span) {
    this.#span = span;
    this.#follow();
  }

  #follow() {
    this.#view = null;
    this.#track = null;
    if (this.#device) {
      this.onChange({ device: this.#device.id, series: this.#series, span: this.#span });
    }
    this.render();
    if (this.#series) this.#load();
  }

  #range() {
    const endMs = now();
    return this.#view ?? { startMs: endMs - SPANS[this.#span], endMs };
  }

  async #load(quietly = false) {
    this.#loading?.abort();
    const loading = new AbortController();
    this.#loading = loading;
    this.#loadedAt = performance.now();
    this.#busy = true;
    this.#pending = [];
    if (!quietly) {
      this.#track = null;
      this.energy.show(this.#series);
      showState(byId("plot-state"), "loading", t("chart.loading"));
    }
    try {
      const [track] = await Promise.all([
        load(this.#series, this.#range(), loading.signal),
        loadPlotly().catch(() => Promise.reject(new Error(t("chart.plotly")))),
      ]);
      if (loading.signal.aborted) return;
      this.#take(track);
    } catch (error) {
      if (loading.signal.aborted) return; // its successor is on the way
      this.#busy = false;
      if (quietly) return; // the tick tries it again
      const action = { label: t("retry"), run: () => this.#load() };
      showState(byId("plot-state"), "error", error.message, action);
      return;
    }
    this.#renderState();
    this.painter.request();
  }

  #take(track) {
    const newest = this.#device.latest.get(seriesKey(this.#series))?.timeMs ?? 0;
    for (const one of this.#pending) track.add(ms(one.time), one.value, one.quality, newest);
    this.#pending = [];
    this.#busy = false;
    this.#seenMs = newest;
    this.#track = track;
  }

  #renderState() {
    const box = byId("plot-state");
    if (!this.#device) showState(box, "empty", t("chart.none"));
    else if (this.#choosing) showState(box, "loading", t("chart.loading"));
    else if (!this.#series) showState(box, "empty", t("chart.empty"));
    else if (this.#track && !this.#hasPoints()) this.#renderEmpty(box);
    else if (this.#track) showState(box, null);
  }

  #hasPoints() {
    const { startMs, endMs } = this.#range();
    return this.#track.points.some((point) => point.t >= startMs && point.t <= endMs + 60e3);
  }

  #renderEmpty(box) {
    const latest = this.#device.latest.get(seriesKey(this.#series));
    const { startMs, endMs } = this.#range();
    if (!latest || (latest.timeMs >= startMs && latest.timeMs <= endMs)) {
      showState(box, "empty", t("chart.empty"));
      return;
    }
    const half = SPANS[this.#span] / 2;
    const view = { startMs: latest.timeMs - half, endMs: latest.timeMs + half };
    const run = () => this.#choose(this.#series, view);
    const sentence = t("chart.emptyLast", { age: age(now() - latest.timeMs) });
    showState(box, "empty", sentence, { label: t("chart.showLast"), run });
  }

  async #paint() {
    if (!this.#track || !this.#series || !window.Plotly) return;
    this.#renderState();
    const facts = {
      track: this.#track,
      series: this.#series,
      range: this.#range(),
      anomalies: this.#anomalies(),
      node: this.node,
    };
    const { traces, layout } = figure(facts);
    await draw(this.node, traces, layout);
    if (!this.#wired && this.node.on) this.#wire();
  }

  #anomalies() {
    return this.city
      .anomaliesOf(this.#device.id)
      .filter((one) => !one.quantity || this.#isPicked(one));
  }

  #wire() {
    this.#wired = true;
    this.node.on("plotly_relayout", (change) => this.#onZoom(change));
    this.node.on("plotly_hover", ({ points: [point] }) => {
      this.#hover = this.#track?.nearest(point.x) ?? null;
      this.#renderNow();
    });
    this.node.on("plotly_unhover", () => {
      this.#hover = null;
      this.#renderNow();
    });
    this.node.on("plotly_doubleclick", () => this.#view && this.#follow());
  }

  #onZoom(change) {
    const [startMs, endMs] = [change["xaxis.range[0]"], change["xaxis.range[1]"]].map(Number);
    if (!Number.isFinite(startMs) || !Number.isFinite(endMs)) return;
    this.#view = { startMs, endMs };
    this.render();
    this.#load(true); // a narrower span may show single readings
  }
}
