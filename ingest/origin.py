"""The message behind a reading, out of the archive."""

from typing import NamedTuple

from ingest.archive import Archive
from ingest.decode import Decoder
from ingest.errors import PayloadError
from ingest.reading import Envelope, Message, Rows, Series
from ingest.store.port import Store


class Origin(NamedTuple):
    """A message of the archive, and what it is read as now.

    found  the message, or the error that says why it can't be read now
    sure   whether it brings that very reading now; else it is of that device and receipt
    """

    envelope: Envelope
    found: Message | PayloadError
    sure: bool


def origin(
    archive: Archive, decoder: Decoder, store: Store, number: int, row: Rows
) -> Origin | None:
    """Return the message that brought a reading; None: the archive no longer has it.

    row  the one reading, as it lies or as it was overwritten
    """
    series, at_ns = store.name_of(number), int(row.time_ns[0])
    received_ns = int(row.received_ns[0])
    told: list[Origin] = []
    for block in archive.read(received_ns, received_ns + 1):
        for envelope, found in zip(block, decoder.decode_all(block), strict=True):
            sure = isinstance(found, Message) and _brings(found, series, at_ns, received_ns)
            told.append(Origin(envelope, found, sure))
    # Two messages of one nanosecond are told apart by what they say.
    for suits in (_is_sure, lambda one: _is_of(one, series.device)):
        for one in told:
            if suits(one):
                return one
    return told[0] if len(told) == 1 else None


class Kept(NamedTuple):
    """A message of the archive, what it is read as now, and the steps by which it was read."""

    envelope: Envelope
    found: Message | PayloadError
    steps: list[str]


def messages_at(archive: Archive, decoder: Decoder, device: str, received_ns: int) -> list[Kept]:
    """Return the messages of a device that were received at an instant, as they came."""
    told: list[Kept] = []
    for block in archive.read(received_ns, received_ns + 1):
        for envelope, found in zip(block, decoder.decode_all(block), strict=True):
            if _is_of(Origin(envelope, found, sure=False), device):
                told.append(Kept(envelope, *decoder.explained(envelope)))
    return told


def _is_sure(one: Origin) -> bool:
    return one.sure


def _is_of(one: Origin, device: str) -> bool:
    if isinstance(one.found, PayloadError):
        return device in one.envelope.topic or device.encode() in one.envelope.payload
    return device in {part.device for part in (one.found, *one.found.others)}


def _brings(message: Message, series: Series, at_ns: int, received_ns: int) -> bool:
    return any(
        (part.device, one.quantity, one.channel) == series
        and at_ns == next(t for t in (one.time_ns, part.time_ns, received_ns) if t is not None)
        for part in (message, *message.others)
        for one in part.measurements
    )
