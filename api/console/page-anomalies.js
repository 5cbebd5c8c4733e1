/** The queue of anomalies: filter, pick, understand, and say what is done about it. */

import "./page-anomalies-words.js";
import { collect, get, ms, now, post, rfc3339 } from "./api.js";
import { byId, el, place, setAttribute, setText, showState } from "./dom.js";
import { figure } from "./figure.js";
import { load } from "./history.js";
import { deviceHref } from "./links.js";
import { Live } from "./live.js";
import { draw, Painter } from "./plot.js";
import { seriesName, valueText } from "./quantities.js";
import { startShell } from "./shell.js";
import { age, number, t, timeText, tOr } from "./text.js";

const DAY = 86400e3;
const PAGES = 1;
const AGAIN_MS = 60_000;
const STACKED = "(max-width: 883px)"; // as page.css sets .columns
const STEPS = {
  new: ["acknowledge", "comment", "close"],
  acknowledged: ["comment", "close"],
  closed: ["comment", "reopen"],
};
const FILTERS = { state: "open", handling: "", kind: "", place: "", days: "7", device: "" };

const known = {
  items: [],
  devices: new Map(),
  series: new Map(),
  districts: new Map(),
  complete: true,
};
let one = null; // the picked anomaly with what was said of it
let track = null;
let failure = null;
let loaded = false;
let asked = 0;
const painter = new Painter(paint);

function wanted() {
  return { ...FILTERS, ...Object.fromEntries(new URLSearchParams(location.hash.slice(1))) };
}

function want(changes) {
  const all = { ...wanted(), ...changes };
  const parts = Object.entries(all).filter(([name, value]) => value !== (FILTERS[name] ?? ""));
  history.replaceState(null, "", `#${new URLSearchParams(parts)}`);
}

async function refresh() {
  const mine = (asked += 1);
  const { state, handling, kind, days, device } = wanted();
  const query = {
    open: state === "open" ? true : null,
    handling: handling || null,
    kind: kind || null,
    device: device || null,
  };
  if (state !== "open") query.start = rfc3339(now() - Number(days) * DAY);
  try {
    const found = await collect("v1/anomalies", query, { pages: PAGES });
    if (mine !== asked) return;
    known.items = found.items;
    known.complete = found.complete;
    failure = null;
  } catch (error) {
    if (mine !== asked) return;
    failure = error;
  }
  loaded = true;
  render();
}

async function learn() {
  const keep = async (name, path, key) => {
    try {
      const { items } = await collect(path);
      known[name] = new Map(items.map((item) => [key(item), item]));
    } catch (error) {
      console.info(`${path}: ${error.message}`); // ids stand for names until the next load
    }
  };
  const id = (item) => item.id;
  await Promise.all([
    keep("devices", "v1/devices", id),
    keep("series", "v1/series", keyOf),
    keep("districts", "v1/sites", id),
  ]);
  render();
}

function keyOf({ device, quantity, channel }) {
  return [device, quantity, channel || ""].join("\u0000");
}

function siteOf(anomaly) {
  return known.districts.get(known.devices.get(anomaly.device)?.site) ?? null;
}

function shown() {
  const { state, place: district, handling } = wanted();
  return known.items.filter(
    (item) =>
      (state === "" || (state === "open") === (item.end === null)) &&
      (!handling || item.handling === handling) &&
      (!district || siteOf(item)?.district === district),
  );
}

function render() {
  renderFilters();
  const items = shown();
  place(byId("queue"), items.map(rowOf));
  const count = t(known.complete ? "queue.count" : "queue.more", { n: number(items.length) });
  setText(byId("queue-count"), loaded ? count : "");
  const box = byId("queue-state");
  if (failure) showState(box, "error", failure.message, { label: t("shell.retry"), run: refresh });
  else if (!loaded) showState(box, "loading", t("queue.loading"));
  else showState(box, items.length ? null : "empty", t("queue.empty"));
  renderOne();
}

function renderFilters() {
  const now_ = wanted();
  const each = (values) => [...new Set(values)].filter(Boolean).sort();
  const kinds = each([...known.items.map((item) => item.kind), now_.kind]);
  const districts = each([...known.districts.values()].map((site) => site.district));
  const handlings = Object.keys(STEPS).map((name) => [name, t(`handling.${name}`)]);
  const devices = [...known.devices.values()].map(({ id, name }) => [id, name || id]);
  const choices = {
    state: [["", t("filter.any")], ["open", t("filter.open")], ["ended", t("filter.ended")]],
    handling: [["", t("filter.any")], ...handlings],
    kind: [["", t("filter.any")], ...kinds.map((kind) => [kind, tOr(`kind.${kind}`, kind)])],
    place: [["", t("filter.any")], ...districts.map((name) => [name, name])],
    days: ["1", "7", "30", "365"].map((n) => [n, t("filter.d", { n })]),
    device: [["", t("filter.any")], ...devices],
  };
  // A list must not close while it is read.
  if (byId("filters").contains(document.activeElement)) return;
  const labels = Object.entries(choices).map(([name, options]) => {
    const change = (event) => choose(name, event.target.value);
    const option = ([value, text]) =>
      el("option", { value, text, selected: value === now_[name] });
    const select = el("select", { name, on: { change } }, ...options.map(option));
    return el("label", {}, el("span", { text: t(`filter.${name}`) }), select);
  });
  byId("filters").replaceChildren(...labels);
}

function choose(name, value) {
  want({ [name]: value });
  refresh();
}

function rowOf(item) {
  const device = known.devices.get(item.device)?.name || item.device;
  const site = siteOf(item)?.name;
  const end = ms(item.end);
  const lasted = age((end ?? now()) - ms(item.start));
  const when = [
    timeText(ms(item.start), now()),
    t(end === null ? "queue.lasts" : "queue.for", { age: lasted }),
    t("anomalies.score", { score: number(item.score, 0, 2) }),
    t(`handling.${item.handling}`),
  ];
  const attributes = {
    type: "button",
    "data-id": item.id,
    "data-kind": item.kind,
    "data-open": String(end === null),
    "aria-current": item.id === wanted().id ? "true" : null,
    on: { click: () => look(item.id) },
  };
  const where = [device, item.quantity && seriesName(item), site].filter(Boolean).join(" · ");
  return el(
    "li",
    {},
    el(
      "button",
      attributes,
      el("span", { class: "kind", text: tOr(`kind.${item.kind}`, item.kind) }),
      el("span", { class: "where", text: where }),
      el("span", { class: "sentence", text: item.text }),
      el("span", { class: "when", text: when.join(" · ") }),
    ),
  );
}

/** Where the explanation lies below the list, whoever presses an anomaly is taken there. */
function look(id) {
  pick(id);
  if (!matchMedia(STACKED).matches) return;
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  byId("one").scrollIntoView({ behavior: still ? "auto" : "smooth" });
}

async function pick(id) {
  want({ id });
  track = null;
  one = null;
  render();
  byId("queue").querySelector("[aria-current]")?.focus();
  try {
    const found = await get(`v1/anomalies/${encodeURIComponent(id)}`);
    if (wanted().id !== id) return;
    one = found;
    renderOne();
    await loadTrack();
  } catch (error) {
    if (wanted().id !== id) return;
    const box = byId(one ? "plot-state" : "one-state");
    showState(box, "error", error.message, { label: t("shell.retry"), run: () => pick(id) });
  }
}

function rangeOf(anomaly) {
  const [start, end] = [ms(anomaly.start), ms(anomaly.end) ?? now()];
  const beside = Math.max(end - start, 30 * 60e3);
  return { startMs: start - beside, endMs: Math.min(end + beside, now()) };
}

function seriesOf(anomaly) {
  return known.series.get(keyOf(anomaly)) ?? { ...anomaly, unit: "", kind: "gauge" };
}

async function loadTrack() {
  const anomaly = one;
  if (!anomaly.quantity) return showState(byId("plot-state"), "empty", t("one.whole"));
  showState(byId("plot-state"), "loading", t("chart.loading"));
  const found = await load(seriesOf(anomaly), rangeOf(anomaly));
  if (one?.id !== anomaly.id) return;
  track = found;
  showState(byId("plot-state"), track.points.length ? null : "empty", t("one.norows"));
  painter.request();
}

async function paint() {
  if (!one || !track) return;
  const marked = { ...one, startMs: ms(one.start), endMs: ms(one.end) };
  const node = byId("plot");
  const [series, range] = [seriesOf(one), rangeOf(one)];
  const { traces, layout } = figure({ track, series, range, anomalies: [marked], node });
  await draw(node, traces, layout);
}

function renderOne() {
  setText(byId("one-title"), one ? tOr(`kind.${one.kind}`, one.kind) : t("one.title"));
  byId("one-body").hidden = !one;
  const link = byId("one-device");
  link.hidden = !one;
  const waiting = wanted().id ? ["loading", t("queue.loading")] : ["empty", t("one.none")];
  showState(byId("one-state"), ...(one ? [null] : waiting));
  if (!one) return;
  const { unit } = seriesOf(one);
  setAttribute(link, "href", deviceHref(one));
  setText(link, t("one.device"));
  setText(byId("one-text"), one.text);
  const facts = {
    value: one.value === null ? "–" : valueText(one.value, unit, one.quantity),
    expected: one.expected === null ? "–" : valueText(one.expected, unit, one.quantity),
    score: number(one.score, 0, 2),
    detector: one.detector,
    since: timeText(ms(one.start), now(), true),
  };
  const pair = ([name, text]) =>
    el("div", {}, el("dt", { text: t(`one.${name}`) }), el("dd", { text }));
  place(byId("one-facts"), Object.entries(facts).map(pair));
  setAttribute(byId("plot"), "aria-label", t("one.chart"));
  const said = (one.said ?? []).map((remark) => {
    const [what, when] = [t(`said.${remark.kind}`), timeText(ms(remark.at), now())];
    const head = el("span", { class: "quiet", text: `${remark.author} ${what} · ${when}` });
    return el("li", {}, head, el("p", { text: remark.note }));
  });
  const unknown = el("li", { class: "problem", text: t("handling.null") });
  place(byId("said"), one.said === null ? [unknown] : said);
  const steps = STEPS[one.handling] ?? [];
  const step = (kind) => {
    const facts = { type: "button", class: "button", "data-say": kind, text: t(`say.${kind}`) };
    return el("button", { ...facts, on: { click: () => say(kind) } });
  };
  place(byId("steps"), steps.map(step));
  painter.request();
}

async function say(kind) {
  if (!one) return;
  const { id } = one;
  setText(byId("say-state"), "");
  try {
    const path = `v1/anomalies/${encodeURIComponent(id)}/remarks`;
    const told = await post(path, {}, { kind, note: byId("note").value });
    byId("note").value = "";
    if (one?.id === id) one = told;
    take(told);
  } catch (error) {
    setText(byId("say-state"), error.message);
  }
}

/** Take an anomaly as it is told now; what it does not say of its handling stays as it was. */
function take({ said, ...item }) {
  const at = known.items.findIndex((other) => other.id === item.id);
  if (at < 0) return refresh();
  const before = known.items[at];
  const [handling, remarks] = [item.handling ?? before.handling, item.remarks ?? before.remarks];
  known.items[at] = { ...item, handling, remarks };
  render();
}

async function onAnomaly(item) {
  take(item);
  if (one?.id !== item.id || item.remarks === one.remarks) return;
  try {
    const found = await get(`v1/anomalies/${encodeURIComponent(item.id)}`);
    if (one?.id === found.id) one = found;
    renderOne();
  } catch (error) {
    if (one?.id === item.id) setText(byId("say-state"), error.message);
  }
}

function onRetracted({ id }) {
  known.items = known.items.filter((item) => item.id !== id);
  if (one?.id === id) {
    one = null;
    want({ id: "" });
  }
  render();
}

function onKey(event) {
  const typing = event.target.closest?.("input, select, textarea");
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const step = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 }[event.key];
  if (step) {
    const items = shown();
    const at = items.findIndex((item) => item.id === wanted().id);
    const next = items[at < 0 ? 0 : at + step];
    event.preventDefault();
    if (next) pick(next.id);
    return;
  }
  const may = one && (STEPS[one.handling] ?? []).includes("acknowledge");
  if (event.key === "a" && may) say("acknowledge");
}

startShell("anomalies", render);
document.addEventListener("keydown", onKey);
byId("say").addEventListener("submit", (event) => {
  event.preventDefault();
  say("comment");
});
addEventListener("resize", () => painter.request());
addEventListener("hashchange", () => {
  refresh();
  if (wanted().id && wanted().id !== one?.id) pick(wanted().id);
});
const nothing = () => {};
const on = {
  anomaly: onAnomaly,
  retracted: onRetracted,
  gap: refresh,
  reading: nothing,
  counters: nothing,
  device: nothing,
};
const feed = { path: "v1/live?anomalies=true&snapshot=false", onState: nothing, staleMs: Infinity };
new Live({ ...feed, on, onAgain: refresh }).start();
setInterval(refresh, AGAIN_MS);
await Promise.all([refresh(), learn()]);
if (wanted().id) pick(wanted().id);
