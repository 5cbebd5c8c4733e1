"""Payload codecs in JavaScript, as the makers of devices ship them: what goes in, what comes out.

Sources
- LoRa Alliance TS013-1.0.0, "Payload Codec API": `decodeUplink(input)`, input {bytes, fPort,
  recvTime}, output {data, errors, warnings}.
- The Things Stack, "Payload Formatters": `normalizeUplink(input)`, input {data}; and the older
  `Decoder(bytes, port)`.
- ChirpStack, "Payload codec": `decodeUplink` with `variables`; the older
  `Decode(fPort, bytes, variables)`.
The function may stand at the top of the script, in `module.exports` or `exports`, be exported
from an ECMAScript module, or be assigned to `globalThis`. When a script has several, that is also
the order: decodeUplink, Decoder, Decode.

Scripts run in a process of their own (`ingest.codecs.worker`, `ingest.codecs.sandbox`), and every
message finds its script as freshly loaded: no state passes from one message to the next.

What comes out: numbers exactly as the script has them (−0 too); a BigInt as a number where that
is exact, else as its digits; a Date as its text; a typed array as a list; undefined and functions
are left out, as in JSON. NaN and Infinity are left out too, and noted in the warnings.
Data that is a list becomes an object with the keys "1", "2", ….
A failing `normalizeUplink` costs only the normalised form: the reason is in the warnings.
"""

import itertools
import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from ingest.codecs import dialect
from ingest.codecs.sandbox import DESCRIBE, Text, Work
from ingest.codecs.worker import Worker
from ingest.errors import PayloadError
from ingest.reading import Json

SILENCE_S_MAX = 2.0
LOST_S_MAX = 6.0
PAUSE_S = 60.0
PAYLOAD_BYTES_MAX = 1 << 16
SOURCE_BYTES_MAX = 4 << 20
_DEATHS_MAX = 3
_SHARE = 0.1
_STOP_S = 0.1  # what a call costs that the engine stops: it runs again, in a context of its own
_SCRIPT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_NO_VARIABLES: Mapping[str, str] = {}


class Script(NamedTuple):
    """A codec in JavaScript."""

    name: str
    source: str


class Job(NamedTuple):
    """One payload for one script.

    recv_time  when the network heard it, RFC 3339 with all its digits; "": not told, and the
               script finds `input.recvTime` undefined
    variables  what the operator set for the device, by name
    """

    script: str
    payload: bytes
    f_port: int
    recv_time: str
    variables: Mapping[str, str] = _NO_VARIABLES


class Answer(NamedTuple):
    """What a script made of a payload.

    normalized  what `normalizeUplink` made of `data`, one object or several; [] without it
    warnings    the script's own, and what had to be left out
    log         what the script wrote with console.log and its like, a line each
    """

    data: dict[str, Json]
    normalized: list[dict[str, Json]]
    warnings: list[str]
    log: list[str]


class _Told(msgspec.Struct):
    """An answer as the process writes it."""

    data: dict[str, Any] | None = None
    normalized: list[dict[str, Any]] = []
    warnings: list[str] = []
    log: list[str] = []
    refused: list[str] = []
    thrown: str = ""
    failed: str = ""
    stopped: str = ""
    paused: bool = False
    broken: str = ""


_decode = msgspec.json.Decoder(_Told).decode


class ScriptHost:
    """Runs scripts, in order, in a process that starts with the first job. One thread uses it.

    scripts        by name
    silence_s_max  a process that makes no progress for so long is ended, and the job that it was
                   working on is refused
    lost_s_max     a script that has cost so much time, through calls that had to be stopped, is
                   paused for `pause_s`: its jobs are refused at once. It may cost a tenth of the
                   time that passes, so that a stop now and then is soon forgotten
    clock          monotonic seconds
    """

    def __init__(
        self,
        scripts: Mapping[str, Script],
        *,
        silence_s_max: float = SILENCE_S_MAX,
        lost_s_max: float = LOST_S_MAX,
        pause_s: float = PAUSE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._scripts = dict(scripts)
        self._silence_s_max = silence_s_max
        self._lost_s_max, self._pause_s, self._clock = lost_s_max, pause_s, clock
        self._worker: Worker | None = None
        self._numbers = itertools.count()
        self._lost: dict[str, tuple[float, float]] = {}
        self._paused_until_s: dict[str, float] = {}

    def run(self, jobs: Sequence[Job]) -> list[Answer | PayloadError]:
        """Return the answer to each job, or why there is none; nothing is raised."""
        found: list[Answer | PayloadError | None] = [self._refused(job) for job in jobs]
        deaths = 0
        while waiting := self._waiting(jobs, found):
            try:
                place, hung = self._work(jobs, waiting, found)
            except (RuntimeError, OSError) as error:
                place, hung, deaths = None, False, _DEATHS_MAX
                cause = str(error)
            else:
                cause = "it ends before it begins to work"
                if place is None and self._worker is None:
                    deaths += 1
            if place is not None:
                found[place] = self._stopped(jobs[place].script, hung)
            elif deaths >= _DEATHS_MAX:
                lost = PayloadError("codec process", "a process that runs the codecs", cause)
                found = [lost if one is None else one for one in found]
        return [one for one in found if one is not None]

    def described(self, name: str) -> str:
        """Return which function of a script is the codec.

        Errors  PayloadError when the script can't be used.
        """
        told = self.run([Job(name, b"", DESCRIBE, "")])[0]
        if isinstance(told, PayloadError):
            raise told
        return str(told.data["entry"])

    def close(self) -> None:
        """End the process; the next job starts another."""
        if self._worker is not None:
            self._worker.close()
            self._worker = None

    def _waiting(
        self, jobs: Sequence[Job], found: list[Answer | PayloadError | None]
    ) -> dict[int, int]:
        """Return the places without an answer, by the numbers under which they go out."""
        waiting: dict[int, int] = {}
        for place, one in enumerate(found):
            if one is None:
                found[place] = self._paused(jobs[place].script)
                if found[place] is None:
                    waiting[next(self._numbers)] = place
        return waiting

    def _work(
        self,
        jobs: Sequence[Job],
        waiting: dict[int, int],
        found: list[Answer | PayloadError | None],
    ) -> tuple[int | None, bool]:
        """Let a process work; return the place at which it was stopped, if it was, and if it hung.

        Errors  RuntimeError or OSError when there is no process to be had.
        """
        if self._worker is not None and not self._worker.alive:
            self.close()
        if self._worker is None:
            self._worker = Worker(self._silence_s_max)
        worker = self._worker
        new: dict[str, Text] = {}
        work: list[Work] = []
        for number, place in waiting.items():
            name, payload, f_port, recv_time, variables = jobs[place]
            if name not in new and not worker.knows(name):
                new[name] = dialect.told(self._scripts[name].source)
            told = json.dumps(dict(variables)) if variables else ""
            work.append((number, name, payload, f_port, recv_time, told))

        def take(number: int, told: bytes) -> None:
            place = waiting[number]
            found[place] = self._answer(jobs[place].script, told)

        stopped_at, hung = worker.work(new, work, take)
        if stopped_at is not None or not worker.alive:
            self._worker = None
        return (None if stopped_at is None else waiting.get(stopped_at)), hung

    def _answer(self, name: str, told: bytes) -> Answer | PayloadError:
        try:
            it = _decode(told)
        except msgspec.DecodeError:
            it = _mended(told)
        if it.data is not None:
            return Answer(it.data, it.normalized, it.warnings, it.log)
        if it.refused:
            return PayloadError(
                f"codec {name} refused the payload", "one that it knows", "; ".join(it.refused)
            )
        if it.broken:
            return PayloadError(f"codec {name}", "a script that can be used", it.broken)
        if it.stopped:
            self._lose(name, _STOP_S)
        if it.paused:
            return self._pause(name)
        if it.thrown:
            return PayloadError(f"codec {name}", "an answer", f"it stops with {it.thrown}")
        return PayloadError(f"codec {name}", "an answer", it.stopped or it.failed)

    def _stopped(self, name: str, hung: bool) -> PayloadError:
        """Note what a stopped process cost, and return why there is no answer."""
        self._lose(name, self._silence_s_max)
        if hung:
            why = f"it hangs, and was stopped after {self._silence_s_max:g} s"
        else:
            why = "it brings the JavaScript engine down"
        return PayloadError(f"codec {name}", "an answer", why)

    def _lose(self, name: str, seconds: float) -> None:
        now_s = self._clock()
        lost_s, then_s = self._lost.get(name, (0.0, now_s))
        lost_s = max(lost_s - _SHARE * (now_s - then_s), 0.0) + seconds
        self._lost[name] = lost_s, now_s
        if lost_s >= self._lost_s_max:
            del self._lost[name]
            self._paused_until_s[name] = now_s + self._pause_s

    def _paused(self, name: str) -> PayloadError | None:
        until_s = self._paused_until_s.get(name) if self._paused_until_s else None
        if until_s is None:
            return None
        if self._clock() >= until_s:
            del self._paused_until_s[name]
            return None
        return self._pause(name)

    def _pause(self, name: str) -> PayloadError:
        return PayloadError(
            f"codec {name}",
            "an answer",
            f"it had to be stopped again and again, and is paused for {self._pause_s:g} s",
        )

    def _refused(self, job: Job) -> PayloadError | None:
        """Return why a job can't be run at all."""
        if job.script not in self._scripts:
            known = " ".join(self._scripts) or "none"
            return PayloadError("codec", f"one of the scripts that were added: {known}", job.script)
        if len(job.payload) > PAYLOAD_BYTES_MAX:
            return PayloadError(
                f"codec {job.script}",
                f"a payload of at most {PAYLOAD_BYTES_MAX} bytes",
                f"{len(job.payload)} bytes",
            )
        return None


def _mended(told: bytes) -> _Told:
    """Return an answer that strict JSON refuses: half a surrogate pair in a text, for one."""
    try:
        text = json.dumps(json.loads(told), ensure_ascii=False)
        whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return _decode(whole)
    except (ValueError, RecursionError, msgspec.MsgspecError) as error:
        return _Told(failed=f"its answer is no JSON: {error}")


def loaded(folder: Path) -> dict[str, Script]:
    """Return the scripts NAME.js of a folder, by name; none where there is no such folder.

    Errors  OSError for a file that can't be read. A script that is no UTF-8 keeps what can be
            read of it: its texts may look wrong, its numbers don't.
    """
    if not folder.is_dir():
        return {}
    return {
        path.stem: Script(path.stem, path.read_text("utf-8", "replace"))
        for path in sorted(folder.glob("*.js"))
        if path.is_file() and _SCRIPT_NAME.fullmatch(path.stem)
    }


def checked(name: str, source: str) -> str:
    """Return which function of a script is the codec, "decodeUplink and normalizeUplink" say.

    Errors  PayloadError when the name can't be a file's, or the script can't be used.
    """
    if not _SCRIPT_NAME.fullmatch(name):
        raise PayloadError(
            "codec name", "1 to 64 letters, digits, dots, hyphens and underscores", name
        )
    if len(source) > SOURCE_BYTES_MAX:
        raise PayloadError(
            f"codec {name}", f"at most {SOURCE_BYTES_MAX >> 20} MiB", f"{len(source)} characters"
        )
    host = ScriptHost({name: Script(name, source)})
    try:
        return host.described(name)
    finally:
        host.close()
