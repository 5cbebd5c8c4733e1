/** The page of the API: every route of openapi.json with its parameters, to read and to try. */

import { byId, el } from "./dom.js";

const SHOWN_MAX = 20_000; // letters of an answer
const STREAM = "text/event-stream";
const STREAM_MS = 5000; // a stream is shown for so long

/** Return a sentence as nodes: what stands between backticks is code. */
function sentence(text) {
  return text
    .split("`")
    .map((part, at) => (at % 2 ? el("code", { text: part }) : document.createTextNode(part)));
}

function paragraphs(text) {
  return (text ?? "")
    .trim()
    .split(/\n\s*\n/)
    .filter(Boolean)
    .map((one) => el("p", {}, ...sentence(one.replace(/\s+/g, " "))));
}

/** Return the schema itself, where it is only named. */
function resolved(schema, all) {
  const name = schema?.$ref?.split("/").at(-1);
  return name ? all[name] : (schema ?? {});
}

/** Return how a parameter is written, and what may stand there. */
function typeOf(schema, all) {
  const kinds = (schema.anyOf ?? [schema])
    .map((one) => resolved(one, all))
    .filter((one) => one.type !== "null");
  const choices = kinds.flatMap((one) => one.enum ?? []);
  const number = kinds.find((one) => one.type === "integer");
  const range = number && [number.minimum, number.maximum].filter((one) => one !== undefined);
  return { type: kinds[0]?.type ?? "string", choices, range: range?.join(" … ") };
}

function fieldFor(parameter, all) {
  const { name, required, schema = {}, description = "" } = parameter;
  const { type, choices, range } = typeOf(schema, all);
  const example = schema.examples?.[0] ?? schema.anyOf?.[0]?.examples?.[0];
  const offered = type === "boolean" ? ["true", "false"] : choices;
  const attributes = { name, "data-in": parameter.in, required, "aria-label": name };
  const input = offered.length
    ? el("select", attributes, ...["", ...offered].map((one) => el("option", { text: one })))
    : el("input", { ...attributes, placeholder: example ?? "", autocomplete: "off" });
  const facts = [description, range, schema.default !== undefined && schema.default !== null
    ? `${schema.default} if left out`
    : ""];
  return el(
    "label",
    { class: "parameter" },
    el("code", { class: required ? "must" : "", text: name }),
    input,
    el("span", { class: "quiet" }, ...sentence(facts.filter(Boolean).join("; "))),
  );
}

/** Return the address that a form asks for. */
function addressOf(path, form) {
  const query = new URLSearchParams();
  let filled = path.replace(/^\//, "");
  for (const field of form.elements) {
    if (!field.name || field.value === "") continue;
    if (field.dataset.in === "path") {
      filled = filled.replace(`{${field.name}}`, encodeURIComponent(field.value));
    } else query.set(field.name, field.value);
  }
  return query.size ? `${filled}?${query}` : filled;
}

/** Show an answer: JSON laid out, a stream for some seconds, anything else as it is. */
async function ask(method, address, shown) {
  shown.hidden = false;
  shown.textContent = "…";
  shown.removeAttribute("data-wrong");
  const limit = new AbortController();
  try {
    const response = await fetch(address, { method, signal: limit.signal, cache: "no-store" });
    if (!response.ok) shown.setAttribute("data-wrong", "");
    const kind = response.headers.get("content-type") ?? "";
    if (kind.startsWith(STREAM)) return await follow(response, shown, limit);
    const text = await response.text();
    const laid = /json/.test(kind) ? JSON.stringify(JSON.parse(text), null, 2) : text;
    show(shown, laid);
  } catch (error) {
    if (error.name === "AbortError") return;
    shown.setAttribute("data-wrong", "");
    shown.textContent = `No answer: ${error.message}`;
  }
}

async function follow(response, shown, limit) {
  setTimeout(() => limit.abort(), STREAM_MS);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    text += value;
    show(shown, text);
  }
}

function show(node, text) {
  const more = text.length - SHOWN_MAX;
  node.textContent = more > 0 ? `${text.slice(0, SHOWN_MAX)}\n… and ${more} letters more` : text;
}

/** Return the example of a successful answer as text, if the document has one. */
function exampleOf(operation, all) {
  const [[kind, content]] = Object.entries(operation.responses["200"]?.content ?? { "": {} });
  const schema = resolved(content.schema, all);
  const found = content.example ?? schema.examples?.[0];
  if (found === undefined) return null;
  return kind === "application/json" ? JSON.stringify(found, null, 2) : String(found);
}

function routeOf(method, path, operation, all) {
  const answer = el("pre", { tabindex: 0, hidden: true });
  // What changes something is no link: it is asked by the button alone.
  const link = el(method === "get" ? "a" : "code", { target: "_blank", rel: "noopener" });
  const fields = (operation.parameters ?? []).map((one) => fieldFor(one, all));
  const [first = "", ...rest] = paragraphs(operation.description);
  const form = el(
    "form",
    {},
    el("div", { class: "said" }, ...rest),
    el("div", { class: "parameters" }, ...fields),
    el("p", { class: "asks" }, el("button", { text: "Ask" }), link),
    answer,
  );
  const retell = () => {
    link.textContent = link.href = addressOf(path, form);
  };
  form.addEventListener("input", retell);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    ask(method.toUpperCase(), addressOf(path, form), answer);
  });
  const example = exampleOf(operation, all);
  if (example) form.append(el("h3", { text: "Example" }), el("pre", { tabindex: 0, text: example }));
  retell();
  const told = el("span", { class: "quiet" }, ...(first ? first.childNodes : []));
  const head = el("summary", {}, el("code", { text: `${method.toUpperCase()} ${path}` }), told);
  const id = method === "get" ? path : `${method}:${path}`;
  return el("details", { class: "panel route", id }, head, form);
}

async function start() {
  const state = byId("routes-state");
  try {
    const document_ = await (await fetch("openapi.json")).json();
    const all = document_.components?.schemas ?? {};
    byId("title").textContent = `API of version ${document_.info.version}`;
    byId("about").append(...paragraphs(document_.info.description));
    const groups = new Map();
    for (const [path, operations] of Object.entries(document_.paths)) {
      for (const [method, operation] of Object.entries(operations)) {
        const tag = operation.tags?.[0] ?? "other";
        if (!groups.has(tag)) groups.set(tag, []);
        groups.get(tag).push(routeOf(method, path, operation, all));
      }
    }
    for (const [tag, routes] of groups) {
      byId("routes").append(el("section", {}, el("h2", { text: tag }), ...routes));
    }
    state.hidden = true;
    const wanted = document.getElementById(location.hash.slice(1));
    if (wanted) wanted.open = true;
  } catch (error) {
    state.className = "state state-error";
    state.textContent = `openapi.json could not be read: ${error.message}`;
  }
}

start();
