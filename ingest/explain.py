"""`emscher decode`: what a message says, step by step, or why it was refused, for a person."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from ingest.clock import iso
from ingest.codecs import CODECS, CODECS_BY_NAME
from ingest.codecs.script import Job, Script, ScriptHost
from ingest.decode import Decoder
from ingest.errors import PayloadError
from ingest.quantity import QUANTITIES, quantity
from ingest.reading import Envelope, Json, Measurement, Message
from ingest.uplink import of_answer

_SHOWN_BYTES = 48
_TEXTS = frozenset(b"{[/")


@dataclass(frozen=True, slots=True)
class Given:
    """What a person gave: the bytes of a message, and the topic where it is known."""

    payload: bytes
    topic: str
    steps: list[str]


def given(what: str, stdin: bytes | None, topic: str) -> Given:
    """Return the message that the argument means: hex, a file, text that is JSON, or stdin.

    A line of a recording, or an item of the quarantine, brings its topic with it.
    Errors  PayloadError when it is none of these.
    """
    if stdin is not None:
        raw, steps = stdin, [f"input: {len(stdin)} bytes from standard input"]
    elif what[:1].encode() and what[:1].encode()[0] in _TEXTS and not Path(what).is_file():
        raw, steps = what.encode(), ["input: text from the command line"]
    elif (found := _hex(what.encode())) is not None:
        raw, steps = found, [f"input: {len(found)} bytes in hex from the command line"]
    elif Path(what).is_file():
        raw = Path(what).read_bytes()
        steps = [f"input: {len(raw)} bytes from the file {what}"]
    else:
        raise PayloadError("input", "bytes in hex, a file that exists, JSON, or - for stdin", what)
    recorded = _recorded(raw)
    if recorded is not None:
        raw, told = recorded
        steps.append(f"recording: a message of {len(raw)} bytes on the topic {told}")
        topic = topic or told
    elif (unhexed := _hex(raw.strip())) is not None and not _is_hex_argument(what):
        raw = unhexed
        steps.append(f"hex: the text stands for {len(raw)} bytes")
    return Given(raw, topic, steps)


def explain(
    console: Console,
    message: Given,
    decoder: Decoder,
    notes: list[str],
    received_ns: int,
) -> bool:
    """Show how a message is read by the formats; return whether it was understood."""
    _show_input(console, message)
    try:
        found = decoder.decode(Envelope("decode", message.topic, message.payload, received_ns))
    except PayloadError as error:
        _steps(console, [*message.steps, *notes])
        _refused(console, error)
        if error.rule == "format":
            _show_readers(console, message.payload)
        return False
    _steps(console, [*message.steps, *notes])
    _show_message(console, found, received_ns)
    for fact in decoder.memory.unsaved():
        console.print(
            f"learned for later messages: {fact.name} ({fact.format})", markup=False, soft_wrap=True
        )
    return True


def explain_payload(
    console: Console,
    message: Given,
    codec: str,
    f_port: int,
    scripts: Mapping[str, Script],
    zone: tzinfo,
    received_ns: int,
) -> bool:
    """Show how one codec reads the payload of an uplink; return whether it could."""
    _show_input(console, message)
    steps = [*message.steps, f"codec: {codec} on FPort {f_port}"]
    try:
        found, more = _decoded(message.payload, codec, f_port, scripts, zone, received_ns)
    except PayloadError as error:
        _steps(console, steps)
        _refused(console, error)
        return False
    _steps(console, [*steps, *more])
    _show_measurements(console, found, None, received_ns)
    return True


def _decoded(
    payload: bytes,
    codec: str,
    f_port: int,
    scripts: Mapping[str, Script],
    zone: tzinfo,
    received_ns: int,
) -> tuple[list[Measurement], list[str]]:
    if codec in CODECS_BY_NAME:
        return CODECS_BY_NAME[codec].decode(payload, f_port), []
    if codec not in scripts:
        known = " ".join([*CODECS_BY_NAME, *scripts])
        raise PayloadError("codec", f"one of {known}", codec)
    host = ScriptHost({codec: scripts[codec]})
    try:
        (answer,) = host.run([Job(codec, payload, f_port, iso(received_ns))])
    finally:
        host.close()
    if isinstance(answer, PayloadError):
        raise answer
    told = [f"returned: {json.dumps(answer.data, ensure_ascii=False)}"]
    told += [f"normalised: {json.dumps(one, ensure_ascii=False)}" for one in answer.normalized]
    told += [f"warning: {one}" for one in answer.warnings]
    told += [f"console: {one}" for one in answer.log]
    return of_answer(answer, zone, received_ns), told


def _show_input(console: Console, message: Given) -> None:
    topic = message.topic or "none given (--topic says it)"
    console.print(f"topic    {topic}", markup=False, highlight=False, soft_wrap=True)
    shown = message.payload[:_SHOWN_BYTES]
    more = " …" if len(message.payload) > len(shown) else ""
    text = shown.decode("utf-8", "replace")
    legible = text if text.isprintable() else shown.hex(" ")
    size = f"{len(message.payload)} bytes"
    console.print(
        f"payload  {size}: {legible}{more}", markup=False, highlight=False, soft_wrap=True
    )


def _steps(console: Console, steps: list[str]) -> None:
    for step in steps:
        console.print(f"  · {step}", markup=False, highlight=False, soft_wrap=True)


def _refused(console: Console, error: PayloadError) -> None:
    console.print("refused", style="bold red", highlight=False)
    for name, text in (("rule", error.rule), ("expected", error.expected), ("found", error.found)):
        console.print(f"  {name:9}{text}", markup=False, highlight=False, soft_wrap=True)


def _show_readers(console: Console, payload: bytes) -> None:
    """Name the codecs that could read the bytes as the payload of an uplink."""
    readers = []
    for codec in CODECS:
        try:
            found = codec.decode(payload, 1)
        except PayloadError:
            continue
        if found:
            readers.append(codec.NAME)
    if readers:
        console.print(
            f"As the payload of a LoRaWAN uplink these codecs can read it: {' '.join(readers)}."
            " Try --codec NAME --port N.",
            soft_wrap=True,
            highlight=False,
        )


def _show_message(console: Console, message: Message, received_ns: int) -> None:
    facts = {
        "device": message.device,
        "name": message.name,
        "model": message.model,
        "format": message.format,
        "time": "not stated; the time of receipt is taken"
        if message.time_ns is None
        else iso(message.time_ns),
        "key": message.key or "",
    }
    for name, text in facts.items():
        if text:
            console.print(f"{name:9}{text}", markup=False, highlight=False, soft_wrap=True)
    _show_measurements(console, message.measurements, message.time_ns, received_ns)
    for name, value in message.state.items():
        text = json.dumps(value, ensure_ascii=False)
        console.print(f"state    {name} = {text}", markup=False, highlight=False, soft_wrap=True)
    for other in message.others:
        console.print("and of another device:")
        _show_message(console, other, received_ns)


def _show_measurements(
    console: Console, found: list[Measurement], time_ns: int | None, received_ns: int
) -> None:
    if not found:
        console.print("no readings")
        return
    table = Table("quantity", "channel", "value", "unit", "time", "quality", box=None)
    table.columns[2].justify = "right"
    for one in found:
        known = one.quantity in QUANTITIES
        table.add_row(
            one.quantity,
            one.channel,
            f"{one.value:.15g}",
            quantity(one.quantity).unit if known else "as sent",
            _when(one.time_ns, time_ns, received_ns),
            one.quality.word,
        )
    console.print(table)


def _when(own_ns: int | None, time_ns: int | None, received_ns: int) -> str:
    if own_ns is None:
        return "" if time_ns is None else iso(time_ns)
    if own_ns <= 0:
        return f"{-own_ns / 1e9:g} s before"
    return iso(own_ns) if own_ns != received_ns else "receipt"


def _hex(text: bytes) -> bytes | None:
    """Return the bytes that hex text stands for; None when it is no hex."""
    try:
        return bytes.fromhex(text.decode("ascii").removeprefix("0x")) or None
    except (UnicodeDecodeError, ValueError):
        return None


def _is_hex_argument(what: str) -> bool:
    return _hex(what.encode()) is not None


def _recorded(raw: bytes) -> tuple[bytes, str] | None:
    """Return payload and topic of a recorded message, if the bytes are one."""
    try:
        line: Json = msgspec.json.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    if not isinstance(line, dict) or not isinstance(line.get("topic"), str):
        return None
    text, packed = line.get("payload"), line.get("payload_base64")
    topic = str(line["topic"])
    if isinstance(text, str):
        return text.encode(), topic
    if not isinstance(packed, str):
        return None
    try:
        return base64.b64decode(packed, validate=True), topic
    except ValueError:
        return None
