"""Payload codecs: what a device's firmware packs into a LoRaWAN uplink.

To add one: write a module here with `NAME`, `matches(words, dev_eui)` and
`decode(payload, f_port)`, and put it into CODECS. Nothing else needs to change.

- `matches(words: frozenset[str], dev_eui: str) -> bool` recognises the codec. `words` are the
  lower-case words of the device profile's name, the device's name and its tags; `dev_eui` is
  sixteen lower-case hex digits.
- `decode(payload: bytes, f_port: int) -> list[Measurement]` returns what the payload says, or
  raises PayloadError; it never guesses, and returns nothing half-decoded.

Trap: a codec does not know when the message was sent. A value that the device sampled earlier
carries minus its age, in nanoseconds, as `time_ns`; the format adds the time of the message.
"""

from typing import Protocol

from ingest.codecs import (
    adeunis,
    aquascope,
    arwin,
    axioma,
    cayenne,
    decentlab,
    dragino,
    elsys,
    enless,
    kamstrup,
    keller,
    laird,
    mbus,
    mcci,
    mclimate,
    milesight,
    more_frames,
    netvox,
    nwave,
    pallidus,
    pepperl_fuchs,
    sensecap,
    single_frames,
    small_records,
    strega,
    tektelic,
    trackers,
    twtg,
    vutility,
    water_meters,
    watteco,
    yobiiq,
    yobiiq_gateways,
    yobiiq_meters,
)
from ingest.codecs.script import Script
from ingest.codecs.script import loaded as scripts_in
from ingest.reading import Measurement

__all__ = ["CODECS", "CODECS_BY_NAME", "Codec", "Script", "scripts_in"]


class Codec(Protocol):
    """What a module in this folder offers."""

    @property
    def NAME(self) -> str:  # noqa: N802 (a module's constant)
        """Its name, in settings and lists."""

    def matches(self, words: frozenset[str], dev_eui: str) -> bool:
        """Say whether this codec reads the payloads of that device."""

    def decode(self, payload: bytes, f_port: int) -> list[Measurement]:
        """Return what the payload says, or raise PayloadError."""


CODECS: tuple[Codec, ...] = (
    cayenne,
    *netvox.CODECS,
    *milesight.CODECS,
    *watteco.CODECS,
    *decentlab.CODECS,
    *dragino.CODECS,
    mbus,
    *single_frames.CODECS,
    *small_records.CODECS,
    *strega.CODECS,
    keller,
    sensecap,
    twtg,
    vutility,
    *arwin.CODECS,
    *laird.CODECS,
    *mclimate.CODECS,
    *tektelic.CODECS,
    *adeunis.CODECS,
    pallidus,
    axioma,
    *water_meters.CODECS,
    *kamstrup.CODECS,
    *yobiiq.CODECS,
    *yobiiq_meters.CODECS,
    *yobiiq_gateways.CODECS,
    *mcci.CODECS,
    pepperl_fuchs,
    *aquascope.CODECS,
    enless,
    *nwave.CODECS,
    *more_frames.CODECS,
    *trackers.CODECS,
    elsys,
)
"""In the order in which they are asked: the words "Cayenne LPP" outrank a vendor's prefix."""

CODECS_BY_NAME: dict[str, Codec] = {codec.NAME: codec for codec in CODECS}
