"""Watteco sensors (nke Watteco): standard reports like Zigbee's, and batches of samples.

Source: Watteco, "LoRaWAN sensors: applicative layer" (frame, clusters, causes of a report) and
"Batch report decompression". The layouts are in ingest/codecs/watteco_clusters.py.

    frame control   bit 0: a standard report (else a batch); bits 1, 2, 5, 6, 7: the end point
    command         0a report, 8a report of an alarm, 01 answer to a read, 07 and 09 about settings
    cluster, attribute, type, value, and what caused the report

The end point is the phase where the cluster measures phases (0, 1, 2 are L1 to L3, 3 their sum);
elsewhere 0 has no channel, 1 is channel "2" and so on, unless the product calls it otherwise.
Of the cluster 800a, `active_power` is what Watteco calls positive less negative, which are kept.

What caused a report (thresholds, differences) is checked and gives no measurement: its values are
settings. Batches need the product's table of series, so they are read by its codec, known by its
name; the codec "watteco" reads the standard reports of all. The French meters' frames are in
ingest/codecs/watteco_tic.py. Not read: Modbus (8007, 8009), whose registers only their owner
understands.
"""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from ingest.codecs import watteco_batch, watteco_tic
from ingest.codecs.frames import Frame, cut_short
from ingest.codecs.watteco_batch import Tag, Tags
from ingest.codecs.watteco_clusters import CAUSE_SIZES, CLUSTERS, PRODUCTS, SETTINGS
from ingest.errors import PayloadError
from ingest.reading import Measurement

_OUI = "70b3d5e75"  # of nke Watteco, 36 bits
_MAKER = re.compile(r"watteco|nke")
_PRODUCT = re.compile(r"vaqao|inclino|intenso|ventilo|triphaso")
"""Products that are known without the maker's name; the rest are words of every day."""

_PORT = 125
_REPORT, _ALARM, _READ, _CONFIGURED, _CONFIGURATION = 0x0A, 0x8A, 0x01, 0x07, 0x09
_TYPE_SIZES = {
    0x08: 1, 0x09: 2, 0x0A: 3, 0x0B: 4, 0x0C: 5, 0x0D: 6, 0x10: 1, 0x16: 1, 0x18: 1, 0x19: 2,
    0x20: 1, 0x21: 2, 0x22: 3, 0x23: 4, 0x28: 1, 0x29: 2, 0x2B: 4, 0x30: 1, 0x39: 4,
}  # fmt: skip
_LENGTH_SIZES = {0x41: 1, 0x42: 1, 0x43: 2, 0x4C: 2}
"""Types whose length stands before them, and in how many bytes."""

_PHASES = ("L1", "L2", "L3", "")
_PHASE_CLUSTERS = (0x800A, 0x800B)
_POWER = (0x0050, 0x0006)
_SOURCES = (
    ("voltage", "external"),
    ("battery_voltage", "rechargeable"),
    ("battery_voltage", ""),
    ("voltage", "solar"),
    ("voltage", "tic"),
)
"""The sources of power by their bit, as the cluster 0050 tells their voltages in mV."""

_SHORT, _LONG = 1, 2
_DELTA, _THRESHOLD = 1, 2
_TWO_COUNTS = 0x80  # of crossings up and down, two bytes each, follow


class Cluster(NamedTuple):
    """An attribute that measures: whether it is a string of bytes, and what stands in it."""

    string: bool
    frame: Frame


class Attribute(NamedTuple):
    """An attribute as a report gives it: where its value stands, without a length before it."""

    cluster: int
    number: int
    kind: int
    start: int
    end: int

    @property
    def where(self) -> str:
        """Name it for people."""
        return f"watteco cluster {self.cluster:04x}, attribute {self.number:04x}"


def _clusters() -> dict[tuple[int, int], tuple[Cluster, ...]]:
    found: dict[tuple[int, int], tuple[Cluster, ...]] = {}
    for line in CLUSTERS.strip().replace("\n  ", "; ").splitlines():
        cluster, number, fields = line.split(" ", 2)
        frame = Frame(fields.removeprefix("[").replace(";", "\n"))
        key = int(cluster, 16), int(number, 16)
        found[key] = (*found.get(key, ()), Cluster(fields.startswith("["), frame))
    return found


_CLUSTERS = _clusters()


class Product(NamedTuple):
    """The codec of one product, or of all.

    patterns  each must match a word of the device; none: every Watteco device
    unless    words that are of other products
    places    what its end points call a quantity: (quantity, channel) for 0, 1 …
    tags      the series of its batches; None: not known
    energies  how many Wh its unit of energy has
    """

    NAME: str
    patterns: tuple[re.Pattern[str], ...]
    unless: frozenset[str]
    places: Mapping[str, tuple[tuple[str, str], ...]]
    tags: Tags | None
    energies: float

    def matches(self, words: frozenset[str], dev_eui: str) -> bool:
        """Recognise Watteco by its IEEE prefix or its names, and a product by its own."""
        if not (
            dev_eui.startswith(_OUI)
            or any(_MAKER.fullmatch(word) or _PRODUCT.fullmatch(word) for word in words)
        ):
            return False
        found = all(any(one.fullmatch(word) for word in words) for one in self.patterns)
        return found and not words & self.unless

    def decode(self, payload: bytes, f_port: int) -> list[Measurement]:
        """Return what a report or a batch says; samples of a batch carry minus their age.

        Errors  PayloadError for another FPort, an unknown cluster, a value that is cut short or
                followed by what is no cause, a batch of an unknown product.
        """
        if f_port != _PORT:
            raise PayloadError("watteco FPort", f"{_PORT}, where reports have a header", f_port)
        if len(payload) < 2:
            raise cut_short("watteco", 0, 2, len(payload))
        if payload[0] & 1:
            return self._standard(payload)
        if self.tags is None:
            raise PayloadError(
                "watteco batch",
                "the codec of a product whose batches are known; name it in the device profile",
                f"a batch, read by the codec {self.NAME!r}",
            )
        return watteco_batch.decode(payload, self.tags)

    def _standard(self, payload: bytes) -> list[Measurement]:
        end_point = (payload[0] & 0xE0) >> 5 | (payload[0] & 0x06) << 2
        command = payload[1]
        if command in (_CONFIGURED, _CONFIGURATION):
            return []
        if command not in (_REPORT, _ALARM, _READ):
            raise PayloadError("watteco command", "01, 07, 09, 0a or 8a", f"{command:02x}")
        if command == _READ and len(payload) > 6 and payload[6]:
            return []  # the device could not read it
        attribute = _attribute(payload, 7 if command == _READ else 6)
        if command == _READ:
            _check_end(payload, attribute)
        else:
            _past_causes(payload, attribute)
        if _is_setting(attribute):
            return []
        if attribute[:2] == _POWER:
            return _power(payload, attribute)
        if attribute.cluster in watteco_tic.METERS:
            return _meter(payload, attribute)
        clusters = _CLUSTERS.get(attribute[:2])
        if clusters is None:
            raise PayloadError(
                attribute.where, "one that is known; else set a codec of your own", payload.hex()
            )
        size, string = attribute.end - attribute.start, attribute.kind in _LENGTH_SIZES
        cluster = next(
            (one for one in clusters if (one.frame.size, one.string) == (size, string)), None
        )
        if cluster is None:
            sizes = " or ".join(str(one.frame.size) for one in clusters)
            raise PayloadError(
                attribute.where, f"{sizes} bytes", f"{size}, type {attribute.kind:02x}"
            )
        found = cluster.frame.read(payload, attribute.start)
        if self.energies != 1:
            found = [
                one._replace(value=one.value * self.energies) if "_energy" in one.quantity else one
                for one in found
            ]
        if attribute.cluster in _PHASE_CLUSTERS:
            return _of_phase(found, attribute, end_point)
        return [self._placed(one, end_point) for one in found]

    def _placed(self, one: Measurement, end_point: int) -> Measurement:
        """Return a value as the product calls what is at an end point."""
        places = self.places.get(one.quantity, ())
        if end_point < len(places) and not one.channel:
            quantity, channel = places[end_point]
            return one._replace(quantity=quantity, channel=channel)
        if not end_point:
            return one
        nth = str(end_point + 1)
        return one._replace(channel=f"{nth}.{one.channel}" if one.channel else nth)


def _attribute(payload: bytes, at: int) -> Attribute:
    """Return the attribute whose type stands at a byte, or raise PayloadError."""
    if at >= len(payload):
        raise cut_short("watteco", 0, at + 1, len(payload))
    kind, start = payload[at], at + 1
    cluster = int.from_bytes(payload[2:4], "big")
    number = int.from_bytes(payload[4:6], "big")
    length = _LENGTH_SIZES.get(kind, 0)
    size = _TYPE_SIZES.get(kind)
    if length:
        if start + length > len(payload):
            raise cut_short("watteco", start, length, len(payload) - start)
        size = int.from_bytes(payload[start : start + length], "big")
        start += length
    if size is None:
        raise PayloadError(f"watteco type at byte {at}", "a type of attributes", f"{kind:02x}")
    if start + size > len(payload):
        raise cut_short("watteco", start, size, len(payload) - start)
    return Attribute(cluster, number, kind, start, start + size)


def _is_setting(attribute: Attribute) -> bool:
    settings = SETTINGS.get(attribute.cluster, "")
    return settings == "*" or f"{attribute.number:04x}" in settings.split()


def _check_end(payload: bytes, attribute: Attribute) -> None:
    if attribute.end != len(payload):
        raise PayloadError(
            attribute.where, f"{attribute.end} bytes", f"{len(payload)}: {payload.hex()}"
        )


def _past_causes(payload: bytes, attribute: Attribute) -> None:
    """Check what caused a report, to the end of the frame, or raise PayloadError.

    One byte says whether it is short or long; each cause is one byte, and if long the field it is
    about (in strings of bytes), its value, and for a threshold the gap and how often.
    """
    at = attribute.end
    if at == len(payload):
        return
    form = payload[at] >> 4 & 3
    if form not in (_SHORT, _LONG):
        raise PayloadError(
            f"watteco cause at byte {at}", "the short or the long form", f"{payload[at]:02x}"
        )
    at += 1
    field = attribute.kind in _LENGTH_SIZES
    size = CAUSE_SIZES.get(attribute.cluster) if field else attribute.end - attribute.start
    if form == _LONG and size is None:
        raise PayloadError(attribute.where, "no long causes: its fields have no size", "some")
    while at < len(payload):
        mode = payload[at] >> 3 & 3
        at += 1
        if form == _SHORT or size is None:
            continue
        wanted = field + size + (size + 1 if mode == _THRESHOLD else 0)
        if at + wanted > len(payload):
            raise cut_short("watteco cause", at, wanted, len(payload) - at)
        at += wanted
        if mode == _THRESHOLD and payload[at - 1] & _TWO_COUNTS:
            if at + 4 > len(payload):
                raise cut_short("watteco cause", at, 4, len(payload) - at)
            at += 4


def _power(payload: bytes, attribute: Attribute) -> list[Measurement]:
    """Return the voltages of the sources of power that are there.

    Two bytes are the mode and which sources there are; two bytes a source are its voltage in mV;
    the last byte is the source in use.
    """
    content = payload[attribute.start : attribute.end]
    present = content[1] if len(content) > 1 else 0
    sources = [place for bit, place in enumerate(_SOURCES) if present >> bit & 1]
    if len(content) != 3 + 2 * len(sources) or present >> len(_SOURCES):
        raise PayloadError(
            attribute.where, "two bytes for each source that is there", content.hex()
        )
    return [
        Measurement(
            quantity, int.from_bytes(content[2 + 2 * nth : 4 + 2 * nth], "big") / 1000, channel
        )
        for nth, (quantity, channel) in enumerate(sources)
    ]


def _meter(payload: bytes, attribute: Attribute) -> list[Measurement]:
    """Return what a French meter says; the upper byte of the attribute counts its reports."""
    if attribute.kind not in _LENGTH_SIZES or attribute.number & 0xFF:
        raise PayloadError(
            attribute.where, "a string of bytes in an attribute xx00", f"type {attribute.kind:02x}"
        )
    return watteco_tic.read(payload[attribute.start : attribute.end], attribute.cluster)


def _of_phase(found: list[Measurement], attribute: Attribute, end_point: int) -> list[Measurement]:
    """Return the values of one phase, and its powers as import less export."""
    if end_point >= len(_PHASES):
        raise PayloadError(attribute.where, "an end point from 0 to 3", end_point)
    values = {one.quantity: one.value for one in found}
    for power in ("active_power", "reactive_power"):
        if f"positive_{power}" in values:
            net = values[f"positive_{power}"] - values[f"negative_{power}"]
            found.append(Measurement(power, net))
    return [one._replace(channel=_PHASES[end_point]) for one in found]


def _place(text: str) -> tuple[str, str]:
    quantity, _, channel = text.partition(":")
    return quantity, channel


def _products() -> Iterator[Product]:
    """Return the codecs of the table, in its order: the common one is asked last."""
    for block in PRODUCTS.strip().split("\n\n"):
        head, *lines = block.replace("\n    ", " ").splitlines()
        name, words, *unless = re.split(r" \|(?: |$)", head)
        places, size, known, energies = {}, 0, {}, 1.0
        for line in lines:
            first, *rest = line.split()
            if first == "tags":
                size = int(rest[0])
            elif first == "energies":
                energies = float(rest[0])
            elif rest[0] == "=":
                places[first] = tuple(_place(one) for one in rest[1:])
            else:
                what, step, kind, divisor = rest
                known[int(first)] = Tag(*_place(what), float(step), int(kind), float(divisor))
        yield Product(
            name.strip(),
            tuple(re.compile(word) for word in words.split()),
            frozenset(" ".join(unless).split()),
            places,
            Tags(size, known) if size else None,
            energies,
        )


CODECS = tuple(_products())
