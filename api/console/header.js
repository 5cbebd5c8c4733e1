/** The header: is all well, what became of every message, is the feed alive. */

import { get, ms, now } from "./api.js";
import { byId, el, setAttribute, setText } from "./dom.js";
import { age, number, t, tn } from "./text.js";

const HEALTH_EVERY_MS = 5000;
const RATE_OVER_MS = 6000;

/** Show health, counters and the state of the live feed, and keep them true. */
export class Header {
  #health = null;
  #failure = null;
  #counters = null;
  #samples = [];
  #live = ["connecting", Date.now()];
  #skipped = 0;

  constructor({ onCounters }) {
    this.onCounters = onCounters;
    this.details = byId("health");
    document.addEventListener("click", (event) => {
      if (!this.details.contains(event.target)) this.details.open = false;
    });
    this.details.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !this.details.open) return;
      this.details.open = false;
      byId("health-pill").focus();
    });
  }

  start() {
    this.#ask();
    this.readCounters();
  }

  async #ask() {
    try {
      this.#health = await get("v1/health");
      this.#failure = null;
    } catch (error) {
      this.#failure = error;
    }
    this.renderHealth();
    setTimeout(() => this.#ask(), HEALTH_EVERY_MS);
  }

  /** Fetch the counters once; after that the feed brings them. */
  async readCounters() {
    try {
      this.takeCounters(await get("v1/counters"));
    } catch (error) {
      console.warn(`counters: ${error.message}`); // the health pill already tells the operator
    }
  }

  /** Take counters from the feed or the API. */
  takeCounters(counters) {
    const time = performance.now();
    const newest = this.#samples.at(-1);
    if (newest && counters.received < newest.received) this.#samples = []; // a restart
    this.#samples.push({ time, received: counters.received });
    while (this.#samples.length > 2 && time - this.#samples[0].time > RATE_OVER_MS) {
      this.#samples.shift();
    }
    this.#counters = counters;
    this.renderCounters();
    this.onCounters(counters);
  }

  /** Show the state of the feed: "connecting", "open", "reconnecting" or "stalled", since when. */
  showLive(state, since) {
    this.#live = [state, since];
    if (state !== "open") this.#samples = [];
    const box = byId("live");
    setAttribute(box, "data-state", state);
    setText(byId("live-text"), t(`live.${state}`, { age: age(Date.now() - since) }));
    if (state !== "open") setText(byId("rate"), "–");
  }

  /** Say that the feed skipped readings on this screen because it was too slow for them. */
  showGap(dropped) {
    this.#skipped += dropped;
    const note = byId("gap");
    note.hidden = false;
    setText(note, tn("live.gap", this.#skipped));
  }

  /** Write everything anew, as after a change of language. */
  render() {
    this.renderHealth();
    this.renderCounters();
    this.showLive(...this.#live);
    if (this.#skipped) this.showGap(0);
  }

  renderCounters() {
    const counters = this.#counters;
    if (!counters) return;
    for (const name of ["received", "stored", "duplicate", "quarantined"]) {
      setText(byId(`count-${name}`), number(counters[name]));
    }
    const told = counters.stored + counters.duplicate + counters.quarantined;
    const missing = counters.received - told;
    const verdict = byId("ledger-verdict");
    setAttribute(verdict, "data-ok", String(missing === 0));
    const words = missing === 0 ? t("ledger.ok") : t("ledger.off", { n: number(missing) });
    setText(byId("ledger-words"), words);
    setAttribute(byId("count-quarantined"), "data-some", counters.quarantined > 0 ? "" : null);
    const [first, last] = [this.#samples[0], this.#samples.at(-1)];
    if (this.#live[0] !== "open" || !first || last.time - first.time < 500) return;
    const rate = ((last.received - first.received) * 1000) / (last.time - first.time);
    setText(byId("rate"), number(rate, 0, rate < 10 ? 1 : 0));
  }

  renderHealth() {
    const [state, reason] = this.#verdict();
    setAttribute(this.details, "data-state", state);
    setText(byId("health-word"), t(`health.${state}`));
    setText(byId("health-reason"), reason ?? "");
    setAttribute(byId("health-pill"), "title", reason);
    this.#renderPanel();
  }

  #verdict() {
    if (this.#failure) {
      const unreachable = this.#failure.status === 0;
      return [unreachable ? "unreachable" : "degraded", this.#failure.message];
    }
    if (!this.#health) return ["loading", null];
    if (this.#health.status === "ok") return ["ok", null];
    return ["degraded", this.#health.problems?.[0] ?? this.#health.store?.error ?? null];
  }

  #renderPanel() {
    const panel = byId("health-panel");
    if (this.#failure || !this.#health) {
      panel.replaceChildren(el("p", { text: this.#failure?.message ?? t("health.loading") }));
      return;
    }
    const { problems = [], sources = [], store, live, version, uptime_s: uptime } = this.#health;
    const parts = problems.map((problem) => el("p", { class: "problem", text: problem }));
    parts.push(el("h3", { text: t("health.sources") }));
    if (sources.length === 0) parts.push(el("p", { text: t("health.nosources") }));
    parts.push(...sources.map(sourceLine));
    if (store) {
      const words = store.ok ? t("health.fine") : (store.error ?? t("health.degraded"));
      parts.push(line(`${t("health.store")} ${store.kind}`, words, store.ok));
    }
    if (live) {
      const lag = `${number(live.lag_s ?? 0, 0, 1)}\u00a0s`;
      const words = live.ready ? t("health.ready", { lag }) : t("health.notready");
      parts.push(line(t("health.live"), words, live.ready));
    }
    const facts = { version, age: age((uptime ?? 0) * 1000) };
    parts.push(el("p", { class: "quiet", text: t("health.version", facts) }));
    panel.replaceChildren(...parts);
  }
}

function sourceLine(source) {
  const since = ms(source.since);
  const facts = { age: since === null ? "–" : age(now() - since) };
  const key = source.connected ? "health.connected" : "health.disconnected";
  const words = tn(key, source.messages ?? 0, facts);
  const node = line(source.name, words, source.connected);
  node.append(el("p", { class: "quiet", text: source.url ?? "" }));
  if (source.error) node.append(el("p", { class: "problem", text: source.error }));
  return node;
}

function line(name, words, ok) {
  return el(
    "div",
    { class: "health-line", "data-ok": String(Boolean(ok)) },
    el("strong", { text: name }),
    el("span", { text: words }),
  );
}
