"""How Dragino's payloads are read: a model has a reader for each FPort, and a reader has tables.

The field TIME of a table is the device's own clock, in seconds since 1970, UTC; the values of its
frame carry that time. A clock that shows a time before 2015 was never set: then a frame that is
sent at once has the time of its message, and an entry of a log is refused.
A log answers a request for history: entries of one size, each with its time; without any entry
the device sends one entry of zeros.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ingest.codecs.frames import Frame
from ingest.errors import PayloadError
from ingest.reading import Measurement

Reader = Callable[[bytes, str], list[Measurement]]
Key = Callable[[bytes], int]

_CLOCK_SET_S = 1_420_070_400  # 2015-01-01
BATTERY = "u16 _\n.0-13 battery_voltage /1000\n"
PROBE = "s16 temperature:probe /10 !0x7fff\n"


@dataclass(frozen=True, eq=False)
class Model:
    """A model's codec.

    words   alternatives, each the words that must all be there ("dragino ps")
    ports   what reads the payloads of each FPort
    unless  words of other products that share its name
    """

    NAME: str
    words: tuple[str, ...]
    ports: Mapping[int, Reader] = field(repr=False)
    unless: frozenset[str] = frozenset()

    def matches(self, words: frozenset[str], dev_eui: str) -> bool:
        """Recognise the model by its words; the DevEUI says nothing."""
        del dev_eui
        named = any(words.issuperset(one.split()) for one in self.words)
        return named and words.isdisjoint(self.unless)

    def decode(self, payload: bytes, f_port: int) -> list[Measurement]:
        """Return what the payload says.

        Errors  PayloadError for an FPort, length or kind of frame that is not documented.
        """
        read = self.ports.get(f_port)
        if read is None:
            wanted = ", ".join(map(str, self.ports))
            raise PayloadError(f"{self.NAME} FPort", f"one of {wanted}", f_port)
        return read(payload, self.NAME)


def sized(*tables: str) -> Reader:
    """Return the reader of frames that differ in their length."""
    frames = {frame.size: frame for frame in map(Frame, tables)}

    def read(payload: bytes, name: str) -> list[Measurement]:
        frame = frames.get(len(payload))
        if frame is None:
            sizes = " or ".join(map(str, frames))
            raise _wrong_length(name, f"{sizes} bytes", payload)
        return dated(frame.read(payload))

    return read


def chosen(key: Key, tables: Mapping[int, str]) -> Reader:
    """Return the reader of frames that some of their own bytes tell apart.

    key  of a payload that may be too short for it: then IndexError, which is caught
    """
    frames = {kind: Frame(table) for kind, table in tables.items()}

    def read(payload: bytes, name: str) -> list[Measurement]:
        try:
            frame = frames.get(key(payload))
        except IndexError:
            raise _wrong_length(name, "a whole frame", payload) from None
        if frame is None:
            raise PayloadError(f"{name} frame", "a kind that is documented", payload.hex())
        return dated(frame.whole(payload, name))

    return read


def modes(place: int, mask: int, tables: Mapping[int, str]) -> Reader:
    """Return the reader of frames that the bits of one byte tell apart."""
    return chosen(lambda payload: payload[place] & mask, tables)


def log(tables: str | Mapping[int, str], key: Key = lambda entry: 0) -> Reader:
    """Return the reader of a log, whose entries are of one table or told apart by a key."""
    frames = {0: Frame(tables)} if isinstance(tables, str) else _frames(tables)
    (size,) = {frame.size for frame in frames.values()}

    def read(payload: bytes, name: str) -> list[Measurement]:
        if not payload or len(payload) % size:
            raise _wrong_length(name, f"entries of {size} bytes", payload)
        if payload == bytes(size):
            return []
        found: list[Measurement] = []
        for at in range(0, len(payload), size):
            entry = payload[at : at + size]
            frame = frames.get(key(entry))
            if frame is None:
                raise PayloadError(f"{name} log", "an entry that is documented", entry.hex())
            told = dated(frame.read(entry))
            if any(one.time_ns is None for one in told):
                raise PayloadError(f"{name} log", "entries with their time", entry.hex())
            found += told
        return found

    return read


def dated(found: list[Measurement]) -> list[Measurement]:
    """Give the values the time that one of them states, if the clock was ever set."""
    stamp = next((one.value for one in found if one.quantity == "TIME"), None)
    if stamp is None:
        return found
    time_ns = int(stamp) * 1_000_000_000 if stamp >= _CLOCK_SET_S else None
    return [one._replace(time_ns=time_ns) for one in found if one.quantity != "TIME"]


def from_ffff(read: Reader, per_degree: int, *channels: str) -> Reader:
    """Return a reader that counts temperatures below zero down from 0xffff, in some channels."""

    def lifted(payload: bytes, name: str) -> list[Measurement]:
        return [
            one._replace(value=(round(one.value * per_degree) + 1) / per_degree)
            if one.quantity == "temperature" and one.channel in channels and one.value < 0
            else one
            for one in read(payload, name)
        ]

    return lifted


def _frames(tables: Mapping[int, str]) -> dict[int, Frame]:
    return {kind: Frame(table) for kind, table in tables.items()}


def _wrong_length(name: str, wanted: str, payload: bytes) -> PayloadError:
    return PayloadError(f"{name} length", wanted, f"{len(payload)} bytes: {payload.hex()}")


STATUS = sized("x5\nu16 battery_voltage /1000")
"""FPort 5 of most models: model, firmware and band, which are left out, and the battery."""

INTERVAL = sized("x4\nu24 tdc_time")
"""FPort 5 of older models: band and firmware, and the interval between messages in s."""
