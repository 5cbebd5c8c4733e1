"""JavaScript codecs: every style that is seen in the field runs as it is."""

import math

import pytest
from script_bench import ENTRIES, RECV, RESULT, uplink

from ingest.codecs.script import Answer


@pytest.mark.parametrize("style", ENTRIES)
def test_an_entry_is_found_in_every_style(bench, style):
    """The same codec, as makers and network servers write it."""
    source = ENTRIES[style].replace("INPUT", RESULT.replace("i.", "input."))
    answers = bench.jobs(source.replace("RESULT", RESULT), (b"\x01\x02\x03", 85), (b"", 1))
    assert [answer.data for answer in answers] == [{"n": 3, "p": 85}, {"n": 0, "p": 1}]


LANGUAGE = {
    "optional chaining": ("input?.nothing?.at ?? 'none'", "none"),
    "BigInt": ("BigInt.asIntN(64, 0xffffffffffffffffn) - 1n", -2),
    "class": ("new (class { #a = 4; static b = 5; get sum() { return this.#a } })().sum", 4),
    "generator": ("[...(function* () { yield 1; yield* [2, 3] })()]", [1, 2, 3]),
    "lookbehind": ("'T=21.5C'.match(/(?<=T=)[\\d.]+/)[0]", "21.5"),
    "named groups": ("'3V6'.replace(/(?<a>\\d)V(?<b>\\d)/, '$<a>.$<b>')", "3.6"),
    "DataView": ("new DataView(new Uint8Array([0x41, 0xac, 0, 0]).buffer).getFloat32(0)", 21.5),
    "Int16Array": ("new Int16Array(new Uint8Array(input.bytes.slice(0, 2)).buffer)[0]", 0x0201),
    "octal": ("010 + 0o10", 16),
    "callee": ("(function (n) { return n < 2 ? 1 : n * arguments.callee(n - 1) })(5)", 120),
    "with": ("(function () { with ({a: 3}) { return a } })()", 3),
    "umlauts": ("'Grüße ° µ 😀'", "Grüße ° µ 😀"),
    "fromCharCode": ("String.fromCharCode.apply(null, [72, 105])", "Hi"),
    "escape": ("decodeURIComponent(escape('\\xc3\\xbc'))", "ü"),
    "hex": ("input.bytes.map(b => ('0' + b.toString(16)).slice(-2)).join('')", "010203"),
    "base64": ("btoa('abc') + atob('YWJj')", "YWJjabc"),
    "TextDecoder": ("new TextDecoder('utf-8').decode(new Uint8Array([0xc3, 0xbc, 0x41]))", "üA"),
    "Buffer": ("Buffer.from(input.bytes).readUInt16BE(1) + Buffer.from('ü').toString('hex')", "515c3bc"),
    "TextDecoder of UTF-16": ("new TextDecoder('utf-16le').decode(Uint8Array.of(0x41, 0, 0xe4, 0))", "Aä"),
    "a strict TextDecoder": (
        "(() => { try { new TextDecoder('utf-8', {fatal: true}).decode(Uint8Array.of(255)) } catch (e) { return e.name } })()",
        "TypeError",
    ),
    "new Buffer": ("new Buffer('01ff', 'hex').readUInt16BE(0) + new Buffer([1]).length + new Buffer(2).length", 514),
    "Buffer.write": (
        "(() => { const b = Buffer.alloc(8); b.writeUIntBE(0x010203, 0, 3); b.writeUIntLE(0x0405, 3, 2);"
        " b.write('AB', 5); return b.toString('hex') })()",
        "0102030504414200",
    ),
    "Buffer.copy": (
        "(() => { const b = Buffer.alloc(4), n = Buffer.from([1, 2, 3, 4]).swap16().copy(b, 1);"
        " return b.toString('hex') + n + Buffer.compare(b, Buffer.from([1])) })()",
        "000201043-1",
    ),
    "require of util": ("new (require('util').TextDecoder)().decode(Uint8Array.of(65))", "A"),
    "require of buffer": ('require("node:buffer").Buffer.from(input.bytes).readUInt8(2)', 3),
    "own call": ("(() => { function F() {} F.call = 5; F.bind = 6; return F.call + F.bind })()", 11),
    "own push": (
        "(() => { function L() {} L.prototype = []; L.prototype.push = () => 'mine'; return new L().push(1) })()",
        "mine",
    ),
    "own global Date": ("(() => { globalThis.Date = class { static now() { return 7 } }; return Date.now() })()", 7),
    "toFixed": ("(1.005).toFixed(2) + ' ' + parseFloat((21.456).toFixed(1))", "1.00 21.5"),
    "sort": ("[10, 9, 1].sort() + '' + [10, 9, 1].sort((a, b) => a - b)", "1,10,91,9,10"),
    "real array": ("[Array.isArray(input.bytes), input.bytes.constructor === Array] + ''", "true,true"),
    "splice": ("[input.bytes.splice(0, 2), input.bytes]", [[1, 2], [3]]),
    "date parts": ("new Date(2023, 0, 1, 12).toISOString()", "2023-01-01T12:00:00.000Z"),
    "time zone": ("new Date().getTimezoneOffset()", 0),
    "own toString": ("(() => { var o = {}; o.toString = () => 'mine'; return '' + o })()", "mine"),
    "own name": ("(() => { var e = new Error('a'); e.name = 'E'; e.message = 'b'; return '' + e })()", "E: b"),
    "own constructor": (
        "(() => { function A() {} function B() {} B.prototype = Object.create(A.prototype);"
        " B.prototype.constructor = B; return new B().constructor === B })()",
        True,
    ),
    "own valueOf": ("(() => { 'use strict'; const o = {}; o.valueOf = () => 7; return o * 2 })()", 14),
    "own find": ("(() => { const a = []; a.find = 3; a.values = 4; return a.find + a.values })()", 7),
    "own hasOwnProperty": ("(() => { const o = {}; o.hasOwnProperty = 1; return Object.keys(o) })()", ["hasOwnProperty"]),
    "error class": (
        "(() => { class E extends Error { constructor(m) { super(m); this.name = 'E' } }"
        " try { throw new E('x') } catch (e) { return e.name + e.message + (e instanceof E) } })()",
        "Extrue",
    ),
    "an implicit global": ("(function () { total = 4; return total })()", 4),
    "a global named like a host's": ("(function () { performance = 4; return performance })()", 4),
    "console": ("typeof console.log(1)", "undefined"),
    "console for trees": ("[console.dir({}), console.table([1]), console.group('a'), console.groupEnd()].length", 4),
    "console for tests": ("[console.assert(true), console.time('a'), console.timeEnd('a')].length", 3),
}  # fmt: skip


@pytest.mark.parametrize("feature", LANGUAGE)
def test_the_language_is_whole(bench, feature):
    """In a context that serves many messages as in one of its own."""
    expression, expected = LANGUAGE[feature]
    assert bench.data(uplink(expression)) == {"x": expected}
    alone = f"Array.prototype.unused = 1; {uplink(expression)}"
    assert bench.data(alone) == {"x": expected}


VALUES = {
    "9007199254740993n": "9007199254740993",
    "9007199254740992n": 9007199254740992,
    "-5n": -5,
    "10n ** 400n": "1" + 400 * "0",
    "9007199254740991": 9007199254740991,
    "0.1 + 0.2": 0.30000000000000004,
    "1e21": 1e21,
    "5e-324": 5e-324,
    "1.7976931348623157e308": 1.7976931348623157e308,
    "123456.789e-3": 123.456789,
    "new Date(0)": "1970-01-01T00:00:00.000Z",
    "new Uint8Array([1, 2])": [1, 2],
    "new Float32Array([0.5])": [0.5],
    "[1, undefined, () => 1, null]": [1, None, None, None],
    "Object(3)": 3,
    "Object('a')": "a",
    "Object(false)": False,
    "({ a: undefined, b: () => 1, c: Symbol('s'), d: 1 })": {"d": 1},
    "({ toJSON() { return 'own' } })": "own",
    "new (class A { constructor() { this.a = 1 } })": {"a": 1},
    "Object.assign(Object.create(null), { a: 1 })": {"a": 1},
    "JSON.parse('{\"__proto__\": 1}')": {"__proto__": 1},
    "'\\ud83d'": "\ufffd",
    "'a\\u0000b\\u2028'": "a\u0000b\u2028",
    "true": True,
    "null": None,
}


@pytest.mark.parametrize("expression", VALUES)
def test_values_come_out_exactly(bench, expression):
    """Numbers keep their last bit, and what JSON does not know becomes what a person expects."""
    found = bench.data(uplink(expression))["x"]
    expected = VALUES[expression]
    assert found == expected
    assert type(found) is type(expected) or isinstance(found, float)


def test_minus_zero_stays(bench):
    """A sign that some codecs mean."""
    found = bench.data(uplink("[-0, 0]"))["x"]
    assert [math.copysign(1, one) for one in found] == [-1, 1]


def test_what_is_no_number_is_left_out_and_noted(bench):
    """NaN and Infinity can't be stored; the rest of the message can."""
    answer = bench.one(
        "function decodeUplink(input) { return { data: { t: NaN, deep: { list: [1, -Infinity] },"
        " when: new Date(NaN), ok: 1 }, warnings: ['old firmware'] } }"
    )
    assert answer.data == {"deep": {"list": [1, None]}, "ok": 1}
    assert answer.warnings == [
        "old firmware",
        "t is NaN; it is left out",
        "deep.list[1] is -Infinity; it is left out",
        "when is an invalid date; it is left out",
    ]


RECV_TIME = {
    "input.recvTime": RECV,
    "{ date: input.recvTime }.date": RECV,
    "String(input.recvTime)": RECV,
    "'' + input.recvTime": RECV,
    "`${input.recvTime}`": RECV,
    "JSON.parse(JSON.stringify(input)).recvTime": RECV,
    "input.recvTime.toString()": RECV,
    "input.recvTime.split('T')[0]": "2023-07-19",
    "input.recvTime.slice(0, 4)": "2023",
    "input.recvTime.substring(11, 19)": "07:51:25",
    "input.recvTime.replace('Z', '+00:00')": RECV.replace("Z", "+00:00"),
    "input.recvTime.indexOf('T')": 10,
    "input.recvTime.endsWith('Z')": True,
    "input.recvTime.length": len(RECV),
    "input.recvTime.getTime()": 1689753085508,
    "input.recvTime.toISOString()": "2023-07-19T07:51:25.508Z",
    "new Date(input.recvTime).getTime()": 1689753085508,
    "new Date(input.recvTime)": "2023-07-19T07:51:25.508Z",
    "new Date(input.recvTime - 1000)": "2023-07-19T07:51:24.508Z",
    "new Date(Date.parse(input.recvTime))": "2023-07-19T07:51:25.508Z",
    "new Date(+input.recvTime + 1)": "2023-07-19T07:51:25.509Z",
    "input.recvTime instanceof Date": True,
    "Object.prototype.toString.call(input.recvTime)": "[object Date]",
    "(input.recvTime.setSeconds(0), input.recvTime)": "2023-07-19T07:51:00.508Z",
    "(input.recvTime = 5, input.recvTime)": 5,
    "Object.keys(input).join()": "bytes,fPort,recvTime,variables",
}


@pytest.mark.parametrize("expression", RECV_TIME)
def test_the_time_of_reception_is_a_date_and_keeps_its_nanoseconds(bench, expression):
    """Whoever computes has a Date; whoever passes it on has the network's text."""
    body = expression if not expression.startswith("{") else f"({expression[:-5]}).date"
    assert bench.data(uplink(body))["x"] == RECV_TIME[expression]


def test_a_time_that_was_not_told_is_undefined(bench):
    """Never a made-up one."""
    assert bench.data(uplink("typeof input.recvTime"), b"", 1, "") == {"x": "undefined"}


def test_variables_reach_the_codec(bench):
    """ChirpStack's device variables, in both of its interfaces."""
    variables = {"offset": "3", "__proto__": "x"}
    old = "function Decode(fPort, bytes, variables) { return variables }"
    assert bench.data(uplink("input.variables.offset"), b"", 1, RECV, variables) == {"x": "3"}
    assert bench.data(old, b"", 1, RECV, variables) == variables


def test_normalized_forms(bench):
    """An object, a list, none, and one that fails without costing the data."""
    decode = (
        "function decodeUplink(i) { return {data: {t: 21, when: i.recvTime}, warnings: ['w']} }\n"
    )
    one = bench.one(decode + "function normalizeUplink(i) { return {data: {air: {t: i.data.t}}} }")
    assert one == Answer({"t": 21, "when": RECV}, [{"air": {"t": 21}}], ["w"], [])
    many = bench.one(
        decode + "const normalizeUplink = (i) =>"
        " ({data: [{time: i.data.when}, {t: typeof i.data.when}], warnings: ['n']})"
    )
    assert many.normalized == [{"time": RECV}, {"t": "string"}]
    assert many.warnings == ["w", "n"]
    failing = bench.one(decode + "function normalizeUplink(i) { return i.data.no.such }")
    assert (failing.data["t"], failing.normalized) == (21, [])
    assert "normalizeUplink failed: TypeError" in failing.warnings[1]
    refusing = bench.one(decode + "function normalizeUplink(i) { return {errors: ['no']} }")
    assert refusing.warnings == ["w", 'normalizeUplink refused: "no"']
    exported = bench.one(
        "exports.decodeUplink = () => ({data: {}}); exports.normalizeUplink = () => ({data: {a: 1}})"
    )
    assert exported.normalized == [{"a": 1}]


def test_a_list_of_data_is_numbered(bench):
    """Each part keeps a name of its own."""
    source = "function decodeUplink() { return {data: [{t: 1}, {t: NaN}, 3]} }"
    assert bench.data(source) == {"1": {"t": 1}, "2": {}, "3": 3}
    assert bench.data("function Decoder() { return [{t: -0}] }") == {"1": {"t": 0}}
