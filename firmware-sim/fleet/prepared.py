"""Messages as the packets that go over the wire, made once and sent as often as one likes."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fleet.errors import EncodingError
from fleet.message import Message
from fleet.packets import id_place, publish
from fleet.sending import share_of

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Prepared:
    """PUBLISH packets, one behind the other, in the order of the messages.

    blob    the packets; ids are 0
    starts  (n + 1,) where each packet begins, and where the last one ends
    ids     (n,) where the two bytes of its id stand; -1 for QoS 0
    share   (n,) a number for the device, by whose remainder a client is chosen
    """

    blob: bytes
    starts: Ints
    ids: Ints
    share: Ints

    def __len__(self) -> int:
        """Return how many messages there are."""
        return len(self.ids)

    def of_client(self, number: int, clients: int) -> "Prepared":
        """Return those of one of the clients; with several clients, their bytes are copied."""
        if clients == 1:
            return self
        chosen = np.flatnonzero(self.share % clients == number)
        first, past = self.starts[chosen], self.starts[chosen + 1]
        view = memoryview(self.blob)
        pieces = [view[a:b] for a, b in zip(first.tolist(), past.tolist(), strict=True)]
        starts = np.zeros(len(chosen) + 1, np.int64)
        np.cumsum(past - first, out=starts[1:])
        ids = self.ids[chosen]
        return Prepared(
            b"".join(pieces),
            starts,
            np.where(ids < 0, -1, ids - first + starts[:-1]),
            self.share[chosen],
        )


def prepare(messages: Iterable[Message], qos: int | None = None) -> Prepared:
    """Return the messages as packets: of a list, of a recording, of a simulation.

    qos     for every message; None: each message's own
    Errors  EncodingError for a topic that is none; what `messages` raises
    """
    if qos not in (0, 1, None):
        raise EncodingError(f"qos: expected 0 or 1, found {qos}")
    packets, ids, shares = [], [], []
    of_topic: dict[str, int] = {}
    starts, at = [0], 0
    for message in messages:
        level = message.qos if qos is None else qos
        packet = publish(message.topic, message.payload, level, retain=message.retain)
        share = of_topic.get(message.topic)
        if share is None:
            share = of_topic[message.topic] = share_of(message.topic)
        packets.append(packet)
        shares.append(share)
        ids.append(at + id_place(packet) if level else -1)
        at += len(packet)
        starts.append(at)
    return Prepared(
        b"".join(packets),
        np.array(starts, np.int64),
        np.array(ids, np.int64),
        np.array(shares, np.int64),
    )
