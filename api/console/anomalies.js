/** The anomalies as they come: newest first, open ones in sight. */

import { collect, now, rfc3339 } from "./api.js";
import { byId, el, place, setAttribute, setText, showState } from "./dom.js";
import { seriesName } from "./quantities.js";
import { age, number, t, timeText, tOr } from "./text.js";

const BACK_MS = 48 * 3600e3;
const SHOWN_MAX = 150;
const ANNOUNCE_MS = 5000; // a screen reader must be able to finish a sentence

/** The list of anomalies. */
export class Anomalies {
  #rows = new Map(); // anomaly id → row
  #openOnly = false;
  #loaded = false;
  #failure = null;
  #announcedAt = -Infinity;
  #changed = false;

  constructor(city, { onPick }) {
    Object.assign(this, { city, onPick });
    this.list = byId("anomalies-list");
    byId("anomalies-open").addEventListener("change", (event) => {
      this.#openOnly = event.target.checked;
      this.render();
    });
  }

  /** Fetch the last two days and whatever is still open from before; return what came. */
  async load() {
    const before = [...this.city.anomalies.keys()];
    try {
      const [open, recent] = await Promise.all([
        collect("v1/anomalies", { open: true }),
        collect("v1/anomalies", { start: rfc3339(now() - BACK_MS), end: rfc3339(now() + 60e3) }),
      ]);
      const items = [...open.items, ...recent.items];
      for (const item of items) this.city.addAnomaly(item);
      if (open.complete && recent.complete) this.#forgetAllBut(before, items);
      this.#failure = null;
    } catch (error) {
      this.#failure = error;
    }
    this.#loaded = true;
    this.render();
  }

  /** What was known before and is in no answer was retracted while nobody listened. */
  #forgetAllBut(before, items) {
    const there = new Set(items.map((item) => item.id));
    for (const id of before) if (!there.has(id)) this.city.retract(id);
  }

  /** An anomaly was retracted: the next frame is without it. */
  drop() {
    this.#changed = true;
  }

  /** Take an anomaly from the feed: show it, and tell those who listen instead of look. */
  take({ anomaly, isNew }) {
    this.#changed = true;
    if (!isNew || anomaly.endMs !== null) return;
    if (performance.now() - this.#announcedAt < ANNOUNCE_MS) return;
    this.#announcedAt = performance.now();
    setText(byId("announcer"), t("anomalies.new", { text: this.#sentence(anomaly) }));
  }

  /** Show what came since the last frame. */
  flush() {
    if (!this.#changed) return;
    this.#changed = false;
    this.render();
  }

  /** Let the ages grow. */
  tick() {
    for (const row of this.#rows.values()) {
      if (row.node.isConnected) this.#fillTime(row);
    }
  }

  /** Write everything anew. */
  render() {
    const all = this.city.newestAnomalies();
    const open = all.filter((anomaly) => anomaly.endMs === null);
    const shown = (this.#openOnly ? open : all).slice(0, SHOWN_MAX);
    place(this.list, shown.map((anomaly) => this.#row(anomaly).node));
    for (const id of this.#rows.keys()) if (!this.city.anomalies.has(id)) this.#rows.delete(id);
    const known = this.#loaded && (all.length > 0 || !this.#failure);
    const count = known ? t("anomalies.summary", { open: number(open.length) }) : "";
    setText(byId("anomalies-count"), count);
    this.#renderState(all.length, shown.length);
  }

  #renderState(all, shown) {
    const box = byId("anomalies-state");
    if (this.#failure && all === 0) {
      const action = { label: t("retry"), run: () => this.load() };
      showState(box, "error", this.#failure.message, action);
    } else if (!this.#loaded) showState(box, "loading", t("anomalies.loading"));
    else if (all === 0) showState(box, "empty", t("anomalies.empty"));
    else if (shown === 0) showState(box, "empty", t("anomalies.nomatch"));
    else showState(box, null);
  }

  #row(anomaly) {
    let row = this.#rows.get(anomaly.id);
    if (!row) {
      row = {
        kind: el("span", { class: "kind" }),
        where: el("span", { class: "where" }),
        text: el("span", { class: "sentence" }),
        time: el("span", { class: "when" }),
      };
      const choose = () => this.onPick(row.anomaly);
      const parts = [row.kind, row.where, row.time, row.text];
      row.button = el("button", { type: "button", on: { click: choose } }, ...parts);
      row.node = el("li", {}, row.button);
      this.#rows.set(anomaly.id, row);
    }
    row.anomaly = anomaly;
    setAttribute(row.button, "data-kind", anomaly.kind);
    setAttribute(row.button, "data-open", String(anomaly.endMs === null));
    setText(row.kind, tOr(`kind.${anomaly.kind}`, anomaly.kind));
    setText(row.where, this.#where(anomaly));
    setText(row.text, anomaly.text ?? "");
    this.#fillTime(row);
    return row;
  }

  #where(anomaly) {
    const name = this.city.devices.get(anomaly.device)?.name ?? anomaly.device;
    return anomaly.quantity ? `${name} · ${seriesName(anomaly)}` : name;
  }

  #sentence(anomaly) {
    return anomaly.text || `${tOr(`kind.${anomaly.kind}`, anomaly.kind)}, ${this.#where(anomaly)}`;
  }

  #fillTime({ time, anomaly }) {
    const since = timeText(anomaly.startMs, now());
    const words = [];
    if (anomaly.endMs === null) {
      words.push(t("anomalies.open", { since }), age(now() - anomaly.startMs));
    } else {
      const until = timeText(anomaly.endMs, now());
      words.push(since === until ? since : t("anomalies.closed", { since, until }));
    }
    if (typeof anomaly.score === "number") {
      words.push(t("anomalies.score", { score: number(anomaly.score, 0, 1) }));
    }
    setText(time, words.join(" · "));
  }
}
