"""Hostile and broken JavaScript codecs end in quarantine, and the worker goes on."""

import pytest
from script_bench import Bench, uplink

from ingest.codecs.script import Answer
from ingest.errors import PayloadError

GOOD = uplink("input.bytes.length")
HOSTILE = {
    "loop": uplink("(() => { for (;;); })()"),
    "loop at load": "for (;;);",
    "recursion": "function decodeUplink(i) { return decodeUplink(i) }",
    "memory": uplink("(() => { var a = []; for (;;) a.push(new Array(1e5).fill(1)); })()"),
    "text": uplink("'x'.repeat(1e9).length"),
    "buffer": uplink("new Uint8Array(1e9).length"),
    "regular expression": uplink("/^(a+)+$/.test('a'.repeat(40) + 'b') ? 1 : 2"),
    "throws a text": "function decodeUplink() { throw 'no' }",
    "throws nothing": "function decodeUplink() { throw undefined }",
    "throws an error": "function decodeUplink() { null.x }",
    "cycle": "function decodeUplink() { var a = {}; a.a = a; return {data: a} }",
    "promise": "async function decodeUplink() { return {data: {a: 1}} }",
    "a getter": "function decodeUplink() { return {data: {get a() { throw 1 }}} }",
    "a proxy": "function decodeUplink() { return new Proxy({}, {get() { for (;;); }}) }",
    "toJSON": "function decodeUplink() { return {data: {toJSON() { for (;;); }}} }",
    "no syntax": "function decodeUplink( {",
    "no entry": "var a = 1",
    "not a function": "var decodeUplink = 7",
    "nothing": "function decodeUplink() {}",
    "a number": "function decodeUplink() { return 7 }",
    "a symbol": "function decodeUplink() { return Symbol('x') }",
    "a generator": "function* decodeUplink() { yield {data: {a: 1}} }",
    "throws null": "function decodeUplink() { throw null }",
    "throws a proxy": "function decodeUplink() { throw new Proxy({}, {get() { throw 1 }, getPrototypeOf() { throw 2 }}) }",
    "throws a trap": "function decodeUplink() { throw {get message() { for (;;); }} }",
    "throws much": "function decodeUplink() { throw new Error('x'.repeat(5e6)) }",
    "a revoked proxy": "function decodeUplink() { const p = Proxy.revocable({}, {}); p.revoke(); return {data: p.proxy} }",
    "an endless list": uplink("new Proxy([], {get: (t, k) => k === 'length' ? 1e15 : 1})"),
    "an endless view": uplink("new (class extends Uint8Array { get length() { return 1e15 } })(3)"),
    "endless errors": "function decodeUplink() { return {errors: Object.assign([], {length: 4294967295})} }",
    "endless warnings": "function decodeUplink() { const w = []; w.length = 4294967295; return {data: {}, warnings: w} }",
    "a trap in warnings": "function decodeUplink() { return {data: {}, get warnings() { throw 1 }} }",
    "toJSON that grows": "function decodeUplink() { class A { a = {toJSON() { return new A() }} } return {data: new A()} }",
    "a trap in toJSON of all": "Object.defineProperty(Object.prototype, 'toJSON', {get() { for (;;); }});"
    + uplink("1"),
    "a trap in every list": "Object.defineProperty(Array.prototype, '0', {set() { for (;;); }});"
    + uplink("[1]"),
    "a trap in console.log": "function decodeUplink() { console.log({toJSON() { for (;;); }}); return {data: {}} }",
    "endless console.log": "function decodeUplink() { for (;;) console.log('x') }",
    "NaN without end": uplink("new Array(1e5).fill(NaN)"),
    "a name of megabytes": uplink("({['k'.repeat(5e6)]: NaN})"),
    "it never gives up": "function decodeUplink() { for (;;) { try { for (;;); } catch {} finally { continue } } }",
    "memory, caught": "function decodeUplink() { const a = []; for (;;) try { for (;;) a.push({a}) } catch {} }",
    "recursion, caught": "function f() { try { f() } catch { f() } } function decodeUplink() { f(); return {data: {}} }",
    "a shared buffer": uplink("new SharedArrayBuffer(1e9).byteLength"),
    "waiting": uplink("Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)"),
    "a map that grows": uplink(
        "(() => { const m = new Map(); for (let i = 0; ; i++) m.set(i, {}) })()"
    ),
    "an iterator without end": uplink(
        "[...{[Symbol.iterator]: () => ({next: () => ({done: false})})}]"
    ),
    "BigInt": uplink("String(2n ** (2n ** 30n)).length"),
    "nested JSON": uplink("JSON.parse('['.repeat(1e6))"),
    "nested source": uplink("[" * 100_000 + "]" * 100_000),
    "nested groups": uplink("/((a{0,1000}){0,1000})*b/.test('a'.repeat(50))"),
    "a getter as its entry": "Object.defineProperty(globalThis, 'decodeUplink', {get() { for (;;); }})",
    "a trap in its module": "Object.defineProperty(module, 'exports', {get() { throw 1 }}); exports.a = 1",
    "what closes the function around it": "function decodeUplink() { return {data: {}} }}; {",
    "a file": "import * as std from 'std'; export function decodeUplink() { return {data: {x: std.loadFile('/etc/passwd')}} }",
    "the process": uplink("this.constructor.constructor('return process')().env"),
}
NATIVE = {
    "search in a huge array": uplink("Array.prototype.indexOf.call({length: 2 ** 53 - 1}, 1)"),
    "more than its time in one power": uplink("(3n ** 300000n).toString().length"),
    "a list of its own keys": "function decodeUplink() { return {data: new Proxy({}, {ownKeys: () =>"
    " Array.from({length: 1e5}, (_, i) => 'k' + i), getOwnPropertyDescriptor: () =>"
    " ({enumerable: true, configurable: true, value: 1})})} }",
    "quadratic search": uplink("'a'.repeat(4e6).indexOf('a'.repeat(2e6) + 'b')"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_each_is_refused_with_a_sentence_and_the_next_codec_runs(bench, kind):
    answer = bench.one(HOSTILE[kind])
    assert isinstance(answer, PayloadError), answer
    assert len(str(answer)) > 10
    assert bench.data(GOOD) == {"x": 3}


@pytest.mark.parametrize("kind", NATIVE)
def test_a_call_that_never_looks_at_the_clock_costs_its_own_message_only(kind):
    bench = Bench()
    try:
        before, hostile, after = bench.host.run([]), bench.one(NATIVE[kind]), bench.one(GOOD)
    finally:
        bench.host.close()
    assert before == []
    assert isinstance(hostile, PayloadError)
    assert isinstance(after, Answer)
    assert after.data == {"x": 3}


@pytest.mark.parametrize(
    "trick",
    [
        "Array.prototype.push = function () { return 666 };",
        'JSON.parse = JSON.stringify = function () { return \'{"data":{"x":666}}\' };',
        "Object.prototype.x = 666;",
        "Object.defineProperty(Object.prototype, 'data', {get() { return {x: 666} }});",
        "globalThis.Array = null; globalThis.Object = null;",
        "Math.round = function () { return 666 };",
    ],
)
def test_what_a_codec_does_to_the_language_reaches_no_other(bench, trick):
    bench.one(trick + GOOD)
    seen = "function decodeUplink(i) { var a = []; a.push(1); return {data: {x: a.length,"
    seen += " y: ({}).x === undefined, z: JSON.parse('[2]')[0], r: Math.round(1.4)}} }"
    assert bench.data(seen) == {"x": 1, "y": True, "z": 2, "r": 1}


def test_proto_in_a_result_is_only_a_name(bench):
    source = (
        'function decodeUplink() { return {data: JSON.parse(\'{"__proto__":{"a":1},"b":2}\')} }'
    )
    answer = bench.one(source)
    assert isinstance(answer, PayloadError) or answer.data["b"] == 2


def test_a_batch_with_a_hostile_message_answers_all_others_in_order(bench):
    source = (
        "function decodeUplink(i) { while (i.bytes[0] === 66); return {data: {x: i.bytes[0]}} }"
    )
    jobs = [(bytes([n]), 1) for n in (1, 66, 2, 66, 3)]
    answers = bench.jobs(source, *jobs)
    told = [one.data["x"] if isinstance(one, Answer) else None for one in answers]
    assert told == [1, None, 2, None, 3]
