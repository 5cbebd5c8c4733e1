/** What the page knows: devices, their newest values, anomalies. No nodes here. */

import { ms, now } from "./api.js";
import { rank } from "./quantities.js";

const ANOMALIES_MAX = 500; // closed ones beyond this are forgotten, oldest first
const DEVICES_MAX = 20_000;
/** An anomaly that is over still makes its device odd for this long. */
export const ODD_FOR_MS = 15 * 60e3;

/** Return the key of a series within its device. */
export function seriesKey({ quantity, channel }) {
  return `${quantity}\u0000${channel || ""}`;
}

/** The city as it is known at this moment. */
export class City {
  devices = new Map(); // id → device with `heardMs` and `latest`, a Map of series key → reading
  anomalies = new Map(); // id → anomaly with `startMs`, `endMs`
  #byDevice = new Map(); // device id → Map of anomaly id → anomaly

  /** Take a device as the API gives it; what is already known of its values stays. */
  addDevice(item) {
    const known = this.devices.get(item.id);
    if (!known && this.devices.size >= DEVICES_MAX) return null;
    const heardMs = Math.max(ms(item.last_seen) ?? 0, known?.heardMs ?? 0);
    const device = Object.assign(known ?? { latest: new Map() }, item, { heardMs });
    device.name = item.name || item.id;
    device.model = item.model || "";
    this.devices.set(item.id, device);
    return device;
  }

  /** Take a value of /v1/latest: it replaces an older one. */
  addLatest(item) {
    const device = this.devices.get(item.device);
    if (!device) return null;
    const key = seriesKey(item);
    const timeMs = ms(item.time) ?? 0;
    const known = device.latest.get(key);
    if (known && known.timeMs > timeMs) return known;
    const value = { ...item, channel: item.channel || null, timeMs };
    device.latest.set(key, value);
    return value;
  }

  /** Take a live reading; return its device, or null if the device is not known (yet). */
  hear(reading) {
    const device = this.devices.get(reading.device);
    if (!device) return null;
    device.heardMs = now();
    this.addLatest(reading);
    return device;
  }

  /** Take an anomaly, opened, changed or ended; return {anomaly, isNew}. */
  addAnomaly(item) {
    const isNew = !this.anomalies.has(item.id);
    const endMs = ms(item.end);
    const anomaly = { ...item, channel: item.channel || null, startMs: ms(item.start) ?? 0, endMs };
    this.anomalies.set(item.id, anomaly);
    let own = this.#byDevice.get(item.device);
    if (!own) this.#byDevice.set(item.device, (own = new Map()));
    own.set(item.id, anomaly);
    if (item.kind === "silence" && endMs !== null) this.#speaksAgain(item.device);
    this.#forget();
    return { anomaly, isNew };
  }

  /** Forget an anomaly that later readings have disproved; return it, or null if unknown. */
  retract(id) {
    const anomaly = this.anomalies.get(id);
    if (!anomaly) return null;
    this.anomalies.delete(id);
    this.#byDevice.get(anomaly.device)?.delete(id);
    if (anomaly.kind === "silence") this.#speaksAgain(anomaly.device);
    return anomaly;
  }

  #speaksAgain(id) {
    const device = this.devices.get(id);
    if (device) device.silent = false; // an open silence, if another is left, still counts
  }

  #forget() {
    if (this.anomalies.size <= ANOMALIES_MAX * 1.2) return;
    const closed = this.newestAnomalies().filter((anomaly) => anomaly.endMs !== null);
    for (const anomaly of closed.slice(ANOMALIES_MAX)) {
      this.anomalies.delete(anomaly.id);
      this.#byDevice.get(anomaly.device)?.delete(anomaly.id);
    }
  }

  /** Return all anomalies, newest first. */
  newestAnomalies() {
    return [...this.anomalies.values()].sort((a, b) => b.startMs - a.startMs);
  }

  /** Return the anomalies of a device. */
  anomaliesOf(id) {
    return [...(this.#byDevice.get(id)?.values() ?? [])];
  }

  /** Return "silent", "odd" or "up". */
  stateOf(device) {
    const own = this.#byDevice.get(device.id);
    let odd = false;
    for (const anomaly of own?.values() ?? []) {
      if (anomaly.kind === "silence") {
        if (anomaly.endMs === null) return "silent";
      } else if (anomaly.endMs === null || now() - anomaly.endMs < ODD_FOR_MS) odd = true;
    }
    if (device.silent) return "silent";
    return odd ? "odd" : "up";
  }

  /** Return a device's newest values, the most telling first. */
  valuesOf(device) {
    return [...device.latest.values()].sort(
      (a, b) =>
        rank(a.quantity) - rank(b.quantity) ||
        String(a.quantity).localeCompare(String(b.quantity)) ||
        String(a.channel ?? "").localeCompare(String(b.channel ?? "")),
    );
  }
}
