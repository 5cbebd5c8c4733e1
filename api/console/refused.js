/** Quarantine on the page of data quality: grouped by reason, whole on demand, decoded again. */

import { collect, get, ms, now, post } from "./api.js";
import { byId, el, place, setText, showState } from "./dom.js";
import { bytesOf, factsOf } from "./quarantine.js";
import { number, t, timeText, tn } from "./text.js";

const AT_ONCE = 500;
const PAGES = 2; // so the newest thousand, each with its first bytes
const SHOWN = 20; // messages of a group at first, and how many more each press brings
const SOURCES_MAX = 3;

/** The quarantine: groups of messages that broke the same rule. */
export class Refused {
  #items = [];
  #all = null; // how many there are in all
  #loaded = false;
  #failure = null;
  #said = null; // what came of the last try: a function, so that it is said in any language
  #running = false;
  #shown = new Map(); // rule → how many of its messages are shown
  #wholes = new Map(); // id → the whole message

  /** wanted() and want(changes): what the address says, where `rule` and `message` are ours. */
  constructor({ wanted, want }) {
    Object.assign(this, { wanted, want });
    byId("retry-all").addEventListener("click", () => this.#retry(null));
  }

  /** Fetch the newest, and how many there are. */
  async load() {
    try {
      const [found, counters] = await Promise.all([
        collect("v1/quarantine", { limit: AT_ONCE }, { pages: PAGES }),
        get("v1/counters"),
      ]);
      this.#items = found.items;
      this.#all = found.complete ? found.items.length : counters.quarantined;
      this.#failure = null;
    } catch (error) {
      this.#failure = error;
    }
    this.#loaded = true;
    this.render();
  }

  /** Write everything anew. */
  render() {
    const groups = new Map();
    for (const item of this.#items) {
      if (!groups.has(item.rule)) groups.set(item.rule, []);
      groups.get(item.rule).push(item);
    }
    const sorted = [...groups].sort(([, a], [, b]) => b.length - a.length);
    const focus = document.activeElement?.dataset ?? {};
    place(byId("groups"), sorted.map(([rule, items]) => this.#group(rule, items)));
    this.#refocus(focus);
    byId("retry-all").hidden = this.#items.length === 0;
    byId("retry-all").disabled = this.#running;
    const n = this.#items.length;
    const facts = { n: number(n), all: number(this.#all ?? n) };
    const some = this.#all !== null && this.#all > n;
    const words = some ? t("refused.some", facts) : tn("refused.summary", n);
    setText(byId("quarantine-count"), this.#loaded && !this.#failure && n ? words : "");
    byId("to-quarantine").hidden = n === 0;
    setText(byId("to-quarantine"), t("refused.jump", { n: number(this.#all ?? n) }));
    const said = byId("retry-state");
    said.hidden = !this.#running && !this.#said;
    setText(said, this.#running ? t("retry.running") : (this.#said?.() ?? ""));
    const box = byId("quarantine-state");
    if (this.#failure) {
      const action = { label: t("shell.retry"), run: () => this.load() };
      showState(box, "error", this.#failure.message, action);
    } else if (!this.#loaded) showState(box, "loading", t("quarantine.loading"));
    else showState(box, n ? null : "empty", t("quarantine.empty"));
  }

  /** The list is made anew: whoever stood in it stands there still. */
  #refocus({ retry, message }) {
    const places = { retry, message };
    for (const [name, value] of Object.entries(places)) {
      if (value === undefined) continue;
      byId("groups").querySelector(`[data-${name}="${CSS.escape(value)}"]`)?.focus();
    }
  }

  #group(rule, items) {
    const newest = timeText(Math.max(...items.map((item) => ms(item.received))), now(), true);
    const sources = [...new Set(items.map((item) => item.source))];
    const rest = sources.length > SOURCES_MAX ? " …" : "";
    const some = sources.slice(0, SOURCES_MAX).join(", ") + rest;
    const facts = [
      tn("refused.summary", items.length),
      t("refused.newest", { time: newest }),
      t("refused.sources", { sources: some }),
    ];
    const again = el("button", {
      type: "button",
      class: "button",
      "data-retry": rule,
      disabled: this.#running,
      text: t("retry.rule"),
      on: { click: () => this.#retry(rule) },
    });
    const most = this.#shown.get(rule) ?? SHOWN;
    const rows = items.slice(0, most).map((item) => this.#message(item, items[0].reason));
    const { rule: openRule, message } = this.wanted();
    const open = openRule === rule || items.some(({ id }) => `${id}` === message);
    const list = el("details", { open });
    const summary = el("summary", { "data-message": `rule ${rule}`, text: items[0].reason });
    list.append(summary, el("ol", { class: "messages" }, ...rows));
    if (items.length > most) list.append(this.#more(rule, items.length - most));
    list.addEventListener("toggle", () => {
      const mine = this.wanted().rule === rule;
      if (list.open && !mine) this.want({ rule });
      else if (!list.open && mine) this.want({ rule: "" });
    });
    const head = el("div", { class: "group-head" }, el("h3", { text: rule }), again);
    head.append(el("p", { class: "quiet", text: facts.join(" · ") }));
    return el("li", {}, head, list);
  }

  #more(rule, left) {
    const show = () => {
      this.#shown.set(rule, (this.#shown.get(rule) ?? SHOWN) + SHOWN);
      this.render();
    };
    const text = t("refused.more", { n: number(Math.min(left, SHOWN)) });
    return el("button", { type: "button", class: "more", text, on: { click: show } });
  }

  #message(item, said) {
    const head = el(
      "summary",
      { "data-message": item.id },
      el("span", { class: "topic", text: item.topic || t("quarantine.notopic") }),
      el("span", { class: "when", text: timeText(ms(item.received), now(), true) }),
      item.reason === said ? "" : el("span", { class: "reason", text: item.reason }),
    );
    const body = el("div", { class: "details" });
    const details = el("details", { open: this.wanted().message === `${item.id}` }, head, body);
    const fill = () => this.#fill(item, body);
    details.addEventListener("toggle", () => {
      const mine = this.wanted().message === `${item.id}`;
      if (details.open && !mine) this.want({ message: item.id });
      else if (!details.open && mine) this.want({ message: "" });
      if (details.open && !body.hasChildNodes()) fill();
    });
    if (details.open) fill();
    return el("li", {}, details);
  }

  async #fill(item, body) {
    const box = el("div", { class: "state" });
    body.replaceChildren(box);
    try {
      let whole = this.#wholes.get(item.id);
      if (!whole) {
        showState(box, "loading", t("refused.whole"));
        whole = item.truncated ? await get(`v1/quarantine/${item.id}`) : item;
        this.#wholes.set(item.id, whole);
      }
      body.replaceChildren(factsOf(whole), bytesOf(whole, Infinity));
    } catch (error) {
      const action = { label: t("shell.retry"), run: () => this.#fill(item, body) };
      showState(box, "error", error.message, action);
    }
  }

  async #retry(rule) {
    this.#running = true;
    this.#said = null;
    this.render();
    try {
      const found = await post("v1/quarantine/retry", { rule });
      this.#said = () => outcome(found);
    } catch (error) {
      this.#said = () => error.message;
    }
    this.#running = false;
    await this.load();
  }
}

function outcome({ tried, released }) {
  const facts = { tried: number(tried) };
  if (tried === 0) return t("retry.nothing");
  if (released === 0) return t("retry.none", facts);
  return tn(released === tried ? "retry.every" : "retry.some", released, facts);
}
