"""Erasing what is kept of a device: a person's right (GDPR, article 17), by one command.

Its messages go first, then its readings and what was made of them: whoever is interrupted in
between erases again and finds the rest. Readings say which messages were theirs, by their receipt;
what brought no reading (refusals, announcements) is a device's where it names it.
"""

import base64
import re
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass

from ingest.archive import Archive
from ingest.decode import Decoder
from ingest.errors import PayloadError
from ingest.reading import Envelope, Message
from ingest.store.port import Erased, Store

_ALWAYS_NS = 2**63 - 2
_EUI = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class Erasure:
    """What was erased, or in a trial: what would be.

    messages  of the archive · shared: those of them that told of other devices too
    of_store  readings and what was made of them, refusals, announcements
    """

    messages: int
    shared: int
    of_store: Erased


def erase(
    store: Store,
    archive: Archive | None,
    fresh: Callable[[], Decoder],
    device: str,
    before_ns: int | None = None,
    *,
    trial: bool = False,
) -> Erasure:
    """Erase a device, or what was measured or received of it before a time; trial: count only.

    fresh  makes a decoder, to tell whose messages are

    Raises StoreUnavailable where something can't be erased now; what went before stays erased.
    """
    names = mentions(device)
    messages = shared = 0
    if archive is not None:
        theirs = _Theirs(device, names, _receipts(store, device, before_ns), before_ns)
        with closing(fresh()) as decoder:
            theirs.decoder = decoder
            messages = archive.erase(theirs, trial=trial)
        shared = theirs.shared
    return Erasure(messages, shared, store.erase(device, before_ns, names, trial=trial))


def mentions(device: str) -> Callable[[str, bytes], bool]:
    """Return what tells whether a message names a device: as a word, or a DevEUI's bytes."""
    forms = [device.encode("utf-8", "replace")]
    raw = b""
    if _EUI.fullmatch(device):
        raw = bytes.fromhex(device)
        forms.append(base64.b64encode(raw))
    # In the middle of a longer word it is another name.
    word = re.compile(
        rb"(?<![0-9A-Za-z_])(?:" + b"|".join(map(re.escape, forms)) + rb")(?![0-9A-Za-z_])", re.I
    )

    def told(topic: str, payload: bytes) -> bool:
        return bool(
            word.search(topic.encode("utf-8", "replace"))
            or word.search(payload)
            or (raw and (raw in payload or raw[::-1] in payload))
        )

    return told


class _Theirs:
    """Tells which messages of the archive are the device's, and counts the shared ones."""

    decoder: Decoder

    def __init__(
        self,
        device: str,
        names: Callable[[str, bytes], bool],
        receipts: set[int],
        before_ns: int | None,
    ) -> None:
        self._device, self._names, self._receipts = device, names, receipts
        self._end_ns = _ALWAYS_NS if before_ns is None else before_ns
        self.shared = 0

    def __call__(self, envelopes: Sequence[Envelope]) -> list[bool]:
        asked = [
            one.received_ns in self._receipts
            or (one.received_ns < self._end_ns and self._names(one.topic, one.payload))
            for one in envelopes
        ]
        some = [one for one, ask in zip(envelopes, asked, strict=True) if ask]
        found = iter(self.decoder.decode_all(some) if some else ())
        return [
            ask and self._is(one, next(found)) for one, ask in zip(envelopes, asked, strict=True)
        ]

    def _is(self, envelope: Envelope, found: Message | PayloadError) -> bool:
        if isinstance(found, PayloadError):
            return self._names(envelope.topic, envelope.payload)
        devices = {part.device for part in (found, *found.others)}
        own = self._device in devices
        # A message of another device may name this one: a list, a gateway's neighbours.
        if own and len(devices) > 1:
            self.shared += 1
        return own or (not found.measurements and self._names(envelope.topic, envelope.payload))


def _receipts(store: Store, device: str, before_ns: int | None) -> set[int]:
    """Return when the messages were received that brought what is to be erased."""
    end_ns = _ALWAYS_NS if before_ns is None else before_ns
    numbers = [span.number for span in store.series(device)]
    if not numbers:
        return set()
    found = set(store.scan(numbers, -_ALWAYS_NS, end_ns).received_ns.tolist())
    for number in numbers:
        older = store.history(number)
        found.update(older.received_ns[older.time_ns < end_ns].tolist())
    return found
