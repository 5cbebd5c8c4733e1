"""Message formats: what a network server or a gateway firmware puts on the wire.

To add one: write a module here with `NAME`, `BY_TOPIC`, `claims(topic, payload, setup)` and
`read(envelope, setup)`, and put it into FORMATS. Nothing else needs to change.

- `claims(topic: str, payload: bytes, setup: Setup) -> bool` is cheap; it says that this format is
  responsible, also for a message of its own that turns out to be broken.
- `BY_TOPIC` says that `claims` looks at the topic alone. These formats stand first and are asked
  once for each topic; those that look at the payload or at what was announced are asked each time.
  A "yes" by topic must hold for ever: what it rests on may be learned, and never be unlearned.
- `read(envelope: Envelope, setup: Setup) -> Message | Pending` returns what the message says or
  raises PayloadError. Times are returned as stated; they are judged afterwards, for every format
  alike. Network servers of LoRaWAN return what `ingest.uplink.message` makes of an Uplink.

What a message announces for later ones goes into `setup.memory`; what a device or its network says
of itself (birth, will, join, battery) becomes `Message.state`, with or without measurements.
"""

from typing import Any, Protocol

from ingest.errors import PayloadError
from ingest.formats import (
    chirpstack_v3,
    chirpstack_v4,
    home_assistant,
    homie,
    line_protocol,
    lorawan_gateway,
    senml,
    shelly,
    shelly_gen1,
    sparkplug,
    tasmota,
    telegram,
    things_stack,
    vzlogger,
    zigbee2mqtt,
)
from ingest.formats.mapped import Mapped, mappings
from ingest.formats.setup import Setup, session_keys
from ingest.reading import Envelope, Message
from ingest.uplink import Pending

__all__ = ["FORMATS", "Format", "formats_with", "mappings", "session_keys"]


class Format(Protocol):
    """What a module in this folder offers."""

    NAME: str
    BY_TOPIC: bool

    def claims(self, topic: str, payload: bytes, setup: Setup) -> bool:
        """Say whether this format is responsible for the message."""

    def read(self, envelope: Envelope, setup: Setup) -> Message | Pending:
        """Return what the message says, or raise PayloadError."""


FORMATS: tuple[Format, ...] = (
    chirpstack_v4,
    things_stack,
    chirpstack_v3,
    lorawan_gateway,
    sparkplug,
    tasmota,
    shelly,  # before shelly_gen1, which claims all of shellies/…
    shelly_gen1,
    zigbee2mqtt,
    vzlogger,
    homie,
    home_assistant,  # what was announced; those above have topics of their own
    telegram,
    senml,
    line_protocol,
)
"""In the order in which they are asked; the first that claims a message reads it."""


class _Forced:
    """A format that reads every message, because a person said that it is the one."""

    BY_TOPIC = True

    def __init__(self, one: Format) -> None:
        self.NAME = one.NAME
        self.read = one.read

    def claims(self, topic: str, payload: bytes, setup: Setup) -> bool:
        """Say yes."""
        del topic, payload, setup
        return True


def formats_with(tables: list[dict[str, Any]], only: str | None = None) -> tuple[Format, ...]:
    """Return the formats, the operator's own mappings before all others.

    tables  the [[mapping]] tables of the settings
    only    name of the one format that is to read every message, whatever its topic
    Errors  ValueError for a mapping that is wrong; PayloadError for a format that does not exist.
    """
    formats: tuple[Format, ...] = (Mapped(mappings(tables)), *FORMATS) if tables else FORMATS
    if only is None:
        return formats
    for one in formats:
        if only == one.NAME:
            return (_Forced(one),)
    raise PayloadError("--format", "one of " + " ".join(one.NAME for one in formats), only)
