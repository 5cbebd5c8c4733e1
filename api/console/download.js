/** Files for people: a table out of the API, a chart as a picture, each with a telling name. */

import { ApiError } from "./api.js";
import { loadPlotly } from "./plot.js";
import { t } from "./text.js";

/** Save what a path of the API answers as a file of this name; throws ApiError. */
export async function saveTable(path, name) {
  const response = await fetch(path, { cache: "no-store" }).catch(() => {
    throw new ApiError(t("error.network"), 0);
  });
  if (!response.ok) {
    const facts = { status: response.status, detail: response.statusText };
    throw new ApiError(t("error.status", facts), response.status);
  }
  // The server names every table after its path, so the name is given here.
  saveBlob(await response.blob(), name);
}

/** Save a table that the page has made itself. */
export function saveText(text, name) {
  saveBlob(new Blob([text], { type: "text/csv" }), name);
}

function saveBlob(blob, name) {
  const href = URL.createObjectURL(blob);
  const link = document.createElement("a");
  Object.assign(link, { href, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(href), 60e3);
}

/** Save a drawn chart as a PNG of this name, without its ending. */
export async function savePicture(node, name) {
  const plotly = await loadPlotly();
  const size = { width: 1200, height: 600 };
  await plotly.downloadImage(node, { ...size, format: "png", filename: name });
}
