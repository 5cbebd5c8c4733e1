"""What publishing tells: while it goes and at its end; and through which client a device speaks."""

import re
import zlib
from dataclasses import dataclass

# What stands behind a device's name on its topics, for devices that have several.
_SEVERAL = re.compile(
    r"((?:application|v3)/[^/]+/devices?/[^/]+)/.+"  # ChirpStack, The Things Stack
    r"|(?:tele|stat|cmnd)/(.+)/[^/]+"  # Tasmota's prefixes
    r"|(.+)/(?:events/rpc|status/[^/]+|online)"  # Shelly
    r"|(.+)/chn\d+/[^/]+"  # vzlogger
    r"|([^/]+/.+)/[^/]+"  # whatever else has three levels or more
)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a stream has come.

    acknowledged    messages that the broker has (QoS 0: that were sent)
    unacknowledged  messages that were sent and are not acknowledged yet
    time_ns         the time of the last message that was sent, UTC ns; 0: none was
    lag_s           how long the oldest message that is due has waited to be sent; 0: on time,
                    and where there is no pace
    waiting         why nothing is sent now, in a sentence; "" while all are connected
    """

    acknowledged: int
    unacknowledged: int
    time_ns: int
    lag_s: float
    waiting: str = ""


@dataclass(frozen=True, slots=True)
class Sent:
    """What came of it.

    acknowledged    messages that the broker has (QoS 0: that were sent)
    unacknowledged  messages that were sent and may or may not have arrived
    seconds         from when all clients were connected to the last acknowledgement
    lag_s           the longest that a message was sent after it was due
    reconnects      how often a lost connection was made again
    """

    acknowledged: int
    unacknowledged: int
    seconds: float
    lag_s: float = 0.0
    reconnects: int = 0


def device_of(topic: str) -> str:
    """Return what all topics of one device have in common, as far as topics tell."""
    match = _SEVERAL.fullmatch(topic)
    return topic if match is None else match[match.lastindex or 0]


def share_of(topic: str) -> int:
    """Return a number from 0 to 2³²−1, the same for all topics of a device, on every machine.

    Its remainder by the number of clients is the client through which the device speaks.
    """
    return zlib.crc32(device_of(topic).encode("utf-8", "surrogatepass"))
