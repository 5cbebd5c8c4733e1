"""JavaScript codecs: errors are told, and no state passes from one message to the next."""

import re

import pytest
from script_bench import RECV, uplink

from ingest.codecs.script import Answer, Job, Script, ScriptHost, checked, loaded
from ingest.errors import PayloadError

REFUSED = {
    "return {errors: ['invalid FPort', 'x']}": "invalid FPort; x",
    "return {errors: 'unknown frame'}": "unknown frame",
    "return {data: {a: 1}, errors: [{message: 'bad sum', code: 3}]}": "bad sum",
    "return {errors: [{code: 3}]}": '{"code":3}',
}


@pytest.mark.parametrize("body", REFUSED)
def test_the_makers_errors_are_passed_on(bench, body):
    """In the maker's own words."""
    error = bench.one(f"function decodeUplink(input) {{ {body} }}")
    assert isinstance(error, PayloadError)
    assert re.match(r"codec codec\d+ refused the payload: expected .*, found ", str(error))
    assert str(error).endswith(REFUSED[body])


EMPTY = {
    "return": "it returns undefined, not an object with data",
    "return {}": "it returns no data",
    "return {data: null}": "it returns no data",
    "return {data: undefined, errors: []}": "it returns no data",
    "return {data: 5}": "its data is no object but 5",
    "return 'Decoder: TypeError'": 'it returns the text "Decoder: TypeError", not an object with data',
    "return {data: NaN}": "it returns no data",
}


@pytest.mark.parametrize("body", EMPTY)
def test_no_data_is_an_error(bench, body):
    """Nothing is taken for a measurement that isn't one."""
    error = bench.one(f"function decodeUplink(input) {{ {body} }}")
    assert isinstance(error, PayloadError)
    assert str(error).endswith(EMPTY[body])


def test_empty_errors_are_none(bench):
    """Codecs return all three lists, always."""
    source = "function decodeUplink() { return {data: {a: 1}, errors: [], warnings: []} }"
    assert bench.one(source) == Answer({"a": 1}, [], [], [])
    assert bench.data("function decodeUplink() { return {data: {}, errors: null} }") == {}


STATE = {
    "let": "let n = 0; function decodeUplink() { return {data: {n: ++n}} }",
    "var": "var n = 0; function decodeUplink() { return {data: {n: ++n}} }",
    "an object": "const s = {n: 0}; function decodeUplink() { return {data: {n: ++s.n}} }",
    "a function": "function decodeUplink() { decodeUplink.n = (decodeUplink.n || 0) + 1;"
    " return {data: {n: decodeUplink.n}} }",
    "an implicit global": "function decodeUplink() { n = typeof n === 'undefined' ? 1 : n + 1;"
    " return {data: {n: n}} }",
    "globalThis": "function decodeUplink() { globalThis.n = (globalThis.n || 0) + 1;"
    " return {data: {n: globalThis.n}} }",
    "a fixed global": "function decodeUplink() { let n = 1; if ('n' in this) n = this.n + 1; else"
    " Object.defineProperty(this, 'n', {value: 1}); return {data: {n}} }",
    "a symbol": "const s = Symbol.for('n'); function decodeUplink() { this[s] = (this[s] || 0) + 1;"
    " return {data: {n: this[s]}} }",
    "a prototype": "function decodeUplink() { const p = Array['proto' + 'type'];"
    " try { p.n = (p.n || 0) + 1 } catch {} return {data: {n: [].n || 1}} }",
    "Object.prototype": "function decodeUplink() { const p = Object.getPrototypeOf({});"
    " p.n = (p.n || 0) + 1; return {data: {n: ({}).n || 1}} }",
    "a built-in function": "const f = parseInt; function decodeUplink() { f.n = (f.n || 0) + 1;"
    " return {data: {n: f.n || 1}} }",
    "Math": "const m = Math; function decodeUplink() { m.n = (m.n || 0) + 1; return {data: {n: m.n || 1}} }",
    "console": "function decodeUplink() { console.n = (console.n || 0) + 1;"
    " return {data: {n: console.n || 1}} }",
    "the global's prototype": "function decodeUplink() {"
    " const p = Object.getPrototypeOf(globalThis); let n = 1;"
    " if (p.n) n = p.n + 1; else Object['set' + 'PrototypeOf'](globalThis, {n, __pro: p});"
    " return {data: {n}} }",
    "a closed global": "function decodeUplink() { const n = Object.isExtensible(globalThis) ? 1 : 2;"
    " Object.preventExtensions(globalThis); return {data: {n}} }",
    "arguments of the top": "var f; try { f = arguments.callee } catch (e) { f = {} }"
    " function decodeUplink() { f.n = (f.n || 0) + 1; return {data: {n: f.n}} }",
    "the module": "module.n = (module.n || 0) + 1; exports.n = 1;"
    " function decodeUplink() { return {data: {n: module.n}} }",
    "the time's prototype": "function decodeUplink(i) { const p = Object.getPrototypeOf(i.recvTime);"
    " p.n = (p.n || 0) + 1; return {data: {n: p.n || 1}} }",
    "a wrapped iterator": "function decodeUplink() {"
    " const p = Object.getPrototypeOf(Iterator.from({next() {}})); p.n = (p.n || 0) + 1;"
    " return {data: {n: Iterator.from({next() {}}).n || 1}} }",
    "a template": "const seen = new WeakMap(); const t = (s) => s;"
    " function decodeUplink() { const k = t`a`; seen.set(k, (seen.get(k) || 0) + 1);"
    " return {data: {n: seen.get(k)}} }",
    "a promise": "var n = 0; function decodeUplink() { Promise.resolve().then(() => { n++ });"
    " return {data: {n: n + 1}} }",
    "a polyfill with state": "var n = 0; Array.prototype.next = function () { return ++n };"
    " function decodeUplink() { return {data: {n: [].next()}} }",
    "eval": "function decodeUplink() { (0, eval)('var n = (typeof n === \"number\" ? n : 0) + 1');"
    " return {data: {n: globalThis.n}} }",
    "a regular expression": "const r = /a/g; function decodeUplink() { r.test('aa');"
    " return {data: {n: r.lastIndex}} }",
    "a bound built-in": "const b = [].push.bind([]); function decodeUplink() { return {data: {n: b(1)}} }",
    "the time limit hook": "function decodeUplink() { const n = Error.stackTraceLimit === 7 ? 2 : 1;"
    " Error['stackTrace' + 'Limit'] = 7; return {data: {n}} }",
}  # fmt: skip


@pytest.mark.parametrize("place", STATE)
def test_no_state_passes_from_one_message_to_the_next(bench, place):
    """Wherever a codec counts, every message is its first."""
    answers = bench.jobs(STATE[place], *[(b"", 1)] * 4)
    assert [getattr(answer, "data", str(answer)) for answer in answers] == [{"n": 1}] * 4


OWN_WAYS = {
    "a polyfill": "if (!String.prototype.half) { String.prototype.half = function () {"
    " return this.slice(0, this.length / 2) } }\n" + uplink("'abcd'.half()"),
    "a polyfill in a strict script": "'use strict'; Array.prototype.half = function () { return 'ab' };"
    + uplink("[].half()"),
    "a changed built-in": "Number.prototype.toFixed = function () { return 'ab' };" + uplink("(1).toFixed(3)"),
    "a change in the call": "function decodeUplink() { Math.round = () => 'ab';"
    " return {data: {x: Math.round(1.5)}} }",
    "a change by assign": "Object.assign(Array.prototype, {half() { return 'ab' }});" + uplink("[].half()"),
    "a function by its name": "function half() { return 'ab' } function decodeUplink(i) {"
    " return {data: {x: this['ha' + 'lf']()}} }",
    "a function of globalThis": "function half() { return 'ab' }" + uplink("globalThis.half()"),
    "a function of this": "function half() { return 'ab' } function decodeUplink(i) {"
    " return {data: {x: this.half()}} }",
    "eval": "var a = 'a'; function decodeUplink() { return {data: {x: eval('a + \"b\"')}} }",
    "new Function": "var a = 'a';" + uplink("new Function('return a + \"b\"')()"),
    "__proto__": "function A() {} A.prototype.half = () => 'ab'; var o = {}; o.__proto__ = A.prototype;"
    + uplink("o.half()"),
}  # fmt: skip


@pytest.mark.parametrize("way", OWN_WAYS)
def test_codecs_that_change_the_language_run_as_they_are(bench, way):
    """They cost a context for each message, and are right."""
    answers = bench.jobs(OWN_WAYS[way], (b"", 1), (b"", 1))
    assert [getattr(answer, "data", str(answer)) for answer in answers] == [{"x": "ab"}] * 2


def test_what_a_codec_writes_is_kept(bench):
    """For the command that tests codecs; it is bounded."""
    answer = bench.one(
        "function decodeUplink(i) { console.log('bytes', i.bytes, {a: 1}); console.error(NaN);"
        " for (let n = 0; n < 200; n++) console.warn('x'.repeat(1000)); return {data: {}} }"
    )
    assert answer.log[:2] == ['bytes [1,2,3] {"a":1}', "NaN"]
    assert sum(map(len, answer.log)) < 20_000


def test_jobs_are_answered_in_their_order(bench):
    """Over many scripts, good and bad, in one call."""
    host = ScriptHost(
        {
            "a": Script("a", "function Decoder(b, p) { return {a: p} }"),
            "b": Script(
                "b", "function Decoder(b, p) { if (p % 7 === 0) throw 'no'; return {b: p} }"
            ),
        }
    )
    jobs = [
        Job("ab"[n % 2] if n % 5 else "none", bytes(n % 50), n % 223 + 1, RECV) for n in range(1000)
    ]
    try:
        found = host.run(jobs)
    finally:
        host.close()
    for job, one in zip(jobs, found, strict=True):
        if job.script == "none" or (job.script == "b" and job.f_port % 7 == 0):
            assert isinstance(one, PayloadError)
        else:
            assert one.data == {job.script: job.f_port}


def test_payloads_of_any_length_and_byte(bench):
    """Every byte arrives as a number from 0 to 255; what is too long is refused."""
    source = "function Decoder(b) { return {n: b.length, s: b.reduce((x, y) => x + y, 0), m: Math.max(...b.slice(0, 300))} }"
    every = bytes(range(256))
    assert bench.data(source, every) == {"n": 256, "s": sum(every), "m": 255}
    assert bench.data(source, every * 100)["s"] == 100 * sum(every)
    assert isinstance(bench.one(source, bytes(1 << 17)), PayloadError)


def test_scripts_of_a_folder(tmp_path):
    """Every NAME.js, and nothing else."""
    (tmp_path / "acme.js").write_text("function Decoder() { return {} }", encoding="utf-8")
    (tmp_path / "old.js").write_bytes(b"// gr\xfc\xdfe\nfunction Decoder() { return {} }")
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "dir.js").mkdir()
    found = loaded(tmp_path)
    assert list(found) == ["acme", "old"]
    assert found["acme"] == Script("acme", "function Decoder() { return {} }")
    assert loaded(tmp_path / "none") == {}


def test_checked_says_what_a_script_offers():
    """And what it lacks, with the line of a slip."""
    assert checked("a", "function Decoder(b, p) {}") == "Decoder"
    both = "function decodeUplink() {} function normalizeUplink() {}"
    assert checked("a", both) == "decodeUplink and normalizeUplink"
    for name, source, words in (
        ("a", "function decode(b) {}", "no decodeUplink"),
        ("a", "module.exports = {codec: {decodeUplink() {}}}", "no decodeUplink"),
        ("a", "module.exports = nothing", "nothing is not defined"),
        ("a", "\n\nfunction Decoder(b {}", r"SyntaxError.*line 3"),
        ("a", "nothing.here", "ReferenceError"),
        ("a", "for (;;);", "not done within 500 ms"),
        ("../a", "function Decoder(b, p) {}", "codec name"),
    ):
        with pytest.raises(PayloadError, match=words):
            checked(name, source)
