"""Decentlab sensors: version, device id, flags of the sensors in the frame, 16-bit words.

Source: Decentlab, "LoRaWAN Sensors, Reference Manual", section "Payload", and the data sheets.
Every frame: 02, device id (two bytes, a serial number), flags (two bytes, bit 0 is the first
sensor), then the words of each sensor whose flag is set. All big-endian, on any FPort.

Trap: the frame does not say which product sent it, so each product is a codec of its own, known
by the words of its name ("dl-atm22", "DL-TRS12"); ingest/codecs/decentlab_sensors.py has them. A
frame whose length is not what its flags need of that product is refused: it is another product's.

Trap: some probes have constants that are not in the frame. Those of a DL-PR36 or DL-PR36CTD are
taken from its name where they stand there ("DL-PR36 (kp=2048)"); without, they are those of
Decentlab's own decoders, as for DL-PR21 (-1 to 10 bar), DL-PR26 (0 to 1 bar), DL-TBRG (0.1 mm),
DL-DLR2-004 (10 ohms), -008 and -009 (2000 ohms). A DL-KL66 or DL-DWS is calibrated one by one:
without the constants of that very device it gives the frequency of its wire, and no weight.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from ingest.codecs.decentlab_formulas import (
    BATTERY,
    Sensor,
    keller_36,
    keller_36_ctd,
    scales,
    strain,
)
from ingest.codecs.decentlab_sensors import MODELS
from ingest.errors import PayloadError
from ingest.reading import Measurement

_VERSION = 2
_HEAD_SIZE = 5
_MAKER = frozenset(("decentlab", "dl"))
_STEPS_A_BAR = (256, 512, 1024, 2048, 4096, 16_384, 32_768)  # 8192 goes without saying


@dataclass(frozen=True)
class Model:
    """One product of Decentlab: a codec.

    words    of its name, all of which must be there, beside "dl" or "decentlab"
    sensors  in the order of the flags' bits
    """

    NAME: str
    words: frozenset[str]
    sensors: tuple[Sensor, ...]

    def matches(self, words: frozenset[str], dev_eui: str) -> bool:
        """Recognise the product by its name; the DevEUI does not tell it."""
        del dev_eui
        return self.words <= words and not _MAKER.isdisjoint(words)

    def decode(self, payload: bytes, f_port: int) -> list[Measurement]:
        """Return the values of the sensors in the frame; one that can't be computed is left out.

        Errors  PayloadError for another version, flags of sensors that the product does not
                have, or a length that is not what the flags say.
        """
        del f_port
        if len(payload) < _HEAD_SIZE or payload[0] != _VERSION:
            raise PayloadError(
                "Decentlab frame",
                "02, device id, flags: at least 5 bytes",
                payload.hex() or "no bytes",
            )
        flags = int.from_bytes(payload[3:5], "big")
        if flags >> len(self.sensors):
            raise PayloadError(
                f"{self.NAME} flags",
                f"at most {len(self.sensors)} sensors; is it another product?",
                f"{flags:#06x}",
            )
        there = [one for bit, one in enumerate(self.sensors) if flags >> bit & 1]
        wanted = _HEAD_SIZE + 2 * sum(one.size for one in there)
        if len(payload) != wanted:
            raise PayloadError(
                f"{self.NAME} length",
                f"{wanted} bytes for the flags {flags:#06x}; is it another product?",
                f"{len(payload)} bytes: {payload.hex()}",
            )
        found: list[Measurement] = []
        at = _HEAD_SIZE
        for sensor in there:
            end = at + 2 * sensor.size
            words = [payload[i] << 8 | payload[i + 1] for i in range(at, end, 2)]
            found += _values(sensor, words)
            at = end
        return found


def _values(sensor: Sensor, words: list[int]) -> Iterator[Measurement]:
    for quantity, channel, formula in sensor.values:
        try:
            value = formula(words)
        except (ValueError, ZeroDivisionError):  # no wire swings, or no thermistor is there
            continue
        yield Measurement(quantity, float(value), channel)


def _models() -> Iterator[Model]:
    """Return the products; those with constants in their names before those without."""
    special = {
        "dws 232263168 302459 1370": scales(232_263_168, 0.000302459, 1370),
        "kl66 1538372 464859": strain(15_383.72, 46.4859),
        **{f"pr36 {steps}": keller_36(steps) for steps in _STEPS_A_BAR},
        **{f"pr36ctd {steps}": keller_36_ctd(steps, 1024) for steps in _STEPS_A_BAR},
    }
    every = {name: (sensor, BATTERY) for name, sensor in special.items()} | MODELS
    for words, sensors in every.items():
        yield Model(f"decentlab-dl-{words.replace(' ', '-')}", frozenset(words.split()), sensors)


CODECS: tuple[Model, ...] = tuple(_models())
"""In the order in which they are asked."""
