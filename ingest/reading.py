"""The nouns of a measurement, from the message as it came to the rows that are stored.

Time is UTC in int64 nanoseconds since 1970, the moment of sampling. Values are float64 in the
one unit of their quantity (ingest/quantity.py). Import is positive.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

Json = str | int | float | bool | None | list["Json"] | dict[str, "Json"]


NOTHING: Mapping[str, Json] = MappingProxyType({})


class Quality(IntEnum):
    """How far a value may be trusted, best first."""

    MEASURED = 0
    ESTIMATED = 1
    SUBSTITUTED = 2
    SUSPECT = 3
    REJECTED = 4

    @property
    def word(self) -> str:
        """The word that the API and people use: "measured", "estimated", …"""
        return self.name.lower()

    def letter(self, *, provisional: bool = False) -> str:
        """Return the status of a German metering operator.

        W wahrer Wert, V vorläufiger Wert, E Ersatzwert, N nicht verwendbarer Wert.
        """
        if self is Quality.REJECTED:
            return "N"
        if provisional or self is Quality.SUSPECT:
            return "V"
        return "W" if self is Quality.MEASURED else "E"


class Envelope(msgspec.Struct, frozen=True, gc=False):
    """One message as it came.

    source       which broker it came from, a short name
    received_ns  when Emscher got it, UTC ns
    redelivered  the broker says that it may have sent this before (MQTT DUP)
    retained     the broker kept it; it may be old
    """

    source: str
    topic: str
    payload: bytes
    received_ns: int
    redelivered: bool = False
    retained: bool = False


class Measurement(NamedTuple):
    """One value of a message: what a codec or a format returns.

    channel  phase or input ("L1", "2", "external"); "" where there is only one
    time_ns  its own sampling time; None: the time of the message
    """

    quantity: str
    value: float
    channel: str = ""
    time_ns: int | None = None
    quality: Quality = Quality.MEASURED


class Message(msgspec.Struct, frozen=True):
    """What a format understood of an envelope.

    device       as the device names itself; a DevEUI in lower-case hex
    time_ns      sampling time that the message states; None: it states none
    measurements what was measured; may be empty (a join, a status)
    state        what the device or its network said about itself, kept as the newest by name
    key          what makes this message one message (a deduplication id); None: nothing does
    model        device profile or firmware name, where known
    others       what the same envelope says of further devices
    key_alone    the key tells this part whatever its topic and times: several gateways heard it;
                 without it the keys of `others` do not count
    f_cnt        the frame counter of a LoRaWAN uplink
    """

    device: str
    time_ns: int | None
    measurements: list[Measurement] = []
    state: Mapping[str, Json] = NOTHING
    key: str | None = None
    name: str = ""
    model: str = ""
    format: str = ""
    others: tuple["Message", ...] = ()
    key_alone: bool = False
    f_cnt: int | None = None


class Series(NamedTuple):
    """One quantity of one device and channel. Its unit is the quantity's, for ever."""

    device: str
    quantity: str
    channel: str = ""


@dataclass(frozen=True, slots=True)
class Rows:
    """Readings as columns, one row each, all of one length n.

    series (n,) int32, the store's number of a Series · time_ns (n,) int64 · value (n,) float64
    received_ns (n,) int64 · quality (n,) uint8
    """

    series: NDArray[np.int32]
    time_ns: NDArray[np.int64]
    value: NDArray[np.float64]
    received_ns: NDArray[np.int64]
    quality: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.series)

    def take(self, which: NDArray[np.intp] | NDArray[np.bool_] | slice) -> "Rows":
        """Return the rows that an index array, a mask or a slice picks."""
        return Rows(
            self.series[which],
            self.time_ns[which],
            self.value[which],
            self.received_ns[which],
            self.quality[which],
        )

    @staticmethod
    def joined(parts: "Sequence[Rows]") -> "Rows":
        """Return all rows of all parts (one at least), in their order."""
        names = ("series", "time_ns", "value", "received_ns", "quality")
        return Rows(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))

    @staticmethod
    def of(
        series: object, time_ns: object, value: object, received_ns: object, quality: object
    ) -> "Rows":
        """Return rows from any sequences, in the types above."""
        return Rows(
            np.asarray(series, dtype=np.int32),
            np.asarray(time_ns, dtype=np.int64),
            np.asarray(value, dtype=np.float64),
            np.asarray(received_ns, dtype=np.int64),
            np.asarray(quality, dtype=np.uint8),
        )
