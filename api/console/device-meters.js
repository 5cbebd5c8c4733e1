/** The meters behind a device's registers: exchanges, what can flow, and what was corrected. */

import { collect, get, ms, now, rfc3339 } from "./api.js";
import { byId, el, place, showState } from "./dom.js";
import { seriesName, valueText } from "./quantities.js";
import { age, clockText, dayText, number, t, timeText, tOr, ZONE, zoneOffset } from "./text.js";

const COLUMNS = ["register", "serial", "installed", "removed", "multiplier", "first", "last"];
const NUMBERS = new Set(["multiplier", "first", "last"]);
const FLOWS = new Set(["Wh", "m3"]);
const RATES = { Wh: "W", m3: "m3/h" };
const REGISTERS_MAX = 12; // of a device are asked about
const CORRECTIONS_MAX = 50;

/** The panel; hidden for a device that has no register. */
export class DeviceMeters {
  #registers = [];
  #told = null;
  #limits = [];
  #corrections = [];
  #loading = false;
  #failure = null;
  #asked = 0;
  #again = null;

  constructor(id) {
    this.id = id;
  }

  /** Ask for the meters of these series, and for the corrections in a span. */
  async load(list, { startMs, endMs }) {
    this.#registers = list.filter((one) => one.kind === "register");
    byId("meters").hidden = this.#registers.length === 0;
    if (this.#registers.length === 0) return;
    const mine = (this.#asked += 1);
    this.#again = () => this.load(list, { startMs, endMs });
    this.#loading = this.#told === null;
    this.render();
    try {
      const told = await get("v1/meters", { device: this.id });
      const flowing = this.#registers.filter((one) => FLOWS.has(one.unit)).slice(0, REGISTERS_MAX);
      const span = { start: rfc3339(startMs), end: rfc3339(endMs), tz: ZONE };
      const about = flowing.map(({ quantity, channel }) => ({ device: this.id, quantity, channel }));
      const [limits, sums] = await Promise.all([
        Promise.all(about.map((one) => get("v1/energy/explain", { ...one, ...span, limit: 1 }))),
        Promise.all(about.map((one) => collect("v1/energy", { ...one, ...span, by: "day" }))),
      ]);
      if (mine !== this.#asked) return;
      this.#told = told;
      this.#limits = flowing.map((one, at) => ({ ...one, ...limits[at] }));
      this.#corrections = flowing.flatMap((one, at) =>
        sums[at].items.flatMap((item) => item.corrections.map((each) => ({ ...one, ...each }))),
      );
      this.#failure = null;
    } catch (error) {
      if (mine !== this.#asked) return;
      this.#failure = error;
    }
    this.#loading = false;
    this.render();
  }

  /** Write everything anew. */
  render() {
    const items = this.#told?.items ?? [];
    byId("meters-table").hidden = items.length === 0;
    const heads = COLUMNS.map((name) => {
      const facts = { scope: "col", class: NUMBERS.has(name) ? "number" : null };
      return el("th", { ...facts, text: t(`meter.${name}`) });
    });
    byId("meters-columns").replaceChildren(...heads);
    place(byId("meters-rows"), items.map(rowOf));
    place(byId("limits"), [...this.#limits.map(limitOf), ...(this.#told?.answers ?? []).map(answerOf)]);
    const corrections = this.#corrections.slice(0, CORRECTIONS_MAX).map(correctionOf);
    byId("corrections-title").hidden = corrections.length === 0;
    place(byId("corrections"), corrections);
    const box = byId("meters-state");
    if (this.#failure) {
      const action = { label: t("shell.retry"), run: this.#again };
      showState(box, "error", this.#failure.message, action);
    } else if (this.#loading) showState(box, "loading", t("device.meters.loading"));
    else showState(box, this.#told && items.length === 0 ? "empty" : null, t("device.meters.none"));
  }
}

function rowOf(one) {
  const shown = (value) => (value === null ? "–" : valueText(value, one.unit));
  const removed = one.removed === null ? t("meter.there") : longTime(one.removed);
  const cell = (text, name = "") => el("td", { class: name || null, text });
  return el(
    "tr",
    {},
    el("th", { scope: "row", text: seriesName(one) }),
    cell(one.serial || "–"),
    cell(longTime(one.installed)),
    cell(removed),
    cell(number(one.multiplier, 0, 3), "number"),
    cell(shown(one.first_register), "number"),
    cell(shown(one.last_register), "number"),
  );
}

/** Meters stay for years, so the year is told. */
function longTime(time) {
  const at = ms(time);
  const year = new Date(at + zoneOffset(at)).getUTCFullYear();
  return `${dayText(at)} ${year}, ${clockText(at)}`;
}

function limitOf(one) {
  const rate = valueText(one.rate_max, RATES[one.unit]);
  const key = one.rate_max === null ? "unknown" : one.rate_told ? "told" : "learnt";
  const words = [t(`meter.limit.${key}`, { register: seriesName(one), rate })];
  if (one.gap_s !== null) words.push(t("meter.gap", { age: age(one.gap_s * 1000) }));
  return el("li", { text: `${words.join("; ")}.` });
}

function answerOf(one) {
  const facts = {
    register: seriesName(one),
    at: timeText(ms(one.at), now()),
    what: t(one.counts ? "meter.counts" : "meter.countsNot"),
    author: one.author,
    said: timeText(ms(one.said), now()),
    note: one.note,
  };
  return el("li", { text: t("meter.answer", facts) });
}

function correctionOf(one) {
  const when = one.at ? timeText(ms(one.at), now()) : "";
  const words = [when, seriesName(one), valueText(one.value, one.unit), one.note];
  const kind = el("strong", { class: "kind", text: tOr(`correction.${one.kind}`, one.kind) });
  return el("li", {}, kind, ` ${words.filter(Boolean).join(" · ")}`);
}
