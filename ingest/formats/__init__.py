"""Message formats: what a network server or a gateway firmware puts on the wire.

To add one: write a module here with `NAME`, `claims(topic, payload)` and `read(envelope, setup)`,
and put it into FORMATS. Nothing else needs to change.

- `claims(topic: str, payload: bytes) -> bool` is cheap and looks at the topic first; it says that
  this format is responsible, also for a message of its own that turns out to be broken.
- `read(envelope: Envelope, setup: Setup) -> Message` returns what the message says or raises
  PayloadError. Times are returned as stated; they are judged afterwards, for every format alike.
"""

from typing import Protocol

from ingest.formats import chirpstack_v4, tasmota
from ingest.formats.setup import Setup
from ingest.reading import Envelope, Message


class Format(Protocol):
    """What a module in this folder offers."""

    NAME: str

    def claims(self, topic: str, payload: bytes) -> bool:
        """Say whether this format is responsible for the message."""

    def read(self, envelope: Envelope, setup: Setup) -> Message:
        """Return what the message says, or raise PayloadError."""


FORMATS: tuple[Format, ...] = (chirpstack_v4, tasmota)
"""In the order in which they are asked; the first that claims a message reads it."""
