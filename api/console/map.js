/** The map on the live page: where devices stand and how they are, without tiles from elsewhere. */

import "./map-words.js";
import { now } from "./api.js";
import { byId, el, place, setAttribute, setText } from "./dom.js";
import { around, hull, next, projection } from "./map-geometry.js";
import { seriesName, valueText } from "./quantities.js";
import { age, number, t, tn } from "./text.js";

const SVG = "http://www.w3.org/2000/svg";
const DOTS_MAX = 1500;
const MARGIN_PX = 52;
const RENEWED_MS = 2000; // states also change by time: an odd device calms down
const ORDER = ["silent", "odd", "up"];
/** A shape for each state, so that nobody needs to tell colours apart. */
const SHAPES = {
  up: "M-5,0a5,5 0 1,0 10,0a5,5 0 1,0 -10,0Z",
  odd: "M0,-7L7,0L0,7L-7,0Z",
  silent: "M-5,-5H5V5H-5Z",
};
const ARROWS = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };

/** The map: which sites, which devices of those that match, and picking one. */
export class CityMap {
  #sites = new Map(); // id → site with coordinates
  #dots = new Map(); // device id → {node, mark, at, site}
  #dirty = new Set();
  #on = false;
  #district = null;
  #picked = null;
  #walker = null; // the dot that Tab comes to
  #renewedAt = 0;

  /** matching() gives the devices that search and filter leave; onView tells of a change. */
  constructor(city, { matching, onPick, onView }) {
    Object.assign(this, { city, matching, onPick, onView });
    this.panel = document.querySelector(".devices");
    this.svg = byId("map");
    [this.ground, this.top] = [svg("g", {}), svg("g", {})]; // districts below, dots above
    this.svg.append(this.ground, this.top);
    this.switch = byId("view");
    for (const button of this.switch.querySelectorAll("[data-view]")) {
      button.addEventListener("click", () => this.show(button.dataset.view === "map"));
    }
    byId("map-all").addEventListener("click", () => this.#look(null));
    this.svg.addEventListener("click", (event) => this.#act(event.target));
    this.svg.addEventListener("keydown", (event) => this.#onKey(event));
    for (const name of ["pointerover", "focusin"]) {
      this.svg.addEventListener(name, (event) => this.#tell(event.target));
    }
    new ResizeObserver(() => this.render()).observe(this.svg);
  }

  /** Take the sites; without coordinates there is no map. */
  take(sites) {
    const there = sites.filter((site) => site.latitude !== null && site.longitude !== null);
    this.#sites = new Map(there.map((site) => [site.id, site]));
    this.render();
  }

  /** Show the map, or the list. */
  show(on) {
    this.#on = on;
    this.render();
    this.onView(on ? "map" : null);
  }

  /** Whether the map is on the screen. */
  get shown() {
    return this.#on && this.#sites.size > 0;
  }

  /** Mark the picked device. */
  mark(id) {
    this.#picked = id;
    for (const [other, dot] of this.#dots) {
      setAttribute(dot.node, "aria-current", other === id ? "true" : null);
    }
  }

  /** Remember that a device changed; `flush` shows it. */
  touch(id) {
    this.#dirty.add(id);
  }

  /** Show what changed since the last frame. */
  flush() {
    for (const id of this.#dirty) if (this.#dots.has(id)) this.#fill(this.#dots.get(id));
    this.#dirty.clear();
  }

  /** Now and then look at all: which match, and how they are. */
  tick() {
    if (!this.shown || performance.now() - this.#renewedAt < RENEWED_MS) return;
    if (this.svg.contains(document.activeElement) || this.svg.matches(":hover")) {
      for (const dot of this.#dots.values()) this.#fill(dot);
    } else this.render();
  }

  /** Write everything anew. */
  render() {
    this.switch.hidden = this.#sites.size === 0;
    for (const button of this.switch.querySelectorAll("[data-view]")) {
      const pressed = (button.dataset.view === "map") === this.shown;
      setAttribute(button, "aria-pressed", String(pressed));
    }
    setAttribute(this.panel, "data-shows", this.shown ? "map" : "list");
    const { clientWidth: width, clientHeight: height } = this.svg;
    if (!this.shown || !width || !height) return;
    this.#renewedAt = performance.now();
    setAttribute(this.svg, "viewBox", `0 0 ${width} ${height}`);
    setAttribute(this.svg, "aria-label", t("map.label"));
    byId("map-all").hidden = this.#district === null;
    setText(byId("map-all"), t("map.all"));
    this.#draw({ width, height, margin: MARGIN_PX });
  }

  #draw(box) {
    const sites = [...this.#sites.values()].filter(
      (site) => this.#district === null || site.district === this.#district,
    );
    const project = projection(sites, box);
    const all = this.matching();
    const placed = all.filter((device) => this.#sites.has(device.site));
    const here = placed.filter((device) => this.#isHere(device));
    const rank = new Map(here.map((one) => [one, ORDER.indexOf(this.city.stateOf(one))]));
    const some = here.sort((a, b) => rank.get(a) - rank.get(b)).slice(0, DOTS_MAX);
    const atSpot = new Map(); // sites at one place share its ground
    for (const site of sites) {
      const spot = `${site.latitude} ${site.longitude}`;
      if (!atSpot.has(spot)) atSpot.set(spot, { sites: [], devices: [] });
      atSpot.get(spot).sites.push(site);
    }
    for (const device of some) {
      const { latitude, longitude } = this.#sites.get(device.site);
      atSpot.get(`${latitude} ${longitude}`).devices.push(device);
    }
    const districts = new Map(); // name → {points, n}
    const dots = [];
    const bare = [];
    const belong = (name, point, n) => {
      const district = districts.get(name) ?? { points: [], n: 0 };
      district.points.push(point);
      district.n += n;
      districts.set(name, district);
    };
    for (const { sites: there, devices } of atSpot.values()) {
      devices.sort((a, b) => (a.id < b.id ? -1 : 1)); // a change of state moves no dot
      const at = project(there[0].latitude, there[0].longitude);
      around(at, devices.length).forEach((point, k) => {
        const site = this.#sites.get(devices[k].site);
        belong(site.district, point, 1);
        dots.push(this.#dot({ device: devices[k], site, at: point }));
      });
      if (devices.length > 0) continue;
      belong(there[0].district, at, 0);
      bare.push(this.#bare(there[0], at));
    }
    const kept = document.activeElement?.closest?.("#map [data-id], #map [data-district]");
    const focus = kept && { ...kept.dataset };
    const named = [...districts].filter(([name]) => name).sort(([, a], [, b]) => b.n - a.n);
    const areas = named.map((one) => this.#area(one));
    const seen = new Set(some.map(({ id }) => id));
    for (const id of this.#dots.keys()) if (!seen.has(id)) this.#dots.delete(id);
    this.#walk(this.#dots.has(this.#walker) ? this.#walker : (this.#picked ?? null));
    place(this.ground, [...areas, ...bare]);
    const trouble = (node) => -ORDER.indexOf(node.dataset.state);
    place(this.top, dots.sort((a, b) => trouble(a) - trouble(b))); // the worst lie on top
    this.#label(areas, box);
    if (focus) this.#focus(focus);
    this.#renderNotes(all.length - placed.length, some.length, here.length);
  }

  #isHere(device) {
    const site = this.#sites.get(device.site);
    return this.#district === null || site.district === this.#district;
  }

  #bare(site, [x, y]) {
    const title = svg("title", {});
    title.textContent = t("map.site", { name: site.name });
    return svg("circle", { class: "bare", cx: x, cy: y, r: 6 }, title);
  }

  #area([name, { points, n }]) {
    const outline = hull(points).map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`);
    const label = tn("map.district", n, { district: name });
    const facts = { class: "district", role: "button", tabindex: 0, "data-district": name };
    const text = svg("text", { "aria-hidden": "true" });
    text.textContent = name;
    const shape = svg("path", { d: `M${outline.join("L")}Z` });
    const node = svg("g", { ...facts, "aria-label": label }, shape, text);
    node.points = points;
    return node;
  }

  /** Put each name beside its district where it hides least; where all is taken, on demand. */
  #label(areas, { width }) {
    const taken = [];
    const dots = [...this.#dots.values()].map(({ at }) => at);
    for (const area of areas) {
      const text = area.querySelector("text");
      const wide = text.getComputedTextLength() / 2 + 3;
      const spots = beside(area.points, wide, width);
      const cost = ({ x, y, far }) => {
        const over = taken.some(
          (one) => Math.abs(one.y - y) < 14 && Math.abs(one.x - x) < one.wide + wide,
        );
        const hidden = dots.filter(
          (dot) => Math.abs(dot[0] - x) < wide + 5 && Math.abs(dot[1] - y + 4) < 12,
        );
        return (over ? 1000 : 0) + 3 * hidden.length + far;
      };
      const [best] = spots.sort((one, other) => cost(one) - cost(other));
      const covered = cost(best) >= 1000;
      setAttribute(text, "x", best.x.toFixed(1));
      setAttribute(text, "y", best.y.toFixed(1));
      setAttribute(area, "data-quiet", covered ? "" : null);
      if (!covered) taken.push({ ...best, wide });
    }
  }

  #dot({ device, site, at }) {
    let dot = this.#dots.get(device.id);
    if (!dot) {
      const mark = svg("path", { class: "mark" });
      const halo = svg("circle", { class: "halo", r: 9.5 });
      const near = svg("circle", { class: "near", r: 11 });
      const facts = { class: "dot", role: "button", tabindex: -1, "data-id": device.id };
      dot = { id: device.id, mark, node: svg("g", facts, near, halo, mark) };
      this.#dots.set(device.id, dot);
    }
    Object.assign(dot, { at, site });
    setAttribute(dot.node, "transform", `translate(${at[0].toFixed(1)},${at[1].toFixed(1)})`);
    setAttribute(dot.node, "aria-current", device.id === this.#picked ? "true" : null);
    this.#fill(dot);
    return dot.node;
  }

  #fill(dot) {
    const device = this.city.devices.get(dot.id);
    const state = this.city.stateOf(device);
    setAttribute(dot.node, "data-state", state);
    setAttribute(dot.mark, "d", SHAPES[state]);
    const where = [device.name, t(`state.${state}`), dot.site.name, dot.site.district];
    setAttribute(dot.node, "aria-label", where.filter(Boolean).join(", "));
  }

  /** Only one dot is a stop for Tab; the arrow keys walk from there. */
  #walk(id) {
    const first = this.#dots.has(id) ? id : this.#dots.keys().next().value;
    this.#walker = first ?? null;
    for (const dot of this.#dots.values()) {
      setAttribute(dot.node, "tabindex", dot.id === this.#walker ? "0" : "-1");
    }
  }

  #focus({ id, district }) {
    const node = id
      ? this.#dots.get(id)?.node
      : this.svg.querySelector(`[data-district="${CSS.escape(district)}"]`);
    node?.focus({ preventScroll: true });
  }

  #look(district) {
    this.#district = district;
    this.render();
    if (district === null) this.svg.querySelector('[tabindex="0"].dot')?.focus();
    else byId("map-all").focus();
  }

  #act(target) {
    const dot = target.closest("[data-id]");
    const area = target.closest("[data-district]");
    if (dot) {
      this.#walk(dot.dataset.id);
      this.onPick(dot.dataset.id);
    } else if (area) {
      const { district } = area.dataset;
      this.#look(this.#district === district ? null : district);
    }
  }

  #onKey(event) {
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      this.#act(event.target);
    } else if (event.key === "Escape" && this.#district !== null) this.#look(null);
    const way = ARROWS[event.key];
    const from = way && this.#dots.get(event.target.closest("[data-id]")?.dataset.id);
    if (!from) return;
    event.preventDefault();
    const dots = [...this.#dots.values()];
    const found = dots[next(dots.map(({ at }) => at), from.at, way)];
    if (!found) return;
    this.#walk(found.id);
    found.node.focus({ preventScroll: true });
  }

  /** Say below the map what the pointer or the keyboard is at. */
  #tell(target) {
    const dot = this.#dots.get(target.closest("[data-id]")?.dataset.id);
    if (!dot) return;
    const device = this.city.devices.get(dot.id);
    const [main] = this.city.valuesOf(device);
    const value = main && `${seriesName(main)} ${valueText(main.value, main.unit, main.quantity)}`;
    const heard = device.heardMs ? age(now() - device.heardMs) : t("never");
    const state = t(`state.${this.city.stateOf(device)}`);
    const words = [device.name, state, dot.site.name, dot.site.district, value, heard];
    setText(byId("map-note"), words.filter(Boolean).join(" · "));
  }

  #renderNotes(placeless, some, all) {
    const keys = [...ORDER].reverse().map((state) => {
      const words = t(`state.${state}`);
      const mark = svg("path", { class: "mark", d: SHAPES[state] });
      const dot = svg("g", { class: "dot", "data-state": state }, mark);
      const facts = { class: "sign", viewBox: "-9 -9 18 18", "aria-hidden": "true" };
      return el("li", { class: "quiet" }, svg("svg", facts, dot), words);
    });
    byId("map-key").replaceChildren(...keys);
    const notes = [this.#district, tn("map.counts", all)].filter(Boolean);
    if (some < all) notes.push(t("map.many", { n: number(some), all: number(all) }));
    if (placeless > 0) notes.push(tn("map.placeless", placeless));
    setText(byId("map-count"), all ? notes.join(" · ") : t("map.empty"));
    if (!byId("map-note").textContent) setText(byId("map-note"), t("map.hint"));
  }
}

/** Return places for a name of half a width: above and below its points, middle and aside. */
function beside(points, wide, width) {
  const xs = points.map(([x]) => x);
  const ys = points.map(([, y]) => y);
  const middle = (Math.min(...xs) + Math.max(...xs)) / 2;
  const heights = [Math.min(...ys) - 20, Math.max(...ys) + 28];
  return heights.flatMap((y, below) =>
    [0, 0.5, -0.5].map((aside) => ({
      x: Math.min(Math.max(middle + aside * wide, wide), width - wide),
      y,
      far: below + 2 * Math.abs(aside),
    })),
  );
}

function svg(tag, attributes, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}
