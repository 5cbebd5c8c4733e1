"""Which devices are silent, each against its own rhythm: by their readings, and now by a clock.

A device has one rhythm, whatever it measures: an operator wants one alarm when it dies, not one
for each of its sensors. Arrivals are the newest sampling times of its messages, whatever these
bring.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import tzinfo

import numpy as np
from numpy.typing import NDArray

from analytics.fleet import Fleet, offsets_of
from analytics.grouping import Groups, grouped, in_parts
from analytics.oddities import ALWAYS_NS, NEVER_NS, Found, identity, spoken
from analytics.wording import clock, lasting
from ingest.derived import SECOND_NS, Anomaly
from ingest.reading import Rows
from ingest.store import SeriesSpan, Source
from kernels import rhythm

FLOOR_NS = 5 * SECOND_NS
# Brokers and devices take a moment to come back after a start, whatever their rhythm is.
GRACE_NS = 60 * SECOND_NS


class DeviceWatch:
    """The rhythm of every device. One thread uses it.

    now_ns: the clock; a device that fell silent while Emscher was down is given its usual time
    again, from a minute after the start on.
    """

    def __init__(
        self, source: Source, where: tzinfo, now_ns: Callable[[], int], fleet: Fleet
    ) -> None:
        self._source = source
        self._where = where
        self._now_ns = now_ns
        self._ready_ns = now_ns() + GRACE_NS
        self._fleet = fleet
        self._rhythms = rhythm.State.empty(0)
        self._newest_ns = np.empty(0, np.int64)
        self._heard_ns = np.empty(0, np.int64)
        self._open = {a.device: a for a in source.anomalies(open_only=True) if a.kind == "silence"}

    def silent(self) -> set[str]:
        """Return the devices that are silent now."""
        return set(self._open)

    def update(self, groups: Groups) -> Found:
        """Take in rows that are stored already."""
        rows = groups.rows
        if not len(rows):
            return Found()
        slot = self._fleet.slots_of(groups)
        self._grow()
        np.maximum.at(self._heard_ns, slot, rows.received_ns)
        slot, time_ns = _arrivals(slot, rows)
        fresh = time_ns != self._newest_ns[slot]  # not another series of an arrival that is known
        slot, time_ns = slot[fresh], time_ns[fresh]
        if not len(slot):
            return Found()
        offsets = offsets_of(slot)
        devices = slot[offsets[:-1]]
        newest_ns = self._newest_ns[devices]
        goes_on = (newest_ns != NEVER_NS) & (time_ns[offsets[:-1]] > newest_ns)
        found = Found()
        if goes_on.any():
            kept = np.repeat(goes_on, np.diff(offsets))
            found = self._follow(slot[kept], time_ns[kept])
        found.add(self.rebuild([self._fleet.names[slot] for slot in devices[~goes_on].tolist()]))
        return found

    def unknown(self, devices: list[str]) -> list[str]:
        """Return those of these devices whose rhythm is not known here yet."""
        return [
            device
            for device in devices
            if self._fleet.slot(device) >= len(self._newest_ns)
            or self._newest_ns[self._fleet.slot(device)] == NEVER_NS
        ]

    def rebuild(self, devices: list[str]) -> Found:
        """Make the silences of devices again, from all of their arrivals."""
        found = Found()
        spans = {device: self._source.series(device) for device in devices}
        heard = [device for device in spans if spans[device]]
        for part in in_parts(heard, [sum(s.count for s in spans[device]) for device in heard]):
            found.add(self._rebuild({device: spans[device] for device in part}))
        return found

    def _rebuild(self, spans: dict[str, list[SeriesSpan]]) -> Found:
        numbers = np.array([s.number for own in spans.values() for s in own], dtype=np.int32)
        always = np.full(len(numbers), ALWAYS_NS)
        groups = grouped(self._source.within(numbers, -always, always))
        slot, time_ns = _arrivals(self._fleet.slots_of(groups), groups.rows)
        self._grow()
        offsets = offsets_of(slot)
        last_ns = dict(zip(slot[offsets[:-1]].tolist(), time_ns[offsets[1:] - 1], strict=True))
        stored = self._source.anomalies(devices=list(spans))
        before = {
            a.id: a
            for a in stored
            if a.kind == "silence" and a.start_ns >= self._kept_ns(spans[a.device])
        }
        standing = {device: self._open[device] for device in spans if device in self._open}
        self._rhythms.reset(np.array(list(last_ns)))
        now = {a.id: a for a in self._follow(slot, time_ns).changed}
        for device, silence in standing.items():
            if silence.start_ns == last_ns[self._fleet.slot(device)]:
                now[silence.id] = self._open[device] = silence
        return Found(
            [a for id, a in now.items() if before.get(id) != a],
            [id for id in before if id not in now],
        )

    def _kept_ns(self, spans: list[SeriesSpan]) -> int:
        """Return the time from which on all arrivals of a device are known."""
        numbers = np.array([span.number for span in spans], np.int32)
        return int(self._source.forgotten_ns(numbers).max(initial=NEVER_NS))

    def sweep(self) -> Found:
        """Return the devices that have fallen silent by now."""
        last_ns, limit_ns = rhythm.limits(self._rhythms)
        now_ns = self._now_ns()
        heard_ns = np.maximum(np.maximum(last_ns, self._heard_ns), self._ready_ns)
        late = np.flatnonzero((limit_ns != rhythm.FOREVER) & (now_ns - heard_ns > limit_ns))
        changed = []
        for slot in late.tolist():
            device = self._fleet.names[slot]
            if device not in self._open:
                expected_ns = int(self._rhythms.whole[slot, rhythm.MEDIAN])
                self._open[device] = self._silence(device, int(last_ns[slot]), None, expected_ns)
                changed.append(self._open[device])
        return Found(changed)

    def _follow(self, slot: NDArray[np.int64], time_ns: NDArray[np.int64]) -> Found:
        offsets = offsets_of(slot)
        devices = slot[offsets[:-1]]
        self._newest_ns[devices] = time_ns[offsets[1:] - 1]
        ended = rhythm.fold(self._rhythms, devices, offsets, time_ns, FLOOR_NS)
        found = Found(
            [
                self._silence(self._fleet.names[where], start_ns, end_ns, expected_ns, beyond)
                for where, start_ns, end_ns, expected_ns, beyond in zip(
                    *(column.tolist() for column in (ended.slot, ended.start_ns, ended.end_ns)),
                    *(column.tolist() for column in (ended.expected_ns, ended.score)),
                    strict=True,
                )
            ]
        )
        told = {anomaly.id for anomaly in found.changed}
        for device in (self._fleet.names[number] for number in devices.tolist()):
            standing = self._open.pop(device, None)
            if standing is not None and standing.id not in told:
                # Its readings came late, but they are all here: it was the way that was silent.
                found.retracted.append(standing.id)
        return found

    def _silence(
        self, device: str, start_ns: int, end_ns: int | None, expected_ns: int, beyond: float = 1.0
    ) -> Anomaly:
        usual = f"it usually speaks every {lasting(expected_ns)}"
        name = spoken(self._source, device)
        since = clock(start_ns, self._where)
        anomaly = Anomaly(
            id=identity("silence", device, start_ns),
            device=device,
            quantity="",
            channel="",
            kind="silence",
            start_ns=start_ns,
            end_ns=end_ns,
            score=round(1 - 0.5 / beyond, 4),
            value=None,
            expected=expected_ns / SECOND_NS,
            detector="silence@1",
            text=f"{name} is silent since {since}; {usual}.",
        )
        if end_ns is None:
            return anomaly
        text = f"{name} was silent for {lasting(end_ns - start_ns)} from {since}; {usual}."
        return replace(anomaly, value=(end_ns - start_ns) / SECOND_NS, text=text)

    def _grow(self) -> None:
        have = len(self._rhythms)
        if len(self._fleet) <= have:
            return
        slots = max(64, 2 * have, len(self._fleet))
        never = np.full(slots - have, NEVER_NS)
        self._rhythms = self._rhythms.grown(slots)
        self._newest_ns = np.concatenate([self._newest_ns, never])
        self._heard_ns = np.concatenate([self._heard_ns, never])


def _arrivals(slot: NDArray[np.int64], rows: Rows) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the newest time of each message of each slot, distinct, by (slot, time).

    A message that brings the hours before it is one arrival: that another one like it is lost must
    not look like hours of silence.
    """
    order = np.lexsort((rows.time_ns, rows.received_ns, slot))
    slot, time_ns, received_ns = slot[order], rows.time_ns[order], rows.received_ns[order]
    last = np.ones(len(slot), dtype=bool)
    last[:-1] = (np.diff(slot) != 0) | (np.diff(received_ns) != 0)
    slot, time_ns = slot[last], time_ns[last]
    order = np.lexsort((time_ns, slot))
    slot, time_ns = slot[order], time_ns[order]
    first = np.ones(len(slot), dtype=bool)
    first[1:] = (np.diff(slot) != 0) | (np.diff(time_ns) != 0)
    return slot[first], time_ns[first]
