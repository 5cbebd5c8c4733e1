/** The console: wires what is fetched and what comes live to what is shown. */

import { Anomalies } from "./anomalies.js";
import { collect } from "./api.js";
import { Chart } from "./chart.js";
import { City } from "./city.js";
import { Devices } from "./devices.js";
import { byId, setText } from "./dom.js";
import { Header } from "./header.js";
import { Live } from "./live.js";
import { CityMap } from "./map.js";
import { rank } from "./quantities.js";
import { Quarantine } from "./quarantine.js";
import { startShell } from "./shell.js";
import { t, ZONE } from "./text.js";

const REFRESH_MS = 60_000; // the feed tells nearly all; this heals whatever it missed
const NEWCOMER_MS = 1500;
const RETRY_MS = 5000;
const PHONE = "(max-width: 760px)";

const city = new City();
const quarantine = new Quarantine();
const header = new Header({ onCounters: (counters) => quarantine.counted(counters.quarantined) });
const devices = new Devices(city, {
  onPick: pickDevice,
  onRetry: () => refresh(),
  onOrder: () => map.render(),
});
const map = new CityMap(city, {
  matching: () => devices.matching(),
  onPick: pickDevice,
  onView: (view) => keep({ view }),
});
const anomalies = new Anomalies(city, { onPick: pickAnomaly });
const chart = new Chart(city, { onChange: remember });

let picked = null;
let newcomers = null;
let retry = null;
let framed = false;

/** Fetch devices, newest values and anomalies; what is on the screen stays until they are here. */
async function refresh() {
  try {
    const found = await collect("v1/devices");
    for (const item of found.items) city.addDevice(item);
    if (picked === null) devices.loaded(); // at the first time, names before values
    const latest = await collect("v1/latest");
    for (const item of latest.items) city.addLatest(item);
    devices.loaded();
  } catch (error) {
    devices.loaded(error);
    clearTimeout(retry);
    retry = setTimeout(refresh, RETRY_MS);
  }
  await Promise.all([anomalies.load(), loadSites()]);
  devices.render();
  if (picked === null) pickFirst();
}

/** Sites are what people told the catalog; without them there is a list and no map. */
async function loadSites() {
  try {
    const { items } = await collect("v1/sites");
    map.take(items);
  } catch (error) {
    console.info(`v1/sites: ${error.message}`); // the map stays as it is until the next try
  }
}

function pickFirst() {
  const wanted = new URLSearchParams(location.hash.slice(1));
  chart.presetSpan(wanted.get("span"));
  const id = wanted.get("device");
  if (id && city.devices.has(id)) {
    const series = { quantity: wanted.get("quantity"), channel: wanted.get("channel") };
    show(id, () => chart.pick(id, series));
    return;
  }
  const order = ["up", "odd", "silent"];
  const weigh = (device) => {
    const leading = Math.min(...[...device.latest.values()].map((one) => rank(one.quantity)));
    return { device, weight: order.indexOf(city.stateOf(device)) * 10_000 + leading };
  };
  const [first] = [...city.devices.values()]
    .filter((device) => device.latest.size > 0)
    .map(weigh)
    .sort((a, b) => a.weight - b.weight || a.device.name.localeCompare(b.device.name))
    .map(({ device }) => device);
  if (first) show(first.id, () => chart.pick(first.id));
}

function show(id, draw) {
  picked = id;
  devices.mark(id);
  map.mark(id);
  draw();
}

function pickDevice(id) {
  show(id, () => chart.pick(id));
  revealChart();
}

function pickAnomaly(anomaly) {
  if (!city.devices.has(anomaly.device)) return;
  show(anomaly.device, () => chart.lookAt(anomaly));
  revealChart();
}

/** On a phone the chart is off the screen when something is picked. */
function revealChart() {
  if (!matchMedia(PHONE).matches) return;
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  byId("chart-panel").scrollIntoView({ behavior: still ? "auto" : "smooth" });
}

/** Keep what is picked in the address, so that a link or a reload shows the same. */
function remember({ device, series, span }) {
  keep({ device, quantity: series?.quantity, channel: series?.channel, span });
}

function keep(changes) {
  const facts = { ...Object.fromEntries(new URLSearchParams(location.hash.slice(1))), ...changes };
  const parts = Object.entries(facts).filter(([, value]) => value);
  history.replaceState(null, "", `#${new URLSearchParams(parts)}`);
}

/** Show what came with the next frame: fifty readings a second are still one drawing a frame. */
function request() {
  if (framed) return;
  framed = true;
  requestAnimationFrame(() => {
    framed = false;
    devices.flush();
    map.flush();
    anomalies.flush();
    chart.flush();
  });
}

function touch(id) {
  devices.touch(id);
  map.touch(id);
}

function onReading(reading) {
  if (!city.hear(reading)) {
    // A device that is not known yet: fetch the list once things calm down.
    newcomers ??= setTimeout(() => {
      newcomers = null;
      refresh();
    }, NEWCOMER_MS);
    return;
  }
  touch(reading.device);
  chart.hear(reading);
  request();
}

function onAnomaly(item) {
  anomalies.take(city.addAnomaly(item));
  touch(item.device);
  chart.touch();
  request();
}

function onRetracted({ id }) {
  const anomaly = city.retract(id);
  if (!anomaly) return;
  anomalies.drop();
  touch(anomaly.device);
  chart.touch();
  request();
}

function onDevice(item) {
  const isNew = !city.devices.has(item.id);
  city.addDevice(item);
  touch(item.id);
  if (isNew) devices.loaded();
  request();
}

/** The feed skipped something: the store has it all, so ask there. */
function onGap({ dropped }) {
  if (dropped) header.showGap(dropped);
  chart.reload();
}

async function onAgain() {
  await refresh();
  header.readCounters();
  quarantine.load();
  chart.reload();
}

function render() {
  setText(byId("zone"), t("footer", { zone: ZONE }));
  for (const part of [header, devices, map, anomalies, quarantine, chart]) part.render();
}

function tick() {
  for (const part of [devices, map, anomalies, chart]) part.tick();
}

function start() {
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => chart.render());
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input, textarea, select");
    if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    byId("search").focus();
  });
  startShell("live", render);
  header.start();
  map.show(new URLSearchParams(location.hash.slice(1)).get("view") === "map");
  refresh();
  quarantine.load();
  const on = {
    reading: onReading,
    anomaly: onAnomaly,
    retracted: onRetracted,
    counters: (counters) => header.takeCounters(counters),
    gap: onGap,
    device: onDevice,
  };
  const onState = (state, since) => header.showLive(state, since);
  new Live({ path: "v1/live", on, onState, onAgain }).start();
  setInterval(tick, 1000);
  setInterval(refresh, REFRESH_MS);
}

start();
