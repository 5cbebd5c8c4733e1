"""From an envelope to a message: which format it is, and what must hold for every format.

Whatever comes in, `Decoder.decode` returns a Message or raises PayloadError, nothing else: a
broken message goes to quarantine and never stops the stream.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import tzinfo
from math import isfinite

import msgspec

from ingest.clock import judged
from ingest.codecs import CODECS_BY_NAME
from ingest.errors import PayloadError
from ingest.formats import FORMATS, Format
from ingest.formats.setup import BERLIN, NO_CODECS, Setup
from ingest.quantity import QUANTITIES
from ingest.reading import Envelope, Measurement, Message, Quality

PAYLOAD_BYTES_MAX = 1 << 20
MEASUREMENTS_MAX = 4096
NAME_CHARS_MAX = 128
TOPIC_CHARS_MAX = 1024
_KNOWN_NAMES_MAX = 8192


class Decoder:
    """Reads envelopes of every format in FORMATS.

    zone               of clocks that send wall-clock time without an offset
    codecs_by_name     device profile's name or DevEUI -> name of a payload codec
    payload_bytes_max  what is longer is refused before it is parsed
    Errors  ValueError for a codec that does not exist.
    """

    def __init__(
        self,
        zone: tzinfo = BERLIN,
        codecs_by_name: Mapping[str, str] = NO_CODECS,
        *,
        formats: tuple[Format, ...] = FORMATS,
        payload_bytes_max: int = PAYLOAD_BYTES_MAX,
    ) -> None:
        for name, codec in codecs_by_name.items():
            if codec not in CODECS_BY_NAME:
                known = " ".join(CODECS_BY_NAME)
                raise ValueError(f"codec of {name!r}: expected one of {known}, found {codec!r}")
        spelled = {
            name.lower() if _is_eui(name) else name: codec for name, codec in codecs_by_name.items()
        }
        self._setup = Setup(zone, spelled)
        self._formats = formats
        self._payload_bytes_max = payload_bytes_max
        self._sane = set(QUANTITIES) | {""}  # names that were looked at already; bounded

    def decode(self, envelope: Envelope) -> Message:
        """Return what the envelope says, its times judged against the time of receipt.

        An impossible time is replaced by the receipt's, and what was measured then is SUSPECT.
        Errors  PayloadError, and no other.
        """
        if len(envelope.payload) > self._payload_bytes_max:
            raise PayloadError(
                "message size",
                f"at most {self._payload_bytes_max} bytes",
                f"{len(envelope.payload)} bytes on {envelope.topic}",
            )
        if len(envelope.topic) > TOPIC_CHARS_MAX:
            raise PayloadError("topic", f"at most {TOPIC_CHARS_MAX} characters", envelope.topic)
        message = self._read(envelope)
        own_times = self._check(message)
        return _timed(message, envelope.received_ns, own_times)

    def _read(self, envelope: Envelope) -> Message:
        name = "none"
        try:
            for one in self._formats:
                name = one.NAME
                if one.claims(envelope.topic, envelope.payload):
                    return one.read(envelope, self._setup)
        except PayloadError:
            raise
        except RecursionError as error:
            raise PayloadError("nesting", "JSON of a few levels", "too many levels") from error
        except (ValueError, msgspec.MsgspecError) as error:
            raise PayloadError("payload", f"a message of {name}", str(error)) from error
        except Exception as error:
            raise PayloadError(
                "decoder fault",
                f"{name} to read the message; this is a mistake in Emscher, please report it",
                f"{type(error).__name__}: {error}",
            ) from error
        raise PayloadError(
            "format",
            "a topic of a known format (" + ", ".join(one.NAME for one in self._formats) + ")",
            envelope.topic or "an empty topic",
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
        sane, own_times = self._sane, False
        for one in found:
            quantity, value, channel, time_ns, _ = one
            if quantity not in sane or channel not in sane or not quantity:
                self._learn(one)
                sane = self._sane
            if not isfinite(value):
                raise PayloadError(f"value of {quantity}", "a finite number", repr(value))
            if time_ns is not None:
                own_times = True
        return own_times

    def _learn(self, one: Measurement) -> None:
        _check_name("quantity", one.quantity)
        if one.channel:
            _check_name(f"channel of {one.quantity}", one.channel)
        if len(self._sane) > _KNOWN_NAMES_MAX:
            self._sane = set(QUANTITIES) | {""}
        self._sane |= {one.quantity, one.channel}


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
