"""What speaks: a device as the messages themselves make it known."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ingest.reading import Json


@dataclass(frozen=True, slots=True)
class Device:
    """A device, found by itself at its first message.

    id            as it names itself; a DevEUI in lower-case hex
    first_ns, last_ns  when Emscher first and last heard from it (receipt, UTC ns)
    state         the newest of what it or its network said about itself
    """

    id: str
    name: str = ""
    model: str = ""
    format: str = ""
    source: str = ""
    first_ns: int = 0
    last_ns: int = 0
    state: Mapping[str, Json] = field(default_factory=dict)
