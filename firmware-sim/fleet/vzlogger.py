"""vzlogger's MQTT messages: one topic level `chnN` for each channel of a meter.

Source: volkszaehler/vzlogger, src/mqtt.cpp (`generateNames`, `publish`) and the "mqtt" section of
its configuration (topic, retain, qos, rawAndAgg, timestamp); json-c for the spelling of the object.

Once after a start each channel announces its OBIS code on `…/id` and its `…/uuid`. Values follow on
`…/raw`, or on `…/agg` where vzlogger aggregates them: a bare number with six decimals, or with the
option "timestamp" an object of milliseconds and value. Units are never sent: SML registers are Wh.
"""

from dataclasses import dataclass

from fleet.digits import decimal
from fleet.errors import EncodingError
from fleet.message import Message

_MILLISECOND_NS = 1_000_000
_DECIMALS = 6  # std::to_string of a double


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel of vzlogger's configuration.

    topic      its "topic" setting, such as "vzlogger" or "keller/strom"
    number     N of chnN
    obis       "1-0:1.8.0*255"
    uuid       of the volkszaehler middleware
    timestamp  the option that sends the meter's time with each value
    retain     the option that leaves every message with the broker
    """

    topic: str
    number: int
    obis: str
    uuid: str
    timestamp: bool = False
    retain: bool = False
    qos: int = 0


def announcement(channel: Channel, *, time_ns: int) -> tuple[Message, Message]:
    """Return what a channel says of itself before its first value: its id, then its uuid."""
    return (
        _message(channel, "id", channel.obis, time_ns),
        _message(channel, "uuid", channel.uuid, time_ns),
    )


def value(
    channel: Channel, *, time_ns: int, steps: int, places: int = 0, aggregated: bool = False
) -> Message:
    """Return the message of one value: steps / 10**places in the unit of the meter (Wh, W).

    aggregated  on `agg` instead of `raw`
    Errors      EncodingError for more than six places, which vzlogger does not print
    """
    if not 0 <= places <= _DECIMALS:
        raise EncodingError(f"vzlogger: expected 0 to {_DECIMALS} places, found {places}")
    if channel.timestamp:
        text = _object(time_ns // _MILLISECOND_NS, steps, places)
    else:
        text = decimal(steps * 10 ** (_DECIMALS - places), _DECIMALS)
    return _message(channel, "agg" if aggregated else "raw", text, time_ns)


def _object(time_ms: int, steps: int, places: int) -> str:
    """Return the object as json-c prints it: 17 digits of a double, and at least one decimal."""
    number = f"{steps / 10**places:.17g}"
    if "." not in number and "e" not in number:
        number += ".0"
    return f'{{ "timestamp": {time_ms}, "value": {number} }}'


def _message(channel: Channel, what: str, text: str, time_ns: int) -> Message:
    topic = f"{channel.topic}/chn{channel.number}/{what}"
    return Message(time_ns, topic, text.encode(), channel.qos, channel.retain)
