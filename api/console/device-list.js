/** The list of all devices, to find one in: the page /device without an id. */

import { collect, ms, now } from "./api.js";
import { byId, el, place, setText, showState } from "./dom.js";
import { deviceHref } from "./links.js";
import { age, number, t, tn } from "./text.js";

const SHOWN = 50; // rows at first, and how many more each press of the button brings
const WAIT_MS = 150; // while somebody types
const COLUMNS = ["state", "device", "model", "site", "district", "heard"];
const NATURAL = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

/** The list; `wanted` and `want` read and write the address, where `q` is ours. */
export class DeviceList {
  #items = [];
  #sites = new Map();
  #shown = SHOWN;
  #loaded = false;
  #failure = null;
  #typing = null;

  constructor({ wanted, want }) {
    Object.assign(this, { wanted, want });
    byId("find").addEventListener("input", (event) => {
      clearTimeout(this.#typing);
      this.#typing = setTimeout(() => {
        this.want({ q: event.target.value.trim() });
        this.#shown = SHOWN;
        this.render();
      }, WAIT_MS);
    });
    byId("all-more").addEventListener("click", () => {
      this.#shown += SHOWN;
      this.render();
    });
    document.addEventListener("keydown", (event) => {
      const typing = event.target.closest?.("input, textarea, select");
      if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      byId("find").focus();
    });
  }

  /** Fetch the devices, and where they are if the catalog tells. */
  async load() {
    try {
      const { items } = await collect("v1/devices");
      this.#items = items.sort((a, b) => NATURAL.compare(a.name || a.id, b.name || b.id));
      this.#failure = null;
    } catch (error) {
      this.#failure = error;
    }
    this.#loaded = true;
    this.render();
    try {
      const { items } = await collect("v1/sites");
      this.#sites = new Map(items.map((site) => [site.id, site]));
      this.render();
    } catch (error) {
      console.info(`v1/sites: ${error.message}`); // ids stand for names until the next load
    }
  }

  /** Write everything anew. */
  render() {
    const { q } = this.wanted();
    if (document.activeElement !== byId("find")) byId("find").value = q;
    const heads = COLUMNS.map((name) =>
      el("th", { scope: "col", class: `of-${name}`, text: t(`device.column.${name}`) }),
    );
    byId("all-columns").replaceChildren(...heads);
    const found = this.#found(q);
    byId("all-table").hidden = found.length === 0;
    place(byId("all-rows"), found.slice(0, this.#shown).map((one) => this.#row(one)));
    const left = found.length - Math.min(this.#shown, found.length);
    byId("all-more").hidden = left === 0;
    setText(byId("all-more"), t("device.more", { n: number(Math.min(left, SHOWN)) }));
    const [n, all] = [found.length, this.#items.length];
    const facts = { n: number(n), all: number(all) };
    const count = n < all ? t("device.some", facts) : tn("device.count", n);
    setText(byId("all-count"), this.#loaded && !this.#failure ? count : "");
    const box = byId("all-state");
    if (this.#failure && all === 0) {
      const action = { label: t("shell.retry"), run: () => this.load() };
      showState(box, "error", this.#failure.message, action);
    } else if (!this.#loaded) showState(box, "loading", t("device.loading"));
    else if (all === 0) showState(box, "empty", t("device.none"));
    else showState(box, n ? null : "empty", t("device.nomatch"));
  }

  #found(q) {
    const words = q.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = (item) => {
      const site = this.#sites.get(item.site);
      const place = [item.site, site?.name, site?.district, item.tenant];
      const hay = [item.name, item.id, item.model, item.format, ...place].join(" ").toLowerCase();
      return words.every((word) => hay.includes(word));
    };
    return this.#items.filter(fits);
  }

  #row(item) {
    const site = this.#sites.get(item.site);
    const name = item.name || item.id;
    const link = el("a", { href: deviceHref({ device: item.id }), text: name });
    const id = name === item.id ? "" : el("span", { class: "device-id", text: item.id });
    const state = item.silent ? "silent" : "up";
    const badge = el("span", { class: "badge", "data-state": state, text: t(`state.${state}`) });
    const heard = ms(item.last_seen);
    return el(
      "tr",
      {},
      el("td", { class: "of-state" }, badge),
      el("th", { scope: "row", class: "of-device" }, link, id),
      el("td", { class: "of-model", text: item.model }),
      el("td", { class: "of-site", text: site?.name ?? item.site ?? "" }),
      el("td", { class: "of-district", text: site?.district ?? "" }),
      el("td", { class: "of-heard number", text: heard ? age(now() - heard) : t("never") }),
    );
  }
}
