/** The page of one device: all that is known of it, live; without an id, a list to find it in. */

import "./page-device-words.js";
import { collect, get, now, rfc3339 } from "./api.js";
import { City } from "./city.js";
import { DeviceHead } from "./device-head.js";
import { DeviceList } from "./device-list.js";
import { DeviceMessages } from "./device-messages.js";
import { DeviceMeters } from "./device-meters.js";
import { DeviceSeries, PERIODS } from "./device-series.js";
import { byId, el, place, setText, showState } from "./dom.js";
import { anomalyHref, deviceHref } from "./links.js";
import { Live } from "./live.js";
import { qualityCells, QUALITY_COLUMNS } from "./quality-row.js";
import { rank, seriesName } from "./quantities.js";
import { startShell } from "./shell.js";
import { age, number, t, timeText, tOr } from "./text.js";

const AGAIN_MS = 60_000; // the feed tells nearly all; this heals whatever it missed
const ANOMALIES_MAX = 100;
const DEFAULTS = { id: "", period: "day", quantity: "", channel: "", q: "" };

function wanted() {
  const found = { ...DEFAULTS, ...Object.fromEntries(new URLSearchParams(location.search)) };
  if (!Object.hasOwn(PERIODS, found.period)) found.period = DEFAULTS.period;
  return found;
}

function want(changes) {
  const all = Object.entries({ ...wanted(), ...changes });
  const parts = all.filter(([name, value]) => value && value !== DEFAULTS[name]);
  const search = new URLSearchParams(parts).toString();
  history.replaceState(null, "", search ? `?${search}` : location.pathname);
}

/** The list of all devices. */
function startList() {
  byId("all").hidden = false;
  const list = new DeviceList({ wanted, want });
  startShell("device", () => list.render());
  list.load();
  setInterval(() => list.load(), AGAIN_MS);
}

/** One device, with its panels and its part of the feed. */
class DevicePage {
  #known = false;
  #quality = { items: [], loaded: false, failure: null, asked: 0 };
  #anomalies = { loaded: false, failure: null };
  #framed = false;

  constructor(id) {
    this.id = id;
    this.city = new City();
    this.head = new DeviceHead(this.city, id);
    this.series = new DeviceSeries(this.city, id, { wanted, want });
    this.meters = new DeviceMeters(id);
    this.messages = new DeviceMessages(id, {
      units: () => this.series.list,
      onSteps: (steps) => this.head.read(steps),
    });
  }

  start() {
    byId("head").hidden = false;
    setText(byId("name"), this.id);
    startShell("device", () => this.render());
    showState(byId("head-state"), "loading", t("device.one"));
    for (const button of document.querySelectorAll("[data-period]")) {
      button.addEventListener("click", () => {
        want({ period: button.dataset.period });
        this.#loadSpan();
      });
    }
    const light = matchMedia("(prefers-color-scheme: dark)");
    light.addEventListener("change", () => this.series.render());
    this.refresh();
  }

  /** Fetch everything anew; the first time, begin to listen once the device is there. */
  async refresh() {
    const box = byId("head-state");
    try {
      const found = await get("v1/devices", { device: this.id });
      if (found.items.length === 0) return await this.#unknown();
      this.city.addDevice(found.items[0]);
      showState(box, null);
    } catch (error) {
      if (this.#known) return; // the next round asks again
      showState(box, "error", error.message, { label: t("shell.retry"), run: () => this.refresh() });
      return;
    }
    if (!this.#known) this.#begin();
    else this.#loadSpan(true);
    this.head.render();
    this.#loadSite();
    this.messages.load();
  }

  async #unknown() {
    const box = byId("head-state");
    showState(box, "empty", t("device.unknown", { id: this.id }));
    const lower = this.id.toLowerCase(); // a DevEUI as it stands on the label
    const links = [];
    if (lower !== this.id) {
      const { items } = await get("v1/devices", { device: lower });
      const text = t("device.meant", { id: lower });
      if (items.length) links.push(el("a", { href: deviceHref({ device: lower }), text }));
    }
    const q = new URLSearchParams({ q: this.id });
    links.push(el("a", { href: `device?${q}`, text: t("device.find") }));
    box.append(...links.map((link) => el("p", {}, link)));
  }

  #begin() {
    this.#known = true;
    byId("rest").hidden = false;
    this.render();
    this.#loadSpan();
    const on = {
      reading: (reading) => this.#onReading(reading),
      anomaly: (item) => this.#onAnomaly(item),
      retracted: ({ id }) => this.#onRetracted(id),
      device: (item) => this.#onDevice(item),
      gap: () => this.refresh(),
      counters: () => {},
    };
    const path = `v1/live?${new URLSearchParams({ device: this.id, snapshot: false })}`;
    const onAgain = () => this.refresh();
    new Live({ path, on, onState: () => {}, onAgain, staleMs: Infinity }).start();
    setInterval(() => this.#tick(), 1000);
    setInterval(() => this.refresh(), AGAIN_MS);
  }

  async #loadSpan(quietly = false) {
    const span = this.series.range();
    const series = this.series.load(quietly).then(() => this.meters.load(this.series.list, span));
    const others = [this.#loadAnomalies(span, quietly), this.#loadQuality(span, quietly)];
    await Promise.all([series, ...others]);
    this.head.render();
  }

  async #loadSite() {
    const { site } = this.city.devices.get(this.id);
    if (!site) return;
    try {
      const { items } = await collect("v1/sites");
      this.head.placed(items.find((one) => one.id === site) ?? null);
      this.head.render();
    } catch (error) {
      console.info(`v1/sites: ${error.message}`); // its id stands for it until the next round
    }
  }

  async #loadAnomalies({ startMs, endMs }, quietly) {
    const before = [...this.city.anomalies.keys()];
    try {
      const of = { device: this.id };
      const span = { start: rfc3339(startMs), end: rfc3339(endMs + 60e3) };
      const [open, recent] = await Promise.all([
        collect("v1/anomalies", { ...of, open: true }),
        collect("v1/anomalies", { ...of, ...span }),
      ]);
      const items = [...open.items, ...recent.items];
      const there = new Set(items.map((item) => item.id));
      for (const id of before) if (!there.has(id)) this.city.retract(id);
      for (const item of items) this.city.addAnomaly(item);
      this.#anomalies.failure = null;
    } catch (error) {
      if (!quietly) this.#anomalies.failure = error;
    }
    this.#anomalies.loaded = true;
    this.#renderAnomalies();
    this.series.touch();
    this.head.tick();
  }

  async #loadQuality({ startMs, endMs }, quietly) {
    const quality = this.#quality;
    const mine = (quality.asked += 1);
    const span = { start: rfc3339(startMs), end: rfc3339(endMs) };
    try {
      const { items } = await collect("v1/quality", { device: this.id, ...span });
      if (mine !== quality.asked) return;
      quality.items = items.sort((a, b) => rank(a.quantity) - rank(b.quantity));
      quality.failure = null;
    } catch (error) {
      if (mine !== quality.asked || quietly) return;
      quality.failure = error;
    }
    quality.loaded = true;
    this.#renderQuality();
  }

  #onReading(reading) {
    this.city.hear(reading);
    this.series.hear(reading);
    this.messages.hear();
    if (this.#framed) return; // many readings are one drawing a frame
    this.#framed = true;
    requestAnimationFrame(() => {
      this.#framed = false;
      this.head.render();
      this.series.tick();
    });
  }

  #onAnomaly(item) {
    this.city.addAnomaly(item);
    this.#renderAnomalies();
    this.series.touch();
    this.head.tick();
  }

  #onRetracted(id) {
    if (!this.city.retract(id)) return;
    this.#renderAnomalies();
    this.series.touch();
    this.head.tick();
  }

  #onDevice(item) {
    this.city.addDevice(item);
    this.head.render();
  }

  #tick() {
    this.head.tick();
    this.series.tick();
  }

  /** Write everything anew. */
  render() {
    this.head.render();
    if (!this.#known) return;
    this.series.render();
    this.series.tick();
    this.#renderAnomalies();
    this.#renderQuality();
    this.meters.render();
    this.messages.speak();
  }

  #renderAnomalies() {
    const { startMs } = this.series.range();
    const all = this.city.newestAnomalies().filter(({ endMs }) => endMs === null || endMs >= startMs);
    const open = all.filter((one) => one.endMs === null).length;
    place(byId("anomalies-list"), all.slice(0, ANOMALIES_MAX).map(anomalyRow));
    const count = all.length ? t("anomalies.summary", { open: number(open) }) : "";
    setText(byId("anomalies-count"), count);
    const box = byId("anomalies-state");
    const { loaded, failure } = this.#anomalies;
    if (failure) {
      const run = () => this.#loadAnomalies(this.series.range(), false);
      showState(box, "error", failure.message, { label: t("shell.retry"), run });
    } else if (!loaded) showState(box, "loading", t("device.anomalies.loading"));
    else showState(box, all.length ? null : "empty", t("device.anomalies.none"));
  }

  #renderQuality() {
    const { items, loaded, failure } = this.#quality;
    byId("quality").hidden = items.length === 0;
    const heads = QUALITY_COLUMNS.map((name) => {
      const kind = ["quantity", "longest"].includes(name) ? null : "number";
      return el("th", { scope: "col", class: kind, text: t(`column.${name}`) });
    });
    byId("quality-columns").replaceChildren(...heads);
    place(byId("quality-rows"), items.map((item) => el("tr", {}, ...qualityCells(item, "th"))));
    const box = byId("quality-state");
    if (failure) {
      const run = () => this.#loadQuality(this.series.range(), false);
      showState(box, "error", failure.message, { label: t("shell.retry"), run });
    } else if (!loaded) showState(box, "loading", t("device.quality.loading"));
    else showState(box, items.length ? null : "empty", t("device.quality.none"));
  }
}

function anomalyRow(one) {
  const { startMs, endMs } = one;
  const lasted = age((endMs ?? now()) - startMs);
  const [since, until] = [timeText(startMs, now()), endMs === null ? "" : timeText(endMs, now())];
  const span = endMs === null ? t("anomalies.open", { since }) : t("anomalies.closed", { since, until });
  const facts = {
    href: anomalyHref(one, now()),
    "data-kind": one.kind,
    "data-open": String(endMs === null),
  };
  const link = el(
    "a",
    facts,
    el("span", { class: "kind", text: tOr(`kind.${one.kind}`, one.kind) }),
    el("span", { class: "where", text: one.quantity ? seriesName(one) : "" }),
    el("span", { class: "sentence", text: one.text }),
    el("span", { class: "when", text: `${span} · ${lasted}` }),
  );
  return el("li", {}, link);
}

const { id } = wanted();
if (id) new DevicePage(id).start();
else startList();
