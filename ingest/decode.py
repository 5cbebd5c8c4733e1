"""From an envelope to a message: which format it is, and what must hold for every format.

Whatever comes in, `Decoder.decode` returns a Message or raises PayloadError, nothing else: a
broken message goes to quarantine and never stops the stream.
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from datetime import tzinfo
from math import isfinite

import msgspec
from msgspec.structs import replace

from ingest.clock import judged
from ingest.codecs import CODECS_BY_NAME
from ingest.codecs.script import Job, Script, ScriptHost
from ingest.errors import PayloadError
from ingest.express import Express, Fast
from ingest.formats import FORMATS, Format, chirpstack_v4
from ingest.formats.setup import BERLIN, NO_CODECS, NO_KEYS, Setup, slug
from ingest.memory import Fact, Memory
from ingest.quantity import QUANTITIES
from ingest.reading import Envelope, Measurement, Message, Quality
from ingest.uplink import Pending

PAYLOAD_BYTES_MAX = 4 << 20  # a Zigbee2MQTT bridge describes all its devices in one message
MEASUREMENTS_MAX = 4096
NAME_CHARS_MAX = 128
TOPIC_CHARS_MAX = 1024
_KNOWN_NAMES_MAX = 8192
_ROUTES_MAX = 131_072
_NO_SCRIPTS: Mapping[str, Script] = {}


class Decoder:
    """Reads envelopes of every format in FORMATS. One thread uses it.

    zone               of clocks that send wall-clock time without an offset
    codecs_by_name     device profile's name or DevEUI -> name of a payload codec
    formats            asked in this order; the operator's own mappings go before them
    scripts            JavaScript codecs that the operator added, by name
    keys               LoRaWAN session keys, see formats/setup.py
    facts              what earlier messages announced, as it was stored
    payload_bytes_max  what is longer is refused before it is parsed
    notes              where the steps of an explanation go; None: nobody asked
    Errors  ValueError for a codec that does not exist.
    """

    def __init__(
        self,
        zone: tzinfo = BERLIN,
        codecs_by_name: Mapping[str, str] = NO_CODECS,
        *,
        formats: tuple[Format, ...] = FORMATS,
        scripts: Mapping[str, Script] = _NO_SCRIPTS,
        keys: Mapping[str, bytes] = NO_KEYS,
        facts: Iterable[Fact] = (),
        payload_bytes_max: int = PAYLOAD_BYTES_MAX,
        notes: list[str] | None = None,
    ) -> None:
        for name, codec in codecs_by_name.items():
            if codec not in CODECS_BY_NAME and codec not in scripts:
                raise ValueError(
                    f"codec of {name!r}: expected a name that `emscher codec list` shows,"
                    f" found {codec!r}"
                )
        spelled = {
            name.lower() if _is_eui(name) else name: codec for name, codec in codecs_by_name.items()
        }
        self.memory = Memory(facts)
        slugs = {slug(name): name for name in scripts}
        self._setup = Setup(zone, spelled, slugs, keys, self.memory, notes)
        self._host = ScriptHost(scripts) if scripts else None
        self._formats = formats
        self._routes: dict[str, Format] = {}
        self._fast = Fast(self._setup)
        self._payload_bytes_max = payload_bytes_max
        # Names that were looked at already; bounded.
        self._quantities, self._channels = set(QUANTITIES), {""}

    def decode(self, envelope: Envelope) -> Message:
        """Return what the envelope says, its times judged against the time of receipt.

        An impossible time is replaced by the receipt's, and what was measured then is SUSPECT.
        Errors  PayloadError, and no other.
        """
        found = self.decode_all([envelope])[0]
        if isinstance(found, PayloadError):
            raise found
        return found

    def decode_all(self, envelopes: Sequence[Envelope]) -> list[Message | PayloadError]:
        """Return for each envelope what `decode` returns, or the PayloadError that it raises.

        The scripts of all of them run together, which costs a fraction of one by one.
        """
        found: list[Message | PayloadError] = []
        pending: list[tuple[int, Pending]] = []
        for at, envelope in enumerate(envelopes):
            found.append(self._one(envelope, at, pending))
        if pending:
            self._run(pending, envelopes, found)
        return found

    def explained(self, envelope: Envelope) -> tuple[Message | PayloadError, list[str]]:
        """Return what `decode_all` returns for one envelope, and the steps by which it was read."""
        steps: list[str] = []
        silent, self._setup = self._setup, dataclasses.replace(self._setup, notes=steps)
        self._routes.pop(envelope.topic, None)  # so that the format is told, too
        try:
            return self.decode_all([envelope])[0], steps
        finally:
            self._setup = silent

    def read_all(self, envelopes: Sequence[Envelope]) -> list[Message | Express | PayloadError]:
        """Return as `decode_all`, but what can go the fast way as it is there."""
        found: list[Message | Express | PayloadError] = []
        pending: list[tuple[int, Pending]] = []
        fast, routes = self._fast, self._routes
        for at, envelope in enumerate(envelopes):
            express = fast.read(envelope)
            if express is not None:
                found.append(express)
                continue
            read = self._one(envelope, at, pending)
            if isinstance(read, Message) and routes.get(envelope.topic) is chirpstack_v4:
                fast.learn(envelope, read)
            found.append(read)
        if pending:
            self._run(pending, envelopes, found)
        return found

    def close(self) -> None:
        """End the process that runs scripts, where there is one."""
        if self._host is not None:
            self._host.close()

    def _one(
        self, envelope: Envelope, at: int, pending: list[tuple[int, Pending]]
    ) -> Message | PayloadError:
        """Read one envelope; one that a script must read first is put on the list of those."""
        try:
            read = self._read(envelope)
            if isinstance(read, Pending):
                pending.append((at, read))
                return PayloadError("script", "an answer", "none yet")
            return self._finished(read, envelope.received_ns)
        except Exception as error:  # a broken message must never stop the stream
            return _refusal(error, envelope.topic)

    def _run(
        self,
        pending: list[tuple[int, Pending]],
        envelopes: Sequence[Envelope],
        found: list[Message | PayloadError] | list[Message | Express | PayloadError],
    ) -> None:
        """Run the scripts that uplinks wait for, and put each message in its place."""
        assert self._host is not None  # only a script's name makes an uplink wait
        jobs = [Job(one.script, one.payload, one.f_port, one.recv_time) for _, one in pending]
        for (at, one), answer in zip(pending, self._host.run(jobs), strict=True):
            if isinstance(answer, PayloadError):
                found[at] = answer
                continue
            try:
                found[at] = self._finished(one.finish(answer), envelopes[at].received_ns)
            except Exception as error:  # as above
                found[at] = _refusal(error, one.script)

    def _finished(self, message: Message, received_ns: int) -> Message:
        """Return the message checked and with possible times, and what it says of others."""
        own_times = self._check(message)
        message = _timed(message, received_ns, own_times)
        if message.others:
            others = tuple(self._finished(one, received_ns) for one in message.others)
            if sum(len(one.measurements) for one in (message, *others)) > MEASUREMENTS_MAX:
                raise PayloadError("measurements", f"at most {MEASUREMENTS_MAX}", "more")
            message = replace(message, others=others)
        return message

    def _read(self, envelope: Envelope) -> Message | Pending:
        """Read the message by the first format that claims it."""
        if len(envelope.payload) > self._payload_bytes_max:
            raise PayloadError(
                "message size",
                f"at most {self._payload_bytes_max} bytes",
                f"{len(envelope.payload)} bytes on {envelope.topic}",
            )
        if len(envelope.topic) > TOPIC_CHARS_MAX:
            raise PayloadError("topic", f"at most {TOPIC_CHARS_MAX} characters", envelope.topic)
        topic, setup = envelope.topic, self._setup
        known = self._routes.get(topic)
        if known is not None:
            return known.read(envelope, setup)
        by_topic = True
        for one in self._formats:
            by_topic = by_topic and one.BY_TOPIC
            if one.claims(topic, envelope.payload, setup):
                setup.note(f"format: {one.NAME}, by its {'topic' if one.BY_TOPIC else 'content'}")
                if by_topic:
                    if len(self._routes) >= _ROUTES_MAX:
                        self._routes.clear()
                    self._routes[topic] = one
                return one.read(envelope, setup)
        raise PayloadError(
            "format",
            "a topic or a content that Emscher knows (docs/formats.md lists them)",
            f"{len(envelope.payload)} bytes on {topic or 'an empty topic'}",
        )

    def _check(self, message: Message) -> bool:
        """Raise PayloadError unless names and numbers are fit to be stored.

        Returns whether a measurement has a time of its own.
        """
        device, key = message.device, message.key
        if not device or len(device) > NAME_CHARS_MAX or not device.isprintable():
            raise _bad_name("device id", device)
        if key is not None and (not key or len(key) > NAME_CHARS_MAX or not key.isprintable()):
            raise _bad_name("message key", key)
        found = message.measurements
        if len(found) > MEASUREMENTS_MAX:
            raise PayloadError("measurements", f"at most {MEASUREMENTS_MAX}", len(found))
        if not found:
            return False
        quantities, values, channels, times, _ = zip(*found, strict=True)
        if not (self._quantities.issuperset(quantities) and self._channels.issuperset(channels)):
            for one in found:
                self._learn(one)
        if not isfinite(sum(values)):  # one of them, or only their sum
            for one in found:
                if not isfinite(one.value):
                    what = f"value of {one.quantity}"
                    raise PayloadError(what, "a finite number", repr(one.value))
        return times.count(None) != len(times)

    def _learn(self, one: Measurement) -> None:
        _check_name("quantity", one.quantity)
        if one.channel:
            _check_name(f"channel of {one.quantity}", one.channel)
        if len(self._quantities) + len(self._channels) > _KNOWN_NAMES_MAX:
            self._quantities, self._channels = set(QUANTITIES), {""}
        self._quantities.add(one.quantity)
        self._channels.add(one.channel)


def _refusal(error: Exception, what: str) -> PayloadError:
    """Return the PayloadError that an exception means, whatever it is."""
    if isinstance(error, PayloadError):
        return error
    if isinstance(error, RecursionError):
        told = PayloadError("nesting", "a message of a few levels", "too many levels")
    elif isinstance(error, ValueError | msgspec.MsgspecError):
        told = PayloadError("payload", f"a message as usual on {what}", str(error))
    else:
        told = PayloadError(
            "decoder fault",
            f"to read the message of {what}; this is a mistake in Emscher, please report it",
            f"{type(error).__name__}: {error}",
        )
    told.__cause__ = error
    return told


def _check_name(what: str, name: str) -> None:
    if not name or len(name) > NAME_CHARS_MAX or not name.isprintable():
        raise _bad_name(what, name)


def _bad_name(what: str, name: str) -> PayloadError:
    found = repr(name) if name else "an empty name"
    return PayloadError(what, f"1 to {NAME_CHARS_MAX} printable characters", found)


def _timed(message: Message, received_ns: int, own_times: bool) -> Message:
    """Return the message with possible times only."""
    time_ns, quality = message.time_ns, Quality.MEASURED
    if time_ns is not None:
        time_ns, quality = judged(time_ns, received_ns)
    if quality is Quality.MEASURED and not own_times:
        return message
    found = [_own_timed(one, quality, received_ns) for one in message.measurements]
    return replace(message, time_ns=time_ns, measurements=found)


def _own_timed(one: Measurement, of_message: Quality, received_ns: int) -> Measurement:
    if one.time_ns is None:
        return one._replace(quality=max(one.quality, of_message))
    time_ns, quality = judged(one.time_ns, received_ns)
    return one._replace(time_ns=time_ns, quality=max(one.quality, quality))


def _is_eui(name: str) -> bool:
    return len(name) == 16 and all(digit in "0123456789abcdefABCDEF" for digit in name)
