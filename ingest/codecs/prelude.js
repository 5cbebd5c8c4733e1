// The ground on which a payload codec stands: what it is given, and how its entry is found.
// Evaluated after answer.js and before the codec; its value is a function of the reader's tools.
(function (tools) {
  "use strict";
  const world = globalThis;
  const List = Array;
  const { answer, thrown, whole, startLog, write } = tools;
  const { apply, ownKeys } = Reflect;
  const { defineProperty, keys } = Object;
  const { stringify, parse } = JSON;
  const { of: listOf } = Array;
  const { fromHex } = Uint8Array;
  const { getTime, toISOString } = Date.prototype;
  const { slice } = String.prototype;
  const functionText = Function.prototype.toString;

  const ARGUMENTS_MAX = 20000;

  // ---- What a codec finds around it

  function provide(name, value) {
    defineProperty(world, name, { value, writable: true, enumerable: false, configurable: true });
  }

  const speaker = {};
  for (const name of ["log", "info", "warn", "error", "debug", "trace", "dir", "table", "group"]) {
    speaker[name] = { [name]() { write(arguments); } }[name];
  }
  for (const name of ["groupEnd", "time", "timeEnd", "timeLog", "count", "assert"]) {
    speaker[name] = { [name]() {} }[name];
  }
  provide("console", speaker);
  provide("self", world);
  // Clocks and hooks that are no part of the language; the last two would keep state.
  for (const name of ["performance", "queueMicrotask", "DOMException"]) delete world[name];
  delete Error.stackTraceLimit;
  delete Error.prepareStackTrace;

  // The moment of reception. It is a Date to whoever computes with it, and the network's own
  // text, to the last nanosecond, to whoever reads it.
  let recvText;
  class RecvTime extends Date {
    #text;
    #at;
    static {
      recvText = (time) => {
        const at = apply(getTime, time, []);
        const same = at === time.#at || at !== at;  // a setter of Date may have moved it
        return same ? time.#text : apply(toISOString, time, []);
      };
    }
    constructor(text) {
      super(text);
      this.#text = text;
      this.#at = apply(getTime, this, []);
    }
    get length() { return recvText(this).length; }
    toString() { return recvText(this); }
    toJSON() { return recvText(this); }
    [Symbol.toPrimitive](hint) {
      return hint === "number" ? apply(getTime, this, []) : recvText(this);
    }
  }
  for (const name of ownKeys(String.prototype)) {
    const method = String.prototype[name];
    if (typeof name === "string" && typeof method === "function" && !(name in Date.prototype)) {
      defineProperty(RecvTime.prototype, name, {
        value() { return apply(method, recvText(this), arguments); },
        writable: true, enumerable: false, configurable: true,
      });
    }
  }
  defineProperty(RecvTime.prototype, "constructor", { value: Date });

  function inputOf(hex, port, recv, variables) {
    const raw = fromHex(hex);
    let bytes;
    if (raw.length <= ARGUMENTS_MAX) {
      bytes = apply(listOf, List, raw);
    } else {
      bytes = [];
      for (let i = 0; i < raw.length; i++) bytes[i] = raw[i];
    }
    let time, told = recv === "";
    return {
      bytes,
      fPort: port,
      get recvTime() {
        if (!told) {
          told = true;
          time = new RecvTime(recv);
        }
        return time;
      },
      set recvTime(other) {
        told = true;
        time = other;
      },
      variables: variables === "" ? {} : parse(variables),
    };
  }

  // ---- Which function of a codec to call

  function isCallable(one) {
    // A class can't be called; some codecs name one Decoder.
    return typeof one === "function" && apply(slice, apply(functionText, one, []), [0, 5]) !== "class";
  }

  const KINDS = ["decodeUplink", "Decoder", "Decode"];

  // Returns {kind, decode, normalize, place, owner} or undefined; place "top" is the codec's own scope.
  function entryOf(found, exported) {
    const places = [found, exported, undefined];
    if (typeof exported === "object" && exported !== null) places[2] = exported.default;
    for (let i = 0; i < KINDS.length; i++) {
      const kind = KINDS[i];
      for (let j = 0; j < places.length; j++) {
        const place = places[j];
        if (place === undefined || place === null || !isCallable(place[kind])) continue;
        const normalize = place.normalizeUplink || found.normalizeUplink;
        return {
          kind, decode: place[kind], place: j ? "exports" : "top", owner: j ? place : undefined,
          normalize: isCallable(normalize) ? normalize : undefined,
        };
      }
    }
    for (let j = 1; j < places.length; j++) {  // module.exports = function (input) {…}
      const decode = places[j];
      if (!isCallable(decode)) continue;
      const kind = decode.name === "Decoder" || decode.name === "Decode" ? decode.name : KINDS[0];
      return { kind, decode, place: "exports", owner: undefined, normalize: undefined };
    }
    return undefined;
  }

  function moduleOf() {
    const it = { exports: {}, parent: {}, id: "codec" };
    world.module = it;
    world.exports = it.exports;
    return it;
  }

  // ---- One message, one context: the codec was evaluated as it is, at the top

  function single(entry) {
    return function (hex, port, recv, variables) {
      startLog();
      try {
        return whole(answer(entry, inputOf(hex, port, recv, variables)));
      } catch (error) {
        return whole(thrown(error));
      }
    };
  }

  // Returns what a codec offers, as JSON, or "" where it offers nothing.
  function told(entry, unchanged) {
    if (!entry) return "";
    const names = keys(world);
    let globals = "";
    for (let i = 0; i < names.length; i++) globals += (i ? "," : "") + stringify(names[i]);
    return whole('{"kind":"' + entry.kind + '","place":"' + entry.place + '","normalize":'
      + (entry.normalize !== undefined) + ',"unchanged":' + unchanged()
      + ',"globals":[' + globals + "]}");
  }

  return function host(op, a, b) {
    switch (op) {
      case "tools":
        return { RecvTime, inputOf, answer, thrown, whole, entryOf, moduleOf, startLog };
      case "module": return moduleOf();
      case "entry": return entryOf(a, b === null ? undefined : b.exports);
      case "told": return told(a, b);
      case "single": return single(a);
    }
  };
})
