/** From a track and its anomalies to the traces and the layout that Plotly draws. */

import { isGap } from "./history.js";
import { colour, escape, faint, layoutOf, timeTicks } from "./plot.js";
import { scale } from "./quantities.js";
import { tOr } from "./text.js";

const MARKERS_MAX = 150; // with more points than this a line alone is clearer
const DOUBTFUL = new Set(["suspect", "rejected"]);
const COLOURS = { __proto__: null, spike: "warn", flatline: "warn", silence: "silence" };

/** Return {traces, layout} of a series in a range, with its anomalies marked. */
export function figure({ track, series, range, anomalies, node }) {
  const { startMs, endMs } = range;
  const near = anomalies.filter((one) => one.startMs <= endMs && (one.endMs ?? endMs) >= startMs);
  const points = track.within(startMs, endMs);
  const most = points.reduce((top, point) => Math.max(top, Math.abs(point.hi)), 0);
  const { factor, sign } = scale(series.unit, most);
  const sure = points.filter((point) => point.quality !== "rejected");
  const joined = withGaps(sure, track.everyMs);
  const traces =
    series.kind === "count" ? [bars(sure, track, factor)] : lines(sure, joined, track, factor);
  traces.push(doubtful(points, factor), marks(near, factor));
  const x = {
    ...timeTicks(startMs, endMs, node.clientWidth),
    range: [startMs, endMs],
    fixedrange: matchMedia("(pointer: coarse)").matches, // there a drag scrolls the page
    showspikes: true,
    spikemode: "across",
    spikesnap: "data",
    spikethickness: 1,
    spikedash: "solid",
    spikecolor: colour("line-strong"),
  };
  const rangemode = series.kind === "count" ? "tozero" : "normal";
  const y = { ticksuffix: sign ? ` ${sign}` : "", rangemode };
  const layout = layoutOf(node, { x, y });
  layout.hovermode = "x";
  layout.dragmode = "zoom";
  layout.shapes = near.map((anomaly) => shade(anomaly, endMs));
  return { traces, layout };
}

/** Return points with a null where two neighbours are further apart than is usual there. */
function withGaps(points, everyMs) {
  const joined = [];
  for (const [at, point] of points.entries()) {
    if (at > 0 && isGap(points, at, everyMs)) joined.push(null);
    joined.push(point);
  }
  return joined;
}

function lines(points, joined, track, factor) {
  const shape = track.kind === "state" && track.everyMs === null ? "hv" : "linear";
  const line = { color: colour("accent"), width: 1.8, shape };
  const value = {
    type: "scatter",
    mode: points.length <= MARKERS_MAX ? "lines+markers" : "lines",
    x: joined.map((point) => point?.t ?? null),
    y: joined.map((point) => (point ? point.v * factor : null)),
    line,
    marker: { size: 4.5, color: line.color },
    connectgaps: false,
    hoverinfo: "none",
  };
  const band = track.everyMs !== null && track.kind !== "register" ? bandOf(joined, factor) : [];
  return [...band, value, alone(joined, factor)];
}

/**
 * Return the area between lowest and highest, one closed patch for each stretch without a gap.
 *
 * Plotly's own fill between two traces runs across gaps, so the outline is walked by hand.
 */
function bandOf(joined, factor) {
  const [x, y] = [[], []];
  let stretch = [];
  for (const point of [...joined, null]) {
    if (point) {
      stretch.push(point);
      continue;
    }
    const back = [...stretch].reverse();
    x.push(...stretch.map((one) => one.t), ...back.map((one) => one.t), null);
    y.push(...stretch.map((one) => one.hi * factor), ...back.map((one) => one.lo * factor), null);
    stretch = [];
  }
  const fillcolor = faint("accent", 0.16);
  const line = { width: 0 };
  const look = { fill: "toself", fillcolor, line, hoverinfo: "skip" };
  return [{ type: "scatter", mode: "lines", x, y, ...look }];
}

/** Points between two gaps have no line; a dot keeps them in sight. */
function alone(joined, factor) {
  const single = joined.filter((point, at) => point && !joined[at - 1] && !joined[at + 1]);
  return {
    type: "scatter",
    mode: "markers",
    x: single.map((point) => point.t),
    y: single.map((point) => point.v * factor),
    marker: { size: 4.5, color: colour("accent") },
    hoverinfo: "none",
  };
}

function bars(points, track, factor) {
  return {
    type: "bar",
    x: points.map((point) => point.t),
    y: points.map((point) => point.v * factor),
    width: (track.everyMs ?? 60e3) * 0.9,
    marker: { color: colour("accent") },
    hoverinfo: "none",
  };
}

function doubtful(points, factor) {
  const shown = points.filter((point) => DOUBTFUL.has(point.quality));
  return {
    type: "scatter",
    mode: "markers",
    x: shown.map((point) => point.t),
    y: shown.map((point) => point.v * factor),
    marker: { symbol: "circle-open", size: 8, color: colour("warn"), line: { width: 1.5 } },
    hoverinfo: "none",
  };
}

function marks(anomalies, factor) {
  const shown = anomalies.filter((one) => typeof one.value === "number" && one.kind !== "silence");
  const words = (one) => `<b>${escape(tOr(`kind.${one.kind}`, one.kind))}</b><br>${wrap(one.text)}`;
  return {
    type: "scatter",
    mode: "markers",
    x: shown.map((one) => one.startMs),
    y: shown.map((one) => one.value * factor),
    marker: {
      symbol: "diamond",
      size: 10,
      color: shown.map((one) => colour(COLOURS[one.kind] ?? "bad")),
      line: { color: colour("panel"), width: 1.5 },
    },
    hovertext: shown.map(words),
    hoverinfo: "text",
  };
}

/** Break a sentence into lines that fit a phone. */
function wrap(text) {
  const lines = [""];
  for (const word of String(text ?? "").split(/\s+/)) {
    if (lines.at(-1).length + word.length > 44) lines.push("");
    lines[lines.length - 1] += `${lines.at(-1) ? " " : ""}${word}`;
  }
  return lines.map(escape).join("<br>");
}

function shade(anomaly, endMs) {
  const name = COLOURS[anomaly.kind] ?? "bad";
  return {
    type: "rect",
    xref: "x",
    yref: "paper",
    x0: anomaly.startMs,
    x1: anomaly.endMs ?? Math.max(endMs, anomaly.startMs),
    y0: 0,
    y1: 1,
    layer: "below",
    fillcolor: faint(name, 0.14),
    line: { width: 1, color: faint(name, 0.45) },
  };
}
