"""JavaScript codecs in every style that is seen in the field, and a host to run them."""

from ingest.codecs.script import Answer, Job, Script, ScriptHost

RECV = "2023-07-19T07:51:25.508306410Z"


class Bench:
    """A host to which a test adds scripts as it goes."""

    def __init__(self):
        self.scripts = {}
        self.host = ScriptHost({})

    def jobs(self, source, *jobs):
        name = f"codec{len(self.scripts)}"
        self.scripts[name] = Script(name, source)
        self.host._scripts[name] = self.scripts[name]
        return self.host.run(
            [Job(name, job[0], job[1], job[2] if len(job) > 2 else RECV, *job[3:]) for job in jobs]
        )

    def one(self, source, payload=b"\x01\x02\x03", f_port=1, *rest):
        return self.jobs(source, (payload, f_port, *rest))[0]

    def data(self, source, payload=b"\x01\x02\x03", f_port=1, *rest):
        answer = self.one(source, payload, f_port, *rest)
        assert isinstance(answer, Answer), str(answer)
        return answer.data


def uplink(body):
    return f"function decodeUplink(input) {{ return {{ data: {{ x: {body} }} }}; }}"


RESULT = "{data: {n: i.bytes.length, p: i.fPort}}"
ENTRIES = {
    "decodeUplink": "function decodeUplink(input) { return INPUT }",
    "arrow": "const decodeUplink = (input) => (INPUT)",
    "var": "var decodeUplink = function (input) { return INPUT }",
    "strict": "'use strict'; function decodeUplink({bytes, fPort}) { return {data: {n: bytes.length, p: fPort}} }",
    "Decoder": "function Decoder(bytes, port) { return {n: bytes.length, p: port} }",
    "Decoder of three": "function Decoder(bytes, port, info) { return {n: bytes.length, p: info.port} }",
    "Decode": "function Decode(fPort, bytes, variables) { return {n: bytes.length, p: fPort} }",
    "Decode of two": "function Decode(fPort, bytes) { return {n: bytes.length, p: fPort} }",
    "class Decoder": "class Decoder { run(b) { return b.length } }\n"
    "function Decode(fPort, bytes) { return {n: new Decoder().run(bytes), p: fPort} }",
    "all of them": "function Decode(p, b) { return {n: b.length, p} }\n"
    "function Decoder(b, p) { return Decode(p, b) }\n"
    "function decodeUplink(i) { return {data: Decoder(i.bytes, i.fPort)} }",
    "module guard": "function decodeUplink(i) { return RESULT }\n"
    "if (typeof module !== 'undefined' && module.exports) { module.exports = {decodeUplink}; }",
    "module.exports": "module.exports = {decodeUplink(i) { return RESULT }}",
    "exports": "exports.decodeUplink = function (i) { return RESULT }",
    "module.exports.Decoder": "module.exports.Decoder = (b, p) => ({n: b.length, p})",
    "module is the function": "module.exports = (i) => (RESULT)",
    "export function": "export function decodeUplink(i) { return RESULT }",
    "export const": "export const decodeUplink = (i) => (RESULT)",
    "export list": "const run = (i) => (RESULT)\nexport { run as decodeUplink, run }",
    "export list before": "export {decodeUplink};\nconst decodeUplink = (i) => (RESULT)",
    "export default function": "export default function decodeUplink(i) { return RESULT }",
    "export default object": "export default {decodeUplink: (i) => (RESULT)}",
    "globalThis": "globalThis.decodeUplink = (i) => (RESULT)",
    "this": "this.decodeUplink = (i) => (RESULT)",
    "webpack": "!function(t,n){if('object'==typeof exports&&'object'==typeof module)module.exports=n();"
    "else{var e=n();for(var i in e)t[i]=e[i]}}(self,()=>(()=>{'use strict';"
    "return {decodeUplink:i=>({data:{n:i.bytes.length,p:i.fPort}})}})());",
    "a bundle that defines a global": "!function(f){if('object'==typeof exports&&'undefined'!=typeof module)"
    "module.exports=f();else{('undefined'!=typeof self?self:this).lib=f()}}(function(){return {size:b=>b.length}});\n"
    "function decodeUplink(i) { return {data: {n: lib.size(i.bytes), p: i.fPort}} }",
    "a bundle for Decoder": "(function(root, f) {if (typeof module === 'object' && module.exports) module.exports = f();"
    " else root.Lib = f()}(this, () => ({size: b => b.length})));\n"
    "function Decoder(b, p) { return {n: Lib.size(b), p: p} }",
    "a guarded main": "function decodeUplink(i) { return RESULT }\n"
    "if (typeof require !== 'undefined' && require.main === module) { throw 1 }",
    "byte-order mark": "\ufefffunction Decoder(b, p) { return {n: b.length, p: p} }",
    "shebang": "#!/usr/bin/env node\nfunction Decoder(b, p) { return {n: b.length, p: p} }",
    "windows": "// c\r\nfunction Decoder(b, p)\r\n{\r\n  return {n: b.length, p: p};\r\n}\r\n// end",
    "comment at the end": "function Decoder(b, p) { return {n: b.length, p: p} } // the end",
}
