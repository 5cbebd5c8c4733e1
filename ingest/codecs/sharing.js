// How one context serves many messages and keeps nothing of any: see ingest/codecs/sandbox.py.
// Evaluated after prelude.js, before the codec; its value is a function of the prelude's tools.
//
// The codec is a function that is called anew for each message, so that its own variables begin
// anew. All that it did not make is frozen. What it makes global becomes a property of the global
// object itself, which is empty otherwise: the language stands in its prototype.
(function (tools) {
  "use strict";
  const world = globalThis;
  const { RecvTime, inputOf, answer, thrown, whole, entryOf, moduleOf, startLog } = tools;
  const { apply, ownKeys, getPrototypeOf, setPrototypeOf, isExtensible, deleteProperty } = Reflect;
  const { defineProperty, getOwnPropertyDescriptor, freeze, create } = Object;
  const functionText = Function.prototype.toString;
  const plain = Object.prototype;

  // Returns a function that says whether a codec changed the language for itself.
  function watch() {
    const before = new Map();
    (function look(one) {
      if ((typeof one !== "object" && typeof one !== "function") || one === null) return;
      if (before.has(one)) return;
      const told = [];
      before.set(one, told);
      if (one === world) return;
      for (const name of ownKeys(one)) {
        const { value, get, set } = getOwnPropertyDescriptor(one, name);
        told[told.length] = name;
        told[told.length] = value === undefined ? get : value;
        told[told.length] = set;
        look(value);
        look(get);
        look(set);
      }
      look(getPrototypeOf(one));
    })(create(plain, Object.getOwnPropertyDescriptors(world)));
    const met = [...before];
    return function () {
      for (let i = 0; i < met.length; i++) {
        const one = met[i][0], told = met[i][1];
        if (one === world) continue;
        const names = ownKeys(one);
        if (names.length * 3 !== told.length) return false;
        for (let j = 0; j < names.length; j++) {
          const { value, get, set } = getOwnPropertyDescriptor(one, names[j]);
          if (told[3 * j] !== names[j] || told[3 * j + 2] !== set) return false;
          const now = value === undefined ? get : value;
          if (now !== told[3 * j + 1] && now === now) return false;
        }
      }
      return true;
    };
  }

  const hot = ["Math", "Number", "String", "Array", "Object", "JSON", "Date", "parseInt",
    "parseFloat", "isNaN", "isFinite", "Uint8Array", "DataView", "ArrayBuffer", "RegExp",
    "Error", "undefined", "NaN", "Infinity", "Boolean", "BigInt", "Map", "Set", "Float32Array"];
  const hotMethods = ["push", "pop", "shift", "unshift", "slice", "splice", "map", "forEach",
    "filter", "reduce", "indexOf", "join", "concat", "reverse", "length", "sort", "call", "apply", "bind"];
  let ground;

  // A frozen property can't be assigned on what inherits it. Codecs do assign some: toString on
  // an object, name and message on an error, constructor on the prototype of a function.
  function mend(holder, spared, mended) {
    for (const name of ownKeys(holder)) {
      const told = getOwnPropertyDescriptor(holder, name);
      if (typeof name === "symbol" || spared[name] || !told.configurable || !("value" in told)) {
        continue;
      }
      const { value, enumerable } = told;
      mended[mended.length] = value;
      defineProperty(holder, name, {
        get() { return value; },
        set(other) {
          if (this === holder) return;
          defineProperty(this, name, {
            value: other, writable: true, enumerable: true, configurable: true,
          });
        },
        enumerable,
        configurable: false,
      });
    }
  }

  function among(names) {
    const found = create(null);
    for (const name of names) found[name] = true;
    return found;
  }

  // Nothing that a codec can reach may be changed from now on. What it makes global becomes a
  // property of the global object itself, which is empty otherwise, so that it is seen.
  function settle() {
    const spared = among(hotMethods), hotNames = among(hot);
    const met = new Set();
    const samples = [RecvTime, function* () {}, async function () {}, async function* () {},
      (function* () {})(), (async function* () {})(), [][Symbol.iterator](),
      ""[Symbol.iterator](), "".matchAll(/a/g), new Map().entries(), new Set().entries(),
      [].values().map((one) => one), Iterator.from({ next() {} })];
    for (const one of [Object, Function, Array, Error, EvalError, RangeError, ReferenceError,
      SyntaxError, TypeError, URIError]) {
      mend(one.prototype, spared, samples);
    }
    ground = create(plain);
    for (const name of ownKeys(world)) {
      const told = getOwnPropertyDescriptor(world, name);
      defineProperty(ground, name, told);
      if (told.configurable) deleteProperty(world, name);
    }
    mend(ground, hotNames, samples);
    harden(ground, met);
    for (const one of samples) harden(one, met);
    setPrototypeOf(world, ground);
  }

  function harden(one, met) {
    if ((typeof one !== "object" && typeof one !== "function") || one === null) return;
    if (one === world || met.has(one)) return;
    met.add(one);
    freeze(one);
    harden(getPrototypeOf(one), met);
    for (const name of ownKeys(one)) {
      const told = getOwnPropertyDescriptor(one, name);
      harden(told.value, met);
      harden(told.get, met);
      harden(told.set, met);
    }
  }

  // Returns whether nothing is left of the message before; what is left can't be removed.
  function clean() {
    const left = ownKeys(world);
    if (left.length !== 3) {
      for (let i = 0; i < left.length; i++) deleteProperty(world, left[i]);
      if (ownKeys(world).length !== 3) return false;
    }
    return getPrototypeOf(world) === ground && isExtensible(world);
  }

  // `make` evaluates the codec and returns [decode, normalize] of a codec whose entry is known
  // to be at its top, else what `entryOf` wants.
  function shared(make, kind, usesModule) {
    freeze(make);
    return function (hex, port, recv, variables) {
      startLog();
      let text;
      try {
        const it = usesModule ? moduleOf() : undefined;
        const found = make();
        const entry = kind === ""
          ? entryOf(found, it && it.exports)
          : { kind, decode: found[0], normalize: found[1], owner: undefined };
        text = answer(entry, inputOf(hex, port, recv, variables));
      } catch (error) {
        text = thrown(error);
      }
      return clean() ? whole(text) : "spoiled";
    };
  }

  return function (op, a, b, c) {
    switch (op) {
      case "watch": return watch();
      case "settle": return settle();
      case "whole": return apply(functionText, a, []) === b;
      case "shared": return shared(a, b, c);
    }
  };
})
