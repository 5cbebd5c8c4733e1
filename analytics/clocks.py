"""Clocks of devices: wrong by a fixed amount, or telling times that can't be.

Judged by receipts in their order, so what comes late is no matter. After a restart a device's
readings of the last day are looked at again (since a day before an open fault, where there is one).
"""

from datetime import tzinfo

import numpy as np
from numpy.typing import NDArray

from analytics.fleet import Fleet, offsets_of
from analytics.grouping import Groups, grouped, in_parts, valid
from analytics.oddities import ALWAYS_NS, NEVER_NS, Found, identity, spoken
from analytics.wording import clock, lasting
from ingest.derived import HOUR_NS, SECOND_NS, Anomaly
from ingest.reading import Quality, Rows
from ingest.store import Source
from kernels import clocks

LOOK_BACK_NS = 24 * HOUR_NS
FEW = 20  # devices, of which each is asked for its series
KIND = "clock_fault"


class ClockWatch:
    """The clock of every device. One thread uses it."""

    def __init__(self, source: Source, where: tzinfo, fleet: Fleet) -> None:
        self._source, self._where, self._fleet = source, where, fleet
        self._state = clocks.State.empty(0)
        self._heard_ns = np.empty(0, np.int64)  # the last receipt that was judged
        self._met = np.empty(0, np.bool_)
        self._open = {a.id: a for a in source.anomalies(open_only=True) if a.kind == KIND}

    def update(self, groups: Groups) -> Found:
        """Take in rows that are stored already."""
        if not len(groups):
            return Found()
        slot = self._fleet.slots_of(groups)
        self._grow()
        fresh = np.unique(slot[~self._met[slot]])
        found = self._learn(fresh, int(groups.rows.received_ns.min())) if len(fresh) else Found()
        found.add(self._follow(slot, groups.rows))
        return found

    def _learn(self, slots: NDArray[np.int64], before_ns: int) -> Found:
        """Look again at what devices sent before this, for those that are met anew."""
        self._met[slots] = True
        devices = {self._fleet.names[slot] for slot in slots.tolist()}
        start_ns = min(
            [before_ns, *(a.start_ns for a in self._open.values() if a.device in devices)]
        )
        start_ns -= LOOK_BACK_NS
        if len(devices) > FEW:
            spans = [one for one in self._source.series() if one.series.device in devices]
        else:
            spans = [one for device in devices for one in self._source.series(device)]
        numbers: dict[str, list[int]] = {}
        counts: dict[str, int] = {}
        for span in spans:
            device = span.series.device
            numbers.setdefault(device, []).append(span.number)
            counts[device] = counts.get(device, 0) + span.count
        found = Found()
        # A part holds all series of its devices, so that each receipt is whole.
        for part in in_parts(list(numbers), list(counts.values())):
            own = [number for device in part for number in numbers[device]]
            lately = np.full(len(own), start_ns)
            always = np.full(len(own), ALWAYS_NS)
            rows = valid(self._source.within(np.array(own, np.int32), lately, always))
            groups = grouped(rows.take(rows.received_ns < before_ns))
            found.add(self._follow(self._fleet.slots_of(groups), groups.rows))
        return found

    def _follow(self, slot: NDArray[np.int64], rows: Rows) -> Found:
        counts = (rows.quality != Quality.REJECTED) & (rows.received_ns > self._heard_ns[slot])
        if not counts.all():
            slot, rows = slot[counts], rows.take(counts)
        if not len(rows):
            return Found()
        order = np.lexsort((rows.received_ns, slot))
        slot, received_ns, time_ns = slot[order], rows.received_ns[order], rows.time_ns[order]
        bad = (rows.quality[order] == Quality.SUSPECT) & (time_ns == received_ns)
        new = np.ones(len(slot), np.bool_)
        new[1:] = (np.diff(slot) != 0) | (np.diff(received_ns) != 0)
        first = np.flatnonzero(new)
        newest_ns = np.maximum.reduceat(time_ns, first)
        impossible = np.logical_and.reduceat(bad, first)
        slot, received_ns = slot[first], received_ns[first]
        offsets = offsets_of(slot)
        devices = slot[offsets[:-1]]
        self._heard_ns[devices] = received_ns[offsets[1:] - 1]
        ended = clocks.fold(self._state, devices, offsets, received_ns, newest_ns, impossible)
        lasting_on = clocks.open_faults(self._state, devices)
        if not len(ended) and not len(lasting_on):
            return Found()
        changed = []
        for one in (*self._told(ended), *self._told(lasting_on)):
            if self._open.get(one.id) != one:
                changed.append(one)
            if one.end_ns is None:
                self._open[one.id] = one
            else:
                self._open.pop(one.id, None)
        return Found(changed)

    def _told(self, found: clocks.Faults) -> list[Anomaly]:
        columns = (found.slot, found.kind, found.start_ns, found.end_ns, found.ahead_ns)
        return [
            self._named(self._fleet.names[slot], kind, start_ns, end_ns, ahead_ns)
            for slot, kind, start_ns, end_ns, ahead_ns in zip(
                *(column.tolist() for column in columns), strict=True
            )
        ]

    def _named(self, device: str, kind: int, start_ns: int, end_ns: int, ahead_ns: int) -> Anomaly:
        ends = None if end_ns == clocks.NONE else max(end_ns, start_ns)
        since = clock(start_ns, self._where)
        lasts = f"since {since}" if ends is None else f"from {since} to {clock(ends, self._where)}"
        verb = "is" if ends is None else "was"
        if kind == clocks.IMPOSSIBLE:
            tells = "tells" if ends is None else "told"
            text = f"{tells} times that can't be {lasts}; its readings have the time of receipt"
        else:
            way = "ahead" if ahead_ns > 0 else "behind"
            text = f"has a clock that {verb} {lasting(abs(ahead_ns))} {way} {lasts}"
        return Anomaly(
            id=identity(KIND, kind, device, start_ns),
            device=device,
            quantity="",
            channel="",
            kind=KIND,
            start_ns=start_ns,
            end_ns=ends,
            score=0.8,
            value=ahead_ns / SECOND_NS if kind == clocks.WRONG else None,
            expected=0.0 if kind == clocks.WRONG else None,
            detector=f"{KIND}@1",
            text=f"{spoken(self._source, device)} {text}.",
        )

    def _grow(self) -> None:
        have = len(self._state)
        if len(self._fleet) <= have:
            return
        slots = max(64, 2 * have, len(self._fleet))
        self._state = self._state.grown(slots)
        self._heard_ns = np.concatenate([self._heard_ns, np.full(slots - have, NEVER_NS)])
        self._met = np.concatenate([self._met, np.zeros(slots - have, np.bool_)])
