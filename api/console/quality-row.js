/** How completely a series was told of, as cells of a table: share, count, gap, doubtful readings. */

import "./page-quality-words.js";
import { ms, now } from "./api.js";
import { el } from "./dom.js";
import { seriesName } from "./quantities.js";
import { age, number, percent, t, timeText, tn } from "./text.js";

const WHOLE = 0.9995;
const BAD = 0.9;

/** The columns that `qualityCells` fills, in order; all but the quantity's and the gap's are numbers. */
export const QUALITY_COLUMNS = [
  "quantity",
  "coverage",
  "count",
  "longest",
  "late",
  "suspect",
  "rejected",
];

/** Return the cells of an item of /v1/quality; `tag` of the first one, its quantity. */
export function qualityCells(item, tag = "td") {
  const cell = (name, text, some = false) => {
    const label = { "data-label": t(`column.${name}`) };
    return el("td", { class: `number${some ? " some" : ""}`, ...label, text });
  };
  const tally = (name) => {
    const node = cell(name, number(item[name]), item[name] > 0);
    if (item[name] === 0) node.classList.add("nothing"); // on a phone only what is there is told
    return node;
  };
  const facts = { n: number(item.count), expected: number(item.expected ?? 0) };
  const count = item.expected === null ? number(item.count) : t("quality.of", facts);
  const head = { class: "quantity", text: seriesName(item), scope: tag === "th" ? "row" : null };
  return [
    el(tag, head),
    shareCell(item, cell("coverage", "")),
    cell("count", count),
    gapCell(item),
    tally("late"),
    tally("suspect"),
    tally("rejected"),
  ];
}

function shareCell(item, cell) {
  cell.classList.add("share");
  if (item.coverage === null) {
    cell.append("–");
    return cell;
  }
  const level = item.coverage < BAD ? "bad" : item.coverage < WHOLE ? "holes" : "whole";
  const bar = el("span", {});
  bar.style.width = `${item.coverage * 100}%`;
  const meter = el("span", { class: "meter", "data-level": level, "aria-hidden": "true" }, bar);
  cell.append(el("span", {}, percent(item.coverage), meter));
  return cell;
}

function gapCell(item) {
  const label = { "data-label": t("column.longest") };
  if (!item.longest) {
    const text = item.gaps === null ? "–" : t("quality.none");
    return el("td", { class: "gap-cell nothing", ...label, text });
  }
  const [start, end] = [ms(item.longest.start), ms(item.longest.end)];
  const facts = { age: age(end - start), start: timeText(start, now()), end: timeText(end, now()) };
  const gaps = el("span", { class: "quiet", text: tn("quality.gaps", item.gaps) });
  const words = el("span", {}, t("quality.gap", facts), " · ", gaps);
  return el("td", { class: "gap-cell", ...label }, words);
}
