/** The points of one series on the screen: fetched for a span, then continued by the live feed. */

import { collect, ms, rfc3339 } from "./api.js";

const MINUTE = 60e3;
const RAW_MS_MAX = 61 * MINUTE; // up to this width single readings, beyond it windows
const LEAD_MS = 15 * MINUTE; // fetched before the span, so that a slow device's line comes in
const POINTS_MAX = 20_000;
const GAP_FACTOR = 3.5; // a hole this many usual distances wide is a gap, and is not bridged
const BESIDE = 5; // steps on each side that say what is usual
const STEPS = [
  [26 * 60 * MINUTE, "1m", MINUTE],
  [10 * 24 * 60 * MINUTE, "15m", 15 * MINUTE],
  [Infinity, "1h", 60 * MINUTE],
];

/**
 * Fetch a series in [startMs, endMs) and return its Track.
 *
 * Short spans show every reading; long ones, counts, and series too dense for that show windows.
 */
export async function load(series, { startMs, endMs }, signal) {
  const { device, quantity, channel } = series;
  const width = endMs - startMs;
  const query = { device, quantity, channel: channel || null, end: rfc3339(endMs) };
  if (width <= RAW_MS_MAX && series.kind !== "count") {
    query.start = rfc3339(startMs - LEAD_MS);
    const { items, complete } = await collect("v1/readings", { ...query, limit: 1000 }, { signal });
    if (complete) return Track.ofReadings(own(items, channel), series.kind);
  }
  const [, every, everyMs] = STEPS.find(([widest]) => width <= widest);
  query.start = rfc3339(Math.floor((startMs - LEAD_MS) / everyMs) * everyMs);
  const { items } = await collect("v1/windows", { ...query, every }, { signal });
  return Track.ofWindows(own(items, channel), series.kind, everyMs);
}

function own(items, channel) {
  return items.filter((item) => (item.channel || "") === (channel || ""));
}

/**
 * Points {t, v, lo, hi, n, quality} in order of time: t in ms, v in the series' unit.
 *
 * everyMs is null for single readings; for windows, v is their mean (gauge, state), their last
 * value (register) or their sum (count), and t their middle (register: their end).
 */
export class Track {
  constructor(points, kind, everyMs) {
    this.points = points.sort((a, b) => a.t - b.t);
    this.kind = kind;
    this.everyMs = everyMs;
  }

  static ofReadings(items, kind) {
    const points = items.map((item) => reading(ms(item.time), item.value, item.quality));
    return new Track(points.filter((point) => point.t !== null), kind, null);
  }

  static ofWindows(items, kind, everyMs) {
    const points = items
      .filter((item) => item.count > 0)
      .map((item) => {
        const [start, n] = [ms(item.start), item.count];
        const facts = { start, n, sum: item.mean * n, lo: item.min, hi: item.max, last: item.last };
        return settle({ ...facts, quality: "measured" }, kind, everyMs);
      });
    return new Track(points, kind, everyMs);
  }

  /** Take a live reading; `seenMs` is the newest time that the fetched windows hold already. */
  add(timeMs, value, quality, seenMs) {
    if (typeof value !== "number" || timeMs === null) return;
    if (this.everyMs !== null) {
      if (timeMs > seenMs && quality !== "rejected") this.#fold(timeMs, value);
      return;
    }
    const at = this.#place(timeMs);
    const same = this.points[at - 1]?.t === timeMs; // one instant has one value: the last said
    this.points.splice(same ? at - 1 : at, same ? 1 : 0, reading(timeMs, value, quality));
    if (this.points.length > POINTS_MAX) this.points.splice(0, this.points.length - POINTS_MAX);
  }

  #place(timeMs) {
    let at = this.points.length;
    while (at > 0 && this.points[at - 1].t > timeMs) at -= 1; // late ones are rare and near
    return at;
  }

  #fold(timeMs, value) {
    const start = Math.floor(timeMs / this.everyMs) * this.everyMs;
    let point = this.points.findLast((candidate) => candidate.start <= start);
    if (point?.start !== start) {
      point = { start, n: 0, sum: 0, lo: value, hi: value, quality: "measured" };
      const at = this.points.findLastIndex((candidate) => candidate.start < start);
      this.points.splice(at + 1, 0, point);
    }
    point.n += 1;
    point.sum += value;
    point.lo = Math.min(point.lo, value);
    point.hi = Math.max(point.hi, value);
    point.last = value;
    settle(point, this.kind, this.everyMs);
  }

  /** Forget what lies before a time. */
  prune(beforeMs) {
    let gone = 0;
    while (gone < this.points.length && this.points[gone].t < beforeMs) gone += 1;
    if (gone > 100) this.points.splice(0, gone);
  }

  /** Return the points in [startMs, endMs] and one beside each end. */
  within(startMs, endMs) {
    const from = this.points.findIndex((point) => point.t >= startMs);
    if (from < 0) return this.points.slice(-1);
    const to = this.points.findLastIndex((point) => point.t <= endMs);
    return this.points.slice(Math.max(0, from - 1), to + 2);
  }

  /** Return the point nearest to a time, or null. */
  nearest(timeMs) {
    let best = null;
    for (const point of this.points) {
      if (!best || Math.abs(point.t - timeMs) < Math.abs(best.t - timeMs)) best = point;
    }
    return best;
  }
}

/**
 * Return whether points[at] is too far from the one before to be joined to it.
 *
 * What is usual is judged on both sides of the hole, since a device may change its rhythm.
 */
export function isGap(points, at, everyMs) {
  const before = usualStep(points, at - BESIDE, at);
  const usual = Math.max(before, usualStep(points, at + 1, at + 1 + BESIDE));
  const most = Math.max(GAP_FACTOR * usual, 1.5 * (everyMs ?? 0), 5000);
  return usual > 0 && points[at].t - points[at - 1].t > most;
}

/** Return the median of the steps that end at points[from] … points[to - 1], 0 without any. */
function usualStep(points, from, to) {
  const steps = [];
  for (let at = Math.max(from, 1); at < Math.min(to, points.length); at += 1) {
    steps.push(points[at].t - points[at - 1].t);
  }
  steps.sort((a, b) => a - b);
  return steps[Math.floor(steps.length / 2)] ?? 0;
}

function reading(t, v, quality) {
  return { t, v, lo: v, hi: v, n: 1, quality };
}

function settle(point, kind, everyMs) {
  const mean = point.sum / point.n;
  point.v = kind === "register" ? point.last : kind === "count" ? point.sum : mean;
  point.t = point.start + (kind === "register" ? everyMs : everyMs / 2);
  return point;
}
