"""What a format is told by the operator: nothing of it can be seen in a message."""

from collections.abc import Mapping
from datetime import tzinfo
from types import MappingProxyType
from typing import NamedTuple
from zoneinfo import ZoneInfo

BERLIN = ZoneInfo("Europe/Berlin")
NO_CODECS: Mapping[str, str] = MappingProxyType({})


class Setup(NamedTuple):
    """The operator's facts.

    zone    where the clocks hang that send wall-clock time without an offset
    codecs  name of a device profile, or a DevEUI in lower case -> name of a payload codec
    """

    zone: tzinfo = BERLIN
    codecs: Mapping[str, str] = NO_CODECS
