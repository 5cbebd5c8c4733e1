"""Decoding archived messages again, after a codec was mended: what changes, and what stays.

- A value that comes out otherwise corrects the older one, which becomes history.
- A reading that no longer comes out is rejected: it keeps its value, and nothing is made of it.
- What another message has said since of the same instant stands.
- A message that can't be decoded now changes nothing.
- A message whose readings have no time of their own, or that several gateways brought, is decoded
  again only where it had brought readings: else it was a repetition, and must stay one.

No message is counted again, and doing it twice changes nothing.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ingest.decode import Decoder
from ingest.errors import PayloadError
from ingest.reading import Envelope, Message, Quality, Rows, Series
from ingest.store.port import Commit, Store


class Reprocessed(NamedTuple):
    """What came of decoding again: messages that were, those that can't be now, and readings."""

    messages: int = 0
    refused: int = 0
    added: int = 0
    changed: int = 0
    rejected: int = 0

    def plus(self, other: "Reprocessed") -> "Reprocessed":
        """Return the sum, number by number."""
        return Reprocessed(*(a + b for a, b in zip(self, other, strict=True)))


class Found(NamedTuple):
    """What a message says of one device now; `key` is the pair that its readings are known by."""

    key: tuple[int, str]
    rows: list[tuple[int, int, float, int, int]]
    only_known: bool


def decoded(
    envelopes: Sequence[Envelope], decoder: Decoder, store: Store, device: str | None
) -> tuple[list[Found], int, int]:
    """Return what messages say now of a device (None: of all), how many, and how many don't."""
    found: list[Found] = []
    messages = refused = 0
    for envelope, message in zip(envelopes, decoder.decode_all(envelopes), strict=True):
        if isinstance(message, PayloadError):
            refused += device is None or device.encode() in envelope.payload + _bytes(envelope)
            continue
        parts = [
            part for part in (message, *message.others) if device is None or part.device == device
        ]
        messages += bool(parts)
        found += [_said(part, envelope, store) for part in parts]
    return found, messages, refused


def _bytes(envelope: Envelope) -> bytes:
    return envelope.topic.encode("utf-8", "replace")


def _said(part: Message, envelope: Envelope, store: Store) -> Found:
    received_ns = envelope.received_ns
    sampled_ns = received_ns if part.time_ns is None else part.time_ns
    rows, timeless = [], False
    for quantity, value, channel, time_ns, quality in part.measurements:
        at_ns = sampled_ns if time_ns is None else time_ns
        timeless = timeless or at_ns >= received_ns
        number = store.number(Series(part.device, quantity, channel))
        rows.append((number, at_ns, value, received_ns, int(quality)))
    return Found((received_ns, part.device), rows, timeless or part.key_alone)


def changes(found: Sequence[Found], store: Store) -> tuple[Rows, Reprocessed]:
    """Return the rows to write for what messages say now, and how many are of which kind."""
    if not found:
        return Rows.of([], [], [], [], []), Reprocessed()
    times = [one.key[0] for one in found]
    known: dict[tuple[int, str], dict[tuple[int, int], tuple[float, int]]] = {}
    devices = {one.key[1] for one in found}
    series = [span.number for device in sorted(devices) for span in store.series(device)]
    for number, at_ns, value, received_ns, quality in _tuples(
        store.received(min(times), max(times) + 1, series)
    ):
        key = (received_ns, store.name_of(number).device)
        known.setdefault(key, {})[number, at_ns] = (value, quality)
    rows, rejected = list[tuple[int, int, float, int, int]](), 0
    for one in found:
        brought = known.get(one.key, {})
        if one.only_known and not brought:
            continue
        rows += one.rows
        now = {(number, at_ns) for number, at_ns, *_ in one.rows}
        for (number, at_ns), (value, quality) in brought.items():
            if (number, at_ns) not in now and quality != Quality.REJECTED:
                rows.append((number, at_ns, value, one.key[0], Quality.REJECTED))
                rejected += 1
    wanted = Rows.of(*zip(*rows, strict=True)) if rows else Rows.of([], [], [], [], [])
    lying = {
        (number, at_ns): (value, quality, received_ns)
        for number, at_ns, value, received_ns, quality in _tuples(
            store.at(wanted.series, wanted.time_ns)
        )
    }
    kept, added, changed = [], 0, 0
    for place, (number, at_ns, value, received_ns, quality) in enumerate(rows):
        there = lying.get((number, at_ns))
        if there is not None and (there[2] > received_ns or there[:2] == (value, quality)):
            continue
        kept.append(place)
        added += there is None
        changed += there is not None and quality != Quality.REJECTED
    return wanted.take(np.array(kept, dtype=np.intp)), Reprocessed(
        added=added, changed=changed, rejected=rejected
    )


def as_commit(rows: Rows) -> Commit:
    """Return a commit of readings whose messages were counted long ago."""
    return Commit(rows, np.zeros(len(rows), np.int32), 1, again=True)


def _tuples(rows: Rows) -> "zip[tuple[int, int, float, int, int]]":
    return zip(
        rows.series.tolist(),
        rows.time_ns.tolist(),
        rows.value.tolist(),
        rows.received_ns.tolist(),
        rows.quality.tolist(),
        strict=True,
    )
