// How the answer of a payload codec is read: from whatever it returns or throws to JSON.
// Evaluated first in every context of ingest/codecs/sandbox.py; its value is the reader's tools.
//
// Trap: a codec may replace everything that it can reach (Array.prototype.push, JSON.parse, a
// getter on Object.prototype). After it ran, this file and its neighbours use only what they
// captured before, build text by +=, and read own elements; they call no method by its name.
(function () {
  "use strict";
  const Moment = Date, Thing = Object;
  const { apply, getPrototypeOf } = Reflect;
  const { keys, values } = Object;
  const { stringify, parse } = JSON;
  const { isArray } = Array;
  const { isView } = ArrayBuffer;
  const { slice } = String.prototype;
  const toText = String, toNumber = Number, toBig = BigInt;
  const toBoolean = Boolean.prototype.valueOf, toBigInt = BigInt.prototype.valueOf;
  const plain = Object.prototype, promise = Promise, dataView = DataView;
  const boxedNumber = Number, boxedString = String, boxedBoolean = Boolean, boxedBigInt = BigInt;

  const DEPTH_MAX = 64;
  const TEXT_MAX = 1 << 20;
  const NOTES_MAX = 1 << 14;
  const WHOLE_MIN = 256;

  let log = "";

  function startLog() {
    log = "";
  }

  // Keeps a line that the codec wrote with console.log; what is too much is dropped.
  function write(written) {
    if (log.length > NOTES_MAX) return;
    let line = "";
    for (let i = 0; i < written.length; i++) {
      const one = written[i];
      let text;
      try {
        text = typeof one === "object" && one !== null ? jsonOf(one) || toText(one) : toText(one);
      } catch {
        text = "(unreadable)";
      }
      line += (i ? " " : "") + text;
    }
    log += (log ? "," : "") + stringify(apply(slice, line, [0, 500]));
  }

  // ---- How an answer becomes JSON

  // Says whether JSON.stringify writes the value as it is: plain objects and lists of texts,
  // booleans and ordinary numbers. Most answers are that, and the engine writes them fast.
  function ordinary(value, depth) {
    if (depth > DEPTH_MAX) return false;
    let list = value;
    if (!isArray(value)) {
      const kind = getPrototypeOf(value);
      if ((kind !== plain && kind !== null) || value.toJSON !== undefined) return false;
      list = values(value);
    }
    const count = list.length;
    for (let i = 0; i < count; i++) {
      const one = list[i];
      switch (typeof one) {
        case "number":
          if (one - one === 0 && (one !== 0 || 1 / one > 0)) continue;
          return false;
        case "string":
        case "boolean":
        case "undefined":
          continue;
        case "object":
          if (one === null || ordinary(one, depth + 1)) continue;
          return false;
        default:
          return false;
      }
    }
    return true;
  }

  class Refusal {
    constructor(text) { this.text = text; }
  }
  delete Refusal.prototype.constructor;
  const refusal = Refusal.prototype;

  let notes = "";

  function note(text) {
    if (notes.length < NOTES_MAX) notes += (notes ? "," : "") + stringify(text);
  }

  // Returns the JSON text of anything, or undefined for what JSON leaves out. What no JSON can
  // hold (NaN, Infinity, an invalid Date) is left out and noted.
  function rewrite(value, path, key, depth) {
    if (depth > DEPTH_MAX) {
      throw new Refusal("its answer is nested more than " + DEPTH_MAX + " deep, or holds itself"
        + " (at " + apply(slice, path, [0, 60]) + "…)");
    }
    const type = typeof value;
    if ((type === "object" && value !== null) || type === "bigint") {
      const own = value.toJSON;
      if (typeof own === "function") {
        const json = apply(own, value, [key]);
        if (json === null && value instanceof Moment) {
          note(path + " is an invalid date; it is left out");
          return undefined;
        }
        value = json;
      }
    }
    if (typeof value === "object" && value !== null) value = unboxed(value);
    switch (typeof value) {
      case "number":
        if (value - value === 0) return value === 0 && 1 / value < 0 ? "-0.0" : "" + value;
        note(path + " is " + value + "; it is left out");
        return undefined;
      case "string":
        return stringify(value);
      case "boolean":
        return value ? "true" : "false";
      case "bigint": {
        const near = toNumber(value);
        return near - near === 0 && toBig(near) === value ? "" + value : '"' + value + '"';
      }
      case "object":
        break;
      default:
        return undefined;
    }
    if (value === null) return "null";
    if (value instanceof promise) throw new Refusal("it answers with a promise, not with a value");
    let text = "";
    if (isArray(value) || (isView(value) && !(value instanceof dataView))) {
      for (let i = 0; i < value.length; i++) {
        const part = rewrite(value[i], path + "[" + i + "]", "" + i, depth + 1);
        text += (i ? "," : "") + (part === undefined ? "null" : part);
        checkLength(text);
      }
      return "[" + text + "]";
    }
    const names = keys(value);
    for (let i = 0; i < names.length; i++) {
      const name = names[i];
      const part = rewrite(value[name], path ? path + "." + name : name, name, depth + 1);
      if (part === undefined) continue;
      text += (text ? "," : "") + stringify(name) + ":" + part;
      checkLength(text);
    }
    return "{" + text + "}";
  }

  function unboxed(value) {
    if (value instanceof boxedNumber) return toNumber(value);
    if (value instanceof boxedString) return toText(value);
    if (value instanceof boxedBoolean) return apply(toBoolean, value, []);
    if (value instanceof boxedBigInt) return apply(toBigInt, value, []);
    return value;
  }

  function checkLength(text) {
    if (text.length > TEXT_MAX) throw new Refusal("its answer is longer than 1 MiB of JSON");
  }

  // Returns the JSON text of a value, or undefined where JSON has none for it.
  function jsonOf(value) {
    const text = typeof value === "object" && value !== null && ordinary(value, 0)
      ? stringify(value) : rewrite(value, "", "", 0);
    if (text !== undefined) checkLength(text);
    return text;
  }

  // ---- What an answer means

  // Returns errors or warnings as the inside of a JSON list of strings.
  function sentences(told) {
    if (told === undefined || told === null || told === "" || told === false) return "";
    if (!isArray(told)) {
      const text = sentence(told);
      return text === "{}" ? "" : stringify(text);
    }
    let text = "";
    for (let i = 0; i < told.length && text.length < NOTES_MAX; i++) {
      const one = told[i];
      if (one === undefined || one === null) continue;
      text += (text ? "," : "") + stringify(sentence(one));
    }
    return text;
  }

  function sentence(told) {
    let text;
    if (typeof told === "object" && told !== null) {
      const message = told.message;
      text = typeof message === "string" ? message : jsonOf(told);
    } else {
      text = toText(told);
    }
    return apply(slice, "" + text, [0, 500]);
  }

  function thrown(error) {
    let text;
    try {
      if (getPrototypeOf(Thing(error)) === refusal) {
        return '{"failed":' + stringify(error.text) + "}";
      }
      text = typeof error === "object" && error !== null && typeof error.message === "string"
        ? (typeof error.name === "string" && error.name ? error.name + ": " : "") + error.message
        : "the thrown value " + (typeof error === "object" ? jsonOf(error) : toText(error))
          + (error === null ? ", as when memory runs out" : "");
      text = apply(slice, "" + text, [0, 500]);
    } catch {
      text = "it throws something that can't be read";
    }
    return '{"thrown":' + stringify(text) + "}";
  }

  // A list is numbered from 1, so that every part keeps a name of its own.
  function objectOf(text, value) {
    if (text === undefined || text === "null") throw new Refusal("it returns no data");
    if (text[0] === "{") return text;
    if (text[0] !== "[") throw new Refusal("its data is no object but " + apply(slice, text, [0, 60]));
    const list = parse(text);
    let numbered = "";
    for (let i = 0; i < list.length; i++) {
      numbered += (i ? "," : "") + '"' + (i + 1) + '":' + jsonOf(list[i]);
    }
    return "{" + numbered + "}";
  }

  function outcome(result) {
    if (result instanceof promise) throw new Refusal("it answers with a promise, not with a value");
    if (typeof result !== "object" || result === null) {
      let kind = result === null ? "null" : typeof result;
      if (kind === "string") kind = "the text " + stringify(apply(slice, result, [0, 100]));
      throw new Refusal("it returns " + kind + ", not an object with data");
    }
    return result;
  }

  // A function of an exported object may call its neighbours by `this`; one at the top has none.
  function called(entry, method, input) {
    return entry.owner === undefined ? method(input) : apply(method, entry.owner, [input]);
  }

  function answer(entry, input) {
    notes = "";
    const { decode, normalize } = entry;
    let warnings = "", data;
    if (entry.kind === "decodeUplink") {
      const result = outcome(called(entry, decode, input));
      const errors = sentences(result.errors);
      if (errors) return '{"refused":[' + errors + "]}";
      warnings = sentences(result.warnings);
      data = objectOf(jsonOf(result.data), result.data);
    } else {
      const { bytes, fPort, variables } = input;
      const result = entry.kind === "Decode"
        ? decode(fPort, bytes, variables)
        : decode(bytes, fPort, { port: fPort, variables });
      data = objectOf(jsonOf(outcome(result)), result);
    }
    let normalized = "";
    if (normalize) {
      try {
        const result = outcome(called(entry, normalize, { data: parse(data) }));
        const errors = sentences(result.errors);
        if (errors) {
          note("normalizeUplink refused: " + errors);
        } else {
          const more = sentences(result.warnings);
          if (more) warnings += (warnings ? "," : "") + more;
          normalized = normalizedOf(jsonOf(result.data));
        }
      } catch (error) {
        const text = parse(thrown(error));
        note("normalizeUplink failed: " + (text.failed || text.thrown));
      }
    }
    if (notes) warnings += (warnings ? "," : "") + notes;
    return '{"data":' + data + (normalized ? ',"normalized":' + normalized : "")
      + (warnings ? ',"warnings":[' + warnings + "]" : "")
      + (log ? ',"log":[' + log + "]" : "") + "}";
  }

  // The engine keeps a long text that was put together as a tree of its parts, which its Python
  // binding can't take; to cut it makes it one piece.
  function whole(text) {
    return text.length < WHOLE_MIN ? text : apply(slice, text, [0]);
  }

  function normalizedOf(text) {
    if (text === undefined || text === "null") return "";
    if (text[0] === "{") return "[" + text + "]";
    const list = text[0] === "[" ? parse(text) : [0];
    for (let i = 0; i < list.length; i++) {
      if (typeof list[i] !== "object" || list[i] === null || isArray(list[i])) {
        throw new Refusal("its data is neither an object nor a list of objects");
      }
    }
    return text;
  }

  return { answer, thrown, whole, startLog, write };
})()
