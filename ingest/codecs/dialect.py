"""What the text of a payload codec in JavaScript tells before it runs.

No parser: words are looked for, wherever they stand. Where a word misleads (it stands in a
comment), the codec runs slower, never otherwise.
"""

import re
from typing import NamedTuple

_MODULE = re.compile(r"\b(?:module|exports)\b")
_EXTRA = re.compile(r"\b(?:Buffer|TextDecoder|TextEncoder)\b")
_REQUIRE = re.compile(r"""(?<![.\w$])require\s*\(\s*(['"])(?:node:)?(?:buffer/?|util)\1\s*\)""")
_REQUIRED = (
    "({Buffer: globalThis.Buffer, TextDecoder: globalThis.TextDecoder,"
    " TextEncoder: globalThis.TextEncoder})"
)

# What a shared context would not do as the codec means it: change an intrinsic, evaluate text in
# the global scope, or look up its own functions there; what a promise leaves to be done later would
# only pile up. Such a codec runs in single contexts.
_LANGUAGE = (
    r"Object|Function|Array|String|Number|Boolean|Date|RegExp|Math|JSON|Error|Map|Set|Symbol|BigInt"
    r"|DataView|ArrayBuffer|Uint8Array|Int8Array|Uint16Array|Int16Array|Uint32Array|Int32Array"
    r"|Float32Array|Float64Array|Promise|Reflect|Proxy|parseInt|parseFloat|isNaN|isFinite"
)
# These stand in sharing.js as they are, for speed, so that what inherits them can't assign them.
_HOT = (
    "push|pop|shift|unshift|slice|splice|map|forEach|filter|reduce|indexOf|join|concat|reverse|sort"
    "|call|apply|bind"
)
_OWN_WAY = re.compile(
    rf"(?:(?<![.\w$])|\b(?:globalThis|self|this)\s*\.\s*)(?:{_LANGUAGE})\s*"
    r"(?:\.\s*prototype\b\s*)?(?:\.\s*[\w$]+|\[[^\]]*\])?\s*"
    r"(?:[-+*/%&|^]|\*\*|<<|>>>?|&&|\|\||\?\?)?=(?![=>])"
    rf"|(?<![.\w$])(?:{_LANGUAGE})\s*\.\s*prototype\s*[,)\]]"
    rf"|\.\s*(?:{_HOT})\s*=(?![=>])"
    r"|__proto__|__define[GS]etter__|setPrototypeOf|\basync\b|\bPromise\b"
    r"|(?<![.\w$])eval\s*\(|(?<![.\w$])Function\s*\("
    r"|\b(?:globalThis|self)\s*(?:\[|[,;)])|\bthis\s*\["
)


class Text(NamedTuple):
    """A codec as it is sent to the process that runs it.

    source     as it is, or as good as
    unmoduled  the same as a script, where it may be an ECMAScript module; else ""
    own_way    it may change the language, or read its own functions from the global object, so
               that it needs a context of its own for each message
    module     it names `module` or `exports`
    extras     it names Buffer, TextDecoder or TextEncoder, or requires what holds them
    """

    source: str
    unmoduled: str
    own_way: bool
    module: bool
    extras: bool


def told(source: str) -> Text:
    """Return what the text of a codec tells."""
    source = _REQUIRE.sub(_REQUIRED, _bare(source))
    unmoduled = _unmoduled(source) if _MODULE_WORD.search(source) else ""
    return Text(
        source,
        unmoduled,
        _OWN_WAY.search(source) is not None,
        bool(unmoduled) or _MODULE.search(source) is not None,
        _EXTRA.search(source) is not None,
    )


def _bare(source: str) -> str:
    """Return the source without a byte-order mark, and with its "#!" line as a comment."""
    source = source.removeprefix("\ufeff")
    return f"//{source}" if source.startswith("#!") else source


_MODULE_WORD = re.compile(r"(?:^|[;}])\s*(?:export|import)\b", re.M)
_EXPORT_LIST = re.compile(r"(^|[;}])([ \t]*)export\s*\{([^}]*)\}[ \t]*;?", re.M)
_EXPORT_NAMED = re.compile(
    r"(^|[;}])([ \t]*)export\s+(?:default\s+)?"
    r"(?=(?:async\s+function|function|class)\b\s*\*?\s*(?!extends\b)[\w$]|(?:const|let|var)\b)",
    re.M,
)
_EXPORT_DEFAULT = re.compile(r"(^|[;}])([ \t]*)export\s+default\b", re.M)
_IMPORT_BUFFER = re.compile(
    r"""^[ \t]*import\b[^;\n]*?['"](?:node:)?(?:buffer|util)['"][ \t]*;?""", re.M
)


def _unmoduled(source: str) -> str:
    """Return an ECMAScript module as a script: what it exports is in `exports`, or at its top.

    The engine's binding can evaluate a module, but not hand out what it exports.
    """
    tail = ""

    def listed(match: re.Match[str]) -> str:
        nonlocal tail
        for one in match[3].split(","):
            name, _, other = (part.strip() for part in one.partition(" as "))
            if name:
                tail += f";exports.{other or name} = {name}"
        return match[1] + match[2]

    source = _IMPORT_BUFFER.sub("", source)
    source = _EXPORT_LIST.sub(listed, source)
    source = _EXPORT_NAMED.sub(r"\1\2", source)
    source = _EXPORT_DEFAULT.sub(r"\1\2exports.default =", source)
    return f'"use strict";{source}\n{tail}'
