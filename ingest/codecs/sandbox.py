"""The process in which payload codecs in JavaScript run, away from everything that matters.

`ingest.codecs.worker` starts this file as a program and speaks to it over pipes; it imports
nothing of ours, so that it starts in a moment and holds nothing worth stealing. The engine is
QuickJS-NG. A codec can't reach a file, a socket or a clock of the process: the language is all
it has. A call that takes too long or too much is stopped by the engine; where the engine itself
hangs or crashes, the parent notices, ends this process, and blames the job that it worked on.

In    frames of length (u32) and a `marshal` of (scripts, jobs): {name: Text} of scripts that are
      new here, and [(index, name, payload, f_port, recv_time, variables as JSON or "")].
Out   frames of length (u32), index (u32) and JSON: {"data": …, "normalized", "warnings", "log"},
      or one of {"refused": […]} (by the codec), {"thrown": …}, {"failed": …} (no fit answer),
      {"stopped": …} (too long, too much), {"paused": true}, {"broken": …} (no fit codec).
The shared page holds the index of the job being worked on, so that a crash has a name.

Two ways to run a codec:
- *shared*: one context serves many messages. The intrinsics are frozen, the codec is the body of
  a function that is called anew for each message, and what it made global is removed.
- *single*: a new context for each message, the codec evaluated in it as it is. Slow (about a
  millisecond), and right by construction. For codecs that change the language, look themselves
  up in the global object or evaluate text; and whenever a shared call ends badly, to find out
  whether the sharing was to blame.
"""

import ctypes
import gc
import json
import marshal
import mmap
import os
import re
import resource
import signal
import struct
import sys
import time
from collections import OrderedDict
from pathlib import Path
from typing import Any, NamedTuple, cast

import quickjs  # type: ignore[import-untyped]

CALL_S_MAX = 0.05
LOAD_S_MAX = 0.5
CALL_BYTES_MAX = 16 << 20
STACK_BYTES_MAX = 512 << 10
PROCESS_BYTES_MAX = 2 << 30
CONTEXTS_MAX = 128
UNSENT_MAX = 256
LENGTH = struct.Struct("<I")
ANSWER = struct.Struct("<II")
PROGRESS = struct.Struct("<Q")
IDLE = (1 << 64) - 1
DESCRIBE = -1
"""As an FPort: don't run the script, say what it offers."""

STOPS_MAX = 20
"""A script that was stopped so often is not run again in the same frame."""

_OVERDUE_S = 4 * CALL_S_MAX  # the engine does not look at the clock inside a native function

_ANSWER, _PRELUDE, _SHARING, _EXTRAS = (
    Path(__file__).with_name(f"{name}.js").read_text("utf-8")
    for name in ("answer", "prelude", "sharing", "extras")
)

Work = tuple[int, str, bytes, int, str, str]
Text = tuple[str, str, bool, bool, bool]
"""A codec, as `ingest.codecs.dialect` tells of it."""

_TOP = (
    "({decodeUplink: typeof decodeUplink == 'function' ? decodeUplink : undefined,"
    " Decoder: typeof Decoder == 'function' ? Decoder : undefined,"
    " Decode: typeof Decode == 'function' ? Decode : undefined,"
    " normalizeUplink: typeof normalizeUplink == 'function' ? normalizeUplink : undefined})"
)


class Unfit(Exception):  # noqa: N818 (a state of the codec)
    """A codec that can't be used at all, and why."""


class _Entry(NamedTuple):
    """What a codec offers: which function, where it stands, and how the codec may be run."""

    kind: str
    top: bool
    normalize: bool
    shared: bool


class Codec:
    """One codec and the context that it has, if it has one."""

    def __init__(self, text: Text) -> None:
        self.source, self._unmoduled, self._own_way, self._uses_module, self._extras = text
        self.entry: _Entry | None = None
        self.unfit = ""
        self.call: Any = None
        self.context: Any = None  # keeps what `call` lives in

    def run(self, payload: bytes, f_port: int, recv_time: str, variables: str) -> str:
        """Return the answer to one message as JSON."""
        if self.unfit:
            return json.dumps({"broken": self.unfit})
        if f_port == DESCRIBE:
            return self._described()
        arguments = (payload.hex(), f_port, recv_time, variables)
        try:
            if self.entry is None:
                self.entry = self._tried()
            if not self.entry.shared:
                return self._alone(arguments)
            if self.call is None:
                self._open(self.entry)
            if self.call is None:
                return self._alone(arguments)
        except Unfit as error:
            self.unfit = str(error)
            return json.dumps({"broken": self.unfit})
        try:
            told = _called(self.call, arguments)
        except (quickjs.JSException, quickjs.StackOverflow, MemoryError):
            self.close()
            return self._alone(arguments)
        except TimeoutError:
            self.close()
            return _LATE
        if type(told) is str and told.startswith('{"data"'):
            return told
        if told == "spoiled":
            self.close()
            self.entry = self.entry._replace(shared=False)
            return self._alone(arguments)
        if type(told) is str and told.startswith('{"refused"'):
            return told
        return self._confirmed(arguments)

    def _described(self) -> str:
        try:
            self.entry = self._tried()
        except Unfit as error:
            return json.dumps({"broken": str(error)})
        names = (
            f"{self.entry.kind} and normalizeUplink" if self.entry.normalize else self.entry.kind
        )
        return json.dumps({"data": {"entry": names, "shared": self.entry.shared}})

    def close(self) -> None:
        """Give the context back."""
        self.call = self.context = None

    def _confirmed(self, arguments: tuple[Any, ...]) -> str:
        """Return what a context of its own says; where it says better, it is used from now on."""
        told = self._alone(arguments)
        if told.startswith('{"data"') and self.entry is not None:
            self.close()
            self.entry = self.entry._replace(shared=False)
        return told

    def _tried(self) -> _Entry:
        """Evaluate the codec as it is, and return what it offers.

        Without `module` first, as network servers do: a bundle may put its parts there, or else
        where its own decodeUplink looks for them.
        """
        ways = [(self.source, False)]
        ways += [(self.source, True)] if self._uses_module else []
        ways += [(self._unmoduled, True)] if self._unmoduled else []
        reason = ""
        for self.source, self._uses_module in ways:  # the way that works is kept
            try:
                told, reason = self._trial(), ""
            except Unfit as error:
                told, reason = "", str(error)
            if told:
                break
        else:
            raise Unfit(
                reason
                or "it has no decodeUplink(input), Decoder(bytes, port) or Decode(fPort, bytes)"
            )
        facts = json.loads(told)
        names = [re.escape(name) for name in facts["globals"] if name not in ("module", "exports")]
        asked = rf"\b(?:this|globalThis|self)\s*\.\s*(?:{'|'.join(names)})\b(?!\s*=[^=])"
        alone = (
            not facts["unchanged"]
            or self._own_way
            or (bool(names) and re.search(asked, self.source) is not None)
        )
        return _Entry(facts["kind"], facts["place"] == "top", facts["normalize"], not alone)

    def _trial(self) -> str:
        context, host = self._context()
        unchanged = context.eval(_SHARING)(host("tools"))("watch")
        return str(host("told", self._evaluated(context, host), unchanged))

    def _context(self) -> tuple[Any, Any]:
        context = quickjs.Context()
        context.set_max_stack_size(STACK_BYTES_MAX)
        context.set_time_limit(LOAD_S_MAX)
        host = context.eval(_PRELUDE)(context.eval(_ANSWER))
        if self._extras:
            context.eval(_EXTRAS)
        used = context.memory()["malloc_size"]
        context.set_memory_limit(used + CALL_BYTES_MAX)
        return context, host

    def _evaluated(self, context: Any, host: Any) -> Any:
        """Evaluate the codec in the global scope and return its entry."""
        module = host("module") if self._uses_module else None
        try:
            context.eval(f"{self.source}\n;void 0")  # the binding can't return every value
            return host("entry", context.eval(_TOP), module)
        except (quickjs.JSException, quickjs.StackOverflow, MemoryError) as error:
            raise Unfit(_reason(error, LOAD_S_MAX)) from error

    def _alone(self, arguments: tuple[Any, ...]) -> str:
        """Run one message in a context of its own."""
        try:
            context, host = self._context()
            call = host("single", self._evaluated(context, host))
            context.set_time_limit(CALL_S_MAX)
            told = _called(call, arguments)
        except Unfit as error:
            return json.dumps({"failed": str(error)})
        except TimeoutError:
            return _LATE
        except (quickjs.JSException, quickjs.StackOverflow, MemoryError) as error:
            return json.dumps({"stopped": _reason(error, CALL_S_MAX)})
        return told if type(told) is str else json.dumps({"failed": "its answer can't be read"})

    def _open(self, entry: _Entry) -> None:
        """Make the context that serves many messages; without one, single contexts serve."""
        found = _TOP
        if entry.top:
            found = f"[{entry.kind}{', normalizeUplink' if entry.normalize else ''}]"
        body = f"() => {{{self.source}\n;return {found}\n}}"
        context, host = self._context()
        sharing = context.eval(_SHARING)(host("tools"))
        sharing("settle")
        try:
            make = context.eval(f"({body})")
            whole = sharing("whole", make, body)
        except (quickjs.JSException, quickjs.StackOverflow, MemoryError, TypeError):
            whole = False
        if whole is not True:  # its brackets don't pair, or a word means something else in there
            self.entry = entry._replace(shared=False)
            self.call = None
            return
        self.call = sharing("shared", make, entry.kind if entry.top else "", self._uses_module)
        self.context = context
        context.set_time_limit(CALL_S_MAX)


_LATE = json.dumps({"stopped": f"it is not done within {round(CALL_S_MAX * 1000)} ms"})


def _called(call: Any, arguments: tuple[Any, ...]) -> Any:
    """Return what a call returns.

    Errors  TimeoutError where it took far too long, and the engine did not notice.
    """
    began_s = time.process_time()
    told = call(*arguments)
    if time.process_time() - began_s > _OVERDUE_S:
        raise TimeoutError
    return told


_PLACE = re.compile(r"<input>:(\d+)")


def _reason(error: Exception, seconds_max: float) -> str:
    """Return in a person's words why the engine stopped."""
    if isinstance(error, quickjs.StackOverflow):
        return "it calls itself too deep"
    text = str(error)
    if isinstance(error, MemoryError) or "out of memory" in text or not text or text == "null":
        return f"it needs more than {CALL_BYTES_MAX >> 20} MB"
    if "InternalError: interrupted" in text:
        return f"it is not done within {round(seconds_max * 1000)} ms"
    place = _PLACE.search(text)
    where = f" (line {place[1]})" if place else ""
    return text.partition("\n")[0][:300] + where


class _Codecs:
    """The codecs that were sent here; a context costs memory, so the least used are closed."""

    def __init__(self) -> None:
        self._codecs: dict[str, Codec] = {}
        self._open: OrderedDict[str, Codec] = OrderedDict()
        self._stops: dict[str, int] = {}

    def add(self, scripts: dict[str, Text]) -> None:
        """Take new scripts, and begin a frame."""
        self._stops.clear()
        for name, text in scripts.items():
            self._codecs[name] = Codec(text)
            self._open.pop(name, None)

    def run(self, job: Work) -> str:
        """Return the answer to one job."""
        _, name, payload, f_port, recv_time, variables = job
        if self._stops and self._stops.get(name, 0) >= STOPS_MAX:
            return '{"paused": true}'
        codec = self._codecs[name]
        told = codec.run(payload, f_port, recv_time, variables)
        if told.startswith('{"stopped"'):
            self._stops[name] = self._stops.get(name, 0) + 1
        if codec.call is None:
            self._open.pop(name, None)
        elif name in self._open:
            self._open.move_to_end(name)
        else:
            self._open[name] = codec
            if len(self._open) > CONTEXTS_MAX:
                self._open.popitem(last=False)[1].close()
        return told


def _confine() -> None:
    """Give up what is not needed, and end when the parent ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    for limit, most in (
        (resource.RLIMIT_AS, PROCESS_BYTES_MAX),
        (resource.RLIMIT_NOFILE, 3),  # the pipes are open; no other file ever is
    ):
        hard = resource.getrlimit(limit)[1]
        allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(limit, (allowed, allowed))


def main(progress_fd: int) -> None:
    """Answer until the parent closes the pipe."""
    if quickjs.Context().eval("typeof Uint8Array.fromHex") != "function":
        sys.exit("the module quickjs is not that of quickjs-ng; is quickjs installed beside it?")
    page = mmap.mmap(progress_fd, mmap.PAGESIZE)
    os.close(progress_fd)
    codecs = _Codecs()
    _confine()
    gc.freeze()
    read = sys.stdin.buffer
    head_of, tell = ANSWER.pack, PROGRESS.pack_into
    tell(page, 0, IDLE)
    _send([head_of(0, 0)])
    while head := read.read(LENGTH.size):
        scripts, jobs = cast(
            "tuple[dict[str, Text], list[Work]]", marshal.loads(read.read(LENGTH.unpack(head)[0]))
        )
        codecs.add(scripts)
        unsent: list[bytes] = []
        for job in jobs:
            index = job[0]
            tell(page, 0, index)
            told = codecs.run(job).encode("utf-8", "replace")
            unsent += (head_of(len(told), index), told)
            if len(unsent) >= UNSENT_MAX or not told.startswith(b'{"data"'):
                _send(unsent)
                unsent = []
        _send(unsent)
        tell(page, 0, IDLE)


def _send(answers: list[bytes]) -> None:
    unsent = memoryview(b"".join(answers))
    while unsent:
        unsent = unsent[os.write(1, unsent) :]


if __name__ == "__main__":
    main(int(sys.argv[1]))
