"""What is odd about single series, judged reading by reading (analytics/detectors.py).

An anomaly is a function of all readings of its series in order of time. Readings that come in
order go on from the state; anything else makes the series' anomalies again from the store. What
was open may also turn out to have been none (a spike that stays is a change of level): it is
retracted then.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analytics.detectors import Detector, Event, Limits, detectors
from analytics.grouping import Groups, grouped, in_parts, valid
from analytics.novelties import Novelties
from analytics.wording import clock
from ingest.derived import HOUR_NS, Anomaly
from ingest.quantity import quantity
from ingest.store import Source

NEVER_NS = int(np.iinfo(np.int64).min)
LEARNING_NS = 2 * 24 * HOUR_NS
"""How long after a beginning nothing new is said of a series whose older readings were dropped."""

ALWAYS_NS = int(np.iinfo(np.int64).max)


@dataclass(slots=True)
class Found:
    """Anomalies that are new or have changed, and ids of those that are disproved."""

    changed: list[Anomaly] = field(default_factory=list)
    retracted: list[str] = field(default_factory=list)

    def add(self, other: "Found") -> None:
        """Take in what another look found."""
        self.changed += other.changed
        self.retracted += other.retracted


def identity(*parts: object) -> str:
    """Return the id of an anomaly from what and where it is."""
    text = "\x1f".join(str(part) for part in parts)
    return hashlib.blake2b(text.encode(), digest_size=10).hexdigest()


def spoken(source: Source, device: str) -> str:
    """Return a device as people call it: its name, or its id where it has none."""
    known = source.device(device)
    return (known.name if known else "") or device


class SeriesWatch:
    """All that is odd about single series. One thread uses it.

    limits  what people know of a series' bounds; asked for at its first sight
    chosen  patterns of "DEVICE QUANTITY" of the series whose novelty is told
    """

    def __init__(
        self,
        source: Source,
        where: tzinfo,
        limits: Limits | None = None,
        chosen: Sequence[str] = (),
    ) -> None:
        self._source = source
        self._where = where
        self._limits = limits or (lambda device, quantity, channel: (None, None))
        self._detectors: list[Detector] = [*detectors(), Novelties(chosen)]
        self._kinds = frozenset((*(one.kind for one in self._detectors), "noise_burst"))
        self._newest_ns = np.empty(0, np.int64)
        self._watched = np.empty((0, len(self._detectors)), np.bool_)  # by which of them
        self._met = np.empty(0, np.bool_)  # whether it is known what the series measures
        self._open: dict[int, dict[str, Anomaly]] = {}

    def update(self, groups: Groups) -> Found:
        """Take in rows that are stored already."""
        self._meet(groups.slot)
        groups = groups.only(np.asarray(self._watched[groups.slot].any(axis=1)))
        if not len(groups):
            return Found()
        newest_ns = self._newest_ns[groups.slot]
        goes_on = (newest_ns != NEVER_NS) & (groups.first_ns > newest_ns) & ~groups.rejected
        found = self._follow(groups.only(goes_on)) if goes_on.any() else Found()
        if not goes_on.all():
            found.add(self.rebuild(groups.slot[~goes_on]))
        return found

    def unknown(self, slots: list[int]) -> list[int]:
        """Return those of these series that are watched and not known here yet."""
        numbers = np.array(slots, dtype=np.int64)
        self._meet(numbers)
        found: list[int] = numbers[
            self._watched[numbers].any(1) & (self._newest_ns[numbers] == NEVER_NS)
        ].tolist()
        return found

    def rebuild(self, slots: NDArray[np.int64]) -> Found:
        """Make the anomalies of these series again, from all of their readings."""
        found = Found()
        counts = {span.number: span.count for span in self._source.series()} if len(slots) else {}
        numbers = slots.tolist()
        for part in in_parts(numbers, [counts.get(number, 0) for number in numbers]):
            found.add(self._rebuild(np.array(part, dtype=np.int64)))
        return found

    def _rebuild(self, slots: NDArray[np.int64]) -> Found:
        self._meet(slots)
        # Where readings were dropped since then, and where what is left must be learnt from first,
        # what was found stays as it is.
        kept_ns = self._source.forgotten_ns(slots.astype(np.int32)).tolist()
        names = {
            tuple(self._source.name_of(slot)): since + LEARNING_NS if since > NEVER_NS else since
            for slot, since in zip(slots.tolist(), kept_ns, strict=True)
        }
        before = {
            a.id: a
            for a in self._source.anomalies(devices=sorted({name[0] for name in names}))
            if a.kind in self._kinds
            and a.start_ns >= names.get((a.device, a.quantity, a.channel), ALWAYS_NS)
        }
        for detector in self._detectors:
            detector.reset(slots)
        for slot in slots.tolist():
            self._open.pop(slot, None)
        always = np.full(len(slots), ALWAYS_NS)
        groups = grouped(valid(self._source.within(slots.astype(np.int32), -always, always)))
        self._newest_ns[slots] = NEVER_NS
        now = {
            a.id: a
            for a in self._follow(groups).changed
            if a.start_ns >= names[a.device, a.quantity, a.channel]
        }
        return Found(
            [a for id, a in now.items() if before.get(id) != a],
            [id for id in before if id not in now],
        )

    def _meet(self, slots: NDArray[np.int64]) -> None:
        """Make room for these series, and learn what they measure at first sight."""
        if not len(slots):
            return
        self._grow(int(slots.max()) + 1)
        for slot in slots[~self._met[slots]].tolist():
            name = self._source.name_of(slot)
            low, high = self._limits(*name)
            bounds = (np.nan if low is None else low, np.nan if high is None else high)
            measured = quantity(name.quantity)
            for column, detector in enumerate(self._detectors):
                self._watched[slot, column] = detector.meet(slot, measured, bounds, name.device)
            self._met[slot] = True

    def _follow(self, groups: Groups) -> Found:
        self._newest_ns[groups.slot] = groups.last_ns
        slot = groups.slot
        ended: list[tuple[int, Anomaly]] = []
        lasting_on: list[tuple[int, Anomaly]] = []
        for column, detector in enumerate(self._detectors):
            own = groups.only(self._watched[slot, column])
            if not len(own):
                continue
            rows = own.rows
            feed = (own.slot, own.offsets, rows.time_ns, rows.value)
            ended += self._told(detector, detector.fold(feed))
            lasting_on += self._told(detector, detector.still_open(own.slot))
        before: dict[str, Anomaly] = {}
        if self._open:
            for number in slot.tolist():
                before.update(self._open.pop(number, {}))
        for number, anomaly in lasting_on:
            self._open.setdefault(number, {})[anomaly.id] = anomaly
        changed = [a for _, a in ended] + [a for _, a in lasting_on if before.get(a.id) != a]
        stands = {a.id for _, a in ended + lasting_on}
        return Found(changed, [id for id in before if id not in stands])

    def _told(self, detector: Detector, found: Any) -> list[tuple[int, Anomaly]]:
        return [(one.slot, self._named(detector, one)) for one in detector.told(found, self._unit)]

    def _unit(self, slot: int) -> str:
        return quantity(self._source.name_of(slot).quantity).unit

    def _named(self, detector: Detector, event: Event) -> Anomaly:
        name = self._source.name_of(event.slot)
        kind = event.kind or detector.kind
        what = f"{name.quantity} of {spoken(self._source, name.device)}"
        return Anomaly(
            id=identity(kind, *name, event.start_ns),
            device=name.device,
            quantity=name.quantity,
            channel=name.channel,
            kind=kind,
            start_ns=event.start_ns,
            end_ns=None if event.end_ns < 0 else event.end_ns,
            score=event.score,
            value=event.value,
            expected=event.expected,
            detector=f"{kind}@{detector.version}",
            text=f"{what} {event.text.format(clock(event.start_ns, self._where))}",
        )

    def _grow(self, slots: int) -> None:
        have = len(self._newest_ns)
        if slots <= have:
            return
        slots = max(slots, 2 * have)
        for detector in self._detectors:
            detector.grow(slots)
        self._newest_ns = np.concatenate([self._newest_ns, np.full(slots - have, NEVER_NS)])
        unwatched = np.zeros((slots - have, len(self._detectors)), np.bool_)
        self._watched = np.concatenate([self._watched, unwatched])
        self._met = np.concatenate([self._met, np.zeros(slots - have, np.bool_)])
