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
}
NATIVE = {
    "search in a huge array": uplink("Array.prototype.indexOf.call({length: 2 ** 53 - 1}, 1)"),
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
