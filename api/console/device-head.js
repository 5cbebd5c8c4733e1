/** The head of a device's page: what it is, where, how it is, and what it says of itself. */

import { ms, now } from "./api.js";
import { byId, el, place, setAttribute, setText } from "./dom.js";
import { valueText } from "./quantities.js";
import { age, number, t, timeText } from "./text.js";

/** The panel of a device; `city` knows it and its newest values. */
export class DeviceHead {
  #site = null;
  #steps = [];

  constructor(city, id) {
    Object.assign(this, { city, id });
  }

  /** Take the site of the catalog where it stands, or null. */
  placed(site) {
    this.#site = site;
  }

  /** Take the steps by which its newest message was read. */
  read(steps) {
    this.#steps = steps;
    this.render();
  }

  /** Write what changes by itself: state and ages. */
  tick() {
    const device = this.city.devices.get(this.id);
    if (!device) return;
    const badge = byId("badge");
    const state = this.city.stateOf(device);
    badge.hidden = false;
    setAttribute(badge, "data-state", state);
    setText(badge, t(`state.${state}`));
    const heard = byId("facts").querySelector("[data-fact=heard]");
    if (heard) setText(heard, this.#ago(device.heardMs));
  }

  /** Write everything anew. */
  render() {
    const device = this.city.devices.get(this.id);
    byId("head-body").hidden = !device;
    if (!device) return;
    document.title = `${device.name} · Emscher`;
    setText(byId("name"), device.name);
    setText(byId("id"), device.name === device.id ? "" : device.id);
    const site = this.#site;
    const where = site && [site.name || site.id, site.address].filter(Boolean).join(", ");
    const facts = {
      heard: this.#ago(device.heardMs),
      site: where || device.site || t("device.unplaced"),
      district: site?.district,
      tenant: device.tenant,
      model: device.model,
      format: device.format,
      codec: this.#steps.join(" · "),
      source: device.source,
      battery: this.#values("battery_level", "battery_voltage", "low_battery"),
      radio: this.#values("rssi", "snr"),
      frames: framesText(device.frames),
      first: timeText(ms(device.first_seen) ?? 0, now()),
    };
    const told = Object.entries(facts).filter(([, text]) => text);
    fill(byId("facts"), told.map(([name, text]) => [name, t(`device.${name}`), text]));
    const says = Object.entries(device.state ?? {});
    byId("says").hidden = says.length === 0;
    const words = (value) => (typeof value === "string" ? value : JSON.stringify(value));
    fill(byId("says-facts"), says.map(([name, value]) => [name, name, words(value)]));
    this.tick();
  }

  #ago(heardMs) {
    if (!heardMs) return t("never");
    return t("device.ago", { age: age(now() - heardMs), time: timeText(heardMs, now(), true) });
  }

  #values(...quantities) {
    const device = this.city.devices.get(this.id);
    const found = quantities.flatMap((quantity) =>
      [...device.latest.values()].filter((one) => one.quantity === quantity),
    );
    const level = device.state?.[quantities[0]];
    if (found.length === 0 && quantities[0] === "battery_level" && typeof level === "number") {
      return valueText(level, "%");
    }
    return found.map(({ value, unit, quantity }) => valueText(value, unit, quantity)).join(" · ");
  }
}

/** Write [fact, name, text] into a list; what is there already stays, so that it can be marked. */
function fill(list, facts) {
  const known = new Map([...list.children].map((node) => [node.lastChild.dataset.fact, node]));
  const pairs = facts.map(([fact, name, text]) => {
    const node = known.get(fact) ?? el("div", {}, el("dt"), el("dd", { "data-fact": fact }));
    setText(node.firstChild, name);
    setText(node.lastChild, text);
    return node;
  });
  place(list, pairs);
}

/** Return how many uplinks never came, "" where nobody counts them. */
function framesText(frames) {
  if (!frames) return "";
  const { heard, missed } = frames;
  const all = heard + missed;
  const facts = { n: number(missed), all: number(all) };
  if (missed === 0) return t("device.frames.none", facts);
  const share = `${number((100 * missed) / all, 0, 1)}\u00a0%`;
  return t("device.frames.some", { ...facts, share });
}
