"""A commit while it grows, message by message, as columns."""

import numpy as np

from ingest.device import Device
from ingest.memory import Fact
from ingest.reading import Envelope, Quality, Rows
from ingest.store.port import Commit, Refusal


class Columns:
    """The commit while it grows, message by message.

    Readings of one message that share their time stand there as a run: `length` says how many
    of `series` and `value` have the time, receipt, quality and message of that place.
    """

    def __init__(self) -> None:
        """Begin without a message; what the lists hold, Commit says."""
        self.series: list[int] = []
        self.value: list[float] = []
        self.length: list[int] = []
        self.time_ns: list[int] = []
        self.received_ns: list[int] = []
        self.quality: list[int] = []
        self.message: list[int] = []
        self.messages = 0
        self.repeats = 0
        self.refusals: list[Refusal] = []
        self.devices: dict[str, Device] = {}
        self.keys: dict[bytes, None] = {}
        self.facts: list[Fact] = []
        self.released: list[int] = []
        self.archived: list[Envelope] = []
        self.frames: list[tuple[str, int]] = []

    def run(
        self, length: int, time_ns: int, received_ns: int, quality: int = Quality.MEASURED
    ) -> None:
        """Say of what time the next so many series and values are, of the message that is read."""
        self.length.append(length)
        self.time_ns.append(time_ns)
        self.received_ns.append(received_ns)
        self.quality.append(quality)
        self.message.append(self.messages)

    def commit(self) -> Commit:
        """Return what is to become durable together."""
        length = np.array(self.length, dtype=np.int64)
        runs = (
            np.repeat(np.array(column, dtype=kind), length)
            for column, kind in (
                (self.time_ns, np.int64),
                (self.received_ns, np.int64),
                (self.quality, np.uint8),
                (self.message, np.int32),
            )
        )
        time_ns, received_ns, quality, message = runs
        return Commit(
            Rows.of(self.series, time_ns, self.value, received_ns, quality),
            message,
            self.messages,
            self.repeats,
            self.refusals,
            list(self.devices.values()),
            list(self.keys),
            self.facts,
            self.released,
        )
