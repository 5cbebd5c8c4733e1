/** The system page: is all well, what comes in, from where, and what became of it. */

import "./page-system-words.js";
import { get, ms, now } from "./api.js";
import { byId, el, place, setAttribute, setText, showState } from "./dom.js";
import { Live } from "./live.js";
import { startShell } from "./shell.js";
import { age, number, t, timeText, tn } from "./text.js";
import { Throughput } from "./throughput.js";

const ASK_MS = 5000;
const QUIET_MS = 60_000; // counters come with messages: without any, the feed may be quiet
const MEMBERS = ["received", "stored", "duplicate", "quarantined"];
const SIGNS = { stored: "=", duplicate: "+", quarantined: "+" };
const RUN_NUMBERS = ["messages", "refused", "added", "changed", "rejected"];
/** What the server says is wrong, to be said in the page's language; the rest stays as it is. */
const PROBLEMS = [
  ["broker", /^broker (?<url>\S+): (?<error>.*)$/s],
  ["store", /^store: (?<error>.*)$/s],
  ["analysis", /^analysis: (?<error>.*)$/s],
  ["lag", /^windows and anomalies are (?<s>\d+) s behind/],
];

const throughput = new Throughput(byId("plot"), byId("plot-state"), byId("rate"));
let health = null;
let healthAt = null;
let counters = null;
let failure = null;
let timer = null;

async function ask() {
  clearTimeout(timer);
  try {
    health = await get("v1/health");
    healthAt = now();
    failure = null;
  } catch (error) {
    failure = error;
  }
  render();
  timer = setTimeout(ask, ASK_MS);
}

function take(found) {
  counters = found;
  throughput.take(found.received);
  renderLedger();
  renderVerdict();
}

function missing() {
  if (!counters) return 0;
  return counters.received - counters.stored - counters.duplicate - counters.quarantined;
}

function problems() {
  const told = (health?.problems ?? []).map((text) => {
    for (const [key, pattern] of PROBLEMS) {
      const found = pattern.exec(text);
      const next = key === "lag" ? "" : `problem.${key}.do`;
      if (found) return [t(`problem.${key}`, found.groups), next];
    }
    return [text, ""];
  });
  if (missing()) told.push([t("problem.ledger", { n: number(missing()) }), ""]);
  return told;
}

function render() {
  renderVerdict();
  renderSources();
  renderInside();
  renderRun();
  renderLedger();
  throughput.render();
}

function renderVerdict() {
  const panel = byId("verdict-panel");
  const box = byId("verdict-state");
  const told = problems();
  const wrong = Math.max(told.length, failure ? 1 : 0);
  let [state, words] = ["ok", t("system.ok")];
  if (failure?.status === 0) [state, words] = ["degraded", t("system.unreachable")];
  else if (wrong) [state, words] = ["degraded", tn("system.degraded", wrong)];
  else if (!health) [state, words] = ["loading", t("health.loading")];
  setAttribute(panel, "data-state", state);
  setText(byId("verdict"), words);
  if (failure) showState(box, "error", failure.message, { label: t("shell.retry"), run: ask });
  else showState(box, null);
  const shown = told.map(([text, next]) =>
    el("li", {}, el("strong", { text }), next ? el("p", { text: t(next) }) : ""),
  );
  place(byId("problems"), shown);
  if (!health) return;
  const uptime = age(health.uptime_s * 1000);
  const about = [t("health.version", { version: health.version, age: uptime })];
  about.push(t("system.asof", { time: timeText(healthAt, now(), true) }));
  setText(byId("about"), about.join(" · "));
}

function renderLedger() {
  const box = byId("ledger-state");
  showState(box, counters ? null : "loading", t("health.loading"));
  if (!counters) return;
  const pair = (name, word) => {
    const value = el("dd", { text: number(counters[name]) });
    return el("div", { "data-sign": SIGNS[name] }, el("dt", { text: word }), value);
  };
  place(byId("ledger"), MEMBERS.map((name) => pair(name, t(name))));
  const more = ["readings", "corrections"].map((name) => pair(name, t(`system.${name}`)));
  place(byId("ledger-more"), more);
  const off = missing();
  setAttribute(byId("ledger-verdict"), "data-ok", String(off === 0));
  setText(byId("ledger-verdict"), off ? t("ledger.off", { n: number(off) }) : t("ledger.ok"));
}

function renderInside() {
  if (!health) return;
  const { store, live, waiting } = health;
  const lag = `${number(live.lag_s, 0, 1)}\u00a0s`;
  const facts = [
    ["store", t(store.ok ? "system.store.ok" : "system.store.bad", store), store.ok],
    ["analysis", live.error ?? t("system.analysis.ok"), live.ready],
    ["lag", tn("system.lag.words", live.behind_commits, { lag }), true],
    ["due", number(live.looks_due), true],
    ["waiting", number(waiting), true],
  ];
  const pairs = facts.map(([name, text, ok]) => fact(t(`system.${name}`), text, ok));
  place(byId("inside"), pairs);
}

function fact(word, text, ok = true) {
  return el("div", {}, el("dt", { text: word }), el("dd", { text, "data-ok": String(ok) }));
}

function renderSources() {
  const box = byId("sources-state");
  if (!health) return showState(box, failure ? null : "loading", t("health.loading"));
  showState(box, health.sources.length ? null : "empty", t("health.nosources"));
  place(byId("sources"), health.sources.map(sourceOf));
}

function sourceOf(source) {
  const [since, last] = [ms(source.since), ms(source.last)];
  const facts = { time: timeText(since, now()), age: age(now() - since) };
  const word = t(source.connected ? "source.connected" : "source.disconnected");
  const node = el(
    "article",
    { class: "source", "data-ok": String(source.connected && !source.error) },
    el("h3", { text: source.name }),
    el("p", { class: "quiet", text: source.url }),
    el("p", {}, el("span", { class: "word", text: word }), ` ${t("source.since", facts)}`),
  );
  const numbers = {
    messages: number(source.messages),
    bytes: bytesText(source.bytes),
    last: last === null ? t("source.never") : t("source.last.ago", { age: age(now() - last) }),
    connections: number(source.connections),
  };
  const pairs = Object.entries(numbers).map(([name, text]) => fact(t(`source.${name}`), text));
  node.append(el("dl", { class: "numbers" }, ...pairs));
  if (source.error) node.append(el("p", { class: "problem", text: source.error }));
  if (source.at_most_once.length) {
    const topics = source.at_most_once.map((topic) => el("li", {}, el("code", { text: topic })));
    node.append(el("p", { class: "quiet", text: t("source.once") }), el("ul", {}, ...topics));
  }
  return node;
}

function bytesText(bytes) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const at = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), units.length - 1);
  return `${number(bytes / 1000 ** at, 0, at ? 1 : 0)}\u00a0${units[at]}`;
}

function renderRun() {
  const run = health?.reprocess ?? null;
  const empty = !health ? (failure ? null : "loading") : "empty";
  showState(byId("run-state"), run ? null : empty, t(health ? "run.none" : "health.loading"));
  if (!run) {
    setText(byId("run-word"), "");
    return byId("run").replaceChildren();
  }
  const told = [t(run.running ? "run.running" : "run.done")];
  if (run.error) told[0] = t("run.failed", { error: run.error });
  if (run.trial) told.push(t("run.trial"));
  setText(byId("run-word"), told.join(" · "));
  const time = (text, none) => (text === null ? none : timeText(ms(text), now()));
  const span = { since: time(run.since, t("run.first")), until: time(run.until, t("run.now")) };
  const facts = {
    what: run.device ?? t("run.all"),
    span: t("run.span.words", span),
    reached: time(run.reached, "–"),
  };
  for (const name of RUN_NUMBERS) facts[name] = number(run[name]);
  place(byId("run"), Object.entries(facts).map(([name, text]) => fact(t(`run.${name}`), text)));
}

startShell("system", render);
const nothing = () => {};
const on = Object.fromEntries(
  ["reading", "anomaly", "retracted", "gap", "device"].map((name) => [name, nothing]),
);
on.counters = take;
const onState = (state) => throughput.live(state === "open");
new Live({ path: "v1/live?counters=true", on, onState, onAgain: ask, staleMs: QUIET_MS }).start();
setInterval(() => throughput.tick(), 1000);
addEventListener("resize", () => throughput.render());
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => throughput.render());
ask();
