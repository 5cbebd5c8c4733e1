"""What a format is told: by the operator, by earlier messages, and by whoever wants it explained.

Nothing of it can be seen in the message itself.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from types import MappingProxyType
from zoneinfo import ZoneInfo

from ingest.memory import Memory

BERLIN = ZoneInfo("Europe/Berlin")
NO_CODECS: Mapping[str, str] = MappingProxyType({})
NO_KEYS: Mapping[str, bytes] = MappingProxyType({})
_KEY_NAME = re.compile(r"[0-9a-f]{8}/(nwk|app|fnwk|snwk|eui)")
_APART = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class Setup:
    """What a format needs to know beside the message.

    zone     where the clocks hang that send wall-clock time without an offset
    codecs   name of a device profile, or a DevEUI in lower case -> name of a payload codec
    scripts  names of the JavaScript codecs that the operator added, as `slug` spells them
    keys     of LoRaWAN sessions, for frames that come from gateways without a network server. Names
             are the DevAddr in lower-case hex and a word: "26011bda/nwk" (NwkSKey) and
             "26011bda/app" (AppSKey); in LoRaWAN 1.1 "26011bda/fnwk" (FNwkSIntKey) and
             "26011bda/snwk" (SNwkSIntKey) instead of nwk. Each is 16 bytes. "26011bda/eui" is the
             DevEUI, 8 bytes as it is printed; without it the device is called by its DevAddr
    memory   what earlier messages announced
    notes    where to put the steps of an explanation; None: nobody asked
    """

    zone: tzinfo = BERLIN
    codecs: Mapping[str, str] = field(default_factory=dict)
    scripts: Mapping[str, str] = field(default_factory=dict)
    keys: Mapping[str, bytes] = field(default_factory=dict)
    memory: Memory = field(default_factory=Memory)
    notes: list[str] | None = None

    def note(self, step: str) -> None:
        """Tell a step of reading to the person who asked for an explanation, if there is one."""
        if self.notes is not None:
            self.notes.append(step)


def slug(name: str) -> str:
    """Return a name as codecs are compared: "ACME Sensor_2" is "acme-sensor-2"."""
    return _APART.sub("-", name.lower()).strip("-")


def session_keys(texts: Mapping[str, str]) -> dict[str, bytes]:
    """Return LoRaWAN session keys, checked, from what the operator wrote in hex.

    Errors  ValueError that names the key and what was expected; it never shows the secret.
    """
    keys: dict[str, bytes] = {}
    for name, text in texts.items():
        match = _KEY_NAME.fullmatch(name.lower())
        if match is None:
            raise ValueError(
                'expected a DevAddr of 8 hex digits, "/" and one of nwk app fnwk snwk eui, as in'
                f' "26011bda/app"; found {name!r}'
            )
        size = 8 if match[1] == "eui" else 16
        try:
            key = bytes.fromhex(text)
        except ValueError:
            key = b""
        if len(key) != size:
            raise ValueError(
                f"{name}: expected {2 * size} hex digits, found {len(text)} characters"
            )
        keys[name.lower()] = key
    return keys
