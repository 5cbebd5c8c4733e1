"""Message formats: what a network server or a gateway firmware puts on the wire.

To add one: write a module here with `NAME`, `BY_TOPIC`, `claims(topic, payload, setup)` and
`read(envelope, setup)`, and put it into FORMATS. Nothing else needs to change.

- `claims(topic: str, payload: bytes, setup: Setup) -> bool` is cheap; it says that this format is
  responsible, also for a message of its own that turns out to be broken.
- `BY_TOPIC` says that `claims` looks at the topic alone. These formats stand first and are asked
  once for each topic; those that look at the payload or at what was announced are asked each time.
- `read(envelope: Envelope, setup: Setup) -> Message | Pending` returns what the message says or
  raises PayloadError. Times are returned as stated; they are judged afterwards, for every format
  alike. Network servers of LoRaWAN return what `ingest.uplink.message` makes of an Uplink.

What a message announces for later ones goes into `setup.memory`; what a device or its network says
of itself (birth, will, join, battery) becomes `Message.state`, with or without measurements.
"""

from typing import Protocol

from ingest.formats import chirpstack_v4, tasmota
from ingest.formats.setup import Setup, session_keys
from ingest.reading import Envelope, Message
from ingest.uplink import Pending

__all__ = ["FORMATS", "Format", "session_keys"]


class Format(Protocol):
    """What a module in this folder offers."""

    NAME: str
    BY_TOPIC: bool

    def claims(self, topic: str, payload: bytes, setup: Setup) -> bool:
        """Say whether this format is responsible for the message."""

    def read(self, envelope: Envelope, setup: Setup) -> Message | Pending:
        """Return what the message says, or raise PayloadError."""


FORMATS: tuple[Format, ...] = (chirpstack_v4, tasmota)
"""In the order in which they are asked; the first that claims a message reads it."""
