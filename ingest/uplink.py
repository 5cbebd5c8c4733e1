"""A LoRaWAN uplink, whichever network server brought it, and how its payload becomes readings.

A payload is decoded by, in this order:
1. the codec that the operator set for the DevEUI or for the device profile,
2. the network's own decoder, when the event carries its result (normalised before decoded),
3. a codec that recognises the profile's or the device's name, a tag, or the DevEUI; one that the
   operator added counts as recognised when it is called like the profile.
An uplink without a payload (a heartbeat) needs none. Without any codec it is refused with the rule
"payload codec", and can be decoded again from quarantine once there is one.

`rssi` and `snr` are those of the gateway that heard best, by SNR and then by RSSI.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import tzinfo
from functools import lru_cache
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from ingest.codecs import CODECS, CODECS_BY_NAME, Codec
from ingest.codecs.script import Answer
from ingest.errors import PayloadError
from ingest.formats.setup import Setup, slug
from ingest.history import measured
from ingest.meaning import steps
from ingest.reading import NOTHING, Json, Measurement, Message

_WORD = re.compile(r"[^\W_]+")
_NAMES_CHARS_MAX = 512
_RADIO = frozenset(("rssi", "snr"))


class Uplink(msgspec.Struct, frozen=True):
    """An uplink as its network server tells it.

    device       DevEUI, sixteen lower-case hex digits
    payload      FRMPayload, decrypted
    time_ns      when the network heard it, UTC ns; None: not told
    recv_time    the same as text, to the last digit, for codecs that want it
    received_ns  when Emscher got it, UTC ns: what ages count from where time_ns is None
    tags         whatever else names the kind of device (tags, brand, model)
    decoded      fields that the network's own decoder returned, normalised ones if it has them
    key          what makes this uplink one (a deduplication id)
    key_alone    each gateway brings its own copy, with a time of its own; the key tells them
    f_cnt        its frame counter; None: not told
    """

    format: str
    device: str
    payload: bytes
    f_port: int
    received_ns: int
    time_ns: int | None = None
    recv_time: str = ""
    name: str = ""
    profile: str = ""
    tags: str = ""
    decoded: Mapping[str, Json] | None = None
    rssi: float | None = None
    snr: float | None = None
    key: str | None = None
    state: Mapping[str, Json] = NOTHING
    key_alone: bool = False
    f_cnt: int | None = None


class Pending(NamedTuple):
    """An uplink whose codec is a script: what the script needs, and what follows its answer."""

    script: str
    payload: bytes
    f_port: int
    recv_time: str
    finish: Callable[[Answer], Message]


def message(uplink: Uplink, setup: Setup) -> Message | Pending:
    """Return the message of an uplink, or what a script must do first.

    Errors  PayloadError when no codec is known, or the codec refuses the payload.
    """
    chosen = _chosen(uplink, setup) if setup.codecs else None
    if chosen is None and uplink.decoded:
        setup.note("payload: decoded by the network server; its fields are taken")
        if setup.notes is not None:
            setup.notes.extend(steps(uplink.decoded))
        return _message(
            uplink, _of_device(measured(uplink.decoded, setup.zone, uplink.received_ns))
        )
    if chosen is None and not uplink.payload:
        return _message(uplink, [])
    if chosen is None:
        chosen = _recognised(uplink, setup)
    if isinstance(chosen, str):
        setup.note(f"payload: decoded by the script {chosen!r} on FPort {uplink.f_port}")

        def finish(answer: Answer) -> Message:
            return _answered(uplink, answer, setup.zone)

        return Pending(chosen, uplink.payload, uplink.f_port, uplink.recv_time, finish)
    if setup.notes is not None:
        setup.note(f"payload: decoded by the codec {chosen.NAME!r} on FPort {uplink.f_port}")
    return _message(uplink, chosen.decode(uplink.payload, uplink.f_port))


def best(heard: Iterable[tuple[float | None, float | None]]) -> tuple[float | None, float | None]:
    """Return (rssi, snr) of the gateway that heard best; (None, None) where none has an RSSI."""
    told = [(snr or 0.0, rssi) for rssi, snr in heard if rssi is not None]
    if not told:
        return None, None
    snr, rssi = told[0] if len(told) == 1 else max(told)
    return rssi, snr


def _chosen(uplink: Uplink, setup: Setup) -> Codec | str | None:
    """Return the codec that the operator set, or the name of the script that it is."""
    name = setup.codecs.get(uplink.device) or setup.codecs.get(uplink.profile)
    if name is None:
        return None
    if name in setup.scripts:
        return name
    return CODECS_BY_NAME[name]


def codec_of(uplink: Uplink, setup: Setup) -> tuple[Codec | None, bool]:
    """Return the codec of ours that reads an uplink's payload, and whether the operator set it.

    None: it is a script's, or nobody's.
    """
    chosen = _chosen(uplink, setup)
    try:
        found = chosen or _recognised(uplink, setup)
    except PayloadError:
        return None, False
    return (None if isinstance(found, str) else found), chosen is not None


def _recognised(uplink: Uplink, setup: Setup) -> Codec | str:
    """Return the codec known from names; PayloadError, rule "payload codec", when none is."""
    if setup.scripts and uplink.profile:
        script = slug(uplink.profile)
        if script in setup.scripts:
            return setup.scripts[script]
    names = f"{uplink.profile} {uplink.name} {uplink.tags}"
    codec = _known(names[:_NAMES_CHARS_MAX], uplink.device)
    if codec is None:
        raise PayloadError(
            "payload codec",
            f"a codec for the profile {uplink.profile!r}; set one for it (emscher codec list shows"
            " them, emscher codec add takes the maker's), or a decoder in the network server",
            f"no codec, and no decoded object in the uplink of {uplink.device}",
        )
    return codec


@lru_cache(maxsize=16_384)
def _known(names: str, device: str) -> Codec | None:
    words = frozenset(_WORD.findall(names.lower()))
    return next((codec for codec in CODECS if codec.matches(words, device)), None)


def _answered(uplink: Uplink, answer: Answer, zone: tzinfo) -> Message:
    """Return the message of what a script answered; its warnings are kept as the device's state."""
    warnings: list[Json] = list(answer.warnings)
    state: Mapping[str, Json] = {"codec_warnings": warnings} if warnings else {}
    return _message(
        replace(uplink, state={**uplink.state, **state}),
        of_answer(answer, zone, uplink.received_ns),
    )


def of_answer(answer: Answer, zone: tzinfo, received_ns: int) -> list[Measurement]:
    """Return what a script answered as measurements: normalised if it does that itself."""
    found: list[Measurement] = []
    for tree in answer.normalized or [answer.data]:
        found += _of_device(measured(tree, zone, received_ns))
    return found


def _of_device(found: list[Measurement]) -> list[Measurement]:
    """Mark what the device says of its radio as of the device: it is not the gateway's."""
    return [
        one._replace(channel=one.channel or "device") if one.quantity in _RADIO else one
        for one in found
    ]


def _message(uplink: Uplink, found: list[Measurement]) -> Message:
    heard_ns = uplink.received_ns if uplink.time_ns is None else uplink.time_ns
    for place, (_, _, _, own_ns, _) in enumerate(found):
        if own_ns is not None and own_ns <= 0:  # a codec's: minus the age
            found[place] = found[place]._replace(time_ns=heard_ns + own_ns)
    if uplink.rssi is not None:
        found.append(Measurement("rssi", float(uplink.rssi)))
        if uplink.snr is not None:
            found.append(Measurement("snr", float(uplink.snr)))
    return Message(
        uplink.device,
        uplink.time_ns,
        found,
        uplink.state,
        uplink.key,
        uplink.name,
        uplink.profile,
        uplink.format,
        key_alone=uplink.key_alone,
        f_cnt=uplink.f_cnt,
    )
