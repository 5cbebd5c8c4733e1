/** Asking the server: JSON in, problem details (RFC 9457) turned into sentences. */

import { t } from "./text.js";

const PAGES_MAX = 40; // a collection is followed this far; what asks for more is told so
let aheadMs = 0; // how far the server's clock is ahead of ours

/** An answer that did not come, with a sentence for the operator. */
export class ApiError extends Error {
  /** `status` is 0 when there was no answer at all. */
  constructor(message, status) {
    super(message);
    this.name = "ApiError";
    this.status = status;
  }
}

/** Return the time now, in ms, by the server's clock: a wrong desk clock must not age devices. */
export function now() {
  return Date.now() + aheadMs;
}

function learnClock(response) {
  const stated = Date.parse(response.headers.get("date") ?? "");
  if (!Number.isFinite(stated)) return;
  const ahead = stated + 500 - Date.now(); // the header is cut to whole seconds
  aheadMs = Math.abs(ahead) > 2500 ? ahead : 0;
}

function address(path, query) {
  const parts = Object.entries(query).filter(([, value]) => value !== null && value !== undefined);
  const search = new URLSearchParams(parts).toString();
  return search ? `${path}?${search}` : path;
}

/** Return the JSON at a path, or throw ApiError; a signal that aborts throws its AbortError. */
export async function get(path, query = {}, signal = undefined) {
  return ask(path, query, { signal });
}

/** Have something done, with a JSON body if there is one; return the answer, or throw ApiError. */
export async function post(path, query = {}, body = undefined) {
  if (body === undefined) return ask(path, query, { method: "POST" });
  const headers = { "Content-Type": "application/json" };
  return ask(path, query, { method: "POST", headers, body: JSON.stringify(body) });
}

async function ask(path, query, options) {
  let response;
  try {
    const headers = { Accept: "application/json", ...options.headers };
    response = await fetch(address(path, query), { ...options, headers, cache: "no-store" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(t("error.network"), 0);
  }
  learnClock(response);
  if (response.status === 401 && !location.pathname.endsWith("/login")) {
    location.assign(`login?next=${encodeURIComponent(location.href)}`);
  }
  if (!response.ok) throw new ApiError(await problem(response), response.status);
  try {
    return await response.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(t("error.shape", { path }), response.status);
  }
}

async function problem(response) {
  let detail = response.statusText;
  try {
    const body = await response.json();
    if (typeof body.detail === "string") detail = body.detail;
    else if (typeof body.title === "string") detail = body.title;
  } catch {
    // A proxy's HTML page: its status says enough.
  }
  return t("error.status", { status: response.status, detail });
}

/**
 * Return {items, complete} of a collection, following `next` for at most `pages` pages.
 *
 * complete is false when there would have been more.
 */
export async function collect(path, query = {}, { signal, pages = PAGES_MAX } = {}) {
  const items = [];
  let cursor = null;
  for (let page = 0; page < pages; page += 1) {
    const answer = await get(path, { ...query, cursor }, signal);
    items.push(...(answer.items ?? []));
    cursor = answer.next ?? null;
    if (cursor === null) return { items, complete: true };
  }
  return { items, complete: false };
}

/** Return a time (ms) as the API wants it: RFC 3339 in UTC. */
export function rfc3339(ms) {
  return new Date(ms).toISOString();
}

/** Return an RFC 3339 time in ms, null for null; nanoseconds beyond the ms are cut. */
export function ms(time) {
  if (time === null || time === undefined) return null;
  const found = Date.parse(time);
  return Number.isFinite(found) ? found : null;
}
