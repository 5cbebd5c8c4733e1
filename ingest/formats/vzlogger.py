"""vzlogger: {topic}/chn{N}/{raw|agg}, one topic for each channel of a meter.

Source: volkszaehler.org, vzlogger: "mqtt" section of the configuration, and what its MQTT client
publishes (chnN/raw, chnN/agg, chnN/id, chnN/uuid).

A value is a bare number, or {"timestamp": ms, "value": number} with the option "timestamp". What
it is the value of is told once after vzlogger has started, on {topic}/chn{N}/id: mostly an OBIS
code ("1-0:1.8.0*255"). Without the option "retain" the broker forgets it at once. It is learned
here; a value of a channel that was not announced is refused with the rule "announcement" and is
read by itself once it was.

The unit is not sent: registers are Wh, powers W, as SML meters count. vzlogger passes on what a D0
meter sends, which mostly is kWh; then publish the identifier once with its unit ("1-0:1.8.0*255
kWh"): the unit is kept when vzlogger tells the identifier alone again. An identifier that is no
OBIS code and has no meaning of its own names its values.

The device is {topic}. Of two channels with one identifier (two meters of one vzlogger) the one
that was announced first has the plain series, the other has its "chnN" as channel, and both keep
them for good: the choice is learned with the identifier. `agg` is what vzlogger made of several
raw values; that is another series than the raw values, with "agg" as its channel.
A retained value without a timestamp is old and becomes state.
"""

import re
import shlex
from functools import lru_cache

import msgspec

from ingest.errors import ANNOUNCEMENT, PayloadError
from ingest.formats.bare import decimal_ns, news, number_of, shown, text_of, typed
from ingest.formats.setup import Setup
from ingest.meaning import NAME_CHARS_MAX, meaning
from ingest.quantity import QUANTITIES
from ingest.reading import Envelope, Measurement, Message
from ingest.unit import scaled

NAME = "vzlogger"
BY_TOPIC = True

_MILLISECOND_NS = 1_000_000
_TOPIC = re.compile(r"(.+)/(chn\d{1,6})/(raw|agg|id|uuid)", re.ASCII)
_ID_CHARS_MAX = NAME_CHARS_MAX - 16


class _Reading(msgspec.Struct):
    timestamp: msgspec.Raw
    value: float


_READING = msgspec.json.Decoder(_Reading)


def claims(topic: str, payload: bytes, setup: Setup) -> bool:
    """Say yes by the last two levels."""
    del payload, setup
    return _parts(topic) is not None


def read(envelope: Envelope, setup: Setup) -> Message:
    """Return the reading of a channel, or what a channel announces of itself.

    Errors  PayloadError for a value that is no number, an identifier that is no name, and, with
            the rule "announcement", for a value of a channel that nobody announced.
    """
    parts = _parts(envelope.topic)
    if parts is None:
        raise PayloadError("vzlogger topic", "…/chnN/raw, agg, id or uuid", envelope.topic)
    device, channel, what = parts
    if what == "uuid":
        told = text_of(envelope.payload)[:NAME_CHARS_MAX]
        return Message(device, None, [], {f"{channel}.uuid": told}, format=NAME)
    if what == "id":
        return _announced(envelope, setup, device, channel)
    time_ns, value = _value(envelope.payload)
    known = setup.memory.get(NAME, f"{device}/{channel}")
    if not isinstance(known, dict):
        raise _unannounced(device, channel)
    sense = meaning(str(known["id"]), str(known["unit"]))
    places = (sense.channel, known["place"], "agg" if what == "agg" else "")
    place = ".".join(str(part) for part in places if part)
    found = [Measurement(sense.quantity, scaled(value, sense.scale), place)]
    return news(Message(device, time_ns, found, format=NAME), envelope)


def _announced(envelope: Envelope, setup: Setup, device: str, channel: str) -> Message:
    """Learn what a channel measures, and which series is its own."""
    told = text_of(envelope.payload)
    if not told:  # somebody cleared a retained identifier: the channel goes on as it was
        return Message(device, None, [], format=NAME)
    if len(told) > _ID_CHARS_MAX or not told.isprintable():
        raise PayloadError("channel identifier", f"at most {_ID_CHARS_MAX} characters", told)
    name, unit = _with_unit(told)
    mine = f"{device}/{channel}"
    known = setup.memory.get(NAME, mine)
    if not isinstance(known, dict) or known["id"] != name or unit not in {"", known["unit"]}:
        sense = meaning(name, unit)
        owned = f"{device} {sense.quantity} {sense.channel}"
        owner = setup.memory.get(NAME, owned)
        if owner is None:
            setup.memory.learn(NAME, owned, channel)
        place = "" if owner in {None, channel} else channel
        setup.memory.learn(NAME, mine, {"id": name, "place": place, "unit": unit})
        kind = sense.quantity if sense.quantity in QUANTITIES else "a value without a quantity"
        setup.note(f"{channel} of {device} is {name}: {kind}")
    return Message(device, None, [], {f"{channel}.id": told}, format=NAME)


def _with_unit(told: str) -> tuple[str, str]:
    """Return an identifier and the unit that an operator put behind it, "" for none."""
    name, _, unit = told.partition(" ")
    if not unit or meaning(name).quantity not in QUANTITIES:
        return told, ""
    if meaning(name, unit).quantity not in QUANTITIES:
        raise PayloadError("unit of a channel", f"one that {name} can have, as kWh or W", unit)
    return name, unit


def _unannounced(device: str, channel: str) -> PayloadError:
    topic = shlex.quote(f"{device}/{channel}/id")
    return PayloadError(
        ANNOUNCEMENT,
        f"the OBIS code of {channel} before its first value: restart vzlogger, which tells it once,"
        f" or tell it by hand: mosquitto_pub -r -t {topic} -m '1-0:1.8.0*255'",
        f"a value of {device}/{channel}, of which no identifier is known",
    )


def _value(payload: bytes) -> tuple[int | None, float]:
    if not payload.lstrip().startswith(b"{"):
        return None, number_of(payload, 'or {"timestamp":ms,"value":number}')
    reading = typed(_READING, payload, '{"timestamp":ms,"value":number}')
    if reading.value - reading.value != 0:
        raise PayloadError("value", "a finite number", shown(payload))
    stamp = bytes(reading.timestamp).decode()
    return decimal_ns(stamp, _MILLISECOND_NS, "timestamp"), reading.value


@lru_cache(maxsize=65_536)
def _parts(topic: str) -> tuple[str, str, str] | None:
    match = _TOPIC.fullmatch(topic)
    return None if match is None else (match[1], match[2], match[3])
