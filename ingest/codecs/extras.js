// What some hosts of payload codecs offer beside the language: TextDecoder, TextEncoder and the
// reading half of Buffer (ChirpStack has it). Evaluated only for a codec that names one of them.
(function () {
  "use strict";
  const HEX = "0123456789abcdef";

  function utf8(bytes, fatal) {
    let text = "";
    for (let i = 0; i < bytes.length;) {
      const first = bytes[i++];
      let more = first < 0x80 ? 0 : first < 0xc2 ? -1 : first < 0xe0 ? 1 : first < 0xf0 ? 2
        : first < 0xf5 ? 3 : -1;
      let code = more <= 0 ? first : first & (0x3f >> more);
      let low = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
      let high = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
      while (more > 0 && i < bytes.length && bytes[i] >= low && bytes[i] <= high) {
        code = (code << 6) | (bytes[i++] & 0x3f);
        low = 0x80;
        high = 0xbf;
        more--;
      }
      if (more !== 0 && fatal) throw new TypeError("The encoded data was not valid for utf-8");
      text += more === 0 ? String.fromCodePoint(code) : "\ufffd";
    }
    return text;
  }

  function utf8Bytes(text) {
    const bytes = [];
    for (const one of String(text)) {
      let code = one.codePointAt(0);
      if (code >= 0xd800 && code < 0xe000) code = 0xfffd;
      if (code < 0x80) bytes.push(code);
      else if (code < 0x800) bytes.push(0xc0 | (code >> 6), 0x80 | (code & 0x3f));
      else if (code < 0x10000) {
        bytes.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f));
      } else {
        bytes.push(0xf0 | (code >> 18), 0x80 | ((code >> 12) & 0x3f), 0x80 | ((code >> 6) & 0x3f),
          0x80 | (code & 0x3f));
      }
    }
    return bytes;
  }

  function viewOf(source) {
    if (source instanceof ArrayBuffer) return new Uint8Array(source);
    return new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
  }

  class TextEncoder {
    get encoding() { return "utf-8"; }
    encode(text = "") { return new Uint8Array(utf8Bytes(text)); }
  }

  class TextDecoder {
    #label;
    #ignoreBOM;
    #fatal;
    constructor(label = "utf-8", options = {}) {
      const name = String(label).toLowerCase();
      const known = { "utf8": "utf-8", "utf-8": "utf-8", "ascii": "windows-1252",
        "us-ascii": "windows-1252", "latin1": "windows-1252", "iso-8859-1": "windows-1252",
        "windows-1252": "windows-1252", "utf-16": "utf-16le", "utf-16le": "utf-16le" };
      if (!Object.hasOwn(known, name)) throw new RangeError("TextDecoder: no encoding " + label);
      this.#label = known[name];
      this.#ignoreBOM = Boolean(options.ignoreBOM);
      this.#fatal = Boolean(options.fatal);
    }
    get encoding() { return this.#label; }
    get fatal() { return this.#fatal; }
    decode(source) {
      if (source === undefined) return "";
      const bytes = viewOf(source);
      if (this.#label === "windows-1252") return latin1(bytes);
      const text = this.#label === "utf-8" ? utf8(bytes, this.#fatal) : utf16(bytes);
      return text[0] === "\ufeff" && !this.#ignoreBOM ? text.slice(1) : text;
    }
  }

  function latin1(bytes) {
    let text = "";
    for (let i = 0; i < bytes.length; i++) text += String.fromCharCode(bytes[i]);
    return text;
  }

  function utf16(bytes) {
    let text = "";
    for (let i = 0; i + 1 < bytes.length; i += 2) {
      text += String.fromCharCode(bytes[i] | bytes[i + 1] << 8);
    }
    return text;
  }

  function encoded(text, encoding) {
    switch (String(encoding || "utf8").toLowerCase()) {
      case "hex": {
        const clean = text.match(/^(?:[0-9a-f]{2})*/i)[0];  // Node stops at the first bad pair
        return Uint8Array.fromHex(clean);
      }
      case "base64": case "base64url":
        return Uint8Array.fromBase64(text.replace(/-/g, "+").replace(/_/g, "/"));
      case "ascii": case "latin1": case "binary":
        return Uint8Array.from(text, (one) => one.charCodeAt(0));
      case "utf8": case "utf-8":
        return new Uint8Array(utf8Bytes(text));
      default:
        throw new TypeError("Unknown encoding: " + encoding);
    }
  }

  class Buffer extends Uint8Array {
    constructor(source, encodingOrStart, length) {
      if (typeof source === "string") super(encoded(source, encodingOrStart));
      else super(source, encodingOrStart, length);
    }
    static from(source, encodingOrStart, length) {
      if (typeof source === "string" || source instanceof ArrayBuffer) {
        return new Buffer(source, encodingOrStart, length);
      }
      if (source && source.type === "Buffer" && Array.isArray(source.data)) source = source.data;
      return new Buffer(Array.prototype.slice.call(source));
    }
    static alloc(size, fill = 0) { return new Buffer(size).fill(fill); }
    static allocUnsafe(size) { return new Buffer(size); }
    static isBuffer(one) { return one instanceof Buffer; }
    static concat(list, length) {
      const size = length === undefined ? list.reduce((sum, one) => sum + one.length, 0) : length;
      const whole = new Buffer(size);
      let at = 0;
      for (const one of list) {
        if (at >= size) break;
        whole.set(one.subarray(0, size - at), at);
        at += one.length;
      }
      return whole;
    }
    static byteLength(text, encoding) { return encoded(text, encoding).length; }
    static compare(one, other) {
      for (let i = 0; i < Math.min(one.length, other.length); i++) {
        if (one[i] !== other[i]) return one[i] < other[i] ? -1 : 1;
      }
      return Math.sign(one.length - other.length);
    }
    compare(other) { return Buffer.compare(this, other); }
    slice(start, end) { return this.subarray(start, end); }
    copy(target, at = 0, start = 0, end = this.length) {
      const part = this.subarray(start, Math.min(end, start + Math.max(target.length - at, 0)));
      target.set(part, at);
      return part.length;
    }
    write(text, at = 0) {
      return Buffer.from(text).copy(this, at);
    }
    swap16() { return swapped(this, 2); }
    swap32() { return swapped(this, 4); }
    swap64() { return swapped(this, 8); }
    toString(encoding, start = 0, end = this.length) {
      const part = this.subarray(start, end);
      switch (String(encoding || "utf8").toLowerCase()) {
        case "hex": {
          let text = "";
          for (let i = 0; i < part.length; i++) text += HEX[part[i] >> 4] + HEX[part[i] & 15];
          return text;
        }
        case "base64": return btoa(latin1(part));
        case "ascii": return latin1(part.map((one) => one & 0x7f));
        case "latin1": case "binary": return latin1(part);
        case "utf8": case "utf-8": return utf8(part);
        case "utf16le": case "ucs2": return utf16(part);
        default: throw new TypeError("Unknown encoding: " + encoding);
      }
    }
    toJSON() { return { type: "Buffer", data: Array.from(this) }; }
    equals(other) { return this.length === other.length && this.every((one, i) => one === other[i]); }
    readUIntBE(at, size) {
      checkPlace(this, at, size);
      let value = 0;
      for (let i = 0; i < size; i++) value = value * 256 + this[at + i];
      return value;
    }
    readUIntLE(at, size) {
      checkPlace(this, at, size);
      let value = 0;
      for (let i = size - 1; i >= 0; i--) value = value * 256 + this[at + i];
      return value;
    }
    writeUIntBE(value, at, size) {
      checkPlace(this, at, size);
      for (let i = size - 1; i >= 0; i--, value = Math.floor(value / 256)) this[at + i] = value % 256;
      return at + size;
    }
    writeUIntLE(value, at, size) {
      checkPlace(this, at, size);
      for (let i = 0; i < size; i++, value = Math.floor(value / 256)) this[at + i] = value % 256;
      return at + size;
    }
    readIntBE(at, size) { return signed(this.readUIntBE(at, size), size); }
    readIntLE(at, size) { return signed(this.readUIntLE(at, size), size); }
  }

  function signed(value, size) {
    const whole = 2 ** (8 * size);
    return value >= whole / 2 ? value - whole : value;
  }

  function swapped(bytes, size) {
    if (bytes.length % size) throw new RangeError("Buffer size must be a multiple of " + size);
    for (let i = 0; i < bytes.length; i += size) bytes.subarray(i, i + size).reverse();
    return bytes;
  }

  function checkPlace(bytes, at, size) {
    if (!Number.isInteger(at) || at < 0 || at + size > bytes.length) {
      throw new RangeError("The value of \"offset\" is out of range: " + at);
    }
  }

  const readers = {
    UInt8: [1, "getUint8"], Int8: [1, "getInt8"],
    UInt16LE: [2, "getUint16", true], UInt16BE: [2, "getUint16", false],
    Int16LE: [2, "getInt16", true], Int16BE: [2, "getInt16", false],
    UInt32LE: [4, "getUint32", true], UInt32BE: [4, "getUint32", false],
    Int32LE: [4, "getInt32", true], Int32BE: [4, "getInt32", false],
    FloatLE: [4, "getFloat32", true], FloatBE: [4, "getFloat32", false],
    DoubleLE: [8, "getFloat64", true], DoubleBE: [8, "getFloat64", false],
    BigUInt64LE: [8, "getBigUint64", true], BigUInt64BE: [8, "getBigUint64", false],
    BigInt64LE: [8, "getBigInt64", true], BigInt64BE: [8, "getBigInt64", false],
  };
  function method(name, value) {
    Object.defineProperty(Buffer.prototype, name, {
      value, writable: true, enumerable: false, configurable: true,
    });
  }
  for (const name of Object.keys(readers)) {
    const [size, getter, little] = readers[name];
    function read(at = 0) {
      checkPlace(this, at, size);
      return new DataView(this.buffer, this.byteOffset, this.byteLength)[getter](at, little);
    }
    const setter = getter.replace("get", "set");
    function write(value, at = 0) {
      checkPlace(this, at, size);
      new DataView(this.buffer, this.byteOffset, this.byteLength)[setter](at, value, little);
      return at + size;
    }
    for (const spelled of new Set([name, name.replace("UInt", "Uint")])) {
      method("read" + spelled, read);
      method("write" + spelled, write);
    }
  }
  for (const [name, value] of [["Buffer", Buffer], ["TextDecoder", TextDecoder],
    ["TextEncoder", TextEncoder]]) {
    Object.defineProperty(globalThis, name, {
      value, writable: true, enumerable: false, configurable: true,
    });
  }
})();
